/*
 * What each operation does to the times, the size, the blocks and the link count of a file and of
 * its directory. A time that is to change is set to long ago first, so that a change shows however
 * coarse the clock is.
 */
#include "check.h"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>

enum { ACCESSED = 1, MODIFIED = 2, CHANGED = 4, LONG_AGO = 1000 };

static char base[96], name[128], other[128], made[128];
static struct stat st;

/* Which times of `path` have been set since `age`; the change time only ever moves on. */
static struct timespec change_before;

static void age(const char *path) {
  struct timespec times[2] = {{LONG_AGO, 0}, {LONG_AGO, 0}};
  utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
  lstat(path, &st);
  change_before = st.st_ctim;
  /* A coarse clock stands still for up to 10 ms. */
  sleep_ms(12);
}

static int set_since(const char *path) {
  lstat(path, &st);
  int set = 0;
  if (st.st_atim.tv_sec != LONG_AGO)
    set |= ACCESSED;
  if (st.st_mtim.tv_sec != LONG_AGO)
    set |= MODIFIED;
  if (st.st_ctim.tv_sec != change_before.tv_sec || st.st_ctim.tv_nsec != change_before.tv_nsec)
    set |= CHANGED;
  return set;
}

/* What `call` sets of the times of `path`; the access time where it need not be told apart. */
#define SETS(title, path, call, times)                                                             \
  do {                                                                                             \
    age(path);                                                                                     \
    CHECK(title, (call) >= 0);                                                                     \
    CHECK_EQ(title ": times", set_since(path) & ~ACCESSED, times);                                 \
  } while (0)

static int fd;

static void test_setup(void) {
  snprintf(base, sizeof base, "%s", scratch("filetimes"));
  snprintf(name, sizeof name, "%s/file", base);
  snprintf(other, sizeof other, "%s/other", base);
  snprintf(made, sizeof made, "%s/made", base);
  REQUIRE("a directory", mkdir(base, 0755) == 0);
  fd = open(name, O_RDWR | O_CREAT, 0644);
  REQUIRE("a file", fd >= 0 && write(fd, "0123456789", 10) == 10);
}

static void test_file(void) {
  struct iovec one = {"x", 1};
  int source = open(other, O_RDWR | O_CREAT, 0600);
  write(source, "abc", 3);
  off_t from = 0, to = 0;
  SETS("write", name, pwrite(fd, "x", 1, 0), MODIFIED | CHANGED);
  SETS("writev", name, pwritev(fd, &one, 1, 3), MODIFIED | CHANGED);
  SETS("write of nothing", name, write(fd, "", 0), 0);
  SETS("ftruncate", name, ftruncate(fd, 5), MODIFIED | CHANGED);
  SETS("ftruncate to the same size", name, ftruncate(fd, 5), MODIFIED | CHANGED);
  SETS("truncate", name, truncate(name, 8000), MODIFIED | CHANGED);
  SETS("fallocate", name, fallocate(fd, 0, 0, 10000), MODIFIED | CHANGED);
  SETS("a hole", name, fallocate(fd, 3, 0, 4096), MODIFIED | CHANGED);
  SETS("copy_file_range", name, copy_file_range(source, &from, fd, &to, 3, 0), MODIFIED | CHANGED);
  from = 0;
  SETS("sendfile", name, sendfile(fd, source, &from, 3), MODIFIED | CHANGED);
  SETS("chmod", name, chmod(name, 0600), CHANGED);
  SETS("fchmod", name, fchmod(fd, 0644), CHANGED);
  SETS("chown", name, chown(name, -1, -1), CHANGED);
  SETS("fchown", name, fchown(fd, 0, 0), CHANGED);
  SETS("link", name, link(name, made), CHANGED);
  SETS("unlink of the other name", name, unlink(made), CHANGED);
  age(name);
  CHECK("rename", rename(name, made) == 0);
  CHECK_EQ("rename: times", set_since(made) & ~ACCESSED, CHANGED);
  rename(made, name);
  SETS("setxattr", name, setxattr(name, "user.x", "v", 1, 0), CHANGED);
  SETS("removexattr", name, removexattr(name, "user.x"), CHANGED);
  SETS("open", name, close(open(name, O_RDWR)), 0);
  SETS("open with O_TRUNC", name, close(open(name, O_WRONLY | O_TRUNC)), MODIFIED | CHANGED);
  SETS("stat", name, stat(name, &st), 0);
  SETS("fsync", name, fsync(fd), 0);
  ftruncate(fd, 4096);
  /* A tmpfs leaves its times alone, here and on Linux. */
  char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  SETS("a store through a mapping, once it is synced", name,
       (map[5] = 1, msync(map, 4096, MS_SYNC)), on_virga ? 0 : MODIFIED | CHANGED);
  munmap(map, 4096);
  close(source);
  unlink(other);
}

