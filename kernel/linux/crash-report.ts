/**
 * The report of a crash on the console: signal, registers, call stack (docs/boot-protocol.md says
 * what the lines look like; the runner puts functions' names in).
 *
 * It reads the program's memory, files included, and so may sleep. Its state is static: exit.ts
 * sees to it that the process ends only once and that no other thread runs on meanwhile.
 */
import { addressOf } from "../arch/hw";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { dentryPath, PATH_MAX } from "../fs/mount";
import { placeOf } from "../fs/vfs-file";
import { put, putByte, putCString, putDecimal, putHex } from "../lib/log";
import { heapAlloc } from "../runtime/heap";
import { threadName } from "../sched/thread";
import { SIGBUS, SIGSEGV, SignalInfo, signalName } from "./signal-numbers";
import { currentTask } from "./task";
import { CallStack, FRAME_GUESS, FRAME_INTERRUPTED } from "./unwind";

/** An endless recursion has as many frames as its stack holds; the innermost tell it. */
const FRAMES_MAX = 64;

const stack: CallStack = changetype<CallStack>(memory.data(40, 8));
if (offsetof<CallStack>() > 40) ERROR("the static record has the size of a CallStack");

function putRegister(name: string, value: u64, last: bool): void {
  put(name);
  put(" ");
  putHex(value, 16);
  put(last ? "\n" : "  ");
}

/** One line of the backtrace: the address, and where it is in which file. */
function putFrame(depth: i32, path: usize): void {
  put("  #");
  putDecimal(depth);
  put(" ");
  putHex(stack.address, 16);
  const area = stack.file;
  const file = area ? area.file : null;
  const place = file ? placeOf(file) : null;
  if (place && path != 0 && dentryPath(place.dentry, path, PATH_MAX) > 0) {
    put(" in ");
    putCString(addressOf(path));
    put("+");
    putHex(stack.fileAddress);
  }
  if (stack.kind == FRAME_INTERRUPTED) put(" (interrupted)");
  if (stack.kind == FRAME_GUESS) put(" ?");
  put("\n");
}

export function reportCrash(signal: i32, frame: TrapFrame, info: SignalInfo): void {
  const task = currentTask();
  put("\nvirga: ");
  put(signalName(signal));
  put(" in thread ");
  putDecimal(task.id);
  put(" (");
  putCString(addressOf(threadName(task.thread)));
  put(")");
  if (signal == SIGSEGV || signal == SIGBUS) {
    put(", address ");
    putHex(info.address);
  }
  putByte(10);
  putRegister("rip", frame.rip, false);
  putRegister("rsp", frame.rsp, false);
  putRegister("flags", frame.rflags, true);
  putRegister("rax", frame.rax, false);
  putRegister("rbx", frame.rbx, false);
  putRegister("rcx", frame.rcx, true);
  putRegister("rdx", frame.rdx, false);
  putRegister("rsi", frame.rsi, false);
  putRegister("rdi", frame.rdi, true);
  putRegister("rbp", frame.rbp, false);
  putRegister("r8 ", frame.r8, false);
  putRegister("r9 ", frame.r9, true);
  putRegister("r10", frame.r10, false);
  putRegister("r11", frame.r11, false);
  putRegister("r12", frame.r12, true);
  putRegister("r13", frame.r13, false);
  putRegister("r14", frame.r14, false);
  putRegister("r15", frame.r15, true);
  // Memory may be what the program has run out of: then the files' names are missing.
  const path = heapAlloc(PATH_MAX);
  stack.start(frame);
  putFrame(0, path);
  for (let depth = 1; depth < FRAMES_MAX && stack.next(); depth++) putFrame(depth, path);
}
