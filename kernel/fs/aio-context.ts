/**
 * Contexts of Linux' asynchronous I/O (io_setup(2)): a ring of events that lies in the application.
 *
 *     aioContextCreate(requests)       with one reference; null: memory is out
 *     context.begin(), abandon()       one more request; false: there is no room for its event
 *     context.complete(…)              enters an event and wakes who waits for it
 *     context.poll(request)            IOCB_CMD_POLL: completes when a file is ready
 *     context.copyEvents(to, most)     what is in the ring, up to 8, which `taken` takes out
 *     context.kill()                   io_destroy: what is pending is dropped
 *
 * The ring's pages are the source of an area of the application, and the context lives as long as
 * something maps it or a call uses it. Libraries read events right from the ring and move its head,
 * so the head is a claim each time it is looked at; the tail is the kernel's, and only told there.
 *
 * One entry of the ring stays free: the head at the tail means that it is empty.
 */
import { addressOf, copy, fill, load32, store32, store64 } from "../arch/hw";
import { TextBuffer } from "../lib/text-buffer";
import {
  allocPages,
  directMap,
  PAGE_SHIFT,
  PAGE_SIZE,
  pageGet,
  pagePut,
} from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { WaitQueue } from "../sched/wait-queue";
import { EventFile } from "./event-file";
import { File, filePut, PollObserver } from "./file";
import { PageSource } from "./page-source";

/*
 * struct aio_ring (fs/aio.c), which is the beginning of the first page:
 *
 *     0 u32 id   4 nr   8 head   12 tail   16 magic   20 compat_features   24 incompat_features
 *     28 header_length   32 struct io_event: 0 u64 data   8 u64 obj   16 i64 res   24 i64 res2
 */
const RING_NR: u64 = 4;
const RING_HEAD: u64 = 8;
const RING_TAIL: u64 = 12;
const RING_MAGIC: u64 = 16;
const RING_COMPAT: u64 = 20;
const RING_HEADER_LENGTH: u64 = 28;
const AIO_RING_MAGIC: u32 = 0xa10a10a1;
const AIO_RING_COMPAT_FEATURES: u32 = 1;
const HEADER_SIZE: u64 = 32;
export const IO_EVENT_SIZE: u64 = 32;
/** How many events `copyEvents` copies at a time. */
export const EVENTS_AT_ONCE: u32 = 8;

/** Requests of all contexts that there may be: /proc/sys/fs/aio-max-nr. */
export const AIO_MAX_NR: u32 = 65536;
let requestsTotal: u32 = 0;

export function aioRequests(): u32 {
  return requestsTotal;
}

/** A file that is waited for. Holds references on it and on the eventfd. */
export class AioPoll extends PollObserver {
  nextPoll: AioPoll | null = null;

  /** `request`: the address of the iocb, by which it is cancelled; `wanted`: POLL*. */
  constructor(
    readonly context: AioContext,
    readonly file: File,
    readonly event: EventFile | null,
    readonly request: u64,
    readonly data: u64,
    readonly wanted: u32,
  ) {
    super();
  }

  ready(mask: u32): void {
    const found = this.file.poll() & this.wanted;
    if (found != 0) this.context.polled(this, found);
  }

  destroy(): void {
    const event = this.event;
    filePut(this.file);
    if (event) filePut(event);
    free(this);
  }
}

export class AioContext extends PageSource {
  /** Threads that wait for events. */
  readonly arrived: WaitQueue = new WaitQueue();
  isDead: bool = false;
  /** How many events have ever been taken out by calls. */
  private takenCount: u64 = 0;
  private tail: u32 = 0;
  /** Requests that have begun: each is sure of an entry for its event. */
  private underWay: u32 = 0;
  /** Requests that wait for a file; and those that are over and hold their files still. */
  private pending: AioPoll | null = null;
  private over: AioPoll | null = null;

  /** Takes over `frames`, an array of the numbers of so many page frames. */
  constructor(
    private frames: usize,
    private pageCount: u32,
    private requests: u32,
  ) {
    super();
    requestsTotal += requests;
    const header = this.page(0);
    store32(header + RING_NR, this.entries);
    store32(header + RING_MAGIC, AIO_RING_MAGIC);
    store32(header + RING_COMPAT, AIO_RING_COMPAT_FEATURES);
    store32(header + RING_HEADER_LENGTH, <u32>HEADER_SIZE);
  }

  private get entries(): u32 {
    return <u32>((((<u64>this.pageCount) << PAGE_SHIFT) - HEADER_SIZE) / IO_EVENT_SIZE);
  }

  private frame(index: u32): u64 {
    return (<u64>load<u32>(this.frames + ((<usize>index) << 2))) << PAGE_SHIFT;
  }

  /** Where the kernel finds a page. */
  private page(index: u32): u64 {
    return directMap(this.frame(index));
  }

  /** Where the kernel finds an entry of the ring: none lies on two pages. */
  private entry(index: u32): u64 {
    const offset = HEADER_SIZE + <u64>index * IO_EVENT_SIZE;
    return this.page(<u32>(offset >> PAGE_SHIFT)) + (offset & (PAGE_SIZE - 1));
  }

  private get head(): u32 {
    return load32(this.page(0) + RING_HEAD) % this.entries;
  }

  // ---- A source of pages ------------------------------------------------------------------------

  size(): u64 {
    return (<u64>this.pageCount) << PAGE_SHIFT;
  }

  getPage(index: u64): i64 {
    return <i64>this.peekPage(index);
  }

