/**
 * futex(2): waiting on a word of the application's memory.
 *
 * Waiters are kept in hash buckets by key (futex-key.ts). A bucket is a wait queue; a waiter's key
 * and bit set lie in the thread itself. Waiters of other kinds, of several words or of a lock, are
 * in a table of their own (futex-waiter.ts), which is looked at when there are any; plain waiters
 * are woken before them. PI futexes: futex-pi.ts; futex_waitv: futex-vector.ts; what a thread
 * leaves locked: futex-robust.ts. Missing: FUTEX_FD, which Linux has given up, too.
 *
 * Between the reading of a word and the wait, or the change of a word and the wake, nothing sleeps.
 */
import { load32, store32 } from "../arch/hw";
import { EAGAIN, EFAULT, EINVAL, ENOSYS } from "../lib/errno";
import { currentThread, Thread } from "../sched/thread";
import { NO_DEADLINE, WaitQueue } from "../sched/wait-queue";
import { realtimeOffset } from "../time/clock";
import { futexKey, futexKeyError } from "./futex-key";
import { cmpRequeuePi, lockPi, unlockPi, waitRequeuePi } from "./futex-pi";
import {
  FutexWaiter,
  firstWaiterOf,
  nextWaiterOf,
  WAITS_VECTOR,
  waiterGrant,
  waiterMove,
  waitersAny,
} from "./futex-waiter";
import { deadlineAfter, loadTimespec } from "./timespec";
import { loadUser } from "./user-memory";
import { userWord } from "./user-word";

const FUTEX_WAIT: u32 = 0;
const FUTEX_WAKE: u32 = 1;
const FUTEX_REQUEUE: u32 = 3;
const FUTEX_CMP_REQUEUE: u32 = 4;
const FUTEX_WAKE_OP: u32 = 5;
const FUTEX_LOCK_PI: u32 = 6;
const FUTEX_UNLOCK_PI: u32 = 7;
const FUTEX_TRYLOCK_PI: u32 = 8;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_WAKE_BITSET: u32 = 10;
const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
const FUTEX_CMP_REQUEUE_PI: u32 = 12;
const FUTEX_LOCK_PI2: u32 = 13;
const FUTEX_PRIVATE_FLAG: u32 = 128;
const FUTEX_CLOCK_REALTIME: u32 = 256;
const FUTEX_BITSET_MATCH_ANY: u32 = 0xffffffff;

// The operand of FUTEX_WAKE_OP: operation << 28 | comparison << 24 | operand << 12 | compared with.
const FUTEX_OP_SET: u32 = 0;
const FUTEX_OP_ADD: u32 = 1;
const FUTEX_OP_OR: u32 = 2;
const FUTEX_OP_ANDN: u32 = 3;
const FUTEX_OP_XOR: u32 = 4;
/** Of the operation: 1 << operand instead of the operand. */
const FUTEX_OP_OPARG_SHIFT: u32 = 8;
const FUTEX_OP_CMP_EQ: u32 = 0;
const FUTEX_OP_CMP_NE: u32 = 1;
const FUTEX_OP_CMP_LT: u32 = 2;
const FUTEX_OP_CMP_LE: u32 = 3;
const FUTEX_OP_CMP_GT: u32 = 4;
const FUTEX_OP_CMP_GE: u32 = 5;

const BUCKET_SHIFT: u32 = 8;
const buckets: usize = memory.data(256 * 8, 8);
if (offsetof<WaitQueue>() != 8) ERROR("a bucket is one wait queue");

function bucketOf(key: u64): WaitQueue {
  const hash = <u32>(((key >> 2) * 0x9e3779b97f4a7c15) >> (64 - <u64>BUCKET_SHIFT));
  return changetype<WaitQueue>(buckets + ((<usize>hash) << 3));
}

/** The word at an address; -EFAULT when it can't be read, else its 32 bits. */
function readWord(address: u64): i64 {
  const at = changetype<usize>(currentThread()) + offsetof<Thread>("scratch");
  if (loadUser(at, address, 4) != 0) return -EFAULT;
  return <i64>load<u32>(at);
}

function wait(address: u64, op: u32, expected: u32, deadline: u64, bits: u32): i64 {
  if (bits == 0 || (address & 3) != 0) return -EINVAL;
  const value = readWord(address);
  if (value < 0) return value;
  if (<u32>value != expected) return -EAGAIN;
  // The page is there: this does not sleep.
  const key = futexKey(address, op, false);
  if (futexKeyError(key) != 0) return futexKeyError(key);
  const thread = currentThread();
  thread.futexKey = key;
  thread.futexBits = bits;
  const result = bucketOf(key).wait(deadline);
  thread.futexKey = 0;
  return result;
}

/**
 * Wakes waiters of a key until `count` are awake: one at least, as Linux does for a count of 0.
 * Returns how many, or -EINVAL when some wait there for a lock.
 */
