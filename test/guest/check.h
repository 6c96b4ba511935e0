/*
 * The harness of the guest programs: one program per family of calls, each a list of groups of
 * named checks. It needs only write(2) and a working vsnprintf, so that a kernel that can hardly
 * do anything can already tell what works.
 *
 *   int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
 *
 * Output: `# group` before each group, `ok NAME` or `not ok NAME: detail` per check, at the end
 * `1..N`. The exit code is 0 when all checks passed, 1 otherwise. A program that does not reach
 * the `1..N` line has crashed.
 *
 * Arguments: `--virga` adds checks of what Virga does differently from Linux on purpose (there
 * is no fork, the root is read-only); other arguments are the only groups to run.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
/* Of a check: file and line. */
#define HERE __FILE_NAME__ ":" STRING(__LINE__)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNUSED __attribute__((unused))

struct group {
  const char *name;
  void (*run)(void);
};

static int check_count, check_failed;
static bool on_virga;

/* Prints one whole line by one write, so that lines of several threads do not mix. */
__attribute__((format(printf, 1, 2))) static UNUSED void say(const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (length < 0)
    return;
  if (length > (int)sizeof line - 2)
    length = sizeof line - 2;
  line[length++] = '\n';
  for (int done = 0; done < length;) {
    ssize_t n = write(1, line + done, length - done);
    if (n <= 0 && errno != EINTR && errno != EAGAIN)
      _exit(99);
    if (n > 0)
      done += n;
  }
}

static UNUSED bool check_report(const char *name, bool ok, const char *place,
                                const char *detail) {
  __atomic_add_fetch(&check_count, 1, __ATOMIC_SEQ_CST);
  if (ok) {
    say("ok %s", name);
  } else {
    __atomic_add_fetch(&check_failed, 1, __ATOMIC_SEQ_CST);
    say("not ok %s: %s: %s", name, place, detail);
  }
  return ok;
}

static UNUSED bool check_true(const char *name, bool ok, const char *text,
                              const char *place) {
  char detail[256];
  int error = errno;
  snprintf(detail, sizeof detail, "%s (errno %d, %s)", text, error, strerror(error));
  return check_report(name, ok, place, detail);
}

static UNUSED bool check_equal(const char *name, long long got, long long want,
                               const char *place) {
  char detail[160];
  int error = errno;
  snprintf(detail, sizeof detail, "got %lld (0x%llx), want %lld (errno %d, %s)", got, got, want,
           error, strerror(error));
  return check_report(name, got == want, place, detail);
}

/* A call that has to fail: `result` is what it returned, `error` what it left in errno. */
static UNUSED bool check_error(const char *name, long long result, int error, int want,
                               const char *place) {
  char detail[160];
  snprintf(detail, sizeof detail, "returned %lld, errno %d (%s), want errno %d (%s)", result, error,
           strerror(error), want, strerror(want));
  return check_report(name, result == -1 && error == want, place, detail);
}

#define CHECK(name, cond) check_true(name, (errno = 0, (cond)), #cond, HERE)
#define CHECK_EQ(name, got, want)                                                                  \
  check_equal(name, (errno = 0, (long long)(got)), (long long)(want), HERE)
#define CHECK_ERR(name, call, want)                                                                \
  ({                                                                                               \
    errno = 0;                                                                                     \
    long long result_ = (long long)(call);                                                         \
    check_error(name, result_, errno, want, HERE);                                             \
  })
/* For what the rest of a group builds upon: leaves the function when it fails. */
#define REQUIRE(name, cond)                                                                        \
  do {                                                                                             \
    if (!CHECK(name, cond))                                                                        \
      return;                                                                                      \
  } while (0)

static UNUSED int64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static UNUSED void sleep_ms(int ms) {
  struct timespec left = {ms / 1000, ms % 1000 * 1000000l};
  while (nanosleep(&left, &left) != 0 && errno == EINTR)
    ;
}

/* A path of this process alone in the scratch file system; the buffer is static. */
static UNUSED const char *scratch(const char *name) {
  static char paths[8][96];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "/tmp/virga-%d-%s", (int)getpid(), name);
  return path;
}

static UNUSED int check_main(int argc, char **argv, const struct group *groups, int count) {
  bool all = true;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--virga") == 0)
      on_virga = true;
    else
      all = false;
  }
  for (int g = 0; g < count; g++) {
    bool wanted = all;
    for (int i = 1; i < argc; i++)
      wanted = wanted || strcmp(argv[i], groups[g].name) == 0;
    if (!wanted)
      continue;
    say("# %s", groups[g].name);
    groups[g].run();
  }
  say("1..%d", check_count);
  return check_count == 0 || check_failed ? 1 : 0;
}

#endif
