/*
 * MAP_GROWSDOWN: areas that grow down to what is touched below them, up to RLIMIT_STACK and as far
 * as a gap stays to what is mapped below.
 */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifndef PROT_GROWSDOWN
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP 0x02000000
#endif

#define PAGE 4096L
#define GAP 256

static sigjmp_buf back;
static char alternate[32768];

static void on_fault(int signal) { siglongjmp(back, signal); }

/* Whether a byte can be written; a signal's number otherwise. */
static int touch(volatile char *at) {
  int signal = sigsetjmp(back, 1);
  if (signal == 0)
    *at = 1;
  return signal;
}

static int look(volatile char *at) {
  int signal = sigsetjmp(back, 1);
  if (signal == 0)
    signal = *at == 0 ? 0 : -1;
  return signal;
}

static void catch_faults(void) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

/* `pages` pages that grow down, with 64 MiB of nothing below. */
static char *grower(int pages) {
  const size_t below = 64 << 20;
  char *p = mmap(NULL, below + pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || munmap(p, below + pages * PAGE))
    return MAP_FAILED;
  return mmap(p + below, pages * PAGE, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
}

static void test_growing(void) {
  catch_faults();
  char *p = grower(4);
  REQUIRE("mmap", p != MAP_FAILED);
  p[0] = 7;
  CHECK_EQ("a write just below", touch(p - 1), 0);
  CHECK_EQ("far below", touch(p - 1000000), 0);
  CHECK("what is between is mapped, and zero", p[-500000] == 0 && p[-1000000] == 1);
  CHECK("and what was there stays", p[0] == 7 && p[-1] == 1);
  CHECK_EQ("a read grows it, too", look(p - 2000000), 0);
  int zero = open("/dev/zero", O_RDONLY);
  CHECK_EQ("so does a system call", read(zero, p - 3000000, 100), 100);
  CHECK_EQ("and one that ends in it", read(zero, p - 3100000 - 50, 100), 100);
  close(zero);
  CHECK_EQ("not past the limit", touch(p - (9 << 20)), SIGSEGV);
  CHECK_EQ("which is 8 MiB for all of it", touch(p + 4 * PAGE - (8 << 20)), 0);
  CHECK_EQ("to the byte", touch(p + 4 * PAGE - (8 << 20) - 1), SIGSEGV);
  munmap(p - (9 << 20), (9 << 20) + 4 * PAGE);
  CHECK_EQ("gone is gone", touch(p - 1), SIGSEGV);
}

static void test_limits(void) {
  struct rlimit old, small;
  char *p = grower(1);
  REQUIRE("mmap", p != MAP_FAILED && getrlimit(RLIMIT_STACK, &old) == 0);
  small = old;
  small.rlim_cur = 1 << 20;
  CHECK_EQ("a lower limit", setrlimit(RLIMIT_STACK, &small), 0);
  CHECK_EQ("holds", touch(p - (1 << 20)), SIGSEGV);
  CHECK_EQ("up to it it grows", touch(p + PAGE - (1 << 20)), 0);
  setrlimit(RLIMIT_STACK, &old);
  munmap(p - (1 << 20), (1 << 20) + PAGE);
}

static void test_gap(void) {
  char *p = grower(1), *below = p - (4 << 20);
  REQUIRE("mmap", p != MAP_FAILED);
  REQUIRE("something below", mmap(below, PAGE, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == below);
  CHECK_EQ("right above it", touch(below + PAGE), SIGSEGV);
  CHECK_EQ("a page too near", touch(below + PAGE + (GAP - 1) * PAGE), SIGSEGV);
  CHECK_EQ("with the gap", touch(below + PAGE + GAP * PAGE), 0);
  mprotect(below, PAGE, PROT_NONE);
  CHECK_EQ("what has no rights needs no gap", touch(below + PAGE), 0);
  munmap(below, (4 << 20) + PAGE);
  p = grower(1);
  bool apart = true;
  for (int i = 0; i < 64; i++) {
    char *other = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    apart = apart && (other > p || other + 16 * PAGE + GAP * PAGE <= p);
  }
  CHECK("new areas keep their distance", apart);
}

static void test_calls(void) {
  CHECK_ERR("shared memory does not grow",
            (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0),
            EINVAL);
  char *p = grower(4);
  REQUIRE("mmap", p != MAP_FAILED);
  CHECK_EQ("mprotect from the beginning", mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN),
           0);
  CHECK_EQ("takes all below with it", touch(p), SIGSEGV);
  CHECK_ERR("both ways", mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
  CHECK_ERR("nothing grows up", mprotect(p, PAGE, PROT_READ | PROT_GROWSUP), EINVAL);
  char *plain = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_ERR("not what does not grow", mprotect(plain, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
  munmap(p, 4 * PAGE);
  munmap(plain, PAGE);
}

static const struct group groups[] = {
    {"growing", test_growing}, {"limits", test_limits}, {"gap", test_gap}, {"calls", test_calls}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
