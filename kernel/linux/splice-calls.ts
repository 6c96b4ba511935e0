/**
 * splice, tee and vmsplice: fs/pipe-splice.ts does the work.
 */
import { File, fileGet, filePut, O_APPEND, O_NONBLOCK, POLLIN } from "../fs/file";
import { RW_COUNT_MAX } from "../fs/io-vector";
import { Pipe, pipeOf } from "../fs/pipe";
import { fillPipe, spliceFromPipe, splicePipes, spliceToPipe, teePipes } from "../fs/pipe-splice";
import { SEEK_CUR } from "../fs/vfs-file";
import { EAGAIN, EBADF, EFAULT, EINVAL, ESPIPE } from "../lib/errno";
import { currentThread } from "../sched/thread";
import { loadOffset } from "./copy-calls";
import { fdFile } from "./descriptors";
import { isDirectory, isReadable, isWritable } from "./file-access";
import { storeUser64 } from "./user-memory";

// splice(2)
const SPLICE_F_MOVE: u32 = 1;
const SPLICE_F_NONBLOCK: u32 = 2;
const SPLICE_F_MORE: u32 = 4;
const SPLICE_F_GIFT: u32 = 8;
const SPLICE_F_ALL: u32 = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

/** O_NONBLOCK when the flags of splice(2), or those of a pipe's end, say so. */
function waiting(flags: u32, endFlags: u32): u32 {
  return (flags & SPLICE_F_NONBLOCK) != 0 ? O_NONBLOCK : endFlags & O_NONBLOCK;
}

/** The offset of splice(2) at the end that is no pipe: -1 when the file's own counts, or -errno. */
function offsetFor(file: File, offsetAt: u64): i64 {
  if (offsetAt == 0) return -1;
  if (file.seek(0, SEEK_CUR) < 0) return -EINVAL;
  return loadOffset(offsetAt);
}

/** Stores where an offset of the application's has come to, behind `done` bytes. */
function finish(offsetAt: u64, offset: i64, done: i64): i64 {
  if (done <= 0 || offsetAt == 0) return done;
  return storeUser64(offsetAt, <u64>(offset + done)) == 0 ? done : -EFAULT;
}

function fromPipe(pipe: Pipe, from: File, out: File, outAt: u64, n: u64, flags: u32): i64 {
  const offset = offsetFor(out, outAt);
  if (outAt != 0 && offset < 0) return offset;
  if ((out.flags & O_APPEND) != 0) return -EINVAL;
  const done = spliceFromPipe(pipe, out, offset, n, waiting(flags, from.flags));
  return finish(outAt, offset, done);
}

function toPipe(from: File, fromAt: u64, pipe: Pipe, out: File, n: u64, flags: u32): i64 {
  const offset = offsetFor(from, fromAt);
  if (fromAt != 0 && offset < 0) return offset;
  if (isDirectory(from)) return -EINVAL;
  if ((flags & SPLICE_F_NONBLOCK) != 0 && (from.poll() & POLLIN) == 0) return -EAGAIN;
  const done = spliceToPipe(from, offset, pipe, n, waiting(flags, out.flags));
  return finish(fromAt, offset, done);
}

/** splice(2) with references held on both files. */
function splice(from: File, fromAt: u64, out: File, outAt: u64, n: u64, flags: u32): i64 {
  const source = pipeOf(from);
  const target = pipeOf(out);
  if ((source && fromAt != 0) || (target && outAt != 0)) return -ESPIPE;
  if (!isReadable(from) || !isWritable(out)) return -EBADF;
  const wanted = min(n, RW_COUNT_MAX);
  if (source && target) {
    if (source == target) return -EINVAL;
    return splicePipes(source, target, wanted, waiting(flags, from.flags | out.flags));
  }
  if (source) return fromPipe(source, from, out, outAt, wanted, flags);
  return target ? toPipe(from, fromAt, target, out, wanted, flags) : -EINVAL;
}

export function sys_splice(inFd: i32, inAt: u64, outFd: i32, outAt: u64, n: u64, flags: u32): i64 {
  if (n == 0) return 0;
  if ((flags & ~SPLICE_F_ALL) != 0) return -EINVAL;
  const from = fdFile(inFd);
  const out = fdFile(outFd);
  if (!from || !out) return -EBADF;
  fileGet(from);
  fileGet(out);
  const done = splice(from, inAt, out, outAt, n, flags);
  filePut(out);
  filePut(from);
  return done;
}

export function sys_tee(inFd: i32, outFd: i32, n: u64, flags: u32): i64 {
  if ((flags & ~SPLICE_F_ALL) != 0) return -EINVAL;
  if (n == 0) return 0;
  const from = fdFile(inFd);
  const out = fdFile(outFd);
  if (!from || !out || !isReadable(from) || !isWritable(out)) return -EBADF;
  const source = pipeOf(from);
  const target = pipeOf(out);
  if (!source || !target || source == target) return -EINVAL;
  fileGet(from);
  fileGet(out);
  const done = teePipes(
    source,
    target,
    min(n, RW_COUNT_MAX),
    waiting(flags, from.flags | out.flags),
  );
  filePut(out);
  filePut(from);
  return done;
}

/** vmsplice(2): into a pipe's writing end by copying, from a reading end as readv(2) does. */
export function sys_vmsplice(fd: i32, vectors: u64, count: u64, flags: u32): i64 {
  if ((flags & ~SPLICE_F_ALL) != 0) return -EINVAL;
  const file = fdFile(fd);
  const pipe = file ? pipeOf(file) : null;
  if (!file || !pipe) return -EBADF;
  const io = currentThread().io;
  fileGet(file);
  const error = io.setVector(vectors, count);
  const wait = waiting(flags, file.flags);
  let done: i64 = error;
  if (error == 0 && io.remaining != 0) {
    done = isWritable(file) ? fillPipe(pipe, io, wait) : pipe.read(io, wait);
  }
  filePut(file);
  return done;
}
