/**
 * Usage, and what is known of the machine. Limits are in limits.ts.
 */
import { EFAULT, EINVAL } from "../lib/errno";
import { faultCount } from "../mem/fault";
import { freePageCount, PAGE_SIZE, totalPageCount } from "../mem/page-allocator";
import { residentPagesMax } from "../mem/user-pages";
import { currentThread, SCRATCH_SIZE, threadScratch } from "../sched/thread";
import { monotonicNs } from "../time/clock";
import { processCpuNs, threadCpuNs } from "./clocks";
import { process, switchCount } from "./task";
import { storeUser, storeUser32 } from "./user-memory";

const RUSAGE_SELF: i32 = 0;
const RUSAGE_CHILDREN: i32 = -1;
const RUSAGE_THREAD: i32 = 1;
const RUSAGE_SIZE: usize = 144;
const SYSINFO_SIZE: usize = 112;
const NS_PER_SECOND: u64 = 1_000_000_000;

if (RUSAGE_SIZE > SCRATCH_SIZE) ERROR("struct rusage fits into the thread's memory");
if (SYSINFO_SIZE > SCRATCH_SIZE) ERROR("struct sysinfo fits into the thread's memory");
// struct rusage, include/uapi/linux/resource.h
const RU_MAXRSS: usize = 32;
const RU_MINFLT: usize = 64;
const RU_NVCSW: usize = 128;
const RU_NIVCSW: usize = 136;

/**
 * struct rusage: CPU time, all of it as user time; page faults, none told apart as one that waited
 * for a disk; switches. Faults are counted for the process alone.
 */
export function sys_getrusage(who: i32, to: u64): i64 {
  if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) return -EINVAL;
  const scratch = threadScratch();
  memory.fill(scratch, 0, RUSAGE_SIZE);
  let ns: u64 = 0;
  if (who == RUSAGE_SELF) ns = processCpuNs();
  else if (who == RUSAGE_THREAD) ns = threadCpuNs(currentThread());
  store<u64>(scratch, ns / NS_PER_SECOND);
  store<u64>(scratch + 8, (ns % NS_PER_SECOND) / 1000);
  if (who != RUSAGE_CHILDREN) {
    // In KiB.
    store<u64>(scratch + RU_MAXRSS, (residentPagesMax() * PAGE_SIZE) >> 10);
    const id = who == RUSAGE_THREAD ? currentThread().id : 0;
    store<u64>(scratch + RU_NVCSW, switchCount(id, true));
    store<u64>(scratch + RU_NIVCSW, switchCount(id, false));
  }
  if (who == RUSAGE_SELF) store<u64>(scratch + RU_MINFLT, faultCount());
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

/** CPU 0 of node 0. */
export function sys_getcpu(cpu: u64, node: u64): i64 {
  if (cpu != 0 && storeUser32(cpu, 0) != 0) return -EFAULT;
  return node != 0 ? storeUser32(node, 0) : 0;
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
