/**
 * System calls on System V messages: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). The queues are in
 * ipc/messages.ts.
 */
import { isError } from "../fs/inode";
import { IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_READ, IPC_WRITE } from "../ipc/ipc";
import {
  Message,
  MessageQueue,
  MSGMAX,
  MSGMNB,
  MSGMNI,
  messageAlloc,
  messageBytesInUse,
  messageFree,
  messagesInUse,
  queueCreate,
  queues,
  WANTS_ANY,
  WANTS_LOWEST,
  WANTS_OTHER,
  WANTS_TYPE,
  Wish,
} from "../ipc/messages";
import {
  E2BIG,
  EACCES,
  EAGAIN,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOMSG,
  EPERM,
} from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { CAP_SYS_RESOURCE, capable } from "./credentials";
import { IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, putPermissions, takePermissions } from "./ipc-perm";
import { PROCESS_ID } from "./task";
import { loadUser, storeUser, storeUser64 } from "./user-memory";

// include/uapi/linux/msg.h
const MSG_NOERROR: u32 = 0o10000;
const MSG_EXCEPT: u32 = 0o20000;
const MSG_COPY: u32 = 0o40000;
const MSG_STAT: u32 = 11;
const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;
const MSGPOOL: u32 = (MSGMNI * MSGMNB) / 1024;
const MSGSSZ: u32 = 16;
const MSGSEG: u16 = 0xffff;
/** struct msgbuf: 0 i64 mtype   8 mtext */
const MTEXT: u64 = 8;

/*
 * struct msqid64_ds: 0 msg_perm   48 msg_stime   56 msg_rtime   64 msg_ctime   72 msg_cbytes
 *                    80 msg_qnum   88 msg_qbytes   96 i32 msg_lspid   100 i32 msg_lrpid
 *                    104, 112 unused
 * struct msginfo, i32 each:
 *     msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql, u16 msgseg
 */
const MSQID_DS_SIZE: usize = 120;
const MSGINFO_SIZE: usize = 32;

export function sys_msgget(key: u32, flags: u32): i64 {
  const present = queues.keyed(key);
  // Key 0, IPC_PRIVATE, is always a new queue.
  if (!present) return key == 0 || (flags & IPC_CREAT) != 0 ? queueCreate(key, flags) : -ENOENT;
  if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return -EEXIST;
  return present.allows(flags) ? present.id : -EACCES;
}

// ---- Sending ------------------------------------------------------------------------------------

/** Copies type and text of a struct msgbuf in: a Message, or -errno. May sleep. */
function loadMessage(from: u64, size: u32): usize {
  if (loadUser(threadScratch(), from, 8) != 0) return -EFAULT;
  const type = load<i64>(threadScratch());
  if (type < 1) return -EINVAL;
  const message = messageAlloc(type, size);
  if (!message) return -ENOMEM;
  if (loadUser(message.text, from + MTEXT, size) == 0) return changetype<usize>(message);
  messageFree(message);
  return -EFAULT;
}

export function sys_msgsnd(id: i32, buffer: u64, size: u64, flags: u32): i64 {
  if (size > MSGMAX || id < 0) return -EINVAL;
  const loaded = loadMessage(buffer, <u32>size);
  if (isError(loaded)) return <i64>(<i32>loaded);
  const message = changetype<Message>(loaded);
  const queue = queues.find(id);
  let result: i64 = queue ? 0 : queues.error(id);
  if (queue && !queue.allows(IPC_WRITE)) result = -EACCES;
  if (queue && result == 0) result = queue.send(message, (flags & IPC_NOWAIT) != 0, PROCESS_ID);
  if (result != 0) messageFree(message);
  return result;
}

// ---- Receiving ----------------------------------------------------------------------------------

/** Type and up to `size` bytes of text: how many, or -EFAULT. May sleep. */
function storeMessage(to: u64, message: Message, size: u64): i64 {
  const bytes = min<u64>(message.size, size);
  if (storeUser64(to, message.type) != 0) return -EFAULT;
  return storeUser(to + MTEXT, message.text, bytes) != 0 ? -EFAULT : bytes;
}

/** MSG_COPY: the message at a place stays where it is. */
function copyMessage(id: i32, to: u64, size: u64, place: i64, flags: u32): i64 {
  if ((flags & MSG_EXCEPT) != 0 || (flags & IPC_NOWAIT) == 0) return -EINVAL;
  const queue = queues.find(id);
  if (!queue) return queues.error(id);
  if (!queue.allows(IPC_READ)) return -EACCES;
  const message = place >= 0 ? queue.peek(place) : null;
  if (!message) return -ENOMSG;
  if (<u64>message.size > size) return (flags & MSG_NOERROR) == 0 ? -E2BIG : -EINVAL;
  // The copy to the application may sleep, and the message be received by another meanwhile.
  const copy = messageAlloc(message.type, message.size);
  if (!copy) return -ENOMEM;
  memory.copy(copy.text, message.text, message.size);
  const result = storeMessage(to, copy, size);
  messageFree(copy);
  return result;
}

