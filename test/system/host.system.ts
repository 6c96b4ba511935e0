/*
 * What the host does to a running program: it feeds its standard input, sends it signals, and stops
 * it; first by the machine's own interface, in the end by the command. The guest's side is
 * test/guest/host.c.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildKernel } from "../../cli/modules.ts";
import type { MachineType } from "../../cli/qemu/index.ts";
import { type BootResult, describeEnd, type RunningBoot, startBoot, tailOf } from "./boot.ts";
import { incompleteness, readChecks } from "./checks.ts";
import { compileProgram, type GuestProgram } from "./programs.ts";
import { composeTestRoot, guestPath } from "./root.ts";

const skip = Boolean(process.env.VIRGA_TEST_HOST);
const SIGPIPE = 13;
const SIGTERM = 15;

let program: GuestProgram;
let image: string;
let kernel: string;

before(async () => {
  if (skip) return;
  program = await compileProgram("host", "static");
  image = await composeTestRoot([program]);
  kernel = process.env.VIRGA_TEST_KERNEL ?? (await buildKernel(false));
});

const state = mkdtempSync(join(tmpdir(), "virga-host-"));
after(() => rmSync(state, { recursive: true }));

interface Guest {
  readonly machine: RunningBoot;
  /** The guest's next "host: …" line; null when the machine has ended. */
  turn(): Promise<string | null>;
}

async function start(
  way: string,
  input?: Readable,
  machineType: MachineType = "microvm",
): Promise<Guest> {
  const turns: string[] = [];
  let rest = "";
  let wake = (): void => {};
  const machine = await startBoot({
    kernel,
    image,
    argv: [guestPath(program), way],
    machine: machineType,
    boot: { stderr: "pipe" },
    ...(input === undefined ? {} : { input }),
    onConsole: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      turns.push(...lines.flatMap((line) => /^host: (.*?)\r?$/.exec(line)?.[1] ?? []));
      wake();
      return undefined;
    },
  });
  const ended = machine.ended.then(() => null);
  const turn = async (): Promise<string | null> => {
    while (turns.length === 0) {
      const came = new Promise<string>((resolve) => {
        wake = () => resolve("");
      });
      if ((await Promise.race([came, ended])) === null) break;
    }
    return turns.shift() ?? null;
  };
  return { machine, turn };
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) sum = (((sum >> 1) | (sum << 15)) + byte) & 0xffff;
  return sum;
}

function assertEnd(result: BootResult, end: string): void {
  assert.equal(describeEnd(result.end), end, tailOf(result.text));
}

test("a program waits for its input in every way, is interrupted, and sees the end", {
  skip,
}, async () => {
  const input = new PassThrough();
  const { machine, turn } = await start("checks", input);
  for (let what = await turn(); what !== null; what = await turn()) {
    const signal = /^signal (\d+)$/.exec(what)?.[1];
    if (signal !== undefined) await machine.signal(Number(signal));
    else if (what === "end") input.end();
    else input.write(`${what}\n`);
  }
  const result = await machine.ended;
  const report = readChecks(result.text);
  assert.deepEqual(report.failed, []);
  assert.equal(incompleteness(report), null, tailOf(result.text));
  assertEnd(result, "exit code 0");
});

for (const machineType of ["microvm", "q35"] as const) {
  test(`megabytes arrive whole, on ${machineType}`, { skip }, async () => {
    const bytes = Buffer.alloc(5_000_001, "every byte counts; ");
    const { machine } = await start("sum", Readable.from([bytes]), machineType);
    const result = await machine.ended;
    assertEnd(result, "exit code 0");
    assert.match(result.text, new RegExp(`^${sumOf(bytes)} ${bytes.length}$`, "m"));
  });
}

for (const machineType of ["microvm", "q35"] as const) {
  test(`output waits for the host and arrives whole, on ${machineType}`, { skip }, async () => {
    let isWanted = (): void => {};
    const wanted = new Promise<void>((resolve) => {
      isWanted = resolve;
    });
    // The program's other thread asks for input when the first one is stuck.
    const machine = await startBoot({
      ...{ kernel, image, argv: [guestPath(program), "output"], machine: machineType },
      input: Readable.from([]),
      onConsole: () => wanted,
    });
    await machine.waitFor((event) => event.event === "stdin");
    isWanted();
    const result = await machine.ended;
    assertEnd(result, "exit code 0");
    const lines = result.text.split("\n").filter((line) => /^\d{7}$/.test(line));
    assert.equal(lines.length, 250_000);
    assert(lines.every((line, index) => Number(line) === index));
  });
}

test("no input is the end at once", { skip }, async () => {
  const { machine } = await start("sum");
  const result = await machine.ended;
  assertEnd(result, "exit code 0");
  assert.match(result.text, /^0 0$/m);
});

test("a program that never reads leaves the input alone", { skip }, async () => {
  let isTouched = false;
  const input = new Readable({
    read() {
      isTouched = true;
    },
  });
  const { machine, turn } = await start("ignore", input);
  await turn();
  await machine.stop();
  assert.equal(isTouched, false);
});

test("a signal reaches a thread that only computes", { skip }, async () => {
  const { machine, turn } = await start("spin");
  assert.equal(await turn(), "signal 15");
  await machine.signal(SIGTERM);
  assertEnd(await machine.ended, `exit code ${40 + SIGTERM}`);
});

test("a signal without a handler ends the program without a report", { skip }, async () => {
  const { machine, turn } = await start("threads");
  assert.equal(await turn(), "signal 2");
  await machine.signal(2);
  const result = await machine.ended;
  assertEnd(result, "ended by SIGINT (2)");
  assert.doesNotMatch(result.text, /rip|rsp|#0/);
});

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<{ status: number | null; stdout: string; stderr: string }>;
}

