/**
 * IPv4 (RFC 791, RFC 1122 section 3). Addresses are u32 in host order.
 *
 *     ipv4Output(packet, source, destination, protocol)     the transports' way out
 *     ipv4Input(packet, interface)                          Ethernet's way in
 *     ipv4DrainLoopback()                                   delivers what was sent to this machine itself
 *
 * Out: the route is looked up per packet in a small cache; where it is resolved, the IP header is
 * six stores and the frame header three. Packets that no router would cut (all of TCP) carry DF and
 * identification 0 (RFC 6864). What is larger than the path's MTU is cut into fragments, if it may
 * be.
 *
 * A packet to ourselves gets no header at all: it is queued and handed to its transport by
 * `ipv4DrainLoopback`, which whoever entered the stack calls when it is done. So TCP's input never
 * runs inside its output.
 */
import { copy, store16, store32, store64 } from "../arch/hw";
import { EMSGSIZE, ENETUNREACH, ENOBUFS } from "../lib/errno";
import { checksumAdd, checksumFinish } from "./checksum";
import { ethernetOutput, ethernetTransmit } from "./ethernet";
import { fragmentInput } from "./fragments";
import { Interface, isBroadcastAddress, isLocalAddress, loopback } from "./interface";
import { neighbourOutput } from "./neighbour";
import {
  PACKET_BROADCAST,
  PACKET_CHECKSUM_PARTIAL,
  PACKET_CHECKSUM_VALID,
  Packet,
  PacketQueue,
  packetAllocLarge,
  packetFree,
} from "./packet";
import { ROUTE_LOCAL, ROUTE_RESOLVED, Route, routeTo } from "./route";
import { netStats } from "./stats";
import { tapLoopback } from "./tap";
import { transportInput } from "./transport";
import { ETHERNET_HEADER, ETHERTYPE_IPV4, MAC_BROADCAST } from "./wire/ethernet";
import {
  IPPROTO_TCP,
  IPV4_BROADCAST,
  IPV4_DF,
  IPV4_HEADER,
  IPV4_MAX,
  IPV4_MF,
  IPV4_OFFSET,
  ipv4ChecksumIsValid,
  ipv4Destination,
  ipv4FragmentField,
  ipv4HeaderLength,
  ipv4HeaderStore,
  ipv4LongChecksumIsValid,
  ipv4Protocol,
  ipv4Source,
  ipv4Tos,
  ipv4TotalLength,
  ipv4Ttl,
  isInternalAddress,
  isMulticastAddress,
} from "./wire/ipv4";

const TTL_DEFAULT: u32 = 64;
/** The least MTU of an IPv4 link (RFC 791). */
const MTU_DEFAULT: u32 = 1500;

const loopQueue: PacketQueue = changetype<PacketQueue>(memory.data(16, 8));
/** What may wait for delivery on the loopback. */
const LOOP_QUEUE_MAX: u32 = 4096;
let draining = false;
/**
 * Identifications of packets that may be cut; the start is of no importance, there is one sender of
 * our address.
 */
let identification: u32 = 0;

// ---- Out ----------------------------------------------------------------------------------------

/** The address that packets to `destination` are sent from; 0 when there is no route. */
export function ipv4SourceFor(destination: u32): u32 {
  const route = routeTo(destination);
  return route ? route.source : 0;
}

/** The largest IP packet, header included, that reaches `destination` as far as is known. */
export function ipv4MtuFor(destination: u32): u32 {
  const route = routeTo(destination);
  return route ? route.mtu : MTU_DEFAULT;
}

/**
 * Bytes of TCP payload that one packet to `destination` may carry for the device to cut
 * (`Packet.segmentSize`); 0: none.
 */
export function ipv4SegmentationMaxFor(destination: u32): u32 {
  const route = routeTo(destination);
  if (!route) return 0;
  const device = route.via.device;
  // With its headers the packet stays below 64 KiB, and its buffer within the largest block.
  if (!device) return 0;
  return device.canTso ? 61440 : 0;
}

