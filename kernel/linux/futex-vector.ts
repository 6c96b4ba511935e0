/**
 * futex_waitv(2): waiting for one of several futexes.
 *
 * Each word gets a waiter (futex-waiter.ts), and all share the queue in which the thread sleeps. A
 * word is looked at after its waiter has been entered, so that a wake that comes while the call
 * sleeps on the next word is not lost: the waiter has been granted then.
 */
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";
import { currentThread, threadScratch } from "../sched/thread";
import { NO_DEADLINE, WaitQueue } from "../sched/wait-queue";
import { CLOCK_MONOTONIC, CLOCK_REALTIME, clockDeadline } from "./clocks";
import { FUTEX_PRIVATE_FLAG, futexKey, futexKeyError } from "./futex-key";
import { FutexWaiter, WAITS_VECTOR, waiterAdd, waiterRemove } from "./futex-waiter";
import { loadTimespec } from "./timespec";
import { loadUser } from "./user-memory";

// include/uapi/linux/futex.h
const FUTEX_WAITV_MAX: u32 = 128;
const FUTEX2_SIZE_U32: u32 = 2;
const FUTEX2_SIZE_MASK: u32 = 3;
const FUTEX_BITSET_MATCH_ANY: u32 = 0xffffffff;
/** struct futex_waitv: val, uaddr, flags, __reserved. */
const WAITV_SIZE: u64 = 24;

/** The waiters of one call, behind the queue in which the thread sleeps. */
function waiterAt(block: usize, index: u32): FutexWaiter {
  const first = block + offsetof<WaitQueue>();
  return changetype<FutexWaiter>(first + <usize>index * offsetof<FutexWaiter>());
}

/** The word of an element: its 32 bits, or -EFAULT. May sleep. */
function readWord(address: u64): i64 {
  if (loadUser(threadScratch(), address, 4) != 0) return -EFAULT;
  return <i64>load<u32>(threadScratch());
}

/** Enters the waiter of one element: 0, -EAGAIN (another value), -EFAULT or -EINVAL. May sleep. */
function enter(block: usize, index: u32, element: u64): i32 {
  const at = threadScratch();
  if (loadUser(at, element, WAITV_SIZE) != 0) return -EFAULT;
  const expected = load<u64>(at);
  const address = load<u64>(at, 8);
  const flags = load<u32>(at, 16);
  const isPlain = (flags & ~(FUTEX2_SIZE_MASK | FUTEX_PRIVATE_FLAG)) == 0 && load<u32>(at, 20) == 0;
  if (!isPlain || (flags & FUTEX2_SIZE_MASK) != FUTEX2_SIZE_U32) return -EINVAL;
  if (expected > <u64>u32.MAX_VALUE) return -EINVAL;
  const key = futexKey(address, flags, false);
  if (futexKeyError(key) != 0) return futexKeyError(key);
  const waiter = waiterAt(block, index);
  const sleeper = changetype<WaitQueue>(block);
  waiter.init(WAITS_VECTOR, key, FUTEX_BITSET_MATCH_ANY, currentThread(), sleeper);
  waiterAdd(waiter);
  const value = readWord(address);
  if (value < 0) return -EFAULT;
  return value == <i64>expected ? 0 : -EAGAIN;
}

/** Takes the waiters out; returns the number of one that was woken, or -1. */
function leave(block: usize, entered: u32): i64 {
  let woken: i64 = -1;
  for (let index: u32 = 0; index < entered; index++) {
    const waiter = waiterAt(block, index);
    waiterRemove(waiter);
    if (waiter.isGranted) woken = index;
  }
  return woken;
}

/**
 * Which of the futexes has woken the thread; -EAGAIN (a word has another value), -EFAULT, -EINTR,
 * -EINVAL, -ENOMEM or -ETIMEDOUT. `timeout` is a time of the clock.
 */
export function sys_futex_waitv(
  elements: u64,
  count: u32,
  flags: u32,
  timeout: u64,
  clock: i32,
): i64 {
  if (flags != 0 || count == 0 || count > FUTEX_WAITV_MAX || elements == 0) return -EINVAL;
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return -EINVAL;
    const ns = loadTimespec(timeout);
    if (ns < 0) return ns;
    deadline = clockDeadline(clock, ns);
  }
  const block = heapAlloc(offsetof<WaitQueue>() + <usize>count * offsetof<FutexWaiter>());
  if (block == 0) return -ENOMEM;
  memory.fill(block, 0, offsetof<WaitQueue>() + <usize>count * offsetof<FutexWaiter>());
  let error: i64 = 0;
  let entered: u32 = 0;
  while (entered < count && error == 0) {
    error = enter(block, entered, elements + <u64>entered * WAITV_SIZE);
    entered++;
  }
  let isWoken = false;
  for (let index: u32 = 0; index < entered; index++) {
    if (waiterAt(block, index).isGranted) isWoken = true;
  }
  if (error == 0 && !isWoken) error = changetype<WaitQueue>(block).wait(deadline);
  const woken = leave(block, entered);
  heapFree(block);
  return woken >= 0 ? woken : error;
}
