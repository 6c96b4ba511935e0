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
  EADDRNOTAVAIL,
  EAGAIN,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOTCONN,
  EOPNOTSUPP,
} from "../../lib/errno";
import { eventListen } from "../../lib/events";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { realtimeOffset } from "../../time/clock";
import { ErrorReport } from "../error-report";
import { isLoopback } from "../interface-view";
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
import { IPPROTO_UDP, isInternalAddress, isMulticastAddress } from "../wire/ipv4";
import { UDP_HEADER } from "../wire/udp";
import { SocketAddress } from "./address";
import {
  AF_INET,
  AF_UNSPEC,
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_MULTICAST_IF,
  IP_PMTUDISC_WANT,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_DGRAM,
  SOL_IP,
} from "./constants";
import { Cork } from "./cork";
import { tellPacketInfo, tellTime, tellTos, tellTtl } from "./datagram-info";
import { ErrorQueue, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_LOCAL } from "./error-queue";
import { inetLocal, inetRemote, inetTell } from "./inet-address";
import { inet6TellPacketInfo } from "./inet6-options";
import { Memberships, outgoingInterface } from "./memberships";
import { Message } from "./message";
import { packetPut } from "./packet-io";
import { Socket } from "./socket";
import { udpGetOption, udpSetOption } from "./udp-options";

class SocketEndpoint extends UdpEndpoint {
  constructor(private socket: UdpSocket) {
    super();
  }

  arrived(): void {
    const error = this.error != 0 ? POLLERR : 0;
    this.socket.changed(POLLIN | POLLRDNORM | error);
  }

  failed(remote: u32, remotePort: u32, payload: u64, report: ErrorReport): void {
    const bytes = report.length - UDP_HEADER;
    this.socket.errorQueue().add(SO_EE_ORIGIN_ICMP, report, remote, remotePort, payload, bytes);
  }

  isMember(group: u32): bool {
    return this.socket.isMember(group);
  }

  tooLarge(packet: Packet, remote: u32, remotePort: u32, mtu: u32): void {
    if (!this.recordsErrors) return;
    localReport.errno = EMSGSIZE;
    localReport.info = mtu;
    const bytes = min(packet.length, QUOTE_MAX);
    const queue = this.socket.errorQueue();
    queue.add(SO_EE_ORIGIN_LOCAL, localReport, remote, remotePort, packet.data, bytes);
    this.socket.changed(POLLERR);
  }

  inode(): u64 {
    return this.socket.inode;
  }
}

/** Of what this machine refuses to send; used up at once. */
const localReport: ErrorReport = new ErrorReport();
/** Bytes that are kept of a datagram which is too large. */
const QUOTE_MAX: u32 = 1024;

export class UdpSocket extends Socket {
  endpoint: SocketEndpoint = changetype<SocketEndpoint>(0);
  /** IP_PKTINFO. */
  packetInfo: bool = false;
  /** IP_RECVTTL, IP_RECVTOS. */
  tellTtl: bool = false;
  tellTos: bool = false;
  /** IP_MULTICAST_TTL. */
  multicastTtl: u8 = 1;
  /** IP_MTU_DISCOVER. */
  mtuDiscover: i32 = IP_PMTUDISC_WANT;
  /** UDP_CORK. */
  corked: bool = false;
  /** IP_FREEBIND: remembered, and without effect. */
  freeBind: bool = false;
  /** A datagram that is not complete. */
  private cork: Cork | null = null;
  private memberships: Memberships | null = null;
  /** When the datagram that was read last had come, monotonic ns; 0: there is none. */
  private lastTime: u64 = 0;
  /** Made when IP_RECVERR is first set. */
  private errors: ErrorQueue | null = null;
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
    if ((flags & MSG_ERRQUEUE) != 0) return this.receiveError(io, message);
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

  /** The queue of errors, which is there once `recordErrors` has made it. */
  errorQueue(): ErrorQueue {
    return this.errors!;
  }

  /** IP_RECVERR. 0 or -ENOBUFS. */
  recordErrors(value: bool): i32 {
    if (value && !this.errors) this.errors = attempt(new ErrorQueue());
    const errors = this.errors;
    if (value && !errors) return -ENOBUFS;
    if (!value && errors) errors.clear();
    this.endpoint.recordsErrors = value;
    return 0;
  }