function wants(type: i64, flags: u32): u32 {
  if (type == 0) return WANTS_ANY;
  if (type < 0) return WANTS_LOWEST;
  return (flags & MSG_EXCEPT) != 0 ? WANTS_OTHER : WANTS_TYPE;
}

/** -type; the lowest number has no negative. */
function bound(type: i64): i64 {
  if (type >= 0) return type;
  return type == i64.MIN_VALUE ? i64.MAX_VALUE : -type;
}

/** 0, and the message is in the wish; or -errno. May sleep. */
function receive(id: i32, wish: Wish): i64 {
  let result: i64 = -EAGAIN;
  while (result == -EAGAIN) {
    const queue = queues.find(id);
    if (!queue) return queues.error(id);
    if (!queue.allows(IPC_READ)) return -EACCES;
    result = queue.receive(wish);
  }
  return result;
}

export function sys_msgrcv(id: i32, buffer: u64, size: u64, type: i64, flags: u32): i64 {
  if (id < 0 || <i64>size < 0) return -EINVAL;
  if ((flags & MSG_COPY) != 0) return copyMessage(id, buffer, size, type, flags);
  const truncates = (flags & MSG_NOERROR) != 0;
  const noWait = (flags & IPC_NOWAIT) != 0;
  const kind = wants(type, flags);
  const wish = attempt(new Wish(kind, bound(type), size, truncates, noWait, PROCESS_ID));
  if (!wish) return -ENOMEM;
  let result = receive(id, wish);
  const message = wish.message;
  if (message) {
    // What can't be told is lost, as on Linux.
    result = storeMessage(buffer, message, size);
    messageFree(message);
  }
  free(wish);
  return result;
}

// ---- Control ------------------------------------------------------------------------------------

/** The limits, or what is in use. The highest place in the table, or -EFAULT. */
function tellInfo(command: u32, to: u64): i64 {
  const at = threadScratch();
  const isLimits = command == IPC_INFO;
  const highest = queues.highest();
  store<u32>(at, isLimits ? MSGPOOL : queues.count);
  store<u32>(at, isLimits ? MSGMNB : messagesInUse(), 4);
  store<u32>(at, MSGMAX, 8);
  store<u32>(at, MSGMNB, 12);
  store<u32>(at, MSGMNI, 16);
  store<u32>(at, MSGSSZ, 20);
  store<u32>(at, isLimits ? MSGMNB : <u32>messageBytesInUse(), 24);
  store<u32>(at, MSGSEG, 28);
  return storeUser(to, at, MSGINFO_SIZE) != 0 ? -EFAULT : highest;
}

/** IPC_STAT, MSG_STAT, MSG_STAT_ANY: the latter two by place, and tell the identifier. */
function tellStatus(command: u32, which: i32, to: u64): i64 {
  const byPlace = command != IPC_STAT;
  const queue = byPlace ? queues.at(which) : queues.find(which);
  if (!queue) return byPlace ? -EINVAL : queues.error(which);
  if (command != MSG_STAT_ANY && !queue.allows(IPC_READ)) return -EACCES;
  const at = threadScratch();
  memory.fill(at, 0, MSQID_DS_SIZE);
  putPermissions(at, queue);
  store<u64>(at, queue.sentAt, 48);
  store<u64>(at, queue.receivedAt, 56);
  store<u64>(at, queue.changedAt, 64);
  store<u64>(at, queue.bytes, 72);
  store<u64>(at, queue.count, 80);
  store<u64>(at, queue.bytesMax, 88);
  store<u32>(at, queue.sentBy, 96);
  store<u32>(at, queue.receivedBy, 100);
  const result = byPlace ? queue.id : 0;
  return storeUser(to, at, MSQID_DS_SIZE) != 0 ? -EFAULT : result;
}

/** IPC_SET with a struct msqid64_ds in the thread's memory. */
function change(queue: MessageQueue): i64 {
  const at = threadScratch();
  const bytesMax = load<u64>(at, 88);
  if (bytesMax > MSGMNB && !capable(CAP_SYS_RESOURCE)) return -EPERM;
  takePermissions(at, queue);
  queue.changed(bytesMax);
  return 0;
}

export function sys_msgctl(id: i32, command: u32, buffer: u64): i64 {
  if (id < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO:
    case MSG_INFO:
      return tellInfo(command, buffer);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
      return tellStatus(command, id, buffer);
    case IPC_SET:
      // What the copy may sleep over is before the queue is looked for.
      if (loadUser(threadScratch(), buffer, MSQID_DS_SIZE) != 0) return -EFAULT;
      break;
    case IPC_RMID:
      break;
    default:
      return -EINVAL;
  }
  const queue = queues.find(id);
  if (!queue) return queues.error(id);
  if (!queue.isOwned()) return -EPERM;
  if (command == IPC_SET) return change(queue);
  queue.remove();
  return 0;
}
