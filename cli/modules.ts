/*
 * The other parts of Virga that commands lead to. Each is loaded only when its command runs, so that `virga ps` does not
 * wait for a compiler to be read in.
 */
import { VirgaError } from "./errors.ts";
import { note } from "./progress.ts";

interface Symbolizer {
  symbolize(elfPath: string, address: bigint): string | null;
}

type CommandModule = Readonly<Record<string, (args: string[]) => Promise<number | undefined>>>;

/** Compiles what has changed of the kernel; returns the path of the ELF file. */
export async function buildKernel(isDebug: boolean): Promise<string> {
  const { buildKernel } = await import("../toolchain/build.ts");
  const profile = isDebug ? "debug" : "release";
  // Told only of steps that really run, so there is something to wait for.
  const onStep = (step: string): void => note(`building the kernel (${profile}): ${step} …`);
  return (await buildKernel({ profile, onStep })).elfPath;
}

/** Names for addresses in `kernel`; without the symbolizer there are none, and that stops nobody. */
export async function loadSymbolizer(kernel: string): Promise<(address: bigint) => string | null> {
  try {
    const { symbolize } = (await load("toolchain/symbolizer.ts")) as Symbolizer;
    return (address) => {
      try {
        return symbolize(kernel, address);
      } catch {
        return null;
      }
    };
  } catch {
    return () => null;
  }
}

/** Runs `name(args)` of another part; the status of the command. */
export async function callCommand(path: string, name: string, args: string[]): Promise<number> {
  const command = ((await load(path)) as CommandModule)[name];
  if (command === undefined) throw new VirgaError("no-module", `${path} has no ${name}()`);
  return (await command(args)) ?? 0;
}

async function load(path: string): Promise<unknown> {
  return await import(new URL(`../${path}`, import.meta.url).href);
}
