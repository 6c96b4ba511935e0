/**
 * The texts of /proc/self and of its threads (proc(5)). Formats are Linux's, fields that mean
 * nothing here are 0.
 */
import { TextBuffer } from "../lib/text-buffer";
import { faultCount } from "../mem/fault";
import { mountIdOf, mountList } from "./mount";
import { putMemoryLines } from "./proc/process-memory";
import { putPath } from "./proc-fd";
import {
  processInfo,
  SIGNALS_BLOCKED,
  SIGNALS_CAUGHT,
  SIGNALS_IGNORED,
  SIGNALS_PENDING,
  SIGNALS_PENDING_SHARED,
} from "./process-info";
import { creationMask } from "./vfs";

const NS_PER_TICK: u64 = 10_000_000;
const SPACE: u32 = 32;
/** The signals up to 31: the others have no room in /proc/self/stat. */
const OLD_SIGNALS: u64 = 0x7fffffff;
/** include/uapi/asm-generic/resource.h */
const RLIMIT_SIGPENDING: u32 = 11;

export function procCommandLine(out: TextBuffer, subject: u32): void {
  processInfo().commandLine(out);
}

export function procEnvironment(out: TextBuffer, subject: u32): void {
  processInfo().environment(out);
}

export function procAuxiliaryVector(out: TextBuffer, subject: u32): void {
  processInfo().auxiliaryVector(out);
}

function idOf(thread: u32): u32 {
  return thread != 0 ? thread : processInfo().pid();
}

function oldSignals(out: TextBuffer, id: u32, which: u32): void {
  out.byte(SPACE).decimal(processInfo().signalSet(id, which) & OLD_SIGNALS);
}

/** 52 fields on one line. */
export function procStat(out: TextBuffer, thread: u32): void {
  const info = processInfo();
  const id = idOf(thread);
  const ticks = info.cpuTimeNs(thread) / NS_PER_TICK;
  out.decimal(id).put(" (");
  info.threadName(id, out);
  out.put(info.threadSleeps(id) ? ") S" : ") R");
  // ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt
  // Faults count for the process, and none is told apart as one that waited for a disk.
  out.put(" 0 1 1 0 -1 4194304 ").decimal(faultCount()).put(" 0 0 0 ");
  // utime stime cutime cstime priority nice num_threads itrealvalue starttime
  const nice = info.nice(id);
  const realtime = info.realtimePriority(id);
  out.decimal(ticks).put(" 0 0 0 ");
  out
    .signed(realtime != 0 ? -1 - <i64>realtime : 20 + <i64>nice)
    .byte(SPACE)
    .signed(nice);
  out.byte(SPACE).decimal(info.threadCount()).put(" 0 1 ");
  out
    .decimal(info.virtualPages() << 12)
    .byte(32)
    .decimal(info.residentPages());
  // rsslim startcode endcode startstack kstkesp … the rest
  out.put(" 18446744073709551615 1 1 ").decimal(info.stackStart());
  // kstkesp kstkeip signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor
  out.put(" 0 0");
  oldSignals(out, id, SIGNALS_PENDING);
  oldSignals(out, id, SIGNALS_BLOCKED);
  oldSignals(out, id, SIGNALS_IGNORED);
  oldSignals(out, id, SIGNALS_CAUGHT);
  out.put(" 0 0 0 17 0 ").decimal(realtime).byte(SPACE).decimal(info.policy(id));
  // delayacct_blkio_ticks guest_time cguest_time start_data … exit_code
  out.put(" 0 0 0 0 0 0 0 0 0 0 0\n");
}

function signalLine(out: TextBuffer, name: string, id: u32, which: u32): void {
  out.put(name).hex(processInfo().signalSet(id, which), 16);
}

