/* UDP over loopback: datagrams, connected sockets, errors, and the message calls. */
#include "net.h"
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

static int udp_bound(int *port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind_to(fd, 0) != 0)
    return -1;
  *port = port_of(fd);
  return fd;
}

static ssize_t send_to(int fd, const void *data, size_t size, int port) {
  struct sockaddr_in to = loopback(port);
  return sendto(fd, data, size, 0, (struct sockaddr *)&to, sizeof to);
}

static void test_datagrams(void) {
  int port_a, port_b, a = udp_bound(&port_a), b = udp_bound(&port_b), count = -1;
  char buffer[64] = "";
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  REQUIRE("two bound sockets", a >= 0 && b >= 0 && port_a != port_b);
  CHECK_EQ("sendto", send_to(a, "one", 3, port_b), 3);
  CHECK_EQ("sendto again", send_to(a, "second", 6, port_b), 6);
  CHECK_EQ("an empty one", send_to(a, "", 0, port_b), 0);
  struct pollfd set = {b, POLLIN, 0};
  CHECK_EQ("poll", poll(&set, 1, 5000), 1);
  CHECK("FIONREAD is the next datagram", ioctl(b, FIONREAD, &count) == 0 && count == 3);
  CHECK("recvfrom", recvfrom(b, buffer, 64, 0, (struct sockaddr *)&from, &length) == 3 &&
                        !memcmp(buffer, "one", 3));
  CHECK("tells the sender", length == sizeof from && ntohs(from.sin_port) == port_a &&
                                from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK("too short a buffer cuts off", recv(b, buffer, 2, 0) == 2 && !memcmp(buffer, "se", 2));
  CHECK_EQ("an empty datagram", recv(b, buffer, 64, 0), 0);
  CHECK_ERR("then nothing", recv(b, buffer, 64, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("send for MSG_TRUNC", send_to(a, "truncated", 9, port_b), 9);
  poll(&set, 1, 5000);
  CHECK_EQ("MSG_TRUNC tells the real length", recv(b, buffer, 2, MSG_TRUNC), 9);
  CHECK_EQ("send for MSG_PEEK", send_to(a, "peek", 4, port_b), 4);
  poll(&set, 1, 5000);
  CHECK("MSG_PEEK leaves it", recv(b, buffer, 64, MSG_PEEK) == 4 && recv(b, buffer, 64, 0) == 4);
  close(a);
  close(b);
}

static void test_large(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port);
  static unsigned char out[65507], in[65536];
  for (unsigned i = 0; i < sizeof out; i++)
    out[i] = i * 7;
  CHECK_EQ("the largest datagram", send_to(a, out, sizeof out, port), sizeof out);
  struct pollfd set = {b, POLLIN, 0};
  CHECK("arrives whole", poll(&set, 1, 5000) == 1 && recv(b, in, sizeof in, 0) == sizeof out &&
                             !memcmp(in, out, sizeof out));
  CHECK_ERR("one byte more", send_to(a, in, sizeof out + 1, port), EMSGSIZE);
  close(a);
  close(b);
}

static void test_connected(void) {
  int port_a, port_b, port_c;
  int a = udp_bound(&port_a), b = udp_bound(&port_b), c = udp_bound(&port_c);
  char buffer[16];
  CHECK_EQ("connect", connect_to(a, port_b), 0);
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  CHECK("getpeername", getpeername(a, (struct sockaddr *)&peer, &length) == 0 &&
                           ntohs(peer.sin_port) == port_b);
  CHECK_EQ("send without an address", send(a, "x", 1, 0), 1);
  CHECK("arrives", recv(b, buffer, 16, 0) == 1);
  CHECK_EQ("from another", send_to(c, "other", 5, port_a), 5);
  CHECK_EQ("from the peer", send_to(b, "peer", 4, port_a), 4);
  CHECK("only the peer is heard", recv(a, buffer, 16, 0) == 4 && !memcmp(buffer, "peer", 4));
  CHECK_ERR("nothing else", recv(a, buffer, 16, MSG_DONTWAIT), EAGAIN);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  CHECK_EQ("disconnect", connect(a, &none, sizeof none), 0);
  CHECK_ERR("then it needs an address", send(a, "x", 1, 0), EDESTADDRREQ);
  close(b);
  connect_to(a, port_b);
  CHECK_EQ("send to a closed port", send(a, "x", 1, 0), 1);
  struct pollfd set = {a, POLLIN, 0};
  poll(&set, 1, 2000);
  CHECK_ERR("the next call is refused", recv(a, buffer, 16, MSG_DONTWAIT), ECONNREFUSED);
  close(a);
  close(c);
}

static void test_messages(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port);
  char x[4] = "", y[8] = "", control[64];
  struct sockaddr_in to = loopback(port), from;
  struct iovec out[2] = {{"abc", 3}, {"defg", 4}}, in[2] = {{x, 3}, {y, 8}};
  struct msghdr send = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = out, .msg_iovlen = 2};
  struct msghdr receive = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in,
                           .msg_iovlen = 2, .msg_control = control,
                           .msg_controllen = sizeof control};
  CHECK_EQ("sendmsg gathers", sendmsg(a, &send, 0), 7);
  CHECK("recvmsg scatters",
        recvmsg(b, &receive, 0) == 7 && !strcmp(x, "abc") && !strcmp(y, "defg"));
  CHECK("with the sender, without control data",
        receive.msg_namelen == sizeof from && receive.msg_controllen == 0 && from.sin_port != 0);
  in[1].iov_len = 1;
  sendmsg(a, &send, 0);
  CHECK("MSG_TRUNC is told", recvmsg(b, &receive, 0) == 4 && (receive.msg_flags & MSG_TRUNC));
  struct mmsghdr several[3] = {{.msg_hdr = send}, {.msg_hdr = send}, {.msg_hdr = send}};
  CHECK("sendmmsg", sendmmsg(a, several, 3, 0) == 3 && several[2].msg_len == 7);
  for (int i = 0; i < 3; i++)
    several[i].msg_hdr = receive;
  in[1].iov_len = 8;
  CHECK("recvmmsg", recvmmsg(b, several, 3, MSG_DONTWAIT, NULL) == 3 && several[1].msg_len == 7);
  close(a);
  close(b);
}

