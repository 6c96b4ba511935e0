/**
 * The receive queue of a connection: packets whose payload is next in order, linked by `next`; the
 * application copies straight out of their buffers.
 *
 * A packet's buffer is much larger than a short segment. So that a peer can't make a window of
 * single bytes hold thousands of buffers, a short segment behind unread data is copied into the
 * last buffer of the queue.
 */
import { copy } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import { Packet, packetFree } from "../packet";
import { Connection } from "./connection";

/** Longer segments are not copied together. */
const COALESCE_MAX: u32 = 1024;

/** Appends the payload, a chain of buffers; takes the packet. */
export function queueAppend(c: Connection, packet: Packet): void {
  let part: Packet | null = packet;
  while (part) {
    const following: Packet | null = part.fragment;
    part.fragment = null;
    // A fragment becomes a packet of its own.
    part.references = 1;
    appendOne(c, part);
    part = following;
  }
}

function appendOne(c: Connection, packet: Packet): void {
  const length = packet.length;
  c.queuedBytes += length;
  packet.next = null;
  const last = c.queueLast;
  if (!last) {
    if (length == 0) {
      packetFree(packet);
      return;
    }
    c.queueFirst = packet;
    c.queueLast = packet;
    return;
  }
  if (length <= COALESCE_MAX && length <= last.tailroom()) {
    copy(last.append(length), packet.data, length);
    packetFree(packet);
    return;
  }
  last.next = packet;
  c.queueLast = packet;
}

/**
 * Copies queued bytes to the application. Returns the bytes, or -EFAULT when none could be copied.
 * May sleep in the copy: the caller holds the connection's lock.
 */
export function queueRead(c: Connection, io: IoVector): i64 {
  let done: i64 = 0;
  let packet = c.queueFirst;
  while (packet && io.remaining > 0) {
    const wanted = <u32>min<u64>(packet.length, io.remaining);
    const n = io.put(packet.data, wanted);
    if (n < 0) return done > 0 ? done : n;
    done += n;
    consume(c, packet, <u32>n);
    if (packet.length == 0) packet = dropFirst(c, packet);
    if (<u32>n < wanted) break;
  }
  return done;
}

/**
 * As `queueRead`, for at most `limit` bytes, no more than the application has room for; with `peek`
 * they stay in the queue. Apart, so that the frequent read has one caller and no choices.
 */
export function queueReadUpTo(c: Connection, io: IoVector, limit: u64, peek: bool): i64 {
  let left = limit;
  let packet = c.queueFirst;
  while (packet && left > 0) {
    const wanted = <u32>min<u64>(packet.length, left);
    const n = io.put(packet.data, wanted);
    if (n < 0) return left < limit ? <i64>(limit - left) : n;
    left -= <u64>n;
    if (peek) {
      packet = packet.next;
    } else {
      consume(c, packet, <u32>n);
      if (packet.length == 0) packet = dropFirst(c, packet);
    }
    if (<u32>n < wanted) break;
  }
  return <i64>(limit - left);
}

/** Drops up to n bytes (MSG_TRUNC); returns how many. */
export function queueDiscard(c: Connection, n: u64): i64 {
  let left = n;
  let packet = c.queueFirst;
  while (packet && left > 0) {
    const step = <u32>min<u64>(packet.length, left);
    consume(c, packet, step);
    left -= step;
    if (packet.length == 0) packet = dropFirst(c, packet);
  }
  return <i64>(n - left);
}

function consume(c: Connection, packet: Packet, n: u32): void {
  packet.pull(n);
  c.queuedBytes -= n;
}

function dropFirst(c: Connection, packet: Packet): Packet | null {
  const next = packet.next;
  c.queueFirst = next;
  if (!next) c.queueLast = null;
  packet.next = null;
  packetFree(packet);
  return next;
}

export function queueClear(c: Connection): void {
  let packet = c.queueFirst;
  while (packet) packet = dropFirst(c, packet);
  c.queuedBytes = 0;
}
