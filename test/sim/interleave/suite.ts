/**
 * What is simulated on several CPUs, by name: for the tests (interleave.sim.ts) and for replaying
 * (test/sim/main.ts).
 */
import { CHANNEL_BUILD, CHANNEL_MUTATIONS, CHANNEL_SCENARIOS } from "./channel.ts";
import {
  exploreAll,
  exploreRandom,
  type Outcome,
  parseSchedule,
  replay,
  type Scenario,
} from "./explore.ts";
import { type Build, loadInstrumented, type Mutation } from "./instrument.ts";
import { MUTEX_BUILD, MUTEX_MUTATIONS, MUTEX_SCENARIOS } from "./mutex.ts";

/** What is compiled and instrumented together. */
export interface Suite {
  readonly build: Build;
  readonly scenarios: readonly Scenario[];
  readonly mutations: readonly Mutation[];
}

export const SUITES: readonly Suite[] = [
  { build: MUTEX_BUILD, scenarios: MUTEX_SCENARIOS, mutations: MUTEX_MUTATIONS },
  { build: CHANNEL_BUILD, scenarios: CHANNEL_SCENARIOS, mutations: CHANNEL_MUTATIONS },
];

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
  module: WebAssembly.Module,
  options: InterleaveOptions,
): Outcome | string {
  if (options.schedule !== undefined) {
    const schedule = parseSchedule(options.schedule);
    if (schedule === undefined) return "--schedule takes DECISION:CPU,… as a failure prints it";
    return replay(scenario, module, schedule);
  }
  if (options.preemptions !== undefined) {
    const preemptions = Number(options.preemptions);
    if (!Number.isInteger(preemptions)) return "--preemptions takes a whole number";
    return exploreAll(scenario, module, preemptions);
  }
  return exploreRandom(scenario, module, options.seed, options.seeds);
}

/** Runs one scenario as the command line asks; returns the exit status. */
export async function runInterleaving(options: InterleaveOptions): Promise<number> {
  for (const { build, scenarios, mutations } of SUITES) {
    const scenario = scenarios.find(({ name }) => name === options.scenario);
    if (scenario === undefined) continue;
    const mutation = mutations.find(({ name }) => name === options.mutation);
    if (options.mutation !== undefined && mutation === undefined) {
      const names = mutations.map(({ name }) => `'${name}'`).join(", ");
      console.error(`sim: no mutation '${options.mutation}'; there are: ${names}`);
      return 2;
    }
    const result = explore(scenario, await loadInstrumented(build, mutation), options);
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
