/**
 * Mapped pages of files, when memory is short: what a disk's page cache can read again is taken out
 * of the application's mappings, so that the cache can drop it (mem/reclaim.ts).
 *
 *     unmapIdlePages(pages)
 *
 * A clock: the hand goes over the areas by address. An entry that was used since its last round
 * (the accessed bit) gets another one. Only entries that say nothing of their own are taken: not a
 * copy made on write, not memory without a file. The next access faults and finds the page again.
 *
 * It runs inside of an allocation, possibly one of the fault handler or of mmap(2). So page tables
 * stay, areas stay as they are, and whoever holds an entry's value across an allocation compares it
 * afterwards.
 */
import { load64, store64 } from "../arch/hw";
import {
  flushAll,
  LARGE_SIZE,
  PTE_ACCESSED,
  PTE_ADDRESS,
  PTE_COUNTED,
  PTE_LARGE,
  PTE_PRIVATE,
  walk,
  walkLarge,
} from "../arch/x86_64/paging";
import { PAGE_SIZE, pagePut } from "./page-allocator";
import { residentRemove } from "./user-pages";
import { VMA_LOCKED, Vma, vmaFirstFrom } from "./vma";

/**
 * So many pages of files stay mapped. One instruction may need several at once; without this, its
 * faults could take them from each other for ever, where memory is really out.
 */
const KEPT: u32 = 64;
/** The first round may begin in the middle, the second takes second chances, the third pages. */
const ROUNDS = 3;

/** Where the hand is. */
let hand: u64 = 0;
/** Pages still wanted; entries seen (`count`) do not change anything. */
let wanted: u32 = 0;

function isReadAgain(area: Vma): bool {
  const source = area.source;
  return source != null && source.isReadAgain && (area.flags & VMA_LOCKED) == 0;
}

function isIdleCandidate(entry: u64): bool {
  return (entry & (PTE_COUNTED | PTE_PRIVATE)) == PTE_COUNTED;
}

/** Address of the entries of the 2 MiB region that holds `address`, or 0 when it has no table. */
function entriesAt(address: u64): u64 {
  const large = walkLarge(address, false);
  if (large == 0) return 0;
  const value = load64(large);
  return value == 0 || (value & PTE_LARGE) != 0 ? 0 : walk(address, false);
}

function regionEnd(address: u64, end: u64): u64 {
  return min(end, (address | (LARGE_SIZE - 1)) + 1);
}

/** Whether more than `KEPT` pages of files are mapped. */
function areMoreThanKept(): bool {
  let count: u32 = 0;
  let area = vmaFirstFrom(0);
  while (area) {
    let address = isReadAgain(area) ? area.start : area.end;
    while (address < area.end) {
      const stop = regionEnd(address, area.end);
      let entry = entriesAt(address);
      for (; entry != 0 && address < stop; address += PAGE_SIZE) {
        if (isIdleCandidate(load64(entry)) && ++count > KEPT) return true;
        entry += 8;
      }
      address = stop;
    }
    area = vmaFirstFrom(area.end);
  }
  return false;
}

/** Moves the hand to `stop`, or to where nothing is wanted any more. */
function sweepRegion(stop: u64): void {
  let entry = entriesAt(hand);
  if (entry == 0) hand = stop;
  for (; hand < stop && wanted > 0; hand += PAGE_SIZE) {
    const value = load64(entry);
    if (isIdleCandidate(value)) {
      if ((value & PTE_ACCESSED) != 0) {
        store64(entry, value & ~PTE_ACCESSED);
      } else {
        store64(entry, 0);
        pagePut(value & PTE_ADDRESS);
        residentRemove(1);
        wanted--;
      }
    }
    entry += 8;
  }
}

/**
 * Takes up to `pages` pages out of mappings; returns how many. Forgets all translations, so that
 * the accessed bits of those that stay are true.
 */
export function unmapIdlePages(pages: u32): u32 {
  if (!areMoreThanKept()) return 0;
  wanted = pages;
  let rounds = 0;
  while (wanted > 0 && rounds < ROUNDS) {
    const area = vmaFirstFrom(hand);
    if (!area) {
      hand = 0;
      rounds++;
      continue;
    }
    if (!isReadAgain(area)) {
      hand = area.end;
      continue;
    }
    hand = max(hand, area.start);
    while (hand < area.end && wanted > 0) sweepRegion(regionEnd(hand, area.end));
  }
  flushAll();
  return pages - wanted;
}
