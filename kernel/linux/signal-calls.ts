/**
 * System calls on signals: rt_sigaction(2), rt_sigprocmask(2), sigaltstack(2), kill(2), tgkill(2),
 * rt_sigsuspend(2), rt_sigtimedwait(2), rt_sigqueueinfo(2), rt_sigpending(2), pause(2).
 */
import { addressOf } from "../arch/hw";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH, ETIMEDOUT } from "../lib/errno";
import { currentThread, SCRATCH_SIZE, Thread, threadScratch } from "../sched/thread";
import { NO_DEADLINE, WaitQueue } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import {
  discardSignal,
  ignoredByDefault,
  sendSignalToProcess,
  sendSignalToTask,
  signalMaskSwap,
  signalMaskTemporary,
  takeSignal,
  updateSignalWork,
} from "./signal";
import {
  SI_TKILL,
  SI_USER,
  SIG_DFL,
  SIG_IGN,
  SIGINFO_SIZE,
  SIGKILL,
  SIGNAL_MAX,
  SIGSTOP,
  SignalAction,
  SignalInfo,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from "./signal-numbers";
import { currentTask, onAlternateStack, PROCESS_ID, process, signalAction, taskFind } from "./task";
import { currentFrame } from "./thread-calls";
import { loadTimespec } from "./timespec";
import { copyFromUser, copyToUser, loadUser, storeUser, storeUser64 } from "./user-memory";

const MASK_SIZE: u64 = 8;
const SIG_BLOCK: i32 = 0;
const SIG_UNBLOCK: i32 = 1;
const SIG_SETMASK: i32 = 2;
const MINSIGSTKSZ: u64 = 2048;

if (SIGINFO_SIZE > SCRATCH_SIZE) ERROR("a siginfo_t fits into the thread's memory");
/** Threads in sigsuspend and pause: only a signal wakes them. */
const suspended: WaitQueue = changetype<WaitQueue>(memory.data(8, 8));

/**
 * The 64-bit mask at an address of the application, into the thread's scratch word. 0 or -EFAULT.
 */
function loadMask(address: u64): i32 {
  return loadUser(maskAt(), address, 8);
}

function maskAt(): usize {
  return changetype<usize>(currentThread()) + offsetof<Thread>("scratch");
}

export function sys_rt_sigaction(signal: i32, action: u64, old: u64, size: u64): i64 {
  if (size != MASK_SIZE || signal < 1 || signal > SIGNAL_MAX) return -EINVAL;
  if (action != 0 && (signal == SIGKILL || signal == SIGSTOP)) return -EINVAL;
  const entry = signalAction(signal);
  const bytes = offsetof<SignalAction>();
  if (action != 0 && loadUser(threadScratch(), action, bytes) != 0) return -EFAULT;
  // The copy out comes last and from the thread's own memory: it may sleep, and other threads
  // change the action meanwhile.
  const before = threadScratch() + bytes;
  memory.copy(before, changetype<usize>(entry), bytes);
  if (action != 0) {
    memory.copy(changetype<usize>(entry), threadScratch(), bytes);
    if (entry.handler == SIG_IGN || (entry.handler == SIG_DFL && ignoredByDefault(signal))) {
      discardSignal(signal);
    }
  }
  return old != 0 ? storeUser(old, before, bytes) : 0;
}

export function sys_rt_sigprocmask(how: i32, set: u64, old: u64, size: u64): i64 {
  if (size != MASK_SIZE) return -EINVAL;
  const before = currentTask().mask;
  if (set != 0) {
    if (loadMask(set) != 0) return -EFAULT;
    const mask = load<u64>(maskAt());
    if (how == SIG_BLOCK) signalMaskSwap(before | mask);
    else if (how == SIG_UNBLOCK) signalMaskSwap(before & ~mask);
    else if (how == SIG_SETMASK) signalMaskSwap(mask);
    else return -EINVAL;
  }
  if (old != 0 && storeUser64(old, before) != 0) return -EFAULT;
  return 0;
}

export function sys_rt_sigpending(set: u64, size: u64): i64 {
  if (size > MASK_SIZE) return -EINVAL;
  const task = currentTask();
  return storeUser64(set, (task.pending | process.pending) & task.mask);
}

/** struct stack_t: base, flags, size. */
export function sys_sigaltstack(stack: u64, old: u64): i64 {
  const task = currentTask();
  const isInUse = onAlternateStack(task, currentFrame().rsp);
  const at = threadScratch();
  if (stack != 0 && copyFromUser(addressOf(at), stack, 24) != 0) return -EFAULT;
  const base = load<u64>(at);
  const flags = load<u32>(at, 8);
  const size = load<u64>(at, 16);
  if (old != 0) {
    store<u64>(at, task.stackBase, 0);
    store<u64>(at, isInUse ? task.stackFlags | SS_ONSTACK : task.stackFlags, 8);
    store<u64>(at, task.stackSize, 16);
    if (copyToUser(old, addressOf(at), 24) != 0) return -EFAULT;
  }
  if (stack == 0) return 0;
  if (isInUse) return -EPERM;
  if ((flags & ~(SS_AUTODISARM | SS_DISABLE | SS_ONSTACK)) != 0) return -EINVAL;
  if ((flags & SS_DISABLE) != 0) {
    task.stackBase = 0;
    task.stackSize = 0;
    task.stackFlags = SS_DISABLE;
    return 0;
  }
  if (size < MINSIGSTKSZ) return -ENOMEM;
  task.stackBase = base;
  task.stackSize = size;
  task.stackFlags = flags & SS_AUTODISARM;
  return 0;
}

/** A signal's information in the thread's own memory, on its way from or to the application. */
function ownInfo(): SignalInfo {
  return changetype<SignalInfo>(threadScratch());
}

/** For a signal from the application to itself. */
function userInfo(signal: i32, code: i32): SignalInfo {
  const info = ownInfo();
  info.set(signal, code, PROCESS_ID);
  return info;
}

/** Whether an id means the process: its own, or that of one of its threads. */
function isProcess(pid: i32): bool {
  return pid == <i32>PROCESS_ID || taskFind(pid) != null;
}

/**
 * There is one process, and it is its own group. -1 means all others, of which there are none.
 */
export function sys_kill(pid: i32, signal: i32): i64 {
  if (pid != 0 && pid != -(<i32>PROCESS_ID) && !isProcess(pid)) return -ESRCH;
  if (signal < 0 || signal > SIGNAL_MAX) return -EINVAL;
  return signal == 0 ? 0 : sendSignalToProcess(userInfo(signal, SI_USER));
}

function sendToThread(id: i32, signal: i32): i64 {
  if (id <= 0 || signal < 0 || signal > SIGNAL_MAX) return -EINVAL;
  const task = taskFind(id);
  if (!task) return -ESRCH;
  if (signal == 0) return 0;
  return sendSignalToTask(task, userInfo(signal, SI_TKILL));
}

export function sys_tgkill(group: i32, id: i32, signal: i32): i64 {
  if (group <= 0) return -EINVAL;
  if (group != <i32>PROCESS_ID) return -ESRCH;
  return sendToThread(id, signal);
}

export function sys_tkill(id: i32, signal: i32): i64 {
  return sendToThread(id, signal);
}

/**
 * The information that the application gives along, for one of the queueinfo calls. 0 or -errno.
 * Signal 0 is as good as any, up to the sending: it asks whether there is somebody to send to.
 */
function loadInfo(signal: i32, at: u64): i32 {
  const info = ownInfo();
  if (loadUser(changetype<usize>(info), at, offsetof<SignalInfo>()) != 0) return -EFAULT;
  info.signo = signal;
  return signal < 0 || signal > SIGNAL_MAX ? -EINVAL : 0;
}

/** A process may tell itself anything, what the kernel tells included. */
export function sys_rt_sigqueueinfo(pid: i32, signal: i32, at: u64): i64 {
  const error = loadInfo(signal, at);
  // A bad signal is noticed only by who would have got it.
  if (error == -EFAULT) return error;
  if (!isProcess(pid)) return -ESRCH;
  return error != 0 || signal == 0 ? error : sendSignalToProcess(ownInfo());
}

export function sys_rt_tgsigqueueinfo(group: i32, id: i32, signal: i32, at: u64): i64 {
  const error = loadInfo(signal, at);
  if (error == -EFAULT) return error;
  if (group <= 0 || id <= 0) return -EINVAL;
  const task = taskFind(id);
  if (group != <i32>PROCESS_ID || !task) return -ESRCH;
  return error != 0 || signal == 0 ? error : sendSignalToTask(task, ownInfo());
}

export function sys_rt_sigsuspend(mask: u64, size: u64): i64 {
  if (size != MASK_SIZE) return -EINVAL;
  if (loadMask(mask) != 0) return -EFAULT;
  signalMaskTemporary(load<u64>(maskAt()));
  return sys_pause();
}

export function sys_pause(): i64 {
  while (suspended.wait() == 0) {}
  return -EINTR;
}

/** Waits for one of the signals in `set`, which the caller has blocked. */
export function sys_rt_sigtimedwait(set: u64, infoAt: u64, timeout: u64, size: u64): i64 {
  if (size != MASK_SIZE) return -EINVAL;
  if (loadMask(set) != 0) return -EFAULT;
  const wanted = load<u64>(maskAt());
  let deadline = NO_DEADLINE;
  if (timeout != 0) {
    const ns = loadTimespec(timeout);
    if (ns < 0) return ns;
    deadline = monotonicNs() + <u64>ns;
  }
  const task = currentTask();
  let result = 0;
  while (result == 0) {
    if (takeSignal(wanted, ownInfo())) return deliverInfo(infoAt);
    // The wanted signals count as unblocked while this waits, so that they end the wait.
    const old = signalMaskSwap(task.mask & ~wanted);
    result = suspended.wait(deadline);
    signalMaskSwap(old);
    if (takeSignal(wanted, ownInfo())) return deliverInfo(infoAt);
    updateSignalWork(task);
  }
  return result == -ETIMEDOUT ? -EAGAIN : result;
}

function deliverInfo(infoAt: u64): i64 {
  const at = threadScratch();
  const signal = ownInfo().signo;
  if (infoAt == 0) return signal;
  memory.fill(at + offsetof<SignalInfo>(), 0, <usize>SIGINFO_SIZE - offsetof<SignalInfo>());
  if (storeUser(infoAt, at, SIGINFO_SIZE) != 0) return -EFAULT;
  return signal;
}
