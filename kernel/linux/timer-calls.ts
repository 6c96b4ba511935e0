/**
 * The three timers of setitimer(2), and alarm(2), which shares the first.
 *
 * ITIMER_REAL runs with the time. ITIMER_VIRTUAL and ITIMER_PROF run with the process's CPU time,
 * all of which counts as the application's own. A periodic timer is set again as it fires; what is
 * missed by then is lost, as the signal is pending once.
 */
import { EINVAL } from "../lib/errno";
import { Timer } from "../time/timer";
import { CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, clockDeadline, clockNs } from "./clocks";
import { sendSignalToProcess } from "./signal";
import { SI_KERNEL, SIGALRM, SIGPROF, SIGVTALRM, SignalInfo } from "./signal-numbers";
import { loadedTimerSpec, loadTimerSpec, storeTimerSpec } from "./timespec";

const ITIMER_REAL: u32 = 0;
const ITIMER_PROF: u32 = 2;
const ITIMER_COUNT: u32 = 3;
/** A timer that is due and has not fired yet is not told as stopped, not even in microseconds. */
const LEFT_MIN_NS: u64 = 1000;
const NS_PER_SECOND: i64 = 1_000_000_000;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

class IntervalTimer extends Timer {
  interval: u64 = 0;
  /** The time of its clock at which it expires. */
  private target: u64 = 0;

  constructor(
    private clock: i32,
    private signal: i32,
  ) {
    super();
  }

  /** Starts, or with a value of 0 stops, the timer. */
  set(value: u64, interval: u64): void {
    this.cancel();
    this.interval = interval;
    if (value == 0) return;
    this.target = <u64>clockNs(this.clock) + value;
    this.arm(clockDeadline(this.clock, this.target));
  }

  /** ns until it fires; 0 when it is not armed, and not less than LEFT_MIN_NS when it is. */
  timeLeft(): u64 {
    if (!this.isArmed()) return 0;
    const now = <u64>clockNs(this.clock);
    return this.target > now + LEFT_MIN_NS ? this.target - now : LEFT_MIN_NS;
  }

  fire(): void {
    const now = <u64>clockNs(this.clock);
    if (now >= this.target) {
      info.set(this.signal, SI_KERNEL, 0);
      sendSignalToProcess(info);
      if (this.interval == 0) return;
      this.target += ((now - this.target) / this.interval + 1) * this.interval;
    }
    this.arm(clockDeadline(this.clock, this.target));
  }
}

let alarmTimer: IntervalTimer = new IntervalTimer(CLOCK_MONOTONIC, SIGALRM);
let virtualTimer: IntervalTimer = new IntervalTimer(CLOCK_PROCESS_CPUTIME_ID, SIGVTALRM);
let profileTimer: IntervalTimer = new IntervalTimer(CLOCK_PROCESS_CPUTIME_ID, SIGPROF);

function timerOf(which: u32): IntervalTimer {
  if (which == ITIMER_REAL) return alarmTimer;
  return which == ITIMER_PROF ? profileTimer : virtualTimer;
}

/** Seconds that were left of the alarm before, rounded up. */
export function sys_alarm(seconds: u32): i64 {
  const left = <i64>alarmTimer.timeLeft();
  alarmTimer.set(<u64>seconds * NS_PER_SECOND, 0);
  return (left + NS_PER_SECOND - 1) / NS_PER_SECOND;
}

export function sys_getitimer(which: u32, to: u64): i64 {
  if (which >= ITIMER_COUNT) return -EINVAL;
  const timer = timerOf(which);
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
  const timer = timerOf(which);
  const oldInterval = timer.interval;
  const oldLeft = timer.timeLeft();
  timer.set(value, interval);
  return old != 0 ? storeTimerSpec(old, oldInterval, oldLeft, true) : 0;
}
