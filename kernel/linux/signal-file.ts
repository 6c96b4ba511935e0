/**
 * signalfd(2): signals that are read instead of delivered. The program blocks them, so they stay
 * pending, and reads them from here.
 *
 *     sys_signalfd4(fd, mask, size, flags)
 *     signalArrived(bit)          from linux/signal.ts, when a signal of `watchedSignals()` has become pending
 */

import { addressOf } from "../arch/hw";
import { File, O_CLOEXEC, O_NONBLOCK, O_RDWR, POLLIN } from "../fs/file";
import { IoVector } from "../fs/io-vector";
import { Stat } from "../fs/stat";
import { EAGAIN, EBADF, EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { fdFile, fdInstall } from "./descriptors";
import { takeSignal, UNBLOCKABLE } from "./signal";
import { SI_TIMER, SignalInfo } from "./signal-numbers";
import { currentTask, process } from "./task";
import { loadUser } from "./user-memory";

const SIGSET_SIZE: u64 = 8;
/** struct signalfd_siginfo, include/uapi/linux/signalfd.h. */
const RECORD_SIZE: usize = 128;

let watched: u64 = 0;
let files: SignalFile | null = null;

/** Signals that some SignalFile wants. */
export function watchedSignals(): u64 {
  return watched;
}

/** A signal has become pending: wakes who reads it. */
export function signalArrived(bit: u64): void {
  let file = files;
  while (file) {
    if ((file.mask & bit) != 0) {
      file.readers.wakeAll();
      file.notify(POLLIN);
    }
    file = file.next;
  }
}

function updateWatched(): void {
  let mask: u64 = 0;
  let file = files;
  while (file) {
    mask |= file.mask;
    file = file.next;
  }
  watched = mask;
}

/** The record that a reader gets of a signal, at `record`. */
function fillRecord(record: usize, info: SignalInfo): void {
  memory.fill(record, 0, RECORD_SIZE);
  store<i32>(record, info.signo);
  store<i32>(record + 4, info.errno);
  store<i32>(record + 8, info.code);
  if (info.code == SI_TIMER) {
    store<u32>(record + 24, <u32>info.address);
    store<u32>(record + 32, <u32>(info.address >> 32));
  } else if (info.code <= 0) {
    store<u32>(record + 12, <u32>info.address);
    store<u32>(record + 16, <u32>(info.address >> 32));
  } else {
    store<u64>(record + 72, info.address);
  }
  store<u32>(record + 44, <u32>info.value);
  store<u64>(record + 48, info.value);
}

class SignalFile extends File {
  next: SignalFile | null = null;
  readers: WaitQueue = new WaitQueue();

  constructor(
    public mask: u64,
    flags: u32,
  ) {
    super();
    this.flags = O_RDWR | (flags & O_NONBLOCK);
    this.next = files;
    files = this;
    updateWatched();
  }

  /** As many whole records as there are signals and room; sleeps for the first. */
  read(io: IoVector): i64 {
    if (io.remaining < RECORD_SIZE) return -EINVAL;
    // Of the thread: the copy may sleep.
    const record = threadScratch();
    const info = changetype<SignalInfo>(record + RECORD_SIZE);
    let done: i64 = 0;
    while (io.remaining >= RECORD_SIZE) {
      if (takeSignal(this.mask, info)) {
        fillRecord(record, info);
        const copied = io.putAll(addressOf(record), RECORD_SIZE);
        if (copied < 0) return done != 0 ? done : copied;
        done += copied;
        continue;
      }
      if (done != 0) break;
      const error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : this.readers.wait();
      if (error != 0) return error;
    }
    return done;
  }

  poll(): u32 {
    const pending = currentTask().pending | process.pending;
    return (pending & this.mask) != 0 ? POLLIN : 0;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  anonymousName(): string {
    return "[signalfd]";
  }

  release(): void {
    if (files == this) {
      files = this.next;
    } else {
      let before = files!;
      while (before.next != this) before = before.next!;
      before.next = this.next;
    }
    updateWatched();
    free(this.readers);
  }
}

export function sys_signalfd(fd: i32, mask: u64, size: u64): i64 {
  return sys_signalfd4(fd, mask, size, 0);
}

/**
 * A new file for the signals of a mask, or, when `fd` is not -1, another mask for an existing one.
 */
export function sys_signalfd4(fd: i32, mask: u64, size: u64, flags: u32): i64 {
  if (size != SIGSET_SIZE || (flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0) return -EINVAL;
  if (loadUser(threadScratch(), mask, SIGSET_SIZE) != 0) return -EFAULT;
  const wanted = load<u64>(threadScratch()) & ~UNBLOCKABLE;
  if (fd == -1) {
    const created = attempt(new SignalFile(wanted, flags));
    return created ? fdInstall(created, (flags & O_CLOEXEC) != 0) : -ENOMEM;
  }
  const file = fdFile(fd);
  if (!file) return -EBADF;
  if (!(file instanceof SignalFile)) return -EINVAL;
  (<SignalFile>file).mask = wanted;
  updateWatched();
  if (((currentTask().pending | process.pending) & wanted) != 0) signalArrived(wanted);
  return fd;
}
