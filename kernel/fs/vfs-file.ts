/**
 * Open files that have a place in the file system: what `open` of a regular file, directory, or
 * with O_PATH gives. Device files (devfs.ts) and texts of /proc subclass `VfsFile`, too.
 *
 * An open file holds its dentry (its path, for openat(2), fchdir(2), /proc/self/fd) and its inode
 * (the dentry's may be replaced, when a union copies the file up).
 *
 * The position is changed without a lock: with more CPUs, reads and writes that move it take a
 * Mutex of the file.
 */

import { addressOf } from "../arch/hw";
import { EBADF, EFBIG, EINVAL, EISDIR, ENOMEM, ENOTDIR, ENXIO } from "../lib/errno";
import { sendSignalToCurrent } from "../linux/signal";
import { SIGXFSZ } from "../linux/signal-numbers";
import { attempt } from "../runtime/attempt";
import { Dentry, dentryGet, dentryPut } from "./dentry";
import { DIRECTORY_START, DT_DIR, UserSink } from "./directory-sink";
import { File, O_ACCMODE, O_APPEND, O_PATH, O_RDONLY } from "./file";
import { Inode, inodeGet, inodePut, resultOf } from "./inode";
import { IN_ACCESS, IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, IN_MODIFY } from "./inotify-events";
import { IoVector } from "./io-vector";
import { parentDirectory } from "./mount";
import { Stat } from "./stat";
import { isAnyWatched, tellOfDentry } from "./watch";

export const SEEK_SET: i32 = 0;
export const SEEK_CUR: i32 = 1;
export const SEEK_END: i32 = 2;
export const SEEK_DATA: i32 = 3;
export const SEEK_HOLE: i32 = 4;

/** Largest offset in a file: what page indexes allow. */
export const FILE_SIZE_MAX: u64 = (<u64>1) << 44;

export abstract class VfsFile extends File {
  dentry: Dentry;
  inode: Inode;

  constructor(dentry: Dentry, inode: Inode, flags: u32) {
    super();
    dentryGet(dentry);
    inodeGet(inode);
    this.dentry = dentry;
    this.inode = inode;
    this.flags = flags;
  }

  stat(out: Stat): i32 {
    this.inode.stat(out);
    return 0;
  }

  sync(): i64 {
    return 0;
  }

  /** It was used, and perhaps somebody watches it (watch.ts): `mask` is IN_*. */
  tellSlowly(mask: u32): void {
    tellOfDentry(this.dentry, mask);
  }

  release(): void {
    if (isAnyWatched() && (this.flags & O_PATH) == 0) {
      this.tellSlowly((this.flags & O_ACCMODE) == O_RDONLY ? IN_CLOSE_NOWRITE : IN_CLOSE_WRITE);
    }
    inodePut(this.inode);
    dentryPut(this.dentry);
  }
}

/** Opened with O_PATH: only a place. */
export class PathFile extends VfsFile {
  read(io: IoVector): i64 {
    return -EBADF;
  }

  write(io: IoVector): i64 {
    return -EBADF;
  }

  seek(offset: i64, whence: i32): i64 {
    return -EBADF;
  }

  sync(): i64 {
    return -EBADF;
  }

  truncate(size: i64): i64 {
    return -EBADF;
  }
}

/** What lseek(2) to an offset in a file of this size gives. */
export function seekTo(position: i64, size: i64, offset: i64, whence: i32): i64 {
  let target = offset;
  switch (whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      target = position + offset;
      break;
    case SEEK_END:
      target = size + offset;
      break;
    // A file system without holes: all is data, and a hole is at the end.
    case SEEK_DATA:
      if (<u64>offset >= <u64>size) return -ENXIO;
      break;
    case SEEK_HOLE:
      if (<u64>offset >= <u64>size) return -ENXIO;
      target = size;
      break;
    default:
      return -EINVAL;
  }
  return target < 0 ? -EINVAL : target;
}

/** RLIMIT_FSIZE as far as it is below FILE_SIZE_MAX: no file grows past it. */
let fileSizeLimit: u64 = FILE_SIZE_MAX;

export function setFileSizeLimit(bytes: u64): void {
  fileSizeLimit = min(bytes, FILE_SIZE_MAX);
}

/** A write passes the limit: cuts it there, or 0 bytes fit: -EFBIG, and SIGXFSZ (setrlimit(2)). */
function cutToLimit(io: IoVector, offset: u64): i32 {
  if (io.remaining == 0) return 0;
  if (offset >= fileSizeLimit) return tooLarge();
  io.remaining = fileSizeLimit - offset;
  return 0;
}

/** Only what a limit forbids that the program has been given is worth a signal. */
function tooLarge(): i32 {
  if (fileSizeLimit < FILE_SIZE_MAX) sendSignalToCurrent(SIGXFSZ);
  return -EFBIG;
}

/** Whether a file of `old` bytes may become one of `size` bytes: 0 or -EFBIG. */
export function checkFileSize(size: u64, old: u64): i32 {
  return size > old && size > fileSizeLimit ? tooLarge() : 0;
}

