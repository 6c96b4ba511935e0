/*
 * Redis under traffic: large values, many commands, many connections, blocking and publishing
 * clients.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RESP_TYPES } from "@redis/client";
import { type Client, connect, connectMany, type RedisServer, startRedis } from "./server.ts";

const MIB = 1024 * 1024;

let server: RedisServer;
let client: Client;

before(async () => {
  server = await startRedis();
  client = await connect(server);
});

after(async () => {
  client?.destroy();
  await server?.stop();
});

test("values of 10 MB come back byte by byte", async () => {
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  for (const size of [10_000_000, 10 * MIB + 1]) {
    const value = randomBytes(size);
    await client.set("large", value);
    assert.equal(await client.strLen("large"), size);
    const back = await binary.get("large");
    assert.ok(back !== null && value.equals(Buffer.from(back)), `${size} bytes differ`);
  }
  await client.del("large");
});

test("values of every awkward size", async () => {
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  // Around the sizes of segments, pages, buffers and windows.
  const around = [0, 1, 535, 1460, 2920, 4096, 16_384, 65_535, 65_536, 131_072, MIB];
  const sizes = around.flatMap((size) => [size - 1, size, size + 1]).filter((size) => size >= 0);
  for (const size of sizes) {
    const value = randomBytes(size);
    await client.set("odd", value);
    const back = await binary.get("odd");
    assert.ok(back !== null && value.equals(Buffer.from(back)), `${size} bytes differ`);
  }
});

test("100,000 pipelined commands", async () => {
  await client.del("counter");
  const replies = await Promise.all(Array.from({ length: 100_000 }, () => client.incr("counter")));
  // Answers come in the order of the commands.
  assert.ok(replies.every((reply, index) => reply === index + 1));
  assert.equal(await client.get("counter"), "100000");
});

test("pipelined GET and SET of 1 KB values", async () => {
  const values = Array.from({ length: 5_000 }, (_, index) => String(index).padEnd(1024, "."));
  const set = await Promise.all(values.map((value, index) => client.set(`p:${index}`, value)));
  assert.ok(set.every((reply) => reply === "OK"));
  const back = await Promise.all(values.map((_, index) => client.get(`p:${index}`)));
  assert.deepEqual(back, values);
});

test("publish and subscribe", async () => {
  const subscribers = await connectMany(server, 5);
  const heard: string[][] = subscribers.map(() => []);
  await Promise.all(
    subscribers.map((each, index) =>
      each.subscribe("news", (message) => heard[index]?.push(message)),
    ),
  );
  const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
  for (const message of sent) assert.equal(await client.publish("news", message), 5);
  for (let tries = 0; tries < 100 && heard.some((each) => each.length < 200); tries++) {
    await sleep(20);
  }
  for (const each of heard) assert.deepEqual(each, sent);
  const patterned: string[] = [];
  await subscribers[0]?.pSubscribe("n*s", (message, channel) => {
    patterned.push(`${channel}=${message}`);
  });
  await client.publish("nXs", "pattern");
  for (let tries = 0; tries < 100 && patterned.length === 0; tries++) await sleep(20);
  assert.deepEqual(patterned, ["nXs=pattern"]);
  for (const each of subscribers) each.destroy();
});

async function untilBlocked(count: number): Promise<void> {
  const wanted = new RegExp(`blocked_clients:${count}\\b`);
  for (let tries = 0; tries < 100; tries++) {
    if (wanted.test(await client.info("clients"))) return;
    await sleep(20);
  }
  assert.fail(`not ${count} clients blocked: ${await client.info("clients")}`);
}

test("blocking pops wait, wake, and time out", async () => {
  const waiting = await connectMany(server, 3);
  // Between connections nothing keeps an order, so the next one asks when this one waits.
  const popped = [];
  for (const each of waiting) {
    popped.push(each.blPop("queue", 20));
    await untilBlocked(popped.length);
  }
  for (const word of ["first", "second", "third"]) await client.rPush("queue", word);
  const got = (await Promise.all(popped)).map((each) => each?.element);
  assert.deepEqual(got, ["first", "second", "third"]);
  const begin = performance.now();
  assert.equal(await waiting[0]?.blPop("empty", 0.3), null);
  assert.ok(performance.now() - begin >= 290);
  for (const each of waiting) each.destroy();
});

test("1,000 connections at once", async () => {
  const clients = await connectMany(server, 1000);
  const count = Number(/connected_clients:(\d+)/.exec(await client.info("clients"))?.[1]);
  assert.ok(count >= 1000, `${count} connected`);
  // All of them busy at the same time, twice, so that none was only just alive.
  for (let round = 0; round < 2; round++) {
    const replies = await Promise.all(clients.map((each, index) => each.echo(`${round}:${index}`)));
    assert.deepEqual(
      replies,
      clients.map((_, index) => `${round}:${index}`),
    );
  }
  const counted = await Promise.all(clients.map((each) => each.incr("crowd")));
  assert.equal(new Set(counted).size, 1000);
  for (const each of clients) each.destroy();
  for (let tries = 0; tries < 200; tries++) {
    if (/connected_clients:1\b/.test(await client.info("clients"))) return;
    await sleep(50);
  }
  assert.fail(`connections are left: ${await client.info("clients")}`);
});

test("clients killed in the middle of a request", async () => {
  for (const sent of [
    "*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$10485760\r\nonly a little",
    "*2\r\n$3\r\nGE",
    "*1\r\n",
    `*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$5000000\r\n${"x".repeat(2_000_000)}`,
  ]) {
    const socket = await openSocket();
    await new Promise<void>((resolve) => socket.write(sent, () => resolve()));
    socket.resetAndDestroy();
    assert.equal(await client.ping(), "PONG");
  }
  assert.equal(await client.exists("half"), 0);
});

test("clients killed while the answer is on its way", async () => {
  await client.set("big", Buffer.alloc(5_000_000, "y"));
  for (let round = 0; round < 5; round++) {
    const socket = await openSocket();
    socket.write("*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(4));
    await new Promise<void>((resolve) => socket.once("data", () => resolve()));
    socket.resetAndDestroy();
  }
  assert.equal(await client.strLen("big"), 5_000_000);
});

test("a client that does not read, while others are served", async () => {
  const socket = await openSocket();
  socket.pause();
  socket.write("*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(8));
  for (let index = 0; index < 200; index++) await client.incr("meanwhile");
  assert.equal(await client.get("meanwhile"), "200");
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.resume();
  const wanted = 8 * (5_000_000 + "$5000000\r\n\r\n".length);
  for (let tries = 0; tries < 600 && received < wanted; tries++) await sleep(50);
  assert.equal(received, wanted);
  socket.destroy();
});

async function openSocket(): Promise<Socket> {
  const socket = createConnection({ host: "127.0.0.1", port: server.port });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}
