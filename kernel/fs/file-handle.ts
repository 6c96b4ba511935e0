/**
 * Handles: a few bytes that stand for a file, whatever its name (name_to_handle_at(2)).
 *
 *     handleOf(dentry, handle)                fills a FileHandle: 0 or -EOPNOTSUPP
 *     handleOpen(mount, handle, flags)        a File (usize, a new reference) or -errno
 *
 * A handle has the inode's number, which no other file gets later, and that of its directory. To
 * open it, its place is looked for: among the entries that the file system has in memory, or, for a
 * file that shows from the image, among the names of its directory. That takes time by the number
 * of files, and no memory while nobody asks. Then the path is walked, so that what is opened has a
 * name like any other file.
 *
 * ESTALE: the file has no name any more, or has been changed since it came from the image: then it
 * is another one.
 */
import { addressOf, copy } from "../arch/hw";
import { EIO, ENAMETOOLONG, ENOMEM, EOPNOTSUPP, ESTALE } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Dentry, NAME_MAX } from "./dentry";
import { DIRECTORY_START, DirectorySink } from "./directory-sink";
import { O_TRUNC } from "./file";
import { Inode, inodeGet, inodePut } from "./inode";
import { Mount, mountOf, PATH_MAX } from "./mount";
import { RESOLVE_NO_XDEV, walkGet, walkPut } from "./path-walk";
import { TmpDirectory } from "./tmpfs";
import { TmpEntry } from "./tmpfs-entry";
import { TmpFileSystem } from "./tmpfs-inode";
import { openDentry, vfsResolve } from "./vfs";

const SLASH: u8 = 47;
const DOT: u8 = 46;

/** What the f_handle of a struct file_handle holds. */
@unmanaged
export class FileHandle {
  device: u64;
  number: u64;
  /** Number of the directory; 0 for the root of a file system. */
  parent: u64;
}

/** Fills the handle of the file behind a dentry: 0, or -EOPNOTSUPP where files have none. */
export function handleOf(dentry: Dentry, handle: FileHandle): i32 {
  const mount = mountOf(dentry);
  if (!mount || !mount.fileSystem.hasHandles) return -EOPNOTSUPP;
  const inode = dentry.inode!;
  const parent = dentry.parent;
  handle.device = inode.fileSystem.device;
  handle.number = inode.number;
  handle.parent = parent ? parent.inode!.number : 0;
  return 0;
}

/** Whether an inode is the one that a handle stands for. */
function isMeant(inode: Inode | null, handle: FileHandle): bool {
  if (!inode || inode.number != handle.number) return false;
  return inode.fileSystem.device == handle.device;
}

/** The entry whose inode is number `number` of a device, or null. */
function entryOfNumber(tmpfs: TmpFileSystem, device: u64, number: u64): TmpEntry | null {
  let node = tmpfs.entries.anyAfter(null);
  while (node) {
    const inode = changetype<TmpEntry>(node).inode;
    if (inode && inode.number == number && inode.fileSystem.device == device) break;
    node = tmpfs.entries.anyAfter(node);
  }
  return changetype<TmpEntry | null>(node);
}

/** The directory of that number, borrowed, or null. */
function directoryOfNumber(mount: Mount, number: u64): TmpDirectory | null {
  const root = mount.root.inode!;
  let inode: Inode | null = root;
  if (root.number != number) {
    const entry = entryOfNumber(<TmpFileSystem>mount.fileSystem, root.fileSystem.device, number);
    inode = entry ? entry.inode : null;
  }
  return inode && inode instanceof TmpDirectory ? <TmpDirectory>inode : null;
}

/** Finds the name of an inode number. */
class NumberSink extends DirectorySink {
  length: u32 = 0;

  /** `name` has room for NAME_MAX bytes. */
  constructor(
    private number: u64,
    private name: usize,
  ) {
    super();
  }

  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    if (inode != this.number) return true;
    copy(addressOf(this.name), name, length);
    this.length = length;
    return false;
  }
}

/**
 * The name of inode `number` in the directory of the image below `directory`, put at `name`.
 * Returns its length, -ESTALE, or -errno. May sleep.
 */
function findBelow(directory: TmpDirectory, number: u64, name: usize): i32 {
  const below = directory.shownThrough();
  if (!below) return -ESTALE;
  const sink = attempt(new NumberSink(number, name));
  if (!sink) return -ENOMEM;
  inodeGet(directory);
  const error = below.list(DIRECTORY_START, sink);
  inodePut(directory);
  const length = <i32>sink.length;
  free(sink);
  if (error < 0) return <i32>error;
  return length != 0 ? length : -ESTALE;
}

