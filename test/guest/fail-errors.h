/*
 * Scenarios of fail-nth.c: calls that fail whatever memory there is, after they have made or looked
 * up something. What they had made is to be undone as well.
 */
#ifndef FAIL_ERRORS_H
#define FAIL_ERRORS_H

#include "fail-files.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

/* The call fails as it should; or for want of memory, which ends the scenario. */
#define REFUSED(error, call)                                                                       \
  do {                                                                                             \
    HOLDS((long)(call) == -1);                                                                     \
    if (errno != (error))                                                                          \
      return errno;                                                                                \
  } while (0)

/* No address of ours, which the compiler is not to know. */
static void *volatile no_address = (void *)8;

static int refused_vectors(void) {
  static char bytes[64];
  int fd = keep(memfd_create("vectors", 0));
  NEED(fd);
  struct iovec good[3] = {{bytes, 16}, {bytes + 16, 16}, {bytes + 32, 16}};
  struct iovec kernel[3] = {{bytes, 16}, {(void *)-4096L, 16}, {bytes, 16}};
  struct iovec negative[3] = {{bytes, 16}, {bytes, 16}, {bytes, (size_t)-1}};
  struct iovec unmapped[2] = {{no_address, 16}, {bytes, 16}};
  ssize_t n = writev(fd, good, 3);
  NEED(n);
  HOLDS(n == 48);
  REFUSED(EINVAL, readv(fd, negative, 3));
  REFUSED(EINVAL, writev(fd, negative, 3));
  REFUSED(EINVAL, preadv(fd, good, 3, -1));
  REFUSED(EINVAL, syscall(SYS_readv, fd, good, 1025));
  REFUSED(EFAULT, readv(fd, no_address, 2));
  REFUSED(EFAULT, preadv(fd, kernel, 3, 0));
  REFUSED(EFAULT, pwritev(fd, kernel, 3, 0));
  REFUSED(EFAULT, preadv(fd, unmapped, 2, 0));
  REFUSED(EFAULT, pwritev(fd, unmapped, 2, 0));
  REFUSED(EBADF, readv(-1, good, 3));
  n = preadv(fd, good, 3, 0);
  NEED(n);
  HOLDS(n == 48);
  return 0;
}

/* What was made for the caller goes again when it can't be told of it. */
static int refused_answers(void) {
  REFUSED(EFAULT, syscall(SYS_pipe2, no_address, 0));
  REFUSED(EINVAL, syscall(SYS_pipe2, kept, 0x40000000));
  REFUSED(EFAULT, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, no_address));
  REFUSED(EFAULT, syscall(SYS_memfd_create, no_address, 0));
  REFUSED(EINVAL, syscall(SYS_memfd_create, "name", 0x4000));
  REFUSED(EINVAL, eventfd(0, 0x40000000));
  REFUSED(EINVAL, syscall(SYS_epoll_create1, 1));
  REFUSED(EINVAL, inotify_init1(1));
  REFUSED(EINVAL, timerfd_create(CLOCK_MONOTONIC, 1));
  int fd = keep(timerfd_create(CLOCK_MONOTONIC, 0));
  NEED(fd);
  REFUSED(EFAULT, syscall(SYS_timerfd_settime, fd, 0, no_address, NULL));
  return 0;
}

static int refused_names(void) {
  static char text[8];
  static char too_long[300];
  memset(too_long, 'n', sizeof too_long - 1);
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(symlink("link", PLACE "/link"));
  NEED(mkdir(PLACE "/made", 0755));
  NEED(mkdir(PLACE "/made/inner", 0755));
  REFUSED(EEXIST, open(PLACE "/file", O_CREAT | O_EXCL | O_RDWR, 0644));
  REFUSED(EEXIST, open(PLACE "/link", O_CREAT | O_EXCL | O_RDWR, 0644));
  REFUSED(ELOOP, open(PLACE "/link", O_RDONLY));
  REFUSED(ELOOP, open(PLACE "/link/below", O_RDONLY));
  REFUSED(ENOTDIR, open(PLACE "/file/below", O_RDONLY));
  REFUSED(ENOTDIR, open(PLACE "/file", O_RDONLY | O_DIRECTORY));
  REFUSED(EISDIR, open(PLACE "/made", O_RDWR));
  REFUSED(ENOENT, open(PLACE "/none", O_RDONLY));
  REFUSED(ENOENT, open(PLACE "/none/below", O_CREAT | O_RDWR, 0644));
  REFUSED(ENAMETOOLONG, open(too_long, O_RDONLY));
  REFUSED(EFAULT, open(no_address, O_RDONLY));
  REFUSED(EEXIST, mkdir(PLACE "/made", 0755));
  REFUSED(EEXIST, mkdir(PLACE "/file", 0755));
  REFUSED(EEXIST, mknod(PLACE "/file", S_IFREG | 0644, 0));
  REFUSED(EEXIST, symlink("text", PLACE "/file"));
  REFUSED(ENOENT, symlink("", PLACE "/second"));
  REFUSED(EFAULT, symlink(no_address, PLACE "/second"));
  REFUSED(EEXIST, link(PLACE "/file", PLACE "/link"));
  REFUSED(ENOENT, link(PLACE "/none", PLACE "/second"));
  REFUSED(EPERM, link(PLACE "/made", PLACE "/second"));
  REFUSED(ENOTEMPTY, rmdir(PLACE "/made"));
  REFUSED(ENOTDIR, rmdir(PLACE "/file"));
  REFUSED(EISDIR, unlink(PLACE "/made"));
  REFUSED(EINVAL, readlink(PLACE "/file", text, sizeof text));
  REFUSED(EFAULT, readlink(PLACE "/link", no_address, 8));
  return 0;
}

