import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../fs/file";
import { ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ETIMEDOUT } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { heapBytesInUse } from "../../runtime/heap";
import { PACKET_CHECKSUM_VALID, packetAlloc } from "../packet";
import { SECOND } from "./config";
import { Connection } from "./connection";
import { ACK, FIN, headerWrite, PSH, RST, SYN } from "./header";
import { tcpInput } from "./input";
import { writeTimestamp } from "./options";
import { State } from "./state";
import { tableCount } from "./table";
import { tcpIcmpError } from "./tcp";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  listen,
  listener,
  MSS,
  nothingSent,
  OUR_ADDRESS,
  OUR_PORT,
  observer,
  offer,
  openHalf,
  openPassive,
  openSynSent,
  ourBase,
  PEER_ADDRESS,
  PEER_ISS,
  PEER_PORT,
  pass,
  peer,
  peerFrom,
  read,
  sent,
  sentFlags,
  sentWindow,
  setConnection,
  setPeerTsValue,
  start,
  takeSegment,
  takeSyn,
  write,
} from "./testing";
import { tcpFlush } from "./work";

test("tcp closed: a SYN for a port that nobody listens on is reset, a reset is not", () => {
  start();
  peer(SYN, <u32>-1, 0, 0);
  expect(takeSegment(), "a reset");
  expectEqual(sentFlags, RST | ACK, "flags");
  peer(RST, 0, 0, 0);
  nothingSent("in answer to a reset");
  peer(ACK, 0, 77, 5);
  expectSegment(RST, 77, 0, 0, "an acknowledgment out of nowhere");
});

test("tcp listen: a SYN is answered with what it offers", () => {
  start();
  offer(true, true, 5);
  listen(8);
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
  expect(sent.hasTimestamp && sent.sackPermitted, "timestamps and SACK");
  expectEqual(sent.tsEcho, 1000, "echo");
  expectEqual(sent.windowScale, 7, "scale");
  expectEqual(sent.mss, 1460, "MSS");
  expectEqual(sentWindow, 65535, "window, not scaled");
});

test("tcp listen: a plain SYN gets a plain answer", () => {
  start();
  openHalf();
  expect(!sent.hasTimestamp && !sent.sackPermitted && sent.windowScale < 0, "no options");
});

test("tcp listen: neither an ACK nor a FIN opens anything", () => {
  start();
  listen(8);
  peer(ACK, 0, 5, 0);
  expectSegment(RST, 5, 0, 0, "reset");
  peer(FIN, 0, 0, 0);
  nothingSent("in answer to a FIN");
  expectEqual(tableCount(), 0, "connections");
});

test("tcp syn-received: the ACK establishes, with its data", () => {
  start();
  openHalf();
  expect(listener.accept() == null, "not yet");
  peer(ACK | PSH, 0, 0, 10);
  expectEqual(observer.mask & POLLIN, POLLIN, "the listener is told");
  const c = listener.accept()!;
  setConnection(c, c.initialSend);
  expectState(State.ESTABLISHED, "after the ACK");
  expectEqual(read(100, 0), 10, "the data that came with it");
});

test("tcp syn-received: a repeated SYN gets the answer again", () => {
  start();
  openHalf();
  peer(SYN, <u32>-1, 0, 0);
  expectSegment(SYN | ACK, <u32>-1, 0, 0, "again");
});

test("tcp syn-received: the answer to a repeated SYN echoes that one's timestamp", () => {
  start();
  offer(true, true, 3);
  openHalf();
  setPeerTsValue(3000);
  peer(SYN, <u32>-1, 0, 0);
  expectSegment(SYN | ACK, <u32>-1, 0, 0, "again");
  expectEqual(sent.tsEcho, 3000, "or the peer would measure a round trip of a second");
});

test("tcp syn-received: an ACK of something else is reset", () => {
  start();
  openHalf();
  peer(ACK, 0, 1, 0);
  expectSegment(RST, 1, 0, 0, "reset");
  expectEqual(tableCount(), 1, "still half-open");
});

test("tcp syn-received: a reset ends it without a trace", () => {
  start();
  openHalf();
  peer(RST, 0, 0, 0);
  expectEqual(tableCount(), 0, "connections");
  expectEqual(listener.halfOpenCount, 0, "half-open");
  nothingSent("in answer to a reset");
});

