/*
 * What wasm2c's output expects of its runtime, cut down to one static instance on bare metal:
 * types, traps, memcpy and friends. The linear memory needs no descriptor, it lies at a constant
 * address (see toolchain/wasm-to-c.ts for the other half).
 */
#ifndef WASM_RT_H_
#define WASM_RT_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The address of wasm pointer 0: the bottom of the top 2 GiB, so that a field is one disp32 away.
 */
#define LINEAR_MEMORY 0xffffffff80000000ull

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define wasm_rt_memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define WASM_RT_C11_AVAILABLE 1
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_STACK_DEPTH_COUNT 0
#define WASM_RT_SANITY_CHECKS 0
#define WASM_RT_THREAD_LOCAL
#define WABT_BIG_ENDIAN 0

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

typedef enum {
  WASM_RT_TRAP_NONE,
  WASM_RT_TRAP_OOB,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_UNREACHABLE,
  WASM_RT_TRAP_CALL_INDIRECT,
  WASM_RT_TRAP_EXHAUSTION,
  WASM_RT_TRAP_UNALIGNED,
} wasm_rt_trap_t;

/*
 * A wasm trap is a bug of the kernel: the undefined instruction ends in the panic report, with a
 * backtrace.
 */
#define wasm_rt_trap(code) __builtin_trap()

/* Size in wasm pages of 64 KiB, when the kernel starts. */
typedef struct { uint64_t pages; } wasm_rt_memory_t;
typedef wasm_rt_memory_t wasm_rt_shared_memory_t;
typedef struct { uint32_t size; } wasm_rt_funcref_table_t;
typedef const char *wasm_rt_func_type_t;

/*
 * The function table's index is checked in debug builds; what it holds was type-checked by the
 * compiler.
 */
#ifdef VIRGA_DEBUG
#define TABLE_INDEX(index, count) \
  ((index) != 0 && (index) < (count) ? (index) : (__builtin_trap(), 0))
#else
#define TABLE_INDEX(index, count) (index)
#endif

#endif
