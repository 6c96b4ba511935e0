/**
 * tmpfs: files in memory. And the union: a tmpfs directory may have a directory of a read-only file
 * system below it (`lower`), whose contents show through until they are changed. The root file
 * system is such a union over EROFS; /dev and /proc are tmpfs trees that the kernel fills.
 *
 *     const fs = new TmpFileSystem("tmpfs", limitPages)
 *     const root = new TmpDirectory(fs, mode, lower)
 *     root.attach("name", inode)               the kernel's own entries; takes over the reference
 *
 * Directories are TmpDirectory objects also where they come from below: looking one up makes its
 * union object, so a directory has one identity and can be renamed. Other inodes from below are
 * handed out as they are, and replaced by a copy when they are about to be written
 * (`prepareWrite`). A name from below that was removed leaves a whiteout, an entry without an
 * inode.
 *
 * The entries of all directories of a file system are in one hash table; each directory links its
 * own in the order of their positions, for listing. Nothing here sleeps but what asks the lower
 * file system; after that, a lookup is made again.
 */

import { addressOf } from "../arch/hw";
import { EEXIST, ENOENT, ENOMEM, ENOTEMPTY } from "../lib/errno";
import { VERIFY } from "../lib/verify";
import { attempt } from "../runtime/attempt";
import { spareAllocations } from "../runtime/failing";
import { free } from "../runtime/free";
import { heapAlloc, heapFree, heapHasRoom } from "../runtime/heap";
import { realtimeNs } from "../time/clock";
import { Dentry, nameHash } from "./dentry";
import { DirectorySink, directoryType } from "./directory-sink";
import { Inode, inodeGet, inodePut, isError, resultOf } from "./inode";
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "./stat";
import { countHidden, MergeSink, TmpEntry } from "./tmpfs-entry";
import { TmpFile } from "./tmpfs-file";
import { TmpFileSystem, TmpInode, TmpLink, TmpNode } from "./tmpfs-inode";
import { DirectoryFile } from "./vfs-file";
import { watchesMove } from "./watch";

/** Positions of own entries in a listing; those below are the lower directory's. */
const OWN_POSITIONS: u64 = (<u64>1) << 62;

const NAME_BUFFER: usize = memory.data(64);

/** Characters [start, end) of an ASCII text as bytes; valid until the next call. */
function asciiName(text: string, start: i32, end: i32): usize {
  assert(end - start <= 64, "a short name");
  for (let i = start; i < end; i++) {
    store<u8>(NAME_BUFFER + <usize>(i - start), <u8>text.charCodeAt(i));
  }
  return NAME_BUFFER;
}

/** More than the entries of /proc or /sys take, which are made at once. */
const FILL_ROOM: usize = 64 << 10;

export class TmpDirectory extends TmpInode {
  private first: TmpEntry | null = null;
  private last: TmpEntry | null = null;
  private nextPosition: u64 = OWN_POSITIONS;
  /** The read-only directory that shows through, or null. */
  private lower: Inode | null;
  /** How many names that directory has, which never changes; -1: not known. */
  private lowerNames: i32 = -1;
  /** Whether it has taken over the extended attributes of that directory. */
  private hasXattrs: bool = false;
  /** Entries freed ever: who has slept amid the list looks whether its place is still there. */
  private removals: u32 = 0;
  /** See `fillLater`. */
  private filler: ((directory: TmpDirectory) => void) | null = null;

  /** Takes over the reference on `lower`. */
  constructor(fileSystem: TmpFileSystem, mode: u32, lower: Inode | null = null) {
    super(fileSystem, S_IFDIR | (mode & 0o7777));
    this.nlink = 2;
    this.lower = lower;
    if (lower) {
      this.copyAttributes(lower);
      this.nlink = lower.nlink;
    }
  }

  /** What shows through, borrowed: for a file system that is mounted over this directory. */
  shownThrough(): Inode | null {
    return this.lower;
  }

  // ---- Entries ----------------------------------------------------------------------------------

  /** The first of its own entries, borrowed. */
  firstEntry(): TmpEntry | null {
    return this.first;
  }

  /**
   * The entry of that name, whiteouts included; null when this directory itself knows nothing of
   * it.
   */
  find(name: usize, length: u32): TmpEntry | null {
    return TmpEntry.find(this.tmpfs.entries, changetype<usize>(this), name, length);
  }