test("tcp syn-received: the answer is repeated with doubled pauses, then given up", () => {
  start();
  openHalf();
  for (let i: u64 = 0; i < 5; i++) {
    pass(((<u64>1) << i) * SECOND - 1);
    nothingSent("too early");
    pass(1);
    expectSegment(SYN | ACK, <u32>-1, 0, 0, "again");
  }
  pass(32 * SECOND);
  expectEqual(tableCount(), 0, "given up");
});

test("tcp syn-received: while the accept queue is full, it stays half-open", () => {
  start();
  listen(0);
  peerFrom(1, SYN, 0, 0, 0);
  takeSyn(SYN | ACK);
  const first = ourBase() + 1;
  peerFrom(2, SYN, 0, 0, 0);
  takeSyn(SYN | ACK);
  const second = ourBase() + 1;
  peerFrom(1, ACK, 1, first, 0);
  peerFrom(2, ACK, 1, second, 0);
  tcpFlush();
  expectEqual(listener.acceptCount, 1, "backlog 0 is room for one, as on Linux");
  expectEqual(listener.halfOpenCount, 1, "the other");
  peerFrom(3, SYN, 0, 0, 0);
  nothingSent("a SYN is dropped");
  listener.accept();
  pass(SECOND);
  expect(takeSegment(), "SYN+ACK again");
  peerFrom(2, ACK, 1, second, 0);
  tcpFlush();
  expectEqual(listener.acceptCount, 1, "now");
});

test("tcp syn-sent: SYN+ACK establishes and is acknowledged", () => {
  start();
  offer(true, true, 3);
  openSynSent();
  expect(sent.hasTimestamp && sent.sackPermitted, "offers all");
  peer(SYN | ACK, <u32>-1, 0, 0);
  expectSegment(ACK, 0, 0, 0, "the third of the handshake");
  expectState(State.ESTABLISHED, "established");
  expectEqual(observer.mask & POLLOUT, POLLOUT, "writable");
  expectEqual(conn.mss, MSS - 12, "MSS without timestamps");
});

test("tcp syn-sent: a reset that acknowledges refuses, another does not", () => {
  start();
  openSynSent();
  peer(RST, 0, 0, 0);
  expectState(State.SYN_SENT, "a reset without acknowledgment");
  peer(RST | ACK, 0, 1, 0);
  expectState(State.SYN_SENT, "a reset that acknowledges something else");
  nothingSent("in answer to resets");
  peer(RST | ACK, 0, 0, 0);
  expectState(State.CLOSED, "refused");
  expectEqual(conn.takeError(), -ECONNREFUSED, "error");
});

test("tcp syn-sent: an acknowledgment of something else is reset", () => {
  start();
  openSynSent();
  peer(SYN | ACK, <u32>-1, 99, 0);
  expectSegment(RST, 99, 0, 0, "reset");
  expectState(State.SYN_SENT, "goes on");
});

test("tcp syn-sent: both at once (RFC 9293 3.5, figure 7)", () => {
  start();
  openSynSent();
  peer(SYN, <u32>-1, 0, 0);
  expectSegment(SYN | ACK, <u32>-1, 0, 0, "SYN+ACK");
  expectState(State.SYN_RECEIVED, "crossed");
  peer(SYN | ACK, <u32>-1, 0, 0);
  expectSegment(ACK, 0, 0, 0, "the peer's SYN+ACK is acknowledged");
  peer(ACK, 0, 0, 0);
  expectState(State.ESTABLISHED, "established");
});

test("tcp syn-sent: both at once, and the second SYN acknowledges ours", () => {
  start();
  openSynSent();
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
  peer(SYN | ACK, <u32>-1, 0, 0);
  expectSegment(ACK, 0, 0, 0, "acknowledged");
  expectState(State.ESTABLISHED, "established");
  peer(ACK, 0, 0, 0);
  nothingSent("their last acknowledgment");
});

test("tcp syn-sent: both at once, and the second SYN acknowledges something else", () => {
  start();
  openSynSent();
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
  peer(SYN | ACK, <u32>-1, 77, 0);
  expectSegment(RST, 77, 0, 0, "reset (RFC 9293 3.10.7.4)");
  expectState(State.SYN_RECEIVED, "as before");
  peer(ACK, 0, 78, 0);
  expectSegment(RST, 78, 0, 0, "a bare one, too");
  expectState(State.SYN_RECEIVED, "as before");
});

test("tcp syn-sent: TCP_SYNCNT bounds the attempts", () => {
  start();
  setConnection(new Connection(), 0);
  conn.observer = observer;
  conn.synRetries = 2;
  conn.connect(0, OUR_PORT, PEER_ADDRESS, PEER_PORT);
  let syns = 0;
  for (let i = 0; i < 20; i++) {
    pass(SECOND);
    while (takeSegment()) syns++;
  }
  expectEqual(syns, 3, "one, and two more");
  expectEqual(conn.takeError(), -ETIMEDOUT, "given up");
});

