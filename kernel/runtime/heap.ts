/**
 * The kernel heap: what `new` takes from and `free` gives back to.
 *
 *     heapAlloc(size) → pointer        heapFree(pointer)        heapUsableSize(pointer)
 *     heapReady()                      whether the reserve is whole: what `attempt` asks first
 *     heapTake(size) → pointer         from the reserve if need be; what `new` calls
 *
 * Small objects come from size classes. A slab is one page: a 16-byte header, then objects of one
 * class; free ones are linked through their first word. Slabs with room form a list per class.
 * Objects above half a page get a span of whole pages with the same header in front; free spans are
 * kept in an address-ordered list and merge with their neighbours. So the header at the start of a
 * pointer's page always tells what it is.
 *
 *     page: | magic kind class | freeCount | next | freeList | object | object | …
 *
 * A reserve is set aside for who can't be told that there is nothing left. `heapAlloc` never
 * touches it and returns 0; a `new` may take it. Since every object that a program causes is made
 * behind a `heapReady` (runtime/attempt.ts), the reserve is whole whenever such a `new` begins, and
 * has to last for what one constructor allocates.
 *
 * Linear memory only grows (hw.growLinear). What has become of a slab shows only when memory is
 * short: then slabs of which nothing is in use become spans again. The heap is entered from thread
 * context alone, never from an interrupt handler, and threads are not preempted inside the kernel;
 * so it needs no lock on one CPU. With more CPUs there is one heap per CPU, and a remote free goes
 * through the owner's incoming queue.
 */
import { growLinear } from "../arch/hw";
import { VERIFY } from "../lib/verify";
import { allocationFails } from "./failing";

const PAGE: usize = 4096;
const PAGE_MASK: usize = PAGE - 1;
/** A grown heap is extended by at least this much, so that growth is rare. */
const GROW_STEP: usize = 16 * PAGE;

const MAGIC_SLAB: u16 = 0x51ab;
const MAGIC_SPAN: u16 = 0x59a1;
const MAGIC_FREE: u16 = 0xf4ee;
const POISON: u8 = 0xdb;

/** Pages of the reserve: a page for each size class, which is more than any constructor opens. */
const RESERVE_PAGES: u32 = 16;

const HEADER: usize = 16;
const CLASS_COUNT: u32 = 15;
const LARGEST_CLASS: usize = 2032;

@unmanaged
class PageHeader {
  magic: u16;
  /** Size class of a slab. */
  sizeClass: u16;
  /** Free objects of a slab; pages of a span. */
  count: u32;
  /** Next slab with room, or next free span. */
  next: PageHeader | null;
  /** First free object of a slab, 0 when it is full. */
  free: usize;
}
if (offsetof<PageHeader>() != 16) ERROR("a page header is one minimal object long");

// The tables are static data and not arrays, because arrays come from this heap.
/** Usable size of each class: multiples of 16, the alignment of every object. */
const CLASS_SIZES: usize = memory.data<u16>([
  16, 32, 48, 64, 80, 96, 128, 160, 208, 256, 336, 512, 672, 1008, 2032,
]);
/** Class for each size, in units of 16 bytes. */
const CLASS_OF_SIZE: usize = memory.data(128);
/** First slab with room, per class. */
const SLABS: usize = memory.data(CLASS_COUNT * sizeof<usize>(), 8);
let freeSpans: PageHeader | null = null;
/** A span of RESERVE_PAGES, or null after it had to be used. */
let reserve: PageHeader | null = null;
/** End of what has been handed out, and end of what is mapped. */
let top: usize = 0;
let limit: usize = 0;
let bytesInUse: usize = 0;
/** Debug builds. */
let objectsInUse: u32 = 0;

function classSize(sizeClass: u32): usize {
  return load<u16>(CLASS_SIZES + ((<usize>sizeClass) << 1));
}

function firstSlab(sizeClass: u32): PageHeader | null {
  return changetype<PageHeader | null>(load<usize>(SLABS + ((<usize>sizeClass) << 2)));
}

function setFirstSlab(sizeClass: u32, slab: PageHeader | null): void {
  store<usize>(SLABS + ((<usize>sizeClass) << 2), changetype<usize>(slab));
}

