/*
 * Writes /etc/ld.so.cache, so that glibc's loader finds every library with one look instead of
 * trying folder after folder. `ldconfig -r` would do it, but only as root, for it calls chroot().
 *
 * Format (glibc sysdeps/generic/dl-cache.h, "new" format alone, as `ldconfig -c new` writes it):
 *
 *   0   char magic[20]   "glibc-ld.so.cache1.1"
 *   20  u32  nlibs
 *   24  u32  len_strings
 *   28  u8   flags       2: little endian
 *   32  u32  extension_offset  0: none
 *   36  u32  unused[3]
 *   48  struct { s32 flags; u32 key, value, osversion; u64 hwcap; } libs[nlibs]
 *   ..  strings, which key (soname) and value (path) are file offsets of
 *
 * The loader searches by bisection, so entries are sorted as `_dl_cache_libcmp` compares names, in
 * descending order.
 */
import { basename } from "node:path";

const MAGIC = "glibc-ld.so.cache1.1";
const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;
const CACHE_FLAG_LITTLE_ENDIAN = 2;
/** FLAG_ELF_LIBC6 (3) | FLAG_X8664_LIB64 (0x300). */
const LIBRARY_FLAGS = 0x0303;

export function ldSoCache(libraries: readonly string[]): Buffer {
  const sorted = [...libraries].sort((a, b) => compareNames(basename(b), basename(a)));
  const strings: Buffer[] = [];
  let at = HEADER_SIZE + sorted.length * ENTRY_SIZE;
  const intern = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`);
    const offset = at;
    strings.push(bytes);
    at += bytes.length;
    return offset;
  };
  const head = Buffer.alloc(HEADER_SIZE + sorted.length * ENTRY_SIZE);
  sorted.forEach((path, index) => {
    const entry = HEADER_SIZE + index * ENTRY_SIZE;
    head.writeInt32LE(LIBRARY_FLAGS, entry);
    head.writeUInt32LE(intern(basename(path)), entry + 4);
    head.writeUInt32LE(intern(path), entry + 8);
  });
  head.write(MAGIC, 0, "latin1");
  head.writeUInt32LE(sorted.length, 20);
  head.writeUInt32LE(at - head.length, 24);
  head.writeUInt8(CACHE_FLAG_LITTLE_ENDIAN, 28);
  return Buffer.concat([head, ...strings]);
}

/** glibc's `_dl_cache_libcmp`: byte order, except that runs of digits compare as numbers. */
export function compareNames(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length) {
    if (isDigit(a, i)) {
      if (!isDigit(b, j)) return 1;
      const [first, afterFirst] = takeNumber(a, i);
      const [second, afterSecond] = takeNumber(b, j);
      if (first !== second) return first - second;
      i = afterFirst;
      j = afterSecond;
    } else if (isDigit(b, j)) {
      return -1;
    } else {
      const difference = a.charCodeAt(i) - (j < b.length ? b.charCodeAt(j) : 0);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
  }
  return j < b.length ? -1 : 0;
}

function isDigit(text: string, at: number): boolean {
  return /^[0-9]$/.test(text.charAt(at));
}

function takeNumber(text: string, at: number): [value: number, end: number] {
  let end = at;
  while (isDigit(text, end)) end++;
  return [Number(text.slice(at, end)), end];
}
