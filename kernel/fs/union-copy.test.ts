import { addressOf, store8, store16, store32, store64 } from "../arch/hw";
import { EINVAL, EIO, EISDIR, ENOMEM, EPERM, EROFS } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { failAllocation } from "../runtime/failing";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import { Dentry } from "./dentry";
import { File, filePut } from "./file";
import {
  ATTRIBUTE_ATIME,
  ATTRIBUTE_MODE,
  ATTRIBUTE_UID,
  Attributes,
  Inode,
  inodeGet,
  inodePut,
  isError,
} from "./inode";
import { IoVector } from "./io-vector";
import { memfdCreate } from "./memfd";
import { mountAt, rootDirectory } from "./mount";
import { shrinkPageCache } from "./page-cache";
import { Walk, walkGet, walkPut } from "./path-walk";
import {
  fixtureAt,
  imageEntry,
  imageInodeAt,
  imageMount,
  imageStart,
  imageText,
  namesIn,
  open,
  testDevice,
  testMemory,
} from "./testing";
import { TmpDirectory } from "./tmpfs";
import { F_SEAL_EXEC, F_SEAL_SEAL, F_SEAL_WRITE, TmpFile } from "./tmpfs-file";
import { TmpFileSystem, TmpLink } from "./tmpfs-inode";
import { vfsPrepareWrite, vfsResolve, vfsSetAttributes, vfsTruncate, vfsUnlink } from "./vfs";
import { placeOf } from "./vfs-file";

// What a union makes of each kind of file of the image when it is changed, what it holds on to, and
// what becomes of it when the disk or the memory fails.

/*
 * The image: block 0 the superblock, 1 the inodes, 2 the root's entries, 3 to 5 the file's data,
 * 6 the link's.
 */
const BLOCKS: u32 = 7;
const FIRST_NID: u64 = 10;
const LINK_BLOCK: u64 = 6;
const FILE_BYTES: u32 = 2 * 4096 + 100;
const LINK_BYTES: u32 = 300;
const EXTENDED: u32 = 1;
const XATTR_UNITS: u32 = 5;

const NAMES: StaticArray<string> = ["block", "char", "fifo", "link", "regular", "socket"];
const MODES: StaticArray<u32> = [0o060640, 0o020666, 0o010600, 0o120777, 0o104755, 0o140777];
const TYPES: StaticArray<u32> = [4, 3, 5, 7, 1, 6];
const LINK = 3;
const REGULAR = 4;

const bytes: usize = memory.data(16384, 8);
const io = new IoVector();
let fileSystem: TmpFileSystem = changetype<TmpFileSystem>(0);

/** An extended inode of which each field is its own, with one attribute: user.x, 'y'. */
function putInode(index: i32): void {
  const nid = FIRST_NID + <u64>index * 4;
  const at = fixtureAt(imageInodeAt(nid));
  store16(at, EXTENDED);
  store16(at + 2, XATTR_UNITS - 2);
  store16(at + 4, MODES[index]);
  const size = index == LINK ? LINK_BYTES : index == REGULAR ? FILE_BYTES : 0;
  store64(at + 8, size);
  store32(at + 16, index == LINK ? <u32>LINK_BLOCK : index == REGULAR ? 3 : 0x0501 + index);
  store32(at + 24, 100 + index);
  store32(at + 28, 200 + index);
  store64(at + 32, 1000000000 + index);
  store32(at + 40, 500 + index);
  store32(at + 44, 1);
  // Behind the header of 12 bytes: lengths of name and value, the prefix "user.", name and value.
  store8(at + 64 + 12, 1);
  store8(at + 64 + 13, 1);
  store16(at + 64 + 14, 1);
  imageText(imageInodeAt(nid) + 64 + 16, "xy");
}

