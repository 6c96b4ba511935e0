/**
 * What the process and its threads have used: /proc/self/io, sched, schedstat (proc_pid_io(5),
 * Linux' Documentation/scheduler/sched-stats.rst).
 *
 * Bytes and calls of read(2) and write(2) are not counted: the count would cost each of them. They
 * are 0 here. What reads from disks is; what writes to them there is not, because nothing does.
 */
import { diskSectorsRead, SECTOR_SIZE } from "../../dev/block";
import { TextBuffer } from "../../lib/text-buffer";
import { processInfo } from "../process-info";

const NS_PER_MS: u64 = 1_000_000;
/** Column of the colon in /proc/self/sched. */
const NAME_WIDTH: u32 = 45;
const VALUE_WIDTH = 21;
const FRACTION_WIDTH = 14;
const SPACE: u32 = 32;

export function procIo(out: TextBuffer, subject: u32): void {
  out.put("rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: ");
  out.decimal(diskSectorsRead() * SECTOR_SIZE).put("\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

/** Run time in ns, time spent waiting for the CPU (not counted: 0), how often it got the CPU. */
export function procSchedstat(out: TextBuffer, thread: u32): void {
  const info = processInfo();
  const id = thread != 0 ? thread : info.pid();
  out.decimal(info.cpuTimeNs(id)).put(" 0 ");
  out.decimal(info.switches(id, true) + info.switches(id, false)).put("\n");
}

function name(out: TextBuffer, text: string): void {
  const start = out.length;
  out.put(text);
  while (out.length < start + NAME_WIDTH && !out.cut) out.byte(SPACE);
  out.put(":");
}

function number(out: TextBuffer, text: string, value: u64): void {
  name(out, text);
  out.decimal(value, VALUE_WIDTH).put("\n");
}

/** Milliseconds with six decimals. */
function milliseconds(out: TextBuffer, text: string, ns: u64): void {
  name(out, text);
  out.decimal(ns / NS_PER_MS, FRACTION_WIDTH).put(".");
  const fraction = ns % NS_PER_MS;
  for (let unit: u64 = NS_PER_MS / 10; unit > 1 && fraction < unit; unit /= 10) out.put("0");
  out.decimal(fraction).put("\n");
}

export function procSched(out: TextBuffer, thread: u32): void {
  const info = processInfo();
  const id = thread != 0 ? thread : info.pid();
  info.threadName(id, out);
  out.put(" (").decimal(id).put(", #threads: ").decimal(info.threadCount()).put(")\n");
  out.put("-------------------------------------------------------------------\n");
  milliseconds(out, "se.sum_exec_runtime", info.cpuTimeNs(id));
  const voluntary = info.switches(id, true);
  const involuntary = info.switches(id, false);
  number(out, "nr_switches", voluntary + involuntary);
  number(out, "nr_voluntary_switches", voluntary);
  number(out, "nr_involuntary_switches", involuntary);
  number(out, "policy", info.policy(id));
  const realtime = info.realtimePriority(id);
  number(out, "prio", realtime != 0 ? 99 - realtime : <u64>(120 + info.nice(id)));
}
