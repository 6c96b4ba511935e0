/*
 * Tests that run in Node on a module with mutants in it: what those who try mutants see of them.
 * What is there: the kernel's unit tests (unit-suite.ts) and the simulation of sleeps and of
 * several CPUs (sim-suite.ts).
 */

/** What became of one test. */
export interface NodeRun {
  readonly hasPassed: boolean;
  /** Which mutants it came by; only asked for of those that pass. */
  readonly covered: readonly number[];
}

export interface NodeSuite {
  readonly names: readonly string[];
  /** Runs a test with one mutant active; with none when it is negative. */
  run(test: number, mutant: number): NodeRun;
}

/** Where its modules lie, by the names that the suite has for them. */
export type NodeModules = Readonly<Record<string, string>>;

export type SuiteKind = "unit" | "sim";

export const NO_MUTANT = -1;

/** What a module with mutants in it exports, see tree.ts. */
export interface MutantExports {
  mutantActivate(number: number): void;
  mutantCovered(number: number): number;
}

/** Of the first `count` mutants, those that `exports` has been by. */
export function coveredOf(exports: MutantExports, count: number): number[] {
  const all = Array.from({ length: count }, (_, number) => number);
  return all.filter((number) => exports.mutantCovered(number) !== 0);
}
