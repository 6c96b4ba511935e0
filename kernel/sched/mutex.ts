/**
 * A mutex without a spinlock: the lock-free algorithm of Gidenstam and Papatriantafilou,
 * "LFthreads" (2007), in the form that needs only an atomic counter and a queue of waiters.
 *
 * `count` is the number of threads that hold or want the lock. Who raises it from 0 has the lock.
 * Everybody else queues and sleeps. Who unlocks and finds others counted hands the lock to the
 * longest waiter: ownership passes in the unlock, so the woken thread need not compete for it.
 *
 * The paper's responsibility hand-off covers the moment when a locker on another CPU has counted
 * itself but has not queued yet. On one CPU, where kernel code is not preempted, counting and
 * queueing can't be told apart from outside, so that moment does not exist, and the queue is a
 * plain WaitQueue. With more CPUs it becomes a multi-producer queue and the hand-off word of the
 * paper joins `count`; callers see no difference.
 *
 * Not recursive. Held only across what may sleep; never taken by an interrupt handler.
 */
import { panic } from "../lib/panic";
import { currentThread, Thread } from "./thread";
import { WaitQueue } from "./wait-queue";

@unmanaged
export class Mutex {
  /** Touched by atomics alone. */
  count: u32;
  private owner: Thread | null;
  private waiters: WaitQueue;

  constructor() {
    this.count = 0;
    this.owner = null;
    this.waiters = new WaitQueue();
  }

  lock(): void {
    const at = changetype<usize>(this) + offsetof<Mutex>("count");
    if (atomic.add<u32>(at, 1) == 0) {
      this.owner = currentThread();
      return;
    }
    if (this.owner == currentThread()) panic("mutex", "locked twice by the same thread");
    this.waiters.waitUninterruptible();
    assert(this.owned(), "the lock is handed over");
  }

  tryLock(): bool {
    const at = changetype<usize>(this) + offsetof<Mutex>("count");
    if (atomic.cmpxchg<u32>(at, 0, 1) != 0) return false;
    this.owner = currentThread();
    return true;
  }

  unlock(): void {
    assert(this.owned(), "unlocked by a thread that does not hold it");
    const at = changetype<usize>(this) + offsetof<Mutex>("count");
    const next = this.waiters.firstWaiter();
    this.owner = next;
    if (atomic.sub<u32>(at, 1) > 1 && next) this.waiters.wake(next);
  }

  owned(): bool {
    return this.owner == currentThread();
  }
}
