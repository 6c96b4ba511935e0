/**
 * Addresses of AF_INET and AF_INET6 sockets, between what the application says and what the stack
 * below knows, which is IPv4.
 *
 *     inetLocal(socket, address)       where bind(2) binds to: the stack's address, or a negative errno
 *     inetRemote(socket, address)      whom connect(2) and send(2) mean
 *     inetTell(socket, out, a, port)   an address of the stack as the socket's family writes it
 *
 * An IPv6 socket reaches IPv4 by mapped addresses (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2), and
 * this machine as ::1. The stack carries ::1 as 0.0.0.1, which is what its last 32 bits say, and
 * which no host of IPv4 has (RFC 1122 section 3.2.1.3): a local address like any other, that never
 * leaves the machine, and that sockets of AF_INET neither reach nor hear. Bound to `::`, a socket
 * that also does IPv4 is bound to all addresses (0), and one that does not (IPV6_V6ONLY) to ::1,
 * because there is no other IPv6 address. The rest of IPv6 is unreachable.
 */
import { EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, ENETUNREACH } from "../../lib/errno";
import { IN6_LOOPBACK } from "../wire/ipv4";
import { Inet6, SocketAddress } from "./address";
import { AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM } from "./constants";
import { Socket } from "./socket";

const LOOPBACK: u32 = 0x7f00_0001;

/** The address to bind to; 0: all. Whether it is one of this machine's, the transport looks. */
export function inetLocal(socket: Socket, address: SocketAddress): i64 {
  const inet6 = socket.inet6;
  if (!inet6) {
    if (address.family == AF_UNSPEC && address.address == 0) return 0;
    if (address.family != AF_INET) return -EAFNOSUPPORT;
    return address.address == IN6_LOOPBACK ? -EADDRNOTAVAIL : <i64>address.address;
  }
  if (address.family != AF_INET6) return address.isShort() ? -EINVAL : -EAFNOSUPPORT;
  switch (address.inet6) {
    case Inet6.ANY:
      inet6.boundToAny = true;
      return inet6.only ? <i64>IN6_LOOPBACK : 0;
    case Inet6.MAPPED:
      if (inet6.only) return -EINVAL;
      return address.address == IN6_LOOPBACK ? -EADDRNOTAVAIL : <i64>address.address;
    case Inet6.LOOPBACK:
      return <i64>IN6_LOOPBACK;
    default:
      return -EADDRNOTAVAIL;
  }
}

/**
 * The address to send to; `local`: what the socket is bound to, 0: all. An unspecified one is this
 * machine, as on Linux.
 */
export function inetRemote(socket: Socket, address: SocketAddress, local: u32): i64 {
  const inet6 = socket.inet6;
  if (!inet6 || (address.family == AF_INET && socket.type != SOCK_STREAM)) {
    if (address.family != AF_INET) return -EAFNOSUPPORT;
    if (inet6 && inet6.only) return -ENETUNREACH;
    if (address.address == 0) return LOOPBACK;
    return address.address == IN6_LOOPBACK ? -ENETUNREACH : <i64>address.address;
  }
  if (address.family != AF_INET6) return address.isShort() ? -EINVAL : -EAFNOSUPPORT;
  const isBoundToIpv4 = local != 0 && local != IN6_LOOPBACK;
  switch (address.inet6) {
    case Inet6.ANY:
      return isBoundToIpv4 ? <i64>LOOPBACK : <i64>IN6_LOOPBACK;
    case Inet6.MAPPED:
      if (inet6.only || local == IN6_LOOPBACK) return -ENETUNREACH;
      if (address.address == 0) return LOOPBACK;
      return address.address == IN6_LOOPBACK ? -ENETUNREACH : <i64>address.address;
    case Inet6.LOOPBACK:
      return isBoundToIpv4 ? -ENETUNREACH : <i64>IN6_LOOPBACK;
    default:
      return -ENETUNREACH;
  }
}

/** Fills in an address of the stack; `isLocal`: of the socket's own end. */
export function inetTell(
  socket: Socket,
  out: SocketAddress,
  address: u32,
  port: u32,
  isLocal: bool = false,
): void {
  const inet6 = socket.inet6;
  if (!inet6) out.setInet(address, port);
  else if (isLocal && inet6.boundToAny && inet6.only) out.setInet6(0, port);
  else out.setInet6(address, port);
}
