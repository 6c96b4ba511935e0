/**
 * System calls on memory: mmap(2), munmap(2), mprotect(2), mremap(2), madvise(2), brk(2), msync(2),
 * mincore(2).
 */

import { load64 } from "../arch/hw";
import { FAULT_WRITE } from "../arch/x86_64/trap-frame";
import { File, O_ACCMODE, O_RDONLY, O_RDWR } from "../fs/file";
import { PageSource } from "../fs/page-source";
import { EACCES, EBADF, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM } from "../lib/errno";
import {
  discardRegion,
  findFree,
  flagRegion,
  growArea,
  isFree,
  isMapped,
  MAP_END,
  MAP_LOW,
  mapRegion,
  moveRegion,
  pageAlign,
  protectRegion,
  unmapRegion,
} from "../mem/address-space";
import { FAULT_RESOLVED, handleFault } from "../mem/fault";
import { PAGE_SHIFT, PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import { entryOf } from "../mem/user-pages";
import {
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VMA_HEAP,
  VMA_LARGE,
  VMA_MAY_WRITE,
  VMA_SHARED,
  VMA_SMALL,
  vmaFind,
} from "../mem/vma";
import { threadScratch } from "../sched/thread";
import { fdFile } from "./descriptors";
import { storeUser } from "./user-memory";

// mmap(2), include/uapi/asm-generic/mman-common.h
const MAP_SHARED: u64 = 0x01;
const MAP_PRIVATE: u64 = 0x02;
const MAP_SHARED_VALIDATE: u64 = 0x03;
const MAP_TYPE: u64 = 0x0f;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_NORESERVE: u64 = 0x4000;
const MAP_POPULATE: u64 = 0x8000;
const MAP_FIXED_NOREPLACE: u64 = 0x100000;
const PROT_ALL: u64 = 7;
/** PROT_GROWSDOWN and PROT_GROWSUP are accepted and mean nothing here. */
const PROT_IGNORED: u64 = 0x03000000;

const MREMAP_MAYMOVE: u64 = 1;
const MREMAP_FIXED: u64 = 2;

const MADV_NORMAL: i32 = 0;
const MADV_RANDOM: i32 = 1;
const MADV_SEQUENTIAL: i32 = 2;
const MADV_WILLNEED: i32 = 3;
const MADV_DONTNEED: i32 = 4;
const MADV_FREE: i32 = 8;
const MADV_DONTFORK: i32 = 10;
const MADV_DOFORK: i32 = 11;
const MADV_HUGEPAGE: i32 = 14;
const MADV_NOHUGEPAGE: i32 = 15;
const MADV_DONTDUMP: i32 = 16;
const MADV_DODUMP: i32 = 17;
const MADV_COLD: i32 = 20;
const MADV_PAGEOUT: i32 = 21;

/**
 * Private memory up to this size can be mapped on a machine that has less: Go maps its heap in
 * arenas of so much and uses what it needs of them.
 */
const RESERVATION_MIN: u64 = 64 << 20;

/** Where the heap begins and where it ends now (brk(2)). */
let heapStart: u64 = 0;
let heapEnd: u64 = 0;

/** Sets where the heap of a new program begins. */
export function setHeapStart(address: u64): void {
  heapStart = address;
  heapEnd = address;
}

function isAligned(address: u64): bool {
  return (address & (PAGE_SIZE - 1)) == 0;
}

/**
 * Bytes of the whole pages that hold `length` bytes. A length beyond anything stays so: rounded up
 * it would become a small one.
 */
function pagesOf(length: u64): u64 {
  return length <= MAP_END ? pageAlign(length) : ~(PAGE_SIZE - 1);
}

/** Whether a range of whole pages lies in what may be mapped. */
function validRange(address: u64, bytes: u64): bool {
  return bytes <= MAP_END && address <= MAP_END - bytes;
}

/** The flags of a mapping of a file, or -errno. */
function fileFlags(file: File, protection: u32, isShared: bool): i32 {
  const mode = file.flags & O_ACCMODE;
  if (mode != O_RDONLY && mode != O_RDWR) return -EACCES;
  if (!isShared) return <i32>VMA_MAY_WRITE;
  if (mode == O_RDWR) return <i32>(VMA_SHARED | VMA_MAY_WRITE);
  if ((protection & PROT_WRITE) != 0) return -EACCES;
  return <i32>VMA_SHARED;
}

/** The address where a mapping goes, or -errno; what is in the way of a fixed one is unmapped. */
function choosePlace(address: u64, bytes: u64, flags: u64): i64 {
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
    if (!isAligned(address) || address < MAP_LOW) return -EINVAL;
    if (!validRange(address, bytes)) return -ENOMEM;
    if ((flags & MAP_FIXED_NOREPLACE) != 0) return isFree(address, bytes) ? <i64>address : -EEXIST;
    const error = unmapRegion(address, bytes);
    return error != 0 ? error : <i64>address;
  }
  const hint = pageAlign(address);
  if (hint >= MAP_LOW && validRange(hint, bytes) && isFree(hint, bytes)) return <i64>hint;
  const found = findFree(bytes);
  return found != 0 ? <i64>found : -ENOMEM;
}

