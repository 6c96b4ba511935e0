/**
 * The one place where the kernel touches the application's memory. An address from the application
 * is a claim: what is not mapped, or not in the lower half, gives -EFAULT, never a fault of the
 * kernel. No other file may import `userCopy`, and `copyChecked` is for fs/io-vector.ts alone
 * (test/tidy.test.ts).
 */
import { addressOf, currentThread as currentThreadPointer, load8, userCopy } from "../arch/hw";
import { EFAULT, ENAMETOOLONG } from "../lib/errno";
import { Thread } from "../sched/thread";

/**
 * End of the application's part of the address space: its half of 47 bits but for the last page, in
 * which Linux too maps nothing (TASK_SIZE_MAX).
 */
export const USER_END: u64 = 0x0000_7fff_ffff_f000;

/** Whether [address, address + n) lies in the application's part. */
export function userRange(address: u64, n: u64): bool {
  return n <= USER_END && address <= USER_END - n;
}

/** Copies n bytes from the application to a kernel address. 0 or -EFAULT. */
export function copyFromUser(to: u64, from: u64, n: u64): i32 {
  if (!userRange(from, n) || userCopy(to, from, n) != 0) return -EFAULT;
  return 0;
}

/** Copies n bytes from a kernel address to the application. 0 or -EFAULT. */
export function copyToUser(to: u64, from: u64, n: u64): i32 {
  if (!userRange(to, n) || userCopy(to, from, n) != 0) return -EFAULT;
  return 0;
}

/**
 * Copies n bytes between the kernel and a range that has been checked before: for IoVector, which
 * holds only such ranges. Returns how many bytes could not be copied.
 */
export function copyChecked(to: u64, from: u64, n: u64): u64 {
  return userCopy(to, from, n);
}

/** As `copyFromUser`, into an object of linear memory. */
export function loadUser(object: usize, from: u64, n: u64): i32 {
  return copyFromUser(addressOf(object), from, n);
}

/** As `copyToUser`, from an object of linear memory. */
export function storeUser(to: u64, object: usize, n: u64): i32 {
  return copyToUser(to, addressOf(object), n);
}

/** Of the thread: a copy that faults may sleep, and others run. */
function scratch(): usize {
  return currentThreadPointer() + offsetof<Thread>("scratch");
}

/** Stores a value at an address of the application. 0 or -EFAULT. */
export function storeUser32(to: u64, value: u32): i32 {
  const at = scratch();
  store<u32>(at, value);
  return storeUser(to, at, 4);
}

export function storeUser64(to: u64, value: u64): i32 {
  const at = scratch();
  store<u64>(at, value);
  return storeUser(to, at, 8);
}

/**
 * Copies a zero-terminated text to `to`, which has room for `size` bytes, terminator included.
 * Returns its length without the terminator, -EFAULT, or -ENAMETOOLONG.
 */
export function copyStringFromUser(to: usize, from: u64, size: u64): i64 {
  let done: u64 = 0;
  while (done < size) {
    // Up to the next page, so that a text that ends before an unmapped page is read whole.
    const step = min(size - done, 4096 - ((from + done) & 4095));
    if (copyFromUser(addressOf(to) + done, from + done, step) != 0) return -EFAULT;
    for (let i: u64 = 0; i < step; i++) {
      if (load8(addressOf(to) + done + i) == 0) return <i64>(done + i);
    }
    done += step;
  }
  return -ENAMETOOLONG;
}
