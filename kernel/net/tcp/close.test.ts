import { POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from "../../fs/file";
import { ENOTCONN, EPIPE, ETIMEDOUT } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { heapBytesInUse } from "../../runtime/heap";
import { FIN_WAIT_2_LENGTH, SECOND, TIME_WAIT_LENGTH } from "./config";
import { Connection } from "./connection";
import { ACK, FIN, PSH, RST, SYN } from "./header";
import { State } from "./state";
import { tableCount } from "./table";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  listener,
  nothingSent,
  offer,
  openPassive,
  openSynSent,
  pass,
  peer,
  read,
  setConnection,
  setPeerTsValue,
  start,
  takeSyn,
  write,
} from "./testing";
import { timeWaitClear, timeWaitCount } from "./time-wait";
import { tcpFlush } from "./work";

function open(): void {
  start();
  openPassive();
  conn.quickAcks = 0;
}

test("tcp fin-wait: FIN, its acknowledgment, the peer's FIN, and a while of remembering", () => {
  open();
  conn.shutdownSend();
  expectSegment(ACK | FIN, 0, 0, 0, "FIN");
  expectState(State.FIN_WAIT_1, "shut down");
  expectEqual(write(1), -EPIPE, "no more");
  peer(ACK, 0, 1, 0);
  expectState(State.FIN_WAIT_2, "acknowledged");
  peer(ACK, 0, 1, 10);
  expectEqual(read(100, 0), 10, "the other direction goes on");
  peer(ACK | FIN, 10, 1, 0);
  expectSegment(ACK, 1, 11, 0, "acknowledged");
  expectEqual(timeWaitCount(), 1, "TIME_WAIT");
  expectEqual(read(100, 0), 0, "the end");
  expectEqual(conn.poll() & (POLLIN | POLLHUP | POLLRDHUP), POLLIN | POLLHUP | POLLRDHUP, "poll");
  peer(ACK | FIN, 10, 1, 0);
  expectSegment(ACK, 1, 11, 0, "the last acknowledgment again");
  peer(RST, 11, 1, 0);
  expectEqual(timeWaitCount(), 1, "a reset does not end it (RFC 1337)");
  pass(TIME_WAIT_LENGTH);
  expectEqual(tableCount(), 0, "forgotten");
});

test("tcp fin-wait: FIN goes with the last data", () => {
  open();
  write(10, true);
  nothingSent("held");
  conn.shutdownSend();
  expectSegment(ACK | PSH | FIN, 0, 0, 10, "both");
  peer(ACK | FIN, 0, 11, 0);
  expectSegment(ACK, 11, 1, 0, "from FIN_WAIT_1 at once");
  expectEqual(timeWaitCount(), 1, "TIME_WAIT");
});

test("tcp closing: both at once", () => {
  open();
  conn.close();
  expectSegment(ACK | FIN, 0, 0, 0, "FIN");
  peer(ACK | FIN, 0, 0, 0);
  expectSegment(ACK, 1, 1, 0, "theirs is acknowledged");
  peer(ACK, 1, 1, 0);
  expectEqual(timeWaitCount(), 1, "TIME_WAIT");
  nothingSent("done");
});

test("tcp close-wait: our FIN, acknowledged, ends it", () => {
  open();
  peer(ACK | FIN, 0, 0, 0);
  expectSegment(ACK, 0, 1, 0, "acknowledged");
  expectEqual(conn.poll() & (POLLOUT | POLLHUP | POLLRDHUP), POLLOUT | POLLRDHUP, "poll");
  expectEqual(write(5), 5, "half-closed");
  expectSegment(ACK | PSH, 0, 1, 5, "data");
  conn.close();
  expectSegment(ACK | FIN, 5, 1, 0, "FIN");
  peer(ACK, 1, 6, 0);
  expectEqual(tableCount(), 0, "no TIME_WAIT on this side");
});

test("tcp last-ack: a lost FIN is repeated", () => {
  open();
  peer(ACK | FIN, 0, 0, 0);
  dropSent();
  conn.close();
  expectSegment(ACK | FIN, 0, 1, 0, "FIN");
  pass(2 * SECOND);
  expectSegment(ACK | FIN, 0, 1, 0, "again");
});

