/**
 * Copies of packets for those who listen beside the transports: raw sockets (raw.ts) and packet
 * sockets (tap.ts). A copy is one buffer, the caller's; null: there is no memory, or it would be
 * too large. The packet stays as it is.
 */
import { copy } from "../arch/hw";
import { Packet, packetAllocLarge } from "./packet";
import { netStats } from "./stats";
import {
  IPV4_DF,
  IPV4_HEADER,
  IPV4_HEADER_MAX,
  ipv4FragmentStore,
  ipv4HeaderStore,
  ipv4TotalLength,
} from "./wire/ipv4";

const TTL_DEFAULT: u32 = 64;

/** The bytes of all buffers, from `data` on, behind a headroom of PACKET_HEADROOM. */
function copyBytes(packet: Packet, headerBytes: u32): Packet | null {
  const total = packet.totalLength();
  const single = packetAllocLarge(total + headerBytes);
  if (!single) {
    netStats.noBuffer++;
    return null;
  }
  let part: Packet | null = packet;
  while (part) {
    copy(single.append(part.length), part.data, part.length);
    part = part.fragment;
  }
  single.flags = packet.flags;
  single.source = packet.source;
  single.destination = packet.destination;
  single.protocol = packet.protocol;
  single.ttl = packet.ttl;
  single.tos = packet.tos;
  return single;
}

/** A copy from `data` on. */
export function packetCopy(packet: Packet): Packet | null {
  return copyBytes(packet, 0);
}

/**
 * A copy of a packet that starts with its transport header, from its IP header on, whose length is
 * in the copy's `networkLength`. What this machine sends to itself has none: it gets the one that
 * it would have.
 */
export function packetCopyWithHeader(packet: Packet): Packet | null {
  const twin = copyBytes(packet, IPV4_HEADER_MAX);
  if (!twin) return null;
  const own = packet.networkLength;
  const length = twin.length;
  if (own == 0) {
    const ttl = packet.ttl != 0 ? packet.ttl : TTL_DEFAULT;
    ipv4HeaderStore(
      twin.push(IPV4_HEADER),
      length + IPV4_HEADER,
      0,
      IPV4_DF,
      packet.tos,
      ttl,
      packet.protocol,
      packet.source,
      packet.destination,
    );
    twin.networkLength = <u16>IPV4_HEADER;
    return twin;
  }
  const header = twin.push(own);
  copy(header, packet.data - own, own);
  // Of fragments that were joined, the first one's.
  if (ipv4TotalLength(header) != length + own) ipv4FragmentStore(header, own, length + own, 0);
  twin.networkLength = own;
  return twin;
}
