/**
 * Page faults in the application's half: demand-zero memory, pages of files, copies on write.
 *
 *     handleFault(address, error)      FAULT_RESOLVED, or why not
 *
 * One fault maps more than one page where that is likely to save the next. Anonymous memory that is
 * touched in order gets twice as many pages with every fault, up to a 2 MiB page where one fits and
 * memory is ample; a first or a random touch gets one. A file's pages that are in the page cache
 * already are mapped around the fault.
 */
import * as hw from "../arch/hw";
import {
  flushPage,
  LARGE_SIZE,
  PTE_ADDRESS,
  PTE_PRESENT,
  PTE_PRIVATE,
  PTE_WRITE,
  walk,
} from "../arch/x86_64/paging";
import { FAULT_FETCH, FAULT_PRESENT, FAULT_WRITE } from "../arch/x86_64/trap-frame";
import { PageSource } from "../fs/page-source";
import { ENOMEM } from "../lib/errno";
import {
  allocFreePages,
  allocPages,
  directMap,
  freePageCount,
  freePages,
  PAGE_SHIFT,
  PAGE_SIZE,
  pagePut,
  splitPages,
} from "./page-allocator";
import { growStack } from "./stack-growth";
import { entryFlags, entryOf, mapLarge, mapPage, residentAdd } from "./user-pages";
import {
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VMA_LARGE,
  VMA_SHARED,
  VMA_SMALL,
  Vma,
  vmaFind,
  vmaGeneration,
} from "./vma";

export const FAULT_RESOLVED: i32 = 0;
/** Nothing is mapped there (SEGV_MAPERR). */
export const FAULT_UNMAPPED: i32 = 1;
/** Mapped, but not for this access (SEGV_ACCERR). */
export const FAULT_ACCESS: i32 = 2;
/** Behind the end of the file, or the disk failed (BUS_ADRERR). */
export const FAULT_BUS: i32 = 3;
/** No page is left. */
export const FAULT_MEMORY: i32 = 4;

const WINDOW_MAX: u32 = 64;
const LARGE_ORDER: u32 = 9;
/** A 2 MiB page is taken when so many times its size is free. */
const LARGE_RESERVE: u64 = 16;
/** File pages mapped around a fault: 64 KiB, aligned. */
const AROUND_BYTES: u64 = 64 << 10;

function allowed(area: Vma, error: u64): bool {
  if ((error & FAULT_FETCH) != 0) return (area.protection & PROT_EXEC) != 0;
  if ((error & FAULT_WRITE) != 0) return (area.protection & PROT_WRITE) != 0;
  return (area.protection & (PROT_READ | PROT_WRITE | PROT_EXEC)) != 0;
}

let faults: u64 = 0;

/** Page faults of the application's half so far, and pages that were filled for it beforehand. */
export function faultCount(): u64 {
  return faults;
}

/** Resolves a fault of the access `error` (trap-frame.ts) at an address of the lower half. */
export function handleFault(address: u64, error: u64): i32 {
  faults++;
  let area = vmaFind(address);
  if (!area) {
    area = growStack(address);
    if (!area) return FAULT_UNMAPPED;
  }
  if (!allowed(area, error)) return FAULT_ACCESS;
  const page = address & ~(PAGE_SIZE - 1);
  if ((error & FAULT_PRESENT) != 0) return copyOnWrite(area, page, error);
  const source = area.source;
  if (!source) return fillAnonymous(area, page);
  return fillFromSource(area, source, page, error);
}

/** Whether the 2 MiB region around `page` should be one large page. */
function wantsLarge(area: Vma, page: u64, window: u32): bool {
  const base = page & ~(LARGE_SIZE - 1);
  if (base < area.start || base + LARGE_SIZE > area.end || (area.flags & VMA_SMALL) != 0)
    return false;
  if (freePageCount() < LARGE_RESERVE << LARGE_ORDER) return false;
  return (area.flags & VMA_LARGE) != 0 || (window == WINDOW_MAX && base == page);
}

/** How many pages a fault at `page` maps: more while faults go on where the last one ended. */
function nextWindow(area: Vma, page: u64): u32 {
  let window: u32 = page == area.faultEnd ? min<u32>(area.faultWindow * 2, WINDOW_MAX) : 1;
  if (window == 0 || freePageCount() < <u64>WINDOW_MAX * 16) window = 1;
  area.faultWindow = window;
  return window;
}

function fillAnonymous(area: Vma, page: u64): i32 {
  const window = nextWindow(area, page);
  const flags = entryFlags(area.protection, true) | PTE_PRIVATE;
  if (wantsLarge(area, page, window)) {
    const block = allocFreePages(LARGE_ORDER);
    const base = page & ~(LARGE_SIZE - 1);
    if (block != 0) {
      hw.fill(directMap(block), 0, LARGE_SIZE);
      if (mapLarge(base, block, flags)) {
        // Each of its pages counts on its own, should the page be split later.
        splitPages(block, LARGE_ORDER);
        area.faultEnd = base + LARGE_SIZE;
        return FAULT_RESOLVED;
      }
      freePages(block, LARGE_ORDER);
    }
  }
  return fillWindow(area, page, window, flags);
}

/**
 * Maps up to `window` zeroed pages from `page` on, as far as the area and the empty entries of one
 * table go.
 */
