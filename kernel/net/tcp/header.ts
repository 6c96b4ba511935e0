/**
 * The TCP header (RFC 9293 3.1): offsets, flags, accessors. Byte order is converted here and
 * nowhere else. A caller has checked that the header is there whole.
 *
 *      0 source port      2 destination port
 *      4 sequence number
 *      8 acknowledgment number
 *     12 data offset << 4  13 flags            14 window
 *     16 checksum          18 urgent pointer
 *     20 options …
 */
import { load8, load16, load32, store8, store16, store32 } from "../../arch/hw";

export const TCP_PROTOCOL: u8 = 6;
export const TCP_HEADER_SIZE: u32 = 20;
export const TCP_HEADER_MAX: u32 = 60;

export const FIN: u32 = 1 << 0;
export const SYN: u32 = 1 << 1;
export const RST: u32 = 1 << 2;
export const PSH: u32 = 1 << 3;
export const ACK: u32 = 1 << 4;
export const URG: u32 = 1 << 5;

export const CHECKSUM_OFFSET: u32 = 16;
const FLAGS_OFFSET: u32 = 13;
const URGENT_OFFSET: u32 = 18;

export function headerSourcePort(at: u64): u32 {
  return bswap<u16>(<u16>load16(at));
}

export function headerDestinationPort(at: u64): u32 {
  return bswap<u16>(<u16>load16(at + 2));
}

/** Both ports as one key: the destination's, which is local on the way in, in the upper half. */
export function headerPorts(at: u64): u32 {
  return rotl(bswap(load32(at)), 16);
}

export function headerSequence(at: u64): u32 {
  return bswap(load32(at + 4));
}

export function headerAcknowledgment(at: u64): u32 {
  return bswap(load32(at + 8));
}

/**
 * Size of the header with its options, in bytes; a claim of the sender until compared with the
 * segment's length.
 */
export function headerSize(at: u64): u32 {
  return (load8(at + 12) >> 4) << 2;
}

export function headerFlags(at: u64): u32 {
  return load8(at + 13) & 0x3f;
}

/** Data offset, flags and window as one little-endian word: what header prediction compares. */
export function headerControl(at: u64): u32 {
  return load32(at + 12);
}

/** The window field of a control word, unscaled. */
export function controlWindow(control: u32): u32 {
  return bswap(control) & 0xffff;
}

export function headerWindow(at: u64): u32 {
  return bswap<u16>(<u16>load16(at + 14));
}

/**
 * Writes all fields but the checksum, which is set to 0. `ports` has the local one in the upper
 * half.
 */
export function headerWrite(
  at: u64,
  ports: u32,
  sequence: u32,
  acknowledgment: u32,
  size: u32,
  flags: u32,
  window: u32,
): void {
  store32(at, bswap(ports));
  store32(at + 4, bswap(sequence));
  store32(at + 8, bswap(acknowledgment));
  store32(at + 12, bswap((size << 26) | (flags << 16) | window));
  store32(at + 16, 0);
}

/** The urgent pointer, which counts if URG is set. */
export function headerUrgent(at: u64): u32 {
  return halfAt(at + URGENT_OFFSET);
}

/** Sets URG, and the pointer, from the segment's sequence number on. */
export function setUrgent(at: u64, pointer: u32): void {
  store8(at + FLAGS_OFFSET, load8(at + FLAGS_OFFSET) | <u8>URG);
  store16(at + URGENT_OFFSET, bswap<u16>(<u16>pointer));
}

export function headerSetChecksum(at: u64, value: u32): void {
  store16(at + CHECKSUM_OFFSET, value);
}

export function byteAt(at: u64): u32 {
  return load8(at);
}

export function setByteAt(at: u64, value: u32): void {
  store8(at, value);
}

export function wordAt(at: u64): u32 {
  return bswap(load32(at));
}

export function setWordAt(at: u64, value: u32): void {
  store32(at, bswap(value));
}

export function halfAt(at: u64): u32 {
  return bswap<u16>(<u16>load16(at));
}
