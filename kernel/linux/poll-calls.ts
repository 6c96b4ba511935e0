/**
 * poll, ppoll, select, pselect6.
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from "../fs/file";
import { EBADF, EFAULT, EINTR, EINVAL, ENOMEM } from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import { FD_CAPACITY_MAX, fdFile, fdLimit } from "./descriptors";
import {
  POLL_ALWAYS,
  POLL_NOW,
  POLLFD_SIZE,
  PollSet,
  pollSetGive,
  pollSetTake,
  pollWait,
} from "./poll-set";
import { signalMaskRestore, signalMaskTemporary } from "./signal";
import { deadlineAfter, loadTimespec, loadTimeval, storeTimespec, storeTimeval } from "./timespec";
import { loadUser, storeUser } from "./user-memory";

const NS_PER_MS: u64 = 1_000_000;
const SIGSET_SIZE: u64 = 8;

/**
 * What each set of select(2) means in terms of poll: fs/select.c of Linux, and select(2),
 * "Correspondence".
 */
const POLLRDBAND: u32 = 0x080;
const POLLWRBAND: u32 = 0x200;
const READ_EVENTS: u32 = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
const WRITE_EVENTS: u32 = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
const EXCEPT_EVENTS: u32 = POLLPRI;

/** Deadline of a timeout in ms, where a negative one is none. */
function deadlineOfMs(timeoutMs: i32): u64 {
  if (timeoutMs < 0) return NO_DEADLINE;
  return timeoutMs == 0 ? POLL_NOW : deadlineAfter(<u64>timeoutMs * NS_PER_MS);
}

function deadlineOfNs(timeoutNs: i64): u64 {
  return timeoutNs == 0 ? POLL_NOW : deadlineAfter(timeoutNs);
}

/** ns until a deadline, for the calls that tell the time left. */
function timeLeft(deadline: u64): i64 {
  const now = monotonicNs();
  return deadline > now ? <i64>(deadline - now) : 0;
}

/** Loads and enters a temporary signal mask. 0, -EINVAL or -EFAULT. */
export function enterSignalMask(address: u64, size: u64): i32 {
  if (size != SIGSET_SIZE) return -EINVAL;
  const error = loadUser(threadScratch(), address, SIGSET_SIZE);
  if (error == 0) signalMaskTemporary(load<u64>(threadScratch()));
  return error;
}

export function sys_poll(fds: u64, n: u32, timeoutMs: i32): i64 {
  return pollEntries(fds, n, deadlineOfMs(timeoutMs));
}

export function sys_ppoll(fds: u64, n: u32, timeout: u64, mask: u64, maskSize: u64): i64 {
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    const ns = loadTimespec(timeout);
    if (ns < 0) return ns;
    deadline = deadlineOfNs(ns);
  }
  if (mask != 0) {
    const error = enterSignalMask(mask, maskSize);
    if (error != 0) return error;
  }
  const result = pollEntries(fds, n, deadline);
  if (mask != 0 && result != -EINTR) signalMaskRestore();
  if (timeout != 0 && deadline != NO_DEADLINE) storeTimespec(timeout, timeLeft(deadline));
  return result;
}

function pollEntries(fds: u64, n: u32, deadline: u64): i64 {
  if (<u64>n > fdLimit()) return -EINVAL;
  const set = pollSetTake();
  if (!set) return -ENOMEM;
  const bytes = <u64>n * POLLFD_SIZE;
  let result: i64 = set.reserve(n) ? loadUser(set.entries, fds, bytes) : -ENOMEM;
  if (result == 0) {
    result = pollWait(set, n, POLL_ALWAYS, deadline);
    if (result >= 0 && storeUser(fds, set.entries, bytes) != 0) result = -EFAULT;
  }
  pollSetGive(set);
  return result;
}

export function sys_select(n: i32, read: u64, write: u64, except: u64, timeout: u64): i64 {
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    const ns = loadTimeval(timeout);
    if (ns < 0) return ns;
    deadline = deadlineOfNs(ns);
  }
  const result = selectSets(n, read, write, except, deadline);
  if (timeout != 0 && deadline != NO_DEADLINE) storeTimeval(timeout, timeLeft(deadline));
  return result;
}

export function sys_pselect6(
  n: i32,
  read: u64,
  write: u64,
  except: u64,
  timeout: u64,
  maskAndSize: u64,
): i64 {
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    const ns = loadTimespec(timeout);
    if (ns < 0) return ns;
    deadline = deadlineOfNs(ns);
  }
  let masked = false;
  if (maskAndSize != 0) {
    if (loadUser(threadScratch(), maskAndSize, 16) != 0) return -EFAULT;
    const mask = load<u64>(threadScratch());
    if (mask != 0) {
      const error = enterSignalMask(mask, load<u64>(threadScratch() + 8));
      if (error != 0) return error;
      masked = true;
    }
  }
  const result = selectSets(n, read, write, except, deadline);
  if (masked && result != -EINTR) signalMaskRestore();
  if (timeout != 0 && deadline != NO_DEADLINE) storeTimespec(timeout, timeLeft(deadline));
  return result;
}

