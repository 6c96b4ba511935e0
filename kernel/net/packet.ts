/**
 * A packet: a descriptor in linear memory that owns one buffer outside of it.
 *
 *     packetAlloc()               2 KiB buffer: anything up to a full Ethernet frame
 *     packetAllocLarge(bytes)     one contiguous buffer for `bytes` behind the headroom: a segment for TSO, a large datagram
 *     packetGet(p) / packetFree(p)    one more, one less reference; the last one gives back p and its fragments
 *     push(n) / pull(n)           room for a header in front of the data; a header taken off
 *     append(n)                   room at the end
 *
 *     buffer            data                         buffer + capacity
 *       | headroom 128   | length bytes … | free       |
 *                        fragment → next buffer of the same packet (mergeable receive buffers only)
 *
 * Each layer moves `data`: the device's header, Ethernet, IPv4 and transport headers go into the
 * headroom on the way out and are pulled on the way in, so a payload is written once. The bytes of
 * a packet are reached by 64-bit address.
 *
 * Ownership: a packet has one owner at a time, handed on by calls whose comment says "takes".
 * References are for the one case of two owners: TCP keeps a segment for retransmission while the
 * device still reads it. Thread context only. One pool for the machine; with more CPUs, each has a
 * list of its own in front of it.
 */
import { allocSparePages, directMap, freePages, PAGE_SIZE } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";

/**
 * Room in front of the payload: 12 (virtio) + 14 (Ethernet) + 20 (IPv4) + 60 (TCP with options)
 * fit.
 */
export const PACKET_HEADROOM: u32 = 128;
export const PACKET_BUFFER_SIZE: u32 = 2048;
/** The most that an IPv4 packet can hold. */
export const PACKET_LARGE_MAX: u32 = 65535;

/**
 * Received: the transport checksum is known to be right (the device looked, or the packet never
 * left this machine).
 */
export const PACKET_CHECKSUM_VALID: u32 = 1 << 0;
/**
 * To be sent: the transport checksum field holds the pseudo header's sum; whoever sends completes
 * it.
 */
export const PACKET_CHECKSUM_PARTIAL: u32 = 1 << 1;
/**
 * Received as a link-layer broadcast or multicast: it is never answered by an ICMP error (RFC 1122
 * 3.2.2).
 */
export const PACKET_BROADCAST: u32 = 1 << 2;

@unmanaged
export class Packet {
  /** Link in whatever queue holds the packet. */
  next: Packet | null;
  /** The following buffer of the same packet, for received ones. */
  fragment: Packet | null;
  /**
   * Address of the buffer, of the packet's first byte, and the bytes of this packet in this buffer.
   */
  buffer: u64;
  data: u64;
  length: u32;
  capacity: u32;
  flags: u32;
  references: u32;

  // ---- Offloads, for the device ----
  /** TCP payload bytes per segment when the device is to cut the packet (TSO); 0: send as it is. */
  segmentSize: u16;
  /**
   * With `segmentSize`: bytes of all headers together, counted from `data` as the device sees it.
   */
  headerLength: u16;
  /**
   * With PACKET_CHECKSUM_PARTIAL: the sum starts here (distance from `data` as the device sees it),
   * and is stored …
   */
  checksumStart: u16;
  /** … at this distance from its start. */
  checksumOffset: u16;

  // ---- What the network layer found, or is to use ----
  /** IPv4 addresses in host order. */
  source: u32;
  destination: u32;
  protocol: u8;
  /** 0: the default. */
  ttl: u8;
  tos: u8;
  /** log2 of the buffer's pages; BUFFER_SMALL: one of the pool. */
  private order: u8;
  /** Received: bytes from the start of the IP header to `data`, for ICMP errors that quote it. */
  networkLength: u16;
  /** Ports of the transport header, in host order, once looked at. */
  sourcePort: u16;
  destinationPort: u16;

  // ---- For the packet's owner: TCP's queues, reassembly ----
  sequence: u32;
  sequenceEnd: u32;
  owner: usize;
  time: u64;
  /** The other packet of the pool whose buffer lies in the same page. */
  buddy: Packet | null;

