/**
 * The stack's timers: retransmission, delayed ACK, ARP, DHCP, reassembly.
 *
 *     timer.arm(deadline)      (netNow() + …); again for a new deadline          timer.cancel()
 *     netTimersRun()           calls expired() of every timer whose time has come (netNow())
 *     netTimersNext()          when to call it next: NEVER when no timer is armed
 *
 * A binary heap ordered by `key`. TCP moves its timers with every segment, nearly always to a later
 * deadline, and so arming later, or cancelling, only notes the deadline: the timer stays where it
 * is in the heap, and finds out when its old key comes up. The invariant is key <= deadline for
 * every timer in the heap. That makes the frequent case one store, for a needless wakeup now and
 * then.
 */
import { netNow } from "./clock";

export const NEVER: u64 = u64.MAX_VALUE;

const NOT_QUEUED = -1;

export abstract class NetTimer {
  /** When `expired` is to be called; NEVER while not armed. */
  deadline: u64 = NEVER;
  /** Place in the heap, and the time that place stands for. */
  heapIndex: i32 = NOT_QUEUED;
  key: u64 = 0;

  /**
   * The deadline has passed; the timer is not armed any more and may be armed again. Must not
   * sleep.
   */
  abstract expired(): void;

  @inline
  arm(deadline: u64): void {
    this.deadline = deadline;
    if (this.heapIndex == NOT_QUEUED || deadline < this.key) heapPlace(this, deadline);
  }

  @inline
  cancel(): void {
    this.deadline = NEVER;
  }

  @inline
  isArmed(): bool {
    return this.deadline != NEVER;
  }

  /** Takes the timer out of the heap for good; to be called before it is freed. */
  remove(): void {
    this.deadline = NEVER;
    if (this.heapIndex != NOT_QUEUED) heapRemove(this);
  }
}

let heap: usize = 0;
let capacity: i32 = 0;
let count: i32 = 0;

function at(index: i32): NetTimer {
  return changetype<NetTimer>(load<usize>(heap + ((<usize>index) << 2)));
}

function put(index: i32, timer: NetTimer): void {
  store<usize>(heap + ((<usize>index) << 2), changetype<usize>(timer));
  timer.heapIndex = index;
}

function siftUp(timer: NetTimer, from: i32): void {
  let index = from;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (at(parent).key <= timer.key) break;
    put(index, at(parent));
    index = parent;
  }
  put(index, timer);
}

function siftDown(timer: NetTimer, from: i32): void {
  let index = from;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= count) break;
    if (child + 1 < count && at(child + 1).key < at(child).key) child++;
    if (timer.key <= at(child).key) break;
    put(index, at(child));
    index = child;
  }
  put(index, timer);
}

/** Enters a timer, or moves it to an earlier place. */
function heapPlace(timer: NetTimer, key: u64): void {
  timer.key = key;
  if (timer.heapIndex != NOT_QUEUED) {
    siftUp(timer, timer.heapIndex);
    return;
  }
  if (count == capacity) {
    capacity = max(64, capacity * 2);
    const size = (<usize>capacity) << 2;
    heap = heap == 0 ? __alloc(size) : __realloc(heap, size);
  }
  count++;
  siftUp(timer, count - 1);
}

function heapRemove(timer: NetTimer): void {
  const index = timer.heapIndex;
  assert(at(index) == timer, "the heap knows where its timers are");
  timer.heapIndex = NOT_QUEUED;
  count--;
  if (index == count) return;
  const last = at(count);
  if (index > 0 && at((index - 1) >> 1).key > last.key) siftUp(last, index);
  else siftDown(last, index);
}

/** When `netTimersRun` has something to look at next. */
export function netTimersNext(): u64 {
  return count == 0 ? NEVER : at(0).key;
}

/** Calls every timer whose deadline has passed. */
export function netTimersRun(): void {
  const now = netNow();
  while (count > 0) {
    const timer = at(0);
    if (timer.key > now) return;
    if (timer.deadline > now) {
      // Moved to later, or cancelled, since it was placed.
      if (timer.deadline == NEVER) {
        heapRemove(timer);
      } else {
        timer.key = timer.deadline;
        siftDown(timer, 0);
      }
      continue;
    }
    heapRemove(timer);
    timer.deadline = NEVER;
    timer.expired();
  }
}
