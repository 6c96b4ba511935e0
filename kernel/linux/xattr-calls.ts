/**
 * Extended attributes: setxattr, getxattr, listxattr, removexattr, of a path (the `l` forms: of a
 * link itself) or a descriptor. fs/xattr.ts keeps them.
 *
 * Namespaces (xattr(7)): user.* for regular files and directories, trusted.* and security.* for
 * all, the program being root. system.* holds what the kernel itself knows, as ACLs: there is none.
 */
import { addressOf } from "../arch/hw";
import { Dentry } from "../fs/dentry";
import { fileGet, filePut, O_PATH } from "../fs/file";
import { Inode, inodeGet, inodePut, isError } from "../fs/inode";
import { IN_ATTRIB } from "../fs/inotify-events";
import { WALK_FOLLOW, Walk } from "../fs/path-walk";
import { vfsPrepareWrite, vfsResolve } from "../fs/vfs";
import { placeOf } from "../fs/vfs-file";
import { isAnyWatched, tellOfDentry } from "../fs/watch";
import { XATTR_CREATE, XATTR_NAME_MAX, XATTR_REPLACE, XattrList } from "../fs/xattr";
import {
  E2BIG,
  EBADF,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENODATA,
  ENOMEM,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
} from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";
import { realtimeNs } from "../time/clock";
import { AT_FDCWD, endWalk, startWalk } from "./at-path";
import { fdFile } from "./descriptors";
import { copyStringFromUser, copyToUser, loadUser } from "./user-memory";

// include/uapi/linux/limits.h
const XATTR_SIZE_MAX: u64 = 65536;
const XATTR_LIST_MAX: u64 = 65536;

/** What is done with a file's attributes: `name` is a text in linear memory, 0 for a list. */
type Operation = (
  dentry: Dentry,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  flags: u32,
) => i64;

/** Whether the name begins with a prefix: 1, 0, or -EINVAL when it is the prefix alone. */
function hasPrefix(name: usize, length: u32, prefix: string): i32 {
  const n = <u32>prefix.length;
  if (length < n) return 0;
  for (let i: u32 = 0; i < n; i++) {
    if (load<u8>(name + <usize>i) != <u8>prefix.charCodeAt(i)) return 0;
  }
  return length > n ? 1 : -EINVAL;
}

/** Whether a file may have an attribute of that name: 0, or -errno; `refused` for user.*. */
function checkName(inode: Inode, name: usize, length: u32, refused: i32): i32 {
  const user = hasPrefix(name, length, "user.");
  if (user < 0) return user;
  if (user > 0) return inode.isRegular() || inode.isDirectory() ? 0 : refused;
  const trusted = hasPrefix(name, length, "trusted.");
  const security = hasPrefix(name, length, "security.");
  if (trusted > 0 || security > 0) return 0;
  return trusted < 0 || security < 0 ? -EINVAL : -EOPNOTSUPP;
}

/** Runs an operation with the name of an attribute loaded, if it needs one. */
function withName(
  dentry: Dentry,
  nameAt: u64,
  buffer: u64,
  size: u64,
  flags: u32,
  operation: Operation,
): i64 {
  if (operation == listAttributes) return operation(dentry, 0, 0, buffer, size, flags);
  const name = heapAlloc(<usize>XATTR_NAME_MAX + 1);
  if (name == 0) return -ENOMEM;
  let result = copyStringFromUser(name, nameAt, XATTR_NAME_MAX + 1);
  if (result == -ENAMETOOLONG || result == 0) result = -ERANGE;
  if (result > 0) result = operation(dentry, name, <u32>result, buffer, size, flags);
  heapFree(name);
  return result;
}

/** A path's file, links followed as `walkFlags` say. */
function ofPath(
  path: u64,
  walkFlags: u32,
  nameAt: u64,
  buffer: u64,
  size: u64,
  flags: u32,
  operation: Operation,
): i64 {
  const started = startWalk(AT_FDCWD, path, 0);
  if (isError(started)) return <i32>started;
  const walk = changetype<Walk>(started);
  const error = vfsResolve(walk, walk.base!, walkFlags);
  if (error != 0) return endWalk(walk, error);
  return endWalk(walk, withName(walk.dentry!, nameAt, buffer, size, flags, operation));
}

/** A descriptor's file; what has no place in a file system has no attributes. */
function ofDescriptor(
  fd: i32,
  nameAt: u64,
  buffer: u64,
  size: u64,
  flags: u32,
  operation: Operation,
): i64 {
  const file = fdFile(fd);
  if (!file || (file.flags & O_PATH) != 0) return -EBADF;
  const place = placeOf(file);
  if (!place) return -EOPNOTSUPP;
  fileGet(file);
  const result = withName(place.dentry, nameAt, buffer, size, flags, operation);
  filePut(file);
  return result;
}

// ---- The operations -----------------------------------------------------------------------------

/** An extended attribute has been set or removed. */
function attributeChanged(dentry: Dentry): void {
  dentry.inode!.ctimeNs = <i64>realtimeNs();
  if (isAnyWatched()) tellOfDentry(dentry, IN_ATTRIB);
}

function setAttribute(
  dentry: Dentry,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  flags: u32,
): i64 {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0) return -EINVAL;
  if (size > XATTR_SIZE_MAX) return -E2BIG;
  let error = checkName(dentry.inode!, name, length, -EPERM);
  if (error != 0) return error;
  const value = heapAlloc(max(<usize>size, 1));
  if (value == 0) return -ENOMEM;
  error = loadUser(value, buffer, size);
  if (error == 0) error = changeList(dentry, name, length, value, <u32>size, flags);
  heapFree(value);
  return error;
}

