import { addressOf } from "../arch/hw";
import { EAGAIN, EBUSY } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory, freePageCount } from "../mem/page-allocator";
import { filePut, O_NONBLOCK, POLLERR, POLLHUP, POLLIN, POLLOUT } from "./file";
import { IoVector } from "./io-vector";
import { Pipe, pipeCapacity, pipeCreate, pipeSetCapacity } from "./pipe";
import { Recorder } from "./testing";

const BUFFER_SIZE: usize = 200000;
const buffer: usize = memory.data(200000, 8);

let written: u32 = 0;
let seen: u32 = 0;

function pipeForTest(): Pipe {
  addMemory(0x100000, 0x800000);
  return pipeCreate(O_NONBLOCK)!;
}

/** The byte at position `at` of the stream. */
function pattern(at: u32): u8 {
  return <u8>(at * 7 + (at >> 8));
}

function writeBytes(pipe: Pipe, n: u32): i64 {
  for (let i: u32 = 0; i < n; i++) store<u8>(buffer + i, pattern(written + i));
  const io = new IoVector();
  io.setKernel(addressOf(buffer), n);
  const done = pipe.writer!.write(io);
  if (done > 0) written += <u32>done;
  return done;
}

function readBytes(pipe: Pipe, n: u32): i64 {
  const io = new IoVector();
  io.setKernel(addressOf(buffer), n);
  const done = pipe.reader!.read(io);
  for (let i: u32 = 0; <i64>i < done; i++) {
    expectEqual(load<u8>(buffer + i), pattern(seen + i), "the byte that was written");
  }
  if (done > 0) seen += <u32>done;
  return done;
}

test("pipe: bytes come out as they went in, through growth and wrapping", () => {
  const pipe = pipeForTest();
  expectEqual(readBytes(pipe, 10), -EAGAIN, "empty");
  expectEqual(writeBytes(pipe, 3000), 3000, "one page");
  expectEqual(readBytes(pipe, 2000), 2000, "part of it");
  expectEqual(writeBytes(pipe, 3000), 3000, "wraps");
  expectEqual(writeBytes(pipe, 30000), 30000, "grows");
  for (let i = 0; i < 300; i++) {
    writeBytes(pipe, 1 + <u32>((i * 977) % 9000));
    readBytes(pipe, 1 + <u32>((i * 1511) % 9500));
  }
  while (readBytes(pipe, 5000) > 0) {}
  expectEqual(seen, written, "all of it");
});

test("pipe: small writes are all or nothing, large ones take what fits", () => {
  const pipe = pipeForTest();
  expectEqual(writeBytes(pipe, 100000), 65536, "up to the capacity");
  expectEqual(writeBytes(pipe, 1), -EAGAIN, "full");
  expectEqual(pipe.writer!.poll() & POLLOUT, 0, "not writable");
  expectEqual(readBytes(pipe, 100), 100, "some room");
  expectEqual(writeBytes(pipe, 101), -EAGAIN, "not all fits");
  expectEqual(writeBytes(pipe, 5000), 100, "a large write is not atomic");
  expectEqual(readBytes(pipe, 4096), 4096, "room for PIPE_BUF");
  expect((pipe.writer!.poll() & POLLOUT) != 0, "writable");
});

test("pipe: readiness is told when it comes, the end of the other side too", () => {
  const pipe = pipeForTest();
  const reader = pipe.reader!;
  const atReader = new Recorder();
  const atWriter = new Recorder();
  reader.addObserver(atReader);
  pipe.writer!.addObserver(atWriter);
  writeBytes(pipe, 1);
  writeBytes(pipe, 65535);
  expectEqual(atReader.count, 2, "each write");
  readBytes(pipe, 4095);
  expectEqual(atWriter.count, 0, "not enough room");
  readBytes(pipe, 1);
  expectEqual(atWriter.mask & POLLOUT, POLLOUT, "room for PIPE_BUF");
  filePut(pipe.writer!);
  expect((atReader.mask & POLLHUP) != 0, "hung up");
  expectEqual(reader.poll() & (POLLHUP | POLLIN), POLLHUP | POLLIN, "bytes are left");
  while (readBytes(pipe, 50000) > 0) {}
  expectEqual(readBytes(pipe, 1), 0, "the end");
  const free = freePageCount();
  filePut(reader);
  expect(freePageCount() > free, "the ring's memory is back");
});

test("pipe: a writer without reader", () => {
  const pipe = pipeForTest();
  filePut(pipe.reader!);
  expect((pipe.writer!.poll() & POLLERR) != 0, "an error is ready");
  expectEqual(writeBytes(pipe, 1), -32, "broken pipe");
});

test("pipe: the capacity can be set", () => {
  const pipe = pipeForTest();
  expectEqual(pipeCapacity(pipe.reader!), 65536, "default");
  expectEqual(pipeSetCapacity(pipe.writer!, 5000), 8192, "rounded up");
  expectEqual(writeBytes(pipe, 10000), 8192, "holds");
  expectEqual(pipeSetCapacity(pipe.writer!, 4096), -EBUSY, "more is inside");
  expectEqual(readBytes(pipe, 6000), 6000, "leaves 2192");
  expectEqual(pipeSetCapacity(pipe.writer!, 4096), 4096, "shrinks");
  expectEqual(readBytes(pipe, <u32>BUFFER_SIZE), 2192, "the rest");
});
