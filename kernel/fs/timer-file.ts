/**
 * timerfd(2): a timer that is read.
 *
 *     new TimerFile(clock, flags)
 *     file.set(flags, value, interval)     timerfd_settime; 0 stops it
 *     file.timeLeft(), file.interval       timerfd_gettime
 *
 * A timer with an interval is armed once and, after it has fired, not again until somebody reads or
 * asks: the expirations in between are computed from the time. So a timer nobody reads costs
 * nothing.
 *
 *     expirations      known and not yet read
 *     pending          the timer has fired, and what has come since is not in `expirations` yet
 */
import { addressOf } from "../arch/hw";
import { EAGAIN, EINVAL } from "../lib/errno";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { monotonicNs, realtimeOffset } from "../time/clock";
import { Timer } from "../time/timer";
import { File, O_NONBLOCK, O_RDWR, POLLIN } from "./file";
import { IoVector } from "./io-vector";
import { Stat } from "./stat";

// include/uapi/linux/timerfd.h
export const TFD_TIMER_ABSTIME: u32 = 1;
export const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

const CLOCK_REALTIME: u32 = 0;
const CLOCK_REALTIME_ALARM: u32 = 8;
const VALUE_SIZE: u64 = 8;

class FileTimer extends Timer {
  constructor(private file: TimerFile) {
    super();
  }

  fire(): void {
    this.file.fired();
  }
}

export class TimerFile extends File {
  /** ns between expirations; 0: once. */
  interval: u64 = 0;
  private expirations: u64 = 0;
  private pending: bool = false;
  private timer: FileTimer | null = null;
  private readers: WaitQueue = new WaitQueue();

  constructor(
    private clock: u32,
    flags: u32,
  ) {
    super();
    this.flags = O_RDWR | (flags & O_NONBLOCK);
    this.timer = new FileTimer(this);
  }

  /**
   * Starts or, with a value of 0, stops the timer. `value` is relative, or a time of the clock with
   * TFD_TIMER_ABSTIME.
   */
  set(flags: u32, value: u64, interval: u64): void {
    const timer = this.timer!;
    timer.cancel();
    this.expirations = 0;
    this.pending = false;
    this.interval = interval;
    if (value == 0) return;
    const now = monotonicNs();
    let deadline = now + value;
    if ((flags & TFD_TIMER_ABSTIME) != 0) {
      deadline = value;
      if (this.clock == CLOCK_REALTIME || this.clock == CLOCK_REALTIME_ALARM) {
        const offset = realtimeOffset();
        deadline = value > offset ? value - offset : 0;
      }
    } else if (deadline < now) {
      deadline = u64.MAX_VALUE;
    }
    timer.arm(deadline);
  }

  /** ns to the next expiration; 0 when the timer is stopped. */
  timeLeft(): u64 {
    this.catchUp();
    const timer = this.timer!;
    if (!timer.isArmed()) return 0;
    const now = monotonicNs();
    // 0 would say that the timer is stopped.
    return timer.deadline > now ? timer.deadline - now : 1;
  }

  fired(): void {
    this.pending = true;
    this.readers.wakeOne();
    this.notify(POLLIN);
  }

  /** Counts the expirations since the timer has fired, and arms it for the next. */
  private catchUp(): void {
    if (!this.pending) return;
    this.pending = false;
    this.expirations++;
    if (this.interval == 0) return;
    const timer = this.timer!;
    const now = monotonicNs();
    const missed = now > timer.deadline ? (now - timer.deadline) / this.interval : 0;
    this.expirations += missed;
    timer.arm(timer.deadline + (missed + 1) * this.interval);
  }

  read(io: IoVector): i64 {
    if (io.remaining < VALUE_SIZE) return -EINVAL;
    let error: i64 = 0;
    this.catchUp();
    while (error == 0 && this.expirations == 0) {
      error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : this.readers.wait();
      this.catchUp();
    }
    const expirations = this.expirations;
    this.expirations = 0;
    if (expirations == 0) return error;
    store<u64>(threadScratch(), expirations);
    return io.putAll(addressOf(threadScratch()), VALUE_SIZE);
  }

  poll(): u32 {
    return this.pending || this.expirations != 0 ? POLLIN : 0;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  anonymousName(): string {
    return "[timerfd]";
  }

  release(): void {
    const timer = this.timer!;
    timer.cancel();
    free(timer);
    free(this.readers);
  }
}
