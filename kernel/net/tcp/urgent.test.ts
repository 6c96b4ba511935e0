import { addressOf } from "../../arch/hw";
import { POLLIN, POLLPRI } from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import { EAGAIN, EINVAL } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { ACK, PSH, URG } from "./header";
import {
  conn,
  dropSent,
  expectSegment,
  observer,
  openPassive,
  PEER_ISS,
  pass,
  peer,
  read,
  sentUrgent,
  start,
  takeSegment,
  withUrgent,
  write,
} from "./testing";
import { atUrgentMark, urgentTake } from "./urgent";

const bytes: usize = memory.data(64);

function open(): void {
  start();
  openPassive();
  conn.quickAcks = 0;
}

/** The peer's byte at a relative sequence number. */
function peerByte(sequence: u32): i32 {
  return (PEER_ISS + 1 + sequence) & 0xff;
}

function sendUrgent(n: u32): i64 {
  const io = new IoVector();
  io.setKernel(addressOf(bytes), n);
  return conn.sendUrgent(io);
}

test("tcp urgent: the byte is out of band, reading stops at the mark and goes on behind it", () => {
  open();
  withUrgent(4);
  peer(ACK | PSH, 0, 0, 10);
  expectEqual(observer.mask & POLLPRI, POLLPRI, "told");
  expectEqual(conn.poll() & (POLLIN | POLLPRI), POLLIN | POLLPRI, "both");
  expectEqual(conn.readable(), 3, "before the mark");
  expect(!atUrgentMark(conn), "not there yet");
  expectEqual(urgentTake(conn, true), peerByte(3), "a look at it");
  expectEqual(read(100, 0), 3, "up to the mark");
  expect(atUrgentMark(conn), "there");
  expectEqual(urgentTake(conn, false), peerByte(3), "the byte");
  expectEqual(urgentTake(conn, false), -EINVAL, "once");
  expectEqual(conn.poll() & POLLPRI, 0, "no more");
  expect(atUrgentMark(conn), "still at the mark");
  expectEqual(read(100, 4), 6, "behind it, without it");
  expect(!atUrgentMark(conn), "past");
  peer(ACK, 10, 0, 10);
  expectEqual(read(100, 10), 10, "as ever");
});

test("tcp urgent: in line it is data at a mark", () => {
  open();
  conn.urgentInline = true;
  withUrgent(4);
  peer(ACK | PSH, 0, 0, 10);
  expectEqual(urgentTake(conn, false), -EINVAL, "not out of band");
  expectEqual(read(100, 0), 3, "up to the mark");
  expect(atUrgentMark(conn), "there");
  expectEqual(read(100, 3), 7, "with it");
});

test("tcp urgent: announced before it comes", () => {
  open();
  withUrgent(15);
  peer(ACK, 0, 0, 10);
  expectEqual(urgentTake(conn, false), -EAGAIN, "it is on its way");
  expectEqual(conn.poll() & POLLPRI, 0, "not there");
  peer(ACK, 10, 0, 10);
  expectEqual(urgentTake(conn, false), peerByte(14), "in a segment like any other");
  expectEqual(read(100, 0), 14, "up to the mark");
  expectEqual(read(100, 15), 5, "behind it");
  peer(ACK, 20, 0, 10);
  expectEqual(read(100, 20), 10, "the usual way");
});

test("tcp urgent: one that is not taken goes with the reading past it", () => {
  open();
  withUrgent(1);
  peer(ACK, 0, 0, 1);
  expectEqual(conn.poll() & (POLLIN | POLLPRI), POLLPRI, "nothing else to read");
  expectEqual(read(100, 0), -EAGAIN, "nor is it read");
  peer(ACK, 1, 0, 5);
  expectEqual(read(100, 1), 5, "behind it");
  expectEqual(urgentTake(conn, false), -EINVAL, "gone");
});

test("tcp urgent: a second one takes the place of the first", () => {
  open();
  withUrgent(3);
  peer(ACK, 0, 0, 5);
  withUrgent(4);
  peer(ACK, 5, 0, 5);
  expectEqual(urgentTake(conn, false), peerByte(8), "the second");
  expectEqual(read(100, 0), 8, "the first is data now");
  expectEqual(read(100, 9), 1, "behind the second");
});

test("tcp urgent: one at the mark that a second one replaces does not come back as data", () => {
  open();
  withUrgent(1);
  peer(ACK, 0, 0, 1);
  withUrgent(3);
  peer(ACK, 1, 0, 5);
  expectEqual(read(100, 1), 2, "from behind the first to the second");
  expectEqual(urgentTake(conn, false), peerByte(3), "the second");
  expectEqual(read(100, 4), 2, "and behind it");
});

test("tcp urgent: a pointer to what was received before says nothing", () => {
  open();
  peer(ACK, 0, 0, 10);
  withUrgent(5);
  peer(ACK, 0, 0, 12);
  expectEqual(urgentTake(conn, false), -EINVAL, "no news");
  expectEqual(read(100, 0), 12, "data");
});

test("tcp urgent: segments up to the byte are marked, until it is acknowledged", () => {
  open();
  write(100);
  expectSegment(ACK | PSH, 0, 0, 100, "data, unacknowledged");
  expectEqual(sendUrgent(5), 5, "MSG_OOB");
  expectSegment(ACK | PSH | URG, 100, 0, 5, "at once, in spite of Nagle");
  expectEqual(sentUrgent, 5, "behind the last byte");
  pass(1_000_000_000);
  expect(takeSegment(), "again");
  expectEqual(sentUrgent, 105, "from where that begins");
  dropSent();
  peer(ACK, 0, 105, 0);
  write(10);
  expectSegment(ACK | PSH, 105, 0, 10, "no mark any more");
  expectEqual(sentUrgent, 0, "nor a pointer");
});
