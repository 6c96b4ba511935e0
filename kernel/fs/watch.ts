/**
 * Who watches inodes, and what the file system tells them: the events of inotify(7). The instances
 * that collect the events are files (inotify.ts); the VFS calls
 *
 *     isAnyWatched()                              false: nothing of the following need be called
 *     tellOfName, tellOfRemoval, tellOfRename, tellOfExchange      a name came or went
 *     tellOfDentry(dentry, mask)                  a file was used: its watchers, and by its name those of
 *                                                 the directory
 *     tellOfInode(inode, mask)                    the inode's own watchers alone
 *     watchesMove(from, to)                       a union has copied an inode up
 *     watchesUnpin(inode)                         its name was removed
 *     watchesEnd(inode)                           it is about to be destroyed
 *
 * Nothing here sleeps. What is told of: all open files with a place for opening and closing;
 * regular files, directories and FIFOs for reading and writing; names and attributes of all.
 *
 * Ownership: a Watch belongs to its instance and is in the list of its inode. It holds no reference
 * on the inode, for its end is an event (IN_DELETE_SELF). But an inode of a file system that makes
 * inodes anew at each lookup (EROFS) would be forgotten with its dentry; there the watch pins the
 * dentry, until the name is removed or the union has its own copy. A file of the image with two
 * names is two inodes until then, and is watched by one of them.
 */
