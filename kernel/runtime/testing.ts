/**
 * For tests of what happens when memory is out: every allocation of a scenario fails once.
 *
 *     expectUndone(scenario)
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
  for (let i = 0; i < WARMING_RUNS; i++) expect(scenario(), "with memory it succeeds");
  const bytes = <i64>heapBytesInUse();
  const pages = <i64>freePageCount();
  let failures: u32 = 0;
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const succeeded = scenario();
    const wasSpared = allocationsUntilFailure() != 0;
    failAllocation(0);
    if (!succeeded) failures++;
    expect(scenario(), "afterwards it succeeds");
    // A message put together for each would itself be memory in use.
    const lost: i64 = <i64>heapBytesInUse() - bytes;
    if (lost != 0) expectEqual(lost, 0, "bytes lost after failure " + n.toString());
    const lostPages = pages - <i64>freePageCount();
    if (lostPages != 0) expectEqual(lostPages, 0, "pages lost after failure " + n.toString());
    if (wasSpared) {
      expect(succeeded, "without a failure it succeeds");
      break;
    }
  }
  expect(failures > 0, "some failure showed");
}
