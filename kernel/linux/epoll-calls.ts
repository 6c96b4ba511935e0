/**
 * epoll_create, epoll_ctl, epoll_wait and their kin, on fs/epoll.ts.
 */
import { EPOLL_EVENT_SIZE, Epoll } from "../fs/epoll";
import { File, fileGet, filePut, O_CLOEXEC } from "../fs/file";
import { S_IFDIR, S_IFMT, S_IFREG, Stat } from "../fs/stat";
import { MqueueFile } from "../ipc/mqueue";
import { EBADF, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ETIMEDOUT } from "../lib/errno";
import { netPoll } from "../net/poll";
import { netUnrest } from "../net/unrest";
import { attempt } from "../runtime/attempt";
import { heapAlloc, heapFree } from "../runtime/heap";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { fdFile, fdInstall } from "./descriptors";
import { enterSignalMask } from "./poll-calls";
import { signalMaskRestore } from "./signal";
import { deadlineAfter, loadTimespec } from "./timespec";
import { loadUser, storeUser, userRange } from "./user-memory";

const EPOLL_CTL_ADD: u32 = 1;
const EPOLL_CTL_DEL: u32 = 2;
const EPOLL_CTL_MOD: u32 = 3;

/** Events that are copied to the application in one step. */
const BATCH: u32 = 64;
/** Linux's EP_MAX_EVENTS. */
const EVENTS_MAX: u32 = <u32>i32.MAX_VALUE / 12;
const NS_PER_MS: u64 = 1_000_000;
/** A wait that only looks. */
const LOOK: u64 = 0;

/** One wait of four that find something ready polls the network all the same. */
const UNPOLLED_MASK: u32 = 3;

function createEpoll(cloexec: bool): i32 {
  const epoll = attempt(new Epoll());
  return epoll ? fdInstall(epoll, cloexec) : -ENOMEM;
}

export function sys_epoll_create(size: i32): i64 {
  return size > 0 ? createEpoll(false) : -EINVAL;
}

export function sys_epoll_create1(flags: u32): i64 {
  if ((flags & ~O_CLOEXEC) != 0) return -EINVAL;
  return createEpoll((flags & O_CLOEXEC) != 0);
}

/**
 * Whether waiting on a file makes sense: regular files and directories are always ready
 * (epoll_ctl(2), EPERM). Message queues only look like regular files.
 */
function canBeWatched(file: File): bool {
  const stat = changetype<Stat>(threadScratch());
  stat.mode = 0;
  if (file.stat(stat) != 0) return true;
  const type = stat.mode & S_IFMT;
  return (type != S_IFREG && type != S_IFDIR) || file instanceof MqueueFile;
}

export function sys_epoll_ctl(epollFd: i32, operation: u32, fd: i32, event: u64): i64 {
  if (operation != EPOLL_CTL_DEL) {
    const error = loadUser(threadScratch(), event, EPOLL_EVENT_SIZE);
    if (error != 0) return error;
  }
  const events = load<u32>(threadScratch());
  const data = load<u64>(threadScratch() + 4);
  const set = fdFile(epollFd);
  const file = fdFile(fd);
  if (!set || !file) return -EBADF;
  if (file == set || !(set instanceof Epoll)) return -EINVAL;
  const epoll = <Epoll>set;
  switch (operation) {
    case EPOLL_CTL_ADD:
      return canBeWatched(file) ? epoll.add(file, fd, events, data) : -EPERM;
    case EPOLL_CTL_DEL:
      return epoll.remove(file, fd);
    case EPOLL_CTL_MOD:
      return epoll.modify(file, fd, events, data);
    default:
      return -EINVAL;
  }
}

export function sys_epoll_wait(fd: i32, events: u64, max: i32, timeoutMs: i32): i64 {
  const set = fdFile(fd);
  if (!set) return -EBADF;
  if (!(set instanceof Epoll)) return -EINVAL;
  const epoll = <Epoll>set;
  // The look of a busy event loop that finds nothing calls no function, and so needs no stack
  // frame; and it is one condition, since each branch costs about as much as what it decides.
  const isBad = <u32>(<u32>max - 1 >= EVENTS_MAX);
  if ((<u32>timeoutMs | epoll.readiness() | netUnrest() | isBad) == 0) return 0;
  const timeoutNs = timeoutMs < 0 ? NO_DEADLINE : <u64>timeoutMs * NS_PER_MS;
  return epollWait(epoll, events, max, timeoutNs);
}

