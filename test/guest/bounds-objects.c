/*
 * The first and the last value that calls on memory, descriptors and IPC take, and the one beyond:
 * each line is a call at a bound.
 */
#include "errors.h"
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
/* Where an application's memory ends, and the lowest place it may have. */
#define END 0x7ffffffff000ul
#define LOW 0x10000ul
enum { SIGNAL_MAX = 64, SETOWN_EX = 15, GETOWN_EX = 16 };

static char buffer[16384];

static long map(unsigned long at, unsigned long size, int flags) {
  long got = (long)mmap((void *)at, size, RW, ANONYMOUS | flags, -1, 0);
  return got == (long)at ? 0 : got == -1 ? -1 : got;
}

static void test_addresses(void) {
  char *memory = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0), residence[8];
  REQUIRE("memory", memory != MAP_FAILED);
  GIVES(0, map(LOW, PAGE, MAP_FIXED));
  memset((void *)LOW, 1, PAGE);
  GIVES(0, munmap((void *)LOW, PAGE));
  GIVES(0, map(LOW, PAGE, 0));
  GIVES(0, munmap((void *)LOW, PAGE));
  GIVES(LOW, syscall(SYS_mremap, memory, PAGE, PAGE, 3, LOW));
  GIVES(0, munmap((void *)LOW, PAGE));
  FAILS(EINVAL, syscall(SYS_mremap, memory + PAGE, PAGE, PAGE, 3, END));
  FAILS(EINVAL, syscall(SYS_mremap, memory + PAGE, PAGE, 2 * PAGE, 3, END - PAGE));
  FAILS(ENOMEM, map(END, PAGE, MAP_FIXED));
  FAILS(ENOMEM, map(END - PAGE, 2 * PAGE, MAP_FIXED));
  FAILS(EINVAL, munmap((void *)END, PAGE));
  FAILS(EINVAL, munmap((void *)(END - PAGE), 2 * PAGE));
  FAILS(EINVAL, munmap(memory, END + 1));
  FAILS(ENOMEM, mprotect((void *)END, PAGE, RW));
  FAILS(ENOMEM, mprotect((void *)(END - PAGE), 2 * PAGE, RW));
  FAILS(ENOMEM, map(0, END + PAGE, 0));
  FAILS(ENOMEM, mincore((void *)END, PAGE, (void *)residence));
  GIVES(0, mincore(memory, 0, (void *)residence));
  FAILS(ENOMEM, madvise((void *)END, PAGE, MADV_NORMAL));
  FAILS(ENOMEM, mlock((void *)END, PAGE));
  FAILS(EINVAL, madvise(memory + 1, PAGE, MADV_DONTNEED));
  GIVES(0, munmap(memory + PAGE, 1));
  FAILS(ENOMEM, mprotect(memory + PAGE, PAGE, RW));
  FAILS(EINVAL, syscall(SYS_mremap, memory + 2 * PAGE, PAGE, PAGE, 4, 0));
  FAILS(EINVAL, syscall(SYS_mremap, memory + 2 * PAGE, PAGE, 2 * PAGE, 5, 0));
  FAILS(EINVAL, syscall(SYS_remap_file_pages, memory + 2 * PAGE, PAGE, 1, 0, 0));
  FAILS(EINVAL, syscall(SYS_remap_file_pages, memory + 2 * PAGE, 0, 0, 0, 0));
  FAILS(EINVAL, syscall(SYS_remap_file_pages, memory + 2 * PAGE, PAGE, 0, -1l, 0));
  FAILS(EINVAL, syscall(SYS_remap_file_pages, memory + 2 * PAGE, PAGE, 0, 0, 0));
  munmap(memory, 4 * PAGE);
}

