/**
 * A growing text in linear memory, for what the kernel says as a file: put together from parts,
 * without strings.
 *
 *     const text = new TextBuffer();
 *     text.put("MemTotal: ").decimal(kib, 8).put(" kB\n");
 *     … text.address, text.length …
 *     text.destroy(); free(text);
 *
 * When memory is short the text is cut, and `cut` is set.
 */
import { addressOf, copy } from "../arch/hw";
import { heapAlloc, heapFree } from "../runtime/heap";

const INITIAL_SIZE: u32 = 480;
const HEX = "0123456789abcdef";

@unmanaged
export class TextBuffer {
  data: usize;
  length: u32;
  private capacity: u32;
  cut: bool;

  constructor() {
    this.data = 0;
    this.length = 0;
    this.capacity = 0;
    this.cut = false;
  }

  destroy(): void {
    if (this.data != 0) heapFree(this.data);
    this.data = 0;
    this.length = 0;
    this.capacity = 0;
  }

  private reserve(n: u32): bool {
    if (this.length + n <= this.capacity) return true;
    let size = max(this.capacity << 1, INITIAL_SIZE);
    while (size < this.length + n) size <<= 1;
    const larger = heapAlloc(size);
    if (larger == 0) {
      this.cut = true;
      return false;
    }
    if (this.data != 0) {
      memory.copy(larger, this.data, this.length);
      heapFree(this.data);
    }
    this.data = larger;
    this.capacity = size;
    return true;
  }

  byte(value: u32): TextBuffer {
    if (!this.reserve(1)) return this;
    store<u8>(this.data + <usize>this.length, <u8>value);
    this.length++;
    return this;
  }

  /** ASCII text. */
  put(text: string): TextBuffer {
    const n = text.length;
    if (!this.reserve(n)) return this;
    const from = changetype<usize>(text);
    const to = this.data + <usize>this.length;
    for (let i = 0; i < n; i++) store<u8>(to + <usize>i, load<u8>(from + ((<usize>i) << 1)));
    this.length += n;
    return this;
  }

  /** Bytes of linear memory. */
  bytes(from: usize, n: u32): TextBuffer {
    if (!this.reserve(n)) return this;
    memory.copy(this.data + <usize>this.length, from, n);
    this.length += n;
    return this;
  }

  /** Bytes at an address that is known to be mapped. */
  memory(address: u64, n: u32): TextBuffer {
    if (!this.reserve(n)) return this;
    copy(addressOf(this.data) + <u64>this.length, address, n);
    this.length += n;
    return this;
  }

  /** Zero-terminated bytes of linear memory. */
  cString(from: usize): TextBuffer {
    let n: u32 = 0;
    while (load<u8>(from + <usize>n) != 0) n++;
    return this.bytes(from, n);
  }

  /** A number, right-aligned in at least `width` columns. */
  decimal(value: u64, width: i32 = 1): TextBuffer {
    let digits = 1;
    for (let rest = value / 10; rest != 0; rest /= 10) digits++;
    for (let i = digits; i < width; i++) this.byte(32);
    if (!this.reserve(digits)) return this;
    let at = this.data + <usize>this.length + <usize>digits;
    let rest = value;
    for (let i = 0; i < digits; i++) {
      store<u8>(--at, <u8>(48 + (rest % 10)));
      rest /= 10;
    }
    this.length += digits;
    return this;
  }

  signed(value: i64): TextBuffer {
    if (value >= 0) return this.decimal(<u64>value);
    return this.byte(45).decimal(<u64>-value);
  }

  /** At least `digits` hexadecimal digits, without a prefix. */
  hex(value: u64, digits: i32 = 1): TextBuffer {
    let shift = 60;
    while (shift > 0 && value >> shift == 0 && shift >= digits * 4) shift -= 4;
    for (; shift >= 0; shift -= 4) this.byte(HEX.charCodeAt(<i32>((value >> shift) & 15)));
    return this;
  }
}
