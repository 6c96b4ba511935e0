/**
 * A wait of one thread that exactly one other thread ends, on whatever CPU each of them runs: what
 * the mutex sleeps on.
 *
 *     const record = threadWaitRecord();   the current thread's (thread.ts)
 *     record.prepare();                    then it is published, for a waker to find
 *     record.wait();                       sleeps until `wake`, which may have come before
 *
 *     record.wake();                       once per `prepare`, by whoever took the record out
 *
 * A thread waits for one thing at a time, so its record is a part of it: the memory is there as
 * long as the thread is, and nothing is allocated to wait. (The usual place is the waiter's stack;
 * TypeScript has no objects there.)
 *
 * `state` decides the race between the two sides, each of which changes it once, by one atomic:
 *
 *     WAITING ─ wait: compare-exchange ─▶ ASLEEP ─ wake: exchange ─▶ WOKEN
 *        └────────── wake: exchange ───────────────────────────────────┘
 *
 *  - The wake comes first: `wait` finds WOKEN and does not sleep. `wake` has found WAITING and does
 *    not touch the thread any more, which may be gone by then: the lock that it was given is free
 *    again, the thread has ended.
 *  - The sleep comes first: `wake` finds ASLEEP. Only it can end that sleep, so the thread is there
 *    until `makeReady` has been called for it. The sleeper calls itself blocked before the
 *    compare-exchange, so `makeReady` on another CPU finds it blocked even when it has not left its
 *    own CPU yet.
 *
 * What it takes of the scheduler: `state` BLOCKED says that `makeReady(thread)` has an effect, and
 * `schedule()` returns once it has been called, be that before or after. With more CPUs those two
 * agree on who switches and who queues the thread; nothing here changes.
 */
import { makeReady, schedule } from "./scheduler";
import { STATE_BLOCKED, STATE_READY, Thread } from "./thread";

/** Published; the thread runs still. */
const WAITING: u32 = 0;
/** The thread sleeps, or is about to and can't be stopped. */
const ASLEEP: u32 = 1;
/** It has been woken. From here on the record is the thread's own again. */
const WOKEN: u32 = 2;

@unmanaged
export class WaitRecord {
  /** Link of the queue that the record is in (wait-record-queue.ts). */
  next: WaitRecord | null;
  /** Touched by atomics alone once the record has been published. */
  state: u32;
  /** Whose record this is; never changes. */
  thread!: Thread;

  /** The thread is about to wait. To be called before the record is where a waker finds it. */
  @inline
  prepare(): void {
    this.state = WAITING;
  }

  /** Sleeps until `wake` has been called. By the record's own thread. */
  wait(): void {
    const thread = this.thread;
    thread.state = STATE_BLOCKED;
    // Pairs with the exchange in `wake`: one of the two comes first, and the other sees it.
    const was = atomic.cmpxchg<u32>(
      changetype<usize>(this),
      WAITING,
      ASLEEP,
      offsetof<WaitRecord>("state"),
    );
    if (was == WAITING) schedule();
    else thread.state = STATE_READY;
    assert(this.state == WOKEN, "only the waker ends the wait");
  }

  /** Ends the wait. The record must not be touched afterwards. Does not sleep. */
  wake(): void {
    // Read before the exchange: after it the record may be in use for another wait.
    const thread = this.thread;
    // Pairs with the compare-exchange in `wait`.
    const was = atomic.xchg<u32>(changetype<usize>(this), WOKEN, offsetof<WaitRecord>("state"));
    if (was == ASLEEP) makeReady(thread);
  }
}
