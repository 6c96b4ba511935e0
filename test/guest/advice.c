/*
 * What of a file is in memory, and advice on it: posix_fadvise, readahead, sync_file_range,
 * cachestat; and how large a pipe may be.
 */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int file, written, folder, place, ends[2], net, event;

static bool make_files(void) {
  const char *path = scratch("advice");
  file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  written = open(path, O_WRONLY);
  place = open(path, O_PATH);
  unlink(path);
  folder = open("/tmp", O_RDONLY | O_DIRECTORY);
  net = socket(AF_INET, SOCK_STREAM, 0);
  event = eventfd(0, 0);
  return pipe(ends) == 0 && ftruncate(file, 100000) == 0 && pwrite(file, "x", 1, 8192) == 1;
}

static long advise(int fd, long offset, long n, int advice) {
  return syscall(SYS_fadvise64, fd, offset, n, advice);
}

static void test_fadvise(void) {
  for (int advice = 0; advice <= 5; advice++) CHECK_EQ("advice", advise(file, 0, 0, advice), 0);
  CHECK_ERR("unknown advice", advise(file, 0, 0, 6), EINVAL);
  CHECK_EQ("a part", advise(file, 4096, 4096, POSIX_FADV_WILLNEED), 0);
  CHECK_ERR("a pipe", advise(ends[0], 0, 0, 0), ESPIPE);
  CHECK_EQ("a directory", advise(folder, 0, 0, 3), 0);
  CHECK_EQ("a socket", advise(net, 0, 0, 0), 0);
  CHECK_ERR("an event file, wrong advice", advise(event, 0, 0, 9), EINVAL);
  CHECK_ERR("O_PATH", advise(place, 0, 0, 0), EBADF);
  CHECK_ERR("nothing", advise(-1, 0, 0, 9), EBADF);
}

static void test_readahead(void) {
  CHECK_EQ("a file", readahead(file, 0, 1 << 20), 0);
  CHECK_EQ("behind its end", readahead(file, 1 << 30, 1 << 20), 0);
  CHECK_ERR("more than there can be", syscall(SYS_readahead, file, 0l, -1l), EINVAL);
  CHECK_ERR("only written", readahead(written, 0, 4096), EBADF);
  CHECK_ERR("a pipe", readahead(ends[0], 0, 1), EINVAL);
  CHECK_ERR("a directory", readahead(folder, 0, 1), EINVAL);
  CHECK_ERR("a socket", readahead(net, 0, 1), EINVAL);
  CHECK_ERR("O_PATH", readahead(place, 0, 1), EBADF);
}

static long sync_range(int fd, long offset, long n, unsigned flags) {
  return syscall(SYS_sync_file_range, fd, offset, n, flags);
}

static void test_sync(void) {
  CHECK_EQ("all of it", sync_range(file, 0, 0, 7), 0);
  CHECK_ERR("an unknown flag", sync_range(file, 0, 0, 8), EINVAL);
  CHECK_ERR("before the beginning", sync_range(file, -1l, 0, 1), EINVAL);
  CHECK_ERR("a negative length", sync_range(file, 0, -1l, 1), EINVAL);
  CHECK_ERR("too far", sync_range(file, LONG_MAX, 1, 1), EINVAL);
  CHECK_EQ("a directory", sync_range(folder, 0, 0, 1), 0);
  CHECK_ERR("a pipe", sync_range(ends[0], 0, 0, 1), ESPIPE);
  CHECK_ERR("with an unknown flag", sync_range(ends[0], 0, 0, 8), EINVAL);
  CHECK_ERR("a socket", sync_range(net, 0, 0, 1), ESPIPE);
  CHECK_ERR("O_PATH", sync_range(place, 0, 0, 1), EBADF);
  CHECK_ERR("nothing", sync_range(-1, 0, 0, 8), EBADF);
}

struct range {
  uint64_t offset, length;
};

struct cached {
  uint64_t pages, dirty, writeback, evicted, recently;
};

static long cache_stat(int fd, struct range range, struct cached *to, unsigned flags) {
  return syscall(451, fd, &range, to, flags);
}

