/*
 * What is ready, asked of poll, ppoll, select, pselect and epoll, while descriptors of all kinds
 * are written, read, shut down and closed at random: all five have to agree, and with what is known
 * of the bytes that wait.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>

enum { PAIRS = 6, ENDS = 2 * PAIRS, ROUNDS = 1500, SOME_BYTES = 3000 };
enum { ALL = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLRDHUP };

/* Two descriptors; what goes into one comes out of the other. */
struct end {
  int fd, other;
  bool reads, writes, is_tcp;
  /* Bytes that wait to be read here; no more can come. */
  int waiting;
  bool at_end;
};

static struct end ends[ENDS];
static int epoll, counter;
static char block[8192];
static unsigned seed = 11;

static unsigned below(unsigned limit) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % limit;
}

static bool tcp_pair(int *fds) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  bool done = bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, (void *)&address, &length) == 0 &&
              connect(fds[0], (void *)&address, sizeof address) == 0 &&
              (fds[1] = accept(listener, NULL, NULL)) >= 0;
  close(listener);
  return done;
}

static bool open_pair(int pair) {
  int fds[2];
  bool is_pipe = pair % 3 == 0;
  bool made = is_pipe             ? pipe(fds) == 0
              : pair % 3 == 1 ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0
                              : tcp_pair(fds);
  for (int i = 0; made && i < 2; i++) {
    struct epoll_event event = {.events = ALL, .data.u32 = 2 * pair + i};
    ends[2 * pair + i] = (struct end){fds[i], 2 * pair + 1 - i, !is_pipe || i == 0,
                                      !is_pipe || i == 1, pair % 3 == 2, 0, false};
    made = fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0 &&
           epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) == 0;
  }
  return made;
}

static bool do_write(struct end *end) {
  if (!end->writes || ends[end->other].at_end)
    return true;
  ssize_t n = write(end->fd, block, 1 + below(SOME_BYTES));
  if (n > 0)
    ends[end->other].waiting += n;
  return n > 0 || errno == EAGAIN || ends[end->other].fd < 0;
}

static void settle(struct end *end);

static bool do_read(struct end *end) {
  int n = 1 + below(SOME_BYTES);
  if (!end->reads)
    return true;
  settle(end);
  ssize_t got = read(end->fd, block, n);
  int want = end->waiting < n ? end->waiting : n;
  if (want == 0)
    return end->at_end ? got == 0 : got == -1 && errno == EAGAIN;
  if (got > 0)
    end->waiting -= got;
  return got == want;
}

static bool do_shut(struct end *end) {
  struct end *other = &ends[end->other];
  if (other->fd < 0 || end->at_end || other->at_end)
    return true;
  if (!(end->reads && end->writes))
    return true;
  other->at_end = true;
  return shutdown(end->fd, SHUT_WR) == 0;
}

/* Closes both, one after the other has been looked at, and opens the pair anew. */
static bool agree(void);

static bool do_close(struct end *end) {
  struct end *other = &ends[end->other];
  if (end->waiting)
    return true; /* A reset would be told as an error. */
  bool right = close(end->fd) == 0;
  end->fd = -1;
  other->at_end = true;
  right = agree() && right;
  right = close(other->fd) == 0 && right;
  other->fd = -1;
  return agree() && open_pair((end - ends) / 2) && right;
}

static short asked_of_poll(struct end *end, short events) {
  struct pollfd one = {.fd = end->fd, .events = events};
  int n = below(2) ? poll(&one, 1, 0) : ppoll(&one, 1, &(struct timespec){0, 0}, NULL);
  return n == (one.revents != 0) ? one.revents : -1;
}

/* select's three sets, all descriptors at once. */
static bool select_agrees(const short *ready) {
  fd_set in, out, except;
  int highest = 0, count = 0, n;
  FD_ZERO(&in);
  FD_ZERO(&out);
  FD_ZERO(&except);
  for (int i = 0; i < ENDS; i++) {
    if (ends[i].fd < 0)
      continue;
    FD_SET(ends[i].fd, &in);
    FD_SET(ends[i].fd, &out);
    FD_SET(ends[i].fd, &except);
    highest = ends[i].fd > highest ? ends[i].fd : highest;
  }
  if (below(2))
    n = select(highest + 1, &in, &out, &except, &(struct timeval){0, 0});
  else
    n = pselect(highest + 1, &in, &out, &except, &(struct timespec){0, 0}, NULL);
  for (int i = 0; i < ENDS; i++) {
    if (ends[i].fd < 0)
      continue;
    bool reads = ready[i] & (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR);
    bool writes = ready[i] & (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR);
    bool special = ready[i] & POLLPRI;
    count += reads + writes + special;
    if (!FD_ISSET(ends[i].fd, &in) != !reads || !FD_ISSET(ends[i].fd, &out) != !writes ||
        !FD_ISSET(ends[i].fd, &except) != !special)
      return false;
  }
  return n == count;
}

