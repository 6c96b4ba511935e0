/**
 * UDP sockets: the socket calls on a UdpEndpoint (net/udp.ts).
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import {
  EAGAIN,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
} from "../../lib/errno";
import { eventListen } from "../../lib/events";
import { free } from "../../runtime/free";
import { interfaceIndexOf } from "../interface";
import { ipv4MtuFor } from "../ipv4";
import { Packet, packetAllocLarge, packetFree, packetGet } from "../packet";
import { netEnter, netLeave, netPoll } from "../poll";
import {
  UDP_PAYLOAD_MAX,
  UdpEndpoint,
  udpBind,
  udpClose,
  udpConnect,
  udpReceive,
  udpSend,
} from "../udp";
import { IPPROTO_UDP, isInternalAddress } from "../wire/ipv4";
import { SocketAddress } from "./address";
import {
  AF_INET,
  AF_UNSPEC,
  IP_FREEBIND,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_PKTINFO,
  IP_RECVERR,
  IP_TOS,
  IP_TTL,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_BROADCAST,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOL_IP,
  SOL_SOCKET,
} from "./constants";
import { inetLocal, inetRemote, inetTell } from "./inet-address";
import { inet6TellPacketInfo } from "./inet6-options";
import { Message } from "./message";
import { packetPut } from "./packet-io";
import { Socket } from "./socket";

/** What getsockopt says of the send buffer: Linux's default, as nothing is ever held there. */
const SEND_BUFFER: i64 = 212992;
const RECEIVE_LIMIT_MIN: i32 = 2304;
const RECEIVE_LIMIT_MAX: i32 = 8 << 20;

class SocketEndpoint extends UdpEndpoint {
  constructor(private socket: UdpSocket) {
    super();
  }

  arrived(): void {
    const error = this.error != 0 ? POLLERR : 0;
    this.socket.changed(POLLIN | POLLRDNORM | error);
  }

  inode(): u64 {
    return this.socket.inode;
  }
}

export class UdpSocket extends Socket {
  endpoint: SocketEndpoint = changetype<SocketEndpoint>(0);
  /** IP_PKTINFO. */
  packetInfo: bool = false;
  private receiveShut: bool = false;
  private sendShut: bool = false;

  constructor() {
    super();
    this.family = AF_INET;
    this.type = SOCK_DGRAM;
    this.protocol = IPPROTO_UDP;
    this.endpoint = new SocketEndpoint(this);
  }

  bind(address: SocketAddress): i32 {
    const local = inetLocal(this, address);
    if (local < 0) return <i32>local;
    const endpoint = this.endpoint;
    endpoint.reuseAddress = this.reuseAddress;
    endpoint.reusePort = this.reusePort;
    endpoint.isIpv6 = this.inet6 != null;
    const error = udpBind(endpoint, <u32>local, address.port);
    if (error != 0) return error;
    if (address.port != 0 && !isInternalAddress(<u32>local)) {
      eventListen(<u16>address.port, "udp");
    }
    return 0;
  }

  connect(address: SocketAddress): i32 {
    if (address.family == AF_UNSPEC) return udpConnect(this.endpoint, 0, 0);
    const remote = inetRemote(this, address, this.endpoint.boundAddress());
    if (remote < 0) return <i32>remote;
    this.endpoint.isIpv6 = this.inet6 != null;
    // Port 0 means: not connected, here; nobody listens on it anyway.
    return udpConnect(this.endpoint, <u32>remote, address.port == 0 ? 1 : address.port);
  }

  isBound(): bool {
    return this.endpoint.localPort != 0;
  }

  localAddress(out: SocketAddress): i32 {
    inetTell(this, out, this.endpoint.localAddress, this.endpoint.localPort, true);
    return 0;
  }

