/**
 * The virtio network device.
 *
 *     virtioNetProbe(transport, wake) → VirtioNet     set up and live; `wake` is its interrupt handler's last step
 *     transmit, flush, poll, enableReceiveInterrupt   net/device.ts
 *
 * Receive. Buffers are small packets; the device's header goes right before the place where
 * Ethernet begins in a packet that the stack made, so that both look the same. A frame larger than
 * a buffer comes in several (mergeable buffers), which become fragments. The ring is refilled in
 * batches of REFILL_BATCH. It holds as many buffers as bursts have needed: the fewer there are, the
 * more of them are in the caches when they come round again.
 *
 * Transmit. One descriptor per packet: the header goes into the packet's headroom, in front of the
 * frame, without moving `data`. Completed packets are freed after the next `flush`; transmit
 * interrupts are never on.
 *
 * Thread context, one thread at a time; does not sleep. Of the interrupt handler's only `armed`.
 */
import * as hw from "../../arch/hw";
import { ENOBUFS } from "../../lib/errno";
import { DIRECT_MAP } from "../../mem/page-allocator";
import { NetDevice } from "../../net/device";
import { ethernetInput } from "../../net/ethernet";
import {
  PACKET_BUFFER_SIZE,
  PACKET_CHECKSUM_PARTIAL,
  PACKET_CHECKSUM_VALID,
  PACKET_HEADROOM,
  Packet,
  packetAlloc,
  packetFree,
} from "../../net/packet";
import { free } from "../../runtime/free";
import { VirtioTransport, virtioQueue } from "./transport";
import {
  CONFIG_MAC,
  CONFIG_MTU,
  NET_HEADER_CSUM_OFFSET,
  NET_HEADER_CSUM_START_SHIFT,
  NET_HEADER_FLAGS,
  NET_HEADER_GSO_SIZE_SHIFT,
  NET_HEADER_GSO_TYPE_SHIFT,
  NET_HEADER_HDR_LEN_SHIFT,
  NET_HEADER_NUM_BUFFERS,
  NET_HEADER_SIZE,
  QUEUE_RECEIVE,
  QUEUE_TRANSMIT,
  VIRTIO_NET_F_CSUM,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_GUEST_TSO4,
  VIRTIO_NET_F_HOST_TSO4,
  VIRTIO_NET_F_MAC,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_F_MTU,
  VIRTIO_NET_HDR_F_DATA_VALID,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
} from "./virtio-net-regs";
import { VIRTIO_F_EVENT_IDX, VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const QUEUE_SIZE_MAX: u32 = 256;
/**
 * Receive buffers at first, refilled by the batch; doubled, up to the size of the ring, when a
 * burst takes half of them. A batch less than these must hold the largest frame, 64 KiB, or the
 * device would wait for buffers and we for a frame.
 */
const RECEIVE_BUFFERS_INITIAL: u32 = 64;
const REFILL_BATCH: u32 = 16;
const FRAME_MAX: u32 = 65536 + 14;
/** RFC 791: every link carries so much. */
const IPV4_MTU_MIN: u32 = 68;
/** Of the first byte of a hardware address: it is a group's. */
const MAC_GROUP: u64 = 1;

/** Where in a packet's buffer the device writes, and how much: its header, then the frame. */
const RECEIVE_OFFSET: u64 = <u64>(PACKET_HEADROOM - NET_HEADER_SIZE);
const RECEIVE_LENGTH: u32 = PACKET_BUFFER_SIZE - <u32>RECEIVE_OFFSET;
if ((RECEIVE_BUFFERS_INITIAL - REFILL_BATCH) * RECEIVE_LENGTH < FRAME_MAX + NET_HEADER_SIZE) {
  ERROR("a frame of the largest size fits");
}

export class VirtioNet extends NetDevice {
  // ---- Fixed by `start`, before anything can use them ----
  private receive: Virtqueue = changetype<Virtqueue>(0);
  private send: Virtqueue = changetype<Virtqueue>(0);
  private wake: () => void;

  // ---- Of the thread that uses the device ----
  /** Buffers the receive ring is to hold. */
  private receiveTarget: u32 = RECEIVE_BUFFERS_INITIAL;
  /** An interrupt has been asked for and has not come yet. */
  private armed: bool = false;

  constructor(wake: () => void) {
    super();
    this.wake = wake;
  }

  /** Takes over a device that has agreed on its features. 0 or -errno. */
  start(transport: VirtioTransport): i32 {
    const context = changetype<usize>(this);
    const receive = virtioQueue(transport, QUEUE_RECEIVE, QUEUE_SIZE_MAX, netInterrupt, context);
    const send = virtioQueue(transport, QUEUE_TRANSMIT, QUEUE_SIZE_MAX, null, 0);
    if (!receive || !send) return transport.fail("has not both queues");
    this.receive = receive;
    this.send = send;
    this.receiveTarget = min(RECEIVE_BUFFERS_INITIAL, <u32>receive.size);
    this.mac = this.readMac(transport);
    if (transport.hasFeature(VIRTIO_NET_F_MTU)) {
      this.mtu = min<u32>(this.mtu, transport.configLoad16(CONFIG_MTU));
      if (this.mtu < IPV4_MTU_MIN) return transport.fail("has an MTU too small for IPv4");
    }
    this.canChecksum = transport.hasFeature(VIRTIO_NET_F_CSUM);
    this.canTso = transport.hasFeature(VIRTIO_NET_F_HOST_TSO4) && this.canChecksum;
    this.canMergeReceive = transport.hasFeature(VIRTIO_NET_F_MRG_RXBUF);
    transport.driverOk();
    this.receiveIndex = this.receive.usedIndexAddress();
    this.refill();
    return 0;
  }

  /** The first byte on the wire is the lowest of the number. */
  private readMac(transport: VirtioTransport): u64 {
    let mac: u64 = 0;
    if (transport.hasFeature(VIRTIO_NET_F_MAC)) {
      for (let i: u32 = 0; i < 6; i++) {
        mac |= (<u64>transport.configLoad8(CONFIG_MAC + i)) << (i << 3);
      }
    }
    if (mac != 0 && (mac & MAC_GROUP) == 0) return mac;
    // Without one of a station from the device: locally administered, and hardly anyone else's.
    return (((hw.readTsc() << 16) >> 16) & ~0xff) | 0x02;
  }

  transmit(packet: Packet): i32 {
    const queue = this.send;
    let parts: u32 = 1;
    if (packet.fragment) parts = fragmentCount(packet);
    if (queue.freeCount < parts) {
      this.reclaim();
      if (queue.freeCount < parts) {
        // The device is behind: what it has not been told of yet would keep the ring full for ever.
        queue.kick();
        packetFree(packet);
        return -ENOBUFS;
      }
    }
    const header = packet.data - NET_HEADER_SIZE;
    assert(header >= packet.buffer, "headroom for the device's header");
    if ((packet.flags & PACKET_CHECKSUM_PARTIAL) != 0) {
      let word = <u64>VIRTIO_NET_HDR_F_NEEDS_CSUM;
      word |= (<u64>packet.checksumStart) << NET_HEADER_CSUM_START_SHIFT;
      if (packet.segmentSize != 0) {
        word |= VIRTIO_NET_HDR_GSO_TCPV4 << NET_HEADER_GSO_TYPE_SHIFT;
        word |= (<u64>packet.headerLength) << NET_HEADER_HDR_LEN_SHIFT;
        word |= (<u64>packet.segmentSize) << NET_HEADER_GSO_SIZE_SHIFT;
      }
      hw.store64(header, word);
      hw.store32(header + NET_HEADER_CSUM_OFFSET, packet.checksumOffset);
    } else {
      hw.store64(header, 0);
      hw.store32(header + NET_HEADER_CSUM_OFFSET, 0);
    }
    const length = packet.length + NET_HEADER_SIZE;
    if (parts == 1) queue.push(header - DIRECT_MAP, length, 0, changetype<usize>(packet));
    else this.transmitFragments(packet, header, length);
    return 0;
  }

  private transmitFragments(packet: Packet, header: u64, length: u32): void {
    const queue = this.send;
    queue.chainBegin();
    queue.chainAdd(header - DIRECT_MAP, length, 0);
    let part = packet.fragment;
    while (part) {
      queue.chainAdd(part.data - DIRECT_MAP, part.length, 0);
      part = part.fragment;
    }
    queue.chainEnd(changetype<usize>(packet));
  }

  flush(): void {
    this.send.kick();
    this.reclaim();
  }

  unsent(): u32 {
    this.reclaim();
    return this.send.inFlight();
  }

  /** Frees the packets that the device has sent. */
  private reclaim(): void {
    const queue = this.send;
    let count = queue.usedCount();
    while (count > 0) {
      const token = queue.take();
      if (token == 0) {
        this.goDown();
        return;
      }
      packetFree(changetype<Packet>(token));
      count--;
    }
  }

  /**
   * The device has lied: nothing is received any more, and what is sent is dropped for want of
   * room on the ring.
   */
  private goDown(): void {
    this.isRunning = false;
    this.receive.close();
    this.send.close();
    this.receiveIndex = this.receive.usedIndexAddress();
    this.receiveSeen = 0;
  }

  poll(): i32 {
    const queue = this.receive;
    if (this.armed) {
      this.armed = false;
      queue.interruptsOff();
    }
    let count = queue.usedCount();
    if (count == 0) return 0;
    this.receiveSeen = (this.receiveSeen + count) & 0xffff;
    // A burst took half of the buffers: the next one may take all.
    if (count > this.receiveTarget >> 1) {
      this.receiveTarget = min(this.receiveTarget << 1, <u32>queue.size);
    }
    let frames = 0;
    while (count > 0) {
      count--;
      const token = queue.take();
      if (token == 0) {
        this.goDown();
        return frames;
      }
      const packet = changetype<Packet>(token);
      const header = packet.buffer + RECEIVE_OFFSET;
      const length = queue.takenLength;
      let buffers: u32 = 1;
      if (this.canMergeReceive) buffers = hw.load16(header + NET_HEADER_NUM_BUFFERS);
      if (length < NET_HEADER_SIZE || length > RECEIVE_LENGTH) {
        packetFree(packet);
        continue;
      }
      packet.length = length - NET_HEADER_SIZE;
      const flags = hw.load8(header + NET_HEADER_FLAGS);
      if ((flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0) {
        packet.flags = PACKET_CHECKSUM_VALID;
      }
      if (buffers > 1) {
        // The device publishes all buffers of a frame together (section 5.1.6.4).
        if (buffers - 1 > count) {
          packetFree(packet);
          continue;
        }
        if (!this.takeFragments(packet, buffers - 1)) {
          packetFree(packet);
          this.goDown();
          return frames;
        }
        count -= buffers - 1;
      }
      frames++;
      ethernetInput(packet);
      if (this.needsRefill()) this.refill();
    }
    return frames;
  }

  /** Appends the next `count` buffers of the ring to a packet; false when the device lies. */
  private takeFragments(packet: Packet, count: u32): bool {
    const queue = this.receive;
    let last = packet;
    for (let i: u32 = 0; i < count; i++) {
      const token = queue.take();
      if (token == 0) return false;
      const part = changetype<Packet>(token);
      part.data = part.buffer + RECEIVE_OFFSET;
      part.length = min(queue.takenLength, RECEIVE_LENGTH);
      last.fragment = part;
      last = part;
    }
    return true;
  }

  private needsRefill(): bool {
    if (this.receive.isBroken) return false;
    const posted = this.receive.inFlight();
    return posted + REFILL_BATCH < this.receiveTarget || posted == 0;
  }

  /** Fills the receive ring up to its target, as far as memory goes. */
  private refill(): void {
    const queue = this.receive;
    while (queue.inFlight() < this.receiveTarget) {
      const packet = packetAlloc();
      if (!packet) break;
      const address = packet.buffer + RECEIVE_OFFSET - DIRECT_MAP;
      queue.push(address, RECEIVE_LENGTH, VIRTQ_DESC_F_WRITE, changetype<usize>(packet));
    }
    queue.kick();
  }

  enableReceiveInterrupt(): bool {
    // A ring that could not be filled for want of memory is filled here, or no frame would ever
    // come.
    if (this.needsRefill()) this.refill();
    this.armed = true;
    if (this.receive.interruptsOn()) return true;
    this.armed = false;
    this.receive.interruptsOff();
    return false;
  }

  /** Buffers that the device may receive into. */
  receiveBuffers(): u32 {
    return this.receive.inFlight();
  }

  /** In interrupt context. Without an event index the device would go on raising interrupts. */
  interrupt(): void {
    this.armed = false;
    if (!this.receive.eventIndex) this.receive.interruptsOff();
    this.wake();
  }
}

function netInterrupt(context: usize): void {
  changetype<VirtioNet>(context).interrupt();
}

function fragmentCount(packet: Packet): u32 {
  let count: u32 = 0;
  let part: Packet | null = packet;
  while (part) {
    count++;
    part = part.fragment;
  }
  return count;
}

/**
 * Sets the device up; `wake` is called in interrupt context when frames have come. Null when it
 * can't be used.
 */
export function virtioNetProbe(transport: VirtioTransport, wake: () => void): VirtioNet | null {
  const wanted =
    VIRTIO_NET_F_CSUM |
    VIRTIO_NET_F_GUEST_CSUM |
    VIRTIO_NET_F_MTU |
    VIRTIO_NET_F_MAC |
    VIRTIO_NET_F_GUEST_TSO4 |
    VIRTIO_NET_F_HOST_TSO4 |
    VIRTIO_NET_F_MRG_RXBUF |
    VIRTIO_F_EVENT_IDX;
  // Large frames come only in buffers that merge: a single one for 64 KiB would take 17 pages.
  if (transport.negotiate(wanted, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_MRG_RXBUF) != 0) {
    return null;
  }
  const device = new VirtioNet(wake);
  if (device.start(transport) == 0) return device;
  free(device);
  return null;
}
