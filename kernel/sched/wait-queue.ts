/**
 * Sleeping until something happens: the one way to wait in the kernel.
 *
 *     while (!condition()) {                 the waker makes the condition true first, then wakes
 *       const error = queue.wait(deadline);  0, -ETIMEDOUT, or -EINTR when a signal has to be handled
 *       if (error != 0) return error;
 *     }
 *
 * Threads are not preempted inside the kernel, and interrupt handlers run when no kernel code is
 * under way (see arch/x86_64/traps.ts), so between the check and `wait` nothing else runs on this
 * CPU.
 *
 * A thread that holds a lock does not wait here, but by `waitUnderLocks` (lock-order.ts).
 */
import { EINTR, ETIMEDOUT } from "../lib/errno";
import { VERIFY } from "../lib/verify";
import { WORK_SIGNAL } from "./cpu";
import { LOCK_NONE, sleepBegins } from "./lock-order";
import { makeReady, schedule } from "./scheduler";
import { currentThread, STATE_BLOCKED, Thread } from "./thread";

export const NO_DEADLINE: u64 = u64.MAX_VALUE;

@unmanaged
export class WaitQueue {
  private first: Thread | null;
  private last: Thread | null;

  constructor() {
    this.first = null;
    this.last = null;
  }

  isEmpty(): bool {
    return this.first == null;
  }

  /** Sleeps until woken: 0; or the deadline (monotonic ns): -ETIMEDOUT; or a signal: -EINTR. */
  wait(deadline: u64 = NO_DEADLINE): i32 {
    if (VERIFY) sleepBegins(LOCK_NONE);
    const thread = currentThread();
    if ((thread.work & WORK_SIGNAL) != 0) return -EINTR;
    // Another thread may take the signal before this one runs: then it interrupts nobody.
    do {
      thread.interruptible = true;
      const result = this.sleep(thread, deadline);
      thread.interruptible = false;
      if (result != 0 || thread.waitQueue == null) return result;
      this.remove(thread);
    } while ((thread.work & WORK_SIGNAL) == 0);
    return -EINTR;
  }

  /** As `wait`, but a signal does not end it. */
  waitUninterruptible(deadline: u64 = NO_DEADLINE): i32 {
    if (VERIFY) sleepBegins(LOCK_NONE);
    return this.sleep(currentThread(), deadline);
  }

  /**
   * As `waitUninterruptible`, for what may be waited for with a lock held: one that comes after it
   * in the order, or a disk. `kind`: LOCK_*, which debug builds check.
   */
  waitUnderLocks(kind: u32): void {
    if (VERIFY) sleepBegins(kind);
    this.sleep(currentThread(), NO_DEADLINE);
  }

  private sleep(thread: Thread, deadline: u64): i32 {
    this.append(thread);
    thread.timedOut = false;
    if (deadline != NO_DEADLINE) thread.timer.arm(deadline);
    thread.state = STATE_BLOCKED;
    schedule();
    if (deadline != NO_DEADLINE) thread.timer.cancel();
    // Both the deadline and a wake may have come before the thread ran: then it counts as woken.
    if (thread.timedOut && thread.waitQueue != null) {
      this.remove(thread);
      return -ETIMEDOUT;
    }
    return 0;
  }

  private append(thread: Thread): void {
    const last = this.last;
    thread.waitQueue = this;
    thread.waitNext = null;
    thread.waitPrevious = last;
    if (last) last.waitNext = thread;
    else this.first = thread;
    this.last = thread;
  }

  private remove(thread: Thread): void {
    const next = thread.waitNext;
    const previous = thread.waitPrevious;
    if (previous) previous.waitNext = next;
    else this.first = next;
    if (next) next.waitPrevious = previous;
    else this.last = previous;
    thread.waitQueue = null;
    thread.waitNext = null;
    thread.waitPrevious = null;
  }

  /** Wakes the thread that has waited longest; false when none waits. */
  wakeOne(): bool {
    const thread = this.first;
    if (!thread) return false;
    this.remove(thread);
    makeReady(thread);
    return true;
  }

  wakeAll(): void {
    while (this.wakeOne()) {}
  }

  /** Wakes a certain thread, which waits here. */
  wake(thread: Thread): void {
    this.remove(thread);
    makeReady(thread);
  }

  /** The first waiter, for who picks among them (futex). */
  firstWaiter(): Thread | null {
    return this.first;
  }

  /** Moves a waiter to another queue without waking it (FUTEX_REQUEUE). */
  move(thread: Thread, target: WaitQueue): void {
    this.remove(thread);
    target.append(thread);
  }
}

/** The deadline of a thread's wait has come. It stays in its queue until it has run. */
export function wakeTimedOut(thread: Thread): void {
  if (thread.state != STATE_BLOCKED) return;
  thread.timedOut = true;
  makeReady(thread);
}

/** A signal has come for a thread: ends its wait if it may be ended. */
export function wakeForSignal(thread: Thread): void {
  if (thread.state == STATE_BLOCKED && thread.interruptible) makeReady(thread);
}
