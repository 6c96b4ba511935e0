/**
 * TCP sockets: the socket calls on a Connection or a Listener of net/tcp/.
 *
 *     new socket      `connection` is there for its options, closed            bind notes address and port
 *     listen          `listener` takes connections, whose options come from `connection`
 *     connect         `connection` connects; accept makes a socket around a listener's child
 *
 * The frequent calls (read, write, on a connection with data or room) go straight to the connection
 * and do not sleep. A copy that faults on the application's memory may sleep, with the connection's
 * lock; another thread that comes waits for its turn. Blocking calls poll the network before they
 * sleep.
 */
import { addressOf } from "../../arch/hw";
import { filePut, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM } from "../../fs/file";
import { isError } from "../../fs/inode";
import { IoVector } from "../../fs/io-vector";
import {
  EADDRNOTAVAIL,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  ECONNREFUSED,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENOBUFS,
  ENOMEM,
  ENOTCONN,
  EPIPE,
} from "../../lib/errno";
import { eventListen, eventServe } from "../../lib/events";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { SleepLock } from "../../sched/sleep-lock";
import { threadScratch } from "../../sched/thread";
import { monotonicNs } from "../../time/clock";
import { isLocalAddress } from "../interface";
import { netEnter, netLeave, netPoll } from "../poll";
import { Connection, ConnectionObserver } from "../tcp/connection";
import { Listener } from "../tcp/listener";
import { State } from "../tcp/state";
import { atUrgentMark, urgentTake } from "../tcp/urgent";
import { IN6_LOOPBACK, IPPROTO_TCP, isInternalAddress } from "../wire/ipv4";
import { SocketAddress } from "./address";
import {
  AF_INET,
  AF_UNSPEC,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_ZEROCOPY,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ZEROCOPY,
  SOCK_STREAM,
  SOMAXCONN,
} from "./constants";
import { inetLocal, inetRemote, inetTell } from "./inet-address";
import { inet6Inherit, inet6Only } from "./inet6-options";
import { Message } from "./message";
import { Socket } from "./socket";
import { bindTo, unbind } from "./tcp-bound";
import { tcpGetOption, tcpSetOption } from "./tcp-options";
import { ZeroCopy } from "./zero-copy";

const NS_PER_SECOND: u64 = 1_000_000_000;

class TcpObserver extends ConnectionObserver {
  constructor(private socket: TcpSocket) {
    super();
  }

  changed(mask: u32): void {
    this.socket.changed(mask);
  }

  inode(): u64 {
    return this.socket.inode;
  }

  isIpv6(): bool {
    return this.socket.inet6 != null;
  }
}

/** Gives the connection what it has room for, as the flags of send(2) want it. */
function sendOnce(c: Connection, io: IoVector, flags: u32): i64 {
  return (flags & MSG_OOB) != 0 ? c.sendUrgent(io) : c.send(io, (flags & MSG_MORE) != 0);
}

export class TcpSocket extends Socket {
  connection: Connection;
  listener: Listener | null = null;
  boundAddress: u32 = 0;
  boundPort: u32 = 0;
  tos: u8 = 0;
  ttl: u8 = 0;
  broadcast: bool = false;
  /** connect was called and its outcome has not been reported. */
  private connecting: bool = false;
  /** Made for the first send with MSG_ZEROCOPY. */
  private completions: ZeroCopy | null = null;
  /** Of the list in tcp-bound.ts. */
  nextBound: TcpSocket | null = null;
  private observer: TcpObserver = changetype<TcpObserver>(0);

  constructor(connection: Connection) {
    super();
    this.family = AF_INET;
    this.type = SOCK_STREAM;
    this.protocol = IPPROTO_TCP;
    this.connection = connection;
    this.observer = new TcpObserver(this);
    connection.observer = this.observer;
  }

  // ---- Addresses ----

