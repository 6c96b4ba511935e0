/**
 * IPv4 reassembly (RFC 791 section 3.2, RFC 815).
 *
 *     fragmentInput(packet, …)      takes a fragment; returns the whole packet when this was the last one missing
 *
 * The fragments of a packet are kept in the order of their offsets, and become one packet by being
 * linked: nothing is copied. A fragment that overlaps another spoils the packet (that is how such
 * attacks look, and no sender does it; RFC 5722 forbids it for IPv6). What strangers can make us
 * hold is bounded three ways: by packets under reassembly (the oldest goes), by fragments of each,
 * and by time; the total is their product, at most 4 MiB.
 */
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { netNow } from "./clock";
import { icmpTimeExceeded } from "./icmp";
import { PACKET_CHECKSUM_VALID, Packet, packetFree } from "./packet";
import { netStats } from "./stats";
import { NetTimer } from "./timers";
import {
  IPV4_HEADER_MAX,
  IPV4_MAX,
  IPV4_MF,
  IPV4_OFFSET,
  ipv4FragmentStore,
  ipv4Identification,
} from "./wire/ipv4";

/** RFC 1122 asks for 60 to 120 s; Linux gives 30. */
const TIMEOUT_NS: u64 = 30_000_000_000;
const REASSEMBLIES_MAX: i32 = 32;
/** 65535 bytes in pieces of a 1280-byte link and some. */
const FRAGMENTS_MAX: i32 = 64;

class Reassembly extends NetTimer {
  /**
   * Fragments in order of `sequence` (their first byte's offset), linked by `next`. `sequenceEnd`:
   * behind the last byte.
   */
  first: Packet | null = null;
  count: i32 = 0;
  /**
   * Bytes that have arrived, and the payload's length once the last fragment is there (0: not yet).
   */
  bytes: u32 = 0;
  total: u32 = 0;
  next: Reassembly | null = null;

  constructor(
    public source: u32,
    public destination: u32,
    public identification: u32,
    public protocol: u32,
  ) {
    super();
  }

  expired(): void {
    netStats.reassemblyFailed++;
    const first = this.first;
    if (first && first.sequence == 0) icmpTimeExceeded(first);
    destroy(this);
  }
}

/** Newest first. */
let reassemblies: Reassembly | null = null;
let count: i32 = 0;

export function reassemblyCount(): i32 {
  return count;
}

function unlink(entry: Reassembly): void {
  if (reassemblies == entry) {
    reassemblies = entry.next;
  } else {
    let before = reassemblies!;
    while (before.next != entry) before = before.next!;
    before.next = entry.next;
  }
  count--;
  entry.remove();
}

/** Gives up a packet. */
function destroy(entry: Reassembly): void {
  unlink(entry);
  let part = entry.first;
  while (part) {
    const next = part.next;
    packetFree(part);
    part = next;
  }
  free(entry);
}

function find(packet: Packet, identification: u32): Reassembly | null {
  let entry = reassemblies;
  while (entry) {
    if (
      entry.identification == identification &&
      entry.source == packet.source &&
      entry.destination == packet.destination &&
      entry.protocol == packet.protocol
    ) {
      return entry;
    }
    entry = entry.next;
  }
  return null;
}

function create(packet: Packet, identification: u32): Reassembly | null {
  if (count >= REASSEMBLIES_MAX) {
    let oldest = reassemblies!;
    while (oldest.next) oldest = oldest.next!;
    netStats.reassemblyFailed++;
    destroy(oldest);
  }
  const entry = attempt(
    new Reassembly(packet.source, packet.destination, identification, packet.protocol),
  );
  if (!entry) return null;
  entry.next = reassemblies;
  reassemblies = entry;
  count++;
  entry.arm(netNow() + TIMEOUT_NS);
  return entry;
}

/**
 * Puts a fragment in its place. False: it overlaps others, or there are too many. An exact copy is
 * dropped and true.
 */
function insert(entry: Reassembly, packet: Packet): bool {
  let before: Packet | null = null;
  let after = entry.first;
  while (after && after.sequence < packet.sequence) {
    before = after;
    after = after.next;
  }
  if (after && after.sequence == packet.sequence && after.sequenceEnd == packet.sequenceEnd) {
    packetFree(packet);
    return true;
  }
  if (
    entry.count >= FRAGMENTS_MAX ||
    (before && before.sequenceEnd > packet.sequence) ||
    (after && after.sequence < packet.sequenceEnd)
  ) {
    packetFree(packet);
    return false;
  }
  packet.next = after;
  if (before) before.next = packet;
  else entry.first = packet;
  entry.count++;
  entry.bytes += packet.sequenceEnd - packet.sequence;
  return true;
}

/**
 * Makes one packet of all; the entry is gone. The result starts with its IP header, which says that
 * it is whole.
 */
function join(entry: Reassembly): Packet {
  const whole = entry.first!;
  unlink(entry);
  const headerLength = whole.networkLength;
  let tail = whole;
  let part = whole.next;
  whole.next = null;
  for (;;) {
    while (tail.fragment) tail = tail.fragment!;
    if (!part) break;
    const next = part.next;
    part.pull(part.networkLength);
    part.next = null;
    tail.fragment = part;
    tail = part;
    part = next;
  }
  // A device's word about a fragment's checksum means nothing: the checksum is the whole packet's.
  whole.flags &= ~PACKET_CHECKSUM_VALID;
  ipv4FragmentStore(whole.data, headerLength, min(entry.total + headerLength, IPV4_MAX), 0);
  free(entry);
  netStats.reassembled++;
  return whole;
}

/**
 * Takes a fragment that starts with its IP header of `headerLength` bytes; `field` is its fragment
 * field. Returns the whole packet with its header when complete, else null.
 */
export function fragmentInput(packet: Packet, headerLength: u32, field: u32): Packet | null {
  const length = packet.totalLength() - headerLength;
  const offset = (field & IPV4_OFFSET) << 3;
  const more = (field & IPV4_MF) != 0;
  // All but the last are of whole 8-byte units, and nothing reaches beyond the largest packet.
  if (
    length == 0 ||
    (more && (length & 7) != 0) ||
    offset + length + IPV4_HEADER_MAX > IPV4_MAX + 40 ||
    packet.length < headerLength
  ) {
    netStats.malformed++;
    packetFree(packet);
    return null;
  }
  const identification = ipv4Identification(packet.data);
  let entry = find(packet, identification);
  if (!entry) entry = create(packet, identification);
  if (!entry) {
    packetFree(packet);
    netStats.reassemblyFailed++;
    return null;
  }
  packet.sequence = offset;
  packet.sequenceEnd = offset + length;
  packet.networkLength = <u16>headerLength;
  const end = offset + length;
  if (
    (entry.total != 0 && (end > entry.total || (!more && end != entry.total))) ||
    (!more && entry.total == 0 && hasBeyond(entry, end))
  ) {
    packetFree(packet);
    netStats.reassemblyFailed++;
    destroy(entry);
    return null;
  }
  if (!more) entry.total = end;
  if (!insert(entry, packet)) {
    netStats.reassemblyFailed++;
    destroy(entry);
    return null;
  }
  if (entry.total == 0 || entry.bytes != entry.total) return null;
  return join(entry);
}

/** Whether a fragment reaches beyond `end`. */
function hasBeyond(entry: Reassembly, end: u32): bool {
  let part = entry.first;
  while (part) {
    if (part.sequenceEnd > end) return true;
    part = part.next;
  }
  return false;
}
