/**
 * The words by which QEMU's microvm and Firecracker say where virtio devices are:
 *
 *     virtio_mmio.device=<size>@<base>:<irq>[:<id>]        512@0xfeb00e00:12   4K@0xd0000000:5
 *
 * The format is that of Linux (Documentation/admin-guide/kernel-parameters.txt,
 * virtio_mmio.device).
 */
const PREFIX = "virtio_mmio.device=";

function digitOf(code: i32): u64 {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : 16;
}

/** The code at `index`; 0 behind the end. */
function codeAt(text: string, index: i32): i32 {
  return index < text.length ? text.charCodeAt(index) : 0;
}

@unmanaged
export class MmioWord {
  // What the last word that was accepted says.
  base: u64;
  irq: u32;
  /** The number that was parsed last, and where it ends. */
  private number: u64;
  private end: i32;

  constructor() {
    this.base = 0;
    this.irq = 0;
    this.number = 0;
    this.end = 0;
  }

  /** Parses a decimal or 0x number at `at`; false when there is none or it does not fit. */
  private parseNumber(text: string, at: i32): bool {
    let base: u64 = 10;
    let from = at;
    if (codeAt(text, at) == 48 && (codeAt(text, at + 1) | 0x20) == 120) {
      base = 16;
      from = at + 2;
    }
    let number: u64 = 0;
    let end = from;
    while (end < text.length) {
      const digit = digitOf(text.charCodeAt(end));
      if (digit >= base) break;
      if (number > (u64.MAX_VALUE - digit) / base) return false;
      number = number * base + digit;
      end++;
    }
    this.number = number;
    this.end = end;
    return end > from;
  }

  private expectCode(text: string, code: i32): bool {
    if (codeAt(text, this.end) != code) return false;
    this.end++;
    return true;
  }

  /** Parses such a word; false when it is another or malformed, and then nothing has changed. */
  parse(text: string): bool {
    if (!text.startsWith(PREFIX) || !this.parseNumber(text, PREFIX.length)) return false;
    const suffix = codeAt(text, this.end) | 0x20;
    if (suffix == 107 || suffix == 109 || suffix == 103) this.end++; // k, m, g
    if (!this.expectCode(text, 64)) return false; // @
    if (!this.parseNumber(text, this.end)) return false;
    const base = this.number;
    if (!this.expectCode(text, 58)) return false; // :
    if (!this.parseNumber(text, this.end) || this.number > 255) return false;
    const irq = <u32>this.number;
    if (this.end < text.length) {
      if (!this.expectCode(text, 58) || !this.parseNumber(text, this.end)) return false;
      if (this.end != text.length) return false;
    }
    this.base = base;
    this.irq = irq;
    return true;
  }
}
