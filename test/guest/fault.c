/*
 * Faults: which signal a bad instruction gives and what its handler is told, going on after it by
 * siglongjmp, by changing the saved registers or by repairing the cause, stack overflow caught on
 * an alternate stack, and that a handler leaves no trace in the registers of what it interrupted.
 */
#include "fault.h"
#include <cpuid.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define PAGE 4096ul

static void do_divide(void *argument) {
  volatile int zero = 0, one = 1; /* or compilers find a way without dividing */
  *(volatile int *)argument = one / zero;
}

static void do_divide_overflow(void *argument) {
  volatile int minus_one = -1, smallest = -2147483647 - 1;
  *(volatile int *)argument = smallest / minus_one;
}

static void do_illegal(void *argument) {
  (void)argument;
  __asm__ volatile("ud2");
}

static void do_breakpoint(void *argument) {
  (void)argument;
  __asm__ volatile("int3");
}

static void do_x87_divide(void *argument) {
  short control = 0x037f & ~4; /* unmask division by zero */
  (void)argument;
  __asm__ volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
}

static void do_float_divide(void *argument) {
  volatile double one = 1, zero = 0;
  __builtin_ia32_ldmxcsr(0x1f80 & ~(1 << 9)); /* unmask division by zero */
  *(volatile double *)argument = one / zero;
}

/* QEMU's software emulation never raises SSE exceptions, whatever the guest. */
static bool has_sse_exceptions(void) {
  unsigned eax, ebx, ecx, edx;
  __cpuid(0x40000000, eax, ebx, ecx, edx);
  return !(ebx == 0x54474354 && ecx == 0x43544743 && edx == 0x47435447); /* TCGTCGTCGTCG */
}

static void test_kinds(void) {
  siginfo_t info;
  double result[2];
  char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_EQ("a null read is SIGSEGV", fault_of(fault_read, (void *)8, &info), SIGSEGV);
  CHECK("with address and SEGV_MAPERR", info.si_addr == (void *)8 && info.si_code == SEGV_MAPERR);
  CHECK_EQ("a null call is SIGSEGV", fault_of(fault_call, NULL, &info), SIGSEGV);
  CHECK("with address 0", info.si_addr == NULL && info.si_code == SEGV_MAPERR);
  CHECK_EQ("PROT_NONE is SIGSEGV", fault_of(fault_write, none + 9, &info), SIGSEGV);
  CHECK("with SEGV_ACCERR", info.si_addr == none + 9 && info.si_code == SEGV_ACCERR);
  CHECK_EQ("a write to code is SIGSEGV", fault_of(fault_write, (void *)test_kinds, &info), SIGSEGV);
  CHECK("with SEGV_ACCERR, too", info.si_code == SEGV_ACCERR);
  CHECK_EQ("a non-canonical address is SIGSEGV",
           fault_of(fault_read, (void *)0x1234567800000000, &info), SIGSEGV);
  CHECK("with SI_KERNEL and no address", info.si_code == SI_KERNEL && info.si_addr == NULL);
  CHECK_EQ("a kernel address is SIGSEGV",
           fault_of(fault_read, (void *)0xffffffff80000000, &info), SIGSEGV);
  /* On Virga the program runs in ring 0, and this would write to its own machine's memory. */
  if (!on_virga)
    CHECK_EQ("so is writing there", fault_of(fault_write, (void *)0xffff800000001000, NULL),
             SIGSEGV);
  CHECK_EQ("so is the last byte", fault_of(fault_read, (void *)-1, NULL), SIGSEGV);
  CHECK_EQ("division by zero is SIGFPE", fault_of(do_divide, result, &info), SIGFPE);
  CHECK("with FPE_INTDIV and the instruction", info.si_code == FPE_INTDIV && info.si_addr != NULL);
  CHECK_EQ("an overflowing division is SIGFPE", fault_of(do_divide_overflow, result, NULL), SIGFPE);
  CHECK_EQ("ud2 is SIGILL", fault_of(do_illegal, NULL, &info), SIGILL);
  CHECK("with ILL_ILLOPN", info.si_code == ILL_ILLOPN && info.si_addr != NULL);
  CHECK_EQ("int3 is SIGTRAP", fault_of(do_breakpoint, NULL, &info), SIGTRAP);
  CHECK_EQ("with SI_KERNEL", info.si_code, SI_KERNEL);
  CHECK_EQ("an unmasked x87 exception is SIGFPE", fault_of(do_x87_divide, NULL, &info), SIGFPE);
  CHECK_EQ("with FPE_FLTDIV, too", info.si_code, FPE_FLTDIV);
  __asm__ volatile("fninit");
  if (has_sse_exceptions()) {
    CHECK_EQ("an unmasked SSE exception is SIGFPE", fault_of(do_float_divide, result, &info),
             SIGFPE);
    CHECK_EQ("with FPE_FLTDIV", info.si_code, FPE_FLTDIV);
  }
  __builtin_ia32_ldmxcsr(0x1f80);
}

