/*
 * Redis's data types and its server-side features, one test each: the breadth of what a program
 * does to a system.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, type RedisServer, startRedis } from "./server.ts";

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

test("PING, ECHO, INFO", async () => {
  assert.equal(await client.ping(), "PONG");
  assert.equal(await client.echo("hällo"), "hällo");
  assert.match(await client.info("server"), /redis_version:\d+/);
  assert.match(await client.info("memory"), /used_memory:\d+/);
});

test("strings and counters", async () => {
  await client.set("s", "value");
  assert.equal(await client.get("s"), "value");
  assert.equal(await client.append("s", "-more"), 10);
  assert.equal(await client.getRange("s", -4, -1), "more");
  assert.equal(await client.incrBy("n", 41), 41);
  assert.equal(await client.incr("n"), 42);
  assert.equal(Number(await client.incrByFloat("n", 0.5)), 42.5);
  assert.deepEqual(await client.mGet(["s", "none", "n"]), ["value-more", null, "42.5"]);
  assert.equal(await client.set("s", "again", { condition: "NX" }), null);
});

test("lists", async () => {
  await client.rPush("l", ["a", "b", "c"]);
  await client.lPush("l", "z");
  assert.deepEqual(await client.lRange("l", 0, -1), ["z", "a", "b", "c"]);
  assert.equal(await client.rPop("l"), "c");
  assert.equal(await client.lInsert("l", "BEFORE", "a", "y"), 4);
  assert.equal(await client.lMove("l", "l2", "LEFT", "RIGHT"), "z");
  assert.equal(await client.lLen("l"), 3);
});

test("hashes", async () => {
  assert.equal(await client.hSet("h", { one: "1", two: "2", three: "3" }), 3);
  assert.deepEqual({ ...(await client.hGetAll("h")) }, { one: "1", two: "2", three: "3" });
  assert.equal(await client.hIncrBy("h", "two", 40), 42);
  assert.equal(await client.hDel("h", ["one", "none"]), 1);
  assert.deepEqual((await client.hKeys("h")).sort(), ["three", "two"]);
});

test("sets", async () => {
  await client.sAdd("set1", ["a", "b", "c"]);
  await client.sAdd("set2", ["b", "c", "d"]);
  assert.deepEqual((await client.sInter(["set1", "set2"])).sort(), ["b", "c"]);
  assert.deepEqual((await client.sUnion(["set1", "set2"])).sort(), ["a", "b", "c", "d"]);
  assert.deepEqual(await client.sDiff(["set1", "set2"]), ["a"]);
  assert.equal(await client.sIsMember("set1", "d"), 0);
  assert.equal(await client.sCard("set2"), 3);
});

test("sorted sets", async () => {
  const members = Array.from({ length: 500 }, (_, score) => ({ score, value: `m${score}` }));
  assert.equal(await client.zAdd("z", members), 500);
  assert.deepEqual(await client.zRange("z", 10, 12), ["m10", "m11", "m12"]);
  assert.deepEqual(await client.zRangeByScore("z", 497.5, Infinity), ["m498", "m499"]);
  assert.equal(await client.zRank("z", "m77"), 77);
  assert.equal(await client.zIncrBy("z", 0.25, "m1"), 1.25);
});

test("streams", async () => {
  const id = await client.xAdd("x", "*", { kind: "first" });
  await client.xAdd("x", "*", { kind: "second" });
  assert.match(id, /^\d+-\d+$/);
  const entries = await client.xRange("x", "-", "+");
  assert.deepEqual(
    entries?.map(({ message }) => message.kind),
    ["first", "second"],
  );
  await client.xGroupCreate("x", "group", "0");
  const raw = await client.sendCommand([
    ...["XREADGROUP", "GROUP", "group", "me", "COUNT", "1", "STREAMS", "x", ">"],
  ]);
  assert.match(JSON.stringify(raw), /first/);
  assert.equal(await client.xAck("x", "group", id), 1);
});

test("bitmaps, HyperLogLog, places", async () => {
  await client.setBit("bits", 100_000, 1);
  assert.equal(await client.getBit("bits", 100_000), 1);
  assert.equal(await client.bitCount("bits"), 1);
  const words = Array.from({ length: 1000 }, (_, index) => `word${index}`);
  await client.pfAdd("hll", words);
  assert.ok(Math.abs((await client.pfCount("hll")) - 1000) < 50);
  await client.geoAdd("geo", [
    { longitude: 13.361389, latitude: 38.115556, member: "Palermo" },
    { longitude: 15.087269, latitude: 37.502669, member: "Catania" },
  ]);
  assert.equal(Math.round(Number(await client.geoDist("geo", "Palermo", "Catania", "km"))), 166);
});

test("MULTI, EXEC, WATCH", async () => {
  assert.deepEqual(await client.multi().set("m", "1").incr("m").get("m").exec(), ["OK", 2, "2"]);
  const other = await connect(server);
  await client.watch("m");
  await other.set("m", "changed");
  await assert.rejects(client.multi().set("m", "lost").exec(), /WatchError|one .*watched/i);
  assert.equal(await client.get("m"), "changed");
  other.destroy();
});

test("Lua scripts", async () => {
  const script = `
    local sum = 0
    for i = 1, tonumber(ARGV[1]) do sum = sum + i end
    redis.call('SET', KEYS[1], sum)
    return {sum, redis.call('GET', KEYS[1])}`;
  const options = { keys: ["lua"], arguments: ["100000"] };
  assert.deepEqual(await client.eval(script, options), [5_000_050_000, "5000050000"]);
  const sha = await client.scriptLoad(script);
  assert.deepEqual(await client.evalSha(sha, { keys: ["lua"], arguments: ["4"] }), [10, "10"]);
  await assert.rejects(client.eval("return redis.call('NOSUCH')"), /unknown/i);
});

test("expiry", async () => {
  await client.set("short", "x", { expiration: { type: "PX", value: 150 } });
  await client.set("long", "x", { expiration: { type: "EX", value: 100 } });
  assert.equal(await client.exists(["short", "long"]), 2);
  const left = await client.ttl("long");
  assert.ok(left > 90 && left <= 100, `${left} s left`);
  await sleep(400);
  assert.equal(await client.get("short"), null);
  assert.equal(await client.get("long"), "x");
  // Keys that nobody asks for expire by Redis's own timer.
  await client.set("unasked", "x", { expiration: { type: "PX", value: 100 } });
  const info = async (): Promise<number> =>
    Number(/expired_keys:(\d+)/.exec(await client.info("stats"))?.[1]);
  const expired = await info();
  for (let tries = 0; tries < 50 && (await info()) === expired; tries++) await sleep(100);
  assert.equal(await info(), expired + 1);
});

test("the guest's time is right", async () => {
  const [at] = (await client.sendCommand(["TIME"])) as unknown as string[];
  assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 5, `${at} s, here ${Date.now() / 1000}`);
});

test("SCAN finds every key", async () => {
  await client.flushAll();
  const pairs = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key:${i}`, `${i}`]));
  await client.mSet(pairs);
  const found = new Set<string>();
  for await (const keys of client.scanIterator({ COUNT: 100 })) {
    for (const key of keys) found.add(key);
  }
  assert.equal(found.size, 2000);
  assert.equal(await client.dbSize(), 2000);
});

test("CONFIG, CLIENT, OBJECT, DEBUG-free introspection", async () => {
  await client.configSet("maxmemory-policy", "allkeys-lru");
  assert.equal((await client.configGet("maxmemory-policy"))["maxmemory-policy"], "allkeys-lru");
  assert.match(String(await client.sendCommand(["CLIENT", "LIST"])), /addr=\d+\.\d+\.\d+\.\d+:\d+/);
  await client.set("short-string", "abc");
  assert.equal(await client.sendCommand(["OBJECT", "ENCODING", "short-string"]), "embstr");
});
