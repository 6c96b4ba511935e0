/**
 * System calls about what of a file is in memory: posix_fadvise, readahead, cachestat; and
 * sync_file_range, for which there is nothing to write.
 *
 * Advice with an effect: WILLNEED reads ahead, and waits for that; DONTNEED drops clean pages of
 * files on a disk that nobody uses. Pages are read in windows as it is, whatever SEQUENTIAL, RANDOM
 * and NOREUSE say.
 */
import { File, fileGet, filePut, O_PATH } from "../fs/file";
import { isError } from "../fs/inode";
import { PageSource } from "../fs/page-source";
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, Stat } from "../fs/stat";
import { EBADF, EFAULT, EINVAL, ENOMEM, ESPIPE } from "../lib/errno";
import { PAGE_SHIFT, PAGE_SIZE } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { fdFile } from "./descriptors";
import { isReadable } from "./file-access";
import { loadUser, storeUser } from "./user-memory";

// include/uapi/linux/fadvise.h: NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, NOREUSE
const POSIX_FADV_WILLNEED: u32 = 3;
const POSIX_FADV_DONTNEED: u32 = 4;
const POSIX_FADV_NOREUSE: u32 = 5;
/** SYNC_FILE_RANGE_WAIT_BEFORE, WRITE, WAIT_AFTER: include/uapi/linux/fs.h. */
const SYNC_FILE_RANGE_ALL: u32 = 7;
/** struct cachestat_range: off, len; struct cachestat: nr_cache, and four that are 0 here. */
const CACHESTAT_RANGE_SIZE: u64 = 16;
const CACHESTAT_SIZE: usize = 40;
/** At most this far is read ahead. */
const READAHEAD_MAX: u64 = 2 << 20;

/** The file of a descriptor that is more than a place, borrowed; null: -EBADF. */
function fileOf(fd: i32): File | null {
  const file = fdFile(fd);
  return file && (file.flags & O_PATH) == 0 ? file : null;
}

/** S_IFMT of an open file: 0 when it has none, -ENOMEM. */
function typeOf(file: File): i32 {
  const stat = attempt(new Stat());
  if (!stat) return -ENOMEM;
  stat.reset(0);
  file.stat(stat);
  const type = stat.mode & S_IFMT;
  free(stat);
  return type;
}

/** The pages of a file, borrowed; null when it has none, or memory for what keeps them is out. */
function pagesOf(file: File): PageSource | null {
  const pages = file.pageSource();
  return isError(pages) ? null : changetype<PageSource>(pages);
}

/** Reads [offset, offset + n) of a source into memory. May sleep. */
function readAhead(source: PageSource, offset: u64, n: u64): void {
  const size = source.size();
  if (offset >= size) return;
  const end = offset + min(min(n, READAHEAD_MAX), size - offset);
  source.readAhead(offset >> PAGE_SHIFT, (end + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

/** Whole pages in [offset, offset + n) are not needed; what the end of the file cuts is whole. */
function dropPages(source: PageSource, offset: u64, n: u64): void {
  const end = offset + n;
  const last = end >= source.size() ? u64.MAX_VALUE : end >> PAGE_SHIFT;
  source.dropClean((offset + PAGE_SIZE - 1) >> PAGE_SHIFT, last);
}

/** `n` 0 means to the end of the file. */
export function sys_fadvise64(fd: i32, offset: i64, n: i64, advice: u32): i64 {
  const file = fileOf(fd);
  if (!file) return -EBADF;
  const type = typeOf(file);
  if (type < 0) return type;
  if (type == S_IFIFO) return -ESPIPE;
  if (advice > POSIX_FADV_NOREUSE || n < 0) return -EINVAL;
  const source = type == S_IFREG && offset >= 0 ? pagesOf(file) : null;
  if (!source) return 0;
  const length: u64 = n == 0 ? i64.MAX_VALUE : n;
  fileGet(file);
  if (advice == POSIX_FADV_WILLNEED) readAhead(source, offset, length);
  if (advice == POSIX_FADV_DONTNEED) dropPages(source, offset, length);
  filePut(file);
  return 0;
}

export function sys_readahead(fd: i32, offset: i64, n: u64): i64 {
  const file = fileOf(fd);
  if (!file || !isReadable(file)) return -EBADF;
  const pages = file.pageSource();
  if (<i32>pages == -ENOMEM) return -ENOMEM;
  if (isError(pages) || <i64>n < 0) return -EINVAL;
  fileGet(file);
  if (offset >= 0) readAhead(changetype<PageSource>(pages), offset, n);
  filePut(file);
  return 0;
}

/** Files are memory: nothing waits to be written. */
export function sys_sync_file_range(fd: i32, offset: i64, n: i64, flags: u32): i64 {
  const file = fileOf(fd);
  if (!file) return -EBADF;
  if ((flags & ~SYNC_FILE_RANGE_ALL) != 0 || offset < 0 || offset + n < offset) return -EINVAL;
  const type = typeOf(file);
  if (type < 0) return type;
  return type == S_IFREG || type == S_IFDIR ? 0 : -ESPIPE;
}

/** How many pages of a range (length 0: to the end) are in memory; none is dirty or was evicted. */
export function sys_cachestat(fd: i32, range: u64, to: u64, flags: u32): i64 {
  const file = fileOf(fd);
  if (!file) return -EBADF;
  fileGet(file);
  const at = threadScratch();
  let error: i64 = loadUser(at, range, CACHESTAT_RANGE_SIZE);
  if (error == 0 && flags != 0) error = -EINVAL;
  if (error == 0) {
    const offset = load<u64>(at);
    const n = load<u64>(at, 8);
    const end = n == 0 || offset + n < offset ? u64.MAX_VALUE : offset + n - 1;
    const source = pagesOf(file);
    memory.fill(at, 0, CACHESTAT_SIZE);
    const last = end >> PAGE_SHIFT;
    if (source) store<u64>(at, source.countCached(offset >> PAGE_SHIFT, last + 1));
    error = storeUser(to, at, CACHESTAT_SIZE) != 0 ? -EFAULT : 0;
  }
  filePut(file);
  return error;
}
