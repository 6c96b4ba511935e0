/**
 * The words by which QEMU's microvm and Firecracker say where virtio devices are:
 *
 *     virtio_mmio.device=<size>@<base>:<irq>[:<id>]        512@0xfeb00e00:12   4K@0xd0000000:5
 *
 * The format is that of Linux (Documentation/admin-guide/kernel-parameters.txt,
 * virtio_mmio.device).
 */
const PREFIX = "virtio_mmio.device=";

/** What the last word that was accepted says. */
export let mmioWordBase: u64 = 0;
export let mmioWordIrq: u32 = 0;

/** The number that was parsed last, and where it ends. */
let number: u64 = 0;
let end = 0;

function digitOf(code: i32): u64 {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : 16;
}

/** The code at `index`; 0 behind the end. */
function codeAt(text: string, index: i32): i32 {
  return index < text.length ? text.charCodeAt(index) : 0;
}

/** Parses a decimal or 0x number at `at`; false when there is none or it does not fit. */
function parseNumber(text: string, at: i32): bool {
  let base: u64 = 10;
  let from = at;
  if (codeAt(text, at) == 48 && (codeAt(text, at + 1) | 0x20) == 120) {
    base = 16;
    from = at + 2;
  }
  number = 0;
  end = from;
  while (end < text.length) {
    const digit = digitOf(text.charCodeAt(end));
    if (digit >= base) break;
    if (number > (u64.MAX_VALUE - digit) / base) return false;
    number = number * base + digit;
    end++;
  }
  return end > from;
}

function expectCode(text: string, code: i32): bool {
  if (codeAt(text, end) != code) return false;
  end++;
  return true;
}

/**
 * Parses such a word into `mmioWordBase` and `mmioWordIrq`; false when it is another or malformed.
 */
export function parseMmioWord(text: string): bool {
  if (!text.startsWith(PREFIX) || !parseNumber(text, PREFIX.length)) return false;
  const suffix = codeAt(text, end) | 0x20;
  if (suffix == 107 || suffix == 109 || suffix == 103) end++; // k, m, g
  if (!expectCode(text, 64)) return false; // @
  if (!parseNumber(text, end)) return false;
  const base = number;
  if (!expectCode(text, 58)) return false; // :
  if (!parseNumber(text, end) || number > 255) return false;
  const irq = <u32>number;
  if (end < text.length) {
    if (!expectCode(text, 58) || !parseNumber(text, end) || end != text.length) return false;
  }
  mmioWordBase = base;
  mmioWordIrq = irq;
  return true;
}
