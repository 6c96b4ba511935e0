/**
 * epoll sets, signals that are waited for, and descriptors that are replaced while a call uses
 * them.
 *
 * What must hold: each one-shot event is reported to one waiter, with its own data; a level that
 * stays up ends every wait; each queued signal is taken once; a call works on the file that it
 * began with.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { EAGAIN, scenario, ThreadWorld } from "./worlds.ts";

const EPOLLIN = 1;
const EPOLLONESHOT = 1 << 30;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
/** Bytes of a struct epoll_event. */
const EVENT_SIZE = 12;
const O_NONBLOCK = 0o4000;
/** What an event says besides its descriptor. */
const MARK = 0x5a00_0000;

const WRITES = 3;

class EpollWorld extends ThreadWorld {
  private readonly epoll: number;
  private readonly counters: readonly number[];
  private readonly stop: number;
  private taken = 0;
  private writersLeft = 0;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.epoll = machine.call("simEpollCreate");
    this.counters = [0, 1].map(() => machine.call("simEventfd", 0, O_NONBLOCK));
    this.stop = machine.call("simEventfd", 0, O_NONBLOCK);
    for (const fd of this.counters) this.control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT);
    this.control(EPOLL_CTL_ADD, this.stop, EPOLLIN);
  }

  private event(at: number, fd: number, events: number): void {
    this.poke(at, events);
    this.poke(at + 4, MARK | fd);
    this.poke(at + 8, fd);
  }

  private control(operation: number, fd: number, events: number): void {
    this.event(this.shared, fd, events);
    this.machine.call("simEpollCtl", this.epoll, operation, fd, this.shared);
  }

  programs(): Program[] {
    this.taken = 0;
    this.writersLeft = 2;
    return [this.wait(0), this.wait(1), this.write(2), this.write(3)];
  }

  private *write(thread: number): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, 1);
    const fd = this.counters[thread - 2] ?? 0;
    for (let count = 0; count < WRITES; count++) yield call("simWrite", fd, buffer, 8);
    if (--this.writersLeft > 0) return;
    // What was written last is still to be reported: who waits sees that before it ends.
    yield call("simWrite", this.stop, buffer, 8);
  }

  private *wait(thread: number): Program {
    const buffer = this.bufferOf(thread);
    for (let isOver = false; !isOver; ) {
      const found = (yield call("simEpollWait", this.epoll, buffer, 4, -1)) | 0;
      this.expect(found > 0, `a wait returns ${found}`);
      const fds: number[] = [];
      for (let index = 0; index < found; index++) {
        const mark = this.peek(buffer + index * EVENT_SIZE + 4);
        const fd = this.peek(buffer + index * EVENT_SIZE + 8);
        this.expect(mark === (MARK | fd) >>> 0, "an event has another's data");
        fds.push(fd);
      }
      for (const fd of fds) {
        if (fd === this.stop) isOver = true;
        else yield* this.take(buffer, fd);
      }
    }
  }

  /** Reads what has been counted, and asks for the next report. */
  private *take(buffer: number, fd: number): Program {
    const value = buffer + 1024;
    const result = (yield call("simRead", fd, value, 8)) | 0;
    this.expect(result === 8, `a counter that was reported reads ${result}`);
    this.taken += this.peek(value);
    const at = buffer + 2048;
    this.event(at, fd, EPOLLIN | EPOLLONESHOT);
    yield call("simEpollCtl", this.epoll, EPOLL_CTL_MOD, fd, at);
  }

  override check(): void {
    for (const fd of this.counters) {
      const buffer = this.shared + 512;
      if ((this.machine.call("simRead", fd, buffer, 8) | 0) === 8) this.taken += this.peek(buffer);
    }
    this.expect(this.taken === 2 * WRITES, `${this.taken} of ${2 * WRITES} counts were taken`);
  }
}

const SIG_BLOCK = 0;
const SIGRTMIN = 34;
const SIGNALS = 3;

class SignalWorld extends ThreadWorld {
  private taken = 0;

  programs(): Program[] {
    this.taken = 0;
    return [this.take(), this.send(1), this.send(2)];
  }

