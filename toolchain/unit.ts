/**
 * Runs the kernel's unit tests: each in a fresh instance of the module that unit-module.ts
 * compiles, reported through node:test.
 *
 *     node --import tsx toolchain/unit.ts [pattern]      only files whose path contains the pattern
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readString } from "./fake-hardware.ts";
import { makeFixtures } from "./fixtures.ts";
import { compileTests, type Fixtures, instantiateTests } from "./unit-module.ts";

/** Registers one node:test per kernel test; returns how many. */
export async function registerKernelUnitTests(pattern = ""): Promise<number> {
  const wasm = await compileTests(pattern);
  if (wasm === null) return 0;
  const module = new WebAssembly.Module(readFileSync(wasm));
  const wanted = WebAssembly.Module.imports(module).some((entry) => entry.module === "fixture");
  const fixtures: Fixtures = wanted ? await makeFixtures() : new Map();
  const listing = instantiateTests(module, fixtures);
  const count = listing.testCount();
  for (let index = 0; index < count; index++) {
    const name = readString(listing.memory, listing.testName(index));
    const report = readString(listing.memory, listing.testPanic(index));
    const run = () => instantiateTests(module, fixtures).testRun(index);
    if (report === "") test(name, run);
    else test(name, () => assert.throws(run, (error: Error) => error.message.includes(report)));
  }
  return count;
}

if (process.argv[1] !== undefined && import.meta.filename === path.resolve(process.argv[1])) {
  await registerKernelUnitTests(process.argv[2]);
}
