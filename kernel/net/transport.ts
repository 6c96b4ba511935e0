/**
 * From the network layer up: which transport gets a packet, and who hears of an error. The one
 * place that knows all transports.
 */
import { ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT } from "../lib/errno";
import { randomU64 } from "../lib/random";
import { icmpInput, icmpUnreachable } from "./icmp";
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
  ICMP_NET_UNREACHABLE,
  ICMP_PORT_UNREACHABLE,
  ICMP_PROTOCOL_UNREACHABLE,
} from "./wire/icmp";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPV4_HEADER } from "./wire/ipv4";

/** Takes a whole packet that starts with its transport header; addresses and protocol are set. */
export function transportInput(packet: Packet): void {
  const protocol: u32 = packet.protocol;
  const isHeard = rawCount != 0 && rawInput(packet);
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

/**
 * A packet of ours did not arrive: `header` is its transport header, of which at least 8 bytes are
 * there. `hard` errors end a connection attempt; soft ones are only remembered.
 */
export function transportError(
  protocol: u32,
  source: u32,
  destination: u32,
  header: u64,
  errno: i32,
  hard: bool,
): void {
  const local = loadBe16(header);
  const remote = loadBe16(header + 2);
  if (protocol == IPPROTO_UDP) {
    if (hard) udpError(source, local, destination, remote, errno);
  } else if (protocol == IPPROTO_TCP) {
    tcpIcmpError(source, destination, local, remote, loadBe32(header + 4), errno);
  }
}

/**
 * A packet, which starts with its IP header and stays the caller's, could not be handed to its next
 * hop.
 */
export function transportUnreachable(packet: Packet, errno: i32): void {
  if (packet.length < IPV4_HEADER + 8) return;
  transportError(
    packet.protocol,
    packet.source,
    packet.destination,
    packet.data + IPV4_HEADER,
    errno,
    true,
  );
}

/**
 * Somebody says that the path to a destination takes packets of `mtu` bytes only; `header` as in
 * `transportError`. Believed when a packet of ours is quoted, as far as the transport can tell:
 * anybody may send such a message (RFC 5927 section 7).
 */
export function transportPathMtu(
  protocol: u32,
  source: u32,
  destination: u32,
  header: u64,
  mtu: u32,
): void {
  const local = loadBe16(header);
  const remote = loadBe16(header + 2);
  if (protocol == IPPROTO_UDP) {
    if (!udpHasPort(source, local) || !routeSetPathMtu(destination, mtu)) return;
    udpError(source, local, destination, remote, EMSGSIZE);
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
