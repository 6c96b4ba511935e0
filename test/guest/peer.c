/*
 * Who is at the other end of a unix(7) socket: SO_PEERCRED and SO_PEERGROUPS tell who listened,
 * connected or made the pair, as it was then, SCM_CREDENTIALS who sends. As root, because the
 * process gives its ids up; the order of the groups matters.
 */
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* grp.h has a struct group of its own. */
int setgroups(size_t, const gid_t *);

static const gid_t before[] = {5, 6, 7}, after[] = {8, 9};
static int listener, old_pair[2];

static bool peer_is(int fd, pid_t pid, uid_t uid, gid_t gid) {
  struct ucred peer = {-2, 77, 77};
  socklen_t length = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && length == sizeof peer &&
         peer.pid == pid && peer.uid == uid && peer.gid == gid;
}

static bool groups_are(int fd, const gid_t *groups, size_t count) {
  gid_t told[8] = {0};
  socklen_t length = sizeof told;
  return getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, told, &length) == 0 &&
         length == count * sizeof *told && memcmp(told, groups, length) == 0;
}

static struct sockaddr_un name = {AF_UNIX, "\0virga-peer"};
static const socklen_t name_length = sizeof(sa_family_t) + 11;

/* Whether the next message has `size` bytes and says it is from these; no more than it has. */
static bool sent_by(int fd, ssize_t size, uid_t uid, gid_t gid) {
  char bytes[16], control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec iov = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_DONTWAIT) != size)
    return false;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  struct ucred from;
  if (!header || header->cmsg_type != SCM_CREDENTIALS)
    return false;
  memcpy(&from, CMSG_DATA(header), sizeof from);
  return from.pid == getpid() && from.uid == uid && from.gid == gid;
}

static int claim(int fd, uid_t uid, gid_t gid) {
  char byte = 'c', control[CMSG_SPACE(sizeof(struct ucred))] = {0};
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  struct ucred from = {getpid(), uid, gid};
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_CREDENTIALS;
  header->cmsg_len = CMSG_LEN(sizeof from);
  memcpy(CMSG_DATA(header), &from, sizeof from);
  return sendmsg(fd, &message, 0);
}

static void test_root(void) {
  gid_t none[4];
  socklen_t length = sizeof none;
  REQUIRE("setgroups", setgroups(COUNT(before), before) == 0);
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE("bind", bind(listener, (void *)&name, name_length) == 0);
  CHECK("a bound socket has nobody", peer_is(listener, 0, -1, -1));
  CHECK_ERR("and no groups", getsockopt(listener, SOL_SOCKET, SO_PEERGROUPS, none, &length),
            ENODATA);
  CHECK_EQ("listen", listen(listener, 4), 0);
  CHECK("a listener is its own peer", peer_is(listener, getpid(), 0, getgid()));
  CHECK("with its groups", groups_are(listener, before, COUNT(before)));
  CHECK_EQ("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, old_pair), 0);
  struct sockaddr_un other = {AF_UNIX, "\0virga-hear"};
  int hears = socket(AF_UNIX, SOCK_DGRAM, 0), says = socket(AF_UNIX, SOCK_DGRAM, 0);
  REQUIRE("datagram sockets", bind(hears, (void *)&other, name_length) == 0 &&
                                  connect(says, (void *)&other, name_length) == 0);
  CHECK("a connected datagram socket knows nobody", peer_is(says, 0, -1, -1));
  close(hears);
  close(says);
  int tcp = socket(AF_INET, SOCK_STREAM, 0);
  CHECK("nor does TCP", peer_is(tcp, 0, -1, -1));
  length = sizeof none;
  CHECK_ERR("nor groups", getsockopt(tcp, SOL_SOCKET, SO_PEERGROUPS, none, &length), ENODATA);
  close(tcp);
  int root[2];
  REQUIRE("a pair of root's", socketpair(AF_UNIX, SOCK_DGRAM, 0, root) == 0);
  CHECK_EQ("root may claim to be anybody", claim(root[0], 12345, 54321), 1);
  close(root[0]);
  close(root[1]);
}

static void test_given_up(void) {
  int on = 1;
  REQUIRE("groups", setgroups(COUNT(after), after) == 0 && setresgid(100, 200, 300) == 0);
  REQUIRE("and users are given up", setresuid(1000, 2000, 0) == 0);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE("connect", connect(client, (void *)&name, name_length) == 0);
  int server = accept(listener, NULL, NULL);
  CHECK("who listened as root stays that", peer_is(client, getpid(), 0, 0));
  CHECK("with root's groups", groups_are(client, before, COUNT(before)));
  CHECK("who connects is its effective ids", peer_is(server, getpid(), 2000, 200));
  CHECK("with the groups of now", groups_are(server, after, COUNT(after)));
  CHECK("an older pair is root's", peer_is(old_pair[0], getpid(), 0, 0) &&
                                       groups_are(old_pair[1], before, COUNT(before)));
  gid_t small;
  socklen_t length = sizeof small;
  CHECK_ERR("no room", getsockopt(server, SOL_SOCKET, SO_PEERGROUPS, &small, &length), ERANGE);
  CHECK_EQ("tells how much it takes", length, sizeof after);
  close(client);
  close(server);
  close(listener);
  setsockopt(old_pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  CHECK("a message", write(old_pair[0], "ab", 2) == 2 && sent_by(old_pair[1], 2, 1000, 100));
  int pair[2];
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    REQUIRE("a new pair", socketpair(AF_UNIX, type, 0, pair) == 0);
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    write(pair[0], "ab", 2);
    write(pair[0], "cd", 2);
    CHECK("is from the real ids", sent_by(pair[1], type == SOCK_STREAM ? 4 : 2, 1000, 100));
    close(pair[0]);
    close(pair[1]);
  }
}

static void test_changing(void) {
  int on = 1, pair[2];
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  write(pair[0], "1", 1);
  REQUIRE("another user between two messages", setresuid(2000, 2000, 1000) == 0);
  write(pair[0], "2", 1);
  CHECK("the first one's sender", sent_by(pair[1], 1, 1000, 100));
  CHECK("does not mix with the second's", sent_by(pair[1], 1, 2000, 100));
  CHECK_EQ("the saved ids may be claimed", claim(pair[0], 1000, 300), 1);
  CHECK("and arrive", sent_by(pair[1], 1, 1000, 300));
  CHECK_ERR("no other user", claim(pair[0], 0, 100), EPERM);
  CHECK_ERR("no other group", claim(pair[0], 2000, 5), EPERM);
  close(pair[0]);
  close(pair[1]);
}

static const struct group groups[] = {
    {"root", test_root}, {"given-up", test_given_up}, {"changing", test_changing}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
