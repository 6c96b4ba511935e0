/**
 * Whatever can be mapped: the page cache of a file (shared by read and mmap), a tmpfs file's own
 * pages. The fault handler asks it for one page at a time.
 */
import { TextBuffer } from "../lib/text-buffer";

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

  /** What /proc/self/maps calls memory without a file; nothing if it has no name. */
  putName(out: TextBuffer): void {}

  /** The last mapping or file that used this is gone. */
  abstract release(): void;
}
