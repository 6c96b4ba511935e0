/**
 * The window we announce: how much the peer may send.
 *
 * The right edge never moves left, and moves right in steps worth a segment (silly window
 * avoidance, RFC 9293 3.8.6.2.2). The buffer behind it grows with what the application reads in a
 * round trip, so that it does not limit a fast path (dynamic right-sizing); a small one suffices
 * for requests and answers.
 */
import { netNow } from "../clock";
import { packetPressure } from "../packet";
import { MILLISECOND, RECEIVE_LIMIT_MAX, RECEIVE_LIMIT_SHORT } from "./config";
import { Connection } from "./connection";
import { State } from "./state";
import { sendAcknowledgment } from "./transmit";
import { schedule, WORK_ACK } from "./work";

/** Bytes that may still come under the window announced last. */
export function windowLeft(c: Connection): u32 {
  const left = <i32>(c.rcvAdvertised - c.rcvNxt);
  return left > 0 ? left : 0;
}

function freeSpace(c: Connection): u32 {
  let limit = c.receiveLimit;
  if (limit > RECEIVE_LIMIT_SHORT && packetPressure() > 0) limit = RECEIVE_LIMIT_SHORT;
  return limit > c.queuedBytes ? limit - c.queuedBytes : 0;
}

/** The window field of the segment about to be sent; notes the right edge. */
export function selectWindow(c: Connection): u32 {
  const left = windowLeft(c);
  const space = freeSpace(c);
  let window = left;
  if (space > left && space - left >= min(c.receiveLimit >> 1, c.receiveMss)) window = space;
  const scale = c.rcvScale;
  // Rounded up, so that the edge does not move left by the bits that scaling cuts off; but not
  // beyond the buffer, or a peer that sends single bytes would make it creep.
  let field = (window + (1 << scale) - 1) >> scale;
  if (field << scale > space + ((1 << scale) - 1)) field = window >> scale;
  field = min<u32>(field, 0xffff);
  const edge = c.rcvNxt + (field << scale);
  if (<i32>(edge - c.rcvAdvertised) > 0) c.rcvAdvertised = edge;
  return field;
}

/** Lets the buffer grow when the application has read more than half of it in one round trip. */
function tune(c: Connection, n: u32): void {
  const now = netNow();
  c.tuneBytes += n;
  if (now - c.tuneStart < max(c.srtt, MILLISECOND)) return;
  if (c.tuneBytes > c.receiveLimit >> 1 && packetPressure() == 0) {
    c.receiveLimit = min(RECEIVE_LIMIT_MAX, max(c.receiveLimit, c.tuneBytes * 2));
  }
  c.tuneBytes = 0;
  c.tuneStart = now;
}

/**
 * The application has read n bytes: tells the peer of the room when that is much more than it knows
 * of.
 */
export function noteConsumed(c: Connection, n: u32): void {
  if (!c.receiveLimitFixed) tune(c, n);
  if (c.pushed && !c.interactive && c.queuedBytes == 0) {
    // All that the peer wrote has been read, and there is no answer to wait for: it may be waiting
    // with what comes next (Nagle's algorithm).
    schedule(c, WORK_ACK);
    return;
  }
  const left = windowLeft(c);
  // The frequent case: the window is still open wide.
  if (left >= c.receiveLimit >> 2 && left >= c.mss * 2) return;
  const space = freeSpace(c);
  if (space < left + left) return;
  if (space - left < min(c.mss * 2, c.receiveLimit >> 1)) return;
  const state = c.state;
  const receiving =
    state == State.ESTABLISHED || state == State.FIN_WAIT_1 || state == State.FIN_WAIT_2;
  if (receiving && !c.finSeen) sendAcknowledgment(c);
}
