import * as hw from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { addMemory, directMap } from "../../mem/page-allocator";
import {
  controlPort,
  hostPortsExpect,
  hostPortsProbe,
  InputPort,
  standardInput,
  standardOutput,
} from "./host-ports";
import { FakeTransport, ModelDevice } from "./testing";
import { virtioConsoleOutput } from "./virtio-console";
import { VIRTIO_CONSOLE_F_MULTIPORT } from "./virtio-console-regs";
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_VERSION_1 } from "./virtio-regs";

const MIB: u64 = 1 << 20;
const PAGE: u32 = 4096;
const DEVICE_READY: u32 = 0;
const DEVICE_ADD: u32 = 1;
const PORT_READY: u32 = 3;
const PORT_OPEN: u32 = 6;

const transport: FakeTransport = new FakeTransport();
let told: ModelDevice = changetype<ModelDevice>(0);
let answered: ModelDevice = changetype<ModelDevice>(0);
let input: ModelDevice = changetype<ModelDevice>(0);
const bytes: usize = memory.data(64 * 1024);
let calls = 0;

function came(): void {
  calls++;
}

/** A device with both ports, of which nothing has been told yet. */
function device(): void {
  addMemory(1 * MIB, 9 * MIB);
  transport.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_CONSOLE_F_MULTIPORT;
  hostPortsExpect(true, true);
  expect(hostPortsProbe(transport), "the device is taken");
  told = new ModelDevice(transport.queue(2));
  answered = new ModelDevice(transport.queue(3));
  input = new ModelDevice(transport.queue(6));
}

/** The device sends a message; its interrupt comes with `transport.interrupt`. */
function tell(id: u32, event: u32, value: u32): void {
  told.takeAll();
  const message = directMap(told.address(0));
  hw.store32(message, id);
  hw.store16(message + 4, event);
  hw.store16(message + 6, value);
  told.giveBack(0, 8);
}

/** The next message of the driver is this one. */
function expectAnswer(id: u32, event: u32): void {
  answered.takeAll();
  expect(answered.taken > 0, "a message of the driver");
  const message = directMap(answered.address(0));
  expectEqual(hw.load32(message), id, "its port");
  expectEqual(hw.load16(message + 4), event, "its event");
  expectEqual(hw.load16(message + 6), 1, "its value");
  expectEqual(answered.length(0), 8, "its size");
  // What was taken first is given back first, so that the order stays.
  answered.giveBack(0, 0);
  const last = answered.taken;
  if (last > 1) {
    const moved = answered.heads[0];
    for (let i = 0; i < last - 1; i++) answered.heads[i] = answered.heads[i + 1];
    answered.heads[last - 1] = moved;
  }
}

/** Standard input, open, and known to the device. */
function openInput(): InputPort {
  device();
  const port = standardInput()!;
  tell(2, DEVICE_ADD, 1);
  transport.interrupt();
  port.open(came);
  input.takeAll();
  return port;
}

/** The device fills the buffer it took first with n times `byte`. */
function fill(byte: u32, n: u32): void {
  hw.fill(directMap(input.address(0)), byte, n);
  input.giveBack(0, n);
}

test("host ports: the driver announces itself at once, and a port when the device has told of it", () => {
  device();
  expectAnswer(0, DEVICE_READY);
  expectEqual(answered.taken, 0, "nothing else yet");
  controlPort()!.open(came);
  answered.takeAll();
  expectEqual(answered.taken, 0, "not before the device has told of the port");
  tell(1, DEVICE_ADD, 1);
  tell(2, DEVICE_ADD, 1);
  transport.interrupt();
  expectAnswer(1, PORT_READY);
  expectAnswer(1, PORT_OPEN);
  expectAnswer(2, PORT_READY);
  expectEqual(answered.taken, 0, "standard input stays closed until somebody reads");
  standardInput()!.open(came);
  expectAnswer(2, PORT_OPEN);
});

test("host ports: a port that is told of twice is answered once", () => {
  device();
  tell(2, DEVICE_ADD, 1);
  tell(2, DEVICE_ADD, 1);
  transport.interrupt();
  answered.takeAll();
  expectEqual(answered.taken, 2, "DEVICE_READY, PORT_READY");
});

