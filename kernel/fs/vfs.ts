/**
 * Operations on names: open, mkdir, unlink, rename and their kin, for any file system. Paths have
 * been loaded into a `Walk` (path-walk.ts); `base` is where a relative one starts.
 *
 *     vfsOpen(walk, base, flags, mode)           a File (usize, a new reference) or -errno
 *     vfsOpenPath("/bin/init", O_RDONLY)         the same for the kernel's own use
 *     vfsResolve(walk, base, flags)              an existing file: 0 and walk.dentry
 *     vfsMakeNode / vfsMakeDirectory / vfsSymlink / vfsLink
 *     vfsUnlink / vfsRemoveDirectory / vfsRename
 *     vfsSetAttributes, vfsTruncate              of a dentry
 *     currentDirectory(), setCurrentDirectory(dentry), creationMask(), setCreationMask(mask)
 *
 * All return 0 or a value, or -errno, and may sleep. There are no permissions to check: the
 * application is root.
 */

import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  EXDEV,
} from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { heapFree } from "../runtime/heap";
import {
  Dentry,
  dentryCopyName,
  dentryCreate,
  dentryDrop,
  dentryForgetNames,
  dentryGet,
  dentryMove,
  dentryPut,
} from "./dentry";
import {
  File,
  filePut,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_UNNAMED,
} from "./file";
import {
  ATTRIBUTE_ATIME,
  ATTRIBUTE_MTIME,
  Attributes,
  Inode,
  inodePut,
  isError,
  resultOf,
} from "./inode";
import { IN_ACCESS, IN_ATTRIB, IN_CREATE, IN_MODIFY, IN_OPEN } from "./inotify-events";
import { directoryAbove, rootDirectory, setRootDirectory } from "./mount";
import {
  LAST_DOT,
  LAST_DOTDOT,
  LAST_NAME,
  LAST_ROOT,
  WALK_FOLLOW,
  WALK_NAME,
  Walk,
  walkGet,
  walkPut,
} from "./path-walk";
import { S_IFDIR, S_IFMT, S_IFREG } from "./stat";
import { checkFileSize, PathFile } from "./vfs-file";
import {
  isAnyWatched,
  tellOfDentry,
  tellOfExchange,
  tellOfInode,
  tellOfName,
  tellOfRemoval,
  tellOfRename,
} from "./watch";

export const RENAME_NOREPLACE: u32 = 1 << 0;
export const RENAME_EXCHANGE: u32 = 1 << 1;
/** O_NOCTTY, O_CREAT, O_EXCL, O_TRUNC, O_CLOEXEC say how to open, and are not kept. */
const OPEN_ONLY_FLAGS: u32 = 0o2001700;

// ---- The process's view -------------------------------------------------------------------------

let current: Dentry | null = null;
let mask: u32 = 0o022;

/** The current directory, borrowed. */
export function currentDirectory(): Dentry {
  const dentry = current;
  return dentry ? dentry : rootDirectory();
}

/** Takes over the caller's reference. */
export function setCurrentDirectory(dentry: Dentry): void {
  const old = current;
  current = dentry;
  if (old) dentryPut(old);
}

/** chroot(2): takes over the caller's reference. The current directory stays what it is. */
export function changeRoot(dentry: Dentry): void {
  const directory = currentDirectory();
  dentryGet(directory);
  setCurrentDirectory(directory);
  setRootDirectory(dentry);
}

export function creationMask(): u32 {
  return mask;
}

export function setCreationMask(value: u32): void {
  mask = value & 0o777;
}

// ---- Helpers ------------------------------------------------------------------------------------

/** Walks to a file that must exist: 0 and `walk.dentry`, or -errno. */
export function vfsResolve(walk: Walk, base: Dentry, flags: u32): i32 {
  const error = walk.run(base, flags);
  if (error != 0) return error;
  return walk.dentry!.inode ? 0 : -ENOENT;
}

/** Makes the file behind a dentry writable: see Inode.prepareWrite. */
export function vfsPrepareWrite(dentry: Dentry, keepData: bool): i32 {
  let error = 0;
  let moves = dentry.moves;
  do {
    const parent = dentry.parent;
    if (!parent) return dentry.inode!.fileSystem.readOnly ? -EROFS : 0;
    // It may sleep, and the name be moved to another directory.
    moves = dentry.moves;
    dentryGet(parent);
    error = parent.inode!.prepareWrite(dentry, keepData);
    dentryPut(parent);
  } while (dentry.moves != moves);
  return error;
}

