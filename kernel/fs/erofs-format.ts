/**
 * The EROFS on-disk format (https://erofs.docs.kernel.org/en/latest/core_ondisk.html),
 * little-endian:
 *
 *     block 0:    | 1024 bytes for boot code | superblock (128) | …
 *     metadata:   slots of 32 bytes; inode number `nid` is at meta_blkaddr * 4096 + nid * 32
 *     inode:      32 bytes (compact) or 64 (extended) | extended attributes | tail of the data
 *                 (FLAT_INLINE) or chunk map (CHUNK_BASED)
 *     data:       whole blocks at `startBlock`
 *     directory:  blocks of | entry (12 bytes) … | names …; sorted by name, also across blocks
 *
 * All of it comes from outside: `checkSuperblock` and `parseInode` look at every value before it is
 * used.
 */
import { load8, load16, load32, load64 } from "../arch/hw";

export const EROFS_SUPER_OFFSET: u64 = 1024;
export const EROFS_SUPER_MAGIC: u32 = 0xe0f5e1e2;
export const EROFS_BLOCK_SHIFT: u32 = 12;
export const EROFS_BLOCK_SIZE: u64 = 4096;
export const EROFS_SLOT_SIZE: u64 = 32;

export const EROFS_FEATURE_COMPAT_SB_CHKSUM: u32 = 0x1;
/** Without effect on an image that has no compressed files. */
export const EROFS_FEATURE_INCOMPAT_ZERO_PADDING: u32 = 0x1;
export const EROFS_FEATURE_INCOMPAT_CHUNKED_FILE: u32 = 0x4;

// Data layouts of an inode.
export const EROFS_INODE_FLAT_PLAIN: u32 = 0;
export const EROFS_INODE_COMPRESSED_FULL: u32 = 1;
export const EROFS_INODE_FLAT_INLINE: u32 = 2;
export const EROFS_INODE_COMPRESSED_COMPACT: u32 = 3;
export const EROFS_INODE_CHUNK_BASED: u32 = 4;

/** In a chunk map or as a start block: nothing there, all zeros. */
export const EROFS_NULL_ADDR: u32 = 0xffffffff;
const EROFS_CHUNK_FORMAT_BLKBITS_MASK: u32 = 0x1f;
export const EROFS_CHUNK_FORMAT_INDEXES: u32 = 0x20;
const EROFS_CHUNK_FORMAT_ALL: u32 = 0x3f;

export const EROFS_INODE_EXTENDED_SIZE: u64 = 64;
const EROFS_INODE_COMPACT_SIZE: u64 = 32;
/** Extended attributes (erofs-xattr.ts): a header of 12 bytes, then 4 bytes per unit. */
export const EROFS_XATTR_HEADER: u64 = 12;

export const EROFS_DIRENT_SIZE: u32 = 12;

// ---- Superblock: offsets from EROFS_SUPER_OFFSET ------------------------------------------------
export const SB_MAGIC: u64 = 0x00;
export const SB_CHECKSUM: u64 = 0x04;
export const SB_FEATURE_COMPAT: u64 = 0x08;
export const SB_BLKSZBITS: u64 = 0x0c;
export const SB_ROOT_NID: u64 = 0x0e;
export const SB_INOS: u64 = 0x10;
export const SB_BUILD_TIME: u64 = 0x18;
export const SB_BUILD_TIME_NSEC: u64 = 0x20;
export const SB_BLOCKS: u64 = 0x24;
export const SB_META_BLKADDR: u64 = 0x28;
export const SB_XATTR_BLKADDR: u64 = 0x2c;
export const SB_FEATURE_INCOMPAT: u64 = 0x50;
export const SB_EXTRA_DEVICES: u64 = 0x56;

// ---- Directory entries --------------------------------------------------------------------------

export function direntNid(at: u64): u64 {
  return load64(at);
}

export function direntNameOffset(at: u64): u32 {
  return load16(at + 8);
}

export function direntType(at: u64): u32 {
  return load8(at + 10);
}

// ---- Inodes -------------------------------------------------------------------------------------

/** An inode's fields in one form, whichever it had on disk. */
@unmanaged
export class ErofsFields {
  mode: u32;
  nlink: u32;
  uid: u32;
  gid: u32;
  size: u64;
  layout: u32;
  /** Start block, device number or chunk format, by layout and type. */
  union: u32;
  /** Nanoseconds since 1970; 0 with `hasTime` false for a compact inode. */
  mtimeNs: i64;
  hasTime: bool;
  /** Bytes of extended attributes, between the inode and what follows. */
  xattrBytes: u64;
  /** Bytes from the inode's start to what follows it: inline data or the chunk map. */
  tailOffset: u64;
}

/** Reads the 64 bytes at an address as an inode. False when it makes no sense. */
export function parseInode(at: u64, out: ErofsFields): bool {
  const format = load16(at);
  const extended = (format & 1) != 0;
  out.layout = (format >> 1) & 7;
  if ((format & ~(<u32>0xf)) != 0 || out.layout > EROFS_INODE_CHUNK_BASED) return false;
  const attributeUnits = <u64>load16(at + 2);
  out.mode = load16(at + 4);
  out.union = load32(at + 16);
  if (extended) {
    out.size = load64(at + 8);
    out.uid = load32(at + 24);
    out.gid = load32(at + 28);
    out.mtimeNs = <i64>(load64(at + 32) * 1000000000 + <u64>load32(at + 40));
    out.hasTime = true;
    out.nlink = load32(at + 44);
  } else {
    out.size = load32(at + 8);
    out.uid = load16(at + 24);
    out.gid = load16(at + 26);
    out.mtimeNs = 0;
    out.hasTime = false;
    out.nlink = load16(at + 6);
  }
  out.tailOffset = extended ? EROFS_INODE_EXTENDED_SIZE : EROFS_INODE_COMPACT_SIZE;
  out.xattrBytes = attributeUnits == 0 ? 0 : EROFS_XATTR_HEADER + (attributeUnits - 1) * 4;
  out.tailOffset += out.xattrBytes;
  return out.size < (<u64>1) << 44;
}

/** Whether the layout is compressed, which this kernel does not read. */
export function isCompressed(layout: u32): bool {
  return layout == EROFS_INODE_COMPRESSED_FULL || layout == EROFS_INODE_COMPRESSED_COMPACT;
}

/** log2 of a chunk's size in blocks; -1 for a chunk format with bits that are not known. */
export function chunkShift(format: u32): i32 {
  if ((format & ~EROFS_CHUNK_FORMAT_ALL) != 0) return -1;
  return format & EROFS_CHUNK_FORMAT_BLKBITS_MASK;
}
