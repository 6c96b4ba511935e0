import { addressOf } from "../arch/hw";
import { ENOSPC, EOPNOTSUPP } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { File, filePut, O_CREAT, O_RDONLY, O_RDWR } from "./file";
import { Inode } from "./inode";
import { IoVector } from "./io-vector";
import { opened, readAt, testCache, testTmpfsRoot, testUnionRoot } from "./testing";
import { TmpFileSystem } from "./tmpfs-inode";
import { placeOf } from "./vfs-file";

// A file under random calls, against a model of it: its bytes, and which pages it has.

const FALLOC_FL_KEEP_SIZE: u32 = 1;
const FALLOC_FL_PUNCH_HOLE: u32 = 2;
const FALLOC_FL_ZERO_RANGE: u32 = 0x10;

const PAGE: u32 = 4096;
const PAGES: u32 = 12;
const BYTES: u32 = PAGES * PAGE;
/** The file `/tail` of the image: three pages and a bit. */
const BELOW_BYTES: u32 = 3 * PAGE + 100;
const LONG_AGO: i64 = 5;

const model = new StaticArray<u8>(<i32>BYTES);
const present = new StaticArray<bool>(<i32>PAGES);
const buffer = new StaticArray<u8>(<i32>BYTES);
const io = new IoVector();
let size: u32 = 0;
/** So many bytes from the beginning show what is below. */
let shown: u32 = 0;
let seed: u32 = 1;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

/** A place in the file: anywhere, or near the border of a page. */
function place(): u32 {
  if (random(2) == 0) return random(BYTES);
  const border = random(PAGES) * PAGE;
  return min(max(border, 2) - 2 + random(5), BYTES - 1);
}

function length(start: u32): u32 {
  const longest = BYTES - start;
  return 1 + (random(3) == 0 ? random(longest) : random(min(longest, 6000)));
}

function inodeOf(file: File): Inode {
  return placeOf(file)!.inode;
}

function pagesOf(start: u32, end: u32): void {
  for (let page = start / PAGE; page * PAGE < end; page++) present[page] = true;
}

function write(file: File): void {
  const start = place();
  const n = length(start);
  for (let i: u32 = 0; i < n; i++) buffer[i] = <u8>random(256);
  io.setKernel(addressOf(changetype<usize>(buffer)), n);
  expectEqual(file.writeAt(io, start), n, "all is written");
  for (let i: u32 = 0; i < n; i++) model[start + i] = buffer[i];
  pagesOf(start, start + n);
  size = max(size, start + n);
}

function truncate(file: File): void {
  const end = place();
  expectEqual(file.truncate(end), 0, "cut or made longer");
  shown = min(shown, end);
  if (end < size) {
    for (let i = end; i < BYTES; i++) model[i] = 0;
    for (let page = (end + PAGE - 1) / PAGE; page < PAGES; page++) present[page] = false;
  }
  size = end;
}

/** What showed from below is the file's own before a hole is made in it. */
function takeShown(): void {
  pagesOf(0, shown);
  shown = 0;
}

function clear(start: u32, end: u32): void {
  if (start < shown) takeShown();
  for (let i = start; i < end; i++) model[i] = 0;
  for (let page = (start + PAGE - 1) / PAGE; (page + 1) * PAGE <= end; page++) {
    present[page] = false;
  }
}

function allocate(file: File): void {
  const start = place();
  const n = length(start);
  const inode = inodeOf(file);
  const kind = random(4);
  const keeps: u32 = random(2) == 0 ? FALLOC_FL_KEEP_SIZE : 0;
  if (kind == 0) {
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    expectEqual(inode.allocate(mode, start, n), 0, "a hole");
    clear(start, start + n);
    return;
  }
  const mode = kind == 1 ? FALLOC_FL_ZERO_RANGE | keeps : keeps;
  expectEqual(inode.allocate(mode, start, n), 0, "pages");
  if (kind == 1) clear(start, start + n);
  pagesOf(start, start + n);
  if (keeps == 0) size = max(size, start + n);
}

function checkRead(file: File): void {
  const start = place();
  const n = length(start);
  const there: u32 = start >= size ? 0 : min(n, size - start);
  expectEqual(readAt(file, start, changetype<usize>(buffer), n), there, "bytes read");
  for (let i: u32 = 0; i < there; i++) {
    if (buffer[i] != model[start + i]) expectEqual(start + i, -1, "a byte is not what was written");
  }
}

/** Where data, or a hole, begins at or behind an offset: the end of the file is a hole. */
function checkSeek(file: File): void {
  const from = place();
  const inode = inodeOf(file);
  for (let kind = 0; kind < 2; kind++) {
    const data = kind == 0;
    let at = from;
    while (at < size && (at < shown || present[at / PAGE]) != data) at = (at / PAGE + 1) * PAGE;
    // A page that shows only in part is followed by what is behind its bytes.
    const found = <u32>inode.nextContents(from, data);
    const isEnd = at >= size;
    expect(isEnd ? found >= size : found == at, data ? "data" : "a hole");
  }
}

