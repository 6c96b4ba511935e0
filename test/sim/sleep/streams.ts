/**
 * Bytes over connections, TCP's over the loopback and unix(7) streams: some threads send numbered
 * words, some receive, some only look (MSG_PEEK); buffers are small, so both sides sleep; signals
 * interrupt them; an end is shut down or closed while others wait at it.
 *
 * What must hold: each word comes out once, those of one sender in order; with MSG_WAITALL a
 * receive is short at the stream's end only; a look sees what has not been taken; nobody sleeps
 * while there is something to do.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import {
  ECONNRESET,
  type Ends,
  type Family,
  fault,
  LOST,
  MSG_NOSIGNAL,
  MSG_PEEK,
  MSG_WAITALL,
  SHUT_RDWR,
  SHUT_WR,
  SocketWorld,
} from "./socket-world.ts";
import { EPIPE, scenario, signed } from "./worlds.ts";

const SENDER_SHIFT = 24;
/** What a buffer of a connection has room for. */
const ROOM = 2048;
const LOOKS = 6;

interface Shape {
  readonly family: Family;
  /** Words of each send of each sender. */
  readonly senders: readonly (readonly number[])[];
  /** Bytes that each receiver asks for, until the end of the stream. */
  readonly receivers: readonly number[];
  readonly flags?: number;
  /** What the sending end has room for, if more than the receiving one. */
  readonly sendRoom?: number;
  readonly lookers?: number;
  /** How often each sender and receiver gets a signal. */
  readonly signals?: number;
}

class StreamWorld extends SocketWorld {
  private readonly shape: Shape;
  private readonly ends: Ends;
  private readonly words: number;
  private sendersLeft = 0;
  private seen: number[] = [];

  constructor(machine: SleepMachine, shape: Shape) {
    const { senders, receivers, lookers = 0, signals = 0 } = shape;
    super(machine, senders.length + receivers.length + lookers + (signals > 0 ? 1 : 0));
    this.shape = shape;
    this.ends = this.connection(shape.family, ROOM);
    if (shape.sendRoom !== undefined) this.limitBuffers(this.ends.a, shape.sendRoom);
    this.words = senders.flat().reduce((sum, words) => sum + words, 0);
  }

  programs(): Program[] {
    const { senders, receivers, lookers = 0, signals = 0 } = this.shape;
    this.sendersLeft = senders.length;
    this.seen = [];
    const first = senders.length + receivers.length;
    const programs = [
      ...senders.map((sends, index) => this.send(index, sends)),
      ...receivers.map((bytes, index) => this.receive(senders.length + index, bytes)),
      ...Array.from({ length: lookers }, (_, index) => this.look(first + index)),
    ];
    if (signals > 0) programs.push(this.disturb(first, signals));
    return programs;
  }

  private *disturb(threads: number, times: number): Program {
    for (let thread = 0; thread < threads; thread++) yield* this.interrupt(thread, times);
  }

  private *send(index: number, sends: readonly number[]): Program {
    const buffer = this.bufferOf(index);
    let number = 0;
    for (const words of sends) {
      for (let word = 0; word < words; word++) {
        this.poke(buffer + word * 4, (index << SENDER_SHIFT) | number++);
      }
      for (let done = 0; done < words * 4; ) {
        const rest = words * 4 - done;
        const result = yield* this.restarted("simSend", this.ends.a, buffer + done, rest, 0);
        this.expect(result > 0, `a send returns ${result}`);
        done += result;
      }
    }
    if (--this.sendersLeft === 0) yield call("simShutdown", this.ends.a, SHUT_WR);
  }

