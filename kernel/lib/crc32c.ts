/**
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4), reflected, one table of 256 words made at the first
 * use.
 */
import { load8 } from "../arch/hw";

const POLYNOMIAL: u32 = 0x82f63b78;
const TABLE: usize = memory.data(256 * 4, 4);

function makeTable(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
    store<u32>(TABLE + ((<usize>i) << 2), value);
  }
}

/**
 * Continues a checksum over n bytes at an address. Neither the start value nor the result is
 * inverted here: the standard checksum of a text is `~crc32c(0xffffffff, text, n)`.
 */
export function crc32c(start: u32, address: u64, n: u64): u32 {
  if (load<u32>(TABLE + 4) == 0) makeTable();
  let crc = start;
  for (let i: u64 = 0; i < n; i++) {
    const index = (crc ^ load8(address + i)) & 0xff;
    crc = (crc >> 8) ^ load<u32>(TABLE + ((<usize>index) << 2));
  }
  return crc;
}
