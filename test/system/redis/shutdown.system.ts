/* Ends of a Redis server, and little memory. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, startRedis } from "./server.ts";

const isOnHost = Boolean(process.env.VIRGA_TEST_HOST);

test("SHUTDOWN ends the server, and with it the machine", async () => {
  const server = await startRedis(128);
  const client = await connect(server);
  await client.set("key", "value");
  // Nothing answers a SHUTDOWN; the connection just ends.
  client.sendCommand(["SHUTDOWN", "NOSAVE"]).catch(() => {});
  const end = await Promise.race([server.ended, sleep(20_000, "still running", { ref: false })]);
  client.destroy();
  if (end === "still running") await server.stop();
  assert.equal(end, "exit code 0");
});

test("SIGTERM lets the server save and say goodbye", async () => {
  const folder = isOnHost ? mkdtempSync(join(tmpdir(), "virga-redis-")) : "/tmp";
  const server = await startRedis(128, ["--save", "3600 1", "--dir", folder]);
  const client = await connect(server);
  await client.set("key", "value");
  await server.terminate();
  const end = await Promise.race([server.ended, sleep(20_000, "still running", { ref: false })]);
  client.destroy();
  if (end === "still running") await server.stop();
  assert.equal(end, "exit code 0");
  const said = await server.said;
  assert.match(said, /Received SIGTERM scheduling shutdown/);
  assert.match(said, /DB saved on disk/);
  assert.match(said, /bye bye/);
  if (isOnHost) rmSync(folder, { recursive: true });
});

test("two servers side by side know nothing of each other", async () => {
  const [a, b] = await Promise.all([startRedis(128), startRedis(128)]);
  const [one, two] = await Promise.all([connect(a), connect(b)]);
  try {
    await one.set("who", "a");
    await two.set("who", "b");
    assert.equal(await one.get("who"), "a");
    assert.equal(await two.get("who"), "b");
  } finally {
    one.destroy();
    two.destroy();
    await Promise.all([a.stop(), b.stop()]);
  }
});

test("a machine of 24 MiB serves Redis", { skip: isOnHost }, async () => {
  const server = await startRedis(24);
  const client = await connect(server);
  try {
    for (let index = 0; index < 200; index++) await client.set(`key${index}`, "v".repeat(1000));
    assert.equal(await client.get("key199"), "v".repeat(1000));
    assert.equal(await client.dbSize(), 200);
  } finally {
    client.destroy();
    await server.stop();
  }
});

test("more data than memory is refused, not fatal", async () => {
  const server = await startRedis(256);
  const client = await connect(server);
  try {
    await client.configSet("maxmemory", "64mb");
    const value = Buffer.alloc(1_000_000, "z");
    let refused = "";
    for (let index = 0; index < 100 && refused === ""; index++) {
      await client.set(`k${index}`, value).catch((error: Error) => {
        refused = error.message;
      });
    }
    assert.match(refused, /OOM/);
    assert.equal(await client.ping(), "PONG");
  } finally {
    client.destroy();
    await server.stop();
  }
});
