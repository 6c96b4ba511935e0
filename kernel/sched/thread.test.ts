import { addressOf, threadEntry } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { stackFree } from "../mem/kernel-stack";
import { addMemory } from "../mem/page-allocator";
import { heapAlloc, heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { runQueueLength, runQueuePush } from "./run-queue";
import {
  PRIORITY_NORMAL,
  STATE_BLOCKED,
  Thread,
  threadAllocate,
  threadBare,
  threadFree,
  threadName,
  threadPrepare,
  threadSetName,
} from "./thread";

// Threads as objects: their names, what a new one begins with, what is given back.

const STACK_BYTES: usize = 4096;
const RESERVED: u64 = 176;
/** What switch_stacks takes off the stack before it returns (arch/x86_64/entry.S). */
const SWITCH_REGISTERS: usize = 6;

function start(): void {
  addMemory(0x100000, 0x1000000);
}

/** A thread with memory of the heap as its stack: real stacks lie beyond what there is here. */
function withStack(): Thread {
  const thread = threadBare("stacked");
  thread.stackTop = addressOf(heapAlloc(STACK_BYTES) + STACK_BYTES);
  return thread;
}

function nameOf(thread: Thread): string {
  const at = threadName(thread);
  let length: usize = 0;
  while (length < 16 && load<u8>(at + length) != 0) length++;
  return String.UTF8.decodeUnsafe(at, length);
}

test("thread: a new one is blocked, of normal priority, and nothing of another's", () => {
  start();
  // What the memory held before.
  const before = heapAlloc(2000);
  memory.fill(before, 0xff, 2000);
  heap.free(before);
  const thread = threadBare("new");
  expectEqual(thread.state, STATE_BLOCKED, "it waits to be started");
  expectEqual(thread.priority, PRIORITY_NORMAL, "priority");
  expectEqual(thread.runtime, 0, "it has run for no time");
  expectEqual(thread.totalRuntime, 0, "in all");
  expectEqual(thread.queueIndex, 0, "it is not in the run queue");
  expect(thread.waitQueue == null, "nor does it wait");
  expectEqual(thread.work, 0, "nothing is due");
  expectEqual(thread.fsBase, 0, "it is no thread of an application");
  expectEqual(thread.vectorState, 0, "with registers of its own");
  expect(nameOf(thread) == "new", "its name");
});

test("thread: a name is cut to 15 characters, and a shorter one leaves nothing of the longer", () => {
  start();
  const thread = threadBare("a-name-of-fifteen-and-more");
  expect(nameOf(thread) == "a-name-of-fifte", "cut");
  const behind = load<u8>(threadName(thread) + 16) ^ 0xa5;
  store<u8>(threadName(thread) + 16, behind);
  threadSetName(thread, "x".repeat(40));
  expect(nameOf(thread) == "x".repeat(15), "cut again");
  expectEqual(load<u8>(threadName(thread) + 15), 0, "it ends");
  expectEqual(load<u8>(threadName(thread) + 16), behind, "and what follows is not touched");
  threadSetName(thread, "y");
  expect(nameOf(thread) == "y", "short");
  for (let i: usize = 1; i < 16; i++) expectEqual(load<u8>(threadName(thread) + i), 0, "zeros");
});

test("thread: the first switch to it enters its code, below what is reserved", () => {
  start();
  const thread = withStack();
  const top = <usize>(thread.stackTop - addressOf(0));
  memory.fill(top - STACK_BYTES, 0xff, STACK_BYTES);
  threadPrepare(thread, RESERVED);
  const sp = <usize>(thread.stackPointer - addressOf(0));
  for (let i: usize = 0; i < SWITCH_REGISTERS; i++) {
    expectEqual(load<u64>(sp + i * 8), 0, "registers begin as zero");
  }
  const returned = sp + SWITCH_REGISTERS * 8;
  expectEqual(load<u64>(returned), threadEntry(), "where it returns to");
  // System V ABI, 3.2.2: on entry the stack pointer is 8 below a multiple of 16.
  expectEqual((addressOf(returned) + 8) & 15, 8, "aligned as a called function's");
  expect(returned + 8 <= top - <usize>RESERVED, "what is reserved is not touched");
  expectEqual(load<u64>(top - <usize>RESERVED), u64.MAX_VALUE, "nor written");
});

test("thread: one that can't be made for want of memory leaves nothing", () => {
  start();
  threadFree(withStack());
  expectUndone(() => {
    const thread = threadAllocate("tried");
    if (!thread) return false;
    expect(thread.stackTop != 0 && thread.io != null && thread.timer != null, "it has its parts");
    threadFree(thread);
    return true;
  });
});

test("thread: those that there are can all be ready without another allocation", () => {
  start();
  const threads: Thread[] = [];
  for (let i = 0; i < 70; i++) {
    stackFree(heapAlloc(STACK_BYTES) + STACK_BYTES);
    threads.push(threadAllocate("one of many")!);
  }
  const before = heapBytesInUse();
  for (let i = 0; i < threads.length; i++) runQueuePush(threads[i], 0);
  expectEqual(heapBytesInUse(), before, "the run queue has had room for all");
  expectEqual(runQueueLength(), threads.length, "all are in it");
});

test("thread: one that is made after another has ended needs no more of the run queue", () => {
  start();
  stackFree(heapAlloc(STACK_BYTES) + STACK_BYTES);
  threadFree(threadAllocate("first")!);
  const before = heapBytesInUse();
  for (let i = 0; i < 1000; i++) threadFree(threadAllocate("one after another")!);
  expectEqual(heapBytesInUse(), before, "memory");
});

test("thread: a thread that is freed gives back all that was made for it", () => {
  start();
  threadFree(withStack());
  const stack = heapAlloc(STACK_BYTES) + STACK_BYTES;
  const before = heapBytesInUse();
  for (let i = 0; i < 3; i++) {
    const thread = threadBare("again");
    thread.stackTop = addressOf(stack);
    expect(heapBytesInUse() > before, "it takes memory");
    threadFree(thread);
    expectEqual(heapBytesInUse(), before, "and gives it back");
  }
});
