/**
 * The virtio block device.
 *
 *     virtioBlkProbe(transport) → VirtioBlk      set up and live, or null
 *     read(sector, pages, pageCount)             one request per up to seg_max segments; many threads at once
 *
 * A request lives in a page of its own: header, status, and a table of indirect descriptors, so
 * that a request of any number of segments takes one place on the ring; short ones go on the ring
 * directly, which is cheaper for the device.
 *
 *     0 header (16 bytes) | 16 status | 64 indirect table, 16 bytes each …
 *
 * Waiting: first a spin, since an interrupt and two context switches cost more than most requests
 * take, and only then sleep; at once when another thread could use the CPU. Whoever looks at the
 * ring completes all requests that are through and wakes their threads if they sleep. A disk that
 * does not answer is waited for without limit: the host's storage may stall for minutes, and an
 * error would be an answer that nobody gave. Thread
 * context; threads are not preempted in the kernel, so what is between two sleeps is a critical
 * section.
 */

import * as hw from "../../arch/hw";
import { EIO } from "../../lib/errno";
import { LOG_ERROR, logBegin, logEnd, put, putDecimal } from "../../lib/log";
import { allocPages, directMap, freePages, PAGE_SIZE } from "../../mem/page-allocator";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { LOCK_DISK } from "../../sched/lock-order";
import { runQueueLength } from "../../sched/run-queue";
import { WaitQueue } from "../../sched/wait-queue";
import { monotonicNs } from "../../time/clock";
import { BlockDevice, countDiskRead, SECTORS_PER_PAGE } from "../block";
import { VirtioTransport, virtioQueue } from "./transport";
import {
  CONFIG_CAPACITY,
  CONFIG_SEG_MAX,
  CONFIG_SIZE_MAX,
  QUEUE_REQUESTS,
  REQUEST_HEADER_SIZE,
  REQUEST_SECTOR,
  REQUEST_TYPE,
  VIRTIO_BLK_F_SEG_MAX,
  VIRTIO_BLK_F_SIZE_MAX,
  VIRTIO_BLK_S_OK,
  VIRTIO_BLK_T_IN,
} from "./virtio-blk-regs";
import {
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTQ_DESC_F_INDIRECT,
  VIRTQ_DESC_F_WRITE,
} from "./virtio-regs";
import { DESC_SIZE, indirectStore, Virtqueue } from "./virtqueue";

const QUEUE_SIZE_MAX: u32 = 128;
/** How long to look at the ring before sleeping. */
const SPIN_NS: u64 = 100_000;
const SPINS_PER_CLOCK_READ = 16;
/** Requests with more descriptors than this use an indirect table. */
const DIRECT_MAX: u32 = 6;

/** Header, one segment, status. */
const DESCRIPTORS_MIN: u32 = 3;

const STATUS_OFFSET: u64 = 16;
const TABLE_OFFSET: u64 = 64;
const TABLE_ENTRIES: u32 = <u32>((PAGE_SIZE - TABLE_OFFSET) / DESC_SIZE);
/** Neither success nor one of the device's errors. */
const STATUS_PENDING: u32 = 0xff;
/** Success, but not all pages were written. */
const STATUS_SHORT: u32 = 0xfe;

@unmanaged
export class BlockRequest {
  next: BlockRequest | null;
  done: bool;
  /** What the device says that it wrote. */
  written: u32;
  /** Pages that it reads. */
  pageCount: u32;
  /** Of the page that holds the request. */
  physical: u64;
  address: u64;
}

/** A piece of a request's data, contiguous in physical memory. */
@unmanaged
class Segment {
  address: u64;
  length: u64;
}

export class VirtioBlk extends BlockDevice {
  /** Set by `start`, before anything can use it. */
  private queue: Virtqueue = changetype<Virtqueue>(0);
  private indirect: bool = false;
  /** Data segments of one request, and bytes of one segment. */
  private segmentsMax: u32 = 0;
  private segmentSizeMax: u64 = 0;
  private freeRequests: BlockRequest | null = null;
  /** Threads that sleep until a request completes. */
  private completion: WaitQueue = new WaitQueue();
  private segment: Segment = new Segment();

