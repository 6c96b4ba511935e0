/**
 * unix(7) sockets: streams, datagrams and sequenced packets between sockets of this machine, with
 * descriptors (SCM_RIGHTS).
 *
 *     stream, seqpacket    listen, connect makes a second socket and queues it; accept takes it. Each end sends into the
 *                          other's queue
 *     datagram             sends into the queue of the socket that has the address, or that it is connected to
 *
 * A queue holds packets (net/packet.ts): a datagram each, or bytes of a stream, where a short write
 * joins the one before. The sender of a datagram may have a name; it travels in the packet's
 * headroom, as does the pointer to its Rights, in `owner`.
 *
 * A socket with a path is found by the inode of its file (unix-file.ts), one with an abstract name
 * by that.
 */
import { addressOf, copy } from "../../arch/hw";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../../fs/file";
import { Inode, inodePut, isError } from "../../fs/inode";
import { IoVector } from "../../fs/io-vector";
import {
  EADDRINUSE,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOBUFS,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  EPROTOTYPE,
} from "../../lib/errno";
import { free } from "../../runtime/free";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { packetAllocLarge, packetFree } from "../packet";
import { SocketAddress } from "./address";
import {
  AF_UNIX,
  AF_UNSPEC,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_PASSCRED,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./constants";
import { Message } from "./message";
import { Socket } from "./socket";
import { socketFileCreate, socketFileFind } from "./unix-file";
import { freeUnixPacket, UNIX_QUEUE_LIMIT, UnixQueue } from "./unix-queue";

/** The largest datagram, and the largest piece of a stream. */
const MESSAGE_MAX: u64 = 61440;
const PIECE_MAX: u64 = 32640;
/** All sockets of the family. */
let sockets: UnixSocket | null = null;
let nextAutobind: u32 = 1;

/** The socket that has an abstract name. */
function findName(name: usize, length: u32): UnixSocket | null {
  let socket = sockets;
  while (socket) {
    if (
      socket.nameLength == length &&
      length > 0 &&
      socket.isNameOwner &&
      memory.compare(socket.name, name, length) == 0
    ) {
      return socket;
    }
    socket = socket.nextSocket;
  }
  return null;
}

/** The UnixSocket at an address, borrowed, or a negative errno. May sleep. */
function findSocket(address: SocketAddress): usize {
  if (address.pathLength == 0) return -EINVAL;
  let socket: UnixSocket | null = null;
  if (load<u8>(address.path()) == 0) {
    socket = findName(address.path(), address.pathLength);
  } else {
    const found = socketFileFind(address.path(), address.pathLength);
    if (isError(found)) return found;
    const inode = changetype<Inode>(found);
    socket = sockets;
    while (socket && socket.file != inode) socket = socket.nextSocket;
    inodePut(inode);
  }
  return socket ? changetype<usize>(socket) : -ECONNREFUSED;
}

export class UnixSocket extends Socket {
  nextSocket: UnixSocket | null = null;
  previousSocket: UnixSocket | null = null;
  /**
   * Copy of the name, from the heap; the end that accept returns has its listener's without owning
   * it.
   */
  name: usize = 0;
  nameLength: u32 = 0;
  isNameOwner: bool = false;
  /** The inode of a path's file. */
  file: Inode | null = null;
  /** Where what is sent goes. */
  peer: UnixSocket | null = null;
  /** It was connected once: without a peer now, that one has gone. */
  wasConnected: bool = false;
  error: i32 = 0;
  receiveShut: bool = false;
  sendShut: bool = false;
  queue: UnixQueue;
  /** Somebody who sends here waits for room. */
  hasBlockedSender: bool = false;
  // ---- Of a listener ----
  backlog: u32 = 0;
  listening: bool = false;
  pending: UnixSocket | null = null;
  pendingCount: u32 = 0;
  nextPending: UnixSocket | null = null;

  constructor(type: u32) {
    super();
    this.family = AF_UNIX;
    this.type = type;
    this.queue = new UnixQueue(type);
    const first = sockets;
    this.nextSocket = first;
    if (first) first.previousSocket = this;
    sockets = this;
  }

  // ---- Names ----

  private setName(name: usize, length: u32, owner: bool): void {
    this.name = heapAlloc(max<u32>(length, 1));
    memory.copy(this.name, name, length);
    this.nameLength = length;
    this.isNameOwner = owner;
  }

  bind(address: SocketAddress): i32 {
    if (address.family != AF_UNIX) return -EINVAL;
    if (this.nameLength != 0) return -EINVAL;
    if (address.pathLength == 0) return this.autobind();
    if (load<u8>(address.path()) != 0) {
      const file = socketFileCreate(address.path(), address.pathLength);
      if (isError(file)) return <i32>file;
      this.file = changetype<Inode>(file);
    } else if (findName(address.path(), address.pathLength)) {
      return -EADDRINUSE;
    }
    this.setName(address.path(), address.pathLength, true);
    return 0;
  }

  /** An abstract name of five hexadecimal digits (unix(7), "Autobind feature"). */
  private autobind(): i32 {
    const name = heapAlloc(16);
    do {
      store<u8>(name, 0);
      let value = nextAutobind++;
      for (let i: usize = 5; i > 0; i--) {
        const digit = value & 15;
        store<u8>(name + i, <u8>(digit < 10 ? 48 + digit : 87 + digit));
        value >>= 4;
      }
    } while (findName(name, 6) != null);
    this.setName(name, 6, true);
    heapFree(name);
    return 0;
  }

  localAddress(out: SocketAddress): i32 {
    out.setUnix(this.name, this.nameLength);
    return 0;
  }

  remoteAddress(out: SocketAddress): i32 {
    const peer = this.peer;
    if (!peer) return -ENOTCONN;
    out.setUnix(peer.name, peer.nameLength);
    return 0;
  }

  // ---- Connections ----

  isListening(): bool {
    return this.listening;
  }

  listen(backlog: u32): i32 {
    if (this.type == SOCK_DGRAM) return -EOPNOTSUPP;
    if (this.nameLength == 0 || this.peer != null) return -EINVAL;
    this.listening = true;
    this.backlog = backlog;
    return 0;
  }

  connect(address: SocketAddress): i32 {
    if (address.family == AF_UNSPEC && this.type == SOCK_DGRAM) {
      this.peer = null;
      return 0;
    }
    if (address.family != AF_UNIX) return -EINVAL;
    const found = findSocket(address);
    if (isError(found)) return <i32>found;
    const target = changetype<UnixSocket>(found);
    if (target.type != this.type) return -EPROTOTYPE;
    if (this.type == SOCK_DGRAM) {
      this.peer = target;
      this.wasConnected = true;
      return 0;
    }
    if (this.listening) return -EINVAL;
    if (this.peer != null || this.wasConnected) return -EISCONN;
    return this.connectStream(target);
  }

  private connectStream(target: UnixSocket): i32 {
    while (target.listening && target.pendingCount > target.backlog) {
      if (!this.mayBlock(0)) return -EAGAIN;
      target.references++;
      const error = target.waitWritable(this.sendDeadline());
      const isLast = target.references == 1;
      target.references--;
      if (isLast) return -ECONNREFUSED;
      if (error != 0) return error;
    }
    if (!target.listening) return -ECONNREFUSED;
    const other = new UnixSocket(this.type);
    other.setName(target.name, target.nameLength, false);
    unixPair(this, other);
    let last = target.pending;
    if (!last) {
      target.pending = other;
    } else {
      while (last.nextPending) last = last.nextPending!;
      last.nextPending = other;
    }
    target.pendingCount++;
    target.changed(POLLIN | POLLRDNORM);
    return 0;
  }

  accept(): usize {
    if (!this.listening) return -EINVAL;
    const deadline = this.receiveDeadline();
    while (!this.pending) {
      const error = this.mayBlock(0) ? this.waitReadable(deadline) : -EAGAIN;
      if (error != 0) return error;
    }
    const socket = this.pending!;
    this.pending = socket.nextPending;
    socket.nextPending = null;
    this.pendingCount--;
    this.changed(POLLOUT);
    return changetype<usize>(socket);
  }

  // ---- Sending ----

  /** Where this message goes: a UnixSocket, borrowed, or a negative errno. May sleep. */
  private destination(message: Message | null): usize {
    const peer = this.peer;
    if (message && message.hasAddress) {
      if (this.type != SOCK_DGRAM) return peer ? -EISCONN : -EOPNOTSUPP;
      const address = message.address;
      if (address.family != AF_UNIX) return -EAFNOSUPPORT;
      const target = findSocket(address);
      if (isError(target)) return target;
      return changetype<UnixSocket>(target).type == SOCK_DGRAM ? target : -EPROTOTYPE;
    }
    if (peer) return changetype<usize>(peer);
    if (!this.wasConnected) return -ENOTCONN;
    return this.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    if (this.error != 0) return -this.takeError();
    if (this.sendShut) return this.brokenPipe(flags);
    const isStream = this.type == SOCK_STREAM;
    if (!isStream && io.remaining > MESSAGE_MAX) return -EMSGSIZE;
    let total: i64 = 0;
    let error: i64 = 0;
    do {
      const found = this.destination(message);
      if (isError(found)) {
        error = <i32>found;
        break;
      }
      const target = changetype<UnixSocket>(found);
      if (target.receiveShut) {
        error = -EPIPE;
        break;
      }
      if (!target.queue.hasRoom(io.remaining)) {
        error = this.waitForRoom(target, flags);
        if (error != 0) break;
        continue;
      }
      const n = this.sendPiece(target, io, isStream ? PIECE_MAX : MESSAGE_MAX, message);
      if (n < 0) error = n;
      else total += n;
    } while (isStream && error == 0 && io.remaining > 0);
    if (total > 0) return total;
    return error == -EPIPE ? this.brokenPipe(flags) : error;
  }

  /** Waits until the receiver has taken something. 0 or a negative errno. */
  private waitForRoom(target: UnixSocket, flags: u32): i32 {
    target.hasBlockedSender = true;
    if (!this.mayBlock(flags)) return -EAGAIN;
    return this.waitWritable(this.sendDeadline());
  }

  /** Sends up to `most` bytes as one packet. Bytes or a negative errno. */
  private sendPiece(target: UnixSocket, io: IoVector, most: u64, message: Message | null): i64 {
    const n = <u32>min(io.remaining, most);
    const packet = packetAllocLarge(n);
    if (!packet) return -ENOBUFS;
    const taken = io.take(packet.append(n), n);
    if (taken < 0) {
      packetFree(packet);
      return taken;
    }
    packet.length = <u32>taken;
    packet.owner = 0;
    packet.networkLength = 0;
    if (message) {
      const rights = message.rights;
      if (rights) {
        packet.owner = changetype<usize>(rights);
        message.rights = null;
      }
    }
    if (this.type == SOCK_DGRAM && this.nameLength > 0) {
      packet.networkLength = <u16>this.nameLength;
      copy(packet.buffer, addressOf(this.name), this.nameLength);
    }
    // The copy may have slept, and the receiver gone.
    if (target != this.peer && changetype<usize>(target) != this.destination(message)) {
      freeUnixPacket(packet);
      return this.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    }
    target.queue.arrive(packet);
    target.changed(POLLIN | POLLRDNORM);
    return taken;
  }

  // ---- Receiving ----

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    if (this.listening) return -EINVAL;
    const isStream = this.type == SOCK_STREAM;
    if (isStream && io.remaining == 0) return 0;
    let total: i64 = 0;
    for (;;) {
      if (!this.queue.first) {
        if (total > 0 && (flags & MSG_WAITALL) == 0) break;
        const error = this.waitForData(flags);
        if (error < 0) return total > 0 ? total : error;
        if (!this.queue.first) break;
      }
      const first = this.queue.first!;
      // Bytes that come with descriptors are not mixed with those before them.
      if (total > 0 && first.owner != 0) break;
      const hadRights = first.owner != 0;
      const n = this.queue.take(io, flags, message);
      if ((flags & MSG_PEEK) == 0) this.took();
      if (n < 0) return total > 0 ? total : n;
      total += n;
      if (!isStream || io.remaining == 0 || hadRights || (flags & MSG_PEEK) != 0) break;
    }
    return total;
  }

  /** Waits for the queue to fill. 0: look again, or the end; or a negative errno. */
  private waitForData(flags: u32): i32 {
    const mayBlock = this.mayBlock(flags);
    const deadline = mayBlock ? this.receiveDeadline() : 0;
    while (!this.queue.first) {
      if (this.error != 0) return -this.takeError();
      if (this.receiveShut) return 0;
      if (this.type != SOCK_DGRAM && !this.peer) return this.wasConnected ? 0 : -EINVAL;
      if (!mayBlock) return -EAGAIN;
      const error = this.waitReadable(deadline);
      if (error != 0 && !this.queue.first) return error;
    }
    return 0;
  }

  /** The queue has become shorter: tells those who wait to send. */
  private took(): void {
    if (!this.hasBlockedSender || !this.queue.isHalfEmpty()) return;
    this.hasBlockedSender = false;
    const peer = this.peer;
    if (peer && this.type != SOCK_DGRAM) {
      peer.changed(POLLOUT | POLLWRNORM);
      return;
    }
    let socket = sockets;
    while (socket) {
      if (socket.type == SOCK_DGRAM) socket.changed(POLLOUT | POLLWRNORM);
      socket = socket.nextSocket;
    }
  }

  // ---- State ----

  poll(): u32 {
    if (this.listening) return this.pending ? POLLIN | POLLRDNORM : 0;
    let mask: u32 = 0;
    const peer = this.peer;
    const isGone = this.type != SOCK_DGRAM && !peer && this.wasConnected;
    if (this.queue.first) mask |= POLLIN | POLLRDNORM;
    if (this.receiveShut || isGone) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (isGone || (this.receiveShut && this.sendShut)) mask |= POLLHUP;
    if (this.type != SOCK_DGRAM && !this.wasConnected) mask |= POLLHUP;
    if (this.error != 0) mask |= POLLERR;
    if (!peer || this.sendShut || peer.queue.hasRoom(1)) mask |= POLLOUT | POLLWRNORM;
    else peer.hasBlockedSender = true;
    return mask;
  }

  shutdown(how: u32): i32 {
    const peer = this.peer;
    if (this.type != SOCK_DGRAM && !peer && !this.wasConnected) return -ENOTCONN;
    if (how == SHUT_RD || how == SHUT_RDWR) {
      this.receiveShut = true;
      if (peer && this.type != SOCK_DGRAM) peer.sendShut = true;
    }
    if (how == SHUT_WR || how == SHUT_RDWR) {
      this.sendShut = true;
      if (peer && this.type != SOCK_DGRAM) peer.receiveShut = true;
    }
    const mask = POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM;
    const both = this.receiveShut && this.sendShut ? POLLHUP : 0;
    this.changed(mask | both);
    if (peer && this.type != SOCK_DGRAM) peer.changed(mask | both);
    return 0;
  }

  takeError(): i32 {
    const error = this.error;
    this.error = 0;
    return error;
  }

  readableBytes(): i64 {
    return this.queue.readable();
  }

  unsentBytes(): i64 {
    const peer = this.peer;
    return peer ? peer.queue.bytes : 0;
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    switch (name) {
      case SO_SNDBUF:
      case SO_SNDBUFFORCE:
      case SO_RCVBUF:
      case SO_RCVBUFFORCE:
      case SO_PASSCRED:
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  getOption(level: u32, name: u32): i64 {
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    if (name == SO_SNDBUF || name == SO_RCVBUF) return UNIX_QUEUE_LIMIT;
    return name == SO_PASSCRED ? 0 : -ENOPROTOOPT;
  }

  /** The other end is gone. */
  private peerGone(hadUnread: bool): void {
    this.peer = null;
    if (hadUnread) this.error = ECONNRESET;
    this.changed(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP);
  }

  release(): void {
    if (sockets == this) sockets = this.nextSocket;
    const before = this.previousSocket;
    const after = this.nextSocket;
    if (before) before.nextSocket = after;
    if (after) after.previousSocket = before;
    const hadUnread = this.queue.first != null;
    if (this.type == SOCK_DGRAM) {
      let socket = sockets;
      while (socket) {
        if (socket.peer == this) socket.peerGone(false);
        socket = socket.nextSocket;
      }
    } else {
      const peer = this.peer;
      if (peer) peer.peerGone(hadUnread);
    }
    this.peer = null;
    this.listening = false;
    let pending = this.pending;
    while (pending) {
      const next = pending.nextPending;
      pending.release();
      free(pending);
      pending = next;
    }
    this.queue.clear();
    free(this.queue);
    if (this.name != 0) heapFree(this.name);
    const file = this.file;
    if (file) inodePut(file);
    this.releaseQueues();
  }
}

/** Connects two new sockets. */
export function unixPair(a: UnixSocket, b: UnixSocket): void {
  a.peer = b;
  b.peer = a;
  a.wasConnected = true;
  b.wasConnected = true;
}
