/**
 * The rows of the system call table that are about who the process is, and about how its threads
 * are scheduled (syscall-table.ts).
 */
import {
  sys_capget,
  sys_capset,
  sys_getegid,
  sys_geteuid,
  sys_getgid,
  sys_getgroups,
  sys_getresgid,
  sys_getresuid,
  sys_getuid,
  sys_setfsgid,
  sys_setfsuid,
  sys_setgid,
  sys_setgroups,
  sys_setregid,
  sys_setresgid,
  sys_setresuid,
  sys_setreuid,
  sys_setuid,
} from "./credential-calls";
import {
  sys_getpgid,
  sys_getpgrp,
  sys_getpid,
  sys_getppid,
  sys_gettid,
  sys_personality,
  sys_prctl,
  sys_setdomainname,
  sys_sethostname,
  sys_setpgid,
  sys_setsid,
  sys_uname,
} from "./identity-calls";
import { sys_kcmp } from "./kcmp";
import {
  sys_pidfd_getfd,
  sys_pidfd_open,
  sys_pidfd_send_signal,
  sys_wait4,
  sys_waitid,
} from "./pidfd-calls";
import {
  sys_getpriority,
  sys_ioprio_get,
  sys_ioprio_set,
  sys_sched_get_priority_max,
  sys_sched_get_priority_min,
  sys_sched_getaffinity,
  sys_sched_getattr,
  sys_sched_getparam,
  sys_sched_getscheduler,
  sys_sched_rr_get_interval,
  sys_sched_setaffinity,
  sys_sched_setattr,
  sys_sched_setparam,
  sys_sched_setscheduler,
  sys_setpriority,
} from "./scheduling-calls";
import { row } from "./syscall-row";

function credentialRows(): void {
  row(102, "getuid", sys_getuid);
  row(104, "getgid", sys_getgid);
  row(105, "setuid", sys_setuid);
  row(106, "setgid", sys_setgid);
  row(107, "geteuid", sys_geteuid);
  row(108, "getegid", sys_getegid);
  row(113, "setreuid", sys_setreuid);
  row(114, "setregid", sys_setregid);
  row(115, "getgroups", sys_getgroups);
  row(116, "setgroups", sys_setgroups);
  row(117, "setresuid", sys_setresuid);
  row(118, "getresuid", sys_getresuid);
  row(119, "setresgid", sys_setresgid);
  row(120, "getresgid", sys_getresgid);
  row(122, "setfsuid", sys_setfsuid);
  row(123, "setfsgid", sys_setfsgid);
  row(125, "capget", sys_capget);
  row(126, "capset", sys_capset);
}

function schedulingRows(): void {
  row(140, "getpriority", sys_getpriority);
  row(141, "setpriority", sys_setpriority);
  row(142, "sched_setparam", sys_sched_setparam);
  row(143, "sched_getparam", sys_sched_getparam);
  row(144, "sched_setscheduler", sys_sched_setscheduler);
  row(145, "sched_getscheduler", sys_sched_getscheduler);
  row(146, "sched_get_priority_max", sys_sched_get_priority_max);
  row(147, "sched_get_priority_min", sys_sched_get_priority_min);
  row(148, "sched_rr_get_interval", sys_sched_rr_get_interval);
  row(203, "sched_setaffinity", sys_sched_setaffinity);
  row(204, "sched_getaffinity", sys_sched_getaffinity);
  row(251, "ioprio_set", sys_ioprio_set);
  row(252, "ioprio_get", sys_ioprio_get);
  row(314, "sched_setattr", sys_sched_setattr);
  row(315, "sched_getattr", sys_sched_getattr);
}

export function identityRows(): void {
  row(39, "getpid", sys_getpid);
  row(61, "wait4", sys_wait4);
  row(63, "uname", sys_uname);
  row(109, "setpgid", sys_setpgid);
  row(110, "getppid", sys_getppid);
  row(111, "getpgrp", sys_getpgrp);
  row(112, "setsid", sys_setsid);
  row(121, "getpgid", sys_getpgid);
  row(124, "getsid", sys_getpgid);
  row(135, "personality", sys_personality);
  row(157, "prctl", sys_prctl);
  row(170, "sethostname", sys_sethostname);
  row(171, "setdomainname", sys_setdomainname);
  row(186, "gettid", sys_gettid);
  row(247, "waitid", sys_waitid);
  row(424, "pidfd_send_signal", sys_pidfd_send_signal);
  row(434, "pidfd_open", sys_pidfd_open);
  row(312, "kcmp", sys_kcmp);
  row(438, "pidfd_getfd", sys_pidfd_getfd);
  credentialRows();
  schedulingRows();
}
