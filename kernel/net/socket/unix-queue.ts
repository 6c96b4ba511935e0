/**
 * The receive queue of a unix(7) socket: packets (net/packet.ts), each a datagram, or bytes of a
 * stream.
 *
 *     queue.hasRoom(n, limit)               whether a message of n bytes may come now
 *     queue.arrive(packet)                  takes it; a short write to a stream joins the one before
 *     queue.take(io, flags, message)        bytes of the first packet, or the first datagram; the queue is not empty
 *     queue.clear()
 *
 * The sender's name travels in the packet's headroom (`networkLength` bytes at `buffer`), the
 * pointer to its Rights in `owner`. A copy to the application may sleep: what is copied has left
 * the queue before, and is held by a reference of its own.
 */
import { addressOf, copy } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import { free } from "../../runtime/free";
import { heapFree } from "../../runtime/heap";
import { Packet, PacketQueue, packetFree, packetGet } from "../packet";
import { packetPasses } from "../packet-filter";
import { MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_STREAM } from "./constants";
import { Message, Rights, rightsCopy, rightsDestroy } from "./message";
import { packetPut } from "./packet-io";

/** Linux's net.core.wmem_default: what may be on its way to a socket. */
export const UNIX_QUEUE_LIMIT: u32 = 212992;
/** Linux's net.unix.max_dgram_qlen. */
export const UNIX_DATAGRAMS_MAX: u32 = 512;
const PACKET_OVERHEAD: u32 = 64;
/** A write of at most this much joins the packet before it. */
const JOIN_MAX: u32 = 1024;

export class UnixQueue {
  packets: PacketQueue = new PacketQueue();
  bytes: u32 = 0;
  /** A valid program (net/filter.ts) that says which messages to keep, the queue's; 0: all. */
  filter: usize = 0;
  private filterCount: u32 = 0;

  constructor(private type: u32) {
    this.packets.reset();
  }

  @inline
  get first(): Packet | null {
    return this.packets.first;
  }

  isHalfEmpty(): bool {
    return this.bytes <= UNIX_QUEUE_LIMIT / 2;
  }

  /** Whether a message of n bytes fits into the queue now; `limit` is its sender's buffer. */
  hasRoom(n: u64, limit: u32): bool {
    if (this.type == SOCK_DGRAM && this.packets.count >= UNIX_DATAGRAMS_MAX) return false;
    if (this.bytes == 0) return true;
    if (this.type == SOCK_STREAM) return this.bytes < limit;
    return this.bytes + n <= limit;
  }

  /** Takes a packet into the queue. */
  arrive(packet: Packet): void {
    const last = this.packets.last;
    if (
      this.type == SOCK_STREAM &&
      last &&
      packet.owner == 0 &&
      packet.length <= JOIN_MAX &&
      last.references == 1 &&
      last.tailroom() >= packet.length
    ) {
      const n = packet.length;
      copy(last.append(n), packet.data, n);
      this.bytes += n;
      packetFree(packet);
    } else if (this.filter != 0 && !this.keeps(packet)) {
      freeUnixPacket(packet);
    } else {
      this.bytes += packet.totalLength() + PACKET_OVERHEAD;
      this.packets.push(packet);
    }
  }

  /** Whether the filter wants a message, which it may cut; streams are not filtered. */
  private keeps(packet: Packet): bool {
    return this.type == SOCK_STREAM || packetPasses(this.filter, this.filterCount, packet, 0);
  }

  /** Takes over a program from the heap; 0: none. */
  setFilter(program: usize, count: u32): void {
    if (this.filter != 0) heapFree(this.filter);
    this.filter = program;
    this.filterCount = count;
  }

  /** Bytes of the first packet of a stream, or the first datagram; cut as far as `io` has room. */
  take(io: IoVector, flags: u32, message: Message | null): i64 {
    return this.type == SOCK_STREAM
      ? this.takeBytes(io, flags, message)
      : this.takeMessage(io, flags, message);
  }

  /** What travels with a packet goes to `message`; a look ahead (MSG_PEEK) has its own copy. */
  private takeRights(packet: Packet, message: Message | null, isPeek: bool): void {
    if (packet.owner == 0 || (isPeek && !message)) return;
    const rights = changetype<Rights>(packet.owner);
    if (message) message.rights = isPeek ? rightsCopy(rights) : rights;
    else rightsDestroy(rights);
    if (!isPeek) packet.owner = 0;
  }

  /** Bytes of the first packet of a stream. */
  private takeBytes(io: IoVector, flags: u32, message: Message | null): i64 {
    const packet = this.packets.first!;
    const isPeek = (flags & MSG_PEEK) != 0;
    const n = <u32>min<u64>(packet.length, io.remaining);
    // Taken before the copy, which may sleep: another reader goes on behind.
    const from = packet.data;
    packetGet(packet);
    this.takeRights(packet, message, isPeek);
    if (!isPeek) {
      packet.pull(n);
      if (packet.length == 0) {
        this.packets.pop();
        packetFree(packet);
        this.bytes -= n + PACKET_OVERHEAD;
      } else {
        this.bytes -= n;
      }
    }
    const done = io.put(from, n);
    packetFree(packet);
    return done;
  }

  /** The first datagram. */
  private takeMessage(io: IoVector, flags: u32, message: Message | null): i64 {
    const packet = this.packets.first!;
    const isPeek = (flags & MSG_PEEK) != 0;
    packetGet(packet);
    this.takeRights(packet, message, isPeek);
    if (!isPeek) {
      this.packets.pop();
      this.bytes -= packet.totalLength() + PACKET_OVERHEAD;
      packetFree(packet);
    }
    if (message && packet.networkLength != 0) {
      const scratch = message.address;
      const length = packet.networkLength;
      copy(addressOf(scratch.path()), packet.buffer, length);
      scratch.setUnix(scratch.path(), length);
      message.hasAddress = true;
    }
    const length = packet.totalLength();
    const done = packetPut(packet, io);
    packetFree(packet);
    if (done < 0 || done == length) return done;
    if (message) message.flags |= MSG_TRUNC;
    return (flags & MSG_TRUNC) != 0 ? length : done;
  }

  /** FIONREAD: all bytes of a stream, or the first datagram's. */
  readable(): i64 {
    let total: i64 = 0;
    let packet = this.packets.first;
    while (packet) {
      total += packet.totalLength();
      if (this.type != SOCK_STREAM) return total;
      packet = packet.next;
    }
    return total;
  }

  /** Frees what is queued, and the queue's own. */
  clear(): void {
    for (;;) {
      const packet = this.packets.pop();
      if (!packet) break;
      freeUnixPacket(packet);
    }
    this.setFilter(0, 0);
    free(this.packets);
  }
}

/** Frees a packet and the descriptors that came with it. */
export function freeUnixPacket(packet: Packet): void {
  if (packet.owner != 0) rightsDestroy(changetype<Rights>(packet.owner));
  packet.owner = 0;
  packetFree(packet);
}
