/**
 * timer_create(2) and its kin: timers that send a signal, on any clock.
 *
 * A timer has one record for its signal, made with it, so that firing takes no memory. While the
 * record is queued the timer rests. When the signal is taken to be delivered, the periods that have
 * passed meanwhile become its overrun count (timer_getoverrun(2)), and the next one is waited for:
 * a program that is slow loses no expirations, and one that asks for a period of a nanosecond costs
 * the kernel nothing but its signals.
 *
 * `target` is a time of the timer's own clock. How a CPU clock is waited for is in clocks.ts.
 */
import { EAGAIN, EFAULT, EINVAL } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { Timer } from "../time/timer";
import { clockBound, clockDeadline, clockNs, clockWaitable } from "./clocks";
import { sendRecordToProcess, sendRecordToTask } from "./signal";
import { SI_TIMER, SIGALRM, SIGNAL_MAX, SignalInfo } from "./signal-numbers";
import { PendingSignal, signalRecordAllowed } from "./signal-queue";
import { taskFind } from "./task";
import { TIMER_ABSTIME } from "./time-calls";
import { loadedTimerSpec, loadTimerSpec, storeTimerSpec } from "./timespec";
import { loadUser, storeUser32 } from "./user-memory";

// include/uapi/asm-generic/siginfo.h
const SIGEV_SIGNAL: i32 = 0;
const SIGEV_NONE: i32 = 1;
const SIGEV_THREAD_ID: i32 = 4;
/** struct sigevent: 0 value   8 signal   12 kind   16 thread id; the rest is not used. */
const SIGEVENT_SIZE: u64 = 64;
/** A timer that is due and has not fired yet is not told as stopped, not even in microseconds. */
const LEFT_MIN_NS: u64 = 1000;
const TIMERS_MAX: u32 = 1024;

/** The signal of a timer. It belongs to the timer, but to the queue when the timer has gone. */
class TimerSignal extends PendingSignal {
  timer: PosixTimer | null = null;
  isQueued: bool = false;

  taken(info: SignalInfo | null): void {
    this.isQueued = false;
    const timer = this.timer;
    if (!timer) {
      this.destroy();
      return;
    }
    timer.signalTaken();
    // si_timerid and si_overrun.
    if (info) info.address = ((<u64>timer.overruns) << 32) | (info.address & u32.MAX_VALUE);
  }
}

class PosixTimer extends Timer {
  interval: u64 = 0;
  /** When it expires next, or, while its signal is queued, when it has. */
  private target: u64 = 0;
  /** Set, and not stopped or over. */
  private isRunning: bool = false;
  /** Expirations that the last signal stands for, beyond the first. */
  overruns: u32 = 0;

  /** `threadId`: who gets the signal; 0: the process. `signal`: null for SIGEV_NONE. */
  constructor(
    private clock: i32,
    private signal: TimerSignal | null,
    private threadId: u32,
  ) {
    super();
    if (signal) signal.timer = this;
  }

  /** What its clock shows. A thread's that has ended shows the end of time. */
  private now(): u64 {
    const ns = clockNs(this.clock);
    return ns < 0 ? NO_DEADLINE : ns;
  }

  private wait(): void {
    const deadline = clockDeadline(this.clock, this.target);
    if (deadline != NO_DEADLINE) this.arm(deadline);
  }

  /** Steps to the first expiration to come; returns how many have passed. */
  private advance(): u64 {
    const now = this.now();
    if (now == NO_DEADLINE || now < this.target) return 0;
    const passed = (now - this.target) / this.interval + 1;
    this.target += passed * this.interval;
    return passed;
  }

  private send(): bool {
    const signal = this.signal;
    if (!signal) return false;
    if (signal.isQueued) return true;
    signal.isQueued = true;
    const task = this.threadId != 0 ? taskFind(this.threadId) : null;
    const isSent =
      this.threadId == 0
        ? sendRecordToProcess(signal)
        : task != null && sendRecordToTask(task, signal);
    signal.isQueued = isSent;
    return isSent;
  }

  fire(): void {
    if (this.now() < this.target) {
      this.wait();
      return;
    }
    if (this.interval == 0) this.isRunning = false;
    if (this.send() || this.interval == 0) return;
    // Ignored: nobody will tell that it was taken.
    this.advance();
    this.wait();
  }

  /** Its signal is delivered, or dropped. */
  signalTaken(): void {
    this.overruns = 0;
    // A timer that was set anew meanwhile waits already.
    if (!this.isRunning || this.interval == 0 || this.isArmed()) return;
    const passed = this.advance();
    if (passed > 1) this.overruns = <u32>min<u64>(passed - 1, i32.MAX_VALUE);
    this.wait();
  }

  /** ns until it expires; 0 when it is stopped, and not less than LEFT_MIN_NS when it is not. */
  timeLeft(): u64 {
    if (!this.isRunning) return 0;
    const now = this.now();
    if (now < this.target) return max(this.target - now, LEFT_MIN_NS);
    if (this.interval == 0 || now == NO_DEADLINE) return LEFT_MIN_NS;
    return max(this.interval - ((now - this.target) % this.interval), LEFT_MIN_NS);
  }

