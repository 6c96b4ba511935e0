/**
 * System V semaphores and messages, while their operations and texts are copied and while threads
 * wait: also for what is removed under them.
 *
 * What must hold: whoever can go on does; what is given is taken once; who waits for what is
 * removed is told so, and nobody changes what has taken its place.
 */
import { call, type Program } from "../interleave/machine.ts";
import type { SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { scenario, signed, ThreadWorld } from "./worlds.ts";

// The kernel's errors, lib/errno.ts.
const EIDRM = 43;
const EINVAL = 22;

const IPC_RMID = 0;
const GETVAL = 12;
const SETALL = 17;

const TURNS = 3;
/** MSGMNB: as many bytes a queue has room for; and a message of which two go in. */
const QUEUE_BYTES = 16384;
const LARGE = 4000;
const COPIES = 4;

/** A struct sembuf as the program stores it: index, change, flags of 16 bits each. */
type Operation = readonly [index: number, change: number];

abstract class SemaphoreWorld extends ThreadWorld {
  protected set = 0;

  protected put(buffer: number, operations: readonly Operation[]): void {
    const halves = operations.flatMap(([index, change]) => [index, change & 0xffff, 0]);
    for (let at = 0; at < halves.length; at += 2) {
      this.poke(buffer + at * 2, ((halves[at] ?? 0) | ((halves[at + 1] ?? 0) << 16)) >>> 0);
    }
  }

  protected value(set: number, index: number): number {
    return this.machine.call("simSemctl", set, index, GETVAL, 0) | 0;
  }
}

/** Two give, two pass on, one waits for all of it. */
class TokenWorld extends SemaphoreWorld {
  constructor(machine: SleepMachine) {
    super(machine, 5);
    this.set = machine.call("simSemget", 2);
  }

  programs(): Program[] {
    const all = 2 * TURNS;
    return [
      this.repeat(0, [[0, 1]], TURNS),
      this.repeat(1, [[0, 1]], TURNS),
      this.repeat(
        2,
        [
          [0, -1],
          [1, 1],
        ],
        TURNS,
      ),
      this.repeat(
        3,
        [
          [0, -1],
          [1, 1],
        ],
        TURNS,
      ),
      this.repeat(
        4,
        [
          [1, -all],
          [0, 0],
        ],
        1,
      ),
    ];
  }

  private *repeat(thread: number, operations: readonly Operation[], times: number): Program {
    const buffer = this.bufferOf(thread);
    this.put(buffer, operations);
    for (let count = 0; count < times; count++) {
      const result = yield* signed("simSemop", this.set, buffer, operations.length);
      this.expect(result === 0, `semop returns ${result}`);
    }
  }

  override check(): void {
    const left = [0, 1].map((index) => this.value(this.set, index));
    this.expect(
      left.every((value) => value === 0),
      `what is left: ${left.join(", ")}`,
    );
  }
}

/** Threads wait and set all values; another removes the set and makes one in its place. */
class RemovedSetWorld extends SemaphoreWorld {
  private next = 0;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.set = machine.call("simSemget", 2);
  }

  programs(): Program[] {
    return [this.wait(0), this.wait(1), this.setAll(2), this.replace()];
  }

  private isGone(result: number): boolean {
    return result === -EIDRM || result === -EINVAL;
  }

  private *wait(thread: number): Program {
    const buffer = this.bufferOf(thread);
    this.put(buffer, [[1, -9]]);
    const result = yield* signed("simSemop", this.set, buffer, 1);
    this.expect(this.isGone(result), `who waits for what is removed hears ${result}`);
  }

  private *setAll(thread: number): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, (7 << 16) | 7);
    let result = 0;
    while (result === 0) result = yield* signed("simSemctl", this.set, 0, SETALL, buffer);
    this.expect(this.isGone(result), `SETALL of what is removed returns ${result}`);
  }

  private *replace(): Program {
    const result = yield* signed("simSemctl", this.set, 0, IPC_RMID, 0);
    this.expect(result === 0, `the removal returns ${result}`);
    this.next = yield* signed("simSemget", 2);
  }

  override check(): void {
    const values = [0, 1].map((index) => this.value(this.next, index));
    this.expect(
      values.every((value) => value === 0),
      "a set was changed by another's identifier",
    );
  }
}