  /** The next error is pending when one has been taken, as on Linux. */
  private receiveError(io: IoVector, message: Message | null): i64 {
    netPoll();
    const errors = this.errors;
    if (!errors || errors.isEmpty()) return -EAGAIN;
    const done = errors.take(io, message);
    this.endpoint.error = errors.nextErrno();
    return done;
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
      // Only who would sleep hears of the end, as on Linux.
      if (!mayBlock) return -EAGAIN;
      if (this.receiveShut) return 0;
      const error = this.waitReadable(deadline);
      if (error != 0 && !endpoint.queue.first) return error;
    }
    return 0;
  }

  private deliver(packet: Packet, io: IoVector, flags: u32, message: Message | null): i64 {
    this.lastTime = packet.time;
    if (message) {
      inetTell(this, message.address, packet.source, packet.sourcePort);
      message.hasAddress = true;
      if (this.packetInfo) tellPacketInfo(message, packet.destination);
      const inet6 = this.inet6;
      if (inet6 && inet6.packetInfo) inet6TellPacketInfo(message, packet.destination);
      if (this.tellTtl) tellTtl(message, packet.ttl);
      if (this.tellTos) tellTos(message, packet.tos);
      if (this.plainOptions != 0) tellTime(this, message, packet.time);
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
    const source: u32 = message ? message.localAddress : 0;
    if (message) {
      packet.ttl = message.ttl;
      packet.tos = message.tos;
    }
    const error =
      this.corked || this.cork != null || (flags & MSG_MORE) != 0
        ? this.collect(packet, source, address, port, (flags & MSG_MORE) != 0)
        : this.transmit(packet, source, address, port);
    return error != 0 ? error : <i64>n;
  }

  /** Takes a whole datagram and sends it. 0 or a negative errno. */
  private transmit(packet: Packet, source: u32, address: u32, port: u32): i32 {
    if (packet.ttl == 0 && isMulticastAddress(address)) packet.ttl = this.multicastTtl;
    netEnter();
    const error = udpSend(this.endpoint, packet, source, address, port);
    netLeave();
    return error;
  }

  /** Takes a piece of a datagram, and sends the whole if it is the last. 0 or a negative errno. */
  private collect(piece: Packet, source: u32, address: u32, port: u32, more: bool): i32 {
    let cork = this.cork;
    if (!cork) {
      cork = attempt(new Cork());
      if (!cork) {
        packetFree(piece);
        return -ENOBUFS;
      }
      cork.address = address;
      cork.port = port;
      cork.source = source;
      this.cork = cork;
    }
    const error = cork.append(piece);
    if (error != 0) {
      this.cork = null;
      free(cork);
      return error;
    }
    return more || this.corked ? 0 : this.uncork();
  }

  /** Sends what was collected. 0 or a negative errno. */
  uncork(): i32 {
    const cork = this.cork;
    if (!cork) return 0;
    this.cork = null;
    const whole = cork.take();
    const error = whole ? this.transmit(whole, cork.source, cork.address, cork.port) : -ENOBUFS;
    free(cork);
    return error;
  }

  poll(): u32 {
    const endpoint = this.endpoint;
    let mask = POLLOUT | POLLWRNORM;
    if (endpoint.queue.first) mask |= POLLIN | POLLRDNORM;
    const errors = this.errors;
    if (endpoint.error != 0 || (errors && !errors.isEmpty())) mask |= POLLERR;
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

  receiveTime(): u64 {
    return this.lastTime == 0 ? 0 : this.lastTime + realtimeOffset();
  }

  takeError(): i32 {
    const error = this.endpoint.error;
    this.endpoint.error = 0;
    return error;
  }

  takeFilter(program: usize, count: u32): i32 {
    this.endpoint.setFilter(program, count);
    return 0;
  }

  hasFilter(): bool {
    return this.endpoint.filter != 0;
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    return udpSetOption(this, level, name, value);
  }

  setOptionData(level: u32, name: u32, data: usize, size: u32): i32 {
    if (level == SOL_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP)) {
      return this.changeMembership(data, size, name == IP_ADD_MEMBERSHIP);
    }
    if (level == SOL_IP && name == IP_MULTICAST_IF) return this.setGroupInterface(data, size);
    return super.setOptionData(level, name, data, size);
  }

  isMember(group: u32): bool {
    const memberships = this.memberships;
    return memberships != null && memberships.has(group);
  }

  /** IP_MULTICAST_IF; an address of 0: by route again. */
  private setGroupInterface(data: usize, size: u32): i32 {
    if (size < 4) return -EINVAL;
    const via = outgoingInterface(data, size);
    const isReset = !via && size == 4 && load<u32>(data) == 0;
    if (!via && !isReset) return -EADDRNOTAVAIL;
    this.endpoint.groupSource = via ? via.address : 0;
    this.endpoint.groupsStayHere = via != null && isLoopback(via);
    return 0;
  }

  private changeMembership(data: usize, size: u32, joins: bool): i32 {
    let memberships = this.memberships;
    if (!memberships) {
      memberships = attempt(new Memberships());
      if (!memberships) return -ENOBUFS;
      this.memberships = memberships;
    }
    return memberships.change(data, size, joins);
  }

  getOption(level: u32, name: u32): i64 {
    return udpGetOption(this, level, name);
  }

  release(): void {
    const endpoint = this.endpoint;
    udpClose(endpoint);
    endpoint.setFilter(0, 0);
    const cork = this.cork;
    if (cork) {
      cork.drop();
      free(cork);
    }
    const memberships = this.memberships;
    if (memberships) {
      memberships.release();
      free(memberships);
    }
    const errors = this.errors;
    if (errors) {
      errors.release();
      free(errors);
    }
    free(endpoint.queue);
    free(endpoint);
    this.releaseQueues();
  }
}
