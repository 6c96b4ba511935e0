/**
 * System calls on memory: mmap(2), munmap(2), mprotect(2), brk(2). The others are in mremap.ts,
 * memory-advice.ts, memory-lock.ts and memory-policy.ts.
 *
 * MAP_HUGETLB finds no large pages reserved.
 */

import { File, O_ACCMODE, O_RDONLY, O_RDWR } from "../fs/file";
import { isError } from "../fs/inode";
import { sealable } from "../fs/memfd";
import { PageSource } from "../fs/page-source";
import { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE } from "../fs/tmpfs-file";
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../lib/errno";
import {
  addressSpacePages,
  findFree,
  growingFlag,
  isFree,
  MAP_END,
  MAP_LOW,
  mapRegion,
  pageAlign,
  protectRegion,
  unmapRegion,
} from "../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import {
  PROT_READ,
  PROT_WRITE,
  VMA_GROWS_DOWN,
  VMA_HEAP,
  VMA_LOCKED,
  VMA_MAY_WRITE,
  VMA_SHARED,
  VMA_STACK,
  vmaFindGap,
  vmaFirstFrom,
} from "../mem/vma";
import { fdFile } from "./descriptors";
import { RLIM_INFINITY, RLIMIT_AS, RLIMIT_DATA, resourceLimit } from "./limits";
import { fillsFuture, futureFlags, lockAllowed, populate } from "./memory-lock";

// mmap(2), include/uapi/asm-generic/mman-common.h
const MAP_SHARED: u64 = 0x01;
const MAP_PRIVATE: u64 = 0x02;
const MAP_SHARED_VALIDATE: u64 = 0x03;
const MAP_TYPE: u64 = 0x0f;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_32BIT: u64 = 0x40;
const MAP_GROWSDOWN: u64 = 0x100;
const MAP_LOCKED: u64 = 0x2000;
const MAP_NORESERVE: u64 = 0x4000;
const MAP_POPULATE: u64 = 0x8000;
const MAP_FIXED_NOREPLACE: u64 = 0x100000;
const MAP_HUGETLB: u64 = 0x40000;
/** LEGACY_MAP_MASK: the flags that MAP_SHARED_VALIDATE knows. */
const MAP_KNOWN: u64 = 0x7f9f3;
/** Where MAP_32BIT puts things: arch/x86/kernel/sys_x86_64.c. */
const LOW_START: u64 = 0x40000000;
const LOW_END: u64 = 0x80000000;
const PROT_ALL: u64 = 7;
/** For mprotect(2): the whole area downwards, if it grows down, or upwards. */
const PROT_GROWSDOWN: u64 = 0x01000000;
const PROT_GROWSUP: u64 = 0x02000000;
const PROT_GROWS: u64 = PROT_GROWSDOWN | PROT_GROWSUP;

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
export function pagesOf(length: u64): u64 {
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

/** Whether seals allow a shared mapping: 0; 1, but it never becomes writable; or -EPERM. */
function checkSealedMapping(file: File, protection: u32): i32 {
  const sealedFile = sealable(file);
  if (!sealedFile || (sealedFile.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0) return 0;
  return (protection & PROT_WRITE) != 0 ? -EPERM : 1;
}

/** The address where a mapping goes, or -errno; what is in the way of a fixed one is unmapped. */
function choosePlace(address: u64, bytes: u64, flags: u64): i64 {
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
    if (!isAligned(address)) return -EINVAL;
    if (!validRange(address, bytes)) return -ENOMEM;
    if (address < MAP_LOW) return -EPERM;
    if ((flags & MAP_FIXED_NOREPLACE) != 0) return isFree(address, bytes) ? <i64>address : -EEXIST;
    const error = unmapRegion(address, bytes);
    return error != 0 ? error : <i64>address;
  }
  const hint = pageAlign(address);
  const isLow = (flags & MAP_32BIT) != 0;
  const isPossible = hint >= MAP_LOW && validRange(hint, bytes) && isFree(hint, bytes);
  if (isPossible && (!isLow || hint + bytes <= LOW_END)) return <i64>hint;
  const found = isLow ? vmaFindGap(bytes, LOW_START, LOW_END) : findFree(bytes);
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
  if ((protection & ~(PROT_ALL | PROT_GROWS)) != 0) return -EINVAL;
  if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE) return -EINVAL;
  if ((flags & MAP_HUGETLB) != 0) return -ENOMEM;
  if (offset + bytes < offset) return -EOVERFLOW;
  const rights = <u32>(protection & PROT_ALL);
  let source: PageSource | null = null;
  let mapped: File | null = null;
  let areaFlags: u32 = VMA_MAY_WRITE;
  if ((flags & MAP_ANONYMOUS) == 0) {
    const file = fdFile(fd);
    if (!file) return -EBADF;
    if (type == MAP_SHARED_VALIDATE && (flags & ~MAP_KNOWN) != 0) return -EOPNOTSUPP;
    const result = fileFlags(file, rights, type != MAP_PRIVATE);
    if (result < 0) return result;
    areaFlags = <u32>result;
    if (type != MAP_PRIVATE) {
      const sealed = checkSealedMapping(file, rights);
      if (sealed < 0) return sealed;
      if (sealed > 0) areaFlags &= ~VMA_MAY_WRITE;
    }
    mapped = file;
    const pages = file.pageSource();
    if (isError(pages)) return <i32>pages;
    source = changetype<PageSource>(pages);
  } else if (type != MAP_PRIVATE) {
    // Without fork nobody else can see it: it is as good as private, but that it survives
    // MADV_DONTNEED.
    areaFlags |= VMA_SHARED;
    if ((flags & MAP_GROWSDOWN) != 0) return -EINVAL;
  }
  if ((flags & MAP_GROWSDOWN) != 0) areaFlags |= growingFlag();
  if (!source && isOvercommit(rights, flags, bytes)) {
    return -ENOMEM;
  }
  areaFlags |= (flags & MAP_LOCKED) != 0 ? VMA_LOCKED : futureFlags();
  if (!spaceAllowed(bytes, rights, areaFlags)) return -ENOMEM;
  if ((areaFlags & VMA_LOCKED) != 0 && !lockAllowed(bytes)) return -EAGAIN;
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
  // A failure shows when the page is used.
  const fills = (flags & (MAP_POPULATE | MAP_LOCKED)) != 0 || fillsFuture();
  if (fills && rights != 0) populate(<u64>place, bytes);
  return place;
}

