/**
 * The send buffer of a connection: bytes that the application has written and the peer has not
 * acknowledged.
 *
 *       start                                   start + used
 *         | sent, not acknowledged | not sent yet |   free … capacity
 *       sequence `bufferSequence`
 *
 * A ring of contiguous physical pages in the direct map, a power of two in size, so that any range
 * of sequence numbers is at most two pieces at known addresses: a retransmission copies from here
 * to the packet, and a device could read it here. It starts as one page with the first write,
 * doubles while the limit allows it and pages can be had, and a large one is given back when all is
 * acknowledged.
 */
import { copy } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import {
  allocSparePages,
  directMap,
  freePages,
  ORDER_MAX,
  PAGE_SIZE,
  totalPageCount,
} from "../../mem/page-allocator";
import { Connection } from "./connection";

/** A buffer of this many pages (log2) is kept while the connection is idle. */
const ORDER_KEPT: u32 = 0;

/** Pages in all send buffers. */
let pagesHeld: u64 = 0;

export function bufferPages(): u64 {
  return pagesHeld;
}

function resize(c: Connection, order: u32): bool {
  const pages: u64 = (<u64>1) << order;
  // Together they may take a quarter of the memory; beyond that, each has the minimum.
  if (order > ORDER_KEPT && pagesHeld + pages > totalPageCount() >> 2) return false;
  const block = allocSparePages(order);
  if (block == 0) return false;
  pagesHeld += pages;
  const base = directMap(block);
  if (c.bufferUsed > 0) bufferRead(c, c.bufferSequence, base, c.bufferUsed);
  bufferRelease(c);
  c.bufferBase = base;
  c.bufferCapacity = (<u32>PAGE_SIZE) << order;
  c.bufferHead = 0;
  return true;
}

/** Gives the memory back; what was in it is lost. */
export function bufferRelease(c: Connection): void {
  if (c.bufferCapacity == 0) return;
  const order = ctz(c.bufferCapacity) - ctz(<u32>PAGE_SIZE);
  freePages(c.bufferBase - directMap(0), order);
  pagesHeld -= (<u64>1) << order;
  c.bufferCapacity = 0;
  c.bufferBase = 0;
}

/** Free bytes as far as the limit goes, whether or not there is memory behind them yet. */
export function bufferSpace(c: Connection): u32 {
  return c.sendLimit > c.bufferUsed ? c.sendLimit - c.bufferUsed : 0;
}

/** Makes the ring larger until it has room for `wanted` more bytes, as far as pages can be had. */
function enlarge(c: Connection, wanted: u32): void {
  const needed = c.bufferUsed + wanted;
  let order: u32 = 0;
  while (order < ORDER_MAX && (<u32>PAGE_SIZE) << order < needed) order++;
  while ((<u32>PAGE_SIZE) << order > c.bufferCapacity) {
    if (resize(c, order)) return;
    if (order == 0) return;
    order--;
  }
}

/**
 * Copies from the application as much as fits. Returns the bytes, 0 when there is no room (or no
 * memory), or -EFAULT. May sleep in the copy: the caller holds the connection's lock, so that
 * nothing else changes the ring meanwhile.
 */
export function bufferWrite(c: Connection, io: IoVector): i64 {
  const wanted = <u32>min<u64>(bufferSpace(c), io.remaining);
  if (c.bufferCapacity - c.bufferUsed < wanted) enlarge(c, wanted);
  let room = min(wanted, c.bufferCapacity - c.bufferUsed);
  let done: u32 = 0;
  while (room > 0) {
    const tail = (c.bufferHead + c.bufferUsed) & (c.bufferCapacity - 1);
    const piece = min(room, c.bufferCapacity - tail);
    const n = io.take(c.bufferBase + tail, piece);
    if (n < 0) return done > 0 ? done : n;
    c.bufferUsed += <u32>n;
    done += <u32>n;
    room -= <u32>n;
    if (<u32>n < piece) break;
  }
  return done;
}

/** Copies n buffered bytes, from a sequence number on, to an address. */
export function bufferRead(c: Connection, sequence: u32, to: u64, n: u32): void {
  const offset = sequence - c.bufferSequence;
  assert(offset + n <= c.bufferUsed, "reads what is in the send buffer");
  const start = (c.bufferHead + offset) & (c.bufferCapacity - 1);
  const piece = min(n, c.bufferCapacity - start);
  copy(to, c.bufferBase + start, piece);
  if (n > piece) copy(to + piece, c.bufferBase, n - piece);
}

/** Drops n acknowledged bytes from the front. */
export function bufferDrop(c: Connection, n: u32): void {
  assert(n <= c.bufferUsed, "drops what is in the send buffer");
  c.bufferSequence += n;
  c.bufferUsed -= n;
  if (c.bufferUsed == 0) {
    c.bufferHead = 0;
    if (c.bufferCapacity > (<u32>PAGE_SIZE) << ORDER_KEPT) bufferRelease(c);
  } else {
    c.bufferHead = (c.bufferHead + n) & (c.bufferCapacity - 1);
  }
}
