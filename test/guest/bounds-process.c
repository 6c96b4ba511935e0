/*
 * The first and the last value that calls on signals, time, scheduling, identity and threads take,
 * and the one beyond: each line is a call at a bound.
 */
#include "errors.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

/* Where an application's memory ends. */
#define END 0x7ffffffff000ul
/* A clock of CPU time: whose, and of which kind (2: all of it). */
#define CPU_CLOCK(id, kind) (~(unsigned)(id) << 3 | (kind))
enum { OF_THREAD = 4, SIGNAL_MAX = 64, CAPABILITY_MAX = 40 };

static char buffer[16384];

static void test_signals(void) {
  uint64_t set = 0, old = 0;
  siginfo_t info = {.si_code = SI_QUEUE};
  stack_t stack = {.ss_sp = buffer, .ss_size = 2048}, none = {.ss_flags = SS_DISABLE};
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {SIG_IGN, 0, NULL, 0}, before;
  memset(&before, 0, sizeof before);
  for (int signal = 32; signal <= SIGNAL_MAX; signal += SIGNAL_MAX - 32) {
    GIVES(0, syscall(SYS_rt_sigaction, signal, &action, NULL, 8));
    GIVES(0, syscall(SYS_rt_sigaction, signal, NULL, &before, 8));
    CHECK("it is remembered", before.handler == SIG_IGN);
    GIVES(0, kill(getpid(), signal));
    GIVES(0, syscall(SYS_tkill, getpid(), signal));
    GIVES(0, syscall(SYS_tgkill, getpid(), getpid(), signal));
    GIVES(0, syscall(SYS_rt_sigqueueinfo, getpid(), signal, &info));
    GIVES(0, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), signal, &info));
    action.handler = SIG_DFL;
    syscall(SYS_rt_sigaction, signal, &action, NULL, 8);
    action.handler = SIG_IGN;
  }
  FAILS(EINVAL, syscall(SYS_rt_sigaction, 0, &action, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, SIGNAL_MAX + 1, &action, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigaction, -1, &action, NULL, 8));
  FAILS(EINVAL, kill(getpid(), SIGNAL_MAX + 1));
  FAILS(EINVAL, kill(getpid(), -1));
  FAILS(EINVAL, syscall(SYS_tkill, getpid(), -1));
  FAILS(EINVAL, syscall(SYS_tgkill, getpid(), getpid(), -1));
  FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGNAL_MAX + 1, &info));
  FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), -1, &info));
  FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, 0, getpid(), SIGUSR1, &info));
  FAILS(EINVAL, syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info));
  FAILS(ESRCH, syscall(SYS_rt_tgsigqueueinfo, getpid(), 4000000, SIGUSR1, &info));
  FAILS(ESRCH, syscall(SYS_rt_tgsigqueueinfo, 4000000, getpid(), SIGUSR1, &info));
  GIVES(0, syscall(SYS_tgkill, getpid(), getpid(), 0));
  GIVES(0, syscall(SYS_tkill, getpid(), 0));
  GIVES(0, kill(getpid(), 0));
  GIVES(0, kill(0, 0));
  GIVES(0, prctl(PR_SET_PDEATHSIG, SIGNAL_MAX, 0, 0, 0));
  GIVES(0, prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_PDEATHSIG, SIGNAL_MAX + 1, 0, 0, 0));
  GIVES(0, fcntl(0, F_SETSIG, SIGNAL_MAX));
  GIVES(SIGNAL_MAX, fcntl(0, F_GETSIG));
  GIVES(0, fcntl(0, F_SETSIG, 0));
  FAILS(EINVAL, fcntl(0, F_SETSIG, SIGNAL_MAX + 1));
  FAILS(EINVAL, fcntl(0, F_SETSIG, -1));
  GIVES(0, syscall(SYS_sigaltstack, &stack, NULL));
  GIVES(0, syscall(SYS_sigaltstack, &none, NULL));
  stack.ss_size = 2047;
  FAILS(ENOMEM, syscall(SYS_sigaltstack, &stack, NULL));
  GIVES(0, syscall(SYS_rt_sigpending, &set, 8));
  for (int how = 0; how < 3; how++)
    GIVES(0, syscall(SYS_rt_sigprocmask, how, &old, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigprocmask, 3, &old, NULL, 8));
  FAILS(EINVAL, syscall(SYS_rt_sigprocmask, -1, &old, NULL, 8));
  GIVES(0, syscall(SYS_rt_sigprocmask, 99, NULL, &old, 8));
}

