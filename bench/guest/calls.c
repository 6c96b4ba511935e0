/*
 * What a system call costs: nanoseconds per operation, for the same static binary on any Linux ABI.
 *
 * Every measure first finds out how many operations take about ROUND_NS, then times ROUNDS rounds
 * of that many, and reports the best round: whatever else the host does can only add time. Output,
 * one line per measure:
 *
 *   {"measure":"getpid","ns":12.3}
 *   {"done":true}
 *
 * The two-thread measures count one operation per round trip, that is two wakes and two switches.
 * Arguments, if any, are the names of the measures to run.
 *
 * With `--count` as the first argument nothing is timed. Each measure runs a fixed number of times
 * between two marks, for whoever counts instructions outside (bench/instructions/counter.c):
 *
 *   {"measure":"getpid","count":20000}
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUND_NS 40000000ull
#define ROUNDS 5
#define MIB (1ul << 20)
#define PAGE 4096ul

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static void must(int good, const char *what) {
  if (good) return;
  printf("calls: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  exit(1);
}

/* ---- one thread ---- */

static void opGetpid(uint64_t n) {
  for (uint64_t i = 0; i < n; i++) getpid();
}

static void opClockGettime(uint64_t n) {
  struct timespec time;
  for (uint64_t i = 0; i < n; i++) clock_gettime(CLOCK_MONOTONIC, &time);
}

static void opWriteNull(uint64_t n) {
  static int fd = -1;
  if (fd < 0) must((fd = open("/dev/null", O_WRONLY)) >= 0, "/dev/null");
  for (uint64_t i = 0; i < n; i++) must(write(fd, "x", 1) == 1, "write");
}

static void opReadZero(uint64_t n) {
  static int fd = -1;
  char byte;
  if (fd < 0) must((fd = open("/dev/zero", O_RDONLY)) >= 0, "/dev/zero");
  for (uint64_t i = 0; i < n; i++) must(read(fd, &byte, 1) == 1, "read");
}

static void opPipeWriteRead(uint64_t n) {
  static int pair[2] = {-1, -1};
  char byte = 'x';
  if (pair[0] < 0) must(pipe(pair) == 0, "pipe");
  for (uint64_t i = 0; i < n; i++) {
    must(write(pair[1], &byte, 1) == 1, "write");
    must(read(pair[0], &byte, 1) == 1, "read");
  }
}

static long futex(atomic_int *word, int operation, int value) {
  return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void opFutexWake(uint64_t n) {
  static atomic_int word;
  for (uint64_t i = 0; i < n; i++) must(futex(&word, FUTEX_WAKE, 1) == 0, "futex");
}

/*
 * One operation is one page: a fresh mapping is touched page by page, so the mapping's cost is
 * spread thin.
 */
static void opPageFault(uint64_t n) {
  const uint64_t pages = 1024;
  for (uint64_t done = 0; done < n; done += pages) {
    uint64_t count = n - done < pages ? n - done : pages;
    char *map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(map != MAP_FAILED, "mmap");
    madvise(map, pages * PAGE, MADV_NOHUGEPAGE);
    for (uint64_t i = 0; i < count; i++) *(volatile char *)(map + i * PAGE) = 1;
    munmap(map, pages * PAGE);
  }
}

static void opMmapTouch(uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(map != MAP_FAILED, "mmap");
    for (uint64_t at = 0; at < MIB; at += PAGE) *(volatile char *)(map + at) = 1;
    must(munmap(map, MIB) == 0, "munmap");
  }
}

static void *doNothing(void *argument) { return argument; }

static void opThreadCreate(uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, doNothing, NULL) == 0, "pthread_create");
    must(pthread_join(thread, NULL) == 0, "pthread_join");
  }
}

/* An epoll instance that watches one eventfd, which is ready or not. */
static int epollOn(unsigned int initial) {
  int event = eventfd(initial, EFD_NONBLOCK), epoll = epoll_create1(0);
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = event};
  must(event >= 0 && epoll >= 0, "epoll_create1");
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest) == 0, "epoll_ctl");
  return epoll;
}

static void opEpollIdle(uint64_t n) {
  static int epoll = -1;
  struct epoll_event events[8];
  if (epoll < 0) epoll = epollOn(0);
  for (uint64_t i = 0; i < n; i++) must(epoll_wait(epoll, events, 8, 0) == 0, "epoll_wait");
}

static void opEpollReady(uint64_t n) {
  static int epoll = -1;
  struct epoll_event events[8];
  if (epoll < 0) epoll = epollOn(1);
  for (uint64_t i = 0; i < n; i++) must(epoll_wait(epoll, events, 8, 0) == 1, "epoll_wait");
}

/* ---- two threads: the partner answers every turn of the measuring thread, n times ---- */

static pthread_t startPartner(void *(*body)(void *), uint64_t *n) {
  pthread_t thread;
  must(pthread_create(&thread, NULL, body, n) == 0, "pthread_create");
  return thread;
}

static int ping[2], pong[2];