/** A path that is put together from its end; `start` points at it, in a buffer of PATH_MAX. */
@unmanaged
class PathEnd {
  start: usize;

  /** Puts a name in front. False when that is too long. */
  prepend(buffer: usize, name: usize, length: u32): bool {
    if (this.start - buffer < <usize>length + 1) return false;
    if (load<u8>(this.start) != 0) store<u8>(--this.start, SLASH);
    this.start -= <usize>length;
    memory.copy(this.start, name, length);
    return true;
  }
}

/**
 * Puts the directories from the root of the mount to `directory` in front of a path: 0, -ESTALE
 * (it is in none), -ENAMETOOLONG. Does not sleep.
 */
function prependDirectories(mount: Mount, directory: usize, path: PathEnd, buffer: usize): i32 {
  const entries = (<TmpFileSystem>mount.fileSystem).entries;
  let at = directory;
  while (at != changetype<usize>(mount.root.inode!)) {
    let node = entries.anyAfter(null);
    while (node && changetype<usize>(changetype<TmpEntry>(node).inode) != at) {
      node = entries.anyAfter(node);
    }
    if (!node) return -ESTALE;
    const entry = changetype<TmpEntry>(node);
    if (!path.prepend(buffer, entry.name, entry.nameLength)) return -ENAMETOOLONG;
    at = entry.directory;
  }
  return 0;
}

/**
 * Writes the path of the file that a handle stands for, from the root of the mount on, to the end
 * of a buffer of PATH_MAX bytes. 0, -ESTALE or -errno. May sleep.
 */
function findPath(mount: Mount, handle: FileHandle, path: PathEnd, buffer: usize): i32 {
  path.start = buffer + <usize>PATH_MAX - 1;
  store<u8>(path.start, 0);
  if (isMeant(mount.root.inode, handle)) {
    store<u8>(--path.start, DOT);
    return 0;
  }
  const tmpfs = <TmpFileSystem>mount.fileSystem;
  const entry = entryOfNumber(tmpfs, handle.device, handle.number);
  if (entry) {
    if (!path.prepend(buffer, entry.name, entry.nameLength)) return -ENAMETOOLONG;
    return prependDirectories(mount, entry.directory, path, buffer);
  }
  const directory = directoryOfNumber(mount, handle.parent);
  if (!directory || handle.device == tmpfs.device) return -ESTALE;
  // At the buffer's beginning there is room for a name.
  const length = findBelow(directory, handle.number, buffer);
  if (length < 0) return length;
  if (!path.prepend(buffer, buffer, length)) return -ENAMETOOLONG;
  // The search may have slept, and the directory be another one's memory.
  const still = directoryOfNumber(mount, handle.parent);
  if (still != directory) return -ESTALE;
  return prependDirectories(mount, changetype<usize>(directory), path, buffer);
}

/** Walks to the file, and opens it if it is the one: a File, -ESTALE or -errno. */
function openPath(mount: Mount, handle: FileHandle, path: usize, length: u32, flags: u32): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  walk.loadKernel(path, length);
  walk.resolve = RESOLVE_NO_XDEV;
  const error = vfsResolve(walk, mount.root, 0);
  walk.resolve = 0;
  let result: usize = -ESTALE;
  if (error == -ENOMEM || error == -EIO) result = error;
  // The walk may have slept, and the name be another file's now.
  else if (error == 0 && isMeant(walk.dentry!.inode, handle)) {
    result = openDentry(walk.dentry!, flags, (flags & O_TRUNC) != 0);
  }
  walkPut(walk);
  return result;
}

/**
 * Opens the file that a handle of the mount's stands for, with open(2)'s `flags`: a File (usize, a
 * new reference), -ESTALE, or -errno. May sleep.
 */
export function handleOpen(mount: Mount, handle: FileHandle, flags: u32): usize {
  if (!mount.fileSystem.hasHandles) return -ESTALE;
  const buffer = heapAlloc(PATH_MAX);
  if (buffer == 0) return -ENOMEM;
  const path = attempt(new PathEnd());
  let result: usize = -ENOMEM;
  if (path) {
    const error = findPath(mount, handle, path, buffer);
    const length = <u32>(buffer + <usize>PATH_MAX - 1 - path.start);
    result = error;
    if (error == 0) result = openPath(mount, handle, path.start, length, flags);
    free(path);
  }
  heapFree(buffer);
  return result;
}
if (<u32>PATH_MAX < 2 * NAME_MAX) ERROR("a name fits before a path that is put together");
