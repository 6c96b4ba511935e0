/*
 * The Redis under test, and clients for it. By default it is Debian's redis-server in a virtual
 * machine, reached through a forwarded port; with VIRGA_TEST_HOST set it is this host's, which
 * checks the tests themselves.
 *
 * QEMU 7.2's port forwarding listens with a backlog of 1, so clients that connect all at once lose
 * their SYNs and wait for a minute. Connections are therefore opened one after another: `connect`
 * waits for its turn.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createClient } from "@redis/client";
import { redis as recipe } from "../../../apps/redis.ts";
import { imageOfRecipe } from "../../../cli/image/index.ts";
import { buildKernel } from "../../../cli/modules.ts";
import { describeEnd, startBoot, tailOf } from "../boot.ts";

export interface RedisServer {
  readonly port: number;
  /** How the server ended: "exit code 0" when all is well. */
  readonly ended: Promise<string>;
  /** Sends the server SIGTERM. */
  terminate(): Promise<void>;
  /** What it has said, once it has ended. */
  readonly said: Promise<string>;
  stop(): Promise<void>;
}

const BOOT_TIMEOUT_MS = 30_000;
const SIGTERM = 15;
/** The longest that one file of tests may take. */
const LIFE_TIMEOUT_MS = 300_000;

export async function startRedis(
  memoryMib = 512,
  args: readonly string[] = [],
): Promise<RedisServer> {
  if (process.env.VIRGA_TEST_HOST) return await startOnHost(args);
  const kernel = process.env.VIRGA_TEST_KERNEL ?? (await buildKernel(false));
  const [port, image] = await Promise.all([freePort(), imageOfRecipe(recipe)]);
  const machine = await startBoot({
    kernel,
    image: image.path,
    argv: [recipe.program, ...recipe.args, ...args],
    memoryMib,
    forwards: [{ hostPort: port, guestPort: 6379, protocol: "tcp" }],
    timeoutMs: LIFE_TIMEOUT_MS,
  });
  const ended = machine.ended.then(({ end, text }) => {
    const how = describeEnd(end);
    return how === "exit code 0" || how === "stopped" ? how : `${how}\n${tailOf(text, 30)}`;
  });
  const timer = setTimeout(() => void machine.stop(), BOOT_TIMEOUT_MS);
  const listening = await machine.waitFor(({ event }) => event === "listen");
  clearTimeout(timer);
  if (listening === null) {
    const { text } = await machine.ended;
    throw new Error(`Redis does not listen: ${await ended}\n${tailOf(text, 30)}`);
  }
  return {
    port,
    ended,
    terminate: () => machine.signal(SIGTERM),
    said: machine.ended.then(({ text }) => text),
    stop: () => machine.stop(),
  };
}

async function startOnHost(args: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const words = [...recipe.args, ...args];
  words[words.indexOf("--port") + 1] = String(port);
  words[words.indexOf("--bind") + 1] = "127.0.0.1";
  const child = spawn("redis-server", words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await untilItSays(child, "Ready to accept connections");
  return {
    port,
    ended,
    terminate: async () => {
      child.kill("SIGTERM");
    },
    said: ended.then(() => text),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function untilItSays(child: ChildProcess, words: string): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(words)) resolve();
    });
    child.once("close", () => reject(new Error(`redis-server ended:\n${text}`)));
  });
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function makeClient(port: number) {
  const client = createClient({
    socket: { host: "127.0.0.1", port, reconnectStrategy: false, connectTimeout: 60_000 },
    commandsQueueMaxLength: 200_000,
    // Under software emulation a command at the end of a long queue takes longer than the 5 s it
    // gets by default.
    commandOptions: { timeout: 0 },
  });
  // A server that shuts down closes connections; tests look at results, not at this.
  client.on("error", () => {});
  return client;
}

export type Client = ReturnType<typeof makeClient>;

let turn: Promise<unknown> = Promise.resolve();

/** Opens one more connection, after all that were asked for before. */
export async function connect(server: RedisServer): Promise<Client> {
  const client = makeClient(server.port);
  const mine = turn.then(() => client.connect());
  turn = mine.catch(() => {});
  await mine;
  return client;
}

export async function connectMany(server: RedisServer, count: number): Promise<Client[]> {
  return await Promise.all(Array.from({ length: count }, () => connect(server)));
}