/**
 * Walks to a name that is to be made. 0, and then `walk.dentry` is a negative dentry; or -errno.
 */
function resolveNew(walk: Walk, base: Dentry, directory: bool): i32 {
  const error = walk.run(base, WALK_NAME);
  if (error != 0) return error;
  if (walk.last != LAST_NAME || walk.dentry!.inode) return -EEXIST;
  return walk.trailingSlash && !directory ? -ENOENT : 0;
}

/**
 * Walks to a name that is to be removed or moved. 0, and then `walk.dentry` is a positive dentry;
 * or -errno.
 */
function resolveOld(walk: Walk, base: Dentry): i32 {
  const error = walk.run(base, WALK_NAME);
  return error != 0 ? error : checkOld(walk);
}

/** After the walk to a name that has to be there, and may go: 0 or -errno. */
function checkOld(walk: Walk): i32 {
  if (walk.last == LAST_DOT) return -EINVAL;
  if (walk.last == LAST_DOTDOT) return -ENOTEMPTY;
  if (walk.last == LAST_ROOT) return -EBUSY;
  const dentry = walk.dentry!;
  if (!dentry.inode) return -ENOENT;
  // The root of something mounted.
  return dentry.covers ? -EBUSY : 0;
}

// ---- Opening ------------------------------------------------------------------------------------

/** `flags` are open(2)'s, `mode` the permissions of a new file before the mask. */
export function vfsOpen(walk: Walk, base: Dentry, flags: u32, mode: u32): usize {
  if ((flags & O_UNNAMED) != 0) return openUnnamed(walk, base, flags, mode);
  const exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  const follow = (flags & O_NOFOLLOW) == 0 && !exclusive;
  let error = walk.run(base, follow ? WALK_FOLLOW : 0);
  if (error != 0) return error;
  const dentry = walk.dentry!;
  let truncate = (flags & O_TRUNC) != 0;
  if (!dentry.inode) {
    if ((flags & O_CREAT) == 0 || (flags & O_PATH) != 0) return -ENOENT;
    if (walk.trailingSlash) return -EISDIR;
    if ((flags & O_DIRECTORY) != 0) return -EINVAL;
    error = dentry.parent!.inode!.create(dentry, S_IFREG | (mode & 0o7777 & ~mask), 0);
    if (error != 0) return error;
    if (isAnyWatched()) tellOfName(dentry, dentry.inode!, IN_CREATE);
    truncate = false;
  } else if (exclusive) {
    return -EEXIST;
  }
  return openDentry(dentry, flags, truncate);
}

const UNNAMED: usize = memory.data<u8>([35]);

/** O_TMPFILE: a file in a directory's file system that has no name (yet: linkat(2)). */
function openUnnamed(walk: Walk, base: Dentry, flags: u32, mode: u32): usize {
  if ((flags & O_DIRECTORY) == 0 || (flags & O_ACCMODE) == O_RDONLY) return -EINVAL;
  const error = vfsResolve(walk, base, WALK_FOLLOW);
  if (error != 0) return error;
  const parent = walk.dentry!;
  const directory = parent.inode!;
  if (!directory.isDirectory()) return -ENOTDIR;
  const made = directory.createUnnamed(S_IFREG | (mode & 0o7777 & ~mask));
  if (isError(made)) return made;
  const inode = changetype<Inode>(made);
  inode.linkable = (flags & O_EXCL) == 0;
  const dentry = dentryCreate(parent, 0, UNNAMED, 1);
  if (!dentry) {
    inodePut(inode);
    return -ENOMEM;
  }
  dentry.inode = inode;
  dentryDrop(dentry);
  const file = inode.open(dentry, flags & ~(OPEN_ONLY_FLAGS | O_UNNAMED));
  if (!isError(file) && isAnyWatched()) tellOfDentry(dentry, IN_OPEN);
  dentryPut(dentry);
  return file;
}

