/**
 * The words by which QEMU's microvm and Firecracker say where virtio devices are:
 *
 *     virtio_mmio.device=<size>@<base>:<irq>[:<id>]        512@0xfeb00e00:12   4K@0xd0000000:5
 *
 * The format is that of Linux (Documentation/admin-guide/kernel-parameters.txt, virtio_mmio.device).
 */
import { load8 } from "../../arch/hw";

const PREFIX = "virtio_mmio.device=";

/** What the last word that was accepted says. */
export let mmioWordBase: u64 = 0;
export let mmioWordIrq: u32 = 0;

/** Where the number that was parsed last ends. */
let end: u64 = 0;

function digitOf(byte: u32): u32 {
  if (byte - 48 < 10) return byte - 48;
  const lower = byte | 0x20;
  return lower - 97 < 6 ? lower - 87 : 16;
}

/** Parses a decimal or 0x number at `at`; false when there is none or it does not fit. */
function parseNumber(at: u64, limit: u64): bool {
  let base: u64 = 10;
  let from = at;
  if (limit - at > 2 && load8(at) == 48 && (load8(at + 1) | 0x20) == 120) {
    base = 16;
    from = at + 2;
  }
  number = 0;
  end = from;
  while (end < limit) {
    const digit = <u64>digitOf(load8(end));
    if (digit >= base) break;
    if (number > (u64.MAX_VALUE - digit) / base) return false;
    number = number * base + digit;
    end++;
  }
  return end > from;
}
let number: u64 = 0;

function expectByte(byte: u32, limit: u64): bool {
  if (end >= limit || load8(end) != byte) return false;
  end++;
  return true;
}

function isSuffix(byte: u32): bool {
  const lower = byte | 0x20;
  return lower == 107 || lower == 109 || lower == 103; // k, m, g
}

/** Whether the n bytes at `text` begin as such a word does. */
export function isMmioWord(text: u64, n: u64): bool {
  if (n < <u64>PREFIX.length) return false;
  for (let i = 0; i < PREFIX.length; i++) {
    if (load8(text + <u64>i) != <u32>PREFIX.charCodeAt(i)) return false;
  }
  return true;
}

/** Parses such a word into `mmioWordBase` and `mmioWordIrq`; false when it is malformed. */
export function parseMmioWord(text: u64, n: u64): bool {
  if (!isMmioWord(text, n)) return false;
  const limit = text + n;
  if (!parseNumber(text + <u64>PREFIX.length, limit)) return false;
  if (end < limit && isSuffix(load8(end))) end++;
  if (!expectByte(64, limit)) return false; // @
  if (!parseNumber(end, limit)) return false;
  const base = number;
  if (!expectByte(58, limit)) return false; // :
  if (!parseNumber(end, limit) || number > 255) return false;
  const irq = <u32>number;
  if (end < limit) {
    if (!expectByte(58, limit) || !parseNumber(end, limit) || end != limit) return false;
  }
  mmioWordBase = base;
  mmioWordIrq = irq;
  return true;
}
