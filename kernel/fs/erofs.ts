/**
 * EROFS, the read-only file system of the root image: uncompressed, 4 KiB blocks, flat, inline and
 * chunk-based files.
 *
 *     erofsMount(cache)       the root directory's Inode (usize, one reference) or -errno
 *
 * Everything is read through the page cache of the disk. Metadata is looked at in place, in the
 * cache's pages; a page is held by a reference while it is. An image is untrusted: each offset is
 * checked against the image's size before it is used, and what makes no sense is -EUCLEAN
 * ("structure needs cleaning", as Linux says).
 *
 * Inodes are made at lookup and live as long as their dentries; two names of one file get two
 * Inodes, which is no harm where nothing can be written.
 */
import { addressOf, copy, fill, load8, load16, load32, load64 } from "../arch/hw";
import { crc32c } from "../lib/crc32c";
import { EINVAL, ENOMEM, ENOTDIR, EOPNOTSUPP, EUCLEAN } from "../lib/errno";
import { LOG_ERROR, log, logBegin, logEnd, put, putDecimal } from "../lib/log";
import { directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Dentry } from "./dentry";
import { openNode } from "./device-node";
import { DirectorySink } from "./directory-sink";
import { erofsList, erofsLookup } from "./erofs-directory";
import * as format from "./erofs-format";
import { ErofsFields } from "./erofs-format";
import { ErofsPages } from "./erofs-pages";
import { erofsReadXattrs } from "./erofs-xattr";
import { FileSystem, FileSystemUse, Inode, isError, resultOf } from "./inode";
import { IoVector } from "./io-vector";
import { PageCache, ReadAhead } from "./page-cache";
import { PageSource } from "./page-source";
import { S_IFBLK, S_IFCHR, S_IFMT, S_IFREG } from "./stat";
import { DirectoryFile, RegularFile } from "./vfs-file";
import { XattrList } from "./xattr";

const EROFS_SUPER_MAGIC_V1: u64 = 0xe0f5e1e2;
/** A nid beyond this would overflow an image of PAGE_INDEX_MAX pages. */
const NID_MAX: u64 = (<u64>1) << 39;

/** In place of a block: nothing there, all zeros. */
export const EROFS_HOLE: i64 = i64.MAX_VALUE;

/** A piece of metadata in the page cache. Who got it gives it back by `done`. */
@unmanaged
export class MetaView {
  /** Where it is mapped. */
  address: u64;
  private page: u64;

  constructor(page: u64, offset: u64) {
    this.page = page;
    this.address = directMap(page) + offset;
  }

  done(): void {
    pagePut(this.page);
    free(this);
  }
}

export class ErofsFileSystem extends FileSystem {
  /** Size of the image in blocks. */
  blocks: u64 = 0;
  /** Byte offset of the metadata. */
  metaStart: u64 = 0;
  /** Byte offset of the extended attributes that inodes share. */
  sharedXattrStart: u64 = 0;
  rootNid: u64 = 0;
  inodeCount: u64 = 0;
  buildTimeNs: i64 = 0;
  private metaAhead: ReadAhead = new ReadAhead(0, 0);

  constructor(public cache: PageCache) {
    super("erofs");
    this.magic = EROFS_SUPER_MAGIC_V1;
    this.readOnly = true;
    this.blocks = cache.pageCount;
    this.metaAhead.end = cache.pageCount;
  }

  use(out: FileSystemUse): void {
    out.blocks = this.blocks;
    out.blocksFree = 0;
    out.files = this.inodeCount;
    out.filesFree = 0;
  }

  /** The block's page with a reference: physical address, or -errno. May sleep. */
  block(index: u64): i64 {
    return this.cache.get(index, this.metaAhead);
  }

  /**
   * A look at [offset, offset + n) of the image, which lies in one block: the caller has seen to
   * that. A MetaView or -errno. May sleep.
   */
  view(offset: u64, n: u64): usize {
    const within = offset & (PAGE_SIZE - 1);
    assert(within + n <= PAGE_SIZE, "a look at one block");
    if (offset >> 12 >= this.blocks) return -EUCLEAN;
    const page = this.block(offset >> 12);
    if (page < 0) return <usize>page;
    const view = attempt(new MetaView(page, within));
    if (view) return changetype<usize>(view);
    pagePut(page);
    return -ENOMEM;
  }

