import { addressOf, store64 } from "../arch/hw";
import { File, O_CLOEXEC, O_NONBLOCK, POLLIN, POLLNVAL, POLLOUT } from "../fs/file";
import { IoVector } from "../fs/io-vector";
import { S_IFREG, Stat } from "../fs/stat";
import { EAGAIN, EBADF, EEXIST, EINVAL, EPERM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory } from "../mem/page-allocator";
import {
  sys_close,
  sys_close_range,
  sys_dup,
  sys_dup2,
  sys_dup3,
  sys_fcntl,
} from "./descriptor-calls";
import { fdCloexec, fdFile, fdInstall } from "./descriptors";
import { sys_epoll_create1, sys_epoll_ctl, sys_epoll_wait } from "./epoll-calls";
import {
  sys_eventfd2,
  sys_pipe2,
  sys_timerfd_create,
  sys_timerfd_gettime,
  sys_timerfd_settime,
} from "./event-calls";
import { sys_poll, sys_select } from "./poll-calls";

/** An address of the application: in Node, its memory is physical memory. */
const USER: u64 = 0x200000;
const out: usize = memory.data(2048, 8);

class RegularFile extends File {
  stat(stat: Stat): i32 {
    stat.reset(S_IFREG | 0o644);
    return 0;
  }
}

/** Reads back what a call stored at an address of the application. */
function user32(offset: u64): i32 {
  const io = new IoVector();
  io.setUser(USER + offset, 4);
  io.take(addressOf(out), 4);
  return load<i32>(out);
}

function user64(offset: u64): i64 {
  const io = new IoVector();
  io.setUser(USER + offset, 8);
  io.take(addressOf(out), 8);
  return load<i64>(out);
}

function signalEvent(fd: i32): void {
  const io = new IoVector();
  store64(USER + 4000, 1);
  io.setUser(USER + 4000, 8);
  expectEqual(fdFile(fd)!.write(io), 8, "written");
}

/** Stores a struct epoll_event or a struct pollfd for the next call. */
function setUser32(offset: u64, value: u32): void {
  const io = new IoVector();
  store<u32>(out, value);
  io.setUser(USER + offset, 4);
  io.put(addressOf(out), 4);
}

test("descriptor calls: dup, dup2, dup3, fcntl, close_range", () => {
  addMemory(0x300000, 0x800000);
  expectEqual(sys_pipe2(USER, O_CLOEXEC | O_NONBLOCK), 0, "pipe");
  expectEqual(user32(0), 0, "reader");
  expectEqual(user32(4), 1, "writer");
  expect(fdCloexec(0) && fdCloexec(1), "close on exec");
  expectEqual(sys_dup(0), 2, "dup");
  expect(!fdCloexec(2), "a duplicate does not close on exec");
  expectEqual(sys_dup2(0, 0), 0, "onto itself");
  expectEqual(sys_dup3(0, 0, 0), -EINVAL, "onto itself");
  expectEqual(sys_dup3(1, 9, O_CLOEXEC), 9, "dup3");
  expect(fdFile(9) == fdFile(1), "the same file");
  expectEqual(sys_fcntl(0, 0, 5), 5, "F_DUPFD");
  expectEqual(sys_fcntl(0, 1030, 5), 6, "F_DUPFD_CLOEXEC");
  expectEqual(sys_fcntl(6, 1, 0), 1, "F_GETFD");
  expectEqual(sys_fcntl(1, 3, 0), O_NONBLOCK | 1, "F_GETFL");
  expectEqual(sys_fcntl(1, 4, 0), 0, "F_SETFL");
  expectEqual(sys_fcntl(9, 3, 0), 1, "status flags are the file's");
  expectEqual(sys_fcntl(0, 1032, 0), 65536, "F_GETPIPE_SZ");
  expectEqual(sys_fcntl(77, 1, 0), -EBADF, "not open");
  expectEqual(sys_close_range(2, 8, 0), 0, "close_range");
  expect(fdFile(2) == null && fdFile(6) == null && fdFile(9) != null, "only the range");
  expectEqual(sys_close(9), 0, "close");
  expectEqual(sys_close(9), -EBADF, "close again");
});