/** Completes a partial checksum in software. `start` is where the transport header begins. */
function completeChecksum(packet: Packet, start: u64): void {
  const from = start + packet.checksumStart;
  const length = <u32>(packet.data + packet.length - from);
  const at = from + packet.checksumOffset;
  const sum = checksumFinish(checksumAdd(0, from, length));
  // UDP: a sum that comes out as 0 is sent as 0xffff, which is the same number; 0 means none (RFC
  // 768).
  store16(at, sum == 0 && packet.protocol != IPPROTO_TCP ? 0xffff : sum);
  packet.flags &= ~PACKET_CHECKSUM_PARTIAL;
}

/** Queues a packet to ourselves, as its transport will see it. */
function loopOutput(packet: Packet): i32 {
  if (loopQueue.count >= LOOP_QUEUE_MAX) {
    netStats.noBuffer++;
    packetFree(packet);
    return -ENOBUFS;
  }
  let own = packet;
  if (packet.references > 1) {
    // Its sender keeps it, and the receiver will pull and hold it: they need one each.
    const twin = packetAllocLarge(packet.length);
    if (!twin) {
      packetFree(packet);
      return -ENOBUFS;
    }
    copy(twin.append(packet.length), packet.data, packet.length);
    twin.source = packet.source;
    twin.destination = packet.destination;
    twin.protocol = packet.protocol;
    twin.ttl = packet.ttl;
    twin.tos = packet.tos;
    packetFree(packet);
    own = twin;
  }
  netStats.loopPackets++;
  netStats.loopBytes += own.length;
  own.flags = PACKET_CHECKSUM_VALID;
  own.networkLength = 0;
  own.segmentSize = 0;
  loopQueue.push(own);
  return 0;
}

/** Takes a packet to a group that starts with its transport header, for members on this machine. */
export function ipv4LoopGroup(packet: Packet, source: u32, group: u32, protocol: u32): void {
  packet.source = source;
  packet.destination = group;
  packet.protocol = <u8>protocol;
  loopOutput(packet);
}

/**
 * Takes a packet that starts with its transport header, and sends it. A partial checksum
 * (PACKET_CHECKSUM_PARTIAL) has `checksumStart` counted from the transport header; it is adjusted
 * and, where the device can't, completed here. A packet with `segmentSize` has `headerLength`
 * counted from there, too. 0 or a negative errno; the packet is gone in both cases.
 */
export function ipv4Output(packet: Packet, source: u32, destination: u32, protocol: u32): i32 {
  packet.source = source;
  packet.destination = destination;
  packet.protocol = <u8>protocol;
  const route = routeTo(destination);
  if (!route) {
    netStats.noRoute++;
    packetFree(packet);
    return -ENETUNREACH;
  }
  netStats.packetsOut++;
  if (route.flags & ROUTE_LOCAL) return loopOutput(packet);
  const via = route.via;
  const device = via.device!;
  if ((packet.flags & PACKET_CHECKSUM_PARTIAL) != 0) {
    if (
      device.canChecksum &&
      (packet.segmentSize != 0 || packet.length + IPV4_HEADER <= route.mtu)
    ) {
      packet.checksumStart += <u16>(IPV4_HEADER + ETHERNET_HEADER);
    } else {
      completeChecksum(packet, packet.data);
    }
  }
  const length = packet.length + IPV4_HEADER;
  if (length > route.mtu && packet.segmentSize == 0) return fragmentOutput(packet, route);
  if (packet.segmentSize != 0) packet.headerLength += <u16>(IPV4_HEADER + ETHERNET_HEADER);

  const header = packet.push(IPV4_HEADER);
  if ((packet.ttl | packet.tos) == 0 && source == route.source) {
    const lengthField: u32 = bswap<u16>(<u16>length);
    store32(header, 0x45 | (lengthField << 16));
    // Identification 0, DF; TTL 64; protocol.
    const sum = route.headerSum + lengthField + (protocol << 8);
    const folded = (sum & 0xffff) + (sum >> 16);
    const checksum = ~(folded + (folded >> 16)) & 0xffff;
    store64(header + 4, 0x0040_0000 | ((<u64>((protocol << 8) | 0x40 | (checksum << 16))) << 32));
    store64(header + 12, <u64>bswap(source) | ((<u64>bswap(destination)) << 32));
  } else {
    const ttl = packet.ttl != 0 ? packet.ttl : TTL_DEFAULT;
    ipv4HeaderStore(header, length, 0, IPV4_DF, packet.tos, ttl, protocol, source, destination);
  }
  if ((route.flags & ROUTE_RESOLVED) == 0) return neighbourOutput(packet, route);
  const frame = packet.push(ETHERNET_HEADER);
  store64(frame, route.macHigh);
  store32(frame + 8, route.macLow);
  store16(frame + 12, 0x0008);
  return ethernetTransmit(packet, via);
}

