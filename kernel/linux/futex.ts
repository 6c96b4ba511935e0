/**
 * futex(2): waiting on a word of the application's memory.
 *
 * Waiters are kept in hash buckets by key. The key of a word is its address; of one in a shared
 * mapping of a file, unless the caller says that it is private, its place in the file, which other
 * mappings may show at other addresses. A bucket is a wait queue; a waiter's key and bit set lie in
 * the thread itself. Supported: WAIT, WAKE, WAIT_BITSET, WAKE_BITSET, REQUEUE, CMP_REQUEUE,
 * WAKE_OP. Missing: the PI operations (LOCK_PI and its kin): ENOSYS.
 */
import { addressOf } from "../arch/hw";
import { EAGAIN, EFAULT, EINVAL, ENOSYS } from "../lib/errno";
import { PAGE_SHIFT } from "../mem/page-allocator";
import { VMA_SHARED, vmaFind } from "../mem/vma";
import { currentThread, Thread, threadScratch } from "../sched/thread";
import { NO_DEADLINE, WaitQueue } from "../sched/wait-queue";
import { realtimeOffset } from "../time/clock";
import { Task } from "./task";
import { deadlineAfter, loadTimespec } from "./timespec";
import { copyToUser, loadUser } from "./user-memory";

const FUTEX_WAIT: u32 = 0;
const FUTEX_WAKE: u32 = 1;
const FUTEX_REQUEUE: u32 = 3;
const FUTEX_CMP_REQUEUE: u32 = 4;
const FUTEX_WAKE_OP: u32 = 5;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_WAKE_BITSET: u32 = 10;
const FUTEX_PRIVATE_FLAG: u32 = 128;
const FUTEX_CLOCK_REALTIME: u32 = 256;
const FUTEX_BITSET_MATCH_ANY: u32 = 0xffffffff;
// Robust futexes, include/uapi/linux/futex.h.
const FUTEX_OWNER_DIED: u32 = 0x40000000;
const FUTEX_WAITERS: u32 = 0x80000000;
const FUTEX_TID_MASK: u32 = 0x3fffffff;
const ROBUST_LIST_LIMIT = 2048;

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

/** Words of a file that keys can tell apart: 128 GiB. */
const KEY_WORD_BITS: u64 = 35;

/**
 * The key of a futex that may be shared: bit 63, where the page source is in linear memory, the
 * word in the file.
 */
function sharedKey(address: u64): u64 {
  const area = vmaFind(address);
  if (!area || (area.flags & VMA_SHARED) == 0) return address;
  const source = area.source;
  if (!source) return address;
  const word = ((address - area.start) >> 2) + (area.pageOffset << (PAGE_SHIFT - 2));
  const place = (<u64>(changetype<usize>(source) >> 2)) << KEY_WORD_BITS;
  return ((<u64>1) << 63) | place | (word & (((<u64>1) << KEY_WORD_BITS) - 1));
}

function keyOf(address: u64, op: u32): u64 {
  return (op & FUTEX_PRIVATE_FLAG) != 0 ? address : sharedKey(address);
}

function wait(address: u64, key: u64, expected: u32, deadline: u64, bits: u32): i64 {
  if (bits == 0 || (address & 3) != 0) return -EINVAL;
  const value = readWord(address);
  if (value < 0) return value;
  if (<u32>value != expected) return -EAGAIN;
  const thread = currentThread();
  thread.futexKey = key;
  thread.futexBits = bits;
  const result = bucketOf(key).wait(deadline);
  thread.futexKey = 0;
  return result;
}

function wake(address: u64, key: u64, count: u32, bits: u32): i64 {
  if (bits == 0 || (address & 3) != 0) return -EINVAL;
  const bucket = bucketOf(key);
  let woken: u32 = 0;
  let thread = bucket.firstWaiter();
  while (thread && woken < count) {
    const next = thread.waitNext;
    if (thread.futexKey == key && (thread.futexBits & bits) != 0) {
      thread.futexKey = 0;
      bucket.wake(thread);
      woken++;
    }
    thread = next;
  }
  return woken;
}

/** Wakes up to `count` waiters of an address, in whichever mapping they are. */
export function futexWakeAddress(address: u64, count: u32): void {
  wake(address, sharedKey(address), count, FUTEX_BITSET_MATCH_ANY);
}

function requeue(address: u64, op: u32, wakeCount: u32, moveCount: u32, address2: u64): i64 {
  const from = keyOf(address, op);
  const to = keyOf(address2, op);
  const woken = wake(address, from, wakeCount, FUTEX_BITSET_MATCH_ANY);
  if (woken < 0) return woken;
  const source = bucketOf(from);
  const target = bucketOf(to);
  let moved: u32 = 0;
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
  return woken + moved;
}

