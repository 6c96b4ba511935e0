/**
 * The pages of an EROFS file: those of the disk's page cache, and a page of its own for data behind
 * the inode.
 */
import { EIO, ENOMEM } from "../lib/errno";
import { allocPages, directMap, pageGet, pagePut } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { EROFS_HOLE, ErofsInode } from "./erofs";
import * as format from "./erofs-format";
import { inodeSourceReleased } from "./inode";
import { ReadAhead } from "./page-cache";
import { PageSource } from "./page-source";
import { zeroPage } from "./zero-page";

export class ErofsPages extends PageSource {
  private ahead: ReadAhead;
  /** The data behind the inode, made when it is first asked for; 0 before. */
  private tailPage: u64 = 0;

  constructor(private inode: ErofsInode) {
    super();
    const start = <u64>inode.union;
    this.ahead = new ReadAhead(start, start + inode.fullBlocks);
    this.isReadAgain = inode.erofs.cache.memoryBase == 0;
  }

  size(): u64 {
    return this.inode.size();
  }

  getPage(index: u64): i64 {
    const inode = this.inode;
    if (index >= inode.fullBlocks) return this.getTail(index);
    if (inode.layout != format.EROFS_INODE_CHUNK_BASED) {
      return inode.erofs.cache.get(<u64>inode.union + index, this.ahead);
    }
    const mapped = inode.mapBlock(index);
    if (mapped < 0) return mapped;
    if (mapped == EROFS_HOLE) {
      const zero = zeroPage();
      if (zero == 0) return -ENOMEM;
      pageGet(zero);
      return zero;
    }
    const block = <u64>mapped;
    // Neighbours on the disk belong to the file as far as the chunk goes.
    const shift = <u64>format.chunkShift(inode.union);
    const mask = ((<u64>1) << shift) - 1;
    this.ahead.first = block - (index & mask);
    this.ahead.end = min(block - (index & mask) + mask + 1, block + inode.fullBlocks - index);
    return inode.erofs.cache.get(block, this.ahead);
  }

  peekPage(index: u64): u64 {
    const inode = this.inode;
    if (index < inode.fullBlocks) {
      if (inode.layout == format.EROFS_INODE_CHUNK_BASED) return 0;
      return inode.erofs.cache.peek(<u64>inode.union + index);
    }
    if (this.tailPage == 0 || index > inode.fullBlocks) return 0;
    pageGet(this.tailPage);
    return this.tailPage;
  }

  dropClean(first: u64, end: u64): void {
    const inode = this.inode;
    if (inode.layout == format.EROFS_INODE_CHUNK_BASED) return;
    const start = <u64>inode.union;
    const blocks = inode.fullBlocks;
    inode.erofs.cache.drop(start + min(first, blocks), start + min(end, blocks));
  }

  private getTail(index: u64): i64 {
    const inode = this.inode;
    if (index > inode.fullBlocks || inode.tailBytes == 0) return -EIO;
    if (this.tailPage == 0) {
      const page = allocPages(0);
      if (page == 0) return -ENOMEM;
      const error = inode.copyTail(directMap(page));
      if (error != 0) {
        pagePut(page);
        return error;
      }
      // Somebody else may have made it while this slept.
      if (this.tailPage == 0) this.tailPage = page;
      else pagePut(page);
    }
    pageGet(this.tailPage);
    return this.tailPage;
  }

  /** Gives back what this holds; for the inode's `destroy`. */
  dropTail(): void {
    if (this.tailPage != 0) pagePut(this.tailPage);
    this.tailPage = 0;
    free(this.ahead);
  }

  release(): void {
    inodeSourceReleased(this.inode);
  }
}
