/**
 * A disk that is a range of physical memory: a boot module that is not page-aligned, and the disks
 * of tests.
 */
import { copy } from "../arch/hw";
import { EIO } from "../lib/errno";
import { directMap } from "../mem/page-allocator";
import { BlockDevice, SECTOR_SIZE } from "./block";

export class MemoryBlockDevice extends BlockDevice {
  /** Requests so far, and the pages they were for. */
  requests: u64 = 0;
  pages: u64 = 0;
  /** Tests: reads that touch this sector fail. */
  badSector: u64 = u64.MAX_VALUE;

  constructor(
    private address: u64,
    bytes: u64,
  ) {
    super();
    this.sectorCount = bytes / SECTOR_SIZE;
  }

  read(sector: u64, pages: usize, pageCount: u32): i32 {
    const sectors = <u64>pageCount * 8;
    this.requests++;
    this.pages += pageCount;
    if (sector + sectors > this.sectorCount) return -EIO;
    if (this.badSector - sector < sectors) return -EIO;
    for (let i: u32 = 0; i < pageCount; i++) {
      const from = this.address + sector * SECTOR_SIZE + ((<u64>i) << 12);
      copy(directMap(load<u64>(pages + ((<usize>i) << 3))), directMap(from), 4096);
    }
    return 0;
  }
}
