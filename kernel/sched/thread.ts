/**
 * Threads: the application's, and the one that boots.
 *
 *     threadAllocate()                         a thread, for clone (linux/thread-calls.ts)
 *     currentThread()
 *
 * A thread has a kernel stack in linear memory, below it an unmapped guard page, and at its top,
 * when it is in a system call or a trap of the application, the TrapFrame. The stack pointer of a
 * thread that does not run points to what switch_stacks (entry.S) saved. Ending a thread is the
 * scheduler's: `threadExit` in sched/scheduler.ts.
 */

import * as hw from "../arch/hw";
import { IoVector } from "../fs/io-vector";
import { stackAllocate, stackFree } from "../mem/kernel-stack";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc } from "../runtime/heap";
import { Timer } from "../time/timer";
import { runQueueReserve } from "./run-queue";
import { WaitQueue, wakeTimedOut } from "./wait-queue";
import { WaitRecord } from "./wait-record";

/** Runs, or is in the run queue. */
export const STATE_READY: u32 = 0;
/** Waits, in a wait queue or by its wait record. */
export const STATE_BLOCKED: u32 = 1;
export const STATE_DEAD: u32 = 2;

/** The weight of an ordinary thread; twice as much gets twice the CPU. */
export const PRIORITY_NORMAL: u32 = 1024;
export const NAME_SIZE = 16;

/** Ends a thread's wait at its deadline. */
export class SleepTimer extends Timer {
  constructor(private thread: Thread) {
    super();
  }

  fire(): void {
    wakeTimedOut(this.thread);
  }
}

@unmanaged
export class Thread {
  /** Saved by switch_stacks. */
  stackPointer: u64;
  stackTop: u64;
  state: u32;
  /** Position in the run queue's heap, from 1; 0: not in it. */
  queueIndex: u32;
  /** Decayed run time, see sched/run-queue.ts. */
  runtime: u64;
  /** What `runtime` counts in. */
  epoch: u64;
  priority: u32;
  /** The id that the application knows it by. */
  id: u32;

  // Waiting, see sched/wait-queue.ts.
  waitNext: Thread | null;
  waitPrevious: Thread | null;
  waitQueue: WaitQueue | null;
  timer!: SleepTimer;
  timedOut: bool;
  /** A signal may end the wait. */
  interruptible: bool;
  /** Debug builds: kinds of the locks it holds, see sched/lock-order.ts. */
  heldLocks: u32;
  // `threadWaitRecord`: 12 bytes.
  record0: u32;
  record1: u32;
  record2: u32;

  /** What it waits for in futex(2). */
  futexKey: u64;
  futexBits: u32;

  /** WORK_* of this thread, brought into its CPU's `work` when it runs. */
  work: u32;

  // A thread of the application; all 0 for a kernel thread.
  fsBase: u64;
  /** Address of the XSAVE area. */
  vectorState: u64;
  /** The Linux side of the thread: a Task (linux/task.ts). */
  task: usize;

  /** The IoVector of `io`, by its number: the compiler need not look whether there is one. */
  private ioAddress: usize;
  /** For single values on their way to the application (linux/user-memory.ts). */
  scratch: u64;
  /** What it runs first: index in the function table. */
  entry: u32;
  /** Run time in ns, for accounting. */
  totalRuntime: u64;
  /** How often it went to wait, and how often it made way while it could have gone on. */
  waits: u64;
  preemptions: u64;
  name0: u64;
  name1: u64;

  /** Buffers of the current system call. */
  @inline
  get io(): IoVector {
    return changetype<IoVector>(this.ioAddress);
  }

  set io(io: IoVector) {
    this.ioAddress = changetype<usize>(io);
  }
}

if (offsetof<Thread>("record2") + 4 - offsetof<Thread>("record0") != offsetof<WaitRecord>()) {
  ERROR("the wait record is as large as it says");
}

/** Size of `threadScratch`, which lies behind the Thread: the largest is a signal's frame. */
export const SCRATCH_SIZE: usize = 400;

export function currentThread(): Thread {
  return changetype<Thread>(hw.currentThread());
}

/**
 * Where the running thread keeps a small structure on its way to or from the application: a copy
 * that faults may sleep, so nothing static will do.
 */
export function threadScratch(): usize {
  return <usize>hw.currentThread() + offsetof<Thread>();
}

/** What the running thread waits by when it waits for a mutex. */
export function threadWaitRecord(): WaitRecord {
  return changetype<WaitRecord>(<usize>hw.currentThread() + offsetof<Thread>("record0"));
}

/** Pointer to the name: 16 bytes, zero-terminated. */
export function threadName(thread: Thread): usize {
  return changetype<usize>(thread) + offsetof<Thread>("name0");
}

/** Sets the name, cut to 15 characters. */
export function threadSetName(thread: Thread, name: string): void {
  for (let i = 0; i < NAME_SIZE; i++) {
    const byte = i < min(name.length, NAME_SIZE - 1) ? name.charCodeAt(i) : 0;
    store<u8>(threadName(thread) + <usize>i, <u8>byte);
  }
}

/** Threads with a stack. */
let allocated: u32 = 0;

/** A thread without a stack, blocked. Null when memory is short. */
function create(name: string): Thread | null {
  const thread = changetype<Thread | null>(heapAlloc(offsetof<Thread>() + SCRATCH_SIZE));
  if (!thread) return null;
  memory.fill(changetype<usize>(thread), 0, offsetof<Thread>());
  const io = attempt(new IoVector());
  const timer = attempt(new SleepTimer(thread));
  if (!io || !timer) {
    if (io) free(io);
    if (timer) free(timer);
    free(thread);
    return null;
  }
  thread.priority = PRIORITY_NORMAL;
  thread.state = STATE_BLOCKED;
  thread.io = io;
  thread.timer = timer;
  const record = changetype<usize>(thread) + offsetof<Thread>("record0");
  changetype<WaitRecord>(record).thread = thread;
  threadSetName(thread, name);
  return thread;
}

/** A thread without a stack: what boot runs on becomes one by this. */
export function threadBare(name: string): Thread {
  return create(name)!;
}

/** A thread with a stack, blocked. Null when memory is short. */
export function threadAllocate(name: string): Thread | null {
  // Besides these, boot is a thread.
  if (!runQueueReserve(allocated + 2)) return null;
  const stackTop = stackAllocate();
  if (stackTop == 0) return null;
  const thread = create(name);
  if (!thread) {
    stackFree(stackTop);
    return null;
  }
  allocated++;
  thread.stackTop = hw.addressOf(stackTop);
  return thread;
}

/** Number of u64 that switch_stacks pops before it returns. */
const SWITCH_REGISTERS = 6;

/**
 * Prepares the stack so that the first switch to the thread enters `threadEntry`, `reserved` bytes
 * below the top.
 */
export function threadPrepare(thread: Thread, reserved: u64): void {
  // A function is entered with the stack pointer 8 below a multiple of 16.
  let sp = thread.stackTop - reserved - 16;
  hw.store64(sp, hw.threadEntry());
  for (let i = 0; i < SWITCH_REGISTERS; i++) {
    sp -= 8;
    hw.store64(sp, 0);
  }
  thread.stackPointer = sp;
}

/** Frees a thread that has ended and on whose stack no CPU runs any more. */
export function threadFree(thread: Thread): void {
  allocated--;
  stackFree(<usize>(thread.stackTop - hw.addressOf(0)));
  thread.io.release();
  free(thread.io);
  free(thread.timer);
  free(thread);
}
