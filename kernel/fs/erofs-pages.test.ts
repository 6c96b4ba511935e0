import { addressOf, load8, store8, store16, store32 } from "../arch/hw";
import { EIO, ENOMEM, EUCLEAN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { directMap, freePageCount, pagePut, pageReferences } from "../mem/page-allocator";
import { failAllocation } from "../runtime/failing";
import { expectUndone } from "../runtime/testing";
import { ErofsFileSystem } from "./erofs";
import { Inode, inodePut, isError } from "./inode";
import { IoVector } from "./io-vector";
import { shrinkPageCache } from "./page-cache";
import { PageSource } from "./page-source";
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
import { zeroPage } from "./zero-page";

// The bytes and pages of files in each layout, holes and tails included, and how often the disk is
// asked for them.

/** Block 0: the superblock, 1: inodes, tails and chunk maps, the others: data. */
const BLOCKS: u32 = 24;
const DATA: u32 = 2;
const FILE: u32 = 0o100644;
const LINK: u32 = 0o120777;
const FLAT_PLAIN: u32 = 0;
const FLAT_INLINE: u32 = 2;
const CHUNK_BASED: u32 = 4;
const INDEXES: u32 = 0x20;
const HOLE: u32 = 0xffffffff;
const NID: u64 = 3;
const PAGE: u32 = 4096;

const BUFFER_BYTES: u32 = 12 * PAGE;
const buffer = new StaticArray<u8>(<i32>BUFFER_BYTES);
const io = new IoVector();
let seed: u32 = 1;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

// What the file under test holds: for each page its block, HOLE, or TAIL.
const TAIL: u32 = 0xfffffffe;
const map = new StaticArray<u32>(16);
let size: u32 = 0;

/** Byte `within` of a block of the image, or of the data behind the inode. */
function byteOf(block: u32, within: u32): u32 {
  if (block == HOLE) return 0;
  return (block == TAIL ? 0x5a + within * 3 : block * 31 + within * 7 + (within >> 8)) & 0xff;
}

function makeImage(): Inode {
  testMemory();
  // Made when it is first needed, and kept.
  zeroPage();
  imageStart(BLOCKS);
  imageInode(0, 0o40755, FLAT_PLAIN, 0, 0);
  for (let block = DATA; block < BLOCKS; block++) {
    for (let i: u32 = 0; i < PAGE; i++) {
      store8(fixtureAt(((<u64>block) << 12) + <u64>i), byteOf(block, i));
    }
  }
  const root = imageMount(BLOCKS);
  expect(!isError(root), "the image is mounted");
  return changetype<Inode>(root);
}

/** Puts bytes behind the inode. */
function putTail(offset: u64, n: u32): void {
  for (let i: u32 = 0; i < n; i++) store8(fixtureAt(offset + <u64>i), byteOf(TAIL, i));
}

/** A flat file: its blocks begin at `start`, and with `inlined` the last bytes are behind it. */
function makeFlat(root: Inode, bytes: u32, start: u32, inlined: bool): Inode {
  imageInode(NID, FILE, inlined ? FLAT_INLINE : FLAT_PLAIN, bytes, start);
  size = bytes;
  for (let i: u32 = 0; i < 16; i++) map[i] = start + i;
  if (inlined && bytes != 0) {
    const last = (bytes - 1) / PAGE;
    map[last] = TAIL;
    putTail(imageInodeAt(NID + 1), bytes - last * PAGE);
  }
  return inodeOf(root);
}

/**
 * A file in chunks of 1 << shift blocks; `chunks` are their first blocks or HOLE. With attributes
 * the map does not begin right behind the inode.
 */
function makeChunked(
  root: Inode,
  bytes: u32,
  shift: u32,
  chunks: StaticArray<u32>,
  indexes: bool,
  attributes: bool,
): Inode {
  imageInode(NID, FILE, CHUNK_BASED, bytes, shift | (indexes ? INDEXES : 0));
  if (attributes) store16(fixtureAt(imageInodeAt(NID)) + 2, 1);
  size = bytes;
  const behind = imageInodeAt(NID + 1) + (attributes ? 12 : 0);
  const at = indexes ? (behind + 7) & ~(<u64>7) : behind;
  for (let i: u32 = 0; i < <u32>chunks.length; i++) {
    const entry = fixtureAt(at + ((<u64>i) << (indexes ? 3 : 2)));
    if (indexes) store32(entry, 0x77777777);
    store32(entry + (indexes ? 4 : 0), chunks[i]);
    for (let j: u32 = 0; j < (<u32>1) << shift; j++) {
      map[(i << shift) + j] = chunks[i] == HOLE ? HOLE : chunks[i] + j;
    }
  }
  return inodeOf(root);
}

function inodeOf(root: Inode): Inode {
  shrinkPageCache(100);
  const inode = (<ErofsFileSystem>root.fileSystem).inode(NID);
  if (isError(inode)) expectEqual(<i32>inode, 0, "the inode");
  return changetype<Inode>(inode);
}

/** Byte `at` of the file. */
function byteAt(at: u32): u32 {
  return at < size ? byteOf(map[at / PAGE], at % PAGE) : 0;
}

function checkReads(inode: Inode): void {
  for (let round = 0; round < 100; round++) {
    const border = random(size / PAGE + 2) * PAGE;
    const start = random(2) == 0 ? random(size + 2) : max(border, 3) - 3 + random(6);
    const n = 1 + random(random(2) == 0 ? 10 : BUFFER_BYTES);
    const there: u32 = start >= size ? 0 : min(n, size - start);
    io.setKernel(addressOf(changetype<usize>(buffer)), n);
    expectEqual(inode.readAt(io, start), there, "bytes read");
    for (let i: u32 = 0; i < there; i++) {
      if (buffer[i] != byteAt(start + i)) expectEqual(start + i, -1, "a byte");
    }
  }
}

/** Each page as a mapping sees it: with a reference, and zeros behind the end of an own page. */
function checkPages(inode: Inode): void {
  const source = inode.pages()!;
  expectEqual(source.size(), size, "the source's size");
  const pages = (size + PAGE - 1) / PAGE;
  for (let index: u32 = 0; index < pages; index++) {
    const page = source.getPage(index);
    expect(page > 0, "a page");
    const references = pageReferences(page);
    expect(references > 1, "with a reference for who got it");
    for (let i: u32 = 0; i < PAGE; i++) {
      const there = index * PAGE + i < size || map[index] != TAIL;
      const wanted: u32 = there ? byteOf(map[index], i) : 0;
      if (load8(directMap(page) + <u64>i) != wanted) expectEqual(index, -1, "a page's byte");
    }
    const peeked = source.peekPage(index);
    if (peeked != 0) {
      expectEqual(peeked, page, "the same page");
      expectEqual(pageReferences(page), references + 1, "and one more reference");
      pagePut(page);
    }
    pagePut(page);
    expectEqual(pageReferences(page), references - 1, "given back");
  }
  expectEqual(source.getPage(pages), -EIO, "behind the last");
  expectEqual(source.getPage(pages + 1), -EIO, "further behind");
  expectEqual(source.peekPage(pages), 0, "nothing to peek at");
  expectEqual(source.peekPage(pages + 1), 0, "further behind");
}

function checkFile(inode: Inode, data: u64): void {
  const pages = freePageCount() + testCache!.residentCount();
  const reads = pageReferences(zeroPage());
  expectEqual(inode.size(), size, "st_size");
  expectEqual(inode.blocks(), ((size + PAGE - 1) / PAGE) * 8, "st_blocks");
  checkReads(inode);
  checkPages(inode);
  const source = inode.pages()!;
  if (data != u64.MAX_VALUE) expectEqual(source.countCached(0, 100), data, "pages that are there");
  inodePut(inode);
  shrinkPageCache(100);
  expectEqual(testCache!.residentCount(), 0, "nobody holds a page of the disk");
  expectEqual(freePageCount(), pages, "all pages are back");
  expectEqual(pageReferences(zeroPage()), reads, "nor a page of zeros");
}

test("erofs: flat files, with and without a tail behind the inode", () => {
  const root = makeImage();
  const sizes: StaticArray<u32> = [1, 100, 4095, 4096, 4097, 8192, 9000, 12288];
  for (let i = 0; i < sizes.length; i++) {
    const pages: u64 = (sizes[i] + PAGE - 1) / PAGE;
    checkFile(makeFlat(root, sizes[i], DATA + 3, false), pages);
    // A tail must fit between the inode and its block's end.
    if ((sizes[i] - 1) % PAGE < 3900) checkFile(makeFlat(root, sizes[i], DATA + 3, true), pages);
  }
  checkFile(makeFlat(root, 0, 0, false), 0);
  checkFile(makeFlat(root, 0, 0, true), 0);
});

test("erofs: files in chunks of each size, with holes anywhere", () => {
  const root = makeImage();
  for (let form = 0; form < 4; form++) {
    const indexes = (form & 1) != 0;
    const behind = (form & 2) != 0;
    const single: StaticArray<u32> = [9, HOLE, 4, HOLE, HOLE, 23, HOLE];
    checkFile(makeChunked(root, 7 * PAGE - 5, 0, single, indexes, behind), u64.MAX_VALUE);
    const holes: StaticArray<u32> = [HOLE, HOLE];
    checkFile(makeChunked(root, 2 * PAGE, 0, holes, indexes, behind), u64.MAX_VALUE);
    const double: StaticArray<u32> = [HOLE, 11, 3, HOLE];
    checkFile(makeChunked(root, 7 * PAGE + 1, 1, double, indexes, behind), u64.MAX_VALUE);
    const large: StaticArray<u32> = [14, HOLE, 5];
    checkFile(makeChunked(root, 11 * PAGE, 2, large, indexes, behind), u64.MAX_VALUE);
    checkFile(makeChunked(root, 9 * PAGE + 77, 2, large, indexes, behind), u64.MAX_VALUE);
  }
});

/** Reads one page of a file anew; returns how many pages were read for it. */
function pagesReadFor(source: PageSource, index: u64): u64 {
  shrinkPageCache(100);
  const page = source.getPage(index);
  expect(page > 0, "a page");
  pagePut(page);
  return testCache!.residentCount();
}

test("erofs: reading ahead stays inside the file", () => {
  const root = makeImage();
  const flat = makeFlat(root, 3 * PAGE, DATA + 3, false);
  for (let i: u64 = 0; i < 3; i++) expectEqual(pagesReadFor(flat.pages()!, i), 3, "its pages");
  inodePut(flat);
  const inlined = makeFlat(root, 2 * PAGE + 9, DATA + 3, true);
  expectEqual(pagesReadFor(inlined.pages()!, 0), 2, "its blocks");
  inodePut(inlined);
});

test("erofs: a chunk is read as a whole, as far as it is the file's", () => {
  const root = makeImage();
  const chunks: StaticArray<u32> = [14, HOLE, 5];
  const inode = makeChunked(root, 10 * PAGE, 2, chunks, false, false);
  const source = inode.pages()!;
  // All blocks are read with the metadata but those that are dropped here: what is read then is
  // for the file alone.
  const indexes: StaticArray<u64> = [0, 1, 3, 8, 9];
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i];
    pagePut(source.getPage(index));
    testCache!.drop(2, BLOCKS);
    const before = testDevice!.pages;
    pagePut(source.getPage(index));
    expectEqual(testDevice!.pages - before, index < 4 ? 4 : 2, "blocks of this chunk");
  }
  inodePut(inode);
});

