/**
 * The modules that are simulated: what they are made of, and where they are kept. They are compiled
 * and instrumented (instrument.ts) when what goes into them has changed.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, hashInputs, listFiles } from "../../../toolchain/cache.ts";
import { compileWasm } from "../../../toolchain/compile-wasm.ts";
import { buildDirectory, repositoryRoot } from "../../../toolchain/paths.ts";

/** A deliberate fault, to see that the simulation finds it. */
export interface Fault {
  readonly name: string;
  /** Where it shows, and how. */
  readonly scenario: string;
  readonly failure: RegExp;
  /** The schedule that shows it, when it takes more preemptions than are tried. */
  readonly schedule?: string;
}

/** A fault that is put into the module. */
export interface Mutation extends Fault {
  /** In the flattened text: `ADDRESS` and `VALUE` stand for an operand, and are captured. */
  readonly pattern: string;
  readonly replacement: string;
}

export interface Build {
  /** The entry file, from kernel/. */
  entry: string;
  /** Functions of the kernel that the simulation plays: their names, and those of the imports. */
  played: Readonly<Record<string, string>>;
  /** Imports of `hw` that functions of the module stand for. */
  redirected?: Readonly<Record<string, string>>;
  /** Whether it may stop at each access to memory; otherwise only in what is played. */
  stopsAtAccesses: boolean;
}

/** What is compiled, and where to. */
export interface Source {
  /** The folder with `kernel/` in it. */
  readonly root: string;
  /** Keeps assertions and the `VERIFY` checks. */
  readonly debug: boolean;
  /** Names the output. */
  readonly stem: string;
}

/** Compiles and instruments a module, unless that was done with the same inputs; its path. */
export async function buildSource(
  build: Build,
  source: Source,
  mutation?: Mutation,
): Promise<string> {
  const directory = path.join(buildDirectory, "sim");
  mkdirSync(directory, { recursive: true });
  const compiled = path.join(directory, `${source.stem}.wasm`);
  const sources = listFiles(path.join(source.root, "kernel"), (name) => name.endsWith(".ts"));
  const tools = listFiles(path.join(repositoryRoot, "toolchain"), (name) =>
    /\.m?[jt]s$/.test(name),
  );
  const compiledHash = hashInputs([...sources, ...tools], [build.entry, String(source.debug)]);
  await cached(compiled, compiledHash, (work) =>
    compileWasm({
      entries: [path.join(source.root, "kernel", build.entry)],
      output: work,
      debug: source.debug,
      root: source.root,
    }),
  );
  const output = path.join(
    directory,
    `${source.stem}${mutation ? `-${mutation.name.replace(/\W/g, "-")}` : ""}.sim.wasm`,
  );
  const parts = [JSON.stringify(build), mutation?.pattern ?? "", mutation?.replacement ?? ""];
  const instrumenter = path.join(import.meta.dirname, "instrument.ts");
  await cached(output, hashInputs([compiled, instrumenter], parts), async (work) => {
    // Only now: binaryen alone takes seconds to load.
    const { instrument } = await import("./instrument.ts");
    writeFileSync(work, instrument(readFileSync(compiled), build, mutation));
  });
  return output;
}

/** The module that `buildSource` makes. */
export async function loadSource(
  build: Build,
  source: Source,
  mutation?: Mutation,
): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(readFileSync(await buildSource(build, source, mutation)));
}

/** The release build of `build`, instrumented. */
export function loadInstrumented(build: Build, mutation?: Mutation): Promise<WebAssembly.Module> {
  const stem = build.entry.replace(/\W/g, "-");
  return loadSource(build, { root: repositoryRoot, debug: false, stem }, mutation);
}
