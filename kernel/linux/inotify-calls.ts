/**
 * The system calls of inotify(7). fs/inotify.ts has the instances, fs/watch.ts the events.
 */
import { File, O_CLOEXEC, O_NONBLOCK } from "../fs/file";
import { isError } from "../fs/inode";
import { Inotify, inotifyCreate } from "../fs/inotify";
import {
  IN_ALL_EVENTS,
  IN_DONT_FOLLOW,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
} from "../fs/inotify-events";
import { WALK_FOLLOW, Walk } from "../fs/path-walk";
import { vfsResolve } from "../fs/vfs";
import { EBADF, EINVAL, ENOTDIR } from "../lib/errno";
import { AT_FDCWD, endWalk, startWalk } from "./at-path";
import { fdFile, fdInstall } from "./descriptors";

/** Linux's ALL_INOTIFY_BITS: one of these there has to be. */
const KNOWN: u32 =
  IN_ALL_EVENTS |
  IN_UNMOUNT |
  IN_Q_OVERFLOW |
  IN_IGNORED |
  IN_ONLYDIR |
  IN_DONT_FOLLOW |
  IN_EXCL_UNLINK |
  IN_MASK_CREATE |
  IN_MASK_ADD |
  IN_ISDIR |
  IN_ONESHOT;

export function sys_inotify_init(): i64 {
  return sys_inotify_init1(0);
}

/** `flags`: IN_CLOEXEC and IN_NONBLOCK, which are O_CLOEXEC and O_NONBLOCK. */
export function sys_inotify_init1(flags: u32): i64 {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  const instance = inotifyCreate(flags);
  if (isError(instance)) return <i32>instance;
  return fdInstall(changetype<File>(instance), (flags & O_CLOEXEC) != 0);
}

export function sys_inotify_add_watch(fd: i32, path: u64, mask: u32): i64 {
  if ((mask & KNOWN) == 0) return -EINVAL;
  const both = IN_MASK_ADD | IN_MASK_CREATE;
  if (!fdFile(fd)) return -EBADF;
  if ((mask & both) == both || !instanceOf(fd)) return -EINVAL;
  const started = startWalk(AT_FDCWD, path, 0);
  if (isError(started)) return <i32>started;
  const walk = changetype<Walk>(started);
  const error = vfsResolve(walk, walk.base!, (mask & IN_DONT_FOLLOW) != 0 ? 0 : WALK_FOLLOW);
  if (error != 0) return endWalk(walk, error);
  const dentry = walk.dentry!;
  if ((mask & IN_ONLYDIR) != 0 && !dentry.inode!.isDirectory()) return endWalk(walk, -ENOTDIR);
  // The walk may have slept, and the descriptor been closed.
  const instance = instanceOf(fd);
  return endWalk(walk, instance ? instance.watch(dentry, mask) : -EBADF);
}

export function sys_inotify_rm_watch(fd: i32, wd: i32): i64 {
  if (!fdFile(fd)) return -EBADF;
  const instance = instanceOf(fd);
  return instance ? instance.unwatch(wd) : -EINVAL;
}

/** The instance behind a descriptor, borrowed; null when it is none. */
function instanceOf(fd: i32): Inotify | null {
  const file = fdFile(fd);
  return file && file instanceof Inotify ? <Inotify>file : null;
}
