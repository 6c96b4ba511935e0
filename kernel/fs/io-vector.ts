/**
 * The buffers of one read or write: `read`, `readv`, `recvmsg` and their kin all become one of
 * these, so that a file has a single `read` and a single `write`.
 *
 *     io.setUser(buffer, length)          one buffer of the application; -EFAULT unless it may be one
 *     io.setVector(iovecs, count)         an array of struct iovec (readv(2)); -errno when it is not valid
 *     io.setKernel(address, length)       one buffer of the kernel
 *     io.put(address, n)                  kernel → buffers, as far as they have room; returns bytes or -EFAULT
 *     io.take(address, n)                 buffers → kernel
 *     io.putAll(address, n), io.takeAll   the same for a record: all n bytes or -EFAULT
 *     io.remaining                        bytes still to be moved
 *     io.release()                        gives back what `setVector` has allocated, before the object is freed
 *
 * What is in here has been checked: a buffer of the application lies in its half of the address
 * space, whole. Nobody else sees the addresses, so `put` and `take` need not look again; that a
 * buffer is mapped is found out by copying. An array of iovecs is copied in whole when it is set,
 * because the application may change its own while the call sleeps.
 */
import { EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { copyChecked, loadUser, USER_END, userRange } from "../linux/user-memory";
import { heapAlloc, heapFree } from "../runtime/heap";

/** Linux's UIO_MAXIOV. */
export const IOV_MAX: u64 = 1024;
/** Linux's MAX_RW_COUNT: the most that one call moves. */
export const RW_COUNT_MAX: u64 = 0x7ffff000;
/** struct iovec: 0 base   8 length */
const IOVEC_SIZE: usize = 16;
const IOVEC_LENGTH: usize = 8;

@unmanaged
export class IoVector {
  // The current buffer, as a struct iovec.
  private base: u64;
  private length: u64;
  /** All that is left, this buffer and the following. */
  remaining: u64;
  /** The copied array while there are buffers behind the current one, else 0. */
  private vectors: usize;
  /** Where in it the next buffer is, and its end; only set with `vectors`. */
  private next: usize;
  private end: usize;

  /**
   * One buffer of the application, of which at most RW_COUNT_MAX bytes are used. 0 or -EFAULT.
   *
   * Every `read` and `write` comes by here, with a buffer that is neither large nor near the end of
   * its half: that is seen at one look each. All else takes the long way.
   */
  @inline
  setUser(base: u64, length: u64): i32 {
    const isPlain = length <= RW_COUNT_MAX && base <= USER_END - RW_COUNT_MAX;
    if (!isPlain || this.vectors != 0) return this.setUserSlowly(base, length);
    this.base = base;
    this.length = length;
    this.remaining = length;
    return 0;
  }

  private setUserSlowly(base: u64, length: u64): i32 {
    if (!userRange(base, length)) return -EFAULT;
    this.setKernel(base, length);
    return 0;
  }

  /** One buffer at an address that is the kernel's own choice. */
  setKernel(base: u64, length: u64): void {
    if (this.vectors != 0) this.release();
    this.base = base;
    this.length = min(length, RW_COUNT_MAX);
    this.remaining = this.length;
  }

  /**
   * The buffers that an array of the application tells. May sleep. 0, or -EINVAL (too many, a
   * negative length), -EFAULT, -ENOMEM; then there is no buffer.
   */
  setVector(iovecs: u64, count: u64): i32 {
    this.setKernel(0, 0);
    if (count > IOV_MAX) return -EINVAL;
    if (count <= 1) return this.importArray(changetype<usize>(this), iovecs, count);
    const vectors = heapAlloc(<usize>count * IOVEC_SIZE);
    if (vectors == 0) return -ENOMEM;
    const error = this.importArray(vectors, iovecs, count);
    if (error != 0) {
      heapFree(vectors);
      return error;
    }
    this.vectors = vectors;
    this.next = vectors;
    this.end = vectors + <usize>count * IOVEC_SIZE;
    return 0;
  }

  /** Copies an array of the application to `to` and checks it. 0 or -errno. */
  private importArray(to: usize, iovecs: u64, count: u64): i32 {
    let total: i64 = loadUser(to, iovecs, count * IOVEC_SIZE);
    if (total == 0) total = checkVectors(to, count);
    if (total >= 0) {
      this.remaining = <u64>total;
      return 0;
    }
    this.length = 0;
    return <i32>total;
  }

  /** Gives back the copied array; the buffers behind the current one are gone. */
  release(): void {
    if (this.vectors != 0) heapFree(this.vectors);
    this.vectors = 0;
  }

  /** Moves on to the next buffer that is not empty; false when there is none. */
  private advance(): bool {
    while (this.length == 0) {
      if (this.vectors == 0) return false;
      const at = this.next;
      this.base = load<u64>(at);
      this.length = load<u64>(at, IOVEC_LENGTH);
      this.next = at + IOVEC_SIZE;
      if (this.next == this.end) this.release();
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
   * Copies up to n bytes from a kernel address to the buffers. Returns bytes, or -EFAULT when none
   * could be. May sleep.
   */
  put(from: u64, n: u64): i64 {
    if (n > this.length) return this.putSlowly(from, n);
    return this.moved(n, copyChecked(this.base, from, n));
  }

  /** What comes of a copy within the current buffer of which `failed` bytes were not copied. */
  @inline
  private moved(n: u64, failed: u64): i64 {
    const done = n - failed;
    this.consume(done);
    return done != 0 || failed == 0 ? <i64>done : -EFAULT;
  }

  /** From one buffer to the next. */
  private putSlowly(from: u64, n: u64): i64 {
    let done: u64 = 0;
    while (done < n && this.advance()) {
      const step = min(this.length, n - done);
      const failed = copyChecked(this.base, from + done, step);
      this.consume(step - failed);
      done += step - failed;
      if (failed != 0) return done > 0 ? <i64>done : -EFAULT;
    }
    return <i64>done;
  }

  /**
   * Copies up to n bytes from the buffers to a kernel address. Returns bytes, or -EFAULT when none
   * could be. May sleep.
   */
  take(to: u64, n: u64): i64 {
    if (n > this.length) return this.takeSlowly(to, n);
    return this.moved(n, copyChecked(to, this.base, n));
  }

  private takeSlowly(to: u64, n: u64): i64 {
    let done: u64 = 0;
    while (done < n && this.advance()) {
      const step = min(this.length, n - done);
      const failed = copyChecked(to + done, this.base, step);
      this.consume(step - failed);
      done += step - failed;
      if (failed != 0) return done > 0 ? <i64>done : -EFAULT;
    }
    return <i64>done;
  }

  /** As `put`, of a record that counts as a whole: n or -EFAULT. */
  putAll(from: u64, n: u64): i64 {
    return this.put(from, n) == <i64>n ? <i64>n : -EFAULT;
  }

  /** As `take`, of a record that counts as a whole: n or -EFAULT. */
  takeAll(to: u64, n: u64): i64 {
    return this.take(to, n) == <i64>n ? <i64>n : -EFAULT;
  }
}
if (offsetof<IoVector>("base") != 0 || offsetof<IoVector>("length") != IOVEC_LENGTH) {
  ERROR("an IoVector begins as a struct iovec");
}

/**
 * Checks copied struct iovecs, and cuts them where the sum reaches RW_COUNT_MAX, as Linux does.
 * Returns the sum, -EINVAL for a negative length, or -EFAULT for what is not the application's.
 */
function checkVectors(vectors: usize, count: u64): i64 {
  const end = vectors + <usize>count * IOVEC_SIZE;
  let total: u64 = 0;
  let isOutside = false;
  for (let at = vectors; at < end; at += IOVEC_SIZE) {
    const length = load<u64>(at, IOVEC_LENGTH);
    if (<i64>length < 0) return -EINVAL;
    if (!userRange(load<u64>(at), length)) isOutside = true;
    const taken = min(length, RW_COUNT_MAX - total);
    store<u64>(at, taken, IOVEC_LENGTH);
    total += taken;
  }
  return isOutside ? -EFAULT : <i64>total;
}
