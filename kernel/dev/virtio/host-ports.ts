/**
 * Byte streams between the host and this machine: ports of a virtio console that has
 * VIRTIO_CONSOLE_F_MULTIPORT (virtio 1.2, section 5.3). On two of them we speak, the console's
 * output and standard output apart from it, on the others the host. Neither is port 0, the device's
 * console proper: QEMU drops what is written there faster than somebody reads it, while any other
 * port makes the guest wait.
 *
 *     hostPortsExpect(hasStandardInput, hasStandardOutput)     before discovery: the console carries ports
 *     hostPortsProbe(transport)             sets up the queues, announces itself, and waits for nothing
 *     controlPort(), standardInput(), standardOutput()         the ports; null when the machine has them not
 *     port.open(came)                       from now on the host may send; `came` is told of bytes and of the end
 *     port.count(), port.isEnded            bytes that can be read at least; the host has closed its side
 *     port.read(address, n) → bytes         what has come, 0: nothing. Does not wait
 *     port.wait()                           sleeps until there is something or the end: 0 or -EINTR
 *
 * The ports have fixed numbers (docs/boot-protocol.md): queues have to be there before the device
 * is live, and only then it would tell a port's name. The handshake runs in the interrupt handler:
 *
 *     boot         DEVICE_READY ─▶
 *     interrupt    ◀─ DEVICE_ADD, per port       PORT_READY, and PORT_OPEN when the port is open ─▶
 *     later        ◀─ PORT_OPEN 0                the host's end of the stream
 *
 * Flow control is the ring's: a port has a few buffers, and QEMU reads no more of what feeds it
 * than fits. The end overtakes nothing: the device fills buffers before it sends PORT_OPEN, and
 * handlers run only while no other kernel code does, so a reader that finds no used buffer after
 * `isEnded` was set has seen all. The messages have a ring of their own with room for more than can
 * come between two interrupts.
 *
 * Ports are the first thing one learns to live without, so a device that does not work out is told
 * on the log, and the machine goes on. Thread context, interrupt handlers included (see
 * arch/x86_64/traps.ts); with more CPUs a port needs a lock.
 */
