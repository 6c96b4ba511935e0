/**
 * A split virtqueue, the driver's side (virtio 1.2, section 2.7).
 *
 *     push(address, length, flags, token)                 one buffer
 *     chainBegin(); chainAdd(…); …; chainEnd(token)       several; `freeCount` says whether they fit
 *     kick()                                              publishes what was pushed and notifies, if the device wants it
 *     usedCount(), then so often take() → token           what the device is through with; `takenLength`: bytes written
 *     interruptsOff(), interruptsOn()
 *     isBroken, close()                                   the device has lied, or is not wanted any more
 *
 *     desc   | address u64, length u32, flags u16, next u16 | × size       written by the driver
 *     avail  | flags u16 | idx u16 | ring u16 × size | used_event u16 |     written by the driver
 *     used   | flags u16 | idx u16 | { id u32, len u32 } × size | avail_event u16 |    written by the device
 *
 * idx and the events are free-running 16-bit counters; entry i is at i mod size. Free descriptors
 * are linked by `next`. A token (not 0) is the driver's own mark for a buffer and comes back with
 * it.
 *
 * What the device says is a claim. One that gives back a descriptor that there is not, or that it
 * has not, is given up: from then on the queue is closed, looks as if nothing came back, and has no
 * free descriptor. What the device still holds is never used again, since a device that lies may go
 * on writing there. Drivers see `take` return 0, or `isBroken`, and end what waits.
 *
 * Ordering. Nothing here is a lock: driver and device each write memory of their own.
 *  - Ring entry before avail.idx (publish), used.idx before used entry (usedCount): on x86 stores and loads each keep their
 *    order, so keeping the compiler in order is enough.
 *  - avail.idx before reading avail_event (kick), used_event before re-reading used.idx (interruptsOn): a store followed by a
 *    load, which x86 does reorder, needs a fence. It pairs with the device's own between writing its event and re-reading
 *    our idx: without both, each side may see the other's old value and both would wait for ever.
 * One thread at a time uses a queue; the device's driver sees to that.
 */
import * as hw from "../../arch/hw";
import { allocPages, directMap, freePages, PAGE_SIZE } from "../../mem/page-allocator";
import { free } from "../../runtime/free";
import { heapAlloc, heapFree } from "../../runtime/heap";
import {
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_DESC_F_NEXT,
  VIRTQ_DESC_F_WRITE,
  VIRTQ_USED_F_NO_NOTIFY,
} from "./virtio-regs";

export const DESC_SIZE: u64 = 16;
const DESC_LENGTH: u64 = 8;
const DESC_FLAGS: u64 = 12;
const DESC_NEXT: u64 = 14;
const RING_INDEX: u64 = 2;
const RING_ENTRIES: u64 = 4;
const USED_ENTRY_SIZE: u64 = 8;
/** Where a closed queue looks for used buffers: flags and idx that stay 0. */
const nothingUsed: usize = memory.data(4, 4);

@unmanaged
export class Virtqueue {
  // ---- Fixed once created ----
  desc: u64;
  avail: u64;
  used: u64;
  /** avail.used_event, which we write, and used.avail_event, which the device does. */
  usedEvent: u64;
  availEvent: u64;
  /** Where a write notifies the device, how wide, and of what: the transport says. */
  notifyAddress: u64;
  notifyValue: u32;
  notifyWide: bool;
  /** VIRTIO_F_EVENT_IDX. */
  eventIndex: bool;
  size: u16;
  mask: u16;
  /** Physical address and page order of the rings. */
  physical: u64;
  order: u32;
  /** Token per descriptor. */
  private tokens: usize;
  /** What is told when the device lies, with a context: the transport sets it. */
  whenBroken: ((context: usize) => void) | null;
  brokenContext: usize;

  // ---- Of the thread that uses the queue ----
  /** Closed for good; `freeCount` is 0. */
  isBroken: bool;
  /** Descriptors that are free. */
  freeCount: u32;
  /** Bytes the device wrote to the buffer that `take` returned last. */
  takenLength: u32;
  private freeHead: u16;
  private chainHead: u16;
  private chainLast: u16;
  /** Next avail entry to fill, idx as published, idx when we last thought about notifying. */
  private availIndex: u16;
  private published: u16;
  private notified: u16;
  /** Next used entry to look at. */
  private usedIndex: u16;

