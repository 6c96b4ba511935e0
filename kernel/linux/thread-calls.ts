/**
 * System calls on threads: clone(2) and clone3(2) for threads, exit(2), exit_group(2),
 * set_tid_address(2), arch_prctl(2), sched_yield(2), rt_sigreturn(2).
 *
 * A clone that would make a process (fork, vfork) returns -ENOSYS: one machine runs one process.
 */
import { addressOf, copy, enterFrame, writeFsBase } from "../arch/hw";
import { signalReturn } from "../arch/x86_64/signal-frame";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import {
  saveVectorState,
  vectorStateAllocate,
  vectorStateFree,
  vectorStateSize,
} from "../arch/x86_64/vector-state";
import { undoListPut } from "../ipc/semaphore-undo";
import { E2BIG, EAGAIN, EFAULT, EINVAL, ENOSYS, EPERM } from "../lib/errno";
import { eventFork } from "../lib/events";
import { PAGE_SIZE } from "../mem/page-allocator";
import { thisCpu } from "../sched/cpu";
import { threadStart, yieldNow } from "../sched/scheduler";
import {
  currentThread,
  Thread,
  threadAllocate,
  threadFree,
  threadName,
  threadPrepare,
  threadScratch,
} from "../sched/thread";
import { exitProcess, exitThread } from "./exit";
import { schedulingInherit } from "./scheduling-calls";
import { undoListShare } from "./semaphore-calls";
import { currentTask, PROCESS_ID, taskCreate } from "./task";
import { loadUser, storeUser32, storeUser64, USER_END, userRange } from "./user-memory";

// clone(2), include/uapi/linux/sched.h
const CLONE_SYSVSEM: u64 = 0x40000;
const CLONE_SETTLS: u64 = 0x80000;
const CLONE_PARENT_SETTID: u64 = 0x100000;
const CLONE_CHILD_CLEARTID: u64 = 0x200000;
const CLONE_CHILD_SETTID: u64 = 0x1000000;
const CLONE_VM: u64 = 0x100;
const CLONE_SIGHAND: u64 = 0x800;
const CLONE_THREAD: u64 = 0x10000;
const CLONE_THREAD_FLAGS: u64 = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

// arch_prctl(2)
const ARCH_SET_FS: u32 = 0x1002;
const ARCH_GET_FS: u32 = 0x1003;
const ARCH_GET_GS: u32 = 0x1004;

const CLONE_ARGS_SIZE_MIN: u64 = 64;
const CLONE_ARGS_SIZE: u64 = 88;

/** The frame of the current system call: at the top of the kernel stack. */
export function currentFrame(): TrapFrame {
  return changetype<TrapFrame>(
    <usize>(currentThread().stackTop - addressOf(0)) - offsetof<TrapFrame>(),
  );
}

/**
 * What a thread of the application runs first: the frame at the top of its stack takes it to its
 * code.
 */
export function enterApplication(): void {
  enterFrame(changetype<usize>(currentFrame()));
}

/**
 * Makes a thread of the application, not started yet, with an empty frame. Null when memory is
 * short.
 */
export function applicationThread(name: string): Thread | null {
  const thread = threadAllocate(name);
  if (!thread) return null;
  thread.vectorState = vectorStateAllocate();
  if (thread.vectorState == 0) {
    threadFree(thread);
    return null;
  }
  const entry: () => void = enterApplication;
  thread.entry = load<u32>(changetype<usize>(entry));
  threadPrepare(thread, offsetof<TrapFrame>());
  return thread;
}

function frameOf(thread: Thread): TrapFrame {
  return changetype<TrapFrame>(<usize>(thread.stackTop - addressOf(0)) - offsetof<TrapFrame>());
}

let hasForked = false;

/** The host is told, once: a server that wants to go into the background ends with this. */
function refuseProcess(): i64 {
  if (!hasForked) eventFork();
  hasForked = true;
  return -ENOSYS;
}

/** Whether what is to be shared makes no sense without what is not (clone(2), EINVAL). */
function isContradictory(flags: u64): bool {
  if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) return true;
  return (flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0;
}

