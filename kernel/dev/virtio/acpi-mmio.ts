/**
 * The virtio-mmio devices that ACPI names: QEMU's microvm lists them in the DSDT and not on the
 * command line when it has ACPI.
 *
 * The table is AML, the code of an interpreter that we don't have. But a device with the id
 * LNRO0005 is followed by a resource template of constant bytes (ACPI 6.4, 6.4.3): Memory32Fixed
 * with its registers, Extended Interrupt with its interrupt. So it is enough to find the id and,
 * behind it and before the next one, these two descriptors.
 */
import { load8, load32 } from "../../arch/hw";
import { acpiDsdt, acpiTableLength } from "../../arch/x86_64/acpi";

/** "LNRO0005", as two words. */
const ID_LOW: u32 = 0x4f524e4c;
const ID_HIGH: u32 = 0x35303030;
const ID_SIZE: u64 = 8;
/** Memory32Fixed: tag, length 9, information, base, length. */
const MEMORY32_FIXED: u32 = 0x86;
const MEMORY32_LENGTH: u32 = 9;
const MEMORY32_BASE: u64 = 4;
const MEMORY32_SIZE: u64 = 12;
/** Extended Interrupt: tag, length 6, flags, count 1, number. */
const EXTENDED_INTERRUPT: u32 = 0x89;
const INTERRUPT_LENGTH: u32 = 6;
const INTERRUPT_NUMBER: u64 = 5;
const INTERRUPT_SIZE: u64 = 9;

/** Whether a large resource descriptor of a kind and length begins at an address. */
function isDescriptor(at: u64, tag: u32, length: u32): bool {
  return load8(at) == tag && load8(at + 1) == length && load8(at + 2) == 0;
}

function isId(at: u64): bool {
  return load32(at) == ID_LOW && load32(at + 4) == ID_HIGH;
}

/** Calls `found(base, interrupt)` for each device in a table's bytes [start, end). */
export function scanMmioDevices(
  start: u64,
  end: u64,
  found: (base: u64, interrupt: u32) => void,
): void {
  let inDevice = false;
  let base: u64 = 0;
  for (let at = start; at + INTERRUPT_SIZE <= end; at++) {
    if (at + ID_SIZE <= end && isId(at)) {
      inDevice = true;
      base = 0;
    } else if (inDevice && base == 0) {
      if (at + MEMORY32_SIZE > end) return;
      if (isDescriptor(at, MEMORY32_FIXED, MEMORY32_LENGTH)) base = load32(at + MEMORY32_BASE);
    } else if (inDevice && isDescriptor(at, EXTENDED_INTERRUPT, INTERRUPT_LENGTH)) {
      found(base, load32(at + INTERRUPT_NUMBER));
      inDevice = false;
    }
  }
}

export function acpiMmioDevices(found: (base: u64, interrupt: u32) => void): void {
  const dsdt = acpiDsdt();
  if (dsdt != 0) scanMmioDevices(dsdt, dsdt + acpiTableLength(dsdt), found);
}