function fillWindow(area: Vma, page: u64, window: u32, flags: u64): i32 {
  const entry = walk(page, true);
  if (entry == 0) return FAULT_MEMORY;
  const room = min(area.end - page, LARGE_SIZE - (page & (LARGE_SIZE - 1))) >> PAGE_SHIFT;
  const wanted = min<u64>(window, room);
  let count: u64 = 1;
  while (count < wanted && hw.load64(entry + (count << 3)) == 0) count++;
  let order = 31 - clz<u32>(<u32>count);
  let block = order > 0 ? allocFreePages(order) : 0;
  if (block == 0) {
    order = 0;
    block = allocPages(0);
    if (block == 0) return FAULT_MEMORY;
  } else {
    splitPages(block, order);
  }
  const bytes = PAGE_SIZE << order;
  hw.fill(directMap(block), 0, bytes);
  let at = entry;
  for (let offset: u64 = 0; offset < bytes; offset += PAGE_SIZE) {
    hw.store64(at, (block + offset) | flags);
    at += 8;
  }
  residentAdd((<u64>1) << order);
  area.faultEnd = page + bytes;
  return FAULT_RESOLVED;
}

function fillFromSource(area: Vma, source: PageSource, page: u64, error: u64): i32 {
  const index = indexIn(area, page);
  if (index << PAGE_SHIFT >= source.size()) return FAULT_BUS;
  // While this sleeps other threads may map something else here, and with the last mapping and the
  // last descriptor the source would end.
  source.references++;
  const generation = vmaGeneration();
  const cuts = source.cuts;
  const frame = source.getPage(index);
  let still: Vma | null = area;
  if (generation != vmaGeneration()) {
    still = cuts == source.cuts ? areaShowing(source, index, page) : null;
    if (still && !allowed(still, error)) still = null;
  }
  if (--source.references == 0) source.release();
  if (still && frame < 0) return frame == -ENOMEM ? FAULT_MEMORY : FAULT_BUS;
  const there = entryOf(page);
  if (!still || (there != 0 && hw.load64(there) != 0)) {
    // The access is made again, and meets what is there now.
    if (frame > 0) pagePut(frame);
    return FAULT_RESOLVED;
  }
  const isShared = (still.flags & VMA_SHARED) != 0;
  if ((error & FAULT_WRITE) != 0 && !isShared) return mapCopy(page, frame, still.protection);
  if (!mapPage(page, frame, entryFlags(still.protection, isShared))) {
    pagePut(frame);
    return FAULT_MEMORY;
  }
  mapAround(still, source, page, isShared);
  return FAULT_RESOLVED;
}

/** The page of its source that an area has at an address. */
function indexIn(area: Vma, page: u64): u64 {
  return area.pageOffset + ((page - area.start) >> PAGE_SHIFT);
}

/** After a sleep: the area that still has page `index` of the source at `page`, or null. */
function areaShowing(source: PageSource, index: u64, page: u64): Vma | null {
  const area = vmaFind(page);
  return area && area.source == source && indexIn(area, page) == index ? area : null;
}

/**
 * Maps neighbours that are in the page cache already. They are read-only unless the mapping is
 * shared.
 */
function mapAround(area: Vma, source: PageSource, page: u64, isShared: bool): void {
  const start = max(area.start, page & ~(AROUND_BYTES - 1));
  const end = min(area.end, (page | (AROUND_BYTES - 1)) + 1);
  const flags = entryFlags(area.protection, isShared);
  let entry = walk(start, false);
  let index = area.pageOffset + ((start - area.start) >> PAGE_SHIFT);
  for (let at = start; at < end; at += PAGE_SIZE) {
    if (hw.load64(entry) == 0) {
      const frame = source.peekPage(index);
      if (frame != 0) {
        hw.store64(entry, frame | flags);
        residentAdd(1);
      }
    }
    entry += 8;
    index++;
  }
}

/** Maps a private copy of `frame`, whose reference is given back, where nothing is mapped. */
function mapCopy(page: u64, frame: u64, protection: u32): i32 {
  const copy = allocPages(0);
  if (copy == 0) {
    pagePut(frame);
    return FAULT_MEMORY;
  }
  hw.copy(directMap(copy), directMap(frame), PAGE_SIZE);
  pagePut(frame);
  if (!mapPage(page, copy, entryFlags(protection, true) | PTE_PRIVATE)) {
    pagePut(copy);
    return FAULT_MEMORY;
  }
  return FAULT_RESOLVED;
}

/**
 * A fault on a page that is there: a write to a page of a file that is mapped privately, or an old
 * translation.
 */
function copyOnWrite(area: Vma, page: u64, error: u64): i32 {
  const entry = entryOf(page);
  const value = entry != 0 ? hw.load64(entry) : 0;
  if ((value & PTE_PRESENT) == 0) return FAULT_RESOLVED;
  if ((error & FAULT_WRITE) == 0 || (value & PTE_WRITE) != 0) {
    flushPage(page);
    return FAULT_RESOLVED;
  }
  if ((value & PTE_PRIVATE) != 0 || (area.flags & VMA_SHARED) != 0) return FAULT_ACCESS;
  const copy = allocPages(0);
  if (copy == 0) return FAULT_MEMORY;
  // Making room may have taken this very page out of the mapping.
  if (hw.load64(entry) != value) {
    pagePut(copy);
    return FAULT_RESOLVED;
  }
  const frame = value & PTE_ADDRESS;
  hw.copy(directMap(copy), directMap(frame), PAGE_SIZE);
  hw.store64(entry, copy | entryFlags(area.protection, true) | PTE_PRIVATE);
  pagePut(frame);
  flushPage(page);
  return FAULT_RESOLVED;
}
