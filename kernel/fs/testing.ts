/**
 * Helpers for the tests of file systems: a mounted root, and the calls of path-calls.ts without an
 * application.
 */
import { addressOf, copy, fill, store8, store16, store32, store64 } from "../arch/hw";
import { MemoryBlockDevice } from "../dev/memory-block";
import { InputPort } from "../dev/virtio/host-ports";
import { Virtqueue } from "../dev/virtio/virtqueue";
import { EINTR } from "../lib/errno";
import { loadFixture } from "../lib/fixture";
import { expect, expectEqual } from "../lib/testing";
import { addMemory, directMap } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { DiskCache } from "./disk-cache";
import { erofsMount } from "./erofs";
import { File, filePut, O_CREAT, O_RDONLY, O_RDWR, PollObserver } from "./file";
import { Inode, isError } from "./inode";
import { IoVector } from "./io-vector";
import { mountAt, rootDirectory } from "./mount";
import { Walk, walkGet, walkPut } from "./path-walk";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsOpen } from "./vfs";

/** Physical memory of the fake machine: [1 MiB, 40 MiB) for pages, a fixture from 40 MiB on. */
export const FIXTURE_ADDRESS: u64 = 40 << 20;
const MEMORY_START: u64 = 1 << 20;

export let testDevice: MemoryBlockDevice | null = null;
export let testCache: DiskCache | null = null;

/** Counts what it is told, and keeps what it was. */
export class Recorder extends PollObserver {
  count: i32 = 0;
  mask: u32 = 0;

  ready(mask: u32): void {
    this.count++;
    this.mask |= mask;
  }
}

/** Gives the page allocator its memory. */
export function testMemory(): void {
  addMemory(MEMORY_START, FIXTURE_ADDRESS);
}

/** Loads an EROFS fixture as a disk and mounts it; returns the root inode or -errno. */
export function testErofs(name: string): usize {
  const size = loadFixture(name, FIXTURE_ADDRESS);
  const device = new MemoryBlockDevice(FIXTURE_ADDRESS, size);
  const cache = new DiskCache(device);
  testDevice = device;
  testCache = cache;
  cache.register();
  return erofsMount(cache);
}

/** Makes an EROFS fixture the root, read-only. */
export function testErofsRoot(name: string): void {
  testMemory();
  const root = testErofs(name);
  expect(!isError(root), "the image is mounted");
  mountAt(null, changetype<Inode>(root), "/dev/root");
}

/** Makes an empty tmpfs of `pages` pages the root. */
export function testTmpfsRoot(pages: u64 = 1024): TmpFileSystem {
  testMemory();
  const fileSystem = new TmpFileSystem("tmpfs", pages);
  mountAt(null, new TmpDirectory(fileSystem, 0o755), "tmpfs");
  return fileSystem;
}

/** Makes a union of an empty tmpfs and an EROFS fixture the root. */
export function testUnionRoot(name: string): TmpFileSystem {
  testMemory();
  const lower = testErofs(name);
  expect(!isError(lower), "the image is mounted");
  const fileSystem = new TmpFileSystem("overlay", 4096);
  mountAt(null, new TmpDirectory(fileSystem, 0, changetype<Inode>(lower)), "overlay");
  return fileSystem;
}

/** A walk with a path, from the root. */
export function walkTo(path: string): Walk {
  const walk = walkGet()!;
  walk.loadString(path);
  return walk;
}

/** Runs a walk and returns its error; the inode's number is in `walkedInode`. */
export let walkedInode: u64 = 0;

export function resolve(path: string, flags: u32): i32 {
  const walk = walkTo(path);
  const error = walk.run(rootDirectory(), flags);
  walkedInode = 0;
  if (error == 0) {
    const inode = walk.dentry!.inode;
    if (inode) walkedInode = inode.number;
  }
  walkPut(walk);
  return error;
}

/** Opens a path: a File or -errno. */
export function open(path: string, flags: u32, mode: u32 = 0o644): usize {
  const walk = walkTo(path);
  const file = vfsOpen(walk, rootDirectory(), flags, mode);
  walkPut(walk);
  return file;
}

export function opened(path: string, flags: u32): File {
  const file = open(path, flags);
  if (isError(file)) expectEqual(<i32>file, 0, path);
  return changetype<File>(file);
}

const io = new IoVector();

/** Reads n bytes at an offset into linear memory. */
export function readAt(file: File, offset: i64, to: usize, n: u64): i64 {
  io.setKernel(addressOf(to), n);
  return file.readAt(io, offset);
}

export function writeText(file: File, text: string): i64 {
  const bytes = String.UTF8.encode(text);
  io.setKernel(addressOf(changetype<usize>(bytes)), bytes.byteLength);
  const done = file.write(io);
  free(bytes);
  return done;
}

/** The whole contents of a file as text; null when it can't be opened. */
export function contentsOf(path: string): string | null {
  const result = open(path, 0);
  if (isError(result)) return null;
  const file = changetype<File>(result);
  const buffer = new StaticArray<u8>(8192);
  const n = readAt(file, 0, changetype<usize>(buffer), 8192);
  filePut(file);
  return n < 0 ? null : String.UTF8.decodeUnsafe(changetype<usize>(buffer), <usize>n);
}

