import * as hw from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { addMemory, DIRECT_MAP, freePageCount } from "../../mem/page-allocator";
import { ModelDevice } from "./testing";
import { VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue, virtqueueCreate, virtqueueDestroy } from "./virtqueue";

const MIB: u64 = 1 << 20;
const NOTIFY: u64 = DIRECT_MAP + 0x100;

function queueOf(size: u32, eventIndex: bool): Virtqueue {
  addMemory(1 * MIB, 9 * MIB);
  const queue = virtqueueCreate(size, eventIndex);
  expect(queue != null, "created");
  queue!.notifyAddress = NOTIFY;
  queue!.notifyWide = true;
  queue!.notifyValue = 7;
  return queue!;
}

function wasNotified(): bool {
  const value = hw.load32(NOTIFY);
  hw.store32(NOTIFY, 0);
  return value == 7;
}

test("virtqueue: memory goes back when it is destroyed", () => {
  addMemory(1 * MIB, 9 * MIB);
  const before = freePageCount();
  const queue = virtqueueCreate(256, true);
  expect(freePageCount() < before, "takes pages");
  virtqueueDestroy(queue!);
  expectEqual(freePageCount(), before, "all back");
});

test("virtqueue: buffers come back with their tokens, in whatever order, past the wrap of the counters", () => {
  const queue = queueOf(8, true);
  const device = new ModelDevice(queue);
  let token: usize = 1;
  let outstanding: i64 = 0;
  let sum: u64 = 0;
  // 5 per round: the counters wrap in round 13,108.
  for (let round = 0; round < 14000; round++) {
    for (let i = 0; i < 5; i++) {
      queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, token);
      outstanding += token;
      token++;
    }
    queue.kick();
    expect(wasNotified(), "the device asked for each batch");
    device.takeAll();
    expectEqual(device.taken, 5, "the device sees what was published");
    for (let i = 4; i >= 0; i--) device.giveBack((i * 3) % (i + 1), 10 + i);
    expectEqual(queue.usedCount(), 5, "used");
    while (queue.usedCount() != 0) {
      outstanding -= queue.take();
      sum += queue.takenLength;
    }
    expectEqual(outstanding, 0, "the tokens");
    expectEqual(queue.freeCount, 8, "descriptors");
  }
  expectEqual(sum, 14000 * 60, "lengths");
});

test("virtqueue: chains keep their length and free all their descriptors", () => {
  const queue = queueOf(16, true);
  const device = new ModelDevice(queue);
  for (let round = 0; round < 100; round++) {
    for (let length: u32 = 1; length <= 5; length++) {
      queue.chainBegin();
      for (let i: u32 = 0; i < length; i++) queue.chainAdd(0x1000 * i, 512, 0);
      queue.chainEnd(length);
    }
    expectEqual(queue.freeCount, 1, "15 in use");
    queue.kick();
    device.takeAll();
    for (let i = 0; i < 5; i++) expectEqual(device.chainLength(i), i + 1, "descriptors of a chain");
    while (device.taken > 0) device.giveBack(device.taken / 2, 0);
    while (queue.usedCount() != 0) queue.take();
    expectEqual(queue.freeCount, 16, "all free");
  }
});

test("virtqueue: no notification while the device looks by itself, one when it asked", () => {
  const queue = queueOf(8, true);
  const device = new ModelDevice(queue);
  queue.push(0x1000, 1, 0, 1);
  queue.kick();
  expect(wasNotified(), "the first");
  queue.push(0x1000, 1, 0, 2);
  queue.kick();
  expect(!wasNotified(), "the device has not asked again");
  device.takeAll();
  queue.push(0x1000, 1, 0, 3);
  queue.kick();
  expect(wasNotified(), "it has now");
  queue.kick();
  expect(!wasNotified(), "nothing new");
});