export class RegularFile extends VfsFile {
  private position: i64 = 0;

  read(io: IoVector): i64 {
    const done = this.inode.readAt(io, this.position);
    if (done > 0) {
      this.position += done;
      if (isAnyWatched()) this.tellSlowly(IN_ACCESS);
    }
    return done;
  }

  write(io: IoVector): i64 {
    if ((this.flags & O_APPEND) != 0) this.position = <i64>this.inode.size();
    const done = this.writeTo(io, this.position);
    if (done > 0) this.position += done;
    return done;
  }

  readAt(io: IoVector, offset: i64): i64 {
    if (offset < 0) return -EINVAL;
    const done = this.inode.readAt(io, offset);
    if (done > 0 && isAnyWatched()) this.tellSlowly(IN_ACCESS);
    return done;
  }

  /** On Linux a file opened with O_APPEND appends, whatever the offset (pwrite(2), "BUGS"). */
  writeAt(io: IoVector, offset: i64): i64 {
    if (offset < 0) return -EINVAL;
    return this.writeTo(io, (this.flags & O_APPEND) != 0 ? <i64>this.inode.size() : offset);
  }

  private writeTo(io: IoVector, offset: i64): i64 {
    if (<u64>offset + io.remaining > fileSizeLimit) {
      const error = cutToLimit(io, offset);
      if (error != 0) return error;
    }
    if (io.remaining == 0) return 0;
    const done = this.inode.writeAt(io, offset);
    if (done > 0 && isAnyWatched()) this.tellSlowly(IN_MODIFY);
    return done;
  }

  seek(offset: i64, whence: i32): i64 {
    const target =
      whence == SEEK_DATA || whence == SEEK_HOLE
        ? this.seekContents(offset, whence)
        : seekTo(this.position, <i64>this.inode.size(), offset, whence);
    if (target >= 0) this.position = target;
    return target;
  }

  /** The next byte that is data, or in a hole, from `offset` on. */
  private seekContents(offset: i64, whence: i32): i64 {
    const size = this.inode.size();
    if (<u64>offset >= size) return -ENXIO;
    const found = this.inode.nextContents(offset, whence == SEEK_DATA);
    if (found < size) return found;
    return whence == SEEK_DATA ? -ENXIO : <i64>size;
  }

  truncate(size: i64): i64 {
    if (size < 0) return -EINVAL;
    let error = checkFileSize(size, this.inode.size());
    if (error == 0) error = this.inode.truncate(size);
    if (error == 0 && isAnyWatched()) this.tellSlowly(IN_MODIFY);
    return error;
  }

  pageSource(): usize {
    return resultOf(this.inode.pages());
  }
}

const DOTS: usize = memory.data<u8>([46, 46]);

export class DirectoryFile extends VfsFile {
  private position: u64 = 0;

  read(io: IoVector): i64 {
    return -EISDIR;
  }

  readAt(io: IoVector, offset: i64): i64 {
    return -EISDIR;
  }

  /**
   * Positions are the file system's own, so only the beginning and what `d_off` said make sense.
   */
  seek(offset: i64, whence: i32): i64 {
    let target = offset;
    if (whence == SEEK_CUR) target += <i64>this.position;
    else if (whence != SEEK_SET) return -EINVAL;
    if (target < 0) return -EINVAL;
    this.position = target;
    return target;
  }

  readDirectory(io: IoVector): i64 {
    const sink = attempt(new UserSink(io));
    if (!sink) return -ENOMEM;
    const error = this.fill(sink);
    const filled = sink.filled;
    const sinkError = sink.error;
    sink.destroy();
    if (error >= 0 && isAnyWatched()) this.tellSlowly(IN_ACCESS);
    if (filled > 0) return filled;
    return error < 0 ? error : sinkError;
  }

  private fill(sink: UserSink): i64 {
    const dots = addressOf(DOTS);
    if (this.position == 0) {
      if (!sink.put(dots, 1, this.inode.number, DT_DIR, 1)) return 0;
      this.position = 1;
    }
    if (this.position == 1) {
      const parent = parentDirectory(this.dentry).inode;
      const number = parent ? parent.number : this.inode.number;
      if (!sink.put(dots, 2, number, DT_DIR, DIRECTORY_START)) return 0;
      this.position = DIRECTORY_START;
    }
    const position = this.inode.list(this.position, sink);
    if (position < 0) {
      // What has been put is not to come again, or the reader would never meet the error.
      if (sink.filled > 0) this.position = max(sink.next, this.position);
      return position;
    }
    this.position = position;
    return 0;
  }
}

/** An open file as the place it is, or null when it has none (a socket, a pipe). */
export function placeOf(file: File): VfsFile | null {
  return file instanceof VfsFile ? <VfsFile>file : null;
}

/** The directory behind an open file: a borrowed Dentry as usize, or -ENOTDIR. */
export function directoryOf(file: File): usize {
  const place = placeOf(file);
  if (!place || !place.inode.isDirectory()) return -ENOTDIR;
  return changetype<usize>(place.dentry);
}
