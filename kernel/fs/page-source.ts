/**
 * Whatever can be mapped: the page cache of a file (shared by read and mmap), a tmpfs file's own
 * pages. The fault handler asks it for one page at a time.
 */
import { TextBuffer } from "../lib/text-buffer";
import { PAGE_SHIFT, PAGE_SIZE, pagePut } from "../mem/page-allocator";

export abstract class PageSource {
  references: i32 = 1;
  /**
   * Whether a page that is not mapped and not in use can be dropped, since `getPage` reads it
   * again: then a mapping of it may go when memory is short (mem/idle-pages.ts).
   */
  isReadAgain: bool = false;
  /** How often the contents were cut: a page got before may not be one of them any more. */
  cuts: u32 = 0;

  /** Size of the contents in bytes: a fault behind the last page is a SIGBUS. */
  abstract size(): u64;

  /**
   * The physical address of page `index` (4 KiB each), read from the disk first if need be (so this
   * may sleep), with a reference on the page frame for the caller (mem/page-allocator.ts). -errno
   * when it can't be had: -EIO, -ENOMEM, -ENOSPC.
   */
  abstract getPage(index: u64): i64;

  /**
   * As `getPage`, but only if that needs no waiting and no allocation: 0 otherwise. Lets a fault
   * map its neighbours too.
   */
  abstract peekPage(index: u64): u64;

  /** How many of the pages [first, end) are in memory. Does not sleep. */
  countCached(first: u64, end: u64): u64 {
    const pages = (this.size() + PAGE_SIZE - 1) >> PAGE_SHIFT;
    let count: u64 = 0;
    for (let index = first; index < min(end, pages); index++) {
      const page = this.peekPage(index);
      if (page == 0) continue;
      pagePut(page);
      count++;
    }
    return count;
  }

  /** Pages [first, end), which the file has, are needed soon: reads them. May sleep. */
  readAhead(first: u64, end: u64): void {
    for (let index = first; index < end; index++) {
      const page = this.getPage(index);
      if (page < 0) return;
      pagePut(page);
    }
  }

  /**
   * Pages [first, end) are not needed soon: drops those that nobody uses and that can be read
   * again. Does not sleep.
   */
  dropClean(first: u64, end: u64): void {}

  /** What /proc/self/maps calls memory without a file; nothing if it has no name. */
  putName(out: TextBuffer): void {}

  /** The last mapping or file that used this is gone. */
  abstract release(): void;
}
