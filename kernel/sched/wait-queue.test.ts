import { EINTR, ETIMEDOUT } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory } from "../mem/page-allocator";
import { clockStart } from "../time/clock";
import { NEVER, timersNextDeadline } from "../time/timer-queue";
import { thisCpu, WORK_SIGNAL } from "./cpu";
import { addIdlePoller } from "./idle";
import { makeReady, schedulerInit } from "./scheduler";
import { STATE_BLOCKED, STATE_READY, Thread, threadBare } from "./thread";
import { NO_DEADLINE, WaitQueue, wakeForSignal } from "./wait-queue";

// No stack is switched here. A thread that sleeps while another is ready comes back at once, still
// in its queue; with nobody ready the CPU polls, and the poller plays what happens meanwhile.

enum Meanwhile {
  NOTHING,
  WAKE,
  TIME_PASSES,
  TIME_PASSES_AND_WAKE,
  SIGNAL,
  SIGNAL_TAKEN,
  SIGNAL_THEN_WAKE,
}

let meanwhile: Meanwhile = Meanwhile.NOTHING;
let queue: WaitQueue = changetype<WaitQueue>(0);
let sleeper: Thread = changetype<Thread>(0);
let polls = 0;

const DEADLINE: u64 = 1000;

function at(now: u64): void {
  clockStart(0 - now);
}

function act(): bool {
  polls++;
  expect(polls < 4, "the thread sleeps for ever");
  switch (meanwhile) {
    case Meanwhile.WAKE:
      queue.wakeOne();
      break;
    case Meanwhile.TIME_PASSES:
      at(DEADLINE);
      break;
    case Meanwhile.TIME_PASSES_AND_WAKE:
      at(DEADLINE);
      sleeper.timer.fire();
      queue.wakeOne();
      break;
    case Meanwhile.SIGNAL:
      sleeper.work |= WORK_SIGNAL;
      wakeForSignal(sleeper);
      break;
    case Meanwhile.SIGNAL_TAKEN:
      // Another thread takes it before this one runs.
      if (polls == 1) wakeForSignal(sleeper);
      else queue.wakeOne();
      break;
    case Meanwhile.SIGNAL_THEN_WAKE:
      wakeForSignal(sleeper);
      if (polls > 1) queue.wakeOne();
      break;
    default:
      break;
  }
  return true;
}

function start(): void {
  addMemory(0x100000, 0x1000000);
  at(0);
  schedulerInit(thisCpu());
  queue = new WaitQueue();
  sleeper = thisCpu().current;
  addIdlePoller(act);
}

/** A thread that waits in the queue. */
function waiter(name: string): Thread {
  const other = threadBare("other");
  other.state = STATE_BLOCKED;
  makeReady(other);
  const thread = threadBare(name);
  thread.state = STATE_READY;
  thisCpu().current = thread;
  queue.waitUninterruptible();
  expectEqual(thread.state, STATE_BLOCKED, "it sleeps");
  return thread;
}

function awake(thread: Thread): bool {
  return thread.state == STATE_READY && thread.waitQueue == null;
}

test("wait queue: threads are woken in the order in which they came", () => {
  start();
  expect(queue.isEmpty(), "nobody waits");
  expect(!queue.wakeOne(), "there is nobody to wake");
  const first = waiter("first");
  const second = waiter("second");
  const third = waiter("third");
  expect(!queue.isEmpty(), "they wait");
  expect(queue.firstWaiter() == first, "the first is first");
  expect(queue.wakeOne(), "one is woken");
  expect(awake(first) && !awake(second) && !awake(third), "the first, alone");
  expect(queue.wakeOne() && awake(second) && !awake(third), "the second");
  expect(queue.wakeOne() && awake(third), "the third");
  expect(queue.isEmpty() && !queue.wakeOne(), "nobody is left");
});

test("wait queue: all are woken at once", () => {
  start();
  const first = waiter("first");
  const second = waiter("second");
  queue.wakeAll();
  expect(awake(first) && awake(second), "both");
  expect(queue.isEmpty(), "nobody is left");
});

