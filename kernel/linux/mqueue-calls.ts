/**
 * System calls on POSIX message queues: mq_open(2), mq_unlink(2), mq_timedsend(2),
 * mq_timedreceive(2), mq_notify(2), mq_getsetattr(2). The queues are in ipc/mqueue.ts.
 *
 * A notification ends with the open file by which it was asked for, on Linux already with any
 * descriptor of the queue. Letters wait by their priority, threads as they came.
 */
import { addressOf } from "../arch/hw";
import {
  fileGet,
  filePut,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../fs/file";
import { isError } from "../fs/inode";
import { creationMask } from "../fs/vfs";
import { IPC_READ, IPC_WRITE } from "../ipc/ipc";
import {
  Correspondent,
  DFLT_MSG,
  DFLT_MSGMAX,
  DFLT_MSGSIZE,
  DFLT_MSGSIZEMAX,
  DFLT_QUEUESMAX,
  HARD_MSGMAX,
  HARD_MSGSIZEMAX,
  Letter,
  letterAlloc,
  letterFree,
  MQ_PRIO_MAX,
  Mqueue,
  MqueueFile,
  mqueueBytes,
  mqueueCost,
  mqueueCount,
  mqueueCreate,
  mqueueFind,
  Notifier,
} from "../ipc/mqueue";
import {
  EACCES,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EMFILE,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTSOCK,
  EPERM,
} from "../lib/errno";
import { packetAlloc, packetFree } from "../net/packet";
import { NetlinkSocket } from "../net/socket/netlink-socket";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { CLOCK_REALTIME, clockDeadline } from "./clocks";
import { CAP_SYS_RESOURCE, capable } from "./credentials";
import { fdFile, fdInstall } from "./descriptors";
import { RLIMIT_MSGQUEUE, resourceLimit } from "./limits";
import {
  NOTIFY_COOKIE_LEN,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
  SignalNotifier,
  SilentNotifier,
  SocketNotifier,
} from "./mqueue-notify";
import { SIGNAL_MAX } from "./signal-numbers";
import { loadTimespec } from "./timespec";
import { copyStringFromUser, loadUser, storeUser, storeUser32 } from "./user-memory";

/*
 * struct mq_attr: 0 mq_flags   8 mq_maxmsg   16 mq_msgsize   24 mq_curmsgs   32 … 56 unused
 * struct sigevent: 0 sigev_value   8 i32 sigev_signo   12 i32 sigev_notify
 */
const MQ_ATTR_SIZE: usize = 64;
const SIGEVENT_SIZE: u64 = 64;
const NAME_MAX: u32 = 255;
const PERMISSIONS: u32 = 0o777;
const SLASH: u32 = 47;
const DOT: u32 = 46;

// ---- Names and opening --------------------------------------------------------------------------

/** Loads a queue's name (libraries have taken the slash off) to `at`: its length or -errno. */
function loadName(at: usize, from: u64): i64 {
  const length = copyStringFromUser(at, from, NAME_MAX + 1);
  if (length < 0) return length;
  if (length == 0) return -ENOENT;
  if (length > <i64>NAME_MAX) return -ENAMETOOLONG;
  for (let i: i64 = 0; i < length; i++) {
    if (load<u8>(at + <usize>i) == SLASH) return -EACCES;
  }
  const isDots = load<u8>(at) == DOT && (length == 1 || (length == 2 && load<u8>(at, 1) == DOT));
  return isDots ? -EACCES : length;
}

/** Why there can't be such a queue: 0, -EINVAL, -ENOSPC or -EMFILE. */
function limitError(lettersMax: i64, sizeMax: i64): i64 {
  const isMighty = capable(CAP_SYS_RESOURCE);
  if (!isMighty && mqueueCount() >= DFLT_QUEUESMAX) return -ENOSPC;
  const most: i64 = isMighty ? HARD_MSGMAX : DFLT_MSGMAX;
  const largest: i64 = isMighty ? HARD_MSGSIZEMAX : DFLT_MSGSIZEMAX;
  if (lettersMax <= 0 || lettersMax > most || sizeMax <= 0 || sizeMax > largest) return -EINVAL;
  const cost = mqueueCost(lettersMax, sizeMax);
  const limit = resourceLimit(RLIMIT_MSGQUEUE);
  return cost > limit || mqueueBytes() > limit - cost ? -EMFILE : 0;
}

/** Whether a queue may be opened so: 0, -EINVAL or -EACCES. */
function accessError(queue: Mqueue, flags: u32): i64 {
  const access = flags & O_ACCMODE;
  if (access == O_ACCMODE) return -EINVAL;
  const reads = access != O_WRONLY ? IPC_READ : 0;
  const writes = access != O_RDONLY ? IPC_WRITE : 0;
  return queue.allows(reads | writes) ? 0 : -EACCES;
}

/** Opens a queue: a descriptor, which always closes on exec, or -errno. */
function open(queue: Mqueue, flags: u32): i64 {
  const file = attempt(new MqueueFile(queue, flags));
  if (!file) return -ENOMEM;
  queue.references++;
  return fdInstall(file, true);
}

export function sys_mq_open(nameAt: u64, flags: u32, mode: u32, attributes: u64): i64 {
  let lettersMax: i64 = DFLT_MSG;
  let sizeMax: i64 = DFLT_MSGSIZE;
  const at = threadScratch();
  if (attributes != 0) {
    if (loadUser(at, attributes, MQ_ATTR_SIZE) != 0) return -EFAULT;
    lettersMax = load<i64>(at, 8);
    sizeMax = load<i64>(at, 16);
  }
  const length = loadName(at, nameAt);
  if (length < 0) return length;
  const present = mqueueFind(at, <u32>length);
  if (present) {
    if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return -EEXIST;
    const error = accessError(present, flags);
    return error != 0 ? error : open(present, flags);
  }
  if ((flags & O_CREAT) == 0) return -ENOENT;
  if ((flags & O_ACCMODE) == O_ACCMODE) return -EINVAL;
  const error = limitError(lettersMax, sizeMax);
  if (error != 0) return error;
  const permissions = mode & PERMISSIONS & ~creationMask();
  const made = mqueueCreate(at, <u32>length, <u32>lettersMax, <u32>sizeMax, permissions);
  if (!made) return -ENOMEM;
  const fd = open(made, flags);
  if (fd < 0) made.unlink();
  return fd;
}

export function sys_mq_unlink(nameAt: u64): i64 {
  const at = threadScratch();
  const length = loadName(at, nameAt);
  if (length < 0) return length;
  const queue = mqueueFind(at, <u32>length);
  if (!queue) return -ENOENT;
  if (!queue.isOwned()) return -EPERM;
  queue.unlink();
  return 0;
}

// ---- Sending and receiving ----------------------------------------------------------------------

/** The file of a queue, borrowed, if `refused` (O_RDONLY or O_WRONLY) is not how it was opened. */
function queueFile(fd: i32, refused: u32): MqueueFile | null {
  const file = fdFile(fd);
  if (!file || !(file instanceof MqueueFile)) return null;
  return (file.flags & O_ACCMODE) == refused ? null : <MqueueFile>file;
}

/** No time at all: for ever. It is no errno that `loadTimespec` has. */
const FOREVER: i64 = -1;

/** The real time, in ns, of a struct timespec, or FOREVER; -EFAULT or -EINVAL, which are less. */
function loadTime(from: u64): i64 {
  return from != 0 ? loadTimespec(from) : FOREVER;
}

function deadlineOf(time: i64): u64 {
  return time == FOREVER ? NO_DEADLINE : clockDeadline(CLOCK_REALTIME, time);
}

export function sys_mq_timedsend(fd: i32, from: u64, size: u64, priority: u32, timeout: u64): i64 {
  const time = loadTime(timeout);
  if (time < FOREVER) return time;
  if (priority >= MQ_PRIO_MAX) return -EINVAL;
  const file = queueFile(fd, O_RDONLY);
  if (!file) return -EBADF;
  const queue = file.queue;
  if (size > queue.sizeMax) return -EMSGSIZE;
  const letter = letterAlloc(priority, <u32>size);
  if (!letter) return -ENOMEM;
  // The file keeps the queue while the copy or the wait sleeps.
  fileGet(file);
  let result: i64 = loadUser(letter.text, from, size);
  const noWait = (file.flags & O_NONBLOCK) != 0;
  if (result == 0) result = queue.send(letter, noWait, deadlineOf(time));
  if (result != 0) letterFree(letter);
  filePut(file);
  return result;
}

/** Text and priority: how many bytes of text, or -EFAULT. */
function storeLetter(letter: Letter, to: u64, priorityTo: u64): i64 {
  if (priorityTo != 0 && storeUser32(priorityTo, letter.priority) != 0) return -EFAULT;
  return storeUser(to, letter.text, letter.size) != 0 ? -EFAULT : letter.size;
}

export function sys_mq_timedreceive(
  fd: i32,
  to: u64,
  size: u64,
  priorityTo: u64,
  timeout: u64,
): i64 {
  const time = loadTime(timeout);
  if (time < FOREVER) return time;
  const file = queueFile(fd, O_WRONLY);
  if (!file) return -EBADF;
  if (size < file.queue.sizeMax) return -EMSGSIZE;
  const receiver = attempt(new Correspondent());
  if (!receiver) return -ENOMEM;
  fileGet(file);
  const noWait = (file.flags & O_NONBLOCK) != 0;
  let result = file.queue.receive(receiver, noWait, deadlineOf(time));
  const letter = receiver.letter;
  if (letter) {
    // What can't be told is lost, as on Linux.
    result = storeLetter(letter, to, priorityTo);
    letterFree(letter);
  }
  free(receiver);
  filePut(file);
  return result;
}

// ---- Notification and attributes ----------------------------------------------------------------

/** SIGEV_THREAD: a notifier for the cookie at an address, by a netlink socket; or -errno. */
function socketNotifier(fd: i32, cookieAt: u64): usize {
  const cookie = threadScratch();
  if (loadUser(cookie, cookieAt, NOTIFY_COOKIE_LEN) != 0) return -EFAULT;
  const file = fdFile(fd);
  if (!file) return -EBADF;
  if (!(file instanceof NetlinkSocket)) return -ENOTSOCK;
  const packet = packetAlloc();
  if (!packet) return -ENOMEM;
  const at = packet.append(NOTIFY_COOKIE_LEN);
  const socket = <NetlinkSocket>file;
  const made = attempt(new SocketNotifier(socket, packet, at, addressOf(cookie)));
  if (!made) packetFree(packet);
  return made ? changetype<usize>(made) : -ENOMEM;
}

/** The notifier that a struct sigevent asks for, or -errno. May sleep. */
function makeNotifier(event: u64): usize {
  const at = threadScratch();
  if (loadUser(at, event, SIGEVENT_SIZE) != 0) return -EFAULT;
  const value = load<u64>(at);
  const signal = load<u32>(at, 8);
  const kind = load<u32>(at, 12);
  if (kind == SIGEV_THREAD) return socketNotifier(<i32>signal, value);
  if (kind != SIGEV_NONE && kind != SIGEV_SIGNAL) return -EINVAL;
  if (kind == SIGEV_SIGNAL && signal > <u32>SIGNAL_MAX) return -EINVAL;
  const made: Notifier | null =
    kind == SIGEV_SIGNAL
      ? attempt(new SignalNotifier(signal, value))
      : attempt(new SilentNotifier());
  return made ? changetype<usize>(made) : -ENOMEM;
}

export function sys_mq_notify(fd: i32, event: u64): i64 {
  let notifier: Notifier | null = null;
  if (event != 0) {
    const made = makeNotifier(event);
    if (isError(made)) return <i64>(<i32>made);
    notifier = changetype<Notifier>(made);
  }
  const file = fdFile(fd);
  const isQueue = file != null && file instanceof MqueueFile;
  const queue: Mqueue | null = isQueue ? (<MqueueFile>file).queue : null;
  let error: i64 = queue ? 0 : -EBADF;
  if (queue && notifier && queue.notifier) error = -EBUSY;
  if (queue && error == 0) queue.setNotifier(notifier);
  else if (notifier) notifier.destroy();
  return error;
}

/** Of the attributes only O_NONBLOCK can be changed. */
export function sys_mq_getsetattr(fd: i32, from: u64, to: u64): i64 {
  const at = threadScratch();
  let flags: u64 = 0;
  if (from != 0) {
    if (loadUser(at, from, MQ_ATTR_SIZE) != 0) return -EFAULT;
    flags = load<u64>(at);
    if ((flags & ~(<u64>O_NONBLOCK)) != 0) return -EINVAL;
  }
  const file = fdFile(fd);
  if (!file || !(file instanceof MqueueFile)) return -EBADF;
  const queue = (<MqueueFile>file).queue;
  memory.fill(at, 0, MQ_ATTR_SIZE);
  store<u64>(at, file.flags & O_NONBLOCK);
  store<u64>(at, queue.lettersMax, 8);
  store<u64>(at, queue.sizeMax, 16);
  store<u64>(at, queue.count, 24);
  if (from != 0) file.flags = (file.flags & ~O_NONBLOCK) | <u32>flags;
  return to != 0 ? storeUser(to, at, MQ_ATTR_SIZE) : 0;
}
