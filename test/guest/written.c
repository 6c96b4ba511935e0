/*
 * What calls write back: exactly their structure, every byte of it, and none behind it. Each call
 * runs twice, into memory of two patterns and with two patterns where the kernel keeps what it
 * copies: a byte that is another pattern each time was not written, or says what the kernel held.
 * What is reserved or padding is zero.
 */
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum { ROOM = 4096, NO_SIZE = -1 };
enum { IPC_INFO_ = 3, MSG_STAT_ = 11, MSG_INFO_ = 12, SHM_STAT_ = 13, SHM_INFO_ = 14 };
enum { SEM_STAT_ = 18, SEM_INFO_ = 19 };

/* Where the call writes. */
static unsigned char at[ROOM] __attribute__((aligned(64)));
static int zero = 0;

/* Puts a pattern where the kernel keeps structures of this thread on their way: nothing is sent. */
static void fill_kernel(int pattern) {
  unsigned char info[128];
  struct sigaction_ {
    unsigned long words[4];
  } action;
  memset(info, pattern, sizeof info);
  syscall(SYS_rt_sigqueueinfo, getpid(), 0, info);
  memset(&action, pattern, sizeof action);
  syscall(SYS_rt_sigaction, 0, &action, NULL, 8);
  struct iovec vectors[24];
  memset(vectors, pattern, sizeof vectors);
  syscall(SYS_writev, 1, vectors, 24);
  syscall(SYS_mq_open, info, 0, 0, info);
  syscall(314 /* sched_setattr */, -2, info, 0);
}

static bool is_zero(int from, int to) {
  for (int i = from; i < to; i++)
    if (at[i] != 0)
      return false;
  return true;
}

/* The number of bytes that were written from the start, or NO_SIZE when there are gaps. */
static int written(const unsigned char *first, const unsigned char *second) {
  int size = ROOM;
  while (size > 0 && first[size - 1] == 0xa5 && second[size - 1] == 0x5a)
    size--;
  for (int i = 0; i < size; i++)
    if (first[i] == 0xa5 && second[i] == 0x5a)
      return NO_SIZE - i;
  return size;
}

#define WRITES(size, call)                                                                         \
  do {                                                                                             \
    unsigned char first[ROOM];                                                                     \
    fill_kernel(0xa5);                                                                             \
    memset(at, 0xa5, ROOM);                                                                        \
    long result = (long)(call);                                                                    \
    int error = errno;                                                                             \
    memcpy(first, at, ROOM);                                                                       \
    fill_kernel(0x5a);                                                                             \
    memset(at, 0x5a, ROOM);                                                                        \
    errno = error;                                                                                 \
    if (CHECK(#call, result >= 0 && (long)(call) >= 0))                                            \
      CHECK_EQ("writes", written(first, at), size);                                                \
  } while (0)
#define ZEROS(from, to) CHECK("what is reserved is zero", is_zero(from, to))

static void test_time(void) {
  struct itimerspec hour = {{3600, 0}, {3600, 0}};
  struct itimerval hours = {{3600, 0}, {3600, 0}};
  int timer = timerfd_create(CLOCK_MONOTONIC, 0), id = 0;
  WRITES(16, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, at));
  WRITES(16, syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, at));
  WRITES(16, syscall(SYS_clock_getres, CLOCK_REALTIME, at));
  WRITES(16, syscall(SYS_gettimeofday, at, NULL));
  WRITES(8, syscall(SYS_gettimeofday, NULL, at));
  WRITES(8, syscall(SYS_time, at));
  WRITES(32, syscall(SYS_times, at));
  ZEROS(16, 32);
  WRITES(32, (syscall(SYS_setitimer, ITIMER_REAL, &hours, NULL),
              syscall(SYS_setitimer, ITIMER_REAL, &hours, at)));
  WRITES(32, syscall(SYS_getitimer, ITIMER_REAL, at));
  alarm(0);
  WRITES(32, syscall(SYS_timerfd_settime, timer, 0, &hour, at));
  WRITES(32, syscall(SYS_timerfd_gettime, timer, at));
  REQUIRE("a timer", syscall(SYS_timer_create, CLOCK_MONOTONIC,
                             &(struct sigevent){.sigev_notify = SIGEV_NONE}, &id) == 0);
  WRITES(32, syscall(SYS_timer_settime, id, 0, &hour, at));
  WRITES(32, syscall(SYS_timer_gettime, id, at));
  syscall(SYS_timer_delete, id);
  WRITES(4, syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, at));
  hour.it_value = (struct timespec){0, 1}, hour.it_interval = (struct timespec){0, 1000000};
  timerfd_settime(timer, 0, &hour, NULL);
  WRITES(8, read(timer, at, 16));
  close(timer);
  WRITES(16, syscall(SYS_sched_rr_get_interval, 0, at));
  struct timespec past = {0, 0};
  WRITES(0, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, at));
  WRITES(0, syscall(SYS_nanosleep, &past, at));
}

