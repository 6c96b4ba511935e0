/**
 * A thread of the application, as Linux knows it: what goes with its `Thread`, and the one process
 * they make up.
 *
 *     currentTask()            the Task of the running thread
 *     taskFind(id)             by thread id
 *     process                  what all threads share
 */

import { UndoList } from "../ipc/semaphore-undo";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { currentThread, Thread } from "../sched/thread";
import { SIGNAL_MAX, SignalAction, SS_AUTODISARM, SS_DISABLE } from "./signal-numbers";
import { queueDrop, SignalQueue } from "./signal-queue";

/** The id of the process and of its first thread. */
export const PROCESS_ID: u32 = 1;

/** A thread; and the signals that are pending for it. */
@unmanaged
export class Task extends SignalQueue {
  thread!: Thread;
  id: u32;
  /** Blocked signals. */
  mask: u64;
  /**
   * The mask that comes back after the handler of a signal that ended sigsuspend, ppoll, pselect,
   * epoll_pwait.
   */
  savedMask: u64;
  hasSavedMask: bool;
  /** sigaltstack(2). */
  stackBase: u64;
  stackSize: u64;
  stackFlags: u32;
  /** Zeroed and woken when the thread ends (set_tid_address(2)). */
  clearChildTid: u64;
  /** struct robust_list_head (set_robust_list(2)). */
  robustList: u64;
  // sched(7), ioprio_set(2): see scheduling-calls.ts.
  nice: i8;
  policy: u8;
  realtimePriority: u8;
  resetsOnFork: bool;
  ioPriority: u16;
  /** What of semop(2) is undone at its end, with a reference; null: nothing yet. */
  undoList: UndoList | null;
  next: Task | null;
}

/** What the threads share; and the signals for whichever thread takes them. */
@unmanaged
export class Process extends SignalQueue {
  tasks: Task | null;
  taskCount: u32;
  nextId: u32;
  exitCode: i32;
  /** A signal ends the process: no thread gets back to the application. */
  isEnding: bool;
  /** CPU time of the threads that have ended, in ns. */
  endedRuntime: u64;
  /** And how often they had gone to wait, and made way. */
  endedWaits: u64;
  endedPreemptions: u64;
}
if (offsetof<Process>() > 96) ERROR("the process's object is 96 bytes");

export const process: Process = changetype<Process>(memory.data(96, 8));
const actions: usize = memory.data(64 * 32, 8);

/** What happens on a signal (1 to 64). */
export function signalAction(signal: i32): SignalAction {
  assert(signal >= 1 && signal <= SIGNAL_MAX, "a signal number");
  return changetype<SignalAction>(actions + ((<usize>signal - 1) << 5));
}

export function currentTask(): Task {
  return changetype<Task>(currentThread().task);
}

/** Gives a thread its Linux side, with the next free id. Null when memory is short. */
export function taskCreate(thread: Thread): Task | null {
  const task = attempt(new Task());
  if (!task) return null;
  memory.fill(changetype<usize>(task), 0, offsetof<Task>());
  if (process.nextId == 0) process.nextId = PROCESS_ID;
  task.thread = thread;
  task.id = process.nextId++;
  task.stackFlags = SS_DISABLE;
  task.next = process.tasks;
  process.tasks = task;
  process.taskCount++;
  thread.task = changetype<usize>(task);
  thread.id = task.id;
  return task;
}

/**
 * Whether a stack pointer is on the thread's alternate stack; one that disarms itself never counts
 * as in use.
 */
export function onAlternateStack(task: Task, sp: u64): bool {
  return sp - 1 - task.stackBase < task.stackSize && (task.stackFlags & SS_AUTODISARM) == 0;
}

export function taskFind(id: u32): Task | null {
  let task = process.tasks;
  while (task && task.id != id) task = task.next;
  return task;
}

/**
 * How often a thread, or with 0 all that there have been, has gone to wait, or (not voluntary) made
 * way for another.
 */
export function switchCount(id: u32, isVoluntary: bool): u64 {
  let count: u64 = 0;
  if (id == 0) count = isVoluntary ? process.endedWaits : process.endedPreemptions;
  let task = process.tasks;
  while (task) {
    const thread = task.thread;
    if (id == 0 || task.id == id) count += isVoluntary ? thread.waits : thread.preemptions;
    task = task.next;
  }
  return count;
}

/** Takes a thread that ends out of the process and frees its Linux side. */
export function taskRemove(task: Task): void {
  if (process.tasks == task) {
    process.tasks = task.next;
  } else {
    let link = process.tasks;
    while (link) {
      if (link.next == task) link.next = task.next;
      link = link.next;
    }
  }
  process.taskCount--;
  task.thread.task = 0;
  queueDrop(task, task.pending);
  free(task);
}