  /** Bytes in all buffers. */
  totalLength(): u32 {
    let total = this.length;
    let part = this.fragment;
    while (part) {
      total += part.length;
      part = part.fragment;
    }
    return total;
  }

  /** Makes room for n bytes in front of the data and returns their address. */
  @inline
  push(n: u32): u64 {
    assert(this.data - this.buffer >= n, "no headroom left");
    this.data -= n;
    this.length += n;
    return this.data;
  }

  /** Takes n bytes off the front, which must be in the first buffer. */
  @inline
  pull(n: u32): void {
    assert(this.length >= n, "pulls more than there is");
    this.data += n;
    this.length -= n;
  }

  /** Free bytes behind the data. */
  @inline
  tailroom(): u32 {
    return this.capacity - <u32>(this.data - this.buffer) - this.length;
  }

  /** Makes room for n bytes at the end and returns their address. */
  @inline
  append(n: u32): u64 {
    assert(this.tailroom() >= n, "no tailroom left");
    const end = this.data + this.length;
    this.length += n;
    return end;
  }

  /** Empty again, with the whole headroom. */
  @inline
  reset(): void {
    this.next = null;
    this.fragment = null;
    this.data = this.buffer + PACKET_HEADROOM;
    this.length = 0;
    this.flags = 0;
    this.references = 1;
    this.segmentSize = 0;
    this.ttl = 0;
    this.tos = 0;
  }

  isSmall(): bool {
    return this.order == BUFFER_SMALL;
  }

  /** Says what buffer the descriptor owns; for the allocator alone. */
  attach(buffer: u64, capacity: u32, order: u8): void {
    this.buffer = buffer;
    this.capacity = capacity;
    this.order = order;
  }

  pageOrder(): u32 {
    return this.order;
  }
}

const BUFFER_SMALL: u8 = 0xff;
if (PACKET_BUFFER_SIZE * 2 != 4096) ERROR("two buffers make a page");
/** Free packets that `packetReclaim` leaves. */
const POOL_KEPT: u32 = 64;
/** Packets that are not for queues. */
const POOL_RESERVE: u32 = 64;
/** A free packet whose page is being given back. */
const FLAG_GOING: u32 = 1 << 31;

/** Small packets that are free, linked by `next`. */
let freeList: Packet | null = null;
let freeCount: u32 = 0;
let smallCount: u32 = 0;
/** The last attempt to get memory for more failed. */
let isExhausted = false;
/**
 * No more small packets than this: half a GiB of a flood's packets must not end the application.
 */
let smallMax: u32 = 16384;

/** Small packets there are, and how many of them are free. */
export function packetCount(): u32 {
  return smallCount;
}

export function packetFreeCount(): u32 {
  return freeCount;
}

/**
 * Whether packets are nearly used up. What would be queued for long is dropped then, so that the
 * rest of the traffic, and with it the acknowledgments and reads that free packets, goes on.
 */
export function packetsAreShort(): bool {
  return freeCount < POOL_RESERVE && (smallCount + POOL_RESERVE > smallMax || isExhausted);
}

/**
 * How short of small packets the machine is: 0: not at all; 1: half of those there may be are held
 * by somebody; 2: three quarters. Whoever holds packets for long (TCP) then holds fewer, or none
 * would be left to receive into.
 */
export function packetPressure(): u32 {
  const held = smallCount - freeCount;
  if (packetsAreShort()) return 2;
  if (held <= smallMax >> 1) return 0;
  return held <= smallMax - (smallMax >> 2) ? 1 : 2;
}

/** Bounds the memory that small packets take together. */
export function packetSetLimit(bytes: u64): void {
  smallMax = <u32>min<u64>(bytes / PACKET_BUFFER_SIZE, 0xffff_ffff);
}

/** Carves one page into packets. False when memory or the limit is exhausted. */
function poolGrow(): bool {
  if (smallCount + 2 > smallMax) return false;
  const page = allocSparePages(0);
  isExhausted = page == 0;
  if (page == 0) return false;
  const first = attempt(new Packet());
  const second = attempt(new Packet());
  if (!first || !second) {
    if (first) free(first);
    freePages(page, 0);
    isExhausted = true;
    return false;
  }
  first.buddy = second;
  second.buddy = first;
  enterPool(first, directMap(page));
  enterPool(second, directMap(page) + PACKET_BUFFER_SIZE);
  smallCount += 2;
  freeCount += 2;
  return true;
}

