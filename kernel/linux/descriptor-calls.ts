/**
 * System calls on descriptors themselves: close, dup and its kin, fcntl.
 */
import {
  File,
  fileGet,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  O_PATH,
} from "../fs/file";
import { sealable } from "../fs/memfd";
import { pipeCapacity, pipeSetCapacity } from "../fs/pipe";
import { EBADF, EINVAL, EPERM } from "../lib/errno";
import { CAP_SYS_RESOURCE, capable } from "./credentials";
import {
  fdCloexec,
  fdClose,
  fdFile,
  fdInstall,
  fdInstallFrom,
  fdLimit,
  fdNext,
  fdReplace,
  fdSetCloexec,
} from "./descriptors";
import { isWritable } from "./file-access";
import {
  F_GETOWN,
  F_GETOWN_EX,
  F_GETSIG,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETSIG,
  ownerCommand,
} from "./file-owner";
import {
  F_GETLK,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_SETLK,
  F_SETLKW,
  lockCommand,
} from "./lock-calls";

// include/uapi/asm-generic/fcntl.h and include/uapi/linux/fcntl.h
const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLEASE: u32 = 1025;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;
const F_SEAL_ALL: u64 = 0x3f;
const FD_CLOEXEC: u64 = 1;
const F_UNLCK: u16 = 2;
const O_NOATIME: u32 = 0o1000000;
/** What F_SETFL may change. */
const SETTABLE: u32 = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
/**
 * Flags of open(2) that are not kept (O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC) or are the descriptor's
 * (O_CLOEXEC).
 */
const NOT_STATUS: u32 = 0o1700 | O_CLOEXEC;

const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;

export function sys_close(fd: i32): i64 {
  return fdClose(fd);
}

export function sys_dup(fd: i32): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  fileGet(file);
  return fdInstall(file, false);
}

export function sys_dup2(from: i32, to: i32): i64 {
  if (from == to) return fdFile(from) ? to : -EBADF;
  return duplicateTo(from, to, false);
}

export function sys_dup3(from: i32, to: i32, flags: u32): i64 {
  if (from == to || (flags & ~O_CLOEXEC) != 0) return -EINVAL;
  return duplicateTo(from, to, (flags & O_CLOEXEC) != 0);
}

function duplicateTo(from: i32, to: i32, cloexec: bool): i64 {
  const file = fdFile(from);
  if (!file) return -EBADF;
  fileGet(file);
  return fdReplace(to, file, cloexec);
}

export function sys_close_range(first: u32, last: u32, flags: u32): i64 {
  if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0) return -EINVAL;
  if (first > <u32>i32.MAX_VALUE) return 0;
  for (let fd = fdNext(first); fd >= 0 && <u32>fd <= last; fd = fdNext(fd + 1)) {
    if ((flags & CLOSE_RANGE_CLOEXEC) != 0) fdSetCloexec(fd, true);
    else fdClose(fd);
  }
  return 0;
}

/** What fcntl(2) does with a descriptor that is only a place (open(2), O_PATH). */
function worksOnPath(command: u32): bool {
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
      return true;
    default:
      return false;
  }
}

export function sys_fcntl(fd: i32, command: u32, argument: u64): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  if ((file.flags & O_PATH) != 0 && !worksOnPath(command)) return -EBADF;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      if (argument >= fdLimit()) return -EINVAL;
      fileGet(file);
      return fdInstallFrom(file, <u32>argument, command == F_DUPFD_CLOEXEC);
    }
    case F_GETFD:
      return fdCloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      fdSetCloexec(fd, (argument & FD_CLOEXEC) != 0);
      return 0;
    case F_GETFL:
      return file.flags & ~NOT_STATUS;
    case F_SETFL:
      file.flags = (file.flags & ~SETTABLE) | (<u32>argument & SETTABLE);
      return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return lockCommand(fd, file, command, argument);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
      return ownerCommand(fd, file, command, argument);
    // There are no leases: F_SETLEASE is not known.
    case F_GETLEASE:
      return F_UNLCK;
    case F_ADD_SEALS:
      return addSeals(file, argument);
    case F_GET_SEALS: {
      const sealed = sealable(file);
      return sealed ? <i64>sealed.seals : -EINVAL;
    }
    case F_SETPIPE_SZ:
      return pipeSetCapacity(
        file,
        <u32>min<u64>(argument, u32.MAX_VALUE),
        capable(CAP_SYS_RESOURCE),
      );
    case F_GETPIPE_SZ:
      return pipeCapacity(file);
    default:
      return -EINVAL;
  }
}

/** F_ADD_SEALS: 0, -EINVAL, -EPERM, -EBUSY. */
function addSeals(file: File, seals: u64): i64 {
  const sealed = sealable(file);
  if (!sealed) return -EINVAL;
  if (!isWritable(file)) return -EPERM;
  return (seals & ~F_SEAL_ALL) != 0 ? -EINVAL : sealed.addSeals(<u32>seals);
}