  /** Takes over a device that has agreed on its features. 0 or -errno. */
  start(transport: VirtioTransport): i32 {
    const context = changetype<usize>(this);
    const queue = virtioQueue(transport, QUEUE_REQUESTS, QUEUE_SIZE_MAX, diskInterrupt, context);
    if (!queue) return transport.fail("has no request queue");
    this.queue = queue;
    this.indirect = transport.hasFeature(VIRTIO_F_INDIRECT_DESC);
    this.sectorCount = transport.configLoad64(CONFIG_CAPACITY);
    let segments: u32 = 1;
    if (transport.hasFeature(VIRTIO_BLK_F_SEG_MAX)) {
      segments = max<u32>(1, transport.configLoad32(CONFIG_SEG_MAX));
    }
    // Header and status are descriptors as well.
    const room = this.indirect ? TABLE_ENTRIES : <u32>this.queue.size;
    if (room < DESCRIPTORS_MIN) return transport.fail("has a queue too small for a request");
    this.segmentsMax = min(segments, room - 2);
    this.segmentSizeMax = 0x40000000;
    if (transport.hasFeature(VIRTIO_BLK_F_SIZE_MAX)) {
      this.segmentSizeMax = max<u64>(PAGE_SIZE, transport.configLoad32(CONFIG_SIZE_MAX));
    }
    transport.driverOk();
    return 0;
  }

  read(sector: u64, pages: usize, pageCount: u32): i32 {
    let at = pages;
    let left = pageCount;
    let from = sector;
    if (<u64>pageCount * SECTORS_PER_PAGE > this.sectorCount - min(sector, this.sectorCount)) {
      return -EIO;
    }
    while (left > 0) {
      const request = this.readBegin(from, at, left);
      if (!request) return -EIO;
      const count = request.pageCount;
      const error = this.readFinish(request);
      if (error != 0) return error;
      at += (<usize>count) << 3;
      left -= count;
      from += <u64>count * SECTORS_PER_PAGE;
    }
    return 0;
  }

  /** A request nobody uses; null when out of memory. */
  private takeRequest(): BlockRequest | null {
    const used = this.freeRequests;
    if (used) {
      this.freeRequests = used.next;
      return used;
    }
    const physical = allocPages(0);
    if (physical == 0) return null;
    const request = attempt(new BlockRequest());
    if (!request) {
      freePages(physical, 0);
      return null;
    }
    request.physical = physical;
    request.address = directMap(physical);
    return request;
  }

  /**
   * Puts a request for as many of the pages as one takes on the ring; `pageCount` of it says how
   * many. It is to be given to `readFinish`. Null when out of memory, or when the device has been
   * given up. May sleep when the ring is full.
   */
  readBegin(sector: u64, pages: usize, pageCount: u32): BlockRequest | null {
    if (this.queue.isBroken) return null;
    const request = this.takeRequest();
    if (!request) return null;
    const header = request.address;
    hw.store64(header + REQUEST_TYPE, VIRTIO_BLK_T_IN);
    hw.store64(header + REQUEST_SECTOR, sector);
    hw.store8(header + STATUS_OFFSET, STATUS_PENDING);
    request.done = false;

    const segments = this.countSegments(pages, pageCount);
    const descriptors = segments + 2;
    const useTable = this.indirect && descriptors > min(DIRECT_MAX, <u32>this.queue.size);
    const needed: u32 = useTable ? 1 : descriptors;
    while (this.queue.freeCount < needed && !this.queue.isBroken) this.waitForAny();
    if (this.queue.isBroken) {
      this.giveRequest(request);
      return null;
    }
    const token = changetype<usize>(request);
    const status = request.physical + STATUS_OFFSET;
    const queue = this.queue;
    let done: u32 = 0;
    if (useTable) {
      const table = request.address + TABLE_OFFSET;
      indirectStore(table, 0, request.physical, REQUEST_HEADER_SIZE, false, false);
      for (let i: u32 = 1; i <= segments; i++) {
        done += this.nextSegment(pages + ((<usize>done) << 3), pageCount - done);
        indirectStore(table, i, this.segment.address, <u32>this.segment.length, true, false);
      }
      indirectStore(table, segments + 1, status, 1, true, true);
      const tableBytes = descriptors * <u32>DESC_SIZE;
      queue.push(request.physical + TABLE_OFFSET, tableBytes, VIRTQ_DESC_F_INDIRECT, token);
    } else {
      queue.chainBegin();
      queue.chainAdd(request.physical, REQUEST_HEADER_SIZE, 0);
      for (let i: u32 = 0; i < segments; i++) {
        done += this.nextSegment(pages + ((<usize>done) << 3), pageCount - done);
        queue.chainAdd(this.segment.address, <u32>this.segment.length, VIRTQ_DESC_F_WRITE);
      }
      queue.chainAdd(status, 1, VIRTQ_DESC_F_WRITE);
      queue.chainEnd(token);
    }
    queue.kick();
    request.pageCount = done;
    return request;
  }

