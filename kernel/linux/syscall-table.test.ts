import { expect, test } from "../lib/testing";
import { syscallHandler } from "./syscall-row";
import { syscallTableInit } from "./syscall-table";
import { syscallNameOf } from "./testing";

/** What Linux 6.1 has and the table has no row for. */
const ABSENT: string[] =
  // Other programs and processes.
  (
    "execve execveat ptrace process_vm_readv process_vm_writev process_mrelease acct seccomp bpf " +
    "perf_event_open userfaultfd restart_syscall " +
    // Namespaces, mounts, other disks.
    "unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr swapon " +
    "swapoff quotactl quotactl_fd nfsservctl ustat sysfs lookup_dcookie fanotify_init " +
    "fanotify_mark vhangup " +
    // The machine itself.
    "reboot iopl ioperm modify_ldt kexec_load kexec_file_load init_module finit_module " +
    "delete_module migrate_pages move_pages set_mempolicy_home_node " +
    // Keys, walls, another way of input and output.
    "add_key request_key keyctl memfd_secret landlock_create_ruleset landlock_add_rule " +
    "landlock_restrict_self io_uring_setup io_uring_enter io_uring_register " +
    // Of the past, on Linux too for the most part.
    "getdents uselib _sysctl create_module get_kernel_syms query_module getpmsg putpmsg " +
    "afs_syscall tuxcall security set_thread_area get_thread_area epoll_ctl_old epoll_wait_old " +
    "vserver"
  ).split(" ");

/** The last number that has a name. */
const LAST_NAMED: u64 = 450;
/** Those behind it that are there all the same. */
const CACHESTAT: u64 = 451;
const FCHMODAT2: u64 = 452;

test("system call table: every call of Linux has a row but for those that are absent", () => {
  syscallTableInit();
  let absent = 0;
  for (let number: u64 = 0; number <= LAST_NAMED; number++) {
    const called = syscallNameOf(number);
    const isThere = called != "" && !ABSENT.includes(called);
    if (called != "" && !isThere) absent++;
    expect((syscallHandler(number) != 0) == isThere, `${called} (${number})`);
  }
  expect(absent == ABSENT.length, "what is absent has a name");
  expect(syscallHandler(CACHESTAT) != 0 && syscallHandler(FCHMODAT2) != 0, "the latest");
});

test("system call table: no number beyond it has a row", () => {
  syscallTableInit();
  for (let number = FCHMODAT2 + 1; number < 600; number++) {
    expect(syscallHandler(number) == 0, `${number}`);
  }
  expect(syscallHandler(u64.MAX_VALUE) == 0, "no number at all");
});
