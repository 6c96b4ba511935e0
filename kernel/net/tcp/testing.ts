/**
 * For TCP's unit tests: a peer made of lists of what it sends and what it expects. Not part of the
 * kernel.
 *
 *     start()                                  memory, secrets, time, a tap on the wire
 *     openPassive() / openActive()             an established connection in `conn`
 *     peer(ACK | PSH, 0, 0, 10)                the peer sends: flags, sequence number, acknowledgment, bytes
 *     expectSegment(ACK, 0, 10, 0, "why")      the next segment we sent, taken; and nothingSent("why")
 *
 * Sequence numbers are relative: the peer's first data byte is 0, and so is ours.
 */
import { addressOf, load8, store8 } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import { expect, expectEqual } from "../../lib/testing";
import { addMemory } from "../../mem/page-allocator";
import { netNow, netSetNow } from "../clock";
import { PACKET_CHECKSUM_VALID, Packet, PacketQueue, packetAlloc, packetFree } from "../packet";
import { netTimersRun } from "../timers";
import { SECOND } from "./config";
import { Connection, ConnectionObserver } from "./connection";
import {
  ACK,
  headerAcknowledgment,
  headerFlags,
  headerSequence,
  headerSize,
  headerUrgent,
  headerWindow,
  headerWrite,
  SYN,
  setUrgent,
  setWordAt,
  TCP_HEADER_SIZE,
} from "./header";
import { Listener } from "./listener";
import { parseOptions, writeSackHead, writeSynOptions, writeTimestamp } from "./options";
import { Segment } from "./segment";
import { State } from "./state";
import { tcpFlush, tcpInit, tcpInput } from "./tcp";
import { setWireTap, WireTap } from "./wire";

export const OUR_ADDRESS: u32 = 0x0a000001;
export const PEER_ADDRESS: u32 = 0x0a000002;
export const OUR_PORT: u32 = 80;
export const PEER_PORT: u32 = 5000;
export const PEER_ISS: u32 = 0xfffffff0;
export const MSS: u32 = 900;

class TestTap extends WireTap {
  queue: PacketQueue = new PacketQueue();
  mtuValue: u32 = 1500;
  transmit(packet: Packet, source: u32, destination: u32): void {
    this.queue.push(packet);
  }
  mtu(destination: u32): u32 {
    return this.mtuValue;
  }
  segmentationMax(destination: u32): u32 {
    return 0;
  }
  source(destination: u32): u32 {
    return OUR_ADDRESS;
  }
}

export class TestObserver extends ConnectionObserver {
  mask: u32 = 0;
  changed(mask: u32): void {
    this.mask |= mask;
  }
}

let tap: TestTap = changetype<TestTap>(0);
export let conn: Connection = changetype<Connection>(0);
export let listener: Listener = changetype<Listener>(0);
export let observer: TestObserver = changetype<TestObserver>(0);
/** Our initial sequence number, for relative ones. */
let ourIss: u32 = 0;
/** What the peer offers in its SYN; set before opening. */
export let peerTimestamps: bool = false;
export let peerSack: bool = false;
export let peerScale: i32 = -1;
export let peerWindow: u32 = 65535;
export let peerMss: u32 = MSS;
export let peerTsValue: u32 = 1000;

const io: IoVector = new IoVector();
const data: usize = memory.data(65536, 8);

export function offer(timestamps: bool, sack: bool, scale: i32): void {
  peerTimestamps = timestamps;
  peerSack = sack;
  peerScale = scale;
}

export function setPeerWindow(window: u32): void {
  peerWindow = window;
}

export function setPeerTsValue(value: u32): void {
  peerTsValue = value;
}

export function setMtu(mtu: u32): void {
  tap.mtuValue = mtu;
}

export function setConnection(c: Connection, iss: u32): void {
  conn = c;
  ourIss = iss;
}

export function start(): void {
  addMemory(1 << 20, 33 << 20);
  netSetNow(100 * SECOND);
  tcpInit(1, 2, 3);
  tap = new TestTap();
  tap.queue.reset();
  setWireTap(tap);
  observer = new TestObserver();
}

export function listen(backlog: u32): void {
  listener = new Listener();
  listener.observer = observer;
  listener.template = new Connection();
  expectEqual(listener.listen(0, OUR_PORT, backlog), 0, "listen");
}

/** Time passes; timers run at their end. */
export function pass(nanoseconds: u64): void {
  netSetNow(netNow() + nanoseconds);
  netTimersRun();
  tcpFlush();
}

/** Our initial sequence number, absolute. */
export function ourBase(): u32 {
  return ourIss;
}

/** SACK blocks of the next segment from the peer, relative to our first byte. */
let sackCount: u32 = 0;
const sackBlocks: usize = memory.data(32, 4);

export function withSack(start: u32, end: u32): void {
  store<u32>(sackBlocks + ((<usize>sackCount) << 3), start);
  store<u32>(sackBlocks + ((<usize>sackCount) << 3), end, 4);
  sackCount++;
}

/** The next segment from the peer has URG, and this pointer. */
let urgentPointer: u32 = 0;

export function withUrgent(pointer: u32): void {
  urgentPointer = pointer;
}