function cloneThread(flags: u64, stack: u64, parentTid: u64, childTid: u64, tls: u64): i64 {
  if (isContradictory(flags)) return -EINVAL;
  if ((flags & CLONE_THREAD_FLAGS) != CLONE_THREAD_FLAGS) return refuseProcess();
  // entry.S tells the application from the kernel by the stack pointer.
  if (stack == 0 || stack > USER_END) return -EINVAL;
  if ((flags & CLONE_SETTLS) != 0 && tls >= USER_END) return -EPERM;
  const parent = currentThread();
  const thread = applicationThread("");
  if (!thread) return -EAGAIN;
  memory.copy(threadName(thread), threadName(parent), 16);
  saveVectorState(parent.vectorState);
  copy(thread.vectorState, parent.vectorState, vectorStateSize());
  const frame = frameOf(thread);
  memory.copy(changetype<usize>(frame), changetype<usize>(currentFrame()), offsetof<TrapFrame>());
  frame.rax = 0;
  frame.rsp = stack;
  thread.fsBase = (flags & CLONE_SETTLS) != 0 ? tls : parent.fsBase;
  const undoList = (flags & CLONE_SYSVSEM) != 0 ? undoListShare() : null;
  const hasList = undoList != null || (flags & CLONE_SYSVSEM) == 0;
  const task = hasList ? taskCreate(thread) : null;
  if (!task) {
    if (undoList) undoListPut(undoList, PROCESS_ID);
    vectorStateFree(thread.vectorState);
    threadFree(thread);
    return -EAGAIN;
  }
  task.undoList = undoList;
  task.mask = currentTask().mask;
  schedulingInherit(task, currentTask());
  if ((flags & CLONE_CHILD_CLEARTID) != 0) task.clearChildTid = childTid;
  const id = task.id;
  if ((flags & CLONE_PARENT_SETTID) != 0) storeUser32(parentTid, id);
  if ((flags & CLONE_CHILD_SETTID) != 0) storeUser32(childTid, id);
  threadStart(thread);
  return id;
}

export function sys_clone(flags: u64, stack: u64, parentTid: u64, childTid: u64, tls: u64): i64 {
  return cloneThread(flags & ~0xff, stack, parentTid, childTid, tls);
}

/**
 * struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, …
 */
export function sys_clone3(args: u64, size: u64): i64 {
  if (size < CLONE_ARGS_SIZE_MIN) return -EINVAL;
  if (size > PAGE_SIZE) return -E2BIG;
  const cloneArgs = threadScratch();
  if (loadUser(cloneArgs, args, min<u64>(size, CLONE_ARGS_SIZE)) != 0) return -EFAULT;
  const flags = load<u64>(cloneArgs);
  const stack = load<u64>(cloneArgs, 40);
  const stackSize = load<u64>(cloneArgs, 48);
  if (isContradictory(flags)) return -EINVAL;
  if ((flags & CLONE_THREAD_FLAGS) != CLONE_THREAD_FLAGS) return refuseProcess();
  if (stack == 0 || stackSize == 0 || !userRange(stack, stackSize)) return -EINVAL;
  return cloneThread(
    flags,
    stack + stackSize,
    load<u64>(cloneArgs, 24),
    load<u64>(cloneArgs, 16),
    load<u64>(cloneArgs, 56),
  );
}

export function sys_fork(): i64 {
  return refuseProcess();
}

export function sys_exit(code: i32): i64 {
  const thread = currentThread();
  const state = thread.vectorState;
  thread.vectorState = 0;
  if (thisCpu().vectorOwner == thread) thisCpu().vectorOwner = null;
  vectorStateFree(state);
  exitThread(code & 0xff);
  return 0;
}

export function sys_exit_group(code: i32): i64 {
  exitProcess(code & 0xff);
  return 0;
}

export function sys_gettid(): i64 {
  return currentThread().id;
}

export function sys_set_tid_address(address: u64): i64 {
  const task = currentTask();
  task.clearChildTid = address;
  return task.id;
}

/**
 * The GS base is the kernel's: programs for x86-64 Linux leave it alone, and one that does not is
 * refused.
 */
export function sys_arch_prctl(code: u32, address: u64): i64 {
  switch (code) {
    case ARCH_SET_FS:
      if (address >= USER_END) return -EPERM;
      currentThread().fsBase = address;
      thisCpu().fsBase = address;
      writeFsBase(address);
      return 0;
    case ARCH_GET_FS:
      return storeUser64(address, currentThread().fsBase);
    case ARCH_GET_GS:
      return storeUser64(address, 0);
    default:
      return -EINVAL;
  }
}

/**
 * Restartable sequences: not there. C libraries ask for them at every start and do without, so it
 * is not worth a log line.
 */
export function sys_rseq(): i64 {
  return -ENOSYS;
}

export function sys_sched_yield(): i64 {
  yieldNow();
  return 0;
}

export function sys_rt_sigreturn(): i64 {
  const frame = currentFrame();
  signalReturn(frame);
  return <i64>frame.rax;
}
