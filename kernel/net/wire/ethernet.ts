/**
 * Ethernet II frames (RFC 894).
 *
 *      0  destination   6  source   12  type   14  payload
 *
 * A hardware address is a u64 whose lowest byte is the first on the wire, as `NetDevice.mac` is.
 */
import { load8, load16, load32, store16, store32, store64 } from "../../arch/hw";
import { loadBe16, storeBe16 } from "./bytes";

export const ETHERNET_HEADER: u32 = 14;
export const ETHERTYPE_IPV4: u32 = 0x0800;
export const ETHERTYPE_ARP: u32 = 0x0806;
export const ETHERTYPE_IPV6: u32 = 0x86dd;
export const MAC_BROADCAST: u64 = 0xffff_ffff_ffff;

export function loadMac(address: u64): u64 {
  return <u64>load32(address) | ((<u64>load16(address + 4)) << 32);
}

export function storeMac(address: u64, mac: u64): void {
  store32(address, <u32>mac);
  store16(address + 4, <u32>(mac >> 32));
}

/** Whether the destination is a group: broadcast or multicast. */
export function ethernetToGroup(frame: u64): bool {
  return (load8(frame) & 1) != 0;
}

export function ethernetDestination(frame: u64): u64 {
  return loadMac(frame);
}

export function ethernetSource(frame: u64): u64 {
  return loadMac(frame + 6);
}

export function ethernetType(frame: u64): u32 {
  return loadBe16(frame + 12);
}

export function ethernetHeaderStore(frame: u64, destination: u64, source: u64, type: u32): void {
  store64(frame, destination | (source << 48));
  store32(frame + 8, <u32>(source >> 16));
  storeBe16(frame + 12, type);
}
