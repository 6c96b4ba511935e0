/**
 * A network channel (Van Jacobson, "Speeding up networking", 2006): a bounded ring of packets from
 * one producer to one consumer, without a lock. The producer is whoever classifies the packets of a
 * receive ring; the consumer is whoever runs TCP for the connection (tcp/connection-channel.ts).
 *
 *     channelCreate()  channelFree(channel)            the ring, empty; both leave the items to the caller
 *     channel.push(item)    the producer only          CHANNEL_FULL, CHANNEL_QUEUED, or
 *                                                      CHANNEL_WAS_EMPTY: wake the consumer
 *     channel.pop()         the consumer only          the oldest item, 0: none
 *
 * The ring is Lamport's ("Specifying Concurrent Program Modules", 1983): `tail` counts what was
 * ever pushed and `head` what was ever popped. Both run freely, and an index is its low bits. Each
 * is written by one side alone, so that nothing is ever read, changed and written back; they lie at
 * the two ends, not in one cache line.
 *
 *     tail headSeen | slot 0 | slot 1 | … | slot 127 | head
 *
 * Why it is right, pair by pair (all atomics are sequentially consistent):
 *
 * A: push stores the slot, then `tail`; pop loads `tail`, then the slot. Who sees the count sees
 * the item.
 *
 * B: pop loads the slot, then stores `head`; push looks at `head` before it stores into a slot
 * again. A slot is not overwritten before it was read. An old value of `head` only makes the ring
 * look fuller than it is.
 *
 * C: push stores `tail`, then loads `head`; pop stores `head`, and the next pop, the one that finds
 * nothing, loads `tail`. So either push sees that all before its item was taken, and says
 * CHANNEL_WAS_EMPTY, or that next pop sees the item. An item is never left with a consumer that has
 * gone to sleep: it sleeps only after a pop of 0.
 */
import { heapAlloc, heapFree } from "../runtime/heap";

/**
 * As many full segments as the receive window of a new connection holds, and more
 * (RECEIVE_LIMIT_DEFAULT).
 */
export const CHANNEL_SLOTS: u32 = 128;
const SLOT_MASK: u32 = CHANNEL_SLOTS - 1;
if ((CHANNEL_SLOTS & SLOT_MASK) != 0) ERROR("an index is the low bits of a count");

/** Not taken: the item stays the caller's. */
export const CHANNEL_FULL = 0;
export const CHANNEL_QUEUED = 1;
/** All that was pushed before has been popped: the consumer may not know that there is more. */
export const CHANNEL_WAS_EMPTY = 2;

const TAIL: usize = 0;
const SLOTS: usize = 8;
const HEAD: usize = SLOTS + ((<usize>CHANNEL_SLOTS) << 2);
const CHANNEL_BYTES: usize = HEAD + 4;

@unmanaged
export class Channel {
  /** The producer's: items ever pushed. The consumer reads it, atomically. */
  private tail: u32;
  /** The producer's alone: what it saw of `head` last. */
  private headSeen: u32;

  @inline
  private slot(count: u32): usize {
    return changetype<usize>(this) + SLOTS + ((<usize>(count & SLOT_MASK)) << 2);
  }

  /** Appends an item that is not 0, if there is room. */
  @inline
  push(item: u32): i32 {
    const at = changetype<usize>(this);
    const tail = this.tail;
    if (tail - this.headSeen >= CHANNEL_SLOTS) {
      // Pair B: without it, an item might be lost that the consumer has not read yet.
      const head = atomic.load<u32>(at + HEAD);
      this.headSeen = head;
      if (tail - head >= CHANNEL_SLOTS) return CHANNEL_FULL;
    }
    store<u32>(this.slot(tail), item);
    // Pair A with pop's load of `tail`; pair C, first half.
    atomic.store<u32>(at + TAIL, tail + 1);
    const head = atomic.load<u32>(at + HEAD);
    this.headSeen = head;
    return head == tail ? CHANNEL_WAS_EMPTY : CHANNEL_QUEUED;
  }

  /** Takes the oldest item, 0 when there is none. */
  @inline
  pop(): u32 {
    const at = changetype<usize>(this);
    const head = load<u32>(at + HEAD);
    // Pair A with push's store of `tail`; pair C, second half: the last pop's store of `head` comes
    // before this.
    if (atomic.load<u32>(at + TAIL) == head) return 0;
    const item = load<u32>(this.slot(head));
    // Pair B: from here on the producer may use the slot.
    atomic.store<u32>(at + HEAD, head + 1);
    return item;
  }

  /** Whether a pop would find nothing; for the consumer, and for checks. */
  isEmpty(): bool {
    return (
      atomic.load<u32>(changetype<usize>(this) + TAIL) == load<u32>(changetype<usize>(this) + HEAD)
    );
  }
}
if (offsetof<Channel>("tail") != TAIL) ERROR("tail is where atomics look for it");
if (offsetof<Channel>() != SLOTS) ERROR("the slots follow the producer's fields");

/** An empty ring, or null when there is no memory. */
export function channelCreate(): Channel | null {
  const at = heapAlloc(CHANNEL_BYTES);
  if (at == 0) return null;
  store<u64>(at + TAIL, 0);
  store<u32>(at + HEAD, 0);
  return changetype<Channel>(at);
}

/** Gives the memory back; the ring is empty, and neither side knows it any more. */
export function channelFree(channel: Channel): void {
  assert(channel.isEmpty(), "who frees a channel has taken what was in it");
  heapFree(changetype<usize>(channel));
}
