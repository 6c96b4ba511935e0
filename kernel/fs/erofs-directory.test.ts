import { load8, load16, store8, store16 } from "../arch/hw";
import { EIO, ENOTDIR, EUCLEAN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { dentryCreate, dentryPut } from "./dentry";
import { DIRECTORY_START, DirectorySink } from "./directory-sink";
import { Inode, inodePut, isError } from "./inode";
import { shrinkPageCache } from "./page-cache";
import {
  fixtureAt,
  imageEntry,
  imageInode,
  imageInodeAt,
  imageMount,
  imageStart,
  imageText,
  testDevice,
  testMemory,
} from "./testing";

/*
 * The image: block 0 the superblock, 1 the inodes, from 2 on the root's entries; its last ones lie
 * behind its inode if it is FLAT_INLINE.
 */
const BLOCKS: u32 = 5;
const FIRST_BLOCK: u32 = 2;
const FLAT_PLAIN: u32 = 0;
const FLAT_INLINE: u32 = 2;
const DIRECTORY: u32 = 0o40755;
const FILE: u32 = 0o100644;
const ENTRY: u32 = 12;
const BLOCK: u32 = 4096;
/** Inodes of the names, by turns. */
const NIDS_FROM: u64 = 64;
const NIDS: u64 = 60;
const ENTRIES_MAX: i32 = 1000;

/** By EROFS_FT_* less 1: DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK, DT_UNKNOWN. */
const TYPES: StaticArray<u32> = [8, 4, 2, 6, 1, 12, 10, 0];

// What is in the directory, in order.
const names = new StaticArray<string>(ENTRIES_MAX);
const positions = new StaticArray<u64>(ENTRIES_MAX);
let count: i32 = 0;
let blocks: u32 = 0;

/** Takes every entry of a damaged directory. */
class AnySink extends DirectorySink {
  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    return true;
  }
}

/** Takes `room` entries, and notes which. */
class Collector extends DirectorySink {
  first: i32 = -1;
  taken: i32 = 0;
  next: u64 = 0;

  constructor(public room: i32) {
    super();
  }

  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    const index = this.first < 0 ? indexOf(name, length) : this.first + this.taken;
    if (this.taken == this.room) return false;
    if (this.first < 0) this.first = index;
    this.taken++;
    expect(index < count && isName(names[index], name, length), "the names in order");
    expectEqual(inode, nidOf(index), "the inode");
    expectEqual(type, TYPES[index % 8], "the type");
    if (index + 1 < count && (positions[index + 1] & 511) != 0) {
      expectEqual(next, positions[index + 1], "where it goes on");
    }
    this.next = next;
    return true;
  }
}

function isName(text: string, name: u64, length: u32): bool {
  if (text.length != <i32>length) return false;
  for (let i = 0; i < text.length; i++) {
    if (<u32>text.charCodeAt(i) != load8(name + <u64>i)) return false;
  }
  return true;
}

function indexOf(name: u64, length: u32): i32 {
  for (let i = 0; i < count; i++) if (isName(names[i], name, length)) return i;
  return -1;
}

function nidOf(index: i32): u64 {
  return NIDS_FROM + (<u64>index % NIDS);
}

/**
 * A block of `n` entries at an offset of the image: the next names, of which the last is made
 * longer until `bytes` are full if there is no `slack`. Returns how many bytes it takes.
 */
function putBlock(at: u64, n: u32, bytes: u32, slack: bool, dots: u32): u32 {
  let place = (n + dots) * ENTRY;
  for (let i: u32 = 0; i < dots; i++) {
    imageEntry(at, i, 0, 2, place);
    imageText(at + <u64>place, i == 0 ? "." : "..");
    place += i + 1;
  }
  for (let i: u32 = 0; i < n; i++) {
    let name = "k" + count.toString().padStart(3, "0") + "x".repeat(count % 5);
    const rest = <i32>(bytes - place) - name.length;
    if (i + 1 == n && !slack) name += "z".repeat(rest);
    names[count] = name;
    positions[count] = DIRECTORY_START + (((<u64>blocks) << 9) | <u64>(i + dots));
    imageEntry(at, i + dots, nidOf(count), 1 + (count % 8), place);
    imageText(at + <u64>place, name);
    place += name.length;
    count++;
  }
  blocks++;
  return place;
}

/** Makes the image: the directory's last `tail` entries, if any, lie behind its inode. */
function makeImage(tail: u32): Inode {
  testMemory();
  imageStart(BLOCKS);
  count = 0;
  blocks = 0;
  for (let i: u64 = 0; i < NIDS; i++) imageInode(NIDS_FROM + i, FILE, FLAT_PLAIN, 0, 0);
  const block: u64 = (<u64>FIRST_BLOCK) << 12;
  putBlock(block, 218, BLOCK, false, 2);
  putBlock(block + 4096, 200, BLOCK, true, 0);
  // What follows the last name is not the directory's.
  if (tail == 0) {
    const bytes = putBlock(block + 8192, 33, BLOCK, true, 0);
    imageText(block + 8192 + bytes, "behind");
    imageInode(0, DIRECTORY, FLAT_PLAIN, 2 * BLOCK + bytes, FIRST_BLOCK);
  } else {
    const bytes = putBlock(imageInodeAt(1), tail, BLOCK, true, 0);
    imageText(imageInodeAt(1) + bytes, "behind");
    imageInode(0, DIRECTORY, FLAT_INLINE, 2 * BLOCK + bytes, FIRST_BLOCK);
  }
  const root = imageMount(BLOCKS);
  expect(!isError(root), "the image is mounted");
  return changetype<Inode>(root);
}

