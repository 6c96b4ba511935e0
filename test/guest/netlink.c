/*
 * What is told about the network's interfaces: netlink(7), netdevice(7), /proc/net, /sys/class/net,
 * and that all say the same.
 */
#include "net.h"
#include <fcntl.h>
#include <ifaddrs.h>
#if __has_include(<linux/rtnetlink.h>) /* musl comes without Linux's headers. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#define HAS_NETLINK 1
#else
#define HAS_NETLINK 0
#endif
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#ifndef SIOCETHTOOL
#define SIOCETHTOOL 0x8946
#endif

static char buffer[65536] __attribute__((aligned(8)));

#if HAS_NETLINK

static int route_socket(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

/* Sends a request of `size` bytes behind its header. */
static ssize_t ask(int fd, int type, int flags, const void *body, size_t size) {
  struct {
    struct nlmsghdr header;
    char body[128];
  } request = {.header = {.nlmsg_len = NLMSG_LENGTH(size), .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = 77}};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  memcpy(request.body, body, size);
  return sendto(fd, &request, request.header.nlmsg_len, 0, (void *)&kernel, sizeof kernel);
}

/* Counts the messages of a dump of `type`; -1: an error, or it has no end. */
static int dump(int fd, int type, int family, void (*see)(struct nlmsghdr *)) {
  struct rtgenmsg body = {family};
  if (ask(fd, type, NLM_F_DUMP, &body, sizeof body) < 0)
    return -1;
  int count = 0;
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0)
      return -1;
    for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
      if (m->nlmsg_type == NLMSG_DONE)
        return count;
      if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_seq != 77 || !(m->nlmsg_flags & NLM_F_MULTI))
        return -1;
      if (see)
        see(m);
      count++;
    }
  }
}

static void *attribute(void *header, size_t header_size, size_t length, int type, size_t *size) {
  struct rtattr *a = (void *)((char *)header + NLMSG_ALIGN(header_size));
  int left = length - NLMSG_ALIGN(header_size);
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
    if ((a->rta_type & NLA_TYPE_MASK) == type) {
      *size = RTA_PAYLOAD(a);
      return RTA_DATA(a);
    }
  return NULL;
}

static int loopback_index, links_seen;

static void see_link(struct nlmsghdr *m) {
  struct ifinfomsg *info = NLMSG_DATA(m);
  size_t size;
  char *name = attribute(info, sizeof *info, NLMSG_PAYLOAD(m, 0), IFLA_IFNAME, &size);
  uint32_t *mtu = attribute(info, sizeof *info, NLMSG_PAYLOAD(m, 0), IFLA_MTU, &size);
  if (name && mtu && *mtu > 0)
    links_seen++;
  if (name && !strcmp(name, "lo") && info->ifi_type == ARPHRD_LOOPBACK &&
      (info->ifi_flags & (IFF_UP | IFF_LOOPBACK)) == (IFF_UP | IFF_LOOPBACK))
    loopback_index = info->ifi_index;
}

static int loopback_addresses;

static void see_address(struct nlmsghdr *m) {
  struct ifaddrmsg *info = NLMSG_DATA(m);
  size_t size;
  struct in_addr *a = attribute(info, sizeof *info, NLMSG_PAYLOAD(m, 0), IFA_LOCAL, &size);
  if (info->ifa_family == AF_INET && a && size == 4 && a->s_addr == htonl(INADDR_LOOPBACK) &&
      info->ifa_prefixlen == 8 && info->ifa_scope == RT_SCOPE_HOST)
    loopback_addresses++;
}

static void test_dumps(void) {
  int fd = route_socket();
  REQUIRE("a socket", fd >= 0);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  socklen_t length = sizeof address;
  CHECK_EQ("bind", bind(fd, (void *)&address, sizeof address), 0);
  CHECK("gives the process's number", getsockname(fd, (void *)&address, &length) == 0 &&
                                          length == sizeof address &&
                                          address.nl_family == AF_NETLINK &&
                                          address.nl_pid == (uint32_t)getpid());
  int second = route_socket();
  address.nl_pid = 0;
  bind(second, (void *)&address, sizeof address);
  getsockname(second, (void *)&address, &length);
  CHECK("a second socket has another", address.nl_pid != (uint32_t)getpid() && address.nl_pid);
  close(second);
  int links = dump(fd, RTM_GETLINK, AF_UNSPEC, see_link);
  CHECK("links", links >= 1 && links_seen == links);
  CHECK_EQ("lo is the first", loopback_index, 1);
  CHECK("addresses", dump(fd, RTM_GETADDR, AF_UNSPEC, see_address) >= 1);
  CHECK_EQ("127.0.0.1 is lo's", loopback_addresses, 1);
  CHECK("routes", dump(fd, RTM_GETROUTE, AF_INET, NULL) >= 1);
  CHECK("neighbours", dump(fd, RTM_GETNEIGH, AF_UNSPEC, NULL) >= 0);
  CHECK_EQ("rules of IPv4", dump(fd, RTM_GETRULE, AF_INET, NULL), 3);
  close(fd);
}

