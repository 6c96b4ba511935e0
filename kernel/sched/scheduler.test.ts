import { addressOf } from "../arch/hw";
import { interruptAllocate } from "../arch/x86_64/interrupts";
import { expect, expectEqual, test } from "../lib/testing";
import { addMemory } from "../mem/page-allocator";
import { heapAlloc, heapBytesInUse } from "../runtime/heap";
import { clockStart } from "../time/clock";
import { Timer } from "../time/timer";
import { Cpu, NOBODY_RUNS, thisCpu, WORK_RESCHEDULE, WORK_SIGNAL } from "./cpu";
import { addIdlePoller, idlePoll, setOutputFlusher, setOutputWaits } from "./idle";
import { runQueueLength, runQueuePeek } from "./run-queue";
import {
  armHardwareTimer,
  bootSwitches,
  makeReady,
  preempt,
  schedule,
  schedulerInit,
  threadExit,
  timerInterrupt,
  yieldNow,
} from "./scheduler";
import { STATE_BLOCKED, STATE_READY, Thread, threadAllocate, threadBare } from "./thread";

// Here no stack is ever switched: `schedule` comes back at once, and the CPU says who would run.

const SLICE: u64 = 4_000_000;
const STACK_BYTES: usize = 64;
const NEVER: u64 = u64.MAX_VALUE;

let boot: Thread = changetype<Thread>(0);
let sleeper: Thread = changetype<Thread>(0);
let polls = 0;
let flushed = 0;

function at(now: u64): void {
  clockStart(0 - now);
}

function start(): Cpu {
  addMemory(0x100000, 0x1000000);
  at(0);
  const cpu = thisCpu();
  schedulerInit(cpu);
  boot = cpu.current;
  return cpu;
}

function blocked(name: string): Thread {
  const thread = threadBare(name);
  thread.state = STATE_BLOCKED;
  return thread;
}

class WakingTimer extends Timer {
  fire(): void {
    makeReady(sleeper);
  }
}

test("scheduler: the code that boots is a thread that runs", () => {
  const cpu = start();
  expectEqual(boot.state, STATE_READY, "it can run");
  expectEqual(cpu.sliceEnd, NEVER, "nobody waits for it to end");
  expectEqual(cpu.timerDeadline, NEVER, "no timer is set");
  schedule();
  expect(cpu.current == boot, "alone it goes on");
});

test("scheduler: who is woken is entered once, and bounds the time of who runs", () => {
  const cpu = start();
  const thread = blocked("woken");
  at(100);
  makeReady(thread);
  expectEqual(thread.state, STATE_READY, "it can run");
  expectEqual(runQueueLength(), 1, "it is in the queue");
  expectEqual(cpu.sliceEnd, 100 + SLICE, "the running thread has a slice");
  expectEqual(cpu.timerDeadline, 100 + SLICE, "and a timer ends it");
  makeReady(thread);
  expectEqual(runQueueLength(), 1, "a second wake-up changes nothing");
  at(200);
  makeReady(blocked("another"));
  expectEqual(cpu.sliceEnd, 100 + SLICE, "the slice began with the first");
  expectEqual(runQueueLength(), 2, "both are in the queue");
});

test("scheduler: a thread that goes to sleep and is woken before it has left goes on", () => {
  const cpu = start();
  boot.state = STATE_BLOCKED;
  makeReady(boot);
  expectEqual(boot.state, STATE_READY, "it can run");
  expectEqual(runQueueLength(), 0, "who is on the CPU is not in the queue");
  expectEqual(cpu.sliceEnd, NEVER, "and bounds nobody's time");
});

