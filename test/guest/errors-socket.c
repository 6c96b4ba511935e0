/*
 * What calls on sockets refuse, and with which error: each line is one call that must fail. What
 * they do when they succeed is tested with each family.
 */
#include "errors.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static char byte, buffer[8192], large[65508];
static int stream, datagram, listener, local, local_datagram, pair[2], file, connected, accepted;
static struct sockaddr_in any = {.sin_family = AF_INET}, there;

static void test_setup(void) {
  socklen_t length = sizeof there;
  stream = socket(AF_INET, SOCK_STREAM, 0);
  datagram = socket(AF_INET, SOCK_DGRAM, 0);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  local = socket(AF_UNIX, SOCK_STREAM, 0);
  local_datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
  file = open("/dev/null", O_RDWR);
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE("a listener", bind(listener, (void *)&any, sizeof any) == 0 && listen(listener, 4) == 0 &&
                            getsockname(listener, (void *)&there, &length) == 0);
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  connected = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE("a connection", connect(connected, (void *)&there, sizeof there) == 0);
  accepted = accept(listener, NULL, NULL);
  REQUIRE("accepted", accepted >= 0 && fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
}

static void test_making(void) {
  int ends[2];
  FAILS(EAFNOSUPPORT, socket(99, SOCK_STREAM, 0));
  FAILS(EAFNOSUPPORT, socket(-1, SOCK_STREAM, 0));
  FAILS(EINVAL, socket(AF_INET, 99, 0));
  FAILS(EINVAL, socket(AF_INET, SOCK_STREAM | 0x100000, 0));
  FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  FAILS(EPROTONOSUPPORT, socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
  FAILS(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 99));
  FAILS(ESOCKTNOSUPPORT, socket(AF_UNIX, SOCK_RDM, 0));
  FAILS(EOPNOTSUPP, socketpair(AF_INET, SOCK_STREAM, 0, ends));
  FAILS(EAFNOSUPPORT, socketpair(99, SOCK_STREAM, 0, ends));
  FAILS(EFAULT, socketpair(AF_UNIX, SOCK_STREAM, 0, NOWHERE));
  FAILS(EINVAL, socketpair(AF_UNIX, SOCK_STREAM | 0x100000, 0, ends));
}

static void test_addresses(void) {
  struct sockaddr_in wrong = {.sin_family = 77}, elsewhere = any;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t length = sizeof wrong, negative = -1;
  elsewhere.sin_addr.s_addr = htonl(0xc6336401); /* 198.51.100.1, RFC 5737 */
  FAILS(EBADF, bind(CLOSED, (void *)&any, sizeof any));
  FAILS(ENOTSOCK, bind(file, (void *)&any, sizeof any));
  FAILS(EINVAL, bind(stream, (void *)&any, 1));
  FAILS(EINVAL, bind(stream, (void *)&any, 4096));
  FAILS(EAFNOSUPPORT, bind(stream, (void *)&wrong, sizeof wrong));
  FAILS(EADDRNOTAVAIL, bind(stream, (void *)&elsewhere, sizeof elsewhere));
  FAILS(EADDRINUSE, bind(stream, (void *)&there, sizeof there));
  FAILS(EFAULT, bind(stream, NOWHERE, sizeof any));
  FAILS(EINVAL, bind(listener, (void *)&any, sizeof any));
  FAILS(EINVAL, bind(local, (void *)&any, sizeof any));
  FAILS(EINVAL, bind(local, (void *)&name, sizeof name + 1));
  strcpy(name.sun_path, "/tmp/virga-none/socket");
  FAILS(ENOENT, bind(local, (void *)&name, sizeof name));
  strcpy(name.sun_path, "/tmp");
  FAILS(EADDRINUSE, bind(local, (void *)&name, sizeof name));
  FAILS(EBADF, getsockname(CLOSED, (void *)&wrong, &length));
  FAILS(ENOTSOCK, getsockname(file, (void *)&wrong, &length));
  FAILS(EFAULT, getsockname(stream, (void *)&wrong, NOWHERE));
  FAILS(EINVAL, getsockname(stream, (void *)&wrong, &negative));
  FAILS(ENOTCONN, getpeername(stream, (void *)&wrong, &length));
  FAILS(ENOTCONN, getpeername(listener, (void *)&wrong, &length));
  FAILS(ENOTCONN, getpeername(datagram, (void *)&wrong, &length));
  FAILS(ENOTCONN, getpeername(local, (void *)&wrong, &length));
  FAILS(EBADF, getpeername(CLOSED, (void *)&wrong, &length));
}

static void test_connecting(void) {
  struct sockaddr_in nobody = any;
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/virga-none"};
  struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
  int refused = socket(AF_INET, SOCK_STREAM, 0);
  nobody.sin_port = htons(1);
  FAILS(EBADF, connect(CLOSED, (void *)&there, sizeof there));
  FAILS(ENOTSOCK, connect(file, (void *)&there, sizeof there));
  FAILS(EINVAL, connect(stream, (void *)&there, 1));
  FAILS(EFAULT, connect(stream, NOWHERE, sizeof there));
  FAILS(EAFNOSUPPORT, connect(stream, (void *)&name, sizeof name));
  FAILS(ECONNREFUSED, connect(refused, (void *)&nobody, sizeof nobody));
  FAILS(EISCONN, connect(connected, (void *)&there, sizeof there));
  FAILS(EISCONN, connect(listener, (void *)&there, sizeof there));
  FAILS(ENOENT, connect(local, (void *)&name, sizeof name));
  strcpy(name.sun_path, "/tmp");
  FAILS(ECONNREFUSED, connect(local, (void *)&name, sizeof name));
  FAILS(ECONNREFUSED, connect(pair[0], (void *)&name, sizeof name));
  GIVES(0, connect(datagram, &unspecified, sizeof unspecified));
  FAILS(EBADF, listen(CLOSED, 1));
  FAILS(ENOTSOCK, listen(file, 1));
  FAILS(EOPNOTSUPP, listen(datagram, 1));
  FAILS(EINVAL, listen(connected, 1));
  FAILS(EINVAL, listen(local, 1));
  FAILS(EINVAL, listen(pair[0], 1));
  FAILS(EBADF, accept(CLOSED, NULL, NULL));
  FAILS(ENOTSOCK, accept(file, NULL, NULL));
  FAILS(EINVAL, accept(stream, NULL, NULL));
  FAILS(EINVAL, accept(connected, NULL, NULL));
  FAILS(EOPNOTSUPP, accept(datagram, NULL, NULL));
  FAILS(EOPNOTSUPP, accept(local_datagram, NULL, NULL));
  FAILS(EINVAL, accept(local, NULL, NULL));
  FAILS(EAGAIN, accept(listener, NULL, NULL));
  FAILS(EINVAL, syscall(SYS_accept4, listener, NULL, NULL, 0x100000));
  FAILS(EBADF, shutdown(CLOSED, SHUT_RD));
  FAILS(ENOTSOCK, shutdown(file, SHUT_RD));
  FAILS(EINVAL, shutdown(connected, 9));
  FAILS(ENOTCONN, shutdown(stream, SHUT_RDWR));
  FAILS(ENOTCONN, shutdown(datagram, SHUT_RD));
  GIVES(0, shutdown(local, SHUT_WR));
  close(refused);
}

static void test_sending(void) {
  int fresh = socket(AF_INET, SOCK_STREAM, 0);
  struct iovec one = {buffer, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1}, many = {.msg_iov = &one};
  struct sockaddr_in to = any, wrong = {.sin_family = 77};
  to.sin_port = htons(9);
  many.msg_iovlen = 1025;
  FAILS(EBADF, send(CLOSED, &byte, 1, 0));
  FAILS(ENOTSOCK, send(file, &byte, 1, 0));
  FAILS(EPIPE, send(fresh, &byte, 1, MSG_NOSIGNAL));
  FAILS(EPIPE, send(listener, &byte, 1, MSG_NOSIGNAL));
  FAILS(EDESTADDRREQ, send(datagram, &byte, 1, 0));
  FAILS(ENOTCONN, send(local, &byte, 1, MSG_NOSIGNAL));
  FAILS(ENOTCONN, send(local_datagram, &byte, 1, 0));
  FAILS(EFAULT, send(connected, NOWHERE, 1, 0));
  FAILS(EOPNOTSUPP, send(datagram, &byte, 1, MSG_OOB));
  FAILS(EMSGSIZE, sendto(datagram, large, sizeof large, 0, (void *)&to, sizeof to));
  FAILS(EINVAL, sendto(datagram, &byte, 1, 0, (void *)&to, 4));
  FAILS(EAFNOSUPPORT, sendto(datagram, &byte, 1, 0, (void *)&wrong, sizeof wrong));
  FAILS(EFAULT, sendto(datagram, &byte, 1, 0, NOWHERE, sizeof to));
  to.sin_port = 0;
  FAILS(EINVAL, sendto(datagram, &byte, 1, 0, (void *)&to, sizeof to));
  FAILS(EISCONN, sendto(pair[0], &byte, 1, 0, (void *)&to, sizeof to));
  FAILS(EFAULT, syscall(SYS_sendmsg, connected, NOWHERE, 0));
  FAILS(EMSGSIZE, sendmsg(connected, &many, 0));
  message.msg_control = buffer, message.msg_controllen = 1u << 31;
  FAILS(ENOBUFS, syscall(SYS_sendmsg, connected, &message, 0));
  FAILS(EBADF, syscall(SYS_sendmsg, CLOSED, &message, 0));
  FAILS(EBADF, recv(CLOSED, &byte, 1, 0));
  FAILS(ENOTSOCK, recv(file, &byte, 1, 0));
  FAILS(ENOTCONN, recv(fresh, &byte, 1, 0));
  FAILS(ENOTCONN, recv(listener, &byte, 1, 0));
  FAILS(EINVAL, recv(local, &byte, 1, 0));
  FAILS(EAGAIN, recv(connected, &byte, 1, MSG_DONTWAIT));
  FAILS(EAGAIN, recv(datagram, &byte, 1, MSG_DONTWAIT));
  FAILS(EAGAIN, recv(pair[0], &byte, 1, MSG_DONTWAIT));
  FAILS(EAGAIN, recv(local_datagram, &byte, 1, MSG_DONTWAIT));
  FAILS(EINVAL, recv(connected, &byte, 1, MSG_OOB));
  FAILS(EAGAIN, recv(connected, &byte, 1, MSG_ERRQUEUE));
  FAILS(EFAULT, syscall(SYS_recvmsg, connected, NOWHERE, 0));
  FAILS(EMSGSIZE, recvmsg(connected, &many, 0));
  FAILS(EBADF, syscall(SYS_recvmmsg, CLOSED, &message, 1, 0, NULL));
  FAILS(EINVAL, syscall(SYS_recvmmsg, datagram, &message, 1, 0, &(struct timespec){0, -1}));
  FAILS(EBADF, syscall(SYS_sendmmsg, CLOSED, &message, 1, 0));
  close(fresh);
}

static int get(int socket, int level, int name, void *value, int length) {
  socklen_t size = length;
  return getsockopt(socket, level, name, value, &size);
}

static void test_options(void) {
  int value = 1;
  FAILS(EBADF, setsockopt(CLOSED, SOL_SOCKET, SO_REUSEADDR, &value, 4));
  FAILS(ENOTSOCK, setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &value, 4));
  FAILS(EINVAL, setsockopt(stream, SOL_SOCKET, SO_REUSEADDR, &value, 3));
  FAILS(EFAULT, setsockopt(stream, SOL_SOCKET, SO_REUSEADDR, NOWHERE, 4));
  FAILS(EINVAL, setsockopt(stream, SOL_SOCKET, SO_REUSEADDR, &value, -1));
  FAILS(ENOPROTOOPT, setsockopt(stream, SOL_SOCKET, 9999, &value, 4));
  FAILS(ENOPROTOOPT, setsockopt(stream, SOL_SOCKET, SO_ERROR, &value, 4));
  FAILS(ENOPROTOOPT, setsockopt(stream, SOL_SOCKET, SO_TYPE, &value, 4));
  FAILS(EDOM, setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 1000000}, 16));
  FAILS(EINVAL, setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &value, 4));
  FAILS(EINVAL, setsockopt(stream, SOL_SOCKET, SO_LINGER, &value, 4));
  FAILS(ENOPROTOOPT, setsockopt(stream, IPPROTO_TCP, 9999, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, 2));
  FAILS(EFAULT, setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, NOWHERE, 4));
  value = 0;
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPINTVL, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPCNT, &value, 4));
  value = 40000;
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPIDLE, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPINTVL, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_KEEPCNT, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_MAXSEG, &value, 4));
  value = -1;
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, 4));
  FAILS(EINVAL, setsockopt(stream, IPPROTO_TCP, TCP_LINGER2, &value, 2));
  FAILS(ENOENT, setsockopt(stream, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7));
  FAILS(ENOPROTOOPT, setsockopt(datagram, IPPROTO_TCP, TCP_NODELAY, &value, 4));
  FAILS(ENOPROTOOPT, setsockopt(stream, IPPROTO_IP, 9999, &value, 4));
  value = 300;
  FAILS(EINVAL, setsockopt(stream, IPPROTO_IP, IP_TTL, &value, 4));
  FAILS(EINVAL, setsockopt(datagram, IPPROTO_IP, IP_MULTICAST_TTL, &value, 4));
  FAILS(EOPNOTSUPP, setsockopt(local, IPPROTO_TCP, TCP_NODELAY, &value, 4));
  FAILS(EBADF, get(CLOSED, SOL_SOCKET, SO_TYPE, &value, 4));
  FAILS(ENOTSOCK, get(file, SOL_SOCKET, SO_TYPE, &value, 4));
  FAILS(EINVAL, get(stream, SOL_SOCKET, SO_TYPE, &value, -1));
  FAILS(EFAULT, get(stream, SOL_SOCKET, SO_TYPE, NOWHERE, 4));
  FAILS(EFAULT, getsockopt(stream, SOL_SOCKET, SO_TYPE, &value, NOWHERE));
  FAILS(ENOPROTOOPT, get(stream, SOL_SOCKET, 9999, &value, 4));
  FAILS(ENOPROTOOPT, get(stream, IPPROTO_TCP, 9999, &value, 4));
  FAILS(ENOPROTOOPT, get(stream, IPPROTO_IP, 9999, &value, 4));
  FAILS(EOPNOTSUPP, get(local, IPPROTO_TCP, TCP_NODELAY, &value, 4));
  FAILS(EFAULT, ioctl(stream, FIONREAD, NOWHERE));
  FAILS(EINVAL, ioctl(listener, FIONREAD, &value));
}

static const struct group groups[] = {
    {"setup", test_setup},           {"making", test_making},   {"addresses", test_addresses},
    {"connecting", test_connecting}, {"sending", test_sending}, {"options", test_options},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
