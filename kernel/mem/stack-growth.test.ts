import { expect, expectEqual, test } from "../lib/testing";
import {
  addressSpacePages,
  findFree,
  growingFlag,
  MAP_LOW,
  mapRegion,
  STACK_GUARD_GAP,
  setMapTop,
} from "./address-space";
import { PAGE_SIZE } from "./page-allocator";
import { growStack, setGrowthLimits } from "./stack-growth";
import { PROT_READ, PROT_WRITE } from "./vma";

const STACK: u64 = 0x700000000000;
const RIGHTS = PROT_READ | PROT_WRITE;

test("stack growth: an area grows to the page that was touched, no further", () => {
  mapRegion(STACK, PAGE_SIZE, RIGHTS, growingFlag(), null, 0);
  const area = growStack(STACK - 3 * PAGE_SIZE + 5)!;
  expectEqual(area.start, STACK - 3 * PAGE_SIZE, "start");
  expectEqual(area.end, STACK + PAGE_SIZE, "end");
  expectEqual(addressSpacePages(), 4, "pages");
});

test("stack growth: what does not grow stays", () => {
  mapRegion(STACK, PAGE_SIZE, RIGHTS, 0, null, 0);
  expect(growStack(STACK - 1) == null, "below an ordinary area");
  expect(growStack(STACK + PAGE_SIZE) == null, "above all areas");
});

test("stack growth: the limits of the stack and of the address space hold", () => {
  mapRegion(STACK, PAGE_SIZE, RIGHTS, growingFlag(), null, 0);
  setGrowthLimits(16 * PAGE_SIZE, u64.MAX_VALUE);
  expect(growStack(STACK - 16 * PAGE_SIZE) == null, "17 pages");
  expect(growStack(STACK - 15 * PAGE_SIZE) != null, "16 pages");
  setGrowthLimits(u64.MAX_VALUE, 20 * PAGE_SIZE);
  expect(growStack(STACK - 20 * PAGE_SIZE) == null, "more than the space");
  expect(growStack(STACK - 19 * PAGE_SIZE) != null, "all of the space");
});

test("stack growth: a gap stays to what lies below, unless that has no rights", () => {
  const below = STACK - STACK_GUARD_GAP - 4 * PAGE_SIZE;
  mapRegion(STACK, PAGE_SIZE, RIGHTS, growingFlag(), null, 0);
  mapRegion(below - PAGE_SIZE, PAGE_SIZE, PROT_READ, 0, null, 0);
  expect(growStack(below + STACK_GUARD_GAP - 1) == null, "too near");
  expect(growStack(below + STACK_GUARD_GAP) != null, "near enough");
  mapRegion(below, PAGE_SIZE, 0, 0, null, 0);
  expect(growStack(below + PAGE_SIZE) != null, "next to a guard");
});

test("stack growth: a new area keeps its distance, or is not found", () => {
  setMapTop(STACK);
  mapRegion(STACK, PAGE_SIZE, RIGHTS, growingFlag(), null, 0);
  expectEqual(findFree(PAGE_SIZE), STACK - STACK_GUARD_GAP - PAGE_SIZE, "below the gap");
  mapRegion(MAP_LOW, STACK - MAP_LOW - STACK_GUARD_GAP, RIGHTS, 0, null, 0);
  expectEqual(findFree(PAGE_SIZE) > STACK, true, "above it, when there is nothing below");
});