  /**
   * Puts one buffer on the ring; there must be a free descriptor. `flags`: VIRTQ_DESC_F_WRITE,
   * _INDIRECT or 0.
   */
  push(address: u64, length: u32, flags: u32, token: usize): void {
    assert(this.freeCount > 0, "a free descriptor");
    const head = this.freeHead;
    const desc = this.desc + ((<u64>head) << 4);
    this.freeHead = <u16>hw.load16(desc + DESC_NEXT);
    this.freeCount--;
    hw.store64(desc, address);
    hw.store64(desc + DESC_LENGTH, <u64>length | ((<u64>flags) << 32));
    this.offer(head, token);
  }

  chainBegin(): void {
    this.chainHead = this.freeHead;
  }

  chainAdd(address: u64, length: u32, flags: u32): void {
    assert(this.freeCount > 0, "a free descriptor");
    const index = this.freeHead;
    const desc = this.desc + ((<u64>index) << 4);
    this.freeHead = <u16>hw.load16(desc + DESC_NEXT);
    this.freeCount--;
    hw.store64(desc, address);
    hw.store32(desc + DESC_LENGTH, length);
    // `next` is where the free list goes on: the descriptor that chainAdd will take next.
    hw.store16(desc + DESC_FLAGS, flags | VIRTQ_DESC_F_NEXT);
    this.chainLast = index;
  }

  chainEnd(token: usize): void {
    const flags = this.desc + ((<u64>this.chainLast) << 4) + DESC_FLAGS;
    hw.store16(flags, hw.load16(flags) & ~VIRTQ_DESC_F_NEXT);
    this.offer(this.chainHead, token);
  }

  @inline
  private offer(head: u16, token: usize): void {
    assert(token != 0, "a token that is not 0");
    store<usize>(this.tokens + ((<usize>head) << 2), token);
    const index = this.availIndex;
    hw.store16(this.avail + RING_ENTRIES + ((<u64>(index & this.mask)) << 1), head);
    this.availIndex = index + 1;
  }

  /**
   * Lets the device see all that was pushed, and notifies it unless it said that it looks by
   * itself.
   */
  kick(): void {
    const index = this.availIndex;
    if (index == this.published) return;
    this.published = index;
    hw.compilerBarrier();
    hw.volatileStore16(this.avail + RING_INDEX, index);
    hw.fence();
    if (this.eventIndex) {
      const event = <u16>hw.volatileLoad16(this.availEvent);
      const before = this.notified;
      this.notified = index;
      // vring_need_event (section 2.7.10.1): has idx passed the event since we looked last?
      if (<u16>(index - event - 1) >= <u16>(index - before)) return;
    } else if (hw.volatileLoad16(this.used) & VIRTQ_USED_F_NO_NOTIFY) {
      return;
    }
    this.notify();
  }

  private notify(): void {
    if (this.notifyWide) hw.volatileStore32(this.notifyAddress, this.notifyValue);
    else hw.volatileStore16(this.notifyAddress, this.notifyValue);
  }

  /** How many buffers the device has given back that have not been taken. */
  @inline
  usedCount(): u32 {
    const index = <u16>hw.volatileLoad16(this.used + RING_INDEX);
    hw.compilerBarrier();
    return <u16>(index - this.usedIndex);
  }

  /** Where the device counts the buffers it is through with. */
  usedIndexAddress(): u64 {
    return this.used + RING_INDEX;
  }

  /**
   * Takes one of the `usedCount` buffers: frees its descriptors, returns its token; `takenLength`
   * is what the device says. 0 when the device lies, and then the queue is closed.
   */
  take(): usize {
    const entry = this.used + RING_ENTRIES + ((<u64>(this.usedIndex & this.mask)) << 3);
    const head = hw.load32(entry);
    const slot = this.tokens + ((<usize>(head & <u32>this.mask)) << 2);
    const token = load<usize>(slot);
    // A descriptor that there is not, or one that the device has given back before.
    if (token == 0 || head > <u32>this.mask) return this.giveUp();
    this.takenLength = hw.load32(entry + 4);
    this.usedIndex++;
    store<usize>(slot, 0);
    let desc = this.desc + ((<u64>head) << 4);
    this.freeCount++;
    while (hw.load16(desc + DESC_FLAGS) & VIRTQ_DESC_F_NEXT) {
      desc = this.desc + ((<u64>hw.load16(desc + DESC_NEXT)) << 4);
      this.freeCount++;
    }
    hw.store16(desc + DESC_NEXT, this.freeHead);
    this.freeHead = <u16>head;
    return token;
  }

  private giveUp(): usize {
    if (this.isBroken) return 0;
    this.close();
    const tell = this.whenBroken;
    if (tell) tell(this.brokenContext);
    return 0;
  }

  /**
   * Ends the queue: nothing comes back any more and nothing can be pushed. What the device holds
   * stays allocated.
   */
  close(): void {
    this.isBroken = true;
    this.used = hw.addressOf(nothingUsed);
    this.usedIndex = 0;
    this.takenLength = 0;
    this.freeCount = 0;
  }

