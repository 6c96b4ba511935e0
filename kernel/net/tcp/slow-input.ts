/**
 * Segment processing in full: RFC 9293 3.10.7, with RFC 5961's care about resets, SYNs and
 * acknowledgments from outside, RFC 7323's protection against old segments, and RFC 2018's reports.
 * The segment is parsed in `segment`, the packet starts at its payload.
 *
 *     1 SYN_SENT has rules of its own           5 SYN in a synchronised state: challenge
 *     2 timestamp older than the last: drop     6 acknowledgment
 *     3 outside of the window: drop, answer     7 data
 *     4 reset                                   8 FIN
 */
import { POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM } from "../../fs/file";
import { ECONNREFUSED, ECONNRESET, EPIPE } from "../../lib/errno";
import { netNow } from "../clock";
import { Packet, packetFree, packetPressure } from "../packet";
import { acknowledged } from "./acknowledge";
import { enterTimeWait, finish, limitFinWait2, reset } from "./close";
import {
  OUT_OF_ORDER_SHORT,
  OUT_OF_WINDOW_INTERVAL,
  PAWS_LIFETIME,
  RECEIVE_LIMIT_SHORT,
} from "./config";
import { Connection, Recovery } from "./connection";
import { ACK, FIN, PSH, RST, SYN, URG } from "./header";
import { applySyn, establish } from "./open";
import {
  noteDuplicate,
  OUT_OF_ORDER_MAX,
  reassemblyAdvance,
  reassemblyClear,
  reassemblyInsert,
  trimEnd,
  trimFront,
} from "./reassembly";
import { queueAppend } from "./receive-queue";
import { windowLeft } from "./receive-window";
import { recoveryDuplicate } from "./recovery";
import { rttSample } from "./rtt";
import { sackReported } from "./sack";
import { segment } from "./segment";
import { seqLess, seqLessEqual } from "./sequence";
import { State } from "./state";
import { tcpStats } from "./stats";
import { setRetransmit } from "./timer";
import { sendAcknowledgment, sendResetFor, sendSyn, timestampNow } from "./transmit";
import { URGENT_COMING, urgentInput } from "./urgent";
import { schedule, WORK_ACK, WORK_OUTPUT } from "./work";

/** Takes the packet. */
export function processSegment(c: Connection, packet: Packet): void {
  if (c.state == State.SYN_SENT) {
    synSentInput(c);
    packetFree(packet);
    return;
  }
  if (isSimultaneousAnswer(c)) {
    simultaneousAnswer(c);
    packetFree(packet);
    return;
  }
  if (!check(c)) {
    packetFree(packet);
    return;
  }
  noteTimestamp(c);
  trimToWindow(c, packet);
  if (!acknowledgmentInput(c)) {
    packetFree(packet);
    return;
  }
  c.lastReceiveTime = netNow();
  if ((segment.flags & URG) != 0 || c.urgentState == URGENT_COMING) urgentInput(c, packet);
  if (segment.length > 0) dataInput(c, packet);
  else packetFree(packet);
  if (!c.dead) finInput(c);
  if (c.dead) return;
  if (c.bufferUsed > c.sndNxt - c.sndUna || c.recovery != Recovery.NONE || c.finQueued) {
    schedule(c, WORK_OUTPUT);
  }
}

/**
 * Answers a segment that can't be right, so that a peer which is right corrects itself. Not without
 * end.
 */
function challenge(c: Connection): void {
  const now = netNow();
  const since = now - c.outOfWindowTime;
  if (segment.length == 0 && c.outOfWindowTime != 0 && since < OUT_OF_WINDOW_INTERVAL) return;
  c.outOfWindowTime = now;
  tcpStats.challengeAcks++;
  // A repeated SYN has not got our answer. In a simultaneous open, a SYN+ACK wants an
  // acknowledgment (RFC 9293 3.5).
  if (c.state == State.SYN_RECEIVED && (segment.flags & ACK) == 0) {
    if (c.timestamps && segment.hasTimestamp && segment.sequence == c.initialReceive) {
      // The echo must be of this SYN: the peer takes it for a measurement.
      c.tsRecent = segment.tsValue;
      c.tsRecentTime = now;
    }
    // Nor is a repeated answer good for a measurement of ours (Karn's algorithm).
    c.timing = false;
    sendSyn(c);
  } else {
    sendAcknowledgment(c);
  }
}

