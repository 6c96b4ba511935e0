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
import { DiskCache } from "./disk-cache";
import { ReadAhead, shrinkPageCache, WINDOW_MAX } from "./page-cache";

const DISK: u64 = 40 << 20;
const DISK_PAGES: u64 = 2048;

let device: MemoryBlockDevice = changetype<MemoryBlockDevice>(0);

/** A cache of a disk whose pages begin with their index (its low byte). */
function makeCache(memoryPages: u64): DiskCache {
  addMemory(1 << 20, (1 << 20) + memoryPages * 4096);
  for (let i: u64 = 0; i < DISK_PAGES; i++) store8(directMap(DISK + (i << 12)), <u32>i & 0xff);
  device = new MemoryBlockDevice(DISK, DISK_PAGES << 12);
  return new DiskCache(device);
}

function check(cache: DiskCache, ahead: ReadAhead, index: u64): void {
  const page = cache.get(index, ahead);
  expect(page > 0, "read");
  expectEqual(load8(directMap(page)), index & 0xff, "the right page");
  pagePut(page);
}

test("page cache: a page is read once, with its neighbours inside the file", () => {
  const cache = makeCache(8192);
  const ahead = new ReadAhead(100, 110);
  check(cache, ahead, 105);
  expectEqual(device.requests, 1, "one request");
  expectEqual(device.pages, 10, "the whole file, and nothing else");
  for (let i: u64 = 100; i < 110; i++) check(cache, ahead, i);
  expectEqual(device.requests, 1, "no more");
  expectEqual(cache.peek(99), 0, "not before it");
  expectEqual(cache.peek(110), 0, "nor behind");
});

test("page cache: what is there already is not read again", () => {
  const cache = makeCache(8192);
  check(cache, new ReadAhead(50, 51), 50);
  check(cache, new ReadAhead(60, 61), 60);
  const ahead = new ReadAhead(0, 128);
  check(cache, ahead, 55);
  expectEqual(device.pages, 2 + 9, "the gap between them");
});

test("page cache: a sequential reader's windows grow up to the largest", () => {
  const cache = makeCache(8192);
  const ahead = new ReadAhead(0, DISK_PAGES);
  for (let i: u64 = 0; i < DISK_PAGES; i++) check(cache, ahead, i);
  expectEqual(device.pages, DISK_PAGES, "each page once");
  expect(device.requests <= DISK_PAGES / <u64>WINDOW_MAX + 2, "few requests");
});

test("page cache: beyond the end there is nothing", () => {
  const cache = makeCache(8192);
  expectEqual(cache.get(DISK_PAGES, new ReadAhead(0, DISK_PAGES)), -EIO, "behind the disk");
  expectEqual(cache.get(u64.MAX_VALUE, new ReadAhead(0, DISK_PAGES)), -EIO, "far behind");
  expectEqual(device.requests, 0, "nothing was asked");
});

test("page cache: a failed request gives all its pages back", () => {
  const cache = makeCache(8192);
  const free = freePageCount();
  device.badSector = 16;
  expectEqual(cache.get(2, new ReadAhead(0, 8)), -EIO, "the bad page");
  expectEqual(freePageCount(), free, "no page is lost");
  check(cache, new ReadAhead(0, 8), 5);
});

test("page cache: shrinking takes unused pages, and those used lately last", () => {
  const cache = makeCache(8192);
  check(cache, new ReadAhead(0, 64), 0);
  const held = cache.peek(7);
  // The first round takes the second chances of what has been used, but drops nothing of that.
  for (let i: u64 = 0; i < 8; i++) pagePut(cache.peek(i));
  expectEqual(cache.shrink(40), 40, "as many as asked for");
  for (let i: u64 = 1; i < 8; i++) {
    const page = cache.peek(i);
    expect(page != 0, "used lately");
    pagePut(page);
  }
  cache.shrink(1000);
  expectEqual(cache.residentCount(), 1, "all but the page in use");
  expectEqual(pageReferences(held), 2, "which keeps both references");
  pagePut(held);
  expectEqual(cache.shrink(1000), 1, "now it goes, too");
});

test("page cache: when memory is short it reads less, and makes room for itself", () => {
  const cache = makeCache(64);
  cache.register();
  addReclaimer(shrinkPageCache);
  const ahead = new ReadAhead(0, DISK_PAGES);
  for (let i: u64 = 0; i < 1000; i++) check(cache, ahead, (i * 7) % DISK_PAGES);
  // And with none left but what it holds itself.
  while (allocFreePages(0) != 0) {}
  for (let i: u64 = 0; i < 100; i++) check(cache, ahead, (i * 131) % DISK_PAGES);
});

/** A registered cache that holds as much of its disk as memory lets it. */
function fillMemory(memoryPages: u64): DiskCache {
  const cache = makeCache(memoryPages);
  cache.register();
  addReclaimer(shrinkPageCache);
  const ahead = new ReadAhead(0, DISK_PAGES);
  for (let i: u64 = 0; i < DISK_PAGES; i++) check(cache, ahead, i);
  return cache;
}

test("page cache: a disk larger than the memory leaves some pages free", () => {
  fillMemory(512);
  expect(freePageCount() >= totalPageCount() >> 5, "for whoever needs pages next");
  expect(allocFreePages(3) != 0, "and neighbours among them");
});

test("page cache: whoever allocates gets what the cache holds, of any order that is needed", () => {
  const cache = fillMemory(512);
  for (let order: u32 = 0; order <= 3; order++) {
    for (let i = 0; i < 8; i++) expect(allocPages(order) != 0, "the cache makes room");
  }
  let count: u64 = 120;
  while (allocPages(0) != 0) count++;
  expect(count > totalPageCount() - 8, "all memory could be had");
  expectEqual(cache.residentCount(), 0, "nothing is left in the cache");
});

test("page cache: a page that there is no memory for is an error, and none is lost", () => {
  const cache = fillMemory(512);
  const taken = new StaticArray<u64>(512);
  let count = 0;
  for (let page = allocPages(0); page != 0; page = allocPages(0)) taken[count++] = page;
  expectEqual(cache.get(5, new ReadAhead(0, 8)), -ENOMEM, "no page for it");
  for (let i = 0; i < count; i++) freePages(taken[i], 0);
  check(cache, new ReadAhead(0, 8), 5);
});

test("page cache: a page in use stays, whatever is asked for", () => {
  const cache = fillMemory(512);
  const held = cache.get(77, new ReadAhead(0, DISK_PAGES));
  while (allocPages(0) != 0) {}
  expectEqual(cache.residentCount(), 1, "that page alone");
  expectEqual(load8(directMap(held)), 77, "with its contents");
});
