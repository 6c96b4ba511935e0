/**
 * poll and select over files of every kind: pipes, eventfds, connections and datagrams. Threads
 * wait for any of them and take what comes; others write, or make room; a descriptor is replaced
 * while somebody waits for its file.
 *
 * What must hold: what is ready ends a wait; what was written is taken once; a wait looks at the
 * files that it began with.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import {
  AF_INET,
  fault,
  LOST,
  MSG_DONTWAIT,
  POLLIN,
  POLLOUT,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SocketWorld,
} from "./socket-world.ts";
import { EAGAIN, PAGE, scenario, signed } from "./worlds.ts";

const O_NONBLOCK = 0o4000;
const F_SETPIPE_SZ = 1031;
/** struct pollfd: the descriptor, what is wanted and, in the upper half, what is so. */
const POLLFD = 8;

/** Where something is written, and where it is read. */
interface Way {
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** A write of 8 bytes is one of the number 1, and so is what is read (eventfd). */
  readonly counts?: boolean;
}

abstract class WaysWorld extends SocketWorld {
  protected pipe(): Way {
    this.made("simPipe", this.shared, O_NONBLOCK);
    const way = { name: "pipe", to: this.peek(this.shared), from: this.peek(this.shared + 4) };
    this.made("simFcntl", way.from, F_SETPIPE_SZ, PAGE);
    return way;
  }

  protected eventfd(): Way {
    const fd = this.made("simEventfd", 0, O_NONBLOCK);
    return { name: "eventfd", from: fd, to: fd, counts: true };
  }

  protected stream(family: "tcp" | "unix"): Way {
    const { a, b } = this.connection(family, 2048);
    return { name: family, from: a, to: b };
  }

  protected datagram(): Way {
    const address = this.inet(7001);
    const to = this.made("simSocket", AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
    this.made("simBind", to, address.at, address.length);
    const from = this.made("simSocket", AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
    this.made("simConnect", from, address.at, address.length);
    return { name: "udp", from, to };
  }

  protected unixDatagram(): Way {
    this.made("simSocketpair", SOCK_DGRAM | SOCK_NONBLOCK, this.shared);
    return { name: "unix datagram", to: this.peek(this.shared), from: this.peek(this.shared + 4) };
  }

  /** Makes the entries of a poll at `at`. */
  protected setEntries(at: number, fds: readonly number[], events: number): void {
    fds.forEach((fd, index) => {
      this.poke(at + index * POLLFD, fd);
      this.poke(at + index * POLLFD + 4, events);
    });
  }

  /** The descriptors that a poll has found ready. */
  protected readyEntries(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => at + index * POLLFD)
      .filter((entry) => this.peek(entry + 4) >>> 16 !== 0)
      .map((entry) => this.peek(entry));
  }
}

const WRITES = 2;

class ReadinessWorld extends WaysWorld {
  private readonly ways: readonly Way[];
  private readonly stop: number;
  private taken = new Map<string, number>();
  private writersLeft = 0;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.ways = [
      this.pipe(),
      this.eventfd(),
      this.stream("tcp"),
      this.stream("unix"),
      this.datagram(),
      this.unixDatagram(),
    ];
    this.stop = this.eventfd().from;
  }

  programs(): Program[] {
    this.taken = new Map();
    this.writersLeft = 2;
    const half = this.ways.length / 2;
    return [
      this.waitByPoll(0),
      this.waitBySelect(1),
      this.write(2, this.ways.slice(0, half)),
      this.write(3, this.ways.slice(half)),
    ];
  }