/**
 * Takes a packet larger than the MTU and sends it in pieces (RFC 791 section 3.2). TCP's are never:
 * its segments fit.
 */
function fragmentOutput(packet: Packet, route: Route): i32 {
  const total = packet.length;
  if (total + IPV4_HEADER > IPV4_MAX || packet.protocol == IPPROTO_TCP) {
    packetFree(packet);
    return -EMSGSIZE;
  }
  const step = (route.mtu - IPV4_HEADER) & ~7;
  const ttl = packet.ttl != 0 ? packet.ttl : TTL_DEFAULT;
  const id = ++identification & 0xffff;
  let result = 0;
  for (let offset: u32 = 0; offset < total && result == 0; offset += step) {
    const length = min(step, total - offset);
    const piece = packetAllocLarge(length);
    if (!piece) {
      netStats.noBuffer++;
      result = -ENOBUFS;
      break;
    }
    copy(piece.append(length), packet.data + offset, length);
    const field = (offset >> 3) | (offset + length < total ? IPV4_MF : 0);
    const header = piece.push(IPV4_HEADER);
    ipv4HeaderStore(
      header,
      length + IPV4_HEADER,
      id,
      field,
      packet.tos,
      ttl,
      packet.protocol,
      packet.source,
      packet.destination,
    );
    piece.source = packet.source;
    piece.destination = packet.destination;
    piece.protocol = packet.protocol;
    netStats.fragmentsOut++;
    result = routedOutput(piece, route);
  }
  packetFree(packet);
  return result;
}

/**
 * Takes a packet that starts with an IP header of the sender's own, `headerLength` bytes, and sends
 * it to `destination` as it is; -EMSGSIZE when it does not fit the path. To ourselves options are
 * lost.
 */
export function ipv4OutputOwnHeader(packet: Packet, headerLength: u32, destination: u32): i32 {
  const header = packet.data;
  packet.source = ipv4Source(header);
  packet.destination = destination;
  packet.protocol = <u8>ipv4Protocol(header);
  packet.ttl = <u8>ipv4Ttl(header);
  packet.tos = <u8>ipv4Tos(header);
  const route = routeTo(destination);
  const error = !route ? -ENETUNREACH : packet.length > route.mtu ? -EMSGSIZE : 0;
  if (!route || error != 0) {
    packetFree(packet);
    return error;
  }
  netStats.packetsOut++;
  if ((route.flags & ROUTE_LOCAL) == 0) return routedOutput(packet, route);
  packet.pull(headerLength);
  return loopOutput(packet);
}

/** Takes a packet with its IP header. */
function routedOutput(packet: Packet, route: Route): i32 {
  if ((route.flags & ROUTE_RESOLVED) == 0) return neighbourOutput(packet, route);
  const frame = packet.push(ETHERNET_HEADER);
  store64(frame, route.macHigh);
  store32(frame + 8, route.macLow);
  store16(frame + 12, 0x0008);
  return ethernetTransmit(packet, route.via);
}

/**
 * Takes a packet that starts with its transport header, and broadcasts it on one link, from
 * `source`: for DHCP.
 */
export function ipv4BroadcastOn(via: Interface, packet: Packet, source: u32, protocol: u32): i32 {
  if (packet.flags & PACKET_CHECKSUM_PARTIAL) completeChecksum(packet, packet.data);
  const length = packet.length + IPV4_HEADER;
  ipv4HeaderStore(
    packet.push(IPV4_HEADER),
    length,
    0,
    IPV4_DF,
    0,
    TTL_DEFAULT,
    protocol,
    source,
    IPV4_BROADCAST,
  );
  return ethernetOutput(packet, via, MAC_BROADCAST, ETHERTYPE_IPV4);
}

// ---- In -----------------------------------------------------------------------------------------

/** Cuts a packet, whose buffers may be several, to `length` bytes. */
export function packetTrim(packet: Packet, length: u32): void {
  let left = length;
  let part: Packet | null = packet;
  while (part) {
    if (part.length > left) part.length = left;
    left -= part.length;
    part = part.fragment;
  }
}

