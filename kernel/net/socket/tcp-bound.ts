/**
 * TCP sockets with a port of their own (bind(2)), for finding out who has it.
 *
 *     bindTo(socket, address, port)     enters it; port 0: one is chosen
 *     unbind(socket)                    takes it out
 */
import { EADDRINUSE } from "../../lib/errno";
import { ephemeralPort } from "../tcp/ports";
import { tablePortInUse } from "../tcp/table";
import { addressesOverlap } from "../wire/ipv4";
import { TcpSocket } from "./tcp-socket";

/** How many ports are tried before it is said that there is none. */
const TRIES_MAX = 1000;

let boundSockets: TcpSocket | null = null;

/** Whether the socket may have the port, beside those that have it. */
function isFree(socket: TcpSocket, address: u32, port: u32): bool {
  let other = boundSockets;
  while (other) {
    if (
      other != socket &&
      other.boundPort == port &&
      addressesOverlap(other.boundAddress, other.inet6 != null, address, socket.inet6 != null)
    ) {
      const shared = socket.reusePort && other.reusePort;
      const reused = socket.reuseAddress && other.reuseAddress && other.listener == null;
      if (!shared && !reused) return false;
    }
    other = other.nextBound;
  }
  if (socket.reuseAddress || socket.reusePort) return true;
  return !tablePortInUse(address, port, true);
}

/** A port that the socket may have; 0: none. */
function choosePort(socket: TcpSocket, local: u32): u32 {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const candidate = ephemeralPort(local, 0, 0);
    if (candidate != 0 && isFree(socket, local, candidate)) return candidate;
  }
  return 0;
}

/** 0 or -EADDRINUSE. `local` is an address of ours, or 0 for any. */
export function bindTo(socket: TcpSocket, local: u32, wanted: u32): i32 {
  const port = wanted == 0 ? choosePort(socket, local) : wanted;
  if (port == 0 || (wanted != 0 && !isFree(socket, local, port))) return -EADDRINUSE;
  socket.boundAddress = local;
  socket.boundPort = port;
  socket.nextBound = boundSockets;
  boundSockets = socket;
  return 0;
}

export function unbind(socket: TcpSocket): void {
  if (socket.boundPort == 0) return;
  if (boundSockets == socket) {
    boundSockets = socket.nextBound;
  } else {
    let before = boundSockets;
    while (before && before.nextBound != socket) before = before.nextBound;
    if (before) before.nextBound = socket.nextBound;
  }
  socket.boundPort = 0;
}
