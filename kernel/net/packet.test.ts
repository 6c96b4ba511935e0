import { addressOf, store8, store16 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory, freePageCount } from "../mem/page-allocator";
import { checksumAdd, checksumFinish, checksumFold } from "./checksum";
import { netSetNow } from "./clock";
import {
  PACKET_HEADROOM,
  PACKET_LARGE_MAX,
  Packet,
  PacketQueue,
  packetAlloc,
  packetAllocLarge,
  packetCount,
  packetFree,
  packetFreeCount,
  packetGet,
  packetReclaim,
} from "./packet";
import { NEVER, NetTimer, netTimersNext, netTimersRun } from "./timers";

const MIB: u64 = 1 << 20;

test("packet: headers go in front and come off, and the pool gets its packets back", () => {
  addMemory(1 * MIB, 9 * MIB);
  const packet = packetAlloc()!;
  const free = packetFreeCount();
  const start = packet.data;
  packet.append(100);
  expectEqual(packet.push(20), start - 20, "header in front");
  expectEqual(packet.length, 120, "length with header");
  packet.pull(20);
  expectEqual(packet.data, start, "header off");
  expectEqual(packet.tailroom(), 2048 - PACKET_HEADROOM - 100, "tailroom");
  packetGet(packet);
  packetFree(packet);
  expectEqual(packetFreeCount(), free, "one owner is left");
  packetFree(packet);
  expectEqual(packetFreeCount(), free + 1, "back in the pool");
});

test("packet: the pool gives pages back when both packets in them are free", () => {
  addMemory(1 * MIB, 9 * MIB);
  const before = freePageCount();
  const held = new StaticArray<Packet | null>(400);
  for (let i = 0; i < 400; i++) held[i] = packetAlloc();
  expectEqual(before - freePageCount(), 200, "pages in use");
  expectEqual(packetReclaim(64), 0, "none is free");
  for (let i = 0; i < 400; i += 2) packetFree(held[i]!);
  expectEqual(packetReclaim(64), 0, "half of each is in use");
  for (let i = 1; i < 400; i += 2) packetFree(held[i]!);
  expectEqual(packetReclaim(64), 64, "as many as asked for");
  expectEqual(packetCount(), 400 - 128, "packets left");
  expectEqual(packetFreeCount(), packetCount(), "all free");
  packetReclaim(1000);
  expect(packetCount() >= 64 && packetCount() <= 68, "some stay");
  expectEqual(before - freePageCount(), packetCount() / 2, "the rest is back");
  for (let i = 0; i < 100; i++) held[i] = packetAlloc();
  for (let i = 0; i < 100; i++) packetFree(held[i]!);
  expectEqual(packetFreeCount(), packetCount(), "and it grows again");
});

test("packet: a large one has one contiguous buffer and gives its pages back", () => {
  addMemory(1 * MIB, 9 * MIB);
  const warm = packetAllocLarge(PACKET_LARGE_MAX)!;
  packetFree(warm);
  const before = freePageCount();
  const packet = packetAllocLarge(PACKET_LARGE_MAX)!;
  expect(packet.tailroom() >= PACKET_LARGE_MAX, "room");
  expectEqual(freePageCount(), before - 32, "128 KiB in use");
  packetFree(packet);
  expectEqual(freePageCount(), before, "given back");
  expect(!packetAllocLarge(PACKET_LARGE_MAX + 1), "too large");
});

test("packet: a queue keeps order", () => {
  addMemory(1 * MIB, 9 * MIB);
  const queue = new PacketQueue();
  queue.reset();
  const a = packetAlloc()!;
  const b = packetAlloc()!;
  queue.push(a);
  queue.push(b);
  expect(queue.pop() == a && queue.pop() == b && !queue.pop(), "first in, first out");
});

test("checksum: the example of RFC 1071 section 3, odd lengths, and pieces", () => {
  const data = memory.data<u8>([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  // ddf2 in network order is f2dd as loaded.
  expectEqual(checksumFold(checksumAdd(0, addressOf(data), 8)), 0xf2dd, "sum");
  expectEqual(checksumFinish(checksumAdd(0, addressOf(data), 8)), 0x0d22, "complement");
  const whole = checksumFold(checksumAdd(0, addressOf(data), 7));
  const pieces = checksumAdd(checksumAdd(0, addressOf(data), 4), addressOf(data + 4), 3);
  expectEqual(checksumFold(pieces), whole, "in pieces");
});

test("checksum: agrees with a sum of 16-bit words for all lengths up to 100", () => {
  const buffer = memory.data(128, 8);
  for (let i = 0; i < 128; i++) store8(addressOf(buffer) + i, (i * 151 + 7) & 0xff);
  store16(addressOf(buffer), 0xffff);
  for (let length: u32 = 0; length <= 100; length++) {
    let plain: u32 = 0;
    for (let i: u32 = 0; i < length; i++) {
      plain += (<u32>load<u8>(buffer + i)) << ((i & 1) * 8);
      plain = (plain & 0xffff) + (plain >> 16);
    }
    expectEqual(checksumFold(checksumAdd(0, addressOf(buffer), length)), plain, "length");
  }
});

let fired: u64 = 0;

class TestTimer extends NetTimer {
  constructor(public digit: u64) {
    super();
  }
  expired(): void {
    fired = fired * 10 + this.digit;
  }
}

test("timers: fire in order of their deadlines, moved and cancelled ones included", () => {
  const a = new TestTimer(1);
  const b = new TestTimer(2);
  const c = new TestTimer(3);
  const d = new TestTimer(4);
  a.arm(100);
  b.arm(50);
  c.arm(70);
  d.arm(60);
  a.arm(40);
  b.arm(200);
  d.cancel();
  netSetNow(39);
  netTimersRun();
  expectEqual(fired, 0, "not yet");
  expectEqual(netTimersNext(), 40, "next");
  netSetNow(100);
  netTimersRun();
  expectEqual(fired, 13, "a, then c");
  expect(!a.isArmed() && b.isArmed() && !d.isArmed(), "armed");
  c.arm(150);
  c.remove();
  netSetNow(300);
  netTimersRun();
  expectEqual(fired, 132, "then b");
  expectEqual(netTimersNext(), NEVER, "none left");
});
