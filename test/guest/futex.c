/*
 * Futexes by the raw call: wait and wake, timeouts relative and absolute, bitsets, requeue,
 * wake-op, and the word the kernel clears when a thread ends.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* As in linux/futex.h, which musl's compiler wrapper does not find. */
enum {
  FUTEX_WAIT = 0,
  FUTEX_WAKE = 1,
  FUTEX_REQUEUE = 3,
  FUTEX_CMP_REQUEUE = 4,
  FUTEX_WAKE_OP = 5,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_WAKE_BITSET = 10,
  FUTEX_PRIVATE = 128,
  FUTEX_CLOCK_REALTIME = 256,
};

static long futex(uint32_t *word, int op, uint32_t value, const void *timeout, uint32_t *word2,
                  uint32_t value3) {
  return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static void test_wait(void) {
  uint32_t word = 5;
  struct timespec timeout = {0, 20000000}, bad = {0, 2000000000}, negative = {-1, 0};
  CHECK_ERR("wait with another value", futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
  int64_t start = now_ns();
  CHECK_ERR("wait times out", futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 5, &timeout, NULL, 0),
            ETIMEDOUT);
  CHECK("not too early", now_ns() - start >= 20000000);
  CHECK_EQ("wake of nobody", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0), 0);
  CHECK_ERR("a bad timeout", futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
  CHECK_ERR("a negative timeout", futex(&word, FUTEX_WAIT, 5, &negative, NULL, 0), EINVAL);
  CHECK_ERR("an unaligned word", futex((uint32_t *)((char *)&word + 1), FUTEX_WAKE, 1, 0, 0, 0),
            EINVAL);
  CHECK_ERR("an unmapped word", futex((uint32_t *)64, FUTEX_WAIT, 1, &timeout, NULL, 0), EFAULT);
  CHECK_ERR("an unknown operation", futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
  uint32_t *fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_ERR("a word never touched", futex(fresh, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
  munmap(fresh, 4096);
}

static bool has_come(clockid_t clock, const struct timespec *time) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec > time->tv_sec || (now.tv_sec == time->tv_sec && now.tv_nsec >= time->tv_nsec);
}

static void test_absolute(void) {
  uint32_t word = 1;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000)
    until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK_ERR("until a monotonic time",
            futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 1, &until, NULL, ~0u), ETIMEDOUT);
  CHECK("not too early", has_come(CLOCK_MONOTONIC, &until));
  CHECK_ERR("until a time that has passed",
            futex(&word, FUTEX_WAIT_BITSET, 1, &until, NULL, ~0u), ETIMEDOUT);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000)
    until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK_ERR("until a real time",
            futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &until, NULL, ~0u),
            ETIMEDOUT);
  CHECK("not too early, either", has_come(CLOCK_REALTIME, &until));
  CHECK_ERR("an empty bitset", futex(&word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
}

struct waiter {
  pthread_t thread;
  uint32_t *word, bits;
  volatile int state; /* 1: about to wait, 2: woken */
  long result;
  int error;
};

static void *wait_thread(void *argument) {
  struct waiter *w = argument;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += 20;
  w->state = 1;
  w->result = futex(w->word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, &until, NULL, w->bits);
  w->error = errno;
  w->state = 2;
  return NULL;
}

static void start_waiters(struct waiter *w, int count, uint32_t *word, const uint32_t *bits) {
  for (int i = 0; i < count; i++) {
    w[i] = (struct waiter){.word = word, .bits = bits ? bits[i] : ~0u};
    pthread_create(&w[i].thread, NULL, wait_thread, &w[i]);
  }
  for (int i = 0; i < count; i++)
    while (!w[i].state)
      sleep_ms(1);
  sleep_ms(60);
}

static int woken(struct waiter *w, int count, int want) {
  int n = 0;
  for (int tries = 0; tries < 1000; tries++, sleep_ms(1)) {
    n = 0;
    for (int i = 0; i < count; i++)
      n += w[i].state == 2;
    if (n >= want)
      break;
  }
  sleep_ms(10);
  n = 0;
  for (int i = 0; i < count; i++)
    n += w[i].state == 2;
  return n;
}

static void join_waiters(struct waiter *w, int count) {
  for (int i = 0; i < count; i++)
    pthread_join(w[i].thread, NULL);
}

static void test_wake(void) {
  struct waiter w[5];
  uint32_t word = 0, other = 0;
  start_waiters(w, 5, &word, NULL);
  CHECK_EQ("wake of another word", futex(&other, FUTEX_WAKE | FUTEX_PRIVATE, 9, 0, 0, 0), 0);
  CHECK_EQ("wake 1", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), 1);
  CHECK_EQ("wakes one", woken(w, 5, 1), 1);
  CHECK_EQ("wake 2", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 2, NULL, NULL, 0), 2);
  CHECK_EQ("wakes two more", woken(w, 5, 3), 3);
  CHECK_EQ("wake all", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 0x7fffffff, NULL, NULL, 0), 2);
  CHECK_EQ("wakes the rest", woken(w, 5, 5), 5);
  join_waiters(w, 5);
  CHECK("wait returned 0", w[0].result == 0 && w[4].result == 0);
}

