/**
 * One allocation that fails on purpose, in debug builds: the test of every error path there is
 * (runtime/testing.ts).
 *
 *     failAllocation(n)       the n-th from now on fails, of the heap, of pages, or an `attempt`; 0: none
 *     allocationFails()       asked by each of them, behind `if (VERIFY)`
 *     failureIsDue()          whether it is still to come
 *
 * What may not fail (a plain `new`) is not counted.
 */
let countdown: u32 = 0;

export function failAllocation(n: u32): void {
  countdown = n;
}

export function failureIsDue(): bool {
  return countdown != 0;
}

export function allocationFails(): bool {
  if (countdown == 0) return false;
  return --countdown == 0;
}
