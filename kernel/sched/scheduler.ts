/**
 * Who runs: ready threads by fairness (sched/run-queue.ts), switches, preemption, and what a CPU
 * does when nobody can.
 *
 *     schedulerInit()             makes the code that boots a thread
 *     makeReady(thread)           a blocked thread can run again
 *     schedule()                  the current thread sleeps, or makes way: returns when it runs again
 *     yieldNow() / preempt()      stay ready, let others run
 *     threadExit()                does not return
 *
 * There is no idle thread: a thread that sleeps looks for the next one itself, polls the network,
 * runs timers and halts the CPU on its own stack, and when it is itself the next one, nothing has
 * been switched at all.
 *
 * All of it runs in thread context, and handlers of interrupts too (arch/x86_64/traps.ts), so
 * nothing here needs interrupts off but the last look before the halt.
 */
import * as hw from "../arch/hw";
import { runPendingInterrupts, setHardwareTimer } from "../arch/x86_64/apic";
import { loadVectorState, saveVectorState } from "../arch/x86_64/vector-state";
import { VERIFY } from "../lib/verify";
import { monotonicNs } from "../time/clock";
import {
  setTimerHardware,
  timerHardwareFired,
  timersNextDeadline,
  timersRun,
} from "../time/timer-queue";
import { Cpu, NOBODY_RUNS, thisCpu, WORK_RESCHEDULE } from "./cpu";
import { flushOutput, idlePoll, outputWaits } from "./idle";
import { lockFree } from "./lock-order";
import { accountRun, runQueueLength, runQueuePeek, runQueuePop, runQueuePush } from "./run-queue";
import {
  currentThread,
  STATE_BLOCKED,
  STATE_DEAD,
  STATE_READY,
  Thread,
  threadBare,
  threadFree,
} from "./thread";

/** A thread that others wait for runs this long at most: 4 ms. */
const SLICE_NS: u64 = 4_000_000;
const NO_TIMER: u64 = u64.MAX_VALUE;

/** The first thread: the code that boots, which then stays for the kernel. */
let bootThread: Thread | null = null;

/** How often it has given up the CPU. */
export function bootSwitches(): u64 {
  const thread = bootThread;
  return thread ? thread.waits + thread.preemptions : 0;
}

/** Turns the code that boots, on the boot stack, into the first thread. */
export function schedulerInit(cpu: Cpu): void {
  const thread = threadBare("boot");
  bootThread = thread;
  thread.state = STATE_READY;
  cpu.current = thread;
  cpu.stackTop = 0;
  cpu.timerDeadline = NO_TIMER;
  cpu.sliceEnd = NO_TIMER;
  cpu.runningSince = monotonicNs();
  setTimerHardware(armHardwareTimer);
}

/** Lets a thread run again. Harmless when it is ready already. */
export function makeReady(thread: Thread): void {
  if (thread.state != STATE_BLOCKED) return;
  thread.state = STATE_READY;
  const cpu = thisCpu();
  // A thread that sleeps but has not left the CPU (it polls in `pickNext`) is found there.
  if (thread == cpu.current) return;
  const now = monotonicNs();
  runQueuePush(thread, now);
  if (cpu.sliceEnd == NO_TIMER) {
    cpu.sliceEnd = now + SLICE_NS;
    armHardwareTimer(cpu.sliceEnd);
  }
}

/** Makes sure that the timer interrupt comes no later than `deadline`. */
export function armHardwareTimer(deadline: u64): void {
  const cpu = thisCpu();
  if (deadline >= cpu.timerDeadline) return;
  cpu.timerDeadline = deadline;
  setHardwareTimer(deadline);
}

/** The timer interrupt has come (thread context). Too early is possible: what is not due stays. */
export function timerInterrupt(): void {
  const cpu = thisCpu();
  cpu.timerDeadline = NO_TIMER;
  timerHardwareFired();
  const now = monotonicNs();
  timersRun(now);
  if (now >= cpu.sliceEnd) cpu.work |= WORK_RESCHEDULE;
  else armHardwareTimer(cpu.sliceEnd);
}

