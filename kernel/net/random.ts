/**
 * Random numbers for ports and transaction ids: hard to guess from outside, not for keys. xorshift64* (Vigna, 2016), seeded at
 * boot; a simulation seeds it with what it likes and so replays.
 */
let state: u64 = 0x9e37_79b9_7f4a_7c15;

/** Mixes in a seed. */
export function netSeed(seed: u64): void {
  state ^= seed;
  if (state == 0) state = 0x9e37_79b9_7f4a_7c15;
}

export function netRandom(): u32 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <u32>((state * 0x2545_f491_4f6c_dd1d) >> 32);
}
