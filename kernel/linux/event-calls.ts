/**
 * System calls that make files for events: pipe, eventfd, timerfd.
 */
import { EFD_SEMAPHORE, EventFile } from "../fs/event-file";
import { filePut, O_CLOEXEC, O_NONBLOCK } from "../fs/file";
import { pipeCreate } from "../fs/pipe";
import { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET, TimerFile } from "../fs/timer-file";
import { EBADF, EINVAL, ENFILE, ENOMEM } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { threadScratch } from "../sched/thread";
import { fdClose, fdFile, fdInstall } from "./descriptors";
import { loadedTimerSpec, loadTimerSpec, storeTimerSpec } from "./timespec";
import { storeUser } from "./user-memory";

const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const CLOCK_BOOTTIME: u32 = 7;
const CLOCK_BOOTTIME_ALARM: u32 = 9;

export function sys_pipe(fds: u64): i64 {
  return sys_pipe2(fds, 0);
}

export function sys_pipe2(fds: u64, flags: u32): i64 {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  const pipe = pipeCreate(flags & O_NONBLOCK);
  if (!pipe) return -ENFILE;
  const cloexec = (flags & O_CLOEXEC) != 0;
  const writer = pipe.writer!;
  const readFd = fdInstall(pipe.reader!, cloexec);
  if (readFd < 0) {
    filePut(writer);
    return readFd;
  }
  const writeFd = fdInstall(writer, cloexec);
  if (writeFd < 0) {
    fdClose(readFd);
    return writeFd;
  }
  store<i32>(threadScratch(), readFd);
  store<i32>(threadScratch() + 4, writeFd);
  const error = storeUser(fds, threadScratch(), 8);
  if (error != 0) {
    fdClose(readFd);
    fdClose(writeFd);
  }
  return error;
}

export function sys_eventfd(initial: u32): i64 {
  return sys_eventfd2(initial, 0);
}

export function sys_eventfd2(initial: u32, flags: u32): i64 {
  if ((flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  const file = attempt(new EventFile(initial, flags));
  return file ? fdInstall(file, (flags & O_CLOEXEC) != 0) : -ENOMEM;
}

export function sys_timerfd_create(clock: u32, flags: u32): i64 {
  const known =
    clock == CLOCK_REALTIME ||
    clock == CLOCK_MONOTONIC ||
    (clock >= CLOCK_BOOTTIME && clock <= CLOCK_BOOTTIME_ALARM);
  if (!known || (flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  const file = attempt(new TimerFile(clock, flags));
  return file ? fdInstall(file, (flags & O_CLOEXEC) != 0) : -ENOMEM;
}

export function sys_timerfd_settime(fd: i32, flags: u32, value: u64, old: u64): i64 {
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) return -EINVAL;
  const error = loadTimerSpec(value, false);
  if (error != 0) return error;
  const newInterval = loadedTimerSpec().interval;
  const newValue = loadedTimerSpec().value;
  const file = fdFile(fd);
  if (!file) return -EBADF;
  if (!(file instanceof TimerFile)) return -EINVAL;
  const timer = <TimerFile>file;
  const oldInterval = timer.interval;
  const oldValue = timer.timeLeft();
  timer.set(flags, newValue, newInterval);
  return old != 0 ? storeTimerSpec(old, oldInterval, oldValue, false) : 0;
}

export function sys_timerfd_gettime(fd: i32, value: u64): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  if (!(file instanceof TimerFile)) return -EINVAL;
  const timer = <TimerFile>file;
  return storeTimerSpec(value, timer.interval, timer.timeLeft(), false);
}
