/*
 * The command from end to end, with a kernel of the test's own: statuses, messages, machines that
 * are left running.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { processStart } from "./process.ts";
import { type FakeKernel, makeFakeKernel } from "./qemu/fixture.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "virga-test-"));
const state = join(folder, "state");
after(() => rmSync(folder, { recursive: true }));

const START = { event: "start", ns: 1 };
const LISTEN = { event: "listen", port: 6379, protocol: "tcp" };
const SERVE = { event: "serve", port: 6379 };

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, VIRGA_STATE_DIR: state, ...env },
  });
}

function finish(child: ChildProcess): Promise<Result> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

const virga = (...args: string[]): Promise<Result> => finish(start(args));

function kernel(name: string, options: FakeKernel): string {
  const path = join(folder, `${name}.elf`);
  writeFileSync(path, makeFakeKernel(options));
  return path;
}

async function freePort(): Promise<{ port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return { port: address.port, server };
}

test("the console is standard error, the status the command's, on every machine type", async () => {
  const events = [START, { event: "exit", code: 7 }];
  const file = kernel("exit", { console: "hello\n", events, ending: "reset" });
  for (const machine of ["microvm", "q35", "pc"]) {
    const result = await virga("run", "--kernel", file, "--machine", machine, "/bin/true");
    assert.equal(result.status, 7, result.stderr);
    assert.equal(result.stdout, "");
    assert.match(result.stderr, /^hello$/m);
    assert.match(result.stderr, /true started, booted in \d\.\d{3} s/);
  }
});

test("CPUs that the kernel will not use are told of, and are no error", async () => {
  const file = kernel("cpus", { events: [START, { event: "exit", code: 0 }], ending: "reset" });
  const two = await virga("run", "--kernel", file, "--cpus", "2", "/bin/true");
  assert.equal(two.status, 0, two.stderr);
  assert.match(two.stderr, /^virga: --cpus 2: the kernel uses one CPU so far/m);
  const one = await virga("run", "--kernel", file, "/bin/true");
  assert.doesNotMatch(one.stderr, /--cpus/);
});

test("with --json stdout has objects only", async () => {
  const events = [START, { event: "exit", code: 0 }];
  const file = kernel("json", { console: "hello\n", events, ending: "reset" });
  const result = await virga("run", "--kernel", file, "--json", "/bin/true");
  const lines = result.stdout.trim().split("\n");
  const [ready, end] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(ready?.event, "ready");
  assert.equal(typeof ready?.bootSeconds, "number");
  assert.deepEqual(end, { event: "end", name: "true", kind: "exit", code: 0 });
  assert.match(result.stderr, /hello/);
});

test("a signal, a panic and an unexplained end have their own statuses", async () => {
  const crash = { event: "signal", signal: 11, name: "SIGSEGV" };
  const cases: [options: FakeKernel, status: number, message: RegExp][] = [
    [{ events: [START, crash], ending: "reset" }, 139, /ended by SIGSEGV/],
    [{ events: [{ event: "panic", reason: "bad list" }], ending: "reset" }, 70, /panic.*bad list/],
    [
      { events: [{ event: "fork" }, { event: "exit", code: 1 }], ending: "reset" },
      1,
      /ended with status 1 before it was reachable; it tried to fork.*foreground/,
    ],
    [
      { ending: "reset" },
      125,
      /the machine was reset(: the kernel failed| or switched off at once)/,
    ],
  ];
  for (const [options, status, message] of cases) {
    const result = await virga("run", "--kernel", kernel("end", options), "/bin/true");
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, message);
  }
});

test("a machine left running is listed, heard and stopped", async () => {
  const file = kernel("serve", {
    console: "serving\n",
    events: [START, LISTEN, SERVE],
    ending: "halt",
  });
  const { port, server } = await freePort();
  const forward = `${port}:6379`;
  const run = ["run", "--kernel", file, "--name", "web", "--detach"];

  const busy = await virga(...run, "--port", forward, "/bin/true");
  assert.equal(busy.status, 125);
  assert.match(busy.stderr, new RegExp(`port ${port} \\(tcp\\) is in use`));
  await new Promise((resolve) => server.close(resolve));

  const started = await virga(...run, "--port", forward, "/bin/true");
  assert.equal(started.status, 0, started.stderr);
  assert.match(started.stderr, new RegExp(`web is reachable on 127\\.0\\.0\\.1:${port}`));

  const [machine] = JSON.parse((await virga("ps", "--json")).stdout) as Record<string, unknown>[];
  assert.equal(machine?.name, "web");
  assert.equal(machine?.status, "running");
  const again = await virga(...run, "/bin/true");
  assert.match(again.stderr, /a machine named web is running/);
  assert.equal((await virga("logs", "web")).stdout, "serving\n");

  const follower = start(["logs", "--follow", "web"]);
  const follow = finish(follower);
  await new Promise((resolve) => follower.stdout?.once("data", resolve));
  const stopped = await virga("stop", "--timeout", "1", "web");
  assert.equal(stopped.status, 0);
  assert.match(stopped.stderr, /web did not end within 1 s of SIGTERM; its machine was ended/);
  assert.equal((await follow).stdout, "serving\n");
  assert.equal((await virga("ps", "--json", "--all")).stdout, "[]\n");
  assert.match((await virga("stop", "web")).stderr, /no machine named web/);
});

test("a program that does not mind an interrupt is ended by the second one", async () => {
  const file = kernel("wait", { events: [START], ending: "halt" });
  const child = start(["run", "--kernel", file, "/bin/true"]);
  const result = finish(child);
  child.stderr?.once("data", () => {
    child.kill("SIGINT");
    // The hint comes when the first one has changed nothing.
    child.stderr?.once("data", () => child.kill("SIGINT"));
  });
  const { status, stderr } = await result;
  assert.equal(status, 130, stderr);
  assert.match(stderr, /true still runs; Ctrl-C again ends it at once\n.*true stopped/);
});

test("an attached machine that is stopped from elsewhere has not vanished", async () => {
  const file = kernel("elsewhere", { events: [START], ending: "halt" });
  const runner = start(["run", "--kernel", file, "--name", "elsewhere", "/bin/true"]);
  const end = finish(runner);
  await new Promise((resolve) => runner.stderr?.once("data", resolve));
  assert.equal((await virga("stop", "--timeout", "0", "elsewhere")).status, 0);
  const { status, stderr } = await end;
  assert.equal(status, 137, stderr);
  assert.match(stderr, /elsewhere stopped/);
});

test("a QEMU that fails is told with its last words, in the background too", async () => {
  const file = join(folder, "refused.elf");
  writeFileSync(file, "no kernel at all");
  for (const options of [[], ["--detach"]]) {
    const { status, stderr } = await virga(
      ...["run", "--kernel", file, "--name", "refused", ...options, "/bin/true"],
    );
    assert.equal(status, 125, stderr);
    assert.match(stderr, /QEMU failed with status 1: .*kernel/);
  }
});

test("a machine that can't be asked ends at once", async () => {
  const file = kernel("deaf", { events: [START], ending: "halt" });
  const options = ["--kernel", file, "--name", "deaf", "--detach"];
  assert.equal((await virga("run", ...options, "/bin/true")).status, 0);
  rmSync(join(state, "deaf", "control.sock"));
  const { status, stderr } = await virga("stop", "deaf");
  assert.equal(status, 0);
  assert.match(stderr, /deaf can't be sent a signal: .*; its machine was ended/);
});

test("a server that listens and never asks for a connection is not called reachable", async () => {
  const events = [START, LISTEN, { event: "exit", code: 3 }];
  const file = kernel("deaf-server", { events, ending: "reset" });
  const { server, port } = await freePort();
  await new Promise((resolve) => server.close(resolve));
  for (const options of [[], ["--detach"]]) {
    const run = ["run", "--kernel", file, ...options, "--port", `${port}:6379`, "/bin/true"];
    const { status, stderr } = await virga(...run);
    assert.equal(status, 3, stderr);
    assert.doesNotMatch(stderr, /is reachable/);
    assert.match(stderr, /ended with status 3 before it was reachable/);
  }
});

test("a runner that is killed takes its machine along and leaves nothing", async () => {
  const file = kernel("orphan", { events: [START], ending: "halt" });
  const runner = start(["run", "--kernel", file, "--name", "orphan", "/bin/true"]);
  const end = finish(runner);
  await new Promise((resolve) => runner.stderr?.once("data", resolve));
  const machines = JSON.parse((await virga("ps", "--json")).stdout) as Record<string, unknown>[];
  const pid = Number(machines.find((each) => each.name === "orphan")?.pid);
  assert.notEqual(processStart(pid), null);
  runner.kill("SIGKILL");
  await end;
  while (processStart(pid) !== null) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.doesNotMatch((await virga("ps", "--all")).stdout, /orphan/);
  assert(!existsSync(join(state, "orphan")));
});

test("what cannot run is refused in one line", async () => {
  const script = join(folder, "script");
  writeFileSync(script, "#!/bin/sh\n");
  const orphan = join(folder, "orphan");
  writeFileSync(orphan, "#!/no/such\n", { mode: 0o755 });
  const cases: [args: string[], status: number, message: RegExp][] = [
    [["run", "./no-such-file"], 127, /no such program: \.\/no-such-file/],
    [["run", script], 126, /script may not be executed; chmod \+x/],
    [["run", orphan], 127, /no such program: \/no\/such \(the interpreter of .*orphan\)/],
    [["run", "--memory", "1M", "/bin/true"], 125, /too little memory: 1M/],
    [["run", "--root", "/no/such", "--", "/x"], 125, /there is no such folder/],
    [["run", "--cpus", "many", "/bin/true"], 2, /--cpus many/],
    [["frobnicate"], 2, /no such command: frobnicate/],
    [["ps", "extra"], 2, /takes no argument/],
    [["stop", "--timeout", "soon", "web"], 2, /--timeout soon: expected seconds/],
    [["stop", "--timeout", "-1", "web"], 2, /timeout/],
    [["stop", "--all", "web"], 2, /stop --all takes no name: web/],
  ];
  for (const [args, status, message] of cases) {
    const result = await virga(...args);
    assert.equal(result.status, status, args.join(" "));
    assert.match(result.stderr, message);
    assert.equal(result.stderr.trim().split("\n").length, 1);
  }
});

test("QEMU missing is said with the package that has it", async () => {
  const file = kernel("none", { ending: "reset" });
  const result = await finish(
    start(["run", "--name", "none", "--kernel", file, "/bin/true"], { PATH: folder }),
  );
  assert.equal(result.status, 125);
  assert.match(result.stderr, /(qemu-system-x86_64|mkfs\.erofs) is missing; install it/);
});

test("without a network a recipe ends in one line, before anything is compiled", async () => {
  const [config, sources] = [join(folder, "apt.conf"), join(folder, "sources.list")];
  // Nobody listens on port 1.
  writeFileSync(sources, "deb http://127.0.0.1:1/debian stable main\n");
  const settings = [`sourcelist "${sources}"`, 'sourceparts "/dev/null"'];
  writeFileSync(config, settings.map((each) => `Dir::Etc::${each};\n`).join(""));
  const environment = { APT_CONFIG: config, VIRGA_BUILD: join(folder, "build") };
  const { status, stderr } = await finish(start(["run", "redis"], environment));
  assert.equal(status, 125);
  const complaint = /^virga: can't fetch Debian's package lists; is there a network\? .*$/m;
  assert.match(stderr, complaint);
  assert.doesNotMatch(stderr, /building|\n {2}/);
});

test("two runs that race for a port have one loser, who is told why", async () => {
  const events = [START, LISTEN, SERVE];
  const file = kernel("race", { events, ending: "halt" });
  const { server, port } = await freePort();
  await new Promise((resolve) => server.close(resolve));
  const run = (): Promise<Result> =>
    virga(...["run", "--kernel", file, "--detach", "--port", `${port}:6379`, "/bin/true"]);
  const results = await Promise.all([run(), run()]);
  assert.deepEqual(results.map((each) => each.status).sort(), [0, 125]);
  const loser = results.find((each) => each.status === 125);
  assert.match(loser?.stderr ?? "", new RegExp(`^virga: port ${port} \\(tcp\\) is in use`, "m"));
  await virga("stop", "--all", "--timeout", "0");
});

test("the version is told", async () => {
  const { status, stdout } = await virga("--version");
  assert.equal(status, 0);
  assert.match(stdout, /^virga \d+\.\d+\.\d+\n$/);
});

test("every command has help", async () => {
  const { stdout } = await virga("--help");
  for (const name of ["run", "ps", "logs", "stop", "build-kernel", "gdb", "test", "bench"]) {
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
    const help = await virga(name, "--help");
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^usage: virga ${name}`));
  }
});
