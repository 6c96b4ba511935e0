import { store32 } from "../arch/hw";
import { EINVAL, ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import {
  addMemory,
  directMap,
  freePageCount,
  pagePut,
  totalPageCount,
} from "../mem/page-allocator";
import { expectUndone } from "../runtime/testing";
import { Segment, SHMMAX, segmentCreate, segments, shmPages, shmResident } from "./shared-memory";

const PID = 5;
const PAGE: u64 = 4096;

function start(): void {
  addMemory(0x300000, 0x800000);
}

function created(bytes: u64): Segment {
  const id = segmentCreate(0, bytes, 0o600, PID);
  expect(id >= 0, "a segment");
  return segments.find(<i32>id)!;
}

function touch(segment: Segment, index: u64): u64 {
  const page = segment.pages.getPage(index);
  expect(page > 0, "a page");
  pagePut(page);
  return page;
}

test("shared memory: a page is made once, zero, and stays the segment's", () => {
  start();
  const segment = created(3 * PAGE - 1);
  expectEqual(segment.pages.size(), 3 * PAGE, "whole pages");
  expectEqual(segment.pages.peekPage(1), 0, "not there yet");
  const page = touch(segment, 1);
  store32(directMap(page), 77);
  expectEqual(touch(segment, 1), page, "the same");
  expectEqual(segment.pages.peekPage(1), page, "and there");
  pagePut(page);
  expect(touch(segment, 2) != page, "another");
  expectEqual(segment.pages.resident, 2, "two are there");
  expectEqual(shmResident(), 2, "of all");
  expectEqual(shmPages(), 3, "three are promised");
});

test("shared memory: removed, it ends with its last reference, and its memory is free", () => {
  start();
  const pages = freePageCount();
  const segment = created(2 * PAGE);
  const id = segment.id;
  segment.key = 99;
  touch(segment, 0);
  touch(segment, 1);
  segment.pages.references++;
  segment.remove();
  expect(segments.find(id) == segment, "still found by who knows it");
  expect(segments.keyed(99) == null, "but by no key");
  segment.remove();
  expect(segments.find(id) == segment, "removing it again takes no reference");
  segment.pages.put();
  expect(segments.find(id) == null, "gone");
  expectEqual(freePageCount(), pages, "pages are free");
  expectEqual(shmPages(), 0, "nothing is promised");
  expectEqual(shmResident(), 0, "nothing is there");
});

test("shared memory: sizes that there can't be", () => {
  start();
  expectEqual(segmentCreate(0, 0, 0, PID), -EINVAL, "empty");
  expectEqual(segmentCreate(0, SHMMAX + 1, 0, PID), -EINVAL, "beyond the largest");
  expectEqual(segmentCreate(0, (totalPageCount() + 1) * PAGE, 0, PID), -ENOMEM, "more than all");
  expectEqual(segmentCreate(0, 0x200000, 0o4000, PID), -ENOMEM, "large pages");
  const all = created(totalPageCount() * PAGE);
  expectEqual(shmPages(), totalPageCount(), "as much as there is");
  // SHM_NORESERVE: a promise of nearly everything, and then no more.
  const more = segmentCreate(0, SHMMAX, 0o10000, PID);
  expect(more >= 0, "an empty promise");
  all.remove();
  segments.find(<i32>more)!.remove();
  expectEqual(shmPages(), 0, "nothing is promised");
});

test("shared memory: without memory there is no segment, or no page", () => {
  start();
  expectUndone((): bool => {
    const id = segmentCreate(0, 4 * PAGE, 0, PID);
    if (id < 0) {
      expectEqual(id, -ENOMEM, "the error");
      expectEqual(shmPages(), 0, "nothing is promised");
      return false;
    }
    const segment = segments.find(<i32>id)!;
    const page = segment.pages.getPage(3);
    if (page > 0) pagePut(page);
    else expectEqual(page, -ENOMEM, "the error");
    segment.remove();
    expectEqual(shmResident(), 0, "nothing is there");
    return page > 0;
  });
});
