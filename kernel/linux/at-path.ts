/**
 * What the system calls with a directory descriptor and a path have in common.
 */
import { Dentry } from "../fs/dentry";
import { isError } from "../fs/inode";
import { rootDirectory } from "../fs/mount";
import { Walk, walkGet, walkPut } from "../fs/path-walk";
import { currentDirectory } from "../fs/vfs";
import { directoryOf, placeOf } from "../fs/vfs-file";
import { EBADF, ENOMEM } from "../lib/errno";
import { fdFile } from "./descriptors";

// include/uapi/linux/fcntl.h
export const AT_FDCWD: i32 = -100;
export const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
export const AT_REMOVEDIR: u32 = 0x200;
export const AT_EACCESS: u32 = 0x200;
export const AT_SYMLINK_FOLLOW: u32 = 0x400;
export const AT_NO_AUTOMOUNT: u32 = 0x800;
export const AT_EMPTY_PATH: u32 = 0x1000;

/** Where a relative path of such a call starts: a borrowed Dentry, or -errno. */
function baseOf(directory: i32, allowFile: bool): usize {
  if (directory == AT_FDCWD) return changetype<usize>(currentDirectory());
  const file = fdFile(directory);
  if (!file) return -EBADF;
  if (allowFile) {
    const place = placeOf(file);
    if (place) return changetype<usize>(place.dentry);
  }
  return directoryOf(file);
}

/**
 * A walk with the application's path loaded, and `base` set from the directory descriptor: a Walk
 * for the caller to put back, or -errno. `flags` are AT_* (only AT_EMPTY_PATH is looked at).
 */
export function startWalk(directory: i32, path: u64, flags: u32): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  const error = walk.loadUser(path);
  if (error != 0) {
    walkPut(walk);
    return error;
  }
  if (walk.isAbsolute()) {
    walk.base = rootDirectory();
    return changetype<usize>(walk);
  }
  const base = baseOf(directory, (flags & AT_EMPTY_PATH) != 0 && walk.isEmpty());
  if (isError(base)) {
    walkPut(walk);
    return base;
  }
  walk.base = changetype<Dentry>(base);
  return changetype<usize>(walk);
}

/** A walk that only carries a text (a link's target): a Walk or -errno. */
export function loadText(text: u64): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  const error = walk.loadUser(text);
  if (error == 0) return changetype<usize>(walk);
  walkPut(walk);
  return error;
}

/** As `startWalk`, but `base` is the directory also for a path that begins with a slash. */
export function startWalkBelow(directory: i32, path: u64): usize {
  const result = loadText(path);
  if (isError(result)) return result;
  const walk = changetype<Walk>(result);
  const base = baseOf(directory, false);
  if (isError(base)) {
    walkPut(walk);
    return base;
  }
  walk.base = changetype<Dentry>(base);
  return result;
}

/** Ends a call: puts the walk back and passes its result on. */
export function endWalk(walk: Walk, result: i64): i64 {
  walkPut(walk);
  return result;
}
