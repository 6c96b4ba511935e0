/**
 * The kernel's build: TypeScript → wasm → C → object → ELF, each step skipped when its inputs are
 * unchanged.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { cached, hashInputs, listFiles } from "./cache.ts";
import { compileWasm } from "./compile-wasm.ts";
import { compileObject, hotFunctions, linkKernel, linkVdso } from "./link.ts";
import { kernelDirectory, machineDirectory, profileDirectory, repositoryRoot } from "./paths.ts";
import { wasmToC } from "./wasm-to-c.ts";

export type Profile = "release" | "debug";

export interface BuildOptions {
  profile: Profile;
  /** Told the name of each step that really runs. */
  onStep?: (step: string) => void;
}

export interface KernelBuild {
  elfPath: string;
}

const isKernelSource = (name: string) => name.endsWith(".ts") && !name.endsWith(".test.ts");

export async function buildKernel(options: BuildOptions): Promise<KernelBuild> {
  const { profile, onStep = () => {} } = options;
  const directory = profileDirectory(profile);
  mkdirSync(directory, { recursive: true });
  const toolchain = listFiles(path.join(repositoryRoot, "toolchain"), (name) =>
    /\.m?ts$|\.mjs$/.test(name),
  );
  const lock = path.join(repositoryRoot, "package-lock.json");
  const machine = listFiles(machineDirectory, (name) => /\.(S|c|h|ld)$/.test(name));
  const sources = listFiles(kernelDirectory, isKernelSource);

  const wasm = path.join(directory, "kernel.wasm");
  const wasmHash = hashInputs([...toolchain, ...sources, lock], [profile]);
  await cached(wasm, wasmHash, async () => {
    onStep("compile TypeScript");
    const entry = path.join(kernelDirectory, "main.ts");
    await compileWasm({ entries: [entry], output: wasm, debug: profile === "debug" });
  });

  const elfPath = path.join(directory, "kernel.elf");
  const elfHash = hashInputs([...toolchain, ...machine, hotFunctions, wasm], [profile]);
  await cached(elfPath, elfHash, async () => {
    onStep("translate to C");
    await wasmToC(wasm, directory);
    onStep("compile C");
    await linkVdso(directory);
    const objects = await Promise.all([
      compileObject(path.join(machineDirectory, "kernel-unit.c"), directory, profile),
      compileObject(path.join(machineDirectory, "boot.S"), directory, profile),
      compileObject(path.join(machineDirectory, "entry.S"), directory, profile),
      compileObject(path.join(machineDirectory, "vdso.S"), directory, profile),
    ]);
    onStep("link");
    await linkKernel(objects, elfPath);
  });
  return { elfPath };
}
