/*
 * Processes: `processStart` tells whether one lives, and which it is; `requireTool` finds a tool.
 *
 * The one way to run a tool to its end: `runTool` returns its standard output, or throws a
 * `ToolFailedError` that has the command and the last lines it printed. A tool that is not
 * installed becomes a `ToolMissingError`.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ToolFailedError, ToolMissingError } from "./errors.ts";

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until the tool is killed; default 10 minutes, enough for a slow download. */
  readonly timeoutMs?: number;
  /** The Debian package to name when the tool is missing. */
  readonly debianPackage?: string;
}

const TAIL_LINES = 5;

export async function runTool(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const timeout = options.timeoutMs ?? 600_000;
  const child = spawn(tool, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const status = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? new ToolMissingError(tool, options.debianPackage ?? tool)
          : new ToolFailedError(tool, error.message),
      );
    });
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  if (status !== 0) {
    const text = `${Buffer.concat(output).toString()}\n${Buffer.concat(errors).toString()}`;
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const tail = lines.slice(-TAIL_LINES).join("\n  ");
    const how = typeof status === "number" ? `status ${status}` : `signal ${status}`;
    throw new ToolFailedError(`\`${tool} ${args.join(" ")}\``, `${how}\n  ${tail}`);
  }
  return Buffer.concat(output).toString();
}

/** A tool's path; a `ToolMissingError` that names its Debian package if it is not on PATH. */
export function requireTool(tool: string, debianPackage: string): string {
  for (const folder of (process.env.PATH ?? "").split(":").filter(Boolean)) {
    const path = join(folder, tool);
    if (isExecutable(path)) return path;
  }
  throw new ToolMissingError(tool, debianPackage);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The start time of a live process, field 22 of /proc/PID/stat, which with the id names it for
 * good; null if there is none. A zombie is none: a machine that was left running is nobody's child
 * that would reap it soon.
 */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command's name in parentheses, and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