function presentCount(): u32 {
  let count: u32 = 0;
  for (let page: u32 = 0; page < PAGES; page++) if (present[page]) count++;
  return count;
}

function check(file: File, fileSystem: TmpFileSystem): void {
  expectEqual(inodeOf(file).size(), size, "the size");
  checkRead(file);
  if (shown == 0) {
    checkSeek(file);
    expectEqual(inodeOf(file).blocks(), presentCount() * 8, "blocks");
    expectEqual(fileSystem.pagesUsed, presentCount(), "pages of the file system");
  }
}

/** Each of the four changes sets both times. */
function change(file: File): void {
  const inode = inodeOf(file);
  inode.mtimeNs = LONG_AGO;
  inode.ctimeNs = LONG_AGO;
  const kind = random(4);
  if (kind <= 1) write(file);
  else if (kind == 2) truncate(file);
  else allocate(file);
  expect(inode.mtimeNs != LONG_AGO && inode.ctimeNs != LONG_AGO, "the times are set");
}

function begin(bytes: u32): void {
  size = bytes;
  shown = bytes;
  for (let i: u32 = 0; i < BYTES; i++) model[i] = 0;
  for (let page: u32 = 0; page < PAGES; page++) present[page] = false;
}

test("tmpfs file: random writes, cuts and holes are what a model of bytes and pages says", () => {
  const fileSystem = testTmpfsRoot();
  const file = opened("/f", O_CREAT | O_RDWR);
  begin(0);
  for (let round = 0; round < 3000; round++) {
    change(file);
    check(file, fileSystem);
  }
  expectEqual(file.truncate(0), 0, "cut");
  expectEqual(fileSystem.pagesUsed, 0, "no page is left");
  filePut(file);
});

test("tmpfs file: the same over a file of the image, whose bytes show until they change", () => {
  for (let round = 0; round < 60; round++) {
    // A new union for each round: the file of the image is as it was.
    const fileSystem = testUnionRoot("compact.erofs");
    const original = opened("/tail", O_RDONLY);
    begin(BELOW_BYTES);
    const read = readAt(original, 0, changetype<usize>(model), BELOW_BYTES);
    expectEqual(read, BELOW_BYTES, "the image's bytes");
    filePut(original);
    const file = opened("/tail", O_RDWR);
    for (let step = 0; step < 20; step++) {
      change(file);
      check(file, fileSystem);
    }
    filePut(file);
    testCache!.shrink(u64.MAX_VALUE);
  }
});

test("tmpfs file: reading takes no page, and gives back those it looked at", () => {
  const fileSystem = testTmpfsRoot();
  const file = opened("/f", O_CREAT | O_RDWR);
  begin(0);
  for (let i = 0; i < 20; i++) change(file);
  // Holes are read from a page of zeros, which all share.
  for (let i = 0; i < 100; i++) checkRead(file);
  const free = freePageCount();
  for (let i = 0; i < 200; i++) checkRead(file);
  expectEqual(freePageCount(), free, "free pages");
  file.truncate(0);
  expectEqual(freePageCount(), free + presentCount(), "each page comes back when it is cut off");
  expectEqual(fileSystem.pagesUsed, 0, "none is counted");
  filePut(file);
});

test("tmpfs file: what does not fit the file system is refused, and nothing taken", () => {
  const fileSystem = testTmpfsRoot(4);
  const file = opened("/f", O_CREAT | O_RDWR);
  const inode = inodeOf(file);
  expectEqual(inode.allocate(0, 0, 5 * PAGE), -ENOSPC, "five of four pages");
  expectEqual(inode.allocate(0, 1, 4 * PAGE), -ENOSPC, "nor four and a bit");
  expectEqual(fileSystem.pagesUsed, 0, "nothing is taken");
  expectEqual(inode.size(), 0, "nor made longer");
  expectEqual(inode.allocate(0, 0, 4 * PAGE), 0, "four");
  expectEqual(inode.allocate(0, 4 * PAGE, 1), -ENOSPC, "not one more");
  io.setKernel(addressOf(changetype<usize>(buffer)), 1);
  expectEqual(file.writeAt(io, 4 * PAGE), -ENOSPC, "nor by writing");
  io.setKernel(addressOf(changetype<usize>(buffer)), PAGE);
  expectEqual(file.writeAt(io, 4 * PAGE), -ENOSPC, "a whole page");
  io.setKernel(addressOf(changetype<usize>(buffer)), 2 * PAGE);
  expectEqual(file.writeAt(io, 3 * PAGE), PAGE, "a write goes as far as there is room");
  expectEqual(inode.size(), 4 * PAGE, "and no further");
  expectEqual(inode.allocate(FALLOC_FL_PUNCH_HOLE, 0, PAGE), -EOPNOTSUPP, "a hole keeps the size");
  expectEqual(inode.allocate(0x40, 0, PAGE), -EOPNOTSUPP, "unsharing is not known");
  filePut(file);
});
