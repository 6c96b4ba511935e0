/**
 * /proc and /sys: what runtimes read there at start, and what tells about the program. A read-only
 * tmpfs tree, built at boot from the table of paths below; the texts are written when they are read
 * (proc-system.ts, proc-process.ts).
 *
 * There is one process, so /proc/<pid> is one directory of the tree, and /proc/self a link to it.
 * Descriptors and threads come and go: their directories look them up each time (proc-fd.ts,
 * ProcTasks).
 */

import { ENOENT, ENOMEM } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { VERIFY } from "../lib/verify";
import { attempt } from "../runtime/attempt";
import { spareAllocations } from "../runtime/failing";
import { heapHasRoom } from "../runtime/heap";
import { Dentry } from "./dentry";
import { DIRECTORY_START, DirectorySink, DT_DIR } from "./directory-sink";
import { FileSystem, Inode, resultOf } from "./inode";
import { INOTIFY_EVENTS_MAX, INOTIFY_INSTANCES_MAX, INOTIFY_WATCHES_MAX } from "./inotify";
import { FailNth, procAllocInfo } from "./proc-fail-nth";
import {
  FdDirectory,
  PLACE_CURRENT,
  PLACE_PROGRAM,
  PLACE_ROOT,
  PlaceLink,
  parseNumber,
  putNumber,
} from "./proc-fd";
import { FdInfoDirectory } from "./proc-fdinfo";
import { Generator, NameServersText, ProcLink, ProcText } from "./proc-node";
import * as own from "./proc-process";
import * as system from "./proc-system";
import { processInfo } from "./process-info";
import { S_IFDIR } from "./stat";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import { DirectoryFile } from "./vfs-file";

const PROC_SUPER_MAGIC: u64 = 0x9fa0;
const SYSFS_MAGIC: u64 = 0x62656572;
const SLASH = 47;
/** More than the files of one thread take. */
const THREAD_ROOM: usize = 16 << 10;

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

/** Adds a text at a path below `root`; `subject` is the generator's. */
export function addText(
  root: TmpDirectory,
  path: string,
  permissions: u32,
  generator: Generator,
  subject: u32 = 0,
): void {
  const tmpfs = root.tmpfs;
  let directory = root;
  let start = 0;
  for (let i = 0; i < path.length; i++) {
    if (path.charCodeAt(i) != SLASH) continue;
    directory = subdirectory(directory, path, start, i);
    start = i + 1;
  }
  const text = new ProcText(tmpfs, tmpfs.newNumber(), permissions, generator, subject);
  directory.attachPart(path, start, path.length, text);
}

