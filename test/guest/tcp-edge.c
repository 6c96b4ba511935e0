/*
 * What TCP sockets can do beside bytes in order: urgent data, completions of sends without a copy,
 * options that count before or while connecting, connections that end before they are accepted.
 */
#include "net.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Of linux/errqueue.h, which does not come with musl. */
enum { SO_EE_CODE_ZEROCOPY_COPIED = 1, SO_EE_ORIGIN_ZEROCOPY = 5 };
struct sock_extended_err {
  uint32_t ee_errno;
  uint8_t ee_origin, ee_type, ee_code, ee_pad;
  uint32_t ee_info, ee_data;
};

static int events_of(int fd, int wanted, int timeout) {
  struct pollfd set = {fd, wanted, 0};
  return poll(&set, 1, timeout) < 0 ? -1 : set.revents;
}

static int at_mark(int fd) {
  int mark = -1;
  return ioctl(fd, SIOCATMARK, &mark) == 0 ? mark : -1;
}

static void test_urgent(void) {
  int pair[2];
  char buffer[16] = "";
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_ERR("no urgent byte", recv(pair[1], buffer, 1, MSG_OOB), EINVAL);
  CHECK_EQ("data", send(pair[0], "abc", 3, 0), 3);
  CHECK_EQ("an urgent byte", send(pair[0], "!", 1, MSG_OOB), 1);
  CHECK_EQ("and more data", send(pair[0], "def", 3, 0), 3);
  CHECK_EQ("poll tells POLLPRI", events_of(pair[1], POLLPRI, 5000), POLLPRI);
  while (events_of(pair[1], POLLIN, 5000) != POLLIN)
    ;
  CHECK_EQ("not at the mark", at_mark(pair[1]), 0);
  CHECK("reading stops at the mark", recv(pair[1], buffer, 16, 0) == 3 && !memcmp(buffer, "abc", 3));
  CHECK_EQ("at the mark", at_mark(pair[1]), 1);
  CHECK("a look at the byte", recv(pair[1], buffer, 1, MSG_OOB | MSG_PEEK) == 1 && *buffer == '!');
  CHECK("the byte", recv(pair[1], buffer, 16, MSG_OOB) == 1 && *buffer == '!');
  CHECK_ERR("once", recv(pair[1], buffer, 1, MSG_OOB), EINVAL);
  CHECK_EQ("no POLLPRI any more", events_of(pair[1], POLLPRI, 0), 0);
  CHECK("reading goes on behind it", read_all(pair[1], buffer, 3) == 3 && !memcmp(buffer, "def", 3));
  CHECK_EQ("not at the mark any more", at_mark(pair[1]), 0);
  close(pair[0]);
  close(pair[1]);
}

static void test_inline(void) {
  int pair[2];
  char buffer[16] = "";
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_EQ("SO_OOBINLINE", set_option(pair[1], SOL_SOCKET, SO_OOBINLINE, 1), 0);
  CHECK_EQ("is set", get_option(pair[1], SOL_SOCKET, SO_OOBINLINE), 1);
  send(pair[0], "abc", 3, 0);
  send(pair[0], "xy!", 3, MSG_OOB);
  send(pair[0], "def", 3, 0);
  CHECK_EQ("poll tells POLLPRI", events_of(pair[1], POLLPRI, 5000), POLLPRI);
  CHECK_ERR("not out of band", recv(pair[1], buffer, 1, MSG_OOB), EINVAL);
  CHECK("up to the mark", read_all(pair[1], buffer, 5) == 5 && !memcmp(buffer, "abcxy", 5));
  CHECK_EQ("at the mark", at_mark(pair[1]), 1);
  CHECK("with the byte", read_all(pair[1], buffer, 4) == 4 && !memcmp(buffer, "!def", 4));
  close(pair[0]);
  close(pair[1]);
}

