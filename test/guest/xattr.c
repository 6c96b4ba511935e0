/*
 * Extended attributes, names that swap their files, files that have no name yet, and chains of
 * epoll sets.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static void test_xattr(void) {
  char path[96], link[96], value[64] = "", names[256];
  strcpy(path, scratch("xattr")), strcpy(link, scratch("xattr-link"));
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  REQUIRE("a file and a link", fd >= 0 && symlink(path, link) == 0);
  CHECK_EQ("none", listxattr(path, NULL, 0), 0);
  CHECK_EQ("set", setxattr(path, "user.one", "first", 5, XATTR_CREATE), 0);
  CHECK_ERR("made twice", setxattr(path, "user.one", "x", 1, XATTR_CREATE), EEXIST);
  CHECK_ERR("replaced before", setxattr(path, "user.two", "x", 1, XATTR_REPLACE), ENODATA);
  CHECK_EQ("replaced", fsetxattr(fd, "user.one", "second!", 7, XATTR_REPLACE), 0);
  CHECK_EQ("its length", getxattr(link, "user.one", NULL, 0), 7);
  CHECK("its value", fgetxattr(fd, "user.one", value, 64) == 7 && !memcmp(value, "second!", 7));
  CHECK_ERR("too small a buffer", getxattr(path, "user.one", value, 6), ERANGE);
  CHECK_ERR("another", getxattr(path, "user.other", value, 64), ENODATA);
  CHECK_EQ("an empty one", setxattr(path, "user.empty", "", 0, 0), 0);
  CHECK_EQ("is there", getxattr(path, "user.empty", value, 64), 0);
  CHECK_EQ("the list's length", listxattr(path, NULL, 0), 20);
  CHECK("the list", listxattr(path, names, 256) == 20 && memmem(names, 20, "user.one", 9) &&
                        memmem(names, 20, "user.empty", 11));
  CHECK_ERR("too small for it", flistxattr(fd, names, 19), ERANGE);
  CHECK_ERR("not of a link", lsetxattr(link, "user.one", "x", 1, 0), EPERM);
  CHECK_ERR("nor there", lgetxattr(link, "user.one", value, 64), ENODATA);
  CHECK_EQ("nor listed", llistxattr(link, names, 256), 0);
  CHECK_EQ("removed", removexattr(path, "user.one"), 0);
  CHECK_ERR("only once", removexattr(path, "user.one"), ENODATA);
  CHECK_ERR("a missing file", listxattr("/no/such/file", names, 256), ENOENT);
  CHECK_ERR("its value", getxattr("/no/such/file", "user.a", names, 256), ENOENT);
  CHECK_ERR("no namespace", setxattr(path, "plain", "x", 1, 0), EOPNOTSUPP);
  CHECK_ERR("an unknown one", setxattr(path, "other.x", "x", 1, 0), EOPNOTSUPP);
  CHECK_ERR("nothing behind it", setxattr(path, "user.", "x", 1, 0), EINVAL);
  CHECK_ERR("no name", setxattr(path, "", "x", 1, 0), ERANGE);
  char longName[300] = "user.";
  memset(longName + 5, 'n', 252);
  CHECK_ERR("too long a name", setxattr(path, longName, "x", 1, 0), ERANGE);
  CHECK_ERR("too long a value", syscall(SYS_setxattr, path, "user.big", names, 70000, 0), E2BIG);
  CHECK_ERR("unknown flags", setxattr(path, "user.a", "x", 1, 8), EINVAL);
  CHECK_ERR("a bad address", syscall(SYS_setxattr, path, "user.a", 8, 5, 0), EFAULT);
  CHECK_ERR("a bad name", syscall(SYS_setxattr, path, 8, "x", 1, 0), EFAULT);
  CHECK_ERR("no descriptor", fgetxattr(-1, "user.a", value, 1), EBADF);
  int place = open(path, O_PATH);
  CHECK_ERR("O_PATH", fgetxattr(place, "user.a", value, 1), EBADF);
  close(place), close(fd);
  unlink(path), unlink(link);
}

static bool has(const char *path, char want) {
  char byte = 0;
  int fd = open(path, O_RDONLY);
  bool same = fd >= 0 && read(fd, &byte, 1) == 1 && byte == want;
  close(fd);
  return same;
}

static int make(const char *path, char byte) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  return write(fd, &byte, 1) == 1 ? fd : -1;
}

static int exchange(const char *from, const char *to, unsigned flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void test_exchange(void) {
  char a[96], b[96], dir[96], in[128], deep[160], link[64], target[160];
  strcpy(a, scratch("a")), strcpy(b, scratch("b")), strcpy(dir, scratch("dir"));
  snprintf(in, sizeof in, "%s/in", dir);
  snprintf(deep, sizeof deep, "%s/deep", in);
  int fd = make(a, 'a');
  REQUIRE("files", fd >= 0 && close(make(b, 'b')) == 0 && mkdir(dir, 0700) == 0 &&
                       mkdir(in, 0700) == 0 && close(make(deep, 'd')) == 0);
  CHECK_EQ("exchange", exchange(a, b, 2), 0);
  CHECK("swapped", has(a, 'b') && has(b, 'a'));
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, target, sizeof target - 1);
  CHECK("an open file goes along", n > 0 && (target[n] = 0, !strcmp(target, b)));
  CHECK_EQ("a file and a directory", exchange(a, in, 2), 0);
  snprintf(deep, sizeof deep, "%s/deep", a);
  CHECK("swapped, too", has(in, 'b') && has(deep, 'd'));
  struct stat st;
  CHECK("the links of the directory", stat(dir, &st) == 0 && (st.st_nlink == 2 || !on_virga));
  CHECK_ERR("a missing name", exchange(a, "/tmp/virga-none", 2), ENOENT);
  CHECK_ERR("both flags", exchange(a, b, 3), EINVAL);
  CHECK_ERR("unknown flags", exchange(a, b, 64), EINVAL);
  CHECK_ERR("a directory with what is in it", exchange(dir, in, 2), EINVAL);
  CHECK_ERR("and the other way", exchange(in, dir, 2), EINVAL);
  CHECK_ERR("RENAME_NOREPLACE", exchange(b, in, 1), EEXIST);
  CHECK("back", exchange(a, in, 2) == 0 && has(a, 'b'));
  unlink(a), unlink(b), close(fd);
  snprintf(deep, sizeof deep, "%s/deep", in);
  CHECK("all can be removed", unlink(deep) == 0 && rmdir(in) == 0 && rmdir(dir) == 0);
}

static void test_unnamed(void) {
  char path[96], link[64];
  strcpy(path, scratch("named"));
  int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  REQUIRE("O_TMPFILE", fd >= 0 && write(fd, "t", 1) == 1);
  struct stat st;
  CHECK("has no name", fstat(fd, &st) == 0 && st.st_nlink == 0);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  CHECK_EQ("gets one by /proc", linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW), 0);
  CHECK("is there", has(path, 't') && fstat(fd, &st) == 0 && st.st_nlink == 1);
  unlink(path), close(fd);
  fd = open("/tmp", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
  CHECK("never to be named", fd >= 0);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  CHECK_ERR("is not", linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW), ENOENT);
  close(fd);
  CHECK_ERR("to read only", open("/tmp", O_TMPFILE | O_RDONLY, 0600), EINVAL);
  CHECK_ERR("in a file", open("/proc/self/exe", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
  CHECK_ERR("nowhere", open("/no/such/dir", O_TMPFILE | O_RDWR, 0600), ENOENT);
  CHECK("where it can't be", open("/proc", O_TMPFILE | O_RDWR, 0600) == -1);
  CHECK("nor there", open("/proc/self/fd", O_TMPFILE | O_RDWR, 0600) == -1);
  CHECK("nor there", open("/sys", O_TMPFILE | O_RDWR, 0600) == -1);
}

static int watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void test_nesting(void) {
  int up[6], down[6], leaf = eventfd(1, 0);
  for (int i = 0; i < 6; i++)
    up[i] = epoll_create1(0), down[i] = epoll_create1(0);
  bool built = watch(up[0], leaf) == 0;
  for (int i = 1; i <= 4; i++)
    built = built && watch(up[i], up[i - 1]) == 0 && watch(down[i - 1], down[i]) == 0;
  CHECK("five sets, one above the other", built);
  CHECK_ERR("no sixth above", watch(up[5], up[4]), ELOOP);
  CHECK_ERR("nor below", watch(down[4], down[5]), ELOOP);
  CHECK_ERR("nor two chains as one", watch(down[2], up[2]), ELOOP);
  CHECK_ERR("no circle", watch(up[0], up[4]), ELOOP);
  CHECK_ERR("nor itself", watch(up[0], up[0]), EINVAL);
  struct epoll_event event;
  CHECK_EQ("readiness goes all the way up", epoll_wait(up[4], &event, 1, 0), 1);
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  CHECK_ERR("no exclusive set", epoll_ctl(down[5], EPOLL_CTL_ADD, up[0], &event), EINVAL);
  for (int i = 0; i < 6; i++)
    close(up[i]), close(down[i]);
  close(leaf);
}

static const struct group groups[] = {
    {"xattr", test_xattr},
    {"exchange", test_exchange},
    {"unnamed", test_unnamed},
    {"nesting", test_nesting},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
