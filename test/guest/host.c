/*
 * What the host does to a program: it feeds standard input and sends signals. One way per argument;
 * the host's side of each is in test/system/host.system.ts. A line "host: …" on standard output
 * tells the host that it is its turn.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void turn(const char *what) { say("host: %s", what); }

/* Reads once; returns what came as a string, "" at the end of the input. */
static const char *piece(void) {
  static char buffer[256];
  ssize_t n = read(0, buffer, sizeof buffer - 1);
  buffer[n > 0 ? n : 0] = 0;
  return n < 0 ? "failed" : buffer;
}

static void test_kind(void) {
  struct stat st;
  CHECK_EQ("fstat", fstat(0, &st), 0);
  CHECK("a pipe", S_ISFIFO(st.st_mode));
  CHECK("no terminal", !isatty(0));
  CHECK_ERR("no position", lseek(0, 0, SEEK_CUR), ESPIPE);
  CHECK_ERR("not for writing", write(0, "x", 1), EBADF);
}

static void test_output(void) {
  for (int fd = 1; fd <= 2; fd++) {
    struct stat st;
    struct pollfd set = {fd, POLLOUT, 0};
    char byte;
    CHECK("a pipe to write to", fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && !isatty(fd));
    CHECK_ERR("not for reading", read(fd, &byte, 1), EBADF);
    CHECK_ERR("nor with a position", lseek(fd, 0, SEEK_CUR), ESPIPE);
    CHECK("ready for more", poll(&set, 1, 0) == 1 && set.revents == POLLOUT);
  }
  int fd = open("/dev/stdout", O_WRONLY);
  CHECK("/dev/stdout", fd >= 0 && write(fd, "", 0) == 0 && !isatty(fd));
  close(fd);
}

static void test_poll(void) {
  struct pollfd set = {0, POLLIN, 0};
  CHECK_EQ("nothing has come", poll(&set, 1, 0), 0);
  fcntl(0, F_SETFL, O_NONBLOCK);
  CHECK_ERR("a read that may not wait", read(0, &set, 1), EAGAIN);
  fcntl(0, F_SETFL, 0);
  turn("one");
  CHECK("poll waits for it", poll(&set, 1, -1) == 1 && set.revents == POLLIN);
  int count = 0;
  CHECK("FIONREAD", ioctl(0, FIONREAD, &count) == 0 && count == 4);
  CHECK("read", strcmp(piece(), "one\n") == 0);
  CHECK_EQ("nothing again", poll(&set, 1, 0), 0);
}

static void test_select(void) {
  fd_set in;
  FD_ZERO(&in);
  FD_SET(0, &in);
  turn("two");
  CHECK("select waits for it", select(1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(0, &in));
  CHECK("read", strcmp(piece(), "two\n") == 0);
}

static void test_epoll(void) {
  struct epoll_event event = {EPOLLIN | EPOLLET, {.fd = 0}};
  int epoll = epoll_create1(0);
  char byte;
  CHECK_EQ("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event), 0);
  CHECK_EQ("nothing", epoll_wait(epoll, &event, 1, 0), 0);
  turn("three");
  CHECK_EQ("an edge", epoll_wait(epoll, &event, 1, -1), 1);
  CHECK_EQ("one byte is read", read(0, &byte, 1), 1);
  CHECK("and the rest", strcmp(piece(), "hree\n") == 0);
  turn("four");
  CHECK_EQ("the next edge", epoll_wait(epoll, &event, 1, -1), 1);
  CHECK("read", strcmp(piece(), "four\n") == 0);
  close(epoll);
}

static void test_again(void) {
  int fd = open("/dev/stdin", O_RDONLY | O_NONBLOCK);
  REQUIRE("open /dev/stdin", fd >= 0);
  char buffer[16];
  CHECK_ERR("nothing there, either", read(fd, buffer, sizeof buffer), EAGAIN);
  turn("five");
  struct pollfd set = {fd, POLLIN, 0};
  CHECK("it comes to both", poll(&set, 1, -1) == 1 && set.revents == POLLIN);
  CHECK_EQ("but once", read(fd, buffer, sizeof buffer), 5);
  close(fd);
  set.fd = 0;
  CHECK_EQ("nothing is left", poll(&set, 1, 0), 0);
}

static pid_t first_thread;

/* Tells the host only once the first thread sleeps: then it does in the call that is meant. */
static void *turn_when_it_sleeps(void *what) {
  char path[64], text[256], *state;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)first_thread);
  do {
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    state = strrchr(text, ')');
  } while (state == NULL || state[2] != 'S');
  turn(what);
  return NULL;
}

static pthread_t announce(const char *what) {
  pthread_t thread;
  sigset_t all, old;
  first_thread = syscall(SYS_gettid);
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  pthread_create(&thread, NULL, turn_when_it_sleeps, (void *)what);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return thread;
}

static volatile sig_atomic_t caught;
static void note_signal(int number) {
  caught = number;
  if (number == SIGUSR2)
    turn("six");
}

static void test_interrupted(void) {
  struct sigaction action = {.sa_handler = note_signal};
  char byte;
  sigaction(SIGUSR1, &action, NULL);
  pthread_t thread = announce("signal 10");
  CHECK_ERR("a read that a signal ends", read(0, &byte, 1), EINTR);
  pthread_join(thread, NULL);
  CHECK_EQ("its handler has run", caught, SIGUSR1);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, NULL);
  thread = announce("signal 12");
  CHECK("a read that goes on", strcmp(piece(), "six\n") == 0);
  pthread_join(thread, NULL);
  CHECK_EQ("after the handler", caught, SIGUSR2);
}