/** Opens what a dentry stands for: a File (usize, a new reference) or -errno. May sleep. */
export function openDentry(dentry: Dentry, flags: u32, truncate: bool): usize {
  const inode = dentry.inode!;
  if ((flags & O_DIRECTORY) != 0 && !inode.isDirectory()) return -ENOTDIR;
  if ((flags & O_PATH) != 0) {
    return resultOf(attempt(new PathFile(dentry, inode, flags & (O_PATH | O_DIRECTORY))));
  }
  if (inode.isLink()) return -ELOOP;
  const writes = (flags & O_ACCMODE) != O_RDONLY || truncate;
  if (inode.isDirectory() && (writes || (flags & O_CREAT) != 0)) return -EISDIR;
  if (writes && inode.isRegular()) {
    const error = vfsPrepareWrite(dentry, !truncate);
    if (error != 0) return error;
  }
  // The inode may be another one now.
  const writable = dentry.inode!;
  const file = writable.open(dentry, flags & ~OPEN_ONLY_FLAGS);
  if (isError(file)) return file;
  const cuts = truncate && writable.isRegular();
  const error = cuts ? writable.truncate(0) : 0;
  if (error != 0) {
    filePut(changetype<File>(file));
    return error;
  }
  if (isAnyWatched()) {
    tellOfDentry(dentry, IN_OPEN);
    if (cuts) tellOfDentry(dentry, IN_MODIFY);
  }
  return file;
}

/** What making the name of a dentry has come to is told to who watches its directory. */
function made(dentry: Dentry, error: i32): i32 {
  if (error == 0 && isAnyWatched()) tellOfName(dentry, dentry.inode!, IN_CREATE);
  return error;
}

/** Opens an existing file for the kernel itself, by an ASCII path. */
export function vfsOpenPath(path: string, flags: u32): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  const error = walk.loadString(path);
  const file: usize = error != 0 ? error : vfsOpen(walk, rootDirectory(), flags, 0);
  walkPut(walk);
  return file;
}

// ---- Making names -------------------------------------------------------------------------------

/** Makes a file, device node, FIFO or socket: `mode` has the type. */
export function vfsMakeNode(walk: Walk, base: Dentry, mode: u32, rdev: u64): i32 {
  const error = resolveNew(walk, base, false);
  if (error != 0) return error;
  const dentry = walk.dentry!;
  const full = (mode & S_IFMT) | (mode & 0o7777 & ~mask);
  return made(dentry, dentry.parent!.inode!.create(dentry, full, rdev));
}

export function vfsMakeDirectory(walk: Walk, base: Dentry, mode: u32): i32 {
  const error = resolveNew(walk, base, true);
  if (error != 0) return error;
  const dentry = walk.dentry!;
  const full = S_IFDIR | (mode & 0o1777 & ~mask);
  return made(dentry, dentry.parent!.inode!.makeDirectory(dentry, full));
}

/** Makes a directory for the kernel itself, by an ASCII path. 0 also when it is there already. */
export function vfsMakeDirectoryPath(path: string, mode: u32): i32 {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  let error = walk.loadString(path);
  if (error == 0) error = resolveNew(walk, rootDirectory(), true);
  if (error == -EEXIST) error = 0;
  else if (error == 0) {
    const dentry = walk.dentry!;
    error = dentry.parent!.inode!.makeDirectory(dentry, S_IFDIR | mode);
  }
  walkPut(walk);
  return error;
}

/** `target` points at `length` bytes of linear memory. */
export function vfsSymlink(walk: Walk, base: Dentry, target: usize, length: u32): i32 {
  if (length == 0) return -ENOENT;
  const error = resolveNew(walk, base, false);
  if (error != 0) return error;
  const dentry = walk.dentry!;
  return made(dentry, dentry.parent!.inode!.symlink(dentry, target, length));
}

/** A second name, at `walk`, for the file of `old`. */
export function vfsLink(old: Dentry, walk: Walk, base: Dentry): i32 {
  let error = resolveNew(walk, base, false);
  if (error != 0) return error;
  if (old.inode!.isDirectory()) return -EPERM;
  const dentry = walk.dentry!;
  const directory = dentry.parent!.inode!;
  error = vfsPrepareWrite(old, true);
  if (error != 0) return error;
  const inode = old.inode!;
  if (inode.fileSystem != directory.fileSystem) return old.isDeleted() ? -ENOENT : -EXDEV;
  if (inode.nlink == 0 && !inode.linkable) return -ENOENT;
  error = directory.link(dentry, inode);
  if (error != 0) return error;
  inode.linkable = false;
  if (isAnyWatched()) tellOfInode(inode, IN_ATTRIB);
  return made(dentry, 0);
}

// ---- Removing and moving names ------------------------------------------------------------------

export function vfsUnlink(walk: Walk, base: Dentry): i32 {
  let error = resolveOld(walk, base);
  if (error == -EINVAL || error == -ENOTEMPTY || error == -EBUSY) return -EISDIR;
  if (error != 0) return error;
  const dentry = walk.dentry!;
  if (dentry.inode!.isDirectory()) return -EISDIR;
  if (walk.trailingSlash) return -ENOTDIR;
  error = dentry.parent!.inode!.unlink(dentry);
  if (error == 0) removed(dentry);
  return error;
}

