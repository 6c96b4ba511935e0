/*
 * A running QEMU: `startMachine` spawns it, hands out the guest's console and events as they come,
 * and tells in the end how it went. What becomes of these is the caller's business; nothing here
 * prints.
 *
 * Sockets live in a folder of the caller's. The events come through a socket on which we listen
 * before QEMU starts, so none is lost; QEMU writes them to a log file as well, for a machine that
 * outlives its runner.
 *
 * Standard input goes through a socket pair, of which QEMU inherits one end. It is not touched
 * before the program asks for it: what it does not want is left to who comes after us, and a
 * machine in the background does not stop at a terminal that it never reads.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { ToolFailedError } from "../errors.ts";
import { processStart, requireTool } from "../process.ts";
import { QEMU, qemuArguments } from "./arguments.ts";
import { sendSignal } from "./control.ts";
import { endOf, type MachineEnd, ShutdownMonitor } from "./ending.ts";
import { listenForEvents } from "./event-listener.ts";
import { EventParser, type MachineEvent } from "./events.ts";
import type { QemuOptions } from "./options.ts";
import { qmp } from "./qmp.ts";
import { userNetworkEnvironment } from "./user-network.ts";

export interface StartOptions {
  /** A folder for sockets and logs; its path is to be short (UNIX sockets take 107 bytes). */
  readonly folder: string;
  readonly qemu: Omit<QemuOptions, "console" | "events" | "ports" | "qmpSocket">;
  /** A boot module, in place of that of `qemu`; written to the folder. */
  readonly module?: Uint8Array;
  /** What the program reads, once it does; the machine's end ends it. Not with `detached`. */
  readonly input?: Readable;
  /** No more come before a promise that it returns is kept: the program waits, then. */
  readonly onConsole?: (bytes: Buffer) => Promise<void> | undefined;
  /** The same for standard output, where the kernel is told that it is apart from the console. */
  readonly onOutput?: (bytes: Buffer) => Promise<void> | undefined;
  /** `atMs` counts from just before QEMU's process was made. */
  readonly onEvent?: (event: MachineEvent, atMs: number) => void;
  /** Ctrl-C at the terminal is not to reach QEMU: the caller passes signals on to the program. */
  readonly shielded?: boolean;
  /**
   * The machine is to outlive this process, which otherwise takes it along whatever way it ends;
   * its console then goes to the log file only.
   */
  readonly detached?: boolean;
}

export interface Machine {
  readonly pid: number;
  readonly ended: Promise<MachineEnd>;
  /** Sends the program a signal, as `sendSignal` does. */
  signal(signal: number): Promise<void>;
  /** Ends it: by QMP, and if that does not help, by its process id. Returns when it has ended. */
  stop(): Promise<void>;
  /** Lets go of a detached machine, so that this process can end. */
  release(): void;
}

export const CONSOLE_LOG = "console.log";
export const EVENTS_LOG = "events.log";
export const QEMU_LOG = "qemu.log";
export const QMP_SOCKET = "qmp.sock";
export const CONTROL_SOCKET = "control.sock";
const EVENTS_SOCKET = "events.sock";
const MODULE_FILE = "module";

/**
 * Of QEMU: what feeds standard input, the serial port, what takes standard output, and the monitor
 * that tells us why QEMU ends.
 */
const INPUT_FD = 3;
const SERIAL_FD = 4;
const OUTPUT_FD = 5;
const MONITOR_FD = 6;

const QEMU_PACKAGE = "qemu-system-x86";

/** How long the machine may take to power off after its last event, and QEMU to obey. */
const POWER_OFF_MS = 3_000;

