/*
 * Prints the rate of the host's time stamp counter in kHz.
 *
 * Under software emulation a guest reads the host's counter. Linux measures its rate against the
 * PIT at boot, fails when the host was busy just then, and on QEMU's microvm, which has no other
 * timer to fall back to, hangs. With the rate given (tsc_early_khz) it need not measure.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static uint64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_RAW, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

int main(void) {
  uint64_t startNs = nanoseconds(), startTicks = __rdtsc(), ns;
  while ((ns = nanoseconds() - startNs) < 100000000ull) continue;
  uint64_t ticks = __rdtsc() - startTicks;
  printf("%.0f\n", (double)ticks * 1e6 / (double)ns);
  return 0;
}
