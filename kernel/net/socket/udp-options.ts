/**
 * Options of UDP sockets: udp(7), ip(7), and what of socket(7) concerns datagrams.
 *
 * UDP_SEGMENT and UDP_GRO are refused, as by a kernel that does not have them.
 */
import { EINVAL, ENOPROTOOPT, ENOTCONN } from "../../lib/errno";
import { ipv4MtuFor } from "../ipv4";
import {
  IP_FREEBIND,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_PKTINFO,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_OMIT,
  IP_PMTUDISC_PROBE,
  IP_RECVERR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
  SO_BROADCAST,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_IP,
  SOL_SOCKET,
  SOL_UDP,
  UDP_CORK,
} from "./constants";
import { UdpSocket } from "./udp-socket";

/** What getsockopt says of the send buffer: Linux's default, as nothing is ever held there. */
const SEND_BUFFER: i64 = 212992;
const RECEIVE_LIMIT_MIN: i32 = 2304;
const RECEIVE_LIMIT_MAX: i32 = 8 << 20;
const TTL_DEFAULT: i64 = 64;
export function udpSetOption(socket: UdpSocket, level: u32, name: u32, value: i32): i32 {
  if (level == SOL_SOCKET) return setCommon(socket, name, value);
  if (level == SOL_IP) return setIp(socket, name, value);
  if (level != SOL_UDP || name != UDP_CORK) return -ENOPROTOOPT;
  socket.corked = value != 0;
  return socket.corked ? 0 : socket.uncork();
}

function setCommon(socket: UdpSocket, name: u32, value: i32): i32 {
  const endpoint = socket.endpoint;
  switch (name) {
    case SO_BROADCAST:
      endpoint.broadcast = value != 0;
      return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      endpoint.setReceiveLimit(<u32>max(min(value, RECEIVE_LIMIT_MAX) * 2, RECEIVE_LIMIT_MIN));
      return 0;
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

function setIp(socket: UdpSocket, name: u32, value: i32): i32 {
  const endpoint = socket.endpoint;
  switch (name) {
    case IP_TTL:
      if (value != -1 && (value < 1 || value > 255)) return -EINVAL;
      endpoint.ttl = value == -1 ? 0 : <u8>value;
      return 0;
    case IP_TOS:
      endpoint.tos = <u8>value;
      return 0;
    case IP_PKTINFO:
      socket.packetInfo = value != 0;
      return 0;
    case IP_RECVTTL:
      socket.tellTtl = value != 0;
      return 0;
    case IP_RECVTOS:
      socket.tellTos = value != 0;
      return 0;
    case IP_MULTICAST_TTL:
      if (value < -1 || value > 255) return -EINVAL;
      socket.multicastTtl = value == -1 ? 1 : <u8>value;
      return 0;
    case IP_RECVERR:
      return socket.recordErrors(value != 0);
    case IP_MTU_DISCOVER:
      if (value < 0 || value > IP_PMTUDISC_OMIT) return -EINVAL;
      // The others are remembered: what fits the path carries DF in any case.
      socket.mtuDiscover = value;
      endpoint.neverCuts = value == IP_PMTUDISC_DO || value == IP_PMTUDISC_PROBE;
      return 0;
    case IP_MULTICAST_LOOP:
      endpoint.loopsGroups = value != 0;
      return 0;
    case IP_MULTICAST_ALL:
      endpoint.hearsAllGroups = value != 0;
      return 0;
    case IP_FREEBIND:
      socket.freeBind = value != 0;
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

export function udpGetOption(socket: UdpSocket, level: u32, name: u32): i64 {
  const endpoint = socket.endpoint;
  if (level == SOL_SOCKET) {
    if (name == SO_BROADCAST) return i64(endpoint.broadcast);
    if (name == SO_RCVBUF) return endpoint.receiveLimit;
    return name == SO_SNDBUF ? SEND_BUFFER : -ENOPROTOOPT;
  }
  if (level == SOL_UDP && name == UDP_CORK) return i64(socket.corked);
  if (level != SOL_IP) return -ENOPROTOOPT;
  switch (name) {
    case IP_TTL:
      return endpoint.ttl == 0 ? TTL_DEFAULT : endpoint.ttl;
    case IP_TOS:
      return endpoint.tos;
    case IP_MTU:
      return endpoint.remotePort != 0 ? <i64>ipv4MtuFor(endpoint.remoteAddress) : -ENOTCONN;
    case IP_MULTICAST_LOOP:
      return i64(endpoint.loopsGroups);
    case IP_MULTICAST_ALL:
      return i64(endpoint.hearsAllGroups);
    case IP_MULTICAST_IF:
      return bswap<u32>(endpoint.groupSource);
    case IP_FREEBIND:
      return i64(socket.freeBind);
    case IP_MTU_DISCOVER:
      return socket.mtuDiscover;
    case IP_RECVERR:
      return i64(endpoint.recordsErrors);
    case IP_PKTINFO:
      return i64(socket.packetInfo);
    case IP_RECVTTL:
      return i64(socket.tellTtl);
    case IP_RECVTOS:
      return i64(socket.tellTos);
    case IP_MULTICAST_TTL:
      return socket.multicastTtl;
    default:
      return -ENOPROTOOPT;
  }
}