export async function startMachine(options: StartOptions): Promise<Machine> {
  const { folder } = options;
  const parser = new EventParser();
  let begin = performance.now();
  let last: MachineEvent | null = null;
  let onLast = (): void => {};
  let onInputWanted = (): void => {};
  const events = await listenForEvents(join(folder, EVENTS_SOCKET), (text) => {
    for (const event of parser.push(text)) {
      options.onEvent?.(event, performance.now() - begin);
      if (event.event === "stdin") onInputWanted();
      if (event.event === "exit" || event.event === "signal" || event.event === "panic") {
        last ??= event;
        onLast();
      }
    }
  });
  const { network } = options.qemu;
  const hasForwards = network.kind === "user" && network.forwards.length > 0;
  const variables = hasForwards ? await userNetworkEnvironment() : {};
  begin = performance.now();
  const child = await spawnQemu(options, variables).catch((error: unknown) => {
    events.close();
    throw error;
  });
  const pid = child.pid ?? 0;
  let isStopping = false;
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4096);
  });
  take(child.stdout, options.onConsole);
  const ends: readonly unknown[] = child.stdio; // Node's type knows of five
  take(ends[SERIAL_FD], options.onConsole);
  take(ends[OUTPUT_FD], options.onOutput);
  const control = ends[MONITOR_FD];
  const monitor = control instanceof Socket ? new ShutdownMonitor(control) : null;
  onLast = () => setTimeout(() => child.kill("SIGTERM"), POWER_OFF_MS).unref();

  const { input } = options;
  const feed = child.stdio[INPUT_FD];
  if (input && feed instanceof Socket) {
    feed.on("error", () => {}); // QEMU is gone; `close` follows
    onInputWanted = () => pass(input, feed);
  }

  const ended = new Promise<MachineEnd>((resolve) => {
    child.once("close", async (code, signal) => {
      input?.destroy();
      await events.drained();
      events.close();
      if (options.detached) complaint = readFileSync(join(folder, QEMU_LOG), "utf8");
      const shutdown = monitor?.reason ?? null;
      resolve(endOf({ last, isStopping, code, signal, complaint, shutdown }));
    });
  });
  return {
    pid,
    ended,
    signal: (signal) => sendSignal(join(folder, CONTROL_SOCKET), signal),
    async stop() {
      isStopping = true;
      await stopQemu(pid, join(folder, QMP_SOCKET));
      await ended;
    },
    release() {
      events.close();
      monitor?.close();
      child.unref();
    },
  };
}

/** Asks QEMU to end, and makes it if it does not. Returns when the process is gone. */
export async function stopQemu(pid: number, socket: string): Promise<void> {
  await qmp(socket, "quit").catch(() => kill(pid, "SIGTERM"));
  const deadline = performance.now() + POWER_OFF_MS;
  while (processStart(pid) !== null) {
    if (performance.now() > deadline) kill(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

async function spawnQemu(
  options: StartOptions,
  variables: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const { folder, detached = false, shielded = false } = options;
  const consoleLog = join(folder, CONSOLE_LOG);
  const moduleFile = join(folder, MODULE_FILE);
  if (options.module) writeFileSync(moduleFile, options.module);
  const args = qemuArguments({
    ...options.qemu,
    ...(options.module ? { initrd: moduleFile } : {}),
    console: detached ? { kind: "file", path: consoleLog } : { kind: "stdio", logFile: consoleLog },
    events: {
      kind: "socket",
      path: join(folder, EVENTS_SOCKET),
      logFile: join(folder, EVENTS_LOG),
    },
    ports: {
      serial: detached
        ? { kind: "file", path: consoleLog }
        : { kind: "inherited", fd: SERIAL_FD, logFile: consoleLog },
      controlSocket: join(folder, CONTROL_SOCKET),
      ...(options.input ? { input: { kind: "inherited", fd: INPUT_FD } } : {}),
      ...(options.onOutput
        ? { output: { kind: "inherited", fd: OUTPUT_FD, logFile: consoleLog } }
        : {}),
    },
    qmpSocket: join(folder, QMP_SOCKET),
    monitor: { kind: "inherited", fd: MONITOR_FD },
  });
  const log = detached ? openSync(join(folder, QEMU_LOG), "w") : null;
  const output = log ?? "pipe";
  const command = detached ? [requireTool(QEMU, QEMU_PACKAGE), ...args] : followingUs(args);
  const child = spawn(command[0] ?? "", command.slice(1), {
    env: { ...process.env, ...variables },
    stdio: [
      "ignore",
      output,
      output,
      options.input ? "pipe" : "ignore",
      detached ? "ignore" : "pipe",
      options.onOutput ? "pipe" : "ignore",
      "pipe",
    ],
    detached: detached || shielded,
  });
  if (log !== null) closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new ToolFailedError(QEMU, error.message)));
  });
  return child;
}

/**
 * QEMU such that the kernel ends it when this process ends, by whatever way, `kill -9` included:
 * setpriv(1) asks for that (PR_SET_PDEATHSIG) and becomes QEMU, with its process id. Should we end
 * before it has asked, QEMU finds nobody who listens for the events, and does not start.
 */
function followingUs(args: readonly string[]): string[] {
  const qemu = requireTool(QEMU, QEMU_PACKAGE);
  return [requireTool("setpriv", "util-linux"), "--pdeathsig", "KILL", "--", qemu, ...args];
}

/** Hands out what the guest says on one of QEMU's descriptors. */
function take(output: unknown, taker: StartOptions["onConsole"]): void {
  if (!(output instanceof Readable)) return;
  output.on("error", () => {}); // QEMU was killed; `close` follows
  output.on("data", async (bytes: Buffer) => {
    const taken = taker?.(bytes);
    if (taken === undefined) return;
    output.pause();
    await taken;
    output.resume();
  });
}

/** Passes on what comes, as fast as the program takes it; what can't be read counts as the end. */
function pass(input: Readable, feed: Socket): void {
  input.once("error", () => feed.end());
  feed.resume();
  input.pipe(feed);
}
