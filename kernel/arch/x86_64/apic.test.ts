import * as hw from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { runPendingInterrupts } from "./apic";
import { interruptAllocate } from "./interrupts";
import { TrapFrame } from "./trap-frame";
import { trapEntry } from "./traps";

/** Where the fake hardware has the EOI register: the APIC is not mapped, so it begins at 0. */
const EOI: u64 = 0xb0;
const NOT_WRITTEN: u32 = 0xffffffff;
const KERNEL_STACK: u64 = 0xffffffff80005000;
const KERNEL_CODE: u64 = 0xffffffffc0100000;
const USER_STACK: u64 = 0x7ffe00000000;

const frame: TrapFrame = changetype<TrapFrame>(memory.data(176, 8));
let endedBeforeHandler = false;
let handled = 0;

function handler(context: usize): void {
  handled++;
  endedBeforeHandler = hw.load32(EOI) != NOT_WRITTEN;
}

/** The CPU takes interrupt `vector` while it has stack pointer `rsp`. */
function interrupt(vector: u32, rsp: u64): void {
  hw.store32(EOI, NOT_WRITTEN);
  memory.fill(changetype<usize>(frame), 0, offsetof<TrapFrame>());
  frame.vector = vector;
  frame.rsp = rsp;
  frame.rip = KERNEL_CODE;
  trapEntry(changetype<usize>(frame));
}

test("apic: an interrupt of the application has ended when its handler runs", () => {
  interrupt(interruptAllocate(handler, 0, "test"), USER_STACK);
  expectEqual(handled, 1, "at once");
  expect(endedBeforeHandler, "no other interrupt's end can be taken for its own");
});

test("apic: an interrupt of the kernel has ended when its mark is made", () => {
  const vector = interruptAllocate(handler, 0, "test");
  interrupt(vector, KERNEL_STACK);
  expectEqual(handled, 0, "not amid kernel code");
  expect(hw.load32(EOI) != NOT_WRITTEN, "ended");
  interrupt(vector, KERNEL_STACK);
  expect(hw.load32(EOI) != NOT_WRITTEN, "and a second one, which melts into the mark");
  hw.store32(EOI, NOT_WRITTEN);
  runPendingInterrupts();
  expectEqual(handled, 1, "once for both");
  expectEqual(hw.load32(EOI), NOT_WRITTEN, "nothing is in service that could be ended");
});
