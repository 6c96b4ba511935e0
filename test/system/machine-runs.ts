/*
 * All runs of guest programs in virtual machines, most telling first: does it boot at all, how does
 * it end, then the checks. The test command runs them (index.ts), and the mutation tool, to see
 * whether one of them notices a fault (test/mutate).
 */
import type { Tally } from "../tally.ts";
import { endingName, runEnding, runHello } from "./ending-runs.ts";
import { ENDINGS, HELLO_CASES } from "./endings.ts";
import { runChecksInDebugGuest, runChecksInGuest, type Testbed } from "./guest-runs.ts";
import { checkSources, type Variant } from "./programs.ts";

export interface MachineRun {
  readonly name: string;
  /** On the debug kernel. */
  readonly isDebug?: boolean;
  /** One boot; true when it hung, that is, had to be stopped. */
  run(testbed: Testbed, tally: Tally): Promise<boolean>;
}

/** Lets allocations fail, which takes the debug kernel. */
export const FAILING = "fail-nth.static";

/** With lists of checks of so many variants; what is looked at from outside has its own. */
export function machineRuns(variants: readonly Variant[]): MachineRun[] {
  const hellos = HELLO_CASES.map((hello): MachineRun => {
    const run = (testbed: Testbed, tally: Tally) => runHello(hello, testbed, tally);
    return { name: `hello/${hello.name}`, run };
  });
  const endings = ENDINGS.map((ending): MachineRun => {
    const run = (testbed: Testbed, tally: Tally) => runEnding(ending, testbed, tally);
    return { name: endingName(ending), run };
  });
  const failing: MachineRun = {
    name: FAILING,
    isDebug: true,
    run: (testbed, tally) => runChecksInDebugGuest(FAILING, testbed, tally),
  };
  const checks = variants.flatMap((variant) =>
    checkSources().map((source): MachineRun => {
      const name = `${source}.${variant}`;
      return { name, run: (testbed, tally) => runChecksInGuest(name, testbed, tally) };
    }),
  );
  // Its assertions and lock checks see what a program does not.
  const debug = checkSources().map((source): MachineRun => {
    const name = `${source}.static`;
    return {
      name: `debug/${name}`,
      isDebug: true,
      run: (testbed, tally) => runChecksInDebugGuest(name, testbed, tally),
    };
  });
  return [...hellos, ...endings, failing, ...debug, ...checks];
}
