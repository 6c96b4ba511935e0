/*
 * Every call that makes a descriptor: it gives the lowest numbers, 0 among them, closes on exec if
 * asked to; when there are no numbers left (or one, where two are wanted) it says so, and nothing
 * has been made.
 */
#include "errors.h"
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

enum { SYS_pidfd_open_ = 434, SYS_openat2_ = 437, SYS_pidfd_getfd_ = 438 };

/* What the calls work on. */
static int file, listener, self, root, pair[2];
static char path[96], new_path[96], new_queue[48], queue[48];
static struct sockaddr_un name = {.sun_family = AF_UNIX};
static struct {
  uint32_t bytes;
  int type;
  unsigned char handle[128];
} handle = {.bytes = 128};
static uint64_t mask = 1 << 9;
/* What the last call has made. */
static int made[2];

static int one(long fd) {
  made[0] = fd;
  return fd < 0 ? -1 : 0;
}

static int make_open(void) { return one(open(path, O_RDWR)); }
static int make_open_exec(void) { return one(open(path, O_RDONLY | O_CLOEXEC)); }
static int make_creat(void) { return one(creat(new_path, 0600)); }
static int make_emptied(void) { return one(open(path, O_RDWR | O_TRUNC)); }
static int make_path(void) { return one(open(path, O_PATH)); }
static int make_temporary(void) { return one(open("/tmp", O_TMPFILE | O_RDWR, 0600)); }
static int make_directory(void) { return one(open("/", O_RDONLY | O_DIRECTORY)); }
static int make_openat2(void) {
  uint64_t how[3] = {O_RDWR | O_CLOEXEC, 0, 0};
  return one(syscall(SYS_openat2_, AT_FDCWD, path, how, sizeof how));
}
static int make_handle(void) { return one(syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY)); }
static int make_reopened(void) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  return one(open(link, O_RDONLY));
}
static int make_proc(void) { return one(open("/proc/self/stat", O_RDONLY)); }
static int make_proc_directory(void) { return one(open("/proc/self/fd", O_RDONLY | O_DIRECTORY)); }
static int make_null(void) { return one(open("/dev/null", O_RDWR)); }
static int make_dup(void) { return one(dup(file)); }
static int make_dupfd(void) { return one(fcntl(file, F_DUPFD, 0)); }
static int make_dupfd_exec(void) { return one(fcntl(file, F_DUPFD_CLOEXEC, 0)); }
static int make_pipe(void) { return pipe(made); }
static int make_pipe_exec(void) { return pipe2(made, O_CLOEXEC); }
static int make_stream(void) { return one(socket(AF_INET, SOCK_STREAM, 0)); }
static int make_datagram(void) { return one(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }
static int make_stream6(void) { return one(socket(AF_INET6, SOCK_STREAM, 0)); }
static int make_unix(void) { return one(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int make_netlink(void) { return one(socket(16 /* AF_NETLINK */, SOCK_RAW, 0)); }
static int make_raw(void) { return one(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static int make_pair(void) { return socketpair(AF_UNIX, SOCK_STREAM, 0, made); }
static int make_pair_exec(void) { return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, made); }
static int make_pair_packets(void) { return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, made); }
static int make_accept(void) { return one(accept(listener, NULL, NULL)); }
static int make_accept_exec(void) { return one(accept4(listener, NULL, NULL, SOCK_CLOEXEC)); }
static int make_event(void) { return one(syscall(SYS_eventfd, 0)); }
static int make_event_exec(void) { return one(eventfd(0, EFD_CLOEXEC)); }
static int make_timer(void) { return one(timerfd_create(CLOCK_MONOTONIC, 0)); }
static int make_timer_exec(void) { return one(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC)); }
static int make_signal(void) { return one(syscall(SYS_signalfd, -1, &mask, 8)); }
static int make_signal_exec(void) { return one(syscall(SYS_signalfd4, -1, &mask, 8, O_CLOEXEC)); }
static int make_epoll(void) { return one(syscall(SYS_epoll_create, 1)); }
static int make_epoll_exec(void) { return one(epoll_create1(EPOLL_CLOEXEC)); }
static int make_inotify(void) { return one(syscall(SYS_inotify_init)); }
static int make_inotify_exec(void) { return one(inotify_init1(IN_CLOEXEC)); }
static int make_memfd(void) { return one(memfd_create("made", 0)); }
static int make_memfd_exec(void) { return one(memfd_create("made", MFD_CLOEXEC)); }
static int make_pidfd(void) { return one(syscall(SYS_pidfd_open_, getpid(), 0)); }
static int make_getfd(void) { return one(syscall(SYS_pidfd_getfd_, self, file, 0)); }
static int make_queue(void) { return one(syscall(SYS_mq_open, queue, O_RDWR, 0, NULL)); }
static int make_new_queue(void) {
  return one(syscall(SYS_mq_open, new_queue, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
}

static void connect_one(void) {
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&name, sizeof name);
  close(client);
}
static void no_new_file(void) { unlink(new_path); }
static void no_new_queue(void) { syscall(SYS_mq_unlink, new_queue); }

static const struct maker {
  const char *name;
  int (*make)(void);
  bool closes_on_exec;
  /* How many descriptors. */
  int count;
  /* Before each call. */
  void (*prepare)(void);
} makers[] = {
    {"open", make_open, false, 1, NULL},
    {"open: O_CLOEXEC", make_open_exec, true, 1, NULL},
    {"creat", make_creat, false, 1, no_new_file},
    {"open: O_TRUNC", make_emptied, false, 1, NULL},
    {"open: O_PATH", make_path, false, 1, NULL},
    {"open: O_TMPFILE", make_temporary, false, 1, NULL},
    {"open of a directory", make_directory, false, 1, NULL},
    {"openat2", make_openat2, true, 1, NULL},
    {"open_by_handle_at", make_handle, false, 1, NULL},
    {"open of an open file", make_reopened, false, 1, NULL},
    {"open in /proc", make_proc, false, 1, NULL},
    {"open of a directory in /proc", make_proc_directory, false, 1, NULL},
    {"open of a device", make_null, false, 1, NULL},
    {"dup", make_dup, false, 1, NULL},
    {"F_DUPFD", make_dupfd, false, 1, NULL},
    {"F_DUPFD_CLOEXEC", make_dupfd_exec, true, 1, NULL},
    {"pipe", make_pipe, false, 2, NULL},
    {"pipe2", make_pipe_exec, true, 2, NULL},
    {"socket of TCP", make_stream, false, 1, NULL},
    {"socket of UDP", make_datagram, true, 1, NULL},
    {"socket of IPv6", make_stream6, false, 1, NULL},
    {"socket: AF_UNIX", make_unix, false, 1, NULL},
    {"socket: AF_NETLINK", make_netlink, false, 1, NULL},
    {"socket: SOCK_RAW", make_raw, false, 1, NULL},
    {"socketpair", make_pair, false, 2, NULL},
    {"socketpair: SOCK_CLOEXEC", make_pair_exec, true, 2, NULL},
    {"socketpair: SOCK_SEQPACKET", make_pair_packets, false, 2, NULL},
    {"accept", make_accept, false, 1, connect_one},
    {"accept4", make_accept_exec, true, 1, connect_one},
    {"eventfd", make_event, false, 1, NULL},
    {"eventfd2", make_event_exec, true, 1, NULL},
    {"timerfd_create", make_timer, false, 1, NULL},
    {"timerfd_create: TFD_CLOEXEC", make_timer_exec, true, 1, NULL},
    {"signalfd", make_signal, false, 1, NULL},
    {"signalfd4", make_signal_exec, true, 1, NULL},
    {"epoll_create", make_epoll, false, 1, NULL},
    {"epoll_create1", make_epoll_exec, true, 1, NULL},
    {"inotify_init", make_inotify, false, 1, NULL},
    {"inotify_init1", make_inotify_exec, true, 1, NULL},
    {"memfd_create", make_memfd, false, 1, NULL},
    {"memfd_create: MFD_CLOEXEC", make_memfd_exec, true, 1, NULL},
    {"pidfd_open", make_pidfd, true, 1, NULL},
    {"pidfd_getfd", make_getfd, true, 1, NULL},
    {"mq_open", make_queue, true, 1, NULL},
    {"mq_open of a new one", make_new_queue, true, 1, no_new_queue},
};

static void test_setup(void) {
  strcpy(path, scratch("making"));
  strcpy(new_path, scratch("made"));
  strcpy(name.sun_path, scratch("making-socket"));
  snprintf(queue, sizeof queue, "virga-making-%d", getpid());
  snprintf(new_queue, sizeof new_queue, "virga-made-%d", getpid());
  file = open(path, O_RDWR | O_CREAT, 0600);
  root = open("/tmp", O_RDONLY | O_DIRECTORY);
  self = syscall(SYS_pidfd_open_, getpid(), 0);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int mount;
  REQUIRE("files", file >= 0 && root >= 0 && self >= 0);
  REQUIRE("a handle", syscall(SYS_name_to_handle_at, AT_FDCWD, path, &handle, &mount, 0) == 0);
  REQUIRE("a listener", bind(listener, (struct sockaddr *)&name, sizeof name) == 0 &&
                            listen(listener, 64) == 0);
  REQUIRE("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  close(syscall(SYS_mq_open, queue, O_RDWR | O_CREAT, 0600, NULL));
}

static bool run(const struct maker *maker) {
  if (maker->prepare)
    maker->prepare();
  made[0] = made[1] = -1;
  return maker->make() == 0;
}

static void close_made(const struct maker *maker) {
  for (int i = 0; i < maker->count; i++)
    close(made[i]);
}

static bool closes(int fd) { return fcntl(fd, F_GETFD) == FD_CLOEXEC; }

/* Descriptor 0 is one like any other. */
static void test_lowest(void) {
  int input = dup(0);
  for (unsigned i = 0; i < COUNT(makers); i++) {
    close(0);
    int next = dup(file);
    next = next == 0 ? dup(file) : next;
    close(0), close(next);
    bool right = run(&makers[i]) && made[0] == 0 && (makers[i].count == 1 || made[1] == next);
    CHECK(makers[i].name, right);
    CHECK_EQ("closes on exec", closes(made[0]), makers[i].closes_on_exec);
    if (makers[i].count == 2)
      CHECK_EQ("the other one, too", closes(made[1]), makers[i].closes_on_exec);
    close_made(&makers[i]);
  }
  dup2(input, 0);
  close(input);
}

static void set_limit(int limit) {
  struct rlimit now;
  getrlimit(RLIMIT_NOFILE, &now);
  now.rlim_cur = limit;
  setrlimit(RLIMIT_NOFILE, &now);
}

static void refused(const struct maker *maker) {
  CHECK_ERR(maker->name, run(maker) ? 0 : -1, EMFILE);
  LEAVES_NOTHING("and leaves nothing", maker->make());
}

static void test_none(void) {
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  can_count_memory();
  int free = dup(file);
  close(free);
  REQUIRE("contents", pwrite(file, "kept", 4, 0) == 4);
  /* What is to be accepted needs a descriptor while it connects. */
  connect_one();
  for (unsigned i = 0; i < COUNT(makers); i++) {
    struct maker maker = makers[i];
    if (maker.prepare == connect_one)
      maker.prepare = NULL;
    set_limit(free);
    refused(&maker);
    if (maker.count == 2) {
      set_limit(free + 1);
      refused(&maker);
      CHECK_EQ("the one that was left is free still", dup(file), free);
      close(free);
    }
  }
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_ERR("no file was created", access(new_path, F_OK), ENOENT);
  char kept[8];
  CHECK_EQ("none was emptied", pread(file, kept, sizeof kept, 0), 4);
  CHECK_ERR("nor a queue made", syscall(SYS_mq_unlink, new_queue), ENOENT);
  CHECK("who waited to be accepted waits still", make_accept() == 0);
  close(made[0]);
}

/* Made and closed, each gives back what it took. */
static void test_again(void) {
  if (!can_count_memory())
    return;
  for (unsigned i = 0; i < COUNT(makers); i++) {
    bool works = true;
    LEAVES_NOTHING(makers[i].name, ({
                     works = works && run(&makers[i]);
                     close_made(&makers[i]);
                     if (makers[i].prepare)
                       makers[i].prepare();
                     while (makers[i].prepare == connect_one && make_accept() == 0)
                       close(made[0]);
                     0;
                   }));
    CHECK(makers[i].name, works);
  }
}

static void test_end(void) {
  unlink(path);
  unlink(new_path);
  unlink(name.sun_path);
  no_new_queue();
  CHECK_EQ("the queue is there still", syscall(SYS_mq_unlink, queue), 0);
}

static const struct group groups[] = {
    {"setup", test_setup}, {"lowest", test_lowest}, {"none", test_none},
    {"again", test_again}, {"end", test_end},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
