/**
 * process_madvise(2): advice on several ranges of the memory of a process, which is this one. So
 * any advice may be given (as on Linux since 6.13, of one's own memory).
 */
import { IOV_MAX } from "../fs/io-vector";
import { EBADF, EFAULT, EINVAL } from "../lib/errno";
import { threadScratch } from "../sched/thread";
import { sys_madvise } from "./memory-advice";
import { isPidFile } from "./pidfd-calls";
import { loadUser, userRange } from "./user-memory";

// include/uapi/linux/pidfd.h: the caller's own, without a descriptor.
const PIDFD_SELF_THREAD: i32 = -10000;
const PIDFD_SELF_THREAD_GROUP: i32 = -10001;
/** struct iovec: 0 base   8 length */
const IOVEC_SIZE: u64 = 16;

/** Loads a struct iovec into the thread's memory: 0, -EFAULT, -EINVAL (length). */
function loadRange(vectors: u64, index: u64): i64 {
  const at = threadScratch();
  if (loadUser(at, vectors + index * IOVEC_SIZE, IOVEC_SIZE) != 0) return -EFAULT;
  if (load<i64>(at, 8) < 0) return -EINVAL;
  return userRange(load<u64>(at), load<u64>(at, 8)) ? 0 : -EFAULT;
}

/** How many bytes the advice was taken for; an error only when it was for none. */
export function sys_process_madvise(
  pidfd: i32,
  vectors: u64,
  count: u64,
  advice: i32,
  flags: u32,
): i64 {
  if (flags != 0 || count > IOV_MAX) return -EINVAL;
  for (let i: u64 = 0; i < count; i++) {
    const error = loadRange(vectors, i);
    if (error != 0) return error;
  }
  const isOwn = pidfd == PIDFD_SELF_THREAD || pidfd == PIDFD_SELF_THREAD_GROUP;
  if (!isOwn && !isPidFile(pidfd)) return -EBADF;
  let done: i64 = 0;
  for (let i: u64 = 0; i < count; i++) {
    // The program may have changed it meanwhile.
    let error = loadRange(vectors, i);
    const length = load<i64>(threadScratch(), 8);
    if (error == 0) error = sys_madvise(load<u64>(threadScratch()), <u64>length, advice);
    if (error != 0) return done > 0 ? done : error;
    done += length;
  }
  return done;
}
