/**
 * System calls on System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). The segments
 * are in ipc/shared-memory.ts.
 *
 * SHM_HUGETLB finds no large pages reserved. SHM_LOCK is taken and told: nothing is paged out.
 */
import { IPC_CREAT, IPC_EXCL, IPC_EXECUTE, IPC_READ, IPC_WRITE } from "../ipc/ipc";
import {
  Segment,
  SegmentPages,
  SHMALL,
  SHMMAX,
  SHMMIN,
  SHMMNI,
  segmentAt,
  segmentCreate,
  segments,
  shmPages,
  shmResident,
} from "../ipc/shared-memory";
import { EACCES, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM } from "../lib/errno";
import { findFree, isFree, MAP_END, MAP_LOW, mapRegion, unmapRegion } from "../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE } from "../mem/page-allocator";
import {
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VMA_LOCKED,
  VMA_MAY_WRITE,
  VMA_SHARED,
  Vma,
  vmaFirstFrom,
} from "../mem/vma";
import { threadScratch } from "../sched/thread";
import { CAP_IPC_LOCK, capable } from "./credentials";
import { IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, putPermissions, takePermissions } from "./ipc-perm";
import { RLIMIT_MEMLOCK, resourceLimit } from "./limits";
import { spaceAllowed } from "./memory-calls";
import { fillsFuture, futureFlags, lockAllowed, populate } from "./memory-lock";
import { PROCESS_ID } from "./task";
import { loadUser, storeUser } from "./user-memory";

// include/uapi/linux/shm.h
const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_REMAP: u32 = 0o40000;
const SHM_EXEC: u32 = 0o100000;
const SHM_LOCK: u32 = 11;
const SHM_UNLOCK: u32 = 12;
const SHM_STAT: u32 = 13;
const SHM_INFO: u32 = 14;
const SHM_STAT_ANY: u32 = 15;

/*
 * struct shmid64_ds:
 *
 *     0 shm_perm   48 shm_segsz   56 shm_atime   64 shm_dtime   72 shm_ctime   80 i32 shm_cpid
 *     84 i32 shm_lpid   88 shm_nattch   96, 104 unused
 *
 * struct shminfo64: 0 shmmax   8 shmmin   16 shmmni   24 shmseg   32 shmall   40 … 64 unused
 * struct shm_info:  0 i32 used_ids   8 shm_tot   16 shm_rss   24 shm_swp   32, 40 swapped
 */
const SHMID_DS_SIZE: usize = 112;
const SHMINFO_SIZE: usize = 72;
const SHM_INFO_SIZE: usize = 48;

export function sys_shmget(key: u32, bytes: u64, flags: u32): i64 {
  const present = segments.keyed(key);
  if (!present) {
    // Key 0, IPC_PRIVATE, is always a new segment.
    const creates = key == 0 || (flags & IPC_CREAT) != 0;
    return creates ? segmentCreate(key, bytes, flags, PROCESS_ID) : -ENOENT;
  }
  if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return -EEXIST;
  if (bytes > present.bytes) return -EINVAL;
  return present.allows(flags) ? present.id : -EACCES;
}

// ---- Attaching ----------------------------------------------------------------------------------

/** Where a segment goes, or -errno. SHM_REMAP unmaps what is there. */
function choosePlace(wanted: u64, bytes: u64, flags: u32): i64 {
  const remaps = (flags & SHM_REMAP) != 0;
  if (wanted == 0) {
    if (remaps) return -EINVAL;
    const found = findFree(bytes);
    return found != 0 ? <i64>found : -ENOMEM;
  }
  const place = wanted & ~(PAGE_SIZE - 1);
  if (place != wanted && (flags & SHM_RND) == 0) return -EINVAL;
  if (place == 0 && remaps) return -EINVAL;
  if (bytes > MAP_END || place > MAP_END - bytes) return place + bytes < place ? -EINVAL : -ENOMEM;
  if (!remaps && !isFree(place, bytes)) return -EINVAL;
  if (place < MAP_LOW) return -EPERM;
  const error = remaps ? unmapRegion(place, bytes) : 0;
  return error != 0 ? error : <i64>place;
}

/** Maps a segment, of which the caller has a reference. The address, or -errno. May sleep. */
function attach(pages: SegmentPages, wanted: u64, flags: u32): i64 {
  const isReadOnly = (flags & SHM_RDONLY) != 0;
  const bytes = pages.size();
  const areaFlags = VMA_SHARED | (isReadOnly ? 0 : VMA_MAY_WRITE) | futureFlags();
  let rights = isReadOnly ? PROT_READ : PROT_READ | PROT_WRITE;
  if ((flags & SHM_EXEC) != 0) rights |= PROT_EXEC;
  if (!spaceAllowed(bytes, rights, areaFlags)) return -ENOMEM;
  if ((areaFlags & VMA_LOCKED) != 0 && !lockAllowed(bytes)) return -ENOMEM;
  const place = choosePlace(wanted, bytes, flags);
  if (place < 0) return place;
  const error = mapRegion(<u64>place, bytes, rights, areaFlags, pages, 0);
  if (error != 0) return error;
  pages.segment.attached(PROCESS_ID);
  if (fillsFuture()) populate(<u64>place, bytes);
  return place;
}

