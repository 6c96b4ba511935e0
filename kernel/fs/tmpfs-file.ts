/**
 * Regular files of tmpfs: pages in a PageMap, holes where nothing was written. The file is its own
 * page source for mmap(2), so mappings and reads see the same pages.
 *
 * A page of the map has one reference from it. Copying from and to the application may fault and so
 * sleep: the page is held by another reference meanwhile, since a truncation may take it out of the
 * map.
 */

import { copy, fill } from "../arch/hw";
import { EBUSY, EFBIG, EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP, EPERM } from "../lib/errno";
import { discardSource, isMappedWritable } from "../mem/address-space";
import { allocSparePages, directMap, PAGE_SIZE, pageGet, pagePut } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { Dentry } from "./dentry";
import {
  ATTRIBUTE_MODE,
  Attributes,
  Inode,
  inodeGet,
  inodePut,
  inodeSourceReleased,
  resultOf,
} from "./inode";
import { IoVector } from "./io-vector";
import { entryOf, entryPage, PageMap } from "./page-map";
import { PageSource } from "./page-source";
import { TmpFileSystem, TmpInode } from "./tmpfs-inode";
import { RegularFile } from "./vfs-file";
import { zeroPage } from "./zero-page";

// fallocate(2), include/uapi/linux/falloc.h
const FALLOC_FL_KEEP_SIZE: u32 = 0x01;
const FALLOC_FL_PUNCH_HOLE: u32 = 0x02;
const FALLOC_FL_ZERO_RANGE: u32 = 0x10;

// What is forbidden for good (fcntl(2), "File Sealing"): include/uapi/linux/fcntl.h
export const F_SEAL_SEAL: u32 = 0x01;
export const F_SEAL_SHRINK: u32 = 0x02;
export const F_SEAL_GROW: u32 = 0x04;
export const F_SEAL_WRITE: u32 = 0x08;
export const F_SEAL_FUTURE_WRITE: u32 = 0x10;
export const F_SEAL_EXEC: u32 = 0x20;
/** No write(2) from now on. */
const SEALS_WRITE: u32 = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

export class TmpFile extends TmpInode {
  private sizeBytes: u64 = 0;
  private map: PageMap = new PageMap();
  /** The file of the image that this one is a copy of: see `showBelow`. With a reference. */
  private below: Inode | null = null;
  /** How many bytes, from the beginning, are those of `below` where the map has no page. */
  private belowSize: u64 = 0;
  /** F_SEAL_*. Most files can't be sealed. */
  seals: u32 = F_SEAL_SEAL;

  constructor(fileSystem: TmpFileSystem, mode: u32) {
    super(fileSystem, mode);
  }

  size(): u64 {
    return this.sizeBytes;
  }