/* The next message; NULL: none. */
static struct nlmsghdr *reply(int fd) {
  ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  struct nlmsghdr *m = (void *)buffer;
  return n > 0 && NLMSG_OK(m, n) ? m : NULL;
}

static int error_of(struct nlmsghdr *m) {
  if (!m || m->nlmsg_type != NLMSG_ERROR || m->nlmsg_seq != 77)
    return 1;
  return ((struct nlmsgerr *)NLMSG_DATA(m))->error;
}

static void test_gets(void) {
  int fd = route_socket();
  struct ifinfomsg link = {.ifi_index = 1};
  CHECK("ask for a link", ask(fd, RTM_GETLINK, 0, &link, sizeof link) > 0);
  struct nlmsghdr *m = reply(fd);
  CHECK("is it", m && m->nlmsg_type == RTM_NEWLINK &&
                     ((struct ifinfomsg *)NLMSG_DATA(m))->ifi_index == 1);
  link.ifi_index = 4711;
  ask(fd, RTM_GETLINK, 0, &link, sizeof link);
  m = reply(fd);
  CHECK_EQ("none of that index", error_of(m), -ENODEV);
  CHECK("quotes the request", m && m->nlmsg_len == NLMSG_LENGTH(sizeof(struct nlmsgerr)) +
                                                       sizeof link);
  struct {
    struct ifinfomsg link;
    struct rtattr attribute;
    char name[4];
  } named = {.attribute = {RTA_LENGTH(3), IFLA_IFNAME}, .name = "lo"};
  ask(fd, RTM_GETLINK, 0, &named, sizeof named);
  m = reply(fd);
  CHECK("by its name", m && m->nlmsg_type == RTM_NEWLINK &&
                           ((struct ifinfomsg *)NLMSG_DATA(m))->ifi_index == 1);
  struct {
    struct rtmsg route;
    struct rtattr attribute;
    uint32_t destination;
  } to = {{.rtm_family = AF_INET, .rtm_dst_len = 32}, {RTA_LENGTH(4), RTA_DST}, htonl(0x7f010203)};
  ask(fd, RTM_GETROUTE, 0, &to, sizeof to);
  m = reply(fd);
  REQUIRE("a route", m && m->nlmsg_type == RTM_NEWROUTE);
  struct rtmsg *route = NLMSG_DATA(m);
  size_t size;
  uint32_t *via = attribute(route, sizeof *route, NLMSG_PAYLOAD(m, 0), RTA_OIF, &size);
  CHECK("is local, by lo", route->rtm_type == RTN_LOCAL && via && *via == 1);
  ask(fd, NLMSG_NOOP, NLM_F_ACK, "", 0);
  CHECK_EQ("an acknowledgment", error_of(reply(fd)), 0);
  ask(fd, 2000, 0, &to, sizeof to);
  CHECK_EQ("an unknown request", error_of(reply(fd)), -EOPNOTSUPP);
  CHECK("then nothing", reply(fd) == NULL && errno == EAGAIN);
  struct rtgenmsg all = {AF_UNSPEC};
  ask(fd, RTM_GETLINK, NLM_F_DUMP, &all, sizeof all);
  char byte;
  ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_TRUNC);
  CHECK("MSG_TRUNC tells the length", n > 16 && recv(fd, buffer, sizeof buffer, 0) == n);
  close(fd);
}

