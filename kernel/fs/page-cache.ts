/**
 * The page cache: pages of a disk in memory, shared by read(2), mmap(2) and the file systems' own
 * reading of metadata.
 *
 *     cache.peek(index)               the page if it is there: its physical address, with a
 *                                     reference for the caller; else 0
 *     cache.get(index, readAhead)     reads it first if need be (sleeps); -EIO, -ENOMEM
 *     shrinkPageCache(pages)          drops up to that many pages; for who finds memory short
 *
 * There is one cache per disk and not per file: files of EROFS lie on the disk as they are in
 * memory, so the index of a file's page is an addition, and one request may fill pages of several
 * files. A disk image that lies in memory already (a boot module) is used in place.
 *
 * Reading: a request to the device costs an exit to the hypervisor, which is the price of copying
 * tens of KiB. So a miss reads a window around the page, inside the bounds that the caller's
 * `ReadAhead` gives (its file). A miss right behind the last window is a sequential reader, and
 * doubles the window.
 *
 * The cache holds one reference of each page in it. Who uses or maps a page holds another; a page
 * whose only reference is the cache's may be dropped. The clock's hand gives pages used since its
 * last round a second chance.
 *
 * `lock` is held while a read is under way, and guards the scratch array; the map itself changes
 * only between sleeps. With more CPUs the map's entries are published after the page is filled, and
 * read without the lock.
 */
import { EIO, ENOMEM } from "../lib/errno";
import {
  allocFreePages,
  allocPages,
  freePageCount,
  pageGet,
  pagePut,
  pageReferences,
  splitPages,
  totalPageCount,
} from "../mem/page-allocator";
import { reclaimUnused } from "../mem/reclaim";
import { heapAlloc } from "../runtime/heap";
import { LOCK_PAGE_CACHE } from "../sched/lock-order";
import { Mutex } from "../sched/mutex";
import { ENTRY_ACCESSED, entryOf, entryPage, NO_INDEX, PageMap } from "./page-map";

/** Pages of one request at most: 1 MiB. */
export const WINDOW_MAX: u32 = 256;
/**
 * Pages of the first read at a place, by how much memory is free. Starting redis-server with its 17
 * libraries (17 MiB) takes 169 requests of 64 KiB, 63 of 256 KiB or 39 of 512 KiB, and each costs
 * about as much as copying 256 KiB.
 */
const WINDOW_AMPLE: u32 = 128;
const WINDOW_SCARCE: u32 = 32;
const WINDOW_SHORT: u32 = 8;
/**
 * A read leaves this part of the memory free, by dropping what was read before: one of 32. So
 * others find free pages, and neighbours among them, though files are larger than the memory.
 */
const KEPT_FREE_SHIFT: u64 = 5;

/** By what could be free: most of the cache is, too. */
function firstWindow(): u32 {
  const available = freePageCount() + cachedPageCount();
  const total = totalPageCount();
  if (available > total >> 1) return WINDOW_AMPLE;
  return available > total >> 3 ? WINDOW_SCARCE : WINDOW_SHORT;
}

/** Makes room for `count` pages, as far as the caches have any that are not mapped. */
function makeRoom(count: u32): void {
  const wanted = <u64>count + (totalPageCount() >> KEPT_FREE_SHIFT);
  while (freePageCount() < wanted && reclaimUnused()) {}
}

/**
 * Where readers of one file are, and how far reading ahead may go. Indexes are those of the cache.
 */
@unmanaged
export class ReadAhead {
  /** The file's pages: [first, end). */
  first: u64;
  end: u64;
  /** Behind the last window that was read. */
  next: u64;
  window: u32;

  constructor(first: u64, end: u64) {
    this.first = first;
    this.end = end;
    this.next = u64.MAX_VALUE;
    this.window = WINDOW_SHORT;
  }
}

let caches: PageCache | null = null;

