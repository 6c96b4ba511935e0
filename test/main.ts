/*
 * `virga test [lint|unit|sim|system]… [--only PART]… [--debug] [--host] [--verbose]`: runs all
 * tests, or some, and ends with a table of where the time went and one line, `N passed, N failed`.
 * The status is 0 only if something ran and all of it passed.
 *
 *   lint     the formatter's and linter's check, and the types
 *   unit     *.test.ts beside the code: of the tools by node:test, of the kernel as wasm
 *   sim      *.sim.ts: seeded simulations of the kernel's wasm, in Node
 *   system   in QEMU: the guest programs of test/guest, ways to end, then *.system.ts
 */
import { runLint } from "./lint.ts";
import { findTestFiles, runKernelUnitTests, runNodeTests } from "./node-tests.ts";
import { isWanted, type Phase, parseTestOptions, type TestOptions } from "./options.ts";
import { runSystem } from "./system/index.ts";
import { say, Tally } from "./tally.ts";

export async function runTests(args: readonly string[]): Promise<number> {
  const options = parseTestOptions(args);
  const tally = new Tally();
  for (const phase of options.phases) {
    await tally.phase(phase, () => runPhase(phase, options, tally));
  }
  if (tally.passed + tally.failed === 0) tally.fail("virga test", "no test ran");
  say(tally.summary());
  return tally.failed === 0 ? 0 : 1;
}

async function runPhase(phase: Phase, options: TestOptions, tally: Tally): Promise<void> {
  switch (phase) {
    case "lint":
      return await runLint(options, tally);
    case "unit": {
      const files = findTestFiles(".test.ts").filter((file) => isWanted(options, file));
      await runNodeTests(files, options, tally);
      return await runKernelUnitTests(options, tally);
    }
    case "sim": {
      const files = findTestFiles(".sim.ts").filter((file) => isWanted(options, file));
      return await runNodeTests(files, options, tally);
    }
    case "system":
      return await runSystem(options, tally);
  }
}