import * as hw from "../../arch/hw";
import { eventStdin } from "../../lib/events";
import { allocPages, directMap, PAGE_SIZE } from "../../mem/page-allocator";
import { WaitQueue } from "../../sched/wait-queue";
import { OutputPort, outputSent } from "./output-port";
import { VirtioTransport, virtioQueue } from "./transport";
import { virtioConsoleOutput, virtioConsoleProbe } from "./virtio-console";
import {
  CONTROL_EVENT,
  CONTROL_ID,
  CONTROL_SIZE,
  CONTROL_VALUE,
  QUEUE_CONTROL_RECEIVE,
  QUEUE_CONTROL_TRANSMIT,
  queueReceiveOf,
  queueTransmitOf,
  VIRTIO_CONSOLE_DEVICE_ADD,
  VIRTIO_CONSOLE_DEVICE_READY,
  VIRTIO_CONSOLE_DEVICE_REMOVE,
  VIRTIO_CONSOLE_F_MULTIPORT,
  VIRTIO_CONSOLE_PORT_OPEN,
  VIRTIO_CONSOLE_PORT_READY,
} from "./virtio-console-regs";
import { VIRTIO_F_EVENT_IDX, VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const PORT_CONTROL: u32 = 1;
const PORT_STANDARD_INPUT: u32 = 2;
const PORT_CONSOLE_OUTPUT: u32 = 3;
const PORT_STANDARD_OUTPUT: u32 = 4;
/** Pages that a port's device fills: requests are short, standard input may be a large file. */
const CONTROL_BUFFERS = 1;
const INPUT_BUFFERS = 8;
/** As many as output-port.ts ever has on their way. */
const OUTPUT_BUFFERS: u32 = 4;

const MESSAGES: u32 = 16;
/** Of one message's buffer; what a name needs beyond that is cut off. */
const MESSAGE_SIZE: u32 = 64;
/** Ours are DEVICE_READY, and at most two per port: each has a place of its own. */
const SENT_MAX: u32 = 8;
const SENT_OFFSET: u64 = MESSAGES * MESSAGE_SIZE;

let messages: Virtqueue | null = null;
let answers: Virtqueue | null = null;
/** One page: buffers for MESSAGES messages, then what is sent. */
let messagePage: u64 = 0;
let sentCount: u32 = 0;

export class InputPort {
  /** The host has closed its side; what came before can still be read. */
  isEnded: bool = false;
  private isOpen: bool = false;
  /** The device has told of the port. */
  private isAdded: bool = false;
  private came: () => void = () => {};
  private waiters: WaitQueue = new WaitQueue();
  /** The buffer that is being read: where its rest begins, how much that is. */
  private page: u64 = 0;
  private next: u64 = 0;
  private left: u32 = 0;

  constructor(
    private id: u32,
    private queue: Virtqueue,
    private buffers: i32,
  ) {}

  /**
   * Lets the host send. `came` is called, in thread context, when something has come or the stream
   * has ended, at times without cause; it must not sleep. Opening again only changes `came`.
   */
  open(came: () => void): void {
    this.came = came;
    if (this.isOpen) return;
    this.isOpen = true;
    if (this.id == PORT_STANDARD_INPUT) eventStdin();
    const queue = this.queue;
    for (let i = 0; i < this.buffers && !queue.isBroken; i++) {
      const page = allocPages(0);
      if (page != 0) this.offer(page);
    }
    queue.interruptsOn();
    queue.kick();
    if (!this.isAdded) return;
    send(this.id, VIRTIO_CONSOLE_PORT_OPEN);
    kickAnswers();
  }

  /** Gives the device a page, which is its own token: pages lie below 16 TiB. */
  private offer(page: u64): void {
    this.queue.push(page, <u32>PAGE_SIZE, VIRTQ_DESC_F_WRITE, <usize>(page / PAGE_SIZE));
  }

  /** Bytes in the first buffer that has some; 0: there are none. */
  count(): u32 {
    while (this.left == 0) {
      const queue = this.queue;
      if (queue.usedCount() == 0) return 0;
      const token = queue.take();
      if (token == 0) return this.giveUp();
      this.page = <u64>token * PAGE_SIZE;
      this.next = directMap(this.page);
      this.left = min(queue.takenLength, <u32>PAGE_SIZE);
      if (this.left == 0) this.offer(this.page);
    }
    return this.left;
  }

  /** The device has lied: for the port it is the end of the stream. */
  private giveUp(): u32 {
    this.isEnded = true;
    this.wake();
    return 0;
  }

  /**
   * Moves up to n bytes to a kernel address; returns how many. When it returns fewer, the next that
   * come interrupt.
   */
  read(address: u64, n: u64): u64 {
    const queue = this.queue;
    let done: u64 = 0;
    do {
      while (done < n && this.count() > 0) {
        const step = min(n - done, <u64>this.left);
        hw.copy(address + done, this.next, step);
        done += step;
        this.next += step;
        this.left -= <u32>step;
        if (this.left == 0) this.offer(this.page);
      }
    } while (done < n && !queue.interruptsOn());
    queue.kick();
    return done;
  }

  /** Whether a read would not have to wait; if it would, what comes next interrupts. */
  isReady(): bool {
    while (this.count() == 0) {
      if (this.isEnded) return true;
      if (this.queue.interruptsOn()) return false;
    }
    return true;
  }

  wait(): i32 {
    while (!this.isReady()) {
      const error = this.waiters.wait();
      if (error != 0) return error;
    }
    return 0;
  }

  /** Something has come, or the end has. */
  wake(): void {
    this.waiters.wakeAll();
    const came = this.came;
    came();
  }

  /** Takes a message of the device about this port. */
  told(event: u32, value: u32): void {
    if (event == VIRTIO_CONSOLE_DEVICE_ADD && !this.isAdded) {
      this.isAdded = true;
      send(this.id, VIRTIO_CONSOLE_PORT_READY);
      if (this.isOpen) send(this.id, VIRTIO_CONSOLE_PORT_OPEN);
    } else if (event == VIRTIO_CONSOLE_PORT_OPEN || event == VIRTIO_CONSOLE_DEVICE_REMOVE) {
      this.isEnded = event == VIRTIO_CONSOLE_DEVICE_REMOVE || value == 0;
      this.wake();
    }
  }
}

let isExpected = false;
let isInputExpected = false;
let isOutputExpected = false;
let consoleQueue: Virtqueue | null = null;
let outputQueue: Virtqueue | null = null;
let output: OutputPort | null = null;
let control: InputPort | null = null;
let input: InputPort | null = null;

export function controlPort(): InputPort | null {
  return control;
}

export function standardInput(): InputPort | null {
  return input;
}

export function standardOutput(): OutputPort | null {
  return output;
}

/**
 * The first virtio console is to be taken for its ports; standard input and output are two of them,
 * or not.
 */
export function hostPortsExpect(hasStandardInput: bool, hasStandardOutput: bool): void {
  isExpected = true;
  isInputExpected = hasStandardInput;
  isOutputExpected = hasStandardOutput;
}

/** Puts a message with the value 1 on the ring; `kickAnswers` shows it to the device. */
function send(id: u32, event: u32): void {
  const queue = answers;
  if (!queue || sentCount == SENT_MAX || queue.freeCount == 0) return;
  const physical = messagePage + SENT_OFFSET + sentCount * CONTROL_SIZE;
  const message = directMap(physical);
  sentCount++;
  hw.store32(message + CONTROL_ID, id);
  hw.store16(message + CONTROL_EVENT, event);
  hw.store16(message + CONTROL_VALUE, 1);
  queue.push(physical, CONTROL_SIZE, 0, sentCount);
}

function kickAnswers(): void {
  const queue = answers;
  if (queue) queue.kick();
}

/** Gives the device the buffer of message `index`, from 0. */
function offerMessage(queue: Virtqueue, index: u32): void {
  const physical = messagePage + index * MESSAGE_SIZE;
  queue.push(physical, MESSAGE_SIZE, VIRTQ_DESC_F_WRITE, index + 1);
}

function portOf(id: u32): InputPort | null {
  if (id == PORT_CONTROL) return control;
  return id == PORT_STANDARD_INPUT ? input : null;
}

/** Takes a message of the device about port `id`. */
function told(id: u32, event: u32, value: u32): void {
  if (id == PORT_CONSOLE_OUTPUT) startOutput(id, event, virtioConsoleOutput(), consoleQueue);
  if (id == PORT_STANDARD_OUTPUT) startOutput(id, event, output, outputQueue);
  const port = portOf(id);
  if (port) port.told(event, value);
}

/** Not before the device has told of it: what is written to the queue of no port is lost. */
function startOutput(id: u32, event: u32, port: OutputPort | null, queue: Virtqueue | null): void {
  if (event != VIRTIO_CONSOLE_DEVICE_ADD || !port || !queue || port.isStarted()) return;
  send(id, VIRTIO_CONSOLE_PORT_READY);
  port.start(queue);
}

/** Interrupt handler: messages have come. */
function messagesCame(context: usize): void {
  const queue = messages;
  if (!queue) return;
  do {
    while (queue.usedCount() != 0) {
      const token = queue.take();
      if (token == 0) return;
      const index = <u32>token - 1;
      const message = directMap(messagePage + index * MESSAGE_SIZE);
      if (queue.takenLength >= CONTROL_SIZE) {
        const id = hw.load32(message + CONTROL_ID);
        told(id, hw.load16(message + CONTROL_EVENT), hw.load16(message + CONTROL_VALUE));
      }
      offerMessage(queue, index);
    }
    queue.kick();
  } while (!queue.interruptsOn());
  kickAnswers();
}

/** Interrupt handler: a port has received. */
function bytesCame(id: usize): void {
  const port = portOf(<u32>id);
  if (port && port.count() > 0) port.wake();
}

function createPort(transport: VirtioTransport, id: u32, buffers: i32): InputPort | null {
  let size: u32 = 1;
  while (size < <u32>buffers) size *= 2;
  const queue = virtioQueue(transport, queueReceiveOf(id), size, bytesCame, id);
  return queue ? new InputPort(id, queue, buffers) : null;
}

/** Null when the device has not so many ports. */
function createOutput(transport: VirtioTransport, id: u32, port: OutputPort): Virtqueue | null {
  const context = changetype<usize>(port);
  return virtioQueue(transport, queueTransmitOf(id), OUTPUT_BUFFERS, outputSent, context);
}

/** Takes the device for its ports if they are expected and it has them, else as a console. */
export function hostPortsProbe(transport: VirtioTransport): bool {
  if (!isExpected) return virtioConsoleProbe(transport);
  const wanted = VIRTIO_F_EVENT_IDX | VIRTIO_CONSOLE_F_MULTIPORT;
  if (control || transport.negotiate(wanted) != 0) return false;
  if (!transport.hasFeature(VIRTIO_CONSOLE_F_MULTIPORT)) return virtioConsoleProbe(transport);
  const receive = virtioQueue(transport, QUEUE_CONTROL_RECEIVE, MESSAGES, messagesCame, 0);
  const transmit = virtioQueue(transport, QUEUE_CONTROL_TRANSMIT, SENT_MAX, null, 0);
  const requests = createPort(transport, PORT_CONTROL, CONTROL_BUFFERS);
  const bytes = isInputExpected ? createPort(transport, PORT_STANDARD_INPUT, INPUT_BUFFERS) : null;
  messagePage = allocPages(0);
  if (
    !receive ||
    !transmit ||
    !requests ||
    isInputExpected != (bytes != null) ||
    messagePage == 0
  ) {
    transport.fail("has not the queues of the host's ports, or there is no memory for them");
    return false;
  }
  messages = receive;
  answers = transmit;
  // Without it, output goes on by the serial port.
  consoleQueue = createOutput(transport, PORT_CONSOLE_OUTPUT, virtioConsoleOutput());
  if (isOutputExpected) {
    const port = new OutputPort();
    outputQueue = createOutput(transport, PORT_STANDARD_OUTPUT, port);
    if (outputQueue) output = port;
  }
  control = requests;
  input = bytes;
  for (let i: u32 = 0; i + 1 <= <u32>receive.size; i++) offerMessage(receive, i);
  transport.driverOk();
  receive.interruptsOn();
  receive.kick();
  send(0, VIRTIO_CONSOLE_DEVICE_READY);
  transmit.kick();
  return true;
}
