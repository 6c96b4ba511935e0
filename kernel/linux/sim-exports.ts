/**
 * What the simulator of sleeps (test/sim/sleep) calls of the kernel; nothing of this is part of the
 * kernel. Each simulated thread makes system calls; the simulator plays `schedule` and `makeReady`
 * and decides who runs wherever one may sleep. Addresses of the application lie below 4 GiB here,
 * so that arguments are 32 bits.
 */

import { pagingInit } from "../arch/x86_64/paging";
import { mapRegion } from "../mem/address-space";
import { addMemory, freePageCount } from "../mem/page-allocator";
import { PROT_READ, PROT_WRITE, VMA_MAY_WRITE } from "../mem/vma";
import { heapAlloc } from "../runtime/heap";
import { thisCpu } from "../sched/cpu";
import { idlePoll } from "../sched/idle";
import { schedulerInit } from "../sched/scheduler";
import { STATE_READY, Thread, threadBare, threadScratch } from "../sched/thread";
import { clockStart, monotonicNs } from "../time/clock";
import { timersNextDeadline, timersRun } from "../time/timer-queue";
import { sys_close, sys_dup2, sys_fcntl } from "./descriptor-calls";
import { fdCount, fdFile, fdInstall } from "./descriptors";
import { sys_epoll_create1, sys_epoll_ctl, sys_epoll_wait } from "./epoll-calls";
import { sys_eventfd2, sys_pipe2 } from "./event-calls";
import { sys_read, sys_write } from "./file-calls";
import { sys_futex } from "./futex";
import { sys_madvise } from "./memory-advice";
import { sys_mmap, sys_mprotect, sys_munmap } from "./memory-calls";
import { sys_mremap } from "./mremap";
import { sys_semctl, sys_semget, sys_semop } from "./semaphore-calls";
import { nextSignal } from "./signal";
import { sys_rt_sigprocmask, sys_rt_sigtimedwait, sys_tkill } from "./signal-calls";
import { SignalInfo } from "./signal-numbers";
import { SimFile, SimSource } from "./sim-memory";
import { sys_msgctl, sys_msgget, sys_msgrcv, sys_msgsnd } from "./sysv-message-calls";
import { taskCreate } from "./task";

export {
  simCheckGap,
  simCheckSpace,
  simCompareExchange,
  simExchange,
  simLoad,
  simPeek,
  simPoke,
  simStore,
  simUserCopy,
} from "./sim-memory";
export {
  simCheckNames,
  simGetdents,
  simLchown,
  simLink,
  simMkdir,
  simNames,
  simOpenPath,
  simReadlink,
  simRename,
  simRenameInto,
  simRmdir,
  simUnlink,
} from "./sim-names";
export * from "./sim-sockets";

/** A machine with memory [start, end) and nothing running. */
export function simInit(start: u32, end: u32): void {
  addMemory(start, end);
  pagingInit(0);
  clockStart(0);
  schedulerInit(thisCpu());
}

/** A thread of the application, which the simulator runs. */
export function simThread(): usize {
  const thread = threadBare("simulated");
  taskCreate(thread);
  thread.state = STATE_READY;
  return changetype<usize>(thread);
}

export function simThreadId(thread: usize): u32 {
  return changetype<Thread>(thread).id;
}

/** Memory for the simulator's own use. */
export function simMemory(bytes: usize): usize {
  return heapAlloc(bytes);
}

// ---- Layout -------------------------------------------------------------------------------------

export function simThreadState(): usize {
  return offsetof<Thread>("state");
}

export function simThreadWork(): usize {
  return offsetof<Thread>("work");
}

// ---- Time and what the machine does when nobody runs --------------------------------------------

/** When the next timer is due, in ns; -1: there is none. */
export function simDeadline(): i64 {
  return <i64>timersNextDeadline();
}

export function simTimers(): void {
  timersRun(monotonicNs());
}

/** What is polled before the CPU halts: whether there was something to do. */
export function simIdle(): bool {
  return idlePoll();
}

// ---- What tests look at -------------------------------------------------------------------------

export function simFreePages(): u32 {
  return <u32>freePageCount();
}

export function simOpenFiles(): u32 {
  return fdCount();
}

/** Anonymous memory for the programs' buffers. */
export function simBuffer(address: u32, bytes: u32): void {
  mapRegion(address, bytes, PROT_READ | PROT_WRITE, VMA_MAY_WRITE, null, 0);
}

/** Takes the signals that are due to the running thread; returns how many, as on the way back. */
export function simTakeSignals(): u32 {
  let taken: u32 = 0;
  while (nextSignal(changetype<SignalInfo>(threadScratch()))) taken++;
  return taken;
}

