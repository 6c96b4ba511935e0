/**
 * Futexes: a mutex and a condition variable as C libraries make them of futexes, PI locks, words
 * that FUTEX_WAKE_OP changes, and a thread whose calls fail.
 *
 * What must hold: one thread at a time has a lock, and everybody gets it; nobody gets the error of
 * another's call; no change of a word is lost.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program, pause } from "../interleave/machine.ts";
import type { Edit, SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { EAGAIN, EFAULT, scenario, ThreadWorld } from "./worlds.ts";

const FUTEX_WAIT = 128;
const FUTEX_WAKE = 129;
const FUTEX_CMP_REQUEUE = 132;
const FUTEX_WAKE_OP = 133;
const FUTEX_LOCK_PI = 134;
const FUTEX_UNLOCK_PI = 135;
/** FUTEX_OP_ADD, by 1; wakes when the old value is below 0. */
const ADD_ONE = (1 << 28) | (2 << 24) | (1 << 12);
const ALL = 0x7fffffff;
/** States of the mutex: free, locked, locked and somebody may wait. */
const FREE = 0;
const LOCKED = 1;
const CONTENDED = 2;
const NOWHERE = 8;

const ROUNDS = 3;

abstract class FutexWorld extends ThreadWorld {
  protected readonly lock = this.shared;
  protected readonly sequence = this.shared + 64;
  protected readonly word = this.shared + 128;
  private holder = -1;

  protected start(): void {
    this.holder = -1;
  }

  /** Calls that wait have a timeout, which lies in memory; it never comes. */
  protected timeoutOf(thread: number): number {
    const at = this.bufferOf(thread);
    this.poke(at, 1000);
    return at;
  }

  protected *wait(thread: number, address: number, value: number): Program {
    const result = yield* this.restarted(
      "simFutex",
      address,
      FUTEX_WAIT,
      value,
      this.timeoutOf(thread),
      0,
      0,
    );
    this.expect(result === 0 || result === -EAGAIN, `a wait returns ${result}`);
  }

  protected *lockMutex(thread: number, isContended = false): Program {
    let state = FREE;
    if (isContended) state = yield call("simExchange", this.lock, CONTENDED);
    else state = yield call("simCompareExchange", this.lock, FREE, LOCKED);
    while (state !== FREE) {
      if (!isContended) state = yield call("simExchange", this.lock, CONTENDED);
      if (state === FREE) return;
      yield* this.wait(thread, this.lock, CONTENDED);
      state = yield call("simExchange", this.lock, CONTENDED);
    }
  }

  protected *unlockMutex(): Program {
    const state = yield call("simExchange", this.lock, FREE);
    if (state === CONTENDED) yield call("simFutex", this.lock, FUTEX_WAKE, 1, 0, 0, 0);
  }

  protected *inside(thread: number): Program {
    this.expect(this.holder < 0, "two threads have the lock");
    this.holder = thread;
    yield pause;
    this.holder = -1;
  }
}

class MutexWorld extends FutexWorld {
  programs(): Program[] {
    this.start();
    return [this.use(0), this.use(1), this.use(2), this.failing(3)];
  }

  private *use(thread: number): Program {
    for (let round = 0; round < ROUNDS; round++) {
      yield* this.lockMutex(thread);
      yield* this.inside(thread);
      yield* this.unlockMutex();
    }
  }

  private *failing(thread: number): Program {
    for (let round = 0; round < ROUNDS * 2; round++) {
      const result = yield* this.restarted("simFutex", this.word, FUTEX_WAIT, 1, NOWHERE, 0, 0);
      this.expect(result === -EFAULT, `thread ${thread}: a timeout nowhere gives ${result}`);
    }
  }
}

class ConditionWorld extends FutexWorld {
  private waiting = 0;

  programs(): Program[] {
    this.start();
    this.waiting = 0;
    return [this.await(0), this.await(1), this.await(2), this.broadcast(3)];
  }

  private *await(thread: number): Program {
    yield* this.lockMutex(thread);
    this.waiting++;
    const before = yield call("simLoad", this.sequence);
    yield* this.unlockMutex();
    yield* this.wait(thread, this.sequence, before);
    yield* this.lockMutex(thread, true);
    yield* this.inside(thread);
    yield* this.unlockMutex();
  }

  private *broadcast(thread: number): Program {
    for (let isOver = false; !isOver; ) {
      yield* this.lockMutex(thread, true);
      isOver = this.waiting === 3;
      const next = ((yield call("simLoad", this.sequence)) + 1) | 0;
      yield call("simStore", this.sequence, next);
      yield call("simFutex", this.sequence, FUTEX_CMP_REQUEUE, 1, ALL, this.lock, next);
      yield* this.unlockMutex();
      yield { givesWay: true };
    }
  }
}

class PiWorld extends FutexWorld {
  programs(): Program[] {
    this.start();
    return [this.use(0), this.use(1), this.use(2), this.signal()];
  }

  private *signal(): Program {
    for (const thread of [0, 1, 2]) yield* this.interrupt(thread, 2);
  }

