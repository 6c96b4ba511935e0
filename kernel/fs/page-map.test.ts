import { expect, expectEqual, test } from "../lib/testing";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { ENTRY_ACCESSED, entryOf, entryPage, NO_INDEX, PAGE_INDEX_MAX, PageMap } from "./page-map";

/** Entries of a chunk. */
const CHUNK: u64 = 128;
/** What the model holds: from index 0 on. */
const MODEL_ENTRIES: u32 = 6000;
const model = new StaticArray<u32>(<i32>MODEL_ENTRIES);

let seed: u32 = 7;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

test("page map: sparse entries are kept, walked in order and removed", () => {
  const map = new PageMap();
  const before = heapBytesInUse();
  expectEqual(map.entry(0), 0, "empty");
  for (let i: u64 = 0; i < 20; i++) expect(map.set(i * i * 97, <u32>(i + 1)), "set");
  expectEqual(map.count, 20, "count");
  let at: u64 = 0;
  for (let i: u64 = 0; i < 20; i++) {
    at = map.next(at);
    expectEqual(at, i * i * 97, "in order");
    expectEqual(map.entry(at), i + 1, "entry");
    at++;
  }
  expectEqual(map.next(at), NO_INDEX, "no more");
  for (let i: u64 = 0; i < 20; i++) expect(map.set(i * i * 97, 0), "removed");
  expectEqual(map.count, 0, "empty again");
  expectEqual(map.next(0), NO_INDEX, "nothing to walk");
  map.destroy();
  expectEqual(heapBytesInUse(), before, "all memory is back");
});

test("page map: an index beyond the limit is refused", () => {
  const map = new PageMap();
  expect(!map.set(PAGE_INDEX_MAX, 1), "too far");
  expect(map.set(PAGE_INDEX_MAX, 0), "nothing to remove is no error");
});

test("page map: an entry is a page and a flag", () => {
  const pages: StaticArray<u64> = [0x1000, 0x12345000, ((1 << 40) - 1) & ~0xfff];
  for (let i = 0; i < pages.length; i++) {
    expectEqual(entryPage(entryOf(pages[i])), pages[i], "the page");
    expectEqual(entryPage(entryOf(pages[i]) | ENTRY_ACCESSED), pages[i], "whatever the flag");
    expectEqual(entryOf(pages[i]) & ENTRY_ACCESSED, 0, "not used yet");
  }
});

/** An index near the border of a chunk, or anywhere. */
function place(): u32 {
  const border = random(MODEL_ENTRIES / <u32>CHUNK) * <u32>CHUNK;
  return random(2) == 0 ? random(MODEL_ENTRIES) : max(border, 1) - 1 + random(3);
}

function checkMap(map: PageMap): void {
  let count: u64 = 0;
  let next = map.next(0);
  for (let i: u32 = 0; i < MODEL_ENTRIES; i++) {
    if (map.entry(i) != model[i]) expectEqual(i, -1, "the entry at this index");
    if (model[i] == 0) continue;
    if (next != i) expectEqual(next, i, "the next one");
    next = map.next(<u64>i + 1);
    count++;
  }
  expectEqual(next, NO_INDEX, "and no more");
  expectEqual(map.count, count, "as many as there are");
  expectEqual(map.entry(MODEL_ENTRIES + 1000), 0, "nothing behind them");
  expectEqual(map.touch(MODEL_ENTRIES + 1000), 0, "nor to touch");
}

