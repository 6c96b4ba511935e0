/**
 * ACPI tables (ACPI 6.5, chapter 5): finding them, and what we read of them. Reading costs boot
 * time, so nothing is read before somebody asks.
 *
 *     acpiInit(rsdp)                    notes where the start info says the root pointer is; 0: to be searched
 *     acpiTable(signature) → address    a table whose length and checksum hold; 0 when there is none
 *     acpiTableLength(table)
 *     acpiMadt()                        enters I/O APICs, overrides and CPUs (once)
 *     MCFG is read by dev/pci.ts, FADT and DSDT by power.ts
 *
 * Tables are the firmware's: every length in them is a claim, and is checked against the table's
 * end before it is used.
 */

import { directMap } from "../../mem/page-allocator";
import { load8, load16, load32, load64 } from "../hw";
import { ioapicAdd, ioapicOverride } from "./ioapic";
import { mapDevice } from "./paging";

// Root pointer, section 5.2.5.3.
const RSDP_SIGNATURE_0: u32 = 0x20445352; // "RSD PTR "
const RSDP_SIGNATURE_1: u32 = 0x20525450;
const RSDP_REVISION: u64 = 15;
const RSDP_RSDT: u64 = 16;
const RSDP_XSDT: u64 = 24;
const RSDP_V1_SIZE: u64 = 20;
const RSDP_V2_SIZE: u64 = 36;
/** Where firmware puts it when nobody says where it is, section 5.2.5.1. */
const BIOS_START: u64 = 0xe0000;
const BIOS_END: u64 = 0x100000;

// Header of every table, section 5.2.6.
export const ACPI_HEADER_SIZE: u64 = 36;
const HEADER_LENGTH: u64 = 4;
/** No table we read is larger; a larger one is a broken one. */
const TABLE_SIZE_MAX: u32 = 1 << 20;

const SIGNATURE_XSDT: u32 = 0x54445358;
const SIGNATURE_RSDT: u32 = 0x54445352;
const SIGNATURE_MADT: u32 = 0x43495041; // "APIC"
export const SIGNATURE_FADT: u32 = 0x50434146; // "FACP"
export const SIGNATURE_MCFG: u32 = 0x4746434d;
export const SIGNATURE_DSDT: u32 = 0x54445344;

// MADT, section 5.2.12: entries of type u8, length u8.
const MADT_ENTRIES: u64 = 44;
const MADT_LOCAL_APIC: u32 = 0;
const MADT_IO_APIC: u32 = 1;
const MADT_OVERRIDE: u32 = 2;
const MADT_LOCAL_X2APIC: u32 = 9;
const LAPIC_ENABLED: u32 = 1;

/** Below this, physical memory is in the direct map on every machine. */
const DIRECT_MAP_END: u64 = 1 << 30;
const CPUS_MAX = 64;
/** Machines have some dozens of tables. */
const ROOT_ENTRIES_MAX = 256;

let rsdp: u64 = 0;
let isSearched = false;
/** Virtual address of XSDT or RSDT, and the size of its entries. */
let root: u64 = 0;
let rootEntrySize: u64 = 8;
let isMadtRead = false;
const cpuIds: usize = memory.data(64 * 4, 4);
let cpuCount: u32 = 0;

/** `physical`: of the root pointer, or 0. */
export function acpiInit(physical: u64): void {
  rsdp = physical;
  isSearched = false;
  isMadtRead = false;
  root = 0;
  cpuCount = 0;
}

/** The virtual address of firmware memory; 0 when there can't be any. */
function mapFirmware(physical: u64, bytes: u64): u64 {
  if (physical + bytes <= DIRECT_MAP_END) return directMap(physical);
  return mapDevice(physical, bytes);
}

/** Whether n bytes sum up to 0, as every table does. */
function sumsToZero(address: u64, n: u64): bool {
  let sum: u32 = 0;
  for (let i: u64 = 0; i < n; i++) sum += load8(address + i);
  return (sum & 0xff) == 0;
}

/** Maps a table; 0 when it is not the one that is wanted or is broken. */
export function acpiMapTable(physical: u64, signature: u32): u64 {
  if (physical == 0 || physical > u64.MAX_VALUE - TABLE_SIZE_MAX) return 0;
  let table = mapFirmware(physical, ACPI_HEADER_SIZE);
  if (table == 0 || load32(table) != signature) return 0;
  const length = load32(table + HEADER_LENGTH);
  if (<u64>length < ACPI_HEADER_SIZE || length > TABLE_SIZE_MAX) return 0;
  table = mapFirmware(physical, length);
  return table != 0 && sumsToZero(table, length) ? table : 0;
}

export function acpiTableLength(table: u64): u64 {
  return load32(table + HEADER_LENGTH);
}