static void test_directory(void) {
  SETS("open with O_CREAT", base, close(open(made, O_CREAT | O_WRONLY, 0600)), MODIFIED | CHANGED);
  SETS("open of what is there", base, close(open(made, O_CREAT | O_WRONLY, 0600)), 0);
  SETS("writing a file", base, pwrite(fd, "x", 1, 0), 0);
  SETS("link", base, link(made, other), MODIFIED | CHANGED);
  SETS("unlink", base, unlink(other), MODIFIED | CHANGED);
  SETS("rename", base, rename(made, other), MODIFIED | CHANGED);
  close(open(made, O_CREAT | O_WRONLY, 0600));
  SETS("rename over another", base, rename(other, made), MODIFIED | CHANGED);
  unlink(made);
  SETS("symlink", base, symlink("x", made), MODIFIED | CHANGED);
  SETS("readlink", base, readlink(made, other, 0 + sizeof other), 0);
  unlink(made);
  snprintf(other, sizeof other, "%s/other", base);
  SETS("mkdir", base, mkdir(made, 0700), MODIFIED | CHANGED);
  SETS("rmdir", base, rmdir(made), MODIFIED | CHANGED);
  SETS("mkfifo", base, mkfifo(made, 0600), MODIFIED | CHANGED);
  unlink(made);
  SETS("chmod", base, chmod(base, 0700), CHANGED);
}

/* Renaming between directories tells both. */
static void test_between(void) {
  char a[128], b[128], from[160], to[160];
  snprintf(a, sizeof a, "%s/a", base);
  snprintf(b, sizeof b, "%s/b", base);
  snprintf(from, sizeof from, "%s/x", a);
  snprintf(to, sizeof to, "%s/y", b);
  REQUIRE("two directories", mkdir(a, 0700) == 0 && mkdir(b, 0700) == 0 && mkdir(from, 0700) == 0);
  SETS("the directory it leaves", a, rename(from, to), MODIFIED | CHANGED);
  SETS("the directory it comes to", a, rename(to, from), MODIFIED | CHANGED);
  CHECK("its count of links", stat(a, &st) == 0 && st.st_nlink == 3);
  CHECK("the other's", stat(b, &st) == 0 && st.st_nlink == 2);
  rename(from, to);
  CHECK("after a rename, too", stat(a, &st) == 0 && st.st_nlink == 2 && stat(b, &st) == 0 &&
                                   st.st_nlink == 3);
  mkdir(from, 0700);
  CHECK("a directory over an empty one", rename(from, to) == 0 && stat(b, &st) == 0 &&
                                             st.st_nlink == 3 && stat(a, &st) == 0 &&
                                             st.st_nlink == 2);
  CHECK("rmdir takes one", rmdir(to) == 0 && stat(b, &st) == 0 && st.st_nlink == 2);
  CHECK("all go", rmdir(a) == 0 && rmdir(b) == 0);
}