  remoteAddress(out: SocketAddress): i32 {
    if (this.endpoint.remotePort == 0) return -ENOTCONN;
    inetTell(this, out, this.endpoint.remoteAddress, this.endpoint.remotePort);
    return 0;
  }

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_ERRQUEUE) != 0) return -EAGAIN;
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    const endpoint = this.endpoint;
    if (!endpoint.queue.first) {
      const error = this.waitForDatagram(flags);
      if (error != 0) return error;
      if (!endpoint.queue.first) return 0;
    }
    const isPeek = (flags & MSG_PEEK) != 0;
    const packet = isPeek ? endpoint.queue.first! : udpReceive(endpoint)!;
    // A copy may sleep, and another thread take the packet.
    if (isPeek) packetGet(packet);
    const result = this.deliver(packet, io, flags, message);
    packetFree(packet);
    return result;
  }

  /**
   * Waits until there is a datagram. 0: there is one, or reading has been shut down; or a negative
   * errno.
   */
  private waitForDatagram(flags: u32): i32 {
    const endpoint = this.endpoint;
    const mayBlock = this.mayBlock(flags);
    netPoll();
    const deadline = mayBlock ? this.receiveDeadline() : 0;
    while (!endpoint.queue.first) {
      const pending = endpoint.error;
      if (pending != 0) {
        endpoint.error = 0;
        return -pending;
      }
      if (this.receiveShut) return 0;
      if (!mayBlock) return -EAGAIN;
      const error = this.waitReadable(deadline);
      if (error != 0 && !endpoint.queue.first) return error;
    }
    return 0;
  }

  private deliver(packet: Packet, io: IoVector, flags: u32, message: Message | null): i64 {
    if (message) {
      inetTell(this, message.address, packet.source, packet.sourcePort);
      message.hasAddress = true;
      if (this.packetInfo) tellPacketInfo(message, packet.destination);
      const inet6 = this.inet6;
      if (inet6 && inet6.packetInfo) inet6TellPacketInfo(message, packet.destination);
    }
    const length = packet.totalLength();
    const done = packetPut(packet, io);
    if (done < 0 || done == length) return done;
    if (message) message.flags |= MSG_TRUNC;
    return (flags & MSG_TRUNC) != 0 ? length : done;
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    const endpoint = this.endpoint;
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    if (this.sendShut) return this.brokenPipe(flags);
    let address = endpoint.remoteAddress;
    let port = endpoint.remotePort;
    if (message && message.hasAddress) {
      const remote = inetRemote(this, message.address, endpoint.boundAddress());
      if (remote < 0) return remote;
      address = <u32>remote;
      port = message.address.port;
      endpoint.isIpv6 = this.inet6 != null;
      if (port == 0) return -EINVAL;
    } else if (port == 0) {
      return -EDESTADDRREQ;
    }
    if (endpoint.error != 0) {
      const error = endpoint.error;
      endpoint.error = 0;
      return -error;
    }
    const n = io.remaining;
    if (n > UDP_PAYLOAD_MAX) return -EMSGSIZE;
    const packet = packetAllocLarge(<u32>n);
    if (!packet) return -ENOBUFS;
    const taken = io.takeAll(packet.append(<u32>n), n);
    if (taken < 0) {
      packetFree(packet);
      return taken;
    }
    netEnter();
    const source: u32 = message ? message.localAddress : 0;
    const error = udpSend(endpoint, packet, source, address, port);
    netLeave();
    return error != 0 ? error : <i64>n;
  }

  poll(): u32 {
    const endpoint = this.endpoint;
    let mask = POLLOUT | POLLWRNORM;
    if (endpoint.queue.first) mask |= POLLIN | POLLRDNORM;
    if (endpoint.error != 0) mask |= POLLERR;
    if (this.receiveShut) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (this.receiveShut && this.sendShut) mask |= POLLHUP;
    return mask;
  }

  shutdown(how: u32): i32 {
    if (how == SHUT_RD || how == SHUT_RDWR) this.receiveShut = true;
    if (how == SHUT_WR || how == SHUT_RDWR) this.sendShut = true;
    this.changed(POLLIN | POLLRDHUP | POLLHUP);
    return this.endpoint.remotePort == 0 ? -ENOTCONN : 0;
  }

  readableBytes(): i64 {
    const first = this.endpoint.queue.first;
    return first ? first.totalLength() : 0;
  }

  unsentBytes(): i64 {
    return 0;
  }

  takeError(): i32 {
    const error = this.endpoint.error;
    this.endpoint.error = 0;
    return error;
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    const endpoint = this.endpoint;
    if (level == SOL_SOCKET) {
      switch (name) {
        case SO_BROADCAST:
          endpoint.broadcast = value != 0;
          return 0;
        case SO_RCVBUF:
        case SO_RCVBUFFORCE:
          endpoint.receiveLimit = <u32>max(min(value, RECEIVE_LIMIT_MAX) * 2, RECEIVE_LIMIT_MIN);
          return 0;
        case SO_SNDBUF:
        case SO_SNDBUFFORCE:
          return 0;
        default:
          return -ENOPROTOOPT;
      }
    }
    if (level != SOL_IP) return -ENOPROTOOPT;
    switch (name) {
      case IP_TTL:
        if (value != -1 && (value < 1 || value > 255)) return -EINVAL;
        endpoint.ttl = value == -1 ? 0 : <u8>value;
        return 0;
      case IP_TOS:
        endpoint.tos = <u8>value;
        return 0;
      case IP_PKTINFO:
        this.packetInfo = value != 0;
        return 0;
      case IP_MTU_DISCOVER:
      case IP_RECVERR:
      case IP_FREEBIND:
      case IP_MULTICAST_TTL:
      case IP_MULTICAST_LOOP:
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  getOption(level: u32, name: u32): i64 {
    const endpoint = this.endpoint;
    if (level == SOL_SOCKET) {
      if (name == SO_BROADCAST) return endpoint.broadcast ? 1 : 0;
      if (name == SO_RCVBUF) return endpoint.receiveLimit;
      if (name == SO_SNDBUF) return SEND_BUFFER;
      return -ENOPROTOOPT;
    }
    if (level != SOL_IP) return -ENOPROTOOPT;
    switch (name) {
      case IP_TTL:
        return endpoint.ttl == 0 ? 64 : endpoint.ttl;
      case IP_TOS:
        return endpoint.tos;
      case IP_MTU:
        return endpoint.remotePort != 0 ? <i64>ipv4MtuFor(endpoint.remoteAddress) : -ENOTCONN;
      case IP_MTU_DISCOVER:
        return 1;
      case IP_RECVERR:
      case IP_FREEBIND:
        return 0;
      case IP_PKTINFO:
        return this.packetInfo ? 1 : 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  release(): void {
    const endpoint = this.endpoint;
    udpClose(endpoint);
    free(endpoint.queue);
    free(endpoint);
    this.releaseQueues();
  }
}

/**
 * IP_PKTINFO: struct in_pktinfo is the interface's index, our address there, the packet's
 * destination.
 */
function tellPacketInfo(message: Message, destination: u32): void {
  const data = message.controlReserve(SOL_IP, IP_PKTINFO, 12);
  if (data == 0) return;
  store<u32>(data, interfaceIndexOf(destination));
  store<u32>(data, bswap<u32>(destination), 4);
  store<u32>(data, bswap<u32>(destination), 8);
}
