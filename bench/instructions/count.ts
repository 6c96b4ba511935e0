// Counted runs: what one operation of each measure costs in instructions of the guest.
//
//   await countRun(plan, counting, guest)     per measure
//
// Nothing is timed in such a run. The Redis loads are counted from outside, between two looks at
// the counters while nobody asks anything; the calls by the program's own marks.

import { join } from "node:path";
import { DONE, TIMEOUT_MS } from "../calls-measures.ts";
import { BenchError } from "../errors.ts";
import type { Guest } from "../guest.ts";
import { startMachine } from "../machine.ts";
import type { Counting, Plan } from "../plan.ts";
import { redisBenchmark } from "../redis-benchmark.ts";
import { BOOT_TIMEOUT_MS, bootRedis, CLIENTS, LOADS } from "../redis-measures.ts";
import { Counters, difference, type Instructions, perOperation } from "./counters.ts";

export type Counts = Map<string, Instructions>;

async function countRedis(plan: Plan, plugin: string, guest: Guest, counters: Counters) {
  const counts: Counts = new Map();
  const counting = counters.forPlugin(plugin);
  const booted = await bootRedis(plan, guest, plan.memoryMiB, BOOT_TIMEOUT_MS, counting);
  try {
    counts.set("boot_to_ping", counters.read());
    for (const { measure, test, pipeline, share } of LOADS) {
      if (!plan.measures.some(({ name }) => name === measure)) continue;
      const requests = plan.requests * share;
      const before = counters.read();
      await redisBenchmark(booted.target, { test, clients: CLIENTS, requests, pipeline });
      counts.set(measure, perOperation(difference(counters.read(), before), requests));
    }
  } finally {
    await booted.vm.stop();
  }
  return counts;
}

/** The marks come in pairs, in the order of the lines that the program prints. */
export function countsOf(console: string, marks: readonly Instructions[]): Counts {
  const counts: Counts = new Map();
  const lines = [...console.matchAll(/\{"measure":"(\w+)","count":(\d+)\}/g)];
  if (marks.length !== lines.length * 2) {
    throw new BenchError(`${lines.length} measures were counted, by ${marks.length} marks`);
  }
  lines.forEach(([, name, count], index) => {
    const total = difference(
      marks[index * 2 + 1] as Instructions,
      marks[index * 2] as Instructions,
    );
    counts.set(name as string, perOperation(total, Number(count)));
  });
  return counts;
}

async function countCalls(plan: Plan, plugin: string, guest: Guest, counters: Counters) {
  const { machine, accelerator, memoryMiB } = plan;
  const counting = counters.forPlugin(plugin);
  const network = { kind: "none" } as const;
  const vm = startMachine(guest, { machine, accelerator, memoryMiB, network, counting });
  try {
    await vm.waitFor(DONE, TIMEOUT_MS);
    return countsOf(vm.console, counters.marks());
  } finally {
    await vm.stop();
  }
}

/** One counted run of a guest. */
export async function countRun(plan: Plan, counting: Counting, guest: Guest): Promise<Counts> {
  const file = join(counting.folder, `counts-${process.pid}`);
  const counters = new Counters(file, counting.functions > 0 ? guest.kernel : null);
  try {
    const run = plan.kind === "redis" ? countRedis : countCalls;
    return await run(plan, counting.plugin, guest, counters);
  } finally {
    counters.remove();
  }
}
