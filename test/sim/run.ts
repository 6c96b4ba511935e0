/**
 * One simulation: a seed decides the scenario, the wire and everything that happens. The same seed,
 * the same run.
 */
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { cached, hashInputs, listFiles } from "../../toolchain/cache.ts";
import { compileWasm } from "../../toolchain/compile-wasm.ts";
import { buildDirectory, kernelDirectory, repositoryRoot } from "../../toolchain/paths.ts";
import { STATS } from "./host.ts";
import { SimFailure } from "./peer.ts";
import { Random } from "./random.ts";
import { SCENARIOS } from "./scenarios.ts";
import { randomWire } from "./wire.ts";
import { World } from "./world.ts";

export interface SimOptions {
  seed: number;
  /** Only this scenario; otherwise the seed chooses. */
  scenario?: string | undefined;
  trace?: (line: string) => void;
}

export interface SimResult {
  seed: number;
  scenario: string;
  /** What was wrong; undefined: nothing. */
  failure?: string;
  segments: number;
  /** Simulated nanoseconds. */
  time: number;
  /** The counters of both hosts, added. */
  stats: Record<string, number>;
}

/** The kernel's TCP as a module, compiled when its sources have changed. */
export async function loadModule(): Promise<WebAssembly.Module> {
  const directory = path.join(buildDirectory, "sim");
  mkdirSync(directory, { recursive: true });
  const output = path.join(directory, "tcp.wasm");
  const sources = listFiles(kernelDirectory, (name) => name.endsWith(".ts"));
  const tools = listFiles(path.join(repositoryRoot, "toolchain"), (name) =>
    /\.m?[jt]s$/.test(name),
  );
  const entry = path.join(kernelDirectory, "net", "sim-exports.ts");
  await cached(output, hashInputs([...sources, ...tools], []), (work) =>
    compileWasm({ entries: [entry], output: work, debug: true }),
  );
  return new WebAssembly.Module(readFileSync(output));
}

export function simulate(module: WebAssembly.Module, options: SimOptions): SimResult {
  const random = new Random(options.seed);
  const chosen = random.pick(SCENARIOS);
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario) ?? chosen;
  const world = new World(module, random, randomWire(random));
  if (options.trace) {
    options.trace(`${scenario.name} ${JSON.stringify(world.wire.options)}`);
    world.wire.trace = options.trace;
  }
  let failure: string | undefined;
  try {
    scenario.setup(world);
    world.run();
    scenario.check(world);
  } catch (error) {
    if (error instanceof SimFailure) failure = error.message;
    else failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const stats = Object.fromEntries(
    STATS.map((name) => [name, world.client.stat(name) + world.server.stat(name)]),
  );
  return {
    seed: options.seed,
    scenario: scenario.name,
    ...(failure === undefined ? {} : { failure }),
    segments: world.wire.delivered,
    time: world.events.now,
    stats,
  };
}
