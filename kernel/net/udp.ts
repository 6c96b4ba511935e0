/**
 * UDP (RFC 768, RFC 1122 section 4.1).
 *
 *     endpoint = new (a subclass of UdpEndpoint)
 *     udpBind(endpoint, address, port)      port 0: one is chosen (RFC 6056)
 *     udpConnect(endpoint, address, port)   filters what comes in, and is where `udpSend` goes by default
 *     udpSend(endpoint, packet, from, address, port)
 *     endpoint.queue                        datagrams that have arrived, each starting with its payload
 *     udpClose(endpoint)
 *
 * Endpoints are found by local port in a hash table; among those on one port, the most specific
 * wins: connected, then bound to the address, then to all. Endpoints sharing a port (SO_REUSEPORT)
 * get datagrams by a hash of the sender.
 */
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EINVAL, EMSGSIZE, ENETUNREACH } from "../lib/errno";
import { randomU32 } from "../lib/random";
import { heapFree } from "../runtime/heap";
import { checksumFinish, checksumFold, checksumPacket, checksumPseudo } from "./checksum";
import { netNow } from "./clock";
import { ErrorReport } from "./error-report";
import { groupIsJoined } from "./groups";
import { icmpUnreachable } from "./icmp";
import { isBroadcastAddress, isLocalAddress } from "./interface";
import { ipv4LoopGroup, ipv4MtuFor, ipv4Output, ipv4SourceFor, packetTrim } from "./ipv4";
import {
  PACKET_BROADCAST,
  PACKET_CHECKSUM_PARTIAL,
  PACKET_CHECKSUM_VALID,
  Packet,
  PacketQueue,
  packetFree,
  packetsAreShort,
} from "./packet";
import { packetCopy } from "./packet-copy";
import { packetPasses } from "./packet-filter";
import { netStats } from "./stats";
import { ICMP_PORT_UNREACHABLE } from "./wire/icmp";
import {
  addressesOverlap,
  IN6_LOOPBACK,
  IPPROTO_UDP,
  IPV4_HEADER,
  IPV4_MAX,
  isMulticastAddress,
} from "./wire/ipv4";
import {
  UDP_CHECKSUM_OFFSET,
  UDP_HEADER,
  udpChecksum,
  udpChecksumStore,
  udpDestinationPort,
  udpHeaderStore,
  udpLength,
  udpSourcePort,
} from "./wire/udp";

/** The largest payload. */
export const UDP_PAYLOAD_MAX: u32 = IPV4_MAX - IPV4_HEADER - UDP_HEADER;
/** Linux's net.ipv4.ip_local_port_range. */
export const EPHEMERAL_FIRST: u32 = 32768;
export const EPHEMERAL_LAST: u32 = 60999;
/** Linux's net.core.rmem_default. */
const RECEIVE_LIMIT_DEFAULT: u32 = 212992;
/**
 * What a queued packet costs beyond its payload, so that a flood of empty datagrams is bounded,
 * too.
 */
const PACKET_OVERHEAD: u32 = 256;

export const UDP_BUCKETS: u32 = 64;

export abstract class UdpEndpoint {
  /** Next in the bucket. */
  nextEndpoint: UdpEndpoint | null = null;
  localAddress: u32 = 0;
  localPort: u32 = 0;
  /** `localAddress` follows from the remote end. */
  localByConnect: bool = false;
  remoteAddress: u32 = 0;
  /** 0: not connected. */
  remotePort: u32 = 0;
  reuseAddress: bool = false;
  reusePort: bool = false;
  broadcast: bool = false;
  /** Its socket is one of IPv6: only such hear ::1. */
  isIpv6: bool = false;
  ttl: u8 = 0;
  tos: u8 = 0;
  // ---- Multicast ----
  /** IP_MULTICAST_ALL: it hears the groups of others, too. */
  hearsAllGroups: bool = true;
  /** IP_MULTICAST_LOOP: members on this machine hear what it sends. */
  loopsGroups: bool = true;
  /** IP_MULTICAST_IF's address (0: by route); and whether it is the loopback's. */
  groupSource: u32 = 0;
  groupsStayHere: bool = false;