static void test_waiting(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port), epoll = epoll_create1(0);
  char byte;
  struct timeval timeout = {0, 20000};
  setsockopt(b, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  int64_t start = now_ns();
  CHECK_ERR("SO_RCVTIMEO", recv(b, &byte, 1, 0), EAGAIN);
  CHECK("not too early", now_ns() - start >= 19000000);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(epoll, EPOLL_CTL_ADD, b, &event);
  CHECK_EQ("epoll: nothing", epoll_wait(epoll, &event, 1, 0), 0);
  send_to(a, "x", 1, port);
  CHECK_EQ("epoll: a datagram", epoll_wait(epoll, &event, 1, 5000), 1);
  CHECK_EQ("edge: no more", epoll_wait(epoll, &event, 1, 0), 0);
  send_to(a, "y", 1, port);
  CHECK_EQ("edge: another one", epoll_wait(epoll, &event, 1, 5000), 1);
  close(epoll);
  close(a);
  close(b);
}

static void test_errors(void) {
  int port, a = udp_bound(&port), b = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_ERR("bind to a port in use", bind_to(b, port), EADDRINUSE);
  CHECK_ERR("bind twice", bind_to(a, 0), EINVAL);
  CHECK_ERR("listen", listen(a, 1), EOPNOTSUPP);
  CHECK_ERR("accept", accept(a, NULL, NULL), EOPNOTSUPP);
  CHECK_ERR("an unknown family", socket(99, SOCK_DGRAM, 0), EAFNOSUPPORT);
  CHECK_ERR("an unknown type", socket(AF_INET, 99, 0), EINVAL);
  CHECK_ERR("an unknown protocol", socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
  close(a);
  a = socket(AF_INET, SOCK_DGRAM, 0);
  set_option(a, SOL_SOCKET, SO_REUSEPORT, 1);
  set_option(b, SOL_SOCKET, SO_REUSEPORT, 1);
  CHECK("two with SO_REUSEPORT", bind_to(a, port) == 0 && bind_to(b, port) == 0);
  close(a);
  close(b);
}

/* Of linux/errqueue.h, which does not come with musl. */
struct extended_error {
  uint32_t number;
  uint8_t origin, type, code, pad;
  uint32_t info, data;
};
enum { ORIGIN_ICMP = 2, DESTINATION_UNREACHABLE = 3, PORT_UNREACHABLE = 3 };

/* IP_RECVERR: an error is kept with its datagram, also for a socket that is not connected. */
static void test_error_queue(void) {
  int port, gone = udp_bound(&port), fd = socket(AF_INET, SOCK_DGRAM, 0);
  char buffer[16] = "", control[256];
  close(gone);
  CHECK_EQ("without IP_RECVERR", send_to(fd, "lost", 4, port), 4);
  CHECK_ERR("nobody hears", recv(fd, buffer, 16, MSG_DONTWAIT), EAGAIN);
  CHECK_ERR("and nothing is kept", recv(fd, buffer, 16, MSG_ERRQUEUE), EAGAIN);
  CHECK_EQ("IP_RECVERR", set_option(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
  CHECK_EQ("is set", get_option(fd, IPPROTO_IP, IP_RECVERR), 1);
  CHECK_EQ("a datagram", send_to(fd, "lost", 4, port), 4);
  struct pollfd set = {fd, POLLIN, 0};
  CHECK("POLLERR", poll(&set, 1, 5000) == 1 && set.revents & POLLERR);
  CHECK_ERR("a call reports it", recv(fd, buffer, 16, 0), ECONNREFUSED);
  set.revents = 0;
  CHECK("it is kept all the same", poll(&set, 1, 0) == 1 && set.revents == POLLERR);
  struct sockaddr_in to = {0};
  struct iovec iov = {buffer, 16};
  struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1,
                           .msg_control = control, .msg_controllen = sizeof control};
  CHECK_EQ("its payload", recvmsg(fd, &message, MSG_ERRQUEUE), 4);
  CHECK("which was sent", !memcmp(buffer, "lost", 4) && message.msg_flags & MSG_ERRQUEUE);
  CHECK("to that port", to.sin_family == AF_INET && ntohs(to.sin_port) == port &&
                            to.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  REQUIRE("what happened",
          header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR &&
              header->cmsg_len == CMSG_LEN(sizeof(struct extended_error) + sizeof to));
  struct extended_error error;
  struct sockaddr_in offender;
  memcpy(&error, CMSG_DATA(header), sizeof error);
  memcpy(&offender, CMSG_DATA(header) + sizeof error, sizeof offender);
  CHECK_EQ("its errno", error.number, ECONNREFUSED);
  CHECK("by ICMP", error.origin == ORIGIN_ICMP && error.type == DESTINATION_UNREACHABLE &&
                       error.code == PORT_UNREACHABLE);
  CHECK("from there", offender.sin_family == AF_INET &&
                          offender.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK_ERR("once", recv(fd, buffer, 16, MSG_ERRQUEUE), EAGAIN);
  set.revents = 0;
  CHECK_EQ("no POLLERR any more", poll(&set, 1, 0), 0);
  send_to(fd, "one", 3, port);
  CHECK_EQ("another errno", get_option(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  send_to(fd, "two", 3, port);
  CHECK("in order", recv(fd, buffer, 2, MSG_ERRQUEUE) == 2 && !memcmp(buffer, "on", 2) &&
                        recv(fd, buffer, 16, MSG_ERRQUEUE) == 3 && !memcmp(buffer, "two", 3));
  CHECK_EQ("the last one leaves no error", get_option(fd, SOL_SOCKET, SO_ERROR), 0);
  CHECK_EQ("IP_MTU_DISCOVER", get_option(fd, IPPROTO_IP, IP_MTU_DISCOVER), 1);
  CHECK_EQ("never cut", set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, 2), 0);
  CHECK_EQ("is set", get_option(fd, IPPROTO_IP, IP_MTU_DISCOVER), 2);
  CHECK_ERR("nothing such", set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, 9), EINVAL);
  close(fd);
}

/* A datagram put together from several sends. */
static void test_cork(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port);
  static char large[60000], in[65536];
  CHECK_EQ("connect", connect_to(a, port), 0);
  CHECK_EQ("the first part", send(a, "one ", 4, MSG_MORE), 4);
  CHECK_ERR("is not sent yet", recv(b, in, sizeof in, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("the second", send(a, "two ", 4, MSG_MORE), 4);
  CHECK_EQ("the last", send(a, "three", 5, 0), 5);
  CHECK("is one datagram", recv(b, in, sizeof in, 0) == 13 && !memcmp(in, "one two three", 13));
  CHECK_EQ("UDP_CORK", set_option(a, IPPROTO_UDP, 1, 1), 0);
  CHECK_EQ("is told", get_option(a, IPPROTO_UDP, 1), 1);
  send(a, "ab", 2, 0);
  send(a, "cd", 2, 0);
  CHECK_ERR("nothing yet", recv(b, in, sizeof in, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("taken off", set_option(a, IPPROTO_UDP, 1, 0), 0);
  CHECK("sends it", recv(b, in, sizeof in, 0) == 4 && !memcmp(in, "abcd", 4));
  CHECK_EQ("a large part", send(a, large, sizeof large, MSG_MORE), sizeof large);
  CHECK_ERR("too much", send(a, large, sizeof large, MSG_MORE), EMSGSIZE);
  CHECK_EQ("drops all of it", send(a, "x", 1, 0), 1);
  CHECK_EQ("but what comes then", recv(b, in, sizeof in, 0), 1);
  close(a);
  close(b);
}

/* What recvmsg tells beside the bytes. */
static void test_control(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port), ttl = 0, times = 0, tos = 0;
  char byte, control[256];
  set_option(b, IPPROTO_IP, IP_RECVTTL, 1);
  set_option(b, IPPROTO_IP, IP_RECVTOS, 1);
  set_option(b, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  set_option(a, IPPROTO_IP, IP_TTL, 33);
  set_option(a, IPPROTO_IP, IP_TOS, 0x10);
  send_to(a, "x", 1, port);
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  CHECK_EQ("recvmsg", recvmsg(b, &message, 0), 1);
  struct timespec when, now;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
      memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
      tos = *(unsigned char *)CMSG_DATA(c);
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
      memcpy(&when, CMSG_DATA(c), sizeof when);
      clock_gettime(CLOCK_REALTIME, &now);
      times += when.tv_sec <= now.tv_sec && when.tv_sec > now.tv_sec - 60;
    }
  }
  CHECK_EQ("IP_RECVTTL", ttl, 33);
  CHECK_EQ("IP_RECVTOS", tos, 0x10);
  CHECK_EQ("SO_TIMESTAMPNS", times, 1);
  close(a);
  close(b);
}

enum { SIOCGSTAMP_TIMEVAL = 0x8906, SIOCGSTAMP_TIMESPEC = 0x8907 };

/* When the datagram that was read last had come. */
static void test_stamps(void) {
  int port, a = socket(AF_INET, SOCK_DGRAM, 0), b = udp_bound(&port);
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  char byte;
  struct timeval before, coarse = {0};
  struct timespec fine = {0};
  CHECK_ERR("nothing was read", ioctl(b, SIOCGSTAMP_TIMEVAL, &coarse), ENOENT);
  gettimeofday(&before, NULL);
  for (int count = 0; count < 2; count++) {
    send_to(a, "x", 1, port);
    CHECK_EQ("a datagram", recv(b, &byte, 1, 0), 1);
    CHECK_EQ("its time", ioctl(b, SIOCGSTAMP_TIMEVAL, &coarse), 0);
  }
  CHECK("is of now", coarse.tv_sec >= before.tv_sec - 1 && coarse.tv_sec <= before.tv_sec + 60 &&
                         coarse.tv_usec < 1000000);
  CHECK_EQ("in nanoseconds", ioctl(b, SIOCGSTAMP_TIMESPEC, &fine), 0);
  CHECK("the same", fine.tv_sec == coarse.tv_sec && fine.tv_nsec / 1000 == coarse.tv_usec);
  CHECK_ERR("a bad address", ioctl(b, SIOCGSTAMP_TIMESPEC, (void *)8), EFAULT);
  CHECK_ERR("of a stream", ioctl(stream, SIOCGSTAMP_TIMEVAL, &coarse), ENOENT);
  close(stream);
  close(a);
  close(b);
}

static void test_groups(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ip_mreq group = {.imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
  group.imr_multiaddr.s_addr = inet_addr("239.1.2.3");
  CHECK_ERR("leave before", setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group),
            EADDRNOTAVAIL);
  CHECK_EQ("join", setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
  CHECK_ERR("join again", setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group),
            EADDRINUSE);
  CHECK_EQ("leave", setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group), 0);
  group.imr_interface.s_addr = inet_addr("192.0.2.77");
  CHECK_ERR("by no interface", setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group),
            ENODEV);
  group.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_ERR("no group", setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EINVAL);
  CHECK_ERR("too short", setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, 4), EINVAL);
  CHECK_EQ("IP_MULTICAST_TTL", get_option(fd, IPPROTO_IP, IP_MULTICAST_TTL), 1);
  CHECK_EQ("IP_MULTICAST_LOOP", get_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 1);
  if (on_virga)
    CHECK_ERR("UDP-Lite", socket(AF_INET, SOCK_DGRAM, 136), EPROTONOSUPPORT);
  close(fd);
}

static int member(int port, bool joins) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct ip_mreq group = {.imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
  group.imr_multiaddr.s_addr = inet_addr("239.4.5.6");
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0)
    return -1;
  if (joins && setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return -1;
  return fd;
}

/* What is sent to a group, each member on this machine hears. */
static void test_multicast(void) {
  enum { MULTICAST_ALL = 49 };
  int port = 0, fd = udp_bound(&port);
  close(fd);
  int first = member(port, true), second = member(port, true), other = member(port, false);
  REQUIRE("two members and one that is none", first >= 0 && second >= 0 && other >= 0);
  CHECK_EQ("IP_MULTICAST_ALL is on", get_option(other, IPPROTO_IP, MULTICAST_ALL), 1);
  CHECK_EQ("off", set_option(other, IPPROTO_IP, MULTICAST_ALL, 0), 0);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct in_addr lo = {htonl(INADDR_LOOPBACK)};
  CHECK_EQ("IP_MULTICAST_IF", setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo), 0);
  CHECK_EQ("is set", get_option(fd, IPPROTO_IP, IP_MULTICAST_IF), (int)lo.s_addr);
  struct in_addr nobody = {inet_addr("192.0.2.77")};
  CHECK_ERR("nobody's address", setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &nobody, sizeof lo),
            EADDRNOTAVAIL);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from;
  to.sin_addr.s_addr = inet_addr("239.4.5.6");
  CHECK_EQ("to the group", sendto(fd, "all", 3, 0, (struct sockaddr *)&to, sizeof to), 3);
  char buffer[8] = "";
  socklen_t length = sizeof from;
  CHECK("the first hears",
        recvfrom(first, buffer, 8, 0, (struct sockaddr *)&from, &length) == 3 && *buffer == 'a');
  CHECK("from the interface's address", from.sin_addr.s_addr == lo.s_addr);
  CHECK("the second, too", recv(second, buffer, 8, 0) == 3 && *buffer == 'a');
  CHECK_ERR("who has not joined does not", recv(other, buffer, 8, MSG_DONTWAIT), EAGAIN);
  set_option(other, IPPROTO_IP, MULTICAST_ALL, 1);
  sendto(fd, "2", 1, 0, (struct sockaddr *)&to, sizeof to);
  CHECK_EQ("but with IP_MULTICAST_ALL", recv(other, buffer, 8, 0), 1);
  CHECK("each once", recv(first, buffer, 8, 0) == 1 && recv(second, buffer, 8, 0) == 1);
  CHECK_EQ("IP_MULTICAST_LOOP off", set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0), 0);
  CHECK_EQ("is off", get_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
  close(first);
  close(second);
  close(other);
  close(fd);
}