/* The next completion: the range of calls, or -1 when there is none. */
static long completion(int fd, unsigned *first, unsigned *last, int *code) {
  char control[128];
  struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(fd, &message, MSG_ERRQUEUE);
  if (n < 0)
    return n;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_IP || header->cmsg_type != IP_RECVERR)
    return -2;
  struct sock_extended_err error;
  memcpy(&error, CMSG_DATA(header), sizeof error);
  if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY || error.ee_errno != 0)
    return -3;
  *first = error.ee_info;
  *last = error.ee_data;
  *code = error.ee_code;
  return (message.msg_flags & MSG_ERRQUEUE) ? n : -4;
}

static void test_zero_copy(void) {
  int pair[2], code = -1;
  unsigned first = 9, last = 9;
  char data[1000] = "";
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_EQ("the flag alone", send(pair[0], data, 10, MSG_ZEROCOPY), 10);
  CHECK_ERR("completes nothing", completion(pair[0], &first, &last, &code), EAGAIN);
  CHECK_EQ("SO_ZEROCOPY", set_option(pair[0], SOL_SOCKET, SO_ZEROCOPY, 1), 0);
  CHECK_EQ("one call", send(pair[0], data, 1000, MSG_ZEROCOPY), 1000);
  CHECK_EQ("and another", send(pair[0], data, 1000, MSG_ZEROCOPY), 1000);
  CHECK("they arrive", read_all(pair[1], data, 1000) == 1000 && read_all(pair[1], data, 1000) == 1000);
  CHECK_EQ("poll tells POLLERR", events_of(pair[0], 0, 5000), POLLERR);
  unsigned next = 0;
  for (int i = 0; i < 2 && next < 2; i++) {
    events_of(pair[0], 0, 5000);
    CHECK_EQ("a completion", completion(pair[0], &first, &last, &code), 0);
    CHECK("of the next calls", first == next && last >= first && last < 2);
    CHECK_EQ("the loopback copies", code, SO_EE_CODE_ZEROCOPY_COPIED);
    next = last + 1;
  }
  CHECK_EQ("both were told", next, 2);
  CHECK_ERR("no more", completion(pair[0], &first, &last, &code), EAGAIN);
  CHECK_EQ("no POLLERR any more", events_of(pair[0], 0, 0), 0);
  close(pair[0]);
  close(pair[1]);
}

static void test_options(void) {
  int port, server = listener(&port, 5);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ("TCP_MAXSEG at first", get_option(fd, IPPROTO_TCP, TCP_MAXSEG), 536);
  CHECK_ERR("too small", set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 87), EINVAL);
  CHECK_EQ("set before connect", set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 1000), 0);
  CHECK_EQ("is told", get_option(fd, IPPROTO_TCP, TCP_MAXSEG), 1000);
  CHECK_EQ("TCP_SYNCNT at first", get_option(fd, IPPROTO_TCP, TCP_SYNCNT), 6);
  CHECK_ERR("none", set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 0), EINVAL);
  CHECK_ERR("too many", set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 128), EINVAL);
  CHECK_EQ("set", set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 3), 0);
  CHECK_EQ("is told", get_option(fd, IPPROTO_TCP, TCP_SYNCNT), 3);
  CHECK_EQ("connect", connect_to(fd, port), 0);
  CHECK_EQ("less the timestamps", get_option(fd, IPPROTO_TCP, TCP_MAXSEG), 988);
  int peer = accept(server, NULL, NULL);
  CHECK_EQ("at the other end, too", get_option(peer, IPPROTO_TCP, TCP_MAXSEG), 988);
  char byte;
  set_option(fd, IPPROTO_TCP, TCP_CORK, 1);
  CHECK_EQ("a corked write", write(fd, "x", 1), 1);
  CHECK_EQ("is held", events_of(peer, POLLIN, 0), 0);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  CHECK("TCP_NODELAY flushes it", events_of(peer, POLLIN, 5000) == POLLIN && read(peer, &byte, 1) == 1);
  close(peer);
  close(fd);
  close(server);
}

