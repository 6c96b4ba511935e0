/**
 * Ephemeral ports (RFC 6056, algorithm 3): the search starts at a keyed hash of the destination
 * plus a counter, so that ports are hard to guess and consecutive for one destination.
 */
import { portOffset } from "./isn";
import { listenerFind } from "./listener";
import { tableFind } from "./table";
import { TimeWait } from "./time-wait";

/** Linux's ip_local_port_range. */
export const PORT_FIRST: u32 = 32768;
export const PORT_LAST: u32 = 60999;

let counter: u32 = 0;

/** A local port with which the tuple is free, or 0. */
export function ephemeralPort(local: u32, remote: u32, remotePort: u32): u32 {
  const count = PORT_LAST - PORT_FIRST + 1;
  const offset = portOffset(local, remote, remotePort);
  for (let tried: u32 = 0; tried < count; tried++) {
    const port = PORT_FIRST + ((offset + counter++) % count);
    if (listenerFind(local, port, 0)) continue;
    const taken = tableFind(local, remote, (port << 16) | remotePort);
    if (!taken) return port;
    if (taken.isTimeWait() && changetype<TimeWait>(taken).reusable()) return port;
  }
  return 0;
}