test("wait queue: one may be taken out of the middle, of the front, of the end", () => {
  for (let which = 0; which < 3; which++) {
    start();
    const threads = [waiter("a"), waiter("b"), waiter("c")];
    queue.wake(threads[which]);
    expect(awake(threads[which]), "it is woken");
    const last = waiter("d");
    for (let i = 0; i < 3; i++) {
      if (i == which) continue;
      expect(queue.wakeOne() && awake(threads[i]), "the others in their order");
    }
    expect(queue.wakeOne() && awake(last), "who came later comes last");
    expect(queue.isEmpty(), "nobody is left");
  }
});

test("wait queue: a waiter moves to another queue, asleep", () => {
  start();
  const first = waiter("first");
  const second = waiter("second");
  const target = new WaitQueue();
  queue.move(first, target);
  expectEqual(first.state, STATE_BLOCKED, "it sleeps on");
  expect(first.waitQueue == target && target.firstWaiter() == first, "there");
  expect(queue.firstWaiter() == second, "and here no more");
  expect(target.wakeOne() && awake(first), "who wakes the other queue wakes it");
});

test("wait queue: a wake-up ends a wait", () => {
  start();
  meanwhile = Meanwhile.WAKE;
  expectEqual(queue.wait(), 0, "woken");
  expectEqual(polls, 1, "it has slept");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
  expectEqual(queue.wait(DEADLINE), 0, "woken before its deadline");
  expectEqual(timersNextDeadline(), NEVER, "its timer is not left behind");
});

test("wait queue: a deadline ends a wait", () => {
  start();
  meanwhile = Meanwhile.TIME_PASSES;
  expectEqual(queue.wait(DEADLINE), -ETIMEDOUT, "interruptible");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
  at(0);
  expectEqual(queue.waitUninterruptible(DEADLINE), -ETIMEDOUT, "or not");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
  meanwhile = Meanwhile.WAKE;
  expectEqual(queue.wait(NO_DEADLINE), 0, "the next wait knows nothing of that");
});

test("wait queue: who is woken when its deadline has come too counts as woken", () => {
  start();
  meanwhile = Meanwhile.TIME_PASSES_AND_WAKE;
  expectEqual(queue.wait(DEADLINE), 0, "the wake-up was meant for it");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
});

test("wait queue: a signal ends a wait that says so, before it begins as well", () => {
  start();
  meanwhile = Meanwhile.SIGNAL;
  expectEqual(queue.wait(), -EINTR, "while it sleeps");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
  polls = 0;
  expectEqual(queue.wait(), -EINTR, "before");
  expectEqual(polls, 0, "it has not slept");
  expect(queue.isEmpty(), "nor entered the queue");
});

test("wait queue: a wait knows nothing of how the one before it ended", () => {
  start();
  meanwhile = Meanwhile.TIME_PASSES;
  expectEqual(queue.wait(DEADLINE), -ETIMEDOUT, "by its deadline");
  expect(!sleeper.interruptible, "no signal would wake it any more");
  meanwhile = Meanwhile.SIGNAL;
  expectEqual(queue.wait(), -EINTR, "by a signal, and no deadline");
  expect(!sleeper.interruptible, "no other signal would");
});

test("wait queue: a signal that another thread has taken ends no wait", () => {
  start();
  meanwhile = Meanwhile.SIGNAL_TAKEN;
  expectEqual(queue.wait(), 0, "woken");
  expectEqual(polls, 2, "by what it waits for");
  expect(queue.isEmpty() && awake(sleeper), "it waits no more");
});

test("wait queue: a signal does not end a wait that can't be interrupted", () => {
  start();
  meanwhile = Meanwhile.SIGNAL_THEN_WAKE;
  sleeper.work |= WORK_SIGNAL;
  expectEqual(queue.waitUninterruptible(), 0, "woken");
  expectEqual(polls, 2, "by the wake-up, not by the signal");
});

test("wait queue: a signal for a thread that does not sleep changes nothing", () => {
  start();
  wakeForSignal(sleeper);
  expectEqual(sleeper.state, STATE_READY, "it runs");
  sleeper.interruptible = false;
  const other = waiter("other");
  wakeForSignal(other);
  expectEqual(other.state, STATE_BLOCKED, "nor for one that can't be interrupted");
});
