/**
 * An inode: a file, directory, link or device of some file system, whatever its names. A file
 * system subclasses it for each kind it has; what a kind can't do answers with the errno that Linux
 * gives.
 *
 * Ownership: `references` counts the dentries and open files that point at it; `inodePut` of the
 * last one calls `destroy`, unless pages of it are still mapped: then the last mapping's
 * `PageSource.release` does (see `inodeSourceReleased`). Names are dentries (dentry.ts): `lookup`
 * and its kin are given one and set its `inode`.
 *
 * Locks: on one CPU nothing here is preempted, so what doesn't sleep needs none. With more CPUs a
 * directory's changes are guarded by a Mutex per directory.
 */
import { EINVAL, EISDIR, ENOMEM, ENOTDIR, EOPNOTSUPP, EPERM, EROFS } from "../lib/errno";
import { directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { Dentry } from "./dentry";
import { DirectorySink } from "./directory-sink";
import { IoVector } from "./io-vector";
import { PageSource } from "./page-source";
import { fractionOf, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Stat, secondsOf } from "./stat";
import { Watch, watchesEnd } from "./watch";

/** What of an inode changes, for `setAttributes`. */
export const ATTRIBUTE_MODE: u32 = 1 << 0;
export const ATTRIBUTE_UID: u32 = 1 << 1;
export const ATTRIBUTE_GID: u32 = 1 << 2;
export const ATTRIBUTE_ATIME: u32 = 1 << 3;
export const ATTRIBUTE_MTIME: u32 = 1 << 4;
/** A new owner does not inherit the rights of the old one: the set-id bits go (chown(2)). */
export const ATTRIBUTE_KILL_SET_ID: u32 = 1 << 5;

/** New values of the attributes whose bits are set in `which`. Times are nanoseconds since 1970. */
@unmanaged
export class Attributes {
  which: u32;
  mode: u32;
  uid: u32;
  gid: u32;
  atimeNs: i64;
  mtimeNs: i64;

  constructor() {
    this.which = 0;
  }
}

/** What statfs(2) tells of a file system. */
@unmanaged
export class FileSystemUse {
  blocks: u64;
  blocksFree: u64;
  files: u64;
  filesFree: u64;
}

/** In place of a time that is not known. */
export const NO_TIME: i64 = i64.MIN_VALUE;

/** Anonymous device numbers have major 0, as on Linux. */
let nextDevice: u64 = 1;

export abstract class FileSystem {
  /** st_dev of its files. */
  device: u64 = 0;
  /** f_type, include/uapi/linux/magic.h. */
  magic: u64 = 0;
  readOnly: bool = false;
  /** Whether its files have handles (file-handle.ts). */
  hasHandles: bool = false;

  /** As in /proc/filesystems. */
  constructor(public name: string) {
    this.device = nextDevice++;
  }

  use(out: FileSystemUse): void {
    out.blocks = 0;
    out.blocksFree = 0;
    out.files = 0;
    out.filesFree = 0;
  }
}

export abstract class Inode {
  references: i32 = 1;
  /** Type and permissions. */
  mode: u32;
  nlink: u32 = 1;
  uid: u32 = 0;
  gid: u32 = 0;
  /** A file without a name may be given one: O_TMPFILE without O_EXCL. */
  linkable: bool = false;
  /**
   * Names in this directory come and go without the name cache knowing: it keeps none, nor any
   * below them.
   */
  uncachedNames: bool = false;
  number: u64;
  /** Of a device node. */
  rdev: u64 = 0;
  atimeNs: i64 = 0;
  mtimeNs: i64 = 0;
  ctimeNs: i64 = 0;
  /** Where the pages of a regular file come from; made by `pages()`. */
  source: PageSource | null = null;
  /** Who wants to hear what happens to it (watch.ts). */
  watches: Watch | null = null;

  constructor(
    public fileSystem: FileSystem,
    number: u64,
    mode: u32,
  ) {
    this.number = number;
    this.mode = mode;
  }

  @inline
  isDirectory(): bool {
    return (this.mode & S_IFMT) == S_IFDIR;
  }

  @inline
  isLink(): bool {
    return (this.mode & S_IFMT) == S_IFLNK;
  }

  @inline
  isRegular(): bool {
    return (this.mode & S_IFMT) == S_IFREG;
  }

  /** When it was made, in nanoseconds since 1970; NO_TIME where that is not known. */
  birthNs(): i64 {
    return NO_TIME;
  }

  /** Whether its file system holds on to it as long as it has a name, also without a dentry. */
  isKept(): bool {
    return false;
  }

  // ---- Directories: `dentry` is a name in this directory ----------------------------------------

  /**
   * Looks the name up: sets `dentry.inode` (a new reference) or leaves it null. 0 or -errno. May
   * sleep.
   */
  lookup(dentry: Dentry): i32 {
    return -ENOTDIR;
  }

  /** Makes a file, device or socket of the type in `mode` at a negative dentry. */
  create(dentry: Dentry, mode: u32, rdev: u64): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /**
   * A regular file without a name (O_TMPFILE): an Inode with one reference, or -EOPNOTSUPP where
   * that can't be, -EROFS, -ENOENT (the directory was removed), -ENOMEM.
   */
  createUnnamed(mode: u32): usize {
    return this.fileSystem.readOnly ? -EROFS : -EOPNOTSUPP;
  }

  makeDirectory(dentry: Dentry, mode: u32): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /** `target` points at `length` bytes of linear memory. */
  symlink(dentry: Dentry, target: usize, length: u32): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  link(dentry: Dentry, inode: Inode): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  unlink(dentry: Dentry): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /**
   * To be called on a directory before `removeDirectory` of it, or a rename over it: finds out what
   * those need to tell whether it is empty, for they don't sleep. 0: it was known; 1: it is now,
   * and may have taken a sleep, so that the caller looks again at what it has looked at before;
   * -errno, as -ENOTEMPTY, also after a sleep.
   */
  prepareRemoval(): i32 {
    return 0;
  }

  removeDirectory(dentry: Dentry): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /**
   * Moves `from`, in this directory, to the name `to` in the directory `target` of the same file
   * system.
   */
  rename(from: Dentry, target: Inode, to: Dentry, flags: u32): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /** Swaps what two names stand for: `from` here, and `to` in a directory of this file system. */
  exchange(from: Dentry, target: Inode, to: Dentry): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EINVAL;
  }

  /**
   * Extended attributes (xattr(7)): an XattrList, borrowed; 0: there are none; or -errno. May
   * sleep.
   */
  attributeList(): usize {
    return 0;
  }

  /** As `attributeList`, to set one: an XattrList, or -EOPNOTSUPP where none can be. */
  makeAttributeList(): usize {
    return -EOPNOTSUPP;
  }

  /**
   * Called before a child of this directory is changed: a union gives the dentry a writable inode
   * here, with the old contents if `keepData`. 0, or -EROFS where there is none. May sleep.
   */
  prepareWrite(dentry: Dentry, keepData: bool): i32 {
    return this.fileSystem.readOnly ? -EROFS : 0;
  }

  /**
   * Puts entries (but `.` and `..`) from `position` on into the sink until it is full. Positions
   * start at DIRECTORY_START. Returns the position to go on from, or -errno. May sleep.
   */
  list(position: u64, sink: DirectorySink): i64 {
    return -ENOTDIR;
  }

  // ---- Symbolic links ---------------------------------------------------------------------------

  /**
   * Writes the link's target, cut to `size` bytes, not terminated. Returns its length. May sleep.
   */
  readLink(to: usize, size: u32): i32 {
    return -EINVAL;
  }

  /**
   * Where a link of /proc leads, borrowed, when that is not what its text says; null for an
   * ordinary link.
   */
  jump(): Dentry | null {
    return null;
  }

  // ---- Files ------------------------------------------------------------------------------------

  /** Opens it: a File as usize (one reference, for the caller), or a negative errno. May sleep. */
  abstract open(dentry: Dentry, flags: u32): usize;

  size(): u64 {
    return 0;
  }

  /** Number of 512-byte blocks in use. */
  blocks(): u64 {
    return (this.size() + 511) >> 9;
  }

  /** The pages of a regular file, borrowed; null where there are none. */
  pages(): PageSource | null {
    return null;
  }

  readAt(io: IoVector, offset: u64): i64 {
    const source = this.pages();
    if (source) return readPages(source, io, offset);
    return this.isRegular() ? -ENOMEM : -EINVAL;
  }

  writeAt(io: IoVector, offset: u64): i64 {
    return -EINVAL;
  }

  truncate(size: u64): i32 {
    return this.isDirectory() ? -EISDIR : -EINVAL;
  }

  /**
   * Where data begins, or (`data` false) a hole, at `offset` or behind it; the size or more when it
   * doesn't. Without holes: all is data.
   */
  nextContents(offset: u64, data: bool): u64 {
    return data ? offset : this.size();
  }

  /** Makes room for [offset, offset + n): mode as in fallocate(2). */
  allocate(mode: u32, offset: u64, n: u64): i32 {
    return -EINVAL;
  }

  stat(out: Stat): void {
    out.reset(this.mode);
    out.dev = this.fileSystem.device;
    out.ino = this.number;
    out.nlink = this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = this.rdev;
    out.size = <i64>this.size();
    out.blocks = <i64>this.blocks();
    out.atime = secondsOf(this.atimeNs);
    out.atimeNs = fractionOf(this.atimeNs);
    out.mtime = secondsOf(this.mtimeNs);
    out.mtimeNs = fractionOf(this.mtimeNs);
    out.ctime = secondsOf(this.ctimeNs);
    out.ctimeNs = fractionOf(this.ctimeNs);
  }

  setAttributes(change: Attributes): i32 {
    return this.fileSystem.readOnly ? -EROFS : -EPERM;
  }

  /** The last reference is gone: gives back what it holds, and frees itself. */
  destroy(): void {
    free(this);
  }
}

