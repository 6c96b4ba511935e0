/*
 * CPU clocks: their ids, timers and sleeps on them, RLIMIT_CPU; and overruns of timers in general.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define PROCESS_CLOCK(pid) (~(clockid_t)(pid) * 8 + 2)
#define THREAD_CLOCK(tid) (~(clockid_t)(tid) * 8 + 6)
enum { NO_TASK = 0x3ffffff, MS = 1000000 };

static sigset_t blocked;

static int64_t clock_ns(clockid_t clock) {
  struct timespec ts;
  return clock_gettime(clock, &ts) ? -1 : ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void burn(int ms) {
  int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * (int64_t)MS;
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
    ;
}

static timer_t make(clockid_t clock, int signal) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
  event.sigev_value.sival_int = 4711;
  timer_t timer = NULL;
  if (timer_create(clock, &event, &timer))
    say("# timer_create fails: %s", strerror(errno));
  return timer;
}

static void start(timer_t timer, int64_t value, int64_t interval) {
  struct itimerspec spec = {{interval / 1000000000, interval % 1000000000},
                            {value / 1000000000, value % 1000000000}};
  timer_settime(timer, 0, &spec, NULL);
}

static void block(int signal) {
  sigemptyset(&blocked);
  sigaddset(&blocked, signal);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

static void *spin(void *argument) {
  volatile int *state = argument;
  *state = syscall(SYS_gettid);
  while (*state > 0)
    ;
  return NULL;
}

static void test_clocks(void) {
  struct timespec ts;
  clockid_t clock;
  CHECK("own process by id", clock_ns(PROCESS_CLOCK(getpid())) > 0);
  CHECK("own process by 0", clock_ns(PROCESS_CLOCK(0)) > 0);
  CHECK("own thread by id", clock_ns(THREAD_CLOCK(syscall(SYS_gettid))) > 0);
  CHECK("own thread by 0", clock_ns(THREAD_CLOCK(0)) > 0);
  CHECK_EQ("clock_getcpuclockid", clock_getcpuclockid(getpid(), &clock), 0);
  CHECK("its clock", clock_ns(clock) > 0);
  CHECK_EQ("pthread_getcpuclockid", pthread_getcpuclockid(pthread_self(), &clock), 0);
  CHECK("its clock, too", clock_ns(clock) > 0);
  CHECK_EQ("getres of a process", clock_getres(PROCESS_CLOCK(0), &ts), 0);
  CHECK("it is positive", ts.tv_sec == 0 && ts.tv_nsec > 0);
  CHECK_ERR("no such process", clock_gettime(PROCESS_CLOCK(NO_TASK), &ts), EINVAL);
  CHECK_ERR("no such thread", clock_gettime(THREAD_CLOCK(NO_TASK), &ts), EINVAL);
  CHECK_ERR("getres of no such thread", clock_getres(THREAD_CLOCK(NO_TASK), &ts), EINVAL);
  CHECK_ERR("no such clock", clock_gettime(77, &ts), EINVAL);
  volatile int state = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, spin, (void *)&state);
  while (!state)
    sleep_ms(1);
  pthread_getcpuclockid(thread, &clock);
  int64_t before = clock_ns(clock), own = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  while (clock_ns(clock) < before + 5 * MS)
    sleep_ms(1);
  CHECK("another thread's clock runs", true);
  CHECK("the process's has it, too", clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= own + 5 * MS);
  state = 0;
  pthread_join(thread, NULL);
  CHECK_ERR("a thread that has ended", clock_gettime(clock, &ts), EINVAL);
}

/* Computes until the signal comes; false when it does not. */
static int burn_until_signal(siginfo_t *info) {
  struct timespec none = {0, 0};
  int signal = -1;
  for (int i = 0; i < 400 && signal < 0; i++) {
    burn(5);
    signal = sigtimedwait(&blocked, info, &none);
  }
  return signal;
}

