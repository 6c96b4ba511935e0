import * as hw from "../../arch/hw";
import { ENOBUFS } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { addMemory, directMap } from "../../mem/page-allocator";
import { devicePoll } from "../../net/ethernet";
import { Interface, interfaceAdd } from "../../net/interface";
import {
  PACKET_CHECKSUM_PARTIAL,
  Packet,
  packetAlloc,
  packetCount,
  packetFree,
  packetFreeCount,
  packetGet,
} from "../../net/packet";
import { netStats } from "../../net/stats";
import { FakeTransport, ModelDevice } from "./testing";
import { VirtioNet, virtioNetProbe } from "./virtio-net";
import {
  CONFIG_MTU,
  QUEUE_RECEIVE,
  QUEUE_TRANSMIT,
  VIRTIO_NET_F_CSUM,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_GUEST_TSO4,
  VIRTIO_NET_F_HOST_TSO4,
  VIRTIO_NET_F_MAC,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_F_MTU,
} from "./virtio-net-regs";
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_VERSION_1 } from "./virtio-regs";

const MIB: u64 = 1 << 20;
const ALL: u64 =
  VIRTIO_F_VERSION_1 |
  VIRTIO_F_EVENT_IDX |
  VIRTIO_NET_F_CSUM |
  VIRTIO_NET_F_GUEST_CSUM |
  VIRTIO_NET_F_GUEST_TSO4 |
  VIRTIO_NET_F_HOST_TSO4 |
  VIRTIO_NET_F_MAC |
  VIRTIO_NET_F_MRG_RXBUF;
/** IEEE's local experimental EtherType: the stack drops it and counts. */
const UNKNOWN_TYPE: u32 = 0xb588;

let wakes = 0;
let transport: FakeTransport = new FakeTransport();
let receiver: ModelDevice = changetype<ModelDevice>(0);
let sender: ModelDevice = changetype<ModelDevice>(0);
let via: Interface = changetype<Interface>(0);

/** A device with those features, its two queues played by models. */
function deviceWith(features: u64): VirtioNet {
  addMemory(1 * MIB, 17 * MIB);
  transport.offered = features;
  for (let i = 0; i < 6; i++) transport.config[i] = <u8>(0x52 + i);
  const device = virtioNetProbe(transport, () => {
    wakes++;
  })!;
  receiver = new ModelDevice(transport.queue(QUEUE_RECEIVE));
  sender = new ModelDevice(transport.queue(QUEUE_TRANSMIT));
  via = interfaceAdd(device)!;
  return device;
}

/** The device writes a frame of `length` bytes to buffers it has taken, `perBuffer` bytes each. */
function receiveFrame(length: u32, perBuffer: u32): void {
  const total = length + 12;
  const buffers = (total + perBuffer - 1) / perBuffer;
  expect(receiver.taken >= <i32>buffers, "the device has buffers");
  for (let i: u32 = 0; i < buffers; i++) {
    const at = directMap(receiver.address(0));
    if (i == 0) {
      hw.store64(at, 0);
      hw.store16(at + 10, buffers);
      hw.store16(at + 12 + 12, UNKNOWN_TYPE);
    }
    receiver.giveBack(0, i + 1 < buffers ? perBuffer : total - perBuffer * (buffers - 1));
  }
}

test("virtio-net: what the device offers decides what is used", () => {
  const device = deviceWith(ALL);
  expectEqual(device.mac, 0x575655545352, "the first byte is the lowest");
  expect(device.canChecksum && device.canTso && device.canMergeReceive, "all of it");
  expectEqual(transport.features, ALL, "agreed");
});

test("virtio-net: large frames are not taken from a device whose buffers do not merge", () => {
  deviceWith(ALL & ~VIRTIO_NET_F_MRG_RXBUF);
  expect(!transport.hasFeature(VIRTIO_NET_F_GUEST_TSO4), "left out");
  expect(transport.hasFeature(VIRTIO_NET_F_HOST_TSO4), "the other direction stays");
});

test("virtio-net: a device that does not agree, or is too old, is given up", () => {
  addMemory(1 * MIB, 17 * MIB);
  transport.offered = ALL & ~VIRTIO_F_VERSION_1;
  expect(virtioNetProbe(transport, () => {}) == null, "too old");
  transport.offered = ALL;
  transport.accepted = 0;
  expect(virtioNetProbe(transport, () => {}) == null, "does not agree");
  transport.accepted = u64.MAX_VALUE;
  transport.queueSize = 0;
  expect(virtioNetProbe(transport, () => {}) == null, "no queues");
});

