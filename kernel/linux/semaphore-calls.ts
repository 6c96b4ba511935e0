/**
 * System calls on System V semaphores: semget(2), semop(2), semtimedop(2), semctl(2). The sets are
 * in ipc/semaphores.ts.
 *
 * Threads made without CLONE_SYSVSEM undo their own operations with SEM_UNDO when they end. Those
 * of the process need no undoing: with it the machine ends.
 */
import { IPC_CREAT, IPC_EXCL, IPC_READ, IPC_WRITE } from "../ipc/ipc";
import { SemaphoreUndo, UndoList, undoListPut, undoOf } from "../ipc/semaphore-undo";
import {
  SEMBUF_SIZE,
  SEMMNI,
  SEMMNS,
  SEMMSL,
  SEMOPM,
  SEMVMX,
  SemaphoreCall,
  SemaphoreSet,
  semaphoreCall,
  semaphoresInUse,
  setCreate,
  sets,
} from "../ipc/semaphores";
import {
  E2BIG,
  EACCES,
  EEXIST,
  EFAULT,
  EFBIG,
  EIDRM,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
  ERANGE,
} from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { heapAlloc, heapFree } from "../runtime/heap";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, putPermissions, takePermissions } from "./ipc-perm";
import { currentTask, PROCESS_ID, Task } from "./task";
import { deadlineAfter, loadTimespec } from "./timespec";
import { loadUser, storeUser } from "./user-memory";

// include/uapi/linux/sem.h
const GETPID: u32 = 11;
const GETVAL: u32 = 12;
const GETALL: u32 = 13;
const GETNCNT: u32 = 14;
const GETZCNT: u32 = 15;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_STAT: u32 = 18;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;
const SEMUSZ: u32 = 20;

/*
 * struct semid64_ds: 0 sem_perm   48 sem_otime   56 unused   64 sem_ctime   72 unused   80 sem_nsems
 *                    88, 96 unused
 * struct seminfo, i32 each:
 *     semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem
 */
const SEMID_DS_SIZE: usize = 104;
const SEMINFO_SIZE: usize = 40;

export function sys_semget(key: u32, count: i32, flags: u32): i64 {
  if (count < 0 || <u32>count > SEMMSL) return -EINVAL;
  const present = sets.keyed(key);
  if (!present) {
    // Key 0, IPC_PRIVATE, is always a new set.
    return key == 0 || (flags & IPC_CREAT) != 0 ? setCreate(key, count, flags) : -ENOENT;
  }
  if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return -EEXIST;
  if (<u32>count > present.count) return -EINVAL;
  return present.allows(flags) ? present.id : -EACCES;
}

// ---- Operations ---------------------------------------------------------------------------------

export function sys_semop(id: i32, operations: u64, count: u32): i64 {
  return sys_semtimedop(id, operations, count, 0);
}

export function sys_semtimedop(id: i32, operations: u64, count: u32, timeout: u64): i64 {
  const ns = timeout != 0 ? loadTimespec(timeout) : 0;
  if (ns == -EFAULT) return ns;
  if (count == 0 || id < 0) return -EINVAL;
  if (count > SEMOPM) return -E2BIG;
  const call = semaphoreCall(count);
  if (!call) return -ENOMEM;
  let result: i64 = loadUser(call.operations, operations, <u64>count * SEMBUF_SIZE);
  if (result == 0) result = min<i64>(ns, 0);
  if (result == 0) result = operate(id, call, timeout != 0 ? deadlineAfter(ns) : NO_DEADLINE);
  heapFree(changetype<usize>(call));
  return result;
}

function operate(id: i32, call: SemaphoreCall, deadline: u64): i64 {
  const set = sets.find(id);
  if (!set) return sets.error(id);
  if (call.highestIndex() >= set.count) return -EFBIG;
  if (!set.allows(call.alters() ? IPC_WRITE : IPC_READ)) return -EACCES;
  call.pid = PROCESS_ID;
  if (call.wantsUndo()) {
    call.undo = undoFor(set);
    if (!call.undo) return -ENOMEM;
  }
  return set.operate(call, deadline);
}

// ---- SEM_UNDO -----------------------------------------------------------------------------------

/** The list of a thread, made if need be, borrowed; null when memory is out. */
function undoListOf(task: Task): UndoList | null {
  if (!task.undoList) task.undoList = attempt(new UndoList());
  return task.undoList;
}

function undoFor(set: SemaphoreSet): SemaphoreUndo | null {
  const list = undoListOf(currentTask());
  return list ? undoOf(list, set) : null;
}

/** CLONE_SYSVSEM: the running thread's list, with a reference for a new one; null: no memory. */
export function undoListShare(): UndoList | null {
  const list = undoListOf(currentTask());
  if (list) list.references++;
  return list;
}

/** A thread ends that is not the last one: what is to be undone of its own is. */
export function undoListLeave(task: Task): void {
  const list = task.undoList;
  task.undoList = null;
  if (list) undoListPut(list, PROCESS_ID);
}

