/**
 * What is simulated on several CPUs, or as the threads of one, by name: for the tests
 * (interleave.sim.ts) and for replaying (test/sim/main.ts).
 */
import { SLEEP_SUITE } from "../sleep/suite.ts";
import { CHANNEL_BUILD, CHANNEL_MUTATIONS, CHANNEL_SCENARIOS } from "./channel.ts";
import {
  exploreAll,
  exploreRandom,
  type MachineMaker,
  type Outcome,
  parseSchedule,
  replay,
  type Scenario,
} from "./explore.ts";
import { type Build, type Fault, loadInstrumented, type Mutation } from "./load.ts";
import { Machine } from "./machine.ts";
import { MUTEX_BUILD, MUTEX_MUTATIONS, MUTEX_SCENARIOS } from "./mutex.ts";

/** Scenarios that run the same code, and the faults that they must find. */
export interface Suite {
  readonly scenarios: readonly Scenario[];
  readonly faults: readonly Fault[];
  /** The code as it ships, or with a fault put in. */
  load(fault?: Fault): Promise<MachineMaker>;
}

/** How many seeds each scenario of several CPUs runs by in the tests. */
export const CPU_SEEDS = 2000;

/** What every simulated module exports: the offset of `state` in a Thread. */
export const STATE_EXPORT = "simThreadState";

function cpuSuite(
  build: Build,
  scenarios: readonly Scenario[],
  mutations: readonly Mutation[],
): Suite {
  return {
    scenarios,
    faults: mutations,
    load: async (fault) => {
      const mutation = mutations.find(({ name }) => name === fault?.name);
      const module = await loadInstrumented(build, mutation);
      return () => new Machine(module, STATE_EXPORT);
    },
  };
}

/** Lock-free code on several CPUs. */
export const CPU_SUITES: readonly Suite[] = [
  cpuSuite(MUTEX_BUILD, MUTEX_SCENARIOS, MUTEX_MUTATIONS),
  cpuSuite(CHANNEL_BUILD, CHANNEL_SCENARIOS, CHANNEL_MUTATIONS),
];

const SUITES: readonly Suite[] = [...CPU_SUITES, SLEEP_SUITE];

export const SCENARIO_NAMES: readonly string[] = SUITES.flatMap(({ scenarios }) =>
  scenarios.map(({ name }) => name),
);

/** What `virga sim` was asked for. */
export interface InterleaveOptions {
  readonly scenario: string;
  readonly seed: number;
  readonly seeds: number;
  /** Every schedule with this many preemptions, instead of seeds. */
  readonly preemptions?: string | undefined;
  /** This one run, instead of seeds. */
  readonly schedule?: string | undefined;
  /** The name of a fault to put in. */
  readonly mutation?: string | undefined;
}

/** How a failed run is repeated. */
export function again(scenario: string, schedule: string | undefined): string {
  return `./virga sim --scenario ${scenario} --schedule "${schedule ?? ""}"`;
}

function explore(
  scenario: Scenario,
  make: MachineMaker,
  options: InterleaveOptions,
): Outcome | string {
  if (options.schedule !== undefined) {
    const schedule = parseSchedule(options.schedule);
    if (schedule === undefined) return "--schedule takes DECISION:CPU,… as a failure prints it";
    return replay(scenario, make, schedule);
  }
  if (options.preemptions !== undefined) {
    const preemptions = Number(options.preemptions);
    if (!Number.isInteger(preemptions)) return "--preemptions takes a whole number";
    return exploreAll(scenario, make, preemptions);
  }
  return exploreRandom(scenario, make, options.seed, options.seeds);
}

/** Runs one scenario as the command line asks; returns the exit status. */
export async function runInterleaving(options: InterleaveOptions): Promise<number> {
  for (const { scenarios, faults, load } of SUITES) {
    const scenario = scenarios.find(({ name }) => name === options.scenario);
    if (scenario === undefined) continue;
    const mutation = faults.find(({ name }) => name === options.mutation);
    if (options.mutation !== undefined && mutation === undefined) {
      const names = faults.map(({ name }) => `'${name}'`).join(", ");
      console.error(`sim: no mutation '${options.mutation}'; there are: ${names}`);
      return 2;
    }
    const result = explore(scenario, await load(mutation), options);
    if (typeof result === "string") {
      console.error(`sim: ${result}`);
      return 2;
    }
    const { runs, failure, schedule } = result;
    if (failure === undefined) {
      console.log(`${scenario.name}: ${runs} of ${runs} runs passed`);
      return 0;
    }
    console.log(`${scenario.name}, run ${runs} failed: ${failure}`);
    const fault = mutation === undefined ? "" : ` --mutation "${mutation.name}"`;
    console.log(`  again: ${again(scenario.name, schedule)}${fault}`);
    return 1;
  }
  throw new Error(`no scenario ${options.scenario}`);
}
