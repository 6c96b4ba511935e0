/**
 * A segment comes in. `tcpInput` finds out for whom it is, when net/classify.ts has not: a
 * connection gets it through its channel, and what no connection waits for is handled at once.
 * `connectionInput`, at the other end of the channel, handles the frequent case, the next segment
 * of an established connection, itself (header prediction, Van Jacobson) and leaves the rest to
 * slow-input.ts.
 */
import { load32 } from "../../arch/hw";
import { checksumAdd, checksumFold, checksumPseudo } from "../checksum";
import { netNow } from "../clock";
import { PACKET_CHECKSUM_VALID, Packet, packetFree, packetPressure } from "../packet";
import { acknowledged } from "./acknowledge";
import { RECEIVE_LIMIT_SHORT } from "./config";
import { Connection, Recovery } from "./connection";
import { channelPut, endBatch } from "./connection-channel";
import {
  controlWindow,
  headerAcknowledgment,
  headerControl,
  headerPorts,
  headerSequence,
  headerSize,
  PSH,
  TCP_HEADER_SIZE,
  TCP_PROTOCOL,
  wordAt,
} from "./header";
import { listenerFind } from "./listener";
import { TIMESTAMP_OPTION_SIZE, TIMESTAMP_PATTERN } from "./options";
import { listenerInput } from "./passive";
import { queueAppend } from "./receive-queue";
import { windowLeft } from "./receive-window";
import { segment } from "./segment";
import { processSegment } from "./slow-input";
import { State } from "./state";
import { tcpStats } from "./stats";
import { Endpoint, tableFind } from "./table";
import { TimeWait, timeWaitAccepts, timeWaitInput, timeWaitReuse } from "./time-wait";
import { sendResetFor } from "./transmit";
import { schedule, WORK_OUTPUT } from "./work";

/** PSH does not matter for header prediction. */
const CONTROL_MASK: u32 = 0xffff & ~(PSH << 8);

/**
 * Whether the checksum over pseudo header, header and payload is right; for a packet of which that
 * is not known (PACKET_CHECKSUM_VALID).
 */
function checksumRight(packet: Packet, source: u32, destination: u32): bool {
  let sum = checksumPseudo(source, destination, TCP_PROTOCOL, packet.totalLength());
  let odd = false;
  let part: Packet | null = packet;
  while (part) {
    const piece = checksumFold(checksumAdd(0, part.data, part.length));
    // A piece that starts at an odd distance has its bytes the other way round (RFC 1071 2(B)).
    sum += odd ? bswap<u16>(<u16>piece) : piece;
    if (part.length & 1) odd = !odd;
    part = part.fragment;
  }
  return checksumFold(sum) == 0xffff;
}

/**
 * Takes a packet that starts with its TCP header and whose end is the segment's. The header must be
 * in the first buffer.
 */
export function tcpInput(packet: Packet, source: u32, destination: u32): void {
  if (packet.length >= TCP_HEADER_SIZE) {
    const ports = headerPorts(packet.data);
    const endpoint = tableFind(destination, source, ports);
    if (endpoint && !endpoint.isTimeWait()) {
      channelPut(changetype<Connection>(endpoint), packet);
      return;
    }
    const isKnown = (packet.flags & PACKET_CHECKSUM_VALID) != 0;
    if (headerFits(packet) && (isKnown || checksumRight(packet, source, destination))) {
      strayInput(packet, source, destination, ports, endpoint);
      return;
    }
  }
  tcpStats.inSegments++;
  tcpStats.inErrors++;
  packetFree(packet);
}

/** Whether the options that the header says it has are there. TCP_HEADER_SIZE bytes are. */
function headerFits(packet: Packet): bool {
  const size = headerSize(packet.data);
  return size >= TCP_HEADER_SIZE && size <= packet.length;
}

