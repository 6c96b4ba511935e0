/**
 * kcmp(2): whether two threads of the process share something, or two descriptors are one open
 * file. Threads share all but what SEM_UNDO is to undo.
 *
 * Not there: KCMP_EPOLL_TFD (EOPNOTSUPP, as where Linux is built without it).
 */
import { EBADF, EINVAL, EOPNOTSUPP, ESRCH } from "../lib/errno";
import { fdFile } from "./descriptors";
import { taskFind } from "./task";

// include/uapi/linux/kcmp.h
const KCMP_FILE: u32 = 0;
const KCMP_VM: u32 = 1;
const KCMP_FILES: u32 = 2;
const KCMP_FS: u32 = 3;
const KCMP_SIGHAND: u32 = 4;
const KCMP_IO: u32 = 5;
const KCMP_SYSVSEM: u32 = 6;
const KCMP_EPOLL_TFD: u32 = 7;

/** 0: the same; 1, 2: which comes first in some order. */
function compare(one: usize, other: usize): i64 {
  return one == other ? 0 : one < other ? 1 : 2;
}

function compareFiles(one: i32, other: i32): i64 {
  const first = fdFile(one);
  const second = fdFile(other);
  if (!first || !second) return -EBADF;
  return compare(changetype<usize>(first), changetype<usize>(second));
}

/** Threads by their ids; `first` and `second`: descriptors, for KCMP_FILE. */
export function sys_kcmp(one: i32, other: i32, type: u32, first: u64, second: u64): i64 {
  const task = taskFind(one);
  const otherTask = taskFind(other);
  if (!task || !otherTask) return -ESRCH;
  switch (type) {
    case KCMP_FILE:
      return compareFiles(<i32>first, <i32>second);
    case KCMP_VM:
    case KCMP_FILES:
    case KCMP_FS:
    case KCMP_SIGHAND:
    case KCMP_IO:
      return 0;
    case KCMP_SYSVSEM:
      return compare(changetype<usize>(task.undoList), changetype<usize>(otherTask.undoList));
    case KCMP_EPOLL_TFD:
      return -EOPNOTSUPP;
    default:
      return -EINVAL;
  }
}
