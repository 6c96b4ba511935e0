/*
 * The system call as machine code: registers and red zone around it, every form of call site
 * (Virga patches `mov $n,%eax; syscall` at its first execution), sites in memory a program has
 * just written, and sites that many threads reach at once.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

/*
 * Loads all registers from an array, makes a call, stores them into the array. Order: rax, rbx,
 * rcx, rdx, rsi, rdi, rbp, r8 to r15. SITE is the code under test; rax comes out of it.
 */
enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };
#define REGISTER_FUNCTION(name, site)                                                              \
  extern void name(long registers[REGISTERS]);                                                     \
  extern char name##_after[];                                                                      \
  __asm__(".text\n.globl " #name ", " #name "_after\n" #name ":\n"                                 \
          "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"         \
          "  push %rdi\n"                                                                          \
          "  mov 8(%rdi), %rbx\n  mov 16(%rdi), %rcx\n  mov 24(%rdi), %rdx\n"                      \
          "  mov 32(%rdi), %rsi\n  mov 48(%rdi), %rbp\n  mov 56(%rdi), %r8\n"                      \
          "  mov 64(%rdi), %r9\n  mov 72(%rdi), %r10\n  mov 80(%rdi), %r11\n"                      \
          "  mov 88(%rdi), %r12\n  mov 96(%rdi), %r13\n  mov 104(%rdi), %r14\n"                    \
          "  mov 112(%rdi), %r15\n  mov 0(%rdi), %rax\n  mov 40(%rdi), %rdi\n" site "\n" #name     \
          "_after:\n"                                                                              \
          "  xchg (%rsp), %rdi\n"                                                                  \
          "  mov %rax, 0(%rdi)\n  mov %rbx, 8(%rdi)\n  mov %rcx, 16(%rdi)\n"                       \
          "  mov %rdx, 24(%rdi)\n  mov %rsi, 32(%rdi)\n  mov %rbp, 48(%rdi)\n"                     \
          "  mov %r8, 56(%rdi)\n  mov %r9, 64(%rdi)\n  mov %r10, 72(%rdi)\n"                       \
          "  mov %r11, 80(%rdi)\n  mov %r12, 88(%rdi)\n  mov %r13, 96(%rdi)\n"                     \
          "  mov %r14, 104(%rdi)\n  mov %r15, 112(%rdi)\n"                                         \
          "  pop %rax\n  mov %rax, 40(%rdi)\n"                                                     \
          "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n")

/* 39 is getpid, 24 sched_yield, 0 read. */
REGISTER_FUNCTION(site_mov, "mov $39, %eax\nsyscall");
REGISTER_FUNCTION(site_mov64, ".byte 0x48, 0xc7, 0xc0, 39, 0, 0, 0\nsyscall");
REGISTER_FUNCTION(site_given, "syscall");
REGISTER_FUNCTION(site_xor, "xor %eax, %eax\nsyscall");
REGISTER_FUNCTION(site_apart, "mov $39, %eax\nnop\nsyscall");
REGISTER_FUNCTION(site_push, "push $39\npop %rax\nsyscall");
REGISTER_FUNCTION(site_yield, "mov $24, %eax\nsyscall");
REGISTER_FUNCTION(site_unknown, "mov $999, %eax\nsyscall");

/* Calls a site three times (first execution, and after a possible patch); false when a register
 * other than rax, rcx and r11 has changed or the result is wrong. */
static bool preserves(void (*site)(long *), const char *after, long rax, long want) {
  for (int round = 0; round < 3; round++) {
    long before[REGISTERS], now[REGISTERS];
    for (int i = 0; i < REGISTERS; i++)
      now[i] = before[i] = (long)(0x1111111111111111u * (i + 1)) + round;
    now[RAX] = rax;
    now[RDI] = before[RDI] = -1; /* a bad descriptor, where one is read */
    site(now);
    if (now[RAX] != want || now[RCX] != (long)after)
      return false;
    for (int i = 0; i < REGISTERS; i++)
      if (i != RAX && i != RCX && i != R11 && now[i] != before[i])
        return false;
  }
  return true;
}