static void test_timer_signals(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL};
  int id, first, signals[] = {1, SIGNAL_MAX}, wrong[] = {0, SIGNAL_MAX + 1, -1};
  for (unsigned i = 0; i < COUNT(signals); i++) {
    event.sigev_signo = signals[i];
    REQUIRE("a signal that there is", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0);
    GIVES(0, syscall(SYS_timer_delete, id));
  }
  for (unsigned i = 0; i < COUNT(wrong); i++) {
    event.sigev_signo = wrong[i];
    FAILS(EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  }
  event.sigev_signo = SIGUSR1;
  event.sigev_notify = 4 /* SIGEV_THREAD_ID */;
  *((int *)&event + 4) = 4000000;
  FAILS(EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  *((int *)&event + 4) = getpid();
  REQUIRE("a thread that there is", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &first) == 0);
  FAILS(EINVAL, syscall(SYS_timer_gettime, first + 1, buffer));
  FAILS(EINVAL, syscall(SYS_timer_gettime, -1, buffer));
  FAILS(EINVAL, syscall(SYS_timer_delete, 1 << 20));
  GIVES(0, syscall(SYS_timer_getoverrun, first));
  GIVES(0, syscall(SYS_timer_delete, first));
}

/* On Linux RLIMIT_SIGPENDING is all that bounds them. */
static void test_timers_max(void) {
  enum { TIMERS_MAX = 1024 };
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  int id, made = 0;
  if (!on_virga)
    return;
  while (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0 && id == made)
    made++;
  CHECK_EQ("as many timers as there may be", made, TIMERS_MAX);
  FAILS(EAGAIN, syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  FAILS(EINVAL, syscall(SYS_timer_gettime, TIMERS_MAX, buffer));
  GIVES(0, syscall(SYS_timer_gettime, TIMERS_MAX - 1, buffer));
  while (made > 0 && syscall(SYS_timer_delete, made - 1) == 0)
    made--;
  CHECK_EQ("all can go", made, 0);
}

/* Nobody continues the one process: where Linux would stop it, it goes on. */
static void test_stops(void) {
  static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP};
  static const int ignored[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
  for (unsigned i = 0; on_virga && i < COUNT(signals); i++)
    GIVES(0, kill(getpid(), signals[i]));
  for (unsigned i = 0; i < COUNT(ignored); i++)
    GIVES(0, kill(getpid(), ignored[i]));
}

static void test_time(void) {
  struct itimerspec timer = {.it_value = {0, 999999999}};
  struct itimerval interval = {.it_value = {0, 999999}}, off = {{0, 0}, {0, 0}};
  struct timespec past = {0, 999999999}, beyond = {0, 1000000000}, before = {0, -1}, minus = {-1, 0};
  struct timeval less = {0, -1};
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  GIVES(0, timerfd_settime(fd, 0, &timer, NULL));
  timer.it_value.tv_nsec = 1000000000;
  FAILS(EINVAL, timerfd_settime(fd, 0, &timer, NULL));
  timer = (struct itimerspec){.it_interval = {0, 1000000000}};
  FAILS(EINVAL, timerfd_settime(fd, 0, &timer, NULL));
  timer = (struct itimerspec){.it_interval = {-1, 0}};
  FAILS(EINVAL, timerfd_settime(fd, 0, &timer, NULL));
  timer = (struct itimerspec){.it_value = {0, -1}};
  FAILS(EINVAL, timerfd_settime(fd, 0, &timer, NULL));
  FAILS(EINVAL, syscall(SYS_timerfd_settime, fd, 4, &(struct itimerspec){{0, 0}, {0, 0}}, NULL));
  GIVES(0, syscall(SYS_timerfd_settime, fd, 3, &(struct itimerspec){{0, 0}, {0, 0}}, NULL));
  GIVES(0, setitimer(ITIMER_PROF, &interval, NULL));
  GIVES(0, setitimer(ITIMER_PROF, &off, NULL));
  FAILS(EINVAL, syscall(SYS_setitimer, ITIMER_PROF + 1, &interval, NULL));
  FAILS(EINVAL, syscall(SYS_getitimer, ITIMER_PROF + 1, &interval));
  interval.it_value.tv_usec = 1000000;
  FAILS(EINVAL, syscall(SYS_setitimer, ITIMER_REAL, &interval, NULL));
  interval = (struct itimerval){.it_interval = {0, 1000000}};
  FAILS(EINVAL, syscall(SYS_setitimer, ITIMER_REAL, &interval, NULL));
  interval = (struct itimerval){.it_interval = {-1, 0}};
  FAILS(EINVAL, syscall(SYS_setitimer, ITIMER_REAL, &interval, NULL));
  GIVES(0, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
  FAILS(EINVAL, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &beyond, NULL));
  FAILS(EINVAL, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &before, NULL));
  FAILS(EINVAL, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &minus, NULL));
  GIVES(0, syscall(SYS_select, 0, NULL, NULL, NULL, &(struct timeval){0, 0}));
  FAILS(EINVAL, syscall(SYS_select, 0, NULL, NULL, NULL, &less));
  FAILS(EINVAL, syscall(SYS_pselect6, 0, NULL, NULL, NULL, &beyond, NULL));
  FAILS(EINVAL, syscall(SYS_ppoll, NULL, 0, &minus, NULL, 8));
  static const int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
  for (unsigned i = 0; i < COUNT(clocks); i++)
    GIVES(0, syscall(SYS_clock_gettime, clocks[i], buffer));
  FAILS(EINVAL, syscall(SYS_clock_gettime, 10, buffer));
  FAILS(EINVAL, syscall(SYS_clock_gettime, 12, buffer));
  FAILS(EINVAL, syscall(SYS_clock_getres, 12, buffer));
  static const int unwaitable[] = {CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                   CLOCK_MONOTONIC_COARSE, CLOCK_THREAD_CPUTIME_ID};
  for (unsigned i = 0; i < COUNT(unwaitable); i++)
    FAILS(EOPNOTSUPP, syscall(SYS_clock_nanosleep, unwaitable[i], 0, &past, NULL));
  /* Clocks of CPU time by number: of a process, a thread; of nobody; of no kind. */
  GIVES(0, syscall(SYS_clock_gettime, CPU_CLOCK(getpid(), 2), buffer));
  GIVES(0, syscall(SYS_clock_gettime, CPU_CLOCK(getpid(), OF_THREAD | 2), buffer));
  GIVES(0, syscall(SYS_clock_gettime, CPU_CLOCK(0, OF_THREAD | 2), buffer));
  GIVES(0, syscall(SYS_clock_gettime, CPU_CLOCK(0, 2), buffer));
  FAILS(EINVAL, syscall(SYS_clock_gettime, CPU_CLOCK(4000000, 2), buffer));
  FAILS(EINVAL, syscall(SYS_clock_gettime, CPU_CLOCK(4000000, OF_THREAD | 2), buffer));
  FAILS(EINVAL, syscall(SYS_clock_gettime, CPU_CLOCK(getpid(), 3), buffer));
  close(fd);
}

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

