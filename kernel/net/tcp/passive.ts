/**
 * The passive side: a segment for a port that somebody listens on.
 *
 *     SYN, room for a half-open connection          a Connection in SYN_RECEIVED, SYN+ACK
 *     SYN, no room                                  SYN+ACK with a cookie, nothing stored
 *     SYN, the accept queue is full                 dropped: the peer will try again
 *     ACK that acknowledges a cookie                a Connection, as if it had been there
 *     any other                                     reset
 */
import { attempt } from "../../runtime/attempt";
import { netNow } from "../clock";
import { Packet, packetAlloc, packetFree } from "../packet";
import { SECOND, WINDOW_SCALE } from "./config";
import { Connection } from "./connection";
import { ACK, FIN, headerWrite, RST, SYN, TCP_HEADER_SIZE } from "./header";
import { initialSequence, timestampOffset } from "./isn";
import { Listener } from "./listener";
import { applySyn, initialize } from "./open";
import { synOptionsSize, writeSynOptions } from "./options";
import { segment } from "./segment";
import { State } from "./state";
import { tcpStats } from "./stats";
import { cookieApply, cookieMake, cookieRecent, cookieTimestamp, cookieValid } from "./syn-cookie";
import { tableInsert } from "./table";
import { setRetransmit } from "./timer";
import { sendResetFor, sendSyn } from "./transmit";
import { wireSegmentMax, wireTransmit } from "./wire";

/**
 * Acknowledgments are looked at as cookies for this long after one was sent: as long as a cookie is
 * good.
 */
const COOKIE_PERIOD: u64 = 140 * SECOND;

/**
 * Input for a listener: `segment` is parsed, nothing else knows the tuple. Frees the packet unless
 * the returned connection has to process it (a cookie's acknowledgment). `iss` 0: choose one.
 */
export function listenerInput(
  listener: Listener,
  packet: Packet,
  local: u32,
  remote: u32,
  ports: u32,
  iss: u32,
): Connection | null {
  const flags = segment.flags;
  if (flags & RST) {
    packetFree(packet);
    return null;
  }
  if (flags & ACK) {
    if ((flags & SYN) == 0 && listener.cookieTime != 0) {
      const c = cookieInput(listener, local, remote, ports);
      if (c) return c;
      const carries = segment.length > 0 || (flags & FIN) != 0;
      if ((carries || listener.acceptFull()) && cookieRecent(segment)) {
        // Data or a FIN may have overtaken the acknowledgment that the cookie needs, or accept is
        // behind: it will be sent again.
        packetFree(packet);
        return null;
      }
    }
    sendResetFor(segment, local, remote, ports);
    packetFree(packet);
    return null;
  }
  if ((flags & (SYN | FIN)) == SYN) synInput(listener, local, remote, ports, iss);
  packetFree(packet);
  return null;
}

/** Null when memory is short: counted, and the peer sends its segment again. */
function createChild(listener: Listener): Connection | null {
  const c = attempt(new Connection());
  if (!c) {
    tcpStats.listenOverflows++;
    return null;
  }
  const template = listener.template;
  if (template) c.inheritOptions(template);
  return c;
}

function synInput(listener: Listener, local: u32, remote: u32, ports: u32, iss: u32): void {
  if (listener.acceptFull()) {
    tcpStats.listenOverflows++;
    return;
  }
  if (listener.halfOpenFull()) {
    sendCookie(listener, local, remote, ports);
    return;
  }
  const c = createChild(listener);
  if (!c) return;
  initialize(c, local, remote, ports, iss != 0 ? iss : initialSequence(local, remote, ports));
  applySyn(c, segment);
  tableInsert(c);
  c.setState(State.SYN_RECEIVED);
  listener.addHalfOpen(c);
  tcpStats.passiveOpens++;
  c.timing = true;
  c.timedSequence = c.sndNxt;
  c.timedSince = netNow();
  sendSyn(c);
  setRetransmit(c);
}

function sendCookie(listener: Listener, local: u32, remote: u32, ports: u32): void {
  const packet = packetAlloc();
  if (!packet) return;
  tcpStats.synCookiesSent++;
  listener.cookieTime = netNow();
  // Without timestamps there is nowhere to keep the other options.
  const timestamps = segment.hasTimestamp;
  const sack = timestamps && segment.sackPermitted;
  const scaling = timestamps && segment.windowScale >= 0;
  const size = TCP_HEADER_SIZE + synOptionsSize(timestamps, sack, scaling);
  const at = packet.push(size);
  const cookie = cookieMake(segment, local, remote, ports);
  headerWrite(at, ports, cookie, segment.sequence + 1, size, SYN | ACK, 0xffff);
  const now = <u32>(netNow() >> 20) + timestampOffset(local, remote, ports);
  writeSynOptions(
    at + TCP_HEADER_SIZE,
    wireSegmentMax(remote) - TCP_HEADER_SIZE,
    sack,
    timestamps,
    timestamps ? cookieTimestamp(segment, now) : 0,
    segment.tsValue,
    scaling ? <i32>WINDOW_SCALE : -1,
  );
  wireTransmit(packet, local, remote);
}

/** An ACK without a connection: opens one when it acknowledges a cookie. */
function cookieInput(listener: Listener, local: u32, remote: u32, ports: u32): Connection | null {
  if (netNow() - listener.cookieTime > COOKIE_PERIOD) {
    listener.cookieTime = 0;
    return null;
  }
  if (!cookieValid(segment, local, remote, ports)) {
    tcpStats.synCookiesFailed++;
    return null;
  }
  if (listener.acceptFull()) {
    tcpStats.listenOverflows++;
    return null;
  }
  const c = createChild(listener);
  if (!c) return null;
  tcpStats.synCookiesReceived++;
  tcpStats.passiveOpens++;
  initialize(c, local, remote, ports, segment.acknowledgment - 1);
  // As the SYN was: one sequence number before.
  segment.sequence--;
  applySyn(c, segment);
  segment.sequence++;
  cookieApply(c, segment);
  c.rcvAdvertised = c.rcvNxt + 0xffff;
  tableInsert(c);
  c.setState(State.SYN_RECEIVED);
  listener.addHalfOpen(c);
  return c;
}
