/**
 * Who the process is: its ids, its user (root; there are no others), its names, its rights.
 * Changing an id to what it is succeeds, and so does any other change: there is nothing that it
 * would be checked against.
 */
import { ECHILD, EFAULT, EINVAL, EPERM, ESRCH } from "../lib/errno";
import { hostName, KERNEL_RELEASE, KERNEL_VERSION, MACHINE, SYSTEM_NAME } from "../lib/release";
import { currentThread, SCRATCH_SIZE, threadName, threadScratch } from "../sched/thread";
import { PROCESS_ID, taskFind } from "./task";
import { copyStringFromUser, loadUser, storeUser, storeUser32 } from "./user-memory";

/** struct new_utsname: six fields of 65 bytes. */
const UTS_FIELD: usize = 65;
const UTS_SIZE: usize = 390;
/** TASK_COMM_LEN. */
const NAME_SIZE: u64 = 16;

// include/uapi/linux/prctl.h
const PR_SET_PDEATHSIG: u32 = 1;
const PR_GET_PDEATHSIG: u32 = 2;
const PR_GET_DUMPABLE: u32 = 3;
const PR_SET_DUMPABLE: u32 = 4;
const PR_GET_KEEPCAPS: u32 = 7;
const PR_SET_KEEPCAPS: u32 = 8;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_SECCOMP: u32 = 21;
const PR_CAPBSET_READ: u32 = 23;
const PR_CAPBSET_DROP: u32 = 24;
const PR_SET_TIMERSLACK: u32 = 29;
const PR_GET_TIMERSLACK: u32 = 30;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_GET_NO_NEW_PRIVS: u32 = 39;
const PR_SET_THP_DISABLE: u32 = 41;
const PR_GET_THP_DISABLE: u32 = 42;
const PR_SET_PTRACER: u32 = 0x59616d61;
const DEFAULT_TIMERSLACK_NS: i64 = 50_000;
const CAP_LAST_CAP: u64 = 40;

/** personality(2) that asks for the current value. */
const PERSONALITY_QUERY: u32 = 0xffffffff;

// include/uapi/linux/capability.h
const CAPABILITY_VERSION_1: u32 = 0x19980330;
const CAPABILITY_VERSION_2: u32 = 0x20071026;
const CAPABILITY_VERSION_3: u32 = 0x20080522;
const ALL_CAPABILITIES: u64 = ((<u64>1) << 41) - 1;

if (UTS_SIZE > SCRATCH_SIZE) ERROR("struct utsname fits into the thread's memory");
let dumpable: u64 = 1;
let keepCapabilities: u64 = 0;
let noNewPrivileges = false;
let deathSignal: u32 = 0;
let personality: u32 = 0;

export function sys_getpid(): i64 {
  return PROCESS_ID;
}

/** Nobody has started us, as nobody has started init on Linux. */
export function sys_getppid(): i64 {
  return 0;
}

export function sys_gettid(): i64 {
  return currentThread().id;
}

/** getuid, geteuid, getgid, getegid: root. */
export function sys_getuid(): i64 {
  return 0;
}

/** setuid, setgid, setreuid, setregid, setresuid, setresgid, setgroups. */
export function sys_setuid(): i64 {
  return 0;
}

/** setfsuid, setfsgid: return the value before. */
export function sys_setfsuid(): i64 {
  return 0;
}

/** getresuid and getresgid. */
export function sys_getresuid(real: u64, effective: u64, saved: u64): i64 {
  const failed =
    storeUser32(real, 0) != 0 || storeUser32(effective, 0) != 0 || storeUser32(saved, 0) != 0;
  return failed ? -EFAULT : 0;
}

/** No supplementary groups. */
export function sys_getgroups(size: i32, list: u64): i64 {
  return size < 0 ? -EINVAL : 0;
}

function isSelf(pid: u32): bool {
  return pid == 0 || pid == PROCESS_ID;
}

/** getpgid and getsid: the process leads its group and its session. */
export function sys_getpgid(pid: u32): i64 {
  return isSelf(pid) ? PROCESS_ID : -ESRCH;
}

export function sys_getpgrp(): i64 {
  return PROCESS_ID;
}

export function sys_setpgid(pid: u32, group: u32): i64 {
  if (!isSelf(pid)) return -ESRCH;
  return isSelf(group) ? 0 : -EPERM;
}

/** wait4 and waitid: there are no children. */
export function sys_wait4(): i64 {
  return -ECHILD;
}

/** On Linux a group leader may not; but daemons fork first, and we are all that is left of them. */
export function sys_setsid(): i64 {
  return PROCESS_ID;
}

