/**
 * What is ready at a unix(7) socket, and how its directions are shut down.
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../../fs/file";
import { SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_DGRAM } from "./constants";
import { UnixSocket } from "./unix-socket";

/** POLL* that are ready now. Who does not find POLLOUT will be told of it. */
export function unixPoll(socket: UnixSocket): u32 {
  let mask: u32 = 0;
  if (socket.listening) {
    if (socket.pending || socket.receiveShut) mask = POLLIN | POLLRDNORM;
    return socket.receiveShut ? mask | POLLRDHUP : mask;
  }
  const peer = socket.peer;
  const isStream = socket.type != SOCK_DGRAM;
  const isGone = isStream && !peer && socket.wasConnected;
  if (socket.queue.first) mask |= POLLIN | POLLRDNORM;
  if (socket.receiveShut || isGone) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
  if (isGone || (socket.receiveShut && socket.sendShut)) mask |= POLLHUP;
  if (isStream && !socket.wasConnected) mask |= POLLHUP;
  if (socket.error != 0) mask |= POLLERR;
  if (!peer || socket.sendShut || peer.queue.hasRoom(1, socket.sendLimit)) {
    mask |= POLLOUT | POLLWRNORM;
  } else {
    peer.hasBlockedSender = true;
  }
  return mask;
}

/** SHUT_*: ends directions of the socket, and a stream's other end with them; all are told. */
export function unixShutdown(socket: UnixSocket, how: u32): void {
  const other: UnixSocket | null = socket.type == SOCK_DGRAM ? null : socket.peer;
  if (how == SHUT_RD || how == SHUT_RDWR) {
    socket.receiveShut = true;
    if (other) other.sendShut = true;
  }
  if (how == SHUT_WR || how == SHUT_RDWR) {
    socket.sendShut = true;
    if (other) other.receiveShut = true;
  }
  const both = socket.receiveShut && socket.sendShut ? POLLHUP : 0;
  const mask = POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | both;
  socket.changed(mask);
  // Who waits to connect here is refused now.
  socket.wakeSenders();
  if (other) other.changed(mask);
}
