/**
 * The socket system calls, on net/socket/.
 *
 * Each call holds a reference on the socket while it runs, because it may sleep and another thread
 * close the descriptor. The calls that move messages with addresses or control data are in
 * message-calls.ts.
 */
import { filePut, O_NONBLOCK } from "../fs/file";
import { isError } from "../fs/inode";
import {
  EAFNOSUPPORT,
  EBADF,
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOTSOCK,
  EOPNOTSUPP,
  EPERM,
} from "../lib/errno";
import { addressCreate, addressLoad, addressStore } from "../net/socket/address";
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_TYPE_MASK,
} from "../net/socket/constants";
import { socketCreate } from "../net/socket/create";
import { socketGetOption, socketSetOption } from "../net/socket/options";
import { Socket } from "../net/socket/socket";
import { unixPair } from "../net/socket/unix-peer";
import { UnixSocket } from "../net/socket/unix-socket";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { CAP_NET_RAW, capable } from "./credentials";
import { fdClose, fdFile, fdInstall, fdRoom } from "./descriptors";
import { storeUser32 } from "./user-memory";

const FLAGS: u32 = SOCK_NONBLOCK | SOCK_CLOEXEC;

/**
 * The socket of a descriptor, with a reference for the caller; null: `socketFailure(fd)` says why.
 */
export function socketOf(fd: i32): Socket | null {
  const file = fdFile(fd);
  if (!file || !(file instanceof Socket)) return null;
  file.references++;
  return <Socket>file;
}

/** Why a descriptor has no socket. To be asked before anything sleeps. */
export function socketFailure(fd: i32): i32 {
  return fdFile(fd) ? -ENOTSOCK : -EBADF;
}

/** Gives back the reference of `socketOf`. */
export function socketPut(socket: Socket): void {
  if (socket.references > 1) socket.references--;
  else filePut(socket);
}

/** Gives a new socket its descriptor; the socket is the table's then. */
function install(socket: Socket, flags: u32): i64 {
  if ((flags & SOCK_NONBLOCK) != 0) socket.flags |= O_NONBLOCK;
  return fdInstall(socket, (flags & SOCK_CLOEXEC) != 0);
}

export function sys_socket(domain: u32, type: u32, protocol: u32): i64 {
  if ((type & ~(SOCK_TYPE_MASK | FLAGS)) != 0) return -EINVAL;
  const kind = type & SOCK_TYPE_MASK;
  const isRaw =
    domain == AF_PACKET || (kind == SOCK_RAW && domain != AF_UNIX && domain != AF_NETLINK);
  if (isRaw && !capable(CAP_NET_RAW)) return -EPERM;
  const socket = socketCreate(domain, kind, protocol);
  return isError(socket) ? <i32>socket : install(changetype<Socket>(socket), type);
}

export function sys_socketpair(domain: u32, type: u32, protocol: u32, out: u64): i64 {
  if ((type & ~(SOCK_TYPE_MASK | FLAGS)) != 0) return -EINVAL;
  if (domain == AF_INET || domain == AF_INET6) return -EOPNOTSUPP;
  if (domain != AF_UNIX) return -EAFNOSUPPORT;
  const made = socketCreate(domain, type & SOCK_TYPE_MASK, protocol);
  if (isError(made)) return <i32>made;
  const first = changetype<UnixSocket>(made);
  const second = attempt(new UnixSocket(first.type));
  if (!second) {
    filePut(first);
    return -ENOMEM;
  }
  if (!unixPair(first, second)) {
    filePut(second);
    filePut(first);
    return -ENOMEM;
  }
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
  if (!socket) return socketFailure(fd);
  const address = addressCreate();
  let result = address ? addressLoad(address, user, length) : -ENOMEM;
  if (address && result == 0) result = socket.bind(address);
  if (address) free(address);
  socketPut(socket);
  return result;
}

export function sys_connect(fd: i32, user: u64, length: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const address = addressCreate();
  let result = address ? addressLoad(address, user, length) : -ENOMEM;
  if (address && result == 0) result = socket.connect(address);
  if (address) free(address);
  socketPut(socket);
  return result;
}

export function sys_listen(fd: i32, backlog: i32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
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
  if (!socket) return socketFailure(fd);
  // Without a descriptor for it the connection goes on waiting to be accepted.
  const room = fdRoom();
  const accepted: usize = room == 0 ? socket.accept() : <usize>room;
  const result = isError(accepted)
    ? <i64>(<i32>accepted)
    : giveAccepted(changetype<Socket>(accepted), user, lengthUser, flags);
  socketPut(socket);
  return result;
}

/** Tells the application of an accepted connection, which is the descriptor table's then. */
function giveAccepted(accepted: Socket, user: u64, lengthUser: u64, flags: u32): i64 {
  if (user != 0) {
    const address = addressCreate();
    let error = -ENOMEM;
    if (address) {
      // A peer that has gone already may have no address; the connection is given all the same.
      accepted.remoteAddress(address);
      error = addressStore(address, user, lengthUser);
      free(address);
    }
    if (error != 0) {
      filePut(accepted);
      return error;
    }
  }
  return install(accepted, flags);
}

function nameCall(fd: i32, user: u64, lengthUser: u64, isPeer: bool): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const address = addressCreate();
  let result = -ENOMEM;
  if (address) {
    result = isPeer ? socket.remoteAddress(address) : socket.localAddress(address);
    if (result == 0) result = user == 0 ? -EFAULT : addressStore(address, user, lengthUser);
    free(address);
  }
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
  if (!socket) return socketFailure(fd);
  const result = how > SHUT_RDWR ? -EINVAL : socket.shutdown(how);
  socketPut(socket);
  return result;
}

export function sys_setsockopt(fd: i32, level: u32, name: u32, user: u64, length: i32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const result = socketSetOption(socket, level, name, user, length);
  socketPut(socket);
  return result;
}

export function sys_getsockopt(fd: i32, level: u32, name: u32, user: u64, lengthUser: u64): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const result = socketGetOption(socket, level, name, user, lengthUser);
  socketPut(socket);
  return result;
}
