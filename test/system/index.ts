/*
 * The system phase: compiles the guest programs, puts them into one root, boots each, two at a
 * time; then the node tests that need virtual machines (*.system.ts).
 */
import { buildKernel } from "../../cli/modules.ts";
import { pool } from "../../toolchain/pool.ts";
import { findTestFiles, runNodeTests } from "../node-tests.ts";
import { isWanted, type TestOptions } from "../options.ts";
import type { Tally } from "../tally.ts";
import { boot } from "./boot.ts";
import { runChecksOnHost, type Testbed } from "./guest-runs.ts";
import { FAILING, type MachineRun, machineRuns } from "./machine-runs.ts";
import {
  checkSources,
  compileProgram,
  type GuestProgram,
  SPECIAL_SOURCES,
  VARIANTS,
} from "./programs.ts";
import { composeTestRoot, isHello } from "./root.ts";

/** Virtual machines at a time: software emulation keeps one core each busy. */
const WIDTH = 2;

export async function runSystem(options: TestOptions, tally: Tally): Promise<void> {
  const all = options.isOnHost ? hostRuns() : machineRuns(VARIANTS);
  const runs = all.filter(({ name }) => isWanted(options, name));
  if (runs.length > 0) {
    const testbed = await prepare(options, runs, tally);
    await tally.phase("  guest", () => runAll(runs, testbed, tally));
  }
  const files = findTestFiles(".system.ts").filter((file) => isWanted(options, file));
  if (files.length === 0) return;
  const environment: Record<string, string> = options.isOnHost
    ? { VIRGA_TEST_HOST: "1" }
    : { VIRGA_TEST_KERNEL: await buildKernel(options.isDebug) };
  await tally.phase("  node", () => runNodeTests(files, options, tally, environment));
}

/** A kernel that hangs would hang in all of them, and waiting for each takes more than an hour. */
const HANGS_MAX = 10;

async function runAll(runs: readonly MachineRun[], testbed: Testbed, tally: Tally): Promise<void> {
  let hangs = 0;
  let left = 0;
  await pool(WIDTH, runs, async (one) => {
    if (hangs >= HANGS_MAX) left++;
    else if (await one.run(testbed, tally)) hangs++;
  });
  if (left > 0) tally.fail("guest", `${hangs} runs hung; ${left} others were not started`);
}

/** The same programs as processes of this host's Linux. */
function hostRuns(): MachineRun[] {
  const names = VARIANTS.flatMap((variant) =>
    checkSources().map((source) => `${source}.${variant}`),
  );
  return [FAILING, ...names].map((name) => ({
    name,
    run: (testbed, tally) => runChecksOnHost(name, testbed, tally),
  }));
}

/** Everything is compiled whatever is wanted, so that the image is the same for all runs. */
async function prepare(
  options: TestOptions,
  runs: readonly MachineRun[],
  tally: Tally,
): Promise<Testbed> {
  let testbed: Testbed = {
    kernel: "",
    debugKernel: "",
    image: "",
    smallImage: "",
    programs: new Map(),
    boot,
  };
  await tally.phase("  build", async () => {
    const sources = [...SPECIAL_SOURCES, ...checkSources()];
    const all = sources.flatMap((source) => VARIANTS.map((variant) => ({ source, variant })));
    const programs = await pool(WIDTH, all, ({ source, variant }) =>
      compileProgram(source, variant),
    );
    const byName = new Map(programs.map((each): [string, GuestProgram] => [each.name, each]));
    testbed = options.isOnHost
      ? { ...testbed, programs: byName }
      : {
          boot,
          kernel: await buildKernel(options.isDebug),
          debugKernel: runs.some(({ isDebug }) => isDebug) ? await buildKernel(true) : "",
          image: await composeTestRoot(programs),
          smallImage: await composeTestRoot(programs.filter(isHello)),
          programs: byName,
        };
  });
  if (testbed.programs.size === 0) throw new Error("nothing to boot: the build failed");
  return testbed;
}
