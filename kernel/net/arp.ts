/**
 * ARP (RFC 826) and the neighbour table: which hardware address an IPv4 address on the link has.
 *
 *     neighbourOutput(packet, route)      takes an IPv4 packet whose next hop is not resolved; sends it now or when it is
 *     arpInput(packet, interface, mac)    a received ARP packet
 *     arpAnnounce(interface)              tells the link about our address (RFC 5227 section 3)
 *
 *     state        from → to
 *     INCOMPLETE   first packet: requests go out, packets wait (at most PENDING_MAX, the oldest is dropped)
 *     REACHABLE    a reply, or a request of theirs to us; routes are resolved. After REACHABLE_NS:
 *     PROBING      still used, while unicast requests ask whether it is still true; PROBES_MAX without an answer:
 *     (gone)       waiting packets are dropped, their senders told; the next packet starts anew
 *
 * An entry is made only by our own need or by a packet for us, so others' chatter can't fill the
 * table (TABLE_MAX).
 */
import { EHOSTUNREACH } from "../lib/errno";
import { free } from "../runtime/free";
import { netNow } from "./clock";
import { ethernetOutput } from "./ethernet";
import { Interface } from "./interface";
import { Packet, PacketQueue, packetAlloc, packetFree } from "./packet";
import { Route, routeResolved } from "./route";
import { netStats } from "./stats";
import { NetTimer } from "./timers";
import { transportUnreachable } from "./transport";
import {
  ARP_LENGTH,
  ARP_REPLY,
  ARP_REQUEST,
  arpIsValid,
  arpOperation,
  arpSender,
  arpSenderMac,
  arpStore,
  arpTarget,
} from "./wire/arp";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, MAC_BROADCAST } from "./wire/ethernet";

const TABLE_MAX: i32 = 512;
const PENDING_MAX: u32 = 16;
const RETRY_NS: u64 = 1_000_000_000;
/** RFC 1122 2.3.2.1 asks for a time out of the order of a minute. */
const REACHABLE_NS: u64 = 60_000_000_000;
const PROBES_MAX = 3;

export enum NeighbourState {
  INCOMPLETE,
  REACHABLE,
  PROBING,
}

