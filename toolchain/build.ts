/**
 * The kernel's build: TypeScript → wasm → C → object → ELF, each step skipped when its inputs are
 * unchanged.
 */
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { cached, contentHash, hashInputs, listFiles } from "./cache.ts";
import { compileWasm } from "./compile-wasm.ts";
import { compileObject, hotFunctions, linkKernel, linkVdso, objectFlags } from "./link.ts";
import { kernelDirectory, machineDirectory, profileDirectory, repositoryRoot } from "./paths.ts";
import { pool } from "./pool.ts";
import { wasmToC, wasmToParts } from "./wasm-to-c.ts";

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

/** A part of the C, unless nothing in it has changed. */
async function compilePart(source: string, profile: Profile): Promise<string> {
  const folder = path.dirname(source);
  const directory = profileDirectory(profile);
  const own = ["hw.h", "wasm-rt.h"].map((name) => path.join(machineDirectory, name));
  const generated = [path.join(directory, "kernel.h"), path.join(folder, "kernel-part.h"), source];
  const hash = hashInputs(own, [...objectFlags(profile), ...generated.map(contentHash)]);
  const object = source.replace(/c$/, "o");
  await cached(object, hash, async (output) => {
    await compileObject(source, directory, profile, output);
  });
  return object;
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
      const isDebug = profile === "debug";
      return compileWasm({ entries: [entry], output, debug: isDebug, optimize: !isDebug });
    });
  await cached(wasm, wasmHash, compile, { onWait });

  const elfPath = path.join(directory, "kernel.elf");
  const parts = [...toolchain, ...machine, hotFunctions];
  const elfHash = hashInputs(parts, [profile, contentHash(wasm)]);
  const link = async (output: string): Promise<void> => {
    let parts: string[] = [];
    await onStep("translate to C", async () => {
      if (profile === "debug") parts = await wasmToParts(wasm, directory);
      else await wasmToC(wasm, directory);
    });
    let objects: string[] = [];
    await onStep("compile C", async () => {
      await linkVdso(directory);
      const own = ["kernel-unit.c", "boot.S", "entry.S", "vdso.S"].map(
        (name) => () => compileObject(path.join(machineDirectory, name), directory, profile),
      );
      const all = [...own, ...parts.map((part) => () => compilePart(part, profile))];
      objects = await pool(availableParallelism(), all, (compile) => compile());
    });
    await onStep("link", () => linkKernel(objects, output));
  };
  await cached(elfPath, elfHash, link, { onWait });
  return { elfPath };
}
