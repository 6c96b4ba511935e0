// The counts that counter.c keeps in a file while a guest runs.
//
//   await buildCounter(folder)             the plugin's path; compiled when its source has changed
//   const counters = new Counters(file)    where a machine is to count, see machine.ts
//   counters.read()                        what it has executed so far
//   counters.marks()                       what it had executed at each of the program's marks

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "../errors.ts";
import { Blocks, type ByFunction, spent } from "./blocks.ts";

/** Instructions of the guest, by the half of the address space that they lie in. */
export interface Instructions {
  readonly kernel: number;
  readonly user: number;
  /** The kernel's, where that was asked for. */
  readonly functions?: ByFunction;
}

export type Half = "kernel" | "user";

const SOURCE = join(import.meta.dirname, "counter.c");

// The layout of struct Counters.
const NOW = 0;
const MARK_COUNT = 16;
const MARKS = 32;
const COUNTS_SIZE = 16;
const MARKS_MAX = 1024;

export function buildCounter(folder: string): string {
  const key = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const plugin = join(folder, `counter-${key}.so`);
  if (existsSync(plugin)) return plugin;
  const work = `${plugin}.${process.pid}`;
  const flags = ["-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"];
  execFileSync("gcc", [...flags, "-o", work, SOURCE], { stdio: ["ignore", "inherit", "inherit"] });
  renameSync(work, plugin);
  return plugin;
}

export function difference(after: Instructions, before: Instructions): Instructions {
  const halves = { kernel: after.kernel - before.kernel, user: after.user - before.user };
  if (after.functions === undefined) return halves;
  return { ...halves, functions: spent(after.functions, before.functions ?? new Map()) };
}

export function perOperation(total: Instructions, operations: number): Instructions {
  const halves = { kernel: total.kernel / operations, user: total.user / operations };
  if (total.functions === undefined) return halves;
  const each = [...total.functions].map(([name, n]): [string, number] => [name, n / operations]);
  return { ...halves, functions: new Map(each) };
}

export class Counters {
  readonly file: string;

  /** With the blocks of a kernel, if it is to be known where they went. */
  readonly blocks: Blocks | null;

  constructor(file: string, kernel: string | null) {
    this.file = file;
    this.blocks = kernel === null ? null : new Blocks(`${file}-blocks`, kernel);
    rmSync(file, { force: true });
  }

  /** What a machine is told (machine.ts). */
  forPlugin(plugin: string): { plugin: string; file: string; blocks?: string } {
    const file = { plugin, file: this.file };
    return this.blocks === null ? file : { ...file, blocks: this.blocks.file };
  }

  remove(): void {
    rmSync(this.file, { force: true });
    if (this.blocks !== null) rmSync(this.blocks.file, { force: true });
  }

  #bytes(): Buffer {
    if (!existsSync(this.file)) {
      throw new BenchError(
        "QEMU has counted nothing: it takes no plugin of version 1 (7.2 to 9.0)",
      );
    }
    return readFileSync(this.file);
  }

  #countsAt(bytes: Buffer, offset: number): Instructions {
    return {
      kernel: Number(bytes.readBigUInt64LE(offset)),
      user: Number(bytes.readBigUInt64LE(offset + 8)),
    };
  }

  read(): Instructions {
    const counts = this.#countsAt(this.#bytes(), NOW);
    return this.blocks === null ? counts : { ...counts, functions: this.blocks.now() };
  }

  marks(): Instructions[] {
    const bytes = this.#bytes();
    const count = Math.min(Number(bytes.readBigUInt64LE(MARK_COUNT)), MARKS_MAX);
    return Array.from({ length: count }, (_, index) => {
      const counts = this.#countsAt(bytes, MARKS + index * COUNTS_SIZE);
      return this.blocks === null ? counts : { ...counts, functions: this.blocks.atMark(index) };
    });
  }
}
