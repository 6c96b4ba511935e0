/**
 * IPv4 (RFC 791), the part that TCP and UDP call. Addresses are u32 in host order.
 */
import { ENETUNREACH } from "../lib/errno";
import { Packet, packetFree } from "./packet";

/**
 * Takes a packet that starts with its transport header, and sends it. A partial checksum (PACKET_CHECKSUM_PARTIAL) has
 * `checksumStart` counted from the transport header; it is adjusted and, where the device can't, completed here.
 * 0 or a negative errno; the packet is gone in both cases.
 */
export function ipv4Output(packet: Packet, source: u32, destination: u32, protocol: u32): i32 {
  packetFree(packet);
  return -ENETUNREACH;
}

/** The address that packets to `destination` are sent from; 0 when there is no route. */
export function ipv4SourceFor(destination: u32): u32 {
  return 0;
}

/** The largest IP packet, header included, that reaches `destination` as far as is known. */
export function ipv4MtuFor(destination: u32): u32 {
  return 1500;
}
