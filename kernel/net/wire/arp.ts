/**
 * ARP for IPv4 over Ethernet (RFC 826): 28 bytes.
 *
 *      0  hardware type  2  protocol type  4  lengths  6  operation
 *      8  sender mac    14  sender address  18  target mac  24  target address
 */
import { load64, store64 } from "../../arch/hw";
import { loadBe16, loadBe32, storeBe16, storeBe32 } from "./bytes";
import { loadMac, storeMac } from "./ethernet";

export const ARP_LENGTH: u32 = 28;
export const ARP_REQUEST: u32 = 1;
export const ARP_REPLY: u32 = 2;

/**
 * Hardware Ethernet (1), protocol IPv4 (0x0800), address lengths 6 and 4, as the first six bytes
 * are loaded.
 */
const PREFIX: u64 = 0x0406_0008_0100;

/** Whether the packet, of at least ARP_LENGTH bytes, is about IPv4 over Ethernet. */
export function arpIsValid(packet: u64): bool {
  return (load64(packet) & 0xffff_ffff_ffff) == PREFIX;
}

export function arpOperation(packet: u64): u32 {
  return loadBe16(packet + 6);
}

export function arpSenderMac(packet: u64): u64 {
  return loadMac(packet + 8);
}

export function arpSender(packet: u64): u32 {
  return loadBe32(packet + 14);
}

export function arpTarget(packet: u64): u32 {
  return loadBe32(packet + 24);
}

export function arpStore(
  packet: u64,
  operation: u32,
  senderMac: u64,
  sender: u32,
  targetMac: u64,
  target: u32,
): void {
  store64(packet, PREFIX);
  storeBe16(packet + 6, operation);
  storeMac(packet + 8, senderMac);
  storeBe32(packet + 14, sender);
  storeMac(packet + 18, targetMac);
  storeBe32(packet + 24, target);
}