static void test_refused(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
  int fd = route_socket(), group = RTNLGRP_IPV4_ROUTE;
  CHECK_EQ("groups", bind(fd, (void *)&address, sizeof address), 0);
  CHECK_EQ("one more", setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group),
           0);
  socklen_t length = sizeof address;
  getsockname(fd, (void *)&address, &length);
  CHECK_EQ("all of them",
           address.nl_groups & (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE),
           RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE);
  CHECK_ERR("a short address", bind(fd, (void *)&address, 4), EINVAL);
  int other = route_socket();
  CHECK_ERR("a port that is taken", bind(other, (void *)&address, sizeof address), EADDRINUSE);
  address.nl_pid = 12345;
  CHECK_ERR("a port that nobody has", sendto(other, "0123456789abcdef", 16, 0, (void *)&address, 12),
            ECONNREFUSED);
  close(other);
  close(fd);
  CHECK_ERR("a protocol that there is not", socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
  CHECK_ERR("a stream", socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
}

/* ---- sock_diag ---- */

#define ALL_STATES 0xfff
enum { ESTABLISHED = 1, CLOSED = 7, LISTENING = 10 }; /* TCP_* of linux/tcp.h */

static unsigned inode_of(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* What a dump told of the socket `sought`; its message is in `told`. */
static unsigned sought;
static bool found;
static char told[1024] __attribute__((aligned(8)));
static size_t told_length;

static void see_socket(struct nlmsghdr *m) {
  struct inet_diag_msg *inet = NLMSG_DATA(m);
  struct unix_diag_msg *local = NLMSG_DATA(m);
  unsigned inode = local->udiag_family == AF_UNIX ? local->udiag_ino : inet->idiag_inode;
  if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY || inode != sought || m->nlmsg_len > sizeof told)
    return;
  found = true;
  told_length = NLMSG_PAYLOAD(m, 0);
  memcpy(told, NLMSG_DATA(m), told_length);
}

/* Reads a dump to its end: what NLMSG_DONE says, or an error's number; 1: neither. */
static int finish_dump(int fd) {
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0)
      return 1;
    for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
      if (m->nlmsg_type == NLMSG_DONE)
        return *(int *)NLMSG_DATA(m);
      if (m->nlmsg_type == NLMSG_ERROR)
        return error_of(m);
      see_socket(m);
    }
  }
}

/* What a dump says of the socket at `of`; NULL: nothing. */
static struct inet_diag_msg *look(int fd, int family, int protocol, unsigned states, int of) {
  struct inet_diag_req_v2 request = {.sdiag_family = family, .sdiag_protocol = protocol,
                                     .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                                     .idiag_states = states};
  sought = inode_of(of);
  found = false;
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
  return finish_dump(fd) == 0 && found ? (void *)told : NULL;
}

static struct unix_diag_msg *look_unix(int fd, unsigned states, int of) {
  struct unix_diag_req request = {
      .sdiag_family = AF_UNIX, .udiag_states = states,
      .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_VFS};
  sought = inode_of(of);
  found = false;
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
  return finish_dump(fd) == 0 && found ? (void *)told : NULL;
}

static void *told_attribute(size_t header_size, int type, size_t *size) {
  *size = 0;
  return attribute(told, header_size, told_length, type, size);
}

