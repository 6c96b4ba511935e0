/**
 * Signals that are pending: a queue per thread and one of the process (signal(7)).
 *
 *     queueAdd(queue, info)          a copy of the information; 0, or -EAGAIN: the limit is reached
 *     queueAddRecord(queue, record)  a record that its maker keeps (a timer's): can't fail
 *     queueTake(queue, wanted, info) the next of a set of signals, out of the queue
 *     queueDrop(queue, bits)         forgets all of those signals
 *
 * `pending` has a bit per signal, and where there was room a record tells what is known of it. The
 * records of one signal are a run, in the order they came; the runs, 64 at most, are in a list:
 *
 *     queue.runs ──▶ SIGTERM ──nextRun──▶ SIGRTMIN ──nextRun──▶ …
 *                                          │ next, and `last`, the end of the run
 *                                          ▼
 *                                         SIGRTMIN
 *
 * so that adding and taking cost the same however many are queued. How many records there may be is
 * RLIMIT_SIGPENDING's. A signal that found no room, in the limit or in the heap, is its bit alone,
 * and its information is lost, unless it is a real-time signal with a value: the sender is told.
 */
import { EAGAIN } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { RLIMIT_SIGPENDING, resourceLimit } from "./limits";
import {
  FIRST_REALTIME,
  SI_USER,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SignalInfo,
  signalBit,
} from "./signal-numbers";

/** What is known of a pending signal. */
export class PendingSignal {
  next: PendingSignal | null = null;
  /** Of the first record of a run. */
  nextRun: PendingSignal | null = null;
  last: PendingSignal | null = null;

  signo: i32 = 0;
  errno: i32 = 0;
  code: i32 = 0;
  address: u64 = 0;
  value: u64 = 0;

  constructor() {
    recordCount++;
  }

  set(info: SignalInfo): void {
    this.signo = info.signo;
    this.errno = info.errno;
    this.code = info.code;
    this.address = info.address;
    this.value = info.value;
  }

  tell(info: SignalInfo): void {
    info.signo = this.signo;
    info.errno = this.errno;
    info.code = this.code;
    info.padding = 0;
    info.address = this.address;
    info.value = this.value;
  }

  /** It has left the queue to be delivered, as `info`, which may be completed; null: dropped. */
  taken(info: SignalInfo | null): void {
    this.destroy();
  }

  destroy(): void {
    recordCount--;
    free(this);
  }
}

/** The part of a Task and of the Process that is a queue. */
@unmanaged
export class SignalQueue {
  pending: u64;
  runs: PendingSignal | null;
}

/** Signals that the running instruction raises come before all others. */
const SYNCHRONOUS: u64 =
  signalBit(SIGSEGV) |
  signalBit(SIGBUS) |
  signalBit(SIGILL) |
  signalBit(SIGTRAP) |
  signalBit(SIGFPE) |
  signalBit(SIGSYS);

let recordCount: u32 = 0;

/** Records there are, queued or a timer's: what RLIMIT_SIGPENDING counts. */
export function signalRecordCount(): u32 {
  return recordCount;
}

/** Whether RLIMIT_SIGPENDING lets another record be made. */
export function signalRecordAllowed(): bool {
  return <u64>recordCount < resourceLimit(RLIMIT_SIGPENDING);
}

function runOf(queue: SignalQueue, signal: i32): PendingSignal | null {
  let run = queue.runs;
  while (run && run.signo != signal) run = run.nextRun;
  return run;
}

/** Appends a record, which is in no queue. */
export function queueAddRecord(queue: SignalQueue, record: PendingSignal): void {
  const run = runOf(queue, record.signo);
  record.next = null;
  if (run) {
    const last = run.last;
    if (last) last.next = record;
    run.last = record;
  } else {
    record.nextRun = queue.runs;
    record.last = record;
    queue.runs = record;
  }
  queue.pending |= signalBit(record.signo);
}

/** Appends a copy of the information. 0 or -EAGAIN. */
export function queueAdd(queue: SignalQueue, info: SignalInfo): i32 {
  // What the kernel and kill(2) send of the ordinary signals is a record per signal at most.
  const isBounded = info.signo < FIRST_REALTIME && info.code >= 0;
  const record = isBounded || signalRecordAllowed() ? attempt(new PendingSignal()) : null;
  if (record) {
    record.set(info);
    queueAddRecord(queue, record);
    return 0;
  }
  if (info.signo >= FIRST_REALTIME && info.code != SI_USER) return -EAGAIN;
  queue.pending |= signalBit(info.signo);
  return 0;
}

/** Takes the first record of a run out; the one behind it becomes the first. */
function takeFirst(queue: SignalQueue, run: PendingSignal): void {
  const next = run.next;
  let follower = run.nextRun;
  if (next) {
    next.last = run.last;
    next.nextRun = follower;
    follower = next;
  } else {
    queue.pending &= ~signalBit(run.signo);
  }
  if (queue.runs == run) {
    queue.runs = follower;
  } else {
    let before = queue.runs;
    while (before && before.nextRun != run) before = before.nextRun;
    if (before) before.nextRun = follower;
  }
  run.next = null;
  run.nextRun = null;
  run.last = null;
}

/** The signal of a set, not empty, that comes first. */
function firstOf(set: u64): i32 {
  const urgent = set & SYNCHRONOUS;
  return <i32>ctz<u64>(urgent != 0 ? urgent : set) + 1;
}

/** Takes the next signal of `wanted` out of a queue into `info`; false when there is none. */
export function queueTake(queue: SignalQueue, wanted: u64, info: SignalInfo): bool {
  const set = queue.pending & wanted;
  if (set == 0) return false;
  const signal = firstOf(set);
  const run = runOf(queue, signal);
  if (run) {
    takeFirst(queue, run);
    run.tell(info);
    run.taken(info);
  } else {
    queue.pending &= ~signalBit(signal);
    info.set(signal, SI_USER, 0);
  }
  return true;
}

/** Forgets the pending signals of a set. */
export function queueDrop(queue: SignalQueue, bits: u64): void {
  for (let left = queue.pending & bits; left != 0; left &= left - 1) {
    const signal = <i32>ctz(left) + 1;
    let run = runOf(queue, signal);
    while (run) {
      takeFirst(queue, run);
      run.taken(null);
      run = runOf(queue, signal);
    }
    queue.pending &= ~signalBit(signal);
  }
}