  /** Looks the superblock over. 0 or -errno. */
  readSuperblock(): i32 {
    if (this.blocks == 0) return -EINVAL;
    const page = this.block(0);
    if (page < 0) return <i32>page;
    const error = this.checkSuperblock(directMap(page));
    pagePut(page);
    return error;
  }

  private checkSuperblock(block: u64): i32 {
    const at = block + format.EROFS_SUPER_OFFSET;
    if (load32(at + format.SB_MAGIC) != format.EROFS_SUPER_MAGIC) return refuse("no EROFS image");
    if (load8(at + format.SB_BLKSZBITS) != format.EROFS_BLOCK_SHIFT) {
      return refuse("only blocks of 4 KiB are supported");
    }
    const known =
      format.EROFS_FEATURE_INCOMPAT_ZERO_PADDING | format.EROFS_FEATURE_INCOMPAT_CHUNKED_FILE;
    if ((load32(at + format.SB_FEATURE_INCOMPAT) & ~known) != 0) {
      return refuse("the image uses features that are not supported (compressed?)");
    }
    if (load16(at + format.SB_EXTRA_DEVICES) != 0) return refuse("the image has extra devices");
    if (
      (load32(at + format.SB_FEATURE_COMPAT) & format.EROFS_FEATURE_COMPAT_SB_CHKSUM) != 0 &&
      superblockChecksum(block) != load32(at + format.SB_CHECKSUM)
    ) {
      return refuse("the superblock's checksum is wrong");
    }
    const blocks = <u64>load32(at + format.SB_BLOCKS);
    if (blocks > this.blocks) return refuse("the image is cut short");
    if (blocks != 0) this.blocks = blocks;
    this.metaAhead.end = this.blocks;
    this.metaStart = (<u64>load32(at + format.SB_META_BLKADDR)) << 12;
    this.sharedXattrStart = (<u64>load32(at + format.SB_XATTR_BLKADDR)) << 12;
    this.rootNid = load16(at + format.SB_ROOT_NID);
    this.inodeCount = load64(at + format.SB_INOS);
    this.buildTimeNs = <i64>(
      (load64(at + format.SB_BUILD_TIME) * 1000000000 + <u64>load32(at + format.SB_BUILD_TIME_NSEC))
    );
    return 0;
  }

  /** Makes the Inode of a nid: a reference as usize, or -errno. May sleep. */
  inode(nid: u64): usize {
    if (nid >= NID_MAX) return -EUCLEAN;
    const offset = this.metaStart + nid * format.EROFS_SLOT_SIZE;
    const fields = attempt(new ErofsFields());
    if (!fields) return -ENOMEM;
    const raw = heapAlloc(<usize>format.EROFS_INODE_EXTENDED_SIZE);
    if (raw == 0) {
      free(fields);
      return -ENOMEM;
    }
    let error = this.readSlot(offset, raw);
    // An extended inode may reach into the next block.
    if (error == 0 && (load<u8>(raw) & 1) != 0) {
      error = this.readSlot(offset + format.EROFS_SLOT_SIZE, raw + 32);
    }
    if (error == 0 && !format.parseInode(addressOf(raw), fields)) error = -EUCLEAN;
    if (error == 0 && format.isCompressed(fields.layout)) error = this.refuseCompressed(nid);
    heapFree(raw);
    const inode = error == 0 ? attempt(new ErofsInode(this, nid, fields, offset)) : null;
    free(fields);
    if (!inode) return error != 0 ? error : -ENOMEM;
    error = inode.checkLayout();
    if (error == 0) return changetype<usize>(inode);
    free(inode);
    return error;
  }

  private refuseCompressed(nid: u64): i32 {
    if (logBegin(LOG_ERROR, "erofs")) {
      put("compressed files are not supported (inode ");
      putDecimal(nid);
      put(")");
      logEnd();
    }
    return -EOPNOTSUPP;
  }

  /** For an image that was refused: frees this. */
  destroy(): void {
    free(this.metaAhead);
    free(this);
  }

  /** Copies one slot of metadata to linear memory. */
  private readSlot(offset: u64, to: usize): i32 {
    const view = this.view(offset, format.EROFS_SLOT_SIZE);
    if (isError(view)) return <i32>view;
    const slot = changetype<MetaView>(view);
    copy(addressOf(to), slot.address, format.EROFS_SLOT_SIZE);
    slot.done();
    return 0;
  }
}

