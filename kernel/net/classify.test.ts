import { load8, store8, store32 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { classify } from "./classify";
import { Interface } from "./interface";
import { Packet, packetAlloc, packetFree, packetFreeCount, packetSetLimit } from "./packet";
import { Connection } from "./tcp/connection";
import { channelClear } from "./tcp/connection-channel";
import { ACK, headerWrite } from "./tcp/header";
import { State } from "./tcp/state";
import { tableInsert, tableRemove } from "./tcp/table";
import { tcpFlush } from "./tcp/work";
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, testInterfaceUp } from "./testing";
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ethernetHeaderStore,
} from "./wire/ethernet";
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_DF,
  IPV4_HEADER,
  IPV4_MF,
  ipv4HeaderStore,
} from "./wire/ipv4";

const HEADERS: u32 = ETHERNET_HEADER + IPV4_HEADER;
const LOCAL_PORT: u32 = 80;
const REMOTE_PORT: u32 = 5000;
const PAYLOAD: u32 = 10;

let via: Interface = changetype<Interface>(0);
let conn: Connection = changetype<Connection>(0);

/** A connection of the table, locked so that what is put on its channel stays there. */
function setUp(): void {
  via = testInterfaceUp();
  conn = new Connection();
  conn.localAddress = OUR_ADDRESS;
  conn.remoteAddress = PEER_ADDRESS;
  conn.ports = (LOCAL_PORT << 16) | REMOTE_PORT;
  conn.state = State.ESTABLISHED;
  conn.lockHeld = true;
  tableInsert(conn);
}

/** A frame of the connection as `classify` gets it. */
function frameWith(source: u32, field: u32, protocol: u32, port: u32): Packet {
  const packet = packetAlloc()!;
  packet.append(PAYLOAD);
  headerWrite(packet.push(20), (port << 16) | LOCAL_PORT, 1, 1, 20, ACK, 1000);
  const length = packet.length + IPV4_HEADER;
  const header = packet.push(IPV4_HEADER);
  ipv4HeaderStore(header, length, 1, field, 0, 64, protocol, source, OUR_ADDRESS);
  ethernetHeaderStore(packet.push(ETHERNET_HEADER), OUR_MAC, PEER_MAC, ETHERTYPE_IPV4);
  return packet;
}

function frame(): Packet {
  return frameWith(PEER_ADDRESS, IPV4_DF, IPPROTO_TCP, REMOTE_PORT);
}

/** The next packet of the channel, null: none. */
function next(): Packet | null {
  const channel = conn.channel;
  return channel ? changetype<Packet | null>(<usize>channel.pop()) : null;
}

function expectTaken(packet: Packet, why: string): void {
  expect(classify(packet, via), why + ": taken");
  expect(next() == packet, why + ": on its channel");
  expectEqual(
    packet.length,
    20 + PAYLOAD,
    why + ": starts with its TCP header, and ends with its data",
  );
  packetFree(packet);
}

function expectLeft(packet: Packet, why: string): void {
  const data = packet.data;
  const length = packet.length;
  expect(!classify(packet, via), why + ": left to the slow path");
  expect(packet.data == data && packet.length == length, why + ": untouched");
  expect(next() == null, why + ": nothing on the channel");
  packetFree(packet);
}

test("classify: segments of a connection are put on its channel, in order", () => {
  setUp();
  const first = frame();
  const second = frame();
  expect(classify(first, via) && classify(second, via), "both");
  expect(next() == first && next() == second, "in order");
  packetFree(first);
  packetFree(second);
  expectTaken(
    frameWith(PEER_ADDRESS, 0, IPPROTO_TCP, REMOTE_PORT),
    "may be fragmented, but is not",
  );
  const padded = frame();
  padded.append(6);
  expectTaken(padded, "padded by Ethernet");
});

test("classify: a packet in several buffers is taken when its length is theirs", () => {
  setUp();
  const packet = frame();
  const more = packetAlloc()!;
  more.append(PAYLOAD);
  packet.fragment = more;
  expectLeft(packet, "more than its header says");
  const whole = frame();
  const tail = packetAlloc()!;
  tail.append(4);
  whole.length -= 4;
  whole.fragment = tail;
  expect(classify(whole, via), "taken");
  expectEqual(next()!.totalLength(), 20 + PAYLOAD, "whole");
  packetFree(whole);
});

test("classify: what is not the usual packet is the slow path's", () => {
  setUp();
  expectLeft(frameWith(PEER_ADDRESS, IPV4_MF, IPPROTO_TCP, REMOTE_PORT), "a first fragment");
  expectLeft(frameWith(PEER_ADDRESS, 5, IPPROTO_TCP, REMOTE_PORT), "a later fragment");
  expectLeft(frameWith(PEER_ADDRESS, 0, IPPROTO_UDP, REMOTE_PORT), "UDP");
  expectLeft(frameWith(PEER_ADDRESS, 0, IPPROTO_TCP, REMOTE_PORT + 1), "a tuple nobody has");
  expectLeft(frameWith(0x7f00_0001, 0, IPPROTO_TCP, REMOTE_PORT), "a loopback address");
  expectLeft(frameWith(0xe000_0001, 0, IPPROTO_TCP, REMOTE_PORT), "a multicast address");
  const arp = frame();
  ethernetHeaderStore(arp.data, OUR_MAC, PEER_MAC, ETHERTYPE_ARP);
  expectLeft(arp, "ARP");
  const group = frame();
  ethernetHeaderStore(group.data, OUR_MAC | 1, PEER_MAC, ETHERTYPE_IPV4);
  expectLeft(group, "to a group");
  const options = frame();
  store8(options.data + ETHERNET_HEADER, 0x46);
  expectLeft(options, "IP options");
  const elsewhere = frame();
  store32(elsewhere.data + ETHERNET_HEADER + 16, 0x0100_000a);
  expectLeft(elsewhere, "to another address");
  const short = frame();
  short.length = HEADERS + 19;
  expectLeft(short, "no room for a TCP header");
  const cut = frame();
  cut.length -= 1;
  expectLeft(cut, "less than its header says");
});

test("classify: a wrong IP checksum, whichever byte is damaged", () => {
  setUp();
  for (let i: u64 = 0; i < IPV4_HEADER; i++) {
    const packet = frame();
    const at = packet.data + ETHERNET_HEADER + i;
    store8(at, load8(at) ^ 0x10);
    expectLeft(packet, "byte " + i.toString());
  }
});

test("classify: short of packets, and in TIME_WAIT, the slow path decides", () => {
  setUp();
  const packet = frame();
  packetSetLimit(1 << 12);
  while (packetFreeCount() > 0) packetAlloc();
  expectLeft(packet, "no memory for what can be sent again");
  packetSetLimit(1 << 25);
  const waiting = frame();
  conn.state = State.TIME_WAIT;
  expectLeft(waiting, "TIME_WAIT");
  tableRemove(conn);
  channelClear(conn);
  tcpFlush();
});
