// What a benchmark prints: rows of one measure each, as JSON for programs or as an aligned table.
//
//   new Samples()            collects values per measure and guest, run by run
//   samples.rows(measures)   medians and the median of the paired ratios
//   formatJson(rows)         {"rows":[{"measure","unit","better","virga","linux","ratio","insn_virga", …}, …]}
//   formatTable(rows)        the same for people
//
// A value that could not be measured is null, in JSON too, so a missing guest never looks like
// zero.

import type { Half, Instructions } from "./instructions/counters.ts";
import { type Better, median, medianRatio } from "./stats.ts";

export type GuestName = "virga" | "linux";

export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
}

export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly better: Better;
  readonly virga: number | null;
  readonly linux: number | null;
  readonly ratio: number | null;
  /** Instructions per operation in the kernel's half of the address space, and in the program's. */
  readonly insn_virga: number | null;
  readonly insn_linux: number | null;
  readonly insn_user_virga: number | null;
  readonly insn_user_linux: number | null;
}

/** Values by run: run i of one guest is the partner of run i of the other. */
export class Samples {
  readonly #values = new Map<string, Map<number, number>>();
  readonly #counts = new Map<string, Instructions[]>();

  add(guest: GuestName, measure: string, run: number, value: number): void {
    const key = `${guest} ${measure}`;
    const runs = this.#values.get(key) ?? new Map<number, number>();
    runs.set(run, value);
    this.#values.set(key, runs);
  }

  /** Instructions per operation, of one more run. */
  count(guest: GuestName, measure: string, instructions: Instructions): void {
    const key = `${guest} ${measure}`;
    this.#counts.set(key, [...(this.#counts.get(key) ?? []), instructions]);
  }

  #instructions(guest: GuestName, measure: string, half: Half): number | null {
    const counts = this.#counts.get(`${guest} ${measure}`);
    return counts ? round(median(counts.map((each) => each[half]))) : null;
  }

  #runs(guest: GuestName, measure: string): Map<number, number> {
    return this.#values.get(`${guest} ${measure}`) ?? new Map();
  }

  row(measure: Measure): Row {
    const virga = this.#runs("virga", measure.name);
    const linux = this.#runs("linux", measure.name);
    const both = [...virga.keys()].filter((run) => linux.has(run));
    const pick = (runs: Map<number, number>) => both.map((run) => runs.get(run) as number);
    const middle = (runs: Map<number, number>) => (runs.size ? median([...runs.values()]) : null);
    return {
      measure: measure.name,
      unit: measure.unit,
      better: measure.better,
      virga: round(middle(virga)),
      linux: round(middle(linux)),
      ratio: round(medianRatio(measure.better, pick(virga), pick(linux))),
      insn_virga: this.#instructions("virga", measure.name, "kernel"),
      insn_linux: this.#instructions("linux", measure.name, "kernel"),
      insn_user_virga: this.#instructions("virga", measure.name, "user"),
      insn_user_linux: this.#instructions("linux", measure.name, "user"),
    };
  }

  rows(measures: readonly Measure[]): Row[] {
    return measures.map((measure) => this.row(measure));
  }
}

/** Four significant digits: more would be noise. Whole numbers above that stay whole. */
export function round(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

export function formatJson(rows: readonly Row[]): string {
  return JSON.stringify({ rows });
}

/** Instructions of the kernel's half and of the program's. */
function halves(kernel: number | null, user: number | null): string {
  return kernel === null || user === null ? "-" : `${kernel} + ${user}`;
}

export function formatTable(rows: readonly Row[]): string {
  const cell = (value: number | null) => (value === null ? "-" : String(value));
  const head = ["measure", "unit", "Virga", "Linux", "times better"];
  const counts = ["instructions: Virga", "Linux (kernel + user)"];
  const lines = [[...head, ...counts]];
  for (const row of rows) {
    const ratio = row.ratio === null ? "-" : `${row.ratio.toFixed(2)}x`;
    const measured = [row.measure, row.unit, cell(row.virga), cell(row.linux), ratio];
    const virga = halves(row.insn_virga, row.insn_user_virga);
    const linux = halves(row.insn_linux, row.insn_user_linux);
    lines.push([...measured, virga, linux]);
  }
  return alignTable(lines);
}

/** Columns of equal width: the first two to the left, the others to the right. */
export function alignTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((l) => l[i]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((c, i) => (i < 2 ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0)))
        .join("  "),
    )
    .join("\n");
}
