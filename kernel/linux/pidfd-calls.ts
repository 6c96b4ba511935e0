/**
 * Descriptors that stand for a process (pidfd_open(2)), and waiting for processes. There is one,
 * which is alive whenever it asks: so its descriptor is never ready, and it has no children.
 *
 * Not there: PIDFD_THREAD, and a directory of /proc in the place of such a descriptor.
 */
import { File, fileGet, O_NONBLOCK, O_RDWR } from "../fs/file";
import { Stat } from "../fs/stat";
import { EBADF, ECHILD, EFAULT, EINVAL, ENOMEM, ESRCH } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { attempt } from "../runtime/attempt";
import { threadScratch } from "../sched/thread";
import { fdFile, fdInstall } from "./descriptors";
import { sendSignalToProcess } from "./signal";
import { SI_USER, SIGNAL_MAX, SignalInfo } from "./signal-numbers";
import { PROCESS_ID, taskFind } from "./task";
import { loadUser } from "./user-memory";

// wait(2): include/uapi/linux/wait.h
const WNOHANG: u32 = 0x00000001;
const WSTOPPED: u32 = 0x00000002;
const WEXITED: u32 = 0x00000004;
const WCONTINUED: u32 = 0x00000008;
const WNOWAIT: u32 = 0x01000000;
/** __WNOTHREAD, __WALL, __WCLONE. */
const WAIT_SORTS: u32 = 0xe0000000;
const P_ALL: u32 = 0;
const P_PID: u32 = 1;
const P_PGID: u32 = 2;
const P_PIDFD: u32 = 3;

class PidFile extends File {
  constructor(flags: u32) {
    super();
    this.flags = O_RDWR | flags;
  }

  /** It would be the end of the process. */
  poll(): u32 {
    return 0;
  }

  stat(out: Stat): i32 {
    out.reset(0o600);
    return 0;
  }

  describe(out: TextBuffer): void {
    out.put("Pid:\t").decimal(PROCESS_ID).put("\nNSpid:\t").decimal(PROCESS_ID).put("\n");
  }

  anonymousName(): string {
    return "[pidfd]";
  }
}

/** Whether a descriptor stands for a process. */
export function isPidFile(fd: i32): bool {
  const file = fdFile(fd);
  return file != null && file instanceof PidFile;
}

/** `flags`: PIDFD_NONBLOCK. A thread that does not lead its process is -EINVAL. */
export function sys_pidfd_open(pid: i32, flags: u32): i64 {
  if ((flags & ~O_NONBLOCK) != 0 || pid <= 0) return -EINVAL;
  if (pid != <i32>PROCESS_ID) return taskFind(pid) ? -EINVAL : -ESRCH;
  const file = attempt(new PidFile(flags));
  return file ? fdInstall(file, true) : -ENOMEM;
}

export function sys_pidfd_send_signal(fd: i32, signal: i32, infoAt: u64, flags: u32): i64 {
  if (flags != 0) return -EINVAL;
  if (!isPidFile(fd)) return -EBADF;
  const info = changetype<SignalInfo>(threadScratch());
  if (infoAt == 0) {
    info.set(signal, SI_USER, PROCESS_ID);
  } else {
    const error = loadUser(changetype<usize>(info), infoAt, offsetof<SignalInfo>());
    if (error != 0) return -EFAULT;
    if (info.signo != signal) return -EINVAL;
  }
  if (signal < 0 || signal > SIGNAL_MAX) return -EINVAL;
  return signal == 0 ? 0 : sendSignalToProcess(info);
}

/** A second descriptor of one of the process' open files. */
export function sys_pidfd_getfd(fd: i32, target: i32, flags: u32): i64 {
  if (flags != 0) return -EINVAL;
  const file = fdFile(target);
  if (!isPidFile(fd) || !file) return -EBADF;
  fileGet(file);
  return fdInstall(file, true);
}

/** What is waited for is checked; then there is no child. */
export function sys_waitid(type: u32, id: i32, info: u64, options: u32): i64 {
  const states = WSTOPPED | WEXITED | WCONTINUED;
  if ((options & ~(WNOHANG | WNOWAIT | WAIT_SORTS | states)) != 0) return -EINVAL;
  if ((options & states) == 0) return -EINVAL;
  switch (type) {
    case P_ALL:
      return -ECHILD;
    case P_PID:
      return id > 0 ? -ECHILD : -EINVAL;
    case P_PGID:
      return id >= 0 ? -ECHILD : -EINVAL;
    case P_PIDFD:
      if (id < 0) return -EINVAL;
      return isPidFile(id) ? -ECHILD : -EBADF;
    default:
      return -EINVAL;
  }
}

export function sys_wait4(pid: i32, status: u64, options: u32): i64 {
  if ((options & ~(WNOHANG | WSTOPPED | WCONTINUED | WAIT_SORTS)) != 0) return -EINVAL;
  return pid == i32.MIN_VALUE ? -ESRCH : -ECHILD;
}
