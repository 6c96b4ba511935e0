/**
 * The mutex (kernel/sched/mutex.ts) under interleavings: some threads, each on its own CPU, lock
 * and unlock one mutex a few times, then end.
 *
 * What must hold: one thread at a time is inside; each gets in as often as it wants; nobody sleeps
 * for ever; the count ends at 0; and from outside of `lock`, nobody touches a thread's wait record,
 * nor anything of a thread that has ended.
 */
import type { Scenario, World } from "./explore.ts";
import type { Build, Mutation } from "./load.ts";
import { call, InterleaveFailure, type Machine, type Program, pause } from "./machine.ts";

export const MUTEX_BUILD: Build = {
  entry: "sched/sim-exports.ts",
  played: { "sched/scheduler/schedule": "sleep", "sched/scheduler/makeReady": "wake" },
  stopsAtAccesses: true,
};

const AREA_BYTES = 8192;
/** What a record holds that is in nobody's use: no pointer, no state. */
const POISON = 0xa5;

/** What one thread does: `l` locks, `t` tries to and goes on without when it fails. */
type Plan = string;

class MutexWorld implements World {
  private readonly mutex: number;
  private readonly threads: number[] = [];
  private readonly threadSize: number;
  private readonly recordOffset: number;
  private readonly recordSize: number;
  private readonly machine: Machine;
  private readonly plans: readonly Plan[];
  private holder = -1;

  constructor(machine: Machine, plans: readonly Plan[]) {
    this.machine = machine;
    this.plans = plans;
    this.threadSize = machine.call("simThreadSize");
    this.recordOffset = machine.call("simRecord");
    this.recordSize = machine.call("simRecordSize");
    this.mutex = machine.call("simMutex");
    machine.share(this.mutex, machine.call("simMutexSize"));
    for (const _ of plans) {
      const thread = machine.call("simThread");
      this.threads.push(thread);
      machine.share(thread + this.recordOffset, this.recordSize);
      machine.share(thread + machine.call("simThreadState"), 4);
      machine.addCpu(thread, machine.call("simMemory", AREA_BYTES), AREA_BYTES);
    }
  }

  programs(): Program[] {
    this.holder = -1;
    return this.plans.map((plan, index) => this.program(plan, index));
  }

  private *program(plan: Plan, index: number): Program {
    const { machine, mutex } = this;
    const thread = this.threads[index] as number;
    const record = thread + this.recordOffset;
    const poison = () => {
      machine.fill(record, this.recordSize, POISON);
      machine.forbid(
        record,
        this.recordSize,
        `the record of CPU ${index}, which waits for nothing`,
      );
    };
    poison();
    for (const step of plan) {
      if (step === "t") {
        if ((yield call("simTryLock", mutex)) === 0) continue;
      } else {
        machine.allow(record);
        yield call("simLock", mutex);
        poison();
      }
      yield* this.inside(index);
      yield call("simUnlock", mutex);
    }
    machine.forbid(thread, this.threadSize, `the thread of CPU ${index}, which has ended`);
  }

  /** Between lock and unlock. */
  private *inside(index: number): Program {
    if (this.holder >= 0) {
      throw new InterleaveFailure(`CPU ${index} has the lock, and so has CPU ${this.holder}`);
    }
    this.holder = index;
    yield pause;
    if ((yield call("simOwned", this.mutex)) === 0) {
      throw new InterleaveFailure(`CPU ${index} has the lock and does not own it`);
    }
    this.holder = -1;
  }

  check(): void {
    const count = this.machine.call("simCount", this.mutex);
    if (count !== 0) throw new InterleaveFailure(`all have ended, and the count is ${count}`);
  }
}

function scenario(name: string, preemptions: number, ...plans: Plan[]): Scenario {
  return {
    name,
    preemptions,
    prepare: (machine) => new MutexWorld(machine, plans),
  };
}

export const MUTEX_SCENARIOS: readonly Scenario[] = [
  scenario("mutex-2", 3, "ll", "ll"),
  scenario("mutex-3", 2, "l", "l", "l"),
  scenario("mutex-try", 2, "l", "l", "tt"),
  scenario("mutex-crowd", 0, "lllt", "ltll", "llll", "tllt"),
];

const LOST = /a wake-up was lost/;

/** Faults of the mutex that the simulation must find. Offsets are those of the fields. */
export const MUTEX_MUTATIONS: readonly Mutation[] = [
  {
    name: "unlock leaves no number",
    pattern: String.raw`\(i32.atomic.store offset=8 ADDRESS VALUE \)`,
    replacement: "(nop)",
    scenario: "mutex-2",
    failure: LOST,
  },
  {
    name: "lock does not look for a number",
    pattern: String.raw`\(i32.atomic.load offset=8 ADDRESS \)`,
    replacement: "(i32.const 0)",
    scenario: "mutex-2",
    failure: LOST,
  },
  {
    name: "everybody takes the number",
    pattern: String.raw`\(i32.atomic.rmw.cmpxchg offset=8 ADDRESS VALUE \(i32.const 0\) \)`,
    replacement: "VALUE",
    scenario: "mutex-try",
    failure: /taken and nobody is queued/,
  },
  {
    name: "the number is always the same",
    pattern: String.raw`\(i32.load offset=12 ADDRESS \)`,
    replacement: "(i32.const 0)",
    scenario: "mutex-3",
    failure: /taken back and nobody is queued/,
    // One seed in a million: `./virga sim --scenario mutex-3 --seeds 2000000 --mutation …`.
    schedule: "4:2,9:0,20:1,32:0,33:1",
  },
  {
    name: "a wake before the sleep is lost",
    pattern: String.raw`\(i32.atomic.rmw.cmpxchg offset=4 ADDRESS VALUE \(i32.const 1\) \)`,
    replacement: "(i32.const 0)",
    scenario: "mutex-2",
    failure: LOST,
  },
  {
    name: "the waker touches a thread that did not sleep",
    pattern: String.raw`\(i32.atomic.rmw.xchg offset=4 ADDRESS VALUE \)`,
    replacement:
      "(block (result i32) (drop (i32.atomic.rmw.xchg offset=4 ADDRESS VALUE)) (i32.const 1))",
    scenario: "mutex-2",
    failure: /touches the thread of CPU \d, which has ended/,
  },
  {
    name: "the waker touches the record after the wake",
    pattern: String.raw`\(i32.atomic.rmw.xchg offset=4 ADDRESS VALUE \)`,
    replacement:
      "(i32.add (i32.atomic.rmw.xchg offset=4 ADDRESS VALUE) " +
      "(i32.mul (i32.load ADDRESS) (i32.const 0)))",
    scenario: "mutex-2",
    failure: /touches the record/,
  },
  {
    name: "the count is not atomic",
    pattern: String.raw`\(i32.atomic.rmw.add ADDRESS VALUE \)`,
    replacement:
      "(block (result i32) (i32.store ADDRESS (i32.add (i32.load ADDRESS) VALUE)) " +
      "(i32.sub (i32.load ADDRESS) VALUE))",
    scenario: "mutex-2",
    failure: /has the lock, and so has/,
  },
];