/* Locked all at once: filled, or as they are touched. */
static void test_locked(void) {
  unsigned char residence[4];
  char *memory = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
  REQUIRE("as they are touched", mlockall(MCL_CURRENT | 4 /* MCL_ONFAULT */) == 0);
  mincore(memory, 4 * PAGE, residence);
  CHECK_EQ("nothing is there yet", residence[0] | residence[3], 0);
  munlockall();
  REQUIRE("at once", mlockall(MCL_CURRENT) == 0);
  mincore(memory, 4 * PAGE, residence);
  CHECK_EQ("all is there", residence[0] & residence[1] & residence[2] & residence[3] & 1, 1);
  munlockall();
  munmap(memory, 4 * PAGE);
  char *before = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
  REQUIRE("what comes, too", mlockall(MCL_FUTURE | 4) == 0);
  memory = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
  mincore(memory, 4 * PAGE, residence);
  CHECK_EQ("as it is touched", residence[0] | residence[3], 0);
  munmap(memory, 4 * PAGE);
  REQUIRE("or at once", mlockall(MCL_FUTURE) == 0);
  mincore(before, 4 * PAGE, residence);
  CHECK_EQ("what is there already is not filled", residence[0] | residence[3], 0);
  munmap(before, 4 * PAGE);
  memory = mmap(NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
  mincore(memory, 4 * PAGE, residence);
  CHECK_EQ("it is filled", residence[0] & residence[3] & 1, 1);
  munlockall();
  munmap(memory, 4 * PAGE);
  FAILS(EINVAL, mlockall(4));
  FAILS(EINVAL, mlockall(8));
}

static void test_ipc(void) {
  static struct sembuf operations[501];
  static struct {
    long type;
    char text[8193];
  } message = {1, ""};
  int set = semget(IPC_PRIVATE, 4, 0600), queue = msgget(IPC_PRIVATE, 0600);
  REQUIRE("objects", set >= 0 && queue >= 0);
  for (int i = 0; i < 501; i++)
    operations[i] = (struct sembuf){i % 4, 1, 0};
  GIVES(0, semop(set, operations, 500));
  GIVES(125, semctl(set, 3, GETVAL));
  FAILS(E2BIG, semop(set, operations, 501));
  FAILS(EINVAL, semop(set, operations, 0));
  operations[0].sem_num = 4;
  FAILS(EFBIG, semop(set, operations, 1));
  GIVES(0, semctl(set, 3, SETVAL, 32767));
  GIVES(32767, semctl(set, 3, GETVAL));
  FAILS(ERANGE, semctl(set, 3, SETVAL, 32768));
  FAILS(ERANGE, semctl(set, 3, SETVAL, -1));
  FAILS(EINVAL, semctl(set, 4, GETVAL));
  FAILS(EINVAL, semctl(set, 4, SETVAL, 1));
  FAILS(EINVAL, semctl(set, -1, GETVAL));
  FAILS(EINVAL, semctl(set, 0, 10));
  FAILS(EINVAL, semctl(set, 0, 21));
  operations[0] = (struct sembuf){3, 1, 0};
  FAILS(ERANGE, semop(set, operations, 1));
  GIVES(getpid(), semctl(set, 3, GETPID));
  GIVES(0, semctl(set, 3, GETNCNT) + semctl(set, 3, GETZCNT));
  FAILS(EINVAL, semget(IPC_PRIVATE, -1, 0600));
  FAILS(EINVAL, semget(IPC_PRIVATE, 0, 0600));
  FAILS(EINVAL, semget(IPC_PRIVATE, 32001, 0600));
  FAILS(EFAULT, syscall(SYS_semop, set, NOWHERE, 1));
  FAILS(EFAULT, syscall(SYS_semctl, set, 0, GETALL, NOWHERE));
  FAILS(EFAULT, syscall(SYS_semctl, set, 0, SETALL, NOWHERE));
  GIVES(0, semctl(set, 0, IPC_RMID));
  FAILS(EINVAL, semctl(set, 0, GETVAL));
  FAILS(EINVAL, semctl(-1, 0, GETVAL));
  GIVES(0, msgsnd(queue, &message, 8192, IPC_NOWAIT));
  FAILS(EINVAL, msgsnd(queue, &message, 8193, IPC_NOWAIT));
  FAILS(EINVAL, msgsnd(queue, &message, -1, IPC_NOWAIT));
  FAILS(E2BIG, msgrcv(queue, &message, 8191, 0, IPC_NOWAIT));
  FAILS(EINVAL, msgrcv(queue, &message, -1, 0, IPC_NOWAIT));
  GIVES(8192, msgrcv(queue, &message, 8192, 0, IPC_NOWAIT));
  message.type = 0;
  FAILS(EINVAL, msgsnd(queue, &message, 1, IPC_NOWAIT));
  message.type = -1;
  FAILS(EINVAL, msgsnd(queue, &message, 1, IPC_NOWAIT));
  message.type = 1;
  GIVES(0, msgsnd(queue, &message, 0, IPC_NOWAIT));
  GIVES(0, msgrcv(queue, &message, 0, 1, IPC_NOWAIT));
  FAILS(ENOMSG, msgrcv(queue, &message, 0, 0, IPC_NOWAIT));
  FAILS(EINVAL, msgctl(queue, 10, (struct msqid_ds *)buffer));
  FAILS(EINVAL, msgctl(queue, 14, (struct msqid_ds *)buffer));
  GIVES(0, msgctl(queue, IPC_RMID, NULL));
  FAILS(EINVAL, shmget(IPC_PRIVATE, 0, 0600));
  FAILS(EINVAL, shmctl(0, 10, (struct shmid_ds *)buffer));
  FAILS(EINVAL, shmctl(0, 16, (struct shmid_ds *)buffer));
  FAILS(EINVAL, (long)shmat(-1, NULL, 0));
  FAILS(EINVAL, shmdt((void *)LOW));
}

static long open_queue(const char *name, long letters, long size) {
  long attributes[8] = {0, letters, size, 0};
  syscall(SYS_mq_unlink, name);
  long fd = syscall(SYS_mq_open, name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, attributes);
  int error = errno;
  if (fd >= 0)
    close(fd);
  syscall(SYS_mq_unlink, name);
  errno = error;
  return fd < 0 ? -1 : 0;
}

static void test_message_queues(void) {
  char name[300];
  long attributes[8] = {0, 3, 16, 0};
  memset(name, 'q', sizeof name);
  name[256] = 0;
  FAILS(ENAMETOOLONG, open_queue(name, 1, 1));
  name[255] = 0;
  GIVES(0, open_queue(name, 1, 1));
  FAILS(EINVAL, open_queue(name, 0, 1));
  FAILS(EINVAL, open_queue(name, 1, 0));
  FAILS(EINVAL, open_queue(name, -1, 1));
  FAILS(EINVAL, open_queue(name, 65537, 1));
  FAILS(EINVAL, open_queue(name, 1, 16777217));
  FAILS(EACCES, open_queue(".", 1, 1));
  FAILS(EACCES, open_queue("..", 1, 1));
  FAILS(EACCES, open_queue("a/b", 1, 1));
  FAILS(ENOENT, open_queue("", 1, 1));
  GIVES(0, open_queue("...", 1, 1));
  int mq = syscall(SYS_mq_open, name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, attributes);
  REQUIRE("a queue", mq >= 0);
  GIVES(0, syscall(SYS_mq_timedsend, mq, buffer, 16, 32767, NULL));
  FAILS(EINVAL, syscall(SYS_mq_timedsend, mq, buffer, 16, 32768, NULL));
  FAILS(EMSGSIZE, syscall(SYS_mq_timedsend, mq, buffer, 17, 0, NULL));
  GIVES(0, syscall(SYS_mq_timedsend, mq, buffer, 0, 0, NULL));
  GIVES(0, syscall(SYS_mq_timedsend, mq, buffer, 1, 0, NULL));
  FAILS(EAGAIN, syscall(SYS_mq_timedsend, mq, buffer, 1, 0, NULL));
  FAILS(EMSGSIZE, syscall(SYS_mq_timedreceive, mq, buffer, 15, NULL, NULL));
  GIVES(16, syscall(SYS_mq_timedreceive, mq, buffer, 16, NULL, NULL));
  GIVES(0, syscall(SYS_mq_timedreceive, mq, buffer, 16, NULL, NULL));
  GIVES(1, syscall(SYS_mq_timedreceive, mq, buffer, 17, NULL, NULL));
  FAILS(EAGAIN, syscall(SYS_mq_timedreceive, mq, buffer, 16, NULL, NULL));
  FAILS(EINVAL, syscall(SYS_mq_timedreceive, mq, buffer, 16, NULL, &(struct timespec){0, -1}));
  FAILS(EINVAL, syscall(SYS_mq_timedsend, mq, buffer, 1, 0, &(struct timespec){0, 1000000000}));
  FAILS(EBADF, syscall(SYS_mq_timedsend, 0, buffer, 1, 0, NULL));
  FAILS(EBADF, syscall(SYS_mq_timedreceive, 0, buffer, 16, NULL, NULL));
  FAILS(EBADF, syscall(SYS_mq_getsetattr, 0, NULL, buffer));
  attributes[0] = 1;
  FAILS(EINVAL, syscall(SYS_mq_getsetattr, mq, attributes, NULL));
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL_MAX};
  GIVES(0, syscall(SYS_mq_notify, mq, &event));
  FAILS(EBUSY, syscall(SYS_mq_notify, mq, &event));
  GIVES(0, syscall(SYS_mq_notify, mq, NULL));
  event.sigev_signo = SIGNAL_MAX + 1;
  FAILS(EINVAL, syscall(SYS_mq_notify, mq, &event));
  event.sigev_notify = 3;
  FAILS(EINVAL, syscall(SYS_mq_notify, mq, &event));
  FAILS(EBADF, syscall(SYS_mq_notify, 0, NULL));
  syscall(SYS_mq_unlink, name);
  close(mq);
}

