/*
 * What the kernel has allocated, by /proc/allocinfo, which the debug kernel has: for checks that
 * nothing is lost. Elsewhere `can_count_memory` says no.
 */
#ifndef ALLOCATED_H
#define ALLOCATED_H

#include "check.h"
#include <fcntl.h>

struct amount {
  long heap_bytes, heap_objects, page_bytes;
};

static int info_fd = -1;

static UNUSED bool can_count_memory(void) {
  static bool asked;
  if (!asked)
    info_fd = open("/proc/allocinfo", O_RDONLY | O_CLOEXEC);
  asked = true;
  return on_virga && info_fd >= 0;
}

static struct amount allocated(void) {
  static char text[512];
  struct amount now = {0, 0, 0};
  ssize_t length = pread(info_fd, text, sizeof text - 1, 0);
  text[length > 0 ? length : 0] = 0;
  long pages;
  if (sscanf(text, "%*[^\n] %*[^\n] %ld %ld %*[^\n] %ld %ld", &now.heap_bytes, &now.heap_objects,
             &now.page_bytes, &pages) != 4)
    _exit(96);
  return now;
}

static bool is_same(struct amount a, struct amount b) {
  return a.heap_bytes == b.heap_bytes && a.heap_objects == b.heap_objects &&
         a.page_bytes == b.page_bytes;
}

#endif