static void test_process(void) {
  WRITES(390, syscall(SYS_uname, at));
  WRITES(112, syscall(SYS_sysinfo, at));
  ZEROS(84, 88);
  ZEROS(108, 112);
  WRITES(144, syscall(SYS_getrusage, RUSAGE_SELF, at));
  WRITES(144, syscall(SYS_getrusage, RUSAGE_THREAD, at));
  WRITES(144, syscall(SYS_getrusage, RUSAGE_CHILDREN, at));
  ZEROS(0, 144);
  WRITES(16, syscall(SYS_getrlimit, RLIMIT_NOFILE, at));
  WRITES(16, syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, at));
  WRITES(4, syscall(SYS_getcpu, at, NULL, NULL));
  WRITES(4, syscall(SYS_getcpu, NULL, at, NULL));
  WRITES(4, syscall(SYS_sched_getparam, 0, at));
  WRITES(48, syscall(315 /* sched_getattr */, 0, at, 48, 0));
  ZEROS(8, 16);
  ZEROS(20, 24);
  WRITES(12, syscall(SYS_getresuid, at, at + 4, at + 8));
  WRITES(12, syscall(SYS_getresgid, at, at + 4, at + 8));
  WRITES(24, syscall(SYS_capget, (uint32_t[]){0x20080522, 0}, at));
  WRITES(12, syscall(SYS_capget, (uint32_t[]){0x19980330, 0}, at));
  WRITES(16, prctl(PR_GET_NAME, at));
  WRITES(4, prctl(PR_GET_PDEATHSIG, at));
  WRITES(16, syscall(SYS_get_robust_list, 0, at, at + 8));
  WRITES(8, syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, at));
  WRITES(24, syscall(SYS_sigaltstack, NULL, at));
  WRITES(8, syscall(SYS_rt_sigpending, at, 8));
  WRITES(8, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, at, 8));
  WRITES(32, syscall(SYS_rt_sigaction, SIGUSR1, NULL, at, 8));
  WRITES(7, (int)syscall(SYS_getrandom, at, 7, 0));
  WRITES(2, (chdir("/"), syscall(SYS_getcwd, at, ROOM)));
  char name[16];
  memset(name, 'n', sizeof name);
  prctl(PR_SET_NAME, name);
  prctl(PR_SET_NAME, "x");
  WRITES(16, prctl(PR_GET_NAME, at));
  ZEROS(1, 16);
}

/* A shorter text leaves nothing of a longer one. */
static void test_names(void) {
  struct utsname before;
  uname(&before);
  if (syscall(SYS_sethostname, "a-rather-long-name", 18) != 0)
    return; /* in a container */
  syscall(SYS_setdomainname, "another-long-name", 17);
  CHECK_EQ("a shorter name", syscall(SYS_sethostname, "s", 1), 0);
  CHECK_EQ("and domain", syscall(SYS_setdomainname, "d", 1), 0);
  syscall(SYS_uname, at);
  ZEROS(65 + 1, 65 * 2);
  ZEROS(65 * 5 + 1, 65 * 6);
  memset(at, 'm', 64);
  CHECK_EQ("the longest", syscall(SYS_sethostname, at, 64), 0);
  CHECK_EQ("is told whole", (syscall(SYS_uname, at + 100), strlen((char *)at + 165)), 64);
  syscall(SYS_sethostname, before.nodename, strlen(before.nodename));
  syscall(SYS_setdomainname, before.domainname, strlen(before.domainname));
}

