/**
 * Timers that send signals: alarm, setitimer, timer_create and its kin.
 *
 * A SignalTimer has the deadline of its next expiration and, when it is periodic, arms itself again
 * as it fires; periods that have been missed by then count as overruns (timer_getoverrun(2)). The
 * timers of timer_create are in a table by id; ITIMER_REAL, which alarm shares, is one more.
 *
 * ITIMER_VIRTUAL and ITIMER_PROF run with the process's CPU time, all of which counts as the
 * application's own. That clock is never faster than time itself, so a CpuTimer looks at it again
 * when as much time has passed as is left on it.
 */
import { EAGAIN, EFAULT, EINVAL } from "../lib/errno";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { monotonicNs } from "../time/clock";
import { Timer } from "../time/timer";
import { sendSignalToProcess, sendSignalToTask } from "./signal";
import {
  SI_KERNEL,
  SI_TIMER,
  SIGALRM,
  SIGNAL_MAX,
  SIGPROF,
  SIGVTALRM,
  SignalInfo,
} from "./signal-numbers";
import { taskFind } from "./task";
import { deadlineOnClock, isWaitableClock, processCpuNs, TIMER_ABSTIME } from "./time-calls";
import { deadlineAfter, loadedTimerSpec, loadTimerSpec, storeTimerSpec } from "./timespec";
import { loadUser, storeUser32 } from "./user-memory";

const ITIMER_REAL: u32 = 0;
const ITIMER_PROF: u32 = 2;
const ITIMER_COUNT: u32 = 3;
/**
 * How often a CPU timer looks at its clock at most: the tick of Linux, which has no better
 * resolution here.
 */
const CPU_TIMER_STEP_NS: u64 = 1_000_000;
// include/uapi/asm-generic/siginfo.h
const SIGEV_SIGNAL: i32 = 0;
const SIGEV_NONE: i32 = 1;
const SIGEV_THREAD_ID: i32 = 4;
/** struct sigevent, as far as it is read: value, signal, kind, thread id. */
const SIGEVENT_SIZE: u64 = 20;
/** A timer that is due and has not fired yet is not told as stopped, not even in microseconds. */
const LEFT_MIN_NS: u64 = 1000;
const NS_PER_SECOND: i64 = 1_000_000_000;
const TIMERS_MAX: u32 = 256;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

class SignalTimer extends Timer {
  clock: i32 = 0;
  interval: u64 = 0;
  /** 0: none. */
  signal: i32 = SIGALRM;
  code: i32 = SI_KERNEL;
  value: u64 = 0;
  id: i32 = 0;
  /** The thread that gets the signal; 0: the process. */
  threadId: u32 = 0;
  overruns: u32 = 0;

  fire(): void {
    this.overruns = 0;
    if (this.interval != 0) {
      const now = monotonicNs();
      const missed = now > this.deadline ? (now - this.deadline) / this.interval : 0;
      this.overruns = <u32>min<u64>(missed, i32.MAX_VALUE);
      this.arm(this.deadline + (missed + 1) * this.interval);
    }
    if (this.signal == 0) return;
    // si_timerid and si_overrun.
    info.set(this.signal, this.code, ((<u64>this.overruns) << 32) | <u64>this.id);
    info.value = this.value;
    if (this.threadId == 0) {
      sendSignalToProcess(info);
      return;
    }
    const task = taskFind(this.threadId);
    if (task) sendSignalToTask(task, info);
  }

  /** ns until it fires; 0 when it is not armed, and not less than LEFT_MIN_NS when it is. */
  timeLeft(): u64 {
    if (!this.isArmed()) return 0;
    const now = monotonicNs();
    return this.deadline > now + LEFT_MIN_NS ? this.deadline - now : LEFT_MIN_NS;
  }

  /** Starts, or with a value of 0 stops, the timer. */
  set(flags: u32, value: u64, interval: u64): void {
    this.cancel();
    this.interval = interval;
    this.overruns = 0;
    if (value == 0) return;
    const absolute = (flags & TIMER_ABSTIME) != 0;
    this.arm(absolute ? deadlineOnClock(this.clock, value) : deadlineAfter(value));
  }
}

/** ITIMER_VIRTUAL or ITIMER_PROF. */
class CpuTimer extends Timer {
  interval: u64 = 0;
  /** CPU time at which it expires. */
  private target: u64 = 0;

  constructor(private signal: i32) {
    super();
  }

  set(value: u64, interval: u64): void {
    this.cancel();
    this.interval = interval;
    if (value == 0) return;
    this.target = processCpuNs() + value;
    this.arm(deadlineAfter(value));
  }

  timeLeft(): u64 {
    if (!this.isArmed()) return 0;
    const used = processCpuNs();
    return this.target > used + LEFT_MIN_NS ? this.target - used : LEFT_MIN_NS;
  }

  fire(): void {
    const used = processCpuNs();
    if (used >= this.target) {
      info.set(this.signal, SI_KERNEL, 0);
      sendSignalToProcess(info);
      if (this.interval == 0) return;
      this.target = used + this.interval;
    }
    // Not too often for what little may be left.
    this.arm(deadlineAfter(max<u64>(this.target - used, CPU_TIMER_STEP_NS)));
  }
}