  /** errno that the next call reports. */
  error: i32 = 0;
  /** IP_RECVERR: errors are kept with their datagrams. */
  recordsErrors: bool = false;
  /** IP_PMTUDISC_DO: datagrams that do not fit the path are refused, not cut. */
  neverCuts: bool = false;
  queue: PacketQueue = new PacketQueue();
  queuedBytes: u32 = 0;
  receiveLimit: u32 = RECEIVE_LIMIT_DEFAULT;
  /** Queued bytes up to which a datagram is taken at once; 0 while there is a filter. */
  admittedBytes: u32 = RECEIVE_LIMIT_DEFAULT + PACKET_OVERHEAD;
  dropped: u32 = 0;
  /** A valid program of `filterCount` instructions (filter.ts), the endpoint's, or 0. */
  filter: usize = 0;
  filterCount: u32 = 0;

  constructor() {
    this.queue.reset();
  }

  /** SO_RCVBUF. */
  setReceiveLimit(limit: u32): void {
    this.receiveLimit = limit;
    this.admittedBytes = this.filter != 0 ? 0 : limit + PACKET_OVERHEAD;
  }

  /** Takes over a program from the heap; 0: none. */
  setFilter(program: usize, count: u32): void {
    if (this.filter != 0) heapFree(this.filter);
    this.filter = program;
    this.filterCount = count;
    this.setReceiveLimit(this.receiveLimit);
  }

  /** The address it was bound to; 0: none in particular. */
  boundAddress(): u32 {
    return this.localByConnect ? 0 : this.localAddress;
  }

  /** An error of a datagram to a remote end, whose payload is at an address; see ErrorReport. */
  failed(remote: u32, remotePort: u32, payload: u64, report: ErrorReport): void {}

  /** A datagram was not sent: its path takes `mtu` bytes. The packet stays the caller's. */
  tooLarge(packet: Packet, remote: u32, remotePort: u32, mtu: u32): void {}

  /** Whether it has joined a group. */
  isMember(group: u32): bool {
    return false;
  }

  /** A datagram or an error has arrived. Must not sleep. */
  abstract arrived(): void;

  /** For listings: the inode of the socket. */
  inode(): u64 {
    return 0;
  }
}

const buckets: StaticArray<UdpEndpoint | null> = new StaticArray<UdpEndpoint | null>(UDP_BUCKETS);

function bucketOf(port: u32): i32 {
  return <i32>(port & (UDP_BUCKETS - 1));
}

/** Bucket i of UDP_BUCKETS, linked by `nextEndpoint`: for listings as /proc/net/udp. */
export function udpBucket(index: u32): UdpEndpoint | null {
  return buckets[index];
}

/** Whether `endpoint` may have address and port beside those that have them already. */
function isFree(endpoint: UdpEndpoint, address: u32, port: u32): bool {
  let other = buckets[bucketOf(port)];
  while (other) {
    if (
      other.localPort == port &&
      addressesOverlap(other.localAddress, other.isIpv6, address, endpoint.isIpv6) &&
      !(other.reusePort && endpoint.reusePort) &&
      !(other.reuseAddress && endpoint.reuseAddress)
    ) {
      return false;
    }
    other = other.nextEndpoint;
  }
  return true;
}

function choosePort(endpoint: UdpEndpoint, address: u32): u32 {
  const count = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
  const offset = randomU32() % count;
  for (let i: u32 = 0; i < count; i++) {
    const port = EPHEMERAL_FIRST + ((offset + i) % count);
    if (isFree(endpoint, address, port)) return port;
  }
  return 0;
}

/** Gives an endpoint its local address (0: all) and port (0: any). 0 or a negative errno. */
export function udpBind(endpoint: UdpEndpoint, address: u32, port: u32): i32 {
  if (endpoint.localPort != 0) return -EINVAL;
  const canBind =
    address == 0 ||
    isLocalAddress(address) ||
    isBroadcastAddress(address) ||
    isMulticastAddress(address);
  if (!canBind) return -EADDRNOTAVAIL;
  let chosen = port;
  if (port == 0) {
    chosen = choosePort(endpoint, address);
    if (chosen == 0) return -EADDRINUSE;
  } else if (!isFree(endpoint, address, port)) {
    return -EADDRINUSE;
  }
  endpoint.localAddress = address;
  endpoint.localPort = chosen;
  const bucket = bucketOf(chosen);
  endpoint.nextEndpoint = buckets[bucket];
  buckets[bucket] = endpoint;
  return 0;
}