function virga(...args: string[]): Command {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, VIRGA_STATE_DIR: state },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Awaited<Command["ended"]>>((resolve) => {
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
  return { child, ended };
}

test("virga run feeds the program what it is fed", { skip }, async () => {
  const { child, ended } = virga("run", "--kernel", kernel, program.path, "sum");
  child.stdin?.end("hello\n");
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), `${sumOf(Buffer.from("hello\n"))} 6`);
});

const SIGABRT = 6;
const APART = ["run", "--name", "apart", "--kernel"];

test("standard output has what the program wrote there and nothing else", { skip }, async () => {
  for (const machineType of ["microvm", "q35"]) {
    const { child, ended } = virga(
      ...APART,
      kernel,
      "--machine",
      machineType,
      program.path,
      "apart",
    );
    child.stdin?.end();
    const { status, stdout, stderr } = await ended;
    assert.equal(status, 128 + SIGABRT, stderr);
    assert.equal(stdout, "answer\n");
    assert.match(stderr, /^remark\n[\s\S]*#0 0x/m);
  }
});

/**
 * Runs the program by a shell that redirects its outputs, as `redirection` says: its status, and
 * what comes out of the one of the shell's outputs that is listened to.
 */
async function byShell(
  redirection: string,
  output: "stdout" | "stderr",
  ...args: string[]
): Promise<{ readonly status: number | null; readonly text: string }> {
  const command = [process.execPath, "--import", "tsx", MAIN, ...APART, kernel, program.path];
  const shell = spawn("sh", ["-c", `"$@" ${redirection}`, "sh", ...command, ...args], {
    stdio: ["ignore", "pipe", output === "stdout" ? "inherit" : "pipe"],
    env: { ...process.env, VIRGA_STATE_DIR: state },
  });
  let text = "";
  shell[output]?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => shell.once("close", resolve));
  return { status, text };
}

test("outputs that are one pipe are one to the program, in the order it wrote", {
  skip,
}, async () => {
  const { text } = await byShell("2>&1", "stdout", "apart");
  assert.match(text, /^answer\nremark\n[\s\S]*#0 0x/m);
});

test("a program finds a home, a path, the time, and its files' times", { skip }, async () => {
  const run = async (...args: string[]): Promise<string> => {
    const command = virga("run", "--kernel", kernel, ...args);
    command.child.stdin?.end();
    const { status, stdout, stderr } = await command.ended;
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const variables = await run("--env", "HOME=/tmp", "/usr/bin/env");
  assert.match(variables, /^PATH=.*:\/usr\/bin:/m);
  assert.match(variables, /^HOME=\/tmp$/m);
  const before = Date.now();
  const now = Number(await run("/bin/date", "+%s%3N"));
  assert(now >= before && now <= Date.now(), `${before} ${now} ${Date.now()}`);
  const [path, modified] = ["/usr/bin/stat", Math.floor(statSync("/usr/bin/stat").mtimeMs / 1000)];
  assert.equal((await run(path, "-L", "-c", "%Y", path)).trim(), String(modified));
});

test("a script is run by its interpreter, with its path and its arguments", { skip }, async () => {
  const script = join(state, "greet.sh");
  writeFileSync(script, '#!/bin/sh -e\necho "$0 $1"\nexit 5\n', { mode: 0o755 });
  const { child, ended } = virga("run", "--name", "script", "--kernel", kernel, script, "a b");
  child.stdin?.end();
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 5, stderr);
  assert.equal(stdout, `${script} a b\n`);
  rmSync(script);
});

test("an output that is full ends the run with the reason, and no machine stays", {
  skip,
}, async () => {
  const { status, text } = await byShell("> /dev/full", "stderr", "flood");
  assert.equal(status, 125, text);
  assert.match(text, /^virga: standard output: .*no space left on device/m);
  assert.doesNotMatch(text, /unexpected error|\n\s+at /);
  assert.equal((await virga("ps", "--json", "--all").ended).stdout, "[]\n");
});

test("a program whose output nobody reads any more ends by SIGPIPE", { skip }, async () => {
  const { child, ended } = virga("run", "--kernel", kernel, program.path, "flood");
  child.stdout?.once("data", () => child.stdout?.destroy());
  const { status, stderr } = await ended;
  assert.equal(status, 128 + SIGPIPE, stderr);
});

test("SIGTERM for virga run is the program's, whose end is its status", { skip }, async () => {
  const { child, ended } = virga("run", "--kernel", kernel, program.path, "threads");
  child.stdout?.once("data", () => child.kill("SIGTERM"));
  const { status, stderr } = await ended;
  assert.equal(status, 128 + SIGTERM, stderr);
  assert.match(stderr, /was ended by SIGTERM/);
});

test("virga stop ends a program that ignores SIGTERM when its time is up", { skip }, async () => {
  const options = ["--kernel", kernel, "--name", "deaf", "--detach"];
  const { status, stderr } = await virga("run", ...options, program.path, "ignore").ended;
  assert.equal(status, 0, stderr);
  const follower = virga("logs", "--follow", "deaf");
  await new Promise((resolve) => follower.child.stdout?.once("data", resolve));
  const stopped = await virga("stop", "--timeout", "1", "deaf").ended;
  await follower.ended;
  assert.equal(stopped.status, 0);
  assert.match(stopped.stderr, /deaf did not end within 1 s of SIGTERM; its machine was ended/);
});