function initialize(): void {
  let sizeClass: u32 = 0;
  for (let units: usize = 0; units < 128; units++) {
    while (classSize(sizeClass) < units * 16) sizeClass++;
    store<u8>(CLASS_OF_SIZE + units, <u8>sizeClass);
  }
  top = (__heap_base + PAGE_MASK) & ~PAGE_MASK;
  limit = (<usize>memory.size()) << 16;
}

/** Bytes handed out and not yet freed, headers left aside. */
export function heapBytesInUse(): usize {
  return bytesInUse;
}

/** Objects handed out and not yet freed; debug builds count them. */
export function heapObjectsInUse(): u32 {
  return objectsInUse;
}

/** Bytes that the heap has taken from the page allocator, which never get fewer. */
export function heapBytesHeld(): usize {
  return limit;
}

/** The first free span that is large enough, cut to size. */
function spanFind(pages: u32): PageHeader | null {
  let previous: PageHeader | null = null;
  let span = freeSpans;
  while (span) {
    if (span.count >= pages) {
      if (span.count > pages) {
        span.count -= pages;
        const taken = changetype<PageHeader>(changetype<usize>(span) + <usize>span.count * PAGE);
        taken.count = pages;
        return taken;
      }
      if (previous) previous.next = span.next;
      else freeSpans = span.next;
      return span;
    }
    previous = span;
    span = span.next;
  }
  return null;
}

/** A span of memory that was never used. */
function spanGrow(pages: u32): PageHeader | null {
  if (top == 0) initialize();
  const size = <usize>pages * PAGE;
  if (top + size > limit) {
    const wanted = top + max(size, GROW_STEP);
    if (growLinear(wanted)) limit = wanted;
    else if (growLinear(top + size)) limit = top + size;
    else return null;
  }
  const fresh = changetype<PageHeader>(top);
  top += size;
  fresh.count = pages;
  return fresh;
}

function spanTake(pages: u32): PageHeader | null {
  const found = spanFind(pages);
  if (found) return found;
  const fresh = spanGrow(pages);
  if (fresh) return fresh;
  return giveEmptySlabs() ? spanFind(pages) : null;
}

function slabCapacity(sizeClass: u32): u32 {
  return <u32>((PAGE - HEADER) / classSize(sizeClass));
}

/** Turns slabs of which nothing is in use into free spans; false when there was none. */
function giveEmptySlabs(): bool {
  let given = false;
  for (let sizeClass: u32 = 0; sizeClass < CLASS_COUNT; sizeClass++) {
    const capacity = slabCapacity(sizeClass);
    let kept: PageHeader | null = null;
    let slab = firstSlab(sizeClass);
    while (slab) {
      const next = slab.next;
      if (slab.count == capacity) {
        slab.count = 1;
        spanGive(slab);
        given = true;
      } else {
        slab.next = kept;
        kept = slab;
      }
      slab = next;
    }
    setFirstSlab(sizeClass, kept);
  }
  return given;
}

/** Sets the reserve aside again; false while there is no memory for it. */
function refillReserve(): bool {
  reserve = spanTake(RESERVE_PAGES);
  return reserve != null;
}

/**
 * Whether the reserve is whole, so that one constructor may run without a look at each of its
 * allocations. False: memory is out.
 */
export function heapReady(): bool {
  if (VERIFY && allocationFails()) return false;
  return reserve != null || refillReserve();
}

function spanGive(span: PageHeader): void {
  span.magic = MAGIC_FREE;
  let previous: PageHeader | null = null;
  let next = freeSpans;
  while (next && changetype<usize>(next) < changetype<usize>(span)) {
    previous = next;
    next = next.next;
  }
  span.next = next;
  if (next && changetype<usize>(span) + <usize>span.count * PAGE == changetype<usize>(next)) {
    span.count += next.count;
    span.next = next.next;
  }
  if (!previous) {
    freeSpans = span;
  } else if (
    changetype<usize>(previous) + <usize>previous.count * PAGE ==
    changetype<usize>(span)
  ) {
    previous.count += span.count;
    previous.next = span.next;
  } else {
    previous.next = span;
  }
}

