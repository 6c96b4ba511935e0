/**
 * The machine's end: power off and reset. Neither returns.
 *
 *     powerOff()      ACPI: sleep state S5; without ACPI: a reset, which ends QEMU (-no-reboot) and Firecracker
 *     setBeforePowerOff(finish)      what has to be done first: output that waits
 *     reboot()        ACPI reset register, keyboard controller, chip set, triple fault: whichever works first
 *
 * S5 needs a number that only the firmware's code knows: the package \_S5 in the DSDT. It is a
 * constant, so it is found by its bytes, without an AML interpreter (ACPI 6.5, 7.4.2 and 20.2.5).
 */
import {
  addressOf,
  disableInterrupts,
  halt,
  in8,
  load8,
  load32,
  load64,
  loadIdt,
  out8,
  out16,
  volatileLoad8,
  volatileStore8,
} from "../hw";
import {
  ACPI_HEADER_SIZE,
  acpiDsdt,
  acpiField32,
  acpiTable,
  acpiTableLength,
  SIGNATURE_FADT,
} from "./acpi";
import { mapDevice } from "./paging";

// FADT, section 5.2.9; offsets in the table.
const FADT_SMI_COMMAND: u64 = 48;
const FADT_ACPI_ENABLE: u64 = 52;
const FADT_PM1A_CONTROL: u64 = 64;
const FADT_PM1B_CONTROL: u64 = 68;
const FADT_FLAGS: u64 = 112;
const FADT_RESET_REGISTER: u64 = 116; // generic address, 12 bytes
const FADT_RESET_VALUE: u64 = 128;
const FADT_SLEEP_CONTROL: u64 = 244; // generic address, 12 bytes
const FADT_FLAG_RESET: u32 = 1 << 10;
const FADT_FLAG_HW_REDUCED: u32 = 1 << 20;

// Generic address structure, section 5.2.3.2: space u8, bit width u8, bit offset u8, access size
// u8, address u64.
const SPACE_MEMORY: u32 = 0;
const SPACE_IO: u32 = 1;

// PM1 control, section 4.8.3.2.1; sleep control of hardware-reduced machines, section 4.8.3.7.
const PM1_SCI_ENABLE: u32 = 1;
const PM1_SLEEP_TYPE_SHIFT: u32 = 10;
const PM1_SLEEP_ENABLE: u32 = 1 << 13;
const SLEEP_CONTROL_TYPE_SHIFT: u32 = 2;
const SLEEP_CONTROL_ENABLE: u32 = 1 << 5;

// AML, section 20.2.
const AML_BYTE_PREFIX: u32 = 0x0a;
const AML_NAME_OP: u32 = 0x08;
const AML_PACKAGE_OP: u32 = 0x12;
const AML_ROOT_CHARACTER: u32 = 0x5c;
const NAME_S5: u32 = 0x5f35535f; // "_S5_"

const KEYBOARD_COMMAND: u32 = 0x64;
const KEYBOARD_RESET: u32 = 0xfe;
const KEYBOARD_INPUT_FULL: u32 = 2;
const RESET_CONTROL: u32 = 0xcf9;
const RESET_CONTROL_SYSTEM: u32 = 0x02;
const RESET_CONTROL_CPU: u32 = 0x04;

let finish: () => void = () => {};

/** `finish` is called before the machine ends; it must not sleep. */
export function setBeforePowerOff(handler: () => void): void {
  finish = handler;
}

/** The sleep types of the package found last. */
let sleepTypeA: u32 = 0;
let sleepTypeB: u32 = 0;

/** Reads an AML integer of one byte at `at`; 0x100 when it is none. */
function amlByte(at: u64, end: u64): u32 {
  if (at >= end) return 0x100;
  const op = load8(at);
  if (op <= 1) return op; // ZeroOp, OneOp
  return op == AML_BYTE_PREFIX && at + 1 < end ? load8(at + 1) : 0x100;
}

/** Looks for Name(\_S5, Package(){a, b, …}) in [from, end), and sets `sleepTypeA` and `B`. */
export function findSleepTypes(from: u64, end: u64): bool {
  for (let at = from + 1; at + 4 < end; at++) {
    if (load32(at) != NAME_S5) continue;
    const before = load8(at - 1);
    const isName =
      before == AML_NAME_OP ||
      (before == AML_ROOT_CHARACTER && at - 2 >= from && load8(at - 2) == AML_NAME_OP);
    if (!isName || load8(at + 4) != AML_PACKAGE_OP || at + 5 >= end) continue;
    // The package length has 1 to 4 bytes, the first one says how many; then the number of
    // elements.
    const lengthBytes = 1 + (<u64>load8(at + 5) >> 6);
    const first = at + 5 + lengthBytes + 1;
    const a = amlByte(first, end);
    if (a > 0xff) continue;
    const b = amlByte(first + (load8(first) == AML_BYTE_PREFIX ? 2 : 1), end);
    sleepTypeA = a & 7;
    sleepTypeB = (b > 0xff ? a : b) & 7;
    return true;
  }
  return false;
}

