/**
 * Raw sockets of IPv4 (raw(7)): packets of one IP protocol, received with their IP header, sent
 * behind one that is put in front or (IP_HDRINCL) is the sender's. Several sockets, and the
 * transport of that protocol, each get their own copy.
 *
 * Missing: errors that ICMP reports (IP_RECVERR is remembered, nothing is queued), IP options, and
 * IPv6.
 */
import { load16, store16 } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import {
  EACCES,
  EADDRNOTAVAIL,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
} from "../../lib/errno";
import { free } from "../../runtime/free";
import { checksumAdd, checksumFinish } from "../checksum";
import { FilterContext } from "../filter";
import { isBroadcastAddress, isLocalAddress } from "../interface";
import { ipv4Output, ipv4OutputOwnHeader, ipv4SourceFor } from "../ipv4";
import { Packet, packetAllocLarge, packetFree } from "../packet";
import { netEnter, netLeave } from "../poll";
import { RawEndpoint, rawEnter, rawLeave } from "../raw";
import { storeBe16, storeBe32 } from "../wire/bytes";
import { ETHERTYPE_IPV4 } from "../wire/ethernet";
import { icmpType } from "../wire/icmp";
import { IPPROTO_ICMP, IPV4_HEADER, IPV4_MAX, ipv4HeaderLength, ipv4Source } from "../wire/ipv4";
import { SocketAddress } from "./address";
import {
  AF_INET,
  AF_UNSPEC,
  MSG_OOB,
  SO_BROADCAST,
  SOCK_RAW,
  SOL_IP,
  SOL_RAW,
  SOL_SOCKET,
} from "./constants";
import { tellPacketInfo, tellTos, tellTtl } from "./datagram-info";
import { inetLocal, inetRemote, inetTell } from "./inet-address";
import { Message } from "./message";
import { MessageSocket } from "./message-socket";
import { RawOptions } from "./raw-options";

/** Sends only, always with a header of the sender's (raw(7)). */
export const IPPROTO_RAW: u32 = 255;
/** setsockopt(2) at SOL_RAW: a bit per type of ICMP that is not to be received. */
const ICMP_FILTER: u32 = 1;
const IDENTIFICATION: u64 = 4;
const CHECKSUM: u64 = 10;
const SOURCE: u64 = 12;

class SocketEndpoint extends RawEndpoint {
  private context: FilterContext = new FilterContext();

  constructor(private socket: RawSocket) {
    super();
  }

  wants(packet: Packet): bool {
    return this.socket.wants(packet);
  }

  take(packet: Packet): void {
    if (this.socket.isPing) packet.pull(packet.networkLength);
    const context = this.context;
    context.start = packet.data;
    context.length = packet.length;
    context.networkOffset = 0;
    context.linkBytes = 0;
    context.etherType = ETHERTYPE_IPV4;
    context.kind = 0;
    context.interfaceIndex = 0;
    this.socket.arrive(packet, context);
  }

  inode(): u64 {
    return this.socket.inode;
  }

  release(): void {
    free(this.context);
  }
}

export class RawSocket extends MessageSocket {
  protected endpoint: SocketEndpoint = changetype<SocketEndpoint>(0);
  options: RawOptions = new RawOptions();
  /** ICMP_FILTER. */
  private icmpFilter: u32 = 0;
  /** Messages have no IP header (ping-socket.ts). */
  isPing: bool = false;
  /** bind(2) has been called. */
  protected bound: bool = false;

  constructor(protocol: u32) {
    super();
    this.family = AF_INET;
    this.type = SOCK_RAW;
    this.protocol = protocol;
    this.options.headerIncluded = protocol == IPPROTO_RAW;
    this.endpoint = new SocketEndpoint(this);
    this.endpoint.protocol = protocol;
    rawEnter(this.endpoint);
  }

  /** Whether it takes a packet of its protocol, which starts with its transport header. */
  wants(packet: Packet): bool {
    if (this.protocol != IPPROTO_ICMP || this.icmpFilter == 0 || packet.length == 0) return true;
    const type = icmpType(packet.data);
    return type >= 32 || ((this.icmpFilter >> type) & 1) == 0;
  }

  // ---- Addresses ----

  bind(address: SocketAddress): i32 {
    const local = inetLocal(this, address);
    if (local < 0) return <i32>local;
    if (local != 0 && !isLocalAddress(<u32>local) && !isBroadcastAddress(<u32>local)) {
      return -EADDRNOTAVAIL;
    }
    this.endpoint.localAddress = <u32>local;
    this.bound = true;
    return 0;
  }

  isBound(): bool {
    return this.bound;
  }

  connect(address: SocketAddress): i32 {
    if (address.family == AF_UNSPEC) {
      this.endpoint.remoteAddress = 0;
      return 0;
    }
    const remote = inetRemote(this, address, this.endpoint.localAddress);
    if (remote < 0) return <i32>remote;
    if (isBroadcastAddress(<u32>remote) && !this.options.broadcast) return -EACCES;
    const source = ipv4SourceFor(<u32>remote);
    if (source == 0) return -ENETUNREACH;
    this.endpoint.remoteAddress = <u32>remote;
    if (this.endpoint.localAddress == 0) this.endpoint.localAddress = source;
    return 0;
  }