static void test_signals(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  int fd = signalfd(-1, &set, 0);
  union sigval value = {.sival_ptr = (void *)0x1122334455667788};
  WRITES(128, (raise(SIGUSR1), syscall(SYS_rt_sigtimedwait, &set, at, NULL, 8)));
  CHECK_EQ("whose it was", *(int *)(at + 16), getpid());
  ZEROS(4, 8);
  ZEROS(24, 128);
  WRITES(128, (sigqueue(getpid(), SIGUSR1, value), syscall(SYS_rt_sigtimedwait, &set, at, NULL, 8)));
  CHECK("with its value", *(long *)(at + 24) == 0x1122334455667788);
  ZEROS(32, 128);
  WRITES(128, (raise(SIGUSR1), read(fd, at, 200)));
  CHECK_EQ("its number", *(int *)at, SIGUSR1);
  CHECK_EQ("SI_TKILL", *(int *)(at + 8), -6);
  CHECK_EQ("whose it was", *(int *)(at + 12), getpid());
  ZEROS(16, 128);
  WRITES(128, (sigqueue(getpid(), SIGUSR1, value), read(fd, at, 200)));
  CHECK_EQ("SI_QUEUE", *(int *)(at + 8), -1);
  CHECK_EQ("the value as an int", *(int *)(at + 44), 0x55667788);
  CHECK("and as a pointer", *(long *)(at + 48) == 0x1122334455667788);
  ZEROS(20, 44);
  ZEROS(56, 128);
  /* What of a user that is not root. */
  unsigned char info[128] = {0};
  *(int *)(info + 8) = -1;
  *(int *)(info + 16) = 7;
  *(int *)(info + 20) = 77;
  WRITES(128, (syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, info), read(fd, at, 200)));
  CHECK_EQ("a process", *(int *)(at + 12), 7);
  CHECK_EQ("and a user, as they were given", *(int *)(at + 16), 77);
  close(fd);
  sigprocmask(SIG_SETMASK, &old, NULL);
  memset(at, 0x77, 128);
  CHECK("no child is told of", waitid(P_ALL, 0, (siginfo_t *)at, WEXITED | WNOHANG) == -1);
  stack_t stack = {.ss_sp = at + 64, .ss_size = 8192}, none = {.ss_flags = SS_DISABLE};
  sigaltstack(&stack, NULL);
  WRITES(24, syscall(SYS_sigaltstack, &stack, at));
  CHECK("the stack before", *(void **)at == at + 64 && *(long *)(at + 16) == 8192);
  ZEROS(8, 16);
  sigaltstack(&none, NULL);
}

static void test_files(void) {
  struct {
    uint32_t bytes;
    int type;
    unsigned char handle[128];
  } handle = {.bytes = 128};
  char name[96], link_name[96];
  strcpy(name, scratch("written"));
  strcpy(link_name, scratch("written-link"));
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0640), ends[2];
  REQUIRE("a file", fd >= 0 && write(fd, "0123456789", 10) == 10);
  REQUIRE("a link", symlink("elsewhere", link_name) == 0 && pipe(ends) == 0);
  WRITES(144, syscall(SYS_stat, name, at));
  ZEROS(36, 40);
  ZEROS(120, 144);
  WRITES(144, syscall(SYS_lstat, link_name, at));
  WRITES(144, syscall(SYS_fstat, fd, at));
  WRITES(144, syscall(SYS_fstat, ends[0], at));
  ZEROS(36, 40);
  ZEROS(120, 144);
  WRITES(144, syscall(SYS_newfstatat, AT_FDCWD, name, at, 0));
  WRITES(256, syscall(332 /* statx */, AT_FDCWD, name, 0, 0x7ff, at));
  ZEROS(30, 32);
  ZEROS(200, 256);
  WRITES(120, syscall(SYS_statfs, "/proc", at));
  ZEROS(88, 120);
  WRITES(120, syscall(SYS_fstatfs, fd, at));
  WRITES(9, syscall(SYS_readlink, link_name, at, 100));
  WRITES(4, syscall(SYS_readlink, link_name, at, 4));
  WRITES(10, pread(fd, at, 100, 0));
  WRITES(5, pread(fd, at, 100, 5));
  WRITES(0, pread(fd, at, 100, 10));
  WRITES(4, ioctl(ends[0], FIONREAD, at));
  WRITES(8, syscall(SYS_pipe, at));
  if (setxattr(name, "user.x", "value", 5, 0) == 0) {
    WRITES(5, getxattr(name, "user.x", at, 100));
    WRITES(7, listxattr(name, (char *)at, 100));
    WRITES(0, getxattr(name, "user.x", at, 0));
  }
  struct flock lock = {.l_type = F_WRLCK};
  fcntl(fd, 37 /* F_OFD_SETLK */, &lock);
  struct flock *told = (struct flock *)at;
  memset(at, 0x77, ROOM);
  *told = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
  CHECK("F_GETLK", fcntl(fd, F_GETLK, told) == 0 && told->l_type == F_WRLCK &&
                       told->l_whence == SEEK_SET && told->l_start == 0 && told->l_len == 0 &&
                       told->l_pid == -1);
  CHECK("writes no more than that", at[32] == 0x77);
  int mount;
  if (syscall(SYS_name_to_handle_at, AT_FDCWD, name, &handle, &mount, 0) == 0) {
    memset(at, 0x77, ROOM);
    *(uint32_t *)at = handle.bytes;
    CHECK_EQ("a handle", syscall(SYS_name_to_handle_at, AT_FDCWD, name, at, &mount, 0), 0);
    CHECK("of its size and no more", *(uint32_t *)at == handle.bytes &&
                                         at[8 + handle.bytes] == 0x77 &&
                                         memcmp(at + 8, handle.handle, handle.bytes) == 0);
  }
  unlink(name);
  unlink(link_name);
  close(fd), close(ends[0]), close(ends[1]);
}

