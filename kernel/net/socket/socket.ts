/**
 * What all sockets have in common: options, waiting, the calls that a kind may or may not have.
 * TCP, UDP and unix(7) sockets are its subclasses.
 *
 * Waiting: a thread that would block polls the network, looks again, and sleeps in `readers` or
 * `writers`; the protocol calls `changed` when something becomes ready, which tells epoll and wakes
 * them. The queues are made when first needed, because most sockets of a server never block.
 *
 *     const ticket = this.readTicket();             before the look: what becomes ready from here on
 *     if (nothing is there) { netLeave(); … }       ends the wait, whatever is done in between
 *     error = this.waitReadable(deadline, ticket);
 *
 * Without a ticket nothing may lie between the look and the wait: leaving the stack delivers what
 * this machine has sent to itself.
 *
 * A caller holds a reference on the socket for the length of a call (linux/socket-calls.ts,
 * linux/file-calls.ts).
 */
import {
  File,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
} from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import { S_IFSOCK, Stat } from "../../fs/stat";
import {
  EAGAIN,
  EINTR,
  EINTR_ALWAYS,
  EINVAL,
  ENOMEM,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  ETIMEDOUT,
} from "../../lib/errno";
import { sendSignalToCurrent } from "../../linux/signal";
import { SIGPIPE } from "../../linux/signal-numbers";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { NO_DEADLINE, WaitQueue } from "../../sched/wait-queue";
import { monotonicNs } from "../../time/clock";
import { SocketAddress } from "./address";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./constants";
import { Inet6Options } from "./inet6-options";
import { socketIoctl } from "./ioctl";
import { Message } from "./message";

const WAKES_READERS: u32 = POLLIN | POLLHUP | POLLERR | POLLRDHUP;
const WAKES_WRITERS: u32 = POLLOUT | POLLHUP | POLLERR;

let nextInode: u64 = 1;

/** What a socket's call says of how its wait has ended. */
function waitResult(error: i32, deadline: u64): i32 {
  if (error == -ETIMEDOUT) return -EAGAIN;
  return error == -EINTR && deadline != NO_DEADLINE ? -EINTR_ALWAYS : error;
}

export abstract class Socket extends File {
  family: u32 = 0;
  type: u32 = 0;
  protocol: u32 = 0;
  /** What only sockets of AF_INET6 have. */
  inet6: Inet6Options | null = null;
  inode: u64 = nextInode++;
  /** SO_RCVTIMEO and SO_SNDTIMEO in ns; 0: none. */
  receiveTimeout: u64 = 0;
  sendTimeout: u64 = 0;
  lingerOn: bool = false;
  lingerSeconds: u32 = 0;
  reuseAddress: bool = false;
  /** SO_LOCK_FILTER. */
  filterIsLocked: bool = false;
  reusePort: bool = false;
  /** Options that are kept for getsockopt and mean nothing here, a bit per number below 64. */
  plainOptions: u64 = 0;
  private readers: WaitQueue | null = null;
  private writers: WaitQueue | null = null;
  /** How often each queue was woken, for tickets; counted once the queue is there. */
  private readerWakes: u32 = 0;
  private writerWakes: u32 = 0;

  constructor() {
    super();
    this.flags = O_RDWR;
  }

  // ---- What a kind of socket overrides ----

  bind(address: SocketAddress): i32 {
    return -EOPNOTSUPP;
  }

  listen(backlog: u32): i32 {
    return -EOPNOTSUPP;
  }

  /** Connects to an address (AF_UNSPEC: dissolves a datagram socket's association). */
  connect(address: SocketAddress): i32 {
    return -EOPNOTSUPP;
  }

  /** The next connection: a new Socket, or a negative errno. May sleep. */
  accept(): usize {
    return -EOPNOTSUPP;
  }

  /** Fills in the socket's own address. 0 or a negative errno. */
  localAddress(out: SocketAddress): i32 {
    return -EOPNOTSUPP;
  }

  remoteAddress(out: SocketAddress): i32 {
    return -ENOTCONN;
  }

  /** Receives into `io`; `message` may be null. Bytes or a negative errno. */
  receive(io: IoVector, flags: u32, message: Message | null): i64 {
    return -EOPNOTSUPP;
  }

  send(io: IoVector, flags: u32, message: Message | null): i64 {
    return -EOPNOTSUPP;
  }

  shutdown(how: u32): i32 {
    return -EOPNOTSUPP;
  }

  /** Sets an option whose value is a number. */
  setOption(level: u32, name: u32, value: i32): i32 {
    return -ENOPROTOOPT;
  }

  /** Sets an option from its `size` bytes at `data`, zeros behind them. Most are numbers. */
  setOptionData(level: u32, name: u32, data: usize, size: u32): i32 {
    if (size < 4 && size != 1) return -EINVAL;
    return this.setOption(level, name, load<i32>(data));
  }

