/**
 * Opening: what both ends set up, and the active side.
 */
import { EADDRNOTAVAIL, EISCONN, ENETUNREACH } from "../../lib/errno";
import { netNow } from "../clock";
import { MSS_DEFAULT, MSS_MIN, WINDOW_SCALE } from "./config";
import { Connection } from "./connection";
import { congestionInit } from "./cubic";
import { ACK } from "./header";
import { initialSequence, timestampOffset } from "./isn";
import { ephemeralPort } from "./ports";
import { Segment } from "./segment";
import { State } from "./state";
import { tcpStats } from "./stats";
import { tableFind, tableInsert } from "./table";
import { TimeWait, timeWaitReuse } from "./time-wait";
import { keepaliveRestart, setRetransmit } from "./timer";
import { announcedMss, sendSyn } from "./transmit";
import { wireSegmentationMax, wireSource } from "./wire";

/**
 * How many acknowledgments are not delayed after the handshake, while the peer is in slow start.
 */
const QUICK_ACKS: u32 = 4;

/** Sets the tuple and our initial sequence number. */
export function initialize(c: Connection, local: u32, remote: u32, ports: u32, iss: u32): void {
  c.localAddress = local;
  c.remoteAddress = remote;
  c.ports = ports;
  c.initialSend = iss;
  c.sndUna = iss;
  c.sndNxt = iss + 1;
  c.bufferSequence = iss + 1;
  c.sndSmall = iss;
  c.recoveryPoint = iss;
  c.highRetransmit = iss;
  c.tsOffset = timestampOffset(local, remote, ports);
  c.tuneStart = netNow();
  c.lastReceiveTime = netNow();
}

/** Derives the payload size from what both ends' links take and the options of every segment. */
export function updateMss(c: Connection): void {
  const options: u32 = c.timestamps ? 12 : 0;
  c.mss = max(min(c.peerMss, announcedMss(c)), MSS_MIN) - options;
  c.segmentationMax = wireSegmentationMax(c.remoteAddress);
}

/** Takes over what the peer's SYN offers. */
export function applySyn(c: Connection, segment: Segment): void {
  c.initialReceive = segment.sequence;
  c.rcvNxt = segment.sequence + 1;
  c.lastAckSent = c.rcvNxt;
  c.rcvAdvertised = c.rcvNxt + min<u32>(c.receiveLimit, 0xffff);
  c.recent0 = c.rcvNxt - 1;
  c.recent1 = c.recent0;
  c.recent2 = c.recent0;
  c.recent3 = c.recent0;
  c.timestamps = segment.hasTimestamp;
  if (segment.hasTimestamp) {
    c.tsRecent = segment.tsValue;
    c.tsRecentTime = netNow();
  }
  c.sack = segment.sackPermitted;
  c.windowScaling = segment.windowScale >= 0;
  c.sndScale = c.windowScaling ? <u32>segment.windowScale : 0;
  c.rcvScale = c.windowScaling ? WINDOW_SCALE : 0;
  c.peerMss = segment.mss != 0 ? segment.mss : MSS_DEFAULT;
  // The window of a SYN is not scaled.
  c.sndWindow = segment.window;
  c.sndWindowMax = segment.window;
  c.sndWl1 = segment.sequence;
  c.sndWl2 = segment.acknowledgment;
  finishOptions(c);
}

/** After timestamps and MSS are known. */
export function finishOptions(c: Connection): void {
  updateMss(c);
  c.receiveMss = min(MSS_DEFAULT, c.mss);
  predictHeaders(c);
  congestionInit(c);
}

/** What the usual segment's header looks like (header prediction, input.ts). */
export function predictHeaders(c: Connection): void {
  c.predictedControl = (c.timestamps ? 8 << 4 : 5 << 4) | (ACK << 8);
}

/** The handshake is complete. */
export function establish(c: Connection): void {
  c.established = true;
  c.setState(State.ESTABLISHED);
  // Shut down before the handshake was over.
  if (c.finQueued) c.setState(State.FIN_WAIT_1);
  tcpStats.currentEstablished++;
  c.backoff = 0;
  c.quickAcks = QUICK_ACKS;
  keepaliveRestart(c);
}

/** Starts to connect: see Connection.connect. */
export function openActive(
  c: Connection,
  localAddress: u32,
  localPort: u32,
  remote: u32,
  remotePort: u32,
): i32 {
  if (c.state != State.CLOSED || c.dead) return -EISCONN;
  const local = localAddress != 0 ? localAddress : wireSource(remote);
  if (local == 0) return -ENETUNREACH;
  const port = localPort != 0 ? localPort : ephemeralPort(local, remote, remotePort);
  if (port == 0) return -EADDRNOTAVAIL;
  const ports = (port << 16) | remotePort;
  let iss = initialSequence(local, remote, ports);
  const taken = tableFind(local, remote, ports);
  if (taken) {
    if (!taken.isTimeWait()) return -EADDRNOTAVAIL;
    const last = changetype<TimeWait>(taken);
    if (!last.reusable()) return -EADDRNOTAVAIL;
    iss = timeWaitReuse(last);
  }
  initialize(c, local, remote, ports, iss);
  tableInsert(c);
  c.setState(State.SYN_SENT);
  tcpStats.activeOpens++;
  c.timing = true;
  c.timedSequence = iss + 1;
  c.timedSince = netNow();
  sendSyn(c);
  setRetransmit(c);
  return 0;
}
