/**
 * System calls on open files: read, write and their kin, lseek, getdents64, ioctl, ftruncate,
 * fsync.
 *
 * `read` and `write` are the shortest way from the table to the file: what they look at is needed.
 * A reference is held while the file works, since it may sleep and another thread may close the
 * descriptor.
 */
import {
  File,
  fileGet,
  filePut,
  O_ACCMODE,
  O_ASYNC,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
} from "../fs/file";
import { Inode } from "../fs/inode";
import { IN_MODIFY } from "../fs/inotify-events";
import { IoVector } from "../fs/io-vector";
import { checkFileSize, FILE_SIZE_MAX, placeOf, RegularFile, SEEK_END } from "../fs/vfs-file";
import { isAnyWatched } from "../fs/watch";
import { EBADF, EFAULT, EFBIG, EINVAL, ENODEV, EOPNOTSUPP, ESPIPE } from "../lib/errno";
import { currentThread, threadScratch } from "../sched/thread";
import { fdFile, fdSetCloexec } from "./descriptors";
import { loadUser } from "./user-memory";

// include/uapi/asm-generic/ioctls.h
const FIONBIO: u32 = 0x5421;
const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;
const FIOASYNC: u32 = 0x5452;
/**
 * RWF_HIPRI, DSYNC, SYNC, NOWAIT, APPEND (include/uapi/linux/fs.h): hints that need nothing from
 * files in memory.
 */
const RWF_KNOWN: u32 = 0x1f;
const RWF_APPEND: u32 = 0x10;
/** fallocate(2): include/uapi/linux/falloc.h. */
const FALLOC_FL_KEEP_SIZE: u32 = 0x01;

/** The file of a descriptor for reading, borrowed; null: -EBADF. */
function readable(fd: i32): File | null {
  const file = fdFile(fd);
  if (!file || (file.flags & (O_ACCMODE | O_PATH)) == O_WRONLY) return null;
  return file;
}

/** The file of a descriptor for writing, borrowed; null: -EBADF. */
function writable(fd: i32): File | null {
  const file = fdFile(fd);
  if (!file || (file.flags & O_ACCMODE) == O_RDONLY) return null;
  return file;
}

// ---- One buffer ---------------------------------------------------------------------------------

export function sys_read(fd: i32, buffer: u64, n: u64): i64 {
  const file = readable(fd);
  if (!file) return -EBADF;
  const io = currentThread().io;
  if (io.setUser(buffer, n) != 0) return -EFAULT;
  fileGet(file);
  const done = file.read(io);
  filePut(file);
  return done;
}

export function sys_write(fd: i32, buffer: u64, n: u64): i64 {
  const file = writable(fd);
  if (!file) return -EBADF;
  const io = currentThread().io;
  if (io.setUser(buffer, n) != 0) return -EFAULT;
  fileGet(file);
  const done = file.write(io);
  filePut(file);
  return done;
}

export function sys_pread64(fd: i32, buffer: u64, n: u64, offset: i64): i64 {
  const file = readable(fd);
  if (!file) return -EBADF;
  if (offset < 0) return -EINVAL;
  const io = currentThread().io;
  if (io.setUser(buffer, n) != 0) return -EFAULT;
  return readAt(file, io, offset);
}

export function sys_pwrite64(fd: i32, buffer: u64, n: u64, offset: i64): i64 {
  const file = writable(fd);
  if (!file) return -EBADF;
  if (offset < 0) return -EINVAL;
  const io = currentThread().io;
  if (io.setUser(buffer, n) != 0) return -EFAULT;
  return writeAt(file, io, offset);
}

function readAt(file: File, io: IoVector, offset: i64): i64 {
  fileGet(file);
  const done = file.readAt(io, offset);
  filePut(file);
  return done;
}

function writeAt(file: File, io: IoVector, offset: i64): i64 {
  fileGet(file);
  const done = file.writeAt(io, offset);
  filePut(file);
  return done;
}

// ---- Many buffers -------------------------------------------------------------------------------

export function sys_readv(fd: i32, vectors: u64, count: u64): i64 {
  const file = readable(fd);
  if (!file) return -EBADF;
  const io = currentThread().io;
  fileGet(file);
  const error = io.setVector(vectors, count);
  const done = error != 0 ? <i64>error : file.read(io);
  filePut(file);
  return done;
}

export function sys_writev(fd: i32, vectors: u64, count: u64): i64 {
  const file = writable(fd);
  if (!file) return -EBADF;
  const io = currentThread().io;
  fileGet(file);
  const error = io.setVector(vectors, count);
  const done = error != 0 ? <i64>error : file.write(io);
  filePut(file);
  return done;
}

export function sys_preadv(fd: i32, vectors: u64, count: u64, offset: i64): i64 {
  const file = readable(fd);
  if (!file) return -EBADF;
  if (offset < 0) return -EINVAL;
  const io = currentThread().io;
  fileGet(file);
  const error = io.setVector(vectors, count);
  const done = error != 0 ? <i64>error : file.readAt(io, offset);
  filePut(file);
  return done;
}