export function sleepTypeOfS5(): u32 {
  return sleepTypeA;
}

/** Writes a byte to a register that a generic address structure names. */
function writeGeneric(structure: u64, value: u32): void {
  const space = load8(structure);
  const address = load64(structure + 4);
  if (address == 0) return;
  if (space == SPACE_IO) out8(<u32>address & 0xffff, value);
  if (space != SPACE_MEMORY) return;
  const register = mapDevice(address, 1);
  if (register != 0) volatileStore8(register, value);
}

function acpiPowerOff(): void {
  const fadt = acpiTable(SIGNATURE_FADT);
  if (fadt == 0) return;
  const dsdt = acpiDsdt();
  const hasTypes =
    dsdt != 0 && findSleepTypes(dsdt + ACPI_HEADER_SIZE, dsdt + acpiTableLength(dsdt));
  if ((acpiField32(fadt, FADT_FLAGS) & FADT_FLAG_HW_REDUCED) != 0) {
    if (FADT_SLEEP_CONTROL + 12 > acpiTableLength(fadt) || !hasTypes) return;
    const value = (sleepTypeA << SLEEP_CONTROL_TYPE_SHIFT) | SLEEP_CONTROL_ENABLE;
    writeGeneric(fadt + FADT_SLEEP_CONTROL, value);
    return;
  }
  const controlA = acpiField32(fadt, FADT_PM1A_CONTROL) & 0xffff;
  const controlB = acpiField32(fadt, FADT_PM1B_CONTROL) & 0xffff;
  if (controlA == 0 || !hasTypes) return;
  const command = acpiField32(fadt, FADT_SMI_COMMAND) & 0xffff;
  const enable = acpiField32(fadt, FADT_ACPI_ENABLE) & 0xff;
  // The firmware may still own the power management; taking it over is a write to its SMI port.
  if (command != 0 && enable != 0 && (in8(controlA) & PM1_SCI_ENABLE) == 0) out8(command, enable);
  out16(controlA, (sleepTypeA << PM1_SLEEP_TYPE_SHIFT) | PM1_SLEEP_ENABLE);
  if (controlB != 0) out16(controlB, (sleepTypeB << PM1_SLEEP_TYPE_SHIFT) | PM1_SLEEP_ENABLE);
}

function acpiReset(): void {
  const fadt = acpiTable(SIGNATURE_FADT);
  if (fadt == 0 || FADT_RESET_VALUE + 1 > acpiTableLength(fadt)) return;
  if ((acpiField32(fadt, FADT_FLAGS) & FADT_FLAG_RESET) == 0) return;
  writeGeneric(fadt + FADT_RESET_REGISTER, load8(fadt + FADT_RESET_VALUE));
}

const emptyIdt: usize = memory.data(16, 8);
/** No canonical address: the access is an exception wherever memory is. */
const NOWHERE: u64 = 0x8000_0000_0000_0000;

/**
 * With no interrupt table, the first exception can't be delivered, nor the double fault it becomes.
 */
function tripleFault(): void {
  loadIdt(addressOf(emptyIdt));
  volatileLoad8(NOWHERE);
}

/** Ways to a reset without ACPI, the most civil first. */
function resetByHardware(): void {
  // QEMU's i8042 and Firecracker's, which ends there. A port that is not there reads 0xff: no use
  // waiting for it.
  for (let i = 0; i < 1000 && (in8(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL) != 0; i++) {}
  out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
  out8(RESET_CONTROL, RESET_CONTROL_SYSTEM);
  out8(RESET_CONTROL, RESET_CONTROL_SYSTEM | RESET_CONTROL_CPU);
  tripleFault();
}

export function powerOff(): void {
  disableInterrupts();
  finish();
  acpiPowerOff();
  resetByHardware();
  for (;;) halt();
}

export function reboot(): void {
  disableInterrupts();
  finish();
  acpiReset();
  resetByHardware();
  for (;;) halt();
}
