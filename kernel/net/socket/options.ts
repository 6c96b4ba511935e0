/**
 * setsockopt(2) and getsockopt(2): options of socket(7) that all kinds of sockets share, and those
 * whose value is no number.
 */
import { EDOM, EFAULT, EINVAL, ENOENT, ENOMEM, ENOPROTOOPT, EPERM } from "../../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import {
  AF_UNIX,
  SO_ACCEPTCONN,
  SO_ATTACH_FILTER,
  SO_BINDTODEVICE,
  SO_BUSY_POLL,
  SO_DEBUG,
  SO_DETACH_FILTER,
  SO_DOMAIN,
  SO_DONTROUTE,
  SO_ERROR,
  SO_INCOMING_CPU,
  SO_LINGER,
  SO_LOCK_FILTER,
  SO_MARK,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PEERCRED,
  SO_PEERGROUPS,
  SO_PRIORITY,
  SO_PROTOCOL,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_TIMESTAMP,
  SO_TIMESTAMPNS,
  SO_TYPE,
  SO_ZEROCOPY,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_CONGESTION,
  TCP_INFO,
} from "./constants";
import { Socket } from "./socket";
import { attachFilter } from "./socket-filter";
import { TCP_INFO_SIZE, tcpInfoFill } from "./tcp-options";
import { TcpSocket } from "./tcp-socket";
import { UCRED_SIZE } from "./unix-ancillary";
import { storePeer, tellPeerGroups } from "./unix-peer";

const NS_PER_SECOND: u64 = 1_000_000_000;
const US_PER_SECOND: i64 = 1_000_000;
const SECONDS_MAX: i64 = 9_000_000_000;
/**
 * The largest value that is copied in or out; longer ones are cut, as their tails are never looked
 * at.
 */
const VALUE_MAX: u32 = 256;
const CUBIC = "cubic";

/** Accepted, remembered and without effect: flags below 64 that getsockopt gives back. */
function isPlain(name: u32): bool {
  return (
    name == SO_DEBUG ||
    name == SO_DONTROUTE ||
    name == SO_OOBINLINE ||
    name == SO_NO_CHECK ||
    name == SO_PRIORITY ||
    name == SO_TIMESTAMP ||
    name == SO_TIMESTAMPNS ||
    name == SO_MARK ||
    name == SO_BUSY_POLL ||
    name == SO_ZEROCOPY ||
    name == SO_INCOMING_CPU
  );
}

/** Whether `length` bytes at `value` are the text. */
function valueIs(value: usize, length: u32, text: string): bool {
  for (let i = 0; i < text.length; i++) {
    if (<u32>i >= length || load<u8>(value + <usize>i) != <u8>text.charCodeAt(i)) return false;
  }
  return <u32>text.length == length || load<u8>(value + <usize>text.length) == 0;
}

export function socketSetOption(
  socket: Socket,
  level: u32,
  name: u32,
  user: u64,
  length: i32,
): i32 {
  if (length < 0) return -EINVAL;
  const size = min<u32>(length, VALUE_MAX);
  const value = heapAlloc(VALUE_MAX);
  if (value == 0) return -ENOMEM;
  memory.fill(value, 0, VALUE_MAX);
  let result = loadUser(value, user, size);
  if (result == 0) {
    if (level == SOL_SOCKET) result = setCommon(socket, name, value, size);
    else if (level == SOL_TCP && name == TCP_CONGESTION) result = setCongestion(value, size);
    else if (level == SOL_IPV6) result = setInet6(socket, name, value, size);
    else result = socket.setOptionData(level, name, value, size);
  }
  heapFree(value);
  return result;
}

function setInet6(socket: Socket, name: u32, value: usize, size: u32): i32 {
  const inet6 = socket.inet6;
  return inet6 ? inet6.set(socket, name, value, size) : -ENOPROTOOPT;
}

/** There is one algorithm; the others are not there to be chosen. */
function setCongestion(value: usize, size: u32): i32 {
  return valueIs(value, size, CUBIC) ? 0 : -ENOENT;
}

function setCommon(socket: Socket, name: u32, value: usize, size: u32): i32 {
  if (name == SO_BINDTODEVICE) return 0;
  if (name == SO_ATTACH_FILTER || name == SO_DETACH_FILTER) {
    if (socket.filterIsLocked) return -EPERM;
    if (name == SO_ATTACH_FILTER) return attachFilter(socket, value, size);
    return socket.hasFilter() ? socket.takeFilter(0, 0) : -ENOENT;
  }
  if (size < 4) return -EINVAL;
  const number = load<i32>(value);
  switch (name) {
    case SO_LOCK_FILTER:
      if (socket.filterIsLocked && number == 0) return -EPERM;
      socket.filterIsLocked = number != 0;
      return 0;
    case SO_REUSEADDR:
      socket.reuseAddress = number != 0;
      return 0;
    case SO_REUSEPORT:
      socket.reusePort = number != 0;
      return 0;
    case SO_LINGER:
      if (size < 8) return -EINVAL;
      socket.lingerOn = number != 0;
      socket.lingerSeconds = load<u32>(value, 4);
      return 0;
    case SO_RCVTIMEO:
    case SO_SNDTIMEO:
      return setTimeout(socket, name, value, size);
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
      return name == SO_RCVLOWAT ? 0 : -ENOPROTOOPT;
    case SO_TYPE:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
    case SO_ACCEPTCONN:
    case SO_PEERCRED:
    case SO_PEERGROUPS:
      return -ENOPROTOOPT;
    default:
      break;
  }
  if (isPlain(name)) {
    const bit = (<u64>1) << name;
    socket.plainOptions = number != 0 ? socket.plainOptions | bit : socket.plainOptions & ~bit;
    if (name == SO_OOBINLINE) socket.setUrgentInline(number != 0);
    return 0;
  }
  return socket.setOption(SOL_SOCKET, name, number);
}