static int refused_renames(void) {
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(mknod(PLACE "/second", S_IFREG | 0644, 0));
  NEED(mkdir(PLACE "/made", 0755));
  NEED(mkdir(PLACE "/made/inner", 0755));
  REFUSED(ENOENT, rename(PLACE "/none", PLACE "/second"));
  REFUSED(EISDIR, rename(PLACE "/file", PLACE "/made"));
  REFUSED(ENOTDIR, rename(PLACE "/made", PLACE "/file"));
  REFUSED(EINVAL, rename(PLACE "/made", PLACE "/made/inner/below"));
  REFUSED(ENOTEMPTY, rename(PLACE "/other", PLACE "/made"));
  REFUSED(EXDEV, rename(PLACE "/file", "/dev/shm/virga-fail-nth"));
  REFUSED(EEXIST, syscall(SYS_renameat2, AT_FDCWD, PLACE "/file", AT_FDCWD, PLACE "/second", 1));
  REFUSED(ENOENT, syscall(SYS_renameat2, AT_FDCWD, PLACE "/file", AT_FDCWD, PLACE "/none", 2));
  REFUSED(EINVAL, syscall(SYS_renameat2, AT_FDCWD, PLACE "/file", AT_FDCWD, PLACE "/second", 3));
  return 0;
}

static int refused_attributes(void) {
  static char large[65537];
  char value[4];
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(setxattr(PLACE "/file", "user.name", "value", 5, 0));
  REFUSED(EEXIST, setxattr(PLACE "/file", "user.name", "value", 5, XATTR_CREATE));
  REFUSED(ENODATA, setxattr(PLACE "/file", "user.none", "value", 5, XATTR_REPLACE));
  REFUSED(E2BIG, setxattr(PLACE "/file", "user.name", large, sizeof large, 0));
  REFUSED(EFAULT, setxattr(PLACE "/file", "user.name", no_address, 5, 0));
  REFUSED(EOPNOTSUPP, setxattr(PLACE "/file", "nowhere.name", "value", 5, 0));
  REFUSED(ERANGE, getxattr(PLACE "/file", "user.name", value, sizeof value));
  REFUSED(ENODATA, getxattr(PLACE "/file", "user.none", value, sizeof value));
  REFUSED(EFAULT, getxattr(PLACE "/file", "user.name", no_address, 100));
  REFUSED(ERANGE, listxattr(PLACE "/file", value, sizeof value));
  REFUSED(ENODATA, removexattr(PLACE "/file", "user.none"));
  struct timespec bad[2] = {{0, -1}, {0, 0}};
  REFUSED(EINVAL, utimensat(AT_FDCWD, PLACE "/file", bad, 0));
  REFUSED(EFAULT, utimensat(AT_FDCWD, PLACE "/file", no_address, 0));
  REFUSED(EFAULT, syscall(SYS_stat, PLACE "/file", no_address));
  REFUSED(EINVAL, truncate(PLACE "/file", -1));
  REFUSED(EISDIR, truncate(PLACE, 0));
  return 0;
}

static int refused_files(void) {
  int fd = keep(open(PLACE "/file", O_CREAT | O_RDWR, 0644));
  NEED(fd);
  int directory = keep(open(PLACE, O_RDONLY | O_DIRECTORY));
  NEED(directory);
  int epoll = keep(epoll_create1(0));
  NEED(epoll);
  struct epoll_event event = {.events = EPOLLIN};
  REFUSED(EPERM, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  REFUSED(EINVAL, epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event));
  int counter = keep(eventfd(0, EFD_NONBLOCK));
  NEED(counter);
  NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event));
  REFUSED(EEXIST, epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event));
  int other = keep(eventfd(0, 0));
  NEED(other);
  REFUSED(ENOENT, epoll_ctl(epoll, EPOLL_CTL_MOD, other, &event));
  NEED(write(counter, (uint64_t[]){1}, 8));
  REFUSED(EFAULT, epoll_wait(epoll, no_address, 4, 0));
  REFUSED(EINVAL, read(counter, &event, 4));
  static char entries[512];
  REFUSED(EFAULT, syscall(SYS_getdents64, directory, no_address, sizeof entries));
  REFUSED(EINVAL, syscall(SYS_getdents64, directory, entries, 8));
  REFUSED(ENOTDIR, syscall(SYS_getdents64, fd, entries, sizeof entries));
  struct flock bad = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1};
  REFUSED(EINVAL, fcntl(fd, F_SETLK, &bad));
  REFUSED(EINVAL, flock(fd, 0));
  int second = keep(open(PLACE "/file", O_RDWR));
  NEED(second);
  NEED(flock(fd, LOCK_EX | LOCK_NB));
  REFUSED(EWOULDBLOCK, flock(second, LOCK_SH | LOCK_NB));
  REFUSED(EINVAL, fallocate(fd, 0, 0, 0));
  REFUSED(ESPIPE, pread(counter, entries, 8, 0));
  return 0;
}

static const struct scenario error_scenarios[] = {
    {.name = "vectors that are refused", .run = refused_vectors, .errors = {ENFILE, ENOSPC}},
    {.name = "answers that can't be given", .run = refused_answers, .errors = {ENFILE, ENOBUFS}},
    {.name = "names that are refused", .run = refused_names,
     .errors = {ENFILE}, .clean = remove_files},
    {.name = "renames that are refused", .run = refused_renames, .clean = remove_files},
    {.name = "attributes that are refused", .run = refused_attributes,
     .errors = {ENOSPC}, .clean = remove_files},
    {.name = "files that refuse", .run = refused_files,
     .errors = {ENFILE, ENOLCK, ENOSPC}, .clean = remove_files},
};

#endif
