/**
 * Taps: who sees the frames of interfaces (packet sockets, socket/packet-socket.ts).
 *
 *     tapEnter(tap), tapLeave(tap)          around a change of what it sees, too
 *     tapInput(packet, via)                 a received frame, before the stack looks at it
 *     tapOutput(packet, via)                a frame that is being sent
 *     tapLoopback(packet)                   what this machine sends to itself, as a frame out and in
 *
 * The last three are called where the interface is watched (`Interface.watchers`), and cost nothing
 * elsewhere: a watched interface has no usual packets (classify.ts). As on Linux, a tap for one
 * EtherType sees what comes in, one for all (ETH_P_ALL) also what goes out.
 */
import { Interface, interfacesUnwatch, interfacesWatch, loopback } from "./interface";
import { Packet, packetFree } from "./packet";
import { packetCopy, packetCopyWithHeader } from "./packet-copy";
import {
  ETHERNET_HEADER,
  ETHERTYPE_IPV4,
  ethernetDestination,
  ethernetHeaderStore,
  ethernetToGroup,
  ethernetType,
  MAC_BROADCAST,
} from "./wire/ethernet";

/** In place of an EtherType: all of them (include/uapi/linux/if_ether.h). */
export const ETH_P_ALL: u32 = 3;

// What a frame was to us (packet(7), sll_pkttype).
export const PACKET_HOST: u32 = 0;
export const PACKET_BROADCAST_FRAME: u32 = 1;
export const PACKET_MULTICAST_FRAME: u32 = 2;
export const PACKET_OTHERHOST: u32 = 3;
export const PACKET_OUTGOING: u32 = 4;

export abstract class Tap {
  nextTap: Tap | null = null;
  /** EtherType, or ETH_P_ALL; 0: it sees nothing. */
  protocol: u32 = 0;
  /** Of the interface; 0: all. */
  interfaceIndex: i32 = 0;

  /** Takes a frame, with its Ethernet header, of an interface. Must not sleep. */
  abstract take(frame: Packet, via: Interface, kind: u32): void;

  /** For listings: the inode of the socket. */
  inode(): u64 {
    return 0;
  }
}

let first: Tap | null = null;

/** All there are, linked by `nextTap`: for listings. */
export function tapFirst(): Tap | null {
  return first;
}

export function tapEnter(tap: Tap): void {
  tap.nextTap = first;
  first = tap;
  if (tap.protocol != 0) interfacesWatch(tap.interfaceIndex);
}

export function tapLeave(tap: Tap): void {
  let previous: Tap | null = null;
  let at = first;
  while (at && at != tap) {
    previous = at;
    at = at.nextTap;
  }
  if (previous) previous.nextTap = tap.nextTap;
  else first = tap.nextTap;
  if (tap.protocol != 0) interfacesUnwatch(tap.interfaceIndex);
}

/** Gives copies of a frame, which stays the caller's, to those who see it. */
function give(packet: Packet, via: Interface, kind: u32): void {
  const type = ethernetType(packet.data);
  let tap = first;
  while (tap) {
    const next = tap.nextTap;
    const sees = tap.protocol == ETH_P_ALL || (tap.protocol == type && kind != PACKET_OUTGOING);
    if (sees && (tap.interfaceIndex == 0 || tap.interfaceIndex == via.index)) {
      const twin = packetCopy(packet);
      if (twin) tap.take(twin, via, kind);
    }
    tap = next;
  }
}

function kindOf(frame: u64, via: Interface): u32 {
  const destination = ethernetDestination(frame);
  if (destination == MAC_BROADCAST) return PACKET_BROADCAST_FRAME;
  if (ethernetToGroup(frame)) return PACKET_MULTICAST_FRAME;
  return destination == via.mac ? PACKET_HOST : PACKET_OTHERHOST;
}

export function tapInput(packet: Packet, via: Interface): void {
  if (packet.length >= ETHERNET_HEADER) give(packet, via, kindOf(packet.data, via));
}

export function tapOutput(packet: Packet, via: Interface): void {
  give(packet, via, PACKET_OUTGOING);
}

/** `packet` starts with its transport header. Its frame is one between hardware addresses of 0. */
export function tapLoopback(packet: Packet): void {
  const frame = packetCopyWithHeader(packet);
  if (!frame) return;
  ethernetHeaderStore(frame.push(ETHERNET_HEADER), 0, 0, ETHERTYPE_IPV4);
  give(frame, loopback, PACKET_OUTGOING);
  give(frame, loopback, PACKET_HOST);
  packetFree(frame);
}
