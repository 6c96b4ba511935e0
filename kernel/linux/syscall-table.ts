/**
 * Every system call in one table: number, name, handler. Dispatch, the ENOSYS default and traces read it.
 *
 * A handler is `sys_name(…): i64` in the file of its family, with as many parameters as the call has (at most six, each
 * u64, i64, u32 or i32: they arrive in registers, so surplus ones are not seen). It returns the result or a negative errno.
 * It runs on the thread's kernel stack and may sleep.
 */
import { sys_futex } from "./futex";
import {
  sys_brk,
  sys_madvise,
  sys_mincore,
  sys_mmap,
  sys_mprotect,
  sys_mremap,
  sys_msync,
  sys_munmap,
} from "./memory-calls";
import {
  sys_kill,
  sys_pause,
  sys_rt_sigaction,
  sys_rt_sigpending,
  sys_rt_sigprocmask,
  sys_rt_sigqueueinfo,
  sys_rt_sigsuspend,
  sys_rt_sigtimedwait,
  sys_rt_tgsigqueueinfo,
  sys_sigaltstack,
  sys_tgkill,
  sys_tkill,
} from "./signal-calls";
import {
  sys_arch_prctl,
  sys_clone,
  sys_clone3,
  sys_exit,
  sys_exit_group,
  sys_fork,
  sys_get_robust_list,
  sys_rt_sigreturn,
  sys_sched_yield,
  sys_set_robust_list,
  sys_set_tid_address,
} from "./thread-calls";

const SYSCALL_COUNT: u64 = 512;

/** Index in the function table, per number; 0: unknown. */
const handlers: usize = memory.data(512 * 4, 4);
/** Name (a string), per number. */
const names: usize = memory.data(512 * 4, 4);

/** Enters a row. A function's value points at an object whose first word is its index in the wasm table. */
function row<T>(number: i32, name: string, handler: T): void {
  assert(load<u32>(handlers + ((<usize>number) << 2)) == 0, "a system call has one handler");
  store<u32>(handlers + ((<usize>number) << 2), load<u32>(changetype<usize>(handler)));
  store<usize>(names + ((<usize>number) << 2), changetype<usize>(name));
}

/** Function table index of the handler of call `number`; 0 when there is none. */
export function syscallHandler(number: u64): u32 {
  return number < SYSCALL_COUNT ? load<u32>(handlers + ((<usize>number) << 2)) : 0;
}

export function syscallTableInit(): void {
  // Memory
  row(9, "mmap", sys_mmap);
  row(10, "mprotect", sys_mprotect);
  row(11, "munmap", sys_munmap);
  row(12, "brk", sys_brk);
  row(25, "mremap", sys_mremap);
  row(26, "msync", sys_msync);
  row(27, "mincore", sys_mincore);
  row(28, "madvise", sys_madvise);

  // Signals
  row(13, "rt_sigaction", sys_rt_sigaction);
  row(14, "rt_sigprocmask", sys_rt_sigprocmask);
  row(15, "rt_sigreturn", sys_rt_sigreturn);
  row(34, "pause", sys_pause);
  row(62, "kill", sys_kill);
  row(127, "rt_sigpending", sys_rt_sigpending);
  row(128, "rt_sigtimedwait", sys_rt_sigtimedwait);
  row(129, "rt_sigqueueinfo", sys_rt_sigqueueinfo);
  row(130, "rt_sigsuspend", sys_rt_sigsuspend);
  row(131, "sigaltstack", sys_sigaltstack);
  row(200, "tkill", sys_tkill);
  row(234, "tgkill", sys_tgkill);
  row(297, "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo);

  // Threads
  row(24, "sched_yield", sys_sched_yield);
  row(56, "clone", sys_clone);
  row(57, "fork", sys_fork);
  row(58, "vfork", sys_fork);
  row(60, "exit", sys_exit);
  row(158, "arch_prctl", sys_arch_prctl);
  row(202, "futex", sys_futex);
  row(218, "set_tid_address", sys_set_tid_address);
  row(231, "exit_group", sys_exit_group);
  row(273, "set_robust_list", sys_set_robust_list);
  row(274, "get_robust_list", sys_get_robust_list);
  row(435, "clone3", sys_clone3);
}
