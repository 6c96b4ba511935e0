/**
 * How connections end.
 *
 *     shutdownSending    a FIN follows the data               close: by the application; orderly, or a reset
 *     finish             the protocol's part is over          reset: the same, telling the peer
 *     enterTimeWait      a TimeWait record takes over
 *
 * The object outlives the protocol until the application has closed it, and then until the end of
 * the burst (work.ts), so that no caller up the chain is left with a freed one.
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from "../../fs/file";
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { FIN_WAIT_2_LENGTH } from "./config";
import { Connection } from "./connection";
import { output } from "./output";
import { reassemblyClear } from "./reassembly";
import { queueClear } from "./receive-queue";
import { sackClear } from "./sack";
import { bufferRelease } from "./send-buffer";
import { State } from "./state";
import { tcpStats } from "./stats";
import { tableRemove } from "./table";
import { timeWaitCreate } from "./time-wait";
import { setCloseDeadline } from "./timer";
import { sendReset } from "./transmit";
import { schedule, WORK_FREE } from "./work";

let finWait2Length: u64 = FIN_WAIT_2_LENGTH;

/** For the machine's end, which does not wait so long. */
export function setFinWait2Length(length: u64): void {
  finWait2Length = length;
}

/** The connection is over: frees all but the object and what the application has still to read. */
export function finish(c: Connection): void {
  if (c.dead) return;
  c.dead = true;
  const listener = c.listener;
  // One that nobody has accepted yet stays to be accepted: the end is the caller's to find.
  if (listener && !c.established) {
    listener.forget(c);
    c.detached = true;
  }
  if (c.inTable) tableRemove(c);
  if (c.established) tcpStats.currentEstablished--;
  c.setState(State.CLOSED);
  c.remove();
  c.retransmitDeadline = NEVER;
  c.delayedAckDeadline = NEVER;
  c.keepaliveDeadline = NEVER;
  c.closeDeadline = NEVER;
  reassemblyClear(c);
  sackClear(c);
  // A copy into the buffer may be asleep: then it is released by whoever woke it (Connection.send),
  // or by close.
  if (!c.lockHeld) bufferRelease(c);
  c.bufferUsed = 0;
  const failed = c.error != 0 ? POLLERR : 0;
  c.notify(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP | failed);
  if (c.detached) release(c);
}

/**
 * Frees what a finished connection still holds; the object, with its channel, goes at the end of
 * the burst.
 */
function release(c: Connection): void {
  queueClear(c);
  bufferRelease(c);
  c.observer = null;
  schedule(c, WORK_FREE);
}

/** Ends the connection and tells the peer so. */
export function reset(c: Connection): void {
  if (c.dead) return;
  const state = c.state;
  if (state != State.CLOSED && state != State.SYN_SENT) sendReset(c);
  finish(c);
}

/** Our FIN is acknowledged and the peer's received: the tuple stays taken for a while. */
export function enterTimeWait(c: Connection): void {
  tableRemove(c);
  timeWaitCreate(c);
  finish(c);
}

export function shutdownSending(c: Connection): void {
  if (c.finQueued) return;
  switch (c.state) {
    case State.SYN_SENT:
      finish(c);
      return;
    case State.SYN_RECEIVED:
      // The FIN follows once our SYN is acknowledged: see `establish`.
      c.finQueued = true;
      return;
    case State.ESTABLISHED:
      c.finQueued = true;
      c.setState(State.FIN_WAIT_1);
      break;
    case State.CLOSE_WAIT:
      c.finQueued = true;
      c.setState(State.LAST_ACK);
      break;
    default:
      return;
  }
  output(c);
  c.notify(POLLOUT | POLLWRNORM | (c.finReceived ? POLLHUP : 0));
}

export function closeConnection(c: Connection): void {
  assert(!c.detached, "closed once");
  c.detached = true;
  c.observer = null;
  if (c.dead || c.state == State.CLOSED) {
    c.dead = true;
    release(c);
    return;
  }
  if (c.queuedBytes > 0) {
    reset(c);
    return;
  }
  shutdownSending(c);
  if (c.state == State.FIN_WAIT_2) limitFinWait2(c);
}

export function abortConnection(c: Connection): void {
  assert(!c.detached, "closed once");
  c.detached = true;
  c.observer = null;
  if (c.dead || c.state == State.CLOSED) {
    c.dead = true;
    release(c);
    return;
  }
  reset(c);
}

/**
 * Nobody will read what the peer may still send, and it may never send a FIN (Linux's
 * tcp_fin_timeout).
 */
export function limitFinWait2(c: Connection): void {
  setCloseDeadline(c, netNow() + finWait2Length);
}
