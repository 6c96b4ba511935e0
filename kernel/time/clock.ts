/**
 * What time it is: the time-stamp counter, scaled to nanoseconds.
 *
 *     clockStart(tsc)                  boot: the counter's value that is time 0
 *     clockSetFrequency(hz)            how fast it counts, once that is known (arch/x86_64/calibrate.ts)
 *     clockSetRealtime(unixNs)         the wall clock at this moment (dev/rtc.ts, pvclock)
 *     monotonicNs(), realtimeNs()
 *
 * The scale lies at a fixed place of linear memory, because the vDSO
 * (arch/x86_64/vdso.c) reads it too. A change of the frequency keeps monotonic time continuous: the
 * base moves along. The vDSO reads `sequence` before and after; it is odd while the fields change.
 */
import * as hw from "../arch/hw";

export const NS_PER_SECOND: u64 = 1_000_000_000;
/** In the boot CPU's page (sched/cpu.ts). */
const CLOCK: usize = 0x8f80;
/** ns = ticks * scale >> SCALE_SHIFT */
export const SCALE_SHIFT: u32 = 32;

@unmanaged
class ClockPage {
  sequence: u32;
  padding: u32;
  baseTsc: u64;
  baseNs: u64;
  scale: u64;
  /** realtime = monotonic + this. */
  realtimeOffset: u64;
}

function page(): ClockPage {
  return changetype<ClockPage>(CLOCK);
}

export function clockStart(tsc: u64): void {
  const clock = page();
  clock.sequence = 0;
  clock.baseTsc = tsc;
  clock.baseNs = 0;
  // 1 GHz until the frequency is known.
  clock.scale = (<u64>1) << SCALE_SHIFT;
  clock.realtimeOffset = 0;
}

export function clockSetFrequency(hz: u64): void {
  const clock = page();
  const tsc = hw.readTsc();
  const now = clock.baseNs + hw.multiplyShift(tsc - clock.baseTsc, clock.scale, SCALE_SHIFT);
  clock.sequence++;
  hw.compilerBarrier();
  clock.baseTsc = tsc;
  clock.baseNs = now;
  clock.scale = (NS_PER_SECOND << SCALE_SHIFT) / hz;
  hw.compilerBarrier();
  clock.sequence++;
}

export function clockSetRealtime(unixNs: u64): void {
  const clock = page();
  clock.sequence++;
  hw.compilerBarrier();
  clock.realtimeOffset = unixNs - monotonicNs();
  hw.compilerBarrier();
  clock.sequence++;
}

/** Nanoseconds since the kernel's start. */
export function monotonicNs(): u64 {
  const clock = page();
  return clock.baseNs + hw.multiplyShift(hw.readTsc() - clock.baseTsc, clock.scale, SCALE_SHIFT);
}

/** What realtime is ahead of monotonic time, in ns. */
export function realtimeOffset(): u64 {
  return page().realtimeOffset;
}

/** Nanoseconds since 1970. */
export function realtimeNs(): u64 {
  return monotonicNs() + page().realtimeOffset;
}