function setField(index: usize, text: string): void {
  const at = threadScratch() + index * UTS_FIELD;
  for (let i = 0; i < text.length; i++) store<u8>(at + <usize>i, <u8>text.charCodeAt(i));
}

export function sys_uname(to: u64): i64 {
  memory.fill(threadScratch(), 0, UTS_SIZE);
  setField(0, SYSTEM_NAME);
  setField(1, hostName);
  setField(2, KERNEL_RELEASE);
  setField(3, KERNEL_VERSION);
  setField(4, MACHINE);
  setField(5, "(none)");
  return storeUser(to, threadScratch(), UTS_SIZE);
}

/** sethostname and setdomainname. */
export function sys_sethostname(): i64 {
  return -EPERM;
}

function setName(from: u64): i64 {
  memory.fill(threadScratch(), 0, <usize>NAME_SIZE);
  // A longer name is cut.
  if (copyStringFromUser(threadScratch(), from, NAME_SIZE - 1) == -EFAULT) return -EFAULT;
  store<u8>(threadScratch() + <usize>NAME_SIZE - 1, 0);
  memory.copy(threadName(currentThread()), threadScratch(), <usize>NAME_SIZE);
  return 0;
}

export function sys_prctl(option: u32, a: u64, b: u64, c: u64, d: u64): i64 {
  switch (option) {
    case PR_SET_NAME:
      return setName(a);
    case PR_GET_NAME:
      return storeUser(a, threadName(currentThread()), NAME_SIZE);
    case PR_SET_DUMPABLE:
      if (a > 1) return -EINVAL;
      dumpable = a;
      return 0;
    case PR_GET_DUMPABLE:
      return dumpable;
    case PR_SET_KEEPCAPS:
      if (a > 1) return -EINVAL;
      keepCapabilities = a;
      return 0;
    case PR_GET_KEEPCAPS:
      return keepCapabilities;
    case PR_SET_NO_NEW_PRIVS:
      if (a != 1 || b != 0 || c != 0 || d != 0) return -EINVAL;
      noNewPrivileges = true;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      return noNewPrivileges ? 1 : 0;
    case PR_SET_PDEATHSIG:
      if (a > 64) return -EINVAL;
      deathSignal = <u32>a;
      return 0;
    case PR_GET_PDEATHSIG:
      return storeUser32(a, deathSignal);
    case PR_CAPBSET_READ:
      return a <= CAP_LAST_CAP ? 1 : -EINVAL;
    case PR_CAPBSET_DROP:
      return a <= CAP_LAST_CAP ? 0 : -EINVAL;
    case PR_GET_TIMERSLACK:
      return DEFAULT_TIMERSLACK_NS;
    case PR_GET_SECCOMP:
    case PR_SET_TIMERSLACK:
    case PR_SET_CHILD_SUBREAPER:
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
    case PR_SET_PTRACER:
      return 0;
    default:
      return -EINVAL;
  }
}

export function sys_personality(persona: u32): i64 {
  const old = personality;
  if (persona != PERSONALITY_QUERY) personality = persona;
  return old;
}

/** Checks struct cap_user_header; returns how many cap_user_data follow, or -errno. */
function capabilityWords(header: u64): i32 {
  if (loadUser(threadScratch(), header, 8) != 0) return -EFAULT;
  const version = load<u32>(threadScratch());
  const pid = load<u32>(threadScratch() + 4);
  if (version == CAPABILITY_VERSION_1) return isSelf(pid) || taskFind(pid) ? 1 : -ESRCH;
  if (version == CAPABILITY_VERSION_2 || version == CAPABILITY_VERSION_3) {
    return isSelf(pid) || taskFind(pid) ? 2 : -ESRCH;
  }
  // Tells the version that is known.
  storeUser32(header, CAPABILITY_VERSION_3);
  return -EINVAL;
}

/** All capabilities: effective and permitted, none inheritable. */
export function sys_capget(header: u64, data: u64): i64 {
  const words = capabilityWords(header);
  if (words < 0) return data == 0 && words == -EINVAL ? 0 : words;
  if (data == 0) return 0;
  for (let i = 0; i < words; i++) {
    const bits = <u32>(ALL_CAPABILITIES >> (<u64>i * 32));
    const at = threadScratch() + <usize>i * 12;
    store<u32>(at, bits);
    store<u32>(at + 4, bits);
    store<u32>(at + 8, 0);
  }
  return storeUser(data, threadScratch(), <u64>words * 12);
}

/** Accepted, without effect: there is nothing that a capability would allow. */
export function sys_capset(header: u64, data: u64): i64 {
  const words = capabilityWords(header);
  if (words < 0) return words;
  return loadUser(threadScratch(), data, <u64>words * 12);
}
