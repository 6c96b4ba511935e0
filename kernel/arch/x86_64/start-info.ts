/**
 * What the hypervisor hands over at a PVH start: struct hvm_start_info (Xen,
 * include/public/arch-x86/hvm/start_info.h). Everything is read through the direct map of the first
 * GiB, before that memory is given to the page allocator. What lies elsewhere, or wraps, counts as
 * not given.
 */

import { directMap } from "../../mem/page-allocator";
import { addressOf, kernelImageEnd, load32, load64 } from "../hw";

const MAGIC: u32 = 0x336ec578;
const MODULE_COUNT: u64 = 12;
const MODULE_LIST: u64 = 16;
const MODULE_ENTRY_SIZE: u64 = 32;
const COMMAND_LINE: u64 = 24;
const RSDP: u64 = 32;
/** Since version 1. */
const MEMORY_MAP: u64 = 40;
const MEMORY_MAP_COUNT: u64 = 48;
const MAP_ENTRY_SIZE: u64 = 24;
const MAP_TYPE_RAM: u32 = 1;

/** What boot.S maps directly. */
const REACH: u64 = 1 << 30;
const INFO_SIZE: u64 = 56;
/** Hypervisors and firmware tell some dozens of ranges. */
const MAP_COUNT_MAX: u32 = 512;
const COMMAND_LINE_MAX: u64 = 4096;
/** Physical addresses have at most 52 bits. */
const PHYSICAL_END: u64 = 1 << 52;
/** Where the image is linked, less where it is loaded. */
export const IMAGE_BASE: u64 = 0xffffffffc0000000;
/** The protocol has two; those behind the eighth count as not given. */
const MODULES_MAX: u32 = 8;

/** A boot module: a whole range of usable memory. */
@unmanaged
class BootModule {
  address: u64;
  size: u64;
}

let info: u64 = 0;
const modules: usize = memory.data(8 * 16, 8);
let moduleCount: u32 = 0;
/** The empty command line. */
const nothing: usize = memory.data(8, 8);

function isReachable(physical: u64, bytes: u64): bool {
  return bytes <= REACH && physical <= REACH - bytes;
}

/** False when the start info is not one. */
export function startInfoInit(physical: u64): bool {
  if (!isReachable(physical, INFO_SIZE)) return false;
  info = directMap(physical);
  if (load32(info) != MAGIC || load32(info + 4) < 1) return false;
  noteModules();
  return true;
}

/** Address of the zero-terminated command line. */
export function startCommandLine(): u64 {
  const physical = load64(info + COMMAND_LINE);
  const isGiven = physical != 0 && isReachable(physical, COMMAND_LINE_MAX);
  return isGiven ? directMap(physical) : addressOf(nothing);
}

/** Physical address of ACPI's root pointer, 0 when not given. */
export function startRsdp(): u64 {
  return load64(info + RSDP);
}

/**
 * Notes the modules that can be: each in one piece of usable memory above the kernel's image, apart
 * from the others. They are asked for when the start info may have been overwritten.
 */
function noteModules(): void {
  const list = load64(info + MODULE_LIST);
  const count = min(load32(info + MODULE_COUNT), MODULES_MAX);
  moduleCount = 0;
  if (!isReachable(list, <u64>count * MODULE_ENTRY_SIZE)) return;
  for (let i: u32 = 0; i < count; i++) {
    const entry = directMap(list) + <u64>i * MODULE_ENTRY_SIZE;
    const address = load64(entry);
    const size = load64(entry + 8);
    if (!isModulePlace(address, size)) continue;
    const module = moduleAt(moduleCount++);
    module.address = address;
    module.size = size;
  }
}

function moduleAt(i: u32): BootModule {
  return changetype<BootModule>(modules + <usize>i * offsetof<BootModule>());
}

function isModulePlace(address: u64, size: u64): bool {
  if (size == 0 || size > PHYSICAL_END || address > PHYSICAL_END - size) return false;
  if (address < kernelImageEnd() - IMAGE_BASE) return false;
  const end = address + size;
  for (let i: u32 = 0; i < moduleCount; i++) {
    const other = moduleAt(i);
    if (address < other.address + other.size && end > other.address) return false;
  }
  for (let i: u32 = 0; i < memoryMapCount(); i++) {
    if (!memoryMapUsable(i)) continue;
    if (address >= memoryMapStart(i) && end <= memoryMapEnd(i)) return true;
  }
  return false;
}

export function startModuleCount(): u32 {
  return moduleCount;
}

/** Physical address of module i. */
export function startModuleAddress(i: u32): u64 {
  return moduleAt(i).address;
}

/** Its bytes, at least one. */
export function startModuleSize(i: u32): u64 {
  return moduleAt(i).size;
}

export function memoryMapCount(): u32 {
  const count = min(load32(info + MEMORY_MAP_COUNT), MAP_COUNT_MAX);
  const bytes = <u64>count * MAP_ENTRY_SIZE;
  return isReachable(load64(info + MEMORY_MAP), bytes) ? count : 0;
}

/** Entry i of the memory map: 0 for its type when it is not usable memory. */
export function memoryMapStart(i: u32): u64 {
  return load64(mapEntry(i));
}

export function memoryMapEnd(i: u32): u64 {
  return load64(mapEntry(i)) + load64(mapEntry(i) + 8);
}

/** Usable memory; a range that wraps or that no processor can reach is not. */
export function memoryMapUsable(i: u32): bool {
  const start = memoryMapStart(i);
  if (start > PHYSICAL_END || load64(mapEntry(i) + 8) > PHYSICAL_END - start) return false;
  return load32(mapEntry(i) + 16) == MAP_TYPE_RAM;
}

function mapEntry(i: u32): u64 {
  return directMap(load64(info + MEMORY_MAP)) + <u64>i * MAP_ENTRY_SIZE;
}
