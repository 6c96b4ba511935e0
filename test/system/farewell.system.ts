/*
 * The end of a program that still has something to tell: its clients get what it has written, and
 * the end behind it. On this host's Linux as well, which shows what is expected.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { before, test } from "node:test";
import { buildKernel } from "../../cli/modules.ts";
import { describeEnd, startBoot } from "./boot.ts";
import { compileProgram, type GuestProgram } from "./programs.ts";
import { freePort } from "./redis/server.ts";
import { composeTestRoot, guestPath } from "./root.ts";

const isOnHost = Boolean(process.env.VIRGA_TEST_HOST);
const GUEST_PORT = 7000;
const SIGTERM = 15;

let program: GuestProgram;
let image: string;
let kernel: string;

before(async () => {
  program = await compileProgram("farewell", "static");
  if (isOnHost) return;
  image = await composeTestRoot([program]);
  kernel = process.env.VIRGA_TEST_KERNEL ?? (await buildKernel(false));
});

interface Server {
  readonly port: number;
  /** How it ended, and what it said. */
  readonly ended: Promise<{ how: string; text: string }>;
}

/** A server that listens. */
async function serve(way: string, size: number): Promise<Server> {
  if (isOnHost) return await serveOnHost(way, size);
  const port = await freePort();
  const machine = await startBoot({
    ...{ kernel, image, argv: [guestPath(program), "serve", way, String(size)] },
    forwards: [{ hostPort: port, guestPort: GUEST_PORT, protocol: "tcp" }],
  });
  await machine.waitFor(({ event }) => event === "listen");
  const ended = machine.ended.then(({ end, text }) => ({ how: describeEnd(end), text }));
  return { port, ended };
}

async function serveOnHost(way: string, size: number): Promise<Server> {
  const child = spawn(program.path, ["serve", way, String(size)]);
  const ended = outputOf(child).then(({ code, signal, text }) => ({
    how: signal === null ? `exit code ${code}` : `ended by ${signal} (${SIGTERM})`,
    text,
  }));
  await untilSomebodyListens();
  return { port: GUEST_PORT, ended };
}

/** Without connecting, for the server takes one connection only. */
async function untilSomebodyListens(): Promise<void> {
  const row = `:${GUEST_PORT.toString(16).toUpperCase()} 00000000:0000 0A`;
  while (!readFileSync("/proc/net/tcp", "latin1").includes(row)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Output {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly text: string;
}

async function outputOf(child: ChildProcess): Promise<Output> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return await new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, text }));
  });
}

async function readWith(half: "half" | "whole", port: number): Promise<string> {
  return (await outputOf(spawn(program.path, ["read", half, String(port)]))).text.trim();
}

for (const [way, how] of [
  ["exit", "exit code 0"],
  ["close", "exit code 0"],
  ["shutdown", "exit code 0"],
  ["thread", "exit code 0"],
  ["signal", `ended by SIGTERM (${SIGTERM})`],
] as const) {
  for (const size of [100, 200_000]) {
    test(`${size} bytes arrive whole from a server that ends by ${way}`, async () => {
      const server = await serve(way, size);
      assert.equal(await readWith("whole", server.port), `${size} bytes, the end`);
      const end = await server.ended;
      assert.equal(end.how, how);
      assert.doesNotMatch(end.text, /ran on/);
    });
  }
}

test("3 MB arrive whole at a client that has closed its half", async () => {
  const server = await serve("close", 3_000_000);
  assert.equal(await readWith("half", server.port), "3000000 bytes, the end");
  assert.equal((await server.ended).how, "exit code 0");
});

test("10 MB arrive whole at a client that reads slowly", async () => {
  const server = await serve("exit", 10_000_000);
  assert.equal(await readWith("whole", server.port), "10000000 bytes, the end");
  assert.equal((await server.ended).how, "exit code 0");
});

test("a client that has gone does not keep the server", async () => {
  const server = await serve("exit", 1_000_000);
  const client = connect(server.port, "127.0.0.1");
  client.on("error", () => {});
  client.once("data", () => client.resetAndDestroy());
  const { how } = await server.ended;
  // Linux tells the writer by SIGPIPE when the reset comes before it has written all.
  assert.match(how, /^(exit code 0|ended by SIGPIPE .*)$/);
});

test("a client that reads nothing does not keep the machine for ever", async () => {
  const server = await serve("full", 20_000_000);
  const client = connect(server.port, "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  const { how, text } = await server.ended;
  client.destroy();
  assert.equal(how, "exit code 0");
  assert.match(text, /^wrote \d+$/m);
});
