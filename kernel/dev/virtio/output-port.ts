/**
 * Output by a transmit queue of a virtio console (virtio 1.2, section 5.3): of the console proper
 * (virtio-console.ts), or of a port (host-ports.ts).
 *
 *     new OutputPort()
 *     port.start(queue)                 the device is there, and takes output; its interrupts are outputSent's
 *     port.isStarted()
 *     port.write(address, n)            copies and returns; waits when all buffers are on their way
 *     port.hasRoom(), waitRoom(), onRoom(notify)      see dev/output-stream.ts; before `start` there is none
 *     port.drain()                      returns when the host has all output: before the machine ends
 *
 * Output goes through BUFFERS pages in turn, so the device works while the application goes on. A
 * host that does not read holds them all: who may sleep asks for room first. The log may not, and
 * the panic report comes from wherever it happens, which is why the wait in `write` is polling.
 */
import * as hw from "../../arch/hw";
import { allocPages, directMap, PAGE_SIZE } from "../../mem/page-allocator";
import { WaitQueue } from "../../sched/wait-queue";
import { OutputStream } from "../output-stream";
import { Virtqueue } from "./virtqueue";

const BUFFERS = 4;

export class OutputPort extends OutputStream {
  private queue: Virtqueue | null = null;
  /** Buffers by index, 0: not allocated yet. The index plus one is the token. */
  private pages: StaticArray<u64> = new StaticArray<u64>(BUFFERS);
  /** The device has the buffer. */
  private busy: StaticArray<bool> = new StaticArray<bool>(BUFFERS);
  private writers: WaitQueue = new WaitQueue();
  private notify: () => void = () => {};

  /**
   * One buffer is allocated at once: what has to be said when memory is out must not need any.
   * Without it, nothing is started.
   */
  start(queue: Virtqueue): void {
    this.pages[0] = allocPages(0);
    if (this.pages[0] == 0) return;
    this.queue = queue;
    this.roomCame();
  }

  /** Once the device has lied it is not any more: the console goes back to the serial port. */
  isStarted(): bool {
    const queue = this.queue;
    return queue != null && !queue.isBroken;
  }

  private reclaim(queue: Virtqueue): void {
    let count = queue.usedCount();
    while (count > 0) {
      const token = <i32>queue.take();
      if (token == 0) break;
      this.busy[token - 1] = false;
      count--;
    }
  }

  /** A page that the device does not hold; -1 when it holds all. */
  private freePage(): i32 {
    for (let i = 0; i < BUFFERS; i++) {
      if (this.busy[i]) continue;
      if (this.pages[i] == 0) this.pages[i] = allocPages(0);
      if (this.pages[i] != 0) return i;
    }
    return -1;
  }

  write(address: u64, n: u64): void {
    const queue = this.queue;
    if (!queue) return;
    let done: u64 = 0;
    while (done < n) {
      this.reclaim(queue);
      // Output for a device that has been given up is lost.
      if (queue.isBroken) return;
      const index = this.freePage();
      if (index < 0) {
        hw.pause();
        continue;
      }
      const step = min(n - done, PAGE_SIZE);
      const page = this.pages[index];
      hw.copy(directMap(page), address + done, step);
      this.busy[index] = true;
      queue.push(page, <u32>step, 0, <usize>index + 1);
      queue.kick();
      done += step;
    }
  }

  /** When there is none, the next buffer that the host has read interrupts. */
  hasRoom(): bool {
    const queue = this.queue;
    if (!queue) return false;
    do {
      this.reclaim(queue);
      // Nobody waits for a device that has been given up; `write` drops.
      if (queue.isBroken || this.freePage() >= 0) return true;
    } while (!queue.interruptsOn());
    return false;
  }

  waitRoom(): i32 {
    while (!this.hasRoom()) {
      const error = this.writers.wait();
      if (error != 0) return error;
    }
    return 0;
  }

  onRoom(notify: () => void): void {
    this.notify = notify;
  }

  /** Interrupt context: there may be room. */
  roomCame(): void {
    this.writers.wakeAll();
    const notify = this.notify;
    notify();
  }

  /** Interrupt context: the host has read something. */
  sent(): void {
    const queue = this.queue;
    if (queue) queue.interruptsOff();
    this.roomCame();
  }

  drain(): void {
    const queue = this.queue;
    if (!queue) return;
    while (queue.inFlight() != 0) {
      this.reclaim(queue);
      hw.pause();
    }
  }
}

/** Interrupt handler of a transmit queue; the context is its OutputPort. */
export function outputSent(port: usize): void {
  changetype<OutputPort>(port).sent();
}
