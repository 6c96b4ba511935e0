import { expect, expectEqual, test } from "../lib/testing";
import { heapAlloc, heapBytesInUse, heapFree, heapUsableSize } from "./heap";

test("heap: objects of all sizes do not overlap and hold what was written", () => {
  const pointers = new StaticArray<usize>(400);
  for (let i = 0; i < 400; i++) {
    const size: usize = 1 + <usize>((i * 37) % 5000);
    pointers[i] = heapAlloc(size);
    expect(pointers[i] != 0 && pointers[i] % 16 == 0, "aligned memory");
    expect(heapUsableSize(pointers[i]) >= size, "as large as asked for");
    memory.fill(pointers[i], <u8>i, size);
  }
  for (let i = 0; i < 400; i++) {
    const size: usize = 1 + <usize>((i * 37) % 5000);
    for (let b: usize = 0; b < size; b++) expectEqual(load<u8>(pointers[i] + b), <u8>i, "contents");
  }
});

test("heap: freed memory is used again and the count returns to where it was", () => {
  const warm = heapAlloc(100);
  heapFree(warm);
  const before = heapBytesInUse();
  const first = heapAlloc(100);
  heapFree(first);
  expectEqual(heapAlloc(100), first, "same object");
  heapFree(first);
  const span = heapAlloc(20000);
  heapFree(span);
  expectEqual(heapAlloc(20000), span, "same span");
  heapFree(span);
  expectEqual(heapBytesInUse(), before, "bytes in use");
});

test("heap: neighbouring free spans merge", () => {
  const a = heapAlloc(3 * 4096);
  const b = heapAlloc(3 * 4096);
  heapFree(a);
  heapFree(b);
  expectEqual(heapAlloc(7 * 4096), a, "the merged span serves a larger request");
});
