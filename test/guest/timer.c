/*
 * Timers: timerfd, setitimer and alarm, timer_create with signals and threads.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static struct itimerspec spec_ms(int value, int interval) {
  return (struct itimerspec){{interval / 1000, interval % 1000 * 1000000l},
                             {value / 1000, value % 1000 * 1000000l}};
}

static void test_timerfd(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  uint64_t expirations = 0;
  REQUIRE("timerfd_create", fd >= 0);
  CHECK("its flags", (fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) & O_NONBLOCK));
  CHECK_ERR("read of a disarmed timer", read(fd, &expirations, 8), EAGAIN);
  struct itimerspec spec = spec_ms(100, 0), now;
  int64_t start = now_ns();
  CHECK_EQ("timerfd_settime", timerfd_settime(fd, 0, &spec, NULL), 0);
  CHECK_ERR("read too early", read(fd, &expirations, 8), EAGAIN);
  CHECK("timerfd_gettime tells what is left", timerfd_gettime(fd, &now) == 0 &&
                                                  now.it_value.tv_nsec > 0 &&
                                                  now.it_value.tv_nsec <= 100000000);
  struct pollfd pollfd = {fd, POLLIN, 0};
  CHECK_EQ("poll waits for it", poll(&pollfd, 1, 5000), 1);
  CHECK("not too early", now_ns() - start >= 100000000);
  CHECK("read gives 1", read(fd, &expirations, 8) == 8 && expirations == 1);
  CHECK_ERR("and then nothing", read(fd, &expirations, 8), EAGAIN);
  spec = spec_ms(5, 5);
  timerfd_settime(fd, 0, &spec, NULL);
  sleep_ms(42);
  CHECK("a periodic timer counts", read(fd, &expirations, 8) == 8 && expirations >= 8);
  CHECK_ERR("a short read", (sleep_ms(10), read(fd, &expirations, 4)), EINVAL);
  spec = spec_ms(0, 0);
  struct itimerspec old;
  CHECK("disarming tells the old interval", timerfd_settime(fd, 0, &spec, &old) == 0 &&
                                                old.it_interval.tv_nsec == 5000000);
  CHECK_ERR("disarmed", read(fd, &expirations, 8), EAGAIN);
  spec.it_value.tv_nsec = 2000000000;
  CHECK_ERR("a bad time", timerfd_settime(fd, 0, &spec, NULL), EINVAL);
  close(fd);
  CHECK_ERR("an unknown clock", timerfd_create(77, 0), EINVAL);
  CHECK_ERR("settime of something else", (spec = spec_ms(1, 0), timerfd_settime(0, 0, &spec, NULL)),
            EINVAL);
}

static void test_timerfd_absolute(void) {
  int fd = timerfd_create(CLOCK_REALTIME, 0);
  uint64_t expirations = 0;
  struct itimerspec spec = {{0, 0}, {0, 0}};
  struct timespec now;
  REQUIRE("timerfd_create REALTIME", fd >= 0);
  clock_gettime(CLOCK_REALTIME, &spec.it_value);
  spec.it_value.tv_nsec += 15000000;
  if (spec.it_value.tv_nsec >= 1000000000)
    spec.it_value.tv_sec++, spec.it_value.tv_nsec -= 1000000000;
  CHECK_EQ("settime ABSTIME", timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL), 0);
  CHECK("a blocking read waits", read(fd, &expirations, 8) == 8 && expirations == 1);
  clock_gettime(CLOCK_REALTIME, &now);
  CHECK("until the time", now.tv_sec > spec.it_value.tv_sec ||
                              (now.tv_sec == spec.it_value.tv_sec &&
                               now.tv_nsec >= spec.it_value.tv_nsec));
  spec.it_value = (struct timespec){1, 0};
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
  CHECK("a time that has passed expires at once",
        read(fd, &expirations, 8) == 8 && expirations == 1);
  close(fd);
}

static volatile int hits;
static volatile int last_code, last_value;

static void count_handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  hits++;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
}

static void on_signal(int signal) {
  struct sigaction action = {.sa_sigaction = count_handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(signal, &action, NULL);
  hits = 0;
}

static bool wait_hits(int want) {
  for (int64_t start = now_ns(); hits < want && now_ns() - start < 5000000000ll;)
    sleep_ms(1);
  return hits >= want;
}

static void test_itimer(void) {
  struct itimerval timer = {{0, 5000}, {0, 10000}}, off = {{0, 0}, {0, 0}}, now;
  on_signal(SIGALRM);
  int64_t start = now_ns();
  CHECK_EQ("setitimer", setitimer(ITIMER_REAL, &timer, NULL), 0);
  CHECK("getitimer", getitimer(ITIMER_REAL, &now) == 0 && now.it_interval.tv_usec == 5000 &&
                         now.it_value.tv_usec > 0 && now.it_value.tv_usec <= 10000);
  CHECK("SIGALRM comes again and again", wait_hits(4));
  CHECK("not too early", now_ns() - start >= 25000000);
  CHECK("off tells the interval", setitimer(ITIMER_REAL, &off, &now) == 0 &&
                                      now.it_interval.tv_usec == 5000);
  int seen = hits;
  sleep_ms(20);
  CHECK_EQ("then no more", hits, seen);
  /* A process that only computes is interrupted all the same. */
  timer = (struct itimerval){{0, 0}, {0, 10000}};
  hits = 0;
  setitimer(ITIMER_REAL, &timer, NULL);
  start = now_ns();
  for (volatile long i = 0; !hits && now_ns() - start < 5000000000ll; i++)
    ;
  CHECK_EQ("a spinning thread gets its signal", hits, 1);
  CHECK_EQ("alarm", alarm(100), 0);
  unsigned left = alarm(0);
  CHECK("alarm tells what was left", left >= 99 && left <= 100);
  timer = (struct itimerval){{0, 0}, {0, 10000}};
  on_signal(SIGPROF);
  CHECK_EQ("setitimer PROF", setitimer(ITIMER_PROF, &timer, NULL), 0);
  start = now_ns();
  for (volatile long i = 0; !hits && now_ns() - start < 5000000000ll; i++)
    ;
  CHECK_EQ("SIGPROF comes when CPU time is used", hits, 1);
  CHECK_ERR("an unknown timer", syscall(SYS_setitimer, 9, &timer, NULL), EINVAL);
}

