/*
 * Alternate signal stacks: sizes, stacks that disarm themselves, and those that a handler's frame
 * cannot be written to.
 */
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum { STACK_SIZE = 65536, PAGE = 4096 };

static volatile sig_atomic_t hits, flags_inside, change_result;
static char *volatile local_inside;
static stack_t inside;

static void look(int signal) {
  char local;
  (void)signal;
  hits++;
  local_inside = &local;
  sigaltstack(NULL, &inside);
  flags_inside = inside.ss_flags;
  change_result = sigaltstack(&inside, NULL);
}

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signal, &action, NULL);
  hits = 0;
  local_inside = NULL;
}

static void disable(void) {
  stack_t none = {.ss_flags = SS_DISABLE};
  sigaltstack(&none, NULL);
}

static bool is_on(char *stack, size_t size) {
  return local_inside >= stack && local_inside < stack + size;
}

static void test_size(void) {
  static char memory[STACK_SIZE];
  unsigned long least = getauxval(AT_MINSIGSTKSZ);
  CHECK("AT_MINSIGSTKSZ", least >= 512 && least < STACK_SIZE / 4);
  stack_t stack = {.ss_sp = memory, .ss_size = 2047};
  CHECK_ERR("less than MINSIGSTKSZ", sigaltstack(&stack, NULL), ENOMEM);
  stack.ss_size = 2048;
  CHECK_EQ("MINSIGSTKSZ", sigaltstack(&stack, NULL), 0);
  stack.ss_flags = 77;
  CHECK_ERR("unknown flags", sigaltstack(&stack, NULL), EINVAL);
  stack.ss_flags = SS_ONSTACK;
  stack.ss_size = least + 2048;
  CHECK_EQ("SS_ONSTACK is as good as 0", syscall(SYS_sigaltstack, &stack, NULL), 0);
  handle(SIGUSR1, look, SA_ONSTACK);
  raise(SIGUSR1);
  CHECK("a handler runs on what AT_MINSIGSTKSZ says and a little", hits == 1);
  CHECK("on that stack", is_on(memory, least + 2048));
  disable();
}

static void test_autodisarm(void) {
  static char memory[STACK_SIZE];
  stack_t stack = {.ss_sp = memory, .ss_size = STACK_SIZE, .ss_flags = SS_AUTODISARM}, old;
  REQUIRE("SS_AUTODISARM", sigaltstack(&stack, NULL) == 0);
  handle(SIGUSR1, look, SA_ONSTACK);
  raise(SIGUSR1);
  CHECK("the handler runs on the stack", hits == 1 && is_on(memory, STACK_SIZE));
  CHECK("inside there is none", (flags_inside & SS_DISABLE) && inside.ss_size == 0);
  CHECK_EQ("and it may be changed", change_result, 0);
  sigaltstack(NULL, &old);
  CHECK("it is back after the handler", old.ss_sp == memory && old.ss_size == STACK_SIZE);
  CHECK("with its flag", (unsigned)old.ss_flags == SS_AUTODISARM);
  raise(SIGUSR1);
  CHECK("and used again", hits == 2 && is_on(memory, STACK_SIZE));
  disable();
}

static sigjmp_buf back;
static volatile int segv_code;

static void segv(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  segv_code = info->si_code;
  siglongjmp(back, 1);
}

/* SIGUSR1 to a handler on `stack`, which does not work: SIGSEGV comes, on the ordinary stack. */
static void broken(const char *name, char *memory, size_t size) {
  struct sigaction action = {.sa_sigaction = segv, .sa_flags = SA_SIGINFO};
  stack_t stack = {.ss_sp = memory, .ss_size = size};
  volatile int jumped = 0;
  sigaction(SIGSEGV, &action, NULL);
  handle(SIGUSR1, look, SA_ONSTACK);
  segv_code = 0;
  sigaltstack(&stack, NULL);
  if (sigsetjmp(back, 1))
    jumped = 1;
  else
    raise(SIGUSR1);
  CHECK(name, jumped && hits == 0 && segv_code == SI_KERNEL);
  disable();
  signal(SIGSEGV, SIG_DFL);
}

static void test_broken(void) {
  char *memory = mmap(NULL, STACK_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory", memory != MAP_FAILED);
  broken("a read-only stack", memory, STACK_SIZE);
  mprotect(memory, STACK_SIZE, PROT_NONE);
  broken("a stack without rights", memory, STACK_SIZE);
  munmap(memory, STACK_SIZE);
  broken("a stack that is not mapped", memory, STACK_SIZE);
  broken("a stack in the other half", (char *)0xffff800000000000, STACK_SIZE);
}

/* The frame is larger than the stack: what lies below stays as it is. */
static void test_overflow(void) {
  unsigned long least = getauxval(AT_MINSIGSTKSZ);
  char *memory = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory", memory != MAP_FAILED);
  if (least > 2048)
    broken("a stack that is too small for the frame", memory + STACK_SIZE / 2, 2048);
  bool clean = true;
  for (int i = 0; i < STACK_SIZE / 2; i++)
    clean = clean && memory[i] == 0;
  CHECK("what is below a stack is left alone", clean);
  munmap(memory, STACK_SIZE);
}

static const struct group groups[] = {
    {"size", test_size},
    {"autodisarm", test_autodisarm},
    {"broken", test_broken},
    {"overflow", test_overflow},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