let alarmTimer: SignalTimer = new SignalTimer();
let virtualTimer: CpuTimer = new CpuTimer(SIGVTALRM);
let profileTimer: CpuTimer = new CpuTimer(SIGPROF);
/** Pointers by id; 0: free. */
const timers: usize = memory.data(TIMERS_MAX * 4, 4);

function timerAt(id: u32): SignalTimer | null {
  return id < TIMERS_MAX ? load<SignalTimer | null>(timers + ((<usize>id) << 2)) : null;
}

function setTimerAt(id: u32, timer: SignalTimer | null): void {
  store<usize>(timers + ((<usize>id) << 2), changetype<usize>(timer));
}

/** The lowest free id; TIMERS_MAX: there is none. */
function freeId(): u32 {
  let id: u32 = 0;
  while (id < TIMERS_MAX && timerAt(id)) id++;
  return id;
}

/** Seconds that were left of the alarm before, rounded up. */
export function sys_alarm(seconds: u32): i64 {
  const left = <i64>alarmTimer.timeLeft();
  alarmTimer.set(0, <u64>seconds * NS_PER_SECOND, 0);
  return (left + NS_PER_SECOND - 1) / NS_PER_SECOND;
}

export function sys_getitimer(which: u32, to: u64): i64 {
  if (which >= ITIMER_COUNT) return -EINVAL;
  if (which == ITIMER_REAL) {
    return storeTimerSpec(to, alarmTimer.interval, alarmTimer.timeLeft(), true);
  }
  const timer = which == ITIMER_PROF ? profileTimer : virtualTimer;
  return storeTimerSpec(to, timer.interval, timer.timeLeft(), true);
}

export function sys_setitimer(which: u32, from: u64, old: u64): i64 {
  if (which >= ITIMER_COUNT) return -EINVAL;
  let interval: i64 = 0;
  let value: i64 = 0;
  if (from != 0) {
    const error = loadTimerSpec(from, true);
    if (error != 0) return error;
    interval = loadedTimerSpec().interval;
    value = loadedTimerSpec().value;
  }
  let oldInterval: u64 = 0;
  let oldLeft: u64 = 0;
  if (which == ITIMER_REAL) {
    oldInterval = alarmTimer.interval;
    oldLeft = alarmTimer.timeLeft();
    alarmTimer.set(0, value, interval);
  } else {
    const timer = which == ITIMER_PROF ? profileTimer : virtualTimer;
    oldInterval = timer.interval;
    oldLeft = timer.timeLeft();
    timer.set(value, interval);
  }
  return old != 0 ? storeTimerSpec(old, oldInterval, oldLeft, true) : 0;
}

export function sys_timer_create(clock: i32, event: u64, idTo: u64): i64 {
  if (!isWaitableClock(clock)) return -EINVAL;
  let value: u64 = 0;
  let signal = SIGALRM;
  let kind = SIGEV_SIGNAL;
  let threadId: u32 = 0;
  if (event != 0) {
    if (loadUser(threadScratch(), event, SIGEVENT_SIZE) != 0) return -EFAULT;
    value = load<u64>(threadScratch());
    signal = load<i32>(threadScratch() + 8);
    kind = load<i32>(threadScratch() + 12);
    threadId = load<u32>(threadScratch() + 16);
  }
  if (kind == SIGEV_THREAD_ID) {
    if (!taskFind(threadId)) return -EINVAL;
  } else if (kind == SIGEV_SIGNAL || kind == SIGEV_NONE) {
    threadId = 0;
  } else {
    return -EINVAL;
  }
  if (kind == SIGEV_NONE) signal = 0;
  else if (signal < 1 || signal > SIGNAL_MAX) return -EINVAL;
  let id = freeId();
  while (id < TIMERS_MAX) {
    if (storeUser32(idTo, id) != 0) return -EFAULT;
    // The copy may have slept, and another thread have made a timer.
    if (!timerAt(id)) break;
    id = freeId();
  }
  if (id == TIMERS_MAX) return -EAGAIN;
  const timer = new SignalTimer();
  timer.clock = clock;
  timer.signal = signal;
  timer.code = SI_TIMER;
  timer.value = event != 0 ? value : id;
  timer.id = id;
  timer.threadId = threadId;
  setTimerAt(id, timer);
  return 0;
}

export function sys_timer_settime(id: u32, flags: u32, from: u64, old: u64): i64 {
  const error = loadTimerSpec(from, false);
  if (error != 0) return error;
  const spec = loadedTimerSpec();
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  const oldInterval = timer.interval;
  const oldLeft = timer.timeLeft();
  timer.set(flags, spec.value, spec.interval);
  // The timer may end while this sleeps.
  return old != 0 ? storeTimerSpec(old, oldInterval, oldLeft, false) : 0;
}

export function sys_timer_gettime(id: u32, to: u64): i64 {
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  return storeTimerSpec(to, timer.interval, timer.timeLeft(), false);
}

export function sys_timer_getoverrun(id: u32): i64 {
  const timer = timerAt(id);
  return timer ? timer.overruns : -EINVAL;
}

export function sys_timer_delete(id: u32): i64 {
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  timer.cancel();
  setTimerAt(id, null);
  free(timer);
  return 0;
}
