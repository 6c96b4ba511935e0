/**
 * What the simulator of interleavings (test/sim/interleave) calls of the mutex; nothing of this is
 * part of the kernel. Each simulated CPU runs one thread, made by `simThread`; sleeping and waking
 * are played by the simulator.
 */
import { heapAlloc } from "../runtime/heap";
import { LOCK_PAGE_CACHE } from "./lock-order";
import { Mutex } from "./mutex";
import { Thread, threadBare } from "./thread";
import { WaitRecord } from "./wait-record";

export function simThread(): usize {
  return changetype<usize>(threadBare("simulated"));
}

/** Memory for the simulator's own use. */
export function simMemory(bytes: usize): usize {
  return heapAlloc(bytes);
}

// ---- Layout: offsets in a thread, sizes ----
export function simThreadSize(): usize {
  return offsetof<Thread>();
}

export function simThreadState(): usize {
  return offsetof<Thread>("state");
}

export function simRecord(): usize {
  return offsetof<Thread>("record0");
}

/** The fields of a record that its thread sets anew for each wait: the first bytes. */
export function simRecordSize(): usize {
  return offsetof<WaitRecord>("thread");
}

export function simMutexSize(): usize {
  return offsetof<Mutex>();
}

// ---- The mutex ----
export function simMutex(): usize {
  return changetype<usize>(new Mutex(LOCK_PAGE_CACHE));
}

export function simCount(mutex: usize): u32 {
  return atomic.load<u32>(mutex);
}

export function simLock(mutex: usize): void {
  changetype<Mutex>(mutex).lock();
}

export function simTryLock(mutex: usize): bool {
  return changetype<Mutex>(mutex).tryLock();
}

export function simUnlock(mutex: usize): void {
  changetype<Mutex>(mutex).unlock();
}

export function simOwned(mutex: usize): bool {
  return changetype<Mutex>(mutex).owned();
}
