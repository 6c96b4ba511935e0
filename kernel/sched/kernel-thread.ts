/**
 * Threads of the kernel itself.
 */
import { panic } from "../lib/panic";
import { afterSwitch, threadExit, threadStart } from "./scheduler";
import { currentThread, Thread, threadAllocate, threadPrepare } from "./thread";

/**
 * Starts a kernel thread that runs entry(argument). They are made at boot, so a lack of memory is a
 * panic.
 */
export function threadCreate(
  name: string,
  entry: (argument: usize) => void,
  argument: usize,
): Thread {
  const thread = threadAllocate(name);
  if (!thread) {
    panic("sched", "no memory for a kernel thread");
    return changetype<Thread>(0);
  }
  thread.entry = load<u32>(changetype<usize>(entry));
  thread.argument = argument;
  threadPrepare(thread, 0);
  threadStart(thread);
  return thread;
}

/**
 * From assembly: the first code of a thread. Linux threads enter the application from here
 * (linux/thread-calls.ts).
 */
export function threadEntry(): void {
  afterSwitch();
  const thread = currentThread();
  call_indirect<void>(thread.entry, thread.argument);
  threadExit();
}
