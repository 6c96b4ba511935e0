/**
 * The file descriptors of the process: small numbers that stand for open files.
 *
 *     fdFile(fd)                     the file, borrowed: valid until the caller sleeps (take `fileGet` before that)
 *     fdRoom()                       whether there is a descriptor: before what can't be undone
 *     fdInstall(file, cloexec)       the lowest free descriptor; takes over the caller's reference, also when it fails
 *     fdReplace(fd, file, cloexec)   puts a file at a given descriptor, closing what was there (dup2)
 *     fdClose(fd)                    gives the table's reference back
 *     fdNext(from)                   walks the open descriptors in order
 *
 * Three parallel arrays, grown together by doubling: the files, a bitmap of the descriptors in use,
 * and a bitmap of those that close on exec. `lowest` is a descriptor below which all are in use, so
 * finding the lowest free one looks at one word in the common case.
 *
 * Threads are not preempted here and nothing here sleeps but `fdClose` and `fdReplace` (a file's
 * release), which change the table first. With more CPUs the arrays are published by one pointer,
 * read without a lock, and changed under a Mutex.
 */
import { File, filePut } from "../fs/file";
import { dropProcessLocks, processLockCount } from "../fs/file-lock";
import { EBADF, EMFILE, ENOMEM } from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";

/** Descriptors that fit in the static first table. A multiple of 64. */
const INITIAL_CAPACITY: u32 = 64;
/** Linux's default of fs.nr_open: no table is larger. */
export const FD_CAPACITY_MAX: u32 = 1048576;
/**
 * Soft RLIMIT_NOFILE at start. Large enough for a server, small enough for programs that walk all
 * numbers.
 */
const DEFAULT_LIMIT: u64 = 65536;

/** Per descriptor: the pointer of its File, or 0. */
let files: usize = memory.data(64 * 4, 8);
/** Bit per descriptor: in use. */
let used: usize = memory.data(64 / 8, 8);
/** Bit per descriptor: closed by execve. */
let closeOnExec: usize = memory.data(64 / 8, 8);
let capacity: u32 = INITIAL_CAPACITY;
/** No descriptor below this one is free. */
let lowest: u32 = 0;
let openCount: u32 = 0;
let limit: u64 = DEFAULT_LIMIT;

/**
 * The open file of a descriptor, or null. Borrowed: who sleeps while using it takes a reference
 * first.
 */
export function fdFile(fd: i32): File | null {
  if (<u32>fd >= capacity) return null;
  return load<File | null>(files + ((<usize>fd) << 2));
}

/** How many descriptors are open. */
export function fdCount(): u32 {
  return openCount;
}

/** The soft RLIMIT_NOFILE: new descriptors are below it. */
export function fdLimit(): u64 {
  return limit;
}

export function fdSetLimit(value: u64): void {
  limit = value;
}

function wordOf(bitmap: usize, fd: u32): usize {
  return bitmap + ((<usize>(fd >> 6)) << 3);
}

function setBit(bitmap: usize, fd: u32, on: bool): void {
  const word = wordOf(bitmap, fd);
  const bit = (<u64>1) << (fd & 63);
  store<u64>(word, on ? load<u64>(word) | bit : load<u64>(word) & ~bit);
}

function testBit(bitmap: usize, fd: u32): bool {
  return ((load<u64>(wordOf(bitmap, fd)) >> (fd & 63)) & 1) != 0;
}

/** Moves one array to larger memory; the new part is zero. */
function grownArray(old: usize, oldBytes: usize, bytes: usize): usize {
  const larger = heapAlloc(bytes);
  if (larger == 0) return 0;
  memory.copy(larger, old, oldBytes);
  memory.fill(larger + oldBytes, 0, bytes - oldBytes);
  return larger;
}

/** Makes room for descriptor `fd`. 0, -EMFILE or -ENOMEM. */
function reserve(fd: u32): i32 {
  if (fd < capacity) return 0;
  if (fd >= FD_CAPACITY_MAX) return -EMFILE;
  let size = capacity;
  while (size <= fd) size <<= 1;
  const newFiles = grownArray(files, (<usize>capacity) << 2, (<usize>size) << 2);
  if (newFiles == 0) return -ENOMEM;
  const newUsed = grownArray(used, <usize>capacity >> 3, <usize>size >> 3);
  const newCloseOnExec = newUsed
    ? grownArray(closeOnExec, <usize>capacity >> 3, <usize>size >> 3)
    : 0;
  if (newCloseOnExec == 0) {
    if (newUsed) heapFree(newUsed);
    heapFree(newFiles);
    return -ENOMEM;
  }
  if (capacity > INITIAL_CAPACITY) {
    heapFree(files);
    heapFree(used);
    heapFree(closeOnExec);
  }
  files = newFiles;
  used = newUsed;
  closeOnExec = newCloseOnExec;
  capacity = size;
  return 0;
}

