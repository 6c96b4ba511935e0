/**
 * The machine's memory: /proc/meminfo, vmstat, buddyinfo, zoneinfo (proc(5)). Pages are of one
 * zone on one node. Lines of Linux's about what there is not (swap, writeback, NUMA, lists of
 * active and inactive pages) are left out, or 0 where programs expect them.
 */
import { diskSectorsRead } from "../../dev/block";
import { TextBuffer } from "../../lib/text-buffer";
import { faultCount } from "../../mem/fault";
import {
  freeBlockCount,
  freePageCount,
  ORDER_MAX,
  PAGE_SIZE,
  totalPageCount,
} from "../../mem/page-allocator";
import { PageCounts } from "../../mem/page-counts";
import { residentPages } from "../../mem/user-pages";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { heapBytesHeld } from "../../runtime/heap";
import { cachedPageCount } from "../page-cache";
import { processInfo } from "../process-info";
import { tmpfsPageCount } from "../tmpfs-inode";

/** Where a number of /proc/meminfo ends. */
const VALUE_WIDTH = 24;
/** Sectors in a KiB. */
const SECTORS_PER_KIB: u64 = 2;
const BLOCK_WIDTH = 6;

function kib(out: TextBuffer, name: string, pages: u64): void {
  out
    .put(name)
    .decimal(pages << 2, VALUE_WIDTH - name.length)
    .put(" kB\n");
}

/** Pages of the application's own: anonymous memory, and copies of pages of files. */
export function anonymousPages(): u64 {
  const counts = attempt(new PageCounts());
  if (!counts) return 0;
  counts.addAll();
  const pages = counts.anonymous;
  free(counts);
  return pages;
}

export function procMeminfo(out: TextBuffer, subject: u32): void {
  const pageCache = cachedPageCount();
  const shared = tmpfsPageCount();
  const freePages = freePageCount();
  const anonymous = anonymousPages();
  kib(out, "MemTotal:", totalPageCount());
  kib(out, "MemFree:", freePages);
  kib(out, "MemAvailable:", freePages + pageCache);
  kib(out, "Buffers:", 0);
  kib(out, "Cached:", pageCache + shared);
  kib(out, "SwapCached:", 0);
  kib(out, "Active:", 0);
  kib(out, "Inactive:", pageCache);
  kib(out, "SwapTotal:", 0);
  kib(out, "SwapFree:", 0);
  kib(out, "Dirty:", 0);
  kib(out, "Writeback:", 0);
  kib(out, "AnonPages:", anonymous);
  kib(out, "Mapped:", residentPages() - anonymous);
  kib(out, "Shmem:", shared);
  kib(out, "Slab:", <u64>heapBytesHeld() / PAGE_SIZE);
  kib(out, "CommitLimit:", totalPageCount());
  kib(out, "Committed_AS:", processInfo().virtualPages());
  kib(out, "AnonHugePages:", 0);
  out.put("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n");
  out.put("HugePages_Surp:        0\nHugepagesize:       2048 kB\n");
}

function count(out: TextBuffer, name: string, value: u64): void {
  out.put(name).byte(32).decimal(value).put("\n");
}

/** Of faults none is told apart as one that had to wait for a disk (pgmajfault). */
export function procVmstat(out: TextBuffer, subject: u32): void {
  const anonymous = anonymousPages();
  count(out, "nr_free_pages", freePageCount());
  count(out, "nr_anon_pages", anonymous);
  count(out, "nr_mapped", residentPages() - anonymous);
  count(out, "nr_file_pages", cachedPageCount() + tmpfsPageCount());
  count(out, "nr_dirty", 0);
  count(out, "nr_writeback", 0);
  count(out, "nr_shmem", tmpfsPageCount());
  count(out, "pgpgin", diskSectorsRead() / SECTORS_PER_KIB);
  count(out, "pgpgout", 0);
  count(out, "pswpin", 0);
  count(out, "pswpout", 0);
  count(out, "pgfault", faultCount());
  count(out, "pgmajfault", 0);
  count(out, "oom_kill", 0);
}

/** Free blocks of each size, 4 KiB to 4 MiB. */
export function procBuddyinfo(out: TextBuffer, subject: u32): void {
  out.put("Node 0, zone   Normal ");
  for (let order: u32 = 0; order <= ORDER_MAX; order++) {
    out.decimal(freeBlockCount(order), BLOCK_WIDTH).byte(32);
  }
  out.put("\n");
}

/** Nothing is kept back for some users: there are no watermarks. */
export function procZoneinfo(out: TextBuffer, subject: u32): void {
  out.put("Node 0, zone   Normal\n  pages free     ").decimal(freePageCount());
  out.put("\n        min      0\n        low      0\n        high     0\n        spanned  ");
  out.decimal(totalPageCount()).put("\n        present  ").decimal(totalPageCount());
  out.put("\n        managed  ").decimal(totalPageCount()).put("\n");
}
