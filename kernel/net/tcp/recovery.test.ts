import { ETIMEDOUT } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { MILLISECOND, RTO_MIN, SECOND } from "./config";
import { Recovery } from "./connection";
import { ACK, PSH } from "./header";
import { currentRto } from "./rtt";
import { State } from "./state";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  MSS,
  nothingSent,
  offer,
  openPassive,
  pass,
  peer,
  start,
  takeSegment,
  withSack,
  write,
} from "./testing";

/** Established with SACK or without, ten segments out. */
function tenOut(sack: bool): void {
  start();
  offer(false, sack, -1);
  openPassive();
  write(10 * MSS);
  dropSent();
}

test("tcp recovery: the timer repeats the first segment, with doubled pauses", () => {
  tenOut(true);
  for (let i: u64 = 0; i < 4; i++) {
    const rto = conn.rto << i;
    expectEqual(currentRto(conn), rto, "timeout");
    pass(rto - 1);
    nothingSent("too early");
    pass(1);
    expectSegment(ACK, 0, 0, MSS, "again");
    nothingSent("one segment is the window now");
  }
  expectEqual(conn.cwnd, MSS, "congestion window");
  expectEqual(conn.ssthresh, 7 * MSS, "0.7 of what was out, once");
});

test("tcp recovery: after a time out, acknowledgments drive the rest", () => {
  tenOut(true);
  pass(conn.rto);
  expectSegment(ACK, 0, 0, MSS, "first");
  peer(ACK, 0, MSS, 0);
  expectSegment(ACK, MSS, 0, MSS, "two more");
  expectSegment(ACK, 2 * MSS, 0, MSS, "two more");
  peer(ACK, 0, 10 * MSS, 0);
  nothingSent("all has arrived");
  expectEqual(conn.recovery, Recovery.NONE, "over");
  expectEqual(conn.backoff, 0, "timeout is as before");
});

test("tcp recovery: after a time out, what SACK reports is not repeated", () => {
  tenOut(true);
  withSack(5 * MSS, 6 * MSS);
  peer(ACK, 0, 0, 0);
  nothingSent("one range does not tell enough");
  pass(conn.rto);
  dropSent();
  peer(ACK, 0, 4 * MSS, 0);
  expectSegment(ACK, 4 * MSS, 0, MSS, "the hole");
  expectSegment(ACK, 6 * MSS, 0, MSS, "beyond what is reported");
});

test("tcp recovery: three duplicates repeat the first segment (without SACK)", () => {
  tenOut(false);
  peer(ACK, 0, 0, 0);
  peer(ACK, 0, 0, 0);
  nothingSent("it may be reordering");
  peer(ACK, 0, 0, 0);
  expectSegment(ACK, 0, 0, MSS, "fast retransmit");
  nothingSent("one");
  expectEqual(conn.cwnd, 7 * MSS, "congestion window");
  peer(ACK, 0, 4 * MSS, 0);
  expectSegment(ACK, 4 * MSS, 0, MSS, "partial acknowledgment: the next is lost as well");
  peer(ACK, 0, 10 * MSS, 0);
  expectEqual(conn.recovery, Recovery.NONE, "over");
});

test("tcp recovery: duplicates with data or another window do not count", () => {
  tenOut(false);
  for (let i: u32 = 0; i < 4; i++) peer(ACK, i * 10, 0, 10);
  expectEqual(conn.duplicateAcks, 0, "data");
  expectEqual(conn.recovery, Recovery.NONE, "no recovery");
});

test("tcp recovery: SACK repeats what is lost, and only that", () => {
  tenOut(true);
  withSack(2 * MSS, 3 * MSS);
  peer(ACK, 0, MSS, 0);
  withSack(2 * MSS, 4 * MSS);
  peer(ACK, 0, MSS, 0);
  nothingSent("two segments above the hole");
  withSack(2 * MSS, 4 * MSS);
  withSack(5 * MSS, 8 * MSS);
  peer(ACK, 0, MSS, 0);
  expectSegment(ACK, MSS, 0, MSS, "the first hole");
  expectSegment(ACK, 4 * MSS, 0, MSS, "the second");
  nothingSent("above the last range nothing is known");
  peer(ACK, 0, 10 * MSS, 0);
  expectEqual(conn.recovery, Recovery.NONE, "over");
  expect(conn.sackBoard == null, "scoreboard is empty");
});

test("tcp recovery: duplicates let new data out (limited transmit, RFC 3042)", () => {
  tenOut(true);
  write(5 * MSS);
  nothingSent("the window is full");
  withSack(MSS, 2 * MSS);
  peer(ACK, 0, 0, 0);
  expectSegment(ACK, 10 * MSS, 0, MSS, "one for the one that arrived");
});

test("tcp recovery: a peer that forgets what it reported gets it again", () => {
  tenOut(true);
  withSack(MSS, 10 * MSS);
  peer(ACK, 0, 0, 0);
  expectSegment(ACK, 0, 0, MSS, "first");
  peer(ACK, 0, MSS, 0);
  dropSent();
  pass(conn.rto);
  expectSegment(ACK, MSS, 0, MSS, "reported, but not acknowledged");
  expect(conn.sackBoard == null, "its reports are not believed");
});

test("tcp recovery: a peer that is silent is given up", () => {
  tenOut(true);
  for (let i = 0; i < 40; i++) pass(120 * SECOND);
  expectState(State.CLOSED, "given up");
  expectEqual(conn.takeError(), -ETIMEDOUT, "error");
});

test("tcp recovery: with a user timeout earlier", () => {
  tenOut(true);
  conn.userTimeout = 5 * SECOND;
  for (let i = 0; i < 10; i++) pass(SECOND);
  expectState(State.CLOSED, "given up");
});

test("tcp rtt: the estimate follows the measurements, and repetitions are not measured", () => {
  start();
  openPassive();
  conn.srtt = 0;
  write(10);
  pass(50 * MILLISECOND);
  peer(ACK, 0, 10, 0);
  expectEqual(conn.srtt, 50 * MILLISECOND, "first");
  expectEqual(conn.rto, 50 * MILLISECOND + RTO_MIN, "timeout");
  write(10);
  pass(90 * MILLISECOND);
  peer(ACK, 0, 20, 0);
  expectEqual(conn.srtt, 55 * MILLISECOND, "an eighth of the difference");
  write(10);
  dropSent();
  pass(conn.rto);
  expectSegment(ACK | PSH, 20, 0, 10, "repeated");
  pass(SECOND);
  takeSegment();
  peer(ACK, 0, 30, 0);
  expectEqual(conn.srtt, 55 * MILLISECOND, "Karn's algorithm");
});
