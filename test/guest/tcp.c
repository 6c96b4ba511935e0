/*
 * TCP over loopback: connecting in every way, data of all sizes, closing halves and wholes,
 * resets. Options and message calls are in socket.c.
 */
#include "net.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static void *echo_server(void *argument) {
  int fd = accept(*(int *)argument, NULL, NULL);
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
    if (!write_all(fd, buffer, n))
      break;
  close(fd);
  return NULL;
}

static void test_echo(void) {
  int port, server = listener(&port, 5);
  pthread_t thread;
  char buffer[64] = "";
  REQUIRE("listen on a free port", server >= 0 && port > 0);
  pthread_create(&thread, NULL, echo_server, &server);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ("connect", connect_to(fd, port), 0);
  bool right = true;
  for (int i = 0; i < 200; i++) {
    int n = snprintf(buffer, sizeof buffer, "message %d", i);
    char answer[64] = "";
    right = right && write(fd, buffer, n) == n && read_all(fd, answer, n) == n &&
            !memcmp(buffer, answer, n);
  }
  CHECK("200 round trips", right);
  shutdown(fd, SHUT_WR);
  CHECK_EQ("after our end comes the server's", read(fd, buffer, 64), 0);
  pthread_join(thread, NULL);
  close(fd);
  close(server);
}