test("virtio-net: an MTU that no packet fits, and an address of a group, are not believed", () => {
  addMemory(1 * MIB, 17 * MIB);
  transport.offered = ALL | VIRTIO_NET_F_MTU;
  for (let i = 0; i < 6; i++) transport.config[i] = 0xff;
  transport.config[CONFIG_MTU] = 67;
  expect(virtioNetProbe(transport, () => {}) == null, "an MTU of 67");
  transport.config[CONFIG_MTU] = 0;
  expect(virtioNetProbe(transport, () => {}) == null, "of 0");
  transport.config[CONFIG_MTU] = 68;
  const device = virtioNetProbe(transport, () => {})!;
  expectEqual(device.mtu, 68, "the least there is");
  expectEqual(device.mac & 3, 2, "an address of its own: local, of a station");
  for (let i = 0; i < 6; i++) transport.config[i] = 0;
  expectEqual(virtioNetProbe(transport, () => {})!.mac & 3, 2, "also in place of none");
});

test("virtio-net: received frames reach the stack, and the ring is filled again and further", () => {
  const device = deviceWith(ALL);
  receiver.takeAll();
  const initial = receiver.taken;
  expectEqual(initial, 64, "buffers at first");
  for (let i: u64 = 0; i < 1000; i++) {
    receiveFrame(60, 1932);
    expectEqual(devicePoll(via), 1, "one frame");
    receiver.takeAll();
  }
  expectEqual(netStats.framesIn, 1000, "all came");
  expect(receiver.taken <= 64, "single frames need no more buffers");
  for (let burst = 0; burst < 5; burst++) {
    while (receiver.taken > 0) receiveFrame(60, 1932);
    devicePoll(via);
    receiver.takeAll();
  }
  expect(receiver.taken > 239, "the ring grew with the bursts");
  expectEqual(packetCount() - packetFreeCount(), device.receiveBuffers(), "no packet is lost");
});

test("virtio-net: a ring of eight works, too", () => {
  transport.queueSize = 8;
  deviceWith(ALL);
  for (let i = 0; i < 100; i++) {
    receiver.takeAll();
    receiveFrame(60, 1932);
    expectEqual(devicePoll(via), 1, "one frame");
  }
});

test("virtio-net: a frame in several buffers is one packet; a broken one is dropped whole", () => {
  const device = deviceWith(ALL);
  for (let i = 0; i < 100; i++) {
    receiver.takeAll();
    receiveFrame(40000, 1932);
    receiveFrame(60, 1932);
    expectEqual(devicePoll(via), 2, "two frames");
    receiver.takeAll();
  }
  expectEqual(netStats.framesIn, 200, "all came");
  receiver.giveBack(0, 5);
  expectEqual(devicePoll(via), 0, "shorter than its header");
  receiver.giveBack(0, 100000);
  expectEqual(devicePoll(via), 0, "longer than its buffer");
  expectEqual(packetCount() - packetFreeCount(), device.receiveBuffers(), "no packet is lost");
});

function frameOf(length: u32): Packet {
  const packet = packetAlloc()!;
  packet.append(length);
  return packet;
}

test("virtio-net: packets are sent with one notification, and freed once the device is through", () => {
  const device = deviceWith(ALL);
  const kept = frameOf(60);
  packetGet(kept);
  const before = packetCount() - packetFreeCount();
  transport.takeNotification();
  expectEqual(device.transmit(kept), 0, "taken");
  for (let i = 0; i < 9; i++) expectEqual(device.transmit(frameOf(100)), 0, "taken");
  expectEqual(transport.takeNotification(), 0, "not yet");
  device.flush();
  expectEqual(transport.takeNotification(), QUEUE_TRANSMIT + 1, "one for all");
  sender.takeAll();
  expectEqual(sender.taken, 10, "all on the ring");
  expectEqual(sender.length(0), 72, "header and frame in one descriptor");
  expectEqual(directMap(sender.address(0)), kept.data - 12, "the header is right before the frame");
  expectEqual(kept.length, 60, "the packet is as it was");
  while (sender.taken > 0) sender.giveBack(0, 0);
  expectEqual(sender.interrupts, 0, "no transmit interrupts");
  device.flush();
  expectEqual(
    packetCount() - packetFreeCount(),
    before,
    "the others are free, the kept one is not",
  );
  packetFree(kept);
});

test("virtio-net: checksum and segmentation go into the header, and are gone from the next one", () => {
  const device = deviceWith(ALL);
  const packet = frameOf(1500);
  packetGet(packet);
  packet.flags = PACKET_CHECKSUM_PARTIAL;
  packet.checksumStart = 34;
  packet.checksumOffset = 16;
  packet.segmentSize = 1448;
  packet.headerLength = 66;
  device.transmit(packet);
  const header = packet.data - 12;
  expectEqual(hw.load8(header), 1, "needs a checksum");
  expectEqual(hw.load8(header + 1), 1, "TCP over IPv4");
  expectEqual(hw.load16(header + 2), 66, "headers");
  expectEqual(hw.load16(header + 4), 1448, "segment");
  expectEqual(hw.load16(header + 6), 34, "start");
  expectEqual(hw.load16(header + 8), 16, "offset");
  expectEqual(hw.load16(header + 10), 0, "buffers");
  packet.flags = 0;
  device.transmit(packet);
  expectEqual(hw.load64(header), 0, "nothing");
  expectEqual(hw.load32(header + 8), 0, "nothing");
});

