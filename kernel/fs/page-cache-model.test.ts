import { load8, store8 } from "../arch/hw";
import { MemoryBlockDevice } from "../dev/memory-block";
import { EIO, ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import {
  addMemory,
  allocFreePages,
  allocPages,
  directMap,
  freePageCount,
  freePages,
  pagePut,
  pageReferences,
  totalPageCount,
} from "../mem/page-allocator";
import { addReclaimer } from "../mem/reclaim";
import { failAllocation } from "../runtime/failing";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import { DiskCache } from "./disk-cache";
import { cachedPageCount, ReadAhead, shrinkPageCache, WINDOW_MAX } from "./page-cache";

// What a page cache reads, keeps and drops, page by page: against a model of which pages it has,
// and with the references of each page after every call.

const MEMORY: u64 = 1 << 20;
const DISK: u64 = 40 << 20;
const DISK_PAGES: u64 = 1024;
/** Pages of a first read when most memory is free, when little is, and when hardly any is. */
const AMPLE: u64 = 128;
const SCARCE: u64 = 32;
const SHORT: u64 = 8;

let device: MemoryBlockDevice = changetype<MemoryBlockDevice>(0);
let seed: u32 = 5;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

function makeCache(memoryPages: u64): DiskCache {
  addMemory(MEMORY, MEMORY + memoryPages * 4096);
  for (let i: u64 = 0; i < DISK_PAGES; i++) {
    store8(directMap(DISK + (i << 12)), <u32>i & 0xff);
    store8(directMap(DISK + (i << 12)) + 1, <u32>i >> 8);
  }
  device = new MemoryBlockDevice(DISK, DISK_PAGES << 12);
  const cache = new DiskCache(device);
  cache.register();
  return cache;
}

/** Reads a page, which `users` hold, and gives it back. */
function read(cache: DiskCache, ahead: ReadAhead, index: u64, users: u32 = 0): void {
  const page = cache.get(index, ahead);
  expect(page > 0, "read");
  expectEqual(load8(directMap(page)), index & 0xff, "the right page");
  expectEqual(pageReferences(page), 2 + users, "the cache's reference, and ours");
  pagePut(page);
}

/** Whether it is there, and gives it back. */
function has(cache: DiskCache, index: u64): bool {
  const page = cache.peek(index);
  if (page != 0) pagePut(page);
  return page != 0;
}

/** Expects that exactly the pages [first, end) are there. */
function expectWindow(cache: DiskCache, first: u64, end: u64, message: string): void {
  for (let i: u64 = 0; i < DISK_PAGES; i++) {
    if (has(cache, i) != (i >= first && i < end)) expectEqual(i, -1, message);
  }
  expectEqual(cache.residentCount(), end - first, message);
  cache.shrink(DISK_PAGES);
  expectEqual(cache.residentCount(), 0, "all are dropped");
}

test("page cache: a first read is the window that the page lies in, counted from the file's begin", () => {
  const cache = makeCache(8192);
  const places: StaticArray<u64> = [0, 1, 127, 128, 200, 255, 256, 700];
  for (let i = 0; i < places.length; i++) {
    for (let begin: u64 = 0; begin < 200; begin += 67) {
      const index = places[i] + begin;
      read(cache, new ReadAhead(begin, DISK_PAGES), index);
      const first = begin + (places[i] & ~(AMPLE - 1));
      expectWindow(cache, first, min(first + AMPLE, DISK_PAGES), "its window");
    }
  }
});

test("page cache: a window ends with the file, and with the disk", () => {
  const cache = makeCache(8192);
  read(cache, new ReadAhead(100, 150), 149);
  expectWindow(cache, 100, 150, "the file");
  read(cache, new ReadAhead(100, 101), 100);
  expectWindow(cache, 100, 101, "a file of one page");
  read(cache, new ReadAhead(DISK_PAGES - 10, u64.MAX_VALUE), DISK_PAGES - 1);
  expectWindow(cache, DISK_PAGES - 10, DISK_PAGES, "the disk");
});

test("page cache: windows of a reader in order double from the first, up to the largest", () => {
  const cache = makeCache(8192);
  const ahead = new ReadAhead(0, DISK_PAGES);
  let index: u64 = 0;
  let window: u64 = AMPLE;
  while (index < DISK_PAGES) {
    const before = device.pages;
    read(cache, ahead, index);
    window = min(window, DISK_PAGES - index);
    expectEqual(device.pages - before, window, "this window");
    index += window;
    window = min(window * 2, WINDOW_MAX);
  }
  expectEqual(cache.requestCount, device.requests, "requests are counted");
  expectEqual(cache.pagesRead, DISK_PAGES, "and pages");
  // Somewhere else it begins with the first window again.
  cache.shrink(DISK_PAGES);
  read(cache, ahead, 300);
  expectWindow(cache, 256, 384, "a first window");
});

test("page cache: how much is read at first depends on what could be free", () => {
  const cache = makeCache(4096);
  const total = totalPageCount();
  const left: StaticArray<u64> = [
    total / 2 + 1,
    total / 2,
    total / 8 + 1,
    total / 8,
    40 + total / 32,
  ];
  const windows: StaticArray<u64> = [AMPLE, SCARCE, SCARCE, SHORT, SHORT];
  for (let i = 0; i < left.length; i++) {
    while (freePageCount() > left[i]) expect(allocFreePages(0) != 0, "taken");
    const before = freePageCount();
    read(cache, new ReadAhead(0, DISK_PAGES), 0);
    const held = cache.residentCount();
    // What the cache holds counts as free.
    expectEqual(held, windows[i], "this much");
    cache.shrink(DISK_PAGES);
    expectEqual(freePageCount(), before, "and all of it comes back");
  }
  const ahead = new ReadAhead(0, DISK_PAGES);
  for (let index: u64 = 0; index < 5 * SHORT; index += SHORT) {
    const before = device.pages;
    read(cache, ahead, index);
    expectEqual(device.pages - before, SHORT, "then windows do not grow either");
  }
});

/** Which pages are there. */
const model = new StaticArray<bool>(<i32>DISK_PAGES);

function present(): u64 {
  let count: u64 = 0;
  for (let i = 0; i < <i32>DISK_PAGES; i++) if (model[i]) count++;
  return count;
}

test("page cache: random reads, drops and pages in use agree with a model", () => {
  const cache = makeCache(8192);
  read(cache, new ReadAhead(0, DISK_PAGES), 0);
  cache.shrink(DISK_PAGES);
  const pages = freePageCount();
  const held = new StaticArray<u64>(20);
  for (let round = 0; round < 600; round++) {
    const kind = random(4);
    if (kind == 0) {
      const first = random(900);
      const end = first + 1 + random(100);
      const index = first + random(end - first);
      const before = model[index];
      read(cache, new ReadAhead(first, end), index, usersOf(held, index));
      if (!before) markRead(first, end, index);
    } else if (kind == 1) {
      const first = random(1000);
      const end = first + random(60);
      cache.drop(first, end);
      for (let i = first; i < min<u32>(end, <u32>DISK_PAGES); i++) {
        if (usersOf(held, i) == 0) model[i] = false;
      }
    } else if (kind == 2) {
      const slot = random(20);
      if (held[slot] != 0) pagePut(held[slot]);
      held[slot] = cache.peek(random(1000));
    } else {
      expectEqual(cachedPageCount(), present(), "as many as there should be");
    }
    if (round % 20 == 0) checkModel(cache, held, pages);
  }
  for (let i = 0; i < 20; i++) if (held[i] != 0) pagePut(held[i]);
  const resident = cache.residentCount();
  expectEqual(cache.shrink(0), 0, "nothing is asked for");
  expectEqual(cache.shrink(resident + 5), resident, "all are given");
  expectEqual(freePageCount(), pages, "no page is lost");
});

/** A read at `index` has read its window, as far as nothing was there. */
function markRead(first: u32, end: u32, index: u32): void {
  const begin = index - ((index - first) & <u32>(AMPLE - 1));
  const last = min(begin + <u32>AMPLE, end);
  for (let i = index; i < last && !model[i]; i++) model[i] = true;
  for (let i = index - 1; <i32>i >= <i32>begin && !model[i]; i--) model[i] = true;
}

/** How many of the references in `held` are on this page. */
function usersOf(held: StaticArray<u64>, index: u32): u32 {
  let users: u32 = 0;
  for (let i = 0; i < 20; i++) if (held[i] != 0 && isPage(held[i], index)) users++;
  return users;
}

function isPage(page: u64, index: u32): bool {
  return load8(directMap(page)) == (index & 0xff) && load8(directMap(page) + 1) == index >> 8;
}

function checkModel(cache: DiskCache, held: StaticArray<u64>, pages: u64): void {
  for (let i: u32 = 0; i < <u32>DISK_PAGES; i++) {
    const page = cache.peek(i);
    if ((page != 0) != model[i]) expectEqual(i, -1, "this page is there or not");
    if (page == 0) continue;
    expectEqual(pageReferences(page), usersOf(held, i) + 2, "its references");
    pagePut(page);
  }
  expectEqual(cache.residentCount(), present(), "as many as there should be");
  expectEqual(freePageCount() + present(), pages, "and none is lost");
}

test("page cache: dropping takes what is unused in the range and nothing else", () => {
  const cache = makeCache(8192);
  const ahead = new ReadAhead(0, 64);
  read(cache, ahead, 0);
  const used = cache.peek(12);
  cache.drop(10, 15);
  for (let i: u64 = 0; i < 64; i++) {
    expect(has(cache, i) == (i < 10 || i >= 15 || i == 12), "of 10 to 14 only the one in use");
  }
  pagePut(used);
  cache.drop(12, 13);
  expect(!has(cache, 12), "until it is not");
  cache.drop(20, 20);
  expect(has(cache, 20), "a range of none");
});

test("page cache: each page has one more chance when it was used, and then goes", () => {
  const cache = makeCache(8192);
  read(cache, new ReadAhead(0, 16), 0);
  for (let i: u64 = 0; i < 16; i++) if (i % 2 == 0) has(cache, i);
  expectEqual(cache.shrink(8), 8, "half of them");
  expectEqual(cache.residentCount(), 8, "are gone");
  const pages = freePageCount();
  // The hand has been round: none has a chance left.
  expectEqual(cache.shrink(3), 3, "no more than asked for");
  expectEqual(freePageCount(), pages + 3, "free");
  expectEqual(cache.shrink(100), 5, "the rest");
  expectEqual(cache.shrink(100), 0, "there is none");
});

test("page cache: a page in use is passed over, and asked about once a round", () => {
  const cache = makeCache(8192);
  read(cache, new ReadAhead(0, 4), 0);
  const first = cache.peek(0);
  const third = cache.peek(2);
  expectEqual(cache.shrink(100), 2, "the others");
  expectEqual(cache.shrink(100), 0, "no more");
  pagePut(first);
  expectEqual(cache.shrink(100), 1, "the one that is free now");
  pagePut(third);
  expectEqual(cache.shrink(100), 1, "and the other");
});

test("page cache: several caches are counted and shrunk as one", () => {
  const one = makeCache(8192);
  const two = new DiskCache(device);
  two.register();
  read(one, new ReadAhead(0, 10), 0);
  read(two, new ReadAhead(0, 20), 0);
  expectEqual(cachedPageCount(), 30, "pages of both");
  expectEqual(shrinkPageCache(3), 3, "some of them");
  expectEqual(cachedPageCount(), 27, "pages of both");
  expectEqual(shrinkPageCache(25), 25, "more than one of them has");
  expectEqual(shrinkPageCache(100), 2, "what is left");
  expectEqual(cachedPageCount(), 0, "none");
});

test("page cache: an image in memory is used where it is", () => {
  addMemory(MEMORY, MEMORY + (1 << 20));
  const cache = DiskCache.ofMemory(DISK, 5 * 4096 + 100);
  expectEqual(cache.pageCount, 5, "its whole pages");
  for (let i: u64 = 0; i < 5; i++) {
    expectEqual(cache.peek(i), DISK + (i << 12), "its place");
    expectEqual(cache.get(i, new ReadAhead(0, 5)), DISK + (i << 12), "its place");
  }
  expectEqual(cache.peek(5), 0, "nothing behind it");
  expectEqual(cache.get(5, new ReadAhead(0, 5)), -EIO, "nor to be read");
});

test("page cache: of a window that fails the page alone is read, and its failure is told", () => {
  const cache = makeCache(8192);
  read(cache, new ReadAhead(0, 8), 0);
  cache.shrink(100);
  const pages = freePageCount();
  device.badSector = 5 * 8 + 7;
  const requests = device.requests;
  for (let i: u64 = 0; i < 8; i++) {
    const page = cache.get(i, new ReadAhead(0, 8));
    if (i == 5) expectEqual(page, -EIO, "the bad one");
    else pagePut(page);
  }
  // 0 to 4 twice each, but for those behind 5, which are read together; 5 itself twice.
  expect(device.requests > requests + 5, "asked one by one");
  expectEqual(cache.residentCount(), 7, "the others are there");
  device.badSector = u64.MAX_VALUE;
  read(cache, new ReadAhead(0, 8), 5);
  expectEqual(freePageCount() + 8, pages, "no page is lost");
  cache.shrink(100);
  device.badSector = 9 * 8;
  const single = device.requests;
  expectEqual(cache.get(9, new ReadAhead(9, 10)), -EIO, "a window of one");
  expectEqual(device.requests, single + 1, "is not read again");
});

test("page cache: memory that is out at any step of a read is told, and nothing lost", () => {
  const cache = makeCache(8192);
  let failures = 0;
  let bytes: i64 = 0;
  for (let n: u32 = 1; ; n++) {
    cache.shrink(100);
    const pages = freePageCount();
    const ahead = new ReadAhead(0, 8);
    failAllocation(n);
    const page = cache.get(3, ahead);
    failAllocation(0);
    free(ahead);
    if (page > 0) {
      expectEqual(load8(directMap(page)), 3, "the right page");
      pagePut(page);
    } else {
      expectEqual(page, -ENOMEM, "why not");
      failures++;
    }
    const resident = cache.residentCount();
    expectEqual(freePageCount() + resident, pages, "no page is lost");
    if (page > 0 && resident == 8) {
      if (bytes != 0) break;
      bytes = <i64>heapBytesInUse();
    }
  }
  expect(failures > 0, "the scratch array at least");
  expectEqual(<i64>heapBytesInUse(), bytes, "what the cache keeps is made once");
});

test("page cache: with room for a part of a window the page that is waited for is in it", () => {
  const cache = makeCache(512);
  addReclaimer(shrinkPageCache);
  read(cache, new ReadAhead(0, 8), 0);
  const taken = new StaticArray<u64>(512);
  let count = 0;
  for (let page = allocPages(0); page != 0; page = allocPages(0)) taken[count++] = page;
  // So many are free, of a window of eight in which the last one is asked for.
  for (let room: i32 = 1; room < 8; room++) {
    for (let i = 0; i < room; i++) freePages(taken[--count], 0);
    for (let index: u64 = 0; index < 8; index++) {
      read(cache, new ReadAhead(0, 8), index);
      expect(cache.residentCount() <= <u64>room, "no more than there is room for");
      cache.shrink(100);
      expectEqual(freePageCount(), room, "all come back");
    }
    for (let i = 0; i < room; i++) taken[count++] = allocPages(0);
  }
  expectEqual(cache.get(5, new ReadAhead(0, 8)), -ENOMEM, "none at all");
});