static long set_policy(int policy, int priority) {
  struct sched_param parameter = {.sched_priority = priority};
  return syscall(SYS_sched_setscheduler, 0, policy, &parameter);
}

static long set_attributes(int size, int policy, uint64_t flags, int nice, int priority) {
  struct attributes attributes = {size, policy, flags, nice, priority, 0, 0, 0};
  memset(buffer, 0, sizeof buffer);
  memcpy(buffer, &attributes, sizeof attributes);
  return syscall(314 /* sched_setattr */, 0, buffer, 0);
}

static struct attributes attributes_now(void) {
  struct attributes now = {0};
  syscall(315 /* sched_getattr */, 0, &now, sizeof now, 0);
  return now;
}

static void test_scheduling(void) {
  GIVES(0, set_policy(SCHED_FIFO, 1));
  GIVES(0, set_policy(SCHED_RR, 99));
  GIVES(99, attributes_now().priority);
  GIVES(0, attributes_now().nice);
  FAILS(EINVAL, set_policy(SCHED_FIFO, 0));
  FAILS(EINVAL, set_policy(SCHED_RR, 100));
  FAILS(EINVAL, set_policy(SCHED_RR, -1));
  FAILS(EINVAL, set_policy(SCHED_BATCH, 1));
  FAILS(EINVAL, set_policy(5, 1));
  FAILS(EINVAL, set_policy(4, 0));
  FAILS(EINVAL, set_policy(8, 0));
  FAILS(EINVAL, set_policy(-1, 0));
  GIVES(SCHED_RR, syscall(SYS_sched_getscheduler, 0));
  FAILS(EINVAL, syscall(SYS_sched_setparam, 0, &(struct sched_param){.sched_priority = 0}));
  FAILS(EINVAL, syscall(SYS_sched_setparam, 0, &(struct sched_param){.sched_priority = 100}));
  GIVES(0, syscall(SYS_sched_setparam, 0, &(struct sched_param){.sched_priority = 7}));
  GIVES(7, attributes_now().priority);
  GIVES(0, set_policy(SCHED_OTHER | 0x40000000 /* SCHED_RESET_ON_FORK */, 0));
  GIVES(0x40000000, syscall(SYS_sched_getscheduler, 0));
  GIVES(1, attributes_now().flags);
  GIVES(0, set_policy(SCHED_OTHER, 0));
  GIVES(0, attributes_now().flags);
  GIVES(0, set_attributes(48, SCHED_OTHER, 0, 19, 0));
  GIVES(19, attributes_now().nice);
  GIVES(0, set_attributes(48, SCHED_BATCH, 0, -20, 0));
  GIVES(-20, attributes_now().nice);
  GIVES(SCHED_BATCH, attributes_now().policy);
  GIVES(0, set_attributes(48, SCHED_OTHER, 0, 100, 0));
  GIVES(19, attributes_now().nice);
  GIVES(0, set_attributes(48, SCHED_OTHER, 0, -100, 0));
  GIVES(-20, attributes_now().nice);
  GIVES(0, set_attributes(0, SCHED_OTHER, 0, 3, 0));
  GIVES(3, attributes_now().nice);
  /* Flags: what is kept of the policy and its parameters. */
  GIVES(0, set_attributes(48, SCHED_FIFO, 0, 0, 20));
  GIVES(0, set_attributes(48, SCHED_OTHER, 8 /* KEEP_POLICY */, 0, 30));
  GIVES(SCHED_FIFO, attributes_now().policy);
  GIVES(30, attributes_now().priority);
  GIVES(0, set_attributes(48, SCHED_RR, 16 /* KEEP_PARAMS */, 0, 50));
  GIVES(30, attributes_now().priority);
  GIVES(0, set_attributes(48, SCHED_OTHER, 0, 5, 0));
  GIVES(0, set_attributes(48, SCHED_BATCH, 16, 9, 0));
  GIVES(5, attributes_now().nice);
  GIVES(0, set_attributes(48, SCHED_OTHER, 1 /* RESET_ON_FORK */, 5, 0));
  GIVES(1, attributes_now().flags);
  GIVES(0, set_attributes(48, SCHED_OTHER, 0, 0, 0));
  FAILS(EINVAL, set_attributes(48, SCHED_OTHER, 0x80, 0, 0));
  FAILS(EINVAL, set_attributes(48, SCHED_OTHER, 0, 0, 1));
  FAILS(EINVAL, set_attributes(48, SCHED_FIFO, 0, 0, 0));
  FAILS(E2BIG, set_attributes(47, SCHED_OTHER, 0, 0, 0));
  GIVES(1, *(uint32_t *)buffer >= 48);
  FAILS(E2BIG, set_attributes(4097, SCHED_OTHER, 0, 0, 0));
  GIVES(0, syscall(315, 0, buffer, 48, 0));
  GIVES(0, syscall(315, 0, buffer, 4096, 0));
  FAILS(EINVAL, syscall(315, 0, buffer, 47, 0));
  FAILS(EINVAL, syscall(315, 0, buffer, 4097, 0));
  FAILS(EINVAL, syscall(315, 0, buffer, 48, 1));
  FAILS(EINVAL, syscall(315, -1, buffer, 48, 0));
  FAILS(EINVAL, syscall(315, 0, NULL, 48, 0));
  FAILS(ESRCH, syscall(314, 4000000, &(struct attributes){.size = 48}, 0));
  FAILS(EINVAL, syscall(314, -1, &(struct attributes){.size = 48}, 0));
  FAILS(EINVAL, syscall(314, 0, &(struct attributes){.size = 48}, 1));
  FAILS(EINVAL, syscall(314, 0, NULL, 0));
  FAILS(EFAULT, syscall(314, 0, NOWHERE, 0));
  FAILS(EINVAL, syscall(SYS_sched_getparam, 0, NULL));
  GIVES(0, syscall(SYS_sched_get_priority_min, 5));
  GIVES(0, syscall(SYS_sched_get_priority_min, SCHED_OTHER));
  GIVES(99, syscall(SYS_sched_get_priority_max, SCHED_RR));
  GIVES(1, syscall(SYS_sched_get_priority_min, SCHED_FIFO));
}