function mountUnion(): void {
  testMemory();
  imageStart(BLOCKS);
  const root = fixtureAt(imageInodeAt(0));
  let place: u32 = 12 * 8;
  for (let i = 0; i < NAMES.length + 2; i++) {
    const name = i == 0 ? "." : i == 1 ? ".." : NAMES[i - 2];
    const nid: u64 = i < 2 ? 0 : FIRST_NID + <u64>(i - 2) * 4;
    imageEntry(2 << 12, i, nid, i < 2 ? 2 : TYPES[i - 2], place);
    imageText((2 << 12) + <u64>place, name);
    place += name.length;
  }
  store16(root + 4, 0o40755);
  store16(root + 6, 2);
  store32(root + 8, place);
  store32(root + 16, 2);
  for (let i = 0; i < NAMES.length; i++) putInode(i);
  for (let i: u64 = 0; i < FILE_BYTES; i++)
    store8(fixtureAt((3 << 12) + i), <u32>(i * 3 + (i >> 8)));
  for (let i: u64 = 0; i < LINK_BYTES; i++)
    store8(fixtureAt((LINK_BLOCK << 12) + i), 97 + <u32>(i % 26));
  const lower = imageMount(BLOCKS);
  expect(!isError(lower), "the image is mounted");
  fileSystem = new TmpFileSystem("overlay", 64);
  mountAt(null, new TmpDirectory(fileSystem, 0, changetype<Inode>(lower)), "overlay");
}

/** A walk that stands at a name in the root; the caller puts it. */
function walkAt(name: string): Walk {
  const walk = walkGet()!;
  walk.loadString("/" + name);
  expectEqual(vfsResolve(walk, rootDirectory(), 0), 0, name);
  return walk;
}

function expectSame(copy: Inode, below: Inode, index: i32): void {
  expect(copy.fileSystem == fileSystem, "a file of ours");
  expectEqual(copy.mode, MODES[index], "st_mode");
  expectEqual(copy.uid, 100 + index, "st_uid");
  expectEqual(copy.gid, 200 + index, "st_gid");
  expectEqual(copy.rdev, below.rdev, "st_rdev");
  expectEqual(copy.nlink, 1, "st_nlink");
  expectEqual(copy.size(), below.size(), "st_size");
  expectEqual(copy.mtimeNs, below.mtimeNs, "st_mtim");
  expectEqual(copy.mtimeNs, 1000000000 * (<i64>1000000000 + index) + 500 + index, "as on the disk");
  expectEqual(copy.atimeNs, below.atimeNs, "st_atim");
  expectEqual(copy.ctimeNs, below.ctimeNs, "st_ctim");
  const list = copy.attributeList();
  expect(list != 0 && !isError(list), "its attributes");
  if (index == LINK) {
    expectEqual(copy.readLink(bytes, 1000), LINK_BYTES, "where it leads");
    for (let i: u32 = 0; i < LINK_BYTES; i++) {
      expectEqual(load<u8>(bytes + <usize>i), 97 + (i % 26), "its text");
    }
  }
  if (index == REGULAR) {
    io.setKernel(addressOf(bytes), 16384);
    expectEqual(copy.readAt(io, 0), FILE_BYTES, "its bytes");
    for (let i: u32 = 0; i < FILE_BYTES; i++) {
      if (load<u8>(bytes + <usize>i) != <u8>(i * 3 + (i >> 8))) expectEqual(i, -1, "a byte");
    }
  }
}

test("union: a copy of each kind of file is as it was below, and holds on to no more than it needs", () => {
  mountUnion();
  for (let index = 0; index < NAMES.length; index++) {
    const walk = walkAt(NAMES[index]);
    const dentry = walk.dentry!;
    const below = dentry.inode!;
    expectEqual(below.references, 1, "its name's");
    inodeGet(below);
    const inodes = fileSystem.inodeCount;
    expectEqual(vfsPrepareWrite(dentry, true), 0, "copied up");
    const copy = dentry.inode!;
    expectSame(copy, below, index);
    expectEqual(fileSystem.inodeCount, inodes + 1, "one inode");
    expectEqual(copy.references, 2, "of the directory, and of the name");
    // The contents still come from there.
    expectEqual(below.references, index == REGULAR ? 2 : 1, "our reference, and the contents'");
    expectEqual(vfsPrepareWrite(dentry, true), 0, "a second time");
    expect(dentry.inode == copy, "is no other copy");
    walkPut(walk);
    const removal = walkGet()!;
    removal.loadString("/" + NAMES[index]);
    expectEqual(vfsUnlink(removal, rootDirectory()), 0, "removed");
    walkPut(removal);
    expectEqual(below.references, 1, "our reference alone");
    inodePut(below);
    expectEqual(fileSystem.inodeCount, inodes, "the copy is gone");
    expectEqual(fileSystem.pagesUsed, 0, "and its pages");
  }
  expectEqual(namesIn("/").length, 0, "all were removed");
});

