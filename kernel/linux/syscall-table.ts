/**
 * Every system call in one table: number, name, handler. Dispatch, the ENOSYS default and traces
 * read it.
 *
 * A handler is `sys_name(…): i64` in the file of its family, with as many parameters as the call
 * has (at most six, each u64, i64, u32 or i32: they arrive in registers, so surplus ones are not
 * seen). It returns the result or a negative errno. It runs on the thread's kernel stack and may
 * sleep.
 */

import { setSyscallHandler } from "../arch/hw";
import { SYSCALL_COUNT } from "../sched/cpu";
import {
  sys_close,
  sys_close_range,
  sys_dup,
  sys_dup2,
  sys_dup3,
  sys_fcntl,
} from "./descriptor-calls";
import {
  sys_epoll_create,
  sys_epoll_create1,
  sys_epoll_ctl,
  sys_epoll_pwait,
  sys_epoll_pwait2,
  sys_epoll_wait,
} from "./epoll-calls";
import {
  sys_eventfd,
  sys_eventfd2,
  sys_pipe,
  sys_pipe2,
  sys_timerfd_create,
  sys_timerfd_gettime,
  sys_timerfd_settime,
} from "./event-calls";
import { sys_futex } from "./futex";
import { sys_get_robust_list, sys_set_robust_list } from "./futex-robust";
import { sys_futex_waitv } from "./futex-vector";
import { sys_getrlimit, sys_prlimit64, sys_setrlimit } from "./limits";
import {
  sys_recvfrom,
  sys_recvmmsg,
  sys_recvmsg,
  sys_sendmmsg,
  sys_sendmsg,
  sys_sendto,
} from "./message-calls";
import { sys_poll, sys_ppoll, sys_pselect6, sys_select } from "./poll-calls";
import {
  sys_timer_create,
  sys_timer_delete,
  sys_timer_getoverrun,
  sys_timer_gettime,
  sys_timer_settime,
} from "./posix-timers";
import { sys_getrandom } from "./random-calls";
import {
  sys_getcpu,
  sys_getrusage,
  sys_membarrier,
  sys_sysinfo,
  sys_syslog,
} from "./resource-calls";
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
import { sys_signalfd, sys_signalfd4 } from "./signal-file";
import {
  sys_accept,
  sys_accept4,
  sys_bind,
  sys_connect,
  sys_getpeername,
  sys_getsockname,
  sys_getsockopt,
  sys_listen,
  sys_setsockopt,
  sys_shutdown,
  sys_socket,
  sys_socketpair,
} from "./socket-calls";
import { sys_unknown } from "./syscall";
import { row, rowWithFrame, syscallHandler } from "./syscall-row";
import { fileRows } from "./syscall-table-files";
import { identityRows } from "./syscall-table-identity";
import { ipcRows } from "./syscall-table-ipc";
import { memoryRows } from "./syscall-table-memory";
import {
  sys_arch_prctl,
  sys_clone,
  sys_clone3,
  sys_exit,
  sys_exit_group,
  sys_fork,
  sys_rseq,
  sys_rt_sigreturn,
  sys_sched_yield,
  sys_set_tid_address,
} from "./thread-calls";
import {
  sys_adjtimex,
  sys_clock_adjtime,
  sys_clock_getres,
  sys_clock_gettime,
  sys_clock_nanosleep,
  sys_clock_settime,
  sys_gettimeofday,
  sys_nanosleep,
  sys_settimeofday,
  sys_time,
  sys_times,
} from "./time-calls";
import { sys_alarm, sys_getitimer, sys_setitimer } from "./timer-calls";

/** Fills what no row is for. The last entry is among that: entry.S takes it for larger numbers. */
function fillUnknown(): void {
  assert(syscallHandler(SYSCALL_COUNT - 1) == 0, "the last entry is for unknown calls");
  for (let number: u32 = 0; number < <u32>SYSCALL_COUNT; number++) {
    if (syscallHandler(number) == 0) {
      setSyscallHandler(number, load<u32>(changetype<usize>(sys_unknown)), 0);
    }
  }
}

