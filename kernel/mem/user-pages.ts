/**
 * Pages of the application: page table entries over ranges of addresses.
 *
 *     mapPage(address, frame, flags)       takes over the caller's reference on the frame
 *     mapBlock(address, frame, order, …)   2^order frames of a block
 *     splitEdges(start, end)               first, so that these two meet large pages only as a whole:
 *     unmapPages(start, end)               gives every frame's reference back, forgets translations
 *     protectPages(start, end, protection)
 *     movePages(from, to, bytes)           mremap: entries move, frames stay
 *     residentPages(), residentPagesMax()  how many are mapped, and were at most: VmRSS, VmHWM
 *
 * Flags of an entry beyond the architecture's: PTE_COUNTED, the entry holds a reference on its
 * frame; PTE_PRIVATE, the frame is the mapping's own (anonymous, or a copy made on write), so it
 * may be written when the area may.
 */
import * as hw from "../arch/hw";
import {
  flushAll,
  flushPage,
  LARGE_SIZE,
  PTE_ADDRESS,
  PTE_COUNTED,
  PTE_LARGE,
  PTE_NO_EXECUTE,
  PTE_PRESENT,
  PTE_PRIVATE,
  PTE_WRITE,
  splitLarge,
  walk,
  walkLarge,
} from "../arch/x86_64/paging";
import {
  freePages,
  ORDER_MAX,
  PAGE_SHIFT,
  PAGE_SIZE,
  pagePut,
  pageReferences,
} from "./page-allocator";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "./vma";

const LARGE_ORDER: u32 = 9;
/** From so many pages on, forgetting all translations is cheaper than one at a time. */
const FLUSH_ALL_FROM: u64 = 8;

/** Pages that are mapped. Whoever fills an entry that was empty, or empties one, says so here. */
let resident: u64 = 0;
/** The most there were; brought up to date when they get fewer, and when somebody asks. */
let residentMax: u64 = 0;

export function residentAdd(pages: u64): void {
  resident += pages;
}

export function residentRemove(pages: u64): void {
  residentMax = max(residentMax, resident);
  resident -= pages;
}

export function residentPages(): u64 {
  return resident;
}

export function residentPagesMax(): u64 {
  return max(residentMax, resident);
}

/** Entry flags for a protection; `writable` tells whether a write may go to this very frame. */
export function entryFlags(protection: u32, writable: bool): u64 {
  if (protection == 0) return 0;
  let flags = PTE_PRESENT | PTE_COUNTED;
  if ((protection & PROT_WRITE) != 0 && writable) flags |= PTE_WRITE;
  if ((protection & PROT_EXEC) == 0) flags |= PTE_NO_EXECUTE;
  return flags;
}

/** The entry that maps an address: of a small page or a large one. 0 when none does. */
export function entryOf(address: u64): u64 {
  const large = walkLarge(address, false);
  if (large == 0) return 0;
  const value = hw.load64(large);
  if (value == 0) return 0;
  return (value & PTE_LARGE) != 0 ? large : walk(address, false);
}

/** Maps one page where nothing is mapped. False when there is no memory for a page table. */
export function mapPage(address: u64, frame: u64, flags: u64): bool {
  const entry = walk(address, true);
  if (entry == 0) return false;
  hw.store64(entry, frame | flags);
  residentAdd(1);
  return true;
}

/**
 * Maps a 2 MiB page over an empty, aligned range. False when there is no memory, or small pages are
 * there.
 */
export function mapLarge(address: u64, frame: u64, flags: u64): bool {
  const entry = walkLarge(address, true);
  if (entry == 0 || hw.load64(entry) != 0) return false;
  hw.store64(entry, frame | flags | PTE_LARGE);
  residentAdd(LARGE_SIZE >> PAGE_SHIFT);
  return true;
}

/** Frames of the mapping's own that were adjacent, to be freed together. */
let runStart: u64 = 0;
let runEnd: u64 = 0;

/** Frees the run in the largest aligned blocks: the buddies need not be merged one by one. */
function flushRun(): void {
  let frame = runStart >> PAGE_SHIFT;
  const end = runEnd >> PAGE_SHIFT;
  while (frame < end) {
    let order = min<u32>(ORDER_MAX, <u32>ctz<u64>(frame));
    while (frame + ((<u64>1) << order) > end) order--;
    freePages(frame << PAGE_SHIFT, order);
    frame += (<u64>1) << order;
  }
  runStart = 0;
  runEnd = 0;
}

function release(value: u64): void {
  if ((value & PTE_COUNTED) == 0) return;
  const frame = value & PTE_ADDRESS;
  if ((value & PTE_PRIVATE) == 0 || pageReferences(frame) != 1) {
    pagePut(frame);
    return;
  }
  if (frame != runEnd) {
    flushRun();
    runStart = frame;
  }
  runEnd = frame + PAGE_SIZE;
}

/** The end of the 2 MiB region of an address, or `end` if that comes first. */
function regionEnd(address: u64, end: u64): u64 {
  return min(end, (address | (LARGE_SIZE - 1)) + 1);
}

