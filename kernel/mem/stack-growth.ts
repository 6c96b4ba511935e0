/**
 * Areas that grow towards lower addresses when somebody touches what lies below them
 * (MAP_GROWSDOWN): stacks that a program has mapped itself.
 *
 *     growStack(address)             from the page fault: the area that now has the address, or null
 *     setGrowthLimits(stack, space)  RLIMIT_STACK and RLIMIT_AS
 *     findFree                       address-space.ts keeps the gap free where there are such areas
 *
 * As on Linux: to the page touched, however far below, as long as the limits allow it and a gap
 * stays to the next area below, so that a stack that overflows meets nothing of others'. What is
 * mapped without any right keeps no distance: it is a guard itself.
 */
import { addressSpacePages, growAreaDown, MAP_LOW, STACK_GUARD_GAP } from "./address-space";
import { PAGE_SHIFT, PAGE_SIZE } from "./page-allocator";
import { VMA_GROWS_DOWN, Vma, vmaFirstFrom, vmaLastBelow } from "./vma";

let stackLimit: u64 = 8 << 20;
let spaceLimit: u64 = u64.MAX_VALUE;

/** In bytes. */
export function setGrowthLimits(stack: u64, space: u64): void {
  stackLimit = stack;
  spaceLimit = space;
}

/** Whether there is the distance to what lies below. */
function keepsGap(area: Vma, start: u64): bool {
  const below = vmaLastBelow(area.start);
  if (!below || below.protection == 0 || (below.flags & VMA_GROWS_DOWN) != 0) return true;
  return start >= below.end + STACK_GUARD_GAP;
}

/** Lets the area above an address that nothing is mapped at grow down to it. Does not sleep. */
export function growStack(address: u64): Vma | null {
  const area = vmaFirstFrom(address);
  if (!area || (area.flags & VMA_GROWS_DOWN) == 0) return null;
  const start = address & ~(PAGE_SIZE - 1);
  const pages = (area.start - start) >> PAGE_SHIFT;
  if (start < MAP_LOW || area.end - start > stackLimit || !keepsGap(area, start)) return null;
  if (addressSpacePages() + pages > spaceLimit >> PAGE_SHIFT) return null;
  // A file begins somewhere.
  if (area.source && area.pageOffset < pages) return null;
  growAreaDown(area, start);
  return area;
}
