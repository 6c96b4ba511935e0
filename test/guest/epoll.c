/*
 * epoll: level and edge triggered, one-shot, changing and removing, many descriptors, waiting
 * with and without a timeout, waking from other threads, sockets' special events.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

static int add(int epoll, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = 0x1234567800000000u + fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int modify(int epoll, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = 0x1234567800000000u + fd};
  return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

/* The events that are ready for one descriptor right now, 0 when there are none. */
static uint32_t ready(int epoll, int fd) {
  struct epoll_event events[8];
  int n = epoll_wait(epoll, events, 8, 0);
  for (int i = 0; i < n; i++)
    if (events[i].data.u64 == 0x1234567800000000u + fd)
      return events[i].events;
  return 0;
}

static void test_control(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), fds[2];
  struct epoll_event event = {.events = EPOLLIN};
  REQUIRE("epoll_create1 and pipe", epoll >= 0 && pipe(fds) == 0);
  CHECK_EQ("its flag", fcntl(epoll, F_GETFD), FD_CLOEXEC);
  CHECK_ERR("epoll_create of size 0", syscall(SYS_epoll_create, 0), EINVAL);
  CHECK_ERR("a bad flag", epoll_create1(1), EINVAL);
  CHECK_EQ("add", add(epoll, fds[0], EPOLLIN), 0);
  CHECK_ERR("add twice", add(epoll, fds[0], EPOLLIN), EEXIST);
  CHECK_ERR("modify what is not there", modify(epoll, fds[1], EPOLLIN), ENOENT);
  CHECK_ERR("remove what is not there", epoll_ctl(epoll, EPOLL_CTL_DEL, fds[1], NULL), ENOENT);
  CHECK_ERR("add a bad descriptor", add(epoll, 999, EPOLLIN), EBADF);
  CHECK_ERR("add itself", add(epoll, epoll, EPOLLIN), EINVAL);
  CHECK_ERR("add to something else", add(fds[0], fds[1], EPOLLIN), EINVAL);
  CHECK_ERR("an unknown operation", epoll_ctl(epoll, 9, fds[1], &event), EINVAL);
  CHECK_EQ("remove", epoll_ctl(epoll, EPOLL_CTL_DEL, fds[0], NULL), 0);
  CHECK_EQ("add again", add(epoll, fds[0], EPOLLIN), 0);
  CHECK_ERR("wait for no events", epoll_wait(epoll, &event, 0, 0), EINVAL);
  CHECK_ERR("wait on something else", epoll_wait(fds[0], &event, 1, 0), EINVAL);
  const char *path = scratch("epoll");
  int file = open(path, O_RDWR | O_CREAT, 0600);
  unlink(path);
  CHECK_ERR("a regular file cannot be added", add(epoll, file, EPOLLIN), EPERM);
  close(file);
  close(fds[0]);
  close(fds[1]);
  close(epoll);
}

static void test_level(void) {
  int epoll = epoll_create1(0), fds[2];
  char byte;
  REQUIRE("pipe", pipe(fds) == 0);
  add(epoll, fds[0], EPOLLIN);
  add(epoll, fds[1], EPOLLOUT);
  CHECK("nothing to read", ready(epoll, fds[0]) == 0);
  CHECK_EQ("room to write", ready(epoll, fds[1]), EPOLLOUT);
  CHECK_EQ("write", write(fds[1], "ab", 2), 2);
  CHECK_EQ("readable", ready(epoll, fds[0]), EPOLLIN);
  CHECK_EQ("still readable", ready(epoll, fds[0]), EPOLLIN);
  CHECK("readable while something is left", read(fds[0], &byte, 1) == 1 &&
                                               ready(epoll, fds[0]) == EPOLLIN);
  CHECK("then no longer", read(fds[0], &byte, 1) == 1 && ready(epoll, fds[0]) == 0);
  CHECK("modify to nothing", modify(epoll, fds[1], 0) == 0 && ready(epoll, fds[1]) == 0);
  close(fds[1]);
  CHECK_EQ("the other end's closing is a hang-up", ready(epoll, fds[0]), EPOLLHUP);
  close(fds[0]);
  struct epoll_event event;
  CHECK_EQ("a closed descriptor is gone", epoll_wait(epoll, &event, 1, 0), 0);
  close(epoll);
}

