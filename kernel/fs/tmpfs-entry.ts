/**
 * The entries of tmpfs directories, and what is needed to see a directory and the one below it as
 * one.
 */

import { addressOf, copy } from "../arch/hw";
import { ENOMEM, ENOTEMPTY } from "../lib/errno";
import { HashNode, HashTable } from "../lib/hash-table";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc } from "../runtime/heap";
import { NAME_MAX, nameHash } from "./dentry";
import { DIRECTORY_START, DirectorySink, directoryType } from "./directory-sink";
import { Inode } from "./inode";
import { TmpDirectory } from "./tmpfs";

@unmanaged
export class TmpEntry extends HashNode {
  /** The directory it is in, as a pointer to compare. */
  directory: usize;
  /** What the name stands for, with a reference; null: a whiteout. */
  inode: Inode | null;
  /** In listings; grows from entry to entry. */
  position: u64;
  next: TmpEntry | null;
  previous: TmpEntry | null;
  /**
   * The lower directory has this name: listed there, and a whiteout must stay when it is removed.
   */
  lowerName: bool;
  nameLength: u32;

  /** Pointer at the name, which follows the object. */
  @inline
  get name(): usize {
    return changetype<usize>(this) + offsetof<TmpEntry>();
  }

  static create(name: usize, length: u32): TmpEntry | null {
    const pointer = heapAlloc(offsetof<TmpEntry>() + <usize>length);
    if (pointer == 0) return null;
    memory.fill(pointer, 0, offsetof<TmpEntry>());
    const entry = changetype<TmpEntry>(pointer);
    entry.nameLength = length;
    memory.copy(entry.name, name, length);
    return entry;
  }

  static hashOf(directory: usize, nameHash: u32): u32 {
    return nameHash ^ (<u32>(directory >> 4) * 0x9e3779b1);
  }

  static find(table: HashTable, directory: usize, name: usize, length: u32): TmpEntry | null {
    let node = table.first(TmpEntry.hashOf(directory, nameHash(name, length)));
    while (node) {
      const entry = changetype<TmpEntry>(node);
      if (
        entry.directory == directory &&
        entry.nameLength == length &&
        memory.compare(entry.name, name, length) == 0
      ) {
        return entry;
      }
      node = HashTable.next(node);
    }
    return null;
  }
}

const NAME_BUFFER: usize = memory.data(256);
if (NAME_MAX > 256) ERROR("a name fits the buffer");

/**
 * What `directory` knows of a name that its lower directory lists, at an address; null: it shows as
 * it is. Does not sleep, and so needs its buffer for itself no longer than it runs.
 */
function entryAt(directory: TmpDirectory, name: u64, length: u32): TmpEntry | null {
  assert(length <= NAME_MAX, "a name that can be listed");
  copy(addressOf(NAME_BUFFER), name, length);
  return directory.find(NAME_BUFFER, length);
}

/**
 * Lists a lower directory as it shows through: without whiteouts, and replaced entries as what
 * replaced them.
 */
export class MergeSink extends DirectorySink {
  /** The sink behind took no more. */
  full: bool = false;

  constructor(
    private sink: DirectorySink,
    private directory: TmpDirectory,
  ) {
    super();
  }

  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    const entry = entryAt(this.directory, name, length);
    let taken: bool;
    if (!entry) {
      taken = this.sink.put(name, length, inode, type, next);
    } else {
      const upper = entry.inode;
      if (!upper) return true;
      taken = this.sink.put(name, length, upper.number, directoryType(upper.mode), next);
    }
    if (!taken) this.full = true;
    return taken;
  }
}

/** Counts the entries of a lower directory, and stops at the first that shows through. */
class EmptySink extends DirectorySink {
  found: bool = false;
  count: i32 = 0;

  constructor(private directory: TmpDirectory) {
    super();
  }

  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    const entry = entryAt(this.directory, name, length);
    this.count++;
    if (entry && !entry.inode) return true;
    this.found = true;
    return false;
  }
}

/**
 * When nothing of `lower` shows through `directory`, how many names there are; else -ENOTEMPTY or
 * an error. May sleep.
 */
export function countHidden(lower: Inode, directory: TmpDirectory): i32 {
  const sink = attempt(new EmptySink(directory));
  if (!sink) return -ENOMEM;
  const error = lower.list(DIRECTORY_START, sink);
  const result = sink.found ? -ENOTEMPTY : sink.count;
  free(sink);
  return error < 0 ? <i32>error : result;
}
