/**
 * Traps: exceptions and interrupts, from entry.S into TypeScript and back.
 *
 * Contexts. An entry runs with interrupts off. When the application was interrupted, or the kernel
 * while it idles with its halt (interrupts are off around that, so this can't be), handlers run at
 * once, in the context of the interrupted thread, whose kernel stack is empty. When the kernel was
 * interrupted, an interrupt only leaves a mark (apic.ts, deferInterrupt). So handlers never run
 * amid other kernel code and may call whatever does not sleep.
 */

import { put, putDecimal, putHex } from "../../lib/log";
import { panicAt } from "../../lib/panic";
import { VERIFY } from "../../lib/verify";
import { endByMemory } from "../../linux/out-of-memory";
import { forceSignal } from "../../linux/signal";
import {
  BUS_ADRALN,
  BUS_ADRERR,
  FPE_FLTDIV,
  FPE_FLTINV,
  FPE_FLTOVF,
  FPE_FLTRES,
  FPE_FLTUND,
  FPE_INTDIV,
  ILL_ILLOPN,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SI_KERNEL,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
  SignalInfo,
  TRAP_TRACE,
} from "../../linux/signal-numbers";
import { USER_END } from "../../linux/user-memory";
import {
  FAULT_ACCESS,
  FAULT_BUS,
  FAULT_MEMORY,
  FAULT_RESOLVED,
  FAULT_UNMAPPED,
  handleFault,
} from "../../mem/fault";
import { isStackGuard } from "../../mem/kernel-stack";
import { PAGE_SIZE } from "../../mem/page-allocator";
import { thisCpu, WORK_RESCHEDULE, WORK_SIGNAL } from "../../sched/cpu";
import { lockFree } from "../../sched/lock-order";
import { preempt } from "../../sched/scheduler";
import { currentThread } from "../../sched/thread";
import * as hw from "../hw";
import { deferInterrupt, endInterrupt, handleInterrupt, runPendingInterrupts } from "./apic";
import { deliverSignals } from "./signal-frame";
import {
  RFLAGS_IF,
  RFLAGS_NT,
  RFLAGS_TF,
  TrapFrame,
  VECTOR_ALIGNMENT_CHECK,
  VECTOR_BREAKPOINT,
  VECTOR_DEBUG,
  VECTOR_DIVIDE_ERROR,
  VECTOR_EXTERNAL,
  VECTOR_FLOATING_POINT,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_INVALID_OPCODE,
  VECTOR_NMI,
  VECTOR_PAGE_FAULT,
  VECTOR_SIMD,
  VECTOR_STACK_FAULT,
} from "./trap-frame";
import { saveVectorState, vectorExceptions } from "./vector-state";

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

/** From entry.S, interrupts off. */
export function trapEntry(at: usize): void {
  const frame = changetype<TrapFrame>(at);
  const fromApplication = frame.fromApplication();
  if (frame.vector >= VECTOR_EXTERNAL) {
    endInterrupt(<u32>frame.vector);
    if (!fromApplication) {
      deferInterrupt(thisCpu(), <u32>frame.vector);
      if (isLeaving(frame.rip)) frame.rip = hw.syscallSlow();
      return;
    }
    hw.enableInterrupts();
    handleInterrupt(<u32>frame.vector);
  } else if (frame.vector == VECTOR_PAGE_FAULT) {
    pageFault(frame, fromApplication);
  } else {
    exception(frame, fromApplication);
  }
  if (fromApplication) returnWork(frame);
  else hw.disableInterrupts();
}

/**
 * Whether the kernel, interrupted at `rip`, is on its way back from a system call and has looked
 * for work already.
 */
function isLeaving(rip: u64): bool {
  if (rip >= USER_END) {
    return rip - hw.syscallExitStart() < hw.syscallExitEnd() - hw.syscallExitStart();
  }
  // In a page of stubs, which starts with a copy of stub_entry (linux/syscall-patch.ts).
  const start = hw.stubExitStart() - hw.stubEntry();
  const length = hw.stubExitEnd() - hw.stubExitStart();
  return (rip & (PAGE_SIZE - 1)) - start < length;
}

/** Before the way back to the application: whatever is due. Leaves interrupts off. */
function returnWork(frame: TrapFrame): void {
  const cpu = thisCpu();
  for (;;) {
    if (cpu.interruptWork != 0) runPendingInterrupts();
    const work = thisCpu().work;
    if ((work & WORK_RESCHEDULE) != 0) preempt();
    if ((work & WORK_SIGNAL) != 0) deliverSignals(frame);
    if (VERIFY) lockFree("the thread returns to the application");
    hw.disableInterrupts();
    const now = thisCpu();
    if (now.interruptWork == 0 && (now.work & (WORK_RESCHEDULE | WORK_SIGNAL)) == 0) {
      now.work = 0;
      return;
    }
    hw.enableInterrupts();
  }
}

/** From entry.S, after a system call that has left work. */
export function syscallWork(at: usize): void {
  hw.enableInterrupts();
  returnWork(changetype<TrapFrame>(at));
}

