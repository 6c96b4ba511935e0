/**
 * Signals: sending, and choosing the one to deliver. signal(7).
 *
 *     sendSignalToCurrent(signal)                 SIGPIPE and its kin
 *     sendSignalToTask(task, info) / sendSignalToProcess(info)
 *     forceSignal(info)                           a fault of the running thread: can't be blocked or ignored
 *     signalMaskSwap(mask)                        the thread's mask; returns the old one
 *     nextSignal()                                takes the next deliverable signal out; arch/x86_64/signal-frame.ts delivers
 *
 * Real-time signals queue, ordinary ones are merged while they are pending. A pending, unblocked
 * signal shows as WORK_SIGNAL in its thread, which the way back to the application looks at, and
 * ends an interruptible wait.
 */

import { free } from "../runtime/free";
import { thisCpu, WORK_SIGNAL } from "../sched/cpu";
import { currentThread } from "../sched/thread";
import { wakeForSignal } from "../sched/wait-queue";
import { signalArrived, watchedSignals } from "./signal-file";
import {
  SI_KERNEL,
  SIG_DFL,
  SIG_IGN,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
  SignalInfo,
  signalBit,
} from "./signal-numbers";
import { currentTask, PendingSignal, process, signalAction, Task } from "./task";

const FIRST_REALTIME = 32;
/** SIGKILL and SIGSTOP can't be blocked. */
export const UNBLOCKABLE: u64 = ((<u64>1) << (SIGKILL - 1)) | ((<u64>1) << (SIGSTOP - 1));

/**
 * Whether the default of a signal is to do nothing. There is no job control: stopping is nothing,
 * too.
 */
export function ignoredByDefault(signal: i32): bool {
  return (
    signal == SIGCHLD ||
    signal == SIGURG ||
    signal == SIGWINCH ||
    signal == SIGCONT ||
    signal == SIGSTOP ||
    signal == SIGTSTP ||
    signal == SIGTTIN ||
    signal == SIGTTOU
  );
}

function isIgnored(signal: i32): bool {
  const handler = signalAction(signal).handler;
  return handler == SIG_IGN || (handler == SIG_DFL && ignoredByDefault(signal));
}

/** Brings WORK_SIGNAL of a thread in line with what is pending for it. */
export function updateSignalWork(task: Task): void {
  const thread = task.thread;
  const isDue = ((task.pending | process.pending) & ~task.mask) != 0 || process.isEnding;
  if (isDue) thread.work |= WORK_SIGNAL;
  else thread.work &= ~WORK_SIGNAL;
  const cpu = thisCpu();
  if (cpu.current == thread) {
    cpu.work = (cpu.work & ~WORK_SIGNAL) | (thread.work & WORK_SIGNAL);
  }
}

export function updateAllSignalWork(): void {
  let task = process.tasks;
  while (task) {
    updateSignalWork(task);
    task = task.next;
  }
}

/** Appends a copy of the information; ordinary signals keep the first. */
function enqueue(first: PendingSignal | null, info: SignalInfo): PendingSignal {
  const pending = new PendingSignal();
  pending.next = null;
  pending.info = new SignalInfo();
  memory.copy(changetype<usize>(pending.info), changetype<usize>(info), offsetof<SignalInfo>());
  if (!first) return pending;
  let last: PendingSignal = first;
  let next = last.next;
  while (next) {
    last = next;
    next = last.next;
  }
  last.next = pending;
  return first;
}

function isMerged(pending: u64, signal: i32): bool {
  return signal < FIRST_REALTIME && (pending & signalBit(signal)) != 0;
}

/** Sends a signal to one thread. */
export function sendSignalToTask(task: Task, info: SignalInfo): void {
  const signal = info.signo;
  if (isIgnored(signal) && (task.mask & signalBit(signal)) == 0) return;
  if (isMerged(task.pending, signal)) return;
  task.pendingList = enqueue(task.pendingList, info);
  task.pending |= signalBit(signal);
  if ((watchedSignals & signalBit(signal)) != 0) signalArrived(signalBit(signal));
  updateSignalWork(task);
  if ((task.thread.work & WORK_SIGNAL) != 0) wakeForSignal(task.thread);
}

/** Sends a signal to the process: a thread that does not block it takes it. */
export function sendSignalToProcess(info: SignalInfo): void {
  const signal = info.signo;
  const bit = signalBit(signal);
  let taker: Task | null = null;
  let blockedByAll = true;
  let task = process.tasks;
  while (task) {
    if ((task.mask & bit) == 0) {
      blockedByAll = false;
      // The list begins with the youngest thread; the first thread is preferred.
      taker = task;
    }
    task = task.next;
  }
  if (isIgnored(signal) && !blockedByAll) return;
  if (isMerged(process.pending, signal)) return;
  process.pendingList = enqueue(process.pendingList, info);
  process.pending |= bit;
  if ((watchedSignals & bit) != 0) signalArrived(bit);
  updateAllSignalWork();
  if (taker) wakeForSignal(taker.thread);
}