/** The peer sends from any port; the sequence numbers are absolute. */
export function peerFrom(port: u32, flags: u32, sequence: u32, ack: u32, length: u32): void {
  const packet = packetAlloc()!;
  const to = packet.append(length);
  for (let i: u32 = 0; i < length; i++) store8(to + i, sequence + i);
  let size = TCP_HEADER_SIZE;
  const isSyn = (flags & SYN) != 0;
  if (isSyn) size += 4 + (peerTimestamps ? 12 : peerSack ? 4 : 0) + (peerScale >= 0 ? 4 : 0);
  else size += (peerTimestamps ? 12 : 0) + (sackCount > 0 ? 4 + sackCount * 8 : 0);
  const at = packet.push(size);
  const ports = (port << 16) | OUR_PORT;
  headerWrite(at, ports, sequence, ack, size, flags, peerWindow);
  if (urgentPointer != 0) setUrgent(at, urgentPointer);
  urgentPointer = 0;
  let option = at + TCP_HEADER_SIZE;
  if (isSyn) {
    writeSynOptions(option, peerMss, peerSack, peerTimestamps, peerTsValue, 0, peerScale);
  } else {
    if (peerTimestamps) {
      writeTimestamp(option, peerTsValue, 0);
      option += 12;
    }
    if (sackCount > 0) writeSackHead(option, sackCount);
    for (let i: u32 = 0; i < sackCount; i++) {
      const block = sackBlocks + ((<usize>i) << 3);
      setWordAt(option + 4 + i * 8, ourIss + 1 + load<u32>(block));
      setWordAt(option + 8 + i * 8, ourIss + 1 + load<u32>(block, 4));
    }
  }
  sackCount = 0;
  packet.flags |= PACKET_CHECKSUM_VALID;
  tcpInput(packet, PEER_ADDRESS, OUR_ADDRESS);
}

/** The peer sends a segment and we process it, to the end of the burst. */
export function peer(flags: u32, sequence: u32, ack: u32, length: u32): void {
  peerUnflushed(flags, sequence, ack, length);
  tcpFlush();
}

/** As `peer`, within a burst. */
export function peerUnflushed(flags: u32, sequence: u32, ack: u32, length: u32): void {
  const acks = flags & ACK ? ourIss + 1 + ack : 0;
  peerFrom(PEER_PORT, flags, PEER_ISS + 1 + sequence, acks, length);
}

// ---- What we sent ----
export let sentFlags: u32 = 0;
export let sentSequence: u32 = 0;
export let sentAck: u32 = 0;
export let sentLength: u32 = 0;
export let sentWindow: u32 = 0;
export let sentUrgent: u32 = 0;
/** Options of the segment taken last. */
export const sent: Segment = changetype<Segment>(memory.data(128, 8));

/** Takes the next segment we sent; false: there is none. Numbers are relative. */
export function takeSegment(): bool {
  const packet = tap.queue.pop();
  if (!packet) return false;
  const at = packet.data;
  const size = headerSize(at);
  sentFlags = headerFlags(at);
  sentSequence = headerSequence(at) - ourIss - 1;
  sentAck = headerAcknowledgment(at) - PEER_ISS - 1;
  sentWindow = headerWindow(at);
  sentUrgent = headerUrgent(at);
  sentLength = packet.length - size;
  sent.hasTimestamp = false;
  sent.sackPermitted = false;
  sent.windowScale = -1;
  sent.mss = 0;
  sent.sackCount = 0;
  parseOptions(sent, at + TCP_HEADER_SIZE, at + size);
  packetFree(packet);
  return true;
}

export function nothingSent(why: string): void {
  expect(tap.queue.first == null, "sends nothing: " + why);
}

export function dropSent(): void {
  tap.queue.clear();
}

export function expectSegment(flags: u32, sequence: u32, ack: u32, length: u32, why: string): void {
  expect(takeSegment(), "sends a segment: " + why);
  expectEqual(sentFlags, flags, why + ": flags");
  expectEqual(<i32>sentSequence, <i32>sequence, why + ": sequence number");
  if (flags & ACK) expectEqual(<i32>sentAck, <i32>ack, why + ": acknowledgment");
  expectEqual(sentLength, length, why + ": length");
}

/** Absolute sequence number of the SYN we sent last, which becomes the base of relative ones. */
export function takeSyn(flags: u32): void {
  ourIss = 0;
  expect(takeSegment(), "sends a SYN");
  expectEqual(sentFlags, flags, "flags of the SYN");
  ourIss = sentSequence + 1;
}

// ---- Connections in a state ----

/** A half-open connection: `listener` has got a SYN and answered. */
export function openHalf(): void {
  listen(8);
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
}

/** An established connection that the peer opened. */
export function openPassive(): void {
  openHalf();
  peer(ACK, 0, 0, 0);
  const c = listener.accept();
  expect(c != null, "accept");
  conn = c!;
  conn.observer = observer;
  observer.mask = 0;
  nothingSent("the handshake is over");
  expectEqual(conn.state, State.ESTABLISHED, "state");
}

/** A connection that we have begun to open. */
export function openSynSent(): void {
  conn = new Connection();
  conn.observer = observer;
  expectEqual(conn.connect(0, OUR_PORT, PEER_ADDRESS, PEER_PORT), 0, "connect");
  takeSyn(SYN);
}

/** The application writes n bytes; returns what `send` did. */
export function write(n: u32, more: bool = false): i64 {
  for (let i: u32 = 0; i < n; i++) store<u8>(data + i, <u8>i);
  io.setKernel(addressOf(data), n);
  return conn.send(io, more);
}

/** The application reads up to n bytes and checks that they are the peer's from `sequence` on. */
export function read(n: u32, sequence: u32): i64 {
  io.setKernel(addressOf(data), n);
  const got = conn.receive(io);
  for (let i: i64 = 0; i < got; i++) {
    const byte = load8(addressOf(data) + <u64>i);
    expectEqual(byte, (PEER_ISS + 1 + sequence + <u32>i) & 0xff, "byte " + i.toString());
  }
  return got;
}

export function expectState(state: State, why: string): void {
  expectEqual(conn.state, state, "state: " + why);
}
