/*
 * Named pipes: who waits for whom when one is opened, both ends' coming and going, several readers
 * and writers, poll and epoll.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static char path[96];

static bool make(void) {
  strcpy(path, scratch("fifo"));
  unlink(path);
  return mkfifo(path, 0600) == 0;
}

static void test_nonblocking(void) {
  char byte;
  struct stat st;
  REQUIRE("mkfifo", make());
  CHECK("it is one", stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
  CHECK_ERR("to write, without a reader", open(path, O_WRONLY | O_NONBLOCK), ENXIO);
  int reader = open(path, O_RDONLY | O_NONBLOCK);
  REQUIRE("to read, without a writer", reader >= 0);
  CHECK_EQ("nothing, and no writer", read(reader, &byte, 1), 0);
  struct pollfd wait = {reader, POLLIN, 0};
  CHECK_EQ("poll does not tell of an end", poll(&wait, 1, 0), 0);
  int writer = open(path, O_WRONLY | O_NONBLOCK);
  CHECK("a writer now", writer >= 0);
  CHECK_ERR("nothing yet", read(reader, &byte, 1), EAGAIN);
  CHECK_EQ("a byte", write(writer, "a", 1), 1);
  CHECK("poll", poll(&wait, 1, 0) == 1 && wait.revents == POLLIN);
  int count = 0;
  CHECK("FIONREAD", ioctl(reader, FIONREAD, &count) == 0 && count == 1);
  CHECK("read", read(reader, &byte, 1) == 1 && byte == 'a');
  CHECK_ERR("lseek", lseek(reader, 0, SEEK_SET), ESPIPE);
  CHECK_ERR("pread", pread(reader, &byte, 1, 0), ESPIPE);
  CHECK_ERR("write to the reading end", write(reader, "x", 1), EBADF);
  CHECK_ERR("read from the writing end", read(writer, &byte, 1), EBADF);
  int second = open(path, O_WRONLY);
  close(writer);
  CHECK_ERR("one writer left", read(reader, &byte, 1), EAGAIN);
  CHECK_EQ("the last bytes", write(second, "z", 1), 1);
  close(second);
  CHECK("the end comes behind them", poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) &&
                                         read(reader, &byte, 1) == 1 && byte == 'z' &&
                                         read(reader, &byte, 1) == 0);
  writer = open(path, O_WRONLY);
  CHECK_ERR("and a new beginning", read(reader, &byte, 1), EAGAIN);
  close(reader);
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERR("no reader", write(writer, "x", 1), EPIPE);
  wait = (struct pollfd){writer, POLLOUT, 0};
  CHECK("poll tells", poll(&wait, 1, 0) == 1 && (wait.revents & POLLERR));
  close(writer);
  signal(SIGPIPE, SIG_DFL);
  int both = open(path, O_RDWR);
  CHECK("both at once", both >= 0 && write(both, "b", 1) == 1 && read(both, &byte, 1) == 1);
  CHECK_EQ("its bytes end with it", (write(both, "b", 1), close(both)), 0);
  reader = open(path, O_RDONLY | O_NONBLOCK);
  CHECK_EQ("empty again", read(reader, &byte, 1), 0);
  close(reader);
  unlink(path);
}

static volatile int opened[2];

static void *open_reader(void *arg UNUSED) {
  int fd = open(path, O_RDONLY);
  opened[0] = 1;
  return (void *)(long)fd;
}

static void *open_writer(void *arg UNUSED) {
  int fd = open(path, O_WRONLY);
  opened[1] = 1;
  return (void *)(long)fd;
}

static void on_alarm(int signal UNUSED) {}

static void test_waiting(void) {
  pthread_t thread;
  void *fd;
  char byte = 0;
  REQUIRE("mkfifo", make());
  pthread_create(&thread, NULL, open_reader, NULL);
  sleep_ms(20);
  CHECK_EQ("a reader waits", opened[0], 0);
  int writer = open(path, O_WRONLY);
  pthread_join(thread, &fd);
  int reader = (int)(long)fd;
  CHECK("until a writer comes", writer >= 0 && reader >= 0);
  CHECK("they are one pipe", write(writer, "w", 1) == 1 && read(reader, &byte, 1) == 1 &&
                                 byte == 'w');
  close(writer), close(reader);
  pthread_create(&thread, NULL, open_writer, NULL);
  sleep_ms(20);
  CHECK_EQ("a writer waits", opened[1], 0);
  reader = open(path, O_RDONLY | O_NONBLOCK);
  close(reader);
  pthread_join(thread, &fd);
  CHECK("a reader that came and went is enough", (long)fd >= 0);
  close((int)(long)fd);
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  CHECK_ERR("a signal ends the wait", open(path, O_RDONLY), EINTR);
  CHECK_ERR("and nobody is left", open(path, O_WRONLY | O_NONBLOCK), ENXIO);
  unlink(path);
}

static void test_epoll(void) {
  struct epoll_event event = {.events = EPOLLIN};
  REQUIRE("mkfifo", make());
  int epoll = epoll_create1(0);
  int first = open(path, O_RDONLY | O_NONBLOCK), second = open(path, O_RDONLY | O_NONBLOCK);
  int writer = open(path, O_WRONLY);
  event.data.fd = first;
  CHECK_EQ("watch one reader", epoll_ctl(epoll, EPOLL_CTL_ADD, first, &event), 0);
  event.data.fd = second;
  CHECK_EQ("and another", epoll_ctl(epoll, EPOLL_CTL_ADD, second, &event), 0);
  struct epoll_event out[4];
  CHECK_EQ("not ready", epoll_wait(epoll, out, 4, 0), 0);
  CHECK_EQ("a byte", write(writer, "e", 1), 1);
  CHECK_EQ("both are told", epoll_wait(epoll, out, 4, 0), 2);
  close(first);
  char byte;
  CHECK_EQ("the one that is left", read(second, &byte, 1), 1);
  close(writer);
  CHECK("is told of the end", epoll_wait(epoll, out, 4, 0) == 1 && (out[0].events & EPOLLHUP) &&
                                  out[0].data.fd == second);
  close(second), close(epoll);
  unlink(path);
}

static const struct group groups[] = {
    {"nonblocking", test_nonblocking},
    {"waiting", test_waiting},
    {"epoll", test_epoll},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