  bind(address: SocketAddress): i32 {
    if (this.boundPort != 0 || this.connection.state != State.CLOSED) return -EINVAL;
    const local = inetLocal(this, address);
    if (local < 0) return <i32>local;
    if (local != 0 && !isLocalAddress(<u32>local)) return -EADDRNOTAVAIL;
    return bindTo(this, <u32>local, address.port);
  }

  localAddress(out: SocketAddress): i32 {
    const c = this.connection;
    if (c.ports != 0) inetTell(this, out, c.localAddress, c.localPort());
    else inetTell(this, out, this.boundAddress, this.boundPort, true);
    return 0;
  }

  remoteAddress(out: SocketAddress): i32 {
    const c = this.connection;
    // Of one that has ended, too: accept tells whose it was.
    inetTell(this, out, c.remoteAddress, c.remotePort());
    return this.isConnected() ? 0 : -ENOTCONN;
  }

  private isConnected(): bool {
    const state = this.connection.state;
    return state != State.CLOSED && state != State.SYN_SENT && this.listener == null;
  }

  isBound(): bool {
    return this.boundPort != 0 || this.connection.ports != 0;
  }

  // ---- The passive side ----

  isListening(): bool {
    return this.listener != null;
  }

  listen(backlog: u32): i32 {
    const limit = min(backlog, SOMAXCONN);
    const existing = this.listener;
    if (existing) {
      existing.backlog = limit;
      return 0;
    }
    if (this.connection.state != State.CLOSED || this.connection.ports != 0) return -EINVAL;
    if (this.boundPort == 0) {
      const error = bindTo(this, inet6Only(this) ? IN6_LOOPBACK : 0, 0);
      if (error != 0) return error;
    }
    const listener = attempt(new Listener());
    if (!listener) return -ENOBUFS;
    listener.template = this.connection;
    listener.reusePort = this.reusePort;
    listener.isIpv6 = this.inet6 != null;
    const error = listener.listen(this.boundAddress, this.boundPort, limit);
    if (error != 0) {
      free(listener);
      return error;
    }
    listener.observer = this.observer;
    this.listener = listener;
    if (!isInternalAddress(this.boundAddress)) eventListen(<u16>this.boundPort, "tcp");
    return 0;
  }

  /** The program asks for a connection for the first time: the host is told. */
  private asked(listener: Listener): void {
    listener.isAsked = true;
    if (!isInternalAddress(this.boundAddress)) eventServe(<u16>this.boundPort);
  }

  accept(): usize {
    const listener = this.listener;
    if (!listener) return -EINVAL;
    if (!listener.isAsked) this.asked(listener);
    let c = listener.accept();
    if (!c) {
      netPoll();
      c = listener.accept();
    }
    if (!c) {
      const waited = this.acceptSlow(listener);
      if (isError(waited)) return waited;
      c = changetype<Connection>(waited);
    }
    const socket = attempt(new TcpSocket(c));
    if (!socket) {
      netEnter();
      c.abort();
      netLeave();
      return -ENOMEM;
    }
    if (!inet6Inherit(socket, this)) {
      filePut(socket);
      return -ENOBUFS;
    }
    socket.lingerOn = this.lingerOn;
    socket.lingerSeconds = this.lingerSeconds;
    socket.plainOptions = this.plainOptions;
    socket.receiveTimeout = this.receiveTimeout;
    socket.sendTimeout = this.sendTimeout;
    return changetype<usize>(socket);
  }

  /** Waits for a Connection; or a negative errno. */
  private acceptSlow(listener: Listener): usize {
    if (!this.mayBlock(0)) return -EAGAIN;
    const deadline = this.receiveDeadline();
    let error = 0;
    // Another thread may shut the socket down meanwhile.
    while (this.listener == listener) {
      const ticket = this.readTicket();
      const c = listener.accept();
      if (c) return changetype<usize>(c);
      if (error != 0) return error;
      error = this.waitReadable(deadline, ticket);
    }
    return -EINVAL;
  }