  /** Starts, or with a value of 0 stops, the timer. */
  set(isAbsolute: bool, value: u64, interval: u64): void {
    this.cancel();
    this.interval = interval;
    this.overruns = 0;
    this.isRunning = value != 0;
    if (value == 0) return;
    const now = isAbsolute ? 0 : this.now();
    this.target = value < NO_DEADLINE - now ? now + value : NO_DEADLINE;
    this.wait();
  }

  destroy(): void {
    this.cancel();
    const signal = this.signal;
    if (signal) {
      signal.timer = null;
      if (!signal.isQueued) signal.destroy();
    }
    free(this);
  }
}

/** Pointers by id; 0: free. */
const timers: usize = memory.data(TIMERS_MAX * 4, 4);

function timerAt(id: u32): PosixTimer | null {
  return id < TIMERS_MAX ? load<PosixTimer | null>(timers + ((<usize>id) << 2)) : null;
}

function setTimerAt(id: u32, timer: PosixTimer | null): void {
  store<usize>(timers + ((<usize>id) << 2), changetype<usize>(timer));
}

/** Makes the signal of a new timer; null when memory is out. */
function timerSignal(signo: i32, id: u32, value: u64): TimerSignal | null {
  const signal = attempt(new TimerSignal());
  if (!signal) return null;
  signal.signo = signo;
  signal.code = SI_TIMER;
  signal.address = id;
  signal.value = value;
  return signal;
}

/** Makes a timer with its signal, if it has one (`signo` 0: none). Null when memory is out. */
function timerMake(clock: i32, signo: i32, id: u32, value: u64, threadId: u32): PosixTimer | null {
  const signal = signo != 0 ? timerSignal(signo, id, value) : null;
  if (signo != 0 && !signal) return null;
  const timer = attempt(new PosixTimer(clock, signal, threadId));
  if (!timer && signal) signal.destroy();
  return timer;
}

/**
 * Errors: EINVAL and EOPNOTSUPP of the clock, EINVAL of the event, EFAULT, EAGAIN when there are
 * too many timers or signals (RLIMIT_SIGPENDING), or no memory.
 */
export function sys_timer_create(clockId: i32, event: u64, idTo: u64): i64 {
  const error = clockWaitable(clockId);
  if (error != 0) return error;
  const at = threadScratch();
  memory.fill(at, 0, <usize>SIGEVENT_SIZE);
  store<i32>(at + 8, SIGALRM);
  if (event != 0 && loadUser(at, event, SIGEVENT_SIZE) != 0) return -EFAULT;
  const value = load<u64>(at);
  const signo = load<i32>(at + 8);
  const kind = load<i32>(at + 12);
  const threadId = kind == SIGEV_THREAD_ID ? load<u32>(at + 16) : 0;
  if (kind != SIGEV_SIGNAL && kind != SIGEV_NONE && kind != SIGEV_THREAD_ID) return -EINVAL;
  if (kind != SIGEV_NONE && (signo < 1 || signo > SIGNAL_MAX)) return -EINVAL;
  if (kind == SIGEV_THREAD_ID && !taskFind(threadId)) return -EINVAL;
  let id: u32 = 0;
  while (id < TIMERS_MAX && timerAt(id)) id++;
  if (id == TIMERS_MAX || !signalRecordAllowed()) return -EAGAIN;
  const sent = kind == SIGEV_NONE ? 0 : signo;
  const given = event != 0 ? value : <u64>id;
  const timer = timerMake(clockBound(clockId), sent, id, given, threadId);
  if (!timer) return -EAGAIN;
  setTimerAt(id, timer);
  if (storeUser32(idTo, id) == 0) return 0;
  // The copy may have slept: another thread may have deleted it.
  if (timerAt(id) == timer) sys_timer_delete(id);
  return -EFAULT;
}

export function sys_timer_settime(id: u32, flags: u32, from: u64, old: u64): i64 {
  if (from == 0) return -EINVAL;
  const error = loadTimerSpec(from, false);
  if (error != 0) return error;
  const interval = loadedTimerSpec().interval;
  const value = loadedTimerSpec().value;
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  const oldInterval = timer.interval;
  const oldLeft = timer.timeLeft();
  timer.set((flags & TIMER_ABSTIME) != 0, value, interval);
  return old != 0 ? storeTimerSpec(old, oldInterval, oldLeft, false) : 0;
}

export function sys_timer_gettime(id: u32, to: u64): i64 {
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  return storeTimerSpec(to, timer.interval, timer.timeLeft(), false);
}

export function sys_timer_getoverrun(id: u32): i64 {
  const timer = timerAt(id);
  return timer ? <i64>timer.overruns : -EINVAL;
}

export function sys_timer_delete(id: u32): i64 {
  const timer = timerAt(id);
  if (!timer) return -EINVAL;
  setTimerAt(id, null);
  timer.destroy();
  return 0;
}
