/*
 * The machines of this user: one folder each, named like the machine, below the state folder
 * (paths.ts).
 *
 *   runner.json    RunnerRecord: who has taken the name
 *   machine.json   MachineRecord; written when QEMU runs
 *   console.log, events.log, qemu.log, qmp.sock, control.sock    made by QEMU
 *
 * A name is taken by moving a folder that is already ours there, which succeeds for one process
 * only. Nothing relies on anybody tidying up: whether a machine or its runner lives is asked of the
 * kernel, by process id and start time, so that another process with a recycled id is not taken for
 * it. Folders that a killed runner left behind go when somebody looks.
 */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../toolchain/lock.ts";
import { NameInUseError, NoSuchMachineError, UsageError } from "../errors.ts";
import { stateFolder } from "../paths.ts";
import { processStart } from "../process.ts";
import { EVENTS_LOG, EventParser, type Forward, type MachineEvent } from "../qemu/index.ts";

export interface MachineRecord {
  readonly name: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: the process's start, in ticks since boot. */
  readonly processStart: string;
  readonly program: string;
  readonly forwards: readonly Forward[];
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly machine: string;
  readonly kernel: string;
  /** The root's. */
  readonly image: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** It outlives its runner, and its log is kept until it is stopped. */
  readonly isDetached: boolean;
}

interface RunnerRecord {
  readonly pid: number;
  readonly processStart: string;
}

export interface MachineState extends MachineRecord {
  readonly folder: string;
  readonly isRunning: boolean;
  /** The last event that says how it ended, if it did. */
  readonly end: MachineEvent | null;
}

const RECORD = "machine.json";
const RUNNER = "runner.json";
const LOCK = ".lock";

/**
 * Takes a name: `wanted`, or, if the name may be changed, `wanted-2` and so on. Returns the
 * machine's folder.
 */
export async function claimName(
  wanted: string,
  isFixed: boolean,
): Promise<{ readonly name: string; readonly folder: string }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/.test(wanted)) {
    throw new UsageError(
      `--name ${wanted}: a name has letters, digits, dots and dashes, 40 at most`,
    );
  }
  const own = mkdtempSync(join(stateFolder(), ".claim-"));
  const runner = { pid: process.pid, processStart: processStart(process.pid) ?? "" };
  writeFileSync(join(own, RUNNER), JSON.stringify(runner satisfies RunnerRecord));
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    const folder = join(stateFolder(), name);
    if (isStale(folder)) await forgetStale(folder);
    try {
      renameSync(own, folder); // onto a folder that is not empty this fails
      return { name, folder };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isTaken = code === "ENOTEMPTY" || code === "EEXIST";
      if (isTaken && !isFixed) continue;
      rmSync(own, { recursive: true, force: true });
      throw isTaken ? new NameInUseError(name) : error;
    }
  }
}

export function writeRecord(folder: string, record: Omit<MachineRecord, "processStart">): void {
  const start = processStart(record.pid) ?? "";
  const text = JSON.stringify({ ...record, processStart: start } satisfies MachineRecord, null, 2);
  writeFileSync(join(folder, `${RECORD}.new`), text);
  renameSync(join(folder, `${RECORD}.new`), join(folder, RECORD));
}

export function forget(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** All machines that have a record, oldest first. */
export function listMachines(): MachineState[] {
  return readdirSync(stateFolder())
    .flatMap((name) => readState(join(stateFolder(), name)) ?? [])
    .sort((a, b) => a.startedAt - b.startedAt);
}

/** Removes what runners that were killed have left behind, and waits for nobody. */
export async function sweep(): Promise<void> {
  const folders = readdirSync(stateFolder()).map((name) => join(stateFolder(), name));
  for (const folder of folders.filter(isAbandoned)) await forgetStale(folder);
}

export function findMachine(name: string): MachineState {
  const state = /^[\w.-]+$/.test(name) ? readState(join(stateFolder(), name)) : null;
  if (state === null) throw new NoSuchMachineError(name);
  return state;
}

function readState(folder: string): MachineState | null {
  const record = readJson<MachineRecord>(join(folder, RECORD));
  if (record === null) return null; // starting, or not ours
  const isRunning = isAlive(record);
  return { ...record, folder, isRunning, end: isRunning ? null : lastWord(folder) };
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return null;
  }
}

function isAlive(process: RunnerRecord): boolean {
  return processStart(process.pid) === process.processStart;
}

/** Whether a folder is there whose machine has ended, or never came to be. */
function isStale(folder: string): boolean {
  const state = readState(folder);
  return state === null ? isAbandoned(folder) : !state.isRunning;
}

/** Whether nobody is left who would look into a folder: neither a machine nor who started it. */
function isAbandoned(folder: string): boolean {
  const runner = readJson<RunnerRecord>(join(folder, RUNNER));
  const isForSomebody = runner === null || isAlive(runner);
  if (isForSomebody) return false;
  const state = readState(folder);
  return state === null || !(state.isRunning || state.isDetached);
}

/**
 * Removes a stale folder. Judged again with the lock held: another may have done it, and taken the
 * name.
 */
async function forgetStale(folder: string): Promise<void> {
  await withLock(join(stateFolder(), LOCK), {}, async () => {
    if (isStale(folder)) forget(folder);
  });
}

function lastWord(folder: string): MachineEvent | null {
  try {
    const events = new EventParser().push(readFileSync(join(folder, EVENTS_LOG), "utf8"));
    const isEnd = ({ event }: MachineEvent): boolean => ["exit", "signal", "panic"].includes(event);
    return events.filter(isEnd).at(-1) ?? null;
  } catch {
    return null;
  }
}
