/**
 * From a path to a dentry (path_resolution(7)).
 *
 *     const walk = walkGet();                      null when memory is short
 *     error = walk.loadUser(address)               copies the path in; or walk.loadKernel
 *     error = walk.run(base, WALK_FOLLOW)          `base` is where a relative path starts
 *     … walk.dentry! …                             the last name's dentry; without an inode when
 *                                                  there is no such file
 *     walkPut(walk)                                gives the dentry's reference back, too
 *
 * Only the last name may be missing: anything else is -ENOENT. What the callers need to know of the
 * path's form is in `last` (what the last component was) and `trailingSlash`.
 *
 * The walk reads the buffer in place. When it meets a symbolic link, the link's target is put in
 * front of what is still to be walked, at the buffer's end:
 *
 *     | room for a target (PATH_MAX) | … target/rest of the path 0 |
 *
 * References: what the walk stands on is borrowed from the name cache and stays valid as long as
 * nothing sleeps; before a file system is asked, `pin` takes a reference.
 */
import { EAGAIN, EFAULT, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EXDEV } from "../lib/errno";
import { loadUser } from "../linux/user-memory";
import { heapAlloc } from "../runtime/heap";
import {
  Dentry,
  dentryCreate,
  dentryFind,
  dentryGet,
  dentryPublish,
  dentryPut,
  NAME_HASH_START,
  NAME_MAX,
  nameHash,
  nameHashStep,
} from "./dentry";
import { Inode, inodeGet, inodePut } from "./inode";
import { mountIdOf, PATH_MAX, parentDirectory, rootDirectory } from "./mount";

/** Follow a symbolic link that is the last component. */
export const WALK_FOLLOW: u32 = 1 << 0;
/** An empty path means `base` itself (AT_EMPTY_PATH). */
export const WALK_EMPTY: u32 = 1 << 1;

/**
 * The last component is a name that is made, removed or moved: not followed if it is a link, not
 * even with a slash behind it.
 */
export const WALK_NAME: u32 = 1 << 2;

// `resolve` of openat2(2), include/uapi/linux/openat2.h
export const RESOLVE_NO_XDEV: u32 = 0x01;
export const RESOLVE_NO_MAGICLINKS: u32 = 0x02;
export const RESOLVE_NO_SYMLINKS: u32 = 0x04;
export const RESOLVE_BENEATH: u32 = 0x08;
export const RESOLVE_IN_ROOT: u32 = 0x10;
export const RESOLVE_CACHED: u32 = 0x20;
const RESOLVE_SCOPED: u32 = RESOLVE_BENEATH | RESOLVE_IN_ROOT;

/** What the last component was. */
export const LAST_NAME: u32 = 0;
export const LAST_ROOT: u32 = 1;
export const LAST_DOT: u32 = 2;
export const LAST_DOTDOT: u32 = 3;

/** Linux's MAXSYMLINKS. */
const LINKS_MAX: u32 = 40;
const BUFFER_SIZE: usize = 8192;
const SLASH: u32 = 47;
const DOT: u32 = 46;

@unmanaged
export class Walk {
  /** The result, with a reference; null before and after a failure. */
  dentry: Dentry | null;
  last: u32;
  trailingSlash: bool;
  /** For the caller: where a relative path starts, borrowed. */
  base: Dentry | null;
  /** RESOLVE_*: what the walk may not do. For openat2(2), which makes it 0 again; else 0. */
  resolve: u32;
  /** Where a walk with RESOLVE_BENEATH or RESOLVE_IN_ROOT starts and stays, borrowed. */
  scope: Dentry | null;
  private links: u32;
  /** What is still to be walked: a pointer into the buffer. */
  private at: usize;
  /** How the walk ended. */
  private error: i32;
  /** Next in the pool. */
  poolNext: Walk | null;

  @inline
  private get buffer(): usize {
    return changetype<usize>(this) + offsetof<Walk>();
  }

  /** Copies a path from the application. 0, -EFAULT, -ENAMETOOLONG. */
  loadUser(path: u64): i32 {
    // In pieces that end at multiples of 64: paths are short, and no piece reaches into a page that
    // the text doesn't.
    let done: u64 = 0;
    while (done < <u64>PATH_MAX) {
      const piece = min(64 - ((path + done) & 63), <u64>PATH_MAX - done);
      if (loadUser(this.buffer + <usize>done, path + done, piece) != 0) return -EFAULT;
      for (let i = done; i < done + piece; i++) {
        if (load<u8>(this.buffer + <usize>i) == 0) return 0;
      }
      done += piece;
    }
    return -ENAMETOOLONG;
  }

  /** Takes a path from linear memory. */
  loadKernel(path: usize, length: u32): i32 {
    if (length >= PATH_MAX) return -ENAMETOOLONG;
    memory.copy(this.buffer, path, length);
    store<u8>(this.buffer + <usize>length, 0);
    return 0;
  }

