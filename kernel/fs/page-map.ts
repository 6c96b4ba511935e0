/**
 * Which physical page holds which page of a file or disk: a sparse array from page index to page
 * frame.
 *
 * Two levels: a table of chunks that doubles as the highest index grows, and chunks of 128 entries.
 * An entry is the frame number (28 bits, 1 TiB of memory) and flag bits; 0 is "not there" (frame 0
 * is never handed out).
 *
 *     map.entry(index)            0 when there is none
 *     map.set(index, entry)       false when memory is short
 *     map.next(index)             the first index >= `index` with an entry, or NO_INDEX
 *
 * The map doesn't count references of pages: its owner does.
 */
import { heapAlloc, heapFree } from "../runtime/heap";

const CHUNK_SHIFT: u64 = 7;
const CHUNK_ENTRIES: u64 = 1 << 7;
const CHUNK_MASK: u64 = 127;
/** 512 bytes, a size class of the heap. */
const CHUNK_BYTES: usize = 512;
/**
 * No file has more pages: 16 TiB. It bounds the table at 128 MiB, which only a file of that size
 * would need.
 */
export const PAGE_INDEX_MAX: u64 = 1 << 32;

export const NO_INDEX: u64 = u64.MAX_VALUE;
/** Flag of an entry: used since the clock's hand came by. */
export const ENTRY_ACCESSED: u32 = 1 << 31;
const FRAME_MASK: u32 = (1 << 28) - 1;

/** The physical address in an entry. */
export function entryPage(entry: u32): u64 {
  return (<u64>(entry & FRAME_MASK)) << 12;
}

/** The entry for a page. */
export function entryOf(page: u64): u32 {
  return <u32>(page >> 12);
}

@unmanaged
export class PageMap {
  private chunks: usize;
  private chunkCount: u32;
  /** Entries that are not 0. */
  count: u64;

  constructor() {
    this.chunks = 0;
    this.chunkCount = 0;
    this.count = 0;
  }

  /** Pointer at the entry of `index`; 0 when there is no chunk for it. */
  private slot(index: u64): usize {
    const chunk = index >> CHUNK_SHIFT;
    if (chunk >= <u64>this.chunkCount) return 0;
    const entries = load<usize>(this.chunks + ((<usize>chunk) << 2));
    return entries == 0 ? 0 : entries + ((<usize>(index & CHUNK_MASK)) << 2);
  }

  entry(index: u64): u32 {
    const slot = this.slot(index);
    return slot == 0 ? 0 : load<u32>(slot);
  }

  /** As `entry`, and notes that it was used. */
  touch(index: u64): u32 {
    const slot = this.slot(index);
    if (slot == 0) return 0;
    const entry = load<u32>(slot);
    if (entry != 0) store<u32>(slot, entry | ENTRY_ACCESSED);
    return entry;
  }

  /** Enters, replaces or (by 0) removes. False when memory is short; removing always works. */
  set(index: u64, entry: u32): bool {
    let slot = this.slot(index);
    if (slot == 0) {
      if (entry == 0) return true;
      if (index >= PAGE_INDEX_MAX || !this.addChunk(<u32>(index >> CHUNK_SHIFT))) return false;
      slot = this.slot(index);
    }
    this.count += <u64>(entry != 0) - <u64>(load<u32>(slot) != 0);
    store<u32>(slot, entry);
    return true;
  }

  private addChunk(chunk: u32): bool {
    if (chunk >= this.chunkCount && !this.growTable(chunk)) return false;
    const entries = heapAlloc(CHUNK_BYTES);
    if (entries == 0) return false;
    memory.fill(entries, 0, CHUNK_BYTES);
    store<usize>(this.chunks + ((<usize>chunk) << 2), entries);
    return true;
  }

  private growTable(chunk: u32): bool {
    let size = max<u32>(this.chunkCount << 1, 4);
    while (size <= chunk) size <<= 1;
    const table = heapAlloc((<usize>size) << 2);
    if (table == 0) return false;
    const used = (<usize>this.chunkCount) << 2;
    memory.fill(table + used, 0, ((<usize>size) << 2) - used);
    if (this.chunks != 0) {
      memory.copy(table, this.chunks, used);
      heapFree(this.chunks);
    }
    this.chunks = table;
    this.chunkCount = size;
    return true;
  }

  next(index: u64): u64 {
    let at = index;
    while (at >> CHUNK_SHIFT < <u64>this.chunkCount) {
      const entries = load<usize>(this.chunks + ((<usize>(at >> CHUNK_SHIFT)) << 2));
      if (entries == 0) {
        at = (at | CHUNK_MASK) + 1;
        continue;
      }
      do {
        if (load<u32>(entries + ((<usize>(at & CHUNK_MASK)) << 2)) != 0) return at;
        at++;
      } while ((at & CHUNK_MASK) != 0);
    }
    return NO_INDEX;
  }

  /** Gives back the memory of chunks from the one that holds `index` on, which must be empty. */
  trim(index: u64): void {
    const first = (index + CHUNK_ENTRIES - 1) >> CHUNK_SHIFT;
    for (let chunk = first; chunk < <u64>this.chunkCount; chunk++) {
      const at = this.chunks + ((<usize>chunk) << 2);
      const entries = load<usize>(at);
      if (entries == 0) continue;
      heapFree(entries);
      store<usize>(at, 0);
    }
  }

  /** Gives back all memory; the map must be empty. */
  destroy(): void {
    this.trim(0);
    if (this.chunks != 0) heapFree(this.chunks);
    this.chunks = 0;
    this.chunkCount = 0;
  }
}
