/**
 * inotify(7): a file that is read for what happens to others.
 *
 *     inotifyCreate(flags)                    an Inotify (usize, one reference) or -errno
 *     instance.watch(dentry, mask)            a watch descriptor or -errno
 *     instance.unwatch(wd)
 *     instance.happened(watch, mask, …)       from watch.ts: queues an event
 *     instance.remove(watch)                  ends a watch, and says so (IN_IGNORED)
 *
 * An event is a struct inotify_event in the queue, as the reader gets it. One that is equal to the
 * last in the queue says nothing new and is left out. When the queue is full, or memory for an
 * event is short, IN_Q_OVERFLOW takes its place, once until that has been read; its memory is there
 * from the start.
 *
 * With more CPUs queue and watches need a lock per instance.
 */
import { addressOf } from "../arch/hw";
import { EAGAIN, EEXIST, EINVAL, EMFILE, ENOMEM, ENOSPC, ENOTTY } from "../lib/errno";
import { HashTable } from "../lib/hash-table";
import { TextBuffer } from "../lib/text-buffer";
import { storeUser32 } from "../linux/user-memory";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { WaitQueue } from "../sched/wait-queue";
import { Dentry } from "./dentry";
import { File, O_NONBLOCK, O_RDONLY, POLLIN, POLLRDNORM } from "./file";
import { Inode } from "./inode";
import {
  IN_ALL_EVENTS,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
} from "./inotify-events";
import { IoVector } from "./io-vector";
import { FIONREAD } from "./pipe";
import { Stat } from "./stat";
import { Watch, watchesThere } from "./watch";

/** Linux's defaults of fs.inotify.*; watches: what a machine of some 16 GiB has there. */
const INSTANCES_MAX: u32 = 128;
const EVENTS_MAX: u32 = 16384;
const WATCHES_MAX: u32 = 131072;

/** The limits as they are set (/proc/sys/fs/inotify). */
@unmanaged
class InotifyLimits {
  instances: u32;
  watches: u32;
  /** Of an instance, from when it is made on. */
  events: u32;

  constructor() {
    this.instances = INSTANCES_MAX;
    this.watches = WATCHES_MAX;
    this.events = EVENTS_MAX;
  }
}

export const inotifyLimits = new InotifyLimits();

/** What of the mask of inotify_add_watch(2) stays with the watch. */
const KEPT: u32 = IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK;
/** struct inotify_event without its name; a name is padded to a multiple of this. */
const EVENT_SIZE: u32 = 16;

let instanceCount: u32 = 0;

/** An event in the queue; the struct inotify_event follows the object. */
@unmanaged
class QueuedEvent {
  next: QueuedEvent | null;
  /** Bytes that the reader gets. */
  size: u32;
  nameLength: u32;
  // struct inotify_event
  wd: i32;
  mask: u32;
  cookie: u32;
  /** Of the name with its padding. */
  length: u32;

  @inline
  get record(): usize {
    return changetype<usize>(this) + offsetof<QueuedEvent>("wd");
  }

  @inline
  get name(): usize {
    return changetype<usize>(this) + offsetof<QueuedEvent>();
  }

  /** Null when memory is short. */
  static create(wd: i32, mask: u32, cookie: u32, name: usize, length: u32): QueuedEvent | null {
    // A name ends with a zero byte at least.
    const padded = length == 0 ? 0 : (length + EVENT_SIZE) & ~(EVENT_SIZE - 1);
    const pointer = heapAlloc(offsetof<QueuedEvent>() + <usize>padded);
    if (pointer == 0) return null;
    const event = changetype<QueuedEvent>(pointer);
    event.next = null;
    event.size = EVENT_SIZE + padded;
    event.nameLength = length;
    event.wd = wd;
    event.mask = mask;
    event.cookie = cookie;
    event.length = padded;
    memory.copy(event.name, name, length);
    memory.fill(event.name + <usize>length, 0, padded - length);
    return event;
  }

  /** Whether another event would say the same. */
  says(wd: i32, mask: u32, name: usize, length: u32): bool {
    if (this.wd != wd || this.mask != mask || this.nameLength != length) return false;
    return (mask & IN_IGNORED) == 0 && memory.compare(this.name, name, length) == 0;
  }
}
if (offsetof<QueuedEvent>() - offsetof<QueuedEvent>("wd") != 16) {
  ERROR("struct inotify_event is 16 bytes");
}

export class Inotify extends File {
  private head: QueuedEvent | null = null;
  private tail: QueuedEvent | null = null;
  private queued: u32 = 0;
  private bytesQueued: u32 = 0;
  /** See the header; the instance's own. */
  private overflow: usize;
  private isOverflowQueued: bool = false;
  private readers: WaitQueue = new WaitQueue();
  private watches: HashTable = new HashTable();
  private firstWatch: Watch | null = null;
  private lastWd: i32 = 0;
  private eventsMax: u32 = inotifyLimits.events;

  /** Takes over the event for IN_Q_OVERFLOW. */
  constructor(overflow: usize, flags: u32) {
    super();
    this.overflow = overflow;
    this.flags = O_RDONLY | (flags & O_NONBLOCK);
    instanceCount++;
  }

  // ---- Watches ----------------------------------------------------------------------------------

  private find(wd: i32): Watch | null {
    const node = this.watches.first(wd);
    return node ? changetype<Watch>(node) : null;
  }

