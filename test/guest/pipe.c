/*
 * Pipes and eventfd: data, capacity, atomic writes, both ends' closing, waiting and not waiting.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static void test_basic(void) {
  int fds[2], count = 0;
  char buffer[64] = "";
  struct stat st;
  REQUIRE("pipe", pipe(fds) == 0);
  CHECK("it is a FIFO", fstat(fds[0], &st) == 0 && S_ISFIFO(st.st_mode));
  CHECK_EQ("write", write(fds[1], "hello", 5), 5);
  CHECK("FIONREAD", ioctl(fds[0], FIONREAD, &count) == 0 && count == 5);
  CHECK("a short read", read(fds[0], buffer, 2) == 2 && !memcmp(buffer, "he", 2));
  CHECK("the rest", read(fds[0], buffer, 64) == 3 && !memcmp(buffer, "llo", 3));
  CHECK_ERR("lseek", lseek(fds[0], 0, SEEK_SET), ESPIPE);
  CHECK_ERR("pread", pread(fds[0], buffer, 1, 0), ESPIPE);
  CHECK_ERR("write to the reading end", write(fds[0], "x", 1), EBADF);
  CHECK_ERR("read from the writing end", read(fds[1], buffer, 1), EBADF);
  write(fds[1], "end", 3) == 3 ? close(fds[1]) : -1;
  CHECK_EQ("what was written before close is there", read(fds[0], buffer, 64), 3);
  CHECK_EQ("then comes the end", read(fds[0], buffer, 64), 0);
  close(fds[0]);
  CHECK("pipe2 flags", pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 &&
                           fcntl(fds[0], F_GETFD) == FD_CLOEXEC &&
                           (fcntl(fds[1], F_GETFL) & O_NONBLOCK));
  close(fds[0]);
  close(fds[1]);
  CHECK_ERR("pipe2 with a bad flag", pipe2(fds, O_APPEND), EINVAL);
}

static void test_nonblocking(void) {
  int fds[2];
  char page[4096] = {0};
  REQUIRE("pipe2", pipe2(fds, O_NONBLOCK) == 0);
  CHECK_ERR("read of an empty pipe", read(fds[0], page, 1), EAGAIN);
  int total = 0;
  ssize_t n;
  while ((n = write(fds[1], page, sizeof page)) > 0)
    total += n;
  int error = errno;
  CHECK("write until full", n == -1 && error == EAGAIN);
  CHECK_EQ("the capacity is 64 KiB", total, 65536);
  struct pollfd pollfd = {fds[1], POLLOUT, 0};
  CHECK_EQ("a full pipe is not writable", poll(&pollfd, 1, 0), 0);
  CHECK_EQ("room for one page", read(fds[0], page, sizeof page), 4096);
  CHECK_EQ("makes it writable", poll(&pollfd, 1, 0), 1);
  CHECK_EQ("and takes one page", write(fds[1], page, sizeof page), 4096);
  CHECK_EQ("F_GETPIPE_SZ", fcntl(fds[1], F_GETPIPE_SZ), 65536);
  close(fds[0]);
  close(fds[1]);
}

static volatile int sigpipes;
static void on_sigpipe(int signal) { sigpipes += signal == SIGPIPE; }

static void test_broken(void) {
  int fds[2];
  struct sigaction action = {.sa_handler = on_sigpipe};
  sigaction(SIGPIPE, &action, NULL);
  REQUIRE("pipe", pipe(fds) == 0);
  close(fds[0]);
  CHECK_ERR("write without a reader", write(fds[1], "x", 1), EPIPE);
  CHECK_EQ("SIGPIPE came", sigpipes, 1);
  struct pollfd pollfd = {fds[1], POLLOUT, 0};
  CHECK("poll tells POLLERR", poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLERR));
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERR("with SIGPIPE ignored", write(fds[1], "x", 1), EPIPE);
  close(fds[1]);
  signal(SIGPIPE, SIG_DFL);
}

static int stream[2];

static void *stream_writer(void *argument) {
  unsigned char chunk[3000];
  long total = (long)argument, sent = 0;
  while (sent < total) {
    size_t n = total - sent < (long)sizeof chunk ? (size_t)(total - sent) : sizeof chunk;
    for (size_t i = 0; i < n; i++)
      chunk[i] = (sent + i) * 31 >> 3;
    ssize_t w = write(stream[1], chunk, n);
    if (w != (ssize_t)n)
      return (void *)1;
    sent += w;
  }
  close(stream[1]);
  return NULL;
}

static void test_stream(void) {
  pthread_t thread;
  unsigned char buffer[5000];
  const long total = 2000000;
  long got = 0;
  bool right = true;
  REQUIRE("pipe", pipe(stream) == 0);
  pthread_create(&thread, NULL, stream_writer, (void *)total);
  for (ssize_t n; (n = read(stream[0], buffer, sizeof buffer)) > 0;)
    for (ssize_t i = 0; i < n; i++, got++)
      right = right && buffer[i] == (unsigned char)(got * 31 >> 3);
  void *failed;
  pthread_join(thread, &failed);
  CHECK("2 MB in odd pieces all arrive", got == total && !failed);
  CHECK("in order", right);
  close(stream[0]);
}

static int shared_pipe[2];

static void *atomic_writer(void *argument) {
  char record[512];
  memset(record, (int)(long)argument, sizeof record);
  for (int i = 0; i < 200; i++)
    if (write(shared_pipe[1], record, sizeof record) != sizeof record)
      return (void *)1;
  return NULL;
}

/* Writes of up to PIPE_BUF are never mixed. */
static void test_atomic(void) {
  pthread_t threads[4];
  char record[512];
  int torn = 0, count[4] = {0};
  REQUIRE("pipe", pipe(shared_pipe) == 0);
  for (long i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, atomic_writer, (void *)('a' + i));
  for (int r = 0; r < 800; r++) {
    for (size_t got = 0; got < sizeof record;) {
      ssize_t n = read(shared_pipe[0], record + got, sizeof record - got);
      if (n <= 0)
        break;
      got += n;
    }
    for (unsigned i = 1; i < sizeof record; i++)
      torn += record[i] != record[0];
    if (record[0] >= 'a' && record[0] <= 'd')
      count[record[0] - 'a']++;
  }
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ("records of 4 writers are whole", torn, 0);
  CHECK("and complete", count[0] == 200 && count[1] == 200 && count[2] == 200 && count[3] == 200);
  close(shared_pipe[0]);
  close(shared_pipe[1]);
}

