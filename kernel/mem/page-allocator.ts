/**
 * Physical pages: a buddy allocator, and a reference count per page frame.
 *
 *     addMemory(start, end)        usable physical memory, at boot
 *     isMemory(start, end)         for who is told that a device is there
 *     allocPages(order)            2^order contiguous pages, naturally aligned; physical address, 0 when out of memory
 *     allocFreePages(order)        the same, but 0 when it would cost the caches something
 *     allocSparePages(order)       for what calls make: 0 when what is left is for page faults
 *     freePages(address, order)
 *     pageGet(address) / pagePut(address)      the reference count of one page; the last `pagePut` frees it
 *     directMap(address)           the virtual address of physical memory
 *
 * Physical memory is carved in chunks of the largest order from a frontier that only grows, so that
 * a page nobody has used yet has cost nothing: neither its frame record nor a touch of the host's
 * memory. Free blocks of each order are doubly linked through their frame records:
 *
 *     frame record (16 bytes, in an array at the start of each memory range): next, previous, references, order|state
 *
 * What the caches hold counts as memory: when no block is free, they shrink (mem/reclaim.ts) before
 * anybody hears 0. That runs here, in the middle of whatever its caller is doing: it sleeps for
 * nothing, allocates nothing, and takes no page that has another reference.
 *
 * Frame records are outside of linear memory (a large machine has more of them than fit), reached
 * by address. Thread context only; with more CPUs, each gets a cache of single pages in front of
 * this.
 */
import { load32, store32 } from "../arch/hw";
import { VERIFY } from "../lib/verify";
import { allocationFails } from "../runtime/failing";
import { reclaimPages } from "./reclaim";

export const PAGE_SIZE: u64 = 4096;
export const PAGE_SHIFT: u64 = 12;
/**
 * Blocks up to this order the caches are emptied for. Larger ones are a convenience, for which they
 * give a few batches: their users take less.
 */
const ORDER_NEEDED_MAX: u32 = 3;
const BATCHES_FOR_LARGE: u32 = 4;

/**
 * What calls make (buffers, stacks, the heap's objects) leaves this part of the memory to page
 * faults: one of 64. A call can say that there is none; a fault that finds none is the end of the
 * program, which could not even look at what the call said.
 */
const KEPT_SHIFT: u64 = 6;

/** 4 MiB. */
export const ORDER_MAX: u32 = 10;
export const DIRECT_MAP: u64 = 0xffff800000000000;

const FRAME_SIZE: u64 = 16;
const FRAME_NEXT: u64 = 0;
const FRAME_PREVIOUS: u64 = 4;
const FRAME_REFERENCES: u64 = 8;
const FRAME_STATE: u64 = 12;
/** State of the first frame of a free block: this bit and its order. All else is 0. */
const STATE_FREE: u32 = 0x100;
/** No frame: frame 0 is never handed out. */
const NONE: u32 = 0;

const RANGES_MAX = 16;

/**
 * A range of usable memory, in frame numbers; `frontier` is the first frame never handed to the
 * buddy lists.
 */
@unmanaged
class MemoryRange {
  start: u32;
  end: u32;
  frontier: u32;
  /** Address of the record of frame `start`. */
  records: u64;
}

const ranges: usize = memory.data(RANGES_MAX * 24, 8);
if (offsetof<MemoryRange>() != 24) ERROR("the size of a MemoryRange is written out above");
let rangeCount = 0;
const freeHeads: usize = memory.data((10 + 1) * 4, 4);
let freeCount: u64 = 0;
let totalCount: u64 = 0;

export function directMap(address: u64): u64 {
  return DIRECT_MAP + address;
}

/** Pages that are free, and pages there are. */
export function freePageCount(): u64 {
  return freeCount;
}

export function totalPageCount(): u64 {
  return totalCount;
}

/**
 * How many free blocks of 2^order pages there are, those included that memory never handed out
 * would make. Walks the list of them.
 */
export function freeBlockCount(order: u32): u64 {
  let blocks: u64 = 0;
  for (let frame = listHead(order); frame != NONE; frame = load32(record(frame) + FRAME_NEXT)) {
    blocks++;
  }
  for (let i = 0; i < rangeCount; i++) {
    const range = rangeAt(i);
    let frame = range.frontier;
    while (frame < range.end) {
      const size = blockOrder(frame, range.end);
      if (size == order) blocks++;
      frame += (<u32>1) << size;
    }
  }
  return blocks;
}

/** The order of the largest aligned block that begins at a frame and ends by `end`. */
function blockOrder(frame: u32, end: u32): u32 {
  let order = min<u32>(ORDER_MAX, ctz(frame));
  while (frame + ((<u32>1) << order) > end) order--;
  return order;
}

