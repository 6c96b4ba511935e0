/**
 * Advisory locks on files: flock(2), and fcntl(2)'s ranges of bytes, which belong to the process
 * (F_SETLK) or to an open file description (F_OFD_SETLK).
 *
 *     lockWhole(file, type, wait)                        flock(2)
 *     lockRange(file, owner, type, start, end, wait)     F_SETLK and kin; `owner`: PROCESS, or the file
 *     lockConflict(file, owner, type, start, end)        F_GETLK: the lock in the way, or null
 *     dropProcessLocks(file)      a descriptor of the file closes: the process' ranges end
 *     dropFileLocks(file)         an open file description ends: its own locks end
 *     putLocks(out, only)         /proc/locks, and a file's part of it for /proc/self/fdinfo
 *
 * The locks of one file (its inode; what has none is a file of its own) are in a LockSet, which is
 * there while it has locks or waiters. Locks of flock(2) and ranges don't see each other. A range
 * of an owner is replaced piece by piece: overlaps of another type are cut, of the same type and
 * neighbours are merged, so the ranges of one owner never overlap.
 *
 * There is one process, so its ranges conflict with those of open files only, and no deadlock can
 * be told (Linux looks for cycles between processes alone). Waiters of a set are all woken when
 * something in it ends, and look again. A file that is copied up while it is open for reading is
 * two files afterwards, here as for its contents.
 *
 * `processLockCount` and `fileLockCount` let closing skip the look when there are no locks at all.
 */
import { EAGAIN, ENOLCK } from "../lib/errno";
import { HashNode, HashTable } from "../lib/hash-table";
import { TextBuffer } from "../lib/text-buffer";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { WaitQueue } from "../sched/wait-queue";
import { File, fileGet, filePut } from "./file";
import { processInfo } from "./process-info";
import { Stat } from "./stat";
import { placeOf } from "./vfs-file";

// l_type, include/uapi/asm-generic/fcntl.h
export const F_RDLCK: u32 = 0;
export const F_WRLCK: u32 = 1;
export const F_UNLCK: u32 = 2;

/** The owner of ranges of F_SETLK. */
export const PROCESS: usize = 0;
/** End of a range that has none. */
export const RANGE_END: u64 = <u64>i64.MAX_VALUE;

@unmanaged
export class FileLock {
  next: FileLock | null;
  /** PROCESS, or the open file as a pointer to compare. */
  owner: usize;
  /** F_RDLCK or F_WRLCK. */
  type: u32;
  /** Of flock(2): the range is everything. */
  whole: bool;
  /** First and last byte. */
  start: u64;
  end: u64;
}

@unmanaged
class LockSet extends HashNode {
  /** The inode, or the file that has none, as a pointer to compare. */
  key: usize;
  first: FileLock | null;
  /** Threads in `waiters`, and calls that are at work on the set. */
  users: u32;
  waiters: WaitQueue | null;
  device: u64;
  inode: u64;
  next: LockSet | null;
  previous: LockSet | null;
}

let locksOfProcess: u32 = 0;
let locksOfFiles: u32 = 0;

export function processLockCount(): u32 {
  return locksOfProcess;
}

export function fileLockCount(): u32 {
  return locksOfFiles;
}

const table = new HashTable();
let firstSet: LockSet | null = null;

// ---- Sets ---------------------------------------------------------------------------------------

function keyOf(file: File): usize {
  const place = placeOf(file);
  return place ? changetype<usize>(place.inode) : changetype<usize>(file);
}

function findSet(key: usize): LockSet | null {
  const hash = <u32>(key >> 4);
  let node = table.first(hash);
  while (node) {
    const set = changetype<LockSet>(node);
    if (set.key == key) return set;
    node = HashTable.next(node);
  }
  return null;
}

/** The set of a file, made if need be; a user of it until `putSet`. Null when memory is short. */
function getSet(file: File): LockSet | null {
  const key = keyOf(file);
  let set = findSet(key);
  if (!set) {
    const pointer = heapAlloc(offsetof<LockSet>());
    if (pointer == 0) return null;
    memory.fill(pointer, 0, offsetof<LockSet>());
    set = changetype<LockSet>(pointer);
    set.key = key;
    if (!identify(set, file) || !table.insert(set, <u32>(key >> 4))) {
      heapFree(pointer);
      return null;
    }
    const first = firstSet;
    set.next = first;
    if (first) first.previous = set;
    firstSet = set;
  }
  set.users++;
  return set;
}

/** Notes what /proc/locks shows of the file. False when memory is short. */
function identify(set: LockSet, file: File): bool {
  const stat = attempt(new Stat());
  if (!stat) return false;
  file.stat(stat);
  set.device = stat.dev;
  set.inode = stat.ino;
  free(stat);
  return true;
}

