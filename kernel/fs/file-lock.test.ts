import { EAGAIN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import { File, filePut, O_CREAT, O_RDWR } from "./file";
import {
  dropProcessLocks,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  fileLockCount,
  lockConflict,
  lockRange,
  lockWhole,
  PROCESS,
  processLockCount,
  RANGE_END,
} from "./file-lock";
import { opened, testTmpfsRoot } from "./testing";

const BYTES: u32 = 40;
/** What each byte should be locked by: F_*. */
const model: usize = memory.data(40);

let seed: u32 = 12345;

function random(below: u32): u32 {
  seed = seed * 1103515245 + 12345;
  return (seed >> 16) % below;
}

function ownerOf(file: File): usize {
  return changetype<usize>(file);
}

test("file lock: ranges cut, merged and dropped at random are what was asked for, byte by byte", () => {
  testTmpfsRoot();
  const file = opened("/a", O_RDWR | O_CREAT);
  const other = opened("/a", O_RDWR);
  memory.fill(model, <u8>F_UNLCK, BYTES);
  for (let round = 0; round < 2000; round++) {
    const start = random(BYTES);
    const end = start + random(BYTES - start);
    const type = random(3);
    expectEqual(lockRange(file, PROCESS, type, start, end, false), 0, "locked");
    memory.fill(model + <usize>start, <u8>type, <usize>(end - start + 1));
    for (let at: u32 = 0; at < BYTES; at++) {
      const held = lockConflict(other, ownerOf(other), F_WRLCK, at, at);
      expectEqual(held ? held.type : F_UNLCK, load<u8>(model + <usize>at), "this byte");
    }
  }
  dropProcessLocks(file);
  expectEqual(processLockCount(), 0, "none is left");
  filePut(file);
  filePut(other);
});

test("file lock: neighbours of one type are one range", () => {
  testTmpfsRoot();
  const file = opened("/a", O_RDWR | O_CREAT);
  lockRange(file, PROCESS, F_WRLCK, 0, 4, false);
  lockRange(file, PROCESS, F_WRLCK, 10, RANGE_END, false);
  lockRange(file, PROCESS, F_WRLCK, 5, 9, false);
  expectEqual(processLockCount(), 1, "merged");
  lockRange(file, PROCESS, F_RDLCK, 5, 9, false);
  expectEqual(processLockCount(), 3, "cut in the middle");
  filePut(file);
});

test("file lock: a file that ends takes its own locks along, and no memory stays", () => {
  testTmpfsRoot();
  const file = opened("/a", O_RDWR | O_CREAT);
  lockWhole(file, F_WRLCK, false);
  lockWhole(file, F_UNLCK, false);
  const before = heapBytesInUse();
  const other = opened("/a", O_RDWR);
  expectEqual(lockWhole(other, F_WRLCK, false), 0, "exclusive");
  expectEqual(lockRange(other, ownerOf(other), F_WRLCK, 3, 7, false), 0, "and a range");
  expectEqual(lockWhole(file, F_RDLCK, false), -EAGAIN, "in the way");
  expect(lockConflict(file, ownerOf(file), F_RDLCK, 0, RANGE_END) != null, "as is the range");
  filePut(other);
  expectEqual(fileLockCount(), 0, "none is left");
  expectEqual(heapBytesInUse(), before, "nothing leaked");
});
