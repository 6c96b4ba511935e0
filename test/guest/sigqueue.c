/*
 * Queued signals: signal 0, the limit of RLIMIT_SIGPENDING, many of them, who may send what.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, a);
  sigaddset(&set, b);
  return set;
}

static long queue(int signal, siginfo_t *info) {
  return syscall(SYS_rt_sigqueueinfo, getpid(), signal, info);
}

static long queue_to_thread(int signal, siginfo_t *info) {
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signal, info);
}

static int take(const sigset_t *set, siginfo_t *info) {
  struct timespec now = {0, 0};
  return sigtimedwait(set, info, &now);
}

static void test_zero(void) {
  siginfo_t info = {.si_code = SI_QUEUE};
  CHECK_EQ("rt_sigqueueinfo of signal 0", queue(0, &info), 0);
  CHECK_EQ("rt_tgsigqueueinfo of signal 0", queue_to_thread(0, &info), 0);
  CHECK_ERR("of signal 65", queue(65, &info), EINVAL);
  CHECK_ERR("of signal -1", queue(-1, &info), EINVAL);
  CHECK_ERR("of signal 65 to a thread", queue_to_thread(65, &info), EINVAL);
  CHECK_ERR("to no process", syscall(SYS_rt_sigqueueinfo, 0x3ffffff, 0, &info), ESRCH);
  CHECK_ERR("to no thread", syscall(SYS_rt_tgsigqueueinfo, getpid(), 0x3ffffff, 0, &info), ESRCH);
  CHECK_ERR("to thread 0", syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, 0, &info), EINVAL);
  CHECK_ERR("without information", queue(0, NULL), EFAULT);
}

static void test_own(void) {
  sigset_t set = set_of(SIGUSR1, SIGRTMIN), old;
  siginfo_t info = {.si_code = SI_USER}, got;
  sigprocmask(SIG_BLOCK, &set, &old);
  info.si_pid = 77;
  CHECK_EQ("a process may tell itself what kill tells", queue(SIGUSR1, &info), 0);
  CHECK("and gets it", take(&set, &got) == SIGUSR1 && got.si_code == SI_USER && got.si_pid == 77);
  info.si_code = SI_ASYNCIO;
  info.si_value.sival_int = 5;
  CHECK_EQ("SI_ASYNCIO", queue(SIGRTMIN, &info), 0);
  CHECK("arrives", take(&set, &got) == SIGRTMIN && got.si_code == SI_ASYNCIO &&
                       got.si_value.sival_int == 5);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

/* What is queued for a process is bounded; only queued real-time signals are told so. */
static void test_limit(void) {
  sigset_t set = set_of(SIGRTMIN + 3, SIGUSR1), old;
  struct rlimit limit, before;
  siginfo_t got;
  sigprocmask(SIG_BLOCK, &set, &old);
  getrlimit(RLIMIT_SIGPENDING, &before);
  limit = before;
  limit.rlim_cur = 0;
  REQUIRE("setrlimit", setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
  union sigval value = {.sival_int = 9};
  CHECK_ERR("sigqueue of a real-time signal", sigqueue(getpid(), SIGRTMIN + 3, value), EAGAIN);
  CHECK_ERR("pthread_kill's, too", syscall(SYS_tkill, syscall(SYS_gettid), SIGRTMIN + 3), EAGAIN);
  CHECK_ERR("nothing is pending then", take(&set, NULL), EAGAIN);
  CHECK_EQ("kill is not refused", kill(getpid(), SIGRTMIN + 3), 0);
  CHECK("it arrives", take(&set, &got) == SIGRTMIN + 3 && got.si_code == SI_USER);
  CHECK_EQ("its sender is not known", got.si_pid, 0);
  CHECK_EQ("nor is sigqueue of an ordinary signal", sigqueue(getpid(), SIGUSR1, value), 0);
  CHECK("it arrives without its value", take(&set, &got) == SIGUSR1 && got.si_code == SI_USER &&
                                            got.si_value.sival_int == 0);
  CHECK_EQ("kill of an ordinary signal", kill(getpid(), SIGUSR1), 0);
  CHECK("arrives with its sender", take(&set, &got) == SIGUSR1 && got.si_pid == getpid());
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  CHECK_ERR("a timer's signal counts", timer_create(CLOCK_MONOTONIC, &event, &timer), EAGAIN);
  setrlimit(RLIMIT_SIGPENDING, &before);
  CHECK_EQ("with the limit back, sigqueue", sigqueue(getpid(), SIGRTMIN + 3, value), 0);
  CHECK("arrives with its value", take(&set, &got) == SIGRTMIN + 3 && got.si_value.sival_int == 9);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

/* As many as the limit lets in, of several signals, in the right order; nothing is left over. */
static void test_many(void) {
  sigset_t set, old;
  struct rlimit limit, before;
  sigemptyset(&set);
  for (int i = 0; i < 8; i++)
    sigaddset(&set, SIGRTMIN + i);
  sigprocmask(SIG_BLOCK, &set, &old);
  getrlimit(RLIMIT_SIGPENDING, &before);
  limit = before;
  limit.rlim_cur = before.rlim_cur < 20000 ? before.rlim_cur : 20000;
  setrlimit(RLIMIT_SIGPENDING, &limit);
  int sent = 0;
  while (sent < 1000000 &&
         sigqueue(getpid(), SIGRTMIN + sent % 8, (union sigval){.sival_int = sent}) == 0)
    sent++;
  int error = errno;
  CHECK("the queue takes many, and has an end", sent >= 64 && error == EAGAIN);
  siginfo_t got;
  int taken = 0, last_signal = 0, last_value = -1;
  bool ordered = true;
  while (take(&set, &got) > 0) {
    if (got.si_signo == last_signal)
      ordered = ordered && got.si_value.sival_int == last_value + 8;
    else
      ordered = ordered && got.si_signo > last_signal;
    last_signal = got.si_signo;
    last_value = got.si_value.sival_int;
    taken++;
  }
  CHECK_EQ("all of them come", taken, sent);
  CHECK("by signal, and each in order", ordered);
  CHECK_EQ("there is room again", sigqueue(getpid(), SIGRTMIN, (union sigval){0}), 0);
  take(&set, NULL);
  setrlimit(RLIMIT_SIGPENDING, &before);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

static int queued(void) {
  char line[128];
  int count = -1;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    sscanf(line, "SigQ:\t%d/", &count);
  if (status)
    fclose(status);
  return count;
}

static void *blocked_thread(void *argument) {
  siginfo_t info = {.si_code = SI_QUEUE};
  for (int i = 0; i < 10; i++)
    queue_to_thread(SIGRTMIN + 4, &info);
  return argument;
}

/* A thread's own signals go with it, and ignoring drops what waits. Linux counts per user. */
static void test_dropped(void) {
  sigset_t set = set_of(SIGRTMIN + 4, SIGRTMIN + 5), old;
  siginfo_t info = {.si_code = SI_QUEUE};
  pthread_t thread;
  sigprocmask(SIG_BLOCK, &set, &old);
  int before = queued();
  pthread_create(&thread, NULL, blocked_thread, NULL);
  pthread_join(thread, NULL);
  for (int i = 0; i < 10; i++)
    queue(SIGRTMIN + 5, &info);
  CHECK("SigQ in /proc/self/status counts", queued() == before + 10 || !on_virga);
  signal(SIGRTMIN + 5, SIG_IGN);
  CHECK("and falls when they are dropped", queued() == before || !on_virga);
  signal(SIGRTMIN + 5, SIG_DFL);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

static const struct group groups[] = {
    {"zero", test_zero},   {"own", test_own},         {"limit", test_limit},
    {"many", test_many},   {"dropped", test_dropped},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
