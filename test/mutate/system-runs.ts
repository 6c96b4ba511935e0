/*
 * Mutants against the programs of test/guest, in virtual machines.
 *
 *     const system = await runSystemTests(tree, mutants, say)
 *     system.killers      per mutant, the program that has found it
 *     system.covered      the mutants that some program comes by
 *
 * As with unit tests: who comes by a place is seen first, and those alone run. Who comes by most
 * places of the same file is about it most likely, and runs first.
 */

import { pool } from "../../toolchain/pool.ts";
import { type BootRequest, type BootResult, boot } from "../system/boot.ts";
import type { Testbed } from "../system/guest-runs.ts";
import { type MachineRun, machineRuns } from "../system/machine-runs.ts";
import { checkSources, compileProgram, SPECIAL_SOURCES, VARIANTS } from "../system/programs.ts";
import { composeTestRoot, isHello } from "../system/root.ts";
import { Tally } from "../tally.ts";
import { NO_MUTANT } from "./node-suite.ts";
import { MUTANT_VARIABLE, type MutantTree } from "./tree.ts";

const WIDTH = 2;
/** Without a mutant a program takes a second or two; with one, what takes so much longer hangs. */
const TIMEOUT_MS = 60_000;
const SLOWER_BY = 5;
const SLOWER_BY_MS = 5_000;

/** The line that mutantReport of tree.ts prints: four mutants a digit. */
export function readCovered(text: string): Set<number> {
  const digits = /^mutants: ([0-9a-f]*)$/m.exec(text)?.[1] ?? "";
  const covered = new Set<number>();
  [...digits].forEach((digit, index) => {
    for (let bit = 0; bit < 4; bit++) {
      if ((Number.parseInt(digit, 16) >> bit) & 1) covered.add(index * 4 + bit);
    }
  });
  return covered;
}

interface Run {
  readonly hasPassed: boolean;
  readonly covered: ReadonlySet<number>;
  readonly milliseconds: number;
}

/** Boots the mutants' kernel with one of them active, and hears what it says of itself. */
async function run(testbed: Testbed, one: MachineRun, mutant: number, limit: number): Promise<Run> {
  const start = performance.now();
  let covered: ReadonlySet<number> = new Set();
  const booted = async (request: BootRequest): Promise<BootResult> => {
    const env = { ...request.env, [MUTANT_VARIABLE]: String(mutant) };
    const result = await boot({ ...request, env, timeoutMs: limit });
    covered = readCovered(result.text);
    return result;
  };
  const tally = new Tally(() => {});
  await one.run({ ...testbed, boot: booted }, tally);
  return { hasPassed: tally.failed === 0, covered, milliseconds: performance.now() - start };
}

interface Baseline extends Run {
  readonly one: MachineRun;
}

/** Those that come by the mutant, first who comes by most of its file. */
function likeliest(tree: MutantTree, baselines: readonly Baseline[], mutant: number): Baseline[] {
  const file = tree.mutants[mutant]?.file;
  const sameFile = tree.mutants.filter((each) => each.file === file).map(({ number }) => number);
  const share = ({ covered }: Baseline) => sameFile.filter((each) => covered.has(each)).length;
  return baselines
    .filter(({ covered }) => covered.has(mutant))
    .sort((a, b) => share(b) - share(a) || a.covered.size - b.covered.size);
}

export interface SystemResult {
  readonly killers: ReadonlyMap<number, string>;
  readonly covered: ReadonlySet<number>;
}

async function makeTestbed(tree: MutantTree): Promise<Testbed> {
  const wanted = [
    ...checkSources().map((source) => ({ source, variant: "static" as const })),
    // How they end is looked at in each variant.
    ...SPECIAL_SOURCES.flatMap((source) => VARIANTS.map((variant) => ({ source, variant }))),
  ];
  const programs = await pool(WIDTH, wanted, ({ source, variant }) =>
    compileProgram(source, variant),
  );
  return {
    kernel: tree.kernel,
    debugKernel: tree.debugKernel,
    image: await composeTestRoot(programs),
    smallImage: await composeTestRoot(programs.filter(isHello)),
    programs: new Map(programs.map((each) => [each.name, each])),
    boot,
  };
}

export async function runSystemTests(
  tree: MutantTree,
  mutants: readonly number[],
  say: (text: string) => void,
): Promise<SystemResult> {
  const testbed = await makeTestbed(tree);
  const baselines = await pool(WIDTH, machineRuns(["static"]), async (one) => ({
    one,
    ...(await run(testbed, one, NO_MUTANT, TIMEOUT_MS)),
  }));
  for (const { one, hasPassed } of baselines) {
    if (!hasPassed) say(`${one.name} fails without a mutant, and is left out`);
  }
  const sound = baselines.filter(({ hasPassed }) => hasPassed);
  say(`${sound.length} runs of programs pass in machines without a mutant`);
  const killers = new Map<number, string>();
  let done = 0;
  await pool(WIDTH, mutants, async (mutant) => {
    for (const { one, milliseconds } of likeliest(tree, sound, mutant)) {
      const limit = milliseconds * SLOWER_BY + SLOWER_BY_MS;
      if ((await run(testbed, one, mutant, limit)).hasPassed) continue;
      killers.set(mutant, one.name);
      break;
    }
    if (++done % 10 === 0) say(`${done} of ${mutants.length} in machines, ${killers.size} killed`);
  });
  return { killers, covered: new Set(sound.flatMap(({ covered }) => [...covered])) };
}
