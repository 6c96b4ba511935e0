/*
 * The system phase: compiles the guest programs, puts them into one root, boots each, two at a
 * time; then the node tests that need virtual machines (*.system.ts).
 */
import { buildKernel } from "../../cli/modules.ts";
import { findTestFiles, runNodeTests } from "../node-tests.ts";
import { isWanted, type TestOptions } from "../options.ts";
import { pool } from "../pool.ts";
import type { Tally } from "../tally.ts";
import { endingName, runEnding, runHello } from "./ending-runs.ts";
import { ENDINGS, HELLO_CASES } from "./endings.ts";
import {
  runChecksInDebugGuest,
  runChecksInGuest,
  runChecksOnHost,
  type Testbed,
} from "./guest-runs.ts";
import {
  checkSources,
  compileProgram,
  type GuestProgram,
  SPECIAL_SOURCES,
  VARIANTS,
} from "./programs.ts";
import { composeTestRoot } from "./root.ts";

/** Virtual machines at a time: software emulation keeps one core each busy. */
const WIDTH = 2;

export async function runSystem(options: TestOptions, tally: Tally): Promise<void> {
  const jobs = guestJobs(options, tally);
  if (jobs.length > 0) {
    const testbed = await prepare(options, tally);
    await tally.phase("  guest", () => runJobs(jobs, testbed, tally));
  }
  const files = findTestFiles(".system.ts").filter((file) => isWanted(options, file));
  if (files.length === 0) return;
  const environment: Record<string, string> = options.isOnHost
    ? { VIRGA_TEST_HOST: "1" }
    : { VIRGA_TEST_KERNEL: await buildKernel(options.isDebug) };
  await tally.phase("  node", () => runNodeTests(files, options, tally, environment));
}

/** One boot; true when it hung, that is, had to be stopped. */
type Job = (testbed: Testbed) => Promise<boolean>;

/** A kernel that hangs would hang in all of them, and waiting for each takes more than an hour. */
const HANGS_MAX = 10;

async function runJobs(jobs: readonly Job[], testbed: Testbed, tally: Tally): Promise<void> {
  let hangs = 0;
  let left = 0;
  await pool(WIDTH, jobs, async (job) => {
    if (hangs >= HANGS_MAX) left++;
    else if (await job(testbed)) hangs++;
  });
  if (left > 0) tally.fail("guest", `${hangs} runs hung; ${left} others were not started`);
}

/** Lets allocations fail, which takes the debug kernel. */
const FAILING = "fail-nth.static";

/** What to boot, most telling first: does it boot at all, how does it end, then the checks. */
function guestJobs(options: TestOptions, tally: Tally): Job[] {
  const jobs: Job[] = [];
  const add = (name: string, job: Job): void => {
    if (isWanted(options, name)) jobs.push(job);
  };
  if (!options.isOnHost) {
    for (const hello of HELLO_CASES) {
      add(`hello/${hello.name}`, (testbed) => runHello(hello, testbed, tally));
    }
    for (const ending of ENDINGS) {
      add(endingName(ending), (testbed) => runEnding(ending, testbed, tally));
    }
  }
  const runFailing = options.isOnHost ? runChecksOnHost : runChecksInDebugGuest;
  add(FAILING, (testbed) => runFailing(FAILING, testbed, tally));
  for (const variant of VARIANTS) {
    for (const source of checkSources()) {
      const name = `${source}.${variant}`;
      const run = options.isOnHost ? runChecksOnHost : runChecksInGuest;
      add(name, (testbed) => run(name, testbed, tally));
    }
  }
  return jobs;
}

/** Everything is compiled whatever is wanted, so that the image is the same for all runs. */
async function prepare(options: TestOptions, tally: Tally): Promise<Testbed> {
  let testbed: Testbed = { kernel: "", debugKernel: "", image: "", programs: new Map() };
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
          kernel: await buildKernel(options.isDebug),
          debugKernel: isWanted(options, FAILING) ? await buildKernel(true) : "",
          image: await composeTestRoot(programs),
          programs: byName,
        };
  });
  if (testbed.programs.size === 0) throw new Error("nothing to boot: the build failed");
  return testbed;
}
