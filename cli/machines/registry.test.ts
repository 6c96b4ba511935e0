/* Machine folders: names, and what is true of machines that nobody tidied up after. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { NameInUseError, NoSuchMachineError, UsageError } from "../errors.ts";
import { claimName, findMachine, listMachines, sweep, writeRecord } from "./registry.ts";

const folders: string[] = [];
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "virga-state-"));
  folders.push(folder);
  process.env.VIRGA_STATE_DIR = folder;
});
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A machine whose QEMU is the process `pid`. */
async function addMachine(name: string, pid: number): Promise<string> {
  const { folder } = await claimName(name, true);
  writeRecord(folder, {
    name,
    pid,
    program: "test",
    forwards: [],
    memoryBytes: 1 << 20,
    cpus: 1,
    machine: "microvm",
    kernel: "/k",
    image: "/i",
    startedAt: 0,
    isDetached: true,
  });
  return folder;
}

/** As if who has taken the name had been killed. */
function abandon(folder: string): void {
  writeFileSync(
    join(folder, "runner.json"),
    JSON.stringify({ pid: NO_PROCESS, processStart: "1" }),
  );
}

/** More than the largest process id Linux gives out. */
const NO_PROCESS = 2 ** 22 + 1;

test("a running machine is listed and keeps its name", async () => {
  await addMachine("redis", process.pid);
  assert.deepEqual(
    listMachines().map(({ name, isRunning }) => [name, isRunning]),
    [["redis", true]],
  );
  await assert.rejects(claimName("redis", true), NameInUseError);
  assert.equal((await claimName("redis", false)).name, "redis-2");
});

test("a machine whose process is gone has ended, and its name is free", async () => {
  const folder = await addMachine("redis", NO_PROCESS);
  writeFileSync(
    join(folder, "events.log"),
    '{"event":"start","ns":1}\n{"event":"exit","code":3}\n',
  );
  const machine = findMachine("redis");
  assert.equal(machine.isRunning, false);
  assert.deepEqual(machine.end, { event: "exit", code: 3 });
  assert.equal((await claimName("redis", true)).name, "redis");
  assert(!existsSync(join(folder, "events.log")));
});

test("another process with the same id is not the machine", async () => {
  const folder = await addMachine("redis", process.pid);
  const path = join(folder, "machine.json");
  const record = { ...findMachine("redis"), processStart: "1" };
  writeFileSync(path, JSON.stringify(record));
  assert.equal(findMachine("redis").isRunning, false);
});

test("a folder without a record is a machine that starts, as long as its runner lives", async () => {
  const { folder } = await claimName("redis", true);
  assert.deepEqual(listMachines(), []);
  await sweep();
  await assert.rejects(claimName("redis", true), NameInUseError);
  abandon(folder);
  assert.equal((await claimName("redis", true)).name, "redis");
});

test("what a killed runner left behind goes, but for a machine that was to outlive it", async () => {
  abandon((await claimName("early", true)).folder);
  for (const [name, isDetached] of [
    ["attached", false],
    ["detached", true],
  ] as const) {
    const folder = await addMachine(name, NO_PROCESS);
    const record = { ...findMachine(name), isDetached };
    writeFileSync(join(folder, "machine.json"), JSON.stringify(record));
    abandon(folder);
  }
  await sweep();
  const left = readdirSync(process.env.VIRGA_STATE_DIR ?? "").filter((each) => each !== ".lock");
  assert.deepEqual(left, ["detached"]);
});

test("of many who want a stale name at once each gets a name of its own", async () => {
  abandon(await addMachine("redis", NO_PROCESS));
  const claims = await Promise.all(Array.from({ length: 8 }, () => claimName("redis", false)));
  assert.equal(new Set(claims.map((each) => each.name)).size, 8);
  assert(claims.every((each) => existsSync(join(each.folder, "runner.json"))));
});

test("a damaged record hides a machine and breaks nothing", async () => {
  const folder = await addMachine("redis", process.pid);
  writeFileSync(join(folder, "machine.json"), "{");
  assert.deepEqual(listMachines(), []);
});

test("names that are no file names are refused", async () => {
  for (const name of ["", "..", "a/b", "-x", "a b", "x".repeat(41)]) {
    await assert.rejects(claimName(name, true), UsageError, name);
  }
  assert.throws(() => findMachine("../etc"), NoSuchMachineError);
  assert.throws(() => findMachine("nobody"), NoSuchMachineError);
});
