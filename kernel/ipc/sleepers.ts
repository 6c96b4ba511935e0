/**
 * Threads that wait for a queue of messages, in the order they came.
 *
 *     list.sleep(sleeper, deadline)     until `finish`: its status; -ETIMEDOUT, -EINTR
 *     list.finish(sleeper, status)      by whoever has done for it what it waits for
 *
 * A sleeper belongs to its thread, which is the only one to touch it from `finish` on. So a thread
 * that wakes up need not look at what it has waited for, which may be gone.
 */
import { free } from "../runtime/free";
import { currentThread, Thread } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";

const PENDING: i64 = i64.MAX_VALUE;

export class Sleeper {
  next: Sleeper | null = null;
  thread: Thread = currentThread();
  status: i64 = PENDING;
}

@unmanaged
export class SleeperList {
  first: Sleeper | null;
  private last: Sleeper | null;
  /** All of them sleep here. */
  private waiting!: WaitQueue;

  constructor() {
    this.first = null;
    this.last = null;
    this.waiting = new WaitQueue();
  }

  /** For the running thread. `deadline`: monotonic ns. The list may be gone afterwards. */
  sleep(sleeper: Sleeper, deadline: u64): i64 {
    const last = this.last;
    sleeper.status = PENDING;
    sleeper.next = null;
    if (last) last.next = sleeper;
    else this.first = sleeper;
    this.last = sleeper;
    const error = this.waiting.wait(deadline);
    if (sleeper.status != PENDING) return sleeper.status;
    this.unlink(sleeper);
    return error;
  }

  private unlink(sleeper: Sleeper): void {
    let before: Sleeper | null = null;
    let at = this.first;
    while (at && at != sleeper) {
      before = at;
      at = at.next;
    }
    if (before) before.next = sleeper.next;
    else this.first = sleeper.next;
    if (this.last == sleeper) this.last = before;
  }

  finish(sleeper: Sleeper, status: i64): void {
    this.unlink(sleeper);
    sleeper.status = status;
    this.waiting.wake(sleeper.thread);
  }

  finishAll(status: i64): void {
    for (let sleeper = this.first; sleeper; sleeper = this.first) this.finish(sleeper, status);
  }

  destroy(): void {
    free(this.waiting);
    free(this);
  }
}
