/*
 * Reads files out of an image that erofs.ts has composed: the program's own bytes as they run,
 * whatever has become of the files on the host since. Format: kernel/fs/erofs-format.ts; only what
 * we compose is read, which is not compressed and has no extended attributes.
 *
 *   readImageFile(image, "/lib/libc.so.6")    its content, or null if there is no such file
 */
import { closeSync, openSync, readSync } from "node:fs";
import { ToolFailedError } from "../errors.ts";

const SUPERBLOCK = 1024;
const MAGIC = 0xe0f5e1e2;
const BLOCK = 4096;
const SLOT = 32;
const DIRENT_SIZE = 12;
const FLAT_PLAIN = 0;
const FLAT_INLINE = 2;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

type Read = (offset: number, size: number) => Buffer;

interface Inode {
  readonly kind: number;
  readonly content: () => Buffer;
}

export function readImageFile(image: string, path: string): Buffer | null {
  const file = openSync(image, "r");
  const read: Read = (offset, size) => {
    const buffer = Buffer.alloc(size);
    if (readSync(file, buffer, 0, size, offset) === size) return buffer;
    throw new ToolFailedError(image, "the image is cut short");
  };
  try {
    const superblock = read(SUPERBLOCK, 128);
    if (superblock.readUInt32LE(0) !== MAGIC) throw new ToolFailedError(image, "is no EROFS image");
    const metadata = superblock.readUInt32LE(40) * BLOCK;
    let nid = superblock.readUInt16LE(14);
    for (const part of path.split("/").filter(Boolean)) {
      const folder = readInode(read, metadata, nid);
      const found = folder.kind === S_IFDIR ? findEntry(folder.content(), part) : null;
      if (found === null) return null;
      nid = found;
    }
    const inode = readInode(read, metadata, nid);
    return inode.kind === S_IFREG ? inode.content() : null;
  } finally {
    closeSync(file);
  }
}

function readInode(read: Read, metadata: number, nid: number): Inode {
  const at = metadata + nid * SLOT;
  const head = read(at, 32);
  const format = head.readUInt16LE(0);
  const layout = (format >> 1) & 7;
  const isExtended = (format & 1) !== 0;
  const size = isExtended ? Number(head.readBigUInt64LE(8)) : head.readUInt32LE(8);
  const start = head.readUInt32LE(16) * BLOCK;
  const content = (): Buffer => {
    if (layout === FLAT_PLAIN) return read(start, size);
    if (layout !== FLAT_INLINE) throw new ToolFailedError("reading an image", `layout ${layout}`);
    // The whole blocks lie apart, the rest behind the inode.
    const whole = size - (size % BLOCK);
    const tail = read(at + (isExtended ? 64 : 32), size - whole);
    return whole === 0 ? tail : Buffer.concat([read(start, whole), tail]);
  };
  return { kind: head.readUInt16LE(4) & S_IFMT, content };
}

/**
 * Each block of a directory has entries, then their names, which end with the next or the block.
 */
function findEntry(content: Buffer, wanted: string): number | null {
  for (let at = 0; at < content.length; at += BLOCK) {
    const block = content.subarray(at, at + BLOCK);
    const count = Math.floor(block.readUInt16LE(8) / DIRENT_SIZE);
    for (let index = 0; index < count; index++) {
      const entry = index * DIRENT_SIZE;
      const end = index + 1 < count ? block.readUInt16LE(entry + DIRENT_SIZE + 8) : block.length;
      const name = block.toString("utf8", block.readUInt16LE(entry + 8), end);
      if (name.replace(/\0+$/, "") === wanted) return Number(block.readBigUInt64LE(entry));
    }
  }
  return null;
}
