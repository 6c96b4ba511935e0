import { expect, expectEqual, test } from "../lib/testing";
import { addMemory } from "../mem/page-allocator";
import { failAllocation } from "../runtime/failing";
import { heapBytesInUse } from "../runtime/heap";
import { clockStart } from "../time/clock";
import { thisCpu } from "./cpu";
import { addIdlePoller } from "./idle";
import { LOCK_PIPE, lockTaken } from "./lock-order";
import { schedulerInit } from "./scheduler";
import { SleepLock } from "./sleep-lock";
import { WaitQueue } from "./wait-queue";

// Several threads at a lock: test/sim/sleep. Here the one that looks for work releases it.

@unmanaged
class Guarded {
  lockHeld: bool;
  lockKind: u8;
  lockWaiters: WaitQueue | null;
}

let guarded: Guarded = new Guarded();
let polls = 0;

/** The lock's holder, while this thread waits for its turn. */
function otherReleases(): bool {
  expect(++polls == 1, "the release wakes who waits");
  lockTaken(LOCK_PIPE);
  SleepLock.release(guarded);
  return true;
}

function start(): void {
  addMemory(0x100000, 0x1000000);
  clockStart(0);
  schedulerInit(thisCpu());
  memory.fill(changetype<usize>(guarded), 0xff, offsetof<Guarded>());
  SleepLock.init(guarded, LOCK_PIPE);
  addIdlePoller(otherReleases);
}

function waitOnce(): void {
  polls = 0;
  guarded.lockHeld = true;
  SleepLock.waitTurn(guarded);
  expectEqual(polls, 1, "it has slept");
  expect(!guarded.lockHeld, "until the lock was free");
}

test("sleep lock: a new one is free, and nobody waits", () => {
  start();
  expect(!guarded.lockHeld, "free");
  expect(guarded.lockWaiters == null, "no queue yet");
  SleepLock.acquire(guarded);
  expect(guarded.lockHeld, "taken");
  SleepLock.release(guarded);
  expect(!guarded.lockHeld, "free again");
});

test("sleep lock: who waits for its turn sleeps, in a queue that goes with the lock", () => {
  start();
  const before = heapBytesInUse();
  waitOnce();
  const withQueue = heapBytesInUse();
  expect(withQueue > before, "the lock has a queue now");
  waitOnce();
  expectEqual(heapBytesInUse(), withQueue, "and keeps it");
  SleepLock.destroy(guarded);
  expectEqual(heapBytesInUse(), before, "until its end");
});

test("sleep lock: without memory for a queue there is one for all such locks, which stays", () => {
  start();
  const before = heapBytesInUse();
  failAllocation(1);
  waitOnce();
  failAllocation(0);
  const common = guarded.lockWaiters;
  expect(common != null, "it has waited somewhere");
  SleepLock.destroy(guarded);
  expectEqual(heapBytesInUse(), before, "nothing was made, nothing goes");
  SleepLock.init(guarded, LOCK_PIPE);
  failAllocation(1);
  waitOnce();
  failAllocation(0);
  expect(guarded.lockWaiters == common, "the same for the next");
});