  peekPage(index: u64): u64 {
    if (index >= this.pageCount) return 0;
    const frame = this.frame(<u32>index);
    pageGet(frame);
    return frame;
  }

  putName(out: TextBuffer): void {
    out.put("/[aio] (deleted)");
  }

  put(): void {
    if (--this.references == 0) this.release();
  }

  release(): void {
    this.kill();
    this.settle();
    requestsTotal -= this.requests;
    freeFrames(this.frames, this.pageCount);
    free(this.arrived);
    free(this);
  }

  // ---- Events -----------------------------------------------------------------------------------

  /** How many events are in the ring. */
  available(): u32 {
    const entries = this.entries;
    return (this.tail + entries - this.head) % entries;
  }

  /** One more request. False: there would be no room for its event. */
  begin(): bool {
    if (this.available() + this.underWay >= this.entries - 1) return false;
    this.underWay++;
    return true;
  }

  /** A request that has begun comes to nothing. */
  abandon(): void {
    this.underWay--;
  }

  /** Enters the result of a request, and counts it in its eventfd. Does not sleep. */
  complete(request: u64, data: u64, result: i64, event: EventFile | null): void {
    this.underWay--;
    const at = this.entry(this.tail);
    store64(at, data);
    store64(at + 8, request);
    store64(at + 16, result);
    store64(at + 24, 0);
    this.tail = (this.tail + 1) % this.entries;
    // The application may look at the ring at any time, and finds the event whole.
    store32(this.page(0) + RING_TAIL, this.tail);
    if (event) event.signal();
    this.arrived.wakeAll();
  }

  /** Copies events from the ring, up to `most` and EVENTS_AT_ONCE. Returns how many. */
  copyEvents(to: usize, most: u32): u32 {
    const count = min(min(most, EVENTS_AT_ONCE), this.available());
    const head = this.head;
    for (let i: u32 = 0; i < count; i++) {
      const from = this.entry((head + i) % this.entries);
      copy(addressOf(to) + <u64>i * IO_EVENT_SIZE, from, IO_EVENT_SIZE);
    }
    return count;
  }

  /** What `taken` compares: the same again means that nobody has taken events meanwhile. */
  get position(): u64 {
    return this.takenCount;
  }

  /** Takes out what was copied at a position. False: another has taken some of it. */
  taken(position: u64, count: u32): bool {
    if (position != this.takenCount) return false;
    this.takenCount += count;
    store32(this.page(0) + RING_HEAD, (this.head + count) % this.entries);
    return true;
  }

  // ---- Files that are waited for ----------------------------------------------------------------

  /** Takes a request over. It completes at once if its file is ready. */
  poll(poll: AioPoll): void {
    poll.nextPoll = this.pending;
    this.pending = poll;
    poll.file.addObserver(poll);
    poll.ready(poll.wanted);
  }

  private unlink(poll: AioPoll): void {
    poll.file.removeObserver(poll);
    if (this.pending == poll) {
      this.pending = poll.nextPoll;
    } else {
      let before = this.pending;
      while (before && before.nextPoll != poll) before = before.nextPoll;
      if (before) before.nextPoll = poll.nextPoll;
    }
    // The file is in the midst of telling: its reference is given back later, by `settle`.
    poll.nextPoll = this.over;
    this.over = poll;
  }

  /** A pending request is over. Does not sleep. */
  polled(poll: AioPoll, result: i64): void {
    this.unlink(poll);
    this.complete(poll.request, poll.data, result, poll.event);
  }

  /** io_cancel(2): its event says 0. False: there is no such request. */
  cancel(request: u64): bool {
    let poll = this.pending;
    while (poll && poll.request != request) poll = poll.nextPoll;
    if (poll) this.polled(poll, 0);
    return poll != null;
  }

  /** Gives back the files of requests that are over. Each call on a context does. May sleep. */
  settle(): void {
    for (let poll = this.over; poll; poll = this.over) {
      this.over = poll.nextPoll;
      poll.destroy();
    }
  }

  /** Nothing comes any more. */
  kill(): void {
    this.isDead = true;
    for (let poll = this.pending; poll; poll = this.pending) this.unlink(poll);
    this.arrived.wakeAll();
  }
}

function freeFrames(frames: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    pagePut((<u64>load<u32>(frames + ((<usize>i) << 2))) << PAGE_SHIFT);
  }
  heapFree(frames);
}

/** An array of the numbers of so many zeroed page frames; 0: memory is out. */
function allocateFrames(count: u32): usize {
  const frames = heapAlloc((<usize>count) << 2);
  if (frames == 0) return 0;
  for (let i: u32 = 0; i < count; i++) {
    const frame = allocPages(0);
    if (frame == 0) {
      freeFrames(frames, i);
      return 0;
    }
    fill(directMap(frame), 0, PAGE_SIZE);
    store<u32>(frames + ((<usize>i) << 2), <u32>(frame >> PAGE_SHIFT));
  }
  return frames;
}

/** A context for so many requests at a time, 1 to AIO_MAX_NR. */
export function aioContextCreate(requests: u32): AioContext | null {
  const bytes = HEADER_SIZE + (<u64>requests + 1) * IO_EVENT_SIZE;
  const pages = <u32>((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
  const frames = allocateFrames(pages);
  if (frames == 0) return null;
  const context = attempt(new AioContext(frames, pages, requests));
  if (!context) freeFrames(frames, pages);
  return context;
}