static int diag_socket(void) {
  return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

static void test_diag_tcp(void) {
  int fd = diag_socket(), port = 0;
  REQUIRE("a socket", fd >= 0);
  int server = listener(&port, 3), client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ("connect", connect_to(client, port), 0);
  struct inet_diag_msg *m = look(fd, AF_INET, IPPROTO_TCP, ALL_STATES, server);
  REQUIRE("a listener", m);
  CHECK("is one", m->idiag_family == AF_INET && m->idiag_state == LISTENING);
  CHECK("its port and address", m->id.idiag_sport == htons(port) && m->id.idiag_dport == 0 &&
                                    m->id.idiag_src[0] == htonl(INADDR_LOOPBACK));
  CHECK("one waits, of three", m->idiag_rqueue == 1 && m->idiag_wqueue == 3);
  int accepted = accept(server, NULL, NULL);
  CHECK_EQ("bytes", send(client, "hello", 5, 0), 5);
  m = look(fd, AF_INET, IPPROTO_TCP, ALL_STATES, accepted);
  REQUIRE("a connection", m);
  CHECK("is established, with bytes", m->idiag_state == ESTABLISHED && m->idiag_rqueue == 5);
  CHECK("its ports", m->id.idiag_sport == htons(port) && m->id.idiag_dport != 0);
  CHECK("its peer", m->id.idiag_dst[0] == htonl(INADDR_LOOPBACK));
  size_t size;
  uint8_t *info = told_attribute(sizeof *m, INET_DIAG_INFO, &size);
  CHECK("struct tcp_info", info && size >= 104 && info[0] == ESTABLISHED);
  CHECK("none that listens", !look(fd, AF_INET, IPPROTO_TCP, 1 << LISTENING, accepted));
  CHECK("none of IPv6", !look(fd, AF_INET6, IPPROTO_TCP, ALL_STATES, accepted));
  CHECK("nor of UDP", !look(fd, AF_INET, IPPROTO_UDP, ALL_STATES, accepted));
  close(client);
  close(accepted);
  close(server);
  close(fd);
}

static void test_diag_udp(void) {
  int fd = diag_socket(), datagram = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof any;
  REQUIRE("a socket of sock_diag", fd >= 0);
  CHECK("bind", bind(datagram, (void *)&any, sizeof any) == 0 &&
                    getsockname(datagram, (void *)&any, &length) == 0);
  struct inet_diag_msg *m = look(fd, AF_INET, IPPROTO_UDP, ALL_STATES, datagram);
  REQUIRE("a datagram socket", m);
  CHECK("is not connected", m->idiag_state == CLOSED && m->id.idiag_sport == any.sin_port &&
                                m->id.idiag_dport == 0);
  connect(datagram, (void *)&any, sizeof any);
  send(datagram, "hello", 5, 0);
  m = look(fd, AF_INET, IPPROTO_UDP, 1 << ESTABLISHED, datagram);
  CHECK("is connected, with bytes", m && m->idiag_rqueue >= 5 && m->id.idiag_dport == any.sin_port);
  close(datagram);
  datagram = socket(AF_INET6, SOCK_DGRAM, 0);
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
  CHECK_EQ("bind of IPv6", bind(datagram, (void *)&any6, sizeof any6), 0);
  m = look(fd, AF_INET6, IPPROTO_UDP, ALL_STATES, datagram);
  CHECK("its address is ::", m && m->idiag_family == AF_INET6 && !m->id.idiag_src[0] &&
                                 !m->id.idiag_src[2] && !m->id.idiag_src[3]);
  close(datagram);
  close(fd);
}

static void test_diag_unix(void) {
  int fd = diag_socket(), server = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = sprintf(address.sun_path + 1, "virga-diag-%d", getpid());
  bind(server, (void *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length);
  CHECK_EQ("listen", listen(server, 7), 0);
  struct unix_diag_msg *m = look_unix(fd, ALL_STATES, server);
  REQUIRE("a listener", m);
  CHECK("is one", m->udiag_type == SOCK_STREAM && m->udiag_state == LISTENING);
  size_t size;
  char *name = told_attribute(sizeof *m, UNIX_DIAG_NAME, &size);
  CHECK("its name", name && size == (size_t)length + 1 && !memcmp(name, address.sun_path, size));
  struct unix_diag_rqlen *queues = told_attribute(sizeof *m, UNIX_DIAG_RQLEN, &size);
  CHECK("its queue", queues && queues->udiag_rqueue == 0 && queues->udiag_wqueue == 7);
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK_EQ("bytes", send(pair[0], "hello", 5, 0), 5);
  m = look_unix(fd, 1 << ESTABLISHED, pair[1]);
  REQUIRE("an end", m);
  uint32_t *peer = told_attribute(sizeof *m, UNIX_DIAG_PEER, &size);
  CHECK("its peer", peer && *peer == inode_of(pair[0]));
  queues = told_attribute(sizeof *m, UNIX_DIAG_RQLEN, &size);
  CHECK("five bytes", queues && queues->udiag_rqueue == 5);
  CHECK("has no name", !told_attribute(sizeof *m, UNIX_DIAG_NAME, &size));
  shutdown(pair[0], SHUT_WR);
  m = look_unix(fd, ALL_STATES, pair[0]);
  uint8_t *shut = m ? told_attribute(sizeof *m, UNIX_DIAG_SHUTDOWN, &size) : NULL;
  CHECK("shut down for sending", shut && *shut == 2);
  close(pair[0]);
  close(pair[1]);
  close(server);
  close(fd);
}

static void test_diag_refused(void) {
  int fd = diag_socket();
  struct inet_diag_req_v2 request = {.sdiag_family = AF_INET, .sdiag_protocol = 200,
                                     .idiag_states = ALL_STATES};
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
  CHECK_EQ("an unknown protocol", finish_dump(fd), -ENOENT);
  request.sdiag_protocol = IPPROTO_TCP;
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, 8);
  CHECK_EQ("a short request", finish_dump(fd), -EINVAL);
  request.sdiag_family = 12; /* AF_DECnet */
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
  CHECK_EQ("a family of which nothing is told", finish_dump(fd), -ENOENT);
  request.sdiag_family = 200;
  ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
  CHECK_EQ("a family that can't be", finish_dump(fd), -EINVAL);
  ask(fd, 99, 0, &request, sizeof request);
  CHECK_EQ("an unknown request", finish_dump(fd), -EINVAL);
  close(fd);
}

/* More than the socket's receive buffer has room for comes all the same. */
static void test_diag_many(void) {
  enum { COUNT_OF_SOCKETS = 400 };
  int fd = diag_socket(), size = 2304, sockets[COUNT_OF_SOCKETS];
  CHECK_EQ("a small buffer", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int bound = 0;
  for (int i = 0; i < COUNT_OF_SOCKETS; i++) {
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    bound += bind(sockets[i], (void *)&any, sizeof any) == 0;
  }
  CHECK_EQ("sockets", bound, COUNT_OF_SOCKETS);
  CHECK("the first", look(fd, AF_INET, IPPROTO_UDP, ALL_STATES, sockets[0]));
  CHECK("the last", look(fd, AF_INET, IPPROTO_UDP, ALL_STATES, sockets[COUNT_OF_SOCKETS - 1]));
  for (int i = 0; i < COUNT_OF_SOCKETS; i++)
    close(sockets[i]);
  close(fd);
}

#endif

static void test_library(void) {
  struct ifaddrs *all = NULL;
  REQUIRE("getifaddrs", getifaddrs(&all) == 0);
  int found = 0;
  for (struct ifaddrs *each = all; each; each = each->ifa_next)
    if (!strcmp(each->ifa_name, "lo") && each->ifa_addr && each->ifa_addr->sa_family == AF_INET) {
      struct sockaddr_in *address = (void *)each->ifa_addr, *mask = (void *)each->ifa_netmask;
      found += address->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && mask &&
               mask->sin_addr.s_addr == htonl(0xff000000) && (each->ifa_flags & IFF_LOOPBACK);
    }
  CHECK_EQ("has lo", found, 1);
  freeifaddrs(all);
  struct if_nameindex *names = if_nameindex();
  CHECK("if_nameindex", names && names[0].if_index == 1 && !strcmp(names[0].if_name, "lo"));
  if_freenameindex(names);
  char name[IF_NAMESIZE];
  CHECK("if_nametoindex", if_nametoindex("lo") == 1 && !strcmp(if_indextoname(1, name), "lo"));
  CHECK("no such name", if_nametoindex("none0") == 0 && errno == ENODEV);
}

static void test_requests(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq r = {.ifr_name = "lo"};
  CHECK("SIOCGIFFLAGS", ioctl(fd, SIOCGIFFLAGS, &r) == 0 &&
                            (r.ifr_flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK)) ==
                                (IFF_UP | IFF_RUNNING | IFF_LOOPBACK));
  CHECK("SIOCGIFNETMASK", ioctl(fd, SIOCGIFNETMASK, &r) == 0 &&
                              ((struct sockaddr_in *)&r.ifr_netmask)->sin_addr.s_addr ==
                                  htonl(0xff000000));
  CHECK("SIOCGIFDSTADDR", ioctl(fd, SIOCGIFDSTADDR, &r) == 0);
  CHECK("SIOCGIFMTU", ioctl(fd, SIOCGIFMTU, &r) == 0 && r.ifr_mtu >= 65000);
  CHECK("SIOCGIFHWADDR", ioctl(fd, SIOCGIFHWADDR, &r) == 0 &&
                             r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK);
  CHECK("SIOCGIFINDEX", ioctl(fd, SIOCGIFINDEX, &r) == 0 && r.ifr_ifindex == 1);
  CHECK("SIOCGIFNAME", ioctl(fd, SIOCGIFNAME, &r) == 0 && !strcmp(r.ifr_name, "lo"));
  CHECK("SIOCGIFMETRIC", ioctl(fd, SIOCGIFMETRIC, &r) == 0 && r.ifr_metric == 0);
  CHECK("SIOCGIFTXQLEN", ioctl(fd, SIOCGIFTXQLEN, &r) == 0 && r.ifr_qlen == 1000);
  CHECK("SIOCGIFMAP", ioctl(fd, SIOCGIFMAP, &r) == 0);
  struct {
    uint32_t command, value;
  } link = {0x0a, 7};
  struct ifreq tool = {.ifr_name = "lo", .ifr_data = (void *)&link};
  CHECK("ETHTOOL_GLINK", ioctl(fd, SIOCETHTOOL, &tool) == 0 && link.value == 1);
  link.command = 0x7fff;
  CHECK_ERR("an unknown one", ioctl(fd, SIOCETHTOOL, &tool), EOPNOTSUPP);
  struct ifreq none = {.ifr_name = "none0"};
  CHECK_ERR("no such interface", ioctl(fd, SIOCGIFFLAGS, &none), ENODEV);
  CHECK_ERR("no such index", (none.ifr_ifindex = 4711, ioctl(fd, SIOCGIFNAME, &none)), ENODEV);
  struct ifreq list[8];
  struct ifconf all = {.ifc_len = sizeof list, .ifc_req = list};
  CHECK("SIOCGIFCONF", ioctl(fd, SIOCGIFCONF, &all) == 0 &&
                           all.ifc_len >= (int)sizeof list[0] && !strcmp(list[0].ifr_name, "lo"));
  CHECK_ERR("an unknown request", ioctl(fd, 0x5499, &none), ENOTTY);
  if (on_virga) {
    r.ifr_flags = 0;
    strcpy(r.ifr_name, "lo");
    CHECK_ERR("nothing can be changed", ioctl(fd, SIOCSIFFLAGS, &r), EPERM);
  }
  close(fd);
}

/* Whether a file has a line that begins with `text`; the line is in `buffer`. */
static bool has_line(const char *path, const char *text) {
  FILE *file = fopen(path, "r");
  bool found = false;
  while (file && !found && fgets(buffer, sizeof buffer, file))
    found = !strncmp(buffer, text, strlen(text));
  if (file)
    fclose(file);
  return found;
}

static void test_files(void) {
  char name[256], line[128];
  CHECK("dev", has_line("/proc/net/dev", "    lo:"));
  CHECK("route", has_line("/proc/net/route", "Iface\tDestination\tGateway "));
  CHECK("arp", has_line("/proc/net/arp", "IP address       HW type     Flags       HW address"));
  CHECK("snmp", has_line("/proc/net/snmp", "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens"));
  CHECK("its values", has_line("/proc/net/snmp", "Tcp: 1 200 120000 -1"));
  CHECK("netstat", has_line("/proc/net/netstat", "TcpExt: SyncookiesSent"));
  CHECK("sockstat", has_line("/proc/net/sockstat", "TCP: inuse "));
  CHECK("if_inet6", has_line("/proc/net/if_inet6", "00000000000000000000000000000001 01 80 10"));
  CHECK("the process's own", has_line("/proc/self/net/dev", "    lo:"));
  CHECK("address", has_line("/sys/class/net/lo/address", "00:00:00:00:00:00\n"));
  CHECK("mtu", has_line("/sys/class/net/lo/mtu", "6"));
  CHECK("operstate", has_line("/sys/class/net/lo/operstate", "unknown\n"));
  CHECK("flags", has_line("/sys/class/net/lo/flags", "0x9\n"));
  CHECK("ifindex", has_line("/sys/class/net/lo/ifindex", "1\n"));
  CHECK("type", has_line("/sys/class/net/lo/type", "772\n"));
  CHECK("statistics", has_line("/sys/class/net/lo/statistics/rx_bytes", ""));
  int port = 0, server = listener(&port, 3);
  snprintf(line, sizeof line, "0100007F:%04X 00000000:0000 0A ", port);
  bool listed = false;
  FILE *file = fopen("/proc/net/tcp", "r");
  while (file && fgets(buffer, sizeof buffer, file)) {
    unsigned long inode = 0;
    if (strlen(buffer) == 150 && strstr(buffer, line) &&
        sscanf(buffer, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &inode) == 1) {
      char path[64], want[64];
      snprintf(path, sizeof path, "/proc/self/fd/%d", server);
      snprintf(want, sizeof want, "socket:[%lu]", inode);
      ssize_t n = readlink(path, name, sizeof name - 1);
      listed = n > 0 && (name[n] = 0, !strcmp(name, want));
    }
  }
  if (file)
    fclose(file);
  CHECK("a listener, with its inode", listed);
  close(server);
}

static const struct group groups[] = {
#if HAS_NETLINK
    {"dumps", test_dumps},     {"gets", test_gets},         {"refused", test_refused},
    {"sockets of TCP", test_diag_tcp},
    {"sockets of UDP", test_diag_udp},
    {"sockets of unix", test_diag_unix},
    {"sockets refused", test_diag_refused},
    {"many sockets", test_diag_many},
#endif
    {"library", test_library}, {"requests", test_requests}, {"files", test_files},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