  private *receive(index: number, bytes: number): Program {
    const buffer = this.bufferOf(index);
    const { flags = 0, signals = 0 } = this.shape;
    const last = new Map<number, number>();
    for (;;) {
      const result = yield* this.restarted("simReceive", this.ends.b, buffer, bytes, flags);
      this.expect(result >= 0 && result % 4 === 0, `a receive returns ${result}`);
      for (let at = 0; at < result; at += 4) {
        const word = this.peek(buffer + at);
        const sender = word >>> SENDER_SHIFT;
        this.expect(word > (last.get(sender) ?? -1), "a sender's words are out of order");
        last.set(sender, word);
        this.seen.push(word);
      }
      if (result === 0) return;
      // A signal ends the wait for all with what there is; so does the end of the stream.
      const isShort = (flags & MSG_WAITALL) !== 0 && signals === 0 && result < bytes;
      this.expect(!isShort || this.sendersLeft === 0, `only ${result} bytes of ${bytes} came`);
    }
  }

  /** Looks ahead, at the words of one sender. */
  private *look(index: number): Program {
    const buffer = this.bufferOf(index);
    for (let looks = 0; looks < LOOKS; looks++) {
      const taken = this.seen.length;
      const result = yield* signed("simReceive", this.ends.b, buffer, 256, MSG_PEEK);
      this.expect(result >= 0 && result % 4 === 0, `a look returns ${result}`);
      if (result === 0) return;
      const first = this.peek(buffer);
      this.expect(first >= taken, "a look shows what has been taken");
      for (let at = 4; at < result; at += 4) {
        this.expect(this.peek(buffer + at) === first + at / 4, "a look shows no stream");
      }
      yield { givesWay: true };
    }
  }

  override check(): void {
    const { seen } = this;
    this.expect(new Set(seen).size === seen.length, "a word was received twice");
    this.expect(seen.length === this.words, `${this.words - seen.length} words were lost`);
    this.closeAll([this.ends.a, this.ends.b]);
  }
}

/** What ends the connection, while one thread receives and another sends at its end `a`. */
type Ending = "shutdown" | "peer-closes" | "peer-shuts-down";

/** Words that fill both buffers. */
const FILLING = 1900;

/** An end is shut down or closed while threads sleep in a receive and in a send. */
class EndingWorld extends SocketWorld {
  private readonly ends: Ends;
  private readonly ending: Ending;

  constructor(machine: SleepMachine, family: Family, ending: Ending) {
    super(machine, 4);
    this.ending = ending;
    this.ends = this.connection(family, ROOM);
  }

  programs(): Program[] {
    return [this.receive(0), this.receive(1), this.send(2), this.end(3)];
  }

  private *receive(thread: number): Program {
    const result = yield* signed("simReceive", this.ends.a, this.bufferOf(thread), 64, 0);
    this.expect(result === 0 || result === -ECONNRESET, `a receive returns ${result}`);
  }

  private *send(thread: number): Program {
    for (;;) {
      const buffer = this.bufferOf(thread);
      const result = yield* signed("simSend", this.ends.a, buffer, FILLING * 4, MSG_NOSIGNAL);
      if (result === -EPIPE || result === -ECONNRESET) return;
      this.expect(result > 0, `a send returns ${result}`);
    }
  }

  private *end(thread: number): Program {
    const { a, b } = this.ends;
    yield { givesWay: true };
    if (this.ending === "peer-closes") {
      yield call("simClose", b);
      return;
    }
    yield call("simShutdown", this.ending === "shutdown" ? a : b, SHUT_RDWR);
    if (this.ending === "shutdown") return;
    // Its own side does not hear any more; what comes is answered by an error at the other.
    const result = yield* signed("simReceive", b, this.bufferOf(thread), 64, 0);
    this.expect(result >= 0, `behind a shutdown, a receive returns ${result}`);
    yield call("simClose", b);
  }

  override check(): void {
    const left = this.ending === "shutdown" ? [this.ends.a, this.ends.b] : [this.ends.a];
    this.closeAll(left);
  }
}

/**
 * A thread sends while another shuts the connection down; the peer receives what a send said it has
 * taken, and no more.
 */
class CutWorld extends SocketWorld {
  private readonly ends: Ends;
  private sent = 0;
  private received = 0;

  constructor(machine: SleepMachine, family: Family) {
    super(machine, 3);
    this.ends = this.connection(family, ROOM);
  }

  programs(): Program[] {
    this.sent = 0;
    this.received = 0;
    return [this.send(0), this.cut(), this.receive(2)];
  }

