/**
 * Packet sockets (packet(7)): frames of the interfaces, as they are (SOCK_RAW) or without their
 * Ethernet header (SOCK_DGRAM), beside the stack's own use of them.
 *
 *     struct sockaddr_ll    0 family   2 EtherType (big-endian)   4 interface (i32)   8 hardware type (u16)
 *                          10 what it was to us (u8)   11 length of the address (u8)   12 address, 8 bytes
 *
 * Every frame that a socket is to see costs a copy, and makes the stack take the slow path on that
 * interface (net/tap.ts); a filter (SO_ATTACH_FILTER) says which ones are kept.
 *
 * Missing: rings shared with the application (PACKET_RX_RING and kin), fanout, VLAN tags beside the
 * frame (PACKET_AUXDATA), and sending on the loopback: all refused. Promiscuous mode is accepted
 * and changes nothing: what the host's network gives to the machine is seen in any case.
 */
import { IoVector } from "../../fs/io-vector";
import { EINVAL, EMSGSIZE, ENOBUFS, ENODEV, ENOPROTOOPT, ENXIO, EOPNOTSUPP } from "../../lib/errno";
import { free } from "../../runtime/free";
import { ethernetOutput, ethernetTransmit } from "../ethernet";
import { FilterContext } from "../filter";
import { Interface } from "../interface";
import { interfaceOfIndex, interfaceType, isLoopback } from "../interface-view";
import { Packet, packetAllocLarge, packetFree } from "../packet";
import { netEnter, netLeave } from "../poll";
import { Tap, tapEnter, tapLeave } from "../tap";
import { ETHERNET_HEADER, ethernetType, loadMac } from "../wire/ethernet";
import { SocketAddress } from "./address";
import { AF_PACKET, MSG_OOB, SOCK_RAW, SOL_PACKET, SOL_SOCKET } from "./constants";
import { Message } from "./message";
import { MessageSocket } from "./message-socket";

export const SOCKADDR_LL_SIZE: u32 = 20;
/** Without an address. */
const SOCKADDR_LL_MIN: u32 = 12;
const LL_PROTOCOL: usize = 2;
const LL_INDEX: usize = 4;
const LL_TYPE: usize = 8;
const LL_KIND: usize = 10;
const LL_LENGTH: usize = 11;
const LL_ADDRESS: usize = 12;
const MAC_LENGTH: u32 = 6;

// Options at SOL_PACKET, include/uapi/linux/if_packet.h
const PACKET_ADD_MEMBERSHIP: u32 = 1;
const PACKET_DROP_MEMBERSHIP: u32 = 2;
const PACKET_STATISTICS: u32 = 6;
/** struct packet_mreq: interface (i32), type (u16), length (u16), address, 8 bytes. */
const MREQ_SIZE: u32 = 16;
/** PACKET_MR_UNICAST, the largest type. */
const MREQ_TYPE_MAX: u32 = 3;

class SocketTap extends Tap {
  private context: FilterContext = new FilterContext();

  constructor(private socket: PacketSocket) {
    super();
  }

  take(frame: Packet, via: Interface, kind: u32): void {
    const isWhole = this.socket.type == SOCK_RAW;
    const context = this.context;
    context.etherType = ethernetType(frame.data);
    context.kind = kind;
    context.interfaceIndex = via.index;
    if (!isWhole) frame.pull(ETHERNET_HEADER);
    context.start = frame.data;
    context.length = frame.length;
    context.networkOffset = isWhole ? ETHERNET_HEADER : 0;
    context.linkBytes = isWhole ? 0 : ETHERNET_HEADER;
    // For whom it is received by (PacketSocket.tell): these fields are the network layer's.
    frame.owner = changetype<usize>(via);
    frame.sequence = kind;
    frame.sequenceEnd = context.etherType;
    this.socket.arrive(frame, context);
  }

  inode(): u64 {
    return this.socket.inode;
  }

  release(): void {
    free(this.context);
  }
}

export class PacketSocket extends MessageSocket {
  private tap: SocketTap = changetype<SocketTap>(0);

  /** `protocol`: an EtherType, in network order as in the program's call. */
  constructor(type: u32, protocol: u32) {
    super();
    this.family = AF_PACKET;
    this.type = type;
    this.protocol = protocol;
    this.tap = new SocketTap(this);
    this.tap.protocol = bswap<u16>(<u16>protocol);
    tapEnter(this.tap);
  }

  // ---- Addresses ----

  bind(address: SocketAddress): i32 {
    if (address.family != AF_PACKET || address.given < SOCKADDR_LL_SIZE) return -EINVAL;
    const index = load<i32>(address.raw(), LL_INDEX);
    if (index != 0 && !interfaceOfIndex(index)) return -ENODEV;
    const protocol = bswap<u16>(load<u16>(address.raw(), LL_PROTOCOL));
    const tap = this.tap;
    tapLeave(tap);
    if (protocol != 0) tap.protocol = protocol;
    tap.interfaceIndex = index;
    tapEnter(tap);
    return 0;
  }