/* struct linux_dirent64: what is between a name and the next entry is zero. */
static void test_directory(void) {
  char base[96], path[128];
  strcpy(base, scratch("written-directory"));
  REQUIRE("a directory", mkdir(base, 0755) == 0);
  snprintf(path, sizeof path, "%s/a-name", base);
  close(open(path, O_CREAT | O_RDWR, 0600));
  int fd = open(base, O_RDONLY | O_DIRECTORY);
  memset(at, 0x77, ROOM);
  long size = syscall(SYS_getdents64, fd, at, 512);
  bool named = false;
  CHECK("entries", size > 0 && at[size] == 0x77);
  for (long i = 0; i < size; i += *(uint16_t *)(at + i + 16)) {
    char *name = (char *)at + i + 19;
    if (strcmp(name, "a-name") == 0)
      named = at[i + 18] == 8 /* DT_REG */ && *(uint64_t *)(at + i) != 0;
  }
  CHECK("the file is among them", named);
  CHECK_EQ("then there are no more", syscall(SYS_getdents64, fd, at, 512), 0);
  close(fd);
  unlink(path);
  rmdir(base);
}

static void test_ipc(void) {
  int queue = msgget(IPC_PRIVATE, 0600), set = semget(IPC_PRIVATE, 3, 0600),
      segment = shmget(IPC_PRIVATE, 5000, 0600);
  REQUIRE("objects", queue >= 0 && set >= 0 && segment >= 0);
  WRITES(120, syscall(SYS_msgctl, queue, IPC_STAT, at));
  ZEROS(26, 48);
  ZEROS(48, 64);
  ZEROS(96, 120);
  WRITES(32, syscall(SYS_msgctl, 0, IPC_INFO_, at));
  WRITES(32, syscall(SYS_msgctl, 0, MSG_INFO_, at));
  WRITES(104, syscall(SYS_semctl, set, 0, IPC_STAT, at));
  ZEROS(26, 48);
  ZEROS(48, 64);
  ZEROS(88, 104);
  WRITES(6, syscall(SYS_semctl, set, 0, GETALL, at));
  WRITES(40, syscall(SYS_semctl, 0, 0, IPC_INFO_, at));
  WRITES(40, syscall(SYS_semctl, 0, 0, SEM_INFO_, at));
  WRITES(112, syscall(SYS_shmctl, segment, IPC_STAT, at));
  ZEROS(26, 48);
  ZEROS(56, 72);
  ZEROS(84, 112);
  WRITES(72, syscall(SYS_shmctl, 0, IPC_INFO_, at));
  ZEROS(40, 72);
  WRITES(48, syscall(SYS_shmctl, 0, SHM_INFO_, at));
  ZEROS(4, 8);
  struct {
    long type;
    char text[3];
  } message = {5, "ab"};
  WRITES(11, (msgsnd(queue, &message, 3, 0), msgrcv(queue, at, 100, 0, 0)));
  CHECK("type and text", *(long *)at == 5 && memcmp(at + 8, "ab", 3) == 0);
  msgctl(queue, IPC_RMID, NULL);
  semctl(set, 0, IPC_RMID);
  shmctl(segment, IPC_RMID, NULL);
  char name[32];
  snprintf(name, sizeof name, "virga-written-%d", getpid());
  int mq = syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, NULL);
  if (mq < 0)
    return;
  WRITES(64, syscall(SYS_mq_getsetattr, mq, NULL, at));
  ZEROS(24, 64);
  syscall(SYS_mq_unlink, name);
  close(mq);
}