const scratchInfo: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

/** Sends the running thread a signal that the kernel raises. */
export function sendSignalToCurrent(signal: i32): void {
  // A kernel thread gets none.
  if (currentThread().task == 0) return;
  scratchInfo.set(signal, SI_KERNEL, 0);
  sendSignalToTask(currentTask(), scratchInfo);
}

/**
 * A signal for what the running thread has just done. Blocked or ignored, it takes its default: the
 * end.
 */
export function forceSignal(info: SignalInfo): void {
  const task = currentTask();
  const bit = signalBit(info.signo);
  const action = signalAction(info.signo);
  if ((task.mask & bit) != 0 || action.handler == SIG_IGN) {
    action.handler = SIG_DFL;
    task.mask &= ~bit;
  }
  task.pendingList = enqueue(task.pendingList, info);
  task.pending |= bit;
  updateSignalWork(task);
}

/** Sets the running thread's mask; returns the old one. */
export function signalMaskSwap(mask: u64): u64 {
  const task = currentTask();
  const old = task.mask;
  task.mask = mask & ~UNBLOCKABLE;
  updateSignalWork(task);
  return old;
}

/**
 * For calls that wait under another mask (ppoll, pselect, sigsuspend): the old mask comes back when
 * the call returns without a signal (`signalMaskRestore`), or after the signal's handler.
 */
export function signalMaskTemporary(mask: u64): void {
  const task = currentTask();
  task.savedMask = signalMaskSwap(mask);
  task.hasSavedMask = true;
}

export function signalMaskRestore(): void {
  const task = currentTask();
  if (!task.hasSavedMask) return;
  task.hasSavedMask = false;
  signalMaskSwap(task.savedMask);
}

/**
 * The first pending signal in a list with the lowest number of those that are `wanted`; null when
 * there is none.
 */
function firstOf(list: PendingSignal | null, wanted: u64): PendingSignal | null {
  let first: PendingSignal | null = null;
  let pending = list;
  while (pending) {
    const signal = pending.info.signo;
    const isWanted = (wanted & signalBit(signal)) != 0;
    if (isWanted && (!first || signal < first.info.signo)) first = pending;
    pending = pending.next;
  }
  return first;
}

/** Takes `taken` out of a list; returns what is left. */
function without(list: PendingSignal | null, taken: PendingSignal): PendingSignal | null {
  if (list == taken) return taken.next;
  let before = list!;
  while (before.next != taken) before = before.next!;
  before.next = taken.next;
  return list;
}

/**
 * Takes the next signal of `wanted` that is pending for the running thread into `info`; false when
 * there is none.
 */
export function takeSignal(wanted: u64, info: SignalInfo): bool {
  const task = currentTask();
  const own = firstOf(task.pendingList, wanted & task.pending);
  if (own) {
    const bit = signalBit(own.info.signo);
    task.pendingList = without(task.pendingList, own);
    if (!firstOf(task.pendingList, bit)) task.pending &= ~bit;
    finishTaken(task, own, info);
    return true;
  }
  const shared = firstOf(process.pendingList, wanted & process.pending);
  if (shared) {
    const bit = signalBit(shared.info.signo);
    process.pendingList = without(process.pendingList, shared);
    if (!firstOf(process.pendingList, bit)) process.pending &= ~bit;
    updateAllSignalWork();
    finishTaken(task, shared, info);
    return true;
  }
  updateSignalWork(task);
  return false;
}

function finishTaken(task: Task, signal: PendingSignal, info: SignalInfo): void {
  memory.copy(changetype<usize>(info), changetype<usize>(signal.info), offsetof<SignalInfo>());
  free(signal.info);
  free(signal);
  updateSignalWork(task);
}

/** Takes the next signal to deliver, one that is not blocked, into `info`. */
export function nextSignal(info: SignalInfo): bool {
  return takeSignal(~currentTask().mask, info);
}

/** Drops what is pending of a signal that has become ignored. */
export function discardSignal(signal: i32): void {
  const bit = signalBit(signal);
  while ((process.pending & bit) != 0 && takeSignal(bit, scratchInfo)) {}
  while ((currentTask().pending & bit) != 0 && takeSignal(bit, scratchInfo)) {}
}
