import { addressOf } from "../arch/hw";
import { filePut, O_NONBLOCK, O_RDWR, POLLIN, POLLOUT } from "../fs/file";
import { IoVector } from "../fs/io-vector";
import { EAGAIN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { thisCpu } from "../sched/cpu";
import { addIdlePoller } from "../sched/idle";
import { STATE_READY, threadBare } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import {
  Correspondent,
  letterAlloc,
  letterFree,
  Mqueue,
  MqueueFile,
  mqueueBytes,
  mqueueCost,
  mqueueCount,
  mqueueCreate,
  mqueueFind,
  Notifier,
} from "./mqueue";

const name: usize = memory.data(16, 8);
const text: usize = memory.data(128, 8);

function created(letters: u32): Mqueue {
  store<u64>(name, 0x7175657565);
  return mqueueCreate(name, 5, letters, 100, 0o600)!;
}

function send(queue: Mqueue, priority: u32, size: u32): i64 {
  const letter = letterAlloc(priority, size)!;
  const result = queue.send(letter, true, NO_DEADLINE);
  if (result != 0) letterFree(letter);
  return result;
}

/** Receives without waiting: 1000 for each priority, and the size; or -errno. */
function receive(queue: Mqueue): i64 {
  const receiver = new Correspondent();
  const result = queue.receive(receiver, true, NO_DEADLINE);
  if (result != 0) return result;
  const letter = receiver.letter!;
  const got = letter.priority * 1000 + letter.size;
  letterFree(letter);
  free(receiver);
  return got;
}

class Counting extends Notifier {
  told: u32 = 0;
  takenAway: u32 = 0;
  destroyed: u32 = 0;

  kind(): u32 {
    return 1;
  }

  signal(): u32 {
    return 12;
  }

  pid(): u32 {
    return 7;
  }

  arrived(): void {
    this.told++;
  }

  removed(): void {
    this.takenAway++;
  }

  destroy(): void {
    this.destroyed++;
  }
}

test("mqueue: by priority, and each as they came", () => {
  const queue = created(10);
  const order: StaticArray<u32> = [1, 5, 5, 9, 1, 0, 9, 5];
  for (let i = 0; i < order.length; i++) expectEqual(send(queue, order[i], i), 0, "sent");
  expectEqual(queue.bytes, 28, "bytes");
  const sorted: StaticArray<i64> = [9003, 9006, 5001, 5002, 5007, 1000, 1004, 5];
  for (let i = 0; i < sorted.length; i++) expectEqual(receive(queue), sorted[i], "in order");
  expectEqual(receive(queue), -EAGAIN, "empty");
  expectEqual(queue.bytes, 0, "no byte");
  send(queue, 1, 1);
  send(queue, 0, 2);
  send(queue, 0, 3);
  expectEqual(receive(queue), 1001, "anew");
  expectEqual(receive(queue), 2, "in order");
  expectEqual(receive(queue), 3, "to the end");
});

test("mqueue: a name, and what ends when", () => {
  const queue = created(2);
  expect(mqueueFind(name, 5) == queue, "found");
  expect(mqueueFind(name, 4) == null, "not by a part of the name");
  expectEqual(mqueueCount(), 1, "one");
  expectEqual(mqueueBytes(), mqueueCost(2, 100), "as much as it could hold");
  queue.references++;
  const file = new MqueueFile(queue, O_RDWR | O_NONBLOCK);
  queue.unlink();
  expect(mqueueFind(name, 5) == null, "without a name");
  expectEqual(mqueueCount(), 1, "still there");
  send(queue, 0, 10);
  filePut(file);
  expectEqual(mqueueCount(), 0, "gone with its file");
  expectEqual(mqueueBytes(), 0, "and what it counted");
});

test("mqueue: a notifier is told once, of a letter in an empty queue", () => {
  const queue = created(4);
  const first = new Counting();
  queue.setNotifier(first);
  send(queue, 0, 1);
  send(queue, 0, 1);
  expectEqual(first.told, 1, "once");
  expectEqual(first.destroyed, 1, "and over");
  const second = new Counting();
  queue.setNotifier(second);
  send(queue, 0, 1);
  expectEqual(second.told, 0, "the queue was not empty");
  queue.references++;
  const file = new MqueueFile(queue, O_RDWR);
  const io = new IoVector();
  io.setKernel(addressOf(text), 128);
  expect(file.read(io) > 50, "a line");
  expectEqual(load<u64>(text), 0x20333a455a495351, "QSIZE:3 and a space");
  filePut(file);
  expectEqual(second.takenAway, 1, "taken away with the file");
  expectEqual(second.destroyed, 1, "and over");
});

test("mqueue: what a file is ready for", () => {
  const queue = created(2);
  queue.references++;
  const file = new MqueueFile(queue, O_RDWR);
  expectEqual(file.poll() & (POLLIN | POLLOUT), POLLOUT, "room");
  send(queue, 0, 0);
  expectEqual(file.poll() & (POLLIN | POLLOUT), POLLIN | POLLOUT, "both");
  send(queue, 0, 0);
  expectEqual(file.poll() & (POLLIN | POLLOUT), POLLIN, "a letter");
  expectEqual(send(queue, 0, 0), -EAGAIN, "no room");
});

// ---- Waiting: when the only thread sleeps, `meanwhile` plays another. ---------------------------

let waitedFor: Mqueue = changetype<Mqueue>(0);
let sleeps = 0;
let isSending = false;

function meanwhile(): bool {
  if (++sleeps > 1) {
    expect(false, "a thread sleeps that nobody will wake");
    return false;
  }
  if (isSending) {
    expectEqual(receive(waitedFor), 1005, "room");
    expectEqual(waitedFor.count, 1, "is taken by who waits, at once");
  } else {
    send(waitedFor, 3, 9);
    expectEqual(waitedFor.count, 0, "handed to who waits");
  }
  return true;
}

function start(): void {
  const thread = threadBare("test");
  thread.state = STATE_READY;
  thisCpu().current = thread;
  addIdlePoller(meanwhile);
  waitedFor = created(1);
}

test("mqueue: who waits is handed its letter", () => {
  start();
  const receiver = new Correspondent();
  expectEqual(waitedFor.receive(receiver, false, NO_DEADLINE), 0, "it has come");
  expectEqual(receiver.letter!.size, 9, "that");
});

test("mqueue: who waits to send is let in as soon as there is room", () => {
  start();
  isSending = true;
  send(waitedFor, 1, 5);
  expectEqual(waitedFor.send(letterAlloc(2, 6)!, false, NO_DEADLINE), 0, "sent");
  expectEqual(receive(waitedFor), 2006, "it is there");
});

test("mqueue: without memory nothing is made", () => {
  expectUndone((): bool => {
    const queue = mqueueCreate(name, 5, 4, 5000, 0);
    expectEqual(mqueueCount(), queue ? 1 : 0, "counted");
    if (!queue) return false;
    const letter = letterAlloc(0, 5000);
    if (letter) expectEqual(queue.send(letter, true, NO_DEADLINE), 0, "sent");
    const file = attempt(new MqueueFile(queue, O_RDWR));
    if (file) queue.references++;
    queue.unlink();
    if (file) filePut(file);
    expectEqual(mqueueBytes(), 0, "nothing is counted");
    return letter != null && file != null;
  });
});