static void test_sharing(void) {
  uint64_t mask = 1, none = 0;
  GIVES(0, setpriority(PRIO_PROCESS, getpid(), 4));
  GIVES(4, getpriority(PRIO_PROCESS, 0));
  GIVES(0, setpriority(PRIO_PGRP, 0, 5));
  GIVES(5, getpriority(PRIO_PGRP, 0));
  GIVES(15, syscall(SYS_getpriority, PRIO_PROCESS, 0));
  GIVES(15, syscall(SYS_getpriority, PRIO_PGRP, getpgrp()));
  FAILS(EINVAL, setpriority(PRIO_USER + 1, 0, 0));
  FAILS(EINVAL, setpriority(-1, 0, 0));
  FAILS(ESRCH, setpriority(PRIO_PGRP, 4000000, 0));
  FAILS(ESRCH, setpriority(PRIO_USER, 4000000, 0));
  FAILS(EINVAL, syscall(SYS_getpriority, PRIO_USER + 1, 0));
  FAILS(ESRCH, syscall(SYS_getpriority, PRIO_PGRP, 4000000));
  FAILS(ESRCH, syscall(SYS_getpriority, PRIO_USER, 4000000));
  GIVES(0, setpriority(PRIO_PROCESS, 0, 0));
  GIVES(0, syscall(SYS_sched_setaffinity, 0, 8, &mask));
  GIVES(0, syscall(SYS_sched_setaffinity, getpid(), 128, &(uint64_t[16]){mask}));
  FAILS(EINVAL, syscall(SYS_sched_setaffinity, 0, 8, &none));
  FAILS(EINVAL, syscall(SYS_sched_setaffinity, 0, 0, &mask));
  FAILS(EINVAL, syscall(SYS_sched_getaffinity, 0, 4, &mask));
  FAILS(EINVAL, syscall(SYS_sched_getaffinity, 0, 12, &mask));
  FAILS(ESRCH, syscall(SYS_sched_getaffinity, 4000000, 8, &mask));
  /* I/O priorities: real time and best effort have 8 levels. */
  static const int classes[] = {1, 2};
  for (unsigned i = 0; i < COUNT(classes); i++) {
    GIVES(0, syscall(SYS_ioprio_set, 1, 0, classes[i] << 13 | 7));
    GIVES(classes[i] << 13 | 7, syscall(SYS_ioprio_get, 1, 0));
    GIVES(0, syscall(SYS_ioprio_set, 1, getpid(), classes[i] << 13));
    GIVES(classes[i] << 13, syscall(SYS_ioprio_get, 1, getpid()));
  }
  GIVES(0, syscall(SYS_ioprio_set, 1, 0, 3 << 13));
  GIVES(3 << 13, syscall(SYS_ioprio_get, 1, 0));
  FAILS(EINVAL, syscall(SYS_ioprio_set, 1, 0, 4 << 13));
  FAILS(EINVAL, syscall(SYS_ioprio_set, 1, 0, 1));
  FAILS(EINVAL, syscall(SYS_ioprio_set, 0, 0, 2 << 13));
  FAILS(EINVAL, syscall(SYS_ioprio_set, 4, 0, 2 << 13));
  FAILS(ESRCH, syscall(SYS_ioprio_set, 1, 4000000, 2 << 13));
  FAILS(EINVAL, syscall(SYS_ioprio_get, 0, 0));
  FAILS(EINVAL, syscall(SYS_ioprio_get, 4, 0));
  FAILS(ESRCH, syscall(SYS_ioprio_get, 1, 4000000));
  GIVES(0, syscall(SYS_ioprio_set, 2, 0, 2 << 13 | 3));
  GIVES(2 << 13 | 3, syscall(SYS_ioprio_get, 1, 0));
  GIVES(2 << 13 | 3, syscall(SYS_ioprio_get, 2, 0));
  GIVES(0, syscall(SYS_ioprio_set, 1, 0, 0));
}

