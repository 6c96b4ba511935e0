/**
 * The virtio console (virtio 1.2, section 5.3) as a console: port 0. Where a device has further
 * ports, host-ports.ts takes it, and one of them is the console's output.
 *
 *     virtioConsoleProbe(transport)     a device without VIRTIO_CONSOLE_F_MULTIPORT
 *     virtioConsoleOutput()             where output goes once it is started, in either case
 *     virtioConsoleHasInput()
 *     virtioConsoleListen(wake)         input from now on; `wake` is called when some has come
 *     virtioConsolePoll(take)           hands over input that has come
 */
import { allocPages, directMap, PAGE_SIZE } from "../../mem/page-allocator";
import { OutputPort, outputSent } from "./output-port";
import { VirtioTransport, virtioQueue } from "./transport";
import { QUEUE_RECEIVE, QUEUE_TRANSMIT } from "./virtio-console-regs";
import { VIRTIO_F_EVENT_IDX, VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const QUEUE_SIZE_MAX: u32 = 16;
const INPUT_TOKEN: usize = 1;

const output: OutputPort = new OutputPort();
let receiveQueue: Virtqueue | null = null;
let inputPage: u64 = 0;
let inputHandler: () => void = () => {};

export function virtioConsoleOutput(): OutputPort {
  return output;
}

export function virtioConsoleHasInput(): bool {
  return receiveQueue != null;
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
      if (queue.take() == 0) return total;
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
  if (output.isStarted() || transport.negotiate(VIRTIO_F_EVENT_IDX) != 0) return false;
  const context = changetype<usize>(output);
  const receive = virtioQueue(transport, QUEUE_RECEIVE, QUEUE_SIZE_MAX, consoleInterrupt, 0);
  const transmit = virtioQueue(transport, QUEUE_TRANSMIT, QUEUE_SIZE_MAX, outputSent, context);
  if (!receive || !transmit) {
    transport.fail("has not both queues");
    return false;
  }
  receiveQueue = receive;
  transport.driverOk();
  output.start(transmit);
  return true;
}
