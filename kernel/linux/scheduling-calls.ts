/**
 * How the threads share the CPU: sched(7), nice(2), setpriority(2), sched_setscheduler(2),
 * sched_setattr(2), affinity, ioprio_set(2).
 *
 * All of it is remembered per thread and told. Nice values and SCHED_IDLE are weights of the
 * scheduler (sched/run-queue.ts). SCHED_FIFO and SCHED_RR get the weight of nice -20, but do not
 * run before all others; SCHED_BATCH is SCHED_OTHER; SCHED_DEADLINE is not there (EINVAL). I/O
 * priorities have no effect: a disk's requests go in the order they come.
 */
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, ESRCH } from "../lib/errno";
import { PRIORITY_NORMAL, threadScratch } from "../sched/thread";
import { CAP_SYS_NICE, capable, users } from "./credentials";
import { RLIMIT_NICE, RLIMIT_RTPRIO, resourceLimit } from "./limits";
import { currentTask, PROCESS_ID, process, Task, taskFind } from "./task";
import { storeTimespec } from "./timespec";
import { loadUser, storeUser, storeUser32 } from "./user-memory";

// include/uapi/linux/sched.h
const SCHED_OTHER: u32 = 0;
const SCHED_FIFO: u32 = 1;
const SCHED_RR: u32 = 2;
const SCHED_BATCH: u32 = 3;
const SCHED_IDLE: u32 = 5;
const SCHED_RESET_ON_FORK: u32 = 0x40000000;
const SCHED_FLAG_RESET_ON_FORK: u64 = 1;
const SCHED_FLAG_KEEP_POLICY: u64 = 8;
const SCHED_FLAG_KEEP_PARAMS: u64 = 16;
const REALTIME_MAX: u32 = 99;

// include/uapi/linux/sched/types.h: size policy flags nice priority runtime deadline period
const SCHED_ATTR_SIZE_VER0: u32 = 48;
const SCHED_ATTR_SIZE_MAX: u32 = 4096;

// include/uapi/linux/resource.h
const PRIO_PROCESS: u32 = 0;
const PRIO_PGRP: u32 = 1;
const PRIO_USER: u32 = 2;
const NICE_MIN: i32 = -20;
const NICE_MAX: i32 = 19;

/** The time slice that sched_rr_get_interval tells. */
const SLICE_NS: i64 = 4_000_000;
const WEIGHT_IDLE: u32 = 3;

// include/uapi/linux/ioprio.h
const IOPRIO_WHO_PROCESS: u32 = 1;
const IOPRIO_WHO_USER: u32 = 3;
const IOPRIO_CLASS_SHIFT: u32 = 13;
const IOPRIO_CLASS_RT: u32 = 1;
const IOPRIO_CLASS_BE: u32 = 2;
const IOPRIO_CLASS_IDLE: u32 = 3;
const IOPRIO_LEVELS: u32 = 8;
const IOPRIO_DEFAULT: u32 = (IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT) | 4;

/** Each step of nice is a quarter more, or less, of the CPU. */
function weightOf(nice: i32): u32 {
  let weight = PRIORITY_NORMAL << 8;
  for (let step = 0; step > nice; step--) weight += weight >> 2;
  for (let step = 0; step < nice; step++) weight = (weight * 4) / 5;
  return weight >> 8;
}

/** Gives the scheduler what a task's policy and nice value make of it. */
function applyPriority(task: Task): void {
  const policy = task.policy;
  let nice = <i32>task.nice;
  if (policy == SCHED_FIFO || policy == SCHED_RR) nice = NICE_MIN;
  task.thread.priority = policy == SCHED_IDLE ? WEIGHT_IDLE : weightOf(nice);
}

/** What a new thread has of the one that made it. */
export function schedulingInherit(task: Task, from: Task): void {
  task.ioPriority = from.ioPriority;
  if (!from.resetsOnFork) {
    task.policy = from.policy;
    task.nice = from.nice;
    task.realtimePriority = from.realtimePriority;
  } else if (from.nice > 0) {
    task.nice = from.nice;
  }
  applyPriority(task);
}

function taskOf(id: u32): Task | null {
  return id == 0 ? currentTask() : taskFind(id);
}

/** One CPU: bit 0. Returns the size of the mask that was stored. */
export function sys_sched_getaffinity(id: u32, size: u64, to: u64): i64 {
  if (size < 8 || (size & 7) != 0) return -EINVAL;
  if (id != 0 && !taskFind(id)) return -ESRCH;
  store<u64>(threadScratch(), 1);
  const error = storeUser(to, threadScratch(), 8);
  return error != 0 ? error : 8;
}

