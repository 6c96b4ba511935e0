/**
 * The neighbour table: which hardware address an IPv4 address on the link has, and how sure that
 * is (RFC 4861 section 7.3, as Linux applies it to ARP). The messages are arp.ts's.
 *
 *     neighbourOutput(packet, route)      takes an IPv4 packet whose next hop is not resolved; sends it now or when it is
 *     neighbourHeard(…)                   an ARP message says which hardware address an address has
 *     neighboursFlush(interface)          its address goes
 *
 *     state        used as   until                                          then
 *     INCOMPLETE   –         an answer; PROBES_MAX broadcasts without one   REACHABLE; gone, the waiting packets' senders told
 *     REACHABLE    known     REACHABLE_NS have passed                       STALE
 *     STALE        –         the next packet; STALE_NS without one          DELAY; gone
 *     DELAY        known     DELAY_NS have passed                           PROBE
 *     PROBE        known     an answer; PROBES_MAX unicasts without one     REACHABLE; INCOMPLETE
 *
 * "Known" is that routes hold the hardware address, and packets don't come here. Nobody is asked
 * for its own sake: an entry that is not used ends.
 *
 * What anybody on the link may send is believed as little as possible. An answer counts when we
 * have asked. A message that gives an address another hardware address than the one we know begins
 * PROBE, a quick one: as long as the old one answers it stays, and else all are asked. An entry is
 * made by our own need, or by a request for us, and then it is STALE. A table that is full makes
 * room by what is unused longest.
 */
import { EHOSTUNREACH } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { arpRequest } from "./arp";
import { netNow } from "./clock";
import { ethernetOutput } from "./ethernet";
import { Interface } from "./interface";
import { Packet, PacketQueue, packetFree } from "./packet";
import { Route, routeResolved } from "./route";
import { netStats } from "./stats";
import { NetTimer } from "./timers";
import { transportUnreachable } from "./transport";
import { ETHERTYPE_IPV4, MAC_BROADCAST } from "./wire/ethernet";

const TABLE_MAX: i32 = 512;
const PENDING_MAX: u32 = 16;
/**
 * RFC 4861 section 10: RETRANS_TIMER, REACHABLE_TIME, DELAY_FIRST_PROBE_TIME, MAX_UNICAST_SOLICIT.
 */
const RETRY_NS: u64 = 1_000_000_000;
const REACHABLE_NS: u64 = 30_000_000_000;
const DELAY_NS: u64 = 5_000_000_000;
const PROBES_MAX = 3;
/** Linux's gc_stale_time. */
const STALE_NS: u64 = 60_000_000_000;
/** Between the questions whether an address that another claims is still right. */
const VERIFY_NS: u64 = 250_000_000;
/** So often at most is that asked (Linux's locktime). */
const VERIFY_INTERVAL_NS: u64 = 1_000_000_000;

export enum NeighbourState {
  INCOMPLETE,
  REACHABLE,
  STALE,
  DELAY,
  PROBE,
}

export class Neighbour extends NetTimer {
  state: NeighbourState = NeighbourState.INCOMPLETE;
  mac: u64 = 0;
  probes: i32 = 0;
  /** When it got into its state. */
  since: u64 = 0;
  /** Another hardware address has been claimed, and that led to PROBE; when, last. */
  isContested: bool = false;
  contestedAt: u64 = 0;
  pending: PacketQueue = new PacketQueue();
  next: Neighbour | null = null;

  constructor(
    public via: Interface,
    public address: u32,
  ) {
    super();
    this.pending.reset();
  }

  expired(): void {
    neighbourExpired(this);
  }
}

let neighbours: Neighbour | null = null;
let count: i32 = 0;

export function neighbourCount(): i32 {
  return count;
}

/** The entries, linked by `next`. */
export function neighbourFirst(): Neighbour | null {
  return neighbours;
}

/** Whether a packet waits for an address to be found. */
export function neighboursPending(): bool {
  let entry = neighbours;
  while (entry) {
    if (entry.pending.first) return true;
    entry = entry.next;
  }
  return false;
}

function find(via: Interface, address: u32): Neighbour | null {
  let entry = neighbours;
  while (entry) {
    if (entry.address == address && entry.via == via) return entry;
    entry = entry.next;
  }
  return null;
}

function oldest(state: NeighbourState): Neighbour | null {
  let found: Neighbour | null = null;
  let entry = neighbours;
  while (entry) {
    if (entry.state == state && (found == null || entry.since < found.since)) found = entry;
    entry = entry.next;
  }
  return found;
}

/** A new entry; `isNeeded`: for a packet of ours. Null: the table is full, or memory is out. */
function create(via: Interface, address: u32, isNeeded: bool): Neighbour | null {
  if (count >= TABLE_MAX) {
    let victim = oldest(NeighbourState.STALE);
    if (!victim && isNeeded) victim = oldest(NeighbourState.INCOMPLETE);
    if (!victim) return null;
    if (victim.state == NeighbourState.INCOMPLETE) fail(victim);
    else destroy(victim);
  }
  const entry = attempt(new Neighbour(via, address));
  if (!entry) return null;
  entry.next = neighbours;
  neighbours = entry;
  count++;
  return entry;
}

