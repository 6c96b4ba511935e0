/**
 * Where a packet goes: for each destination the interface, source address, next hop and path MTU,
 * and, once the next hop's hardware address is known, the frame header ready to be stored.
 *
 *     routeTo(destination)       the cached route, or a new one; null: unreachable
 *     routesChanged()            addresses or gateways have changed: forget all
 *     routeResolved(…)           ARP has learnt a hardware address
 *
 * The cache is direct-mapped: two busy destinations that share a place evict each other and cost a
 * slow lookup per packet, no more. Routes are values looked up per packet; nobody keeps one across
 * a call that may change them.
 */
import {
  Interface,
  interfaceAt,
  interfaceCount,
  isBroadcastAddress,
  isLocalAddress,
  loopback,
} from "./interface";
import { isMulticastAddress } from "./wire/ipv4";

const CACHE_SIZE: u32 = 64;
/**
 * RFC 791: every host takes packets of this size; Linux's default for the least path MTU it
 * believes is 552.
 */
const PATH_MTU_MIN: u32 = 552;

export const ROUTE_LOCAL: u32 = 1 << 0;
/**
 * To everyone on the link, or to a multicast group: the frame's destination follows from the
 * address alone.
 */
export const ROUTE_GROUP: u32 = 1 << 1;
/** `macHigh` and `macLow` hold the frame header. */
export const ROUTE_RESOLVED: u32 = 1 << 2;
const ROUTE_USED: u32 = 1 << 3;

@unmanaged
export class Route {
  destination: u32;
  flags: u32;
  source: u32;
  nextHop: u32;
  mtu: u32;
  /**
   * The sum of what is the same in every header to there: version, DF, TTL 64, both addresses
   * (memory order).
   */
  headerSum: u32;
  /**
   * Destination hardware address and the first two bytes of ours; then the other four. As they are
   * stored.
   */
  macHigh: u64;
  macLow: u32;
  /** Interface. */
  private viaPointer: usize;

  @inline
  get via(): Interface {
    return changetype<Interface>(this.viaPointer);
  }

  set via(value: Interface) {
    this.viaPointer = changetype<usize>(value);
  }
}
if (offsetof<Route>() != 40) ERROR("the size of a Route is written out below");

const cache: usize = memory.data(64 * 40, 16);

function slot(destination: u32): Route {
  // Multiplicative hashing (Knuth, volume 3, 6.4): neighbours in a subnet land in different places.
  const index = (destination * 0x9e37_79b1) >> 26;
  return changetype<Route>(cache + <usize>index * offsetof<Route>());
}
if (CACHE_SIZE != 1 << (32 - 26)) ERROR("the hash has as many values as the cache has places");

/** The interface whose network `destination` is in, or else one with a gateway; null: neither. */
function interfaceTo(destination: u32): Interface | null {
  let best: Interface | null = null;
  for (let i = 1; i < interfaceCount(); i++) {
    const candidate = interfaceAt(i);
    if (candidate.address == 0) continue;
    if (((destination ^ candidate.address) & candidate.mask) == 0) {
      if (best == null || candidate.mask > best.mask) best = candidate;
    }
  }
  if (best) return best;
  for (let i = 1; i < interfaceCount(); i++) {
    const candidate = interfaceAt(i);
    if (candidate.address != 0 && candidate.gateway != 0) return candidate;
  }
  // The all-ones broadcast and multicast need a link, not a route.
  if (destination == 0xffff_ffff || isMulticastAddress(destination)) {
    for (let i = 1; i < interfaceCount(); i++) {
      if (interfaceAt(i).address != 0) return interfaceAt(i);
    }
  }
  return null;
}

function half(value: u32): u32 {
  return (value & 0xffff) + (value >> 16);
}

/**
 * The part of the header checksum that does not depend on the packet: 0x45, DF, TTL 64, addresses.
 */
function constantSum(source: u32, destination: u32): u32 {
  return 0x0045 + 0x0040 + 0x0040 + half(bswap(source)) + half(bswap(destination));
}

function fill(route: Route, destination: u32): bool {
  route.flags = 0;
  route.destination = destination;
  if (isLocalAddress(destination)) {
    route.flags = ROUTE_USED | ROUTE_LOCAL;
    route.via = loopback;
    route.source = destination;
    route.mtu = loopback.mtu;
    return true;
  }
  const via = interfaceTo(destination);
  if (!via || destination == 0) return false;
  route.via = via;
  route.source = via.address;
  route.mtu = via.mtu;
  route.nextHop = ((destination ^ via.address) & via.mask) == 0 ? destination : via.gateway;
  route.flags = ROUTE_USED;
  if (isBroadcastAddress(destination)) {
    setHeader(route, 0xffff_ffff_ffff, via.mac);
    route.flags |= ROUTE_GROUP | ROUTE_RESOLVED;
  } else if (isMulticastAddress(destination)) {
    // RFC 1112 section 6.4: 01-00-5e and the low 23 bits.
    setHeader(route, 0x5e_0001 | ((<u64>bswap(destination & 0x7f_ffff)) << 16), via.mac);
    route.flags |= ROUTE_GROUP | ROUTE_RESOLVED;
  }
  route.headerSum = constantSum(route.source, destination);
  return true;
}

function setHeader(route: Route, destination: u64, source: u64): void {
  route.macHigh = destination | (source << 48);
  route.macLow = <u32>(source >> 16);
}

/** The route to `destination`; null when there is none. */
export function routeTo(destination: u32): Route | null {
  const route = slot(destination);
  if (route.destination == destination && (route.flags & ROUTE_USED) != 0) return route;
  return fill(route, destination) ? route : null;
}

/** Forgets every cached route. */
export function routesChanged(): void {
  memory.fill(cache, 0, CACHE_SIZE * offsetof<Route>());
}

/**
 * `mac` is what `nextHop` has on that interface: enters it in all cached routes over it. 0: it is
 * not known any more.
 */
export function routeResolved(via: Interface, nextHop: u32, mac: u64): void {
  for (let i: u32 = 0; i < CACHE_SIZE; i++) {
    const route = changetype<Route>(cache + <usize>i * offsetof<Route>());
    if ((route.flags & (ROUTE_USED | ROUTE_LOCAL | ROUTE_GROUP)) != ROUTE_USED) continue;
    if (route.nextHop != nextHop || route.via != via) continue;
    if (mac == 0) {
      route.flags &= ~ROUTE_RESOLVED;
    } else {
      setHeader(route, mac, via.mac);
      route.flags |= ROUTE_RESOLVED;
    }
  }
}

/**
 * A router says that packets to `destination` may not be larger than `mtu` (RFC 1191). True when
 * that is news. It is forgotten when the route leaves the cache, which is how a path that has
 * become better is found again.
 */
export function routeSetPathMtu(destination: u32, mtu: u32): bool {
  const route = routeTo(destination);
  if (!route) return false;
  const believed = max(mtu, PATH_MTU_MIN);
  if (believed >= route.mtu) return false;
  route.mtu = believed;
  return true;
}
