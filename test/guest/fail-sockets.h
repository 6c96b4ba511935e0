/* Scenarios of fail-nth.c: sockets of each family. */
#ifndef FAIL_SOCKETS_H
#define FAIL_SOCKETS_H

#include "fail-nth.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define AF_NETLINK_FAMILY 16
#define UNIX_PATH "/tmp/virga-fail-nth.sock"

/* Each family's socket, with an address of its own choice. */
static int fail_socket(void) {
  static const struct {
    int family, type;
  } kinds[] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM},   {AF_INET6, SOCK_STREAM},
               {AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM},  {AF_UNIX, SOCK_DGRAM},
               {AF_UNIX, SOCK_SEQPACKET}, {AF_NETLINK_FAMILY, SOCK_RAW}};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    int fd = keep(socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, 0));
    NEED(fd);
    struct sockaddr_storage any = {.ss_family = kinds[i].family};
    socklen_t length = kinds[i].family == AF_INET    ? sizeof(struct sockaddr_in)
                       : kinds[i].family == AF_INET6 ? sizeof(struct sockaddr_in6)
                       : kinds[i].family == AF_UNIX  ? sizeof(sa_family_t)
                                                     : 12;
    NEED(bind(fd, (struct sockaddr *)&any, length));
    length = sizeof any;
    NEED(getsockname(fd, (struct sockaddr *)&any, &length));
  }
  return 0;
}

static int tcp_listener(struct sockaddr_in *address) {
  int fd = keep(socket(AF_INET, SOCK_STREAM, 0));
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof *address;
  if (fd < 0 || bind(fd, (struct sockaddr *)address, length) != 0 || listen(fd, 4) != 0 ||
      getsockname(fd, (struct sockaddr *)address, &length) != 0)
    return -1;
  return fd;
}

/* So that the next connection finds neither a listener nor TIME_WAIT: the ends are reset. */
static void reset_at_close(int fd) {
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
}

static int fail_tcp(void) {
  struct sockaddr_in address;
  int listener = tcp_listener(&address);
  NEED(listener);
  int client = keep(socket(AF_INET, SOCK_STREAM, 0));
  NEED(client);
  NEED(connect(client, (struct sockaddr *)&address, sizeof address));
  int server = keep(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
  NEED(server);
  reset_at_close(client);
  reset_at_close(server);
  static char bytes[2 * PAGE];
  memset(bytes, 8, sizeof bytes);
  ssize_t sent = send(client, bytes, sizeof bytes, 0);
  NEED(sent);
  memset(bytes, 0, sizeof bytes);
  for (ssize_t got = 0; got < sent;) {
    ssize_t n = recv(server, bytes, sizeof bytes, 0);
    NEED(n);
    HOLDS(n > 0 && bytes[0] == 8 && bytes[n - 1] == 8);
    got += n;
  }
  return 0;
}

/* A datagram may be lost on its way: for want of memory it is, without a word. */
static int fail_udp(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int server = keep(socket(AF_INET, SOCK_DGRAM, 0));
  NEED(server);
  NEED(bind(server, (struct sockaddr *)&address, length));
  NEED(getsockname(server, (struct sockaddr *)&address, &length));
  int client = keep(socket(AF_INET, SOCK_DGRAM, 0));
  NEED(client);
  NEED(connect(client, (struct sockaddr *)&address, length));
  static char bytes[5000];
  memset(bytes, 6, sizeof bytes);
  NEED(send(client, bytes, sizeof bytes, 0));
  memset(bytes, 0, sizeof bytes);
  ssize_t n = recv(server, bytes, sizeof bytes, MSG_DONTWAIT);
  NEED(n);
  HOLDS(n == sizeof bytes && bytes[0] == 6 && bytes[n - 1] == 6);
  return 0;
}

static int fail_sendmmsg(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int fd = keep(socket(AF_INET, SOCK_DGRAM, 0));
  NEED(fd);
  NEED(bind(fd, (struct sockaddr *)&address, length));
  NEED(getsockname(fd, (struct sockaddr *)&address, &length));
  char bytes[4] = "abc";
  struct iovec vectors[3] = {{bytes, 1}, {bytes + 1, 1}, {bytes + 2, 1}};
  struct mmsghdr messages[2];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < 2; i++) {
    messages[i].msg_hdr.msg_name = &address;
    messages[i].msg_hdr.msg_namelen = length;
    messages[i].msg_hdr.msg_iov = vectors;
    messages[i].msg_hdr.msg_iovlen = 3;
  }
  int sent = sendmmsg(fd, messages, 2, 0);
  NEED(sent);
  int got = recvmmsg(fd, messages, sent, MSG_DONTWAIT, NULL);
  NEED(got);
  HOLDS(got <= sent && messages[0].msg_len == 3);
  return 0;
}

