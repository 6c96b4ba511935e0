/**
 * The virtio console (virtio 1.2, section 5.3) as a console: port 0. Where a device has further
 * ports, host-ports.ts takes it, and one of them is for output alone.
 *
 *     virtioConsoleProbe(transport)     a device without VIRTIO_CONSOLE_F_MULTIPORT
 *     virtioConsoleOutput(queue)        the output's port of one with it, when the device tells of it
 *     virtioConsoleAvailable(), virtioConsoleHasInput()
 *     virtioConsoleWrite(address, n)    copies and returns; waits when all buffers are on their way
 *     virtioConsoleHasRoom()            whether a page would be taken without waiting
 *     virtioConsoleOnRoom(handler)      called when there is room again
 *     virtioConsoleListen(wake)         input from now on; `wake` is called when some has come
 *     virtioConsolePoll(take)           hands over input that has come
 *
 * Output goes through BUFFERS pages in turn, so the device works while the application goes on. A
 * host that does not read holds them all: who may sleep asks for room first. The log may not, and
 * the panic report comes from wherever it happens, which is why the wait in here is polling.
 */
import * as hw from "../../arch/hw";
import { allocPages, directMap, PAGE_SIZE } from "../../mem/page-allocator";
import { VirtioTransport, virtioQueue } from "./transport";
import { QUEUE_RECEIVE, QUEUE_TRANSMIT } from "./virtio-console-regs";
import { VIRTIO_F_EVENT_IDX, VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const QUEUE_SIZE_MAX: u32 = 16;
const BUFFERS = 4;
const INPUT_TOKEN: usize = 1;

let transmitQueue: Virtqueue | null = null;
let receiveQueue: Virtqueue | null = null;
/** Pages for output: their numbers are the tokens, from 1; 0 in `busy`: free. */
const pages: usize = memory.data(BUFFERS * 8, 8);
const busy: usize = memory.data(BUFFERS);
let inputPage: u64 = 0;
let inputHandler: () => void = () => {};
let roomHandler: () => void = () => {};

export function virtioConsoleAvailable(): bool {
  return transmitQueue != null;
}

export function virtioConsoleHasInput(): bool {
  return receiveQueue != null;
}

/** Output goes to `queue` from now on; its interrupts are virtioConsoleSent's. */
export function virtioConsoleOutput(queue: Virtqueue): void {
  transmitQueue = queue;
}

function reclaim(queue: Virtqueue): void {
  let count = queue.usedCount();
  while (count > 0) {
    store<u8>(busy + queue.take() - 1, 0);
    count--;
  }
}

/** A page that the device does not hold; -1 when it holds all. */
function freePage(): i32 {
  for (let i = 0; i < BUFFERS; i++) {
    if (load<u8>(busy + <usize>i) != 0) continue;
    const at = pages + ((<usize>i) << 3);
    if (load<u64>(at) == 0) store<u64>(at, allocPages(0));
    if (load<u64>(at) != 0) return i;
  }
  return -1;
}

/** Writes n bytes at a kernel address. */
export function virtioConsoleWrite(address: u64, n: u64): void {
  const queue = transmitQueue;
  if (!queue) return;
  let done: u64 = 0;
  while (done < n) {
    reclaim(queue);
    const index = freePage();
    if (index < 0) {
      if (queue.inFlight() == 0) return; // no memory at all
      hw.pause();
      continue;
    }
    const step = min(n - done, PAGE_SIZE);
    const page = load<u64>(pages + ((<usize>index) << 3));
    hw.copy(directMap(page), address + done, step);
    store<u8>(busy + <usize>index, 1);
    queue.push(page, <u32>step, 0, index + 1);
    queue.kick();
    done += step;
  }
}

/**
 * Whether a write of a page would be taken without waiting. If not, the next buffer that the host
 * has read interrupts.
 */
export function virtioConsoleHasRoom(): bool {
  const queue = transmitQueue;
  if (!queue) return true;
  do {
    reclaim(queue);
    // With no memory for a single page, output is lost.
    if (freePage() >= 0 || queue.inFlight() == 0) return true;
  } while (!queue.interruptsOn());
  return false;
}

/** `handler` is called, in interrupt context, when there is room again. */
export function virtioConsoleOnRoom(handler: () => void): void {
  roomHandler = handler;
}

/** Interrupt handler of the transmit queue: the host has read something. */
export function virtioConsoleSent(context: usize): void {
  const queue = transmitQueue;
  if (queue) queue.interruptsOff();
  roomHandler();
}

/** Waits until the host has taken all output: before the machine ends. */
export function virtioConsoleDrain(): void {
  const queue = transmitQueue;
  if (!queue) return;
  while (queue.inFlight() != 0) {
    reclaim(queue);
    hw.pause();
  }
}

function consoleInterrupt(context: usize): void {
  inputHandler();
}

/** Asks for input; `wake` is called in interrupt context when some has come. */
export function virtioConsoleListen(wake: () => void): void {
  const queue = receiveQueue;
  if (!queue || inputPage != 0) return;
  inputPage = allocPages(0);
  if (inputPage == 0) return;
  inputHandler = wake;
  queue.push(inputPage, <u32>PAGE_SIZE, VIRTQ_DESC_F_WRITE, INPUT_TOKEN);
  queue.interruptsOn();
  queue.kick();
}

/** Hands input that has come to `take`, and asks for more. Returns bytes. */
export function virtioConsolePoll(take: (address: u64, n: u64) => void): u32 {
  const queue = receiveQueue;
  if (!queue || inputPage == 0) return 0;
  let total: u32 = 0;
  do {
    while (queue.usedCount() != 0) {
      queue.take();
      const n = min(queue.takenLength, <u32>PAGE_SIZE);
      take(directMap(inputPage), n);
      total += n;
      queue.push(inputPage, <u32>PAGE_SIZE, VIRTQ_DESC_F_WRITE, INPUT_TOKEN);
      queue.kick();
    }
  } while (!queue.interruptsOn());
  return total;
}

/** Sets the device up; false when it can't be used, or when there is one already. */
export function virtioConsoleProbe(transport: VirtioTransport): bool {
  if (transmitQueue || transport.negotiate(VIRTIO_F_EVENT_IDX) != 0) return false;
  const receive = virtioQueue(transport, QUEUE_RECEIVE, QUEUE_SIZE_MAX, consoleInterrupt, 0);
  const transmit = virtioQueue(transport, QUEUE_TRANSMIT, QUEUE_SIZE_MAX, virtioConsoleSent, 0);
  if (!receive || !transmit) {
    transport.fail("has not both queues");
    return false;
  }
  receiveQueue = receive;
  transmitQueue = transmit;
  transport.driverOk();
  return true;
}
