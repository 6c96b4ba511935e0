/*
 * File descriptors: numbering, dup, flags, reading and writing in all their forms, sendfile and
 * friends. Pipes and eventfd are in pipe.c, the file system itself in file.c.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int scratch_file(const char *content) {
  const char *path = scratch("fd");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  if (fd >= 0 && write(fd, content, strlen(content)) != (ssize_t)strlen(content))
    return -1;
  return fd;
}

static void test_numbers(void) {
  int a = open("/dev/null", O_RDWR), b = open("/dev/null", O_RDWR);
  REQUIRE("open", a > 2 && b > a);
  CHECK_EQ("close", close(a), 0);
  CHECK_ERR("close twice", close(a), EBADF);
  CHECK_EQ("the lowest free number is taken", open("/dev/null", O_RDONLY), a);
  CHECK_ERR("read of a bad descriptor", read(-1, &a, 1), EBADF);
  CHECK_ERR("read of a number too large", read(1 << 30, &a, 1), EBADF);
  CHECK_ERR("close of a bad descriptor", close(-5), EBADF);
  close(a);
  int many[300], opened = 0;
  for (int i = 0; i < 300; i++)
    opened += (many[i] = open("/dev/null", O_RDWR)) >= 0;
  CHECK_EQ("300 open files", opened, 300);
  for (int i = 0; i < 300; i++)
    close(many[i]);
  struct rlimit limit;
  CHECK("RLIMIT_NOFILE is sensible", getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                                         limit.rlim_cur >= 1024);
  struct rlimit low = {b + 1, limit.rlim_max};
  CHECK_EQ("it can be lowered", setrlimit(RLIMIT_NOFILE, &low), 0);
  a = open("/dev/null", O_RDWR);
  CHECK_ERR("and then is kept", open("/dev/null", O_RDWR), EMFILE);
  CHECK_ERR("by dup2, too", dup2(b, b + 5), EBADF);
  setrlimit(RLIMIT_NOFILE, &limit);
  close(a);
  close(b);
}

static void test_dup(void) {
  int a = scratch_file("0123456789"), b, flags;
  char byte = 0;
  REQUIRE("scratch file", a >= 0);
  CHECK("dup", (b = dup(a)) >= 0 && b != a);
  lseek(a, 4, SEEK_SET);
  CHECK("dup shares the position", read(b, &byte, 1) == 1 && byte == '4');
  CHECK("and it moves for both", lseek(a, 0, SEEK_CUR) == 5);
  close(b);
  CHECK_EQ("dup2", dup2(a, 100), 100);
  CHECK_EQ("dup2 of a descriptor to itself", dup2(a, a), a);
  CHECK_ERR("dup2 of a closed one", dup2(b, 101), EBADF);
  CHECK_ERR("dup2 to a negative one", dup2(a, -1), EBADF);
  fcntl(100, F_SETFD, FD_CLOEXEC);
  CHECK("CLOEXEC belongs to the descriptor", !(fcntl(a, F_GETFD) & FD_CLOEXEC));
  CHECK("dup3 with O_CLOEXEC", dup3(a, 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC);
  CHECK_ERR("dup3 of a descriptor to itself", dup3(a, a, 0), EINVAL);
  CHECK_ERR("dup3 with a bad flag", syscall(SYS_dup3, a, 102, O_APPEND), EINVAL);
  CHECK("F_DUPFD takes the next free number",
        (b = fcntl(a, F_DUPFD, 100)) == 102 && fcntl(b, F_GETFD) == 0);
  close(b);
  CHECK("F_DUPFD_CLOEXEC", (b = fcntl(a, F_DUPFD_CLOEXEC, 50)) >= 50 &&
                               fcntl(b, F_GETFD) == FD_CLOEXEC);
  close(b);
  CHECK("F_GETFL", ((flags = fcntl(a, F_GETFL)) & O_ACCMODE) == O_RDWR);
  CHECK_EQ("F_SETFL", fcntl(a, F_SETFL, flags | O_APPEND | O_NONBLOCK), 0);
  CHECK("status flags are shared", (fcntl(100, F_GETFL) & (O_APPEND | O_NONBLOCK)) ==
                                       (O_APPEND | O_NONBLOCK));
  CHECK_ERR("an unknown fcntl", fcntl(a, 9999), EINVAL);
  int on = 0;
  CHECK("FIONBIO", ioctl(a, FIONBIO, &on) == 0 && !(fcntl(a, F_GETFL) & O_NONBLOCK));
  CHECK("FIOCLEX", ioctl(a, FIOCLEX) == 0 && fcntl(a, F_GETFD) == FD_CLOEXEC);
  CHECK_ERR("TCGETS of a file", isatty(a) ? 0 : -1, ENOTTY);
  close(100);
  close(101);
  close(a);
}

static void test_position(void) {
  int fd = scratch_file("0123456789");
  char buffer[32] = "";
  REQUIRE("scratch file", fd >= 0);
  CHECK_EQ("SEEK_SET", lseek(fd, 3, SEEK_SET), 3);
  CHECK_EQ("SEEK_CUR", lseek(fd, 2, SEEK_CUR), 5);
  CHECK_EQ("SEEK_END", lseek(fd, -1, SEEK_END), 9);
  CHECK_ERR("before the start", lseek(fd, -1, SEEK_SET), EINVAL);
  CHECK_ERR("a bad whence", lseek(fd, 0, 99), EINVAL);
  CHECK("read to the end", read(fd, buffer, 32) == 1 && buffer[0] == '9');
  CHECK_EQ("read at the end", read(fd, buffer, 32), 0);
  CHECK("pread", pread(fd, buffer, 4, 2) == 4 && memcmp(buffer, "2345", 4) == 0);
  CHECK_EQ("does not move the position", lseek(fd, 0, SEEK_CUR), 10);
  CHECK_EQ("pread past the end", pread(fd, buffer, 4, 100), 0);
  CHECK_ERR("pread at a negative place", pread(fd, buffer, 4, -1), EINVAL);
  CHECK_EQ("pwrite", pwrite(fd, "ab", 2, 4), 2);
  CHECK("it is there", pread(fd, buffer, 4, 3) == 4 && memcmp(buffer, "3ab6", 4) == 0);
  CHECK_EQ("beyond the end is allowed", lseek(fd, 20, SEEK_SET), 20);
  CHECK_EQ("write there", write(fd, "z", 1), 1);
  CHECK("the gap is zero", pread(fd, buffer, 11, 10) == 11 && buffer[0] == 0 && buffer[9] == 0 &&
                               buffer[10] == 'z');
  CHECK_EQ("a write of nothing", write(fd, buffer, 0), 0);
  close(fd);
  fd = open("/dev/null", O_WRONLY);
  CHECK_ERR("read of a write-only descriptor", read(fd, buffer, 1), EBADF);
  close(fd);
  fd = open("/dev/zero", O_RDONLY);
  CHECK_ERR("write to a read-only descriptor", write(fd, buffer, 1), EBADF);
  close(fd);
  fd = open("/", O_RDONLY | O_DIRECTORY);
  CHECK_ERR("read of a directory", read(fd, buffer, 1), EISDIR);
  close(fd);
}

static void test_vectors(void) {
  int fd = scratch_file("");
  char a[4] = "", b[4] = "", c[4] = "";
  struct iovec out[3] = {{"abc", 3}, {NULL, 0}, {"defg", 4}};
  struct iovec in[3] = {{a, 3}, {b, 2}, {c, 3}};
  REQUIRE("scratch file", fd >= 0);
  CHECK_EQ("writev", writev(fd, out, 3), 7);
  lseek(fd, 0, SEEK_SET);
  CHECK("readv", readv(fd, in, 3) == 7 && !strcmp(a, "abc") && !strcmp(b, "de") &&
                     !strcmp(c, "fg"));
  CHECK("preadv", preadv(fd, in, 2, 2) == 5 && !memcmp(a, "cde", 3) && !memcmp(b, "fg", 2));
  CHECK_EQ("pwritev", pwritev(fd, out, 3, 1), 7);
  CHECK("at its place", pread(fd, a, 3, 0) == 3 && !memcmp(a, "aab", 3));
  CHECK_EQ("no vectors", writev(fd, out, 0), 0);
  CHECK_ERR("too many vectors", syscall(SYS_writev, fd, out, 1025), EINVAL);
  CHECK_ERR("a negative number of them", syscall(SYS_writev, fd, out, -1), EINVAL);
  struct iovec half[2] = {{"xy", 2}, {(void *)8, 4}};
  ssize_t n = writev(fd, half, 2);
  int error = errno;
  CHECK("a bad vector after a good one", n == 2 || (n == -1 && error == EFAULT));
  close(fd);
}

static void test_transfer(void) {
  int from = scratch_file("0123456789"), to = scratch_file(""), fds[2];
  char buffer[16] = "";
  off_t offset = 2;
  REQUIRE("files and a pipe", from >= 0 && to >= 0 && pipe(fds) == 0);
  CHECK("sendfile with an offset", sendfile(to, from, &offset, 5) == 5 && offset == 7);
  CHECK("its content", pread(to, buffer, 16, 0) == 5 && !memcmp(buffer, "23456", 5));
  lseek(from, 8, SEEK_SET);
  CHECK_EQ("sendfile to a pipe, to the end", sendfile(fds[1], from, NULL, 100), 2);
  CHECK("its content, too", read(fds[0], buffer, 16) == 2 && !memcmp(buffer, "89", 2));
  off_t in = 0, out = 5;
  CHECK_EQ("copy_file_range", syscall(SYS_copy_file_range, from, &in, to, &out, 3, 0), 3);
  CHECK("copied", pread(to, buffer, 16, 5) == 3 && !memcmp(buffer, "012", 3));
  CHECK_EQ("fallocate", fallocate(to, 0, 0, 8192), 0);
  CHECK_EQ("posix_fadvise", posix_fadvise(to, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
  close(from);
  close(to);
  close(fds[0]);
  close(fds[1]);
}

static void test_close_range(void) {
  for (int fd = 200; fd < 210; fd++)
    dup2(1, fd);
  long result = syscall(436, 203, 206, 0); /* close_range */
  CHECK_EQ("close_range", result, 0);
  CHECK("closes those and no other", fcntl(202, F_GETFD) >= 0 && fcntl(203, F_GETFD) < 0 &&
                                         fcntl(206, F_GETFD) < 0 && fcntl(207, F_GETFD) >= 0);
  CHECK_EQ("to the end", syscall(436, 200, ~0u, 0), 0);
  CHECK("closes all above", fcntl(202, F_GETFD) < 0 && fcntl(209, F_GETFD) < 0);
}

static const struct group groups[] = {
    {"numbers", test_numbers}, {"dup", test_dup},           {"position", test_position},
    {"vectors", test_vectors}, {"transfer", test_transfer}, {"close-range", test_close_range},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
