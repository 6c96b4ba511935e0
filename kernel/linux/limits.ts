/**
 * Resource limits, getrlimit(2): what they are, and the calls that tell and change them.
 *
 *     resourceLimit(resource) / resourceLimitMax(resource)      the soft and the hard limit
 *
 * Enforced, each where the resource is taken: NOFILE (descriptors.ts), SIGPENDING
 * (signal-queue.ts), CPU (cpu-limit.ts), FSIZE (fs/vfs-file.ts). Kept and told, without effect:
 * STACK (the first stack is mapped whole at the start; others grow up to it), CORE (there are no
 * core files), RSS and LOCKS (nor are they on Linux), NPROC (root is exempt, and there are no other
 * processes), RTTIME.
 */
import { setFileSizeLimit } from "../fs/vfs-file";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../lib/errno";
import { setGrowthLimits } from "../mem/stack-growth";
import { threadScratch } from "../sched/thread";
import { cpuLimitChanged } from "./cpu-limit";
import { FD_CAPACITY_MAX, fdLimit, fdSetLimit } from "./descriptors";
import { PROCESS_ID, taskFind } from "./task";
import { loadUser, storeUser } from "./user-memory";

// include/uapi/asm-generic/resource.h
export const RLIMIT_CPU: u32 = 0;
export const RLIMIT_FSIZE: u32 = 1;
export const RLIMIT_DATA: u32 = 2;
export const RLIMIT_STACK: u32 = 3;
export const RLIMIT_CORE: u32 = 4;
export const RLIMIT_RSS: u32 = 5;
export const RLIMIT_NPROC: u32 = 6;
export const RLIMIT_NOFILE: u32 = 7;
export const RLIMIT_MEMLOCK: u32 = 8;
export const RLIMIT_AS: u32 = 9;
export const RLIMIT_LOCKS: u32 = 10;
export const RLIMIT_SIGPENDING: u32 = 11;
export const RLIMIT_MSGQUEUE: u32 = 12;
export const RLIMIT_NICE: u32 = 13;
export const RLIMIT_RTPRIO: u32 = 14;
export const RLIMIT_RTTIME: u32 = 15;
export const RLIM_NLIMITS: u32 = 16;
export const RLIM_INFINITY: u64 = u64.MAX_VALUE;

/** Soft and hard limit of each resource. */
const limits: usize = memory.data(16 * 16, 8);
let initialized = false;

function setLimit(resource: u32, soft: u64, hard: u64): void {
  const at = limits + ((<usize>resource) << 4);
  store<u64>(at, soft);
  store<u64>(at + 8, hard);
}

/** Linux's limits for root, with the stack's soft one of 8 MiB. */
function initialize(): void {
  initialized = true;
  for (let resource: u32 = 0; resource < RLIM_NLIMITS; resource++) {
    setLimit(resource, RLIM_INFINITY, RLIM_INFINITY);
  }
  setLimit(RLIMIT_STACK, 8 << 20, RLIM_INFINITY);
  setLimit(RLIMIT_CORE, 0, RLIM_INFINITY);
  setLimit(RLIMIT_NPROC, 32768, 32768);
  setLimit(RLIMIT_NOFILE, fdLimit(), FD_CAPACITY_MAX);
  setLimit(RLIMIT_SIGPENDING, 32768, 32768);
  setLimit(RLIMIT_MSGQUEUE, 819200, 819200);
  setLimit(RLIMIT_NICE, 0, 0);
  setLimit(RLIMIT_RTPRIO, 0, 0);
}

/** Pointer to the soft and hard limit, or 0 for an unknown resource. */
function limitAt(resource: u32): usize {
  if (!initialized) initialize();
  return resource < RLIM_NLIMITS ? limits + ((<usize>resource) << 4) : 0;
}

export function resourceLimit(resource: u32): u64 {
  return load<u64>(limitAt(resource));
}

export function resourceLimitMax(resource: u32): u64 {
  return load<u64>(limitAt(resource) + 8);
}

export function sys_getrlimit(resource: u32, to: u64): i64 {
  const at = limitAt(resource);
  return at != 0 ? storeUser(to, at, 16) : -EINVAL;
}

export function sys_setrlimit(resource: u32, from: u64): i64 {
  const at = limitAt(resource);
  if (at == 0) return -EINVAL;
  if (loadUser(threadScratch(), from, 16) != 0) return -EFAULT;
  const soft = load<u64>(threadScratch());
  const hard = load<u64>(threadScratch() + 8);
  if (soft > hard) return -EINVAL;
  if (resource == RLIMIT_NOFILE) {
    if (hard > FD_CAPACITY_MAX) return -EPERM;
    fdSetLimit(soft);
  }
  setLimit(resource, soft, hard);
  if (resource == RLIMIT_FSIZE) setFileSizeLimit(soft);
  if (resource == RLIMIT_STACK || resource == RLIMIT_AS) {
    setGrowthLimits(resourceLimit(RLIMIT_STACK), resourceLimit(RLIMIT_AS));
  }
  if (resource == RLIMIT_CPU) cpuLimitChanged(soft, hard);
  return 0;
}

export function sys_prlimit64(pid: u32, resource: u32, from: u64, old: u64): i64 {
  if (pid != 0 && pid != PROCESS_ID && !taskFind(pid)) return -ESRCH;
  if (limitAt(resource) == 0) return -EINVAL;
  if (old == 0) return from != 0 ? sys_setrlimit(resource, from) : 0;
  // The old limit is told as it was, but only when the new one has been taken.
  const soft = resourceLimit(resource);
  const hard = resourceLimitMax(resource);
  if (from != 0) {
    const error = sys_setrlimit(resource, from);
    if (error != 0) return error;
  }
  store<u64>(threadScratch(), soft);
  store<u64>(threadScratch() + 8, hard);
  return storeUser(old, threadScratch(), 16);
}
