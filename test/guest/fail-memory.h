/* Scenarios of fail-nth.c: areas, page faults, threads. */
#ifndef FAIL_MEMORY_H
#define FAIL_MEMORY_H

#include "fail-nth.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define LARGE (2 << 20)

static int zero_fd = -1;

/* A fault in a copy of the kernel: its failure is an error, not the end. */
static int fail_fault_anonymous(void) {
  char *at = map_pages(16);
  NEED(at);
  for (int i = 0; i < 16; i++) {
    ssize_t n = read(zero_fd, at + i * PAGE, PAGE);
    NEED(n);
    /* A copy that faults half-way has copied less. */
    if (n != PAGE)
      return EFAULT;
  }
  return 0;
}

static int fail_populate(void) {
  char *at = map_pages(200);
  NEED(at);
  NEED(madvise(at, 200 * PAGE, MADV_POPULATE_WRITE));
  unsigned char there[200];
  NEED(mincore(at, 200 * PAGE, there));
  for (int i = 0; i < 200; i++)
    HOLDS(there[i] & 1);
  return 0;
}

/* Aligned to 2 MiB, and as much of an area. */
static char *large_region(int protection) {
  char *base = map_area(2 * LARGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (base == MAP_FAILED)
    return MAP_FAILED;
  return (char *)(((uintptr_t)base + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
}

/* An area of its own 2 MiB: the page table is allocated, too. */
static int fail_page_table(void) {
  char *at = large_region(PROT_NONE);
  NEED(at);
  NEED(mprotect(at, LARGE, PROT_READ | PROT_WRITE));
  NEED(madvise(at, PAGE, MADV_POPULATE_WRITE));
  HOLDS(at[0] == 0);
  return 0;
}

static char *large_page(void) {
  char *at = large_region(PROT_READ | PROT_WRITE);
  if (at == MAP_FAILED)
    return MAP_FAILED;
  if (madvise(at, LARGE, MADV_HUGEPAGE) != 0 && errno != EINVAL)
    return MAP_FAILED;
  if (madvise(at, LARGE, MADV_POPULATE_WRITE) != 0)
    return MAP_FAILED;
  at[0] = 1;
  at[LARGE - 1] = 2;
  return at;
}

static int fail_split_unmap(void) {
  char *at = large_page();
  NEED(at);
  NEED(munmap(at + PAGE, PAGE));
  unsigned char there;
  HOLDS(mincore(at + PAGE, PAGE, &there) == -1 && errno == ENOMEM);
  HOLDS(at[0] == 1 && at[LARGE - 1] == 2);
  return 0;
}

static int fail_split_protect(void) {
  char *at = large_page();
  NEED(at);
  NEED(mprotect(at + PAGE, PAGE, PROT_READ));
  HOLDS(read(zero_fd, at + PAGE, 1) == -1 && errno == EFAULT);
  HOLDS(at[0] == 1 && at[LARGE - 1] == 2);
  return 0;
}

static int fail_split_discard(void) {
  char *at = large_page();
  NEED(at);
  NEED(madvise(at + LARGE - PAGE, PAGE, MADV_DONTNEED));
  unsigned char there;
  NEED(mincore(at + LARGE - PAGE, PAGE, &there));
  HOLDS(there == 0 && at[0] == 1);
  return 0;
}

static int fail_map_over(void) {
  char *at = map_pages(8);
  NEED(at);
  NEED(madvise(at, 8 * PAGE, MADV_POPULATE_WRITE));
  at[0] = 1;
  const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
  void *over = mmap(at + 3 * PAGE, 2 * PAGE, PROT_READ, flags, -1, 0);
  if (over == MAP_FAILED) {
    int error = errno;
    HOLDS(at[0] == 1);
    return error;
  }
  HOLDS(over == at + 3 * PAGE && at[0] == 1);
  return 0;
}

static int fail_unmap_middle(void) {
  char *at = map_pages(8);
  NEED(at);
  NEED(munmap(at + 3 * PAGE, PAGE));
  return 0;
}

static int fail_protect_middle(void) {
  char *at = map_pages(8);
  NEED(at);
  NEED(mprotect(at + 3 * PAGE, PAGE, PROT_READ));
  HOLDS(read(zero_fd, at + 3 * PAGE, 1) == -1 && errno == EFAULT);
  return 0;
}

static int fail_remap(void) {
  char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(at);
  if (madvise(at, 4 * PAGE, MADV_POPULATE_WRITE) != 0) {
    int error = errno;
    munmap(at, 4 * PAGE);
    return error;
  }
  memset(at, 7, 4 * PAGE);
  /* Where it is there is no room: the next area is in the way, or it has to move by choice. */
  char *to = map_pages(64);
  char *moved = MAP_FAILED;
  if (to != MAP_FAILED)
    moved = mremap(at, 4 * PAGE, 40 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  int error = errno;
  if (moved == MAP_FAILED) {
    /* With MREMAP_FIXED the target may be gone already, the source never. */
    bool whole = at[0] == 7 && at[4 * PAGE - 1] == 7;
    munmap(at, 4 * PAGE);
    HOLDS(whole);
    return error;
  }
  HOLDS(moved == to && moved[0] == 7 && moved[4 * PAGE - 1] == 7);
  return 0;
}

/* The call itself: not every C library grants its use by sbrk(3). */
static char *old_break;

static void restore_break(void) { syscall(SYS_brk, old_break); }

static int fail_break(void) {
  old_break = (char *)syscall(SYS_brk, 0);
  char *grown = (char *)syscall(SYS_brk, old_break + 64 * PAGE);
  if (grown != old_break + 64 * PAGE)
    return ENOMEM;
  ssize_t n = read(zero_fd, old_break, 8 * PAGE);
  /* To shrink cuts an area, which may fail, too; then all stays. */
  char *shrunk = (char *)syscall(SYS_brk, old_break + PAGE);
  HOLDS(shrunk == old_break + PAGE || shrunk == grown);
  return n == 8 * PAGE ? 0 : EFAULT;
}

static int fail_lock(void) {
  char *at = map_pages(20);
  NEED(at);
  NEED(mlock(at + 2 * PAGE, 10 * PAGE));
  unsigned char there[10];
  NEED(mincore(at + 2 * PAGE, 10 * PAGE, there));
  HOLDS(there[0] & there[9] & 1);
  NEED(munlock(at + 4 * PAGE, PAGE));
  return 0;
}

/* Pages of a file: mapped as they are, and copied when written. */
static int fail_map_file(void) {
  int fd = keep(open("/proc/self/exe", O_RDONLY));
  NEED(fd);
  char *at = map_area(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
  NEED(at);
  NEED(madvise(at, 8 * PAGE, MADV_POPULATE_READ));
  HOLDS(memcmp(at, "\177ELF", 4) == 0);
  ssize_t n = read(zero_fd, at + 1, 3);
  NEED(n);
  if (n == 3)
    HOLDS(memcmp(at, "\177\0\0\0", 4) == 0);
  n = read(zero_fd, at + 3 * PAGE, PAGE);
  NEED(n);
  return 0;
}

static int fail_map_shared(void) {
  int fd = keep(memfd_create("shared", 0));
  NEED(fd);
  NEED(ftruncate(fd, 4 * PAGE));
  char *at = map_area(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
  NEED(at);
  NEED(madvise(at, 4 * PAGE, MADV_POPULATE_WRITE));
  at[PAGE] = 9;
  char byte = 0;
  NEED(pread(fd, &byte, 1, PAGE));
  HOLDS(byte == 9);
  NEED(msync(at, 4 * PAGE, MS_SYNC));
  return 0;
}

static int fail_shared_anonymous(void) {
  char *at = map_area(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
  NEED(at);
  NEED(madvise(at, 4 * PAGE, MADV_POPULATE_WRITE));
  return 0;
}

static void *do_nothing(void *argument) { return argument; }

static int fail_thread(void) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, do_nothing, &zero_fd);
  if (error != 0)
    return error;
  void *result;
  pthread_join(thread, &result);
  HOLDS(result == &zero_fd);
  return 0;
}

static unsigned end_n;

static void *end_under_failure(void *argument) {
  if (fail_fd >= 0)
    arm(end_n);
  return argument;
}

/* The end of a thread can't fail, whatever it would have liked to allocate. */
static int fail_thread_end(void) {
  for (end_n = 1; end_n <= 4; end_n++) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, end_under_failure, &end_n);
    if (error != 0)
      return error;
    void *result;
    pthread_join(thread, &result);
    HOLDS(result == &end_n);
  }
  return 0;
}

static int fail_vectors(void) {
  static char bytes[40];
  struct iovec vectors[40];
  for (int i = 0; i < 40; i++)
    vectors[i] = (struct iovec){bytes + i, 1};
  memset(bytes, 1, sizeof bytes);
  ssize_t n = readv(zero_fd, vectors, 40);
  NEED(n);
  HOLDS(n == 40 && bytes[0] == 0 && bytes[39] == 0);
  return 0;
}

static const struct scenario memory_scenarios[] = {
    {.name = "a page that is touched", .run = fail_fault_anonymous, .errors = {EFAULT}},
    {.name = "pages asked for", .run = fail_populate},
    {.name = "a page table", .run = fail_page_table},
    {.name = "munmap of a part of a large page", .run = fail_split_unmap},
    {.name = "mprotect of a part of a large page", .run = fail_split_protect},
    {.name = "madvise of a part of a large page", .run = fail_split_discard},
    {.name = "mmap over the middle of an area", .run = fail_map_over},
    {.name = "munmap of the middle of an area", .run = fail_unmap_middle},
    {.name = "mprotect of the middle of an area", .run = fail_protect_middle},
    {.name = "mremap", .run = fail_remap},
    {.name = "brk", .run = fail_break, .errors = {EFAULT},
     .clean = restore_break},
    {.name = "mlock", .run = fail_lock, .errors = {EAGAIN}},
    {.name = "a private mapping of a file", .run = fail_map_file, .errors = {EFAULT}},
    {.name = "a shared mapping of a file", .run = fail_map_shared},
    {.name = "a shared mapping without a file", .run = fail_shared_anonymous},
    {.name = "clone", .run = fail_thread, .errors = {EAGAIN}},
    {.name = "the end of a thread", .run = fail_thread_end, .errors = {EAGAIN}},
    {.name = "readv of many buffers", .run = fail_vectors},
};

#endif
