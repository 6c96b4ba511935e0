/**
 * The page cache of a block device, or of a disk image that lies in memory.
 */
import { BlockDevice, SECTORS_PER_PAGE } from "../dev/block";
import { PageCache } from "./page-cache";

export class DiskCache extends PageCache {
  constructor(private device: BlockDevice | null) {
    super();
    if (device) this.pageCount = device.sectorCount / SECTORS_PER_PAGE;
  }

  /**
   * The cache of an image at a page-aligned physical address: its pages are used where they are.
   */
  static ofMemory(address: u64, bytes: u64): DiskCache {
    assert((address & 4095) == 0, "an image in memory is page-aligned");
    const cache = new DiskCache(null);
    cache.memoryBase = address;
    cache.pageCount = bytes >> 12;
    return cache;
  }

  fill(first: u64, pages: usize, count: u32): i32 {
    return this.device!.read(first * SECTORS_PER_PAGE, pages, count);
  }
}
