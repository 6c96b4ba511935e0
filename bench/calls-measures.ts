// The system call measures: the same static program in both guests, its figures read from the
// console.
//
//   await measureCalls(plan, samples, progress)
//
// The program prints one line {"measure":"getpid","ns":12.3} per measure and a last line
// {"done":true}.

import type { Guest } from "./guest.ts";
import { startMachine } from "./machine.ts";
import type { Plan } from "./plan.ts";
import type { Progress } from "./redis-measures.ts";
import type { Samples } from "./report.ts";

export const TIMEOUT_MS = 120_000;
export const DONE = /\{"done":true\}/;

/** The measures on a console, between whatever else the guest printed there. */
export function parseCalls(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const match of text.matchAll(/\{"measure":"(\w+)","ns":([0-9.]+)\}/g)) {
    values.set(match[1] as string, Number(match[2]));
  }
  return values;
}

/** A guest that fails half way keeps the figures that it has printed. */
async function oneRun(plan: Plan, guest: Guest, progress: Progress): Promise<Map<string, number>> {
  const { machine, accelerator, memoryMiB } = plan;
  const vm = startMachine(guest, { machine, accelerator, memoryMiB, network: { kind: "none" } });
  try {
    await vm.waitFor(DONE, TIMEOUT_MS);
  } catch (error) {
    progress(`${guest.name}: ${(error as Error).message}`);
  } finally {
    await vm.stop();
  }
  return parseCalls(vm.console);
}

export async function measureCalls(
  plan: Plan,
  samples: Samples,
  progress: Progress,
): Promise<void> {
  for (let run = 0; run < plan.runs; run++) {
    const order = run % 2 === 0 ? plan.guests : [...plan.guests].reverse();
    for (const guest of order) {
      const values = await oneRun(plan, guest, progress);
      for (const [measure, ns] of values) samples.add(guest.name, measure, run, ns);
      progress(`run ${run + 1}/${plan.runs} ${guest.name}: ${values.size} measures`);
    }
  }
}