export function sys_mmap(
  address: u64,
  length: u64,
  protection: u64,
  flags: u64,
  fd: i32,
  offset: u64,
): i64 {
  const bytes = pagesOf(length);
  const type = flags & MAP_TYPE;
  if (length == 0 || !isAligned(offset)) return -EINVAL;
  if (bytes == 0 || bytes > MAP_END) return -ENOMEM;
  if ((protection & ~(PROT_ALL | PROT_IGNORED)) != 0) return -EINVAL;
  if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE) return -EINVAL;
  const rights = <u32>(protection & PROT_ALL);
  let source: PageSource | null = null;
  let mapped: File | null = null;
  let areaFlags: u32 = VMA_MAY_WRITE;
  if ((flags & MAP_ANONYMOUS) == 0) {
    const file = fdFile(fd);
    if (!file) return -EBADF;
    const result = fileFlags(file, rights, type != MAP_PRIVATE);
    if (result < 0) return result;
    areaFlags = <u32>result;
    mapped = file;
    source = file.pageSource();
    if (!source) return -ENODEV;
  } else if (type != MAP_PRIVATE) {
    // Without fork nobody else can see it: it is as good as private, but that it survives
    // MADV_DONTNEED.
    areaFlags |= VMA_SHARED;
  }
  if (!source && isOvercommit(rights, flags, bytes)) {
    return -ENOMEM;
  }
  const place = choosePlace(address, bytes, flags);
  if (place < 0) return place;
  const error = mapRegion(
    <u64>place,
    bytes,
    rights,
    areaFlags,
    source,
    offset >> PAGE_SHIFT,
    mapped,
  );
  if (error != 0) return error;
  if ((flags & MAP_POPULATE) != 0 && rights != 0) populate(<u64>place, bytes);
  return place;
}

/** Linux's heuristic: refuse what could obviously never be backed, and only that. */
function isOvercommit(rights: u32, flags: u64, bytes: u64): bool {
  if ((rights & PROT_WRITE) == 0 || (flags & MAP_NORESERVE) != 0) return false;
  return bytes > max(totalPageCount() << PAGE_SHIFT, RESERVATION_MIN);
}

/** Touches each page, so that it is there. A failure shows when the page is used. */
function populate(address: u64, bytes: u64): void {
  for (let at = address; at < address + bytes; at += PAGE_SIZE) {
    const entry = entryOf(at);
    if (entry != 0 && load64(entry) != 0) continue;
    const area = vmaFind(at);
    if (!area || (area.protection & (PROT_READ | PROT_EXEC | PROT_WRITE)) == 0) return;
    if (handleFault(at, (area.protection & PROT_WRITE) != 0 ? FAULT_WRITE : 0) != FAULT_RESOLVED)
      return;
  }
}

export function sys_munmap(address: u64, length: u64): i64 {
  if (!isAligned(address) || length == 0) return -EINVAL;
  const bytes = pagesOf(length);
  if (!validRange(address, bytes)) return -EINVAL;
  return unmapRegion(address, bytes);
}

export function sys_mprotect(address: u64, length: u64, protection: u64): i64 {
  if (!isAligned(address) || (protection & ~(PROT_ALL | PROT_IGNORED)) != 0) return -EINVAL;
  if (length == 0) return 0;
  const bytes = pagesOf(length);
  if (bytes == 0 || !validRange(address, bytes)) return -ENOMEM;
  return protectRegion(address, bytes, <u32>(protection & PROT_ALL));
}

