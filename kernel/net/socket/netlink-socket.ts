/**
 * netlink(7) sockets: NETLINK_ROUTE, by which programs ask for links, addresses, routes and
 * neighbours, NETLINK_SOCK_DIAG, by which they ask for sockets (both ../netlink/), and
 * NETLINK_KOBJECT_UEVENT, on which nothing is ever told, because no device comes or goes.
 *
 * A request is answered while it is sent: the replies are in the socket's queue when send returns.
 * Members of a multicast group hear of changed addresses and routes (../netlink/events.ts). A
 * socket that does not read loses what does not fit, and hears so by ENOBUFS.
 */
import { addressOf } from "../../arch/hw";
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import { processInfo } from "../../fs/process-info";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOPROTOOPT,
  EOPNOTSUPP,
} from "../../lib/errno";
import { free } from "../../runtime/free";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { NETLINK_KOBJECT_UEVENT, SOL_NETLINK } from "../netlink/constants";
import { netlinkAnswer } from "../netlink/requests";
import { Packet, PacketQueue, packetFree, packetGet } from "../packet";
import { SocketAddress } from "./address";
import {
  AF_NETLINK,
  AF_UNSPEC,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_SOCKET,
} from "./constants";
import { Message } from "./message";
import { packetPut } from "./packet-io";
import { Socket } from "./socket";

/** struct sockaddr_nl: 0 family   4 port   8 groups. */
const SOCKADDR_NL_SIZE: u32 = 12;
/** The largest datagram of requests that is looked at. */
const REQUEST_MAX: u64 = 32768;
/** Linux's net.core.rmem_default and wmem_default. */
const BUFFER_DEFAULT: u32 = 212992;
/** Port numbers of further sockets of the process count down from here. */
const FURTHER_PORTS: i32 = -4097;

const NETLINK_ADD_MEMBERSHIP: u32 = 1;
const NETLINK_DROP_MEMBERSHIP: u32 = 2;
const NETLINK_PKTINFO: u32 = 3;
const NETLINK_BROADCAST_ERROR: u32 = 4;
const NETLINK_NO_ENOBUFS: u32 = 5;
const NETLINK_LISTEN_ALL_NSID: u32 = 8;
const NETLINK_CAP_ACK: u32 = 10;
const NETLINK_EXT_ACK: u32 = 11;
const NETLINK_GET_STRICT_CHK: u32 = 12;
const GROUPS_MAX: i32 = 32;

let sockets: NetlinkSocket | null = null;
let nextPort: i32 = FURTHER_PORTS;

export function netlinkFirst(): NetlinkSocket | null {
  return sockets;
}

function portIsTaken(protocol: u32, port: u32): bool {
  let socket = sockets;
  while (socket) {
    if (socket.protocol == protocol && socket.port == port) return true;
    socket = socket.nextSocket;
  }
  return false;
}

export class NetlinkSocket extends Socket {
  nextSocket: NetlinkSocket | null = null;
  /** Its address; 0: none yet. */
  port: u32 = 0;
  /** Multicast groups, a bit each, from group 1. */
  groups: u32 = 0;
  /** What has arrived; `Packet.sequence` is the group of what all members got. */
  queue: PacketQueue = new PacketQueue();
  queuedBytes: u32 = 0;
  private receiveLimit: u32 = BUFFER_DEFAULT;
  private sendLimit: u32 = BUFFER_DEFAULT;
  /** ENOBUFS: something did not fit into the queue. */
  private error: i32 = 0;
  /** Options that are on, a bit per number. */
  private options: u32 = 0;

  constructor(type: u32, protocol: u32) {
    super();
    this.family = AF_NETLINK;
    this.type = type;
    this.protocol = protocol;
    this.queue.reset();
    this.nextSocket = sockets;
    sockets = this;
  }

  // ---- Addresses ----

