// Carries out a plan. Also a program of its own, started inside the network namespace: it reads the
// plan from the file named on its command line, writes the rows to the second one, and progress to
// stderr.

import { readFileSync, writeFileSync } from "node:fs";
import { measureCalls } from "./calls-measures.ts";
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

export async function carryOut(plan: Plan): Promise<Row[]> {
  const samples = new Samples();
  const progress = (text: string) => {
    if (plan.verbose) process.stderr.write(`${text}\n`);
  };
  if (plan.kind === "redis") await measureRedis(plan, samples, progress);
  else await measureCalls(plan, samples, progress);
  return samples.rows(plan.measures);
}

if (process.argv[1] === import.meta.filename) {
  const [planFile, rowsFile] = process.argv.slice(2) as [string, string];
  endOnSignals(); // as the first process of its pid namespace it would otherwise ignore them
  try {
    setUpTap();
    const rows = await carryOut(JSON.parse(readFileSync(planFile, "utf8")) as Plan);
    writeFileSync(rowsFile, JSON.stringify(rows));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