function pageFault(frame: TrapFrame, fromApplication: bool): void {
  const address = hw.readCr2();
  if ((frame.rflags & RFLAGS_IF) != 0) hw.enableInterrupts();
  const result = address < USER_END ? handleFault(address, frame.error) : FAULT_UNMAPPED;
  if (result == FAULT_RESOLVED) return;
  if (!fromApplication) {
    if (!leaveUserCopy(frame)) kernelFault(frame, address);
    return;
  }
  if (result == FAULT_MEMORY) endByMemory();
  else if (result == FAULT_BUS) raise(SIGBUS, BUS_ADRERR, address);
  else raise(SIGSEGV, result == FAULT_ACCESS ? SEGV_ACCERR : SEGV_MAPERR, address);
}

/**
 * Takes a copy from or to the application's memory out of what it can't do, when that is what
 * faulted, with whatever exception: first to the copying of single bytes, and from there to its
 * end, where the caller learns how much was left.
 */
function leaveUserCopy(frame: TrapFrame): bool {
  const start = hw.userAccessStart();
  const end = hw.userAccessEnd();
  if (frame.rip - start >= end - start) return false;
  const bytes = hw.userAccessFixup();
  frame.rip = frame.rip < bytes ? bytes : end;
  return true;
}

function raise(signal: i32, code: i32, address: u64): void {
  info.set(signal, code, address);
  forceSignal(info);
}

/** A fault of the kernel's own. */
function kernelFault(frame: TrapFrame, address: u64): void {
  put("\nvirga: page fault in the kernel at ");
  putHex(address, 16);
  if (offsetFromNull(address) < PAGE_SIZE) {
    put(", null + ");
    putDecimal(offsetFromNull(address));
  }
  put(", rip ");
  putHex(frame.rip, 16);
  put("\n");
  panicAt("traps", faultReason(address), recordOf(frame));
}

/** What the address of a fault of the kernel's own says about the cause. */
export function faultReason(address: u64): string {
  if (isStackGuard(address)) return "kernel stack overflow";
  return offsetFromNull(address) < PAGE_SIZE ? "null dereference" : "page fault in the kernel";
}

/** Of a field, when the object is null: the first page of linear memory is not mapped. */
function offsetFromNull(address: u64): u64 {
  return address - hw.addressOf(0);
}

/** A frame record for the backtrace: entry.S has left one below the frame. */
function recordOf(frame: TrapFrame): u64 {
  return hw.addressOf(changetype<usize>(frame)) - 16;
}

/** Any exception but a page fault. */
function exception(frame: TrapFrame, fromApplication: bool): void {
  const vector = frame.vector;
  if (vector == VECTOR_NMI) return;
  if (!fromApplication) {
    // A non-canonical address is #GP, or #SS where the access is relative to the stack.
    const isAddress = vector == VECTOR_GENERAL_PROTECTION || vector == VECTOR_STACK_FAULT;
    if (isAddress && leaveUserCopy(frame)) return;
    if (clearForeignFlag(frame)) return;
    put("\nvirga: exception ");
    putDecimal(vector);
    put(", error ");
    putHex(frame.error);
    put(", rip ");
    putHex(frame.rip, 16);
    put("\n");
    panicAt("traps", "exception in the kernel", recordOf(frame));
  }
  hw.enableInterrupts();
  if (vector == VECTOR_DIVIDE_ERROR) raise(SIGFPE, FPE_INTDIV, frame.rip);
  else if (vector == VECTOR_DEBUG) raise(SIGTRAP, TRAP_TRACE, frame.rip);
  else if (vector == VECTOR_BREAKPOINT) raise(SIGTRAP, SI_KERNEL, 0);
  else if (vector == VECTOR_INVALID_OPCODE) raise(SIGILL, ILL_ILLOPN, frame.rip);
  else if (vector == VECTOR_FLOATING_POINT || vector == VECTOR_SIMD)
    raise(SIGFPE, floatingPointCode(vector == VECTOR_FLOATING_POINT), frame.rip);
  else if (vector == VECTOR_ALIGNMENT_CHECK) raise(SIGBUS, BUS_ADRALN, frame.rip);
  else raise(vector == VECTOR_STACK_FAULT ? SIGBUS : SIGSEGV, SI_KERNEL, 0);
}

/**
 * A stub jumps into the kernel with the flags that the program has set. Two of them don't go with
 * it: TF, single stepping, which ends here, and NT, with which `iretq` is an exception. True when
 * the flag was what happened, and is gone.
 */
function clearForeignFlag(frame: TrapFrame): bool {
  const flag = frame.vector == VECTOR_DEBUG ? RFLAGS_TF : RFLAGS_NT;
  if (frame.vector != VECTOR_DEBUG && frame.vector != VECTOR_GENERAL_PROTECTION) return false;
  if ((frame.rflags & flag) == 0) return false;
  frame.rflags &= ~flag;
  return true;
}

/** si_code of an exception of the x87 unit or of SSE. */
function floatingPointCode(isX87: bool): i32 {
  const area = currentThread().vectorState;
  saveVectorState(area);
  const exceptions = vectorExceptions(area, isX87);
  // Invalid, denormal, division by zero, overflow, underflow, inexact.
  if ((exceptions & 1) != 0) return FPE_FLTINV;
  if ((exceptions & 4) != 0) return FPE_FLTDIV;
  if ((exceptions & 8) != 0) return FPE_FLTOVF;
  if ((exceptions & 18) != 0) return FPE_FLTUND;
  return FPE_FLTRES;
}