test("page map: random changes are what a model of an array says", () => {
  const map = new PageMap();
  const before = heapBytesInUse();
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 50; i++) {
      const index = place();
      const kind = random(5);
      if (kind == 0) {
        expectEqual(map.touch(index), model[index], "as it was before");
        if (model[index] != 0) model[index] |= ENTRY_ACCESSED;
      } else {
        const entry = kind == 1 ? 0 : 1 + random(1000000);
        expect(map.set(index, entry), "there is memory");
        model[index] = entry;
      }
    }
    // The end of a file is cut off: its entries are removed, and their chunks given back.
    if (random(3) == 0) {
      const cut = place();
      for (let i = cut; i < MODEL_ENTRIES; i++) {
        map.set(i, 0);
        model[i] = 0;
      }
      map.trim(cut);
    }
    checkMap(map);
    for (let i = 0; i < 20; i++) {
      const from = place();
      let wanted: u64 = from;
      while (wanted < MODEL_ENTRIES && model[<u32>wanted] == 0) wanted++;
      expectEqual(map.next(from), wanted < MODEL_ENTRIES ? wanted : NO_INDEX, "the next one");
    }
  }
  for (let i: u32 = 0; i < MODEL_ENTRIES; i++) map.set(i, 0);
  map.destroy();
  expectEqual(heapBytesInUse(), before, "all memory is back");
  expectEqual(map.next(0), NO_INDEX, "nothing is in it");
  expect(map.set(5, 5), "and it can be used again");
  expectEqual(map.entry(5), 5, "as before");
});

test("page map: chunks behind the end are given back, the one with the end stays", () => {
  const map = new PageMap();
  for (let chunk: u64 = 0; chunk < 4; chunk++) map.set(chunk * CHUNK, 1);
  const full = heapBytesInUse();
  const one = full - bytesWithout(map, 3, 3 * CHUNK);
  expectEqual(one, 512, "a chunk");
  expectEqual(full - bytesWithout(map, 2, CHUNK + 1), 2 * one, "from the next whole one on");
  expectEqual(map.entry(CHUNK), 1, "what was before it is there");
  expectEqual(full - bytesWithout(map, 1, CHUNK), 3 * one, "a border counts with what follows");
  expectEqual(map.entry(0), 1, "what was before it is there");
});

/** Empties a chunk, cuts, and returns what the heap then has in use. */
function bytesWithout(map: PageMap, chunk: u64, cut: u64): usize {
  map.set(chunk * CHUNK, 0);
  map.trim(cut);
  return heapBytesInUse();
}

test("page map: the table grows to any index", () => {
  const map = new PageMap();
  const before = heapBytesInUse();
  // At once, or step by step: around each power of two of chunks.
  for (let power: u64 = 0; power < 12; power++) {
    for (let chunk = ((<u64>1) << power) - 1; chunk <= ((<u64>1) << power) + 1; chunk++) {
      expect(map.set(chunk * CHUNK + 5, <u32>chunk + 1), "set");
    }
  }
  for (let power: u64 = 0; power < 12; power++) {
    const chunk: u64 = (<u64>1) << power;
    expectEqual(map.entry(chunk * CHUNK + 5), chunk + 1, "still there");
    expectEqual(map.entry(chunk * CHUNK + 6), 0, "nothing beside it");
  }
  for (let at = map.next(0); at != NO_INDEX; at = map.next(at)) map.set(at, 0);
  expectEqual(map.count, 0, "empty");
  map.destroy();
  const far = new PageMap();
  expect(far.set(1000 * CHUNK, 9), "far away at once");
  expectEqual(far.next(0), 1000 * CHUNK, "found");
  far.set(1000 * CHUNK, 0);
  far.destroy();
  free(far);
  expectEqual(heapBytesInUse(), before, "all memory is back");
});

test("failing memory: an entry of a page map", () => {
  expectUndone((): bool => {
    const map = new PageMap();
    const near = map.set(3, 1);
    // The table has to grow for it.
    const far = map.set(100 * CHUNK, 2);
    expectEqual(map.entry(3), near ? 1 : 0, "there or not");
    expectEqual(map.entry(100 * CHUNK), far ? 2 : 0, "there or not");
    expectEqual(map.count, <u64>near + <u64>far, "counted as it is");
    map.set(3, 0);
    map.set(100 * CHUNK, 0);
    map.destroy();
    free(map);
    return near && far;
  });
});
