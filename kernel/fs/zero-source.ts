/**
 * What a mapping of /dev/zero sees: a page of zeros of its own for each page touched.
 */

import { fill } from "../arch/hw";
import { ENOMEM } from "../lib/errno";
import { allocPages, directMap, PAGE_SIZE } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { PageSource } from "./page-source";

let instance: ZeroSource | null = null;

export class ZeroSource extends PageSource {
  /** The one there is; it stays. Null when memory is short. */
  static instance(): ZeroSource | null {
    if (!instance) instance = attempt(new ZeroSource());
    return instance;
  }

  size(): u64 {
    return (<u64>1) << 62;
  }

  getPage(index: u64): i64 {
    const page = allocPages(0);
    if (page == 0) return -ENOMEM;
    fill(directMap(page), 0, PAGE_SIZE);
    return page;
  }

  peekPage(index: u64): u64 {
    return 0;
  }

  release(): void {}
}