test("host ports: messages about other ports, short ones and unknown ones change nothing", () => {
  const port = openInput();
  calls = 0;
  tell(0, PORT_OPEN, 0);
  tell(77, PORT_OPEN, 0);
  tell(2, 999, 0);
  told.takeAll();
  hw.store32(directMap(told.address(0)), 2);
  hw.store16(directMap(told.address(0)) + 4, PORT_OPEN);
  told.giveBack(0, 4);
  transport.interrupt();
  expect(!port.isEnded, "the port is open");
  expectEqual(calls, 0, "nobody was told");
});

test("host ports: more messages than the ring holds, one after another", () => {
  const port = openInput();
  for (let i = 0; i < 100; i++) {
    tell(2, PORT_OPEN, i & 1);
    transport.interrupt();
    expectEqual(port.isEnded, (i & 1) == 0, "the last one counts");
  }
});

test("host ports: bytes are read in order, across buffers, in pieces of any size", () => {
  const port = openInput();
  calls = 0;
  fill(0x61, 3000);
  transport.interrupt();
  expectEqual(calls, 1, "the reader is told");
  fill(0x62, PAGE);
  fill(0x63, 1);
  expectEqual(port.count(), 3000, "the first buffer");
  expectEqual(port.read(hw.addressOf(bytes), 2999), 2999, "a part of it");
  expectEqual(port.read(hw.addressOf(bytes), 65536), 1 + 4096 + 1, "all the rest");
  expectEqual(load<u8>(bytes), 0x61, "the first buffer's last byte");
  expectEqual(load<u8>(bytes + 1), 0x62, "the second's first");
  expectEqual(load<u8>(bytes + 4097), 0x63, "the third");
  expectEqual(port.read(hw.addressOf(bytes), 100), 0, "nothing more");
});

test("host ports: what nobody reads fills the buffers there are, and the device gets no more", () => {
  const port = openInput();
  let filled = 0;
  while (input.taken > 0) {
    fill(filled, PAGE);
    transport.interrupt();
    input.takeAll();
    filled++;
    expect(filled <= 8, "the number of buffers is bounded");
  }
  expectEqual(filled, 8, "all buffers");
  expectEqual(port.read(hw.addressOf(bytes), 4096), 4096, "one is read");
  expect(transport.takeNotification() != 0, "and the device is told");
  input.takeAll();
  expectEqual(input.taken, 1, "of one free buffer");
  expectEqual(port.read(hw.addressOf(bytes), 65536), 7 * 4096, "the others were kept");
});

test("host ports: a read that empties the port asks for the next interrupt, a full one does not", () => {
  const port = openInput();
  fill(1, 10);
  transport.interrupt();
  expectEqual(port.read(hw.addressOf(bytes), 5), 5, "a full read");
  input.interrupts = 0;
  fill(2, 10);
  expectEqual(input.interrupts, 0, "the reader comes again by itself");
  expectEqual(port.read(hw.addressOf(bytes), 100), 15, "all there is");
  fill(3, 10);
  expectEqual(input.interrupts, 1, "now it has to be told");
});

test("host ports: the end comes after what was sent before it", () => {
  const port = openInput();
  calls = 0;
  fill(0x7a, 5);
  tell(2, PORT_OPEN, 0);
  transport.interrupt();
  expect(port.isEnded && calls > 0, "the end is known");
  expect(port.isReady(), "a read does not wait");
  expectEqual(port.read(hw.addressOf(bytes), 100), 5, "the bytes");
  expectEqual(port.read(hw.addressOf(bytes), 100), 0, "then nothing");
  expect(port.isReady(), "and no read waits");
  expectEqual(port.wait(), 0, "ever");
});

test("host ports: an empty buffer is no end, and one that claims too much is cut", () => {
  const port = openInput();
  fill(0, 0);
  expect(!port.isReady() && port.count() == 0, "nothing has come");
  input.takeAll();
  input.giveBack(0, 0xffffffff);
  expectEqual(port.count(), PAGE, "as much as fits");
});

test("host ports: a console without ports is a console, expected or not", () => {
  addMemory(1 * MIB, 9 * MIB);
  transport.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
  hostPortsExpect(true, true);
  expect(hostPortsProbe(transport), "it is taken");
  expect(controlPort() == null && standardInput() == null, "without ports");
  expect(transport.queues[0] != null && transport.queues[1] != null, "as a console");
});

