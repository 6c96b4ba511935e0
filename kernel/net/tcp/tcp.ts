/**
 * TCP as a whole, for the layers around it.
 *
 *     tcpInit(secrets)                                  once, before anything else
 *     tcpInput(packet, source, destination)             from IPv4 (input.ts); or channelPut (connection-channel.ts), from
 *                                                       the classifier. Then, per burst,
 *     tcpFlush()                                        (work.ts) drains the channels, sends and frees what is noted
 *     tcpIcmpError(…), tcpIsSent(…)                     from ICMP, with the ports and sequence number it quotes
 *     tcpPathMtu(remote)                                IPv4 has learnt a smaller one
 *
 * The time comes from net/clock.ts, timers run by net/timers.ts. All in thread context, one thread
 * at a time.
 */

import { finish } from "./close";
import { Connection, Recovery } from "./connection";
import { channelDrain } from "./connection-channel";
import { updateMss } from "./open";
import { reassemblyClear } from "./reassembly";
import { seqLess } from "./sequence";
import { sipKey } from "./sip-hash";
import { State } from "./state";
import { tcpStats } from "./stats";
import { tableChain, tableChainCount, tableFind, tableInit, tableKey } from "./table";
import { schedule, WORK_INPUT, WORK_OUTPUT } from "./work";

export { tcpInput } from "./input";
export { tcpFlush, tcpPending } from "./work";

/** Sets the secrets behind sequence numbers, cookies and hashes: 24 random bytes. */
export function tcpInit(random0: u64, random1: u64, random2: u64): void {
  sipKey(random0, random1);
  tableKey(random2);
  tableInit();
}

/**
 * Memory is short: gives back what may be given back, the segments kept out of order (RFC 2018
 * section 8 allows it). Without that, they could hold the very buffers that the missing ones need.
 * Returns how many packets were freed.
 */
export function tcpShrink(): u32 {
  let freed: u32 = 0;
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      if (!endpoint.isTimeWait()) {
        const c = changetype<Connection>(endpoint);
        freed += c.outOfOrderCount;
        if (!c.lockHeld) reassemblyClear(c);
      }
      endpoint = endpoint.hashNext;
    }
  }
  return freed;
}

/** The connection that an ICMP error is about, if what it quotes can be of ours (RFC 5927 4.1). */
function quoted(local: u32, remote: u32, ports: u32, sequence: u32): Connection | null {
  const endpoint = tableFind(local, remote, ports);
  if (!endpoint || endpoint.isTimeWait()) return null;
  const c = changetype<Connection>(endpoint);
  if ((c.work & WORK_INPUT) != 0 && !c.lockHeld) {
    // What came before the error may be the acknowledgment of what it is about.
    channelDrain(c);
    if (c.dead) return null;
  }
  if (seqLess(sequence, c.sndUna) || !seqLess(sequence, c.sndNxt)) return null;
  return c;
}

/**
 * ICMP reports that our segment did not arrive. `error` is a positive errno; a hard one ends an
 * attempt to connect, an established connection goes on (RFC 5927 6.1) and reports it if it dies of
 * it.
 */
export function tcpIcmpError(
  local: u32,
  remote: u32,
  localPort: u32,
  remotePort: u32,
  sequence: u32,
  error: i32,
): void {
  const c = quoted(local, remote, (localPort << 16) | remotePort, sequence);
  if (!c) return;
  c.softError = error;
  if (c.lockHeld || (c.state != State.SYN_SENT && c.state != State.SYN_RECEIVED)) return;
  tcpStats.attemptFails++;
  c.error = error;
  finish(c);
}

/**
 * Whether what an ICMP error quotes is a segment of ours that is on its way: what nobody can say
 * who does not see our traffic (RFC 5927 section 4.1).
 */
export function tcpIsSent(
  local: u32,
  remote: u32,
  localPort: u32,
  remotePort: u32,
  sequence: u32,
): bool {
  return quoted(local, remote, (localPort << 16) | remotePort, sequence) != null;
}

/**
 * The path to `remote` takes smaller IP packets than before (RFC 1191), as IPv4 has noted: smaller
 * segments from now on, of all connections there. IPv4 would not send the others'.
 */
export function tcpPathMtu(remote: u32): void {
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      if (endpoint.remoteAddress == remote && !endpoint.isTimeWait()) {
        pathMtuChanged(changetype<Connection>(endpoint));
      }
      endpoint = endpoint.hashNext;
    }
  }
}

/** Takes over the route's MTU; what was sent in larger segments is lost, but not for congestion. */
export function pathMtuChanged(c: Connection): void {
  const before = c.mss;
  updateMss(c);
  if (c.mss >= before || c.sndNxt == c.sndUna || !c.established) return;
  c.recovery = Recovery.LOSS;
  c.recoveryPoint = c.sndNxt;
  c.highRetransmit = c.sndUna;
  c.forceRetransmit = true;
  c.duplicateAcks = 0;
  schedule(c, WORK_OUTPUT);
}