function refuse(reason: string): i32 {
  log(LOG_ERROR, "erofs", reason);
  return -EINVAL;
}

/** Over the superblock's block from 1024 on, with the checksum's own field taken as zero. */
function superblockChecksum(block: u64): u32 {
  const at = block + format.EROFS_SUPER_OFFSET;
  const zero: usize = memory.data(4);
  let crc = crc32c(0xffffffff, at, format.SB_CHECKSUM);
  crc = crc32c(crc, addressOf(zero), 4);
  const rest = format.SB_CHECKSUM + 4;
  const size = format.EROFS_BLOCK_SIZE - format.EROFS_SUPER_OFFSET;
  return crc32c(crc, at + rest, size - rest);
}

export class ErofsInode extends Inode {
  private sizeBytes: u64 = 0;
  layout: u32;
  /** Start block of flat data; the chunk format of chunk-based files. */
  union: u32;
  /** Byte offset in the image of what follows the inode. */
  tailStart: u64;
  private xattrBytes: u32;
  /** Read when somebody first asks for it. */
  private xattrs: XattrList | null = null;
  /** Blocks of data outside of the inode. */
  fullBlocks: u64 = 0;
  /** Bytes of data behind the inode. */
  tailBytes: u64 = 0;

  constructor(fileSystem: ErofsFileSystem, nid: u64, fields: ErofsFields, offset: u64) {
    super(fileSystem, nid, fields.mode);
    this.nlink = fields.nlink;
    this.uid = fields.uid;
    this.gid = fields.gid;
    this.sizeBytes = fields.size;
    this.layout = fields.layout;
    this.union = fields.union;
    this.tailStart = offset + fields.tailOffset;
    this.xattrBytes = <u32>fields.xattrBytes;
    const time = fields.hasTime ? fields.mtimeNs : fileSystem.buildTimeNs;
    this.atimeNs = time;
    this.mtimeNs = time;
    this.ctimeNs = time;
  }

  @inline
  get erofs(): ErofsFileSystem {
    return <ErofsFileSystem>this.fileSystem;
  }

  size(): u64 {
    return this.sizeBytes;
  }

  blocks(): u64 {
    return ((this.sizeBytes + 4095) >> 12) << 3;
  }

  /**
   * Splits the size in blocks and tail, and checks that both are inside the image. 0 or -EUCLEAN.
   */
  checkLayout(): i32 {
    const type = this.mode & S_IFMT;
    if (type == S_IFCHR || type == S_IFBLK) {
      this.rdev = this.union;
      this.sizeBytes = 0;
      return 0;
    }
    const blocks = (this.sizeBytes + 4095) >> 12;
    this.fullBlocks = blocks;
    if (this.layout == format.EROFS_INODE_FLAT_INLINE && blocks != 0) {
      this.fullBlocks = blocks - 1;
      this.tailBytes = this.sizeBytes - ((blocks - 1) << 12);
      if ((this.tailStart & 4095) + this.tailBytes > 4096) return -EUCLEAN;
    }
    if (this.layout == format.EROFS_INODE_CHUNK_BASED) {
      return format.chunkShift(this.union) < 0 || type != S_IFREG ? -EUCLEAN : 0;
    }
    if (this.fullBlocks != 0 && <u64>this.union + this.fullBlocks > this.erofs.blocks) {
      return -EUCLEAN;
    }
    return 0;
  }

  /**
   * The image's block for block `index` (below `fullBlocks`) of a file in chunks, EROFS_HOLE, or
   * -errno. May sleep.
   */
  mapBlock(index: u64): i64 {
    const shift = <u64>format.chunkShift(this.union);
    const indexes = (this.union & format.EROFS_CHUNK_FORMAT_INDEXES) != 0;
    const unit: u64 = indexes ? 8 : 4;
    const start = (this.tailStart + unit - 1) & ~(unit - 1);
    const view = this.erofs.view(start + (index >> shift) * unit, unit);
    if (isError(view)) return <i32>view;
    const entry = changetype<MetaView>(view);
    const block = <u64>load32(entry.address + (indexes ? 4 : 0));
    entry.done();
    if (block == <u64>format.EROFS_NULL_ADDR) return EROFS_HOLE;
    const mapped = block + (index & (((<u64>1) << shift) - 1));
    return mapped < this.erofs.blocks ? <i64>mapped : -EUCLEAN;
  }

