import { POLLIN } from "../../fs/file";
import { ECONNRESET } from "../../lib/errno";
import { expectEqual, test } from "../../lib/testing";
import { SleepLock } from "../../sched/sleep-lock";
import { CHANNEL_SLOTS } from "../channel";
import { packetCount, packetFreeCount } from "../packet";
import { SECOND } from "./config";
import { ConnectionObserver } from "./connection";
import { channelClear } from "./connection-channel";
import { ACK, FIN, PSH, RST, SYN } from "./header";
import { State } from "./state";
import { tcpStats } from "./stats";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  listener,
  MSS,
  nothingSent,
  openPassive,
  PEER_ISS,
  PEER_PORT,
  pass,
  peer,
  peerFrom,
  peerUnflushed,
  read,
  start,
  takeSyn,
  write,
} from "./testing";
import { verifyAll } from "./verify";
import { tcpFlush } from "./work";

/** Counts how often it is told of data. */
class Counter extends ConnectionObserver {
  readable: i32 = 0;
  changed(mask: u32): void {
    if (mask & POLLIN) this.readable++;
  }
}

function packetsHeld(): u32 {
  return packetCount() - packetFreeCount();
}

function open(): void {
  start();
  openPassive();
  dropSent();
}

test("tcp channel: a burst waits for its end, and is one batch: one wake, one acknowledgment", () => {
  open();
  conn.quickAcks = 0;
  const counter = new Counter();
  conn.observer = counter;
  for (let i: u32 = 0; i < 6; i++) peerUnflushed(ACK, i * MSS, 0, MSS);
  expectEqual(conn.queuedBytes, 0, "not looked at yet");
  tcpFlush();
  expectEqual(conn.queuedBytes, 6 * MSS, "all of them");
  expectEqual(counter.readable, 1, "told once");
  expectSegment(ACK, 0, 6 * MSS, 0, "one acknowledgment for all");
  nothingSent("and no other");
  expectEqual(read(65536, 0), 6 * MSS, "in order");
  verifyAll();
});

test("tcp channel: a hole in a burst is answered segment by segment, for fast retransmit", () => {
  open();
  peerUnflushed(ACK, 0, 0, MSS);
  for (let i: u32 = 2; i < 5; i++) peerUnflushed(ACK, i * MSS, 0, MSS);
  tcpFlush();
  for (let i = 0; i < 3; i++) expectSegment(ACK, 0, MSS, 0, "a duplicate for each");
  nothingSent("they cover what was in order");
  dropSent();
});

test("tcp channel: segments for a locked connection wait in order, and whoever lets go processes them", () => {
  open();
  SleepLock.acquire(conn);
  for (let i: u32 = 0; i < 5; i++) peer(ACK | PSH, i * 10, 0, 10);
  peer(ACK | FIN, 50, 0, 0);
  pass(SECOND);
  expectEqual(conn.queuedBytes, 0, "not looked at");
  expectState(State.ESTABLISHED, "nor the FIN");
  nothingSent("nor answered");
  conn.letGo();
  expectEqual(conn.queuedBytes, 50, "all");
  expectState(State.CLOSE_WAIT, "the FIN behind them");
  tcpFlush();
  expectSegment(ACK, 0, 51, 0, "acknowledged together");
  expectEqual(read(100, 0), 50, "in order");
  verifyAll();
});

test("tcp channel: more than fits is dropped and counted while locked, and only then", () => {
  open();
  const before = packetsHeld();
  const drops = tcpStats.channelDrops;
  SleepLock.acquire(conn);
  for (let i: u32 = 0; i < CHANNEL_SLOTS + 3; i++) peer(ACK, i, 0, 1);
  expectEqual(tcpStats.channelDrops, drops + 3, "three do not fit");
  conn.letGo();
  tcpFlush();
  expectEqual(conn.queuedBytes, CHANNEL_SLOTS, "the others are there");
  expectEqual(read(1000, 0), CHANNEL_SLOTS, "in order");
  tcpFlush();
  for (let i: u32 = 0; i < CHANNEL_SLOTS + 3; i++) peerUnflushed(ACK, CHANNEL_SLOTS + i, 0, 1);
  tcpFlush();
  expectEqual(tcpStats.channelDrops, drops + 3, "the producer makes room when nobody holds it");
  expectEqual(read(1000, CHANNEL_SLOTS), CHANNEL_SLOTS + 3, "in order");
  dropSent();
  expectEqual(packetsHeld(), before, "no packet is left");
});

test("tcp channel: a reset behind data comes after it; what follows finds no connection", () => {
  open();
  peerUnflushed(ACK, 0, 0, 100);
  peerUnflushed(RST, 100, 0, 0);
  peerUnflushed(ACK, 100, 0, 10);
  tcpFlush();
  expectState(State.CLOSED, "reset");
  expectSegment(RST, 0, 0, 0, "a segment for nobody");
  expectEqual(read(1000, 0), 100, "data from before");
  expectEqual(read(1000, 100), -ECONNRESET, "the error");
  conn.close();
  tcpFlush();
});

test("tcp channel: behind the end of a connection, a SYN in the same burst opens a new one", () => {
  open();
  const before = packetsHeld();
  peer(ACK | FIN, 0, 0, 0);
  conn.close();
  tcpFlush();
  dropSent();
  expectState(State.LAST_ACK, "our FIN is out");
  peerUnflushed(ACK, 1, 1, 0);
  peerFrom(PEER_PORT, SYN, PEER_ISS + 1000, 0, 0);
  tcpFlush();
  takeSyn(SYN | ACK);
  expectEqual(listener.halfOpenCount, 1, "a new connection");
  expectEqual(packetsHeld(), before, "no packet is left");
  verifyAll();
});

test("tcp channel: a connection that is aborted leaves no segment of its channel behind", () => {
  open();
  const before = packetsHeld();
  for (let i: u32 = 0; i < 5; i++) peerUnflushed(ACK, i * 10, 0, 10);
  expectEqual(packetsHeld(), before + 5, "they are held");
  conn.abort();
  tcpFlush();
  dropSent();
  expectEqual(packetsHeld(), before, "given back");
  peer(ACK, 50, 0, 10);
  expectSegment(RST, 0, 0, 0, "nobody knows it any more");
  verifyAll();
});

test("tcp channel: cleared, it gives back what nobody will look at", () => {
  open();
  const before = packetsHeld();
  SleepLock.acquire(conn);
  for (let i: u32 = 0; i < 5; i++) peer(ACK, i * 10, 0, 10);
  expectEqual(packetsHeld(), before + 5, "they are held");
  channelClear(conn);
  expectEqual(packetsHeld(), before, "given back");
  conn.letGo();
  tcpFlush();
  expectEqual(conn.queuedBytes, 0, "none was looked at");
  peer(ACK, 0, 0, 10);
  expectEqual(conn.queuedBytes, 10, "the next segment gets a channel again");
});

test("tcp channel: a timer looks at what has arrived before it decides", () => {
  open();
  write(10);
  dropSent();
  const timeouts = tcpStats.timeouts;
  peerUnflushed(ACK, 0, 10, 0);
  // The retransmission timer comes with the acknowledgment unseen.
  pass(10 * SECOND);
  nothingSent("nothing is repeated");
  expectEqual(tcpStats.timeouts, timeouts, "it was no timeout");
  verifyAll();
});