function slabCreate(sizeClass: u16): PageHeader | null {
  const slab = spanTake(1);
  if (!slab) return null;
  const size = classSize(sizeClass);
  slab.magic = MAGIC_SLAB;
  slab.sizeClass = sizeClass;
  slab.count = slabCapacity(sizeClass);
  // Not null: growing may have shrunk a cache, and that has freed objects meanwhile.
  slab.next = firstSlab(sizeClass);
  let object = changetype<usize>(slab) + HEADER;
  slab.free = object;
  for (let i: u32 = 1; i < slab.count; i++) {
    store<usize>(object, object + size);
    object += size;
  }
  store<usize>(object, 0);
  setFirstSlab(sizeClass, slab);
  return slab;
}

/** Returns uninitialised memory, aligned to 16 bytes, or 0 when none is left. */
export function heapAlloc(size: usize): usize {
  if (VERIFY && allocationFails()) return 0;
  return take(size);
}

function take(size: usize): usize {
  const pointer = takeUncounted(size);
  if (VERIFY && pointer != 0) objectsInUse++;
  return pointer;
}

function takeUncounted(size: usize): usize {
  if (size > LARGEST_CLASS) {
    const pages = <u32>((size + HEADER + PAGE_MASK) / PAGE);
    const span = spanTake(pages);
    if (!span) return 0;
    span.magic = MAGIC_SPAN;
    bytesInUse += <usize>pages * PAGE;
    return changetype<usize>(span) + HEADER;
  }
  if (top == 0) initialize();
  const sizeClass: u16 = load<u8>(CLASS_OF_SIZE + ((size + 15) >> 4));
  let slab = firstSlab(sizeClass);
  if (!slab) {
    slab = slabCreate(sizeClass);
    if (!slab) return 0;
  }
  const object = slab.free;
  slab.free = load<usize>(object);
  slab.count--;
  if (slab.count == 0) setFirstSlab(sizeClass, slab.next);
  bytesInUse += classSize(sizeClass);
  return object;
}

/**
 * Whether `bytes` in small objects can be allocated at once, by who makes a whole tree of them and
 * does not look at each (/proc, when it is first looked into).
 */
export function heapHasRoom(bytes: usize): bool {
  const span = heapAlloc(bytes);
  if (span != 0) heapFree(span);
  return span != 0;
}

/**
 * As `heapAlloc`, but takes the reserve when nothing else is left: for objects whose maker can't
 * fail. 0 when that is used up too.
 */
export function heapTake(size: usize): usize {
  const pointer = take(size);
  return pointer != 0 ? pointer : takeFromReserve(size);
}

function takeFromReserve(size: usize): usize {
  const span = reserve;
  if (!span) return 0;
  reserve = null;
  spanGive(span);
  return take(size);
}

/**
 * Gives back what `heapAlloc` or `heapTake` returned. A pointer that is not such is a bug, and
 * found out in debug builds.
 */
export function heapFree(pointer: usize): void {
  if (VERIFY) objectsInUse--;
  const header = changetype<PageHeader>(pointer & ~PAGE_MASK);
  if (header.magic == MAGIC_SPAN) {
    bytesInUse -= <usize>header.count * PAGE;
    spanGive(header);
    return;
  }
  assert(header.magic == MAGIC_SLAB, "free of a pointer that the heap did not hand out");
  const size = classSize(header.sizeClass);
  if (VERIFY) {
    for (let free = header.free; free != 0; free = load<usize>(free)) {
      assert(free != pointer, "double free");
    }
    memory.fill(pointer, POISON, size);
  }
  store<usize>(pointer, header.free);
  header.free = pointer;
  bytesInUse -= size;
  if (header.count++ == 0) {
    header.next = firstSlab(header.sizeClass);
    setFirstSlab(header.sizeClass, header);
  }
}

/** How many bytes may be used at `pointer`: at least the size that was asked for. */
export function heapUsableSize(pointer: usize): usize {
  const header = changetype<PageHeader>(pointer & ~PAGE_MASK);
  if (header.magic == MAGIC_SPAN) return <usize>header.count * PAGE - HEADER;
  return classSize(header.sizeClass);
}
