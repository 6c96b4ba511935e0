import { expect, expectEqual, test } from "../lib/testing";
import { flushOutput, outputWaits } from "../sched/idle";
import { timersNextDeadline, timersRun } from "../time/timer-queue";
import { Interface } from "./interface";
import { ipv4Output } from "./ipv4";
import { Packet, packetAlloc } from "./packet";
import { netEnter, netIdle, netInterrupt, netLeave, netPoll, netPollInit } from "./poll";
import {
  dropSent,
  OUR_ADDRESS,
  PEER_ADDRESS,
  receiveArpReply,
  testDevice,
  testInterfaceUp,
} from "./testing";
import { NEVER } from "./timers";
import { netUnrest } from "./unrest";
import { ETHERNET_HEADER, ETHERTYPE_IPV4, ethernetHeaderStore } from "./wire/ethernet";
import { IPPROTO_UDP } from "./wire/ipv4";

function start(): Interface {
  const via = testInterfaceUp();
  netPollInit(true);
  // The peer's hardware address is known.
  ipv4Output(payload(), OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP);
  receiveArpReply(via, PEER_ADDRESS);
  netPoll();
  dropSent(via);
  testDevice(via).flushes = 0;
  return via;
}

function payload(): Packet {
  const packet = packetAlloc()!;
  packet.append(20);
  return packet;
}

function send(frames: i32): void {
  netEnter();
  for (let i = 0; i < frames; i++) ipv4Output(payload(), OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP);
  netLeave();
}

test("poll: many frames, one kick, when the program asks for more", () => {
  const via = start();
  const device = testDevice(via);
  send(5);
  send(5);
  expectEqual(device.sent.count, 10, "on the ring");
  expectEqual(device.flushes, 0, "and no kick yet");
  expect(outputWaits(), "the scheduler knows");
  netPoll();
  expectEqual(device.flushes, 1, "one for all");
  expect(!outputWaits(), "nothing waits");
  netPoll();
  expectEqual(device.flushes, 1, "none for nothing");
});

test("poll: a kick before another thread runs, and when many have gathered", () => {
  const via = start();
  const device = testDevice(via);
  send(1);
  flushOutput();
  expectEqual(device.flushes, 1, "another thread runs");
  send(100);
  expectEqual(device.flushes, 2, "many");
});

test("poll: while frames wait, a timer will send them", () => {
  const via = start();
  send(1);
  expect(timersNextDeadline() != NEVER, "armed");
  dropSent(via);
});

test("poll: an idle CPU takes what has come, and asks for interrupts only when nothing has", () => {
  const via = start();
  const device = testDevice(via);
  const frame = payload();
  ethernetHeaderStore(frame.push(ETHERNET_HEADER), via.mac, 1, ETHERTYPE_IPV4);
  device.incoming.push(frame);
  expect(netIdle(), "something to do");
  expect(!netIdle(), "nothing: the CPU may halt");
});

test("poll: an interrupt whose packet has been taken already leaves the network at rest", () => {
  start();
  while (netUnrest() != 0 && timersNextDeadline() != NEVER) timersRun(timersNextDeadline());
  expectEqual(netUnrest(), 0, "at rest after the traffic");
  netInterrupt();
  expectEqual(netUnrest(), 0, "and again");
});
