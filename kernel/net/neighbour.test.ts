import { expect, expectEqual, test } from "../lib/testing";
import { netNow, netSetNow } from "./clock";
import { devicePoll } from "./ethernet";
import { Interface, interfaceSetAddress } from "./interface";
import { ipv4Output } from "./ipv4";
import { NeighbourState, neighbourCount, neighbourFirst } from "./neighbour";
import { packetAlloc, packetCount, packetFree, packetFreeCount } from "./packet";
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, testDevice, testInterfaceUp } from "./testing";
import { netTimersRun } from "./timers";
import { ARP_LENGTH, ARP_REPLY, ARP_REQUEST, arpOperation, arpStore, arpTarget } from "./wire/arp";
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ethernetHeaderStore,
  ethernetType,
  loadMac,
  MAC_BROADCAST,
} from "./wire/ethernet";
import { IPPROTO_UDP } from "./wire/ipv4";

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const OWNER: u64 = 0x0200_0000_0a02;
const FORGER: u64 = 0x0666_6666_6602;

let link: Interface = changetype<Interface>(0);
/** Who answers requests for PEER_ADDRESS; 0: nobody. */
let answering: u64 = 0;
/** Questions that were sent, to all and to one; and where the last packet went. */
let broadcasts = 0;
let unicasts = 0;
let packets = 0;
let lastTo: u64 = 0;

/** An ARP message from `mac`, which claims that PEER_ADDRESS or another is its own. */
function hear(operation: u32, mac: u64, target: u32, address: u32 = PEER_ADDRESS): void {
  const packet = packetAlloc()!;
  arpStore(packet.append(ARP_LENGTH), operation, mac, address, OUR_MAC, target);
  ethernetHeaderStore(packet.push(ETHERNET_HEADER), OUR_MAC, mac, ETHERTYPE_ARP);
  testDevice(link).incoming.push(packet);
  devicePoll(link);
}

/** What we have sent reaches the link; questions are answered at once. */
function deliver(): void {
  for (;;) {
    const packet = testDevice(link).sent.pop();
    if (!packet) return;
    const to = loadMac(packet.data);
    if (ethernetType(packet.data) != ETHERTYPE_ARP) {
      packets++;
      lastTo = to;
      packetFree(packet);
      continue;
    }
    const message = packet.data + ETHERNET_HEADER;
    const isQuestion = arpOperation(message) == ARP_REQUEST;
    const asked = arpTarget(message);
    packetFree(packet);
    if (!isQuestion) continue;
    if (to == MAC_BROADCAST) broadcasts++;
    else unicasts++;
    const isReached = answering != 0 && (to == MAC_BROADCAST || to == answering);
    if (isReached && asked == PEER_ADDRESS) hear(ARP_REPLY, answering, OUR_ADDRESS);
  }
}

function start(): void {
  netSetNow(1000 * SECOND);
  link = testInterfaceUp();
  answering = OWNER;
}

function pass(ns: u64): void {
  for (let done: u64 = 0; done < ns; done += 50 * MILLISECOND) {
    netSetNow(netNow() + min(50 * MILLISECOND, ns - done));
    netTimersRun();
    deliver();
  }
}

function send(): i32 {
  const packet = packetAlloc()!;
  packet.append(20);
  const result = ipv4Output(packet, OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP);
  deliver();
  return result;
}

function expectState(state: NeighbourState, why: string): void {
  const entry = neighbourFirst();
  expect(entry != null, "there is an entry: " + why);
  expectEqual(entry!.state, state, why);
}

function expectSentTo(mac: u64, why: string): void {
  lastTo = 0;
  send();
  expectEqual(lastTo, mac, why);
}

test("neighbour: used all the time it is asked again, alone, and packets never wait", () => {
  start();
  send();
  expectEqual(broadcasts, 1, "asked once");
  expectState(NeighbourState.REACHABLE, "answered");
  for (let i = 0; i < 600; i++) {
    pass(SECOND);
    send();
  }
  expectEqual(packets, 601, "all packets went out");
  expectEqual(broadcasts, 1, "nobody else was bothered");
  expect(unicasts >= 15 && unicasts <= 20, "asked every 35 seconds");
});

test("neighbour: reachable, stale, and forgotten when nobody uses it", () => {
  start();
  send();
  pass(29 * SECOND);
  expectState(NeighbourState.REACHABLE, "for 30 seconds");
  pass(2 * SECOND);
  expectState(NeighbourState.STALE, "then it may have changed");
  pass(61 * SECOND);
  expectEqual(neighbourCount(), 0, "unused");
  expectEqual(unicasts, 0, "not asked for its own sake");
});

