/**
 * Pipes: a ring of bytes between two open files.
 *
 *     pipeCreate(flags)            the pipe with both ends, one reference each; null when memory is short
 *     pipe.reader / pipe.writer    the ends, Files
 *     pipeSetCapacity(end, bytes) / pipeCapacity(end)      F_SETPIPE_SZ, F_GETPIPE_SZ
 *
 * The ring is physically contiguous memory in the direct map, one page at first: it grows to the
 * capacity (64 KiB unless set otherwise) when a write does not fit, so that the many pipes that
 * only ever carry a byte to wake a thread stay small.
 *
 *     tail ─▶ bytes to be read ◀─ head          free-running u32 counters, masked by the ring's size on access
 *
 * Writes of up to PIPE_BUF bytes are atomic (pipe(7)). A writer that has to wait is woken once
 * there is room for PIPE_BUF bytes, a reader when there is a byte; one thread is woken per change,
 * and passes the wake on if it leaves something for the next.
 *
 * A copy may sleep, when it faults on the application's memory; the pipe's lock (1 in the order)
 * keeps all others out of the ring meanwhile. With more CPUs it becomes a Mutex.
 */
import { copy } from "../arch/hw";
import { EAGAIN, EBADF, EBUSY, EINTR, EINVAL, ENOMEM, ENOTTY, EPERM, EPIPE } from "../lib/errno";
import { sendSignalToCurrent } from "../linux/signal";
import { SIGPIPE } from "../linux/signal-numbers";
import { storeUser32 } from "../linux/user-memory";
import { allocPages, directMap, freePages } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { LOCK_PIPE } from "../sched/lock-order";
import { SleepLock } from "../sched/sleep-lock";
import { WaitQueue } from "../sched/wait-queue";
import {
  File,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "./file";
import { IoVector } from "./io-vector";
import { S_IFIFO, Stat } from "./stat";

/** Writes of up to this many bytes are not interleaved with others (limits.h). */
export const PIPE_BUF: u32 = 4096;
const DEFAULT_CAPACITY: u32 = 65536;
/** Linux's default of fs.pipe-max-size. */
const CAPACITY_MAX: u32 = 1048576;
const FIONREAD: u32 = 0x541b;
const PAGE: u32 = 4096;

let nextInode: u64 = 1;

/** What both ends share; freed with the second one. */
@unmanaged
export class Pipe {
  /** Address of the ring, and its size less one. */
  ring: u64;
  mask: u32;
  /** How large the ring may become: at least as large as it is. */
  capacity: u32;
  /** Bytes ever written, and read. */
  head: u32;
  tail: u32;
  /** The ends; null once closed. */
  reader: PipeReader | null;
  writer: PipeWriter | null;
  // The lock (sched/sleep-lock.ts): a thread copies to or from the ring.
  lockHeld: bool;
  lockKind: u8;
  lockWaiters: WaitQueue | null;
  inode: u64;
  /** Threads that wait for bytes, and for room. */
  readers: WaitQueue;
  writers: WaitQueue;

  constructor(ring: u64) {
    this.ring = ring;
    this.mask = PAGE - 1;
    this.capacity = DEFAULT_CAPACITY;
    this.head = 0;
    this.tail = 0;
    this.reader = null;
    this.writer = null;
    this.inode = nextInode++;
    this.readers = new WaitQueue();
    this.writers = new WaitQueue();
    SleepLock.init(this, LOCK_PIPE);
  }

  @inline
  used(): u32 {
    return this.head - this.tail;
  }

  @inline
  room(): u32 {
    return this.capacity - (this.head - this.tail);
  }

  /** Moves the contents to a ring of `size` bytes, a power of two of pages. 0 or -ENOMEM. */
  resize(size: u32): i32 {
    assert(!this.lockHeld && this.used() <= size, "the contents fit and stand still");
    const memory = allocPages(<u32>ctz(size / PAGE));
    if (memory == 0) return -ENOMEM;
    const ring = directMap(memory);
    const used = this.used();
    const start = this.tail & this.mask;
    const first = min(used, this.mask + 1 - start);
    copy(ring, this.ring + start, first);
    copy(ring + first, this.ring, used - first);
    this.freeRing();
    this.ring = ring;
    this.mask = size - 1;
    this.tail = 0;
    this.head = used;
    return 0;
  }

  freeRing(): void {
    freePages(this.ring - directMap(0), <u32>ctz((this.mask + 1) / PAGE));
  }

  /** One end is gone; with the second, everything is. */
  dropEnd(): void {
    if (this.reader != null || this.writer != null) return;
    this.freeRing();
    free(this.readers);
    free(this.writers);
    SleepLock.destroy(this);
    free(this);
  }
}

export abstract class PipeEnd extends File {
  constructor(public pipe: Pipe) {
    super();
  }

  ioctl(request: u32, argument: u64): i64 {
    return request == FIONREAD ? storeUser32(argument, this.pipe.used()) : -ENOTTY;
  }

  stat(out: Stat): i32 {
    out.reset(S_IFIFO | 0o600);
    out.ino = this.pipe.inode;
    return 0;
  }
}

export class PipeReader extends PipeEnd {
  read(io: IoVector): i64 {
    const pipe = this.pipe;
    if (pipe.head == pipe.tail || pipe.lockHeld) {
      const result = this.waitForBytes(io);
      if (result <= 0) return result;
    }
    const n = <u32>min(io.remaining, <u64>pipe.used());
    const start = pipe.tail & pipe.mask;
    const contiguous = pipe.mask + 1 - start;
    SleepLock.acquire(pipe);
    let done = io.put(pipe.ring + start, min(n, contiguous));
    if (n > contiguous && done == <i64>contiguous) {
      const more = io.put(pipe.ring, n - contiguous);
      if (more > 0) done += more;
    }
    SleepLock.release(pipe);
    if (done > 0) this.took(<u32>done);
    return done;
  }

  /** Bytes have left the ring: tells who waits for room, and the next reader if there is more. */
  private took(n: u32): void {
    const pipe = this.pipe;
    const hadRoom = pipe.room() >= PIPE_BUF;
    pipe.tail += n;
    if (pipe.head == pipe.tail) {
      // From the start again: the same cache lines, and writes that don't wrap.
      pipe.head = 0;
      pipe.tail = 0;
    } else {
      pipe.readers.wakeOne();
    }
    if (hadRoom || pipe.room() < PIPE_BUF) return;
    pipe.writers.wakeOne();
    const writer = pipe.writer;
    if (writer) writer.notify(POLLOUT | POLLWRNORM);
  }

  /** Returns 1 when there are bytes to read, 0 at the end (or when none are wanted), or -errno. */
  private waitForBytes(io: IoVector): i64 {
    const pipe = this.pipe;
    if (io.remaining == 0) return 0;
    let result: i64 = 1;
    while (result > 0 && (pipe.head == pipe.tail || pipe.lockHeld)) {
      if (pipe.lockHeld) {
        SleepLock.waitTurn(pipe);
      } else if (pipe.writer == null) {
        result = 0;
      } else if ((this.flags & O_NONBLOCK) != 0) {
        result = -EAGAIN;
      } else {
        const error = pipe.readers.wait();
        if (error != 0) result = error;
      }
    }
    // A wake that came together with a signal is the next reader's.
    if (result == -EINTR && pipe.head != pipe.tail) pipe.readers.wakeOne();
    return result;
  }

  write(io: IoVector): i64 {
    return -EBADF;
  }

  poll(): u32 {
    const pipe = this.pipe;
    const mask: u32 = pipe.head != pipe.tail ? POLLIN | POLLRDNORM : 0;
    return pipe.writer == null ? mask | POLLHUP : mask;
  }

  release(): void {
    const pipe = this.pipe;
    pipe.reader = null;
    pipe.writers.wakeAll();
    const writer = pipe.writer;
    if (writer) writer.notify(POLLERR | POLLOUT | POLLWRNORM);
    pipe.dropEnd();
  }
}

export class PipeWriter extends PipeEnd {
  write(io: IoVector): i64 {
    const pipe = this.pipe;
    const n = io.remaining;
    const start = pipe.head & pipe.mask;
    // The short way: all of it fits, before the end of the ring, and nobody is in the way.
    if (
      n > <u64>(pipe.mask + 1 - max(pipe.used(), start)) ||
      n == 0 ||
      pipe.lockHeld ||
      pipe.reader == null
    ) {
      return this.writeSlow(io);
    }
    SleepLock.acquire(pipe);
    const done = io.take(pipe.ring + start, n);
    SleepLock.release(pipe);
    if (done > 0) this.put(<u32>done);
    return done;
  }

  /** Bytes have come into the ring: tells who waits for them. */
  private put(n: u32): void {
    const pipe = this.pipe;
    pipe.head += n;
    pipe.readers.wakeOne();
    const reader = pipe.reader;
    if (reader) reader.notify(POLLIN | POLLRDNORM);
  }

  /** All writes that wrap, grow the ring, wait, or fail. */
  private writeSlow(io: IoVector): i64 {
    const pipe = this.pipe;
    if (io.remaining == 0) return 0;
    let total: i64 = 0;
    let error: i64 = 0;
    // What has to fit at once: all of a small write, something of a large one.
    const need: u32 = io.remaining <= PIPE_BUF ? <u32>io.remaining : 1;
    while (error == 0 && io.remaining != 0) {
      if (pipe.lockHeld) {
        SleepLock.waitTurn(pipe);
      } else if (pipe.reader == null) {
        error = -EPIPE;
      } else if (pipe.room() < (total == 0 ? need : 1)) {
        error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : pipe.writers.wait();
      } else {
        const done = this.fill(io);
        if (done < 0) error = done;
        else total += done;
      }
    }
    // Room that is left, or a wake that came together with a signal, is the next writer's.
    if (pipe.room() >= PIPE_BUF) pipe.writers.wakeOne();
    if (error == -EPIPE) sendSignalToCurrent(SIGPIPE);
    return total > 0 ? total : error;
  }

  /**
   * Writes as much as fits before the end of the ring, growing the ring first if need be. Returns
   * bytes or -errno.
   */
  private fill(io: IoVector): i64 {
    const pipe = this.pipe;
    const wanted = pipe.used() + <u32>min(io.remaining, <u64>pipe.room());
    if (wanted > pipe.mask + 1) {
      let size = (pipe.mask + 1) << 1;
      while (size < wanted) size <<= 1;
      const error = pipe.resize(size);
      // Short of memory, the ring that is there has to do.
      if (error != 0 && pipe.used() > pipe.mask) return error;
    }
    const start = pipe.head & pipe.mask;
    const contiguous = pipe.mask + 1 - max(pipe.used(), start);
    SleepLock.acquire(pipe);
    const done = io.take(pipe.ring + start, min(io.remaining, <u64>contiguous));
    SleepLock.release(pipe);
    if (done > 0) this.put(<u32>done);
    return done;
  }

  read(io: IoVector): i64 {
    return -EBADF;
  }

  poll(): u32 {
    const pipe = this.pipe;
    const mask: u32 = pipe.room() >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;
    return pipe.reader == null ? mask | POLLERR : mask;
  }

  release(): void {
    const pipe = this.pipe;
    pipe.writer = null;
    pipe.readers.wakeAll();
    const reader = pipe.reader;
    if (reader) reader.notify(POLLHUP | POLLIN | POLLRDNORM);
    pipe.dropEnd();
  }
}

/**
 * A new pipe; `flags` (O_NONBLOCK) go to both ends. Both have one reference. Null when memory is
 * short.
 */
export function pipeCreate(flags: u32): Pipe | null {
  const memory = allocPages(0);
  if (memory == 0) return null;
  const pipe = new Pipe(directMap(memory));
  const reader = new PipeReader(pipe);
  const writer = new PipeWriter(pipe);
  reader.flags = O_RDONLY | flags;
  writer.flags = O_WRONLY | flags;
  pipe.reader = reader;
  pipe.writer = writer;
  return pipe;
}

/** The capacity of a pipe (F_GETPIPE_SZ), or -EBADF when the file is none. */
export function pipeCapacity(file: File): i32 {
  return file instanceof PipeEnd ? <i32>(<PipeEnd>file).pipe.capacity : -EBADF;
}

/**
 * Sets the capacity, rounded up to a power of two of pages (F_SETPIPE_SZ). Returns it, or -EBADF,
 * -EINVAL, -EPERM (too large), -EBUSY (more is in the pipe), -ENOMEM.
 */
export function pipeSetCapacity(file: File, bytes: u32): i32 {
  if (!(file instanceof PipeEnd)) return -EBADF;
  const pipe = (<PipeEnd>file).pipe;
  if (bytes > 0x80000000) return -EINVAL;
  if (bytes > CAPACITY_MAX) return -EPERM;
  let size = PAGE;
  while (size < bytes) size <<= 1;
  if (pipe.lockHeld || size < pipe.used()) return -EBUSY;
  if (size < pipe.mask + 1) {
    const error = pipe.resize(size);
    if (error != 0) return error;
  }
  pipe.capacity = size;
  if (pipe.room() >= PIPE_BUF) pipe.writers.wakeOne();
  return <i32>size;
}
