/**
 * From the network layer up: which transport gets a packet, and who hears of an error. The one
 * place that knows all transports.
 */
import { ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT } from "../lib/errno";
import { randomU64 } from "../lib/random";
import { ErrorReport } from "./error-report";
import { icmpInput, icmpUnreachable } from "./icmp";
import { igmpInput } from "./igmp";
import { Packet, packetFree, packetsAreShort } from "./packet";
import { rawCount, rawInput } from "./raw";
import { routeSetPathMtu } from "./route";
import { netStats } from "./stats";
import { TCP_HEADER_MAX } from "./tcp/header";
import {
  tcpFlush,
  tcpIcmpError,
  tcpInit,
  tcpInput,
  tcpIsSent,
  tcpPathMtu,
  tcpPending,
} from "./tcp/tcp";
import { udpError, udpHasPort, udpInput } from "./udp";
import { loadBe16, loadBe32 } from "./wire/bytes";
import {
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HOST_UNREACHABLE,
  ICMP_NET_UNREACHABLE,
  ICMP_PORT_UNREACHABLE,
  ICMP_PROTOCOL_UNREACHABLE,
  ICMP_UNREACHABLE,
} from "./wire/icmp";
import { IPPROTO_IGMP } from "./wire/igmp";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPV4_HEADER } from "./wire/ipv4";

/** Takes a whole packet that starts with its transport header; addresses and protocol are set. */
export function transportInput(packet: Packet): void {
  const protocol: u32 = packet.protocol;
  const isHeard = rawCount() != 0 && rawInput(packet);
  if (protocol == IPPROTO_TCP) {
    // A segment with data can be sent again; an acknowledgment frees memory.
    if (packet.length > TCP_HEADER_MAX && packetsAreShort()) {
      netStats.noBuffer++;
      packetFree(packet);
      return;
    }
    tcpInput(packet, packet.source, packet.destination);
  } else if (protocol == IPPROTO_UDP) {
    udpInput(packet);
  } else if (protocol == IPPROTO_ICMP) {
    icmpInput(packet);
  } else if (protocol == IPPROTO_IGMP) {
    igmpInput(packet);
  } else {
    if (!isHeard) {
      netStats.unknownProtocol++;
      icmpUnreachable(packet, ICMP_PROTOCOL_UNREACHABLE);
    }
    packetFree(packet);
  }
}

/**
 * The errno of an ICMP destination unreachable's code (RFC 1122 4.2.3.9, and Linux's table of
 * them).
 */
export function unreachableErrno(code: u32): i32 {
  switch (code) {
    case ICMP_NET_UNREACHABLE:
      return ENETUNREACH;
    case ICMP_PROTOCOL_UNREACHABLE:
      return ENOPROTOOPT;
    case ICMP_PORT_UNREACHABLE:
      return ECONNREFUSED;
    case ICMP_FRAGMENTATION_NEEDED:
      return EMSGSIZE;
    default:
      return EHOSTUNREACH;
  }
}

/** What this machine says of its own packets; filled in by who tells, used up before it returns. */
const ownReport: ErrorReport = new ErrorReport();

/** A packet of ours did not arrive: `header` is its transport header, as far as `report` says. */
export function transportError(
  protocol: u32,
  source: u32,
  destination: u32,
  header: u64,
  report: ErrorReport,
): void {
  const local = loadBe16(header);
  const remote = loadBe16(header + 2);
  if (protocol == IPPROTO_UDP) {
    udpError(source, local, destination, remote, header, report);
  } else if (protocol == IPPROTO_TCP) {
    tcpIcmpError(source, destination, local, remote, loadBe32(header + 4), report.errno);
  }
}

/**
 * A packet, which starts with its IP header and stays the caller's, could not be handed to its next
 * hop.
 */
export function transportUnreachable(packet: Packet, errno: i32): void {
  if (packet.length < IPV4_HEADER + 8) return;
  ownReport.errno = errno;
  ownReport.isHard = true;
  ownReport.type = ICMP_UNREACHABLE;
  ownReport.code = ICMP_HOST_UNREACHABLE;
  ownReport.info = 0;
  ownReport.offender = packet.source;
  ownReport.length = packet.length - IPV4_HEADER;
  const header = packet.data + IPV4_HEADER;
  transportError(packet.protocol, packet.source, packet.destination, header, ownReport);
}

/**
 * Somebody says that the path to a destination takes packets of `info` bytes only; `header` as in
 * `transportError`. Believed when a packet of ours is quoted, as far as the transport can tell:
 * anybody may send such a message (RFC 5927 section 7).
 */
export function transportPathMtu(
  protocol: u32,
  source: u32,
  destination: u32,
  header: u64,
  report: ErrorReport,
): void {
  const mtu = report.info;
  const local = loadBe16(header);
  const remote = loadBe16(header + 2);
  if (protocol == IPPROTO_UDP) {
    if (!udpHasPort(source, local) || !routeSetPathMtu(destination, mtu)) return;
    udpError(source, local, destination, remote, header, report);
  } else if (protocol == IPPROTO_TCP) {
    if (!tcpIsSent(source, destination, local, remote, loadBe32(header + 4))) return;
    if (routeSetPathMtu(destination, mtu)) tcpPathMtu(destination);
  }
}

/** Called once at boot. */
export function transportInit(): void {
  tcpInit(randomU64(), randomU64(), randomU64());
}

/** Whether `transportFlush` has something to do: not after most system calls. */
export function transportPending(): bool {
  return tcpPending();
}

/** Does what the transports have put off until the end of a burst. */
export function transportFlush(): void {
  tcpFlush();
}
