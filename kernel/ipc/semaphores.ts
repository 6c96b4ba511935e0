/**
 * System V semaphores: sets of numbers that calls change all at once or not at all (semop(2)).
 *
 *     setCreate(key, count, flags)               its identifier, or -errno
 *     sets                                       the table to find them in
 *     call = semaphoreCall(count)                a call's operations, to be filled in; null: no memory
 *     set.operate(call, deadline)                performs them, asleep until that is possible
 *     set.setValue(…), set.setAll(…)             SETVAL, SETALL
 *     set.waiters(index, forZero)                GETNCNT, GETZCNT
 *     set.remove()                               IPC_RMID: who waits is told -EIDRM
 *
 * Whoever changes a value performs, for the threads that wait, what can be done then: first come,
 * first served, and after every change those first that wait for zero. A thread that wakes up finds
 * its result in its call and does not look at the set, which may be gone.
 */
import { EAGAIN, EIDRM, EINTR, EINVAL, ENOMEM, ERANGE, ETIMEDOUT } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { currentThread, Thread } from "../sched/thread";
import { WaitQueue } from "../sched/wait-queue";
import { IPC_NOWAIT, IpcObject, IpcTable, ipcSeconds } from "./ipc";
import { SemaphoreUndo } from "./semaphore-undo";

// include/uapi/linux/sem.h
export const SEM_UNDO: u32 = 0x1000;
/** Semaphores of a set, sets, semaphores of all, operations of a call, the highest value. */
export const SEMMSL: u32 = 32000;
export const SEMMNI: u32 = 32000;
export const SEMMNS: u32 = 1024000000;
export const SEMOPM: u32 = 500;
export const SEMVMX: i32 = 32767;
/** No limit of its own: as many sets as there may be, each with all that it may have. */
if (SEMMNS != SEMMSL * SEMMNI) ERROR("the sets are what limits the semaphores");

/** struct sembuf. */
@unmanaged
export class Operation {
  index: u16;
  change: i16;
  flags: u16;
}
export const SEMBUF_SIZE: usize = 6;
if (offsetof<Operation>() != SEMBUF_SIZE) ERROR("struct sembuf is 6 bytes");

@unmanaged
class Semaphore {
  value: i32;
  /** Of the process that changed it last. */
  pid: u32;
}

/** What `perform` says of operations that wait: this, and more by the place of the first. */
const BLOCKED: i64 = 1;
const PENDING: i64 = i64.MAX_VALUE;

/** A call under way. Its operations lie behind it in memory. The caller frees it (heapFree). */
@unmanaged
export class SemaphoreCall {
  // Links of the set's list while the call waits.
  next: SemaphoreCall | null;
  previous: SemaphoreCall | null;
  thread!: Thread;
  /** Where operations with SEM_UNDO are noted; null: there are none. Borrowed. */
  undo: SemaphoreUndo | null;
  pid: u32;
  count: u32;
  /** Which operation it waits for. */
  blocking: u32;
  /** PENDING while it waits, then its result. */
  status: i64;

  get operations(): usize {
    return changetype<usize>(this) + offsetof<SemaphoreCall>();
  }

  operation(place: u32): Operation {
    return changetype<Operation>(this.operations + <usize>place * SEMBUF_SIZE);
  }

  /** Whether some operation may change a value; else all of them wait for zero. */
  alters(): bool {
    for (let i: u32 = 0; i < this.count; i++) if (this.operation(i).change != 0) return true;
    return false;
  }

  wantsUndo(): bool {
    for (let i: u32 = 0; i < this.count; i++) {
      if ((this.operation(i).flags & SEM_UNDO) != 0) return true;
    }
    return false;
  }

  highestIndex(): u32 {
    let highest: u32 = 0;
    for (let i: u32 = 0; i < this.count; i++) highest = max<u32>(highest, this.operation(i).index);
    return highest;
  }
}