/** The lowest free number >= `from`; it may be `capacity` or above. */
function lowestFree(from: u32): u32 {
  let word = from >> 6;
  const words = capacity >> 6;
  if (word >= words) return from;
  // Descriptors below `from` count as used.
  let taken = load<u64>(used + ((<usize>word) << 3)) | ~(~(<u64>0) << (from & 63));
  while (taken == ~(<u64>0)) {
    if (++word == words) return capacity;
    taken = load<u64>(used + ((<usize>word) << 3));
  }
  return (word << 6) + <u32>ctz(~taken);
}

function place(fd: u32, file: File, cloexec: bool): void {
  store<File>(files + ((<usize>fd) << 2), file);
  setBit(used, fd, true);
  setBit(closeOnExec, fd, cloexec);
  openCount++;
}

/** Why there is no descriptor for a new file, in number or for want of memory: 0 or -errno. */
function roomAt(fd: u32): i32 {
  return fd < limit ? reserve(fd) : -EMFILE;
}

/**
 * Whether a descriptor is free: 0, -EMFILE or -ENOMEM. For calls that create a file, empty one or
 * take a connection: with none they do nothing. Who sleeps after it may find that another thread
 * has taken the last one.
 */
export function fdRoom(): i32 {
  return roomAt(lowestFree(lowest));
}

/** The lowest free descriptor for `file`: as `fdInstallFrom(file, 0, cloexec)`. */
export function fdInstall(file: File, cloexec: bool): i32 {
  return fdInstallFrom(file, 0, cloexec);
}

/**
 * Gives `file` the lowest free descriptor >= `minimum`. The caller's reference is now the table's;
 * it is given back when there is no descriptor: -EMFILE or -ENOMEM.
 */
export function fdInstallFrom(file: File, minimum: u32, cloexec: bool): i32 {
  const fd = lowestFree(max(minimum, lowest));
  const error = roomAt(fd);
  if (error != 0) {
    filePut(file);
    return error;
  }
  place(fd, file, cloexec);
  if (minimum <= lowest) lowest = fd + 1;
  return <i32>fd;
}

/**
 * Takes a file out of the table, with the table's reference, or null when the descriptor is not
 * open.
 */
function fdTake(fd: i32): File | null {
  const file = fdFile(fd);
  if (!file) return null;
  store<usize>(files + ((<usize>fd) << 2), 0);
  setBit(used, fd, false);
  setBit(closeOnExec, fd, false);
  if (<u32>fd < lowest) lowest = fd;
  openCount--;
  if (processLockCount() != 0) dropProcessLocks(file);
  return file;
}

/**
 * Puts `file` at descriptor `fd`, taking over the caller's reference, and closes what was there.
 * Returns fd, -EBADF when that number can't be, or -ENOMEM. May sleep.
 */
export function fdReplace(fd: i32, file: File, cloexec: bool): i32 {
  const error = <u32>fd < limit ? reserve(fd) : -EBADF;
  if (error != 0) {
    filePut(file);
    return error;
  }
  const old = fdTake(fd);
  place(fd, file, cloexec);
  if (<u32>fd == lowest) lowest++;
  if (old) filePut(old);
  return fd;
}

/** Closes a descriptor. 0 or -EBADF. May sleep. */
export function fdClose(fd: i32): i32 {
  const file = fdTake(fd);
  if (!file) return -EBADF;
  filePut(file);
  return 0;
}

/** Whether an open descriptor closes on exec. */
export function fdCloexec(fd: i32): bool {
  return testBit(closeOnExec, fd);
}

export function fdSetCloexec(fd: i32, cloexec: bool): void {
  setBit(closeOnExec, fd, cloexec);
}

/** The first open descriptor >= `from`, or -1. */
export function fdNext(from: i32): i32 {
  const words = capacity >> 6;
  let word = <u32>from >> 6;
  if (word >= words) return -1;
  let bits = load<u64>(used + ((<usize>word) << 3)) & (~(<u64>0) << (from & 63));
  while (bits == 0) {
    if (++word == words) return -1;
    bits = load<u64>(used + ((<usize>word) << 3));
  }
  return <i32>((word << 6) + <u32>ctz(bits));
}

/** Closes what has to be closed when the process executes another program. May sleep. */
export function fdCloseOnExec(): void {
  for (let fd = fdNext(0); fd >= 0; fd = fdNext(fd + 1)) {
    if (fdCloexec(fd)) fdClose(fd);
  }
}