  private *write(thread: number, ways: readonly Way[]): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, 1);
    for (let count = 0; count < WRITES; count++) {
      for (const { from, name } of ways) {
        const result = yield* signed("simWrite", from, buffer, 8);
        this.expect(result === 8, `a write to a ${name} returns ${result}`);
      }
    }
    if (--this.writersLeft === 0) yield call("simWrite", this.stop, buffer, 8);
  }

  private get fds(): number[] {
    return [...this.ways.map(({ to }) => to), this.stop];
  }

  private *waitByPoll(thread: number): Program {
    const at = this.bufferOf(thread);
    for (;;) {
      const { fds } = this;
      this.setEntries(at, fds, POLLIN);
      const result = yield* signed("simPoll", at, fds.length, -1);
      this.expect(result > 0, `poll returns ${result}`);
      const ready = this.readyEntries(at, fds.length);
      this.expect(ready.length === result, `poll finds ${result}, and shows ${ready.length}`);
      if (yield* this.takeAll(thread, ready)) return;
    }
  }

  private *waitBySelect(thread: number): Program {
    const at = this.bufferOf(thread);
    for (;;) {
      const { fds } = this;
      this.poke(
        at,
        fds.reduce((set, fd) => set | (1 << fd), 0),
      );
      this.poke(at + 4, 0);
      const result = yield* signed("simSelect", 32, at, 0);
      this.expect(result > 0, `select returns ${result}`);
      const set = this.peek(at);
      const ready = fds.filter((fd) => ((set >>> fd) & 1) !== 0);
      this.expect(ready.length === result, `select finds ${result}, and shows ${ready.length}`);
      if (yield* this.takeAll(thread, ready)) return;
    }
  }

  /** Reads what is ready, if nobody was quicker; true: it is time to end. */
  private *takeAll(
    thread: number,
    fds: readonly number[],
  ): Generator<ReturnType<typeof call>, boolean, number> {
    const buffer = this.bufferOf(thread) + 1024;
    for (const { to, name, counts } of this.ways) {
      if (!fds.includes(to)) continue;
      // A receive waits, unless it says that it does not.
      const result =
        name === "tcp" || name === "unix"
          ? yield* signed("simReceive", to, buffer, 8, MSG_DONTWAIT)
          : yield* signed("simRead", to, buffer, 8);
      if (result === -EAGAIN) continue;
      this.expect(result === 8, `a read of a ${name} returns ${result}`);
      this.taken.set(name, (this.taken.get(name) ?? 0) + (counts ? this.peek(buffer) : 1));
    }
    // What was written before the stop is there to be seen: others take it, or this one has.
    return fds.length === 1 && fds[0] === this.stop;
  }

  override check(): void {
    for (const { name } of this.ways) {
      const count = this.taken.get(name) ?? 0;
      this.expect(count === WRITES, `of ${WRITES} writes to a ${name}, ${count} were taken`);
    }
    const fds = new Set(this.ways.flatMap(({ from, to }) => [from, to]));
    this.closeAll([...fds, this.stop]);
  }
}

const ROUNDS = 3;

/** A thread waits for room, another makes some. */
class RoomWorld extends WaysWorld {
  private readonly ways: readonly Way[];

  constructor(machine: SleepMachine) {
    super(machine, 2);
    this.ways = [this.pipe(), this.stream("tcp"), this.stream("unix"), this.unixDatagram()];
  }

  programs(): Program[] {
    return [this.fill(0), this.drain(1)];
  }

  private *fill(thread: number): Program {
    const at = this.bufferOf(thread);
    for (const { from, name } of this.ways) {
      for (let round = 0; round < ROUNDS; ) {
        const result =
          name === "tcp" || name === "unix"
            ? yield* signed("simSend", from, at, PAGE, MSG_DONTWAIT)
            : yield* signed("simWrite", from, at, PAGE);
        if (result > 0) continue;
        this.expect(result === -EAGAIN, `a write to a ${name} returns ${result}`);
        round++;
        this.setEntries(at, [from], POLLOUT);
        const found = yield* signed("simPoll", at, 1, -1);
        this.expect(found === 1, `poll returns ${found}`);
      }
      // It ends what is read.
      yield call("simClose", from);
    }
  }

  private *drain(thread: number): Program {
    const at = this.bufferOf(thread);
    for (const { to, name } of this.ways) {
      for (;;) {
        this.setEntries(at, [to], POLLIN);
        const found = yield* signed("simPoll", at, 1, -1);
        this.expect(found === 1, `poll returns ${found}`);
        const result = yield* signed("simRead", to, at, PAGE);
        // A datagram socket hears of no end.
        if (result <= 0 || name === "unix datagram") break;
      }
    }
  }

  override check(): void {
    this.closeAll(this.ways.map(({ to }) => to));
  }
}

/** A thread polls a file; another replaces its descriptor, and writes to the file. */
class ReplacedWorld extends WaysWorld {
  private readonly way: Way;

  constructor(machine: SleepMachine) {
    super(machine, 2);
    this.way = this.stream("unix");
  }

  programs(): Program[] {
    return [this.wait(0), this.replace(1)];
  }

