/*
 * Locks on files: flock, and fcntl's ranges of the process and of an open file description. Two
 * descriptions of one process stand in each other's way; duplicates of a descriptor don't.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>

static char path[96];
static int one, two;

static bool open_two(void) {
  strcpy(path, scratch("lock"));
  one = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  two = open(path, O_RDWR);
  return one >= 0 && two >= 0 && write(one, "0123456789", 10) == 10;
}

static void close_two(void) {
  close(one), close(two);
  unlink(path);
}

static int set_range(int fd, int command, int type, off_t start, off_t length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &lock);
}

static void test_flock(void) {
  REQUIRE("two descriptions", open_two());
  CHECK_EQ("shared", flock(one, LOCK_SH), 0);
  CHECK_EQ("shared by both", flock(two, LOCK_SH | LOCK_NB), 0);
  CHECK_ERR("exclusive beside shared", flock(two, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  CHECK_EQ("unlock", flock(two, LOCK_UN), 0);
  CHECK_EQ("upgrade", flock(one, LOCK_EX | LOCK_NB), 0);
  CHECK_EQ("again", flock(one, LOCK_EX | LOCK_NB), 0);
  CHECK_ERR("shared beside exclusive", flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
  int duplicate = dup(one);
  CHECK_EQ("a duplicate is the same", flock(duplicate, LOCK_EX | LOCK_NB), 0);
  close(one);
  CHECK_ERR("one of two descriptors closes", flock(two, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  CHECK_EQ("ranges are apart", set_range(two, F_SETLK, F_WRLCK, 0, 0), 0);
  close(duplicate);
  CHECK_EQ("the last closes", flock(two, LOCK_EX | LOCK_NB), 0);
  CHECK_EQ("downgrade", flock(two, LOCK_SH), 0);
  one = open(path, O_RDONLY);
  CHECK_EQ("a reader may lock, too", flock(one, LOCK_SH | LOCK_NB), 0);
  CHECK_ERR("nonsense", flock(one, 64), EINVAL);
  CHECK_ERR("none", flock(one, LOCK_NB), EINVAL);
  CHECK_ERR("no descriptor", flock(-1, LOCK_SH), EBADF);
  int place = open(path, O_PATH);
  CHECK_ERR("O_PATH", flock(place, LOCK_SH), EBADF);
  close(place);
  close_two();
}

static void on_alarm(int signal UNUSED) {}

static void *wait_for_lock(void *arg UNUSED) { return (void *)(long)flock(two, LOCK_EX); }
static void *wait_for_range(void *arg UNUSED) {
  return (void *)(long)set_range(two, F_OFD_SETLKW, F_WRLCK, 0, 1);
}

static void test_wait(void) {
  REQUIRE("two descriptions", open_two());
  pthread_t thread;
  void *result;
  flock(one, LOCK_EX);
  pthread_create(&thread, NULL, wait_for_lock, NULL);
  sleep_ms(20);
  CHECK_EQ("unlock", flock(one, LOCK_UN), 0);
  pthread_join(thread, &result);
  CHECK_EQ("who waited has it", (long)result, 0);
  CHECK_ERR("and keeps others away", flock(one, LOCK_SH | LOCK_NB), EWOULDBLOCK);
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  CHECK_ERR("a signal ends the wait", flock(one, LOCK_EX), EINTR);
  flock(two, LOCK_UN);
  CHECK_EQ("a range", set_range(one, F_OFD_SETLK, F_RDLCK, 0, 0), 0);
  pthread_create(&thread, NULL, wait_for_range, NULL);
  sleep_ms(20);
  close(one);
  pthread_join(thread, &result);
  CHECK_EQ("closing lets the waiter in", (long)result, 0);
  one = open(path, O_RDWR);
  alarm(1);
  CHECK_ERR("a signal ends that wait, too", set_range(one, F_OFD_SETLKW, F_WRLCK, 0, 1), EINTR);
  close_two();
}

static void test_ofd(void) {
  REQUIRE("two descriptions", open_two());
  CHECK_EQ("a range", set_range(one, F_OFD_SETLK, F_WRLCK, 10, 10), 0);
  CHECK_ERR("overlaps", set_range(two, F_OFD_SETLK, F_RDLCK, 19, 1), EAGAIN);
  CHECK_EQ("neighbours", set_range(two, F_OFD_SETLK, F_WRLCK, 20, 1), 0);
  CHECK_EQ("before", set_range(two, F_OFD_SETLK, F_WRLCK, 9, 1), 0);
  CHECK_ERR("the process' ranges, too", set_range(two, F_SETLK, F_WRLCK, 12, 1), EAGAIN);
  CHECK_EQ("cut a hole", set_range(one, F_OFD_SETLK, F_UNLCK, 14, 2), 0);
  CHECK_EQ("fits there", set_range(two, F_OFD_SETLK, F_WRLCK, 14, 2), 0);
  CHECK_ERR("not behind it", set_range(two, F_OFD_SETLK, F_WRLCK, 16, 1), EAGAIN);
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
  CHECK("F_OFD_GETLK tells of it", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK &&
                                       lock.l_start == 10 && lock.l_len == 4 && lock.l_pid == -1);
  lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 9};
  CHECK("and of none", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK &&
                           lock.l_len == 9);
  lock = (struct flock){.l_type = F_RDLCK, .l_len = 1, .l_pid = 1};
  CHECK_ERR("a process id", fcntl(two, F_OFD_SETLK, &lock), EINVAL);
  close_two();
}

/* The process' own ranges never conflict; another description's show where they are. */
static bool free_at(off_t at) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
  return fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

