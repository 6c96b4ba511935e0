/*
 * A process that runs the kernel's unit tests with a mutant active. It is a process of its own,
 * because a mutant may never come to an end: then the process is ended. Its arguments: the tests'
 * wasm, and how many mutants are in it.
 */
import { readFileSync } from "node:fs";
import { readString } from "../../toolchain/fake-hardware.ts";
import { makeFixtures } from "../../toolchain/fixtures.ts";
import { instantiateTests, type TestExports } from "../../toolchain/unit-module.ts";

interface MutantExports extends TestExports {
  mutantActivate(number: number): void;
  mutantCovered(number: number): number;
}

export type UnitRequest =
  | { readonly kind: "cover" }
  | { readonly kind: "try"; readonly mutant: number; readonly tests: readonly number[] };

export type UnitReply =
  /** Per test, the mutants that it comes by; null: it fails without any. */
  | { readonly kind: "covered"; readonly tests: readonly (readonly number[] | null)[] }
  /** The name of the first test that fails. */
  | { readonly kind: "tried"; readonly killer: string | null };

const [wasm = "", mutantCount = "0"] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasm));
const fixtures = await makeFixtures();

function fresh(): MutantExports {
  return instantiateTests(module, fixtures) as MutantExports;
}

/** Whether the test does what it should. */
function passes(exports: MutantExports, test: number): boolean {
  const panic = readString(exports.memory, exports.testPanic(test));
  try {
    exports.testRun(test);
    return panic === "";
  } catch (error) {
    return panic !== "" && (error as Error).message.includes(panic);
  }
}

function cover(): UnitReply {
  const tests: (number[] | null)[] = [];
  const count = fresh().testCount();
  for (let test = 0; test < count; test++) {
    const exports = fresh();
    if (!passes(exports, test)) tests.push(null);
    else {
      const all = Array.from({ length: Number(mutantCount) }, (_, number) => number);
      tests.push(all.filter((number) => exports.mutantCovered(number) !== 0));
    }
  }
  return { kind: "covered", tests };
}

function attempt(mutant: number, tests: readonly number[]): UnitReply {
  for (const test of tests) {
    const exports = fresh();
    exports.mutantActivate(mutant);
    if (!passes(exports, test)) {
      return { kind: "tried", killer: readString(exports.memory, exports.testName(test)) };
    }
  }
  return { kind: "tried", killer: null };
}

process.on("message", (request: UnitRequest) => {
  process.send?.(request.kind === "cover" ? cover() : attempt(request.mutant, request.tests));
});
