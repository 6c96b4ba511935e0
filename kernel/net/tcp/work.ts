/**
 * What is to be done for connections at the end of a burst: to process the segments in the channel,
 * and what that leaves: an acknowledgment that an answer of the application may still carry, data
 * that an acknowledgment made room for (one pass for a burst of acknowledgments), and objects to be
 * freed, which someone further up the call chain may still look at.
 *
 *     schedule(c, WORK_…)       once per connection in the list, however often
 *     tcpPending()              whether there is anything: not after most system calls
 *     tcpFlush()                does it all; called by whoever entered TCP, at the end
 */
import { free } from "../../runtime/free";
import { SleepLock } from "../../sched/sleep-lock";
import { Connection } from "./connection";
import { channelClear, channelDrain } from "./connection-channel";
import { output } from "./output";
import { setDelayedAck } from "./timer";
import { sendAcknowledgment } from "./transmit";

export const WORK_QUEUED: u32 = 1 << 0;
/** An acknowledgment is due unless something else carries it. */
export const WORK_ACK: u32 = 1 << 1;
/** Try to send. */
export const WORK_OUTPUT: u32 = 1 << 2;
/** Nobody refers to the object any more. */
export const WORK_FREE: u32 = 1 << 3;
/**
 * There are segments in the channel. Stays when the connection is locked: whoever holds it looks at
 * this.
 */
export const WORK_INPUT: u32 = 1 << 4;

let first: Connection | null = null;
let last: Connection | null = null;

export function schedule(c: Connection, work: u32): void {
  const queued = (c.work & WORK_QUEUED) != 0;
  c.work |= work | WORK_QUEUED;
  if (queued) return;
  c.workNext = null;
  const tail = last;
  if (tail) tail.workNext = c;
  else first = c;
  last = c;
}

function perform(c: Connection, work: u32): void {
  if (work & WORK_FREE) {
    c.remove();
    channelClear(c);
    SleepLock.destroy(c);
    free(c);
    return;
  }
  if (c.dead) return;
  if (c.lockHeld) {
    // A copy sleeps; what it is doing ends in `output`, and the acknowledgment becomes a delayed
    // one.
    if (work & WORK_ACK) setDelayedAck(c);
    return;
  }
  if (work & WORK_OUTPUT) output(c);
  if (c.work & WORK_ACK && !sendAcknowledgment(c)) setDelayedAck(c);
}

export function tcpPending(): bool {
  return first != null;
}

/**
 * Does what has been noted. Sending may note more, for connections of this machine with itself:
 * that is done as well.
 */
export function tcpFlush(): void {
  for (;;) {
    const c = first;
    if (!c) return;
    first = c.workNext;
    if (!first) last = null;
    // What input notes is done right behind it, while the connection is in the cache: it counts as
    // queued until then.
    if ((c.work & WORK_INPUT) != 0 && !c.lockHeld) channelDrain(c);
    const work = c.work;
    c.work = work & (WORK_ACK | WORK_INPUT);
    if (work == WORK_QUEUED) continue;
    perform(c, work);
    // What `perform` did not need to do was carried by data; an object it freed is not looked at.
    if ((work & WORK_FREE) == 0) c.work &= ~WORK_ACK;
  }
}
