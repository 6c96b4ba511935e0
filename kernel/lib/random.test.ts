import { chachaBlock, randomBytes, randomMix, randomU64 } from "./random";
import { expect, expectEqual, test } from "./testing";

const stateWords: usize = memory.data(64, 8);
const out: usize = memory.data(64, 8);
const large: usize = memory.data(20000, 8);

// RFC 8439, section 2.3.2.
const EXPECTED: usize = memory.data<u8>([
  0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
  0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
  0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
  0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
]);

test("ChaCha20: the block function's test vector of RFC 8439", () => {
  store<u32>(stateWords, 0x61707865);
  store<u32>(stateWords + 4, 0x3320646e);
  store<u32>(stateWords + 8, 0x79622d32);
  store<u32>(stateWords + 12, 0x6b206574);
  for (let i: usize = 0; i < 32; i++) store<u8>(stateWords + 16 + i, <u8>i);
  store<u32>(stateWords + 48, 1);
  store<u32>(stateWords + 52, 0x09000000);
  store<u32>(stateWords + 56, 0x4a000000);
  store<u32>(stateWords + 60, 0);
  chachaBlock(stateWords, out);
  for (let i: usize = 0; i < 64; i++) {
    expectEqual(load<u8>(out + i), load<u8>(EXPECTED + i), "byte of the key stream");
  }
});

test("random: requests of all sizes are filled, and differ", () => {
  const first = randomU64();
  expect(randomU64() != first, "another value");
  store<u8>(stateWords, 1);
  randomMix(stateWords, 1);
  const counts: usize = changetype<usize>(new StaticArray<u32>(256));
  randomBytes(large, 20000);
  for (let i: usize = 0; i < 20000; i++) {
    const at = counts + ((<usize>load<u8>(large + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  for (let i: usize = 0; i < 256; i++) {
    const count = load<u32>(counts + (i << 2));
    expect(count > 20 && count < 160, "each byte about as often");
  }
  memory.fill(out, 0, 64);
  randomBytes(out, 33);
  expectEqual(load<u32>(out + 33), 0, "no more than asked for");
});
