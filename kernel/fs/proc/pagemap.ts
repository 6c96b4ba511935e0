/**
 * /proc/self/pagemap: what each page of the address space is mapped to, 8 bytes per page
 * (Documentation/admin-guide/mm/pagemap.rst). Frame numbers are real ones, and told to who may
 * administer the machine, as on Linux. There is no swap, and nobody tracks writes (soft-dirty): the
 * bits of these are 0.
 */
import { addressOf } from "../../arch/hw";
import { EINVAL } from "../../lib/errno";
import { MAP_END } from "../../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE } from "../../mem/page-allocator";
import { describePage, PM_FRAME_MASK } from "../../mem/page-counts";
import { attempt } from "../../runtime/attempt";
import { SCRATCH_SIZE, threadScratch } from "../../sched/thread";
import { Dentry } from "../dentry";
import { FileSystem, Inode, resultOf } from "../inode";
import { IoVector } from "../io-vector";
import { processInfo } from "../process-info";
import { S_IFREG } from "../stat";
import { seekTo, VfsFile } from "../vfs-file";

const ENTRY_SIZE: u64 = 8;
const ENTRIES_END: i64 = (MAP_END >> PAGE_SHIFT) * ENTRY_SIZE;
/** Entries that are put together at once. */
const BATCH: u64 = 48;
if (<usize>(BATCH * ENTRY_SIZE) > SCRATCH_SIZE) ERROR("a batch fits into the thread's memory");

class PagemapFile extends VfsFile {
  private position: i64 = 0;

  readAt(io: IoVector, offset: i64): i64 {
    if (((<u64>offset | io.remaining) & (ENTRY_SIZE - 1)) != 0 || offset < 0) return -EINVAL;
    const kept: u64 = processInfo().mayAdminister() ? u64.MAX_VALUE : ~PM_FRAME_MASK;
    let at = offset;
    while (io.remaining > 0 && at < ENTRIES_END) {
      const wanted = min<u64>(io.remaining, <u64>(ENTRIES_END - at));
      const bytes = min(wanted, BATCH * ENTRY_SIZE);
      const batch = threadScratch();
      const first = (<u64>at / ENTRY_SIZE) << PAGE_SHIFT;
      for (let i: u64 = 0; i < bytes; i += ENTRY_SIZE) {
        store<u64>(batch + <usize>i, describePage(first + (i / ENTRY_SIZE) * PAGE_SIZE) & kept);
      }
      const done = io.put(addressOf(batch), bytes);
      if (done < 0) return at > offset ? at - offset : done;
      at += done;
      if (<u64>done < bytes) break;
    }
    return at - offset;
  }

  read(io: IoVector): i64 {
    const done = this.readAt(io, this.position);
    if (done > 0) this.position += done;
    return done;
  }

  seek(offset: i64, whence: i32): i64 {
    const target = seekTo(this.position, 0, offset, whence);
    if (target >= 0) this.position = target;
    return target;
  }
}

export class PagemapInode extends Inode {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFREG | 0o400);
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new PagemapFile(dentry, this, flags)));
  }
}
