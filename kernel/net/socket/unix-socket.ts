/**
 * unix(7) sockets: streams, datagrams and sequenced packets between sockets of this machine, with
 * descriptors (SCM_RIGHTS).
 *
 *     stream, seqpacket    listen, connect makes a second socket and queues it; accept takes it. Each end sends into the
 *                          other's queue
 *     datagram             sends into the queue of the socket that has the address, or that it is connected to
 *
 * A queue holds packets (unix-queue.ts): a datagram each, or bytes of a stream, where a short write
 * joins the one before. How sockets are found is in unix-names.ts.
 *
 * Who sends holds a reference on the receiver while bytes are copied, which may sleep, but not
 * while it waits for room: a receiver that goes away wakes who waits (`wakeSenders`), and these
 * look it up again.
 */
import { addressOf, copy } from "../../arch/hw";
import {
  fileGet,
  filePut,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../../fs/file";
import { Identity, identityGet, identityPut } from "../../fs/identity";
import { Inode, inodePut, isError } from "../../fs/inode";
import { IoVector } from "../../fs/io-vector";
import { processInfo } from "../../fs/process-info";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOMEM,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTOTYPE,
} from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Packet } from "../packet";
import { SocketAddress } from "./address";
import {
  AF_UNIX,
  AF_UNSPEC,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./constants";
import { Message } from "./message";
import { packetGather } from "./packet-io";
import { Socket } from "./socket";
import { takeAncillary, tellCredentials } from "./unix-ancillary";
import { socketFileCreate } from "./unix-file";
import {
  AUTOBIND_LENGTH,
  unixEnter,
  unixFind,
  unixFindAbstract,
  unixFirst,
  unixFreeName,
  unixLeave,
} from "./unix-names";
import { unixGetOption, unixSetOption } from "./unix-options";
import { unixPair } from "./unix-peer";
import { freeUnixPacket, UNIX_QUEUE_LIMIT, UnixQueue } from "./unix-queue";
import { unixPoll, unixShutdown } from "./unix-state";

/** What a message costs of the send buffer beyond its bytes, as Linux counts. */
const MESSAGE_OVERHEAD: u32 = 32;
/** The largest piece of a stream. */
const PIECE_MAX: u64 = 32640;

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
  /** The name that a stream's peer had when it went; from the heap. */
  private goneName: usize = 0;
  private goneLength: u32 = 0;
  error: i32 = 0;
  receiveShut: bool = false;
  sendShut: bool = false;
  queue: UnixQueue;
  /** Somebody who sends or connects here waits for room. */
  hasBlockedSender: bool = false;
  /** How many threads sleep until whom it sends or connects to has room. */
  private awaitingRoom: u32 = 0;
  /** SO_PASSCRED. */
  passCredentials: bool = false;
  /** Who connected, or listened, or made the pair; of a listener itself. A reference. */
  peerIdentity: Identity | null = null;
  /** SO_SNDBUF and SO_RCVBUF; what is on its way counts for the sender. */
  sendLimit: u32 = UNIX_QUEUE_LIMIT;
  receiveLimit: u32 = UNIX_QUEUE_LIMIT;
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
    unixEnter(this);
  }

  // ---- Names ----

  /** Copies a name. 0 or -ENOMEM. */
  private setName(name: usize, length: u32, owner: bool): i32 {
    const copied = heapAlloc(max<u32>(length, 1));
    if (copied == 0) return -ENOMEM;
    memory.copy(copied, name, length);
    this.name = copied;
    this.nameLength = length;
    this.isNameOwner = owner;
    return 0;
  }

  bind(address: SocketAddress): i32 {
    if (address.family != AF_UNIX) return -EINVAL;
    // Linux: who wants any name has one already.
    if (this.nameLength != 0) return address.pathLength == 0 ? 0 : -EINVAL;
    if (address.pathLength == 0) return this.autobind();
    if (load<u8>(address.path()) != 0) return this.bindToPath(address);
    if (unixFindAbstract(address.path(), address.pathLength, this.type)) return -EADDRINUSE;
    return this.setName(address.path(), address.pathLength, true);
  }

  private bindToPath(address: SocketAddress): i32 {
    const file = socketFileCreate(address.path(), address.pathLength);
    if (isError(file)) return <i32>file;
    const inode = changetype<Inode>(file);
    // Another thread may have been quicker while the file was made.
    const error =
      this.nameLength != 0 ? -EINVAL : this.setName(address.path(), address.pathLength, true);
    if (error == 0) this.file = inode;
    else inodePut(inode);
    return error;
  }

  /** An abstract name of five hexadecimal digits (unix(7), "Autobind feature"). */
  private autobind(): i32 {
    const name = heapAlloc(AUTOBIND_LENGTH);
    if (name == 0) return -ENOMEM;
    unixFreeName(name, this.type);
    const error = this.setName(name, AUTOBIND_LENGTH, true);
    heapFree(name);
    return error;
  }

  /** Who asks for credentials has a name, so that it can be answered: 0 or a negative errno. */
  private autobindForCredentials(): i32 {
    return this.passCredentials && this.nameLength == 0 ? this.autobind() : 0;
  }

  localAddress(out: SocketAddress): i32 {
    out.setUnix(this.name, this.nameLength);
    return 0;
  }

  /** A stream's peer keeps its name when it has gone. */
  remoteAddress(out: SocketAddress): i32 {
    const peer = this.peer;
    if (peer) out.setUnix(peer.name, peer.nameLength);
    else if (this.type != SOCK_DGRAM && this.wasConnected) {
      out.setUnix(this.goneName, this.goneLength);
    } else return -ENOTCONN;
    return 0;
  }

  // ---- Connections ----

  /** Takes over a reference on who is at the other end; whether there is one. */
  knowPeer(identity: Identity | null): bool {
    const before = this.peerIdentity;
    if (before) identityPut(before);
    this.peerIdentity = identity;
    return identity != null;
  }

  isListening(): bool {
    return this.listening;
  }

  listen(backlog: u32): i32 {
    if (this.type == SOCK_DGRAM) return -EOPNOTSUPP;
    if (this.nameLength == 0 || this.peer != null) return -EINVAL;
    if (!this.knowPeer(processInfo().identity())) return -ENOMEM;
    this.listening = true;
    // Who waits to connect may have room now.
    const isLarger = backlog > this.backlog;
    this.backlog = backlog;
    if (isLarger) this.wakeSenders();
    return 0;
  }

  connect(address: SocketAddress): i32 {
    if (address.family == AF_UNSPEC && this.type == SOCK_DGRAM) {
      this.peer = null;
      this.wasConnected = false;
      return 0;
    }
    if (address.family != AF_UNIX) return -EINVAL;
    const unnamed = this.autobindForCredentials();
    if (unnamed != 0) return unnamed;
    if (this.type != SOCK_DGRAM) return this.connectStream(address);
    const found = unixFind(address, this.type);
    if (isError(found)) return <i32>found;
    const target = changetype<UnixSocket>(found);
    if (target.type != SOCK_DGRAM) return -EPROTOTYPE;
    if (!target.hears(this)) return -EPERM;
    this.peer = target;
    this.wasConnected = true;
    return 0;
  }

  private connectStream(address: SocketAddress): i32 {
    const deadline = this.sendDeadline();
    let error = 0;
    while (error == 0) {
      const found = unixFind(address, this.type);
      if (isError(found)) return <i32>found;
      const target = changetype<UnixSocket>(found);
      if (target.type != this.type) return -EPROTOTYPE;
      if (this.listening) return -EINVAL;
      if (this.wasConnected) return -EISCONN;
      if (!target.listening || target.receiveShut) return -ECONNREFUSED;
      if (target.pendingCount <= target.backlog) return this.join(target);
      error = this.waitForRoom(target, 0, deadline);
    }
    return error;
  }

  /** Makes the other end of a connection to `target`, and queues it there. */
  private join(target: UnixSocket): i32 {
    const other = attempt(new UnixSocket(this.type));
    if (!other) return -ENOMEM;
    if (other.setName(target.name, target.nameLength, false) != 0 || !unixPair(this, other)) {
      filePut(other);
      return -ENOMEM;
    }
    // Options that say what comes with the first message are the listener's.
    other.passCredentials = target.passCredentials;
    this.knowPeer(identityGet(target.peerIdentity!));
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
    if (this.type == SOCK_DGRAM) return -EOPNOTSUPP;
    if (!this.listening) return -EINVAL;
    const deadline = this.receiveDeadline();
    while (!this.pending) {
      if (this.receiveShut) return -EINVAL;
      const error = this.mayBlock(0) ? this.waitReadable(deadline) : -EAGAIN;
      if (error != 0) return error;
    }
    const socket = this.pending!;
    this.pending = socket.nextPending;
    socket.nextPending = null;
    this.pendingCount--;
    this.wakeSenders();
    return changetype<usize>(socket);
  }

  // ---- Sending ----

  /** Whether this datagram socket takes what `sender` sends: if connected, only its peer's. */
  private hears(sender: UnixSocket): bool {
    const peer = this.peer;
    return !peer || peer == sender;
  }

  /** Where this message goes, borrowed, as a pointer; or a negative errno. May sleep. */
  private destination(message: Message | null): usize {
    const isDatagram = this.type == SOCK_DGRAM;
    if (message && message.hasAddress && this.type != SOCK_SEQPACKET) {
      if (!isDatagram) return this.peer ? -EISCONN : -EOPNOTSUPP;
      if (message.address.family != AF_UNIX) return -EINVAL;
      const found = unixFind(message.address, SOCK_DGRAM);
      if (isError(found)) return found;
      const target = changetype<UnixSocket>(found);
      if (target.type != SOCK_DGRAM) return -EPROTOTYPE;
      return target.hears(this) ? found : -EPERM;
    }
    const peer = this.peer;
    if (peer && isDatagram && !peer.hears(this)) return -EPERM;
    if (peer) return changetype<usize>(peer);
    if (!this.wasConnected) return -ENOTCONN;
    if (!isDatagram) return -EPIPE;
    // Told once: the peer has gone, and the socket is not connected any more.
    this.wasConnected = false;
    return -ECONNREFUSED;
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    // That the other end went is a broken pipe to a stream's sender: its error waits for receive.
    if (this.error != 0 && this.type != SOCK_STREAM) return -this.takeError();
    if (this.sendShut && (this.type == SOCK_DGRAM || this.wasConnected)) {
      return this.brokenPipe(flags);
    }
    const unnamed = this.type == SOCK_DGRAM ? this.autobindForCredentials() : 0;
    if (unnamed != 0) return unnamed;
    const isStream = this.type == SOCK_STREAM;
    const deadline = this.mayBlock(flags) ? this.sendDeadline() : 0;
    let total: i64 = 0;
    let error: i64 = 0;
    while (error == 0) {
      const found = this.destination(message);
      if (isError(found)) {
        error = <i32>found;
        break;
      }
      const target = changetype<UnixSocket>(found);
      if (target.receiveShut) error = -EPIPE;
      else if (!isStream && io.remaining > this.sendLimit - MESSAGE_OVERHEAD) error = -EMSGSIZE;
      if (error != 0 || (isStream && io.remaining == 0)) break;
      if (!target.queue.hasRoom(io.remaining, this.sendLimit)) {
        error = this.waitForRoom(target, flags, deadline);
        continue;
      }
      const n = this.sendPiece(target, io, message);
      if (n < 0) error = n;
      else total += n;
      if (!isStream) break;
    }
    if (total > 0) return total;
    return error == -EPIPE ? this.brokenPipe(flags) : error;
  }

  /** Waits until the receiver has taken something, or gone. 0 or a negative errno. */
  private waitForRoom(target: UnixSocket, flags: u32, deadline: u64): i32 {
    target.hasBlockedSender = true;
    if (!this.mayBlock(flags)) return -EAGAIN;
    this.awaitingRoom++;
    const error = this.waitWritable(deadline);
    this.awaitingRoom--;
    return error;
  }

  /** Sends one packet: the message, or a piece of a stream. Bytes or a negative errno. */
  private sendPiece(target: UnixSocket, io: IoVector, message: Message | null): i64 {
    const isDatagram = this.type == SOCK_DGRAM;
    const n = <u32>(this.type == SOCK_STREAM ? min(io.remaining, PIECE_MAX) : io.remaining);
    fileGet(target);
    const gathered = packetGather(io, n);
    if (isError(gathered)) {
      filePut(target);
      return <i32>gathered;
    }
    const packet = changetype<Packet>(gathered);
    packet.owner = 0;
    const ancillary =
      message != null || target.passCredentials ? takeAncillary(message, target) : 0;
    if (isError(ancillary)) {
      freeUnixPacket(packet);
      filePut(target);
      return <i32>ancillary;
    }
    packet.owner = ancillary;
    packet.networkLength = 0;
    if (isDatagram && this.nameLength > 0) {
      packet.networkLength = <u16>this.nameLength;
      copy(packet.buffer, addressOf(this.name), this.nameLength);
    }
    let result: i64 = n;
    // The copy may have slept, and the receiver gone, or heard of the end: nobody sees the bytes.
    const isOver = this.sendShut || target.receiveShut || (!isDatagram && this.peer != target);
    if (isOver) {
      freeUnixPacket(packet);
      result = -EPIPE;
    } else {
      target.queue.arrive(packet);
      target.changed(POLLIN | POLLRDNORM);
    }
    filePut(target);
    return result;
  }

  // ---- Receiving ----

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
    if (this.listening) return -EINVAL;
    const isStream = this.type == SOCK_STREAM;
    if (isStream) {
      if (io.remaining == 0) return 0;
    } else if (this.error != 0) {
      // Of messages an error comes before what is queued; of a stream behind it.
      return -this.takeError();
    }
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
    if (message) this.tell(message);
    return total;
  }

  /** Who sent, beside what came with the bytes: a connection's other end, SCM_CREDENTIALS. */
  private tell(message: Message): void {
    if (this.type != SOCK_DGRAM && this.remoteAddress(message.address) == 0) {
      message.hasAddress = message.address.pathLength != 0;
    }
    if (this.passCredentials) tellCredentials(message, this);
  }

  /** Waits for the queue to fill. 0: look again, or the end; or a negative errno. */
  private waitForData(flags: u32): i32 {
    const mayBlock = this.mayBlock(flags);
    const deadline = mayBlock ? this.receiveDeadline() : 0;
    while (!this.queue.first) {
      if (this.error != 0) return -this.takeError();
      const isDatagram = this.type == SOCK_DGRAM;
      if (!isDatagram && !this.wasConnected) return this.type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
      if (this.receiveShut || (!isDatagram && !this.peer)) return 0;
      if (!mayBlock) return -EAGAIN;
      const error = this.waitReadable(deadline);
      if (error != 0 && !this.queue.first) return error;
    }
    return 0;
  }

  /** The queue has become shorter: tells those who wait to send. */
  private took(): void {
    if (this.hasBlockedSender && this.queue.isHalfEmpty()) this.wakeSenders();
  }

  /** There is room, or nobody any more: tells those who wait to send or connect here. */
  wakeSenders(): void {
    if (!this.hasBlockedSender) return;
    this.hasBlockedSender = false;
    let socket = unixFirst();
    while (socket) {
      if (socket.peer == this || socket.awaitingRoom != 0) socket.changed(POLLOUT | POLLWRNORM);
      socket = socket.nextSocket;
    }
  }

  // ---- State ----

  poll(): u32 {
    return unixPoll(this);
  }

  shutdown(how: u32): i32 {
    unixShutdown(this, how);
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

  takeFilter(program: usize, count: u32): i32 {
    this.queue.setFilter(program, count);
    return 0;
  }

  hasFilter(): bool {
    return this.queue.filter != 0;
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    return level == SOL_SOCKET ? unixSetOption(this, name, value) : -EOPNOTSUPP;
  }

  getOption(level: u32, name: u32): i64 {
    return level == SOL_SOCKET ? unixGetOption(this, name) : -EOPNOTSUPP;
  }

  /** The other end is gone: `hadUnread`, with bytes of ours, which a stream hears of. */
  private peerGone(gone: UnixSocket, hadUnread: bool): void {
    this.peer = null;
    if (this.type != SOCK_DGRAM) {
      this.goneName = gone.name;
      this.goneLength = gone.nameLength;
      gone.name = 0;
    }
    if (hadUnread) this.error = ECONNRESET;
    this.changed(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP);
  }

  release(): void {
    unixLeave(this);
    this.close(this.queue.first != null);
    const file = this.file;
    if (file) inodePut(file);
  }

  /** Tells the other ends, and frees what the socket holds; it is in no list any more. */
  private close(isReset: bool): void {
    const peer = this.peer;
    this.peer = null;
    this.listening = false;
    if (this.type == SOCK_DGRAM) {
      let socket = unixFirst();
      while (socket) {
        if (socket.peer == this) socket.peerGone(this, false);
        socket = socket.nextSocket;
      }
    } else if (peer) {
      peer.peerGone(this, isReset);
    }
    this.wakeSenders();
    let pending = this.pending;
    this.pending = null;
    while (pending) {
      const next = pending.nextPending;
      // Nobody accepted it: its other end is reset.
      unixLeave(pending);
      pending.close(true);
      free(pending);
      pending = next;
    }
    this.queue.clear();
    free(this.queue);
    this.knowPeer(null);
    if (this.name != 0) heapFree(this.name);
    if (this.goneName != 0) heapFree(this.goneName);
    this.releaseQueues();
  }
}
