// Two kernels compared by what an operation costs them in instructions.
//
//   await compareCounts(plan, progress)     plan.counting.guests: the base and the present one
//   comparisonJson(rows), comparisonTable(rows)
//   exceeding(rows, percent)                rows in which the present kernel costs so much more
//
// Runs of the two alternate, and the least of each counts: what varies from run to run (interrupts,
// random addresses, how many requests a server finds at once) adds to what an operation costs.

import type { Plan } from "../plan.ts";
import type { Progress } from "../redis-measures.ts";
import { alignTable, round } from "../report.ts";
import { type ByFunction, type FunctionRow, largest } from "./blocks.ts";
import { type Counts, countRun } from "./count.ts";
import type { Half } from "./counters.ts";

export interface ComparedRow {
  readonly measure: string;
  readonly insn_base: number | null;
  readonly insn_now: number | null;
  /** Of the kernel's instructions, in percent. */
  readonly change: number | null;
  readonly insn_user_base: number | null;
  readonly insn_user_now: number | null;
  /** Where the kernel's went: the functions that differ most. */
  readonly functions?: readonly FunctionRow[];
}

function least(runs: readonly Counts[], measure: string, half: Half) {
  const values = runs.flatMap((counts) => counts.get(measure)?.[half] ?? []);
  return values.length === 0 ? null : round(Math.min(...values));
}

/** Of the run with the least. */
function functionsOf(runs: readonly Counts[], measure: string): ByFunction {
  const counts = runs.flatMap((run) => run.get(measure) ?? []);
  counts.sort((a, b) => a.kernel - b.kernel);
  return counts[0]?.functions ?? new Map();
}

export function comparedRow(
  measure: string,
  base: readonly Counts[],
  now: readonly Counts[],
  functions = 0,
): ComparedRow {
  const before = least(base, measure, "kernel");
  const after = least(now, measure, "kernel");
  const change = before && after !== null ? round(((after - before) / before) * 100) : null;
  return {
    measure,
    insn_base: before,
    insn_now: after,
    change,
    insn_user_base: least(base, measure, "user"),
    insn_user_now: least(now, measure, "user"),
    ...(functions > 0 ? { functions: rowsOf(base, now, measure, functions) } : {}),
  };
}

function rowsOf(
  base: readonly Counts[],
  now: readonly Counts[],
  measure: string,
  count: number,
): FunctionRow[] {
  const rows = largest(functionsOf(base, measure), functionsOf(now, measure), count);
  return rows.map((row) => ({ ...row, base: round(row.base) ?? 0, now: round(row.now) ?? 0 }));
}

export async function compareCounts(plan: Plan, progress: Progress): Promise<ComparedRow[]> {
  const { counting } = plan;
  const results: [Counts[], Counts[]] = [[], []];
  if (counting === null) return [];
  for (let run = 0; run < counting.runs; run++) {
    for (const index of run % 2 === 0 ? [0, 1] : [1, 0]) {
      const guest = counting.guests[index];
      if (guest === undefined) continue;
      results[index as 0 | 1].push(await countRun(plan, counting, guest));
      progress(`${plan.kind} ${run + 1}/${counting.runs}: ${index === 0 ? "base" : "now"}`);
    }
  }
  return plan.measures
    .map(({ name }) => comparedRow(name, ...results, counting.functions))
    .filter((row) => row.insn_base !== null || row.insn_now !== null);
}

export function exceeding(rows: readonly ComparedRow[], percent: number): string[] {
  return rows.filter((row) => (row.change ?? 0) > percent).map((row) => row.measure);
}

export function comparisonJson(rows: readonly ComparedRow[]): string {
  return JSON.stringify({ rows });
}

export function comparisonTable(rows: readonly ComparedRow[]): string {
  const cell = (value: number | null) => (value === null ? "-" : String(value));
  const lines = [["measure", "", "kernel: base", "now", "change", "user: base", "now"]];
  for (const row of rows) {
    const sign = (row.change ?? 0) > 0 ? "+" : "";
    const change = row.change === null ? "-" : `${sign}${row.change.toFixed(1)} %`;
    const kernel = [cell(row.insn_base), cell(row.insn_now), change];
    lines.push([row.measure, "", ...kernel, cell(row.insn_user_base), cell(row.insn_user_now)]);
    for (const { name, base, now } of row.functions ?? []) {
      lines.push([`  ${name}`, "", cell(base), cell(now), cell(round(now - base))]);
    }
  }
  return alignTable(lines);
}
