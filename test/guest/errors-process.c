/*
 * What calls on memory, signals, time, threads and the process refuse, and with which error: each
 * line is one call that must fail. What they do when they succeed is tested with each family.
 */
#include "errors.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
enum { NO_THREAD = 4000000, FUTEX_PRIVATE = 128 };

static char *memory, buffer[8192];
static int file, reader;

static void test_setup(void) {
  const char *name = scratch("errors-process");
  file = open(name, O_RDWR | O_CREAT, 0600);
  reader = open(name, O_RDONLY);
  REQUIRE("a file", file >= 0 && reader >= 0 && ftruncate(file, 4 * PAGE) == 0);
  unlink(name);
  memory = mmap(NULL, 16 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory", memory != MAP_FAILED && munmap(memory + 8 * PAGE, PAGE) == 0);
}

static long map(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

static void test_mapping(void) {
  FAILS(EINVAL, map(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS(EINVAL, map(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
  FAILS(EINVAL, map(memory + 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  FAILS(ENOMEM, map(NULL, 1ul << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS(ENOMEM, map(NULL, -1ul, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS(ENOMEM, map((void *)(1ul << 47), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  FAILS(EEXIST, map(memory, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0));
  FAILS(EBADF, map(NULL, PAGE, RW, MAP_PRIVATE, CLOSED, 0));
  FAILS(EINVAL, map(NULL, PAGE, RW, MAP_PRIVATE, file, 1));
  FAILS(EOVERFLOW, map(NULL, 2 * PAGE, RW, MAP_PRIVATE, file, -(long)PAGE));
  FAILS(EACCES, map(NULL, PAGE, RW, MAP_SHARED, reader, 0));
  FAILS(EOPNOTSUPP, map(NULL, PAGE, RW, 3 | 0x200000, file, 0));
  FAILS(EINVAL, munmap(memory + 1, PAGE));
  FAILS(EINVAL, munmap(memory, 0));
  FAILS(EINVAL, munmap((void *)(1ul << 47), PAGE));
  FAILS(EINVAL, munmap(memory, -1ul - 2 * PAGE));
  FAILS(EINVAL, syscall(SYS_mprotect, memory + 1, PAGE, RW));
  FAILS(EINVAL, mprotect(memory, PAGE, 0x100));
  FAILS(EINVAL, mprotect(memory, PAGE, PROT_GROWSDOWN | PROT_GROWSUP));
  FAILS(ENOMEM, mprotect(memory + 7 * PAGE, 2 * PAGE, RW));
  FAILS(ENOMEM, mprotect(memory + 8 * PAGE, PAGE, RW));
  GIVES(0, mprotect(memory, 0, RW));
  char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
  FAILS(EACCES, mprotect(shared, PAGE, RW));
  munmap(shared, PAGE);
  FAILS(EINVAL, syscall(SYS_mremap, memory + 1, PAGE, PAGE, 0, 0));
  FAILS(EINVAL, syscall(SYS_mremap, memory, PAGE, 0, 0, 0));
  FAILS(EINVAL, syscall(SYS_mremap, memory, PAGE, PAGE, 8, 0));
  FAILS(EINVAL, syscall(SYS_mremap, memory, PAGE, PAGE, MREMAP_FIXED, memory + PAGE));
  FAILS(EINVAL, syscall(SYS_mremap, memory, 2 * PAGE, PAGE, 3, memory + PAGE));
  FAILS(EINVAL, syscall(SYS_mremap, memory, PAGE, PAGE, 3, memory + PAGE + 1));
  FAILS(EFAULT, syscall(SYS_mremap, memory + 8 * PAGE, PAGE, 2 * PAGE, 1, 0));
  FAILS(EFAULT, syscall(SYS_mremap, memory + 7 * PAGE, 2 * PAGE, 3 * PAGE, 1, 0));
  FAILS(ENOMEM, syscall(SYS_mremap, memory, PAGE, 2 * PAGE, 0, 0));
  FAILS(EINVAL, madvise(memory + 1, PAGE, MADV_NORMAL));
  FAILS(EINVAL, madvise(memory, PAGE, 99));
  FAILS(ENOMEM, madvise(memory + 7 * PAGE, 2 * PAGE, MADV_WILLNEED));
  FAILS(EINVAL, madvise(memory, -1ul, MADV_DONTNEED));
  GIVES(0, madvise(memory, 0, MADV_DONTNEED));
  FAILS(EINVAL, msync(memory, PAGE, MS_ASYNC | MS_SYNC));
  FAILS(EINVAL, msync(memory + 1, PAGE, MS_SYNC));
  FAILS(EINVAL, msync(memory, PAGE, 0x100));
  FAILS(ENOMEM, msync(memory + 7 * PAGE, 2 * PAGE, MS_SYNC));
  FAILS(EINVAL, mincore(memory + 1, PAGE, (void *)buffer));
  FAILS(ENOMEM, mincore(memory + 8 * PAGE, PAGE, (void *)buffer));
  FAILS(EFAULT, mincore(memory, PAGE, NOWHERE));
  FAILS(ENOMEM, mlock(memory + 7 * PAGE, 2 * PAGE));
  FAILS(ENOMEM, munlock(memory + 8 * PAGE, PAGE));
  FAILS(EINVAL, mlockall(0));
  FAILS(EINVAL, mlockall(0x100));
  FAILS(EINVAL, syscall(SYS_mlock2, memory, PAGE, 2));
  FAILS(EINVAL, syscall(SYS_membarrier, 1 << 20, 0, 0));
  FAILS(EINVAL, syscall(SYS_membarrier, 0, 1, 0));
}

static void test_signals(void) {
  struct sigaction action = {.sa_handler = SIG_IGN};
  stack_t stack = {.ss_sp = buffer, .ss_size = 100};
  uint64_t set = 0;
  siginfo_t info = {.si_code = SI_QUEUE};
  struct timespec bad = {0, 1000000000}, none = {0, 0};
  FAILS(EINVAL, syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGKILL, &action, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGSTOP, &action, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
  FAILS(EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, NOWHERE, NULL, 8));
  FAILS(EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, NULL, NOWHERE, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
  FAILS(EINVAL, syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8));
  FAILS(EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NOWHERE, NULL, 8));
  FAILS(EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NOWHERE, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigpending, &set, 9));
  FAILS(EFAULT, syscall(SYS_rt_sigpending, NOWHERE, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigsuspend, &set, 4));
  FAILS(EFAULT, syscall(SYS_rt_sigsuspend, NOWHERE, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 4));
  FAILS(EINVAL, syscall(SYS_rt_sigtimedwait, &set, NULL, &bad, 8));
  FAILS(EAGAIN, syscall(SYS_rt_sigtimedwait, &set, NULL, &none, 8));
  FAILS(EFAULT, syscall(SYS_rt_sigtimedwait, NOWHERE, NULL, &none, 8));
  FAILS(EINVAL, kill(getpid(), 65));
  FAILS(EINVAL, kill(getpid(), -1));
  FAILS(ESRCH, kill(NO_THREAD, 0));
  FAILS(EINVAL, syscall(SYS_tkill, 0, 0));
  FAILS(EINVAL, syscall(SYS_tkill, -1, 0));
  FAILS(ESRCH, syscall(SYS_tkill, NO_THREAD, 0));
  FAILS(EINVAL, syscall(SYS_tkill, getpid(), 65));
  FAILS(EINVAL, syscall(SYS_tgkill, 0, getpid(), 0));
  FAILS(EINVAL, syscall(SYS_tgkill, getpid(), 0, 0));
  FAILS(ESRCH, syscall(SYS_tgkill, NO_THREAD, getpid(), 0));
  FAILS(ESRCH, syscall(SYS_tgkill, getpid(), NO_THREAD, 0));
  FAILS(EINVAL, syscall(SYS_tgkill, getpid(), getpid(), 65));
  FAILS(ESRCH, syscall(SYS_rt_sigqueueinfo, NO_THREAD, SIGUSR1, &info));
  FAILS(EINVAL, syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
  FAILS(EFAULT, syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, NOWHERE));
  FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGUSR1, &info));
  FAILS(ENOMEM, sigaltstack(&stack, NULL));
  stack.ss_flags = 77;
  FAILS(EINVAL, syscall(SYS_sigaltstack, &stack, NULL));
  FAILS(EFAULT, syscall(SYS_sigaltstack, NOWHERE, NULL));
  FAILS(EFAULT, syscall(SYS_sigaltstack, NULL, NOWHERE));
}

static void test_time(void) {
  struct timespec ts = {0, 1000000000}, negative = {-1, 0}, out;
  struct timeval tv = {0, 1000000};
  struct itimerval interval = {.it_value = {0, 1000000}};
  struct itimerspec setting = {.it_value = {0, 1000000000}};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
  int id = 0;
  FAILS(EINVAL, syscall(SYS_clock_gettime, 99, &out));
  FAILS(EINVAL, syscall(SYS_clock_gettime, -1, &out));
  FAILS(EFAULT, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, NOWHERE));
  FAILS(EINVAL, syscall(SYS_clock_getres, 99, &out));
  GIVES(0, syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
  FAILS(EINVAL, syscall(SYS_clock_settime, CLOCK_MONOTONIC, &out));
  FAILS(EINVAL, syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
  FAILS(EFAULT, syscall(SYS_clock_settime, CLOCK_REALTIME, NOWHERE));
  FAILS(EINVAL, syscall(SYS_settimeofday, &tv, NULL));
  FAILS(EINVAL, syscall(SYS_nanosleep, &ts, NULL));
  FAILS(EINVAL, syscall(SYS_nanosleep, &negative, NULL));
  FAILS(EFAULT, syscall(SYS_nanosleep, NOWHERE, NULL));
  FAILS(EINVAL, syscall(SYS_clock_nanosleep, 99, 0, &out, NULL));
  FAILS(EINVAL, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL));
  FAILS(EOPNOTSUPP, syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &out, NULL));
  FAILS(EINVAL, syscall(SYS_setitimer, 9, &interval, NULL));
  FAILS(EINVAL, syscall(SYS_setitimer, ITIMER_REAL, &interval, NULL));
  FAILS(EFAULT, syscall(SYS_setitimer, ITIMER_REAL, NOWHERE, NULL));
  FAILS(EINVAL, syscall(SYS_getitimer, 9, &interval));
  FAILS(EFAULT, syscall(SYS_getitimer, ITIMER_REAL, NOWHERE));
  FAILS(EINVAL, syscall(SYS_timer_create, 99, NULL, &id));
  FAILS(EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  event.sigev_signo = SIGUSR1, event.sigev_notify = 99;
  FAILS(EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  FAILS(EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, NOWHERE, &id));
  FAILS(EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, NOWHERE));
  FAILS(EINVAL, syscall(SYS_timer_settime, 12345, 0, &setting, NULL));
  FAILS(EINVAL, syscall(SYS_timer_gettime, 12345, &setting));
  FAILS(EINVAL, syscall(SYS_timer_getoverrun, 12345));
  FAILS(EINVAL, syscall(SYS_timer_delete, 12345));
  event.sigev_notify = SIGEV_NONE;
  REQUIRE("a timer", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0);
  FAILS(EINVAL, syscall(SYS_timer_settime, id, 0, &setting, NULL));
  FAILS(EINVAL, syscall(SYS_timer_settime, id, 0, NULL, NULL));
  FAILS(EFAULT, syscall(SYS_timer_gettime, id, NOWHERE));
  GIVES(0, syscall(SYS_timer_delete, id));
  FAILS(EINVAL, syscall(SYS_timer_delete, id));
  FAILS(EFAULT, syscall(SYS_gettimeofday, NOWHERE, NULL));
  FAILS(EFAULT, syscall(SYS_times, NOWHERE));
}

static void test_threads(void) {
  int word = 1, other = 0;
  struct timespec bad = {0, 1000000000}, none = {0, 0};
  uint64_t head[3] = {0};
  FAILS(EAGAIN, syscall(SYS_futex, &word, 0 | FUTEX_PRIVATE, 0, NULL));
  FAILS(ETIMEDOUT, syscall(SYS_futex, &word, 0 | FUTEX_PRIVATE, 1, &none));
  FAILS(EINVAL, syscall(SYS_futex, &word, 0 | FUTEX_PRIVATE, 1, &bad));
  FAILS(EINVAL, syscall(SYS_futex, (char *)&word + 1, 0 | FUTEX_PRIVATE, 1, &none));
  FAILS(EFAULT, syscall(SYS_futex, NOWHERE, 0 | FUTEX_PRIVATE, 1, &none));
  FAILS(EFAULT, syscall(SYS_futex, &word, 0 | FUTEX_PRIVATE, 1, NOWHERE));
  FAILS(EINVAL, syscall(SYS_futex, (char *)&word + 1, 1 | FUTEX_PRIVATE, 1));
  FAILS(ENOSYS, syscall(SYS_futex, &word, 99, 1));
  FAILS(EINVAL, syscall(SYS_futex, &word, 9 | FUTEX_PRIVATE, 1, &none, NULL, 0));
  FAILS(EINVAL, syscall(SYS_futex, &word, 10 | FUTEX_PRIVATE, 1, NULL, NULL, 0));
  FAILS(EAGAIN, syscall(SYS_futex, &word, 4 | FUTEX_PRIVATE, 1, 1, &other, 0));
  FAILS(EINVAL, syscall(SYS_futex, &word, 3 | FUTEX_PRIVATE, -1, 1, &other));
  FAILS(EINVAL, syscall(SYS_futex, &word, 3 | FUTEX_PRIVATE, 1, -1, &other));
  FAILS(EPERM, syscall(SYS_futex, &other, 7 | FUTEX_PRIVATE, 0));
  FAILS(EINVAL, syscall(SYS_set_robust_list, head, 4));
  FAILS(ESRCH, syscall(SYS_get_robust_list, NO_THREAD, head, head + 1));
  FAILS(EFAULT, syscall(SYS_get_robust_list, 0, NOWHERE, head));
  FAILS(EINVAL, syscall(SYS_clone, 0x10000 /* CLONE_THREAD alone */, 0, 0, 0, 0));
  FAILS(EINVAL, syscall(SYS_clone, 0x800 /* CLONE_SIGHAND alone */, 0, 0, 0, 0));
  FAILS(EINVAL, syscall(435 /* clone3 */, buffer, 8));
  FAILS(EFAULT, syscall(435, NOWHERE, 64));
  FAILS(E2BIG, syscall(435, buffer, 8192));
  FAILS(EINVAL, syscall(SYS_arch_prctl, 0x9999, 0));
  FAILS(EPERM, syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, 1ul << 48));
  FAILS(EFAULT, syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, NOWHERE));
}

static void test_scheduling(void) {
  struct sched_param parameter = {.sched_priority = 200};
  uint64_t mask = 0;
  struct timespec ts;
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, 0, 99, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL));
  FAILS(EFAULT, syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NOWHERE));
  parameter.sched_priority = 0;
  FAILS(ESRCH, syscall(SYS_sched_setscheduler, NO_THREAD, SCHED_OTHER, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_setscheduler, 0, SCHED_RR, &parameter));
  FAILS(ESRCH, syscall(SYS_sched_getscheduler, NO_THREAD));
  FAILS(EINVAL, syscall(SYS_sched_getscheduler, -1));
  FAILS(EINVAL, syscall(SYS_sched_setparam, 0, NULL));
  FAILS(ESRCH, syscall(SYS_sched_setparam, NO_THREAD, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_getparam, -1, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_getparam, 0, NULL));
  FAILS(ESRCH, syscall(SYS_sched_getparam, NO_THREAD, &parameter));
  FAILS(EINVAL, syscall(SYS_sched_get_priority_max, 99));
  FAILS(EINVAL, syscall(SYS_sched_get_priority_min, -1));
  GIVES(99, syscall(SYS_sched_get_priority_max, SCHED_FIFO));
  GIVES(1, syscall(SYS_sched_get_priority_min, SCHED_RR));
  GIVES(0, syscall(SYS_sched_get_priority_max, SCHED_BATCH));
  FAILS(ESRCH, syscall(SYS_sched_rr_get_interval, NO_THREAD, &ts));
  FAILS(EINVAL, syscall(SYS_sched_rr_get_interval, -1, &ts));
  FAILS(EFAULT, syscall(SYS_sched_rr_get_interval, 0, NOWHERE));
  FAILS(EINVAL, syscall(SYS_sched_setaffinity, 0, 8, &mask));
  FAILS(EFAULT, syscall(SYS_sched_setaffinity, 0, 8, NOWHERE));
  FAILS(ESRCH, syscall(SYS_sched_setaffinity, NO_THREAD, 8, &mask));
  FAILS(EINVAL, syscall(SYS_sched_getaffinity, 0, 7, &mask));
  FAILS(EFAULT, syscall(SYS_sched_getaffinity, 0, 8, NOWHERE));
  FAILS(ESRCH, syscall(SYS_sched_getaffinity, NO_THREAD, 8, &mask));
  FAILS(EINVAL, syscall(SYS_getpriority, 9, 0));
  FAILS(ESRCH, syscall(SYS_getpriority, PRIO_PROCESS, NO_THREAD));
  FAILS(EINVAL, syscall(SYS_setpriority, 9, 0, 0));
  FAILS(ESRCH, syscall(SYS_setpriority, PRIO_PROCESS, NO_THREAD, 0));
  FAILS(EINVAL, syscall(314 /* sched_setattr */, 0, NULL, 0));
  FAILS(EINVAL, syscall(314, 0, buffer, 1));
  FAILS(EINVAL, syscall(315 /* sched_getattr */, 0, buffer, 8, 0));
  FAILS(EINVAL, syscall(315, 0, buffer, 8192, 0));
  FAILS(ESRCH, syscall(315, NO_THREAD, buffer, 48, 0));
}

/* Every limit is told, and can be set to what it is; /proc/self/limits tells the same. */
static void check_limit(int resource, const char *name) {
  struct rlimit limit, again;
  char line[128] = "", found[128] = "", soft[24], hard[24];
  REQUIRE(name, syscall(SYS_getrlimit, resource, &limit) == 0 && limit.rlim_cur <= limit.rlim_max);
  FILE *limits = fopen("/proc/self/limits", "r");
  while (limits && fgets(line, sizeof line, limits))
    if (strncmp(line, name, strlen(name)) == 0)
      strcpy(found, line + strlen(name));
  if (limits)
    fclose(limits);
  CHECK("is in /proc/self/limits", sscanf(found, "%23s %23s", soft, hard) == 2);
  CHECK("with both values", limit.rlim_cur == RLIM_INFINITY
                                ? !strcmp(soft, "unlimited")
                                : strtoul(soft, NULL, 10) == limit.rlim_cur);
  CHECK("the hard one, too", limit.rlim_max == RLIM_INFINITY
                                 ? !strcmp(hard, "unlimited")
                                 : strtoul(hard, NULL, 10) == limit.rlim_max);
  CHECK("it can be set to what it is", syscall(SYS_setrlimit, resource, &limit) == 0);
  CHECK("it is as it was", syscall(SYS_prlimit64, 0, resource, NULL, &again) == 0 &&
                               again.rlim_cur == limit.rlim_cur &&
                               again.rlim_max == limit.rlim_max);
}

static void test_each_limit(void) {
  static const char *const names[] = {
      "Max cpu time", "Max file size", "Max data size", "Max stack size", "Max core file size",
      "Max resident set", "Max processes", "Max open files", "Max locked memory",
      "Max address space", "Max file locks", "Max pending signals", "Max msgqueue size",
      "Max nice priority", "Max realtime priority", "Max realtime timeout",
  };
  for (unsigned resource = 0; resource < COUNT(names); resource++)
    check_limit(resource, names[resource]);
}

static void test_limits(void) {
  struct rlimit limit = {2, 1}, out;
  struct rusage usage;
  FAILS(EINVAL, syscall(SYS_getrlimit, 99, &out));
  FAILS(EFAULT, syscall(SYS_getrlimit, RLIMIT_NOFILE, NOWHERE));
  FAILS(EINVAL, syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  FAILS(EINVAL, syscall(SYS_setrlimit, 99, &limit));
  FAILS(EFAULT, syscall(SYS_setrlimit, RLIMIT_NOFILE, NOWHERE));
  limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
  FAILS(EPERM, syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  FAILS(EINVAL, syscall(SYS_prlimit64, 0, 99, NULL, &out));
  FAILS(ESRCH, syscall(SYS_prlimit64, NO_THREAD, RLIMIT_NOFILE, NULL, &out));
  FAILS(EINVAL, syscall(SYS_getrusage, 99, &usage));
  FAILS(EFAULT, syscall(SYS_getrusage, RUSAGE_SELF, NOWHERE));
}

static void test_process(void) {
  int status;
  siginfo_t info;
  FAILS(ECHILD, wait4(-1, &status, WNOHANG, NULL));
  FAILS(ECHILD, wait4(NO_THREAD, &status, WNOHANG, NULL));
  FAILS(EINVAL, wait4(-1, &status, 0x100, NULL));
  FAILS(ESRCH, wait4(INT_MIN, &status, WNOHANG, NULL));
  FAILS(ECHILD, waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
  FAILS(EINVAL, waitid(P_ALL, 0, &info, 0));
  FAILS(EINVAL, waitid(P_ALL, 0, &info, 0x100000));
  FAILS(EINVAL, waitid(9, 0, &info, WEXITED));
  FAILS(EINVAL, waitid(P_PID, 0, &info, WEXITED));
  FAILS(EINVAL, waitid(P_PID, -1, &info, WEXITED));
  FAILS(ESRCH, getpgid(NO_THREAD));
  FAILS(ESRCH, getsid(NO_THREAD));
  FAILS(ESRCH, setpgid(NO_THREAD, 0));
  FAILS(EINVAL, setpgid(0, -1));
  FAILS(EINVAL, prctl(9999, 0, 0, 0, 0));
  FAILS(EFAULT, prctl(PR_SET_NAME, NOWHERE, 0, 0, 0));
  FAILS(EFAULT, prctl(PR_GET_NAME, NOWHERE, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_DUMPABLE, 9, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_PDEATHSIG, 99, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_CAPBSET_READ, 99, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
  FAILS(EFAULT, uname(NOWHERE));
  FAILS(EINVAL, syscall(SYS_sethostname, "x", -1));
  FAILS(EINVAL, syscall(SYS_sethostname, buffer, 65));
  FAILS(EFAULT, syscall(SYS_sethostname, NOWHERE, 1));
  FAILS(EINVAL, syscall(SYS_getrandom, buffer, 1, 0x100));
  FAILS(EINVAL, syscall(SYS_getrandom, buffer, 1, 6));
  FAILS(EFAULT, syscall(SYS_getrandom, NOWHERE, 1, 0));
  FAILS(EFAULT, syscall(SYS_sysinfo, NOWHERE));
  FAILS(EINVAL, syscall(SYS_syslog, 99, 0, 0));
  FAILS(EINVAL, syscall(SYS_getgroups, -1, buffer));
  FAILS(EFAULT, syscall(SYS_getcpu, NOWHERE, NULL, NULL));
}

static const struct group groups[] = {
    {"setup", test_setup},     {"mapping", test_mapping},       {"signals", test_signals},
    {"time", test_time},       {"threads", test_threads},       {"scheduling", test_scheduling},
    {"limits", test_limits},   {"each-limit", test_each_limit},   {"process", test_process},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