  private *take(): Program {
    const set = this.bufferOf(0);
    this.poke(set, 0);
    this.poke(set + 4, 1 << (SIGRTMIN - 1 - 32));
    yield call("simSigprocmask", SIG_BLOCK, set);
    yield call("simStore", this.shared, 1);
    while (this.taken < 2 * SIGNALS) {
      const signal = (yield call("simSigtimedwait", set, 0)) | 0;
      this.expect(signal === SIGRTMIN, `the wait for a signal returns ${signal}`);
      this.taken++;
    }
  }

  private *send(thread: number): Program {
    // Before it is blocked, a signal would end the program.
    while ((yield call("simLoad", this.shared)) !== 1) yield { givesWay: true };
    for (let count = 0; count < SIGNALS; count++) {
      const result = (yield call("simTkill", this.ids[0] ?? 0, SIGRTMIN)) | 0;
      this.expect(result === 0, `thread ${thread} sends: ${result}`);
    }
  }
}

/** A thread reads; another puts other files at its descriptor, and closes them. */
class DescriptorWorld extends ThreadWorld {
  private readonly place: number;

  constructor(machine: SleepMachine) {
    super(machine, 3);
    this.place = machine.call("simEventfd", 1, O_NONBLOCK);
  }

  programs(): Program[] {
    return [this.read(0), this.read(1), this.replace()];
  }

  private *read(thread: number): Program {
    const buffer = this.bufferOf(thread);
    for (let count = 0; count < 4; count++) {
      const result = (yield call("simRead", this.place, buffer, 8)) | 0;
      this.expect(result === 8 || result === -EAGAIN, `a read returns ${result}`);
    }
  }

  private *replace(): Program {
    for (let count = 0; count < 4; count++) {
      const fd = yield call("simEventfd", 1, O_NONBLOCK);
      yield call("simDup2", fd, this.place);
      yield call("simClose", fd);
    }
  }

  override check(): void {
    this.machine.call("simClose", this.place);
    this.expect(this.machine.call("simOpenFiles") === 0, "a descriptor is left");
  }
}

export const EVENT_SCENARIOS: readonly Scenario[] = [
  scenario("epoll", (machine) => new EpollWorld(machine)),
  scenario("signals", (machine) => new SignalWorld(machine, 3)),
  scenario("descriptors", (machine) => new DescriptorWorld(machine)),
];

const LOST = /a wake-up was lost/;

export const EVENT_FAULTS: readonly SourceFault[] = [
  {
    name: "events of several threads are copied from one place",
    edits: [
      {
        file: "linux/epoll-calls.ts",
        from: "threadScratch()",
        to: "commonEvent",
        within: "const event = threadScratch();",
        isExpression: true,
      },
    ],
    additions: [
      { file: "linux/epoll-calls.ts", text: "const commonEvent: usize = memory.data(16, 8);\n" },
    ],
    scenario: "epoll",
    failure: /an event has another's data|a counter that was reported reads|a wake-up was lost/,
  },
  {
    name: "a file that becomes ready wakes nobody who waits at the epoll set",
    edits: [{ file: "fs/epoll.ts", from: "this.waiters.wakeOne();", to: "" }],
    scenario: "epoll",
    failure: LOST,
  },
  {
    name: "who takes an event does not pass on that there are more",
    edits: [
      {
        file: "linux/epoll-calls.ts",
        from: "if (epoll.mayBeReady() && !epoll.waiters.isEmpty()) epoll.waiters.wakeOne();",
        to: "",
      },
    ],
    scenario: "epoll",
    failure: LOST,
  },
  {
    name: "a wait does not see the signal that is there already",
    edits: [
      {
        file: "sched/wait-queue.ts",
        from: "if ((thread.work & WORK_SIGNAL) != 0) return -EINTR;",
        to: "",
      },
    ],
    scenario: "futex-pi",
    failure: /./,
  },
  {
    name: "a read does not hold its file",
    edits: [
      {
        file: "linux/file-calls.ts",
        from: "fileGet(file);",
        to: "",
        within: "fileGet(file);\n  const done = file.read(io);\n  filePut(file);",
      },
    ],
    scenario: "descriptors",
    failure: /./,
  },
];
