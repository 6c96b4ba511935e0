/**
 * virtio over PCI (virtio 1.2, section 4.1), modern devices and the modern face of transitional
 * ones.
 *
 *     pciProbe(device) → transport, or null when it is no virtio device or can't be used
 *
 * Vendor capabilities say in which BAR, and where there, the common configuration, the notification
 * area and the device's own configuration are. Each queue that someone listens to has an MSI-X
 * vector of its own, so an interrupt needs no acknowledgement and no register access.
 */

import {
  volatileLoad8,
  volatileLoad16,
  volatileLoad32,
  volatileStore8,
  volatileStore16,
  volatileStore32,
} from "../../arch/hw";
import { interruptAllocate, interruptFree } from "../../arch/x86_64/interrupts";
import { EIO, ENOSPC } from "../../lib/errno";
import { LOG_ERROR, log } from "../../lib/log";
import { free } from "../../runtime/free";
import {
  CAPABILITIES_MAX,
  msixEnable,
  msixRoute,
  PciDevice,
  pciCapability,
  pciEnable,
  pciMapBar,
  pciRead8,
  pciRead16,
  pciRead32,
} from "../pci";
import { PCI_CAP_VENDOR, PCI_SUBSYSTEM_ID } from "../pci-regs";
import { VirtioTransport } from "./transport";
import { Virtqueue } from "./virtqueue";

const VENDOR_VIRTIO: u32 = 0x1af4;
/**
 * Device ids: transitional ones from 0x1000 (the type is the subsystem id), modern ones 0x1040 +
 * type.
 */
const TRANSITIONAL_FIRST: u32 = 0x1000;
const MODERN_FIRST: u32 = 0x1040;
const MODERN_LAST: u32 = 0x107f;

// A vendor capability, section 4.1.4.
const CAP_TYPE: u32 = 3; // u8
const CAP_BAR: u32 = 4; // u8
const CAP_OFFSET: u32 = 8; // u32
const CAP_LENGTH: u32 = 12; // u32
const CAP_NOTIFY_MULTIPLIER: u32 = 16; // u32
const TYPE_COMMON: u32 = 1;
const TYPE_NOTIFY: u32 = 2;
const TYPE_DEVICE: u32 = 4;
const LENGTH_MAX: u32 = 1 << 24;

// Common configuration, section 4.1.4.3.
const DEVICE_FEATURE_SELECT: u64 = 0x00; // RW u32
const DEVICE_FEATURE: u64 = 0x04; // RO u32
const DRIVER_FEATURE_SELECT: u64 = 0x08; // RW u32
const DRIVER_FEATURE: u64 = 0x0c; // RW u32
const DEVICE_STATUS: u64 = 0x14; // RW u8
const CONFIG_GENERATION: u64 = 0x15; // RO u8
const QUEUE_SELECT: u64 = 0x16; // RW u16
const QUEUE_SIZE: u64 = 0x18; // RW u16
const QUEUE_MSIX_VECTOR: u64 = 0x1a; // RW u16
const QUEUE_ENABLE: u64 = 0x1c; // RW u16
const QUEUE_NOTIFY_OFFSET: u64 = 0x1e; // RO u16
const QUEUE_DESC: u64 = 0x20; // RW u64
const QUEUE_DRIVER: u64 = 0x28; // RW u64
const QUEUE_DEVICE: u64 = 0x30; // RW u64
const COMMON_SIZE: u32 = 0x38;
const NO_VECTOR: u32 = 0xffff;

export class PciTransport extends VirtioTransport {
  private pci: PciDevice;
  /** Virtual addresses of the three areas; the last may be missing (0). */
  private common: u64 = 0;
  private notifyArea: u64 = 0;
  private config: u64 = 0;
  private notifyMultiplier: u32 = 0;
  private notifyLength: u32 = 0;
  private configLength: u32 = 0;
  /** Entries of the MSI-X table, and how many are in use; 0 before the first is needed. */
  private vectorCount: u32 = 0;
  private vectorNext: u32 = 0;

  constructor(pci: PciDevice) {
    super();
    this.pci = pci;
  }

  /** Finds and maps the areas; false when one that is needed is missing. */
  locate(): bool {
    const pci = this.pci;
    let at = pciCapability(pci, PCI_CAP_VENDOR, 0);
    // A list that goes in circles ends, too.
    for (let i = 0; i < CAPABILITIES_MAX && at != 0; i++) {
      const type = pciRead8(pci, at + CAP_TYPE);
      // The first of a type is the one the device prefers.
      if (type == TYPE_COMMON && this.common == 0) {
        if (pciRead32(pci, at + CAP_LENGTH) >= COMMON_SIZE) this.common = this.mapArea(at);
      } else if (type == TYPE_NOTIFY && this.notifyArea == 0) {
        this.notifyArea = this.mapArea(at);
        this.notifyMultiplier = pciRead32(pci, at + CAP_NOTIFY_MULTIPLIER);
        this.notifyLength = pciRead32(pci, at + CAP_LENGTH);
      } else if (type == TYPE_DEVICE && this.config == 0) {
        this.config = this.mapArea(at);
        this.configLength = pciRead32(pci, at + CAP_LENGTH);
      }
      at = pciCapability(pci, PCI_CAP_VENDOR, at);
    }
    return this.common != 0 && this.notifyArea != 0;
  }

