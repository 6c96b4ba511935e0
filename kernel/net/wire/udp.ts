/**
 * The UDP header (RFC 768): source port, destination port, length with header, checksum (0: none).
 */
import { load16, store16 } from "../../arch/hw";
import { loadBe16, storeBe16 } from "./bytes";

export const UDP_HEADER: u32 = 8;
export const UDP_CHECKSUM_OFFSET: u32 = 6;

export function udpSourcePort(header: u64): u32 {
  return loadBe16(header);
}

export function udpDestinationPort(header: u64): u32 {
  return loadBe16(header + 2);
}

export function udpLength(header: u64): u32 {
  return loadBe16(header + 4);
}

export function udpChecksum(header: u64): u32 {
  return load16(header + 6);
}

export function udpChecksumStore(header: u64, checksum: u32): void {
  store16(header + 6, checksum);
}

export function udpHeaderStore(header: u64, source: u32, destination: u32, length: u32): void {
  storeBe16(header, source);
  storeBe16(header + 2, destination);
  storeBe16(header + 4, length);
  store16(header + 6, 0);
}
