/**
 * Options of TCP sockets: tcp(7), ip(7), and what of socket(7) concerns the protocol.
 */
import { EINVAL, ENOPROTOOPT, EOPNOTSUPP } from "../../lib/errno";
import { netNow } from "../clock";
import { ipv4MtuFor } from "../ipv4";
import { Connection } from "../tcp/connection";
import { State } from "../tcp/state";
import {
  IP_BIND_ADDRESS_NO_PORT,
  IP_FREEBIND,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_RECVERR,
  IP_TOS,
  IP_TTL,
  SO_BROADCAST,
  SO_KEEPALIVE,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_IP,
  SOL_SOCKET,
  SOL_TCP,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUICKACK,
  TCP_SYNCNT,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
} from "./constants";
import { TcpSocket } from "./tcp-socket";

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/** Linux's MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT. */
const KEEPALIVE_SECONDS_MAX: i32 = 32767;
const KEEPALIVE_COUNT_MAX: i32 = 127;
/** MAX_TCP_SYNCNT. */
const SYNCNT_MAX: i32 = 127;
const MAXSEG_MIN: i32 = 88;
const MAXSEG_MAX: i32 = 32767;

export function tcpSetOption(socket: TcpSocket, level: u32, name: u32, value: i32): i32 {
  const c = socket.connection;
  if (level == SOL_TCP) return setTcp(socket, c, name, value);
  if (level == SOL_IP) return setIp(socket, name, value);
  if (level != SOL_SOCKET) return -ENOPROTOOPT;
  switch (name) {
    case SO_KEEPALIVE:
      c.setKeepalive(value != 0);
      return 0;
    case SO_BROADCAST:
      socket.broadcast = value != 0;
      return 0;
    // Linux doubles what is asked for, for its own overhead, and getsockopt tells the doubled
    // value.
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      c.setSendLimit(<u32>max(value, 0));
      return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      c.setReceiveLimit(<u32>max(value, 0));
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

/** IP options are remembered; TOS and TTL are those of every packet all the same. */
function setIp(socket: TcpSocket, name: u32, value: i32): i32 {
  switch (name) {
    case IP_TOS:
      socket.tos = <u8>value;
      return 0;
    case IP_TTL:
      if (value != -1 && (value < 1 || value > 255)) return -EINVAL;
      socket.ttl = value == -1 ? 0 : <u8>value;
      return 0;
    case IP_MTU_DISCOVER:
    case IP_RECVERR:
    case IP_FREEBIND:
    case IP_BIND_ADDRESS_NO_PORT:
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

function setTcp(socket: TcpSocket, c: Connection, name: u32, value: i32): i32 {
  switch (name) {
    case TCP_NODELAY:
      c.setNoDelay(value != 0);
      return 0;
    case TCP_CORK:
      c.setCork(value != 0);
      return 0;
    case TCP_MAXSEG:
      if (value != 0 && (value < MAXSEG_MIN || value > MAXSEG_MAX)) return -EINVAL;
      c.mssLimit = <u32>value;
      return 0;
    case TCP_KEEPIDLE:
      if (value < 1 || value > KEEPALIVE_SECONDS_MAX) return -EINVAL;
      c.keepaliveIdle = <u64>value * SECOND;
      if (c.keepalive) c.setKeepalive(true);
      return 0;
    case TCP_KEEPINTVL:
      if (value < 1 || value > KEEPALIVE_SECONDS_MAX) return -EINVAL;
      c.keepaliveInterval = <u64>value * SECOND;
      return 0;
    case TCP_KEEPCNT:
      if (value < 1 || value > KEEPALIVE_COUNT_MAX) return -EINVAL;
      c.keepaliveCount = <u32>value;
      return 0;
    case TCP_SYNCNT:
      if (value < 1 || value > SYNCNT_MAX) return -EINVAL;
      c.synRetries = <u32>value;
      return 0;
    case TCP_USER_TIMEOUT:
      if (value < 0) return -EINVAL;
      c.userTimeout = <u64>value * MILLISECOND;
      return 0;
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
      return -EOPNOTSUPP;
    // Hints that change nothing here.
    case TCP_DEFER_ACCEPT:
    case TCP_QUICKACK:
    case TCP_LINGER2:
    case TCP_WINDOW_CLAMP:
    case TCP_NOTSENT_LOWAT:
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

export function tcpGetOption(socket: TcpSocket, level: u32, name: u32): i64 {
  const c = socket.connection;
  if (level == SOL_SOCKET) {
    if (name == SO_KEEPALIVE) return c.keepalive ? 1 : 0;
    if (name == SO_BROADCAST) return socket.broadcast ? 1 : 0;
    if (name == SO_SNDBUF) return <i64>c.sendLimit * 2;
    if (name == SO_RCVBUF) return <i64>c.receiveLimit * 2;
    return -ENOPROTOOPT;
  }
  if (level == SOL_IP) {
    if (name == IP_TTL) return socket.ttl != 0 ? <i64>socket.ttl : 64;
    if (name == IP_TOS) return socket.tos;
    if (name == IP_RECVERR || name == IP_FREEBIND) return 0;
    if (name == IP_MTU_DISCOVER) return 1;
    if (name == IP_MTU)
      return c.remoteAddress != 0 ? <i64>ipv4MtuFor(c.remoteAddress) : -ENOPROTOOPT;
    return -ENOPROTOOPT;
  }
  if (level != SOL_TCP) return -ENOPROTOOPT;
  switch (name) {
    case TCP_NODELAY:
      return c.noDelay ? 1 : 0;
    case TCP_CORK:
      return c.cork ? 1 : 0;
    case TCP_MAXSEG:
      return c.state == State.CLOSED && c.mssLimit != 0 ? c.mssLimit : c.mss;
    case TCP_KEEPIDLE:
      return <i64>(c.keepaliveIdle / SECOND);
    case TCP_KEEPINTVL:
      return <i64>(c.keepaliveInterval / SECOND);
    case TCP_KEEPCNT:
      return c.keepaliveCount;
    case TCP_USER_TIMEOUT:
      return <i64>(c.userTimeout / MILLISECOND);
    case TCP_SYNCNT:
      return c.synRetries;
    case TCP_LINGER2:
      return 60;
    case TCP_QUICKACK:
      return 1;
    case TCP_DEFER_ACCEPT:
    case TCP_WINDOW_CLAMP:
    case TCP_FASTOPEN:
    case TCP_FASTOPEN_CONNECT:
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

/** struct tcp_info (include/uapi/linux/tcp.h), the part up to tcpi_total_retrans. */
export const TCP_INFO_SIZE: u32 = 104;

/** Fills TCP_INFO_SIZE bytes at `out`. */
export function tcpInfoFill(c: Connection, isListening: bool, out: usize): void {
  memory.fill(out, 0, TCP_INFO_SIZE);
  store<u8>(out, isListening ? <u8>10 : <u8>c.state, 0);
  store<u8>(out, <u8>c.recovery, 1);
  store<u8>(out, <u8>c.backoff, 4);
  // TCPI_OPT_TIMESTAMPS, _SACK, _WSCALE
  const options = (c.timestamps ? 1 : 0) | (c.sack ? 2 : 0) | (c.windowScaling ? 4 : 0);
  store<u8>(out, <u8>options, 5);
  store<u8>(out, <u8>(c.sndScale | (c.rcvScale << 4)), 6);
  store<u32>(out, <u32>(c.rto / 1000), 8);
  store<u32>(out, c.mss, 16);
  store<u32>(out, c.receiveMss, 20);
  const inFlight = c.mss != 0 ? (c.sndNxt - c.sndUna + c.mss - 1) / c.mss : 0;
  store<u32>(out, inFlight, 24);
  const now = netNow();
  store<u32>(out, <u32>((now - c.lastSendTime) / MILLISECOND), 44);
  store<u32>(out, <u32>((now - c.lastReceiveTime) / MILLISECOND), 52);
  store<u32>(out, ipv4MtuFor(c.remoteAddress), 60);
  store<u32>(out, c.ssthresh, 64);
  store<u32>(out, <u32>(c.srtt / 1000), 68);
  store<u32>(out, <u32>(c.rttVariance / 1000), 72);
  store<u32>(out, c.mss != 0 ? c.ssthresh / c.mss : 0, 76);
  store<u32>(out, c.mss != 0 ? c.cwnd / c.mss : 0, 80);
  store<u32>(out, c.mss, 84);
  store<u32>(out, c.receiveLimit, 96);
  store<u32>(out, c.retransmits, 100);
}