export function procStatus(out: TextBuffer, thread: u32): void {
  const info = processInfo();
  const id = idOf(thread);
  out.put("Name:\t");
  info.threadName(id, out);
  out
    .put("\nUmask:\t0")
    .decimal(creationMask() >> 6)
    .decimal((creationMask() >> 3) & 7);
  out.decimal(creationMask() & 7);
  out.put(info.threadSleeps(id) ? "\nState:\tS (sleeping)" : "\nState:\tR (running)");
  out.put("\nTgid:\t").decimal(info.pid()).put("\nNgid:\t0\nPid:\t").decimal(id);
  out.put("\nPPid:\t0\nTracerPid:\t0");
  info.putIds(out);
  putMemoryLines(out);
  out.put("Threads:\t").decimal(info.threadCount());
  out.put("\nSigQ:\t").decimal(info.queuedSignals()).byte(47);
  out.decimal(info.resourceLimit(RLIMIT_SIGPENDING, false));
  signalLine(out, "\nSigPnd:\t", id, SIGNALS_PENDING);
  signalLine(out, "\nShdPnd:\t", id, SIGNALS_PENDING_SHARED);
  signalLine(out, "\nSigBlk:\t", id, SIGNALS_BLOCKED);
  signalLine(out, "\nSigIgn:\t", id, SIGNALS_IGNORED);
  signalLine(out, "\nSigCgt:\t", id, SIGNALS_CAUGHT);
  out.put("\n");
  info.putCapabilities(out);
  out.put("Seccomp:\t0\n");
  putCpus(out);
  out.put("Mems_allowed:\t1\nMems_allowed_list:\t0\n");
  out.put("voluntary_ctxt_switches:\t").decimal(info.switches(id, true));
  out.put("\nnonvoluntary_ctxt_switches:\t").decimal(info.switches(id, false)).put("\n");
}

function putCpus(out: TextBuffer): void {
  const count = processInfo().cpuCount();
  out.put("Cpus_allowed:\t").hex(((<u64>1) << count) - 1);
  out.put("\nCpus_allowed_list:\t0");
  if (count > 1) out.byte(45).decimal(count - 1);
  out.put("\n");
}

/** Lines of /proc/self/limits, by the number of the resource. */
const LIMIT_NAMES: StaticArray<string> = [
  "Max cpu time              ",
  "Max file size             ",
  "Max data size             ",
  "Max stack size            ",
  "Max core file size        ",
  "Max resident set          ",
  "Max processes             ",
  "Max open files            ",
  "Max locked memory         ",
  "Max address space         ",
  "Max file locks            ",
  "Max pending signals       ",
  "Max msgqueue size         ",
  "Max nice priority         ",
  "Max realtime priority     ",
  "Max realtime timeout      ",
];
const LIMIT_UNITS: StaticArray<string> = [
  "seconds   ",
  "bytes     ",
  "bytes     ",
  "bytes     ",
  "bytes     ",
  "bytes     ",
  "processes ",
  "files     ",
  "bytes     ",
  "bytes     ",
  "locks     ",
  "signals   ",
  "bytes     ",
  "          ",
  "          ",
  "us        ",
];

/** A column of /proc/self/limits: 20 characters and a space. */
function limitColumn(out: TextBuffer, value: u64): void {
  const before = out.length;
  if (value == u64.MAX_VALUE) out.put("unlimited");
  else out.decimal(value);
  while (out.length < before + 21) out.byte(32);
}

function limitLine(out: TextBuffer, name: string, soft: u64, hard: u64, units: string): void {
  out.put(name);
  limitColumn(out, soft);
  limitColumn(out, hard);
  out.put(units).put("\n");
}

export function procLimits(out: TextBuffer, subject: u32): void {
  const info = processInfo();
  out.put("Limit                     Soft Limit           Hard Limit           Units     \n");
  for (let resource: u32 = 0; resource < <u32>LIMIT_NAMES.length; resource++) {
    const soft = info.resourceLimit(resource, false);
    const hard = info.resourceLimit(resource, true);
    limitLine(out, LIMIT_NAMES[resource], soft, hard, LIMIT_UNITS[resource]);
  }
}

/** /proc/mounts: source, directory, type, options, 0, 0. */
export function procMounts(out: TextBuffer, subject: u32): void {
  for (let mount = mountList(); mount; ) {
    out.put(mount.source).byte(32);
    putPath(out, mount.root);
    out.byte(32).put(mount.fileSystem.name).put(" rw,relatime 0 0\n");
    mount = mount.next;
  }
}

/**
 * /proc/self/mountinfo: id, parent, device, root, directory, options, separator, type, source,
 * options.
 */
export function procMountInfo(out: TextBuffer, subject: u32): void {
  for (let mount = mountList(); mount; ) {
    const covers = mount.root.covers;
    out.decimal(mount.id).byte(32);
    out.decimal(covers ? mountIdOf(covers) : 1).put(" 0:");
    out.decimal(mount.fileSystem.device).put(" / ");
    putPath(out, mount.root);
    out.put(" rw,relatime - ").put(mount.fileSystem.name).byte(32).put(mount.source).put(" rw\n");
    mount = mount.next;
  }
}

export function procCgroup(out: TextBuffer, subject: u32): void {
  out.put("0::/\n");
}
