/**
 * The application's address space: what mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2) and
 * brk(2) do.
 *
 *     mapRegion(address, bytes, protection, flags, source, pageOffset)
 *     unmapRegion, protectRegion, moveRegion, discardRegion, findFree
 *
 * Areas (mem/vma.ts) say what may be there, page tables (mem/user-pages.ts) what is; pages come by
 * faults (mem/fault.ts). Addresses and sizes are multiples of a page; callers have checked that.
 * Adjacent anonymous areas with the same rights are joined, so that growing memory bit by bit does
 * not fill the tree. What fails for want of memory has changed nothing.
 */
import { File, fileGet, filePut } from "../fs/file";
import { PageSource } from "../fs/page-source";
import { EACCES, ENOMEM } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { PAGE_SHIFT, PAGE_SIZE } from "./page-allocator";
import { movePages, protectPages, splitEdges, unmapPages } from "./user-pages";
import {
  PROT_WRITE,
  VMA_GROWS_DOWN,
  VMA_MAY_WRITE,
  VMA_SHARED,
  Vma,
  vmaChanged,
  vmaCount,
  vmaFind,
  vmaFindGap,
  vmaFirstFrom,
  vmaInsert,
  vmaLastBelow,
  vmaRemove,
} from "./vma";

/** Lowest address that may be mapped (Linux's vm.mmap_min_addr), and the end of the half. */
export const MAP_LOW: u64 = 0x10000;
export const MAP_END: u64 = 0x7ffffffff000;

/** How many areas there may be: Linux's vm.max_map_count. */
export const AREAS_MAX: u32 = 65530;

/**
 * Where free ranges are looked for, from the top: below the stack. Set by the program's start, with
 * its randomness.
 */
let mapTop: u64 = 0x7fff00000000;
/** Pages of all areas, for RLIMIT_AS and /proc/self/statm. */
let mappedPages: u64 = 0;
/** The most there were; brought up to date when they get fewer, and when somebody asks. */
let mappedPagesMax: u64 = 0;

export function setMapTop(address: u64): void {
  mapTop = address;
}

export function addressSpacePages(): u64 {
  return mappedPages;
}

export function addressSpacePagesMax(): u64 {
  return max(mappedPagesMax, mappedPages);
}

/** References of an area on what it maps. */
function contentsGet(area: Vma): void {
  const source = area.source;
  if (source) source.references++;
  const file = area.file;
  if (file) fileGet(file);
}

function contentsPut(area: Vma): void {
  const source = area.source;
  if (source && --source.references == 0) source.release();
  const file = area.file;
  if (file) filePut(file);
}

/** Linux's stack_guard_gap: what stays free below an area that grows down. */
export const STACK_GUARD_GAP: u64 = 256 << PAGE_SHIFT;

/** There is, or was, an area that grows down (mem/stack-growth.ts). */
let hasGrowing = false;

/** The VMA_* flag of such an area. */
export function growingFlag(): u32 {
  hasGrowing = true;
  return VMA_GROWS_DOWN;
}

/** A free range of `bytes`, as high as possible; 0 when there is none. */
export function findFree(bytes: u64): u64 {
  const found = findBelow(bytes, mapTop);
  return found != 0 ? found : findBelow(bytes, MAP_END);
}

function findBelow(bytes: u64, high: u64): u64 {
  const found = vmaFindGap(bytes, MAP_LOW, high);
  return hasGrowing ? awayFromStacks(found, bytes) : found;
}

/** The range, or the next one further down that keeps its distance from what grows towards it. */
function awayFromStacks(found: u64, bytes: u64): u64 {
  let at = found;
  while (at != 0) {
    const above = vmaFirstFrom(at + bytes);
    if (!above || (above.flags & VMA_GROWS_DOWN) == 0) break;
    if (above.start - (at + bytes) >= STACK_GUARD_GAP) break;
    const high = above.start - min(above.start, STACK_GUARD_GAP);
    at = vmaFindGap(bytes, MAP_LOW, high);
  }
  return at;
}

/** Whether [address, address + bytes) is free. */
export function isFree(address: u64, bytes: u64): bool {
  const area = vmaFirstFrom(address);
  return !area || area.start >= address + bytes;
}

/** Whether two areas, one behind the other, can be one. */
function joinable(low: Vma, high: Vma): bool {
  if (low.end != high.start || low.protection != high.protection || low.flags != high.flags)
    return false;
  if (low.source != high.source || low.file != high.file) return false;
  return (
    low.source == null || low.pageOffset + ((low.end - low.start) >> PAGE_SHIFT) == high.pageOffset
  );
}

