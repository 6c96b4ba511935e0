/**
 * Delivering signals: the frame that a handler runs on, and the return from it. The layout is
 * Linux's rt_sigframe (arch/x86/include/asm/sigframe.h, asm/sigcontext.h), because unwinders,
 * debuggers and JVMs read it:
 *
 *     restorer | ucontext: flags link stack mcontext mask | siginfo | … | vector state, 64-byte aligned
 *
 * It lies below the interrupted stack pointer and the red zone, or on the alternate stack.
 */

import { EINTR, EINTR_ALWAYS } from "../../lib/errno";
import { endBySignal, waitForEnd } from "../../linux/exit";
import { ERESTARTNOINTR, isRestartable } from "../../linux/restart";
import { forceSignal, ignoredByDefault, nextSignal, signalMaskSwap } from "../../linux/signal";
import {
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SEGV_MAPERR,
  SI_KERNEL,
  SIG_DFL,
  SIG_IGN,
  SIGINFO_SIZE,
  SIGSEGV,
  SignalAction,
  SignalInfo,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
  signalBit,
} from "../../linux/signal-numbers";
import { currentTask, onAlternateStack, process, signalAction, Task } from "../../linux/task";
import { copyFromUser, copyToUser, loadUser, storeUser, USER_END } from "../../linux/user-memory";
import { currentThread, SCRATCH_SIZE, threadScratch } from "../../sched/thread";
import * as hw from "../hw";
import { KERNEL_CS, KERNEL_SS } from "./descriptors";
import { RFLAGS_DF, RFLAGS_IF, RFLAGS_TF, TrapFrame, VECTOR_SYSCALL } from "./trap-frame";
import {
  loadVectorState,
  saveVectorState,
  vectorStateArea,
  vectorStateFree,
  vectorStateReset,
  vectorStateSanitize,
  vectorStateSize,
} from "./vector-state";

const RED_ZONE: u64 = 128;
/** Length of `syscall`, and of the `mov` that its entry begins with (entry.S). */
const SYSCALL_SIZE: u64 = 2;
const MOV_SIZE: u64 = 3;
const UC_FP_XSTATE: u64 = 1;
const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;
/** Flags that sigreturn takes from the application's frame: the arithmetic ones, and AC, RF, ID. */
const RFLAGS_USER: u64 = 0x250dd5;
// struct _fpx_sw_bytes at offset 464 of the FXSAVE area.
const FP_SOFTWARE_BYTES: u64 = 464;
const FP_XSTATE_MAGIC1: u32 = 0x46505853;
const FP_XSTATE_MAGIC2: u32 = 0x46505845;

@unmanaged
class SignalFrame {
  restorer: u64;
  ucFlags: u64;
  ucLink: u64;
  stackBase: u64;
  stackFlags: u64;
  stackSize: u64;
  r8: u64;
  r9: u64;
  r10: u64;
  r11: u64;
  r12: u64;
  r13: u64;
  r14: u64;
  r15: u64;
  rdi: u64;
  rsi: u64;
  rbp: u64;
  rbx: u64;
  rdx: u64;
  rax: u64;
  rcx: u64;
  rsp: u64;
  rip: u64;
  rflags: u64;
  cs: u16;
  gs: u16;
  fs: u16;
  ss: u16;
  error: u64;
  trap: u64;
  oldMask: u64;
  cr2: u64;
  vectorState: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
  reserved6: u64;
  reserved7: u64;
  mask: u64;
}
if (offsetof<SignalFrame>() != 312) ERROR("restorer and ucontext are 312 bytes, siginfo follows");

const zeros: usize = memory.data(128, 8);

// The frame, the signal's information and its action on their way to or from the application: of
// the thread, since the copy may sleep and another thread set another action.
const ACTION_AT: usize = offsetof<SignalFrame>() + offsetof<SignalInfo>();
if (ACTION_AT + offsetof<SignalAction>() > SCRATCH_SIZE) ERROR("they fit");

function frameRecord(): SignalFrame {
  return changetype<SignalFrame>(threadScratch());
}

function infoRecord(): SignalInfo {
  return changetype<SignalInfo>(threadScratch() + offsetof<SignalFrame>());
}

function actionRecord(): SignalAction {
  return changetype<SignalAction>(threadScratch() + ACTION_AT);
}

