/**
 * /proc: what runtimes read there at start, and what tells about the program. A read-only tmpfs
 * tree, built when somebody first looks; the texts are written when they are read
 * (fs/proc/…, proc-system.ts, proc-process.ts).
 *
 * There is one process, so /proc/<pid> is one directory of the tree (proc/process-directory.ts),
 * and /proc/self a link to it. What other parts of the kernel add, they add by functions that they
 * have given here at boot.
 */

import { TextBuffer } from "../lib/text-buffer";
import { VERIFY } from "../lib/verify";
import * as machine from "./proc/machine";
import { procBuddyinfo, procMeminfo, procVmstat, procZoneinfo } from "./proc/memory-use";
import { ProcessDirectory } from "./proc/process-directory";
import { addSettings } from "./proc/settings";
import { procAllocInfo } from "./proc-fail-nth";
import { Generator, NameServersText, ProcLink, ProcText, Taker } from "./proc-node";
import * as system from "./proc-system";
import { processInfo } from "./process-info";
import { S_IFDIR } from "./stat";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";

const PROC_SUPER_MAGIC: u64 = 0x9fa0;
const SLASH = 47;

/** The directory named by characters [start, end) of a path in `parent`, made if need be. */
export function subdirectory(
  parent: TmpDirectory,
  path: string,
  start: i32,
  end: i32,
): TmpDirectory {
  const present = parent.childPart(path, start, end);
  if (present) return <TmpDirectory>present;
  const directory = new TmpDirectory(parent.tmpfs, S_IFDIR | 0o555);
  parent.attachPart(path, start, end, directory);
  return directory;
}

/** Adds a text at a path below `root`; `subject` is the generator's and the taker's. */
export function addText(
  root: TmpDirectory,
  path: string,
  permissions: u32,
  generator: Generator,
  subject: u32 = 0,
  taker: Taker | null = null,
): void {
  const tmpfs = root.tmpfs;
  let directory = root;
  let start = 0;
  for (let i = 0; i < path.length; i++) {
    if (path.charCodeAt(i) != SLASH) continue;
    directory = subdirectory(directory, path, start, i);
    start = i + 1;
  }
  const text = new ProcText(tmpfs, tmpfs.newNumber(), permissions, generator, subject, taker);
  directory.attachPart(path, start, path.length, text);
}

function selfText(out: TextBuffer, subject: u32): void {
  out.decimal(processInfo().pid());
}

function threadSelfText(out: TextBuffer, subject: u32): void {
  out.decimal(processInfo().pid()).put("/task/").decimal(processInfo().currentThread());
}

function mountsText(out: TextBuffer, subject: u32): void {
  out.put("self/mounts");
}

function addSystem(root: TmpDirectory): void {
  if (VERIFY) addText(root, "allocinfo", 0o400, procAllocInfo);
  addText(root, "buddyinfo", 0o400, procBuddyinfo);
  addText(root, "cgroups", 0o444, system.procEmpty);
  addText(root, "cmdline", 0o444, machine.procKernelCommandLine);
  addText(root, "cpuinfo", 0o444, system.procCpuinfo);
  addText(root, "devices", 0o444, machine.procDevices);
  addText(root, "diskstats", 0o444, machine.procDiskstats);
  addText(root, "filesystems", 0o444, system.procFilesystems);
  addText(root, "interrupts", 0o444, machine.procInterrupts);
  addText(root, "loadavg", 0o444, machine.procLoadavg);
  addText(root, "locks", 0o444, machine.procLocks);
  addText(root, "meminfo", 0o444, procMeminfo);
  // The kernel is one piece.
  addText(root, "modules", 0o444, system.procEmpty);
  addText(root, "partitions", 0o444, machine.procPartitions);
  addText(root, "softirqs", 0o444, machine.procSoftirqs);
  addText(root, "stat", 0o444, machine.procSystemStat);
  addText(root, "swaps", 0o444, machine.procSwaps);
  addText(root, "uptime", 0o444, system.procUptime);
  addText(root, "version", 0o444, system.procVersion);
  addText(root, "vmstat", 0o444, procVmstat);
  addText(root, "zoneinfo", 0o444, procZoneinfo);
}

