import * as hw from "../../arch/hw";
import { EIO } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { addMemory, directMap } from "../../mem/page-allocator";
import { FakeTransport, ModelDevice } from "./testing";
import { BlockRequest, VirtioBlk, virtioBlkProbe } from "./virtio-blk";
import { VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX } from "./virtio-blk-regs";
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_VERSION_1 } from "./virtio-regs";

const MIB: u64 = 1 << 20;
const ALL: u64 =
  VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_SEG_MAX;
const PAGES_MAX: u64 = 300;

let transport: FakeTransport = new FakeTransport();
let device: ModelDevice = changetype<ModelDevice>(0);
/** Physical page addresses: nobody touches what is there. */
const pages: usize = memory.data(300 * 8, 8);

/** A disk of 10,000 sectors. */
function diskWith(features: u64, segments: u32, segmentSize: u32): VirtioBlk {
  addMemory(1 * MIB, 9 * MIB);
  transport.offered = features;
  const config = changetype<usize>(transport.config);
  store<u64>(config, 10000);
  store<u32>(config, segmentSize, 8);
  store<u32>(config, segments, 12);
  const disk = virtioBlkProbe(transport)!;
  device = new ModelDevice(transport.queue(0));
  return disk;
}

/** Pages that lie `stride` pages apart. */
function usePages(stride: u64): void {
  for (let i: u64 = 0; i < PAGES_MAX; i++) {
    store<u64>(pages + ((<usize>i) << 3), 0x100000000 + i * stride * 4096);
  }
}

/**
 * The device ends the request it took first, with `status`; `segments` is how many it must have
 * had.
 */
function complete(segments: u32, status: u32): void {
  const last = device.descriptor(0, segments + 1);
  expect(last != 0 && device.descriptor(0, segments + 2) == 0, "header, segments, status");
  expectEqual(hw.load32(last + 8), 1, "the status is a byte");
  expectEqual(hw.load16(last + 12) & 3, 2, "which the device writes");
  hw.store8(directMap(hw.load64(last)), status);
  let written: u32 = 1;
  for (let i: u32 = 1; i <= segments; i++) written += hw.load32(device.descriptor(0, i) + 8);
  device.giveBack(0, status == 0 ? written : 1);
}

test("virtio-blk: pages side by side are one segment, and go on the ring directly", () => {
  const disk = diskWith(ALL, 126, 0);
  usePages(1);
  expectEqual(disk.sectorCount, 10000, "capacity");
  const request = disk.readBegin(800, pages, 16)!;
  device.takeAll();
  expectEqual(request.pageCount, 16, "all in one request");
  expectEqual(device.chainLength(0), 3, "three descriptors of the ring");
  const header = directMap(device.address(0));
  expectEqual(hw.load32(header), 0, "a read");
  expectEqual(hw.load64(header + 8), 800, "the sector");
  const data = device.descriptor(0, 1);
  expectEqual(hw.load64(data), 0x100000000, "the first page");
  expectEqual(hw.load32(data + 8), 16 * 4096, "and those behind it");
  expectEqual(hw.load16(data + 12) & 3, 3, "written by the device, not the last");
  complete(1, 0);
  expectEqual(disk.readFinish(request), 0, "done");
});

test("virtio-blk: pages apart are segments of an indirect table, as many as the device takes", () => {
  const disk = diskWith(ALL, 20, 0);
  usePages(2);
  const request = disk.readBegin(0, pages, 64)!;
  device.takeAll();
  expectEqual(request.pageCount, 20, "seg_max");
  expectEqual(device.chainLength(0), 1, "one descriptor of the ring");
  for (let i: u32 = 0; i < 20; i++) {
    const data = device.descriptor(0, 1 + i);
    expectEqual(hw.load64(data), load<u64>(pages + ((<usize>i) << 3)), "page");
    expectEqual(hw.load32(data + 8), 4096, "length");
  }
  complete(20, 0);
  expectEqual(disk.readFinish(request), 0, "done");
});

test("virtio-blk: without indirect descriptors a request is at most as long as the ring", () => {
  transport.queueSize = 16;
  const disk = diskWith(ALL & ~VIRTIO_F_INDIRECT_DESC, 126, 0);
  usePages(2);
  const request = disk.readBegin(0, pages, 64)!;
  device.takeAll();
  expectEqual(request.pageCount, 14, "16 less header and status");
  expectEqual(device.chainLength(0), 16, "the whole ring");
  complete(14, 0);
  expectEqual(disk.readFinish(request), 0, "done");
});

