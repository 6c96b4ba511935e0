/**
 * A TCP connection: its state, and what the socket layer calls. The protocol's parts are functions
 * on it, one subject per file: input.ts and slow-input.ts (segments), output.ts and transmit.ts,
 * recovery.ts and sack.ts, rtt.ts, cubic.ts, timer.ts, send-buffer.ts, receive-queue.ts,
 * reassembly.ts, close.ts, and connection-channel.ts for how segments get here.
 *
 *     const c = new Connection();  c.observer = …  options …
 *     c.connect(local, localPort, remote, remotePort)     0 or -errno; then poll() tells
 *     c.send(io, more)  c.receive(io)                     bytes, 0 at the end of the stream, -EAGAIN, -errno
 *     c.shutdownSend()  c.shutdownReceive()  c.poll()  c.takeError()
 *     c.close() or c.abort()                              gives the object up: TCP frees it when it is done
 *
 * Nothing here sleeps but the copies from and to the application, in `send` and `receive`. Then the
 * connection's lock is held (1 in the order): segments wait in its channel, timers come again.
 * Apart from that the caller sees to it that one thread at a time calls into a connection. There is
 * no clock: netSetNow (net/clock.ts) comes before all calls.
 *
 * Whoever called into TCP calls `tcpFlush()` (work.ts) at the end: it processes the segments that
 * have been put on channels, sends what input only noted (acknowledgments that an answer might have
 * carried), and frees what has ended.
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
import { EAGAIN, ENOTCONN, EPIPE } from "../../lib/errno";
import { LOCK_CONNECTION } from "../../sched/lock-order";
import { SleepLock } from "../../sched/sleep-lock";
import { WaitQueue } from "../../sched/wait-queue";
import { Channel } from "../channel";
import { Packet } from "../packet";
import { NEVER } from "../timers";
import { abortConnection, closeConnection, shutdownSending } from "./close";
import {
  ANSWERS_MIN,
  BUFFER_LIMIT_MIN,
  KEEPALIVE_COUNT,
  KEEPALIVE_IDLE,
  KEEPALIVE_INTERVAL,
  MSS_DEFAULT,
  RECEIVE_LIMIT_DEFAULT,
  RECEIVE_LIMIT_MAX,
  RTO_INITIAL,
  SEND_LIMIT_DEFAULT,
  SEND_LIMIT_MAX,
  SYN_RETRIES,
} from "./config";
import { channelDrain } from "./connection-channel";
import { Listener } from "./listener";
import { openActive } from "./open";
import { output } from "./output";
import { queueDiscard, queueRead, queueReadUpTo } from "./receive-queue";
import { noteConsumed } from "./receive-window";
import { SackBoard } from "./sack";
import { bufferSpace, bufferWrite } from "./send-buffer";
import { State, stateFollowers } from "./state";
import { Endpoint } from "./table";
import { connectionTimer, keepaliveRestart } from "./timer";
import {
  URGENT_NONE,
  urgentFollows,
  urgentLimit,
  urgentPassed,
  urgentPoll,
  urgentReadable,
} from "./urgent";
import { WORK_INPUT } from "./work";

// recv(2) flags that TCP itself understands.
export const MSG_PEEK: u32 = 0x02;
export const MSG_TRUNC: u32 = 0x20;

/**
 * Who hears of a connection's or listener's changes: the socket. Must not sleep, nor call into TCP.
 */
export abstract class ConnectionObserver {
  /** Events of `mask` (POLL*) may have become ready. */
  abstract changed(mask: u32): void;

  /** For listings: the inode of the socket, and whether it is one of IPv6. */
  inode(): u64 {
    return 0;
  }

  isIpv6(): bool {
    return false;
  }
}

/** How loss is being repaired (recovery.ts). */
export enum Recovery {
  /** Nothing is known to be lost. */
  NONE,
  /** Fast recovery, after duplicate acknowledgments. */
  FAST,
  /** After a retransmission timeout: all that is not reported as received counts as lost. */
  LOSS,
}

export class Connection extends Endpoint {
  observer: ConnectionObserver | null = null;
  /** Pending error, a positive errno, for SO_ERROR and the next call. */
  error: i32 = 0;
  /** Reported by ICMP, not fatal by itself: the error of a time out, if it comes to that. */
  softError: i32 = 0;
  // The lock (sched/sleep-lock.ts): a copy from or to the application is under way, input waits in
  // the channel.
  lockHeld: bool = false;
  lockKind: u8 = 0;
  lockWaiters: WaitQueue | null = null;
  /** Closed by the application: nobody reads, and TCP frees the object at the end. */
  detached: bool = false;
  /** The end has been reached: only the object, with what is left to read, exists still. */
  dead: bool = false;
  /** It got as far as ESTABLISHED. */
  established: bool = false;
  /** Data has come in with this batch of input: see endBatch in connection-channel.ts. */
  arrived: bool = false;
  /** Segments nobody has looked at yet; made for the first one. */
  channel: Channel | null = null;