/** No connection has the tuple: TIME_WAIT, a listener, or nobody. */
function strayInput(
  packet: Packet,
  source: u32,
  destination: u32,
  ports: u32,
  endpoint: Endpoint | null,
): void {
  tcpStats.inSegments++;
  segment.parse(packet);
  let iss: u32 = 0;
  const listener = listenerFind(destination, ports >> 16, source ^ ports);
  if (endpoint) {
    const t = changetype<TimeWait>(endpoint);
    if (!listener || !timeWaitAccepts(t, segment)) {
      timeWaitInput(t, segment);
      packetFree(packet);
      return;
    }
    iss = timeWaitReuse(t);
  }
  if (!listener) {
    sendResetFor(segment, destination, source, ports);
    packetFree(packet);
    return;
  }
  const c = listenerInput(listener, packet, destination, source, ports, iss);
  if (!c) return;
  processSegment(c, packet);
  if (c.arrived) endBatch(c);
}

/**
 * Takes a segment of at least TCP_HEADER_SIZE bytes for a connection that no copy is under way in.
 * The caller ends the batch.
 */
export function connectionInput(c: Connection, packet: Packet): void {
  tcpStats.inSegments++;
  const isKnown = (packet.flags & PACKET_CHECKSUM_VALID) != 0;
  if (isKnown || checksumRight(packet, c.remoteAddress, c.localAddress)) {
    if (c.state == State.ESTABLISHED && predicted(c, packet)) return;
    if (headerFits(packet)) {
      segment.parse(packet);
      processSegment(c, packet);
      return;
    }
  }
  tcpStats.inErrors++;
  packetFree(packet);
}

/**
 * Header prediction: the next data in order, acknowledging nothing or something new, no loss on
 * either side. Does all that is to be done for it; false: nothing has been done. The size of the
 * header needs no look: one that is longer than the packet makes the data longer than any window.
 */
function predicted(c: Connection, packet: Packet): bool {
  const at = packet.data;
  const control = headerControl(at);
  if ((control & CONTROL_MASK) != c.predictedControl) return false;
  const ack = headerAcknowledgment(at);
  const acked = ack - c.sndUna;
  if (
    headerSequence(at) != c.rcvNxt ||
    acked > c.sndNxt - c.sndUna ||
    c.recovery != Recovery.NONE ||
    c.outOfOrder ||
    c.finSeen ||
    packet.fragment
  ) {
    return false;
  }
  let size = TCP_HEADER_SIZE;
  if (c.timestamps) {
    if (load32(at + TCP_HEADER_SIZE) != TIMESTAMP_PATTERN) return false;
    const value = wordAt(at + TCP_HEADER_SIZE + 4);
    if (<i32>(value - c.tsRecent) < 0) return false;
    size += TIMESTAMP_OPTION_SIZE;
  }
  const length = packet.length - size;
  // Neither data nor a new acknowledgment: a duplicate, or a window update.
  if ((length | acked) == 0 || length > windowLeft(c)) return false;
  if (c.queuedBytes > RECEIVE_LIMIT_SHORT >> 1 && packetPressure() > 0) return false;

  const now = netNow();
  tcpStats.fastPath++;
  c.lastReceiveTime = now;
  if (c.timestamps && c.rcvNxt == c.lastAckSent) {
    c.tsRecent = wordAt(at + TCP_HEADER_SIZE + 4);
    c.tsRecentTime = now;
  }
  const window = controlWindow(control) << c.sndScale;
  c.sndWindow = window;
  if (window > c.sndWindowMax) c.sndWindowMax = window;
  c.sndWl1 = c.rcvNxt;
  c.sndWl2 = ack;
  if (acked > 0) acknowledged(c, ack);
  if (length > 0) {
    packet.pull(size);
    c.rcvNxt += length;
    c.bytesReceived += length;
    queueAppend(c, packet);
    c.noteArrived(length, (control & (PSH << 8)) != 0);
  } else {
    packetFree(packet);
  }
  if (c.bufferUsed > c.sndNxt - c.sndUna) schedule(c, WORK_OUTPUT);
  return true;
}