  /** The next buffer that the device has given back, or 0. */
  poll(): usize {
    return this.usedCount() != 0 ? this.take() : 0;
  }

  /** Asks for no interrupts. The device may still raise one now and then. */
  interruptsOff(): void {
    // An event just behind us is reached after another 65,535 buffers: as good as never.
    if (this.eventIndex) hw.volatileStore16(this.usedEvent, <u16>(this.usedIndex - 1));
    else hw.volatileStore16(this.avail, VIRTQ_AVAIL_F_NO_INTERRUPT);
  }

  /**
   * Asks for an interrupt with the next used buffer. False when there is one already, for which
   * none will come.
   */
  interruptsOn(): bool {
    if (this.eventIndex) hw.volatileStore16(this.usedEvent, this.usedIndex);
    else hw.volatileStore16(this.avail, 0);
    hw.fence();
    return <u16>hw.volatileLoad16(this.used + RING_INDEX) == this.usedIndex;
  }

  /** Descriptors that the device has, published or not; of a closed queue none that matter. */
  inFlight(): u32 {
    return this.isBroken ? 0 : <u32>this.size - this.freeCount;
  }

  /** Lays out the rings for `size` descriptors; false when out of memory. */
  create(size: u32, eventIndex: bool): bool {
    const availOffset = <u64>size * DESC_SIZE;
    const usedOffset = (availOffset + RING_ENTRIES + <u64>size * 2 + 2 + 3) & ~3;
    const total = usedOffset + RING_ENTRIES + <u64>size * USED_ENTRY_SIZE + 2;
    let order: u32 = 0;
    while (PAGE_SIZE << order < total) order++;
    const physical = allocPages(order);
    if (physical == 0) return false;
    const tokens = heapAlloc((<usize>size) << 2);
    if (tokens == 0) {
      freePages(physical, order);
      return false;
    }
    memory.fill(changetype<usize>(this), 0, offsetof<Virtqueue>());
    memory.fill(tokens, 0, (<usize>size) << 2);
    const base = directMap(physical);
    hw.fill(base, 0, total);
    this.physical = physical;
    this.order = order;
    this.tokens = tokens;
    this.desc = base;
    this.avail = base + availOffset;
    this.used = base + usedOffset;
    this.usedEvent = this.avail + RING_ENTRIES + <u64>size * 2;
    this.availEvent = this.used + RING_ENTRIES + <u64>size * USED_ENTRY_SIZE;
    this.eventIndex = eventIndex;
    this.size = <u16>size;
    this.mask = <u16>(size - 1);
    this.freeCount = size;
    for (let i: u32 = 0; i < size; i++) {
      hw.store16(base + <u64>i * DESC_SIZE + DESC_NEXT, (i + 1) & (size - 1));
    }
    this.interruptsOff();
    return true;
  }

  /** Physical addresses of the three parts, for the transport. */
  descPhysical(): u64 {
    return this.physical;
  }

  availPhysical(): u64 {
    return this.physical + (this.avail - this.desc);
  }

  usedPhysical(): u64 {
    return this.physical + (this.used - this.desc);
  }
}

/**
 * A queue of `size` (a power of two) descriptors, which no device knows yet; null when out of
 * memory.
 */
export function virtqueueCreate(size: u32, eventIndex: bool): Virtqueue | null {
  assert(size > 0 && size <= 0x8000 && (size & (size - 1)) == 0, "a power of two");
  const queue = new Virtqueue();
  if (queue.create(size, eventIndex)) return queue;
  free(queue);
  return null;
}

/** Frees a queue that its device does not use any more (it has been reset). */
export function virtqueueDestroy(queue: Virtqueue): void {
  freePages(queue.physical, queue.order);
  heapFree(load<usize>(changetype<usize>(queue) + offsetof<Virtqueue>("tokens")));
  free(queue);
}

/**
 * Writes one descriptor of an indirect table (section 2.7.5.3) that lies at `table`; chained to the
 * next unless last.
 */
export function indirectStore(
  table: u64,
  index: u32,
  address: u64,
  length: u32,
  deviceWrites: bool,
  isLast: bool,
): void {
  const desc = table + <u64>index * DESC_SIZE;
  const flags = (deviceWrites ? VIRTQ_DESC_F_WRITE : 0) | (isLast ? 0 : VIRTQ_DESC_F_NEXT);
  hw.store64(desc, address);
  hw.store64(desc + DESC_LENGTH, <u64>length | ((<u64>flags) << 32) | ((<u64>(index + 1)) << 48));
}
