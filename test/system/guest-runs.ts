/* Runs of the programs that are lists of checks, in a virtual machine or on this host's Linux. */
import { spawn } from "node:child_process";
import { seconds, type Tally } from "../tally.ts";
import { type BootRequest, type BootResult, describeEnd, tailOf } from "./boot.ts";
import { incompleteness, readChecks } from "./checks.ts";
import type { GuestProgram } from "./programs.ts";
import { guestPath } from "./root.ts";

/** What all runs share. */
export interface Testbed {
  readonly kernel: string;
  /** The kernel with checks, for `runChecksInDebugGuest`. */
  readonly debugKernel: string;
  readonly image: string;
  /** With hello.c alone, for machines that take their root as a module: that has a limit. */
  readonly smallImage: string;
  readonly programs: ReadonlyMap<string, GuestProgram>;
  /** Boots a machine to its end. */
  readonly boot: (request: BootRequest) => Promise<BootResult>;
}

/** Given to every guest program; process.c looks at it. */
export const GUEST_ENVIRONMENT = { VIRGA_TEST: 'a value with blanks and "quotes"' };

const TIMEOUT_MS = 60_000;

export function programOf(name: string, testbed: Testbed): GuestProgram {
  const program = testbed.programs.get(name);
  if (program === undefined) throw new Error(`no guest program ${name}`);
  return program;
}

export function runChecksInGuest(name: string, testbed: Testbed, tally: Tally): Promise<boolean> {
  return runChecks(testbed.kernel, name, name, testbed, tally);
}

export function runChecksInDebugGuest(
  name: string,
  testbed: Testbed,
  tally: Tally,
): Promise<boolean> {
  return runChecks(testbed.debugKernel, name, `debug/${name}`, testbed, tally);
}

async function runChecks(
  kernel: string,
  name: string,
  label: string,
  testbed: Testbed,
  tally: Tally,
): Promise<boolean> {
  const program = programOf(name, testbed);
  const result = await testbed.boot({
    kernel,
    image: testbed.image,
    argv: [guestPath(program), "--virga"],
    env: GUEST_ENVIRONMENT,
    timeoutMs: TIMEOUT_MS,
  });
  const code = result.end.kind === "exit" ? result.end.code : null;
  judge(label, tally, { text: result.text, code, end: describeEnd(result.end), ms: result.ms });
  return result.end.kind === "timeout";
}

export async function runChecksOnHost(
  name: string,
  testbed: Testbed,
  tally: Tally,
): Promise<boolean> {
  const program = programOf(name, testbed);
  const begin = performance.now();
  const child = spawn(program.path, [], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...GUEST_ENVIRONMENT },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const end = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? "no status"));
  });
  judge(name, tally, {
    text: Buffer.concat(chunks).toString(),
    code: typeof end === "number" ? end : null,
    end: typeof end === "number" ? `exit code ${end}` : `ended by ${end}`,
    ms: performance.now() - begin,
  });
  return end === "SIGKILL";
}

interface Run {
  readonly text: string;
  /** The exit code; null when it ended otherwise. */
  readonly code: number | null;
  readonly end: string;
  readonly ms: number;
}

function judge(name: string, tally: Tally, run: Run): void {
  const report = readChecks(run.text);
  tally.pass(report.passed);
  for (const failed of report.failed) {
    const [check, detail] = splitFailed(failed);
    tally.fail(`${name}: ${check}`, detail);
  }
  const isCodeRight = run.code === (report.failed.length === 0 ? 0 : 1);
  const wrong = incompleteness(report) ?? (isCodeRight ? null : `${report.passed} checks passed`);
  if (wrong !== null) tally.fail(name, `${run.end}: ${wrong}\n${tailOf(run.text)}`);
  else if (report.failed.length === 0) {
    tally.say(`ok ${name}: ${report.passed} checks, ${seconds(run.ms)}`);
  }
}

/** A failed check's name, and what stands behind it: its place in the source, what was wrong. */
function splitFailed(failed: string): [name: string, detail: string] {
  const at = failed.search(/: [\w.-]+:\d+: /);
  return at < 0 ? [failed, ""] : [failed.slice(0, at), failed.slice(at + 2)];
}
