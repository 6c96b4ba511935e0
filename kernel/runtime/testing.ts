/**
 * For tests of what happens when memory is out: every allocation of a scenario fails once.
 *
 *     expectUndone(scenario)
 *     failuresUndone(scenario, "of what: ")     the same of what may need no memory
 */
import { expect, expectEqual } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { allocationsUntilFailure, failAllocation } from "./failing";
import { heapBytesInUse } from "./heap";

/** Caches and pools are as large as they get after so many runs. */
const WARMING_RUNS = 3;

/**
 * Runs `scenario` with its first allocation failing, then with its second, until it needs no more.
 * It returns false when it met an error, and gives back all that it got. After each run nothing may
 * be lost: the next whole run leaves as much memory in use as the one before.
 */
export function expectUndone(scenario: () => bool): void {
  expect(failuresUndone(scenario, "", false) > 0, "some failure showed");
}

/**
 * The same of a scenario that may need no memory, and may leave something for the next time (a
 * name that was looked up): once, while what is lost is lost again. `what` begins the report of a
 * loss. Returns how many failures it told of.
 */
export function failuresUndone(scenario: () => bool, what: string = "", keeps: bool = true): u32 {
  for (let i = 0; i < WARMING_RUNS; i++) expect(scenario(), "with memory it succeeds");
  let bytes = <i64>heapBytesInUse();
  let pages = <i64>freePageCount();
  let failures: u32 = 0;
  let isAgain = !keeps;
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const succeeded = scenario();
    const wasSpared = allocationsUntilFailure() != 0;
    failAllocation(0);
    if (!succeeded) failures++;
    expect(scenario(), "afterwards it succeeds");
    const lost: i64 = <i64>heapBytesInUse() - bytes;
    const lostPages = pages - <i64>freePageCount();
    if ((lost != 0 || lostPages != 0) && !isAgain) {
      bytes += lost;
      pages -= lostPages;
      isAgain = true;
      n--;
      continue;
    }
    // A message put together for each would itself be memory in use.
    if (lost != 0) expectEqual(lost, 0, what + "bytes lost after failure " + n.toString());
    if (lostPages != 0)
      expectEqual(lostPages, 0, what + "pages lost after failure " + n.toString());
    if (wasSpared) expect(succeeded, "without a failure it succeeds");
    if (wasSpared) break;
    isAgain = !keeps;
  }
  return failures;
}
