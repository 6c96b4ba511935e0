/**
 * The clocks of clock_gettime(2): those that run with the time, and those that run with the CPU
 * time of a thread or of the process.
 *
 *     clockNs(clock)                 what a clock shows, or -EINVAL
 *     clockWaitable(clock)           0, or why it can't be waited for
 *     clockBound(clock)              the clock as a timer keeps it
 *     clockDeadline(clock, ns)       the monotonic time at which it is worth looking at it again
 *     threadCpuNs, processCpuNs      CPU time, all of which counts as the application's own
 *
 * A CPU clock is never faster than time itself. So who waits for one looks at it again when as much
 * time has passed as is left on it, but not more often than each CPU_CLOCK_STEP_NS.
 */
import { EINVAL, EOPNOTSUPP } from "../lib/errno";
import { NOBODY_RUNS, thisCpu } from "../sched/cpu";
import { currentThread, Thread } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { monotonicNs, realtimeNs, realtimeOffset } from "../time/clock";
import { PROCESS_ID, process, taskFind } from "./task";

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

/**
 * A negative clock is the CPU time of a thread, ~id << 3 | this (2 without the bit: of a process):
 * pthread_getcpuclockid(3). An id of 0 is the caller's.
 */
const CPUCLOCK_PERTHREAD: i32 = 4;
const CPUCLOCK_SCHED: i32 = 2;
const CPUCLOCK_CLOCK_MASK: i32 = 3;
const CPUCLOCK_ID_SHIFT: i32 = 3;
/** The tick of Linux, which has no better resolution here. */
const CPU_CLOCK_STEP_NS: u64 = 1_000_000;

/** How long a thread has run, up to now. */
export function threadCpuNs(thread: Thread): u64 {
  const since = thisCpu().runningSince;
  const isRunning = thread == currentThread() && since != NOBODY_RUNS;
  return thread.totalRuntime + (isRunning ? monotonicNs() - since : 0);
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

/** The clock of a thread's CPU time. */
function threadClock(id: u32): i32 {
  return (~(<i32>id) << CPUCLOCK_ID_SHIFT) | CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED;
}

function cpuClockNs(clock: i32): i64 {
  if ((clock & CPUCLOCK_CLOCK_MASK) > CPUCLOCK_SCHED) return -EINVAL;
  const id = <u32>~(clock >> CPUCLOCK_ID_SHIFT);
  const task = taskFind(id);
  if ((clock & CPUCLOCK_PERTHREAD) == 0) {
    return id == 0 || id == PROCESS_ID || task ? <i64>processCpuNs() : -EINVAL;
  }
  if (id == 0) return <i64>threadCpuNs(currentThread());
  return task ? <i64>threadCpuNs(task.thread) : -EINVAL;
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

/** Whether a clock runs with the CPU and not with the time. */
export function isCpuClock(clock: i32): bool {
  return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

/** Whether a clock can be waited for: 0; -EINVAL: there is none; -EOPNOTSUPP: it can't. */
export function clockWaitable(clock: i32): i32 {
  if (clockNs(clock) < 0) return -EINVAL;
  if (clock == CLOCK_MONOTONIC_RAW) return -EOPNOTSUPP;
  if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE) return -EOPNOTSUPP;
  return 0;
}

/**
 * A clock as a timer keeps it: the running thread's CPU time is that of this thread whoever looks.
 */
export function clockBound(clock: i32): i32 {
  if (clock == CLOCK_THREAD_CPUTIME_ID) return threadClock(currentThread().id);
  if (clock >= 0 || ~(clock >> CPUCLOCK_ID_SHIFT) != 0) return clock;
  const ofThread = (clock & CPUCLOCK_PERTHREAD) != 0;
  return ofThread ? threadClock(currentThread().id) : CLOCK_PROCESS_CPUTIME_ID;
}

/** Whether a negative clock is the CPU time of the running thread: it would wait in vain. */
export function isOwnCpuClock(clock: i32): bool {
  if (clock >= 0 || (clock & CPUCLOCK_PERTHREAD) == 0) return false;
  const id = <u32>~(clock >> CPUCLOCK_ID_SHIFT);
  return id == 0 || id == currentThread().id;
}

/** Whether a clock is set with the time of day. */
function isRealtime(clock: i32): bool {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

/**
 * The monotonic time at which a clock that can be waited for shows `ns`; of a CPU clock, the time
 * at which it may show it at the earliest. NO_DEADLINE: it has stopped for ever.
 */
export function clockDeadline(clock: i32, ns: u64): u64 {
  if (isCpuClock(clock)) {
    const shows = clockNs(clock);
    if (shows < 0) return NO_DEADLINE;
    const left = ns > <u64>shows ? max(ns - <u64>shows, CPU_CLOCK_STEP_NS) : 0;
    const now = monotonicNs();
    return left < NO_DEADLINE - now ? now + left : NO_DEADLINE;
  }
  if (!isRealtime(clock)) return ns;
  const offset = realtimeOffset();
  return ns > offset ? ns - offset : 0;
}