/**
 * Fixes the remote end, and with it the local address, if that is not bound; address 0 and port 0
 * lift both. 0 or a negative errno.
 */
export function udpConnect(endpoint: UdpEndpoint, address: u32, port: u32): i32 {
  if (endpoint.localByConnect) endpoint.localAddress = 0;
  endpoint.localByConnect = false;
  if (port == 0 && address == 0) {
    endpoint.remoteAddress = 0;
    endpoint.remotePort = 0;
    return 0;
  }
  const target = address == 0 ? <u32>0x7f00_0001 : address;
  const source = ipv4SourceFor(target);
  if (source == 0) return -ENETUNREACH;
  if (isBroadcastAddress(target) && !endpoint.broadcast) return -EACCES;
  if (endpoint.localPort == 0) {
    const error = udpBind(endpoint, 0, 0);
    if (error != 0) return error;
  }
  if (endpoint.localAddress == 0) {
    endpoint.localAddress = source;
    endpoint.localByConnect = true;
  }
  endpoint.remoteAddress = target;
  endpoint.remotePort = port;
  return 0;
}

/** Takes the endpoint out of the table and frees its queue; the object stays the caller's. */
export function udpClose(endpoint: UdpEndpoint): void {
  if (endpoint.localPort != 0) {
    const bucket = bucketOf(endpoint.localPort);
    let other = buckets[bucket];
    if (other == endpoint) {
      buckets[bucket] = endpoint.nextEndpoint;
    } else {
      while (other) {
        if (other.nextEndpoint == endpoint) {
          other.nextEndpoint = endpoint.nextEndpoint;
          break;
        }
        other = other.nextEndpoint;
      }
    }
    endpoint.localPort = 0;
  }
  endpoint.queue.clear();
  endpoint.queuedBytes = 0;
}

/**
 * Takes a packet that holds the payload, and sends it, from `from` if that is not 0 and one of our
 * addresses, with its own TTL and type of service or else the endpoint's. 0 or a negative errno.
 */
export function udpSend(
  endpoint: UdpEndpoint,
  packet: Packet,
  from: u32,
  address: u32,
  port: u32,
): i32 {
  if (packet.length > UDP_PAYLOAD_MAX) {
    packetFree(packet);
    return -EMSGSIZE;
  }
  if (endpoint.localPort == 0) {
    const error = udpBind(endpoint, 0, 0);
    if (error != 0) {
      packetFree(packet);
      return error;
    }
  }
  const destination = address == 0 ? <u32>0x7f00_0001 : address;
  if (isBroadcastAddress(destination) && !endpoint.broadcast) {
    packetFree(packet);
    return -EACCES;
  }
  let source = from != 0 && isLocalAddress(from) ? from : endpoint.localAddress;
  if (source == 0 || isBroadcastAddress(source) || isMulticastAddress(source)) {
    source = ipv4SourceFor(destination);
  }
  if (packet.ttl == 0) packet.ttl = endpoint.ttl;
  if (packet.tos == 0) packet.tos = endpoint.tos;
  if (endpoint.neverCuts) {
    const mtu = ipv4MtuFor(destination);
    if (packet.length + UDP_HEADER + IPV4_HEADER > mtu) {
      endpoint.tooLarge(packet, destination, port, mtu);
      packetFree(packet);
      return -EMSGSIZE;
    }
  }
  netStats.udpOut++;
  if (isMulticastAddress(destination))
    return sendToGroup(endpoint, packet, source, destination, port);
  return udpOutput(packet, source, endpoint.localPort, destination, port);
}

/** As `udpOutput`: to members on this machine, and to the link, as its options say. */
function sendToGroup(endpoint: UdpEndpoint, packet: Packet, from: u32, group: u32, port: u32): i32 {
  const source = endpoint.groupSource != 0 ? endpoint.groupSource : from;
  udpPrepare(packet, source, endpoint.localPort, group, port);
  // What goes by the loopback comes back in any case.
  if (endpoint.groupsStayHere || (endpoint.loopsGroups && groupIsJoined(group))) {
    const twin = packetCopy(packet);
    if (twin) ipv4LoopGroup(twin, source, group, IPPROTO_UDP);
  }
  if (!endpoint.groupsStayHere) return ipv4Output(packet, source, group, IPPROTO_UDP);
  packetFree(packet);
  return 0;
}

