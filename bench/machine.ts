// One QEMU process: its console and its end. The command line is the one that `virga run` uses,
// made by the same function for both guests: only kernel, initrd, kernel command line and root disk
// differ, and what a guest's `extra` says.
//
//   const vm = startMachine(guest, options)
//   await vm.waitFor(pattern, ms)      until the console shows it
//   await vm.stop()                    ends QEMU by its own pid; safe to repeat
//
// Every machine still running when Node exits, for whatever reason that lets it run handlers, is
// killed then.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  type Accelerator,
  type MachineType,
  type Network,
  QEMU,
  qemuArguments,
} from "../cli/qemu/index.ts";
import { BenchError } from "./errors.ts";
import type { Guest } from "./guest.ts";

export interface MachineOptions {
  readonly machine: MachineType;
  readonly memoryMiB: number;
  readonly accelerator: Accelerator;
  readonly network: Network;
  /** Instructions are counted by this plugin into this file (instructions/counters.ts). */
  readonly counting?: {
    readonly plugin: string;
    readonly file: string;
    /** By block, too (instructions/blocks.ts). */
    readonly blocks?: string;
  };
}

const CONSOLE_LIMIT = 1 << 20;
const running = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function machineArguments(guest: Guest, options: MachineOptions): string[] {
  const { machine, accelerator, network, counting } = options;
  const blocks = counting?.blocks === undefined ? "" : `,blocks=${counting.blocks}`;
  const plugin = counting
    ? ["-plugin", `file=${counting.plugin},out=${counting.file}${blocks}`]
    : [];
  return qemuArguments({
    ...{ machine, accelerator, network },
    memoryBytes: options.memoryMiB << 20,
    cpus: 1,
    kernel: guest.kernel,
    commandLine: guest.append,
    ...(guest.initrd === null ? {} : { initrd: guest.initrd }),
    disks: guest.disk === null ? [] : [{ path: guest.disk, readOnly: true }],
    console: { kind: "stdio" },
    extra: [...guest.extra, ...plugin],
  });
}

export class RunningMachine {
  readonly #child: ChildProcess;
  readonly startedAt: number;
  #console = "";
  #ended = false;

  constructor(child: ChildProcess, startedAt: number) {
    this.#child = child;
    this.startedAt = startedAt;
    running.add(child);
    const append = (chunk: Buffer) => {
      if (this.#console.length < CONSOLE_LIMIT) this.#console += chunk.toString("latin1");
    };
    child.stdout?.on("data", append);
    child.stderr?.on("data", append);
    child.on("exit", () => {
      this.#ended = true;
      running.delete(child);
    });
    child.on("error", (error) => {
      this.#console += `qemu: ${error.message}\n`;
      this.#ended = true;
      running.delete(child);
    });
  }

  get console(): string {
    return this.#console;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The last lines of the console, for a message about a guest that did not do as it should. */
  get tail(): string {
    return this.#console.split("\n").slice(-15).join("\n").slice(-2000);
  }

  async waitFor(pattern: RegExp, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!pattern.test(this.#console)) {
      if (this.#ended) throw new BenchError(`the guest ended early:\n${this.tail}`);
      if (Date.now() > deadline) {
        throw new BenchError(`no ${pattern} within ${timeoutMs} ms:\n${this.tail}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export function startMachine(guest: Guest, options: MachineOptions): RunningMachine {
  const args = machineArguments(guest, options);
  const startedAt = performance.now();
  const child = spawn(QEMU, args, { stdio: ["ignore", "pipe", "pipe"] });
  return new RunningMachine(child, startedAt);
}