test("scheduler: a thread that sleeps gives the CPU to the next, with all that is the thread's", () => {
  const cpu = start();
  const next = blocked("next");
  next.work = WORK_SIGNAL;
  next.stackTop = 0xffff_8000_0001_0000;
  makeReady(next);
  at(1000);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == next, "it runs");
  expectEqual(cpu.work, WORK_SIGNAL, "its work is the CPU's");
  expectEqual(cpu.stackTop, next.stackTop, "system calls go to its stack");
  expectEqual(cpu.runningSince, 1000, "its time begins");
  expectEqual(boot.totalRuntime, 1000, "the other's has been accounted for");
  expectEqual(runQueueLength(), 0, "nobody waits");
  expectEqual(cpu.sliceEnd, NEVER, "so it may run on");
  expectEqual(boot.state, STATE_BLOCKED, "who sleeps sleeps");
});

test("scheduler: who makes way stays ready, and the next has a slice of its own", () => {
  const cpu = start();
  const next = blocked("next");
  makeReady(next);
  at(5 * SLICE);
  schedule();
  expect(cpu.current == next, "who has run less runs");
  expectEqual(runQueueLength(), 1, "the other is ready");
  expect(runQueuePeek() == boot, "it alone");
  expectEqual(cpu.sliceEnd, 6 * SLICE, "a slice from now on");
});

test("scheduler: registers of the application follow its threads", () => {
  const cpu = start();
  const first = blocked("first");
  first.fsBase = 0x1000;
  first.vectorState = 0xffff_8000_0000_1000;
  const second = blocked("second");
  second.fsBase = 0x2000;
  second.vectorState = 0xffff_8000_0000_2000;
  const kernel = blocked("kernel");
  makeReady(first);
  boot.state = STATE_BLOCKED;
  schedule();
  expectEqual(cpu.fsBase, 0x1000, "the first's FS base");
  expect(cpu.vectorOwner == first, "its vectors are in the registers");
  makeReady(kernel);
  first.state = STATE_BLOCKED;
  schedule();
  expectEqual(cpu.fsBase, 0x1000, "a thread of the kernel leaves them alone");
  expect(cpu.vectorOwner == first, "also the vectors");
  makeReady(second);
  kernel.state = STATE_BLOCKED;
  schedule();
  expectEqual(cpu.fsBase, 0x2000, "the second's FS base");
  expect(cpu.vectorOwner == second, "its vectors");
});

function wakeAtThird(): bool {
  polls++;
  if (polls == 3) makeReady(sleeper);
  return polls < 2;
}

test("scheduler: a CPU with nobody to run polls until somebody is woken", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  addIdlePoller(wakeAtThird);
  boot.state = STATE_BLOCKED;
  schedule();
  expectEqual(polls, 3, "polls, until the third wakes it");
  expect(cpu.current == sleeper, "then it runs");
});

function wakeBoth(): bool {
  makeReady(boot);
  makeReady(sleeper);
  return true;
}

test("scheduler: the time in which nobody runs is nobody's", () => {
  const cpu = start();
  at(1000);
  sleeper = boot;
  addIdlePoller(() => {
    expectEqual(thisCpu().runningSince, NOBODY_RUNS, "while the CPU looks");
    at(5000);
    makeReady(sleeper);
    return true;
  });
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == boot, "it goes on");
  expectEqual(cpu.runningSince, 5000, "from then on");
  at(5600);
  schedule();
  expectEqual(boot.totalRuntime, 1600, "what it has run before and after");
  expectEqual(cpu.runningSince, 5600, "which is counted once");
});

test("scheduler: waits and preemptions are counted", () => {
  start();
  const other = blocked("other");
  makeReady(other);
  at(SLICE);
  schedule();
  expectEqual(boot.preemptions, 1, "it has made way");
  expectEqual(boot.waits, 0, "not waited");
  expectEqual(bootSwitches(), 1, "which is told");
  other.state = STATE_BLOCKED;
  schedule();
  expectEqual(other.waits, 1, "that one waits");
  expectEqual(other.preemptions, 0, "it has not made way");
  at(2 * SLICE);
  schedule();
});