export function sys_sched_setaffinity(id: u32, size: u64, from: u64): i64 {
  store<u64>(threadScratch(), 0);
  if (loadUser(threadScratch(), from, min<u64>(size, 8)) != 0) return -EFAULT;
  if (id != 0 && !taskFind(id)) return -ESRCH;
  return (load<u64>(threadScratch()) & 1) != 0 ? 0 : -EINVAL;
}

function isRealtime(policy: u32): bool {
  return policy == SCHED_FIFO || policy == SCHED_RR;
}

function isPolicy(policy: u32): bool {
  return policy <= SCHED_BATCH || policy == SCHED_IDLE;
}

/** Whether the limits allow a nice value: 20 - nice is RLIMIT_NICE's. */
function mayHaveNice(task: Task, nice: i32): bool {
  if (nice >= task.nice || capable(CAP_SYS_NICE)) return true;
  return <u64>(20 - nice) <= resourceLimit(RLIMIT_NICE);
}

function mayHaveRealtime(task: Task, priority: u32): bool {
  if (capable(CAP_SYS_NICE)) return true;
  const limit = resourceLimit(RLIMIT_RTPRIO);
  return limit != 0 && (<u64>priority <= limit || priority <= <u32>task.realtimePriority);
}

/** Sets policy and priority. 0, -EINVAL or -EPERM. */
function setPolicy(task: Task, policy: u32, priority: u32, resets: bool): i64 {
  if (!isPolicy(policy)) return -EINVAL;
  if (isRealtime(policy) ? priority < 1 || priority > REALTIME_MAX : priority != 0) return -EINVAL;
  if (isRealtime(policy) && !mayHaveRealtime(task, priority)) return -EPERM;
  if (task.resetsOnFork && !resets && !capable(CAP_SYS_NICE)) return -EPERM;
  task.policy = <u8>policy;
  task.realtimePriority = <u8>priority;
  task.resetsOnFork = resets;
  applyPriority(task);
  return 0;
}

export function sys_sched_getscheduler(id: i32): i64 {
  if (id < 0) return -EINVAL;
  const task = taskOf(id);
  if (!task) return -ESRCH;
  return task.resetsOnFork ? task.policy | SCHED_RESET_ON_FORK : task.policy;
}

export function sys_sched_setscheduler(id: i32, policy: i32, parameter: u64): i64 {
  if (policy < 0 || id < 0 || parameter == 0) return -EINVAL;
  if (loadUser(threadScratch(), parameter, 4) != 0) return -EFAULT;
  const priority = load<u32>(threadScratch());
  const task = taskOf(id);
  if (!task) return -ESRCH;
  const resets = (<u32>policy & SCHED_RESET_ON_FORK) != 0;
  return setPolicy(task, <u32>policy & ~SCHED_RESET_ON_FORK, priority, resets);
}

export function sys_sched_getparam(id: i32, to: u64): i64 {
  if (id < 0 || to == 0) return -EINVAL;
  const task = taskOf(id);
  return task ? storeUser32(to, task.realtimePriority) : -ESRCH;
}

export function sys_sched_setparam(id: i32, from: u64): i64 {
  if (id < 0 || from == 0) return -EINVAL;
  if (loadUser(threadScratch(), from, 4) != 0) return -EFAULT;
  const priority = load<u32>(threadScratch());
  const task = taskOf(id);
  return task ? setPolicy(task, task.policy, priority, task.resetsOnFork) : -ESRCH;
}

/** struct sched_attr. What a larger one has beyond what is known is not looked at. */
export function sys_sched_setattr(id: i32, from: u64, flags: u32): i64 {
  if (id < 0 || from == 0 || flags != 0) return -EINVAL;
  const at = threadScratch();
  if (loadUser(at, from, SCHED_ATTR_SIZE_VER0) != 0) return -EFAULT;
  const size = load<u32>(at);
  if (size != 0 && (size < SCHED_ATTR_SIZE_VER0 || size > SCHED_ATTR_SIZE_MAX)) {
    return storeUser32(from, SCHED_ATTR_SIZE_VER0) != 0 ? -EFAULT : -E2BIG;
  }
  const asked = load<u64>(at, 8);
  const known = SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS;
  if ((asked & ~known) != 0) return -EINVAL;
  const task = taskOf(id);
  if (!task) return -ESRCH;
  const policy = (asked & SCHED_FLAG_KEEP_POLICY) != 0 ? <u32>task.policy : load<u32>(at, 4);
  const keeps = (asked & SCHED_FLAG_KEEP_PARAMS) != 0;
  const priority = keeps ? <u32>task.realtimePriority : load<u32>(at, 20);
  const nice = keeps ? <i32>task.nice : max(min(load<i32>(at, 16), NICE_MAX), NICE_MIN);
  const hasNice = policy == SCHED_OTHER || policy == SCHED_BATCH;
  if (hasNice && !mayHaveNice(task, nice)) return -EPERM;
  const error = setPolicy(task, policy, priority, (asked & SCHED_FLAG_RESET_ON_FORK) != 0);
  if (error != 0) return error;
  if (hasNice) task.nice = <i8>nice;
  applyPriority(task);
  return 0;
}