export function sys_mremap(old: u64, oldLength: u64, newLength: u64, flags: u64, place: u64): i64 {
  if (!isAligned(old) || newLength == 0) return -EINVAL;
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0 || flags == MREMAP_FIXED) return -EINVAL;
  const oldBytes = pagesOf(oldLength);
  const newBytes = pagesOf(newLength);
  const area = vmaFind(old);
  if (!area || oldBytes == 0 || oldBytes > area.end - old) return -EFAULT;
  if (newBytes > MAP_END) return -ENOMEM;
  if ((flags & MREMAP_FIXED) != 0) {
    if (!isAligned(place) || !validRange(place, newBytes)) return -EINVAL;
    if (place < old + oldBytes && old < place + newBytes) return -EINVAL;
    const error = unmapRegion(place, newBytes);
    if (error != 0) return error;
    const moved = moveRegion(old, oldBytes, place, newBytes);
    return moved != 0 ? moved : <i64>place;
  }
  if (newBytes == oldBytes) return <i64>old;
  if (newBytes < oldBytes) {
    const error = unmapRegion(old + newBytes, oldBytes - newBytes);
    return error != 0 ? error : <i64>old;
  }
  const more = newBytes - oldBytes;
  if (old + oldBytes == area.end && validRange(old, newBytes) && isFree(area.end, more)) {
    growArea(area, more);
    return <i64>old;
  }
  if ((flags & MREMAP_MAYMOVE) == 0) return -ENOMEM;
  const target = findFree(newBytes);
  if (target == 0) return -ENOMEM;
  const moved = moveRegion(old, oldBytes, target, newBytes);
  return moved != 0 ? moved : <i64>target;
}

export function sys_madvise(address: u64, length: u64, advice: i32): i64 {
  if (!isAligned(address)) return -EINVAL;
  const bytes = pagesOf(length);
  if (!validRange(address, bytes)) return -EINVAL;
  if (bytes == 0) return 0;
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
      return discardRegion(address, bytes);
    case MADV_HUGEPAGE:
      return flagRegion(address, bytes, VMA_LARGE, VMA_SMALL);
    case MADV_NOHUGEPAGE:
      return flagRegion(address, bytes, VMA_SMALL, VMA_LARGE);
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
    case MADV_PAGEOUT:
      return isMapped(address, bytes) ? 0 : -ENOMEM;
    default:
      return -EINVAL;
  }
}

export function sys_brk(wanted: u64): i64 {
  if (wanted < heapStart || wanted > MAP_END) return <i64>heapEnd;
  const oldEnd = pageAlign(heapEnd);
  const newEnd = pageAlign(wanted);
  if (newEnd > oldEnd) {
    const bytes = newEnd - oldEnd;
    if (!validRange(oldEnd, bytes) || !isFree(oldEnd, bytes)) return <i64>heapEnd;
    if (isOvercommit(PROT_WRITE, 0, bytes)) return <i64>heapEnd;
    const rights = PROT_READ | PROT_WRITE;
    if (mapRegion(oldEnd, bytes, rights, VMA_MAY_WRITE | VMA_HEAP, null, 0) != 0) {
      return <i64>heapEnd;
    }
  } else if (newEnd < oldEnd) {
    if (unmapRegion(newEnd, oldEnd - newEnd) != 0) return <i64>heapEnd;
  }
  heapEnd = wanted;
  return <i64>wanted;
}

/**
 * Shared mappings are the page cache's own pages: there is nothing to write back to memory file
 * systems.
 */
export function sys_msync(address: u64, length: u64, _flags: u64): i64 {
  if (!isAligned(address)) return -EINVAL;
  const bytes = pagesOf(length);
  return validRange(address, bytes) && isMapped(address, bytes) ? 0 : -ENOMEM;
}

export function sys_mincore(address: u64, length: u64, vector: u64): i64 {
  if (!isAligned(address)) return -EINVAL;
  const bytes = pagesOf(length);
  if (!validRange(address, bytes) || !isMapped(address, bytes)) return -ENOMEM;
  for (let offset: u64 = 0; offset < bytes; offset += PAGE_SIZE) {
    const entry = entryOf(address + offset);
    store<u8>(threadScratch(), entry != 0 && load64(entry) != 0 ? 1 : 0);
    if (storeUser(vector + (offset >> PAGE_SHIFT), threadScratch(), 1) != 0) return -EFAULT;
  }
  return 0;
}
