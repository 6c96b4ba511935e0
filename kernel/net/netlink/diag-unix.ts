/**
 * unix(7) sockets as sock_diag(7) tells of them. Whose connections wait to be accepted
 * (UDIAG_SHOW_ICONS) and what memory a socket takes (UDIAG_SHOW_MEMINFO) is not told.
 */
import { AF_UNIX, SHUT_RD, SHUT_WR } from "../socket/constants";
import { unixFirst } from "../socket/unix-names";
import { UnixSocket } from "../socket/unix-socket";
import { State } from "../tcp/state";
import { NetlinkBuilder } from "./builder";
import {
  SOCK_DIAG_BY_FAMILY,
  UDIAG_SHOW_NAME,
  UDIAG_SHOW_PEER,
  UDIAG_SHOW_RQLEN,
  UDIAG_SHOW_UID,
  UDIAG_SHOW_VFS,
  UNIX_DIAG_MSG_SIZE,
  UNIX_DIAG_NAME,
  UNIX_DIAG_PEER,
  UNIX_DIAG_RQLEN,
  UNIX_DIAG_SHUTDOWN,
  UNIX_DIAG_UID,
  UNIX_DIAG_VFS,
} from "./constants";
import { NetlinkRequest } from "./request";

/** Linux keeps TCP's numbers for the states of all sockets. */
function stateOf(socket: UnixSocket): State {
  if (socket.listening) return State.LISTEN;
  return socket.peer ? State.ESTABLISHED : State.CLOSED;
}

/** What is queued: connections of a listener, and how many may be; or bytes, in and out. */
function putQueues(b: NetlinkBuilder, socket: UnixSocket): void {
  const at = b.reserve(UNIX_DIAG_RQLEN, 8);
  store<u32>(at, socket.listening ? socket.pendingCount : <u32>socket.readableBytes());
  store<u32>(at, socket.listening ? socket.backlog : <u32>socket.unsentBytes(), 4);
}

function putSocket(b: NetlinkBuilder, socket: UnixSocket, state: State, show: u32): void {
  const message = b.begin(SOCK_DIAG_BY_FAMILY, UNIX_DIAG_MSG_SIZE);
  store<u8>(message, <u8>AF_UNIX);
  store<u8>(message, <u8>socket.type, 1);
  store<u8>(message, <u8>state, 2);
  store<u32>(message, <u32>socket.inode, 4);
  store<u64>(message, socket.inode, 8);
  if ((show & UDIAG_SHOW_NAME) != 0 && socket.nameLength > 0) {
    const isPath = load<u8>(socket.name) != 0;
    // A path comes with its terminator.
    const at = b.reserve(UNIX_DIAG_NAME, socket.nameLength + u32(isPath));
    memory.copy(at, socket.name, socket.nameLength);
  }
  const file = socket.file;
  if ((show & UDIAG_SHOW_VFS) != 0 && file) {
    const at = b.reserve(UNIX_DIAG_VFS, 8);
    store<u32>(at, <u32>file.number);
    store<u32>(at, <u32>file.fileSystem.device, 4);
  }
  const peer = socket.peer;
  if ((show & UDIAG_SHOW_PEER) != 0 && peer) b.number(UNIX_DIAG_PEER, <u32>peer.inode);
  if ((show & UDIAG_SHOW_RQLEN) != 0) putQueues(b, socket);
  if ((show & UDIAG_SHOW_UID) != 0) b.number(UNIX_DIAG_UID, 0);
  const receives: u32 = socket.receiveShut ? 1 << SHUT_RD : 0;
  b.byte(UNIX_DIAG_SHUTDOWN, receives | (socket.sendShut ? 1 << SHUT_WR : 0));
  b.end();
}

/** All sockets in a state that the request has the bit of. */
export function putUnixSockets(b: NetlinkBuilder, request: NetlinkRequest): void {
  const states = request.number(4);
  const show = request.number(12);
  let socket = unixFirst();
  while (socket) {
    const state = stateOf(socket);
    if (((states >> state) & 1) != 0) putSocket(b, socket, state, show);
    socket = socket.nextSocket;
  }
}