/** Makes `address` the bound of a page; false when that takes memory and there is none. */
function splitAt(address: u64): bool {
  if ((address & (LARGE_SIZE - 1)) == 0) return true;
  const large = walkLarge(address, false);
  return large == 0 || (hw.load64(large) & PTE_LARGE) == 0 || splitLarge(address);
}

/**
 * Splits the large pages of which only a part lies in [start, end). False when there is no memory
 * for that; then no page has changed its rights or contents.
 */
export function splitEdges(start: u64, end: u64): bool {
  return splitAt(start) && splitAt(end);
}

/** Unmaps [start, end), whose edges are split. */
export function unmapPages(start: u64, end: u64): void {
  let unmapped: u64 = 0;
  let last: u64 = 0;
  let address = start;
  while (address < end) {
    const stop = regionEnd(address, end);
    const large = walkLarge(address, false);
    const value = large != 0 ? hw.load64(large) : 0;
    if (value == 0) {
      address = stop;
      continue;
    }
    if ((value & PTE_LARGE) != 0) {
      assert(stop - address == LARGE_SIZE, "the edges are split");
      hw.store64(large, 0);
      freePages(value & PTE_ADDRESS, LARGE_ORDER);
      unmapped += LARGE_SIZE >> PAGE_SHIFT;
      address = stop;
      continue;
    }
    let entry = walk(address, false);
    for (; address < stop; address += PAGE_SIZE) {
      const small = hw.load64(entry);
      if (small != 0) {
        hw.store64(entry, 0);
        release(small);
        last = address;
        unmapped++;
      }
      entry += 8;
    }
    freeEmptyTable(large, address - 1);
  }
  if (unmapped >= FLUSH_ALL_FROM) flushAll();
  else if (unmapped == 1) flushPage(last);
  else if (unmapped > 0) flushAll();
  flushRun();
  residentRemove(unmapped);
}

/**
 * Gives a page table back when the whole 2 MiB region has become empty, as it has after a large
 * unmap.
 */
function freeEmptyTable(large: u64, lastAddress: u64): void {
  if ((lastAddress & (LARGE_SIZE - 1)) != LARGE_SIZE - 1) return;
  const first = walk(lastAddress & ~(LARGE_SIZE - 1), false);
  for (let i: u64 = 0; i < 512; i++) {
    if (hw.load64(first + (i << 3)) != 0) return;
  }
  const table = hw.load64(large) & PTE_ADDRESS;
  hw.store64(large, 0);
  flushAll();
  freePages(table, 0);
}

/** Gives the pages that are mapped in [start, end), whose edges are split, other rights. */
export function protectPages(start: u64, end: u64, protection: u32, shared: bool): void {
  let changed: u64 = 0;
  let address = start;
  while (address < end) {
    const stop = regionEnd(address, end);
    const large = walkLarge(address, false);
    const value = large != 0 ? hw.load64(large) : 0;
    if (value == 0) {
      address = stop;
      continue;
    }
    if ((value & PTE_LARGE) != 0) {
      assert(stop - address == LARGE_SIZE, "the edges are split");
      hw.store64(large, changeRights(value, protection, shared) | PTE_LARGE);
      changed += FLUSH_ALL_FROM;
      address = stop;
      continue;
    }
    let entry = walk(address, false);
    for (; address < stop; address += PAGE_SIZE) {
      const small = hw.load64(entry);
      if (small != 0) {
        hw.store64(entry, changeRights(small, protection, shared));
        changed++;
      }
      entry += 8;
    }
  }
  if (changed > 0) flushAll();
}

/** PROT_NONE leaves the frame in the entry, not present: the contents come back with the rights. */
function changeRights(value: u64, protection: u32, shared: bool): u64 {
  const writable = shared || (value & PTE_PRIVATE) != 0;
  const kept = value & (PTE_ADDRESS | PTE_PRIVATE | PTE_COUNTED);
  return kept | entryFlags(protection & (PROT_READ | PROT_WRITE | PROT_EXEC), writable);
}

/**
 * Moves what is mapped at [from, from + bytes) to `to`, where nothing is. False when out of memory:
 * then nothing moved.
 */
export function movePages(from: u64, to: u64, bytes: u64): bool {
  for (let offset: u64 = 0; offset < bytes; offset += PAGE_SIZE) {
    const large = walkLarge(from + offset, false);
    if (large == 0 || hw.load64(large) == 0) continue;
    if ((hw.load64(large) & PTE_LARGE) != 0 && !splitLarge(from + offset)) return false;
    if (walk(to + offset, true) == 0) return false;
  }
  for (let offset: u64 = 0; offset < bytes; offset += PAGE_SIZE) {
    const source = walk(from + offset, false);
    if (source == 0) continue;
    const value = hw.load64(source);
    if (value == 0) continue;
    hw.store64(source, 0);
    hw.store64(walk(to + offset, false), value);
  }
  flushAll();
  return true;
}