static void *pipePartner(void *argument) {
  char byte;
  for (uint64_t n = *(uint64_t *)argument; n > 0; n--) {
    must(read(ping[0], &byte, 1) == 1, "read");
    must(write(pong[1], &byte, 1) == 1, "write");
  }
  return NULL;
}

static void opPipePingpong(uint64_t n) {
  char byte = 'x';
  must(pipe(ping) == 0 && pipe(pong) == 0, "pipe");
  pthread_t partner = startPartner(pipePartner, &n);
  for (uint64_t i = 0; i < n; i++) {
    must(write(ping[1], &byte, 1) == 1, "write");
    must(read(pong[0], &byte, 1) == 1, "read");
  }
  pthread_join(partner, NULL);
  for (int i = 0; i < 2; i++) close(ping[i]), close(pong[i]);
}

static atomic_int turn;

static void waitTurn(int mine) {
  while (atomic_load(&turn) != mine) futex(&turn, FUTEX_WAIT, !mine);
}

static void giveTurn(int theirs) {
  atomic_store(&turn, theirs);
  futex(&turn, FUTEX_WAKE, 1);
}

static void *futexPartner(void *argument) {
  for (uint64_t n = *(uint64_t *)argument; n > 0; n--) {
    waitTurn(1);
    giveTurn(0);
  }
  return NULL;
}

static void opFutexPingpong(uint64_t n) {
  atomic_store(&turn, 0);
  pthread_t partner = startPartner(futexPartner, &n);
  for (uint64_t i = 0; i < n; i++) {
    giveTurn(1);
    waitTurn(0);
  }
  pthread_join(partner, NULL);
}

static void *yieldPartner(void *argument) {
  for (uint64_t n = *(uint64_t *)argument; n > 0; n--) sched_yield();
  return NULL;
}

/*
 * Two threads yield to each other. On one CPU each yield is one switch, and there are 2n of them.
 */
static void opThreadSwitch(uint64_t n) {
  uint64_t half = (n + 1) / 2;
  pthread_t partner = startPartner(yieldPartner, &half);
  for (uint64_t i = 0; i < half; i++) sched_yield();
  pthread_join(partner, NULL);
}

/* ---- the measuring ---- */

/*
 * Those that start threads come last: from the first thread on, glibc's wrappers of calls that are
 * cancellation points (read, write, epoll_wait) do more, and that is none of the kernel's.
 */
static const struct {
  const char *name;
  void (*run)(uint64_t n);
  uint64_t count; /* how often with --count */
} measures[] = {
    {"getpid", opGetpid, 100000},
    {"clock_gettime", opClockGettime, 100000},
    {"write_null", opWriteNull, 100000},
    {"read_zero", opReadZero, 100000},
    {"pipe_write_read", opPipeWriteRead, 50000},
    {"epoll_idle", opEpollIdle, 100000},
    {"epoll_ready", opEpollReady, 100000},
    {"futex_wake", opFutexWake, 100000},
    {"page_fault", opPageFault, 20480},
    {"mmap_touch_1m", opMmapTouch, 200},
    {"pipe_pingpong", opPipePingpong, 20000},
    {"futex_pingpong", opFutexPingpong, 20000},
    {"thread_switch", opThreadSwitch, 40000},
    {"thread_create", opThreadCreate, 1000},
};

static uint64_t timed(void (*run)(uint64_t), uint64_t n) {
  uint64_t start = now();
  run(n);
  return now() - start;
}

static double nanosecondsPerOperation(void (*run)(uint64_t)) {
  uint64_t n = 1, took = timed(run, n);
  while (took < ROUND_NS / 4 && n < 1ull << 32) {
    n *= took < ROUND_NS / 64 ? 8 : 2;
    took = timed(run, n);
  }
  n = (uint64_t)((double)n * ROUND_NS / (double)(took > 0 ? took : 1)) + 1;
  uint64_t best = UINT64_MAX;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t one = timed(run, n);
    if (one < best) best = one;
  }
  return (double)best / (double)n;
}

/* An instruction that does nothing, and that the counter takes for a mark. */
static inline void mark(void) {
  __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .ascii \"Vrga\"" ::: "memory");
}

/* The first call has what is done only once behind it when the counted one begins. */
static void counted(void (*run)(uint64_t), uint64_t n) {
  run(n);
  mark();
  run(n);
  mark();
}

static int wanted(int argc, char **argv, const char *name) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], name) == 0) return 1;
  }
  return argc < 2;
}

int main(int argc, char **argv) {
  int counting = argc > 1 && strcmp(argv[1], "--count") == 0;
  if (counting) argc--, argv++;
  for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
    if (!wanted(argc, argv, measures[i].name)) continue;
    if (counting) {
      counted(measures[i].run, measures[i].count);
      printf("{\"measure\":\"%s\",\"count\":%lu}\n", measures[i].name, measures[i].count);
    } else {
      double ns = nanosecondsPerOperation(measures[i].run);
      printf("{\"measure\":\"%s\",\"ns\":%.1f}\n", measures[i].name, ns);
    }
    fflush(stdout);
  }
  printf("{\"done\":true}\n");
  fflush(stdout);
  return 0;
}
