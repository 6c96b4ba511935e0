/**
 * The name cache: dentries, each a name in a directory and the inode behind it, or none (a negative
 * entry: the name is known not to be there). Looking up a path that was used before touches no file
 * system.
 *
 *     dentryFind(parent, hash, name, length)       the cached dentry, borrowed, or null
 *     dentryCreate(parent, hash, name, length)     a new one, not yet findable, with a reference
 *     dentryPublish(dentry)                        makes it findable
 *     dentryDrop(dentry)                           makes it unfindable (its name was removed)
 *     dentryForgetNames(dentry)                    of a directory that was removed
 *     dentryMove(dentry, parent, name, length)     a rename; the name is a copy by `dentryCopyName`
 *     dentryGet / dentryPut
 *
 * A dentry holds its parent and its inode. `references` counts child dentries, open files, mounts
 * and walks that sleep; without any, a findable dentry stays in the queue of unused ones until
 * there are more of those than UNUSED_MAX, and then the oldest that nobody has found since goes.
 *
 * A walk that doesn't sleep takes no references: nothing else runs meanwhile. With more CPUs it is
 * the read side of read-copy-update, and freeing waits for a grace period.
 */
import { HashNode, HashTable } from "../lib/hash-table";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Inode, inodePut } from "./inode";

/** Longest name of a file. */
export const NAME_MAX: u32 = 255;

/** Dentries nobody refers to that are kept: about 100 bytes each, and the inodes they hold. */
export const UNUSED_MAX: u32 = 4096;

const FLAG_FINDABLE: u32 = 1 << 0;
/** In the queue of unused dentries (it may have been taken into use again since). */
const FLAG_QUEUED: u32 = 1 << 1;
/** Found since it came to the head of the queue. */
const FLAG_FOUND: u32 = 1 << 2;
/** The name is not behind the object but a piece of the heap. */
const FLAG_OWN_NAME: u32 = 1 << 3;
/** Its name has been removed: /proc shows it as deleted. */
const FLAG_DELETED: u32 = 1 << 4;
/** A walk finds another one each time, so names below it would never be found again. */
const FLAG_PASSING: u32 = 1 << 5;

const FNV_OFFSET: u32 = 0x811c9dc5;
const FNV_PRIME: u32 = 0x01000193;

@unmanaged
export class Dentry extends HashNode {
  parent: Dentry | null;
  inode: Inode | null;
  references: i32;
  flags: u32;
  /** How often it was given another place: who has slept looks whether it is still what it was. */
  moves: u32;
  /** Pointer at the name, not terminated. */
  name: usize;
  nameLength: u32;
  /** The root of the file system that is mounted here. */
  mounted: Dentry | null;
  /** Of the root of a mounted file system: where it is mounted. */
  covers: Dentry | null;
  queueNext: Dentry | null;
  queuePrevious: Dentry | null;

  @inline
  isDeleted(): bool {
    return (this.flags & FLAG_DELETED) != 0;
  }

  isPassing(): bool {
    return (this.flags & FLAG_PASSING) != 0;
  }

  /** Neither it nor what is below it is going to be findable. */
  makePassing(): void {
    this.flags |= FLAG_PASSING;
  }
}

const table = new HashTable();
let queueHead: Dentry | null = null;
let queueTail: Dentry | null = null;
let queueLength: u32 = 0;

/** The hash of a name: FNV-1a. A walk computes it as it reads the path. */
export const NAME_HASH_START: u32 = FNV_OFFSET;

export function nameHashStep(hash: u32, byte: u32): u32 {
  return (hash ^ byte) * FNV_PRIME;
}

export function nameHash(name: usize, length: u32): u32 {
  let hash = FNV_OFFSET;
  for (let i: u32 = 0; i < length; i++) hash = nameHashStep(hash, load<u8>(name + <usize>i));
  return hash;
}

/** Hash in the table: equal names in different directories are apart. */
function tableHash(parent: Dentry, hash: u32): u32 {
  return hash ^ (<u32>(changetype<usize>(parent) >> 4) * 0x9e3779b1);
}

/**
 * The findable dentry of that name, borrowed; null when the cache doesn't know. `hash` is the
 * name's.
 */
export function dentryFind(parent: Dentry, hash: u32, name: usize, length: u32): Dentry | null {
  let node = table.first(tableHash(parent, hash));
  while (node) {
    const dentry = changetype<Dentry>(node);
    if (
      dentry.parent == parent &&
      dentry.nameLength == length &&
      memory.compare(dentry.name, name, length) == 0
    ) {
      dentry.flags |= FLAG_FOUND;
      return dentry;
    }
    node = HashTable.next(node);
  }
  return null;
}

/** A negative dentry that can't be found yet, with one reference. Null when memory is short. */
export function dentryCreate(
  parent: Dentry | null,
  hash: u32,
  name: usize,
  length: u32,
): Dentry | null {
  const pointer = heapAlloc(offsetof<Dentry>() + <usize>length);
  if (pointer == 0) return null;
  memory.fill(pointer, 0, offsetof<Dentry>());
  const dentry = changetype<Dentry>(pointer);
  dentry.references = 1;
  dentry.name = pointer + offsetof<Dentry>();
  dentry.nameLength = length;
  memory.copy(dentry.name, name, length);
  dentry.parent = parent;
  if (parent) {
    dentryGet(parent);
    dentry.hash = tableHash(parent, hash);
  }
  return dentry;
}

