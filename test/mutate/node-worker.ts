/*
 * A process that runs tests of one suite with a mutant active. It is a process of its own, because
 * a mutant may never come to an end: then the process is ended. Its arguments: the kind of suite,
 * how many mutants there are, and the suite's modules as JSON.
 */
import { NO_MUTANT, type NodeModules, type NodeSuite } from "./node-suite.ts";

export type NodeRequest =
  | { readonly kind: "cover" }
  | { readonly kind: "try"; readonly mutant: number; readonly tests: readonly number[] };

export type NodeReply =
  /** Per test, the mutants that it comes by; null: it fails without any. */
  | { readonly kind: "covered"; readonly tests: readonly (readonly number[] | null)[] }
  /** The name of the first test that fails. */
  | { readonly kind: "tried"; readonly killer: string | null };

const [kind = "", mutantCount = "0", modulesJson = "{}"] = process.argv.slice(2);

async function loadSuite(): Promise<NodeSuite> {
  const modules = JSON.parse(modulesJson) as NodeModules;
  const mutants = Number(mutantCount);
  // Only one of them: the simulator is large, and takes its time to load.
  if (kind === "sim") return (await import("./sim-suite.ts")).simSuite(modules, mutants);
  return (await import("./unit-suite.ts")).unitSuite(modules.tests as string, mutants);
}

const suite = await loadSuite();

function cover(): NodeReply {
  const tests = suite.names.map((_, test) => {
    const { hasPassed, covered } = suite.run(test, NO_MUTANT);
    return hasPassed ? covered : null;
  });
  return { kind: "covered", tests };
}

function attempt(mutant: number, tests: readonly number[]): NodeReply {
  const killer = tests.find((test) => !suite.run(test, mutant).hasPassed);
  return { kind: "tried", killer: killer === undefined ? null : (suite.names[killer] as string) };
}

process.on("message", (request: NodeRequest) => {
  process.send?.(request.kind === "cover" ? cover() : attempt(request.mutant, request.tests));
});