static void test_registers(void) {
  long pid = getpid();
  CHECK("mov $n,%eax; syscall", preserves(site_mov, site_mov_after, 0, pid));
  CHECK("mov $n,%rax; syscall", preserves(site_mov64, site_mov64_after, 0, pid));
  CHECK("syscall with a number from elsewhere", preserves(site_given, site_given_after, 39, pid));
  CHECK("another number at the same site", preserves(site_given, site_given_after, 24, 0));
  CHECK("xor %eax,%eax; syscall", preserves(site_xor, site_xor_after, 5, -EBADF));
  CHECK("mov, nop, syscall", preserves(site_apart, site_apart_after, 0, pid));
  CHECK("push, pop, syscall", preserves(site_push, site_push_after, 0, pid));
  CHECK("a call that switches threads", preserves(site_yield, site_yield_after, 0, 0));
  CHECK("an unknown call", preserves(site_unknown, site_unknown_after, 0, -ENOSYS));
}

/* A leaf function that keeps data below its stack pointer across a call. 0 when all is there. */
extern long red_zone(void);
__asm__(".text\n.globl red_zone\nred_zone:\n"
        "  mov $16, %edx\n"
        "1: mov %rdx, %rsi\n  neg %rsi\n  mov %rdx, (%rsp,%rsi,8)\n  dec %edx\n  jnz 1b\n"
        "  mov $39, %eax\n  syscall\n"
        "  mov $16, %edx\n"
        "2: mov %rdx, %rsi\n  neg %rsi\n  cmp %rdx, (%rsp,%rsi,8)\n  jne 3f\n"
        "  dec %edx\n  jnz 2b\n"
        "  xor %eax, %eax\n  ret\n"
        "3: mov $1, %eax\n  ret\n");

static volatile int alarms;
static void on_alarm(int signal) { alarms += signal == SIGALRM; }

static void test_red_zone(void) {
  long damaged = 0;
  for (int i = 0; i < 1000; i++)
    damaged += red_zone();
  CHECK_EQ("a call leaves the red zone alone", damaged, 0);
  struct sigaction action = {.sa_handler = on_alarm};
  struct itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  for (int64_t start = now_ns(); alarms < 50 && now_ns() - start < 3000000000ll;)
    for (int i = 0; i < 500; i++)
      damaged += red_zone();
  setitimer(ITIMER_REAL, &off, NULL);
  CHECK("so do interrupts and signals", damaged == 0 && alarms >= 50);
}

/* 0 when 16 vector registers hold their values across call number `number`. */
extern long vectors_kept(long number, const void *values, const void *argument);
__asm__(".text\n.globl vectors_kept\nvectors_kept:\n"
        "  push %rbx\n  push %r12\n  mov %rsi, %rbx\n  mov %rdi, %rax\n"
        "  movups (%rbx), %xmm0\n  movups 16(%rbx), %xmm1\n  movups 32(%rbx), %xmm2\n"
        "  movups 48(%rbx), %xmm3\n  movups 64(%rbx), %xmm4\n  movups 80(%rbx), %xmm6\n"
        "  movups 96(%rbx), %xmm8\n  movups 112(%rbx), %xmm15\n"
        "  mov %rdx, %rdi\n  xor %esi, %esi\n  syscall\n  mov $0xffff, %r12d\n"
        ".macro same register, offset\n  movups \\offset(%rbx), %xmm5\n"
        "  pcmpeqb \\register, %xmm5\n  pmovmskb %xmm5, %eax\n  and %eax, %r12d\n.endm\n"
        "  same %xmm0, 0\n  same %xmm1, 16\n  same %xmm2, 32\n  same %xmm3, 48\n"
        "  same %xmm4, 64\n  same %xmm6, 80\n  same %xmm8, 96\n  same %xmm15, 112\n"
        "  xor $0xffff, %r12d\n  mov %r12, %rax\n  pop %r12\n  pop %rbx\n  ret\n");

static volatile int vector_stop;