static void test_process(void) {
  REQUIRE("two descriptions", open_two());
  struct flock lock;
  CHECK_EQ("a range", set_range(one, F_SETLK, F_WRLCK, 10, 10), 0);
  CHECK_EQ("by the other descriptor, too", set_range(two, F_SETLK, F_WRLCK, 10, 10), 0);
  CHECK("it is there", free_at(9) && !free_at(10) && !free_at(19) && free_at(20));
  CHECK_EQ("a neighbour", set_range(one, F_SETLK, F_WRLCK, 20, 10), 0);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK("is merged", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_start == 10 &&
                         lock.l_len == 20 && lock.l_pid == getpid());
  CHECK_EQ("read in the middle", set_range(one, F_SETLK, F_RDLCK, 15, 5), 0);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK("splits it", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_start == 10 && lock.l_len == 5);
  lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 15};
  CHECK("readers may share that", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_start == 20 &&
                                      lock.l_len == 10);
  CHECK_EQ("cut", set_range(one, F_SETLK, F_UNLCK, 12, 16), 0);
  CHECK("both ends stay", !free_at(11) && free_at(12) && free_at(27) && !free_at(28));
  CHECK_EQ("to the end", set_range(one, F_SETLK, F_WRLCK, 100, 0), 0);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 200, .l_len = 7};
  CHECK("has length 0", fcntl(two, F_OFD_GETLK, &lock) == 0 && lock.l_start == 100 &&
                            lock.l_len == 0);
  int third = open(path, O_RDONLY);
  close(third);
  CHECK("closing any descriptor ends all", free_at(11) && free_at(28) && free_at(1000));
  lseek(one, 5, SEEK_SET);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = -3};
  CHECK("from the position, backwards", fcntl(one, F_SETLK, &lock) == 0 && free_at(2) &&
                                            !free_at(3) && !free_at(5) && free_at(6));
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
  CHECK("from the end", fcntl(one, F_SETLK, &lock) == 0 && !free_at(8) && free_at(9));
  close_two();
}

static void test_errors(void) {
  REQUIRE("two descriptions", open_two());
  int reader = open(path, O_RDONLY), writer = open(path, O_WRONLY), place = open(path, O_PATH);
  CHECK_ERR("writing needs a writer", set_range(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
  CHECK_ERR("reading needs a reader", set_range(writer, F_OFD_SETLK, F_RDLCK, 0, 1), EBADF);
  CHECK_ERR("O_PATH", set_range(place, F_SETLK, F_RDLCK, 0, 1), EBADF);
  CHECK_ERR("an unknown type", set_range(one, F_SETLK, 7, 0, 1), EINVAL);
  CHECK_ERR("before the beginning", set_range(one, F_SETLK, F_RDLCK, 2, -3), EINVAL);
  CHECK_ERR("a negative start", set_range(one, F_SETLK, F_RDLCK, -1, 3), EINVAL);
  CHECK_ERR("beyond all", set_range(one, F_SETLK, F_RDLCK, INT64_MAX, 2), EOVERFLOW);
  CHECK_ERR("F_GETLK of nothing", set_range(one, F_GETLK, F_UNLCK, 0, 1), EINVAL);
  struct flock lock = {.l_type = F_RDLCK, .l_whence = 9};
  CHECK_ERR("an unknown whence", fcntl(one, F_SETLK, &lock), EINVAL);
  CHECK_ERR("a bad address", syscall(SYS_fcntl, one, F_SETLK, 8), EFAULT);
  CHECK_ERR("no descriptor", set_range(-1, F_SETLK, F_RDLCK, 0, 1), EBADF);
  close(reader), close(writer), close(place);
  close_two();
}

static int lines_with(const char *file, const char *word) {
  static char text[65536];
  int fd = open(file, O_RDONLY), found = 0;
  ssize_t n = 0, done = 0;
  while (fd >= 0 && (n = read(fd, text + done, sizeof text - 1 - done)) > 0)
    done += n;
  close(fd);
  text[done] = 0;
  for (char *at = text; (at = strstr(at, word)) != NULL; at++)
    found++;
  return found;
}

static void test_proc(void) {
  char word[64], info[64];
  REQUIRE("two descriptions", open_two());
  flock(one, LOCK_EX);
  set_range(one, F_SETLK, F_RDLCK, 3, 4);
  snprintf(word, sizeof word, "FLOCK  ADVISORY  WRITE %d ", (int)getpid());
  CHECK_EQ("/proc/locks: flock", lines_with("/proc/locks", word), 1);
  snprintf(word, sizeof word, "POSIX  ADVISORY  READ %d ", (int)getpid());
  CHECK_EQ("/proc/locks: a range", lines_with("/proc/locks", word), 1);
  snprintf(info, sizeof info, "/proc/self/fdinfo/%d", one);
  CHECK_EQ("/proc/self/fdinfo", lines_with(info, "FLOCK  ADVISORY  WRITE"), 1);
  snprintf(info, sizeof info, "/proc/self/fdinfo/%d", two);
  CHECK_EQ("not of the other descriptor", lines_with(info, "FLOCK"), 0);
  close_two();
  CHECK_EQ("nothing is left", lines_with("/proc/locks", word), 0);
}

static const struct group groups[] = {
    {"flock", test_flock},     {"wait", test_wait},     {"ofd", test_ofd},
    {"process", test_process}, {"errors", test_errors}, {"proc", test_proc},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
