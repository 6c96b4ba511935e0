/**
 * mremap(2): memory that grows, shrinks or moves; and remap_file_pages(2), which maps other pages
 * of a file in place of some, by a mapping of its own, as Linux has done it since 4.0.
 *
 * Not there: an old size of 0, which maps the same pages a second time, for shared memory without
 * a file (EINVAL; a memfd has one).
 */
import { fileGet, filePut } from "../fs/file";
import { EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import {
  findFree,
  growArea,
  isFree,
  isMapped,
  MAP_END,
  MAP_LOW,
  mapRegion,
  moveRegion,
  unmapRegion,
} from "../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE } from "../mem/page-allocator";
import { VMA_LOCKED, VMA_SHARED, Vma, vmaFind } from "../mem/vma";
import { pagesOf, spaceAllowed } from "./memory-calls";
import { lockAllowed, populate } from "./memory-lock";

const MREMAP_MAYMOVE: u64 = 1;
const MREMAP_FIXED: u64 = 2;
const MREMAP_DONTUNMAP: u64 = 4;

function isAligned(address: u64): bool {
  return (address & (PAGE_SIZE - 1)) == 0;
}

function validRange(address: u64, bytes: u64): bool {
  return bytes <= MAP_END && address <= MAP_END - bytes;
}

/** Where a mapping goes that moves: to `place` (made free, if `isFixed`) or anywhere. Or -errno. */
function target(place: u64, newBytes: u64, isFixed: bool): i64 {
  if (!isFixed) {
    const found = findFree(newBytes);
    return found != 0 ? <i64>found : -ENOMEM;
  }
  const error = unmapRegion(place, newBytes);
  return error != 0 ? error : <i64>place;
}

/** Maps what an area has from `old` on at another place, too. */
function mapAgain(area: Vma, old: u64, to: u64, bytes: u64): i32 {
  const offset = area.pageOffset + ((old - area.start) >> PAGE_SHIFT);
  return mapRegion(to, bytes, area.protection, area.flags, area.source, offset, area.file);
}

/** What moved leaves an empty area behind (MREMAP_DONTUNMAP). */
function moveAndKeep(area: Vma, old: u64, bytes: u64, to: u64): i32 {
  const protection = area.protection;
  const flags = area.flags & ~VMA_LOCKED;
  const source = area.source;
  const file = area.file;
  const offset = area.pageOffset + ((old - area.start) >> PAGE_SHIFT);
  if (source) source.references++;
  if (file) fileGet(file);
  let error = moveRegion(old, bytes, to, bytes);
  if (error == 0) error = mapRegion(old, bytes, protection, flags, source, offset, file);
  if (source && --source.references == 0) source.release();
  if (file) filePut(file);
  return error;
}

function growInPlace(area: Vma, old: u64, oldBytes: u64, newBytes: u64): bool {
  const more = newBytes - oldBytes;
  if (old + oldBytes != area.end || !validRange(old, newBytes) || !isFree(area.end, more)) {
    return false;
  }
  growArea(area, more);
  return true;
}

/** Whether there may be so much more: 0, or -ENOMEM. */
function roomError(area: Vma, more: u64): i32 {
  if (!spaceAllowed(more, area.protection, area.flags)) return -ENOMEM;
  return (area.flags & VMA_LOCKED) == 0 || lockAllowed(more) ? 0 : -ENOMEM;
}

function flagsError(old: u64, oldBytes: u64, newBytes: u64, flags: u64): i32 {
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0) return -EINVAL;
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 && (flags & MREMAP_MAYMOVE) == 0)
    return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) != 0 && oldBytes != newBytes) return -EINVAL;
  return isAligned(old) && newBytes != 0 ? 0 : -EINVAL;
}

/** Where a mapping is to move to: 0 when it may lie there, or -EINVAL. */
function placeError(old: u64, oldBytes: u64, place: u64, newBytes: u64): i32 {
  if (!isAligned(place) || !validRange(place, newBytes) || place < MAP_LOW) return -EINVAL;
  return place < old + oldBytes && old < place + newBytes ? -EINVAL : 0;
}

export function sys_mremap(old: u64, oldLength: u64, newLength: u64, flags: u64, place: u64): i64 {
  const oldBytes = pagesOf(oldLength);
  const newBytes = pagesOf(newLength);
  let error = flagsError(old, oldBytes, newBytes, flags);
  const isFixed = (flags & MREMAP_FIXED) != 0;
  if (error == 0 && isFixed) error = placeError(old, oldBytes, place, newBytes);
  if (error != 0) return error;
  const area = vmaFind(old);
  if (!area) return -EFAULT;
  const keepsOld = (flags & MREMAP_DONTUNMAP) != 0;
  if (!isFixed && !keepsOld && oldBytes >= newBytes) {
    if (!validRange(old, oldBytes)) return -EINVAL;
    error = unmapRegion(old + newBytes, oldBytes - newBytes);
    return error != 0 ? error : <i64>old;
  }
  if (newBytes > MAP_END) return isFixed ? -EINVAL : -ENOMEM;
  const isAgain = oldBytes == 0;
  if (isAgain && ((area.flags & VMA_SHARED) == 0 || !area.source)) return -EINVAL;
  if (oldBytes > area.end - old) return -EFAULT;
  const more = newBytes > oldBytes || keepsOld ? newBytes - (keepsOld ? 0 : oldBytes) : 0;
  error = roomError(area, more);
  if (error != 0) return error;
  const fills = (area.flags & VMA_LOCKED) != 0;
  let result = <i64>old;
  if (isFixed || keepsOld || isAgain || !growInPlace(area, old, oldBytes, newBytes)) {
    if ((flags & MREMAP_MAYMOVE) == 0) return -ENOMEM;
    result = target(place, newBytes, isFixed);
    if (result < 0) return result;
    error = move(old, oldBytes, <u64>result, newBytes, keepsOld);
    if (error != 0) return error;
  }
  if (fills) populate(<u64>result, newBytes);
  return result;
}

/** The area is looked up again: making room may have split it. */
function move(old: u64, oldBytes: u64, to: u64, newBytes: u64, keepsOld: bool): i32 {
  const area = vmaFind(old);
  if (!area) return -EFAULT;
  if (oldBytes == 0) return mapAgain(area, old, to, newBytes);
  if (keepsOld) return moveAndKeep(area, old, oldBytes, to);
  return moveRegion(old, oldBytes, to, newBytes);
}

/** Only of shared mappings of files; `protection` has to be 0. */
export function sys_remap_file_pages(
  address: u64,
  length: u64,
  protection: u64,
  pageOffset: u64,
  _flags: u64,
): i64 {
  const start = address & ~(PAGE_SIZE - 1);
  const bytes = length & ~(PAGE_SIZE - 1);
  if (protection != 0 || bytes == 0 || !validRange(start, bytes)) return -EINVAL;
  if (pageOffset + (bytes >> PAGE_SHIFT) < pageOffset) return -EINVAL;
  const area = vmaFind(start);
  if (!area || (area.flags & VMA_SHARED) == 0 || !isMapped(start, bytes)) return -EINVAL;
  const source = area.source;
  const file = area.file;
  if (!source || start + bytes > area.end) return -EINVAL;
  const rights = area.protection;
  const flags = area.flags;
  source.references++;
  if (file) fileGet(file);
  let error = unmapRegion(start, bytes);
  if (error == 0) error = mapRegion(start, bytes, rights, flags, source, pageOffset, file);
  if (--source.references == 0) source.release();
  if (file) filePut(file);
  return error;
}
