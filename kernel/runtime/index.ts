// The AssemblyScript compiler's own entry points, bound to the kernel heap. Decorated functions are
// not standard TypeScript, so the formatter leaves this file out; nothing else belongs here.
//
// There is no collector: whoever owns an object releases it with `free` (runtime/free.ts). Nothing
// here returns 0: who can do without an object asks `attempt` for it (runtime/attempt.ts), and for
// all others the end of memory is the end.

import { OBJECT, TOTAL_OVERHEAD } from "rt/common";
import { panic } from "../lib/panic";
import { heapFree, heapReady, heapTake, heapUsableSize } from "./heap";
import { objectIn } from "./object-header";

function take(size: usize): usize {
  const pointer = heapTake(size);
  if (pointer == 0) panic("heap", "memory is out, its reserve too, and a plain `new` needs some");
  return pointer;
}

/** What the compiler asks before the constructor of an `attempt(new X())` runs. */
@global @unsafe
export function __attempt(): bool {
  return heapReady();
}

@global @unsafe
export function __alloc(size: usize): usize {
  return take(size);
}

@global @unsafe
export function __realloc(pointer: usize, size: usize): usize {
  const moved = take(size);
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
  return objectIn(take(TOTAL_OVERHEAD + size), size, id);
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
