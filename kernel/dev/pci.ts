/**
 * PCI: configuration space, devices, BARs, capabilities, MSI-X and MSI.
 *
 *     pciPresent()                       whether there is a host bridge that answers
 *     pciEnumerate(found)                calls `found` for every function, bridges' buses included
 *     pciRead8/16/32, pciWrite16/32      configuration space of a function
 *     pciBarAddress, pciBarSize, pciMapBar
 *     pciCapability(device, id, after)   offset of the next capability of that id; 0: no more
 *     pciEnable(device)                  memory and bus master on, INTx off
 *     msixEnable(device) → entries;  msixRoute(device, entry, vector);  msiEnable(device, vector)
 *
 * Access is by ports 0xcf8 and 0xcfc, which every machine has: two exits each, and no need to read
 * an ACPI table at boot. `pciUseMcfg` switches to memory-mapped access, for what lies above offset
 * 255. BARs are where the firmware put them. Thread context: the port pair is shared state, and
 * threads are not preempted inside the kernel; with more CPUs a mutex goes around it.
 */
import { in32, load8, load16, load64, out32, volatileLoad32, volatileStore32 } from "../arch/hw";
import { acpiTable, acpiTableLength, SIGNATURE_MCFG } from "../arch/x86_64/acpi";
import { msiAddress, msiData } from "../arch/x86_64/interrupts";
import { localApicId } from "../arch/x86_64/ioapic";
import { mapDevice } from "../arch/x86_64/paging";
import * as regs from "./pci-regs";

const CONFIG_ADDRESS: u32 = 0xcf8;
const CONFIG_DATA: u32 = 0xcfc;
const CONFIG_ENABLE: u32 = 1 << 31;
const NO_DEVICE: u32 = 0xffff;
const SLOTS: u32 = 32;
const FUNCTIONS: u32 = 8;
const BARS: u32 = 6;
/** A list of capabilities that is longer goes in circles: 256 bytes hold 48 of the smallest. */
export const CAPABILITIES_MAX = 48;
const BUSES_MAX: u32 = 256;

// MCFG: entries of base u64, segment u16, first bus u8, last bus u8, reserved u32.
const MCFG_ENTRIES: u64 = 44;
const MCFG_ENTRY_SIZE: u64 = 16;
/** Memory-mapped configuration space of one bus: 256 functions, 4 KiB each. */
const BUS_SIZE: u64 = 1 << 20;

/**
 * Physical base of the memory-mapped configuration space; 0: ports are used. And where each bus is
 * mapped.
 */
let ecamBase: u64 = 0;
let ecamFirstBus: u32 = 0;
let ecamLastBus: u32 = 0;
let mapBus: (at: u64) => u64 = (at: u64) => at;
const buses: usize = memory.data(256 * 8, 8);

/** One function. Made by the enumeration; a driver that takes the device keeps it. */
@unmanaged
export class PciDevice {
  /** bus << 8 | slot << 3 | function */
  address: u32;
  vendor: u32;
  device: u32;
  /** class << 16 | subclass << 8 | interface */
  classCode: u32;
  /** Virtual address of the MSI-X table, once enabled. */
  msixTable: u64;
}

/**
 * Configuration space of buses [firstBus, lastBus] is in memory from now on; `map` gives the
 * address of a bus.
 */
export function pciUseEcam(base: u64, firstBus: u32, lastBus: u32, map: (at: u64) => u64): void {
  ecamBase = base;
  ecamFirstBus = firstBus;
  ecamLastBus = min(lastBus, BUSES_MAX - 1);
  mapBus = map;
  memory.fill(buses, 0, (<usize>BUSES_MAX) << 3);
}

/** As ACPI's MCFG says (PCI Firmware 3.3, 4.1.2); false when it says nothing about segment 0. */
export function pciUseMcfg(): bool {
  const table = acpiTable(SIGNATURE_MCFG);
  if (table == 0) return false;
  const end = table + acpiTableLength(table);
  for (let at = table + MCFG_ENTRIES; at + MCFG_ENTRY_SIZE <= end; at += MCFG_ENTRY_SIZE) {
    const base = load64(at);
    if (base == 0 || load16(at + 8) != 0) continue;
    pciUseEcam(base, load8(at + 10), load8(at + 11), (bus: u64) => mapDevice(bus, BUS_SIZE));
    return true;
  }
  return false;
}

/**
 * Address of a word in memory-mapped configuration space, whose buses are mapped as they are
 * needed; 0: there is none.
 */
function ecamAddress(address: u32, offset: u32): u64 {
  const bus = address >> 8;
  if (bus < ecamFirstBus || bus > ecamLastBus) return 0;
  const slot = buses + ((<usize>bus) << 3);
  let mapped = load<u64>(slot);
  if (mapped == 0) {
    mapped = mapBus(ecamBase + <u64>(bus - ecamFirstBus) * BUS_SIZE);
    if (mapped == 0) return 0;
    store<u64>(slot, mapped);
  }
  return mapped + ((<u64>(address & 0xff)) << 12) + (offset & ~3);
}