  /** Takes an ASCII path. 0, or -ENAMETOOLONG. */
  loadString(path: string): i32 {
    if (path.length >= <i32>PATH_MAX) return -ENAMETOOLONG;
    for (let i = 0; i < path.length; i++) {
      store<u8>(this.buffer + <usize>i, <u8>path.charCodeAt(i));
    }
    store<u8>(this.buffer + <usize>path.length, 0);
    return 0;
  }

  isEmpty(): bool {
    return load<u8>(this.buffer) == 0;
  }

  /** Makes a path that begins with a slash one that begins with `./`. */
  makeRelative(): void {
    if (!this.isAbsolute()) return;
    memory.copy(this.buffer + 1, this.buffer, this.textLength() + 1);
    store<u8>(this.buffer, DOT);
  }

  isAbsolute(): bool {
    return load<u8>(this.buffer) == SLASH;
  }

  /** Length of the path that was loaded. */
  textLength(): u32 {
    let length: u32 = 0;
    while (load<u8>(this.buffer + <usize>length) != 0) length++;
    return length;
  }

  /** The path that was loaded, zero-terminated; gone after `run`. */
  text(): usize {
    return this.buffer;
  }

  /** Hands the result's reference to the caller. */
  take(): Dentry {
    const dentry = this.dentry!;
    this.dentry = null;
    return dentry;
  }

  /** Keeps hold of `dentry`, and no longer of what was held before. */
  private pin(dentry: Dentry): void {
    dentryGet(dentry);
    this.release();
    this.dentry = dentry;
  }

  /** Gives the result's reference back. */
  release(): void {
    const held = this.dentry;
    this.dentry = null;
    if (held) dentryPut(held);
  }

  /** Walks the loaded path. 0 and `dentry`, or -errno. May sleep. */
  run(base: Dentry, flags: u32): i32 {
    assert(this.dentry == null, "the result of the last walk was taken");
    this.at = this.buffer;
    this.links = 0;
    this.last = LAST_ROOT;
    this.trailingSlash = false;
    let current: Dentry | null = base;
    if (load<u8>(this.at) == SLASH) current = rootDirectory();
    else if (load<u8>(this.at) == 0) {
      if ((flags & WALK_EMPTY) == 0) return -ENOENT;
      this.last = LAST_DOT;
    }
    while (current) {
      while (load<u8>(this.at) == SLASH) this.at++;
      if (load<u8>(this.at) == 0) {
        this.pin(current);
        return 0;
      }
      current = this.step(current, flags);
    }
    if (this.error < 0) this.release();
    return this.error;
  }

  /**
   * Looks the last name (of `length` bytes) up again in `parent`, where the walk has found it. 0
   * and `dentry`, or -errno. May sleep.
   */
  repeatLast(parent: Dentry, length: u32): i32 {
    const name = this.at - <usize>length;
    const hash = nameHash(name, length);
    const found = dentryFind(parent, hash, name, length);
    if (found) {
      this.pin(found);
      return 0;
    }
    const error = this.lookup(parent, hash, name, length);
    if (error != 0) this.release();
    return error;
  }

  /** The walk is over, at `dentry` or by an error. */
  private finish(dentry: Dentry): Dentry | null {
    this.pin(dentry);
    this.error = 0;
    return null;
  }

  private fail(error: i32): Dentry | null {
    this.error = error;
    return null;
  }

  /** Walks over the component at `at`: returns where that leads, or null when the walk is over. */
  private step(current: Dentry, flags: u32): Dentry | null {
    const directory = current.inode;
    if (!directory || !directory.isDirectory()) return this.fail(-ENOTDIR);
    const name = this.at;
    let at = name;
    let hash = NAME_HASH_START;
    let byte: u32 = load<u8>(at);
    while (byte != SLASH && byte != 0) {
      hash = nameHashStep(hash, byte);
      byte = load<u8>(++at);
    }
    const length = <u32>(at - name);
    this.at = at;
    if (byte != 0) {
      while (load<u8>(at) == SLASH) at++;
    }
    const isLast = load<u8>(at) == 0;
    const slash = isLast && byte != 0;
    this.trailingSlash = slash;

    if (load<u8>(name) == DOT && length <= 2 && load<u8>(name + <usize>length - 1) == DOT) {
      this.last = length == 1 ? LAST_DOT : LAST_DOTDOT;
      return length == 1 ? current : this.above(current);
    }
    this.last = LAST_NAME;
    let child = dentryFind(current, hash, name, length);
    if (!child) {
      const error = this.lookup(current, hash, name, length);
      if (error != 0) return this.fail(error);
      child = this.dentry!;
    }
    const inode = child.inode;
    if (!inode) return isLast ? this.finish(child) : this.fail(-ENOENT);
    if (inode.isLink() && (!isLast || follows(flags, slash))) return this.follow(child, current);
    let mounted = child.mounted;
    while (mounted) {
      if ((this.resolve & RESOLVE_NO_XDEV) != 0) return this.fail(-EXDEV);
      child = mounted;
      mounted = child.mounted;
    }
    if (!isLast) return child;
    if (slash && !child.inode!.isDirectory() && (flags & WALK_NAME) == 0)
      return this.fail(-ENOTDIR);
    return this.finish(child);
  }