  // ---- Of a listener's child, until it is accepted ----
  listener: Listener | null = null;
  siblingNext: Connection | null = null;
  siblingPrevious: Connection | null = null;

  // ---- Work noted for tcpFlush ----
  workNext: Connection | null = null;
  work: u32 = 0;

  // ---- Options ----
  noDelay: bool = false;
  cork: bool = false;
  keepalive: bool = false;
  /** SO_SNDBUF or SO_RCVBUF was set: no autotuning. */
  sendLimitFixed: bool = false;
  receiveLimitFixed: bool = false;
  keepaliveIdle: u64 = KEEPALIVE_IDLE;
  keepaliveInterval: u64 = KEEPALIVE_INTERVAL;
  keepaliveCount: u32 = KEEPALIVE_COUNT;
  /** Nanoseconds; 0: the default number of retransmissions. */
  userTimeout: u64 = 0;
  /** TCP_SYNCNT: how often a SYN is sent again. */
  synRetries: u32 = SYN_RETRIES;
  /** SO_LINGER's time in nanoseconds, when it is closed with one; 0: none. */
  lingerNs: u64 = 0;
  /** When the machine began to end, data was on its way (farewell.ts). */
  hadFarewellData: bool = false;
  /** TCP_MAXSEG: an upper bound; 0: none. */
  mssLimit: u32 = 0;

  // ---- Sending (RFC 9293 3.3.1) ----
  initialSend: u32 = 0;
  sndUna: u32 = 0;
  /** One past the highest sequence number sent. */
  sndNxt: u32 = 0;
  /**
   * The peer's window, scaled; the largest it ever was; sequence and acknowledgment of the last
   * update.
   */
  sndWindow: u32 = 0;
  sndWindowMax: u32 = 0;
  sndWl1: u32 = 0;
  sndWl2: u32 = 0;
  sndScale: u32 = 0;
  /** Payload bytes of a full segment, options taken off. */
  mss: u32 = MSS_DEFAULT;
  /** What the peer said in its SYN. */
  peerMss: u32 = MSS_DEFAULT;
  /** Payload bytes that may go down in one packet (TSO), 0: one segment each. */
  segmentationMax: u32 = 0;
  /** Shut down for sending: a FIN follows the buffered data, and whether it was sent. */
  finQueued: bool = false;
  finSent: bool = false;
  /** A send took less than it was offered: tell the observer when there is room. */
  writeBlocked: bool = false;
  /** One past the last segment that was sent although it was not full (Nagle). */
  sndSmall: u32 = 0;
  // ---- Send buffer ----
  bufferBase: u64 = 0;
  bufferCapacity: u32 = 0;
  bufferHead: u32 = 0;
  bufferUsed: u32 = 0;
  bufferSequence: u32 = 0;
  sendLimit: u32 = SEND_LIMIT_DEFAULT;

