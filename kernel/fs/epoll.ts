/**
 * epoll(7): a set of files, and the list of those that may be ready.
 *
 *     epoll.add / modify / remove(file, fd, …)     epoll_ctl
 *     epoll.collect(out, max)                      ready events, as struct epoll_event, without sleeping
 *     epoll.waiters                                where threads sleep that found nothing
 *
 * Each watched file has an EpollItem, an observer in the file's list. When the file notifies, the
 * item goes to the end of the ready list (unless it is there) and one waiter is woken. `collect`
 * walks that list only, asks each file what is ready now, and so costs O(ready), however many files
 * are watched:
 *
 *     not ready any more      leaves the list
 *     level-triggered         is reported and goes to the list's end: the next `collect` looks again
 *     edge-triggered          is reported and leaves the list until the file notifies again
 *     one-shot                is reported, leaves the list, and is off until `modify`
 *
 * Items are found by descriptor: an array indexed by it, with a chain for the rare case that a
 * descriptor was closed and reused while a duplicate keeps the watched file open. The epoll set
 * holds no reference on files: one that ends (File.dropObservers) takes its item along. An epoll
 * file can be watched itself; loops and long chains are refused.
 *
 * Thread context; nothing in here sleeps.
 */
import { EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { WaitQueue } from "../sched/wait-queue";
import { File, O_RDWR, POLLERR, POLLHUP, POLLIN, POLLRDNORM, PollObserver } from "./file";
import { Stat } from "./stat";

// include/uapi/linux/eventpoll.h; the other EPOLL* are the POLL* of the same name.
export const EPOLLEXCLUSIVE: u32 = 1 << 28;
export const EPOLLWAKEUP: u32 = 1 << 29;
export const EPOLLONESHOT: u32 = 1 << 30;
export const EPOLLET: u32 = 0x80000000;
/** Flags that say how, not what, to watch. */
const MODE_FLAGS: u32 = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET;
/** Reported whether asked for or not. */
const ALWAYS: u32 = POLLERR | POLLHUP;
/** What may be combined with EPOLLEXCLUSIVE. */
const EXCLUSIVE_OK: u32 = 0x001 | 0x004 | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

/** struct epoll_event is packed on x86-64: u32 events, u64 data. */
export const EPOLL_EVENT_SIZE: usize = 12;
/** Linux's EP_MAX_NESTS: the longest chain of epoll files that watch each other. */
const NESTING_MAX = 4;
const TABLE_MIN: u32 = 64;

export class EpollItem extends PollObserver {
  /** What the file's readiness is held against; 0 once a one-shot item has been reported. */
  wanted: u32 = 0;
  /** As given to epoll_ctl. */
  events: u32 = 0;
  data: u64 = 0;
  queued: bool = false;
  readyNext: EpollItem | null = null;
  readyPrevious: EpollItem | null = null;
  /** Another file watched under the same descriptor number. */
  nextSameFd: EpollItem | null = null;

  constructor(
    public epoll: Epoll,
    public fd: i32,
  ) {
    super();
  }

  ready(mask: u32): void {
    if ((mask & this.wanted) != 0) this.epoll.itemReady(this);
  }

  closed(): void {
    this.epoll.forget(this);
  }

  setEvents(events: u32, data: u64): void {
    this.events = events;
    this.data = data;
    this.wanted = (events & ~MODE_FLAGS) | ALWAYS;
  }
}

/** For a loop's step, where the compiler forgets that the item is there. */
function nextOf(item: EpollItem | null): EpollItem | null {
  return item ? item.nextSameFd : null;
}

export class Epoll extends File {
  waiters: WaitQueue = new WaitQueue();
  /** Waits that found something ready without looking at the network first. */
  unpolled: u32 = 0;
  /** Buffer for events on their way to the application, kept between waits; 0 while in use. */
  buffer: usize = 0;

  // The items that may be ready, oldest first.
  private first: EpollItem | null = null;
  private last: EpollItem | null = null;
  private readyCount: u32 = 0;

  // The items by descriptor.
  private items: usize = 0;
  private itemsSize: u32 = 0;

  constructor() {
    super();
    this.flags = O_RDWR;
  }

  @inline
  mayBeReady(): bool {
    return this.first != null;
  }

  /** As `mayBeReady`, for a condition made of several: 0 when nothing can be. */
  @inline
  readiness(): u32 {
    return <u32>changetype<usize>(this.first);
  }

  /** Whether a single item may be ready. */
  @inline
  hasOne(): bool {
    return this.readyCount == 1;
  }

  /** How many events there can be to take now, `max` at most. */
  @inline
  readyLimit(max: u32): u32 {
    return min(max, this.readyCount);
  }

  // ---- The set ----

  private itemAt(fd: u32): EpollItem | null {
    return fd < this.itemsSize ? load<EpollItem | null>(this.items + ((<usize>fd) << 2)) : null;
  }

  private setItemAt(fd: u32, item: EpollItem | null): void {
    store<usize>(this.items + ((<usize>fd) << 2), changetype<usize>(item));
  }

  private find(file: File, fd: i32): EpollItem | null {
    let item = this.itemAt(fd);
    while (item && item.observed != file) item = item.nextSameFd;
    return item;
  }

  private growTable(fd: u32): i32 {
    if (fd < this.itemsSize) return 0;
    let size = max(this.itemsSize, TABLE_MIN);
    while (size <= fd) size <<= 1;
    const larger = heapAlloc((<usize>size) << 2);
    if (larger == 0) return -ENOMEM;
    const used = (<usize>this.itemsSize) << 2;
    memory.copy(larger, this.items, used);
    memory.fill(larger + used, 0, ((<usize>size) << 2) - used);
    if (this.items != 0) heapFree(this.items);
    this.items = larger;
    this.itemsSize = size;
    return 0;
  }

  /** EPOLL_CTL_ADD. 0, -EEXIST, -EINVAL, -ELOOP or -ENOMEM. */
  add(file: File, fd: i32, events: u32, data: u64): i32 {
    if ((events & EPOLLEXCLUSIVE) != 0 && (events & ~EXCLUSIVE_OK) != 0) return -EINVAL;
    if (this.find(file, fd)) return -EEXIST;
    if (file instanceof Epoll) {
      if ((events & EPOLLEXCLUSIVE) != 0) return -EINVAL;
      const below = (<Epoll>file).chainBelow(this, NESTING_MAX);
      if (below + 1 + this.chainAbove(NESTING_MAX) > NESTING_MAX) return -ELOOP;
    }
    const error = this.growTable(fd);
    if (error != 0) return error;
    const item = attempt(new EpollItem(this, fd));
    if (!item) return -ENOMEM;
    item.setEvents(events, data);
    item.nextSameFd = this.itemAt(fd);
    this.setItemAt(fd, item);
    file.addObserver(item);
    item.ready(file.poll());
    return 0;
  }

  /** EPOLL_CTL_MOD. 0, -ENOENT or -EINVAL. */
  modify(file: File, fd: i32, events: u32, data: u64): i32 {
    const item = this.find(file, fd);
    if (!item) return -ENOENT;
    if (((events | item.events) & EPOLLEXCLUSIVE) != 0) return -EINVAL;
    item.setEvents(events, data);
    item.ready(file.poll());
    return 0;
  }

  /** EPOLL_CTL_DEL. 0 or -ENOENT. */
  remove(file: File, fd: i32): i32 {
    const item = this.find(file, fd);
    if (!item) return -ENOENT;
    file.removeObserver(item);
    this.forget(item);
    return 0;
  }

  /** Takes out and frees an item that is in no file's list any more. */
  forget(item: EpollItem): void {
    if (item.queued) this.unqueue(item);
    const head = this.itemAt(item.fd)!;
    if (head == item) {
      this.setItemAt(item.fd, item.nextSameFd);
    } else {
      let before = head;
      while (before.nextSameFd != item) before = before.nextSameFd!;
      before.nextSameFd = item.nextSameFd;
    }
    free(item);
  }

  /**
   * How many sets watch each other below this one, in the longest chain; NESTING_MAX when it leads
   * to `target` or is longer than `limit`.
   */
  private chainBelow(target: Epoll, limit: i32): i32 {
    if (this == target || limit == 0) return NESTING_MAX;
    let longest = 0;
    for (let fd: u32 = 0; fd < this.itemsSize; fd++) {
      for (let item = this.itemAt(fd); item; item = nextOf(item)) {
        const file = item.observed!;
        if (file instanceof Epoll) {
          longest = max(longest, 1 + (<Epoll>file).chainBelow(target, limit - 1));
        }
      }
    }
    return longest;
  }

  /** As `chainBelow`, of those that watch this one. */
  private chainAbove(limit: i32): i32 {
    if (limit == 0) return NESTING_MAX;
    let longest = 0;
    let observer = this.firstObserver();
    while (observer) {
      if (observer instanceof EpollItem) {
        longest = max(longest, 1 + (<EpollItem>observer).epoll.chainAbove(limit - 1));
      }
      observer = observer.nextObserver;
    }
    return longest;
  }

  // ---- The ready list ----

  private queue(item: EpollItem): void {
    const last = this.last;
    item.queued = true;
    item.readyNext = null;
    item.readyPrevious = last;
    if (last) last.readyNext = item;
    else this.first = item;
    this.last = item;
    this.readyCount++;
  }

  private unqueue(item: EpollItem): void {
    const next = item.readyNext;
    const previous = item.readyPrevious;
    if (previous) previous.readyNext = next;
    else this.first = next;
    if (next) next.readyPrevious = previous;
    else this.last = previous;
    item.queued = false;
    this.readyCount--;
  }

  /** A watched file may be ready: tells one waiter, and who watches this set. */
  itemReady(item: EpollItem): void {
    if (item.queued) return;
    this.queue(item);
    this.waiters.wakeOne();
    if (this.hasObservers()) this.notify(POLLIN | POLLRDNORM);
  }

  /**
   * Looks at the first item of the list, reports what is ready, and moves the item to where it
   * belongs then.
   */
  @inline
  private look(item: EpollItem): u32 {
    const events = item.observed!.poll() & item.wanted;
    const keep = events != 0 && (item.events & (EPOLLET | EPOLLONESHOT)) == 0;
    // Alone in the list, a level-triggered item is at its end already.
    if (!keep || item.readyNext != null) {
      this.unqueue(item);
      if (keep) this.queue(item);
      if (events != 0 && (item.events & EPOLLONESHOT) != 0) item.wanted = 0;
    }
    return events;
  }

  /**
   * The short way when only one item may be ready: stores its struct epoll_event at `out`. False
   * when it is not.
   */
  collectOne(out: usize): bool {
    const item = this.first!;
    const events = this.look(item);
    if (events == 0) return false;
    store<u32>(out, events);
    store<u64>(out, item.data, 4);
    return true;
  }

  /** Stores up to `max` ready events at `out` and returns how many. */
  collect(out: usize, max: u32): u32 {
    let found: u32 = 0;
    let at = out;
    for (let left = this.readyCount; left != 0 && found != max; left--) {
      const item = this.first!;
      const events = this.look(item);
      if (events == 0) continue;
      store<u32>(at, events);
      store<u64>(at, item.data, 4);
      at += EPOLL_EVENT_SIZE;
      found++;
    }
    return found;
  }

  /** Ready when an item is: looks without reporting. */
  poll(): u32 {
    for (let item = this.first; item; item = this.first) {
      if ((item.observed!.poll() & item.wanted) != 0) return POLLIN | POLLRDNORM;
      this.unqueue(item);
    }
    return 0;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  anonymousName(): string {
    return "[eventpoll]";
  }

  release(): void {
    for (let fd: u32 = 0; fd < this.itemsSize; fd++) {
      let item = this.itemAt(fd);
      while (item) {
        const next = item.nextSameFd;
        item.observed!.removeObserver(item);
        free(item);
        item = next;
      }
    }
    if (this.items != 0) heapFree(this.items);
    if (this.buffer != 0) heapFree(this.buffer);
    free(this.waiters);
  }
}
