/**
 * Counters of the layers below the transports (those of RFC 4293 where it has them).
 */
@unmanaged
export class NetStats {
  framesIn: u64;
  framesOut: u64;
  bytesIn: u64;
  bytesOut: u64;
  /** Packets to ourselves, and their bytes without IP headers. */
  loopPackets: u64;
  loopBytes: u64;
  /** Too short, lengths that do not fit, wrong checksums. */
  malformed: u64;
  unknownProtocol: u64;
  /** Addressed to someone else. */
  notOurs: u64;
  packetsIn: u64;
  packetsOut: u64;
  noRoute: u64;
  noBuffer: u64;
  fragmentsIn: u64;
  reassembled: u64;
  reassemblyFailed: u64;
  fragmentsOut: u64;
  icmpErrorsOut: u64;
  icmpErrorsSuppressed: u64;
  arpFailed: u64;
  udpIn: u64;
  udpOut: u64;
  udpNoPort: u64;
  udpOverflow: u64;
  /** Times a device was told of frames. */
  kicks: u64;
  polls: u64;
}

const storage: usize = memory.data(256, 8);
if (offsetof<NetStats>() > 256) ERROR("the counters fit into their storage");
export const netStats: NetStats = changetype<NetStats>(storage);
