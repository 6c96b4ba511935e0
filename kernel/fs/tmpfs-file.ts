/**
 * Regular files of tmpfs: pages in a PageMap, holes where nothing was written. The file is its own
 * page source for mmap(2), so mappings and reads see the same pages.
 *
 * A page of the map has one reference from it. Copying from and to the application may fault and so
 * sleep: the page is held by another reference meanwhile, since a truncation may take it out of the
 * map.
 */

import { copy, fill } from "../arch/hw";
import { EFBIG, EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP } from "../lib/errno";
import { discardSource } from "../mem/address-space";
import { allocPages, directMap, PAGE_SIZE, pageGet, pagePut } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { Dentry } from "./dentry";
import { Inode, inodeSourceReleased, resultOf } from "./inode";
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

export class TmpFile extends TmpInode {
  private sizeBytes: u64 = 0;
  private map: PageMap = new PageMap();

  constructor(fileSystem: TmpFileSystem, mode: u32) {
    super(fileSystem, mode);
  }

  size(): u64 {
    return this.sizeBytes;
  }

  blocks(): u64 {
    return this.map.count << 3;
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

  /** As `peekPage`, but a hole is filled, by zeros. -ENOSPC or -ENOMEM when it can't be. */
  takePage(index: u64): i64 {
    const present = this.peekPage(index);
    if (present != 0) return present;
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
    const page = allocPages(0);
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
      let page = this.peekPage(at >> 12);
      const from = page != 0 ? page : zeroPage();
      if (from == 0) return at > offset ? <i64>(at - offset) : -ENOMEM;
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
    if (present == 0 && n == PAGE_SIZE) return this.writeWholePage(io, index);
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
    this.sizeBytes = size;
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
      this.dropPages(offset, end);
      return 0;
    }
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE)) != 0) return -EOPNOTSUPP;
    if (end > (<u64>1) << 44) return -EFBIG;
    if ((end + 4095 - (offset & ~(<u64>4095))) >> 12 > this.tmpfs.pagesMax) return -ENOSPC;
    if ((mode & FALLOC_FL_ZERO_RANGE) != 0) this.dropPages(offset, end);
    for (let at = offset >> 12; at << 12 < end; at++) {
      const page = this.takePage(at);
      if (page < 0) return <i32>page;
      pagePut(page);
    }
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > this.sizeBytes) this.sizeBytes = end;
    this.touch();
    return 0;
  }

  /** Takes over the contents of a regular file of another file system. 0 or -errno. May sleep. */
  copyFrom(inode: Inode): i32 {
    const source = inode.pages();
    if (!source) return -EINVAL;
    const size = source.size();
    for (let at: u64 = 0; at < size; at += PAGE_SIZE) {
      const from = source.getPage(at >> 12);
      if (from < 0) return <i32>from;
      const page = this.newPage();
      if (page < 0) {
        pagePut(from);
        return <i32>page;
      }
      const n = min(size - at, PAGE_SIZE);
      copy(directMap(page), directMap(from), n);
      if (n < PAGE_SIZE) fill(directMap(page) + n, 0, PAGE_SIZE - n);
      pagePut(from);
      if (!this.enterPage(at >> 12, page)) return -ENOMEM;
      pagePut(page);
    }
    this.sizeBytes = size;
    return 0;
  }

  destroy(): void {
    this.dropPages(0, u64.MAX_VALUE);
    this.map.destroy();
    free(this.map);
    const source = this.source;
    if (source) free(source);
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

  release(): void {
    inodeSourceReleased(this.file);
  }
}
