/**
 * Words of the application that the kernel reads or changes in one step with its own state:
 * futexes.
 *
 *     userWordNow(address, isWritten)      where the word is now; 0 when a fault is needed first
 *     userWordRead(address), userWord(address)      the same, after a fault; 0: -EFAULT
 *
 * The result is an address in the direct map, by which the word may be read, or written if that was
 * asked for. It holds until the caller sleeps: then it is asked for again. (A copy, as
 * user-memory.ts has them, may sleep between the word's reading and its writing.) With more CPUs
 * the word is changed by compare-exchange, and its page held.
 */
import { load64 } from "../arch/hw";
import { LARGE_SIZE, PTE_ADDRESS, PTE_LARGE, PTE_PRESENT, PTE_WRITE } from "../arch/x86_64/paging";
import { FAULT_PRESENT, FAULT_WRITE } from "../arch/x86_64/trap-frame";
import { FAULT_RESOLVED, handleFault } from "../mem/fault";
import { directMap, PAGE_SIZE } from "../mem/page-allocator";
import { entryOf } from "../mem/user-pages";
import { USER_END } from "./user-memory";

export function userWordNow(address: u64, isWritten: bool): u64 {
  const entry = entryOf(address);
  if (entry == 0) return 0;
  const value = load64(entry);
  const needed = isWritten ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT;
  if ((value & needed) != needed) return 0;
  const size = (value & PTE_LARGE) != 0 ? LARGE_SIZE : PAGE_SIZE;
  return directMap((value & PTE_ADDRESS & ~(size - 1)) + (address & (size - 1)));
}

function withFaults(address: u64, isWritten: bool): u64 {
  if (address >= USER_END || (address & 3) != 0) return 0;
  let at = userWordNow(address, isWritten);
  while (at == 0) {
    const isThere = isWritten && userWordNow(address, false) != 0;
    const error = (isThere ? FAULT_PRESENT : 0) | (isWritten ? FAULT_WRITE : 0);
    if (handleFault(address, error) != FAULT_RESOLVED) return 0;
    at = userWordNow(address, isWritten);
  }
  return at;
}

/** Where an aligned word is, to be read. 0: -EFAULT. May sleep. */
export function userWordRead(address: u64): u64 {
  return withFaults(address, false);
}

/** Where an aligned word is, to be read and written. 0: -EFAULT. May sleep. */
export function userWord(address: u64): u64 {
  return withFaults(address, true);
}