  /**
   * Watches the file behind a dentry, or changes what is watched of it (inotify_add_watch(2)).
   * Returns the watch descriptor, -EEXIST (IN_MASK_CREATE), -ENOSPC (too many), -ENOMEM.
   */
  watch(dentry: Dentry, mask: u32): i32 {
    const inode = dentry.inode!;
    let present = inode.watches;
    while (present && present.instance != this) present = present.nextOfInode;
    if (present) {
      if ((mask & IN_MASK_CREATE) != 0) return -EEXIST;
      const kept: u32 = (mask & IN_MASK_ADD) != 0 ? present.mask : 0;
      present.mask = kept | (mask & KEPT);
      return present.wd;
    }
    if (watchesThere() >= inotifyLimits.watches) return -ENOSPC;
    const watch = attempt(new Watch(this, this.lastWd + 1, mask & KEPT, dentry));
    if (!watch) return -ENOMEM;
    if (!this.watches.insert(watch, watch.wd)) {
      watch.end();
      free(watch);
      return -ENOMEM;
    }
    this.lastWd++;
    const next = this.firstWatch;
    watch.nextOfInstance = next;
    if (next) next.previousOfInstance = watch;
    this.firstWatch = watch;
    return watch.wd;
  }

  /** inotify_rm_watch(2): 0 or -EINVAL. */
  unwatch(wd: i32): i32 {
    const watch = this.find(wd);
    if (!watch) return -EINVAL;
    this.remove(watch);
    return 0;
  }

  /** Ends a watch; its reader hears that it is gone. */
  remove(watch: Watch): void {
    this.queue(watch.wd, IN_IGNORED, 0, 0, 0);
    this.forget(watch);
  }

  private forget(watch: Watch): void {
    const next = watch.nextOfInstance;
    const previous = watch.previousOfInstance;
    if (previous) previous.nextOfInstance = next;
    else this.firstWatch = next;
    if (next) next.previousOfInstance = previous;
    this.watches.remove(watch);
    watch.end();
    free(watch);
  }

  // ---- The queue --------------------------------------------------------------------------------

  /** An event that `watch` is for; `name` (0: none) is of `length` bytes. It may end the watch. */
  happened(watch: Watch, mask: u32, cookie: u32, name: usize, length: u32): void {
    this.queue(watch.wd, mask, cookie, name, length);
    if ((watch.mask & IN_ONESHOT) != 0) this.remove(watch);
  }

  private queue(wd: i32, mask: u32, cookie: u32, name: usize, length: u32): void {
    const last = this.tail;
    if (last && last.says(wd, mask, name, length)) return;
    let event: QueuedEvent | null = null;
    if (this.queued < this.eventsMax) {
      event = QueuedEvent.create(wd, mask, cookie, name, length);
    }
    if (!event) {
      if (this.isOverflowQueued) return;
      this.isOverflowQueued = true;
      event = changetype<QueuedEvent>(this.overflow);
      event.next = null;
    }
    if (last) last.next = event;
    else this.head = event;
    this.tail = event;
    this.queued++;
    this.bytesQueued += event.size;
    this.readers.wakeAll();
    this.notify(POLLIN | POLLRDNORM);
  }

  /** Takes the first event off the queue. */
  private take(event: QueuedEvent): void {
    const next = event.next;
    this.head = next;
    if (!next) this.tail = null;
    this.queued--;
    this.bytesQueued -= event.size;
    if (changetype<usize>(event) == this.overflow) this.isOverflowQueued = false;
  }

  /** Frees an event that was taken; the one for the overflow is used again. */
  private drop(event: QueuedEvent): void {
    if (changetype<usize>(event) != this.overflow) heapFree(changetype<usize>(event));
  }

  // ---- File -------------------------------------------------------------------------------------

  /** As many whole events as fit; sleeps for the first. -EINVAL when not even that fits. */
  read(io: IoVector): i64 {
    while (this.head == null) {
      const error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : this.readers.wait();
      if (error != 0) return error;
    }
    let done: i64 = 0;
    for (let event = this.head; event && io.remaining >= event.size; event = this.head) {
      // The copy may sleep: nobody else is to read this event meanwhile.
      this.take(event);
      const copied = io.putAll(addressOf(event.record), event.size);
      this.drop(event);
      if (copied < 0) return copied;
      done += copied;
    }
    return done != 0 ? done : -EINVAL;
  }

  poll(): u32 {
    return this.head != null ? POLLIN | POLLRDNORM : 0;
  }

  ioctl(request: u32, argument: u64): i64 {
    return request == FIONREAD ? storeUser32(argument, this.bytesQueued) : -ENOTTY;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  describe(out: TextBuffer): void {
    let watch = this.firstWatch;
    while (watch) {
      const inode: Inode = watch.inode;
      out.put("inotify wd:").hex(watch.wd).put(" ino:").hex(inode.number);
      out
        .put(" sdev:")
        .hex(inode.fileSystem.device)
        .put(" mask:")
        .hex(watch.mask & IN_ALL_EVENTS);
      out.put(" ignored_mask:0\n");
      watch = watch.nextOfInstance;
    }
  }

  anonymousName(): string {
    return "inotify";
  }

  release(): void {
    for (let watch = this.firstWatch; watch; watch = this.firstWatch) this.forget(watch);
    for (let event = this.head; event; event = this.head) {
      this.take(event);
      this.drop(event);
    }
    heapFree(this.overflow);
    this.watches.destroy();
    free(this.watches);
    free(this.readers);
    instanceCount--;
  }
}

/** A new instance: `flags` may have O_NONBLOCK. -EMFILE (too many instances), -ENOMEM. */
export function inotifyCreate(flags: u32): usize {
  if (instanceCount >= inotifyLimits.instances) return -EMFILE;
  const overflow = QueuedEvent.create(-1, IN_Q_OVERFLOW, 0, 0, 0);
  if (!overflow) return -ENOMEM;
  const instance = attempt(new Inotify(changetype<usize>(overflow), flags));
  if (instance) return changetype<usize>(instance);
  heapFree(changetype<usize>(overflow));
  return -ENOMEM;
}