  isBound(): bool {
    return this.tap.interfaceIndex != 0;
  }

  localAddress(out: SocketAddress): i32 {
    const tap = this.tap;
    out.setRaw(AF_PACKET, SOCKADDR_LL_SIZE);
    const raw = out.raw();
    store<u16>(raw, bswap<u16>(<u16>tap.protocol), LL_PROTOCOL);
    store<i32>(raw, tap.interfaceIndex, LL_INDEX);
    const via = interfaceOfIndex(tap.interfaceIndex);
    if (!via) return 0;
    store<u16>(raw, <u16>interfaceType(via), LL_TYPE);
    store<u8>(raw, <u8>MAC_LENGTH, LL_LENGTH);
    store<u64>(raw, via.mac, LL_ADDRESS);
    return 0;
  }

  // ---- Messages ----

  tell(message: Message, packet: Packet): void {
    const via = changetype<Interface>(packet.owner);
    const out = message.address;
    out.setRaw(AF_PACKET, SOCKADDR_LL_SIZE);
    message.hasAddress = true;
    const raw = out.raw();
    store<u16>(raw, bswap<u16>(<u16>packet.sequenceEnd), LL_PROTOCOL);
    store<i32>(raw, via.index, LL_INDEX);
    store<u16>(raw, <u16>interfaceType(via), LL_TYPE);
    store<u8>(raw, <u8>packet.sequence, LL_KIND);
    store<u8>(raw, <u8>MAC_LENGTH, LL_LENGTH);
    // A filter may have cut the packet, but nobody writes to its buffer: the header is there.
    const frame = this.type == SOCK_RAW ? packet.data : packet.data - ETHERNET_HEADER;
    store<u64>(raw, loadMac(frame + MAC_LENGTH), LL_ADDRESS);
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    let index = this.tap.interfaceIndex;
    let type = this.tap.protocol;
    let destination: u64 = 0;
    if (message && message.hasAddress) {
      const address = message.address;
      if (address.family != AF_PACKET || address.given < SOCKADDR_LL_MIN) return -EINVAL;
      const raw = address.raw();
      const length: u32 = load<u8>(raw, LL_LENGTH);
      if (address.given < SOCKADDR_LL_MIN + length) return -EINVAL;
      index = load<i32>(raw, LL_INDEX);
      type = bswap<u16>(load<u16>(raw, LL_PROTOCOL));
      if (length >= MAC_LENGTH) destination = (load<u64>(raw, LL_ADDRESS) << 16) >> 16;
    } else if (this.type != SOCK_RAW) {
      // Nobody has said whom it is for.
      return -EINVAL;
    }
    const via = interfaceOfIndex(index);
    if (!via) return -ENXIO;
    if (isLoopback(via)) return -EOPNOTSUPP;
    const n = io.remaining;
    const header = this.type == SOCK_RAW ? ETHERNET_HEADER : 0;
    if (n > <u64>(via.mtu + header)) return -EMSGSIZE;
    if (n < header) return -EINVAL;
    const packet = packetAllocLarge(<u32>n);
    if (!packet) return -ENOBUFS;
    const taken = io.takeAll(packet.append(<u32>n), n);
    if (taken < 0) {
      packetFree(packet);
      return taken;
    }
    netEnter();
    const error =
      header != 0 ? ethernetTransmit(packet, via) : ethernetOutput(packet, via, destination, type);
    netLeave();
    return error != 0 ? error : <i64>n;
  }

  // ---- Options ----

  setOptionData(level: u32, name: u32, data: usize, size: u32): i32 {
    if (level != SOL_PACKET) return super.setOptionData(level, name, data, size);
    if (name != PACKET_ADD_MEMBERSHIP && name != PACKET_DROP_MEMBERSHIP) return -ENOPROTOOPT;
    if (size < MREQ_SIZE || load<u16>(data, 4) > MREQ_TYPE_MAX) return -EINVAL;
    return interfaceOfIndex(load<i32>(data)) ? 0 : -ENODEV;
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    return level == SOL_SOCKET ? this.setBuffer(name, value) : -ENOPROTOOPT;
  }

  getOption(level: u32, name: u32): i64 {
    return level == SOL_SOCKET ? this.getBuffer(name) : -ENOPROTOOPT;
  }

  getOptionData(level: u32, name: u32, out: usize): i32 {
    if (level != SOL_PACKET || name != PACKET_STATISTICS) return 0;
    // struct tpacket_stats: what came, dropped ones included, and those; both begin again.
    store<u32>(out, this.arrivals);
    store<u32>(out, this.drops, 4);
    this.arrivals = 0;
    this.drops = 0;
    return 8;
  }

  release(): void {
    const tap = this.tap;
    tapLeave(tap);
    tap.release();
    free(tap);
    this.releaseMessages();
  }
}