  bind(address: SocketAddress): i32 {
    if (address.family != AF_NETLINK || address.given < SOCKADDR_NL_SIZE) return -EINVAL;
    const port = load<u32>(address.raw(), 4);
    if (this.port != 0 && port != 0 && port != this.port) return -EINVAL;
    if (this.port == 0) {
      if (port != 0 && portIsTaken(this.protocol, port)) return -EADDRINUSE;
      this.port = port != 0 ? port : this.freePort();
    }
    this.groups = load<u32>(address.raw(), 8);
    return 0;
  }

  /** The process's number, if no other socket has it. */
  private freePort(): u32 {
    let port = processInfo().pid();
    while (portIsTaken(this.protocol, port)) {
      port = <u32>nextPort;
      nextPort--;
    }
    return port;
  }

  isBound(): bool {
    return this.port != 0;
  }

  /** Only the kernel is there to be connected to. */
  connect(address: SocketAddress): i32 {
    if (address.family == AF_UNSPEC) return 0;
    if (address.family != AF_NETLINK || address.given < SOCKADDR_NL_SIZE) return -EINVAL;
    if (load<u32>(address.raw(), 4) != 0) return -ECONNREFUSED;
    if (this.port == 0) this.port = this.freePort();
    return 0;
  }

  localAddress(out: SocketAddress): i32 {
    this.tell(out, this.port, this.groups);
    return 0;
  }

  remoteAddress(out: SocketAddress): i32 {
    this.tell(out, 0, 0);
    return 0;
  }

  private tell(out: SocketAddress, port: u32, groups: u32): void {
    out.setRaw(AF_NETLINK, SOCKADDR_NL_SIZE);
    store<u32>(out.raw(), port, 4);
    store<u32>(out.raw(), groups, 8);
  }

