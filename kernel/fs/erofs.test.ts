import { ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EROFS } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { filePut, O_CREAT, O_RDONLY, O_RDWR } from "./file";
import { shrinkPageCache } from "./page-cache";
import { WALK_FOLLOW } from "./path-walk";
import { Stat } from "./stat";
import {
  contentsOf,
  open,
  opened,
  readAt,
  resolve,
  testCache,
  testDevice,
  testErofsRoot,
  walkedInode,
} from "./testing";

/** Byte i of a fixture's contents: see toolchain/fixtures.ts. */
function patternAt(i: u32): u8 {
  return <u8>(i * 7 + (i >> 12));
}

function checkPattern(path: string, size: u32): void {
  const file = opened(path, O_RDONLY);
  const stat = new Stat();
  file.stat(stat);
  expectEqual(stat.size, size, "size");
  const buffer = new StaticArray<u8>(10000);
  let at: u32 = 0;
  while (at < size) {
    const n = readAt(file, at, changetype<usize>(buffer), 10000);
    expect(n > 0, "bytes");
    for (let i: u32 = 0; i < <u32>n; i++) {
      if (buffer[i] != patternAt(at + i)) expectEqual(buffer[i], patternAt(at + i), "a byte");
    }
    at += <u32>n;
  }
  expectEqual(at, size, "all read");
  expectEqual(readAt(file, at, changetype<usize>(buffer), 10), 0, "end of file");
  filePut(file);
}

function checkImage(name: string): void {
  testErofsRoot(name);
  expect(contentsOf("/etc/hosts")! == "127.0.0.1 localhost\n", "a small file");
  expect(contentsOf("/etc/empty")! == "", "an empty file");
  expect(contentsOf("/link")! == "127.0.0.1 localhost\n", "through a link");
  expect(contentsOf("etc/../lib/../lib/../../etc/hosts") != null, "dots and links");
  checkPattern("/aligned", 8 * 4096);
  checkPattern("/lib/aligned", 8 * 4096);
  checkPattern("/tail", 3 * 4096 + 100);
  checkPattern("/large", 3000000);
  for (let i = 0; i < 500; i++) {
    expect(contentsOf("/many/file-number-" + i.toString())! == i.toString(), "one of many");
  }
  expectEqual(resolve("/many/file-number-500", 0), 0, "the last name may be missing");
  expectEqual(walkedInode, 0, "and is");
  expectEqual(resolve("/nothing/here", 0), -ENOENT, "a directory that is missing");
  expectEqual(resolve("/etc/hosts/x", 0), -ENOTDIR, "through a file");
  expectEqual(resolve("/loop", WALK_FOLLOW), -ELOOP, "a link to itself");
  expectEqual(resolve("/loop", 0), 0, "the link itself");
  expectEqual(<i32>open("/new", O_CREAT | O_RDWR), -EROFS, "no writing");
  expectEqual(<i32>open("/aligned", O_RDWR), -EROFS, "no writing to what is there");
}

test("erofs: compact inodes", () => checkImage("compact.erofs"));
test("erofs: extended inodes", () => checkImage("extended.erofs"));
test("erofs: chunk-based files", () => checkImage("chunked.erofs"));

test("erofs: compressed files are refused, what is not compressed can be read", () => {
  testErofsRoot("compressed.erofs");
  expectEqual(<i32>open("/large", O_RDONLY), -EOPNOTSUPP, "compressed");
  expect(contentsOf("/etc/hosts")! == "127.0.0.1 localhost\n", "too small to compress");
});

test("erofs: reading a file in order takes few requests, and memory comes back", () => {
  testErofsRoot("compact.erofs");
  const device = testDevice!;
  const before = device.requests;
  checkPattern("/large", 3000000);
  expect(device.requests - before < 14, "windows grow");
  const resident = testCache!.residentCount();
  const free = freePageCount();
  expectEqual(shrinkPageCache(10000), resident, "all of it is unused");
  expectEqual(freePageCount(), free + resident, "the pages are free");
  checkPattern("/large", 3000000);
});

test("erofs: a bad sector fails the pages it is in and no others", () => {
  testErofsRoot("compact.erofs");
  const file = opened("/large", O_RDONLY);
  const buffer = new StaticArray<u8>(4096);
  testDevice!.badSector = testDevice!.sectorCount - 300;
  let failed = 0;
  for (let at: i64 = 0; at < 2990000; at += 4096) {
    if (readAt(file, at, changetype<usize>(buffer), 4096) < 0) failed++;
  }
  expect(failed <= 1, "one page at most");
  filePut(file);
});
