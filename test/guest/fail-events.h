/* Scenarios of fail-nth.c: pipes, event files, readiness, signals, timers, futexes. */
#ifndef FAIL_EVENTS_H
#define FAIL_EVENTS_H

#include "fail-nth.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int keep_pipe(int ends[2]) {
  int result = pipe(ends);
  if (result == 0) {
    keep(ends[0]);
    keep(ends[1]);
  }
  return result;
}

static int fail_pipe(void) {
  static char bytes[3 * PAGE];
  int ends[2];
  NEED(keep_pipe(ends));
  NEED(fcntl(ends[0], F_SETPIPE_SZ, 1 << 18));
  NEED(write(ends[1], bytes, sizeof bytes));
  ssize_t n = read(ends[0], bytes, sizeof bytes);
  NEED(n);
  HOLDS(n == sizeof bytes);
  return 0;
}

static int fail_splice(void) {
  static char bytes[2 * PAGE];
  int from[2], to[2];
  NEED(keep_pipe(from));
  NEED(keep_pipe(to));
  struct iovec vector = {bytes, sizeof bytes};
  memset(bytes, 5, sizeof bytes);
  ssize_t n = vmsplice(from[1], &vector, 1, 0);
  NEED(n);
  HOLDS(n == sizeof bytes);
  NEED(tee(from[0], to[1], PAGE, SPLICE_F_NONBLOCK));
  n = splice(from[0], NULL, to[1], NULL, PAGE, SPLICE_F_NONBLOCK);
  NEED(n);
  char byte = 0;
  NEED(read(to[0], &byte, 1));
  HOLDS(byte == 5);
  return 0;
}

static int fail_splice_file(void) {
  int ends[2];
  NEED(keep_pipe(ends));
  int file = keep(open("/proc/self/exe", O_RDONLY));
  NEED(file);
  ssize_t n = splice(file, NULL, ends[1], NULL, PAGE, 0);
  NEED(n);
  char magic[4];
  NEED(read(ends[0], magic, 4));
  HOLDS(memcmp(magic, "\177ELF", 4) == 0);
  return 0;
}

static int fail_eventfd(void) {
  int fd = keep(eventfd(3, EFD_NONBLOCK));
  NEED(fd);
  uint64_t value = 4;
  NEED(write(fd, &value, sizeof value));
  NEED(read(fd, &value, sizeof value));
  HOLDS(value == 7);
  return 0;
}

static int fail_timerfd(void) {
  int fd = keep(timerfd_create(CLOCK_MONOTONIC, 0));
  NEED(fd);
  struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
  NEED(timerfd_settime(fd, 0, &soon, NULL));
  uint64_t count = 0;
  NEED(read(fd, &count, sizeof count));
  HOLDS(count == 1);
  return 0;
}

static int fail_signalfd(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  int fd = keep(signalfd(-1, &set, SFD_NONBLOCK));
  NEED(fd);
  struct signalfd_siginfo info;
  HOLDS(read(fd, &info, sizeof info) == -1 && errno == EAGAIN);
  return 0;
}

static int fail_epoll(void) {
  int epoll = keep(epoll_create1(0));
  NEED(epoll);
  for (int i = 0; i < 20; i++) {
    int fd = keep(eventfd(1, 0));
    NEED(fd);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  }
  struct epoll_event events[32];
  int ready = epoll_wait(epoll, events, 32, 0);
  NEED(ready);
  HOLDS(ready == 20);
  int inner = keep(epoll_create1(0));
  NEED(inner);
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = inner}};
  NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, inner, &event));
  HOLDS(epoll_ctl(epoll, EPOLL_CTL_ADD, inner, &event) == -1 && errno == EEXIST);
  NEED(epoll_ctl(epoll, EPOLL_CTL_DEL, inner, NULL));
  return 0;
}

static int fail_poll(void) {
  struct pollfd fds[300];
  int ends[2];
  NEED(keep_pipe(ends));
  for (int i = 0; i < 300; i++)
    fds[i] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
  int ready = poll(fds, 300, 0);
  NEED(ready);
  HOLDS(ready == 300);
  for (int i = 0; i < 300; i++)
    fds[i] = (struct pollfd){.fd = ends[0], .events = POLLIN};
  ready = poll(fds, 300, 1);
  NEED(ready);
  HOLDS(ready == 0);
  return 0;
}

static int fail_select(void) {
  int ends[2];
  NEED(keep_pipe(ends));
  fd_set reading, writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(ends[0], &reading);
  FD_SET(ends[1], &writing);
  int ready = select(FD_SETSIZE, &reading, &writing, NULL, NULL);
  NEED(ready);
  HOLDS(ready == 1 && FD_ISSET(ends[1], &writing));
  return 0;
}