/** Takes the payload and sends it between the given ends. */
export function udpOutput(
  packet: Packet,
  source: u32,
  sourcePort: u32,
  destination: u32,
  destinationPort: u32,
): i32 {
  udpPrepare(packet, source, sourcePort, destination, destinationPort);
  return ipv4Output(packet, source, destination, IPPROTO_UDP);
}

/** Puts the header in front of a payload, with a partial checksum. */
export function udpPrepare(
  packet: Packet,
  source: u32,
  sourcePort: u32,
  destination: u32,
  destinationPort: u32,
): void {
  const header = packet.push(UDP_HEADER);
  const length = packet.length;
  udpHeaderStore(header, sourcePort, destinationPort, length);
  udpChecksumStore(header, checksumFold(checksumPseudo(source, destination, IPPROTO_UDP, length)));
  packet.flags |= PACKET_CHECKSUM_PARTIAL;
  packet.checksumStart = 0;
  packet.checksumOffset = <u16>UDP_CHECKSUM_OFFSET;
  packet.protocol = <u8>IPPROTO_UDP;
}

function matches(endpoint: UdpEndpoint, packet: Packet): i32 {
  if (endpoint.localPort != packet.destinationPort) return -1;
  let score = 0;
  if (endpoint.localAddress != 0) {
    if (endpoint.localAddress != packet.destination) return -1;
    score++;
  } else if (packet.destination == IN6_LOOPBACK && !endpoint.isIpv6) {
    return -1;
  }
  if (endpoint.remotePort != 0) {
    if (endpoint.remoteAddress != packet.source || endpoint.remotePort != packet.sourcePort) {
      return -1;
    }
    score += 2;
  }
  return score;
}

/** The endpoint that a datagram is for. */
function findEndpoint(packet: Packet): UdpEndpoint | null {
  let best: UdpEndpoint | null = null;
  let bestScore = -1;
  let equals: u32 = 0;
  let endpoint = buckets[bucketOf(packet.destinationPort)];
  while (endpoint) {
    const score = matches(endpoint, packet);
    if (score > bestScore) {
      best = endpoint;
      bestScore = score;
      equals = 1;
    } else if (score >= 0 && score == bestScore && endpoint.reusePort) {
      // Reservoir choice by a hash of the sender: the same flow finds the same endpoint.
      equals++;
      const hash = (packet.source ^ ((<u32>packet.sourcePort) << 16)) * 0x9e37_79b1;
      if ((hash >> 8) % equals == 0) best = endpoint;
    }
    endpoint = endpoint.nextEndpoint;
  }
  return best;
}

/** Whether lengths and checksum are right; sets the ports. */
function validate(packet: Packet): bool {
  if (packet.length < UDP_HEADER) return false;
  const header = packet.data;
  const length = udpLength(header);
  const present = packet.totalLength();
  if (length < UDP_HEADER || length > present) return false;
  if (length < present) packetTrim(packet, length);
  packet.sourcePort = <u16>udpSourcePort(header);
  packet.destinationPort = <u16>udpDestinationPort(header);
  if ((packet.flags & PACKET_CHECKSUM_VALID) != 0 || udpChecksum(header) == 0) return true;
  const pseudo = checksumPseudo(packet.source, packet.destination, IPPROTO_UDP, length);
  return checksumFinish(checksumPacket(pseudo, packet)) == 0;
}

/** Takes a received datagram. */
export function udpInput(packet: Packet): void {
  if (!validate(packet)) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  netStats.udpIn++;
  if (isMulticastAddress(packet.destination) || (packet.flags & PACKET_BROADCAST) != 0) {
    deliverToAll(packet);
    return;
  }
  const endpoint = findEndpoint(packet);
  if (!endpoint) {
    netStats.udpNoPort++;
    icmpUnreachable(packet, ICMP_PORT_UNREACHABLE);
    packetFree(packet);
    return;
  }
  deliver(endpoint, packet);
}

function hearsGroup(endpoint: UdpEndpoint, group: u32): bool {
  if (!isMulticastAddress(group)) return true;
  return endpoint.hearsAllGroups || endpoint.isMember(group);
}