static void test_links(void) {
  close(open(made, O_CREAT | O_WRONLY, 0600));
  CHECK("one link", stat(made, &st) == 0 && st.st_nlink == 1);
  link(made, other);
  CHECK("two", stat(made, &st) == 0 && st.st_nlink == 2);
  int open_fd = open(other, O_RDONLY);
  unlink(made);
  CHECK("one again", fstat(open_fd, &st) == 0 && st.st_nlink == 1);
  int third = open(made, O_CREAT | O_WRONLY, 0600);
  CHECK("a rename over it takes the last", rename(made, other) == 0 && fstat(open_fd, &st) == 0 &&
                                               st.st_nlink == 0);
  CHECK("the new one has it", fstat(third, &st) == 0 && st.st_nlink == 1);
  close(open_fd);
  close(third);
  unlink(other);
}

static long blocks(void) { return fstat(fd, &st) == 0 ? (long)st.st_blocks : -1; }

static void test_blocks(void) {
  static char page[4096];
  ftruncate(fd, 0);
  CHECK_EQ("an empty file has none", blocks(), 0);
  ftruncate(fd, 1 << 20);
  CHECK_EQ("a hole has none", blocks(), 0);
  pwrite(fd, page, 4096, 40960);
  CHECK_EQ("a page is eight", blocks(), 8);
  pwrite(fd, "x", 1, 0);
  CHECK_EQ("a byte takes a page", blocks(), 16);
  fallocate(fd, 3, 40960, 4096);
  CHECK_EQ("a hole gives it back", blocks(), 8);
  fallocate(fd, 0, 8192, 8192);
  CHECK_EQ("fallocate takes them", blocks(), 24);
  ftruncate(fd, 1);
  CHECK_EQ("cutting gives back", blocks(), 8);
  CHECK("fallocate beyond the end makes it longer", fallocate(fd, 0, 0, 5000) == 0 &&
                                                        fstat(fd, &st) == 0 && st.st_size == 5000);
  CHECK("but not when told to keep the size", fallocate(fd, 1, 0, 50000) == 0 &&
                                                  fstat(fd, &st) == 0 && st.st_size == 5000);
  ftruncate(fd, 0);
}

