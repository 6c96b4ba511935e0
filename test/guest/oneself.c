/*
 * Calls on a process, made on oneself: kcmp and process_madvise.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { FILE_SAME, VM, FILES, FS, SIGHAND, IO, SYSVSEM };

static long compare(long one, long other, int what, long first, long second) {
  return syscall(SYS_kcmp, one, other, what, first, second);
}

static volatile long thread;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *stay(void *unused) {
  thread = syscall(SYS_gettid);
  pthread_mutex_lock(&held);
  pthread_mutex_unlock(&held);
  return unused;
}

static void test_kcmp(void) {
  long self = getpid();
  int file = open("/proc/self/stat", O_RDONLY), same = dup(file);
  int other = open("/proc/self/stat", O_RDONLY);
  CHECK_EQ("a descriptor and itself", compare(self, self, FILE_SAME, file, file), 0);
  CHECK_EQ("a descriptor and its duplicate", compare(self, self, FILE_SAME, file, same), 0);
  long order = compare(self, self, FILE_SAME, file, other);
  CHECK("two open files have an order", order == 1 || order == 2);
  CHECK_EQ("the other way around, the other", compare(self, self, FILE_SAME, other, same), 3 - order);
  CHECK_ERR("no such descriptor", compare(self, self, FILE_SAME, file, 999), EBADF);
  CHECK_ERR("neither", compare(self, self, FILE_SAME, -1, file), EBADF);
  CHECK_ERR("no such process", compare(self, 999999, VM, 0, 0), ESRCH);
  CHECK_ERR("no such process", compare(0, self, VM, 0, 0), ESRCH);
  CHECK_ERR("nothing to compare", compare(self, self, 99, 0, 0), EINVAL);
  pthread_t started;
  int semaphore = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf plus = {0, 1, SEM_UNDO};
  semop(semaphore, &plus, 1);
  pthread_mutex_lock(&held);
  pthread_create(&started, NULL, stay, NULL);
  while (thread == 0)
    sleep_ms(1);
  for (int what = VM; what <= SYSVSEM; what++)
    CHECK_EQ("threads share it", compare(self, thread, what, 0, 0), 0);
  CHECK_EQ("and files", compare(thread, self, FILE_SAME, same, file), 0);
  pthread_mutex_unlock(&held);
  pthread_join(started, NULL);
  semctl(semaphore, 0, IPC_RMID);
  close(file);
  close(same);
  close(other);
}

static long page;

static long advise(int process, struct iovec *ranges, long count, int advice, int flags) {
  return syscall(SYS_process_madvise, process, ranges, count, advice, flags);
}

static void test_process_madvise(void) {
  int self = syscall(SYS_pidfd_open, getpid(), 0);
  char *at = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory", self >= 0 && at != MAP_FAILED);
  memset(at, 'x', 8 * page);
  struct iovec ranges[3] = {{at, page}, {at + 2 * page, 2 * page}, {at + 6 * page, page}};
  CHECK_EQ("bytes of all ranges", advise(self, ranges, 3, MADV_COLD, 0), 4 * page);
  CHECK_EQ("they stay", at[0], 'x');
  if (advise(self, ranges, 3, MADV_DONTNEED, 0) == 4 * page) {
    CHECK("of one's own memory any advice: dropped", at[0] == 0 && at[3 * page] == 0 &&
                                                         at[6 * page] == 0);
    CHECK("what is between is not", at[page] == 'x' && at[4 * page] == 'x' && at[7 * page] == 'x');
  }
  CHECK_EQ("no ranges", advise(self, ranges, 0, MADV_COLD, 0), 0);
  munmap(at + 2 * page, page);
  CHECK_EQ("those before a wrong one", advise(self, ranges, 3, MADV_COLD, 0), page);
  CHECK_ERR("none", advise(self, ranges + 1, 2, MADV_COLD, 0), ENOMEM);
  CHECK_ERR("no such advice", advise(self, ranges, 1, 12345, 0), EINVAL);
  CHECK_ERR("flags", advise(self, ranges, 1, MADV_COLD, 1), EINVAL);
  CHECK_ERR("too many", advise(self, ranges, 1025, MADV_COLD, 0), EINVAL);
  CHECK_ERR("nowhere", advise(self, (void *)16, 1, MADV_COLD, 0), EFAULT);
  CHECK_ERR("no descriptor", advise(-1, ranges, 1, MADV_COLD, 0), EBADF);
  CHECK_ERR("no process'", advise(0, ranges, 1, MADV_COLD, 0), EBADF);
  struct iovec wrong = {at, -page};
  CHECK_ERR("less than nothing", advise(self, &wrong, 1, MADV_COLD, 0), EINVAL);
  wrong = (struct iovec){(void *)0xffff800000000000, page};
  CHECK("in the other half", advise(self, &wrong, 1, MADV_COLD, 0) == -1);
  close(self);
}

static const struct group groups[] = {
    {"kcmp", test_kcmp},
    {"process-madvise", test_process_madvise},
};

int main(int argc, char **argv) {
  page = sysconf(_SC_PAGESIZE);
  return check_main(argc, argv, groups, COUNT(groups));
}