function rangeAt(index: i32): MemoryRange {
  return changetype<MemoryRange>(ranges + <usize>index * offsetof<MemoryRange>());
}

function rangeOf(frame: u32): MemoryRange {
  for (let i = 0; i < rangeCount; i++) {
    const range = rangeAt(i);
    if (frame - range.start < range.end - range.start) return range;
  }
  return changetype<MemoryRange>(0);
}

/** Address of a frame's record; the frame must be of a known range. */
function record(frame: u32): u64 {
  const range = rangeAt(0);
  if (frame - range.start < range.end - range.start) {
    return range.records + <u64>(frame - range.start) * FRAME_SIZE;
  }
  const other = rangeOf(frame);
  assert(changetype<usize>(other) != 0, "a page frame of no known memory range");
  return other.records + <u64>(frame - other.start) * FRAME_SIZE;
}

/**
 * Makes [start, end) usable; unaligned ends are rounded inwards. The frame records are taken from
 * its beginning. Ranges must not overlap. The memory must be reachable through the direct map when
 * it is first handed out.
 */
export function addMemory(start: u64, end: u64): void {
  let first = <u32>((start + PAGE_SIZE - 1) >> PAGE_SHIFT);
  const last = <u32>(end >> PAGE_SHIFT);
  if (first == 0) first = 1;
  if (last <= first + 1 || rangeCount == RANGES_MAX) return;
  const recordPages = <u32>((<u64>(last - first) * FRAME_SIZE + PAGE_SIZE - 1) >> PAGE_SHIFT);
  if (first + recordPages >= last) return;
  const range = rangeAt(rangeCount++);
  range.records = directMap((<u64>first) << PAGE_SHIFT);
  range.start = first + recordPages;
  range.end = last;
  range.frontier = range.start;
  freeCount += last - range.start;
  totalCount += last - first;
}

/** Whether a byte of [start, end) is memory that was added, frame records included. */
export function isMemory(start: u64, end: u64): bool {
  for (let i = 0; i < rangeCount; i++) {
    const range = rangeAt(i);
    if (start < (<u64>range.end) << PAGE_SHIFT && end > range.records - DIRECT_MAP) return true;
  }
  return false;
}

function listHead(order: u32): u32 {
  return load<u32>(freeHeads + ((<usize>order) << 2));
}

function setListHead(order: u32, frame: u32): void {
  store<u32>(freeHeads + ((<usize>order) << 2), frame);
}

function pushFree(frame: u32, order: u32): void {
  const at = record(frame);
  const head = listHead(order);
  store32(at + FRAME_NEXT, head);
  store32(at + FRAME_PREVIOUS, NONE);
  store32(at + FRAME_REFERENCES, 0);
  store32(at + FRAME_STATE, STATE_FREE | order);
  if (head != NONE) store32(record(head) + FRAME_PREVIOUS, frame);
  setListHead(order, frame);
}

function removeFree(frame: u32, order: u32): void {
  const at = record(frame);
  const next = load32(at + FRAME_NEXT);
  const previous = load32(at + FRAME_PREVIOUS);
  if (previous != NONE) store32(record(previous) + FRAME_NEXT, next);
  else setListHead(order, next);
  if (next != NONE) store32(record(next) + FRAME_PREVIOUS, previous);
  store32(at + FRAME_STATE, 0);
}

/**
 * Moves the next piece of untouched memory to the free lists, in aligned blocks. False when there
 * is none.
 */
function advanceFrontier(): bool {
  for (let i = 0; i < rangeCount; i++) {
    const range = rangeAt(i);
    if (range.frontier == range.end) continue;
    const chunk: u32 = 1 << ORDER_MAX;
    const stop = min(range.end, (range.frontier + chunk) & ~(chunk - 1));
    for (let frame = range.frontier; frame < stop; frame++) {
      const at = record(frame);
      store32(at + FRAME_REFERENCES, 0);
      store32(at + FRAME_STATE, 0);
    }
    let frame = range.frontier;
    range.frontier = stop;
    while (frame < stop) {
      const order = blockOrder(frame, stop);
      pushFree(frame, order);
      frame += (<u32>1) << order;
    }
    return true;
  }
  return false;
}

