/**
 * For tests: the device's side of a virtqueue, and a transport without a device.
 */
import * as hw from "../../arch/hw";
import { DIRECT_MAP, directMap } from "../../mem/page-allocator";
import { VirtioTransport } from "./transport";
import {
  VIRTIO_F_VERSION_1,
  VIRTIO_STATUS_FEATURES_OK,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_DESC_F_NEXT,
} from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

/** Where notifications go: memory that belongs to nobody. */
const NOTIFY: u64 = DIRECT_MAP + 0x100;
const CONFIG_SIZE = 64;
const QUEUES_MAX = 16;

/** The device's side of a split ring, as section 2.7 has it for devices. */
export class ModelDevice {
  availIndex: u16 = 0;
  usedIndex: u16 = 0;
  signalled: u16 = 0;
  interrupts: u32 = 0;
  /** Chains taken and not given back: heads. */
  heads: StaticArray<u16> = new StaticArray<u16>(256);
  taken: i32 = 0;
  constructor(public queue: Virtqueue) {}

  /** Takes all that is available; in the end asks to be notified of the next. */
  takeAll(): void {
    const queue = this.queue;
    while (this.availIndex != <u16>hw.load16(queue.avail + 2)) {
      const at = queue.avail + 4 + <u64>(this.availIndex & queue.mask) * 2;
      this.heads[this.taken++] = <u16>hw.load16(at);
      this.availIndex++;
    }
    if (queue.eventIndex) hw.store16(queue.availEvent, this.availIndex);
  }

  /** Number of descriptors in chain `which`. */
  chainLength(which: i32): u32 {
    let count: u32 = 1;
    let desc = this.queue.desc + <u64>this.heads[which] * 16;
    while (hw.load16(desc + 12) & 1) {
      desc = this.queue.desc + <u64>hw.load16(desc + 14) * 16;
      count++;
    }
    return count;
  }

  /**
   * Descriptor `index` of chain `which`, in the ring or in the indirect table that the chain is;
   * its address.
   */
  descriptor(which: i32, index: u32): u64 {
    let desc = this.queue.desc + <u64>this.heads[which] * 16;
    let table = this.queue.desc;
    if (hw.load16(desc + 12) & VIRTQ_DESC_F_INDIRECT) {
      table = directMap(hw.load64(desc));
      desc = table;
    }
    for (let i: u32 = 0; i < index; i++) {
      if ((hw.load16(desc + 12) & VIRTQ_DESC_F_NEXT) == 0) return 0;
      desc = table + <u64>hw.load16(desc + 14) * 16;
    }
    return desc;
  }

  /** Physical address, length and flags of the first descriptor of chain `which`. */
  address(which: i32): u64 {
    return hw.load64(this.queue.desc + <u64>this.heads[which] * 16);
  }

  length(which: i32): u32 {
    return hw.load32(this.queue.desc + <u64>this.heads[which] * 16 + 8);
  }

  flags(which: i32): u32 {
    return hw.load16(this.queue.desc + <u64>this.heads[which] * 16 + 12);
  }

  /**
   * Gives back chain `which` with `length` bytes written; an interrupt when the driver wants one.
   */
  giveBack(which: i32, length: u32): void {
    const queue = this.queue;
    const entry = queue.used + 4 + <u64>(this.usedIndex & queue.mask) * 8;
    hw.store32(entry, this.heads[which]);
    hw.store32(entry + 4, length);
    this.taken--;
    this.heads[which] = this.heads[this.taken];
    const before = this.usedIndex;
    this.usedIndex++;
    hw.store16(queue.used + 2, this.usedIndex);
    if (queue.eventIndex) {
      const event = <u16>hw.load16(queue.usedEvent);
      if (<u16>(this.usedIndex - event - 1) < <u16>(this.usedIndex - before)) this.interrupts++;
    } else if ((hw.load16(queue.avail) & 1) == 0) {
      this.interrupts++;
    }
  }
}

/** Takes everything, offers `offered`, and remembers the queues it was given. */
export class FakeTransport extends VirtioTransport {
  status: u32 = 0;
  offered: u64 = VIRTIO_F_VERSION_1;
  queueSize: u32 = 256;
  queueCount: u32 = QUEUES_MAX;
  queues: StaticArray<Virtqueue | null> = new StaticArray<Virtqueue | null>(QUEUES_MAX);
  config: StaticArray<u8> = new StaticArray<u8>(CONFIG_SIZE);
  private handlers: StaticArray<((context: usize) => void) | null> = new StaticArray<
    ((context: usize) => void) | null
  >(QUEUES_MAX);
  private contexts: StaticArray<usize> = new StaticArray<usize>(QUEUES_MAX);
  /**
   * Features that the driver agreed on, as the device saw them; refused when not a subset of these.
   */
  accepted: u64 = u64.MAX_VALUE;

  readStatus(): u32 {
    return this.status;
  }

  writeStatus(status: u32): void {
    this.status = status;
    if ((this.features & ~this.accepted) != 0) this.status &= ~VIRTIO_STATUS_FEATURES_OK;
  }

  readFeatures(): u64 {
    return this.offered;
  }

  writeFeatures(features: u64): void {}

  queueSizeMax(index: u32): u32 {
    return index < this.queueCount ? this.queueSize : 0;
  }

  queueEnable(queue: Virtqueue, index: u32): i32 {
    this.queues[index] = queue;
    queue.notifyAddress = NOTIFY;
    queue.notifyValue = index + 1;
    queue.notifyWide = true;
    return 0;
  }

  listen(index: u32, handler: (context: usize) => void, context: usize): i32 {
    this.handlers[index] = handler;
    this.contexts[index] = context;
    return 0;
  }

  configLoad8(offset: u32): u32 {
    return this.config[offset];
  }

  configLoad16(offset: u32): u32 {
    return this.config[offset] | ((<u32>this.config[offset + 1]) << 8);
  }

  configLoad32(offset: u32): u32 {
    return this.configLoad16(offset) | (this.configLoad16(offset + 2) << 16);
  }

  configGeneration(): u32 {
    return 0;
  }

  queue(index: i32): Virtqueue {
    return changetype<Virtqueue>(this.queues[index]);
  }

  /** Raises the device's interrupt, which all that listen share. */
  interrupt(): void {
    for (let i = 0; i < QUEUES_MAX; i++) {
      const handler = this.handlers[i];
      if (handler) handler(this.contexts[i]);
    }
  }

  /** The last notification: queue index + 1, 0 when there was none since. */
  takeNotification(): u32 {
    const value = hw.load32(NOTIFY);
    hw.store32(NOTIFY, 0);
    return value;
  }
}