static void test_identity(void) {
  static const int ambient[] = {1, 2, 3};
  static gid_t groups[65537];
  int was = syscall(SYS_getgroups, 0, NULL);
  syscall(SYS_getgroups, was, groups);
  for (unsigned i = 0; i < COUNT(ambient); i++)
    FAILS(EINVAL, prctl(47 /* PR_CAP_AMBIENT */, ambient[i], CAPABILITY_MAX + 1, 0, 0));
  GIVES(0, prctl(47, 1 /* IS_SET */, CAPABILITY_MAX, 0, 0));
  GIVES(0, prctl(47, 3 /* LOWER */, CAPABILITY_MAX, 0, 0));
  FAILS(EPERM, prctl(47, 2 /* RAISE */, CAPABILITY_MAX, 0, 0));
  FAILS(EINVAL, prctl(47, 1, 0, 1, 0));
  FAILS(EINVAL, prctl(47, 1, 0, 0, 1));
  FAILS(EINVAL, prctl(47, 0, 0, 0, 0));
  FAILS(EINVAL, prctl(47, 5, 0, 0, 0));
  GIVES(1, prctl(PR_CAPBSET_READ, CAPABILITY_MAX, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_CAPBSET_READ, CAPABILITY_MAX + 1, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 1, 0));
  FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1));
  GIVES(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  GIVES(1, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
  GIVES(1, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 && prctl(PR_GET_DUMPABLE) == 1);
  FAILS(EINVAL, prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
  for (int i = 0; i < 65537; i++)
    groups[i] = 65537 - i;
  GIVES(0, syscall(SYS_setgroups, 65536, groups));
  GIVES(65536, syscall(SYS_getgroups, 0, NULL));
  FAILS(EINVAL, syscall(SYS_setgroups, 65537, groups));
  GIVES(0, syscall(SYS_setgroups, 2, groups));
  FAILS(EINVAL, syscall(SYS_getgroups, 1, groups));
  GIVES(2, syscall(SYS_getgroups, 2, groups));
  FAILS(EFAULT, syscall(SYS_setgroups, 2, NOWHERE));
  FAILS(EFAULT, syscall(SYS_getgroups, 2, NOWHERE));
  GIVES(2, syscall(SYS_getgroups, 0, NULL));
  GIVES(0, syscall(SYS_setgroups, 0, NULL));
  GIVES(0, syscall(SYS_getgroups, 5, groups));
  FAILS(EINVAL, syscall(SYS_setuid, -1));
  FAILS(EINVAL, syscall(SYS_setgid, -1));
  GIVES(0, syscall(SYS_setreuid, -1, -1));
  GIVES(0, syscall(SYS_setregid, -1, -1));
  GIVES(0, syscall(SYS_setresuid, -1, -1, -1));
  GIVES(0, syscall(SYS_setresgid, -1, -1, -1));
  GIVES(0, getuid() + geteuid() + getgid() + getegid());
  GIVES(0, syscall(SYS_setfsgid, 77));
  GIVES(77, syscall(SYS_setfsgid, -1));
  GIVES(77, syscall(SYS_setfsgid, 0));
  GIVES(0, syscall(SYS_setfsuid, 77));
  GIVES(77, syscall(SYS_setfsuid, -1));
  GIVES(77, syscall(SYS_setfsuid, 0));
  GIVES(0, syscall(SYS_setfsuid, 0));
  FAILS(EFAULT, syscall(SYS_getresuid, NOWHERE, buffer, buffer));
  FAILS(EFAULT, syscall(SYS_getresuid, buffer, NOWHERE, buffer));
  FAILS(EFAULT, syscall(SYS_getresgid, buffer, buffer, NOWHERE));
  FAILS(EFAULT, syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, NOWHERE));
  FAILS(EFAULT, syscall(SYS_capget, NOWHERE, buffer));
  FAILS(EINVAL, syscall(SYS_capget, (uint32_t[]){0x20080522, -1}, buffer));
  FAILS(ESRCH, syscall(SYS_capget, (uint32_t[]){0x20080522, 4000000}, buffer));
  GIVES(0, syscall(SYS_capget, (uint32_t[]){0x20080522, 0}, NULL));
}

static void test_threads(void) {
  uint64_t arguments[520] = {0};
  struct {
    uint64_t value, address;
    uint32_t flags, reserved;
  } vector[129];
  uint32_t word = 1;
  struct timespec past = {0, 0};
  for (int i = 0; i < 129; i++)
    memset(&vector[i], 0, sizeof vector[i]), vector[i].address = (uintptr_t)&word,
                                             vector[i].flags = 2, vector[i].value = 1;
  FAILS(ETIMEDOUT, syscall(449 /* futex_waitv */, vector, 128, 0, &past, 1));
  FAILS(EINVAL, syscall(449, vector, 129, 0, &past, 1));
  FAILS(EINVAL, syscall(449, vector, 0, 0, &past, 1));
  FAILS(EINVAL, syscall(449, vector, 1, 1, &past, 1));
  FAILS(EINVAL, syscall(449, vector, 1, 0, &past, 2));
  vector[127].value = 2;
  FAILS(EAGAIN, syscall(449, vector, 128, 0, &past, 1));
  vector[5].reserved = 1;
  FAILS(EINVAL, syscall(449, vector, 6, 0, &past, 1));
  vector[5].reserved = 0, vector[5].address = 8;
  FAILS(EFAULT, syscall(449, vector, 6, 0, &past, 1));
  vector[5].address = (uintptr_t)&word + 1;
  FAILS(EINVAL, syscall(449, vector, 6, 0, &past, 1));
  FAILS(EINVAL, syscall(435 /* clone3 */, arguments, 63));
  FAILS(E2BIG, syscall(435, arguments, 4097));
  FAILS(EINVAL, syscall(SYS_set_robust_list, buffer, 23));
  FAILS(EINVAL, syscall(SYS_set_robust_list, buffer, 25));
  FAILS(EPERM, syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, END));
  FAILS(EINVAL, syscall(SYS_getrlimit, 16, buffer));
  GIVES(0, syscall(SYS_getrlimit, 15, buffer));
  FAILS(EINVAL, syscall(SYS_getrusage, 2, buffer));
  FAILS(EINVAL, syscall(SYS_getrusage, -2, buffer));
  FAILS(EINVAL, syscall(SYS_getrandom, buffer, 1, 8));
  GIVES(0, syscall(SYS_getrandom, buffer, 0, 0));
  FAILS(EINVAL, syscall(SYS_syslog, 11, buffer, 1));
  FAILS(EINVAL, syscall(SYS_syslog, 3, NULL, 1));
  FAILS(EINVAL, syscall(SYS_syslog, 2, NULL, 1));
  FAILS(EINVAL, syscall(SYS_syslog, 4, NULL, 1));
  FAILS(EINVAL, syscall(SYS_membarrier, 3, 0, 0));
  FAILS(ESRCH, syscall(SYS_prlimit64, 4000000, RLIMIT_CORE, NULL, NULL));
  GIVES(0, syscall(SYS_prlimit64, getpid(), RLIMIT_CORE, NULL, buffer));
  FAILS(EPERM, syscall(SYS_setpgid, 0, 4000000));
  FAILS(EINVAL, syscall(SYS_sethostname, buffer, 65));
}

static const struct group groups[] = {
    {"signals", test_signals},   {"timer-signals", test_timer_signals}, {"time", test_time},
    {"timers-max", test_timers_max}, {"stops", test_stops},
    {"scheduling", test_scheduling}, {"sharing", test_sharing},         {"identity", test_identity},
    {"threads", test_threads},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
