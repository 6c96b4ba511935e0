// The Redis measures: boots each guest in turn, loads it from redis-benchmark, and collects the
// figures.
//
//   await measureRedis(plan, samples, progress)
//
// One run boots a guest once, takes the time to its first PONG, and then loads that same machine.
// Runs of the two guests alternate, and the one that goes first changes from run to run. A run that
// fails is told and left out; its partner then counts in the median, but not in the ratio.

import { statSync } from "node:fs";
import { createServer } from "node:net";
import { GUEST_IP, type Guest } from "./guest.ts";
import { type MachineOptions, type RunningMachine, startMachine } from "./machine.ts";
import { QUEUE_WHILE_BOOTING, QUEUE_WHILE_SERVING, setQueueLength, TAP } from "./network.ts";
import type { Plan } from "./plan.ts";
import { redisBenchmark } from "./redis-benchmark.ts";
import type { Samples } from "./report.ts";
import { firstPong, request, type Target } from "./resp.ts";
import { smallest } from "./search.ts";

const REDIS_PORT = 6379;
export const CLIENTS = 50;
export const BOOT_TIMEOUT_MS = 30_000;
/**
 * A guest short of memory may thrash or hang instead of giving up; a good boot takes a tenth of
 * this.
 */
const SMALL_BOOT_TIMEOUT_MS = 12_000;
const MEMORY_RANGE_MIB = { low: 8, high: 256 };

export type Progress = (text: string) => void;

interface Attached {
  readonly options: MachineOptions;
  readonly target: Target;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

type CountingOptions = MachineOptions["counting"];

async function attach(plan: Plan, memoryMiB: number, counting: CountingOptions): Promise<Attached> {
  const { machine, accelerator } = plan;
  const base = { machine, accelerator, memoryMiB, ...(counting ? { counting } : {}) };
  if (plan.network === "tap") {
    const network = { kind: "tap", interface: TAP } as const;
    return { options: { ...base, network }, target: { host: GUEST_IP, port: REDIS_PORT } };
  }
  const hostPort = await freePort();
  const forward = { hostPort, guestPort: REDIS_PORT, protocol: "tcp" } as const;
  const network = { kind: "user", forwards: [forward] } as const;
  return { options: { ...base, network }, target: { host: "127.0.0.1", port: hostPort } };
}

/**
 * QEMU's user-mode network accepts by itself, and stops accepting while its packets to a booting
 * guest are lost. So there the guest is only asked once Redis has said on the console that it is
 * ready.
 */
async function bootUntilPong(
  plan: Plan,
  vm: RunningMachine,
  target: Target,
  timeoutMs: number,
): Promise<number> {
  const ended = () => vm.ended;
  if (plan.network === "tap") {
    return firstPong(target, { intervalMs: 3, openMax: 8, timeoutMs, ended });
  }
  await vm.waitFor(/Ready to accept connections/, timeoutMs);
  return firstPong(target, { intervalMs: 50, openMax: 2, timeoutMs, ended });
}

/** Boots a guest until it answers. Whoever gets the machine stops it. */
export async function bootRedis(
  plan: Plan,
  guest: Guest,
  memoryMiB: number,
  timeoutMs: number,
  counting?: CountingOptions,
) {
  const { options, target } = await attach(plan, memoryMiB, counting);
  if (plan.network === "tap") setQueueLength(QUEUE_WHILE_BOOTING);
  const vm = startMachine(guest, options);
  try {
    const pongAt = await bootUntilPong(plan, vm, target, timeoutMs);
    if (plan.network === "tap") setQueueLength(QUEUE_WHILE_SERVING);
    return { vm, target, bootMs: pongAt - vm.startedAt };
  } catch (error) {
    const tail = vm.tail;
    await vm.stop();
    throw new Error(`${(error as Error).message}\n${tail}`);
  }
}

export const LOADS = [
  { measure: "set", test: "set", pipeline: 1, share: 1 },
  { measure: "get", test: "get", pipeline: 1, share: 1 },
  { measure: "set_p16", test: "set", pipeline: 16, share: 5 },
  { measure: "get_p16", test: "get", pipeline: 16, share: 5 },
] as const;

async function oneRun(
  plan: Plan,
  guest: Guest,
  run: number,
  samples: Samples,
  progress: Progress,
): Promise<void> {
  const wanted = new Set(plan.measures.map((measure) => measure.name));
  const { vm, target, bootMs } = await bootRedis(plan, guest, plan.memoryMiB, BOOT_TIMEOUT_MS);
  try {
    samples.add(guest.name, "boot_to_ping", run, bootMs);
    let line = `boot ${bootMs.toFixed(0)} ms`;
    for (const { measure, test, pipeline, share } of LOADS) {
      const alsoP99 = measure === "get" && wanted.has("p99");
      if (!wanted.has(measure) && !alsoP99) continue;
      const requests = plan.requests * share;
      const result = await redisBenchmark(target, { test, clients: CLIENTS, requests, pipeline });
      samples.add(guest.name, measure, run, result.requestsPerSecond);
      line += `, ${measure} ${result.requestsPerSecond.toFixed(0)}/s`;
      if (measure === "get") samples.add(guest.name, "p99", run, result.p99Ms);
    }
    progress(`run ${run + 1}/${plan.runs} ${guest.name}: ${line}`);
  } finally {
    await vm.stop();
  }
}

/** Does the guest boot in this much memory, and store and return a value? */
async function serves(plan: Plan, guest: Guest, memoryMiB: number): Promise<boolean> {
  try {
    const { vm, target } = await bootRedis(plan, guest, memoryMiB, SMALL_BOOT_TIMEOUT_MS);
    try {
      const value = "x".repeat(1000);
      await request(target, ["SET", "bench:memory", value], 3000);
      return (await request(target, ["GET", "bench:memory"], 3000)) === value;
    } finally {
      await vm.stop();
    }
  } catch {
    return false;
  }
}

function fileSize(path: string | null): number {
  return path === null ? 0 : statSync(path).size;
}

function imageOverheadMiB(plan: Plan, guest: Guest): number {
  const image = fileSize(guest.kernel) + fileSize(guest.initrd) + fileSize(guest.disk);
  return (image - plan.program.payloadBytes) / (1 << 20);
}

export async function measureRedis(
  plan: Plan,
  samples: Samples,
  progress: Progress,
): Promise<void> {
  const wanted = new Set(plan.measures.map((measure) => measure.name));
  const timed = plan.measures.some((m) => !["memory_min", "image_overhead"].includes(m.name));
  for (let run = 0; timed && run < plan.runs; run++) {
    const order = run % 2 === 0 ? plan.guests : [...plan.guests].reverse();
    for (const guest of order) {
      try {
        await oneRun(plan, guest, run, samples, progress);
      } catch (error) {
        progress(`run ${run + 1}/${plan.runs} ${guest.name}: ${(error as Error).message}`);
      }
    }
  }
  for (const guest of plan.guests) {
    if (wanted.has("image_overhead")) {
      samples.add(guest.name, "image_overhead", 0, imageOverheadMiB(plan, guest));
    }
    if (!wanted.has("memory_min")) continue;
    const { low, high } = MEMORY_RANGE_MIB;
    const found = await smallest(low, high, (mib) => serves(plan, guest, mib));
    progress(`${guest.name}: boots and serves in ${found ?? "more than the maximum of"} MiB`);
    if (found !== null) samples.add(guest.name, "memory_min", 0, found);
  }
}
