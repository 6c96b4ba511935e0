/**
 * Waiting for several files at once: the common part of poll(2) and select(2).
 *
 *     const set = pollSetTake()                from a pool; null when memory is short
 *     set.reserve(n)                           room for n entries; false when memory is short
 *     set.setEntry(i, fd, events)  or  loadUser(set.entries, …): entries are laid out as struct pollfd
 *     pollWait(set, n, always, deadline)       how many are ready, or -EINTR; each entry's `revents` is set
 *     pollSetGive(set)
 *
 * A set is kept with its observers, so the usual small one is used again and again without
 * allocation. Nothing is observed before a first look has found nothing ready. While a thread
 * sleeps, the set holds a reference on each file.
 */

import { File, fileGet, filePut, POLLERR, POLLHUP, POLLNVAL, PollObserver } from "../fs/file";
import { ENOMEM, ETIMEDOUT } from "../lib/errno";
import { netPoll } from "../net/poll";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { WaitQueue } from "../sched/wait-queue";
import { fdFile } from "./descriptors";

/** struct pollfd: i32 fd, i16 events, i16 revents. */
export const POLLFD_SIZE: usize = 8;
/** Entries that a pooled set has room for; larger ones are not kept. */
const POOLED_ENTRIES: u32 = 32;
const POOL_MAX = 16;
/**
 * What poll(2) reports whether asked for or not: `pollWait`'s `always`; select(2) has nothing such.
 */
export const POLL_ALWAYS: u32 = POLLERR | POLLHUP;
/** A `pollWait` that only looks. */
export const POLL_NOW: u64 = 0;

class PollWaiter extends PollObserver {
  wanted: u32 = 0;

  constructor(private queue: WaitQueue) {
    super();
  }

  ready(mask: u32): void {
    if ((mask & this.wanted) != 0) this.queue.wakeOne();
  }
}

@unmanaged
export class PollSet {
  /** Array of struct pollfd. */
  entries: usize;
  capacity: u32;
  /** Array of PollWaiter pointers, as long as `entries`; 0 where none has been needed yet. */
  private waiters: usize;
  private queue: WaitQueue;
  /** POLL* that every entry waits for. */
  always: u32;
  nextFree: PollSet | null;

  constructor() {
    this.entries = 0;
    this.capacity = 0;
    this.waiters = 0;
    this.always = 0;
    this.queue = new WaitQueue();
    this.nextFree = null;
  }

  /** Makes room for n entries, which are undefined then. False when memory is short. */
  reserve(n: u32): bool {
    if (n <= this.capacity) return true;
    this.freeArrays();
    const entries = heapAlloc(<usize>n * POLLFD_SIZE);
    if (entries == 0) return false;
    const waiters = heapAlloc((<usize>n) << 2);
    if (waiters == 0) {
      heapFree(entries);
      return false;
    }
    memory.fill(waiters, 0, (<usize>n) << 2);
    this.entries = entries;
    this.waiters = waiters;
    this.capacity = n;
    return true;
  }

  private freeArrays(): void {
    if (this.capacity == 0) return;
    for (let i: u32 = 0; i < this.capacity; i++) {
      const waiter = this.waiterAt(i);
      if (waiter) free(waiter);
    }
    heapFree(this.entries);
    heapFree(this.waiters);
    this.capacity = 0;
  }

  destroy(): void {
    this.freeArrays();
    free(this.queue);
    free(this);
  }

  setEntry(index: u32, fd: i32, events: u32): void {
    const at = this.entries + <usize>index * POLLFD_SIZE;
    store<i32>(at, fd);
    store<u16>(at, <u16>events, 4);
  }

  fd(index: u32): i32 {
    return load<i32>(this.entries + <usize>index * POLLFD_SIZE);
  }

  /** What an entry waits for. */
  wanted(index: u32): u32 {
    return load<u16>(this.entries + <usize>index * POLLFD_SIZE, 4) | this.always;
  }

