/**
 * SYN cookies (Bernstein, 1996; RFC 4987 3.6): when the queue of half-open connections is full, the
 * SYN+ACK's sequence number carries what is needed to open the connection from the peer's
 * acknowledgment alone, and nothing is stored.
 *
 *     cookie      31..27 time, in units of 69 s, modulo 32    26..24 index of the MSS    23..0 keyed hash of both, the tuple
 *                                                                                              and the peer's sequence number
 *     timestamp   low bits of the value we send: 5 SACK permitted, 4 window scaling, 3..0 the peer's scale
 *
 * Without timestamps the peer's options are lost, as it is with cookies.
 */
import { netNow } from "../clock";
import { WINDOW_SCALE } from "./config";
import { Connection } from "./connection";
import { tupleHash } from "./isn";
import { finishOptions } from "./open";
import { Segment } from "./segment";

const PURPOSE_COOKIE: u64 = 4;
const TIME_SHIFT: u64 = 36;
/** A cookie is good for the unit it was made in and the next. */
const AGE_MAX: u32 = 1;
const OPTION_BITS: u32 = 0x3f;
const OPTION_SACK: u32 = 1 << 5;
const OPTION_SCALING: u32 = 1 << 4;

function mssOf(index: u32): u32 {
  switch (index) {
    case 0:
      return 216;
    case 1:
      return 536;
    case 2:
      return 1024;
    case 3:
      return 1220;
    case 4:
      return 1360;
    case 5:
      return 1440;
    case 6:
      return 1460;
    default:
      return 8960;
  }
}

function cookieHash(local: u32, remote: u32, ports: u32, sequence: u32, top: u32): u32 {
  const purpose = PURPOSE_COOKIE | ((<u64>top) << 8) | ((<u64>sequence) << 32);
  return <u32>tupleHash(local, remote, ports, purpose) & 0xffffff;
}

/** The sequence number that answers a SYN. */
export function cookieMake(segment: Segment, local: u32, remote: u32, ports: u32): u32 {
  let index: u32 = 7;
  const mss: u32 = segment.mss != 0 ? segment.mss : 536;
  while (index > 0 && mssOf(index) > mss) index--;
  const top = ((<u32>(netNow() >> TIME_SHIFT) & 31) << 3) | index;
  return (top << 24) | cookieHash(local, remote, ports, segment.sequence, top);
}

/** The timestamp that goes with it, made from the current one. */
export function cookieTimestamp(segment: Segment, now: u32): u32 {
  let bits: u32 = segment.sackPermitted ? OPTION_SACK : 0;
  if (segment.windowScale >= 0) bits |= OPTION_SCALING | <u32>segment.windowScale;
  const value = (now & ~OPTION_BITS) | bits;
  // Not in the future, or timestamps that follow would go back.
  return <i32>(value - now) > 0 ? value - OPTION_BITS - 1 : value;
}

function cookieAge(cookie: u32): u32 {
  return (<u32>(netNow() >> TIME_SHIFT) - (cookie >> 27)) & 31;
}

/** Whether what a parsed ACK acknowledges has at least the time of a cookie that is good. */
export function cookieRecent(segment: Segment): bool {
  return cookieAge(segment.acknowledgment - 1) <= AGE_MAX;
}

/** Whether a parsed ACK acknowledges a cookie of ours. */
export function cookieValid(segment: Segment, local: u32, remote: u32, ports: u32): bool {
  const cookie = segment.acknowledgment - 1;
  if (cookieAge(cookie) > AGE_MAX) return false;
  const hash = cookieHash(local, remote, ports, segment.sequence - 1, cookie >> 24);
  return hash == (cookie & 0xffffff);
}

/** Sets what the peer had offered, from a valid cookie's acknowledgment. */
export function cookieApply(c: Connection, segment: Segment): void {
  c.peerMss = mssOf(((segment.acknowledgment - 1) >> 24) & 7);
  if (segment.hasTimestamp) {
    const bits = segment.tsEcho & OPTION_BITS;
    c.sack = (bits & OPTION_SACK) != 0;
    c.windowScaling = (bits & OPTION_SCALING) != 0;
    c.sndScale = c.windowScaling ? bits & 15 : 0;
    c.rcvScale = c.windowScaling ? WINDOW_SCALE : 0;
  }
  finishOptions(c);
}
