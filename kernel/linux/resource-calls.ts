/**
 * Usage, scheduling parameters, and what is known of the machine. Limits are in limits.ts.
 */
import { EFAULT, EINVAL, ESRCH } from "../lib/errno";
import { freePageCount, PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import { residentPagesMax } from "../mem/user-pages";
import { currentThread, SCRATCH_SIZE, threadScratch } from "../sched/thread";
import { monotonicNs } from "../time/clock";
import { processCpuNs, threadCpuNs } from "./clocks";
import { process, taskFind } from "./task";
import { storeTimespec } from "./timespec";
import { loadUser, storeUser, storeUser32 } from "./user-memory";

const RUSAGE_SELF: i32 = 0;
const RUSAGE_CHILDREN: i32 = -1;
const RUSAGE_THREAD: i32 = 1;
const RUSAGE_SIZE: usize = 144;
const SYSINFO_SIZE: usize = 112;
const NS_PER_SECOND: u64 = 1_000_000_000;

const SCHED_OTHER: u32 = 0;
const SCHED_FIFO: u32 = 1;
const SCHED_RR: u32 = 2;
const SCHED_BATCH: u32 = 3;
const SCHED_IDLE: u32 = 5;
/** The time slice that sched_rr_get_interval tells. */
const SLICE_NS: i64 = 4_000_000;
const PRIO_USER: u32 = 2;

if (RUSAGE_SIZE > SCRATCH_SIZE) ERROR("struct rusage fits into the thread's memory");
if (SYSINFO_SIZE > SCRATCH_SIZE) ERROR("struct sysinfo fits into the thread's memory");
/** struct rusage: CPU time (all of it as user time), and zeros. */
export function sys_getrusage(who: i32, to: u64): i64 {
  if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) return -EINVAL;
  const scratch = threadScratch();
  memory.fill(scratch, 0, RUSAGE_SIZE);
  let ns: u64 = 0;
  if (who == RUSAGE_SELF) ns = processCpuNs();
  else if (who == RUSAGE_THREAD) ns = threadCpuNs(currentThread());
  store<u64>(scratch, ns / NS_PER_SECOND);
  store<u64>(scratch + 8, (ns % NS_PER_SECOND) / 1000);
  // ru_maxrss, in KiB.
  store<u64>(scratch + 32, (residentPagesMax() * PAGE_SIZE) >> 10);
  return storeUser(to, scratch, RUSAGE_SIZE);
}

/** struct sysinfo, sysinfo(2). */
export function sys_sysinfo(to: u64): i64 {
  const scratch = threadScratch();
  memory.fill(scratch, 0, SYSINFO_SIZE);
  store<u64>(scratch, monotonicNs() / NS_PER_SECOND);
  store<u64>(scratch + 32, totalPageCount() * PAGE_SIZE);
  store<u64>(scratch + 40, freePageCount() * PAGE_SIZE);
  store<u16>(scratch + 80, <u16>process.taskCount);
  store<u32>(scratch + 104, 1);
  return storeUser(to, scratch, SYSINFO_SIZE);
}

// ---- Scheduling: one policy, one CPU ----

function isThread(id: u32): bool {
  return id == 0 || taskFind(id) != null;
}

/** One CPU: bit 0. Returns the size of the mask that was stored. */
export function sys_sched_getaffinity(id: u32, size: u64, to: u64): i64 {
  if (size < 8 || (size & 7) != 0) return -EINVAL;
  if (!isThread(id)) return -ESRCH;
  store<u64>(threadScratch(), 1);
  const error = storeUser(to, threadScratch(), 8);
  return error != 0 ? error : 8;
}

export function sys_sched_setaffinity(id: u32, size: u64, from: u64): i64 {
  if (!isThread(id)) return -ESRCH;
  store<u64>(threadScratch(), 0);
  if (loadUser(threadScratch(), from, min<u64>(size, 8)) != 0) return -EFAULT;
  return (load<u64>(threadScratch()) & 1) != 0 ? 0 : -EINVAL;
}

export function sys_sched_getscheduler(id: u32): i64 {
  return isThread(id) ? SCHED_OTHER : -ESRCH;
}

