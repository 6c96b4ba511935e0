import { addressOf, load8, store8, store64 } from "../arch/hw";
import { EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { USER_END } from "../linux/user-memory";
import { failAllocation } from "../runtime/failing";
import { heapBytesInUse } from "../runtime/heap";
import { IOV_MAX, IoVector, RW_COUNT_MAX } from "./io-vector";

/** An address of the application: in Node, its memory is physical memory. */
const USER: u64 = 0x200000;
const ARRAY: u64 = 0x210000;
const KERNEL: u64 = 0xffffffff80010000;
const buffer: usize = memory.data(64, 8);
const io: IoVector = new IoVector();

function vector(index: u64, base: u64, length: u64): void {
  store64(ARRAY + index * 16, base);
  store64(ARRAY + index * 16 + 8, length);
}

test("io vector: a buffer of the application lies in its half, whole", () => {
  expectEqual(io.setUser(KERNEL, 8), -EFAULT, "linear memory");
  expectEqual(io.setUser(0xffff800000100000, 8), -EFAULT, "direct map");
  expectEqual(io.setUser(USER_END - 4, 8), -EFAULT, "across the end");
  expectEqual(io.setUser(0x8000000000000000, 1), -EFAULT, "not canonical");
  expectEqual(io.setUser(<u64>-4, 8), -EFAULT, "wraps");
  expectEqual(io.setUser(USER, <u64>-8), -EFAULT, "a length that wraps");
  expectEqual(io.setUser(USER_END - 8, 8), 0, "up to the end");
  expectEqual(io.setUser(USER, RW_COUNT_MAX + 1), 0, "longer than a call moves");
  expectEqual(io.remaining, RW_COUNT_MAX, "is cut");
});

test("io vector: each buffer of an array is checked before anything is moved", () => {
  vector(0, USER, 8);
  vector(1, KERNEL, 8);
  expectEqual(io.setVector(ARRAY, 2), -EFAULT, "the second is the kernel's");
  expectEqual(io.remaining, 0, "nothing to move");
  expectEqual(io.put(addressOf(buffer), 8), 0, "and nothing moved");
  vector(1, USER, <u64>-1);
  expectEqual(io.setVector(ARRAY, 2), -EINVAL, "a negative length");
  vector(0, KERNEL, 8);
  expectEqual(io.setVector(ARRAY, 2), -EINVAL, "goes before an address");
  expectEqual(io.setVector(ARRAY, 1), -EFAULT, "a single one");
  expectEqual(io.put(addressOf(buffer), 8), 0, "leaves nothing either");
  expectEqual(io.setVector(ARRAY, IOV_MAX + 1), -EINVAL, "too many");
  expectEqual(io.setVector(KERNEL, 2), -EFAULT, "the array is the kernel's");
});

test("io vector: the array may change once it is set", () => {
  vector(0, USER, 4);
  vector(1, USER + 100, 4);
  expectEqual(io.setVector(ARRAY, 2), 0, "set");
  vector(1, KERNEL, 4000);
  store<u64>(buffer, 0x1122334455667788);
  expectEqual(io.put(addressOf(buffer), 100), 8, "as long as it was");
  expectEqual(io.remaining, 0, "all");
  expectEqual(io.setUser(USER + 100, 4), 0, "set");
  expectEqual(io.take(addressOf(buffer) + 8, 4), 4, "read back");
  expectEqual(load<u32>(buffer, 8), 0x11223344, "and where it was");
});

test("io vector: the sum is cut at what a call moves", () => {
  vector(0, USER, RW_COUNT_MAX - 8);
  vector(1, USER, 100);
  vector(2, USER, 100);
  expectEqual(io.setVector(ARRAY, 3), 0, "set");
  expectEqual(io.remaining, RW_COUNT_MAX, "cut");
});

test("io vector: the copied array is given back, however far it came", () => {
  vector(0, USER, 4);
  vector(1, USER, 4);
  const before = heapBytesInUse();
  expectEqual(io.setVector(ARRAY, 2), 0, "set");
  expect(heapBytesInUse() > before, "copied");
  io.put(addressOf(buffer), 8);
  expectEqual(heapBytesInUse(), before, "moved");
  expectEqual(io.setVector(ARRAY, 2), 0, "set");
  io.setKernel(addressOf(buffer), 8);
  expectEqual(heapBytesInUse(), before, "set anew");
  expectEqual(io.setVector(ARRAY, 2), 0, "set");
  io.release();
  expectEqual(heapBytesInUse(), before, "released");
});

test("io vector: of an array that is refused nothing is kept, whatever is wrong with it", () => {
  vector(0, USER, 4);
  vector(1, USER, 4);
  io.setVector(ARRAY, 2);
  io.release();
  const before = heapBytesInUse();
  vector(1, KERNEL, 4);
  expectEqual(io.setVector(ARRAY, 2), -EFAULT, "the kernel's buffer");
  expectEqual(heapBytesInUse(), before, "given back");
  vector(1, USER, <u64>-1);
  expectEqual(io.setVector(ARRAY, 2), -EINVAL, "a negative length");
  expectEqual(heapBytesInUse(), before, "given back");
  expectEqual(io.setVector(KERNEL, 2), -EFAULT, "the kernel's array");
  expectEqual(heapBytesInUse(), before, "given back");
  vector(1, USER, 4);
  failAllocation(1);
  expectEqual(io.setVector(ARRAY, 2), -ENOMEM, "no memory for the copy");
  failAllocation(0);
  expectEqual(io.remaining, 0, "nothing to move");
  expectEqual(io.setVector(ARRAY, 1), 0, "one alone");
  expectEqual(heapBytesInUse(), before, "needs none");
  expectEqual(io.setVector(ARRAY, 0), 0, "nor does none");
  expectEqual(io.remaining, 0, "which has no room");
});

let seed: u32 = 17;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

/** How many bytes of the application each way of moving touches. */
const BYTES: u32 = 64;
const model = new StaticArray<u8>(<i32>BYTES);

test("io vector: pieces of any length go to and from buffers of any length, in order", () => {
  for (let round = 0; round < 2000; round++) {
    // Buffers one behind the other with gaps, some of them empty.
    const count: u32 = 1 + random(6);
    let at: u32 = 0;
    let total: u32 = 0;
    for (let i: u32 = 0; i < count; i++) {
      const length = random(10);
      vector(i, USER + <u64>at, length);
      for (let j: u32 = 0; j < length; j++) model[total + j] = <u8>(at + j);
      at += length + random(3);
      total += length;
    }
    const isPut = random(2) == 0;
    for (let i: u32 = 0; i < 128; i++) store8(USER + <u64>i, isPut ? 0xee : i);
    for (let i: u32 = 0; i < BYTES; i++) store<u8>(buffer + <usize>i, isPut ? <u8>(i + 1) : 0xee);
    expectEqual(io.setVector(ARRAY, count), 0, "set");
    expectEqual(io.remaining, total, "all of it");
    let moved: u32 = 0;
    while (moved < total || random(3) == 0) {
      const n = random(12);
      const piece = addressOf(buffer) + <u64>moved;
      const done = isPut ? io.put(piece, n) : io.take(piece, n);
      expectEqual(done, min(n, total - moved), "as much as there is");
      moved += <u32>done;
      expectEqual(io.remaining, total - moved, "the rest");
    }
    for (let i: u32 = 0; i < total; i++) {
      const there = isPut ? load8(USER + <u64>model[i]) : load<u8>(buffer + <usize>i);
      if (there != (isPut ? i + 1 : model[i])) expectEqual(i, -1, "this byte");
    }
    if (isPut) expectEqual(touched(), total, "and no byte between the buffers");
    io.release();
  }
});

function touched(): u32 {
  let count: u32 = 0;
  for (let i: u64 = 0; i < 128; i++) if (load8(USER + i) != 0xee) count++;
  return count;
}

test("io vector: a record is moved as a whole or not at all", () => {
  expectEqual(io.setUser(USER, 8), 0, "set");
  expectEqual(io.putAll(addressOf(buffer), 8), 8, "it fits");
  expectEqual(io.setUser(USER, 8), 0, "set");
  expectEqual(io.putAll(addressOf(buffer), 9), -EFAULT, "it doesn't");
  expectEqual(io.setUser(USER, 8), 0, "set");
  expectEqual(io.takeAll(addressOf(buffer), 8), 8, "it is there");
  expectEqual(io.setUser(USER, 8), 0, "set");
  expectEqual(io.takeAll(addressOf(buffer), 9), -EFAULT, "it isn't");
});
