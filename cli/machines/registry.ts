/*
 * The machines of this user: one folder each, named like the machine, below the state folder
 * (paths.ts).
 *
 *   machine.json   MachineRecord; written when QEMU runs
 *   console.log, events.log, qemu.log, qmp.sock, control.sock    made by QEMU
 *
 * A name is taken by making its folder, which succeeds for one process only. Nothing relies on
 * anybody tidying up: whether a machine runs is asked of the kernel, by process id and start time,
 * so that another process with a recycled id is not taken for it.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
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
}

export interface MachineState extends MachineRecord {
  readonly folder: string;
  readonly isRunning: boolean;
  /** The last event that says how it ended, if it did. */
  readonly end: MachineEvent | null;
}

const RECORD = "machine.json";

/** A folder without a record is a machine that starts just now, unless it is older than this. */
const STARTING_MS = 60_000;

/**
 * Takes a name: `wanted`, or, if the name may be changed, `wanted-2` and so on. Returns the
 * machine's folder.
 */
export function claimName(
  wanted: string,
  isFixed: boolean,
): { readonly name: string; readonly folder: string } {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/.test(wanted)) {
    throw new UsageError(
      `--name ${wanted}: a name has letters, digits, dots and dashes, 40 at most`,
    );
  }
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    const folder = join(stateFolder(), name);
    if (isStale(name, folder)) rmSync(folder, { recursive: true, force: true });
    try {
      mkdirSync(folder, { mode: 0o700 });
      return { name, folder };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isFixed) throw new NameInUseError(name);
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
    .flatMap((name) => readState(name) ?? [])
    .sort((a, b) => a.startedAt - b.startedAt);
}

export function findMachine(name: string): MachineState {
  const state = /^[\w.-]+$/.test(name) ? readState(name) : null;
  if (state === null) throw new NoSuchMachineError(name);
  return state;
}

function readState(name: string): MachineState | null {
  const folder = join(stateFolder(), name);
  let record: MachineRecord;
  try {
    record = JSON.parse(readFileSync(join(folder, RECORD), "utf8")) as MachineRecord;
  } catch {
    return null; // starting, or not ours
  }
  const isRunning = processStart(record.pid) === record.processStart;
  return { ...record, folder, isRunning, end: isRunning ? null : lastWord(folder) };
}

function isStale(name: string, folder: string): boolean {
  const state = readState(name);
  if (state !== null) return !state.isRunning;
  const made = statSync(folder, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > STARTING_MS;
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