/** struct timeval. */
function setTimeout(socket: Socket, name: u32, value: usize, size: u32): i32 {
  if (size < 16) return -EINVAL;
  const seconds = load<i64>(value);
  const micros = load<i64>(value, 8);
  if (micros < 0 || micros >= US_PER_SECOND) return -EDOM;
  let ns: u64 = 0;
  if (seconds >= 0) ns = <u64>min(seconds, SECONDS_MAX) * NS_PER_SECOND + <u64>micros * 1000;
  if (name == SO_RCVTIMEO) socket.receiveTimeout = ns;
  else socket.sendTimeout = ns;
  return 0;
}

/** Length of the value written at `out` (VALUE_MAX bytes), or a negative errno. */
function getValue(socket: Socket, level: u32, name: u32, out: usize): i32 {
  if (level == SOL_TCP && socket.family != AF_UNIX && socket.type == SOCK_STREAM) {
    if (name == TCP_CONGESTION) {
      for (let i = 0; i < CUBIC.length; i++) store<u8>(out + <usize>i, <u8>CUBIC.charCodeAt(i));
      return 16;
    }
    if (name == TCP_INFO) {
      const tcp = changetype<TcpSocket>(socket);
      tcpInfoFill(tcp.connection, tcp.isListening(), out);
      return <i32>TCP_INFO_SIZE;
    }
  }
  if (level == SOL_SOCKET) {
    if (name == SO_LINGER) {
      store<u32>(out, socket.lingerOn ? 1 : 0);
      store<u32>(out, socket.lingerSeconds, 4);
      return 8;
    }
    if (name == SO_RCVTIMEO || name == SO_SNDTIMEO) {
      const ns = name == SO_RCVTIMEO ? socket.receiveTimeout : socket.sendTimeout;
      store<u64>(out, ns / NS_PER_SECOND);
      store<u64>(out, (ns % NS_PER_SECOND) / 1000, 8);
      return 16;
    }
    if (name == SO_PEERCRED) {
      storePeer(socket, out);
      return <i32>UCRED_SIZE;
    }
  }
  const length = socket.getOptionData(level, name, out);
  if (length != 0) return length;
  const number = getNumber(socket, level, name);
  if (number < 0) return <i32>number;
  store<i32>(out, <i32>number);
  return 4;
}

function getNumber(socket: Socket, level: u32, name: u32): i64 {
  if (level == SOL_IPV6) {
    const inet6 = socket.inet6;
    return inet6 ? inet6.get(name) : -ENOPROTOOPT;
  }
  if (level != SOL_SOCKET) return socket.getOption(level, name);
  switch (name) {
    case SO_TYPE:
      return socket.type;
    case SO_DOMAIN:
      return socket.family;
    case SO_PROTOCOL:
      return socket.protocol;
    case SO_ERROR:
      return socket.takeError();
    case SO_ACCEPTCONN:
      return socket.isListening() ? 1 : 0;
    case SO_LOCK_FILTER:
      return socket.filterIsLocked ? 1 : 0;
    case SO_REUSEADDR:
      return socket.reuseAddress ? 1 : 0;
    case SO_REUSEPORT:
      return socket.reusePort ? 1 : 0;
    case SO_RCVLOWAT:
    case SO_SNDLOWAT:
      return 1;
    default:
      break;
  }
  if (isPlain(name)) return (socket.plainOptions >> name) & 1;
  const number = socket.getOption(SOL_SOCKET, name);
  // Options of another protocol read as off.
  return number == -ENOPROTOOPT && name <= SO_ACCEPTCONN ? 0 : number;
}

export function socketGetOption(
  socket: Socket,
  level: u32,
  name: u32,
  user: u64,
  lengthUser: u64,
): i32 {
  if (level == SOL_SOCKET && name == SO_PEERGROUPS) return tellPeerGroups(socket, user, lengthUser);
  const value = heapAlloc(VALUE_MAX);
  if (value == 0) return -ENOMEM;
  let result = loadUser(value, lengthUser, 4);
  const room = load<i32>(value);
  if (result == 0 && room < 0) result = -EINVAL;
  if (result == 0) {
    memory.fill(value, 0, VALUE_MAX);
    const length = getValue(socket, level, name, value);
    if (length < 0) {
      result = length;
    } else {
      const given = min(length, room);
      result = storeUser(user, value, given) != 0 ? -EFAULT : storeUser32(lengthUser, given);
    }
  }
  heapFree(value);
  return result;
}