/** The three bitmaps of a select, one behind the other, `bytes` each. */
function loadBitmaps(maps: usize, bytes: usize, read: u64, write: u64, except: u64): i32 {
  memory.fill(maps, 0, bytes * 3);
  let error = read != 0 ? loadUser(maps, read, bytes) : 0;
  if (error == 0 && write != 0) error = loadUser(maps + bytes, write, bytes);
  if (error == 0 && except != 0) error = loadUser(maps + 2 * bytes, except, bytes);
  return error;
}

function storeBitmaps(maps: usize, bytes: usize, read: u64, write: u64, except: u64): i32 {
  let error = read != 0 ? storeUser(read, maps, bytes) : 0;
  if (error == 0 && write != 0) error = storeUser(write, maps + bytes, bytes);
  if (error == 0 && except != 0) error = storeUser(except, maps + 2 * bytes, bytes);
  return error;
}

function selectSets(n: i32, read: u64, write: u64, except: u64, deadline: u64): i64 {
  if (n < 0) return -EINVAL;
  const count = min<u32>(n, FD_CAPACITY_MAX);
  // Whole 64-bit words, as on Linux.
  const bytes = (<usize>(count + 63) >> 6) << 3;
  const maps = heapAlloc(max<usize>(bytes * 3, 1));
  if (maps == 0) return -ENOMEM;
  const set = pollSetTake();
  let result: i64 = set ? loadBitmaps(maps, bytes, read, write, except) : -ENOMEM;
  if (set && result == 0) {
    const entries = bitmapsToEntries(set, maps, bytes, count);
    result = entries < 0 ? entries : pollWait(set, entries, 0, deadline);
    if (result >= 0) {
      result = entriesToBitmaps(set, entries, maps, bytes);
      if (storeBitmaps(maps, bytes, read, write, except) != 0) result = -EFAULT;
    }
  }
  if (set) pollSetGive(set);
  heapFree(maps);
  return result;
}

/**
 * Enters each descriptor below `count` that is in a bitmap into the set. Returns how many, -EBADF
 * or -ENOMEM.
 */
function bitmapsToEntries(set: PollSet, maps: usize, bytes: usize, count: u32): i32 {
  let total: u32 = 0;
  for (let at: usize = 0; at < bytes; at += 8) total += <u32>popcnt(anyOf(maps + at, bytes));
  if (!set.reserve(total)) return -ENOMEM;
  let index: u32 = 0;
  for (let at: usize = 0; at < bytes; at += 8) {
    let bits = anyOf(maps + at, bytes);
    while (bits != 0) {
      const bit = ctz(bits);
      bits &= bits - 1;
      const fd = <u32>(at << 3) + <u32>bit;
      if (fd >= count) break;
      if (!fdFile(fd)) return -EBADF;
      let events: u32 = 0;
      if (((load<u64>(maps + at) >> bit) & 1) != 0) events |= READ_EVENTS;
      if (((load<u64>(maps + bytes + at) >> bit) & 1) != 0) events |= WRITE_EVENTS;
      if (((load<u64>(maps + 2 * bytes + at) >> bit) & 1) != 0) events |= EXCEPT_EVENTS;
      set.setEntry(index++, fd, events);
    }
  }
  return index;
}

/** The bits of one word that are in any of the three bitmaps. */
function anyOf(word: usize, bytes: usize): u64 {
  return load<u64>(word) | load<u64>(word + bytes) | load<u64>(word + 2 * bytes);
}

/** Makes the bitmaps say what is ready. Returns the number of bits set. */
function entriesToBitmaps(set: PollSet, n: u32, maps: usize, bytes: usize): i32 {
  memory.fill(maps, 0, bytes * 3);
  let total = 0;
  for (let i: u32 = 0; i < n; i++) {
    const revents = set.revents(i);
    if (revents == 0) continue;
    const wanted = set.wanted(i);
    const fd = set.fd(i);
    // A descriptor that was closed meanwhile counts as readable: a read tells.
    if ((wanted & POLLIN) != 0 && (revents & (READ_EVENTS | POLLNVAL)) != 0) {
      total += setBit(maps, fd);
    }
    if ((wanted & POLLOUT) != 0 && (revents & WRITE_EVENTS) != 0) total += setBit(maps + bytes, fd);
    if ((wanted & POLLPRI) != 0 && (revents & EXCEPT_EVENTS) != 0) {
      total += setBit(maps + 2 * bytes, fd);
    }
  }
  return total;
}

function setBit(map: usize, fd: i32): i32 {
  const word = map + ((<usize>(fd >> 6)) << 3);
  store<u64>(word, load<u64>(word) | ((<u64>1) << (fd & 63)));
  return 1;
}
