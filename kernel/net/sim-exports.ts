/**
 * The network simulator's side of TCP (test/sim): one instance of this module is one host. Node
 * plays the wire, the clock and the application, by these functions; nothing of this is part of the
 * kernel.
 *
 * Bytes go through one buffer in linear memory (`simBuffer`). Segments that TCP sends are kept in a
 * queue, from which Node takes them; they are as a device would get them: checksum partial, larger
 * than the MSS where segmentation is left to it.
 */
import { addressOf, copy } from "../arch/hw";
import { IoVector } from "../fs/io-vector";
import { addMemory, freePageCount } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { heapAlloc, heapBytesInUse, heapUsableSize } from "../runtime/heap";
import { netSetNow } from "./clock";
import {
  PACKET_CHECKSUM_VALID,
  Packet,
  PacketQueue,
  packetAllocLarge,
  packetCount,
  packetFree,
  packetFreeCount,
  packetSetLimit,
} from "./packet";
import { Connection, ConnectionObserver } from "./tcp/connection";
import { channelDrain } from "./tcp/connection-channel";
import { farewellBegin, farewellLook } from "./tcp/farewell";
import { Listener } from "./tcp/listener";
import { bufferPages } from "./tcp/send-buffer";
import { tcpStats } from "./tcp/stats";
import { tableCount } from "./tcp/table";
import {
  tcpFlush,
  tcpIcmpError,
  tcpInit,
  tcpInput,
  tcpIsSent,
  tcpPathMtu,
  tcpShrink,
} from "./tcp/tcp";
import { timeWaitClear, timeWaitCount } from "./tcp/time-wait";
import { verifyAll } from "./tcp/verify";
import { setWireTap, WireTap } from "./tcp/wire";
import { WORK_INPUT } from "./tcp/work";
import { netTimersNext, netTimersRun } from "./timers";

const BUFFER_SIZE: u32 = 131072;
const MEMORY_START: u64 = 1 << 20;

class SimTap extends WireTap {
  queue: PacketQueue = new PacketQueue();
  mtuValue: u32 = 1500;
  segmentation: u32 = 0;
  address: u32 = 0;

  transmit(packet: Packet, source: u32, destination: u32): void {
    packet.source = source;
    packet.destination = destination;
    this.queue.push(packet);
  }
  mtu(destination: u32): u32 {
    return this.mtuValue;
  }
  segmentationMax(destination: u32): u32 {
    return this.segmentation;
  }
  source(destination: u32): u32 {
    return this.address;
  }
}

/** Counts wakeups, so that the application model knows whom to look at. */
class SimObserver extends ConnectionObserver {
  mask: u32 = 0;
  changed(mask: u32): void {
    this.mask |= mask;
  }
}

let tap: SimTap | null = null;
let template: Connection | null = null;
const io = new IoVector();
const buffer: usize = heapAlloc(BUFFER_SIZE);

export function simInit(random: u64, address: u32, memoryBytes: u64): void {
  addMemory(MEMORY_START, memoryBytes);
  tcpInit(random, random * 0x9e3779b97f4a7c15 + 1, ~random);
  const t = new SimTap();
  t.queue.reset();
  t.address = address;
  tap = t;
  setWireTap(t);
  farewell = new SimObserver();
  template = new Connection();
  warmUp(template!);
}

let descriptorSize: usize = 0;

/**
 * Lets the pools and tables that only grow take what they begin with, so that a leak can be told
 * from it.
 */
function warmUp(c: Connection): void {
  c.arm(1);
  c.remove();
  const packet = packetAllocLarge(1)!;
  descriptorSize = heapUsableSize(changetype<usize>(packet));
  packetFree(packet);
}

export function simSetLink(mtu: u32, segmentation: u32): void {
  tap!.mtuValue = mtu;
  tap!.segmentation = segmentation;
}

/** Bounds the packet pool. */
export function simLimitPackets(bytes: u64): void {
  packetSetLimit(bytes);
}

export function simBuffer(): usize {
  return buffer;
}

export function simBufferSize(): u32 {
  return BUFFER_SIZE;
}

export function simSetTime(now: u64): void {
  netSetNow(now);
}

export function simTimersNext(): u64 {
  return netTimersNext();
}

export function simTimersRun(): void {
  netTimersRun();
  tcpFlush();
}

export function simFlush(): void {
  tcpFlush();
}

/** The next segment TCP has sent, copied to the buffer; returns its length, 0: none. */
export function simTakeSegment(): u32 {
  const packet = tap!.queue.pop();
  if (!packet) return 0;
  copy(addressOf(buffer), packet.data, packet.length);
  segmentSource = packet.source;
  segmentDestination = packet.destination;
  segmentSize = packet.segmentSize;
  const length = packet.length;
  packetFree(packet);
  return length;
}

let segmentSource: u32 = 0;
let segmentDestination: u32 = 0;
let segmentSize: u32 = 0;

export function simSegmentSource(): u32 {
  return segmentSource;
}
export function simSegmentDestination(): u32 {
  return segmentDestination;
}
export function simSegmentSize(): u32 {
  return segmentSize;
}

/**
 * A segment of the buffer arrives; `valid`: its checksum need not be looked at. `pieces` > 1: in
 * that many buffers, as mergeable receive buffers do.
 */
