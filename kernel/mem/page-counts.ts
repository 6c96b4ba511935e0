/**
 * What is mapped, counted from the page tables: for /proc/self/smaps and the fields of others that
 * tell pages of files from those of the program's own.
 *
 *     const counts = attempt(new PageCounts());
 *     counts.add(start, end)         adds what is mapped at [start, end)
 *     describePage(address)          one page, as in /proc/self/pagemap
 *
 * Does not sleep. It takes as long as there are page tables; nobody asks on a path that is taken
 * often.
 */
import { load64 } from "../arch/hw";
import {
  LARGE_SIZE,
  PTE_ACCESSED,
  PTE_ADDRESS,
  PTE_DIRTY,
  PTE_LARGE,
  PTE_PRIVATE,
  unmappedBytes,
  walk,
  walkLarge,
} from "../arch/x86_64/paging";
import { PAGE_SHIFT, PAGE_SIZE } from "./page-allocator";
import { entryOf } from "./user-pages";
import { vmaFirstFrom } from "./vma";

const PAGES_PER_LARGE: u64 = LARGE_SIZE >> PAGE_SHIFT;

/** Numbers of pages. */
@unmanaged
export class PageCounts {
  resident: u64;
  /** The mappings' own: anonymous memory, and copies made on write. */
  anonymous: u64;
  /** Of those, in pages of 2 MiB. */
  large: u64;
  /** Written to, and nowhere else than in memory. */
  dirty: u64;
  /** Touched since the entry was made. */
  referenced: u64;

  constructor() {
    this.reset();
  }

  reset(): void {
    memory.fill(changetype<usize>(this), 0, offsetof<PageCounts>());
  }

  private count(entry: u64, pages: u64): void {
    const isOwn = (entry & PTE_PRIVATE) != 0;
    this.resident += pages;
    if (isOwn) this.anonymous += pages;
    // Nothing else has the contents of a page that is the mapping's own.
    if (isOwn || (entry & PTE_DIRTY) != 0) this.dirty += pages;
    if ((entry & PTE_ACCESSED) != 0) this.referenced += pages;
  }

  /** Adds the pages of [start, end): whole pages of the application's half. */
  add(start: u64, end: u64): void {
    let at = start;
    while (at < end) {
      const gap = unmappedBytes(at);
      if (gap != 0) {
        at += gap - (at & (gap - 1));
        continue;
      }
      const stop = min(end, (at | (LARGE_SIZE - 1)) + 1);
      const large = load64(walkLarge(at, false));
      if ((large & PTE_LARGE) != 0) {
        const pages = (stop - at) >> PAGE_SHIFT;
        this.count(large, pages);
        if (pages == PAGES_PER_LARGE) this.large += pages;
      } else if (large != 0) {
        let entry = walk(at, false);
        for (let page = at; page < stop; page += PAGE_SIZE) {
          const value = load64(entry);
          if (value != 0) this.count(value, 1);
          entry += 8;
        }
      }
      at = stop;
    }
  }

  /** Adds all that the application has mapped. */
  addAll(): void {
    let area = vmaFirstFrom(0);
    while (area) {
      this.add(area.start, area.end);
      area = vmaFirstFrom(area.end);
    }
  }
}

// Documentation/admin-guide/mm/pagemap.rst; bits 0 to 54 are the frame's number.
const PM_PRESENT: u64 = 1 << 63;
/** A page of a file, not a private copy. */
const PM_FILE: u64 = 1 << 61;
/** Mapped nowhere else. */
const PM_MMAP_EXCLUSIVE: u64 = 1 << 56;
export const PM_FRAME_MASK: u64 = ((<u64>1) << 55) - 1;

/** What is mapped at a page's address; 0: nothing. */
export function describePage(address: u64): u64 {
  const at = entryOf(address);
  const value = at != 0 ? load64(at) : 0;
  if (value == 0) return 0;
  const inside = (value & PTE_LARGE) != 0 ? address & (LARGE_SIZE - 1) : 0;
  const frame = ((value & PTE_ADDRESS) + inside) >> PAGE_SHIFT;
  return PM_PRESENT | frame | ((value & PTE_PRIVATE) != 0 ? PM_MMAP_EXCLUSIVE : PM_FILE);
}