test("erofs: what is not needed soon is dropped, of the file's own pages alone", () => {
  const root = makeImage();
  const inode = makeFlat(root, 4 * PAGE + 5, 10, true);
  const source = inode.pages()!;
  for (let index: u64 = 0; index < 5; index++) pagePut(source.getPage(index));
  // What lies before and behind it on the disk.
  const fileSystem = <ErofsFileSystem>root.fileSystem;
  pagePut(fileSystem.block(9));
  pagePut(fileSystem.block(14));
  const ranges: StaticArray<u64> = [0, 0, 1, 3, 3, 4, 4, 5, 0, 100];
  const left: StaticArray<u64> = [5, 3, 2, 2, 1];
  for (let i = 0; i < left.length; i++) {
    source.dropClean(ranges[2 * i], ranges[2 * i + 1]);
    expectEqual(source.countCached(0, 100), left[i], "its pages and the tail");
  }
  expect(testCache!.peek(9) != 0, "before it");
  expect(testCache!.peek(14) != 0, "and behind it");
  expectEqual(testCache!.peek(10), 0, "its first is gone");
  expectEqual(testCache!.peek(13), 0, "and its last");
  inodePut(inode);
  const chunks: StaticArray<u32> = [14];
  const chunked = makeChunked(root, PAGE, 0, chunks, false, false);
  pagePut(chunked.pages()!.getPage(0));
  chunked.pages()!.dropClean(0, 1);
  expectEqual(chunked.pages()!.countCached(0, 1), 0, "in chunks nobody knows without the map");
  inodePut(chunked);
});

