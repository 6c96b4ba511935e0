/**
 * All unix(7) sockets, and how one is found: by the inode of its path's file (unix-file.ts), or by
 * its abstract name. Abstract names of different types do not meet, as on Linux.
 *
 *     unixEnter(socket), unixLeave(socket)      for the life of a socket
 *     unixFind(address, type)                   for connect and send; may sleep
 *     unixFindAbstract(name, length, type)
 *     unixFreeName(at, type)                    autobind: writes a name that nobody has
 *     unixFirst(), socket.nextSocket            all of them
 */
import { Inode, inodePut, isError } from "../../fs/inode";
import { ECONNREFUSED, EINVAL } from "../../lib/errno";
import { SocketAddress } from "./address";
import { socketFileFind } from "./unix-file";
import { UnixSocket } from "./unix-socket";

/** Bytes of a name that autobind chooses: a zero and five hexadecimal digits (unix(7)). */
export const AUTOBIND_LENGTH: u32 = 6;

let sockets: UnixSocket | null = null;
let nextAutobind: u32 = 1;

export function unixFirst(): UnixSocket | null {
  return sockets;
}

export function unixEnter(socket: UnixSocket): void {
  const first = sockets;
  socket.nextSocket = first;
  if (first) first.previousSocket = socket;
  sockets = socket;
}

export function unixLeave(socket: UnixSocket): void {
  const before = socket.previousSocket;
  const after = socket.nextSocket;
  if (before) before.nextSocket = after;
  else sockets = after;
  if (after) after.previousSocket = before;
}

/** The socket of a type that has an abstract name; borrowed. */
export function unixFindAbstract(name: usize, length: u32, type: u32): UnixSocket | null {
  let socket = sockets;
  while (socket) {
    if (
      socket.nameLength == length &&
      socket.isNameOwner &&
      socket.type == type &&
      memory.compare(socket.name, name, length) == 0
    ) {
      return socket;
    }
    socket = socket.nextSocket;
  }
  return null;
}

/** The socket at an address, borrowed, as a pointer; or a negative errno. May sleep. */
export function unixFind(address: SocketAddress, type: u32): usize {
  if (address.pathLength == 0) return -EINVAL;
  let socket: UnixSocket | null;
  if (load<u8>(address.path()) == 0) {
    socket = unixFindAbstract(address.path(), address.pathLength, type);
  } else {
    const file = socketFileFind(address.path(), address.pathLength);
    if (isError(file)) return file;
    socket = sockets;
    while (socket && changetype<usize>(socket.file) != file) socket = socket.nextSocket;
    inodePut(changetype<Inode>(file));
  }
  return socket ? changetype<usize>(socket) : -ECONNREFUSED;
}

/** Writes AUTOBIND_LENGTH bytes at `at`: an abstract name that no socket of the type has. */
export function unixFreeName(at: usize, type: u32): void {
  do {
    store<u8>(at, 0);
    let value = nextAutobind++;
    for (let i: usize = AUTOBIND_LENGTH - 1; i > 0; i--) {
      const digit = value & 15;
      store<u8>(at + i, <u8>(digit < 10 ? 48 + digit : 87 + digit));
      value >>= 4;
    }
  } while (unixFindAbstract(at, AUTOBIND_LENGTH, type) != null);
}
