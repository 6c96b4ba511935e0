/**
 * Where a file system puts the entries of a directory, one at a time: the buffer of getdents64(2),
 * as struct linux_dirent64 (include/linux/dirent.h):
 *
 *     | ino u64 | off i64 | reclen u16 | type u8 | name, zero-terminated, padded to 8 bytes |
 */
import { addressOf, copy } from "../arch/hw";
import { EFAULT, EINVAL } from "../lib/errno";
import { free } from "../runtime/free";
import { IoVector } from "./io-vector";

export const DT_UNKNOWN: u32 = 0;
export const DT_FIFO: u32 = 1;
export const DT_CHR: u32 = 2;
export const DT_DIR: u32 = 4;
export const DT_BLK: u32 = 6;
export const DT_REG: u32 = 8;
export const DT_LNK: u32 = 10;
export const DT_SOCK: u32 = 12;

/** 0 and 1 are `.` and `..`, which the open directory itself lists. */
export const DIRECTORY_START: u64 = 2;

const HEADER: u64 = 19;
const RECORD_MAX: i32 = 288;

/** DT_* of a mode. */
export function directoryType(mode: u32): u32 {
  return (mode >> 12) & 15;
}

/** Takes the entries of a directory one by one. */
export abstract class DirectorySink {
  /**
   * Takes one entry; `next` is the position behind it, `name` an address of `length` (at most 255)
   * bytes, which are copied before anything sleeps. False when it was not taken: then the file
   * system stops, and lists it again the next time.
   */
  abstract put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool;
}

/** Fills the application's buffer, for one call. */
export class UserSink extends DirectorySink {
  /** Bytes put so far. */
  filled: i64 = 0;
  /** The position behind the last entry that was put. */
  next: u64 = 0;
  /** 0, or why nothing more can be put. */
  error: i64 = 0;
  private record: StaticArray<u8> = new StaticArray<u8>(RECORD_MAX);

  constructor(private io: IoVector) {
    super();
  }

  destroy(): void {
    free(this.record);
    free(this);
  }

  put(name: u64, length: u32, inode: u64, type: u32, next: u64): bool {
    assert(length <= 255, "NAME_MAX");
    const io = this.io;
    const size = (HEADER + <u64>length + 1 + 7) & ~(<u64>7);
    if (this.error != 0) return false;
    if (io.remaining < size) {
      if (this.filled == 0) this.error = -EINVAL;
      return false;
    }
    const record = changetype<usize>(this.record);
    store<u64>(record, inode);
    store<u64>(record, next, 8);
    store<u16>(record, <u16>size, 16);
    store<u8>(record, <u8>type, 18);
    copy(addressOf(record) + HEADER, name, length);
    const end = record + <usize>HEADER + <usize>length;
    memory.fill(end, 0, record + <usize>size - end);
    const done = io.putAll(addressOf(record), size);
    if (done < 0) {
      this.error = -EFAULT;
      return false;
    }
    this.filled += done;
    this.next = next;
    return true;
  }
}
