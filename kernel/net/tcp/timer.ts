/**
 * A connection's timers: retransmission or window probe, delayed acknowledgment, keepalive, the end
 * of FIN_WAIT_2. Each is a deadline in the connection; the one NetTimer is armed for the earliest.
 * Moving a deadline to later, or clearing it, is a store: the timer comes at its old time, finds
 * nothing due and is armed again.
 */
import { ETIMEDOUT } from "../../lib/errno";
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { finish, reset } from "./close";
import {
  ANSWERS_MAX,
  CORK_LIMIT,
  DATA_RETRIES,
  DELAYED_ACK,
  DELAYED_ACK_STEP,
  MILLISECOND,
  ORPHAN_RETRIES,
  RTO_MAX,
  RTO_MIN,
  SYN_ACK_RETRIES,
} from "./config";
import { Connection } from "./connection";
import { channelDrain } from "./connection-channel";
import { output, outputForced } from "./output";
import { recoveryTimeout } from "./recovery";
import { currentRto } from "./rtt";
import { State } from "./state";
import { tcpStats } from "./stats";
import { sendAcknowledgment, sendProbe, sendSyn } from "./transmit";
import { WORK_INPUT } from "./work";

function armFor(c: Connection, deadline: u64): void {
  if (deadline < c.deadline) c.arm(deadline);
}

/** Restarts the retransmission timer (RFC 6298 5.1 and 5.3). */
export function setRetransmit(c: Connection): void {
  c.probing = false;
  c.retransmitDeadline = netNow() + currentRto(c);
  armFor(c, c.retransmitDeadline);
}

/**
 * Data is waiting and nothing is in flight: the peer's window is too small, a cork holds it, or no
 * buffer was to be had.
 */
export function setProbe(c: Connection): void {
  if (c.probing && c.retransmitDeadline != NEVER) return;
  c.probing = true;
  const window = <i32>(c.sndUna + c.sndWindow - c.sndNxt);
  c.retransmitDeadline = netNow() + (window > 0 ? CORK_LIMIT : max(currentRto(c), RTO_MIN));
  armFor(c, c.retransmitDeadline);
}

export function setDelayedAck(c: Connection): void {
  if (c.delayedAckDeadline != NEVER) return;
  const deadline = netNow() + DELAYED_ACK + DELAYED_ACK_STEP - 1;
  c.delayedAckDeadline = deadline & ~(DELAYED_ACK_STEP - 1);
  armFor(c, c.delayedAckDeadline);
}

export function setCloseDeadline(c: Connection, deadline: u64): void {
  c.closeDeadline = deadline;
  armFor(c, deadline);
}

/** After SO_KEEPALIVE or its times changed, and when a connection is established. */
export function keepaliveRestart(c: Connection): void {
  c.keepaliveProbes = 0;
  c.keepaliveDeadline = NEVER;
  if (!c.keepalive || !c.established || c.dead) return;
  c.keepaliveDeadline = max(c.lastReceiveTime, netNow()) + c.keepaliveIdle;
  armFor(c, c.keepaliveDeadline);
}

/** The connection's timer has come: does what is due and arms it for what comes next. */
export function connectionTimer(c: Connection): void {
  if (c.dead) return;
  const now = netNow();
  if (c.lockHeld) {
    // A copy sleeps in the connection; what is due waits for it.
    c.arm(now + MILLISECOND);
    return;
  }
  if (c.work & WORK_INPUT) {
    // What has arrived comes before a decision for want of it.
    channelDrain(c);
    if (c.dead) return;
  }
  if (c.delayedAckDeadline <= now) {
    c.delayedAckDeadline = NEVER;
    if (c.unackedBytes > 0) {
      if (c.interactive) {
        // The answer that was to carry it did not come, and the peer may have waited (Nagle).
        c.interactive = false;
        c.answers = 0;
        c.answersWanted = min(c.answersWanted * 2, ANSWERS_MAX);
      }
      tcpStats.delayedAcks++;
      if (!sendAcknowledgment(c)) setDelayedAck(c);
    }
  }
  if (c.retransmitDeadline <= now) {
    c.retransmitDeadline = NEVER;
    retransmitTimeout(c);
  }
  if (!c.dead && c.keepaliveDeadline <= now) keepaliveTimeout(c);
  if (!c.dead && c.closeDeadline <= now) finish(c);
  if (c.dead) return;
  const next = min(
    min(c.delayedAckDeadline, c.retransmitDeadline),
    min(c.keepaliveDeadline, c.closeDeadline),
  );
  if (next != NEVER) armFor(c, next);
}

