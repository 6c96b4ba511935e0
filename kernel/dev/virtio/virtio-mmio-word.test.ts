import { expect, expectEqual, test } from "../../lib/testing";
import { mmioWordBase, mmioWordIrq, parseMmioWord } from "./virtio-mmio-word";

test("virtio_mmio words: QEMU's and Firecracker's forms", () => {
  expect(parseMmioWord("virtio_mmio.device=512@0xfeb00e00:12"), "QEMU's");
  expectEqual(mmioWordBase, 0xfeb00e00, "base");
  expectEqual(mmioWordIrq, 12, "irq");
  expect(parseMmioWord("virtio_mmio.device=4K@0xd0000000:5"), "Firecracker's");
  expectEqual(mmioWordBase, 0xd0000000, "base");
  expectEqual(mmioWordIrq, 5, "irq");
  expect(
    parseMmioWord("virtio_mmio.device=0x200@4294967296:255:3"),
    "decimal base above 4 GiB, with id",
  );
  expectEqual(mmioWordBase, 0x100000000, "base");
  expectEqual(mmioWordIrq, 255, "irq");
});

test("virtio_mmio words: malformed ones are refused and leave the last result alone", () => {
  expect(parseMmioWord("virtio_mmio.device=512@0xfeb00e00:12"), "a good one");
  expect(!parseMmioWord("virtio_mmio.device="), "nothing");
  expect(!parseMmioWord("virtio_mmio.device=512"), "no base");
  expect(!parseMmioWord("virtio_mmio.device=512@"), "empty base");
  expect(!parseMmioWord("virtio_mmio.device=512@0x:1"), "no digits");
  expect(!parseMmioWord("virtio_mmio.device=512@0xfeb00e00"), "no irq");
  expect(!parseMmioWord("virtio_mmio.device=512@0xfeb00e00:"), "empty irq");
  expect(!parseMmioWord("virtio_mmio.device=512@0xfeb00e00:256"), "irq too large");
  expect(!parseMmioWord("virtio_mmio.device=512@0xfeb00e00:5x"), "a tail");
  expect(!parseMmioWord("virtio_mmio.device=512@0xfeb00e00:5:"), "empty id");
  expect(!parseMmioWord("virtio_mmio.device=512@0x10000000000000000:5"), "base overflows");
  expect(!parseMmioWord("virtio_mmio.devicd=512@0xfeb00e00:5"), "another word");
  expectEqual(mmioWordBase, 0xfeb00e00, "base");
});
