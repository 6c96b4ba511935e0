/**
 * The I/O APIC: which pin raises which vector (Intel 82093AA data sheet, 3.2).
 *
 *     ioapicInit()                                     masks the 8259, which the firmware may have left open
 *     ioapicAdd, ioapicOverride                        from ACPI's MADT, where there is one (acpi.ts)
 *     ioapicRoute(gsi, vector, mode)                   global system interrupt → vector, unmasked
 *     ioapicRouteIsa(irq, vector)                      an ISA interrupt, with its override applied
 *     ioapicMask(gsi)
 *
 * Without a MADT there is one I/O APIC at 0xfec00000 that begins with GSI 0, and ISA interrupts are
 * the pins of the same number: so it is on QEMU's microvm and on Firecracker. All routes go to the
 * boot CPU. Thread context.
 */

import { cpuid, out8, volatileLoad32, volatileStore32 } from "../hw";
import { mapDevice } from "./paging";

const PIC1_DATA: u32 = 0x21;
const PIC2_DATA: u32 = 0xa1;

const DEFAULT_ADDRESS: u64 = 0xfec00000;
const REGISTER_SELECT: u64 = 0x00;
const WINDOW: u64 = 0x10;
const REGISTER_VERSION: u32 = 0x01;
const REGISTER_REDIRECTION: u32 = 0x10;

// Low half of a redirection entry.
export const IOAPIC_EDGE: u32 = 0;
export const IOAPIC_LEVEL: u32 = 1 << 15;
export const IOAPIC_ACTIVE_LOW: u32 = 1 << 13;
const MASKED: u32 = 1 << 16;

// MADT, interrupt source override flags (ACPI 6.5, 5.2.12.5: MPS INTI flags).
const POLARITY_MASK: u32 = 3;
const POLARITY_LOW: u32 = 3;
const TRIGGER_MASK: u32 = 3 << 2;
const TRIGGER_LEVEL: u32 = 3 << 2;

const IOAPICS_MAX = 8;
const ISA_COUNT: u32 = 16;

@unmanaged
class IoApic {
  physical: u64;
  /** Virtual address of the registers; 0 until the first use. */
  registers: u64;
  firstGsi: u32;
  pinCount: u32;
}
if (offsetof<IoApic>() != 24) ERROR("the size of an IoApic is used below");

const ioapics: usize = memory.data(8 * 24, 8);
let ioapicCount = 0;
/** Per ISA interrupt: GSI + 1 and mode of its override; 0: none. */
const overrides: usize = memory.data(16 * 8, 4);

function ioapicAt(index: i32): IoApic {
  return changetype<IoApic>(ioapics + <usize>index * offsetof<IoApic>());
}

/** Masks all pins of the two 8259: whatever they raise would look like an exception. */
export function ioapicInit(): void {
  out8(PIC1_DATA, 0xff);
  out8(PIC2_DATA, 0xff);
}

export function ioapicAdd(physical: u64, firstGsi: u32): void {
  if (ioapicCount == IOAPICS_MAX) return;
  const ioapic = ioapicAt(ioapicCount++);
  ioapic.physical = physical;
  ioapic.registers = 0;
  ioapic.firstGsi = firstGsi;
}

/** ISA interrupt `irq` is wired to `gsi`; `flags` as the MADT has them. */
export function ioapicOverride(irq: u32, gsi: u32, flags: u32): void {
  if (irq >= ISA_COUNT) return;
  const entry = overrides + ((<usize>irq) << 3);
  let mode = IOAPIC_EDGE;
  if ((flags & TRIGGER_MASK) == TRIGGER_LEVEL) mode |= IOAPIC_LEVEL;
  if ((flags & POLARITY_MASK) == POLARITY_LOW) mode |= IOAPIC_ACTIVE_LOW;
  store<u32>(entry, gsi + 1);
  store<u32>(entry, mode, 4);
}

/** GSI that an ISA interrupt arrives at. */
export function isaGsi(irq: u32): u32 {
  const gsi = irq < ISA_COUNT ? load<u32>(overrides + ((<usize>irq) << 3)) : 0;
  return gsi != 0 ? gsi - 1 : irq;
}

/** IOAPIC_* of an ISA interrupt: edge and active high unless overridden. */
export function isaMode(irq: u32): u32 {
  return irq < ISA_COUNT ? load<u32>(overrides + ((<usize>irq) << 3), 4) : IOAPIC_EDGE;
}

function readRegister(ioapic: IoApic, register: u32): u32 {
  volatileStore32(ioapic.registers + REGISTER_SELECT, register);
  return volatileLoad32(ioapic.registers + WINDOW);
}

function writeRegister(ioapic: IoApic, register: u32, value: u32): void {
  volatileStore32(ioapic.registers + REGISTER_SELECT, register);
  volatileStore32(ioapic.registers + WINDOW, value);
}

/** The I/O APIC that has the pin of a GSI, mapped; null when there is none. */
function ioapicOf(gsi: u32): IoApic | null {
  if (ioapicCount == 0) ioapicAdd(DEFAULT_ADDRESS, 0);
  for (let i = 0; i < ioapicCount; i++) {
    const ioapic = ioapicAt(i);
    if (ioapic.registers == 0) {
      ioapic.registers = mapDevice(ioapic.physical, 0x20);
      if (ioapic.registers == 0) continue;
      ioapic.pinCount = ((readRegister(ioapic, REGISTER_VERSION) >> 16) & 0xff) + 1;
    }
    if (gsi - ioapic.firstGsi < ioapic.pinCount) return ioapic;
  }
  return null;
}

const cpuidOut: usize = memory.data(16, 4);

/** The id of this CPU's local APIC. */
export function localApicId(): u32 {
  cpuid(1, 0, cpuidOut);
  return load<u32>(cpuidOut, 4) >> 24;
}

/**
 * Lets a GSI raise `vector` on this CPU; `mode` is of IOAPIC_*. False when no I/O APIC has that
 * pin.
 */
export function ioapicRoute(gsi: u32, vector: u32, mode: u32): bool {
  const ioapic = ioapicOf(gsi);
  if (!ioapic) return false;
  const register = REGISTER_REDIRECTION + (gsi - ioapic.firstGsi) * 2;
  writeRegister(ioapic, register + 1, localApicId() << 24);
  writeRegister(ioapic, register, mode | vector);
  return true;
}

/** As `ioapicRoute`, for an ISA interrupt. */
export function ioapicRouteIsa(irq: u32, vector: u32): bool {
  return ioapicRoute(isaGsi(irq), vector, isaMode(irq));
}

export function ioapicMask(gsi: u32): void {
  const ioapic = ioapicOf(gsi);
  if (ioapic) writeRegister(ioapic, REGISTER_REDIRECTION + (gsi - ioapic.firstGsi) * 2, MASKED);
}
