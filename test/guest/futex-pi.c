/*
 * PI futexes, robust ones, and futex_waitv: by the raw calls, and as the C library uses them.
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
  FUTEX_LOCK_PI = 6,
  FUTEX_UNLOCK_PI = 7,
  FUTEX_TRYLOCK_PI = 8,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_WAIT_REQUEUE_PI = 11,
  FUTEX_CMP_REQUEUE_PI = 12,
  FUTEX_PRIVATE = 128,
  FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu
#define NO_THREAD 0x3ffffff0u
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static long futex(uint32_t *word, int op, uint32_t value, const void *timeout, uint32_t *word2,
                  uint32_t value3) {
  return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static uint32_t own_id(void) { return syscall(SYS_gettid); }

static struct timespec after_ms(clockid_t clock, int ms) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += ms % 1000 * 1000000l;
  time.tv_sec += ms / 1000;
  if (time.tv_nsec >= 1000000000)
    time.tv_sec++, time.tv_nsec -= 1000000000;
  return time;
}

static void test_arguments(void) {
  uint32_t word = 0, *none = (uint32_t *)64, *odd = (uint32_t *)((char *)&word + 2);
  struct timespec bad = {0, 1000000000}, negative = {-1, 0};
  CHECK_ERR("wake of an unmapped word", futex(none, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
  CHECK_EQ("wake of a private one", futex(none, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), 0);
  CHECK_ERR("requeue from an unmapped word", futex(none, FUTEX_REQUEUE, 1, NULL, &word, 0), EFAULT);
  CHECK_ERR("requeue to an unmapped word", futex(&word, FUTEX_REQUEUE, 1, NULL, none, 0), EFAULT);
  CHECK_ERR("cmp-requeue of an unmapped word",
            futex(none, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, NULL, &word, 0), EFAULT);
  CHECK_ERR("wake-op of an unmapped word",
            futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, NULL, none, 0), EFAULT);
  CHECK_ERR("lock of an unmapped word", futex(none, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
  CHECK_ERR("unlock of one", futex(none, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EFAULT);
  CHECK_ERR("wake, unaligned", futex(odd, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), EINVAL);
  CHECK_ERR("lock, unaligned", futex(odd, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL);
  CHECK_ERR("requeue, second word unaligned", futex(&word, FUTEX_REQUEUE, 1, NULL, odd, 0), EINVAL);
  CHECK_ERR("requeue: wake a negative number", futex(&word, FUTEX_REQUEUE, -1, NULL, &word, 0),
            EINVAL);
  CHECK_ERR("requeue: move a negative number",
            futex(&word, FUTEX_REQUEUE, 1, (void *)-1l, &word, 0), EINVAL);
  CHECK_ERR("a bad timeout comes first", futex(none, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
  CHECK_ERR("a bad absolute timeout", futex(&word, FUTEX_WAIT_BITSET, 0, &negative, NULL, ~0u),
            EINVAL);
  CHECK_ERR("a bad timeout of a lock", futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
  CHECK_ERR("a clock for a wake", futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0),
            ENOSYS);
  uint32_t *locked = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_ERR("lock of a read-only word", futex(locked, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
  CHECK_ERR("wake-op of a read-only word",
            futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, NULL, locked, 0), EFAULT);
  munmap(locked, 4096);
}

static long wake_op(uint32_t *word, uint32_t op, uint32_t operand, uint32_t compare, uint32_t with) {
  static uint32_t other;
  uint32_t code = op << 28 | compare << 24 | (operand & 0xfff) << 12 | (with & 0xfff);
  return futex(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, (void *)1, word, code);
}

static void test_wake_op(void) {
  uint32_t word = 6;
  CHECK("set", wake_op(&word, 0, 9, 0, 0) == 0 && word == 9);
  CHECK("add", wake_op(&word, 1, 3, 1, 0) == 0 && word == 12);
  CHECK("add a negative number", wake_op(&word, 1, -5, 2, 0) == 0 && word == 7);
  CHECK("or", wake_op(&word, 2, 8, 3, 0) == 0 && word == 15);
  CHECK("and not", wake_op(&word, 3, 6, 4, 0) == 0 && word == 9);
  CHECK("exclusive or", wake_op(&word, 4, 3, 5, 0) == 0 && word == 10);
  CHECK("set a bit by number", wake_op(&word, 8, 4, 0, 0) == 0 && word == 16);
  CHECK("set a negative number", wake_op(&word, 0, -1, 0, 0) == 0 && word == 0xffffffff);
  CHECK_ERR("no such operation", wake_op(&word, 5, 1, 0, 0), ENOSYS);
  CHECK_ERR("no such comparison", wake_op(&word, 0, 1, 6, 0), ENOSYS);
}

/* A thread that takes a lock, waits to be told, and gives it back or ends with it. */
struct holder {
  pthread_t thread;
  uint32_t *lock, id;
  volatile int state; /* 1: has the lock; 2: may go on */
  bool keeps;
};