/* Saved registers as a JIT reads and writes them: skip a faulting load, give its result. */
extern char skip_load[], skip_after[];
extern long skip_function(long address);
__asm__(".text\n.globl skip_function, skip_load, skip_after\n"
        "skip_function:\n  mov $1, %eax\n"
        "skip_load:\n  mov (%rdi), %rax\n"
        "skip_after:\n  ret\n");

static volatile long context_seen;

static void context_handler(int signal, siginfo_t *info, void *argument) {
  greg_t *regs = ((ucontext_t *)argument)->uc_mcontext.gregs;
  (void)signal;
  context_seen = regs[REG_RIP] == (long)skip_load && regs[REG_RAX] == 1 &&
                 regs[REG_RDI] == (long)info->si_addr && regs[REG_CR2] == (long)info->si_addr &&
                 regs[REG_TRAPNO] == 14 && !(regs[REG_ERR] & 2);
  regs[REG_RIP] = (long)skip_after;
  regs[REG_RAX] = 4711;
}

static void on_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(signal, &action, NULL);
}

static void test_context(void) {
  on_signal(SIGSEGV, context_handler, 0);
  CHECK_EQ("a handler can skip an instruction and set a register", skip_function(64), 4711);
  CHECK("the context had rip, rax, rdi, cr2, trap number and error code", context_seen);
  signal(SIGSEGV, SIG_DFL);
}

/* The write barrier of a garbage collector: repair the page and return to the same instruction. */
static char *barrier;
static volatile int barrier_hits;

static void barrier_handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  barrier_hits++;
  mprotect((void *)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
}

static void test_repair(void) {
  enum { PAGES = 500 };
  barrier = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  on_signal(SIGSEGV, barrier_handler, 0);
  bool right = true;
  for (int i = 0; i < PAGES; i++)
    barrier[i * PAGE + i] = i % 100 + 1;
  for (int i = 0; i < PAGES; i++)
    right = right && barrier[i * PAGE + i] == i % 100 + 1;
  CHECK_EQ("each page faulted once", barrier_hits, PAGES);
  CHECK("each write was made", right);
  signal(SIGSEGV, SIG_DFL);
  munmap(barrier, PAGES * PAGE);
}

static volatile int nested_hits;

static void nested_handler(int signal, siginfo_t *info, void *context) {
  greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
  (void)info, (void)signal;
  if (++nested_hits < 4)
    skip_function(100);
  regs[REG_RIP] = (long)skip_after;
}

static void test_nested(void) {
  on_signal(SIGSEGV, nested_handler, SA_NODEFER);
  skip_function(100);
  CHECK_EQ("a handler may fault itself", nested_hits, 4);
  signal(SIGSEGV, SIG_DFL);
  int caught = 0;
  for (int i = 0; i < 2000; i++)
    caught += fault_of(fault_read, (void *)16, NULL) == SIGSEGV;
  CHECK_EQ("2,000 faults in a row", caught, 2000);
}

