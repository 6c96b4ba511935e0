import { addressOf } from "../../arch/hw";
import { POLLIN } from "../../fs/file";
import { EAGAIN, ECONNRESET } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { Packet, packetAlloc, packetCount, packetFreeCount } from "../packet";
import { DELAYED_ACK, DELAYED_ACK_STEP, MILLISECOND, SECOND } from "./config";
import { ACK, FIN, headerWrite, PSH, RST, SYN, URG } from "./header";
import { tcpInput } from "./input";
import { State } from "./state";
import { tcpStats } from "./stats";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  MSS,
  nothingSent,
  OUR_ADDRESS,
  OUR_PORT,
  observer,
  offer,
  openPassive,
  ourBase,
  PEER_ADDRESS,
  PEER_ISS,
  PEER_PORT,
  pass,
  peer,
  peerUnflushed,
  read,
  sent,
  sentAck,
  setPeerTsValue,
  start,
  takeSegment,
  withSack,
  write,
} from "./testing";
import { tcpFlush } from "./work";

/** Established, and past the first segments that are acknowledged at once. */
function open(): void {
  start();
  openPassive();
  conn.quickAcks = 0;
}

test("tcp established: data is delivered and acknowledged late", () => {
  open();
  peer(ACK | PSH, 0, 0, 100);
  expectEqual(observer.mask & POLLIN, POLLIN, "readable");
  nothingSent("an answer may carry the acknowledgment");
  pass(DELAYED_ACK - 1);
  nothingSent("not yet");
  pass(DELAYED_ACK_STEP);
  expectSegment(ACK, 0, 100, 0, "delayed acknowledgment");
  expectEqual(read(200, 0), 100, "bytes");
  expectEqual(read(200, 100), -EAGAIN, "no more");
  expectEqual(tcpStats.fastPath, 1, "predicted");
});

test("tcp established: an answer carries the acknowledgment", () => {
  open();
  peer(ACK | PSH, 0, 0, 100);
  read(100, 0);
  write(7);
  expectSegment(ACK | PSH, 0, 100, 7, "answer");
  pass(DELAYED_ACK + DELAYED_ACK_STEP);
  nothingSent("all is acknowledged");
});

test("tcp established: two full segments are acknowledged at the end of the burst", () => {
  open();
  peer(ACK, 0, 0, MSS);
  peerUnflushed(ACK, MSS, 0, MSS);
  nothingSent("the burst is not over");
  tcpFlush();
  expectSegment(ACK, 0, 2 * MSS, 0, "every second segment");
});

test("tcp established: the first segments are acknowledged at once", () => {
  start();
  openPassive();
  peer(ACK, 0, 0, 10);
  expectSegment(ACK, 0, 10, 0, "the peer is in slow start");
});

test("tcp established: a hole is reported at once, and closed by what fills it", () => {
  start();
  offer(false, true, -1);
  openPassive();
  peer(ACK, 2 * MSS, 0, MSS);
  expectSegment(ACK, 0, 0, 0, "duplicate");
  expectEqual(sent.sackCount, 1, "one range");
  expectEqual(sent.sackStart(0), PEER_ISS + 1 + 2 * MSS, "from");
  expectEqual(sent.sackEnd(0), PEER_ISS + 1 + 3 * MSS, "to");
  peer(ACK, 4 * MSS, 0, MSS);
  expectSegment(ACK, 0, 0, 0, "second duplicate");
  expectEqual(sent.sackCount, 2, "two ranges");
  expectEqual(sent.sackStart(0), PEER_ISS + 1 + 4 * MSS, "the latest first");
  peer(ACK, 0, 0, 2 * MSS);
  expectSegment(ACK, 0, 3 * MSS, 0, "the first hole is filled");
  expectEqual(sent.sackCount, 1, "the second is left");
  expectEqual(read(10000, 0), 3 * MSS, "bytes up to it");
  peer(ACK, 3 * MSS, 0, MSS);
  expectEqual(read(10000, 3 * MSS), 2 * MSS, "the rest");
});

test("tcp established: overlaps are cut, whatever their shape", () => {
  start();
  openPassive();
  peer(ACK, 100, 0, 100);
  peer(ACK, 300, 0, 100);
  peer(ACK, 150, 0, 200);
  peer(ACK, 120, 0, 20);
  peer(ACK, 50, 0, 500);
  expectEqual(conn.outOfOrderCount > 0, true, "kept");
  peer(ACK, 0, 0, 60);
  expectEqual(read(10000, 0), 550, "whole");
  expect(conn.outOfOrder == null, "nothing kept");
});

test("tcp established: what was received before is acknowledged again, with the new part taken", () => {
  open();
  peer(ACK, 0, 0, 100);
  peer(ACK, 0, 0, 100);
  expectSegment(ACK, 0, 100, 0, "a repetition");
  peer(ACK, 50, 0, 100);
  expectSegment(ACK, 0, 150, 0, "half of it new");
  expectEqual(read(1000, 0), 150, "bytes");
});

