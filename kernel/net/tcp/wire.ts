/**
 * What TCP needs of the layer below, in one place: IPv4 on the machine; in tests a tap that keeps
 * the segments.
 */

import { checksumFold, checksumPseudo } from "../checksum";
import { ipv4MtuFor, ipv4Output, ipv4SegmentationMaxFor, ipv4SourceFor } from "../ipv4";
import { PACKET_CHECKSUM_PARTIAL, Packet } from "../packet";
import { CHECKSUM_OFFSET, headerSetChecksum, TCP_PROTOCOL } from "./header";
import { tcpStats } from "./stats";

/**
 * The MTU every IPv4 link has at least is 68; below this an MTU is taken for a forgery (as Linux's
 * min_pmtu).
 */
export const MTU_MIN: u32 = 552;
const IPV4_HEADER_SIZE: u32 = 20;

export abstract class WireTap {
  /** Takes the packet, which starts with its TCP header; the checksum is partial. */
  abstract transmit(packet: Packet, source: u32, destination: u32): void;
  abstract mtu(destination: u32): u32;
  abstract segmentationMax(destination: u32): u32;
  /** The address that `destination` is reached from. */
  abstract source(destination: u32): u32;
}

let tap: WireTap | null = null;

/** Diverts all segments; for tests and simulations. */
export function setWireTap(value: WireTap | null): void {
  tap = value;
}

/**
 * Sends a segment: takes the packet, fills in the checksum as far as the device can't. 0 or a
 * negative errno.
 */
export function wireTransmit(packet: Packet, source: u32, destination: u32): i32 {
  headerSetChecksum(
    packet.data,
    checksumFold(checksumPseudo(source, destination, TCP_PROTOCOL, packet.length)),
  );
  packet.flags |= PACKET_CHECKSUM_PARTIAL;
  packet.checksumStart = 0;
  packet.checksumOffset = <u16>CHECKSUM_OFFSET;
  tcpStats.outSegments++;
  const diverted = tap;
  if (diverted) {
    diverted.transmit(packet, source, destination);
    return 0;
  }
  return ipv4Output(packet, source, destination, TCP_PROTOCOL);
}

/** Largest TCP segment, header included, on the way to `destination`. */
export function wireSegmentMax(destination: u32): u32 {
  const diverted = tap;
  const mtu = diverted ? diverted.mtu(destination) : ipv4MtuFor(destination);
  return max(mtu, MTU_MIN) - IPV4_HEADER_SIZE;
}

/** Bytes of payload that may be handed down in one packet for the device to cut; 0: none. */
export function wireSegmentationMax(destination: u32): u32 {
  const diverted = tap;
  return diverted ? diverted.segmentationMax(destination) : ipv4SegmentationMaxFor(destination);
}

export function wireSource(destination: u32): u32 {
  const diverted = tap;
  return diverted ? diverted.source(destination) : ipv4SourceFor(destination);
}
