/**
 * Deciding what to send: first what is lost (recovery.ts), then new data as far as the peer's
 * window, the congestion window, Nagle's algorithm and silly window avoidance allow (RFC 9293
 * 3.8.6.2.1), then the FIN.
 *
 * A partial segment at the end of the buffer goes out when nothing smaller than a full segment is
 * unacknowledged (Nagle's algorithm as modified by Minshall, draft-minshall-nagle-01), so that a
 * large write does not wait with its tail for a delayed acknowledgment of its own full segments.
 */
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { Connection, Recovery } from "./connection";
import { congestionIdle } from "./cubic";
import { ACK, FIN, PSH } from "./header";
import { bytesInFlight, retransmitLost } from "./recovery";
import { seqLess } from "./sequence";
import { State } from "./state";
import { setProbe, setRetransmit } from "./timer";
import { transmit } from "./transmit";

const SENDING: u32 =
  (1 << State.ESTABLISHED) |
  (1 << State.CLOSE_WAIT) |
  (1 << State.FIN_WAIT_1) |
  (1 << State.CLOSING) |
  (1 << State.LAST_ACK);

/** Sends what may be sent now, and sees to the timer of what may not. */
export function output(c: Connection): void {
  if ((SENDING & ((<u32>1) << c.state)) == 0) return;
  let flight: u32 = 0;
  if (c.sndNxt != c.sndUna) {
    flight = bytesInFlight(c);
    if (c.recovery != Recovery.NONE) flight = retransmitLost(c, flight);
  } else if (c.bufferUsed > 0) {
    congestionIdle(c);
  }
  if (!c.finSent) sendNew(c, flight);
  if (c.sndNxt != c.sndUna) {
    if (c.retransmitDeadline == NEVER || c.probing) setRetransmit(c);
  } else if (c.bufferUsed > 0 || (c.finQueued && !c.finSent)) {
    setProbe(c);
  }
}

function sendNew(c: Connection, inFlight: u32): void {
  const end = c.bufferSequence + c.bufferUsed;
  const mss = c.mss;
  let flight = inFlight;
  for (;;) {
    const unsent = end - c.sndNxt;
    if (unsent == 0 && !c.finQueued) return;
    const window = <i32>(c.sndUna + c.sndWindow - c.sndNxt);
    const open: u32 = window > 0 ? window : 0;
    const room: u32 = c.cwnd > flight ? c.cwnd - flight : 0;
    if (room < min(unsent, mss)) {
      c.cwndLimited = true;
      return;
    }
    let length = min(unsent, open);
    if (length > mss) length = wholeSegments(c, length, room);
    const fin = c.finQueued && length == unsent && open > length;
    if (length < mss && !fin && mayNot(c, length, unsent)) return;
    let flags: u32 = ACK;
    if (length == unsent && length > 0) flags |= PSH;
    if (fin) flags |= FIN;
    if (!transmit(c, c.sndNxt, length, flags)) return;
    noteSent(c, length, fin);
    if (fin) return;
    flight += length;
  }
}

/**
 * More than one segment is there to be sent: one, or as many whole ones as go down in one packet.
 */
function wholeSegments(c: Connection, length: u32, room: u32): u32 {
  const mss = c.mss;
  if (c.segmentationMax <= mss) return mss;
  const most = min(min(length, room), c.segmentationMax);
  return most - (most % mss);
}

/** Whether a segment of less than the full size has to wait. */
function mayNot(c: Connection, length: u32, unsent: u32): bool {
  if (length == 0) return true;
  if (length < unsent) {
    // The window cuts it short: it is worth sending when it is half of what the peer has ever
    // offered.
    return length < c.sndWindowMax >> 1;
  }
  if (c.cork) return true;
  return !c.noDelay && seqLess(c.sndUna, c.sndSmall);
}

function noteSent(c: Connection, length: u32, fin: bool): void {
  const now = netNow();
  c.lastSendTime = now;
  c.sndNxt += length;
  if (length < c.mss) c.sndSmall = c.sndNxt;
  if (fin) {
    c.sndNxt++;
    c.finSent = true;
  }
  if (!c.timing) {
    c.timing = true;
    c.timedSequence = c.sndNxt;
    c.timedSince = now;
  }
}

/**
 * A corked partial segment has waited long enough, or a window too small for a good one has stayed
 * so.
 */
export function outputForced(c: Connection): bool {
  const unsent = c.bufferSequence + c.bufferUsed - c.sndNxt;
  const window = <i32>(c.sndUna + c.sndWindow - c.sndNxt);
  if (c.finSent || window <= 0 || unsent == 0) return false;
  const length = min(min(unsent, <u32>window), c.mss);
  const fin = c.finQueued && length == unsent && <u32>window > length;
  if (!transmit(c, c.sndNxt, length, fin ? ACK | PSH | FIN : ACK | PSH)) return false;
  noteSent(c, length, fin);
  return true;
}
