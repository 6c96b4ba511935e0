/**
 * TIME_WAIT (RFC 9293 3.6.1): what is left of a connection that was closed by this end, so that
 * late segments of it are recognised and a lost last acknowledgment can be repeated. A record of
 * its own, a tenth of a connection.
 *
 * The tuple may be used again before the time is over when that is safe: by the peer with a SYN
 * whose sequence number or timestamp is beyond the old ones (RFC 9293 3.6.1, RFC 6191), by us with
 * a later timestamp (as Linux's tcp_tw_reuse). A reset does not end it (RFC 1337). There are at
 * most TIME_WAIT_MAX; then the oldest goes.
 */
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { netNow } from "../clock";
import { SECOND, TIME_WAIT_LENGTH } from "./config";
import { Connection } from "./connection";
import { ACK, FIN, RST, SYN } from "./header";
import { Segment } from "./segment";
import { seqLess } from "./sequence";
import { State } from "./state";
import { Endpoint, tableInsert, tableRemove } from "./table";
import { sendBare } from "./transmit";

export const TIME_WAIT_MAX: u32 = 8192;

export class TimeWait extends Endpoint {
  sndNxt: u32 = 0;
  rcvNxt: u32 = 0;
  window: u32 = 0;
  timestamps: bool = false;
  tsOffset: u32 = 0;
  tsRecent: u32 = 0;
  since: u64 = 0;
  older: TimeWait | null = null;
  newer: TimeWait | null = null;

  expired(): void {
    timeWaitEnd(this);
  }

  /**
   * Whether we may connect with the same tuple: timestamps tell old segments from new ones a second
   * later.
   */
  reusable(): bool {
    return this.timestamps && netNow() - this.since >= SECOND;
  }
}

let oldest: TimeWait | null = null;
let newest: TimeWait | null = null;
let count: u32 = 0;

export function timeWaitCount(): u32 {
  return count;
}

function append(t: TimeWait): void {
  t.older = newest;
  t.newer = null;
  const last = newest;
  if (last) last.newer = t;
  else oldest = t;
  newest = t;
  count++;
}

function unlink(t: TimeWait): void {
  const older = t.older;
  const newer = t.newer;
  if (older) older.newer = newer;
  else oldest = newer;
  if (newer) newer.older = older;
  else newest = older;
  count--;
}

/**
 * Takes over the tuple of a connection that has left the table. When memory is short, the tuple is
 * free at once instead.
 */
export function timeWaitCreate(c: Connection): void {
  if (count >= TIME_WAIT_MAX) {
    const first = oldest;
    if (first) timeWaitEnd(first);
  }
  const t = attempt(new TimeWait());
  if (!t) return;
  t.localAddress = c.localAddress;
  t.remoteAddress = c.remoteAddress;
  t.ports = c.ports;
  t.state = State.TIME_WAIT;
  t.sndNxt = c.sndNxt;
  t.rcvNxt = c.rcvNxt;
  t.window = (c.rcvAdvertised - c.rcvNxt) >> c.rcvScale;
  t.timestamps = c.timestamps;
  t.tsOffset = c.tsOffset;
  t.tsRecent = c.tsRecent;
  t.since = netNow();
  tableInsert(t);
  append(t);
  t.arm(t.since + TIME_WAIT_LENGTH);
}

/** The time is over. */
export function timeWaitEnd(t: TimeWait): void {
  t.remove();
  unlink(t);
  tableRemove(t);
  free(t);
}

/**
 * Ends it for a new connection of the same tuple; returns the new one's initial sequence number.
 */
export function timeWaitReuse(t: TimeWait): u32 {
  // Beyond any window the old connection may have had.
  const iss = t.sndNxt + 65535 + 2;
  timeWaitEnd(t);
  return iss;
}

/** Whether a parsed SYN begins a new connection. */
export function timeWaitAccepts(t: TimeWait, segment: Segment): bool {
  if ((segment.flags & (SYN | ACK | RST)) != SYN) return false;
  if (t.timestamps && segment.hasTimestamp) return seqLess(t.tsRecent, segment.tsValue);
  return seqLess(t.rcvNxt, segment.sequence);
}

/** A segment for the old connection, parsed. */
export function timeWaitInput(t: TimeWait, segment: Segment): void {
  if (segment.flags & RST) return;
  const nothing =
    segment.length == 0 && (segment.flags & (SYN | FIN)) == 0 && segment.sequence == t.rcvNxt;
  if (nothing) return;
  if (segment.flags & FIN && segment.sequence + segment.length + 1 == t.rcvNxt) {
    // Our last acknowledgment was lost: the time starts again.
    t.arm(netNow() + TIME_WAIT_LENGTH);
  }
  sendBare(
    t.localAddress,
    t.remoteAddress,
    t.ports,
    t.sndNxt,
    t.rcvNxt,
    ACK,
    t.window,
    t.timestamps,
    <u32>(netNow() >> 20) + t.tsOffset,
    t.tsRecent,
  );
}

/** Ends all of them: for tests, and before the machine stops. */
export function timeWaitClear(): void {
  for (;;) {
    const t = oldest;
    if (!t) return;
    timeWaitEnd(t);
  }
}
