// The words after `virga bench`, parsed once into a typed value.

import { parseArgs } from "node:util";
import {
  ACCELERATORS,
  type Accelerator,
  chooseAccelerator,
  MACHINE_TYPES,
  type MachineType,
} from "../cli/qemu/index.ts";
import { BenchError } from "./errors.ts";
import type { LinuxRoot } from "./linux-guest.ts";
import { CALLS_MEASURES, measuresNamed, REDIS_MEASURES } from "./plan.ts";
import type { GuestName, Measure } from "./report.ts";

export const USAGE = `usage: virga bench redis|calls [options]
       virga bench instructions --base COMMIT [options]

Measures Virga and a Linux guest side by side: the same program, the same QEMU, alternating runs.
Instructions are counted in runs of their own. \`instructions\` counts only, and compares the kernel
with another commit's.

  --json            print {"rows": […]} instead of a table
  --runs N          pairs of runs (5)
  --only A,B        these measures only
  --machine M       microvm, q35 or pc (microvm)
  --memory MIB      memory of the guests (256)
  --requests N      requests per unpipelined load (30000; five times as many with -P 16)
  --guests A,B      virga,linux or one of them (both)
  --linux-root R    where Linux has its root: initramfs or disk (initramfs)
  --append WORDS    more words for Linux's command line
  --network N       tap or user (tap where a network namespace is possible)
  --accel A         tcg or kvm (kvm where it works; there instructions are not counted)
  --base COMMIT     the commit to compare with
  --limit PERCENT   end with 1 if the kernel executes so much more in a row (2)
  --functions N     with each row the N functions of the kernel that differ most (0)
`;

export interface BenchOptions {
  readonly kind: "redis" | "calls" | "instructions";
  readonly json: boolean;
  readonly runs: number;
  readonly measures: readonly Measure[];
  readonly machine: MachineType;
  readonly memoryMiB: number;
  readonly requests: number;
  readonly guests: readonly GuestName[];
  readonly linuxRoot: LinuxRoot;
  readonly extraAppend: string;
  readonly network: "tap" | "user" | null;
  readonly accelerator: Accelerator;
  /** With `instructions`: the commit to compare with, and by how many percent to exceed it. */
  readonly base: string;
  readonly limitPercent: number;
  /** How many of the kernel's functions are told with each row. */
  readonly functions: number;
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new BenchError(`--${name} ${value}: must be one of ${allowed.join(", ")}`);
  }
  return found;
}

function count(name: string, value: string, least = 1): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least) {
    throw new BenchError(`--${name} ${value}: must be a whole number from ${least} on`);
  }
  return number;
}

function list(value: string | undefined): string[] {
  return (value ?? "").split(",").filter((word) => word !== "");
}

const STRING = { type: "string" } as const;

const OPTIONS = {
  json: { type: "boolean", default: false },
  runs: { ...STRING, default: "5" },
  only: STRING,
  machine: { ...STRING, default: "microvm" },
  memory: { ...STRING, default: "256" },
  requests: { ...STRING, default: "30000" },
  guests: { ...STRING, default: "virga,linux" },
  "linux-root": { ...STRING, default: "initramfs" },
  append: { ...STRING, default: "" },
  network: STRING,
  accel: STRING,
  base: STRING,
  limit: { ...STRING, default: "2" },
  functions: { ...STRING, default: "0" },
} as const;

function words(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new BenchError((error as Error).message);
  }
}

const MEASURES = {
  redis: REDIS_MEASURES,
  calls: CALLS_MEASURES,
  instructions: [...REDIS_MEASURES, ...CALLS_MEASURES],
} as const;

/** What only `instructions` takes, and needs. */
function comparison(kind: string, base: string | undefined, limit: string, functions: string) {
  if (kind === "instructions" && base === undefined) {
    throw new BenchError("instructions: --base COMMIT says what to compare with");
  }
  if (kind !== "instructions" && base !== undefined) {
    throw new BenchError("--base goes with `virga bench instructions`");
  }
  const limitPercent = Number(limit);
  if (!(limitPercent >= 0)) throw new BenchError(`--limit ${limit}: must be a number of percent`);
  return { base: base ?? "", limitPercent, functions: count("functions", functions, 0) };
}

export function parseOptions(args: string[]): BenchOptions {
  const { values, positionals } = words(args);
  const [first, ...more] = positionals;
  if (first === undefined || more.length > 0) throw new BenchError(USAGE.trimEnd());
  const kind = oneOf("benchmark", first, ["redis", "calls", "instructions"] as const);
  const all = MEASURES[kind];
  const only = list(values.only);
  const names = all.map((measure) => measure.name);
  for (const name of only) oneOf("only", name, names);
  const guests = list(values.guests).map((g) => oneOf("guests", g, ["virga", "linux"] as const));
  return {
    kind,
    json: values.json,
    runs: count("runs", values.runs),
    measures: measuresNamed(all, only),
    machine: oneOf("machine", values.machine, MACHINE_TYPES),
    memoryMiB: count("memory", values.memory),
    requests: count("requests", values.requests),
    guests,
    linuxRoot: oneOf("linux-root", values["linux-root"], ["initramfs", "disk"] as const),
    extraAppend: values.append,
    network:
      values.network === undefined
        ? null
        : oneOf("network", values.network, ["tap", "user"] as const),
    ...comparison(kind, values.base, values.limit, values.functions),
    accelerator:
      values.accel === undefined ? chooseAccelerator() : oneOf("accel", values.accel, ACCELERATORS),
  };
}
