import { addressOf } from "../arch/hw";
import { EIO } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { File, filePut, O_CREAT, O_RDONLY, O_RDWR } from "./file";
import { isError } from "./inode";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { shrinkPageCache } from "./page-cache";
import { Walk, walkPut } from "./path-walk";
import { open, opened, testCache, testDevice, testUnionRoot, walkTo } from "./testing";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsRemoveDirectory, vfsRename, vfsUnlink } from "./vfs";
import { placeOf } from "./vfs-file";

// A union over a disk of which nothing can be read any more: each call says EIO, and when the disk
// is readable again all is as it was, with what had been changed before.

const FALLOC_FL_KEEP_SIZE: u32 = 1;
const FALLOC_FL_PUNCH_HOLE: u32 = 2;
const FALLOC_FL_ZERO_RANGE: u32 = 0x10;
const PAGE: u32 = 4096;
/** The file `/tail` of the image: three pages and a bit. */
const BYTES: u32 = 3 * PAGE + 100;

const buffer: usize = memory.data(20000, 8);
const io = new IoVector();

/** Byte i of the image's file: see toolchain/fixtures.ts. */
function patternAt(i: u32): u8 {
  return <u8>(i * 7 + (i >> 12));
}

/** No page of the disk is in memory, and none can be read. */
function breakDisk(): void {
  shrinkPageCache(100000);
  // As if it ended before its first sector.
  testDevice!.sectorCount = 0;
}

let sectors: u64 = 0;

function mendDisk(): void {
  testDevice!.sectorCount = sectors;
}

function mount(): TmpFileSystem {
  const fileSystem = testUnionRoot("compact.erofs");
  sectors = testDevice!.sectorCount;
  return fileSystem;
}

function readAt(file: File, offset: i64, n: u64): i64 {
  io.setKernel(addressOf(buffer), n);
  return file.readAt(io, offset);
}

function writeAt(file: File, offset: i64, n: u64): i64 {
  memory.fill(buffer, 0xaa, <usize>n);
  io.setKernel(addressOf(buffer), n);
  return file.writeAt(io, offset);
}

/** What [start, end) holds: as on the disk, or 0xaa where it was written. */
function expectBytes(file: File, written: u32, end: u32): void {
  expectEqual(readAt(file, 0, 20000), BYTES, "all of it");
  for (let i: u32 = 0; i < BYTES; i++) {
    const wanted: u8 = i >= written && i < end ? 0xaa : patternAt(i);
    if (load<u8>(buffer + <usize>i) != wanted) expectEqual(i, -1, "this byte");
  }
}

test("unreadable disk: of a file of the image, what was written shows, and the rest is an error", () => {
  const fileSystem = mount();
  const file = opened("/tail", O_RDWR);
  const inode = placeOf(file)!.inode;
  expectEqual(writeAt(file, PAGE + 10, 20), 20, "a page is ours");
  const used = fileSystem.pagesUsed;
  expectEqual(used, 1, "one page");
  breakDisk();
  const pages = freePageCount();
  expectEqual(readAt(file, 0, 10), -EIO, "a page of the disk");
  expectEqual(readAt(file, PAGE, 10), 10, "our page");
  expectEqual(readAt(file, PAGE, 2 * PAGE), PAGE, "as far as it goes");
  expectEqual(writeAt(file, 10, 10), -EIO, "a part of a page of the disk");
  expectEqual(writeAt(file, PAGE + 10, PAGE), PAGE - 10, "up to the next page of the disk");
  expectEqual(writeAt(file, BYTES - 50, 10), -EIO, "in the last page");
  expectEqual(inode.allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10), -EIO, "a hole");
  expectEqual(inode.allocate(FALLOC_FL_ZERO_RANGE, 5, PAGE), -EIO, "zeros");
  expectEqual(inode.allocate(0, 0, BYTES), -EIO, "all pages");
  expectEqual(<i64>inode.pages()!.getPage(0), -EIO, "a page fault");
  expectEqual(inode.size(), BYTES, "it is as long as it was");
  expectEqual(fileSystem.pagesUsed, used, "nothing was taken for what failed");
  expectEqual(freePageCount(), pages, "and nothing lost");
  mendDisk();
  expectBytes(file, PAGE + 10, 2 * PAGE);
  expectEqual(writeAt(file, 0, BYTES), BYTES, "and can be written");
  expectBytes(file, 0, BYTES);
  filePut(file);
});

test("unreadable disk: what needs none of it works", () => {
  mount();
  const file = opened("/tail", O_RDWR);
  breakDisk();
  expectEqual(writeAt(file, 4 * PAGE, PAGE), PAGE, "behind what is below");
  expectEqual(file.truncate(PAGE), 0, "cut to a page");
  expectEqual(file.truncate(0), 0, "cut");
  expectEqual(writeAt(file, 10, 10), 10, "and written anew");
  expectEqual(readAt(file, 0, 100), 20, "is all that there is");
  expectEqual(load<u8>(buffer + 9), 0, "zeros before it");
  expectEqual(load<u8>(buffer + 10), 0xaa, "what was written");
  filePut(file);
});

/** Makes the call with a walk to a path. */
function onPath(path: string, call: (walk: Walk) => i32): i32 {
  const walk = walkTo(path);
  const error = call(walk);
  walkPut(walk);
  return error;
}

test("unreadable disk: names that nobody has asked for can't be found, made or removed", () => {
  const fileSystem = mount();
  filePut(opened("/etc", O_RDONLY));
  const directory = opened("/many", O_RDONLY);
  breakDisk();
  const inodes = fileSystem.inodeCount;
  const pages = freePageCount();
  expectEqual(<i32>open("/etc/hosts", O_RDONLY), -EIO, "opened");
  expectEqual(<i32>open("/etc/new", O_CREAT | O_RDWR), -EIO, "made");
  expectEqual(
    onPath("/etc/hosts", (w: Walk) => vfsUnlink(w, rootDirectory())),
    -EIO,
    "removed",
  );
  expectEqual(
    onPath("/etc", (w: Walk) => vfsRemoveDirectory(w, rootDirectory())),
    -EIO,
    "empty?",
  );
  expectEqual(
    onPath("/etc/hosts", (source: Walk) => {
      const target = walkTo("/hosts");
      const error = vfsRename(source, rootDirectory(), target, rootDirectory(), 0);
      walkPut(target);
      return error;
    }),
    -EIO,
    "renamed",
  );
  io.setKernel(addressOf(buffer), 20000);
  expectEqual(directory.readDirectory(io), 48, "the dots are known");
  io.setKernel(addressOf(buffer), 20000);
  expectEqual(directory.readDirectory(io), -EIO, "and nothing else");
  filePut(directory);
  expectEqual(fileSystem.inodeCount, inodes, "nothing was made");
  expectEqual(testCache!.residentCount(), 0, "nothing was read");
  expectEqual(freePageCount(), pages, "and no page lost");
  mendDisk();
  const file = open("/etc/hosts", O_RDONLY);
  expect(!isError(file), "all is there again");
  filePut(changetype<File>(file));
});
