/**
 * Congestion control: slow start (RFC 5681) and CUBIC (RFC 9438), in integers, for the kernel has
 * no floating point.
 *
 *     W(t) = C (t - K)³ + Wmax        C = 0.4 segments/s³, β = 0.7, K = ∛((Wmax - cwnd at the start) / C)
 *
 * Windows are in bytes, time in milliseconds: the cube term in bytes is mss · 4 · d³ / 10¹⁰ with d
 * = t - K in ms. d is held to 10⁵ ms, so that d³ / 1000 · 4 · mss stays far below 2^63.
 */
import { netNow } from "../clock";
import { INITIAL_WINDOW, MILLISECOND } from "./config";
import { Connection } from "./connection";
import { currentRto } from "./rtt";

const CUBE_TIME_MAX: u64 = 100_000;
/** The window is not let grow beyond what sequence numbers allow (RFC 7323 2.3). */
const WINDOW_MAX: u32 = 1 << 30;

export function congestionInit(c: Connection): void {
  c.cwnd = INITIAL_WINDOW * c.mss;
}

/** The integer cube root, rounded down, of a number below 2^63: bit by bit. */
export function cubeRoot(value: u64): u64 {
  let root: u64 = 0;
  for (let shift: i32 = 20; shift >= 0; shift--) {
    const candidate = root | ((<u64>1) << shift);
    if (candidate * candidate * candidate <= value) root = candidate;
  }
  return root;
}

function beginEpoch(c: Connection): void {
  c.cubicEpoch = netNow();
  c.cubicEstimate = c.cwnd;
  c.cubicAcked = 0;
  if (c.cwnd < c.cubicWindowMax) {
    c.cubicOrigin = c.cubicWindowMax;
    c.cubicK = cubeRoot((<u64>(c.cubicWindowMax - c.cwnd) * 2_500_000_000) / c.mss);
  } else {
    c.cubicOrigin = c.cwnd;
    c.cubicK = 0;
  }
}

/** W(t) one round trip ahead, within [cwnd, 1.5 cwnd] (RFC 9438 4.4 and 4.5). */
function cubicTarget(c: Connection): u32 {
  const t = (netNow() - c.cubicEpoch + c.srtt) / MILLISECOND;
  const d = min(t > c.cubicK ? t - c.cubicK : c.cubicK - t, CUBE_TIME_MAX);
  const delta = (((d * d * d) / 1000) * 4 * c.mss) / 10_000_000;
  const cwnd: u64 = c.cwnd;
  if (t < c.cubicK) {
    const below = c.cubicOrigin > delta ? c.cubicOrigin - delta : 0;
    return <u32>max<u64>(below, cwnd);
  }
  return <u32>max<u64>(min<u64>(c.cubicOrigin + delta, cwnd + (cwnd >> 1)), cwnd);
}

function congestionAvoidance(c: Connection, acked: u32): void {
  if (c.cubicEpoch == 0) beginEpoch(c);
  // What Reno with the same β would have (4.3): α = 3 (1 - β) / (1 + β) = 9/17 until it has caught
  // up with Wmax.
  const step = (<u64>acked * c.mss) / c.cwnd;
  c.cubicEstimate += <u32>(c.cubicEstimate < c.cubicWindowMax ? (step * 9) / 17 : step);
  const target = max(cubicTarget(c), c.cubicEstimate);
  c.cubicAcked += acked;
  const growth = <u32>((<u64>(target - c.cwnd) * c.cubicAcked) / c.cwnd);
  if (growth > 0) {
    c.cwnd = min(c.cwnd + growth, WINDOW_MAX);
    c.cubicAcked = 0;
  }
}

/**
 * `acked` bytes were newly acknowledged, of `flight` that were out; no loss is being repaired by
 * fast recovery.
 */
export function congestionAck(c: Connection, acked: u32, flight: u32): void {
  if (c.cwnd < c.ssthresh) {
    // An application that sends little must not collect window it has never tried (RFC 7661).
    if (c.cwndLimited || flight >= c.cwnd >> 1) c.cwnd = min(c.cwnd + acked, WINDOW_MAX);
  } else if (c.cwndLimited) {
    congestionAvoidance(c, acked);
  }
  c.cwndLimited = false;
}

/** Something was lost: the window is reduced, after a time out to one segment. */
export function congestionLoss(c: Connection, timeout: bool): void {
  const window = c.cwnd;
  // Fast convergence (4.7): a flow that loses earlier than last time makes room for others.
  c.cubicWindowMax = window < c.cubicWindowMax ? <u32>((<u64>window * 17) / 20) : window;
  c.cubicEpoch = 0;
  const flight = min(c.sndNxt - c.sndUna, window);
  c.ssthresh = max(<u32>((<u64>flight * 7) / 10), 2 * c.mss);
  c.cwnd = timeout ? c.mss : c.ssthresh;
  c.cwndLimited = false;
}

/** Fast recovery is over. */
export function congestionRecovered(c: Connection): void {
  c.cwnd = c.ssthresh;
  c.cubicEpoch = 0;
}

/**
 * Nothing is in flight: after an idle period the window is not known to be right any more (RFC 5681
 * 4.1).
 */
export function congestionIdle(c: Connection): void {
  if (netNow() - c.lastSendTime <= currentRto(c)) return;
  c.cwnd = min(c.cwnd, INITIAL_WINDOW * c.mss);
  c.cubicEpoch = 0;
}
