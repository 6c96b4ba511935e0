/**
 * Urgent data (RFC 9293 3.8.5, RFC 6093), as sockets know it: one byte out of band. The urgent
 * pointer is sent and taken as pointing behind that byte, as all systems do.
 *
 *     urgentInput(c, packet, offset)   a segment with URG, or one that may hold a byte that is still to come
 *     urgentTake(c)                    recv(MSG_OOB): the byte, or -EINVAL, -EAGAIN
 *     urgentLimit(c), urgentPassed(c)  reading stops at the mark, and goes on behind it
 *     urgentMark(c, at, sequence)      marks a segment that we send
 *
 *     state        the byte
 *     NONE         there is none, or reading has passed it
 *     COMING       is announced and has not arrived
 *     HERE         can be taken by MSG_OOB, and is left out of the stream unless SO_OOBINLINE is set
 *     TAKEN        has been; the mark stays until reading passes it
 *
 * While it is COMING header prediction is off, since any segment may hold it.
 */
import { load8 } from "../../arch/hw";
import { POLLIN, POLLPRI, POLLRDNORM } from "../../fs/file";
import { EAGAIN, EINVAL, ENOTCONN } from "../../lib/errno";
import { Packet } from "../packet";
import { Connection } from "./connection";
import { setUrgent, URG } from "./header";
import { predictHeaders, updateMss } from "./open";
import { queueDiscard } from "./receive-queue";
import { segment } from "./segment";
import { seqLess } from "./sequence";
import { State } from "./state";

export const URGENT_NONE: u8 = 0;
export const URGENT_COMING: u8 = 1;
export const URGENT_HERE: u8 = 2;
export const URGENT_TAKEN: u8 = 3;

/** The sequence number of the next byte that the application reads. */
function readSequence(c: Connection): u32 {
  return c.rcvNxt - (c.finReceived ? 1 : 0) - c.queuedBytes;
}

/** Bytes to be read before the mark; a large number when reading has passed it. */
function beforeMark(c: Connection): u32 {
  return c.urgentSequence - readSequence(c);
}

/** Whether reading is at the mark (SIOCATMARK). */
export function atUrgentMark(c: Connection): bool {
  return c.urgentState != URGENT_NONE && beforeMark(c) == 0;
}

function setState(c: Connection, state: u8): void {
  c.urgentState = state;
  if (state == URGENT_COMING) c.predictedControl = 0;
  else predictHeaders(c);
}

/** The segment announces an urgent byte. */
function announced(c: Connection): void {
  const at = segment.urgentSequence;
  if (seqLess(at, readSequence(c)) || seqLess(at, c.rcvNxt)) return;
  if (c.urgentState != URGENT_NONE) {
    if (!seqLess(c.urgentSequence, at)) return;
    // The byte before, which nobody has read past: it was out of band and does not come back.
    if (beforeMark(c) == 0 && !c.urgentInline && c.queuedBytes > 0) queueDiscard(c, 1);
  }
  c.urgentSequence = at;
  setState(c, URGENT_COMING);
}

/** The byte `offset` of a packet, a chain of buffers or one. */
function byteOf(packet: Packet, offset: u32): u8 {
  let part: Packet = packet;
  let left = offset;
  while (left >= part.length) {
    left -= part.length;
    part = part.fragment!;
  }
  return <u8>load8(part.data + left);
}

/** `segment` is parsed, and `packet` holds its `segment.length` bytes. Takes no packet. */
export function urgentInput(c: Connection, packet: Packet): void {
  const state = c.state;
  if (state != State.ESTABLISHED && state != State.FIN_WAIT_1 && state != State.FIN_WAIT_2) return;
  if (segment.flags & URG) announced(c);
  if (c.urgentState != URGENT_COMING) return;
  const offset = c.urgentSequence - segment.sequence;
  if (offset >= segment.length) return;
  c.urgentByte = byteOf(packet, offset);
  setState(c, URGENT_HERE);
  c.notify(POLLPRI);
}

/** recv(MSG_OOB): 0 to 255, -EINVAL, -EAGAIN, -ENOTCONN; -1 at the end of the stream. */
export function urgentTake(c: Connection, peek: bool): i32 {
  if (c.urgentInline || c.urgentState == URGENT_NONE || c.urgentState == URGENT_TAKEN) {
    return -EINVAL;
  }
  if (c.urgentState == URGENT_COMING) {
    if (c.state == State.CLOSED && c.initialSend == 0) return -ENOTCONN;
    return -EAGAIN;
  }
  if (!peek) c.urgentState = URGENT_TAKEN;
  return c.urgentByte;
}

/**
 * Before a read: how many bytes it may take. At the mark, the byte that is out of band is left out
 * (with `peek` it can't be, and nothing is given).
 */
export function urgentLimit(c: Connection, peek: bool): u32 {
  const before = beforeMark(c);
  if (before != 0) return min(before, c.queuedBytes);
  if (c.urgentInline) return c.queuedBytes;
  if (peek) return 0;
  queueDiscard(c, 1);
  urgentPassed(c);
  return c.queuedBytes;
}

/** After a read: whether it has gone beyond the mark, which is no more then. */
export function urgentPassed(c: Connection): void {
  if (seqLess(c.urgentSequence, readSequence(c))) setState(c, URGENT_NONE);
}

/** Bytes that can be read before the mark; all, without one in the way (FIONREAD). */
export function urgentReadable(c: Connection): u32 {
  return c.urgentInline ? c.queuedBytes : min(beforeMark(c), c.queuedBytes);
}

/** poll(2) with an urgent byte: POLLPRI, and no POLLIN for that byte alone. */
export function urgentPoll(c: Connection, mask: u32): u32 {
  let events = mask;
  if (c.urgentState == URGENT_HERE) events |= POLLPRI;
  const isAlone = c.queuedBytes == 1 && beforeMark(c) == 0 && !c.urgentInline;
  const isEnd = c.finReceived || c.receiveShutdown;
  return isAlone && !isEnd ? events & ~(POLLIN | POLLRDNORM) : events;
}

/** The last of the n bytes that are about to be buffered is urgent. */
export function urgentFollows(c: Connection, n: u32): void {
  c.urgentEnd = c.bufferSequence + c.bufferUsed + n;
  c.sendsUrgent = true;
  // A device that cuts would repeat the pointer in each piece.
  c.segmentationMax = 0;
}

/** Marks the segment whose header is at `at`, as long as the urgent byte is not acknowledged. */
export function urgentMark(c: Connection, at: u64, sequence: u32): void {
  if (!seqLess(c.sndUna, c.urgentEnd)) {
    c.sendsUrgent = false;
    updateMss(c);
    return;
  }
  const pointer = c.urgentEnd - sequence;
  if (seqLess(sequence, c.urgentEnd) && pointer <= 0xffff) setUrgent(at, pointer);
}
