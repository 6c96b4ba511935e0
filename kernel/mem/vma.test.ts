import { expect, expectEqual, test } from "../lib/testing";
import {
  Vma,
  vmaCount,
  vmaFind,
  vmaFindGap,
  vmaFirstFrom,
  vmaInsert,
  vmaLastBelow,
  vmaRemove,
} from "./vma";

const PAGE: u64 = 4096;
const SLOTS = 512;

function area(start: u64, end: u64): Vma {
  const vma = new Vma();
  vma.start = start;
  vma.end = end;
  vmaInsert(vma);
  return vma;
}

test("vma: the tree agrees with a plain array under random insertions and removals", () => {
  const model = new StaticArray<usize>(SLOTS);
  let state: u32 = 12345;
  for (let step = 0; step < 20000; step++) {
    state = state * 1664525 + 1013904223;
    const slot = <i32>((state >> 8) % SLOTS);
    const start = <u64>(slot + 1) * PAGE;
    if (model[slot] == 0) {
      model[slot] = changetype<usize>(area(start, start + PAGE));
    } else {
      vmaRemove(changetype<Vma>(model[slot]));
      model[slot] = 0;
    }
    state = state * 1664525 + 1013904223;
    const probe = <i32>((state >> 8) % SLOTS);
    const found = vmaFind(<u64>(probe + 1) * PAGE + 7);
    expectEqual(changetype<usize>(found), model[probe], "find");
    let first = probe;
    while (first < SLOTS && model[first] == 0) first++;
    expectEqual(
      changetype<usize>(vmaFirstFrom(<u64>(probe + 1) * PAGE)),
      first < SLOTS ? model[first] : 0,
      "first from",
    );
    const size = 1 + ((state >> 20) & 3);
    let highest = SLOTS - <i32>size;
    for (; highest >= 0; highest--) {
      let isFree = true;
      for (let i = 0; i < <i32>size; i++) if (model[highest + i] != 0) isFree = false;
      if (isFree) break;
    }
    const wanted = highest >= 0 ? <u64>(highest + 1) * PAGE : 0;
    expectEqual(vmaFindGap(<u64>size * PAGE, PAGE, <u64>(SLOTS + 1) * PAGE), wanted, "gap");
  }
});

test("vma: neighbours are found on both sides of a hole", () => {
  const low = area(PAGE, 2 * PAGE);
  const high = area(8 * PAGE, 9 * PAGE);
  expect(vmaFirstFrom(3 * PAGE) == high, "the area above");
  expect(vmaLastBelow(3 * PAGE) == low, "the area below");
  expectEqual(vmaCount(), 2, "count");
  expectEqual(vmaFindGap(6 * PAGE, PAGE, 9 * PAGE), 2 * PAGE, "the hole fits exactly");
  expectEqual(vmaFindGap(7 * PAGE, PAGE, 9 * PAGE), 0, "a larger one does not fit");
});
