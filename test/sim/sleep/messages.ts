/**
 * Datagrams, UDP's over the loopback and unix(7) ones, and descriptors that travel with messages:
 * several threads send, by one socket or by their own, to one that several receive at; signals
 * interrupt them.
 *
 * What must hold: each message comes out once and whole; each descriptor that was sent is got once,
 * and a look at one (MSG_PEEK) gets its own; nobody sleeps while there is something to do; nothing
 * is left open.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import {
  type Address,
  AF_INET,
  AF_UNIX,
  ECONNREFUSED,
  fault,
  LOST,
  MSG_NOSIGNAL,
  MSG_PEEK,
  SHUT_RD,
  SHUT_WR,
  SOCK_DGRAM,
  SocketWorld,
} from "./socket-world.ts";
import { scenario, signed } from "./worlds.ts";

const SENDER_SHIFT = 24;
/** Tells a receiver to end. */
const STOP = 0xffff_ffff;

interface Shape {
  readonly family: "udp" | "unix";
  /** Words of each message of each sender. */
  readonly senders: readonly (readonly number[])[];
  readonly receivers: number;
  /** All senders have one socket. */
  readonly isShared?: boolean;
  /** How often each sender gets a signal. */
  readonly signals?: number;
}

class DatagramWorld extends SocketWorld {
  private readonly shape: Shape;
  private readonly address: Address;
  private readonly target: number;
  private readonly sources: readonly number[];
  private seen: number[] = [];
  private sendersLeft = 0;

  constructor(machine: SleepMachine, shape: Shape) {
    const { senders, receivers, isShared = false, signals = 0 } = shape;
    super(machine, senders.length + receivers + (signals > 0 ? 1 : 0));
    this.shape = shape;
    const family = shape.family === "udp" ? AF_INET : AF_UNIX;
    this.address = shape.family === "udp" ? this.inet(7000) : this.abstractName("a");
    this.target = this.made("simSocket", family, SOCK_DGRAM);
    this.made("simBind", this.target, this.address.at, this.address.length);
    this.sources = Array.from({ length: isShared ? 1 : senders.length }, () => {
      const fd = this.made("simSocket", family, SOCK_DGRAM);
      // The least there is: a few messages.
      this.limitBuffers(fd, 1);
      return fd;
    });
  }

  programs(): Program[] {
    const { senders, receivers, signals = 0 } = this.shape;
    this.seen = [];
    this.sendersLeft = senders.length;
    const programs = [
      ...senders.map((messages, index) => this.send(index, messages)),
      ...Array.from({ length: receivers }, (_, index) => this.receive(senders.length + index)),
    ];
    if (signals > 0) programs.push(this.disturb(signals));
    return programs;
  }

  private *disturb(times: number): Program {
    const senders = this.shape.senders.length;
    for (let thread = 0; thread < senders; thread++) yield* this.interrupt(thread, times);
  }

  private *sendMessage(thread: number, words: number): Program {
    const fd = this.sources[thread] ?? this.sources[0] ?? -1;
    const { at, length } = this.address;
    const buffer = this.bufferOf(thread);
    const bytes = words * 4;
    const result = yield* this.restarted("simSendTo", fd, buffer, bytes, 0, at, length);
    this.expect(result === bytes, `a message of ${bytes} bytes: ${result} were sent`);
  }

  private *send(index: number, messages: readonly number[]): Program {
    const buffer = this.bufferOf(index);
    for (const [number, words] of messages.entries()) {
      for (let word = 0; word < words; word++) {
        this.poke(buffer + word * 4, (index << SENDER_SHIFT) | (words << 8) | number);
      }
      yield* this.sendMessage(index, words);
    }
    if (--this.sendersLeft > 0) return;
    this.poke(buffer, STOP);
    for (let count = 0; count < this.shape.receivers; count++) yield* this.sendMessage(index, 1);
  }

  private *receive(index: number): Program {
    const buffer = this.bufferOf(index);
    const last = new Map<number, number>();
    for (;;) {
      const result = yield* signed("simReceive", this.target, buffer, 8192, 0);
      this.expect(result >= 4, `a receive returns ${result}`);
      const word = this.peek(buffer);
      if (word === STOP) return;
      const words = (word >>> 8) & 0xffff;
      this.expect(result === words * 4, `of ${words} words ${result} bytes came`);
      for (let at = 4; at < result; at += 4) {
        this.expect(this.peek(buffer + at) === word, "a message is not whole");
      }
      const sender = word >>> SENDER_SHIFT;
      this.expect((word & 255) > (last.get(sender) ?? -1), "a sender's messages are out of order");
      last.set(sender, word & 255);
      this.seen.push(word);
    }
  }

