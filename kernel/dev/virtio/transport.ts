/**
 * How a virtio device is reached: the part that PCI and MMIO do differently, and the set-up that
 * all devices share (virtio 1.2, section 3.1).
 *
 *     negotiate(wanted, …)         reset, then agree on features: 0, or -errno
 *     queueCreate(index, sizeMax)  a virtqueue that the device knows; null when there is none
 *     listen(queue, handler, context)      who is told of interrupts for the queue (before `queueEnable`)
 *     queueEnable(queue, index)
 *     driverOk()                   the device is live
 *
 * Set-up runs in thread context and waits for nothing but the device's answer to a register access.
 */
import { EIO } from "../../lib/errno";
import { LOG_ERROR, logBegin, logEnd, put, putDecimal } from "../../lib/log";
import {
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_ID_BLOCK,
  VIRTIO_ID_CONSOLE,
  VIRTIO_ID_NET,
  VIRTIO_ID_RNG,
  VIRTIO_STATUS_ACKNOWLEDGE,
  VIRTIO_STATUS_DRIVER,
  VIRTIO_STATUS_DRIVER_OK,
  VIRTIO_STATUS_FAILED,
  VIRTIO_STATUS_FEATURES_OK,
} from "./virtio-regs";
import { Virtqueue, virtqueueCreate } from "./virtqueue";

/** Reading the status back after a reset: a device that is still not through by then is broken. */
const RESET_READS_MAX = 1_000_000;
const CONFIG_READS_MAX = 100;

export abstract class VirtioTransport {
  /** VIRTIO_ID_*. */
  deviceId: u32 = 0;
  /** What both sides agreed on. */
  features: u64 = 0;

  abstract readStatus(): u32;
  abstract writeStatus(status: u32): void;
  abstract readFeatures(): u64;
  abstract writeFeatures(features: u64): void;
  /** Largest size of a queue; 0 when the device has no such queue. */
  abstract queueSizeMax(index: u32): u32;
  /** Tells the device where the queue is, and the queue how to notify. */
  abstract queueEnable(queue: Virtqueue, index: u32): i32;
  /**
   * Interrupts of queue `index` call `handler` (in interrupt context). Enables nothing:
   * `Virtqueue.interruptsOn` does.
   */
  abstract listen(index: u32, handler: (context: usize) => void, context: usize): i32;
  abstract configLoad8(offset: u32): u32;
  abstract configLoad16(offset: u32): u32;
  abstract configLoad32(offset: u32): u32;
  /** Changes whenever the configuration does. */
  abstract configGeneration(): u32;

  hasFeature(feature: u64): bool {
    return (this.features & feature) != 0;
  }

  /**
   * Two halves that belong together: read again when the configuration changed in between (section
   * 2.5.1).
   */
  configLoad64(offset: u32): u64 {
    let value: u64 = 0;
    for (let i = 0; i < CONFIG_READS_MAX; i++) {
      const generation = this.configGeneration();
      value = <u64>this.configLoad32(offset) | ((<u64>this.configLoad32(offset + 4)) << 32);
      if (this.configGeneration() == generation) break;
    }
    return value;
  }

  reset(): bool {
    this.writeStatus(0);
    for (let i = 0; i < RESET_READS_MAX; i++) {
      if (this.readStatus() == 0) return true;
    }
    return false;
  }

  /**
   * Resets the device and agrees on those of `wanted` that it offers; virtio 1.x is a must. Of
   * them, `dependent` are left out when the device does not offer `condition`, without which we
   * have no use for them.
   */
  negotiate(wanted: u64, dependent: u64 = 0, condition: u64 = 0): i32 {
    if (!this.reset()) return this.fail("does not reset");
    this.writeStatus(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    const offered = this.readFeatures();
    if ((offered & VIRTIO_F_VERSION_1) == 0) return this.fail("is older than virtio 1.0");
    this.features = offered & (wanted | VIRTIO_F_VERSION_1);
    if ((offered & condition) != condition) this.features &= ~dependent;
    this.writeFeatures(this.features);
    const status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK;
    this.writeStatus(status);
    if ((this.readStatus() & VIRTIO_STATUS_FEATURES_OK) == 0) {
      return this.fail("does not take the features it offered");
    }
    return 0;
  }

  /**
   * A queue of at most `sizeMax` descriptors; its memory is the queue's own. The device does not
   * know it yet.
   */
  queueCreate(index: u32, sizeMax: u32): Virtqueue | null {
    const most = this.queueSizeMax(index);
    if (most == 0) return null;
    let size: u32 = 1;
    while (size * 2 <= min(most, sizeMax)) size *= 2;
    return virtqueueCreate(size, this.hasFeature(VIRTIO_F_EVENT_IDX));
  }

  driverOk(): void {
    this.writeStatus(
      VIRTIO_STATUS_ACKNOWLEDGE |
        VIRTIO_STATUS_DRIVER |
        VIRTIO_STATUS_FEATURES_OK |
        VIRTIO_STATUS_DRIVER_OK,
    );
  }

  /** As it is called in /proc/interrupts. */
  deviceName(): string {
    switch (this.deviceId) {
      case VIRTIO_ID_NET:
        return "virtio-net";
      case VIRTIO_ID_BLOCK:
        return "virtio-blk";
      case VIRTIO_ID_CONSOLE:
        return "virtio-console";
      case VIRTIO_ID_RNG:
        return "virtio-rng";
      default:
        return "virtio";
    }
  }

  /** Gives the device up and says why. Returns -EIO. */
  fail(reason: string): i32 {
    this.writeStatus(VIRTIO_STATUS_FAILED);
    if (logBegin(LOG_ERROR, "virtio")) {
      put("device of type ");
      putDecimal(this.deviceId);
      put(" ");
      put(reason);
      logEnd();
    }
    return -EIO;
  }
}

/** The device of a transport has given back what it had not. It is reset, so that it stops. */
function deviceLied(transport: usize): void {
  const liar = changetype<VirtioTransport>(transport);
  liar.reset();
  liar.fail("gives back buffers that it has not, and is given up");
}

/**
 * Creates queue `index` and enables it with `handler` as its interrupt handler. Null when that
 * can't be.
 */
export function virtioQueue(
  transport: VirtioTransport,
  index: u32,
  sizeMax: u32,
  handler: ((context: usize) => void) | null,
  context: usize,
): Virtqueue | null {
  const queue = transport.queueCreate(index, sizeMax);
  if (!queue) return null;
  queue.whenBroken = deviceLied;
  queue.brokenContext = changetype<usize>(transport);
  if (handler && transport.listen(index, handler, context) != 0) return null;
  return transport.queueEnable(queue, index) == 0 ? queue : null;
}
