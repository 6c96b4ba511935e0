/**
 * System calls on what a file is: stat and its kin, access, chmod, chown, utimensat, readlink,
 * statfs, extended attributes.
 */

import { Dentry } from "../fs/dentry";
import { fileGet, filePut, O_PATH } from "../fs/file";
import {
  ATTRIBUTE_ATIME,
  ATTRIBUTE_GID,
  ATTRIBUTE_KILL_SET_ID,
  ATTRIBUTE_MODE,
  ATTRIBUTE_MTIME,
  ATTRIBUTE_UID,
  Attributes,
  FileSystem,
  FileSystemUse,
  inodeGet,
  inodePut,
  isError,
} from "../fs/inode";
import { PATH_MAX } from "../fs/mount";
import { WALK_EMPTY, WALK_FOLLOW, Walk } from "../fs/path-walk";
import { Stat } from "../fs/stat";
import { vfsResolve, vfsSetAttributes } from "../fs/vfs";
import { placeOf } from "../fs/vfs-file";
import { EACCES, EBADF, EFAULT, EINVAL, ENOENT, ENOMEM, EROFS } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { realtimeNs } from "../time/clock";
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  endWalk,
  startWalk,
} from "./at-path";
import { fdFile } from "./descriptors";
import { loadUser, storeUser } from "./user-memory";

const STAT_SIZE: u64 = 144;
const X_OK: u32 = 1;
const W_OK: u32 = 2;
const ACCESS_ALL: u32 = 7;
/** In place of an id: leave it as it is. */
const KEEP_ID: u32 = 0xffffffff;
const UTIME_NOW: i64 = 0x3fffffff;
const UTIME_OMIT: i64 = 0x3ffffffe;
const NS_PER_SECOND: i64 = 1_000_000_000;

/** Walks to an existing file as the AT_* flags say: a Walk with `dentry`, or -errno. */
export function resolveAt(directory: i32, path: u64, flags: u32): usize {
  const result = startWalk(directory, path, flags);
  if (isError(result)) return result;
  const walk = changetype<Walk>(result);
  let walkFlags: u32 = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW;
  if ((flags & AT_EMPTY_PATH) != 0) walkFlags |= WALK_EMPTY;
  const error = vfsResolve(walk, walk.base!, walkFlags);
  if (error == 0) return result;
  endWalk(walk, 0);
  return error;
}

// ---- stat ---------------------------------------------------------------------------------------

function storeStat(stat: Stat, to: u64): i64 {
  const error = storeUser(to, changetype<usize>(stat), STAT_SIZE);
  free(stat);
  return error;
}

function statAt(directory: i32, path: u64, to: u64, flags: u32): i64 {
  const result = resolveAt(directory, path, flags);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const stat = attempt(new Stat());
  if (stat) walk.dentry!.inode!.stat(stat);
  endWalk(walk, 0);
  return stat ? storeStat(stat, to) : -ENOMEM;
}

export function sys_stat(path: u64, to: u64): i64 {
  return statAt(AT_FDCWD, path, to, 0);
}

export function sys_lstat(path: u64, to: u64): i64 {
  return statAt(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW);
}

export function sys_fstat(fd: i32, to: u64): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  const stat = attempt(new Stat());
  if (!stat) return -ENOMEM;
  fileGet(file);
  const error = file.stat(stat);
  filePut(file);
  if (error == 0) return storeStat(stat, to);
  free(stat);
  return error;
}

/** Whether the path at an address is empty; a text that can't be read isn't. */
export function isEmptyPath(path: u64): bool {
  const byte = heapAlloc(1);
  if (byte == 0) return false;
  const empty = loadUser(byte, path, 1) == 0 && load<u8>(byte) == 0;
  heapFree(byte);
  return empty;
}

export function sys_newfstatat(directory: i32, path: u64, to: u64, flags: u32): i64 {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) != 0) return -EINVAL;
  // glibc's fstat; the file may be one without a place.
  if ((flags & AT_EMPTY_PATH) != 0 && directory >= 0 && isEmptyPath(path)) {
    return sys_fstat(directory, to);
  }
  return statAt(directory, path, to, flags);
}

// ---- access, readlink ---------------------------------------------------------------------------

