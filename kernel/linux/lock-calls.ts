/**
 * flock(2), and the commands of fcntl(2) that lock ranges: fs/file-lock.ts has the rules.
 */
import { File, fileGet, filePut, O_PATH } from "../fs/file";
import {
  dropProcessLocks,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  lockConflict,
  lockRange,
  lockWhole,
  PROCESS,
  RANGE_END,
} from "../fs/file-lock";
import { Stat } from "../fs/stat";
import { SEEK_CUR, SEEK_END, SEEK_SET } from "../fs/vfs-file";
import { EBADF, EFAULT, EINVAL, ENOMEM, EOVERFLOW } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { fdFile } from "./descriptors";
import { isReadable, isWritable } from "./file-access";
import { PROCESS_ID } from "./task";
import { loadUser, storeUser } from "./user-memory";

// flock(2)
const LOCK_SH: u32 = 1;
const LOCK_EX: u32 = 2;
const LOCK_NB: u32 = 4;
const LOCK_UN: u32 = 8;

// include/uapi/asm-generic/fcntl.h
export const F_GETLK: u32 = 5;
export const F_SETLK: u32 = 6;
export const F_SETLKW: u32 = 7;
export const F_OFD_GETLK: u32 = 36;
export const F_OFD_SETLK: u32 = 37;
export const F_OFD_SETLKW: u32 = 38;

/** struct flock. */
@unmanaged
class Flock {
  type: i16;
  whence: i16;
  padding: u32;
  start: i64;
  length: i64;
  pid: i32;
  tail: u32;

  /** Empty: `loadUser` fills it. */
  constructor() {}
}
if (offsetof<Flock>() != 32) ERROR("struct flock is 32 bytes");

/** flock(2): -EBADF, -EINVAL, and what lockWhole returns. */
export function sys_flock(fd: i32, operation: u32): i64 {
  const file = fdFile(fd);
  if (!file || (file.flags & O_PATH) != 0) return -EBADF;
  const wait = (operation & LOCK_NB) == 0;
  switch (operation & ~LOCK_NB) {
    case LOCK_SH:
      return lockWhole(file, F_RDLCK, wait);
    case LOCK_EX:
      return lockWhole(file, F_WRLCK, wait);
    case LOCK_UN:
      return lockWhole(file, F_UNLCK, wait);
    default:
      return -EINVAL;
  }
}

/** Where offsets of struct flock count from; -EINVAL. */
function rangeBase(file: File, whence: i32): i64 {
  if (whence == SEEK_SET) return 0;
  // What has no position begins at 0.
  if (whence == SEEK_CUR) return max(file.seek(0, SEEK_CUR), 0);
  if (whence != SEEK_END) return -EINVAL;
  const stat = attempt(new Stat());
  if (!stat) return -ENOMEM;
  const size = file.stat(stat) == 0 ? stat.size : 0;
  free(stat);
  return size;
}

/** Makes `start` and `length` of a struct flock the first and last byte: 0, -EINVAL, -EOVERFLOW. */
function toRange(file: File, flock: Flock): i32 {
  const base = rangeBase(file, flock.whence);
  if (base < 0) return <i32>base;
  if (flock.start > 0 && base > i64.MAX_VALUE - flock.start) return -EOVERFLOW;
  let first = base + flock.start;
  if (first < 0) return -EINVAL;
  let last = <i64>RANGE_END;
  if (flock.length > 0) {
    if (flock.length - 1 > i64.MAX_VALUE - first) return -EOVERFLOW;
    last = first + flock.length - 1;
  } else if (flock.length < 0) {
    if (first + flock.length < 0) return -EINVAL;
    last = first - 1;
    first += flock.length;
  }
  flock.start = first;
  flock.length = last;
  return 0;
}

/** F_GETLK and its kin: tells of the lock in the way, or F_UNLCK. */
function getLock(file: File, owner: usize, flock: Flock, to: u64): i64 {
  const type = <u32>flock.type;
  const whence = flock.whence;
  const start = flock.start;
  const length = flock.length;
  if (type != F_RDLCK && type != F_WRLCK) return -EINVAL;
  const error = toRange(file, flock);
  if (error != 0) return error;
  const lock = lockConflict(file, owner, type, flock.start, flock.length);
  if (lock) {
    flock.type = <i16>lock.type;
    flock.whence = <i16>SEEK_SET;
    flock.start = lock.start;
    flock.length = lock.end == RANGE_END ? 0 : <i64>(lock.end - lock.start + 1);
    flock.pid = lock.owner == PROCESS ? <i32>PROCESS_ID : -1;
  } else {
    flock.type = <i16>F_UNLCK;
    flock.whence = whence;
    flock.start = start;
    flock.length = length;
  }
  return storeUser(to, changetype<usize>(flock), offsetof<Flock>());
}

function setLock(fd: i32, file: File, owner: usize, flock: Flock, wait: bool): i64 {
  const type = <u32>flock.type;
  if (type > F_UNLCK) return -EINVAL;
  const error = toRange(file, flock);
  if (error != 0) return error;
  if (type == F_RDLCK && !isReadable(file)) return -EBADF;
  if (type == F_WRLCK && !isWritable(file)) return -EBADF;
  const result = lockRange(file, owner, type, flock.start, flock.length, wait);
  // Another thread may have closed the descriptor meanwhile; the lock would outlive it.
  if (result == 0 && owner == PROCESS && type != F_UNLCK && fdFile(fd) != file) {
    dropProcessLocks(file);
    return -EBADF;
  }
  return result;
}

/** The fcntl commands above: 0, -EAGAIN, -EBADF, -EFAULT, -EINTR, -EINVAL, -ENOLCK, -EOVERFLOW. */
export function lockCommand(fd: i32, file: File, command: u32, argument: u64): i64 {
  if ((file.flags & O_PATH) != 0) return -EBADF;
  const ofd = command >= F_OFD_GETLK;
  const owner = ofd ? changetype<usize>(file) : PROCESS;
  const flock = attempt(new Flock());
  if (!flock) return -ENOMEM;
  fileGet(file);
  let result: i64;
  if (loadUser(changetype<usize>(flock), argument, offsetof<Flock>()) != 0) result = -EFAULT;
  else if (ofd && flock.pid != 0) result = -EINVAL;
  else if (command == F_GETLK || command == F_OFD_GETLK) {
    result = getLock(file, owner, flock, argument);
  } else {
    const wait = command == F_SETLKW || command == F_OFD_SETLKW;
    result = setLock(fd, file, owner, flock, wait);
  }
  filePut(file);
  free(flock);
  return result;
}
