/**
 * getrandom(2).
 */

import { EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { randomBytes } from "../lib/random";
import { heapAlloc, heapFree } from "../runtime/heap";
import { storeUser } from "./user-memory";

const GRND_MASK: u32 = 7;
/** GRND_RANDOM and GRND_INSECURE exclude each other. */
const GRND_RANDOM_INSECURE: u32 = 6;
/** What is made and copied in one step. */
const STEP: u64 = 1024;

export function sys_getrandom(to: u64, n: u64, flags: u32): i64 {
  if ((flags & ~GRND_MASK) != 0) return -EINVAL;
  if ((flags & GRND_RANDOM_INSECURE) == GRND_RANDOM_INSECURE) return -EINVAL;
  const total = min<u64>(n, i32.MAX_VALUE);
  if (total == 0) return 0;
  // Not static: while a copy sleeps on a page fault, another thread must not be given the same
  // bytes.
  const buffer = heapAlloc(<usize>min(total, STEP));
  if (buffer == 0) return -ENOMEM;
  let done: u64 = 0;
  while (done < total) {
    const step = min(total - done, STEP);
    randomBytes(buffer, <usize>step);
    if (storeUser(to + done, buffer, step) != 0) break;
    done += step;
  }
  memory.fill(buffer, 0, <usize>min(total, STEP));
  heapFree(buffer);
  return done != 0 ? <i64>done : -EFAULT;
}
