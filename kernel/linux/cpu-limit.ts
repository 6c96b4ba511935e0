/**
 * RLIMIT_CPU: SIGXCPU when the process has run for so many seconds, again each second after that,
 * and SIGKILL at the hard limit (getrlimit(2)).
 *
 *     cpuLimitChanged(soft, hard)       seconds, as limits.ts has them
 */
import { Timer } from "../time/timer";
import { CLOCK_PROCESS_CPUTIME_ID, clockDeadline, processCpuNs } from "./clocks";
import { sendSignalToProcess } from "./signal";
import { SI_KERNEL, SIGKILL, SIGXCPU, SignalInfo } from "./signal-numbers";

const NS_PER_SECOND: u64 = 1_000_000_000;
/** More seconds than this are no limit, and would not fit in ns. */
const SECONDS_MAX: u64 = 9_000_000_000;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

class CpuLimitTimer extends Timer {
  soft: u64 = 0;
  hard: u64 = 0;

  /** Looks again when the first of the limits may have been reached. */
  wait(): void {
    this.cancel();
    const first = min(this.soft, this.hard);
    if (first <= SECONDS_MAX) {
      this.arm(clockDeadline(CLOCK_PROCESS_CPUTIME_ID, first * NS_PER_SECOND));
    }
  }

  fire(): void {
    const used = processCpuNs() / NS_PER_SECOND;
    if (used >= this.hard) {
      info.set(SIGKILL, SI_KERNEL, 0);
      sendSignalToProcess(info);
      return;
    }
    if (used >= this.soft) {
      info.set(SIGXCPU, SI_KERNEL, 0);
      sendSignalToProcess(info);
      this.soft = used + 1;
    }
    this.wait();
  }
}

let timer: CpuLimitTimer = new CpuLimitTimer();

export function cpuLimitChanged(soft: u64, hard: u64): void {
  timer.soft = soft;
  timer.hard = hard;
  timer.wait();
}
