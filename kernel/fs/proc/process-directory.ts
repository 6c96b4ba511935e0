/**
 * /proc/PID and /proc/PID/task/TID: which files they have. The texts are written by the functions
 * named in the tables; `subject` is the thread, 0 in the process' own directory.
 *
 *     new ProcessDirectory(fileSystem, net)        the one process there is; takes over `net`
 *
 * What Linux has there and this not: files about other processes (children, map_files, patch_state,
 * attr), about what does not exist (cpuset, mountstats, numa_maps, autogroup, clear_refs, seccomp),
 * and mem, stack and syscall, by which a debugger looks into another process.
 */
import { ENOENT, ENOMEM } from "../../lib/errno";
import { VERIFY } from "../../lib/verify";
import { attempt } from "../../runtime/attempt";
import { Dentry } from "../dentry";
import { DIRECTORY_START, DirectorySink, DT_DIR, DT_LNK, DT_REG } from "../directory-sink";
import { FileSystem, Inode, inodeGet, inodePut, resultOf } from "../inode";
import { FailNth } from "../proc-fail-nth";
import {
  FdDirectory,
  PLACE_CURRENT,
  PLACE_PROGRAM,
  PLACE_ROOT,
  PlaceLink,
  parseNumber,
  putNumber,
} from "../proc-fd";
import { FdInfoDirectory } from "../proc-fdinfo";
import * as own from "../proc-process";
import { processInfo } from "../process-info";
import { S_IFDIR } from "../stat";
import { DirectoryFile } from "../vfs-file";
import { procIo, procSched, procSchedstat } from "./accounting";
import { procMaps, procSmaps, procSmapsRollup } from "./maps";
import { NamespaceDirectory } from "./namespaces";
import { procOomAdj, procOomScore, procOomScoreAdj, takeOomAdj, takeOomScoreAdj } from "./oom";
import { PagemapInode } from "./pagemap";
import { procStatm } from "./process-memory";
import * as settings from "./process-settings";
import { isNamed, ProcRow, RowDirectory } from "./rows";

/** The last two are the process' alone. */
const ROWS: StaticArray<ProcRow> = [
  new ProcRow("auxv", 0o400, own.procAuxiliaryVector),
  new ProcRow("cgroup", 0o444, own.procCgroup),
  new ProcRow("cmdline", 0o444, own.procCommandLine),
  new ProcRow("comm", 0o644, settings.procComm, settings.takeComm),
  new ProcRow("environ", 0o400, own.procEnvironment),
  new ProcRow("gid_map", 0o444, settings.procIdMap),
  new ProcRow("io", 0o400, procIo),
  new ProcRow("limits", 0o444, own.procLimits),
  new ProcRow("loginuid", 0o444, settings.procLoginUid),
  new ProcRow("maps", 0o444, procMaps),
  new ProcRow("mountinfo", 0o444, own.procMountInfo),
  new ProcRow("mounts", 0o444, own.procMounts),
  new ProcRow("oom_adj", 0o644, procOomAdj, takeOomAdj),
  new ProcRow("oom_score", 0o444, procOomScore),
  new ProcRow("oom_score_adj", 0o644, procOomScoreAdj, takeOomScoreAdj),
  new ProcRow("personality", 0o400, settings.procPersonality),
  new ProcRow("sched", 0o444, procSched),
  new ProcRow("schedstat", 0o444, procSchedstat),
  new ProcRow("sessionid", 0o444, settings.procLoginUid),
  new ProcRow("setgroups", 0o444, settings.procSetgroups),
  new ProcRow("smaps", 0o444, procSmaps),
  new ProcRow("smaps_rollup", 0o444, procSmapsRollup),
  new ProcRow("stat", 0o444, own.procStat),
  new ProcRow("statm", 0o444, procStatm),
  new ProcRow("status", 0o444, own.procStatus),
  new ProcRow("uid_map", 0o444, settings.procIdMap),
  new ProcRow("wchan", 0o444, settings.procWaitChannel),
  new ProcRow("coredump_filter", 0o644, settings.procCoredumpFilter, settings.takeCoredumpFilter),
  new ProcRow("timerslack_ns", 0o666, settings.procTimerSlack, settings.takeTimerSlack),
];
const ROWS_OF_PROCESS_ALONE = 2;

/** What is no text; a thread has those before `task`. */
const OTHERS: StaticArray<string> = [
  "cwd",
  "exe",
  "root",
  "fd",
  "fdinfo",
  "net",
  "ns",
  "pagemap",
  "task",
  "fail-nth",
];
const CWD = 0;
const EXE = 1;
const ROOT = 2;
const FD = 3;
const FDINFO = 4;
const NET = 5;
const NS = 6;
const PAGEMAP = 7;
const TASK = 8;
/** Of a debug kernel alone. */
const FAIL_NTH = 9;

