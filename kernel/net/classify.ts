/**
 * The classifier: at the poll of a receive ring, tells the usual packet from all others with a
 * dozen compares and one look into the connection table, and puts it on its connection's channel.
 *
 *     classify(packet, from)      true: taken. False: untouched, for the slow path (ethernetInput and up)
 *
 * Usual is: an Ethernet frame for this host alone, IPv4 without options and not a fragment, a right
 * IP header, from a host's address to that of the interface, which nobody watches (tap.ts), TCP,
 * the tuple of a connection, and memory to keep it. The slow path takes the rest (ARP, ICMP, UDP,
 * fragments, a SYN for a listener, TIME_WAIT, what nobody expects) and decides by itself: this file
 * only ever says sooner what it would have said. The same thread runs it; with more CPUs a
 * slow-path thread of the CPU whose ring it is would.
 *
 * TCP's header and checksum are the consumer's (connectionInput), on its CPU, where the packet is
 * going to be read anyway. A damaged port may put a segment on a wrong channel, where its checksum
 * drops it.
 */
import { load32 } from "../arch/hw";
import { Interface } from "./interface";
import { Packet, packetsAreShort } from "./packet";
import { netStats } from "./stats";
import { Connection } from "./tcp/connection";
import { channelPut } from "./tcp/connection-channel";
import { headerPorts, TCP_HEADER_SIZE } from "./tcp/header";
import { tableFind } from "./tcp/table";
import { ETHERNET_HEADER, ethernetToGroup } from "./wire/ethernet";
import {
  IPV4_HEADER,
  ipv4ChecksumIsValid,
  ipv4Destination,
  ipv4Source,
  ipv4TotalLength,
  isLoopbackAddress,
} from "./wire/ipv4";

/** What is taken off in front of the TCP header, and the least that a segment has. */
const HEADERS: u32 = ETHERNET_HEADER + IPV4_HEADER;
const FRAME_MIN: u32 = HEADERS + TCP_HEADER_SIZE;

// Fields that are compared together, as little-endian words of the frame.
/** EtherType IPv4, version 4, a header of five words; not the type of service. */
const TYPE_AT: u64 = 12;
const TYPE_MASK: u32 = 0x00ff_ffff;
const TYPE_USUAL: u32 = 0x0045_0008;
/** Fragment offset 0, no MF, whatever DF; not the TTL; protocol TCP. */
const FRAGMENT_AT: u64 = <u64>ETHERNET_HEADER + 6;
const FRAGMENT_MASK: u32 = 0xff00_ff3f;
const FRAGMENT_USUAL: u32 = 0x0600_0000;
/** Addresses from here on are no host's: multicast, reserved, broadcast. */
const MULTICAST_FIRST: u32 = 0xe000_0000;

/**
 * Whether the IP packet ends with its buffers; one padded by Ethernet, in a single buffer, is cut.
 */
function lengthIsRight(packet: Packet, total: u32): bool {
  if (packet.fragment) return packet.totalLength() == total + ETHERNET_HEADER;
  if (packet.length < total + ETHERNET_HEADER || total < FRAME_MIN - ETHERNET_HEADER) return false;
  packet.length = total + ETHERNET_HEADER;
  return true;
}

/** Takes the usual packet, which starts with its Ethernet header and came in on `from`. */
export function classify(packet: Packet, from: Interface): bool {
  const frame = packet.data;
  if (
    packet.length < FRAME_MIN ||
    (load32(frame + TYPE_AT) & TYPE_MASK) != TYPE_USUAL ||
    (load32(frame + FRAGMENT_AT) & FRAGMENT_MASK) != FRAGMENT_USUAL ||
    ethernetToGroup(frame)
  ) {
    return false;
  }
  const header = frame + ETHERNET_HEADER;
  const local = ipv4Destination(header);
  const remote = ipv4Source(header);
  if (local != from.usualAddress || remote >= MULTICAST_FIRST || isLoopbackAddress(remote))
    return false;
  if (!ipv4ChecksumIsValid(header) || packetsAreShort()) return false;
  const endpoint = tableFind(local, remote, headerPorts(frame + HEADERS));
  if (!endpoint || endpoint.isTimeWait()) return false;
  if (!lengthIsRight(packet, ipv4TotalLength(header))) return false;
  netStats.packetsIn++;
  packet.pull(HEADERS);
  channelPut(changetype<Connection>(endpoint), packet);
  return true;
}
