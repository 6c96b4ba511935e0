/**
 * Raw endpoints: who hears packets of an IP protocol beside its transport, or in place of one (raw
 * and ping sockets, socket/raw-socket.ts).
 *
 *     rawEnter(endpoint), rawLeave(endpoint)
 *     rawCount()                                 how many there are: 0 costs a received packet one compare
 *     rawInput(packet)                      gives each that wants it a copy; whether any did
 *
 * A segment of TCP goes to its connection without coming by here (classify.ts), unless somebody
 * listens to TCP: then the interfaces are watched.
 */
import { interfacesUnwatch, interfacesWatch } from "./interface";
import { Packet } from "./packet";
import { packetCopyWithHeader } from "./packet-copy";
import { IN6_LOOPBACK, IPPROTO_TCP } from "./wire/ipv4";

export abstract class RawEndpoint {
  nextRaw: RawEndpoint | null = null;
  /** Fixed while it is entered. */
  protocol: u32 = 0;
  /** 0: any. */
  localAddress: u32 = 0;
  remoteAddress: u32 = 0;

  /** Whether it wants a packet, which starts with its transport header and stays the caller's. */
  abstract wants(packet: Packet): bool;
  /** Takes a packet that starts with its IP header of `networkLength` bytes. Must not sleep. */
  abstract take(packet: Packet): void;

  /** For listings: the inode of the socket. */
  inode(): u64 {
    return 0;
  }
}

let first: RawEndpoint | null = null;
let endpointCount: u32 = 0;

/** How many there are. */
export function rawCount(): u32 {
  return endpointCount;
}

/** All there are, linked by `nextRaw`: for listings. */
export function rawFirst(): RawEndpoint | null {
  return first;
}

export function rawEnter(endpoint: RawEndpoint): void {
  endpoint.nextRaw = first;
  first = endpoint;
  endpointCount++;
  if (endpoint.protocol == IPPROTO_TCP) interfacesWatch(0);
}

export function rawLeave(endpoint: RawEndpoint): void {
  let previous: RawEndpoint | null = null;
  let at = first;
  while (at && at != endpoint) {
    previous = at;
    at = at.nextRaw;
  }
  if (previous) previous.nextRaw = endpoint.nextRaw;
  else first = endpoint.nextRaw;
  endpointCount--;
  if (endpoint.protocol == IPPROTO_TCP) interfacesUnwatch(0);
}

function hears(endpoint: RawEndpoint, packet: Packet): bool {
  if (endpoint.protocol != packet.protocol) return false;
  const local = endpoint.localAddress;
  const remote = endpoint.remoteAddress;
  if (local != 0 ? local != packet.destination : packet.destination == IN6_LOOPBACK) return false;
  return (remote == 0 || remote == packet.source) && endpoint.wants(packet);
}

/** Gives copies of a packet, which starts with its transport header and stays the caller's. */
export function rawInput(packet: Packet): bool {
  let isHeard = false;
  let endpoint = first;
  while (endpoint) {
    const next = endpoint.nextRaw;
    if (hears(endpoint, packet)) {
      isHeard = true;
      const twin = packetCopyWithHeader(packet);
      if (twin) endpoint.take(twin);
    }
    endpoint = next;
  }
  return isHeard;
}
