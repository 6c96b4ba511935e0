/**
 * The kernel's command line (docs/boot-protocol.md): words separated by blanks, with double quotes.
 *
 *     parseCommandLine(address)      splits it; the words of the runner come before `--`, the program's behind it
 *
 * QEMU's microvm appends `virtio_mmio.device=…` words to the end, so behind `--` too: they are set
 * apart, the last ones of the line. A word is a string of bytes: each of its characters is one,
 * from 1 to 255, whatever text they are together.
 */
import { load8 } from "../arch/hw";

const BLANK: u32 = 32;
const QUOTE: u32 = 34;
const BACKSLASH: u32 = 92;
const LENGTH_MAX: i32 = 65536;
const DEVICE_PREFIX = "virtio_mmio.device=";

export class CommandLine {
  /** `key=value` words of the runner. */
  words: string[] = [];
  /** The program's argument vector. */
  argv: string[] = [];
  /** The machine's virtio-mmio devices, as virtio_mmio.device=SIZE@BASE:IRQ. */
  devices: string[] = [];

  /** The value of the last word with that key, or null. */
  value(key: string): string | null {
    for (let i = this.words.length - 1; i >= 0; i--) {
      const value = wordValue(this.words[i], key);
      if (value != null) return value;
    }
    return null;
  }

  /** All values of a key that may be repeated, in order. */
  values(key: string): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.words.length; i++) {
      const value = wordValue(this.words[i], key);
      if (value != null) found.push(value);
    }
    return found;
  }
}

function wordValue(word: string, key: string): string | null {
  if (word.length <= key.length || !word.startsWith(key)) return null;
  return word.charCodeAt(key.length) == 61 ? word.substring(key.length + 1) : null;
}

/** Splits the zero-terminated text at an address into words, quotes and escapes resolved. */
function split(address: u64): string[] {
  const words: string[] = [];
  let length = 0;
  while (length < LENGTH_MAX && load8(address + length) != 0) length++;
  const bytes = heap.alloc((length + 1) << 1);
  let count: usize = 0;
  let inWord = false;
  let inQuotes = false;
  for (let i = 0; i <= length; i++) {
    let byte = i < length ? load8(address + i) : BLANK;
    if (byte == BLANK && (!inQuotes || i == length)) {
      if (inWord) words.push(String.UTF16.decodeUnsafe(bytes, count << 1));
      count = 0;
      inWord = false;
      continue;
    }
    inWord = true;
    if (byte == QUOTE) {
      inQuotes = !inQuotes;
      continue;
    }
    if (byte == BACKSLASH && inQuotes && i + 1 < length) byte = load8(address + ++i);
    store<u16>(bytes + (count++ << 1), <u16>byte);
  }
  heap.free(bytes);
  return words;
}

/** A copy of the text, zero-terminated; 0: none was kept. */
let text: usize = 0;

/** The text that was parsed, zero-terminated, as /proc/cmdline shows it; 0: there is none. */
export function commandLineText(): usize {
  return text;
}

/** Where the text came from is given to others once boot is over. */
function keepText(address: u64): void {
  let length: usize = 0;
  while (length < <usize>LENGTH_MAX && load8(address + length) != 0) length++;
  text = heap.alloc(length + 1);
  for (let i: usize = 0; i < length; i++) store<u8>(text + i, <u8>load8(address + i));
  store<u8>(text + length, 0);
}

export function parseCommandLine(address: u64): CommandLine {
  keepText(address);
  const line = new CommandLine();
  const words = split(address);
  let end = words.length;
  while (end > 0 && words[end - 1].startsWith(DEVICE_PREFIX)) end--;
  for (let i = end; i < words.length; i++) line.devices.push(words[i]);
  let i = 0;
  for (; i < end && words[i] != "--"; i++) line.words.push(words[i]);
  for (i++; i < end; i++) line.argv.push(words[i]);
  return line;
}
