import { store8, store16, store32 } from "../../arch/hw";
import { expect, test } from "../../lib/testing";
import { directMap } from "../../mem/page-allocator";
import { PciDevice, pciUseEcam } from "../pci";
import { pciProbe } from "./transport-pci";

/** Memory-mapped configuration space of bus 0 in fake memory. */
const ECAM: u64 = 0x1000000;
const SPACE: u64 = 0x1008000;

/** A modern network device in slot 1 without any capability. */
function device(): PciDevice {
  pciUseEcam(ECAM, 0, 0, (at: u64) => directMap(at));
  const space = directMap(SPACE);
  store32(space, 0x1041_1af4);
  store16(space + 6, 0x10);
  store8(space + 0x34, 0x40);
  const found = new PciDevice();
  found.address = 0x08;
  found.vendor = 0x1af4;
  found.device = 0x1041;
  return found;
}

/** A vendor capability at `at`, followed by the one at `next`. */
function capability(at: u64, next: u32, type: u32, bar: u32, offset: u32, length: u32): void {
  const to = directMap(SPACE) + at;
  store16(to, 9 | (next << 8));
  store8(to + 3, type);
  store8(to + 4, bar);
  store32(to + 8, offset);
  store32(to + 12, length);
}

test("virtio over PCI: capabilities that go in circles end, and the device is refused", () => {
  const found = device();
  capability(0x40, 0x40, 7, 0, 0, 0);
  expect(pciProbe(found) == null, "one that follows itself");
  capability(0x40, 0x60, 7, 0, 0, 0);
  capability(0x60, 0x40, 7, 0, 0, 0);
  expect(pciProbe(found) == null, "two that follow each other");
});

test("virtio over PCI: areas that are too small, too large or nowhere are none", () => {
  const found = device();
  capability(0x40, 0x60, 1, 0, 0, 8);
  capability(0x60, 0x80, 2, 9, 0, 0x1000);
  capability(0x80, 0, 4, 0, 0, 0xffffffff);
  expect(pciProbe(found) == null, "refused");
});
