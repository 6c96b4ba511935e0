/**
 * Who is told by a signal that a file is ready: O_ASYNC and F_SETOWN, F_SETOWN_EX, F_SETSIG
 * (fcntl(2), "Managing signals").
 *
 * The owner is an observer of the file, as an epoll item is: made when it is first set, told of
 * events like that, gone with the file. Signals go out while the file has O_ASYNC, SIGURG always
 * (socket(7)). So whatever can be polled can send them, and what nobody owns pays nothing.
 */
import {
  File,
  O_ASYNC,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  PollObserver,
} from "../fs/file";
import { EFAULT, EINVAL, ENOMEM, ESRCH } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { sendSignalToProcess, sendSignalToTask } from "./signal";
import { SI_KERNEL, SIGIO, SIGNAL_MAX, SIGURG, SignalInfo } from "./signal-numbers";
import { PROCESS_ID, taskFind } from "./task";
import { loadUser, storeUser } from "./user-memory";

// include/uapi/asm-generic/fcntl.h
export const F_SETOWN: u32 = 8;
export const F_GETOWN: u32 = 9;
export const F_SETSIG: u32 = 10;
export const F_GETSIG: u32 = 11;
export const F_SETOWN_EX: u32 = 15;
export const F_GETOWN_EX: u32 = 16;
const F_OWNER_TID: u32 = 0;
const F_OWNER_PID: u32 = 1;
const F_OWNER_PGRP: u32 = 2;

// si_code of a signal chosen by F_SETSIG, include/uapi/asm-generic/siginfo.h
const POLL_IN: i32 = 1;
const POLL_OUT: i32 = 2;
const POLL_ERR: i32 = 4;
const POLL_PRI: i32 = 5;
const POLL_HUP: i32 = 6;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

class FileOwner extends PollObserver {
  type: u32 = F_OWNER_PID;
  /** Of the thread, process or group; 0: nobody. */
  id: i32 = 0;
  /** As by F_SETSIG; 0: SIGIO. */
  signal: i32 = 0;

  constructor(public fd: i32) {
    super();
  }

  ready(mask: u32): void {
    if (this.id == 0) return;
    // Of a byte out of band the owner hears in any case.
    if ((mask & POLLPRI) != 0) this.tell(SIGURG, SI_KERNEL, 0, 0);
    if ((this.observed!.flags & O_ASYNC) == 0) return;
    // SIGIO says only that something is; a signal of one's own says which descriptor, and what.
    if (this.signal == 0) this.tell(SIGIO, SI_KERNEL, 0, 0);
    else this.tell(this.signal, codeOf(mask), <u64>mask, <u64>this.fd);
  }

  private tell(signal: i32, code: i32, band: u64, fd: u64): void {
    info.set(signal, code, band);
    info.value = fd;
    if (this.type == F_OWNER_TID) {
      const task = taskFind(this.id);
      if (task) sendSignalToTask(task, info);
    } else {
      sendSignalToProcess(info);
    }
  }

  closed(): void {
    free(this);
  }
}

function codeOf(mask: u32): i32 {
  if ((mask & POLLERR) != 0) return POLL_ERR;
  if ((mask & POLLHUP) != 0) return POLL_HUP;
  if ((mask & POLLPRI) != 0) return POLL_PRI;
  return (mask & POLLIN) != 0 || (mask & POLLOUT) == 0 ? POLL_IN : POLL_OUT;
}

/** The owner of a file, or null. */
function findOwner(file: File): FileOwner | null {
  let observer = file.firstObserver();
  while (observer && !(observer instanceof FileOwner)) observer = observer.nextObserver;
  return <FileOwner | null>observer;
}

/** The owner of a file, made if need be. Null when memory is out. */
function ownerOf(file: File, fd: i32): FileOwner | null {
  const found = findOwner(file);
  if (found) return found;
  const made = attempt(new FileOwner(fd));
  if (made) file.addObserver(made);
  return made;
}

function setOwner(file: File, fd: i32, type: u32, id: i32): i64 {
  // The one process leads the one group; 0 is nobody.
  const known = id == 0 || (type == F_OWNER_TID ? taskFind(id) != null : id == PROCESS_ID);
  if (!known) return -ESRCH;
  const owner = ownerOf(file, fd);
  if (!owner) return -ENOMEM;
  owner.type = type;
  owner.id = id;
  return 0;
}

/** The commands above: the value, 0, -EFAULT, -EINVAL, -ENOMEM, -ESRCH. */
export function ownerCommand(fd: i32, file: File, command: u32, argument: u64): i64 {
  const owner = findOwner(file);
  const id = owner ? owner.id : 0;
  const type = owner ? owner.type : F_OWNER_PID;
  switch (command) {
    case F_SETOWN: {
      const target = <i32>argument;
      return setOwner(file, fd, target < 0 ? F_OWNER_PGRP : F_OWNER_PID, abs(target));
    }
    case F_GETOWN:
      return type == F_OWNER_PGRP ? -id : id;
    case F_SETOWN_EX: {
      if (loadUser(threadScratch(), argument, 8) != 0) return -EFAULT;
      const kind = load<u32>(threadScratch());
      if (kind > F_OWNER_PGRP) return -EINVAL;
      return setOwner(file, fd, kind, load<i32>(threadScratch() + 4));
    }
    case F_GETOWN_EX:
      store<u32>(threadScratch(), type);
      store<i32>(threadScratch() + 4, id);
      return storeUser(argument, threadScratch(), 8);
    case F_SETSIG: {
      if (argument > <u64>SIGNAL_MAX) return -EINVAL;
      const made = ownerOf(file, fd);
      if (!made) return -ENOMEM;
      made.signal = <i32>argument;
      return 0;
    }
    default:
      return owner ? owner.signal : 0;
  }
}
