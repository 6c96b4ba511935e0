/*
 * What a file may become: seals of memfds, the limit of a file's size, appending by pwrite, holes,
 * and files of the image that are opened to be written.
 */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif
#ifndef FALLOC_FL_COLLAPSE_RANGE
#define FALLOC_FL_COLLAPSE_RANGE 8
#endif
#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

static int sealable(void) {
  int fd = syscall(SYS_memfd_create, "seal", 2u /* MFD_ALLOW_SEALING */);
  return fd >= 0 && write(fd, "0123456789", 10) == 10 ? fd : -1;
}

static void test_seals(void) {
  int plain = syscall(SYS_memfd_create, "plain", 0), fd = sealable(), other = sealable();
  REQUIRE("memfds", plain >= 0 && fd >= 0 && other >= 0);
  CHECK_EQ("none may be added", fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
  CHECK_ERR("nor are", fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  CHECK_EQ("some may", fcntl(fd, F_GET_SEALS), 0);
  CHECK_ERR("unknown ones", fcntl(fd, F_ADD_SEALS, 0x400), EINVAL);
  CHECK_EQ("against growing", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
  CHECK_ERR("ftruncate", ftruncate(fd, 11), EPERM);
  CHECK_ERR("a write behind the end", pwrite(fd, "xx", 2, 9), EPERM);
  CHECK_ERR("fallocate", fallocate(fd, 0, 0, 100), EPERM);
  CHECK_EQ("a write within", pwrite(fd, "xx", 2, 8), 2);
  CHECK_EQ("shorter", ftruncate(fd, 9), 0);
  CHECK_EQ("against shrinking", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  CHECK_ERR("no more", ftruncate(fd, 8), EPERM);
  CHECK_EQ("the same size", ftruncate(fd, 9), 0);
  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE("a shared mapping", shared != MAP_FAILED);
  CHECK_ERR("against writing, while mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  munmap(shared, 4096);
  char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  CHECK_EQ("a private one is no hindrance", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
  CHECK("and may be written", private != MAP_FAILED && (private[0] = 'p') == 'p');
  munmap(private, 4096);
  CHECK_ERR("write", write(fd, "x", 1), EPERM);
  CHECK_ERR("a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5), EPERM);
  CHECK_ERR("a writable mapping", mmap(NULL, 1, PROT_WRITE | PROT_READ, MAP_SHARED, fd, 0) ==
                                          MAP_FAILED
                                      ? -1
                                      : 0,
            EPERM);
  CHECK_EQ("no more seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
  CHECK_ERR("really", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  CHECK_EQ("all of them", fcntl(fd, F_GET_SEALS),
           F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
  CHECK_EQ("future writes", fcntl(other, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  CHECK_ERR("no write", write(other, "x", 1), EPERM);
  CHECK("the mapping from before", shared != MAP_FAILED && (shared[0] = 'm') == 'm');
  char *reading = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);
  CHECK("a mapping to read", reading != MAP_FAILED && reading[0] == 'm');
  CHECK_ERR("never becomes writable", mprotect(reading, 4096, PROT_READ | PROT_WRITE), EACCES);
  munmap(shared, 4096), munmap(reading, 4096);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
  int reader = open(path, O_RDONLY);
  CHECK_ERR("by a descriptor to read", fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  int fds[2];
  REQUIRE("pipe", pipe(fds) == 0);
  CHECK_ERR("of a pipe", fcntl(fds[0], F_GET_SEALS), EINVAL);
  CHECK_ERR("MFD_EXEC and MFD_NOEXEC_SEAL", syscall(SYS_memfd_create, "x", 24u), EINVAL);
  close(fds[0]), close(fds[1]), close(reader), close(plain), close(fd), close(other);
}

static int scratch_file(int flags) {
  const char *path = scratch("seal");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
  unlink(path);
  return fd;
}

static void test_append(void) {
  char text[32] = "";
  int fd = scratch_file(O_APPEND);
  REQUIRE("file", fd >= 0 && write(fd, "12345", 5) == 5);
  lseek(fd, 1, SEEK_SET);
  CHECK_EQ("pwrite appends", pwrite(fd, "abc", 3, 0), 3);
  CHECK_EQ("and leaves the position", lseek(fd, 0, SEEK_CUR), 1);
  CHECK("the content", pread(fd, text, 20, 0) == 8 && !strcmp(text, "12345abc"));
  CHECK_EQ("write appends, too", write(fd, "!", 1), 1);
  CHECK_EQ("and moves it", lseek(fd, 0, SEEK_CUR), 9);
  close(fd);
  fd = scratch_file(0);
  struct iovec vector = {text, 4};
  REQUIRE("another", fd >= 0 && pwrite(fd, "12345", 5, 0) == 5);
  CHECK_EQ("RWF_APPEND", syscall(SYS_pwritev2, fd, &vector, 1, 0L, 0L, 0x10), 4);
  CHECK("at the end", lseek(fd, 0, SEEK_CUR) == 0 && lseek(fd, 0, SEEK_END) == 9);
  close(fd);
}

static volatile int signals;
static void on_xfsz(int signal) { signals += signal == SIGXFSZ; }

static void test_limit(void) {
  static char page[8192];
  struct rlimit old, limit;
  struct sigaction action = {.sa_handler = on_xfsz};
  sigaction(SIGXFSZ, &action, NULL);
  getrlimit(RLIMIT_FSIZE, &old);
  limit = old;
  limit.rlim_cur = 10000;
  int fd = scratch_file(0), fds[2];
  REQUIRE("limit", fd >= 0 && setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK_EQ("below it", write(fd, page, 8192), 8192);
  CHECK_EQ("up to it", write(fd, page, 8192), 10000 - 8192);
  CHECK_EQ("no signal yet", signals, 0);
  CHECK_ERR("at it", write(fd, page, 1), EFBIG);
  CHECK_EQ("SIGXFSZ", signals, 1);
  CHECK_EQ("nothing is nothing", write(fd, page, 0), 0);
  CHECK_ERR("ftruncate", ftruncate(fd, 10001), EFBIG);
  CHECK_EQ("SIGXFSZ again", signals, 2);
  CHECK_EQ("within", ftruncate(fd, 9000), 0);
  CHECK_ERR("fallocate", fallocate(fd, 0, 0, 20000), EFBIG);
  CHECK("a pipe has no size", pipe(fds) == 0 && write(fds[1], page, 8192) == 8192 &&
                                  write(fds[1], page, 8192) == 8192);
  CHECK_EQ("no limit", setrlimit(RLIMIT_FSIZE, &old), 0);
  CHECK_EQ("no error", pwrite(fd, page, 8192, 9000), 8192);
  close(fd), close(fds[0]), close(fds[1]);
}

static void test_holes(void) {
  static char page[4096];
  int fd = syscall(SYS_memfd_create, "holes", 0);
  REQUIRE("memfd", fd >= 0 && ftruncate(fd, 40960) == 0);
  memset(page, 'd', sizeof page);
  CHECK_ERR("no data at all", lseek(fd, 0, SEEK_DATA), ENXIO);
  CHECK_EQ("all is a hole", lseek(fd, 100, SEEK_HOLE), 100);
  CHECK_EQ("data", pwrite(fd, page, 4096, 8192) + pwrite(fd, page, 4096, 12288), 8192);
  CHECK_EQ("where it begins", lseek(fd, 5, SEEK_DATA), 8192);
  CHECK_EQ("in its middle", lseek(fd, 9000, SEEK_DATA), 9000);
  CHECK_EQ("where it ends", lseek(fd, 9000, SEEK_HOLE), 16384);
  CHECK_ERR("no more", lseek(fd, 16384, SEEK_DATA), ENXIO);
  CHECK_ERR("behind the end", lseek(fd, 40960, SEEK_HOLE), ENXIO);
  char *map = mmap(NULL, 40960, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE("mapping", map != MAP_FAILED && map[8192] == 'd' && map[12288] == 'd');
  CHECK_EQ("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4100), 0);
  CHECK("the mapping shows it", map[8192] == 0 && map[12288] == 0 && map[12292] == 'd');
  map[8192] = 'n';
  CHECK("and is the file", pread(fd, page, 1, 8192) == 1 && page[0] == 'n');
  CHECK_ERR("collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
  CHECK_ERR("punch without KEEP_SIZE", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
  munmap(map, 40960);
  close(fd);
}

/* A file of the image: what is changed is changed, the rest is as it was, at every size. */
static void test_image(void) {
  if (!on_virga)
    return;
  char path[256] = "", old[6000], now[6000];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  int reader = open(path, O_RDONLY);
  struct stat st, after;
  REQUIRE("the program", n > 0 && reader >= 0 && fstat(reader, &st) == 0 && st.st_size > 30000);
  int fd = open(path, O_RDWR);
  REQUIRE("to be written", fd >= 0 && pread(reader, old, 6000, 5000) == 6000);
  CHECK_EQ("the size", lseek(fd, 0, SEEK_END), st.st_size);
  CHECK("the contents", pread(fd, now, 6000, 5000) == 6000 && !memcmp(old, now, 6000));
  CHECK_EQ("a byte", pwrite(fd, "#", 1, 7000), 1);
  CHECK("and no more has changed", pread(fd, now, 6000, 5000) == 6000 && now[2000] == '#' &&
                                       (now[2000] = old[2000], !memcmp(old, now, 6000)));
  CHECK("the end", pread(fd, now, 100, st.st_size - 50) == 50 &&
                       pread(reader, old, 100, st.st_size - 50) == 50 && !memcmp(old, now, 50));
  CHECK("longer: zeros behind", ftruncate(fd, st.st_size + 5000) == 0 &&
                                    pread(fd, now, 3000, st.st_size - 50) == 3000 &&
                                    !memcmp(old, now, 50) && now[50] == 0 && now[2999] == 0);
  CHECK_EQ("shorter", ftruncate(fd, 20001), 0);
  CHECK_EQ("and longer again", ftruncate(fd, 40000), 0);
  CHECK("zeros there", pread(fd, now, 6000, 20000) == 6000 && now[1] == 0 && now[5999] == 0);
  CHECK("not before", pread(reader, old, 6000, 14001) == 6000 &&
                          pread(fd, now, 6000, 14001) == 6000 && !memcmp(old, now, 6000));
  CHECK_EQ("a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192), 0);
  CHECK("is empty", pread(fd, now, 6000, 6000) == 6000 && now[0] == 0 && now[5999] == 0);
  char *map = mmap(NULL, 40000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK("mapped", map != MAP_FAILED && map[4095] == (pread(reader, old, 1, 4095), old[0]) &&
                      map[4096] == 0);
  munmap(map, 40000);
  CHECK("the image is as it was", fstat(reader, &after) == 0 && after.st_size == st.st_size);
  close(fd), close(reader);
}

static volatile int readied, ready_fd;
static void on_ready(int signal UNUSED, siginfo_t *info, void *context UNUSED) {
  readied++;
  ready_fd = info->si_fd;
}

/* O_ASYNC: a pipe that becomes readable sends a signal to its owner. */
static void test_owner(void) {
  int fds[2];
  struct sigaction action = {.sa_sigaction = on_ready, .sa_flags = SA_SIGINFO};
  sigaction(SIGIO, &action, NULL);
  sigaction(SIGRTMIN + 1, &action, NULL);
  REQUIRE("pipe", pipe(fds) == 0);
  CHECK_EQ("no owner", fcntl(fds[0], F_GETOWN), 0);
  CHECK_EQ("F_SETOWN", fcntl(fds[0], F_SETOWN, getpid()), 0);
  CHECK_EQ("F_GETOWN", fcntl(fds[0], F_GETOWN), getpid());
  CHECK_EQ("without O_ASYNC", (write(fds[1], "x", 1), readied), 0);
  CHECK_EQ("O_ASYNC", fcntl(fds[0], F_SETFL, O_ASYNC), 0);
  CHECK("is kept", fcntl(fds[0], F_GETFL) & O_ASYNC);
  CHECK_EQ("a byte", write(fds[1], "x", 1), 1);
  CHECK_EQ("SIGIO", readied, 1);
  CHECK_EQ("F_SETSIG", fcntl(fds[0], F_SETSIG, SIGRTMIN + 1), 0);
  CHECK_EQ("F_GETSIG", fcntl(fds[0], F_GETSIG), SIGRTMIN + 1);
  CHECK_EQ("another byte", write(fds[1], "x", 1), 1);
  CHECK("tells the descriptor", readied == 2 && ready_fd == fds[0]);
  CHECK_ERR("an unknown process", fcntl(fds[0], F_SETOWN, 0x3fffffff), ESRCH);
  CHECK_ERR("an unknown signal", fcntl(fds[0], F_SETSIG, 65), EINVAL);
  int owner[2] = {0, (int)syscall(SYS_gettid)}, told[2] = {9, 9};
  CHECK("F_SETOWN_EX, F_GETOWN_EX",
        fcntl(fds[0], 15, owner) == 0 && fcntl(fds[0], 16, told) == 0 && told[0] == owner[0] &&
            told[1] == owner[1]);
  CHECK_EQ("nobody", fcntl(fds[0], F_SETOWN, 0), 0);
  CHECK_EQ("no signal", (write(fds[1], "x", 1), readied), 2);
  close(fds[0]), close(fds[1]);
}

static const struct group groups[] = {
    {"seals", test_seals}, {"append", test_append}, {"limit", test_limit},
    {"holes", test_holes}, {"image", test_image},   {"owner", test_owner},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