/** A segment that was removed can still be attached, as long as it is. */
export function sys_shmat(id: i32, address: u64, flags: u32): i64 {
  const segment = segments.find(id);
  if (!segment) return segments.error(id);
  let needed = (flags & SHM_RDONLY) != 0 ? IPC_READ : IPC_READ | IPC_WRITE;
  if ((flags & SHM_EXEC) != 0) needed |= IPC_EXECUTE;
  if (!segment.allows(needed)) return -EACCES;
  // What SHM_REMAP takes away may be the segment's last mapping.
  const pages = segment.pages;
  pages.references++;
  const result = attach(pages, address, flags);
  pages.put();
  return result;
}

/** Whether an area is a part of what was attached at `address`. */
function isOfAttachment(area: Vma, address: u64): bool {
  return segmentAt(area) != null && area.start - address == area.pageOffset << PAGE_SHIFT;
}

/** Unmaps what there still is of the segment that was attached at `address`. */
export function sys_shmdt(address: u64): i64 {
  if ((address & (PAGE_SIZE - 1)) != 0) return -EINVAL;
  let area = vmaFirstFrom(address);
  while (area && !isOfAttachment(area, address)) area = vmaFirstFrom(area.end);
  if (!area) return -EINVAL;
  const pages = segmentAt(area)!.pages;
  const end = address + pages.size();
  pages.references++;
  let error = 0;
  while (area && area.start < end && error == 0) {
    const next: u64 = area.end;
    if (area.source == pages && isOfAttachment(area, address)) {
      error = unmapRegion(area.start, next - area.start);
    }
    area = vmaFirstFrom(next);
  }
  if (error == 0) pages.segment.detached(PROCESS_ID);
  pages.put();
  return error;
}

// ---- Control ------------------------------------------------------------------------------------

/** The limits, or what is in use. The highest place in the table, or -EFAULT. */
function tellInfo(command: u32, to: u64): i64 {
  const at = threadScratch();
  const isLimits = command == IPC_INFO;
  const size = isLimits ? SHMINFO_SIZE : SHM_INFO_SIZE;
  const highest = segments.highest();
  memory.fill(at, 0, size);
  if (isLimits) {
    store<u64>(at, SHMMAX);
    store<u64>(at, SHMMIN, 8);
    store<u64>(at, SHMMNI, 16);
    store<u64>(at, SHMMNI, 24);
    store<u64>(at, SHMALL, 32);
  } else {
    store<u32>(at, segments.count);
    store<u64>(at, shmPages(), 8);
    store<u64>(at, shmResident(), 16);
  }
  return storeUser(to, at, size) != 0 ? -EFAULT : highest;
}

function tell(segment: Segment, to: u64): i32 {
  const at = threadScratch();
  memory.fill(at, 0, SHMID_DS_SIZE);
  putPermissions(at, segment);
  store<u64>(at, segment.bytes, 48);
  store<u64>(at, segment.attachedAt, 56);
  store<u64>(at, segment.detachedAt, 64);
  store<u64>(at, segment.changedAt, 72);
  store<u32>(at, segment.creatorPid, 80);
  store<u32>(at, segment.lastPid, 84);
  store<u64>(at, segment.attachments(), 88);
  return storeUser(to, at, SHMID_DS_SIZE);
}

/** IPC_STAT, SHM_STAT, SHM_STAT_ANY: the latter two by place, and tell the identifier. */
function tellStatus(command: u32, which: i32, to: u64): i64 {
  const byPlace = command != IPC_STAT;
  const segment = byPlace ? segments.at(which) : segments.find(which);
  if (!segment) return byPlace ? -EINVAL : segments.error(which);
  if (command != SHM_STAT_ANY && !segment.allows(IPC_READ)) return -EACCES;
  const result = byPlace ? segment.id : 0;
  return tell(segment, to) != 0 ? -EFAULT : result;
}

function lock(segment: Segment, isLocked: bool): i64 {
  if (!capable(CAP_IPC_LOCK)) {
    if (!segment.isOwned()) return -EPERM;
    if (isLocked && resourceLimit(RLIMIT_MEMLOCK) == 0) return -EPERM;
  }
  segment.setLocked(isLocked);
  return 0;
}

/** IPC_RMID, SHM_LOCK, SHM_UNLOCK; IPC_SET with a struct shmid64_ds in the thread's memory. */
function change(command: u32, id: i32): i64 {
  const segment = segments.find(id);
  if (!segment) return segments.error(id);
  if (command == SHM_LOCK || command == SHM_UNLOCK) return lock(segment, command == SHM_LOCK);
  if (!segment.isOwned()) return -EPERM;
  if (command == IPC_RMID) segment.remove();
  else takePermissions(threadScratch(), segment);
  return 0;
}

export function sys_shmctl(id: i32, command: u32, buffer: u64): i64 {
  if (id < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO:
    case SHM_INFO:
      return tellInfo(command, buffer);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
      return tellStatus(command, id, buffer);
    case IPC_SET:
      // What the copy may sleep over is before the segment is looked for.
      if (loadUser(threadScratch(), buffer, SHMID_DS_SIZE) != 0) return -EFAULT;
      return change(command, id);
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK:
      return change(command, id);
    default:
      return -EINVAL;
  }
}
