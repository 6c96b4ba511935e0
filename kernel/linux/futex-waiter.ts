/**
 * Waiters of futexes that are more than a thread in a bucket (futex.ts): those of futex_waitv(2),
 * where one thread waits for several words, and those of PI futexes (futex-pi.ts).
 *
 *     waiterAdd(waiter) / waiterRemove(waiter)
 *     firstWaiterOf(key), nextWaiterOf(waiter)      the waiters of one key, oldest first
 *     waiterMove(waiter, key), waiterMoveToLock(waiter, key, ownerId)
 *     waiterGrant(waiter)               ends its wait: takes it out and wakes its thread
 *     waitersAny()                                  false: there is no such waiter at all
 *
 * Nothing in here sleeps. A waiter lies where its thread's call has put it, and is out of the table
 * before the call returns.
 */
import { Thread } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";

/** One word of several (futex_waitv). */
export const WAITS_VECTOR: u32 = 0;
/** For a lock that is a PI futex. */
export const WAITS_LOCK: u32 = 1;
/** FUTEX_WAIT_REQUEUE_PI: until it is moved to a lock. */
export const WAITS_REQUEUE: u32 = 2;

@unmanaged
export class FutexWaiter {
  next: FutexWaiter | null;
  previous: FutexWaiter | null;
  key: u64;
  bits: u32;
  /** WAITS_*. */
  kind: u32;
  thread!: Thread;
  /** Where the thread sleeps; nobody else waits there. */
  sleeper!: WaitQueue;
  isLinked: bool;
  /** The wait is over: it was woken, or has got the lock. */
  isGranted: bool;
  // Of PI futexes:
  /** The thread that has the lock. */
  ownerId: u32;
  /** The lock's address; the key of the lock that it is to be moved to. */
  lockAddress: u64;
  lockKey: u64;

  init(kind: u32, key: u64, bits: u32, thread: Thread, sleeper: WaitQueue): void {
    memory.fill(changetype<usize>(this), 0, offsetof<FutexWaiter>());
    this.kind = kind;
    this.key = key;
    this.bits = bits;
    this.thread = thread;
    this.sleeper = sleeper;
  }
}

/** Heads and tails of lists, by a hash of the key. */
const LIST_SHIFT: u64 = 6;
const LIST_COUNT: usize = 64;
const heads: usize = memory.data(64 * 4, 4);
const tails: usize = memory.data(64 * 4, 4);
let count: u32 = 0;
/** Those of them that wait for a lock: most threads end with none, and need not look at any. */
let lockCount: u32 = 0;

/** Whether there is any waiter of these kinds. */
export function waitersAny(): bool {
  return count != 0;
}

function listOf(key: u64): usize {
  return (<usize>(((key >> 1) * 0x9e3779b97f4a7c15) >> (64 - LIST_SHIFT))) << 2;
}

export function waiterAdd(waiter: FutexWaiter): void {
  const list = listOf(waiter.key);
  const last = load<FutexWaiter | null>(tails + list);
  waiter.next = null;
  waiter.previous = last;
  if (last) last.next = waiter;
  else store<FutexWaiter>(heads + list, waiter);
  store<FutexWaiter>(tails + list, waiter);
  waiter.isLinked = true;
  count++;
  if (waiter.kind == WAITS_LOCK) lockCount++;
}

/** Takes a waiter out; without effect on one that is not in. */
export function waiterRemove(waiter: FutexWaiter): void {
  if (!waiter.isLinked) return;
  const list = listOf(waiter.key);
  const next = waiter.next;
  const previous = waiter.previous;
  if (previous) previous.next = next;
  else store<FutexWaiter | null>(heads + list, next);
  if (next) next.previous = previous;
  else store<FutexWaiter | null>(tails + list, previous);
  waiter.isLinked = false;
  count--;
  if (waiter.kind == WAITS_LOCK) lockCount--;
}

function matching(waiter: FutexWaiter | null, key: u64): FutexWaiter | null {
  while (waiter && waiter.key != key) waiter = waiter.next;
  return waiter;
}

export function firstWaiterOf(key: u64): FutexWaiter | null {
  return matching(load<FutexWaiter | null>(heads + listOf(key)), key);
}

/** The next one of the same key. */
export function nextWaiterOf(waiter: FutexWaiter): FutexWaiter | null {
  return matching(waiter.next, waiter.key);
}

export function waiterMove(waiter: FutexWaiter, key: u64): void {
  waiterRemove(waiter);
  waiter.key = key;
  waiterAdd(waiter);
}

export function waiterGrant(waiter: FutexWaiter): void {
  waiterRemove(waiter);
  waiter.isGranted = true;
  waiter.sleeper.wakeOne();
}

/** One that waits for something else waits for a lock from now on. */
export function waiterMoveToLock(waiter: FutexWaiter, key: u64, ownerId: u32): void {
  waiterRemove(waiter);
  waiter.kind = WAITS_LOCK;
  waiter.key = key;
  waiter.ownerId = ownerId;
  waiterAdd(waiter);
}

/** A waiter for a lock that a thread has; null when it has none that somebody waits for. */
export function waiterForOwner(ownerId: u32): FutexWaiter | null {
  if (lockCount == 0) return null;
  for (let list: usize = 0; list < LIST_COUNT; list++) {
    let waiter = load<FutexWaiter | null>(heads + (list << 2));
    while (waiter) {
      if (waiter.kind == WAITS_LOCK && waiter.ownerId == ownerId) return waiter;
      waiter = waiter.next;
    }
  }
  return null;
}

/** What a thread waits for, if that is a lock. */
export function lockWaitOf(thread: Thread): FutexWaiter | null {
  for (let list: usize = 0; list < LIST_COUNT; list++) {
    let waiter = load<FutexWaiter | null>(heads + (list << 2));
    while (waiter) {
      if (waiter.kind == WAITS_LOCK && waiter.thread == thread) return waiter;
      waiter = waiter.next;
    }
  }
  return null;
}
