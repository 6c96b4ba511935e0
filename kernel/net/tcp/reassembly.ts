/**
 * Segments that came out of order, until the hole before them is filled: a list of packets sorted
 * by sequence number, without overlap, each with its range in `sequence` and `sequenceEnd`. All lie
 * in the receive window.
 *
 * The list is bounded by count: a peer may fill the window with one-byte segments, and each holds a
 * buffer. What does not fit is dropped, as if the network had lost it.
 *
 * It also knows what to report in SACK options (RFC 2018 section 4): first the range that holds the
 * latest arrival, then those reported before it, for which a few recent arrivals are kept. What has
 * come twice goes in front of them, once (RFC 2883).
 */
import { Packet, packetFree } from "../packet";
import { Connection } from "./connection";
import { queueAppend } from "./receive-queue";
import { seqLess, seqLessEqual } from "./sequence";

/** Most buffers that one connection keeps out of order. */
export const OUT_OF_ORDER_MAX: u32 = 2048;
const RECENT_MAX: u32 = 4;

/** Cuts n bytes off the end of a packet, a chain of buffers or one. */
export function trimEnd(packet: Packet, n: u32): void {
  if (!packet.fragment) {
    packet.length -= n;
    return;
  }
  let keep = packet.totalLength() - n;
  let part: Packet | null = packet;
  while (part) {
    part.length = min(part.length, keep);
    keep -= part.length;
    part = part.fragment;
  }
}

/** Cuts n bytes off the front of a packet, a chain of buffers or one. */
export function trimFront(packet: Packet, n: u32): void {
  let left = n;
  let part: Packet | null = packet;
  while (part && left > 0) {
    const step = min(left, part.length);
    part.pull(step);
    left -= step;
    part = part.fragment;
  }
}

/** Notes an arrival for the SACK option. */
function noteRecent(c: Connection, sequence: u32): void {
  c.recent3 = c.recent2;
  c.recent2 = c.recent1;
  c.recent1 = c.recent0;
  c.recent0 = sequence;
}

/** [start, end) has come before. */
export function noteDuplicate(c: Connection, start: u32, end: u32): void {
  if (!c.sack || start == end) return;
  c.duplicateStart = start;
  c.duplicateEnd = end;
  c.reportsRanges = true;
}

/** The blocks that were collected are on their way. */
export function duplicateReported(c: Connection): void {
  c.duplicateStart = c.duplicateEnd;
  noteRanges(c);
}

function noteRanges(c: Connection): void {
  c.reportsRanges = c.sack && (c.outOfOrder != null || c.duplicateStart != c.duplicateEnd);
}

/**
 * Keeps a segment [sequence, sequence + length) that is beyond rcvNxt. Takes the packet. What
 * overlaps with kept segments is cut off: earlier bytes win.
 */
export function reassemblyInsert(c: Connection, packet: Packet, sequence: u32, length: u32): void {
  let start = sequence;
  let end = sequence + length;
  noteRecent(c, sequence);
  if (c.sack) c.reportsRanges = true;
  let previous: Packet | null = null;
  let next = c.outOfOrder;
  // Most arrivals go to the end of the list.
  const last = c.outOfOrderLast;
  if (last && seqLessEqual(last.sequenceEnd, start)) {
    previous = last;
    next = null;
  }
  while (next && seqLessEqual(next.sequenceEnd, start)) {
    previous = next;
    next = next.next;
  }
  if (next && seqLessEqual(next.sequence, start)) {
    if (seqLessEqual(end, next.sequenceEnd)) {
      noteDuplicate(c, start, end);
      packetFree(packet);
      return;
    }
    noteDuplicate(c, start, next.sequenceEnd);
    trimFront(packet, next.sequenceEnd - start);
    start = next.sequenceEnd;
    previous = next;
    next = next.next;
  }
  // Those that lie within the new segment go; the one that sticks out at its end shortens it.
  while (next && seqLessEqual(next.sequenceEnd, end)) {
    const following: Packet | null = next.next;
    noteDuplicate(c, next.sequence, next.sequenceEnd);
    packetFree(next);
    c.outOfOrderCount--;
    next = following;
  }
  if (next && seqLess(next.sequence, end)) {
    noteDuplicate(c, next.sequence, end);
    trimEnd(packet, end - next.sequence);
    end = next.sequence;
  }
  if (start == end || c.outOfOrderCount >= OUT_OF_ORDER_MAX) {
    if (previous) previous.next = next;
    else c.outOfOrder = next;
    if (!next) c.outOfOrderLast = previous;
    packetFree(packet);
    noteRanges(c);
    return;
  }
  packet.sequence = start;
  packet.sequenceEnd = end;
  packet.next = next;
  if (previous) previous.next = packet;
  else c.outOfOrder = packet;
  if (!next) c.outOfOrderLast = packet;
  c.outOfOrderCount++;
}

