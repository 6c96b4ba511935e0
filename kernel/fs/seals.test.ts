import { addressOf } from "../arch/hw";
import { EPERM } from "../lib/errno";
import { expectEqual, test } from "../lib/testing";
import { File, filePut } from "./file";
import { ATTRIBUTE_MODE, Attributes } from "./inode";
import { IoVector } from "./io-vector";
import { memfdCreate } from "./memfd";
import { testTmpfsRoot } from "./testing";
import {
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  TmpFile,
} from "./tmpfs-file";
import { placeOf } from "./vfs-file";

// fcntl(2), "File Sealing": what each of the 64 sets of seals forbids, and that it forbids no more.

const SEAL_SETS: u32 = 64;
const FALLOC_FL_KEEP_SIZE: u32 = 1;
const FALLOC_FL_PUNCH_HOLE: u32 = 2;
const FALLOC_FL_ZERO_RANGE: u32 = 0x10;
const SIZE: u64 = 2 * 4096;

const buffer: usize = memory.data(16384, 8);
const io = new IoVector();

function writeAt(file: File, offset: i64, n: u64): i64 {
  io.setKernel(addressOf(buffer), n);
  return file.writeAt(io, offset);
}

/** A file of two pages with these seals, which can't be executed. */
function sealed(seals: u32): File {
  const file = changetype<File>(memfdCreate(buffer, 1, 0));
  const inode = <TmpFile>placeOf(file)!.inode;
  expectEqual(setMode(inode, 0o600), 0, "no program");
  expectEqual(writeAt(file, 0, SIZE), SIZE, "written");
  expectEqual(inode.addSeals(seals), 0, "sealed");
  expectEqual(inode.seals, seals, "F_GET_SEALS");
  return file;
}

function setMode(inode: TmpFile, mode: u32): i32 {
  const change = new Attributes();
  change.which = ATTRIBUTE_MODE;
  change.mode = mode;
  return inode.setAttributes(change);
}

test("seals: each forbids what it is for", () => {
  testTmpfsRoot();
  for (let seals: u32 = 0; seals < SEAL_SETS; seals++) {
    const file = sealed(seals);
    const inode = <TmpFile>placeOf(file)!.inode;
    const shrink: i32 = (seals & F_SEAL_SHRINK) != 0 ? -EPERM : 0;
    const grow: i32 = (seals & F_SEAL_GROW) != 0 ? -EPERM : 0;
    const write: i32 = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 ? -EPERM : 0;
    const hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    expectEqual(writeAt(file, 0, 100), write != 0 ? write : 100, "a write");
    expectEqual(writeAt(file, SIZE - 10, 10), write != 0 ? write : 10, "up to the end");
    expectEqual(inode.allocate(0, 0, SIZE), 0, "room that is there");
    expectEqual(inode.allocate(hole, 0, 100), write, "a hole");
    expectEqual(inode.allocate(FALLOC_FL_ZERO_RANGE, 0, 100), write, "zeros");
    expectEqual(file.truncate(SIZE), 0, "the size that it has");
    expectEqual(file.truncate(SIZE - 1), shrink, "shorter");
    expectEqual(inode.size(), shrink != 0 ? SIZE : SIZE - 1, "or not");
    expectEqual(file.truncate(SIZE), shrink != 0 ? 0 : grow, "as long as it was");
    expectEqual(setMode(inode, 0o700), (seals & F_SEAL_EXEC) != 0 ? -EPERM : 0, "a program");
    filePut(file);
  }
});

test("seals: what makes a file longer is forbidden by one of them", () => {
  testTmpfsRoot();
  for (let seals: u32 = 0; seals < SEAL_SETS; seals++) {
    const file = sealed(seals);
    const inode = <TmpFile>placeOf(file)!.inode;
    const grow: i32 = (seals & F_SEAL_GROW) != 0 ? -EPERM : 0;
    const write: i32 = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0 ? -EPERM : 0;
    const longer = write != 0 || grow != 0 ? -EPERM : 11;
    expectEqual(writeAt(file, SIZE - 10, 11), longer, "a byte behind the end");
    expectEqual(inode.allocate(0, 0, SIZE + 2), grow, "room behind the end");
    expectEqual(file.truncate(SIZE + 3), grow, "longer");
    expectEqual(inode.size(), grow != 0 ? SIZE : SIZE + 3, "or not");
    filePut(file);
  }
});

test("seals: no more can be added after the one that forbids it", () => {
  testTmpfsRoot();
  for (let seals: u32 = 0; seals < SEAL_SETS; seals++) {
    const file = sealed(seals);
    const inode = <TmpFile>placeOf(file)!.inode;
    const isClosed = (seals & F_SEAL_SEAL) != 0;
    expectEqual(inode.addSeals(F_SEAL_SHRINK), isClosed ? -EPERM : 0, "another");
    expectEqual(inode.seals, isClosed ? seals : seals | F_SEAL_SHRINK, "or not");
    filePut(file);
  }
});