/** Reads the whole file with a block of the disk unreadable. */
function readWith(inode: Inode, bad: u64, from: u64): i64 {
  shrinkPageCache(100);
  testDevice!.badSector = bad * 8;
  const pages = freePageCount();
  io.setKernel(addressOf(changetype<usize>(buffer)), BUFFER_BYTES);
  const done = inode.readAt(io, from);
  shrinkPageCache(100);
  // The page of a tail that could be read stays the file's.
  if (bad < BLOCKS) expectEqual(freePageCount(), pages, "no page is lost");
  testDevice!.badSector = u64.MAX_VALUE;
  return done;
}

test("erofs: a block that can't be read ends the reading there, also one of the map", () => {
  const root = makeImage();
  // Once with everything, so that the page of zeros and the tables are there.
  const chunks: StaticArray<u32> = [14, HOLE, 5];
  let inode = makeChunked(root, 3 * PAGE, 0, chunks, false, false);
  expectEqual(readWith(inode, BLOCKS, 0), 3 * PAGE, "all of it");
  expectEqual(readWith(inode, 14, 0), -EIO, "the first chunk");
  expectEqual(readWith(inode, 5, 0), 2 * PAGE, "the last one");
  expectEqual(readWith(inode, 1, 0), -EIO, "the map: it is no hole");
  expectEqual(readWith(inode, 1, PAGE), -EIO, "nor is the hole known to be one");
  inodePut(inode);
  inode = makeFlat(root, 2 * PAGE + 9, 10, true);
  expectEqual(readWith(inode, BLOCKS, 0), 2 * PAGE + 9, "all of it");
  expectEqual(readWith(inode, 11, 0), PAGE, "the second block");
  inodePut(inode);
  inode = makeFlat(root, 2 * PAGE + 9, 10, true);
  expectEqual(readWith(inode, 1, 0), 2 * PAGE, "the tail");
  expectEqual(readWith(inode, 1, 2 * PAGE), -EIO, "the tail alone");
  inodePut(inode);
  inode = makeFlat(root, 9, 0, true);
  expectEqual(readWith(inode, 1, 0), -EIO, "a file that is all tail");
  expectEqual(readWith(inode, 1, 9), 0, "behind its end nothing is read");
  inodePut(inode);
});