static void expires(const char *name, clockid_t clock) {
  siginfo_t info;
  struct timespec none = {0, 0};
  timer_t timer = make(clock, SIGUSR1);
  int64_t begun = clock_ns(clock);
  start(timer, 20 * MS, 0);
  struct itimerspec left;
  CHECK("timer_gettime tells what is left",
        timer_gettime(timer, &left) == 0 && left.it_value.tv_nsec > 0 &&
            left.it_value.tv_nsec <= 20 * MS);
  sleep_ms(40);
  int early = sigtimedwait(&blocked, &info, &none);
  CHECK("asleep it does not run", early < 0 || clock_ns(clock) >= begun + 20 * MS);
  CHECK_EQ(name, early > 0 ? early : burn_until_signal(&info), SIGUSR1);
  CHECK("its information", info.si_code == SI_TIMER && info.si_value.sival_int == 4711);
  timer_gettime(timer, &left);
  CHECK("once", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
  start(timer, 1, 5 * MS);
  burn(60);
  CHECK_EQ("periodic", burn_until_signal(&info), SIGUSR1);
  CHECK("its overruns", info.si_overrun >= 5 && timer_getoverrun(timer) == info.si_overrun);
  timer_delete(timer);
  sigtimedwait(&blocked, &info, &none);
}

static void test_timers(void) {
  block(SIGUSR1);
  expires("process CPU timer", CLOCK_PROCESS_CPUTIME_ID);
  expires("thread CPU timer", CLOCK_THREAD_CPUTIME_ID);
  expires("own thread's clock by id", THREAD_CLOCK(syscall(SYS_gettid)));
  expires("own process's clock by id", PROCESS_CLOCK(getpid()));
  timer_t timer;
  CHECK_ERR("no such thread", timer_create(THREAD_CLOCK(NO_TASK), NULL, &timer), EINVAL);
  CHECK_ERR("no such process", timer_create(PROCESS_CLOCK(NO_TASK), NULL, &timer), EINVAL);
  CHECK_ERR("no such clock", timer_create(77, NULL, &timer), EINVAL);
  CHECK_ERR("a clock without timers", timer_create(CLOCK_MONOTONIC_RAW, NULL, &timer), EOPNOTSUPP);
  pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
}

static void test_sleep(void) {
  struct timespec ms = {0, 10 * MS};
  CHECK_EQ("on the own thread's clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ms, NULL),
           EINVAL);
  CHECK_EQ("on a coarse clock", clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &ms, NULL), EOPNOTSUPP);
  CHECK_EQ("on no clock", clock_nanosleep(THREAD_CLOCK(NO_TASK), 0, &ms, NULL), EINVAL);
  volatile int state = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, spin, (void *)&state);
  while (!state)
    sleep_ms(1);
  int64_t before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  CHECK_EQ("on the process's", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ms, NULL), 0);
  CHECK("that long", clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= before + 10 * MS);
  clockid_t other;
  pthread_getcpuclockid(thread, &other);
  before = clock_ns(other);
  CHECK_EQ("on another thread's", clock_nanosleep(other, 0, &ms, NULL), 0);
  CHECK("that long, too", clock_ns(other) >= before + 10 * MS);
  state = 0;
  pthread_join(thread, NULL);
}

/* While a signal waits, its timer's expirations are counted. */
static void test_overrun(void) {
  siginfo_t info;
  block(SIGALRM);
  timer_t timer = make(CLOCK_MONOTONIC, SIGALRM);
  int64_t begun = now_ns();
  start(timer, MS, MS);
  int64_t counted = 0;
  for (int i = 0; i < 5; i++) {
    if (i & 1)
      sleep_ms(10);
    else
      burn(10);
    CHECK_EQ("the signal", sigwaitinfo(&blocked, &info), SIGALRM);
    CHECK("its overruns", info.si_overrun >= 8 && info.si_overrun == timer_getoverrun(timer));
    counted += 1 + info.si_overrun;
  }
  int64_t passed = (now_ns() - begun) / MS;
  CHECK("none is lost, none invented", counted <= passed && counted >= 5 * 9);
  struct itimerspec left;
  sleep_ms(5);
  timer_gettime(timer, &left);
  CHECK("with its signal pending it is told as running",
        left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= MS);
  CHECK_EQ("the interval", left.it_interval.tv_nsec, MS);
  start(timer, 0, 0);
  struct timespec none = {0, 0};
  sigtimedwait(&blocked, NULL, &none);
  start(timer, 1, 1);
  sleep_ms(2);
  sigwaitinfo(&blocked, &info);
  CHECK("a period of a nanosecond", info.si_overrun > 1000);
  timer_delete(timer);
  sigtimedwait(&blocked, NULL, &none);
  pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
}

/* Ignored meanwhile, a periodic timer goes on; deleted with its signal pending, it is gone. */
static void test_ignored(void) {
  siginfo_t info;
  struct timespec none = {0, 0}, limit = {20, 0};
  timer_t timer = make(CLOCK_MONOTONIC, SIGUSR2);
  signal(SIGUSR2, SIG_IGN);
  start(timer, MS, MS);
  sleep_ms(5);
  block(SIGUSR2);
  signal(SIGUSR2, SIG_DFL);
  CHECK_EQ("a timer whose signal was ignored", sigtimedwait(&blocked, &info, &limit), SIGUSR2);
  timer_delete(timer);
  sigtimedwait(&blocked, &info, &none);
  timer_t first = make(CLOCK_MONOTONIC, SIGUSR2), second = make(CLOCK_MONOTONIC, SIGUSR2);
  start(first, 1, 0);
  start(second, 1, 0);
  sleep_ms(2);
  CHECK_EQ("each timer has a signal of its own", sigtimedwait(&blocked, &info, &none), SIGUSR2);
  CHECK_EQ("both come", sigtimedwait(&blocked, &info, &none), SIGUSR2);
  CHECK_ERR("and no third", sigtimedwait(&blocked, &info, &none), EAGAIN);
  timer_delete(first);
  timer_delete(second);
  pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
}

static volatile sig_atomic_t cpu_signals;
static void count_signal(int signal) {
  (void)signal;
  cpu_signals++;
}

static void test_limit(void) {
  struct rlimit before, limit;
  signal(SIGXCPU, count_signal);
  getrlimit(RLIMIT_CPU, &before);
  limit = before;
  limit.rlim_cur = clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000000000 + 1;
  CHECK_EQ("RLIMIT_CPU", setrlimit(RLIMIT_CPU, &limit), 0);
  for (int i = 0; i < 300 && !cpu_signals; i++)
    burn(10);
  CHECK("SIGXCPU comes", cpu_signals >= 1);
  setrlimit(RLIMIT_CPU, &before);
  signal(SIGXCPU, SIG_DFL);
}

static const struct group groups[] = {
    {"clocks", test_clocks},   {"timers", test_timers},   {"sleep", test_sleep},
    {"overrun", test_overrun}, {"ignored", test_ignored}, {"limit", test_limit},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