type Filler = (directory: TmpDirectory) => void;

function fillNothing(directory: TmpDirectory): void {}

let networkFiller: Filler = fillNothing;
let interfacesFiller: Filler = fillNothing;
let ipcFiller: Filler = fillNothing;
let ipcKernelFiller: Filler = fillNothing;
let ipcFsFiller: Filler = fillNothing;
let netSettingsFiller: Filler = fillNothing;

/**
 * What the network adds to /proc/net, /sys/class/net and /proc/sys/net, when somebody looks; called
 * at boot.
 */
export function setNetworkTree(
  fillProcNet: Filler,
  fillClassNet: Filler,
  fillSettings: Filler,
): void {
  networkFiller = fillProcNet;
  interfacesFiller = fillClassNet;
  netSettingsFiller = fillSettings;
}

/**
 * What System V IPC and message queues add to /proc/sysvipc, /proc/sys/kernel and /proc/sys/fs,
 * when somebody looks; called at boot.
 */
export function setIpcTree(
  fillTables: Filler,
  fillKernelSettings: Filler,
  fillFsSettings: Filler,
): void {
  ipcFiller = fillTables;
  ipcKernelFiller = fillKernelSettings;
  ipcFsFiller = fillFsSettings;
}

function fillIpc(tables: TmpDirectory): void {
  ipcFiller(tables);
}

/** What System V IPC has in /proc/sys/kernel. */
export function fillIpcKernelSettings(directory: TmpDirectory): void {
  ipcKernelFiller(directory);
}

/** What message queues have in /proc/sys/fs. */
export function fillIpcFsSettings(directory: TmpDirectory): void {
  ipcFsFiller(directory);
}

function fillProcNet(net: TmpDirectory): void {
  const tmpfs = net.tmpfs;
  net.attach("pnp", new NameServersText(tmpfs, tmpfs.newNumber()));
  networkFiller(net);
}

/** Fills /sys/class/net. */
export function fillClassNet(net: TmpDirectory): void {
  interfacesFiller(net);
}

function fillNetSettings(net: TmpDirectory): void {
  netSettingsFiller(net);
}

function netText(out: TextBuffer, subject: u32): void {
  out.put("self/net");
}

function fillProc(root: TmpDirectory): void {
  const tmpfs = root.tmpfs;
  addSystem(root);
  const sys = subdirectory(root, "sys", 0, 3);
  addSettings(sys);
  subdirectory(root, "sysvipc", 0, 7).fillLater(fillIpc);
  subdirectory(sys, "net", 0, 3).fillLater(fillNetSettings);
  const net = new TmpDirectory(tmpfs, S_IFDIR | 0o555);
  net.fillLater(fillProcNet);
  root.attach(processInfo().pid().toString(), new ProcessDirectory(tmpfs, net));
  root.attach("self", new ProcLink(tmpfs, tmpfs.newNumber(), selfText));
  root.attach("thread-self", new ProcLink(tmpfs, tmpfs.newNumber(), threadSelfText));
  root.attach("mounts", new ProcLink(tmpfs, tmpfs.newNumber(), mountsText));
  root.attach("net", new ProcLink(tmpfs, tmpfs.newNumber(), netText));
}

/** Makes the tree of /proc; returns its root directory. */
export function procfsCreate(): TmpDirectory {
  const tmpfs = new TmpFileSystem("proc", 0);
  tmpfs.magic = PROC_SUPER_MAGIC;
  tmpfs.hasHandles = false;
  tmpfs.readOnly = true;
  const root = new TmpDirectory(tmpfs, 0o555);
  root.fillLater(fillProc);
  return root;
}