  override check(): void {
    const { seen, shape } = this;
    this.expect(new Set(seen).size === seen.length, "a message was received twice");
    const sent = shape.senders.flat().length;
    this.expect(seen.length === sent, `${sent - seen.length} messages were lost`);
    this.closeAll([this.target, ...this.sources]);
  }
}

/** Threads sleep in a receive; the socket is shut down, or its descriptor closed. */
class SilenceWorld extends SocketWorld {
  private readonly fd: number;

  constructor(machine: SleepMachine, family: "udp" | "unix") {
    super(machine, 3);
    this.fd = this.made("simSocket", family === "udp" ? AF_INET : AF_UNIX, SOCK_DGRAM);
  }

  programs(): Program[] {
    return [this.receive(0), this.receive(1), this.silence()];
  }

  private *receive(thread: number): Program {
    const result = yield* signed("simReceive", this.fd, this.bufferOf(thread), 64, 0);
    this.expect(result === 0, `a receive returns ${result}`);
  }

  private *silence(): Program {
    yield { givesWay: true };
    yield call("simShutdown", this.fd, SHUT_RD);
  }

  override check(): void {
    this.closeAll([this.fd]);
  }
}

/** The receiver goes while threads send to its address. */
class GoneWorld extends SocketWorld {
  private readonly address: Address;
  private readonly target: number;
  private readonly source: number;

  constructor(machine: SleepMachine) {
    super(machine, 3);
    this.address = this.abstractName("a");
    this.target = this.made("simSocket", AF_UNIX, SOCK_DGRAM);
    this.made("simBind", this.target, this.address.at, this.address.length);
    this.source = this.made("simSocket", AF_UNIX, SOCK_DGRAM);
    this.limitBuffers(this.source, 1);
  }

  programs(): Program[] {
    return [this.send(0), this.send(1), this.close()];
  }

  private *send(thread: number): Program {
    const { at, length } = this.address;
    for (;;) {
      const buffer = this.bufferOf(thread);
      const result = yield* signed("simSendTo", this.source, buffer, 2000, 0, at, length);
      if (result === -ECONNREFUSED) return;
      this.expect(result === 2000, `a message of 2000 bytes: ${result} were sent`);
    }
  }

  private *close(): Program {
    yield { givesWay: true };
    yield call("simClose", this.target);
  }

  override check(): void {
    this.closeAll([this.source]);
  }
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** struct msghdr, with its one iovec, one byte of data, and control data behind. */
const IOVEC = 64;
const DATA = 96;
const CONTROL = 128;
const CONTROL_ROOM = 64;
const CMSG_HEADER = 16;
const PARCELS = 3;

/** Eventfds that travel from two threads to two, while a third looks at them. */
class RightsWorld extends SocketWorld {
  private readonly ends: { a: number; b: number };
  private sendersLeft = 0;
  private got: number[] = [];

  constructor(machine: SleepMachine) {
    super(machine, 5);
    this.ends = this.connection("unix", 4096);
  }

  programs(): Program[] {
    this.sendersLeft = 2;
    this.got = [];
    return [this.send(0), this.send(1), this.receive(2), this.receive(3), this.look(4)];
  }

  private header(at: number, controlLength: number): void {
    for (let word = 0; word < IOVEC; word += 4) this.poke(at + word, 0);
    this.poke(at + 16, at + IOVEC);
    this.poke(at + 24, 1);
    this.poke(at + 32, at + CONTROL);
    this.poke(at + 40, controlLength);
    this.poke(at + IOVEC, at + DATA);
    this.poke(at + IOVEC + 4, 0);
    this.poke(at + IOVEC + 8, 1);
    this.poke(at + IOVEC + 12, 0);
  }

  private *send(thread: number): Program {
    const at = this.bufferOf(thread);
    for (let count = 0; count < PARCELS; count++) {
      const fd = yield* signed("simEventfd", thread * PARCELS + count + 1, 0);
      this.header(at, CMSG_HEADER + 8);
      this.poke(at + CONTROL, CMSG_HEADER + 4);
      this.poke(at + CONTROL + 4, 0);
      this.poke(at + CONTROL + 8, SOL_SOCKET);
      this.poke(at + CONTROL + 12, SCM_RIGHTS);
      this.poke(at + CONTROL + CMSG_HEADER, fd);
      const result = yield* signed("simSendMessage", this.ends.a, at, MSG_NOSIGNAL);
      this.expect(result === 1, `the sending of a descriptor returns ${result}`);
      yield call("simClose", fd);
    }
    if (--this.sendersLeft === 0) yield call("simShutdown", this.ends.a, SHUT_WR);
  }