export function vfsRemoveDirectory(walk: Walk, base: Dentry): i32 {
  let error = resolveOld(walk, base);
  if (error != 0) return error;
  const dentry = walk.dentry!;
  const moves = dentry.moves;
  if (!dentry.inode!.isDirectory()) return -ENOTDIR;
  error = dentry.inode!.prepareRemoval();
  if (error < 0) return error;
  // That may have slept.
  if (!isStill(dentry, moves)) return -ENOENT;
  error = dentry.parent!.inode!.removeDirectory(dentry);
  if (error == 0) removed(dentry);
  return error;
}

/** The name of a dentry is gone. */
function removed(dentry: Dentry): void {
  if (isAnyWatched()) tellOfRemoval(dentry);
  forget(dentry);
}

/** The cache is to find neither the name nor what was in it. */
function forget(dentry: Dentry): void {
  dentryDrop(dentry);
  if (dentry.inode && dentry.inode!.isDirectory()) dentryForgetNames(dentry);
}

/** Whether `dentry` is `above` or below it. */
function isBelow(dentry: Dentry, above: Dentry): bool {
  let at = dentry;
  let next = directoryAbove(at);
  while (at != above && next != at) {
    at = next;
    next = directoryAbove(at);
  }
  return at == above;
}

/** Whether a dentry is where it was when it had been moved so often. */
function isStill(dentry: Dentry, moves: u32): bool {
  return dentry.moves == moves && !dentry.isDeleted();
}

/** Renames the file at `from` to the name at `to`. */
export function vfsRename(from: Walk, fromBase: Dentry, to: Walk, toBase: Dentry, flags: u32): i32 {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) return -EINVAL;
  const exchange = (flags & RENAME_EXCHANGE) != 0;
  if (exchange && (flags & RENAME_NOREPLACE) != 0) return -EINVAL;
  let error = from.run(fromBase, WALK_NAME);
  if (error != 0) return error;
  const before = from.dentry;
  const moves = before ? before.moves : 0;
  // That there is no directory to rename into is said before that there is nothing to rename.
  error = to.run(toBase, WALK_NAME);
  if (error != 0) return error;
  if (from.last != LAST_NAME || to.last != LAST_NAME) return -EBUSY;
  error = checkOld(from);
  if (error != 0) return error;
  const source = from.dentry!;
  do {
    // The walk may have slept, and so may the preparation: the name may be nobody's by now.
    if (!isStill(source, moves)) return -ENOENT;
    if (exchange) return exchangeNames(from, to);
    error = checkRename(from, to, flags);
    if (error == 0) error = prepareTarget(to);
  } while (error == TRY_AGAIN);
  return error == NOTHING_TO_DO ? 0 : error != 0 ? error : moveName(source, to.dentry!, flags);
}

/** Results that are no errors: both names are the file's already; or what was checked is old. */
const NOTHING_TO_DO: i32 = 1;
const TRY_AGAIN: i32 = 2;

/** Whether a file may be renamed: 0, NOTHING_TO_DO or -errno. Does not sleep. */
function checkRename(from: Walk, to: Walk, flags: u32): i32 {
  const source = from.dentry!;
  const target = to.dentry!;
  const inode = source.inode!;
  const directory = inode.isDirectory();
  if (target.inode && (flags & RENAME_NOREPLACE) != 0) return -EEXIST;
  if (!directory && (from.trailingSlash || to.trailingSlash)) return -ENOTDIR;
  if (target.covers) return -EBUSY;
  const sourceParent = source.parent!.inode!;
  const targetParent = target.parent!.inode!;
  if (sourceParent.fileSystem != targetParent.fileSystem) return -EXDEV;
  if (target.inode == inode) return NOTHING_TO_DO;
  if (directory && isBelow(target.parent!, source)) return -EINVAL;
  return isBelow(source, target) ? -ENOTEMPTY : checkReplace(inode, target.inode);
}

/**
 * Makes ready the directory that a rename replaces, if it does: 0, TRY_AGAIN or -errno. May sleep,
 * once for each directory, and then a target that is not the same afterwards is looked up again.
 */
function prepareTarget(to: Walk): i32 {
  const target = to.dentry!;
  const replaced = target.inode;
  if (!replaced || !replaced.isDirectory()) return 0;
  const moves = target.moves;
  const length = target.nameLength;
  const parent = target.parent!;
  dentryGet(parent);
  let error = replaced.prepareRemoval();
  const slept = error != 0;
  if (!isStill(target, moves)) error = to.repeatLast(parent, length);
  dentryPut(parent);
  return slept && error >= 0 ? TRY_AGAIN : error;
}

