/*
 * The other parts of Virga that commands lead to. Each is loaded only when its command runs, so
 * that `virga ps` does not wait for a compiler to be read in.
 */
import { note } from "./progress.ts";

/** Compiles what has changed of the kernel; returns the path of the ELF file. */
export async function buildKernel(isDebug: boolean): Promise<string> {
  const { buildKernel } = await import("../toolchain/build.ts");
  const profile = isDebug ? "debug" : "release";
  // Told only of steps that really run, so there is something to wait for.
  const onStep = (step: string): void => note(`building the kernel (${profile}): ${step} …`);
  return (await buildKernel({ profile, onStep })).elfPath;
}

/**
 * Names for addresses in `kernel`; a kernel without a symbol table has none, and that stops nobody.
 */
export async function loadSymbolizer(kernel: string): Promise<(address: bigint) => string | null> {
  const { symbolize } = await import("../toolchain/symbolizer.ts");
  return (address) => {
    try {
      return symbolize(kernel, address);
    } catch {
      return null;
    }
  };
}

export async function runTests(args: string[]): Promise<number> {
  const { runTests } = await import("../test/main.ts");
  return await runTests(args);
}

export async function runSimulation(args: string[]): Promise<number> {
  const { runSimulation } = await import("../test/sim/main.ts");
  return await runSimulation(args);
}

export async function runBench(args: string[]): Promise<number> {
  const { runBench } = await import("../bench/main.ts");
  return await runBench(args);
}