  localAddress(out: SocketAddress): i32 {
    inetTell(this, out, this.endpoint.localAddress, this.localPort(), true);
    return 0;
  }

  remoteAddress(out: SocketAddress): i32 {
    if (this.endpoint.remoteAddress == 0) return -ENOTCONN;
    inetTell(this, out, this.endpoint.remoteAddress, 0);
    return 0;
  }

  /** What stands in the place of a port: a raw socket's protocol, as on Linux. */
  localPort(): u32 {
    return this.protocol;
  }

  // ---- Messages ----

  tell(message: Message, packet: Packet): void {
    inetTell(this, message.address, packet.source, 0);
    message.hasAddress = true;
    const options = this.options;
    if (options.packetInfo) tellPacketInfo(message, packet.destination);
    if (options.tellTtl) tellTtl(message, packet.ttl);
    if (options.tellTos) tellTos(message, packet.tos);
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    const n = io.remaining;
    if (n > IPV4_MAX) return -EMSGSIZE;
    let destination = this.endpoint.remoteAddress;
    if (message && message.hasAddress) {
      const remote = inetRemote(this, message.address, this.endpoint.localAddress);
      if (remote < 0) return remote;
      destination = <u32>remote;
    }
    if (destination == 0) return -EDESTADDRREQ;
    if (isBroadcastAddress(destination) && !this.options.broadcast) return -EACCES;
    if (this.error != 0) return -this.takeError();
    const packet = packetAllocLarge(<u32>n);
    if (!packet) return -ENOBUFS;
    const taken = io.takeAll(packet.append(<u32>n), n);
    if (taken < 0) {
      packetFree(packet);
      return taken;
    }
    packet.ttl = message && message.ttl != 0 ? message.ttl : this.options.ttl;
    packet.tos = message && message.hasTos ? message.tos : this.options.tos;
    netEnter();
    const from: u32 = message ? message.localAddress : 0;
    const error = this.transmit(packet, from, destination);
    netLeave();
    return error != 0 ? error : <i64>n;
  }

  /** Takes what is to be sent. 0 or a negative errno. */
  transmit(packet: Packet, from: u32, destination: u32): i32 {
    if (this.options.headerIncluded) return this.transmitWithHeader(packet, destination);
    return ipv4Output(packet, this.sourceFor(from, destination), destination, this.protocol);
  }

  sourceFor(from: u32, destination: u32): u32 {
    if (from != 0 && isLocalAddress(from)) return from;
    const local = this.endpoint.localAddress;
    return local != 0 && isLocalAddress(local) ? local : ipv4SourceFor(destination);
  }

  /** Completes the sender's header as raw(7) says: length, checksum, and what is 0. */
  private transmitWithHeader(packet: Packet, destination: u32): i32 {
    const header = packet.data;
    const headerLength: u32 = packet.length < IPV4_HEADER ? 0 : ipv4HeaderLength(header);
    if (headerLength < IPV4_HEADER || headerLength > packet.length) {
      packetFree(packet);
      return -EINVAL;
    }
    storeBe16(header + 2, packet.length);
    if (ipv4Source(header) == 0) storeBe32(header + SOURCE, ipv4SourceFor(destination));
    if (load16(header + IDENTIFICATION) == 0) {
      store16(header + IDENTIFICATION, this.options.nextIdentification());
    }
    store16(header + CHECKSUM, 0);
    store16(header + CHECKSUM, checksumFinish(checksumAdd(0, header, headerLength)));
    return ipv4OutputOwnHeader(packet, headerLength, destination);
  }

  // ---- Options ----

  setOption(level: u32, name: u32, value: i32): i32 {
    if (level == SOL_SOCKET) {
      if (name != SO_BROADCAST) return this.setBuffer(name, value);
      this.options.broadcast = value != 0;
      return 0;
    }
    if (level == SOL_RAW && name == ICMP_FILTER && this.protocol == IPPROTO_ICMP) {
      this.icmpFilter = <u32>value;
      return 0;
    }
    return level == SOL_IP ? this.options.set(name, value) : -ENOPROTOOPT;
  }

  getOption(level: u32, name: u32): i64 {
    if (level == SOL_SOCKET) {
      return name == SO_BROADCAST ? i64(this.options.broadcast) : this.getBuffer(name);
    }
    if (level == SOL_RAW && name == ICMP_FILTER && this.protocol == IPPROTO_ICMP) {
      return this.icmpFilter;
    }
    return level == SOL_IP ? this.options.get(name) : -ENOPROTOOPT;
  }

  release(): void {
    const endpoint = this.endpoint;
    rawLeave(endpoint);
    endpoint.release();
    free(endpoint);
    free(this.options);
    this.releaseMessages();
  }
}
