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

import { thisCpu, WORK_SIGNAL } from "../sched/cpu";
import { currentThread } from "../sched/thread";
import { wakeForSignal } from "../sched/wait-queue";
import { signalArrived, watchedSignals } from "./signal-file";
import {
  FIRST_REALTIME,
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
import {
  PendingSignal,
  queueAdd,
  queueAddRecord,
  queueDrop,
  queueTake,
  SignalQueue,
} from "./signal-queue";
import { currentTask, process, signalAction, Task } from "./task";

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

/** An ordinary signal is pending once, with the information of the first. */
function isMerged(queue: SignalQueue, signal: i32): bool {
  return signal < FIRST_REALTIME && (queue.pending & signalBit(signal)) != 0;
}

/** Whether nothing comes of a signal for a thread. What it blocks may be ignored no more later. */
function isLost(task: Task, signal: i32): bool {
  return isIgnored(signal) && (task.mask & signalBit(signal)) == 0;
}

/** A signal has been queued for a thread. */
function arrivedForTask(task: Task, signal: i32): void {
  const bit = signalBit(signal);
  if ((watchedSignals() & bit) != 0) signalArrived(bit);
  updateSignalWork(task);
  if ((task.thread.work & WORK_SIGNAL) != 0) wakeForSignal(task.thread);
}

/** Sends a signal to one thread. 0, or -EAGAIN (signal-queue.ts). */
export function sendSignalToTask(task: Task, info: SignalInfo): i32 {
  if (isLost(task, info.signo) || isMerged(task, info.signo)) return 0;
  const error = queueAdd(task, info);
  if (error == 0) arrivedForTask(task, info.signo);
  return error;
}

/** As `sendSignalToTask`, of a record of the sender's own. False: it is ignored, and not queued. */
export function sendRecordToTask(task: Task, record: PendingSignal): bool {
  if (isLost(task, record.signo)) return false;
  queueAddRecord(task, record);
  arrivedForTask(task, record.signo);
  return true;
}

/** A thread that does not block a signal; null when all do. */
function takerOf(signal: i32): Task | null {
  const bit = signalBit(signal);
  let taker: Task | null = null;
  let task = process.tasks;
  while (task) {
    // The list begins with the youngest thread; the first thread is preferred.
    if ((task.mask & bit) == 0) taker = task;
    task = task.next;
  }
  return taker;
}

/** A signal has been queued for the process. */
function arrivedForProcess(signal: i32, taker: Task | null): void {
  const bit = signalBit(signal);
  if ((watchedSignals() & bit) != 0) signalArrived(bit);
  updateAllSignalWork();
  if (taker) wakeForSignal(taker.thread);
}

/** Sends a signal to the process: a thread that does not block it takes it. 0, or -EAGAIN. */
export function sendSignalToProcess(info: SignalInfo): i32 {
  const signal = info.signo;
  const taker = takerOf(signal);
  if ((taker && isIgnored(signal)) || isMerged(process, signal)) return 0;
  const error = queueAdd(process, info);
  if (error == 0) arrivedForProcess(signal, taker);
  return error;
}

/** As `sendSignalToProcess`, of a record of the sender's own. False: it is ignored. */
export function sendRecordToProcess(record: PendingSignal): bool {
  const taker = takerOf(record.signo);
  if (taker && isIgnored(record.signo)) return false;
  queueAddRecord(process, record);
  arrivedForProcess(record.signo, taker);
  return true;
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
  queueAdd(task, info);
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
 * Takes the next signal of `wanted` that is pending for the running thread into `info`; false when
 * there is none.
 */
export function takeSignal(wanted: u64, info: SignalInfo): bool {
  const task = currentTask();
  if (queueTake(task, wanted, info)) {
    updateSignalWork(task);
    return true;
  }
  if (queueTake(process, wanted, info)) {
    updateAllSignalWork();
    return true;
  }
  updateSignalWork(task);
  return false;
}

/** Takes the next signal to deliver, one that is not blocked, into `info`. */
export function nextSignal(info: SignalInfo): bool {
  return takeSignal(~currentTask().mask, info);
}

/** Drops what is pending of a signal that has become ignored, in all threads. */
export function discardSignal(signal: i32): void {
  const bit = signalBit(signal);
  queueDrop(process, bit);
  let task = process.tasks;
  while (task) {
    queueDrop(task, bit);
    task = task.next;
  }
  updateAllSignalWork();
}
