// Carries out a plan. Also a program of its own, started inside the network namespace: it reads the
// plan from the file named on its command line, writes the rows to the second one, and progress to
// stderr.

import { readFileSync, writeFileSync } from "node:fs";
import { measureCalls } from "./calls-measures.ts";
import { type ComparedRow, compareCounts } from "./instructions/compare.ts";
import { countRun } from "./instructions/count.ts";
import { setUpTap } from "./network.ts";
import type { Plan } from "./plan.ts";
import { measureRedis } from "./redis-measures.ts";
import { type Row, Samples } from "./report.ts";

/** Ends by way of process.exit, so that the exit handlers of machine.ts take QEMU along. */
export function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.exit(130));
  }
}

function progressOf(plan: Plan): (text: string) => void {
  return (text) => {
    if (plan.verbose) process.stderr.write(`${text}\n`);
  };
}

/** Instructions are counted in runs of their own. Where that fails their figures are missing. */
async function countInstructions(plan: Plan, samples: Samples): Promise<void> {
  const { counting } = plan;
  if (counting === null) return;
  const progress = progressOf(plan);
  for (let run = 0; run < counting.runs; run++) {
    for (const guest of counting.guests) {
      try {
        const counts = await countRun(plan, counting, guest);
        for (const [measure, counted] of counts) samples.count(guest.name, measure, counted);
        progress(`${guest.name}: instructions of ${counts.size} measures counted`);
      } catch (error) {
        progress(`${guest.name}: instructions are not counted: ${(error as Error).message}`);
      }
    }
  }
}

export async function carryOut(plan: Plan): Promise<Row[]> {
  const samples = new Samples();
  if (plan.kind === "redis") await measureRedis(plan, samples, progressOf(plan));
  else await measureCalls(plan, samples, progressOf(plan));
  await countInstructions(plan, samples);
  return samples.rows(plan.measures);
}

export function carryOutComparison(plan: Plan): Promise<ComparedRow[]> {
  return compareCounts(plan, progressOf(plan));
}

if (process.argv[1] === import.meta.filename) {
  const [planFile, rowsFile] = process.argv.slice(2) as [string, string];
  endOnSignals(); // as the first process of its pid namespace it would otherwise ignore them
  try {
    setUpTap();
    const plan = JSON.parse(readFileSync(planFile, "utf8")) as Plan;
    const rows = await (plan.compares ? carryOutComparison(plan) : carryOut(plan));
    writeFileSync(rowsFile, JSON.stringify(rows));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
