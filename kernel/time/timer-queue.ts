/**
 * All armed timers, ordered by deadline.
 *
 *     timersRun(now)              fires what is due; called by the scheduler in thread context
 *     timersNextDeadline()        when the next one is due
 *     setTimerHardware(program)   what sets the hardware's one-shot timer
 *     timerHardwareFired()        from its interrupt handler: it is no longer set
 *
 * A pairing heap (Fredman, Sedgewick, Sleator and Tarjan, 1986) through links in the timers: arming
 * takes no memory, so it can't fail. Most timers are time limits that are cancelled before they are
 * due. Such a timer is a leaf under the root: inserted by one comparison and removed by unlinking,
 * both O(1); taking the earliest is O(log n) amortised.
 *
 *     root ──child──▶ a ──next──▶ b ──next──▶ c         a.previous = root, b.previous = a …
 *                     │
 *                     └─child──▶ d
 *
 * The hardware is set only when a timer becomes the earliest and the hardware is set to later than
 * that. One set for a timer that has been cancelled goes off for nothing: cheaper than setting it
 * again each time.
 *
 * Thread context, no sleeping. One queue as there is one CPU; more CPUs have one each, in Cpu, and
 * a timer remembers its own.
 */
import { Timer } from "./timer";

/** No timer: the hardware is not set, or nothing is due ever. */
export const NEVER: u64 = u64.MAX_VALUE;

let root: Timer | null = null;
/** What the hardware is set to; its interrupt handler changes it, hence atomic access. */
const hardwareDeadline: usize = memory.data(8, 8);
let programHardware: (deadline: u64) => void = (deadline: u64) => {};

/** Sets how the hardware's one-shot timer is programmed: an absolute monotonic time. */
export function setTimerHardware(program: (deadline: u64) => void): void {
  programHardware = program;
  atomic.store<u64>(hardwareDeadline, NEVER);
  const first = root;
  if (first) programFor(first.deadline);
}

/**
 * The hardware's timer has gone off and is not set any more. Interrupt context: `timersRun` does
 * the rest.
 */
export function timerHardwareFired(): void {
  atomic.store<u64>(hardwareDeadline, NEVER);
}

function programFor(deadline: u64): void {
  if (deadline >= atomic.load<u64>(hardwareDeadline)) return;
  atomic.store<u64>(hardwareDeadline, deadline);
  programHardware(deadline);
}

/** When the next timer is due, or NEVER. */
export function timersNextDeadline(): u64 {
  const first = root;
  return first ? first.deadline : NEVER;
}

/**
 * Fires the timers due at `now`, and sets the hardware for the next one. Thread context; what the
 * timers do does not sleep. A timer that is armed again for `now` or earlier while this runs fires
 * again at once: periodic ones must step beyond.
 */
export function timersRun(now: u64): void {
  let first = root;
  while (first && first.deadline <= now) {
    timerRemove(first);
    first.expire();
    first = root;
  }
  if (first) programFor(first.deadline);
}

/** Enters an armed timer. */
export function timerInsert(timer: Timer): void {
  const first = root;
  root = first ? meld(first, timer) : timer;
  if (root == timer) programFor(timer.deadline);
}

/** Takes a timer out that is in the heap. */
export function timerRemove(timer: Timer): void {
  const children = mergePairs(timer.heapChild);
  timer.heapChild = null;
  if (root == timer) {
    root = children;
    return;
  }
  const previous = timer.heapPrevious!;
  const next = timer.heapNext;
  if (previous.heapChild == timer) previous.heapChild = next;
  else previous.heapNext = next;
  if (next) next.heapPrevious = previous;
  timer.heapNext = null;
  timer.heapPrevious = null;
  if (children) root = meld(root!, children);
}

/**
 * Joins two heaps by their roots, which have no siblings: the later becomes the first child of the
 * other.
 */
function meld(a: Timer, b: Timer): Timer {
  const first = b.deadline < a.deadline ? b : a;
  const second = first == a ? b : a;
  const child = first.heapChild;
  second.heapNext = child;
  second.heapPrevious = first;
  if (child) child.heapPrevious = second;
  first.heapChild = second;
  return first;
}

/** Cuts a node off its siblings. */
function isolate(timer: Timer): void {
  timer.heapNext = null;
  timer.heapPrevious = null;
}

/**
 * Makes one heap of a list of siblings: melds them in pairs from the left, then the pairs into one.
 */
function mergePairs(first: Timer | null): Timer | null {
  let pairs: Timer | null = null;
  let rest = first;
  while (rest) {
    const a = rest;
    const b = a.heapNext;
    rest = b ? b.heapNext : null;
    isolate(a);
    let pair = a;
    if (b) {
      isolate(b);
      pair = meld(a, b);
    }
    pair.heapNext = pairs;
    pairs = pair;
  }
  let whole: Timer | null = null;
  while (pairs) {
    const pair = pairs;
    pairs = pair.heapNext;
    isolate(pair);
    whole = whole ? meld(whole, pair) : pair;
  }
  return whole;
}