function addNumber(root: TmpDirectory, path: string, value: u32): void {
  addText(root, path, 0o644, system.procNumber, value);
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

/** What every thread's directory has, too. */
function addThreadFiles(directory: TmpDirectory, thread: u32): void {
  addText(directory, "stat", 0o444, own.procStat, thread);
  addText(directory, "status", 0o444, own.procStatus, thread);
  addText(directory, "statm", 0o444, own.procStatm, thread);
  addText(directory, "comm", 0o644, own.procComm, thread);
  addText(directory, "maps", 0o444, own.procMaps, thread);
  addText(directory, "cmdline", 0o444, own.procCommandLine, thread);
  addText(directory, "environ", 0o400, own.procEnvironment, thread);
  addText(directory, "limits", 0o444, own.procLimits, thread);
}

function addProcess(root: TmpDirectory): void {
  const tmpfs = root.tmpfs;
  const name = processInfo().pid().toString();
  const directory = subdirectory(root, name, 0, name.length);
  addThreadFiles(directory, 0);
  addText(directory, "auxv", 0o400, own.procAuxiliaryVector);
  addText(directory, "mounts", 0o444, own.procMounts);
  addText(directory, "mountinfo", 0o444, own.procMountInfo);
  addText(directory, "oom_score_adj", 0o644, own.procOomScoreAdj);
  addText(directory, "oom_adj", 0o644, own.procOomScoreAdj);
  addText(directory, "oom_score", 0o444, own.procOomScore);
  addText(directory, "cgroup", 0o444, own.procCgroup);
  addText(directory, "smaps", 0o444, own.procMaps);
  addText(directory, "coredump_filter", 0o644, own.procCoredumpFilter);
  addText(directory, "loginuid", 0o644, own.procLoginUid);
  directory.attach("exe", new PlaceLink(tmpfs, tmpfs.newNumber(), PLACE_PROGRAM));
  directory.attach("cwd", new PlaceLink(tmpfs, tmpfs.newNumber(), PLACE_CURRENT));
  directory.attach("root", new PlaceLink(tmpfs, tmpfs.newNumber(), PLACE_ROOT));
  directory.attach("fd", new FdDirectory(tmpfs, tmpfs.newNumber()));
  directory.attach("fdinfo", new FdInfoDirectory(tmpfs, tmpfs.newNumber()));
  directory.attach("task", new ProcTasks(tmpfs, tmpfs.newNumber()));
  subdirectory(directory, "net", 0, 3).fillLater(fillProcNet);
  if (VERIFY) directory.attach("fail-nth", new FailNth(tmpfs, tmpfs.newNumber()));
}

function addSystem(root: TmpDirectory): void {
  addText(root, "meminfo", 0o444, system.procMeminfo);
  addText(root, "cpuinfo", 0o444, system.procCpuinfo);
  addText(root, "stat", 0o444, system.procSystemStat);
  addText(root, "uptime", 0o444, system.procUptime);
  addText(root, "loadavg", 0o444, system.procLoadavg);
  addText(root, "version", 0o444, system.procVersion);
  addText(root, "filesystems", 0o444, system.procFilesystems);
  addText(root, "vmstat", 0o444, system.procEmpty);
  addText(root, "cgroups", 0o444, system.procEmpty);
  addText(root, "partitions", 0o444, system.procEmpty);
  addText(root, "diskstats", 0o444, system.procEmpty);
  addText(root, "locks", 0o444, system.procLocks);
  addText(root, "swaps", 0o444, system.procSwaps);
  if (VERIFY) addText(root, "allocinfo", 0o400, procAllocInfo);
}

type Filler = (directory: TmpDirectory) => void;

function fillNothing(directory: TmpDirectory): void {}

let networkFiller: Filler = fillNothing;
let interfacesFiller: Filler = fillNothing;
let ipcFiller: Filler = fillNothing;

/** What the network adds to /proc/net and /sys/class/net, when somebody looks; called at boot. */
export function setNetworkTree(fillProcNet: Filler, fillClassNet: Filler): void {
  networkFiller = fillProcNet;
  interfacesFiller = fillClassNet;
}

/** What System V IPC and message queues add to /proc, when somebody looks; called at boot. */
export function setIpcTree(fillProc: Filler): void {
  ipcFiller = fillProc;
}

function fillProcNet(net: TmpDirectory): void {
  const tmpfs = net.tmpfs;
  net.attach("pnp", new NameServersText(tmpfs, tmpfs.newNumber()));
  networkFiller(net);
}

function fillClassNet(net: TmpDirectory): void {
  interfacesFiller(net);
}

function netText(out: TextBuffer, subject: u32): void {
  out.put("self/net");
}

/** /proc/sys: values that programs size themselves by. They can be written, without effect. */
function addSettings(root: TmpDirectory): void {
  addText(root, "sys/kernel/osrelease", 0o444, system.procOsrelease);
  addText(root, "sys/kernel/ostype", 0o444, system.procOstype);
  addText(root, "sys/kernel/hostname", 0o644, system.procHostname);
  addText(root, "sys/kernel/core_pattern", 0o644, system.procCorePattern);
  addText(root, "sys/kernel/random/boot_id", 0o444, system.procBootId);
  addText(root, "sys/kernel/random/uuid", 0o444, system.procUuid);
  addText(root, "sys/fs/file-nr", 0o444, system.procFileCount);
  addText(root, "sys/net/ipv4/ip_local_port_range", 0o644, system.procPortRange);
  addNumber(root, "sys/kernel/pid_max", 4194304);
  addNumber(root, "sys/kernel/threads-max", 32768);
  addNumber(root, "sys/kernel/random/entropy_avail", 256);
  addNumber(root, "sys/kernel/randomize_va_space", 2);
  addNumber(root, "sys/kernel/ngroups_max", 65536);
  addNumber(root, "sys/kernel/cap_last_cap", 40);
  addNumber(root, "sys/kernel/perf_event_paranoid", 4);
  addNumber(root, "sys/vm/overcommit_memory", 1);
  addNumber(root, "sys/vm/overcommit_ratio", 50);
  addNumber(root, "sys/vm/max_map_count", 65530);
  addNumber(root, "sys/vm/mmap_min_addr", 65536);
  addNumber(root, "sys/vm/nr_hugepages", 0);
  addNumber(root, "sys/vm/swappiness", 0);
  addNumber(root, "sys/net/core/somaxconn", 4096);
  addNumber(root, "sys/net/ipv4/tcp_max_syn_backlog", 4096);
  addNumber(root, "sys/net/ipv4/tcp_keepalive_time", 7200);
  addNumber(root, "sys/net/ipv4/tcp_keepalive_intvl", 75);
  addNumber(root, "sys/net/ipv4/tcp_keepalive_probes", 9);
  addNumber(root, "sys/net/ipv4/tcp_fin_timeout", 60);
  addNumber(root, "sys/fs/file-max", 1048576);
  addNumber(root, "sys/fs/nr_open", 1048576);
  addNumber(root, "sys/fs/pipe-max-size", 1048576);
  addNumber(root, "sys/fs/inotify/max_user_instances", INOTIFY_INSTANCES_MAX);
  addNumber(root, "sys/fs/inotify/max_user_watches", INOTIFY_WATCHES_MAX);
  addNumber(root, "sys/fs/inotify/max_queued_events", INOTIFY_EVENTS_MAX);
}

function fillProc(root: TmpDirectory): void {
  const tmpfs = root.tmpfs;
  addSystem(root);
  addSettings(root);
  ipcFiller(root);
  addProcess(root);
  root.attach("self", new ProcLink(tmpfs, tmpfs.newNumber(), selfText));
  root.attach("thread-self", new ProcLink(tmpfs, tmpfs.newNumber(), threadSelfText));
  root.attach("mounts", new ProcLink(tmpfs, tmpfs.newNumber(), mountsText));
  root.attach("net", new ProcLink(tmpfs, tmpfs.newNumber(), netText));
}

/** Makes the tree of /proc; returns its root directory. */
export function procfsCreate(): TmpDirectory {
  const tmpfs = new TmpFileSystem("proc", 0);
  tmpfs.magic = PROC_SUPER_MAGIC;
  tmpfs.readOnly = true;
  const root = new TmpDirectory(tmpfs, 0o555);
  root.fillLater(fillProc);
  return root;
}

function fillSys(root: TmpDirectory): void {
  const classes = subdirectory(root, "class", 0, 5);
  subdirectory(classes, "net", 0, 3).fillLater(fillClassNet);
  addText(root, "devices/system/cpu/online", 0o444, system.sysCpuList);
  addText(root, "devices/system/cpu/possible", 0o444, system.sysCpuList);
  addText(root, "devices/system/cpu/present", 0o444, system.sysCpuList);
  addNumber(root, "devices/system/node/online", 0);
  addText(root, "kernel/mm/transparent_hugepage/enabled", 0o644, system.sysHugepages);
  addText(root, "kernel/mm/transparent_hugepage/defrag", 0o644, system.sysHugepages);
  addNumber(root, "kernel/mm/transparent_hugepage/hpage_pmd_size", 2097152);
  addNumber(root, "kernel/mm/transparent_hugepage/use_zero_page", 0);
}

/** Makes the tree of /sys; returns its root directory. */
export function sysfsCreate(): TmpDirectory {
  const tmpfs = new TmpFileSystem("sysfs", 0);
  tmpfs.magic = SYSFS_MAGIC;
  tmpfs.readOnly = true;
  const root = new TmpDirectory(tmpfs, 0o555);
  root.fillLater(fillSys);
  return root;
}

/** /proc/self/task: a directory per thread, made when it is looked up. */
class ProcTasks extends Inode {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFDIR | 0o555);
    this.nlink = 2;
    this.uncachedNames = true;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  lookup(dentry: Dentry): i32 {
    const id = parseNumber(dentry.name, dentry.nameLength);
    if (id <= 0 || processInfo().nextThread(id - 1) != <u32>id) return -ENOENT;
    if (!heapHasRoom(THREAD_ROOM)) return -ENOMEM;
    const directory = new TmpDirectory(<TmpFileSystem>this.fileSystem, 0o555);
    if (VERIFY) spareAllocations(true);
    addThreadFiles(directory, id);
    if (VERIFY) spareAllocations(false);
    // The next lookup makes another directory: what is cached below this one nobody would find.
    directory.uncachedNames = true;
    dentry.inode = directory;
    return 0;
  }

  list(position: u64, sink: DirectorySink): i64 {
    let id = processInfo().nextThread(<u32>(position - DIRECTORY_START));
    let after = position - DIRECTORY_START;
    while (id != 0) {
      if (!putNumber(sink, id, ((<u64>1) << 32) + <u64>id, DT_DIR, <u64>id + DIRECTORY_START))
        break;
      after = id;
      id = processInfo().nextThread(id);
    }
    return <i64>(after + DIRECTORY_START);
  }
}
