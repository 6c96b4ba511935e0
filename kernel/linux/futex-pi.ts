/**
 * PI futexes: locks whose word tells the owner, so that the kernel can pass them on. futex(2),
 * "Priority-inheritance futexes".
 *
 *     word = 0                                 free
 *     word = thread id [| FUTEX_WAITERS]       locked; with the bit, unlock has to call the kernel
 *     … | FUTEX_OWNER_DIED                     the owner before has ended with the lock
 *
 *     lockPi(address, op, deadline, isTry)     FUTEX_LOCK_PI, LOCK_PI2, TRYLOCK_PI
 *     unlockPi(address, op)                    FUTEX_UNLOCK_PI
 *     waitRequeuePi(…), cmpRequeuePi(…)        conditions: a waiter wakes up with the lock
 *     piExit(id)                               a thread ends: its locks go to who waits for them
 *
 * A lock goes to the waiter with the greatest weight, of several to the oldest, and the unlocker
 * writes the new owner's id: nobody can take it in between. What is missing is the inheritance
 * itself: there is one scheduling class, in which every ready thread gets its turn, so a waiter's
 * weight is not lent to the owner.
 *
 * Between the look at the word (`userWordNow`) and the change of it or of the waiters, nothing
 * sleeps.
 */
import { load32, store32 } from "../arch/hw";
import { EAGAIN, EDEADLK, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { WORK_SIGNAL } from "../sched/cpu";
import { currentThread } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { futexKey, futexKeyError } from "./futex-key";
import {
  FutexWaiter,
  firstWaiterOf,
  lockWaitOf,
  nextWaiterOf,
  WAITS_LOCK,
  WAITS_REQUEUE,
  waiterAdd,
  waiterForOwner,
  waiterGrant,
  waiterMoveToLock,
  waiterRemove,
} from "./futex-waiter";
import { ERESTARTNOINTR } from "./restart";
import { taskFind } from "./task";
import { userWord, userWordNow, userWordRead } from "./user-word";

// include/uapi/linux/futex.h
export const FUTEX_WAITERS: u32 = 0x80000000;
export const FUTEX_OWNER_DIED: u32 = 0x40000000;
export const FUTEX_TID_MASK: u32 = 0x3fffffff;
const FUTEX_BITSET_MATCH_ANY: u32 = 0xffffffff;

/** Of `take`: the lock is another thread's. */
const MUST_WAIT: i64 = 1;

/** Whether a thread that waited for a lock of `ownerId` would wait for itself in the end. */
function isCircle(ownerId: u32, id: u32): bool {
  let at = ownerId;
  while (at != id) {
    const owner = taskFind(at);
    const wait = owner ? lockWaitOf(owner.thread) : null;
    if (!wait) return false;
    at = wait.ownerId;
  }
  return true;
}

function setOwner(key: u64, id: u32): void {
  let waiter = firstWaiterOf(key);
  while (waiter) {
    waiter.ownerId = id;
    waiter = nextWaiterOf(waiter);
  }
}

/**
 * Takes the lock whose word is at `word` for a thread: 0; or MUST_WAIT, and the word says that
 * somebody does; -EDEADLK, -EINVAL, -ESRCH.
 */
function take(word: u64, key: u64, id: u32): i64 {
  const value = load32(word);
  const ownerId = value & FUTEX_TID_MASK;
  if (ownerId == id) return -EDEADLK;
  const waiter = firstWaiterOf(key);
  if (waiter && waiter.kind != WAITS_LOCK) return -EINVAL;
  if (ownerId == 0) {
    // With waiters, a lock is never free but when its owner has died.
    if (waiter && (value & FUTEX_OWNER_DIED) == 0) return -EINVAL;
    store32(word, id | (value & FUTEX_OWNER_DIED) | (waiter ? FUTEX_WAITERS : 0));
    setOwner(key, id);
    return 0;
  }
  store32(word, value | FUTEX_WAITERS);
  if (!taskFind(ownerId)) return -ESRCH;
  return isCircle(ownerId, id) ? -EDEADLK : MUST_WAIT;
}

/**
 * Gives a lock to the next of its waiters, of which there is one. `died`: FUTEX_OWNER_DIED or 0.
 */
function passOn(word: u64, key: u64, died: u32): void {
  let best = firstWaiterOf(key)!;
  let other = nextWaiterOf(best);
  while (other) {
    if (other.thread.priority > best.thread.priority) best = other;
    other = nextWaiterOf(other);
  }
  const id = best.thread.id;
  if (word != 0) store32(word, id | FUTEX_WAITERS | died);
  waiterGrant(best);
  setOwner(key, id);
}

/** A waiter of the running thread, with the queue that it sleeps in; null when memory is out. */
class LockWait {
  waiter: FutexWaiter = new FutexWaiter();
  sleeper: WaitQueue = new WaitQueue();

  constructor(kind: u32, key: u64) {
    this.waiter.init(kind, key, FUTEX_BITSET_MATCH_ANY, currentThread(), this.sleeper);
  }

  /** Waits until it is granted: 0; or -ETIMEDOUT, -EINTR. */
  wait(deadline: u64): i32 {
    const waiter = this.waiter;
    waiterAdd(waiter);
    let error = 0;
    while (error == 0 && !waiter.isGranted) {
      error = this.sleeper.wait(deadline);
      // The signal may be another thread's by now.
      if (error == -EINTR && (currentThread().work & WORK_SIGNAL) == 0) error = 0;
    }
    if (waiter.isGranted) return 0;
    waiterRemove(waiter);
    return error;
  }

  destroy(): void {
    free(this.waiter);
    free(this.sleeper);
    free(this);
  }
}

/**
 * Takes the lock; `isTry`: only at once. 0, -EAGAIN (`isTry`), -EDEADLK, -EFAULT, -EINVAL, -ENOMEM,
 * -ESRCH (the owner does not exist), -ETIMEDOUT, or -ERESTARTNOINTR.
 */
export function lockPi(address: u64, op: u32, deadline: u64, isTry: bool): i64 {
  const error = futexKeyError(futexKey(address, op, true));
  if (error != 0) return error;
  const word = userWord(address);
  if (word == 0) return -EFAULT;
  // The page is there: this does not sleep.
  const key = futexKey(address, op, true);
  const thread = currentThread();
  const result = take(word, key, thread.id);
  if (result != MUST_WAIT) return result;
  if (isTry) return -EAGAIN;
  const wait = attempt(new LockWait(WAITS_LOCK, key));
  if (!wait) return -ENOMEM;
  wait.waiter.ownerId = load32(word) & FUTEX_TID_MASK;
  wait.waiter.lockAddress = address;
  const ended = wait.wait(deadline);
  wait.destroy();
  return ended == -EINTR ? -ERESTARTNOINTR : ended;
}

/** Gives the lock back, or on. 0, -EFAULT, -EINVAL, or -EPERM: it is another thread's. */
export function unlockPi(address: u64, op: u32): i64 {
  const error = futexKeyError(futexKey(address, op, true));
  if (error != 0) return error;
  const word = userWord(address);
  if (word == 0) return -EFAULT;
  const key = futexKey(address, op, true);
  if ((load32(word) & FUTEX_TID_MASK) != currentThread().id) return -EPERM;
  const waiter = firstWaiterOf(key);
  if (!waiter) store32(word, 0);
  else if (waiter.kind != WAITS_LOCK) return -EINVAL;
  else passOn(word, key, 0);
  return 0;
}

/**
 * Waits at `address` until FUTEX_CMP_REQUEUE_PI moves it to the lock at `lockAddress`, and for the
 * lock. 0 (with the lock), -EAGAIN, -EFAULT, -EINVAL, -ENOMEM, -ETIMEDOUT, or -ERESTARTNOINTR.
 */
export function waitRequeuePi(
  address: u64,
  op: u32,
  expected: u32,
  deadline: u64,
  lockAddress: u64,
): i64 {
  if (address == lockAddress) return -EINVAL;
  const lockKey = futexKey(lockAddress, op, true);
  if (futexKeyError(lockKey) != 0) return futexKeyError(lockKey);
  const error = futexKeyError(futexKey(address, op, false));
  if (error != 0) return error;
  const word = userWordRead(address);
  if (word == 0) return -EFAULT;
  const key = futexKey(address, op, false);
  if (key == lockKey) return -EINVAL;
  if (load32(word) != expected) return -EAGAIN;
  const wait = attempt(new LockWait(WAITS_REQUEUE, key));
  if (!wait) return -ENOMEM;
  const waiter = wait.waiter;
  waiter.lockKey = lockKey;
  waiter.lockAddress = lockAddress;
  const ended = wait.wait(deadline);
  const wasMoved = waiter.kind == WAITS_LOCK;
  wait.destroy();
  if (ended != -EINTR) return ended;
  // Once it was moved, the same call would find another value.
  return wasMoved ? -EAGAIN : -ERESTARTNOINTR;
}

/**
 * Gives the lock at `lockAddress` to the first that waits at `address`, if it is free, and moves it
 * and up to `moveCount` others to the lock's waiters. Returns how many that were, or -EAGAIN,
 * -EDEADLK, -EFAULT, -EINVAL, -ESRCH.
 */
export function cmpRequeuePi(
  address: u64,
  op: u32,
  wakeCount: u32,
  moveCount: u32,
  lockAddress: u64,
  expected: u32,
): i64 {
  if (address == lockAddress || wakeCount != 1 || <i32>moveCount < 0) return -EINVAL;
  let error = futexKeyError(futexKey(address, op, false));
  if (error == 0) error = futexKeyError(futexKey(lockAddress, op, true));
  if (error != 0) return error;
  // Both pages at the same time: either look may have to sleep.
  let word: u64 = 0;
  let lock: u64 = 0;
  while (word == 0 || lock == 0) {
    if (userWordRead(address) == 0 || userWord(lockAddress) == 0) return -EFAULT;
    word = userWordNow(address, false);
    lock = userWordNow(lockAddress, true);
  }
  if (load32(word) != expected) return -EAGAIN;
  const key = futexKey(address, op, false);
  const lockKey = futexKey(lockAddress, op, true);
  return key == lockKey ? -EINVAL : requeueTo(key, lock, lockKey, moveCount);
}

function requeueTo(key: u64, lock: u64, lockKey: u64, moveCount: u32): i64 {
  let waiter = firstWaiterOf(key);
  if (!waiter) return 0;
  if (waiter.kind != WAITS_REQUEUE || waiter.lockKey != lockKey) return -EINVAL;
  const result = take(lock, lockKey, waiter.thread.id);
  if (result < 0) return result;
  let done: u32 = 0;
  // As on Linux, one that gets the lock at once does not count as moved.
  const most: u64 = <u64>moveCount + 1;
  if (result == 0) {
    const next = nextWaiterOf(waiter);
    waiterGrant(waiter);
    waiter = next;
    done = 1;
  }
  const ownerId = load32(lock) & FUTEX_TID_MASK;
  while (waiter && done < most) {
    const next = nextWaiterOf(waiter);
    if (waiter.kind != WAITS_REQUEUE || waiter.lockKey != lockKey) return -EINVAL;
    waiterMoveToLock(waiter, lockKey, ownerId);
    store32(lock, load32(lock) | FUTEX_WAITERS);
    done++;
    waiter = next;
  }
  return done;
}

/** A thread ends: the locks that it still has go to who waits for them. May sleep. */
export function piExit(id: u32): void {
  let waiter = waiterForOwner(id);
  while (waiter) {
    const key = waiter.key;
    // A lock whose memory is gone is passed on all the same: its waiters must not stay.
    const word = userWord(waiter.lockAddress);
    const first = firstWaiterOf(key);
    if (first && first.kind == WAITS_LOCK && first.ownerId == id) {
      passOn(word, key, FUTEX_OWNER_DIED);
    }
    waiter = waiterForOwner(id);
  }
}