static void test_descriptors(void) {
  struct rlimit limit, less;
  struct iovec one = {buffer, 1};
  static struct iovec many[1025];
  struct pollfd none[3] = {{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}};
  int ends[2], null = open("/dev/null", O_RDWR);
  uint64_t how[513] = {O_RDONLY, 0, 0};
  REQUIRE("a pipe", pipe(ends) == 0);
  getrlimit(RLIMIT_NOFILE, &limit);
  less = (struct rlimit){200, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &less);
  GIVES(199, fcntl(null, F_DUPFD, 199));
  FAILS(EMFILE, fcntl(null, F_DUPFD, 199));
  FAILS(EINVAL, fcntl(null, F_DUPFD, 200));
  GIVES(199, dup2(null, 199));
  FAILS(EBADF, dup2(null, 200));
  GIVES(0, close(199));
  FAILS(EBADF, close(199));
  FAILS(EINVAL, syscall(SYS_poll, buffer, 201, 0));
  setrlimit(RLIMIT_NOFILE, &limit);
  GIVES(0, poll(none, 3, 0));
  GIVES(0, syscall(436 /* close_range */, 190, 190, 0));
  GIVES(0, syscall(436, 199, ~0u, 0));
  GIVES(0, syscall(436, 1u << 31, ~0u, 0));
  FAILS(EINVAL, syscall(436, 190, 189, 0));
  for (int i = 0; i < 1025; i++)
    many[i] = one;
  GIVES(1024, writev(null, many, 1024));
  FAILS(EINVAL, writev(null, many, 1025));
  FAILS(EINVAL, pread(ends[0], buffer, 1, -1));
  FAILS(EINVAL, pwrite(ends[1], buffer, 1, -1));
  FAILS(EINVAL, syscall(SYS_preadv, ends[0], &one, 1, -1l, 0l));
  FAILS(EINVAL, syscall(SYS_pwritev, ends[1], &one, 1, -1l, 0l));
  GIVES(1, syscall(328 /* pwritev2 */, ends[1], &one, 1, -1l, -1l, 0));
  GIVES(1, syscall(327 /* preadv2 */, ends[0], &one, 1, -1l, -1l, 0));
  FAILS(EINVAL, syscall(328, ends[1], &one, 1, -2l, -1l, 0));
  FAILS(EINVAL, syscall(327, ends[0], &one, 1, -2l, -1l, 0));
  FAILS(EFAULT, fcntl(null, SETOWN_EX, NOWHERE));
  FAILS(EFAULT, fcntl(null, GETOWN_EX, NOWHERE));
  FAILS(EINVAL, fcntl(null, SETOWN_EX, (int[]){3, 1}));
  FAILS(EINVAL, fcntl(null, SETOWN_EX, (int[]){-1, 1}));
  FAILS(ESRCH, fcntl(null, SETOWN_EX, (int[]){1, 4000000}));
  FAILS(EINVAL, syscall(437 /* openat2 */, AT_FDCWD, "/", how, 23));
  FAILS(E2BIG, syscall(437, AT_FDCWD, "/", how, 4097));
  GIVES(0, close(syscall(437, AT_FDCWD, "/", how, 24)));
  GIVES(0, close(syscall(437, AT_FDCWD, "/", how, 4096)));
  how[511] = 1;
  FAILS(E2BIG, syscall(437, AT_FDCWD, "/", how, 4096));
  how[511] = 0, how[3] = 1;
  FAILS(E2BIG, syscall(437, AT_FDCWD, "/", how, 25));
  int epoll = epoll_create1(0);
  FAILS(EINVAL, syscall(SYS_epoll_wait, epoll, buffer, 0, 0));
  FAILS(EINVAL, syscall(SYS_epoll_wait, epoll, buffer, -1, 0));
  FAILS(EINVAL, syscall(SYS_epoll_wait, epoll, buffer, INT_MAX / 12 + 1, 0));
  GIVES(0, syscall(SYS_epoll_wait, epoll, buffer, INT_MAX / 12, 0));
  close(null), close(ends[0]), close(ends[1]), close(epoll);
}

