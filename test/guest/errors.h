/*
 * Tables of calls that must fail, each a line: the call's own text is the name of its check. Where
 * the kernel tells what it has allocated, what is refused leaves nothing behind, either.
 */
#ifndef ERRORS_H
#define ERRORS_H

#include "allocated.h"

#define FAILS(error, call)                                                                         \
  do {                                                                                             \
    CHECK_ERR(#call, call, error);                                                                 \
    LEAVES_NOTHING(#call, call);                                                                   \
  } while (0)
#define GIVES(value, call) CHECK_EQ(#call, call, value)

/* What is kept for the next time (a name that was looked up) is kept once, what is lost is lost
 * again. */
#define LEAVES_NOTHING(name, call)                                                                 \
  do {                                                                                             \
    struct amount before_, after_ = {0, 0, 0};                                                     \
    bool lost_ = can_count_memory();                                                               \
    for (int i_ = 0; lost_ && i_ < TRIES_MAX; i_++) {                                              \
      before_ = allocated();                                                                       \
      (void)!(call);                                                                               \
      after_ = allocated();                                                                        \
      lost_ = !is_same(before_, after_);                                                           \
    }                                                                                              \
    if (lost_)                                                                                     \
      check_lost(name, before_, after_, HERE);                                                     \
  } while (0)

/* An address with nothing there, which the compiler does not see through. */
static void *volatile nowhere = (void *)8;
#define NOWHERE nowhere
enum { CLOSED = 900, TRIES_MAX = 4 };

static UNUSED void check_lost(const char *name, struct amount before, struct amount after,
                              const char *place) {
  char detail[160];
  snprintf(detail, sizeof detail, "lost %ld bytes in %ld objects, %ld bytes of pages",
           after.heap_bytes - before.heap_bytes, after.heap_objects - before.heap_objects,
           after.page_bytes - before.page_bytes);
  check_report(name, false, place, detail);
}

#endif
