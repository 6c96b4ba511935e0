/**
 * Finds the devices and gives each to its driver.
 *
 *     discoverDevices(words, wakeNet)    the virtio_mmio.device words of the command line; `wakeNet` is called by
 *                                        the interrupt handler of a network device that has received
 *     diskAt(i), netDeviceAt(i)          what there is; null: not so many
 *
 * A machine that names its devices on the command line (QEMU's microvm, Firecracker) has no PCI
 * that would have to be searched. Drivers set their devices up without waiting for any answer, so
 * devices don't wait for each other.
 */

import { LOG_DEBUG, LOG_WARN, logBegin, logEnd, put, putDecimal } from "../lib/log";
import { NetDevice } from "../net/device";
import { free } from "../runtime/free";
import { BlockDevice } from "./block";
import { consoleStart } from "./console";
import { PciDevice, pciEnumerate, pciPresent } from "./pci";
import { acpiMmioDevices } from "./virtio/acpi-mmio";
import { hostPortsProbe } from "./virtio/host-ports";
import { VirtioTransport } from "./virtio/transport";
import { mmioProbe } from "./virtio/transport-mmio";
import { pciProbe, pciVirtioId } from "./virtio/transport-pci";
import { virtioBlkProbe } from "./virtio/virtio-blk";
import { MmioWord } from "./virtio/virtio-mmio-word";
import { virtioNetProbe } from "./virtio/virtio-net";
import {
  VIRTIO_ID_BLOCK,
  VIRTIO_ID_CONSOLE,
  VIRTIO_ID_NET,
  VIRTIO_ID_RNG,
} from "./virtio/virtio-regs";
import { virtioRngProbe } from "./virtio/virtio-rng";

const DISKS_MAX = 8;
const NETS_MAX = 4;

const disks: StaticArray<BlockDevice | null> = new StaticArray<BlockDevice | null>(DISKS_MAX);
let diskCount = 0;
const nets: StaticArray<NetDevice | null> = new StaticArray<NetDevice | null>(NETS_MAX);
let netCount = 0;
let wakeNet: () => void = () => {};

/** One row per kind of virtio device: its id, and the probe function that takes its transport. */
class Driver {
  constructor(
    public id: u32,
    public probe: (transport: VirtioTransport) => bool,
  ) {}
}

let drivers: StaticArray<Driver> = [
  new Driver(VIRTIO_ID_BLOCK, probeDisk),
  new Driver(VIRTIO_ID_NET, probeNet),
  new Driver(VIRTIO_ID_RNG, virtioRngProbe),
  new Driver(VIRTIO_ID_CONSOLE, hostPortsProbe),
];

function probeDisk(transport: VirtioTransport): bool {
  if (diskCount == DISKS_MAX) return false;
  const disk = virtioBlkProbe(transport);
  if (!disk) return false;
  disks[diskCount++] = disk;
  return true;
}

function probeNet(transport: VirtioTransport): bool {
  if (netCount == NETS_MAX) return false;
  const net = virtioNetProbe(transport, wakeNet);
  if (!net) return false;
  nets[netCount++] = net;
  return true;
}

/** Gives a virtio device to the driver of its kind. */
function bind(transport: VirtioTransport): void {
  for (let i = 0; i < drivers.length; i++) {
    const driver = drivers[i];
    if (driver.id != transport.deviceId) continue;
    if (driver.probe(transport)) return;
    break;
  }
  if (!logBegin(LOG_DEBUG, "discover")) return;
  put("no driver for the virtio device of type ");
  putDecimal(transport.deviceId);
  logEnd();
}

function foundPci(device: PciDevice): void {
  if (pciVirtioId(device) == 0) {
    free(device);
    return;
  }
  const transport = pciProbe(device);
  if (transport) bind(transport);
}

const parsedWord = new MmioWord();

/** The device that a word of the command line names. */
function foundWord(word: string): void {
  if (!parsedWord.parse(word)) {
    if (logBegin(LOG_WARN, "discover")) {
      put("not understood: ");
      put(word);
      logEnd();
    }
    return;
  }
  foundMmio(parsedWord.base, parsedWord.irq);
}

function foundMmio(base: u64, irq: u32): void {
  const transport = mmioProbe(base, irq);
  if (transport) bind(transport);
}

export function discoverDevices(words: string[], wake: () => void): void {
  wakeNet = wake;
  for (let i = 0; i < words.length; i++) foundWord(words[i]);
  if (words.length == 0) {
    acpiMmioDevices(foundMmio);
    if (pciPresent()) pciEnumerate(foundPci);
  }
  consoleStart();
}

/** Disk i in the order of discovery; null when there are not so many. */
export function diskAt(index: i32): BlockDevice | null {
  return index >= 0 && index < diskCount ? disks[index] : null;
}

export function netDeviceAt(index: i32): NetDevice | null {
  return index >= 0 && index < netCount ? nets[index] : null;
}
