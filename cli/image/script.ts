/*
 * Scripts: a file that begins with `#!` is run by the interpreter it names (execve(2)). The kernel
 * starts ELF files only, so who composes the image does what execve would: the interpreter becomes
 * the program, with what else stands on the line, as one argument, and the script's path.
 */
import { closeSync, openSync, readSync } from "node:fs";

export interface Script {
  /** Absolute, as the line has it. */
  readonly interpreter: string;
  /** What follows it on the line: one argument, blanks and all, or none. */
  readonly argument: readonly string[];
}

/** Linux reads no more of the first line (BINPRM_BUF_SIZE). */
const LINE_MAX = 255;

/** Null when the file is no script. */
export function readScript(path: string): Script | null {
  const buffer = Buffer.alloc(LINE_MAX);
  const file = openSync(path, "r");
  const length = readSync(file, buffer, 0, LINE_MAX, 0);
  closeSync(file);
  const [line = ""] = buffer.toString("latin1", 0, length).split("\n");
  const match = /^#![ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line);
  if (match === null) return null;
  const [, interpreter = "", argument = ""] = match;
  return { interpreter, argument: argument === "" ? [] : [argument] };
}
