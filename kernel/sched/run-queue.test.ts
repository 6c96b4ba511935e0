import { expect, expectEqual, test } from "../lib/testing";
import { failAllocation } from "../runtime/failing";
import { heapBytesInUse } from "../runtime/heap";
import {
  accountRun,
  runQueueLength,
  runQueuePeek,
  runQueuePop,
  runQueuePush,
  runQueueReserve,
} from "./run-queue";
import { PRIORITY_NORMAL, STATE_READY, Thread, threadBare } from "./thread";

// Who is next: by what each has run, the longer ago the less it counts.

/** The time constant of the header, 2^27 ns, and an epoch of 32 of them. */
const TAU: u64 = 1 << 27;
const EPOCH: u64 = TAU << 5;
const MS: u64 = 1_000_000;

function ready(name: string): Thread {
  const thread = threadBare(name);
  thread.state = STATE_READY;
  return thread;
}

/** The run time that the queue orders by, of a thread that ran `ran` ns until `now`. */
function accounted(ran: u64, now: u64): u64 {
  const thread = ready("accounted");
  accountRun(thread, ran, now);
  return thread.runtime;
}

function expectNext(thread: Thread, message: string): void {
  const next = runQueuePop();
  expect(next != null && next == thread, message);
}

test("run queue: it is empty at first, and again when all have been taken", () => {
  expect(runQueuePop() == null, "nobody is ready");
  expect(runQueuePeek() == null, "nobody is first");
  const thread = ready("one");
  runQueuePush(thread, 0);
  expectEqual(runQueueLength(), 1, "one is ready");
  expect(runQueuePeek() == thread, "it is first");
  expectEqual(runQueueLength(), 1, "a look takes nobody out");
  expectNext(thread, "it is taken");
  expectEqual(runQueueLength(), 0, "nobody is left");
  runQueuePush(thread, 0);
  expectNext(thread, "a thread that was taken can be entered again");
});

test("run queue: threads come in the order of their run time, whatever order they went in", () => {
  let seed: u32 = 7;
  const threads: Thread[] = [];
  for (let i = 0; i < 100; i++) threads.push(ready("t"));
  for (let round = 0; round < 50; round++) {
    const size = 1 + ((round * 2) % 100);
    for (let i = 0; i < size; i++) {
      seed = seed * 1664525 + 1013904223;
      threads[i].runtime = (seed >> 16) % 40;
      runQueuePush(threads[i], 0);
    }
    expectEqual(runQueueLength(), size, "all are in");
    // Some are taken and entered again in between, with another run time.
    for (let i = 0; i < size / 3; i++) {
      const first = runQueuePop()!;
      expectEqual(first.queueIndex, 0, "who is taken out has no place");
      first.runtime += 13;
      runQueuePush(first, 0);
    }
    let last: u64 = 0;
    for (let left = size; left > 0; left--) {
      expectEqual(runQueueLength(), left, "one less each time");
      const first = runQueuePop()!;
      expect(first.runtime >= last, "the smallest run time first");
      last = first.runtime;
    }
    expect(runQueuePop() == null, "each comes once");
  }
});

test("run queue: of two that have run as much, the one that came first", () => {
  const first = ready("first");
  const second = ready("second");
  runQueuePush(first, 0);
  runQueuePush(second, 0);
  expectNext(first, "who waits longer");
  expectNext(second, "then the other");
});

test("run queue: room for threads is made before they are ready", () => {
  const start = heapBytesInUse();
  expect(runQueueReserve(32), "for 32");
  // Its slots are counted from 1.
  expect(heapBytesInUse() - start >= 33 * sizeof<usize>(), "a slot for each");
  expect(runQueueReserve(20) && runQueueReserve(32), "for as many, again");
  const threads: Thread[] = [];
  for (let i = 0; i < 33; i++) threads.push(ready("t"));
  for (let i = 0; i < 32; i++) {
    threads[i].runtime = i;
    runQueuePush(threads[i], 0);
  }
  const before = heapBytesInUse();
  expect(runQueueReserve(33), "for one more");
  expect(heapBytesInUse() - before < start + 80 * sizeof<usize>(), "the smaller one is given back");
  threads[32].runtime = 32;
  runQueuePush(threads[32], 0);
  for (let i = 0; i < 33; i++) expectNext(threads[i], "all that were in are, in their order");
});

