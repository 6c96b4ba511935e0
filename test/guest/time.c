/*
 * Time: the clocks, their resolution and order, the vDSO, sleeping. Timers are in timer.c.
 * Only lower bounds are checked: a machine may always be slow, a clock never fast.
 */
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

static int64_t read_clock(clockid_t clock) {
  struct timespec ts = {0, 0};
  if (clock_gettime(clock, &ts) != 0)
    return -1;
  return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t raw_clock(clockid_t clock) {
  struct timespec ts = {0, 0};
  syscall(SYS_clock_gettime, clock, &ts);
  return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void test_clocks(void) {
  static const struct {
    clockid_t id;
    const char *name;
  } clocks[] = {
      {CLOCK_REALTIME, "REALTIME"},
      {CLOCK_MONOTONIC, "MONOTONIC"},
      {CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"},
      {CLOCK_REALTIME_COARSE, "REALTIME_COARSE"},
      {CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
      {CLOCK_BOOTTIME, "BOOTTIME"},
      {CLOCK_PROCESS_CPUTIME_ID, "PROCESS_CPUTIME_ID"},
      {CLOCK_THREAD_CPUTIME_ID, "THREAD_CPUTIME_ID"},
  };
  for (unsigned c = 0; c < COUNT(clocks); c++) {
    char name[64];
    int64_t last = read_clock(clocks[c].id);
    bool ordered = last >= 0;
    for (int i = 0; i < 2000; i++) {
      int64_t now = read_clock(clocks[c].id);
      ordered = ordered && now >= last;
      last = now;
    }
    snprintf(name, sizeof name, "CLOCK_%s never goes back", clocks[c].name);
    CHECK(name, ordered);
    struct timespec resolution = {9, 9};
    snprintf(name, sizeof name, "CLOCK_%s has a resolution", clocks[c].name);
    CHECK(name, clock_getres(clocks[c].id, &resolution) == 0 && resolution.tv_sec == 0 &&
                    resolution.tv_nsec > 0 && resolution.tv_nsec <= 10000000);
  }
  struct timespec ts;
  CHECK_ERR("an unknown clock", clock_gettime(77, &ts), EINVAL);
  CHECK_ERR("the resolution of an unknown clock", clock_getres(77, &ts), EINVAL);
  CHECK_EQ("clock_getres without a place for it", syscall(SYS_clock_getres, 1, NULL), 0);
}

static void test_real(void) {
  struct timeval tv;
  int64_t real = read_clock(CLOCK_REALTIME) / 1000000000;
  CHECK("it is after 2024", real > 1704067200);
  CHECK("and before 2100", real < 4102444800);
  CHECK("gettimeofday agrees", gettimeofday(&tv, NULL) == 0 && llabs(tv.tv_sec - real) <= 2);
  time_t seconds = time(NULL);
  CHECK("time agrees", llabs(seconds - real) <= 2);
  CHECK("the raw calls agree", llabs(syscall(SYS_time, NULL) - real) <= 2 &&
                                   llabs(raw_clock(CLOCK_REALTIME) / 1000000000 - real) <= 2);
}

/* The vDSO and the system call must tell the same time, to the nanosecond, in order. */
static void test_vdso(void) {
  const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
  REQUIRE("AT_SYSINFO_EHDR", vdso != NULL);
  CHECK("is an ELF file", memcmp(vdso->e_ident, ELFMAG, SELFMAG) == 0);
  CHECK("a shared object", vdso->e_type == ET_DYN && vdso->e_phnum > 0);
  const Elf64_Phdr *segments = (const void *)((const char *)vdso + vdso->e_phoff);
  bool load = false, dynamic = false;
  for (int i = 0; i < vdso->e_phnum; i++) {
    load = load || segments[i].p_type == PT_LOAD;
    dynamic = dynamic || segments[i].p_type == PT_DYNAMIC;
  }
  CHECK("with a loaded and a dynamic segment", load && dynamic);
  bool ordered = true;
  for (int i = 0; i < 500; i++) {
    int64_t a = read_clock(CLOCK_MONOTONIC), b = raw_clock(CLOCK_MONOTONIC);
    int64_t c = read_clock(CLOCK_MONOTONIC);
    ordered = ordered && a <= b && b <= c;
  }
  CHECK("it agrees with the system call", ordered);
  unsigned cpu = 999, node = 999;
  CHECK("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu < 256 && node == 0);
}

static void test_sleep(void) {
  static const int lengths_us[] = {0, 1, 100, 1000, 5000, 20000};
  bool enough = true;
  for (unsigned i = 0; i < COUNT(lengths_us); i++) {
    struct timespec ts = {0, lengths_us[i] * 1000};
    int64_t start = now_ns();
    enough = enough && nanosleep(&ts, NULL) == 0 && now_ns() - start >= ts.tv_nsec;
  }
  CHECK("nanosleep sleeps long enough", enough);
  struct timespec bad = {0, 1000000000}, negative = {-1, 0}, ts;
  CHECK_ERR("a bad length", nanosleep(&bad, NULL), EINVAL);
  CHECK_ERR("a negative length", nanosleep(&negative, NULL), EINVAL);
  int64_t start = now_ns(), until = start + 15000000;
  ts.tv_sec = until / 1000000000, ts.tv_nsec = until % 1000000000;
  CHECK_EQ("clock_nanosleep absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL),
           0);
  CHECK("wakes not before", now_ns() >= until);
  CHECK_EQ("a time that has passed", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
  until = read_clock(CLOCK_REALTIME) + 10000000;
  ts.tv_sec = until / 1000000000, ts.tv_nsec = until % 1000000000;
  CHECK_EQ("absolute real time", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0);
  CHECK("wakes not before, either", read_clock(CLOCK_REALTIME) >= until);
  ts = (struct timespec){0, 5000000};
  start = now_ns();
  CHECK_EQ("clock_nanosleep relative", clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL), 0);
  CHECK("is long enough", now_ns() - start >= 5000000);
  CHECK_EQ("an unknown clock", clock_nanosleep(77, 0, &ts, NULL), EINVAL);
  start = now_ns();
  for (int i = 0; i < 50; i++)
    usleep(1000);
  CHECK("50 sleeps of 1 ms", now_ns() - start >= 50000000);
}

static void *sleep_thread(void *argument) {
  struct timespec ts = {0, (long)argument * 1000000};
  int64_t start = now_ns();
  nanosleep(&ts, NULL);
  return (void *)(long)(now_ns() - start >= ts.tv_nsec);
}

/* Many sleepers, set off in mixed order. */
static void test_sleepers(void) {
  pthread_t threads[32];
  bool enough = true;
  for (long i = 0; i < 32; i++)
    pthread_create(&threads[i], NULL, sleep_thread, (void *)(i * 7 % 32 + 1));
  for (int i = 0; i < 32; i++) {
    void *result;
    pthread_join(threads[i], &result);
    enough = enough && result;
  }
  CHECK("32 sleepers all sleep long enough", enough);
}

static void test_cpu_time(void) {
  struct rusage usage;
  struct tms tms;
  int64_t start = read_clock(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns();
  int64_t thread_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
  for (volatile long i = 0; now_ns() - wall < 50000000; i++)
    ;
  CHECK("a busy process uses CPU time", read_clock(CLOCK_PROCESS_CPUTIME_ID) - start > 1000000);
  CHECK("a busy thread, too", read_clock(CLOCK_THREAD_CPUTIME_ID) - thread_start > 1000000);
  thread_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
  sleep_ms(100);
  CHECK("a sleeping one does not",
        read_clock(CLOCK_THREAD_CPUTIME_ID) - thread_start < 50000000);
  CHECK("getrusage", getrusage(RUSAGE_SELF, &usage) == 0 &&
                         usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
                                 usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec > 0);
  CHECK("getrusage of a thread", getrusage(RUSAGE_THREAD, &usage) == 0);
  CHECK("times", times(&tms) != (clock_t)-1);
}

static const struct group groups[] = {
    {"clocks", test_clocks}, {"real", test_real},         {"vdso", test_vdso},
    {"sleep", test_sleep},   {"sleepers", test_sleepers}, {"cpu-time", test_cpu_time},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
