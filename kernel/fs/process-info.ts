/**
 * What /proc tells and parts of the kernel above `fs` know: they enter a subclass here. Without
 * one, as in unit tests, it is an empty process.
 */
import { TextBuffer } from "../lib/text-buffer";
import { Dentry } from "./dentry";
import { File } from "./file";
import { Identity, identityCreate } from "./identity";

/** Pending for the thread alone, and for the process. */
export const SIGNALS_PENDING: u32 = 0;
export const SIGNALS_PENDING_SHARED: u32 = 1;
export const SIGNALS_BLOCKED: u32 = 2;
export const SIGNALS_IGNORED: u32 = 3;
export const SIGNALS_CAUGHT: u32 = 4;

export class ProcessInfo {
  pid(): u32 {
    return 1;
  }

  /** Who the process is now, with a reference of the caller's; null: memory is out. */
  identity(): Identity | null {
    const identity = identityCreate(0);
    if (identity) identity.pid = this.pid();
    return identity;
  }

  /** Real user and group. */
  userId(): u32 {
    return 0;
  }

  groupId(): u32 {
    return 0;
  }

  /** The thread that asks. */
  currentThread(): u32 {
    return 1;
  }

  /** The smallest thread id above `after`; 0: none. */
  nextThread(after: u32): u32 {
    return after < 1 ? 1 : 0;
  }

  threadCount(): u32 {
    return 1;
  }

  /** A thread's name, at most 15 bytes. */
  threadName(id: u32, out: TextBuffer): void {
    out.put("init");
  }

  /** Sets a thread's name, cut to 15 bytes of linear memory. */
  setThreadName(id: u32, bytes: usize, length: u32): void {}

  /** How often a thread, or (0) all, has gone to wait, or (not voluntary) made way for another. */
  switches(id: u32, isVoluntary: bool): u64 {
    return 0;
  }

  /** How many threads of the application there have been. */
  threadsCreated(): u32 {
    return 1;
  }

  /** Whether a thread sleeps. */
  threadSleeps(id: u32): bool {
    return false;
  }

  /** CPU time in nanoseconds of one thread, or (0) of all. */
  cpuTimeNs(id: u32): u64 {
    return 0;
  }

  /** Mapped memory, resident memory, and the most that was resident, in pages. */
  virtualPages(): u64 {
    return 0;
  }

  residentPages(): u64 {
    return 0;
  }

  residentPagesMax(): u64 {
    return 0;
  }

  /** An address on the first thread's stack, above all of its frames. */
  stackStart(): u64 {
    return 0;
  }

  auxiliaryVector(out: TextBuffer): void {}

  /** Arguments and environment, each terminated by a zero byte. */
  commandLine(out: TextBuffer): void {}

  environment(out: TextBuffer): void {}

  /** The program's file, borrowed. */
  program(): Dentry | null {
    return null;
  }

  /** A set of signals (SIGNALS_*), of a thread where threads have their own. */
  signalSet(id: u32, which: u32): u64 {
    return 0;
  }

  /** The first open descriptor >= `from`, or -1; and the file of one, borrowed. */
  nextDescriptor(from: i32): i32 {
    return -1;
  }

  file(descriptor: i32): File | null {
    return null;
  }

  /** Whether an open descriptor closes on exec. */
  closesOnExec(descriptor: i32): bool {
    return false;
  }

  /** The soft or the hard limit of a resource (getrlimit(2)); u64.MAX_VALUE: none. */
  resourceLimit(resource: u32, isHard: bool): u64 {
    return u64.MAX_VALUE;
  }

  /** The lines of /proc/self/status about users and groups, and about capabilities. */
  putIds(out: TextBuffer): void {}

  putCapabilities(out: TextBuffer): void {}

  /** Whether CAP_SYS_RESOURCE and CAP_SYS_ADMIN are in effect. */
  mayExceedLimits(): bool {
    return true;
  }

  mayAdminister(): bool {
    return true;
  }

  /** personality(2), and PR_SET_TIMERSLACK of prctl(2); 0 sets the default. */
  personality(): u32 {
    return 0;
  }

  timerSlackNs(): i64 {
    return 0;
  }

  setTimerSlackNs(ns: i64): void {}

  /** A thread's nice value, realtime priority and policy (sched(7)); 0: the first thread's. */
  nice(id: u32): i32 {
    return 0;
  }

  realtimePriority(id: u32): u32 {
    return 0;
  }

  policy(id: u32): u32 {
    return 0;
  }

  /** Pages that mlock(2) keeps. */
  lockedPages(): u64 {
    return 0;
  }

  /** Signals that are queued, with their information. */
  queuedSignals(): u32 {
    return 0;
  }

  /** What /proc/net/pnp says, as resolv.conf(5) has it, and since when (ns since 1970). */
  nameServers(out: TextBuffer): void {}

  nameServersChangedNs(): u64 {
    return 0;
  }

  cpuCount(): u32 {
    return 1;
  }
}

let info: ProcessInfo = new ProcessInfo();

export function processInfo(): ProcessInfo {
  return info;
}

export function setProcessInfo(value: ProcessInfo): void {
  info = value;
}
