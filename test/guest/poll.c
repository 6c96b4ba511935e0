/* poll, ppoll, select and pselect. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void *late_writer(void *argument) {
  sleep_ms(20);
  return write(*(int *)argument, "x", 1) == 1 ? NULL : argument;
}

static void test_poll(void) {
  int fds[2];
  char byte;
  REQUIRE("pipe", pipe(fds) == 0);
  struct pollfd set[4] = {{fds[0], POLLIN, 9}, {fds[1], POLLOUT, 9}, {-1, POLLIN, 9}, {99, 0, 9}};
  CHECK_EQ("two of four have something to tell", poll(set, 4, 0), 2);
  CHECK("an empty pipe", set[0].revents == 0);
  CHECK("a writable one", set[1].revents == POLLOUT);
  CHECK("a negative descriptor is left out", set[2].revents == 0);
  CHECK("a bad one is POLLNVAL", set[3].revents == POLLNVAL);
  int64_t start = now_ns();
  CHECK_EQ("a timeout", poll(set, 1, 20), 0);
  CHECK("not too early", now_ns() - start >= 20000000);
  CHECK_EQ("no descriptors, a timeout", poll(NULL, 0, 5), 0);
  pthread_t thread;
  pthread_create(&thread, NULL, late_writer, &fds[1]);
  CHECK("waits for data", poll(set, 1, -1) == 1 && set[0].revents == POLLIN);
  pthread_join(thread, NULL);
  CHECK_EQ("read it", read(fds[0], &byte, 1), 1);
  CHECK("files are always ready", (set[0] = (struct pollfd){open("/dev/null", O_RDWR),
                                                            POLLIN | POLLOUT, 0},
                                   poll(set, 1, 0) == 1 && set[0].revents == (POLLIN | POLLOUT)));
  close(set[0].fd);
  set[0] = (struct pollfd){fds[0], POLLIN, 0};
  struct timespec timeout = {0, 10000000};
  start = now_ns();
  CHECK_EQ("ppoll with a timeout", ppoll(set, 1, &timeout, NULL), 0);
  CHECK("not too early, either", now_ns() - start >= 10000000);
  timeout.tv_nsec = 1000000000;
  CHECK_ERR("ppoll with a bad timeout", ppoll(set, 1, &timeout, NULL), EINVAL);
  close(fds[1]);
  CHECK("a hang-up", poll(set, 1, 0) == 1 && set[0].revents == POLLHUP);
  close(fds[0]);
}

static void test_sockets(void) {
  int pair[2];
  REQUIRE("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  struct pollfd set = {pair[0], POLLIN | POLLOUT | POLLRDHUP, 0};
  CHECK("writable", poll(&set, 1, 0) == 1 && set.revents == POLLOUT);
  CHECK_EQ("the peer writes", write(pair[1], "x", 1), 1);
  CHECK("readable", poll(&set, 1, 0) == 1 && set.revents == (POLLIN | POLLOUT));
  shutdown(pair[1], SHUT_WR);
  CHECK("POLLRDHUP", poll(&set, 1, 0) == 1 && set.revents == (POLLIN | POLLOUT | POLLRDHUP));
  close(pair[0]);
  close(pair[1]);
}

enum { MANY = 256 };

static void test_many(void) {
  struct pollfd set[MANY];
  uint64_t one = 1;
  for (int i = 0; i < MANY; i++)
    set[i] = (struct pollfd){eventfd(0, 0), POLLIN, 0};
  CHECK_EQ("256 idle", poll(set, MANY, 1), 0);
  CHECK_EQ("write to the last", write(set[MANY - 1].fd, &one, 8), 8);
  CHECK("it is found", poll(set, MANY, -1) == 1 && set[MANY - 1].revents == POLLIN);
  for (int i = 0; i < MANY; i++)
    close(set[i].fd);
}

static void test_select(void) {
  int fds[2];
  char byte;
  fd_set in, out, error;
  REQUIRE("pipe", pipe(fds) == 0);
  FD_ZERO(&in);
  FD_ZERO(&out);
  FD_ZERO(&error);
  FD_SET(fds[0], &in);
  FD_SET(fds[1], &out);
  FD_SET(fds[0], &error);
  struct timeval timeout = {0, 0};
  CHECK_EQ("select", select(fds[1] + 1, &in, &out, &error, &timeout), 1);
  CHECK("only writing is ready", !FD_ISSET(fds[0], &in) && FD_ISSET(fds[1], &out) &&
                                     !FD_ISSET(fds[0], &error));
  FD_SET(fds[0], &in);
  timeout.tv_usec = 20000;
  int64_t start = now_ns();
  CHECK_EQ("a timeout", select(fds[0] + 1, &in, NULL, NULL, &timeout), 0);
  CHECK("not too early", now_ns() - start >= 20000000);
  CHECK("the sets are cleared", !FD_ISSET(fds[0], &in));
  pthread_t thread;
  pthread_create(&thread, NULL, late_writer, &fds[1]);
  FD_SET(fds[0], &in);
  CHECK_EQ("waits for data", select(fds[0] + 1, &in, NULL, NULL, NULL), 1);
  CHECK("and tells it", FD_ISSET(fds[0], &in));
  pthread_join(thread, NULL);
  CHECK_EQ("read it", read(fds[0], &byte, 1), 1);
  FD_ZERO(&in);
  FD_SET(200, &in);
  CHECK_ERR("a bad descriptor", select(201, &in, NULL, NULL, &timeout), EBADF);
  CHECK_ERR("a bad number of them", syscall(SYS_select, -1, NULL, NULL, NULL, &timeout), EINVAL);
  FD_ZERO(&in);
  FD_SET(fds[0], &in);
  struct timespec ts = {0, 5000000};
  CHECK_EQ("pselect", pselect(fds[0] + 1, &in, NULL, NULL, &ts, NULL), 0);
  timeout = (struct timeval){0, 1000};
  CHECK_EQ("a sleep by select", select(0, NULL, NULL, NULL, &timeout), 0);
  close(fds[0]);
  close(fds[1]);
}

static const struct group groups[] = {
    {"poll", test_poll}, {"sockets", test_sockets}, {"many", test_many}, {"select", test_select}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
