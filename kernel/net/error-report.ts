/**
 * Why a packet of ours did not arrive: what ICMP says of it, or what this machine would say.
 */
@unmanaged
export class ErrorReport {
  /** Positive. */
  errno: i32;
  /** Ends a connection attempt; others are only remembered. */
  isHard: bool;
  /** Of the ICMP message. */
  type: u32;
  code: u32;
  /** With EMSGSIZE: what the path takes. */
  info: u32;
  /** Who says so. */
  offender: u32;
  /** Bytes that are known of the packet, from its transport header on; at least 8. */
  length: u32;
}