static void test_bitset(void) {
  struct waiter w[3];
  uint32_t word = 0;
  const uint32_t bits[] = {1, 2, 4};
  start_waiters(w, 3, &word, bits);
  CHECK_EQ("wake of one bit", futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 9, 0, 0, 2), 1);
  CHECK("wakes the one", woken(w, 3, 1) == 1 && w[1].state == 2);
  CHECK_EQ("wake of no bit waited for",
           futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 9, 0, 0, 8), 0);
  CHECK_EQ("wake of the rest", futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 9, 0, 0, 7), 2);
  join_waiters(w, 3);
}

static void test_requeue(void) {
  struct waiter w[5];
  uint32_t word = 0, other = 0;
  start_waiters(w, 5, &word, NULL);
  CHECK_ERR("cmp-requeue with another value",
            futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, (void *)9, &other, 77), EAGAIN);
  CHECK_EQ("cmp-requeue wakes 1 and moves 3",
           futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, (void *)3, &other, 0), 4);
  CHECK_EQ("one is awake", woken(w, 5, 1), 1);
  CHECK_EQ("one is left", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 9, NULL, NULL, 0), 1);
  CHECK_EQ("two are awake", woken(w, 5, 2), 2);
  CHECK_EQ("three wait for the other word",
           futex(&other, FUTEX_WAKE | FUTEX_PRIVATE, 9, NULL, NULL, 0), 3);
  CHECK_EQ("all are awake", woken(w, 5, 5), 5);
  join_waiters(w, 5);
}

static void test_wake_op(void) {
  struct waiter w[2], v[2];
  uint32_t word = 0, other = 0;
  start_waiters(w, 2, &word, NULL);
  start_waiters(v, 2, &other, NULL);
  /* other = 5; wake 1 on word, and 1 on other if its old value was 0. */
  uint32_t op = 0u << 28 | 0u << 24 | 5u << 12 | 0u;
  CHECK_EQ("wake-op", futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, (void *)1, &other, op), 2);
  CHECK_EQ("has set the word", other, 5);
  CHECK("woke one each", woken(w, 2, 1) == 1 && woken(v, 2, 1) == 1);
  futex(&word, FUTEX_WAKE | FUTEX_PRIVATE, 9, NULL, NULL, 0);
  futex(&other, FUTEX_WAKE | FUTEX_PRIVATE, 9, NULL, NULL, 0);
  join_waiters(w, 2);
  join_waiters(v, 2);
}

static void on_usr1(int signal) { (void)signal; }

static void test_signal(void) {
  struct waiter w;
  struct sigaction action = {.sa_handler = on_usr1};
  uint32_t word = 0;
  sigaction(SIGUSR1, &action, NULL);
  start_waiters(&w, 1, &word, NULL);
  pthread_kill(w.thread, SIGUSR1);
  pthread_join(w.thread, NULL);
  CHECK("a signal interrupts a wait", w.result == -1 && w.error == EINTR);
}

static void *shared_wait_thread(void *argument) {
  struct waiter *w = argument;
  struct timespec timeout = {20, 0};
  w->state = 1;
  w->result = futex(w->word, FUTEX_WAIT, 0, &timeout, NULL, 0);
  w->state = 2;
  return NULL;
}

/* Two views of one page of memory: a futex that is not private is the memory, not the address. */
static void test_shared(void) {
  int fd = memfd_create("futex", 0);
  REQUIRE("memfd", fd >= 0 && ftruncate(fd, 4096) == 0);
  uint32_t *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  uint32_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE("mapped twice", a != MAP_FAILED && b != MAP_FAILED && a != b);
  struct waiter w = {.word = a};
  pthread_create(&w.thread, NULL, shared_wait_thread, &w);
  while (!w.state)
    sleep_ms(1);
  sleep_ms(20);
  CHECK_EQ("wake by the other address", futex(b, FUTEX_WAKE, 9, NULL, NULL, 0), 1);
  if (woken(&w, 1, 1) == 0)
    futex(a, FUTEX_WAKE, 9, NULL, NULL, 0);
  pthread_join(w.thread, NULL);
  CHECK_EQ("the waiter was woken", w.result, 0);
  munmap(a, 4096);
  munmap(b, 4096);
  close(fd);
}

/* A ping-pong of 2,000 rounds: each wait is a real sleep on one CPU. */
static uint32_t ball;

static void *pong(void *argument) {
  for (uint32_t i = 0; i < 2000; i++) {
    while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != 2 * i + 1)
      futex(&ball, FUTEX_WAIT | FUTEX_PRIVATE, 2 * i, NULL, NULL, 0);
    __atomic_store_n(&ball, 2 * i + 2, __ATOMIC_RELEASE);
    futex(&ball, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0);
  }
  return argument;
}

static void test_ping_pong(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, pong, NULL);
  for (uint32_t i = 0; i < 2000; i++) {
    __atomic_store_n(&ball, 2 * i + 1, __ATOMIC_RELEASE);
    futex(&ball, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0);
    while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != 2 * i + 2)
      futex(&ball, FUTEX_WAIT | FUTEX_PRIVATE, 2 * i + 1, NULL, NULL, 0);
  }
  pthread_join(thread, NULL);
  CHECK_EQ("no wake is lost in 2,000 rounds", ball, 4000);
}

static const struct group groups[] = {
    {"wait", test_wait},       {"absolute", test_absolute}, {"wake", test_wake},
    {"bitset", test_bitset},   {"requeue", test_requeue},   {"wake-op", test_wake_op},
    {"signal", test_signal},   {"shared", test_shared},     {"ping-pong", test_ping_pong},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
