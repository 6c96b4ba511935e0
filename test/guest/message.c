/*
 * sendmsg, recvmsg and their kin: vectors, control data both ways, what is cut off and says so,
 * several messages in one call.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/time.h>

static int a, b;
static struct sockaddr_in to_b;

static int bound(struct sockaddr_in *address) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET};
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (void *)address, sizeof *address) || getsockname(fd, (void *)address, &length))
    return -1;
  return fd;
}

static void test_setup(void) {
  struct sockaddr_in to_a;
  a = bound(&to_a);
  b = bound(&to_b);
  struct timeval soon = {2, 0};
  REQUIRE("two sockets", a >= 0 && b >= 0 &&
                             setsockopt(b, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
}

union control {
  struct cmsghdr align;
  char bytes[256];
};

/* The payload of the control message of that level and type, or NULL. */
static void *told(struct msghdr *message, int level, int type) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
    if (c->cmsg_level == level && c->cmsg_type == type)
      return CMSG_DATA(c);
  return NULL;
}

static int told_int(struct msghdr *message, int level, int type) {
  int value;
  void *data = told(message, level, type);
  if (!data)
    return -1;
  memcpy(&value, data, sizeof value);
  return value;
}

/* Puts a control message behind what is there. */
static void tell(struct msghdr *message, int level, int type, const void *data, int size) {
  struct cmsghdr *c = (void *)((char *)message->msg_control + message->msg_controllen);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(c), data, size);
  message->msg_controllen += CMSG_SPACE(size);
}

static ssize_t receive(struct msghdr *message, union control *control, char *buffer, size_t size) {
  static struct iovec vector;
  vector = (struct iovec){buffer, size};
  *message = (struct msghdr){.msg_iov = &vector, .msg_iovlen = 1};
  message->msg_control = control;
  message->msg_controllen = sizeof *control;
  return recvmsg(b, message, 0);
}

