/*
 * Raw, ping and packet sockets over the loopback, and filters (classic BPF). On a Linux host most
 * of it needs CAP_NET_RAW; without, only that it is refused is checked.
 */
#include "net.h"
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Of linux/if_packet.h, linux/filter.h and linux/icmp.h, which do not come with musl. */
enum { PACKET_ALL = 3, LEVEL_PACKET = 263, LEVEL_RAW = 255, ICMP_FILTER_OPTION = 1 };
enum { ATTACH_FILTER = 26, DETACH_FILTER = 27, RX_RING = 5, STATISTICS = 6, INDEX_OF_NAME = 0x8933 };
struct link_address {
  uint16_t family, protocol;
  int32_t index;
  uint16_t type;
  uint8_t kind, length, address[8];
};
struct instruction {
  uint16_t code;
  uint8_t jt, jf;
  uint32_t k;
};
struct program {
  uint16_t count;
  const struct instruction *instructions;
};
struct echo {
  uint8_t type, code;
  uint16_t checksum, identifier, sequence;
  char data[8];
};
enum { ECHO_REPLY = 0, ECHO_REQUEST = 8 };

static uint16_t checksum(const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < size; i += 2)
    sum += bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return htons(~sum);
}

static bool readable(int fd, int timeout) {
  struct pollfd set = {fd, POLLIN, 0};
  return poll(&set, 1, timeout) == 1;
}

/* A raw socket, or -1: who runs this may not have one, and that is all there is to check. */
static int raw_socket(int protocol) {
  int fd = socket(AF_INET, SOCK_RAW, protocol);
  if (fd < 0)
    CHECK_ERR("no raw socket without the right", socket(AF_INET, SOCK_RAW, protocol), EPERM);
  return fd;
}

static ssize_t send_echo(int fd, int identifier, int sequence) {
  struct sockaddr_in to = loopback(0);
  struct echo request = {ECHO_REQUEST, 0, 0, htons(identifier), htons(sequence), "abcdefg"};
  request.checksum = checksum(&request, sizeof request);
  return sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&to, sizeof to);
}

