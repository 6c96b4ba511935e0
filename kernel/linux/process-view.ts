/**
 * What /proc/self shows of the process: the parts that the scheduler, memory and this folder know.
 */

import { addressOf, load8 } from "../arch/hw";
import { Dentry } from "../fs/dentry";
import { File } from "../fs/file";
import { Identity } from "../fs/identity";
import {
  ProcessInfo,
  SIGNALS_BLOCKED,
  SIGNALS_IGNORED,
  SIGNALS_PENDING,
  SIGNALS_PENDING_SHARED,
} from "../fs/process-info";
import { placeOf } from "../fs/vfs-file";
import { TextBuffer } from "../lib/text-buffer";
import { addressSpacePages } from "../mem/address-space";
import { residentPages, residentPagesMax } from "../mem/user-pages";
import { nameServersChangedNs, nameServersText } from "../net/name-servers";
import {
  currentThread,
  NAME_SIZE,
  SCRATCH_SIZE,
  STATE_BLOCKED,
  threadName,
  threadScratch,
} from "../sched/thread";
import { processCpuNs, threadCpuNs } from "./clocks";
import {
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  capable,
  credentials,
  currentIdentity,
  groups,
  Ids,
  users,
} from "./credentials";
import { fdCloexec, fdFile, fdNext } from "./descriptors";
import { personality, setTimerSlack, timerSlackNs } from "./identity-calls";
import { resourceLimit, resourceLimitMax } from "./limits";
import { lockedPages } from "./memory-lock";
import { started } from "./program";
import { SIG_DFL, SIG_IGN, SIGNAL_MAX, signalBit } from "./signal-numbers";
import { signalRecordCount } from "./signal-queue";
import { PROCESS_ID, process, signalAction, switchCount, taskFind } from "./task";
import { copyFromUser } from "./user-memory";

const CHUNK: u64 = 256;

if (CHUNK > SCRATCH_SIZE) ERROR("a piece fits into the thread's memory");

/** Appends what the application's memory holds at [start, end). */
function putUser(out: TextBuffer, start: u64, end: u64): void {
  const chunk = threadScratch();
  for (let at = start; at < end; at += CHUNK) {
    const n = min(CHUNK, end - at);
    if (copyFromUser(addressOf(chunk), at, n) != 0) return;
    for (let i: u64 = 0; i < n; i++) out.byte(load8(addressOf(chunk) + i));
  }
}

const SPACE: u32 = 32;

function putIdLine(out: TextBuffer, name: string, ids: Ids): void {
  out.put(name).put("\t").decimal(ids.real).put("\t").decimal(ids.effective);
  out.put("\t").decimal(ids.saved).put("\t").decimal(ids.fileSystem);
}

export class ProcessView extends ProcessInfo {
  pid(): u32 {
    return PROCESS_ID;
  }

  currentThread(): u32 {
    return currentThread().id;
  }

  nextThread(after: u32): u32 {
    let best: u32 = 0;
    let task = process.tasks;
    while (task) {
      if (task.id > after && (best == 0 || task.id < best)) best = task.id;
      task = task.next;
    }
    return best;
  }

  threadCount(): u32 {
    return process.taskCount;
  }

  threadName(id: u32, out: TextBuffer): void {
    const task = taskFind(id);
    if (!task) return;
    for (let at = threadName(task.thread); load<u8>(at) != 0; at++) out.byte(load<u8>(at));
  }

  setThreadName(id: u32, bytes: usize, length: u32): void {
    const task = taskFind(id);
    if (!task) return;
    memory.fill(threadName(task.thread), 0, NAME_SIZE);
    memory.copy(threadName(task.thread), bytes, min<u32>(length, NAME_SIZE - 1));
  }

  switches(id: u32, isVoluntary: bool): u64 {
    return switchCount(id, isVoluntary);
  }

  threadsCreated(): u32 {
    return process.nextId - PROCESS_ID;
  }

  threadSleeps(id: u32): bool {
    const task = taskFind(id);
    return task != null && task.thread.state == STATE_BLOCKED;
  }

  cpuTimeNs(id: u32): u64 {
    if (id == 0) return processCpuNs();
    const task = taskFind(id);
    return task ? threadCpuNs(task.thread) : 0;
  }

