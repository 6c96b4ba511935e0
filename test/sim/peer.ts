/**
 * An application at one end of a connection. It writes a stream whose bytes follow from its number
 * and position, reads and checks the other end's, and acts only when it is told that something has
 * changed, so that a wakeup that is missing is a hang.
 */
import type { EventQueue } from "./events.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";

const EAGAIN = 11;
const POLLOUT = 4;
const MSG_PEEK = 2;
const ESTABLISHED = 1;
const SYN_SENT = 2;
const SYN_RECEIVED = 3;
const CLOSED = 7;

export class SimFailure extends Error {}

/** Byte `position` of stream `id`. */
function streamByte(id: number, position: number): number {
  return (position ^ ((position >>> 8) * 17) ^ ((position >>> 16) * 101) ^ (id * 37)) & 255;
}

export interface PeerOptions {
  /** Bytes to send in all, and how many of them may be sent when so many have been received. */
  total: number;
  allowance?: (received: number, ended: boolean) => number;
  /** Largest write and read. */
  writeMax: number;
  readMax: number;
  /**
   * Nothing is read before this time after the start, and between reads there is a pause of up to
   * so many nanoseconds.
   */
  readFrom?: number;
  readPause?: number;
  /** Resets the connection when so many bytes have been received. */
  abortAt?: number;
  /** Closes without reading to the end when all is sent. */
  closeEarly?: boolean;
  /** MSG_MORE by chance, so that partial segments are held back. */
  corks?: boolean;
}

export class Peer {
  sent = 0;
  received = 0;
  ended = false;
  finished = false;
  error = 0;
  aborted = false;
  wasConnected = false;
  private shut = false;
  private stepQueued = false;
  /** A copy of this application's sleeps: the connection is locked. */
  private held = false;
  private readonly faults: number;
  private readonly started: number;

  readonly host: Host;
  readonly connection: number;
  readonly writes: number;
  readonly reads: number;
  readonly options: PeerOptions;
  private readonly events: EventQueue;
  private readonly random: Random;

  constructor(
    host: Host,
    connection: number,
    /** The stream it writes, and the one it reads. */
    writes: number,
    reads: number,
    options: PeerOptions,
    events: EventQueue,
    random: Random,
  ) {
    this.host = host;
    this.connection = connection;
    this.writes = writes;
    this.reads = reads;
    this.options = options;
    this.events = events;
    this.random = random;
    this.started = events.now;
    this.faults = random.chance(0.3) ? random.scale(0.01, 0.5) : 0;
    if (options.readFrom) events.after(options.readFrom, () => this.step());
    this.wake(0);
  }

  /** Looks at whether the connection has signalled something. */
  look(): void {
    if (this.finished) return;
    if (this.host.exports.simSignalled(this.connection) !== 0) {
      this.wake(this.random.between(0, 20_000));
    }
  }

  private wake(delay: number): void {
    if (this.stepQueued) return;
    this.stepQueued = true;
    this.events.after(delay, () => {
      this.stepQueued = false;
      this.step();
    });
  }

  private finish(error: number): void {
    this.error = error;
    this.finished = true;
    this.host.run((exports) => exports.simClose(this.connection));
  }

  /** The connection is held for a while, as by a copy that sleeps on a page fault. */
  private hold(): void {
    this.held = true;
    this.host.run((exports) => exports.simHold(this.connection));
    this.events.after(this.random.magnitude(1000, 50_000_000), () => {
      this.held = false;
      this.host.run((exports) => exports.simLetGo(this.connection));
      this.wake(0);
    });
  }

  private step(): void {
    if (this.finished || this.held) return;
    const state = this.host.exports.simState(this.connection);
    if (state === SYN_SENT || state === SYN_RECEIVED) return;
    if (!this.wasConnected) {
      const error = this.host.exports.simTakeError(this.connection);
      if (error !== 0 || state === CLOSED) {
        this.finish(error);
        return;
      }
      this.wasConnected = state === ESTABLISHED || state !== CLOSED;
    }
    if (this.random.chance(this.faults)) {
      this.hold();
      return;
    }
    this.readSome();
    if (!this.finished) this.writeSome();
    if (this.finished) return;
    if (this.sent === this.options.total && !this.shut) {
      this.shut = true;
      if (this.options.closeEarly) {
        this.finish(0);
        return;
      }
      this.host.run((exports) => exports.simShutdown(this.connection));
    }
    if (this.shut && this.ended) this.finish(0);
  }

  private readSome(): void {
    const { options } = this;
    if (options.readFrom && this.events.now < this.started + options.readFrom) return;
    while (!this.ended && !this.finished) {
      const wanted = this.random.between(1, options.readMax);
      const peeked = this.random.chance(0.05) ? this.readOnce(wanted, MSG_PEEK) : 0;
      // A pending error is reported once, to whoever asks first.
      const n = peeked < 0 ? peeked : this.readOnce(wanted, 0);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.finish(n);
        return;
      }
      if (n === 0) {
        this.ended = true;
        return;
      }
      this.received += n;
      if (options.abortAt !== undefined && this.received >= options.abortAt) {
        this.aborted = true;
        this.finished = true;
        this.host.run((exports) => exports.simAbort(this.connection));
        return;
      }
      if (options.readPause) {
        this.wake(this.random.between(0, options.readPause));
        return;
      }
    }
  }

  private readOnce(wanted: number, flags: number): number {
    return this.host.run((exports) => {
      const n = exports.simReceive(this.connection, wanted, flags);
      const bytes = this.host.bytes(Math.max(n, 0));
      for (let i = 0; i < n; i++) {
        const position = this.received + i;
        if (bytes[i] !== streamByte(this.reads, position)) {
          throw new SimFailure(
            `${this.host.name}: byte ${position} of stream ${this.reads} is wrong`,
          );
        }
      }
      return n;
    });
  }

  private writeSome(): void {
    const { options } = this;
    for (;;) {
      const allowed = options.allowance?.(this.received, this.ended) ?? options.total;
      const left = allowed - this.sent;
      if (left <= 0) return;
      const wanted = Math.min(left, this.random.between(1, options.writeMax));
      const more = options.corks === true && wanted < left && this.random.chance(0.3);
      const n = this.host.run((exports) => {
        const bytes = this.host.bytes(wanted);
        for (let i = 0; i < wanted; i++) bytes[i] = streamByte(this.writes, this.sent + i);
        return exports.simSend(this.connection, wanted, more ? 1 : 0);
      });
      if (n === -EAGAIN) {
        if (this.host.exports.simPoll(this.connection) & POLLOUT) this.wake(1000);
        return;
      }
      if (n < 0) {
        this.finish(n);
        return;
      }
      this.sent += n;
    }
  }
}