export abstract class PageCache {
  /** Number of pages of the disk. */
  pageCount: u64 = 0;
  /** Physical address of the disk's contents when they lie in memory; 0: they don't. */
  memoryBase: u64 = 0;
  /** What has been read so far. */
  requestCount: u64 = 0;
  pagesRead: u64 = 0;
  private map: PageMap = new PageMap();
  private lock: Mutex = new Mutex(LOCK_PAGE_CACHE);
  /** Guarded by `lock`: the pages of the request under way. */
  private scratch: usize = 0;
  /** Where `shrink` goes on. */
  private hand: u64 = 0;
  private nextCache: PageCache | null = null;

  /**
   * Reads pages [first, first + count) into the physical pages of the u64 array. May sleep. 0 or
   * -EIO.
   */
  abstract fill(first: u64, pages: usize, count: u32): i32;

  /** Lets `shrinkPageCache` know of this cache. */
  register(): void {
    this.nextCache = caches;
    caches = this;
  }

  peek(index: u64): u64 {
    if (this.memoryBase != 0) {
      if (index >= this.pageCount) return 0;
      // The page allocator does not count references of memory that is not its own, so this is for
      // form.
      pageGet(this.memoryBase + (index << 12));
      return this.memoryBase + (index << 12);
    }
    const entry = this.map.touch(index);
    if (entry == 0) return 0;
    const page = entryPage(entry);
    pageGet(page);
    return page;
  }

  get(index: u64, ahead: ReadAhead): i64 {
    const page = this.peek(index);
    return page != 0 ? <i64>page : this.load(index, ahead);
  }

  /** Pages that are in memory. */
  residentCount(): u64 {
    return this.map.count;
  }

  private load(index: u64, ahead: ReadAhead): i64 {
    if (index >= this.pageCount) return -EIO;
    this.lock.lock();
    // Somebody else may have read it meanwhile.
    const present = this.peek(index);
    const page = present != 0 ? <i64>present : this.readWindow(index, ahead);
    this.lock.unlock();
    return page;
  }

  /**
   * Reads the window around `index`; when the device fails on it, the one page alone. The page with
   * a reference, or -errno. Holds `lock`.
   */
  private readWindow(index: u64, ahead: ReadAhead): i64 {
    assert(this.lock.owned(), "one read at a time");
    const sequential = index == ahead.next;
    const smallest = firstWindow();
    // A sequential reader may go beyond the first window unless memory is short.
    const largest = smallest == WINDOW_SHORT ? WINDOW_SHORT : WINDOW_MAX;
    ahead.window = sequential ? min(max(ahead.window << 1, smallest), largest) : smallest;
    const end = min(ahead.end, this.pageCount);
    let first = index;
    if (!sequential && index >= ahead.first) {
      first = index - ((index - ahead.first) & (<u64>ahead.window - 1));
    }
    // What is there already bounds the window: the request is one piece.
    for (let at = index; at > first; at--) {
      if (this.map.entry(at - 1) != 0) first = at;
    }
    let last = min(first + <u64>ahead.window, max(end, index + 1));
    for (let at = index + 1; at < last; at++) {
      if (this.map.entry(at) != 0) last = at;
    }
    const page = this.readRange(first, <u32>(last - first), <u32>(index - first));
    if (page != -EIO) {
      ahead.next = last;
      return page;
    }
    return last - first > 1 ? this.readRange(index, 1, 0) : page;
  }