test("erofs: a chunk outside of the image is damage, and no hole", () => {
  const root = makeImage();
  const chunks: StaticArray<u32> = [22, BLOCKS, HOLE - 1];
  const inode = makeChunked(root, 6 * PAGE, 1, chunks, false, false);
  expectEqual(readWith(inode, BLOCKS, 0), 2 * PAGE, "up to the image's last block");
  expectEqual(readWith(inode, BLOCKS, 2 * PAGE), -EUCLEAN, "behind its end");
  expectEqual(readWith(inode, BLOCKS, 4 * PAGE), -EUCLEAN, "far behind");
  inodePut(inode);
});

test("erofs: a link's text, behind the inode or in blocks, as much of it as is asked for", () => {
  const root = makeImage();
  const sizes: StaticArray<u32> = [1, 60, 4096, 4097, 5000];
  for (let i = 0; i < sizes.length; i++) {
    for (let form = 0; form < 2; form++) {
      if (form == 1 && sizes[i] == 4096) continue;
      inodePut(makeFlat(root, sizes[i], 10, form == 1));
      store16(fixtureAt(imageInodeAt(NID)) + 4, LINK);
      const link = inodeOf(root);
      for (let room = sizes[i] - 1; room <= sizes[i] + 1; room++) {
        memory.fill(changetype<usize>(buffer), 0xee, BUFFER_BYTES);
        const n = min(room, sizes[i]);
        expectEqual(link.readLink(changetype<usize>(buffer), room), n, "its length");
        for (let at: u32 = 0; at < n; at++) {
          if (buffer[at] != byteAt(at)) expectEqual(at, -1, "a byte");
        }
        expectEqual(buffer[n], 0xee, "nothing behind it");
      }
      shrinkPageCache(100);
      testDevice!.badSector = (form == 1 ? 1 : 10) * 8;
      expectEqual(link.readLink(changetype<usize>(buffer), BUFFER_BYTES), -EIO, "unreadable");
      testDevice!.badSector = u64.MAX_VALUE;
      inodePut(link);
    }
  }
  const file = makeFlat(root, 60, 10, true);
  expectEqual(file.readLink(changetype<usize>(buffer), 60), -22, "a file is none");
  inodePut(file);
});