  // ---- Receiving ----
  initialReceive: u32 = 0;
  rcvNxt: u32 = 0;
  /** Right edge of the window that was announced. */
  rcvAdvertised: u32 = 0;
  rcvScale: u32 = 0;
  /** Acknowledgment number of the last segment sent (RFC 7323's Last.ACK.sent). */
  lastAckSent: u32 = 0;
  /** Bytes received since then that wait for a delayed acknowledgment. */
  unackedBytes: u32 = 0;
  /** The largest segment the peer has sent: what counts as a full one. */
  receiveMss: u32 = MSS_DEFAULT;
  /** The peer has marked the end of what it wrote (PSH), and that is not acknowledged. */
  pushed: bool = false;
  /**
   * Requests and answers: acknowledgments wait for the answer, also when the application has read
   * everything.
   */
  interactive: bool = false;
  /** Data has come in since data was last sent. */
  asked: bool = false;
  /** How often data was sent behind data that came in, and how often it takes for `interactive`. */
  answers: u32 = 0;
  answersWanted: u32 = ANSWERS_MIN;
  /** How many acknowledgments are still sent at once: the peer is in slow start. */
  quickAcks: u32 = 0;
  /** A FIN has been seen at `finSequence`; and whether all before it has been received too. */
  finSeen: bool = false;
  finReceived: bool = false;
  finSequence: u32 = 0;
  receiveShutdown: bool = false;
  // ---- Urgent data (urgent.ts): received, and sent ----
  /** URGENT_*. */
  urgentState: u8 = URGENT_NONE;
  urgentByte: u8 = 0;
  /** SO_OOBINLINE. */
  urgentInline: bool = false;
  urgentSequence: u32 = 0;
  sendsUrgent: bool = false;
  /** One past the urgent byte. */
  urgentEnd: u32 = 0;
  // ---- Receive queue, and segments out of order ----
  queueFirst: Packet | null = null;
  queueLast: Packet | null = null;
  queuedBytes: u32 = 0;
  outOfOrder: Packet | null = null;
  outOfOrderLast: Packet | null = null;
  outOfOrderCount: u32 = 0;
  /** A range that came twice, to be reported (RFC 2883); empty: none. */
  duplicateStart: u32 = 0;
  duplicateEnd: u32 = 0;
  /** Acknowledgments carry SACK blocks: there is such a range, or segments out of order. */
  reportsRanges: bool = false;
  recent0: u32 = 0;
  recent1: u32 = 0;
  recent2: u32 = 0;
  recent3: u32 = 0;
  receiveLimit: u32 = RECEIVE_LIMIT_DEFAULT;
  /** Autotuning: bytes the application read since a time. */
  tuneBytes: u32 = 0;
  tuneStart: u64 = 0;
  /** Bytes received and sent, for TCP_INFO. */
  bytesReceived: u64 = 0;
  bytesAcked: u64 = 0;

  // ---- Options of the connection, agreed in the handshake ----
  timestamps: bool = false;
  sack: bool = false;
  windowScaling: bool = false;
  /** Control word of a plain segment in order (header prediction): data offset and ACK. */
  predictedControl: u32 = 0;
  tsOffset: u32 = 0;
  tsRecent: u32 = 0;
  tsRecentTime: u64 = 0;

  // ---- Round-trip time ----
  srtt: u64 = 0;
  rttVariance: u64 = 0;
  rttMinimum: u64 = NEVER;
  rto: u64 = RTO_INITIAL;
  /** A segment is being timed: it ends before this sequence number, and was sent then. */
  timing: bool = false;
  timedSequence: u32 = 0;
  timedSince: u64 = 0;
  lastSendTime: u64 = 0;
  lastReceiveTime: u64 = 0;

  // ---- Congestion control ----
  cwnd: u32 = 0;
  ssthresh: u32 = 0x7fffffff;
  /** The congestion window, and not the application, bounded what was sent. */
  cwndLimited: bool = false;
  cubicWindowMax: u32 = 0;
  cubicOrigin: u32 = 0;
  cubicEstimate: u32 = 0;
  cubicAcked: u32 = 0;
  cubicK: u64 = 0;
  /** When this period of growth began; 0: it begins with the next acknowledgment. */
  cubicEpoch: u64 = 0;
  // ---- Loss recovery ----
  recovery: Recovery = Recovery.NONE;
  duplicateAcks: u32 = 0;
  recoveryPoint: u32 = 0;
  /** One past the highest sequence number retransmitted in this recovery. */
  highRetransmit: u32 = 0;
  sackBoard: SackBoard | null = null;
  /** The next lost segment goes out whatever the window. */
  forceRetransmit: bool = false;
  retransmits: u32 = 0;

  // ---- Deadlines; NEVER: not set. The endpoint's timer is armed for the earliest (timer.ts) ----
  retransmitDeadline: u64 = NEVER;
  /** The retransmission deadline means probing a window, not repeating data. */
  probing: bool = false;
  delayedAckDeadline: u64 = NEVER;
  keepaliveDeadline: u64 = NEVER;
  closeDeadline: u64 = NEVER;
  /** How often the retransmission timeout is doubled. */
  backoff: u32 = 0;
  /** Retransmissions or probes in a row without an answer; since when. */
  unanswered: u32 = 0;
  stalledSince: u64 = 0;
  keepaliveProbes: u32 = 0;
  outOfWindowTime: u64 = 0;

  constructor() {
    super();
    SleepLock.init(this, LOCK_CONNECTION);
  }

  setState(next: State): void {
    assert((stateFollowers(this.state) & ((<u32>1) << next)) != 0, "a transition of the table");
    this.state = next;
  }

  @inline
  notify(mask: u32): void {
    const observer = this.observer;
    if (observer) observer.changed(mask);
  }

  expired(): void {
    connectionTimer(this);
  }

