/**
 * Sequence number arithmetic (RFC 9293 3.4): 32-bit numbers that wrap, compared by the sign of
 * their difference. Two numbers are comparable while they are less than 2^31 apart, which windows
 * of at most 2^30 ensure (RFC 7323 2.3).
 */

export function seqLess(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

export function seqLessEqual(a: u32, b: u32): bool {
  return <i32>(a - b) <= 0;
}

export function seqMax(a: u32, b: u32): u32 {
  return <i32>(a - b) < 0 ? b : a;
}

export function seqMin(a: u32, b: u32): u32 {
  return <i32>(a - b) < 0 ? a : b;
}

/** start <= value < end. */
export function seqWithin(value: u32, start: u32, end: u32): bool {
  return value - start < end - start;
}
