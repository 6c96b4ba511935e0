/**
 * virtio over MMIO, version 2 (virtio 1.2, section 4.2): QEMU's microvm, Firecracker.
 *
 *     mmioProbe(physical, irq) → transport, or null when no device is there
 *
 * One interrupt line for all queues of a device. It is routed edge triggered, as both hypervisors
 * raise it: QEMU holds the line up while InterruptStatus is not 0, Firecracker pulses it. So the
 * handler acknowledges first and then wakes: a used buffer that comes before the acknowledgement is
 * seen by whoever was woken, one that comes after it makes a new edge. It acknowledges both causes
 * without asking which: a read would cost another exit.
 */

import { volatileLoad8, volatileLoad16, volatileLoad32, volatileStore32 } from "../../arch/hw";
import { interruptAllocate } from "../../arch/x86_64/interrupts";
import { IOAPIC_EDGE, ioapicRoute } from "../../arch/x86_64/ioapic";
import { mapDevice } from "../../arch/x86_64/paging";
import { EBUSY, EIO, ENOSPC } from "../../lib/errno";
import { LOG_ERROR, log } from "../../lib/log";
import { VirtioTransport } from "./transport";
import { Virtqueue } from "./virtqueue";

// Registers, section 4.2.2, table 4.1.
const MAGIC: u64 = 0x000; // RO
const VERSION: u64 = 0x004; // RO
const DEVICE_ID: u64 = 0x008; // RO
const DEVICE_FEATURES: u64 = 0x010; // RO
const DEVICE_FEATURES_SEL: u64 = 0x014; // WO
const DRIVER_FEATURES: u64 = 0x020; // WO
const DRIVER_FEATURES_SEL: u64 = 0x024; // WO
const QUEUE_SEL: u64 = 0x030; // WO
const QUEUE_NUM_MAX: u64 = 0x034; // RO
const QUEUE_NUM: u64 = 0x038; // WO
const QUEUE_READY: u64 = 0x044; // RW
const QUEUE_NOTIFY: u64 = 0x050; // WO
const INTERRUPT_ACK: u64 = 0x064; // WO
const STATUS: u64 = 0x070; // RW
const QUEUE_DESC: u64 = 0x080; // WO, two words
const QUEUE_DRIVER: u64 = 0x090; // WO, two words
const QUEUE_DEVICE: u64 = 0x0a0; // WO, two words
const CONFIG_GENERATION: u64 = 0x0fc; // RO
const CONFIG: u64 = 0x100; // RW

/** As much of it as any driver reads. */
const CONFIG_SIZE: u64 = 0x40;

const MAGIC_VALUE: u32 = 0x74726976;
const LEGACY_VERSION: u32 = 1;
const SUPPORTED_VERSION: u32 = 2;
/** InterruptAck: used buffer, configuration change. */
const INTERRUPT_ALL: u32 = 3;

const LISTENERS_MAX = 5;

export class MmioTransport extends VirtioTransport {
  registers: u64 = 0;
  irq: u32 = 0;
  /** Vector, once anyone listens. */
  private vector: i32 = 0;
  /** Handlers and their contexts. Read by the interrupt handler: count is raised last. */
  private handlers: StaticArray<usize> = new StaticArray<usize>(LISTENERS_MAX * 2);
  private handlerCount: i32 = 0;

  private read(register: u64): u32 {
    return volatileLoad32(this.registers + register);
  }

  private write(register: u64, value: u32): void {
    volatileStore32(this.registers + register, value);
  }

  private writeAddress(register: u64, address: u64): void {
    this.write(register, <u32>address);
    this.write(register + 4, <u32>(address >> 32));
  }

  readStatus(): u32 {
    return this.read(STATUS);
  }

  writeStatus(status: u32): void {
    this.write(STATUS, status);
  }

