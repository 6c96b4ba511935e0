/**
 * One allocation that fails on purpose, in debug builds: the test of every error path there is
 * (runtime/testing.ts in Node, fs/proc-fail-nth.ts in a machine).
 *
 *     failAllocation(n)           of this thread's, the n-th from now on fails: of the heap, of
 *                                 pages, or an `attempt`; 0: none
 *     spareAllocations(true)      until `false`: what comes was made sure of (heapHasRoom)
 *     allocationFails()           asked by each of them, behind `if (VERIFY)`
 *     allocationsUntilFailure()   n when the next n-th is to fail; 0: none is, it has failed
 *
 * What may not fail (a plain `new`, or what was made sure of) is not counted. Heap and pages are
 * one sequence, so that with every n each of them fails once.
 */
import { currentThread } from "../arch/hw";

let countdown: u32 = 0;
/** Whose allocations are counted. */
let thread: usize = 0;
let areSpared = false;

export function failAllocation(n: u32): void {
  countdown = n;
  thread = currentThread();
}

export function allocationsUntilFailure(): u32 {
  return countdown;
}

export function spareAllocations(spared: bool): void {
  areSpared = spared;
}

export function allocationFails(): bool {
  if (countdown == 0 || areSpared || currentThread() != thread) return false;
  return --countdown == 0;
}
