/**
 * `virga sim [--seed N] [--seeds COUNT] [--scenario NAME] [--trace]`: the network stack against
 * itself over a bad wire. Without --seed, COUNT seeds from 1 on. A failure prints its seed; with
 * that seed, every segment can be traced.
 *
 * With the name of a scenario of several CPUs (interleave/suite.ts), that one: by seeds; or by
 * `--preemptions N`, all schedules with so many; or by `--schedule S`, as a failure prints it.
 * `--mutation NAME` puts one of the suite's faults in.
 */
import { parseArgs } from "node:util";
import { runInterleaving, SCENARIO_NAMES } from "./interleave/suite.ts";
import { loadModule, simulate } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";

const SEEDS_DEFAULT = 200;

const OPTIONS = {
  seed: { type: "string" },
  seeds: { type: "string" },
  scenario: { type: "string" },
  preemptions: { type: "string" },
  schedule: { type: "string" },
  mutation: { type: "string" },
  trace: { type: "boolean", default: false },
} as const;

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    console.error(`sim: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

export async function runSimulation(args: string[]): Promise<number> {
  const values = parse(args);
  if (values === undefined) return 2;
  const { scenario } = values;
  const names = [...SCENARIOS.map(({ name }) => name), ...SCENARIO_NAMES];
  if (scenario !== undefined && !names.includes(scenario)) {
    console.error(`sim: no scenario '${scenario}'; there are: ${names.join(", ")}`);
    return 2;
  }
  const first = Number(values.seed ?? 1);
  const count = Number(values.seeds ?? (values.seed === undefined ? SEEDS_DEFAULT : 1));
  if (!Number.isInteger(first) || !Number.isInteger(count)) {
    console.error("sim: --seed and --seeds take a whole number");
    return 2;
  }
  if (scenario !== undefined && SCENARIO_NAMES.includes(scenario)) {
    return runInterleaving({ ...values, scenario, seed: first, seeds: count });
  }
  if (values.preemptions ?? values.schedule ?? values.mutation) {
    const places = SCENARIO_NAMES.join("|");
    console.error(`sim: --preemptions, --schedule and --mutation need --scenario ${places}`);
    return 2;
  }
  const module = await loadModule();
  const totals: Record<string, number> = {};
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const trace = values.trace ? { trace: (line: string) => console.log(line) } : {};
    const result = simulate(module, { seed, scenario, ...trace });
    totals.segments = (totals.segments ?? 0) + result.segments;
    for (const [name, value] of Object.entries(result.stats)) {
      totals[name] = (totals[name] ?? 0) + value;
    }
    if (result.failure === undefined) continue;
    failures++;
    const again = scenario === undefined ? "" : ` --scenario ${scenario}`;
    console.log(`seed ${seed} (${result.scenario}) failed: ${result.failure}`);
    console.log(`  again: ./virga sim --seed ${seed}${again} --trace`);
  }
  console.log(`${count - failures} of ${count} simulations passed`);
  for (const [name, value] of Object.entries(totals)) console.log(`  ${name} ${value}`);
  return failures === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  process.exitCode = await runSimulation(process.argv.slice(2));
}
