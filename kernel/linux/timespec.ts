/**
 * The application's struct timespec and struct timeval (16 bytes each: seconds, then nanoseconds or
 * microseconds), as nanoseconds in an i64.
 */
import { EFAULT, EINVAL } from "../lib/errno";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import { loadUser, storeUser } from "./user-memory";

const NS_PER_SECOND: i64 = 1_000_000_000;
const NS_PER_MICROSECOND: i64 = 1_000;
/** Seconds beyond this are as good as for ever, and would not fit. */
const SECONDS_MAX: i64 = 9_000_000_000;

function toNs(at: usize, unit: i64): i64 {
  const seconds = load<i64>(at);
  const fraction = load<i64>(at + 8);
  if (seconds < 0 || fraction < 0 || fraction >= NS_PER_SECOND / unit) return -EINVAL;
  return min(seconds, SECONDS_MAX) * NS_PER_SECOND + fraction * unit;
}

function fromNs(at: usize, ns: i64, unit: i64): void {
  store<i64>(at, ns / NS_PER_SECOND);
  store<i64>(at + 8, (ns % NS_PER_SECOND) / unit);
}

/** Nanoseconds of the struct timespec at an address, or -EFAULT, -EINVAL. */
export function loadTimespec(from: u64): i64 {
  if (loadUser(threadScratch(), from, 16) != 0) return -EFAULT;
  return toNs(threadScratch(), 1);
}

export function storeTimespec(to: u64, ns: i64): i32 {
  fromNs(threadScratch(), ns, 1);
  return storeUser(to, threadScratch(), 16);
}

export function loadTimeval(from: u64): i64 {
  if (loadUser(threadScratch(), from, 16) != 0) return -EFAULT;
  return toNs(threadScratch(), NS_PER_MICROSECOND);
}

export function storeTimeval(to: u64, ns: i64): i32 {
  fromNs(threadScratch(), ns, NS_PER_MICROSECOND);
  return storeUser(to, threadScratch(), 16);
}

/** An interval and a value, in ns: what struct itimerspec and struct itimerval say. */
@unmanaged
export class TimerSpec {
  interval: i64;
  value: i64;
}

/** What the running thread's last `loadTimerSpec` has loaded, until its next user copy. */
export function loadedTimerSpec(): TimerSpec {
  return changetype<TimerSpec>(threadScratch());
}

/**
 * Loads a pair of timespecs (or, `micro`, timevals) into `loadedTimerSpec`. 0, -EFAULT or -EINVAL.
 */
export function loadTimerSpec(from: u64, micro: bool): i32 {
  if (loadUser(threadScratch(), from, 32) != 0) return -EFAULT;
  const unit = micro ? NS_PER_MICROSECOND : 1;
  const interval = toNs(threadScratch(), unit);
  const value = toNs(threadScratch() + 16, unit);
  const spec = loadedTimerSpec();
  spec.interval = interval;
  spec.value = value;
  return interval < 0 || value < 0 ? -EINVAL : 0;
}

export function storeTimerSpec(to: u64, interval: i64, value: i64, micro: bool): i32 {
  const unit = micro ? NS_PER_MICROSECOND : 1;
  fromNs(threadScratch(), interval, unit);
  fromNs(threadScratch() + 16, value, unit);
  return storeUser(to, threadScratch(), 32);
}

/** The monotonic time in `ns` nanoseconds. */
export function deadlineAfter(ns: u64): u64 {
  const now = monotonicNs();
  return ns < NO_DEADLINE - now ? now + ns : NO_DEADLINE;
}
