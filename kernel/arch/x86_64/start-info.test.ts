import { expect, expectEqual, test } from "../../lib/testing";
import { addMemory, allocPages, directMap, PAGE_SIZE } from "../../mem/page-allocator";
import { store32, store64 } from "../hw";
import { startInfoInit, startModuleAddress, startModuleCount, startModuleSize } from "./start-info";

const GIB: u64 = 1 << 30;
const RAM: u32 = 1;
const RESERVED: u32 = 2;
/** Where the lists begin in the page of the start info. */
const MAP: u64 = 256;
const MODULES: u64 = 1024;

let page: u64 = 0;

/** A start info with memory at 1 to 3 GiB, reserved memory behind it, and that many modules. */
function infoOf(count: u32): void {
  addMemory(1 << 20, 2 << 20);
  page = allocPages(0);
  const info = directMap(page);
  for (let at: u64 = 0; at < PAGE_SIZE; at += 8) store64(info + at, 0);
  store32(info, 0x336ec578);
  store32(info + 4, 1);
  store32(info + 12, count);
  store64(info + 16, page + MODULES);
  store64(info + 40, page + MAP);
  store32(info + 48, 2);
  putRange(0, GIB, 2 * GIB, RAM);
  putRange(1, 3 * GIB, GIB, RESERVED);
}

function putRange(i: u64, start: u64, size: u64, type: u32): void {
  const entry = directMap(page) + MAP + i * 24;
  store64(entry, start);
  store64(entry + 8, size);
  store32(entry + 16, type);
}

function putModule(i: u64, address: u64, size: u64): void {
  const entry = directMap(page) + MODULES + i * 32;
  store64(entry, address);
  store64(entry + 8, size);
}

/** Whether a module of that place is taken. */
function isTaken(address: u64, size: u64): bool {
  putModule(0, address, size);
  expect(startInfoInit(page), "a start info");
  return startModuleCount() == 1;
}

test("start info: modules", () => {
  infoOf(2);
  putModule(0, 2 * GIB, 5000);
  putModule(1, GIB, 1);
  expect(startInfoInit(page), "a start info");
  expectEqual(startModuleCount(), 2, "two");
  expectEqual(startModuleAddress(0), 2 * GIB, "an address");
  expectEqual(startModuleSize(0), 5000, "a size");
  expectEqual(startModuleAddress(1), GIB, "the other's address");
});

test("start info: a module that can't be counts as not given", () => {
  infoOf(1);
  expect(isTaken(GIB, 2 * GIB), "all memory");
  expect(!isTaken(GIB, 2 * GIB + 1), "more than the memory");
  expect(!isTaken(3 * GIB, 1), "reserved memory");
  expect(!isTaken(3 * GIB - 1, 2), "half in reserved memory");
  expect(!isTaken(4 * GIB, 4096), "no memory");
  expect(!isTaken(0x100000, 4096), "the kernel's image");
  expect(!isTaken(2 * GIB, 0), "nothing");
  expect(!isTaken(2 * GIB, U64.MAX_VALUE), "all addresses");
  expect(!isTaken(U64.MAX_VALUE, 2), "around the end");
  expect(!isTaken(U64.MAX_VALUE - 4095, 4096 + 2 * GIB), "around the end into memory");
});

test("start info: modules lie apart, and there are few", () => {
  infoOf(3);
  putModule(0, 2 * GIB, 8192);
  putModule(1, 2 * GIB + 8191, 4096);
  putModule(2, 2 * GIB + 8192, 4096);
  expect(startInfoInit(page), "a start info");
  expectEqual(startModuleCount(), 2, "the one that overlaps is not given");
  expectEqual(startModuleAddress(1), 2 * GIB + 8192, "the one behind it is");
  infoOf(U32.MAX_VALUE);
  for (let i: u64 = 0; i < 20; i++) putModule(i, GIB + i * 4096, 4096);
  expect(startInfoInit(page), "a start info");
  expectEqual(startModuleCount(), 8, "as many as there is room for");
});
