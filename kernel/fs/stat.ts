/**
 * struct stat of x86-64 Linux (arch/x86/include/uapi/asm/stat.h), 144 bytes, and the bits of its
 * `mode`.
 */
export const S_IFMT: u32 = 0o170000;
export const S_IFSOCK: u32 = 0o140000;
export const S_IFLNK: u32 = 0o120000;
export const S_IFREG: u32 = 0o100000;
export const S_IFBLK: u32 = 0o060000;
export const S_IFDIR: u32 = 0o040000;
export const S_IFCHR: u32 = 0o020000;
export const S_IFIFO: u32 = 0o010000;
export const S_ISUID: u32 = 0o4000;
export const S_ISGID: u32 = 0o2000;
export const S_IXGRP: u32 = 0o010;

@unmanaged
export class Stat {
  dev: u64;
  ino: u64;
  nlink: u64;
  mode: u32;
  uid: u32;
  gid: u32;
  padding: u32;
  rdev: u64;
  size: i64;
  blksize: i64;
  blocks: i64;
  atime: i64;
  atimeNs: i64;
  mtime: i64;
  mtimeNs: i64;
  ctime: i64;
  ctimeNs: i64;
  unused0: i64;
  unused1: i64;
  unused2: i64;

  /** Zero everywhere, then what every file has. */
  reset(mode: u32): void {
    memory.fill(changetype<usize>(this), 0, offsetof<Stat>());
    this.nlink = 1;
    this.mode = mode;
    this.blksize = 4096;
  }
}
if (offsetof<Stat>() != 144) ERROR("struct stat is 144 bytes");

const NS_PER_SECOND: i64 = 1_000_000_000;

/** The whole seconds of a time in nanoseconds since 1970: rounded down, also before that. */
export function secondsOf(ns: i64): i64 {
  const towardsZero = ns / NS_PER_SECOND;
  return towardsZero - <i64>(ns < towardsZero * NS_PER_SECOND);
}

/** The nanoseconds beside `secondsOf`: 0 to 999,999,999. */
export function fractionOf(ns: i64): i64 {
  return ns - secondsOf(ns) * NS_PER_SECOND;
}