/** Inode numbers: so many for the process and for each thread, and in them those of `ns`. */
const PROCESS_NUMBER: u64 = (<u64>1) << 33;
const NUMBERS_PER_THREAD: u64 = 256;
const NAMESPACES_OFFSET: u64 = 128;

function numberOf(thread: u32): u64 {
  return PROCESS_NUMBER + <u64>thread * NUMBERS_PER_THREAD;
}

/** The directory of a thread. */
class ThreadDirectory extends RowDirectory {
  constructor(
    fileSystem: FileSystem,
    rowCount: i32,
    thread: u32,
    protected net: Inode,
  ) {
    super(fileSystem, numberOf(thread), 0o555, ROWS, rowCount, thread);
    inodeGet(net);
  }

  /** How many of `OTHERS` it has. */
  protected otherCount(): i32 {
    return TASK;
  }

  lookup(dentry: Dentry): i32 {
    const error = super.lookup(dentry);
    if (error != -ENOENT) return error;
    for (let i = 0; i < this.otherCount(); i++) {
      if (!isNamed(dentry, OTHERS[i])) continue;
      dentry.inode = this.makeOther(i);
      return dentry.inode ? 0 : -ENOMEM;
    }
    return -ENOENT;
  }

  /** One of `OTHERS`, with a reference; null when memory is short. */
  protected makeOther(which: i32): Inode | null {
    const fileSystem = this.fileSystem;
    const number = this.number + 1 + <u64>(this.rowCount + which);
    // Not a case below: the release kernel is to have none of it.
    if (VERIFY && which == FAIL_NTH) return attempt(new FailNth(fileSystem, number));
    switch (which) {
      case CWD:
        return attempt(new PlaceLink(fileSystem, number, PLACE_CURRENT));
      case EXE:
        return attempt(new PlaceLink(fileSystem, number, PLACE_PROGRAM));
      case ROOT:
        return attempt(new PlaceLink(fileSystem, number, PLACE_ROOT));
      case FD:
        return attempt(new FdDirectory(fileSystem, number));
      case FDINFO:
        return attempt(new FdInfoDirectory(fileSystem, number));
      case NET:
        inodeGet(this.net);
        return this.net;
      case NS:
        return attempt(new NamespaceDirectory(fileSystem, this.number + NAMESPACES_OFFSET));
      case PAGEMAP:
        return attempt(new PagemapInode(fileSystem, number));
      default:
        return attempt(new TaskDirectory(fileSystem, number, this.net));
    }
  }

  protected entryCount(): i32 {
    return this.rowCount + this.otherCount();
  }

  protected entryName(index: i32): string {
    return index < this.rowCount ? this.rows[index].name : OTHERS[index - this.rowCount];
  }

  protected entryType(index: i32): u32 {
    const which = index - this.rowCount;
    if (which < 0 || which == PAGEMAP || which == FAIL_NTH) return DT_REG;
    return which <= ROOT ? DT_LNK : DT_DIR;
  }

  protected entryNumber(index: i32): u64 {
    const which = index - this.rowCount;
    if (which == NET) return this.net.number;
    return which == NS ? this.number + NAMESPACES_OFFSET : super.entryNumber(index);
  }

  destroy(): void {
    inodePut(this.net);
    super.destroy();
  }
}

export class ProcessDirectory extends ThreadDirectory {
  /** `net` is the directory of that name; takes over the reference. */
  constructor(fileSystem: FileSystem, net: Inode) {
    super(fileSystem, ROWS.length, 0, net);
    inodePut(net);
  }

  protected otherCount(): i32 {
    return VERIFY ? OTHERS.length : FAIL_NTH;
  }
}

/** /proc/PID/task: a directory per thread, made when it is looked up. */
class TaskDirectory extends Inode {
  constructor(
    fileSystem: FileSystem,
    number: u64,
    private net: Inode,
  ) {
    super(fileSystem, number, S_IFDIR | 0o555);
    this.nlink = 2;
    this.uncachedNames = true;
    inodeGet(net);
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  lookup(dentry: Dentry): i32 {
    const id = parseNumber(dentry.name, dentry.nameLength);
    if (id <= 0 || processInfo().nextThread(id - 1) != <u32>id) return -ENOENT;
    const rowCount = ROWS.length - ROWS_OF_PROCESS_ALONE;
    const directory = attempt(new ThreadDirectory(this.fileSystem, rowCount, id, this.net));
    if (!directory) return -ENOMEM;
    // The names would outlive the thread.
    directory.uncachedNames = true;
    dentry.inode = directory;
    return 0;
  }

  list(position: u64, sink: DirectorySink): i64 {
    let after = position - DIRECTORY_START;
    let id = processInfo().nextThread(<u32>after);
    while (id != 0) {
      if (!putNumber(sink, id, numberOf(id), DT_DIR, <u64>id + DIRECTORY_START)) break;
      after = id;
      id = processInfo().nextThread(id);
    }
    return <i64>(after + DIRECTORY_START);
  }

  destroy(): void {
    inodePut(this.net);
    super.destroy();
  }
}
