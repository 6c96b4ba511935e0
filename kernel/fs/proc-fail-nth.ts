/**
 * Allocations that fail on purpose, and what is allocated: files of the debug kernel alone, for the
 * test that lets every allocation of every call fail once (test/guest/fail-nth.c).
 *
 *     /proc/self/fail-nth     written: of the writing thread's allocations, the N-th from now on
 *                             fails; 0: none. Read: how many are left, 0 when it has failed
 *     /proc/allocinfo         bytes and number of what is allocated, of the heap and of pages
 *
 * Both have the form that Linux gives them (Documentation/fault-injection/fault-injection.rst,
 * Documentation/filesystems/proc.rst), which has them by CONFIG_FAULT_INJECTION and
 * CONFIG_MEM_ALLOC_PROFILING. Arming, asking and disarming allocates nothing.
 */
import { addressOf } from "../arch/hw";
import { EINVAL } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { freePageCount, PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { allocationsUntilFailure, failAllocation } from "../runtime/failing";
import { heapBytesHeld, heapBytesInUse, heapObjectsInUse } from "../runtime/heap";
import { threadScratch } from "../sched/thread";
import { Dentry } from "./dentry";
import { FileSystem, Inode, resultOf } from "./inode";
import { IoVector } from "./io-vector";
import { S_IFREG } from "./stat";
import { seekTo, VfsFile } from "./vfs-file";

const DIGITS_MAX: u64 = 9;
const DIGIT_ZERO: u32 = 48;
const NEWLINE: u8 = 10;

class FailNthFile extends VfsFile {
  private position: i64 = 0;

  readAt(io: IoVector, offset: i64): i64 {
    if (offset < 0) return -EINVAL;
    const text = threadScratch();
    let length: u64 = 1;
    for (let rest = allocationsUntilFailure() / 10; rest != 0; rest /= 10) length++;
    let rest = allocationsUntilFailure();
    for (let i = length; i > 0; i--) {
      store<u8>(text + <usize>(i - 1), <u8>(DIGIT_ZERO + (rest % 10)));
      rest /= 10;
    }
    store<u8>(text + <usize>length, NEWLINE);
    length++;
    if (<u64>offset >= length) return 0;
    return io.put(addressOf(text) + <u64>offset, min(io.remaining, length - <u64>offset));
  }

  read(io: IoVector): i64 {
    const done = this.readAt(io, this.position);
    if (done > 0) this.position += done;
    return done;
  }

  /** A number as a whole, with or without an end of line. -EINVAL for anything else, -EFAULT. */
  writeAt(io: IoVector, offset: i64): i64 {
    const length = io.remaining;
    if (length == 0 || length > DIGITS_MAX + 1) return -EINVAL;
    const text = threadScratch();
    const taken = io.takeAll(addressOf(text), length);
    if (taken < 0) return taken;
    let n: u32 = 0;
    for (let i: u64 = 0; i < length; i++) {
      const byte = load<u8>(text + <usize>i);
      if (byte == NEWLINE && i > 0 && i == length - 1) break;
      const digit = <u32>byte - DIGIT_ZERO;
      if (digit > 9 || i == DIGITS_MAX) return -EINVAL;
      n = n * 10 + digit;
    }
    failAllocation(n);
    return <i64>length;
  }

  write(io: IoVector): i64 {
    return this.writeAt(io, 0);
  }

  seek(offset: i64, whence: i32): i64 {
    const target = seekTo(this.position, 0, offset, whence);
    if (target >= 0) this.position = target;
    return target;
  }

  truncate(size: i64): i64 {
    return 0;
  }
}

export class FailNth extends Inode {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFREG | 0o644);
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new FailNthFile(dentry, this, flags)));
  }

  truncate(size: u64): i32 {
    return 0;
  }
}

function putRow(out: TextBuffer, bytes: u64, count: u64, where: string): void {
  out.decimal(bytes, 12).byte(32).decimal(count, 8).byte(32).put(where).put("\n");
}

/** Pages that the heap holds count as the heap's: it never gives any back. */
export function procAllocInfo(out: TextBuffer, subject: u32): void {
  out.put("allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
  putRow(out, heapBytesInUse(), heapObjectsInUse(), "runtime/heap.ts func:heapAlloc");
  const pages = totalPageCount() - freePageCount() - <u64>heapBytesHeld() / PAGE_SIZE;
  putRow(out, pages * PAGE_SIZE, pages, "mem/page-allocator.ts func:allocPages");
}