/**
 * Reads from a page source, up to its end. Returns bytes, or -EFAULT or the source's -errno when
 * there were none. May sleep.
 */
export function readPages(source: PageSource, io: IoVector, offset: u64): i64 {
  const size = source.size();
  if (offset >= size) return 0;
  let left = min(io.remaining, size - offset);
  let at = offset;
  while (left > 0) {
    const page = source.getPage(at >> 12);
    if (page < 0) return at > offset ? <i64>(at - offset) : page;
    const n = min(left, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
    const moved = io.put(directMap(page) + (at & (PAGE_SIZE - 1)), n);
    pagePut(page);
    if (moved < 0) return at > offset ? <i64>(at - offset) : moved;
    at += <u64>moved;
    left -= <u64>moved;
    if (<u64>moved < n) break;
  }
  return <i64>(at - offset);
}

export function inodeGet(inode: Inode): void {
  inode.references++;
}

/** Gives one reference back. */
export function inodePut(inode: Inode): void {
  if (--inode.references > 0) return;
  const source = inode.source;
  if (source) {
    // A mapping of its pages may outlive the inode's names and files.
    if (--source.references > 0) return;
  }
  inodeEnd(inode);
}

/**
 * For `PageSource.release` of an inode's pages: the last mapping was also the last user of the
 * inode.
 */
export function inodeSourceReleased(inode: Inode): void {
  assert(inode.references == 0, "an inode in use holds its pages");
  inodeEnd(inode);
}

function inodeEnd(inode: Inode): void {
  if (inode.watches) watchesEnd(inode);
  inode.destroy();
}

/** What `attempt` has made as a pointer, or -ENOMEM. */
export function resultOf<T>(object: T): usize {
  const pointer = changetype<usize>(object);
  return pointer != 0 ? pointer : <usize>-ENOMEM;
}

/** An errno in place of a pointer, and how to tell: pointers are below 1 GiB. */
export function isError(result: usize): bool {
  return result >= <usize>-4095;
}
