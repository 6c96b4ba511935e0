/**
 * Random numbers for everything that must not be guessed: getrandom(2), /dev/urandom, addresses,
 * TCP's initial numbers.
 *
 *     randomMix(pointer, n)       adds entropy: boot, virtio-rng, RDRAND, interrupts' times
 *     randomBytes(pointer, n)     fills linear memory
 *     randomU64(), randomU32()
 *
 * ChaCha20 (RFC 8439) as a generator with fast key erasure (Bernstein, "Fast-key-erasure
 * random-number generators", 2017): each request runs the cipher under the current key; the first
 * 32 bytes of the stream become the next key, and the rest is handed out. So what has been handed
 * out can't be computed from what is left in memory. Entropy is absorbed by XOR into the key, 32
 * bytes at a time, each followed by a key erasure.
 *
 * Thread context. Nothing sleeps, so a request is not interrupted by another; with more CPUs each
 * has its own key.
 */
import { cpuid, rdrand, readTsc } from "../arch/hw";

const BLOCK_SIZE: usize = 64;
const KEY_SIZE: usize = 32;
/** A key serves for this many blocks of one request. */
const BLOCKS_PER_KEY: u32 = 64;
const JITTER_ROUNDS = 64;

/** The cipher's state (RFC 8439, section 2.3): constants, key, block counter, nonce. */
const state: usize = memory.data<u32>([
  0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const STATE_KEY: usize = 16;
const STATE_COUNTER: usize = 48;
const working: usize = memory.data(64, 16);
const block: usize = memory.data(64, 16);

/** RFC 8439, section 2.1. The arguments are offsets in the working state. */
function quarterRound(pa: usize, pb: usize, pc: usize, pd: usize): void {
  let a = load<u32>(working + pa);
  let b = load<u32>(working + pb);
  let c = load<u32>(working + pc);
  let d = load<u32>(working + pd);
  a += b;
  d = rotl<u32>(d ^ a, 16);
  c += d;
  b = rotl<u32>(b ^ c, 12);
  a += b;
  d = rotl<u32>(d ^ a, 8);
  c += d;
  b = rotl<u32>(b ^ c, 7);
  store<u32>(working + pa, a);
  store<u32>(working + pb, b);
  store<u32>(working + pc, c);
  store<u32>(working + pd, d);
}

/**
 * The block function (RFC 8439, section 2.3): one block of key stream of the 16-word state at
 * `from`, to `out`.
 */
export function chachaBlock(from: usize, out: usize): void {
  memory.copy(working, from, BLOCK_SIZE);
  for (let i = 0; i < 10; i++) {
    quarterRound(0, 16, 32, 48);
    quarterRound(4, 20, 36, 52);
    quarterRound(8, 24, 40, 56);
    quarterRound(12, 28, 44, 60);
    quarterRound(0, 20, 40, 60);
    quarterRound(4, 24, 44, 48);
    quarterRound(8, 28, 32, 52);
    quarterRound(12, 16, 36, 56);
  }
  for (let i: usize = 0; i < BLOCK_SIZE; i += 4) {
    store<u32>(out + i, load<u32>(working + i) + load<u32>(from + i));
  }
}

/** The next block of the stream, into `block`. */
function nextBlock(): void {
  chachaBlock(state, block);
  store<u32>(state + STATE_COUNTER, load<u32>(state + STATE_COUNTER) + 1);
}

/** Takes a new key from the stream; the second half of the block is left to hand out. */
function eraseKey(): void {
  nextBlock();
  memory.copy(state + STATE_KEY, block, KEY_SIZE);
  memory.fill(block, 0, KEY_SIZE);
  store<u32>(state + STATE_COUNTER, 0);
}

/** Absorbs n bytes of more or less unknown values. Never makes the generator worse. */
export function randomMix(pointer: usize, n: usize): void {
  for (let done: usize = 0; done < n; done += KEY_SIZE) {
    const step = min(n - done, KEY_SIZE);
    for (let i: usize = 0; i < step; i++) {
      const at = state + STATE_KEY + i;
      store<u8>(at, load<u8>(at) ^ load<u8>(pointer + done + i));
    }
    eraseKey();
  }
}

/** Fills n bytes at a pointer. */
export function randomBytes(pointer: usize, n: usize): void {
  let done: usize = 0;
  while (done < n) {
    eraseKey();
    // Half a block is left of the one that gave the key; a small request needs no other.
    let at = block + KEY_SIZE;
    let available = BLOCK_SIZE - KEY_SIZE;
    for (let blocks: u32 = 0; blocks < BLOCKS_PER_KEY && done < n; blocks++) {
      const step = min(n - done, available);
      memory.copy(pointer + done, at, step);
      done += step;
      if (done == n) break;
      nextBlock();
      at = block;
      available = BLOCK_SIZE;
    }
    memory.fill(block, 0, BLOCK_SIZE);
  }
}

const word: usize = memory.data(8, 8);

export function randomU64(): u64 {
  randomBytes(word, 8);
  const value = load<u64>(word);
  store<u64>(word, 0);
  return value;
}

export function randomU32(): u32 {
  return <u32>randomU64();
}

/** CPUID leaf 1, ecx: RDRAND. */
const CPUID_RDRAND: u32 = 1 << 30;
const RDRAND_BYTES: usize = 64;
const seed: usize = memory.data(64, 8);
const registers: usize = memory.data(16, 4);

/**
 * First entropy, at boot: the CPU's generator where there is one, and the jitter of the time-stamp
 * counter against memory and host, which is weak where the counter is coarse. Devices add theirs by
 * `randomMix`.
 */
export function randomInit(): void {
  for (let i = 0; i < JITTER_ROUNDS; i++) {
    store<u64>(word, readTsc());
    randomMix(word, 8);
  }
  cpuid(1, 0, registers);
  if ((load<u32>(registers, 8) & CPUID_RDRAND) == 0) return;
  for (let i: usize = 0; i < RDRAND_BYTES; i += 8) store<u64>(seed + i, rdrand());
  randomMix(seed, RDRAND_BYTES);
  memory.fill(seed, 0, RDRAND_BYTES);
}
