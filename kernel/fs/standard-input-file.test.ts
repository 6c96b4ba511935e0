import { addressOf, load32 } from "../arch/hw";
import { EAGAIN, EBADF, EFAULT, EINTR, ENOTTY } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapObjectsInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { filePut, O_NONBLOCK, POLLHUP, POLLIN, POLLRDNORM } from "./file";
import { fsInit } from "./init";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { StandardInputFile } from "./standard-input-file";
import { FIXTURE_ADDRESS, Recorder, TestInput, testMemory } from "./testing";

const FIONREAD: u32 = 0x541b;
const TCGETS: u32 = 0x5401;
/** Where the application has nothing. */
const NOWHERE: u64 = 1 << 40;
const READABLE = POLLIN | POLLRDNORM;

const buffer: usize = memory.data(8192);
const io = new IoVector();
let port: TestInput = changetype<TestInput>(0);

function fileOf(flags: u32): StandardInputFile {
  const directory = rootDirectory();
  return new StandardInputFile(directory, directory.inode!, flags, port);
}

function boot(flags: u32 = 0): StandardInputFile {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
  port = new TestInput();
  return fileOf(flags);
}

/** What a read of n bytes gives, as a text. */
function read(file: StandardInputFile, n: u64): string {
  io.setKernel(addressOf(buffer), n);
  const done = file.read(io);
  expect(done >= 0, "no error");
  return String.UTF8.decodeUnsafe(buffer, <usize>done);
}

function readError(file: StandardInputFile, at: u64, n: u64): i64 {
  io.setKernel(at, n);
  return file.read(io);
}

test("standard input: bytes come in the sizes that are asked for", () => {
  const file = boot();
  port.say("hello, world");
  expect(read(file, 0) == "", "none");
  expectEqual(port.opens, 0, "the host need not send for that");
  expect(read(file, 1) == "h", "one");
  expectEqual(port.opens, 1, "now it does");
  expect(read(file, 6) == "ello, ", "some");
  expect(read(file, 100) == "world", "what there is");
  port.say("x".repeat(5000));
  expectEqual(read(file, 4500).length, 4500, "more than goes through at once");
  expectEqual(read(file, 4500).length, 500, "the rest");
  filePut(file);
});

test("standard input: with nothing there it waits, or says so", () => {
  const file = boot();
  expectEqual(readError(file, addressOf(buffer), 1), -EINTR, "a signal ended it");
  expectEqual(port.waits, 1, "it has waited");
  const other = fileOf(O_NONBLOCK);
  expectEqual(readError(other, addressOf(buffer), 1), -EAGAIN, "not this one");
  expectEqual(port.waits, 1, "which has not waited");
  port.say("a");
  expect(read(other, 1) == "a", "it has come");
  filePut(other);
  filePut(file);
});

test("standard input: the end comes behind what came before", () => {
  const file = boot();
  port.say("last");
  port.end();
  expectEqual(file.poll(), READABLE | POLLHUP, "both");
  expect(read(file, 3) == "las", "some");
  expectEqual(file.poll(), READABLE | POLLHUP, "both still");
  expect(read(file, 3) == "t", "the rest");
  expectEqual(file.poll(), POLLHUP, "the end alone");
  expect(read(file, 3) == "" && read(file, 3) == "", "is read as often as one likes");
  filePut(file);
});

test("standard input: observers of each open file are told", () => {
  const first = boot();
  const second = fileOf(O_NONBLOCK);
  const third = fileOf(O_NONBLOCK);
  const atFirst = new Recorder();
  const atThird = new Recorder();
  first.addObserver(atFirst);
  third.addObserver(atThird);
  expectEqual(first.poll(), 0, "nothing");
  port.say("a");
  expect(atFirst.count == 1 && atThird.count == 1, "once each");
  expect((atFirst.mask & READABLE) == READABLE, "that there is something to read");
  filePut(second);
  port.say("b");
  expect(atFirst.count == 2 && atThird.count == 2, "one between them is closed");
  third.removeObserver(atThird);
  filePut(third);
  port.say("c");
  expect(atFirst.count == 3 && atThird.count == 2, "the last one is");
  first.removeObserver(atFirst);
  filePut(first);
  port.say("d");
  expect(atFirst.count == 3, "nobody is told");
});

test("standard input: is not written, and no terminal", () => {
  const file = boot();
  io.setKernel(addressOf(buffer), 1);
  expectEqual(file.write(io), -EBADF, "written");
  port.say("abc");
  expectEqual(file.ioctl(FIONREAD, FIXTURE_ADDRESS), 0, "so many bytes");
  expectEqual(load32(FIXTURE_ADDRESS), 3, "three");
  expectEqual(file.ioctl(FIONREAD, NOWHERE), -EFAULT, "told nowhere");
  expectEqual(file.ioctl(TCGETS, FIXTURE_ADDRESS), -ENOTTY, "a terminal");
  filePut(file);
});

test("standard input: nothing stays behind a read, whatever comes of it", () => {
  const file = boot(O_NONBLOCK);
  port.say("abcdef");
  read(file, 1);
  const before = heapObjectsInUse();
  readError(file, addressOf(buffer), 2);
  readError(file, NOWHERE, 2);
  readError(file, addressOf(buffer), 20);
  readError(file, addressOf(buffer), 20);
  expectEqual(heapObjectsInUse(), before, "objects");
  filePut(file);
});

test("standard input: a read that can't be put anywhere says so", () => {
  const file = boot();
  port.say("abcdef");
  expectEqual(readError(file, NOWHERE, 2), -EFAULT, "nowhere");
  filePut(file);
});

test("standard input: memory is out", () => {
  boot();
  expectUndone((): bool => {
    const file = fileOf(0);
    port.say("ab");
    io.setKernel(addressOf(buffer), 2);
    const done = file.read(io);
    // What was not read is read with memory there.
    io.setKernel(addressOf(buffer), 8);
    if (done < 0) port.read(addressOf(buffer), 2);
    filePut(file);
    return done == 2;
  });
});