  /**
   * Reads `count` pages, or when memory is short those from `needed` on that fit. The needed page
   * with a reference, or -errno. Holds `lock`.
   */
  private readRange(first: u64, count: u32, needed: u32): i64 {
    if (this.scratch == 0) this.scratch = heapAlloc((<usize>WINDOW_MAX) << 3);
    if (this.scratch == 0) return -ENOMEM;
    makeRoom(count);
    let start = first;
    let at = needed;
    let got = allocateRun(this.scratch, count);
    if (got <= needed) {
      // Not even the page that is waited for: begin there.
      start = first + <u64>needed;
      at = 0;
      got = got == 0 ? allocateOne(this.scratch) : trimRun(this.scratch, got, count - needed);
      if (got == 0) return -ENOMEM;
    }
    const error = this.fill(start, this.scratch, got);
    this.requestCount++;
    this.pagesRead += got;
    // Entering the others may shrink this cache: the map's table grows.
    const page = load<u64>(this.scratch + ((<usize>at) << 3));
    pageGet(page);
    for (let i: u32 = 0; i < got; i++) {
      const read = load<u64>(this.scratch + ((<usize>i) << 3));
      if (error != 0 || !this.map.set(start + <u64>i, entryOf(read))) pagePut(read);
    }
    if (error == 0) return page;
    pagePut(page);
    return error;
  }

  /** Drops up to `target` pages that nobody uses; returns how many. Does not sleep. */
  shrink(target: u64): u64 {
    let dropped: u64 = 0;
    // Two rounds: the first may only take away the second chances.
    let scans = this.map.count << 1;
    while (dropped < target && scans-- > 0) {
      let index = this.map.next(this.hand);
      if (index == NO_INDEX) {
        this.hand = 0;
        index = this.map.next(0);
        if (index == NO_INDEX) break;
      }
      this.hand = index + 1;
      const entry = this.map.entry(index);
      const page = entryPage(entry);
      if (pageReferences(page) != 1) continue;
      if ((entry & ENTRY_ACCESSED) != 0) {
        this.map.set(index, entry & ~ENTRY_ACCESSED);
        continue;
      }
      this.map.set(index, 0);
      pagePut(page);
      dropped++;
    }
    return dropped;
  }

  /** Drops those of the pages [first, end) that nobody uses. Does not sleep. */
  drop(first: u64, end: u64): void {
    for (let index = this.map.next(first); index < end; index = this.map.next(index + 1)) {
      const page = entryPage(this.map.entry(index));
      if (pageReferences(page) != 1) continue;
      this.map.set(index, 0);
      pagePut(page);
    }
  }

  static residentAll(): u64 {
    let pages: u64 = 0;
    let cache = caches;
    while (cache) {
      pages += cache.map.count;
      cache = cache.nextCache;
    }
    return pages;
  }

  static shrinkAll(target: u64): u64 {
    let dropped: u64 = 0;
    let cache = caches;
    while (cache && dropped < target) {
      dropped += cache.shrink(target - dropped);
      cache = cache.nextCache;
    }
    return dropped;
  }
}

/** Pages in all caches. */
export function cachedPageCount(): u64 {
  return PageCache.residentAll();
}

/**
 * Gives up to `pages` pages of clean cache back to the page allocator; returns how many. Does not
 * sleep.
 */
export function shrinkPageCache(pages: u32): u32 {
  return <u32>PageCache.shrinkAll(pages);
}

/**
 * Fills the array with up to `count` new pages, neighbours where possible: fewer pieces for the
 * device.
 */
function allocateRun(pages: usize, count: u32): u32 {
  let got: u32 = 0;
  while (got < count) {
    let order: u32 = 31 - clz(count - got);
    let block = allocFreePages(order);
    while (block == 0 && order > 0) block = allocFreePages(--order);
    if (block == 0) break;
    splitPages(block, order);
    for (let i: u32 = 0; i < (<u32>1) << order; i++) {
      store<u64>(pages + ((<usize>(got + i)) << 3), block + ((<u64>i) << 12));
    }
    got += (<u32>1) << order;
  }
  return got;
}

/** One page, whatever the caches must give for it. Returns how many there are: 1 or 0. */
function allocateOne(pages: usize): u32 {
  const page = allocPages(0);
  store<u64>(pages, page);
  return page != 0 ? 1 : 0;
}

/** Gives back the pages of the array from `keep` on; returns how many are left. */
function trimRun(pages: usize, count: u32, keep: u32): u32 {
  for (let i = keep; i < count; i++) pagePut(load<u64>(pages + ((<usize>i) << 3)));
  return min(count, keep);
}