  /** Receives a descriptor, and takes the count that is in its eventfd; 0: the end. */
  private *take(thread: number, flags: number): Generator<ReturnType<typeof call>, number, number> {
    const at = this.bufferOf(thread);
    this.header(at, CONTROL_ROOM);
    const result = yield* signed("simReceiveMessage", this.ends.b, at, flags);
    if (result === 0) return 0;
    this.expect(result === 1, `the receiving of a descriptor returns ${result}`);
    this.expect(this.peek(at + CONTROL) === CMSG_HEADER + 4, "a byte came without its descriptor");
    const fd = this.peek(at + CONTROL + CMSG_HEADER);
    if (flags === 0) {
      const read = yield* signed("simRead", fd, at + CONTROL, 8);
      this.expect(read === 8, `what was received reads ${read}`);
    }
    yield call("simClose", fd);
    return flags === 0 ? this.peek(at + CONTROL) : 1;
  }

  private *receive(thread: number): Program {
    for (;;) {
      const count = yield* this.take(thread, 0);
      if (count === 0) return;
      this.got.push(count);
    }
  }

  private *look(thread: number): Program {
    for (let looks = 0; looks < PARCELS; looks++) {
      if ((yield* this.take(thread, MSG_PEEK)) === 0) return;
    }
  }

  override check(): void {
    const { got } = this;
    this.expect(new Set(got).size === got.length, "a descriptor was received twice");
    this.expect(got.length === 2 * PARCELS, `${2 * PARCELS - got.length} descriptors were lost`);
    this.closeAll([this.ends.a, this.ends.b]);
  }
}

function datagrams(name: string, shape: Shape): Scenario {
  return scenario(name, (machine) => new DatagramWorld(machine, shape));
}

export const MESSAGE_SCENARIOS: readonly Scenario[] = [
  datagrams("udp-datagrams", {
    family: "udp",
    senders: [
      [300, 2, 1500],
      [3, 40],
    ],
    receivers: 2,
  }),
  datagrams("unix-datagrams", {
    family: "unix",
    senders: [
      [500, 2, 900, 600],
      [300, 700, 800],
    ],
    receivers: 2,
  }),
  datagrams("unix-one-source", {
    family: "unix",
    senders: [
      [900, 900, 900, 900],
      [900, 900, 900],
    ],
    receivers: 1,
    isShared: true,
    signals: 2,
  }),
  scenario("udp-silence", (machine) => new SilenceWorld(machine, "udp")),
  scenario("unix-silence", (machine) => new SilenceWorld(machine, "unix")),
  scenario("unix-gone", (machine) => new GoneWorld(machine)),
  scenario("unix-rights", (machine) => new RightsWorld(machine)),
];

const UNIX = "net/socket/unix-socket.ts";
const UDP = "net/socket/udp-socket.ts";
const QUEUE = "net/socket/unix-queue.ts";

export const MESSAGE_FAULTS: readonly SourceFault[] = [
  fault(UNIX, "one who gives up forgets the others", "unix-one-source", LOST, {
    from: "this.awaitingRoom--;",
    to: "this.awaitingRoom = 0;",
  }),
  fault(UNIX, "room for messages wakes one of several", "unix-datagrams", LOST, {
    from: "if (socket.peer == this || socket.awaitingRoom != 0) socket.changed(POLLOUT | POLLWRNORM);",
    to: "if (socket.awaitingRoom != 0) { socket.changed(POLLOUT | POLLWRNORM); break; }",
  }),
  fault(UNIX, "who sends does not hold the receiver", "unix-gone", /./, {
    from: "fileGet(target);",
    to: "",
    within: "fileGet(target);\n    const gathered",
  }),
  fault(UDP, "a datagram wakes nobody", "udp-datagrams", LOST, {
    from: "this.socket.changed(POLLIN | POLLRDNORM | error);",
    to: "",
  }),
  fault(UDP, "a socket that is shut down wakes nobody", "udp-silence", LOST, {
    from: "this.changed(POLLIN | POLLRDHUP | POLLHUP);",
    to: "",
  }),
  fault(QUEUE, "a look takes the descriptors themselves", "unix-rights", /./, {
    from: "isPeek ? rightsCopy(rights) : rights",
    to: "rights",
    isExpression: true,
  }),
  fault("net/socket/message.ts", "descriptors on their way are not held", "unix-rights", /./, {
    from: "fileGet(file);",
    to: "",
  }),
];