/** RFC 7323 5.3 R1: a timestamp from before the last one is of a segment that has wandered. */
function isOld(c: Connection): bool {
  return (
    c.timestamps &&
    segment.hasTimestamp &&
    <i32>(segment.tsValue - c.tsRecent) < 0 &&
    netNow() - c.tsRecentTime < PAWS_LIFETIME
  );
}

/** RFC 9293 3.10.7.4, table 6: whether any of the segment lies in the window. */
function inWindow(c: Connection): bool {
  const window = windowLeft(c);
  const length = segment.length + (segment.flags & FIN ? 1 : 0) + (segment.flags & SYN ? 1 : 0);
  const start = segment.sequence - c.rcvNxt;
  if (length == 0) return window == 0 ? start == 0 : start < window;
  if (window == 0) return false;
  return start < window || segment.sequence + length - 1 - c.rcvNxt < window;
}

/** All of the segment's data has come before: the peer hears that (RFC 2883). */
function noteOldData(c: Connection): void {
  const end = segment.sequence + segment.length;
  const isOurs = seqLess(c.initialReceive, segment.sequence) && seqLessEqual(end, c.rcvNxt);
  if (segment.length > 0 && isOurs) noteDuplicate(c, segment.sequence, end);
}

/** Steps 2 to 5. False: the segment is done with. */
function check(c: Connection): bool {
  const flags = segment.flags;
  if (isOld(c) && (flags & RST) == 0) {
    tcpStats.pawsRejected++;
    // An acknowledgment that was overtaken is no reason to answer; what takes sequence numbers may
    // be a repetition.
    if (segment.length > 0 || (flags & (SYN | FIN)) != 0) challenge(c);
    return false;
  }
  if (!inWindow(c)) {
    if (flags & RST) return false;
    noteOldData(c);
    challenge(c);
    // The peer may go on acknowledging while our window is closed.
    return segment.sequence == c.rcvNxt && (flags & (ACK | SYN)) == ACK;
  }
  if (flags & RST) {
    if (segment.sequence == c.rcvNxt) resetInput(c);
    else challenge(c);
    return false;
  }
  if (flags & SYN) {
    challenge(c);
    return false;
  }
  return (flags & ACK) != 0;
}

function resetInput(c: Connection): void {
  const state = c.state;
  if (state == State.SYN_RECEIVED) {
    tcpStats.attemptFails++;
    c.error = ECONNREFUSED;
  } else {
    if (state == State.ESTABLISHED || state == State.CLOSE_WAIT) tcpStats.establishedResets++;
    c.error = state == State.CLOSE_WAIT ? EPIPE : ECONNRESET;
    // Our side had finished and lost nothing.
    if (state == State.CLOSING || state == State.LAST_ACK) c.error = 0;
  }
  finish(c);
}

/** Cuts off what has been received before, and what lies beyond the window. */
function trimToWindow(c: Connection, packet: Packet): void {
  const before = c.rcvNxt - segment.sequence;
  if (<i32>before > 0) {
    const cut = min(before, segment.length);
    noteDuplicate(c, segment.sequence, segment.sequence + cut);
    trimFront(packet, cut);
    segment.length -= cut;
    // A FIN received before is found again by its sequence number; nothing is left in front of
    // rcvNxt.
    if (before > cut) segment.flags &= ~FIN;
    if (cut > 0) schedule(c, WORK_ACK);
    segment.sequence += cut;
  }
  const room = c.rcvNxt + windowLeft(c) - segment.sequence;
  if (segment.length > 0 && segment.length > room) {
    trimEnd(packet, segment.length - room);
    segment.length = room;
    segment.flags &= ~FIN;
  }
}

/**
 * RFC 7323 4.3: the timestamp to echo is that of the segment that the next acknowledgment is for.
 */
function noteTimestamp(c: Connection): void {
  if (!c.timestamps || !segment.hasTimestamp) return;
  if (seqLessEqual(segment.sequence, c.lastAckSent) && <i32>(segment.tsValue - c.tsRecent) >= 0) {
    c.tsRecent = segment.tsValue;
    c.tsRecentTime = netNow();
  }
}

/**
 * Both ends have sent a SYN, and the peer's second one acknowledges ours (RFC 9293 3.5, figure 7).
 */