test("epoll calls: an eventfd becomes ready, and closing takes it out", () => {
  const epoll = <i32>sys_epoll_create1(0);
  const event = <i32>sys_eventfd2(0, O_NONBLOCK);
  setUser32(0, POLLIN);
  setUser32(4, 42);
  setUser32(8, 43);
  expectEqual(sys_epoll_ctl(epoll, 1, event, USER), 0, "added");
  expectEqual(sys_epoll_ctl(epoll, 1, event, USER), -EEXIST, "twice");
  expectEqual(sys_epoll_ctl(epoll, 1, epoll, USER), -EINVAL, "itself");
  expectEqual(sys_epoll_ctl(epoll, 1, 50, USER), -EBADF, "not open");
  expectEqual(sys_epoll_ctl(epoll, 1, fdInstall(new RegularFile(), false), USER), -EPERM, "a file");
  expectEqual(sys_epoll_wait(epoll, USER + 64, 8, 0), 0, "nothing ready");
  expectEqual(sys_epoll_wait(epoll, USER + 64, 0, 0), -EINVAL, "no room");
  expectEqual(sys_epoll_wait(event, USER + 64, 8, 0), -EINVAL, "no epoll file");
  signalEvent(event);
  expectEqual(sys_epoll_wait(epoll, USER + 64, 8, -1), 1, "ready");
  expectEqual(user32(64), POLLIN, "events");
  expectEqual(user64(68), 42 | ((<i64>43) << 32), "data");
  sys_close(event);
  expectEqual(sys_epoll_wait(epoll, USER + 64, 8, 0), 0, "gone");
});

test("poll and select: what is ready, what is not open", () => {
  addMemory(0x300000, 0x800000);
  sys_pipe2(USER, O_NONBLOCK);
  const event = <i32>sys_eventfd2(1, 0);
  expectEqual(event, 2, "descriptor");
  // pollfd: 0 for reading, 1 for writing, 2 for both, 9 not open, -1 ignored.
  setUser32(0, 0);
  setUser32(4, POLLIN);
  setUser32(8, 1);
  setUser32(12, POLLOUT);
  setUser32(16, 2);
  setUser32(20, POLLIN | POLLOUT);
  setUser32(24, 9);
  setUser32(28, POLLIN);
  setUser32(32, -1);
  setUser32(36, POLLIN);
  expectEqual(sys_poll(USER, 5, -1), 3, "three to report");
  expectEqual(user32(4) >>> 16, 0, "empty pipe");
  expectEqual(user32(12) >>> 16, POLLOUT, "room");
  expectEqual(user32(20) >>> 16, POLLIN | POLLOUT, "both");
  expectEqual(user32(28) >>> 16, POLLNVAL, "not open");
  expectEqual(user32(36) >>> 16, 0, "ignored");
  expectEqual(sys_poll(USER, 1, 0), 0, "nothing");
  // select: 0 and 2 for reading, 1 and 2 for writing.
  store64(USER + 100, 5);
  store64(USER + 108, 6);
  expectEqual(sys_select(3, USER + 100, USER + 108, 0, 0), 3, "three bits");
  expectEqual(user64(100), 4, "readable");
  expectEqual(user64(108), 6, "writable");
  store64(USER + 100, 0x100);
  expectEqual(sys_select(9, USER + 100, 0, 0, 0), -EBADF, "not open");
  store64(USER + 100, 1);
  store64(USER + 120, 0);
  store64(USER + 128, 0);
  expectEqual(sys_select(1, USER + 100, 0, 0, USER + 120), 0, "nothing, at once");
  expectEqual(user64(100), 0, "no bits");
});

test("timerfd calls: settime tells the old setting", () => {
  const fd = <i32>sys_timerfd_create(1, O_NONBLOCK);
  store64(USER, 0);
  store64(USER + 8, 1000);
  store64(USER + 16, 3);
  store64(USER + 24, 0);
  expectEqual(sys_timerfd_settime(fd, 0, USER, USER + 64), 0, "set");
  expectEqual(user64(80), 0, "was stopped");
  expectEqual(sys_timerfd_gettime(fd, USER + 64), 0, "get");
  expectEqual(user64(64), 0, "interval, s");
  expectEqual(user64(72), 1000, "interval, ns");
  expectEqual(user64(80), 3, "time left");
  store64(USER + 8, 1000000000);
  expectEqual(sys_timerfd_settime(fd, 0, USER, 0), -EINVAL, "not a fraction of a second");
  expectEqual(sys_timerfd_create(3, 0), -EINVAL, "no such clock");
  const io = new IoVector();
  io.setUser(USER, 8);
  expectEqual(fdFile(fd)!.read(io), -EAGAIN, "not yet");
});
