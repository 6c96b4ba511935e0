/**
 * Numbers that are written to files of /proc, as Linux' kstrtol and its kin read them: white space
 * around, a sign, then a decimal number, or one that begins with 0x or 0.
 *
 *     value = takenNumber(bytes, length);   if (value == NOT_A_NUMBER) return -EINVAL;
 */

/** No number, or one beyond 62 bits. */
export const NOT_A_NUMBER: i64 = i64.MIN_VALUE;
const VALUE_LIMIT: u64 = (<u64>1) << 62;

const MINUS: u32 = 45;
const PLUS: u32 = 43;
const ZERO: u32 = 48;
const LETTER_A: u32 = 97;
const LETTER_X: u32 = 120;
/** Upper and lower case of a letter differ by this bit. */
const LOWER_CASE: u32 = 32;

function isSpace(byte: u32): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

/** The value of a digit, in bases up to 16; 255: none. */
function digitOf(byte: u32): u32 {
  if (byte - ZERO < 10) return byte - ZERO;
  const letter = (byte | LOWER_CASE) - LETTER_A;
  return letter < 6 ? letter + 10 : 255;
}

function digits(at: usize, end: usize, base: u32): i64 {
  if (at == end) return NOT_A_NUMBER;
  let value: u64 = 0;
  for (; at < end; at++) {
    const digit = digitOf(load<u8>(at));
    if (digit >= base) return NOT_A_NUMBER;
    value = value * base + digit;
    if (value >= VALUE_LIMIT) return NOT_A_NUMBER;
  }
  return <i64>value;
}

/** The number that `length` bytes say, or NOT_A_NUMBER. `base` 0: its form tells. */
export function takenNumber(bytes: usize, length: u32, base: u32 = 0): i64 {
  let at = bytes;
  let end = bytes + <usize>length;
  while (end > at && (isSpace(load<u8>(end - 1)) || load<u8>(end - 1) == 0)) end--;
  while (at < end && isSpace(load<u8>(at))) at++;
  const sign: u32 = at < end ? load<u8>(at) : 0;
  if (sign == MINUS || sign == PLUS) at++;
  const startsWithZero = at + 1 < end && load<u8>(at) == ZERO;
  const isHex = startsWithZero && (load<u8>(at + 1) | LOWER_CASE) == LETTER_X;
  if (isHex && (base == 0 || base == 16)) at += 2;
  const radix: u32 = base != 0 ? base : isHex ? 16 : startsWithZero ? 8 : 10;
  const value = digits(at, end, radix);
  return sign == MINUS && value != NOT_A_NUMBER ? -value : value;
}