static void test_filter(void) {
  enum { DETACH_FILTER = 27, LOCK_FILTER = 44 };
  int fd = socket(AF_INET, SOCK_DGRAM, 0), value = 0;
  REQUIRE("a socket", bind_to(fd, 0) == 0 && connect_to(fd, port_of(fd)) == 0);
  CHECK_ERR("none to take off", setsockopt(fd, SOL_SOCKET, DETACH_FILTER, &value, sizeof value),
            ENOENT);
  CHECK_EQ("attach a filter", attach_filter(fd, 8, 10), 0);
  CHECK_EQ("an unwanted datagram is sent", send(fd, "drop", 4, 0), 4);
  CHECK_EQ("a wanted one", send(fd, "keep!", 5, 0), 5);
  char bytes[16];
  CHECK("comes alone, and cut", recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) == 2 &&
                                    !memcmp(bytes, "ke", 2));
  CHECK_ERR("no more", recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), EAGAIN);
  value = 1;
  CHECK_EQ("lock it", setsockopt(fd, SOL_SOCKET, LOCK_FILTER, &value, sizeof value), 0);
  CHECK_ERR("not taken off", setsockopt(fd, SOL_SOCKET, DETACH_FILTER, &value, sizeof value),
            EPERM);
  CHECK_ERR("nor replaced", attach_filter(fd, 8, 10), EPERM);
  value = 0;
  CHECK_ERR("nor unlocked", setsockopt(fd, SOL_SOCKET, LOCK_FILTER, &value, sizeof value), EPERM);
  socklen_t length = sizeof value;
  CHECK("is locked", getsockopt(fd, SOL_SOCKET, LOCK_FILTER, &value, &length) == 0 && value == 1);
  close(fd);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE("another", bind_to(fd, 0) == 0 && connect_to(fd, port_of(fd)) == 0);
  CHECK_EQ("its filter", attach_filter(fd, 8, 10), 0);
  CHECK_EQ("is taken off", setsockopt(fd, SOL_SOCKET, DETACH_FILTER, &value, sizeof value), 0);
  CHECK("all comes", send(fd, "drop", 4, 0) == 4 &&
                         recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) == 4);
  close(fd);
}

static const struct group groups[] = {
    {"filter", test_filter},
    {"cork", test_cork},           {"control", test_control}, {"groups", test_groups},
    {"datagrams", test_datagrams}, {"large", test_large},     {"connected", test_connected},
    {"messages", test_messages},   {"waiting", test_waiting}, {"errors", test_errors},
    {"stamps", test_stamps},       {"error-queue", test_error_queue},
    {"multicast", test_multicast},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