/** A block of 2^order pages of those that are free, or 0. */
function takeFree(order: u32): u64 {
  assert(order <= ORDER_MAX, "larger than the largest block");
  do {
    for (let from = order; from <= ORDER_MAX; from++) {
      const frame = listHead(from);
      if (frame == NONE) continue;
      removeFree(frame, from);
      while (from > order) {
        from--;
        pushFree(frame + ((<u32>1) << from), from);
      }
      freeCount -= (<u64>1) << order;
      store32(record(frame) + FRAME_REFERENCES, 1);
      return (<u64>frame) << PAGE_SHIFT;
    }
  } while (advanceFrontier());
  return 0;
}

/** Shrinks the caches until there is a block, or they have no more to give. */
function takeReclaimed(order: u32): u64 {
  let batches = order <= ORDER_NEEDED_MAX ? u32.MAX_VALUE : BATCHES_FOR_LARGE;
  while (batches-- > 0 && reclaimPages()) {
    const block = takeFree(order);
    if (block != 0) return block;
  }
  return 0;
}

/**
 * Allocates 2^order pages; their contents are undefined, the first frame has one reference. 0 when
 * there are none. Does not sleep.
 */
export function allocPages(order: u32): u64 {
  if (VERIFY && allocationFails()) return 0;
  const block = takeFree(order);
  return block != 0 ? block : takeReclaimed(order);
}

/**
 * As `allocPages`, but leaves the caches alone: for what may be done without (reading ahead, larger
 * pages), or smaller.
 */
export function allocFreePages(order: u32): u64 {
  if (VERIFY && allocationFails()) return 0;
  return takeFree(order);
}

/** As `allocPages`, for what a call makes: 0 when what is left is for page faults. */
export function allocSparePages(order: u32): u64 {
  const rest = freeCount - ((<u64>1) << order);
  if (<i64>rest < <i64>(totalCount >> KEPT_SHIFT) && !sparePagesSlowly(order)) return 0;
  return allocPages(order);
}

/** Shrinks the caches until there are 2^order pages to spare; false when there are none. */
function sparePagesSlowly(order: u32): bool {
  const wanted = (totalCount >> KEPT_SHIFT) + ((<u64>1) << order);
  while (freeCount < wanted) {
    if (!reclaimPages()) return false;
  }
  return true;
}

/** Gives back a block of `allocPages`, or any aligned part of one. */
export function freePages(address: u64, order: u32): void {
  let frame = <u32>(address >> PAGE_SHIFT);
  let size = order;
  freeCount += (<u64>1) << order;
  const range = rangeOf(frame);
  assert(changetype<usize>(range) != 0, "a page frame of no known memory range");
  assert((load32(record(frame) + FRAME_STATE) & STATE_FREE) == 0, "double free of a page");
  while (size < ORDER_MAX) {
    const buddy = frame ^ ((<u32>1) << size);
    if (buddy < range.start || buddy + ((<u32>1) << size) > range.frontier) break;
    if (load32(record(buddy) + FRAME_STATE) != (STATE_FREE | size)) break;
    removeFree(buddy, size);
    frame &= ~((<u32>1) << size);
    size++;
  }
  pushFree(frame, size);
}

/** Address of a frame's record, or 0 for memory that was never added: boot modules, devices. */
function recordIfAny(frame: u32): u64 {
  const range = rangeAt(0);
  if (frame - range.start < range.end - range.start) {
    return range.records + <u64>(frame - range.start) * FRAME_SIZE;
  }
  const other = rangeOf(frame);
  if (changetype<usize>(other) == 0) return 0;
  return other.records + <u64>(frame - other.start) * FRAME_SIZE;
}

/**
 * Takes one more reference on a page that has one. Pages that are not the allocator's are not
 * counted.
 */
export function pageGet(address: u64): void {
  const at = recordIfAny(<u32>(address >> PAGE_SHIFT));
  if (at != 0) store32(at + FRAME_REFERENCES, load32(at + FRAME_REFERENCES) + 1);
}

/** How many references a page has. */
export function pageReferences(address: u64): u32 {
  return load32(record(<u32>(address >> PAGE_SHIFT)) + FRAME_REFERENCES);
}

/** Gives one reference back; the page is freed with the last one. */
export function pagePut(address: u64): void {
  const at = recordIfAny(<u32>(address >> PAGE_SHIFT));
  if (at == 0) return;
  const left = load32(at + FRAME_REFERENCES) - 1;
  store32(at + FRAME_REFERENCES, left);
  if (left == 0) freePages(address, 0);
}

/** Turns a block of 2^order pages with one reference into single pages with one reference each. */
export function splitPages(address: u64, order: u32): void {
  const frame = <u32>(address >> PAGE_SHIFT);
  for (let i: u32 = 0; i < (<u32>1) << order; i++) {
    store32(record(frame + i) + FRAME_REFERENCES, 1);
  }
}
