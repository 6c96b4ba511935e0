/**
 * The application's memory for the simulator of sleeps (test/sim/sleep); nothing of this is part of
 * the kernel.
 *
 * Page tables, areas and faults are the kernel's own. What the CPU does is played here: `reach`
 * walks the tables and takes faults, and `simUserCopy`, which stands for the CPU's `userCopy`,
 * copies page by page. Any page may be absent, so each is a place to sleep: `othersRun` is the
 * simulator's decision who goes on. Whatever is reached is compared with what the areas say at that
 * moment.
 *
 * A SimSource is a file on a slow disk: each page takes a sleep to get, and begins with a word that
 * tells which page of which file it is, and how often the file had been cut.
 */
import * as hw from "../arch/hw";
import { PTE_ADDRESS, PTE_PRESENT, PTE_PRIVATE, PTE_WRITE } from "../arch/x86_64/paging";
import { FAULT_PRESENT, FAULT_WRITE } from "../arch/x86_64/trap-frame";
import { File, O_RDWR } from "../fs/file";
import { PageSource } from "../fs/page-source";
import { fail, othersRun } from "../lib/sim";
import { discardSource } from "../mem/address-space";
import { FAULT_RESOLVED, handleFault } from "../mem/fault";
import {
  allocPages,
  directMap,
  PAGE_SHIFT,
  PAGE_SIZE,
  pageGet,
  pagePut,
  pageReferences,
} from "../mem/page-allocator";
import { entryOf } from "../mem/user-pages";
import { PROT_WRITE, VMA_SHARED, Vma, vmaFind, vmaFirstFrom } from "../mem/vma";
import { USER_END } from "./user-memory";

/** Pages of a SimSource at most. */
const SOURCE_PAGES: u32 = 16;
/** An access that faults more often than that will not succeed. */
const FAULTS_MAX = 100;
/** Where a page says which one it is; programs write elsewhere. */
const TAG_SOURCE_SHIFT: u32 = 24;
const TAG_CUTS_SHIFT: u32 = 16;

let sourceCount: u32 = 0;

export class SimSource extends PageSource {
  private number: u32 = ++sourceCount;
  private pageCount: u32;
  private isReleased: bool = false;
  private frames: StaticArray<u64> = new StaticArray<u64>(<i32>SOURCE_PAGES);

  constructor(pages: u32) {
    super();
    this.pageCount = pages;
  }

  size(): u64 {
    return (<u64>this.pageCount) << PAGE_SHIFT;
  }

  tagOf(index: u32): u32 {
    return (this.number << TAG_SOURCE_SHIFT) | (this.cuts << TAG_CUTS_SHIFT) | index;
  }

  getPage(index: u64): u64 {
    if (this.isReleased) fail("a page of a source that has been released is read");
    const there = this.peekPage(index);
    if (there != 0) return there;
    othersRun();
    if (this.isReleased) fail("a source is released while a page of it is read");
    if (index >= this.pageCount) return 0;
    // Another thread may have read it meanwhile.
    if (this.frames[<i32>index] == 0) {
      const frame = allocPages(0);
      if (frame == 0) return 0;
      hw.store32(directMap(frame), this.tagOf(<u32>index));
      this.frames[<i32>index] = frame;
    }
    pageGet(this.frames[<i32>index]);
    // The disk's answer comes to a thread that sleeps.
    const frame = this.frames[<i32>index];
    othersRun();
    if (this.isReleased) fail("a source is released while a page of it is read");
    return frame;
  }

  peekPage(index: u64): u64 {
    const frame = index < this.pageCount ? this.frames[<i32>index] : 0;
    if (frame != 0) pageGet(frame);
    return frame;
  }

  /** Cuts the file to `pages` and makes it as long as it was: the pages from there on are new. */
  cut(pages: u32): void {
    const before = this.pageCount;
    this.pageCount = pages;
    discardSource(this, pages);
    for (let index = pages; index < SOURCE_PAGES; index++) {
      const frame = this.frames[<i32>index];
      if (frame != 0) pagePut(frame);
      this.frames[<i32>index] = 0;
    }
    for (let index: u32 = 0; index < pages; index++) {
      const frame = this.frames[<i32>index];
      if (frame != 0) hw.store32(directMap(frame), this.tagOf(index));
    }
    this.pageCount = before;
  }

  /** Whether nobody but the source holds a page of it. */
  isAlone(): bool {
    for (let index: u32 = 0; index < SOURCE_PAGES; index++) {
      const frame = this.frames[<i32>index];
      if (frame != 0 && pageReferences(frame) != 1) return false;
    }
    return true;
  }

  release(): void {
    this.isReleased = true;
  }
}

/** An open file of a SimSource. */
export class SimFile extends File {
  constructor(public source: SimSource) {
    super();
    this.flags = O_RDWR;
  }

  pageSource(): usize {
    return changetype<usize>(this.source);
  }

  release(): void {
    if (--this.source.references == 0) this.source.release();
  }
}