  revents(index: u32): u32 {
    return load<u16>(this.entries + <usize>index * POLLFD_SIZE, 6);
  }

  private setRevents(index: u32, mask: u32): void {
    store<u16>(this.entries + <usize>index * POLLFD_SIZE, <u16>mask, 6);
  }

  private waiterAt(index: u32): PollWaiter | null {
    return load<PollWaiter | null>(this.waiters + ((<usize>index) << 2));
  }

  /** Looks at all files; returns how many entries have something to report. */
  look(n: u32): i32 {
    let ready = 0;
    for (let i: u32 = 0; i < n; i++) {
      const fd = this.fd(i);
      let mask: u32 = 0;
      if (fd >= 0) {
        const file = fdFile(fd);
        mask = file ? file.poll() & this.wanted(i) : POLLNVAL;
      }
      this.setRevents(i, mask);
      if (mask != 0) ready++;
    }
    return ready;
  }

  /** Observes all files. False when memory is short: those before that are observed. */
  private observe(n: u32): bool {
    for (let i: u32 = 0; i < n; i++) {
      const fd = this.fd(i);
      const file = fd >= 0 ? fdFile(fd) : null;
      if (!file) continue;
      let waiter = this.waiterAt(i);
      if (!waiter) {
        waiter = attempt(new PollWaiter(this.queue));
        if (!waiter) return false;
        store<PollWaiter>(this.waiters + ((<usize>i) << 2), waiter);
      }
      waiter.wanted = this.wanted(i);
      fileGet(file);
      file.addObserver(waiter);
    }
    return true;
  }

  /** Looks at the observed files, which may have other descriptors by now, or none. */
  private lookAgain(n: u32): i32 {
    let ready = 0;
    for (let i: u32 = 0; i < n; i++) {
      const waiter = this.waiterAt(i);
      const file: File | null = waiter ? waiter.observed : null;
      if (!file) continue;
      const mask = file.poll() & this.wanted(i);
      this.setRevents(i, mask);
      if (mask != 0) ready++;
    }
    return ready;
  }

  private unobserve(n: u32): void {
    for (let i: u32 = 0; i < n; i++) {
      const waiter = this.waiterAt(i);
      const file: File | null = waiter ? waiter.observed : null;
      if (!file) continue;
      file.removeObserver(waiter!);
      filePut(file);
    }
  }

  /**
   * Sleeps until one of n entries is ready: how many are, 0 at the deadline, -EINTR or -ENOMEM.
   */
  sleep(n: u32, deadline: u64): i32 {
    let ready = 0;
    let error = this.observe(n) ? 0 : -ENOMEM;
    while (ready == 0 && error == 0) {
      error = this.queue.wait(deadline);
      ready = this.lookAgain(n);
    }
    this.unobserve(n);
    return ready != 0 ? ready : error == -ETIMEDOUT ? 0 : error;
  }
}

let pool: PollSet | null = null;
let pooled = 0;

/** A set with room for some entries, or null. */
export function pollSetTake(): PollSet | null {
  const set = pool;
  if (set) {
    pool = set.nextFree;
    pooled--;
    return set;
  }
  const fresh = attempt(new PollSet());
  if (!fresh) return null;
  if (fresh.reserve(POOLED_ENTRIES)) return fresh;
  fresh.destroy();
  return null;
}

export function pollSetGive(set: PollSet): void {
  if (set.capacity != POOLED_ENTRIES || pooled == POOL_MAX) {
    set.destroy();
    return;
  }
  set.nextFree = pool;
  pool = set;
  pooled++;
}

/**
 * How many of the set's first n entries are ready, sleeping until one is. 0 at the deadline, or
 * -EINTR. Each entry also waits for the events of `always`.
 */
export function pollWait(set: PollSet, n: u32, always: u32, deadline: u64): i32 {
  set.always = always;
  netPoll();
  const ready = set.look(n);
  if (ready != 0 || deadline == POLL_NOW) return ready;
  return set.sleep(n, deadline);
}