static void test_control_out(void) {
  union control control = {0}, got;
  char buffer[16];
  int ttl = 44, tos = 0x20, on = 1;
  struct iovec one = {"abc", 3};
  struct msghdr message = {.msg_name = &to_b, .msg_namelen = sizeof to_b, .msg_iov = &one};
  struct msghdr answer;
  setsockopt(b, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
  setsockopt(b, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  setsockopt(b, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  message.msg_iovlen = 1;
  message.msg_control = &control;
  tell(&message, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  tell(&message, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
  CHECK_EQ("a time to live and a type of service of one's own", sendmsg(a, &message, 0), 3);
  REQUIRE("arrives", receive(&answer, &got, buffer, sizeof buffer) == 3);
  CHECK_EQ("with the time to live", told_int(&answer, IPPROTO_IP, IP_TTL), 44);
  unsigned char *service = told(&answer, IPPROTO_IP, IP_TOS);
  CHECK("with the type of service", service && *service == 0x20);
  struct in_pktinfo *info = told(&answer, IPPROTO_IP, IP_PKTINFO);
  CHECK("with where it came to", info && info->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) &&
                                     info->ipi_ifindex > 0);
  sendto(a, "d", 1, 0, (void *)&to_b, sizeof to_b);
  receive(&answer, &got, buffer, sizeof buffer);
  CHECK_EQ("the next has what the socket says", told_int(&answer, IPPROTO_IP, IP_TTL), 64);
  unsigned char byte = 0x40;
  message.msg_controllen = 0;
  tell(&message, IPPROTO_IP, IP_TOS, &byte, 1);
  sendmsg(a, &message, 0);
  receive(&answer, &got, buffer, sizeof buffer);
  service = told(&answer, IPPROTO_IP, IP_TOS);
  CHECK("a type of service of one byte", service && *service == 0x40);
  struct in_pktinfo from = {0};
  from.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1);
  message.msg_controllen = 0;
  tell(&message, IPPROTO_IP, IP_PKTINFO, &from, sizeof from);
  struct sockaddr_in source = {0};
  int any = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_EQ("a source of one's own", sendmsg(any, &message, 0), 3);
  socklen_t length = sizeof source;
  CHECK("is the source", recvfrom(b, buffer, 16, 0, (void *)&source, &length) == 3 &&
                             source.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 1));
  close(any);
}

static void test_control_errors(void) {
  union control control = {0};
  struct iovec one = {"abc", 3};
  struct msghdr message = {.msg_name = &to_b, .msg_namelen = sizeof to_b, .msg_iov = &one};
  int value = 0;
  message.msg_iovlen = 1;
  message.msg_control = &control;
#define REFUSED(title, level, type, v, size)                                                       \
  value = v, message.msg_controllen = 0;                                                           \
  tell(&message, level, type, &value, size);                                                       \
  CHECK_ERR(title, sendmsg(a, &message, 0), EINVAL)
  REFUSED("a time to live of 0", IPPROTO_IP, IP_TTL, 0, 4);
  REFUSED("of 256", IPPROTO_IP, IP_TTL, 256, 4);
  REFUSED("of two bytes", IPPROTO_IP, IP_TTL, 1, 2);
  REFUSED("a type of service of 256", IPPROTO_IP, IP_TOS, 256, 4);
  REFUSED("an unknown type", IPPROTO_IP, 99, 1, 4);
  REFUSED("half an address", IPPROTO_IP, IP_PKTINFO, 1, 4);
  value = 1, message.msg_controllen = 0;
  tell(&message, IPPROTO_IP, IP_TTL, &value, 4);
  control.align.cmsg_len = 8;
  CHECK_ERR("one shorter than its head", sendmsg(a, &message, 0), EINVAL);
  control.align.cmsg_len = 100;
  CHECK_ERR("one longer than all", sendmsg(a, &message, 0), EINVAL);
  message.msg_controllen = 0;
  tell(&message, 999, 1, &value, 4);
  CHECK_EQ("one of another level is passed over", sendmsg(a, &message, 0), 3);
  char byte[4];
  CHECK_EQ("and arrives", recv(b, byte, 4, 0), 3);
}

/* What does not fit is cut, and the flags say so. */
static void test_cut(void) {
  union control control;
  char buffer[16], small[2];
  struct iovec into = {small, 2};
  struct sockaddr_in source;
  struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1};
  int on = 1;
  setsockopt(b, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
  setsockopt(b, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  sendto(a, "hello", 5, 0, (void *)&to_b, sizeof to_b);
  CHECK_EQ("a datagram into less", recvmsg(b, &message, 0), 2);
  CHECK_EQ("says so", message.msg_flags & (MSG_TRUNC | MSG_CTRUNC), MSG_TRUNC | MSG_CTRUNC);
  sendto(a, "hello", 5, 0, (void *)&to_b, sizeof to_b);
  CHECK_EQ("MSG_TRUNC tells the whole length", recvmsg(b, &message, MSG_TRUNC), 5);
  sendto(a, "hello", 5, 0, (void *)&to_b, sizeof to_b);
  into = (struct iovec){buffer, 16};
  message.msg_control = &control, message.msg_controllen = CMSG_SPACE(4);
  message.msg_name = &source, message.msg_namelen = 4;
  memset(&source, 0x55, sizeof source);
  CHECK_EQ("control data into less", recvmsg(b, &message, 0), 5);
  CHECK_EQ("what fits is there, the rest is told", message.msg_flags & (MSG_TRUNC | MSG_CTRUNC),
           MSG_CTRUNC);
  CHECK("the first of them", message.msg_controllen >= CMSG_LEN(4) &&
                                 control.align.cmsg_level == IPPROTO_IP);
  CHECK("an address into less: its whole length is told", message.msg_namelen == sizeof source &&
                                                              source.sin_family == AF_INET &&
                                                              source.sin_addr.s_addr == 0x55555555);
  on = 0;
  setsockopt(b, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
  setsockopt(b, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
  setsockopt(b, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  sendto(a, "x", 1, 0, (void *)&to_b, sizeof to_b);
  message.msg_controllen = sizeof control;
  CHECK("turned off, nothing is told", recvmsg(b, &message, 0) == 1 &&
                                           message.msg_controllen == 0 && message.msg_flags == 0);
}

static void test_vectors(void) {
  char x[4] = "", y[4] = "", z[8] = "";
  struct iovec out[4] = {{"ab", 2}, {NULL, 0}, {"cde", 3}, {"f", 1}};
  struct iovec in[3] = {{x, 1}, {y, 3}, {z, 8}};
  struct msghdr send = {.msg_name = &to_b, .msg_namelen = sizeof to_b, .msg_iov = out};
  struct msghdr receive = {.msg_iov = in, .msg_iovlen = 3};
  send.msg_iovlen = 4;
  CHECK_EQ("gathered", sendmsg(a, &send, 0), 6);
  CHECK_EQ("scattered", recvmsg(b, &receive, 0), 6);
  CHECK("each in its place", x[0] == 'a' && !memcmp(y, "bcd", 3) && !memcmp(z, "ef", 2));
  send.msg_iovlen = 0;
  CHECK_EQ("an empty datagram", sendmsg(a, &send, 0), 0);
  CHECK_EQ("arrives", recv(b, z, 8, 0), 0);
}

static void test_many(void) {
  char buffers[4][8] = {{0}};
  struct iovec out[4], in[4];
  struct mmsghdr send[4] = {0}, receive[4] = {0};
  struct sockaddr_in sources[4];
  struct timespec second = {1, 0}, soon = {0, 20000000};
  for (int i = 0; i < 4; i++) {
    out[i] = (struct iovec){"0123", i + 1};
    send[i].msg_hdr = (struct msghdr){.msg_name = &to_b, .msg_namelen = sizeof to_b};
    send[i].msg_hdr.msg_iov = &out[i], send[i].msg_hdr.msg_iovlen = 1;
    in[i] = (struct iovec){buffers[i], 8};
    receive[i].msg_hdr.msg_iov = &in[i], receive[i].msg_hdr.msg_iovlen = 1;
    receive[i].msg_hdr.msg_name = &sources[i];
    receive[i].msg_hdr.msg_namelen = sizeof sources[i];
  }
  CHECK_EQ("sendmmsg", syscall(SYS_sendmmsg, a, send, 4, 0), 4);
  CHECK("tells each length", send[0].msg_len == 1 && send[3].msg_len == 4);
  CHECK_EQ("recvmmsg", syscall(SYS_recvmmsg, b, receive, 4, 0, &second), 4);
  CHECK("tells each length, too", receive[0].msg_len == 1 && receive[3].msg_len == 4 &&
                                      buffers[3][3] == '3');
  CHECK("and each source", receive[2].msg_hdr.msg_namelen == sizeof sources[2] &&
                               sources[2].sin_family == AF_INET);
  syscall(SYS_sendmmsg, a, send, 2, 0);
  CHECK_EQ("no more than there are", syscall(SYS_recvmmsg, b, receive, 4, MSG_DONTWAIT, NULL), 2);
  CHECK_ERR("none", syscall(SYS_recvmmsg, b, receive, 4, MSG_DONTWAIT, NULL), EAGAIN);
  syscall(SYS_sendmmsg, a, send, 1, 0);
  CHECK_EQ("MSG_WAITFORONE", syscall(SYS_recvmmsg, b, receive, 4, MSG_WAITFORONE, NULL), 1);
  syscall(SYS_sendmmsg, a, send, 3, 0);
  CHECK_EQ("fewer than there are", syscall(SYS_recvmmsg, b, receive, 2, 0, NULL), 2);
  CHECK_EQ("the rest", syscall(SYS_recvmmsg, b, receive, 4, MSG_DONTWAIT, &soon), 1);
  send[1].msg_hdr.msg_namelen = 3;
  CHECK_EQ("an error amid ends it", syscall(SYS_sendmmsg, a, send, 4, 0), 1);
  CHECK_EQ("what was before has been sent", recv(b, buffers[0], 8, 0), 1);
  CHECK_ERR("and nothing behind it", recv(b, buffers[0], 8, MSG_DONTWAIT), EAGAIN);
}

/* Files as control data: each arrives once, close-on-exec if asked, and none is lost. */
static void test_rights(void) {
  union control control = {0}, got = {0};
  int pair[2], ends[2];
  char byte = 0;
  struct iovec one = {"r", 1}, into = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &control};
  struct msghdr answer = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &got};
  REQUIRE("a pair, a pipe", !socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) && !pipe(ends));
  tell(&message, SOL_SOCKET, SCM_RIGHTS, ends, sizeof ends);
  CHECK_EQ("two files are sent", sendmsg(pair[0], &message, 0), 1);
  close(ends[0]);
  close(ends[1]);
  answer.msg_controllen = sizeof got;
  CHECK_EQ("and received", recvmsg(pair[1], &answer, MSG_CMSG_CLOEXEC), 1);
  int *fds = told(&answer, SOL_SOCKET, SCM_RIGHTS);
  REQUIRE("as descriptors", fds != NULL && got.align.cmsg_len == CMSG_LEN(8));
  CHECK("that work", write(fds[1], "p", 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == 'p');
  CHECK_EQ("with close-on-exec", fcntl(fds[0], F_GETFD), FD_CLOEXEC);
  ends[0] = fds[0], ends[1] = fds[1];
  sendmsg(pair[0], &(struct msghdr){.msg_iov = &one, .msg_iovlen = 1}, 0);
  answer.msg_controllen = sizeof got;
  CHECK("the next has none", recvmsg(pair[1], &answer, 0) == 1 && answer.msg_controllen == 0);
  message.msg_controllen = 0;
  tell(&message, SOL_SOCKET, SCM_RIGHTS, ends, sizeof ends);
  sendmsg(pair[0], &message, 0);
  answer.msg_controllen = CMSG_LEN(4);
  CHECK_EQ("two into room for one", recvmsg(pair[1], &answer, 0), 1);
  CHECK("one comes, the flags tell of the other", (answer.msg_flags & MSG_CTRUNC) &&
                                                      got.align.cmsg_len == CMSG_LEN(4));
  close(*(int *)CMSG_DATA(&got.align));
  sendmsg(pair[0], &message, 0);
  CHECK_EQ("read without room for any", read(pair[1], &byte, 1), 1);
  close(ends[1]);
  CHECK_EQ("those that nobody took are closed", read(ends[0], &byte, 1), 0);
  int bad = 900;
  message.msg_controllen = 0;
  tell(&message, SOL_SOCKET, SCM_RIGHTS, &bad, sizeof bad);
  CHECK_ERR("what is no descriptor", sendmsg(pair[0], &message, 0), EBADF);
  CHECK_ERR("sends nothing", recv(pair[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
  close(ends[0]);
  close(pair[0]);
  close(pair[1]);
}

static const struct group groups[] = {
    {"setup", test_setup},     {"control-out", test_control_out},
    {"control-errors", test_control_errors},
    {"cut", test_cut},         {"vectors", test_vectors},
    {"many", test_many},       {"rights", test_rights},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