static int fail_sigqueue(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &set, &old);
  int error = 0, queued = 0;
  for (; queued < 5 && error == 0; queued++)
    if (sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = queued}) != 0)
      error = errno;
  queued -= error != 0;
  const struct timespec none = {0, 0};
  siginfo_t info;
  int taken = 0;
  bool in_order = true;
  for (; sigtimedwait(&set, &info, &none) > 0; taken++)
    in_order = in_order && info.si_value.sival_int == taken;
  sigprocmask(SIG_SETMASK, &old, NULL);
  HOLDS(taken == queued && in_order);
  return error;
}

static int fail_timer(void) {
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  timer_t timer;
  NEED(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec later = {.it_value = {.tv_sec = 100}};
  int error = timer_settime(timer, 0, &later, NULL) == 0 ? 0 : errno;
  HOLDS(timer_delete(timer) == 0);
  return error;
}

/* A signal without a number in a queue is never lost. */
static int fail_raise(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  int error = raise(SIGUSR1) == 0 ? 0 : errno;
  const struct timespec none = {0, 0};
  int taken = sigtimedwait(&set, NULL, &none);
  sigprocmask(SIG_SETMASK, &old, NULL);
  HOLDS(error != 0 || taken == SIGUSR1);
  return error;
}

static int fail_futex(void) {
  static uint32_t word = 1;
  const struct timespec soon = {0, 1000};
  HOLDS(syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 1, &soon, NULL, 0) == -1);
  return errno == ETIMEDOUT ? 0 : errno;
}

static int fail_futex_pi(void) {
  static uint32_t word;
  word = 0;
  NEED(syscall(SYS_futex, &word, 6 /* FUTEX_LOCK_PI */, 0, NULL, NULL, 0));
  NEED(syscall(SYS_futex, &word, 7 /* FUTEX_UNLOCK_PI */, 0, NULL, NULL, 0));
  HOLDS(word == 0);
  return 0;
}

static int fail_futex_vector(void) {
  static uint32_t words[3] = {1, 2, 3};
  struct {
    uint64_t value, address;
    uint32_t flags, reserved;
  } waiters[3];
  for (int i = 0; i < 3; i++) {
    waiters[i].value = words[i];
    waiters[i].address = (uintptr_t)&words[i];
    waiters[i].flags = 2; /* FUTEX_32 */
    waiters[i].reserved = 0;
  }
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  HOLDS(syscall(449 /* futex_waitv */, waiters, 3, 0, &until, CLOCK_MONOTONIC) == -1);
  return errno == ETIMEDOUT ? 0 : errno;
}

static int fail_random(void) {
  static char bytes[10000];
  ssize_t n = syscall(SYS_getrandom, bytes, sizeof bytes, 0);
  NEED(n);
  HOLDS(n == sizeof bytes);
  int fd = keep(open("/dev/urandom", O_RDONLY));
  NEED(fd);
  n = read(fd, bytes, 100);
  NEED(n);
  HOLDS(n == 100);
  return 0;
}

static const struct scenario event_scenarios[] = {
    {.name = "pipe", .run = fail_pipe, .errors = {ENFILE}},
    {.name = "vmsplice, tee, splice", .run = fail_splice, .errors = {ENFILE}},
    {.name = "splice of a file", .run = fail_splice_file, .errors = {ENFILE}},
    {.name = "eventfd", .run = fail_eventfd, .errors = {ENFILE}},
    {.name = "timerfd", .run = fail_timerfd, .errors = {ENFILE}},
    {.name = "signalfd", .run = fail_signalfd, .errors = {ENFILE}},
    {.name = "epoll", .run = fail_epoll, .errors = {ENFILE}},
    {.name = "poll of many descriptors", .run = fail_poll, .errors = {ENFILE}},
    {.name = "select of many descriptors", .run = fail_select, .errors = {ENFILE}},
    {.name = "sigqueue", .run = fail_sigqueue, .errors = {EAGAIN}},
    {.name = "raise", .run = fail_raise, .errors = {EAGAIN}},
    {.name = "timer_create", .run = fail_timer, .errors = {EAGAIN}},
    {.name = "futex", .run = fail_futex},
    {.name = "a PI futex", .run = fail_futex_pi},
    {.name = "futex_waitv", .run = fail_futex_vector},
    {.name = "getrandom, urandom", .run = fail_random},
};

#endif
