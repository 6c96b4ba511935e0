/**
 * The socket system calls, on net/socket/.
 *
 * Each call holds a reference on the socket while it runs, because it may sleep and another thread
 * close the descriptor. The calls that move messages with addresses or control data are in
 * message-calls.ts.
 */
import { filePut, O_NONBLOCK } from "../fs/file";
import {
  EAFNOSUPPORT,
  EBADF,
  EFAULT,
  EINVAL,
  ENOTSOCK,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../lib/errno";
import { addressCreate, addressLoad, addressStore } from "../net/socket/address";
import {
  AF_INET,
  AF_UNIX,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
} from "../net/socket/constants";
import { socketGetOption, socketSetOption } from "../net/socket/options";
import { acceptError, Socket } from "../net/socket/socket";
import { tcpSocketCreate } from "../net/socket/tcp-socket";
import { UdpSocket } from "../net/socket/udp-socket";
import { UnixSocket, unixPair } from "../net/socket/unix-socket";
import { IPPROTO_TCP, IPPROTO_UDP } from "../net/wire/ipv4";
import { free } from "../runtime/free";
import { fdClose, fdFile, fdInstall } from "./descriptors";
import { storeUser32 } from "./user-memory";

const FLAGS: u32 = SOCK_NONBLOCK | SOCK_CLOEXEC;
/** Why `socketOf` or `socketCreate` returned null. */
let failure: i32 = 0;

/**
 * The socket of a descriptor, with a reference for the caller; null: `socketFailure()` says why.
 */
export function socketOf(fd: i32): Socket | null {
  const file = fdFile(fd);
  if (!file) {
    failure = -EBADF;
    return null;
  }
  if (!(file instanceof Socket)) {
    failure = -ENOTSOCK;
    return null;
  }
  file.references++;
  return <Socket>file;
}

export function socketFailure(): i32 {
  return failure;
}

/** Gives back the reference of `socketOf`. */
export function socketPut(socket: Socket): void {
  if (socket.references > 1) socket.references--;
  else filePut(socket);
}

function refused(error: i32): Socket | null {
  failure = error;
  return null;
}

function createInet(type: u32, protocol: u32): Socket | null {
  if (type == SOCK_STREAM) {
    if (protocol != 0 && protocol != IPPROTO_TCP) return refused(-EPROTONOSUPPORT);
    return tcpSocketCreate();
  }
  if (type == SOCK_DGRAM) {
    if (protocol != 0 && protocol != IPPROTO_UDP) return refused(-EPROTONOSUPPORT);
    return new UdpSocket();
  }
  return refused(type == SOCK_RAW ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT);
}

function socketCreate(domain: u32, type: u32, protocol: u32): Socket | null {
  if (domain == AF_INET) return createInet(type, protocol);
  if (domain != AF_UNIX) return refused(-EAFNOSUPPORT);
  if (protocol != 0 && protocol != AF_UNIX) return refused(-EPROTONOSUPPORT);
  if (type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET) {
    return new UnixSocket(type);
  }
  // unix(7): SOCK_RAW means SOCK_DGRAM.
  return type == SOCK_RAW ? new UnixSocket(SOCK_DGRAM) : refused(-ESOCKTNOSUPPORT);
}

/** Gives a new socket its descriptor; the socket is the table's then. */
function install(socket: Socket, flags: u32): i64 {
  if ((flags & SOCK_NONBLOCK) != 0) socket.flags |= O_NONBLOCK;
  return fdInstall(socket, (flags & SOCK_CLOEXEC) != 0);
}

export function sys_socket(domain: u32, type: u32, protocol: u32): i64 {
  if ((type & ~(SOCK_TYPE_MASK | FLAGS)) != 0) return -EINVAL;
  const socket = socketCreate(domain, type & SOCK_TYPE_MASK, protocol);
  if (!socket) return failure;
  return install(socket, type);
}

export function sys_socketpair(domain: u32, type: u32, protocol: u32, out: u64): i64 {
  if ((type & ~(SOCK_TYPE_MASK | FLAGS)) != 0) return -EINVAL;
  if (domain != AF_UNIX) return domain == AF_INET ? -EOPNOTSUPP : -EAFNOSUPPORT;
  const first = socketCreate(domain, type & SOCK_TYPE_MASK, protocol);
  if (!first) return failure;
  const second = new UnixSocket(first.type);
  unixPair(changetype<UnixSocket>(first), second);
  const a = install(first, type);
  if (a < 0) {
    filePut(second);
    return a;
  }
  const b = install(second, type);
  if (b < 0) {
    fdClose(<i32>a);
    return b;
  }
  if (storeUser32(out, <u32>a) == 0 && storeUser32(out + 4, <u32>b) == 0) return 0;
  fdClose(<i32>a);
  fdClose(<i32>b);
  return -EFAULT;
}

export function sys_bind(fd: i32, user: u64, length: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const address = addressCreate();
  let result = addressLoad(address, user, length);
  if (result == 0) result = socket.bind(address);
  free(address);
  socketPut(socket);
  return result;
}

export function sys_connect(fd: i32, user: u64, length: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const address = addressCreate();
  let result = addressLoad(address, user, length);
  if (result == 0) result = socket.connect(address);
  free(address);
  socketPut(socket);
  return result;
}

export function sys_listen(fd: i32, backlog: i32): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const result = socket.listen(<u32>backlog);
  socketPut(socket);
  return result;
}

export function sys_accept(fd: i32, user: u64, lengthUser: u64): i64 {
  return sys_accept4(fd, user, lengthUser, 0);
}

export function sys_accept4(fd: i32, user: u64, lengthUser: u64, flags: u32): i64 {
  if ((flags & ~FLAGS) != 0) return -EINVAL;
  const socket = socketOf(fd);
  if (!socket) return failure;
  const accepted = socket.accept();
  let result: i64 = acceptError;
  if (accepted) {
    result = 0;
    if (user != 0) {
      const address = addressCreate();
      // A peer that has gone already has no address; the connection is given all the same.
      accepted.remoteAddress(address);
      result = addressStore(address, user, lengthUser);
      free(address);
    }
    if (result == 0) result = install(accepted, flags);
    else filePut(accepted);
  }
  socketPut(socket);
  return result;
}

function nameCall(fd: i32, user: u64, lengthUser: u64, isPeer: bool): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const address = addressCreate();
  let result = isPeer ? socket.remoteAddress(address) : socket.localAddress(address);
  if (result == 0) result = user == 0 ? -EFAULT : addressStore(address, user, lengthUser);
  free(address);
  socketPut(socket);
  return result;
}

export function sys_getsockname(fd: i32, user: u64, lengthUser: u64): i64 {
  return nameCall(fd, user, lengthUser, false);
}

export function sys_getpeername(fd: i32, user: u64, lengthUser: u64): i64 {
  return nameCall(fd, user, lengthUser, true);
}

export function sys_shutdown(fd: i32, how: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const result = how > SHUT_RDWR ? -EINVAL : socket.shutdown(how);
  socketPut(socket);
  return result;
}

export function sys_setsockopt(fd: i32, level: u32, name: u32, user: u64, length: i32): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const result = socketSetOption(socket, level, name, user, length);
  socketPut(socket);
  return result;
}

export function sys_getsockopt(fd: i32, level: u32, name: u32, user: u64, lengthUser: u64): i64 {
  const socket = socketOf(fd);
  if (!socket) return failure;
  const result = socketGetOption(socket, level, name, user, lengthUser);
  socketPut(socket);
  return result;
}
