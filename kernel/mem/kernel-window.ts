/**
 * The kernel's window of linear memory: 1 GiB of addresses, backed by pages as it grows.
 *
 *     0x00000000  unmapped (null, guard), boot stack, clock page, static data
 *        …        heap, growing up (runtime/heap.ts)
 *     0x20000000  kernel stacks with their guard pages (mem/kernel-stack.ts)
 *     0x40000000  end
 */
import * as hw from "../arch/hw";
import { mapKernelPage } from "../arch/x86_64/paging";
import { PAGE_SIZE } from "./page-allocator";

const HEAP_LIMIT: usize = 0x20000000;

let mapped: u64 = 0;

/** Backs linear memory up to `bytes`. 1, or 0 when memory or the window is at its end. */
export function growLinearMemory(bytes: usize): u32 {
  if (bytes > HEAP_LIMIT) return 0;
  if (mapped == 0) mapped = hw.linearInitialEnd() - hw.linearInitialStart();
  while (mapped < bytes) {
    if (!mapKernelPage(hw.addressOf(0) + mapped)) return 0;
    mapped += PAGE_SIZE;
  }
  return 1;
}