  blocks(): u64 {
    const pagesBelow = (this.belowSize + PAGE_SIZE - 1) >> 12;
    return max(this.map.count, pagesBelow) << 3;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new RegularFile(dentry, this, flags)));
  }

  pages(): PageSource | null {
    if (!this.source) this.source = attempt(new TmpPages(this));
    return this.source;
  }

  /** The page at `index` with a reference; 0 for a hole. */
  peekPage(index: u64): u64 {
    const entry = this.map.entry(index);
    if (entry == 0) return 0;
    pageGet(entryPage(entry));
    return entryPage(entry);
  }

  /** Pages of [first, end) that are in memory: own ones, and those that show from below. */
  countCached(first: u64, end: u64): u64 {
    const below = this.below ? this.below!.pages() : null;
    const shown = below ? min(end, (this.belowSize + PAGE_SIZE - 1) >> 12) : 0;
    let count: u64 = 0;
    for (let index = first; index < shown; index++) {
      if (this.map.entry(index) == 0) count += below!.countCached(index, index + 1);
    }
    for (let index = this.map.next(first); index < end; index = this.map.next(index + 1)) count++;
    return count;
  }

  /** As `peekPage`, but a hole is filled, by zeros. -ENOSPC or -ENOMEM when it can't be. */
  takePage(index: u64): i64 {
    const present = this.peekPage(index);
    if (present != 0) return present;
    if (index << 12 < this.belowSize) return this.copyPage(index);
    const page = this.newPage();
    if (page < 0) return page;
    fill(directMap(page), 0, PAGE_SIZE);
    return this.enterPage(index, page) ? page : -ENOMEM;
  }

  /**
   * A page with one reference, counted against the limit and with undefined contents. -ENOSPC at
   * the limit, -ENOMEM.
   */
  private newPage(): i64 {
    if (this.tmpfs.pagesUsed >= this.tmpfs.pagesMax) return -ENOSPC;
    const page = allocSparePages(0);
    if (page == 0) return -ENOMEM;
    this.tmpfs.pagesUsed++;
    return page;
  }

  /**
   * Puts a new page in the map and leaves the caller a reference. False, and the page is gone, when
   * memory is short.
   */
  private enterPage(index: u64, page: u64): bool {
    if (this.map.set(index, entryOf(page))) {
      pageGet(page);
      return true;
    }
    this.tmpfs.pagesUsed--;
    pagePut(page);
    return false;
  }

  readAt(io: IoVector, offset: u64): i64 {
    if (offset >= this.sizeBytes) return 0;
    let left = min(io.remaining, this.sizeBytes - offset);
    let at = offset;
    while (left > 0) {
      let page = <i64>this.peekPage(at >> 12);
      if (page == 0 && at < this.belowSize) page = this.pageBelow(at >> 12);
      const from = page != 0 ? page : <i64>zeroPage();
      if (from <= 0) return at > offset ? <i64>(at - offset) : from < 0 ? from : -ENOMEM;
      const n = min(left, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
      const moved = io.put(directMap(from) + (at & (PAGE_SIZE - 1)), n);
      if (page != 0) pagePut(page);
      if (moved < 0) return at > offset ? <i64>(at - offset) : moved;
      at += <u64>moved;
      left -= <u64>moved;
      if (<u64>moved < n) break;
    }
    return <i64>(at - offset);
  }

  writeAt(io: IoVector, offset: u64): i64 {
    if (this.seals > F_SEAL_SEAL && this.isSealed(offset + io.remaining)) return -EPERM;
    let at = offset;
    let error: i64 = 0;
    while (io.remaining > 0) {
      const within = at & (PAGE_SIZE - 1);
      const n = min(io.remaining, PAGE_SIZE - within);
      const moved = this.writePage(io, at >> 12, within, n);
      if (moved < 0) {
        error = moved;
        break;
      }
      at += <u64>moved;
      if (at > this.sizeBytes) this.sizeBytes = at;
      if (<u64>moved < n) break;
    }
    if (at == offset) return error;
    this.touch();
    return <i64>(at - offset);
  }

  /** Writes n bytes inside one page. Returns bytes or -errno. */
  private writePage(io: IoVector, index: u64, within: u64, n: u64): i64 {
    const present = this.peekPage(index);
    if (present == 0 && n == PAGE_SIZE && index << 12 >= this.belowSize)
      return this.writeWholePage(io, index);
    const page = present != 0 ? <i64>present : this.takePage(index);
    if (page < 0) return page;
    const moved = io.take(directMap(page) + within, n);
    pagePut(page);
    return moved;
  }

  /** Fills a hole by a page that needs no zeros first. */
  private writeWholePage(io: IoVector, index: u64): i64 {
    const page = this.newPage();
    if (page < 0) return page;
    const moved = io.take(directMap(page), PAGE_SIZE);
    if (moved > 0) {
      const rest = PAGE_SIZE - <u64>moved;
      if (rest != 0) fill(directMap(page) + <u64>moved, 0, rest);
      // Whoever filled the hole while this slept has written at the same time; one of the two wins.
      const other = this.peekPage(index);
      if (other == 0) {
        if (!this.enterPage(index, page)) return -ENOMEM;
        pagePut(page);
        return moved;
      }
      copy(directMap(other), directMap(page), <u64>moved);
      pagePut(other);
    }
    this.tmpfs.pagesUsed--;
    pagePut(page);
    return moved;
  }

  truncate(size: u64): i32 {
    const shorter = size < this.sizeBytes;
    const seal = shorter ? F_SEAL_SHRINK : F_SEAL_GROW;
    if (size != this.sizeBytes && (this.seals & seal) != 0) return -EPERM;
    this.sizeBytes = size;
    this.belowSize = min(this.belowSize, size);
    if (shorter) {
      // What was mapped behind the new end is to fault (SIGBUS), and not to show pages that are the
      // file's no more.
      const source = this.source;
      if (source && source.references > 1) discardSource(source, (size + PAGE_SIZE - 1) >> 12);
      this.dropPages(size, u64.MAX_VALUE);
    }
    this.touch();
    return 0;
  }

  /** Makes [start, end) a hole, with zeros in the pages that it has only a part of. */
  private dropPages(start: u64, end: u64): void {
    const within = start & (PAGE_SIZE - 1);
    let index = start >> 12;
    if (within != 0) {
      this.zeroPart(index, within, min(PAGE_SIZE, end - (index << 12)));
      index++;
    }
    const last = end >> 12;
    for (let at = this.map.next(index); at < last; at = this.map.next(at + 1)) {
      pagePut(entryPage(this.map.entry(at)));
      this.map.set(at, 0);
      this.tmpfs.pagesUsed--;
    }
    if (end == u64.MAX_VALUE) this.map.trim(index);
    else if ((end & (PAGE_SIZE - 1)) != 0 && last >= index) {
      this.zeroPart(last, 0, end & (PAGE_SIZE - 1));
    }
  }

  private zeroPart(index: u64, from: u64, to: u64): void {
    const entry = this.map.entry(index);
    if (entry != 0) fill(directMap(entryPage(entry)) + from, 0, to - from);
  }

  allocate(mode: u32, offset: u64, n: u64): i32 {
    const end = offset + n;
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) {
      if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
      return this.punch(offset, end);
    }
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE)) != 0) return -EOPNOTSUPP;
    if (end > (<u64>1) << 44) return -EFBIG;
    if ((end + 4095 - (offset & ~(<u64>4095))) >> 12 > this.tmpfs.pagesMax) return -ENOSPC;
    if ((this.seals & F_SEAL_GROW) != 0 && end > this.sizeBytes) return -EPERM;
    if ((mode & FALLOC_FL_ZERO_RANGE) != 0) {
      const error = this.punch(offset, end);
      if (error != 0) return error;
    }
    for (let at = offset >> 12; at << 12 < end; at++) {
      const page = this.takePage(at);
      if (page < 0) return <i32>page;
      pagePut(page);
    }
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > this.sizeBytes) this.sizeBytes = end;
    this.touch();
    return 0;
  }

  /** Makes a hole, whatever maps it. 0, -EPERM, or why what is below could not be copied. */
  private punch(start: u64, end: u64): i32 {
    if ((this.seals & SEALS_WRITE) != 0) return -EPERM;
    if (start < this.belowSize) {
      const error = this.copyBelow();
      if (error != 0) return error;
    }
    const source = this.source;
    if (source && source.references > 1) discardSource(source, start >> 12);
    this.dropPages(start, end);
    this.touch();
    return 0;
  }

  nextContents(offset: u64, data: bool): u64 {
    let at = offset;
    while (at < this.sizeBytes) {
      const isData = at < this.belowSize || this.map.entry(at >> 12) != 0;
      if (isData == data) return at;
      at = ((at >> 12) + 1) << 12;
    }
    return at;
  }

  // ---- Seals ------------------------------------------------------------------------------------

  /** Whether a write up to `end` is forbidden. */
  private isSealed(end: u64): bool {
    if ((this.seals & SEALS_WRITE) != 0) return true;
    return (this.seals & F_SEAL_GROW) != 0 && end > this.sizeBytes;
  }

  /** F_ADD_SEALS: 0, -EPERM (sealed against it), -EBUSY (mapped writable). */
  addSeals(seals: u32): i32 {
    if ((this.seals & F_SEAL_SEAL) != 0) return -EPERM;
    const source = this.source;
    if ((seals & F_SEAL_WRITE) != 0 && source && isMappedWritable(source)) return -EBUSY;
    this.seals |= seals;
    // What nobody can make a program of any more must not be changed either.
    if ((seals & F_SEAL_EXEC) != 0 && (this.mode & 0o111) != 0) {
      this.seals |= F_SEAL_SHRINK | F_SEAL_GROW | SEALS_WRITE;
    }
    return 0;
  }

  setAttributes(change: Attributes): i32 {
    const changesExec =
      (change.which & ATTRIBUTE_MODE) != 0 && ((change.mode ^ this.mode) & 0o111) != 0;
    if (changesExec && (this.seals & F_SEAL_EXEC) != 0) return -EPERM;
    return super.setAttributes(change);
  }

  // ---- What is below ----------------------------------------------------------------------------

  /**
   * Makes this empty file show the contents of a file of another file system, page by page until
   * they are changed: who opens a large file to write a line need not wait for a copy of it all.
   * -EINVAL when that is no regular file, -ENOMEM.
   */
  showBelow(inode: Inode): i32 {
    if (!inode.isRegular()) return -EINVAL;
    if (!inode.pages()) return -ENOMEM;
    inodeGet(inode);
    this.below = inode;
    this.belowSize = inode.size();
    this.sizeBytes = this.belowSize;
    return 0;
  }

  /**
   * A page to read from, with a reference: the one below itself, if nothing of ours is in it. May
   * sleep. -errno.
   */
  private pageBelow(index: u64): i64 {
    const end = min((index + 1) << 12, this.sizeBytes);
    // Behind the end of what is below its last page may hold anything, and this file zeros.
    return end > this.belowSize ? this.copyPage(index) : this.below!.pages()!.getPage(index);
  }

  /** Makes a page that shows from below one of ours, with a reference. May sleep. -errno. */
  private copyPage(index: u64): i64 {
    const from = this.below!.pages()!.getPage(index);
    if (from < 0) return from;
    // That may have slept, and another thread have written the page, or cut the file.
    const other = this.peekPage(index);
    const page = other != 0 ? <i64>other : this.newPage();
    if (other != 0 || page < 0) {
      pagePut(from);
      return page;
    }
    const start = index << 12;
    const n = this.belowSize > start ? min(this.belowSize - start, PAGE_SIZE) : 0;
    copy(directMap(page), directMap(from), n);
    fill(directMap(page) + n, 0, PAGE_SIZE - n);
    pagePut(from);
    return this.enterPage(index, page) ? page : -ENOMEM;
  }

  /** Copies all that shows from below: 0 or -errno. May sleep. */
  private copyBelow(): i32 {
    for (let at: u64 = 0; at < this.belowSize; at += PAGE_SIZE) {
      const page = this.takePage(at >> 12);
      if (page < 0) return <i32>page;
      pagePut(page);
    }
    this.belowSize = 0;
    return 0;
  }

  destroy(): void {
    this.dropPages(0, u64.MAX_VALUE);
    this.map.destroy();
    free(this.map);
    const source = this.source;
    if (source) free(source);
    const below = this.below;
    if (below) inodePut(below);
    super.destroy();
  }
}

class TmpPages extends PageSource {
  constructor(private file: TmpFile) {
    super();
  }

  size(): u64 {
    return this.file.size();
  }

  getPage(index: u64): i64 {
    return this.file.takePage(index);
  }

  peekPage(index: u64): u64 {
    return this.file.peekPage(index);
  }

  countCached(first: u64, end: u64): u64 {
    return this.file.countCached(first, end);
  }

  /** What there is is in memory, and holes stay holes. */
  readAhead(first: u64, end: u64): void {}

  release(): void {
    inodeSourceReleased(this.file);
  }
}