/** Wakes the sleeper, as a device would. */
function interruptAtHalt(): void {
  const vector = interruptAllocate(
    (context: usize) => {
      makeReady(changetype<Thread>(context));
    },
    changetype<usize>(sleeper),
    "test",
  );
  const cpu = thisCpu();
  store<u64>(
    changetype<usize>(cpu) + offsetof<Cpu>("pending0") + <usize>((vector >> 6) << 3),
    (<u64>1) << (<u64>vector & 63),
  );
}

function findsNothing(): bool {
  expect(++polls < 3, "the interrupt has woken somebody");
  return false;
}

test("scheduler: a CPU that finds nothing to do halts until an interrupt", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  interruptAtHalt();
  addIdlePoller(findsNothing);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "whom it wakes runs");
  expectEqual(polls, 1, "it has looked once");
});

test("scheduler: a CPU that has found something to do looks again before it halts", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  interruptAtHalt();
  addIdlePoller(() => {
    if (++polls == 2) makeReady(sleeper);
    return polls == 1;
  });
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "whom the second look has woken");
  expectEqual(polls, 2, "and no interrupt before it");
});

test("scheduler: an interrupt that has come already is handled before anything else", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  interruptAtHalt();
  cpu.interruptWork = 1;
  addIdlePoller(findsNothing);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "whom it wakes runs");
  expectEqual(polls, 0, "without a look");
});

test("scheduler: an interrupt that comes during the last look ends it", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  interruptAtHalt();
  addIdlePoller(() => {
    thisCpu().interruptWork = 1;
    return findsNothing();
  });
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "whom it wakes runs");
});

test("scheduler: a look that wakes somebody and finds no work is no halt", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  addIdlePoller(() => {
    makeReady(sleeper);
    return findsNothing();
  });
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "whom it has woken runs");
  expectEqual(cpu.interruptWork, 0, "no interrupt has been waited for");
  makeReady(boot);
  sleeper.state = STATE_BLOCKED;
  schedule();
  sleeper = boot;
  boot.state = STATE_BLOCKED;
  polls = 0;
  schedule();
  expect(cpu.current == boot, "be it the one that looks");
});

test("scheduler: each poller is asked, whatever the others have found", () => {
  addIdlePoller(() => {
    polls++;
    return true;
  });
  addIdlePoller(() => {
    polls += 10;
    return false;
  });
  expect(idlePoll(), "one has found something");
  expectEqual(polls, 11, "both were asked");
});

test("scheduler: of two that are woken together one runs and the other is ready", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  at(SLICE);
  addIdlePoller(wakeBoth);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "who has run less runs");
  expectEqual(runQueueLength(), 1, "the other waits");
  expect(runQueuePeek() == boot, "it is ready");
});

function mustNotPoll(): bool {
  expect(false, "a timer that is due comes before polling");
  return false;
}

test("scheduler: a CPU with nobody to run runs the timers that are due", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  new WakingTimer().arm(50);
  at(50);
  addIdlePoller(mustNotPoll);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.current == sleeper, "the timer has woken it");
});

test("scheduler: the timer interrupt ends a slice when it is over, and not before", () => {
  const cpu = start();
  makeReady(blocked("waits"));
  at(SLICE - 1);
  timerInterrupt();
  expectEqual(cpu.work & WORK_RESCHEDULE, 0, "a moment is left");
  expectEqual(cpu.timerDeadline, SLICE, "the timer is set again");
  at(SLICE);
  timerInterrupt();
  expectEqual(cpu.work & WORK_RESCHEDULE, WORK_RESCHEDULE, "the slice is over");
  preempt();
  expectEqual(cpu.work & WORK_RESCHEDULE, 0, "that has been heard");
  expect(cpu.current != boot, "the other runs");
});