function putSet(set: LockSet): void {
  if (--set.users != 0 || set.first) return;
  const next = set.next;
  const previous = set.previous;
  if (previous) previous.next = next;
  else firstSet = next;
  if (next) next.previous = previous;
  table.remove(set);
  const waiters = set.waiters;
  if (waiters) free(waiters);
  heapFree(changetype<usize>(set));
}

function wakeAll(set: LockSet): void {
  const waiters = set.waiters;
  if (waiters) waiters.wakeAll();
}

// ---- Locks --------------------------------------------------------------------------------------

function count(owner: usize, change: i32): void {
  if (owner == PROCESS) locksOfProcess += change;
  else locksOfFiles += change;
}

/** A lock without its values; null when memory is short. */
function lockAlloc(): FileLock | null {
  return changetype<FileLock | null>(heapAlloc(offsetof<FileLock>()));
}

/** Enters a lock in the order of the starts. */
function insert(set: LockSet, lock: FileLock): void {
  count(lock.owner, 1);
  const first = set.first;
  if (!first || first.start > lock.start) {
    lock.next = first;
    set.first = lock;
    return;
  }
  let before = first;
  for (let next = before.next; next && next.start <= lock.start; next = before.next) before = next;
  lock.next = before.next;
  before.next = lock;
}

/** Takes a lock out and frees it. */
function remove(set: LockSet, lock: FileLock): void {
  count(lock.owner, -1);
  const first = set.first!;
  if (first == lock) {
    set.first = lock.next;
  } else {
    let before = first;
    while (before.next != lock) before = before.next!;
    before.next = lock.next;
  }
  heapFree(changetype<usize>(lock));
}

/** The first lock of another owner that keeps `type` from [start, end]. */
function conflict(
  set: LockSet,
  owner: usize,
  whole: bool,
  type: u32,
  start: u64,
  end: u64,
): FileLock | null {
  let lock = set.first;
  while (lock) {
    const apart =
      lock.owner == owner || lock.whole != whole || lock.end < start || lock.start > end;
    if (!apart && (type == F_WRLCK || lock.type == F_WRLCK)) return lock;
    lock = lock.next;
  }
  return null;
}

/** Waits until nothing is in the way: 0, or -EAGAIN without `wait`, -EINTR, -ENOLCK. */
function waitForTurn(
  set: LockSet,
  owner: usize,
  whole: bool,
  type: u32,
  start: u64,
  end: u64,
  wait: bool,
): i32 {
  while (conflict(set, owner, whole, type, start, end)) {
    if (!wait) return -EAGAIN;
    let waiters = set.waiters;
    if (!waiters) {
      waiters = attempt(new WaitQueue());
      if (!waiters) return -ENOLCK;
      set.waiters = waiters;
    }
    const error = waiters.wait();
    if (error != 0) return error;
  }
  return 0;
}

/** The lock that flock(2) has given this file. */
function wholeLock(set: LockSet, owner: usize): FileLock | null {
  let lock = set.first;
  while (lock && !(lock.whole && lock.owner == owner)) lock = lock.next;
  return lock;
}

/**
 * flock(2): F_RDLCK (shared), F_WRLCK (exclusive) or F_UNLCK. 0, -EAGAIN, -EINTR, -ENOLCK. A lock
 * of another type is given up before the wait, as on Linux.
 */
export function lockWhole(file: File, type: u32, wait: bool): i32 {
  const set = getSet(file);
  if (!set) return -ENOLCK;
  const owner = changetype<usize>(file);
  let error = 0;
  const held = wholeLock(set, owner);
  if (held && held.type != type) {
    remove(set, held);
    wakeAll(set);
  }
  if (type != F_UNLCK && !(held && held.type == type)) {
    fileGet(file);
    error = waitForTurn(set, owner, true, type, 0, RANGE_END, wait);
    if (error == 0) error = enterWhole(set, owner, type);
    filePut(file);
  }
  putSet(set);
  return error;
}

function enterWhole(set: LockSet, owner: usize, type: u32): i32 {
  // Another thread with the same file may have been here while this one waited.
  const there = wholeLock(set, owner);
  if (there) {
    there.type = type;
    return 0;
  }
  const lock = lockAlloc();
  if (!lock) return -ENOLCK;
  lock.owner = owner;
  lock.type = type;
  lock.whole = true;
  lock.start = 0;
  lock.end = RANGE_END;
  insert(set, lock);
  return 0;
}

/**
 * Locks or unlocks [start, end] for an owner: PROCESS, or the file itself as a pointer. 0, -EAGAIN,
 * -EINTR, -ENOLCK.
 */
export function lockRange(
  file: File,
  owner: usize,
  type: u32,
  start: u64,
  end: u64,
  wait: bool,
): i32 {
  const set = getSet(file);
  if (!set) return -ENOLCK;
  fileGet(file);
  let error = 0;
  if (type != F_UNLCK) error = waitForTurn(set, owner, false, type, start, end, wait);
  if (error == 0) error = setRange(set, owner, type, start, end);
  filePut(file);
  putSet(set);
  return error;
}