export function simInput(
  length: u32,
  source: u32,
  destination: u32,
  valid: bool,
  pieces: u32,
): void {
  let head: Packet | null = null;
  let last: Packet | null = null;
  let at: u32 = 0;
  // The header is in the first piece.
  let step = max<u32>(60, length / max<u32>(pieces, 1));
  if (pieces <= 1) step = length;
  while (at < length || at == 0) {
    const size = min(step, length - at);
    const packet = packetAllocLarge(size);
    if (!packet) {
      // As a driver that finds no buffer for its ring.
      if (head) packetFree(head);
      tcpShrink();
      return;
    }
    copy(packet.append(size), addressOf(buffer + at), size);
    if (last) last.fragment = packet;
    else head = packet;
    last = packet;
    at += size;
    if (size == 0) break;
  }
  if (!head) return;
  if (valid) head.flags |= PACKET_CHECKSUM_VALID;
  tcpInput(head, source, destination);
}

export function simConnection(): Connection {
  const c = new Connection();
  c.observer = new SimObserver();
  return c;
}

export function simConnect(c: Connection, localPort: u32, remote: u32, remotePort: u32): i32 {
  return c.connect(0, localPort, remote, remotePort);
}

export function simListen(port: u32, backlog: u32): Listener | null {
  const l = new Listener();
  l.template = template;
  if (l.listen(0, port, backlog) == 0) return l;
  free(l);
  return null;
}

export function simAccept(l: Listener): Connection | null {
  const c = l.accept();
  if (c) c.observer = new SimObserver();
  return c;
}

export function simCloseListener(l: Listener): void {
  l.close();
  tcpFlush();
  free(l);
}

/** POLL* that were signalled since the last call. */
export function simSignalled(c: Connection): u32 {
  const observer = changetype<SimObserver>(c.observer!);
  const mask = observer.mask;
  observer.mask = 0;
  return mask;
}

export function simSend(c: Connection, length: u32, more: bool): i32 {
  io.setKernel(addressOf(buffer), length);
  return <i32>c.send(io, more);
}

export function simReceive(c: Connection, length: u32, flags: u32): i32 {
  io.setKernel(addressOf(buffer), length);
  return <i32>(flags == 0 ? c.receive(io) : c.receiveFlagged(io, flags));
}

/** A copy from or to the application begins that sleeps on a page fault; and ends. */
export function simHold(c: Connection): void {
  // Not by SleepLock.acquire: every connection has a thread of its own, as far as this can tell.
  c.lockHeld = true;
}
export function simLetGo(c: Connection): void {
  c.lockHeld = false;
  if (c.work & WORK_INPUT) channelDrain(c);
}

export function simPoll(c: Connection): u32 {
  return c.poll();
}

export function simState(c: Connection): i32 {
  return c.state;
}

export function simRemotePort(c: Connection): u32 {
  return c.remotePort();
}

export function simTakeError(c: Connection): i32 {
  return c.takeError();
}

export function simShutdown(c: Connection): void {
  c.shutdownSend();
}

export function simClose(c: Connection): void {
  free(changetype<SimObserver>(c.observer!));
  c.close();
}

export function simAbort(c: Connection): void {
  free(changetype<SimObserver>(c.observer!));
  c.abort();
}

let farewell: SimObserver | null = null;

/** The machine begins to end: its applications have, and their connections are closed. */
export function simFarewellBegin(): void {
  farewellBegin(farewell!);
}
/** When to look again; 0: it is off. */
export function simFarewellLook(): u64 {
  return farewellLook();
}

/** The connection that listeners take options from. */
export function simTemplate(): Connection {
  return template!;
}

export function simSetNoDelay(c: Connection, value: bool): void {
  c.setNoDelay(value);
}
export function simSetCork(c: Connection, value: bool): void {
  c.setCork(value);
}
export function simSetBuffers(c: Connection, send: u32, receive: u32): void {
  c.setSendLimit(send);
  c.setReceiveLimit(receive);
}
export function simSetKeepalive(c: Connection, idle: u64, interval: u64, count: u32): void {
  c.keepaliveIdle = idle;
  c.keepaliveInterval = interval;
  c.keepaliveCount = count;
  c.setKeepalive(true);
}
export function simSetUserTimeout(c: Connection, timeout: u64): void {
  c.userTimeout = timeout;
}

export function simPathMtu(
  local: u32,
  remote: u32,
  localPort: u32,
  remotePort: u32,
  sequence: u32,
): void {
  if (tcpIsSent(local, remote, localPort, remotePort, sequence)) tcpPathMtu(remote);
}

export function simIcmpError(
  local: u32,
  remote: u32,
  localPort: u32,
  remotePort: u32,
  sequence: u32,
  error: i32,
): void {
  tcpIcmpError(local, remote, localPort, remotePort, sequence, error);
}

/** Checks all invariants; stops the simulation when one does not hold. */
export function simVerify(): void {
  verifyAll();
}

export function simEndpoints(): u32 {
  return tableCount();
}
export function simTimeWaits(): u32 {
  return timeWaitCount();
}
export function simClearTimeWait(): void {
  timeWaitClear();
}
/** Heap bytes in use, the descriptors that the packet pool keeps for good left aside. */
export function simHeapBytes(): usize {
  return heapBytesInUse() - <usize>packetCount() * descriptorSize;
}
/** Packets of the pool that are in use. */
export function simPackets(): u32 {
  return packetCount() - packetFreeCount();
}
/** Free pages, those that the packet pool has taken for good counted as free. */
export function simPages(): u64 {
  return freePageCount() + packetCount() / 2;
}
/** Pages in send buffers. */
export function simBufferPages(): u64 {
  return bufferPages();
}
/** Pointer to the counters: u64 each, in the order of tcp/stats.ts. */
export function simStats(): usize {
  return changetype<usize>(tcpStats);
}
