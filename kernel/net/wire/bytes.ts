/**
 * Network byte order: big-endian fields at any address. The formats in this folder have their own
 * accessors built on these; nothing else converts byte order.
 */
import { load16, load32, store16, store32 } from "../../arch/hw";

export function loadBe16(address: u64): u32 {
  return bswap<u16>(<u16>load16(address));
}

export function loadBe32(address: u64): u32 {
  return bswap<u32>(load32(address));
}

export function storeBe16(address: u64, value: u32): void {
  store16(address, bswap<u16>(<u16>value));
}

export function storeBe32(address: u64, value: u32): void {
  store32(address, bswap<u32>(value));
}
