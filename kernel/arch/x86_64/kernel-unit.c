/*
 * The one C translation unit of the kernel: the intrinsics, then the generated code, so that an
 * intrinsic called from TypeScript is inlined to its instruction; then the two doors from assembly
 * into TypeScript.
 */
#include "wasm-rt.h"
#include "hw.h"

#include "kernel.c"

/*
 * clang calls these by name for larger copies. Volatile-free, simple, and good on what they are
 * used for: small structures; pages and user memory go through hw_copy and hw_fill.
 */
void *memcpy(void *restrict dst, const void *restrict src, size_t n) {
  copy_words((uint64_t)dst, (uint64_t)src, n);
  return dst;
}

void *memmove(void *dst, const void *src, size_t n) {
  uint8_t *d = dst;
  const uint8_t *s = src;
  if (d <= s || d >= s + n) {
    copy_words((uint64_t)dst, (uint64_t)src, n);
    return dst;
  }
  while (n >= 8) {
    uint64_t word;
    n -= 8;
    word = *(volatile const uint64_t *)(s + n);
    *(volatile uint64_t *)(d + n) = word;
  }
  while (n > 0) {
    n--;
    *(volatile uint8_t *)(d + n) = s[n];
  }
  return dst;
}

void *memset(void *dst, int byte, size_t n) {
  fill_words((uint64_t)dst, (uint8_t)byte, n);
  return dst;
}

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = a;
  const uint8_t *y = b;
  for (size_t i = 0; i < n; i++) {
    if (x[i] != y[i]) return x[i] - y[i];
  }
  return 0;
}

/* From boot.S, on the boot stack: fills linear memory, then runs kernel/main.ts. */
void kernel_entry(uint64_t start_info) {
  kernel_instance.w2c_memory.pages = (uint64_t)(linear_initial_end - linear_initial_start) >> 16;
  wasm2c_kernel_instantiate();
  w2c_kernel_initializeGlobals();
  w2c_kernel_kernelMain(start_info);
  __builtin_trap();
}

/* From entry.S. A frame lies on a kernel stack, and those lie in linear memory. */
void trap_entry(uint64_t frame) { w2c_kernel_trapEntry((uint32_t)(frame - LINEAR_MEMORY)); }

void syscall_instruction(uint64_t frame) {
  w2c_kernel_syscallInstruction((uint32_t)(frame - LINEAR_MEMORY));
}

/*
 * What entry.S calls through; a handler that needs the whole frame is behind syscall_with_frame.
 * The first table is in the boot CPU's page (sched/cpu.ts): what every call touches shares a page,
 * and so an entry of the TLB.
 */
#define syscall_handlers ((uint64_t *)(LINEAR_MEMORY + 0x8000))
uint64_t syscall_frame_handlers[SYSCALL_COUNT];

void set_syscall_handler(u32 number, u32 function, u32 needs_frame) {
  uint64_t handler = (uint64_t)kernel_table[function];
  syscall_frame_handlers[number] = handler;
  syscall_handlers[number] = needs_frame ? (uint64_t)syscall_with_frame : handler;
}

void syscall_work(uint64_t frame) { w2c_kernel_syscallWork((uint32_t)(frame - LINEAR_MEMORY)); }

/* From entry.S: the first code of a new kernel thread. */
void thread_entry(void) { w2c_kernel_threadEntry(); }
