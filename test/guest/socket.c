/*
 * What is common to sockets: options, flags of send and recv, AF_UNIX pairs and names, binding
 * rules. TCP's own behaviour is in tcp.c, UDP's in udp.c.
 */
#include "net.h"
#include <fcntl.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static void test_options(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), port, server = listener(&port, 1);
  REQUIRE("socket", fd >= 0 && server >= 0);
  CHECK_EQ("SO_TYPE", get_option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  CHECK_EQ("SO_DOMAIN", get_option(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
  CHECK_EQ("SO_PROTOCOL", get_option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
  CHECK_EQ("SO_ERROR", get_option(fd, SOL_SOCKET, SO_ERROR), 0);
  CHECK("SO_ACCEPTCONN", get_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0 &&
                             get_option(server, SOL_SOCKET, SO_ACCEPTCONN) == 1);
  static const struct {
    const char *name;
    int level, option, value, want;
  } options[] = {
      {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1, 1},
      {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1, 1},
      {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1, 1},
      {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 1, 1},
      {"SO_RCVBUF is doubled", SOL_SOCKET, SO_RCVBUF, 65536, 131072},
      {"SO_SNDBUF is doubled", SOL_SOCKET, SO_SNDBUF, 65536, 131072},
      {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1, 1},
      {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 77, 77},
      {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 11, 11},
      {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 5, 5},
      {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, 5000},
      {"TCP_CORK", IPPROTO_TCP, TCP_CORK, 1, 1},
      {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, 1, 1},
      {"TCP_DEFER_ACCEPT off", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 0},
      {"IP_TOS", IPPROTO_IP, IP_TOS, 0x10, 0x10},
      {"IP_TTL", IPPROTO_IP, IP_TTL, 33, 33},
  };
  for (unsigned i = 0; i < COUNT(options); i++)
    CHECK(options[i].name,
          set_option(fd, options[i].level, options[i].option, options[i].value) == 0 &&
              get_option(fd, options[i].level, options[i].option) == options[i].want);
  struct linger linger = {1, 5};
  socklen_t length = sizeof linger;
  CHECK("SO_LINGER", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, length) == 0 &&
                         (linger.l_linger = 0, 1) &&
                         getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) == 0 &&
                         linger.l_onoff && linger.l_linger == 5);
  struct timeval timeout = {3, 500000};
  length = sizeof timeout;
  CHECK("SO_RCVTIMEO", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, length) == 0 &&
                           getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length) == 0 &&
                           timeout.tv_sec == 3 && timeout.tv_usec / 100000 == 5);
  CHECK_ERR("an unknown option", set_option(fd, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
  CHECK_ERR("an unknown TCP option", set_option(fd, IPPROTO_TCP, 9999, 1), ENOPROTOOPT);
  CHECK_ERR("too short a value", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, "", 1), EINVAL);
  CHECK_ERR("of a file", set_option(open("/dev/null", O_RDONLY), SOL_SOCKET, SO_REUSEADDR, 1),
            ENOTSOCK);
  close(fd);
  close(server);
}

static void test_tcp_info(void) {
  int pair[2];
  char name[16] = "";
  socklen_t length = sizeof name;
  REQUIRE("a connection", tcp_pair(pair));
  struct tcp_info info = {0};
  CHECK("TCP_CONGESTION", getsockopt(pair[0], IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0 &&
                              name[0] != 0);
  length = sizeof info;
  CHECK("TCP_INFO", getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
                        info.tcpi_state == 1 /* established */ && info.tcpi_snd_mss > 0);
  CHECK("TCP_MAXSEG", get_option(pair[0], IPPROTO_TCP, TCP_MAXSEG) >= 536);
  int queued = -1;
  CHECK("SIOCOUTQ", ioctl(pair[0], TIOCOUTQ, &queued) == 0 && queued == 0);
  close(pair[0]);
  close(pair[1]);
}

static void test_binding(void) {
  int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), port = 0;
  set_option(a, SOL_SOCKET, SO_REUSEADDR, 1);
  REQUIRE("a listener", bind_to(a, 0) == 0 && listen(a, 1) == 0 && (port = port_of(a)) > 0);
  CHECK_ERR("a port in use", bind_to(b, port), EADDRINUSE);
  set_option(b, SOL_SOCKET, SO_REUSEADDR, 1);
  CHECK_ERR("SO_REUSEADDR does not share with a listener", bind_to(b, port), EADDRINUSE);
  int pair[2] = {socket(AF_INET, SOCK_STREAM, 0), -1};
  connect_to(pair[0], port);
  pair[1] = accept(a, NULL, NULL);
  close(a);
  close(pair[1]); /* our side closes first: TIME_WAIT is on the server's port */
  close(pair[0]);
  CHECK("SO_REUSEADDR takes a port from TIME_WAIT", bind_to(b, port) == 0 && listen(b, 1) == 0);
  close(b);
  struct sockaddr_in other = loopback(0);
  other.sin_addr.s_addr = htonl(0x01020304);
  a = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("an address that is not ours", bind(a, (void *)&other, sizeof other), EADDRNOTAVAIL);
  CHECK_ERR("too short an address", bind(a, (void *)&other, 4), EINVAL);
  other.sin_family = 77;
  CHECK_ERR("another family", bind(a, (void *)&other, sizeof other), EAFNOSUPPORT);
  CHECK("listen binds by itself", listen(a, 1) == 0 && port_of(a) > 0);
  close(a);
  a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);
  set_option(a, SOL_SOCKET, SO_REUSEPORT, 1);
  set_option(b, SOL_SOCKET, SO_REUSEPORT, 1);
  bind_to(a, 0);
  CHECK("SO_REUSEPORT shares", bind_to(b, port_of(a)) == 0 && !listen(a, 1) && !listen(b, 1));
  close(a);
  close(b);
  CHECK_ERR("accept of one not listening",
            accept(a = socket(AF_INET, SOCK_STREAM, 0), NULL, NULL), EINVAL);
  close(a);
}

