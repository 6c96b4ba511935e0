/**
 * An open file description (open(2)): what a file descriptor refers to. Regular files, directories,
 * devices, pipes, sockets, epoll instances are its subclasses; each overrides what it can do, the
 * rest answers as Linux does for a file that can't.
 *
 * Ownership: `references` counts descriptors and system calls under way; `filePut` releases the
 * last one and frees it. Readiness: `poll()` tells what is ready now; whoever wants to hear of
 * changes adds a `PollObserver`, and the file calls `notify(mask)` when something becomes ready
 * (from thread context; observers don't sleep).
 */
import { EBADF, EINVAL, ENODEV, ENOTDIR, ENOTTY, ESPIPE } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { free } from "../runtime/free";
import { dropFileLocks, fileLockCount } from "./file-lock";
import { IoVector } from "./io-vector";
import { Stat } from "./stat";

export const POLLIN: u32 = 0x001;
export const POLLPRI: u32 = 0x002;
export const POLLOUT: u32 = 0x004;
export const POLLERR: u32 = 0x008;
export const POLLHUP: u32 = 0x010;
export const POLLNVAL: u32 = 0x020;
export const POLLRDNORM: u32 = 0x040;
export const POLLWRNORM: u32 = 0x100;
export const POLLRDHUP: u32 = 0x2000;

// open(2) flags, include/uapi/asm-generic/fcntl.h
export const O_ACCMODE: u32 = 0o3;
export const O_RDONLY: u32 = 0o0;
export const O_WRONLY: u32 = 0o1;
export const O_RDWR: u32 = 0o2;
export const O_CREAT: u32 = 0o100;
export const O_EXCL: u32 = 0o200;
export const O_NOCTTY: u32 = 0o400;
export const O_TRUNC: u32 = 0o1000;
export const O_APPEND: u32 = 0o2000;
export const O_NONBLOCK: u32 = 0o4000;
export const O_ASYNC: u32 = 0o20000;
export const O_DIRECT: u32 = 0o40000;
export const O_DIRECTORY: u32 = 0o200000;
export const O_NOFOLLOW: u32 = 0o400000;
export const O_CLOEXEC: u32 = 0o2000000;
export const O_PATH: u32 = 0o10000000;
/** O_TMPFILE without the O_DIRECTORY that goes with it. */
export const O_UNNAMED: u32 = 0o20000000;

/**
 * Someone who waits for a file to become ready: an epoll item, or a thread in poll(2). Linked into
 * the file's list.
 */
export abstract class PollObserver {
  nextObserver: PollObserver | null = null;
  previousObserver: PollObserver | null = null;
  observed: File | null = null;
  /** Called when events of `mask` (POLL*) may have become ready on the file. Must not sleep. */
  abstract ready(mask: u32): void;
  /**
   * The file's last reference is gone; the observer has been taken off its list already. Must not
   * sleep.
   */
  closed(): void {}
}

export abstract class File {
  references: i32 = 1;
  /** O_* status flags and access mode. */
  flags: u32 = 0;
  private observers: PollObserver | null = null;

  read(io: IoVector): i64 {
    return -EINVAL;
  }

  write(io: IoVector): i64 {
    return -EINVAL;
  }

  readAt(io: IoVector, offset: i64): i64 {
    return -ESPIPE;
  }

  writeAt(io: IoVector, offset: i64): i64 {
    return -ESPIPE;
  }

  seek(offset: i64, whence: i32): i64 {
    return -ESPIPE;
  }

  /** POLL* that are ready now. */
  poll(): u32 {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }

  /** `argument` is the application's third argument, a value or an address. */
  ioctl(request: u32, argument: u64): i64 {
    return -ENOTTY;
  }

  stat(out: Stat): i32 {
    return -EBADF;
  }

  /** Fills the application's buffer with struct linux_dirent64 (getdents64(2)). */
  readDirectory(io: IoVector): i64 {
    return -ENOTDIR;
  }

  truncate(size: i64): i64 {
    return -EINVAL;
  }

  sync(): i64 {
    return -EINVAL;
  }

  /**
   * Where mmap(2) finds the file's pages: a PageSource, borrowed, -ENODEV when it can't be mapped,
   * or -ENOMEM.
   */
  pageSource(): usize {
    return -ENODEV;
  }

  /** What /proc/self/fd shows behind `anon_inode:`, of a file that has no place. */
  anonymousName(): string {
    return "[file]";
  }

  /** Puts what /proc/self/fdinfo tells of this kind of file (proc_pid_fdinfo(5)), whole lines. */
  describe(out: TextBuffer): void {}

  /**
   * The last reference is gone: gives back what the file holds. The object itself is freed by
   * `filePut`.
   */
  release(): void {}

  addObserver(observer: PollObserver): void {
    assert(observer.observed == null, "an observer watches one file");
    observer.observed = this;
    observer.previousObserver = null;
    observer.nextObserver = this.observers;
    const head = this.observers;
    if (head) head.previousObserver = observer;
    this.observers = observer;
  }

  removeObserver(observer: PollObserver): void {
    const previous = observer.previousObserver;
    const next = observer.nextObserver;
    if (previous) previous.nextObserver = next;
    else this.observers = next;
    if (next) next.previousObserver = previous;
    observer.observed = null;
    observer.nextObserver = null;
    observer.previousObserver = null;
  }

  /** Takes all observers off and tells them that the file is no more. */
  dropObservers(): void {
    let observer = this.observers;
    while (observer) {
      this.removeObserver(observer);
      observer.closed();
      observer = this.observers;
    }
  }

  /** The observer that came last, linked to the others by `nextObserver`. */
  firstObserver(): PollObserver | null {
    return this.observers;
  }

  hasObservers(): bool {
    return this.observers != null;
  }

  /** Tells the observers that events of `mask` may be ready. */
  notify(mask: u32): void {
    let observer = this.observers;
    while (observer) {
      const next = observer.nextObserver;
      observer.ready(mask);
      observer = next;
    }
  }
}

export function fileGet(file: File): void {
  file.references++;
}

/** Gives one reference back. */
export function filePut(file: File): void {
  if (--file.references <= 0) fileEndSlowly(file);
}

/** The last reference is gone. */
function fileEndSlowly(file: File): void {
  if (fileLockCount() != 0) dropFileLocks(file);
  file.dropObservers();
  file.release();
  free(file);
}
