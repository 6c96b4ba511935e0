/*
 * The `hw` imports of the TypeScript kernel: what the language can't say. Each is a few
 * instructions and is inlined; what it means is documented in kernel/arch/hw.ts, which declares
 * them.
 */
#ifndef HW_H_
#define HW_H_

#include "wasm-rt.h"

typedef uint32_t u32;
typedef uint64_t u64;

#define HW static inline __attribute__((always_inline))
#define ADDRESS(type, address) ((volatile type *)(uintptr_t)(address))

/* entry.S and boot.S */
extern const char trap_stubs[], syscall_from_instruction[], kernel_text_start[],
    kernel_text_end[], kernel_rodata_end[], kernel_image_end[], linear_initial_start[],
    linear_initial_end[], user_access_start[], user_access_end[], user_access_fixup[], syscall_slow[],
    syscall_exit_start[], syscall_exit_end[], stub_entry[], stub_exit_start[], stub_exit_end[],
    stub_entry_end[], vdso_start[], vdso_end[];
u64 user_copy(u64 dst, u64 src, u64 n);
void switch_stacks(u64 *save, u64 load);
void enter_frame(u64 frame) __attribute__((noreturn));

/* ---- Memory by 64-bit address ---- */
#define DEFINE_ACCESS(bits, type, result)                                                     \
  HW result w2c_hw_load##bits(u64 a) { return *(const type *)(uintptr_t)a; }                   \
  HW void w2c_hw_store##bits(u64 a, result v) { *(type *)(uintptr_t)a = (type)v; }             \
  HW result w2c_hw_volatileLoad##bits(u64 a) { return *ADDRESS(type, a); }                     \
  HW void w2c_hw_volatileStore##bits(u64 a, result v) { *ADDRESS(type, a) = (type)v; }

DEFINE_ACCESS(8, uint8_t, u32)
DEFINE_ACCESS(16, uint16_t, u32)
DEFINE_ACCESS(32, uint32_t, u32)
DEFINE_ACCESS(64, uint64_t, u64)

HW u64 w2c_hw_addressOf(u32 pointer) { return LINEAR_MEMORY + pointer; }

HW u64 w2c_hw_exchange64(u64 a, u64 v) {
  return __atomic_exchange_n((u64 *)(uintptr_t)a, v, __ATOMIC_SEQ_CST);
}
HW u32 w2c_hw_compareExchange64(u64 a, u64 expected, u64 v) {
  return __atomic_compare_exchange_n((u64 *)(uintptr_t)a, &expected, v, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}
HW u32 w2c_hw_compareExchange32(u64 a, u32 expected, u32 v) {
  return __atomic_compare_exchange_n((u32 *)(uintptr_t)a, &expected, v, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}
HW u64 w2c_hw_multiplyShift(u64 a, u64 b, u32 shift) {
  return (u64)(((unsigned __int128)a * b) >> shift);
}
HW void w2c_hw_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
HW void w2c_hw_compilerBarrier(void) { __asm__ volatile("" ::: "memory"); }

/*
 * Words in a loop and not `rep movs`: under software emulation an iteration of a string instruction
 * costs as much as four plain instructions. The asm keeps clang from turning the loops back into
 * memcpy and memset.
 */
typedef uint64_t __attribute__((aligned(1), may_alias)) word;

static void copy_words(u64 dst, u64 src, u64 n) {
  while (n >= 32) {
    u64 a = ((const word *)src)[0], b = ((const word *)src)[1];
    u64 c = ((const word *)src)[2], d = ((const word *)src)[3];
    ((word *)dst)[0] = a, ((word *)dst)[1] = b, ((word *)dst)[2] = c, ((word *)dst)[3] = d;
    dst += 32, src += 32, n -= 32;
    __asm__ volatile("" ::: "memory");
  }
  while (n >= 8) {
    *(word *)dst = *(const word *)src;
    dst += 8, src += 8, n -= 8;
    __asm__ volatile("" ::: "memory");
  }
  while (n > 0) {
    *(uint8_t *)dst = *(const uint8_t *)src;
    dst++, src++, n--;
    __asm__ volatile("" ::: "memory");
  }
}

static void fill_words(u64 dst, uint8_t byte, u64 n) {
  u64 pattern = byte * 0x0101010101010101ull;
  while (n >= 64) {
    word *w = (word *)dst;
    w[0] = pattern, w[1] = pattern, w[2] = pattern, w[3] = pattern;
    w[4] = pattern, w[5] = pattern, w[6] = pattern, w[7] = pattern;
    dst += 64, n -= 64;
    __asm__ volatile("" ::: "memory");
  }
  while (n > 0) {
    *(uint8_t *)dst = byte;
    dst++, n--;
    __asm__ volatile("" ::: "memory");
  }
}

HW void w2c_hw_copy(u64 dst, u64 src, u64 n) { copy_words(dst, src, n); }
HW void w2c_hw_fill(u64 dst, u32 byte, u64 n) { fill_words(dst, (uint8_t)byte, n); }
HW u64 w2c_hw_userCopy(u64 dst, u64 src, u64 n) { return user_copy(dst, src, n); }

/* ---- Ports ---- */
#define DEFINE_PORT(bits, suffix, type)                                                       \
  HW u32 w2c_hw_in##bits(u32 port) {                                                           \
    type v;                                                                                    \
    __asm__ volatile("in" suffix " %w1, %0" : "=a"(v) : "Nd"((uint16_t)port));                 \
    return v;                                                                                  \
  }                                                                                            \
  HW void w2c_hw_out##bits(u32 port, u32 v) {                                                  \
    __asm__ volatile("out" suffix " %0, %w1" ::"a"((type)v), "Nd"((uint16_t)port));            \
  }