test("union: without its contents a file's copy is empty, and holds nothing", () => {
  mountUnion();
  const walk = walkAt("regular");
  const below = walk.dentry!.inode!;
  inodeGet(below);
  expectEqual(vfsPrepareWrite(walk.dentry!, false), 0, "copied up");
  expectEqual(walk.dentry!.inode!.size(), 0, "empty");
  expectEqual(walk.dentry!.inode!.mode, MODES[REGULAR], "else as it was");
  expectEqual(below.references, 1, "our reference alone");
  inodePut(below);
  walkPut(walk);
});

test("union: a file whose copying fails is as it was, and says why", () => {
  mountUnion();
  for (let index = 0; index < NAMES.length; index++) {
    const walk = walkAt(NAMES[index]);
    const dentry = walk.dentry!;
    const below = dentry.inode!;
    const inodes = fileSystem.inodeCount;
    const objects = heapBytesInUse();
    for (let n: u32 = 1; ; n++) {
      failAllocation(n);
      const error = vfsPrepareWrite(dentry, true);
      failAllocation(0);
      if (error == 0) break;
      expectEqual(error, -ENOMEM, "no memory");
      expect(dentry.inode == below, "the one below");
      expectEqual(below.references, 1, "of its name");
      expectEqual(fileSystem.inodeCount, inodes, "no copy is left");
    }
    expect(dentry.inode != below, "with memory it is copied");
    expect(heapBytesInUse() > objects, "which takes some");
    walkPut(walk);
  }
});

test("union: what can't be read of a link or its attributes is the disk's error", () => {
  mountUnion();
  const walk = walkAt("link");
  const dentry = walk.dentry!;
  const below = dentry.inode!;
  const inodes = fileSystem.inodeCount;
  const blocks: StaticArray<u64> = [LINK_BLOCK, 1];
  for (let i = 0; i < blocks.length; i++) {
    shrinkPageCache(100);
    const pages = freePageCount();
    testDevice!.badSector = blocks[i] * 8;
    expectEqual(vfsPrepareWrite(dentry, true), -EIO, "the text, or the attributes");
    expect(dentry.inode == below, "it is as it was");
    expectEqual(below.references, 1, "of its name");
    expectEqual(fileSystem.inodeCount, inodes, "no copy is left");
    shrinkPageCache(100);
    expectEqual(freePageCount(), pages, "no page is lost");
  }
  testDevice!.badSector = u64.MAX_VALUE;
  expectEqual(vfsPrepareWrite(dentry, true), 0, "it can be read again");
  walkPut(walk);
});

/** Truncates a name's file: what vfsTruncate says. */
function truncated(name: string, size: u64): i32 {
  const walk = walkAt(name);
  const before = walk.dentry!.inode;
  const error = vfsTruncate(walk.dentry!, size);
  expect(error == 0 || walk.dentry!.inode == before, "what fails copies nothing up");
  walkPut(walk);
  return error;
}

test("union: only regular files are cut, and nothing else is copied up for it", () => {
  mountUnion();
  const inodes = fileSystem.inodeCount;
  const sizes: StaticArray<u64> = [0, 5, u64.MAX_VALUE];
  for (let i = 0; i < sizes.length; i++) {
    for (let index = 0; index < NAMES.length; index++) {
      if (index != REGULAR) expectEqual(truncated(NAMES[index], sizes[i]), -EINVAL, NAMES[index]);
    }
    expectEqual(truncated("", sizes[i]), -EISDIR, "a directory");
  }
  expectEqual(fileSystem.inodeCount, inodes, "all are as they were");
  expectEqual(truncated("regular", 5), 0, "a file");
  const walk = walkAt("regular");
  expectEqual(walk.dentry!.inode!.size(), 5, "is cut");
  walkPut(walk);
});

test("union: names that were removed stay hidden, whatever memory a listing finds", () => {
  mountUnion();
  for (let index = 0; index < 3; index++) {
    const walk = walkGet()!;
    walk.loadString("/" + NAMES[index]);
    expectEqual(vfsUnlink(walk, rootDirectory()), 0, "removed");
    walkPut(walk);
  }
  let failures = 0;
  for (let n: u32 = 1; ; n++) {
    const directory = open("/", 0);
    const file = changetype<File>(directory);
    io.setKernel(addressOf(bytes), 16384);
    failAllocation(n);
    const filled = file.readDirectory(io);
    failAllocation(0);
    filePut(file);
    if (filled < 0) {
      expectEqual(filled, -ENOMEM, "no memory");
      failures++;
      continue;
    }
    let names = 0;
    for (let at: i64 = 0; at < filled; names++) at += load<u16>(bytes + <usize>at, 16);
    // With "." and "..".
    expect(names == 5 || names == 2, "what is left, or no more than the dots");
    if (names == 5) break;
  }
  expect(failures > 0, "some failure showed");
});