test("virtio-net: a full ring refuses and recovers", () => {
  const device = deviceWith(ALL);
  for (let i = 0; i < 256; i++) expectEqual(device.transmit(frameOf(60)), 0, "taken");
  expectEqual(device.transmit(frameOf(60)), -ENOBUFS, "full");
  sender.takeAll();
  expectEqual(sender.taken, 256, "it was published");
  while (sender.taken > 0) sender.giveBack(0, 0);
  expectEqual(device.transmit(frameOf(60)), 0, "room again");
});

test("virtio-net: interrupts come only when asked for, and a frame that came before is told", () => {
  for (let kind: u64 = 0; kind < 2; kind++) {
    const device = deviceWith(kind == 0 ? ALL : ALL & ~VIRTIO_F_EVENT_IDX);
    wakes = 0;
    receiver.takeAll();
    receiveFrame(60, 1932);
    expectEqual(receiver.interrupts, 0, "off at first");
    expect(!device.enableReceiveInterrupt(), "one waits");
    devicePoll(via);
    expect(device.enableReceiveInterrupt(), "none waits");
    receiveFrame(60, 1932);
    expectEqual(receiver.interrupts, 1, "asked for");
    transport.interrupt();
    expectEqual(wakes, 1, "told");
    receiveFrame(60, 1932);
    expectEqual(receiver.interrupts, 1, "once");
    devicePoll(via);
    expect(device.enableReceiveInterrupt(), "on");
    devicePoll(via);
    receiveFrame(60, 1932);
    expectEqual(receiver.interrupts, 1, "polling switches it off");
  }
});

/** It is out of use for good: what is sent is dropped and counted, nothing hangs. */
function expectDown(device: VirtioNet): void {
  expect(!device.isRunning, "down");
  expectEqual(device.poll(), 0, "receives nothing");
  expectEqual(hw.load16(device.receiveIndex), device.receiveSeen, "and has nothing to look for");
  expect(device.enableReceiveInterrupt(), "an idle CPU may halt");
  const packets = packetCount() - packetFreeCount();
  expectEqual(device.transmit(packetAlloc()!), -ENOBUFS, "sends nothing");
  expectEqual(packetCount() - packetFreeCount(), packets, "and keeps nothing");
  device.flush();
  expectEqual(device.unsent(), 0, "the machine's end waits for nothing");
}

test("virtio-net: a device that gives back a received buffer twice goes down", () => {
  const device = deviceWith(ALL);
  receiver.takeAll();
  const head = receiver.heads[0];
  receiveFrame(60, 2000);
  receiver.heads[0] = head;
  receiver.giveBack(0, 72);
  expectEqual(devicePoll(via), 1, "the first time it counts");
  expectDown(device);
});

test("virtio-net: a device that invents a buffer amid a frame goes down", () => {
  const device = deviceWith(ALL);
  receiver.takeAll();
  hw.store16(directMap(receiver.address(0)) + 10, 2);
  receiver.giveBack(0, 1500);
  receiver.heads[0] = 999;
  receiver.giveBack(0, 1500);
  expectEqual(devicePoll(via), 0, "no frame");
  expectDown(device);
});

test("virtio-net: a device that has sent what nobody sent goes down", () => {
  const device = deviceWith(ALL);
  hw.store16(sender.queue.used + 2, 3);
  device.flush();
  expectDown(device);
});

test("virtio-net: headers and lengths that make no sense cost a frame, not more", () => {
  const device = deviceWith(ALL);
  const packets = packetCount() - packetFreeCount();
  const counts: StaticArray<u32> = [0, 2, 255, 0xffff];
  for (let i = 0; i < counts.length; i++) {
    receiver.takeAll();
    hw.fill(directMap(receiver.address(0)), 0xff, 12);
    hw.store16(directMap(receiver.address(0)) + 10, counts[i]);
    receiver.giveBack(0, 60 + 12);
    devicePoll(via);
  }
  const lengths: StaticArray<u32> = [0, 1, 11, 12, 13, 5000, 0xffff, 0x80000000, 0xffffffff];
  for (let i = 0; i < lengths.length; i++) {
    receiver.takeAll();
    hw.store64(directMap(receiver.address(0)), 0);
    hw.store16(directMap(receiver.address(0)) + 10, 1);
    receiver.giveBack(0, lengths[i]);
    devicePoll(via);
  }
  expect(device.isRunning, "goes on");
  receiver.takeAll();
  receiveFrame(60, 2000);
  expectEqual(devicePoll(via), 1, "and receives");
  expect(packetCount() - packetFreeCount() <= packets + 64, "nothing is kept");
});