DEFINE_PORT(8, "b", uint8_t)
DEFINE_PORT(16, "w", uint16_t)
DEFINE_PORT(32, "l", uint32_t)

/* ---- The processor ---- */
HW u64 w2c_hw_readTsc(void) { return __builtin_ia32_rdtsc(); }
HW u64 w2c_hw_readMsr(u32 msr) {
  u32 low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (u64)high << 32 | low;
}
HW void w2c_hw_writeMsr(u32 msr, u64 v) {
  __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
HW u64 w2c_hw_rdrand(void) {
  u64 v;
  unsigned char ok;
  __asm__ volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(ok) : : "cc");
  return ok ? v : 0;
}
HW void w2c_hw_cpuid(u32 leaf, u32 subleaf, u32 out) {
  u32 *r = (u32 *)(LINEAR_MEMORY + out);
  __asm__ volatile("cpuid"
                   : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                   : "a"(leaf), "c"(subleaf));
}

#define DEFINE_CONTROL(n)                                                                     \
  HW u64 w2c_hw_readCr##n(void) {                                                              \
    u64 v;                                                                                     \
    __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                          \
    return v;                                                                                  \
  }                                                                                            \
  HW void w2c_hw_writeCr##n(u64 v) { __asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory"); }

DEFINE_CONTROL(0)
DEFINE_CONTROL(2)
DEFINE_CONTROL(3)
DEFINE_CONTROL(4)

