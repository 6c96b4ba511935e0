/**
 * Runs the kernel's unit tests: `kernel/**\/*.test.ts`, compiled into one wasm module, each test in
 * a fresh instance with fake hardware, reported through node:test.
 *
 *     node --import tsx toolchain/unit.ts [pattern]      only files whose path contains the pattern
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { cached, hashInputs, listFiles } from "./cache.ts";
import { compileWasm } from "./compile-wasm.ts";
import { createFakeHardware, readString } from "./fake-hardware.ts";
import { makeFixtures } from "./fixtures.ts";
import { buildDirectory, kernelDirectory, repositoryRoot } from "./paths.ts";

const PHYSICAL_BYTES = 64 * 1024 * 1024;

interface TestExports {
  initializeGlobals(): void;
  testCount(): number;
  testName(index: number): number;
  testPanic(index: number): number;
  testRun(index: number): void;
  memory: WebAssembly.Memory;
}

/**
 * Compiles the test files whose path contains `pattern`; returns the module, or null when there are
 * none.
 */
async function compileTests(pattern: string): Promise<WebAssembly.Module | null> {
  const files = listFiles(kernelDirectory, (name) => name.endsWith(".test.ts")).filter((file) =>
    file.includes(pattern),
  );
  if (files.length === 0) return null;
  const directory = path.join(buildDirectory, "unit", pattern.replace(/\W/g, "-") || "all");
  mkdirSync(directory, { recursive: true });
  const entry = path.join(directory, "entry.ts");
  const fromEntry = (file: string) => path.relative(directory, file).replace(/\.ts$/, "");
  const testing = fromEntry(path.join(kernelDirectory, "lib", "testing.ts"));
  writeFileSync(
    entry,
    [
      ...files.map((file) => `import "${fromEntry(file)}";`),
      `export { testCount, testName, testPanic, testRun } from "${testing}";`,
      "",
    ].join("\n"),
  );
  const output = path.join(directory, "tests.wasm");
  const sources = listFiles(kernelDirectory, (name) => name.endsWith(".ts"));
  const tools = listFiles(path.join(repositoryRoot, "toolchain"), (name) =>
    /\.m?[jt]s$/.test(name),
  );
  await cached(output, hashInputs([...sources, ...tools, entry], []), () =>
    compileWasm({ entries: [entry], output, debug: true }),
  );
  return new WebAssembly.Module(readFileSync(output));
}

type Fixtures = Map<string, Buffer>;

function instantiate(module: WebAssembly.Module, fixtures: Fixtures): TestExports {
  const hardware = createFakeHardware(PHYSICAL_BYTES);
  // See kernel/lib/fixture.ts.
  const loadFixture = (name: number, address: bigint) => {
    const data = fixtures.get(readString(instance.exports.memory as WebAssembly.Memory, name));
    if (data === undefined) throw new Error("there is no such fixture");
    hardware.physical.set(data, Number(address));
    return BigInt(data.length);
  };
  const imports = { ...hardware.imports, fixture: { loadFixture } };
  const instance = new WebAssembly.Instance(module, imports);
  hardware.attach(instance);
  const exports = instance.exports as unknown as TestExports;
  exports.initializeGlobals();
  return exports;
}

/** Registers one node:test per kernel test; returns how many. */
export async function registerKernelUnitTests(pattern = ""): Promise<number> {
  const module = await compileTests(pattern);
  if (module === null) return 0;
  const wanted = WebAssembly.Module.imports(module).some((entry) => entry.module === "fixture");
  const fixtures: Fixtures = wanted ? await makeFixtures() : new Map();
  const listing = instantiate(module, fixtures);
  const count = listing.testCount();
  for (let index = 0; index < count; index++) {
    const name = readString(listing.memory, listing.testName(index));
    const report = readString(listing.memory, listing.testPanic(index));
    const run = () => instantiate(module, fixtures).testRun(index);
    if (report === "") test(name, run);
    else test(name, () => assert.throws(run, (error: Error) => error.message.includes(report)));
  }
  return count;
}

if (process.argv[1] !== undefined && import.meta.filename === path.resolve(process.argv[1])) {
  await registerKernelUnitTests(process.argv[2]);
}
