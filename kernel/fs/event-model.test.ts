import { addressOf } from "../arch/hw";
import { EAGAIN, EEXIST, EINVAL, ENOENT } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import { EPOLLET, Epoll } from "./epoll";
import { EFD_SEMAPHORE, EventFile } from "./event-file";
import { filePut, O_NONBLOCK, O_RDWR, POLLERR, POLLIN, POLLOUT } from "./file";
import { IoVector } from "./io-vector";
import { Stat } from "./stat";
import { Recorder } from "./testing";

// eventfd(2) under random calls against a model, which is a number; and the table of an epoll set,
// which grows with the descriptors.

const LIMIT: u64 = u64.MAX_VALUE;
const bytes: usize = memory.data(64, 8);
const io = new IoVector();
let seed: u32 = 23;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

const told = new Recorder();

function expectTold(mask: u32, message: string): void {
  expectEqual(told.mask, mask, message);
  expectEqual(told.count, mask == 0 ? 0 : 1, message);
  told.mask = 0;
  told.count = 0;
}

function write(file: EventFile, value: u64, n: u64): i64 {
  store<u64>(bytes, value);
  io.setKernel(addressOf(bytes), n);
  return file.write(io);
}

function read(file: EventFile, n: u64): i64 {
  io.setKernel(addressOf(bytes), n);
  return file.read(io);
}

/** A number such as makes a difference to a counter. */
function number(counter: u64): u64 {
  const kind = random(5);
  if (kind == 0) return random(3);
  if (kind == 1) return LIMIT - <u64>random(3);
  if (kind == 2) return LIMIT - counter - 2 + <u64>random(4);
  return (<u64>random(1 << 24)) << random(40);
}

function checkEvents(semaphore: bool): void {
  const file = new EventFile(5, O_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0));
  file.addObserver(told);
  let counter: u64 = 5;
  for (let round = 0; round < 3000; round++) {
    const kind = random(8);
    if (kind < 4) {
      const value = number(counter);
      const result = write(file, value, 8 + random(9));
      if (value == LIMIT) expectEqual(result, -EINVAL, "no number to add");
      else if (value >= LIMIT - counter) expectEqual(result, -EAGAIN, "no room for it");
      else {
        expectEqual(result, 8, "added");
        counter += value;
      }
      expectTold(result == 8 && value != 0 ? POLLIN : 0, "who waits to read");
    } else if (kind < 7) {
      const result = read(file, 8 + random(9));
      const wanted: u64 = semaphore && counter != 0 ? 1 : counter;
      expectEqual(result, counter == 0 ? -EAGAIN : 8, "taken, if there is something");
      if (result == 8) expectEqual(load<u64>(bytes), wanted, "so much");
      counter -= wanted;
      expectTold(result == 8 ? POLLOUT : 0, "who waits to write");
    } else {
      const n = random(8);
      expectEqual(read(file, n), -EINVAL, "less than a number");
      expectEqual(write(file, 1, n), -EINVAL, "less than a number");
      expectTold(0, "nobody");
    }
    const room: u32 = counter < LIMIT - 1 ? POLLOUT : 0;
    expectEqual(file.poll(), (counter != 0 ? POLLIN : 0) | room, "readiness");
    // So that it is neither always empty nor always full.
    if (random(50) == 0 && read(file, 8) == 8) counter = semaphore ? counter - 1 : 0;
    told.mask = 0;
    told.count = 0;
  }
  filePut(file);
}

test("eventfd: random reads and writes are what a model of a number says", () => {
  checkEvents(false);
});

test("eventfd: the same as a semaphore", () => {
  checkEvents(true);
});

test("eventfd: the kernel's own signals stop at the end of the counter", () => {
  const file = new EventFile(0, O_NONBLOCK);
  file.addObserver(told);
  file.signal();
  expectTold(POLLIN, "told");
  expectEqual(file.poll(), POLLIN | POLLOUT, "one");
  write(file, LIMIT - 2, 8);
  expectTold(POLLIN, "told");
  expectEqual(file.poll(), POLLIN, "as large as a write makes it");
  for (let i = 0; i < 3; i++) file.signal();
  expectEqual(file.poll(), POLLIN | POLLERR, "as large as there is");
  expectEqual(read(file, 8), 8, "read");
  expectEqual(load<u64>(bytes), LIMIT, "and no larger");
  expectEqual(file.flags, O_RDWR | O_NONBLOCK, "F_GETFL");
  const stat = new Stat();
  expectEqual(file.stat(stat), 0, "fstat");
  expectEqual(stat.mode, 0o600, "st_mode");
});

test("epoll: its table grows with the descriptors, and goes with the set", () => {
  const files = new StaticArray<EventFile | null>(40);
  for (let i = 0; i < 40; i++) files[i] = new EventFile(1, O_NONBLOCK);
  for (let round = 0; round < 3; round++) {
    const before = heapBytesInUse();
    const epoll = new Epoll();
    // 0, 1, 2, 5, 10 … and back: around each size of the table.
    for (let i = 0; i < 40; i++) {
      const fd = (i * i * i) / 3 + (i % 3);
      const file = files[i]!;
      expectEqual(epoll.add(file, fd, POLLIN | (i % 2 == 0 ? EPOLLET : 0), fd), 0, "added");
      expectEqual(epoll.add(file, fd, POLLIN, fd), -EEXIST, "once");
      expectEqual(epoll.modify(file, fd + 1, POLLIN, 0), -ENOENT, "no other descriptor");
      const small = heapBytesInUse();
      expectEqual(epoll.remove(file, fd), 0, "removed");
      expectEqual(epoll.remove(file, fd), -ENOENT, "once");
      expectEqual(epoll.add(file, fd, POLLIN, fd), 0, "added again");
      expectEqual(heapBytesInUse(), small, "in the same place");
    }
    for (let i = 0; i < 40; i++) {
      const fd = (i * i * i) / 3 + (i % 3);
      if (i % 4 == round) expectEqual(epoll.remove(files[i]!, fd), 0, "still there");
    }
    filePut(epoll);
    const lost: i64 = <i64>heapBytesInUse() - before;
    expectEqual(lost, 0, "all is given back");
    for (let i = 0; i < 40; i++) expect(!files[i]!.hasObservers(), "and nobody watches any more");
  }
});

test("epoll: a larger table is made when a descriptor needs it, and not before", () => {
  const epoll = new Epoll();
  const file = new EventFile(0, O_NONBLOCK);
  epoll.add(file, 0, POLLIN, 0);
  const before = heapBytesInUse();
  epoll.remove(file, 0);
  for (let fd = 0; fd < 64; fd++) {
    epoll.add(file, fd, POLLIN, 0);
    expectEqual(heapBytesInUse(), before, "one item, one table");
    epoll.remove(file, fd);
  }
  epoll.add(file, 64, POLLIN, 0);
  expect(heapBytesInUse() > before, "a larger one");
});
