// What is to be measured, as plain data: made outside the network namespace, where packages can
// still be fetched, and carried out inside it. It crosses the boundary as JSON.

import type { Accelerator, MachineType } from "../cli/qemu/index.ts";
import type { Guest, Program } from "./guest.ts";
import type { Measure } from "./report.ts";

export const REDIS_MEASURES: readonly Measure[] = [
  { name: "boot_to_ping", unit: "ms", better: "lower" },
  { name: "get", unit: "req/s", better: "higher" },
  { name: "set", unit: "req/s", better: "higher" },
  { name: "get_p16", unit: "req/s", better: "higher" },
  { name: "set_p16", unit: "req/s", better: "higher" },
  { name: "p99", unit: "ms", better: "lower" },
  { name: "memory_min", unit: "MiB", better: "lower" },
  { name: "image_overhead", unit: "MiB", better: "lower" },
];

const NS = { unit: "ns", better: "lower" } as const;

export const CALLS_MEASURES: readonly Measure[] = [
  { name: "getpid", ...NS },
  { name: "clock_gettime", ...NS },
  { name: "write_null", ...NS },
  { name: "read_zero", ...NS },
  { name: "pipe_write_read", ...NS },
  { name: "pipe_pingpong", ...NS },
  { name: "futex_pingpong", ...NS },
  { name: "thread_switch", ...NS },
  { name: "futex_wake", ...NS },
  { name: "page_fault", ...NS },
  { name: "mmap_touch_1m", ...NS },
  { name: "thread_create", ...NS },
  { name: "epoll_idle", ...NS },
  { name: "epoll_ready", ...NS },
];

export interface Plan {
  readonly kind: "redis" | "calls";
  readonly network: "tap" | "user" | "none";
  readonly machine: MachineType;
  readonly accelerator: Accelerator;
  readonly memoryMiB: number;
  readonly runs: number;
  readonly requests: number;
  readonly measures: readonly Measure[];
  readonly guests: readonly Guest[];
  readonly program: Program;
  readonly verbose: boolean;
  /** Runs of their own in which instructions are counted: the counter slows a guest down. */
  readonly counting: Counting | null;
  /** Nothing else is done than to count and compare two guests: instructions/compare.ts. */
  readonly compares: boolean;
}

export interface Counting {
  readonly plugin: string;
  /** Where the counts of a run are kept while it lasts. */
  readonly folder: string;
  readonly runs: number;
  /** Of each measure so many of the kernel's functions are told. */
  readonly functions: number;
  /** Like the plan's guests, in the same order, with a program that runs to be counted. */
  readonly guests: readonly Guest[];
}

export function measuresNamed(all: readonly Measure[], only: readonly string[]): Measure[] {
  return only.length === 0 ? [...all] : all.filter((measure) => only.includes(measure.name));
}