test("host ports: a console with ports that nobody expects is a console", () => {
  addMemory(1 * MIB, 9 * MIB);
  transport.offered = VIRTIO_F_VERSION_1 | VIRTIO_CONSOLE_F_MULTIPORT;
  expect(hostPortsProbe(transport), "it is taken");
  expect(controlPort() == null, "without ports");
  expect(!transport.hasFeature(VIRTIO_CONSOLE_F_MULTIPORT), "the feature is not taken");
});

/** The device has told of the output's port; what it gets. */
function openOutput(): ModelDevice {
  device();
  tell(3, DEVICE_ADD, 1);
  transport.interrupt();
  return new ModelDevice(transport.queue(9));
}

test("host ports: output has a port once the device has told of it", () => {
  device();
  expect(!virtioConsoleOutput().isStarted(), "it may have none");
  tell(3, DEVICE_ADD, 1);
  transport.interrupt();
  expect(virtioConsoleOutput().isStarted(), "now it has");
  const output = new ModelDevice(transport.queue(9));
  hw.fill(hw.addressOf(bytes), 0x61, 5000);
  virtioConsoleOutput().write(hw.addressOf(bytes), 5000);
  output.takeAll();
  expectEqual(output.taken, 2, "a page and the rest");
  expectEqual(output.length(0) + output.length(1), 5000, "all of it");
  expectEqual(hw.load8(directMap(output.address(1)) + 903), 0x61, "to the last byte");
});

test("host ports: output that the host does not read leaves no room until it does", () => {
  const output = openOutput();
  virtioConsoleOutput().onRoom(came);
  let writes = 0;
  while (virtioConsoleOutput().hasRoom()) {
    virtioConsoleOutput().write(hw.addressOf(bytes), PAGE);
    writes++;
  }
  expectEqual(writes, 4, "buffers");
  calls = 0;
  output.takeAll();
  output.giveBack(0, 0);
  expectEqual(output.interrupts, 1, "the driver has asked for it");
  transport.interrupt();
  expectEqual(calls, 1, "who waits is told");
  expect(virtioConsoleOutput().hasRoom(), "for one more");
});

test("host ports: standard output has no room before its port is told of, then it goes there", () => {
  device();
  const port = standardOutput()!;
  port.onRoom(came);
  expect(!port.hasRoom(), "nobody takes it yet");
  calls = 0;
  tell(4, DEVICE_ADD, 1);
  transport.interrupt();
  expect(calls > 0, "who waits is told");
  expect(port.hasRoom(), "now there is room");
  expect(!virtioConsoleOutput().isStarted(), "the console is another port");
  hw.fill(hw.addressOf(bytes), 0x62, 100);
  port.write(hw.addressOf(bytes), 100);
  const output = new ModelDevice(transport.queue(11));
  output.takeAll();
  expectEqual(output.length(0), 100, "all of it");
  expectEqual(hw.load8(directMap(output.address(0)) + 99), 0x62, "to the last byte");
});

test("host ports: a device with fewer ports is taken, without output", () => {
  transport.queueCount = 8;
  device();
  expect(!standardOutput(), "standard output has no port");
  tell(3, DEVICE_ADD, 1);
  transport.interrupt();
  expect(!virtioConsoleOutput().isStarted(), "the serial port stays the console");
  tell(2, DEVICE_ADD, 1);
  transport.interrupt();
  expectAnswer(0, DEVICE_READY);
  expectAnswer(2, PORT_READY);
});

test("host ports: a port whose device lies has ended", () => {
  const port = openInput();
  input.heads[0] = 4000;
  input.giveBack(0, 10);
  expectEqual(port.count(), 0, "nothing to read");
  expect(port.isEnded, "the end");
  expectEqual(port.wait(), 0, "for which nobody waits");
  expectEqual(port.read(hw.addressOf(bytes), 100), 0, "and nothing comes");
});

test("host ports: messages that the device gives back twice end the messages, not the machine", () => {
  device();
  told.takeAll();
  const head = told.heads[0];
  tell(2, DEVICE_ADD, 1);
  told.heads[0] = head;
  told.giveBack(0, 8);
  told.giveBack(0, 8);
  transport.interrupt();
  transport.interrupt();
  expect(!standardInput()!.isEnded, "the port is as it was");
});

test("host ports: lengths beyond the buffer are the buffer's", () => {
  const port = openInput();
  input.giveBack(0, 0xffffffff);
  expectEqual(port.count(), PAGE, "one page");
});
