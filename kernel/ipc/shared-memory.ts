/**
 * System V shared memory: segments, which areas of the address space map (shmget(2), shmat(2)).
 *
 *     segmentCreate(key, bytes, flags, pid)       its identifier, or -errno
 *     segments                                    the table to find them in
 *     segmentAt(area)                             the segment that an area maps, or null
 *     segment.remove()                            IPC_RMID: it ends with its last area
 *     shmPages(), shmResident()                   what all segments together have
 *
 * A segment's pages are the source of the areas that map it (fs/page-source.ts), and the table
 * holds one reference more. So whatever ends a mapping ends an attachment: shmdt, munmap, another
 * mapping in its place. With the last reference the segment leaves the table and its memory goes.
 */
import { fill } from "../arch/hw";
import { entryOf, entryPage, PageMap } from "../fs/page-map";
import { PageSource } from "../fs/page-source";
import { EINVAL, ENOMEM, ENOSPC } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import {
  allocPages,
  directMap,
  PAGE_SHIFT,
  PAGE_SIZE,
  pageGet,
  pagePut,
  totalPageCount,
} from "../mem/page-allocator";
import { Vma, vmaFirstFrom } from "../mem/vma";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { IPC_PRIVATE, IpcObject, IpcTable, ipcSeconds } from "./ipc";

// include/uapi/linux/shm.h: of shmget(2), and what shm_perm.mode tells.
const SHM_NORESERVE: u32 = 0o10000;
export const SHM_HUGETLB: u32 = 0o4000;
const SHM_DEST: u32 = 0o1000;
const SHM_LOCKED: u32 = 0o2000;

/** Bytes of one segment, pages of all: ULONG_MAX - (1 << 24). */
export const SHMMAX: u64 = u64.MAX_VALUE - (1 << 24);
export const SHMALL: u64 = SHMMAX;
export const SHMMIN: u64 = 1;
export const SHMMNI: u32 = 4096;

export const segments: IpcTable<Segment> = new IpcTable<Segment>();
/** Pages that all segments may have, and do have. */
let pagesTotal: u64 = 0;
let pagesResident: u64 = 0;

export function shmPages(): u64 {
  return pagesTotal;
}

export function shmResident(): u64 {
  return pagesResident;
}

export class Segment extends IpcObject {
  /** Owned; one of its references is the table's until the segment is removed. */
  readonly pages: SegmentPages = new SegmentPages();
  /** Seconds since 1970. */
  attachedAt: u64 = 0;
  detachedAt: u64 = 0;
  lastPid: u32 = 0;

  /** `bytes`: as asked for; memory comes by whole pages. */
  constructor(
    readonly bytes: u64,
    readonly creatorPid: u32,
  ) {
    super();
    this.pages.segment = this;
  }

  get pageCount(): u64 {
    return pagesFor(this.bytes);
  }

  /** How many areas map it. */
  attachments(): u64 {
    let count: u64 = 0;
    let area = vmaFirstFrom(0);
    while (area) {
      if (area.source == this.pages) count++;
      area = vmaFirstFrom(area.end);
    }
    return count;
  }

  attached(pid: u32): void {
    this.attachedAt = ipcSeconds();
    this.lastPid = pid;
  }

  detached(pid: u32): void {
    this.detachedAt = ipcSeconds();
    this.lastPid = pid;
  }

  setLocked(isLocked: bool): void {
    if (isLocked) this.mode |= SHM_LOCKED;
    else this.mode &= ~SHM_LOCKED;
  }

  /** No key leads to it any more. It ends now, or with the last area. */
  remove(): void {
    if ((this.mode & SHM_DEST) != 0) return;
    this.mode |= SHM_DEST;
    this.key = IPC_PRIVATE;
    this.pages.put();
  }

  /** The last reference on the pages is gone. */
  destroy(): void {
    segments.leave(this);
    pagesTotal -= this.pageCount;
    this.pages.destroy();
    free(this.pages);
    free(this);
  }
}

/** A segment's memory: zeros until it is written. */
export class SegmentPages extends PageSource {
  segment!: Segment;
  private map: PageMap = new PageMap();

  size(): u64 {
    return this.segment.pageCount << PAGE_SHIFT;
  }

  get resident(): u64 {
    return this.map.count;
  }

  getPage(index: u64): i64 {
    const present = this.peekPage(index);
    if (present != 0) return present;
    const page = allocPages(0);
    if (page == 0) return -ENOMEM;
    fill(directMap(page), 0, PAGE_SIZE);
    if (!this.map.set(index, entryOf(page))) {
      pagePut(page);
      return -ENOMEM;
    }
    pagesResident++;
    pageGet(page);
    return page;
  }

  peekPage(index: u64): u64 {
    const entry = this.map.entry(index);
    if (entry == 0) return 0;
    pageGet(entryPage(entry));
    return entryPage(entry);
  }

  /** As /proc/self/maps has it. */
  putName(out: TextBuffer): void {
    out.put("/SYSV").hex(this.segment.key, 8).put(" (deleted)");
  }

  put(): void {
    if (--this.references == 0) this.release();
  }

  release(): void {
    this.segment.destroy();
  }

  destroy(): void {
    const end = this.segment.pageCount;
    for (let index = this.map.next(0); index < end; index = this.map.next(index + 1)) {
      pagePut(entryPage(this.map.entry(index)));
      this.map.set(index, 0);
      pagesResident--;
    }
    this.map.destroy();
    free(this.map);
  }
}

/** Pages that hold so many bytes. */
function pagesFor(bytes: u64): u64 {
  return ((bytes - 1) >> PAGE_SHIFT) + 1;
}

/** Why there can't be a segment: 0, -EINVAL, -ENOSPC or -ENOMEM. */
function sizeError(bytes: u64, flags: u32): i64 {
  if (bytes < SHMMIN || bytes > SHMMAX) return -EINVAL;
  const pages = pagesFor(bytes);
  if (pages > SHMALL - pagesTotal) return -ENOSPC;
  // No large pages are reserved.
  if ((flags & SHM_HUGETLB) != 0) return -ENOMEM;
  // As for mmap(2): what could obviously never be backed is refused, and only that.
  return (flags & SHM_NORESERVE) == 0 && pages > totalPageCount() ? -ENOMEM : 0;
}

/** -EINVAL (size), -ENOSPC (limits), -ENOMEM. Does not sleep. */
export function segmentCreate(key: u32, bytes: u64, flags: u32, pid: u32): i64 {
  const error = sizeError(bytes, flags);
  if (error != 0) return error;
  const segment = attempt(new Segment(bytes, pid));
  if (!segment) return -ENOMEM;
  const id = segments.enter(segment, key, flags, SHMMNI);
  if (id < 0) {
    segment.pages.destroy();
    free(segment.pages);
    free(segment);
    return id;
  }
  pagesTotal += segment.pageCount;
  return id;
}

export function segmentAt(area: Vma): Segment | null {
  const source = area.source;
  return source && source instanceof SegmentPages ? (<SegmentPages>source).segment : null;
}