static void test_cachestat(void) {
  struct cached cached = {9, 9, 9, 9, 9};
  const char *path = scratch("advice-cached");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  REQUIRE("a page among holes", ftruncate(fd, 100000) == 0 && pwrite(fd, "x", 1, 8192) == 1);
  if (cache_stat(fd, (struct range){0, 0}, &cached, 0) < 0 && errno == ENOSYS) return;
  CHECK("what is there", cached.pages >= 1 && cached.pages <= 2 && cached.evicted == 0);
  CHECK_EQ("one", cache_stat(fd, (struct range){8192, 1}, &cached, 0), 0);
  CHECK_EQ("is there", cached.pages, 1);
  CHECK_EQ("the hole behind", cache_stat(fd, (struct range){16384, 4096}, &cached, 0), 0);
  CHECK_EQ("is not", cached.pages, 0);
  if (on_virga) {
    CHECK_EQ("advice", advise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
    CHECK_EQ("fills no hole", cache_stat(fd, (struct range){0, 0}, &cached, 0), 0);
    CHECK_EQ("of a file in memory", cached.pages, 1);
  }
  close(fd);
  CHECK_EQ("a pipe", cache_stat(ends[0], (struct range){0, 0}, &cached, 0), 0);
  CHECK_EQ("has none", cached.pages, 0);
  CHECK_ERR("a flag", cache_stat(file, (struct range){0, 0}, &cached, 1), EINVAL);
  CHECK_ERR("no range", syscall(451, file, 8, &cached, 1), EFAULT);
  CHECK_ERR("no room", cache_stat(file, (struct range){0, 0}, (void *)8, 0), EFAULT);
  CHECK_ERR("O_PATH", cache_stat(place, (struct range){0, 0}, &cached, 0), EBADF);
  CHECK_ERR("nothing", cache_stat(-1, (struct range){0, 0}, &cached, 0), EBADF);
}

/* Advice on a file of the disk takes effect at once. */
static void test_disk(void) {
  int fd = open("/proc/self/exe", O_RDONLY);
  struct cached cached = {0};
  if (!on_virga || fd < 0 || cache_stat(fd, (struct range){0, 0}, &cached, 0) != 0) return;
  struct stat st = {0};
  fstat(fd, &st);
  struct range range = {0, st.st_size < 262144 ? st.st_size : 262144};
  CHECK_EQ("read", advise(fd, 0, range.length, POSIX_FADV_WILLNEED), 0);
  CHECK_EQ("what is there", cache_stat(fd, range, &cached, 0), 0);
  CHECK_EQ("is all", cached.pages, (range.length + 4095) / 4096);
  CHECK_EQ("dropped", advise(fd, 0, range.length, POSIX_FADV_DONTNEED), 0);
  uint64_t before = cached.pages;
  CHECK_EQ("what is left", cache_stat(fd, range, &cached, 0), 0);
  CHECK("is what this program itself uses", cached.pages < before);
  advise(fd, 0, range.length, POSIX_FADV_WILLNEED);
  CHECK("read again", cache_stat(fd, range, &cached, 0) == 0 && cached.pages == before);
  advise(fd, 0, range.length, POSIX_FADV_DONTNEED);
  CHECK_EQ("or by readahead", syscall(SYS_readahead, fd, 0l, (size_t)range.length), 0);
  CHECK("from the beginning", cache_stat(fd, range, &cached, 0) == 0 && cached.pages == before);
  close(fd);
}

static void test_pipes(void) {
  int fds[2];
  char page[4096] = "";
  REQUIRE("a pipe", pipe(fds) == 0);
  CHECK_EQ("a page at least", fcntl(fds[0], F_SETPIPE_SZ, 0), 4096);
  CHECK_EQ("a power of two", fcntl(fds[0], F_SETPIPE_SZ, 12289), 16384);
  CHECK_EQ("by either end", fcntl(fds[1], F_GETPIPE_SZ), 16384);
  CHECK_EQ("the limit", fcntl(fds[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
  CHECK_ERR("no number", fcntl(fds[0], F_SETPIPE_SZ, 0x80000001), EINVAL);
  CHECK_EQ("smaller again", fcntl(fds[0], F_SETPIPE_SZ, 8192), 8192);
  CHECK("filled", write(fds[1], page, 4096) == 4096 && write(fds[1], page, 4096) == 4096);
  CHECK_ERR("more is in it", fcntl(fds[0], F_SETPIPE_SZ, 4096), EBUSY);
  CHECK_EQ("room for more", fcntl(fds[0], F_SETPIPE_SZ, 16384), 16384);
  CHECK_ERR("another file", fcntl(file, F_GETPIPE_SZ), EBADF);
  if (on_virga) CHECK_EQ("root may have more", fcntl(fds[0], F_SETPIPE_SZ, 1 << 21), 1 << 21);
  if (on_virga) CHECK_ERR("but not any", fcntl(fds[0], F_SETPIPE_SZ, 1 << 30), ENOMEM);
  CHECK("what was there is there", read(fds[0], page, 4096) == 4096);
  close(fds[0]), close(fds[1]);
}

int main(int argc, char **argv) {
  static const struct group groups[] = {
      {"fadvise", test_fadvise}, {"readahead", test_readahead}, {"sync", test_sync},
      {"cachestat", test_cachestat}, {"disk", test_disk}, {"pipes", test_pipes},
  };
  if (!make_files()) return 1;
  return check_main(argc, argv, groups, COUNT(groups));
}
