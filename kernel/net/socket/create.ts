/**
 * socket(2): which families, types and protocols there are.
 *
 *     socketCreate(domain, type, protocol)      a pointer to a new Socket, the caller's, or a negative errno (isError)
 */

import { isError } from "../../fs/inode";
import { EAFNOSUPPORT, EINVAL, ENOBUFS, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { NETLINK_KOBJECT_UEVENT, NETLINK_ROUTE, NETLINK_SOCK_DIAG } from "../netlink/constants";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../wire/ipv4";
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "./constants";
import { Inet6Options } from "./inet6-options";
import { NetlinkSocket } from "./netlink-socket";
import { PacketSocket } from "./packet-socket";
import { PingSocket } from "./ping-socket";
import { IPPROTO_RAW, RawSocket } from "./raw-socket";
import { Socket } from "./socket";
import { tcpSocketCreate } from "./tcp-socket";
import { UdpSocket } from "./udp-socket";
import { UnixSocket } from "./unix-socket";

export function socketCreate(domain: u32, type: u32, protocol: u32): usize {
  if (domain == AF_INET) return createInet(type, protocol);
  if (domain == AF_INET6) return createInet6(type, protocol);
  if (domain == AF_NETLINK) return createNetlink(type, protocol);
  if (domain == AF_PACKET) return createPacket(type, protocol);
  if (domain == AF_UNIX) return createUnix(type, protocol);
  return -EAFNOSUPPORT;
}

/** A new socket's pointer, or what Linux says when memory is out. */
function made(socket: Socket | null): usize {
  return socket ? changetype<usize>(socket) : -ENOBUFS;
}

function createInet(type: u32, protocol: u32): usize {
  if (type == SOCK_STREAM) {
    if (protocol != 0 && protocol != IPPROTO_TCP) return -EPROTONOSUPPORT;
    return made(tcpSocketCreate());
  }
  if (type == SOCK_DGRAM) {
    if (protocol == IPPROTO_ICMP) return made(attempt(new PingSocket()));
    if (protocol != 0 && protocol != IPPROTO_UDP) return -EPROTONOSUPPORT;
    return made(attempt(new UdpSocket()));
  }
  if (type != SOCK_RAW) return -ESOCKTNOSUPPORT;
  if (protocol == 0) return -EPROTONOSUPPORT;
  if (protocol > IPPROTO_RAW) return -EINVAL;
  return made(attempt(new RawSocket(protocol)));
}

function createPacket(type: u32, protocol: u32): usize {
  if (type != SOCK_RAW && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
  return made(attempt(new PacketSocket(type, protocol)));
}

/** The same socket, whose addresses are read and told as IPv6 (inet-address.ts). */
function createInet6(type: u32, protocol: u32): usize {
  // There is no IPv6 on the wire.
  if (type == SOCK_RAW || (type == SOCK_DGRAM && protocol == IPPROTO_ICMP)) {
    return -EPROTONOSUPPORT;
  }
  const options = attempt(new Inet6Options());
  if (!options) return -ENOBUFS;
  const created = createInet(type, protocol);
  if (isError(created)) {
    free(options);
    return created;
  }
  const socket = changetype<Socket>(created);
  socket.family = AF_INET6;
  socket.inet6 = options;
  return created;
}

/** Generic netlink, audit and the like are refused as where Linux was built without. */
function createNetlink(type: u32, protocol: u32): usize {
  if (type != SOCK_RAW && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
  const isKnown =
    protocol == NETLINK_ROUTE ||
    protocol == NETLINK_SOCK_DIAG ||
    protocol == NETLINK_KOBJECT_UEVENT;
  if (!isKnown) return -EPROTONOSUPPORT;
  return made(attempt(new NetlinkSocket(type, protocol)));
}

function createUnix(type: u32, protocol: u32): usize {
  if (protocol != 0 && protocol != AF_UNIX) return -EPROTONOSUPPORT;
  // unix(7): SOCK_RAW means SOCK_DGRAM.
  const real = type == SOCK_RAW ? SOCK_DGRAM : type;
  if (real != SOCK_STREAM && real != SOCK_DGRAM && real != SOCK_SEQPACKET) return -ESOCKTNOSUPPORT;
  return made(attempt(new UnixSocket(real)));
}
