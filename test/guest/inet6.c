/* Sockets of AF_INET6: ::1, IPv4 by mapped addresses, and ports beside those of AF_INET. */
#include "net.h"
#include <poll.h>

static struct sockaddr_in6 address6(const char *text, int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, text, &address.sin6_addr);
  return address;
}

static int bind6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = address6(text, port);
  return bind(fd, (void *)&address, sizeof address);
}

static int connect6(int fd, const char *text, int port) {
  struct sockaddr_in6 address = address6(text, port);
  return connect(fd, (void *)&address, sizeof address);
}

static int port6(int fd) {
  struct sockaddr_in6 address;
  socklen_t length = sizeof address;
  return getsockname(fd, (void *)&address, &length) == 0 ? ntohs(address.sin6_port) : -1;
}

/* Whether an end of a socket is `text`. */
static bool is(int fd, bool peer, const char *text) {
  struct sockaddr_in6 address = {0}, want = address6(text, 0);
  socklen_t length = sizeof address;
  int result = peer ? getpeername(fd, (void *)&address, &length)
                    : getsockname(fd, (void *)&address, &length);
  return result == 0 && length == sizeof address && address.sin6_family == AF_INET6 &&
         !memcmp(&address.sin6_addr, &want.sin6_addr, 16);
}

static int listen6(const char *text, bool only, int *port) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only) != 0 || bind6(fd, text, 0) != 0 ||
      listen(fd, 5) != 0)
    return -1;
  *port = port6(fd);
  return fd;
}

static void test_dual(void) {
  int port, server = listen6("::", false, &port);
  char byte = 0;
  REQUIRE("a listener on ::", server >= 0 && port > 0);
  CHECK("its name", is(server, false, "::"));
  int client = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE("connect by IPv4", connect_to(client, port) == 0);
  struct sockaddr_in6 from = {0}, mapped = address6("::ffff:127.0.0.1", 0);
  socklen_t length = sizeof from;
  int peer = accept(server, (void *)&from, &length);
  CHECK("accept tells a mapped address", length == sizeof from && from.sin6_family == AF_INET6 &&
                                             !memcmp(&from.sin6_addr, &mapped.sin6_addr, 16) &&
                                             from.sin6_port == htons(port_of(client)));
  CHECK("and so do the names", is(peer, true, "::ffff:127.0.0.1") &&
                                   is(peer, false, "::ffff:127.0.0.1"));
  CHECK("bytes", write(client, "4", 1) == 1 && read(peer, &byte, 1) == 1 && byte == '4');
  CHECK_EQ("its family", get_option(peer, SOL_SOCKET, SO_DOMAIN), AF_INET6);
  CHECK_EQ("TCP options", set_option(peer, IPPROTO_TCP, TCP_NODELAY, 1), 0);
  close(client);
  close(peer);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  REQUIRE("connect by a mapped address", connect6(client, "::ffff:127.0.0.1", port) == 0);
  peer = accept(server, NULL, NULL);
  CHECK("both ends are mapped", is(client, true, "::ffff:127.0.0.1") &&
                                    is(client, false, "::ffff:127.0.0.1"));
  close(client);
  close(peer);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  REQUIRE("connect to ::1", connect6(client, "::1", port) == 0);
  peer = accept(server, NULL, NULL);
  CHECK("both ends are ::1", is(client, true, "::1") && is(client, false, "::1") &&
                                 is(peer, true, "::1") && is(peer, false, "::1"));
  CHECK("bytes over ::1", write(peer, "6", 1) == 1 && read(client, &byte, 1) == 1 && byte == '6');
  close(client);
  close(peer);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  CHECK("connect to :: is ::1", connect6(client, "::", port) == 0 && is(client, true, "::1"));
  close(client);
  int other = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("the port is taken for IPv4, too", bind_to(other, port), EADDRINUSE);
  close(other);
  close(server);
}

