/**
 * The core of the stack: who runs it, and when devices are told.
 *
 *     netPoll()         drains the devices' receive rings, runs what is due, and kicks the devices.
 *                       Called by whoever is about to wait for the network (epoll_wait, poll, recv,
 *                       accept …), so that the packets of all connections are processed on the
 *                       application's own thread, hot in its cache
 *     netIdle()         the CPU is about to halt: as netPoll, then asks for receive interrupts
 *     netInterrupt()    a device's interrupt handler (thread context)
 *     netEnter() … netLeave()       around a system call that sends, connects, closes
 *
 * A poll has two halves: the packets of a burst are classified, TCP's onto their connections'
 * channels (classify.ts), then `settle` drains these, connection by connection. Whoever leaves the
 * stack has settled, so what is in a channel then is of a connection that another thread holds, and
 * that thread will see to it: no look for work has to look there.
 *
 * Kicks. A kick leaves the virtual machine and costs as much as handling a packet. So frames are
 * only put on the ring, and the device is kicked once for all of them: by the next netPoll or
 * netIdle, before another thread runs (sched/idle.ts), or when FLUSH_FRAMES have gathered. A
 * single-threaded server's answers to a batch of requests all go with one kick when it asks for
 * more requests.
 *
 * Interrupts are off as long as the CPU is busy and polls. A program that computes for long without
 * a system call is covered by the fallback timer: while there is traffic it polls every now and
 * then; without, it turns interrupts on. It is armed once per period and never cancelled, because
 * moving a hardware timer per packet would cost more than it. The period adapts: a program that
 * polls often enough by itself is looked at ever more rarely, one that does not, every
 * FALLBACK_MIN_NS.
 */
import { volatileLoad16 } from "../arch/hw";
import { setOutputFlusher, setOutputWaits } from "../sched/idle";
import { monotonicNs } from "../time/clock";
import { Timer } from "../time/timer";
import { netNow, netSetNow } from "./clock";
import { devicePoll } from "./ethernet";
import { interfaceAt, interfaceCount } from "./interface";
import { ipv4DrainLoopback, loopbackPending } from "./ipv4";
import { netStats } from "./stats";
import { NEVER, netTimersNext, netTimersRun } from "./timers";
import { transportFlush, transportPending } from "./transport";
import { framesFlushed, isQuiet, netUnrest, setQuiet, unflushedFrames } from "./unrest";

/** Frames on the ring that are worth a kick of their own: a quarter of a usual ring. */
const FLUSH_FRAMES: u32 = 64;
/**
 * How long a frame waits, in either direction, for a program that makes no system calls: this, once
 * that is known …
 */
const FALLBACK_MIN_NS: u64 = 500_000;
/** … and at most this, before. */
const FALLBACK_MAX_NS: u64 = 8_000_000;

/** Fires for the earliest of the stack's timers. */
class StackTimer extends Timer {
  fire(): void {
    programmed = NEVER;
    pollAll();
  }
}

class FallbackTimer extends Timer {
  fire(): void {
    fallbackExpired();
  }
}

let stackTimer: StackTimer | null = null;
let fallbackTimer: FallbackTimer | null = null;
/** What `stackTimer` is armed for. */
let programmed: u64 = NEVER;
let polling = false;
/** Frames were sent or received since the fallback timer was armed. */
let active = false;
let fallbackArmed = false;
let fallbackPeriod: u64 = FALLBACK_MIN_NS;
/** When the stack was last polled. */
let polledAt: u64 = 0;
/** When the fallback timer was set. */
let armedAt: u64 = 0;

/**
 * Called once at boot, before the first packet. Without a device there is nothing that a look could
 * find.
 */
export function netPollInit(hasDevice: bool): void {
  setQuiet(!hasDevice);
  stackTimer = new StackTimer();
  fallbackTimer = new FallbackTimer();
  setOutputFlusher(netFlush);
}

/** Tells the devices of all frames put on their rings. */
export function netFlush(): void {
  if (unflushedFrames() == 0) return;
  framesFlushed();
  setOutputWaits(false);
  for (let i = 1; i < interfaceCount(); i++) {
    const device = interfaceAt(i).device;
    if (device) device.flush();
  }
  netStats.kicks++;
}

/**
 * Drains the channels, does what the transports have put off, and delivers what goes to ourselves,
 * until nothing is left.
 */
