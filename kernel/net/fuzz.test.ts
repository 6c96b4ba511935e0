import { load8, store8 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { netNow, netSetNow } from "./clock";
import { devicePoll } from "./ethernet";
import { reassemblyCount } from "./fragments";
import { Interface } from "./interface";
import { neighbourCount } from "./neighbour";
import { Packet, packetAlloc, packetCount, packetFree, packetFreeCount } from "./packet";
import { Listener } from "./tcp/listener";
import { timeWaitClear } from "./tcp/time-wait";
import {
  dropSent,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  testDevice,
  testInterfaceUp,
} from "./testing";
import { netTimersRun } from "./timers";
import { transportFlush } from "./transport";
import { UdpEndpoint, udpBind, udpClose, udpReceive } from "./udp";
import { ARP_LENGTH, arpStore } from "./wire/arp";
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ethernetHeaderStore,
} from "./wire/ethernet";
import { IPV4_HEADER, ipv4FragmentStore, ipv4HeaderStore } from "./wire/ipv4";

const SECOND: u64 = 1_000_000_000;
let state: u64 = 0;

function random(below: u32): u32 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <u32>((state * 0x2545_f491_4f6c_dd1d) >> 33) % below;
}

class Sink extends UdpEndpoint {
  arrived(): void {
    for (;;) {
      const packet = udpReceive(this);
      if (!packet) return;
      packetFree(packet);
    }
  }
}

/** An address: mostly the peer's or ours. */
function someAddress(usual: u32): u32 {
  const choice = random(12);
  if (choice == 0) return (random(0x10000) << 16) | random(0x10000);
  if (choice == 1) return 0xffff_ffff;
  return choice == 2 ? 0x7f00_0001 : usual;
}

/**
 * A packet that is mostly right: ARP, or IPv4 with random contents for TCP, UDP, ICMP or another.
 */
function frame(): Packet {
  const packet = packetAlloc()!;
  const length = random(4) == 0 ? random(1400) : random(80);
  const at = packet.append(length);
  for (let i: u32 = 0; i < length; i++) store8(at + i, random(256));
  if (random(10) == 0) {
    if (length >= ARP_LENGTH) {
      arpStore(
        at,
        1 + random(2),
        PEER_MAC,
        someAddress(PEER_ADDRESS),
        OUR_MAC,
        someAddress(OUR_ADDRESS),
      );
    }
    ethernetHeaderStore(packet.push(ETHERNET_HEADER), OUR_MAC, PEER_MAC, ETHERTYPE_ARP);
    return packet;
  }
  const kinds: u32 = random(8);
  const protocol: u32 = kinds < 3 ? 6 : kinds < 5 ? 17 : kinds < 7 ? 1 : random(256);
  // Known ports, valid lengths and offsets, so that more is reached than the first check.
  if (length >= 8 && protocol != 1) {
    store8(at, 0);
    store8(at + 2, 0);
    store8(at + 3, 80);
    if (protocol == 17) {
      store8(at + 4, length >> 8);
      store8(at + 5, length & 255);
      store8(at + 6, 0);
      store8(at + 7, 0);
    }
  }
  if (protocol == 6 && length >= 20) {
    packet.flags = 1;
    store8(at + 12, (5 + random(3)) << 4);
    store8(at + 13, 1 << random(6));
  }
  if (protocol == 1 && length >= 8) {
    packet.flags = 1;
    const type = random(4);
    store8(at, type == 0 ? 8 : type == 1 ? 3 : type == 2 ? 11 : random(256));
    store8(at + 1, random(6));
  }
  const header = packet.push(IPV4_HEADER);
  const total = length + IPV4_HEADER;
  ipv4HeaderStore(
    header,
    total,
    random(4),
    0,
    0,
    1 + random(255),
    protocol,
    someAddress(PEER_ADDRESS),
    someAddress(OUR_ADDRESS),
  );
  if (random(5) == 0) {
    const more: u32 = random(2) == 0 ? 0x2000 : 0;
    ipv4FragmentStore(header, IPV4_HEADER, total, random(40) | more);
  }
  ethernetHeaderStore(packet.push(ETHERNET_HEADER), OUR_MAC, PEER_MAC, ETHERTYPE_IPV4);
  return packet;
}

/** Breaks it, now and then. */
function mutate(packet: Packet): void {
  if (random(3) != 0) return;
  const flips: u32 = 1 + random(4);
  for (let i: u32 = 0; packet.length > 0 && i < flips; i++) {
    const at = packet.data + random(packet.length);
    store8(at, load8(at) ^ (1 << random(8)));
  }
  if (random(4) == 0) packet.length = random(packet.length + 1);
}

function run(via: Interface, seed: u64, frames: i32): void {
  state = seed;
  for (let i = 0; i < frames; i++) {
    const packet = frame();
    mutate(packet);
    testDevice(via).incoming.push(packet);
    devicePoll(via);
    if (random(8) == 0) {
      netSetNow(netNow() + random(200) * 1_000_000);
      netTimersRun();
    }
    transportFlush();
    dropSent(via);
  }
}

test("random frames: nothing breaks, and after a while nothing is held", () => {
  const via = testInterfaceUp();
  const sink = new Sink();
  udpBind(sink, 0, 80);
  const listener = new Listener();
  expectEqual(listener.listen(0, 80, 16), 0, "listens");
  for (let seed: u64 = 1; seed <= 20; seed++) run(via, seed * 0x9e37_79b9, 500);
  expect(neighbourCount() <= 512 && reassemblyCount() <= 32, "bounded");
  listener.close();
  udpClose(sink);
  for (let i = 0; i < 400; i++) {
    netSetNow(netNow() + SECOND);
    netTimersRun();
    transportFlush();
    dropSent(via);
  }
  timeWaitClear();
  expectEqual(reassemblyCount(), 0, "no reassembly");
  expectEqual(neighbourCount(), 0, "no neighbours");
  expectEqual(packetFreeCount(), packetCount(), "all packets are back");
});
