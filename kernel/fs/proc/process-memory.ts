/**
 * How much memory the process has: /proc/self/statm and the Vm and Rss lines of status (proc(5)).
 * Areas say what is mapped and as what, page tables what of it is there.
 */
import { TextBuffer } from "../../lib/text-buffer";
import { addressSpacePagesMax } from "../../mem/address-space";
import { PAGE_SHIFT } from "../../mem/page-allocator";
import { PageCounts } from "../../mem/page-counts";
import { PROT_EXEC, PROT_WRITE, VMA_SHARED, VMA_STACK, Vma, vmaFirstFrom } from "../../mem/vma";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { processInfo } from "../process-info";
import { placeOf } from "../vfs-file";

const VALUE_WIDTH = 8;

/** Numbers of pages of all areas, by what they are for. */
@unmanaged
class AreaSums {
  /** Private and writable, but the stack. */
  data: u64;
  stack: u64;
  /** Code of the program's file, and all other code. */
  program: u64;
  libraries: u64;

  constructor() {
    memory.fill(changetype<usize>(this), 0, offsetof<AreaSums>());
    let area = vmaFirstFrom(0);
    while (area) {
      this.add(area, (area.end - area.start) >> PAGE_SHIFT);
      area = vmaFirstFrom(area.end);
    }
  }

  private add(area: Vma, pages: u64): void {
    const isWritable = (area.protection & PROT_WRITE) != 0;
    if ((area.flags & VMA_STACK) != 0) this.stack += pages;
    else if (isWritable && (area.flags & VMA_SHARED) == 0) this.data += pages;
    else if (!isWritable && (area.protection & PROT_EXEC) != 0) {
      const file = area.file;
      const place = file ? placeOf(file) : null;
      if (place && place.dentry == processInfo().program()) this.program += pages;
      else this.libraries += pages;
    }
  }
}

/** The areas' sums and the counts of pages; false when memory is short. */
function withSums(
  out: TextBuffer,
  put: (out: TextBuffer, sums: AreaSums, counts: PageCounts) => void,
): void {
  const sums = attempt(new AreaSums());
  const counts = attempt(new PageCounts());
  if (sums && counts) {
    counts.addAll();
    put(out, sums, counts);
  } else {
    out.cut = true;
  }
  if (sums) free(sums);
  if (counts) free(counts);
}

/** size resident shared text lib data dt, in pages; lib and dt are 0 on Linux, too. */
export function procStatm(out: TextBuffer, subject: u32): void {
  withSums(out, (out: TextBuffer, sums: AreaSums, counts: PageCounts): void => {
    out.decimal(processInfo().virtualPages()).byte(32).decimal(counts.resident);
    out.byte(32).decimal(counts.resident - counts.anonymous);
    out
      .byte(32)
      .decimal(sums.program)
      .put(" 0 ")
      .decimal(sums.data + sums.stack)
      .put(" 0\n");
  });
}

function line(out: TextBuffer, name: string, pages: u64): void {
  out
    .put(name)
    .decimal(pages << 2, VALUE_WIDTH)
    .put(" kB\n");
}

/** The lines of /proc/self/status on memory. */
export function putMemoryLines(out: TextBuffer): void {
  withSums(out, (out: TextBuffer, sums: AreaSums, counts: PageCounts): void => {
    const info = processInfo();
    line(out, "VmPeak:\t", addressSpacePagesMax());
    line(out, "VmSize:\t", info.virtualPages());
    line(out, "VmLck:\t", info.lockedPages());
    line(out, "VmPin:\t", 0);
    line(out, "VmHWM:\t", info.residentPagesMax());
    line(out, "VmRSS:\t", counts.resident);
    line(out, "RssAnon:\t", counts.anonymous);
    line(out, "RssFile:\t", counts.resident - counts.anonymous);
    line(out, "RssShmem:\t", 0);
    line(out, "VmData:\t", sums.data);
    line(out, "VmStk:\t", sums.stack);
    line(out, "VmExe:\t", sums.program);
    line(out, "VmLib:\t", sums.libraries);
    line(out, "VmSwap:\t", 0);
  });
}
