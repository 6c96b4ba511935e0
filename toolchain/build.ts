/**
 * The kernel's build: TypeScript → wasm → C → object → ELF, each step skipped when its inputs are
 * unchanged.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { cached, contentHash, hashInputs, listFiles } from "./cache.ts";
import { compileWasm } from "./compile-wasm.ts";
import { compileObject, hotFunctions, linkKernel, linkVdso } from "./link.ts";
import { kernelDirectory, machineDirectory, profileDirectory, repositoryRoot } from "./paths.ts";
import { wasmToC } from "./wasm-to-c.ts";

export type Profile = "release" | "debug";

export interface BuildOptions {
  profile: Profile;
  /** Runs each step that is really needed; what it returns is the step's end. */
  onStep?: (step: string, work: () => Promise<void>) => Promise<void>;
  /** Another process builds the same, and is waited for. */
  onWait?: () => void;
}

export interface KernelBuild {
  elfPath: string;
}

const isKernelSource = (name: string) => name.endsWith(".ts") && !name.endsWith(".test.ts");

export async function buildKernel(options: BuildOptions): Promise<KernelBuild> {
  const { profile, onStep = (_step, work) => work(), onWait = () => {} } = options;
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
  const compile = (output: string): Promise<void> =>
    onStep("compile TypeScript", () => {
      const entry = path.join(kernelDirectory, "main.ts");
      return compileWasm({ entries: [entry], output, debug: profile === "debug" });
    });
  await cached(wasm, wasmHash, compile, { onWait });

  const elfPath = path.join(directory, "kernel.elf");
  const parts = [...toolchain, ...machine, hotFunctions];
  const elfHash = hashInputs(parts, [profile, contentHash(wasm)]);
  const link = async (output: string): Promise<void> => {
    let objects: string[] = [];
    await onStep("translate to C", () => wasmToC(wasm, directory));
    await onStep("compile C", async () => {
      await linkVdso(directory);
      objects = await Promise.all([
        compileObject(path.join(machineDirectory, "kernel-unit.c"), directory, profile),
        compileObject(path.join(machineDirectory, "boot.S"), directory, profile),
        compileObject(path.join(machineDirectory, "entry.S"), directory, profile),
        compileObject(path.join(machineDirectory, "vdso.S"), directory, profile),
      ]);
    });
    await onStep("link", () => linkKernel(objects, output));
  };
  await cached(elfPath, elfHash, link, { onWait });
  return { elfPath };
}
