/*
 * Memory: brk, anonymous mappings, protection, partial unmapping, moving, advice, residence.
 * Mappings of files are in mem-file.c.
 */
#include "fault.h"
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static char *anon(size_t size, int prot) {
  char *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static bool all_bytes(const char *p, size_t size, char value) {
  for (size_t i = 0; i < size; i++)
    if (p[i] != value)
      return false;
  return true;
}

/* The raw call: a libc's sbrk is not the same everywhere (musl's refuses to move it). */
static void test_brk(void) {
  char *start = (char *)syscall(SYS_brk, 0);
  REQUIRE("brk 0 tells the break", start != NULL);
  REQUIRE("brk grows", (char *)syscall(SYS_brk, start + 256 * 1024) == start + 256 * 1024);
  CHECK("new heap is zero", all_bytes(start, 256 * 1024, 0));
  memset(start, 0x5a, 256 * 1024);
  CHECK("heap keeps what is written", all_bytes(start, 256 * 1024, 0x5a));
  CHECK("brk shrinks", (char *)syscall(SYS_brk, start) == start);
  char *aligned = (char *)(((uintptr_t)start + PAGE - 1) & -PAGE);
  CHECK("pages above the break are gone", !readable(aligned + PAGE));
  CHECK("brk grows again", (char *)syscall(SYS_brk, start + 64 * 1024) == start + 64 * 1024);
  CHECK("regrown heap is zero", all_bytes(aligned, 60 * 1024, 0));
  CHECK("brk below the heap changes nothing",
        (char *)syscall(SYS_brk, PAGE) == start + 64 * 1024);
  CHECK("brk far too high changes nothing",
        (char *)syscall(SYS_brk, 1ul << 46) == start + 64 * 1024);
  syscall(SYS_brk, start);
}

static void test_anonymous(void) {
  char *p = anon(MIB, PROT_READ | PROT_WRITE);
  REQUIRE("mmap anonymous", p != NULL);
  CHECK_EQ("mmap result is page aligned", (uintptr_t)p % PAGE, 0);
  CHECK("anonymous memory is zero", all_bytes(p, MIB, 0));
  memset(p, 7, MIB);
  CHECK("anonymous memory keeps what is written", all_bytes(p, MIB, 7));
  CHECK_EQ("munmap", munmap(p, MIB), 0);
  CHECK("unmapped memory faults", !readable(p));
  CHECK_EQ("munmap of nothing succeeds", munmap(p, MIB), 0);
  CHECK_ERR("mmap of length 0", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            EINVAL);
  CHECK_ERR("mmap neither shared nor private", mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0),
            EINVAL);
  CHECK_ERR("mmap of a bad descriptor", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
  CHECK_ERR("mmap larger than the address space",
            mmap(NULL, 1ul << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
  CHECK_ERR("munmap of an unaligned address", munmap(p + 1, PAGE), EINVAL);
  CHECK_ERR("munmap of length 0", munmap(p, 0), EINVAL);
  p = anon(100, PROT_READ | PROT_WRITE);
  CHECK("length is rounded up to a page", p && (p[PAGE - 1] = 1));
  munmap(p, 100);
  p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_NORESERVE | MAP_STACK, -1, 0);
  CHECK("MAP_POPULATE, MAP_NORESERVE, MAP_STACK", p != MAP_FAILED && all_bytes(p, 64 * PAGE, 0));
  munmap(p, 64 * PAGE);
}

/* What the JVM and Go do at start: reserve far more than there is, then use bits of it. */
static void test_reserve(void) {
  size_t size = 64ul << 30;
  char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE("64 GiB can be reserved", p != MAP_FAILED);
  CHECK("reserved memory faults", !readable(p + size / 2));
  char *part = p + size / 2;
  CHECK_EQ("mprotect commits a part", mprotect(part, MIB, PROT_READ | PROT_WRITE), 0);
  memset(part, 3, MIB);
  CHECK("committed part holds data", all_bytes(part, MIB, 3));
  char *q = mmap(part + 2 * MIB, MIB, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK("MAP_FIXED commits a part", q == part + 2 * MIB && (q[0] = 1));
  CHECK("its neighbour is still reserved", !readable(part + MIB));
  CHECK_EQ("munmap of all", munmap(p, size), 0);
  CHECK("nothing is left", !readable(part) && !readable(q));
}

static void test_placement(void) {
  char *p = anon(8 * PAGE, PROT_READ | PROT_WRITE);
  REQUIRE("mmap", p != NULL);
  p[0] = 1, p[7 * PAGE] = 8;
  char *q = mmap(p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK("MAP_FIXED replaces", q == p + 2 * PAGE && all_bytes(q, 2 * PAGE, 0));
  CHECK("MAP_FIXED leaves its neighbours", p[0] == 1 && p[7 * PAGE] == 8);
  CHECK_ERR("MAP_FIXED of an unaligned address",
            mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
  CHECK_ERR("MAP_FIXED_NOREPLACE over a mapping",
            mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
            EEXIST);
  munmap(p, 8 * PAGE);
  q = mmap(p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  CHECK("MAP_FIXED_NOREPLACE of a free place", q == p);
  munmap(q, 2 * PAGE);
  q = mmap(p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK("a hint that is free is taken", q == p);
  char *r = mmap(p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK("a hint that is taken is not", r != MAP_FAILED && r != q);
  munmap(q, 2 * PAGE);
  munmap(r, 2 * PAGE);
}

static void test_partial(void) {
  char *p = anon(16 * PAGE, PROT_READ | PROT_WRITE);
  REQUIRE("mmap", p != NULL);
  for (int i = 0; i < 16; i++)
    p[i * PAGE] = i + 1;
  CHECK_EQ("munmap of the middle", munmap(p + 4 * PAGE, 4 * PAGE), 0);
  CHECK("the hole faults", !readable(p + 4 * PAGE) && !readable(p + 7 * PAGE));
  CHECK("both sides are there", p[3 * PAGE] == 4 && p[8 * PAGE] == 9);
  CHECK_EQ("munmap of the start", munmap(p, PAGE), 0);
  CHECK_EQ("munmap of the end", munmap(p + 15 * PAGE, PAGE), 0);
  CHECK("what is between is there", p[PAGE] == 2 && p[14 * PAGE] == 15);
  CHECK_EQ("munmap over holes", munmap(p, 16 * PAGE), 0);
  CHECK("all is gone", !readable(p + PAGE) && !readable(p + 14 * PAGE));
}

static void test_protection(void) {
  char *p = anon(4 * PAGE, PROT_READ | PROT_WRITE);
  siginfo_t info;
  REQUIRE("mmap", p != NULL);
  p[PAGE] = 42;
  CHECK_EQ("mprotect to read-only", mprotect(p + PAGE, PAGE, PROT_READ), 0);
  CHECK_EQ("it can be read", p[PAGE], 42);
  CHECK_EQ("a write faults", fault_of(fault_write, p + PAGE + 5, &info), SIGSEGV);
  CHECK_EQ("code is SEGV_ACCERR", info.si_code, SEGV_ACCERR);
  CHECK("address is the written byte", info.si_addr == p + PAGE + 5);
  CHECK("neighbours stay writable", writable(p) && writable(p + 2 * PAGE));
  CHECK_EQ("mprotect to none", mprotect(p + PAGE, PAGE, PROT_NONE), 0);
  CHECK_EQ("a read faults", fault_of(fault_read, p + PAGE, &info), SIGSEGV);
  CHECK_EQ("code is SEGV_ACCERR, too", info.si_code, SEGV_ACCERR);
  CHECK_EQ("mprotect back", mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
  CHECK("content has survived", p[PAGE] == 42 && writable(p + PAGE));
  p[0] = (char)0xc3; /* ret */
  CHECK_EQ("data does not execute", fault_of(fault_call, p, &info), SIGSEGV);
  CHECK_EQ("mprotect to executable", mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
  CHECK_EQ("code executes", fault_of(fault_call, p, NULL), 0);
  CHECK("code is not writable", !writable(p));
  munmap(p + 2 * PAGE, PAGE);
  CHECK_ERR("mprotect over a hole", mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
  CHECK_ERR("mprotect of an unaligned address", syscall(SYS_mprotect, p + 1, PAGE, PROT_READ),
            EINVAL);
  CHECK_EQ("an unmapped page faults", fault_of(fault_read, p + 2 * PAGE, &info), SIGSEGV);
  CHECK_EQ("code is SEGV_MAPERR", info.si_code, SEGV_MAPERR);
  munmap(p, 4 * PAGE);
  /* A page protected before its first touch must come up with the new protection. */
  p = anon(2 * PAGE, PROT_READ);
  CHECK("read-only memory is zero", all_bytes(p, 2 * PAGE, 0));
  CHECK("and becomes writable", mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE) == 0 && (p[0] = 1));
  munmap(p, 2 * PAGE);
}

/* Large mappings may be backed by 2 MiB pages; cutting them up must not show. */
static void test_huge(void) {
  size_t size = 8 * MIB;
  char *p = anon(size, PROT_READ | PROT_WRITE);
  REQUIRE("mmap 8 MiB", p != NULL);
  for (size_t i = 0; i < size; i += PAGE)
    *(size_t *)(p + i) = i;
  char *middle = (char *)(((uintptr_t)p + 4 * MIB) & -(2 * MIB)) + 100 * PAGE;
  CHECK_EQ("mprotect of one page in the middle", mprotect(middle, PAGE, PROT_READ), 0);
  CHECK("it cannot be written", !writable(middle));
  CHECK("its neighbours can", writable(middle - 8) && writable(middle + PAGE + 8));
  *(char *)(middle - 8) = 0, *(char *)(middle + PAGE + 8) = 0;
  CHECK_EQ("munmap of one page in the middle", munmap(middle + 10 * PAGE, PAGE), 0);
  CHECK("it faults", !readable(middle + 10 * PAGE));
  CHECK_EQ("madvise DONTNEED of one page", madvise(middle + 20 * PAGE, PAGE, MADV_DONTNEED), 0);
  CHECK("it is zero", all_bytes(middle + 20 * PAGE, PAGE, 0));
  bool same = true;
  for (size_t i = 0; i < size; i += PAGE)
    if (p + i != middle + 10 * PAGE && p + i != middle + 20 * PAGE)
      same = same && *(size_t *)(p + i) == i;
  CHECK("all other pages have their content", same);
  CHECK("madvise HUGEPAGE is accepted",
        madvise(p, MIB, MADV_HUGEPAGE) == 0 || errno == EINVAL);
  munmap(p, size);
}

static void test_mremap(void) {
  char *p = anon(32 * PAGE, PROT_READ | PROT_WRITE);
  REQUIRE("mmap", p != NULL);
  for (int i = 0; i < 32; i++)
    p[i * PAGE] = i + 1;
  CHECK("mremap shrinks in place", mremap(p, 32 * PAGE, 16 * PAGE, 0) == p);
  CHECK("the tail is gone", !readable(p + 16 * PAGE));
  CHECK("mremap grows in place", mremap(p, 16 * PAGE, 24 * PAGE, 0) == p);
  CHECK("the new tail is zero", all_bytes(p + 16 * PAGE, 8 * PAGE, 0));
  /* Something right behind it: now it has to move. */
  char *wall = mmap(p + 24 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  wall[0] = 99;
  CHECK_ERR("mremap without room", mremap(p, 24 * PAGE, 64 * PAGE, 0), ENOMEM);
  char *q = mremap(p, 24 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  REQUIRE("mremap moves", q != MAP_FAILED && q != p);
  bool same = true;
  for (int i = 0; i < 16; i++)
    same = same && q[i * PAGE] == i + 1;
  CHECK("the content has moved", same && all_bytes(q + 16 * PAGE, 48 * PAGE, 0));
  CHECK("the old place is empty", !readable(p));
  CHECK_EQ("the neighbour stayed", wall[0], 99);
  char *target = anon(64 * PAGE, PROT_READ);
  CHECK("mremap FIXED", mremap(q, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) ==
                            target && target[3 * PAGE] == 4);
  CHECK("it took the protection along", writable(target));
  CHECK_ERR("mremap of nothing", mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
  CHECK_ERR("mremap to length 0", mremap(target, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
  munmap(target, 64 * PAGE);
  munmap(wall, PAGE);
  /* As realloc does with large blocks. */
  p = anon(4 * MIB, PROT_READ | PROT_WRITE);
  memset(p, 6, 4 * MIB);
  p = mremap(p, 4 * MIB, 16 * MIB, MREMAP_MAYMOVE);
  CHECK("4 MiB grow to 16", p != MAP_FAILED && all_bytes(p, 4 * MIB, 6) && p[16 * MIB - 1] == 0);
  munmap(p, 16 * MIB);
}

static void test_madvise(void) {
  char *p = anon(8 * PAGE, PROT_READ | PROT_WRITE);
  REQUIRE("mmap", p != NULL);
  memset(p, 1, 8 * PAGE);
  CHECK_EQ("madvise DONTNEED", madvise(p + 2 * PAGE, 2 * PAGE, MADV_DONTNEED), 0);
  CHECK("dropped pages are zero", all_bytes(p + 2 * PAGE, 2 * PAGE, 0));
  CHECK("other pages are kept", all_bytes(p, 2 * PAGE, 1) && all_bytes(p + 4 * PAGE, 4 * PAGE, 1));
  CHECK_EQ("madvise FREE", madvise(p, PAGE, MADV_FREE), 0);
  CHECK("a freed page holds old or zero", p[0] == 0 || p[0] == 1);
  p[0] = 5;
  CHECK_EQ("a written page is no longer free", p[0], 5);
  CHECK_EQ("madvise WILLNEED", madvise(p, PAGE, MADV_WILLNEED), 0);
  CHECK_EQ("madvise SEQUENTIAL", madvise(p, PAGE, MADV_SEQUENTIAL), 0);
  CHECK_EQ("madvise DONTFORK", madvise(p, PAGE, MADV_DONTFORK), 0);
  CHECK_ERR("madvise of an unaligned address", madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
  CHECK_ERR("madvise with an unknown advice", madvise(p, PAGE, 9999), EINVAL);
  munmap(p + PAGE, PAGE);
  CHECK_ERR("madvise over a hole", madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
  munmap(p, 8 * PAGE);
}

static void test_mincore(void) {
  unsigned char resident[4] = {0};
  char *p = anon(4 * PAGE, PROT_READ | PROT_WRITE);
  REQUIRE("mmap", p != NULL);
  p[0] = p[2 * PAGE] = 1;
  CHECK_EQ("mincore", mincore(p, 4 * PAGE, resident), 0);
  CHECK("touched pages are resident", (resident[0] & 1) && (resident[2] & 1));
  CHECK_EQ("mlock", mlock(p, 4 * PAGE), 0);
  CHECK_EQ("munlock", munlock(p, 4 * PAGE), 0);
  munmap(p, 4 * PAGE);
  CHECK_ERR("mincore of nothing", mincore(p, PAGE, resident), ENOMEM);
}

/* Bad pointers given to the kernel are errors, not faults. */
static void test_efault(void) {
  char *p = anon(2 * PAGE, PROT_READ | PROT_WRITE);
  int pipe_fds[2];
  REQUIRE("mmap and pipe", p && pipe(pipe_fds) == 0);
  void *volatile low = (void *)8;
  CHECK_ERR("write from null", write(pipe_fds[1], low, 4), EFAULT);
  CHECK_ERR("write from unmapped memory", write(pipe_fds[1], (void *)0x123456789000, 4), EFAULT);
  CHECK_ERR("write from a kernel address", write(pipe_fds[1], (void *)-4096, 4), EFAULT);
  CHECK_EQ("write from good memory", write(pipe_fds[1], "abcd", 4), 4);
  mprotect(p, PAGE, PROT_READ);
  CHECK_ERR("read into read-only memory", read(pipe_fds[0], p, 4), EFAULT);
  CHECK_EQ("read into memory never touched", read(pipe_fds[0], p + PAGE, 4), 4);
  CHECK("its content is right", memcmp(p + PAGE, "abcd", 4) == 0);
  CHECK_ERR("open of a bad path pointer", syscall(SYS_openat, -100, (void *)16, 0, 0), EFAULT);
  CHECK_ERR("clock_gettime into null", syscall(SYS_clock_gettime, 1, (void *)8), EFAULT);
  CHECK_ERR("uname into a kernel address", syscall(SYS_uname, (void *)0xffffffff80000000ul),
            EFAULT);
  /* A string that ends with its page, the next one not mapped. */
  munmap(p + PAGE, PAGE);
  mprotect(p, PAGE, PROT_READ | PROT_WRITE);
  memcpy(p + PAGE - 5, "/tmp", 5);
  CHECK_EQ("a path at the end of its mapping", access(p + PAGE - 5, F_OK), 0);
  p[PAGE - 1] = 'x';
  CHECK_ERR("a path that runs out of its mapping", access(p + PAGE - 5, F_OK), EFAULT);
  munmap(p, PAGE);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

__attribute__((noinline)) static int deep(int depth) {
  volatile char frame[16384];
  frame[0] = frame[16383] = (char)depth;
  return depth == 0 ? 1 : deep(depth - 1) + (frame[0] == (char)depth ? 0 : 100);
}

static void test_stack(void) {
  CHECK_EQ("the main stack grows to 6 MiB", deep(6 * 64), 1);
  CHECK_EQ("and again", deep(6 * 64), 1);
}

/* Lengths that wrap when they are rounded up to pages, or that reach over the end of everything. */
static void test_lengths(void) {
  static const size_t lengths[] = {-1ul, -4096ul, -8192ul, 1ul << 63, 1ul << 48};
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static unsigned char present[64];
  REQUIRE("mmap", page != MAP_FAILED);
  page[0] = 'p';
  for (size_t i = 0; i < COUNT(lengths); i++) {
    size_t n = lengths[i];
    CHECK_ERR("mmap", mmap(0, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0,
              ENOMEM);
    CHECK_ERR("munmap", munmap(page, n), EINVAL);
    /* By its number: musl rounds the length itself, and asks for nothing. */
    CHECK_ERR("mprotect", syscall(SYS_mprotect, page, n, PROT_READ), ENOMEM);
    CHECK("madvise", madvise(page, n, MADV_NORMAL) == -1);
    CHECK("mremap", mremap(page, 8192, n, 0) == MAP_FAILED);
    CHECK("mremap from", mremap(page, n, 4096, MREMAP_MAYMOVE) == MAP_FAILED);
    CHECK_ERR("mincore", mincore(page, n, present), ENOMEM);
    CHECK("nothing of it was done", page[0] == 'p');
  }
  void *heap = sbrk(0);
  CHECK("brk to the end of everything", (void *)syscall(SYS_brk, -4096l) == heap);
  CHECK("brk that wraps", (void *)syscall(SYS_brk, -1l) == heap);
  CHECK("which changes nothing", sbrk(0) == heap && page[0] == 'p');
  munmap(page, 8192);
}

static const struct group groups[] = {
    {"brk", test_brk},           {"anonymous", test_anonymous},   {"reserve", test_reserve},
    {"placement", test_placement}, {"partial", test_partial},     {"protection", test_protection},
    {"huge", test_huge},         {"mremap", test_mremap},         {"madvise", test_madvise},
    {"mincore", test_mincore},   {"efault", test_efault},         {"stack", test_stack},
    {"lengths", test_lengths},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
