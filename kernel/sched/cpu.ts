/**
 * What belongs to one CPU. The %gs base points at it; entry.S knows the first fields.
 *
 * A field is touched by its own CPU alone and from thread context, unless it says otherwise.
 */
import * as hw from "../arch/hw";
import { Thread } from "./thread";

/** Something to do before returning to the application (bits of `work`). */
export const WORK_RESCHEDULE: u32 = 1;
export const WORK_SIGNAL: u32 = 2;
/** Debug builds: the thread holds locks, which it must not take to the application. */
export const WORK_LOCKS: u32 = 4;

export const NOBODY_RUNS: u64 = u64.MAX_VALUE;

@unmanaged
export class Cpu {
  /** Linear address of this object. */
  self: usize;
  index: u32;
  /** Top of the current thread's kernel stack. */
  stackTop: u64;
  current!: Thread;
  /** Debug builds: an interrupt's handler runs. */
  handling: u32;
  /** WORK_*: of the current thread, and to reschedule. */
  work: u32;
  /** Nonzero: an interrupt came while the kernel ran, its handler is due. Set by interrupts. */
  interruptWork: u32;
  /** The thread whose vector state is in the registers. */
  vectorOwner: Thread | null;
  /** A thread that has exited and whose stack can be freed once another runs. */
  dead: Thread | null;
  /** FS base in the register. */
  fsBase: u64;
  /** When the current thread began to run, in ns; NOBODY_RUNS while it looks for another. */
  runningSince: u64;
  /** When the current thread has to make way for one that is ready. */
  sliceEnd: u64;
  /** When the hardware timer will fire; u64.MAX_VALUE: it is not set. */
  timerDeadline: u64;
  /** Vectors that came while the kernel ran: 256 bits. Set by interrupts. */
  pending0: u64;
  pending1: u64;
  pending2: u64;
  pending3: u64;
}
if (offsetof<Cpu>("stackTop") != 8 || offsetof<Cpu>("current") != 16) {
  ERROR("entry.S knows these offsets");
}
if (offsetof<Cpu>() > 256) ERROR("the Cpu object ends where the clock begins");
if (offsetof<Cpu>("work") != 24 || offsetof<Cpu>("interruptWork") != 28) {
  ERROR("entry.S knows these offsets");
}

/**
 * The boot CPU's page, at a fixed place of linear memory (below MEMORY_BASE in
 * toolchain/compile-wasm.ts, above the boot stack). What every system call touches is in one page,
 * so that it takes one entry of the TLB:
 *
 *     0x8000  handlers of the system calls (entry.S)
 *     0x8e80  the Cpu object
 *     0x8f80  the clock (time/clock.ts)
 */
export const BOOT_CPU: usize = 0x8e80;
/** System calls have handlers up to this number: as many as fit below the Cpu object. */
export const SYSCALL_COUNT: u64 = 464;

export function thisCpu(): Cpu {
  return changetype<Cpu>(hw.cpu());
}