function configRead(address: u32, offset: u32): u32 {
  if (ecamBase != 0) {
    const at = ecamAddress(address, offset);
    return at != 0 ? volatileLoad32(at) : u32.MAX_VALUE;
  }
  out32(CONFIG_ADDRESS, CONFIG_ENABLE | (address << 8) | (offset & 0xfc));
  return in32(CONFIG_DATA);
}

function configWrite(address: u32, offset: u32, value: u32): void {
  if (ecamBase != 0) {
    const at = ecamAddress(address, offset);
    if (at != 0) volatileStore32(at, value);
    return;
  }
  out32(CONFIG_ADDRESS, CONFIG_ENABLE | (address << 8) | (offset & 0xfc));
  out32(CONFIG_DATA, value);
}

export function pciRead32(device: PciDevice, offset: u32): u32 {
  return configRead(device.address, offset);
}

export function pciRead16(device: PciDevice, offset: u32): u32 {
  return (configRead(device.address, offset) >> ((offset & 2) << 3)) & 0xffff;
}

export function pciRead8(device: PciDevice, offset: u32): u32 {
  return (configRead(device.address, offset) >> ((offset & 3) << 3)) & 0xff;
}

export function pciWrite32(device: PciDevice, offset: u32, value: u32): void {
  configWrite(device.address, offset, value);
}

/**
 * Writes half a word. The other half is written as it was read: not for a neighbour whose bits are
 * cleared by ones.
 */
export function pciWrite16(device: PciDevice, offset: u32, value: u32): void {
  const shift = (offset & 2) << 3;
  const old = configRead(device.address, offset);
  configWrite(device.address, offset, (old & ~(0xffff << shift)) | (value << shift));
}

/** Whether a host bridge answers at all. */
export function pciPresent(): bool {
  return (configRead(0, regs.PCI_VENDOR_ID) & 0xffff) != NO_DEVICE;
}

/**
 * Calls `found` for each function of all buses that are reached from bus 0. The object is `found`'s
 * to free or keep.
 */
export function pciEnumerate(found: (device: PciDevice) => void): void {
  scanBus(0, found, 0);
}

function scanBus(bus: u32, found: (device: PciDevice) => void, depth: u32): void {
  for (let slot: u32 = 0; slot < SLOTS; slot++) {
    const first = (bus << 8) | (slot << 3);
    const id = configRead(first, regs.PCI_VENDOR_ID);
    if ((id & 0xffff) == NO_DEVICE) continue;
    const type = (configRead(first, 0x0c) >> 16) & 0xff;
    const functions = (type & regs.PCI_HEADER_MULTIFUNCTION) != 0 ? FUNCTIONS : 1;
    for (let i: u32 = 0; i < functions; i++) scanFunction(first | i, found, depth);
  }
}

function scanFunction(address: u32, found: (device: PciDevice) => void, depth: u32): void {
  const id = configRead(address, regs.PCI_VENDOR_ID);
  if ((id & 0xffff) == NO_DEVICE) return;
  const device = new PciDevice();
  device.address = address;
  device.vendor = id & 0xffff;
  device.device = id >> 16;
  device.classCode = configRead(address, regs.PCI_CLASS_REVISION) >> 8;
  device.msixTable = 0;
  const type = pciRead8(device, regs.PCI_HEADER_TYPE) & ~regs.PCI_HEADER_MULTIFUNCTION;
  const secondary = type == regs.PCI_HEADER_BRIDGE ? pciRead8(device, regs.PCI_SECONDARY_BUS) : 0;
  const bus = address >> 8;
  found(device);
  // Buses are numbered downwards by the firmware; a bridge that points back would lead in circles.
  if (secondary > bus && secondary < BUSES_MAX && depth < BUSES_MAX) {
    scanBus(secondary, found, depth + 1);
  }
}

function isWide(bar: u32): bool {
  return (bar & (regs.PCI_BAR_IO | regs.PCI_BAR_TYPE_MASK)) == regs.PCI_BAR_TYPE_64;
}

/** Physical address of memory BAR `index`; 0 when it is none, or has none. */
export function pciBarAddress(device: PciDevice, index: u32): u64 {
  if (index >= BARS) return 0;
  const low = pciRead32(device, regs.PCI_BAR0 + index * 4);
  if ((low & regs.PCI_BAR_IO) != 0) return 0;
  let address = <u64>(low & ~15);
  if (isWide(low)) {
    if (index + 1 >= BARS) return 0;
    address |= (<u64>pciRead32(device, regs.PCI_BAR0 + index * 4 + 4)) << 32;
  }
  return address;
}