/** What is mapped at a page must be what the area says. */
function checkPage(area: Vma | null, page: u64, value: u64): void {
  if (!area) {
    fail("a page is mapped where no area is");
    return;
  }
  const isShared = (area.flags & VMA_SHARED) != 0;
  const isPrivate = (value & PTE_PRIVATE) != 0;
  if ((value & PTE_WRITE) != 0) {
    if ((area.protection & PROT_WRITE) == 0) fail("a page may be written, its area not");
    if (!isPrivate && !isShared) fail("a file's page may be written by a private mapping");
  }
  const source = area.source;
  if (!source || !(source instanceof SimSource)) return;
  const index = area.pageOffset + ((page - area.start) >> PAGE_SHIFT);
  const wanted = (<SimSource>source).tagOf(<u32>index);
  const tag = hw.load32(directMap(value & PTE_ADDRESS));
  // A private copy may be older than the last cut of the file.
  const seen = isPrivate ? ~((<u32>0xff) << TAG_CUTS_SHIFT) : ~(<u32>0);
  if ((tag & seen) != (wanted & seen)) fail("the page of another place of the file is mapped");
}

/** The physical address that an access at `address` reaches; 0: it is a fault of the program. */
function reach(address: u64, isWrite: bool): u64 {
  const page = address & ~(PAGE_SIZE - 1);
  for (let faults = 0; faults < FAULTS_MAX; faults++) {
    const entry = entryOf(page);
    const value = entry != 0 ? hw.load64(entry) : 0;
    const isThere = (value & PTE_PRESENT) != 0;
    if (isThere) checkPage(vmaFind(page), page, value);
    if (isThere && (!isWrite || (value & PTE_WRITE) != 0)) {
      return (value & PTE_ADDRESS) + (address & (PAGE_SIZE - 1));
    }
    const error = (isThere ? FAULT_PRESENT : 0) | (isWrite ? FAULT_WRITE : 0);
    if (handleFault(address, error) != FAULT_RESOLVED) return 0;
    // The way back to the access may be interrupted.
    othersRun();
  }
  fail("an access faults for ever");
  return 0;
}

/** Plays the CPU's `userCopy`: returns how many bytes could not be copied. */
export function simUserCopy(to: u64, from: u64, n: u64): u64 {
  const isWrite = to < USER_END;
  const user = isWrite ? to : from;
  if (user >= USER_END) {
    hw.copy(to, from, n);
    return 0;
  }
  let done: u64 = 0;
  while (done < n) {
    const step = min(n - done, PAGE_SIZE - ((user + done) & (PAGE_SIZE - 1)));
    othersRun();
    const physical = reach(user + done, isWrite);
    if (physical == 0) return n - done;
    if (isWrite) hw.copy(directMap(physical), from + done, step);
    else hw.copy(to + done, directMap(physical), step);
    done += step;
  }
  return 0;
}

// ---- The application's instructions -------------------------------------------------------------

/** What an access that is a fault of the program returns. */
const FAULTED: u32 = 0xffffffff;

export function simLoad(address: u32): u32 {
  const physical = reach(address, false);
  return physical != 0 ? hw.load32(directMap(physical)) : FAULTED;
}

export function simStore(address: u32, value: u32): u32 {
  const physical = reach(address, true);
  if (physical == 0) return FAULTED;
  hw.store32(directMap(physical), value);
  return 0;
}

/** lock cmpxchg: the value that was there. */
export function simCompareExchange(address: u32, expected: u32, value: u32): u32 {
  const physical = reach(address, true);
  if (physical == 0) return FAULTED;
  const was = hw.load32(directMap(physical));
  if (was == expected) hw.store32(directMap(physical), value);
  return was;
}

/** xchg: the value that was there. */
export function simExchange(address: u32, value: u32): u32 {
  const physical = reach(address, true);
  if (physical == 0) return FAULTED;
  const was = hw.load32(directMap(physical));
  hw.store32(directMap(physical), value);
  return was;
}

/** What the program itself sees at an address of anonymous memory. Nothing stops in here. */
function privateAddress(address: u32): u64 {
  const entry = entryOf(address);
  const value = entry != 0 ? hw.load64(entry) : 0;
  if ((value & PTE_PRESENT) == 0) handleFault(address, FAULT_WRITE);
  return directMap((hw.load64(entryOf(address)) & PTE_ADDRESS) + (address & (PAGE_SIZE - 1)));
}

export function simPeek(address: u32): u32 {
  return hw.load32(privateAddress(address));
}

export function simPoke(address: u32, value: u32): void {
  hw.store32(privateAddress(address), value);
}

/** Looks at all that is mapped. */
export function simCheckSpace(): void {
  let area = vmaFirstFrom(0);
  while (area) {
    for (let page = area.start; page < area.end; page += PAGE_SIZE) {
      const entry = entryOf(page);
      const value = entry != 0 ? hw.load64(entry) : 0;
      if ((value & PTE_PRESENT) != 0) checkPage(area, page, value);
    }
    area = vmaFirstFrom(area.end);
  }
}

/** Pages in [address, address + pages) that are mapped where no area is. */
export function simCheckGap(address: u32, pages: u32): void {
  for (let i: u32 = 0; i < pages; i++) {
    const page = <u64>address + ((<u64>i) << PAGE_SHIFT);
    const entry = entryOf(page);
    if (entry != 0 && hw.load64(entry) != 0 && !vmaFind(page)) {
      fail("a page is mapped where no area is");
    }
  }
}