test("union: what is mounted read-only is not copied up", () => {
  mountUnion();
  fileSystem.readOnly = true;
  for (let index = 0; index < NAMES.length; index++) {
    const walk = walkAt(NAMES[index]);
    const below = walk.dentry!.inode!;
    expectEqual(vfsPrepareWrite(walk.dentry!, true), -EROFS, NAMES[index]);
    expect(walk.dentry!.inode == below, "it is as it was");
    walkPut(walk);
  }
});

/** Sets attributes of a dentry's file: what vfsSetAttributes says. */
function change(dentry: Dentry, which: u32, mode: u32): i32 {
  const attributes = new Attributes();
  attributes.which = which;
  attributes.mode = mode;
  attributes.uid = 7;
  attributes.atimeNs = 99;
  const error = vfsSetAttributes(dentry, attributes);
  free(attributes);
  return error;
}

test("tmpfs: a file sealed against execution keeps those bits of its mode, and only those", () => {
  mountUnion();
  const file = changetype<File>(memfdCreate(bytes, 1, 0));
  const dentry = placeOf(file)!.dentry;
  const inode = <TmpFile>placeOf(file)!.inode;
  expectEqual(change(dentry, ATTRIBUTE_MODE, 0o600), 0, "not sealed");
  expectEqual(inode.addSeals(F_SEAL_EXEC), 0, "sealed");
  expectEqual(inode.seals, F_SEAL_EXEC, "nothing to execute: it may still be written");
  for (let bit: u32 = 1; bit < 0o10000; bit <<= 1) {
    const error = change(dentry, ATTRIBUTE_MODE, 0o600 ^ bit);
    expectEqual(error, (bit & 0o111) != 0 ? -EPERM : 0, "this bit");
    expectEqual(change(dentry, ATTRIBUTE_MODE, 0o600), 0, "as it was");
  }
  expectEqual(change(dentry, ATTRIBUTE_UID | ATTRIBUTE_ATIME, 0o777), 0, "the mode is not set");
  expectEqual(inode.mode & 0o7777, 0o600, "and stays");
  expectEqual(inode.uid, 7, "the owner is");
  expectEqual(inode.addSeals(F_SEAL_WRITE | F_SEAL_SEAL), 0, "more seals");
  expectEqual(inode.addSeals(F_SEAL_WRITE), -EPERM, "and no more after that");
  filePut(file);
});

test("tmpfs: a program that is sealed can't be changed either", () => {
  mountUnion();
  const file = changetype<File>(memfdCreate(bytes, 1, 0));
  const inode = <TmpFile>placeOf(file)!.inode;
  expectEqual(change(placeOf(file)!.dentry, ATTRIBUTE_MODE, 0o700), 0, "a program");
  expectEqual(inode.addSeals(F_SEAL_EXEC), 0, "sealed");
  io.setKernel(addressOf(bytes), 1);
  expectEqual(file.writeAt(io, 0), -EPERM, "not written");
  expectEqual(inode.truncate(1), -EPERM, "nor made longer");
  filePut(file);
});

test("tmpfs: a link's text is held as long as the link", () => {
  mountUnion();
  const before = heapBytesInUse();
  for (let i = 0; i < 3; i++) {
    const link = new TmpLink(fileSystem, 0o120777);
    link.setText("somewhere/else");
    expectEqual(link.size(), 14, "st_size");
    expectEqual(link.blocks(), 0, "st_blocks");
    memory.fill(bytes, 0xee, 20);
    expectEqual(link.readLink(bytes, 9), 9, "a part of it");
    expectEqual(load<u8>(bytes + 9), 0xee, "and no more");
    expectEqual(link.readLink(bytes, 100), 14, "all of it");
    expectEqual(load<u8>(bytes + 13), 101, "to its end");
    inodePut(link);
  }
  const lost: i64 = <i64>heapBytesInUse() - before;
  expectEqual(lost, 0, "nothing stays");
});
