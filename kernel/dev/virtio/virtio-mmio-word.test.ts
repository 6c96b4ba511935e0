import { addressOf } from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { mmioWordBase, mmioWordIrq, parseMmioWord } from "./virtio-mmio-word";

const buffer: usize = memory.data(256);

function parse(text: string): bool {
  for (let i = 0; i < text.length; i++) store<u8>(buffer + <usize>i, <u8>text.charCodeAt(i));
  return parseMmioWord(addressOf(buffer), text.length);
}

test("virtio_mmio words: QEMU's and Firecracker's forms", () => {
  expect(parse("virtio_mmio.device=512@0xfeb00e00:12"), "QEMU's");
  expectEqual(mmioWordBase, 0xfeb00e00, "base");
  expectEqual(mmioWordIrq, 12, "irq");
  expect(parse("virtio_mmio.device=4K@0xd0000000:5"), "Firecracker's");
  expectEqual(mmioWordBase, 0xd0000000, "base");
  expectEqual(mmioWordIrq, 5, "irq");
  expect(parse("virtio_mmio.device=0x200@4294967296:255:3"), "decimal base above 4 GiB, with id");
  expectEqual(mmioWordBase, 0x100000000, "base");
  expectEqual(mmioWordIrq, 255, "irq");
});

test("virtio_mmio words: malformed ones are refused and leave the last result alone", () => {
  expect(parse("virtio_mmio.device=512@0xfeb00e00:12"), "a good one");
  expect(!parse("virtio_mmio.device="), "nothing");
  expect(!parse("virtio_mmio.device=512"), "no base");
  expect(!parse("virtio_mmio.device=512@"), "empty base");
  expect(!parse("virtio_mmio.device=512@0x:1"), "no digits");
  expect(!parse("virtio_mmio.device=512@0xfeb00e00"), "no irq");
  expect(!parse("virtio_mmio.device=512@0xfeb00e00:"), "empty irq");
  expect(!parse("virtio_mmio.device=512@0xfeb00e00:256"), "irq too large");
  expect(!parse("virtio_mmio.device=512@0xfeb00e00:5x"), "a tail");
  expect(!parse("virtio_mmio.device=512@0xfeb00e00:5:"), "empty id");
  expect(!parse("virtio_mmio.device=512@0x10000000000000000:5"), "base overflows");
  expect(!parse("virtio_mmio.devicd=512@0xfeb00e00:5"), "another word");
  expectEqual(mmioWordBase, 0xfeb00e00, "base");
});
