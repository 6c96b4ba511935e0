import { addressOf, load32, load64 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { filePut, O_RDONLY } from "./file";
import { FileSystemUse } from "./inode";
import { IoVector } from "./io-vector";
import { fixtureAt, opened, testErofsRoot } from "./testing";
import { placeOf } from "./vfs-file";

// What an image says of itself as a whole, and what its directories list.

// struct linux_dirent64, getdents64(2)
const RECORD_LENGTH: usize = 16;
const RECORD_TYPE: usize = 18;
const RECORD_NAME: usize = 19;

const DT_DIR: u8 = 4;
const DT_REG: u8 = 8;
const DT_LNK: u8 = 10;

/** Of the superblock, which is 1024 bytes into the image (EROFS on-disk format). */
const SUPERBLOCK: u64 = 1024;
const INODE_COUNT: u64 = 16;
const BLOCK_COUNT: u64 = 36;

const buffer: usize = memory.data(32768, 8);
const io = new IoVector();

/** The name at an entry. */
function nameAt(entry: usize): string {
  let length: usize = 0;
  while (load<u8>(entry + RECORD_NAME + length) != 0) length++;
  return String.UTF8.decodeUnsafe(entry + RECORD_NAME, length);
}

/** The type that the root's listing gives a name; 255: it does not list it. */
function typeOf(wanted: string, end: usize): u8 {
  for (let at: usize = 0; at < end; at += load<u16>(buffer + at, RECORD_LENGTH)) {
    if (nameAt(buffer + at) == wanted) return load<u8>(buffer + at, RECORD_TYPE);
  }
  return 255;
}

function checkListing(): void {
  const directory = opened("/", O_RDONLY);
  io.setKernel(addressOf(buffer), 32768);
  const end = <usize>directory.readDirectory(io);
  filePut(directory);
  expectEqual(typeOf(".", end), DT_DIR, "itself");
  expectEqual(typeOf("..", end), DT_DIR, "the one above");
  expectEqual(typeOf("etc", end), DT_DIR, "a directory");
  expectEqual(typeOf("tail", end), DT_REG, "a file");
  expectEqual(typeOf("link", end), DT_LNK, "a link");
  expectEqual(typeOf("tai", end), 255, "part of a name");
  let count = 0;
  let last: u64 = 0;
  for (let at: usize = 0; at < end; at += load<u16>(buffer + at, RECORD_LENGTH)) {
    count++;
    expect(load<u64>(buffer + at, 0) != 0, "each has an inode");
    expect(load<u64>(buffer + at, 8) > last, "and a place to go on from");
    last = load<u64>(buffer + at, 8);
  }
  // ., .., aligned, empty, etc, large, lib, link, loop, many, tail, usr
  expectEqual(count, 12, "each name once");
}

test("erofs: compact inodes are listed with their types", () => {
  testErofsRoot("compact.erofs");
  checkListing();
});

test("erofs: extended inodes are listed with their types", () => {
  testErofsRoot("extended.erofs");
  checkListing();
});

test("erofs: the image's size and its inodes are those of its superblock", () => {
  testErofsRoot("compact.erofs");
  const root = opened("/", O_RDONLY);
  const use = new FileSystemUse();
  placeOf(root)!.inode.fileSystem.use(use);
  expect(use.blocks >= load32(fixtureAt(SUPERBLOCK + BLOCK_COUNT)), "its blocks");
  expectEqual(use.blocksFree, 0, "none is free");
  expectEqual(use.files, load64(fixtureAt(SUPERBLOCK + INODE_COUNT)), "its inodes");
  expectEqual(use.filesFree, 0, "nor can one be made");
  expect(use.files > 500, "there are many");
  filePut(root);
});