static void test_ping(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  if (fd < 0) {
    CHECK_ERR("no ping socket for this group", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EACCES);
    return;
  }
  struct echo reply = {0};
  CHECK_EQ("a request", send_echo(fd, 1, 7), (ssize_t)sizeof reply);
  CHECK("is answered", readable(fd, 5000));
  struct sockaddr_in from, own;
  socklen_t length = sizeof from;
  ssize_t n = recvfrom(fd, &reply, sizeof reply, 0, (struct sockaddr *)&from, &length);
  CHECK_EQ("without an IP header", n, (ssize_t)sizeof reply);
  CHECK("by a reply", reply.type == ECHO_REPLY && !memcmp(reply.data, "abcdefg", 8));
  CHECK_EQ("of that number", ntohs(reply.sequence), 7);
  CHECK("from there", from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  length = sizeof own;
  REQUIRE("its own name", getsockname(fd, (struct sockaddr *)&own, &length) == 0);
  CHECK_EQ("the identifier is the socket's", reply.identifier, own.sin_port);
  struct sockaddr_in to = loopback(0);
  struct echo wrong = {ECHO_REPLY, 0, 0, 0, 0, ""};
  CHECK_ERR("only requests go out",
            sendto(fd, &wrong, sizeof wrong, 0, (struct sockaddr *)&to, sizeof to), EINVAL);
  CHECK_ERR("whole ones", sendto(fd, &wrong, 4, 0, (struct sockaddr *)&to, sizeof to), EINVAL);
  CHECK("nothing more comes", !readable(fd, 0));
  close(fd);
}

static void test_echo(void) {
  struct {
    uint8_t header[20];
    struct echo message;
  } packet;
  int fd = raw_socket(IPPROTO_ICMP);
  if (fd < 0)
    return;
  uint32_t filter = ~(1u << ECHO_REPLY);
  CHECK_EQ("ICMP_FILTER",
           setsockopt(fd, LEVEL_RAW, ICMP_FILTER_OPTION, &filter, sizeof filter), 0);
  CHECK_EQ("a request", send_echo(fd, 4660, 3), (ssize_t)sizeof packet.message);
  CHECK("is answered", readable(fd, 5000));
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  ssize_t n = recvfrom(fd, &packet, sizeof packet, 0, (struct sockaddr *)&from, &length);
  CHECK_EQ("with its IP header", n, (ssize_t)sizeof packet);
  CHECK("of version 4", packet.header[0] == 0x45);
  CHECK_EQ("of ICMP", packet.header[9], IPPROTO_ICMP);
  CHECK_EQ("of that length", packet.header[2] << 8 | packet.header[3], (int)sizeof packet);
  CHECK("whose sum is right", checksum(packet.header, 20) == 0);
  CHECK("a reply, the request is filtered", packet.message.type == ECHO_REPLY &&
                                                ntohs(packet.message.identifier) == 4660);
  CHECK_EQ("no port", from.sin_port, 0);
  CHECK("once", !readable(fd, 0));
  close(fd);
}

static void test_header_included(void) {
  struct {
    uint8_t header[20];
    char data[4];
  } out = {{0x45, 0x10, 0, 0, 0, 0, 0, 0, 33, 253}, "data"}, in;
  int receiver = raw_socket(253);
  if (receiver < 0)
    return;
  int sender = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  CHECK_EQ("IPPROTO_RAW has IP_HDRINCL", get_option(sender, IPPROTO_IP, IP_HDRINCL), 1);
  struct sockaddr_in to = loopback(0);
  memcpy(out.header + 16, &to.sin_addr, 4);
  CHECK_EQ("a packet of one's own",
           sendto(sender, &out, sizeof out, 0, (struct sockaddr *)&to, sizeof to),
           (ssize_t)sizeof out);
  CHECK("arrives", readable(receiver, 5000));
  CHECK_EQ("whole", recv(receiver, &in, sizeof in, 0), (ssize_t)sizeof in);
  CHECK("with what it said", in.header[1] == 0x10 && in.header[8] == 33 && in.header[9] == 253 &&
                                 !memcmp(in.data, "data", 4));
  CHECK("length and sum were filled in", in.header[3] == sizeof in && checksum(in.header, 20) == 0);
  CHECK_ERR("a header cut off", sendto(sender, &out, 19, 0, (struct sockaddr *)&to, sizeof to),
            EINVAL);
  int connected = socket(AF_INET, SOCK_RAW, 253);
  CHECK_ERR("without an address", send(connected, "x", 1, 0), EDESTADDRREQ);
  CHECK_EQ("connect", connect(connected, (struct sockaddr *)&to, sizeof to), 0);
  CHECK_EQ("then send", send(connected, "four", 4, 0), 4);
  CHECK("arrives at both", readable(receiver, 5000) && readable(connected, 5000));
  CHECK_EQ("a short buffer", recv(receiver, &in, 8, MSG_TRUNC), 24);
  CHECK_EQ("a look", recv(connected, &in, sizeof in, MSG_PEEK), 24);
  CHECK("and the packet", recv(connected, &in, sizeof in, 0) == 24 && !memcmp(in.data, "four", 4));
  CHECK_ERR("nothing more", recv(connected, &in, sizeof in, MSG_DONTWAIT), EAGAIN);
  CHECK_ERR("no protocol", socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
  close(connected);
  close(receiver);
  close(sender);
}

static int attach(int fd, const struct instruction *instructions, size_t count) {
  struct program program = {(uint16_t)count, instructions};
  return setsockopt(fd, SOL_SOCKET, ATTACH_FILTER, &program, sizeof program);
}

/* A filter for UDP to a port, as a compiler of expressions makes it; and programs that are none. */
static void test_filter(void) {
  int port, other_port, fd = raw_socket(IPPROTO_UDP);
  if (fd < 0)
    return;
  int target = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE("two ports", bind_to(target, 0) == 0 && bind_to(other, 0) == 0);
  port = port_of(target);
  other_port = port_of(other);
  /* ldx 4*([0]&0xf); ldh [x+2]; jeq #port, keep 24, drop */
  const struct instruction to_port[] = {
      {0xb1, 0, 0, 0}, {0x48, 0, 0, 2}, {0x15, 0, 1, (uint32_t)port}, {0x06, 0, 0, 24}, {0x06, 0, 0, 0}};
  CHECK_EQ("a filter", attach(fd, to_port, COUNT(to_port)), 0);
  struct sockaddr_in to = loopback(other_port);
  sendto(other, "other", 5, 0, (struct sockaddr *)&to, sizeof to);
  to = loopback(port);
  sendto(other, "wanted", 6, 0, (struct sockaddr *)&to, sizeof to);
  char packet[64];
  CHECK("what it wants", readable(fd, 5000));
  CHECK_EQ("as much as it keeps", recv(fd, packet, sizeof packet, 0), 24);
  CHECK_EQ("of that port", (uint8_t)packet[22] << 8 | (uint8_t)packet[23], port);
  CHECK_ERR("and nothing else", recv(fd, packet, sizeof packet, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("take it off", setsockopt(fd, SOL_SOCKET, DETACH_FILTER, &port, sizeof port), 0);
  CHECK_ERR("once", setsockopt(fd, SOL_SOCKET, DETACH_FILTER, &port, sizeof port), ENOENT);
  const struct instruction no_end[] = {{0x28, 0, 0, 12}};
  const struct instruction jump_out[] = {{0x15, 5, 0, 1}, {0x06, 0, 0, 1}};
  const struct instruction by_zero[] = {{0x34, 0, 0, 0}, {0x06, 0, 0, 1}};
  const struct instruction no_memory[] = {{0x02, 0, 0, 16}, {0x06, 0, 0, 1}};
  const struct instruction unknown[] = {{0xff, 0, 0, 0}, {0x06, 0, 0, 1}};
  CHECK_ERR("no end", attach(fd, no_end, 1), EINVAL);
  CHECK_ERR("a jump out of it", attach(fd, jump_out, 2), EINVAL);
  CHECK_ERR("a division by zero", attach(fd, by_zero, 2), EINVAL);
  CHECK_ERR("memory it has not", attach(fd, no_memory, 2), EINVAL);
  CHECK_ERR("an unknown instruction", attach(fd, unknown, 2), EINVAL);
  CHECK_ERR("nothing", attach(fd, unknown, 0), EINVAL);
  close(target);
  close(other);
  close(fd);
}

static int loopback_index(int fd) {
  struct {
    char name[16];
    int index;
    char rest[20];
  } request = {"lo", 0, ""};
  return ioctl(fd, INDEX_OF_NAME, &request) == 0 ? request.index : -1;
}

static void test_frames(void) {
  int port, fd = socket(AF_PACKET, SOCK_RAW, htons(PACKET_ALL));
  if (fd < 0) {
    CHECK_ERR("no packet socket without the right", socket(AF_PACKET, SOCK_RAW, 0), EPERM);
    return;
  }
  int target = socket(AF_INET, SOCK_DGRAM, 0), bare = socket(AF_PACKET, SOCK_DGRAM, htons(0x800));
  REQUIRE("a port", bind_to(target, 0) == 0);
  port = port_of(target);
  struct link_address lo = {AF_PACKET, htons(PACKET_ALL), loopback_index(fd), 0, 0, 0, ""}, from;
  CHECK_EQ("bind to the loopback", bind(fd, (struct sockaddr *)&lo, sizeof lo), 0);
  lo.protocol = htons(0x800);
  CHECK_EQ("the other", bind(bare, (struct sockaddr *)&lo, sizeof lo), 0);
  /* Frames of this port alone: ldh [36]; jeq #port */
  const struct instruction to_port[] = {
      {0x28, 0, 0, 36}, {0x15, 0, 1, (uint32_t)port}, {0x06, 0, 0, 65535}, {0x06, 0, 0, 0}};
  CHECK_EQ("a filter", attach(fd, to_port, COUNT(to_port)), 0);
  /* ldh [22]; jeq #port: the same without the Ethernet header */
  const struct instruction to_bare_port[] = {
      {0x28, 0, 0, 22}, {0x15, 0, 1, (uint32_t)port}, {0x06, 0, 0, 65535}, {0x06, 0, 0, 0}};
  CHECK_EQ("a filter", attach(bare, to_bare_port, COUNT(to_bare_port)), 0);
  struct sockaddr_in to = loopback(port);
  sendto(target, "frame", 5, 0, (struct sockaddr *)&to, sizeof to);
  uint8_t frame[128];
  socklen_t length = sizeof from;
  for (int kind = 4; kind >= 0; kind -= 4) {
    CHECK("a frame", readable(fd, 5000));
    ssize_t n = recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &length);
    CHECK_EQ("of 14, 20, 8 and 5 bytes", n, 47);
    CHECK_EQ("first out, then in", from.kind, kind);
  }
  CHECK("of IPv4", frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45);
  CHECK("with its data", !memcmp(frame + 42, "frame", 5));
  CHECK("of that interface", from.family == AF_PACKET && from.index == lo.index &&
                                 from.protocol == htons(0x800) && from.length == 6 && length == 20);
  CHECK("in alone, for one protocol", readable(bare, 5000));
  CHECK_EQ("without the Ethernet header", recv(bare, frame, sizeof frame, 0), 33);
  CHECK_ERR("once", recv(bare, frame, sizeof frame, MSG_DONTWAIT), EAGAIN);
  unsigned counts[2] = {9, 9};
  length = sizeof counts;
  CHECK("PACKET_STATISTICS", getsockopt(bare, LEVEL_PACKET, STATISTICS, counts, &length) == 0 &&
                                 counts[0] == 1 && counts[1] == 0);
  lo.index = 4711;
  CHECK_ERR("no such interface", bind(fd, (struct sockaddr *)&lo, sizeof lo), ENODEV);
  CHECK_ERR("a short address", bind(fd, (struct sockaddr *)&lo, 12), EINVAL);
  if (on_virga)
    CHECK_ERR("no ring", set_option(fd, LEVEL_PACKET, RX_RING, 0), ENOPROTOOPT);
  close(target);
  close(bare);
  close(fd);
}

static const struct group groups[] = {
    {"ping", test_ping},     {"echo", test_echo},     {"header-included", test_header_included},
    {"filter", test_filter}, {"frames", test_frames},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