static void test_sockets(void) {
  int pair[2], udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size;
  REQUIRE("sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
                         bind(udp, (void *)&any, sizeof any) == 0);
  WRITES(16, (size = 100, getsockname(udp, (void *)at, &size)));
  ZEROS(8, 16);
  CHECK_EQ("its whole size is told", size, 16);
  WRITES(7, (size = 7, getsockname(udp, (void *)at, &size)));
  CHECK_EQ("also of a part", size, 16);
  WRITES(2, (size = 100, getsockname(pair[0], (void *)at, &size)));
  CHECK_EQ("of one without a name", size, 2);
  WRITES(2, (size = 100, getpeername(pair[0], (void *)at, &size)));
  WRITES(4, (size = 100, getsockopt(tcp, SOL_SOCKET, SO_TYPE, at, &size)));
  CHECK_EQ("an option's size", size, 4);
  WRITES(2, (size = 2, getsockopt(tcp, SOL_SOCKET, SO_TYPE, at, &size)));
  WRITES(8, (size = 100, getsockopt(tcp, SOL_SOCKET, SO_LINGER, at, &size)));
  WRITES(16, (size = 100, getsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, at, &size)));
  WRITES(12, (size = 100, getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, at, &size)));
  getsockname(udp, (void *)&any, &(socklen_t){sizeof any});
  WRITES(3, (sendto(udp, "abc", 3, 0, (void *)&any, sizeof any), recv(udp, at, 100, 0)));
  WRITES(16, (sendto(udp, "abc", 3, 0, (void *)&any, sizeof any), size = 100,
              recvfrom(udp, &zero, 0, 0, (void *)at, &size)));
  ZEROS(8, 16);
  WRITES(8, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, at));
  WRITES(4, (write(pair[0], "xy", 2), ioctl(pair[1], FIONREAD, at)));
  close(pair[0]), close(pair[1]), close(udp), close(tcp);
}

static void test_events(void) {
  int fd = eventfd(5, 0), epoll = epoll_create1(0), watch = inotify_init1(IN_NONBLOCK);
  struct epoll_event wish = {.events = EPOLLIN, .data = {.u64 = 0x1122334455667788}};
  char path[96];
  REQUIRE("an event", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wish) == 0);
  WRITES(12, epoll_wait(epoll, (void *)at, 4, 0));
  CHECK("the data", *(uint32_t *)at == EPOLLIN && memcmp(at + 4, &wish.data, 8) == 0);
  struct pollfd polled;
  memset(at, 0x77, ROOM);
  polled = (struct pollfd){fd, POLLIN | POLLOUT, 0x7777};
  memcpy(at, &polled, sizeof polled);
  CHECK("poll says what is", poll((void *)at, 1, 0) == 1 &&
                                 ((struct pollfd *)at)->revents == (POLLIN | POLLOUT) &&
                                 ((struct pollfd *)at)->events == (POLLIN | POLLOUT) &&
                                 at[8] == 0x77);
  polled = (struct pollfd){-1, POLLIN, 0x7777};
  CHECK("of none, nothing", poll(&polled, 1, 0) == 0 && polled.revents == 0);
  WRITES(8, (write(fd, &(uint64_t){1}, 8), read(fd, at, 100)));
  strcpy(path, scratch("written-watched"));
  close(open(path, O_CREAT | O_RDWR, 0600));
  inotify_add_watch(watch, path, IN_ATTRIB);
  WRITES(16, (chmod(path, 0600), read(watch, at, 100)));
  ZEROS(8, 16);
  unlink(path);
  close(fd), close(epoll), close(watch);
  WRITES(4, syscall(SYS_get_mempolicy, at, NULL, 0, NULL, 0));
  char *memory = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory[0] = memory[8192] = 1;
  WRITES(3, mincore(memory, 3 * 4096, at));
  munmap(memory, 3 * 4096);
  WRITES(8, syscall(SYS_sched_getaffinity, 0, 8, at) - 8);
}

static const struct group groups[] = {
    {"time", test_time},   {"process", test_process},     {"names", test_names},
    {"signals", test_signals}, {"files", test_files},     {"directory", test_directory},
    {"ipc", test_ipc},     {"sockets", test_sockets},     {"events", test_events},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
