/**
 * ICMP (RFC 792, RFC 1122 section 3.2.2): answers echo requests, reports our errors, and takes
 * others' to whom they concern.
 *
 * What we send unasked is limited by a token bucket, so that nobody can make an amplifier of us;
 * and never answers a broadcast, a fragment but the first, or another ICMP error.
 */
import { copy, store8 } from "../arch/hw";
import { checksumAdd, checksumFinish, checksumFold, checksumPacket } from "./checksum";
import { netNow } from "./clock";
import { ErrorReport } from "./error-report";
import { isBroadcastAddress, isLocalAddress } from "./interface";
import { ipv4Output, packetLinearize } from "./ipv4";
import { PACKET_BROADCAST, PACKET_CHECKSUM_VALID, Packet, packetAlloc, packetFree } from "./packet";
import { netStats } from "./stats";
import { transportError, transportPathMtu, unreachableErrno } from "./transport";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER,
  ICMP_HOST_UNREACHABLE,
  ICMP_PROTOCOL_UNREACHABLE,
  ICMP_REASSEMBLY_TIMEOUT,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  icmpChecksumStore,
  icmpCode,
  icmpHeaderStore,
  icmpNextHopMtu,
  icmpType,
} from "./wire/icmp";
import {
  IPPROTO_ICMP,
  IPV4_HEADER,
  ipv4Destination,
  ipv4FragmentField,
  ipv4HeaderLength,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
  isMulticastAddress,
} from "./wire/ipv4";

/**
 * Errors and echo replies per second, and in one burst: Linux's icmp_msgs_per_sec and
 * icmp_msgs_burst.
 */
const RATE: u64 = 1000;
const BURST: u64 = 50;
const TOKEN_NS: u64 = 1_000_000_000 / RATE;
/** RFC 1812 4.3.2.3: an error quotes as much as fits into 576 bytes. */
const QUOTE_MAX: u32 = 576 - IPV4_HEADER - ICMP_HEADER;

/** The time up to which tokens have been used: one token is TOKEN_NS of it. */
let spent: u64 = 0;

/** Whether one more message may be sent now. */
function takeToken(): bool {
  const now = netNow() + BURST * TOKEN_NS;
  const oldest = now - BURST * TOKEN_NS;
  if (spent < oldest) spent = oldest;
  if (spent + TOKEN_NS > now) {
    netStats.icmpErrorsSuppressed++;
    return false;
  }
  spent += TOKEN_NS;
  return true;
}

/** Whether an error may answer a packet; `header` is its IP header. */
function mayAnswer(packet: Packet, header: u64): bool {
  if (packet.flags & PACKET_BROADCAST) return false;
  if ((ipv4FragmentField(header) & 0x1fff) != 0) return false;
  const source = ipv4Source(header);
  if (source == 0 || isMulticastAddress(source) || isBroadcastAddress(source)) return false;
  return ipv4Protocol(header) != IPPROTO_ICMP;
}

/**
 * Sends an error about a packet whose IP header is at `header`, with `length` bytes there to be
 * quoted.
 */
function sendError(type: u32, code: u32, header: u64, length: u32): void {
  if (!takeToken()) return;
  const packet = packetAlloc();
  if (!packet) {
    netStats.noBuffer++;
    return;
  }
  const quoted = min(length, QUOTE_MAX);
  const message = packet.append(ICMP_HEADER + quoted);
  icmpHeaderStore(message, type, code, 0);
  copy(message + ICMP_HEADER, header, quoted);
  icmpChecksumStore(message, checksumFinish(checksumAdd(0, message, packet.length)));
  netStats.icmpErrorsOut++;
  ipv4Output(packet, ipv4Destination(header), ipv4Source(header), IPPROTO_ICMP);
}

/** What is told of the packet at hand; used up before the next one. */
const report: ErrorReport = new ErrorReport();

