/*
 * Where the program's output goes: our standard output and standard error.
 *
 * Where both lead to the same place, a terminal or one pipe, the program's do, too, so that what it
 * says on one and on the other comes in the order it was said. Otherwise its standard output has a
 * way of its own, and the console, with its standard error and the kernel's log, is our standard
 * error: nothing mixes into data. With --json our standard output is ours, and all of the program's
 * goes to standard error.
 */
import { fstatSync } from "node:fs";
import type { StandardError, StandardOutput } from "../qemu/index.ts";

const STDOUT_FD = 1;
const STDERR_FD = 2;

export class Outputs {
  readonly #console: NodeJS.WriteStream;
  readonly #isApart: boolean;

  constructor(isJson: boolean) {
    this.#isApart = !isJson && !isSameFile(STDOUT_FD, STDERR_FD);
    this.#console = isJson || this.#isApart ? process.stderr : process.stdout;
  }

  /** What the program is to find as its standard output and standard error. */
  get kinds(): { readonly stdout: StandardOutput; readonly stderr: StandardError } {
    const stderr = this.#console.isTTY ? "console" : "pipe";
    if (!this.#isApart) return { stdout: "stderr", stderr };
    return { stdout: process.stdout.isTTY ? "terminal" : "pipe", stderr };
  }

  console(bytes: Buffer): void {
    this.#console.write(bytes);
  }

  /** When the console's place takes more; undefined: now. */
  consoleRoom(): Promise<void> | undefined {
    return room(this.#console);
  }

  /** What takes standard output; undefined where that is the console. */
  get output(): ((bytes: Buffer) => Promise<void> | undefined) | undefined {
    if (!this.#isApart) return undefined;
    return (bytes) => {
      process.stdout.write(bytes);
      return room(process.stdout);
    };
  }

  /** Calls back, once, when an output takes nothing more: its reader has gone, or it is full. */
  onFailed(callback: (error: NodeJS.ErrnoException) => void): void {
    let isTold = false;
    const streams = this.#isApart ? [process.stdout, process.stderr] : [this.#console];
    for (const stream of streams) {
      stream.once("error", (error) => {
        if (!isTold) callback(error);
        isTold = true;
      });
    }
  }
}

function room(output: NodeJS.WriteStream): Promise<void> | undefined {
  if (!output.writableNeedDrain) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      output.off("drain", done);
      output.off("error", done);
      resolve();
    };
    output.once("drain", done);
    output.once("error", done);
  });
}

/** Whether two descriptors lead to one file, pipe or terminal. */
function isSameFile(first: number, second: number): boolean {
  const [a, b] = [fstatSync(first), fstatSync(second)];
  return a.dev === b.dev && a.ino === b.ino && a.rdev === b.rdev;
}