test("virtio-blk: size_max cuts what lies side by side", () => {
  const disk = diskWith(ALL | VIRTIO_BLK_F_SIZE_MAX, 126, 3 * 4096);
  usePages(1);
  const request = disk.readBegin(0, pages, 10)!;
  device.takeAll();
  expectEqual(hw.load32(device.descriptor(0, 1) + 8), 3 * 4096, "three pages");
  expectEqual(hw.load32(device.descriptor(0, 4) + 8), 4096, "the last one");
  complete(4, 0);
  expectEqual(disk.readFinish(request), 0, "done");
});

test("virtio-blk: requests of many readers end in any order, and an error is only its own", () => {
  const disk = diskWith(ALL, 126, 0);
  usePages(1);
  const first = disk.readBegin(0, pages, 1)!;
  const second = disk.readBegin(8, pages, 2)!;
  const third = disk.readBegin(16, pages, 3)!;
  device.takeAll();
  expectEqual(device.taken, 3, "all at the device");
  complete(1, 0);
  complete(1, 2);
  complete(1, 1);
  // `giveBack` moves the last chain to the place of the one that ended: first, third, second.
  expectEqual(disk.readFinish(second), -EIO, "the second failed");
  expectEqual(disk.readFinish(third), -EIO, "and the third");
  expectEqual(disk.readFinish(first), 0, "not the first");
  const again: BlockRequest = disk.readBegin(0, pages, 1)!;
  expect(again == first || again == second || again == third, "requests are used again");
});

test("virtio-blk: nothing is read behind the end", () => {
  const disk = diskWith(ALL, 126, 0);
  usePages(1);
  expectEqual(disk.read(9993, pages, 1), -EIO, "over the end");
  expectEqual(disk.read(10001, pages, 0), 0, "nothing is nothing");
  expectEqual(disk.read(1 << 63, pages, 1), -EIO, "far behind");
});

test("virtio-blk: success with too few bytes, and a status that is none, are errors", () => {
  const disk = diskWith(ALL, 126, 0);
  usePages(1);
  const short = disk.readBegin(0, pages, 2)!;
  device.takeAll();
  hw.store8(directMap(hw.load64(device.descriptor(0, 2))), 0);
  device.giveBack(0, 4096 + 1);
  expectEqual(disk.readFinish(short), -EIO, "one page of two");
  const untouched = disk.readBegin(0, pages, 1)!;
  device.takeAll();
  device.giveBack(0, 4096 + 1);
  expectEqual(disk.readFinish(untouched), -EIO, "the status was not written");
  const odd = disk.readBegin(0, pages, 1)!;
  device.takeAll();
  complete(1, 77);
  expectEqual(disk.readFinish(odd), -EIO, "no status that there is");
});

test("virtio-blk: a device that lies is given up, and all requests end in EIO", () => {
  const disk = diskWith(ALL, 126, 0);
  usePages(1);
  const first = disk.readBegin(0, pages, 1)!;
  const second = disk.readBegin(8, pages, 1)!;
  device.takeAll();
  device.heads[0] = 5000;
  device.giveBack(0, 4097);
  expectEqual(disk.readFinish(second), -EIO, "what it may still have");
  expectEqual(disk.readFinish(first), -EIO, "and the other");
  expectEqual(transport.status & 128, 128, "FAILED is told to the device");
  expectEqual(disk.read(0, pages, 1), -EIO, "nothing more is asked of it");
  expectEqual(transport.takeNotification(), 1, "but for the first time");
  disk.read(0, pages, 1);
  expectEqual(transport.takeNotification(), 0, "indeed");
});

test("virtio-blk: a ring that a request does not fit on is refused; a table makes up for it", () => {
  const small = new FakeTransport();
  addMemory(1 * MIB, 9 * MIB);
  small.queueSize = 2;
  small.offered = ALL & ~VIRTIO_F_INDIRECT_DESC;
  expect(virtioBlkProbe(small) == null, "two descriptors");
  const table = new FakeTransport();
  table.queueSize = 1;
  table.offered = ALL;
  expect(virtioBlkProbe(table) != null, "one that points to a table");
});