static void *late_closer(void *argument) {
  sleep_ms(20);
  close(*(int *)argument);
  return NULL;
}

static void test_wakeups(void) {
  int fds[2];
  char byte;
  pthread_t thread;
  REQUIRE("pipe", pipe(fds) == 0);
  pthread_create(&thread, NULL, late_closer, &fds[1]);
  CHECK_EQ("closing wakes a reader", read(fds[0], &byte, 1), 0);
  pthread_join(thread, NULL);
  close(fds[0]);
  REQUIRE("pipe again", pipe(fds) == 0);
  pthread_create(&thread, NULL, late_closer, &fds[1]);
  struct pollfd pollfd = {fds[0], POLLIN, 0};
  CHECK("closing wakes poll", poll(&pollfd, 1, 5000) == 1 && (pollfd.revents & POLLHUP));
  pthread_join(thread, NULL);
  close(fds[0]);
}

static void *event_writer(void *argument) {
  uint64_t one = 1;
  for (int i = 0; i < 100; i++)
    if (write(*(int *)argument, &one, 8) != 8)
      return (void *)1;
  return NULL;
}

static void test_eventfd(void) {
  uint64_t value = 0;
  int fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
  REQUIRE("eventfd", fd >= 0);
  CHECK("read gives the sum and clears", read(fd, &value, 8) == 8 && value == 3);
  CHECK_ERR("then it is empty", read(fd, &value, 8), EAGAIN);
  value = 5;
  CHECK("writes add up", write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8 &&
                             read(fd, &value, 8) == 8 && value == 10);
  value = ~0ull - 1;
  CHECK_EQ("up to the largest", write(fd, &value, 8), 8);
  value = 1;
  CHECK_ERR("and no further", write(fd, &value, 8), EAGAIN);
  value = ~0ull;
  CHECK_ERR("all ones is not a number", write(fd, &value, 8), EINVAL);
  CHECK_ERR("a short write", write(fd, &value, 4), EINVAL);
  struct pollfd pollfd = {fd, POLLIN | POLLOUT, 0};
  CHECK("a full one can only be read", poll(&pollfd, 1, 0) == 1 && pollfd.revents == POLLIN);
  close(fd);
  fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  CHECK("semaphore mode gives ones", read(fd, &value, 8) == 8 && value == 1 &&
                                         read(fd, &value, 8) == 8 && value == 1);
  CHECK_ERR("as many as there are", read(fd, &value, 8), EAGAIN);
  close(fd);
  fd = eventfd(0, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, event_writer, &fd);
  uint64_t sum = 0;
  while (sum < 100 && read(fd, &value, 8) == 8)
    sum += value;
  pthread_join(thread, NULL);
  CHECK_EQ("a blocking reader gets all", sum, 100);
  close(fd);
  CHECK_ERR("a bad flag", eventfd(0, 0x40000), EINVAL);
}

static const struct group groups[] = {
    {"basic", test_basic},   {"nonblocking", test_nonblocking}, {"broken", test_broken},
    {"stream", test_stream}, {"atomic", test_atomic},           {"wakeups", test_wakeups},
    {"eventfd", test_eventfd},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