function isRootPointer(address: u64): bool {
  if (load32(address) != RSDP_SIGNATURE_0 || load32(address + 4) != RSDP_SIGNATURE_1) return false;
  if (!sumsToZero(address, RSDP_V1_SIZE)) return false;
  return load8(address + RSDP_REVISION) < 2 || sumsToZero(address, RSDP_V2_SIZE);
}

function findRootPointer(): u64 {
  if (rsdp != 0) {
    const given = mapFirmware(rsdp, RSDP_V2_SIZE);
    if (given != 0 && isRootPointer(given)) return given;
  }
  for (let at = BIOS_START; at < BIOS_END; at += 16) {
    if (isRootPointer(directMap(at))) return directMap(at);
  }
  return 0;
}

/** Finds XSDT or RSDT; false when the machine has no ACPI. */
function findRoot(): bool {
  if (isSearched) return root != 0;
  isSearched = true;
  const pointer = findRootPointer();
  if (pointer == 0) return false;
  if (load8(pointer + RSDP_REVISION) >= 2) {
    root = acpiMapTable(load64(pointer + RSDP_XSDT), SIGNATURE_XSDT);
    rootEntrySize = 8;
  }
  if (root == 0) {
    root = acpiMapTable(load32(pointer + RSDP_RSDT), SIGNATURE_RSDT);
    rootEntrySize = 4;
  }
  return root != 0;
}

/** The first table of a signature, mapped and checked; 0 when there is none. */
export function acpiTable(signature: u32): u64 {
  if (!findRoot()) return 0;
  const end = root + acpiTableLength(root);
  let left = ROOT_ENTRIES_MAX;
  for (let at = root + ACPI_HEADER_SIZE; at + rootEntrySize <= end; at += rootEntrySize) {
    if (left-- == 0) return 0;
    const physical = rootEntrySize == 8 ? load64(at) : <u64>load32(at);
    const table = acpiMapTable(physical, signature);
    if (table != 0) return table;
  }
  return 0;
}

function madtEntry(at: u64, type: u32, length: u32): void {
  if (type == MADT_IO_APIC && length >= 12) {
    ioapicAdd(load32(at + 4), load32(at + 8));
  } else if (type == MADT_OVERRIDE && length >= 10) {
    ioapicOverride(load8(at + 3), load32(at + 4), load16(at + 8));
  } else if (type == MADT_LOCAL_APIC && length >= 8) {
    if (load32(at + 4) & LAPIC_ENABLED) cpuAdd(load8(at + 3));
  } else if (type == MADT_LOCAL_X2APIC && length >= 16) {
    if (load32(at + 8) & LAPIC_ENABLED) cpuAdd(load32(at + 4));
  }
}

function cpuAdd(apicId: u32): void {
  if (cpuCount == CPUS_MAX) return;
  store<u32>(cpuIds + ((<usize>cpuCount) << 2), apicId);
  cpuCount++;
}

/** Enters what the MADT says into ioapic.ts, and the CPUs here. False when there is no MADT. */
export function acpiMadt(): bool {
  if (isMadtRead) return true;
  const table = acpiTable(SIGNATURE_MADT);
  if (table == 0) return false;
  isMadtRead = true;
  const end = table + acpiTableLength(table);
  let at = table + MADT_ENTRIES;
  while (at + 2 <= end) {
    const length = load8(at + 1);
    if (length < 2 || at + length > end) break;
    madtEntry(at, load8(at), length);
    at += length;
  }
  return true;
}

/** CPUs that can be started, after `acpiMadt`; and their APIC ids. */
export function acpiCpuCount(): u32 {
  return cpuCount;
}

export function acpiCpuApicId(index: u32): u32 {
  return load<u32>(cpuIds + ((<usize>index) << 2));
}

const FADT_DSDT: u64 = 40;
const FADT_X_DSDT: u64 = 140;

/** Field of a FADT, 0 when the table is too short to have it. */
export function acpiField32(fadt: u64, offset: u64): u32 {
  return offset + 4 <= acpiTableLength(fadt) ? load32(fadt + offset) : 0;
}

/**
 * The DSDT, where the firmware describes devices that can't be enumerated; 0 when there is none.
 */
export function acpiDsdt(): u64 {
  const fadt = acpiTable(SIGNATURE_FADT);
  if (fadt == 0) return 0;
  let physical: u64 = 0;
  if (FADT_X_DSDT + 8 <= acpiTableLength(fadt)) physical = load64(fadt + FADT_X_DSDT);
  if (physical == 0) physical = acpiField32(fadt, FADT_DSDT);
  return acpiMapTable(physical, SIGNATURE_DSDT);
}