export function sys_pwritev(fd: i32, vectors: u64, count: u64, offset: i64): i64 {
  const file = writable(fd);
  if (!file) return -EBADF;
  if (offset < 0) return -EINVAL;
  const io = currentThread().io;
  fileGet(file);
  const error = io.setVector(vectors, count);
  const done = error != 0 ? <i64>error : writeAt(file, io, offset);
  filePut(file);
  return done;
}

/**
 * The offset comes in two halves, of which the low one has all 64 bits here; -1 means the file's
 * position.
 */
export function sys_preadv2(
  fd: i32,
  vectors: u64,
  count: u64,
  offset: i64,
  high: u64,
  flags: u32,
): i64 {
  if ((flags & ~RWF_KNOWN) != 0) return -EOPNOTSUPP;
  return offset == -1 ? sys_readv(fd, vectors, count) : sys_preadv(fd, vectors, count, offset);
}

export function sys_pwritev2(
  fd: i32,
  vectors: u64,
  count: u64,
  offset: i64,
  high: u64,
  flags: u32,
): i64 {
  if ((flags & ~RWF_KNOWN) != 0) return -EOPNOTSUPP;
  if ((flags & RWF_APPEND) != 0) {
    const place = placeInode(fd);
    if (place && offset != -1) return sys_pwritev(fd, vectors, count, <i64>place.size());
    if (place) sys_lseek(fd, 0, SEEK_END);
  }
  return offset == -1 ? sys_writev(fd, vectors, count) : sys_pwritev(fd, vectors, count, offset);
}

/** The inode behind a descriptor, borrowed, or null. */
function placeInode(fd: i32): Inode | null {
  const file = fdFile(fd);
  if (!file) return null;
  const place = placeOf(file);
  return place ? place.inode : null;
}

// ---- Position and size --------------------------------------------------------------------------

export function sys_lseek(fd: i32, offset: i64, whence: i32): i64 {
  const file = fdFile(fd);
  return file ? file.seek(offset, whence) : -EBADF;
}

export function sys_ftruncate(fd: i32, size: i64): i64 {
  const file = fdFile(fd);
  if (!file || (file.flags & O_PATH) != 0) return -EBADF;
  if (size < 0 || (file.flags & O_ACCMODE) == O_RDONLY) return -EINVAL;
  fileGet(file);
  const error = file.truncate(size);
  filePut(file);
  return error;
}

export function sys_fallocate(fd: i32, mode: u32, offset: i64, n: i64): i64 {
  const file = writable(fd);
  if (!file) return -EBADF;
  if (offset < 0 || n <= 0) return -EINVAL;
  if (<u64>offset + <u64>n > FILE_SIZE_MAX) return -EFBIG;
  if (!(file instanceof RegularFile)) return placeOf(file) ? -ENODEV : -ESPIPE;
  const inode = (<RegularFile>file).inode;
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0) {
    const tooLarge = checkFileSize(<u64>offset + <u64>n, inode.size());
    if (tooLarge != 0) return tooLarge;
  }
  fileGet(file);
  const error = inode.allocate(mode, offset, n);
  if (error == 0 && isAnyWatched()) (<RegularFile>file).tellSlowly(IN_MODIFY);
  filePut(file);
  return error;
}

// ---- Storage ------------------------------------------------------------------------------------

/** fsync, fdatasync, syncfs. */
export function sys_fsync(fd: i32): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  fileGet(file);
  const error = file.sync();
  filePut(file);
  return error;
}

export function sys_sync(): i64 {
  return 0;
}

// ---- Others -------------------------------------------------------------------------------------

export function sys_getdents64(fd: i32, buffer: u64, n: u32): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  const io = currentThread().io;
  if (io.setUser(buffer, n) != 0) return -EFAULT;
  fileGet(file);
  const done = file.readDirectory(io);
  filePut(file);
  return done;
}

export function sys_ioctl(fd: i32, request: u32, argument: u64): i64 {
  const file = fdFile(fd);
  if (!file || (file.flags & O_PATH) != 0) return -EBADF;
  if (request == FIOCLEX || request == FIONCLEX) {
    fdSetCloexec(fd, request == FIOCLEX);
    return 0;
  }
  if (request == FIONBIO) return setNonblocking(file, argument);
  if (request == FIOASYNC) return setAsync(file, argument);
  fileGet(file);
  const result = file.ioctl(request, argument);
  filePut(file);
  return result;
}

/** FIOASYNC: as O_ASYNC by fcntl(2). */
function setAsync(file: File, argument: u64): i64 {
  const choice = threadScratch();
  const error = loadUser(choice, argument, 4);
  if (error != 0) return error;
  if (load<i32>(choice) != 0) file.flags |= O_ASYNC;
  else file.flags &= ~O_ASYNC;
  return 0;
}

function setNonblocking(file: File, argument: u64): i64 {
  const choice = threadScratch();
  const error = loadUser(choice, argument, 4);
  if (error != 0) return error;
  if (load<i32>(choice) != 0) file.flags |= O_NONBLOCK;
  else file.flags &= ~O_NONBLOCK;
  return 0;
}
