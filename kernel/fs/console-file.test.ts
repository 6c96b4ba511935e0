import { addressOf, load32, store32 } from "../arch/hw";
import { consoleInputFrom } from "../dev/console";
import { OutputStream } from "../dev/output-stream";
import { EAGAIN, EBADF, EFAULT, EINTR, ENOTTY } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapObjectsInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { WORK_SIGNAL } from "../sched/cpu";
import { currentThread } from "../sched/thread";
import { ConsoleFile } from "./console-file";
import { filePut, O_NONBLOCK, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./file";
import { fsInit } from "./init";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { StandardOutputFile } from "./standard-output-file";
import { FIXTURE_ADDRESS, Recorder, TestInput, testMemory } from "./testing";

const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCGETA: u32 = 0x5405;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const FIONREAD: u32 = 0x541b;
/** TCSBRK, TCFLSH, TIOCSCTTY, TIOCSPGRP: taken, with nothing to do. */
const IDLE: StaticArray<u32> = [0x5409, 0x540b, 0x540e, 0x5410];
/** TIOCGPGRP, TIOCGSID. */
const GROUPS: StaticArray<u32> = [0x540f, 0x5429];
const IFLAG: u64 = 0;
const LFLAG: u64 = 12;
const ICRNL: u32 = 0x100;
const ICANON: u32 = 0x2;
/** Where the application has nothing. */
const NOWHERE: u64 = 1 << 40;
const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;

const buffer: usize = memory.data(8192);
const io = new IoVector();

/** Output that has room for so many writes and counts what comes. */
class TestOutput extends OutputStream {
  writes: i32 = 0;
  bytes: u64 = 0;
  room: i32 = i32.MAX_VALUE;
  waits: i32 = 0;
  /** What waiting for room gives. */
  waitResult: i32 = 0;
  tell: () => void = () => {};

  write(address: u64, n: u64): void {
    this.writes++;
    this.bytes += n;
    this.room--;
  }

  hasRoom(): bool {
    return this.room > 0;
  }

  waitRoom(): i32 {
    if (this.room > 0) return 0;
    this.waits++;
    return this.waitResult;
  }

  onRoom(notify: () => void): void {
    this.tell = notify;
  }
}

let port: TestInput = changetype<TestInput>(0);
let output: TestOutput = changetype<TestOutput>(0);

function fileOf(flags: u32): ConsoleFile {
  const directory = rootDirectory();
  return new ConsoleFile(directory, directory.inode!, flags, output);
}

function boot(flags: u32 = 0): ConsoleFile {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
  port = new TestInput();
  output = new TestOutput();
  consoleInputFrom(port);
  return fileOf(flags);
}

function read(file: ConsoleFile, n: u64): string {
  io.setKernel(addressOf(buffer), n);
  const done = file.read(io);
  expect(done >= 0, "no error");
  return String.UTF8.decodeUnsafe(buffer, <usize>done);
}

function readError(file: ConsoleFile, at: u64, n: u64): i64 {
  io.setKernel(at, n);
  return file.read(io);
}

function write(file: ConsoleFile, n: u64, at: u64 = addressOf(buffer)): i64 {
  io.setKernel(at, n);
  return file.write(io);
}

/** Takes bits out of a word of the terminal's settings. */
function clearBits(file: ConsoleFile, word: u64, mask: u32): void {
  expectEqual(file.ioctl(TCGETS, FIXTURE_ADDRESS), 0, "settings");
  store32(FIXTURE_ADDRESS + word, load32(FIXTURE_ADDRESS + word) & ~mask);
  expectEqual(file.ioctl(TCSETS, FIXTURE_ADDRESS), 0, "set");
}

test("console: input comes in the sizes that are asked for", () => {
  const file = boot();
  port.say("some words\n");
  expect(read(file, 0) == "", "none");
  expect(read(file, 1) == "s", "one");
  expect(read(file, 5) == "ome w", "some");
  expect(read(file, 100) == "ords\n", "the rest of the line");
  port.say("x".repeat(2500));
  expectEqual(read(file, 5000).length, 1008, "what goes through at once");
  expectEqual(read(file, 5000).length, 1008, "again");
  expectEqual(read(file, 5000).length, 484, "and the rest");
  filePut(file);
});

test("console: with nothing there a read waits, or says so", () => {
  const file = boot();
  expect(read(file, 0) == "", "nothing is asked for");
  currentThread().work |= WORK_SIGNAL;
  expectEqual(readError(file, addressOf(buffer), 1), -EINTR, "a signal ended it");
  const other = fileOf(O_NONBLOCK);
  expectEqual(readError(other, addressOf(buffer), 1), -EAGAIN, "not this one");
  expectEqual(other.poll(), WRITABLE, "not readable");
  port.say("a");
  expectEqual(other.poll(), READABLE | WRITABLE, "now it is");
  expect(read(other, 8) == "a", "it has come");
  port.say("b");
  expectEqual(readError(other, NOWHERE, 8), -EFAULT, "nowhere to put it");
  filePut(other);
  filePut(file);
});

test("console: the end comes behind what came before", () => {
  const file = boot();
  port.say("last");
  port.end();
  expect(read(file, 100) == "last", "what was there");
  expectEqual(file.poll(), READABLE | WRITABLE, "a read does not wait");
  expect(read(file, 100) == "" && read(file, 100) == "", "the end");
  filePut(file);
});

test("console: a carriage return is a newline, unless that is switched off", () => {
  const file = boot();
  port.say("one\rtwo\n\r");
  expect(read(file, 100) == "one\ntwo\n\n", "newlines");
  clearBits(file, IFLAG, ICRNL);
  port.say("one\r");
  expect(read(file, 100) == "one\r", "as it is");
  filePut(file);
});

test("console: ^D is the end, unless lines are switched off", () => {
  const file = boot();
  port.say("one\x04");
  expect(read(file, 100) == "one", "what is before it");
  port.say("\x04");
  expect(read(file, 100) == "", "alone it is the end");
  clearBits(file, LFLAG, ICANON);
  port.say("a\x04b");
  expect(read(file, 100) == "a\x04b", "as it is");
  filePut(file);
});

test("console: settings, size and group", () => {
  const file = boot();
  const at = FIXTURE_ADDRESS;
  const forms: StaticArray<u32> = [TCSETS, TCSETSW, TCSETSF];
  for (let i = 0; i < forms.length; i++) {
    store32(at + 8, 1000 + i);
    expectEqual(file.ioctl(forms[i], at), 0, "set");
    store32(at + 8, 0);
    expectEqual(file.ioctl(TCGETS, at), 0, "told");
    expectEqual(load32(at + 8), 1000 + i, "as it was set");
    expectEqual(file.ioctl(forms[i], NOWHERE), -EFAULT, "from nowhere");
  }
  expectEqual(file.ioctl(TCGETA, at), -ENOTTY, "settings of another form");
  expectEqual(file.ioctl(0x5400, at), -ENOTTY, "no call");
  store32(at, 33 | (99 << 16));
  expectEqual(file.ioctl(TIOCSWINSZ, at), 0, "a size");
  store32(at, 0);
  expectEqual(file.ioctl(TIOCGWINSZ, at), 0, "its size");
  expectEqual(load32(at), 33 | (99 << 16), "rows and columns");
  expectEqual(file.ioctl(TIOCGWINSZ, NOWHERE), -EFAULT, "told nowhere");
  for (let i = 0; i < GROUPS.length; i++) {
    store32(at, 0);
    expectEqual(file.ioctl(GROUPS[i], at), 0, "a group");
    expectEqual(load32(at), 1, "the one there is");
  }
  for (let i = 0; i < IDLE.length; i++) expectEqual(file.ioctl(IDLE[i], 0), 0, "nothing to do");
  port.say("abc");
  expectEqual(file.ioctl(FIONREAD, at), 0, "so much");
  expectEqual(load32(at), 3, "three bytes");
  filePut(file);
});

test("console: output goes out in pieces, all of it", () => {
  const file = boot();
  expectEqual(write(file, 3000), 3000, "written");
  expectEqual(output.bytes, 3000, "has come");
  expectEqual(output.writes, 3, "in three pieces");
  expectEqual(write(file, 0), 0, "nothing");
  expectEqual(output.writes, 3, "is not sent");
  expectEqual(write(file, 8, NOWHERE), -EFAULT, "from nowhere");
  expectEqual(output.writes, 3, "nothing is sent");
  filePut(file);
});

test("console: without room a write waits, or takes what fits", () => {
  const file = boot();
  output.room = 2;
  output.waitResult = -EINTR;
  expectEqual(write(file, 3000), 2016, "two pieces before a signal");
  expectEqual(output.waits, 1, "it has waited");
  expectEqual(write(file, 10), -EINTR, "none before it");
  const other = fileOf(O_NONBLOCK);
  expectEqual(write(other, 10), -EAGAIN, "one that may not wait");
  expectEqual(output.waits, 2, "has not");
  output.room = 1;
  expectEqual(write(other, 3000), 1008, "what there is room for");
  expectEqual(output.bytes, 3024, "altogether");
  filePut(other);
  filePut(file);
});

test("console: observers are told of input and of room", () => {
  const first = boot();
  const second = fileOf(0);
  const recorder = new Recorder();
  first.addObserver(recorder);
  output.room = 0;
  expectEqual(first.poll(), 0, "neither");
  port.say("a");
  expectEqual(recorder.count, 1, "something came");
  expectEqual(recorder.mask & READABLE, READABLE, "to be read");
  output.tell();
  expectEqual(recorder.count, 2, "there is room");
  expectEqual(recorder.mask & WRITABLE, WRITABLE, "to be written");
  filePut(second);
  port.say("b");
  expectEqual(recorder.count, 3, "another one is closed");
  first.removeObserver(recorder);
  filePut(first);
  port.say("c");
  expectEqual(recorder.count, 3, "nobody is left");
});

test("console: nothing stays behind reads and writes, whatever comes of them", () => {
  const file = boot(O_NONBLOCK);
  read(file, 0);
  port.say("abcdef");
  const before = heapObjectsInUse();
  readError(file, addressOf(buffer), 2);
  readError(file, NOWHERE, 2);
  readError(file, addressOf(buffer), 20);
  readError(file, addressOf(buffer), 20);
  write(file, 2000);
  write(file, 20, NOWHERE);
  output.room = 1;
  write(file, 2000);
  write(file, 20);
  expectEqual(heapObjectsInUse(), before, "objects");
  const another = fileOf(0);
  filePut(another);
  expectEqual(heapObjectsInUse(), before, "nor behind a file");
  filePut(file);
});

test("console: memory is out", () => {
  boot();
  expectUndone((): bool => {
    const file = fileOf(0);
    port.say("ab");
    const written = write(file, 10);
    io.setKernel(addressOf(buffer), 2);
    const done = file.read(io);
    if (done < 0) port.read(addressOf(buffer), 2);
    filePut(file);
    return done == 2 && written == 10;
  });
});

test("standard output: is not read, and no terminal", () => {
  boot();
  const directory = rootDirectory();
  const file = new StandardOutputFile(directory, directory.inode!, 0, output);
  port.say("a");
  expectEqual(readError(file, addressOf(buffer), 1), -EBADF, "read");
  expectEqual(file.ioctl(TCGETS, FIXTURE_ADDRESS), -ENOTTY, "settings");
  expectEqual(file.poll(), WRITABLE, "input is nothing to it");
  output.room = 0;
  expectEqual(file.poll(), 0, "without room");
  filePut(file);
});
