/**
 * Options of unix(7) sockets at the level SOL_SOCKET that not all sockets have.
 */
import { ENOPROTOOPT } from "../../lib/errno";
import { SO_PASSCRED, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE } from "./constants";
import { UnixSocket } from "./unix-socket";

/** Linux's SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF and net.core.wmem_max, rmem_max. */
const SEND_BUFFER_MIN: u32 = 4608;
const RECEIVE_BUFFER_MIN: u32 = 2304;
const BUFFER_MAX: u32 = 212992;

/** 0 or -ENOPROTOOPT. */
export function unixSetOption(socket: UnixSocket, name: u32, value: i32): i32 {
  // Linux doubles what is asked for, for its own overhead, and getsockopt tells the doubled value.
  const size = min(<u32>max(value, 0), BUFFER_MAX) * 2;
  switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      socket.sendLimit = max(size, SEND_BUFFER_MIN);
      return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      socket.receiveLimit = max(size, RECEIVE_BUFFER_MIN);
      return 0;
    case SO_PASSCRED:
      socket.passCredentials = value != 0;
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

export function unixGetOption(socket: UnixSocket, name: u32): i64 {
  if (name == SO_SNDBUF) return socket.sendLimit;
  if (name == SO_RCVBUF) return socket.receiveLimit;
  return name == SO_PASSCRED ? i64(socket.passCredentials) : -ENOPROTOOPT;
}