static void test_only(void) {
  int port, server = listen6("::", true, &port);
  REQUIRE("a listener on :: for IPv6 alone", server >= 0);
  CHECK_EQ("IPV6_V6ONLY", get_option(server, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  CHECK("its name", is(server, false, "::"));
  CHECK_ERR("too late", set_option(server, IPPROTO_IPV6, IPV6_V6ONLY, 0), EINVAL);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("IPv4 is refused", connect_to(client, port), ECONNREFUSED);
  close(client);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  int other = socket(AF_INET, SOCK_STREAM, 0);
  CHECK("all of IPv4 has the same port", bind(other, (void *)&any, sizeof any) == 0 &&
                                             listen(other, 5) == 0);
  client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ("connect by IPv4", connect_to(client, port), 0);
  int peer = accept(other, NULL, NULL);
  CHECK("is the other one's", peer >= 0);
  close(peer);
  close(client);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  CHECK_EQ("connect to ::1", connect6(client, "::1", port), 0);
  peer = accept(server, NULL, NULL);
  CHECK("is this one's", peer >= 0 && is(peer, true, "::1"));
  close(peer);
  close(client);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  set_option(client, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  CHECK_ERR("a mapped address", connect6(client, "::ffff:127.0.0.1", port), ENETUNREACH);
  CHECK_ERR("bind to one", bind6(client, "::ffff:127.0.0.1", 0), EINVAL);
  close(client);
  close(server);
  client = socket(AF_INET6, SOCK_STREAM, 0);
  CHECK_ERR("nobody hears ::1", connect6(client, "::1", port), ECONNREFUSED);
  close(client);
  close(other);
}

static void test_refused(void) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in v4 = loopback(0);
  CHECK_ERR("bind to an IPv4 address", bind(fd, (void *)&v4, sizeof v4), EINVAL);
  CHECK_ERR("bind to a stranger's", bind6(fd, "2001:db8::1", 0), EADDRNOTAVAIL);
  struct sockaddr_in6 v6 = address6("::1", 0);
  CHECK_ERR("a short address", bind(fd, (void *)&v6, 20), EINVAL);
  CHECK_ERR("connect to a short one", connect(fd, (void *)&v6, 20), EINVAL);
  CHECK_ERR("connect to an IPv4 address", connect(fd, (void *)&v4, sizeof v4), EINVAL);
  if (on_virga)
    CHECK_ERR("no way to IPv6", connect6(fd, "2001:db8::1", 80), ENETUNREACH);
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERR("IPv6 with a socket of IPv4", connect(fd, (void *)&v6, sizeof v6), EAFNOSUPPORT);
  v4.sin_addr.s_addr = htonl(1);
  v4.sin_port = htons(80);
  if (on_virga)
    CHECK_ERR("0.0.0.1 is nobody", connect(fd, (void *)&v4, sizeof v4), ENETUNREACH);
  CHECK_ERR("nor ours", bind(fd, (void *)&v4, sizeof v4), EADDRNOTAVAIL);
  CHECK_ERR("options of IPv6", set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), ENOPROTOOPT);
  close(fd);
  CHECK_ERR("a pair", socketpair(AF_INET6, SOCK_STREAM, 0, (int[2]){0}), EOPNOTSUPP);
}

static void test_options(void) {
  static const struct {
    const char *name;
    int option, value, want;
  } options[] = {
      {"IPV6_UNICAST_HOPS", IPV6_UNICAST_HOPS, 9, 9},
      {"IPV6_UNICAST_HOPS, the default", IPV6_UNICAST_HOPS, -1, 64},
      {"IPV6_MULTICAST_HOPS", IPV6_MULTICAST_HOPS, 5, 5},
      {"IPV6_MULTICAST_LOOP", IPV6_MULTICAST_LOOP, 0, 0},
      {"IPV6_TCLASS", IPV6_TCLASS, 0x20, 0x20},
      {"IPV6_RECVPKTINFO", IPV6_RECVPKTINFO, 1, 1},
      {"IPV6_RECVERR", IPV6_RECVERR, 1, 1},
      {"IPV6_RECVHOPLIMIT", IPV6_RECVHOPLIMIT, 1, 1},
      {"IPV6_RECVTCLASS", IPV6_RECVTCLASS, 1, 1},
      {"IPV6_MTU_DISCOVER", IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, IPV6_PMTUDISC_DO},
  };
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  CHECK_EQ("IPV6_V6ONLY is off", get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
  for (unsigned i = 0; i < COUNT(options); i++) {
    set_option(fd, IPPROTO_IPV6, options[i].option, options[i].value);
    CHECK_EQ(options[i].name, get_option(fd, IPPROTO_IPV6, options[i].option), options[i].want);
  }
  CHECK_ERR("hops out of range", set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256), EINVAL);
  CHECK_EQ("an option of IPv4", set_option(fd, IPPROTO_IP, IP_TOS, 0x10), 0);
  CHECK_EQ("SO_PROTOCOL", get_option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
  close(fd);
}

static void test_datagrams(void) {
  char buffer[64], control[128];
  int server = socket(AF_INET6, SOCK_DGRAM, 0), v4 = socket(AF_INET, SOCK_DGRAM, 0);
  int v6 = socket(AF_INET6, SOCK_DGRAM, 0);
  REQUIRE("bind to ::", bind6(server, "::", 0) == 0);
  int port = port6(server);
  struct sockaddr_in to4 = loopback(port);
  struct sockaddr_in6 from, mapped = address6("::ffff:127.0.0.1", port), one = address6("::1", port);
  CHECK_EQ("send by IPv4", sendto(v4, "four", 4, 0, (void *)&to4, sizeof to4), 4);
  socklen_t length = sizeof from;
  CHECK("the sender's address is mapped",
        recvfrom(server, buffer, 64, 0, (void *)&from, &length) == 4 && length == sizeof from &&
            !memcmp(&from.sin6_addr, &mapped.sin6_addr, 16));
  CHECK_EQ("the answer", sendto(server, "back", 4, 0, (void *)&from, sizeof from), 4);
  struct sockaddr_in from4;
  length = sizeof from4;
  CHECK("comes by IPv4", recvfrom(v4, buffer, 64, 0, (void *)&from4, &length) == 4 &&
                             from4.sin_family == AF_INET && ntohs(from4.sin_port) == port);
  CHECK_EQ("send to a mapped address", sendto(v6, "map", 3, 0, (void *)&mapped, sizeof mapped), 3);
  CHECK_EQ("arrives", recv(server, buffer, 64, 0), 3);
  CHECK_EQ("send to an IPv4 address", sendto(v6, "in4", 3, 0, (void *)&to4, sizeof to4), 3);
  CHECK_EQ("arrives, too", recv(server, buffer, 64, 0), 3);
  set_option(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  CHECK_EQ("send to ::1", sendto(v6, "six", 3, 0, (void *)&one, sizeof one), 3);
  struct iovec iov = {buffer, 64};
  struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov,
                           .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  CHECK("arrives from ::1", recvmsg(server, &message, 0) == 3 &&
                                !memcmp(&from.sin6_addr, &one.sin6_addr, 16));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  REQUIRE("IPV6_PKTINFO", header && header->cmsg_level == IPPROTO_IPV6 &&
                              header->cmsg_type == IPV6_PKTINFO);
  struct in6_pktinfo info;
  memcpy(&info, CMSG_DATA(header), sizeof info);
  CHECK("tells the destination", !memcmp(&info.ipi6_addr, &one.sin6_addr, 16) &&
                                     info.ipi6_ifindex == 1);
  close(server);
  int only = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  REQUIRE("IPv4 alone", bind(only, (void *)&any, sizeof any) == 0);
  int to6 = socket(AF_INET6, SOCK_DGRAM, 0);
  CHECK_EQ("connect to ::1", connect6(to6, "::1", port), 0);
  send(to6, "x", 1, 0);
  struct pollfd set = {to6, POLLIN, 0};
  poll(&set, 1, 2000);
  CHECK_ERR("is not heard there", recv(to6, buffer, 1, MSG_DONTWAIT), ECONNREFUSED);
  CHECK_EQ("a mapped one is", connect6(to6, "::ffff:127.0.0.1", port), 0);
  CHECK("and told", is(to6, true, "::ffff:127.0.0.1") && send(to6, "y", 1, 0) == 1 &&
                        recv(only, buffer, 8, 0) == 1);
  close(v4);
  close(v6);
  close(only);
  close(to6);
}

/* Sends a byte from an address that the message itself says (IPV6_PKTINFO). */
static int send_from(int fd, const char *source, int size, const char *target, int port) {
  union {
    struct cmsghdr align;
    char bytes[64];
  } control;
  struct in6_pktinfo info = {address6(source, 0).sin6_addr, 0};
  struct sockaddr_in6 to = address6(target, port);
  struct iovec one = {"x", 1};
  struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &one,
                           .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = CMSG_SPACE(size)};
  memset(&control, 0, sizeof control);
  control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = IPPROTO_IPV6,
                                   .cmsg_type = IPV6_PKTINFO};
  memcpy(CMSG_DATA(&control.align), &info, sizeof info);
  return sendmsg(fd, &message, 0);
}

static void test_sources(void) {
  int server = socket(AF_INET6, SOCK_DGRAM, 0), fd = socket(AF_INET6, SOCK_DGRAM, 0);
  REQUIRE("bind to ::", bind6(server, "::", 0) == 0);
  int port = port6(server), whole = sizeof(struct in6_pktinfo);
  const char *there = "::ffff:127.0.0.1";
  struct sockaddr_in6 from = {0}, wanted = address6("::ffff:127.0.0.2", 0);
  socklen_t length = sizeof from;
  char byte;
  CHECK_EQ("from a mapped address", send_from(fd, "::ffff:127.0.0.2", whole, there, port), 1);
  CHECK("it is told", recvfrom(server, &byte, 1, 0, (void *)&from, &length) == 1 &&
                          !memcmp(&from.sin6_addr, &wanted.sin6_addr, 16));
  CHECK_EQ("with more behind it", send_from(fd, "::ffff:127.0.0.2", whole + 4, there, port), 1);
  CHECK_ERR("half an address", send_from(fd, "::ffff:127.0.0.2", whole - 1, there, port), EINVAL);
  CHECK_ERR("of another family", send_from(fd, "2001:db8::1", whole, there, port), EINVAL);
  CHECK_ERR("of another machine", send_from(fd, "2001:db8::1", whole, "::1", port), EINVAL);
  CHECK_EQ("from ::1", send_from(fd, "::1", whole, "::1", port), 1);
  CHECK_EQ("from any", send_from(fd, "::", whole, "::1", port), 1);
  close(server), close(fd);
}

static const struct group groups[] = {
    {"dual", test_dual},       {"only", test_only},           {"refused", test_refused},
    {"options", test_options}, {"datagrams", test_datagrams},
    {"sources", test_sources},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
