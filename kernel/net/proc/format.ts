/**
 * What the tables of /proc/net are made of: numbers in the columns that programs parse.
 */
import { TextBuffer } from "../../lib/text-buffer";
import { inet6Store } from "../socket/address";

const DIGITS = "0123456789ABCDEF";
const SPACE: u32 = 32;
const NEWLINE: u32 = 10;

/** `digits` hexadecimal digits, in capitals. */
export function putHex(out: TextBuffer, value: u64, digits: i32): TextBuffer {
  for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    out.byte(DIGITS.charCodeAt(<i32>((value >> shift) & 15)));
  }
  return out;
}

/** A number, left-aligned in `width` columns. */
export function putLeft(out: TextBuffer, value: u64, width: u32): TextBuffer {
  const start = out.length;
  out.decimal(value);
  return pad(out, start + width);
}

/** Spaces up to a length of the text. */
export function pad(out: TextBuffer, length: u32): TextBuffer {
  while (out.length < length && !out.cut) out.byte(SPACE);
  return out;
}

/** Ends a line that began at `start` and has `width` columns. */
export function endLine(out: TextBuffer, start: u32, width: u32): void {
  pad(out, start + width).byte(NEWLINE);
}

/** Address and port as /proc/net/tcp and udp have them; `ipv6`: as their twins for IPv6 do. */
export function putEndpoint(out: TextBuffer, address: u32, port: u32, ipv6: bool): TextBuffer {
  if (ipv6) {
    const words = memory.data(16, 4);
    inet6Store(words, address);
    for (let i: usize = 0; i < 16; i += 4) putHex(out, load<u32>(words + i), 8);
  } else {
    putHex(out, bswap<u32>(address), 8);
  }
  return putHex(out.byte(58), port, 4);
}

/** An IPv4 address in decimal. */
export function putDotted(out: TextBuffer, address: u32): TextBuffer {
  for (let i: u32 = 0; i < 4; i++) {
    if (i > 0) out.byte(46);
    out.decimal((address >> (24 - 8 * i)) & 255);
  }
  return out;
}

/** A hardware address: six bytes in hexadecimal. */
export function putMac(out: TextBuffer, mac: u64): TextBuffer {
  for (let i: u64 = 0; i < 6; i++) {
    if (i > 0) out.byte(58);
    out.hex((mac >> (i * 8)) & 255, 2);
  }
  return out;
}