  private mapArea(capability: u32): u64 {
    const pci = this.pci;
    const bar = pciRead8(pci, capability + CAP_BAR);
    const length = pciRead32(pci, capability + CAP_LENGTH);
    if (length == 0 || length > LENGTH_MAX) return 0;
    return pciMapBar(pci, bar, pciRead32(pci, capability + CAP_OFFSET), length);
  }

  readStatus(): u32 {
    return volatileLoad8(this.common + DEVICE_STATUS);
  }

  writeStatus(status: u32): void {
    volatileStore8(this.common + DEVICE_STATUS, status);
  }

  readFeatures(): u64 {
    volatileStore32(this.common + DEVICE_FEATURE_SELECT, 1);
    const high = <u64>volatileLoad32(this.common + DEVICE_FEATURE);
    volatileStore32(this.common + DEVICE_FEATURE_SELECT, 0);
    return (high << 32) | volatileLoad32(this.common + DEVICE_FEATURE);
  }

  writeFeatures(features: u64): void {
    volatileStore32(this.common + DRIVER_FEATURE_SELECT, 1);
    volatileStore32(this.common + DRIVER_FEATURE, <u32>(features >> 32));
    volatileStore32(this.common + DRIVER_FEATURE_SELECT, 0);
    volatileStore32(this.common + DRIVER_FEATURE, <u32>features);
  }

  queueSizeMax(index: u32): u32 {
    volatileStore16(this.common + QUEUE_SELECT, index);
    return volatileLoad16(this.common + QUEUE_SIZE);
  }

  queueEnable(queue: Virtqueue, index: u32): i32 {
    volatileStore16(this.common + QUEUE_SELECT, index);
    volatileStore16(this.common + QUEUE_SIZE, queue.size);
    this.writeAddress(QUEUE_DESC, queue.descPhysical());
    this.writeAddress(QUEUE_DRIVER, queue.availPhysical());
    this.writeAddress(QUEUE_DEVICE, queue.usedPhysical());
    const queueOffset = <u64>volatileLoad16(this.common + QUEUE_NOTIFY_OFFSET);
    const offset = queueOffset * this.notifyMultiplier;
    if (offset + 2 > this.notifyLength) return -EIO;
    queue.notifyAddress = this.notifyArea + offset;
    queue.notifyValue = index;
    queue.notifyWide = false;
    volatileStore16(this.common + QUEUE_ENABLE, 1);
    return 0;
  }

  private writeAddress(register: u64, address: u64): void {
    volatileStore32(this.common + register, <u32>address);
    volatileStore32(this.common + register + 4, <u32>(address >> 32));
  }

  listen(index: u32, handler: (context: usize) => void, context: usize): i32 {
    if (this.vectorCount == 0) this.vectorCount = msixEnable(this.pci);
    if (this.vectorNext >= this.vectorCount) return -ENOSPC;
    const vector = interruptAllocate(handler, context, this.deviceName());
    if (vector < 0) return -ENOSPC;
    const entry = this.vectorNext++;
    msixRoute(this.pci, entry, vector);
    volatileStore16(this.common + QUEUE_SELECT, index);
    volatileStore16(this.common + QUEUE_MSIX_VECTOR, entry);
    // A device that has not the resources answers with "no vector" (section 4.1.5.1.2).
    if (volatileLoad16(this.common + QUEUE_MSIX_VECTOR) != NO_VECTOR) return 0;
    interruptFree(vector);
    return -ENOSPC;
  }

  /** Whether the device's configuration has n bytes at `offset`; where not, it reads as 0. */
  private hasConfig(offset: u32, n: u32): bool {
    return this.config != 0 && offset + n <= this.configLength;
  }

  configLoad8(offset: u32): u32 {
    return this.hasConfig(offset, 1) ? volatileLoad8(this.config + offset) : 0;
  }

  configLoad16(offset: u32): u32 {
    return this.hasConfig(offset, 2) ? volatileLoad16(this.config + offset) : 0;
  }

  configLoad32(offset: u32): u32 {
    return this.hasConfig(offset, 4) ? volatileLoad32(this.config + offset) : 0;
  }

  configGeneration(): u32 {
    return volatileLoad8(this.common + CONFIG_GENERATION);
  }
}

/** VIRTIO_ID_* of a PCI function, 0 when it is no virtio device. */
export function pciVirtioId(pci: PciDevice): u32 {
  if (pci.vendor != VENDOR_VIRTIO) return 0;
  if (pci.device >= MODERN_FIRST && pci.device <= MODERN_LAST) return pci.device - MODERN_FIRST;
  if (pci.device < TRANSITIONAL_FIRST || pci.device > MODERN_LAST) return 0;
  return pciRead16(pci, PCI_SUBSYSTEM_ID);
}

/**
 * Takes over a function that is a virtio device; null when it has no modern interface. It keeps
 * `pci`.
 */
export function pciProbe(pci: PciDevice): PciTransport | null {
  pciEnable(pci);
  const transport = new PciTransport(pci);
  transport.deviceId = pciVirtioId(pci);
  if (transport.locate()) return transport;
  log(LOG_ERROR, "virtio", "a PCI device has no virtio 1.x interface: it is a legacy one");
  free(transport);
  return null;
}
