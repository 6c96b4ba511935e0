import { E2BIG, EAGAIN, ENOMEM, ENOMSG } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { thisCpu } from "../sched/cpu";
import { addIdlePoller } from "../sched/idle";
import { STATE_READY, threadBare } from "../sched/thread";
import {
  Message,
  MessageQueue,
  MSGMAX,
  MSGMNB,
  messageAlloc,
  messageBytesInUse,
  messageFree,
  messagesInUse,
  queueCreate,
  queues,
  WANTS_ANY,
  WANTS_LOWEST,
  WANTS_OTHER,
  WANTS_TYPE,
  Wish,
} from "./messages";

const PID = 5;

function created(): MessageQueue {
  return queues.find(<i32>queueCreate(0, 0o600))!;
}

function send(queue: MessageQueue, type: i64, size: u32): i64 {
  const message = messageAlloc(type, size)!;
  const result = queue.send(message, true, PID);
  if (result != 0) messageFree(message);
  return result;
}

/** Receives without waiting: the message's type, or -errno. */
function receive(queue: MessageQueue, wants: u32, type: i64, sizeMax: u64 = MSGMAX): i64 {
  const wish = new Wish(wants, type, sizeMax, false, true, PID);
  const result = queue.receive(wish);
  if (result != 0) return result;
  const message = wish.message!;
  const got = message.type;
  messageFree(message);
  free(wish);
  return got;
}

test("messages: by type, and otherwise in order", () => {
  const queue = created();
  for (let type = 5; type > 0; type--) send(queue, type, type);
  send(queue, 1, 9);
  expectEqual(messagesInUse(), 6, "messages");
  expectEqual(messageBytesInUse(), 24, "bytes");
  expectEqual(receive(queue, WANTS_TYPE, 3), 3, "of a type");
  expectEqual(receive(queue, WANTS_OTHER, 5), 4, "of any other");
  expectEqual(receive(queue, WANTS_LOWEST, 5), 1, "the lowest");
  expectEqual(queue.bytes, 16, "the first of the lowest");
  expectEqual(receive(queue, WANTS_ANY, 0), 5, "the first");
  expectEqual(receive(queue, WANTS_TYPE, 5), -ENOMSG, "no more of that type");
  expectEqual(receive(queue, WANTS_ANY, 0, 1), -E2BIG, "no room");
  expectEqual(queue.peek(1)!.type, 1, "the second");
  expect(queue.peek(2) == null, "there is no third");
  queue.remove();
  expectEqual(messagesInUse(), 0, "none is left");
  expectEqual(messageBytesInUse(), 0, "and no byte");
});

test("messages: as many bytes as there may be, and as many messages", () => {
  const queue = created();
  expectEqual(send(queue, 1, MSGMAX), 0, "half");
  expectEqual(send(queue, 1, MSGMNB - MSGMAX), 0, "full");
  expectEqual(send(queue, 1, 1), -EAGAIN, "one more byte");
  queue.changed(MSGMNB + 1);
  expectEqual(send(queue, 1, 1), 0, "with more room");
  queue.changed(3);
  expectEqual(send(queue, 1, 0), -EAGAIN, "with less");
  for (let i = 0; i < 3; i++) receive(queue, WANTS_ANY, 0);
  for (let i = 0; i < 3; i++) expectEqual(send(queue, 1, 0), 0, "no bytes at all");
  expectEqual(send(queue, 1, 0), -EAGAIN, "but too many");
});

// ---- Waiting: when the only thread sleeps, `meanwhile` plays another. ---------------------------

let queue: MessageQueue = changetype<MessageQueue>(0);
let sleeps = 0;
let isSending = false;

function meanwhile(): bool {
  sleeps++;
  if (isSending) {
    if (sleeps > 1) return expectNever();
    expectEqual(receive(queue, WANTS_ANY, 0), 1, "room");
    expectEqual(queue.bytes, MSGMNB, "is taken by who waits, at once");
    return true;
  }
  if (sleeps > 2) return expectNever();
  send(queue, sleeps == 1 ? 8 : 7, 4);
  expectEqual(queue.count, 1, "only what is not wanted is in the queue");
  return true;
}

function expectNever(): bool {
  expect(false, "a thread sleeps that nobody will wake");
  return false;
}

function start(): void {
  const thread = threadBare("test");
  thread.state = STATE_READY;
  thisCpu().current = thread;
  addIdlePoller(meanwhile);
  queue = created();
}

test("messages: who waits is handed what it waits for", () => {
  start();
  const wish = new Wish(WANTS_TYPE, 7, 4, false, false, PID);
  expectEqual(queue.receive(wish), 0, "it has come");
  expectEqual(wish.message!.type, 7, "that");
  expectEqual(sleeps, 2, "after another");
  expectEqual(queue.receivedBy, PID, "and is received");
});

test("messages: who waits to send is let in as soon as there is room", () => {
  start();
  isSending = true;
  send(queue, 1, MSGMAX);
  send(queue, 2, MSGMAX);
  const message: Message = messageAlloc(3, MSGMAX)!;
  expectEqual(queue.send(message, false, PID), 0, "sent");
  expectEqual(sleeps, 1, "after one was taken");
  expectEqual(receive(queue, WANTS_TYPE, 3), 3, "it is there");
});

test("messages: without memory nothing is made", () => {
  expectUndone((): bool => {
    const id = queueCreate(0, 0);
    if (id < 0) {
      expectEqual(id, -ENOMEM, "the error");
      return false;
    }
    const made = queues.find(<i32>id)!;
    const message = messageAlloc(1, 5000);
    if (message) expectEqual(made.send(message, true, PID), 0, "sent");
    const wish = attempt(new Wish(WANTS_ANY, 0, 0, true, true, PID));
    if (wish) free(wish);
    made.remove();
    expectEqual(messagesInUse(), 0, "none");
    return message != null && wish != null;
  });
});
