/**
 * System calls about time: reading clocks and sleeping. Timers that send signals are in
 * timer-calls.ts.
 */
import { EFAULT, EINTR, EINVAL, EOPNOTSUPP, EPERM, ETIMEDOUT } from "../lib/errno";
import { thisCpu } from "../sched/cpu";
import { currentThread, Thread, threadScratch } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { monotonicNs, realtimeNs, realtimeOffset } from "../time/clock";
import { process, taskFind } from "./task";
import { deadlineAfter, loadTimespec, storeTimespec, storeTimeval } from "./timespec";
import { storeUser, storeUser64 } from "./user-memory";

// include/uapi/linux/time.h
export const CLOCK_REALTIME: i32 = 0;
export const CLOCK_MONOTONIC: i32 = 1;
export const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
export const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
const CLOCK_MONOTONIC_RAW: i32 = 4;
const CLOCK_REALTIME_COARSE: i32 = 5;
const CLOCK_MONOTONIC_COARSE: i32 = 6;
export const CLOCK_BOOTTIME: i32 = 7;
export const CLOCK_REALTIME_ALARM: i32 = 8;
export const CLOCK_BOOTTIME_ALARM: i32 = 9;
export const CLOCK_TAI: i32 = 11;
export const TIMER_ABSTIME: u32 = 1;

/**
 * A negative clock is the CPU time of a thread, ~id << 3 | this (2 without the bit: of a process):
 * pthread_getcpuclockid(3).
 */
const CPUCLOCK_PERTHREAD: i32 = 4;
const CPUCLOCK_SCHED: i32 = 2;
const CPUCLOCK_CLOCK_MASK: i32 = 3;

const NS_PER_SECOND: u64 = 1_000_000_000;
/** USER_HZ: the ticks of times(2). */
const NS_PER_TICK: u64 = NS_PER_SECOND / 100;

/** Threads that sleep for a time wait here, where nobody wakes them. */
let sleepers: WaitQueue = new WaitQueue();

/** How long a thread has run, up to now. */
export function threadCpuNs(thread: Thread): u64 {
  const running = thread == currentThread() ? monotonicNs() - thisCpu().runningSince : 0;
  return thread.totalRuntime + running;
}

/** How long the threads of the process have run, those that have ended included. */
export function processCpuNs(): u64 {
  let total = process.endedRuntime;
  let task = process.tasks;
  while (task) {
    total += threadCpuNs(task.thread);
    task = task.next;
  }
  return total;
}

function cpuClockNs(clock: i32): i64 {
  if ((clock & CPUCLOCK_CLOCK_MASK) > CPUCLOCK_SCHED) return -EINVAL;
  const id = <u32>~(clock >> 3);
  if ((clock & CPUCLOCK_PERTHREAD) == 0) return <i64>processCpuNs();
  const task = taskFind(id);
  if (!task) return id == 0 ? <i64>threadCpuNs(currentThread()) : -EINVAL;
  return <i64>threadCpuNs(task.thread);
}

/** What a clock shows, in ns, or -EINVAL when there is no such clock. */
export function clockNs(clock: i32): i64 {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
      return <i64>realtimeNs();
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      return <i64>monotonicNs();
    case CLOCK_PROCESS_CPUTIME_ID:
      return <i64>processCpuNs();
    case CLOCK_THREAD_CPUTIME_ID:
      return <i64>threadCpuNs(currentThread());
    default:
      return clock < 0 ? cpuClockNs(clock) : -EINVAL;
  }
}

/** Whether a clock can be waited for: it runs with the time, and not with the CPU. */
export function isWaitableClock(clock: i32): bool {
  return (
    clock == CLOCK_REALTIME ||
    clock == CLOCK_MONOTONIC ||
    clock == CLOCK_TAI ||
    (clock >= CLOCK_BOOTTIME && clock <= CLOCK_BOOTTIME_ALARM)
  );
}

/** The monotonic time at which a waitable clock shows `ns`. */
export function deadlineOnClock(clock: i32, ns: u64): u64 {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_ALARM && clock != CLOCK_TAI) return ns;
  const offset = realtimeOffset();
  return ns > offset ? ns - offset : 0;
}

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

/** The clock is the hypervisor's. */
export function sys_settimeofday(): i64 {
  return -EPERM;
}

export function sys_clock_settime(): i64 {
  return -EPERM;
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

export function sys_clock_nanosleep(clock: i32, flags: u32, time: u64, remaining: u64): i64 {
  if (!isWaitableClock(clock)) return clockNs(clock) < 0 ? -EINVAL : -EOPNOTSUPP;
  const ns = loadTimespec(time);
  if (ns < 0) return ns;
  if ((flags & TIMER_ABSTIME) == 0) return sleepFor(ns, remaining);
  return sleepUntil(deadlineOnClock(clock, ns));
}
