/**
 * Finding out about loss and repairing it: RFC 6675 with SACK, RFC 6582 (NewReno) without, RFC 6298
 * after a time out.
 *
 *     state   lost is                                        in flight is
 *     NONE    nothing                                        all sent, less what SACK or duplicate ACKs say has arrived
 *     FAST    SACK: holes with three ranges, or more than    holes that are not lost, and what has been retransmitted
 *             two segments, reported above them
 *             else: the first segment, again after each      all sent, less a segment per duplicate ACK
 *             partial acknowledgment
 *     LOSS    all holes below recoveryPoint                  what was retransmitted, and what is beyond recoveryPoint
 *
 * FAST and LOSS end when sndUna reaches recoveryPoint, the end of what was sent when they began.
 * `highRetransmit` runs over the lost ranges once; a retransmission that is lost as well is left to
 * the timer.
 */

import { DUPLICATE_THRESHOLD } from "./config";
import { Connection, Recovery } from "./connection";
import { congestionLoss, congestionRecovered } from "./cubic";
import { ACK, FIN, PSH } from "./header";
import { SackBoard, sackClear } from "./sack";
import { seqLess, seqLessEqual, seqMax, seqMin } from "./sequence";
import { tcpStats } from "./stats";
import { setRetransmit } from "./timer";
import { transmit } from "./transmit";

/** Whether what is above a hole tells that the hole is lost (RFC 6675, IsLost). */
function lostBelow(c: Connection, ranges: u32, bytes: u32): bool {
  return ranges >= DUPLICATE_THRESHOLD || bytes > (DUPLICATE_THRESHOLD - 1) * c.mss;
}

/** Bytes of [start, end) not reported as received. */
function missing(c: Connection, start: u32, end: u32): u32 {
  if (seqLessEqual(end, start)) return 0;
  const board = c.sackBoard;
  return board ? end - start - board.within(start, end) : end - start;
}

/** RFC 6675's pipe: an estimate of what is on its way. */
export function bytesInFlight(c: Connection): u32 {
  const sent = c.sndNxt - c.sndUna;
  const board = c.sackBoard;
  if (c.recovery == Recovery.LOSS) {
    const repeated = seqMax(c.highRetransmit, c.sndUna);
    const beyond = seqMax(c.recoveryPoint, c.sndUna);
    return missing(c, c.sndUna, repeated) + missing(c, beyond, c.sndNxt);
  }
  if (!c.sack) {
    const arrived = c.duplicateAcks * c.mss;
    return sent > arrived ? sent - arrived : 0;
  }
  if (!board) return sent;
  if (c.recovery == Recovery.NONE) return sent - board.bytes;
  return sackPipe(c, board);
}

function sackPipe(c: Connection, board: SackBoard): u32 {
  let pipe: u32 = 0;
  let start = c.sndUna;
  let above = board.bytes;
  const count = board.count;
  for (let i: u32 = 0; i <= count; i++) {
    const end = i < count ? board.start(i) : c.sndNxt;
    if (!lostBelow(c, count - i, above)) pipe += end - start;
    const repeated = seqMin(c.highRetransmit, end);
    if (seqLess(start, repeated)) pipe += repeated - start;
    if (i == count) break;
    above -= board.end(i) - board.start(i);
    start = board.end(i);
  }
  return pipe;
}

let lostStart: u32 = 0;
let lostLength: u32 = 0;

function found(c: Connection, start: u32, end: u32): bool {
  lostStart = start;
  lostLength = min(c.mss, end - start);
  return true;
}

/** The next range to retransmit, at most a segment, in lostStart and lostLength. */
function nextLost(c: Connection): bool {
  const from = seqMax(c.highRetransmit, c.sndUna);
  const limit = seqMin(c.recoveryPoint, c.sndNxt);
  const board = c.sackBoard;
  if (!board || !c.sack) {
    if (c.recovery == Recovery.FAST && from != c.sndUna) return false;
    return seqLess(from, limit) && found(c, from, limit);
  }
  let start = c.sndUna;
  let above = board.bytes;
  const count = board.count;
  for (let i: u32 = 0; i <= count; i++) {
    const end = i < count ? board.start(i) : limit;
    const lost = c.recovery == Recovery.LOSS || lostBelow(c, count - i, above);
    // The first segment counts as lost when duplicate acknowledgments began this recovery.
    const forced = i == 0 && c.forceRetransmit;
    if ((lost || forced) && seqLess(seqMax(start, from), seqMin(end, limit))) {
      return found(c, seqMax(start, from), seqMin(end, limit));
    }
    if (i == count) break;
    above -= board.end(i) - board.start(i);
    start = board.end(i);
  }
  return false;
}

