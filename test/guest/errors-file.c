/*
 * What calls on files, descriptors and names refuse, and with which error: each line is one call
 * that must fail. What they do when they succeed is tested with each family.
 */
#include "errors.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/xattr.h>

/* Counts that are too many or none; the compiler does not look at them, either. */
static volatile int minus_one = -1, vectors_too_many = IOV_MAX + 1, value_too_large = 65537;
enum { RENAME_NOREPLACE_ = 1, RENAME_EXCHANGE_ = 2, RENAME_WHITEOUT_ = 4 };

static char byte, buffer[8192];
/* A regular file, the same for reading and for writing alone, its directory, a path, a pipe. */
static int file, reader, writer, directory, path, in, out, epoll, event, timer, stream;
static char base[96], name[128], link_name[128], missing[128], below[160];

static void test_setup(void) {
  snprintf(base, sizeof base, "%s", scratch("errors"));
  snprintf(name, sizeof name, "%s/file", base);
  snprintf(link_name, sizeof link_name, "%s/link", base);
  snprintf(missing, sizeof missing, "%s/missing", base);
  snprintf(below, sizeof below, "%s/file/below", base);
  int ends[2], pair[2];
  REQUIRE("a directory", mkdir(base, 0755) == 0);
  file = open(name, O_RDWR | O_CREAT, 0644);
  REQUIRE("a file", file >= 0 && write(file, "0123456789", 10) == 10);
  reader = open(name, O_RDONLY);
  writer = open(name, O_WRONLY);
  directory = open(base, O_RDONLY | O_DIRECTORY);
  path = open(name, O_PATH);
  REQUIRE("a link", symlink("file", link_name) == 0);
  REQUIRE("a pipe", pipe(ends) == 0);
  in = ends[0], out = ends[1];
  epoll = epoll_create1(0);
  event = eventfd(0, EFD_NONBLOCK);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  REQUIRE("sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  stream = pair[0];
  close(pair[1]);
}

static void test_read_write(void) {
  struct iovec one = {buffer, 1}, negative = {buffer, -1};
  FAILS(EBADF, read(CLOSED, &byte, 1));
  FAILS(EBADF, read(-1, &byte, 1));
  FAILS(EBADF, read(writer, &byte, 1));
  FAILS(EBADF, read(path, &byte, 1));
  FAILS(EISDIR, read(directory, &byte, 1));
  lseek(file, 0, SEEK_SET);
  FAILS(EFAULT, read(file, NOWHERE, 1));
  FAILS(EBADF, read(out, &byte, 1));
  FAILS(EBADF, write(CLOSED, &byte, 1));
  FAILS(EBADF, write(reader, &byte, 1));
  FAILS(EBADF, write(directory, &byte, 1));
  FAILS(EBADF, write(in, &byte, 1));
  FAILS(EFAULT, write(file, NOWHERE, 1));
  FAILS(EINVAL, read(epoll, &byte, 1));
  FAILS(EINVAL, write(epoll, &byte, 1));
  FAILS(EINVAL, read(event, buffer, 7));
  FAILS(EAGAIN, read(event, buffer, 8));
  FAILS(EINVAL, write(event, buffer, 7));
  memset(buffer, 0xff, 8);
  FAILS(EINVAL, write(event, buffer, 8));
  FAILS(EINVAL, read(timer, buffer, 7));
  FAILS(EAGAIN, read(timer, buffer, 8));
  FAILS(EINVAL, write(timer, buffer, 8));
  FAILS(EBADF, pread(CLOSED, &byte, 1, 0));
  FAILS(EINVAL, pread(file, &byte, 1, -1));
  FAILS(ESPIPE, pread(in, &byte, 1, 0));
  FAILS(ESPIPE, pread(stream, &byte, 1, 0));
  FAILS(EBADF, pread(writer, &byte, 1, 0));
  FAILS(EISDIR, pread(directory, &byte, 1, 0));
  FAILS(EINVAL, pwrite(file, &byte, 1, -1));
  FAILS(ESPIPE, pwrite(out, &byte, 1, 0));
  FAILS(EBADF, pwrite(reader, &byte, 1, 0));
  FAILS(EINVAL, readv(file, &one, minus_one));
  FAILS(EINVAL, readv(file, &one, vectors_too_many));
  FAILS(EINVAL, readv(file, &negative, 1));
  FAILS(EFAULT, readv(file, NOWHERE, 1));
  FAILS(EBADF, readv(writer, &one, 1));
  GIVES(0, readv(file, &one, 0));
  FAILS(EINVAL, writev(file, &one, minus_one));
  FAILS(EINVAL, writev(file, &one, vectors_too_many));
  FAILS(EBADF, writev(reader, &one, 1));
  GIVES(0, writev(file, NULL, 0));
  FAILS(EINVAL, preadv(file, &one, 1, -1));
  FAILS(ESPIPE, preadv(in, &one, 1, 0));
  FAILS(EINVAL, pwritev(file, &one, 1, -1));
  FAILS(ESPIPE, pwritev(out, &one, 1, 0));
  FAILS(EOPNOTSUPP, syscall(SYS_preadv2, file, &one, 1, 0, 0, 0x4000));
  FAILS(EOPNOTSUPP, syscall(SYS_pwritev2, file, &one, 1, 0, 0, 0x4000));
  FAILS(EINVAL, syscall(SYS_preadv2, file, &one, 1, -2l, 0l, 0));
}

static void test_position(void) {
  FAILS(EBADF, lseek(CLOSED, 0, SEEK_SET));
  FAILS(EINVAL, lseek(file, 0, 99));
  FAILS(EINVAL, lseek(file, -1, SEEK_SET));
  FAILS(EINVAL, lseek(file, -11, SEEK_END));
  FAILS(EINVAL, lseek(directory, -1, SEEK_SET));
  FAILS(EINVAL, lseek(directory, 0, 99));
  FAILS(ENXIO, lseek(file, 10, SEEK_DATA));
  FAILS(ENXIO, lseek(file, 11, SEEK_HOLE));
  FAILS(ENXIO, lseek(file, -1, SEEK_DATA));
  GIVES(10, lseek(file, 3, SEEK_HOLE));
  GIVES(3, lseek(file, 3, SEEK_DATA));
  FAILS(ESPIPE, lseek(in, 0, SEEK_SET));
  FAILS(ESPIPE, lseek(stream, 0, SEEK_CUR));
  FAILS(EBADF, lseek(path, 0, SEEK_CUR));
  FAILS(EBADF, ftruncate(CLOSED, 0));
  FAILS(EINVAL, ftruncate(reader, 0));
  FAILS(EINVAL, ftruncate(file, -1));
  FAILS(EINVAL, ftruncate(directory, 0));
  FAILS(EINVAL, ftruncate(out, 0));
  FAILS(EBADF, ftruncate(path, 0));
  FAILS(EINVAL, truncate(name, -1));
  FAILS(EISDIR, truncate(base, 0));
  FAILS(ENOENT, truncate(missing, 0));
  FAILS(ENOTDIR, truncate(below, 0));
  FAILS(EFAULT, truncate(NOWHERE, 0));
  FAILS(EBADF, fallocate(CLOSED, 0, 0, 1));
  FAILS(EBADF, fallocate(reader, 0, 0, 1));
  FAILS(EINVAL, fallocate(file, 0, -1, 1));
  FAILS(EINVAL, fallocate(file, 0, 0, 0));
  FAILS(EFBIG, fallocate(file, 0, LLONG_MAX, 1));
  FAILS(EOPNOTSUPP, fallocate(file, 0x8000, 0, 1));
  FAILS(EOPNOTSUPP, fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 1));
  FAILS(ESPIPE, fallocate(out, 0, 0, 1));
  FAILS(EBADF, fsync(CLOSED));
  FAILS(EINVAL, fsync(in));
  FAILS(EBADF, fdatasync(path));
  FAILS(EBADF, syncfs(CLOSED));
}

