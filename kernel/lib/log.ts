/**
 * The kernel's log: a line at a time, put together from parts without building strings.
 *
 *     if (logBegin(LOG_WARN, "net")) {
 *       put("no buffer left, dropped ");
 *       putDecimal(count);
 *       logEnd();
 *     }
 *
 * A line goes to the sink, byte by byte: the console driver's once there is one, the first serial
 * port before.
 */
import * as hw from "../arch/hw";

export const LOG_ERROR = 0;
export const LOG_WARN = 1;
export const LOG_INFO = 2;
export const LOG_DEBUG = 3;

const COM1_DATA: u32 = 0x3f8;
const HEX_DIGITS = "0123456789abcdef";

let level: i32 = LOG_WARN;
let sink: (byte: u32) => void = (byte: u32) => hw.out8(COM1_DATA, byte);

export function setLogLevel(value: i32): void {
  level = value;
}

export function setLogSink(write: (byte: u32) => void): void {
  sink = write;
}

/**
 * Starts a line of `module`; false when lines of that level are not wanted, and then nothing may be
 * put.
 */
export function logBegin(lineLevel: i32, module: string): bool {
  if (lineLevel > level) return false;
  put("virga: ");
  put(module);
  put(": ");
  return true;
}

export function logEnd(): void {
  sink(10);
}

/** A whole line of one text. */
export function log(lineLevel: i32, module: string, text: string): void {
  if (!logBegin(lineLevel, module)) return;
  put(text);
  logEnd();
}

/** Writes ASCII text. */
export function put(text: string): void {
  const pointer = changetype<usize>(text);
  for (let i = 0; i < text.length; i++) sink(load<u16>(pointer + ((<usize>i) << 1)));
}

export function putByte(byte: u32): void {
  sink(byte);
}

/** Writes the zero-terminated text at an address. */
export function putCString(address: u64): void {
  for (let a = address; ; a++) {
    const byte = hw.load8(a);
    if (byte == 0) return;
    sink(byte);
  }
}

export function putDecimal(value: u64): void {
  if (value >= 10) putDecimal(value / 10);
  sink(<u32>(48 + (value % 10)));
}

export function putSigned(value: i64): void {
  if (value < 0) {
    sink(45);
    putDecimal(-value);
  } else {
    putDecimal(value);
  }
}

/** Writes `0x` and at least `digits` hexadecimal digits. */
export function putHex(value: u64, digits: i32 = 1): void {
  put("0x");
  let shift = 60;
  while (shift > 0 && value >> shift == 0 && shift >= digits * 4) shift -= 4;
  for (; shift >= 0; shift -= 4) sink(HEX_DIGITS.charCodeAt(<i32>((value >> shift) & 15)));
}
