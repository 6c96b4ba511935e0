/*
 * Scenarios that run with each of their allocations failing once: the harness.
 *
 * A scenario is a function that makes one or a few system calls, looks whether they did what they
 * say, and returns 0, the errno of the call that failed, or WRONG. What it opens and maps it
 * `keep`s, so that all is closed after it, wherever it ended; other things `clean` undoes.
 *
 * It runs with its first allocation failing, then with its second, until one run has all it wants:
 * through /proc/self/fail-nth, which a debug kernel has (Linux, with CONFIG_FAULT_INJECTION). Each
 * run succeeds or ends in an errno that its calls document for memory that is out; the next run,
 * unhindered, succeeds; and afterwards as much is allocated as before (/proc/allocinfo).
 *
 * Where there is no such file each scenario runs once, which says that it is right in itself.
 */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include "allocated.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What is no errno: a call succeeded and did something else. */
#define WRONG 1000
#define ERRORS_MAX 4
#define PAGE 4096
/* How often in a row a failure may leave something behind for the next time. */
#define GROWN_MAX 4

struct scenario {
  const char *name;
  int (*run)(void);
  /* What its calls may fail with, beside ENOMEM. */
  int errors[ERRORS_MAX];
  void (*clean)(void);
  /* Before a run, with no failure to come. */
  void (*prepare)(void);
  /* What it changes stays changed: no run comes between two failures, nor after the success. */
  bool once;
};

static int kept[64];
static int kept_count;
static struct {
  void *at;
  size_t length;
} kept_maps[8];
static int kept_map_count;
static int fail_fd = -1;
static const char *wrong_text;
static const char *wrong_place;

/* Fails the scenario with the error of a call that says it has failed. */
#define NEED(call)                                                                                 \
  do {                                                                                             \
    if ((long)(call) == -1)                                                                        \
      return errno;                                                                                \
  } while (0)

/* What has to hold after a call that says it has succeeded. */
#define HOLDS(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      wrong_text = #condition;                                                                     \
      wrong_place = HERE;                                                                         \
      return WRONG;                                                                                \
    }                                                                                              \
  } while (0)

static UNUSED int keep(int fd) {
  if (fd >= 0 && kept_count < (int)COUNT(kept))
    kept[kept_count++] = fd;
  return fd;
}

static void keep_map(void *at, size_t length) {
  if (at == MAP_FAILED || kept_map_count == (int)COUNT(kept_maps))
    return;
  kept_maps[kept_map_count].at = at;
  kept_maps[kept_map_count++].length = length;
}

static UNUSED void *map_area(size_t length, int protection, int flags, int fd) {
  void *at = mmap(NULL, length, protection, flags, fd, 0);
  keep_map(at, length);
  return at;
}

