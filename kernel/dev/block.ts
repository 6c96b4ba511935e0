/**
 * What a disk is to the rest of the kernel. A driver (virtio-blk, …) subclasses it.
 */
export const SECTOR_SIZE: u64 = 512;
export const SECTORS_PER_PAGE: u64 = 8;

export abstract class BlockDevice {
  /** Size in sectors of 512 bytes. */
  sectorCount: u64 = 0;

  /**
   * Reads `pageCount` times 4096 bytes from `sector` on. `pages` points at an array of u64: the
   * physical addresses of the pages to fill, in the order of the disk. Adjacent pages may be one
   * piece for the device. May sleep. 0 or -EIO.
   */
  abstract read(sector: u64, pages: usize, pageCount: u32): i32;
}

let readCount: u64 = 0;
let sectorsRead: u64 = 0;

/** How much has been read from all disks, since boot. */
export function diskReadCount(): u64 {
  return readCount;
}

export function diskSectorsRead(): u64 {
  return sectorsRead;
}

/** A driver has read so much, by one request. */
export function countDiskRead(sectors: u64): void {
  readCount++;
  sectorsRead += sectors;
}