/** Whether a datagram came from the link to a group that nobody here has joined. */
function isForNobody(packet: Packet): bool {
  const isFromLink = packet.networkLength != 0;
  return isFromLink && isMulticastAddress(packet.destination) && !groupIsJoined(packet.destination);
}

/** Takes a datagram to a group or to everyone, and gives each endpoint that hears it its own. */
function deliverToAll(packet: Packet): void {
  let endpoint = buckets[bucketOf(packet.destinationPort)];
  if (isForNobody(packet)) endpoint = null;
  while (endpoint) {
    const next = endpoint.nextEndpoint;
    if (matches(endpoint, packet) >= 0 && hearsGroup(endpoint, packet.destination)) {
      const twin = packetCopy(packet);
      if (twin) {
        twin.sourcePort = packet.sourcePort;
        twin.destinationPort = packet.destinationPort;
        deliver(endpoint, twin);
      }
    }
    endpoint = next;
  }
  packetFree(packet);
}

/** Takes a datagram that is an endpoint's, with its header. */
function deliver(endpoint: UdpEndpoint, packet: Packet): void {
  packet.pull(UDP_HEADER);
  let cost = packet.totalLength() + PACKET_OVERHEAD;
  if (endpoint.queuedBytes + cost > endpoint.admittedBytes || packetsAreShort()) {
    if (!passesFilter(endpoint, packet)) {
      endpoint.dropped++;
      netStats.udpOverflow++;
      packetFree(packet);
      return;
    }
    cost = packet.totalLength() + PACKET_OVERHEAD;
  }
  endpoint.queuedBytes += cost;
  packet.time = netNow();
  endpoint.queue.push(packet);
  endpoint.arrived();
}

/**
 * A datagram, without its header, was not admitted at once: whether there is a filter that wants
 * it, and room for what the filter keeps.
 */
function passesFilter(endpoint: UdpEndpoint, packet: Packet): bool {
  if (endpoint.filter == 0 || packetsAreShort()) return false;
  packet.push(UDP_HEADER);
  const passes = packetPasses(endpoint.filter, endpoint.filterCount, packet, UDP_HEADER);
  packet.pull(UDP_HEADER);
  return passes && endpoint.queuedBytes + packet.totalLength() <= endpoint.receiveLimit;
}

/** Takes the oldest datagram from the queue; it is the caller's then. */
export function udpReceive(endpoint: UdpEndpoint): Packet | null {
  const packet = endpoint.queue.pop();
  if (packet) endpoint.queuedBytes -= packet.totalLength() + PACKET_OVERHEAD;
  return packet;
}

/** Whether a socket of ours has the port, and may have sent from `local`. */
export function udpHasPort(local: u32, localPort: u32): bool {
  let endpoint = buckets[bucketOf(localPort)];
  while (endpoint) {
    const sends = endpoint.localAddress == 0 || endpoint.localAddress == local;
    if (endpoint.localPort == localPort && sends) return true;
    endpoint = endpoint.nextEndpoint;
  }
  return false;
}

/** Whether an endpoint has sent from `local` to a remote end, or may have. */
function mayHaveSent(endpoint: UdpEndpoint, local: u32, remote: u32, remotePort: u32): bool {
  if (endpoint.localAddress != 0 && endpoint.localAddress != local) return false;
  if (endpoint.remotePort == 0) return endpoint.recordsErrors;
  return endpoint.remotePort == remotePort && endpoint.remoteAddress == remote;
}

/**
 * A datagram of ours was not delivered; `header` is its UDP header. As on Linux, connected
 * endpoints hear of it when the error is hard, and those that record errors of any.
 */
export function udpError(
  local: u32,
  localPort: u32,
  remote: u32,
  remotePort: u32,
  header: u64,
  report: ErrorReport,
): void {
  let endpoint = buckets[bucketOf(localPort)];
  while (endpoint) {
    const isItsOwn =
      endpoint.localPort == localPort && mayHaveSent(endpoint, local, remote, remotePort);
    if (isItsOwn && (report.isHard || endpoint.recordsErrors)) {
      if (endpoint.recordsErrors) endpoint.failed(remote, remotePort, header + UDP_HEADER, report);
      endpoint.error = report.errno;
      endpoint.arrived();
    }
    endpoint = endpoint.nextEndpoint;
  }
}