  /**
   * A look at block `index` of the data, which is not in chunks: a MetaView or -errno. May sleep.
   */
  dataView(index: u64): usize {
    if (index < this.fullBlocks) {
      return this.erofs.view((<u64>this.union + index) << 12, PAGE_SIZE);
    }
    if (index == this.fullBlocks && this.tailBytes != 0) {
      return this.erofs.view(this.tailStart, this.tailBytes);
    }
    return -EUCLEAN;
  }

  /** Bytes that `dataView` of block `index` shows. */
  dataBytes(index: u64): u64 {
    return min(this.sizeBytes - (index << 12), PAGE_SIZE);
  }

  lookup(dentry: Dentry): i32 {
    return this.isDirectory() ? erofsLookup(this, dentry) : -ENOTDIR;
  }

  list(position: u64, sink: DirectorySink): i64 {
    return erofsList(this, position, sink);
  }

  readLink(to: usize, size: u32): i32 {
    if (!this.isLink()) return -EINVAL;
    const n = min(<u64>size, this.sizeBytes);
    for (let done: u64 = 0; done < n; done += PAGE_SIZE) {
      const view = this.dataView(done >> 12);
      if (isError(view)) return <i32>view;
      const piece = changetype<MetaView>(view);
      copy(addressOf(to) + done, piece.address, min(n - done, PAGE_SIZE));
      piece.done();
    }
    return <i32>n;
  }

  readAt(io: IoVector, offset: u64): i64 {
    // A small file behind its inode needs no page of its own to be read.
    if (this.fullBlocks != 0 || offset >= this.sizeBytes) return super.readAt(io, offset);
    const view = this.dataView(0);
    if (isError(view)) return <i32>view;
    const tail = changetype<MetaView>(view);
    const done = io.put(tail.address + offset, min(io.remaining, this.sizeBytes - offset));
    tail.done();
    return done;
  }

  pages(): PageSource | null {
    if (!this.isRegular()) return null;
    if (!this.source) this.source = attempt(new ErofsPages(this));
    return this.source;
  }

  open(dentry: Dentry, flags: u32): usize {
    if (this.isRegular()) return resultOf(attempt(new RegularFile(dentry, this, flags)));
    if (this.isDirectory()) return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
    return openNode(this, dentry, flags);
  }

  attributeList(): usize {
    if (this.xattrBytes == 0) return 0;
    if (!this.xattrs) {
      const list = attempt(new XattrList());
      if (!list) return -ENOMEM;
      const offset = this.tailStart - this.xattrBytes;
      const error = erofsReadXattrs(this.erofs, offset, this.xattrBytes, list);
      // That may have slept, and another thread have read them.
      if (error == 0 && !this.xattrs) this.xattrs = list;
      else list.destroy();
      if (error != 0) return error;
    }
    return changetype<usize>(this.xattrs);
  }

  /** Fills a page of ours with the data behind the inode. 0 or -errno. May sleep. */
  copyTail(to: u64): i32 {
    const view = this.dataView(this.fullBlocks);
    if (isError(view)) return <i32>view;
    const tail = changetype<MetaView>(view);
    copy(to, tail.address, this.tailBytes);
    fill(to + this.tailBytes, 0, PAGE_SIZE - this.tailBytes);
    tail.done();
    return 0;
  }

  destroy(): void {
    const source = this.source;
    if (source) {
      (<ErofsPages>source).dropTail();
      free(source);
    }
    const xattrs = this.xattrs;
    if (xattrs) xattrs.destroy();
    free(this);
  }
}

export function erofsMount(cache: PageCache): usize {
  const fileSystem = new ErofsFileSystem(cache);
  let error = fileSystem.readSuperblock();
  if (error == 0) {
    const root = fileSystem.inode(fileSystem.rootNid);
    if (!isError(root)) {
      if (changetype<Inode>(root).isDirectory()) return root;
      changetype<Inode>(root).destroy();
      error = -EUCLEAN;
    } else {
      error = <i32>root;
    }
  }
  fileSystem.destroy();
  return error;
}