  // ---- Messages ----

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    if (message && message.hasAddress) {
      const to = message.address;
      if (to.family != AF_NETLINK || to.given < SOCKADDR_NL_SIZE) return -EINVAL;
      if (load<u32>(to.raw(), 4) != 0) return -ECONNREFUSED;
    }
    if (this.port == 0) this.port = this.freePort();
    const n = io.remaining;
    if (n > REQUEST_MAX) return -EMSGSIZE;
    const datagram = heapAlloc(max<usize>(<usize>n, 1));
    if (datagram == 0) return -ENOBUFS;
    let result: i64 = io.take(addressOf(datagram), n);
    if (result == <i64>n) {
      const error = this.answer(datagram, <u32>n);
      if (error != 0) result = error;
    } else {
      result = -EFAULT;
    }
    heapFree(datagram);
    return result;
  }

  private answer(datagram: usize, length: u32): i32 {
    if (this.protocol == NETLINK_KOBJECT_UEVENT) return -ECONNREFUSED;
    const replies = changetype<PacketQueue>(heapAlloc(offsetof<PacketQueue>()));
    if (!replies) return -ENOBUFS;
    replies.reset();
    const quotes = (this.options & (1 << NETLINK_CAP_ACK)) == 0;
    const error = netlinkAnswer(this.protocol, datagram, length, replies, this.port, quotes);
    // The buffer does not cut a dump, of which Linux makes the next piece as it is read.
    const isFull = this.queuedBytes > this.receiveLimit;
    for (;;) {
      const packet = replies.pop();
      if (!packet) break;
      this.take(packet, 0, isFull);
    }
    free(replies);
    return error;
  }

  /** Takes a datagram for the socket that all members of `group` get. */
  arrive(packet: Packet, group: u32): void {
    this.take(packet, group, this.queuedBytes > this.receiveLimit);
  }

  /** Takes a datagram, of a group or (0) for this socket alone; `isFull`: it is lost. */
  private take(packet: Packet, group: u32, isFull: bool): void {
    if (isFull) {
      packetFree(packet);
      if ((this.options & (1 << NETLINK_NO_ENOBUFS)) == 0) this.error = ENOBUFS;
    } else {
      packet.sequence = group;
      this.queuedBytes += packet.length;
      this.queue.push(packet);
    }
    this.changed(POLLIN | POLLRDNORM | (this.error != 0 ? POLLERR : 0));
  }

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    const deadline = this.mayBlock(flags) ? this.receiveDeadline() : 0;
    while (!this.queue.first) {
      if (this.error != 0) return -this.takeError();
      if (!this.mayBlock(flags)) return -EAGAIN;
      const error = this.waitReadable(deadline);
      if (error != 0 && !this.queue.first) return error;
    }
    const packet = this.queue.first!;
    // A copy may sleep, and another thread take the packet.
    packetGet(packet);
    if ((flags & MSG_PEEK) == 0) {
      this.queue.pop();
      this.queuedBytes -= packet.length;
      packetFree(packet);
    }
    const result = this.deliver(packet, io, flags, message);
    packetFree(packet);
    return result;
  }

  private deliver(packet: Packet, io: IoVector, flags: u32, message: Message | null): i64 {
    const group = packet.sequence;
    if (message) {
      this.tell(message.address, 0, group == 0 ? 0 : 1 << (group - 1));
      message.hasAddress = true;
      if ((this.options & (1 << NETLINK_PKTINFO)) != 0) {
        message.controlAddNumber(SOL_NETLINK, NETLINK_PKTINFO, group);
      }
    }
    const length = packet.length;
    const done = packetPut(packet, io);
    if (done < 0 || done == length) return done;
    if (message) message.flags |= MSG_TRUNC;
    return (flags & MSG_TRUNC) != 0 ? length : done;
  }

  poll(): u32 {
    let mask = POLLOUT | POLLWRNORM;
    if (this.queue.first) mask |= POLLIN | POLLRDNORM;
    if (this.error != 0) mask |= POLLERR;
    return mask;
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

  // ---- Options ----

  setOption(level: u32, name: u32, value: i32): i32 {
    if (level == SOL_SOCKET) return this.setBuffer(name, value);
    if (level != SOL_NETLINK) return -ENOPROTOOPT;
    switch (name) {
      case NETLINK_ADD_MEMBERSHIP:
      case NETLINK_DROP_MEMBERSHIP: {
        if (value < 1 || value > GROUPS_MAX) return -EINVAL;
        const bit: u32 = 1 << (value - 1);
        this.groups = name == NETLINK_ADD_MEMBERSHIP ? this.groups | bit : this.groups & ~bit;
        if (this.port == 0) this.port = this.freePort();
        return 0;
      }
      case NETLINK_PKTINFO:
      case NETLINK_BROADCAST_ERROR:
      case NETLINK_NO_ENOBUFS:
      case NETLINK_LISTEN_ALL_NSID:
      case NETLINK_CAP_ACK:
      case NETLINK_EXT_ACK:
      case NETLINK_GET_STRICT_CHK:
        this.options = value != 0 ? this.options | (1 << name) : this.options & ~(1 << name);
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  private setBuffer(name: u32, value: i32): i32 {
    // Linux doubles what is asked for, for its own overhead, and getsockopt tells the doubled
    // value.
    const size = min(<u32>max(value, 0), BUFFER_DEFAULT) * 2;
    if (name == SO_RCVBUF || name == SO_RCVBUFFORCE) this.receiveLimit = size;
    else if (name == SO_SNDBUF || name == SO_SNDBUFFORCE) this.sendLimit = size;
    else return -ENOPROTOOPT;
    return 0;
  }

  getOption(level: u32, name: u32): i64 {
    if (level == SOL_SOCKET) {
      if (name == SO_RCVBUF) return this.receiveLimit;
      return name == SO_SNDBUF ? <i64>this.sendLimit : -ENOPROTOOPT;
    }
    if (level != SOL_NETLINK || name > NETLINK_GET_STRICT_CHK) return -ENOPROTOOPT;
    if (name < NETLINK_PKTINFO) return -ENOPROTOOPT;
    return (this.options >> name) & 1;
  }

  release(): void {
    if (sockets == this) {
      sockets = this.nextSocket;
    } else {
      let before = sockets;
      while (before && before.nextSocket != this) before = before.nextSocket;
      if (before) before.nextSocket = this.nextSocket;
    }
    this.queue.clear();
    free(this.queue);
    this.releaseQueues();
  }
}