function settle(): void {
  if (transportPending()) transportFlush();
  while (loopbackPending()) {
    ipv4DrainLoopback();
    transportFlush();
  }
  const next = netTimersNext();
  if (next < programmed) programTimer(next);
}

function programTimer(deadline: u64): void {
  const timer = stackTimer;
  if (!timer) return;
  programmed = deadline;
  timer.arm(deadline);
}

function armFallback(): void {
  const timer = fallbackTimer;
  if (!timer) return;
  fallbackArmed = true;
  active = false;
  armedAt = netNow();
  timer.arm(armedAt + fallbackPeriod);
}

function pollDevices(): i32 {
  let frames = 0;
  const count = interfaceCount();
  for (let i = 1; i < count; i++) frames += devicePoll(interfaceAt(i));
  return frames;
}

/**
 * Whether a poll would find nothing to do. Timers are not looked at: the hardware's calls when one
 * is due.
 */
function netIsQuiet(): bool {
  if (unflushedFrames() != 0 || loopbackPending()) return false;
  if (isQuiet()) return true;
  const count = interfaceCount();
  for (let i = 1; i < count; i++) {
    const device = interfaceAt(i).device;
    if (!device) continue;
    if (device.receiveIndex == 0) return false;
    if (volatileLoad16(device.receiveIndex) != device.receiveSeen) return false;
  }
  return true;
}

/**
 * Processes all that has arrived and all that is due; returns how many frames there were. Whoever
 * it wakes, runs later. Does nothing when it is already under way further up the stack.
 */
export function netPoll(): i32 {
  return polling || netIsQuiet() ? 0 : pollAll();
}

function pollAll(): i32 {
  if (polling) return 0;
  polling = true;
  const now = monotonicNs();
  netSetNow(now);
  polledAt = now;
  const rested = isQuiet();
  setQuiet(false);
  netStats.polls++;
  const frames = pollDevices();
  // Behind the packets: a timer decides on what has arrived.
  if (netTimersNext() <= now) netTimersRun();
  settle();
  if (frames > 0 || unflushedFrames() > 0) {
    netFlush();
    active = true;
    if (!fallbackArmed) armFallback();
  } else if (rested) {
    // A timer's poll has found nothing and turned interrupts off: nobody else would look.
    setQuiet(enableInterrupts());
  }
  polling = false;
  return frames;
}

/** A system call enters the stack: what it does happens now. */
export function netEnter(): void {
  netSetNow(monotonicNs());
}

/**
 * It is done: acknowledgments, local delivery, timers. Frames wait for the next poll unless there
 * are many.
 */
export function netLeave(): void {
  settle();
  const frames = unflushedFrames();
  if (frames == 0) return;
  active = true;
  if (frames >= FLUSH_FRAMES) {
    netFlush();
    return;
  }
  setOutputWaits(true);
  if (!fallbackArmed) armFallback();
}

/** Asks all devices for interrupts; false when one of them has packets that will raise none. */
function enableInterrupts(): bool {
  let all = true;
  for (let i = 1; i < interfaceCount(); i++) {
    const device = interfaceAt(i).device;
    if (device && !device.enableReceiveInterrupt()) all = false;
  }
  return all;
}

/** The CPU has nothing to run. True: now it may have; false: a packet will interrupt. */
export function netIdle(): bool {
  if (netPoll() > 0) return true;
  if (enableInterrupts()) {
    setQuiet(true);
    return false;
  }
  setQuiet(false);
  netPoll();
  return true;
}

/** From a driver's interrupt handler, in thread context: packets have come. */
export function netInterrupt(): void {
  setQuiet(false);
  // A poll may have taken the packet just before. Without traffic nobody comes to turn interrupts
  // on again.
  if (netPoll() == 0 && !fallbackArmed) rest();
}

/** Nothing happens: the next packet shall interrupt. */
function rest(): void {
  const isOn = enableInterrupts();
  setQuiet(isOn);
  if (!isOn) netPoll();
}

function fallbackExpired(): void {
  fallbackArmed = false;
  if (netUnrest() == 0) return;
  const wasActive = active;
  // Once per period is enough: a server that answers fifty requests between two polls takes a while
  // for it.
  const isPolled = polledAt > armedAt;
  fallbackPeriod = isPolled ? min(fallbackPeriod * 2, FALLBACK_MAX_NS) : FALLBACK_MIN_NS;
  netPoll();
  if (fallbackArmed) return;
  if (wasActive) {
    armFallback();
    return;
  }
  rest();
}