export class Neighbour extends NetTimer {
  state: NeighbourState = NeighbourState.INCOMPLETE;
  mac: u64 = 0;
  probes: i32 = 0;
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

/** Whether a packet waits for an address to be found. */
export function neighboursPending(): bool {
  let entry = neighbours;
  while (entry) {
    if (entry.pending.first) return true;
    entry = entry.next;
  }
  return false;
}

export function neighbourFirst(): Neighbour | null {
  return neighbours;
}

function find(via: Interface, address: u32): Neighbour | null {
  let entry = neighbours;
  while (entry) {
    if (entry.address == address && entry.via == via) return entry;
    entry = entry.next;
  }
  return null;
}

function create(via: Interface, address: u32): Neighbour | null {
  if (count >= TABLE_MAX) return null;
  const entry = new Neighbour(via, address);
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
  free(entry.pending);
  free(entry);
}

function sendArp(
  via: Interface,
  operation: u32,
  sender: u32,
  targetMac: u64,
  target: u32,
  to: u64,
): void {
  const packet = packetAlloc();
  if (!packet) {
    netStats.noBuffer++;
    return;
  }
  arpStore(packet.append(ARP_LENGTH), operation, via.mac, sender, targetMac, target);
  ethernetOutput(packet, via, to, ETHERTYPE_ARP);
}

function request(entry: Neighbour): void {
  entry.probes++;
  const to = entry.state == NeighbourState.PROBING ? entry.mac : MAC_BROADCAST;
  sendArp(entry.via, ARP_REQUEST, entry.via.address, 0, entry.address, to);
  entry.arm(netNow() + RETRY_NS);
}

function neighbourExpired(entry: Neighbour): void {
  if (entry.state == NeighbourState.REACHABLE) {
    // Nobody asks for its own sake: the next packet through the slow path does.
    entry.state = NeighbourState.PROBING;
    entry.probes = 0;
    routeResolved(entry.via, entry.address, 0);
    entry.arm(netNow() + REACHABLE_NS);
    return;
  }
  if (entry.state == NeighbourState.PROBING && entry.probes == 0) {
    // Unused for another REACHABLE_NS.
    destroy(entry);
    return;
  }
  if (entry.probes < PROBES_MAX) {
    request(entry);
    return;
  }
  netStats.arpFailed++;
  const first = entry.pending.first;
  let waiting: Packet | null = first;
  while (waiting) {
    transportUnreachable(waiting, EHOSTUNREACH);
    waiting = waiting.next;
  }
  entry.pending.clear();
  destroy(entry);
}

/** Takes an IPv4 packet; `route` is not resolved. 0, or -EHOSTUNREACH when the table is full. */
export function neighbourOutput(packet: Packet, route: Route): i32 {
  const via = route.via;
  let entry = find(via, route.nextHop);
  if (!entry) {
    entry = create(via, route.nextHop);
    if (!entry) {
      packetFree(packet);
      return -EHOSTUNREACH;
    }
    entry.pending.push(packet);
    request(entry);
    return 0;
  }
  if (entry.state == NeighbourState.INCOMPLETE) {
    if (entry.pending.count >= PENDING_MAX) {
      const oldest = entry.pending.pop();
      if (oldest) packetFree(oldest);
    }
    entry.pending.push(packet);
    return 0;
  }
  if (entry.state == NeighbourState.PROBING) {
    if (entry.probes == 0) request(entry);
  } else {
    routeResolved(via, entry.address, entry.mac);
  }
  return ethernetOutput(packet, via, entry.mac, ETHERTYPE_IPV4);
}

/** `address` has `mac`: resolves routes and sends what has waited. */
function learnt(entry: Neighbour, mac: u64): void {
  entry.mac = mac;
  entry.state = NeighbourState.REACHABLE;
  entry.probes = 0;
  entry.arm(netNow() + REACHABLE_NS);
  routeResolved(entry.via, entry.address, mac);
  for (;;) {
    const packet = entry.pending.pop();
    if (!packet) return;
    ethernetOutput(packet, entry.via, mac, ETHERTYPE_IPV4);
  }
}

/** Takes a received ARP packet; `frameSource` is who the frame claims to come from. */
export function arpInput(packet: Packet, via: Interface, frameSource: u64): void {
  const message = packet.data;
  if (packet.length < ARP_LENGTH || !arpIsValid(message)) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  const sender = arpSender(message);
  const mac = arpSenderMac(message);
  const target = arpTarget(message);
  const forUs = via.address != 0 && target == via.address;
  // A sender that is a group, or us, or nobody (a probe of RFC 5227), teaches nothing.
  const teaches =
    (mac & 1) == 0 && mac != 0 && mac == frameSource && sender != 0 && sender != via.address;
  if (teaches) {
    let entry = find(via, sender);
    if (!entry && forUs && ((sender ^ via.address) & via.mask) == 0) entry = create(via, sender);
    if (entry) learnt(entry, mac);
  }
  if (forUs && arpOperation(message) == ARP_REQUEST && sender != via.address) {
    sendArp(via, ARP_REPLY, via.address, mac, sender, mac);
  }
  packetFree(packet);
}

/** A gratuitous request: those who know our address under another hardware address correct it. */
export function arpAnnounce(via: Interface): void {
  if (!via.device || via.address == 0) return;
  sendArp(via, ARP_REQUEST, via.address, 0, via.address, MAC_BROADCAST);
}

/** Forgets the neighbours of an interface, when its address goes. */
export function neighboursFlush(via: Interface): void {
  let entry = neighbours;
  while (entry) {
    const next = entry.next;
    if (entry.via == via) {
      entry.pending.clear();
      destroy(entry);
    }
    entry = next;
  }
}
