import { EAGAIN, ENOLCK } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { TextBuffer } from "../lib/text-buffer";
import { heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { File, filePut, O_CREAT, O_RDWR } from "./file";
import {
  dropFileLocks,
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
  putLocks,
  RANGE_END,
} from "./file-lock";
import { processInfo } from "./process-info";
import { opened, testTmpfsRoot } from "./testing";
import { placeOf } from "./vfs-file";

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

// Several owners: the process, and two open files. What each byte is locked by, for each of them.

const OWNERS: u32 = 3;
const held = new StaticArray<u8>(<i32>(OWNERS * BYTES));
const flocks = new StaticArray<u32>(2);

function heldBy(owner: u32, byte: u32): u32 {
  return held[owner * BYTES + byte];
}

function keyOfOwner(owner: u32, one: File, two: File): usize {
  return owner == 0 ? PROCESS : ownerOf(owner == 1 ? one : two);
}

/** Whether somebody else's lock keeps `type` from this byte. */
function isInTheWay(owner: u32, other: u32, type: u32, byte: u32): bool {
  const there = heldBy(other, byte);
  if (other == owner || there == F_UNLCK) return false;
  return type == F_WRLCK || there == F_WRLCK;
}

/** The first byte of the range of equal locks that a byte is in. */
function beginOf(owner: u32, byte: u32): u32 {
  let first = byte;
  while (first > 0 && heldBy(owner, first - 1) == heldBy(owner, byte)) first--;
  return first;
}

function endOf(owner: u32, byte: u32): u64 {
  let last = byte;
  while (last + 1 < BYTES && heldBy(owner, last + 1) == heldBy(owner, byte)) last++;
  // The model's last byte stands for all that follow.
  return last + 1 == BYTES ? RANGE_END : last;
}

function rangesOf(owner: u32): u32 {
  let count: u32 = 0;
  for (let at: u32 = 0; at < BYTES; at++) {
    if (heldBy(owner, at) != F_UNLCK && beginOf(owner, at) == at) count++;
  }
  return count;
}

/** The lowest range in the way of a lock: owner << 8 | its first byte; -1: there is none. */
function wantedConflict(owner: u32, type: u32, start: u32, end: u32): i32 {
  let found = -1;
  for (let other: u32 = 0; other < OWNERS; other++) {
    for (let at = start; at <= end; at++) {
      if (!isInTheWay(owner, other, type, at)) continue;
      const begin = beginOf(other, at);
      if (found < 0 || begin < <u32>(found & 255)) found = (other << 8) | begin;
      break;
    }
  }
  return found;
}

/** F_GETLK's answer: a lock that is in the way, whole, and the one that begins first. */
function checkConflict(owner: u32, type: u32, start: u32, end: u32, one: File, two: File): void {
  const file = owner == 2 ? two : one;
  const last = end + 1 == BYTES ? RANGE_END : <u64>end;
  const lock = lockConflict(file, keyOfOwner(owner, one, two), type, start, last);
  const wanted = wantedConflict(owner, type, start, end);
  if (!lock || wanted < 0) {
    expect(!lock && wanted < 0, "there is one or there is none");
    return;
  }
  expectEqual(lock.start, wanted & 255, "where it begins");
  let other: u32 = 0;
  while (keyOfOwner(other, one, two) != lock.owner) other++;
  expectEqual(lock.type, heldBy(other, <u32>lock.start), "its kind");
  expectEqual(lock.end, endOf(other, <u32>lock.start), "where it ends");
  expect(!lock.whole, "a range");
}

function checkWhole(one: File, two: File): void {
  const which = random(2);
  const type = random(3);
  const other = flocks[1 - which];
  const conflicts = type != F_UNLCK && other != F_UNLCK && (type == F_WRLCK || other == F_WRLCK);
  const error = lockWhole(which == 0 ? one : two, type, false);
  expectEqual(error, conflicts ? -EAGAIN : 0, "flock(2)");
  // A lock of another type is given up even when the new one can't be had.
  if (!conflicts) flocks[which] = type;
  else if (flocks[which] != type) flocks[which] = F_UNLCK;
}

test("file lock: ranges of several owners, and locks of whole files, are what a model says", () => {
  testTmpfsRoot();
  const one = opened("/a", O_RDWR | O_CREAT);
  const two = opened("/a", O_RDWR);
  for (let i: u32 = 0; i < OWNERS * BYTES; i++) held[i] = <u8>F_UNLCK;
  flocks[0] = F_UNLCK;
  flocks[1] = F_UNLCK;
  for (let round = 0; round < 3000; round++) {
    const owner = random(OWNERS);
    const start = random(BYTES);
    const end = start + random(random(3) == 0 ? BYTES - start : min<u32>(BYTES - start, 6));
    const last = end + 1 == BYTES ? RANGE_END : <u64>end;
    const type = random(3);
    const file = owner == 2 ? two : one;
    const isFree = type == F_UNLCK || wantedConflict(owner, type, start, end) < 0;
    const error = lockRange(file, keyOfOwner(owner, one, two), type, start, last, false);
    expectEqual(error, isFree ? 0 : -EAGAIN, "locked or not");
    if (isFree) for (let at = start; at <= end; at++) held[owner * BYTES + at] = <u8>type;
    if (random(4) == 0) checkWhole(one, two);
    const flocked = <u32>(flocks[0] != F_UNLCK) + <u32>(flocks[1] != F_UNLCK);
    expectEqual(processLockCount(), rangesOf(0), "ranges of the process");
    expectEqual(fileLockCount(), rangesOf(1) + rangesOf(2) + flocked, "and of open files");
    const from = random(BYTES);
    checkConflict(random(OWNERS), random(2), from, from + random(BYTES - from), one, two);
  }
  filePut(two);
  expectEqual(fileLockCount(), rangesOf(1) + <u32>(flocks[0] != F_UNLCK), "those of one file went");
  expectEqual(processLockCount(), rangesOf(0), "those of the process did not");
  dropProcessLocks(one);
  expectEqual(processLockCount(), 0, "until it closes a descriptor");
  filePut(one);
  expectEqual(fileLockCount(), 0, "none is left");
});

/** The lines of /proc/locks. */
function linesOf(only: File | null): string {
  const out = new TextBuffer();
  putLocks(out, "> ", only);
  const text = String.UTF8.decodeUnsafe(out.data, out.length);
  out.destroy();
  return text;
}

/** An open file of which nothing is known. */
class NamelessFile extends File {}

test("file lock: each lock is a line of /proc/locks, and of the descriptor that holds it", () => {
  testTmpfsRoot();
  const one = opened("/a", O_RDWR | O_CREAT);
  const two = opened("/b", O_RDWR | O_CREAT);
  expect(linesOf(null) == "", "none");
  lockRange(one, PROCESS, F_RDLCK, 3, 7, false);
  lockRange(one, ownerOf(one), F_WRLCK, 10, RANGE_END, false);
  lockWhole(two, F_WRLCK, false);
  const place = placeOf(one)!.inode;
  const device = (place.fileSystem.device & 0xff).toString(16).padStart(2, "0");
  const file = " 00:" + device + ":" + place.number.toString();
  const other = " 00:" + device + ":" + placeOf(two)!.inode.number.toString();
  const pid = processInfo().pid().toString();
  const posix = "POSIX  ADVISORY  READ " + pid + file + " 3 7\n";
  const ofd = "OFDLCK ADVISORY  WRITE -1 " + file.slice(1) + " 10 EOF\n";
  const flock = "FLOCK  ADVISORY  WRITE " + pid + other + " 0 EOF\n";
  expect(linesOf(null) == "> 1: " + flock + "> 2: " + posix + "> 3: " + ofd, "all");
  expect(linesOf(one) == "> 1: " + posix + "> 2: " + ofd, "of one file");
  expect(linesOf(two) == "> 1: " + flock, "of the other");
  const again = opened("/a", O_RDWR);
  expect(linesOf(again) == "> 1: " + posix, "what another open file holds is not this one's");
  lockWhole(two, F_UNLCK, false);
  const nameless = new NamelessFile();
  lockWhole(nameless, F_RDLCK, false);
  const line = "> 1: FLOCK  ADVISORY  READ " + pid + " 00:00:0 0 EOF\n";
  expect(linesOf(nameless) == line, "without a place it has no numbers");
  lockWhole(nameless, F_UNLCK, false);
  filePut(again);
  filePut(two);
  filePut(one);
  dropProcessLocks(one);
});

let lockedFile: File | null = null;

test("failing memory: locks of a file", () => {
  testTmpfsRoot();
  lockedFile = opened("/a", O_RDWR | O_CREAT);
  expectUndone((): bool => {
    const file = lockedFile!;
    const ranged = lockRange(file, PROCESS, F_WRLCK, 0, 99, false);
    const cut = lockRange(file, PROCESS, F_RDLCK, 10, 20, false);
    const whole = lockWhole(file, F_WRLCK, false);
    const errors = (ranged | cut | whole) == 0 || ranged == -ENOLCK || cut == -ENOLCK;
    expect(errors || whole == -ENOLCK, "ENOLCK says that memory is out");
    const made = <u32>(ranged == 0 ? (cut == 0 ? 3 : 1) : cut == 0 ? 1 : 0);
    expectEqual(processLockCount(), made, "a call that failed has changed nothing");
    expectEqual(fileLockCount(), <u32>(whole == 0), "nor has this one");
    // Letting go may fail, too, and then nothing has changed either; closing can't.
    lockRange(file, PROCESS, F_UNLCK, 0, RANGE_END, false);
    dropProcessLocks(file);
    dropFileLocks(file);
    return (ranged | cut | whole) == 0;
  });
});

test("failing memory: a lock of a whole file", () => {
  testTmpfsRoot();
  lockedFile = opened("/a", O_RDWR | O_CREAT);
  expectUndone((): bool => {
    const error = lockWhole(lockedFile!, F_WRLCK, false);
    expect(error == 0 || error == -ENOLCK, "locked, or why not");
    expectEqual(fileLockCount(), <u32>(error == 0), "as it says");
    dropFileLocks(lockedFile!);
    return error == 0;
  });
});

test("failing memory: a range of a file", () => {
  testTmpfsRoot();
  lockedFile = opened("/a", O_RDWR | O_CREAT);
  expectUndone((): bool => {
    const error = lockRange(lockedFile!, PROCESS, F_WRLCK, 5, 6, false);
    expect(error == 0 || error == -ENOLCK, "locked, or why not");
    expectEqual(processLockCount(), <u32>(error == 0), "as it says");
    dropProcessLocks(lockedFile!);
    return error == 0;
  });
});