  readFeatures(): u64 {
    this.write(DEVICE_FEATURES_SEL, 1);
    const high = <u64>this.read(DEVICE_FEATURES);
    this.write(DEVICE_FEATURES_SEL, 0);
    return (high << 32) | this.read(DEVICE_FEATURES);
  }

  writeFeatures(features: u64): void {
    this.write(DRIVER_FEATURES_SEL, 1);
    this.write(DRIVER_FEATURES, <u32>(features >> 32));
    this.write(DRIVER_FEATURES_SEL, 0);
    this.write(DRIVER_FEATURES, <u32>features);
  }

  queueSizeMax(index: u32): u32 {
    this.write(QUEUE_SEL, index);
    return this.read(QUEUE_NUM_MAX);
  }

  queueEnable(queue: Virtqueue, index: u32): i32 {
    this.write(QUEUE_SEL, index);
    if (this.read(QUEUE_READY) != 0) return -EBUSY;
    this.write(QUEUE_NUM, queue.size);
    this.writeAddress(QUEUE_DESC, queue.descPhysical());
    this.writeAddress(QUEUE_DRIVER, queue.availPhysical());
    this.writeAddress(QUEUE_DEVICE, queue.usedPhysical());
    this.write(QUEUE_READY, 1);
    queue.notifyAddress = this.registers + QUEUE_NOTIFY;
    queue.notifyValue = index;
    queue.notifyWide = true;
    return 0;
  }

  listen(index: u32, handler: (context: usize) => void, context: usize): i32 {
    const count = this.handlerCount;
    if (count == LISTENERS_MAX) return -ENOSPC;
    this.handlers[count * 2] = changetype<usize>(handler);
    this.handlers[count * 2 + 1] = context;
    this.handlerCount = count + 1;
    if (this.vector != 0) return 0;
    this.vector = interruptAllocate(mmioInterrupt, changetype<usize>(this), this.deviceName());
    if (this.vector < 0) return -ENOSPC;
    return ioapicRoute(this.irq, this.vector, IOAPIC_EDGE) ? 0 : -EIO;
  }

  /** In interrupt context. */
  interrupt(): void {
    this.write(INTERRUPT_ACK, INTERRUPT_ALL);
    for (let i = 0; i < this.handlerCount; i++) {
      const handler = changetype<(context: usize) => void>(this.handlers[i * 2]);
      handler(this.handlers[i * 2 + 1]);
    }
  }

  configLoad8(offset: u32): u32 {
    return volatileLoad8(this.registers + CONFIG + offset);
  }

  configLoad16(offset: u32): u32 {
    return volatileLoad16(this.registers + CONFIG + offset);
  }

  configLoad32(offset: u32): u32 {
    return volatileLoad32(this.registers + CONFIG + offset);
  }

  configGeneration(): u32 {
    return this.read(CONFIG_GENERATION);
  }
}

function mmioInterrupt(context: usize): void {
  changetype<MmioTransport>(context).interrupt();
}

/**
 * The device whose registers are at `physical` and whose interrupt arrives at GSI `irq`; null when
 * none is there or it can't be used.
 */
export function mmioProbe(physical: u64, irq: u32): MmioTransport | null {
  const registers = mapDevice(physical, CONFIG + CONFIG_SIZE);
  if (registers == 0) return null;
  // A place without a device has id 0 (section 4.2.2.2); asked first, because most places are
  // empty.
  const deviceId = volatileLoad32(registers + DEVICE_ID);
  if (deviceId == 0 || volatileLoad32(registers + MAGIC) != MAGIC_VALUE) return null;
  const version = volatileLoad32(registers + VERSION);
  if (version == LEGACY_VERSION) {
    log(
      LOG_ERROR,
      "virtio",
      "a virtio-mmio device is of the legacy version: start QEMU with -global virtio-mmio.force-legacy=false",
    );
    return null;
  }
  if (version != SUPPORTED_VERSION) return null;
  const transport = new MmioTransport();
  transport.deviceId = deviceId;
  transport.registers = registers;
  transport.irq = irq;
  return transport;
}
