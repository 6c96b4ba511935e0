/*
 * eventfd and timerfd: what they count, what reads and writes take and give, who waits, and what is
 * told of them in /proc/self/fdinfo.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define MS 1000000l

static uint64_t value;

static bool ready(int fd, short events) {
  struct pollfd one = {.fd = fd, .events = events};
  return poll(&one, 1, 0) == 1;
}

static ssize_t take(int fd) {
  value = 0x5555;
  return read(fd, &value, 8);
}

static ssize_t give(int fd, uint64_t n) { return write(fd, &n, 8); }

static void test_event(void) {
  int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
  REQUIRE("eventfd", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK("it begins with its first value", take(fd) == 8 && value == 3);
  CHECK_ERR("then it is empty", take(fd), EAGAIN);
  CHECK_EQ("what was there is untouched", value, 0x5555);
  CHECK("values add up", give(fd, 5) == 8 && give(fd, 6) == 8 && take(fd) == 8 && value == 11);
  CHECK_EQ("zero can be added", give(fd, 0), 8);
  CHECK("and is nothing to read", !ready(fd, POLLIN));
  CHECK_EQ("nearly all there is", give(fd, 0xfffffffffffffffdul), 8);
  CHECK("one more can be added", ready(fd, POLLOUT) && give(fd, 1) == 8);
  CHECK("then none", !ready(fd, POLLOUT));
  CHECK_ERR("not even one", give(fd, 1), EAGAIN);
  CHECK("all of it is read at once", take(fd) == 8 && value == 0xfffffffffffffffeul);
  CHECK_EQ("more bytes than it takes are no harm", read(fd, (uint64_t[4]){0}, 32) == -1, 1);
  give(fd, 1);
  uint64_t several[4] = {0, 7, 7, 7};
  CHECK("eight of them are used", read(fd, several, 32) == 8 && several[0] == 1 && several[1] == 7);
  close(fd);
}

static void test_semaphore(void) {
  int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  CHECK("one at a time", take(fd) == 8 && value == 1);
  CHECK("and another", take(fd) == 8 && value == 1);
  CHECK_ERR("then none", take(fd), EAGAIN);
  give(fd, 1000);
  CHECK("still one", take(fd) == 8 && value == 1);
  CHECK("there are more", ready(fd, POLLIN));
  close(fd);
}

static int shared;

static void *give_later(void *argument) {
  sleep_ms(10);
  give(shared, *(uint64_t *)argument);
  return NULL;
}

static void *take_later(void *argument) {
  (void)argument;
  sleep_ms(10);
  uint64_t all;
  read(shared, &all, 8);
  return NULL;
}

static void *take_one(void *argument) { return (void *)read(shared, argument, 8); }

static void test_event_waits(void) {
  pthread_t thread, takers[3];
  uint64_t two = 2, got[3] = {0};
  shared = eventfd(0, 0);
  pthread_create(&thread, NULL, give_later, &two);
  CHECK("a reader waits for a value", take(shared) == 8 && value == 2);
  pthread_join(thread, NULL);
  give(shared, 0xfffffffffffffffeul);
  pthread_create(&thread, NULL, take_later, NULL);
  CHECK_EQ("a writer waits for room", give(shared, 2), 8);
  pthread_join(thread, NULL);
  CHECK("then it has written", take(shared) == 8 && value == 2);
  close(shared);
  shared = eventfd(0, EFD_SEMAPHORE);
  for (int i = 0; i < 3; i++)
    pthread_create(&takers[i], NULL, take_one, &got[i]);
  sleep_ms(10);
  give(shared, 3);
  for (int i = 0; i < 3; i++)
    pthread_join(takers[i], NULL);
  CHECK("one write wakes as many readers as it has for them", got[0] + got[1] + got[2] == 3);
  close(shared);
}

static struct itimerspec spec(long first_ns, long interval_ns) {
  return (struct itimerspec){{0, interval_ns}, {0, first_ns}};
}

static void wait_for(int fd) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  poll(&one, 1, 10000);
}

static void test_timer(void) {
  struct itimerspec now, old, off = spec(0, 0), once = spec(5 * MS, 0), far = {{3, 4}, {100, 0}};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  REQUIRE("timerfd", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK_ERR("nothing to read at first", take(fd), EAGAIN);
  CHECK("nor set", timerfd_gettime(fd, &now) == 0 && now.it_value.tv_sec == 0 &&
                       now.it_value.tv_nsec == 0 && now.it_interval.tv_nsec == 0);
  CHECK("set for later, told what was", timerfd_settime(fd, 0, &far, &old) == 0 &&
                                            old.it_value.tv_sec == 0);
  CHECK("it says how long it takes", timerfd_gettime(fd, &now) == 0 && now.it_value.tv_sec == 99 &&
                                         now.it_interval.tv_sec == 3 &&
                                         now.it_interval.tv_nsec == 4);
  CHECK("set anew, told what was left", timerfd_settime(fd, 0, &once, &old) == 0 &&
                                            old.it_value.tv_sec == 99 &&
                                            old.it_interval.tv_sec == 3);
  wait_for(fd);
  CHECK("it expires once", take(fd) == 8 && value == 1);
  CHECK("and stops", timerfd_gettime(fd, &now) == 0 && now.it_value.tv_sec == 0 &&
                         now.it_value.tv_nsec == 0);
  CHECK_ERR("each expiration is read once", take(fd), EAGAIN);
  timerfd_settime(fd, 0, &once, NULL);
  wait_for(fd);
  timerfd_settime(fd, 0, &off, NULL);
  CHECK("what was not read is gone when it is set again", !ready(fd, POLLIN) && take(fd) == -1);
  timerfd_settime(fd, 0, &once, NULL);
  timerfd_settime(fd, 0, &off, NULL);
  sleep_ms(10);
  CHECK("a timer that is stopped does not expire", !ready(fd, POLLIN));
  close(fd);
}

static void test_interval(void) {
  struct itimerspec often = spec(2 * MS, 2 * MS), now;
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  int64_t start = now_ns();
  timerfd_settime(fd, 0, &often, NULL);
  CHECK("a reader waits for the first", take(fd) == 8 && value >= 1);
  CHECK("not too short", now_ns() - start >= 2 * MS);
  sleep_ms(21);
  CHECK("those that have passed are counted", take(fd) == 8 && value >= 9);
  timerfd_gettime(fd, &now);
  CHECK("the next one comes within its interval", now.it_value.tv_nsec <= 2 * MS &&
                                                      now.it_interval.tv_nsec == 2 * MS);
  uint64_t total = value;
  take(fd);
  total += value;
  CHECK("none is counted twice", total <= (uint64_t)((now_ns() - start) / (2 * MS)));
  close(fd);
}

static void test_absolute(void) {
  struct timespec now;
  struct itimerspec at = {{0, 0}, {0, 1}};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL);
  wait_for(fd);
  CHECK("a time that has passed expires at once", take(fd) == 8 && value == 1);
  clock_gettime(CLOCK_MONOTONIC, &now);
  at.it_value = now;
  at.it_value.tv_nsec += 5 * MS;
  if (at.it_value.tv_nsec >= 1000 * MS)
    at.it_value.tv_sec++, at.it_value.tv_nsec -= 1000 * MS;
  timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL);
  CHECK("one to come does not", !ready(fd, POLLIN));
  wait_for(fd);
  clock_gettime(CLOCK_MONOTONIC, &now);
  CHECK("but when it has come", take(fd) == 8 && value == 1 &&
                                    (now.tv_sec > at.it_value.tv_sec ||
                                     now.tv_nsec >= at.it_value.tv_nsec));
  close(fd);
  fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  clock_gettime(CLOCK_REALTIME, &now);
  at.it_value = (struct timespec){now.tv_sec + 100, 0};
  timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
  timerfd_gettime(fd, &at);
  CHECK("by the wall clock", at.it_value.tv_sec >= 98 && at.it_value.tv_sec <= 100);
  close(fd);
}

static const struct group groups[] = {
    {"event", test_event},   {"semaphore", test_semaphore}, {"event-waits", test_event_waits},
    {"timer", test_timer},   {"interval", test_interval},   {"absolute", test_absolute},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
