/**
 * The application's buffers of one read or write: `read`, `readv`, `recvmsg` and their kin all
 * become one of these, so that a file has a single `read` and a single `write`.
 *
 *     io.set(buffer, length)              one buffer
 *     io.setVector(iovecs, count)         an array of struct iovec (readv(2)); -errno when it is not valid
 *     io.put(address, n)                  kernel → application, as far as it has room; returns bytes or -EFAULT
 *     io.take(address, n)                 application → kernel
 *     io.remaining                        bytes still to be moved
 *
 * Buffers are addresses; a kernel buffer serves as well (`addressOf`).
 */
import { addressOf, userCopy } from "../arch/hw";
import { EFAULT, EINVAL } from "../lib/errno";
import { copyFromUser } from "../linux/user-memory";

/** Linux's UIO_MAXIOV. */
export const IOV_MAX: u64 = 1024;
/** Linux's MAX_RW_COUNT: the most that one call moves. */
export const RW_COUNT_MAX: u64 = 0x7ffff000;
const IOVEC_SIZE: u64 = 16;

@unmanaged
export class IoVector {
  /** The current buffer. */
  base: u64;
  length: u64;
  /** All that is left, this buffer and the following. */
  remaining: u64;
  /** The struct iovecs behind the current one. */
  private next: u64;
  private count: u64;
  /** Scratch for one struct iovec, so that it is copied in one step. */
  private scratchBase: u64;
  private scratchLength: u64;

  set(base: u64, length: u64): void {
    this.base = base;
    this.length = min(length, RW_COUNT_MAX);
    this.remaining = this.length;
    this.next = 0;
    this.count = 0;
  }

  setVector(iovecs: u64, count: u64): i32 {
    if (count > IOV_MAX) return -EINVAL;
    this.base = 0;
    this.length = 0;
    this.remaining = 0;
    this.next = iovecs;
    this.count = count;
    let total: u64 = 0;
    for (let i: u64 = 0; i < count; i++) {
      const length = this.loadVector(iovecs + i * IOVEC_SIZE);
      if (length < 0) return <i32>length;
      total += <u64>length;
      if (total > RW_COUNT_MAX) return -EINVAL;
    }
    this.remaining = total;
    return 0;
  }

  /** Loads one struct iovec into the scratch fields; returns its length or -errno. */
  private loadVector(address: u64): i64 {
    const scratch = addressOf(changetype<usize>(this) + offsetof<IoVector>("scratchBase"));
    if (copyFromUser(scratch, address, IOVEC_SIZE) != 0) return -EFAULT;
    if (<i64>this.scratchLength < 0) return -EINVAL;
    return <i64>this.scratchLength;
  }

  /**
   * Moves on to the next buffer that is not empty; false when there is none or it can't be read.
   */
  private advance(): bool {
    while (this.length == 0) {
      if (this.count == 0) return false;
      if (this.loadVector(this.next) < 0) return false;
      this.base = this.scratchBase;
      this.length = this.scratchLength;
      this.next += IOVEC_SIZE;
      this.count--;
    }
    return true;
  }

  /** Accounts for n bytes of the current buffer. */
  private consume(n: u64): void {
    this.base += n;
    this.length -= n;
    this.remaining -= n;
  }

  /**
   * The contiguous room at `base`, for a caller that moves the bytes itself and then calls `skip`.
   */
  contiguous(): u64 {
    return this.advance() ? this.length : 0;
  }

  /** Passes over n bytes of the contiguous room. */
  skip(n: u64): void {
    this.consume(n);
  }

  /**
   * Copies up to n bytes from a kernel address to the application. Returns bytes, or -EFAULT when
   * none could be.
   */
  put(from: u64, n: u64): i64 {
    let done: u64 = 0;
    while (done < n && this.advance()) {
      const step = min(this.length, n - done);
      const failed = userCopy(this.base, from + done, step);
      this.consume(step - failed);
      done += step - failed;
      if (failed != 0) return done > 0 ? <i64>done : -EFAULT;
    }
    return <i64>done;
  }

  /**
   * Copies up to n bytes from the application to a kernel address. Returns bytes, or -EFAULT when
   * none could be.
   */
  take(to: u64, n: u64): i64 {
    let done: u64 = 0;
    while (done < n && this.advance()) {
      const step = min(this.length, n - done);
      const failed = userCopy(to + done, this.base, step);
      this.consume(step - failed);
      done += step - failed;
      if (failed != 0) return done > 0 ? <i64>done : -EFAULT;
    }
    return <i64>done;
  }
}
