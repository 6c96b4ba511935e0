/**
 * Ends: of a thread, of the process by itself, of the process by a signal. The process is all there
 * is, so with it the machine powers off: after a report where there is something to report, and
 * when its sockets have told their peers (net/ending.ts).
 */
import { powerOff } from "../arch/x86_64/power";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { eventExit, eventSignal } from "../lib/events";
import { netEnd } from "../net/ending";
import { threadExit } from "../sched/scheduler";
import { currentThread } from "../sched/thread";
import { WaitQueue, wakeForSignal } from "../sched/wait-queue";
import { threadCpuNs } from "./clocks";
import { reportCrash } from "./crash-report";
import { fdClose, fdNext } from "./descriptors";
import { futexWakeAddress } from "./futex";
import { piExit } from "./futex-pi";
import { robustListExit } from "./futex-robust";
import { undoListLeave } from "./semaphore-calls";
import { updateAllSignalWork } from "./signal";
import {
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGQUIT,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SignalInfo,
  signalName,
} from "./signal-numbers";
import { currentTask, process, taskRemove } from "./task";
import { storeUser32 } from "./user-memory";

/** Where threads stay that were about to run on while the process ends. */
const ended: WaitQueue = new WaitQueue();

/** Ends the running thread; the last one ends the process. Does not return. */
export function exitThread(code: i32): void {
  const task = currentTask();
  if (process.taskCount == 1) exitProcess(code);
  robustListExit(task);
  if (task.clearChildTid != 0) {
    storeUser32(task.clearChildTid, 0);
    futexWakeAddress(task.clearChildTid, 1);
  }
  piExit(task.id);
  undoListLeave(task);
  // That may have slept, and the other threads have ended.
  if (process.taskCount == 1) exitProcess(code);
  process.endedRuntime += threadCpuNs(task.thread);
  process.endedWaits += task.thread.waits;
  process.endedPreemptions += task.thread.preemptions;
  taskRemove(task);
  threadExit();
}

/**
 * No thread gets back to the application from here on; those that sleep in a call leave it, and
 * give back the files they hold.
 */
function stopThreads(): void {
  // Another thread was first.
  if (process.isEnding) waitForEnd();
  process.isEnding = true;
  updateAllSignalWork();
  let task = process.tasks;
  while (task) {
    const thread = task.thread;
    task = task.next;
    if (thread != currentThread()) wakeForSignal(thread);
  }
}

/** The process' files are closed, and what its sockets have to send is sent, within bounds. */
function closeFiles(): void {
  for (let fd = fdNext(0); fd >= 0; fd = fdNext(fd + 1)) fdClose(fd);
  netEnd();
}

/** exit_group(2): ends the process and with it the machine. Does not return. */
export function exitProcess(code: i32): void {
  stopThreads();
  closeFiles();
  eventExit(code & 0xff);
  powerOff();
}

/** Whether the default of a signal leaves a core: then the report says where it happened. */
function hasReport(signal: i32): bool {
  return (
    signal == SIGSEGV ||
    signal == SIGBUS ||
    signal == SIGFPE ||
    signal == SIGILL ||
    signal == SIGABRT ||
    signal == SIGTRAP ||
    signal == SIGSYS ||
    signal == SIGQUIT
  );
}

/**
 * Ends the process as the default action of a signal does. The report may have to wait for the
 * disk; the other threads come no further than to their way back to the application.
 */
export function endBySignal(signal: i32, frame: TrapFrame, info: SignalInfo): void {
  stopThreads();
  if (hasReport(signal)) reportCrash(signal, frame, info);
  closeFiles();
  eventSignal(signal, signalName(signal));
  powerOff();
}

/** For a thread that finds `process.isEnding`. Does not return. */
export function waitForEnd(): void {
  for (;;) ended.waitUninterruptible();
}
