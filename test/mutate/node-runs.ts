/*
 * Mutants against the tests that run in Node.
 *
 *     const killers = await runInNode("unit", tree, mutants)   per mutant, the test that found it
 *
 * First each test runs with no mutant active, to see which places it comes by; then each mutant
 * meets those tests alone that come by it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { pool } from "../../toolchain/pool.ts";
import type { SuiteKind } from "./node-suite.ts";
import type { NodeReply, NodeRequest } from "./node-worker.ts";
import type { MutantTree } from "./tree.ts";

/** A test takes some milliseconds, a scenario a second. What takes so long goes in circles. */
const TIMEOUT_MS = 60_000;
const COVER_TIMEOUT_MS = 600_000;
const WIDTH = 2;

/** One process, made anew after it had to be ended. */
class NodeProcess {
  private child: ChildProcess | undefined;
  private readonly args: string[];

  constructor(kind: SuiteKind, tree: MutantTree) {
    this.args = [kind, String(tree.mutants.length), JSON.stringify(tree.modules)];
  }

  /** Null when there is no answer in time. */
  async ask(request: NodeRequest, timeoutMs: number): Promise<NodeReply | null> {
    this.child ??= fork(new URL("./node-worker.ts", import.meta.url), this.args);
    const { child } = this;
    const waiting = new AbortController();
    const { signal } = waiting;
    const timer = setTimeout(() => waiting.abort(), timeoutMs);
    child.send(request);
    try {
      const [reply] = await Promise.race([
        once(child, "message", { signal }) as Promise<[NodeReply]>,
        once(child, "exit", { signal }).then(([code]) => {
          throw new Error(`the tests' process ended with ${code}`);
        }),
      ]);
      return reply as NodeReply;
    } catch (error) {
      await this.end();
      if ((error as Error).name === "AbortError") return null;
      throw error;
    } finally {
      clearTimeout(timer);
      waiting.abort();
    }
  }

  async end(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}

/** Per mutant, the tests that come by it; those that fail by themselves are left out. */
function testsByMutant(tests: readonly (readonly number[] | null)[]): Map<number, number[]> {
  const byMutant = new Map<number, number[]>();
  tests.forEach((covered, test) => {
    for (const mutant of covered ?? []) {
      byMutant.set(mutant, [...(byMutant.get(mutant) ?? []), test]);
    }
  });
  return byMutant;
}

/** `mutants`: those to try; the others are known to be found. */
export async function runInNode(
  kind: SuiteKind,
  tree: MutantTree,
  mutants: readonly number[],
): Promise<Map<number, string>> {
  const processes = Array.from({ length: WIDTH }, () => new NodeProcess(kind, tree));
  const killers = new Map<number, string>();
  try {
    const first = await processes[0]?.ask({ kind: "cover" }, COVER_TIMEOUT_MS);
    if (first?.kind !== "covered") throw new Error(`the ${kind} tests do not end without a mutant`);
    const byMutant = testsByMutant(first.tests);
    const met = mutants.filter((mutant) => byMutant.has(mutant));
    const free = [...processes];
    await pool(WIDTH, met, async (mutant) => {
      const tests = byMutant.get(mutant) ?? [];
      const process = free.pop() as NodeProcess;
      const reply = await process.ask({ kind: "try", mutant, tests }, TIMEOUT_MS);
      free.push(process);
      if (reply === null) killers.set(mutant, "it does not come to an end");
      else if (reply.kind === "tried" && reply.killer) killers.set(mutant, reply.killer);
    });
  } finally {
    await Promise.all(processes.map((each) => each.end()));
  }
  return killers;
}
