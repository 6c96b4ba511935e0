/**
 * What the hypervisor hands over at a PVH start: struct hvm_start_info (Xen,
 * include/public/arch-x86/hvm/start_info.h). Everything is read through the direct map of the first
 * GiB, before that memory is given to the page allocator.
 */

import { directMap } from "../../mem/page-allocator";
import { load32, load64 } from "../hw";

const MAGIC: u32 = 0x336ec578;
const MODULE_COUNT: u64 = 12;
const MODULE_LIST: u64 = 16;
const COMMAND_LINE: u64 = 24;
const RSDP: u64 = 32;
/** Since version 1. */
const MEMORY_MAP: u64 = 40;
const MEMORY_MAP_COUNT: u64 = 48;
const MAP_ENTRY_SIZE: u64 = 24;
const MAP_TYPE_RAM: u32 = 1;

let info: u64 = 0;

/** False when the start info is not one. */
export function startInfoInit(physical: u64): bool {
  info = directMap(physical);
  return load32(info) == MAGIC && load32(info + 4) >= 1;
}

/** Address of the zero-terminated command line. */
export function startCommandLine(): u64 {
  return directMap(load64(info + COMMAND_LINE));
}

/** Physical address of ACPI's root pointer, 0 when not given. */
export function startRsdp(): u64 {
  return load64(info + RSDP);
}

/** Physical address and size of the first boot module; the size is 0 when there is none. */
export function startModuleAddress(): u64 {
  return load32(info + MODULE_COUNT) == 0 ? 0 : load64(directMap(load64(info + MODULE_LIST)));
}

export function startModuleSize(): u64 {
  return load32(info + MODULE_COUNT) == 0 ? 0 : load64(directMap(load64(info + MODULE_LIST)) + 8);
}

export function memoryMapCount(): u32 {
  return load32(info + MEMORY_MAP_COUNT);
}

/** Entry i of the memory map: 0 for its type when it is not usable memory. */
export function memoryMapStart(i: u32): u64 {
  return load64(mapEntry(i));
}

export function memoryMapEnd(i: u32): u64 {
  return load64(mapEntry(i)) + load64(mapEntry(i) + 8);
}

export function memoryMapUsable(i: u32): bool {
  return load32(mapEntry(i) + 16) == MAP_TYPE_RAM;
}

function mapEntry(i: u32): u64 {
  return directMap(load64(info + MEMORY_MAP)) + <u64>i * MAP_ENTRY_SIZE;
}
