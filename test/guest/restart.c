/*
 * Which calls go on after a signal's handler with SA_RESTART, and which say EINTR all the same
 * (signal(7)). Another thread sends signals again and again; to a call that goes on it gives, after
 * some of them, what the call waits for.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

enum { SIGNALS = 4, PRIVATE = 128 };

static volatile int handled, done;
static pid_t caller;
static void (*release)(void);

static void on_signal(int signal) {
  (void)signal;
  handled++;
}

/* Sends signals until the call has returned; after the first few, what it waits for. */
static void *interrupt(void *unused) {
  (void)unused;
  for (int i = 0; !done; i++) {
    sleep_ms(4);
    if (i == SIGNALS && release)
      release();
    if (i < SIGNALS || !release)
      syscall(SYS_tgkill, getpid(), caller, SIGUSR1);
  }
  return NULL;
}

static pthread_t sender;

static void begin(int flags, void (*give)(void)) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
  caller = syscall(SYS_gettid);
  handled = done = 0;
  release = give;
  pthread_create(&sender, NULL, interrupt, NULL);
}

static void end(void) {
  done = 1;
  pthread_join(sender, NULL);
}

/* The call comes back only with what it has waited for, whatever signals there were. */
#define GOES_ON(title, call, want, give)                                                           \
  do {                                                                                             \
    begin(SA_RESTART, give);                                                                       \
    CHECK_EQ(title " goes on", call, want);                                                        \
    int signals = handled;                                                                         \
    end();                                                                                         \
    CHECK(title ": the handler has run", signals > 0);                                             \
  } while (0)

/* It is interrupted, by a handler with SA_RESTART as well. */
#define STOPS(title, call)                                                                         \
  do {                                                                                             \
    begin(SA_RESTART, NULL);                                                                       \
    CHECK_ERR(title " is interrupted", call, EINTR);                                               \
    end();                                                                                         \
  } while (0)

/* Without SA_RESTART every call is. */
#define STOPS_WITHOUT(title, call)                                                                 \
  do {                                                                                             \
    begin(0, NULL);                                                                                \
    CHECK_ERR(title " without SA_RESTART", call, EINTR);                                           \
    end();                                                                                         \
  } while (0)

static int pipe_ends[2], pair[2], full[2], counter, listener, client, lock_file, lock_other;
static int word = 1;
static char byte, block[4096];
static struct sockaddr_in address;

static void write_pipe(void) { CHECK_EQ("a byte for the reader", write(pipe_ends[1], "x", 1), 1); }
static void write_pair(void) { CHECK_EQ("a byte by the socket", write(pair[1], "x", 1), 1); }
static void drain_pipe(void) {
  while (read(full[0], block, sizeof block) > 0)
    ;
}
static void count(void) {
  uint64_t one = 1;
  CHECK_EQ("an event", write(counter, &one, 8), 8);
}
static void connect_client(void) {
  CHECK_EQ("a client", connect(client, (void *)&address, sizeof address), 0);
}
static void unlock(void) { CHECK_EQ("the lock is given up", flock(lock_other, LOCK_UN), 0); }
static void unlock_range(void) {
  struct flock range = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  CHECK_EQ("the range, too", fcntl(lock_other, 37 /* F_OFD_SETLK */, &range), 0);
}
static void wake(void) {
  word = 0;
  syscall(SYS_futex, &word, 1 | PRIVATE, 1);
}

