/*
 * Standard input of `virga run`: what it is, and the stream that the machine is fed from.
 */
import { fstatSync, type Stats, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import { note } from "../progress.ts";
import type { StandardInput } from "../qemu/index.ts";

const STDIN_FD = 0;

/** What the program is to find as its standard input. */
export function standardInput(fd: number = STDIN_FD): StandardInput {
  if (isatty(fd)) return "terminal";
  return isNull(fd) ? "null" : "pipe";
}

/** Whether nothing will ever come: closed, or /dev/null. */
function isNull(fd: number): boolean {
  let stat: Stats;
  try {
    stat = fstatSync(fd);
  } catch {
    return true;
  }
  return stat.isCharacterDevice() && stat.rdev === statSync("/dev/null").rdev;
}

/** Our own standard input; a read that fails is told, once. */
export function inputOf(name: string): Readable {
  process.stdin.once("error", (error) => {
    note(`standard input of ${name} ends here: ${error.message}`);
  });
  return process.stdin;
}