  /** Writes an option that is no number to `out` and returns its length; 0: it is none such. */
  getOptionData(level: u32, name: u32, out: usize): i32 {
    return 0;
  }

  /**
   * Takes a filter of `count` instructions (net/filter.ts), from the heap; 0: takes it off. 0 or a
   * negative errno.
   */
  takeFilter(program: usize, count: u32): i32 {
    return -ENOPROTOOPT;
  }

  hasFilter(): bool {
    return false;
  }

  /** An option whose value is a number >= 0, or a negative errno. */
  getOption(level: u32, name: u32): i64 {
    return -ENOPROTOOPT;
  }

  /** SO_ERROR: the pending error as a positive errno, and clears it. */
  takeError(): i32 {
    return 0;
  }

  /** Whether it has a local port. */
  isBound(): bool {
    return false;
  }

  /** SIOCATMARK: whether reading is where the other end has sent a byte out of band. */
  atMark(): bool {
    return false;
  }

  /** SO_OOBINLINE. */
  setUrgentInline(value: bool): void {}

  isListening(): bool {
    return false;
  }

  /** SIOCGSTAMP: when the datagram that was read last had come, as wall time in ns; 0: none was. */
  receiveTime(): u64 {
    return 0;
  }

  /** FIONREAD, and what is sent but not acknowledged (SIOCOUTQ). */
  readableBytes(): i64 {
    return -EINVAL;
  }

  unsentBytes(): i64 {
    return -EINVAL;
  }

  // ---- As a file ----

  read(io: IoVector): i64 {
    return this.receive(io, 0, null);
  }

  write(io: IoVector): i64 {
    return this.send(io, 0, null);
  }

  ioctl(request: u32, argument: u64): i64 {
    return socketIoctl(this, request, argument);
  }

  stat(out: Stat): i32 {
    out.reset(S_IFSOCK | 0o777);
    out.ino = this.inode;
    return 0;
  }

  // ---- Waiting ----

  /** Events of `mask` may be ready now: tells epoll, and wakes who waits. Does not sleep. */
  changed(mask: u32): void {
    this.notify(mask);
    const readers = this.readers;
    if (readers && (mask & WAKES_READERS) != 0) {
      this.readerWakes++;
      readers.wakeAll();
    }
    const writers = this.writers;
    if (writers && (mask & WAKES_WRITERS) != 0) {
      this.writerWakes++;
      writers.wakeAll();
    }
  }

  @inline
  mayBlock(flags: u32): bool {
    return (this.flags & O_NONBLOCK) == 0 && (flags & MSG_DONTWAIT) == 0;
  }

  receiveDeadline(): u64 {
    return this.receiveTimeout == 0 ? NO_DEADLINE : monotonicNs() + this.receiveTimeout;
  }

  sendDeadline(): u64 {
    return this.sendTimeout == 0 ? NO_DEADLINE : monotonicNs() + this.sendTimeout;
  }

  private readerQueue(): WaitQueue | null {
    let queue = this.readers;
    if (!queue) {
      queue = attempt(new WaitQueue());
      this.readers = queue;
    }
    return queue;
  }

  private writerQueue(): WaitQueue | null {
    let queue = this.writers;
    if (!queue) {
      queue = attempt(new WaitQueue());
      this.writers = queue;
    }
    return queue;
  }

  /** Taken before a look whether something is readable, for the wait that follows. */
  readTicket(): u32 {
    this.readerQueue();
    return this.readerWakes;
  }

  /** The same for a look whether something is writable. */
  writeTicket(): u32 {
    this.writerQueue();
    return this.writerWakes;
  }

  /**
   * Sleeps until something may be readable, or has become so since the ticket was taken. 0, -EINTR
   * (with a deadline -EINTR_ALWAYS), -EAGAIN when the time is over, or -ENOMEM.
   */
  waitReadable(deadline: u64, ticket: u32 = this.readerWakes): i32 {
    const queue = this.readerQueue();
    if (!queue) return -ENOMEM;
    if (ticket != this.readerWakes) return 0;
    return waitResult(queue.wait(deadline), deadline);
  }

  /** The same for what may be writable. */
  waitWritable(deadline: u64, ticket: u32 = this.writerWakes): i32 {
    const queue = this.writerQueue();
    if (!queue) return -ENOMEM;
    if (ticket != this.writerWakes) return 0;
    return waitResult(queue.wait(deadline), deadline);
  }

  /** The result of a send: -EPIPE comes with SIGPIPE, unless that is not wanted. */
  brokenPipe(flags: u32): i64 {
    if ((flags & MSG_NOSIGNAL) == 0) sendSignalToCurrent(SIGPIPE);
    return -EPIPE;
  }

  /** Frees what this class holds; subclasses call it at the end of their `release`. */
  releaseQueues(): void {
    const readers = this.readers;
    if (readers) free(readers);
    const writers = this.writers;
    if (writers) free(writers);
    const inet6 = this.inet6;
    if (inet6) free(inet6);
  }
}
