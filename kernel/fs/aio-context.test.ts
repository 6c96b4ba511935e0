import { addressOf, load32, store32 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory, directMap, freePageCount, pagePut } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { expectUndone } from "../runtime/testing";
import { AioContext, AioPoll, aioContextCreate, aioRequests } from "./aio-context";
import { EventFile } from "./event-file";
import { fileGet, filePut, O_NONBLOCK, POLLIN } from "./file";
import { IoVector } from "./io-vector";

const HEAD: u64 = 8;
const TAIL: u64 = 12;
const events: usize = memory.data(256, 8);
const one: usize = memory.data(8, 8);

function created(requests: u32): AioContext {
  addMemory(0x300000, 0x800000);
  return aioContextCreate(requests)!;
}

function ringOf(context: AioContext): u64 {
  const frame = context.peekPage(0);
  pagePut(frame);
  return directMap(frame);
}

function raise(file: EventFile): void {
  const io = new IoVector();
  store<u64>(one, 1);
  io.setKernel(addressOf(one), 8);
  expectEqual(file.write(io), 8, "written");
}

test("aio: each request that begins is sure of an entry", () => {
  const context = created(4);
  let begun = 0;
  while (context.begin()) begun++;
  expectEqual(begun, (4096 - 32) / 32 - 1, "all entries but one");
  context.abandon();
  expect(context.begin(), "one that came to nothing makes room");
  context.complete(1, 2, 3, null);
  expect(!context.begin(), "its event takes the entry");
  expectEqual(context.copyEvents(events, 8), 1, "which is there");
  expectEqual(load<u64>(events), 2, "data");
  expectEqual(load<u64>(events, 8), 1, "request");
  expectEqual(load<i64>(events, 16), 3, "result");
  expect(context.taken(context.position, 1), "taken out");
  expect(context.begin(), "and there is room again");
});

test("aio: of two that take the same events one has them", () => {
  const context = created(4);
  for (let i = 0; i < 3; i++) {
    context.begin();
    context.complete(0, i, 0, null);
  }
  const position = context.position;
  expectEqual(context.copyEvents(events, 2), 2, "as many as asked for");
  expect(context.taken(position, 2), "the first");
  expect(!context.taken(position, 2), "the second has to look again");
  expectEqual(context.available(), 1, "one is left");
  expectEqual(load32(ringOf(context) + HEAD), 2, "the head has moved");
  expectEqual(load32(ringOf(context) + TAIL), 3, "the tail is there");
});

test("aio: the head is what the program says, within the ring", () => {
  const context = created(200);
  const entries = (2 * 4096 - 32) / 32;
  for (let i = 0; i < entries - 1; i++) {
    expect(context.begin(), "room");
    context.complete(0, i, 0, null);
  }
  // The last entry of the first page, and the first of the second.
  store32(ringOf(context) + HEAD, 126);
  expectEqual(context.copyEvents(events, 2), 2, "two");
  expectEqual(load<u64>(events), 126, "of one page");
  expectEqual(load<u64>(events, 32), 127, "and of the next");
  store32(ringOf(context) + HEAD, u32.MAX_VALUE);
  expect(context.available() < <u32>entries, "a head that is none");
  expect(context.copyEvents(events, 8) <= 8, "does no harm");
  store32(ringOf(context) + TAIL, 7);
  store32(ringOf(context) + HEAD, entries - 2);
  expectEqual(context.available(), 1, "the tail is the kernel's");
});

test("aio: a file that is waited for is held until its event has been told", () => {
  const context = created(4);
  const file = new EventFile(0, O_NONBLOCK);
  const counter = new EventFile(0, O_NONBLOCK);
  context.begin();
  fileGet(file);
  fileGet(counter);
  context.poll(new AioPoll(context, file, counter, 11, 12, POLLIN));
  expectEqual(context.available(), 0, "not ready");
  expectEqual(file.references, 2, "held");
  expect(!context.cancel(99), "no such request");
  raise(file);
  expectEqual(context.copyEvents(events, 8), 1, "ready");
  expectEqual(load<u64>(events, 8), 11, "the request");
  expectEqual(load<i64>(events, 16), POLLIN, "what is ready");
  expect((counter.poll() & POLLIN) != 0, "and counted");
  expect(!file.hasObservers(), "watched no more");
  context.settle();
  expectEqual(file.references, 1, "given back");
  expectEqual(counter.references, 1, "both");
  raise(file);
  expectEqual(context.available(), 1, "told once");
});

test("aio: what ends gives all back, and drops what is pending", () => {
  addMemory(0x300000, 0x800000);
  const pages = freePageCount();
  const context = aioContextCreate(1000)!;
  expectEqual(aioRequests(), 1000, "counted");
  const file = new EventFile(0, O_NONBLOCK);
  for (let i = 0; i < 3; i++) {
    context.begin();
    fileGet(file);
    context.poll(new AioPoll(context, file, null, i, 0, POLLIN));
  }
  expect(context.cancel(1), "the one in the middle");
  expectEqual(context.available(), 1, "has its event");
  context.kill();
  expect(context.isDead && !file.hasObservers(), "no more");
  context.put();
  expectEqual(file.references, 1, "the file is free");
  expectEqual(aioRequests(), 0, "counted no more");
  expectEqual(freePageCount(), pages, "no page is lost");
  filePut(file);
});

test("aio: without memory there is no context", () => {
  addMemory(0x300000, 0x800000);
  expectUndone((): bool => {
    const context = aioContextCreate(300);
    expectEqual(aioRequests(), context ? 300 : 0, "counted");
    if (!context) return false;
    const file = attempt(new EventFile(0, O_NONBLOCK));
    if (file) fileGet(file);
    const poll = file ? attempt(new AioPoll(context, file, null, 0, 0, POLLIN)) : null;
    if (poll && context.begin()) context.poll(poll);
    else if (file) filePut(file);
    if (file) filePut(file);
    context.put();
    return poll != null;
  });
});

test("aio: a ring has as many pages as its requests and one more event need", () => {
  addMemory(0x300000, 0x800000);
  // 32 bytes of header and 32 for each event: 127 events in the first page, 128 in each other.
  const requests: StaticArray<u32> = [1, 125, 126, 127, 253, 254, 255, 1000];
  const pages: StaticArray<u32> = [1, 1, 1, 2, 2, 2, 3, 8];
  for (let i = 0; i < requests.length; i++) {
    const free = freePageCount();
    const context = aioContextCreate(requests[i])!;
    expectEqual(free - freePageCount(), pages[i], "pages for " + requests[i].toString());
    expectEqual(load32(ringOf(context) + 4), pages[i] * 128 - 1, "events that it has room for");
    expectEqual(aioRequests(), requests[i], "requests, counted");
    context.kill();
    context.put();
    expectEqual(freePageCount(), free, "given back");
  }
});