/** Linux's heuristic: refuse what could obviously never be backed, and only that. */
function isOvercommit(rights: u32, flags: u64, bytes: u64): bool {
  if ((rights & PROT_WRITE) == 0 || (flags & MAP_NORESERVE) != 0) return false;
  return bytes > max(totalPageCount() << PAGE_SHIFT, RESERVATION_MIN);
}

/** Pages of private areas that can be written, which RLIMIT_DATA is about. */
function dataPages(): u64 {
  let pages: u64 = 0;
  let area = vmaFirstFrom(0);
  while (area) {
    const isData = (area.protection & PROT_WRITE) != 0 && (area.flags & VMA_SHARED) == 0;
    if (isData && (area.flags & VMA_STACK) == 0) pages += (area.end - area.start) >> PAGE_SHIFT;
    area = vmaFirstFrom(area.end);
  }
  return pages;
}

/** Whether RLIMIT_AS and RLIMIT_DATA allow `bytes` more with these rights and VMA_* flags. */
export function spaceAllowed(bytes: u64, rights: u32, flags: u32): bool {
  const pages = bytes >> PAGE_SHIFT;
  const space = resourceLimit(RLIMIT_AS);
  if (space != RLIM_INFINITY && addressSpacePages() + pages > space >> PAGE_SHIFT) return false;
  const data = resourceLimit(RLIMIT_DATA);
  if (data == RLIM_INFINITY || (rights & PROT_WRITE) == 0 || (flags & VMA_SHARED) != 0) return true;
  return dataPages() + pages <= data >> PAGE_SHIFT;
}

export function sys_munmap(address: u64, length: u64): i64 {
  if (!isAligned(address) || length == 0) return -EINVAL;
  const bytes = pagesOf(length);
  if (!validRange(address, bytes)) return -EINVAL;
  return unmapRegion(address, bytes);
}

export function sys_mprotect(address: u64, length: u64, protection: u64): i64 {
  if (!isAligned(address) || (protection & ~(PROT_ALL | PROT_GROWS)) != 0) return -EINVAL;
  if ((protection & PROT_GROWS) == PROT_GROWS) return -EINVAL;
  if (length == 0) return 0;
  const bytes = pagesOf(length);
  if (bytes == 0 || !validRange(address, bytes)) return -ENOMEM;
  if ((protection & PROT_GROWS) != 0) return protectGrowing(address, bytes, protection);
  return protectRegion(address, bytes, <u32>protection);
}

/** As Linux: from the beginning of the first area in the range, which has to be one that grows. */
function protectGrowing(address: u64, bytes: u64, protection: u64): i64 {
  const area = vmaFirstFrom(address);
  const end = address + bytes;
  if (!area || area.start >= end) return -ENOMEM;
  // There are none that grow up.
  if ((protection & PROT_GROWSUP) != 0 || (area.flags & VMA_GROWS_DOWN) == 0) return -EINVAL;
  return protectRegion(area.start, end - area.start, <u32>(protection & PROT_ALL));
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
    const flags = VMA_MAY_WRITE | VMA_HEAP | futureFlags();
    if (!spaceAllowed(bytes, rights, flags)) return <i64>heapEnd;
    if (mapRegion(oldEnd, bytes, rights, flags, null, 0) != 0) return <i64>heapEnd;
    if (fillsFuture()) populate(oldEnd, bytes);
  } else if (newEnd < oldEnd) {
    if (unmapRegion(newEnd, oldEnd - newEnd) != 0) return <i64>heapEnd;
  }
  heapEnd = wanted;
  return <i64>wanted;
}