// ---- Files on a slow disk -----------------------------------------------------------------------

function sourceOf(fd: i32): SimSource {
  return (<SimFile>fdFile(fd)!).source;
}

/** A descriptor of a new file of so many pages. */
export function simOpen(pages: u32): i32 {
  return fdInstall(new SimFile(new SimSource(pages)), false);
}

export function simCut(fd: i32, pages: u32): void {
  sourceOf(fd).cut(pages);
}

/** Whether nothing maps the file, and nobody holds a page of it. */
export function simIsAlone(fd: i32): bool {
  const source = sourceOf(fd);
  return source.references == 1 && source.isAlone();
}

// ---- System calls -------------------------------------------------------------------------------

export function simMmap(
  address: u32,
  bytes: u32,
  protection: u32,
  flags: u32,
  fd: i32,
  offset: u32,
): i32 {
  return <i32>sys_mmap(address, bytes, protection, flags, fd, offset);
}

export function simMunmap(address: u32, bytes: u32): i32 {
  return <i32>sys_munmap(address, bytes);
}

export function simMprotect(address: u32, bytes: u32, protection: u32): i32 {
  return <i32>sys_mprotect(address, bytes, protection);
}

export function simMremap(address: u32, old: u32, bytes: u32, flags: u32, place: u32): i32 {
  return <i32>sys_mremap(address, old, bytes, flags, place);
}

export function simMadvise(address: u32, bytes: u32, advice: i32): i32 {
  return <i32>sys_madvise(address, bytes, advice);
}

export function simRead(fd: i32, buffer: u32, n: u32): i32 {
  return <i32>sys_read(fd, buffer, n);
}

export function simWrite(fd: i32, buffer: u32, n: u32): i32 {
  return <i32>sys_write(fd, buffer, n);
}

export function simPipe(fds: u32, flags: u32): i32 {
  return <i32>sys_pipe2(fds, flags);
}

export function simEventfd(initial: u32, flags: u32): i32 {
  return <i32>sys_eventfd2(initial, flags);
}

export function simClose(fd: i32): i32 {
  return <i32>sys_close(fd);
}

export function simDup2(from: i32, to: i32): i32 {
  return <i32>sys_dup2(from, to);
}

export function simFcntl(fd: i32, command: u32, argument: u32): i32 {
  return <i32>sys_fcntl(fd, command, argument);
}

export function simEpollCreate(): i32 {
  return <i32>sys_epoll_create1(0);
}

export function simEpollCtl(epollFd: i32, operation: u32, fd: i32, event: u32): i32 {
  return <i32>sys_epoll_ctl(epollFd, operation, fd, event);
}

export function simEpollWait(fd: i32, events: u32, most: i32, timeoutMs: i32): i32 {
  return <i32>sys_epoll_wait(fd, events, most, timeoutMs);
}

export function simFutex(
  address: u32,
  operation: u32,
  value: u32,
  timeout: u32,
  address2: u32,
  value3: u32,
): i32 {
  return <i32>sys_futex(address, operation, value, timeout, address2, value3);
}

export function simTkill(id: u32, signal: i32): i32 {
  return <i32>sys_tkill(id, signal);
}

export function simSigprocmask(how: i32, set: u32): i32 {
  return <i32>sys_rt_sigprocmask(how, set, 0, 8);
}

export function simSigtimedwait(set: u32, timeout: u32): i32 {
  return <i32>sys_rt_sigtimedwait(set, 0, timeout, 8);
}

// ---- System V IPC -------------------------------------------------------------------------------

/** IPC_PRIVATE. */
export function simSemget(count: i32): i32 {
  return <i32>sys_semget(0, count, 0o600);
}

export function simSemop(id: i32, operations: u32, count: u32): i32 {
  return <i32>sys_semop(id, operations, count);
}

export function simSemctl(id: i32, index: u32, command: u32, argument: u32): i32 {
  return <i32>sys_semctl(id, index, command, argument);
}

export function simMsgget(): i32 {
  return <i32>sys_msgget(0, 0o600);
}

export function simMsgsnd(id: i32, buffer: u32, size: u32, flags: u32): i32 {
  return <i32>sys_msgsnd(id, buffer, size, flags);
}

export function simMsgrcv(id: i32, buffer: u32, size: u32, type: i32, flags: u32): i32 {
  return <i32>sys_msgrcv(id, buffer, size, type, flags);
}

export function simMsgctl(id: i32, command: u32, argument: u32): i32 {
  return <i32>sys_msgctl(id, command, argument);
}
