/**
 * The IPv4 header (RFC 791 section 3.1).
 *
 *      0  version, header words   1  type of service   2  total length   4  identification   6  flags, fragment offset
 *      8  time to live   9  protocol   10  checksum   12  source   16  destination   20  options
 */
import { load8, load16, load32, load64, store8, store16 } from "../../arch/hw";
import { checksumAdd, checksumFinish, checksumFold } from "../checksum";
import { loadBe16, loadBe32, storeBe16, storeBe32 } from "./bytes";

export const IPV4_HEADER: u32 = 20;
export const IPV4_HEADER_MAX: u32 = 60;
export const IPV4_MAX: u32 = 65535;

export const IPPROTO_ICMP: u32 = 1;
export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_UDP: u32 = 17;

/** Flags and fragment offset, as the 16-bit field holds them. */
export const IPV4_DF: u32 = 0x4000;
export const IPV4_MF: u32 = 0x2000;
export const IPV4_OFFSET: u32 = 0x1fff;

export const IPV4_BROADCAST: u32 = 0xffff_ffff;

export function ipv4VersionAndLength(header: u64): u32 {
  return load8(header);
}

/** Bytes of the header, options included, if it says that it is version 4; else 0. */
export function ipv4HeaderLength(header: u64): u32 {
  const first = load8(header);
  return first >> 4 == 4 ? (first & 15) << 2 : 0;
}

export function ipv4Tos(header: u64): u32 {
  return load8(header + 1);
}

export function ipv4TotalLength(header: u64): u32 {
  return loadBe16(header + 2);
}

export function ipv4Identification(header: u64): u32 {
  return load16(header + 4);
}

/** Flags and offset; 0 or IPV4_DF alone: the packet is whole. */
export function ipv4FragmentField(header: u64): u32 {
  return loadBe16(header + 6);
}

export function ipv4Ttl(header: u64): u32 {
  return load8(header + 8);
}

export function ipv4Protocol(header: u64): u32 {
  return load8(header + 9);
}

export function ipv4Source(header: u64): u32 {
  return loadBe32(header + 12);
}

export function ipv4Destination(header: u64): u32 {
  return loadBe32(header + 16);
}

/** Whether the checksum of the 20-byte header is right. */
export function ipv4ChecksumIsValid(header: u64): bool {
  // Three loads summed in 32-bit halves: no carry is lost in 64 bits.
  const first = load64(header);
  const second = load64(header + 8);
  const sum =
    (first & 0xffff_ffff) +
    (first >> 32) +
    (second & 0xffff_ffff) +
    (second >> 32) +
    load32(header + 16);
  return checksumFold(sum) == 0xffff;
}

/** The same for a header with options. */
export function ipv4LongChecksumIsValid(header: u64, length: u32): bool {
  return checksumFold(checksumAdd(0, header, length)) == 0xffff;
}

/** Writes a header without options, checksum included. */
export function ipv4HeaderStore(
  header: u64,
  totalLength: u32,
  identification: u32,
  fragment: u32,
  tos: u32,
  ttl: u32,
  protocol: u32,
  source: u32,
  destination: u32,
): void {
  store8(header, 0x45);
  store8(header + 1, tos);
  storeBe16(header + 2, totalLength);
  store16(header + 4, identification);
  storeBe16(header + 6, fragment);
  store8(header + 8, ttl);
  store8(header + 9, protocol);
  store16(header + 10, 0);
  storeBe32(header + 12, source);
  storeBe32(header + 16, destination);
  store16(header + 10, checksumFinish(checksumAdd(0, header, IPV4_HEADER)));
}

/** Rewrites length and fragment field of a header, and its checksum. */
export function ipv4FragmentStore(header: u64, length: u32, totalLength: u32, fragment: u32): void {
  storeBe16(header + 2, totalLength);
  storeBe16(header + 6, fragment);
  store16(header + 10, 0);
  store16(header + 10, checksumFinish(checksumAdd(0, header, length)));
}

/**
 * How the stack carries ::1, for IPv6 sockets (socket/inet-address.ts): an address that no host of
 * IPv4 has.
 */
export const IN6_LOOPBACK: u32 = 1;

/**
 * Whether two sockets' addresses are in each other's way on one port: the same one, or one of them
 * is all addresses (0). All of IPv4 does not hold ::1; all of IPv6 holds IPv4, too.
 */
export function addressesOverlap(a: u32, aIsIpv6: bool, b: u32, bIsIpv6: bool): bool {
  if (a == b) return true;
  if (a == 0) return aIsIpv6 || b != IN6_LOOPBACK;
  return b == 0 && (bIsIpv6 || a != IN6_LOOPBACK);
}

/** Whether an address never leaves this machine, nor comes in from a wire. */
export function isInternalAddress(address: u32): bool {
  return isLoopbackAddress(address) || address == IN6_LOOPBACK;
}

/** Whether an address is loopback (127/8), multicast (224/4), or no host's at all. */
export function isLoopbackAddress(address: u32): bool {
  return address >> 24 == 127;
}

export function isMulticastAddress(address: u32): bool {
  return address >> 28 == 14;
}
