import { addressOf } from "../arch/hw";
import { EAGAIN, EINVAL } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { EFD_SEMAPHORE, EventFile } from "./event-file";
import { File, filePut, O_NONBLOCK, POLLIN, POLLOUT } from "./file";
import { IoVector } from "./io-vector";
import { TimerFile } from "./timer-file";

const value: usize = memory.data(8, 8);

function write(file: File, number: u64): i64 {
  const io = new IoVector();
  store<u64>(value, number);
  io.setKernel(addressOf(value), 8);
  return file.write(io);
}

/** What is read, or the error. */
function read(file: File): i64 {
  const io = new IoVector();
  io.setKernel(addressOf(value), 8);
  const done = file.read(io);
  return done == 8 ? load<i64>(value) : done;
}

test("eventfd: writes add up and a read takes all", () => {
  const file = new EventFile(0, O_NONBLOCK);
  expectEqual(read(file), -EAGAIN, "nothing yet");
  expectEqual(file.poll() & (POLLIN | POLLOUT), POLLOUT, "only writable");
  expectEqual(write(file, 3), 8, "write");
  expectEqual(write(file, 4), 8, "write");
  expect((file.poll() & POLLIN) != 0, "readable");
  expectEqual(read(file), 7, "the sum");
  expectEqual(read(file), -EAGAIN, "taken");
  filePut(file);
});

test("eventfd: as a semaphore a read takes one", () => {
  const file = new EventFile(2, O_NONBLOCK | EFD_SEMAPHORE);
  expectEqual(read(file), 1, "one");
  expectEqual(read(file), 1, "another");
  expectEqual(read(file), -EAGAIN, "no more");
});

test("eventfd: the counter does not overflow", () => {
  const file = new EventFile(0, O_NONBLOCK);
  expectEqual(write(file, u64.MAX_VALUE), -EINVAL, "too large a value");
  expectEqual(write(file, u64.MAX_VALUE - 1), 8, "the largest");
  expectEqual(file.poll() & (POLLIN | POLLOUT), POLLIN, "full");
  expectEqual(write(file, 1), -EAGAIN, "no room");
  expectEqual(write(file, 0), 8, "nothing fits always");
  expectEqual(read(file), -2, "the largest");
});

test("timerfd: fires once, and not when stopped", () => {
  const file = new TimerFile(1, O_NONBLOCK);
  file.set(0, 1000, 0);
  expect(file.timeLeft() > 0, "runs");
  expectEqual(read(file), -EAGAIN, "not yet");
  file.fired();
  expect((file.poll() & POLLIN) != 0, "ready");
  expectEqual(read(file), 1, "one expiration");
  expectEqual(read(file), -EAGAIN, "once");
  file.set(0, 0, 0);
  expectEqual(file.timeLeft(), 0, "stopped");
  filePut(file);
});
