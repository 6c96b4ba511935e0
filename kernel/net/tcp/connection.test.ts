import { POLLIN, POLLOUT } from "../../fs/file";
import { EAGAIN, ECONNRESET } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { SleepLock } from "../../sched/sleep-lock";
import { packetCount, packetFreeCount } from "../packet";
import { ANSWERS_MIN, SECOND } from "./config";
import { ACK, FIN, PSH, RST } from "./header";
import { State } from "./state";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  MSS,
  nothingSent,
  observer,
  openPassive,
  pass,
  peer,
  read,
  start,
  write,
} from "./testing";
import { tcpFlush } from "./work";

test("tcp connection: while a copy is under way, segments and timers wait for it", () => {
  start();
  openPassive();
  write(10);
  dropSent();
  SleepLock.acquire(conn);
  peer(ACK | PSH, 0, 10, 5);
  expectEqual(conn.sndUna + 10, conn.sndNxt, "not looked at");
  pass(SECOND);
  nothingSent("the timer waits");
  SleepLock.release(conn);
  expectEqual(write(10), 10, "the end of a copy");
  expectEqual(conn.sndUna + 10, conn.sndNxt, "the acknowledgment has been processed");
  expectSegment(ACK | PSH, 10, 5, 10, "the data");
  expectEqual(read(10, 0), 5, "what came meanwhile");
});

test("tcp connection: a reset during a copy leaves nothing behind", () => {
  start();
  openPassive();
  const free = packetFreeCount();
  SleepLock.acquire(conn);
  peer(ACK, 0, 0, 100);
  peer(RST, 100, 0, 0);
  SleepLock.release(conn);
  expectEqual(write(10), 10, "taken before the reset was known");
  expectState(State.CLOSED, "then it is");
  expectEqual(read(1000, 0), 100, "data from before");
  expectEqual(read(1000, 100), -ECONNRESET, "the error");
  conn.close();
  tcpFlush();
  dropSent();
  expectEqual(packetFreeCount(), free, "packets");
});

test("tcp connection: data and flags of the application's end reach the observer", () => {
  start();
  openPassive();
  expectEqual(read(1, 0), -EAGAIN, "nothing");
  expectEqual(conn.poll() & (POLLIN | POLLOUT), POLLOUT, "writable only");
  peer(ACK | FIN | PSH, 0, 0, 3);
  expectEqual(observer.mask & POLLIN, POLLIN, "told");
  expectEqual(conn.poll() & POLLIN, POLLIN, "readable");
  expectEqual(read(10, 0), 3, "data");
  expectEqual(read(10, 3), 0, "end");
  expectEqual(conn.poll() & POLLIN, POLLIN, "the end is readable for ever");
});

test("tcp connection: the send buffer wraps, grows and is given back", () => {
  start();
  openPassive();
  conn.setNoDelay(true);
  let offset: u32 = 0;
  for (let i = 0; i < 40; i++) {
    expectEqual(write(700), 700, "write");
    dropSent();
    offset += 700;
    // Always one write behind, so that the ring never empties and its start moves.
    if (i > 0) peer(ACK, 0, offset - 700, 0);
  }
  expectEqual(conn.bufferCapacity, 4096, "one page has been enough");
  peer(ACK, 0, offset, 0);
  write(50 * MSS);
  expect(conn.bufferCapacity >= 50 * MSS, "grown");
  dropSent();
  peer(ACK, 0, offset + 10 * MSS, 0);
  dropSent();
  expectEqual(conn.bufferUsed, 40 * MSS, "the rest");
  conn.abort();
  tcpFlush();
  dropSent();
  expectEqual(packetCount() - packetFreeCount(), 0, "packets");
});

/**
 * The peer asks, the application reads it, and then answers. `alone`: an acknowledgment goes ahead.
 */
function round(index: u32, alone: bool): void {
  const at = index * 10;
  peer(ACK | PSH, at, at, 10);
  read(100, at);
  tcpFlush();
  if (alone) expectSegment(ACK, at, at + 10, 0, "the acknowledgment");
  else nothingSent("the answer will carry it");
  write(10);
  expectSegment(ACK | PSH, at, at + 10, 10, "the answer");
  peer(ACK, at + 10, at + 10, 0);
  nothingSent("no acknowledgment is acknowledged");
}

test("tcp connection: in a conversation acknowledgments wait for the answer", () => {
  start();
  openPassive();
  conn.quickAcks = 0;
  let index: u32 = 0;
  while (index < ANSWERS_MIN) round(index++, true);
  for (let i = 0; i < 5; i++) round(index++, false);
  // This one is not answered: the peer hears of it by the timer, and at once from then on.
  peer(ACK | PSH, index * 10, index * 10, 10);
  read(100, index * 10);
  tcpFlush();
  nothingSent("as before");
  pass(SECOND);
  expectSegment(ACK, index * 10, index * 10 + 10, 0, "delayed");
  expectEqual(conn.interactive, false, "no conversation any more");
  expectEqual(conn.answersWanted, ANSWERS_MIN * 2, "it takes more to be one again");
});