  private *send(thread: number): Program {
    for (;;) {
      const buffer = this.bufferOf(thread);
      const result = yield* signed("simSend", this.ends.a, buffer, 600, MSG_NOSIGNAL);
      if (result === -EPIPE) return;
      this.expect(result > 0, `a send returns ${result}`);
      this.sent += result;
    }
  }

  private *cut(): Program {
    yield { givesWay: true };
    yield call("simShutdown", this.ends.a, SHUT_WR);
  }

  private *receive(thread: number): Program {
    for (;;) {
      const result = yield* signed("simReceive", this.ends.b, this.bufferOf(thread), 1024, 0);
      this.expect(result >= 0, `a receive returns ${result}`);
      if (result === 0) return;
      this.received += result;
    }
  }

  override check(): void {
    this.expect(
      this.received === this.sent,
      `${this.sent} bytes were taken, ${this.received} came`,
    );
    this.closeAll([this.ends.a, this.ends.b]);
  }
}

const TURNS = 5;

/** Two threads that answer each other: each waits for what the other sends. */
class TurnsWorld extends SocketWorld {
  private readonly ends: Ends;

  constructor(machine: SleepMachine, family: Family) {
    super(machine, 2);
    this.ends = this.connection(family, ROOM);
  }

  programs(): Program[] {
    return [this.ask(0), this.answer(1)];
  }

  private *ask(thread: number): Program {
    for (let turn = 0; turn < TURNS; turn++) {
      yield* this.sendWord(thread, this.ends.a, turn);
      yield* this.hear(thread, this.ends.a, turn);
    }
  }

  private *answer(thread: number): Program {
    for (let turn = 0; turn < TURNS; turn++) {
      yield* this.hear(thread, this.ends.b, turn);
      yield* this.sendWord(thread, this.ends.b, turn);
    }
  }

  private *hear(thread: number, fd: number, word: number): Program {
    const buffer = this.bufferOf(thread);
    const result = yield* signed("simReceive", fd, buffer, 64, 0);
    this.expect(result === 4 && this.peek(buffer) === word, `a receive returns ${result}`);
  }
}

function stream(name: string, shape: Shape): Scenario {
  return scenario(name, (machine) => new StreamWorld(machine, shape));
}

const FAMILIES: readonly Family[] = ["tcp", "unix"];
const ENDINGS: readonly Ending[] = ["shutdown", "peer-closes", "peer-shuts-down"];

export const STREAM_SCENARIOS: readonly Scenario[] = [
  ...FAMILIES.flatMap((family) => [
    stream(`${family}-stream`, {
      family,
      senders: [
        [300, 3, 1500],
        [900, 40],
      ],
      receivers: [400, 4096],
    }),
    stream(`${family}-signals`, {
      family,
      senders: [[1500, 100]],
      receivers: [600, 600],
      signals: 2,
    }),
    stream(`${family}-waitall`, {
      family,
      senders: [[500, 100, 1, 2, 1400, 30, 15]],
      receivers: [6000],
      flags: MSG_WAITALL,
    }),
    stream(`${family}-peek`, { family, senders: [[100, 300, 1]], receivers: [120], lookers: 2 }),
    stream(`${family}-two-senders`, {
      family,
      senders: [
        [2000, 2000],
        [30, 30, 30, 30, 30, 30, 30, 30],
      ],
      receivers: [1024],
      sendRoom: 4 * ROOM,
    }),
    scenario(`${family}-turns`, (machine) => new TurnsWorld(machine, family)),
    scenario(`${family}-cut`, (machine) => new CutWorld(machine, family)),
    ...ENDINGS.map((ending) =>
      scenario(`${family}-${ending}`, (machine) => new EndingWorld(machine, family, ending)),
    ),
  ]),
];

const TCP = "net/socket/tcp-socket.ts";
const CONNECTION = "net/tcp/connection.ts";
const UNIX = "net/socket/unix-socket.ts";
const STATE = "net/socket/unix-state.ts";

