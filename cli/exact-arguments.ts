/*
 * Arguments of any bytes. Node decodes its arguments as UTF-8 and puts U+FFFD where they are not;
 * the bytes are in /proc/self/cmdline. Here a byte that is no UTF-8 is a lone surrogate, U+DC80 to
 * U+DCFF: such strings can be cut and compared like others, and `bytesOf` gives the bytes again.
 */
import { readFileSync } from "node:fs";

const SURROGATE = 0xdc00;
const ESCAPED = /[\udc80-\udcff]/u;
const ESCAPES = /([\udc80-\udcff])/u;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a string stands for bytes that are no UTF-8. */
export function hasRawBytes(text: string): boolean {
  return ESCAPED.test(text);
}

export function bytesOf(text: string): Buffer {
  if (!hasRawBytes(text)) return Buffer.from(text);
  return Buffer.concat(
    text
      .split(ESCAPES)
      .map((part) =>
        hasRawBytes(part) ? Buffer.from([part.charCodeAt(0) - SURROGATE]) : Buffer.from(part),
      ),
  );
}

/** The string that stands for these bytes. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const size = characterSize(bytes, at);
    if (size === 0) text += String.fromCharCode(SURROGATE + (bytes[at] ?? 0));
    else text += decoder.decode(bytes.subarray(at, at + size));
    at += size || 1;
  }
  return text;
}

/** How many bytes the character at a place has; 0 where there is none. */
function characterSize(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + size > bytes.length) return 0;
  try {
    decoder.decode(bytes.subarray(at, at + size));
    return size;
  } catch {
    return 0;
  }
}

/**
 * What this process was called with, for the last arguments as Node has them; `raw` is the text of
 * /proc/self/cmdline. Arguments that Node could decode stay as they are.
 */
export function exactArguments(
  args: readonly string[],
  raw: Uint8Array = readFileSync("/proc/self/cmdline"),
): string[] {
  if (!args.some((each) => each.includes("\ufffd"))) return [...args];
  const ends = [...raw.entries()].filter(([, byte]) => byte === 0).map(([at]) => at);
  const pieces = ends.map((end, index) => raw.subarray((ends[index - 1] ?? -1) + 1, end));
  const own = pieces.slice(pieces.length - args.length);
  return args.map((each, index) => {
    const bytes = own[index];
    return each.includes("\ufffd") && bytes !== undefined ? textOf(bytes) : each;
  });
}
