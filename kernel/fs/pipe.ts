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
import { allocSparePages, directMap, freePages, ORDER_MAX } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { LOCK_PIPE } from "../sched/lock-order";
import { SleepLock } from "../sched/sleep-lock";
import { WaitQueue } from "../sched/wait-queue";
import { FifoFile } from "./fifo";
import {
  File,
  fileGet,
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
/** fs.pipe-max-size, with Linux's default. */
let capacityMax: u32 = 1048576;
/** The largest piece of contiguous memory that there is. */
const RING_MAX: u32 = 4096 << ORDER_MAX;
export const FIONREAD: u32 = 0x541b;
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
    const memory = allocSparePages(<u32>ctz(size / PAGE));
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

  /** read(2) of the reading end, which has `flags`. */
  @inline
  read(io: IoVector, flags: u32): i64 {
    if (this.head == this.tail || this.lockHeld) {
      if (io.remaining == 0) return 0;
      const result = this.waitForBytes(flags);
      if (result <= 0) return result;
    }
    const n = <u32>min(io.remaining, <u64>this.used());
    const start = this.tail & this.mask;
    const contiguous = this.mask + 1 - start;
    if (n > contiguous) return this.readWrappedSlowly(io, n, contiguous);
    SleepLock.acquire(this);
    const done = io.put(this.ring + start, n);
    SleepLock.release(this);
    if (done > 0) this.took(<u32>done);
    return done;
  }

  /** Reads n bytes, of which `contiguous` lie before the end of the ring. */
  private readWrappedSlowly(io: IoVector, n: u32, contiguous: u32): i64 {
    SleepLock.acquire(this);
    let done = io.put(this.ring + (this.tail & this.mask), contiguous);
    if (done == <i64>contiguous) {
      const more = io.put(this.ring, n - contiguous);
      if (more > 0) done += more;
    }
    SleepLock.release(this);
    if (done > 0) this.took(<u32>done);
    return done;
  }

  /** write(2) to the writing end, which has `flags`. */
  @inline
  write(io: IoVector, flags: u32): i64 {
    const n = io.remaining;
    const start = this.head & this.mask;
    // The short way: all of it fits, before the end of the ring, and nobody is in the way.
    if (
      n > <u64>(this.mask + 1 - max(this.used(), start)) ||
      n == 0 ||
      this.lockHeld ||
      this.reader == null
    ) {
      return this.writeSlowly(io, flags);
    }
    SleepLock.acquire(this);
    const done = io.take(this.ring + start, n);
    SleepLock.release(this);
    if (done > 0) this.put(<u32>done);
    return done;
  }

  /** All writes that wrap, grow the ring, wait, or fail. */
  private writeSlowly(io: IoVector, flags: u32): i64 {
    if (io.remaining == 0) return 0;
    // What has to fit at once: all of a small write, something of a large one.
    let need: u32 = io.remaining <= PIPE_BUF ? <u32>io.remaining : 1;
    let total: i64 = 0;
    let error: i64 = 0;
    while (error == 0 && io.remaining != 0) {
      error = this.waitForRoom(need, flags);
      if (error != 0) break;
      const done = this.fill(io);
      if (done < 0) error = done;
      else total += done;
      need = 1;
    }
    // Room that is left, or a wake that came together with a signal, is the next writer's.
    if (this.room() >= PIPE_BUF) this.writers.wakeOne();
    if (error == -EPIPE) sendSignalToCurrent(SIGPIPE);
    return total > 0 ? total : error;
  }

  /**
   * Writes as much as fits before the end of the ring, growing the ring first if need be. Returns
   * bytes or -errno.
   */
  fill(io: IoVector): i64 {
    const error = this.grow(this.used() + <u32>min(io.remaining, <u64>this.room()));
    // Short of memory, the ring that is there has to do.
    if (error != 0 && this.used() > this.mask) return error;
    const start = this.head & this.mask;
    const contiguous = this.mask + 1 - max(this.used(), start);
    SleepLock.acquire(this);
    const done = io.take(this.ring + start, min(io.remaining, <u64>contiguous));
    SleepLock.release(this);
    if (done > 0) this.put(<u32>done);
    return done;
  }

  /** Makes the ring large enough for `wanted` bytes, where memory allows: who copies looks. */
  grow(wanted: u32): i32 {
    if (wanted <= this.mask + 1) return 0;
    let size = (this.mask + 1) << 1;
    while (size < wanted) size <<= 1;
    return this.resize(size);
  }

  /** Bytes have left the ring: tells who waits for room, and the next reader if there is more. */
  took(n: u32): void {
    const hadRoom = this.room() >= PIPE_BUF;
    this.tail += n;
    if (this.head == this.tail) {
      // From the start again: the same cache lines, and writes that don't wrap.
      this.head = 0;
      this.tail = 0;
    } else {
      this.readers.wakeOne();
    }
    if (hadRoom || this.room() < PIPE_BUF) return;
    this.writers.wakeOne();
    const writer = this.writer;
    if (writer) writer.notify(POLLOUT | POLLWRNORM);
  }

  /** Bytes have come into the ring: tells who waits for them. */
  put(n: u32): void {
    this.head += n;
    this.readers.wakeOne();
    const reader = this.reader;
    if (reader) reader.notify(POLLIN | POLLRDNORM);
  }

  /**
   * Waits until there are bytes and nobody copies. 1; 0 at the end: no writer is left; or -errno
   * (-EAGAIN as `flags` have O_NONBLOCK, -EINTR).
   */
  waitForBytes(flags: u32): i64 {
    let result: i64 = 1;
    while (result > 0 && (this.head == this.tail || this.lockHeld)) {
      if (this.lockHeld) {
        SleepLock.waitTurn(this);
      } else if (this.writer == null) {
        result = 0;
      } else if ((flags & O_NONBLOCK) != 0) {
        result = -EAGAIN;
      } else {
        const error = this.readers.wait();
        if (error != 0) result = error;
      }
    }
    // A wake that came together with a signal is the next reader's.
    if (result == -EINTR && this.head != this.tail) this.readers.wakeOne();
    return result;
  }

  /**
   * Waits until there is room for `need` bytes and nobody copies: 0, or -EPIPE, -EAGAIN, -EINTR.
   */
  waitForRoom(need: u32, flags: u32): i64 {
    let error: i64 = 0;
    while (error == 0 && (this.lockHeld || this.reader == null || this.room() < need)) {
      if (this.lockHeld) {
        SleepLock.waitTurn(this);
      } else if (this.reader == null) {
        error = -EPIPE;
      } else {
        error = (flags & O_NONBLOCK) != 0 ? -EAGAIN : this.writers.wait();
      }
    }
    return error;
  }

  /** One more reference on the reading end, made if there is none. False when memory is out. */
  openReader(): bool {
    const reader = this.reader;
    if (reader) fileGet(reader);
    else this.reader = attempt(new PipeReader(this));
    return this.reader != null;
  }

  /** As `openReader`, of the writing end. */
  openWriter(): bool {
    const writer = this.writer;
    if (writer) fileGet(writer);
    else this.writer = attempt(new PipeWriter(this));
    return this.writer != null;
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
    return this.pipe.read(io, this.flags);
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
    return this.pipe.write(io, this.flags);
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
  const pipe = pipeCreateBare();
  if (!pipe) return null;
  const reader = attempt(new PipeReader(pipe));
  const writer = attempt(new PipeWriter(pipe));
  if (!reader || !writer) {
    if (reader) free(reader);
    if (writer) free(writer);
    pipe.dropEnd();
    return null;
  }
  reader.flags = O_RDONLY | flags;
  writer.flags = O_WRONLY | flags;
  pipe.reader = reader;
  pipe.writer = writer;
  return pipe;
}

/**
 * A pipe without ends, for a FIFO: `openReader` and `openWriter` make them. Null when memory is
 * short.
 */
export function pipeCreateBare(): Pipe | null {
  const memory = allocSparePages(0);
  if (memory == 0) return null;
  const pipe = attempt(new Pipe(directMap(memory)));
  if (!pipe) freePages(memory, 0);
  return pipe;
}

/** The pipe behind an open file, or null when it is none. */
export function pipeOf(file: File): Pipe | null {
  if (file instanceof FifoFile) return (<FifoFile>file).pipe;
  return file instanceof PipeEnd ? (<PipeEnd>file).pipe : null;
}

/** The capacity of a pipe (F_GETPIPE_SZ), or -EBADF when the file is none. */
export function pipeCapacity(file: File): i32 {
  const pipe = pipeOf(file);
  return pipe ? <i32>pipe.capacity : -EBADF;
}

/** What the capacity may be set to without privilege. */
export function pipeCapacityMax(): u32 {
  return capacityMax;
}

/** Rounds up as capacities are; at most 2 GiB. */
export function setPipeCapacityMax(bytes: u32): void {
  capacityMax = PAGE;
  while (capacityMax < bytes) capacityMax <<= 1;
}

/**
 * Sets the capacity, rounded up to a power of two of pages (F_SETPIPE_SZ). Returns it, or -EBADF,
 * -EINVAL, -EPERM (above the limit, and not `privileged`), -EBUSY (more is in the pipe), -ENOMEM.
 */
export function pipeSetCapacity(file: File, bytes: u32, privileged: bool = false): i32 {
  const pipe = pipeOf(file);
  if (!pipe) return -EBADF;
  if (bytes > 0x80000000) return -EINVAL;
  let size = PAGE;
  while (size < bytes) size <<= 1;
  if (size > RING_MAX) return privileged ? -ENOMEM : -EPERM;
  if (size > pipe.capacity && size > capacityMax && !privileged) return -EPERM;
  if (pipe.lockHeld || size < pipe.used()) return -EBUSY;
  // Beyond the limit there may not be such a ring at all, which is to be known now.
  if (size < pipe.mask + 1 || (size > capacityMax && size != pipe.mask + 1)) {
    const error = pipe.resize(size);
    if (error != 0) return error;
  }
  pipe.capacity = size;
  if (pipe.room() >= PIPE_BUF) pipe.writers.wakeOne();
  return <i32>size;
}