function wake(key: u64, count: i32, bits: u32): i64 {
  const bucket = bucketOf(key);
  let woken = 0;
  let thread = bucket.firstWaiter();
  while (thread) {
    const next = thread.waitNext;
    if (thread.futexKey == key && (thread.futexBits & bits) != 0) {
      thread.futexKey = 0;
      bucket.wake(thread);
      if (++woken >= count) return woken;
    }
    thread = next;
  }
  return waitersAny() ? wakeOthers(key, count, bits, woken) : woken;
}

/** The rest of `wake`, which has found `woken` threads: waiters of other kinds. */
function wakeOthers(key: u64, count: i32, bits: u32, woken: i32): i64 {
  let waiter = firstWaiterOf(key);
  while (waiter) {
    if (waiter.kind != WAITS_VECTOR) return -EINVAL;
    const next = nextWaiterOf(waiter);
    if ((waiter.bits & bits) != 0) {
      waiterGrant(waiter);
      if (++woken >= count) break;
    }
    waiter = next;
  }
  return woken;
}

/** FUTEX_WAKE and FUTEX_WAKE_BITSET. */
function wakeAt(address: u64, op: u32, count: i32, bits: u32): i64 {
  if (bits == 0) return -EINVAL;
  const key = futexKey(address, op, false);
  return (key & 1) == 0 ? wake(key, count, bits) : futexKeyError(key);
}

/** Wakes up to `count` waiters of an address, in whichever mapping they are. May sleep. */
export function futexWakeAddress(address: u64, count: i32): void {
  const key = futexKey(address, 0, false);
  if (futexKeyError(key) == 0) wake(key, count, FUTEX_BITSET_MATCH_ANY);
}

/** Wakes some waiters of one word and moves others to another's; returns how many together. */
function requeue(address: u64, op: u32, wakeCount: i32, moveCount: i32, address2: u64): i64 {
  const from = futexKey(address, op, false);
  const to = futexKey(address2, op, false);
  if (futexKeyError(from) != 0) return futexKeyError(from);
  if (futexKeyError(to) != 0) return futexKeyError(to);
  const first = waitersAny() ? firstWaiterOf(from) : null;
  if (first && first.kind != WAITS_VECTOR) return -EINVAL;
  const woken = wakeCount > 0 ? wake(from, wakeCount, FUTEX_BITSET_MATCH_ANY) : 0;
  const source = bucketOf(from);
  const target = bucketOf(to);
  let moved = 0;
  let thread = source.firstWaiter();
  while (thread && moved < moveCount) {
    const next = thread.waitNext;
    if (thread.futexKey == from) {
      thread.futexKey = to;
      if (source != target) source.move(thread, target);
      moved++;
    }
    thread = next;
  }
  return woken + (from != to && waitersAny() ? moveOthers(from, to, moved, moveCount) : moved);
}

/** The rest of `requeue`, which has moved `moved` threads: waiters of other kinds. */
function moveOthers(from: u64, to: u64, moved: i32, moveCount: i32): i32 {
  let waiter: FutexWaiter | null = firstWaiterOf(from);
  while (waiter && moved < moveCount) {
    const next = nextWaiterOf(waiter);
    waiterMove(waiter, to);
    moved++;
    waiter = next;
  }
  return moved;
}

/** What FUTEX_WAKE_OP makes of a word; -ENOSYS for an operation that is none, else 32 bits. */
function operated(value: u32, op: u32): i64 {
  const operation = op >> 28;
  let operand = <u32>(<i32>(op << 8) >> 20);
  if ((operation & FUTEX_OP_OPARG_SHIFT) != 0) operand = (<u32>1) << (operand & 31);
  switch (operation & ~FUTEX_OP_OPARG_SHIFT) {
    case FUTEX_OP_SET:
      return <i64>operand;
    case FUTEX_OP_ADD:
      return <i64>(value + operand);
    case FUTEX_OP_OR:
      return <i64>(value | operand);
    case FUTEX_OP_ANDN:
      return <i64>(value & ~operand);
    case FUTEX_OP_XOR:
      return <i64>(value ^ operand);
    default:
      return -ENOSYS;
  }
}

/** Whether FUTEX_WAKE_OP's comparison of the old word holds: 0 or 1, or -ENOSYS. */
function compared(value: i32, op: u32): i32 {
  const other = <i32>(op << 20) >> 20;
  switch ((op >> 24) & 15) {
    case FUTEX_OP_CMP_EQ:
      return value == other ? 1 : 0;
    case FUTEX_OP_CMP_NE:
      return value != other ? 1 : 0;
    case FUTEX_OP_CMP_LT:
      return value < other ? 1 : 0;
    case FUTEX_OP_CMP_LE:
      return value <= other ? 1 : 0;
    case FUTEX_OP_CMP_GT:
      return value > other ? 1 : 0;
    case FUTEX_OP_CMP_GE:
      return value >= other ? 1 : 0;
    default:
      return -ENOSYS;
  }
}