static void test_sender(void) {
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  turn("signal 1");
  CHECK_EQ("sigwaitinfo", sigwaitinfo(&set, &info), SIGHUP);
  CHECK_EQ("as kill(2) sends it", info.si_code, SI_USER);
}

static void test_end(void) {
  struct pollfd set = {0, POLLIN, 0};
  turn("end");
  CHECK("poll tells of the end", poll(&set, 1, -1) == 1 && (set.revents & POLLHUP) != 0);
  CHECK("read, too", strcmp(piece(), "") == 0);
  CHECK("and again", strcmp(piece(), "") == 0);
  int epoll = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {.fd = 0}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
  CHECK("epoll as well", epoll_wait(epoll, &event, 1, -1) == 1 && (event.events & EPOLLHUP) != 0);
  close(epoll);
}

static const struct group groups[] = {
    {"kind", test_kind},   {"output", test_output},           {"poll", test_poll},               {"select", test_select},
    {"epoll", test_epoll}, {"again", test_again},             {"interrupted", test_interrupted},
    {"sender", test_sender}, {"end", test_end},
};

/* The sum that cksum -a bsd prints, and the number of bytes; reads in odd pieces. */
static int sum(void) {
  static unsigned char buffer[70001];
  unsigned checksum = 0;
  long long total = 0;
  for (size_t size = 1;; size = size * 3 % sizeof buffer + 1) {
    ssize_t n = read(0, buffer, size);
    if (n <= 0)
      break;
    for (ssize_t i = 0; i < n; i++)
      checksum = (((checksum >> 1) | (checksum << 15)) + buffer[i]) & 0xffff;
    total += n;
  }
  say("%u %lld", checksum, total);
  return 0;
}

static void leave(int number) { _exit(40 + number); }

/* Does not come back. */
static int compute(void) {
  volatile long steps = 0;
  while (steps >= 0)
    steps = (steps + 1) & 0xffff;
  return 1;
}

/* A thread that only computes, so that nothing but an interrupt can bring it the signal. */
static int spin(void) {
  signal(SIGTERM, leave);
  turn("signal 15");
  return compute();
}

static void *sleeper(void *argument) {
  pause();
  return argument;
}

/* Two threads: one blocks the signal and computes, the other sleeps and has to die of it. */
static int threads(void) {
  sigset_t set;
  pthread_t thread;
  pthread_create(&thread, NULL, sleeper, NULL);
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  turn("signal 2");
  return compute();
}

static int ignore(void) {
  signal(SIGTERM, SIG_IGN);
  turn("signal 15");
  while (pause() != 0)
    ;
  return 0;
}

/* Writes until that ends it. */
static int flood(void) {
  while (write(1, "on and ", 7) == 7)
    ;
  return 1;
}

enum { LINES = 250000, LINE = 8, PIECE_LINES = 125 };
static volatile int written;

/* Waits until the writer does not get on, and only then asks the host for input. */
static void *watch_writer(void *argument) {
  char byte;
  for (int rounds = 0, seen = 0; rounds < 20; rounds++) {
    nanosleep(&(struct timespec){0, 5000000}, NULL);
    if (written != seen || seen == 0)
      rounds = 0;
    seen = written;
  }
  return read(0, &byte, 1) == 0 ? argument : NULL;
}

/* Two megabytes of numbered lines; the second half by writes that may not wait. */
static int output(void) {
  static char piece[LINE * PIECE_LINES + 1];
  pthread_t watcher;
  void *seen = NULL;
  pthread_create(&watcher, NULL, watch_writer, piece);
  for (int line = 0; line < LINES; line += PIECE_LINES) {
    for (int i = 0; i < PIECE_LINES; i++)
      snprintf(piece + i * LINE, LINE + 1, "%07d\n", line + i);
    if (line == LINES / 2)
      fcntl(1, F_SETFL, O_NONBLOCK);
    for (int at = 0; at < LINE * PIECE_LINES;) {
      ssize_t n = write(1, piece + at, LINE * PIECE_LINES - at);
      struct pollfd set = {1, POLLOUT, 0};
      if (n < 0 && (errno != EAGAIN || poll(&set, 1, -1) != 1 || set.revents != POLLOUT))
        return 1;
      at += n > 0 ? n : 0;
    }
    written = line + 1;
  }
  pthread_join(watcher, &seen);
  return seen == piece ? 0 : 2;
}

/* Something on both outputs, and a crash, of which the kernel has something to say. */
static int apart(void) {
  write(1, "answer\n", 7);
  write(2, "remark\n", 7);
  abort();
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  if (!strcmp(how, "sum"))
    return sum();
  if (!strcmp(how, "spin"))
    return spin();
  if (!strcmp(how, "threads"))
    return threads();
  if (!strcmp(how, "ignore"))
    return ignore();
  if (!strcmp(how, "flood"))
    return flood();
  if (!strcmp(how, "output"))
    return output();
  if (!strcmp(how, "apart"))
    return apart();
  return check_main(1, argv, groups, COUNT(groups));
}