/** Makes [start, end] of an owner what `type` says. 0 or -ENOLCK, and then nothing has changed. */
function setRange(set: LockSet, owner: usize, type: u32, start: u64, end: u64): i32 {
  // At most two are needed: the range itself, and what is behind the cut in a larger one.
  const made = lockAlloc();
  const rest = lockAlloc();
  if (!made || !rest) {
    if (made) heapFree(changetype<usize>(made));
    if (rest) heapFree(changetype<usize>(rest));
    return -ENOLCK;
  }
  let from = start;
  let to = end;
  let restUsed = false;
  let lock = set.first;
  while (lock) {
    const next = lock.next;
    if (lock.owner == owner && !lock.whole) {
      if (lock.type == type) {
        if (lock.start <= to + 1 && from <= lock.end + 1) {
          from = min(from, lock.start);
          to = max(to, lock.end);
          remove(set, lock);
        }
      } else if (lock.start <= end && start <= lock.end) {
        restUsed = cut(set, lock, start, end, rest) || restUsed;
      }
    }
    lock = next;
  }
  if (!restUsed) heapFree(changetype<usize>(rest));
  if (type == F_UNLCK) {
    heapFree(changetype<usize>(made));
  } else {
    made.owner = owner;
    made.type = type;
    made.whole = false;
    made.start = from;
    made.end = to;
    insert(set, made);
  }
  wakeAll(set);
  return 0;
}

/** Takes [start, end] out of a lock; true when that left two pieces, the second in `rest`. */
function cut(set: LockSet, lock: FileLock, start: u64, end: u64, rest: FileLock): bool {
  const before = lock.start < start;
  const behind = lock.end > end;
  if (behind) {
    rest.owner = lock.owner;
    rest.type = lock.type;
    rest.whole = false;
    rest.start = end + 1;
    rest.end = lock.end;
    insert(set, rest);
  }
  if (before) lock.end = start - 1;
  else remove(set, lock);
  return behind;
}

/** The lock that keeps `owner` from [start, end], borrowed; null when there is none. */
export function lockConflict(
  file: File,
  owner: usize,
  type: u32,
  start: u64,
  end: u64,
): FileLock | null {
  const set = findSet(keyOf(file));
  return set ? conflict(set, owner, false, type, start, end) : null;
}

// ---- The end of a file --------------------------------------------------------------------------

function dropLocks(file: File, owner: usize): void {
  const set = findSet(keyOf(file));
  if (!set) return;
  set.users++;
  let lock = set.first;
  while (lock) {
    const next = lock.next;
    if (lock.owner == owner) remove(set, lock);
    lock = next;
  }
  wakeAll(set);
  putSet(set);
}

/** A descriptor of this file is closed: the ranges of the process on it are no more. */
export function dropProcessLocks(file: File): void {
  dropLocks(file, PROCESS);
}

/** The last reference on an open file is gone, which still has its inode. */
export function dropFileLocks(file: File): void {
  dropLocks(file, changetype<usize>(file));
}

// ---- /proc --------------------------------------------------------------------------------------

function putLock(out: TextBuffer, set: LockSet, lock: FileLock, number: u32): void {
  out.decimal(number).put(": ");
  out.put(lock.whole ? "FLOCK  " : lock.owner == PROCESS ? "POSIX  " : "OFDLCK ");
  out.put("ADVISORY  ").put(lock.type == F_WRLCK ? "WRITE " : "READ ");
  if (!lock.whole && lock.owner != PROCESS) out.put("-1 ");
  else out.decimal(processInfo().pid()).byte(32);
  out.hex((set.device >> 8) & 0xfff, 2).put(":");
  out.hex((set.device & 0xff) | ((set.device >> 12) & 0xfff00), 2).put(":");
  out.decimal(set.inode).byte(32).decimal(lock.start).byte(32);
  if (lock.end == RANGE_END) out.put("EOF\n");
  else out.decimal(lock.end).put("\n");
}

/**
 * Lines as in /proc/locks (proc_locks(5)), each after `prefix`; with `only`, of the locks which a
 * descriptor of that file stands for.
 */
export function putLocks(out: TextBuffer, prefix: string, only: File | null): void {
  const key = only ? keyOf(only) : 0;
  let number: u32 = 1;
  let set = firstSet;
  while (set) {
    if (!only || set.key == key) {
      let lock = set.first;
      while (lock) {
        if (!only || lock.owner == PROCESS || lock.owner == changetype<usize>(only)) {
          out.put(prefix);
          putLock(out, set, lock, number++);
        }
        lock = lock.next;
      }
    }
    set = set.next;
  }
}