static void *vector_thread(void *argument) {
  unsigned char values[128];
  struct timespec ts = {0, 100000};
  long lost = 0;
  memset(values, (int)(long)argument, sizeof values);
  while (!vector_stop) {
    lost += vectors_kept(SYS_sched_yield, values, NULL);
    lost += vectors_kept(SYS_nanosleep, values, &ts);
    lost += vectors_kept(SYS_getpid, values, NULL);
  }
  return (void *)lost;
}

#ifdef __AVX__
#error "The program itself is for any x86-64."
#endif
__attribute__((target("avx"))) static bool upper_halves_kept(unsigned char fill) {
  unsigned char in[32], out[32];
  memset(in, fill, sizeof in);
  struct timespec ts = {0, 100000};
  long result;
  __asm__ volatile("vmovups (%1), %%ymm7\n\tmov $35, %%eax\n\tsyscall\n\tvmovups %%ymm7, (%2)\n\t"
                   "vzeroupper"
                   : "=&a"(result)
                   : "r"(in), "r"(out), "D"(&ts), "S"(0)
                   : "rcx", "r11", "memory", "xmm7");
  return memcmp(in, out, sizeof in) == 0;
}

static void test_vectors(void) {
  pthread_t threads[3];
  long lost = 0;
  bool avx = true;
  for (long i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, vector_thread, (void *)(i + 1));
  for (int i = 0; i < 50; i++) {
    sleep_ms(1);
    if (__builtin_cpu_supports("avx"))
      avx = avx && upper_halves_kept(i + 10);
  }
  vector_stop = 1;
  for (int i = 0; i < 3; i++) {
    void *result;
    pthread_join(threads[i], &result);
    lost += (long)result;
  }
  CHECK_EQ("vector registers survive calls and switches", lost, 0);
  CHECK("and the upper halves, where there are any", avx);
}

/* Code with two entries: the mov, and right at the syscall. */
extern long two_entries(void), at_syscall(long number), late_entry(void), at_late(long number);
__asm__(".text\n.globl two_entries, at_syscall, late_entry, at_late\n"
        "two_entries: mov $39, %eax\n1: syscall\n  ret\n"
        "at_syscall: mov %rdi, %rax\n  jmp 1b\n"
        "late_entry: mov $39, %eax\n2: syscall\n  ret\n"
        "at_late: mov %rdi, %rax\n  jmp 2b\n");

static void test_jump(void) {
  CHECK_EQ("through the mov", two_entries(), getpid());
  CHECK_EQ("a jump to the syscall has its own number", at_syscall(SYS_getuid), getuid());
  CHECK("both, in turn", two_entries() == getpid() && at_syscall(SYS_getpgrp) == getpgrp() &&
                             two_entries() == getpid());
  CHECK_EQ("the jump first", at_late(SYS_getuid), getuid());
  CHECK("then through the mov", late_entry() == getpid() && at_late(SYS_getuid) == getuid());
}

/* mov $number,%eax; syscall; ret */
static void emit(unsigned char *at, int number) {
  const unsigned char code[] = {0xb8, number, number >> 8, 0, 0, 0x0f, 0x05, 0xc3};
  memcpy(at, code, sizeof code);
}

static long run(void *code) { return ((long (*)(void))code)(); }