// ---- Control ------------------------------------------------------------------------------------

/** The limits, or what is in use. The highest place in the table, or -EFAULT. */
function tellInfo(command: u32, to: u64): i64 {
  const at = threadScratch();
  const isLimits = command == IPC_INFO;
  const highest = sets.highest();
  store<u32>(at, SEMMNS);
  store<u32>(at, SEMMNI, 4);
  store<u32>(at, SEMMNS, 8);
  store<u32>(at, SEMMNS, 12);
  store<u32>(at, SEMMSL, 16);
  store<u32>(at, SEMOPM, 20);
  store<u32>(at, SEMOPM, 24);
  store<u32>(at, isLimits ? SEMUSZ : sets.count, 28);
  store<u32>(at, SEMVMX, 32);
  store<u32>(at, isLimits ? SEMVMX : semaphoresInUse(), 36);
  return storeUser(to, at, SEMINFO_SIZE) != 0 ? -EFAULT : highest;
}

/** IPC_STAT, SEM_STAT, SEM_STAT_ANY: the latter two by place, and tell the identifier. */
function tellStatus(command: u32, which: i32, to: u64): i64 {
  const byPlace = command != IPC_STAT;
  const set = byPlace ? sets.at(which) : sets.find(which);
  if (!set) return byPlace ? -EINVAL : sets.error(which);
  if (command != SEM_STAT_ANY && !set.allows(IPC_READ)) return -EACCES;
  const at = threadScratch();
  memory.fill(at, 0, SEMID_DS_SIZE);
  putPermissions(at, set);
  store<u64>(at, set.operatedAt, 48);
  store<u64>(at, set.changedAt, 64);
  store<u64>(at, set.count, 80);
  const result = byPlace ? set.id : 0;
  return storeUser(to, at, SEMID_DS_SIZE) != 0 ? -EFAULT : result;
}

function getAll(set: SemaphoreSet, to: u64): i64 {
  if (!set.allows(IPC_READ)) return -EACCES;
  const count = set.count;
  const values = heapAlloc((<usize>count) << 1);
  if (values == 0) return -ENOMEM;
  for (let i: u32 = 0; i < count; i++) {
    store<u16>(values + ((<usize>i) << 1), <u16>set.value(i));
  }
  const error = storeUser(to, values, (<u64>count) << 1);
  heapFree(values);
  return error;
}

/** Sets all values of a set, which may go while they are loaded. */
function setAll(found: SemaphoreSet, from: u64): i64 {
  if (!found.allows(IPC_WRITE)) return -EACCES;
  const id = found.id;
  const count = found.count;
  const values = heapAlloc((<usize>count) << 1);
  if (values == 0) return -ENOMEM;
  let error: i64 = loadUser(values, from, (<u64>count) << 1);
  for (let i: u32 = 0; i < count && error == 0; i++) {
    if (load<u16>(values + ((<usize>i) << 1)) > <u16>SEMVMX) error = -ERANGE;
  }
  if (error == 0) {
    const set = sets.find(id);
    if (set && set.count == count) set.setAll(values, PROCESS_ID);
    else error = -EIDRM;
  }
  heapFree(values);
  return error;
}

/** GETVAL, GETPID, GETNCNT, GETZCNT, SETVAL. */
function controlOne(set: SemaphoreSet, index: u32, command: u32, value: i32): i64 {
  if (command == SETVAL && (value < 0 || value > SEMVMX)) return -ERANGE;
  if (index >= set.count) return -EINVAL;
  if (!set.allows(command == SETVAL ? IPC_WRITE : IPC_READ)) return -EACCES;
  switch (command) {
    case GETVAL:
      return set.value(index);
    case GETPID:
      return set.pid(index);
    case GETNCNT:
    case GETZCNT:
      return set.waiters(index, command == GETZCNT);
    default:
      set.setValue(index, value, PROCESS_ID);
      return 0;
  }
}

/** IPC_RMID; IPC_SET with a struct semid64_ds in the thread's memory. */
function change(command: u32, set: SemaphoreSet): i64 {
  if (!set.isOwned()) return -EPERM;
  if (command == IPC_RMID) set.remove();
  else takePermissions(threadScratch(), set);
  return 0;
}

export function sys_semctl(id: i32, index: u32, command: u32, argument: u64): i64 {
  if (id < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO:
    case SEM_INFO:
      return tellInfo(command, argument);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
      return tellStatus(command, id, argument);
    case IPC_SET:
      // What the copy may sleep over is before the set is looked for.
      if (loadUser(threadScratch(), argument, SEMID_DS_SIZE) != 0) return -EFAULT;
      break;
    case IPC_RMID:
      break;
    default:
      if (command < GETPID || command > SETALL) return -EINVAL;
  }
  const set = sets.find(id);
  if (!set) return sets.error(id);
  if (command == GETALL) return getAll(set, argument);
  if (command == SETALL) return setAll(set, argument);
  if (command == IPC_SET || command == IPC_RMID) return change(command, set);
  return controlOne(set, index, command, <i32>argument);
}
