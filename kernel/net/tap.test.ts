import { load8 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { ethernetOutput } from "./ethernet";
import { Interface, interfacesUnwatch, interfacesWatch } from "./interface";
import { Packet, packetAlloc, packetFree } from "./packet";
import { ETH_P_ALL, PACKET_HOST, PACKET_OUTGOING, Tap, tapEnter, tapLeave } from "./tap";
import { OUR_ADDRESS, PEER_ADDRESS, PEER_MAC, receiveFrom, testInterfaceUp } from "./testing";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from "./wire/ethernet";

/** Nobody's protocol (RFC 3692). */
const IPPROTO_EXPERIMENT: u32 = 253;

class Recorder extends Tap {
  seen: i32 = 0;
  lastKind: u32 = 99;
  lastLength: u32 = 0;
  lastByte: u32 = 0;

  take(frame: Packet, via: Interface, kind: u32): void {
    this.seen++;
    this.lastKind = kind;
    this.lastLength = frame.length;
    this.lastByte = load8(frame.data + frame.length - 1);
    packetFree(frame);
  }
}

function tap(protocol: u32, index: i32): Recorder {
  const made = new Recorder();
  made.protocol = protocol;
  made.interfaceIndex = index;
  tapEnter(made);
  return made;
}

function receive(via: Interface): void {
  const packet = packetAlloc()!;
  packet.append(100);
  receiveFrom(via, packet, PEER_ADDRESS, IPPROTO_EXPERIMENT);
}

test("tap: sees what comes in and goes out, each its type and its interface", () => {
  const via = testInterfaceUp();
  const all = tap(ETH_P_ALL, 0);
  const ip = tap(ETHERTYPE_IPV4, via.index);
  const arp = tap(ETHERTYPE_ARP, 0);
  const elsewhere = tap(ETH_P_ALL, 1);
  const nothing = tap(0, 0);
  receive(via);
  // The stack has answered that nobody hears this protocol, or asks for the peer's address first.
  expect(all.seen >= 1, "it came in");
  expectEqual(ip.seen, 1, "once");
  expectEqual(ip.lastKind, PACKET_HOST, "for us");
  expectEqual(ip.lastLength, 134, "the whole frame");
  const before = all.seen;
  const packet = packetAlloc()!;
  packet.append(50);
  ethernetOutput(packet, via, PEER_MAC, ETHERTYPE_IPV4);
  expectEqual(all.seen, before + 1, "it goes out");
  expectEqual(all.lastKind, PACKET_OUTGOING, "as such");
  expectEqual(all.lastLength, 64, "with its header");
  expectEqual(ip.seen, 1, "which is of no concern for who wants one type");
  expectEqual(arp.seen, 0, "no ARP came in");
  expectEqual(elsewhere.seen, 0, "another interface");
  expectEqual(nothing.seen, 0, "no type");
  tapLeave(all);
  tapLeave(ip);
  tapLeave(arp);
  tapLeave(elsewhere);
  tapLeave(nothing);
  receive(via);
  expectEqual(ip.seen, 1, "no more");
});

test("tap: a watched interface has no usual packets, until the last one leaves", () => {
  const via = testInterfaceUp();
  expectEqual(via.usualAddress, OUR_ADDRESS, "its address");
  const one = tap(ETH_P_ALL, via.index);
  interfacesWatch(0);
  expectEqual(via.usualAddress, 0, "none");
  tapLeave(one);
  expectEqual(via.usualAddress, 0, "somebody is left");
  interfacesUnwatch(0);
  expectEqual(via.usualAddress, OUR_ADDRESS, "as before");
});