static void test_reset_before_accept(void) {
  int port, server = listener(&port, 5);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {0}, peer_address = {0};
  socklen_t length = sizeof address;
  char buffer[16];
  REQUIRE("connect", connect_to(fd, port) == 0);
  getsockname(fd, (struct sockaddr *)&address, &length);
  CHECK_EQ("data", write(fd, "hello", 5), 5);
  struct linger linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
  CHECK_EQ("the listener is readable", events_of(server, POLLIN, 5000), POLLIN);
  length = sizeof peer_address;
  int peer = accept(server, (struct sockaddr *)&peer_address, &length);
  CHECK("accept gives the connection", peer >= 0);
  CHECK("and tells whose it was", length == sizeof address && peer_address.sin_port == address.sin_port);
  CHECK("poll tells its end", events_of(peer, POLLIN, 5000) & POLLHUP);
  CHECK("what came before can be read", read(peer, buffer, 16) == 5 && !memcmp(buffer, "hello", 5));
  CHECK_ERR("then how it ended", read(peer, buffer, 16), ECONNRESET);
  close(peer);
  close(server);
}

static volatile sig_atomic_t urgent_signals;

static void on_urgent(int signal) {
  (void)signal;
  urgent_signals++;
}

/* The owner of a socket hears of urgent data, also without O_ASYNC. */
static void test_urgent_signal(void) {
  int pair[2];
  char byte;
  REQUIRE("a connection", tcp_pair(pair));
  struct sigaction action = {.sa_handler = on_urgent};
  sigaction(SIGURG, &action, NULL);
  send(pair[0], "a", 1, MSG_OOB);
  CHECK_EQ("without an owner", events_of(pair[1], POLLPRI, 5000), POLLPRI);
  CHECK_EQ("no signal", urgent_signals, 0);
  CHECK("the byte", recv(pair[1], &byte, 1, MSG_OOB) == 1 && byte == 'a');
  CHECK_EQ("F_SETOWN", fcntl(pair[1], F_SETOWN, getpid()), 0);
  send(pair[0], "plain", 5, 0);
  CHECK_EQ("plain data", events_of(pair[1], POLLIN, 5000), POLLIN);
  CHECK_EQ("sends none", urgent_signals, 0);
  send(pair[0], "b", 1, MSG_OOB);
  while (!(events_of(pair[1], POLLPRI, 5000) & POLLPRI))
    ;
  CHECK_EQ("an urgent byte sends one", urgent_signals, 1);
  signal(SIGURG, SIG_DFL);
  close(pair[0]);
  close(pair[1]);
}

/* Behind the peer's end, a reset is an error of what is sent, not of what is read. */
static void test_reset_behind_end(void) {
  int pair[2];
  char byte;
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_EQ("the peer's end", close(pair[0]), 0);
  CHECK_EQ("is read", recv(pair[1], &byte, 1, 0), 0);
  CHECK_EQ("a send is answered by a reset", send(pair[1], "x", 1, MSG_NOSIGNAL), 1);
  while (!(events_of(pair[1], POLLIN, 5000) & POLLERR))
    ;
  CHECK_EQ("the end is read again", recv(pair[1], &byte, 1, 0), 0);
  CHECK_EQ("the error is there", get_option(pair[1], SOL_SOCKET, SO_ERROR), EPIPE);
  CHECK_EQ("once", get_option(pair[1], SOL_SOCKET, SO_ERROR), 0);
  close(pair[1]);
}

static const struct group groups[] = {
    {"urgent", test_urgent},
    {"urgent-signal", test_urgent_signal},
    {"reset-behind-end", test_reset_behind_end},
    {"inline", test_inline},
    {"zero-copy", test_zero_copy},
    {"options", test_options},
    {"reset-before-accept", test_reset_before_accept},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