  /** What is above a directory, as far as the walk may go there; null when the walk is over. */
  private above(current: Dentry): Dentry | null {
    const parent = parentDirectory(current);
    if (this.resolve == 0) return parent;
    if (current == this.scope) {
      if ((this.resolve & RESOLVE_IN_ROOT) != 0) return current;
      if ((this.resolve & RESOLVE_BENEATH) != 0) return this.fail(-EXDEV);
    }
    return this.isCrossing(current, parent) ? this.fail(-EXDEV) : parent;
  }

  /** Whether a step leaves the mount, and may not. */
  private isCrossing(from: Dentry, to: Dentry): bool {
    return (this.resolve & RESOLVE_NO_XDEV) != 0 && mountIdOf(from) != mountIdOf(to);
  }

  /** Asks the file system for a name the cache doesn't know; the dentry is then pinned. */
  private lookup(parent: Dentry, hash: u32, name: usize, length: u32): i32 {
    if (length > NAME_MAX) return -ENAMETOOLONG;
    if ((this.resolve & RESOLVE_CACHED) != 0) return -EAGAIN;
    this.pin(parent);
    const dentry = dentryCreate(parent, hash, name, length);
    if (!dentry) return -ENOMEM;
    const directory = parent.inode!;
    const error = directory.lookup(dentry);
    let found = dentry;
    if (directory.uncachedNames || parent.isPassing()) {
      dentry.makePassing();
    } else if (error == 0) {
      // Somebody else may have looked it up, or made it, while this slept.
      const other = dentryFind(parent, hash, name, length);
      if (other) {
        this.pin(other);
        dentryPut(dentry);
        return 0;
      }
      if (!parent.isDeleted()) dentryPublish(found);
    }
    this.release();
    if (error == 0) this.dentry = found;
    else dentryPut(dentry);
    return error;
  }

  /**
   * Where the link `dentry` in the directory `current` leads; its target is put in front of what is
   * left of the path.
   */
  private follow(dentry: Dentry, current: Dentry): Dentry | null {
    if (++this.links > LINKS_MAX) return this.fail(-ELOOP);
    if ((this.resolve & RESOLVE_NO_SYMLINKS) != 0) return this.fail(-ELOOP);
    const inode = dentry.inode!;
    const target = inode.jump();
    if (target) return this.resolve == 0 ? target : this.jumpTo(target, current);
    this.pin(dentry);
    // Reading the link may sleep; it may be moved to another directory meanwhile, or replaced.
    dentryGet(current);
    inodeGet(inode);
    const error = this.insertTarget(inode);
    inodePut(inode);
    this.pin(current);
    dentryPut(current);
    if (error != 0) return this.fail(error);
    if (load<u8>(this.at) != SLASH) return current;
    return this.resolve == 0 ? rootDirectory() : this.scopedRoot(current);
  }

  /** A link of /proc that leads to `target`, as far as the walk may go there. */
  private jumpTo(target: Dentry, current: Dentry): Dentry | null {
    if ((this.resolve & RESOLVE_NO_MAGICLINKS) != 0) return this.fail(-ELOOP);
    const left = (this.resolve & RESOLVE_SCOPED) != 0 || this.isCrossing(current, target);
    return left ? this.fail(-EXDEV) : target;
  }

  /** Where the text of a link that begins with a slash starts. */
  private scopedRoot(current: Dentry): Dentry | null {
    if ((this.resolve & RESOLVE_BENEATH) != 0) return this.fail(-EXDEV);
    if ((this.resolve & RESOLVE_IN_ROOT) != 0) return this.scope;
    const root = rootDirectory();
    return this.isCrossing(current, root) ? this.fail(-EXDEV) : root;
  }

  private insertTarget(inode: Inode): i32 {
    let length: usize = 0;
    while (load<u8>(this.at + length) != 0) length++;
    if (length >= <usize>PATH_MAX) return -ENAMETOOLONG;
    const rest = this.buffer + BUFFER_SIZE - 1 - length;
    memory.copy(rest, this.at, length + 1);
    const target = inode.readLink(this.buffer, PATH_MAX);
    if (target < 0) return target;
    if (target == 0) return -ENOENT;
    if (<u32>target >= PATH_MAX) return -ENAMETOOLONG;
    this.at = rest - <usize>target;
    memory.copy(this.at, this.buffer, target);
    return 0;
  }
}

/** Whether a link that is the last component is followed. */
function follows(flags: u32, slash: bool): bool {
  return (flags & WALK_FOLLOW) != 0 || (slash && (flags & WALK_NAME) == 0);
}

let pool: Walk | null = null;

/** A walk of the pool; the pool is as large as there were ever threads in path calls at once. */
export function walkGet(): Walk | null {
  const first = pool;
  if (first) {
    pool = first.poolNext;
    return first;
  }
  const pointer = heapAlloc(offsetof<Walk>() + BUFFER_SIZE);
  if (pointer == 0) return null;
  memory.fill(pointer, 0, offsetof<Walk>());
  return changetype<Walk>(pointer);
}

export function walkPut(walk: Walk): void {
  walk.release();
  walk.base = null;
  walk.poolNext = pool;
  pool = walk;
}
