/*
 * Helpers of the socket programs: loopback addresses, a listener on a free port, connected pairs,
 * whole reads and writes.
 */
#ifndef NET_H
#define NET_H

#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static UNUSED struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static UNUSED int bind_to(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static UNUSED int connect_to(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static UNUSED int port_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
    return -1;
  return ntohs(address.sin_port);
}

/* A listening TCP socket on a port the kernel chose; its port is in *port. */
static UNUSED int listener(int *port, int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind_to(fd, 0) != 0 || listen(fd, backlog) != 0)
    return -1;
  *port = port_of(fd);
  return fd;
}

/* Two ends of one TCP connection over loopback. */
static UNUSED bool tcp_pair(int pair[2]) {
  int port, fd = listener(&port, 1);
  if (fd < 0)
    return false;
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  bool connected = connect_to(pair[0], port) == 0;
  pair[1] = connected ? accept(fd, NULL, NULL) : -1;
  close(fd);
  return pair[1] >= 0;
}

static UNUSED bool write_all(int fd, const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = write(fd, (const char *)data + done, size - done);
    if (n <= 0)
      return false;
    done += n;
  }
  return true;
}

/* Reads until `size` bytes or the end; the number of bytes. */
static UNUSED ssize_t read_all(int fd, void *data, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, (char *)data + done, size - done);
    if (n <= 0)
      break;
    done += n;
  }
  return done;
}

static UNUSED int get_option(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

static UNUSED int set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

/* Keeps messages that begin with 'k' at `offset`, and of those `kept` bytes. */
struct filter_program {
  struct {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
  } code[4];
  struct {
    uint16_t count;
    void *code;
  } program;
};

static UNUSED int attach_filter(int fd, unsigned offset, unsigned kept) {
  struct filter_program f = {
      .code = {{0x30, 0, 0, offset}, {0x15, 0, 1, 'k'}, {0x06, 0, 0, kept}, {0x06, 0, 0, 0}}};
  f.program.count = 4;
  f.program.code = f.code;
  return setsockopt(fd, SOL_SOCKET, 26 /* SO_ATTACH_FILTER */, &f.program, sizeof f.program);
}

#endif