function retransmitTimeout(c: Connection): void {
  const state = c.state;
  if (state == State.SYN_SENT || state == State.SYN_RECEIVED) {
    synTimeout(c);
    return;
  }
  if (c.probing) {
    probeTimeout(c);
    return;
  }
  if (c.sndNxt == c.sndUna) return;
  if (hasStalled(c)) return;
  recoveryTimeout(c);
  c.backoff++;
  setRetransmit(c);
  output(c);
}

let orphanRetries: u32 = ORPHAN_RETRIES;

/** For the machine's end, which has limits of its own. */
export function setOrphanRetries(count: u32): void {
  orphanRetries = count;
}

/** Whether the peer has been silent too long, and the connection has been given up for it. */
function hasStalled(c: Connection): bool {
  const now = netNow();
  if (c.unanswered == 0) c.stalledSince = now - min(now, currentRto(c));
  const retries = c.detached ? orphanRetries : DATA_RETRIES;
  const over = c.userTimeout != 0 ? now - c.stalledSince >= c.userTimeout : c.unanswered >= retries;
  c.unanswered++;
  if (!over) return false;
  c.error = c.softError != 0 ? c.softError : ETIMEDOUT;
  finish(c);
  return true;
}

function synTimeout(c: Connection): void {
  const retries = c.state == State.SYN_SENT ? c.synRetries : SYN_ACK_RETRIES;
  const now = netNow();
  if (c.backoff == 0) c.stalledSince = now - min(now, currentRto(c));
  const over =
    c.backoff >= retries || (c.userTimeout != 0 && now - c.stalledSince >= c.userTimeout);
  if (over) {
    tcpStats.attemptFails++;
    c.error = c.softError != 0 ? c.softError : ETIMEDOUT;
    finish(c);
    return;
  }
  c.backoff++;
  c.retransmits++;
  // The round trip of a repeated SYN is ambiguous.
  c.timing = false;
  tcpStats.retransmittedSegments++;
  sendSyn(c);
  setRetransmit(c);
}

/**
 * RFC 9293 3.8.6.1. The probe is an old sequence number without data: it must be answered, and
 * commits to nothing.
 */
function probeTimeout(c: Connection): void {
  const window = <i32>(c.sndUna + c.sndWindow - c.sndNxt);
  if (window > 0) {
    c.probing = false;
    if (outputForced(c)) setRetransmit(c);
    else output(c);
    return;
  }
  if (hasStalled(c)) return;
  tcpStats.zeroWindowProbes++;
  c.backoff++;
  sendProbe(c);
  c.retransmitDeadline = netNow() + min(max(currentRto(c), RTO_MIN), RTO_MAX);
  armFor(c, c.retransmitDeadline);
}

function keepaliveTimeout(c: Connection): void {
  c.keepaliveDeadline = NEVER;
  if (!c.keepalive) return;
  const now = netNow();
  const silent = now - min(now, c.lastReceiveTime);
  // Data in flight or probes of the window already ask whether the peer lives.
  if (silent < c.keepaliveIdle || c.sndNxt != c.sndUna || c.probing) {
    c.keepaliveProbes = 0;
    c.keepaliveDeadline = max(c.lastReceiveTime + c.keepaliveIdle, now + c.keepaliveInterval);
    if (silent < c.keepaliveIdle) c.keepaliveDeadline = c.lastReceiveTime + c.keepaliveIdle;
    return;
  }
  const over =
    c.userTimeout != 0
      ? silent >= c.userTimeout && c.keepaliveProbes > 0
      : c.keepaliveProbes >= c.keepaliveCount;
  if (over) {
    c.error = ETIMEDOUT;
    reset(c);
    return;
  }
  tcpStats.keepaliveProbes++;
  c.keepaliveProbes++;
  sendProbe(c);
  c.keepaliveDeadline = now + c.keepaliveInterval;
}
