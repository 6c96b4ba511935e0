import { expect, expectEqual, test, testPanics } from "../lib/testing";
import { thisCpu } from "./cpu";
import { LOCK_PAGE_CACHE } from "./lock-order";
import { Mutex } from "./mutex";
import { STATE_READY, threadBare } from "./thread";
import { WaitRecord } from "./wait-record";
import { WaitRecordQueue } from "./wait-record-queue";

// Several threads at once: test/sim/interleave.

/** Makes a new thread the current one. */
function become(): void {
  const thread = threadBare("test");
  thread.state = STATE_READY;
  thisCpu().current = thread;
}

test("mutex: free, it is taken and given back", () => {
  become();
  const mutex = new Mutex(LOCK_PAGE_CACHE);
  expect(!mutex.owned(), "nobody's");
  mutex.lock();
  expect(mutex.owned(), "ours");
  expectEqual(mutex.count, 1, "one holder");
  mutex.unlock();
  expect(!mutex.owned(), "nobody's again");
  expectEqual(mutex.count, 0, "no holder");
});

test("mutex: tried for, it is taken only when it is free", () => {
  become();
  const mutex = new Mutex(LOCK_PAGE_CACHE);
  expect(mutex.tryLock(), "free");
  become();
  expect(!mutex.tryLock(), "another's");
  expect(!mutex.owned(), "still another's");
  expectEqual(mutex.count, 1, "a failed try leaves nothing behind");
});

testPanics("mutex: given back by a thread that does not hold it", "does not hold it", () => {
  become();
  const mutex = new Mutex(LOCK_PAGE_CACHE);
  mutex.lock();
  become();
  mutex.unlock();
});

test("wait records: the queue gives them in the order they came", () => {
  const queue = new WaitRecordQueue();
  queue.pushed = null;
  queue.popped = null;
  expect(queue.isEmpty() && queue.pop() == null, "empty at first");
  const first = new WaitRecord();
  const second = new WaitRecord();
  const third = new WaitRecord();
  queue.push(first);
  queue.push(second);
  expect(queue.pop() == first, "the first");
  queue.push(third);
  expect(queue.pop() == second, "the second, before one that came after a pop");
  expect(!queue.isEmpty(), "one is left");
  expect(queue.pop() == third, "the third");
  expect(queue.isEmpty() && queue.pop() == null, "empty again");
});