test("scheduler: the timer interrupt runs timers", () => {
  start();
  sleeper = blocked("sleeper");
  new WakingTimer().arm(50);
  at(49);
  timerInterrupt();
  expectEqual(sleeper.state, STATE_BLOCKED, "not yet");
  at(50);
  timerInterrupt();
  expectEqual(sleeper.state, STATE_READY, "now");
});

test("scheduler: the hardware's timer is set for timers, one after another", () => {
  const cpu = start();
  sleeper = blocked("sleeper");
  new WakingTimer().arm(50);
  new WakingTimer().arm(90);
  expectEqual(cpu.timerDeadline, 50, "the first");
  at(50);
  timerInterrupt();
  expectEqual(cpu.timerDeadline, 90, "then the next");
  expectEqual(cpu.sliceEnd, 50 + SLICE, "the woken thread waits for the CPU");
  at(90);
  timerInterrupt();
  expectEqual(cpu.timerDeadline, 50 + SLICE, "then the end of the slice");
});

test("scheduler: a timer that comes before the slice's end does not end it", () => {
  const cpu = start();
  makeReady(blocked("waits"));
  new WakingTimer().arm(50);
  sleeper = blocked("sleeper");
  at(50);
  timerInterrupt();
  expectEqual(cpu.work & WORK_RESCHEDULE, 0, "it goes on");
  expectEqual(cpu.timerDeadline, SLICE, "to its end");
});

test("scheduler: the hardware's timer is set for the nearest deadline", () => {
  const cpu = start();
  armHardwareTimer(1000);
  expectEqual(cpu.timerDeadline, 1000, "the first");
  armHardwareTimer(2000);
  expectEqual(cpu.timerDeadline, 1000, "a later one waits");
  armHardwareTimer(500);
  expectEqual(cpu.timerDeadline, 500, "an earlier one counts");
});

test("scheduler: a thread yields to who has run less, and goes on when nobody is ready", () => {
  const cpu = start();
  at(SLICE);
  yieldNow();
  expect(cpu.current == boot, "nobody is ready");
  cpu.work = WORK_RESCHEDULE | WORK_SIGNAL;
  preempt();
  expect(cpu.current == boot, "nor when its slice is over");
  expectEqual(cpu.work, WORK_SIGNAL, "which has been heard, and nothing else");
  const other = blocked("other");
  makeReady(other);
  yieldNow();
  expect(cpu.current == other, "the other runs");
  expect(runQueuePeek() == boot, "the first is ready");
});

test("scheduler: output that waits for more is sent before another thread runs", () => {
  start();
  setOutputFlusher(() => {
    flushed++;
  });
  setOutputWaits(true);
  schedule();
  expectEqual(flushed, 0, "the same thread runs on, there may be more");
  makeReady(blocked("next"));
  boot.state = STATE_BLOCKED;
  schedule();
  expectEqual(flushed, 1, "it is sent");
  makeReady(boot);
  thisCpu().current.state = STATE_BLOCKED;
  schedule();
  expectEqual(flushed, 1, "nothing waits any more");
});

test("scheduler: a thread that ends is freed by the next one, its registers forgotten", () => {
  const cpu = start();
  const thread = blocked("ends");
  // Real stacks lie beyond the memory that there is here.
  thread.stackTop = addressOf(heapAlloc(STACK_BYTES) + STACK_BYTES);
  thread.vectorState = 0xffff_8000_0000_1000;
  makeReady(thread);
  boot.state = STATE_BLOCKED;
  schedule();
  expect(cpu.vectorOwner == thread, "its vectors are in the registers");
  const stackTop = thread.stackTop;
  const before = heapBytesInUse();
  makeReady(boot);
  threadExit();
  expect(cpu.current == boot, "another runs");
  expect(cpu.dead == null, "nobody is left to be freed");
  expect(cpu.vectorOwner == null, "nobody's vectors are in the registers");
  expect(heapBytesInUse() < before, "its memory is given back");
  expectEqual(threadAllocate("new")!.stackTop, stackTop, "and its stack");
});
