/**
 * ICMP (RFC 792): type, code, checksum, four bytes that depend on the type, then data.
 */
import { load8, load16, store8, store16, store32 } from "../../arch/hw";
import { loadBe16, storeBe16 } from "./bytes";

export const ICMP_HEADER: u32 = 8;

export const ICMP_ECHO_REPLY: u32 = 0;
export const ICMP_UNREACHABLE: u32 = 3;
export const ICMP_REDIRECT: u32 = 5;
export const ICMP_ECHO: u32 = 8;
export const ICMP_TIME_EXCEEDED: u32 = 11;
export const ICMP_PARAMETER_PROBLEM: u32 = 12;

// Codes of ICMP_UNREACHABLE
export const ICMP_NET_UNREACHABLE: u32 = 0;
export const ICMP_HOST_UNREACHABLE: u32 = 1;
export const ICMP_PROTOCOL_UNREACHABLE: u32 = 2;
export const ICMP_PORT_UNREACHABLE: u32 = 3;
export const ICMP_FRAGMENTATION_NEEDED: u32 = 4;

// Codes of ICMP_TIME_EXCEEDED
export const ICMP_TTL_EXCEEDED: u32 = 0;
export const ICMP_REASSEMBLY_TIMEOUT: u32 = 1;

export function icmpType(message: u64): u32 {
  return load8(message);
}

export function icmpCode(message: u64): u32 {
  return load8(message + 1);
}

export function icmpChecksum(message: u64): u32 {
  return load16(message + 2);
}

export function icmpChecksumStore(message: u64, checksum: u32): void {
  store16(message + 2, checksum);
}

/**
 * With ICMP_FRAGMENTATION_NEEDED: the largest packet that the next hop takes (RFC 1191); 0 from old
 * routers.
 */
export function icmpNextHopMtu(message: u64): u32 {
  return loadBe16(message + 6);
}

/** Writes a header with a zero checksum. */
export function icmpHeaderStore(message: u64, type: u32, code: u32, nextHopMtu: u32): void {
  store8(message, type);
  store8(message + 1, code);
  store32(message + 2, 0);
  storeBe16(message + 6, nextHopMtu);
}
