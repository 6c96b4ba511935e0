import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import { NO_INDEX, PAGE_INDEX_MAX, PageMap } from "./page-map";

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
