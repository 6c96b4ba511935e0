/**
 * A lock for what the threads of one CPU share, held while a copy from or to the application may
 * fault and so sleep.
 *
 *     SleepLock.init(owner, LOCK_…)                        at its beginning
 *     while (owner.lockHeld) SleepLock.waitTurn(owner);    sleeps, then all is looked at again
 *     SleepLock.acquire(owner);  the copy  SleepLock.release(owner);
 *     SleepLock.destroy(owner)                             before the object that it guards goes
 *
 * On one CPU, where kernel code is not preempted, a flag is enough: nothing runs between the look
 * and the store. A lock that is free costs one store to take, a store and a look to give back. What
 * several CPUs share takes a Mutex (mutex.ts).
 *
 * Who must not sleep looks at `lockHeld` and puts off what it wanted (TCP's input: a channel).
 *
 * A release wakes all who wait, not one: a thread that has waited for its turn may find that it
 * does not want the lock any more (a reader, that the pipe is empty), and would keep the one wake
 * from those behind it.
 *
 * The lock is a part of the object that it guards, which has these fields, and the functions here
 * are templates over its class: with the lock in an object of its own, or reached by a pointer into
 * its owner, each `read` and `write` would be a few instructions longer.
 *
 *     lockHeld: bool                    a thread has the lock
 *     lockKind: u8                      LOCK_*, in debug builds (lock-order.ts)
 *     lockWaiters: WaitQueue | null     who waits for it to be free; made when first needed
 */

import { VERIFY } from "../lib/verify";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { lockReleased, lockTaken, lockWanted } from "./lock-order";
import { WaitQueue } from "./wait-queue";

/** Where the waiters of all locks meet for which there was no memory for a queue of their own. */
const shared: WaitQueue = new WaitQueue();

export class SleepLock {
  @inline
  static init<T>(owner: T, kind: u32): void {
    owner.lockHeld = false;
    owner.lockWaiters = null;
    if (VERIFY) owner.lockKind = <u8>kind;
  }

  /** Takes the lock, which is free. */
  @inline
  static acquire<T>(owner: T): void {
    if (VERIFY) {
      lockWanted(owner.lockKind);
      lockTaken(owner.lockKind);
    }
    assert(!owner.lockHeld, "the lock is free when it is taken");
    owner.lockHeld = true;
  }

  @inline
  static release<T>(owner: T): void {
    owner.lockHeld = false;
    if (VERIFY) lockReleased(owner.lockKind);
    const waiters = owner.lockWaiters;
    if (waiters) waiters.wakeAll();
  }

  /** Sleeps until the lock is released. Another thread may have it by then. */
  static waitTurn<T>(owner: T): void {
    let waiters = owner.lockWaiters;
    if (!waiters) {
      waiters = attempt(new WaitQueue());
      if (!waiters) waiters = shared;
      owner.lockWaiters = waiters;
    }
    waiters.waitUnderLocks(owner.lockKind);
  }

  /** Gives back what the lock has allocated. */
  @inline
  static destroy<T>(owner: T): void {
    assert(!owner.lockHeld, "nobody holds a lock that goes");
    const waiters = owner.lockWaiters;
    if (waiters && waiters != shared) free(waiters);
  }
}