static UNUSED void *map_pages(size_t pages) {
  return map_area(pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void arm(unsigned n) {
  char text[16];
  int length = snprintf(text, sizeof text, "%u", n);
  if (pwrite(fail_fd, text, length, 0) != length)
    _exit(98);
}

/* Whether the failure that was armed is still to come. */
static bool is_due(void) {
  char text[16] = "";
  if (pread(fail_fd, text, sizeof text - 1, 0) <= 0)
    _exit(97);
  return atoi(text) != 0;
}

static int run_once(const struct scenario *scenario, unsigned n, bool *due) {
  if (scenario->prepare)
    scenario->prepare();
  if (n != 0)
    arm(n);
  int error = scenario->run();
  if (n != 0) {
    *due = is_due();
    arm(0);
  }
  while (kept_count > 0)
    close(kept[--kept_count]);
  while (kept_map_count > 0) {
    kept_map_count--;
    munmap(kept_maps[kept_map_count].at, kept_maps[kept_map_count].length);
  }
  if (scenario->clean)
    scenario->clean();
  return error;
}

static bool is_allowed(const struct scenario *scenario, int error) {
  bool allowed = error == 0 || error == ENOMEM;
  for (int i = 0; i < ERRORS_MAX; i++)
    allowed = allowed || (error == scenario->errors[i]);
  return allowed;
}

static bool report(const struct scenario *scenario, unsigned n, const char *what, int error) {
  char detail[256];
  if (error == WRONG)
    snprintf(detail, sizeof detail, "allocation %u fails: %s: %s: not %s", n, what,
             wrong_place, wrong_text);
  else
    snprintf(detail, sizeof detail, "allocation %u fails: %s: %s", n, what, strerror(error));
  return check_report(scenario->name, false, HERE, detail);
}

/* Three runs: what the first ones leave for the next (caches, larger tables) is there then. */
static bool warm(const struct scenario *scenario) {
  bool due;
  for (int i = 0; i < 3; i++) {
    int error = run_once(scenario, 0, &due);
    if (error != 0)
      return report(scenario, 0, "without any", error);
    if (fail_fd < 0 || scenario->once)
      break;
  }
  return true;
}

static bool is_lost(const struct scenario *scenario, unsigned n, struct amount before,
                    struct amount after) {
  char detail[160];
  if (is_same(before, after))
    return false;
  snprintf(detail, sizeof detail, "allocation %u fails: lost %ld bytes in %ld objects, %ld pages",
           n, after.heap_bytes - before.heap_bytes, after.heap_objects - before.heap_objects,
           (after.page_bytes - before.page_bytes) / PAGE);
  check_report(scenario->name, false, HERE, detail);
  return true;
}

/* A run with failure n, and one without. False, and reported, when something is wrong. */
static bool fail_at(const struct scenario *scenario, unsigned n, bool *due) {
  int error = run_once(scenario, n, due);
  if (!is_allowed(scenario, error) || (*due && error != 0))
    return report(scenario, n, *due ? "not reached, and" : "it says", error);
  if (scenario->once)
    return true;
  bool ignored;
  error = run_once(scenario, 0, &ignored);
  return error == 0 || report(scenario, n, "the next run", error);
}

/*
 * What changes something for good, of another subject after each success: a failure leaves nothing
 * behind. If more is allocated after it, it is tried again: a name that was looked up is kept, and
 * so is a page that was read. What is lost is lost each time.
 */
static void run_scenario_once(const struct scenario *scenario) {
  bool due = false;
  int grown = 0;
  for (unsigned n = 1; !due; n += grown == 0) {
    if (scenario->prepare)
      scenario->prepare();
    struct amount before = allocated();
    int error = run_once(scenario, n, &due);
    if (!is_allowed(scenario, error) || (due && error != 0)) {
      report(scenario, n, due ? "not reached, and" : "it says", error);
      return;
    }
    struct amount after = allocated();
    grown = error != 0 && !is_same(before, after) ? grown + 1 : 0;
    if (grown == GROWN_MAX) {
      is_lost(scenario, n, before, after);
      return;
    }
  }
  check_report(scenario->name, true, HERE, "");
}

static void run_scenario(const struct scenario *scenario) {
  if (!warm(scenario))
    return;
  if (fail_fd >= 0 && scenario->once) {
    run_scenario_once(scenario);
    return;
  }
  bool due = fail_fd < 0;
  struct amount before = fail_fd < 0 ? (struct amount){0, 0, 0} : allocated();
  for (unsigned n = 1; !due; n++) {
    if (!fail_at(scenario, n, &due))
      return;
    struct amount after = allocated();
    if (!is_same(before, after)) {
      /* What is kept for the next time is kept once, what is lost is lost again. */
      if (!fail_at(scenario, n, &due) || is_lost(scenario, n, after, allocated()))
        return;
      before = allocated();
    }
  }
  check_report(scenario->name, true, HERE, "");
}

static UNUSED void run_scenarios(const struct scenario *scenarios, int count) {
  for (int i = 0; i < count; i++)
    run_scenario(&scenarios[i]);
}

#endif