/** Joins an area that is in the tree with its neighbours where that is possible. */
function join(area: Vma): void {
  const low = vmaLastBelow(area.start);
  if (low && joinable(low, area)) {
    vmaRemove(low);
    vmaRemove(area);
    area.start = low.start;
    area.pageOffset = low.pageOffset;
    destroyArea(low);
    vmaInsert(area);
  }
  const high = vmaFirstFrom(area.end);
  if (high && joinable(area, high)) {
    vmaRemove(high);
    vmaRemove(area);
    area.end = high.end;
    destroyArea(high);
    vmaInsert(area);
  }
}

/** An area that is not in the tree yet, with references on what it maps; null at the limit. */
function createArea(
  start: u64,
  end: u64,
  protection: u32,
  flags: u32,
  source: PageSource | null,
  pageOffset: u64,
  file: File | null,
): Vma | null {
  if (vmaCount() >= AREAS_MAX) return null;
  const area = attempt(new Vma());
  if (!area) return null;
  area.start = start;
  area.end = end;
  area.protection = protection;
  area.flags = flags;
  area.source = source;
  area.pageOffset = pageOffset;
  area.faultEnd = 0;
  area.faultWindow = 0;
  area.file = file;
  contentsGet(area);
  return area;
}

function destroyArea(area: Vma): void {
  contentsPut(area);
  free(area);
}

/** Puts an area where nothing is mapped. */
function enterArea(area: Vma): void {
  vmaInsert(area);
  mappedPages += (area.end - area.start) >> PAGE_SHIFT;
  join(area);
}

/**
 * Maps a range where nothing is mapped. Takes a reference of its own on the source and the file. 0,
 * or -ENOMEM: no memory for the area, or as many areas as there may be. Memory for the pages is
 * needed when they are touched.
 */
export function mapRegion(
  address: u64,
  bytes: u64,
  protection: u32,
  flags: u32,
  source: PageSource | null,
  pageOffset: u64,
  file: File | null = null,
): i32 {
  const area = createArea(address, address + bytes, protection, flags, source, pageOffset, file);
  if (!area) return -ENOMEM;
  enterArea(area);
  return 0;
}

/** Cuts the area that contains `address` in two there. 0 or -ENOMEM. */
function splitArea(address: u64): i32 {
  const area = vmaFind(address);
  if (!area || area.start == address) return 0;
  const offset = area.pageOffset + ((address - area.start) >> PAGE_SHIFT);
  const high = createArea(
    address,
    area.end,
    area.protection,
    area.flags,
    area.source,
    offset,
    area.file,
  );
  if (!high) return -ENOMEM;
  vmaRemove(area);
  area.end = address;
  vmaInsert(area);
  vmaInsert(high);
  return 0;
}

/** Joins the areas on both sides of `address` again, where that is possible. */
function rejoin(address: u64): void {
  const area = vmaFind(address);
  if (area) join(area);
}

/** Makes `address` and `end` bounds of areas. 0, or -ENOMEM and all is as it was. */
function splitAround(address: u64, end: u64): i32 {
  let error = splitArea(address);
  if (error != 0) return error;
  error = splitArea(end);
  if (error != 0) rejoin(address);
  return error;
}

/** As `splitAround`, and of large pages. */
function splitWithPages(address: u64, end: u64): i32 {
  const error = splitAround(address, end);
  if (error != 0 || splitEdges(address, end)) return error;
  rejoin(address);
  rejoin(end);
  return -ENOMEM;
}

/** Unmaps whatever is in the range. 0, or -ENOMEM: then all areas are as they were. */
export function unmapRegion(address: u64, bytes: u64): i32 {
  const end = address + bytes;
  let area = vmaFirstFrom(address);
  if (!area || area.start >= end) return 0;
  const error = splitWithPages(address, end);
  if (error != 0) return error;
  unmapPages(address, end);
  mappedPagesMax = max(mappedPagesMax, mappedPages);
  area = vmaFirstFrom(address);
  while (area && area.start < end) {
    vmaRemove(area);
    mappedPages -= (area.end - area.start) >> PAGE_SHIFT;
    destroyArea(area);
    area = vmaFirstFrom(address);
  }
  return 0;
}

/** Whether every address of the range is mapped. */
export function isMapped(address: u64, bytes: u64): bool {
  let at = address;
  while (at < address + bytes) {
    const area = vmaFind(at);
    if (!area) return false;
    at = area.end;
  }
  return true;
}

/**
 * Changes the rights of a range, up to the first address that is not mapped (-ENOMEM) or may not
 * have them (-EACCES), as Linux does. 0, or the error; -ENOMEM also when memory is short, and then
 * nothing has changed.
 */
export function protectRegion(address: u64, bytes: u64, protection: u32): i32 {
  let end = address;
  let refusal = 0;
  while (end < address + bytes && refusal == 0) {
    const area = vmaFind(end);
    if (!area) refusal = -ENOMEM;
    else if ((protection & PROT_WRITE) != 0 && (area.flags & VMA_MAY_WRITE) == 0) refusal = -EACCES;
    else end = min(area.end, address + bytes);
  }
  if (end == address) return refusal;
  const error = splitWithPages(address, end);
  if (error != 0) return error;
  let at = address;
  while (at < end) {
    const area = vmaFind(at);
    if (!area) break;
    at = area.end;
    if (area.protection == protection) continue;
    protectPages(area.start, area.end, protection, (area.flags & VMA_SHARED) != 0);
    area.protection = protection;
    vmaChanged();
    join(area);
  }
  return refusal;
}