static void test_set(void) {
  struct timespec times[2] = {{5, 6}, {7, 8}};
  struct timeval old[2] = {{9, 10}, {11, 12}};
  struct timespec kept[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  struct timespec now[2] = {{0, UTIME_NOW}, {1, 2}};
  age(name);
  CHECK("utimensat", utimensat(AT_FDCWD, name, times, 0) == 0 && stat(name, &st) == 0 &&
                         st.st_atim.tv_sec == 5 && st.st_atim.tv_nsec == 6 &&
                         st.st_mtim.tv_sec == 7 && st.st_mtim.tv_nsec == 8);
  CHECK("sets the change time", set_since(name) & CHANGED);
  CHECK("UTIME_OMIT twice", utimensat(AT_FDCWD, name, kept, 0) == 0 && stat(name, &st) == 0 &&
                                st.st_atim.tv_sec == 5 && st.st_mtim.tv_sec == 7);
  CHECK("UTIME_NOW for one", futimens(fd, now) == 0 && stat(name, &st) == 0 &&
                                 llabs(st.st_atime - time(NULL)) < 5 && st.st_mtim.tv_sec == 1 &&
                                 st.st_mtim.tv_nsec == 2);
  CHECK("utimes", syscall(SYS_utimes, name, old) == 0 && stat(name, &st) == 0 &&
                      st.st_atim.tv_sec == 9 && st.st_atim.tv_nsec == 10000 &&
                      st.st_mtim.tv_sec == 11 && st.st_mtim.tv_nsec == 12000);
  long seconds[2] = {21, 22};
  CHECK("utime", syscall(SYS_utime, name, seconds) == 0 && stat(name, &st) == 0 &&
                     st.st_atim.tv_sec == 21 && st.st_mtim.tv_sec == 22 &&
                     st.st_mtim.tv_nsec == 0);
  CHECK("futimesat", syscall(SYS_futimesat, AT_FDCWD, name, old) == 0 && stat(name, &st) == 0 &&
                         st.st_mtim.tv_sec == 11);
  /* A second and a half before 1970 is two seconds before, and half of one on. */
  struct timespec before[2] = {{-2, 500000000}, {-1, 999999999}};
  CHECK("before 1970", futimens(fd, before) == 0 && stat(name, &st) == 0 &&
                           st.st_atim.tv_sec == -2 && st.st_atim.tv_nsec == 500000000 &&
                           st.st_mtim.tv_sec == -1 && st.st_mtim.tv_nsec == 999999999);
  /* What a file system can't hold is the nearest that it can. */
  struct timespec far[2] = {{INT64_MAX, 1}, {INT64_MIN, 1}};
  CHECK("in the far future, and long ago", futimens(fd, far) == 0 && stat(name, &st) == 0 &&
                                               st.st_atim.tv_sec > 2000000000 &&
                                               st.st_mtim.tv_sec < -2000000000);
  CHECK("utime without times: now", syscall(SYS_utime, name, NULL) == 0 && stat(name, &st) == 0 &&
                                        llabs(st.st_atime - time(NULL)) < 5 &&
                                        llabs(st.st_mtime - time(NULL)) < 5);
  symlink("file", made);
  CHECK("of a link itself", utimensat(AT_FDCWD, made, times, AT_SYMLINK_NOFOLLOW) == 0 &&
                                lstat(made, &st) == 0 && st.st_mtim.tv_sec == 7 &&
                                stat(made, &st) == 0 && st.st_mtim.tv_sec > 1000);
  CHECK("through a link", utimensat(AT_FDCWD, made, times, 0) == 0 && stat(name, &st) == 0 &&
                              st.st_mtim.tv_sec == 7);
  unlink(made);
}

/* A file's ids, set-user-ID bits and what writing does to them. */
static void test_owner(void) {
  CHECK("chown of both", chown(name, 11, 12) == 0 && stat(name, &st) == 0 && st.st_uid == 11 &&
                             st.st_gid == 12);
  CHECK("of the user alone", chown(name, 13, -1) == 0 && stat(name, &st) == 0 && st.st_uid == 13 &&
                                 st.st_gid == 12);
  CHECK("of the group alone", fchown(fd, -1, 14) == 0 && stat(name, &st) == 0 && st.st_uid == 13 &&
                                  st.st_gid == 14);
  symlink("file", made);
  CHECK("lchown", lchown(made, 15, 16) == 0 && lstat(made, &st) == 0 && st.st_uid == 15 &&
                      st.st_gid == 16 && stat(made, &st) == 0 && st.st_uid == 13);
  CHECK("chown through a link", chown(made, 0, 0) == 0 && stat(name, &st) == 0 && st.st_uid == 0);
  CHECK("fchownat of a descriptor's file", fchownat(fd, "", 17, 18, AT_EMPTY_PATH) == 0 &&
                                               stat(name, &st) == 0 && st.st_uid == 17);
  chown(name, 0, 0);
  unlink(made);
  CHECK("the sticky and set-id bits are kept", chmod(name, 07755) == 0 && stat(name, &st) == 0 &&
                                                   (st.st_mode & 07777) == 07755);
  CHECK("chown takes the set-id bits", chown(name, 1, 1) == 0 && stat(name, &st) == 0 &&
                                           (st.st_mode & 07777) == 01755);
  chown(name, 0, 0);
  chmod(name, 0644);
}

static void test_end(void) {
  close(fd);
  unlink(name);
  CHECK_EQ("nothing else was made", rmdir(base), 0);
}

static const struct group groups[] = {
    {"setup", test_setup}, {"file", test_file},     {"directory", test_directory},
    {"between", test_between}, {"links", test_links}, {"blocks", test_blocks},
    {"set", test_set},     {"owner", test_owner},   {"end", test_end},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
