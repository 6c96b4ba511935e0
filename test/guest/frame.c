/*
 * What a program can hand the kernel to return to: the frame of a signal handler, the handler
 * itself, its stack, the thread pointer, the flags. Nothing of it harms the kernel: the program
 * gets a signal or an error, or goes on.
 */
#include "hostile.h"
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define ARCH_SET_FS 0x1002
#define EFLAGS_TF 0x100ul
#define EFLAGS_DF 0x400ul
#define EFLAGS_NT 0x4000ul
#define EFLAGS_AC 0x40000ul

static sigjmp_buf back;
static volatile sig_atomic_t steps;
static char alternate[65536];

static void leave(int signal) { siglongjmp(back, signal); }

/* What a SIGSEGV or SIGBUS leads to, on a stack of its own: back to `caught`. */
static void prepare(void) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, 0);
  struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK | SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
}

/* Sends itself SIGUSR1 with `handler`; which signal came of it, or 0 when it went on. */
static int caught(void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGUSR1, &action, 0);
  int signal = sigsetjmp(back, 1);
  if (signal == 0)
    raise(SIGUSR1);
  return signal;
}

static bool is_fault(int signal) { return signal == SIGSEGV || signal == SIGBUS; }

/* The handler's change to its own frame: one register, or what `change_state` does. */
static int changed_register;
static long long changed_value;

static void change_register(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[changed_register] = changed_value;
}

static void test_registers(void) {
  prepare();
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    changed_value = place->address;
    changed_register = REG_RIP;
    snprintf(name, sizeof name, "sigreturn to: %s", place->name);
    CHECK(name, is_fault(caught(change_register)));
    changed_register = REG_RSP;
    snprintf(name, sizeof name, "sigreturn with the stack at: %s", place->name);
    CHECK(name, is_fault(caught(change_register)));
  }
}

static unsigned long long changed_flags;

static void change_flags(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= changed_flags;
}

static void change_segments(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_CSGSFS] = -1;
}

static void test_flags(void) {
  prepare();
  for (int bit = 0; bit < 64; bit++) {
    char name[64];
    changed_flags = 1ull << bit;
    if (changed_flags & (EFLAGS_TF | EFLAGS_AC | EFLAGS_DF))
      continue;
    snprintf(name, sizeof name, "sigreturn with flag %d", bit);
    CHECK_EQ(name, caught(change_flags), 0);
  }
  int signal = caught(change_segments);
  CHECK("sigreturn with segments that are none", signal == 0 || is_fault(signal));
}

/* ---- The vector state ---- */

static uintptr_t changed_state;

static void change_pointer(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.fpregs = (void *)changed_state;
}

/* Offsets in the FXSAVE area, and of the XSAVE header (Intel SDM volume 1, 10.5.1, 13.4). */
enum { MXCSR = 24, MXCSR_MASK = 28, XSTATE_BV = 512, XCOMP_BV = 520, RESERVED = 528 };

static int changed_offset, changed_size;

static void change_state(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  char *state = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  memset(state + changed_offset, 0xff, changed_size);
}

static void test_vector_state(void) {
  static const struct {
    const char *name;
    int offset, size;
  } changes[] = {
      {"MXCSR", MXCSR, 4},        {"MXCSR and its mask", MXCSR, 8}, {"XSTATE_BV", XSTATE_BV, 8},
      {"XCOMP_BV", XCOMP_BV, 8},  {"reserved bytes", RESERVED, 48}, {"the header", XSTATE_BV, 64},
      {"the x87 unit", 0, 24},    {"all registers", 32, 416},
  };
  prepare();
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    if (place->address == 0)
      continue;
    changed_state = place->address;
    snprintf(name, sizeof name, "vector state at: %s", place->name);
    CHECK(name, is_fault(caught(change_pointer)));
  }
  for (size_t i = 0; i < COUNT(changes); i++) {
    char name[96];
    changed_offset = changes[i].offset;
    changed_size = changes[i].size;
    snprintf(name, sizeof name, "vector state with ones in %s", changes[i].name);
    int signal = caught(change_state);
    CHECK(name, signal == 0 || is_fault(signal));
  }
  uint32_t control = 0x1f80;
  __asm__ volatile("ldmxcsr %0; fninit" ::"m"(control));
}

/* ---- Handlers and their stacks ---- */

static void test_handlers(void) {
  prepare();
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    if (place->address == 0)
      continue; /* SIG_DFL */
    snprintf(name, sizeof name, "handler at: %s", place->name);
    CHECK(name, is_fault(caught((void (*)(int, siginfo_t *, void *))place->address)));
  }
}

static void nothing(int signal) { (void)signal; }

static void test_stacks(void) {
  prepare();
  struct sigaction action = {.sa_handler = leave, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  struct sigaction on_stack = {.sa_handler = nothing, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &on_stack, 0);
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    /* The frame is written below the end, which lies in the middle of the page. */
    stack_t stack = {.ss_sp = (void *)(place->address + 2048 - 65536), .ss_size = 65536};
    if (place->address == 0 || place->address > -65536ul)
      stack.ss_sp = (void *)place->address;
    snprintf(name, sizeof name, "alternate stack at: %s", place->name);
    int signal = sigsetjmp(back, 1);
    if (signal == 0 && sigaltstack(&stack, 0) == 0) {
      raise(SIGUSR1);
    } else if (signal == 0) {
      signal = SIGSEGV; /* refused: as good */
    }
    CHECK_EQ(name, signal, SIGSEGV);
  }
}