/** Whether lengths and checksum are right; cuts off what is behind the packet's end. */
function headerIsValid(packet: Packet, header: u64): bool {
  if (packet.length < IPV4_HEADER) return false;
  const headerLength = ipv4HeaderLength(header);
  if (headerLength == IPV4_HEADER) {
    if (!ipv4ChecksumIsValid(header)) return false;
  } else {
    if (headerLength < IPV4_HEADER || headerLength > packet.length) return false;
    if (!ipv4LongChecksumIsValid(header, headerLength)) return false;
  }
  const total = ipv4TotalLength(header);
  if (total < headerLength) return false;
  if (total != packet.length) {
    const present = packet.totalLength();
    if (total > present) return false;
    // Ethernet pads short frames.
    if (total < present) packetTrim(packet, total);
  }
  const source = ipv4Source(header);
  // Nobody on the wire has one of these (RFC 1122 3.2.1.3); 0 is a DHCP client's.
  return !isInternalAddress(source) && !isMulticastAddress(source) && source != IPV4_BROADCAST;
}

/**
 * Whether an interface takes packets to `destination`; one without an address takes all, for DHCP's
 * unicast answers.
 */
function accepts(via: Interface, destination: u32): bool {
  if (isInternalAddress(destination)) return false;
  if (via.address == 0) return true;
  return (
    isLocalAddress(destination) ||
    isBroadcastAddress(destination) ||
    isMulticastAddress(destination)
  );
}

/** Takes a packet that came in on `via`, and starts with its IP header. */
export function ipv4Input(packet: Packet, via: Interface): void {
  netStats.packetsIn++;
  const header = packet.data;
  if (!headerIsValid(packet, header)) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  const destination = ipv4Destination(header);
  if (destination != via.address || destination == 0) {
    if (!accepts(via, destination)) {
      netStats.notOurs++;
      packetFree(packet);
      return;
    }
    if (destination != via.address && isBroadcastAddress(destination))
      packet.flags |= PACKET_BROADCAST;
  }
  packet.source = ipv4Source(header);
  packet.destination = destination;
  packet.protocol = <u8>ipv4Protocol(header);
  packet.ttl = <u8>ipv4Ttl(header);
  packet.tos = <u8>ipv4Tos(header);
  let whole = packet;
  const headerLength = ipv4HeaderLength(header);
  const fragment = ipv4FragmentField(header) & (IPV4_MF | IPV4_OFFSET);
  if (fragment != 0) {
    netStats.fragmentsIn++;
    const joined = fragmentInput(packet, headerLength, fragment);
    if (!joined) return;
    whole = joined;
  }
  whole.networkLength = <u16>headerLength;
  whole.pull(headerLength);
  transportInput(whole);
}

/** Whether packets to ourselves wait for `ipv4DrainLoopback`. */
export function loopbackPending(): bool {
  return loopQueue.first != null;
}

/**
 * Delivers what was sent to ourselves, and what that makes us send to ourselves, and so on. Called
 * by whoever entered the stack, outside of any connection's processing; it does not nest. Segments
 * wait in the channels for the transports' flush.
 */
export function ipv4DrainLoopback(): void {
  if (draining) return;
  draining = true;
  for (;;) {
    const packet = loopQueue.pop();
    if (!packet) break;
    if (loopback.watchers != 0) tapLoopback(packet);
    transportInput(packet);
  }
  draining = false;
}

/** Makes a packet one buffer. Takes it; null when there is no memory. */
export function packetLinearize(packet: Packet): Packet | null {
  if (!packet.fragment) return packet;
  const total = packet.totalLength();
  const single = packetAllocLarge(total + packet.networkLength);
  if (!single) {
    netStats.noBuffer++;
    packetFree(packet);
    return null;
  }
  // The IP header goes along, because an ICMP error may quote it.
  const header = packet.networkLength;
  copy(single.append(header), packet.data - header, header);
  let part: Packet | null = packet;
  while (part) {
    copy(single.append(part.length), part.data, part.length);
    part = part.fragment;
  }
  single.pull(header);
  single.networkLength = header;
  single.flags = packet.flags;
  single.source = packet.source;
  single.destination = packet.destination;
  single.protocol = packet.protocol;
  single.ttl = packet.ttl;
  single.tos = packet.tos;
  packetFree(packet);
  return single;
}