/* Descriptors on both sides of a word of the sets, which are whole words. */
static void test_select(void) {
  static const int numbers[] = {0, 31, 32, 63, 64, 127, 128, 200};
  int ends[2];
  REQUIRE("a pipe", pipe(ends) == 0);
  for (unsigned i = 0; i < COUNT(numbers); i++) {
    int fd = numbers[i], input = fd == 0 ? dup(0) : -1;
    fd_set reads, writes, excepts;
    struct timeval now = {0, 0};
    dup2(ends[1], fd);
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&excepts);
    FD_SET(fd, &reads);
    FD_SET(fd, &writes);
    FD_SET(fd, &excepts);
    CHECK_EQ("it can be written", syscall(SYS_select, fd + 1, &reads, &writes, &excepts, &now), 1);
    CHECK("and that is all", FD_ISSET(fd, &writes) && !FD_ISSET(fd, &reads) &&
                                 !FD_ISSET(fd, &excepts));
    FD_SET(fd, &reads);
    CHECK_EQ("one below it", syscall(SYS_select, fd, &reads, &writes, NULL, &now), 0);
    if (input >= 0)
      dup2(input, 0), close(input);
    else
      close(fd);
    if (fd == 0)
      continue;
    FD_ZERO(&reads);
    FD_SET(fd, &reads);
    CHECK_ERR("one that is closed", syscall(SYS_select, fd + 1, &reads, NULL, NULL, &now), EBADF);
  }
  FAILS(EINVAL, syscall(SYS_select, -1, NULL, NULL, NULL, &(struct timeval){0, 0}));
  close(ends[0]), close(ends[1]);
}

static const struct group groups[] = {
    {"addresses", test_addresses}, {"locked", test_locked},
    {"ipc", test_ipc},             {"message-queues", test_message_queues},
    {"descriptors", test_descriptors}, {"select", test_select},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