static bool epoll_agrees(const short *ready) {
  struct epoll_event events[ENDS + 1];
  short told[ENDS] = {0};
  int n = epoll_wait(epoll, events, ENDS + 1, 0);
  for (int i = 0; i < n; i++)
    told[events[i].data.u32] = events[i].events;
  for (int i = 0; i < ENDS; i++)
    if (ends[i].fd >= 0 && told[i] != ready[i])
      return false;
  return n >= 0;
}

/* What TCP has sent arrives in its own time. */
static void settle(struct end *end) {
  int bytes = -1;
  for (int i = 0; end->fd >= 0 && end->is_tcp && i < 1000; i++) {
    struct pollfd one = {.fd = end->fd, .events = POLLRDHUP};
    poll(&one, 1, 0);
    bool knows = !end->at_end || (one.revents & POLLRDHUP);
    if (knows && ioctl(end->fd, FIONREAD, &bytes) == 0 && bytes == end->waiting)
      return;
    sleep_ms(1);
  }
}

static bool agree(void) {
  short ready[ENDS] = {0};
  bool right = true;
  for (int i = 0; i < ENDS; i++)
    settle(&ends[i]);
  for (int i = 0; i < ENDS; i++) {
    struct end *end = &ends[i];
    int bytes = 0;
    if (end->fd < 0)
      continue;
    ready[i] = asked_of_poll(end, ALL);
    short some = below(ALL + 1) & ALL;
    right = right && asked_of_poll(end, some) == (ready[i] & (some | POLLERR | POLLHUP));
    if (!end->reads)
      continue;
    right = right && ioctl(end->fd, FIONREAD, &bytes) == 0 && bytes == end->waiting;
    bool reads = ready[i] & POLLIN;
    right = right && reads == (end->waiting > 0 || (end->at_end && end->writes));
    /* A connection has hung up when both sides have said so; of TCP the other may linger. */
    struct end *other = &ends[end->other];
    bool is_gone = end->at_end && (!end->writes || other->at_end ||
                                   (other->fd < 0 && !end->is_tcp));
    right = right && is_gone == ((ready[i] & POLLHUP) != 0);
  }
  return select_agrees(ready) && epoll_agrees(ready) && right;
}

static void test_agreement(void) {
  static const struct {
    const char *name;
    bool (*run)(struct end *end);
  } ways[] = {{"writes", do_write}, {"more writes", do_write}, {"reads", do_read},
              {"more reads", do_read}, {"shutdowns", do_shut}, {"closings", do_close}};
  int wrong[COUNT(ways)] = {0}, differ = 0;
  signal(SIGPIPE, SIG_IGN);
  epoll = epoll_create1(0);
  for (int pair = 0; pair < PAIRS; pair++)
    REQUIRE("a pair", open_pair(pair));
  for (int round = 0; round < ROUNDS; round++) {
    int way = below(COUNT(ways));
    wrong[way] += !ways[way].run(&ends[below(ENDS)]);
    if (round % 2)
      differ += !agree();
  }
  for (unsigned way = 0; way < COUNT(ways); way++)
    CHECK_EQ(ways[way].name, wrong[way], 0);
  CHECK_EQ("poll, select and epoll agree", differ, 0);
}

/* An eventfd's counter says when it can be read and written. */
static void test_counter(void) {
  uint64_t value = 0xfffffffffffffffe;
  struct end end = {.fd = counter = eventfd(0, EFD_NONBLOCK)};
  CHECK_EQ("a counter of zero can be written", asked_of_poll(&end, ALL), POLLOUT);
  write(counter, &(uint64_t){1}, 8);
  CHECK_EQ("of one read, too", asked_of_poll(&end, POLLIN | POLLOUT), POLLIN | POLLOUT);
  read(counter, &(uint64_t){0}, 8);
  write(counter, &value, 8);
  CHECK_EQ("the largest only read", asked_of_poll(&end, POLLIN | POLLOUT), POLLIN);
  struct pollfd several[4] = {{.fd = -1, .events = POLLIN}, {.fd = counter, .events = POLLIN}};
  several[2] = (struct pollfd){.fd = 900, .events = 0};
  several[3] = (struct pollfd){.fd = counter, .events = POLLOUT};
  CHECK_EQ("of four two have something to tell", poll(several, 4, 0), 2);
  CHECK("a negative one is passed over, one that is closed is told",
        several[0].revents == 0 && several[1].revents == POLLIN &&
            several[2].revents == POLLNVAL && several[3].revents == 0);
  close(counter);
}

static const struct group groups[] = {{"agreement", test_agreement}, {"counter", test_counter}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
