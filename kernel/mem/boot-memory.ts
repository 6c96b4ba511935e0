/**
 * Which physical memory is ours: the usable ranges of the memory map, less the kernel's image, the
 * boot modules, and the start info while it is still read.
 *
 *     0x00000 – 0x0ffff   left alone: real-mode data, start code of further CPUs
 *     0x10000 – 0x9ffff   as the memory map says
 *     0x100000            the image, up to the end of the first part of linear memory
 */
import { kernelImageEnd } from "../arch/hw";
import { keepImageFromDevices, mapDirect } from "../arch/x86_64/paging";
import {
  IMAGE_BASE,
  memoryMapCount,
  memoryMapEnd,
  memoryMapStart,
  memoryMapUsable,
  startModuleAddress,
  startModuleCount,
  startModuleSize,
} from "../arch/x86_64/start-info";
import { addMemory, PAGE_SIZE } from "./page-allocator";

const IMAGE_START: u64 = 0x100000;
const LOW_START: u64 = 0x10000;
/** What boot.S maps directly. */
const BOOT_MAP_END: u64 = 1 << 30;

/** Adds [start, end) less the modules from the given one on, where they lie in there. */
function addWithoutModules(start: u64, end: u64, first: u32 = 0): void {
  for (let i = first; i < startModuleCount(); i++) {
    const module = startModuleAddress(i);
    const moduleEnd = (module + startModuleSize(i) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (moduleEnd <= start || module >= end) continue;
    if (module > start) addWithoutModules(start, module, i + 1);
    start = moduleEnd;
  }
  if (end > start) addMemory(start, end);
}

/** Adds a module's whole pages, when nobody reads it any more. */
export function addModuleMemory(i: u32): void {
  addMemory(startModuleAddress(i), startModuleAddress(i) + startModuleSize(i));
}

/** Adds the memory that boot's tables reach, above the image: what follows needs some of it. */
export function addBootMemory(): void {
  const imageEnd = kernelImageEnd() - IMAGE_BASE;
  keepImageFromDevices(IMAGE_START, imageEnd);
  for (let i: u32 = 0; i < memoryMapCount(); i++) {
    if (!memoryMapUsable(i)) continue;
    let start = memoryMapStart(i);
    const end = min(memoryMapEnd(i), BOOT_MAP_END);
    if (start < IMAGE_START) continue;
    if (start < imageEnd) start = imageEnd;
    addWithoutModules(start, end);
  }
}

/** End of the highest usable range that boot's tables reach, for the direct map. */
export function bootMemoryEnd(): u64 {
  let highest: u64 = 0;
  for (let i: u32 = 0; i < memoryMapCount(); i++) {
    if (memoryMapUsable(i)) highest = max(highest, memoryMapEnd(i));
  }
  return min(highest, BOOT_MAP_END);
}

/**
 * Adds the rest, once the start info has been read: memory below the image, and above the first
 * GiB.
 */
export function addRemainingMemory(): void {
  for (let i: u32 = 0; i < memoryMapCount(); i++) {
    if (!memoryMapUsable(i)) continue;
    const end = memoryMapEnd(i);
    if (end <= BOOT_MAP_END) continue;
    const start = max(memoryMapStart(i), BOOT_MAP_END);
    mapDirect(start, end);
    addWithoutModules(start, end);
  }
  for (let i: u32 = 0; i < memoryMapCount(); i++) {
    if (!memoryMapUsable(i) || memoryMapStart(i) >= IMAGE_START) continue;
    addMemory(max(memoryMapStart(i), LOW_START), min(memoryMapEnd(i), IMAGE_START));
    // The map itself may lie in what has just been given away.
    return;
  }
}
