import { load32, store8, store16, store32 } from "../arch/hw";
import { expectEqual, test } from "../lib/testing";
import { directMap } from "../mem/page-allocator";
import {
  PciDevice,
  pciBarAddress,
  pciCapability,
  pciEnumerate,
  pciRead16,
  pciUseEcam,
  pciWrite16,
} from "./pci";

/** Memory-mapped configuration space of buses 0 and 1 in fake memory. */
const ECAM: u64 = 0x1000000;
const BUSES: u32 = 2;

let foundCount = 0;
const found = new StaticArray<u32>(32);

function keep(device: PciDevice): void {
  found[foundCount++] = device.address;
}

/** Configuration space of a function. */
function space(address: u32): u64 {
  return directMap(ECAM) + ((<u64>address) << 12);
}

/** An empty machine. */
function machine(): void {
  for (let f: u32 = 0; f < BUSES << 8; f++) store32(space(f), 0xffffffff);
  pciUseEcam(ECAM, 0, BUSES - 1, (at: u64) => directMap(at));
  foundCount = 0;
}

function addFunction(address: u32, headerType: u32): PciDevice {
  store32(space(address), 0x1041_1af4);
  store32(space(address) + 8, 0x02000001);
  store8(space(address) + 0x0e, headerType);
  const device = new PciDevice();
  device.address = address;
  return device;
}

test("pci: functions of all buses are found, other functions only of devices that have several", () => {
  machine();
  addFunction(0x00, 0);
  addFunction(0x10, 0x80);
  addFunction(0x13, 0);
  addFunction(0x18, 0);
  addFunction(0x19, 0); // slot 3 has one function
  addFunction(0x20, 1);
  store8(space(0x20) + 0x19, 1);
  addFunction(0x108, 0);
  pciEnumerate(keep);
  expectEqual(foundCount, 6, "functions");
  expectEqual(found[0], 0x00, "in order");
  expectEqual(found[1], 0x10, "in order");
  expectEqual(found[2], 0x13, "in order");
  expectEqual(found[3], 0x18, "in order");
  expectEqual(found[4], 0x20, "the bridge");
  expectEqual(found[5], 0x108, "behind it");
});

test("pci: a bridge that leads back or nowhere ends the search", () => {
  machine();
  addFunction(0x20, 1);
  addFunction(0x28, 1);
  store8(space(0x20) + 0x19, 0);
  store8(space(0x28) + 0x19, 200);
  addFunction(0x108, 1);
  store8(space(0x108) + 0x19, 1);
  pciEnumerate(keep);
  expectEqual(foundCount, 2, "the two bridges");
});

test("pci: capabilities are walked in order; circles and wild offsets end", () => {
  machine();
  const device = addFunction(0x08, 0);
  const at = space(0x08);
  expectEqual(pciCapability(device, 9, 0), 0, "no list");
  store16(at + 6, 0x10);
  store8(at + 0x34, 0x42); // the low bits are reserved
  store16(at + 0x40, 0x5009);
  store16(at + 0x50, 0x6011);
  store16(at + 0x60, 0x0009);
  expectEqual(pciCapability(device, 9, 0), 0x40, "first");
  expectEqual(pciCapability(device, 9, 0x40), 0x60, "second");
  expectEqual(pciCapability(device, 9, 0x60), 0, "no third");
  expectEqual(pciCapability(device, 0x11, 0), 0x50, "another");
  store16(at + 0x60, 0x4009);
  expectEqual(pciCapability(device, 5, 0), 0, "a circle");
  store16(at + 0x60, 0x1009);
  expectEqual(pciCapability(device, 5, 0), 0, "into the header");
});

test("pci: BARs of 32 and 64 bits, and none", () => {
  machine();
  const device = addFunction(0x08, 0);
  const at = space(0x08);
  store32(at + 0x10, 0xc001); // ports
  store32(at + 0x14, 0xfebd0000);
  store32(at + 0x18, 0x0000000c); // 64 bits, prefetchable
  store32(at + 0x1c, 0x80);
  store32(at + 0x24, 0xfebf0004); // 64 bits, and no place for the upper half
  expectEqual(pciBarAddress(device, 0), 0, "ports");
  expectEqual(pciBarAddress(device, 1), 0xfebd0000, "32 bits");
  expectEqual(pciBarAddress(device, 2), 0x8000000000, "64 bits");
  expectEqual(pciBarAddress(device, 5), 0, "cut off");
  expectEqual(pciBarAddress(device, 6), 0, "no such BAR");
});

test("pci: halves of a word", () => {
  machine();
  const device = addFunction(0x08, 0);
  store32(space(0x08) + 0x40, 0x11112222);
  pciWrite16(device, 0x42, 0x3333);
  expectEqual(load32(space(0x08) + 0x40), 0x33332222, "the upper");
  pciWrite16(device, 0x40, 0x4444);
  expectEqual(load32(space(0x08) + 0x40), 0x33334444, "the lower");
  expectEqual(pciRead16(device, 0x42), 0x3333, "read");
});
