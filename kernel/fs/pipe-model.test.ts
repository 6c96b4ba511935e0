import { addressOf } from "../arch/hw";
import { EAGAIN, EBADF, EBUSY, EPERM, EPIPE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory, freePageCount } from "../mem/page-allocator";
import { heapBytesInUse } from "../runtime/heap";
import {
  filePut,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "./file";
import { IoVector } from "./io-vector";
import {
  PIPE_BUF,
  Pipe,
  pipeCapacity,
  pipeCapacityMax,
  pipeCreate,
  pipeSetCapacity,
  setPipeCapacityMax,
} from "./pipe";
import { Recorder } from "./testing";

// A pipe under random calls, against a model of it: its capacity, and the bytes in it. What pipe(7)
// and fcntl(2) say of room, atomic writes, readiness and capacities holds after each call.

const BUFFER_BYTES: u32 = 300000;
const buffer: usize = memory.data(300000, 8);
const READABLE: u32 = POLLIN | POLLRDNORM;
const WRITABLE: u32 = POLLOUT | POLLWRNORM;
const CAPACITY_MAX: u32 = 1 << 18;
const io = new IoVector();

let capacity: u32 = 65536;
/** Bytes ever written and read: byte i of the stream is `streamByte(i)`. */
let written: u32 = 0;
let taken: u32 = 0;
let seed: u32 = 11;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

const atReader = new Recorder();
const atWriter = new Recorder();

function used(): u32 {
  return written - taken;
}

function room(): u32 {
  return capacity - used();
}

function streamByte(at: u32): u8 {
  return <u8>(at * 7 + (at >> 8) * 3);
}

/** So many bytes as make a difference: few, about PIPE_BUF, about what there is of them. */
function amount(there: u32): u32 {
  const kind = random(6);
  if (kind == 0) return random(10);
  if (kind == 1) return PIPE_BUF - 2 + random(5);
  if (kind == 2) return max(there, 2) - 2 + random(5);
  // Leaves about as much room as an atomic write takes.
  if (kind == 3) return max(there, PIPE_BUF + 2) - PIPE_BUF - 2 + random(5);
  return kind == 4 ? random(20000) : random(BUFFER_BYTES);
}

function expectTold(recorder: Recorder, times: i32, mask: u32, message: string): void {
  expectEqual(recorder.count, times, message);
  if (times != 0) expectEqual(recorder.mask, mask, message);
  recorder.count = 0;
  recorder.mask = 0;
}

function write(pipe: Pipe): void {
  const n = amount(room());
  for (let i: u32 = 0; i < n; i++) store<u8>(buffer + i, streamByte(written + i));
  io.setKernel(addressOf(buffer), n);
  const done = pipe.writer!.write(io);
  const fits = min(n, room());
  if (n == 0) expectEqual(done, 0, "nothing to write");
  else if (fits == 0 || (n <= PIPE_BUF && fits < n)) expectEqual(done, -EAGAIN, "no room");
  else expectEqual(done, fits, "what there is room for");
  expectEqual(io.remaining, n - <u32>max(done, 0), "the rest is still to be written");
  expect(done <= 0 || atReader.count > 0, "the reader is told");
  expectTold(atReader, atReader.count, READABLE, "of bytes");
  expectTold(atWriter, 0, 0, "the writer need not be");
  if (done > 0) written += <u32>done;
}

function read(pipe: Pipe): void {
  const n = amount(used());
  io.setKernel(addressOf(buffer), n);
  const done = pipe.reader!.read(io);
  const there = min(n, used());
  expectEqual(done, n == 0 ? 0 : there == 0 ? -EAGAIN : there, "what there is");
  for (let i: u32 = 0; <i64>i < done; i++) {
    if (load<u8>(buffer + i) != streamByte(taken + i)) expectEqual(taken + i, -1, "a byte");
  }
  const hadRoom = room() >= PIPE_BUF;
  if (done > 0) taken += <u32>done;
  const hasRoom = room() >= PIPE_BUF;
  expectTold(atWriter, !hadRoom && hasRoom ? 1 : 0, WRITABLE, "told of room when it comes");
  expectTold(atReader, 0, 0, "the reader need not be");
}

function resize(pipe: Pipe): void {
  const wanted = random(3) == 0 ? max(used(), 1) - 1 + random(3) : random(CAPACITY_MAX * 2);
  let size: u32 = 4096;
  while (size < wanted && size < 1 << 31) size <<= 1;
  const end = random(2) == 0 ? pipe.reader! : pipe.writer!;
  const result = pipeSetCapacity(end, wanted);
  if (size > capacity && size > CAPACITY_MAX) expectEqual(result, -EPERM, "beyond the limit");
  else if (size < used()) expectEqual(result, -EBUSY, "more is in it");
  else {
    expectEqual(result, size, "rounded up");
    capacity = size;
  }
}

function check(pipe: Pipe): void {
  expectEqual(pipe.reader!.poll(), used() > 0 ? READABLE : 0, "readable");
  expectEqual(pipe.writer!.poll(), room() >= PIPE_BUF ? WRITABLE : 0, "writable");
  expectEqual(pipeCapacity(pipe.reader!), capacity, "F_GETPIPE_SZ");
  expectEqual(pipeCapacity(pipe.writer!), capacity, "of both ends");
  expectEqual(pipe.used(), used(), "bytes in it");
  expect(pipe.used() <= pipe.mask + 1 && pipe.mask + 1 <= capacity, "a ring that holds them");
}

function makePipe(): Pipe {
  addMemory(0x100000, 0x1000000);
  setPipeCapacityMax(CAPACITY_MAX);
  const pipe = pipeCreate(O_NONBLOCK)!;
  pipe.reader!.addObserver(atReader);
  pipe.writer!.addObserver(atWriter);
  return pipe;
}

test("pipe: random writes, reads and capacities are what a model says", () => {
  const pipe = makePipe();
  for (let round = 0; round < 3000; round++) {
    const kind = random(20);
    if (kind == 0) resize(pipe);
    else if (kind < 11) write(pipe);
    else read(pipe);
    check(pipe);
  }
  expect(written > 5000000, "a lot went through");
});

test("pipe: an end that closes is told to the other one", () => {
  const pipe = makePipe();
  io.setKernel(addressOf(buffer), 5);
  pipe.writer!.write(io);
  expectTold(atReader, 1, READABLE, "bytes");
  filePut(pipe.writer!);
  expectTold(atReader, 1, POLLHUP | READABLE, "the end");
  expectEqual(pipe.reader!.poll(), POLLHUP | READABLE, "with bytes before it");
  io.setKernel(addressOf(buffer), 9);
  expectEqual(pipe.reader!.read(io), 5, "which can be read");
  expectEqual(pipe.reader!.poll(), POLLHUP, "nothing but the end");
  expectEqual(pipe.reader!.read(io), 0, "and then there is none");
  const other = pipeCreate(O_NONBLOCK)!;
  other.writer!.addObserver(atWriter);
  filePut(other.reader!);
  expectTold(atWriter, 1, POLLERR | WRITABLE, "nobody reads any more");
  expectEqual(other.writer!.poll(), POLLERR | WRITABLE, "a write would not wait");
  io.setKernel(addressOf(buffer), 0);
  expectEqual(other.writer!.write(io), 0, "of nothing");
  io.setKernel(addressOf(buffer), 5);
  expectEqual(other.writer!.write(io), -EPIPE, "and is an error");
});

test("pipe: each end does its part alone, and has the flags that were asked for", () => {
  const pipe = makePipe();
  io.setKernel(addressOf(buffer), 5);
  expectEqual(pipe.reader!.write(io), -EBADF, "the reading end");
  expectEqual(pipe.writer!.read(io), -EBADF, "the writing end");
  expectEqual(pipe.reader!.flags, O_RDONLY | O_NONBLOCK, "F_GETFL");
  expectEqual(pipe.writer!.flags, O_WRONLY | O_NONBLOCK, "F_GETFL");
  expectEqual(pipe.reader!.references, 1, "one reference");
  expectEqual(pipe.writer!.references, 1, "one reference");
  const other = pipeCreate(0)!;
  expect(other.inode != pipe.inode, "st_ino");
  expectEqual(other.reader!.flags, O_RDONLY, "without a flag");
});

test("pipe: the largest capacity is a power of two of pages", () => {
  addMemory(0x100000, 0x1000000);
  const wanted: StaticArray<u32> = [0, 1, 4096, 4097, 65536, 65537, 1000000];
  const limits: StaticArray<u32> = [4096, 4096, 4096, 8192, 65536, 131072, 1 << 20];
  for (let i = 0; i < wanted.length; i++) {
    setPipeCapacityMax(wanted[i]);
    expectEqual(pipeCapacityMax(), limits[i], "rounded up");
  }
  setPipeCapacityMax(65536);
  const pipe = pipeCreate(0)!;
  expectEqual(pipeSetCapacity(pipe.reader!, 65537), -EPERM, "above the limit");
  expectEqual(pipeSetCapacity(pipe.reader!, 65537, true), 131072, "with privilege");
  expectEqual(pipeSetCapacity(pipe.reader!, 65537), 131072, "what it is already");
  expectEqual(pipeSetCapacity(pipe.reader!, 0x80000001, true), -22, "no number for it");
  expectEqual(pipeSetCapacity(pipe.reader!, 0x80000000), -EPERM, "more than there can be");
});

test("pipe: a ring beyond the limit is made at once, others when they are needed", () => {
  addMemory(0x100000, 0x1000000);
  setPipeCapacityMax(65536);
  const pipe = pipeCreate(O_NONBLOCK)!;
  expectEqual(pipe.mask + 1, 4096, "a page at first");
  expectEqual(pipeSetCapacity(pipe.reader!, 32768), 32768, "within the limit");
  expectEqual(pipe.mask + 1, 4096, "still a page");
  expectEqual(pipeSetCapacity(pipe.reader!, 131072, true), 131072, "beyond it");
  expectEqual(pipe.mask + 1, 131072, "there is such a ring");
  const ring = pipe.ring;
  const pages = freePageCount();
  expectEqual(pipeSetCapacity(pipe.writer!, 131072, true), 131072, "the same again");
  expect(pipe.ring == ring, "is the same ring");
  expectEqual(freePageCount(), pages, "and takes nothing");
  expectEqual(pipeSetCapacity(pipe.writer!, 4096), 4096, "small again");
  expectEqual(pipe.mask + 1, 4096, "a page");
  expectEqual(freePageCount(), pages + 31, "the others are free");
});

test("pipe: its memory is given back, whichever end goes last", () => {
  addMemory(0x100000, 0x1000000);
  let bytes: i64 = 0;
  let pages: i64 = 0;
  for (let round = 0; round < 8; round++) {
    const pipe = pipeCreate(O_NONBLOCK)!;
    io.setKernel(addressOf(buffer), 60000);
    expectEqual(pipe.writer!.write(io), 60000, "it grows");
    const first = (round & 1) == 0 ? pipe.reader! : pipe.writer!;
    const second = (round & 1) == 0 ? pipe.writer! : pipe.reader!;
    filePut(first);
    filePut(second);
    if (round == 3) {
      bytes = <i64>heapBytesInUse();
      pages = <i64>freePageCount();
    }
  }
  expectEqual(<i64>freePageCount(), pages, "its ring");
  expectEqual(<i64>heapBytesInUse(), bytes, "and all objects");
});
