/*
 * Running node:test files in processes of their own, and reading what came of them.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import type { TestOptions } from "./options.ts";
import { repositoryRoot } from "./paths.ts";
import { say, seconds, type Tally } from "./tally.ts";

/** One line of node-reporter.mjs. */
type ReporterLine =
  | { readonly kind: "output"; readonly text: string }
  | {
      readonly kind: "test";
      readonly name: string;
      readonly file: string;
      readonly nesting: number;
      readonly isLeaf: boolean;
      readonly isSkipped: boolean;
      readonly failureType: string;
      readonly hasPassed: boolean;
      readonly ms: number;
      readonly error: string;
    };

/** The kernel's tests are AssemblyScript, and toolchain/unit.ts runs them. */
const SKIPPED_FOLDERS = new Set(["node_modules", "build", "kernel", ".git"]);
const SLOW_MS = 5_000;

/** All files of the tools whose name has this ending, as paths from the root, sorted. */
export function findTestFiles(ending: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) walk(path);
      if (entry.isFile() && entry.name.endsWith(ending)) found.push(relative(repositoryRoot, path));
    }
  };
  walk(repositoryRoot);
  return found.sort();
}

/** Runs test files, two at a time. `environment` is added to ours. */
export async function runNodeTests(
  files: readonly string[],
  options: TestOptions,
  tally: Tally,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (files.length === 0) return;
  await runReported(["--test", "--test-concurrency=2"], files, options, tally, environment);
}

/** The kernel's own unit tests: one wasm module, one process. */
export async function runKernelUnitTests(options: TestOptions, tally: Tally): Promise<void> {
  const runner = "toolchain/unit.ts";
  if (!existsSync(join(repositoryRoot, runner))) return;
  const patterns = options.only.length === 0 ? [""] : options.only;
  for (const pattern of patterns) await runReported([], [runner, pattern], options, tally, {});
}

async function runReported(
  nodeOptions: readonly string[],
  args: readonly string[],
  options: TestOptions,
  tally: Tally,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const reporter = new URL("node-reporter.mjs", import.meta.url).href;
  const command = [
    ...["--import", "tsx", ...nodeOptions],
    ...[`--test-reporter=${reporter}`, "--test-reporter-destination=stdout", ...args],
  ];
  const child = spawn(process.execPath, command, {
    cwd: repositoryRoot,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  const before = tally.failed;
  const lines = createInterface({ input: child.stdout });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  for await (const line of lines) take(parse(line), options, tally);
  const status = await closed;
  if (status !== 0 && tally.failed === before) {
    tally.fail(args.join(" "), complaint.trim() || `status ${status}`);
  }
}

/** What is no JSON of ours was printed by a test. */
function parse(line: string): ReporterLine {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && "kind" in value) {
      return value as ReporterLine;
    }
  } catch {
    // falls through
  }
  return { kind: "output", text: `${line}\n` };
}

function take(line: ReporterLine, options: TestOptions, tally: Tally): void {
  if (line.kind === "output") {
    if (options.isVerbose) process.stdout.write(line.text);
    return;
  }
  const file = line.file === "" ? "" : `${relative(repositoryRoot, line.file)}: `;
  const isFileItself = line.nesting === 0 && line.name.endsWith(".ts");
  if (!line.hasPassed) {
    // A parent fails because a child did, which has been told already.
    if (line.failureType !== "subtestsFailed") tally.fail(`${file}${line.name}`, line.error);
    return;
  }
  if (!line.isLeaf || line.isSkipped || isFileItself) return;
  tally.pass();
  if (options.isVerbose || line.ms >= SLOW_MS) {
    say(`ok ${file}${line.name} (${seconds(line.ms)})`);
  }
}
