/*
 * The other parts of Virga that commands lead to. Each is loaded only when its command runs, so
 * that `virga ps` does not wait for a compiler to be read in.
 */
import { note, withProgress } from "./progress.ts";
import type { Names } from "./run/console.ts";

/** Compiles what has changed of the kernel; returns the path of the ELF file. */
export async function buildKernel(isDebug: boolean): Promise<string> {
  const { buildKernel } = await import("../toolchain/build.ts");
  const profile = isDebug ? "debug" : "release";
  const onStep = (step: string, work: () => Promise<void>): Promise<void> =>
    withProgress(`building the kernel (${profile}): ${step}`, work);
  let isTold = false;
  const onWait = (): void => {
    if (!isTold) note(`another virga builds the kernel (${profile}), waiting for it …`);
    isTold = true;
  };
  return (await buildKernel({ profile, onStep, onWait })).elfPath;
}

/**
 * Names for addresses in `kernel` and in the files of `image`; those without a symbol table have
 * none, and that stops nobody.
 */
export async function loadNames(kernel: string, image: string): Promise<Names> {
  const { symbolize } = await import("../toolchain/symbolizer.ts");
  const { ProgramNames } = await import("./run/program-names.ts");
  const names = new ProgramNames(image);
  return {
    kernel: (address) => {
      try {
        return symbolize(kernel, address);
      } catch {
        return null;
      }
    },
    program: (path, address, isReturn) => names.find(path, address, isReturn),
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

export async function runMutate(args: string[]): Promise<number> {
  const { runMutate } = await import("../test/mutate/main.ts");
  return await runMutate(args);
}