/** Gives a descriptor its buffer and puts it in the free list. */
function enterPool(packet: Packet, buffer: u64): void {
  packet.attach(buffer, PACKET_BUFFER_SIZE, BUFFER_SMALL);
  packet.references = 0;
  packet.flags = 0;
  packet.next = freeList;
  freeList = packet;
}

/**
 * Gives up to `pages` pages of the pool back, as far as both their packets are free and some stay.
 * Returns how many. For mem/reclaim.ts.
 */
export function packetReclaim(pages: u32): u32 {
  let kept: Packet | null = null;
  let freed: u32 = 0;
  let chosen: u32 = 0;
  let packet = freeList;
  while (packet) {
    const next = packet.next;
    const buddy = packet.buddy!;
    if (buddy.flags == FLAG_GOING) {
      freePages((packet.buffer - directMap(0)) & ~(PAGE_SIZE - 1), 0);
      free(buddy);
      free(packet);
      smallCount -= 2;
      freeCount -= 2;
      freed++;
    } else if (
      buddy.references == 0 &&
      chosen < pages &&
      freeCount > POOL_KEPT + 2 * (chosen - freed)
    ) {
      packet.flags = FLAG_GOING;
      chosen++;
    } else {
      packet.next = kept;
      kept = packet;
    }
    packet = next;
  }
  freeList = kept;
  return freed;
}

/** An empty packet with a 2 KiB buffer, or null when there is none. */
export function packetAlloc(): Packet | null {
  let packet = freeList;
  if (!packet) {
    if (!poolGrow()) return null;
    packet = freeList;
    if (!packet) return null;
  }
  freeList = packet.next;
  freeCount--;
  packet.reset();
  return packet;
}

/**
 * An empty packet with room for `bytes` (at most PACKET_LARGE_MAX) behind the headroom, or null.
 */
export function packetAllocLarge(bytes: u32): Packet | null {
  if (bytes <= PACKET_BUFFER_SIZE - PACKET_HEADROOM) return packetAlloc();
  if (bytes > PACKET_LARGE_MAX) return null;
  let order: u32 = 0;
  while ((<u32>PAGE_SIZE) << order < bytes + PACKET_HEADROOM) order++;
  const block = allocSparePages(order);
  if (block == 0) return null;
  const packet = attempt(new Packet());
  if (!packet) {
    freePages(block, order);
    return null;
  }
  packet.attach(directMap(block), (<u32>PAGE_SIZE) << order, <u8>order);
  packet.reset();
  return packet;
}

function giveBack(packet: Packet): void {
  if (packet.isSmall()) {
    packet.next = freeList;
    freeList = packet;
    freeCount++;
    return;
  }
  freePages(packet.buffer - directMap(0), packet.pageOrder());
  free(packet);
}

/** One more owner. */
export function packetGet(packet: Packet): void {
  packet.references++;
}

/** Gives up one reference; the last one frees the packet and its fragments. */
export function packetFree(packet: Packet): void {
  assert(packet.references > 0, "double free of a packet");
  if (--packet.references > 0) return;
  let part = packet.fragment;
  giveBack(packet);
  while (part) {
    const next = part.fragment;
    part.references = 0;
    giveBack(part);
    part = next;
  }
}

/** A first-in first-out queue of packets, linked by `next`. */
@unmanaged
export class PacketQueue {
  first: Packet | null;
  last: Packet | null;
  count: u32;

  reset(): void {
    this.first = null;
    this.last = null;
    this.count = 0;
  }

  push(packet: Packet): void {
    packet.next = null;
    const last = this.last;
    if (last) last.next = packet;
    else this.first = packet;
    this.last = packet;
    this.count++;
  }

  pop(): Packet | null {
    const packet = this.first;
    if (!packet) return null;
    this.first = packet.next;
    if (!this.first) this.last = null;
    packet.next = null;
    this.count--;
    return packet;
  }

  /** Frees all packets. */
  clear(): void {
    for (;;) {
      const packet = this.pop();
      if (!packet) return;
      packetFree(packet);
    }
  }
}