/** Looks a name up: its inode's number, 0 if it isn't there, or -errno. */
function lookup(directory: Inode, name: string): i64 {
  const bytes = String.UTF8.encode(name);
  const dentry = dentryCreate(null, 0, changetype<usize>(bytes), name.length);
  free(bytes);
  if (!dentry) return -1;
  const error = directory.lookup(dentry);
  const inode = dentry.inode;
  const number: i64 = inode ? <i64>inode.number : 0;
  dentryPut(dentry);
  return error != 0 ? error : number;
}

/** Lists from a position with room for so many entries; returns what `list` does. */
let listed: i32 = 0;
let listedFirst: i32 = 0;

function list(directory: Inode, position: u64, room: i32): i64 {
  const sink = new Collector(room);
  const result = directory.list(position, sink);
  listed = sink.taken;
  listedFirst = sink.first;
  free(sink);
  return result;
}

/** The first entry at a position or behind it. */
function entryAt(position: u64): i32 {
  let index = 0;
  while (index < count && positions[index] < position) index++;
  return index;
}

function checkDirectory(directory: Inode): void {
  const end = DIRECTORY_START + ((<u64>blocks) << 9);
  for (let block: u64 = 0; block <= <u64>blocks; block++) {
    for (let entry: u64 = 0; entry < 512; entry++) {
      const position = DIRECTORY_START + ((block << 9) | entry);
      const first = entryAt(position);
      const all = list(directory, position, ENTRIES_MAX);
      if (listed != count - first) expectEqual(position, -1, "all from this position on");
      if (listed != 0) expectEqual(listedFirst, first, "beginning there");
      expectEqual(all, max(end, block < <u64>blocks ? 0 : position), "to the end");
    }
  }
  for (let i = 0; i < count; i++) {
    if (lookup(directory, names[i]) != nidOf(i)) expectEqual(i, -1, "this name is found");
    expectEqual(lookup(directory, names[i] + "!"), 0, "a longer one is not there");
    expectEqual(lookup(directory, names[i].slice(0, names[i].length - 1)), 0, "nor a shorter one");
  }
  expectEqual(lookup(directory, "a"), 0, "before all others");
  expectEqual(lookup(directory, "z"), 0, "behind all others");
}

test("erofs: a directory's entries are listed from each position and found by name", () => {
  const root = makeImage(0);
  expectEqual(names[217].length > 100 ? 1 : 0, 1, "a name that fills its block");
  checkDirectory(root);
});

test("erofs: the same with the last entries behind the inode", () => {
  checkDirectory(makeImage(7));
  checkDirectory(makeImage(1));
});

test("erofs: a listing that is full goes on with what did not fit", () => {
  const root = makeImage(7);
  for (let room = 1; room <= 9; room++) {
    let position = DIRECTORY_START;
    let seen = 0;
    while (seen < count) {
      position = list(root, position, room);
      expectEqual(listedFirst, seen, "each once");
      seen += listed;
      const isLast = seen == count;
      expectEqual(listed, isLast ? min(listed, room) : room, "as many as there is room for");
      if (!isLast) expectEqual(position, positions[seen], "the place of what did not fit");
    }
  }
  expectEqual(
    list(root, DIRECTORY_START, 0),
    DIRECTORY_START + 2,
    "room for none: behind the dots",
  );
});

test("erofs: what is no position in a directory, and what is no directory", () => {
  const root = makeImage(0);
  for (let position: u64 = 0; position < DIRECTORY_START; position++) {
    expectEqual(list(root, position, 1), -EIO, "before the beginning");
  }
  const file = lookupInode(root, names[0]);
  expectEqual(list(file, DIRECTORY_START, 1), -ENOTDIR, "a file is not listed");
  expectEqual(lookup(file, "k"), -ENOTDIR, "and has no names");
  inodePut(file);
});

/** The inode of a name, with a reference. */
function lookupInode(directory: Inode, name: string): Inode {
  const bytes = String.UTF8.encode(name);
  const dentry = dentryCreate(null, 0, changetype<usize>(bytes), name.length)!;
  expectEqual(directory.lookup(dentry), 0, "found");
  const inode = dentry.inode!;
  dentry.inode = null;
  dentryPut(dentry);
  return inode;
}

test("erofs: a directory without a byte has no entries", () => {
  const root = makeImage(0);
  imageInode(NIDS_FROM, DIRECTORY, FLAT_PLAIN, 0, 0);
  shrinkPageCache(100);
  const directory = lookupInode(root, names[0]);
  expectEqual(lookup(directory, "k"), 0, "nothing is found");
  expectEqual(list(directory, DIRECTORY_START, 9), DIRECTORY_START, "nothing is listed");
  inodePut(directory);
});

