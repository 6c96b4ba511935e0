/* unix(7) sockets: names, ends that are gone, large messages, credentials and descriptors. */
#include "net.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

enum { FAMILY_SIZE = sizeof(sa_family_t) };

/* An abstract name; its size is in *size. */
static struct sockaddr_un abstract_name(const char *name, socklen_t *size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s-%d", name, getpid());
  *size = FAMILY_SIZE + 1 + length;
  return address;
}

static int bound(int type, const char *name) {
  socklen_t size;
  struct sockaddr_un address = abstract_name(name, &size);
  int fd = socket(AF_UNIX, type, 0);
  return fd >= 0 && bind(fd, (void *)&address, size) == 0 ? fd : -1;
}

static int connect_name(int fd, const char *name) {
  socklen_t size;
  struct sockaddr_un address = abstract_name(name, &size);
  return connect(fd, (void *)&address, size);
}

static void test_gone(void) {
  struct sockaddr_un address;
  int server = bound(SOCK_STREAM, "gone");
  REQUIRE("a listener", server >= 0 && listen(server, 5) == 0);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE("connect", connect_name(client, "gone") == 0);
  CHECK_EQ("its bytes", write(client, "hi", 2), 2);
  close(client);
  memset(&address, 0x55, sizeof address);
  socklen_t length = sizeof address;
  int peer = accept(server, (void *)&address, &length);
  REQUIRE("accept after the peer has closed", peer >= 0);
  CHECK_EQ("the length of no name", length, FAMILY_SIZE);
  CHECK_EQ("its family", address.sun_family, AF_UNIX);
  memset(&address, 0x55, sizeof address);
  length = sizeof address;
  CHECK("getpeername of a closed peer", getpeername(peer, (void *)&address, &length) == 0 &&
                                            length == FAMILY_SIZE && address.sun_family == AF_UNIX);
  char buffer[8];
  CHECK_EQ("what it sent is there", read(peer, buffer, 8), 2);
  CHECK_EQ("then the end", read(peer, buffer, 8), 0);
  close(peer);
  client = bound(SOCK_STREAM, "gone-client");
  REQUIRE("connect with a name", client >= 0 && connect_name(client, "gone") == 0);
  peer = accept(server, NULL, NULL);
  close(client);
  length = sizeof address;
  CHECK("a closed peer's name", getpeername(peer, (void *)&address, &length) == 0 &&
                                    !memcmp(address.sun_path + 1, "gone-client", 11));
  close(peer);
  client = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE("connect, never accepted", connect_name(client, "gone") == 0);
  close(server);
  CHECK_ERR("the listener's end resets it", read(client, buffer, 8), ECONNRESET);
  CHECK_EQ("once", read(client, buffer, 8), 0);
  close(client);
}

static void test_sizes(void) {
  enum { LARGE = 200000 };
  static unsigned char out[300000], in[300000];
  int pair[2];
  for (unsigned i = 0; i < sizeof out; i++)
    out[i] = i * 7 + (i >> 8);
  for (int type = SOCK_DGRAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_DGRAM) {
    REQUIRE("a pair", socketpair(AF_UNIX, type, 0, pair) == 0);
    int size = 0;
    socklen_t length = sizeof size;
    getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length);
    CHECK_EQ("a large message", send(pair[0], out, LARGE, 0), LARGE);
    CHECK("arrives whole", recv(pair[1], in, sizeof in, 0) == LARGE && !memcmp(in, out, LARGE));
    CHECK_EQ("the largest", send(pair[0], out, size - 32, 0), size - 32);
    CHECK("is cut where it has no room, and says so",
          recv(pair[1], in, 100000, MSG_TRUNC) == size - 32 && !memcmp(in, out, 100000));
    CHECK_ERR("one byte more", send(pair[0], out, size - 31, 0), EMSGSIZE);
    CHECK_EQ("an empty one", send(pair[0], out, 0, 0), 0);
    CHECK_EQ("arrives", recv(pair[1], in, 8, MSG_DONTWAIT), 0);
    CHECK_ERR("then nothing", recv(pair[1], in, 8, MSG_DONTWAIT), EAGAIN);
    int small = 8192;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    length = sizeof size;
    CHECK("SO_SNDBUF is doubled",
          !getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length) && size == 2 * small);
    CHECK_ERR("and bounds a message", send(pair[0], out, 2 * small, 0), EMSGSIZE);
    close(pair[0]);
    close(pair[1]);
  }
  REQUIRE("a stream", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK_EQ("nothing is sent", send(pair[0], out, 0, 0), 0);
  CHECK_ERR("and nothing comes", recv(pair[1], in, 8, MSG_DONTWAIT), EAGAIN);
  close(pair[0]);
  close(pair[1]);
}