export const STREAM_FAULTS: readonly SourceFault[] = [
  fault(TCP, "what comes between a look and the wait wakes no receiver", "tcp-waitall", LOST, {
    from: "this.waitReadable(deadline, ticket)",
    to: "this.waitReadable(deadline)",
    within: "netLeave();\n        error = this.waitReadable(deadline, ticket);",
    isExpression: true,
  }),
  fault(CONNECTION, "a send that succeeds forgets who waits for room", "tcp-two-senders", LOST, {
    from: "if (io.remaining > 0) this.writeBlocked = true;",
    to: "this.writeBlocked = io.remaining > 0;",
  }),
  fault("net/tcp/acknowledge.ts", "room for a sender wakes nobody", "tcp-stream", LOST, {
    from: "c.notify(POLLOUT | POLLWRNORM);",
    to: "",
  }),
  fault("net/tcp/connection-channel.ts", "data that comes wakes nobody", "tcp-turns", LOST, {
    from: "c.notify(POLLIN | POLLRDNORM);",
    to: "",
  }),
  fault("net/tcp/close.ts", "the end of a connection wakes nobody", "tcp-peer-closes", LOST, {
    from: "c.notify(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP | failed);",
    to: "",
  }),
  fault(CONNECTION, "a receiver hears nothing of its own shutdown", "tcp-shutdown", LOST, {
    from: "this.notify(POLLIN | POLLRDNORM | POLLRDHUP);",
    to: "",
  }),
  fault(TCP, "a shutdown does not wait for the copy of a send", "tcp-cut", /bytes were taken/, {
    from: "this.idleConnection()",
    to: "this.connection",
    within: "const c = this.idleConnection();\n    if (!this.isConnected()",
    isExpression: true,
  }),
  fault(TCP, "a receiver does not wait for its turn", "tcp-stream", /the lock is free/, {
    from: "this.idleConnection()",
    to: "this.connection",
    within: "const n = this.idleConnection().receiveFlagged(io, passed);",
    isExpression: true,
  }),
  fault(CONNECTION, "what came during a copy stays in the channel", "tcp-stream", /./, {
    from: "if (this.work & WORK_INPUT) channelDrain(this);",
    to: "",
  }),
  fault("sched/sleep-lock.ts", "a lock that is released wakes nobody", "tcp-stream", LOST, {
    from: "if (waiters) waiters.wakeAll();",
    to: "",
  }),
  fault(CONNECTION, "a look copies without the lock", "tcp-peek", /./, {
    from: "SleepLock.acquire(this);",
    to: "",
    within: "SleepLock.acquire(this);\n      n = queueReadUpTo(this, io, limit, peek);",
  }),
  fault(UNIX, "bytes go to who has heard of the end", "unix-cut", /bytes were taken/, {
    from: "this.sendShut || target.receiveShut || (!isDatagram && this.peer != target)",
    to: "false",
    isExpression: true,
  }),
  fault(UNIX, "room in a stream wakes no sender", "unix-stream", LOST, {
    from: "if (this.hasBlockedSender && this.queue.isHalfEmpty()) this.wakeSenders();",
    to: "",
  }),
  fault(UNIX, "bytes of a unix socket wake nobody", "unix-turns", LOST, {
    from: "target.changed(POLLIN | POLLRDNORM);",
    to: "",
    within: "target.queue.arrive(packet);\n      target.changed(POLLIN | POLLRDNORM);",
  }),
  fault(STATE, "a shutdown does not wake the other end", "unix-stream", LOST, {
    from: "if (other) other.changed(mask);",
    to: "",
  }),
  fault(STATE, "a shutdown does not wake its own end", "unix-shutdown", LOST, {
    from: "socket.changed(mask);",
    to: "",
  }),
  fault(UNIX, "a peer that goes wakes nobody", "unix-peer-closes", LOST, {
    from: "this.changed(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP);",
    to: "",
  }),
  fault("net/socket/unix-queue.ts", "a packet is copied without a reference", "unix-peek", /./, {
    from: "packetGet(packet);",
    to: "",
    within: "const from = packet.data;\n    packetGet(packet);",
  }),
];
