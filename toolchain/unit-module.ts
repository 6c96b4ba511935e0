/**
 * The kernel's unit tests as a module: `kernel/**\/*.test.ts` compiled into one, and fresh
 * instances of it with fake hardware.
 *
 *     const wasm = await compileTests("net/tcp")      files whose path contains the text
 *     const exports = instantiateTests(new WebAssembly.Module(readFileSync(wasm)), fixtures)
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, hashInputs, listFiles } from "./cache.ts";
import { compileWasm } from "./compile-wasm.ts";
import { createFakeHardware, readString } from "./fake-hardware.ts";
import { buildDirectory, kernelDirectory, repositoryRoot } from "./paths.ts";
import { markUsed, prune } from "./prune.ts";

/** Every pattern somebody has asked for has a module of its own. */
const PATTERNS_KEPT = 20;
const PHYSICAL_BYTES = 64 * 1024 * 1024;

export interface TestExports {
  initializeGlobals(): void;
  testCount(): number;
  testName(index: number): number;
  testPanic(index: number): number;
  testRun(index: number): void;
  memory: WebAssembly.Memory;
}

/** Compiles the tests of files whose path contains `pattern`. The wasm's path; null: no tests. */
export async function compileTests(pattern: string): Promise<string | null> {
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
  markUsed(directory);
  const isMade = await cached(output, hashInputs([...sources, ...tools, entry], []), (work) =>
    compileWasm({ entries: [entry], output: work, debug: true }),
  );
  if (isMade) prune(path.dirname(directory), { accept: () => true, countMax: PATTERNS_KEPT });
  return output;
}

export type Fixtures = Map<string, Buffer>;

/** One test runs in an instance of its own, so tests share no state. */
export function instantiateTests(module: WebAssembly.Module, fixtures: Fixtures): TestExports {
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