static void test_copies(void) {
  off_t at = -1;
  int32_t pipes[2];
  FAILS(EBADF, sendfile(CLOSED, file, NULL, 1));
  FAILS(EBADF, sendfile(out, CLOSED, NULL, 1));
  FAILS(EBADF, sendfile(out, writer, NULL, 1));
  FAILS(EBADF, sendfile(reader, file, NULL, 1));
  FAILS(EINVAL, sendfile(out, file, &at, 1));
  FAILS(EFAULT, sendfile(out, file, NOWHERE, 1));
  FAILS(EBADF, copy_file_range(CLOSED, NULL, file, NULL, 1, 0));
  FAILS(EBADF, copy_file_range(file, NULL, reader, NULL, 1, 0));
  FAILS(EBADF, copy_file_range(writer, NULL, file, NULL, 1, 0));
  FAILS(EINVAL, copy_file_range(file, NULL, file, NULL, 1, 1));
  FAILS(EISDIR, copy_file_range(directory, NULL, file, NULL, 1, 0));
  FAILS(EINVAL, copy_file_range(in, NULL, file, NULL, 1, 0));
  FAILS(EINVAL, splice(file, NULL, file, NULL, 1, 0));
  FAILS(ESPIPE, splice(in, &at, file, NULL, 1, 0));
  FAILS(EBADF, splice(CLOSED, NULL, out, NULL, 1, 0));
  FAILS(EINVAL, splice(file, NULL, out, NULL, 1, 0x100));
  FAILS(EINVAL, tee(file, out, 1, 0));
  FAILS(EINVAL, tee(in, out, 1, 0));
  FAILS(EBADF, tee(CLOSED, out, 1, 0));
  FAILS(EBADF, vmsplice(file, &(struct iovec){buffer, 1}, 1, 0));
  FAILS(EFAULT, pipe(NOWHERE));
  FAILS(EINVAL, pipe2(pipes, 0x10000000));
}