/** A call with room for `count` operations (at most SEMOPM), which are undefined. */
export function semaphoreCall(count: u32): SemaphoreCall | null {
  const at = heapAlloc(offsetof<SemaphoreCall>() + <usize>count * SEMBUF_SIZE);
  if (at == 0) return null;
  memory.fill(at, 0, offsetof<SemaphoreCall>());
  const call = changetype<SemaphoreCall>(at);
  call.count = count;
  return call;
}

export const sets: IpcTable<SemaphoreSet> = new IpcTable<SemaphoreSet>();
/** Semaphores of all sets. */
let semaphoreCount: u32 = 0;

export function semaphoresInUse(): u32 {
  return semaphoreCount;
}

export class SemaphoreSet extends IpcObject {
  /** When a call has last performed its operations, in seconds since 1970. */
  operatedAt: u64 = 0;
  /** What is to be undone of it. Owned; linked by `nextOfSet`. */
  undos: SemaphoreUndo | null = null;
  /** The threads of the calls in the list. */
  private sleepers: WaitQueue = new WaitQueue();
  private first: SemaphoreCall | null = null;
  private last: SemaphoreCall | null = null;

  /** Takes over `semaphores`, an array of so many Semaphores. */
  constructor(
    private semaphores: usize,
    readonly count: u32,
  ) {
    super();
  }

  private at(index: u32): Semaphore {
    assert(index < this.count, "the set has such a semaphore");
    return changetype<Semaphore>(this.semaphores + <usize>index * offsetof<Semaphore>());
  }

  value(index: u32): i32 {
    return this.at(index).value;
  }

  pid(index: u32): u32 {
    return this.at(index).pid;
  }

  // ---- Operations -------------------------------------------------------------------------------

  /**
   * Performs a call's operations, whose indices are below `count`. Sleeps until that is possible,
   * or `deadline`: -EAGAIN. -EINTR: a signal; -EIDRM: the set was removed; -ERANGE: a value would
   * be too large. The set must not be used afterwards if this has slept.
   */
  operate(call: SemaphoreCall, deadline: u64): i64 {
    const result = this.perform(call);
    if (result < BLOCKED) {
      if (result == 0 && call.alters()) this.serve();
      return result;
    }
    this.enqueue(call, <u32>(result - BLOCKED));
    const error = this.sleepers.wait(deadline);
    if (call.status != PENDING) return call.status;
    this.unlink(call);
    return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
  }

  /** Does all operations: 0. Or none: -ERANGE, -EAGAIN (IPC_NOWAIT), or BLOCKED and more. */
  private perform(call: SemaphoreCall): i64 {
    for (let i: u32 = 0; i < call.count; i++) {
      const result = this.performOne(call.operation(i), call.undo);
      if (result == 0) continue;
      this.takeBack(call, i);
      return result < BLOCKED ? result : BLOCKED + i;
    }
    for (let i: u32 = 0; i < call.count; i++) this.at(call.operation(i).index).pid = call.pid;
    this.operatedAt = ipcSeconds();
    return 0;
  }

  private performOne(operation: Operation, undo: SemaphoreUndo | null): i64 {
    const semaphore = this.at(operation.index);
    const change = <i32>operation.change;
    const value = semaphore.value + change;
    const isBlocked = change == 0 ? semaphore.value != 0 : value < 0;
    if (isBlocked) return (operation.flags & IPC_NOWAIT) != 0 ? -EAGAIN : BLOCKED;
    if (value > SEMVMX) return -ERANGE;
    if (undo && (operation.flags & SEM_UNDO) != 0) {
      if (!undo.note(operation.index, change)) return -ERANGE;
    }
    semaphore.value = value;
    return 0;
  }

  /** Undoes the first `done` operations of a call, from the last on. */
  private takeBack(call: SemaphoreCall, done: u32): void {
    const undo = call.undo;
    for (let i = done; i > 0; i--) {
      const operation = call.operation(i - 1);
      this.at(operation.index).value -= operation.change;
      if (undo && (operation.flags & SEM_UNDO) != 0) {
        undo.note(operation.index, -(<i32>operation.change));
      }
    }
  }

  // ---- Those that wait --------------------------------------------------------------------------