static void test_senders(void) {
  struct sockaddr_un from;
  char byte;
  int a = bound(SOCK_DGRAM, "senders"), b = socket(AF_UNIX, SOCK_DGRAM, 0);
  REQUIRE("connect", a >= 0 && connect_name(b, "senders") == 0);
  CHECK_EQ("send without a name", send(b, "x", 1, 0), 1);
  socklen_t length = sizeof from;
  CHECK("recvfrom tells none",
        recvfrom(a, &byte, 1, 0, (void *)&from, &length) == 1 && length == 0);
  struct sockaddr_un any = {.sun_family = AF_UNIX};
  CHECK_EQ("autobind", bind(b, (void *)&any, FAMILY_SIZE), 0);
  length = sizeof from;
  CHECK("gives six bytes of an abstract name",
        getsockname(b, (void *)&from, &length) == 0 && length == FAMILY_SIZE + 6 &&
            from.sun_path[0] == 0 && strspn(from.sun_path + 1, "0123456789abcdef") >= 5);
  CHECK_EQ("a second one keeps it", bind(b, (void *)&any, FAMILY_SIZE), 0);

  send(b, "y", 1, 0);
  struct sockaddr_un got;
  length = sizeof got;
  CHECK("then the sender has it", recvfrom(a, &byte, 1, 0, (void *)&got, &length) == 1 &&
                                      length == FAMILY_SIZE + 6 &&
                                      !memcmp(got.sun_path, from.sun_path, 6));
  int c = bound(SOCK_DGRAM, "senders-c"), d = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK_EQ("connected to another", connect_name(c, "senders"), 0);
  CHECK_ERR("one hears only its peer", connect_name(d, "senders-c"), EPERM);
  close(a);
  CHECK_ERR("the peer is gone", send(b, "z", 1, 0), ECONNREFUSED);
  CHECK_ERR("and forgotten", send(b, "z", 1, 0), ENOTCONN);
  close(b);
  close(c);
  close(d);
  int pair[2];
  REQUIRE("a stream", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  send(pair[0], "x", 1, 0);
  length = sizeof from;
  CHECK("a stream's unnamed end",
        recvfrom(pair[1], &byte, 1, 0, (void *)&from, &length) == 1 && length == 0);
  close(pair[0]);
  close(pair[1]);
}

static void test_names(void) {
  int stream = bound(SOCK_STREAM, "types"), datagram = bound(SOCK_DGRAM, "types");
  CHECK("each type has its own abstract names", stream >= 0 && datagram >= 0);
  CHECK_EQ("but one socket a name", bound(SOCK_STREAM, "types"), -1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  CHECK_ERR("no such name of that type", connect_name(fd, "types"), ECONNREFUSED);
  CHECK_ERR("accept of datagrams", accept(datagram, NULL, NULL), EOPNOTSUPP);
  CHECK_ERR("accept without listen", accept(stream, NULL, NULL), EINVAL);
  CHECK_ERR("listen to datagrams", listen(datagram, 1), EOPNOTSUPP);
  CHECK_ERR("listen without a name", listen(fd, 1), EINVAL);
  struct sockaddr_un file = {.sun_family = AF_UNIX};
  strcpy(file.sun_path, scratch("names"));
  int a = socket(AF_UNIX, SOCK_DGRAM, 0);
  REQUIRE("a path", bind(a, (void *)&file, sizeof file) == 0);
  CHECK_ERR("of another type", connect(fd, (void *)&file, sizeof file), EPROTOTYPE);
  socklen_t length = sizeof file;
  CHECK("its length counts the terminator",
        getsockname(a, (void *)&file, &length) == 0 &&
            length == offsetof(struct sockaddr_un, sun_path) + strlen(file.sun_path) + 1);
  unlink(file.sun_path);
  close(stream);
  close(datagram);
  close(fd);
  close(a);
}

static void test_sequenced(void) {
  int server = bound(SOCK_SEQPACKET, "sequenced"), fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  char buffer[16];
  CHECK_ERR("recv before connect", recv(fd, buffer, 16, 0), ENOTCONN);
  CHECK_ERR("send before connect", send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
  REQUIRE("connect", listen(server, 1) == 0 && connect_name(fd, "sequenced") == 0);
  int peer = accept(server, NULL, NULL);
  struct iovec out = {"abcdef", 6}, in = {buffer, 4};
  struct msghdr send = {.msg_iov = &out, .msg_iovlen = 1}, receive = {.msg_iov = &in,
                                                                     .msg_iovlen = 1};
  CHECK_EQ("a packet", sendmsg(fd, &send, MSG_EOR), 6);
  CHECK("is cut, and says so", recvmsg(peer, &receive, 0) == 4 && (receive.msg_flags & MSG_TRUNC));
  CHECK_ERR("the rest is gone", recv(peer, buffer, 16, MSG_DONTWAIT), EAGAIN);
  CHECK_EQ("shutdown", shutdown(fd, SHUT_WR), 0);
  CHECK_EQ("is the end", recv(peer, buffer, 16, 0), 0);
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  CHECK("a listener's name is its connections'",
        getsockname(peer, (void *)&from, &length) == 0 &&
            !memcmp(from.sun_path + 1, "sequenced", 9));
  close(fd);
  close(peer);
  close(server);
}

static int set(int fd, int option, int value) {
  return setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

/* The credentials in a received message; NULL: none. */
static struct ucred *credentials(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
      return (struct ucred *)CMSG_DATA(c);
  return NULL;
}

static void test_credentials(void) {
  int pair[2];
  char byte = 'c', control[128];
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  struct ucred peer = {1, 1, 1};
  socklen_t length = sizeof peer;
  int alone = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK("SO_PEERCRED of nobody", !getsockopt(alone, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
                                     peer.pid == 0 && peer.uid == (uid_t)-1);
  close(alone);
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    REQUIRE("a pair", socketpair(AF_UNIX, type, 0, pair) == 0);
    write(pair[0], "x", 1);
    CHECK("without SO_PASSCRED there are none",
          recvmsg(pair[1], &message, 0) == 1 && message.msg_controllen == 0);
    CHECK_EQ("SO_PASSCRED", set(pair[1], SO_PASSCRED, 1), 0);
    int on = 0;
    length = sizeof on;
    CHECK("is told", !getsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, &length) && on == 1);
    write(pair[0], "x", 1);
    message.msg_controllen = sizeof control;
    CHECK_EQ("recvmsg", recvmsg(pair[1], &message, 0), 1);
    struct ucred *got = credentials(&message);
    CHECK("the sender's credentials", got && got->pid == getpid() && got->uid == getuid() &&
                                          got->gid == getgid());
    CHECK_EQ("and nothing else", message.msg_controllen, CMSG_SPACE(sizeof *got));
    message.msg_controllen = CMSG_LEN(4);
    write(pair[0], "x", 1);
    CHECK("without room for them", recvmsg(pair[1], &message, 0) == 1 &&
                                       (message.msg_flags & MSG_CTRUNC));
    memset(control, 0, sizeof control);
    message.msg_controllen = CMSG_SPACE(sizeof(struct ucred));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred claim = {getpid(), getuid(), getgid()};
    memcpy(CMSG_DATA(header), &claim, sizeof claim);
    CHECK_EQ("credentials that are sent", sendmsg(pair[0], &message, 0), 1);
    message.msg_controllen = sizeof control;
    CHECK("arrive", recvmsg(pair[1], &message, 0) == 1 && (got = credentials(&message)) &&
                        got->pid == getpid());
    header = CMSG_FIRSTHDR(&message);
    message.msg_controllen = CMSG_SPACE(sizeof(struct ucred));
    claim.pid = 4194304;
    memcpy(CMSG_DATA(header), &claim, sizeof claim);
    CHECK_ERR("of a process that there is not", sendmsg(pair[0], &message, 0), ESRCH);
    message.msg_controllen = sizeof control;
    close(pair[0]);
    close(pair[1]);
  }
  int server = bound(SOCK_DGRAM, "asks"), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  set(fd, SO_PASSCRED, 1);
  CHECK_EQ("who asks for credentials", connect_name(fd, "asks"), 0);
  struct sockaddr_un name;
  length = sizeof name;
  CHECK("has a name", !getsockname(fd, (void *)&name, &length) && length == FAMILY_SIZE + 6);
  close(fd);
  close(server);
}

/* Adds an SCM_RIGHTS message with one descriptor behind what is there. */
static void add_descriptor(struct msghdr *message, size_t at, int fd) {
  struct cmsghdr *header = (struct cmsghdr *)((char *)message->msg_control + at);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

static void test_rights(void) {
  int pair[2], first[2], second[2];
  REQUIRE("pipes", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && !pipe(first) && !pipe(second));
  union {
    char space[2 * CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {{0}};
  char byte = 'r';
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
                           .msg_controllen = sizeof control.space};
  add_descriptor(&message, 0, first[1]);
  add_descriptor(&message, CMSG_SPACE(sizeof(int)), second[1]);
  CHECK_EQ("two headers", sendmsg(pair[0], &message, 0), 1);
  memset(&control, 0, sizeof control);
  CHECK_EQ("a look ahead", recvmsg(pair[1], &message, MSG_PEEK), 1);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int got[2] = {-1, -1};
  REQUIRE("has both in one", header && header->cmsg_type == SCM_RIGHTS &&
                                 header->cmsg_len == CMSG_LEN(sizeof got));
  memcpy(got, CMSG_DATA(header), sizeof got);
  CHECK("copies of them", write(got[1], "1", 1) == 1 && read(second[0], &byte, 1) == 1);
  close(got[0]);
  close(got[1]);
  message.msg_controllen = sizeof control.space;
  CHECK_EQ("then the message", recvmsg(pair[1], &message, 0), 1);
  header = CMSG_FIRSTHDR(&message);
  REQUIRE("has them again", header && header->cmsg_len == CMSG_LEN(sizeof got));
  memcpy(got, CMSG_DATA(header), sizeof got);
  CHECK("in order", write(got[0], "0", 1) == 1 && read(first[0], &byte, 1) == 1 && byte == '0');
  close(got[0]);
  close(got[1]);
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  add_descriptor(&message, 0, 12345);
  CHECK_ERR("a bad descriptor", sendmsg(pair[0], &message, 0), EBADF);
  add_descriptor(&message, 0, first[1]);
  CHECK_EQ("one more", sendmsg(pair[0], &message, 0), 1);
  message.msg_control = NULL;
  message.msg_controllen = 0;
  CHECK("without room for it", recvmsg(pair[1], &message, 0) == 1 &&
                                   (message.msg_flags & MSG_CTRUNC));
  close(first[1]);
  close(second[1]);
  CHECK("nobody holds them any more", read(first[0], &byte, 1) == 0 && !read(second[0], &byte, 1));
  close(first[0]);
  close(second[0]);
  close(pair[0]);
  close(pair[1]);
}

static void *connect_late(void *name) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  long result = connect_name(fd, name) == 0 ? 0 : errno;
  close(fd);
  return (void *)result;
}

/* Connects until the listener's queue is full; how many did, at most `most`. */
static int fill(int *fds, int most, const char *name) {
  int count = 0;
  while (count < most) {
    fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect_name(fds[count], name) != 0)
      break;
    count++;
  }
  return count;
}

static void test_backlog(void) {
  int fds[8], server = bound(SOCK_STREAM, "backlog");
  REQUIRE("listen", listen(server, 1) == 0);
  CHECK_EQ("two fit", fill(fds, 8, "backlog"), 2);
  CHECK_ERR("a third would wait", connect_name(fds[2], "backlog"), EAGAIN);
  pthread_t thread;
  pthread_create(&thread, NULL, connect_late, "backlog");
  sleep_ms(20);
  int peer = accept(server, NULL, NULL);
  void *result = (void *)-1;
  pthread_join(thread, &result);
  CHECK_EQ("who waits gets the place", (long)result, 0);
  close(peer);
  pthread_create(&thread, NULL, connect_late, "backlog");
  sleep_ms(20);
  close(server);
  pthread_join(thread, &result);
  CHECK_EQ("or hears that the listener is gone", (long)result, ECONNREFUSED);
  for (int i = 0; i < 3; i++)
    close(fds[i]);
}

static void *send_late(void *fd) { return (void *)(long)send(*(int *)fd, "late", 4, 0); }

static void test_waiting(void) {
  struct timeval timeout = {0, 20000};
  int pair[2];
  char buffer[8];
  static char large[100000];
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  CHECK_ERR("SO_RCVTIMEO", recv(pair[0], buffer, 8, 0), EAGAIN);
  int sent = 0;
  while (send(pair[0], large, sizeof large, MSG_DONTWAIT) > 0)
    sent++;
  CHECK("the buffer fills", sent >= 1 && sent < 100);
  CHECK_ERR("SO_SNDTIMEO", send(pair[0], large, sizeof large, 0), EAGAIN);
  struct pollfd set = {pair[0], POLLOUT, 0};
  for (int i = 0; i < sent; i++)
    recv(pair[1], buffer, 8, 0);
  CHECK("room again", poll(&set, 1, 5000) == 1 && (set.revents & POLLOUT));
  close(pair[0]);
  close(pair[1]);
  int server = bound(SOCK_DGRAM, "waiting"), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  connect_name(fd, "waiting");
  while (send(fd, large, sizeof large, MSG_DONTWAIT) > 0)
    ;
  while (send(fd, "x", 1, MSG_DONTWAIT) > 0)
    ;
  pthread_t thread;
  void *result = NULL;
  pthread_create(&thread, NULL, send_late, &fd);
  sleep_ms(20);
  close(server);
  pthread_join(thread, &result);
  CHECK_EQ("a sender that waits hears of the receiver's end", (long)result, -1);
  close(fd);
}

static void *shut_down(void *argument) {
  usleep(20000);
  return (void *)(long)shutdown((int)(long)argument, SHUT_RDWR);
}

/* shutdown of sockets that are not connected: a listener, and one that is nothing yet. */
static void test_shutdown(void) {
  pthread_t thread;
  char byte;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ("of a new socket", shutdown(fd, SHUT_RDWR), 0);
  CHECK_ERR("it receives no end", recv(fd, &byte, 1, 0), EINVAL);
  CHECK_ERR("and sends nothing", send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
  close(fd);
  int server = bound(SOCK_STREAM, "shut");
  REQUIRE("a listener", server >= 0 && listen(server, 5) == 0);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE("a connection", connect_name(fd, "shut") == 0);
  CHECK_EQ("of the listener", shutdown(server, SHUT_RD), 0);
  struct pollfd set = {server, POLLIN, 0};
  CHECK("it is readable", poll(&set, 1, 0) == 1 && set.revents == POLLIN);
  int peer = accept(server, NULL, NULL);
  CHECK("who was there is accepted", peer >= 0);
  CHECK_ERR("nobody else", accept(server, NULL, NULL), EINVAL);
  int late = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_ERR("who comes late is refused", connect_name(late, "shut"), ECONNREFUSED);
  close(late);
  close(peer);
  close(fd);
  close(server);
  server = bound(SOCK_STREAM, "shut-2");
  REQUIRE("another", server >= 0 && listen(server, 5) == 0);
  REQUIRE("a thread", pthread_create(&thread, NULL, shut_down, (void *)(long)server) == 0);
  CHECK_ERR("while a thread accepts", accept(server, NULL, NULL), EINVAL);
  pthread_join(thread, NULL);
  close(server);
}

static int sigpipes;

static void on_sigpipe(int signal) { sigpipes += signal == SIGPIPE; }

/* A pair of which one end has sent a byte, and the other one closed without reading it. */
static int end_with_unread(int type) {
  int pair[2];
  if (socketpair(AF_UNIX, type, 0, pair) != 0 || send(pair[0], "x", 1, 0) != 1 ||
      close(pair[1]) != 0)
    return -1;
  return pair[0];
}

/* The other end closed with bytes of ours unread. */
static void test_unread(void) {
  char byte;
  struct sigaction action = {.sa_handler = on_sigpipe};
  sigaction(SIGPIPE, &action, NULL);
  int fd = end_with_unread(SOCK_STREAM);
  REQUIRE("a stream", fd >= 0);
  struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
  CHECK("poll tells of an error", poll(&ready, 1, 0) == 1 && (ready.revents & POLLERR));
  CHECK_ERR("its sender has a broken pipe", send(fd, "x", 1, 0), EPIPE);
  CHECK_EQ("and SIGPIPE", sigpipes, 1);
  CHECK_ERR("or not", send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
  CHECK_EQ("as asked for", sigpipes, 1);
  CHECK_ERR("its reader hears of the reset", recv(fd, &byte, 1, 0), ECONNRESET);
  CHECK_EQ("once", recv(fd, &byte, 1, 0), 0);
  close(fd);
  int error = 0;
  socklen_t length = sizeof error;
  fd = end_with_unread(SOCK_STREAM);
  CHECK("SO_ERROR takes it", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
                                 error == ECONNRESET);
  CHECK_EQ("then there is the end", recv(fd, &byte, 1, 0), 0);
  close(fd);
  fd = end_with_unread(SOCK_SEQPACKET);
  CHECK_ERR("of packets the sender hears of it", send(fd, "x", 1, MSG_NOSIGNAL), ECONNRESET);
  CHECK_ERR("and then has a broken pipe", send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
  close(fd);
  signal(SIGPIPE, SIG_DFL);
}

/* What the other end had sent before it closed with bytes of ours unread. */
static void test_unread_order(void) {
  int pair[2];
  char byte;
  REQUIRE("a stream", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK("bytes both ways", send(pair[0], "x", 1, 0) == 1 && send(pair[1], "y", 1, 0) == 1);
  close(pair[1]);
  CHECK_EQ("bytes come first", recv(pair[0], &byte, 1, 0), 1);
  CHECK_ERR("then the reset", recv(pair[0], &byte, 1, 0), ECONNRESET);
  close(pair[0]);
  REQUIRE("packets", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  CHECK("packets both ways", send(pair[0], "x", 1, 0) == 1 && send(pair[1], "y", 1, 0) == 1);
  close(pair[1]);
  CHECK_ERR("the reset comes first", recv(pair[0], &byte, 1, 0), ECONNRESET);
  CHECK_EQ("then the packet", recv(pair[0], &byte, 1, 0), 1);
  close(pair[0]);
}

static void test_filter(void) {
  int pair[2];
  char bytes[16];
  REQUIRE("datagrams", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  CHECK_EQ("attach a filter", attach_filter(pair[1], 0, 2), 0);
  CHECK_EQ("an unwanted datagram is sent", send(pair[0], "drop", 4, 0), 4);
  CHECK_EQ("a wanted one", send(pair[0], "keep!", 5, 0), 5);
  CHECK("comes alone, and cut", recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT) == 2 &&
                                    !memcmp(bytes, "ke", 2));
  CHECK_ERR("no more", recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT), EAGAIN);
  close(pair[0]);
  close(pair[1]);
}

static const struct group groups[] = {
    {"filter", test_filter},
    {"unread", test_unread},       {"order", test_unread_order},
    {"gone", test_gone},           {"sizes", test_sizes},     {"senders", test_senders},
    {"names", test_names},         {"sequenced", test_sequenced},
    {"credentials", test_credentials}, {"rights", test_rights}, {"backlog", test_backlog},
    {"waiting", test_waiting},     {"shutdown", test_shutdown},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