function isSimultaneousAnswer(c: Connection): bool {
  return (
    c.state == State.SYN_RECEIVED &&
    !c.listener &&
    (segment.flags & (SYN | ACK | RST)) == (SYN | ACK) &&
    segment.sequence == c.initialReceive
  );
}

function simultaneousAnswer(c: Connection): void {
  if (!completeHandshake(c)) return;
  // The window of a SYN is not scaled.
  c.sndWindow = segment.window;
  c.lastReceiveTime = netNow();
  sendAcknowledgment(c);
}

/** The final acknowledgment of a handshake. False: the segment is done with. */
function completeHandshake(c: Connection): bool {
  if (segment.acknowledgment != c.sndNxt) {
    sendResetFor(segment, c.localAddress, c.remoteAddress, c.ports);
    return false;
  }
  const listener = c.listener;
  if (listener != null && listener.acceptFull()) {
    // It stays half-open; the SYN+ACK is repeated by its timer.
    tcpStats.listenOverflows++;
    return false;
  }
  c.sndUna = segment.acknowledgment;
  if (c.timing) {
    c.timing = false;
    rttSample(c, netNow() - c.timedSince);
  }
  c.retransmitDeadline = u64.MAX_VALUE;
  // Before `establish`, which moves it from the one queue to the other.
  if (listener) listener.promote(c);
  establish(c);
  updateWindow(c);
  if (listener) {
    const observer = listener.observer;
    if (observer) observer.changed(POLLIN | POLLRDNORM);
  } else {
    c.notify(POLLOUT | POLLWRNORM);
  }
  return true;
}

function updateWindow(c: Connection): void {
  const window = segment.window << c.sndScale;
  c.sndWindow = window;
  if (window > c.sndWindowMax) c.sndWindowMax = window;
  c.sndWl1 = segment.sequence;
  c.sndWl2 = segment.acknowledgment;
}

/** Step 6. False: the segment is done with. */
function acknowledgmentInput(c: Connection): bool {
  if (c.state == State.SYN_RECEIVED) return completeHandshake(c);
  const ack = segment.acknowledgment;
  if (seqLess(c.sndNxt, ack) || seqLess(ack, c.sndUna - c.sndWindowMax)) {
    // RFC 5961 5.2: of no segment of ours.
    challenge(c);
    return false;
  }
  if (seqLess(ack, c.sndUna)) return true;
  if (c.probing) c.unanswered = 0;
  const reported = reportInput(c);
  const window = segment.window << c.sndScale;
  const sameWindow = window == c.sndWindow;
  if (
    seqLess(c.sndWl1, segment.sequence) ||
    (c.sndWl1 == segment.sequence && seqLessEqual(c.sndWl2, ack))
  ) {
    if (c.probing && window > c.sndWindow) c.backoff = 0;
    updateWindow(c);
  }
  if (ack != c.sndUna) {
    // While nothing is timed, because it was retransmitted, the echo tells which transmission
    // arrived.
    const sample = !c.timing && c.timestamps && segment.hasTimestamp && segment.tsEcho != 0;
    acknowledged(c, ack);
    if (sample) echoSample(c);
    if (c.finSent && ack == c.sndNxt) return finAcknowledged(c);
    return true;
  }
  if (c.sack ? reported : segment.length == 0 && sameWindow && (segment.flags & FIN) == 0) {
    if (c.sndNxt != c.sndUna) recoveryDuplicate(c);
  }
  return true;
}

function echoSample(c: Connection): void {
  const ticks = timestampNow(c) - segment.tsEcho;
  if (ticks < 1 << 20) rttSample(c, (<u64>ticks) << 20);
}

/** Takes over the ranges the peer reports; returns whether they told anything new. */
function reportInput(c: Connection): bool {
  if (!c.sack || segment.sackCount == 0) return false;
  let news = false;
  for (let i: u32 = 0; i < segment.sackCount; i++) {
    if (sackReported(c, segment.sackStart(i), segment.sackEnd(i))) news = true;
  }
  return news;
}

/** The peer has everything, our FIN included. False: the connection is over. */
function finAcknowledged(c: Connection): bool {
  switch (c.state) {
    case State.FIN_WAIT_1:
      c.setState(State.FIN_WAIT_2);
      if (c.detached) limitFinWait2(c);
      c.notify(POLLOUT | POLLWRNORM);
      return true;
    case State.CLOSING:
      enterTimeWait(c);
      return false;
    case State.LAST_ACK:
      finish(c);
      return false;
    default:
      return true;
  }
}

