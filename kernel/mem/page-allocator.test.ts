import { expect, expectEqual, test } from "../lib/testing";
import {
  addMemory,
  allocPages,
  allocSparePages,
  freePageCount,
  freePages,
  isMemory,
  ORDER_MAX,
  PAGE_SIZE,
  pageGet,
  pagePut,
  splitPages,
  totalPageCount,
} from "./page-allocator";

const MIB: u64 = 1 << 20;

test("pages: all memory can be taken and given back, and then a largest block is there again", () => {
  addMemory(1 * MIB, 33 * MIB);
  const before = freePageCount();
  const taken = new StaticArray<u64>(8192);
  let count = 0;
  for (;;) {
    const page = allocPages(0);
    if (page == 0) break;
    taken[count++] = page;
  }
  expectEqual(count, before, "every free page could be taken");
  expectEqual(freePageCount(), 0, "none is left");
  for (let i = 0; i < count; i++) freePages(taken[(i * 7919) % count], 0);
  expectEqual(freePageCount(), before, "all are back");
  expect(allocPages(ORDER_MAX) != 0, "they merged to a largest block");
});

test("pages: blocks are aligned to their size and do not overlap", () => {
  addMemory(0, 16 * MIB + 5 * PAGE_SIZE);
  let last: u64 = 0;
  for (let order: u32 = 0; order <= ORDER_MAX; order++) {
    const block = allocPages(order);
    expectEqual(block & ((PAGE_SIZE << order) - 1), 0, "alignment");
    expect(block != last, "a block of its own");
    last = block;
  }
});

test("pages: the last reference frees, and a split block is freed page by page", () => {
  addMemory(1 * MIB, 9 * MIB);
  allocPages(0);
  const before = freePageCount();
  const block = allocPages(3);
  splitPages(block, 3);
  pageGet(block);
  pagePut(block);
  for (let i: u64 = 0; i < 8; i++) {
    expectEqual(freePageCount(), before - 8 + i, "one less in use");
    pagePut(block + i * PAGE_SIZE);
  }
  expectEqual(freePageCount(), before, "all back");
});

test("pages: what is memory, and what is not, is known to who maps a device", () => {
  addMemory(1 * MIB, 9 * MIB);
  addMemory(32 * MIB, 40 * MIB);
  expect(isMemory(1 * MIB, 1 * MIB + 1), "the frame records");
  expect(isMemory(5 * MIB, 6 * MIB), "amid a range");
  expect(isMemory(9 * MIB - 1, 10 * MIB), "its last byte");
  expect(isMemory(30 * MIB, 50 * MIB), "all of a range");
  expect(!isMemory(0, 1 * MIB), "before the first");
  expect(!isMemory(9 * MIB, 32 * MIB), "between two");
  expect(!isMemory(40 * MIB, u64.MAX_VALUE), "behind the last");
});

test("pages: what calls make leaves the last of the memory to page faults", () => {
  addMemory(1 * MIB, 33 * MIB);
  const kept = totalPageCount() / 64;
  let last: u64 = 0;
  for (;;) {
    const page = allocSparePages(0);
    if (page == 0) break;
    last = page;
  }
  expectEqual(freePageCount(), kept, "so many stay");
  expect(allocPages(0) != 0, "for a fault there is one");
  freePages(last, 0);
  expectEqual(allocSparePages(0), 0, "what a fault took is missing");
  expectEqual(allocSparePages(ORDER_MAX), 0, "more than there is");
});