static int fail_socketpair(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (size_t i = 0; i < COUNT(types); i++) {
    int ends[2];
    NEED(socketpair(AF_UNIX, types[i], 0, ends));
    keep(ends[0]);
    keep(ends[1]);
    static char bytes[3000];
    memset(bytes, (int)i + 1, sizeof bytes);
    NEED(send(ends[0], bytes, sizeof bytes, 0));
    ssize_t n = recv(ends[1], bytes, sizeof bytes, 0);
    NEED(n);
    HOLDS(n == sizeof bytes && bytes[2999] == (int)i + 1);
  }
  return 0;
}

static int fail_rights(void) {
  int ends[2];
  NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  keep(ends[0]);
  keep(ends[1]);
  int passed[3];
  for (int i = 0; i < 3; i++)
    NEED(passed[i] = keep(dup(1)));
  char byte = 1;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof passed)];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof passed);
  memcpy(CMSG_DATA(header), passed, sizeof passed);
  NEED(sendmsg(ends[0], &message, 0));
  message.msg_controllen = sizeof control;
  NEED(recvmsg(ends[1], &message, 0));
  header = CMSG_FIRSTHDR(&message);
  /* Without memory the descriptors stay behind, and MSG_CTRUNC says so. */
  int count = header ? (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
  if (header)
    memcpy(passed, CMSG_DATA(header), count * sizeof(int));
  for (int i = 0; i < count; i++)
    keep(passed[i]);
  HOLDS(count == 3 || (message.msg_flags & MSG_CTRUNC));
  return 0;
}

static void remove_socket(void) { unlink(UNIX_PATH); }

static int fail_unix(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = UNIX_PATH};
  int listener = keep(socket(AF_UNIX, SOCK_STREAM, 0));
  NEED(listener);
  NEED(bind(listener, (struct sockaddr *)&address, sizeof address));
  NEED(listen(listener, 4));
  int client = keep(socket(AF_UNIX, SOCK_STREAM, 0));
  NEED(client);
  NEED(connect(client, (struct sockaddr *)&address, sizeof address));
  int server = keep(accept(listener, NULL, NULL));
  NEED(server);
  NEED(send(server, "hello", 5, 0));
  char bytes[5];
  ssize_t n = recv(client, bytes, 5, 0);
  NEED(n);
  HOLDS(n == 5 && memcmp(bytes, "hello", 5) == 0);
  socklen_t length = sizeof address;
  NEED(getpeername(client, (struct sockaddr *)&address, &length));
  return 0;
}

static int fail_unix_datagram(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = UNIX_PATH};
  int server = keep(socket(AF_UNIX, SOCK_DGRAM, 0));
  NEED(server);
  NEED(bind(server, (struct sockaddr *)&address, sizeof address));
  int client = keep(socket(AF_UNIX, SOCK_DGRAM, 0));
  NEED(client);
  NEED(sendto(client, "hello", 5, 0, (struct sockaddr *)&address, sizeof address));
  char bytes[8];
  ssize_t n = recv(server, bytes, sizeof bytes, MSG_DONTWAIT);
  NEED(n);
  HOLDS(n == 5);
  return 0;
}