  /** Sets `segment` to the pages that follow each other in memory; returns how many they are. */
  private nextSegment(pages: usize, pageCount: u32): u32 {
    const first = load<u64>(pages);
    let length = PAGE_SIZE;
    let count: u32 = 1;
    while (
      count < pageCount &&
      load<u64>(pages + ((<usize>count) << 3)) == first + length &&
      length + PAGE_SIZE <= this.segmentSizeMax
    ) {
      length += PAGE_SIZE;
      count++;
    }
    this.segment.address = first;
    this.segment.length = length;
    return count;
  }

  /** How many segments the pages make, at most as many as a request has. */
  private countSegments(pages: usize, pageCount: u32): u32 {
    let segments: u32 = 0;
    let done: u32 = 0;
    while (done < pageCount && segments < this.segmentsMax) {
      done += this.nextSegment(pages + ((<usize>done) << 3), pageCount - done);
      segments++;
    }
    return segments;
  }

  /** Waits for a request that is on the ring, frees it, and returns 0 or -EIO. */
  readFinish(request: BlockRequest): i32 {
    this.spin(request);
    while (!request.done && !this.queue.isBroken) this.waitForAny();
    // The device may still write to what it has not given back.
    if (!request.done) return -EIO;
    let status = hw.load8(request.address + STATUS_OFFSET);
    if (status == VIRTIO_BLK_S_OK && request.written < request.pageCount * <u32>PAGE_SIZE) {
      status = STATUS_SHORT;
    }
    if (status != VIRTIO_BLK_S_OK && logBegin(LOG_ERROR, "virtio-blk")) {
      put("reading sector ");
      putDecimal(hw.load64(request.address + REQUEST_SECTOR));
      put(" failed with status ");
      putDecimal(status);
      logEnd();
    }
    if (status == VIRTIO_BLK_S_OK) countDiskRead(request.pageCount * SECTORS_PER_PAGE);
    this.giveRequest(request);
    return status == VIRTIO_BLK_S_OK ? 0 : -EIO;
  }

  private giveRequest(request: BlockRequest): void {
    request.next = this.freeRequests;
    this.freeRequests = request;
  }

  private spin(request: BlockRequest): void {
    const queue = this.queue;
    const deadline = monotonicNs() + SPIN_NS;
    while (!request.done && !queue.isBroken && runQueueLength() == 0 && monotonicNs() < deadline) {
      let spins = SPINS_PER_CLOCK_READ;
      while (spins > 0 && queue.usedCount() == 0) {
        hw.pause();
        spins--;
      }
      this.reap();
    }
  }

  /** Sleeps until some request completes. */
  private waitForAny(): void {
    if (this.reap()) return;
    // What completed before the interrupt was asked for raises none.
    if (this.queue.isBroken) return;
    if (this.queue.interruptsOn()) this.completion.waitUnderLocks(LOCK_DISK);
    this.reap();
    if (this.completion.isEmpty()) this.queue.interruptsOff();
  }

  /** Completes all requests that the device is through with; false when there were none. */
  private reap(): bool {
    const queue = this.queue;
    let count = queue.usedCount();
    if (count == 0) return false;
    while (count > 0) {
      const token = queue.take();
      // All who wait find the queue closed.
      if (token == 0) break;
      const request = changetype<BlockRequest>(token);
      request.written = queue.takenLength;
      request.done = true;
      count--;
    }
    this.completion.wakeAll();
    return true;
  }

  /** In interrupt context: those who sleep look at the ring themselves. */
  wakeWaiters(): void {
    this.completion.wakeAll();
  }
}

function diskInterrupt(context: usize): void {
  changetype<VirtioBlk>(context).wakeWaiters();
}

/** Sets the device up. Null when it can't be used. */
export function virtioBlkProbe(transport: VirtioTransport): VirtioBlk | null {
  const wanted =
    VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
  if (transport.negotiate(wanted) != 0) return null;
  const disk = new VirtioBlk();
  if (disk.start(transport) == 0) return disk;
  free(disk);
  return null;
}
