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
import { carryOut, endOnSignals } from "./inside.ts";
import { fetchLinux, linuxGuest } from "./linux-guest.ts";
import { isolationCommand, TAP_HOST_IP, USER_GATEWAY_IP } from "./network.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import type { Plan } from "./plan.ts";
import { formatJson, formatTable, type Row } from "./report.ts";
import { callsProgram, redisProgram } from "./root.ts";
import { virgaGuest } from "./virga-guest.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const BUILD = join(REPOSITORY, "build/bench");

async function composeGuests(
  options: BenchOptions,
  program: Program,
  gateway: string,
): Promise<Guest[]> {
  const guests: Guest[] = [];
  if (options.guests.includes("virga")) guests.push(await virgaGuest(program, gateway));
  if (options.guests.includes("linux")) {
    const { machine, linuxRoot: root, extraAppend } = options;
    const linux = fetchLinux(BUILD);
    guests.push(linuxGuest(BUILD, linux, program, { machine, root, gateway, extraAppend }));
  }
  return guests;
}

/** Node's own flags are passed on: they make it understand TypeScript. */
async function carryOutIsolated(plan: Plan, isolation: readonly string[]): Promise<Row[]> {
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
    return JSON.parse(readFileSync(rowsFile, "utf8")) as Row[];
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

async function measure(options: BenchOptions): Promise<Row[]> {
  mkdirSync(BUILD, { recursive: true });
  const { isolation, network } = chooseNetwork(options);
  if (options.kind === "redis" && network === "user") {
    process.stderr.write("network: QEMU's user mode; the host side will limit both guests\n");
  }
  const program = await (options.kind === "redis" ? redisProgram(BUILD) : callsProgram(BUILD));
  const guests = await composeGuests(
    options,
    program,
    network === "tap" ? TAP_HOST_IP : USER_GATEWAY_IP,
  );
  const { kind, machine, accelerator, memoryMiB, runs, requests, measures } = options;
  const common = { kind, machine, accelerator, memoryMiB, runs, requests, measures };
  const plan = { ...common, guests, program, verbose: true };
  if (kind === "calls") return carryOut({ ...plan, network: "none" });
  if (isolation === null) return carryOut({ ...plan, network });
  return carryOutIsolated({ ...plan, network }, isolation);
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
    const rows = await measure(options);
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
