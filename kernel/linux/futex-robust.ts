/**
 * Robust futexes: what a thread that ends leaves locked is marked, and a waiter woken.
 * set_robust_list(2), get_robust_list(2).
 *
 *     robustListExit(task)      walks the list of a thread that ends; may sleep
 */
import { load32, store32 } from "../arch/hw";
import { EFAULT, EINVAL, ESRCH } from "../lib/errno";
import { threadScratch } from "../sched/thread";
import { futexWakeAddress } from "./futex";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from "./futex-pi";
import { currentTask, Task, taskFind } from "./task";
import { loadUser, storeUser64 } from "./user-memory";
import { userWord } from "./user-word";

/** struct robust_list_head: next, futex_offset, list_op_pending. */
const ROBUST_LIST_HEAD_SIZE: u64 = 24;
const ROBUST_LIST_LIMIT = 2048;
/** The lowest bit of an entry's address: its futex is a PI one. */
const ENTRY_PI: u64 = 1;

/**
 * Marks one futex of a thread that has ended, and wakes a waiter; the waiters of a PI futex get the
 * lock from `piExit`. `isPending`: the thread was about to lock or unlock it.
 */
function ownerDied(address: u64, id: u32, isPi: bool, isPending: bool): void {
  const word = userWord(address);
  if (word == 0) return;
  const value = load32(word);
  if (isPending && !isPi && value == 0) {
    // Unlocked already, and the wake was still to come.
    futexWakeAddress(address, 1);
    return;
  }
  if ((value & FUTEX_TID_MASK) != id) return;
  store32(word, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  if (!isPi && (value & FUTEX_WAITERS) != 0) futexWakeAddress(address, 1);
}

function entryDied(entry: u64, offset: u64, id: u32, isPending: bool): void {
  ownerDied((entry & ~ENTRY_PI) + offset, id, (entry & ENTRY_PI) != 0, isPending);
}

export function robustListExit(task: Task): void {
  const listWords = threadScratch();
  const head = task.robustList;
  if (head == 0 || loadUser(listWords, head, ROBUST_LIST_HEAD_SIZE) != 0) return;
  let entry = load<u64>(listWords);
  const offset = load<u64>(listWords, 8);
  const pending = load<u64>(listWords, 16);
  const pendingAt = pending & ~ENTRY_PI;
  for (let i = 0; i < ROBUST_LIST_LIMIT && (entry & ~ENTRY_PI) != head; i++) {
    const current = entry;
    // The next one first: once it is unlocked, the entry is its new owner's.
    const isLast = loadUser(listWords, current & ~ENTRY_PI, 8) != 0;
    entry = load<u64>(listWords);
    if ((current & ~ENTRY_PI) != pendingAt) entryDied(current, offset, task.id, false);
    if (isLast) break;
  }
  if (pendingAt != 0) entryDied(pending, offset, task.id, true);
}

export function sys_set_robust_list(head: u64, size: u64): i64 {
  if (size != ROBUST_LIST_HEAD_SIZE) return -EINVAL;
  currentTask().robustList = head;
  return 0;
}

/** Of a thread of the process; 0 is the running one. */
export function sys_get_robust_list(id: u32, head: u64, size: u64): i64 {
  const task = id == 0 ? currentTask() : taskFind(id);
  if (!task) return -ESRCH;
  const list = task.robustList;
  if (storeUser64(size, ROBUST_LIST_HEAD_SIZE) != 0) return -EFAULT;
  return storeUser64(head, list);
}
