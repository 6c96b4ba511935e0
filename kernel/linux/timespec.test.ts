import { store64 } from "../arch/hw";
import { EFAULT, EINVAL } from "../lib/errno";
import { expectEqual, test } from "../lib/testing";
import { thisCpu } from "../sched/cpu";
import { threadBare } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { clockStart } from "../time/clock";
import {
  deadlineAfter,
  loadedTimerSpec,
  loadTimerSpec,
  loadTimespec,
  loadTimeval,
  storeTimespec,
  storeTimeval,
} from "./timespec";
import { loadUser } from "./user-memory";

// The application's memory is physical memory here.
const AT: u64 = 0x20000;
const NOWHERE: u64 = 0x7000_0000_0000;
const SECOND: i64 = 1_000_000_000;
/** As many seconds as fit, in ns. */
const FOREVER: i64 = 9_000_000_000 * SECOND;

const told: StaticArray<i64> = [0, 0];

function start(): void {
  thisCpu().current = threadBare("test");
}

function put(seconds: i64, fraction: i64, at: u64 = AT): u64 {
  store64(at, seconds);
  store64(at + 8, fraction);
  return at;
}

function expectTold(seconds: i64, fraction: i64, message: string): void {
  loadUser(changetype<usize>(told), AT, 16);
  expectEqual(told[0], seconds, message);
  expectEqual(told[1], fraction, message);
}

test("timespec: seconds and nanoseconds", () => {
  start();
  expectEqual(loadTimespec(put(0, 0)), 0, "none");
  expectEqual(loadTimespec(put(3, 7)), 3 * SECOND + 7, "some");
  expectEqual(loadTimespec(put(0, 999_999_999)), 999_999_999, "nearly a second");
  expectEqual(loadTimespec(put(0, SECOND)), -EINVAL, "a whole one");
  expectEqual(loadTimespec(put(0, -1)), -EINVAL, "less than none");
  expectEqual(loadTimespec(put(-1, 0)), -EINVAL, "a second less");
  expectEqual(loadTimespec(put(9_000_000_000, 5)), FOREVER + 5, "very many");
  expectEqual(loadTimespec(put(i64.MAX_VALUE, 5)), FOREVER + 5, "as many as can be said");
  expectEqual(loadTimespec(NOWHERE), -EFAULT, "none is there");
});

test("timeval: seconds and microseconds", () => {
  start();
  expectEqual(loadTimeval(put(3, 7)), 3 * SECOND + 7000, "some");
  expectEqual(loadTimeval(put(0, 999_999)), 999_999_000, "nearly a second");
  expectEqual(loadTimeval(put(0, 1_000_000)), -EINVAL, "a whole one");
  expectEqual(loadTimeval(put(0, -1)), -EINVAL, "less than none");
  expectEqual(loadTimeval(NOWHERE), -EFAULT, "none is there");
});

test("timespec, timeval: what is told is what there is, microseconds rounded down", () => {
  start();
  expectEqual(storeTimespec(AT, 5 * SECOND + 123_456_789), 0, "told");
  expectTold(5, 123_456_789, "in nanoseconds");
  expectEqual(storeTimeval(AT, 5 * SECOND + 123_456_789), 0, "told");
  expectTold(5, 123_456, "in microseconds");
  expectEqual(storeTimespec(NOWHERE, 1), -EFAULT, "nowhere");
  expectEqual(storeTimeval(NOWHERE, 1), -EFAULT, "nor this");
});

test("timer settings: an interval and a value, both of which have to be times", () => {
  start();
  put(1, 2);
  put(3, 4, AT + 16);
  expectEqual(loadTimerSpec(AT, false), 0, "loaded");
  expectEqual(loadedTimerSpec().interval, SECOND + 2, "the interval");
  expectEqual(loadedTimerSpec().value, 3 * SECOND + 4, "the value");
  expectEqual(loadTimerSpec(AT, true), 0, "loaded");
  expectEqual(loadedTimerSpec().interval, SECOND + 2000, "the interval in microseconds");
  expectEqual(loadedTimerSpec().value, 3 * SECOND + 4000, "the value, too");
  put(0, -1);
  expectEqual(loadTimerSpec(AT, false), -EINVAL, "a wrong interval");
  put(0, 0);
  put(-1, 0, AT + 16);
  expectEqual(loadTimerSpec(AT, false), -EINVAL, "a wrong value");
  expectEqual(loadTimerSpec(NOWHERE, false), -EFAULT, "none is there");
});

test("deadlines: from now on, and for ever when that is beyond all time", () => {
  start();
  clockStart(0 - 1000);
  expectEqual(deadlineAfter(500), 1500, "in a while");
  expectEqual(deadlineAfter(NO_DEADLINE - 1001), NO_DEADLINE - 1, "the last one");
  expectEqual(deadlineAfter(NO_DEADLINE - 1000), NO_DEADLINE, "never");
  expectEqual(deadlineAfter(NO_DEADLINE), NO_DEADLINE, "nor after that");
});
