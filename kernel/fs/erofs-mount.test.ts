import { load8, store8, store16, store32, store64 } from "../arch/hw";
import { EINVAL, EIO, ENOMEM, EOPNOTSUPP, EUCLEAN } from "../lib/errno";
import { setLogSink } from "../lib/log";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { failAllocation } from "../runtime/failing";
import { heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { ErofsFileSystem, erofsMount } from "./erofs";
import { FileSystemUse, Inode, inodePut, isError, NO_TIME } from "./inode";
import { shrinkPageCache } from "./page-cache";
import { Stat } from "./stat";
import {
  fixtureAt,
  imageInode,
  imageInodeAt,
  imageMount,
  imageStart,
  testCache,
  testDevice,
  testMemory,
} from "./testing";

// What an image says of itself in its superblock, and of its inodes; and images that are refused.

const BLOCKS: u32 = 4;
const DIRECTORY: u32 = 0o40755;
const FILE: u32 = 0o100644;
const FLAT_PLAIN: u32 = 0;
const FLAT_INLINE: u32 = 2;
const CHUNK_BASED: u32 = 4;
const BUILD_TIME: u64 = 1600000000;

// Offsets from the superblock, which is 1024 bytes into the image.
const CHECKSUM: u64 = 1024 + 0x04;
const FEATURE_COMPAT: u64 = 1024 + 0x08;
const BLOCK_BITS: u64 = 1024 + 0x0c;
const ROOT_NID: u64 = 1024 + 0x0e;
const INODES: u64 = 1024 + 0x10;
const TIME: u64 = 1024 + 0x18;
const TIME_NSEC: u64 = 1024 + 0x20;
const BLOCK_COUNT: u64 = 1024 + 0x24;
const FEATURE_INCOMPAT: u64 = 1024 + 0x50;
const EXTRA_DEVICES: u64 = 1024 + 0x56;

function makeImage(): void {
  imageStart(BLOCKS);
  store64(fixtureAt(INODES), 77);
  store64(fixtureAt(TIME), BUILD_TIME);
  store32(fixtureAt(TIME_NSEC), 123);
  imageInode(0, DIRECTORY, FLAT_PLAIN, 0, 0);
}

/** Mounts the image that is there; what was read of it before is forgotten. */
function mount(): usize {
  shrinkPageCache(100);
  return imageMount(BLOCKS);
}

function mounted(): Inode {
  testMemory();
  makeImage();
  const root = mount();
  expect(!isError(root), "the image is mounted");
  return changetype<Inode>(root);
}

/** The inode of a number, as it is on the disk now; nothing of it is kept when it is none. */
function inodeOf(root: Inode, nid: u64): usize {
  shrinkPageCache(100);
  return inodeIn(root, nid);
}

function inodeIn(root: Inode, nid: u64): usize {
  return (<ErofsFileSystem>root.fileSystem).inode(nid);
}

/** An extended inode, of which each field is different. */
function extendedInode(nid: u64, mode: u32, layout: u32, data: u32): void {
  const at = imageInodeAt(nid);
  store16(fixtureAt(at), (layout << 1) | 1);
  store16(fixtureAt(at + 4), mode);
  store64(fixtureAt(at + 8), 0);
  store32(fixtureAt(at + 16), data);
  store32(fixtureAt(at + 24), 1001);
  store32(fixtureAt(at + 28), 70002);
  store64(fixtureAt(at + 32), 1234567890);
  store32(fixtureAt(at + 40), 987654321);
  store32(fixtureAt(at + 44), 3);
}

test("erofs: what the superblock says of the image as a whole", () => {
  testMemory();
  makeImage();
  const use = new FileSystemUse();
  const sizes: StaticArray<u32> = [BLOCKS, BLOCKS - 1, 0];
  for (let i = 0; i < sizes.length; i++) {
    store32(fixtureAt(BLOCK_COUNT), sizes[i]);
    const root = changetype<Inode>(mount());
    expect(!isError(changetype<usize>(root)), "mounted");
    use.blocksFree = 5;
    use.filesFree = 5;
    root.fileSystem.use(use);
    expectEqual(use.blocks, sizes[i] == 0 ? BLOCKS : sizes[i], "its blocks, or the disk's");
    expectEqual(use.blocksFree, 0, "none is free");
    expectEqual(use.files, 77, "its inodes");
    expectEqual(use.filesFree, 0, "none can be made");
    expect(root.fileSystem.readOnly, "read-only");
    expectEqual(root.fileSystem.magic, 0xe0f5e1e2, "f_type");
  }
});

test("erofs: the root is the inode that the superblock tells", () => {
  testMemory();
  makeImage();
  imageInode(9, DIRECTORY, FLAT_PLAIN, 0, 0);
  store16(fixtureAt(ROOT_NID), 9);
  const root = mount();
  expect(!isError(root), "mounted");
  expectEqual(changetype<Inode>(root).number, 9, "the root");
});

/** Expects an error from the image, and that it leaves nothing behind but what the disk needs. */
function expectRefused(error: i32, message: string): void {
  shrinkPageCache(100);
  const pages = freePageCount();
  const result = mount();
  expectEqual(<i32>result, error, message);
  shrinkPageCache(100);
  expectEqual(freePageCount(), pages, "no page is lost");
  const bytes = heapBytesInUse();
  for (let i = 0; i < 2; i++) expectEqual(<i32>erofsMount(testCache!), error, message);
  const lost: i64 = <i64>heapBytesInUse() - bytes;
  expectEqual(lost, 0, "nor an object");
  makeImage();
}

test("erofs: images that are none, or have what is not supported, are refused", () => {
  testMemory();
  setLogSink((byte: u32) => {});
  makeImage();
  store8(fixtureAt(1024), 0);
  expectRefused(-EINVAL, "another magic number");
  for (let bits: u32 = 0; bits < 32; bits++) {
    store8(fixtureAt(BLOCK_BITS), bits);
    if (bits != 12) expectRefused(-EINVAL, "blocks of another size");
  }
  for (let bit: u32 = 0; bit < 32; bit++) {
    store32(fixtureAt(FEATURE_INCOMPAT), 1 << bit);
    if (bit == 0 || bit == 2) expect(!isError(mount()), "padding, chunks");
    else expectRefused(-EINVAL, "feature " + bit.toString());
  }
  makeImage();
  store16(fixtureAt(EXTRA_DEVICES), 1);
  expectRefused(-EINVAL, "a second device");
  store32(fixtureAt(BLOCK_COUNT), BLOCKS + 1);
  expectRefused(-EINVAL, "larger than the disk");
  expectEqual(<i32>imageMount(0), -EINVAL, "a disk without a block");
});

test("erofs: the superblock's checksum covers each byte behind it", () => {
  testMemory();
  setLogSink((byte: u32) => {});
  makeImage();
  store32(fixtureAt(FEATURE_COMPAT), 1);
  // CRC32C of the 3 KiB, begun with ones and not inverted, bit by bit.
  let crc: u32 = 0xffffffff;
  for (let i: u64 = 1024; i < 4096; i++) {
    crc ^= load8(fixtureAt(i));
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  store32(fixtureAt(CHECKSUM), crc);
  expect(!isError(mount()), "it is right");
  for (let at: u64 = CHECKSUM; at < 4096; at += 61) {
    const byte = load8(fixtureAt(at));
    store8(fixtureAt(at), byte ^ 0x10);
    if (at != 1024 + 0x08) expect(isError(mount()), "a byte was changed");
    store8(fixtureAt(at), byte);
  }
  store8(fixtureAt(CHECKSUM), load8(fixtureAt(CHECKSUM)) ^ 1);
  store32(fixtureAt(FEATURE_COMPAT), 0);
  expect(!isError(mount()), "without the feature it is not looked at");
});

test("erofs: a root that can't be read, or is no directory, is refused", () => {
  testMemory();
  setLogSink((byte: u32) => {});
  makeImage();
  imageInode(0, FILE, FLAT_PLAIN, 0, 0);
  expectRefused(-EUCLEAN, "a file");
  imageInode(0, DIRECTORY, 7, 0, 0);
  expectRefused(-EUCLEAN, "of no known layout");
  imageInode(0, DIRECTORY, 1, 0, 0);
  expectRefused(-EOPNOTSUPP, "compressed");
  imageInode(0, DIRECTORY, FLAT_PLAIN, 4096, BLOCKS);
  expectRefused(-EUCLEAN, "outside of the image");
  store16(fixtureAt(ROOT_NID), 0xffff);
  expectRefused(-EUCLEAN, "an inode behind the image's end");
  imageMount(BLOCKS);
  for (let block: u64 = 0; block < 2; block++) {
    shrinkPageCache(100);
    testDevice!.badSector = block * 8;
    const pages = freePageCount();
    const bytes = heapBytesInUse();
    expectEqual(<i32>erofsMount(testCache!), -EIO, "can't be read");
    const lost: i64 = <i64>heapBytesInUse() - bytes;
    expectEqual(lost, 0, "no object is lost");
    shrinkPageCache(100);
    expectEqual(freePageCount(), pages, "nor a page");
  }
});

test("erofs: what stat(2) tells of a compact and of an extended inode", () => {
  const root = mounted();
  const stat = new Stat();
  imageInode(5, 0o104711, FLAT_PLAIN, 0, 0);
  store16(fixtureAt(imageInodeAt(5) + 6), 2);
  store16(fixtureAt(imageInodeAt(5) + 24), 1001);
  store16(fixtureAt(imageInodeAt(5) + 26), 1002);
  const compact = changetype<Inode>(inodeOf(root, 5));
  compact.stat(stat);
  expectEqual(stat.ino, 5, "st_ino");
  expectEqual(stat.dev, root.fileSystem.device, "st_dev");
  expectEqual(stat.mode, 0o104711, "st_mode");
  expectEqual(stat.nlink, 2, "st_nlink");
  expectEqual(stat.uid, 1001, "st_uid");
  expectEqual(stat.gid, 1002, "st_gid");
  expectEqual(stat.mtime, BUILD_TIME, "the image's time");
  expectEqual(stat.mtimeNs, 123, "to the nanosecond");
  expectEqual(stat.atime, BUILD_TIME, "in each place");
  expectEqual(stat.ctime, BUILD_TIME, "in each place");
  expect(compact.birthNs() == NO_TIME, "when it was made is not known");
  expect(root.pages() == null, "a directory can't be mapped");
  expect(compact.pages() != null, "a file can");
  inodePut(compact);
  // The last slot of the first block, and the first of the next.
  extendedInode(127, FILE, FLAT_PLAIN, 0);
  const extended = changetype<Inode>(inodeOf(root, 127));
  extended.stat(stat);
  expectEqual(stat.uid, 1001, "st_uid");
  expectEqual(stat.gid, 70002, "st_gid");
  expectEqual(stat.nlink, 3, "st_nlink");
  expectEqual(stat.mtime, 1234567890, "a time of its own");
  expectEqual(stat.mtimeNs, 987654321, "to the nanosecond");
  expectEqual(stat.atime, 1234567890, "in each place");
  expectEqual(stat.ctimeNs, 987654321, "in each place");
  inodePut(extended);
});

test("erofs: a device has a number and no size; nothing of it is in blocks", () => {
  const root = mounted();
  const types: StaticArray<u32> = [0o020000, 0o060000];
  for (let i = 0; i < types.length; i++) {
    imageInode(5, types[i] | 0o600, FLAT_PLAIN, 4096, 0x12345678);
    const inode = inodeOf(root, 5);
    expect(!isError(inode), "the number is no block");
    expectEqual(changetype<Inode>(inode).rdev, 0x12345678, "st_rdev");
    expectEqual(changetype<Inode>(inode).size(), 0, "st_size");
    inodePut(changetype<Inode>(inode));
  }
  imageInode(5, 0o010600, FLAT_PLAIN, 0, 0x12345678);
  const fifo = changetype<Inode>(inodeOf(root, 5));
  expectEqual(fifo.rdev, 0, "a FIFO has none");
  inodePut(fifo);
});

/** What becomes of inode 5 with this layout, size and start block; nothing stays if it is none. */
function layoutOf(root: Inode, mode: u32, layout: u32, size: u32, data: u32): i32 {
  imageInode(5, mode, layout, size, data);
  shrinkPageCache(100);
  const bytes = heapBytesInUse();
  const inode = inodeIn(root, 5);
  const error = isError(inode) ? <i32>inode : 0;
  if (error == 0) inodePut(changetype<Inode>(inode));
  const lost: i64 = <i64>heapBytesInUse() - bytes;
  if (lost != 0) expectEqual(lost, 0, "bytes lost");
  return error;
}

test("erofs: data lies inside the image, and what is behind the inode in its block", () => {
  const root = mounted();
  // Making room for the record of the cache's pages is no loss.
  layoutOf(root, FILE, FLAT_PLAIN, 0, 0);
  expectEqual(layoutOf(root, FILE, FLAT_PLAIN, 2 * 4096, 2), 0, "the last two blocks");
  expectEqual(layoutOf(root, FILE, FLAT_PLAIN, 2 * 4096 + 1, 2), -EUCLEAN, "a byte more");
  expectEqual(layoutOf(root, FILE, FLAT_PLAIN, 1, BLOCKS), -EUCLEAN, "behind the end");
  expectEqual(layoutOf(root, FILE, FLAT_PLAIN, 0, 0xffffffff), 0, "nothing lies nowhere");
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, 0, 0xffffffff), 0, "nor does nothing behind it");
  const room: u32 = 4096 - 6 * 32;
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, room, 0xffffffff), 0, "up to the block's end");
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, room + 1, 0), -EUCLEAN, "beyond it");
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, 4096 + room, 3), 0, "with a block");
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, 4096 + room, 4), -EUCLEAN, "behind the end");
  expectEqual(layoutOf(root, FILE, FLAT_INLINE, 4096 + room + 1, 2), -EUCLEAN, "and too long");
  expectEqual(layoutOf(root, FILE, CHUNK_BASED, 9000, 0x20), 0, "in chunks");
  expectEqual(layoutOf(root, FILE, CHUNK_BASED, 9000, 0x60), -EUCLEAN, "of no known form");
  expectEqual(layoutOf(root, DIRECTORY, CHUNK_BASED, 9000, 0x20), -EUCLEAN, "but no directory");
  expectEqual(layoutOf(root, 0o120777, CHUNK_BASED, 9000, 0x20), -EUCLEAN, "nor a link");
});

