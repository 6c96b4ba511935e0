import { expect, expectEqual, test } from "../../lib/testing";
import { netNow } from "../clock";
import { SECOND } from "./config";
import {
  CLOSE_WAIT_LENGTH,
  farewellBegin,
  farewellEnd,
  farewellLook,
  SILENCE_MAX,
  TIME_MAX,
} from "./farewell";
import { ACK, FIN, PSH, RST } from "./header";
import { State } from "./state";
import { tableCount } from "./table";
import {
  conn,
  dropSent,
  expectSegment,
  expectState,
  listener,
  nothingSent,
  openPassive,
  openSynSent,
  pass,
  peer,
  setPeerWindow,
  start,
  TestObserver,
  takeSegment,
  write,
} from "./testing";
import { tcpFlush } from "./work";

let ending: TestObserver = changetype<TestObserver>(0);

function open(): void {
  start();
  openPassive();
  conn.quickAcks = 0;
}

/** The program has ended. Returns when to look first. */
function begin(): u64 {
  ending = new TestObserver();
  listener.close();
  conn.close();
  farewellBegin(ending);
  const next = farewellLook();
  tcpFlush();
  return next;
}

/** Time passes in steps, as looks do. */
function passLooking(ns: u64): void {
  for (let done: u64 = 0; done < ns; done += SECOND / 20) {
    pass(SECOND / 20);
    farewellLook();
    tcpFlush();
  }
}

test("tcp farewell: without connections there is nothing to wait for", () => {
  start();
  ending = new TestObserver();
  farewellBegin(ending);
  expectEqual(farewellLook(), 0, "done");
});

test("tcp farewell: an idle connection is over when its FIN is acknowledged", () => {
  open();
  expect(begin() > netNow(), "there is one");
  expectSegment(ACK | FIN, 0, 0, 0, "the end");
  peer(ACK, 0, 1, 0);
  expect(ending.mask != 0, "told");
  expectEqual(farewellLook(), 0, "done");
  tcpFlush();
  nothingSent("no reset");
  expectEqual(tableCount(), 0, "gone");
});

test("tcp farewell: data is sent again until it is acknowledged, and the peer closes", () => {
  open();
  write(100);
  expectSegment(ACK | PSH, 0, 0, 100, "data");
  begin();
  expectSegment(ACK | FIN, 100, 0, 0, "the end");
  passLooking(SECOND);
  expect(takeSegment(), "sent again");
  dropSent();
  peer(ACK, 0, 101, 0);
  expectState(State.FIN_WAIT_2, "all is acknowledged");
  expect(farewellLook() != 0, "the peer has not closed");
  peer(ACK | FIN, 0, 101, 0);
  expectSegment(ACK, 101, 1, 0, "its end");
  expectEqual(farewellLook(), 0, "done");
});

test("tcp farewell: a peer that has everything and does not close is left after a while", () => {
  open();
  write(100);
  begin();
  dropSent();
  peer(ACK, 0, 101, 0);
  passLooking(CLOSE_WAIT_LENGTH - SECOND / 10);
  expectEqual(tableCount(), 1, "not yet");
  passLooking(SECOND / 5);
  expectEqual(tableCount(), 0, "left");
  nothingSent("no reset: it has everything");
});

test("tcp farewell: a peer that says nothing is reset", () => {
  open();
  write(100);
  begin();
  passLooking(SILENCE_MAX - SECOND / 10);
  expectEqual(tableCount(), 1, "it may still answer");
  let tries = 0;
  while (takeSegment()) tries++;
  expect(tries > 5, "it was asked several times");
  passLooking(SECOND / 5);
  expectEqual(tableCount(), 0, "given up");
  expectSegment(RST | ACK, 101, 0, 0, "and told");
});

test("tcp farewell: a peer that answers but takes nothing is reset when the time is over", () => {
  open();
  setPeerWindow(0);
  peer(ACK, 0, 0, 0);
  write(100);
  begin();
  let asked = 0;
  for (let time: u64 = 0; time < TIME_MAX - SECOND / 10; time += SECOND / 20) {
    passLooking(SECOND / 20);
    while (takeSegment()) {
      asked++;
      peer(ACK, 0, 0, 0);
    }
  }
  expectEqual(tableCount(), 1, "it lives");
  expect(asked > 10, "it was asked");
  passLooking(SECOND / 5);
  expectSegment(RST | ACK, 0, 0, 0, "it must not take what it has for all");
  expectEqual(tableCount(), 0, "given up");
});

test("tcp farewell: SO_LINGER's time takes the place of both", () => {
  open();
  conn.lingerNs = 30 * SECOND;
  write(100);
  begin();
  passLooking(29 * SECOND);
  expectEqual(tableCount(), 1, "still tried");
  dropSent();
  passLooking(2 * SECOND);
  expectEqual(tableCount(), 0, "given up");
});

test("tcp farewell: unread data is a reset", () => {
  open();
  peer(ACK | PSH, 0, 0, 10);
  dropSent();
  expectEqual(begin(), 0, "nothing to wait for");
  expectSegment(RST | ACK, 0, 10, 0, "the peer's data was not read");
});

test("tcp farewell: a backoff of before does not count", () => {
  open();
  write(100);
  for (let i = 0; i < 6; i++) pass(10 * SECOND);
  expect(conn.retransmitDeadline > netNow() + 5 * SECOND, "a long way off");
  begin();
  dropSent();
  passLooking(SECOND);
  expect(takeSegment(), "asked anew");
});

test("tcp farewell: an attempt to connect ends without a word", () => {
  start();
  openSynSent();
  ending = new TestObserver();
  conn.close();
  farewellBegin(ending);
  expectEqual(farewellLook(), 0, "nothing to wait for");
  nothingSent("nobody knows of it");
});

test("tcp farewell: who can't wait resets what is left", () => {
  open();
  write(100);
  begin();
  dropSent();
  farewellEnd();
  expectSegment(RST | ACK, 101, 0, 0, "told");
  expectEqual(tableCount(), 0, "nothing is left");
});