/** The rename itself, after all checks. Does not sleep. */
function moveName(source: Dentry, target: Dentry, flags: u32): i32 {
  const name = dentryCopyName(target.name, target.nameLength);
  if (name == 0) return -ENOMEM;
  const sourceParent = source.parent!.inode!;
  const error = sourceParent.rename(source, target.parent!.inode!, target, flags);
  if (error != 0) {
    heapFree(name);
    return error;
  }
  if (isAnyWatched()) tellOfRename(source, target);
  // The moved dentry takes the target's place; who has the replaced file open keeps a dentry
  // without a name.
  forget(target);
  dentryMove(source, target.parent!, name, target.nameLength);
  return 0;
}

/** RENAME_EXCHANGE, after the walks: two names swap what they stand for. */
function exchangeNames(from: Walk, to: Walk): i32 {
  const source = from.dentry!;
  const target = to.dentry!;
  const other = target.inode;
  if (!other) return -ENOENT;
  if (from.trailingSlash && !source.inode!.isDirectory()) return -ENOTDIR;
  if (to.trailingSlash && !other.isDirectory()) return -ENOTDIR;
  if (target.covers) return -EBUSY;
  const sourceParent = source.parent!;
  const targetParent = target.parent!;
  const directory = sourceParent.inode!;
  if (directory.fileSystem != targetParent.inode!.fileSystem) return -EXDEV;
  if (other == source.inode) return 0;
  if (isBelow(targetParent, source) || isBelow(sourceParent, target)) return -EINVAL;
  const sourceLength = source.nameLength;
  const targetLength = target.nameLength;
  const sourceName = dentryCopyName(source.name, sourceLength);
  const targetName = dentryCopyName(target.name, targetLength);
  let error = sourceName != 0 && targetName != 0 ? 0 : -ENOMEM;
  if (error == 0) error = directory.exchange(source, targetParent.inode!, target);
  if (error != 0) {
    if (sourceName != 0) heapFree(sourceName);
    if (targetName != 0) heapFree(targetName);
    return error;
  }
  if (isAnyWatched()) tellOfExchange(source, target);
  // Who has one of the files open keeps its dentry, so the dentries swap their names.
  dentryGet(sourceParent);
  dentryMove(source, targetParent, targetName, targetLength);
  dentryMove(target, sourceParent, sourceName, sourceLength);
  dentryPut(sourceParent);
  return 0;
}

/** Whether a file may replace another one by a rename. 0 or -errno. */
function checkReplace(inode: Inode, replaced: Inode | null): i32 {
  if (!replaced || inode.isDirectory() == replaced.isDirectory()) return 0;
  return replaced.isDirectory() ? -EISDIR : -ENOTDIR;
}

// ---- Changing files -----------------------------------------------------------------------------

export function vfsSetAttributes(dentry: Dentry, change: Attributes): i32 {
  let error = vfsPrepareWrite(dentry, true);
  if (error == 0) error = dentry.inode!.setAttributes(change);
  if (error == 0 && isAnyWatched()) tellOfAttributes(dentry, change.which);
  return error;
}

/** As Linux: a time alone counts as the use that it tells of. */
function tellOfAttributes(dentry: Dentry, which: u32): void {
  const times = which & (ATTRIBUTE_ATIME | ATTRIBUTE_MTIME);
  let mask: u32 = times == which && times != 0 ? 0 : IN_ATTRIB;
  if (times == (ATTRIBUTE_ATIME | ATTRIBUTE_MTIME)) mask |= IN_ATTRIB;
  else if (times == ATTRIBUTE_ATIME) mask |= IN_ACCESS;
  else if (times == ATTRIBUTE_MTIME) mask |= IN_MODIFY;
  tellOfDentry(dentry, mask);
}

export function vfsTruncate(dentry: Dentry, size: u64): i32 {
  const inode = dentry.inode!;
  if (inode.isDirectory()) return -EISDIR;
  if (!inode.isRegular()) return -EINVAL;
  let error = checkFileSize(size, inode.size());
  if (error == 0) error = vfsPrepareWrite(dentry, size != 0);
  if (error == 0) error = dentry.inode!.truncate(size);
  if (error == 0 && isAnyWatched()) tellOfDentry(dentry, IN_MODIFY);
  return error;
}
