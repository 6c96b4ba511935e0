/*
 * The vDSO: what the C library calls for the time, linked as a shared object of its own
 * (toolchain/link.ts) and mapped into the program. It runs in the application, on its stack. The
 * clock's scale lies at a fixed place in the kernel's linear memory (time/clock.ts), which ring 0
 * code reads directly. Clocks that count CPU time go through the system call.
 */
typedef unsigned int u32;
typedef unsigned long u64;

struct timespec {
  long seconds, nanoseconds;
};
struct timeval {
  long seconds, microseconds;
};

/* class ClockPage in time/clock.ts */
struct clock_page {
  u32 sequence, padding;
  u64 base_tsc, base_ns, scale, realtime_offset;
};
#define CLOCK ((const volatile struct clock_page *)0xffffffff80008f80ul)
#define SCALE_SHIFT 32

#define NS_PER_SECOND 1000000000ul
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
/* One bit per clock above. */
#define MONOTONIC_CLOCKS (1u << 1 | 1u << 4 | 1u << 6 | 1u << 7)
#define REALTIME_CLOCKS (1u << 0 | 1u << 5)
#define SYS_GETTIMEOFDAY 96
#define SYS_TIME 201
#define SYS_CLOCK_GETTIME 228
#define SYS_CLOCK_GETRES 229
#define SYS_GETCPU 309

/*
 * Whether an address is the kernel's, where ring 0 code could write: the system call says what is
 * wrong with it. Other bad ones fault here.
 */
#define IS_KERNEL(pointer) __builtin_expect((long)(pointer) < 0, 0)

static inline u64 now(u64 offset_mask) {
  u32 sequence;
  u64 ns;
  do {
    sequence = CLOCK->sequence;
    u64 ticks = __builtin_ia32_rdtsc() - CLOCK->base_tsc;
    ns = CLOCK->base_ns + (u64)(((unsigned __int128)ticks * CLOCK->scale) >> SCALE_SHIFT) +
         (CLOCK->realtime_offset & offset_mask);
  } while (__builtin_expect((sequence & 1) || sequence != CLOCK->sequence, 0));
  return ns;
}

/* For what only the kernel knows. */
static long call(long number, u64 first, const void *second) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second)
                   : "rcx", "r11", "memory");
  return result;
}

int __vdso_clock_gettime(int clock, struct timespec *out) {
  u32 bit = (u32)clock < 32 ? 1u << clock : 0;
  u64 mask;
  if (IS_KERNEL(out)) {
    return call(SYS_CLOCK_GETTIME, clock, out);
  } else if (bit & MONOTONIC_CLOCKS) {
    mask = 0;
  } else if (bit & REALTIME_CLOCKS) {
    mask = ~0ul;
  } else {
    return call(SYS_CLOCK_GETTIME, clock, out);
  }
  u64 ns = now(mask);
  out->seconds = ns / NS_PER_SECOND;
  out->nanoseconds = ns % NS_PER_SECOND;
  return 0;
}

int __vdso_clock_getres(int clock, struct timespec *out) {
  u32 bit = (u32)clock < 32 ? 1u << clock : 0;
  if (!(bit & (MONOTONIC_CLOCKS | REALTIME_CLOCKS)) || IS_KERNEL(out))
    return call(SYS_CLOCK_GETRES, clock, out);
  if (out) {
    out->seconds = 0;
    out->nanoseconds = 1;
  }
  return 0;
}

int __vdso_gettimeofday(struct timeval *out, void *zone) {
  if (IS_KERNEL(out)) return call(SYS_GETTIMEOFDAY, (u64)out, zone);
  if (out) {
    u64 ns = now(~0ul);
    out->seconds = ns / NS_PER_SECOND;
    out->microseconds = ns % NS_PER_SECOND / 1000;
  }
  return 0;
}

long __vdso_time(long *out) {
  if (IS_KERNEL(out)) return call(SYS_TIME, (u64)out, 0);
  long seconds = now(~0ul) / NS_PER_SECOND;
  if (out) *out = seconds;
  return seconds;
}

int __vdso_getcpu(u32 *cpu, u32 *node, void *unused) {
  u32 index;
  if (IS_KERNEL(cpu) || IS_KERNEL(node)) return call(SYS_GETCPU, (u64)cpu, node);
  /* The Cpu object's index (sched/cpu.ts). */
  __asm__("movl %%gs:4, %0" : "=r"(index));
  if (cpu) *cpu = index;
  if (node) *node = 0;
  return 0;
}
