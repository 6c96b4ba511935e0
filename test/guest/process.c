/*
 * The process itself: its stack as the kernel laid it out, the auxiliary vector, identity, limits,
 * names, and the calls that Virga refuses because there is only one process.
 */
#include "check.h"
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static int arg_count;
static char **arg_values;
extern char **environ;

/* argc, argv, 0, envp, 0, auxv, 0 lie side by side on the stack, aligned to 16 bytes. */
static void test_stack(void) {
  CHECK_EQ("argc is right below argv", ((long *)arg_values)[-1], arg_count);
  CHECK_EQ("the stack was aligned", (uintptr_t)(arg_values - 1) % 16, 0);
  CHECK("argv ends with null", arg_values[arg_count] == NULL);
  CHECK("the environment follows", environ == arg_values + arg_count + 1);
  char **end = environ;
  while (*end)
    end++;
  ElfW(auxv_t) *aux = (ElfW(auxv_t) *)(end + 1);
  bool agrees = true;
  int count = 0;
  for (; aux->a_type != AT_NULL && count < 64; aux++, count++)
    /* glibc gives AT_HWCAP a meaning of its own. */
    agrees = agrees && (getauxval(aux->a_type) == aux->a_un.a_val || aux->a_type == AT_HWCAP ||
                        aux->a_type == AT_HWCAP2);
  CHECK("then the auxiliary vector", count >= 12 && count < 64 && agrees);
  CHECK("strings are above it", arg_values[0] > (char *)aux);
  char local;
  CHECK("we run below it", &local < (char *)arg_values);
}