function destroy(entry: Neighbour): void {
  entry.remove();
  routeResolved(entry.via, entry.address, 0);
  if (neighbours == entry) {
    neighbours = entry.next;
  } else {
    let before = neighbours!;
    while (before.next != entry) before = before.next!;
    before.next = entry.next;
  }
  count--;
  entry.pending.clear();
  free(entry.pending);
  free(entry);
}

function enter(entry: Neighbour, state: NeighbourState, length: u64): void {
  entry.state = state;
  entry.since = netNow();
  entry.probes = 0;
  entry.isContested = false;
  entry.arm(netNow() + length);
}

/** Asks for the address: everybody, or the hardware address that is to be confirmed. */
function ask(entry: Neighbour): void {
  entry.probes++;
  arpRequest(entry.via, entry.address, isProbed(entry) ? entry.mac : MAC_BROADCAST);
  entry.arm(netNow() + (entry.isContested ? VERIFY_NS : RETRY_NS));
}

function isProbed(entry: Neighbour): bool {
  return entry.state == NeighbourState.PROBE;
}

function askAll(entry: Neighbour): void {
  routeResolved(entry.via, entry.address, 0);
  enter(entry, NeighbourState.INCOMPLETE, RETRY_NS);
  ask(entry);
}

function neighbourExpired(entry: Neighbour): void {
  switch (entry.state) {
    case NeighbourState.REACHABLE:
      routeResolved(entry.via, entry.address, 0);
      enter(entry, NeighbourState.STALE, STALE_NS);
      return;
    case NeighbourState.STALE:
      destroy(entry);
      return;
    case NeighbourState.DELAY:
      enter(entry, NeighbourState.PROBE, RETRY_NS);
      ask(entry);
      return;
    default:
      if (entry.probes < PROBES_MAX) ask(entry);
      else if (isProbed(entry)) askAll(entry);
      else fail(entry);
  }
}

/** Nobody has the address: what waits is dropped, its senders are told. */
function fail(entry: Neighbour): void {
  netStats.arpFailed++;
  let waiting: Packet | null = entry.pending.first;
  while (waiting) {
    transportUnreachable(waiting, EHOSTUNREACH);
    waiting = waiting.next;
  }
  destroy(entry);
}

/** Takes an IPv4 packet; `route` is not resolved. 0, or -EHOSTUNREACH when the table is full. */
export function neighbourOutput(packet: Packet, route: Route): i32 {
  const via = route.via;
  let entry = find(via, route.nextHop);
  if (!entry) {
    entry = create(via, route.nextHop, true);
    if (!entry) {
      packetFree(packet);
      return -EHOSTUNREACH;
    }
    entry.pending.push(packet);
    askAll(entry);
    return 0;
  }
  if (entry.state == NeighbourState.INCOMPLETE) {
    if (entry.pending.count >= PENDING_MAX) {
      const first = entry.pending.pop();
      if (first) packetFree(first);
    }
    entry.pending.push(packet);
    return 0;
  }
  if (entry.state == NeighbourState.STALE) enter(entry, NeighbourState.DELAY, DELAY_NS);
  routeResolved(via, entry.address, entry.mac);
  return ethernetOutput(packet, via, entry.mac, ETHERTYPE_IPV4);
}

/** The address has `mac` from now on: routes get it, and what has waited is sent. */
function known(entry: Neighbour, mac: u64, state: NeighbourState, length: u64): void {
  entry.mac = mac;
  enter(entry, state, length);
  routeResolved(entry.via, entry.address, mac);
  for (;;) {
    const packet = entry.pending.pop();
    if (!packet) return;
    ethernetOutput(packet, entry.via, mac, ETHERTYPE_IPV4);
  }
}

/** Somebody says that the address has another hardware address than the one we know. */
function contested(entry: Neighbour): void {
  const now = netNow();
  if (isProbed(entry)) return;
  if (entry.contestedAt != 0 && now - entry.contestedAt < VERIFY_INTERVAL_NS) return;
  entry.contestedAt = now;
  enter(entry, NeighbourState.PROBE, VERIFY_NS);
  entry.isContested = true;
  ask(entry);
}

/**
 * An ARP message says that `address` has `mac`. `isForUs`: it is addressed to us; `isAnswer`: and
 * answers a question.
 */
export function neighbourHeard(
  via: Interface,
  address: u32,
  mac: u64,
  isForUs: bool,
  isAnswer: bool,
): void {
  let entry = find(via, address);
  if (!entry) {
    if (isAnswer || !isForUs || ((address ^ via.address) & via.mask) != 0) return;
    entry = create(via, address, false);
    if (!entry) return;
    entry.mac = mac;
    enter(entry, NeighbourState.STALE, STALE_NS);
    return;
  }
  if (entry.state == NeighbourState.INCOMPLETE) {
    if (!isForUs) return;
    if (isAnswer) known(entry, mac, NeighbourState.REACHABLE, REACHABLE_NS);
    else known(entry, mac, NeighbourState.DELAY, DELAY_NS);
  } else if (mac != entry.mac) {
    contested(entry);
  } else if (isAnswer && isProbed(entry)) {
    known(entry, mac, NeighbourState.REACHABLE, REACHABLE_NS);
  }
}

/** Forgets the neighbours of an interface, when its address goes. */
export function neighboursFlush(via: Interface): void {
  let entry = neighbours;
  while (entry) {
    const next = entry.next;
    if (entry.via == via) destroy(entry);
    entry = next;
  }
}
