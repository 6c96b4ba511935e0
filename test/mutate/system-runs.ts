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

import { pool } from "../pool.ts";
import { boot } from "../system/boot.ts";
import { incompleteness, readChecks } from "../system/checks.ts";
import { GUEST_ENVIRONMENT } from "../system/guest-runs.ts";
import { checkSources, compileProgram, type GuestProgram } from "../system/programs.ts";
import { composeTestRoot, guestPath } from "../system/root.ts";
import { NO_MUTANT } from "./node-suite.ts";
import { MUTANT_VARIABLE, type MutantTree } from "./tree.ts";

const WIDTH = 2;
/** Without a mutant a program takes a second or two; with one, what takes so much longer hangs. */
const TIMEOUT_MS = 60_000;
const SLOWER_BY = 5;
const SLOWER_BY_MS = 5_000;
/**
 * Nearly every program comes by the paths of open and exit. What the likeliest do not notice the
 * others hardly do, and trying them all would take hours; so a few killed ones count as survivors.
 */
const PROGRAMS_MAX = 6;

interface Run {
  readonly hasPassed: boolean;
  readonly covered: ReadonlySet<number>;
  readonly milliseconds: number;
}

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

async function run(
  tree: MutantTree,
  image: string,
  program: GuestProgram,
  mutant: number,
  timeoutMs: number,
): Promise<Run> {
  const start = performance.now();
  const result = await boot({
    kernel: tree.kernel,
    image,
    argv: [guestPath(program), "--virga"],
    env: { ...GUEST_ENVIRONMENT, [MUTANT_VARIABLE]: String(mutant) },
    timeoutMs,
  });
  const report = readChecks(result.text);
  const isWhole = report.failed.length === 0 && incompleteness(report) === null;
  const milliseconds = performance.now() - start;
  const hasEnded = result.end.kind === "exit" && result.end.code === 0;
  return { hasPassed: isWhole && hasEnded, covered: readCovered(result.text), milliseconds };
}

interface Baseline extends Run {
  readonly program: GuestProgram;
}

/** The programs that come by the mutant, those first that come by most of its file. */
function likeliest(tree: MutantTree, baselines: readonly Baseline[], mutant: number): Baseline[] {
  const file = tree.mutants[mutant]?.file;
  const sameFile = tree.mutants.filter((each) => each.file === file).map(({ number }) => number);
  const share = ({ covered }: Baseline) => sameFile.filter((each) => covered.has(each)).length;
  return baselines
    .filter(({ covered }) => covered.has(mutant))
    .sort((a, b) => share(b) - share(a) || a.covered.size - b.covered.size)
    .slice(0, PROGRAMS_MAX);
}

export interface SystemResult {
  readonly killers: ReadonlyMap<number, string>;
  readonly covered: ReadonlySet<number>;
}

export async function runSystemTests(
  tree: MutantTree,
  mutants: readonly number[],
  say: (text: string) => void,
): Promise<SystemResult> {
  const programs = await pool(WIDTH, checkSources(), (source) => compileProgram(source, "static"));
  const image = await composeTestRoot(programs);
  const baselines = await pool(WIDTH, programs, async (program) => ({
    program,
    ...(await run(tree, image, program, NO_MUTANT, TIMEOUT_MS)),
  }));
  for (const { program, hasPassed } of baselines) {
    if (!hasPassed) say(`${program.name} fails without a mutant, and is left out`);
  }
  const sound = baselines.filter(({ hasPassed }) => hasPassed);
  say(`${sound.length} programs pass in machines without a mutant`);
  const killers = new Map<number, string>();
  let done = 0;
  await pool(WIDTH, mutants, async (mutant) => {
    for (const { program, milliseconds } of likeliest(tree, sound, mutant)) {
      const timeoutMs = milliseconds * SLOWER_BY + SLOWER_BY_MS;
      if ((await run(tree, image, program, mutant, timeoutMs)).hasPassed) continue;
      killers.set(mutant, program.name);
      break;
    }
    if (++done % 10 === 0) say(`${done} of ${mutants.length} in machines, ${killers.size} killed`);
  });
  return { killers, covered: new Set(sound.flatMap(({ covered }) => [...covered])) };
}
