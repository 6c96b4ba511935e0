/**
 * The kinds of files in /proc and /sys: texts that a function writes when they are read, and links
 * that lead to what the kernel knows and not to a path. A text may be written to if there is a
 * function that takes what is written; what nobody takes can't be opened for writing, whoever asks.
 */

import { addressOf } from "../arch/hw";
import { EACCES, EINVAL, ENOENT, ENOMEM } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { SCRATCH_SIZE, threadScratch } from "../sched/thread";
import { Dentry } from "./dentry";
import { O_ACCMODE, O_RDONLY } from "./file";
import { FileSystem, Inode, resultOf } from "./inode";
import { IoVector } from "./io-vector";
import { processInfo } from "./process-info";
import { S_IFLNK, S_IFREG, Stat } from "./stat";
import { seekTo, VfsFile } from "./vfs-file";

/**
 * Writes a file's contents; `subject` is the thread or descriptor that it is about, 0 for the
 * process or system.
 */
export type Generator = (out: TextBuffer, subject: u32) => void;

/**
 * Takes what one write says, cut to TAKEN_MAX bytes of linear memory. 0 or a negative errno. Does
 * not sleep.
 */
export type Taker = (bytes: usize, length: u32, subject: u32) => i32;

/** Settings are short: longer words are no numbers, and longer names are cut. */
export const TAKEN_MAX: u64 = 128;
if (<usize>TAKEN_MAX > SCRATCH_SIZE) ERROR("what is taken fits into the thread's memory");

const WRITE_PERMISSIONS: u32 = 0o222;

/** An open text: made anew whenever it is read from its beginning. */
class ProcFile extends VfsFile {
  private text: TextBuffer = new TextBuffer();
  private made: bool = false;
  private position: i64 = 0;

  readAt(io: IoVector, offset: i64): i64 {
    if (offset < 0) return -EINVAL;
    if (offset == 0 || !this.made) {
      this.text.destroy();
      (<ProcText>this.inode).write(this.text);
      this.made = true;
      if (this.text.cut) return -ENOMEM;
    }
    const length = <i64>this.text.length;
    if (offset >= length) return 0;
    const n = min(io.remaining, <u64>(length - offset));
    return io.put(addressOf(this.text.data) + <u64>offset, n);
  }

  read(io: IoVector): i64 {
    const done = this.readAt(io, this.position);
    if (done > 0) this.position += done;
    return done;
  }

  /** Each write is a whole, wherever the position is. */
  writeAt(io: IoVector, offset: i64): i64 {
    return this.write(io);
  }

  write(io: IoVector): i64 {
    const n = io.remaining;
    if (n == 0) return 0;
    const bytes = threadScratch();
    const length = min(n, TAKEN_MAX);
    const taken = io.takeAll(addressOf(bytes), length);
    if (taken < 0) return taken;
    const error = (<ProcText>this.inode).take(bytes, <u32>length);
    return error != 0 ? error : <i64>n;
  }

  seek(offset: i64, whence: i32): i64 {
    const target = seekTo(this.position, 0, offset, whence);
    if (target >= 0) this.position = target;
    return target;
  }

  truncate(size: i64): i64 {
    return 0;
  }

  release(): void {
    this.text.destroy();
    free(this.text);
    super.release();
  }
}

export class ProcText extends Inode {
  constructor(
    fileSystem: FileSystem,
    number: u64,
    permissions: u32,
    private generator: Generator,
    private subject: u32 = 0,
    private taker: Taker | null = null,
  ) {
    super(fileSystem, number, S_IFREG | (taker ? permissions : permissions & ~WRITE_PERMISSIONS));
  }

  /** 0 or a negative errno. */
  take(bytes: usize, length: u32): i32 {
    const taker = this.taker;
    return taker ? taker(bytes, length, this.subject) : -EACCES;
  }

  write(out: TextBuffer): void {
    this.generator(out, this.subject);
  }

  open(dentry: Dentry, flags: u32): usize {
    if ((flags & O_ACCMODE) != O_RDONLY && (this.mode & WRITE_PERMISSIONS) == 0) return -EACCES;
    return resultOf(attempt(new ProcFile(dentry, this, flags)));
  }

  truncate(size: u64): i32 {
    return 0;
  }
}

/**
 * /proc/net/pnp: what the kernel found out about the network while booting, as resolv.conf(5) has
 * it, so that /etc/resolv.conf can be a link to it (Linux,
 * Documentation/admin-guide/nfs/nfsroot.rst). It has a size and a time, unlike others here: by
 * these resolvers see that a lease has come meanwhile.
 */
export class NameServersText extends ProcText {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, 0o444, (out: TextBuffer) => processInfo().nameServers(out));
  }

  size(): u64 {
    const text = attempt(new TextBuffer());
    if (!text) return 0;
    this.write(text);
    const size = text.length;
    text.destroy();
    free(text);
    return size;
  }

  stat(out: Stat): void {
    this.mtimeNs = <i64>processInfo().nameServersChangedNs();
    this.ctimeNs = this.mtimeNs;
    super.stat(out);
  }
}

/** A link whose text a function writes. */
export class ProcLink extends Inode {
  constructor(
    fileSystem: FileSystem,
    number: u64,
    private generator: Generator,
    private subject: u32 = 0,
  ) {
    super(fileSystem, number, S_IFLNK | 0o777);
  }

  readLink(to: usize, size: u32): i32 {
    const text = attempt(new TextBuffer());
    if (!text) return -ENOMEM;
    this.generator(text, this.subject);
    const n = min(size, text.length);
    memory.copy(to, text.data, n);
    let result = text.length == 0 ? -ENOENT : <i32>n;
    if (text.cut) result = -ENOMEM;
    text.destroy();
    free(text);
    return result;
  }

  open(dentry: Dentry, flags: u32): usize {
    return -EINVAL;
  }
}