test("run queue: without memory there is no more room than before", () => {
  expect(runQueueReserve(32), "for 32");
  failAllocation(1);
  expect(!runQueueReserve(33), "none for one more");
  expect(runQueueReserve(32), "for those it is there");
  failAllocation(0);
  expect(runQueueReserve(33), "with memory");
});

test("run queue: the same run counts for more the later it was, twice as much after TAU", () => {
  const first = accounted(MS, 0);
  expectEqual(first, MS, "at the beginning of an epoch it counts as it is");
  expectEqual(accounted(MS, TAU), 2 * first, "twice after TAU");
  expectEqual(accounted(MS, 2 * TAU), 4 * first, "four times after 2 TAU");
  expectEqual(accounted(MS, TAU / 2), first + first / 2, "a straight line in between");
  expectEqual(accounted(MS, TAU + TAU / 4), 2 * (first + first / 4), "in every TAU");
});

test("run queue: priority divides, and one run counts for no more than a second or so", () => {
  const thread = ready("urgent");
  thread.priority = 2 * PRIORITY_NORMAL;
  accountRun(thread, MS, 0);
  expectEqual(thread.runtime, MS / 2, "who is twice as important pays half");
  expectEqual(thread.totalRuntime, MS, "what it has run is told as it is");
  accountRun(thread, MS, 0);
  expectEqual(thread.runtime, MS, "runs add up");
  expectEqual(thread.totalRuntime, 2 * MS, "and their times");
  expectEqual(accounted(u64.MAX_VALUE / 2, 0), 1 << 30, "the longest that is accounted for");
  const unimportant = ready("unimportant");
  unimportant.priority = 1;
  accountRun(unimportant, 1 << 29, 0);
  expectEqual(unimportant.runtime, 1 << 30, "weighted, too");
});

test("run queue: a new epoch divides by 2^32, and what is older than one counts for nothing", () => {
  const slept = ready("slept");
  slept.runtime = (<u64>5) << 32;
  runQueuePush(slept, EPOCH);
  expectEqual(slept.runtime, 5, "one epoch later");
  expectNext(slept, "it is there");
  runQueuePush(slept, EPOCH + 1);
  expectEqual(slept.runtime, 5, "within an epoch it stays");
  expectNext(slept, "it is there again");
  slept.runtime = (<u64>5) << 60;
  runQueuePush(slept, 3 * EPOCH);
  expectEqual(slept.runtime, 0, "two epochs later");
  expectNext(slept, "and again");
  slept.runtime = (<u64>9) << 32;
  accountRun(slept, MS, 4 * EPOCH);
  expectEqual(slept.runtime, 9 + MS, "a run is accounted for in the epoch in which it ended");
});

test("run queue: those who wait through the beginning of an epoch keep their order", () => {
  const waiting: Thread[] = [];
  for (let i: u64 = 0; i < 8; i++) {
    const thread = ready("waits");
    thread.runtime = (8 - i) << 32;
    waiting.push(thread);
    runQueuePush(thread, 0);
  }
  const late = ready("late");
  late.runtime = (<u64>(4 << 1) | 1) << 31;
  runQueuePush(late, EPOCH);
  // Within the new epoch it counts 4.5, cut down to 4: as much as the one that had 4.
  for (let i = 7; i >= 5; i--) expectNext(waiting[i], "the smaller first");
  const fourth = runQueuePop();
  const fifth = runQueuePop();
  expect(fourth == late || fifth == late, "the late one among its equals");
  for (let i = 3; i >= 0; i--) expectNext(waiting[i], "then the larger");
});
