/** Bytes on their way from a file through two pipes to another file, against a model of each. */
import { addressOf } from "../arch/hw";
import { EAGAIN, EPIPE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { currentThread } from "../sched/thread";
import { File, filePut, O_CREAT, O_NONBLOCK, O_RDWR } from "./file";
import { IoVector } from "./io-vector";
import { Pipe, pipeCreate } from "./pipe";
import { fillPipe, spliceFromPipe, splicePipes, spliceToPipe, teePipes } from "./pipe-splice";
import { opened, readAt, testTmpfsRoot } from "./testing";

const CAPACITY: u32 = 65536;
const FILE_BYTES: u32 = 100000;
const buffer: usize = memory.data(100000, 8);
const io = new IoVector();
let seed: u32 = 1;

/** What a pipe holds: the bytes in their order. */
class Model {
  bytes: StaticArray<u8> = new StaticArray<u8>(<i32>CAPACITY);
  count: u32 = 0;

  add(byte: u8): void {
    this.bytes[this.count++] = byte;
  }

  drop(n: u32): void {
    this.count -= n;
    const start = changetype<usize>(this.bytes);
    memory.copy(start, start + n, this.count);
  }
}

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

function length(): u32 {
  return 1 + (random(2) == 0 ? random(5000) : random(CAPACITY));
}

/** The byte at a place of the file that is read. */
function content(at: u32): u8 {
  return <u8>(at * 7 + (at >> 8));
}

function makePipe(): Pipe {
  return pipeCreate(O_NONBLOCK)!;
}

function source(): File {
  currentThread().io = io;
  const file = opened("/source", O_CREAT | O_RDWR);
  for (let i: u32 = 0; i < FILE_BYTES; i++) store<u8>(buffer + i, content(i));
  io.setKernel(addressOf(buffer), FILE_BYTES);
  expectEqual(file.writeAt(io, 0), FILE_BYTES, "a file");
  return file;
}

function fromFile(file: File, pipe: Pipe, model: Model): void {
  const at = random(FILE_BYTES + 1000);
  const n = length();
  const moved = spliceToPipe(file, at, pipe, n, O_NONBLOCK);
  const room = CAPACITY - model.count;
  if (room == 0) {
    expectEqual(moved, -EAGAIN, "no room");
    return;
  }
  const there = at < FILE_BYTES ? FILE_BYTES - at : 0;
  expect(moved <= <i64>min(min(n, room), there), "no more than there is, fits and was asked for");
  expectEqual(moved > 0, there > 0, "something, where there is something");
  for (let i: u32 = 0; <i64>i < moved; i++) model.add(content(at + i));
}

function between(from: Pipe, fromModel: Model, to: Pipe, toModel: Model): void {
  const n = length();
  const keeps = random(2) == 0;
  const moved = keeps ? teePipes(from, to, n, O_NONBLOCK) : splicePipes(from, to, n, O_NONBLOCK);
  const fits = min(min(n, fromModel.count), CAPACITY - toModel.count);
  expectEqual(moved, fits == 0 ? -EAGAIN : fits, "all that fits");
  if (moved <= 0) return;
  for (let i: u32 = 0; i < fits; i++) toModel.add(fromModel.bytes[i]);
  if (!keeps) fromModel.drop(fits);
}

function write(pipe: Pipe, model: Model): void {
  const n = length();
  for (let i: u32 = 0; i < n; i++) store<u8>(buffer + i, <u8>random(256));
  io.setKernel(addressOf(buffer), n);
  const done = fillPipe(pipe, io, O_NONBLOCK);
  const fits = min(n, CAPACITY - model.count);
  expectEqual(done, fits == 0 ? -EAGAIN : fits, "as much as fits is taken");
  for (let i: u32 = 0; i < fits; i++) model.add(load<u8>(buffer + i));
}

/** To the file, at an offset or where that is. */
function toFile(pipe: Pipe, model: Model, file: File): void {
  const n = length();
  const position = file.seek(0, 1);
  const isPlaced = random(2) == 0;
  const at: i64 = isPlaced ? random(10000) : position;
  const moved = spliceFromPipe(pipe, file, isPlaced ? at : -1, n, O_NONBLOCK);
  const there = min(n, model.count);
  expectEqual(moved, there == 0 ? -EAGAIN : there, "all that there is");
  if (there == 0) return;
  expectEqual(readAt(file, at, buffer, there), there, "it is in the file");
  for (let i: u32 = 0; i < there; i++) {
    if (load<u8>(buffer + i) != model.bytes[i]) expectEqual(i, -1, "a byte is another");
  }
  const end = isPlaced ? position : position + there;
  expectEqual(file.seek(0, 1), end, "its position");
  model.drop(there);
}

test("splice: random moves between files and pipes are what a model of bytes says", () => {
  testTmpfsRoot();
  const file = source();
  const target = opened("/target", O_CREAT | O_RDWR);
  const one = makePipe();
  const other = makePipe();
  const first = new Model();
  const second = new Model();
  for (let round = 0; round < 1000; round++) {
    const kind = random(5);
    if (kind == 0) fromFile(file, one, first);
    else if (kind == 1) write(one, first);
    else if (kind <= 3) between(one, first, other, second);
    else toFile(other, second, target);
    expectEqual(one.used(), first.count, "what the first holds");
    expectEqual(other.used(), second.count, "what the second holds");
    expect(!one.lockHeld && !other.lockHeld, "others may use them");
    if (target.seek(0, 1) > 1 << 21) target.truncate(0);
  }
});

test("splice: the ends of pipes", () => {
  testTmpfsRoot();
  const file = source();
  const one = makePipe();
  const other = makePipe();
  expectEqual(spliceToPipe(file, 0, one, 10, O_NONBLOCK), 10, "ten bytes");
  filePut(one.writer!);
  filePut(other.reader!);
  expectEqual(splicePipes(one, other, 5, O_NONBLOCK), -EPIPE, "nobody is to read them");
  expectEqual(teePipes(one, other, 5, O_NONBLOCK), -EPIPE, "nor a copy");
  expectEqual(spliceToPipe(file, 0, other, 5, O_NONBLOCK), -EPIPE, "nor a file's");
  io.setKernel(addressOf(buffer), 5);
  expectEqual(fillPipe(other, io, O_NONBLOCK), -EPIPE, "nor the program's");
  expectEqual(one.used(), 10, "they are still there");
  expectEqual(spliceFromPipe(one, file, 0, 20, 0), 10, "what nobody adds to is not waited for");
  expectEqual(spliceFromPipe(one, file, 0, 20, 0), 0, "the end");
  const third = makePipe();
  expectEqual(splicePipes(one, third, 5, 0), 0, "for a pipe, too");
  expectEqual(teePipes(one, third, 5, 0), 0, "and a copy");
});
