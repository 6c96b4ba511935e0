/**
 * What time it is when the machine starts, from what knows: the clock chip, in whole seconds; the
 * hypervisor's clock; and whoever launched the machine (docs/boot-protocol.md, `time=`), to the
 * nanosecond but somewhat earlier, and perhaps long ago, if the machine was paused or restored.
 *
 *     wallClockNs(chipSeconds, launcherNs, hypervisorNs)      nanoseconds since 1970; 0: nobody knows
 *
 * The launcher's time is believed where it falls into the second that the chip shows: then it only
 * adds the part that the chip has not. Otherwise one of the two is wrong, and the chip is right.
 */
import { NS_PER_SECOND } from "./clock";

/** Each argument is 0 where there is no such source. `launcherNs` counts on since it was told. */
export function wallClockNs(chipSeconds: u64, launcherNs: u64, hypervisorNs: u64): u64 {
  if (chipSeconds == 0) return hypervisorNs != 0 ? hypervisorNs : launcherNs;
  return launcherNs / NS_PER_SECOND == chipSeconds ? launcherNs : chipSeconds * NS_PER_SECOND;
}