/** Expects that neither a listing nor looking the first name up gets by a damage. */
function expectDamage(root: Inode, message: string): void {
  shrinkPageCache(100);
  expectEqual(root.list(DIRECTORY_START, new AnySink()), -EUCLEAN, message);
  expectEqual(lookup(root, "zzz"), -EUCLEAN, message);
  shrinkPageCache(100);
}

test("erofs: entries whose names aren't inside their block are refused", () => {
  const root = makeImage(0);
  const last = fixtureAt(((<u64>FIRST_BLOCK) << 12) + 8192);
  const size = <u32>(root.size() - 8192);
  const nameAt = last + 8;
  const right = load16(nameAt);
  const wrong: StaticArray<u32> = [0, right + 1, right - 1, right + ENTRY, size + ENTRY, 0xfffc];
  for (let i = 0; i < wrong.length; i++) {
    store16(nameAt, wrong[i]);
    shrinkPageCache(100);
    expect(root.list(positions[418], new AnySink()) < 0, "a first name at " + wrong[i].toString());
    expect(lookup(root, "k430") < 0, "nor is it looked up");
    expect(list(root, DIRECTORY_START, 10) > 0, "the other blocks are good");
  }
  store16(nameAt, right);
  // The last entry of all: its name begins at the end, or behind it.
  const lastName = last + 32 * ENTRY + 8;
  const lastRight = load16(lastName);
  for (let i: u32 = 0; i < 2; i++) {
    store16(lastName, size + i);
    expectDamage(root, "a name at the end");
  }
  store16(lastName, lastRight - <u32>names[count - 2].length);
  expectDamage(root, "a name without a letter");
  store16(lastName, lastRight);
  const letter = load8(last + lastRight);
  store8(last + lastRight, 0);
  expectDamage(root, "a name of zeros");
  store8(last + lastRight, letter);
  shrinkPageCache(100);
  expect(list(root, DIRECTORY_START, ENTRIES_MAX) > 0, "whole again");
});

test("erofs: a name has 255 bytes at most", () => {
  const root = makeImage(0);
  const block: u64 = ((<u64>FIRST_BLOCK) << 12) + 8192;
  imageInode(NIDS_FROM, DIRECTORY, FLAT_PLAIN, ENTRY + 255, FIRST_BLOCK + 2);
  imageEntry(block, 0, NIDS_FROM + 1, 1, ENTRY);
  const name = "n".repeat(256);
  imageText(block + ENTRY, name);
  shrinkPageCache(100);
  const longest = lookupInode(root, names[0]);
  expectEqual(lookup(longest, name.slice(1)), NIDS_FROM + 1, "the longest");
  inodePut(longest);
  imageInode(NIDS_FROM, DIRECTORY, FLAT_PLAIN, ENTRY + 256, FIRST_BLOCK + 2);
  shrinkPageCache(100);
  const longer = lookupInode(root, names[0]);
  expectEqual(lookup(longer, name.slice(1)), -EUCLEAN, "one more");
  expectEqual(list(longer, DIRECTORY_START, 9), -EUCLEAN, "is not listed either");
  inodePut(longer);
});

test("erofs: of a directory that can't be read, what is elsewhere shows, and nothing is lost", () => {
  const root = makeImage(7);
  list(root, DIRECTORY_START, ENTRIES_MAX);
  for (let bad: u64 = 0; bad < 3; bad++) {
    shrinkPageCache(100);
    const pages = freePageCount();
    const bytes = heapBytesInUse();
    // The third block of entries lies with the inodes.
    const block: u64 = bad == 2 ? 1 : <u64>FIRST_BLOCK + bad;
    testDevice!.badSector = block * 8;
    for (let at: u64 = 0; at < 3; at++) {
      const result = list(root, DIRECTORY_START + (at << 9), 1);
      if (at == bad) expectEqual(result, -EIO, "the bad block");
      else expect(result > 0, "the others");
    }
    expectEqual(list(root, DIRECTORY_START, ENTRIES_MAX), -EIO, "the whole");
    expectEqual(lookup(root, "m"), bad == 0 ? 0 : -EIO, "the last block");
    expectEqual(lookup(root, names[220]), bad == 0 ? nidOf(220) : -EIO, "a name of the second");
    expectEqual(lookup(root, names[0]), -EIO, "a name of the first");
    testDevice!.badSector = u64.MAX_VALUE;
    shrinkPageCache(100);
    const lost: i64 = <i64>heapBytesInUse() - bytes;
    expectEqual(lost, 0, "no object is lost");
    expectEqual(freePageCount(), pages, "nor a page");
  }
});

let mounted: Inode | null = null;

test("failing memory: a directory of the image", () => {
  mounted = makeImage(7);
  expectUndone((): bool => {
    shrinkPageCache(100);
    const found = lookup(mounted!, names[300]);
    const sink = new Collector(ENTRIES_MAX);
    const end = mounted!.list(DIRECTORY_START, sink);
    const all = sink.taken == count;
    free(sink);
    shrinkPageCache(100);
    return found == nidOf(300) && end > 0 && all;
  });
});
