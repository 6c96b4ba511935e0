/**
 * Seeded random numbers (sfc32): the only source of chance in a simulation, so that a seed replays
 * it.
 */
/** The finalizer of MurmurHash3, on a step of the golden ratio. */
function mix(value: number): number {
  let h = (value + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d = 1;

  constructor(seed: number) {
    // Neighbouring seeds must have nothing in common from the first number on.
    this.a = mix(seed);
    this.b = mix(this.a + Math.floor(seed / 2 ** 32));
    this.c = mix(this.b + 1);
    for (let i = 0; i < 16; i++) this.next();
  }

  /** 32 bits. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** 0 <= number < 1. */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  /** A number from `low` to `high`, each order of magnitude as likely as the next. */
  scale(low: number, high: number): number {
    return low * (high / low) ** this.fraction();
  }

  /** As `scale`, an integer. */
  magnitude(low: number, high: number): number {
    return Math.round(this.scale(low, high));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }
}
