/**
 * What the CPU can do, for AT_HWCAP and /proc/cpuinfo.
 */
import { cpuid } from "../hw";

const out: usize = memory.data(16, 4);

/** CPUID leaf 1, edx: what Linux gives as AT_HWCAP. */
export function cpuidFeatures(): u64 {
  cpuid(1, 0, out);
  return load<u32>(out, 12);
}
