import { POLLOUT } from "../../fs/file";
import { EAGAIN } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { CORK_LIMIT, RTO_MIN, SECOND, SEND_LIMIT_DEFAULT, SEND_LIMIT_MAX } from "./config";
import { ACK, PSH } from "./header";
import { State } from "./state";
import { pathMtuChanged } from "./tcp";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  MSS,
  nothingSent,
  observer,
  offer,
  openPassive,
  pass,
  peer,
  sentLength,
  setMtu,
  setPeerWindow,
  start,
  takeSegment,
  write,
} from "./testing";

function open(window: u32): void {
  start();
  setPeerWindow(window);
  openPassive();
}

test("tcp output: a write is cut into full segments and a rest", () => {
  open(65535);
  write(2 * MSS + 10);
  expectSegment(ACK, 0, 0, MSS, "first");
  expectSegment(ACK, MSS, 0, MSS, "second");
  expectSegment(ACK | PSH, 2 * MSS, 0, 10, "rest: nothing small is out");
  nothingSent("all is out");
});

test("tcp output: a small segment waits for the one before (Nagle), unless TCP_NODELAY", () => {
  open(65535);
  write(10);
  expectSegment(ACK | PSH, 0, 0, 10, "the first");
  write(10);
  write(10);
  nothingSent("until the first is acknowledged");
  peer(ACK, 0, 10, 0);
  expectSegment(ACK | PSH, 10, 0, 20, "both");
  write(10);
  nothingSent("waits");
  conn.setNoDelay(true);
  expectSegment(ACK | PSH, 30, 0, 10, "at once");
  write(10);
  expectSegment(ACK | PSH, 40, 0, 10, "from now on");
});

test("tcp output: a cork holds a partial segment, but not for ever", () => {
  open(65535);
  conn.setCork(true);
  write(MSS + 10);
  expectSegment(ACK, 0, 0, MSS, "a full one");
  peer(ACK, 0, MSS, 0);
  nothingSent("the rest is held");
  pass(CORK_LIMIT);
  expectSegment(ACK | PSH, MSS, 0, 10, "long enough");
  write(10, true);
  peer(ACK, 0, MSS + 10, 0);
  nothingSent("MSG_MORE");
  conn.setCork(false);
  expectSegment(ACK | PSH, MSS + 10, 0, 10, "pulled");
});

test("tcp output: no more than the peer's window, and no silly segments into it", () => {
  open(2500);
  write(5000);
  expectSegment(ACK, 0, 0, MSS, "first");
  expectSegment(ACK, MSS, 0, MSS, "second");
  nothingSent("500 bytes of window are not worth it");
  peer(ACK, 0, 2 * MSS, 0);
  expectSegment(ACK, 2 * MSS, 0, MSS, "third");
  expectSegment(ACK, 3 * MSS, 0, MSS, "fourth");
});

test("tcp output: a peer with a tiny window gets what it can take", () => {
  open(300);
  write(1000);
  expectSegment(ACK, 0, 0, 300, "half of the largest window is enough");
});

test("tcp output: a closed window is probed, more and more rarely, until it opens", () => {
  open(MSS);
  write(3 * MSS);
  expectSegment(ACK, 0, 0, MSS, "first");
  setPeerWindow(0);
  peer(ACK, 0, MSS, 0);
  nothingSent("closed");
  pass(RTO_MIN + SECOND);
  expectSegment(ACK, MSS - 1, 0, 0, "probe");
  peer(ACK, 0, MSS, 0);
  pass(10 * SECOND);
  expect(takeSegment(), "probe");
  dropSent();
  expectState(State.ESTABLISHED, "a peer that answers is never given up");
  setPeerWindow(MSS);
  peer(ACK, 0, MSS, 0);
  expectSegment(ACK, MSS, 0, MSS, "opened");
});

test("tcp output: no more than the congestion window, which grows with acknowledgments", () => {
  open(65535);
  write(40000);
  let segments: u32 = 0;
  while (takeSegment()) segments++;
  expectEqual(segments, 10, "initial window (RFC 6928)");
  peer(ACK, 0, 2 * MSS, 0);
  segments = 0;
  while (takeSegment()) segments++;
  expectEqual(segments, 4, "slow start: two for each acknowledged");
});

test("tcp output: a full buffer refuses, and tells when a third is free", () => {
  open(65535);
  conn.setSendLimit(10000);
  expectEqual(write(30000), 10000, "what fits");
  expectEqual(write(1), -EAGAIN, "full");
  expectEqual(conn.poll() & POLLOUT, 0, "not writable");
  observer.mask = 0;
  peer(ACK, 0, MSS, 0);
  expectEqual(observer.mask & POLLOUT, 0, "too little");
  peer(ACK, 0, 5 * MSS, 0);
  expectEqual(observer.mask & POLLOUT, POLLOUT, "told");
  expectEqual(conn.poll() & POLLOUT, POLLOUT, "writable");
});

test("tcp output: after an idle time the congestion window starts again", () => {
  open(65535);
  conn.cwnd = 50 * MSS;
  pass(10 * SECOND);
  write(30000);
  let segments: u32 = 0;
  while (takeSegment()) segments++;
  expectEqual(segments, 10, "initial window");
});

test("tcp output: a narrower path means smaller segments, at once", () => {
  open(65535);
  write(3 * MSS);
  dropSent();
  setMtu(640);
  pathMtuChanged(conn);
  peer(ACK, 0, 0, 0);
  expect(takeSegment(), "again");
  expectEqual(sentLength, 600, "in the new size");
  expectEqual(conn.mss, 600, "from now on");
});

test("tcp output: TCP_NODELAY flushes what a cork holds, once (tcp(7))", () => {
  open(65535);
  conn.setCork(true);
  write(10);
  nothingSent("held");
  conn.setNoDelay(true);
  expectSegment(ACK | PSH, 0, 0, 10, "flushed");
  write(10);
  nothingSent("the cork holds again");
});

test("tcp output: the send buffer follows the congestion window, unless SO_SNDBUF has set it", () => {
  offer(false, false, 7);
  open(65535);
  const before = conn.sendLimit;
  for (let i = 0; i < 100 && conn.sendLimit < SEND_LIMIT_MAX; i++) {
    while (write(60000) > 0) {}
    dropSent();
    peer(ACK, 0, conn.sndNxt - conn.initialSend - 1, 0);
  }
  expectEqual(before, SEND_LIMIT_DEFAULT, "at first");
  expectEqual(conn.sendLimit, SEND_LIMIT_MAX, "on a long fast path");
  while (write(60000) > 0) {}
  expectEqual(conn.bufferCapacity, SEND_LIMIT_MAX, "with memory behind it");
});

test("tcp output: SO_SNDBUF holds the send buffer where it is set", () => {
  offer(false, false, 7);
  open(65535);
  conn.setSendLimit(100000);
  for (let i = 0; i < 20; i++) {
    while (write(60000) > 0) {}
    dropSent();
    peer(ACK, 0, conn.sndNxt - conn.initialSend - 1, 0);
  }
  expectEqual(conn.sendLimit, 100000, "as asked for");
});
