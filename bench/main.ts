// `virga bench`: Virga and a Linux guest side by side, as ratios.
//
//   await runBench(["redis", "--json"])    the exit code
//
// Three steps: prepare (compile, download, compose both guests), measure (in a network namespace of
// its own where the system allows one, see network.ts), report.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirgaError } from "../cli/errors.ts";
import { BenchError } from "./errors.ts";
import type { Guest, Program } from "./guest.ts";
import { carryOut, carryOutComparison, endOnSignals } from "./inside.ts";
import { baseKernel } from "./instructions/base-kernel.ts";
import {
  type ComparedRow,
  comparisonJson,
  comparisonTable,
  exceeding,
} from "./instructions/compare.ts";
import { buildCounter } from "./instructions/counters.ts";
import { fetchLinux, linuxGuest } from "./linux-guest.ts";
import { isolationCommand, TAP_HOST_IP, USER_GATEWAY_IP } from "./network.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { CALLS_MEASURES, type Plan, REDIS_MEASURES } from "./plan.ts";
import { formatJson, formatTable, type Row } from "./report.ts";
import { callsProgram, redisProgram } from "./root.ts";
import { virgaGuest, virgaKernel } from "./virga-guest.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const BUILD = join(REPOSITORY, "build/bench");

async function composeGuests(
  options: BenchOptions,
  program: Program,
  gateway: string,
): Promise<Guest[]> {
  const guests: Guest[] = [];
  if (options.guests.includes("virga")) {
    guests.push(virgaGuest(await virgaKernel(), program, gateway));
  }
  if (options.guests.includes("linux")) {
    const { machine, linuxRoot: root, extraAppend } = options;
    const linux = fetchLinux(BUILD);
    guests.push(linuxGuest(BUILD, linux, program, { machine, root, gateway, extraAppend }));
  }
  return guests;
}

/** Node's own flags are passed on: they make it understand TypeScript. */
async function carryOutIsolated<T>(plan: Plan, isolation: readonly string[]): Promise<T[]> {
  const folder = mkdtempSync(join(BUILD, "run-"));
  const [file, ...args] = isolation as [string, ...string[]];
  const planFile = join(folder, "plan.json");
  const rowsFile = join(folder, "rows.json");
  try {
    writeFileSync(planFile, JSON.stringify(plan));
    const node = [process.execPath, ...process.execArgv, join(import.meta.dirname, "inside.ts")];
    const stdio: ["ignore", "inherit", "inherit"] = ["ignore", "inherit", "inherit"];
    const child = spawn(file, [...args, ...node, planFile, rowsFile], { stdio });
    const end = () => child.kill("SIGKILL");
    process.on("exit", end);
    const [code] = (await once(child, "exit")) as [number | null];
    process.off("exit", end);
    if (code !== 0) throw new BenchError(`measuring ended with ${code ?? "a signal"}`);
    return JSON.parse(readFileSync(rowsFile, "utf8")) as T[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function chooseNetwork(options: BenchOptions): {
  isolation: string[] | null;
  network: "tap" | "user";
} {
  const isolation = options.network === "user" ? null : isolationCommand();
  if (isolation === null && options.network === "tap") {
    throw new BenchError("no network namespace with a tap device is possible here");
  }
  return { isolation, network: isolation === null ? "user" : "tap" };
}

/** What a plan has of the options, whatever is measured. */
function commonPlan({ machine, accelerator, memoryMiB, runs, requests, measures }: BenchOptions) {
  return { machine, accelerator, memoryMiB, runs, requests, measures, verbose: true };
}

/** The program as it runs to be counted: without a watch of its own. */
function countedProgram(kind: Plan["kind"], program: Program): Program {
  return kind === "redis" ? program : { ...program, argv: [...program.argv, "--count"] };
}

async function programOf(kind: Plan["kind"]): Promise<Program> {
  return kind === "redis" ? redisProgram(BUILD) : callsProgram(BUILD);
}

async function measure(options: BenchOptions, kind: Plan["kind"]): Promise<Row[]> {
  const { isolation, network } = chooseNetwork(options);
  if (kind === "redis" && network === "user") {
    process.stderr.write("network: QEMU's user mode; the host side will limit both guests\n");
  }
  const gateway = network === "tap" ? TAP_HOST_IP : USER_GATEWAY_IP;
  const program = await programOf(kind);
  const guests = await composeGuests(options, program, gateway);
  const counted = await composeGuests(options, countedProgram(kind, program), gateway);
  const canCount = options.accelerator === "tcg";
  const plan = {
    ...commonPlan(options),
    ...{ kind, guests, program, compares: false },
    counting: canCount
      ? { plugin: buildCounter(BUILD), folder: BUILD, runs: 1, functions: 0, guests: counted }
      : null,
  };
  if (kind === "calls") return carryOut({ ...plan, network: "none" });
  if (isolation === null) return carryOut({ ...plan, network });
  return carryOutIsolated({ ...plan, network }, isolation);
}

/** Counts instructions of the base's kernel and of this one, with the same programs. */
async function compare(options: BenchOptions): Promise<ComparedRow[]> {
  if (options.accelerator !== "tcg") throw new BenchError("instructions are counted by TCG alone");
  const { isolation, network } = chooseNetwork(options);
  const gateway = network === "tap" ? TAP_HOST_IP : USER_GATEWAY_IP;
  const kernels = [await baseKernel(BUILD, options.base), await virgaKernel()];
  const rows: ComparedRow[] = [];
  for (const kind of ["redis", "calls"] as const) {
    const names = kind === "redis" ? REDIS_MEASURES : CALLS_MEASURES;
    const measures = options.measures.filter((each) => names.includes(each));
    if (measures.length === 0) continue;
    const program = countedProgram(kind, await programOf(kind));
    const guests = kernels.map((kernel) => virgaGuest(kernel, program, gateway));
    const plugin = buildCounter(BUILD);
    const { runs, functions } = options;
    const counting = { plugin, folder: BUILD, runs, functions, guests };
    const common = { ...commonPlan(options), kind, measures, program, counting };
    const plan = { ...common, guests: [], compares: true };
    const isIsolated = kind === "redis" && isolation !== null;
    rows.push(
      ...(isIsolated
        ? await carryOutIsolated<ComparedRow>({ ...plan, network }, isolation)
        : await carryOutComparison({ ...plan, network: kind === "calls" ? "none" : network })),
    );
  }
  return rows;
}

async function runComparison(options: BenchOptions): Promise<number> {
  const rows = await compare(options);
  process.stdout.write(`${options.json ? comparisonJson(rows) : comparisonTable(rows)}\n`);
  const more = exceeding(rows, options.limitPercent);
  if (more.length === 0) return 0;
  process.stderr.write(`more than ${options.limitPercent} % above the base: ${more.join(", ")}\n`);
  return 1;
}

/** Is there a measure that a guest that was asked for has no figure of? */
function missing(options: BenchOptions, rows: readonly Row[]): boolean {
  return rows.some((row) => options.guests.some((guest) => row[guest] === null));
}

export async function runBench(args: string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const options = parseOptions(args);
    endOnSignals();
    mkdirSync(BUILD, { recursive: true });
    if (options.kind === "instructions") return await runComparison(options);
    const rows = await measure(options, options.kind);
    process.stdout.write(`${options.json ? formatJson(rows) : formatTable(rows)}\n`);
    return missing(options, rows) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof VirgaError)) throw error;
    process.stderr.write(`virga bench: ${error.message}\n`);
    return 1;
  }
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await runBench(process.argv.slice(2));
}