/** Step 7: `segment.length` bytes within the window. Takes the packet. */
function dataInput(c: Connection, packet: Packet): void {
  const state = c.state;
  const receiving =
    state == State.ESTABLISHED || state == State.FIN_WAIT_1 || state == State.FIN_WAIT_2;
  if (!receiving || (c.finSeen && seqLess(c.finSequence, segment.sequence + segment.length))) {
    packetFree(packet);
    return;
  }
  if (c.detached) {
    // Nobody will ever read it: the peer must not take it for delivered (RFC 2525 2.17).
    packetFree(packet);
    reset(c);
    return;
  }
  const pressure = packetPressure();
  if (pressure > 1 && c.queuedBytes > RECEIVE_LIMIT_SHORT >> 1) {
    // The application does not read, and packets are needed where it does: as if the network had
    // lost this one.
    tcpStats.pressureDrops++;
    packetFree(packet);
    return;
  }
  c.bytesReceived += segment.length;
  if (segment.sequence != c.rcvNxt) {
    tcpStats.outOfOrder++;
    if (pressure > 1) reassemblyClear(c);
    const most = pressure > 0 ? OUT_OF_ORDER_SHORT : OUT_OF_ORDER_MAX;
    if (c.outOfOrderCount >= most) packetFree(packet);
    else reassemblyInsert(c, packet, segment.sequence, segment.length);
    // At once, and one for each: the sender counts them (RFC 5681 4.2).
    sendAcknowledgment(c);
    return;
  }
  c.rcvNxt += segment.length;
  queueAppend(c, packet);
  if (c.outOfOrder) {
    reassemblyAdvance(c);
    // The segment fills a hole, or part of one: the sender waits to hear (RFC 5681 4.2).
    schedule(c, WORK_ACK);
    c.unackedBytes += segment.length;
    c.arrived = true;
  } else {
    c.noteArrived(segment.length, (segment.flags & PSH) != 0);
  }
}

/** Step 8: notes a FIN, and acts on it once everything before it is there. */
function finInput(c: Connection): void {
  if (segment.flags & FIN && !c.finSeen) {
    c.finSeen = true;
    c.finSequence = segment.sequence + segment.length;
  }
  if (!c.finSeen || c.finReceived) return;
  if (c.rcvNxt != c.finSequence) {
    if (segment.flags & FIN && segment.length == 0) sendAcknowledgment(c);
    return;
  }
  c.rcvNxt++;
  c.finReceived = true;
  switch (c.state) {
    case State.ESTABLISHED:
      c.setState(State.CLOSE_WAIT);
      break;
    case State.FIN_WAIT_1:
      c.setState(State.CLOSING);
      break;
    case State.FIN_WAIT_2:
      sendAcknowledgment(c);
      enterTimeWait(c);
      return;
    default:
      return;
  }
  schedule(c, WORK_ACK);
  c.notify(POLLIN | POLLRDNORM | POLLRDHUP | (c.finQueued ? POLLHUP : 0));
}

/** RFC 9293 3.10.7.3. */
function synSentInput(c: Connection): void {
  const flags = segment.flags;
  const acks = (flags & ACK) != 0;
  if (acks && segment.acknowledgment != c.sndNxt) {
    sendResetFor(segment, c.localAddress, c.remoteAddress, c.ports);
    return;
  }
  if (flags & RST) {
    if (!acks) return;
    tcpStats.attemptFails++;
    c.error = ECONNREFUSED;
    finish(c);
    return;
  }
  if ((flags & SYN) == 0) return;
  applySyn(c, segment);
  c.lastReceiveTime = netNow();
  if (!acks) {
    // Simultaneous open.
    c.setState(State.SYN_RECEIVED);
    c.backoff = 0;
    sendSyn(c);
    setRetransmit(c);
    return;
  }
  c.sndUna = segment.acknowledgment;
  if (c.timing) {
    c.timing = false;
    rttSample(c, netNow() - c.timedSince);
  }
  c.retransmitDeadline = u64.MAX_VALUE;
  establish(c);
  sendAcknowledgment(c);
  c.notify(POLLOUT | POLLWRNORM);
}