  /**
   * Starts to connect. `local` 0 and `localPort` 0: chosen here. 0, or -errno when it could not
   * even begin.
   */
  connect(local: u32, localPort: u32, remote: u32, remotePort: u32): i32 {
    return openActive(this, local, localPort, remote, remotePort);
  }

  /** The pending error, a negative errno or 0, and clears it. */
  takeError(): i32 {
    const error = this.error;
    this.error = 0;
    return -error;
  }

  @inline
  canSend(): bool {
    const state = this.state;
    return (state == State.ESTABLISHED || state == State.CLOSE_WAIT) && !this.finQueued;
  }

  /**
   * Buffers as much as there is room for, and sends what may be sent. `more`: a partial segment
   * waits, for more follows (MSG_MORE). Bytes, or -EAGAIN, -EPIPE, -ENOTCONN, -EFAULT, or the
   * pending error.
   */
  send(io: IoVector, more: bool): i64 {
    if (!this.canSend()) return this.sendFailure();
    SleepLock.acquire(this);
    const n = bufferWrite(this, io);
    this.letGo();
    if (n < 0) return n;
    // What another thread waits for stays noted: only an acknowledgment takes it away.
    if (io.remaining > 0) this.writeBlocked = true;
    if (n == 0) return io.remaining > 0 ? -EAGAIN : 0;
    if (more) {
      const cork = this.cork;
      this.cork = true;
      output(this);
      this.cork = cork;
    } else {
      output(this);
    }
    return n;
  }

  /** As `send`, at once; the last byte, if there is room for all, is urgent (MSG_OOB). */
  sendUrgent(io: IoVector): i64 {
    if (this.canSend() && io.remaining - 1 < bufferSpace(this)) {
      urgentFollows(this, <u32>io.remaining);
    }
    const n = this.send(io, true);
    if (n <= 0) return n;
    const noDelay = this.noDelay;
    this.noDelay = true;
    this.push();
    this.noDelay = noDelay;
    return n;
  }

  private sendFailure(): i64 {
    if (this.error != 0) return this.takeError();
    const state = this.state;
    if (state == State.SYN_SENT || state == State.SYN_RECEIVED) return -EAGAIN;
    if (state == State.CLOSED && this.initialSend == 0 && !this.finQueued) return -ENOTCONN;
    return -EPIPE;
  }

  /**
   * Reads what has been received. Bytes, 0 at the end of the stream, -EAGAIN, -ENOTCONN, -EFAULT,
   * or the pending error.
   */
  receive(io: IoVector): i64 {
    if (this.queuedBytes == 0) return this.receiveEmpty();
    if (this.urgentState != URGENT_NONE) return this.receiveFlagged(io, 0);
    SleepLock.acquire(this);
    const n = queueRead(this, io);
    this.letGo();
    if (n > 0) noteConsumed(this, <u32>n);
    return n;
  }

  /** As `receive`, with MSG_PEEK or MSG_TRUNC, or around an urgent byte. */
  receiveFlagged(io: IoVector, flags: u32): i64 {
    if (this.queuedBytes == 0) return this.receiveEmpty();
    const peek = (flags & MSG_PEEK) != 0;
    let limit = io.remaining;
    if (this.urgentState != URGENT_NONE && limit > 0) {
      limit = min<u64>(limit, urgentLimit(this, peek));
      if (limit == 0) return this.receiveEmpty();
    }
    let n: i64;
    if (!peek && (flags & MSG_TRUNC) != 0) {
      n = queueDiscard(this, limit);
    } else {
      SleepLock.acquire(this);
      n = queueReadUpTo(this, io, limit, peek);
      this.letGo();
    }
    if (peek || n <= 0) return n;
    if (this.urgentState != URGENT_NONE) urgentPassed(this);
    noteConsumed(this, <u32>n);
    return n;
  }

  private receiveEmpty(): i64 {
    // A reset behind the peer's FIN is an error of what we send: the stream has come whole.
    if (this.finReceived) return 0;
    if (this.error != 0) return this.takeError();
    if (this.receiveShutdown) return 0;
    const state = this.state;
    if (state == State.CLOSED) return this.initialSend == 0 ? -ENOTCONN : 0;
    return -EAGAIN;
  }

  /**
   * Data of `length` bytes has been received in order: what is due for it is so at the end of the
   * batch.
   */
  @inline
  noteArrived(length: u32, pushed: bool): void {
    if (pushed) this.pushed = true;
    if (length > this.receiveMss) this.receiveMss = min(length, this.mss);
    this.unackedBytes += length;
    this.arrived = true;
  }