/** Makes a file with these contents. */
export function putFile(path: string, text: string): void {
  const file = opened(path, O_CREAT | O_RDWR);
  expectEqual(writeText(file, text), text.length, "written");
  filePut(file);
}

/**
 * Lists a directory with a buffer of `size` bytes at a time: how many entries there are, or -errno.
 */
export function list(path: string, size: u64): i64 {
  const file = opened(path, O_RDONLY);
  const buffer = new StaticArray<u8>(<i32>size);
  let count: i64 = 0;
  for (;;) {
    io.setKernel(addressOf(changetype<usize>(buffer)), size);
    const filled = file.readDirectory(io);
    if (filled < 0) count = filled;
    if (filled <= 0) break;
    for (let at: i64 = 0; at < filled; count++) {
      at += load<u16>(changetype<usize>(buffer) + <usize>at, 16);
    }
  }
  filePut(file);
  return count;
}

/** The names in a directory, but `.` and `..`. */
export function namesIn(path: string): string[] {
  const file = opened(path, O_RDONLY);
  const buffer = new StaticArray<u8>(1024);
  const names: string[] = [];
  for (;;) {
    io.setKernel(addressOf(changetype<usize>(buffer)), 1024);
    const filled = file.readDirectory(io);
    if (filled <= 0) break;
    for (let at: i64 = 0; at < filled; ) {
      const entry = changetype<usize>(buffer) + <usize>at;
      const name = String.UTF8.decodeUnsafe(entry + 19, 256, true);
      if (name != "." && name != "..") names.push(name);
      at += load<u16>(entry, 16);
    }
  }
  filePut(file);
  return names;
}

/** Physical memory of the fixture as the kernel reaches it. */
export function fixtureAt(offset: u64): u64 {
  return directMap(FIXTURE_ADDRESS + offset);
}

// ---- Images of EROFS that a test makes by hand --------------------------------------------------

/** The metadata begins in block 1: the inode `nid` is 32 * nid bytes behind that. */
const IMAGE_META_BLOCK: u32 = 1;

/** An image of so many blocks of zeros with a superblock. Its root is inode 0. */
export function imageStart(blocks: u32): void {
  fill(fixtureAt(0), 0, (<u64>blocks) << 12);
  const superblock = fixtureAt(1024);
  store32(superblock, 0xe0f5e1e2);
  store8(superblock + 0x0c, 12);
  store32(superblock + 0x24, blocks);
  store32(superblock + 0x28, IMAGE_META_BLOCK);
}

/** Where an inode lies in the image. */
export function imageInodeAt(nid: u64): u64 {
  return ((<u64>IMAGE_META_BLOCK) << 12) + nid * 32;
}

/** A compact inode with one name; `layout` and `data` as in the format's i_format and i_u. */
export function imageInode(nid: u64, mode: u32, layout: u32, size: u32, data: u32): void {
  const at = fixtureAt(imageInodeAt(nid));
  store16(at, layout << 1);
  store16(at + 4, mode);
  store16(at + 6, 1);
  store32(at + 8, size);
  store32(at + 16, data);
}

/** Bytes of an ASCII text at an offset of the image. */
export function imageText(offset: u64, text: string): void {
  for (let i = 0; i < text.length; i++) store8(fixtureAt(offset + <u64>i), text.charCodeAt(i));
}

/**
 * Entry `index` of the directory block at an offset of the image, without its name, which begins
 * `nameOffset` bytes behind that.
 */
export function imageEntry(block: u64, index: u32, nid: u64, type: u32, nameOffset: u32): void {
  const at = fixtureAt(block) + <u64>index * 12;
  store64(at, nid);
  store16(at + 8, nameOffset);
  store8(at + 10, type);
}

/** The image as a disk of so many blocks, mounted: the root's Inode with a reference, or -errno. */
export function imageMount(blocks: u64): usize {
  const device = new MemoryBlockDevice(FIXTURE_ADDRESS, blocks << 12);
  const cache = new DiskCache(device);
  testDevice = device;
  testCache = cache;
  cache.register();
  return erofsMount(cache);
}

// ---- The host -----------------------------------------------------------------------------------

const INPUT_MAX = 8192;

/** Input of the host as a test makes it up: `port.say("a text")`, `port.end()`. */
export class TestInput extends InputPort {
  private bytes: StaticArray<u8> = new StaticArray<u8>(INPUT_MAX);
  private start: u32 = 0;
  private stop: u32 = 0;
  private tell: () => void = () => {};
  /** How often somebody has waited: nobody comes, so a signal ends it. */
  waits: u32 = 0;
  opens: u32 = 0;

  constructor() {
    super(2, changetype<Virtqueue>(0), 0);
  }

  /** The host sends a text. */
  say(text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.stop++] = <u8>text.charCodeAt(i);
    this.tell();
  }

  end(): void {
    this.isEnded = true;
    this.tell();
  }

  open(came: () => void): void {
    this.tell = came;
    this.opens++;
  }

  count(): u32 {
    return this.stop - this.start;
  }

  read(address: u64, n: u64): u64 {
    const done = min(n, <u64>this.count());
    copy(address, addressOf(changetype<usize>(this.bytes) + <usize>this.start), done);
    this.start += <u32>done;
    return done;
  }

  isReady(): bool {
    return this.count() > 0 || this.isEnded;
  }

  wait(): i32 {
    this.waits++;
    return -EINTR;
  }
}
