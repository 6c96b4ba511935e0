import { store8, store64 } from "../arch/hw";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { expect, expectEqual, test } from "../lib/testing";
import { PROT_EXEC, PROT_READ, PROT_WRITE, Vma, vmaInsert } from "../mem/vma";
import { CallStack, FRAME_GUESS, FRAME_RETURN, FRAME_TRAPPED } from "./unwind";

// Code without call frame information, as that of a JIT. In Node the application's memory is
// physical memory.
const CODE: u64 = 0x20000;
const STACK: u64 = 0x30000;
const STACK_END: u64 = 0x31000;

function area(start: u64, end: u64, protection: u32): void {
  const vma = new Vma();
  memory.fill(changetype<usize>(vma), 0, offsetof<Vma>());
  vma.start = start;
  vma.end = end;
  vma.protection = protection;
  vmaInsert(vma);
}

/** A stack that begins at `rsp`, of a function at `rip`. */
function stackAt(rip: u64, rsp: u64, rbp: u64): CallStack {
  const frame = new TrapFrame();
  memory.fill(changetype<usize>(frame), 0, offsetof<TrapFrame>());
  frame.rip = rip;
  frame.rsp = rsp;
  frame.rbp = rbp;
  const stack = new CallStack();
  stack.start(frame);
  return stack;
}

function boot(): void {
  area(CODE, CODE + 0x1000, PROT_READ | PROT_EXEC);
  area(STACK, STACK_END, PROT_READ | PROT_WRITE);
}

/** Puts an instruction into the code; returns the address behind it. */
function instruction(at: u64, bytes: StaticArray<u8>): u64 {
  for (let i = 0; i < bytes.length; i++) store8(at + i, bytes[i]);
  return at + bytes.length;
}

function expectNext(stack: CallStack, address: u64, kind: u32, what: string): void {
  expect(stack.next(), what);
  expectEqual(stack.address, address, what + ": address");
  expectEqual(stack.kind, kind, what + ": kind");
}

test("call stack: frame pointers lead through return addresses", () => {
  boot();
  const first = instruction(CODE + 0x100, [0xe8, 0, 0, 0, 0]);
  const second = instruction(CODE + 0x200, [0xe8, 0, 0, 0, 0]);
  store64(STACK + 0x40, STACK + 0x80);
  store64(STACK + 0x48, first);
  store64(STACK + 0x80, 0);
  store64(STACK + 0x88, second);
  const stack = stackAt(CODE + 0x10, STACK + 0x20, STACK + 0x40);
  expectEqual(stack.kind, FRAME_TRAPPED, "the trapped function");
  expectNext(stack, first, FRAME_RETURN, "its caller");
  expectNext(stack, second, FRAME_RETURN, "the caller's");
  expect(!stack.next(), "and nothing further");
});

test("call stack: a call to nowhere has left its return address at the top", () => {
  boot();
  const back = instruction(CODE + 0x100, [0xff, 0xd0]);
  store64(STACK + 0x20, back);
  expectNext(stackAt(0, STACK + 0x20, 0), back, FRAME_GUESS, "the caller");
});

test("call stack: without anything else, what follows a call is a guess", () => {
  boot();
  const back = instruction(CODE + 0x100, [0xff, 0x15, 1, 2, 3, 4]);
  store64(STACK + 0x20, CODE + 0x80); // code, but behind no call
  store64(STACK + 0x28, STACK + 0x40);
  store64(STACK + 0x30, back);
  expectNext(stackAt(CODE + 0x10, STACK + 0x20, 1), back, FRAME_GUESS, "the caller");
});

function expectCall(bytes: StaticArray<u8>, isCall: bool, what: string): void {
  for (let at = CODE + 0x100; at < CODE + 0x120; at++) store8(at, 0x90);
  store64(STACK + 0x20, instruction(CODE + 0x110, bytes));
  expect(stackAt(0, STACK + 0x20, 0).next() == isCall, what);
}

test("call stack: every form of a call is one, and a jump is none", () => {
  boot();
  expectCall([0xe8, 1, 2, 3, 4], true, "call rel32");
  expectCall([0xff, 0xd0], true, "call *%rax");
  expectCall([0x41, 0xff, 0xd3], true, "call *%r11");
  expectCall([0xff, 0x10], true, "call *(%rax)");
  expectCall([0xff, 0x50, 8], true, "call *8(%rax)");
  expectCall([0xff, 0x14, 0xc8], true, "call *(%rax,%rcx,8)");
  expectCall([0xff, 0x54, 0x24, 8], true, "call *8(%rsp)");
  expectCall([0xff, 0x15, 1, 2, 3, 4], true, "call *disp32(%rip)");
  expectCall([0xff, 0x90, 1, 2, 3, 4], true, "call *disp32(%rax)");
  expectCall([0xff, 0x94, 0x24, 1, 2, 3, 4], true, "call *disp32(%rsp)");
  expectCall([0xff, 0x14, 0x25, 1, 2, 3, 4], true, "call *disp32");
  expectCall([0xff, 0xe0], false, "jmp *%rax");
  expectCall([0xe9, 1, 2, 3, 4], false, "jmp rel32");
  expectCall([0x90, 0x90], false, "nop");
});

test("call stack: a stack that can't be read ends", () => {
  boot();
  expect(!stackAt(CODE + 0x10, 0x7000_0000_0000, 0x7000_0000_0000).next(), "no area");
  expect(!stackAt(0, STACK_END - 8, u64.MAX_VALUE).next(), "the last word");
});
