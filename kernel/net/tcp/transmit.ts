/**
 * Building segments and handing them down. Each function makes one packet; false means that there
 * was no buffer, and nothing was sent: timers make up for it.
 */
import { netNow } from "../clock";
import { PACKET_BUFFER_SIZE, PACKET_HEADROOM, packetAlloc, packetAllocLarge } from "../packet";
import { NEVER } from "../timers";
import { WINDOW_SCALE } from "./config";
import { Connection } from "./connection";
import { ACK, headerWrite, RST, SYN, setWordAt, TCP_HEADER_SIZE } from "./header";
import {
  synOptionsSize,
  TIMESTAMP_OPTION_SIZE,
  writeSackHead,
  writeSynOptions,
  writeTimestamp,
} from "./options";
import { collectSackBlocks, duplicateReported, sackBlockEnd, sackBlockStart } from "./reassembly";
import { selectWindow } from "./receive-window";
import { Segment } from "./segment";
import { bufferRead } from "./send-buffer";
import { State } from "./state";
import { tcpStats } from "./stats";
import { urgentMark } from "./urgent";
import { wireSegmentMax, wireTransmit } from "./wire";
import { WORK_ACK } from "./work";

const SMALL_MAX: u32 = PACKET_BUFFER_SIZE - PACKET_HEADROOM;

/**
 * The clock of timestamps: ticks of 2^20 ns, a little more than a millisecond (RFC 7323 5.4 allows
 * 1 ms to 1 s).
 */
export function timestampNow(c: Connection): u32 {
  return <u32>(netNow() >> 20) + c.tsOffset;
}

/** What the segment just built acknowledges needs no acknowledgment of its own any more. */
function noteAcknowledged(c: Connection): void {
  c.lastAckSent = c.rcvNxt;
  c.unackedBytes = 0;
  c.pushed = false;
  c.delayedAckDeadline = NEVER;
  c.work &= ~WORK_ACK;
}

/**
 * Data goes out behind data that came in. When that is the rule these are requests and answers, and
 * acknowledgments travel with the answers.
 */
function noteAnswer(c: Connection): void {
  c.asked = false;
  if (c.unackedBytes == 0 && ++c.answers < c.answersWanted) return;
  c.interactive = true;
  c.quickAcks = 0;
}

/** Collects the SACK blocks that a segment of `length` bytes has room for; returns how many. */
function sackBlocksFor(c: Connection, length: u32): u32 {
  const blocks = collectSackBlocks(c, c.timestamps ? 3 : 4);
  // A full segment of data has no room for blocks: an acknowledgment of its own will carry them.
  if (length > 0 && length + 4 + blocks * 8 > c.mss) return 0;
  duplicateReported(c);
  return blocks;
}

/**
 * Sends `length` bytes of the send buffer from `sequence` on, with `flags`; length 0 for a segment
 * without data. More than one segment's worth is cut by the device.
 */
export function transmit(c: Connection, sequence: u32, length: u32, flags: u32): bool {
  const packet = length <= SMALL_MAX ? packetAlloc() : packetAllocLarge(length);
  if (!packet) {
    tcpStats.bufferFailures++;
    return false;
  }
  const timestamps = c.timestamps;
  let size = TCP_HEADER_SIZE + (timestamps ? TIMESTAMP_OPTION_SIZE : 0);
  const sackAt = size;
  let blocks: u32 = 0;
  if (c.reportsRanges) {
    blocks = sackBlocksFor(c, length);
    if (blocks > 0) size += 4 + blocks * 8;
  }
  if (length > 0) {
    bufferRead(c, sequence, packet.append(length), length);
    if (c.asked) noteAnswer(c);
  }
  const at = packet.push(size);
  headerWrite(at, c.ports, sequence, c.rcvNxt, size, flags, selectWindow(c));
  if (c.sendsUrgent) urgentMark(c, at, sequence);
  if (timestamps) writeTimestamp(at + TCP_HEADER_SIZE, timestampNow(c), c.tsRecent);
  if (blocks > 0) {
    writeSackHead(at + sackAt, blocks);
    for (let i: u32 = 0; i < blocks; i++) {
      setWordAt(at + sackAt + 4 + i * 8, sackBlockStart(i));
      setWordAt(at + sackAt + 8 + i * 8, sackBlockEnd(i));
    }
  }
  if (length > c.mss) {
    packet.segmentSize = <u16>c.mss;
    packet.headerLength = <u16>size;
  }
  if (!c.outOfOrder || length == 0) noteAcknowledged(c);
  wireTransmit(packet, c.localAddress, c.remoteAddress);
  return true;
}