test("erofs: inodes behind the image's end, and numbers too large, are none", () => {
  const root = mounted();
  const last: u64 = ((<u64>(BLOCKS - 1)) << 7) - 1;
  imageInode(last, FILE, FLAT_PLAIN, 0, 0);
  const inode = inodeOf(root, last);
  expect(!isError(inode), "the last slot");
  inodePut(changetype<Inode>(inode));
  store16(fixtureAt(imageInodeAt(last)), 1);
  expectEqual(<i32>inodeOf(root, last), -EUCLEAN, "an extended one reaches out");
  expectEqual(<i32>inodeOf(root, last + 1), -EUCLEAN, "behind the end");
  expectEqual(<i32>inodeOf(root, ((<u64>1) << 39) - 1), -EUCLEAN, "the largest number");
  expectEqual(<i32>inodeOf(root, (<u64>1) << 39), -EUCLEAN, "too large");
  expectEqual(<i32>inodeOf(root, u64.MAX_VALUE), -EUCLEAN, "far too large");
});

test("erofs: an inode of which a half can't be read is an error, and nothing is lost", () => {
  const root = mounted();
  extendedInode(127, FILE, FLAT_PLAIN, 0);
  const inode = inodeOf(root, 127);
  expect(!isError(inode), "it can be read");
  inodePut(changetype<Inode>(inode));
  for (let block: u64 = 1; block < 3; block++) {
    shrinkPageCache(100);
    testDevice!.badSector = block * 8;
    const pages = freePageCount();
    const bytes = heapBytesInUse();
    expectEqual(<i32>inodeIn(root, 127), -EIO, "can't be read");
    const lost: i64 = <i64>heapBytesInUse() - bytes;
    expectEqual(lost, 0, "no object is lost");
    shrinkPageCache(100);
    expectEqual(freePageCount(), pages, "nor a page");
  }
});

let rootInode: Inode | null = null;

test("failing memory: an inode of the image", () => {
  rootInode = mounted();
  extendedInode(127, FILE, FLAT_PLAIN, 0);
  expectUndone((): bool => {
    const inode = inodeOf(rootInode!, 127);
    if (!isError(inode)) inodePut(changetype<Inode>(inode));
    shrinkPageCache(100);
    return !isError(inode);
  });
  shrinkPageCache(100);
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const inode = inodeIn(rootInode!, 127);
    failAllocation(0);
    shrinkPageCache(100);
    if (!isError(inode)) break;
    expectEqual(<i32>inode, -ENOMEM, "says so");
  }
});