  // ---- The active side ----

  connect(address: SocketAddress): i32 {
    if (this.listener) return -EISCONN;
    if (address.family == AF_UNSPEC) return this.disconnect();
    const remote = inetRemote(this, address, this.boundAddress);
    if (remote < 0) return <i32>remote;
    let c = this.connection;
    if (c.dead) {
      if (this.connecting) {
        // The outcome of an attempt that did not block.
        this.connecting = false;
        const error = c.takeError();
        return error != 0 ? error : -ECONNREFUSED;
      }
      const fresh = this.renew();
      if (!fresh) return -ENOBUFS;
      c = fresh;
    }
    if (c.state == State.SYN_SENT || c.state == State.SYN_RECEIVED) return -EALREADY;
    if (c.state != State.CLOSED) {
      if (!this.connecting) return -EISCONN;
      this.connecting = false;
      return 0;
    }
    netEnter();
    const error = c.connect(this.boundAddress, this.boundPort, <u32>remote, address.port);
    if (error != 0) return error;
    this.connecting = true;
    netLeave();
    // Over the loopback the outcome is known by now; who does not wait asks for it later, as on
    // Linux.
    return this.mayBlock(0) ? this.connectResult(c) : -EINPROGRESS;
  }

  /** Waits for the outcome of an attempt to connect. */
  private connectResult(c: Connection): i32 {
    netPoll();
    const deadline = this.sendDeadline();
    let error = 0;
    for (;;) {
      const ticket = this.writeTicket();
      if (c.state != State.SYN_SENT && c.state != State.SYN_RECEIVED) break;
      if (error != 0) return error == -EAGAIN ? -EINPROGRESS : error;
      error = this.waitWritable(deadline, ticket);
      // Another thread has dissolved the attempt (AF_UNSPEC): `c` is gone.
      if (this.connection != c) return -ECONNABORTED;
    }
    this.connecting = false;
    if (c.state != State.CLOSED) return 0;
    const failed = c.takeError();
    return failed != 0 ? failed : -ECONNREFUSED;
  }

  /**
   * A new connection object with the same options, in place of one that has ended. Null when memory
   * is short.
   */
  private renew(): Connection | null {
    const old = this.idleConnection();
    const c = attempt(new Connection());
    if (!c) return null;
    c.inheritOptions(old);
    c.observer = this.observer;
    this.connection = c;
    old.close();
    netLeave();
    return c;
  }

  private disconnect(): i32 {
    const old = this.idleConnection();
    netEnter();
    if (old.ports == 0) return 0;
    const c = attempt(new Connection());
    if (!c) return -ENOBUFS;
    c.inheritOptions(old);
    c.observer = this.observer;
    this.connection = c;
    this.connecting = false;
    if (old.dead) old.close();
    else old.abort();
    // Who waits on the old one looks at the new one.
    this.changed(POLLIN | POLLOUT | POLLHUP);
    netLeave();
    return 0;
  }

  // ---- Bytes ----

  /** The connection, once no other thread copies. It may be a new one after the wait. */
  private waitTurn(): Connection {
    let c = this.connection;
    while (c.lockHeld) {
      SleepLock.waitTurn(c);
      c = this.connection;
    }
    return c;
  }

