/**
 * Writes netlink messages, one behind the other, into datagrams for a socket's queue.
 *
 *     const b = builderCreate(out, type of a reply's flags, sequence, port)     builderDestroy(b)
 *     const body = b.begin(RTM_NEWLINK, IFINFOMSG_SIZE)     its header, zeroed, to be filled in
 *     b.number(IFLA_MTU, 1500)   b.text(IFLA_IFNAME, "lo")   b.reserve(…)
 *     b.end()                                               into the datagram, or a new one
 *     b.flush()                                             hands the last datagram out
 *
 * A message is made in linear memory and then copied. Datagrams stay below a page, because that is
 * the buffer that programs (Go, glibc) read with. When memory is out `failed` is set, and what is
 * missing is not sent.
 */
import { addressOf, copy } from "../../arch/hw";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Packet, PacketQueue, packetAllocLarge, packetFree } from "../packet";
import { NLMSG_DONE, NLMSG_HDRLEN } from "./constants";

/** The largest message: a link's with its counters is below 1 KiB. */
const MESSAGE_SIZE: u32 = 2048;
/** Bytes of a datagram; with a packet's headroom it fits a page. */
const DATAGRAM_SIZE: u32 = 3840;
const ATTRIBUTE_HEADER: u32 = 4;

@unmanaged
export class NetlinkBuilder {
  /** Where datagrams go. */
  out: PacketQueue = changetype<PacketQueue>(0);
  /** Of every message: NLM_F_*, and what the request had. */
  flags: u32;
  sequence: u32;
  port: u32;
  failed: bool;
  private datagram: Packet | null;
  private message: usize;
  private length: u32;

  /** Begins a message; where its header of `size` bytes, zeroed, is. */
  begin(type: u32, size: u32): usize {
    memory.fill(this.message, 0, MESSAGE_SIZE);
    store<u16>(this.message, <u16>type, 4);
    store<u16>(this.message, <u16>this.flags, 6);
    store<u32>(this.message, this.sequence, 8);
    store<u32>(this.message, this.port, 12);
    this.length = NLMSG_HDRLEN + ((size + 3) & ~3);
    return this.message + NLMSG_HDRLEN;
  }

  /** Adds an attribute (struct rtattr); where its `size` bytes, zeroed, are. */
  reserve(type: u32, size: u32): usize {
    const at = this.message + <usize>this.length;
    assert(this.length + ATTRIBUTE_HEADER + size <= MESSAGE_SIZE, "the message is too long");
    store<u16>(at, <u16>(ATTRIBUTE_HEADER + size));
    store<u16>(at, <u16>type, 2);
    this.length += (ATTRIBUTE_HEADER + size + 3) & ~3;
    return at + ATTRIBUTE_HEADER;
  }

  byte(type: u32, value: u32): void {
    store<u8>(this.reserve(type, 1), <u8>value);
  }

  number(type: u32, value: u32): void {
    store<u32>(this.reserve(type, 4), value);
  }

  /** An IPv4 address, given in host order. */
  address(type: u32, value: u32): void {
    this.number(type, bswap<u32>(value));
  }

  /** A hardware address. */
  mac(type: u32, value: u64): void {
    const at = this.reserve(type, 6);
    store<u32>(at, <u32>value);
    store<u16>(at, <u16>(value >> 32), 4);
  }

  /** An ASCII text with its terminator. */
  text(type: u32, value: string): void {
    const at = this.reserve(type, value.length + 1);
    for (let i = 0; i < value.length; i++) store<u8>(at + <usize>i, <u8>value.charCodeAt(i));
  }

  /** Bytes of linear memory behind the header, for what quotes a request. */
  append(from: usize, size: u32): void {
    memory.copy(this.message + <usize>this.length, from, min(size, MESSAGE_SIZE - this.length));
    this.length = min(this.length + size, MESSAGE_SIZE);
  }

  /** The message is complete. */
  end(): void {
    store<u32>(this.message, this.length);
    const size = (this.length + 3) & ~3;
    let datagram = this.datagram;
    if (datagram && datagram.length + size > DATAGRAM_SIZE) {
      this.flush();
      datagram = null;
    }
    if (!datagram) {
      datagram = packetAllocLarge(DATAGRAM_SIZE);
      this.datagram = datagram;
    }
    if (!datagram) {
      this.failed = true;
      return;
    }
    copy(datagram.append(size), addressOf(this.message), size);
  }

  /** The end of a dump: 0, or the negative errno that it ended with. */
  done(error: i32): void {
    store<i32>(this.begin(NLMSG_DONE, 4), error);
    this.end();
  }

  /** Hands the datagram out. */
  flush(): void {
    const datagram = this.datagram;
    if (datagram) this.out.push(datagram);
    this.datagram = null;
  }

  release(): void {
    const datagram = this.datagram;
    if (datagram) packetFree(datagram);
    heapFree(this.message);
  }

  attach(message: usize): void {
    this.message = message;
  }
}

/** A builder that hands its datagrams to `out`; null: memory is out. */
export function builderCreate(
  out: PacketQueue,
  flags: u32,
  sequence: u32,
  port: u32,
): NetlinkBuilder | null {
  const at = heapAlloc(offsetof<NetlinkBuilder>());
  const message = at != 0 ? heapAlloc(MESSAGE_SIZE) : 0;
  if (message == 0) {
    if (at != 0) heapFree(at);
    return null;
  }
  memory.fill(at, 0, offsetof<NetlinkBuilder>());
  const builder = changetype<NetlinkBuilder>(at);
  builder.attach(message);
  builder.out = out;
  builder.flags = flags;
  builder.sequence = sequence;
  builder.port = port;
  return builder;
}

/** Frees a builder, and what was not flushed. */
export function builderDestroy(builder: NetlinkBuilder): void {
  builder.release();
  heapFree(changetype<usize>(builder));
}
