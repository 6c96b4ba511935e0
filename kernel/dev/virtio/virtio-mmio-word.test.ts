import { expect, expectEqual, test } from "../../lib/testing";
import { MmioWord } from "./virtio-mmio-word";

const word = new MmioWord();

test("virtio_mmio words: QEMU's and Firecracker's forms", () => {
  expect(word.parse("virtio_mmio.device=512@0xfeb00e00:12"), "QEMU's");
  expectEqual(word.base, 0xfeb00e00, "base");
  expectEqual(word.irq, 12, "irq");
  expect(word.parse("virtio_mmio.device=4K@0xd0000000:5"), "Firecracker's");
  expectEqual(word.base, 0xd0000000, "base");
  expectEqual(word.irq, 5, "irq");
  expect(
    word.parse("virtio_mmio.device=0x200@4294967296:255:3"),
    "decimal base above 4 GiB, with id",
  );
  expectEqual(word.base, 0x100000000, "base");
  expectEqual(word.irq, 255, "irq");
});

test("virtio_mmio words: malformed ones are refused and leave the last result alone", () => {
  expect(word.parse("virtio_mmio.device=512@0xfeb00e00:12"), "a good one");
  expect(!word.parse("virtio_mmio.device="), "nothing");
  expect(!word.parse("virtio_mmio.device=512"), "no base");
  expect(!word.parse("virtio_mmio.device=512@"), "empty base");
  expect(!word.parse("virtio_mmio.device=512@0x:1"), "no digits");
  expect(!word.parse("virtio_mmio.device=512@0xfeb00e00"), "no irq");
  expect(!word.parse("virtio_mmio.device=512@0xfeb00e00:"), "empty irq");
  expect(!word.parse("virtio_mmio.device=512@0xfeb00e00:256"), "irq too large");
  expect(!word.parse("virtio_mmio.device=512@0xfeb00e00:5x"), "a tail");
  expect(!word.parse("virtio_mmio.device=512@0xfeb00e00:5:"), "empty id");
  expect(!word.parse("virtio_mmio.device=512@0x10000000000000000:5"), "base overflows");
  expect(!word.parse("virtio_mmio.devicd=512@0xfeb00e00:5"), "another word");
  expectEqual(word.base, 0xfeb00e00, "base");
});
