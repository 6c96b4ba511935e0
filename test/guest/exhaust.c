/*
 * Asks for one kind of thing until there is no more, in a small machine: an error comes, and not
 * the end of the machine; and when all is given back, there is some again. The argument is the
 * kind. Judged by test/system/endings.ts; on Linux with limits of its own it ends in the same way.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LIMIT 1000000

static int epoll_fd = -1;

static int make_eventfd(void) { return eventfd(0, 0); }
static int make_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, 0); }
static int make_epoll(void) { return epoll_create1(0); }
static int make_tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int make_udp(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static int make_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int make_memfd(void) { return memfd_create("m", 0); }
static int make_open(void) { return open("/proc/self/stat", O_RDONLY); }

static int make_pipe(void) {
  int ends[2];
  if (pipe(ends) != 0)
    return -1;
  close(ends[1]);
  return ends[0];
}

/* A file, and an item that watches it. */
static int make_item(void) {
  int fd = eventfd(0, 0);
  struct epoll_event event = {.events = EPOLLIN};
  if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static char bytes[1 << 16];

static int close_with(int fd, int error) {
  close(fd);
  errno = error;
  return -1;
}

/* Pages, and hardly an object: a pipe that is as full as it can be. */
static int make_full(void) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0)
    return -1;
  ssize_t n = write(ends[1], bytes, sizeof bytes);
  int error = errno;
  close(ends[1]);
  return n > 0 ? ends[0] : close_with(ends[0], error);
}

/* One end of a pair that has data for the other, which goes with it. */
static int make_unread(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
    return -1;
  ssize_t n = write(ends[0], bytes, 20000);
  int error = errno;
  close(ends[0]);
  return n > 0 ? ends[1] : close_with(ends[1], error);
}

static const struct kind {
  const char *name;
  int (*make)(void);
} kinds[] = {
    {"full", make_full},       {"unread", make_unread},
    {"eventfd", make_eventfd}, {"timerfd", make_timerfd}, {"epoll", make_epoll},
    {"tcp", make_tcp},         {"udp", make_udp},         {"unix", make_unix},
    {"memfd", make_memfd},     {"open", make_open},       {"pipe", make_pipe},
    {"item", make_item},
};

static void fail(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int is_out(int error) {
  return error == ENOMEM || error == ENOBUFS || error == ENFILE || error == EMFILE ||
         error == ENOSPC;
}

static int exhaust_files(const struct kind *kind) {
  static int fds[LIMIT];
  int count = 0;
  while (count < LIMIT && (fds[count] = kind->make()) >= 0)
    count++;
  int error = errno;
  for (int i = 0; i < count; i++)
    close(fds[i]);
  printf("%s: %s\n", kind->name, count > 100 && is_out(error) ? "ends in an error" : "?");
  int again = kind->make();
  if (again < 0)
    fail("after all were closed");
  return 0;
}

/* Names in a directory: each is two objects of the kernel and an entry of the name cache. */
static int exhaust_names(const char *way) {
  char path[64];
  int count = 0;
  mkdir("/tmp/exhaust", 0755);
  int fd = open("/tmp/exhaust/first", O_CREAT | O_RDWR, 0644);
  if (fd < 0)
    fail("a first file");
  for (; count < LIMIT; count++) {
    snprintf(path, sizeof path, "/tmp/exhaust/%d", count);
    int error = strcmp(way, "mkdir") == 0  ? mkdir(path, 0755)
                : strcmp(way, "link") == 0 ? link("/tmp/exhaust/first", path)
                                           : mknod(path, S_IFREG | 0644, 0);
    if (error != 0)
      break;
  }
  int error = errno;
  printf("%s: %s\n", way, count > 1000 && is_out(error) ? "ends in an error" : "?");
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "/tmp/exhaust/%d", i);
    if ((strcmp(way, "mkdir") == 0 ? rmdir(path) : unlink(path)) != 0)
      fail("removing a name");
  }
  if (mkdir("/tmp/exhaust/again", 0755) != 0 || rmdir("/tmp/exhaust/again") != 0)
    fail("after all were removed");
  return 0;
}

static void *wait_for_end(void *argument) {
  pause();
  return argument;
}

/* Stacks of the kernel, and pages of the program's own. */
static int exhaust_threads(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 15);
  pthread_t thread;
  int count = 0, error = 0;
  while (count < LIMIT && error == 0)
    if ((error = pthread_create(&thread, &attributes, wait_for_end, NULL)) == 0)
      count++;
  printf("thread: %s\n", count > 100 && error == EAGAIN ? "ends in an error" : "?");
  return 0;
}

/* Areas that can't be joined: Linux' vm.max_map_count of them. */
static int exhaust_areas(int by_protection) {
  const size_t page = 4096, pages = 70000 * 2;
  const int private = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *base = mmap(NULL, pages * page, PROT_READ, private, -1, 0);
  if (base == MAP_FAILED)
    fail("a large area");
  size_t count = 0;
  int error = 0;
  for (; count < pages && error == 0; count += 2) {
    char *at = base + count * page;
    if (by_protection) {
      if (mprotect(at, page, PROT_NONE) != 0)
        error = errno;
    } else if (mmap(at, page, PROT_NONE, MAP_FIXED | private, -1, 0) == MAP_FAILED) {
      error = errno;
    }
  }
  bool is_limit = count / 2 > 30000 && count / 2 < 33000 && error == ENOMEM;
  printf("areas: %s\n", is_limit ? "ends in an error" : "?");
  if (munmap(base, pages * page) != 0)
    fail("unmapping all");
  if (mmap(NULL, page, PROT_READ, private, -1, 0) == MAP_FAILED)
    fail("after all was unmapped");
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  struct rlimit limit = {LIMIT, LIMIT};
  setrlimit(RLIMIT_NOFILE, &limit);
  epoll_fd = epoll_create1(0);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(argv[1], kinds[i].name) == 0)
      return exhaust_files(&kinds[i]);
  if (strcmp(argv[1], "thread") == 0)
    return exhaust_threads();
  if (strcmp(argv[1], "map") == 0 || strcmp(argv[1], "protect") == 0)
    return exhaust_areas(strcmp(argv[1], "protect") == 0);
  return exhaust_names(argv[1]);
}