static void test_edge(void) {
  int epoll = epoll_create1(0), fds[2];
  char buffer[8];
  REQUIRE("pipe", pipe2(fds, O_NONBLOCK) == 0);
  CHECK_EQ("write before add", write(fds[1], "a", 1), 1);
  add(epoll, fds[0], EPOLLIN | EPOLLET);
  CHECK_EQ("what is ready when added is told", ready(epoll, fds[0]), EPOLLIN);
  CHECK_EQ("once", ready(epoll, fds[0]), 0);
  CHECK_EQ("more data", write(fds[1], "b", 1), 1);
  CHECK_EQ("is a new edge", ready(epoll, fds[0]), EPOLLIN);
  CHECK("reading is none", read(fds[0], buffer, 1) == 1 && ready(epoll, fds[0]) == 0);
  CHECK("modify makes a new edge", modify(epoll, fds[0], EPOLLIN | EPOLLET) == 0 &&
                                       ready(epoll, fds[0]) == EPOLLIN);
  CHECK_EQ("empty it", read(fds[0], buffer, 8), 1);
  CHECK_EQ("write again", write(fds[1], "c", 1), 1);
  CHECK_EQ("is an edge again", ready(epoll, fds[0]), EPOLLIN);
  close(fds[0]);
  close(fds[1]);
  /* The usual way of servers: both directions, edge triggered, on a socket. */
  int pair[2];
  REQUIRE("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  add(epoll, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  CHECK_EQ("a new socket is writable", ready(epoll, pair[0]), EPOLLOUT);
  CHECK_EQ("once, too", ready(epoll, pair[0]), 0);
  CHECK_EQ("the peer writes", write(pair[1], "x", 1), 1);
  CHECK_EQ("both directions are told", ready(epoll, pair[0]), EPOLLIN | EPOLLOUT);
  close(pair[0]);
  close(pair[1]);
  close(epoll);
}

static void test_one_shot(void) {
  int epoll = epoll_create1(0), event = eventfd(1, 0);
  add(epoll, event, EPOLLIN | EPOLLONESHOT);
  CHECK_EQ("one-shot tells", ready(epoll, event), EPOLLIN);
  CHECK_EQ("once", ready(epoll, event), 0);
  uint64_t one = 1;
  CHECK("even with more data", write(event, &one, 8) == 8 && ready(epoll, event) == 0);
  CHECK_EQ("until it is modified", modify(epoll, event, EPOLLIN | EPOLLONESHOT), 0);
  CHECK_EQ("then it tells again", ready(epoll, event), EPOLLIN);
  close(event);
  close(epoll);
}

static void test_hang_up(void) {
  int epoll = epoll_create1(0), pair[2];
  REQUIRE("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  add(epoll, pair[0], EPOLLIN | EPOLLRDHUP);
  CHECK_EQ("nothing yet", ready(epoll, pair[0]), 0);
  shutdown(pair[1], SHUT_WR);
  CHECK_EQ("half a close is EPOLLRDHUP", ready(epoll, pair[0]), EPOLLIN | EPOLLRDHUP);
  modify(epoll, pair[0], EPOLLIN);
  CHECK_EQ("only when asked for", ready(epoll, pair[0]), EPOLLIN);
  modify(epoll, pair[0], EPOLLRDHUP);
  close(pair[1]);
  CHECK_EQ("a whole one is EPOLLHUP, too", ready(epoll, pair[0]), EPOLLRDHUP | EPOLLHUP);
  close(pair[0]);
  close(epoll);
}

static void test_timeout(void) {
  int epoll = epoll_create1(0);
  struct epoll_event event;
  int64_t start = now_ns();
  CHECK_EQ("timeout 0", epoll_wait(epoll, &event, 1, 0), 0);
  CHECK_EQ("timeout 20 ms", epoll_wait(epoll, &event, 1, 20), 0);
  CHECK("not too early", now_ns() - start >= 20000000);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec spec = {{0, 0}, {0, 15000000}};
  add(epoll, timer, EPOLLIN);
  start = now_ns();
  timerfd_settime(timer, 0, &spec, NULL);
  CHECK_EQ("no timeout, a timerfd wakes it", epoll_wait(epoll, &event, 1, -1), 1);
  CHECK("not too early, either", now_ns() - start >= 15000000);
  CHECK("with the data given", event.data.u64 == 0x1234567800000000u + timer);
  close(timer);
  struct timespec timeout = {0, 5000000};
  start = now_ns();
  long n = syscall(441, epoll, &event, 1, &timeout, NULL, 8); /* epoll_pwait2 */
  CHECK("epoll_pwait2", n == 0 && now_ns() - start >= 5000000);
  close(epoll);
}

enum { MANY = 400 };

/* Only what is ready is told, and each in its turn, when fewer can be told than are ready. */
static void test_many(void) {
  int epoll = epoll_create1(0), events[MANY], seen[MANY] = {0};
  uint64_t one = 1;
  for (int i = 0; i < MANY; i++) {
    events[i] = eventfd(0, EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    if (events[i] < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, events[i], &event) != 0)
      return (void)CHECK("400 eventfds in one epoll", false);
  }
  struct epoll_event out[32];
  CHECK_EQ("none ready", epoll_wait(epoll, out, 32, 0), 0);
  for (int i = 0; i < MANY; i += 7)
    if (write(events[i], &one, 8) != 8)
      return;
  for (int round = 0; round < 10; round++) {
    int n = epoll_wait(epoll, out, 32, 0);
    for (int i = 0; i < n; i++)
      seen[out[i].data.u32]++;
  }
  bool right = true;
  for (int i = 0; i < MANY; i++)
    right = right && (i % 7 == 0 ? seen[i] >= 3 : seen[i] == 0);
  CHECK("58 of 400 are told, in turn", right);
  for (int i = 0; i < MANY; i++)
    close(events[i]);
  CHECK_EQ("all closed: none ready", epoll_wait(epoll, out, 32, 0), 0);
  close(epoll);
}

static int shared_epoll, shared_event;

static void *waiter(void *argument) {
  struct epoll_event event;
  (void)argument;
  return (void *)(long)epoll_wait(shared_epoll, &event, 1, 10000);
}

static void *late_adder(void *argument) {
  sleep_ms(20);
  add(shared_epoll, *(int *)argument, EPOLLIN);
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[2];
  void *result;
  uint64_t one = 1;
  shared_epoll = epoll_create1(0), shared_event = eventfd(0, 0);
  add(shared_epoll, shared_event, EPOLLIN | EPOLLET);
  pthread_create(&threads[0], NULL, waiter, NULL);
  sleep_ms(20);
  CHECK_EQ("write", write(shared_event, &one, 8), 8);
  pthread_join(threads[0], &result);
  CHECK_EQ("wakes a waiting thread", (long)result, 1);
  /* An edge wakes one of two waiters. */
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, waiter, NULL);
  sleep_ms(60);
  CHECK_EQ("write once", write(shared_event, &one, 8), 8);
  sleep_ms(60);
  CHECK_EQ("write twice", write(shared_event, &one, 8), 8);
  void *second;
  pthread_join(threads[0], &result);
  pthread_join(threads[1], &second);
  CHECK("two edges wake two waiters", (long)result == 1 && (long)second == 1);
  /* What becomes ready by being added wakes a waiter as well. */
  int other = eventfd(1, 0);
  pthread_create(&threads[0], NULL, waiter, NULL);
  pthread_create(&threads[1], NULL, late_adder, &other);
  pthread_join(threads[0], &result);
  pthread_join(threads[1], NULL);
  CHECK_EQ("adding something ready wakes a waiter", (long)result, 1);
  close(other);
  close(shared_event);
  close(shared_epoll);
}

static void test_nested(void) {
  int outer = epoll_create1(0), inner = epoll_create1(0), event = eventfd(0, 0);
  uint64_t value = 1;
  add(inner, event, EPOLLIN);
  CHECK_EQ("an epoll in an epoll", add(outer, inner, EPOLLIN), 0);
  CHECK_ERR("not in a circle", add(inner, outer, EPOLLIN), ELOOP);
  CHECK_EQ("not ready", ready(outer, inner), 0);
  CHECK_EQ("write", write(event, &value, 8), 8);
  CHECK_EQ("ready", ready(outer, inner), EPOLLIN);
  struct pollfd pollfd = {inner, POLLIN, 0};
  CHECK_EQ("for poll, too", poll(&pollfd, 1, 0), 1);
  CHECK("and no longer when read", read(event, &value, 8) == 8 && ready(outer, inner) == 0);
  close(event);
  close(inner);
  close(outer);
}

/* The same open file by two descriptors is two entries; closing one leaves the other. */
static void test_duplicates(void) {
  int epoll = epoll_create1(0), event = eventfd(1, 0), copy = dup(event);
  CHECK("a descriptor and its copy", !add(epoll, event, EPOLLIN) && !add(epoll, copy, EPOLLIN));
  struct epoll_event out[4];
  CHECK_EQ("are told twice", epoll_wait(epoll, out, 4, 0), 2);
  epoll_ctl(epoll, EPOLL_CTL_DEL, event, NULL);
  CHECK("removing one leaves the other", epoll_wait(epoll, out, 4, 0) == 1 &&
                                             out[0].data.u64 == 0x1234567800000000u + copy);
  close(event);
  close(copy);
  close(epoll);
}

static const struct group groups[] = {
    {"control", test_control},   {"level", test_level},     {"edge", test_edge},
    {"one-shot", test_one_shot}, {"hang-up", test_hang_up}, {"timeout", test_timeout},
    {"many", test_many},         {"threads", test_threads}, {"nested", test_nested},
    {"duplicates", test_duplicates},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
