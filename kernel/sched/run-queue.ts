/**
 * The run queue of one CPU: threads ordered by decayed run time, the smallest first.
 *
 * Fairness by exponentially decaying run time: what a thread has run counts for less the longer ago
 * it was, with a time constant of TAU. Decaying every thread's value all the time would cost O(n);
 * instead a new run is counted for more the later it happens, which orders threads the same way: a
 * run of d ns at time t adds
 *
 *     d * PRIORITY_NORMAL / priority * 2^(t / TAU)
 *
 * 2^x is a shift by the whole part of x and a straight line in between. An epoch is 32 TAU; when a
 * new one begins, the values of all threads in the queue are divided by 2^32 (which keeps their
 * order), and those of sleepers when they wake. A sleeper so keeps its claim, but only for a few
 * TAU.
 *
 * The queue is a binary heap of pointers, O(log n); a thread knows its place (queueIndex, from 1).
 */
import { panic } from "../lib/panic";
import { heapAlloc, heapFree } from "../runtime/heap";
import { PRIORITY_NORMAL, Thread } from "./thread";

/** 2^27 ns, 134 ms: a shift finds the position in it. */
const TAU_SHIFT: u64 = 27;
/** 2^5 TAU to an epoch. */
const EPOCH_SHIFT: u64 = 5;
const EPOCH_MASK: u64 = (1 << EPOCH_SHIFT) - 1;
/** The longest run that is accounted for at once: with it, a weighted run fits 64 bits. */
const RUN_MAX: u64 = 1 << 30;

let capacity: u32 = 0;
/** Pointers of threads; slot 0 is unused. */
let slots: usize = 0;
let count: u32 = 0;
let queueEpoch: u64 = 0;

/** The epoch that `now` lies in. */
function epochAt(now: u64): u64 {
  return now >> (TAU_SHIFT + EPOCH_SHIFT);
}

/** Brings a thread's run time into the epoch of `now`. */
function normalize(thread: Thread, now: u64): void {
  const epoch = epochAt(now);
  const behind = epoch - thread.epoch;
  if (behind == 0) return;
  thread.runtime = behind > 1 ? 0 : thread.runtime >> (1 << EPOCH_SHIFT);
  thread.epoch = epoch;
}

/** Accounts for `ran` ns that ended at `now`. */
export function accountRun(thread: Thread, ran: u64, now: u64): void {
  normalize(thread, now);
  thread.totalRuntime += ran;
  const whole = (now >> TAU_SHIFT) & EPOCH_MASK;
  // The fraction in 1/256: a line from 1 to 2.
  const fraction = (now >> (TAU_SHIFT - 8)) & 255;
  const weighted = min((min(ran, RUN_MAX) * PRIORITY_NORMAL) / thread.priority, RUN_MAX);
  thread.runtime += ((weighted * (256 + fraction)) >> 8) << whole;
}

function place(index: u32, thread: Thread): void {
  store<usize>(slots + ((<usize>index) << 2), changetype<usize>(thread));
  thread.queueIndex = index;
}

function at(index: u32): Thread {
  return changetype<Thread>(load<usize>(slots + ((<usize>index) << 2)));
}

function siftUp(start: u32, thread: Thread): void {
  let index = start;
  while (index > 1) {
    const parent = at(index >> 1);
    if (parent.runtime <= thread.runtime) break;
    place(index, parent);
    index >>= 1;
  }
  place(index, thread);
}

function siftDown(start: u32, thread: Thread): void {
  let index = start;
  for (;;) {
    let child = index << 1;
    if (child > count) break;
    if (child < count && at(child + 1).runtime < at(child).runtime) child++;
    if (at(child).runtime >= thread.runtime) break;
    place(index, at(child));
    index = child;
  }
  place(index, thread);
}

/**
 * Makes room for so many threads, before there are so many: entering one that is ready can't fail.
 * False when memory is short.
 */
export function runQueueReserve(threads: u32): bool {
  return threads <= capacity || grow();
}

function grow(): bool {
  const larger = max<u32>(capacity * 2, 32);
  const moved = heapAlloc((<usize>larger + 1) << 2);
  if (moved == 0) return false;
  if (slots != 0) {
    memory.copy(moved, slots, (<usize>count + 1) << 2);
    heapFree(slots);
  }
  slots = moved;
  capacity = larger;
  return true;
}

/** Begins a new epoch: all values shrink alike, so the heap stays a heap. */
function renew(now: u64): void {
  const epoch = epochAt(now);
  if (epoch == queueEpoch) return;
  queueEpoch = epoch;
  for (let i: u32 = 1; i <= count; i++) normalize(at(i), now);
}

/** How many threads are ready and do not run. */
export function runQueueLength(): u32 {
  return count;
}

/** Enters a thread that is ready. */
export function runQueuePush(thread: Thread, now: u64): void {
  if (thread.queueIndex != 0) panic("sched", "a thread is in the run queue twice");
  renew(now);
  normalize(thread, now);
  if (count == capacity && !grow()) panic("sched", "no memory for the run queue");
  count++;
  siftUp(count, thread);
}

/** Takes the thread with the smallest run time out; null when none is ready. */
export function runQueuePop(): Thread | null {
  if (count == 0) return null;
  const first = at(1);
  const last = at(count);
  count--;
  if (count > 0) siftDown(1, last);
  first.queueIndex = 0;
  return first;
}

/** The thread that is next, without taking it out. */
export function runQueuePeek(): Thread | null {
  return count == 0 ? null : at(1);
}
