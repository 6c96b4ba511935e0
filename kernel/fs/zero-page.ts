/**
 * A page of zeros that is never written: what a hole in a file reads as, and /dev/zero.
 */
import { fill } from "../arch/hw";
import { allocPages, directMap, PAGE_SIZE } from "../mem/page-allocator";

let page: u64 = 0;

/** Its physical address, borrowed; 0 when memory is short. */
export function zeroPage(): u64 {
  return page != 0 ? page : makeZeroPageSlowly();
}

function makeZeroPageSlowly(): u64 {
  page = allocPages(0);
  if (page != 0) fill(directMap(page), 0, PAGE_SIZE);
  return page;
}
