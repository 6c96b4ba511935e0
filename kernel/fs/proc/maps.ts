/**
 * The memory map of the process (proc_pid_maps(5), proc_pid_smaps(5)): /proc/self/maps, smaps and
 * smaps_rollup. The numbers of pages come from the page tables when they are asked for.
 *
 * There is one process, so nothing is shared with another, and what is resident is its own share
 * (Pss) whole. A page that is mapped at two places counts at both. There is no swap, no merging of
 * equal pages, and no large page of a file or of shared memory.
 */
import { TextBuffer } from "../../lib/text-buffer";
import { PAGE_SHIFT } from "../../mem/page-allocator";
import { PageCounts } from "../../mem/page-counts";
import {
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VMA_GROWS_DOWN,
  VMA_HEAP,
  VMA_LARGE,
  VMA_LOCKED,
  VMA_MAY_WRITE,
  VMA_SHARED,
  VMA_SMALL,
  VMA_STACK,
  Vma,
  vmaFirstFrom,
} from "../../mem/vma";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { deviceMajor, deviceMinor } from "../device-node";
import { PageSource } from "../page-source";
import { putPath } from "../proc-fd";
import { placeOf, VfsFile } from "../vfs-file";

/** Column of the name in a line of /proc/self/maps. */
const NAME_COLUMN: u32 = 73;
const SPACE: u32 = 32;
const DASH: u32 = 45;
/** Where the number of a line of smaps ends, as Linux aligns it. */
const VALUE_WIDTH = 24;

function putRight(out: TextBuffer, area: Vma, right: u32, letter: string): void {
  out.put((area.protection & right) != 0 ? letter : "-");
}

/** One line: range, rights, offset, device, inode, name. */
function putArea(out: TextBuffer, area: Vma): void {
  const lineStart = out.length;
  const file = area.file;
  const place = file ? placeOf(file) : null;
  out.hex(area.start, 8).byte(DASH).hex(area.end, 8).byte(SPACE);
  putRight(out, area, PROT_READ, "r");
  putRight(out, area, PROT_WRITE, "w");
  putRight(out, area, PROT_EXEC, "x");
  out.put((area.flags & VMA_SHARED) != 0 ? "s " : "p ");
  out.hex(file ? area.pageOffset << PAGE_SHIFT : 0, 8).byte(SPACE);
  const device = place ? place.inode.fileSystem.device : 0;
  out.hex(deviceMajor(device), 2).put(":").hex(deviceMinor(device), 2).byte(SPACE);
  out.decimal(place ? place.inode.number : 0);
  const nameStart = out.length;
  while (out.length < lineStart + NAME_COLUMN && !out.cut) out.byte(SPACE);
  if (!putAreaName(out, area, place)) out.length = nameStart;
  out.put("\n");
}

/** Whether the area has a name. */
function putAreaName(out: TextBuffer, area: Vma, place: VfsFile | null): bool {
  const source = area.source;
  if (place) putPath(out, place.dentry);
  else if (source) return putSourceName(out, source);
  else if ((area.flags & VMA_STACK) != 0) out.put("[stack]");
  else if ((area.flags & VMA_HEAP) != 0) out.put("[heap]");
  else return false;
  return true;
}

/** Whether memory without a file has a name of its own: that of System V's has. */
function putSourceName(out: TextBuffer, source: PageSource): bool {
  const start = out.length;
  source.putName(out);
  return out.length > start;
}

export function procMaps(out: TextBuffer, subject: u32): void {
  let area = vmaFirstFrom(0);
  while (area) {
    putArea(out, area);
    area = vmaFirstFrom(area.end);
  }
}

/** A line of smaps: kilobytes, in a column. */
function putKib(out: TextBuffer, name: string, pages: u64): void {
  out
    .put(name)
    .decimal(pages << 2, VALUE_WIDTH - name.length)
    .put(" kB\n");
}