/** Sets an attribute in the list of a dentry's file, or (`value` 0) removes it. 0 or -errno. */
function changeList(
  dentry: Dentry,
  name: usize,
  length: u32,
  value: usize,
  size: u32,
  flags: u32,
): i32 {
  let error = vfsPrepareWrite(dentry, true);
  if (error != 0) return error;
  const inode = dentry.inode!;
  inodeGet(inode);
  const list = inode.makeAttributeList();
  if (isError(list)) error = <i32>list;
  else if (value == 0) error = changetype<XattrList>(list).remove(name, length);
  else error = changetype<XattrList>(list).set(name, length, value, size, flags);
  inodePut(inode);
  if (error == 0) attributeChanged(dentry);
  return error;
}

/**
 * What a list has under a name, or (length 0) all its names, out to a buffer of the application of
 * which `most` bytes are used: bytes, or -errno.
 */
function copyOut(
  list: XattrList,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  most: u64,
): i64 {
  const room = <u32>min(size, most);
  const copied = heapAlloc(max(room, 1));
  if (copied == 0) return -ENOMEM;
  let result: i64 = length == 0 ? list.names(copied, room) : list.get(name, length, copied, room);
  if (result > 0 && room != 0 && copyToUser(buffer, addressOf(copied), result) != 0) {
    result = -EFAULT;
  }
  heapFree(copied);
  return result;
}

function getAttribute(
  dentry: Dentry,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  flags: u32,
): i64 {
  const inode = dentry.inode!;
  const error = checkName(inode, name, length, -ENODATA);
  if (error != 0) return error;
  // Reading them may sleep, and the dentry's inode be replaced.
  inodeGet(inode);
  const list = inode.attributeList();
  let result: i64 = list == 0 ? -ENODATA : <i32>list;
  if (list != 0 && !isError(list)) {
    result = copyOut(changetype<XattrList>(list), name, length, buffer, size, XATTR_SIZE_MAX);
  }
  inodePut(inode);
  return result;
}

function listAttributes(
  dentry: Dentry,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  flags: u32,
): i64 {
  const inode = dentry.inode!;
  inodeGet(inode);
  const list = inode.attributeList();
  let result: i64 = <i32>list;
  if (list != 0 && !isError(list)) {
    result = copyOut(changetype<XattrList>(list), 0, 0, buffer, size, XATTR_LIST_MAX);
  }
  inodePut(inode);
  return result;
}

/** A file of the image is copied up only if there is something to remove. */
function removeAttribute(
  dentry: Dentry,
  name: usize,
  length: u32,
  buffer: u64,
  size: u64,
  flags: u32,
): i64 {
  const inode = dentry.inode!;
  const error = checkName(inode, name, length, -EPERM);
  if (error != 0) return error;
  inodeGet(inode);
  const list = inode.attributeList();
  let found: i32 = list == 0 ? -ENODATA : <i32>list;
  if (list != 0 && !isError(list)) {
    found = changetype<XattrList>(list).get(name, length, 0, 0);
  }
  inodePut(inode);
  return found < 0 ? found : changeList(dentry, name, length, 0, 0, 0);
}

// ---- The calls ----------------------------------------------------------------------------------

export function sys_setxattr(path: u64, name: u64, value: u64, size: u64, flags: u32): i64 {
  return ofPath(path, WALK_FOLLOW, name, value, size, flags, setAttribute);
}

export function sys_lsetxattr(path: u64, name: u64, value: u64, size: u64, flags: u32): i64 {
  return ofPath(path, 0, name, value, size, flags, setAttribute);
}

export function sys_fsetxattr(fd: i32, name: u64, value: u64, size: u64, flags: u32): i64 {
  return ofDescriptor(fd, name, value, size, flags, setAttribute);
}

export function sys_getxattr(path: u64, name: u64, value: u64, size: u64): i64 {
  return ofPath(path, WALK_FOLLOW, name, value, size, 0, getAttribute);
}

export function sys_lgetxattr(path: u64, name: u64, value: u64, size: u64): i64 {
  return ofPath(path, 0, name, value, size, 0, getAttribute);
}

export function sys_fgetxattr(fd: i32, name: u64, value: u64, size: u64): i64 {
  return ofDescriptor(fd, name, value, size, 0, getAttribute);
}

export function sys_listxattr(path: u64, names: u64, size: u64): i64 {
  return ofPath(path, WALK_FOLLOW, 0, names, size, 0, listAttributes);
}

export function sys_llistxattr(path: u64, names: u64, size: u64): i64 {
  return ofPath(path, 0, 0, names, size, 0, listAttributes);
}

export function sys_flistxattr(fd: i32, names: u64, size: u64): i64 {
  return ofDescriptor(fd, 0, names, size, 0, listAttributes);
}

export function sys_removexattr(path: u64, name: u64): i64 {
  return ofPath(path, WALK_FOLLOW, name, 0, 0, 0, removeAttribute);
}

export function sys_lremovexattr(path: u64, name: u64): i64 {
  return ofPath(path, 0, name, 0, 0, 0, removeAttribute);
}

export function sys_fremovexattr(fd: i32, name: u64): i64 {
  return ofDescriptor(fd, name, 0, 0, 0, removeAttribute);
}