static void test_setup(void) {
  const char *path = scratch("restart");
  REQUIRE("pipes", pipe(pipe_ends) == 0 && pipe2(full, O_NONBLOCK) == 0);
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  counter = eventfd(0, 0);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  client = socket(AF_INET, SOCK_STREAM, 0);
  address = (struct sockaddr_in){.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE("a listener", bind(listener, (void *)&address, sizeof address) == 0 &&
                            listen(listener, 1) == 0 &&
                            getsockname(listener, (void *)&address, &length) == 0);
  lock_file = open(path, O_RDWR | O_CREAT, 0600);
  lock_other = open(path, O_RDWR);
  REQUIRE("a locked file", flock(lock_other, LOCK_EX) == 0);
  unlink(path);
  while (write(full[1], block, sizeof block) > 0)
    ;
  fcntl(full[1], F_SETFL, 0);
}

static void test_going_on(void) {
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  uint64_t value;
  GOES_ON("read of a pipe", read(pipe_ends[0], &byte, 1), 1, write_pipe);
  GOES_ON("write to a full pipe", write(full[1], block, sizeof block), 4096, drain_pipe);
  GOES_ON("recv", recv(pair[0], &byte, 1, 0), 1, write_pair);
  GOES_ON("read of a socket", read(pair[0], &byte, 1), 1, write_pair);
  GOES_ON("read of an eventfd", read(counter, &value, 8), 8, count);
  GOES_ON("accept", accept(listener, NULL, NULL) >= 0, 1, connect_client);
  GOES_ON("flock", flock(lock_file, LOCK_EX), 0, unlock);
  range.l_type = F_WRLCK;
  fcntl(lock_other, 37, &range);
  GOES_ON("fcntl with F_OFD_SETLKW", fcntl(lock_file, 38, &range), 0, unlock_range);
  word = 1;
  GOES_ON("futex", syscall(SYS_futex, &word, 0 | PRIVATE, 1, NULL), 0, wake);
}

static void test_stopping(void) {
  struct pollfd fds = {.fd = pipe_ends[0], .events = POLLIN};
  struct timespec minute = {60, 0}, later = {60, 0};
  struct timeval timeval = {60, 0};
  struct epoll_event event = {.events = EPOLLIN};
  sigset_t empty;
  fd_set set;
  int epoll = epoll_create1(0);
  sigemptyset(&empty);
  epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
  STOPS("poll", poll(&fds, 1, 60000));
  STOPS("poll for ever", poll(&fds, 1, -1));
  STOPS("ppoll", ppoll(&fds, 1, &minute, NULL));
  FD_ZERO(&set);
  FD_SET(pipe_ends[0], &set);
  STOPS("select", select(pipe_ends[0] + 1, &set, NULL, NULL, &timeval));
  FD_SET(pipe_ends[0], &set);
  STOPS("pselect", pselect(pipe_ends[0] + 1, &set, NULL, NULL, &minute, NULL));
  STOPS("epoll_wait", epoll_wait(epoll, &event, 1, 60000));
  STOPS("epoll_pwait", epoll_pwait(epoll, &event, 1, -1, &empty));
  STOPS("nanosleep", nanosleep(&minute, NULL));
  STOPS("sigsuspend", syscall(SYS_rt_sigsuspend, &(uint64_t){0}, 8));
  STOPS("pause", pause());
  uint64_t other = 1ul << (SIGUSR2 - 1);
  STOPS("sigtimedwait", syscall(SYS_rt_sigtimedwait, &other, NULL, &minute, 8));
  clock_gettime(CLOCK_MONOTONIC, &later);
  later.tv_sec += 60;
  STOPS("clock_nanosleep", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &minute, NULL));
  timeval = (struct timeval){60, 0};
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeval, sizeof timeval);
  STOPS("recv with a timeout", recv(pair[0], &byte, 1, 0));
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeval, sizeof timeval);
  STOPS("accept with a timeout", accept(listener, NULL, NULL));
  close(epoll);
}

static void test_without(void) {
  struct timeval none = {0, 0};
  uint64_t value;
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  word = 1;
  STOPS_WITHOUT("read of a pipe", read(pipe_ends[0], &byte, 1));
  STOPS_WITHOUT("recv", recv(pair[0], &byte, 1, 0));
  STOPS_WITHOUT("read of an eventfd", read(counter, &value, 8));
  STOPS_WITHOUT("accept", accept(listener, NULL, NULL));
  STOPS_WITHOUT("futex", syscall(SYS_futex, &word, 0 | PRIVATE, 1, NULL));
  flock(lock_file, LOCK_UN);
  flock(lock_other, LOCK_EX);
  STOPS_WITHOUT("flock", flock(lock_file, LOCK_EX));
}

/* What is left of the time is told, in the timeout itself or where asked. */
static void test_time_left(void) {
  struct timespec asked = {60, 0}, left = {0, 0};
  struct timeval timeval = {60, 0};
  struct pollfd fds = {.fd = pipe_ends[0], .events = POLLIN};
  begin(0, NULL);
  CHECK_ERR("nanosleep", nanosleep(&asked, &left), EINTR);
  end();
  CHECK("tells what is left", left.tv_sec == 59 && left.tv_nsec > 0);
  begin(0, NULL);
  CHECK_ERR("ppoll", syscall(SYS_ppoll, &fds, 1, &asked, NULL, 8), EINTR);
  end();
  CHECK("changes its timeout", asked.tv_sec == 59 && asked.tv_nsec > 0);
  begin(0, NULL);
  CHECK_ERR("select", syscall(SYS_select, 0, NULL, NULL, NULL, &timeval), EINTR);
  end();
  CHECK("too", timeval.tv_sec == 59 && timeval.tv_usec > 0);
  asked = (struct timespec){60, 0};
  write(pipe_ends[1], "x", 1);
  CHECK_EQ("ppoll of what is ready", syscall(SYS_ppoll, &fds, 1, &asked, NULL, 8), 1);
  CHECK("leaves nearly all of it", asked.tv_sec >= 59);
  asked = (struct timespec){0, 1000000};
  read(pipe_ends[0], &byte, 1);
  CHECK_EQ("ppoll that times out", syscall(SYS_ppoll, &fds, 1, &asked, NULL, 8), 0);
  CHECK("leaves nothing", asked.tv_sec == 0 && asked.tv_nsec == 0);
}

static const struct group groups[] = {
    {"setup", test_setup},     {"going-on", test_going_on},   {"stopping", test_stopping},
    {"without", test_without}, {"time-left", test_time_left},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