  @inline
  private idleConnection(): Connection {
    const c = this.connection;
    return c.lockHeld ? this.waitTurn() : c;
  }

  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    const c = this.idleConnection();
    if ((flags & (MSG_OOB | MSG_ERRQUEUE)) != 0) return this.receiveAside(c, io, flags, message);
    if (io.remaining == 0) return 0;
    const passed = flags & (MSG_PEEK | MSG_TRUNC);
    let n = passed == 0 ? c.receive(io) : c.receiveFlagged(io, passed);
    if (n == -EAGAIN || ((flags & MSG_WAITALL) != 0 && n > 0 && io.remaining > 0)) {
      n = this.receiveSlow(io, flags, n);
    }
    netLeave();
    return n;
  }

  /** Of the error queue, or the byte out of band, which nobody waits for. */
  private receiveAside(c: Connection, io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & MSG_ERRQUEUE) != 0) {
      const completions = this.completions;
      return completions ? completions.take(message) : -EAGAIN;
    }
    const byte = urgentTake(c, (flags & MSG_PEEK) != 0);
    if (byte == -EAGAIN && (c.finReceived || c.receiveShutdown || c.dead)) return 0;
    if (byte < 0) return byte;
    if (message) message.flags |= io.remaining > 0 ? MSG_OOB : MSG_TRUNC;
    if (io.remaining == 0) return 0;
    store<u8>(threadScratch(), <u8>byte);
    return io.put(addressOf(threadScratch()), 1);
  }

  /**
   * Nothing there, or not all that was asked for: polls, and waits if it may. `got`: bytes so far,
   * or -EAGAIN.
   */
  private receiveSlow(io: IoVector, flags: u32, got: i64): i64 {
    if (this.listener) return -ENOTCONN;
    const passed = flags & (MSG_PEEK | MSG_TRUNC);
    const waitsForAll = (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0;
    const mayBlock = this.mayBlock(flags);
    const deadline = mayBlock ? this.receiveDeadline() : 0;
    let total: i64 = max<i64>(got, 0);
    let error: i64 = 0;
    netLeave();
    netPoll();
    while (error == 0) {
      const ticket = this.readTicket();
      const n = this.idleConnection().receiveFlagged(io, passed);
      if (n >= 0) {
        total += n;
        if (n == 0 || !waitsForAll || io.remaining == 0) return total;
        continue;
      }
      if (n != -EAGAIN) error = n;
      else if (!mayBlock) error = -EAGAIN;
      else if (total > 0 && !waitsForAll) return total;
      else {
        netLeave();
        error = this.waitReadable(deadline, ticket);
        // Data that came together with the signal or the time's end is given all the same.
        if (error != 0) {
          const c = this.idleConnection();
          const late = c.queuedBytes > 0 ? c.receiveFlagged(io, passed) : 0;
          if (late > 0) total += late;
        }
      }
    }
    return total > 0 ? total : error;
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    if ((flags & (MSG_MORE | MSG_OOB | MSG_ZEROCOPY)) != 0) return this.sendFlagged(io, flags);
    const c = this.idleConnection();
    netEnter();
    let n = c.send(io, false);
    if (n < 0 || io.remaining > 0) n = this.sendSlow(io, flags, n);
    netLeave();
    return n;
  }

  private sendFlagged(io: IoVector, flags: u32): i64 {
    const completes = (flags & MSG_ZEROCOPY) != 0 && ((this.plainOptions >> SO_ZEROCOPY) & 1) != 0;
    if (completes && !this.completions) this.completions = attempt(new ZeroCopy());
    if (completes && !this.completions) return -ENOBUFS;
    const c = this.idleConnection();
    netEnter();
    let n = sendOnce(c, io, flags);
    if (n < 0 || io.remaining > 0) n = this.sendSlow(io, flags, n);
    const completions = this.completions;
    if (completes && completions && n > 0) {
      completions.add();
      this.changed(POLLERR);
    }
    netLeave();
    return n;
  }

  /** Not all was taken: waits for room if it may. `sent`: bytes so far, or the error. */
  private sendSlow(io: IoVector, flags: u32, sent: i64): i64 {
    let total: i64 = max<i64>(sent, 0);
    let error: i64 = sent < 0 && sent != -EAGAIN ? sent : 0;
    const mayBlock = this.mayBlock(flags);
    if (mayBlock && error == 0) {
      const deadline = this.sendDeadline();
      netLeave();
      netPoll();
      while (error == 0 && io.remaining > 0) {
        const ticket = this.writeTicket();
        const c = this.idleConnection();
        const n = sendOnce(c, io, flags);
        netLeave();
        if (n > 0) {
          total += n;
        } else if (n == -EAGAIN) {
          // An empty buffer that takes nothing has no memory, and no acknowledgment brings any.
          const isStarved = c.canSend() && c.bufferUsed == 0;
          netPoll();
          error = isStarved ? -ENOBUFS : this.waitWritable(deadline, ticket);
        } else {
          error = n;
        }
      }
    } else if (error == 0 && total == 0) {
      error = -EAGAIN;
    }
    if (total > 0) return total;
    if (error == -EPIPE || error == -ENOTCONN) return this.brokenPipe(flags);
    return error;
  }

  poll(): u32 {
    const listener = this.listener;
    if (listener) {
      if (!listener.isAsked) this.asked(listener);
      return listener.acceptFirst ? POLLIN | POLLRDNORM : 0;
    }
    const mask = this.connection.poll();
    const completions = this.completions;
    return completions && completions.isWaiting() ? mask | POLLERR : mask;
  }

  atMark(): bool {
    return atUrgentMark(this.connection);
  }

  setUrgentInline(value: bool): void {
    this.connection.urgentInline = value;
  }

  shutdown(how: u32): i32 {
    const listener = this.listener;
    if (listener) {
      // Linux: a listening socket that is shut down for reading stops to listen, and wakes those in
      // accept.
      if (how == SHUT_WR) return 0;
      this.listener = null;
      netEnter();
      listener.close();
      free(listener);
      unbind(this);
      netLeave();
      this.changed(POLLIN | POLLHUP);
      return 0;
    }
    // What another thread is copying comes before the end.
    const c = this.idleConnection();
    if (!this.isConnected() && c.state != State.SYN_SENT) return -ENOTCONN;
    netEnter();
    if (how == SHUT_RD || how == SHUT_RDWR) c.shutdownReceive();
    if (how == SHUT_WR || how == SHUT_RDWR) c.shutdownSend();
    netLeave();
    return 0;
  }

  readableBytes(): i64 {
    return this.listener ? -EINVAL : this.connection.readable();
  }

  unsentBytes(): i64 {
    return this.listener ? -EINVAL : this.connection.bufferUsed;
  }

  takeError(): i32 {
    return -this.connection.takeError();
  }

  setOption(level: u32, name: u32, value: i32): i32 {
    netEnter();
    const result = tcpSetOption(this, level, name, value);
    netLeave();
    return result;
  }

  getOption(level: u32, name: u32): i64 {
    return tcpGetOption(this, level, name);
  }

  release(): void {
    netEnter();
    unbind(this);
    const listener = this.listener;
    if (listener) {
      listener.close();
      free(listener);
    }
    const c = this.connection;
    if (this.lingerOn && this.lingerSeconds > 0 && this.isConnected()) {
      c.lingerNs = <u64>this.lingerSeconds * NS_PER_SECOND;
      this.linger(c);
    }
    c.observer = null;
    if (this.lingerOn && this.lingerSeconds == 0 && !c.dead && c.state != State.CLOSED) c.abort();
    else c.close();
    netLeave();
    free(this.observer);
    const completions = this.completions;
    if (completions) free(completions);
    this.releaseQueues();
  }

  /** SO_LINGER: waits until the peer has everything, or the time is over. */
  private linger(c: Connection): void {
    c.shutdownSend();
    netLeave();
    netPoll();
    const deadline = monotonicNs() + <u64>this.lingerSeconds * NS_PER_SECOND;
    for (;;) {
      const ticket = this.writeTicket();
      if (c.drained() || c.dead || this.waitWritable(deadline, ticket) != 0) return;
    }
  }
}

/** A new socket, closed. Null when memory is short. */
export function tcpSocketCreate(): TcpSocket | null {
  const c = attempt(new Connection());
  if (!c) return null;
  const socket = attempt(new TcpSocket(c));
  if (!socket) free(c);
  return socket;
}