/** Halts until an interrupt, unless one has come already; then its handlers run. */
function halt(cpu: Cpu): void {
  hw.disableInterrupts();
  if (cpu.interruptWork == 0) hw.waitForInterrupt();
  hw.enableInterrupts();
  runPendingInterrupts();
}

/**
 * Whether there is still nothing to run: what has found nothing else to do may have woken somebody.
 */
function isIdle(current: Thread): bool {
  return current.state != STATE_READY && runQueueLength() == 0;
}

/** The thread to run next; the current one when it is ready and first, or woken while it looked. */
function pickNext(cpu: Cpu, current: Thread): Thread {
  let next = runQueuePop();
  if (next) return next;
  cpu.runningSince = NOBODY_RUNS;
  while (!next && current.state != STATE_READY) {
    if (cpu.interruptWork != 0) runPendingInterrupts();
    else if (timersNextDeadline() <= monotonicNs()) timersRun(monotonicNs());
    else if (!idlePoll() && isIdle(current)) halt(cpu);
    next = runQueuePop();
    // Woken together with another: `makeReady` left the current thread to us.
    if (next && current.state == STATE_READY) runQueuePush(current, monotonicNs());
  }
  cpu.runningSince = monotonicNs();
  return next ? next : current;
}

/** What a thread does first when it has got the CPU: the thread before it may have ended. */
export function afterSwitch(): void {
  const cpu = thisCpu();
  const dead = cpu.dead;
  if (dead) {
    cpu.dead = null;
    threadFree(dead);
  }
}

function switchTo(cpu: Cpu, current: Thread, next: Thread): void {
  cpu.current = next;
  cpu.stackTop = next.stackTop;
  cpu.work = next.work;
  if (next.vectorState != 0) {
    const owner = cpu.vectorOwner;
    if (owner != next) {
      if (owner) saveVectorState(owner.vectorState);
      loadVectorState(next.vectorState);
      cpu.vectorOwner = next;
    }
    if (cpu.fsBase != next.fsBase) {
      cpu.fsBase = next.fsBase;
      hw.writeFsBase(next.fsBase);
    }
  }
  hw.switchStacks(changetype<usize>(current) + offsetof<Thread>("stackPointer"), next.stackPointer);
  afterSwitch();
}

/** Gives the CPU to the next thread. The caller has set the current one's state. */
export function schedule(): void {
  const cpu = thisCpu();
  const current = currentThread();
  let now = monotonicNs();
  accountRun(current, now - cpu.runningSince, now);
  cpu.runningSince = now;
  if (current.state == STATE_READY) {
    current.preemptions++;
    runQueuePush(current, now);
  } else {
    current.waits++;
  }
  const next = pickNext(cpu, current);
  now = cpu.runningSince;
  cpu.sliceEnd = NO_TIMER;
  if (runQueueLength() > 0) {
    cpu.sliceEnd = now + SLICE_NS;
    armHardwareTimer(cpu.sliceEnd);
  }
  if (next != current) {
    if (outputWaits()) flushOutput();
    switchTo(cpu, current, next);
  }
}

/** Lets others run that have run less. */
export function yieldNow(): void {
  if (runQueuePeek() == null) return;
  schedule();
}

/** The current thread's slice is over. */
export function preempt(): void {
  thisCpu().work &= ~WORK_RESCHEDULE;
  if (runQueuePeek() != null) schedule();
}

/**
 * From assembly: the first code of a thread. Those of the application enter it from here
 * (linux/thread-calls.ts).
 */
export function threadEntry(): void {
  afterSwitch();
  call_indirect<void>(currentThread().entry);
  threadExit();
}

/** Starts a thread that was set up by `threadPrepare`. */
export function threadStart(thread: Thread): void {
  makeReady(thread);
}

/** Ends the current thread. */
export function threadExit(): void {
  if (VERIFY) lockFree("the thread ends");
  const cpu = thisCpu();
  const thread = currentThread();
  thread.state = STATE_DEAD;
  if (cpu.vectorOwner == thread) cpu.vectorOwner = null;
  cpu.dead = thread;
  schedule();
}