  /** The call of the running thread, which is about to sleep for its operation `blocking`. */
  private enqueue(call: SemaphoreCall, blocking: u32): void {
    const last = this.last;
    call.thread = currentThread();
    call.status = PENDING;
    call.blocking = blocking;
    call.next = null;
    call.previous = last;
    if (last) last.next = call;
    else this.first = call;
    this.last = call;
  }

  private unlink(call: SemaphoreCall): void {
    const next = call.next;
    const previous = call.previous;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
  }

  /** A call in the list is over. Its thread is woken, and the call is the thread's alone again. */
  private finish(call: SemaphoreCall, status: i64): void {
    this.unlink(call);
    call.status = status;
    this.sleepers.wake(call.thread);
  }

  /** Values have changed: performs what waits and can be done. */
  serve(): void {
    do {
      this.serveThose(false);
    } while (this.serveThose(true));
  }

  /** Those that change values, or those that wait for zero. Returns at a change: true. */
  private serveThose(alters: bool): bool {
    let call = this.first;
    while (call) {
      const next = call.next;
      if (call.alters() == alters) {
        const result = this.perform(call);
        if (result < BLOCKED) {
          this.finish(call, result);
          if (alters && result == 0) return true;
        } else {
          call.blocking = <u32>(result - BLOCKED);
        }
      }
      call = next;
    }
    return false;
  }

  /** How many threads wait for a semaphore to become zero, or to grow. */
  waiters(index: u32, forZero: bool): u32 {
    let count: u32 = 0;
    let call = this.first;
    while (call) {
      const operation = call.operation(call.blocking);
      if (operation.index == index && (operation.change == 0) == forZero) count++;
      call = call.next;
    }
    return count;
  }

  // ---- Control ----------------------------------------------------------------------------------

  private assign(index: u32, value: i32, pid: u32): void {
    const semaphore = this.at(index);
    semaphore.value = value;
    semaphore.pid = pid;
    let undo = this.undos;
    while (undo) {
      undo.forget(index);
      undo = undo.nextOfSet;
    }
  }

  /** Sets one value (0 to SEMVMX); nothing that was done to it before is undone. */
  setValue(index: u32, value: i32, pid: u32): void {
    this.assign(index, value, pid);
    this.changedAt = ipcSeconds();
    this.serve();
  }

  /** Sets all values, `values` being an array of u16. */
  setAll(values: usize, pid: u32): void {
    for (let i: u32 = 0; i < this.count; i++) {
      this.assign(i, load<u16>(values + ((<usize>i) << 1)), pid);
    }
    this.changedAt = ipcSeconds();
    this.serve();
  }

  /** Adds what a process has left to be undone, within the bounds of a value; then `serve`. */
  adjust(index: u32, change: i32, pid: u32): void {
    const semaphore = this.at(index);
    semaphore.value = min(max(semaphore.value + change, 0), SEMVMX);
    semaphore.pid = pid;
  }

  /** IPC_RMID, and frees it. */
  remove(): void {
    for (let call = this.first; call; call = this.first) this.finish(call, -EIDRM);
    for (let undo = this.undos; undo; undo = this.undos) undo.destroy();
    sets.leave(this);
    semaphoreCount -= this.count;
    heapFree(this.semaphores);
    this.discard();
  }

  /** Frees the object, which owns nothing else any more. */
  discard(): void {
    free(this.sleepers);
    free(this);
  }
}

/** -EINVAL (count), -ENOSPC (limits), -ENOMEM. Does not sleep. */
export function setCreate(key: u32, count: u32, flags: u32): i64 {
  if (count == 0 || count > SEMMSL) return -EINVAL;
  const bytes = <usize>count * offsetof<Semaphore>();
  const semaphores = heapAlloc(bytes);
  if (semaphores == 0) return -ENOMEM;
  memory.fill(semaphores, 0, bytes);
  const set = attempt(new SemaphoreSet(semaphores, count));
  const id = set ? sets.enter(set, key, flags, SEMMNI) : -ENOMEM;
  if (id < 0) {
    heapFree(semaphores);
    if (set) set.discard();
    return id;
  }
  semaphoreCount += count;
  return id;
}