/**
 * Sends [sequence, sequence + length) again; the FIN is the last number of the range when it was
 * sent.
 */
function retransmit(c: Connection, sequence: u32, length: u32): bool {
  const end = c.bufferSequence + c.bufferUsed;
  let flags = ACK;
  let bytes = length;
  if (c.finSent && seqLess(end, sequence + length)) {
    flags |= FIN;
    bytes = end - sequence;
  }
  if (bytes > 0 && sequence + bytes == end) flags |= PSH;
  // Its acknowledgment would not tell which transmission it is for (Karn's algorithm).
  c.timing = false;
  c.retransmits++;
  tcpStats.retransmittedSegments++;
  return transmit(c, sequence, bytes, flags);
}

/**
 * Sends lost segments while the congestion window has room beside `inFlight`; returns what is in
 * flight then.
 */
export function retransmitLost(c: Connection, inFlight: u32): u32 {
  let flight = inFlight;
  while (nextLost(c)) {
    if (!c.forceRetransmit && flight + lostLength > c.cwnd) {
      c.cwndLimited = true;
      break;
    }
    if (!retransmit(c, lostStart, lostLength)) break;
    c.forceRetransmit = false;
    c.highRetransmit = lostStart + lostLength;
    flight += lostLength;
  }
  return flight;
}

function enterFast(c: Connection): void {
  tcpStats.fastRecoveries++;
  congestionLoss(c, false);
  c.recovery = Recovery.FAST;
  c.recoveryPoint = c.sndNxt;
  c.highRetransmit = c.sndUna;
  c.forceRetransmit = true;
  setRetransmit(c);
}

/** A duplicate acknowledgment, or one that reports more ranges: perhaps something is lost. */
export function recoveryDuplicate(c: Connection): void {
  c.duplicateAcks++;
  if (c.recovery != Recovery.NONE || c.sndNxt == c.sndUna) return;
  const board = c.sackBoard;
  if (
    c.duplicateAcks >= DUPLICATE_THRESHOLD ||
    (board != null && lostBelow(c, board.count, board.bytes))
  ) {
    enterFast(c);
  }
}

/** sndUna has advanced by `acked`. */
export function recoveryAdvance(c: Connection, acked: u32): void {
  if (c.recovery == Recovery.NONE) {
    c.duplicateAcks = 0;
    return;
  }
  if (seqLessEqual(c.recoveryPoint, c.sndUna)) {
    if (c.recovery == Recovery.FAST) congestionRecovered(c);
    c.recovery = Recovery.NONE;
    c.duplicateAcks = 0;
    c.forceRetransmit = false;
    return;
  }
  if (c.recovery == Recovery.FAST && !c.sack) {
    // A partial acknowledgment: the next segment is lost too (RFC 6582 3.2 step 3).
    const segments = acked / c.mss;
    c.duplicateAcks -= min(c.duplicateAcks, segments > 0 ? segments - 1 : 0);
    c.highRetransmit = c.sndUna;
    c.forceRetransmit = true;
  }
}

/** The retransmission timer has expired: everything not reported as received counts as lost. */
export function recoveryTimeout(c: Connection): void {
  tcpStats.timeouts++;
  // Repeated time outs of the same data tell nothing new about congestion (RFC 5681 3.1).
  if (c.recovery != Recovery.LOSS || c.backoff == 0) congestionLoss(c, true);
  else c.cwnd = c.mss;
  const board = c.sackBoard;
  // A peer that reports what it then does not acknowledge has thrown it away (RFC 2018 section 8).
  if (board && (board.start(0) == c.sndUna || c.backoff >= 2)) sackClear(c);
  c.recovery = Recovery.LOSS;
  c.recoveryPoint = c.sndNxt;
  c.highRetransmit = c.sndUna;
  c.duplicateAcks = 0;
  c.forceRetransmit = true;
}