function isPolicy(policy: u32): bool {
  return policy <= SCHED_BATCH || policy == SCHED_IDLE;
}

/** Reads struct sched_param. Its priority is not used. 0 or -errno. */
function loadParameter(from: u64): i64 {
  return from != 0 ? loadUser(threadScratch(), from, 4) : -EINVAL;
}

/** Accepted, without effect: the scheduler is fair to all. */
export function sys_sched_setscheduler(id: u32, policy: u32, parameter: u64): i64 {
  const error = loadParameter(parameter);
  if (error != 0) return error;
  if (!isThread(id)) return -ESRCH;
  return isPolicy(policy & 0xff) ? 0 : -EINVAL;
}

export function sys_sched_getparam(id: u32, to: u64): i64 {
  return isThread(id) ? storeUser32(to, 0) : -ESRCH;
}

export function sys_sched_setparam(id: u32, from: u64): i64 {
  const error = loadParameter(from);
  if (error != 0) return error;
  return isThread(id) ? 0 : -ESRCH;
}

export function sys_sched_get_priority_max(policy: u32): i64 {
  if (policy == SCHED_FIFO || policy == SCHED_RR) return 99;
  return isPolicy(policy) ? 0 : -EINVAL;
}

export function sys_sched_get_priority_min(policy: u32): i64 {
  if (policy == SCHED_FIFO || policy == SCHED_RR) return 1;
  return isPolicy(policy) ? 0 : -EINVAL;
}

export function sys_sched_rr_get_interval(id: u32, to: u64): i64 {
  return isThread(id) ? storeTimespec(to, SLICE_NS) : -ESRCH;
}

/** The system call tells 20 - nice. */
export function sys_getpriority(which: u32, who: u32): i64 {
  return which <= PRIO_USER ? 20 : -EINVAL;
}

export function sys_setpriority(which: u32, who: u32, nice: i32): i64 {
  return which <= PRIO_USER ? 0 : -EINVAL;
}

/** CPU 0 of node 0. */
export function sys_getcpu(cpu: u64, node: u64): i64 {
  if (cpu != 0 && storeUser32(cpu, 0) != 0) return -EFAULT;
  return node != 0 ? storeUser32(node, 0) : 0;
}

const IOPRIO_DEFAULT: i64 = (2 << 13) | 4;

/** ioprio_set: accepted, without effect. */
export function sys_ioprio_set(which: u32, who: u32, priority: u32): i64 {
  return which >= 1 && which <= 3 ? 0 : -EINVAL;
}

/** Best effort, level 4, as on Linux when nothing has been set. */
export function sys_ioprio_get(which: u32, who: u32): i64 {
  return which >= 1 && which <= 3 ? IOPRIO_DEFAULT : -EINVAL;
}

// include/uapi/linux/membarrier.h
const MEMBARRIER_CMD_QUERY: u32 = 0;
const MEMBARRIER_CMD_GLOBAL: u32 = 1;
const MEMBARRIER_CMD_PRIVATE_EXPEDITED: u32 = 1 << 3;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: u32 = 1 << 4;
const MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 1 << 5;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 1 << 6;
const MEMBARRIER_SUPPORTED: u32 =
  MEMBARRIER_CMD_GLOBAL |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;

/**
 * On one CPU, each thread has passed a barrier by the time this one runs. With more, it sends IPIs.
 */
export function sys_membarrier(command: u32, flags: u32): i64 {
  if (flags != 0) return -EINVAL;
  if (command == MEMBARRIER_CMD_QUERY) return MEMBARRIER_SUPPORTED;
  return popcnt(command) == 1 && (command & MEMBARRIER_SUPPORTED) != 0 ? 0 : -EINVAL;
}

const SYSLOG_ACTION_READ: u32 = 2;
const SYSLOG_ACTION_READ_CLEAR: u32 = 4;
const SYSLOG_ACTION_MAX: u32 = 10;

/** The log is on the console; for the application it is empty. */
export function sys_syslog(action: u32, to: u64, size: u32): i64 {
  if (action > SYSLOG_ACTION_MAX) return -EINVAL;
  if (action >= SYSLOG_ACTION_READ && action <= SYSLOG_ACTION_READ_CLEAR && to == 0) return -EINVAL;
  return 0;
}
