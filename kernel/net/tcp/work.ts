/**
 * What input leaves to be done at the end of a burst: an acknowledgment that an answer of the
 * application may still carry, data that an acknowledgment made room for (one pass for a burst of
 * acknowledgments), and objects to be freed, which someone further up the call chain may still look
 * at.
 *
 *     schedule(c, WORK_…)       once per connection in the list, however often
 *     tcpFlush()                does it all; called by whoever entered TCP, at the end
 */
import { free } from "../../runtime/free";
import { SleepLock } from "../../sched/sleep-lock";
import { Connection } from "./connection";
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
    const work = c.work;
    c.work = work & WORK_ACK;
    c.workNext = null;
    perform(c, work);
    // What `perform` did not need to do was carried by data; an object it freed is not looked at.
    if ((work & WORK_FREE) == 0) c.work &= ~WORK_ACK;
  }
}