export function syscallTableInit(): void {
  memoryRows();

  // Signals
  row(13, "rt_sigaction", sys_rt_sigaction);
  row(14, "rt_sigprocmask", sys_rt_sigprocmask);
  rowWithFrame(15, "rt_sigreturn", sys_rt_sigreturn);
  row(34, "pause", sys_pause);
  row(62, "kill", sys_kill);
  row(127, "rt_sigpending", sys_rt_sigpending);
  row(128, "rt_sigtimedwait", sys_rt_sigtimedwait);
  row(129, "rt_sigqueueinfo", sys_rt_sigqueueinfo);
  row(130, "rt_sigsuspend", sys_rt_sigsuspend);
  rowWithFrame(131, "sigaltstack", sys_sigaltstack);
  row(200, "tkill", sys_tkill);
  row(234, "tgkill", sys_tgkill);
  row(297, "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo);

  // Threads
  row(24, "sched_yield", sys_sched_yield);
  rowWithFrame(56, "clone", sys_clone);
  row(57, "fork", sys_fork);
  row(58, "vfork", sys_fork);
  row(60, "exit", sys_exit);
  row(158, "arch_prctl", sys_arch_prctl);
  row(202, "futex", sys_futex);
  row(218, "set_tid_address", sys_set_tid_address);
  row(231, "exit_group", sys_exit_group);
  row(273, "set_robust_list", sys_set_robust_list);
  row(274, "get_robust_list", sys_get_robust_list);
  row(449, "futex_waitv", sys_futex_waitv);
  row(334, "rseq", sys_rseq);
  rowWithFrame(435, "clone3", sys_clone3);

  // Descriptors
  row(3, "close", sys_close);
  row(32, "dup", sys_dup);
  row(33, "dup2", sys_dup2);
  row(72, "fcntl", sys_fcntl);
  row(292, "dup3", sys_dup3);
  row(436, "close_range", sys_close_range);

  // Pipes, eventfd, timerfd, signalfd
  row(22, "pipe", sys_pipe);
  row(282, "signalfd", sys_signalfd);
  row(283, "timerfd_create", sys_timerfd_create);
  row(284, "eventfd", sys_eventfd);
  row(286, "timerfd_settime", sys_timerfd_settime);
  row(287, "timerfd_gettime", sys_timerfd_gettime);
  row(289, "signalfd4", sys_signalfd4);
  row(290, "eventfd2", sys_eventfd2);
  row(293, "pipe2", sys_pipe2);

  // Readiness: poll, select
  row(7, "poll", sys_poll);
  row(23, "select", sys_select);
  row(270, "pselect6", sys_pselect6);
  row(271, "ppoll", sys_ppoll);

  // Readiness: epoll
  row(213, "epoll_create", sys_epoll_create);
  row(232, "epoll_wait", sys_epoll_wait);
  row(233, "epoll_ctl", sys_epoll_ctl);
  row(281, "epoll_pwait", sys_epoll_pwait);
  row(291, "epoll_create1", sys_epoll_create1);
  row(441, "epoll_pwait2", sys_epoll_pwait2);

  // Time
  row(35, "nanosleep", sys_nanosleep);
  row(96, "gettimeofday", sys_gettimeofday);
  row(100, "times", sys_times);
  row(159, "adjtimex", sys_adjtimex);
  row(164, "settimeofday", sys_settimeofday);
  row(201, "time", sys_time);
  row(227, "clock_settime", sys_clock_settime);
  row(228, "clock_gettime", sys_clock_gettime);
  row(229, "clock_getres", sys_clock_getres);
  row(230, "clock_nanosleep", sys_clock_nanosleep);
  row(305, "clock_adjtime", sys_clock_adjtime);

  // Timers that send signals
  row(36, "getitimer", sys_getitimer);
  row(37, "alarm", sys_alarm);
  row(38, "setitimer", sys_setitimer);
  row(222, "timer_create", sys_timer_create);
  row(223, "timer_settime", sys_timer_settime);
  row(224, "timer_gettime", sys_timer_gettime);
  row(225, "timer_getoverrun", sys_timer_getoverrun);
  row(226, "timer_delete", sys_timer_delete);

  identityRows();
  ipcRows();

  // Resources and scheduling
  row(97, "getrlimit", sys_getrlimit);
  row(98, "getrusage", sys_getrusage);
  row(99, "sysinfo", sys_sysinfo);
  row(103, "syslog", sys_syslog);
  row(160, "setrlimit", sys_setrlimit);
  row(302, "prlimit64", sys_prlimit64);
  row(309, "getcpu", sys_getcpu);
  row(324, "membarrier", sys_membarrier);

  // Random numbers
  row(318, "getrandom", sys_getrandom);

  // Sockets
  row(41, "socket", sys_socket);
  row(42, "connect", sys_connect);
  row(43, "accept", sys_accept);
  row(44, "sendto", sys_sendto);
  row(45, "recvfrom", sys_recvfrom);
  row(46, "sendmsg", sys_sendmsg);
  row(47, "recvmsg", sys_recvmsg);
  row(48, "shutdown", sys_shutdown);
  row(49, "bind", sys_bind);
  row(50, "listen", sys_listen);
  row(51, "getsockname", sys_getsockname);
  row(52, "getpeername", sys_getpeername);
  row(53, "socketpair", sys_socketpair);
  row(54, "setsockopt", sys_setsockopt);
  row(55, "getsockopt", sys_getsockopt);
  row(288, "accept4", sys_accept4);
  row(299, "recvmmsg", sys_recvmmsg);
  row(307, "sendmmsg", sys_sendmmsg);
  fileRows();
  fillUnknown();
}
