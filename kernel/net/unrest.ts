/**
 * Why somebody has to look at the network soon, in one word, so that a look that finds nothing is
 * one load: epoll_wait makes it at every call. Local delivery and channels are no reasons, whoever
 * leaves the stack has finished them (poll.ts, settle).
 *
 *     netUnrest()                             0: nothing waits to be sent, and what comes interrupts
 *     isQuiet(), setQuiet(is)                 whether devices interrupt when a frame comes (poll.ts)
 *     frameWaits(), unflushedFrames(), framesFlushed()      frames the devices have not been told of
 */

/** Devices don't interrupt: who polls will see what comes. The bits below count frames. */
const POLLED: u32 = 1 << 31;

let unrest: u32 = POLLED;

export function netUnrest(): u32 {
  return unrest;
}

export function isQuiet(): bool {
  return (unrest & POLLED) == 0;
}

export function setQuiet(is: bool): void {
  unrest = is ? unrest & ~POLLED : unrest | POLLED;
}

/** A frame was put on a transmit ring. */
export function frameWaits(): void {
  unrest++;
}

export function unflushedFrames(): u32 {
  return unrest & ~POLLED;
}

export function framesFlushed(): void {
  unrest &= POLLED;
}
