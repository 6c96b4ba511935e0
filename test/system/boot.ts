/*
 * One boot of one program in QEMU, to its end or a time limit: what the console said, which events
 * came, how it ended. The machine is the runner's own (cli/qemu), so what is tested is what users
 * start.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { loadNames } from "../../cli/modules.ts";
import {
  type BootOptions,
  bootOf,
  chooseAccelerator,
  type Forward,
  type MachineEnd,
  type MachineEvent,
  type MachineType,
  startMachine,
} from "../../cli/qemu/index.ts";
import { ConsoleFilter } from "../../cli/run/console.ts";

const MIB = 1024 * 1024;

export interface BootRequest {
  readonly kernel: string;
  /** The root's image. */
  readonly image: string;
  /** The root comes as a disk (default) or as a boot module. */
  readonly root?: "disk" | "module";
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the boot module that holds these two, or where they need none. */
  readonly module?: Uint8Array;
  readonly machine?: MachineType;
  readonly memoryMib?: number;
  /** Ports to forward; without them there is no network card. */
  readonly forwards?: readonly Forward[];
  /** What the program reads; nothing without. */
  readonly input?: Readable;
  /** Gets the console's text as it comes; no more does before a promise that it returns is kept. */
  readonly onConsole?: (text: string) => Promise<void> | undefined;
  readonly boot?: Omit<BootOptions, "argv" | "env" | "root">;
  readonly timeoutMs?: number;
}

export type BootEnd = MachineEnd | { readonly kind: "timeout"; readonly seconds: number };

export interface BootResult {
  readonly end: BootEnd;
  /** The console, with names in backtraces, without carriage returns. */
  readonly text: string;
  readonly events: readonly MachineEvent[];
  readonly ms: number;
}

export interface RunningBoot {
  /**
   * Resolves with the first event that `wanted` accepts, or null when the machine ends without one.
   */
  waitFor(wanted: (event: MachineEvent) => boolean): Promise<MachineEvent | null>;
  readonly ended: Promise<BootResult>;
  /** Sends the program a signal. */
  signal(signal: number): Promise<void>;
  stop(): Promise<void>;
}

export async function boot(request: BootRequest): Promise<BootResult> {
  return await (await startBoot(request)).ended;
}

export async function startBoot(request: BootRequest): Promise<RunningBoot> {
  const { timeoutMs = 60_000 } = request;
  const folder = mkdtempSync(join(tmpdir(), "virga-test-"));
  const chunks: Buffer[] = [];
  let room: Promise<void> | undefined;
  const filter = new ConsoleFilter(await loadNames(request.kernel, request.image), (bytes) => {
    chunks.push(bytes);
    room = request.onConsole?.(bytes.toString("utf8"));
  });
  const events: MachineEvent[] = [];
  const watchers = new Set<(event: MachineEvent) => void>();
  const begin = performance.now();
  const machine = await startMachine({
    folder,
    ...machineOf(request),
    ...(request.input === undefined ? {} : { input: request.input }),
    onConsole: (bytes) => {
      filter.push(bytes);
      return room;
    },
    onEvent: (event) => {
      events.push(event);
      for (const watch of watchers) watch(event);
    },
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void machine.stop();
  }, timeoutMs);
  const ended = machine.ended.then((end): BootResult => {
    clearTimeout(timer);
    filter.end();
    rmSync(folder, { recursive: true, force: true });
    return {
      end: isLate ? { kind: "timeout", seconds: timeoutMs / 1000 } : end,
      text: Buffer.concat(chunks).toString("utf8").replaceAll("\r", ""),
      events,
      ms: performance.now() - begin,
    };
  });
  return {
    ended,
    signal: (signal) => machine.signal(signal),
    stop: () => machine.stop(),
    waitFor: async (wanted) => {
      const past = events.find(wanted);
      if (past !== undefined) return past;
      return await new Promise((resolve) => {
        watchers.add((event) => {
          if (wanted(event)) resolve(event);
        });
        void ended.then(() => resolve(null));
      });
    },
  };
}

function machineOf(request: BootRequest) {
  const { root = "disk", forwards } = request;
  const { commandLine, module } = bootOf({
    argv: request.argv,
    env: request.env ?? {},
    root,
    stdin: request.input === undefined ? "null" : "pipe",
    ip: forwards === undefined ? "none" : "10.0.2.15/24,10.0.2.2",
    ...request.boot,
  });
  const qemu = {
    machine: request.machine ?? "microvm",
    accelerator: chooseAccelerator(),
    memoryBytes: (request.memoryMib ?? 256) * MIB,
    cpus: 1,
    kernel: request.kernel,
    commandLine,
    ...(root === "disk"
      ? { disks: [{ path: request.image, readOnly: true }] }
      : { initrd: request.image }),
    network:
      forwards === undefined ? ({ kind: "none" } as const) : ({ kind: "user", forwards } as const),
  };
  const given = request.module ?? module;
  return { qemu, ...(given === undefined ? {} : { module: given }) };
}

/** How a machine ended, in a few words. */
export function describeEnd(end: BootEnd): string {
  switch (end.kind) {
    case "exit":
      return `exit code ${end.code}`;
    case "signal":
      return `ended by ${end.name} (${end.signal})`;
    case "panic":
      return `kernel panic: ${end.reason}`;
    case "stopped":
      return "stopped";
    case "vanished":
      return `QEMU ended without a word: ${end.detail}`;
    case "timeout":
      return `still running after ${end.seconds} s`;
  }
}

/** The last lines of a console, for a failure's report. */
export function tailOf(text: string, lines = 15): string {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}
