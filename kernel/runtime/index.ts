// The AssemblyScript compiler's own entry points, bound to the kernel heap. Decorated functions are
// not standard TypeScript, so the formatter leaves this file out; nothing else belongs here.
//
// An object of a managed class (one with virtual methods, an array, a string) has the header that
// the compiler expects, 20 bytes, of which only the class id and the size are used. There is no
// collector: whoever owns an object releases it with `free` (runtime/free.ts).

import { BLOCK_OVERHEAD, OBJECT, TOTAL_OVERHEAD } from "rt/common";
import { heapAlloc, heapFree, heapUsableSize } from "./heap";

@global @unsafe
export function __alloc(size: usize): usize {
  return heapAlloc(size);
}

@global @unsafe
export function __realloc(pointer: usize, size: usize): usize {
  const moved = heapAlloc(size);
  memory.copy(moved, pointer, min(size, heapUsableSize(pointer)));
  heapFree(pointer);
  return moved;
}

@global @unsafe
export function __free(pointer: usize): void {
  heapFree(pointer);
}

@global @unsafe
export function __new(size: usize, id: u32): usize {
  const pointer = heapAlloc(TOTAL_OVERHEAD + size) + TOTAL_OVERHEAD;
  const header = changetype<OBJECT>(pointer - TOTAL_OVERHEAD);
  header.mmInfo = 0;
  header.gcInfo = 0;
  header.gcInfo2 = 0;
  header.rtId = id;
  header.rtSize = <u32>size;
  memory.fill(pointer, 0, size);
  return pointer;
}

@global @unsafe
export function __renew(pointer: usize, size: usize): usize {
  const header = changetype<OBJECT>(pointer - TOTAL_OVERHEAD);
  if (size <= header.rtSize) {
    header.rtSize = <u32>size;
    return pointer;
  }
  const moved = __new(size, header.rtId);
  memory.copy(moved, pointer, header.rtSize);
  // An array literal starts out in static data.
  if (pointer > __heap_base) heapFree(pointer - TOTAL_OVERHEAD);
  return moved;
}

@global @unsafe
export function __link(parent: usize, child: usize, expectMultiple: bool): void {}

@global @unsafe
export function __pin(pointer: usize): usize {
  return pointer;
}

@global @unsafe
export function __unpin(pointer: usize): void {}

@global @unsafe
export function __collect(): void {}