__attribute__((noinline)) static int overflow(int depth) {
  volatile char frame[1024];
  frame[0] = (char)depth;
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static __thread sigjmp_buf overflow_return;
static volatile uintptr_t overflow_address;

static void overflow_handler(int signal, siginfo_t *info, void *context) {
  (void)context;
  overflow_address = (uintptr_t)info->si_addr;
  siglongjmp(overflow_return, signal);
}

/* Overflows the calling thread's stack; true when that was caught on an alternate stack. */
static bool catch_overflow(void) {
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}, none = {.ss_flags = SS_DISABLE};
  char here;
  sigaltstack(&stack, NULL);
  int signal = sigsetjmp(overflow_return, 1);
  if (signal == 0)
    overflow(0);
  sigaltstack(&none, NULL);
  free(stack.ss_sp);
  return signal == SIGSEGV && overflow_address < (uintptr_t)&here;
}

static void *overflow_thread(void *argument) {
  (void)argument;
  return (void *)(long)(catch_overflow() && catch_overflow());
}

static void test_overflow(void) {
  pthread_t thread;
  void *result;
  on_signal(SIGSEGV, overflow_handler, SA_ONSTACK);
  CHECK("overflow of the main stack is caught", catch_overflow());
  CHECK("and again", catch_overflow());
  pthread_create(&thread, NULL, overflow_thread, NULL);
  pthread_join(thread, &result);
  CHECK("overflow of a thread's stack is caught, twice", result != NULL);
  signal(SIGSEGV, SIG_DFL);
}

/*
 * While a timer's signal interrupts it again and again, with a handler that changes every vector
 * register, a loop holds known values in all registers. It returns 0 when none ever changed.
 */
extern long hold_registers(const long *loops, const void *vectors);
__asm__(".text\n.globl hold_registers\nhold_registers:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov (%rdi), %rcx\n"
        "  movups (%rsi), %xmm0\n  movups 16(%rsi), %xmm1\n  movups 32(%rsi), %xmm7\n"
        "  movups 48(%rsi), %xmm8\n  movups 64(%rsi), %xmm15\n"
        "  fldpi\n"
        "  mov $0x1001, %eax\n  mov $0x1002, %ebx\n  mov $0x1003, %edx\n  mov $0x1004, %ebp\n"
        "  mov $0x1005, %r8d\n  mov $0x1006, %r9d\n  mov $0x1007, %r10d\n  mov $0x1008, %r11d\n"
        "  mov $0x1009, %r12d\n  mov $0x100a, %r13d\n  mov $0x100b, %r14d\n  mov $0x100c, %r15d\n"
        "  movq %rcx, -8(%rsp)\n  movq %rsi, -128(%rsp)\n"
        "1: cmp $0x1001, %rax\n  jne 9f\n  cmp $0x1002, %rbx\n  jne 9f\n"
        "  cmp $0x1003, %rdx\n  jne 9f\n  cmp $0x1004, %rbp\n  jne 9f\n"
        "  cmp $0x1005, %r8\n  jne 9f\n  cmp $0x1006, %r9\n  jne 9f\n"
        "  cmp $0x1007, %r10\n  jne 9f\n  cmp $0x1008, %r11\n  jne 9f\n"
        "  cmp $0x1009, %r12\n  jne 9f\n  cmp $0x100a, %r13\n  jne 9f\n"
        "  cmp $0x100b, %r14\n  jne 9f\n  cmp $0x100c, %r15\n  jne 9f\n"
        "  cmp %rsi, -128(%rsp)\n  jne 9f\n"
        "  movups (%rsi), %xmm2\n  pcmpeqb %xmm0, %xmm2\n  pmovmskb %xmm2, %edi\n"
        "  cmp $0xffff, %edi\n  jne 9f\n"
        "  movups 64(%rsi), %xmm2\n  pcmpeqb %xmm15, %xmm2\n  pmovmskb %xmm2, %edi\n"
        "  cmp $0xffff, %edi\n  jne 9f\n"
        "  decq -8(%rsp)\n  jnz 1b\n"
        "  movups (%rsi), %xmm2\n  movups 16(%rsi), %xmm3\n  movups 32(%rsi), %xmm4\n"
        "  movups 48(%rsi), %xmm5\n"
        "  pcmpeqb %xmm0, %xmm2\n  pcmpeqb %xmm1, %xmm3\n  pcmpeqb %xmm7, %xmm4\n"
        "  pcmpeqb %xmm8, %xmm5\n  pand %xmm3, %xmm2\n  pand %xmm4, %xmm2\n  pand %xmm5, %xmm2\n"
        "  pmovmskb %xmm2, %edi\n  cmp $0xffff, %edi\n  jne 9f\n"
        "  fldpi\n  fcomip %st(1), %st\n  jne 9f\n"
        "  xor %eax, %eax\n  jmp 8f\n9: mov $1, %eax\n8: fstp %st(0)\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n");