static void test_generated(void) {
  enum { SIZE = 16384 };
  unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("mmap", p != MAP_FAILED);
  emit(p, SYS_getpid);
  mprotect(p, SIZE, PROT_READ | PROT_EXEC);
  CHECK("code just written", run(p) == getpid() && run(p) == getpid());
  mprotect(p, SIZE, PROT_READ | PROT_WRITE);
  emit(p, SYS_getuid);
  mprotect(p, SIZE, PROT_READ | PROT_EXEC);
  CHECK("written over, it is the new call", run(p) == getuid() && run(p) == getuid());
  mprotect(p, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  emit(p, SYS_getpid);
  CHECK("writable and executable", run(p) == getpid() && run(p) == getpid());
  emit(p, SYS_getuid);
  CHECK("changed in place", run(p) == getuid() && run(p) == getuid());
  /* The bytes of one site on both sides of a page's border. */
  bool right = true;
  for (int offset = -8; offset <= 1; offset++) {
    memset(p, 0xcc, SIZE);
    emit(p + 4096 + offset, SYS_getpid);
    for (int i = 0; i < 3; i++)
      right = right && run(p + 4096 + offset) == getpid();
  }
  CHECK("across the border of two pages", right);
  munmap(p, SIZE);
  unsigned char *q = mmap(p, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  emit(q, SYS_getuid);
  CHECK("another mapping at the same place", q == p && run(q) == getuid() && run(q) == getuid());
  /* Two calls side by side: patching one may not touch the other. */
  memset(q, 0xcc, 64);
  emit(q, SYS_getpid);
  emit(q + 7, SYS_getuid);
  CHECK("sites side by side", run(q + 7) == getuid() && run(q) == getuid() && run(q) == getuid() &&
                                  run(q + 7) == getuid());
  munmap(q, SIZE);
}

enum { SITES = 1000, RACERS = 4 };
static unsigned char *race_code;
static pthread_barrier_t race_start;

static void *racer(void *argument) {
  long wrong = 0, pid = getpid();
  for (int site = 0; site < SITES; site++) {
    if (site % 50 == 0)
      pthread_barrier_wait(&race_start);
    for (int i = 0; i < 5; i++)
      wrong += run(race_code + site * 8) != pid;
  }
  (void)argument;
  return (void *)wrong;
}

/* Threads meet fresh sites together, while the first of them is patching. */
static void test_race(void) {
  pthread_t threads[RACERS];
  long wrong = 0;
  race_code = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < SITES; i++)
    emit(race_code + i * 8, SYS_getpid);
  mprotect(race_code, 8192, PROT_READ | PROT_EXEC);
  pthread_barrier_init(&race_start, NULL, RACERS);
  for (int i = 0; i < RACERS; i++)
    pthread_create(&threads[i], NULL, racer, NULL);
  for (int i = 0; i < RACERS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    wrong += (long)result;
  }
  CHECK_EQ("1,000 fresh sites, four threads", wrong, 0);
  munmap(race_code, 8192);
}

/* A small stack, such as a goroutine's: a call may use none of it. */
static void test_small_stack(void) {
  static unsigned char memory[8192] __attribute__((aligned(4096)));
  long result = 0;
  memset(memory, 0x77, sizeof memory);
  mprotect(memory, 4096, PROT_NONE);
  void *top = memory + 4096 + 256;
  __asm__ volatile("mov %%rsp, %%r12\n\tmov %1, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\t"
                   "mov $96, %%eax\n\tlea -64(%%rsp), %%rdi\n\txor %%esi, %%esi\n\tsyscall\n\t"
                   "mov %%r12, %%rsp"
                   : "=&a"(result)
                   : "r"(top)
                   : "rcx", "r11", "r12", "rdi", "rsi", "memory");
  mprotect(memory, 4096, PROT_READ | PROT_WRITE);
  bool clean = true;
  for (int i = 4096; i < 4096 + 256 - 128; i++)
    clean = clean && memory[i] == 0x77;
  CHECK("a call uses none of the caller's stack", result == 0 && clean);
}

static void test_arguments(void) {
  /* Six arguments, the fourth in r10: a mapping at an offset of a memfd. */
  int fd = memfd_create("six", 0);
  CHECK("a file of three pages", ftruncate(fd, 12288) == 0 && pwrite(fd, "third", 5, 8192) == 5);
  char *p = (char *)syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 8192);
  CHECK("six arguments arrive", p != MAP_FAILED && !memcmp(p, "third", 5));
  munmap(p, 4096);
  close(fd);
  long wrong = 0;
  for (int i = 0; i < 100000; i++)
    wrong += syscall(SYS_getpid) != getpid();
  CHECK_EQ("200,000 calls in a row", wrong, 0);
}

static const struct group groups[] = {
    {"registers", test_registers}, {"red-zone", test_red_zone},       {"vectors", test_vectors},
    {"jump", test_jump},           {"generated", test_generated},     {"race", test_race},
    {"small-stack", test_small_stack}, {"arguments", test_arguments},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