/** The lines on pages; `virtualPages` 0: of all areas together, which has no size. */
function putCounts(out: TextBuffer, counts: PageCounts, virtualPages: u64, locked: u64): void {
  const clean = counts.resident - counts.dirty;
  if (virtualPages != 0) {
    putKib(out, "Size:", virtualPages);
    putKib(out, "KernelPageSize:", 1);
    putKib(out, "MMUPageSize:", 1);
  }
  putKib(out, "Rss:", counts.resident);
  putKib(out, "Pss:", counts.resident);
  putKib(out, "Pss_Dirty:", counts.dirty);
  if (virtualPages == 0) {
    putKib(out, "Pss_Anon:", counts.anonymous);
    putKib(out, "Pss_File:", counts.resident - counts.anonymous);
    putKib(out, "Pss_Shmem:", 0);
  }
  putKib(out, "Shared_Clean:", 0);
  putKib(out, "Shared_Dirty:", 0);
  putKib(out, "Private_Clean:", clean);
  putKib(out, "Private_Dirty:", counts.dirty);
  putKib(out, "Referenced:", counts.referenced);
  putKib(out, "Anonymous:", counts.anonymous);
  putKib(out, "LazyFree:", 0);
  putKib(out, "AnonHugePages:", counts.large);
  putKib(out, "ShmemPmdMapped:", 0);
  putKib(out, "FilePmdMapped:", 0);
  putKib(out, "Shared_Hugetlb:", 0);
  putKib(out, "Private_Hugetlb:", 0);
  putKib(out, "Swap:", 0);
  putKib(out, "SwapPss:", 0);
  putKib(out, "Locked:", locked);
}

/** The two-letter words of proc_pid_smaps(5). */
function putFlags(out: TextBuffer, area: Vma): void {
  const isShared = (area.flags & VMA_SHARED) != 0;
  out.put("VmFlags: ");
  if ((area.protection & PROT_READ) != 0) out.put("rd ");
  if ((area.protection & PROT_WRITE) != 0) out.put("wr ");
  if ((area.protection & PROT_EXEC) != 0) out.put("ex ");
  if (isShared) out.put("sh ");
  out.put("mr ");
  if ((area.flags & VMA_MAY_WRITE) != 0) out.put("mw ");
  out.put("me ");
  if (isShared) out.put("ms ");
  if ((area.flags & VMA_GROWS_DOWN) != 0) out.put("gd ");
  if ((area.flags & VMA_LOCKED) != 0) out.put("lo ");
  if ((area.flags & VMA_LARGE) != 0) out.put("hg ");
  if ((area.flags & VMA_SMALL) != 0) out.put("nh ");
  out.put("\n");
}

export function procSmaps(out: TextBuffer, subject: u32): void {
  const counts = attempt(new PageCounts());
  if (!counts) {
    out.cut = true;
    return;
  }
  let area = vmaFirstFrom(0);
  while (area) {
    counts.reset();
    counts.add(area.start, area.end);
    putArea(out, area);
    const locked = (area.flags & VMA_LOCKED) != 0 ? counts.resident : 0;
    putCounts(out, counts, (area.end - area.start) >> PAGE_SHIFT, locked);
    const isLargePossible = !area.source && (area.flags & VMA_SMALL) == 0;
    out.put(isLargePossible ? "THPeligible:           1\n" : "THPeligible:           0\n");
    putFlags(out, area);
    area = vmaFirstFrom(area.end);
  }
  free(counts);
}

/** The sums, under one line that has the whole range. */
export function procSmapsRollup(out: TextBuffer, subject: u32): void {
  const counts = attempt(new PageCounts());
  if (!counts) {
    out.cut = true;
    return;
  }
  const first = vmaFirstFrom(0);
  const start = first ? first.start : 0;
  let end = start;
  let locked: u64 = 0;
  let area = first;
  while (area) {
    const before = counts.resident;
    counts.add(area.start, area.end);
    if ((area.flags & VMA_LOCKED) != 0) locked += counts.resident - before;
    end = area.end;
    area = vmaFirstFrom(end);
  }
  const lineStart = out.length;
  out.hex(start, 8).byte(DASH).hex(end, 8).put(" ---p 00000000 00:00 0");
  while (out.length < lineStart + NAME_COLUMN && !out.cut) out.byte(SPACE);
  out.put("[rollup]\n");
  putCounts(out, counts, 0, locked);
  free(counts);
}