/** Changes VMA_* flags over a range (madvise). 0 or -ENOMEM. */
export function flagRegion(address: u64, bytes: u64, set: u32, clear: u32): i32 {
  const end = address + bytes;
  const error = splitAround(address, end);
  if (error != 0) return error;
  let at = address;
  while (at < end) {
    const area = vmaFirstFrom(at);
    if (!area || area.start >= end) break;
    at = area.end;
    area.flags = (area.flags & ~clear) | set;
    vmaChanged();
    join(area);
  }
  return isMapped(address, bytes) ? 0 : -ENOMEM;
}

/**
 * Drops the pages of a range; private anonymous memory is zero again afterwards (MADV_DONTNEED). 0
 * or -ENOMEM.
 */
export function discardRegion(address: u64, bytes: u64): i32 {
  const end = address + bytes;
  if (!splitEdges(address, end)) return -ENOMEM;
  let area = vmaFirstFrom(address);
  while (area && area.start < end) {
    const isKept = area.source == null && (area.flags & VMA_SHARED) != 0;
    if (!isKept) unmapPages(max(address, area.start), min(end, area.end));
    area = vmaFirstFrom(area.end);
  }
  return isMapped(address, bytes) ? 0 : -ENOMEM;
}

/**
 * Takes the pages of `source` from `firstIndex` on out of all mappings: the file behind it was cut.
 */
export function discardSource(source: PageSource, firstIndex: u64): void {
  source.cuts++;
  vmaChanged();
  let area = vmaFirstFrom(0);
  while (area) {
    const pages = (area.end - area.start) >> PAGE_SHIFT;
    if (area.source == source && area.pageOffset + pages > firstIndex) {
      const skipped = firstIndex > area.pageOffset ? firstIndex - area.pageOffset : 0;
      unmapPages(area.start + (skipped << PAGE_SHIFT), area.end);
    }
    area = vmaFirstFrom(area.end);
  }
}

/** Whether a mapping may write to the pages of a source itself, now or after mprotect(2). */
export function isMappedWritable(source: PageSource): bool {
  const writable = VMA_SHARED | VMA_MAY_WRITE;
  let area = vmaFirstFrom(0);
  while (area) {
    if (area.source == source && (area.flags & writable) == writable) return true;
    area = vmaFirstFrom(area.end);
  }
  return false;
}

/** Extends an area at its end by `bytes`, which are free. */
export function growArea(area: Vma, bytes: u64): void {
  vmaRemove(area);
  area.end += bytes;
  vmaInsert(area);
  mappedPages += bytes >> PAGE_SHIFT;
  join(area);
}

/** Extends an area at its beginning, down to `start`; what is between is free. */
export function growAreaDown(area: Vma, start: u64): void {
  const pages = (area.start - start) >> PAGE_SHIFT;
  vmaRemove(area);
  area.start = start;
  if (area.source) area.pageOffset -= pages;
  vmaInsert(area);
  mappedPages += pages;
}

/**
 * Moves [from, from + bytes), part of one area, to the free range at `to`, with `newBytes` there. 0
 * or -ENOMEM.
 */
export function moveRegion(from: u64, bytes: u64, to: u64, newBytes: u64): i32 {
  const error = splitAround(from, from + bytes);
  if (error != 0) return error;
  const area = vmaFind(from);
  if (!area) return -ENOMEM;
  const target = createArea(
    to,
    to + newBytes,
    area.protection,
    area.flags,
    area.source,
    area.pageOffset,
    area.file,
  );
  if (!target || !movePages(from, to, min(bytes, newBytes))) {
    if (target) destroyArea(target);
    rejoin(from);
    rejoin(from + bytes);
    return -ENOMEM;
  }
  // The old area goes before the new one can be joined with it, so this needs no memory.
  const left = unmapRegion(from, bytes);
  assert(left == 0, "what has bounds of its own can be unmapped");
  enterArea(target);
  return 0;
}

/** Rounds up to whole pages. */
export function pageAlign(bytes: u64): u64 {
  return (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/**
 * A free range of `bytes` that lies within `reach` of `address`, below it if possible; 0 when there
 * is none.
 */
export function findFreeNear(bytes: u64, address: u64, reach: u64): u64 {
  const low = address > reach + MAP_LOW ? address - reach : MAP_LOW;
  const below = vmaFindGap(bytes, low, address);
  if (below != 0) return below;
  return vmaFindGap(bytes, address, min(address + reach, MAP_END));
}
