/*
 * The other parts of Virga that commands lead to. Each is loaded only when its command runs, so that `virga ps` does not
 * wait for a compiler to be read in.
 */
import { VirgaError } from "./errors.ts";

export interface Toolchain {
  buildKernel(options: { readonly profile: "release" | "debug" }): Promise<{
    readonly elfPath: string;
  }>;
}

interface Symbolizer {
  symbolize(elfPath: string, address: bigint): string | null;
}

type CommandModule = Readonly<Record<string, (args: string[]) => Promise<number | undefined>>>;

export async function loadToolchain(): Promise<Toolchain> {
  return (await load("toolchain/build.ts")) as Toolchain;
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
