import { addressOf } from "../arch/hw";
import { EAGAIN, EINVAL } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import { filePut, O_CREAT, O_NONBLOCK, O_RDWR } from "./file";
import { Inotify, inotifyCreate } from "./inotify";
import { IN_ACCESS, IN_CREATE, IN_DELETE, IN_IGNORED, IN_MODIFY } from "./inotify-events";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import { opened, putFile, readAt, testTmpfsRoot, walkTo, writeText } from "./testing";
import { vfsResolve, vfsUnlink } from "./vfs";
import { isAnyWatched, watchesThere } from "./watch";

// Which events are left out because they say the same as the one before, what of the queue fits a
// buffer, and several watches on one inode that go in any order.

const ROOM: u64 = 4096;
const EVENT: u64 = 16;
const buffer: usize = memory.data(4096, 8);
const io = new IoVector();

function instance(): Inotify {
  return changetype<Inotify>(inotifyCreate(O_NONBLOCK));
}

function watch(events: Inotify, path: string, mask: u32): i32 {
  const walk = walkTo(path);
  expectEqual(vfsResolve(walk, rootDirectory(), 0), 0, path);
  const wd = events.watch(walk.dentry!, mask);
  walkPut(walk);
  return wd;
}

function read(events: Inotify, n: u64): i64 {
  io.setKernel(addressOf(buffer), n);
  return events.read(io);
}

/** The masks of all events in the queue, one after the other. */
function masks(events: Inotify): string {
  const end = read(events, ROOM);
  let text = "";
  for (let at: i64 = 0; at < end; at += EVENT + load<u32>(buffer + <usize>at, 12)) {
    text += load<u32>(buffer + <usize>at, 4).toString() + " ";
  }
  return text;
}

function make(path: string): void {
  filePut(opened(path, O_CREAT | O_RDWR));
}

function unlink(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsUnlink(walk, rootDirectory()), 0, path);
  walkPut(walk);
}

test("inotify: an event that says the same as the last one is left out, and no other", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  putFile("/g", "g");
  const events = instance();
  const one = watch(events, "/f", IN_MODIFY | IN_ACCESS);
  const other = watch(events, "/g", IN_MODIFY);
  expect(one != other, "two watches");
  const file = opened("/f", O_RDWR);
  const second = opened("/g", O_RDWR);
  for (let i = 0; i < 3; i++) writeText(file, "x");
  expect(masks(events) == "2 ", "one IN_MODIFY");
  writeText(file, "x");
  readAt(file, 0, buffer, 1);
  writeText(file, "x");
  expect(masks(events) == "2 1 2 ", "but not across another event");
  writeText(file, "x");
  writeText(second, "x");
  writeText(file, "x");
  expect(masks(events) == "2 2 2 ", "nor that of another watch");
  watch(events, "/", IN_CREATE | IN_DELETE);
  make("/aa");
  make("/ab");
  make("/a");
  unlink("/a");
  unlink("/ab");
  expect(masks(events) == "256 256 256 512 512 ", "nor of another name, as long or not");
  filePut(file);
  filePut(second);
  filePut(events);
});

test("inotify: a buffer takes as many whole events as fit", () => {
  testTmpfsRoot();
  const events = instance();
  watch(events, "/", IN_CREATE);
  // Names of 1, 15, 16 and 17 bytes take 16, 16, 32 and 32 with the zeros behind them.
  const names: StaticArray<string> = ["/1", "/" + "5".repeat(15), "/" + "6".repeat(16)];
  const sizes: StaticArray<u64> = [32, 32, 48];
  for (let i = 0; i < 3; i++) make(names[i]);
  expectEqual(read(events, 31), -EINVAL, "not even the first");
  expectEqual(read(events, 32), sizes[0], "exactly the first");
  expectEqual(read(events, 79), sizes[1], "the next alone");
  expectEqual(read(events, 48), sizes[2], "and the last");
  expectEqual(load<u32>(buffer, 12), 32, "room for its name");
  expectEqual(load<u8>(buffer + 16 + 15), 54, "its last letter");
  expectEqual(load<u8>(buffer + 16 + 16), 0, "and a zero");
  expectEqual(read(events, ROOM), -EAGAIN, "no more");
  filePut(events);
});

/** Exactly one event, IN_MODIFY. */
function expectModified(events: Inotify): void {
  expectEqual(read(events, ROOM), EVENT, "it is told");
  expectEqual(load<u32>(buffer, 4), IN_MODIFY, "of the change");
}

/** An order of three: all six of them. */
const ORDERS: StaticArray<i32> = [0, 1, 2, 0, 2, 1, 1, 0, 2, 1, 2, 0, 2, 0, 1, 2, 1, 0];

test("inotify: several watches on a file go in any order, by the call or with their instance", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  const file = opened("/f", O_RDWR);
  let before: i64 = 0;
  for (let round = 0; round < 13; round++) {
    // The first round makes what is kept.
    const order = (max(round, 1) - 1) % 6;
    const byCall = round > 6;
    const events: StaticArray<Inotify> = [instance(), instance(), instance()];
    const wds: StaticArray<i32> = [0, 0, 0];
    for (let i = 0; i < 3; i++) wds[i] = watch(events[i], "/f", IN_MODIFY);
    for (let i = 0; i < 3; i++) {
      expectEqual(watchesThere(), 3 - i, "so many are left");
      writeText(file, "x");
      for (let j = i; j < 3; j++) {
        expectModified(events[ORDERS[order * 3 + j]]);
      }
      const leaving = events[ORDERS[order * 3 + i]];
      if (byCall) {
        expectEqual(leaving.unwatch(wds[ORDERS[order * 3 + i]]), 0, "no more");
        expectEqual(read(leaving, ROOM), EVENT, "which is told");
        expectEqual(load<u32>(buffer, 4), IN_IGNORED, "as the watch's end");
        writeText(file, "x");
        expectEqual(read(leaving, ROOM), -EAGAIN, "and nothing after it");
        for (let j = i + 1; j < 3; j++) expectModified(events[ORDERS[order * 3 + j]]);
      }
      filePut(leaving);
    }
    expect(!isAnyWatched(), "none is left");
    free(events);
    free(wds);
    if (round == 0) before = <i64>heapBytesInUse();
    const lost: i64 = <i64>heapBytesInUse() - before;
    expectEqual(lost, 0, "all is given back");
  }
  filePut(file);
});

test("inotify: events that nobody has read go with their instance", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  const file = opened("/f", O_RDWR);
  let before: i64 = 0;
  for (let round = 0; round < 4; round++) {
    const events = instance();
    watch(events, "/f", IN_MODIFY | IN_ACCESS);
    for (let i = 0; i < 10; i++) {
      writeText(file, "x");
      readAt(file, 0, buffer, 1);
    }
    filePut(events);
    if (round == 0) before = <i64>heapBytesInUse();
    const lost: i64 = <i64>heapBytesInUse() - before;
    expectEqual(lost, 0, "all is given back");
  }
  filePut(file);
});