static void test_open(void) {
  FAILS(ENOENT, open(missing, O_RDONLY));
  FAILS(ENOTDIR, open(below, O_RDONLY));
  FAILS(ENOENT, open("", O_RDONLY));
  FAILS(EFAULT, open(NOWHERE, O_RDONLY));
  FAILS(EISDIR, open(base, O_RDWR));
  FAILS(EISDIR, open(base, O_RDONLY | O_CREAT, 0600));
  FAILS(ENOTDIR, open(name, O_RDONLY | O_DIRECTORY));
  FAILS(ELOOP, open(link_name, O_RDONLY | O_NOFOLLOW));
  FAILS(EEXIST, open(link_name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  FAILS(EEXIST, open(base, O_RDONLY | O_CREAT | O_EXCL, 0600));
  FAILS(EINVAL, open(base, O_TMPFILE | O_RDONLY, 0600));
  FAILS(ENOTDIR, open(name, O_TMPFILE | O_RDWR, 0600));
  FAILS(ENOENT, open(missing, O_TMPFILE | O_RDWR, 0600));
  FAILS(EBADF, openat(CLOSED, "file", O_RDONLY));
  FAILS(ENOTDIR, openat(file, "file", O_RDONLY));
  FAILS(ENOENT, creat("/tmp/virga-none/x", 0600));
  FAILS(EBADF, close(CLOSED));
  FAILS(EBADF, close(-1));
  FAILS(EINVAL, syscall(SYS_close_range, 5, 4, 0));
  FAILS(EINVAL, syscall(SYS_close_range, CLOSED, CLOSED, 64));
  FAILS(EBADF, dup(CLOSED));
  FAILS(EBADF, dup2(CLOSED, 3));
  FAILS(EBADF, dup2(file, -1));
  FAILS(EBADF, dup2(file, 1 << 30));
  GIVES(file, dup2(file, file));
  FAILS(EINVAL, syscall(SYS_dup3, file, file, 0));
  FAILS(EINVAL, syscall(SYS_dup3, file, CLOSED, O_NONBLOCK));
  FAILS(EBADF, syscall(SYS_dup3, CLOSED, CLOSED + 1, O_CLOEXEC));
  FAILS(EINVAL, memfd_create("name", 0x10000000));
  FAILS(EFAULT, memfd_create(NOWHERE, 0));
  memset(buffer, 'n', 300);
  buffer[250] = 0;
  FAILS(EINVAL, memfd_create(buffer, 0));
}

static void test_control(void) {
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  FAILS(EBADF, fcntl(CLOSED, F_GETFD));
  FAILS(EINVAL, fcntl(file, 9999));
  FAILS(EINVAL, fcntl(file, F_DUPFD, -1));
  FAILS(EINVAL, fcntl(file, F_DUPFD, 1 << 30));
  FAILS(EBADF, fcntl(path, F_SETFL, 0));
  FAILS(EBADF, fcntl(path, F_GETLK, &lock));
  FAILS(EBADF, fcntl(writer, F_SETLK, &lock));
  lock.l_type = F_WRLCK;
  FAILS(EBADF, fcntl(reader, F_SETLK, &lock));
  lock.l_type = 77;
  FAILS(EINVAL, fcntl(file, F_SETLK, &lock));
  lock.l_type = F_RDLCK, lock.l_whence = 77;
  FAILS(EINVAL, fcntl(file, F_SETLK, &lock));
  lock.l_whence = SEEK_SET, lock.l_start = -1;
  FAILS(EINVAL, fcntl(file, F_SETLK, &lock));
  FAILS(EFAULT, fcntl(file, F_SETLK, NOWHERE));
  FAILS(EFAULT, fcntl(file, F_GETLK, NOWHERE));
  lock.l_start = 0, lock.l_pid = 5;
  FAILS(EINVAL, fcntl(file, 37 /* F_OFD_SETLK */, &lock));
  FAILS(EBADF, fcntl(file, F_GETPIPE_SZ));
  FAILS(EBADF, fcntl(file, F_SETPIPE_SZ, 4096));
  FAILS(EINVAL, fcntl(out, F_SETPIPE_SZ, -1));
  FAILS(EINVAL, fcntl(file, F_SETSIG, 99));
  FAILS(ESRCH, fcntl(in, F_SETOWN, 99999));
  FAILS(EBADF, flock(CLOSED, LOCK_SH));
  FAILS(EINVAL, flock(file, 0));
  FAILS(EINVAL, flock(file, LOCK_SH | LOCK_EX));
  FAILS(EBADF, flock(path, LOCK_SH));
  FAILS(EBADF, ioctl(CLOSED, FIONREAD, buffer));
  FAILS(EBADF, ioctl(path, FIONREAD, buffer));
  FAILS(ENOTTY, ioctl(file, 0x5401 /* TCGETS */, buffer));
  FAILS(ENOTTY, ioctl(in, 0x5413 /* TIOCGWINSZ */, buffer));
  FAILS(ENOTTY, ioctl(event, FIONREAD, buffer));
  FAILS(EFAULT, ioctl(in, FIONREAD, NOWHERE));
  FAILS(EFAULT, ioctl(in, FIONBIO, NOWHERE));
}

static void test_names(void) {
  char other[128], inside[160];
  snprintf(other, sizeof other, "%s/other", base);
  snprintf(inside, sizeof inside, "%s/other/inside", base);
  mkdir(other, 0755);
  FAILS(EEXIST, mkdir(base, 0755));
  FAILS(EEXIST, mkdir(link_name, 0755));
  FAILS(ENOENT, mkdir("/tmp/virga-none/x", 0755));
  FAILS(ENOTDIR, mkdir(below, 0755));
  FAILS(EBADF, mkdirat(CLOSED, "x", 0755));
  FAILS(EEXIST, mkdir("/", 0755));
  FAILS(ENOTDIR, rmdir(name));
  FAILS(ENOTDIR, rmdir(link_name));
  FAILS(ENOENT, rmdir(missing));
  FAILS(ENOTEMPTY, rmdir(base));
  FAILS(EBUSY, rmdir("/"));
  FAILS(EISDIR, unlink(base));
  FAILS(ENOENT, unlink(missing));
  FAILS(ENOTDIR, unlink(below));
  FAILS(EINVAL, unlinkat(directory, "file", 1));
  FAILS(ENOTDIR, unlinkat(directory, "file", AT_REMOVEDIR));
  FAILS(EBADF, unlinkat(CLOSED, "file", 0));
  FAILS(ENOENT, rename(missing, name));
  FAILS(EISDIR, rename(name, other));
  FAILS(ENOTDIR, rename(other, name));
  FAILS(EINVAL, rename(other, inside));
  FAILS(EBUSY, rename("/", "/tmp/virga-none"));
  FAILS(EBUSY, rename(".", "/tmp/virga-none"));
  FAILS(EBUSY, rename(name, "/tmp/.."));
  FAILS(EINVAL, syscall(SYS_renameat2, directory, "file", directory, "new", 0x100));
  FAILS(EINVAL, syscall(SYS_renameat2, directory, "file", directory, "new",
                          RENAME_NOREPLACE_ | RENAME_EXCHANGE_));
  FAILS(EEXIST, syscall(SYS_renameat2, directory, "file", directory, "link", RENAME_NOREPLACE_));
  FAILS(ENOENT, syscall(SYS_renameat2, directory, "file", directory, "none", RENAME_EXCHANGE_));
  FAILS(ENOENT, syscall(SYS_renameat2, directory, "none", directory, "file", RENAME_EXCHANGE_));
  FAILS(EEXIST, link(name, link_name));
  FAILS(EPERM, link(base, missing));
  FAILS(ENOENT, link(missing, "/tmp/virga-none"));
  FAILS(EINVAL, linkat(directory, "file", directory, "new", 1));
  FAILS(ENOENT, linkat(directory, "", directory, "new", 0));
  FAILS(EEXIST, symlink("x", name));
  FAILS(ENOENT, symlink("", missing));
  FAILS(ENOENT, symlink("x", "/tmp/virga-none/x"));
  FAILS(EINVAL, readlink(name, buffer, 10));
  FAILS(EINVAL, syscall(SYS_readlink, link_name, buffer, 0));
  FAILS(ENOENT, readlink(missing, buffer, 10));
  FAILS(EFAULT, readlink(link_name, NOWHERE, 10));
  FAILS(ENOENT, chdir(missing));
  FAILS(ENOTDIR, chdir(name));
  FAILS(ENOTDIR, fchdir(file));
  FAILS(EBADF, fchdir(CLOSED));
  FAILS(ERANGE, syscall(SYS_getcwd, buffer, 1));
  FAILS(EFAULT, syscall(SYS_getcwd, NOWHERE, 4096));
  FAILS(EEXIST, mknod(name, S_IFREG | 0600, 0));
  FAILS(EINVAL, mknod(missing, S_IFMT, 0));
  FAILS(EPERM, mknod(missing, S_IFDIR | 0700, 0));
  FAILS(ENOTDIR, syscall(SYS_getdents64, file, buffer, 4096));
  FAILS(EBADF, syscall(SYS_getdents64, CLOSED, buffer, 4096));
  FAILS(EINVAL, syscall(SYS_getdents64, directory, buffer, 1));
  FAILS(EFAULT, syscall(SYS_getdents64, directory, NOWHERE, 4096));
  rmdir(other);
}

static void test_attributes(void) {
  struct stat st;
  struct statfs fs;
  struct timespec bad[2] = {{0, 1000000000}, {0, 0}}, negative[2] = {{0, 0}, {0, -1}};
  struct timeval microseconds[2] = {{0, 1000000}, {0, 0}};
  FAILS(ENOENT, stat(missing, &st));
  FAILS(ENOTDIR, stat(below, &st));
  FAILS(EFAULT, syscall(SYS_stat, name, NOWHERE));
  FAILS(EBADF, fstat(CLOSED, &st));
  FAILS(EINVAL, fstatat(directory, "file", &st, 1));
  FAILS(ENOENT, fstatat(directory, "", &st, 0));
  FAILS(EBADF, fstatat(CLOSED, "file", &st, 0));
  FAILS(EBADF, fstatat(CLOSED, "", &st, AT_EMPTY_PATH));
  FAILS(EINVAL, syscall(SYS_statx, directory, "file", 0x6000, 0, buffer));
  FAILS(EINVAL, syscall(SYS_statx, directory, "file", 0, 0x80000000u, buffer));
  FAILS(EFAULT, syscall(SYS_statx, directory, "file", 0, 0, NOWHERE));
  FAILS(ENOENT, syscall(SYS_statx, directory, "none", 0, 0, buffer));
  FAILS(ENOENT, statfs(missing, &fs));
  FAILS(EFAULT, syscall(SYS_statfs, name, NOWHERE));
  FAILS(EBADF, fstatfs(CLOSED, &fs));
  FAILS(EINVAL, access(name, 8));
  FAILS(ENOENT, access(missing, F_OK));
  FAILS(EACCES, access(name, X_OK));
  FAILS(EINVAL, syscall(439 /* faccessat2 */, directory, "file", 0, 1));
  FAILS(EBADF, faccessat(CLOSED, "file", F_OK, 0));
  FAILS(ENOENT, chmod(missing, 0600));
  FAILS(EBADF, fchmod(CLOSED, 0600));
  FAILS(EBADF, syscall(SYS_fchmod, path, 0600));
  FAILS(EINVAL, syscall(452 /* fchmodat2 */, directory, "file", 0600, 1));
  FAILS(ENOENT, syscall(452, directory, "missing", 0600, 0));
  GIVES(0, syscall(452, directory, "file", 0644, 0));
  FAILS(ENOENT, chown(missing, 0, 0));
  FAILS(EBADF, fchown(CLOSED, 0, 0));
  FAILS(EINVAL, fchownat(directory, "file", 0, 0, 1));
  FAILS(EINVAL, utimensat(directory, "file", bad, 0));
  FAILS(EINVAL, utimensat(directory, "file", negative, 0));
  FAILS(EINVAL, utimensat(directory, "file", NULL, 1));
  FAILS(ENOENT, utimensat(directory, "none", NULL, 0));
  FAILS(EBADF, futimens(CLOSED, NULL));
  FAILS(EFAULT, syscall(SYS_utimensat, directory, "file", NOWHERE, 0));
  FAILS(EINVAL, syscall(SYS_utimes, name, microseconds));
  FAILS(EINVAL, syscall(SYS_futimesat, directory, "file", microseconds));
  FAILS(EFAULT, syscall(SYS_utime, name, NOWHERE));
  FAILS(ENODATA, getxattr(name, "user.none", buffer, 10));
  FAILS(ENODATA, removexattr(name, "user.none"));
  FAILS(ENOENT, getxattr(missing, "user.x", buffer, 10));
  FAILS(EOPNOTSUPP, getxattr(name, "nothing.x", buffer, 10));
  FAILS(EINVAL, setxattr(name, "user.x", "v", 1, 99));
  FAILS(ENODATA, setxattr(name, "user.x", "v", 1, XATTR_REPLACE));
  FAILS(E2BIG, setxattr(name, "user.x", buffer, value_too_large, 0));
  FAILS(EBADF, flistxattr(CLOSED, buffer, 10));
}

static void test_waiting(void) {
  struct epoll_event e = {.events = EPOLLIN};
  struct itimerspec setting = {.it_value = {0, 1000000000}};
  struct pollfd fds = {.fd = in, .events = POLLIN};
  struct timespec bad = {0, -1};
  sigset_t set;
  sigemptyset(&set);
  FAILS(EINVAL, epoll_create1(1));
  FAILS(EINVAL, syscall(SYS_epoll_create, 0));
  FAILS(EBADF, epoll_ctl(CLOSED, EPOLL_CTL_ADD, in, &e));
  FAILS(EBADF, epoll_ctl(epoll, EPOLL_CTL_ADD, CLOSED, &e));
  FAILS(EINVAL, epoll_ctl(in, EPOLL_CTL_ADD, out, &e));
  FAILS(EINVAL, epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &e));
  FAILS(EPERM, epoll_ctl(epoll, EPOLL_CTL_ADD, file, &e));
  FAILS(EPERM, epoll_ctl(epoll, EPOLL_CTL_ADD, directory, &e));
  FAILS(ENOENT, epoll_ctl(epoll, EPOLL_CTL_MOD, in, &e));
  FAILS(ENOENT, epoll_ctl(epoll, EPOLL_CTL_DEL, in, &e));
  FAILS(EINVAL, epoll_ctl(epoll, 9, in, &e));
  FAILS(EFAULT, epoll_ctl(epoll, EPOLL_CTL_ADD, in, NOWHERE));
  e.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
  FAILS(EINVAL, epoll_ctl(epoll, EPOLL_CTL_ADD, in, &e));
  e.events = EPOLLIN;
  GIVES(0, epoll_ctl(epoll, EPOLL_CTL_ADD, in, &e));
  FAILS(EEXIST, epoll_ctl(epoll, EPOLL_CTL_ADD, in, &e));
  e.events = EPOLLIN | EPOLLEXCLUSIVE;
  FAILS(EINVAL, epoll_ctl(epoll, EPOLL_CTL_MOD, in, &e));
  FAILS(EINVAL, epoll_wait(epoll, &e, 0, 0));
  FAILS(EINVAL, epoll_wait(epoll, &e, minus_one, 0));
  FAILS(EINVAL, epoll_wait(in, &e, 1, 0));
  FAILS(EBADF, epoll_wait(CLOSED, &e, 1, 0));
  FAILS(EINVAL, syscall(SYS_epoll_pwait, epoll, &e, 1, 0, &set, 4));
  FAILS(EINVAL, eventfd(0, 0x10000000));
  FAILS(EINVAL, timerfd_create(99, 0));
  FAILS(EINVAL, timerfd_create(CLOCK_MONOTONIC, 1));
  FAILS(EINVAL, timerfd_settime(timer, 0, &setting, NULL));
  setting.it_value.tv_nsec = 0;
  FAILS(EINVAL, timerfd_settime(timer, 8, &setting, NULL));
  FAILS(EINVAL, timerfd_settime(in, 0, &setting, NULL));
  FAILS(EBADF, timerfd_settime(CLOSED, 0, &setting, NULL));
  FAILS(EFAULT, timerfd_settime(timer, 0, NOWHERE, NULL));
  FAILS(EINVAL, timerfd_gettime(in, &setting));
  FAILS(EFAULT, timerfd_gettime(timer, NOWHERE));
  FAILS(EINVAL, syscall(SYS_signalfd4, -1, &set, 4, 0));
  FAILS(EINVAL, syscall(SYS_signalfd4, -1, &set, 8, 1));
  FAILS(EINVAL, syscall(SYS_signalfd4, in, &set, 8, 0));
  FAILS(EBADF, syscall(SYS_signalfd4, CLOSED, &set, 8, 0));
  FAILS(EFAULT, poll(NOWHERE, 1, 0));
  FAILS(EINVAL, syscall(SYS_poll, &fds, 1u << 30, 0));
  FAILS(EINVAL, ppoll(&fds, 1, &bad, NULL));
  FAILS(EINVAL, syscall(SYS_ppoll, &fds, 1, NULL, &set, 4));
  FAILS(EINVAL, select(-1, NULL, NULL, NULL, NULL));
  FAILS(EINVAL, pselect(0, NULL, NULL, NULL, &bad, NULL));
  FAILS(EFAULT, select(8, NOWHERE, NULL, NULL, NULL));
  fd_set sets;
  FD_ZERO(&sets);
  FD_SET(CLOSED, &sets);
  FAILS(EBADF, select(CLOSED + 1, &sets, NULL, NULL, &(struct timeval){0, 0}));
}

static void test_end(void) {
  unlink(link_name);
  unlink(name);
  CHECK_EQ("nothing else was made", rmdir(base), 0);
}

static const struct group groups[] = {
    {"setup", test_setup},     {"read-write", test_read_write}, {"position", test_position},
    {"copies", test_copies},   {"open", test_open},             {"control", test_control},
    {"names", test_names},     {"attributes", test_attributes}, {"waiting", test_waiting},
    {"end", test_end},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
