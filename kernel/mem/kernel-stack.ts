/**
 * Kernel stacks: slots of linear memory, the lowest page of each unmapped, so that an overflow
 * faults.
 *
 *     | guard | stack ………… top |
 *
 * A stack that is given back stays mapped and is handed out again first: the last used is warm in
 * the cache.
 */
import * as hw from "../arch/hw";
import { mapKernelPage } from "../arch/x86_64/paging";

const STACKS_START: usize = 0x20000000;
const STACKS_END: usize = 0x40000000;
const PAGE: usize = 4096;
export const STACK_SIZE: usize = 4 * PAGE;
const SLOT_SIZE: usize = STACK_SIZE + PAGE;
/** So many threads there may be. */
export const STACKS_MAX: u32 = <u32>((STACKS_END - STACKS_START) / SLOT_SIZE);

let next: usize = STACKS_START;
/** Free stacks, linked through the word at their top. */
let freeTop: usize = 0;

/** Pointer to the top of a stack, aligned to 16; 0 when memory is short. */
export function stackAllocate(): usize {
  if (freeTop != 0) {
    const top = freeTop;
    freeTop = load<usize>(top - 16);
    return top;
  }
  if (next + SLOT_SIZE > STACKS_END) return 0;
  for (let page: usize = next + PAGE; page < next + SLOT_SIZE; page += PAGE) {
    // Pages mapped before a failure stay mapped, for when the slot is tried again.
    if (!mapKernelPage(hw.addressOf(page))) return 0;
  }
  next += SLOT_SIZE;
  return next;
}

export function stackFree(top: usize): void {
  store<usize>(top - 16, freeTop);
  freeTop = top;
}

/** Whether an address lies in the guard page of a kernel stack. */
export function isStackGuard(address: u64): bool {
  const start = hw.addressOf(STACKS_START);
  if (address < start || address >= hw.addressOf(STACKS_END)) return false;
  return (address - start) % SLOT_SIZE < PAGE;
}