  private *wait(thread: number): Program {
    const at = this.bufferOf(thread);
    this.setEntries(at, [this.way.to], POLLIN);
    const result = yield* signed("simPoll", at, 1, -1);
    this.expect(result === 1, `poll returns ${result}`);
  }

  private *replace(thread: number): Program {
    yield { givesWay: true };
    const fd = yield* signed("simEventfd", 0, 0);
    yield* this.sendWord(thread, this.way.from, 1);
    yield call("simDup2", fd, this.way.to);
    yield { givesWay: true };
    // For a wait that began late, at the new file.
    this.poke(this.bufferOf(thread), 1);
    yield call("simWrite", fd, this.bufferOf(thread), 8);
    yield call("simClose", fd);
  }

  override check(): void {
    this.closeAll([this.way.from, this.way.to]);
  }
}

/** Threads wait for room in an eventfd; one read makes enough for all. */
class FullCounterWorld extends WaysWorld {
  private readonly fd: number;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.fd = this.made("simEventfd", 0, 0);
    // As much as it holds: the largest number but one.
    this.setValue(this.shared, 0xffff_fffe, 0xffff_ffff);
    this.made("simWrite", this.fd, this.shared, 8);
  }

  private setValue(at: number, low: number, high: number): void {
    this.poke(at, low);
    this.poke(at + 4, high);
  }

  programs(): Program[] {
    return [this.add(0), this.add(1), this.add(2), this.take(3)];
  }

  private *add(thread: number): Program {
    const at = this.bufferOf(thread);
    this.setValue(at, 5, 0);
    const result = yield* signed("simWrite", this.fd, at, 8);
    this.expect(result === 8, `a write returns ${result}`);
  }

  private *take(thread: number): Program {
    yield { givesWay: true };
    const result = yield* signed("simRead", this.fd, this.bufferOf(thread), 8);
    this.expect(result === 8, `a read returns ${result}`);
  }

  override check(): void {
    this.closeAll([this.fd]);
  }
}

export const READINESS_SCENARIOS: readonly Scenario[] = [
  scenario("poll-select", (machine) => new ReadinessWorld(machine)),
  scenario("poll-room", (machine) => new RoomWorld(machine)),
  scenario("eventfd-full", (machine) => new FullCounterWorld(machine)),
  scenario("poll-replaced", (machine) => new ReplacedWorld(machine)),
];

const POLL_SET = "linux/poll-set.ts";
const EVENT_FILE = "fs/event-file.ts";

export const READINESS_FAULTS: readonly SourceFault[] = [
  fault(POLL_SET, "a file that becomes ready does not end a poll", "poll-select", LOST, {
    from: "if ((mask & this.wanted) != 0) this.queue.wakeOne();",
    to: "",
  }),
  fault(POLL_SET, "a poll does not hold its files", "poll-replaced", /./, {
    from: "fileGet(file);",
    to: "",
  }),
  fault(POLL_SET, "a poll that was woken looks at other files", "poll-replaced", LOST, {
    from: "file.poll() & this.wanted(i)",
    to: "fdFile(this.fd(i))!.poll() & this.wanted(i)",
    within: "if (!file) continue;\n      const mask = file.poll() & this.wanted(i);",
    isExpression: true,
  }),
  fault(
    "net/socket/unix-state.ts",
    "a poll at a unix socket does not ask for word of room",
    "poll-room",
    LOST,
    { from: "peer.hasBlockedSender = true", to: "false", isExpression: true },
  ),
  fault(EVENT_FILE, "a count does not end a poll", "poll-select", LOST, {
    from: "this.notify(POLLIN);",
    to: "",
    within: "if (value != 0) {\n      this.readers.wakeOne();\n      this.notify(POLLIN);",
  }),
  fault(EVENT_FILE, "room in a counter wakes one of several", "eventfd-full", LOST, {
    from: "this.writers.wakeAll();",
    to: "this.writers.wakeOne();",
  }),
  fault("fs/pipe.ts", "bytes in a pipe do not end a poll", "poll-room", LOST, {
    from: "if (reader) reader.notify(POLLIN | POLLRDNORM);",
    to: "",
  }),
  fault("fs/pipe.ts", "room in a pipe does not end a poll", "poll-room", LOST, {
    from: "if (writer) writer.notify(POLLOUT | POLLWRNORM);",
    to: "",
  }),
];
