/**
 * Initial sequence numbers (RFC 6528): a clock of 4 µs ticks plus a keyed hash of the four-tuple,
 * so that numbers of one tuple grow over time and those of another can't be told from them.
 * Timestamps get an offset per tuple likewise (RFC 7323 5.4), and ephemeral ports a starting point
 * (RFC 6056, algorithm 3).
 */
import { netNow } from "../clock";
import { sipHash } from "./sip-hash";

const PURPOSE_ISN: u64 = 1;
const PURPOSE_TIMESTAMP: u64 = 2;
const PURPOSE_PORT: u64 = 3;

/** A hash of a connection's addresses and ports for one purpose. */
export function tupleHash(local: u32, remote: u32, ports: u32, purpose: u64): u64 {
  return sipHash(((<u64>local) << 32) | remote, ports, purpose);
}

export function initialSequence(local: u32, remote: u32, ports: u32): u32 {
  return <u32>(netNow() >> 12) + <u32>tupleHash(local, remote, ports, PURPOSE_ISN);
}

export function timestampOffset(local: u32, remote: u32, ports: u32): u32 {
  return <u32>tupleHash(local, remote, ports, PURPOSE_TIMESTAMP);
}

export function portOffset(local: u32, remote: u32, remotePort: u32): u32 {
  return <u32>tupleHash(local, remote, remotePort, PURPOSE_PORT);
}
