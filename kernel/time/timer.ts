/**
 * A thing to do at a given time. Subclasses say what in `fire`:
 *
 *     timer.arm(deadline)     monotonic nanoseconds (time/clock.ts); an armed timer is moved
 *     timer.cancel()          nothing happens if it is not armed
 *
 * The object belongs to whoever made it and must not be armed when it is freed. A timer fires once;
 * `fire` may arm it again.
 */
import { timerInsert, timerRemove } from "./timer-queue";

export abstract class Timer {
  /** Monotonic nanoseconds. Of use while armed. */
  deadline: u64 = 0;
  private armed: bool = false;

  // The links of the pairing heap in timer-queue.ts, which alone uses them.
  heapChild: Timer | null = null;
  heapNext: Timer | null = null;
  /** The sibling before this one, or the parent of a first child; null for the root. */
  heapPrevious: Timer | null = null;

  /**
   * Called in thread context at or after the deadline, with the timer no longer armed. Must not
   * sleep.
   */
  abstract fire(): void;

  /**
   * Lets the timer fire at `deadline`, whatever it was set to before. A deadline in the past fires
   * soon.
   */
  arm(deadline: u64): void {
    if (this.armed) timerRemove(this);
    this.armed = true;
    this.deadline = deadline;
    timerInsert(this);
  }

  cancel(): void {
    if (!this.armed) return;
    this.armed = false;
    timerRemove(this);
  }

  isArmed(): bool {
    return this.armed;
  }

  /** The queue has taken the timer out, because its time has come. */
  expire(): void {
    this.armed = false;
    this.fire();
  }
}
