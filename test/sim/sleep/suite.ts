/**
 * The kernel's calls under sleeps: the scenarios, the code they run, and the faults that they must
 * find. The shipped code is the release build; the faults are in one debug build, whose assertions
 * and checks of locks help to find them.
 */
import path from "node:path";
import { buildDirectory, repositoryRoot } from "../../../toolchain/paths.ts";
import type { MachineMaker, Scenario } from "../interleave/explore.ts";
import { type Build, type Fault, loadSource } from "../interleave/load.ts";
import { EVENT_FAULTS, EVENT_SCENARIOS } from "./events.ts";
import { type SourceFault, writeFaultyKernel } from "./faults.ts";
import { FUTEX_FAULTS, FUTEX_SCENARIOS } from "./futexes.ts";
import { IPC_FAULTS, IPC_SCENARIOS } from "./ipc.ts";
import { SleepMachine } from "./machine.ts";
import { MEETING_FAULTS, MEETING_SCENARIOS } from "./meetings.ts";
import { MESSAGE_FAULTS, MESSAGE_SCENARIOS } from "./messages.ts";
import { NAME_FAULTS, NAME_SCENARIOS } from "./names.ts";
import { PIPE_FAULTS, PIPE_SCENARIOS } from "./pipes.ts";
import { READINESS_FAULTS, READINESS_SCENARIOS } from "./readiness.ts";
import { SPACE_FAULTS, SPACE_SCENARIOS } from "./space.ts";
import { STREAM_FAULTS, STREAM_SCENARIOS } from "./streams.ts";

export const SLEEP_BUILD: Build = {
  entry: "linux/sim-exports.ts",
  played: { "sched/scheduler/schedule": "sleep", "sched/scheduler/makeReady": "wake" },
  redirected: { userCopy: "linux/sim-memory/simUserCopy" },
  stopsAtAccesses: false,
};

/** Their names differ: a test asks for one by it. */
const FAULTS: readonly SourceFault[] = [
  ...SPACE_FAULTS,
  ...PIPE_FAULTS,
  ...FUTEX_FAULTS,
  ...EVENT_FAULTS,
  ...NAME_FAULTS,
  ...STREAM_FAULTS,
  ...MEETING_FAULTS,
  ...MESSAGE_FAULTS,
  ...READINESS_FAULTS,
  ...IPC_FAULTS,
];

/** The module with all faults in it, made when it is first asked for. */
let faulty: Promise<WebAssembly.Module> | undefined;

function loadFaulty(): Promise<WebAssembly.Module> {
  const root = path.join(buildDirectory, "sim", "faulty");
  writeFaultyKernel(root, FAULTS);
  return loadSource(SLEEP_BUILD, { root, debug: true, stem: "sleep-faulty" });
}

async function load(fault?: Fault): Promise<MachineMaker> {
  if (fault === undefined) {
    const module = await loadSource(SLEEP_BUILD, {
      root: repositoryRoot,
      debug: false,
      stem: "sleep",
    });
    return () => new SleepMachine(module, 0);
  }
  faulty ??= loadFaulty();
  const module = await faulty;
  const number = FAULTS.findIndex(({ name }) => name === fault.name) + 1;
  return () => new SleepMachine(module, number);
}

/** How many seeds each scenario runs by in the tests. */
export const SLEEP_SEEDS = 40;

const SCENARIOS: readonly Scenario[] = [
  ...SPACE_SCENARIOS,
  ...PIPE_SCENARIOS,
  ...FUTEX_SCENARIOS,
  ...EVENT_SCENARIOS,
  ...NAME_SCENARIOS,
  ...STREAM_SCENARIOS,
  ...MEETING_SCENARIOS,
  ...MESSAGE_SCENARIOS,
  ...READINESS_SCENARIOS,
  ...IPC_SCENARIOS,
];

export const SLEEP_SUITE = { scenarios: SCENARIOS, faults: FAULTS, load };
