/**
 * System calls about time: reading clocks (clocks.ts) and sleeping. Timers that send signals are in
 * timer-calls.ts and posix-timers.ts.
 */
import { EFAULT, EINTR, EINVAL, EOPNOTSUPP, EPERM, ETIMEDOUT } from "../lib/errno";
import { threadScratch } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { monotonicNs, realtimeNs } from "../time/clock";
import {
  CLOCK_REALTIME,
  CLOCK_THREAD_CPUTIME_ID,
  clockDeadline,
  clockNs,
  clockWaitable,
  isCpuClock,
  isOwnCpuClock,
  processCpuNs,
} from "./clocks";
import { deadlineAfter, loadTimespec, loadTimeval, storeTimespec, storeTimeval } from "./timespec";
import { storeUser, storeUser64 } from "./user-memory";

export const TIMER_ABSTIME: u32 = 1;
const NS_PER_SECOND: u64 = 1_000_000_000;
/** USER_HZ: the ticks of times(2). */
const NS_PER_TICK: u64 = NS_PER_SECOND / 100;

/** Threads that sleep for a time wait here, where nobody wakes them. */
let sleepers: WaitQueue = new WaitQueue();

export function sys_clock_gettime(clock: i32, to: u64): i64 {
  const ns = clockNs(clock);
  return ns < 0 ? ns : storeTimespec(to, ns);
}

export function sys_clock_getres(clock: i32, to: u64): i64 {
  if (clockNs(clock) < 0) return -EINVAL;
  return to != 0 ? storeTimespec(to, 1) : 0;
}

export function sys_gettimeofday(to: u64, zone: u64): i64 {
  if (to != 0 && storeTimeval(to, realtimeNs()) != 0) return -EFAULT;
  // struct timezone: UTC.
  return zone != 0 ? storeUser64(zone, 0) : 0;
}

export function sys_time(to: u64): i64 {
  const seconds = realtimeNs() / NS_PER_SECOND;
  if (to != 0 && storeUser64(to, seconds) != 0) return -EFAULT;
  return <i64>seconds;
}

/**
 * struct tms: user and system time of the process, and of its children; returns ticks since the
 * start.
 */
export function sys_times(to: u64): i64 {
  if (to != 0) {
    store<u64>(threadScratch(), processCpuNs() / NS_PER_TICK);
    memory.fill(threadScratch() + 8, 0, 24);
    if (storeUser(to, threadScratch(), 32) != 0) return -EFAULT;
  }
  return <i64>(monotonicNs() / NS_PER_TICK);
}

/** The clock is the hypervisor's: once the time is found to be one, nobody may set it. */
export function sys_settimeofday(time: u64, _zone: u64): i64 {
  const ns = time != 0 ? loadTimeval(time) : 0;
  return ns < 0 ? ns : -EPERM;
}

export function sys_clock_settime(clock: i32, time: u64): i64 {
  if (clock != CLOCK_REALTIME) return -EINVAL;
  const ns = loadTimespec(time);
  return ns < 0 ? ns : -EPERM;
}

export function sys_adjtimex(): i64 {
  return -EPERM;
}

export function sys_clock_adjtime(): i64 {
  return -EPERM;
}

/** Sleeps until a monotonic time. 0 or -EINTR. */
function sleepUntil(deadline: u64): i32 {
  const result = sleepers.wait(deadline);
  return result == -ETIMEDOUT ? 0 : -EINTR;
}

function sleepFor(ns: i64, remaining: u64): i64 {
  const deadline = deadlineAfter(ns);
  const error = sleepUntil(deadline);
  if (error != 0 && remaining != 0) {
    const now = monotonicNs();
    if (storeTimespec(remaining, deadline > now ? <i64>(deadline - now) : 0) != 0) return -EFAULT;
  }
  return error;
}

export function sys_nanosleep(time: u64, remaining: u64): i64 {
  const ns = loadTimespec(time);
  return ns < 0 ? ns : sleepFor(ns, remaining);
}

/** Sleeps until a CPU clock shows `target`. 0 or -EINTR. */
function sleepOnCpuClock(clock: i32, target: u64): i32 {
  let error: i32 = 0;
  let shows = clockNs(clock);
  while (error == 0 && shows >= 0 && <u64>shows < target) {
    error = sleepUntil(clockDeadline(clock, target));
    shows = clockNs(clock);
  }
  return error;
}

function cpuClockNanosleep(clock: i32, isAbsolute: bool, ns: u64, remaining: u64): i64 {
  if (isOwnCpuClock(clock)) return -EINVAL;
  const target = isAbsolute ? ns : <u64>clockNs(clock) + ns;
  const error = sleepOnCpuClock(clock, target);
  if (error == 0 || isAbsolute || remaining == 0) return error;
  const shows = <u64>clockNs(clock);
  const left: i64 = target > shows ? target - shows : 0;
  return storeTimespec(remaining, left) != 0 ? -EFAULT : error;
}

export function sys_clock_nanosleep(clock: i32, flags: u32, time: u64, remaining: u64): i64 {
  const error = clock == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : clockWaitable(clock);
  if (error != 0) return error;
  const ns = loadTimespec(time);
  if (ns < 0) return ns;
  const isAbsolute = (flags & TIMER_ABSTIME) != 0;
  if (isCpuClock(clock)) return cpuClockNanosleep(clock, isAbsolute, ns, remaining);
  return isAbsolute ? sleepUntil(clockDeadline(clock, ns)) : sleepFor(ns, remaining);
}