/** Two send more than the queue holds, two receive, each its type or whatever there is. */
class MessageWorld extends ThreadWorld {
  private readonly queue: number;
  private received = 0;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.queue = machine.call("simMsgget");
  }

  programs(): Program[] {
    this.received = 0;
    return [this.send(0, 1), this.send(1, 2), this.receive(2, 1), this.receive(3, 2)];
  }

  private *send(thread: number, type: number): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, type);
    this.poke(buffer + 4, 0);
    for (let count = 0; count < COPIES; count++) {
      this.poke(buffer + 8, type * 100 + count);
      const result = yield* signed("simMsgsnd", this.queue, buffer, LARGE, 0);
      this.expect(result === 0, `msgsnd returns ${result}`);
    }
  }

  private *receive(thread: number, type: number): Program {
    const buffer = this.bufferOf(thread);
    for (let count = 0; count < COPIES; count++) {
      const result = yield* signed("simMsgrcv", this.queue, buffer, LARGE, type, 0);
      this.expect(result === LARGE, `msgrcv returns ${result}`);
      const text = this.peek(buffer + 8);
      this.expect(text === type * 100 + count, `message ${count} of type ${type} is ${text}`);
      this.received += result;
    }
  }

  override check(): void {
    const sent = 2 * COPIES * LARGE;
    this.expect(sent > QUEUE_BYTES, "senders have to wait");
    this.expect(this.received === sent, `${this.received} of ${sent} bytes were received`);
  }
}

/** Threads wait in both directions; another removes the queue. */
class RemovedQueueWorld extends ThreadWorld {
  private readonly queue: number;

  constructor(machine: SleepMachine) {
    super(machine, 4);
    this.queue = machine.call("simMsgget");
  }

  programs(): Program[] {
    return [this.receive(0), this.receive(1), this.send(2), this.remove()];
  }

  private expectGone(result: number): void {
    this.expect(result === -EIDRM || result === -EINVAL, `who waits hears ${result}`);
  }

  private *receive(thread: number): Program {
    const result = yield* signed("simMsgrcv", this.queue, this.bufferOf(thread), LARGE, 9, 0);
    this.expectGone(result);
  }

  private *send(thread: number): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, 1);
    let result = 0;
    while (result === 0) result = yield* signed("simMsgsnd", this.queue, buffer, LARGE, 0);
    this.expectGone(result);
  }

  private *remove(): Program {
    const result = (yield call("simMsgctl", this.queue, IPC_RMID, 0)) | 0;
    this.expect(result === 0, `the removal returns ${result}`);
  }
}

export const IPC_SCENARIOS = [
  scenario("semaphores", (machine) => new TokenWorld(machine)),
  scenario("semaphores-removed", (machine) => new RemovedSetWorld(machine)),
  scenario("sysv-messages", (machine) => new MessageWorld(machine)),
  scenario("sysv-messages-removed", (machine) => new RemovedQueueWorld(machine)),
];

const LOST = /a wake-up was lost/;

export const IPC_FAULTS: readonly SourceFault[] = [
  {
    name: "a semaphore's change serves nobody",
    scenario: "semaphores",
    failure: LOST,
    edits: [
      {
        file: "ipc/semaphores.ts",
        from: "this.serve();",
        to: "",
        within: "if (result == 0 && call.alters()) this.serve();",
      },
    ],
  },
  {
    name: "who waits for semaphores is served once, though that makes more possible",
    scenario: "semaphores",
    failure: LOST,
    edits: [
      {
        file: "ipc/semaphores.ts",
        from: "this.serveThose(true)",
        to: "!this.serveThose(true) && false",
        within: "while (this.serveThose(true))",
        isExpression: true,
      },
    ],
  },
  {
    name: "SETALL does not look whether the set is still there",
    scenario: "semaphores-removed",
    failure: /another's identifier|the set has such|SETALL|unreachable|assert/,
    edits: [
      {
        file: "linux/semaphore-calls.ts",
        from: "sets.find(id)",
        to: "found",
        within: "const set = sets.find(id);\n    if (set && set.count == count)",
        isExpression: true,
      },
    ],
  },
  {
    name: "room in a queue of messages lets nobody in",
    scenario: "sysv-messages",
    failure: LOST,
    edits: [
      {
        file: "ipc/messages.ts",
        from: "this.admit();",
        to: "",
        within: "wish.message = message;\n    this.admit();",
      },
    ],
  },
  {
    name: "a message goes into the queue past who waits for it",
    scenario: "sysv-messages",
    failure: LOST,
    edits: [
      {
        file: "ipc/messages.ts",
        from: "this.handOver(message)",
        to: "false",
        within: "if (this.handOver(message)) return;",
        isExpression: true,
      },
    ],
  },
];
