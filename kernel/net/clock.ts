/**
 * The stack's time, in nanoseconds. The stack has no clock of its own: whoever enters it (netPoll,
 * a system call, a timer, a test) sets the time, and everything below reads that one value, so that
 * a simulation decides what time it is and a burst of packets reads the machine's clock once.
 */
let now: u64 = 0;

/** Nanoseconds since boot as of the last entry into the stack. */
export function netNow(): u64 {
  return now;
}

export function netSetNow(time: u64): void {
  now = time;
}