static int fail_netlink(void) {
  int fd = keep(socket(AF_NETLINK_FAMILY, SOCK_RAW, 0));
  NEED(fd);
  struct {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, port;
    uint8_t family, padding[3];
  } request = {20, 18 /* RTM_GETLINK */, 0x301 /* NLM_F_REQUEST | NLM_F_DUMP */, 1, 0, 0, {0}};
  NEED(send(fd, &request, sizeof request, 0));
  static char answer[8192];
  ssize_t n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
  NEED(n);
  HOLDS(n >= 20);
  return 0;
}

/* What is told of a socket of TCP, by sock_diag(7). */
static int fail_diag(void) {
  struct sockaddr_in address;
  int server = tcp_listener(&address);
  NEED(server);
  int fd = keep(socket(AF_NETLINK_FAMILY, SOCK_RAW, 4 /* NETLINK_SOCK_DIAG */));
  NEED(fd);
  struct {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, port;
    uint8_t family, protocol, extensions, padding;
    uint32_t states, id[12];
  } request = {72, 20 /* SOCK_DIAG_BY_FAMILY */, 0x301 /* NLM_F_REQUEST | NLM_F_DUMP */, 1, 0,
               AF_INET, IPPROTO_TCP, 0, 0, 0xfff, {0}};
  NEED(send(fd, &request, sizeof request, 0));
  static char answer[8192];
  ssize_t n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
  NEED(n);
  uint16_t type;
  memcpy(&type, answer + 4, sizeof type);
  HOLDS(n > 72 && type == 20);
  return 0;
}

static int fail_options(void) {
  int fd = keep(socket(AF_INET, SOCK_STREAM, 0));
  NEED(fd);
  int on = 1;
  NEED(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  NEED(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  socklen_t length = sizeof on;
  on = 0;
  NEED(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length));
  HOLDS(on == 1);
  NEED(ioctl(fd, FIONBIO, &on));
  HOLDS(fcntl(fd, F_GETFL) & O_NONBLOCK);
  struct ifreq interface = {.ifr_name = "lo"};
  NEED(ioctl(fd, SIOCGIFFLAGS, &interface));
  struct ifconf interfaces = {.ifc_len = sizeof interface, .ifc_req = &interface};
  NEED(ioctl(fd, SIOCGIFCONF, &interfaces));
  return 0;
}

static int fail_membership(void) {
  int fd = keep(socket(AF_INET, SOCK_DGRAM, 0));
  NEED(fd);
  struct ip_mreq group = {{inet_addr("239.1.2.3")}, {htonl(INADDR_LOOPBACK)}};
  NEED(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
  NEED(setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group));
  return 0;
}

static const struct scenario socket_scenarios[] = {
    {.name = "socket, bind", .run = fail_socket, .errors = {ENOBUFS, ENFILE}},
    {.name = "a TCP connection", .run = fail_tcp, .errors = {ENOBUFS, ENFILE}},
    {.name = "a UDP datagram", .run = fail_udp, .errors = {ENOBUFS, ENFILE, EAGAIN}},
    {.name = "sendmmsg, recvmmsg", .run = fail_sendmmsg, .errors = {ENOBUFS, ENFILE, EAGAIN}},
    {.name = "socketpair", .run = fail_socketpair, .errors = {ENOBUFS, ENFILE}},
    {.name = "SCM_RIGHTS", .run = fail_rights, .errors = {ENOBUFS, ENFILE}},
    {.name = "a unix connection", .run = fail_unix,
     .errors = {ENOBUFS, ENFILE}, .clean = remove_socket},
    {.name = "a unix datagram", .run = fail_unix_datagram,
     .errors = {ENOBUFS, ENFILE}, .clean = remove_socket},
    {.name = "netlink", .run = fail_netlink, .errors = {ENOBUFS, ENFILE}},
    {.name = "sock_diag", .run = fail_diag, .errors = {ENOBUFS, ENFILE}},
    {.name = "membership in a group", .run = fail_membership, .errors = {ENOBUFS, ENFILE}},
    {.name = "socket options, ioctl", .run = fail_options, .errors = {ENOBUFS, ENFILE}},
};

#endif
