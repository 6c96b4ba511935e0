/**
 * The serial port's output, put off until the CPU has nothing better to do.
 *
 *     serialQueueWrite(address, n)    writes at once, until serialQueueStart; from then on it copies and returns
 *     serialQueueStart()              once there are timers
 *     serialQueueDrain()              writes all that waits
 *
 * A byte on an emulated serial port is an exit to the hypervisor and a system call there, 1 to 2
 * µs: a server that prints some lines as it starts would lose milliseconds before its first answer.
 * So the bytes go to a ring, which is emptied a few at a time while the CPU idles; by a timer after
 * DELAY_NS when it never does; and at once when the ring is full, for lines of the kernel's log
 * (console.ts) and at power off. A crash prints its report through the log, so what the application
 * wrote before comes out before it.
 */
import { addressOf, copy } from "../arch/hw";
import { addIdlePoller } from "../sched/idle";
import { monotonicNs } from "../time/clock";
import { Timer } from "../time/timer";
import { serialWrite } from "./serial";

const RING_SIZE: u32 = 8192;
const ring: usize = memory.data(8192, 16);
/** Bytes per round of the idle loop: a packet that comes meanwhile waits for no more than these. */
const IDLE_PIECE: u32 = 8;
/** The longest that output waits for an idle moment. Nobody who watches a console sees it. */
const DELAY_NS: u64 = 40_000_000;

/** Free-running: where the next byte goes, and the first that waits. */
let head: u32 = 0;
let tail: u32 = 0;

class DrainTimer extends Timer {
  fire(): void {
    serialQueueDrain();
  }
}
let timer: DrainTimer | null = null;

/** Writes up to n of the bytes that wait; they may wrap around the end of the ring. */
function writeOut(n: u32): void {
  while (n > 0 && head != tail) {
    const offset = tail & (RING_SIZE - 1);
    const piece = min(min(n, head - tail), RING_SIZE - offset);
    tail += piece;
    n -= piece;
    serialWrite(addressOf(ring + <usize>offset), piece);
  }
}

export function serialQueueDrain(): void {
  writeOut(RING_SIZE);
  const started = timer;
  if (started) started.cancel();
}

/** An idle round: true when there is more, so that the CPU does not halt yet. */
function idleRound(): bool {
  if (head == tail) return false;
  writeOut(IDLE_PIECE);
  return true;
}

export function serialQueueWrite(address: u64, n: u64): void {
  const started = timer;
  if (!started || n > <u64>RING_SIZE) {
    serialQueueDrain();
    serialWrite(address, n);
    return;
  }
  const length = <u32>n;
  if (length > RING_SIZE - (head - tail)) serialQueueDrain();
  const offset = head & (RING_SIZE - 1);
  const first = min(length, RING_SIZE - offset);
  copy(addressOf(ring + <usize>offset), address, first);
  if (first < length) copy(addressOf(ring), address + first, length - first);
  head += length;
  if (!started.isArmed()) started.arm(monotonicNs() + DELAY_NS);
}

/** Output is put off from now on. Thread context, with timers running. */
export function serialQueueStart(): void {
  if (timer) return;
  timer = new DrainTimer();
  addIdlePoller(idleRound);
}
