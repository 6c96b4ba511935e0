/**
 * Which interleavings are tried. A run is a sequence of decisions, each made when at least two CPUs
 * could run. Left alone, the CPU that runs goes on, and when it can't, the one with the smallest
 * number does. A *schedule* lists where it goes otherwise: "3:1,17:0" gives CPU 1 the third
 * decision (from 0), CPU 0 the seventeenth.
 *
 *     exploreRandom(scenario, make, seed)              one run, decided by the seed
 *     exploreAll(scenario, make, preemptions)          every schedule with that many preemptions
 *     replay(scenario, make, schedule)                 one run again
 *
 * A preemption takes a CPU away that could go on. What a CPU that sleeps or has ended leaves to
 * choose is free. A few preemptions are enough for nearly every fault in practice, and with few,
 * all can be tried.
 */
import { Random } from "../random.ts";
import { type Chooser, InterleaveFailure, type Machine, type Program } from "./machine.ts";

/** What is simulated. */
export interface World {
  /** The programs of one run, one per CPU. */
  programs(): Program[];
  /** After a run: throws an InterleaveFailure when something is left that should not be. */
  check(): void;
}

export interface Scenario {
  readonly name: string;
  /** All schedules with so many preemptions are tried; 0: they are too many. */
  readonly preemptions: number;
  prepare(machine: Machine): World;
}

export interface Outcome {
  /** How many runs there were. */
  readonly runs: number;
  readonly failure?: string;
  /** The schedule of the run that failed. */
  readonly schedule?: string;
}

interface Deviation {
  readonly decision: number;
  readonly cpu: number;
}

/** A decision as it was made. */
interface Decision {
  readonly ready: readonly number[];
  readonly chosen: number;
  readonly usual: number;
  readonly isPreemption: boolean;
}

/** Makes the machine that the runs of an exploration share. */
export type MachineMaker = () => Machine;

/** More decisions in one run mean that it does not end. */
const STEPS_MAX = 20_000;

type Pick = (decision: number, ready: readonly number[], usual: number) => number;

class Recorder implements Chooser {
  readonly decisions: Decision[] = [];
  private readonly pick: Pick;

  constructor(pick: Pick) {
    this.pick = pick;
  }

  choose(ready: readonly number[], current: number): number {
    const goesOn = ready.includes(current);
    const usual = goesOn ? current : (ready[0] as number);
    const chosen = this.pick(this.decisions.length, ready, usual);
    this.decisions.push({ ready, chosen, usual, isPreemption: goesOn });
    return chosen;
  }

  schedule(): string {
    return this.decisions
      .flatMap(({ chosen, usual }, index) => (chosen === usual ? [] : [`${index}:${chosen}`]))
      .join(",");
  }
}

class Explorer {
  private readonly machine: Machine;
  private readonly world: World;
  runs = 0;

  constructor(scenario: Scenario, make: MachineMaker) {
    this.machine = make();
    this.world = scenario.prepare(this.machine);
    this.machine.save();
  }

  run(chooser: Chooser): string | undefined {
    this.runs++;
    try {
      this.machine.run(this.world.programs(), chooser, STEPS_MAX);
      this.world.check();
    } catch (error) {
      if (error instanceof InterleaveFailure) return error.message;
      throw error;
    }
    return undefined;
  }
}

function outcome(explorer: Explorer, failure: string | undefined, recorder: Recorder): Outcome {
  if (failure === undefined) return { runs: explorer.runs };
  return { runs: explorer.runs, failure, schedule: recorder.schedule() };
}

/** How often a run decided by a seed goes another way: from seldom to at every decision. */
const CHANCE_MIN = 0.01;

export function exploreRandom(
  scenario: Scenario,
  make: MachineMaker,
  firstSeed: number,
  seeds = 1,
): Outcome & { readonly seed?: number } {
  const explorer = new Explorer(scenario, make);
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const random = new Random(seed);
    const chance = random.scale(CHANCE_MIN, 1);
    const recorder = new Recorder((_, ready, usual) =>
      random.chance(chance) ? random.pick(ready) : usual,
    );
    const failure = explorer.run(recorder);
    if (failure !== undefined) return { ...outcome(explorer, failure, recorder), seed };
  }
  return { runs: explorer.runs };
}

function follow(deviations: readonly Deviation[]): Recorder {
  const chosen = new Map(deviations.map(({ decision, cpu }) => [decision, cpu]));
  return new Recorder((decision, ready, usual) => {
    const cpu = chosen.get(decision) ?? usual;
    if (!ready.includes(cpu)) throw new InterleaveFailure("the schedule is of another program");
    return cpu;
  });
}

/** The schedules that agree with the run that was recorded up to its last deviation. */
function* successors(
  deviations: readonly Deviation[],
  recorder: Recorder,
  preemptionsLeft: number,
): Generator<{ deviations: Deviation[]; left: number }> {
  const first = (deviations.at(-1)?.decision ?? -1) + 1;
  for (let decision = first; decision < recorder.decisions.length; decision++) {
    const { ready, usual, isPreemption } = recorder.decisions[decision] as Decision;
    const left = preemptionsLeft - (isPreemption ? 1 : 0);
    if (left < 0) continue;
    for (const cpu of ready) {
      if (cpu !== usual) yield { deviations: [...deviations, { decision, cpu }], left };
    }
  }
}

export function exploreAll(scenario: Scenario, make: MachineMaker, preemptions: number): Outcome {
  const explorer = new Explorer(scenario, make);
  const open: { deviations: readonly Deviation[]; left: number }[] = [
    { deviations: [], left: preemptions },
  ];
  for (;;) {
    const next = open.pop();
    if (next === undefined) return { runs: explorer.runs };
    const recorder = follow(next.deviations);
    const failure = explorer.run(recorder);
    if (failure !== undefined) return outcome(explorer, failure, recorder);
    open.push(...successors(next.deviations, recorder, next.left));
  }
}

/** Reads a schedule; undefined when it is none. */
export function parseSchedule(text: string): Deviation[] | undefined {
  if (!/^(\d+:\d+(,\d+:\d+)*)?$/.test(text)) return undefined;
  return text
    .split(",")
    .filter((each) => each !== "")
    .map((each) => {
      const [decision, cpu] = each.split(":").map(Number);
      return { decision: decision as number, cpu: cpu as number };
    });
}

export function replay(
  scenario: Scenario,
  make: MachineMaker,
  schedule: readonly Deviation[],
): Outcome {
  const explorer = new Explorer(scenario, make);
  const recorder = follow(schedule);
  return outcome(explorer, explorer.run(recorder), recorder);
}
