/**
 * Calls that tell about memory or advise on it: madvise(2), msync(2), mincore(2).
 *
 * Without effect, because nothing is paged out, forked or dumped: MADV_NORMAL, RANDOM, SEQUENTIAL,
 * WILLNEED, DONTFORK, DOFORK, DONTDUMP, DODUMP, COLD, PAGEOUT, MERGEABLE, UNMERGEABLE, WIPEONFORK,
 * KEEPONFORK. MADV_FREE takes the pages at once. Not there, and EINVAL: REMOVE, COLLAPSE, HWPOISON,
 * guard regions.
 */
import { load64 } from "../arch/hw";
import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { discardRegion, flagRegion, isMapped, MAP_END, pageAlign } from "../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { entryOf } from "../mem/user-pages";
import {
  PROT_READ,
  PROT_WRITE,
  VMA_LARGE,
  VMA_LOCKED,
  VMA_SHARED,
  VMA_SMALL,
  vmaFind,
  vmaFirstFrom,
} from "../mem/vma";
import { threadScratch } from "../sched/thread";
import { populate } from "./memory-lock";
import { storeUser, userRange } from "./user-memory";

// madvise(2), include/uapi/asm-generic/mman-common.h
const MADV_NORMAL: i32 = 0;
const MADV_DONTNEED: i32 = 4;
const MADV_FREE: i32 = 8;
const MADV_DONTFORK: i32 = 10;
const MADV_HUGEPAGE: i32 = 14;
const MADV_NOHUGEPAGE: i32 = 15;
const MADV_WIPEONFORK: i32 = 18;
const MADV_COLD: i32 = 20;
const MADV_PAGEOUT: i32 = 21;
const MADV_POPULATE_READ: i32 = 22;
const MADV_POPULATE_WRITE: i32 = 23;
const MADV_DONTNEED_LOCKED: i32 = 24;

const MS_ASYNC: u32 = 1;
const MS_INVALIDATE: u32 = 2;
const MS_SYNC: u32 = 4;

/** Pages that mincore tells about at a time: what a thread's memory has room for. */
const CORE_CHUNK: u64 = 256;

function isAligned(address: u64): bool {
  return (address & (PAGE_SIZE - 1)) == 0;
}

function validRange(address: u64, bytes: u64): bool {
  return bytes <= MAP_END && address <= MAP_END - bytes;
}

/** Whether some area of a range has one of the flags. */
function hasFlags(address: u64, bytes: u64, flags: u32): bool {
  let area = vmaFirstFrom(address);
  while (area && area.start < address + bytes) {
    if ((area.flags & flags) != 0) return true;
    area = vmaFirstFrom(area.end);
  }
  return false;
}

/** Whether all of a range that is mapped is private and anonymous. */
function isPrivateAnonymous(address: u64, bytes: u64): bool {
  let area = vmaFirstFrom(address);
  while (area && area.start < address + bytes) {
    if (area.source || (area.flags & VMA_SHARED) != 0) return false;
    area = vmaFirstFrom(area.end);
  }
  return true;
}

/** Brings pages in, for reading or, with copies made, for writing. 0 or -errno. */
function adviseToPopulate(address: u64, bytes: u64, right: u32): i32 {
  let area = vmaFirstFrom(address);
  while (area && area.start < address + bytes) {
    if ((area.protection & right) == 0) return -EINVAL;
    area = vmaFirstFrom(area.end);
  }
  const error = populate(address, bytes);
  return error == -EAGAIN ? -ENOMEM : error;
}

/** Of whole pages, not none. 0 or -errno. */
function advise(address: u64, bytes: u64, advice: i32): i64 {
  switch (advice) {
    case MADV_FREE:
      if (!isPrivateAnonymous(address, bytes)) return -EINVAL;
      return discardRegion(address, bytes);
    case MADV_DONTNEED:
      if (hasFlags(address, bytes, VMA_LOCKED)) return -EINVAL;
      return discardRegion(address, bytes);
    case MADV_DONTNEED_LOCKED:
      return discardRegion(address, bytes);
    case MADV_HUGEPAGE:
      return flagRegion(address, bytes, VMA_LARGE, VMA_SMALL);
    case MADV_NOHUGEPAGE:
      return flagRegion(address, bytes, VMA_SMALL, VMA_LARGE);
    case MADV_POPULATE_READ:
      return adviseToPopulate(address, bytes, PROT_READ);
    case MADV_POPULATE_WRITE:
      return adviseToPopulate(address, bytes, PROT_WRITE);
    case MADV_WIPEONFORK:
      if (!isPrivateAnonymous(address, bytes)) return -EINVAL;
      return isMapped(address, bytes) ? 0 : -ENOMEM;
    case MADV_COLD:
    case MADV_PAGEOUT:
      if (hasFlags(address, bytes, VMA_LOCKED)) return -EINVAL;
      return isMapped(address, bytes) ? 0 : -ENOMEM;
    default:
      return isMapped(address, bytes) ? 0 : -ENOMEM;
  }
}

function isAdvice(advice: i32): bool {
  if (advice >= MADV_DONTFORK && advice <= MADV_DONTNEED_LOCKED) return true;
  return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || advice == MADV_FREE;
}

export function sys_madvise(address: u64, length: u64, advice: i32): i64 {
  if (!isAdvice(advice) || !isAligned(address)) return -EINVAL;
  const bytes = pageAlign(length);
  if (bytes < length || address + bytes < address) return -EINVAL;
  if (bytes == 0) return 0;
  return validRange(address, bytes) ? advise(address, bytes, advice) : -ENOMEM;
}

/**
 * Shared mappings are the page cache's own pages: there is nothing to write back to memory file
 * systems.
 */
export function sys_msync(address: u64, length: u64, flags: u32): i64 {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || !isAligned(address)) return -EINVAL;
  if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0) return -EINVAL;
  const bytes = pageAlign(length);
  if (bytes < length || !validRange(address, bytes)) return -ENOMEM;
  if ((flags & MS_INVALIDATE) != 0 && hasFlags(address, bytes, VMA_LOCKED)) return -EBUSY;
  return isMapped(address, bytes) ? 0 : -ENOMEM;
}

/** Whether a page can be had without a disk; `address` is mapped. */
function isInCore(address: u64): bool {
  const entry = entryOf(address);
  if (entry != 0 && load64(entry) != 0) return true;
  const area = vmaFind(address);
  const source = area ? area.source : null;
  if (!area || !source) return false;
  const frame = source.peekPage(area.pageOffset + ((address - area.start) >> PAGE_SHIFT));
  if (frame == 0) return false;
  pagePut(frame);
  return true;
}

export function sys_mincore(address: u64, length: u64, vector: u64): i64 {
  if (!isAligned(address)) return -EINVAL;
  const bytes = pageAlign(length);
  if (bytes < length || !validRange(address, bytes)) return -ENOMEM;
  const pages = bytes >> PAGE_SHIFT;
  if (!userRange(vector, pages)) return -EFAULT;
  for (let done: u64 = 0; done < pages; done += CORE_CHUNK) {
    const n = min(pages - done, CORE_CHUNK);
    const start = address + (done << PAGE_SHIFT);
    if (!isMapped(start, n << PAGE_SHIFT)) return -ENOMEM;
    for (let i: u64 = 0; i < n; i++) {
      store<u8>(threadScratch() + <usize>i, isInCore(start + (i << PAGE_SHIFT)) ? 1 : 0);
    }
    if (storeUser(vector + done, threadScratch(), n) != 0) return -EFAULT;
  }
  return 0;
}