test("neighbour: one that has gone is asked alone, then everybody, then told unreachable", () => {
  start();
  send();
  pass(31 * SECOND);
  answering = 0;
  expectSentTo(OWNER, "still used");
  expectState(NeighbourState.DELAY, "until it is asked");
  pass(5 * SECOND + 100 * MILLISECOND);
  expectState(NeighbourState.PROBE, "asked");
  pass(3 * SECOND);
  expectEqual(unicasts, 3, "three times");
  expectState(NeighbourState.INCOMPLETE, "everybody is asked");
  send();
  pass(3 * SECOND);
  expectEqual(broadcasts, 4, "three times");
  expectEqual(neighbourCount(), 0, "given up");
  expectEqual(packetFreeCount(), packetCount(), "what waited is dropped");
  answering = OWNER;
  expectSentTo(OWNER, "and found again");
});

test("neighbour: one with a new card is found within a second", () => {
  start();
  send();
  answering = FORGER;
  // As those who take over an address announce it.
  hear(ARP_REQUEST, FORGER, PEER_ADDRESS);
  pass(SECOND);
  expectSentTo(FORGER, "the old one did not answer");
  expectState(NeighbourState.REACHABLE, "confirmed");
});

test("neighbour: a forged answer, question or announcement replaces nothing", () => {
  start();
  send();
  for (let state = 0; state < 3; state++) {
    for (let kind = 0; kind < 3; kind++) {
      if (kind == 0) hear(ARP_REPLY, FORGER, OUR_ADDRESS);
      else hear(ARP_REQUEST, FORGER, kind == 1 ? OUR_ADDRESS : PEER_ADDRESS);
      expectSentTo(OWNER, "at once");
      deliver();
      pass(SECOND);
      expectSentTo(OWNER, "after the owner was asked");
      expectState(NeighbourState.REACHABLE, "it has answered");
    }
    // Once more when it is stale, and when it is about to be asked.
    pass(31 * SECOND);
    if (state == 1) send();
  }
  expectEqual(broadcasts, 1, "nobody else was asked");
});

test("neighbour: a flood of forgeries makes no flood of questions", () => {
  start();
  send();
  for (let i = 0; i < 2000; i++) {
    hear(ARP_REPLY, FORGER + ((<u64>(i & 0xff)) << 32), OUR_ADDRESS);
    pass(5 * MILLISECOND);
  }
  expect(unicasts <= 11, "one in a second");
  expectSentTo(OWNER, "unmoved");
});

test("neighbour: forgeries at any time do not cut it off, and end with their sender", () => {
  start();
  let chance: u32 = 12345;
  let misled = 0;
  for (let i = 0; i < 20000; i++) {
    chance = chance * 1664525 + 1013904223;
    const kind = chance >> 28;
    if (kind == 0) hear(ARP_REPLY, FORGER, OUR_ADDRESS);
    if (kind == 1) hear(ARP_REQUEST, FORGER, OUR_ADDRESS);
    if (kind == 2) hear(ARP_REQUEST, FORGER, PEER_ADDRESS);
    lastTo = 0;
    if (kind > 5) send();
    if (lastTo == FORGER) misled++;
    pass(<u64>((chance >> 8) & 0x7ff) * MILLISECOND);
  }
  // The owner is heard, too, when a forger comes first.
  expect(misled < 20, "hardly any packet: " + misled.toString());
  hear(ARP_REPLY, OWNER, OUR_ADDRESS);
  pass(2 * SECOND);
  expectSentTo(OWNER, "it is itself again");
});

test("neighbour: answers that nobody asked for make no entry", () => {
  start();
  hear(ARP_REPLY, FORGER, OUR_ADDRESS);
  hear(ARP_REQUEST, FORGER, OUR_ADDRESS + 7);
  expectEqual(neighbourCount(), 0, "nothing is known");
  hear(ARP_REQUEST, OWNER, OUR_ADDRESS);
  expectState(NeighbourState.STALE, "who asks for us will want an answer");
  expectSentTo(OWNER, "without a question");
  expectEqual(broadcasts, 0, "none");
  expectState(NeighbourState.DELAY, "but it will be asked");
  pass(6 * SECOND);
  expectState(NeighbourState.REACHABLE, "it was");
});

test("neighbour: an announcement is no answer, even to who asks", () => {
  start();
  answering = 0;
  send();
  expectState(NeighbourState.INCOMPLETE, "asked");
  hear(ARP_REQUEST, FORGER, PEER_ADDRESS);
  expectState(NeighbourState.INCOMPLETE, "nobody has answered");
  deliver();
  expectEqual(packets, 0, "the packet waits");
  hear(ARP_REPLY, OWNER, OUR_ADDRESS);
  expectState(NeighbourState.REACHABLE, "now somebody has");
  deliver();
  expectEqual(lastTo, OWNER, "and gets the packet");
});

test("neighbour: a full table makes room by what is unused", () => {
  start();
  interfaceSetAddress(link, OUR_ADDRESS, 16, 0);
  send();
  for (let i: u32 = 0; i < 1000; i++) {
    hear(ARP_REQUEST, FORGER, OUR_ADDRESS, (OUR_ADDRESS & 0xffff_0000) + 0x1000 + i);
    deliver();
  }
  expectEqual(neighbourCount(), 512, "bounded");
  const asked = broadcasts;
  expectSentTo(OWNER, "the one in use stays");
  expectEqual(broadcasts, asked, "and is not asked for again");
});