HW void w2c_hw_invalidatePage(u64 a) { __asm__ volatile("invlpg (%0)" ::"r"(a) : "memory"); }
HW void w2c_hw_writeXcr0(u64 v) {
  __asm__ volatile("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}
HW void w2c_hw_xsave(u64 area) {
  __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}
HW void w2c_hw_xsaveopt(u64 area) {
  __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}
HW void w2c_hw_xrstor(u64 area) {
  __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}
HW void w2c_hw_fxsave(u64 area) { __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory"); }
HW void w2c_hw_fxrstor(u64 area) { __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory"); }
HW void w2c_hw_writeFsBase(u64 v) { __asm__ volatile("wrfsbase %0" ::"r"(v)); }
HW void w2c_hw_loadGdt(u64 d) { __asm__ volatile("lgdt (%0)" ::"r"(d) : "memory"); }
HW void w2c_hw_loadIdt(u64 d) { __asm__ volatile("lidt (%0)" ::"r"(d) : "memory"); }
HW void w2c_hw_loadTaskRegister(u32 s) { __asm__ volatile("ltr %w0" ::"r"(s)); }

/* ---- Interrupts ---- */
HW void w2c_hw_enableInterrupts(void) { __asm__ volatile("sti" ::: "memory"); }
HW void w2c_hw_disableInterrupts(void) { __asm__ volatile("cli" ::: "memory"); }
HW void w2c_hw_waitForInterrupt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
HW void w2c_hw_halt(void) { __asm__ volatile("cli; hlt" ::: "memory"); }
HW void w2c_hw_pause(void) { __asm__ volatile("pause"); }

/* ---- This CPU: %gs:0 holds the linear address of its Cpu object (kernel/sched/cpu.ts) ---- */
HW u32 w2c_hw_cpu(void) {
  u32 p;
  __asm__ volatile("movl %%gs:0, %0" : "=r"(p));
  return p;
}
HW u32 w2c_hw_currentThread(void) {
  u32 p;
  __asm__ volatile("movl %%gs:16, %0" : "=r"(p));
  return p;
}

/* ---- Threads ---- */
HW void w2c_hw_switchStacks(u32 save, u64 load) {
  switch_stacks((u64 *)(LINEAR_MEMORY + save), load);
}
HW void w2c_hw_enterFrame(u32 frame) { enter_frame(LINEAR_MEMORY + frame); }
HW u64 w2c_hw_framePointer(void) { return (u64)__builtin_frame_address(0); }

/* ---- Where the image's parts lie ---- */
#define DEFINE_SYMBOL(name, symbol) \
  HW u64 w2c_hw_##name(void) { return (u64)symbol; }

DEFINE_SYMBOL(trapStubs, trap_stubs)
DEFINE_SYMBOL(syscallFromInstruction, syscall_from_instruction)
DEFINE_SYMBOL(stubEntry, stub_entry)
DEFINE_SYMBOL(stubExitStart, stub_exit_start)
DEFINE_SYMBOL(stubExitEnd, stub_exit_end)
DEFINE_SYMBOL(stubEntryEnd, stub_entry_end)
DEFINE_SYMBOL(kernelTextStart, kernel_text_start)
DEFINE_SYMBOL(kernelTextEnd, kernel_text_end)
DEFINE_SYMBOL(kernelRodataEnd, kernel_rodata_end)
DEFINE_SYMBOL(kernelImageEnd, kernel_image_end)
DEFINE_SYMBOL(linearInitialStart, linear_initial_start)
DEFINE_SYMBOL(linearInitialEnd, linear_initial_end)
DEFINE_SYMBOL(userAccessStart, user_access_start)
DEFINE_SYMBOL(userAccessEnd, user_access_end)
DEFINE_SYMBOL(userAccessFixup, user_access_fixup)
DEFINE_SYMBOL(syscallSlow, syscall_slow)
DEFINE_SYMBOL(syscallExitStart, syscall_exit_start)
DEFINE_SYMBOL(syscallExitEnd, syscall_exit_end)
DEFINE_SYMBOL(vdsoStart, vdso_start)
DEFINE_SYMBOL(vdsoEnd, vdso_end)
/* The system call tables, filled through kernel-unit.c: it sees the function table. */
#define SYSCALL_COUNT 464
extern const char syscall_with_frame[];
void set_syscall_handler(u32 number, u32 function, u32 needs_frame);
HW void w2c_hw_setSyscallHandler(u32 number, u32 function, u32 needs_frame) {
  set_syscall_handler(number, function, needs_frame);
}
void thread_entry(void);
DEFINE_SYMBOL(threadEntry, thread_entry)

/*
 * Linear memory grows by mapping pages into its window: that is TypeScript again
 * (mem/kernel-window.ts).
 */
u32 w2c_kernel_growLinearMemory(u32 bytes);
HW u32 w2c_hw_growLinear(u32 bytes) { return w2c_kernel_growLinearMemory(bytes); }

/* AssemblyScript's abort(message, file, line, column): a failed assertion. */
void w2c_kernel_abortEntry(u32 message, u32 file, u32 line);
HW void w2c_env_abort(u32 message, u32 file, u32 line, u32 column) {
  w2c_kernel_abortEntry(message, file, line);
}

#endif
