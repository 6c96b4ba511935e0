/**
 * The inodes of tmpfs that are not directories or regular files, and what all inodes of it share.
 * See tmpfs.ts.
 */
import { EINVAL, ENOMEM } from "../lib/errno";
import { HashTable } from "../lib/hash-table";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { realtimeNs } from "../time/clock";
import { Dentry } from "./dentry";
import { openNode } from "./device-node";
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
  Inode,
  isError,
  resultOf,
} from "./inode";
import { S_IFMT, S_ISGID, S_ISUID, S_IXGRP } from "./stat";
import { XattrList } from "./xattr";

export const TMPFS_MAGIC: u64 = 0x01021994;

/** All of them, for `tmpfsPageCount`. */
let fileSystems: TmpFileSystem | null = null;

export class TmpFileSystem extends FileSystem {
  /** Entries of all directories. */
  entries: HashTable = new HashTable();
  pagesUsed: u64 = 0;
  private nextNumber: u64 = 1;
  inodeCount: u64 = 0;
  private nextFileSystem: TmpFileSystem | null = null;

  /** At most `pagesMax` pages of data. */
  constructor(
    name: string,
    public pagesMax: u64,
  ) {
    super(name);
    this.magic = TMPFS_MAGIC;
    this.hasHandles = true;
    this.nextFileSystem = fileSystems;
    fileSystems = this;
  }

  static pagesUsedAll(): u64 {
    let pages: u64 = 0;
    let each = fileSystems;
    while (each) {
      pages += each.pagesUsed;
      each = each.nextFileSystem;
    }
    return pages;
  }

  newNumber(): u64 {
    this.inodeCount++;
    return this.nextNumber++;
  }

  use(out: FileSystemUse): void {
    out.blocks = this.pagesMax;
    out.blocksFree = this.pagesMax - min(this.pagesUsed, this.pagesMax);
    out.files = this.pagesMax;
    out.filesFree = this.pagesMax - min(this.inodeCount, this.pagesMax);
  }
}

/** Pages of data in all of them. */
export function tmpfsPageCount(): u64 {
  return TmpFileSystem.pagesUsedAll();
}

/** What all inodes of a tmpfs share: attributes that can be changed. */
export abstract class TmpInode extends Inode {
  private attributes: XattrList | null = null;
  private madeNs: i64;

  constructor(fileSystem: TmpFileSystem, mode: u32) {
    super(fileSystem, fileSystem.newNumber(), mode);
    const now = <i64>realtimeNs();
    this.atimeNs = now;
    this.mtimeNs = now;
    this.ctimeNs = now;
    this.madeNs = now;
  }

  birthNs(): i64 {
    return this.madeNs;
  }

  @inline
  get tmpfs(): TmpFileSystem {
    return <TmpFileSystem>this.fileSystem;
  }

  isKept(): bool {
    return true;
  }

  attributeList(): usize {
    return changetype<usize>(this.attributes);
  }

  /**
   * Takes over the extended attributes of an inode from below, unless there are own ones: 0 or
   * -errno. May sleep.
   */
  copyXattrs(from: Inode): i32 {
    const there = from.attributeList();
    if (isError(there)) return <i32>there;
    if (there == 0 || this.attributes) return 0;
    const list = attempt(new XattrList());
    if (!list) return -ENOMEM;
    const error = list.copyFrom(changetype<XattrList>(there));
    if (error == 0) this.attributes = list;
    else list.destroy();
    return error;
  }

  makeAttributeList(): usize {
    if (!this.attributes) this.attributes = attempt(new XattrList());
    return resultOf(this.attributes);
  }

  /** The contents have changed. */
  touch(): void {
    this.mtimeNs = <i64>realtimeNs();
    this.ctimeNs = this.mtimeNs;
  }

  setAttributes(change: Attributes): i32 {
    const which = change.which;
    if ((which & ATTRIBUTE_MODE) != 0) this.mode = (this.mode & S_IFMT) | (change.mode & 0o7777);
    if ((which & ATTRIBUTE_UID) != 0) this.uid = change.uid;
    if ((which & ATTRIBUTE_GID) != 0) this.gid = change.gid;
    if ((which & ATTRIBUTE_KILL_SET_ID) != 0 && !this.isDirectory()) {
      this.mode &= (this.mode & S_IXGRP) != 0 ? ~(S_ISUID | S_ISGID) : ~S_ISUID;
    }
    if ((which & ATTRIBUTE_ATIME) != 0) this.atimeNs = change.atimeNs;
    if ((which & ATTRIBUTE_MTIME) != 0) this.mtimeNs = change.mtimeNs;
    this.ctimeNs = <i64>realtimeNs();
    return 0;
  }

  copyAttributes(from: Inode): void {
    this.mode = from.mode;
    this.uid = from.uid;
    this.gid = from.gid;
    this.atimeNs = from.atimeNs;
    this.mtimeNs = from.mtimeNs;
    this.ctimeNs = from.ctimeNs;
  }

  destroy(): void {
    const attributes = this.attributes;
    if (attributes) attributes.destroy();
    this.tmpfs.inodeCount--;
    free(this);
  }
}

export class TmpLink extends TmpInode {
  private target: usize = 0;
  private length: u32 = 0;

  /** Copies the target. False when memory is short. */
  setTarget(target: usize, length: u32): bool {
    this.target = heapAlloc(length);
    if (this.target == 0) return false;
    memory.copy(this.target, target, length);
    this.length = length;
    return true;
  }

  /** As `setTarget`, for a text of the kernel's. */
  setText(target: string): void {
    const text = String.UTF8.encode(target);
    this.setTarget(changetype<usize>(text), text.byteLength);
    free(text);
  }

  size(): u64 {
    return this.length;
  }

  blocks(): u64 {
    return 0;
  }

  readLink(to: usize, size: u32): i32 {
    const n = min(size, this.length);
    memory.copy(to, this.target, n);
    return n;
  }

  open(dentry: Dentry, flags: u32): usize {
    return -EINVAL;
  }

  destroy(): void {
    if (this.target != 0) heapFree(this.target);
    super.destroy();
  }
}

/** A FIFO, socket or device node. */
export class TmpNode extends TmpInode {
  open(dentry: Dentry, flags: u32): usize {
    return openNode(this, dentry, flags);
  }
}