static void *hold(void *argument) {
  struct holder *h = argument;
  h->id = own_id();
  futex(h->lock, FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  h->state = 1;
  while (h->state != 2)
    sleep_ms(1);
  if (!h->keeps)
    futex(h->lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}

static void start_holder(struct holder *h, uint32_t *lock, bool keeps) {
  *h = (struct holder){.lock = lock, .keeps = keeps};
  pthread_create(&h->thread, NULL, hold, h);
  while (h->state != 1)
    sleep_ms(1);
}

static void end_holder(struct holder *h) {
  h->state = 2;
  pthread_join(h->thread, NULL);
}

static void test_lock(void) {
  uint32_t lock = 0;
  CHECK_EQ("a free lock", futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
  CHECK_EQ("the word is the thread's id", lock, own_id());
  CHECK_ERR("once more", futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
  CHECK_ERR("a try once more", futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
  CHECK_EQ("unlock", futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
  CHECK_EQ("the word is 0", lock, 0);
  CHECK_ERR("unlock what is free", futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
  CHECK_EQ("a try", futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), 0);
  CHECK_EQ("is a lock", futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
  lock = NO_THREAD;
  CHECK_ERR("an owner that does not exist", futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
  lock = FUTEX_OWNER_DIED;
  CHECK_EQ("an owner that has died", futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
  CHECK_EQ("the word says so still", lock, own_id() | FUTEX_OWNER_DIED);
}

static void test_contended(void) {
  uint32_t lock = 0;
  struct holder h;
  start_holder(&h, &lock, false);
  CHECK_EQ("the other thread's", lock, h.id);
  CHECK_ERR("a try", futex(&lock, FUTEX_TRYLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
  CHECK_ERR("unlock", futex(&lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0), EPERM);
  struct timespec until = after_ms(CLOCK_REALTIME, 30);
  CHECK_ERR("until a real time", futex(&lock, FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, &until, NULL, 0),
            ETIMEDOUT);
  CHECK_EQ("the word says that somebody waits", lock, h.id | FUTEX_WAITERS);
  struct holder waiting = {.lock = &lock};
  pthread_create(&waiting.thread, NULL, hold, &waiting);
  sleep_ms(40);
  CHECK("who waits does not have it", waiting.state == 0);
  CHECK_ERR("wake is not for locks", futex(&lock, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0),
            EINVAL);
  end_holder(&h);
  while (waiting.state != 1)
    sleep_ms(1);
  CHECK_EQ("unlock gives it on", lock & FUTEX_TID_MASK, waiting.id);
  end_holder(&waiting);
  CHECK_EQ("in the end it is free", lock, 0);
}

static uint32_t circle[2];

static void *lock_both(void *argument) {
  volatile int *state = argument;
  futex(&circle[1], FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  *state = 1;
  futex(&circle[0], FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  futex(&circle[0], FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  futex(&circle[1], FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}

static void test_circle(void) {
  pthread_t thread;
  volatile int state = 0;
  futex(&circle[0], FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  pthread_create(&thread, NULL, lock_both, (void *)&state);
  while (state != 1)
    sleep_ms(1);
  sleep_ms(40);
  CHECK_ERR("two threads that wait for each other",
            futex(&circle[1], FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
  futex(&circle[0], FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  pthread_join(thread, NULL);
  CHECK("both are free", circle[0] == 0 && (circle[1] & FUTEX_TID_MASK) == 0);
}

static volatile int handled;

static void on_usr1(int signal) { handled += signal == SIGUSR1; }

static void test_signal(void) {
  uint32_t lock = 0;
  struct holder h, waiting = {.lock = &lock};
  struct sigaction action = {.sa_handler = on_usr1};
  sigaction(SIGUSR1, &action, NULL);
  start_holder(&h, &lock, false);
  pthread_create(&waiting.thread, NULL, hold, &waiting);
  sleep_ms(40);
  pthread_kill(waiting.thread, SIGUSR1);
  sleep_ms(40);
  CHECK_EQ("the handler has run", handled, 1);
  CHECK("who waits goes on waiting", waiting.state == 0);
  end_holder(&h);
  while (waiting.state != 1)
    sleep_ms(1);
  CHECK_EQ("and gets the lock", lock & FUTEX_TID_MASK, waiting.id);
  end_holder(&waiting);
}

/* The C library's own: a mutex that inherits priority, robust or not. */
static pthread_mutex_t mutex;

static void *lock_and_end(void *argument) {
  pthread_mutex_lock(&mutex);
  *(volatile int *)argument = 1;
  sleep_ms(60);
  return NULL;
}

static void test_owner_ends(bool inherits, const char *name) {
  pthread_mutexattr_t attributes;
  pthread_t thread;
  volatile int state = 0;
  pthread_mutexattr_init(&attributes);
  if (inherits && pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) != 0)
    return;
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (pthread_mutex_init(&mutex, &attributes) != 0)
    return;
  pthread_create(&thread, NULL, lock_and_end, (void *)&state);
  while (state != 1)
    sleep_ms(1);
  CHECK_EQ(name, pthread_mutex_lock(&mutex), EOWNERDEAD);
  CHECK_EQ("made consistent", pthread_mutex_consistent(&mutex), 0);
  CHECK_EQ("unlocked", pthread_mutex_unlock(&mutex), 0);
  pthread_join(thread, NULL);
  CHECK_EQ("locked again", pthread_mutex_lock(&mutex), 0);
  pthread_mutex_unlock(&mutex);
  pthread_mutex_destroy(&mutex);
}

static void test_robust(void) {
  test_owner_ends(false, "a robust mutex whose owner ends while one waits");
  test_owner_ends(true, "one that inherits priority");
  uint32_t lock = 0;
  struct holder h;
  start_holder(&h, &lock, true);
  end_holder(&h);
  CHECK_ERR("a lock that is not robust: its owner is gone",
            futex(&lock, FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0), ESRCH);
  void *head = NULL;
  size_t size = 0;
  CHECK("the list of the thread",
        syscall(SYS_get_robust_list, 0, &head, &size) == 0 && size == 3 * sizeof(long));
  void *same = NULL;
  CHECK("by its id",
        syscall(SYS_get_robust_list, own_id(), &same, &size) == 0 && same == head);
  CHECK_ERR("of no thread", syscall(SYS_get_robust_list, NO_THREAD, &head, &size), ESRCH);
  CHECK_ERR("to nowhere", syscall(SYS_get_robust_list, 0, (void *)64, &size), EFAULT);
  CHECK_ERR("a list of another size", syscall(SYS_set_robust_list, head, 8), EINVAL);
}

/* Condition variables: waiters that wake up with the lock. */
static uint32_t sequence, pi_lock;
static volatile int inside, most_inside, waited;

static void *wait_requeue(void *argument) {
  long *result = argument;
  __atomic_add_fetch(&waited, 1, __ATOMIC_SEQ_CST);
  *result = futex(&sequence, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE, 0, NULL, &pi_lock, 0);
  if (*result != 0)
    return NULL;
  inside++;
  if (inside > most_inside)
    most_inside = inside;
  sleep_ms(5);
  inside--;
  futex(&pi_lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}

static void test_requeue(void) {
  pthread_t threads[3];
  long results[3] = {-1, -1, -1};
  const int op = FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE;
  struct timespec until = after_ms(CLOCK_MONOTONIC, 20);
  CHECK_ERR("nobody comes",
            futex(&sequence, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE, 0, &until, &pi_lock, 0),
            ETIMEDOUT);
  CHECK_ERR("another value",
            futex(&sequence, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE, 9, NULL, &pi_lock, 0), EAGAIN);
  CHECK_ERR("the same word twice",
            futex(&sequence, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE, 0, NULL, &sequence, 0), EINVAL);
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, wait_requeue, &results[i]);
  while (waited != 3)
    sleep_ms(1);
  sleep_ms(60);
  CHECK_ERR("wake is not for them", futex(&sequence, FUTEX_WAKE | FUTEX_PRIVATE, 1, 0, 0, 0), EINVAL);
  CHECK_ERR("two at once", futex(&sequence, op, 2, (void *)9, &pi_lock, 0), EINVAL);
  CHECK_ERR("compared with another value", futex(&sequence, op, 1, (void *)9, &pi_lock, 5), EAGAIN);
  futex(&pi_lock, FUTEX_LOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  sequence = 1;
  CHECK_EQ("all are moved to the lock", futex(&sequence, op, 1, (void *)9, &pi_lock, 1), 3);
  sleep_ms(20);
  CHECK("nobody has it yet", inside == 0);
  futex(&pi_lock, FUTEX_UNLOCK_PI | FUTEX_PRIVATE, 0, NULL, NULL, 0);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK("each got it", results[0] == 0 && results[1] == 0 && results[2] == 0);
  CHECK_EQ("one after the other", most_inside, 1);
  CHECK_EQ("nobody is left", futex(&sequence, op, 1, (void *)9, &pi_lock, 1), 0);
}

struct waitv {
  uint64_t value, address;
  uint32_t flags, reserved;
};

static long waitv(struct waitv *list, unsigned count, unsigned flags, struct timespec *timeout,
                  clockid_t clock) {
  return syscall(SYS_futex_waitv, list, count, flags, timeout, clock);
}

static uint32_t several[3];

static void *wake_second(void *argument) {
  sleep_ms(40);
  futex(&several[1], FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0);
  return argument;
}

static void test_several(void) {
  struct waitv list[3], bad;
  struct timespec until = after_ms(CLOCK_MONOTONIC, 20);
  for (int i = 0; i < 3; i++)
    list[i] = (struct waitv){.address = (uintptr_t)&several[i], .flags = 2 | FUTEX_PRIVATE};
  errno = 0;
  if (waitv(list, 0, 0, NULL, CLOCK_MONOTONIC) == -1 && errno == ENOSYS)
    return; /* Linux before 5.16. */
  CHECK_ERR("no futex", waitv(list, 0, 0, NULL, CLOCK_MONOTONIC), EINVAL);
  CHECK_ERR("too many", waitv(list, 129, 0, NULL, CLOCK_MONOTONIC), EINVAL);
  CHECK_ERR("flags of the call", waitv(list, 3, 1, NULL, CLOCK_MONOTONIC), EINVAL);
  CHECK_ERR("another clock", waitv(list, 3, 0, &until, CLOCK_PROCESS_CPUTIME_ID), EINVAL);
  CHECK_ERR("until a time", waitv(list, 3, 0, &until, CLOCK_MONOTONIC), ETIMEDOUT);
  several[2] = 1;
  CHECK_ERR("one has another value", waitv(list, 3, 0, NULL, CLOCK_MONOTONIC), EAGAIN);
  several[2] = 0;
  bad = list[0];
  bad.flags = 3;
  CHECK_ERR("words of 64 bits", waitv(&bad, 1, 0, NULL, CLOCK_MONOTONIC), EINVAL);
  bad = list[0];
  bad.reserved = 1;
  CHECK_ERR("reserved bits", waitv(&bad, 1, 0, NULL, CLOCK_MONOTONIC), EINVAL);
  bad = list[0];
  bad.address = 64;
  CHECK_ERR("an unmapped word", waitv(&bad, 1, 0, NULL, CLOCK_MONOTONIC), EFAULT);
  CHECK_ERR("an unmapped list", waitv((void *)64, 1, 0, NULL, CLOCK_MONOTONIC), EFAULT);
  pthread_t thread;
  pthread_create(&thread, NULL, wake_second, NULL);
  CHECK_EQ("the one that is woken", waitv(list, 3, 0, NULL, CLOCK_MONOTONIC), 1);
  pthread_join(thread, NULL);
  CHECK_EQ("none is left waiting", futex(&several[0], FUTEX_WAKE | FUTEX_PRIVATE, 9, 0, 0, 0), 0);
}

static const struct group groups[] = {
    {"arguments", test_arguments}, {"wake-op", test_wake_op}, {"lock", test_lock},
    {"contended", test_contended}, {"circle", test_circle},   {"signal", test_signal},
    {"robust", test_robust},       {"requeue", test_requeue}, {"several", test_several},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
