/**
 * Ends: of a thread, of the process by itself, of the process by a signal. The process is all there
 * is, so with it the machine powers off, after a report where there is something to report.
 */
import { addressOf, load64 } from "../arch/hw";
import { powerOff } from "../arch/x86_64/power";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { eventExit, eventSignal } from "../lib/events";
import { put, putByte, putCString, putDecimal, putHex } from "../lib/log";
import { Vma, vmaFind } from "../mem/vma";
import { threadExit } from "../sched/scheduler";
import { threadName } from "../sched/thread";
import { futexWakeAddress, robustListExit } from "./futex";
import {
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGQUIT,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SignalInfo,
  signalName,
} from "./signal-numbers";
import { currentTask, process, taskRemove } from "./task";
import { threadCpuNs } from "./time-calls";
import { loadUser, storeUser32, userRange } from "./user-memory";

const FRAMES_MAX = 24;

/** Ends the running thread; the last one ends the process. Does not return. */
export function exitThread(code: i32): void {
  const task = currentTask();
  if (process.taskCount == 1) exitProcess(code);
  robustListExit(task);
  if (task.clearChildTid != 0) {
    storeUser32(task.clearChildTid, 0);
    futexWakeAddress(task.clearChildTid, 1);
  }
  process.endedRuntime += threadCpuNs(task.thread);
  taskRemove(task);
  threadExit();
}

/** exit_group(2): ends the process and with it the machine. Does not return. */
export function exitProcess(code: i32): void {
  eventExit(code & 0xff);
  powerOff();
}

/** Whether the default of a signal leaves a core: then the report says where it happened. */
function hasReport(signal: i32): bool {
  return (
    signal == SIGSEGV ||
    signal == SIGBUS ||
    signal == SIGFPE ||
    signal == SIGILL ||
    signal == SIGABRT ||
    signal == SIGTRAP ||
    signal == SIGSYS ||
    signal == SIGQUIT
  );
}

/** Ends the process as the default action of a signal does. */
export function endBySignal(signal: i32, frame: TrapFrame, info: SignalInfo): void {
  if (hasReport(signal)) reportCrash(signal, frame, info);
  eventSignal(signal, signalName(signal));
  powerOff();
}

function putRegister(name: string, value: u64, last: bool): void {
  put(name);
  put(" ");
  putHex(value, 16);
  put(last ? "\n" : "  ");
}

/** One line of the backtrace: the address, and where it lies in which mapping. */
function putFrame(depth: i32, address: u64): void {
  put("  #");
  putDecimal(depth);
  put(" ");
  putHex(address, 16);
  const area = vmaFind(address);
  if (area) putPlace(area, address);
  put("\n");
}

function putPlace(area: Vma, address: u64): void {
  put("  in mapping ");
  putHex(area.start);
  put(" + ");
  putHex(address - area.start + (area.pageOffset << 12));
}

function reportCrash(signal: i32, frame: TrapFrame, info: SignalInfo): void {
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
  putFrame(0, frame.rip);
  let base = frame.rbp;
  const pair = memory.data(16, 8);
  for (let depth = 1; depth < FRAMES_MAX; depth++) {
    if (!userRange(base, 16) || (base & 7) != 0 || loadUser(pair, base, 16) != 0) break;
    const next = load64(addressOf(pair));
    const address = load64(addressOf(pair) + 8);
    if (address == 0 || vmaFind(address) == null) break;
    putFrame(depth, address);
    if (next <= base) break;
    base = next;
  }
}