  virtualPages(): u64 {
    return addressSpacePages();
  }

  residentPages(): u64 {
    return residentPages();
  }

  residentPagesMax(): u64 {
    return residentPagesMax();
  }

  stackStart(): u64 {
    return started.argumentsStart;
  }

  auxiliaryVector(out: TextBuffer): void {
    putUser(out, started.auxiliaryStart, started.auxiliaryEnd);
  }

  commandLine(out: TextBuffer): void {
    putUser(out, started.argumentsStart, started.argumentsEnd);
  }

  environment(out: TextBuffer): void {
    putUser(out, started.argumentsEnd, started.environmentEnd);
  }

  program(): Dentry | null {
    const file = started.file;
    const place = file ? placeOf(file) : null;
    return place ? place.dentry : null;
  }

  signalSet(id: u32, which: u32): u64 {
    const task = taskFind(id);
    if (which == SIGNALS_PENDING) return task ? task.pending : 0;
    if (which == SIGNALS_PENDING_SHARED) return process.pending;
    if (which == SIGNALS_BLOCKED) return task ? task.mask : 0;
    let set: u64 = 0;
    for (let signal = 1; signal <= SIGNAL_MAX; signal++) {
      const handler = signalAction(signal).handler;
      const counts =
        which == SIGNALS_IGNORED ? handler == SIG_IGN : handler != SIG_IGN && handler != SIG_DFL;
      if (counts) set |= signalBit(signal);
    }
    return set;
  }

  nameServers(out: TextBuffer): void {
    nameServersText(out);
  }

  nameServersChangedNs(): u64 {
    return nameServersChangedNs();
  }

  nextDescriptor(from: i32): i32 {
    return fdNext(from);
  }

  file(descriptor: i32): File | null {
    return fdFile(descriptor);
  }

  closesOnExec(descriptor: i32): bool {
    return fdCloexec(descriptor);
  }

  resourceLimit(resource: u32, isHard: bool): u64 {
    return isHard ? resourceLimitMax(resource) : resourceLimit(resource);
  }

  mayExceedLimits(): bool {
    return capable(CAP_SYS_RESOURCE);
  }

  mayAdminister(): bool {
    return capable(CAP_SYS_ADMIN);
  }

  personality(): u32 {
    return personality();
  }

  timerSlackNs(): i64 {
    return timerSlackNs();
  }

  setTimerSlackNs(ns: i64): void {
    setTimerSlack(ns);
  }

  userId(): u32 {
    return users.real;
  }

  groupId(): u32 {
    return groups.real;
  }

  identity(): Identity | null {
    return currentIdentity();
  }

  putIds(out: TextBuffer): void {
    putIdLine(out, "\nUid:", users);
    putIdLine(out, "\nGid:", groups);
    out.put("\nFDSize:\t64\nGroups:\t");
    for (let i: u32 = 0; i < credentials.groupCount; i++) {
      out.decimal(load<u32>(credentials.groups + ((<usize>i) << 2))).byte(SPACE);
    }
    out.put("\n");
  }

  putCapabilities(out: TextBuffer): void {
    out.put("CapInh:\t").hex(credentials.inheritable, 16);
    out.put("\nCapPrm:\t").hex(credentials.permitted, 16);
    out.put("\nCapEff:\t").hex(credentials.effective, 16);
    out.put("\nCapBnd:\t").hex(credentials.bounding, 16);
    out.put("\nCapAmb:\t").hex(credentials.ambient, 16);
    out
      .put("\nNoNewPrivs:\t")
      .decimal(credentials.noNewPrivileges ? 1 : 0)
      .put("\n");
  }

  nice(id: u32): i32 {
    const task = taskFind(id);
    return task ? task.nice : 0;
  }

  realtimePriority(id: u32): u32 {
    const task = taskFind(id);
    return task ? task.realtimePriority : 0;
  }

  policy(id: u32): u32 {
    const task = taskFind(id);
    return task ? task.policy : 0;
  }

  lockedPages(): u64 {
    return lockedPages();
  }

  queuedSignals(): u32 {
    return signalRecordCount();
  }
}