static void test_auxv(void) {
  const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
  unsigned long count = getauxval(AT_PHNUM), entry = getauxval(AT_ENTRY);
  REQUIRE("AT_PHDR", headers != NULL && count > 0 && count < 64);
  CHECK_EQ("AT_PHENT", getauxval(AT_PHENT), sizeof(ElfW(Phdr)));
  CHECK_EQ("AT_PAGESZ", getauxval(AT_PAGESZ), 4096);
  bool load = false, inside = false, interpreter = false;
  uintptr_t bias = 0;
  for (unsigned long i = 0; i < count; i++)
    if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
      bias = (uintptr_t)headers - sizeof(ElfW(Ehdr)) - headers[i].p_vaddr;
  for (unsigned long i = 0; i < count; i++) {
    load = load || headers[i].p_type == PT_LOAD;
    interpreter = interpreter || headers[i].p_type == PT_INTERP;
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_X))
      inside = inside || entry - bias - headers[i].p_vaddr < headers[i].p_memsz;
  }
  CHECK("AT_ENTRY is in an executable segment", load && inside);
  CHECK("AT_BASE is set only with an interpreter", !!getauxval(AT_BASE) == interpreter);
  CHECK("AT_CLKTCK", getauxval(AT_CLKTCK) == 100 && sysconf(_SC_CLK_TCK) == 100);
  CHECK("AT_RANDOM", getauxval(AT_RANDOM) && memcmp((void *)getauxval(AT_RANDOM),
                                                    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
  CHECK("AT_EXECFN", getauxval(AT_EXECFN) && strstr((char *)getauxval(AT_EXECFN), "process"));
  CHECK("AT_PLATFORM", getauxval(AT_PLATFORM) &&
                           !strcmp((char *)getauxval(AT_PLATFORM), "x86_64"));
  CHECK("AT_UID, AT_GID", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() &&
                              getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
  CHECK_EQ("AT_SECURE", getauxval(AT_SECURE), 0);
}

static void test_identity(void) {
  uid_t r, e, s;
  CHECK("getpid", getpid() > 0 && getpid() == syscall(SYS_getpid));
  CHECK("getppid", getppid() >= 0);
  CHECK("gettid", syscall(SYS_gettid) == getpid());
  CHECK("getresuid", getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid());
  CHECK("getgroups", getgroups(0, NULL) >= 0);
  CHECK("getpgid, getsid", getpgid(0) >= 0 && getsid(0) >= 0 && getpgrp() == getpgid(0));
  CHECK("setuid to ourselves", setuid(getuid()) == 0 && setgid(getgid()) == 0);
}

static void test_system(void) {
  struct utsname name;
  struct sysinfo info;
  CHECK("uname", uname(&name) == 0 && !strcmp(name.sysname, "Linux") &&
                     !strcmp(name.machine, "x86_64") && atoi(name.release) >= 4);
  char host[HOST_NAME_MAX + 1] = "";
  CHECK("gethostname", gethostname(host, sizeof host) == 0 && !strcmp(host, name.nodename));
  CHECK("sysinfo", sysinfo(&info) == 0 && info.totalram * info.mem_unit > 1 << 20 &&
                       info.freeram <= info.totalram && info.procs > 0);
  cpu_set_t set;
  CPU_ZERO(&set);
  long size = syscall(SYS_sched_getaffinity, 0, sizeof set, &set);
  CHECK("sched_getaffinity returns a size", size > 0 && size <= (long)sizeof set && size % 8 == 0);
  CHECK("with a CPU in it",
        CPU_COUNT(&set) >= 1 && CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
  CHECK_EQ("sched_yield", sched_yield(), 0);
  CHECK_EQ("sched_getscheduler", syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
  CHECK("sched_get_priority_max", sched_get_priority_max(SCHED_FIFO) == 99);
  CHECK("getpriority", getpriority(PRIO_PROCESS, 0) >= -20 && errno == 0);
  CHECK("membarrier can be asked", syscall(SYS_membarrier, 0, 0) >= 0 || errno == ENOSYS);
}

static void test_limits(void) {
  struct rlimit limit, old;
  static const int kinds[] = {RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_AS,      RLIMIT_DATA,
                              RLIMIT_CORE,  RLIMIT_NPROC,  RLIMIT_MEMLOCK, RLIMIT_FSIZE};
  bool all = true;
  for (unsigned i = 0; i < COUNT(kinds); i++)
    all = all && getrlimit(kinds[i], &limit) == 0 && limit.rlim_cur <= limit.rlim_max;
  CHECK("getrlimit", all);
  CHECK("the stack's is sensible", getrlimit(RLIMIT_STACK, &limit) == 0 &&
                                       limit.rlim_cur >= 1 << 20);
  CHECK_ERR("an unknown one", syscall(SYS_getrlimit, 99, &limit), EINVAL);
  limit = (struct rlimit){0, 0};
  CHECK("prlimit sets and tells the old one",
        prlimit(0, RLIMIT_CORE, &limit, &old) == 0 && !getrlimit(RLIMIT_CORE, &limit) &&
            limit.rlim_cur == 0);
  limit = (struct rlimit){5, 4};
  CHECK_ERR("soft above hard", setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
}

static void test_names(void) {
  char name[16] = "";
  CHECK("PR_SET_NAME, PR_GET_NAME", prctl(PR_SET_NAME, "a-long-name-is-cut-off") == 0 &&
                                        prctl(PR_GET_NAME, name) == 0 &&
                                        !strcmp(name, "a-long-name-is-"));
  CHECK_EQ("PR_SET_PDEATHSIG", prctl(PR_SET_PDEATHSIG, 0), 0);
  CHECK("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE) >= 0);
  CHECK_EQ("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_ERR("an unknown one", prctl(99999, 0, 0, 0, 0), EINVAL);
  unsigned long fs = 0;
  CHECK("arch_prctl tells the thread pointer",
        syscall(SYS_arch_prctl, 0x1003, &fs) == 0 && fs == *(unsigned long *)fs);
}

/* One VM is one process: what would make a second one says so. */
static void test_refused(void) {
  if (!on_virga)
    return;
  CHECK_ERR("fork", syscall(SYS_fork), ENOSYS);
  CHECK_ERR("vfork", syscall(SYS_vfork), ENOSYS);
  CHECK_ERR("clone without CLONE_VM", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), ENOSYS);
  char *arguments[] = {"x", NULL};
  CHECK_ERR("execve", syscall(SYS_execve, "/x", arguments, environ), ENOSYS);
  int status;
  CHECK_ERR("wait without children", waitpid(-1, &status, 0), ECHILD);
}

static void test_unknown(void) {
  CHECK_ERR("call 1000", syscall(1000), ENOSYS);
  CHECK_ERR("call -1", syscall(-1), ENOSYS);
  CHECK_ERR("call 0x7fffffff", syscall(0x7fffffff), ENOSYS);
  if (!on_virga)
    CHECK_ERR("wait without children", waitpid(-1, NULL, 0), ECHILD);
}

/* Errors are negative in all 64 bits: calls that return numbers or take an id that nobody has. */
static void test_errors(void) {
  const int nobody = 999999;
  static char room[64];
  CHECK_ERR("getpgid", syscall(SYS_getpgid, nobody), ESRCH);
  CHECK_ERR("getsid", syscall(SYS_getsid, nobody), ESRCH);
  CHECK_ERR("sched_getscheduler", syscall(SYS_sched_getscheduler, nobody), ESRCH);
  CHECK_ERR("sched_getparam", syscall(SYS_sched_getparam, nobody, room), ESRCH);
  CHECK_ERR("sched_getaffinity", syscall(SYS_sched_getaffinity, nobody, 64, room), ESRCH);
  CHECK_ERR("sched_get_priority_max", syscall(SYS_sched_get_priority_max, 77), EINVAL);
  CHECK_ERR("getpriority", syscall(SYS_getpriority, 77, 0), EINVAL);
  CHECK_ERR("ioprio_get", syscall(SYS_ioprio_get, 77, 0), EINVAL);
  CHECK_ERR("timer_getoverrun", syscall(SYS_timer_getoverrun, nobody), EINVAL);
  CHECK_ERR("timer_gettime", syscall(SYS_timer_gettime, nobody, room), EINVAL);
  CHECK_ERR("prlimit64", syscall(SYS_prlimit64, nobody, 4, 0, room), ESRCH);
  CHECK_ERR("dup2", syscall(SYS_dup2, nobody, nobody), EBADF);
  CHECK_ERR("lseek", syscall(SYS_lseek, nobody, 0, 0), EBADF);
  CHECK_ERR("fcntl", syscall(SYS_fcntl, nobody, 3, 0), EBADF);
}

static int constructed;
__attribute__((constructor)) static void constructor(void) { constructed = 1; }

static void test_start(void) {
  CHECK_EQ("constructors have run", constructed, 1);
  CHECK("stdin, stdout, stderr are 0, 1, 2", fileno(stdin) == 0 && fileno(stdout) == 1 &&
                                                 fileno(stderr) == 2);
  const char *given = getenv("VIRGA_TEST");
  if (on_virga)
    CHECK("an environment variable given by the runner",
          given && !strcmp(given, "a value with blanks and \"quotes\""));
}

static const struct group groups[] = {
    {"stack", test_stack},     {"auxv", test_auxv},       {"identity", test_identity},
    {"system", test_system},   {"limits", test_limits},   {"names", test_names},
    {"refused", test_refused}, {"unknown", test_unknown}, {"start", test_start},
    {"errors", test_errors},
};

int main(int argc, char **argv) {
  arg_count = argc;
  arg_values = argv;
  return check_main(argc, argv, groups, COUNT(groups));
}