import { HashNode } from "../lib/hash-table";
import { Dentry, dentryGet, dentryPut } from "./dentry";
import { Inode } from "./inode";
import { Inotify } from "./inotify";
import {
  IN_ALL_EVENTS,
  IN_ATTRIB,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_ISDIR,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from "./inotify-events";

@unmanaged
export class Watch extends HashNode {
  instance: Inotify;
  wd: i32;
  /** IN_* that are wanted, with IN_ONESHOT and IN_EXCL_UNLINK. */
  mask: u32;
  inode: Inode;
  /** See the header; null where the inode stays by itself. */
  pinned: Dentry | null;
  // The watches of the inode, and those of the instance.
  nextOfInode: Watch | null;
  previousOfInode: Watch | null;
  nextOfInstance: Watch | null;
  previousOfInstance: Watch | null;

  constructor(instance: Inotify, wd: i32, mask: u32, dentry: Dentry) {
    super();
    const inode = dentry.inode!;
    this.instance = instance;
    this.wd = wd;
    this.mask = mask;
    this.inode = inode;
    this.pinned = null;
    if (!inode.isKept()) {
      dentryGet(dentry);
      this.pinned = dentry;
    }
    this.nextOfInstance = null;
    this.previousOfInstance = null;
    this.enterInode(inode);
    watchCount++;
  }

  /** Puts it first in the list of an inode. */
  enterInode(inode: Inode): void {
    const next = inode.watches;
    this.inode = inode;
    this.nextOfInode = next;
    this.previousOfInode = null;
    if (next) next.previousOfInode = this;
    inode.watches = this;
  }

  leaveInode(): void {
    const next = this.nextOfInode;
    const previous = this.previousOfInode;
    if (previous) previous.nextOfInode = next;
    else this.inode.watches = next;
    if (next) next.previousOfInode = previous;
  }

  /** Gives the dentry back, and with it perhaps the inode. */
  unpin(): void {
    const dentry = this.pinned;
    this.pinned = null;
    if (dentry) dentryPut(dentry);
  }

  /** Takes it off its inode. The instance, which has forgotten it, frees it. */
  end(): void {
    this.leaveInode();
    watchCount--;
    this.unpin();
  }
}

/** All watches of all instances. */
let watchCount: u32 = 0;
/** What says that an IN_MOVED_FROM and an IN_MOVED_TO belong together. */
let lastCookie: u32 = 0;

export function isAnyWatched(): bool {
  return watchCount != 0;
}

/** How many watches there are, for their limit. */
export function watchesThere(): u32 {
  return watchCount;
}

/** Tells the watchers of an inode who want to know; `name` is 0 when it is about itself. */
function tell(inode: Inode, mask: u32, cookie: u32, name: usize, length: u32, skip: u32): void {
  let watch = inode.watches;
  while (watch) {
    // It may be gone after the event: IN_ONESHOT.
    const next = watch.nextOfInode;
    if ((watch.mask & mask & IN_ALL_EVENTS) != 0 && (watch.mask & skip) == 0) {
      watch.instance.happened(watch, mask, cookie, name, length);
    }
    watch = next;
  }
}

/** What tells a directory from other files in an event. */
function directoryFlag(inode: Inode): u32 {
  return inode.isDirectory() ? IN_ISDIR : 0;
}

/** A name of `dentry`'s directory: it was made, removed or moved, for `inode`. */
export function tellOfName(dentry: Dentry, inode: Inode, mask: u32, cookie: u32 = 0): void {
  const parent = dentry.parent;
  const directory = parent ? parent.inode : null;
  if (!directory || !directory.watches) return;
  const event = mask | directoryFlag(inode);
  tell(directory, event, cookie, dentry.name, dentry.nameLength, 0);
}

/** The file behind a dentry was used: what watches it or its directory hears of it. */
export function tellOfDentry(dentry: Dentry, mask: u32): void {
  const inode = dentry.inode;
  if (!inode) return;
  const event = mask | directoryFlag(inode);
  const parent = dentry.parent;
  const directory = parent ? parent.inode : null;
  if (directory && directory.watches) {
    const skip = dentry.isDeleted() ? IN_EXCL_UNLINK : 0;
    tell(directory, event, 0, dentry.name, dentry.nameLength, skip);
  }
  if (inode.watches) tell(inode, event, 0, 0, 0, 0);
}

/** What happened to an inode, whatever its name. IN_MOVE_SELF and IN_DELETE_SELF are bare. */
export function tellOfInode(inode: Inode, mask: u32): void {
  const bare = (mask & (IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
  if (inode.watches) tell(inode, bare ? mask : mask | directoryFlag(inode), 0, 0, 0, 0);
}

/** A name was removed: its directory hears of it, and so do those who watch the file. */
export function tellOfRemoval(dentry: Dentry): void {
  const inode = dentry.inode!;
  if (!inode.isDirectory()) tellOfInode(inode, IN_ATTRIB);
  tellOfName(dentry, inode, IN_DELETE);
  watchesUnpin(inode);
}

/** A rename of `from` to `to`, before it shows in the dentries. */
export function tellOfRename(from: Dentry, to: Dentry): void {
  tellOfMove(from, to);
  const replaced = to.inode;
  if (replaced) {
    tellOfInode(replaced, IN_ATTRIB);
    watchesUnpin(replaced);
  }
  tellOfInode(from.inode!, IN_MOVE_SELF);
}

/** Two names swap what they stand for; before it shows in the dentries. */
export function tellOfExchange(one: Dentry, other: Dentry): void {
  tellOfMove(one, other);
  tellOfInode(one.inode!, IN_MOVE_SELF);
  tellOfMove(other, one);
  tellOfInode(other.inode!, IN_MOVE_SELF);
}

function tellOfMove(from: Dentry, to: Dentry): void {
  const inode = from.inode!;
  const cookie = ++lastCookie;
  tellOfName(from, inode, IN_MOVED_FROM, cookie);
  tellOfName(to, inode, IN_MOVED_TO, cookie);
}

/** A union shows `to` in the place of `from`: who watches one watches the other. */
export function watchesMove(from: Inode, to: Inode): void {
  let watch = from.watches;
  while (watch) {
    const next = watch.nextOfInode;
    watch.leaveInode();
    watch.enterInode(to);
    watch.unpin();
    watch = next;
  }
}

/** The name that a file was watched by is removed: the watches no longer keep it. */
export function watchesUnpin(inode: Inode): void {
  let watch = inode.watches;
  while (watch) {
    const next = watch.nextOfInode;
    watch.unpin();
    watch = next;
  }
}

/** The inode has no user left, and so its last name is gone. */
export function watchesEnd(inode: Inode): void {
  tellOfInode(inode, IN_DELETE_SELF);
  for (let watch = inode.watches; watch; watch = inode.watches) watch.instance.remove(watch);
}
