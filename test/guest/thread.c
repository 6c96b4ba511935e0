/*
 * Threads: create, join, detach, thread-local storage, all of pthread's ways to wait, preemption
 * of spinning threads, cancellation, stacks. Raw futexes are in futex.c.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static struct timespec in_ms(clockid_t clock, int ms) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  ts.tv_nsec += ms * 1000000l;
  ts.tv_sec += ts.tv_nsec / 1000000000;
  ts.tv_nsec %= 1000000000;
  return ts;
}

static void *tid_thread(void *argument) {
  *(pid_t *)argument = syscall(SYS_gettid);
  return (char *)argument + 1;
}

static void *nothing(void *argument) { return argument; }

static void test_create(void) {
  pthread_t thread;
  pid_t tid = 0;
  void *result = NULL;
  CHECK_EQ("pthread_create", pthread_create(&thread, NULL, tid_thread, &tid), 0);
  CHECK_EQ("pthread_join", pthread_join(thread, &result), 0);
  CHECK("join gives the result", result == (char *)&tid + 1);
  CHECK("the thread had a tid of its own", tid > 0 && tid != getpid());
  CHECK_EQ("the main thread's tid is the pid", syscall(SYS_gettid), getpid());
  int failed = 0;
  for (int i = 0; i < 500; i++)
    failed += pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL);
  CHECK_EQ("500 threads one after another", failed, 0);
}

static void *detached_thread(void *argument) {
  sem_post(argument);
  return NULL;
}

static void test_detach(void) {
  pthread_t thread;
  pthread_attr_t attr;
  sem_t done;
  sem_init(&done, 0, 0);
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  int failed = 0;
  for (int i = 0; i < 100; i++)
    failed += pthread_create(&thread, &attr, detached_thread, &done) || sem_wait(&done);
  CHECK_EQ("100 detached threads", failed, 0);
  pthread_create(&thread, NULL, detached_thread, &done);
  CHECK_EQ("pthread_detach", pthread_detach(thread), 0);
  CHECK_EQ("it runs all the same", sem_wait(&done), 0);
}

static __thread int tls_initialised = 1234;
static __thread long tls_zero[512];
static __thread char tls_aligned[64] __attribute__((aligned(64)));
static pthread_key_t key;
static int destroyed;

static void key_destructor(void *value) { __atomic_add_fetch(&destroyed, (long)value, 5); }

static void *tls_thread(void *argument) {
  bool fresh = tls_initialised == 1234 && tls_zero[0] == 0 && tls_zero[511] == 0;
  bool aligned = (uintptr_t)tls_aligned % 64 == 0;
  tls_initialised = 1, tls_zero[511] = 5;
  bool empty = pthread_getspecific(key) == NULL;
  pthread_setspecific(key, argument);
  return (void *)(long)(fresh && aligned && empty && pthread_getspecific(key) == argument);
}

static void test_tls(void) {
  pthread_t threads[8];
  bool right = true;
  pthread_key_create(&key, key_destructor);
  CHECK_EQ("__thread has its initial value", tls_initialised, 1234);
  tls_initialised = 99;
  for (int i = 0; i < 8; i++)
    pthread_create(&threads[i], NULL, tls_thread, (void *)(long)(i + 1));
  for (int i = 0; i < 8; i++) {
    void *result;
    pthread_join(threads[i], &result);
    right = right && result;
  }
  CHECK("each thread has its own", right);
  CHECK_EQ("ours is unchanged", tls_initialised, 99);
  CHECK_EQ("destructors of keys have run", destroyed, 36);
}

enum { CROWD = 64, ROUNDS = 200 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static pthread_barrier_t barrier;

static void *crowd_thread(void *argument) {
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    long seen = counter;
    if (i % 50 == 0)
      sched_yield();
    counter = seen + 1;
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void test_crowd(void) {
  pthread_t threads[CROWD];
  int failed = 0;
  pthread_barrier_init(&barrier, NULL, CROWD);
  for (int i = 0; i < CROWD; i++)
    failed += pthread_create(&threads[i], NULL, crowd_thread, NULL);
  REQUIRE("64 threads at once", failed == 0);
  for (int i = 0; i < CROWD; i++)
    failed += pthread_join(threads[i], NULL);
  CHECK("all ended", failed == 0);
  CHECK_EQ("a mutex keeps a counter right", counter, CROWD * ROUNDS);
}

static void *holder_thread(void *argument) {
  pthread_mutex_t *lock = argument;
  int held = pthread_mutex_trylock(lock);
  struct timespec until = in_ms(CLOCK_REALTIME, 20);
  int timed = pthread_mutex_timedlock(lock, &until);
  return (void *)(long)(held * 1000 + timed);
}

static void test_mutex(void) {
  pthread_t thread;
  pthread_mutexattr_t attr;
  pthread_mutex_t lock;
  void *result;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&lock, &attr);
  pthread_mutex_lock(&lock);
  CHECK_EQ("errorcheck: locking twice", pthread_mutex_lock(&lock), EDEADLK);
  int64_t start = now_ns();
  pthread_create(&thread, NULL, holder_thread, &lock);
  pthread_join(thread, &result);
  CHECK_EQ("trylock is busy, timedlock times out", (long)result, EBUSY * 1000 + ETIMEDOUT);
  CHECK("not too early", now_ns() - start >= 19000000);
  CHECK_EQ("unlock", pthread_mutex_unlock(&lock), 0);
  CHECK_EQ("errorcheck: unlocking twice", pthread_mutex_unlock(&lock), EPERM);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&lock, &attr);
  CHECK("recursive", !pthread_mutex_lock(&lock) && !pthread_mutex_lock(&lock) &&
                         !pthread_mutex_unlock(&lock) && !pthread_mutex_unlock(&lock));
  CHECK_EQ("and not once more", pthread_mutex_unlock(&lock), EPERM);
}

static void *dying_holder(void *argument) {
  pthread_mutex_lock(argument);
  return NULL;
}

/* The kernel itself has to walk the list of a dead thread's robust mutexes. */
static void test_robust(void) {
  pthread_t thread;
  pthread_mutexattr_t attr;
  pthread_mutex_t lock;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&lock, &attr);
  pthread_create(&thread, NULL, dying_holder, &lock);
  pthread_join(thread, NULL);
  REQUIRE("a dead owner is told", pthread_mutex_lock(&lock) == EOWNERDEAD);
  CHECK_EQ("the mutex can be made consistent", pthread_mutex_consistent(&lock), 0);
  CHECK_EQ("and unlocked", pthread_mutex_unlock(&lock), 0);
  CHECK("and locked", pthread_mutex_lock(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int queue[8], head, tail;
static long consumed_sum, consumed_count;

static void *producer(void *argument) {
  for (int i = 1; i <= 500; i++) {
    pthread_mutex_lock(&mutex);
    while (tail - head == 8)
      pthread_cond_wait(&cond, &mutex);
    queue[tail++ % 8] = i;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void *consumer(void *argument) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (tail == head && consumed_count < 1500)
      pthread_cond_wait(&cond, &mutex);
    if (consumed_count == 1500) {
      pthread_mutex_unlock(&mutex);
      return argument;
    }
    consumed_sum += queue[head++ % 8];
    consumed_count++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
}

static void test_condition(void) {
  pthread_t threads[6];
  for (int i = 0; i < 6; i++)
    pthread_create(&threads[i], NULL, i < 3 ? producer : consumer, NULL);
  for (int i = 0; i < 6; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ("3 producers, 3 consumers: all consumed", consumed_count, 1500);
  CHECK_EQ("each once", consumed_sum, 3 * 500 * 501 / 2);
  pthread_condattr_t attr;
  pthread_cond_t timed;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&timed, &attr);
  int64_t start = now_ns();
  struct timespec until = in_ms(CLOCK_MONOTONIC, 30);
  pthread_mutex_lock(&mutex);
  CHECK_EQ("timedwait times out", pthread_cond_timedwait(&timed, &mutex, &until), ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
  CHECK("not too early", now_ns() - start >= 29000000);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int readers, readers_max, writers, broken;

static void *reader(void *argument) {
  for (int i = 0; i < 20; i++) {
    pthread_rwlock_rdlock(&rwlock);
    int now = __atomic_add_fetch(&readers, 1, 5);
    if (now > readers_max)
      readers_max = now;
    if (writers)
      broken++;
    sleep_ms(1);
    __atomic_sub_fetch(&readers, 1, 5);
    pthread_rwlock_unlock(&rwlock);
  }
  return argument;
}

static void *writer(void *argument) {
  for (int i = 0; i < 20; i++) {
    pthread_rwlock_wrlock(&rwlock);
    if (++writers != 1 || readers)
      broken++;
    sched_yield();
    writers--;
    pthread_rwlock_unlock(&rwlock);
    sched_yield();
  }
  return argument;
}

static void test_rwlock(void) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++)
    pthread_create(&threads[i], NULL, i < 6 ? reader : writer, NULL);
  for (int i = 0; i < 8; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ("writers exclude all", broken, 0);
  CHECK("readers share", readers_max > 1);
}

static void *barrier_thread(void *argument) {
  (void)argument;
  long serial = 0;
  for (int i = 0; i < 50; i++)
    serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
  return (void *)serial;
}

static void test_barrier_semaphore(void) {
  pthread_t threads[5];
  long serial = 0;
  pthread_barrier_init(&barrier, NULL, 5);
  for (int i = 0; i < 5; i++)
    pthread_create(&threads[i], NULL, barrier_thread, NULL);
  for (int i = 0; i < 5; i++) {
    void *result;
    pthread_join(threads[i], &result);
    serial += (long)result;
  }
  CHECK_EQ("50 barriers, one serial thread each", serial, 50);
  sem_t sem;
  int value;
  sem_init(&sem, 0, 2);
  CHECK("semaphore counts", !sem_wait(&sem) && !sem_trywait(&sem));
  CHECK_ERR("an empty one", sem_trywait(&sem), EAGAIN);
  struct timespec until = in_ms(CLOCK_REALTIME, 20);
  CHECK_ERR("sem_timedwait times out", sem_timedwait(&sem, &until), ETIMEDOUT);
  sem_post(&sem);
  CHECK("sem_getvalue", sem_getvalue(&sem, &value) == 0 && value == 1);
}

static volatile int spin_stop;
static volatile unsigned long spin_count[3];

static void *spinner(void *argument) {
  volatile unsigned long *count = &spin_count[(long)argument];
  while (!spin_stop)
    ++*count;
  return NULL;
}

/* Threads that never make a call: only the timer can take the CPU from them. */
static void test_preemption(void) {
  pthread_t threads[3];
  spin_stop = 0;
  for (long i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, spinner, (void *)i);
  int64_t start = now_ns();
  sleep_ms(150);
  int64_t woke = now_ns() - start;
  spin_stop = 1;
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK("a sleeper wakes while others spin", woke >= 150000000 && woke < 3000000000ll);
  CHECK("each spinner had its share", spin_count[0] && spin_count[1] && spin_count[2]);
}

static int cleanups;
static void cleanup(void *argument) { cleanups += (long)argument; }

static void *cancel_thread(void *argument) {
  pthread_cleanup_push(cleanup, (void *)1);
  if (argument) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (volatile long i = 0;; i++)
      ;
  }
  for (;;)
    sleep(1000);
  pthread_cleanup_pop(0);
  return NULL;
}

static void test_cancel(void) {
  pthread_t thread;
  void *result = NULL;
  pthread_create(&thread, NULL, cancel_thread, NULL);
  sleep_ms(20);
  CHECK_EQ("pthread_cancel of a sleeper", pthread_cancel(thread), 0);
  pthread_join(thread, &result);
  CHECK("it was cancelled, cleanup has run", result == PTHREAD_CANCELED && cleanups == 1);
  pthread_create(&thread, NULL, cancel_thread, (void *)1);
  sleep_ms(20);
  CHECK_EQ("pthread_cancel of a spinning thread", pthread_cancel(thread), 0);
  pthread_join(thread, &result);
  CHECK("it was cancelled, cleanup has run, too", result == PTHREAD_CANCELED && cleanups == 2);
}

static void *stack_thread(void *argument) {
  pthread_attr_t attr;
  void *base = NULL;
  size_t size = 0;
  char *here = (char *)&attr;
  pthread_getattr_np(pthread_self(), &attr);
  pthread_attr_getstack(&attr, &base, &size);
  bool inside = here >= (char *)base && here < (char *)base + size;
  if (argument) {
    /* Use nearly all of it. */
    volatile char *deep = __builtin_alloca(900 * 1024);
    for (int i = 0; i < 900 * 1024; i += 1024)
      deep[i] = 1;
  }
  return (void *)(long)(inside && size >= 65536);
}

static void test_stacks(void) {
  pthread_t thread;
  pthread_attr_t attr;
  void *result;
  CHECK("pthread_getattr_np of the main thread", stack_thread(NULL) != NULL);
  pthread_attr_init(&attr);
  CHECK_EQ("a stack of 1 MiB", pthread_attr_setstacksize(&attr, 1024 * 1024), 0);
  pthread_create(&thread, &attr, stack_thread, (void *)1);
  pthread_join(thread, &result);
  CHECK("is that large and where it is said to be", result != NULL);
  void *own = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_setstack(&attr, own, 1 << 20);
  CHECK_EQ("a stack of our own", pthread_create(&thread, &attr, stack_thread, NULL), 0);
  pthread_join(thread, &result);
  CHECK("is used", result != NULL);
  munmap(own, 1 << 20);
}

static void *name_thread(void *argument) {
  char name[16] = "";
  pthread_setname_np(pthread_self(), "worker-thread-1");
  prctl(PR_GET_NAME, name);
  return (void *)(long)(strcmp(name, "worker-thread-1") == 0 && !argument);
}

static void test_attributes(void) {
  pthread_t thread;
  void *result;
  cpu_set_t set;
  struct timespec ts;
  clockid_t clock;
  pthread_create(&thread, NULL, name_thread, NULL);
  pthread_join(thread, &result);
  CHECK("a thread's name", result != NULL);
  CHECK("affinity", pthread_getaffinity_np(pthread_self(), sizeof set, &set) == 0 &&
                        CPU_COUNT(&set) >= 1);
  CHECK_EQ("set affinity", pthread_setaffinity_np(pthread_self(), sizeof set, &set), 0);
  CHECK("a thread's CPU clock", pthread_getcpuclockid(pthread_self(), &clock) == 0 &&
                                    clock_gettime(clock, &ts) == 0);
}

static const struct group groups[] = {
    {"create", test_create},
    {"detach", test_detach},
    {"tls", test_tls},
    {"crowd", test_crowd},
    {"mutex", test_mutex},
    {"robust", test_robust},
    {"condition", test_condition},
    {"rwlock", test_rwlock},
    {"barrier-semaphore", test_barrier_semaphore},
    {"preemption", test_preemption},
    {"cancel", test_cancel},
    {"stacks", test_stacks},
    {"attributes", test_attributes},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
