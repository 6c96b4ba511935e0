/*
 * Files in the scratch file system: creating, writing, truncating, their attributes, and what is
 * refused. Names and directories are in dir.c, the read-only root in rootfs.c.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>

static void test_create(void) {
  const char *path = scratch("create");
  char buffer[16] = "";
  struct stat st;
  CHECK_ERR("open of what is not there", open(path, O_RDWR), ENOENT);
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0640);
  REQUIRE("O_CREAT with O_EXCL", fd >= 0);
  CHECK_ERR("O_EXCL of what is there", open(path, O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
  CHECK_EQ("write", write(fd, "hello world", 11), 11);
  int other = open(path, O_RDONLY);
  CHECK("another open file reads it",
        read(other, buffer, 16) == 11 && !strcmp(buffer, "hello world"));
  close(other);
  CHECK("fstat", fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640 &&
                     st.st_size == 11 && st.st_nlink == 1);
  CHECK("st_ino and st_blksize", st.st_ino != 0 && st.st_blksize >= 512);
  other = open(path, O_WRONLY | O_TRUNC);
  CHECK("O_TRUNC", fstat(fd, &st) == 0 && st.st_size == 0);
  close(other);
  CHECK_EQ("unlink of an open file", unlink(path), 0);
  CHECK_ERR("its name is gone", access(path, F_OK), ENOENT);
  CHECK("the file is there", pwrite(fd, "abc", 3, 0) == 3 && pread(fd, buffer, 3, 0) == 3 &&
                                 !memcmp(buffer, "abc", 3));
  CHECK("without a link", fstat(fd, &st) == 0 && st.st_nlink == 0);
  close(fd);
  fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);
  CHECK("O_TMPFILE", fd >= 0 && write(fd, "x", 1) == 1);
  close(fd);
  mode_t mask = umask(077);
  fd = open(path, O_CREAT | O_WRONLY, 0666);
  CHECK("umask", fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
  umask(mask);
  close(fd);
  unlink(path);
}

static void test_append(void) {
  const char *path = scratch("append");
  char buffer[16] = "";
  int a = open(path, O_RDWR | O_CREAT | O_APPEND, 0600), b = open(path, O_WRONLY | O_APPEND);
  REQUIRE("open twice", a >= 0 && b >= 0);
  CHECK("both append", write(a, "one", 3) == 3 && write(b, "two", 3) == 3 && write(a, "3", 1) == 1);
  CHECK("one after another", pread(a, buffer, 16, 0) == 7 && !strcmp(buffer, "onetwo3"));
  lseek(a, 0, SEEK_SET);
  CHECK("wherever the position is", write(a, "4", 1) == 1 && pread(a, buffer, 16, 7) == 1 &&
                                        buffer[0] == '4');
  close(a);
  close(b);
  unlink(path);
}

static void test_truncate(void) {
  const char *path = scratch("truncate");
  char page[4096], buffer[4096];
  struct stat st;
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  REQUIRE("open", fd >= 0);
  memset(page, 'a', sizeof page);
  CHECK_EQ("three pages", write(fd, page, 4096) + write(fd, page, 4096) + write(fd, page, 4096),
           12288);
  CHECK("ftruncate to the middle of a page", ftruncate(fd, 5000) == 0 && !fstat(fd, &st) &&
                                                 st.st_size == 5000);
  CHECK("and out again", ftruncate(fd, 9000) == 0 && !fstat(fd, &st) && st.st_size == 9000);
  bool zero = pread(fd, buffer, 4000, 5000) == 4000;
  for (int i = 0; i < 4000; i++)
    zero = zero && buffer[i] == 0;
  CHECK("what was cut off is zero", zero);
  CHECK("what was not is there", pread(fd, buffer, 4096, 904) == 4096 && buffer[4095] == 'a');
  CHECK("truncate by name", truncate(path, 1) == 0 && !fstat(fd, &st) && st.st_size == 1);
  CHECK_ERR("to a negative length", ftruncate(fd, -1), EINVAL);
  close(fd);
  fd = open(path, O_RDONLY);
  CHECK_ERR("of a read-only descriptor", ftruncate(fd, 0), EINVAL);
  close(fd);
  unlink(path);
  CHECK_ERR("of nothing", truncate(path, 0), ENOENT);
  CHECK_ERR("of a directory", truncate("/tmp", 0), EISDIR);
}

static void test_sparse(void) {
  const char *path = scratch("sparse");
  char byte = 1;
  struct stat st;
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  REQUIRE("open", fd >= 0);
  CHECK_EQ("a byte at 1 GiB", pwrite(fd, "x", 1, 1l << 30), 1);
  CHECK("the size says so", fstat(fd, &st) == 0 && st.st_size == (1l << 30) + 1);
  CHECK("the blocks do not", st.st_blocks * 512 < 1 << 20);
  CHECK("the gap is zero", pread(fd, &byte, 1, 1l << 29) == 1 && byte == 0);
  CHECK("the byte is there", pread(fd, &byte, 1, 1l << 30) == 1 && byte == 'x');
  close(fd);
  unlink(path);
}

/* 8 MiB in pieces that fit no page, then read in other pieces. */
static void test_large(void) {
  const char *path = scratch("large");
  static unsigned char chunk[70001];
  const long size = 8 << 20;
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  long done = 0;
  while (done < size) {
    for (unsigned i = 0; i < sizeof chunk; i++)
      chunk[i] = (done + i) * 131 >> 7;
    ssize_t n = write(fd, chunk, sizeof chunk);
    if (n != sizeof chunk)
      break;
    done += n;
  }
  CHECK("8 MiB written", done >= size);
  lseek(fd, 0, SEEK_SET);
  long at = 0;
  bool right = true;
  for (ssize_t n; (n = read(fd, chunk, 33333)) > 0; at += n)
    for (ssize_t i = 0; i < n; i++)
      right = right && chunk[i] == (unsigned char)((at + i) * 131 >> 7);
  CHECK("and read", right && at == done);
  CHECK("fsync, fdatasync", fsync(fd) == 0 && fdatasync(fd) == 0);
  sync();
  close(fd);
  unlink(path);
}

