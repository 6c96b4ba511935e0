/**
 * The machine and its devices: /proc/stat, loadavg, interrupts, softirqs, devices, partitions,
 * diskstats, cmdline, swaps, locks (proc(5)).
 */
import { diskReadCount, diskSectorsRead } from "../../dev/block";
import { diskAt } from "../../dev/discover";
import { interruptTotal, putInterrupts } from "../../dev/interrupt-text";
import { commandLineText } from "../../lib/command-line";
import { TextBuffer } from "../../lib/text-buffer";
import { runQueueLength } from "../../sched/run-queue";
import { bootSwitches } from "../../sched/scheduler";
import { monotonicNs, realtimeOffset } from "../../time/clock";
import { putLocks } from "../file-lock";
import { processInfo } from "../process-info";

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_TICK: u64 = 10_000_000;
/** Linux's number of virtio disks, and how many minors each has. */
const MAJOR_VIRTIO_DISK: u32 = 254;
const MINORS_PER_DISK: u32 = 16;
const LETTER_A: u32 = 97;
const MAJOR_WIDTH = 4;
const MINOR_WIDTH = 8;
const BLOCKS_WIDTH = 11;

/**
 * CPU time is all the application's own ("user"): what the kernel takes is not told apart. The rest
 * is idle.
 */
export function procSystemStat(out: TextBuffer, subject: u32): void {
  const busy = processInfo().cpuTimeNs(0) / NS_PER_TICK;
  const total = monotonicNs() / NS_PER_TICK;
  const idle = total > busy ? total - busy : 0;
  for (let line = 0; line < 2; line++) {
    out
      .put(line == 0 ? "cpu  " : "cpu0 ")
      .decimal(busy)
      .put(" 0 0 ");
    out.decimal(idle).put(" 0 0 0 0 0 0\n");
  }
  out.put("intr ").decimal(interruptTotal());
  const info = processInfo();
  const switches = bootSwitches() + info.switches(0, true) + info.switches(0, false);
  out.put("\nctxt ").decimal(switches);
  out.put("\nbtime ").decimal(realtimeOffset() / NS_PER_SECOND);
  out.put("\nprocesses ").decimal(processInfo().threadsCreated());
  out.put("\nprocs_running ").decimal(<u64>runQueueLength() + 1);
  out.put("\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

/** The averages would need a look each few seconds, also at a machine that sleeps: they are 0. */
export function procLoadavg(out: TextBuffer, subject: u32): void {
  const info = processInfo();
  out
    .put("0.00 0.00 0.00 ")
    .decimal(<u64>runQueueLength() + 1)
    .put("/");
  out.decimal(info.threadCount()).byte(32).decimal(info.threadsCreated()).put("\n");
}

export function procInterrupts(out: TextBuffer, subject: u32): void {
  putInterrupts(out);
}

/** What Linux does in them, threads do here: none has ever run. */
const SOFT_INTERRUPTS: StaticArray<string> = [
  "          HI:",
  "       TIMER:",
  "      NET_TX:",
  "      NET_RX:",
  "       BLOCK:",
  "    IRQ_POLL:",
  "     TASKLET:",
  "       SCHED:",
  "     HRTIMER:",
  "         RCU:",
];

export function procSoftirqs(out: TextBuffer, subject: u32): void {
  out.put("                    CPU0       \n");
  for (let i = 0; i < SOFT_INTERRUPTS.length; i++) {
    out.put(SOFT_INTERRUPTS[i]).put("          0\n");
  }
}

/** The numbers of the nodes in /dev (devfs.ts). Disks have none. */
export function procDevices(out: TextBuffer, subject: u32): void {
  out.put("Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n229 hvc\n240 vport\n");
  out.put("\nBlock devices:\n254 virtblk\n");
}

function putDisk(out: TextBuffer, index: i32): void {
  out.decimal(MAJOR_VIRTIO_DISK, MAJOR_WIDTH);
  out.decimal(<u64>index * MINORS_PER_DISK, MINOR_WIDTH);
}

function putDiskName(out: TextBuffer, index: i32): void {
  out.put(" vd").byte(LETTER_A + index);
}

/** Sizes in KiB. */
export function procPartitions(out: TextBuffer, subject: u32): void {
  if (!diskAt(0)) return;
  out.put("major minor  #blocks  name\n\n");
  for (let i = 0; diskAt(i); i++) {
    putDisk(out, i);
    out.decimal(diskAt(i)!.sectorCount / 2, BLOCKS_WIDTH);
    putDiskName(out, i);
    out.put("\n");
  }
}

/**
 * Requests and sectors that were read; the first disk, which has the root, is the only one that
 * anything reads. How long requests took is not counted, and nothing writes: 0.
 */
export function procDiskstats(out: TextBuffer, subject: u32): void {
  for (let i = 0; diskAt(i); i++) {
    putDisk(out, i);
    putDiskName(out, i);
    out
      .byte(32)
      .decimal(i == 0 ? diskReadCount() : 0)
      .put(" 0 ");
    out.decimal(i == 0 ? diskSectorsRead() : 0).put(" 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  }
}

/** The kernel's own (docs/boot-protocol.md), the program's arguments behind `--`. */
export function procKernelCommandLine(out: TextBuffer, subject: u32): void {
  const text = commandLineText();
  if (text != 0) out.cString(text);
  out.put("\n");
}

export function procSwaps(out: TextBuffer, subject: u32): void {
  out.put("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

export function procLocks(out: TextBuffer, subject: u32): void {
  putLocks(out, "", null);
}