export function dentryPublish(dentry: Dentry): void {
  assert((dentry.flags & FLAG_FINDABLE) == 0, "published once");
  if (table.insert(dentry, dentry.hash)) dentry.flags |= FLAG_FINDABLE;
}

export function dentryGet(dentry: Dentry): void {
  dentry.references++;
}

/** Gives one reference back. */
export function dentryPut(dentry: Dentry): void {
  assert(dentry.references > 0, "a reference to give back");
  if (--dentry.references > 0) return;
  if ((dentry.flags & FLAG_FINDABLE) == 0) {
    dentryFree(dentry);
    return;
  }
  if ((dentry.flags & FLAG_QUEUED) == 0) enqueue(dentry);
  if (queueLength > UNUSED_MAX) evict();
}

/** Makes a dentry unfindable because its name is gone. The caller holds a reference. */
export function dentryDrop(dentry: Dentry): void {
  dentry.flags |= FLAG_DELETED;
  if ((dentry.flags & FLAG_FINDABLE) == 0) return;
  table.remove(dentry);
  dentry.flags &= ~FLAG_FINDABLE;
}

/**
 * Frees what the cache keeps of names in a directory that is no more: that they are not there. They
 * would hold on to it until they are evicted. The caller holds a reference.
 */
export function dentryForgetNames(directory: Dentry): void {
  let dentry = directory.references > 1 ? queueHead : null;
  while (dentry) {
    const next = dentry.queueNext;
    // A dentry without a reference has no children: this frees no other that is in the queue.
    if (dentry.parent == directory && dentry.references == 0) dentryFree(dentry);
    dentry = next;
  }
}

/** A name for `dentryMove`, of linear memory; 0 when memory is short. */
export function dentryCopyName(name: usize, length: u32): usize {
  const copied = heapAlloc(max(length, 1));
  if (copied != 0) memory.copy(copied, name, length);
  return copied;
}

/** Gives a dentry another place: a rename has happened. Takes `name`, a `dentryCopyName`, over. */
export function dentryMove(dentry: Dentry, parent: Dentry, name: usize, length: u32): void {
  const hash = nameHash(name, length);
  if ((dentry.flags & FLAG_FINDABLE) != 0) {
    table.remove(dentry);
    dentry.flags &= ~FLAG_FINDABLE;
  }
  if ((dentry.flags & FLAG_OWN_NAME) != 0) heapFree(dentry.name);
  dentry.flags |= FLAG_OWN_NAME;
  dentry.name = name;
  dentry.nameLength = length;
  dentry.moves++;
  const old = dentry.parent;
  dentryGet(parent);
  dentry.parent = parent;
  if (old) dentryPut(old);
  dentry.hash = tableHash(parent, hash);
  dentryPublish(dentry);
}

/** How many dentries are findable, and how many of them wait in the queue. */
export function dentryCount(): u32 {
  return table.count;
}

export function dentryQueueLength(): u32 {
  return queueLength;
}

function dentryFree(dentry: Dentry): void {
  let victim = dentry;
  // Freeing the last child may free its parent, and so on: a loop, since kernel stacks are small.
  for (;;) {
    if ((victim.flags & FLAG_QUEUED) != 0) dequeue(victim);
    if ((victim.flags & FLAG_FINDABLE) != 0) table.remove(victim);
    const inode = victim.inode;
    const parent = victim.parent;
    if ((victim.flags & FLAG_OWN_NAME) != 0) heapFree(victim.name);
    heapFree(changetype<usize>(victim));
    if (inode) inodePut(inode);
    if (!parent || --parent.references > 0) return;
    if ((parent.flags & FLAG_FINDABLE) != 0) {
      if ((parent.flags & FLAG_QUEUED) == 0) enqueue(parent);
      return;
    }
    victim = parent;
  }
}

function enqueue(dentry: Dentry): void {
  const tail = queueTail;
  dentry.flags |= FLAG_QUEUED;
  dentry.queueNext = null;
  dentry.queuePrevious = tail;
  if (tail) tail.queueNext = dentry;
  else queueHead = dentry;
  queueTail = dentry;
  queueLength++;
}

function dequeue(dentry: Dentry): void {
  const next = dentry.queueNext;
  const previous = dentry.queuePrevious;
  if (previous) previous.queueNext = next;
  else queueHead = next;
  if (next) next.queuePrevious = previous;
  else queueTail = previous;
  dentry.flags &= ~FLAG_QUEUED;
  queueLength--;
}

/** Frees the oldest unused dentry that was not found lately. */
function evict(): void {
  let tries = queueLength;
  while (tries-- > 0) {
    const dentry = queueHead;
    if (!dentry) return;
    dequeue(dentry);
    if (dentry.references > 0) continue;
    if ((dentry.flags & FLAG_FOUND) == 0) {
      dentryFree(dentry);
      return;
    }
    dentry.flags &= ~FLAG_FOUND;
    enqueue(dentry);
  }
}
