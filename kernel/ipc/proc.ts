/**
 * IPC's part of /proc: the tables of /proc/sysvipc, and the limits in /proc/sys/kernel, which can't
 * be changed.
 *
 *     ipcProcInit()      at boot
 */
import { procNumber } from "../fs/proc/settings";
import { addText, setIpcTree } from "../fs/procfs";
import { TmpDirectory } from "../fs/tmpfs";
import { TextBuffer } from "../lib/text-buffer";
import { PAGE_SHIFT } from "../mem/page-allocator";
import { IpcObject } from "./ipc";
import { MSGMAX, MSGMNB, MSGMNI, queues } from "./messages";
import { DFLT_MSG, DFLT_MSGMAX, DFLT_MSGSIZE, DFLT_MSGSIZEMAX, DFLT_QUEUESMAX } from "./mqueue";
import { SEMMNI, SEMMNS, SEMMSL, SEMOPM, sets } from "./semaphores";
import { SHMALL, SHMMAX, SHMMNI, segments } from "./shared-memory";

const SPACE: u32 = 32;
const ZERO: u32 = 48;

/** A number in base 8, right-aligned in 4 columns. */
function octal(out: TextBuffer, value: u32): TextBuffer {
  let digits = 1;
  while (value >> (<u32>digits * 3) != 0) digits++;
  for (let i = digits; i < 4; i++) out.byte(SPACE);
  for (let i = digits - 1; i >= 0; i--) out.byte(ZERO + ((value >> (<u32>i * 3)) & 7));
  return out;
}

/** Key, identifier and permissions. */
function begin(out: TextBuffer, object: IpcObject): void {
  const key = <i32>object.key;
  let digits = 1;
  for (let rest = <u64>abs(<i64>key) / 10; rest != 0; rest /= 10) digits++;
  for (let i = digits + (key < 0 ? 1 : 0); i < 10; i++) out.byte(SPACE);
  out.signed(key).byte(SPACE).decimal(object.id, 10).put("  ");
  octal(out, object.mode).byte(SPACE);
}

function putColumn(out: TextBuffer, value: u64, width: i32): void {
  out.byte(SPACE).decimal(value, width);
}

function putOwners(out: TextBuffer, object: IpcObject): void {
  putColumn(out, object.user, 5);
  putColumn(out, object.group, 5);
  putColumn(out, object.creator, 5);
  putColumn(out, object.creatorGroup, 5);
}

function procShm(out: TextBuffer, subject: u32): void {
  out.put("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid");
  out.put("  cgid      atime      dtime      ctime                   rss                  swap\n");
  const highest = segments.highest();
  for (let i: u32 = 0; i <= highest; i++) {
    const segment = segments.at(i);
    if (!segment) continue;
    begin(out, segment);
    out.decimal(segment.bytes, 21);
    putColumn(out, segment.creatorPid, 5);
    putColumn(out, segment.lastPid, 5);
    out.put(" ");
    putColumn(out, segment.attachments(), 5);
    putOwners(out, segment);
    putColumn(out, segment.attachedAt, 10);
    putColumn(out, segment.detachedAt, 10);
    putColumn(out, segment.changedAt, 10);
    putColumn(out, segment.pages.resident << PAGE_SHIFT, 21);
    putColumn(out, 0, 21);
    out.put("\n");
  }
}

function procSem(out: TextBuffer, subject: u32): void {
  out.put("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
  const highest = sets.highest();
  for (let i: u32 = 0; i <= highest; i++) {
    const set = sets.at(i);
    if (!set) continue;
    begin(out, set);
    out.decimal(set.count, 10);
    putOwners(out, set);
    putColumn(out, set.operatedAt, 10);
    putColumn(out, set.changedAt, 10);
    out.put("\n");
  }
}

function procMsg(out: TextBuffer, subject: u32): void {
  out.put("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid");
  out.put("      stime      rtime      ctime\n");
  const highest = queues.highest();
  for (let i: u32 = 0; i <= highest; i++) {
    const queue = queues.at(i);
    if (!queue) continue;
    begin(out, queue);
    putColumn(out, queue.bytes, 10);
    putColumn(out, queue.count, 10);
    putColumn(out, queue.sentBy, 5);
    putColumn(out, queue.receivedBy, 5);
    putOwners(out, queue);
    putColumn(out, queue.sentAt, 10);
    putColumn(out, queue.receivedAt, 10);
    putColumn(out, queue.changedAt, 10);
    out.put("\n");
  }
}

const SETTING_SHMMAX: u32 = 0;
const SETTING_SHMALL: u32 = 1;

/** A limit of more than 32 bits. */
function procLimit(out: TextBuffer, setting: u32): void {
  out.decimal(setting == SETTING_SHMMAX ? SHMMAX : SHMALL).put("\n");
}

function procSemLimits(out: TextBuffer, subject: u32): void {
  out.decimal(SEMMSL).put("\t").decimal(SEMMNS).put("\t");
  out.decimal(SEMOPM).put("\t").decimal(SEMMNI).put("\n");
}

function fillTables(tables: TmpDirectory): void {
  addText(tables, "shm", 0o444, procShm);
  addText(tables, "sem", 0o444, procSem);
  addText(tables, "msg", 0o444, procMsg);
}

function fillKernelSettings(directory: TmpDirectory): void {
  addText(directory, "msgmax", 0o444, procNumber, MSGMAX);
  addText(directory, "msgmnb", 0o444, procNumber, MSGMNB);
  addText(directory, "msgmni", 0o444, procNumber, MSGMNI);
  addText(directory, "shmmax", 0o444, procLimit, SETTING_SHMMAX);
  addText(directory, "shmall", 0o444, procLimit, SETTING_SHMALL);
  addText(directory, "shmmni", 0o444, procNumber, SHMMNI);
  addText(directory, "shm_rmid_forced", 0o444, procNumber, 0);
  addText(directory, "sem", 0o444, procSemLimits);
}

function fillFsSettings(directory: TmpDirectory): void {
  addText(directory, "mqueue/msg_default", 0o444, procNumber, DFLT_MSG);
  addText(directory, "mqueue/msg_max", 0o444, procNumber, DFLT_MSGMAX);
  addText(directory, "mqueue/msgsize_default", 0o444, procNumber, DFLT_MSGSIZE);
  addText(directory, "mqueue/msgsize_max", 0o444, procNumber, DFLT_MSGSIZEMAX);
  addText(directory, "mqueue/queues_max", 0o444, procNumber, DFLT_QUEUESMAX);
}

export function ipcProcInit(): void {
  setIpcTree(fillTables, fillKernelSettings, fillFsSettings);
}