/** `length`: bytes of the packet from its transport header on. */
function fillReport(type: u32, code: u32, offender: u32, length: u32): void {
  const isUnreachable = type == ICMP_UNREACHABLE;
  report.errno = unreachableErrno(isUnreachable ? code : ICMP_HOST_UNREACHABLE);
  report.isHard =
    isUnreachable && code >= ICMP_PROTOCOL_UNREACHABLE && code <= ICMP_FRAGMENTATION_NEEDED;
  report.type = type;
  report.code = code;
  report.info = 0;
  report.offender = offender;
  report.length = length;
}

/**
 * A received packet, which starts with its transport header and stays the caller's, is for nobody.
 */
export function icmpUnreachable(packet: Packet, code: u32): void {
  if (packet.networkLength == 0) {
    // Over the loopback there is no IP header to quote, and the transports are at hand.
    if (packet.length < 8) return;
    fillReport(ICMP_UNREACHABLE, code, packet.destination, packet.length);
    transportError(packet.protocol, packet.source, packet.destination, packet.data, report);
    return;
  }
  const header = packet.data - packet.networkLength;
  if (!mayAnswer(packet, header)) return;
  sendError(ICMP_UNREACHABLE, code, header, packet.length + packet.networkLength);
}

/**
 * Reassembly was given up: `first` is the first fragment, with its IP header; it stays the
 * caller's.
 */
export function icmpTimeExceeded(first: Packet): void {
  if (!mayAnswer(first, first.data)) return;
  sendError(ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_TIMEOUT, first.data, first.length);
}

/** Takes a received message. */
export function icmpInput(packet: Packet): void {
  const isRight =
    (packet.flags & PACKET_CHECKSUM_VALID) != 0 ||
    checksumFold(checksumPacket(0, packet)) == 0xffff;
  if (packet.length < ICMP_HEADER || !isRight) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  const type = icmpType(packet.data);
  if (type == ICMP_ECHO) {
    echo(packet);
    return;
  }
  if (type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED) errorInput(packet, type);
  packetFree(packet);
}

/** Takes an echo request and turns it into its reply. */
function echo(packet: Packet): void {
  const answers = (packet.flags & PACKET_BROADCAST) == 0 && isLocalAddress(packet.destination);
  if (!answers || !takeToken()) {
    packetFree(packet);
    return;
  }
  const request = packetLinearize(packet);
  if (!request) return;
  const message = request.data;
  store8(message, ICMP_ECHO_REPLY);
  icmpChecksumStore(message, 0);
  icmpChecksumStore(message, checksumFinish(checksumAdd(0, message, request.length)));
  request.flags = 0;
  request.ttl = 0;
  request.tos = 0;
  ipv4Output(request, request.destination, request.source, IPPROTO_ICMP);
}

/** An error about a packet of ours: finds the quoted headers and whom they concern. */
function errorInput(packet: Packet, type: u32): void {
  const message = packet.data;
  const quoted = message + ICMP_HEADER;
  const length = packet.length - ICMP_HEADER;
  if (length < IPV4_HEADER + 8) return;
  const headerLength = ipv4HeaderLength(quoted);
  if (headerLength < IPV4_HEADER || length < headerLength + 8) return;
  if ((ipv4FragmentField(quoted) & 0x1fff) != 0) return;
  const source = ipv4Source(quoted);
  const destination = ipv4Destination(quoted);
  if (!isLocalAddress(source)) return;
  const protocol = ipv4Protocol(quoted);
  const header = quoted + headerLength;
  const code = icmpCode(message);
  fillReport(type, code, packet.source, length - headerLength);
  if (type == ICMP_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED) {
    let mtu = icmpNextHopMtu(message);
    // Routers before RFC 1191 don't say: the next plateau below the packet's size (its section 7).
    if (mtu == 0) mtu = plateauBelow(ipv4TotalLength(quoted));
    report.info = mtu;
    transportPathMtu(protocol, source, destination, header, report);
    return;
  }
  transportError(protocol, source, destination, header, report);
}

function plateauBelow(length: u32): u32 {
  if (length > 4352) return 4352;
  if (length > 2002) return 2002;
  if (length > 1492) return 1492;
  if (length > 1006) return 1006;
  return 552;
}