  /**
   * Enters a name, taking over the reference on the inode. `lowerName`: it shows (or showed) from
   * below.
   */
  private enter(name: usize, length: u32, inode: Inode | null, lowerName: bool): bool {
    const entry = TmpEntry.create(name, length);
    if (!entry) return false;
    const hash = TmpEntry.hashOf(changetype<usize>(this), nameHash(name, length));
    if (!this.tmpfs.entries.insert(entry, hash)) {
      heapFree(changetype<usize>(entry));
      return false;
    }
    entry.directory = changetype<usize>(this);
    entry.inode = inode;
    entry.lowerName = lowerName;
    entry.position = this.nextPosition++;
    const last = this.last;
    entry.previous = last;
    if (last) last.next = entry;
    else this.first = entry;
    this.last = entry;
    return true;
  }

  /**
   * Makes the name stand for `inode`, whose reference is taken over, in place of nothing or of a
   * whiteout. 0, -EEXIST, -ENOMEM; then the reference stays the caller's.
   */
  private put(name: usize, length: u32, inode: Inode): i32 {
    const entry = this.find(name, length);
    if (!entry) return this.enter(name, length, inode, false) ? 0 : -ENOMEM;
    if (entry.inode) return -EEXIST;
    entry.inode = inode;
    return 0;
  }

  /** Frees an entry; its inode has been taken care of. */
  private erase(entry: TmpEntry): void {
    const next = entry.next;
    const previous = entry.previous;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
    this.tmpfs.entries.remove(entry);
    this.removals++;
    heapFree(changetype<usize>(entry));
  }

  /** Makes the name stand for nothing. Returns false when memory for a whiteout is short. */
  private clear(name: usize, length: u32): bool {
    const entry = this.find(name, length);
    // Not even an entry: the name shows from below.
    if (!entry) return this.enter(name, length, null, true);
    const inode = entry.inode;
    if (entry.lowerName) entry.inode = null;
    else this.erase(entry);
    if (inode) inodePut(inode);
    return true;
  }

  /** Enters an inode of the kernel's own making under an ASCII name; takes over the reference. */
  attach(name: string, inode: Inode): void {
    this.attachPart(name, 0, name.length, inode);
  }

  /** As `attach`: the name is characters [start, end) of a path. */
  attachPart(path: string, start: i32, end: i32, inode: Inode): void {
    const error = this.put(asciiName(path, start, end), end - start, inode);
    assert(error == 0, "memory at boot, and names of the kernel's own");
    if (inode.isDirectory()) this.nlink++;
  }

  /** The inode named by characters [start, end) of a path, borrowed; null when there is none. */
  childPart(path: string, start: i32, end: i32): Inode | null {
    const entry = this.find(asciiName(path, start, end), end - start);
    return entry ? entry.inode : null;
  }

  /** Lets `fill` make the entries when somebody first looks: boot need not wait for them. */
  fillLater(fill: (directory: TmpDirectory) => void): void {
    this.filler = fill;
  }

  /** Whether the entries are there: false when memory is short. */
  private isFilled(): bool {
    const fill = this.filler;
    if (!fill) return true;
    if (!heapHasRoom(FILL_ROOM)) return false;
    this.filler = null;
    if (VERIFY) spareAllocations(true);
    fill(this);
    if (VERIFY) spareAllocations(false);
    return true;
  }

  // ---- Inode ------------------------------------------------------------------------------------

  /** Those of the directory below are this one's from the first look on. */
  attributeList(): usize {
    const lower = this.lower;
    if (lower && !this.hasXattrs) {
      const error = this.copyXattrs(lower);
      if (error != 0) return error;
      this.hasXattrs = true;
    }
    return super.attributeList();
  }

  makeAttributeList(): usize {
    const list = this.attributeList();
    return list != 0 ? list : super.makeAttributeList();
  }

  size(): u64 {
    return 4096;
  }