static volatile int timer_hits;

static void clobber_handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info, (void)context;
  timer_hits++;
  __asm__ volatile("pcmpeqb %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm1\n\tmovaps %%xmm0, %%xmm7\n\t"
                   "movaps %%xmm0, %%xmm8\n\tmovaps %%xmm0, %%xmm15\n\tfninit\n\tfldz\n\t"
                   "mov $0, %%r8\n\tmov $0, %%r9\n\tmov $0, %%r10\n\tmov $0, %%r11"
                   :
                   :
                   : "xmm0", "xmm1", "xmm7", "xmm8", "xmm15", "r8", "r9", "r10", "r11", "memory");
  __builtin_ia32_ldmxcsr(0x1f80 | 0x8000);
}

static void test_registers(void) {
  unsigned char vectors[80];
  unsigned short control = 0x27f, control_after = 0; /* x87: double precision */
  for (unsigned i = 0; i < sizeof vectors; i++)
    vectors[i] = i * 7 + 1;
  on_signal(SIGALRM, clobber_handler, 0);
  __builtin_ia32_ldmxcsr(0x1f80 | 0x2000); /* round down */
  __asm__ volatile("fldcw %0" ::"m"(control));
  struct itimerval timer = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
  const long loops = 20000;
  long changed = 0;
  int64_t start = now_ns();
  while (!changed && timer_hits < 40 && now_ns() - start < 5000000000ll)
    changed = hold_registers(&loops, vectors);
  setitimer(ITIMER_REAL, &off, NULL);
  unsigned mxcsr = __builtin_ia32_stmxcsr();
  __asm__ volatile("fnstcw %0" : "=m"(control_after));
  control = 0x37f;
  __asm__ volatile("fldcw %0" ::"m"(control));
  __builtin_ia32_ldmxcsr(0x1f80);
  CHECK("the timer's signals came", timer_hits >= 40);
  CHECK_EQ("no register and no byte of the red zone has changed", changed, 0);
  CHECK_EQ("MXCSR has not changed", mxcsr & 0xffc0, 0x1f80 | 0x2000);
  CHECK_EQ("the x87 control word has not changed", control_after, 0x27f);
  signal(SIGALRM, SIG_DFL);
}

/* The stack a handler gets is aligned as a called function's, or vector code in it crashes. */
static volatile uintptr_t handler_frame;
static volatile int context_has_fpu;

static void align_handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  handler_frame = (uintptr_t)__builtin_frame_address(0);
  context_has_fpu = ((ucontext_t *)context)->uc_mcontext.fpregs != NULL;
}

static void test_frame(void) {
  on_signal(SIGUSR1, align_handler, 0);
  bool aligned = true;
  for (int i = 0; i < 64; i += 8) {
    volatile char *pad = __builtin_alloca(i + 1);
    pad[0] = 1;
    raise(SIGUSR1);
    aligned = aligned && handler_frame % 16 == 0;
  }
  CHECK("a handler's stack is aligned", aligned);
  CHECK("the context has the FPU's state", context_has_fpu);
  signal(SIGUSR1, SIG_DFL);
}

static const struct group groups[] = {
    {"kinds", test_kinds},       {"context", test_context},     {"repair", test_repair},
    {"nested", test_nested},     {"overflow", test_overflow},   {"registers", test_registers},
    {"frame", test_frame},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
