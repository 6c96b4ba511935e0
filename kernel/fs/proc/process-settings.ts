/**
 * What a process says about itself and may change by writing: its threads' names, what a core file
 * would hold, how late its timers may be; and its personality(2), its audit session, its maps of
 * users (proc(5)).
 */
import { EINVAL } from "../../lib/errno";
import { TextBuffer } from "../../lib/text-buffer";
import { processInfo } from "../process-info";
import { NOT_A_NUMBER, takenNumber } from "./taken";

/** proc_pid_coredump_filter(5): the bits that there are, and those that are set at first. */
const COREDUMP_BITS: i64 = 0x1ff;
const COREDUMP_DEFAULT: u32 = 0x33;

/** Told, without effect: no core files are written. */
let coredumpFilter: u32 = COREDUMP_DEFAULT;

function idOf(thread: u32): u32 {
  return thread != 0 ? thread : processInfo().pid();
}

export function procComm(out: TextBuffer, thread: u32): void {
  processInfo().threadName(idOf(thread), out);
  out.put("\n");
}

/** A longer name is cut. As on Linux the end of a line is a part of it. */
export function takeComm(bytes: usize, length: u32, thread: u32): i32 {
  let n: u32 = 0;
  while (n < length && load<u8>(bytes + <usize>n) != 0) n++;
  processInfo().setThreadName(idOf(thread), bytes, n);
  return 0;
}

export function procCoredumpFilter(out: TextBuffer, subject: u32): void {
  out.hex(coredumpFilter, 8).put("\n");
}

/** Bits that there are not are ignored, as on Linux. */
export function takeCoredumpFilter(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value == NOT_A_NUMBER || value < 0 || value > <i64>u32.MAX_VALUE) return -EINVAL;
  coredumpFilter = <u32>(value & COREDUMP_BITS);
  return 0;
}

export function procTimerSlack(out: TextBuffer, subject: u32): void {
  out.decimal(processInfo().timerSlackNs()).put("\n");
}

/** 0 stands for the default. */
export function takeTimerSlack(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value == NOT_A_NUMBER || value < 0) return -EINVAL;
  processInfo().setTimerSlackNs(value);
  return 0;
}

export function procPersonality(out: TextBuffer, subject: u32): void {
  out.hex(processInfo().personality(), 8).put("\n");
}

/** What a sleeping thread waits for in the kernel has no name here: "0", as Linux has it then. */
export function procWaitChannel(out: TextBuffer, subject: u32): void {
  out.put("0");
}

/** Nobody has logged in: -1. */
export function procLoginUid(out: TextBuffer, subject: u32): void {
  out.decimal(u32.MAX_VALUE);
}

/** Users are those of the one namespace there is. */
export function procIdMap(out: TextBuffer, subject: u32): void {
  out.put("         0          0 4294967295\n");
}

export function procSetgroups(out: TextBuffer, subject: u32): void {
  out.put("allow\n");
}