test("tcp listen: a connection that is reset before it is accepted is accepted all the same", () => {
  start();
  openHalf();
  peer(ACK, 0, 0, 0);
  peer(ACK | PSH, 0, 0, 5);
  peer(RST, 5, 0, 0);
  const c = listener.accept();
  expect(c != null, "it is there");
  setConnection(c!, 0);
  expectEqual(conn.poll() & (POLLIN | POLLERR | POLLHUP), POLLIN | POLLERR | POLLHUP, "poll");
  expectEqual(read(10, 0), 5, "what came before");
  expectEqual(read(10, 0), -ECONNRESET, "and how it ended");
  conn.close();
  tcpFlush();
  expectEqual(tableCount(), 0, "nothing is left");
});

test("tcp listen: what was reset and never accepted goes with its listener", () => {
  start();
  const heap = heapBytesInUse();
  openHalf();
  peer(ACK, 0, 0, 0);
  peer(RST, 0, 0, 0);
  const c = listener.acceptFirst;
  expect(c != null && c.dead, "it waits");
  listener.close();
  tcpFlush();
  nothingSent("its peer knows");
  expect(listener.acceptFirst == null, "gone");
  expect(heapBytesInUse() < heap + 4096, "and freed");
});

test("tcp syn-sent: no answer at all is a time out", () => {
  start();
  openSynSent();
  for (let i: u64 = 0; i < 6; i++) {
    pass(((<u64>1) << i) * SECOND);
    expectSegment(SYN, <u32>-1, 0, 0, "again");
  }
  pass(64 * SECOND);
  expectState(State.CLOSED, "given up");
  expectEqual(conn.takeError(), -ETIMEDOUT, "error");
});

test("tcp syn-sent: ICMP unreachable ends it, but not for a sequence number that is not ours", () => {
  start();
  openSynSent();
  const iss = conn.initialSend;
  tcpIcmpError(OUR_ADDRESS, PEER_ADDRESS, OUR_PORT, PEER_PORT, iss + 1000, EHOSTUNREACH);
  expectState(State.SYN_SENT, "a forgery");
  tcpIcmpError(OUR_ADDRESS, PEER_ADDRESS, OUR_PORT, PEER_PORT, iss, EHOSTUNREACH);
  expectState(State.CLOSED, "unreachable");
  expectEqual(conn.takeError(), -EHOSTUNREACH, "error");
});

test("tcp established: ICMP unreachable is only remembered", () => {
  start();
  openPassive();
  write(10);
  tcpIcmpError(OUR_ADDRESS, PEER_ADDRESS, OUR_PORT, PEER_PORT, conn.sndUna, EHOSTUNREACH);
  expectState(State.ESTABLISHED, "goes on");
});

test("tcp listen: beyond the backlog, cookies are sent, and open connections", () => {
  start();
  offer(true, true, 4);
  listen(1);
  for (let i: u32 = 0; i < 16; i++) peerFrom(100 + i, SYN, 0, 0, 0);
  dropSent();
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
  expectEqual(tableCount(), 16, "nothing is stored for a cookie");
  const echo = sent.tsValue;
  peer(ACK, 0, 1, 0);
  expect(listener.accept() == null, "not with a wrong one");
  expectSegment(RST, 1, 0, 0, "reset");
  answerCookie(echo);
  const c = listener.accept();
  expect(c != null, "with the right one");
  expect(c!.sack && c!.timestamps, "options are restored");
  expectEqual(c!.sndScale, 4, "scale");
  expectEqual(c!.peerMss, 536, "MSS, rounded down to one of the table");
  expectEqual(c!.rcvNxt, PEER_ISS + 1, "sequence number");
});

/** The peer's acknowledgment of a cookie, which echoes our timestamp: `peer` does not. */
function answerCookie(echo: u32): void {
  const packet = packetAlloc()!;
  const at = packet.append(32);
  headerWrite(at, (PEER_PORT << 16) | OUR_PORT, PEER_ISS + 1, ourBase() + 1, 32, ACK, 1000);
  writeTimestamp(at + 20, 1001, echo);
  packet.flags |= PACKET_CHECKSUM_VALID;
  tcpInput(packet, PEER_ADDRESS, OUR_ADDRESS);
  tcpFlush();
}
