/**
 * A socket's filter (filter.ts) and a datagram that may be in several buffers.
 *
 *     packetPasses(program, count, packet, least)      must not sleep; not on a fast path
 */
import { copy } from "../arch/hw";
import { FilterContext, filterRun } from "./filter";
import { packetTrim } from "./ipv4";
import { Packet, packetAllocLarge, packetFree } from "./packet";
import { ETHERTYPE_IPV4 } from "./wire/ethernet";

/** Filled for each packet, and used up at once. */
const context: FilterContext = new FilterContext();

/** The packet in one buffer, the caller's if it is not the packet; null: memory is out. */
function inOneBuffer(packet: Packet): Packet | null {
  if (!packet.fragment) return packet;
  const whole = packetAllocLarge(packet.totalLength());
  if (!whole) return null;
  let part: Packet | null = packet;
  while (part) {
    copy(whole.append(part.length), part.data, part.length);
    part = part.fragment;
  }
  return whole;
}

/**
 * Runs a program of `count` instructions on a packet, and cuts the packet to what it wants to keep,
 * but not below `least` bytes. False: it wants nothing, or there is no memory to look; the packet
 * stays the caller's in both cases.
 */
export function packetPasses(program: usize, count: u32, packet: Packet, least: u32): bool {
  const whole = inOneBuffer(packet);
  if (!whole) return false;
  context.start = whole.data;
  context.length = whole.length;
  context.networkOffset = 0;
  context.linkBytes = 0;
  context.etherType = ETHERTYPE_IPV4;
  context.kind = 0;
  context.interfaceIndex = 0;
  const kept = filterRun(program, count, context);
  const length = whole.length;
  if (whole != packet) packetFree(whole);
  if (kept == 0) return false;
  if (kept < length) packetTrim(packet, max(kept, least));
  return true;
}
