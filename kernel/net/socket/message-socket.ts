/**
 * What raw, ping and packet sockets have in common: a queue of packets of their own, each a
 * message; waiting for the next; a filter (net/filter.ts) that says what comes into the queue.
 *
 *     arrive(packet, context)       takes a packet; `context`: what a filter is to know of it
 *     tell(message, packet)         a subclass: the sender's address, and control data
 */
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import { EAGAIN, ENOPROTOOPT, EOPNOTSUPP } from "../../lib/errno";
import { free } from "../../runtime/free";
import { heapFree } from "../../runtime/heap";
import { realtimeOffset } from "../../time/clock";
import { netNow } from "../clock";
import { FilterContext, filterRun } from "../filter";
import { Packet, PacketQueue, packetFree, packetGet, packetsAreShort } from "../packet";
import { netPoll } from "../poll";
import {
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
} from "./constants";
import { tellTime } from "./datagram-info";
import { Message } from "./message";
import { packetPut } from "./packet-io";
import { Socket } from "./socket";

/** Linux's net.core.rmem_default and wmem_default. */
const BUFFER_DEFAULT: u32 = 212992;
const BUFFER_MIN: i32 = 2304;
const BUFFER_MAX: i32 = 8 << 20;
/** What a queued packet costs beyond its bytes. */
const PACKET_OVERHEAD: u32 = 256;

export abstract class MessageSocket extends Socket {
  private queue: PacketQueue = new PacketQueue();
  private queuedBytes: u32 = 0;
  private receiveLimit: u32 = BUFFER_DEFAULT;
  /** What came since somebody asked (PACKET_STATISTICS), and what of it found no room. */
  arrivals: u32 = 0;
  drops: u32 = 0;
  /** A valid program, from the heap; 0: none. */
  private filter: usize = 0;
  private filterCount: u32 = 0;
  private lastTime: u64 = 0;
  /** A positive errno that the next call reports. */
  error: i32 = 0;

  constructor() {
    super();
    this.queue.reset();
  }

  /** Tells who sent a packet, and what else was asked for; fills in `message`. */
  abstract tell(message: Message, packet: Packet): void;

  /** Takes a packet. Does not sleep. */
  arrive(packet: Packet, context: FilterContext): void {
    const program = this.filter;
    if (program != 0) {
      const kept = filterRun(program, this.filterCount, context);
      if (kept == 0) {
        packetFree(packet);
        return;
      }
      packet.length = min(packet.length, kept);
    }
    this.arrivals++;
    const cost = packet.length + PACKET_OVERHEAD;
    if (this.queuedBytes + cost > this.receiveLimit + PACKET_OVERHEAD || packetsAreShort()) {
      this.drops++;
      packetFree(packet);
      return;
    }
    packet.time = netNow();
    this.queuedBytes += cost;
    this.queue.push(packet);
    this.changed(POLLIN | POLLRDNORM);
  }

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_ERRQUEUE) != 0) return -EAGAIN;
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    const error = this.queue.first ? 0 : this.waitForPacket(flags);
    if (error != 0) return error;
    const packet = this.queue.first!;
    // A copy may sleep, and another thread take the packet.
    if ((flags & MSG_PEEK) != 0) {
      packetGet(packet);
    } else {
      this.queue.pop();
      this.queuedBytes -= packet.length + PACKET_OVERHEAD;
    }
    this.lastTime = packet.time;
    if (message) {
      this.tell(message, packet);
      if (this.plainOptions != 0) tellTime(this, message, packet.time);
    }
    const length = packet.length;
    let done = packetPut(packet, io);
    if (done >= 0 && done != <i64>length) {
      if (message) message.flags |= MSG_TRUNC;
      if ((flags & MSG_TRUNC) != 0) done = length;
    }
    packetFree(packet);
    return done;
  }

  /** 0: there is one; or a negative errno. */
  private waitForPacket(flags: u32): i32 {
    const mayBlock = this.mayBlock(flags);
    netPoll();
    const deadline = mayBlock ? this.receiveDeadline() : 0;
    while (!this.queue.first) {
      if (this.error != 0) return -this.takeError();
      if (!mayBlock) return -EAGAIN;
      const error = this.waitReadable(deadline);
      if (error != 0 && !this.queue.first) return error;
    }
    return 0;
  }

  poll(): u32 {
    let mask = POLLOUT | POLLWRNORM;
    if (this.queue.first) mask |= POLLIN | POLLRDNORM;
    return this.error != 0 ? mask | POLLERR : mask;
  }

  takeError(): i32 {
    const error = this.error;
    this.error = 0;
    return error;
  }

  readableBytes(): i64 {
    const first = this.queue.first;
    return first ? first.length : 0;
  }

  unsentBytes(): i64 {
    return 0;
  }

  receiveTime(): u64 {
    return this.lastTime == 0 ? 0 : this.lastTime + realtimeOffset();
  }

  // ---- Options ----

  /** SO_RCVBUF and its kin; what is sent is not held here. -ENOPROTOOPT: it is none of these. */
  setBuffer(name: u32, value: i32): i32 {
    if (name == SO_SNDBUF || name == SO_SNDBUFFORCE) return 0;
    if (name != SO_RCVBUF && name != SO_RCVBUFFORCE) return -ENOPROTOOPT;
    this.receiveLimit = <u32>max(min(value, BUFFER_MAX) * 2, BUFFER_MIN);
    return 0;
  }

  getBuffer(name: u32): i64 {
    if (name == SO_RCVBUF) return this.receiveLimit;
    return name == SO_SNDBUF ? <i64>BUFFER_DEFAULT : -ENOPROTOOPT;
  }

  takeFilter(program: usize, count: u32): i32 {
    if (this.filter != 0) heapFree(this.filter);
    this.filter = program;
    this.filterCount = count;
    return 0;
  }

  hasFilter(): bool {
    return this.filter != 0;
  }

  /** Frees what this class holds. */
  releaseMessages(): void {
    this.queue.clear();
    free(this.queue);
    if (this.filter != 0) heapFree(this.filter);
    this.releaseQueues();
  }
}