export function sys_epoll_pwait(
  fd: i32,
  events: u64,
  max: i32,
  timeoutMs: i32,
  mask: u64,
  maskSize: u64,
): i64 {
  if (mask == 0) return sys_epoll_wait(fd, events, max, timeoutMs);
  const error = enterSignalMask(mask, maskSize);
  if (error != 0) return error;
  const result = sys_epoll_wait(fd, events, max, timeoutMs);
  if (result != -EINTR) signalMaskRestore();
  return result;
}

export function sys_epoll_pwait2(
  fd: i32,
  events: u64,
  max: i32,
  timeout: u64,
  mask: u64,
  maskSize: u64,
): i64 {
  const ns = timeout != 0 ? loadTimespec(timeout) : 0;
  if (ns < 0) return ns;
  const set = fdFile(fd);
  if (!set) return -EBADF;
  if (!(set instanceof Epoll)) return -EINVAL;
  if (mask != 0) {
    const error = enterSignalMask(mask, maskSize);
    if (error != 0) return error;
  }
  const result = epollWait(<Epoll>set, events, max, timeout != 0 ? <u64>ns : NO_DEADLINE);
  if (mask != 0 && result != -EINTR) signalMaskRestore();
  return result;
}

/**
 * Takes up to `max` ready events to the application, waiting up to `timeoutNs` for the first;
 * -EINVAL for a `max` that is not positive. The network is polled before it is said that nothing is
 * ready, and now and then when something is, so that it can't be starved.
 */
function epollWait(epoll: Epoll, events: u64, max: u32, timeoutNs: u64): i64 {
  if (max - 1 >= EVENTS_MAX) return -EINVAL;
  const polled = !epoll.mayBeReady() || (++epoll.unpolled & UNPOLLED_MASK) == 0;
  if (polled) netPoll();
  if (epoll.hasOne()) {
    // By way of the thread's memory: while the copy sleeps, the item may end.
    const event = threadScratch();
    if (epoll.collectOne(event)) {
      wakeNext(epoll);
      const error = storeUser(events, event, EPOLL_EVENT_SIZE);
      return error != 0 ? error : 1;
    }
  }
  if (polled && timeoutNs == LOOK && !epoll.mayBeReady()) return 0;
  return epollWaitSlow(epoll, events, max, timeoutNs, polled);
}

/** What is left, or level-triggered and thus ready still, is for another thread that waits. */
function wakeNext(epoll: Epoll): void {
  if (epoll.mayBeReady() && !epoll.waiters.isEmpty()) epoll.waiters.wakeOne();
}

/** Many events, or none yet. `polled`: the network has just been polled. */
function epollWaitSlow(epoll: Epoll, events: u64, max: u32, timeoutNs: u64, polled: bool): i64 {
  if (!userRange(events, <u64>max * EPOLL_EVENT_SIZE)) return -EFAULT;
  // The set must not end while its events are copied, or a thread sleeps.
  fileGet(epoll);
  let result = epollTake(epoll, events, max);
  if (result == 0 && !polled) {
    netPoll();
    result = epollTake(epoll, events, max);
  }
  if (result == 0 && timeoutNs != LOOK) {
    const deadline = timeoutNs != NO_DEADLINE ? deadlineAfter(timeoutNs) : NO_DEADLINE;
    let error = 0;
    while (result == 0 && error == 0) {
      error = epoll.waiters.wait(deadline);
      result = epollTake(epoll, events, max);
    }
    if (result == 0 && error != -ETIMEDOUT) result = error;
  }
  wakeNext(epoll);
  filePut(epoll);
  return result;
}

/** Copies the ready events to the application, by batches. Returns how many, -EFAULT or -ENOMEM. */
function epollTake(epoll: Epoll, events: u64, max: u32): i64 {
  if (!epoll.mayBeReady()) return 0;
  let buffer = epoll.buffer;
  if (buffer == 0) {
    buffer = heapAlloc(BATCH * EPOLL_EVENT_SIZE);
    if (buffer == 0) return -ENOMEM;
  }
  // A copy may sleep on a page fault; another thread that comes here meanwhile makes a buffer of
  // its own.
  epoll.buffer = 0;
  let done: u32 = 0;
  let result: i64 = 0;
  let left = epoll.readyLimit(max);
  while (left != 0) {
    const want = min(left, BATCH);
    const found = epoll.collect(buffer, want);
    const bytes = <u64>found * EPOLL_EVENT_SIZE;
    if (found != 0 && storeUser(events + <u64>done * EPOLL_EVENT_SIZE, buffer, bytes) != 0) {
      result = -EFAULT;
      break;
    }
    done += found;
    if (found != want) break;
    left -= found;
  }
  if (epoll.buffer == 0) epoll.buffer = buffer;
  else heapFree(buffer);
  return done != 0 ? done : result;
}
