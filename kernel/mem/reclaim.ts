/**
 * Memory is short: caches shrink first. Each cache enters a function here that gives pages back.
 */
const CACHES_MAX = 8;
/** How many pages a cache is asked for at once, so that not every allocation comes here. */
const BATCH: u32 = 64;
const caches: usize = memory.data(CACHES_MAX * 4, 4);
let count = 0;

/**
 * `shrink(pages)` frees up to so many pages and returns how many it has freed. It must not sleep.
 */
export function addReclaimer(shrink: (pages: u32) => u32): void {
  assert(count < CACHES_MAX, "there is room for another cache");
  const slot = (<usize>count) << 2;
  count++;
  store<u32>(caches + slot, load<u32>(changetype<usize>(shrink)));
}

/** Frees some pages; false when no cache has any to give. */
export function reclaimPages(): bool {
  let freed: u32 = 0;
  for (let i = 0; i < count && freed < BATCH; i++) {
    freed += call_indirect<u32>(load<u32>(caches + ((<usize>i) << 2)), BATCH - freed);
  }
  return freed > 0;
}
