/**
 * Memory is short: caches shrink first. Each cache enters a function here that gives pages back.
 *
 *     addReclaimer(shrink)        pages that nobody uses
 *     setUnmapper(unmap)          makes such of pages that only the application's mappings hold
 *     reclaimPages()              frees some; called by the page allocator when it has nothing left
 *     reclaimUnused()             frees some that nobody misses soon; for who makes room beforehand
 *
 * It runs inside of an allocation, whoever made it: nothing here may sleep, nor allocate memory of
 * any kind.
 */
const CACHES_MAX = 8;
/** How many pages a cache is asked for at once, so that not every allocation comes here. */
const BATCH: u32 = 64;
const caches: usize = memory.data(CACHES_MAX * 4, 4);
let count = 0;
let unmapPages: (pages: u32) => u32 = (pages: u32) => <u32>0;

/**
 * `shrink(pages)` frees up to so many pages and returns how many it has freed.
 */
export function addReclaimer(shrink: (pages: u32) => u32): void {
  assert(count < CACHES_MAX, "there is room for another cache");
  const slot = (<usize>count) << 2;
  count++;
  store<u32>(caches + slot, load<u32>(changetype<usize>(shrink)));
}

/**
 * `unmap(pages)` takes up to so many pages out of mappings, so that a cache can free them, and
 * returns how many.
 */
export function setUnmapper(unmap: (pages: u32) => u32): void {
  unmapPages = unmap;
}

/** Frees some pages that are neither mapped nor in use; false when there are none. */
export function reclaimUnused(): bool {
  let freed: u32 = 0;
  for (let i = 0; i < count && freed < BATCH; i++) {
    freed += call_indirect<u32>(load<u32>(caches + ((<usize>i) << 2)), BATCH - freed);
  }
  return freed > 0;
}

/**
 * Frees some pages; false when no cache has any to give. Pages that are mapped go when all others
 * are gone: the application works with them.
 */
export function reclaimPages(): bool {
  return reclaimUnused() || (unmapPages(BATCH) > 0 && reclaimUnused());
}