/** Bytes that memory BAR `index` decodes; 0 when there is none. Decoding is off meanwhile. */
export function pciBarSize(device: PciDevice, index: u32): u64 {
  if (index >= BARS) return 0;
  const offset = regs.PCI_BAR0 + index * 4;
  const low = pciRead32(device, offset);
  if ((low & regs.PCI_BAR_IO) != 0) return 0;
  const isPair = isWide(low) && index + 1 < BARS;
  const high = isPair ? pciRead32(device, offset + 4) : 0;
  const command = pciRead16(device, regs.PCI_COMMAND);
  pciWrite16(device, regs.PCI_COMMAND, command & ~(regs.PCI_COMMAND_MEMORY | regs.PCI_COMMAND_IO));
  pciWrite32(device, offset, u32.MAX_VALUE);
  let mask = <u64>(pciRead32(device, offset) & ~15);
  if (isPair) {
    pciWrite32(device, offset + 4, u32.MAX_VALUE);
    mask |= (<u64>pciRead32(device, offset + 4)) << 32;
    pciWrite32(device, offset + 4, high);
  } else if (mask != 0) {
    mask |= 0xffff_ffff_0000_0000;
  }
  pciWrite32(device, offset, low);
  pciWrite16(device, regs.PCI_COMMAND, command);
  return mask == 0 ? 0 : ~mask + 1;
}

/** Maps a part of a BAR; 0 when there is no such BAR, or no such place. */
export function pciMapBar(device: PciDevice, index: u32, offset: u64, bytes: u64): u64 {
  const base = pciBarAddress(device, index);
  return base == 0 || base + offset < base ? 0 : mapDevice(base + offset, bytes);
}

/**
 * Offset of the first capability `id` behind the one at `after` (0: of all); 0 when there is none.
 */
export function pciCapability(device: PciDevice, id: u32, after: u32): u32 {
  let at: u32;
  if (after != 0) {
    at = pciRead8(device, after + 1);
  } else {
    if ((pciRead16(device, regs.PCI_STATUS) & regs.PCI_STATUS_CAPABILITIES) == 0) return 0;
    at = pciRead8(device, regs.PCI_CAPABILITIES);
  }
  for (let i = 0; i < CAPABILITIES_MAX; i++) {
    at &= 0xfc;
    if (at < 0x40) return 0; // the end, or an offset into the header
    const header = pciRead32(device, at);
    if ((header & 0xff) == id) return at;
    at = (header >> 8) & 0xff;
  }
  return 0;
}

/** Lets the device decode its memory and access ours; its interrupts come as messages. */
export function pciEnable(device: PciDevice): void {
  const on = regs.PCI_COMMAND_MEMORY | regs.PCI_COMMAND_MASTER | regs.PCI_COMMAND_INTX_DISABLE;
  pciWrite16(device, regs.PCI_COMMAND, pciRead16(device, regs.PCI_COMMAND) | on);
}

/**
 * Switches MSI-X on, its entries masked as after reset. Returns how many there are, 0 when it has
 * none.
 */
export function msixEnable(device: PciDevice): u32 {
  const capability = pciCapability(device, regs.PCI_CAP_MSIX, 0);
  if (capability == 0) return 0;
  const control = pciRead16(device, capability + regs.PCI_MSIX_CONTROL);
  const count = (control & regs.PCI_MSIX_CONTROL_SIZE) + 1;
  if (device.msixTable == 0) {
    const table = pciRead32(device, capability + regs.PCI_MSIX_TABLE);
    const bytes = <u64>count * regs.PCI_MSIX_ENTRY_SIZE;
    device.msixTable = pciMapBar(device, table & 7, <u64>(table & ~7), bytes);
    if (device.msixTable == 0) return 0;
  }
  const enabled = (control & ~regs.PCI_MSIX_CONTROL_MASK) | regs.PCI_MSIX_CONTROL_ENABLE;
  pciWrite16(device, capability + regs.PCI_MSIX_CONTROL, enabled);
  return count;
}

/** Lets entry `index` of the enabled MSI-X table raise `vector` on this CPU. */
export function msixRoute(device: PciDevice, index: u32, vector: u32): void {
  const entry = device.msixTable + <u64>index * regs.PCI_MSIX_ENTRY_SIZE;
  const address = msiAddress(localApicId());
  volatileStore32(entry, <u32>address);
  volatileStore32(entry + 4, <u32>(address >> 32));
  volatileStore32(entry + regs.PCI_MSIX_ENTRY_DATA, msiData(vector));
  volatileStore32(entry + regs.PCI_MSIX_ENTRY_CONTROL, 0);
}

/** Lets the device raise one message, `vector` on this CPU. False when it has no MSI. */
export function msiEnable(device: PciDevice, vector: u32): bool {
  const capability = pciCapability(device, regs.PCI_CAP_MSI, 0);
  if (capability == 0) return false;
  const control = pciRead16(device, capability + regs.PCI_MSI_CONTROL);
  const address = msiAddress(localApicId());
  pciWrite32(device, capability + regs.PCI_MSI_ADDRESS, <u32>address);
  let data = capability + regs.PCI_MSI_ADDRESS + 4;
  if ((control & regs.PCI_MSI_CONTROL_64) != 0) {
    pciWrite32(device, data, <u32>(address >> 32));
    data += 4;
  }
  pciWrite16(device, data, msiData(vector));
  const enabled = (control & ~regs.PCI_MSI_CONTROL_MULTIPLE) | regs.PCI_MSI_CONTROL_ENABLE;
  pciWrite16(device, capability + regs.PCI_MSI_CONTROL, enabled);
  return true;
}
