import { handleInterrupt } from "../arch/x86_64/apic";
import { interruptAllocate } from "../arch/x86_64/interrupts";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { syscallWork } from "../arch/x86_64/traps";
import { pipeCreate } from "../fs/pipe";
import { expect, expectEqual, test, testPanics } from "../lib/testing";
import { addMemory } from "../mem/page-allocator";
import { thisCpu, WORK_LOCKS } from "./cpu";
import { LOCK_CONNECTION, LOCK_DISK, LOCK_PAGE_CACHE, LOCK_PIPE, sleepBegins } from "./lock-order";
import { Mutex } from "./mutex";
import { threadExit } from "./scheduler";
import { SleepLock } from "./sleep-lock";
import { STATE_BLOCKED, STATE_READY, Thread, threadBare } from "./thread";
import { WaitQueue } from "./wait-queue";

@unmanaged
class Guarded {
  lockHeld: bool;
  lockKind: u8;
  lockWaiters: WaitQueue | null;
}

let pipe: Guarded = new Guarded();
let connection: Guarded = new Guarded();
const frame: usize = memory.data(offsetof<TrapFrame>(), 8);
let cache: Mutex = changetype<Mutex>(0);

/** Makes a thread the current one, and locks of all kinds. */
function begin(): Thread {
  const thread = threadBare("test");
  thread.state = STATE_READY;
  thisCpu().current = thread;
  SleepLock.init(pipe, LOCK_PIPE);
  SleepLock.init(connection, LOCK_CONNECTION);
  cache = new Mutex(LOCK_PAGE_CACHE);
  return thread;
}

test("lock order: locks taken in the order of the list, and a disk's answer", () => {
  const thread = begin();
  SleepLock.acquire(pipe);
  cache.lock();
  sleepBegins(LOCK_DISK);
  expect(cache.owned(), "it is taken");
  cache.unlock();
  SleepLock.release(pipe);
  expectEqual(thread.heldLocks, 0, "all are given back");
});

test("lock order: locks given back in the order they were taken in", () => {
  const thread = begin();
  SleepLock.acquire(pipe);
  cache.lock();
  SleepLock.release(pipe);
  cache.unlock();
  expectEqual(thread.heldLocks, 0, "all are given back");
  SleepLock.acquire(pipe);
  SleepLock.release(pipe);
});

test("lock order: a thread that sleeps with a lock takes the mark along", () => {
  const thread = begin();
  cache.lock();
  expect((thread.work & WORK_LOCKS) != 0, "what its CPU has to do when it runs again");
  cache.unlock();
  expectEqual(thread.work & WORK_LOCKS, 0, "nothing any more");
});

test("lock order: with a lock, the way back to the application is the slow one", () => {
  begin();
  cache.lock();
  expect(thisCpu().work != 0, "the exit looks");
  cache.unlock();
  expectEqual(thisCpu().work, 0, "and does not any more");
});

test("lock order: a lock that is tried for may be of any rank", () => {
  begin();
  cache.lock();
  const other = new Mutex(LOCK_PAGE_CACHE);
  expect(other.tryLock(), "it is free");
  other.unlock();
  cache.unlock();
});

testPanics(
  "lock order: a lock of a lower rank than one that is held",
  "lock order: page cache (2) is held, pipe (1) is wanted",
  () => {
    begin();
    cache.lock();
    SleepLock.acquire(pipe);
  },
);

testPanics(
  "lock order: a pipe's own lock, under the page cache's",
  "lock order: page cache (2) is held, pipe (1) is wanted",
  () => {
    begin();
    addMemory(1 << 20, 9 << 20);
    cache.lock();
    const made = pipeCreate(0);
    SleepLock.acquire(made!);
  },
);

testPanics(
  "lock order: a lock of the same rank as one that is held",
  "lock order: pipe (1) is held, connection (1) is wanted",
  () => {
    begin();
    SleepLock.acquire(pipe);
    SleepLock.acquire(connection);
  },
);

testPanics(
  "lock order: a lock that the thread has",
  "lock order: page cache (2) is held, page cache (2) is wanted",
  () => {
    begin();
    cache.lock();
    cache.lock();
  },
);

testPanics(
  "lock order: a turn at a lock of a lower rank than one that is held",
  "lock order: page cache (2) is held, pipe (1) is wanted",
  () => {
    begin();
    cache.lock();
    SleepLock.waitTurn(pipe);
  },
);

testPanics(
  "lock order: a sleep with a lock held",
  "lock order: pipe (1) is held, a wait begins",
  () => {
    begin();
    SleepLock.acquire(pipe);
    new WaitQueue().wait();
  },
);

testPanics(
  "lock order: a lock given back by another thread than its holder",
  "lock order: pipe (1) is released by a thread that does not hold it",
  () => {
    const first = begin();
    SleepLock.acquire(pipe);
    const second = threadBare("second");
    second.state = STATE_READY;
    thisCpu().current = second;
    expect(first != second, "another thread");
    SleepLock.release(pipe);
  },
);

testPanics(
  "lock order: a lock taken by an interrupt handler",
  "lock order: page cache (2) is wanted in an interrupt handler",
  () => {
    begin();
    const vector = interruptAllocate(
      (context: usize) => {
        changetype<Mutex>(context).lock();
      },
      changetype<usize>(cache),
      "test",
    );
    handleInterrupt(<u32>vector);
  },
);

testPanics(
  "lock order: a wait in an interrupt handler",
  "lock order: a wait begins in an interrupt handler",
  () => {
    begin();
    const vector = interruptAllocate(
      (context: usize) => {
        changetype<WaitQueue>(context).waitUninterruptible();
      },
      changetype<usize>(new WaitQueue()),
      "test",
    );
    handleInterrupt(<u32>vector);
  },
);

testPanics(
  "lock order: a lock taken while the thread sleeps, by what is polled",
  "lock order: connection (1) is wanted on behalf of a thread that sleeps already",
  () => {
    begin().state = STATE_BLOCKED;
    SleepLock.acquire(connection);
  },
);

testPanics(
  "lock order: a thread that ends with a lock",
  "lock order: connection (1) is held, the thread ends",
  () => {
    begin();
    SleepLock.acquire(connection);
    threadExit();
  },
);

testPanics(
  "lock order: a return to the application with a lock",
  "lock order: page cache (2) is held, the thread returns to the application",
  () => {
    begin();
    cache.lock();
    syscallWork(frame);
  },
);