/** FUTEX_WAKE_OP: changes the second word and wakes there, too, if its old value compares. */
function wakeOp(
  address: u64,
  op: u32,
  count: i32,
  count2: i32,
  address2: u64,
  operation: u32,
): i64 {
  const key = futexKey(address, op, false);
  if (futexKeyError(key) != 0) return futexKeyError(key);
  const key2 = futexKey(address2, op, true);
  if (futexKeyError(key2) != 0) return futexKeyError(key2);
  const word = userWord(address2);
  if (word == 0) return -EFAULT;
  const value = load32(word);
  const result = operated(value, operation);
  if (result < 0) return result;
  store32(word, <u32>result);
  const matches = compared(value, operation);
  if (matches < 0) return matches;
  const woken = wake(key, count, FUTEX_BITSET_MATCH_ANY);
  if (woken < 0 || matches == 0) return woken;
  const woken2 = wake(key2, count2, FUTEX_BITSET_MATCH_ANY);
  return woken2 < 0 ? woken2 : woken + woken2;
}

/** The monotonic deadline that a timeout of `ns` nanoseconds (loadTimespec) stands for. */
function deadlineOf(ns: u64, isAbsolute: bool, isRealtime: bool): u64 {
  if (!isAbsolute) return deadlineAfter(ns);
  if (!isRealtime) return ns;
  const offset = realtimeOffset();
  return ns > offset ? ns - offset : 0;
}

/** The operations that may wait; `timeout` is the address of a struct timespec, or 0. */
function waitSlowly(
  address: u64,
  op: u32,
  value: u32,
  timeout: u64,
  address2: u64,
  bits: u32,
): i64 {
  const command = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    const ns = loadTimespec(timeout);
    if (ns < 0) return ns;
    const isRealtime = (op & FUTEX_CLOCK_REALTIME) != 0 || command == FUTEX_LOCK_PI;
    deadline = deadlineOf(ns, command != FUTEX_WAIT, isRealtime);
  }
  switch (command) {
    case FUTEX_WAIT:
      return wait(address, op, value, deadline, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
      return wait(address, op, value, deadline, bits);
    case FUTEX_WAIT_REQUEUE_PI:
      return waitRequeuePi(address, op, value, deadline, address2);
    default:
      return lockPi(address, op, deadline, false);
  }
}

/** Whether an operation's timeout may be one of CLOCK_REALTIME. */
function hasClock(command: u32): bool {
  return (
    command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_LOCK_PI2
  );
}

export function sys_futex(
  address: u64,
  op: u32,
  value: u32,
  timeout: u64,
  address2: u64,
  value3: u32,
): i64 {
  const plain = op & ~FUTEX_PRIVATE_FLAG;
  if (plain == FUTEX_WAKE) return wakeAt(address, op, value, FUTEX_BITSET_MATCH_ANY);
  if (plain == FUTEX_WAIT) return waitSlowly(address, op, value, timeout, address2, value3);
  return futexSlowly(address, op, value, timeout, address2, value3);
}

/** All but what locks and condition variables do all the time. */
function futexSlowly(
  address: u64,
  op: u32,
  value: u32,
  timeout: u64,
  address2: u64,
  value3: u32,
): i64 {
  const command = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  if ((op & FUTEX_CLOCK_REALTIME) != 0 && !hasClock(command)) return -ENOSYS;
  // Of an operation without a timeout, its place holds another count.
  const count2 = <i32>timeout;
  switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
      return waitSlowly(address, op, value, timeout, address2, value3);
    case FUTEX_WAKE:
      return wakeAt(address, op, value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return wakeAt(address, op, value, value3);
    case FUTEX_REQUEUE:
      if (<i32>value < 0 || count2 < 0) return -EINVAL;
      return requeue(address, op, value, count2, address2);
    case FUTEX_CMP_REQUEUE: {
      if (<i32>value < 0 || count2 < 0 || ((address | address2) & 3) != 0) return -EINVAL;
      const current = readWord(address);
      if (current < 0) return current;
      if (<u32>current != value3) return -EAGAIN;
      return requeue(address, op, value, count2, address2);
    }
    case FUTEX_WAKE_OP:
      return wakeOp(address, op, value, count2, address2, value3);
    case FUTEX_UNLOCK_PI:
      return unlockPi(address, op);
    case FUTEX_TRYLOCK_PI:
      return lockPi(address, op, NO_DEADLINE, true);
    case FUTEX_CMP_REQUEUE_PI:
      return cmpRequeuePi(address, op, value, count2, address2, value3);
    default:
      return -ENOSYS;
  }
}