static void test_flags(void) {
  int pair[2];
  char buffer[16] = "";
  REQUIRE("a connection", tcp_pair(pair));
  CHECK_ERR("MSG_DONTWAIT", recv(pair[0], buffer, 16, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("send", send(pair[1], "abcdef", 6, MSG_NOSIGNAL), 6);
  CHECK("MSG_PEEK", recv(pair[0], buffer, 3, MSG_PEEK) == 3 && !memcmp(buffer, "abc", 3));
  CHECK("leaves it", recv(pair[0], buffer, 16, MSG_PEEK) == 6);
  CHECK_EQ("MSG_TRUNC throws away", recv(pair[0], NULL, 2, MSG_TRUNC), 2);
  CHECK("the rest is there", recv(pair[0], buffer, 16, 0) == 4 && !memcmp(buffer, "cdef", 4));
  send(pair[1], "12", 2, MSG_MORE);
  send(pair[1], "34", 2, 0);
  CHECK("MSG_WAITALL", recv(pair[0], buffer, 4, MSG_WAITALL) == 4 && !memcmp(buffer, "1234", 4));
  struct iovec out[3] = {{"ab", 2}, {"", 0}, {"cde", 3}}, in[2] = {{buffer, 1}, {buffer + 8, 8}};
  struct msghdr message = {.msg_iov = out, .msg_iovlen = 3};
  CHECK_EQ("sendmsg", sendmsg(pair[1], &message, 0), 5);
  message.msg_iov = in, message.msg_iovlen = 2;
  CHECK("recvmsg", recvmsg(pair[0], &message, 0) == 5 && buffer[0] == 'a' &&
                       !memcmp(buffer + 8, "bcde", 4));
  CHECK_ERR("lseek", lseek(pair[0], 0, SEEK_CUR), ESPIPE);
  struct stat st;
  CHECK("fstat", fstat(pair[0], &st) == 0 && S_ISSOCK(st.st_mode));
  close(pair[1]);
  recv(pair[0], buffer, 1, 0);
  send(pair[0], "x", 1, MSG_NOSIGNAL);
  sleep_ms(20);
  CHECK_ERR("MSG_NOSIGNAL gives EPIPE only", send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
  close(pair[0]);
}

static void test_unix_pair(void) {
  int pair[2];
  char buffer[16] = "";
  REQUIRE("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  CHECK("both ways", write(pair[0], "ping", 4) == 4 && read(pair[1], buffer, 16) == 4 &&
                         write(pair[1], "pong", 4) == 4 && read(pair[0], buffer, 16) == 4 &&
                         !memcmp(buffer, "pong", 4));
  struct sockaddr_un address = {0};
  socklen_t length = sizeof address;
  CHECK("without a name", getsockname(pair[0], (void *)&address, &length) == 0 && length == 2 &&
                              address.sun_family == AF_UNIX);
  struct ucred cred = {0};
  length = sizeof cred;
  CHECK("SO_PEERCRED", getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &length) == 0 &&
                           cred.pid == getpid() && cred.uid == getuid());
  close(pair[1]);
  CHECK_EQ("the end", read(pair[0], buffer, 16), 0);
  CHECK_ERR("EPIPE", send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
  close(pair[0]);
  REQUIRE("datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  CHECK("keep their borders", write(pair[0], "one", 3) == 3 && write(pair[0], "two!", 4) == 4 &&
                                  read(pair[1], buffer, 16) == 3 && read(pair[1], buffer, 16) == 4);
  close(pair[0]);
  close(pair[1]);
  REQUIRE("sequential packets", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  CHECK("keep them, too", write(pair[0], "one", 3) == 3 && write(pair[0], "two!", 4) == 4 &&
                              read(pair[1], buffer, 16) == 3);
  close(pair[0]);
  close(pair[1]);
  CHECK_ERR("there is no TCP socketpair", socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
}

static void test_unix_names(void) {
  const char *path = scratch("unix");
  struct sockaddr_un name = {.sun_family = AF_UNIX}, got = {0};
  char byte;
  strcpy(name.sun_path, path);
  int server = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_ERR("connect to nothing", connect(fd, (void *)&name, sizeof name), ENOENT);
  CHECK_EQ("bind to a path", bind(server, (void *)&name, sizeof name), 0);
  struct stat st;
  CHECK("makes a socket file", stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
  CHECK_ERR("connect before listen", connect(fd, (void *)&name, sizeof name), ECONNREFUSED);
  CHECK_EQ("listen", listen(server, 3), 0);
  CHECK_EQ("connect", connect(fd, (void *)&name, sizeof name), 0);
  int peer = accept(server, NULL, NULL);
  CHECK("data", write(fd, "u", 1) == 1 && read(peer, &byte, 1) == 1 && byte == 'u');
  socklen_t length = sizeof got;
  CHECK("getpeername", getpeername(fd, (void *)&got, &length) == 0 && !strcmp(got.sun_path, path));
  close(fd);
  close(peer);
  close(server);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_ERR("bind to what is there", bind(fd, (void *)&name, sizeof name), EADDRINUSE);
  CHECK_ERR("connect to a closed one", connect(fd, (void *)&name, sizeof name), ECONNREFUSED);
  unlink(path);
  struct sockaddr_un abstract = {.sun_family = AF_UNIX};
  memcpy(abstract.sun_path, "\0virga", 6);
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + 6;
  server = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK("an abstract name", bind(server, (void *)&abstract, size) == 0 && !listen(server, 1) &&
                                connect(fd, (void *)&abstract, size) == 0);
  close(server);
  close(fd);
}

/* A descriptor sent through a socket is the same open file. */
static void test_passing(void) {
  int pair[2], fds[2];
  REQUIRE("socketpair and pipe", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && !pipe(fds));
  union {
    char space[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {{0}};
  char byte = 'f';
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
                           .msg_controllen = sizeof control.space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fds[1], sizeof(int));
  CHECK_EQ("sendmsg with SCM_RIGHTS", sendmsg(pair[0], &message, 0), 1);
  close(fds[1]);
  memset(&control, 0, sizeof control);
  CHECK_EQ("recvmsg", recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC), 1);
  int got = -1;
  header = CMSG_FIRSTHDR(&message);
  REQUIRE("has the descriptor", header && header->cmsg_type == SCM_RIGHTS);
  memcpy(&got, CMSG_DATA(header), sizeof got);
  CHECK("it works", write(got, "x", 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == 'x');
  CHECK_EQ("and is close-on-exec", fcntl(got, F_GETFD), FD_CLOEXEC);
  close(got);
  close(fds[0]);
  close(pair[0]);
  close(pair[1]);
}

static void test_interfaces(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {0};
  strcpy(request.ifr_name, "lo");
  CHECK("lo is up", ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) &&
                        (request.ifr_flags & IFF_LOOPBACK));
  CHECK("its address", ioctl(fd, SIOCGIFADDR, &request) == 0 &&
                           ((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr ==
                               htonl(INADDR_LOOPBACK));
  close(fd);
  struct sockaddr_in other = loopback(0);
  fd = socket(AF_INET6, SOCK_STREAM, 0);
  int error = errno;
  CHECK("IPv6 sockets exist or are refused cleanly", fd >= 0 || error == EAFNOSUPPORT);
  if (fd >= 0)
    close(fd);
  /* All of 127/8 is this machine. */
  int port, server = listener(&port, 1);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  other.sin_addr.s_addr = htonl(0x7f010203), other.sin_port = htons(port);
  CHECK_ERR("127.1.2.3 is here, but not listened on", connect(fd, (void *)&other, sizeof other),
            ECONNREFUSED);
  close(fd);
  close(server);
}

static const struct group groups[] = {
    {"options", test_options},       {"tcp-info", test_tcp_info},     {"binding", test_binding},
    {"flags", test_flags},           {"unix-pair", test_unix_pair},
    {"unix-names", test_unix_names}, {"passing", test_passing},
    {"interfaces", test_interfaces},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
