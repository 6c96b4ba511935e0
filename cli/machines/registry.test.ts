/* Machine folders: names, and what is true of machines that nobody tidied up after. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { NameInUseError, NoSuchMachineError, UsageError } from "../errors.ts";
import { claimName, findMachine, listMachines, writeRecord } from "./registry.ts";

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
function addMachine(name: string, pid: number): string {
  const { folder } = claimName(name, true);
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
  });
  return folder;
}

/** More than the largest process id Linux gives out. */
const NO_PROCESS = 2 ** 22 + 1;

test("a running machine is listed and keeps its name", () => {
  addMachine("redis", process.pid);
  assert.deepEqual(
    listMachines().map(({ name, isRunning }) => [name, isRunning]),
    [["redis", true]],
  );
  assert.throws(() => claimName("redis", true), NameInUseError);
  assert.equal(claimName("redis", false).name, "redis-2");
});

test("a machine whose process is gone has ended, and its name is free", () => {
  const folder = addMachine("redis", NO_PROCESS);
  writeFileSync(
    join(folder, "events.log"),
    '{"event":"start","ns":1}\n{"event":"exit","code":3}\n',
  );
  const machine = findMachine("redis");
  assert.equal(machine.isRunning, false);
  assert.deepEqual(machine.end, { event: "exit", code: 3 });
  assert.equal(claimName("redis", true).name, "redis");
  assert(!existsSync(join(folder, "events.log")));
});

test("another process with the same id is not the machine", () => {
  const folder = addMachine("redis", process.pid);
  const path = join(folder, "machine.json");
  const record = { ...findMachine("redis"), processStart: "1" };
  writeFileSync(path, JSON.stringify(record));
  assert.equal(findMachine("redis").isRunning, false);
});

test("a folder without a record is a machine that starts, but not for ever", () => {
  const { folder } = claimName("redis", true);
  assert.deepEqual(listMachines(), []);
  assert.throws(() => claimName("redis", true), NameInUseError);
  utimesSync(folder, 1, 1);
  assert.equal(claimName("redis", true).name, "redis");
});

test("a damaged record hides a machine and breaks nothing", () => {
  const folder = addMachine("redis", process.pid);
  writeFileSync(join(folder, "machine.json"), "{");
  assert.deepEqual(listMachines(), []);
});

test("names that are no file names are refused", () => {
  for (const name of ["", "..", "a/b", "-x", "a b", "x".repeat(41)]) {
    assert.throws(() => claimName(name, true), UsageError, name);
  }
  assert.throws(() => findMachine("../etc"), NoSuchMachineError);
  assert.throws(() => findMachine("nobody"), NoSuchMachineError);
});
