/* The kernel's unit tests with mutants in them, each in an instance of its own. */
import { readFileSync } from "node:fs";
import { readString } from "../../toolchain/fake-hardware.ts";
import { makeFixtures } from "../../toolchain/fixtures.ts";
import { instantiateTests, type TestExports } from "../../toolchain/unit-module.ts";
import { coveredOf, type MutantExports, NO_MUTANT, type NodeSuite } from "./node-suite.ts";

type Exports = MutantExports & TestExports;

/** Whether the test does what it should. */
function passes(exports: Exports, test: number): boolean {
  const panic = readString(exports.memory, exports.testPanic(test));
  try {
    exports.testRun(test);
    return panic === "";
  } catch (error) {
    return panic !== "" && (error as Error).message.includes(panic);
  }
}

/** `wasm`: the path of the tests' module; `mutants`: how many are in it. */
export async function unitSuite(wasm: string, mutants: number): Promise<NodeSuite> {
  const module = new WebAssembly.Module(readFileSync(wasm));
  const fixtures = await makeFixtures();
  const fresh = () => instantiateTests(module, fixtures) as Exports;
  const first = fresh();
  const names = Array.from({ length: first.testCount() }, (_, test) =>
    readString(first.memory, first.testName(test)),
  );
  return {
    names,
    run(test, mutant) {
      const exports = fresh();
      exports.mutantActivate(mutant);
      const hasPassed = passes(exports, test);
      const isAsked = hasPassed && mutant === NO_MUTANT;
      return { hasPassed, covered: isAsked ? coveredOf(exports, mutants) : [] };
    },
  };
}