  private *use(thread: number): Program {
    const id = this.ids[thread] ?? 0;
    for (let round = 0; round < ROUNDS; round++) {
      if ((yield call("simCompareExchange", this.lock, 0, id)) !== 0) {
        const result = yield* this.restarted("simFutex", this.lock, FUTEX_LOCK_PI, 0, 0, 0, 0);
        this.expect(result === 0, `a lock returns ${result}`);
      }
      yield* this.inside(thread);
      if ((yield call("simCompareExchange", this.lock, id, 0)) !== id) {
        const result = (yield call("simFutex", this.lock, FUTEX_UNLOCK_PI, 0, 0, 0, 0)) | 0;
        this.expect(result === 0, `an unlock returns ${result}`);
      }
    }
  }
}

/** One thread adds by FUTEX_WAKE_OP, another by an instruction. */
class WakeOpWorld extends FutexWorld {
  programs(): Program[] {
    return [this.addByCall(), this.addByCall(), this.addByInstruction()];
  }

  private *addByCall(): Program {
    for (let round = 0; round < ROUNDS; round++) {
      const result =
        (yield call("simFutex", this.lock, FUTEX_WAKE_OP, 1, 1, this.word, ADD_ONE)) | 0;
      this.expect(result === 0, `wake-op returns ${result}`);
    }
  }

  private *addByInstruction(): Program {
    for (let round = 0; round < ROUNDS; round++) {
      const value = yield call("simLoad", this.word);
      if ((yield call("simCompareExchange", this.word, value, value + 1)) !== value) round--;
    }
  }

  override check(): void {
    const sum = this.peek(this.word);
    this.expect(sum === 3 * ROUNDS, `a change of the word was lost: ${sum} of ${3 * ROUNDS}`);
  }
}

const ofThreads =
  (World: new (machine: SleepMachine, threads: number) => FutexWorld, threads: number) =>
  (machine: SleepMachine) =>
    new World(machine, threads);

export const FUTEX_SCENARIOS: readonly Scenario[] = [
  scenario("futex-mutex", ofThreads(MutexWorld, 4)),
  scenario("futex-condition", ofThreads(ConditionWorld, 4)),
  scenario("futex-pi", ofThreads(PiWorld, 4)),
  scenario("futex-wake-op", ofThreads(WakeOpWorld, 3)),
];

/** A timeout that does not come ends what waits for a wake that was lost. */
const LOST = /a wake-up was lost|a wait returns -110/;

function inFutex(from: string, to: string, isExpression = false): Edit {
  return { file: "linux/futex.ts", from, to, isExpression };
}

export const FUTEX_FAULTS: readonly SourceFault[] = [
  {
    name: "the error of a futex's timeout goes through a variable of the module",
    edits: [
      {
        ...inFutex("timeout != 0", "begun(timeout)", true),
        within: "if (timeout != 0) {\n    const ns",
      },
      inFutex("if (ns < 0) return ns;", "if (noted(ns)) return timeoutError;"),
    ],
    additions: [
      {
        file: "linux/futex.ts",
        text:
          "let timeoutError: i64 = 0;\n" +
          "function begun(at: u64): bool { timeoutError = 0; return at != 0; }\n" +
          "function noted(ns: i64): bool { if (ns < 0) timeoutError = ns; return timeoutError != 0; }\n",
      },
    ],
    scenario: "futex-mutex",
    failure: /a wait returns -14/,
  },
  {
    name: "a futex wait may sleep between the look at the word and the queue",
    edits: [
      inFutex(
        "if (<u32>value != expected) return -EAGAIN;",
        "if (<u32>value != expected || readWord(address) < 0) return -EAGAIN;",
      ),
    ],
    scenario: "futex-mutex",
    failure: LOST,
  },
  {
    name: "a waiter that is moved to another word stays known by the first",
    edits: [inFutex("thread.futexKey = to;", "")],
    scenario: "futex-condition",
    failure: LOST,
  },
  {
    name: "wake-op may sleep between the reading and the writing of its word",
    edits: [
      inFutex("store32(word, <u32>result);", "readWord(address2); store32(word, <u32>result);"),
    ],
    scenario: "futex-wake-op",
    failure: /a change of the word was lost/,
  },
  {
    name: "a PI lock is passed on without its word",
    edits: [
      {
        file: "linux/futex-pi.ts",
        from: "if (word != 0) store32(word, id | FUTEX_WAITERS | died);",
        to: "",
      },
    ],
    scenario: "futex-pi",
    failure: /an unlock returns|a lock returns|two threads/,
  },
  {
    name: "a PI lock may sleep between the look at the word and the queue",
    edits: [
      {
        file: "linux/futex-pi.ts",
        from: "wait.waiter.lockAddress = address;",
        to: "wait.waiter.lockAddress = address; othersRun();",
      },
    ],
    additions: [{ file: "linux/futex-pi.ts", text: 'import { othersRun } from "../lib/sim";\n' }],
    scenario: "futex-pi",
    // Or the lock is free when the next one comes, and somebody waits for it all the same.
    failure: /a wake-up was lost|a lock returns -22/,
  },
];