test("virtqueue: interrupts only while asked for, and a buffer that came before is told", () => {
  for (let kind = 0; kind < 2; kind++) {
    const queue = queueOf(8, kind == 0);
    const device = new ModelDevice(queue);
    for (let i = 0; i < 6; i++) queue.push(0x1000, 1, 0, 1 + i);
    queue.kick();
    device.takeAll();
    device.giveBack(0, 0);
    expectEqual(device.interrupts, 0, "off at first");
    expect(!queue.interruptsOn(), "one came before");
    queue.take();
    expect(queue.interruptsOn(), "none waits");
    device.giveBack(0, 0);
    expectEqual(device.interrupts, 1, "on");
    queue.take();
    queue.interruptsOff();
    device.giveBack(0, 0);
    device.giveBack(0, 0);
    expectEqual(device.interrupts, 1, "off again");
  }
});

test("virtqueue: the flags serve where the device has no event index", () => {
  const queue = queueOf(8, false);
  queue.push(0x1000, 1, 0, 1);
  queue.kick();
  expect(wasNotified(), "wanted");
  hw.store16(queue.used, 1);
  queue.push(0x1000, 1, 0, 2);
  queue.kick();
  expect(!wasNotified(), "not wanted");
});

// ---- Devices that lie ----

let told: usize = 0;

function listen(queue: Virtqueue): void {
  told = 0;
  queue.whenBroken = (context: usize) => {
    told += context;
  };
  queue.brokenContext = 5;
}

/** Closed: told of once, nothing comes back, nothing can be pushed, and whoever polls ends. */
function expectClosed(queue: Virtqueue): void {
  expectEqual(queue.take(), 0, "no buffer");
  expect(queue.isBroken, "closed");
  expectEqual(told, 5, "told of, once");
  expectEqual(queue.usedCount(), 0, "nothing is used");
  expectEqual(queue.poll(), 0, "nothing to take");
  expectEqual(queue.freeCount, 0, "no room");
  expectEqual(queue.inFlight(), 0, "nothing to wait for");
  expect(queue.interruptsOn(), "who looks again finds nothing");
  expectEqual(hw.load16(queue.usedIndexAddress()), 0, "nor who looks by himself");
}

test("virtqueue: a descriptor that there is not closes it", () => {
  const ids: StaticArray<u32> = [8, 9, 0xffff, 0x10000, 0x80000003, 0xffffffff];
  for (let i = 0; i < ids.length; i++) {
    const queue = queueOf(8, true);
    listen(queue);
    const device = new ModelDevice(queue);
    queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, 7);
    queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, 8);
    queue.kick();
    device.takeAll();
    device.giveBack(0, 1);
    hw.store32(queue.used + 4, ids[i]);
    expectEqual(queue.usedCount(), 1, "it says");
    expectClosed(queue);
  }
});

test("virtqueue: a buffer that comes back twice closes it", () => {
  const queue = queueOf(8, true);
  listen(queue);
  const device = new ModelDevice(queue);
  queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, 7);
  queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, 8);
  queue.kick();
  device.takeAll();
  const head = device.heads[0];
  device.giveBack(0, 1);
  device.heads[0] = head;
  device.giveBack(0, 1);
  expectEqual(queue.take(), 7, "the first time");
  expectClosed(queue);
});

test("virtqueue: a used index that jumps closes it once there is nothing left to give back", () => {
  const jumps: StaticArray<u32> = [2, 3, 8, 9, 1000, 0x8000, 0xffff];
  for (let i = 0; i < jumps.length; i++) {
    const queue = queueOf(8, false);
    listen(queue);
    const device = new ModelDevice(queue);
    queue.push(0x1000, 100, VIRTQ_DESC_F_WRITE, 7);
    queue.kick();
    device.takeAll();
    device.giveBack(0, 1);
    hw.store16(queue.used + 2, jumps[i]);
    expectEqual(queue.take(), 7, "what it had");
    expectClosed(queue);
  }
});

test("virtqueue: a queue that nobody has pushed to closes when something comes back", () => {
  const queue = queueOf(8, true);
  listen(queue);
  hw.store16(queue.used + 2, 1);
  expectClosed(queue);
});