/** Delivers what is pending: builds the frame of a handler, or ends the process. */
export function deliverSignals(frame: TrapFrame): void {
  if (process.isEnding) waitForEnd();
  leaveEntry(frame);
  if (frame.vector == VECTOR_SYSCALL && <i64>frame.rax == -ERESTARTNOINTR) restart(frame);
  const isFinal = frame.vector == VECTOR_SYSCALL && <i64>frame.rax == -EINTR_ALWAYS;
  if (isFinal) frame.rax = -EINTR;
  const info = infoRecord();
  while (nextSignal(info)) {
    const action = actionRecord();
    const entry = changetype<usize>(signalAction(info.signo));
    memory.copy(changetype<usize>(action), entry, offsetof<SignalAction>());
    if (action.handler == SIG_IGN) continue;
    if (action.handler == SIG_DFL) {
      if (ignoredByDefault(info.signo)) continue;
      endBySignal(info.signo, frame, info);
      return;
    }
    if (!isFinal) restartCall(frame, action);
    if (pushFrame(frame, action)) {
      checkReturn(frame, info);
      continue;
    }
    if (info.signo == SIGSEGV) {
      endBySignal(SIGSEGV, frame, info);
      return;
    }
    // Its handler may have a stack that works.
    info.set(SIGSEGV, SI_KERNEL, 0);
    forceSignal(info);
  }
}

/**
 * An interrupt may find the application at an edge of the kernel: about to leave its stack for a
 * `syscall` (the first two instructions), or about to jump back behind it. Such a frame is moved to
 * the application's own code, which is where handlers, unwinders and sigreturn expect it: to the
 * `syscall`, of which nothing has been done yet, or behind it.
 */
function leaveEntry(frame: TrapFrame): void {
  if (frame.rip < USER_END) return;
  if (frame.rip == hw.syscallExitEnd()) frame.rip = frame.rcx;
  else if (frame.rip - hw.syscallFromInstruction() <= MOV_SIZE)
    frame.rip = frame.rcx - SYSCALL_SIZE;
}

/**
 * The program chooses where a handler begins and where sigreturn goes. What it may not have is a
 * SIGSEGV, as it would be on Linux: a stack pointer in the upper half would pass for the kernel's
 * (entry.S), and `iretq` faults in the kernel if the address is not canonical.
 */
function checkReturn(frame: TrapFrame, info: SignalInfo): void {
  if (frame.rip < USER_END && frame.rsp <= USER_END) return;
  info.set(SIGSEGV, SI_KERNEL, 0);
  forceSignal(info);
}

/**
 * A call that the signal has interrupted goes on afterwards, where the handler and the call want
 * it.
 */
function restartCall(frame: TrapFrame, action: SignalAction): void {
  if (frame.vector != VECTOR_SYSCALL || <i64>frame.rax != -EINTR) return;
  if ((action.flags & SA_RESTART) != 0 && isRestartable(frame.error, frame.r10)) restart(frame);
}

/** Makes the frame's call again. */
function restart(frame: TrapFrame): void {
  frame.rax = frame.error;
  // Back to the `syscall` instruction, which a patched site still has in front of its return
  // address.
  frame.rip -= SYSCALL_SIZE;
}

function saveRegisters(s: SignalFrame, frame: TrapFrame, task: Task): void {
  s.ucFlags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
  s.ucLink = 0;
  s.stackBase = task.stackBase;
  s.stackFlags = task.stackFlags;
  s.stackSize = task.stackSize;
  s.r8 = frame.r8;
  s.r9 = frame.r9;
  s.r10 = frame.r10;
  s.r11 = frame.r11;
  s.r12 = frame.r12;
  s.r13 = frame.r13;
  s.r14 = frame.r14;
  s.r15 = frame.r15;
  s.rdi = frame.rdi;
  s.rsi = frame.rsi;
  s.rbp = frame.rbp;
  s.rbx = frame.rbx;
  s.rdx = frame.rdx;
  s.rax = frame.rax;
  s.rcx = frame.rcx;
  s.rsp = frame.rsp;
  s.rip = frame.rip;
  s.rflags = frame.rflags;
  s.cs = <u16>KERNEL_CS;
  s.ss = <u16>KERNEL_SS;
  s.error = frame.error;
  s.trap = frame.vector == VECTOR_SYSCALL ? 0 : frame.vector;
  s.cr2 = infoRecord().address;
  s.oldMask = task.hasSavedMask ? task.savedMask : task.mask;
  s.mask = s.oldMask;
}

/** Writes the vector state, with the marks by which its size is found, at `to`. */
function pushVectorState(to: u64): i32 {
  const area = currentThread().vectorState;
  const size = vectorStateSize();
  saveVectorState(area);
  hw.store32(area + FP_SOFTWARE_BYTES, FP_XSTATE_MAGIC1);
  hw.store32(area + FP_SOFTWARE_BYTES + 4, size + 4);
  hw.store64(area + FP_SOFTWARE_BYTES + 8, hw.load64(area + 512));
  hw.store32(area + FP_SOFTWARE_BYTES + 16, size);
  hw.store32(area + size, FP_XSTATE_MAGIC2);
  return copyToUser(to, area, <u64>size + 4);
}

