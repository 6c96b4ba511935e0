/* Scenarios of fail-nth.c: calls that borrow what they look at, and give it back. */
#ifndef FAIL_CALLS_H
#define FAIL_CALLS_H

#include "fail-nth.h"
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#define BORROWED "/tmp/virga-fail-borrowed"

static void remove_borrowed(void) {
  unlink(BORROWED "/file");
  unlink(BORROWED "/link");
  unlink(BORROWED "/other");
  unlink(BORROWED "/moved");
  rmdir(BORROWED "/below");
  rmdir(BORROWED);
}

/* A directory that goes again: a reference that is kept would keep it. */
static int borrow_directory(int *directory, int *file) {
  NEED(mkdir(BORROWED, 0755));
  NEED(*directory = keep(open(BORROWED, O_RDONLY | O_DIRECTORY)));
  NEED(*file = keep(openat(*directory, "file", O_RDWR | O_CREAT, 0600)));
  NEED(write(*file, "0123456789", 10));
  return 0;
}

static int fail_openat2(void) {
  int directory, file, error = borrow_directory(&directory, &file);
  if (error != 0)
    return error;
  uint64_t beneath[3] = {O_RDONLY, 0, 8 /* RESOLVE_BENEATH */};
  uint64_t rooted[3] = {O_RDWR | O_CREAT, 0600, 16 /* RESOLVE_IN_ROOT */};
  NEED(keep(syscall(437, directory, "file", beneath, sizeof beneath)));
  NEED(keep(syscall(437, directory, "/other", rooted, sizeof rooted)));
  errno = 0;
  HOLDS(syscall(437, directory, "../x", beneath, sizeof beneath) == -1);
  return errno == EXDEV ? 0 : errno;
}

static int fail_at_calls(void) {
  char buffer[256];
  int directory, file, error = borrow_directory(&directory, &file);
  if (error != 0)
    return error;
  NEED(syscall(439 /* faccessat2 */, directory, "file", R_OK | W_OK, 0));
  NEED(syscall(SYS_faccessat, directory, "file", R_OK));
  NEED(fchmodat(directory, "file", 0640, 0));
  NEED(syscall(452 /* fchmodat2 */, directory, "file", 0600, 0));
  NEED(fchownat(directory, "file", 0, 0, 0));
  NEED(syscall(332 /* statx */, directory, "file", 0, 0x7ff, buffer));
  NEED(syscall(SYS_newfstatat, directory, "file", buffer, 0));
  NEED(syscall(SYS_newfstatat, directory, "", buffer, AT_EMPTY_PATH));
  NEED(utimensat(directory, "file", (struct timespec[2]){{1, 2}, {3, 4}}, 0));
  NEED(futimens(file, NULL));
  NEED(syscall(SYS_futimesat, directory, "file", NULL));
  NEED(mkdirat(directory, "below", 0700));
  NEED(symlinkat("file", directory, "link"));
  NEED(readlinkat(directory, "link", buffer, sizeof buffer));
  NEED(linkat(directory, "file", directory, "other", 0));
  NEED(renameat(directory, "other", directory, "moved"));
  NEED(unlinkat(directory, "moved", 0));
  NEED(unlinkat(directory, "below", AT_REMOVEDIR));
  NEED(truncate(BORROWED "/file", 5));
  NEED(access(BORROWED "/link", F_OK));
  return 0;
}

static int fail_groups(void) {
  gid_t groups[300], told[300] = {0};
  for (int i = 0; i < 300; i++)
    groups[i] = 1000 + i;
  NEED(syscall(SYS_setgroups, 300, groups));
  HOLDS(syscall(SYS_getgroups, 300, told) == 300 && memcmp(told, groups, sizeof told) == 0);
  NEED(syscall(SYS_setgroups, 1, groups));
  HOLDS(syscall(SYS_getgroups, 300, told) == 1 && told[0] == 1000);
  NEED(syscall(SYS_setgroups, 0, NULL));
  HOLDS(syscall(SYS_getgroups, 0, NULL) == 0);
  return 0;
}

