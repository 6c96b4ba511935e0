/**
 * Who the process is: its id, its group and session, its names, and what prctl(2) has of it. Users,
 * groups and capabilities are in credential-calls.ts.
 */
import { EFAULT, EINVAL, EPERM, ESRCH } from "../lib/errno";
import {
  domainName,
  HOST_NAME_MAX,
  hostName,
  KERNEL_RELEASE,
  KERNEL_VERSION,
  MACHINE,
  NAME_FIELD,
  SYSTEM_NAME,
} from "../lib/release";
import { currentThread, SCRATCH_SIZE, threadName, threadScratch } from "../sched/thread";
import {
  capabilityAmbient,
  capabilityBoundingDrop,
  capabilityBoundingRead,
} from "./credential-calls";
import { CAP_SYS_ADMIN, capable, credentials, SECBIT_KEEP_CAPS } from "./credentials";
import { setKeepCapabilities, setSecureBits } from "./secure-bits";
import { PROCESS_ID } from "./task";
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
const PR_GET_SECUREBITS: u32 = 27;
const PR_SET_SECUREBITS: u32 = 28;
const PR_SET_TIMERSLACK: u32 = 29;
const PR_GET_TIMERSLACK: u32 = 30;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_GET_NO_NEW_PRIVS: u32 = 39;
const PR_SET_THP_DISABLE: u32 = 41;
const PR_GET_THP_DISABLE: u32 = 42;
const PR_CAP_AMBIENT: u32 = 47;
const PR_SET_PTRACER: u32 = 0x59616d61;
const DEFAULT_TIMERSLACK_NS: i64 = 50_000;

/** personality(2) that asks for the current value. */
const PERSONALITY_QUERY: u32 = 0xffffffff;

if (UTS_SIZE > SCRATCH_SIZE) ERROR("struct utsname fits into the thread's memory");
let dumpable: u64 = 1;
let deathSignal: u32 = 0;
let execution: u32 = 0;
let slackNs: i64 = DEFAULT_TIMERSLACK_NS;

/** What personality(2) has set; remembered, without effect. */
export function personality(): u32 {
  return execution;
}

/** Told, without effect: timers are as exact as the hardware. */
export function timerSlackNs(): i64 {
  return slackNs;
}

/** 0 sets the default. */
export function setTimerSlack(ns: i64): void {
  slackNs = ns != 0 ? ns : DEFAULT_TIMERSLACK_NS;
}

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

function isSelf(pid: u32): bool {
  return pid == 0 || pid == PROCESS_ID;
}

/** getpgid and getsid: the process leads its group and its session. */
export function sys_getpgid(pid: u32): i64 {
  return isSelf(pid) ? <i64>PROCESS_ID : -ESRCH;
}

export function sys_getpgrp(): i64 {
  return PROCESS_ID;
}

export function sys_setpgid(pid: u32, group: u32): i64 {
  if (<i32>group < 0) return -EINVAL;
  if (!isSelf(pid)) return -ESRCH;
  return isSelf(group) ? 0 : -EPERM;
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
  memory.copy(threadScratch() + UTS_FIELD, hostName, NAME_FIELD);
  setField(2, KERNEL_RELEASE);
  setField(3, KERNEL_VERSION);
  setField(4, MACHINE);
  memory.copy(threadScratch() + 5 * UTS_FIELD, domainName, NAME_FIELD);
  return storeUser(to, threadScratch(), UTS_SIZE);
}

function setMachineName(field: usize, from: u64, length: i32): i64 {
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  if (length < 0 || length > HOST_NAME_MAX) return -EINVAL;
  if (loadUser(threadScratch(), from, length) != 0) return -EFAULT;
  memory.fill(field, 0, NAME_FIELD);
  memory.copy(field, threadScratch(), length);
  return 0;
}

export function sys_sethostname(name: u64, length: i32): i64 {
  return setMachineName(hostName, name, length);
}

export function sys_setdomainname(name: u64, length: i32): i64 {
  return setMachineName(domainName, name, length);
}

function setName(from: u64): i64 {
  const length = copyStringFromUser(threadScratch(), from, NAME_SIZE - 1);
  if (length == -EFAULT) return -EFAULT;
  // A longer name is cut; zeros behind a shorter one, not what the application has there.
  const kept = length < 0 ? NAME_SIZE - 1 : <i32>length;
  memory.fill(threadScratch() + <usize>kept, 0, <usize>(NAME_SIZE - kept));
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
      return setKeepCapabilities(a);
    case PR_GET_KEEPCAPS:
      return (credentials.securebits & SECBIT_KEEP_CAPS) != 0 ? 1 : 0;
    case PR_SET_NO_NEW_PRIVS:
      if (a != 1 || b != 0 || c != 0 || d != 0) return -EINVAL;
      credentials.noNewPrivileges = true;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      return credentials.noNewPrivileges ? 1 : 0;
    case PR_SET_PDEATHSIG:
      if (a > 64) return -EINVAL;
      deathSignal = <u32>a;
      return 0;
    case PR_GET_PDEATHSIG:
      return storeUser32(a, deathSignal);
    case PR_CAPBSET_READ:
      return capabilityBoundingRead(a);
    case PR_CAPBSET_DROP:
      return capabilityBoundingDrop(a);
    case PR_CAP_AMBIENT:
      return c != 0 || d != 0 ? -EINVAL : capabilityAmbient(a, b);
    case PR_GET_SECUREBITS:
      return credentials.securebits;
    case PR_SET_SECUREBITS:
      return setSecureBits(a);
    case PR_GET_TIMERSLACK:
      return slackNs;
    case PR_SET_TIMERSLACK:
      setTimerSlack(a);
      return 0;
    case PR_GET_SECCOMP:
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
  const old = execution;
  if (persona != PERSONALITY_QUERY) execution = persona;
  return old;
}