test("tcp established: what lies beyond the window is cut off", () => {
  start();
  openPassive();
  conn.receiveLimit = 1500;
  conn.rcvAdvertised = conn.rcvNxt + 1500;
  peer(ACK, 0, 0, 1000);
  peer(ACK, 1000, 0, 1000);
  expectEqual(conn.queuedBytes, 1500, "up to the edge");
  peer(ACK, 1500 + 5000, 0, 100);
  expect(conn.outOfOrder == null, "not kept");
});

test("tcp established: a closed window still takes acknowledgments", () => {
  start();
  openPassive();
  write(10);
  conn.receiveLimit = 0;
  conn.rcvAdvertised = conn.rcvNxt;
  peer(ACK, 0, 10, 100);
  expectEqual(conn.sndUna, conn.sndNxt, "acknowledged");
  expectEqual(conn.queuedBytes, 0, "no data");
});

test("tcp established: one-byte segments share a buffer", () => {
  open();
  const before = packetCount() - packetFreeCount();
  for (let i: u32 = 0; i < 500; i++) peer(ACK, i, 0, 1);
  expect(packetCount() - packetFreeCount() < before + 8, "buffers");
  expectEqual(read(1000, 0), 500, "bytes");
});

test("tcp established: only the exact reset ends it (RFC 5961)", () => {
  open();
  peer(RST, <u32>-5, 0, 0);
  nothingSent("out of the window");
  peer(RST, 5, 0, 0);
  expectSegment(ACK, 0, 0, 0, "challenge");
  expectState(State.ESTABLISHED, "in the window, but not next");
  peer(RST, 0, 0, 0);
  expectState(State.CLOSED, "next");
  expectEqual(read(10, 0), -ECONNRESET, "error");
  expectEqual(read(10, 0), 0, "and then the end");
});

test("tcp established: data before a reset can be read", () => {
  open();
  peer(ACK, 0, 0, 10);
  peer(RST | ACK, 10, 0, 0);
  expectEqual(read(100, 0), 10, "bytes");
  expectEqual(read(100, 0), -ECONNRESET, "then the error");
});

test("tcp established: a SYN is challenged, wherever it is", () => {
  open();
  peer(SYN, 0, 0, 0);
  expectSegment(ACK, 0, 0, 0, "in the window");
  pass(SECOND);
  peer(SYN, <u32>-1, 0, 0);
  expectSegment(ACK, 0, 0, 0, "the old one");
  expectState(State.ESTABLISHED, "goes on");
});

test("tcp established: acknowledgments of what was not sent are challenged, without end is not", () => {
  open();
  peer(ACK, 0, 1000, 0);
  expectSegment(ACK, 0, 0, 0, "challenge");
  peer(ACK, 0, 1000, 0);
  nothingSent("at most one in a while");
  pass(100 * MILLISECOND);
  peer(ACK, 0, 1000, 0);
  expectSegment(ACK, 0, 0, 0, "later again");
});

test("tcp established: an old timestamp is rejected, an older acknowledgment quietly", () => {
  start();
  offer(true, false, -1);
  openPassive();
  conn.quickAcks = 0;
  setPeerTsValue(2000);
  peer(ACK, 0, 0, 10);
  pass(DELAYED_ACK + DELAYED_ACK_STEP);
  expectSegment(ACK, 0, 10, 0, "acknowledgment");
  expectEqual(sent.tsEcho, 2000, "echo");
  setPeerTsValue(1999);
  peer(ACK, 10, 0, 10);
  expectSegment(ACK, 0, 10, 0, "not taken");
  peer(ACK, 10, 0, 0);
  nothingSent("without data");
  expectEqual(tcpStats.pawsRejected, 2, "counted");
});

test("tcp established: an urgent pointer of 0 is no announcement", () => {
  open();
  peer(ACK | URG, 0, 0, 10);
  expectEqual(read(100, 0), 10, "bytes");
});

test("tcp established: a FIN is the end, after all before it", () => {
  open();
  peer(ACK | FIN, 10, 0, 0);
  expectState(State.ESTABLISHED, "a hole is left");
  expectSegment(ACK, 0, 0, 0, "which is reported");
  peer(ACK, 0, 0, 10);
  expectState(State.CLOSE_WAIT, "now");
  expectSegment(ACK, 0, 11, 0, "acknowledged");
  expectEqual(read(100, 0), 10, "bytes");
  expectEqual(read(100, 10), 0, "the end");
});

test("tcp established: forged ranges in SACK are ignored", () => {
  start();
  offer(false, true, -1);
  openPassive();
  write(3000);
  withSack(5000, 6000);
  peer(ACK, 0, 0, 0);
  withSack(2000, 1000);
  peer(ACK, 0, 0, 0);
  expect(conn.sackBoard == null, "nothing believed");
});

test("tcp input: bad lengths and checksums are dropped", () => {
  open();
  const errors = tcpStats.inErrors;
  for (let kind: u32 = 0; kind < 4; kind++) {
    const packet: Packet = packetAlloc()!;
    const at = packet.append(kind == 0 ? 19 : 24);
    const size: u32 = kind == 1 ? 16 : kind == 2 ? 28 : 20;
    if (kind > 0) {
      headerWrite(at, (PEER_PORT << 16) | OUR_PORT, PEER_ISS + 1, ourBase() + 1, size, ACK, 1000);
    }
    tcpInput(packet, PEER_ADDRESS, OUR_ADDRESS);
  }
  tcpFlush();
  expectEqual(tcpStats.inErrors, errors + 4, "errors");
  expect(addressOf(0) != 0 && conn.queuedBytes == 0, "no data");
});