/* Areas that are cut, moved and kept, of memory that has a file and its pages. */
static int fail_areas(void) {
  int fd = keep(memfd_create("areas", 0));
  NEED(fd);
  NEED(ftruncate(fd, 8 * PAGE));
  char *at = map_area(8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
  NEED(at);
  NEED(madvise(at, 8 * PAGE, 23 /* MADV_POPULATE_WRITE */));
  at[3 * PAGE] = 3;
  NEED(syscall(SYS_remap_file_pages, at, PAGE, 0, 3, 0));
  HOLDS(at[0] == 3);
  char *again = mremap(at + 4 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
  NEED(again);
  keep_map(again, 2 * PAGE);
  char *private = map_pages(4);
  NEED(private);
  char *kept = mremap(private, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4 /* DONTUNMAP */, NULL);
  NEED(kept);
  keep_map(kept, 2 * PAGE);
  return 0;
}

static int fail_lock_all(void) {
  int error = 0;
  char *at = map_pages(6);
  NEED(at);
  if (mlockall(MCL_CURRENT | 4 /* MCL_ONFAULT */) != 0 ||
      syscall(SYS_mlock2, at + PAGE, PAGE, 1) != 0 || mprotect(at + 2 * PAGE, PAGE, PROT_READ) != 0)
    error = errno;
  munlockall();
  return error;
}

/* Names and control messages of datagrams, and more vectors than the kernel keeps room for. */
static int fail_messages_with_control(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, from;
  socklen_t length = sizeof to;
  int fd = keep(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
  NEED(fd);
  NEED(bind(fd, (struct sockaddr *)&to, length));
  NEED(getsockname(fd, (struct sockaddr *)&to, &length));
  NEED(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
  char bytes[30], control[128];
  struct iovec vectors[30];
  for (int i = 0; i < 30; i++)
    vectors[i] = (struct iovec){bytes + i, 1};
  memset(bytes, 4, sizeof bytes);
  struct msghdr message = {.msg_name = &to, .msg_namelen = length, .msg_iov = vectors,
                           .msg_iovlen = 30, .msg_control = control};
  struct cmsghdr *header = (struct cmsghdr *)control;
  memset(control, 0, sizeof control);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP,
                             .cmsg_type = IP_TTL};
  memcpy(CMSG_DATA(header), &(int){9}, 4);
  message.msg_controllen = CMSG_SPACE(4);
  NEED(sendmsg(fd, &message, 0));
  message.msg_controllen = sizeof control;
  message.msg_name = &from;
  ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
  NEED(n);
  HOLDS(n == 30 && bytes[29] == 4 && from.sin_port == to.sin_port);
  memcpy(CMSG_DATA(header), &(int){0}, 4);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP,
                             .cmsg_type = IP_TTL};
  message.msg_controllen = CMSG_SPACE(4);
  HOLDS(sendmsg(fd, &message, 0) == -1);
  return errno == EINVAL ? 0 : errno;
}

static int fail_accept_names(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int listener = keep(socket(AF_INET, SOCK_STREAM, 0)), client = keep(socket(AF_INET, SOCK_STREAM, 0));
  NEED(listener);
  NEED(client);
  /* Whoever closes first, no connection is left in TIME_WAIT. */
  struct linger reset = {1, 0};
  NEED(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  NEED(bind(listener, (struct sockaddr *)&address, length));
  NEED(listen(listener, 1));
  NEED(getsockname(listener, (struct sockaddr *)&address, &length));
  NEED(connect(client, (struct sockaddr *)&address, length));
  int server = keep(accept(listener, (struct sockaddr *)&address, &length));
  NEED(server);
  NEED(setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  NEED(getpeername(server, (struct sockaddr *)&address, &length));
  HOLDS(connect(client, (struct sockaddr *)&address, length) == -1);
  return errno == EISCONN ? 0 : errno;
}

/* Waits under another mask, of large sets. */
static int fail_masked_waits(void) {
  uint64_t mask = 0;
  struct timespec none = {0, 0};
  struct pollfd polled[64];
  struct epoll_event events[64];
  fd_set set;
  FD_ZERO(&set);
  FD_SET(0, &set);
  for (int i = 0; i < 64; i++)
    polled[i] = (struct pollfd){1, 0, 0};
  NEED(syscall(SYS_ppoll, polled, 64, &none, &mask, 8));
  NEED(syscall(SYS_pselect6, 1, NULL, &set, NULL, &none, (uint64_t[]){(uintptr_t)&mask, 8}));
  int epoll = keep(epoll_create1(0));
  NEED(epoll);
  NEED(syscall(SYS_epoll_pwait, epoll, events, 64, 0, &mask, 8));
  NEED(syscall(441 /* epoll_pwait2 */, epoll, events, 64, &none, &mask, 8));
  return 0;
}

/* Timers that go while their signal waits, and a signal file that goes while it is watched. */
static int fail_timers_gone(void) {
  sigset_t set, old;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
  struct itimerspec soon = {.it_value = {0, 1}, .it_interval = {0, 1000000}};
  int id, error = 0;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, &old);
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0) {
    syscall(SYS_timer_settime, id, 0, &soon, NULL);
    struct timespec wait = {0, 2000000};
    nanosleep(&wait, NULL);
    syscall(SYS_timer_delete, id);
  } else {
    error = errno;
  }
  struct timespec none = {0, 0};
  syscall(SYS_rt_sigtimedwait, &set, NULL, &none, 8);
  sigprocmask(SIG_SETMASK, &old, NULL);
  return error;
}

static int fail_attributes(void) {
  char value[64];
  int directory, file, error = borrow_directory(&directory, &file);
  if (error != 0)
    return error;
  NEED(symlinkat("file", directory, "link"));
  NEED(fsetxattr(file, "user.one", "1", 1, 0));
  NEED(setxattr(BORROWED "/link", "user.two", "22", 2, 0));
  NEED(lsetxattr(BORROWED "/link", "trusted.three", "333", 3, 0));
  HOLDS(fgetxattr(file, "user.two", value, sizeof value) == 2 || errno == ENOMEM);
  NEED(getxattr(BORROWED "/link", "user.one", value, sizeof value));
  NEED(lgetxattr(BORROWED "/link", "trusted.three", value, sizeof value));
  NEED(flistxattr(file, value, sizeof value));
  NEED(llistxattr(BORROWED "/link", value, sizeof value));
  NEED(fremovexattr(file, "user.one"));
  NEED(lremovexattr(BORROWED "/link", "trusted.three"));
  return 0;
}

static const struct scenario call_scenarios[] = {
    {.name = "openat2", .run = fail_openat2, .errors = {ENFILE, ENOSPC}, .clean = remove_borrowed},
    {.name = "calls on names in a directory", .run = fail_at_calls,
     .errors = {ENFILE, ENOSPC}, .clean = remove_borrowed},
    {.name = "setgroups", .run = fail_groups},
    {.name = "remap_file_pages, mremap", .run = fail_areas, .errors = {ENFILE, EFAULT}},
    {.name = "mlockall", .run = fail_lock_all, .errors = {EAGAIN}},
    {.name = "sendmsg with control", .run = fail_messages_with_control,
     .errors = {ENOBUFS, ENFILE, EAGAIN}},
    {.name = "accept with a name", .run = fail_accept_names, .errors = {ENOBUFS, ENFILE}},
    {.name = "waits under a mask", .run = fail_masked_waits, .errors = {ENFILE}},
    {.name = "a timer that goes before its signal", .run = fail_timers_gone, .errors = {EAGAIN}},
    {.name = "xattrs of files and links", .run = fail_attributes, .errors = {ENFILE, ENOSPC},
     .clean = remove_borrowed},
};

#endif
