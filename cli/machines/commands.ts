/*
 * `virga ps`, `virga logs`, `virga stop`: what is running, what it said, and its end.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { parseOptions } from "../arguments.ts";
import { UsageError } from "../errors.ts";
import { loadNames } from "../modules.ts";
import { processStart } from "../process.ts";
import { note } from "../progress.ts";
import { CONSOLE_LOG, CONTROL_SOCKET, QMP_SOCKET, sendSignal, stopQemu } from "../qemu/index.ts";
import { ConsoleFilter } from "../run/console.ts";
import { formatSize, parseSeconds } from "../values.ts";
import { findMachine, forget, listMachines, type MachineState, sweep } from "./registry.ts";

const FOLLOW_MS = 50;
/** How long a program may take over SIGTERM; people know it from container tools. */
const STOP_SECONDS = 10;
const STOP_POLL_MS = 10;
const SIGTERM = 15;
const CHUNK_BYTES = 64 * 1024;

export async function ps(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    json: { type: "boolean" },
    all: { type: "boolean", short: "a" },
  });
  if (positionals.length > 0) throw new UsageError(`ps takes no argument: ${positionals[0]}`);
  await sweep();
  const machines = listMachines().filter((each) => values.all || each.isRunning);
  if (values.json) process.stdout.write(`${JSON.stringify(machines.map(describe), null, 2)}\n`);
  else process.stdout.write(table(machines));
  return 0;
}

export async function logs(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { follow: { type: "boolean", short: "f" } });
  const machine = findMachine(oneName("logs", positionals));
  const names = await loadNames(machine.kernel, machine.image);
  const filter = new ConsoleFilter(names, (bytes) => process.stdout.write(bytes));
  const file = openSync(join(machine.folder, CONSOLE_LOG), "r");
  try {
    for (;;) {
      // Asked before reading, so that what the machine wrote last is read after it is known to be
      // gone.
      const isLast = !values.follow || !isStillRunning(machine);
      copyRest(file, filter);
      if (isLast) break;
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    }
  } finally {
    closeSync(file);
  }
  filter.end();
  return 0;
}

export async function stop(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    all: { type: "boolean", short: "a" },
    timeout: { type: "string", short: "t" },
  });
  const seconds = parseSeconds("--timeout", values.timeout ?? String(STOP_SECONDS));
  if (values.all && positionals.length > 0) {
    throw new UsageError(`stop --all takes no name: ${positionals[0]}`);
  }
  const machines = values.all ? listMachines() : [findMachine(oneName("stop", positionals))];
  const stopping = machines.map(async (machine) => {
    if (machine.isRunning) note(`${machine.name} ${await stopMachine(machine, seconds)}`);
    else if (!values.all) note(`${machine.name} had ended already (${statusOf(machine)})`);
    forget(machine.folder);
  });
  await Promise.all(stopping);
  return 0;
}

/** Asks the program to end, and ends the machine if it does not. Returns what happened. */
async function stopMachine(machine: MachineState, seconds: number): Promise<string> {
  const { pid, folder } = machine;
  const qmpSocket = join(folder, QMP_SOCKET);
  if (seconds === 0) {
    await stopQemu(pid, qmpSocket);
    return "stopped";
  }
  let complaint = `did not end within ${seconds} s of SIGTERM`;
  let deadline = performance.now() + seconds * 1000;
  // A program that hangs never takes the request; the machine's end ends the wait for it.
  sendSignal(join(folder, CONTROL_SOCKET), SIGTERM).catch((error: Error) => {
    complaint = `can't be sent a signal: ${error.message}`;
    deadline = 0;
  });
  while (processStart(pid) === machine.processStart) {
    if (performance.now() > deadline) {
      await stopQemu(pid, qmpSocket);
      return `${complaint}; its machine was ended`;
    }
    await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS));
  }
  return "stopped";
}

/** False too when it was stopped, and forgotten, meanwhile. */
function isStillRunning(machine: MachineState): boolean {
  return listMachines().some((each) => each.pid === machine.pid && each.isRunning);
}

function oneName(command: string, positionals: readonly string[]): string {
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) {
    throw new UsageError(`${command} takes the name of one machine; \`virga ps\` lists them`);
  }
  return name;
}

function copyRest(file: number, filter: ConsoleFilter): void {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
    filter.push(Buffer.from(buffer.subarray(0, read)));
  }
}

/** What scripts get to see of a machine. */
function describe(machine: MachineState): Record<string, unknown> {
  const { name, pid, program, forwards, memoryBytes, cpus, isRunning, startedAt, end } = machine;
  return {
    name,
    status: isRunning ? "running" : "ended",
    ...(end === null ? {} : { end }),
    pid,
    program,
    ports: forwards.map((each) => ({ address: `127.0.0.1:${each.hostPort}`, ...each })),
    memoryBytes,
    cpus,
    machine: machine.machine,
    startedAt: new Date(startedAt).toISOString(),
  };
}

function table(machines: readonly MachineState[]): string {
  const rows = machines.map((machine) => [
    machine.name,
    statusOf(machine),
    String(machine.pid),
    formatSize(machine.memoryBytes),
    machine.forwards.map((each) => `${each.hostPort}→${each.guestPort}`).join(" ") || "-",
    machine.program,
  ]);
  const all = [["NAME", "STATUS", "PID", "MEMORY", "PORTS", "PROGRAM"], ...rows];
  const widths = (all[0] ?? []).map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    fit(
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
      process.stdout.isTTY ? process.stdout.columns : undefined,
    );
  return `${all.map(line).join("\n")}\n`;
}

/** A line such that the terminal need not break it. */
export function fit(line: string, columns: number | undefined): string {
  if (columns === undefined || line.length <= columns) return line;
  return `${line.slice(0, Math.max(0, columns - 1))}…`;
}

function statusOf(machine: MachineState): string {
  if (machine.isRunning) return `up ${duration(Date.now() - machine.startedAt)}`;
  switch (machine.end?.event) {
    case "exit":
      return `exited ${machine.end.code}`;
    case "signal":
      return machine.end.name;
    case "panic":
      return "kernel panic";
    default:
      return "gone";
  }
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m`;
}
