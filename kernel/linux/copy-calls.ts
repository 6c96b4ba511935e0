/**
 * System calls that move data from one descriptor to another without the application's buffers:
 * sendfile, copy_file_range, splice.
 *
 * What has pages (regular files) is written straight from them. What hasn't goes through one page.
 */
import { File, fileGet, filePut, O_ACCMODE, O_APPEND, O_RDONLY, O_WRONLY } from "../fs/file";
import { RW_COUNT_MAX } from "../fs/io-vector";
import { PageSource } from "../fs/page-source";
import { PipeEnd } from "../fs/pipe";
import { RegularFile } from "../fs/vfs-file";
import { EBADF, EINVAL, EIO, ENOMEM } from "../lib/errno";
import { allocPages, directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { heapAlloc, heapFree } from "../runtime/heap";
import { currentThread } from "../sched/thread";
import { fdFile } from "./descriptors";
import { loadUser, storeUser } from "./user-memory";

const SEEK_CUR: i32 = 1;
const SEEK_SET: i32 = 0;

/** Loads an offset of the application. Returns it, or -errno. */
function loadOffset(from: u64): i64 {
  const at = heapAlloc(8);
  if (at == 0) return -ENOMEM;
  const error = loadUser(at, from, 8);
  const offset = load<i64>(at);
  heapFree(at);
  if (error != 0) return error;
  return offset < 0 ? -EINVAL : offset;
}

function storeOffset(to: u64, offset: i64): i32 {
  const at = heapAlloc(8);
  if (at == 0) return -ENOMEM;
  store<i64>(at, offset);
  const error = storeUser(to, at, 8);
  heapFree(at);
  return error;
}

/** Writes n bytes at a kernel address: at `offset`, or (-1) where the file is. */
function writePiece(out: File, address: u64, n: u64, offset: i64): i64 {
  const io = currentThread().io;
  io.set(address, n);
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
    if (page == 0) return done > 0 ? done : -EIO;
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

/**
 * Moves up to n bytes through a page: reads at `offset` (-1: where the file is), writes at
 * `outOffset`.
 */
function movePieces(from: File, offset: i64, n: u64, out: File, outOffset: i64): i64 {
  const page = allocPages(0);
  if (page == 0) return -ENOMEM;
  const io = currentThread().io;
  let done: i64 = 0;
  while (<u64>done < n) {
    const wanted = min(n - <u64>done, PAGE_SIZE);
    io.set(directMap(page), wanted);
    const got = offset < 0 ? from.read(io) : from.readAt(io, offset + done);
    if (got <= 0) {
      if (done == 0) done = got;
      break;
    }
    const written = writeAll(out, directMap(page), got, outOffset < 0 ? -1 : outOffset + done);
    if (written > 0) done += written;
    else if (done == 0) done = written;
    // A short read: a pipe or socket has no more for now.
    if (written < got || <u64>got < wanted) break;
  }
  pagePut(page);
  return done;
}

/** Writes all of it, since it has been taken from where it was. */
function writeAll(out: File, address: u64, n: i64, offset: i64): i64 {
  let done: i64 = 0;
  while (done < n) {
    const at = offset < 0 ? -1 : offset + done;
    const written = writePiece(out, address + <u64>done, <u64>(n - done), at);
    if (written <= 0) return done > 0 ? done : written;
    done += written;
  }
  return done;
}

function canRead(file: File): bool {
  return (file.flags & O_ACCMODE) != O_WRONLY;
}

function canWrite(file: File): bool {
  return (file.flags & O_ACCMODE) != O_RDONLY;
}

/**
 * Moves data with references held on both files; an offset of -1 is the file's own position, which
 * moves on.
 */
function transfer(from: File, offset: i64, n: u64, out: File, outOffset: i64): i64 {
  const wanted = min(n, RW_COUNT_MAX);
  fileGet(from);
  fileGet(out);
  let done: i64;
  const source = from instanceof RegularFile ? from.pageSource() : null;
  if (source) {
    const start = offset < 0 ? from.seek(0, SEEK_CUR) : offset;
    done = writePages(source, start, wanted, out, outOffset);
    if (offset < 0 && done > 0) from.seek(start + done, SEEK_SET);
  } else {
    done = movePieces(from, offset, wanted, out, outOffset);
  }
  filePut(out);
  filePut(from);
  return done;
}

export function sys_sendfile(outFd: i32, inFd: i32, offsetAt: u64, n: u64): i64 {
  const from = fdFile(inFd);
  const out = fdFile(outFd);
  if (!from || !out || !canRead(from) || !canWrite(out)) return -EBADF;
  if ((out.flags & O_APPEND) != 0) return -EINVAL;
  if (offsetAt == 0) return transfer(from, -1, n, out, -1);
  fileGet(from);
  fileGet(out);
  const offset = loadOffset(offsetAt);
  let done = offset < 0 ? offset : transfer(from, offset, n, out, -1);
  if (done > 0) {
    const error = storeOffset(offsetAt, offset + done);
    if (error != 0) done = error;
  }
  filePut(out);
  filePut(from);
  return done;
}

/**
 * The common part of copy_file_range and splice: offsets in the application's memory, 0 for the
 * file's own.
 */
function copyBetween(from: File, fromAt: u64, out: File, outAt: u64, n: u64): i64 {
  let fromOffset: i64 = -1;
  let outOffset: i64 = -1;
  if (fromAt != 0) {
    fromOffset = loadOffset(fromAt);
    if (fromOffset < 0) return fromOffset;
  }
  if (outAt != 0) {
    outOffset = loadOffset(outAt);
    if (outOffset < 0) return outOffset;
  }
  const done = transfer(from, fromOffset, n, out, outOffset);
  if (done <= 0) return done;
  let error = 0;
  if (fromAt != 0) error = storeOffset(fromAt, fromOffset + done);
  if (outAt != 0 && error == 0) error = storeOffset(outAt, outOffset + done);
  return error != 0 ? error : done;
}

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
  if (!from || !out || !canRead(from) || !canWrite(out)) return -EBADF;
  if (flags != 0) return -EINVAL;
  if ((out.flags & O_APPEND) != 0) return -EBADF;
  if (!(from instanceof RegularFile) || !(out instanceof RegularFile)) return -EINVAL;
  // Within one file the ranges may not overlap; rather than look, refuse.
  if ((<RegularFile>from).inode == (<RegularFile>out).inode) return -EINVAL;
  fileGet(from);
  fileGet(out);
  const done = copyBetween(from, inAt, out, outAt, n);
  filePut(out);
  filePut(from);
  return done;
}

export function sys_splice(inFd: i32, inAt: u64, outFd: i32, outAt: u64, n: u64, flags: u32): i64 {
  const from = fdFile(inFd);
  const out = fdFile(outFd);
  if (!from || !out || !canRead(from) || !canWrite(out)) return -EBADF;
  if (!(from instanceof PipeEnd) && !(out instanceof PipeEnd)) return -EINVAL;
  fileGet(from);
  fileGet(out);
  const done = copyBetween(from, inAt, out, outAt, n);
  filePut(out);
  filePut(from);
  return done;
}
