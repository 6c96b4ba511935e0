import { EAGAIN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { SI_KERNEL, SI_QUEUE, SI_USER, SIGSEGV, SIGUSR1, SignalInfo } from "./signal-numbers";
import {
  PendingSignal,
  queueAdd,
  queueAddRecord,
  queueDrop,
  queueTake,
  SignalQueue,
  signalRecordCount,
} from "./signal-queue";

const ALL: u64 = u64.MAX_VALUE;
const REALTIME = 40;
/** RLIMIT_SIGPENDING at the start. */
const LIMIT = 32768;

const queue: SignalQueue = changetype<SignalQueue>(memory.data(16, 8));
const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

function add(signal: i32, code: i32, value: u64): i32 {
  info.set(signal, code, 0);
  info.value = value;
  return queueAdd(queue, info);
}

function expectTaken(signal: i32, value: u64, what: string): void {
  expect(queueTake(queue, ALL, info), what);
  expectEqual(info.signo, signal, what);
  expectEqual(info.value, value, what);
}

test("signal queue: lowest number first, each in the order it came, faults before all", () => {
  for (let value: u64 = 0; value < 3; value++) {
    add(REALTIME + 1, SI_QUEUE, value);
    add(REALTIME, SI_QUEUE, value);
  }
  add(SIGUSR1, SI_USER, 7);
  add(SIGSEGV, SI_KERNEL, 8);
  expectTaken(SIGSEGV, 8, "a fault");
  expectTaken(SIGUSR1, 7, "an ordinary one");
  for (let value: u64 = 0; value < 3; value++) expectTaken(REALTIME, value, "the lower");
  for (let value: u64 = 0; value < 3; value++) expectTaken(REALTIME + 1, value, "the higher");
  expect(!queueTake(queue, ALL, info), "nothing is left");
  expectEqual(queue.pending, 0, "no bit");
  expectEqual(signalRecordCount(), 0, "no record");
});

test("signal queue: only what is wanted is taken", () => {
  add(REALTIME, SI_QUEUE, 1);
  add(REALTIME + 1, SI_QUEUE, 2);
  expect(!queueTake(queue, 1, info), "another signal");
  expect(queueTake(queue, (<u64>1) << REALTIME, info), "the higher");
  expectEqual(info.value, 2, "its value");
  queueDrop(queue, ALL);
  expectEqual(queue.pending, 0, "dropped");
  expectEqual(signalRecordCount(), 0, "no record");
});

test("signal queue: beyond the limit a signal is its bit, or refused", () => {
  for (let i = 0; i < LIMIT; i++) expectEqual(add(REALTIME, SI_QUEUE, i), 0, "room");
  expectEqual(add(REALTIME, SI_QUEUE, 1), -EAGAIN, "a queued one is refused");
  expectEqual(add(REALTIME + 1, SI_USER, 1), 0, "kill's is not");
  expectEqual(add(SIGUSR1, SI_QUEUE, 1), 0, "nor an ordinary one");
  expectTaken(SIGUSR1, 0, "it lost its value");
  expectEqual(info.code, SI_USER, "and its code");
  for (let i = 0; i < LIMIT; i++) expectTaken(REALTIME, i, "in order");
  expectTaken(REALTIME + 1, 0, "the last");
  expectEqual(queue.pending, 0, "no bit");
});

/** A record that its maker keeps. */
class Kept extends PendingSignal {
  deliveries: i32 = 0;
  drops: i32 = 0;

  taken(info: SignalInfo | null): void {
    if (!info) this.drops++;
    else info.value = ++this.deliveries;
  }
}

test("signal queue: who keeps a record is told, and may complete what is delivered", () => {
  const kept = new Kept();
  kept.signo = SIGUSR1;
  queueAddRecord(queue, kept);
  add(SIGUSR1, SI_USER, 9);
  expectTaken(SIGUSR1, 1, "completed");
  expectTaken(SIGUSR1, 9, "the one behind it");
  queueAddRecord(queue, kept);
  queueDrop(queue, ALL);
  expectEqual(kept.drops, 1, "told that it was dropped");
});
