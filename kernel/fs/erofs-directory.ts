/**
 * EROFS directories: blocks of entries sorted by name, searched by halving, first among the blocks
 * and then inside one.
 *
 *     block:  | entry 0 | entry 1 | … | name 0 | name 1 | … | name n, zero-padded |
 *
 * The offset of the first name tells how many entries there are; a name ends where the next begins.
 * A position for getdents64 is the block and the entry: DIRECTORY_START + (block << 9 | entry).
 */

import { load8 } from "../arch/hw";
import { EIO, ENOMEM, ENOTDIR, EUCLEAN } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { Dentry } from "./dentry";
import {
  DIRECTORY_START,
  DirectorySink,
  DT_BLK,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  DT_SOCK,
  DT_UNKNOWN,
} from "./directory-sink";
import { ErofsInode, MetaView } from "./erofs";
import * as format from "./erofs-format";
import { Inode, isError } from "./inode";

/** Entries of a block fit in 9 bits: 4096 / 12 = 341. */
const ENTRY_BITS: u64 = 9;
const ENTRY_MASK: u64 = (1 << 9) - 1;

/** A block of entries under examination. */
@unmanaged
class EntryBlock {
  private view: MetaView;
  private size: u32;
  count: u32;
  // The entry that `select` chose.
  nid: u64;
  name: u64;
  nameLength: u32;
  type: u32;

  constructor(view: MetaView, size: u64) {
    this.view = view;
    this.size = <u32>size;
    this.count = 0;
    this.nid = 0;
    this.name = 0;
    this.nameLength = 0;
    this.type = 0;
    if (size >= <u64>format.EROFS_DIRENT_SIZE) {
      const first = format.direntNameOffset(view.address);
      if (first % format.EROFS_DIRENT_SIZE == 0 && first <= this.size) {
        this.count = first / format.EROFS_DIRENT_SIZE;
      }
    }
  }

  done(): void {
    this.view.done();
    free(this);
  }

  /** Reads entry `index` (below `count`). False when its name isn't inside the block. */
  select(index: u32): bool {
    const at = this.view.address + <u64>(index * format.EROFS_DIRENT_SIZE);
    const start = format.direntNameOffset(at);
    let end = this.size;
    if (index + 1 < this.count) {
      end = format.direntNameOffset(at + <u64>format.EROFS_DIRENT_SIZE);
    }
    if (start >= end || end > this.size) return false;
    this.nid = format.direntNid(at);
    this.type = format.direntType(at);
    this.name = this.view.address + <u64>start;
    let length: u32 = end - start;
    if (index + 1 == this.count) {
      // The block's last name is padded by zeros.
      for (length = 0; length < end - start; length++) {
        if (load8(this.name + <u64>length) == 0) break;
      }
    }
    this.nameLength = length;
    return length > 0 && length <= 255;
  }

  /** Order of the selected name and `name`: negative, 0 or positive. */
  compare(name: usize, length: u32): i32 {
    const common = min(length, this.nameLength);
    for (let i: u32 = 0; i < common; i++) {
      const difference = <i32>load8(this.name + <u64>i) - <i32>load<u8>(name + <usize>i);
      if (difference != 0) return difference;
    }
    return <i32>this.nameLength - <i32>length;
  }

  isDots(): bool {
    if (this.nameLength > 2 || load8(this.name) != 46) return false;
    return this.nameLength == 1 || load8(this.name + 1) == 46;
  }
}

/** The entries of block `index` of a directory: an EntryBlock or -errno. May sleep. */
function readBlock(directory: ErofsInode, index: u64): usize {
  const view = directory.dataView(index);
  if (isError(view)) return view;
  const bytes = directory.dataBytes(index);
  const block = attempt(new EntryBlock(changetype<MetaView>(view), bytes));
  if (!block) {
    changetype<MetaView>(view).done();
    return -ENOMEM;
  }
  if (block.count != 0) return changetype<usize>(block);
  block.done();
  return -EUCLEAN;
}

function blockCount(directory: ErofsInode): u64 {
  return (directory.size() + 4095) >> 12;
}

export function erofsLookup(directory: ErofsInode, dentry: Dentry): i32 {
  if (directory.size() == 0) return 0;
  let low: u64 = 0;
  let high = blockCount(directory) - 1;
  // The last block whose first name is not behind the wanted one.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const result = readBlock(directory, middle);
    if (isError(result)) return <i32>result;
    const block = changetype<EntryBlock>(result);
    const valid = block.select(0);
    const order = valid ? block.compare(dentry.name, dentry.nameLength) : 0;
    block.done();
    if (!valid) return -EUCLEAN;
    if (order <= 0) low = middle;
    else high = middle - 1;
  }
  const result = readBlock(directory, low);
  if (isError(result)) return <i32>result;
  const block = changetype<EntryBlock>(result);
  const found = search(block, dentry.name, dentry.nameLength);
  const nid = block.nid;
  block.done();
  if (found <= 0) return found;
  const inode = directory.erofs.inode(nid);
  if (isError(inode)) return <i32>inode;
  dentry.inode = changetype<Inode>(inode);
  return 0;
}

/** Finds a name inside a block and selects it: 1; 0 when it isn't there; -EUCLEAN. */
function search(block: EntryBlock, name: usize, length: u32): i32 {
  let low: i32 = 0;
  let high: i32 = <i32>block.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (!block.select(middle)) return -EUCLEAN;
    const order = block.compare(name, length);
    if (order == 0) return 1;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return 0;
}

/** DT_* of an entry's type (EROFS_FT_*, which are Linux's FT_*). */
function entryType(type: u32): u32 {
  switch (type) {
    case 1:
      return DT_REG;
    case 2:
      return DT_DIR;
    case 3:
      return DT_CHR;
    case 4:
      return DT_BLK;
    case 5:
      return DT_FIFO;
    case 6:
      return DT_SOCK;
    case 7:
      return DT_LNK;
    default:
      return DT_UNKNOWN;
  }
}

export function erofsList(directory: ErofsInode, position: u64, sink: DirectorySink): i64 {
  if (!directory.isDirectory()) return -ENOTDIR;
  if (position < DIRECTORY_START) return -EIO;
  let at = position - DIRECTORY_START;
  const blocks = blockCount(directory);
  while (at >> ENTRY_BITS < blocks) {
    const result = readBlock(directory, at >> ENTRY_BITS);
    if (isError(result)) return <i64>(<i32>result);
    const block = changetype<EntryBlock>(result);
    let error: i64 = 0;
    let full = false;
    while (!full && error == 0 && <u32>(at & ENTRY_MASK) < block.count) {
      if (!block.select(<u32>(at & ENTRY_MASK))) {
        error = -EUCLEAN;
        break;
      }
      const last = <u32>(at & ENTRY_MASK) + 1 == block.count;
      const next = last ? ((at >> ENTRY_BITS) + 1) << ENTRY_BITS : at + 1;
      full =
        !block.isDots() &&
        !sink.put(
          block.name,
          block.nameLength,
          block.nid,
          entryType(block.type),
          next + DIRECTORY_START,
        );
      if (!full) at = next;
      if (last) break;
    }
    block.done();
    if (error != 0) return error;
    if (full) break;
    // A position inside the block that is behind its entries, from a careless lseek.
    if ((at & ENTRY_MASK) != 0) at = ((at >> ENTRY_BITS) + 1) << ENTRY_BITS;
  }
  return <i64>(at + DIRECTORY_START);
}