static void test_attributes(void) {
  const char *path = scratch("attributes");
  struct stat st, before;
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  REQUIRE("open", fd >= 0 && fstat(fd, &before) == 0);
  CHECK("times are now", llabs(before.st_mtime - time(NULL)) < 5);
  CHECK("chmod", chmod(path, 0755) == 0 && !stat(path, &st) && (st.st_mode & 07777) == 0755);
  CHECK("fchmod", fchmod(fd, 0600) == 0 && !stat(path, &st) && (st.st_mode & 07777) == 0600);
  CHECK("chown", chown(path, 1000, 1001) == 0 && !stat(path, &st) && st.st_uid == 1000 &&
                     st.st_gid == 1001);
  CHECK("fchown leaves -1 alone", fchown(fd, -1, 1002) == 0 && !stat(path, &st) &&
                                      st.st_uid == 1000 && st.st_gid == 1002);
  struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
  CHECK("utimensat", utimensat(AT_FDCWD, path, times, 0) == 0 && !stat(path, &st) &&
                         st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000 &&
                         st.st_mtim.tv_nsec == 7);
  times[0].tv_nsec = UTIME_OMIT, times[1].tv_nsec = UTIME_NOW;
  CHECK("UTIME_OMIT and UTIME_NOW", futimens(fd, times) == 0 && !stat(path, &st) &&
                                        st.st_atim.tv_sec == 1000000000 &&
                                        llabs(st.st_mtime - time(NULL)) < 5);
  times[1] = times[0] = (struct timespec){1, 0};
  utimensat(AT_FDCWD, path, times, 0);
  CHECK("writing sets the time", write(fd, "x", 1) == 1 && !stat(path, &st) && st.st_mtime > 1000);
  CHECK_EQ("access", access(path, R_OK | W_OK), 0);
  CHECK_ERR("access with a bad mode", access(path, 99), EINVAL);
  unsigned char statx_buffer[256] = {0};
  CHECK("statx", syscall(332, AT_FDCWD, path, 0, 0x7ff, statx_buffer) == 0 &&
                     (*(uint16_t *)(statx_buffer + 28) & S_IFMT) == S_IFREG &&
                     *(uint64_t *)(statx_buffer + 40) == 1);
  CHECK("AT_EMPTY_PATH", fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && st.st_size == 1);
  CHECK("flock", flock(fd, LOCK_EX | LOCK_NB) == 0 && flock(fd, LOCK_UN) == 0);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK_EQ("fcntl lock", fcntl(fd, F_SETLK, &lock), 0);
  CHECK("and its test", fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
  close(fd);
  unlink(path);
}

static void test_statfs(void) {
  struct statfs fs;
  struct statvfs vfs;
  CHECK("statfs of /tmp", statfs("/tmp", &fs) == 0 && fs.f_bsize >= 512 && fs.f_blocks > 0 &&
                              fs.f_bfree <= fs.f_blocks && fs.f_namelen >= 255);
  CHECK("statvfs of /", statvfs("/", &vfs) == 0 && vfs.f_bsize >= 512 && vfs.f_blocks > 0);
  int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
  CHECK("fstatfs", fstatfs(fd, &fs) == 0);
  close(fd);
  CHECK_ERR("of nothing", statfs("/tmp/none-such", &fs), ENOENT);
  if (on_virga)
    CHECK("/tmp is a tmpfs", statfs("/tmp", &fs) == 0 && fs.f_type == 0x01021994);
}

static void test_path_only(void) {
  const char *path = scratch("path-only");
  char byte;
  struct stat st;
  close(open(path, O_CREAT | O_WRONLY, 0600));
  int fd = open(path, O_PATH);
  REQUIRE("O_PATH", fd >= 0);
  CHECK_ERR("read", read(fd, &byte, 1), EBADF);
  CHECK_EQ("fstat", fstat(fd, &st), 0);
  close(fd);
  CHECK_ERR("O_DIRECTORY of a file", open(path, O_RDONLY | O_DIRECTORY), ENOTDIR);
  unlink(path);
}

static const struct group groups[] = {
    {"create", test_create},     {"append", test_append}, {"truncate", test_truncate},
    {"sparse", test_sparse},     {"large", test_large},   {"attributes", test_attributes},
    {"statfs", test_statfs},     {"path-only", test_path_only},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