/** The last segment taken reports [from, to) as received twice, in front of `others` blocks. */
function expectDuplicate(from: u32, to: u32, others: u32, why: string): void {
  expectEqual(sent.sackCount, others + 1, why + ": blocks");
  expectEqual(sent.sackStart(0) - PEER_ISS - 1, from, why + ": from");
  expectEqual(sent.sackEnd(0) - PEER_ISS - 1, to, why + ": to");
}

test("tcp duplicates: a segment that came twice is reported once (RFC 2883 4.1)", () => {
  offer(false, true, -1);
  open();
  peer(ACK, 0, 0, 100);
  dropSent();
  peer(ACK, 0, 0, 100);
  expectSegment(ACK, 0, 100, 0, "again");
  expectDuplicate(0, 100, 0, "all of it");
  peer(ACK, 50, 0, 100);
  expectSegment(ACK, 0, 150, 0, "half of it is new");
  expectDuplicate(50, 100, 0, "the other half");
  peer(ACK, 200, 0, 10);
  expectSegment(ACK, 0, 150, 0, "a hole");
  expectEqual(sent.sackCount, 1, "nothing came twice");
});

test("tcp duplicates: of a segment out of order, in front of the range it is part of", () => {
  offer(false, true, -1);
  open();
  peer(ACK, 100, 0, 100);
  dropSent();
  peer(ACK, 120, 0, 30);
  expectSegment(ACK, 0, 0, 0, "the hole is still there");
  expectDuplicate(120, 150, 1, "a part of it");
  expectEqual(sent.sackStart(1) - PEER_ISS - 1, 100, "of this");
  peer(ACK, 150, 0, 100);
  expectSegment(ACK, 0, 0, 0, "longer now");
  expectDuplicate(150, 200, 1, "what overlaps");
  expectEqual(sent.sackEnd(1) - PEER_ISS - 1, 250, "to its new end");
});

test("tcp duplicates: what a segment out of order repeats of those behind it", () => {
  offer(false, true, -1);
  open();
  peer(ACK, 200, 0, 50);
  dropSent();
  peer(ACK, 180, 0, 40);
  expectSegment(ACK, 0, 0, 0, "the hole is still there");
  expectDuplicate(200, 220, 1, "its end is known");
  peer(ACK, 100, 0, 200);
  expectSegment(ACK, 0, 0, 0, "and still");
  expectDuplicate(200, 250, 1, "one that it holds whole");
  expectEqual(sent.sackStart(1) - PEER_ISS - 1, 100, "of all this");
  expectEqual(sent.sackEnd(1) - PEER_ISS - 1, 300, "to here");
});

test("tcp duplicates: nothing is said of them to a peer without SACK", () => {
  open();
  peer(ACK, 0, 0, 100);
  dropSent();
  peer(ACK, 0, 0, 100);
  expectSegment(ACK, 0, 100, 0, "again");
  expectEqual(sent.sackCount, 0, "no blocks");
});

test("tcp duplicates: a report of one starts no recovery", () => {
  offer(false, true, -1);
  open();
  write(10 * MSS);
  dropSent();
  for (let i = 0; i < 5; i++) {
    withSack(<u32>-100, 0);
    peer(ACK, 0, 0, 0);
  }
  nothingSent("what was received twice is not lost");
});

/** The peer fills the window but for less than a segment; returns how much it has sent. */
function fillWindow(): u32 {
  let sequence: u32 = 0;
  while (conn.rcvAdvertised - conn.rcvNxt >= 1400) {
    peer(ACK, sequence, 0, 1400);
    sequence += 1400;
  }
  while (takeSegment()) {}
  return sequence;
}

test("tcp established: a FIN beyond the window is not taken, nor acknowledged", () => {
  open();
  const sequence = fillWindow();
  const left = conn.rcvAdvertised - conn.rcvNxt;
  peer(ACK | FIN, sequence, 0, left + 1);
  expectState(State.ESTABLISHED, "the end has not come");
  expect(!conn.finSeen, "nor is it remembered");
  pass(DELAYED_ACK + DELAYED_ACK_STEP);
  expect(takeSegment(), "what fits is acknowledged");
  expectEqual(sentAck, sequence + left, "no more");
  expectEqual(conn.queuedBytes, sequence + left, "and there to be read");
});

test("tcp established: a FIN behind a hole and beyond the window is not taken either", () => {
  open();
  const sequence = fillWindow();
  const left = conn.rcvAdvertised - conn.rcvNxt;
  peer(ACK | FIN, sequence + 10, 0, left);
  peer(ACK, sequence, 0, 10);
  expectState(State.ESTABLISHED, "the end has not come");
  expectEqual(conn.rcvNxt - PEER_ISS - 1, sequence + left, "up to the window's edge");
});