test("erofs: the page of a tail that there is no memory for", () => {
  const root = makeImage();
  const inode = makeFlat(root, PAGE + 9, 10, true);
  const source = inode.pages()!;
  pagePut(source.getPage(0));
  failAllocation(1);
  expectEqual(source.getPage(1), -ENOMEM, "none");
  failAllocation(0);
  expectEqual(source.peekPage(1), 0, "and so there is nothing to peek at");
  const page = source.getPage(1);
  expect(page > 0, "with memory");
  expectEqual(pageReferences(page), 2, "the file's, and ours");
  expectEqual(source.getPage(1), page, "it is made once");
  expect(source.isReadAgain, "and could be made again");
});

let rootInode: Inode | null = null;

/** Reads a file of two blocks and a bit as a whole. */
function readsAll(inode: Inode): bool {
  io.setKernel(addressOf(changetype<usize>(buffer)), BUFFER_BYTES);
  const done = inode.readAt(io, 0) == <i64>size;
  inodePut(inode);
  shrinkPageCache(100);
  return done;
}

test("failing memory: a file with a tail", () => {
  rootInode = makeImage();
  makeFlat(rootInode!, 2 * PAGE + 9, 10, true);
  expectUndone((): bool => {
    shrinkPageCache(100);
    const inode = (<ErofsFileSystem>rootInode!.fileSystem).inode(NID);
    return !isError(inode) && readsAll(changetype<Inode>(inode));
  });
});

test("failing memory: a file in chunks with holes", () => {
  rootInode = makeImage();
  const chunks: StaticArray<u32> = [14, HOLE, 5];
  makeChunked(rootInode!, 3 * PAGE, 0, chunks, true, true);
  expectUndone((): bool => {
    shrinkPageCache(100);
    const inode = (<ErofsFileSystem>rootInode!.fileSystem).inode(NID);
    return !isError(inode) && readsAll(changetype<Inode>(inode));
  });
});
