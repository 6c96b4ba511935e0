import { addressOf } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { heapAlloc } from "../runtime/heap";
import {
  FilterContext,
  filterIsValid,
  filterRun,
  INSTRUCTION_SIZE,
  INSTRUCTIONS_MAX,
} from "./filter";

const PACKET_BYTES: u32 = 64;

const program: usize = heapAlloc(<usize>INSTRUCTIONS_MAX * INSTRUCTION_SIZE);
const packet: usize = heapAlloc(PACKET_BYTES);
const context: FilterContext = new FilterContext();
let count: u32 = 0;

function begin(): void {
  count = 0;
  for (let i: u32 = 0; i < PACKET_BYTES; i++) store<u8>(packet + i, <u8>(i + 1));
  context.start = addressOf(packet) + 14;
  context.length = PACKET_BYTES - 14;
  context.networkOffset = 0;
  context.linkBytes = 14;
  context.etherType = 0x0800;
  context.kind = 4;
  context.interfaceIndex = 7;
}

function add(code: u32, jt: u32, jf: u32, k: u32): void {
  const at = program + <usize>count * INSTRUCTION_SIZE;
  count++;
  store<u16>(at, <u16>code);
  store<u8>(at, <u8>jt, 2);
  store<u8>(at, <u8>jf, 3);
  store<u32>(at, k, 4);
}

/** What a program returns that ends in `ret a`. */
function result(): u32 {
  add(0x16, 0, 0, 0);
  expect(filterIsValid(program, count), "valid");
  const value = filterRun(program, count, context);
  count = 0;
  return value;
}

/** Whether one instruction, with a `ret` behind it, is valid. */
function isValid(code: u32, jt: u32, jf: u32, k: u32): bool {
  count = 0;
  add(code, jt, jf, k);
  add(0x06, 0, 0, 1);
  return filterIsValid(program, count);
}

test("filter: loads of all sizes are big-endian; from outside of the packet they drop it", () => {
  begin();
  add(0x20, 0, 0, 0);
  expectEqual(result(), 0x0f101112, "a word");
  add(0x28, 0, 0, 2);
  expectEqual(result(), 0x1112, "half of one");
  add(0x30, 0, 0, 49);
  expectEqual(result(), 64, "the last byte");
  add(0x30, 0, 0, 50);
  expectEqual(result(), 0, "behind it");
  add(0x20, 0, 0, 47);
  expectEqual(result(), 0, "half behind it");
  add(0x80, 0, 0, 0);
  expectEqual(result(), 50, "the length");
  add(0x01, 0, 0, 4);
  add(0x50, 0, 0, 0xffff_ffff);
  expectEqual(result(), 0x12, "x - 1");
  add(0xb1, 0, 0, 1);
  add(0x87, 0, 0, 0);
  expectEqual(result(), 0, "four times the lower half of 0x10");
});

test("filter: what is known of the packet, and its link header", () => {
  begin();
  add(0x20, 0, 0, <u32>-0x1000);
  expectEqual(result(), 0x0800, "the type");
  add(0x20, 0, 0, <u32>(-0x1000 + 4));
  expectEqual(result(), 4, "outgoing");
  add(0x20, 0, 0, <u32>(-0x1000 + 8));
  expectEqual(result(), 7, "the interface");
  add(0x30, 0, 0, <u32>-0x20_0000);
  expectEqual(result(), 1, "the first byte of the link header");
  add(0x30, 0, 0, <u32>-0x10_0000);
  expectEqual(result(), 15, "of the network's");
  add(0x30, 0, 0, <u32>(-0x20_0000 - 1));
  expectEqual(result(), 0, "nothing");
  context.linkBytes = 0;
  add(0x30, 0, 0, <u32>(-0x20_0000 + 60));
  expectEqual(result(), 0, "behind the end");
});

test("filter: arithmetic, memory and jumps", () => {
  begin();
  add(0x00, 0, 0, 100);
  add(0x02, 0, 0, 15);
  add(0x01, 0, 0, 7);
  add(0x3c, 0, 0, 0);
  add(0x07, 0, 0, 0);
  add(0x60, 0, 0, 15);
  add(0x1c, 0, 0, 0);
  expectEqual(result(), 86, "100 - 100 / 7");
  add(0x00, 0, 0, 1);
  add(0x01, 0, 0, 0);
  add(0x9c, 0, 0, 0);
  expectEqual(result(), 0, "modulo a register of 0 drops");
  add(0x00, 0, 0, 5);
  add(0x84, 0, 0, 0);
  expectEqual(result(), <u32>-5, "negated");
  add(0x00, 0, 0, 5);
  add(0x25, 0, 1, 4);
  add(0x05, 0, 0, 1);
  add(0x00, 0, 0, 9);
  expectEqual(result(), 5, "over the 9");
});

test("filter: programs that are none are refused", () => {
  expect(!isValid(0x15, 1, 0, 0), "a jump behind the end");
  expect(isValid(0x15, 0, 0, 0), "one to the end");
  expect(!isValid(0x05, 0, 0, 0xffff_ffff), "far away");
  expect(!isValid(0x34, 0, 0, 0), "by zero");
  expect(!isValid(0x64, 0, 0, 32), "a shift by 32");
  expect(!isValid(0x60, 0, 0, 16), "no such memory");
  expect(!isValid(0x38, 0, 0, 0), "no such size");
  expect(!isValid(0xa0, 0, 0, 0), "4*([k]&0xf) into a");
  expect(!isValid(0x20, 0, 0, <u32>(-0x1000 + 12)), "an extension that is not here");
  expect(!isValid(0x0e, 0, 0, 0), "ret x");
  expect(!isValid(0x0600, 0, 0, 0), "too wide a code");
  expect(!filterIsValid(program, 0), "nothing");
  expect(!filterIsValid(program, INSTRUCTIONS_MAX + 1), "too much");
});

/** A linear congruential generator (Knuth's MMIX), so that a failure repeats. */
let seed: u64 = 1;
function random(): u32 {
  seed = seed * 6364136223846793005 + 1442695040888963407;
  return <u32>(seed >> 33);
}

test("filter: whatever is held for valid ends, and reads nothing but the packet", () => {
  let valid = 0;
  for (let round = 0; round < 20000; round++) {
    begin();
    const length: u32 = 1 + (random() % 6);
    for (let i: u32 = 0; i < length; i++) {
      const k = (random() & 1) != 0 ? random() & 63 : 0 - (random() & 0x3f_ffff);
      add(random() & 0xff, random() & 3, random() & 3, k);
    }
    add(0x16, 0, 0, 0);
    if (!filterIsValid(program, count)) continue;
    valid++;
    filterRun(program, count, context);
  }
  expect(valid > 100, "some were");
});
