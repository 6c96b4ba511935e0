/**
 * The rules about locks, checked in debug builds: the order of docs/architecture.md ("Locks and
 * their order"), and where a lock may be held.
 *
 *     new Mutex(LOCK_…), SleepLock.init(owner, LOCK_…)     which lock of the list it is
 *     lockWanted(kind)      before it is taken    lockTaken(kind), lockReleased(kind)
 *     sleepBegins(kind)     before a thread sleeps: what for, or LOCK_NONE
 *     lockFree(moment)      at a place where a thread must hold none
 *     handlerRuns(true)     around an interrupt's handler
 *
 * A violation panics with the names: "lock order: page cache (2) is held, pipe (1) is wanted". It
 * does so whenever the wrong order is taken, not only when two threads really block each other.
 *
 * Every call is behind `if (VERIFY)`, so the release kernel holds none of this. The thread keeps
 * the kinds of the locks it holds, a byte each, the last taken lowest; no other thread and no other
 * CPU looks at them.
 */
import { panic } from "../lib/panic";
import { thisCpu, WORK_LOCKS } from "./cpu";
import { currentThread, STATE_READY, Thread } from "./thread";

export const LOCK_NONE: u32 = 0;
export const LOCK_PIPE: u32 = 1;
export const LOCK_CONNECTION: u32 = 2;
export const LOCK_PAGE_CACHE: u32 = 3;
/** No lock, but waited for as one: a disk's answer. */
export const LOCK_DISK: u32 = 4;

/** A thread holds at most as many as there are ranks. */
const KIND_BITS: u32 = 8;
const KIND_MASK: u32 = (1 << KIND_BITS) - 1;

/** The number in the list: locks are taken in ascending order. */
function rankOf(kind: u32): u32 {
  if (kind == LOCK_NONE) return 0;
  if (kind == LOCK_PIPE || kind == LOCK_CONNECTION) return 1;
  return kind == LOCK_PAGE_CACHE ? 2 : 3;
}

function nameOf(kind: u32): string {
  if (kind == LOCK_PIPE) return "pipe (1)";
  if (kind == LOCK_CONNECTION) return "connection (1)";
  if (kind == LOCK_PAGE_CACHE) return "page cache (2)";
  return kind == LOCK_DISK ? "disk (3)" : "a lock without a kind";
}

/** The current thread; null before there is one. */
function holder(): Thread | null {
  return changetype<Thread | null>(changetype<usize>(currentThread()));
}

function fail(reason: string): void {
  panic("lock order", reason);
}

/**
 * Who may not sleep may not take a lock either. LOCK_NONE: any wait. Texts are put together only
 * for the panic: nobody frees them.
 */
function checkContext(thread: Thread, kind: u32): void {
  const isHandler = thisCpu().handling != 0;
  if (!isHandler && thread.state == STATE_READY) return;
  const what = kind == LOCK_NONE ? "a wait begins" : nameOf(kind) + " is wanted";
  if (isHandler) fail(what + " in an interrupt handler");
  fail(what + " on behalf of a thread that sleeps already");
}

/** A lock of this kind is about to be taken, or waited for. */
export function lockWanted(kind: u32): void {
  const thread = holder();
  if (!thread) return;
  checkContext(thread, kind);
  for (let held = thread.heldLocks; held != 0; held >>= KIND_BITS) {
    const other = held & KIND_MASK;
    if (rankOf(kind) <= rankOf(other)) {
      fail(nameOf(other) + " is held, " + nameOf(kind) + " is wanted");
    }
  }
}

/** The current thread has taken a lock. */
export function lockTaken(kind: u32): void {
  const thread = holder();
  if (!thread) return;
  thread.heldLocks = (thread.heldLocks << KIND_BITS) | kind;
  // The way back to the application then leads through `lockFree`.
  thread.work |= WORK_LOCKS;
  thisCpu().work |= WORK_LOCKS;
}

export function lockReleased(kind: u32): void {
  const thread = holder();
  if (!thread) return;
  for (let shift: u32 = 0; shift < 32; shift += KIND_BITS) {
    if (((thread.heldLocks >> shift) & KIND_MASK) != kind) continue;
    const lower = thread.heldLocks & ((1 << shift) - 1);
    const upper = <u32>(<u64>thread.heldLocks >> (shift + KIND_BITS));
    thread.heldLocks = (upper << shift) | lower;
    if (thread.heldLocks != 0) return;
    thread.work &= ~WORK_LOCKS;
    thisCpu().work &= ~WORK_LOCKS;
    return;
  }
  fail(nameOf(kind) + " is released by a thread that does not hold it");
}

/**
 * The current thread is about to sleep: until a lock of this kind is free, a disk has answered, or
 * (LOCK_NONE) for anything else, which nobody does who holds a lock.
 */
export function sleepBegins(kind: u32): void {
  const thread = holder();
  if (!thread) return;
  if (kind != LOCK_NONE) {
    lockWanted(kind);
    return;
  }
  checkContext(thread, LOCK_NONE);
  lockFree("a wait begins");
}

/** The current thread must not hold a lock; `moment` says where that is. */
export function lockFree(moment: string): void {
  const thread = holder();
  if (!thread || thread.heldLocks == 0) return;
  fail(nameOf(thread.heldLocks & KIND_MASK) + " is held, " + moment);
}

/** An interrupt's handler begins or has ended. */
export function handlerRuns(runs: bool): void {
  thisCpu().handling = runs ? 1 : 0;
}
