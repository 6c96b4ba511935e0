import { addressOf } from "../arch/hw";
import { EAGAIN, EBADF, EINVAL, ENXIO, EPIPE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { expectUndone } from "../runtime/testing";
import { setNodeOpener } from "./device-node";
import { fifoOpen } from "./fifo";
import {
  File,
  filePut,
  O_ACCMODE,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "./file";
import { isError } from "./inode";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import { S_IFIFO } from "./stat";
import { open, Recorder, testTmpfsRoot, walkTo } from "./testing";
import { vfsMakeNode } from "./vfs";

const READABLE: u32 = POLLIN | POLLRDNORM;
const WRITABLE: u32 = POLLOUT | POLLWRNORM;
const CAPACITY: u32 = 65536;
const buffer: usize = memory.data(65536, 8);
const io = new IoVector();

function makeFifo(): void {
  testTmpfsRoot();
  setNodeOpener(fifoOpen);
  const walk = walkTo("/fifo");
  expectEqual(vfsMakeNode(walk, rootDirectory(), S_IFIFO | 0o600, 0), 0, "made");
  walkPut(walk);
}

function openNow(flags: u32): File {
  const file = open("/fifo", flags | O_NONBLOCK);
  expect(!isError(file), "opened");
  return changetype<File>(file);
}

function write(file: File, byte: u32, n: u64): i64 {
  memory.fill(buffer, <u8>byte, <usize>n);
  io.setKernel(addressOf(buffer), n);
  return file.write(io);
}

function read(file: File, n: u64): i64 {
  io.setKernel(addressOf(buffer), n);
  return file.read(io);
}

test("fifo: who does not wait may read before there is a writer, but not write", () => {
  makeFifo();
  expectEqual(<i32>open("/fifo", O_WRONLY | O_NONBLOCK), -ENXIO, "nobody reads");
  expectEqual(<i32>open("/fifo", O_ACCMODE | O_NONBLOCK), -EBADF, "neither of the two");
  const reader = openNow(O_RDONLY);
  expectEqual(reader.poll(), 0, "no end is told before there was a writer");
  expectEqual(read(reader, 1), 0, "but there is nothing");
  const writer = openNow(O_WRONLY);
  expectEqual(read(reader, 1), -EAGAIN, "something may come");
  expectEqual(writer.poll(), WRITABLE, "it can be written");
  expectEqual(write(writer, 7, 3), 3, "written");
  expectEqual(reader.poll(), READABLE, "it can be read");
  filePut(writer);
  expectEqual(reader.poll(), READABLE | POLLHUP, "to the end");
  expectEqual(read(reader, 9), 3, "what was written");
  expectEqual(load<u8>(buffer + 2), 7, "is what is read");
  expectEqual(reader.poll(), POLLHUP, "nothing is left");
  expectEqual(read(reader, 1), 0, "the end");
  const again = openNow(O_WRONLY);
  expectEqual(reader.poll(), 0, "no longer the end");
  filePut(reader);
  expectEqual(again.poll() & POLLERR, POLLERR, "nobody is to read it");
  expectEqual(write(again, 1, 1), -EPIPE, "nor can it be written");
  filePut(again);
});

test("fifo: what nobody has read is gone with the last who has it open", () => {
  makeFifo();
  const both = openNow(O_RDWR);
  expectEqual(both.poll(), WRITABLE, "its own reader and writer");
  expectEqual(read(both, 1), -EAGAIN, "nothing yet");
  expectEqual(write(both, 1, 5), 5, "written");
  expectEqual(both.poll(), READABLE | WRITABLE, "both ways");
  const reader = openNow(O_RDONLY);
  filePut(both);
  expectEqual(read(reader, 2), 2, "others still have it open");
  filePut(reader);
  const fresh = openNow(O_RDONLY);
  expectEqual(read(fresh, 9), 0, "the rest is gone");
  filePut(fresh);
});

test("fifo: readers share what is written, and a side ends with its last file", () => {
  makeFifo();
  const one = openNow(O_RDONLY);
  const other = openNow(O_RDONLY);
  const writer = openNow(O_WRONLY);
  const second = openNow(O_WRONLY);
  expectEqual(write(writer, 1, 4), 4, "from one");
  expectEqual(write(second, 2, 4), 4, "and another");
  expectEqual(read(one, 6), 6, "read in the order they came");
  expectEqual(load<u8>(buffer + 3), 1, "the first");
  expectEqual(load<u8>(buffer + 4), 2, "the second");
  expectEqual(read(other, 6), 2, "the rest");
  filePut(writer);
  expectEqual(read(one, 1), -EAGAIN, "one writes still");
  filePut(one);
  expectEqual(write(second, 3, 1), 1, "one reads still");
  filePut(second);
  expectEqual(read(other, 9), 1, "it is there");
  expectEqual(read(other, 9), 0, "and then the end");
  filePut(other);
});

test("fifo: each file's observers are told of bytes, room and the end", () => {
  makeFifo();
  const reader = openNow(O_RDONLY);
  const writer = openNow(O_WRONLY);
  const atReader = new Recorder();
  const atWriter = new Recorder();
  reader.addObserver(atReader);
  writer.addObserver(atWriter);
  expectEqual(write(writer, 1, CAPACITY), CAPACITY, "all that it holds");
  expectEqual(atReader.mask & READABLE, READABLE, "bytes");
  expectEqual(writer.poll(), 0, "full");
  expectEqual(write(writer, 1, 1), -EAGAIN, "no room");
  expectEqual(atWriter.count, 0, "nothing to tell");
  expectEqual(read(reader, CAPACITY), CAPACITY, "emptied");
  expectEqual(atWriter.mask & WRITABLE, WRITABLE, "room");
  filePut(openNow(O_WRONLY));
  expectEqual(atReader.mask & POLLHUP, 0, "one writer is left");
  writer.removeObserver(atWriter);
  filePut(writer);
  expectEqual(atReader.mask & POLLHUP, POLLHUP, "none is");
  reader.removeObserver(atReader);
  filePut(reader);
});

test("fifo: it can't be synchronized", () => {
  makeFifo();
  const file = openNow(O_RDWR);
  expectEqual(file.sync(), -EINVAL, "as on Linux");
  filePut(file);
});

test("fifo: memory that is out while it is opened", () => {
  makeFifo();
  expectUndone((): bool => {
    const reader = open("/fifo", O_RDONLY | O_NONBLOCK);
    const writer = open("/fifo", O_WRONLY | O_NONBLOCK);
    const both = open("/fifo", O_RDWR | O_NONBLOCK);
    const done = !isError(reader) && !isError(writer) && !isError(both);
    if (done) {
      expectEqual(write(changetype<File>(writer), 9, 1), 1, "written");
      expectEqual(read(changetype<File>(reader), 1), 1, "read");
    }
    if (!isError(reader)) filePut(changetype<File>(reader));
    if (!isError(writer)) filePut(changetype<File>(writer));
    if (!isError(both)) filePut(changetype<File>(both));
    return done;
  });
});