/** An acknowledgment without data. */
export function sendAcknowledgment(c: Connection): bool {
  return transmit(c, c.sndNxt, 0, ACK);
}

/**
 * A segment that is out of the peer's window on purpose, so that it answers with its state
 * (probes).
 */
export function sendProbe(c: Connection): bool {
  return transmit(c, c.sndUna - 1, 0, ACK);
}

export function sendReset(c: Connection): void {
  tcpStats.outResets++;
  transmit(c, c.sndNxt, 0, RST | ACK);
}

/** The MSS we announce: what our link takes, options not deducted (RFC 6691). */
export function announcedMss(c: Connection): u32 {
  const link = wireSegmentMax(c.remoteAddress) - TCP_HEADER_SIZE;
  const limit = c.mssLimit != 0 && c.mssLimit < link ? c.mssLimit : link;
  return min<u32>(limit, 0xffff);
}

/** Sends our SYN, in SYN_RECEIVED with the acknowledgment of the peer's. */
export function sendSyn(c: Connection): bool {
  const packet = packetAlloc();
  if (!packet) {
    tcpStats.bufferFailures++;
    return false;
  }
  const answer = c.state == State.SYN_RECEIVED;
  // The first SYN offers everything; an answer, what the peer offered.
  const timestamps = !answer || c.timestamps;
  const sack = !answer || c.sack;
  const scaling = !answer || c.windowScaling;
  const size = TCP_HEADER_SIZE + synOptionsSize(timestamps, sack, scaling);
  const at = packet.push(size);
  // A SYN's window is not scaled (RFC 7323 2.2).
  const window = min<u32>(c.receiveLimit, 0xffff);
  const flags = answer ? SYN | ACK : SYN;
  headerWrite(at, c.ports, c.initialSend, answer ? c.rcvNxt : 0, size, flags, window);
  writeSynOptions(
    at + TCP_HEADER_SIZE,
    announcedMss(c),
    sack,
    timestamps,
    timestampNow(c),
    c.tsRecent,
    scaling ? <i32>WINDOW_SCALE : -1,
  );
  if (answer) noteAcknowledged(c);
  c.lastSendTime = netNow();
  wireTransmit(packet, c.localAddress, c.remoteAddress);
  return true;
}

/**
 * A bare segment that belongs to no connection: resets for what nobody expects, acknowledgments in
 * TIME_WAIT. `timestamp` asks for the option.
 */
export function sendBare(
  local: u32,
  remote: u32,
  ports: u32,
  sequence: u32,
  acknowledgment: u32,
  flags: u32,
  window: u32,
  timestamp: bool,
  tsValue: u32,
  tsEcho: u32,
): void {
  const packet = packetAlloc();
  if (!packet) return;
  const size = TCP_HEADER_SIZE + (timestamp ? TIMESTAMP_OPTION_SIZE : 0);
  const at = packet.push(size);
  headerWrite(at, ports, sequence, acknowledgment, size, flags, window);
  if (timestamp) writeTimestamp(at + TCP_HEADER_SIZE, tsValue, tsEcho);
  wireTransmit(packet, local, remote);
}

/**
 * Answers a parsed segment that nobody expects by a reset (RFC 9293 3.5.2, group 1); never a reset
 * itself.
 */
export function sendResetFor(segment: Segment, local: u32, remote: u32, ports: u32): void {
  if (segment.flags & RST) return;
  tcpStats.outResets++;
  if (segment.flags & ACK) {
    sendBare(local, remote, ports, segment.acknowledgment, 0, RST, 0, false, 0, 0);
    return;
  }
  const end =
    segment.sequence + segment.length + (segment.flags & SYN ? 1 : 0) + (segment.flags & 1);
  sendBare(local, remote, ports, 0, end, RST | ACK, 0, false, 0, 0);
}
