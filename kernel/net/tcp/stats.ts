/**
 * Counters, named as in the TCP MIB (RFC 4022) and Linux's /proc/net/snmp and netstat where those
 * have them.
 */
@unmanaged
export class TcpStats {
  activeOpens: u64;
  passiveOpens: u64;
  attemptFails: u64;
  establishedResets: u64;
  currentEstablished: u64;
  inSegments: u64;
  outSegments: u64;
  retransmittedSegments: u64;
  inErrors: u64;
  outResets: u64;
  // ---- Not in the MIB ----
  fastPath: u64;
  timeouts: u64;
  fastRecoveries: u64;
  synCookiesSent: u64;
  synCookiesReceived: u64;
  synCookiesFailed: u64;
  challengeAcks: u64;
  listenOverflows: u64;
  outOfOrder: u64;
  pawsRejected: u64;
  delayedAcks: u64;
  zeroWindowProbes: u64;
  keepaliveProbes: u64;
  bufferFailures: u64;
  pressureDrops: u64;
  /** Segments for a locked connection whose channel was full. */
  channelDrops: u64;
}

const storage: usize = memory.data(256, 8);
if (offsetof<TcpStats>() > 256) ERROR("the counters fit into their storage");
export const tcpStats: TcpStats = changetype<TcpStats>(storage);