export function sys_faccessat2(directory: i32, path: u64, mode: u32, flags: u32): i64 {
  if ((mode & ~ACCESS_ALL) != 0) return -EINVAL;
  if ((flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  const result = resolveAt(directory, path, flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const inode = walk.dentry!.inode!;
  let error = 0;
  // Root may do everything but execute what nobody may.
  if ((mode & X_OK) != 0 && inode.isRegular() && (inode.mode & 0o111) == 0) error = -EACCES;
  else if ((mode & W_OK) != 0 && inode.isRegular()) {
    const parent = walk.dentry!.parent;
    const readOnly = parent ? parent.inode!.fileSystem.readOnly : inode.fileSystem.readOnly;
    if (readOnly && (inode.mode & 0o222) == 0) error = -EROFS;
  }
  return endWalk(walk, error);
}

export function sys_faccessat(directory: i32, path: u64, mode: u32): i64 {
  return sys_faccessat2(directory, path, mode, 0);
}

export function sys_access(path: u64, mode: u32): i64 {
  return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

export function sys_readlinkat(directory: i32, path: u64, to: u64, size: i32): i64 {
  if (size <= 0) return -EINVAL;
  const result = resolveAt(directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const inode = walk.dentry!.inode!;
  if (!inode.isLink()) return endWalk(walk, walk.isEmpty() ? -ENOENT : -EINVAL);
  const text = heapAlloc(PATH_MAX);
  if (text == 0) return endWalk(walk, -ENOMEM);
  // Reading may sleep, and the dentry's inode be replaced meanwhile.
  inodeGet(inode);
  let length: i64 = inode.readLink(text, min(<u32>size, PATH_MAX));
  inodePut(inode);
  if (length > 0 && storeUser(to, text, length) != 0) length = -EFAULT;
  heapFree(text);
  return endWalk(walk, length);
}

export function sys_readlink(path: u64, to: u64, size: i32): i64 {
  return sys_readlinkat(AT_FDCWD, path, to, size);
}

// ---- Attributes ---------------------------------------------------------------------------------

/** Applies a change, which is freed, to the file that a path names. */
function changeAt(directory: i32, path: u64, flags: u32, change: Attributes | null): i64 {
  if (!change) return -ENOMEM;
  const result = resolveAt(directory, path, flags);
  let error: i64 = <i32>result;
  if (!isError(result)) {
    const walk = changetype<Walk>(result);
    error = endWalk(walk, vfsSetAttributes(walk.dentry!, change));
  }
  free(change);
  return error;
}

/**
 * Applies a change, which is freed, to an open file. One that has no place takes it without effect.
 */
function changeOpen(fd: i32, change: Attributes | null): i64 {
  if (!change) return -ENOMEM;
  const file = fdFile(fd);
  let error: i64 = -EBADF;
  // A descriptor that is only a place changes nothing.
  if (file && (file.flags & O_PATH) == 0) {
    error = 0;
    const place = placeOf(file);
    fileGet(file);
    if (place) error = vfsSetAttributes(place.dentry, change);
    filePut(file);
  }
  free(change);
  return error;
}

function modeChange(mode: u32): Attributes | null {
  const change = attempt(new Attributes());
  if (!change) return null;
  change.which = ATTRIBUTE_MODE;
  change.mode = mode & 0o7777;
  return change;
}

export function sys_fchmodat2(directory: i32, path: u64, mode: u32, flags: u32): i64 {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  return changeAt(directory, path, flags, modeChange(mode));
}

export function sys_fchmodat(directory: i32, path: u64, mode: u32): i64 {
  return changeAt(directory, path, 0, modeChange(mode));
}

export function sys_chmod(path: u64, mode: u32): i64 {
  return changeAt(AT_FDCWD, path, 0, modeChange(mode));
}

export function sys_fchmod(fd: i32, mode: u32): i64 {
  return changeOpen(fd, modeChange(mode));
}

function ownerChange(uid: u32, gid: u32): Attributes | null {
  const change = attempt(new Attributes());
  if (!change) return null;
  change.which = ATTRIBUTE_KILL_SET_ID;
  if (uid != KEEP_ID) change.which |= ATTRIBUTE_UID;
  if (gid != KEEP_ID) change.which |= ATTRIBUTE_GID;
  change.uid = uid;
  change.gid = gid;
  return change;
}

export function sys_fchownat(directory: i32, path: u64, uid: u32, gid: u32, flags: u32): i64 {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  return changeAt(directory, path, flags, ownerChange(uid, gid));
}

export function sys_chown(path: u64, uid: u32, gid: u32): i64 {
  return changeAt(AT_FDCWD, path, 0, ownerChange(uid, gid));
}

export function sys_lchown(path: u64, uid: u32, gid: u32): i64 {
  return changeAt(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ownerChange(uid, gid));
}

export function sys_fchown(fd: i32, uid: u32, gid: u32): i64 {
  return changeOpen(fd, ownerChange(uid, gid));
}

/** Seconds since 1970 that a file's time can be at most, and before 1970: in the year 2262. */
const FILE_SECONDS_MAX: i64 = i64.MAX_VALUE / NS_PER_SECOND - 1;

/** A file's time in nanoseconds; what can't be held is the nearest that can (utimensat(2)). */
function fileTimeNs(seconds: i64, ns: i64): i64 {
  if (seconds > FILE_SECONDS_MAX) return FILE_SECONDS_MAX * NS_PER_SECOND;
  if (seconds < -FILE_SECONDS_MAX) return -FILE_SECONDS_MAX * NS_PER_SECOND;
  return seconds * NS_PER_SECOND + ns;
}

/**
 * Two times, access and modification, from the application: seconds and a fraction (of `unit`
 * nanoseconds each). 0: both now. Returns the change, or -errno.
 */
function timeChange(times: u64, unit: i64): usize {
  const change = attempt(new Attributes());
  if (!change) return -ENOMEM;
  const now = <i64>realtimeNs();
  change.which = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME;
  change.atimeNs = now;
  change.mtimeNs = now;
  if (times == 0) return changetype<usize>(change);
  const copied = heapAlloc(32);
  let error = copied == 0 ? -ENOMEM : loadUser(copied, times, 32);
  for (let i: usize = 0; i < 2 && error == 0; i++) {
    const seconds = load<i64>(copied + i * 16);
    const fraction = load<i64>(copied + i * 16, 8);
    let ns = fileTimeNs(seconds, fraction * unit);
    if (unit == 1 && fraction == UTIME_NOW) ns = now;
    else if (unit == 1 && fraction == UTIME_OMIT) {
      change.which &= ~(i == 0 ? ATTRIBUTE_ATIME : ATTRIBUTE_MTIME);
    } else if (fraction < 0 || fraction >= NS_PER_SECOND / unit) error = -EINVAL;
    if (i == 0) change.atimeNs = ns;
    else change.mtimeNs = ns;
  }
  if (copied != 0) heapFree(copied);
  if (error == 0) return changetype<usize>(change);
  free(change);
  return error;
}

export function sys_utimensat(directory: i32, path: u64, times: u64, flags: u32): i64 {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  const change = timeChange(times, 1);
  if (isError(change)) return <i32>change;
  if (path == 0 && directory != AT_FDCWD) {
    return changeOpen(directory, changetype<Attributes>(change));
  }
  return changeAt(directory, path, flags, changetype<Attributes>(change));
}

export function sys_futimesat(directory: i32, path: u64, times: u64): i64 {
  const change = timeChange(times, 1000);
  if (isError(change)) return <i32>change;
  if (path == 0 && directory != AT_FDCWD) {
    return changeOpen(directory, changetype<Attributes>(change));
  }
  return changeAt(directory, path, 0, changetype<Attributes>(change));
}

export function sys_utimes(path: u64, times: u64): i64 {
  return sys_futimesat(AT_FDCWD, path, times);
}

/** struct utimbuf: two times in seconds. */
export function sys_utime(path: u64, times: u64): i64 {
  const change = attempt(new Attributes());
  if (!change) return -ENOMEM;
  change.which = ATTRIBUTE_ATIME | ATTRIBUTE_MTIME;
  change.atimeNs = <i64>realtimeNs();
  change.mtimeNs = change.atimeNs;
  if (times != 0) {
    // The fields for the times serve as the buffer, since they lie side by side.
    const at = changetype<usize>(change) + offsetof<Attributes>("atimeNs");
    if (loadUser(at, times, 16) != 0) {
      free(change);
      return -EFAULT;
    }
    change.atimeNs = fileTimeNs(change.atimeNs, 0);
    change.mtimeNs = fileTimeNs(change.mtimeNs, 0);
  }
  return changeAt(AT_FDCWD, path, 0, change);
}

// ---- File systems -------------------------------------------------------------------------------

const STATFS_SIZE: usize = 120;
const NAME_LENGTH: u64 = 255;
const BLOCK_SIZE: u64 = 4096;

/** struct statfs (include/uapi/asm-generic/statfs.h): 64-bit fields, f_fsid two of 32. */
function storeFileSystem(fileSystem: FileSystem, to: u64): i64 {
  const use = attempt(new FileSystemUse());
  if (!use) return -ENOMEM;
  const out = heapAlloc(STATFS_SIZE);
  if (out == 0) {
    free(use);
    return -ENOMEM;
  }
  memory.fill(out, 0, STATFS_SIZE);
  fileSystem.use(use);
  store<u64>(out, fileSystem.magic);
  store<u64>(out, BLOCK_SIZE, 8);
  store<u64>(out, use.blocks, 16);
  store<u64>(out, use.blocksFree, 24);
  store<u64>(out, use.blocksFree, 32);
  store<u64>(out, use.files, 40);
  store<u64>(out, use.filesFree, 48);
  store<u64>(out, fileSystem.device, 56);
  store<u64>(out, NAME_LENGTH, 64);
  store<u64>(out, BLOCK_SIZE, 72);
  const error = storeUser(to, out, STATFS_SIZE);
  heapFree(out);
  free(use);
  return error;
}

/** The file system that a dentry's name is in: for a file of the image below a union, the union. */
function fileSystemOf(dentry: Dentry): FileSystem {
  const parent = dentry.parent;
  return parent ? parent.inode!.fileSystem : dentry.inode!.fileSystem;
}

export function sys_statfs(path: u64, to: u64): i64 {
  const result = resolveAt(AT_FDCWD, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  return endWalk(walk, storeFileSystem(fileSystemOf(walk.dentry!), to));
}

/** A pipe or socket is in no file system that could be shown. */
export function sys_fstatfs(fd: i32, to: u64): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  const place = placeOf(file);
  return place ? storeFileSystem(fileSystemOf(place.dentry), to) : -EINVAL;
}