static void test_names(void) {
  int pair[2];
  struct sockaddr_in a, b;
  socklen_t length = sizeof a;
  REQUIRE("a connection", tcp_pair(pair));
  CHECK("getsockname", getsockname(pair[0], (struct sockaddr *)&a, &length) == 0 &&
                           length == sizeof a && a.sin_family == AF_INET && a.sin_port != 0 &&
                           a.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK("getpeername of the other end is the same",
        getpeername(pair[1], (struct sockaddr *)&b, &length) == 0 && a.sin_port == b.sin_port &&
            a.sin_addr.s_addr == b.sin_addr.s_addr);
  char tiny[4] = {9, 9, 9, 9};
  length = 2;
  CHECK("a short buffer gets a part and the whole length",
        getsockname(pair[0], (struct sockaddr *)tiny, &length) == 0 && length == sizeof a &&
            tiny[2] == 9);
  close(pair[0]);
  close(pair[1]);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  length = sizeof a;
  CHECK_ERR("getpeername of one not connected", getpeername(fd, (struct sockaddr *)&a, &length),
            ENOTCONN);
  CHECK_ERR("getsockname of a file", getsockname(1000, (struct sockaddr *)&a, &length), EBADF);
  close(fd);
}

struct transfer {
  int fd;
  long size;
  unsigned chunk;
};

static unsigned char pattern(long at) { return (at * 2654435761u) >> 24; }

static void *sender(void *argument) {
  struct transfer *t = argument;
  unsigned char *chunk = malloc(t->chunk);
  long sent = 0;
  while (sent < t->size) {
    long n = t->size - sent < (long)t->chunk ? t->size - sent : (long)t->chunk;
    for (long i = 0; i < n; i++)
      chunk[i] = pattern(sent + i);
    if (!write_all(t->fd, chunk, n))
      break;
    sent += n;
  }
  shutdown(t->fd, SHUT_WR);
  free(chunk);
  return (void *)sent;
}

static bool receive(int fd, long size, unsigned chunk) {
  unsigned char *buffer = malloc(chunk);
  long got = 0;
  bool right = true;
  for (ssize_t n; (n = read(fd, buffer, chunk)) > 0;)
    for (ssize_t i = 0; i < n; i++, got++)
      right = right && buffer[i] == pattern(got);
  free(buffer);
  return right && got == size;
}

static void test_transfers(void) {
  static const struct {
    const char *name;
    long size;
    unsigned out, in;
  } cases[] = {
      {"8 MiB in large pieces", 8 << 20, 262144, 262144},
      {"1 MB in odd pieces", 1000003, 1461, 997},
      {"20 kB byte by byte", 20000, 1, 4096},
      {"300 kB read in small pieces", 300000, 65536, 100},
  };
  for (unsigned c = 0; c < COUNT(cases); c++) {
    int pair[2];
    pthread_t thread;
    REQUIRE("a connection", tcp_pair(pair));
    struct transfer t = {pair[0], cases[c].size, cases[c].out};
    pthread_create(&thread, NULL, sender, &t);
    CHECK(cases[c].name, receive(pair[1], cases[c].size, cases[c].in));
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
  }
}

/* A receiver that wants all at once, of more than both buffers hold. */
static void test_wait_all(void) {
  const long size = 3 << 20;
  int pair[2];
  pthread_t thread;
  REQUIRE("a connection", tcp_pair(pair));
  struct transfer t = {pair[0], size, size};
  unsigned char *buffer = malloc(size + 1);
  pthread_create(&thread, NULL, sender, &t);
  CHECK_EQ("MSG_WAITALL of 3 MiB", recv(pair[1], buffer, size, MSG_WAITALL), size);
  bool right = true;
  for (long i = 0; i < size; i++)
    right = right && buffer[i] == pattern(i);
  CHECK("they are right", right);
  CHECK_EQ("at the end it gets what there is", recv(pair[1], buffer, size, MSG_WAITALL), 0);
  pthread_join(thread, NULL);
  free(buffer);
  close(pair[0]);
  close(pair[1]);
}

/* Both directions full at once: neither may starve the other. */
static void test_both_ways(void) {
  int pair[2];
  pthread_t threads[2];
  REQUIRE("a connection", tcp_pair(pair));
  struct transfer a = {pair[0], 2 << 20, 50000}, b = {pair[1], 2 << 20, 30000};
  pthread_create(&threads[0], NULL, sender, &a);
  pthread_create(&threads[1], NULL, sender, &b);
  struct pollfd set[2] = {{pair[0], POLLIN, 0}, {pair[1], POLLIN, 0}};
  long got[2] = {0, 0};
  bool right = true, ended[2] = {false, false};
  unsigned char buffer[20000];
  while (!(ended[0] && ended[1]) && poll(set, 2, 20000) > 0)
    for (int s = 0; s < 2; s++) {
      if (!set[s].revents)
        continue;
      ssize_t n = read(set[s].fd, buffer, sizeof buffer);
      for (ssize_t i = 0; i < n; i++)
        right = right && buffer[i] == pattern(got[s] + i);
      got[s] += n > 0 ? n : 0;
      if (n <= 0)
        ended[s] = true, set[s].fd = -1;
    }
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  CHECK("2 MiB each way at once", right && got[0] == 2 << 20 && got[1] == 2 << 20);
  close(pair[0]);
  close(pair[1]);
}

static void test_refused(void) {
  int port, server = listener(&port, 1);
  close(server);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("connect to nobody", connect_to(fd, port), ECONNREFUSED);
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int result = connect_to(fd, port), error = errno;
  CHECK("without waiting", result == -1 && error == EINPROGRESS);
  struct pollfd set = {fd, POLLOUT, 0};
  CHECK("poll wakes up", poll(&set, 1, 5000) == 1 && (set.revents & POLLOUT));
  CHECK_EQ("SO_ERROR tells", get_option(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  close(fd);
}

static void test_nonblocking(void) {
  int port, server = listener(&port, 5);
  REQUIRE("listen", server >= 0);
  fcntl(server, F_SETFL, O_NONBLOCK);
  CHECK_ERR("accept with nobody there", accept(server, NULL, NULL), EAGAIN);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK("socket flags", (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  int result = connect_to(fd, port), error = errno;
  CHECK("connect", result == -1 && error == EINPROGRESS);
  struct pollfd set = {fd, POLLOUT, 0};
  CHECK("becomes writable", poll(&set, 1, 5000) == 1 && set.revents == POLLOUT);
  CHECK_EQ("without error", get_option(fd, SOL_SOCKET, SO_ERROR), 0);
  connect_to(fd, port); /* the first one may still report the success */
  CHECK_ERR("connect again", connect_to(fd, port), EISCONN);
  struct pollfd waiting = {server, POLLIN, 0};
  CHECK_EQ("the listener becomes readable", poll(&waiting, 1, 5000), 1);
  int peer = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  CHECK("accept4 flags", peer >= 0 && (fcntl(peer, F_GETFL) & O_NONBLOCK) &&
                             fcntl(peer, F_GETFD) == FD_CLOEXEC);
  char page[4096] = {0};
  CHECK_ERR("read with nothing there", read(peer, page, 1), EAGAIN);
  long total = 0;
  ssize_t n;
  while ((n = write(fd, page, sizeof page)) > 0)
    total += n;
  error = errno;
  CHECK("write until full", n == -1 && error == EAGAIN && total > 4096);
  set.events = POLLOUT;
  CHECK_EQ("then it is not writable", poll(&set, 1, 0), 0);
  long got = 0;
  for (int64_t start = now_ns(); got < total && now_ns() - start < 10000000000ll;) {
    waiting = (struct pollfd){peer, POLLIN, 0};
    poll(&waiting, 1, 1000);
    while ((n = read(peer, page, sizeof page)) > 0)
      got += n;
  }
  CHECK_EQ("all of it arrives", got, total);
  CHECK_EQ("and it is writable again", poll(&set, 1, 5000), 1);
  close(fd);
  close(peer);
  close(server);
}

static void test_half_close(void) {
  int pair[2];
  char buffer[16] = "";
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_EQ("write", write(pair[0], "request", 7), 7);
  CHECK_EQ("shutdown of writing", shutdown(pair[0], SHUT_WR), 0);
  CHECK("the peer reads to the end", read_all(pair[1], buffer, 16) == 7);
  CHECK_EQ("and can answer", write(pair[1], "answer", 6), 6);
  CHECK("we can read", read_all(pair[0], buffer, 6) == 6 && !memcmp(buffer, "answer", 6));
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERR("but not write", write(pair[0], "x", 1), EPIPE);
  struct pollfd set = {pair[1], POLLIN | POLLRDHUP, 0};
  CHECK("poll tells POLLRDHUP", poll(&set, 1, 1000) == 1 && set.revents == (POLLIN | POLLRDHUP));
  shutdown(pair[1], SHUT_WR);
  set = (struct pollfd){pair[0], POLLIN, 0};
  CHECK("both closed is POLLHUP", poll(&set, 1, 1000) == 1 && (sleep_ms(20), poll(&set, 1, 0)) &&
                                      (set.revents & POLLHUP));
  close(pair[0]);
  close(pair[1]);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("shutdown of one not connected", shutdown(fd, SHUT_WR), ENOTCONN);
  CHECK_ERR("write to one not connected", write(fd, "x", 1), EPIPE);
  CHECK_ERR("read from one not connected", read(fd, buffer, 1), ENOTCONN);
  close(fd);
}

static void test_reset(void) {
  int pair[2];
  char buffer[16];
  signal(SIGPIPE, SIG_IGN);
  REQUIRE("a connection", tcp_pair(pair));
  struct linger linger = {1, 0};
  setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(pair[0]);
  struct pollfd set = {pair[1], POLLIN, 0};
  CHECK("close with linger 0 resets", poll(&set, 1, 5000) == 1 && (set.revents & POLLERR));
  CHECK_ERR("read tells it", read(pair[1], buffer, 16), ECONNRESET);
  CHECK_EQ("once", read(pair[1], buffer, 16), 0);
  CHECK_ERR("write is EPIPE", write(pair[1], "x", 1), EPIPE);
  close(pair[1]);
  /* Closing with data unread is a reset, too. */
  REQUIRE("another connection", tcp_pair(pair));
  CHECK_EQ("write", write(pair[0], "unread", 6), 6);
  set = (struct pollfd){pair[1], POLLIN, 0};
  poll(&set, 1, 5000);
  close(pair[1]);
  set = (struct pollfd){pair[0], POLLIN, 0};
  poll(&set, 1, 5000);
  CHECK_ERR("close with unread data resets", read(pair[0], buffer, 16), ECONNRESET);
  close(pair[0]);
}

static void *late_close(void *argument) {
  sleep_ms(30);
  shutdown(*(int *)argument, SHUT_RDWR);
  return NULL;
}

static void test_wakeups(void) {
  int pair[2], port, server = listener(&port, 1);
  char byte;
  pthread_t thread;
  REQUIRE("a connection", tcp_pair(pair));
  pthread_create(&thread, NULL, late_close, &pair[0]);
  CHECK_EQ("shutdown by another thread wakes a reader", read(pair[0], &byte, 1), 0);
  pthread_join(thread, NULL);
  close(pair[0]);
  close(pair[1]);
  pthread_create(&thread, NULL, late_close, &server);
  CHECK_ERR("and an accepter", accept(server, NULL, NULL), EINVAL);
  pthread_join(thread, NULL);
  close(server);
}

static void *dissolve(void *argument) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  sleep_ms(30);
  connect(*(int *)argument, &none, sizeof none);
  return NULL;
}

/* A listener whose queue is full answers no more: who connects waits. */
static void test_dissolved(void) {
  int port, server = listener(&port, 0), fds[16], count = 0, error = 0;
  for (; count < 15 && error == 0; count++) {
    fds[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect_to(fds[count], port);
    struct pollfd set = {fds[count], POLLOUT, 0};
    error = poll(&set, 1, 200) == 0;
  }
  REQUIRE("a full queue", error != 0);
  int fd = fds[count++] = socket(AF_INET, SOCK_STREAM, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, dissolve, &fd);
  CHECK("an attempt that another thread dissolves", connect_to(fd, port) == -1);
  pthread_join(thread, NULL);
  while (count > 0)
    close(fds[--count]);
  close(server);
}

/* Connections one after another leave ports in TIME_WAIT; none may get in another's way. */
static void test_many_short(void) {
  int port, server = listener(&port, 16), good = 0;
  REQUIRE("listen", server >= 0);
  for (int i = 0; i < 300; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), number = -1;
    if (connect_to(fd, port) != 0)
      break;
    int peer = accept(server, NULL, NULL);
    good += write_all(peer, &i, sizeof i) && read_all(fd, &number, sizeof i) == sizeof i &&
            number == i;
    close(i & 1 ? fd : peer);
    close(i & 1 ? peer : fd);
  }
  CHECK_EQ("300 short connections", good, 300);
  close(server);
}

enum { CROWD = 200 };

/* Many connections at once, served by one epoll. */
static void test_crowd(void) {
  int port, server = listener(&port, 512), clients[CROWD], peers[CROWD], good = 0;
  int epoll = epoll_create1(0), served = 0;
  REQUIRE("listen", server >= 0);
  for (int i = 0; i < CROWD; i++) {
    clients[i] = socket(AF_INET, SOCK_STREAM, 0);
    good += connect_to(clients[i], port) == 0;
  }
  CHECK_EQ("200 connections wait in the backlog", good, CROWD);
  for (int i = 0; i < CROWD; i++) {
    peers[i] = accept(server, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = peers[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, peers[i], &event);
  }
  for (int i = 0; i < CROWD; i++)
    good += write(clients[i], &i, sizeof i) == sizeof i;
  struct epoll_event events[64];
  for (int n; served < CROWD && (n = epoll_wait(epoll, events, 64, 5000)) > 0;)
    for (int i = 0; i < n; i++) {
      int number;
      served += read_all(events[i].data.fd, &number, sizeof number) == sizeof number &&
                write_all(events[i].data.fd, &number, sizeof number);
    }
  CHECK_EQ("all are served", served, CROWD);
  good = 0;
  for (int i = 0; i < CROWD; i++) {
    int number = -1;
    good += read_all(clients[i], &number, sizeof number) == sizeof number && number == i;
    close(clients[i]);
    close(peers[i]);
  }
  CHECK_EQ("each gets its own answer", good, CROWD);
  close(epoll);
  close(server);
}

static const struct group groups[] = {
    {"echo", test_echo},             {"names", test_names},
    {"transfers", test_transfers},   {"both-ways", test_both_ways},
    {"wait-all", test_wait_all},     {"refused", test_refused},
    {"nonblocking", test_nonblocking}, {"half-close", test_half_close},
    {"reset", test_reset},           {"wakeups", test_wakeups},
    {"many-short", test_many_short}, {"crowd", test_crowd},
    {"dissolved", test_dissolved},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