/* rt_sigreturn where there is no frame; only below the half's end is the stack ours to misplace. */
static void test_no_frame(void) {
  prepare();
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    if (place->address >= HALF_END)
      continue;
    snprintf(name, sizeof name, "sigreturn from: %s", place->name);
    int signal = sigsetjmp(back, 1);
    if (signal == 0) {
      __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" ::"r"(place->address)
                       : "rax", "rcx", "r11", "memory");
    }
    CHECK_EQ(name, signal, SIGSEGV);
  }
}

/* ---- Thread pointer, threads ---- */

static int child(void *argument) {
  (void)argument;
  return 0;
}

static void test_threads(void) {
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                    CLONE_SYSVSEM | CLONE_SETTLS;
  static char stack[65536] __attribute__((aligned(16)));
  for (const struct place *place = hostile_places(); place->name; place++) {
    char name[96];
    if (place->address < HALF_END - PAGE)
      continue;
    snprintf(name, sizeof name, "ARCH_SET_FS: %s", place->name);
    CHECK_ERR(name, syscall(SYS_arch_prctl, ARCH_SET_FS, place->address), EPERM);
    snprintf(name, sizeof name, "a thread with the thread pointer at: %s", place->name);
    CHECK_ERR(name, clone(child, stack + sizeof stack, flags, 0, 0, place->address), EPERM);
    uint64_t arguments[11] = {(unsigned)flags & ~CLONE_SETTLS};
    arguments[5] = place->address;
    arguments[6] = 65536;
    snprintf(name, sizeof name, "clone3 with the stack at: %s", place->name);
    long result = syscall(435, arguments, sizeof arguments);
    int error = errno;
    CHECK(name, result == -1 && (error == EINVAL || error == ENOSYS || error == EPERM));
    if (!on_virga || place->address < HALF_END)
      continue;
    snprintf(name, sizeof name, "clone with the stack at: %s", place->name);
    CHECK_ERR(name, syscall(SYS_clone, flags & ~CLONE_SETTLS, place->address, 0, 0, 0), EINVAL);
  }
}

/* ---- Flags that reach the kernel ---- */

static void count_step(int signal) {
  (void)signal;
  steps++;
}

static void set_flags(unsigned long flags) {
  __asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"r"(flags) : "cc", "memory");
}

static void clear_flags(unsigned long flags) {
  __asm__ volatile("pushfq; andq %0, (%%rsp); popfq" ::"r"(~flags) : "cc", "memory");
}

static void test_live_flags(void) {
  signal(SIGUSR1, nothing);
  signal(SIGTRAP, count_step);
  set_flags(EFLAGS_NT);
  for (int i = 0; i < 100; i++) {
    raise(SIGUSR1);
    sched_yield();
  }
  clear_flags(EFLAGS_NT);
  CHECK("calls and signals with NT set", true);
  set_flags(EFLAGS_DF);
  long id = syscall(SYS_getpid);
  clear_flags(EFLAGS_DF);
  CHECK("a call with DF set", id == getpid());
  steps = 0;
  set_flags(EFLAGS_TF);
  id = syscall(SYS_getpid);
  clear_flags(EFLAGS_TF);
  CHECK("a call that is single-stepped", steps > 0 && id == getpid());
}

/*
 * On Linux the vDSO faults; reading or writing the kernel's memory is what it may not do. musl's
 * time() stores the result itself, as the program could.
 */
static void test_vdso(void) {
  prepare();
  char *page = island(PROT_READ | PROT_WRITE), *kernel = alias(page) + 64;
#ifdef __GLIBC__
  const int calls = 4;
#else
  const int calls = 3;
#endif
  for (int i = 0; i < calls; i++) {
    int signal = sigsetjmp(back, 1);
    long result = -1;
    if (signal == 0 && i == 0)
      result = clock_gettime(CLOCK_MONOTONIC, (struct timespec *)kernel);
    if (signal == 0 && i == 1)
      result = clock_gettime(CLOCK_REALTIME, (struct timespec *)kernel);
    if (signal == 0 && i == 2)
      result = clock_getres(CLOCK_REALTIME, (struct timespec *)kernel);
    if (signal == 0 && i == 3)
      result = time((time_t *)kernel);
    CHECK("the time into the kernel's memory", is_fault(signal) || result < 0);
  }
  bool same = true;
  for (int i = 64; i < 128; i++)
    same = same && page[i] == 'i';
  CHECK("which is as it was", same);
}

static const struct group groups[] = {
    {"registers", test_registers},   {"flags", test_flags},     {"vector-state", test_vector_state},
    {"handlers", test_handlers},     {"stacks", test_stacks},   {"no-frame", test_no_frame},
    {"threads", test_threads},       {"live-flags", test_live_flags}, {"vdso", test_vdso},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
