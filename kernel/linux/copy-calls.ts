/**
 * System calls that move data from one descriptor to another without the application's buffers:
 * sendfile and copy_file_range. What has a pipe at one end is in splice-calls.ts.
 *
 * What has pages (regular files) is written straight from them. What hasn't goes through one page.
 */
import { File, fileGet, filePut, O_APPEND } from "../fs/file";
import { isError } from "../fs/inode";
import { IN_ACCESS } from "../fs/inotify-events";
import { RW_COUNT_MAX } from "../fs/io-vector";
import { PageSource } from "../fs/page-source";
import { RegularFile, SEEK_CUR, SEEK_SET } from "../fs/vfs-file";
import { isAnyWatched } from "../fs/watch";
import { EBADF, EFAULT, EINVAL, EISDIR, ENODEV, ENOMEM, EOVERFLOW, ESPIPE } from "../lib/errno";
import { allocPages, directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { currentThread, threadScratch } from "../sched/thread";
import { fdFile } from "./descriptors";
import { isDirectory, isReadable, isWritable } from "./file-access";
import { loadUser, storeUser64 } from "./user-memory";

/** Loads an offset of the application. Returns it, or -EFAULT, -EINVAL (negative). */
export function loadOffset(from: u64): i64 {
  const at = threadScratch();
  const error = loadUser(at, from, 8);
  if (error != 0) return error;
  const offset = load<i64>(at);
  return offset < 0 ? -EINVAL : offset;
}

/** Writes n bytes at a kernel address: at `offset`, or (-1) where the file is. */
function writePiece(out: File, address: u64, n: u64, offset: i64): i64 {
  const io = currentThread().io;
  io.setKernel(address, n);
  return offset < 0 ? out.write(io) : out.writeAt(io, offset);
}

/**
 * Writes [offset, offset + n) of a page source to `out`. Returns bytes, or -errno when there were
 * none.
 */
function writePages(source: PageSource, offset: u64, n: u64, out: File, outOffset: i64): i64 {
  const size = source.size();
  let left = offset < size ? min(n, size - offset) : 0;
  let done: i64 = 0;
  while (left > 0) {
    const at = offset + <u64>done;
    const page = source.getPage(at >> 12);
    if (page < 0) return done > 0 ? done : page;
    const within = at & (PAGE_SIZE - 1);
    const piece = min(left, PAGE_SIZE - within);
    const target = outOffset < 0 ? -1 : outOffset + done;
    const written = writePiece(out, directMap(page) + within, piece, target);
    pagePut(page);
    if (written < 0) return done > 0 ? done : written;
    done += written;
    left -= <u64>written;
    if (<u64>written < piece) break;
  }
  return done;
}

/** Moves up to n bytes from `offset` on through a page: the way for what has no pages itself. */
function movePieces(from: File, offset: i64, n: u64, out: File, outOffset: i64): i64 {
  const page = allocPages(0);
  if (page == 0) return -ENOMEM;
  const io = currentThread().io;
  let done: i64 = 0;
  while (<u64>done < n) {
    io.setKernel(directMap(page), min(n - <u64>done, PAGE_SIZE));
    const got = from.readAt(io, offset + done);
    const target = outOffset < 0 ? -1 : outOffset + done;
    const written = got > 0 ? writePiece(out, directMap(page), got, target) : got;
    if (written > 0) done += written;
    else if (done == 0) done = written;
    if (written <= 0 || written < got) break;
  }
  pagePut(page);
  return done;
}

/**
 * Moves data from a file that has positions, with references held on both files; an offset of -1 is
 * the file's own position, which moves on.
 */
function transfer(from: File, offset: i64, n: u64, out: File, outOffset: i64): i64 {
  const wanted = min(n, RW_COUNT_MAX);
  const start = offset < 0 ? from.seek(0, SEEK_CUR) : offset;
  const pages = from instanceof RegularFile ? from.pageSource() : -ENODEV;
  const hasPages = !isError(pages);
  const done = hasPages
    ? writePages(changetype<PageSource>(pages), start, wanted, out, outOffset)
    : movePieces(from, start, wanted, out, outOffset);
  if (offset < 0 && done > 0) from.seek(start + done, SEEK_SET);
  if (hasPages && done > 0 && isAnyWatched()) (<RegularFile>from).tellSlowly(IN_ACCESS);
  return done;
}

/**
 * sendfile(2). What has no position can't be read without being lost when `out` takes less: a pipe,
 * socket or event file is -EINVAL.
 */
export function sys_sendfile(outFd: i32, inFd: i32, offsetAt: u64, n: u64): i64 {
  const from = fdFile(inFd);
  if (!from || !isReadable(from)) return -EBADF;
  const seekable = from.seek(0, SEEK_CUR) >= 0;
  if (offsetAt != 0 && !seekable) return -ESPIPE;
  const out = fdFile(outFd);
  if (!out || !isWritable(out)) return -EBADF;
  if (!seekable || isDirectory(from) || (out.flags & O_APPEND) != 0) return -EINVAL;
  fileGet(from);
  fileGet(out);
  const offset = offsetAt != 0 ? loadOffset(offsetAt) : -1;
  let done = offsetAt != 0 && offset < 0 ? offset : transfer(from, offset, n, out, -1);
  if (done > 0 && offsetAt != 0 && storeUser64(offsetAt, <u64>(offset + done)) != 0) done = -EFAULT;
  filePut(out);
  filePut(from);
  return done;
}

/** Whether both are what copy_file_range(2) copies between: 0 or -errno. */
function checkCopy(from: File, out: File): i32 {
  if (isDirectory(from) || isDirectory(out)) return -EISDIR;
  if (!(from instanceof RegularFile) || !(out instanceof RegularFile)) return -EINVAL;
  if (!isReadable(from) || !isWritable(out) || (out.flags & O_APPEND) != 0) return -EBADF;
  return 0;
}

/** copy_file_range(2): within one file the ranges may not overlap. */
export function sys_copy_file_range(
  inFd: i32,
  inAt: u64,
  outFd: i32,
  outAt: u64,
  n: u64,
  flags: u32,
): i64 {
  const from = fdFile(inFd);
  const out = fdFile(outFd);
  if (!from || !out) return -EBADF;
  fileGet(from);
  fileGet(out);
  const done = copyRange(from, inAt, out, outAt, n, flags);
  filePut(out);
  filePut(from);
  return done;
}

function copyRange(from: File, inAt: u64, out: File, outAt: u64, n: u64, flags: u32): i64 {
  let inOffset = inAt != 0 ? loadOffset(inAt) : 0;
  if (inOffset < 0) return inOffset;
  let outOffset = outAt != 0 ? loadOffset(outAt) : 0;
  if (outOffset < 0) return outOffset;
  if (flags != 0) return -EINVAL;
  const error = checkCopy(from, out);
  if (error != 0) return error;
  if (inAt == 0) inOffset = from.seek(0, SEEK_CUR);
  if (outAt == 0) outOffset = out.seek(0, SEEK_CUR);
  if (n > <u64>(i64.MAX_VALUE - max(inOffset, outOffset))) return -EOVERFLOW;
  const source = (<RegularFile>from).inode;
  const size = <i64>source.size();
  const wanted = inOffset < size ? min(n, <u64>(size - inOffset)) : 0;
  if (source == (<RegularFile>out).inode) {
    const distance = inOffset > outOffset ? inOffset - outOffset : outOffset - inOffset;
    if (<u64>distance < wanted) return -EINVAL;
  }
  const done = transfer(from, inOffset, wanted, out, outOffset);
  if (done <= 0) return done;
  const errorIn = moveOn(from, inAt, inOffset + done);
  const errorOut = moveOn(out, outAt, outOffset + done);
  return errorIn != 0 || errorOut != 0 ? -EFAULT : done;
}

/** Tells how far it went: in the application's offset, or by the file's position. 0 or -EFAULT. */
export function moveOn(file: File, offsetAt: u64, offset: i64): i32 {
  if (offsetAt != 0) return storeUser64(offsetAt, <u64>offset);
  file.seek(offset, SEEK_SET);
  return 0;
}