/** Moves what has become next in order to the receive queue, and advances rcvNxt over it. */
export function reassemblyAdvance(c: Connection): void {
  let packet = c.outOfOrder;
  while (packet && seqLessEqual(packet.sequence, c.rcvNxt)) {
    const next = packet.next;
    c.outOfOrderCount--;
    if (seqLess(c.rcvNxt, packet.sequenceEnd)) {
      trimFront(packet, c.rcvNxt - packet.sequence);
      c.rcvNxt = packet.sequenceEnd;
      queueAppend(c, packet);
    } else {
      packetFree(packet);
    }
    packet = next;
  }
  c.outOfOrder = packet;
  if (!packet) c.outOfOrderLast = null;
  noteRanges(c);
}

export function reassemblyClear(c: Connection): void {
  let packet = c.outOfOrder;
  while (packet) {
    const next = packet.next;
    packetFree(packet);
    packet = next;
  }
  c.outOfOrder = null;
  c.outOfOrderLast = null;
  c.outOfOrderCount = 0;
  noteRanges(c);
}

/**
 * The block of contiguous kept bytes that holds `sequence`, in `foundStart` and `foundEnd`; false
 * when there is none.
 */
let foundStart: u32 = 0;
let foundEnd: u32 = 0;

function blockAt(c: Connection, sequence: u32): bool {
  let packet = c.outOfOrder;
  while (packet) {
    const start = packet.sequence;
    let end = packet.sequenceEnd;
    let next = packet.next;
    while (next && next.sequence == end) {
      end = next.sequenceEnd;
      next = next.next;
    }
    if (sequence - start < end - start) {
      foundStart = start;
      foundEnd = end;
      return true;
    }
    packet = next;
  }
  return false;
}

/** Room for RECENT_MAX blocks of two sequence numbers. */
const blocks: usize = memory.data(32, 4);

function recentAt(c: Connection, index: u32): u32 {
  switch (index) {
    case 0:
      return c.recent0;
    case 1:
      return c.recent1;
    case 2:
      return c.recent2;
    default:
      return c.recent3;
  }
}

/**
 * Collects up to `limit` SACK blocks, a duplicate first and then the latest arrival's; returns how
 * many. See `sackBlockStart`.
 */
export function collectSackBlocks(c: Connection, limit: u32): u32 {
  let count: u32 = 0;
  if (c.duplicateStart != c.duplicateEnd) {
    store<u32>(blocks, c.duplicateStart);
    store<u32>(blocks, c.duplicateEnd, 4);
    count = 1;
  }
  // The duplicate may be part of a block, or one: that is reported all the same (RFC 2883 4).
  const first = count;
  for (let i: u32 = 0; i < RECENT_MAX && count < limit; i++) {
    if (!blockAt(c, recentAt(c, i))) continue;
    let known = false;
    for (let k = first; k < count; k++) {
      if (sackBlockStart(k) == foundStart) known = true;
    }
    if (known) continue;
    store<u32>(blocks + ((<usize>count) << 3), foundStart);
    store<u32>(blocks + ((<usize>count) << 3), foundEnd, 4);
    count++;
  }
  return count;
}

export function sackBlockStart(index: u32): u32 {
  return load<u32>(blocks + ((<usize>index) << 3));
}

export function sackBlockEnd(index: u32): u32 {
  return load<u32>(blocks + ((<usize>index) << 3), 4);
}