/** FUTEX_WAKE_OP: changes the second word and wakes there, too, if its old value compares. */
function wakeOp(
  address: u64,
  key: u64,
  count: u32,
  address2: u64,
  key2: u64,
  count2: u32,
  op: u32,
): i64 {
  const old = readWord(address2);
  if (old < 0) return old;
  const value = <u32>old;
  let operand = (op << 8) >> 20;
  const compare = (op << 20) >> 20;
  if (op >> 31 != 0) operand = (<u32>1) << (operand & 31);
  let result = operand;
  switch ((op >> 28) & 7) {
    case 0:
      break;
    case 1:
      result = value + operand;
      break;
    case 2:
      result = value | operand;
      break;
    case 3:
      result = value & ~operand;
      break;
    case 4:
      result = value ^ operand;
      break;
    default:
      return -ENOSYS;
  }
  const at = changetype<usize>(currentThread()) + offsetof<Thread>("scratch");
  store<u32>(at, result);
  if (copyToUser(address2, addressOf(at), 4) != 0) return -EFAULT;
  let woken = wake(address, key, count, FUTEX_BITSET_MATCH_ANY);
  let matches = false;
  const a = <i32>value;
  const b = <i32>compare;
  switch ((op >> 24) & 15) {
    case 0:
      matches = a == b;
      break;
    case 1:
      matches = a != b;
      break;
    case 2:
      matches = a < b;
      break;
    case 3:
      matches = a <= b;
      break;
    case 4:
      matches = a > b;
      break;
    case 5:
      matches = a >= b;
      break;
  }
  if (matches) woken += wake(address2, key2, count2, FUTEX_BITSET_MATCH_ANY);
  return woken;
}

/**
 * The monotonic deadline that a timeout of `ns` nanoseconds (loadTimespec) stands for.
 */
function deadlineOf(ns: u64, isAbsolute: bool, isRealtime: bool): u64 {
  if (!isAbsolute) return deadlineAfter(ns);
  if (!isRealtime) return ns;
  const offset = realtimeOffset();
  return ns > offset ? ns - offset : 0;
}

export function sys_futex(
  address: u64,
  op: u32,
  value: u32,
  timeout: u64,
  address2: u64,
  value3: u32,
): i64 {
  const isRealtime = (op & FUTEX_CLOCK_REALTIME) != 0;
  switch (op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
    case FUTEX_WAIT: {
      let deadline = NO_DEADLINE;
      if (timeout != 0) {
        const ns = loadTimespec(timeout);
        if (ns < 0) return ns;
        deadline = deadlineOf(ns, false, isRealtime);
      }
      return wait(address, keyOf(address, op), value, deadline, FUTEX_BITSET_MATCH_ANY);
    }
    case FUTEX_WAIT_BITSET: {
      let deadline = NO_DEADLINE;
      if (timeout != 0) {
        const ns = loadTimespec(timeout);
        if (ns < 0) return ns;
        deadline = deadlineOf(ns, true, isRealtime);
      }
      return wait(address, keyOf(address, op), value, deadline, value3);
    }
    case FUTEX_WAKE:
      return wake(address, keyOf(address, op), value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return wake(address, keyOf(address, op), value, value3);
    case FUTEX_REQUEUE:
      return requeue(address, op, value, <u32>timeout, address2);
    case FUTEX_CMP_REQUEUE: {
      const current = readWord(address);
      if (current < 0) return current;
      if (<u32>current != value3) return -EAGAIN;
      return requeue(address, op, value, <u32>timeout, address2);
    }
    case FUTEX_WAKE_OP:
      return wakeOp(
        address,
        keyOf(address, op),
        value,
        address2,
        keyOf(address2, op),
        <u32>timeout,
        value3,
      );
    default:
      return -ENOSYS;
  }
}

/** Marks one robust futex of a thread that has ended, and wakes a waiter. */
function ownerDied(address: u64, id: u32): void {
  const value = readWord(address);
  if (value < 0 || (<u32>value & FUTEX_TID_MASK) != id) return;
  const at = changetype<usize>(currentThread()) + offsetof<Thread>("scratch");
  store<u32>(at, (<u32>value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  if (copyToUser(address, addressOf(at), 4) != 0) return;
  if ((<u32>value & FUTEX_WAITERS) != 0) futexWakeAddress(address, 1);
}

/**
 * Walks the list of robust futexes of a thread that ends: struct robust_list_head { next,
 * futex_offset, pending }.
 */
export function robustListExit(task: Task): void {
  const listWords = threadScratch();
  const head = task.robustList;
  if (head == 0 || loadUser(listWords, head, 24) != 0) return;
  let entry = load<u64>(listWords);
  const offset = load<u64>(listWords, 8);
  const pending = load<u64>(listWords, 16);
  for (let i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1) != head; i++) {
    const current = entry & ~1;
    if (loadUser(listWords, current, 8) != 0) break;
    entry = load<u64>(listWords);
    if (current != pending) ownerDied(current + offset, task.id);
  }
  if (pending != 0) ownerDied((pending & ~1) + offset, task.id);
}