  /** The end of a copy: what came in while it slept is processed. */
  @inline
  letGo(): void {
    SleepLock.release(this);
    if (this.work & WORK_INPUT) channelDrain(this);
  }

  /** Bytes that can be read. */
  readable(): u32 {
    return this.urgentState == URGENT_NONE ? this.queuedBytes : urgentReadable(this);
  }

  /** Whether a third of the send buffer is free, as Linux's sk_stream_is_writeable. */
  @inline
  writable(): bool {
    return bufferSpace(this) >= this.bufferUsed >> 1 && bufferSpace(this) > 0;
  }

  /**
   * POLL* that are ready now, as Linux's tcp_poll. A caller that does not find POLLOUT will be told
   * of it.
   */
  poll(): u32 {
    const state = this.state;
    let mask: u32 = 0;
    if (this.error != 0) mask |= POLLERR;
    if (state == State.SYN_SENT || state == State.SYN_RECEIVED) return mask;
    if (this.queuedBytes > 0) mask |= POLLIN | POLLRDNORM;
    const noMore = this.finReceived || this.receiveShutdown;
    if (noMore) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (state == State.CLOSED || (noMore && this.finQueued)) mask |= POLLHUP;
    if (state == State.CLOSED || this.finQueued || this.writable()) {
      mask |= POLLOUT | POLLWRNORM;
    } else {
      this.writeBlocked = true;
    }
    return this.urgentState == URGENT_NONE ? mask : urgentPoll(this, mask);
  }

  /** shutdown(SHUT_WR): a FIN follows what is buffered. */
  shutdownSend(): void {
    shutdownSending(this);
  }

  /** shutdown(SHUT_RD): reading gives the end of the stream once the queue is empty. */
  shutdownReceive(): void {
    this.receiveShutdown = true;
    this.notify(POLLIN | POLLRDNORM | POLLRDHUP);
  }

  /**
   * The application is done with the object: an orderly close, or a reset when it left data unread
   * (RFC 2525 2.17).
   */
  close(): void {
    closeConnection(this);
  }

  /** As `close`, by a reset, dropping all that is buffered (SO_LINGER with time 0). */
  abort(): void {
    abortConnection(this);
  }

  /**
   * Whether all that was sent, the FIN included, has been acknowledged: what SO_LINGER waits for.
   */
  drained(): bool {
    return (
      this.dead || this.sndUna == this.bufferSequence + this.bufferUsed + (this.finQueued ? 1 : 0)
    );
  }

  /** TCP_NODELAY and TCP_CORK: what they held back goes out when they change. */
  setNoDelay(value: bool): void {
    this.noDelay = value;
    if (value) this.push();
  }

  /** Sends what is held back, a cork's as well (tcp(7), TCP_NODELAY: "an explicit flush"). */
  private push(): void {
    const cork = this.cork;
    this.cork = false;
    output(this);
    this.cork = cork;
  }

  setCork(value: bool): void {
    this.cork = value;
    if (!value) output(this);
  }

  /** SO_KEEPALIVE. */
  setKeepalive(value: bool): void {
    this.keepalive = value;
    keepaliveRestart(this);
  }

  /**
   * SO_SNDBUF and SO_RCVBUF, in bytes of data (the doubling that Linux does is the socket layer's).
   */
  setSendLimit(bytes: u32): void {
    this.sendLimit = max(BUFFER_LIMIT_MIN, min(bytes, SEND_LIMIT_MAX));
    this.sendLimitFixed = true;
  }

  setReceiveLimit(bytes: u32): void {
    this.receiveLimit = max(BUFFER_LIMIT_MIN, min(bytes, RECEIVE_LIMIT_MAX));
    this.receiveLimitFixed = true;
  }

  /** Takes over the options of a listening socket's template. */
  inheritOptions(from: Connection): void {
    this.noDelay = from.noDelay;
    this.cork = from.cork;
    this.keepalive = from.keepalive;
    this.keepaliveIdle = from.keepaliveIdle;
    this.keepaliveInterval = from.keepaliveInterval;
    this.keepaliveCount = from.keepaliveCount;
    this.userTimeout = from.userTimeout;
    this.mssLimit = from.mssLimit;
    this.urgentInline = from.urgentInline;
    this.synRetries = from.synRetries;
    this.sendLimit = from.sendLimit;
    this.sendLimitFixed = from.sendLimitFixed;
    this.receiveLimit = from.receiveLimit;
    this.receiveLimitFixed = from.receiveLimitFixed;
  }
}
