/**
 * Round-trip time and retransmission timeout (RFC 6298). One segment per round trip is timed with
 * the full resolution of the clock; Karn's algorithm: not one that was retransmitted. While all of
 * them are, timestamps give a sample instead.
 */
import { RTO_MAX, RTO_MIN } from "./config";
import { Connection } from "./connection";

/** Takes a measurement in nanoseconds. */
export function rttSample(c: Connection, rtt: u64): void {
  if (rtt < c.rttMinimum) c.rttMinimum = rtt;
  if (c.srtt == 0) {
    c.srtt = max<u64>(rtt, 1);
    c.rttVariance = rtt >> 1;
  } else {
    const difference = c.srtt > rtt ? c.srtt - rtt : rtt - c.srtt;
    c.rttVariance = c.rttVariance - (c.rttVariance >> 2) + (difference >> 2);
    c.srtt = max<u64>(c.srtt - (c.srtt >> 3) + (rtt >> 3), 1);
  }
  // The variance's share has a lower bound, as on Linux, or a steady path would have no margin at
  // all.
  const margin = max<u64>(c.rttVariance << 2, RTO_MIN);
  c.rto = min<u64>(c.srtt + margin, RTO_MAX);
}

/** What no timeout exceeds; less while the machine ends. */
let rtoMax: u64 = RTO_MAX;

export function setRtoMax(value: u64): void {
  rtoMax = value;
}

/** The timeout with the backoff of repeated ones (RFC 6298 5.5). */
export function currentRto(c: Connection): u64 {
  return min<u64>(c.rto << min<u32>(c.backoff, 10), rtoMax);
}