export function sys_sched_getattr(id: i32, to: u64, size: u32, flags: u32): i64 {
  if (id < 0 || to == 0 || flags != 0) return -EINVAL;
  if (size < SCHED_ATTR_SIZE_VER0 || size > SCHED_ATTR_SIZE_MAX) return -EINVAL;
  const task = taskOf(id);
  if (!task) return -ESRCH;
  const at = threadScratch();
  memory.fill(at, 0, SCHED_ATTR_SIZE_VER0);
  store<u32>(at, SCHED_ATTR_SIZE_VER0);
  store<u32>(at, task.policy, 4);
  store<u64>(at, task.resetsOnFork ? SCHED_FLAG_RESET_ON_FORK : 0, 8);
  if (isRealtime(task.policy)) store<u32>(at, task.realtimePriority, 20);
  else store<i32>(at, task.nice, 16);
  return storeUser(to, at, SCHED_ATTR_SIZE_VER0);
}

export function sys_sched_get_priority_max(policy: u32): i64 {
  if (isRealtime(policy)) return REALTIME_MAX;
  return isPolicy(policy) ? 0 : -EINVAL;
}

export function sys_sched_get_priority_min(policy: u32): i64 {
  if (isRealtime(policy)) return 1;
  return isPolicy(policy) ? 0 : -EINVAL;
}

export function sys_sched_rr_get_interval(id: i32, to: u64): i64 {
  if (id < 0) return -EINVAL;
  return taskOf(id) ? storeTimespec(to, SLICE_NS) : -ESRCH;
}

/** Whether `who` means all threads: the process group's, or the user's. 0, or -errno. */
function everybodyError(which: u32, who: u32): i32 {
  if (which != PRIO_PGRP && which != PRIO_USER) return -EINVAL;
  const own = which == PRIO_USER ? users.real : PROCESS_ID;
  return who == 0 || who == own ? 0 : -ESRCH;
}

/** The system call tells 20 - nice, of several threads the highest. */
export function sys_getpriority(which: u32, who: u32): i64 {
  if (which == PRIO_PROCESS) {
    const task = taskOf(who);
    return task ? 20 - <i64>task.nice : -ESRCH;
  }
  const error = everybodyError(which, who);
  if (error != 0) return error;
  let highest: i64 = 0;
  let task = process.tasks;
  while (task) {
    highest = max<i64>(highest, 20 - <i64>task.nice);
    task = task.next;
  }
  return highest;
}

function setNice(task: Task, nice: i32): i64 {
  if (!mayHaveNice(task, nice)) return -EACCES;
  task.nice = <i8>nice;
  applyPriority(task);
  return 0;
}

export function sys_setpriority(which: u32, who: u32, value: i32): i64 {
  const nice = max(min(value, NICE_MAX), NICE_MIN);
  if (which == PRIO_PROCESS) {
    const task = taskOf(who);
    return task ? setNice(task, nice) : -ESRCH;
  }
  let error: i64 = everybodyError(which, who);
  if (error != 0) return error;
  let task = process.tasks;
  while (task) {
    const failed = setNice(task, nice);
    if (failed != 0) error = failed;
    task = task.next;
  }
  return error;
}

function isIoPriority(priority: u32): bool {
  const kind = priority >> IOPRIO_CLASS_SHIFT;
  const level = priority & ((1 << IOPRIO_CLASS_SHIFT) - 1);
  if (kind == IOPRIO_CLASS_RT || kind == IOPRIO_CLASS_BE) return level < IOPRIO_LEVELS;
  return kind == IOPRIO_CLASS_IDLE || (kind == 0 && level == 0);
}

export function sys_ioprio_set(which: u32, who: u32, priority: u32): i64 {
  if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return -EINVAL;
  if (!isIoPriority(priority)) return -EINVAL;
  if (which == IOPRIO_WHO_PROCESS) {
    const task = taskOf(who);
    if (!task) return -ESRCH;
    task.ioPriority = <u16>priority;
    return 0;
  }
  let task = process.tasks;
  while (task) {
    task.ioPriority = <u16>priority;
    task = task.next;
  }
  return 0;
}

/** Best effort, level 4, as on Linux when nothing has been set. */
export function sys_ioprio_get(which: u32, who: u32): i64 {
  if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return -EINVAL;
  const task = which == IOPRIO_WHO_PROCESS ? taskOf(who) : currentTask();
  if (!task) return -ESRCH;
  return task.ioPriority != 0 ? <i64>task.ioPriority : <i64>IOPRIO_DEFAULT;
}