  blocks(): u64 {
    return 0;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  lookup(dentry: Dentry): i32 {
    if (this.filler && !this.isFilled()) return -ENOMEM;
    const entry = this.find(dentry.name, dentry.nameLength);
    if (entry) {
      const inode = entry.inode;
      if (inode) inodeGet(inode);
      dentry.inode = inode;
      return 0;
    }
    return this.lower ? this.lookupLower(dentry) : 0;
  }

  private lookupLower(dentry: Dentry): i32 {
    const error = this.lower!.lookup(dentry);
    if (error != 0) return error;
    const below = dentry.inode;
    // The lookup may have slept.
    const entry = this.find(dentry.name, dentry.nameLength);
    if (entry) {
      const inode = entry.inode;
      if (inode) inodeGet(inode);
      dentry.inode = inode;
      if (below) inodePut(below);
      return 0;
    }
    if (!below || !below.isDirectory()) return 0;
    const directory = attempt(new TmpDirectory(this.tmpfs, 0, below));
    if (!directory) {
      dentry.inode = null;
      inodePut(below);
      return -ENOMEM;
    }
    if (!this.enter(dentry.name, dentry.nameLength, directory, true)) {
      dentry.inode = null;
      inodePut(directory);
      return -ENOMEM;
    }
    inodeGet(directory);
    dentry.inode = directory;
    return 0;
  }

  /**
   * Gives a negative dentry its new inode, which has one reference; null: there was no memory for
   * it. 0 or -errno, and then the inode is gone.
   */
  private give(dentry: Dentry, inode: Inode | null): i32 {
    if (!inode) return -ENOMEM;
    let error = 0;
    // The directory was removed, or somebody else made the name meanwhile.
    if (this.nlink == 0) error = -ENOENT;
    else if (dentry.inode) error = -EEXIST;
    else error = this.put(dentry.name, dentry.nameLength, inode);
    if (error != 0) {
      inodePut(inode);
      return error;
    }
    inodeGet(inode);
    dentry.inode = inode;
    this.touch();
    return 0;
  }

  create(dentry: Dentry, mode: u32, rdev: u64): i32 {
    if (this.tmpfs.readOnly) return super.create(dentry, mode, rdev);
    if ((mode & S_IFMT) == S_IFREG)
      return this.give(dentry, attempt(new TmpFile(this.tmpfs, mode)));
    const node = attempt(new TmpNode(this.tmpfs, mode));
    if (node) node.rdev = rdev;
    return this.give(dentry, node);
  }

  createUnnamed(mode: u32): usize {
    if (this.tmpfs.readOnly) return super.createUnnamed(mode);
    if (this.nlink == 0) return -ENOENT;
    const file = attempt(new TmpFile(this.tmpfs, mode));
    if (file) file.nlink = 0;
    return resultOf(file);
  }

  makeDirectory(dentry: Dentry, mode: u32): i32 {
    if (this.tmpfs.readOnly) return super.makeDirectory(dentry, mode);
    const error = this.give(dentry, attempt(new TmpDirectory(this.tmpfs, mode)));
    if (error == 0) this.nlink++;
    return error;
  }

  symlink(dentry: Dentry, target: usize, length: u32): i32 {
    if (this.tmpfs.readOnly) return super.symlink(dentry, target, length);
    const link = attempt(new TmpLink(this.tmpfs, S_IFLNK | 0o777));
    if (!link) return -ENOMEM;
    if (!link.setTarget(target, length)) {
      inodePut(link);
      return -ENOMEM;
    }
    return this.give(dentry, link);
  }

  link(dentry: Dentry, inode: Inode): i32 {
    if (this.tmpfs.readOnly) return super.link(dentry, inode);
    inodeGet(inode);
    const error = this.give(dentry, inode);
    if (error != 0) return error;
    inode.nlink++;
    inode.ctimeNs = <i64>realtimeNs();
    return 0;
  }

  unlink(dentry: Dentry): i32 {
    if (this.tmpfs.readOnly) return super.unlink(dentry);
    if (!this.clear(dentry.name, dentry.nameLength)) return -ENOMEM;
    this.dropName(dentry.inode!);
    this.touch();
    return 0;
  }

  /** One name less for an inode of ours. */
  private dropName(inode: Inode): void {
    if (inode.fileSystem != this.fileSystem) return;
    if (inode.isDirectory()) {
      inode.nlink = 0;
      this.nlink--;
    } else {
      inode.nlink--;
    }
    inode.ctimeNs = <i64>realtimeNs();
  }

  prepareRemoval(): i32 {
    const lower = this.lower;
    if (!lower || this.lowerNames >= 0) return 0;
    if (this.showsOwn()) return -ENOTEMPTY;
    const count = countHidden(lower, this);
    if (count < 0) return count;
    this.lowerNames = count;
    return 1;
  }

  private showsOwn(): bool {
    let entry = this.first;
    while (entry && !entry.inode) entry = entry.next;
    return entry != null;
  }

  /** Whether nothing shows in it, own or from below; `prepareRemoval` was called. */
  private isEmpty(): bool {
    let hidden = 0;
    let entry = this.first;
    while (entry) {
      if (entry.inode) return false;
      hidden++;
      entry = entry.next;
    }
    // An entry without an inode is the whiteout of a name below.
    return this.lower == null || hidden == this.lowerNames;
  }

  removeDirectory(dentry: Dentry): i32 {
    if (this.tmpfs.readOnly) return super.removeDirectory(dentry);
    const directory = dentry.inode!;
    if (directory instanceof TmpDirectory && !(<TmpDirectory>directory).isEmpty()) {
      return -ENOTEMPTY;
    }
    return this.unlink(dentry);
  }

  rename(from: Dentry, target: Inode, to: Dentry, flags: u32): i32 {
    if (this.tmpfs.readOnly) return super.rename(from, target, to, flags);
    const directory = <TmpDirectory>target;
    const inode = from.inode!;
    const replaced = to.inode;
    if (replaced && replaced instanceof TmpDirectory && !(<TmpDirectory>replaced).isEmpty()) {
      return -ENOTEMPTY;
    }
    if (directory.nlink == 0) return -ENOENT;
    // With entries for both names nothing that follows can fail: neither name is ever lost.
    if (!this.ownEntry(from, inode)) return -ENOMEM;
    if (replaced && !directory.ownEntry(to, replaced)) return -ENOMEM;
    inodeGet(inode);
    if (replaced) {
      directory.dropName(replaced);
      directory.replace(to, inode);
    } else {
      const error = directory.put(to.name, to.nameLength, inode);
      if (error != 0) {
        inodePut(inode);
        return error;
      }
    }
    this.clear(from.name, from.nameLength);
    if (inode.isDirectory()) {
      this.nlink--;
      directory.nlink++;
    }
    inode.ctimeNs = <i64>realtimeNs();
    this.touch();
    directory.touch();
    return 0;
  }

  exchange(from: Dentry, target: Inode, to: Dentry): i32 {
    if (this.tmpfs.readOnly) return super.exchange(from, target, to);
    const directory = <TmpDirectory>target;
    const mine = from.inode!;
    const theirs = to.inode!;
    const here = this.ownEntry(from, mine);
    const there = directory.ownEntry(to, theirs);
    if (!here || !there) return -ENOMEM;
    here.inode = theirs;
    there.inode = mine;
    if (mine.isDirectory() != theirs.isDirectory()) {
      const change = mine.isDirectory() ? 1 : -1;
      this.nlink -= change;
      directory.nlink += change;
    }
    const now = <i64>realtimeNs();
    mine.ctimeNs = now;
    theirs.ctimeNs = now;
    this.touch();
    directory.touch();
    return 0;
  }

  /** The entry of a name that shows `inode`, made for one that shows from below. */
  private ownEntry(dentry: Dentry, inode: Inode): TmpEntry | null {
    const entry = this.find(dentry.name, dentry.nameLength);
    if (entry) return entry;
    inodeGet(inode);
    if (this.enter(dentry.name, dentry.nameLength, inode, true)) {
      return this.find(dentry.name, dentry.nameLength);
    }
    inodePut(inode);
    return null;
  }

  // ---- The union --------------------------------------------------------------------------------

  prepareWrite(dentry: Dentry, keepData: bool): i32 {
    const inode = dentry.inode!;
    if (inode.fileSystem == this.fileSystem || dentry.isDeleted()) return 0;
    if (this.tmpfs.readOnly) return super.prepareWrite(dentry, keepData);
    const moves = dentry.moves;
    inodeGet(inode);
    const copied = this.copyUp(inode);
    const made: TmpInode | null = isError(copied) ? null : changetype<TmpInode>(copied);
    let error = made ? made.copyXattrs(inode) : <i32>copied;
    if (made && error == 0 && keepData && inode.isRegular())
      error = (<TmpFile>made).showBelow(inode);
    // The copy may have slept, and somebody else copied it up, removed it or moved it.
    if (error == 0 && (dentry.isDeleted() || dentry.moves != moves)) error = -ENOENT;
    const isDone = error == 0 && dentry.inode != inode;
    if (error == 0 && !isDone && !this.replace(dentry, made!)) error = -ENOMEM;
    if (error == 0 && !isDone) this.show(dentry, made!);
    else if (made) inodePut(made);
    inodePut(inode);
    return error;
  }

  /** The dentry's inode is from now on one of ours, instead of the one from below. */
  private show(dentry: Dentry, inode: Inode): void {
    const below = dentry.inode!;
    inodeGet(inode);
    dentry.inode = inode;
    if (below.watches) watchesMove(below, inode);
    inodePut(below);
  }

  /** Puts `inode` in the place of what shows from below under the dentry's name. */
  private replace(dentry: Dentry, inode: Inode): bool {
    const entry = this.find(dentry.name, dentry.nameLength);
    if (!entry) return this.enter(dentry.name, dentry.nameLength, inode, true);
    const old = entry.inode;
    entry.inode = inode;
    if (old) inodePut(old);
    return true;
  }

  /**
   * An inode of ours of the same type and attributes, empty if it is a file, with one reference;
   * or -errno: -ENOMEM, or why a link could not be read. May sleep.
   */
  private copyUp(inode: Inode): usize {
    if (inode.isLink()) return this.copyLink(inode);
    if (inode.isRegular()) {
      const file = attempt(new TmpFile(this.tmpfs, inode.mode));
      if (file) file.copyAttributes(inode);
      return resultOf(file);
    }
    const node = attempt(new TmpNode(this.tmpfs, inode.mode));
    if (!node) return -ENOMEM;
    node.rdev = inode.rdev;
    node.copyAttributes(inode);
    return changetype<usize>(node);
  }

  private copyLink(inode: Inode): usize {
    const link = attempt(new TmpLink(this.tmpfs, inode.mode));
    if (!link) return -ENOMEM;
    const length = <u32>inode.size();
    const target = heapAlloc(max(length, 1));
    let result = target != 0 ? inode.readLink(target, length) : -ENOMEM;
    if (result >= 0 && !link.setTarget(target, length)) result = -ENOMEM;
    if (target != 0) heapFree(target);
    if (result < 0) {
      inodePut(link);
      return result;
    }
    link.copyAttributes(inode);
    return changetype<usize>(link);
  }

  list(position: u64, sink: DirectorySink): i64 {
    if (this.filler && !this.isFilled()) return -ENOMEM;
    let at = position;
    const lower = this.lower;
    if (lower && at < OWN_POSITIONS) {
      const merge = attempt(new MergeSink(sink, this));
      if (!merge) return -ENOMEM;
      const next = lower.list(at, merge);
      const full = merge.full;
      free(merge);
      if (next < 0 || full) return next;
    }
    at = max(at, OWN_POSITIONS);
    let entry = this.first;
    while (entry) {
      const inode = entry.inode;
      if (entry.position >= at && inode && !entry.lowerName) {
        const type = directoryType(inode.mode);
        const next = entry.position + 1;
        const position = entry.position;
        const removals = this.removals;
        if (!sink.put(addressOf(entry.name), entry.nameLength, inode.number, type, next)) {
          return <i64>position;
        }
        // The copy to the application may have slept, and the entry be gone.
        entry = removals == this.removals ? entry.next : this.entryFrom(next);
      } else {
        entry = entry.next;
      }
    }
    return <i64>this.nextPosition;
  }

  /** The first entry at a position or behind it. */
  private entryFrom(position: u64): TmpEntry | null {
    let entry = this.first;
    while (entry && entry.position < position) entry = entry.next;
    return entry;
  }

  destroy(): void {
    let entry = this.first;
    while (entry) {
      const next = entry.next;
      const inode = entry.inode;
      this.erase(entry);
      if (inode) inodePut(inode);
      entry = next;
    }
    const lower = this.lower;
    if (lower) inodePut(lower);
    super.destroy();
  }
}
