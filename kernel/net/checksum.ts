/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit
 * words.
 *
 *     checksumAdd(sum, address, length)        adds bytes to a running sum
 *     checksumPseudo(source, destination, protocol, length)      the sum of TCP's and UDP's pseudo header
 *     checksumFold(sum)                        16 bits, not complemented
 *     checksumFinish(sum)                      the value for the header field
 *
 * The sum is kept in memory order (as a little-endian machine loads words; RFC 1071 2(B): the sum
 * does not care), so the result is stored with `store16` as it is. 64 bits are added at a time, and
 * carries are added back at the end.
 */
import { load8, load16, load32, load64 } from "../arch/hw";
import { Packet } from "./packet";

/** Adds `length` bytes at `address`. Pieces before the last must have even length. */
export function checksumAdd(sum: u64, address: u64, length: u32): u64 {
  let at = address;
  let left = length;
  let total = sum;
  while (left >= 8) {
    const word = load64(at);
    total += word;
    if (total < word) total++;
    at += 8;
    left -= 8;
  }
  let tail: u64 = 0;
  if (left & 4) {
    tail = load32(at);
    at += 4;
  }
  if (left & 2) {
    tail += load16(at);
    at += 2;
  }
  if (left & 1) tail += load8(at);
  total += tail;
  if (total < tail) total++;
  return total;
}

/**
 * The sum of the pseudo header; addresses in host order, `length` of transport header and payload.
 */
export function checksumPseudo(source: u32, destination: u32, protocol: u32, length: u32): u64 {
  return (
    <u64>bswap(source) + <u64>bswap(destination) + ((<u64>protocol) << 8) + bswap<u16>(<u16>length)
  );
}

/**
 * Folds a running sum to 16 bits: what goes into the field of a packet whose checksum the device
 * completes.
 */
export function checksumFold(sum: u64): u32 {
  let folded = (sum & 0xffff_ffff) + (sum >> 32);
  folded = (folded & 0xffff) + ((folded >> 16) & 0xffff) + (folded >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  return <u32>((folded & 0xffff) + (folded >> 16));
}

/** The checksum for the header field, to be stored as it is. */
export function checksumFinish(sum: u64): u32 {
  return checksumFold(sum) ^ 0xffff;
}

/** Adds all bytes of a packet whose buffers may be several and of any length. */
export function checksumPacket(sum: u64, packet: Packet): u64 {
  let total = checksumAdd(sum, packet.data, packet.length);
  let part = packet.fragment;
  let odd = packet.length & 1;
  while (part) {
    let more: u64 = checksumFold(checksumAdd(0, part.data, part.length));
    // Behind an odd number of bytes, what is added stands in the other half of its words (RFC 1071
    // 2(B)).
    if (odd) more = bswap<u16>(<u16>more);
    total += more;
    if (total < more) total++;
    odd ^= part.length & 1;
    part = part.fragment;
  }
  return total;
}
