/**
 * Memory that is there before it is touched: MAP_POPULATE, MADV_POPULATE_*, and mlock(2),
 * munlock(2), mlockall(2), which keep it there.
 *
 *     populate(address, bytes, isForced)   0 or -errno
 *     lockedPages()                        for VmLck and RLIMIT_MEMLOCK
 *     futureFlags()                        VMA_* of new areas, as mlockall(MCL_FUTURE) wants it
 *     lockAllowed(bytes)                   whether so much more may be locked
 */
import { load64 } from "../arch/hw";
import { FAULT_WRITE } from "../arch/x86_64/trap-frame";
import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from "../lib/errno";
import { flagRegion, isMapped, MAP_END, pageAlign } from "../mem/address-space";
import { FAULT_BUS, FAULT_MEMORY, FAULT_RESOLVED, handleFault } from "../mem/fault";
import { PAGE_SHIFT, PAGE_SIZE } from "../mem/page-allocator";
import { entryOf } from "../mem/user-pages";
import { PROT_WRITE, VMA_LOCKED, VMA_SHARED, Vma, vmaFind, vmaFirstFrom } from "../mem/vma";
import { CAP_IPC_LOCK, capable } from "./credentials";
import { RLIMIT_MEMLOCK, resourceLimit } from "./limits";

const MLOCK_ONFAULT: u32 = 1;
const MCL_CURRENT: u32 = 1;
const MCL_FUTURE: u32 = 2;
const MCL_ONFAULT: u32 = 4;

/** What mlockall(2) asked for new areas. */
let future: u32 = 0;

/** VMA_* flags that new areas get. */
export function futureFlags(): u32 {
  return (future & MCL_FUTURE) != 0 ? VMA_LOCKED : 0;
}

/** Whether new areas are filled as they are made. */
export function fillsFuture(): bool {
  return (future & MCL_FUTURE) != 0 && (future & MCL_ONFAULT) == 0;
}

/** Pages of all locked areas. */
export function lockedPages(): u64 {
  let pages: u64 = 0;
  let area = vmaFirstFrom(0);
  while (area) {
    if ((area.flags & VMA_LOCKED) != 0) pages += (area.end - area.start) >> PAGE_SHIFT;
    area = vmaFirstFrom(area.end);
  }
  return pages;
}

/** Whether `bytes` more may be locked (RLIMIT_MEMLOCK). */
export function lockAllowed(bytes: u64): bool {
  if (capable(CAP_IPC_LOCK)) return true;
  const limit = resourceLimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
  const pages = bytes >> PAGE_SHIFT;
  return pages <= limit && lockedPages() <= limit - pages;
}

/** Pages to be written to are private already: a copy now saves one later. */
function writesTo(area: Vma): bool {
  return (area.protection & PROT_WRITE) != 0 && (area.flags & VMA_SHARED) == 0;
}

function faultError(result: i32): i32 {
  if (result == FAULT_BUS) return -EFAULT;
  return result == FAULT_MEMORY ? -EAGAIN : -ENOMEM;
}

/**
 * Brings in each page of a range that is not there. -ENOMEM: not mapped, or without rights;
 * -EFAULT: behind the end of a file; -EAGAIN: no memory. Sleeps, and so looks each area up anew.
 */
export function populate(address: u64, bytes: u64): i32 {
  for (let at = address; at < address + bytes; at += PAGE_SIZE) {
    const entry = entryOf(at);
    if (entry != 0 && load64(entry) != 0) continue;
    const area = vmaFind(at);
    if (!area || area.protection == 0) return -ENOMEM;
    const result = handleFault(at, writesTo(area) ? FAULT_WRITE : 0);
    if (result != FAULT_RESOLVED) return faultError(result);
  }
  return 0;
}

/** Locks or unlocks whole pages around a range. */
function lockRange(address: u64, length: u64, isLocked: bool, fills: bool): i64 {
  const start = address & ~(PAGE_SIZE - 1);
  const bytes = pageAlign(length + (address - start));
  if (bytes < length || bytes > MAP_END || start > MAP_END - bytes) {
    return start + bytes < start ? -EINVAL : -ENOMEM;
  }
  if (bytes == 0) return 0;
  if (isLocked && !lockAllowed(bytes)) return resourceLimit(RLIMIT_MEMLOCK) == 0 ? -EPERM : -ENOMEM;
  const error = flagRegion(start, bytes, isLocked ? VMA_LOCKED : 0, isLocked ? 0 : VMA_LOCKED);
  if (error != 0 || !fills) return error;
  const filled = populate(start, bytes);
  return filled == -EFAULT ? -ENOMEM : filled;
}

export function sys_mlock(address: u64, length: u64): i64 {
  return lockRange(address, length, true, true);
}

export function sys_mlock2(address: u64, length: u64, flags: u32): i64 {
  if ((flags & ~MLOCK_ONFAULT) != 0) return -EINVAL;
  return lockRange(address, length, true, (flags & MLOCK_ONFAULT) == 0);
}

export function sys_munlock(address: u64, length: u64): i64 {
  return lockRange(address, length, false, false);
}

/** Flags each area, and fills what can be filled. 0 or -ENOMEM. */
function lockAreas(set: u32, clear: u32, fills: bool): i32 {
  let at: u64 = 0;
  let area = vmaFirstFrom(at);
  while (area) {
    const start = area.start;
    at = area.end;
    const error = flagRegion(start, at - start, set, clear);
    if (error != 0) return error;
    // What cannot be had shows when it is touched.
    if (fills && isMapped(start, at - start)) populate(start, at - start);
    area = vmaFirstFrom(at);
  }
  return 0;
}

export function sys_mlockall(flags: u32): i64 {
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags == 0 || flags == MCL_ONFAULT || (flags & ~known) != 0) return -EINVAL;
  const limit = resourceLimit(RLIMIT_MEMLOCK);
  if (!capable(CAP_IPC_LOCK) && limit == 0) return -EPERM;
  if ((flags & MCL_CURRENT) != 0 && !lockAllowed(0)) return -ENOMEM;
  future = flags & (MCL_FUTURE | MCL_ONFAULT);
  if ((flags & MCL_CURRENT) == 0) return 0;
  return lockAreas(VMA_LOCKED, 0, (flags & MCL_ONFAULT) == 0);
}

export function sys_munlockall(): i64 {
  future = 0;
  return lockAreas(0, VMA_LOCKED, false);
}
