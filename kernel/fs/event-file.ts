/**
 * eventfd(2): a counter that a write adds to and a read takes, to wake threads and event loops by.
 *
 *     new EventFile(initial, flags)      flags: EFD_SEMAPHORE, EFD_NONBLOCK
 *
 * A reader sleeps while the counter is 0, a writer while it would pass its maximum. One thread is
 * woken per change and passes the wake on if it leaves something for the next.
 */
import { addressOf } from "../arch/hw";
import { EAGAIN, EINVAL } from "../lib/errno";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { File, O_NONBLOCK, O_RDWR, POLLERR, POLLIN, POLLOUT } from "./file";
import { IoVector } from "./io-vector";
import { Stat } from "./stat";

// include/uapi/linux/eventfd.h; EFD_CLOEXEC and EFD_NONBLOCK are O_CLOEXEC and O_NONBLOCK.
export const EFD_SEMAPHORE: u32 = 1;

/** The counter stays below this; writing it is an error. */
const COUNTER_LIMIT: u64 = u64.MAX_VALUE;
const VALUE_SIZE: u64 = 8;

export class EventFile extends File {
  private counter: u64;
  private semaphore: bool;
  private readers: WaitQueue = new WaitQueue();
  private writers: WaitQueue = new WaitQueue();

  constructor(initial: u64, flags: u32) {
    super();
    this.counter = initial;
    this.semaphore = (flags & EFD_SEMAPHORE) != 0;
    this.flags = O_RDWR | (flags & O_NONBLOCK);
  }

  read(io: IoVector): i64 {
    if (io.remaining < VALUE_SIZE) return -EINVAL;
    if (this.counter == 0) {
      const error = this.waitForEvent();
      if (error != 0) return error;
    }
    const value = this.semaphore ? 1 : this.counter;
    this.counter -= value;
    if (this.counter != 0) this.readers.wakeOne();
    // There may be room for all of them, or for a later one only.
    this.writers.wakeAll();
    this.notify(POLLOUT);
    store<u64>(threadScratch(), value);
    return io.putAll(addressOf(threadScratch()), VALUE_SIZE);
  }

  private waitForEvent(): i64 {
    let error: i64 = 0;
    while (error == 0 && this.counter == 0) {
      error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : this.readers.wait();
    }
    if (error != 0 && this.counter != 0) this.readers.wakeOne();
    return error;
  }

  write(io: IoVector): i64 {
    if (io.remaining < VALUE_SIZE) return -EINVAL;
    const taken = io.takeAll(addressOf(threadScratch()), VALUE_SIZE);
    if (taken < 0) return taken;
    const value = load<u64>(threadScratch());
    if (value == COUNTER_LIMIT) return -EINVAL;
    if (value >= COUNTER_LIMIT - this.counter) {
      const error = this.waitForRoom(value);
      if (error != 0) return error;
    }
    this.counter += value;
    if (value != 0) {
      this.readers.wakeOne();
      this.notify(POLLIN);
    }
    return VALUE_SIZE;
  }

  /** Adds one without waiting, for the kernel's own use: at its end the counter stays there. */
  signal(): void {
    if (this.counter != COUNTER_LIMIT) this.counter++;
    this.readers.wakeOne();
    this.notify(POLLIN);
  }

  private waitForRoom(value: u64): i64 {
    let error: i64 = 0;
    while (error == 0 && value >= COUNTER_LIMIT - this.counter) {
      error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : this.writers.wait();
    }
    return error;
  }

  poll(): u32 {
    let mask: u32 = this.counter != 0 ? POLLIN : 0;
    if (this.counter < COUNTER_LIMIT - 1) mask |= POLLOUT;
    return this.counter == COUNTER_LIMIT ? mask | POLLERR : mask;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  anonymousName(): string {
    return "[eventfd]";
  }

  release(): void {
    free(this.readers);
    free(this.writers);
  }
}