function pushFrame(frame: TrapFrame, action: SignalAction): bool {
  const task = currentTask();
  const info = infoRecord();
  const saved = frameRecord();
  let sp = frame.rsp - RED_ZONE;
  let isOnStack = onAlternateStack(task, frame.rsp);
  if (!isOnStack && (action.flags & SA_ONSTACK) != 0 && task.stackSize != 0) {
    sp = task.stackBase + task.stackSize;
    isOnStack = true;
  }
  const state = (sp - vectorStateSize() - 4) & ~63;
  const at = ((state - offsetof<SignalFrame>() - SIGINFO_SIZE) & ~15) - 8;
  // What lies below an alternate stack is not to be written over.
  if (isOnStack && at - task.stackBase >= task.stackSize) return false;
  if (pushVectorState(state) != 0) return false;
  saveRegisters(saved, frame, task);
  saved.vectorState = state;
  saved.restorer = action.restorer;
  if (storeUser(at, changetype<usize>(saved), offsetof<SignalFrame>()) != 0) return false;
  const infoAt = at + offsetof<SignalFrame>();
  if (storeUser(infoAt, zeros, SIGINFO_SIZE) != 0) return false;
  if (storeUser(infoAt, changetype<usize>(info), offsetof<SignalInfo>()) != 0) return false;
  if ((task.stackFlags & SS_AUTODISARM) != 0) {
    task.stackBase = 0;
    task.stackSize = 0;
    task.stackFlags = SS_DISABLE;
  }
  vectorStateReset();
  frame.rdi = info.signo;
  frame.rsi = infoAt;
  frame.rdx = at + 8;
  frame.rax = 0;
  frame.rsp = at;
  frame.rip = action.handler;
  frame.rflags = (frame.rflags | RFLAGS_IF) & ~(RFLAGS_DF | RFLAGS_TF);
  frame.vector = 0;
  let mask = task.mask | action.mask;
  if ((action.flags & SA_NODEFER) == 0) mask |= signalBit(info.signo);
  if ((action.flags & SA_RESETHAND) != 0) signalAction(info.signo).handler = SIG_DFL;
  task.hasSavedMask = false;
  signalMaskSwap(mask);
  return true;
}

function restoreRegisters(s: SignalFrame, frame: TrapFrame): void {
  frame.r8 = s.r8;
  frame.r9 = s.r9;
  frame.r10 = s.r10;
  frame.r11 = s.r11;
  frame.r12 = s.r12;
  frame.r13 = s.r13;
  frame.r14 = s.r14;
  frame.r15 = s.r15;
  frame.rdi = s.rdi;
  frame.rsi = s.rsi;
  frame.rbp = s.rbp;
  frame.rbx = s.rbx;
  frame.rdx = s.rdx;
  frame.rax = s.rax;
  frame.rcx = s.rcx;
  frame.rsp = s.rsp;
  frame.rip = s.rip;
  frame.rflags = (s.rflags & RFLAGS_USER) | RFLAGS_IF;
  frame.vector = 0;
}

/**
 * The registers that a handler's frame has of the code it interrupted; the stack pointer is as in
 * `signalReturn`. For the crash report. False when the frame can't be read.
 */
export function interruptedRegisters(sp: u64, frame: TrapFrame): bool {
  const saved = frameRecord();
  if (loadUser(changetype<usize>(saved), sp - 8, offsetof<SignalFrame>()) != 0) return false;
  restoreRegisters(saved, frame);
  return true;
}

/**
 * rt_sigreturn(2): continues where the handler's frame says. The stack pointer is behind the
 * restorer's address.
 */
export function signalReturn(frame: TrapFrame): void {
  const s = frameRecord();
  const info = infoRecord();
  const task = currentTask();
  if (loadUser(changetype<usize>(s), frame.rsp - 8, offsetof<SignalFrame>()) != 0) {
    info.set(SIGSEGV, SEGV_MAPERR, frame.rsp);
    forceSignal(info);
    return;
  }
  restoreRegisters(s, frame);
  if (!onAlternateStack(task, s.rsp) && s.stackSize != 0) {
    task.stackBase = s.stackBase;
    task.stackSize = s.stackSize;
    task.stackFlags = <u32>s.stackFlags & ~SS_ONSTACK;
  }
  const isRestored = s.vectorState == 0 || restoreVectorState(s.vectorState);
  signalMaskSwap(s.mask);
  if (!isRestored) {
    info.set(SIGSEGV, SEGV_MAPERR, s.vectorState);
    forceSignal(info);
  } else {
    checkReturn(frame, info);
  }
}

/**
 * Loads the vector state that the application has at `from`. It is copied to a new area, which then
 * becomes the thread's: the copy may sleep, and until then the old one has to hold what is in the
 * registers. False when it can't be read, or memory is out; then nothing has changed.
 */
function restoreVectorState(from: u64): bool {
  const area = vectorStateArea();
  if (area == 0) return false;
  if (copyFromUser(area, from, vectorStateSize()) != 0) {
    vectorStateFree(area);
    return false;
  }
  vectorStateSanitize(area);
  loadVectorState(area);
  const thread = currentThread();
  vectorStateFree(thread.vectorState);
  thread.vectorState = area;
  return true;
}
