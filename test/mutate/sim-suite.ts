/*
 * The simulations of threads with mutants in the code that they run: of one CPU's threads that
 * sleep (test/sim/sleep) and of locks between CPUs (test/sim/interleave). A test is one scenario,
 * by as many seeds as in the project's tests of it.
 */
import { readFileSync } from "node:fs";
import { exploreRandom, type Scenario } from "../sim/interleave/explore.ts";
import { Machine } from "../sim/interleave/machine.ts";
import { MUTEX_SCENARIOS } from "../sim/interleave/mutex.ts";
import { CPU_SEEDS, STATE_EXPORT } from "../sim/interleave/suite.ts";
import { SleepMachine } from "../sim/sleep/machine.ts";
import { SLEEP_SEEDS, SLEEP_SUITE } from "../sim/sleep/suite.ts";
import { coveredOf, NO_MUTANT, type NodeModules, type NodeSuite } from "./node-suite.ts";

interface SimTest {
  readonly scenario: Scenario;
  readonly seeds: number;
  make(): Machine;
}

function simTests(modules: NodeModules): SimTest[] {
  const load = (name: string) => new WebAssembly.Module(readFileSync(modules[name] as string));
  const sleep = load("sleep");
  const mutex = load("mutex");
  return [
    ...SLEEP_SUITE.scenarios.map((scenario) => ({
      ...{ scenario, seeds: SLEEP_SEEDS },
      make: () => new SleepMachine(sleep, 0),
    })),
    ...MUTEX_SCENARIOS.map((scenario) => ({
      ...{ scenario, seeds: CPU_SEEDS },
      make: () => new Machine(mutex, STATE_EXPORT),
    })),
  ];
}

/** What a machine has come by, of the runs since its memory was saved the last one alone. */
function coveredBy(machine: Machine, mutants: number): number[] {
  return coveredOf(
    {
      mutantActivate: (number) => void machine.call("mutantActivate", number),
      mutantCovered: (number) => machine.call("mutantCovered", number),
    },
    mutants,
  );
}

/** Each run sets the memory back, so what a scenario comes by is asked after single seeds. */
const COVER_SEEDS = SLEEP_SEEDS;

function cover({ scenario, make }: SimTest, mutants: number): number[] {
  const covered = new Set<number>();
  for (let seed = 1; seed <= COVER_SEEDS; seed++) {
    const machine = make();
    exploreRandom(scenario, () => machine, seed);
    for (const mutant of coveredBy(machine, mutants)) covered.add(mutant);
  }
  return [...covered];
}

/** Whether all seeds pass; whatever breaks the machine itself is a failure as well. */
function passes({ scenario, seeds, make }: SimTest, mutant: number): boolean {
  const active = () => {
    const machine = make();
    machine.call("mutantActivate", mutant);
    return machine;
  };
  try {
    return exploreRandom(scenario, active, 1, seeds).failure === undefined;
  } catch {
    return false;
  }
}

/** `modules`: the paths of `sleep` and `mutex`; `mutants`: how many are in each. */
export function simSuite(modules: NodeModules, mutants: number): NodeSuite {
  const tests = simTests(modules);
  return {
    names: tests.map(({ scenario }) => scenario.name),
    run(test, mutant) {
      const one = tests[test] as SimTest;
      const hasPassed = passes(one, mutant);
      return { hasPassed, covered: hasPassed && mutant === NO_MUTANT ? cover(one, mutants) : [] };
    },
  };
}