static volatile int thread_value;
static void timer_thread(union sigval value) { thread_value = value.sival_int; }

static void test_posix(void) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  event.sigev_value.sival_int = 4711;
  on_signal(SIGUSR1);
  REQUIRE("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec spec = spec_ms(10, 5), now, off = spec_ms(0, 0);
  int64_t start = now_ns();
  CHECK_EQ("timer_settime", timer_settime(timer, 0, &spec, NULL), 0);
  CHECK("its signals come", wait_hits(3));
  CHECK("not too early", now_ns() - start >= 20000000);
  CHECK("with SI_TIMER and the value", last_code == SI_TIMER && last_value == 4711);
  CHECK("timer_gettime", timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec == 5000000);
  CHECK("timer_getoverrun", timer_getoverrun(timer) >= 0);
  CHECK_EQ("disarming", timer_settime(timer, 0, &off, NULL), 0);
  int seen = hits;
  sleep_ms(20);
  CHECK_EQ("then no more", hits, seen);
  CHECK_EQ("timer_delete", timer_delete(timer), 0);
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = timer_thread;
  event.sigev_notify_attributes = NULL;
  event.sigev_value.sival_int = 99;
  REQUIRE("timer_create THREAD", timer_create(CLOCK_REALTIME, &event, &timer) == 0);
  spec = spec_ms(10, 0);
  timer_settime(timer, 0, &spec, NULL);
  for (int i = 0; i < 2000 && thread_value != 99; i++)
    sleep_ms(1);
  CHECK_EQ("its function is called", thread_value, 99);
  timer_delete(timer);
}

static const struct group groups[] = {
    {"timerfd", test_timerfd},
    {"timerfd-absolute", test_timerfd_absolute},
    {"itimer", test_itimer},
    {"posix", test_posix},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