test("tcp close: with data unread, it is a reset", () => {
  open();
  peer(ACK, 0, 0, 10);
  conn.close();
  expectSegment(RST | ACK, 0, 10, 0, "the peer must not believe it was read");
  tcpFlush();
  expectEqual(tableCount(), 0, "over");
});

test("tcp close: data that comes later is answered by a reset", () => {
  open();
  conn.close();
  dropSent();
  peer(ACK, 0, 1, 10);
  expectSegment(RST | ACK, 1, 0, 0, "nobody reads");
  expectEqual(tableCount(), 0, "over");
});

test("tcp close: FIN_WAIT_2 does not last for ever", () => {
  open();
  conn.close();
  peer(ACK, 0, 1, 0);
  expectEqual(tableCount(), 1, "waits for the peer's FIN");
  pass(FIN_WAIT_2_LENGTH);
  expectEqual(tableCount(), 0, "no longer");
});

test("tcp abort: a reset, and nothing left", () => {
  open();
  write(10);
  dropSent();
  conn.abort();
  expectSegment(RST | ACK, 10, 0, 0, "reset");
  tcpFlush();
  expectEqual(tableCount(), 0, "over");
});

test("tcp close: of a connection that never was one, or not yet", () => {
  start();
  const c = new Connection();
  expectEqual(c.poll() & (POLLOUT | POLLHUP), POLLOUT | POLLHUP, "poll");
  c.close();
  tcpFlush();
  openSynSent();
  conn.close();
  tcpFlush();
  nothingSent("not established");
  expectEqual(tableCount(), 0, "over");
});

test("tcp closed: reading and writing without a connection", () => {
  start();
  openSynSent();
  conn.shutdownSend();
  expectState(State.CLOSED, "given up");
  const c = new Connection();
  setConnection(c, 0);
  expectEqual(read(10, 0), -ENOTCONN, "read");
  expectEqual(write(10), -ENOTCONN, "write");
});

test("tcp time-wait: a new SYN with a later timestamp takes the place", () => {
  start();
  offer(true, true, -1);
  openPassive();
  conn.close();
  dropSent();
  peer(ACK | FIN, 0, 1, 0);
  dropSent();
  expectEqual(timeWaitCount(), 1, "TIME_WAIT");
  peer(SYN, 100, 0, 0);
  expectSegment(ACK, 1, 1, 0, "the same timestamp");
  setPeerTsValue(5000);
  peer(SYN, 100, 0, 0);
  takeSyn(SYN | ACK);
  expectEqual(timeWaitCount(), 0, "reused");
  expectEqual(listener.halfOpenCount, 1, "a new connection");
});

test("tcp listener: closing it resets what was not accepted", () => {
  open();
  const heap = heapBytesInUse();
  peer(ACK | FIN, 0, 0, 0);
  conn.close();
  peer(ACK, 1, 1, 0);
  dropSent();
  offer(false, false, -1);
  peer(SYN, <u32>-1, 0, 0);
  takeSyn(SYN | ACK);
  peer(ACK, 0, 0, 0);
  expectEqual(listener.acceptCount, 1, "waits");
  listener.close();
  expectSegment(RST | ACK, 0, 0, 0, "reset");
  tcpFlush();
  expectEqual(tableCount(), 0, "over");
  expect(heapBytesInUse() < heap, "freed");
});

test("tcp keepalive: a silent peer is asked, and given up when it does not answer", () => {
  open();
  conn.keepaliveIdle = 10 * SECOND;
  conn.keepaliveInterval = SECOND;
  conn.keepaliveCount = 3;
  conn.setKeepalive(true);
  pass(10 * SECOND);
  expectSegment(ACK, <u32>-1, 0, 0, "probe");
  peer(ACK, 0, 0, 0);
  pass(SECOND);
  nothingSent("it answered");
  pass(9 * SECOND);
  for (let i = 0; i < 3; i++) {
    expectSegment(ACK, <u32>-1, 0, 0, "probe");
    pass(SECOND);
  }
  expectSegment(RST | ACK, 0, 0, 0, "given up");
  expectEqual(conn.takeError(), -ETIMEDOUT, "error");
});

test("tcp time-wait: the number of records is bounded", () => {
  open();
  conn.close();
  peer(ACK | FIN, 0, 1, 0);
  expectEqual(timeWaitCount(), 1, "one");
  timeWaitClear();
  expectEqual(tableCount(), 0, "none");
});
