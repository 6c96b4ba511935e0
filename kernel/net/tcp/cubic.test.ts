import { expect, expectEqual, test } from "../../lib/testing";
import { netSetNow } from "../clock";
import { MILLISECOND, SECOND } from "./config";
import { Connection } from "./connection";
import { congestionAck, congestionLoss, cubeRoot } from "./cubic";

test("cubic: the cube root is rounded down", () => {
  expectEqual(cubeRoot(0), 0, "0");
  expectEqual(cubeRoot(26), 2, "26");
  expectEqual(cubeRoot(27), 3, "27");
  expectEqual(cubeRoot(1_000_000_000_000), 10000, "10^12");
  expectEqual(cubeRoot(999_999_999_999), 9999, "10^12 - 1");
});

/** A connection in congestion avoidance after a loss at `segments`. */
function afterLoss(segments: u32): Connection {
  const c = new Connection();
  c.mss = 1000;
  c.cwnd = segments * 1000;
  c.sndNxt = c.cwnd;
  c.srtt = 100 * MILLISECOND;
  netSetNow(SECOND);
  congestionLoss(c, false);
  return c;
}

/** A round trip in which the window is used up and acknowledged. */
function roundTrip(c: Connection, now: u64): void {
  netSetNow(now);
  const segments = c.cwnd / c.mss;
  for (let i: u32 = 0; i < segments; i++) {
    c.cwndLimited = true;
    congestionAck(c, c.mss, c.cwnd);
  }
}

test("cubic: after a loss the window comes back to where it was in K seconds, flat around it", () => {
  const c = afterLoss(100);
  expectEqual(c.cwnd, 70_000, "0.7 of it");
  // K = cbrt(30 / 0.4) = 4.2 s
  let now: u64 = SECOND;
  let atHalf: u32 = 0;
  for (let i = 0; i < 42; i++) {
    now += 100 * MILLISECOND;
    roundTrip(c, now);
    if (i == 21) atHalf = c.cwnd;
  }
  expect(atHalf > 92_000 && atHalf < 100_000, "steep at first");
  expect(c.cwnd > 98_000 && c.cwnd < 103_000, "flat at the old maximum");
  for (let i = 0; i < 42; i++) {
    now += 100 * MILLISECOND;
    roundTrip(c, now);
  }
  expect(c.cwnd > 120_000, "and beyond");
});

test("cubic: a loss below the old maximum makes room for others", () => {
  const c = afterLoss(100);
  congestionLoss(c, false);
  expectEqual(c.cubicWindowMax, 59_500, "0.85 of 70 segments");
});

test("cubic: an application that does not use the window does not get more", () => {
  const c = afterLoss(100);
  const before = c.cwnd;
  netSetNow(100 * SECOND);
  congestionAck(c, 1000, 1000);
  expectEqual(c.cwnd, before, "window");
});

test("cubic: a time out leaves one segment", () => {
  const c = new Connection();
  c.mss = 1000;
  c.cwnd = 20_000;
  c.sndNxt = 20_000;
  congestionLoss(c, true);
  expectEqual(c.cwnd, 1000, "window");
  expectEqual(c.ssthresh, 14_000, "threshold");
});
