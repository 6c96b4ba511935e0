import { store8, store32, store64 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { callerRegisters, DWARF_RBP, DWARF_REGISTERS, DWARF_RIP, DWARF_RSP } from "./eh-frame";
import { MappedElf } from "./elf";

// What entries may be made of: letters, encodings, alignments, each instruction. One CIE and one
// FDE at a time, for 0x1000 bytes at CODE; each word of the stack says where it lies.

const CODE: u64 = 0x20000;
const CODE_SIZE: u64 = 0x1000;
const CIE: u64 = 0x30000;
const STACK: u64 = 0x60000;
const WORDS: u64 = 512;
const RBX: u32 = 3;
const OWN: u64 = 0xbb;

/** The largest entry that is believed to be one. */
const ENTRY_MAX: u32 = 0x10000;

let at: u64 = 0;
let version: u8 = 1;
/** As LEB128, and the register of the return address. */
let alignments: StaticArray<u8> = [1, 0x78, 16];
let letters: StaticArray<u8> = [];
let letterData: StaticArray<u8> = [];
/** Of the FDE's pointers, and what the file says of that: DW_EH_PE_*. */
let encoding: u8 = 0;
/** def_cfa rsp + 8; the return address at CFA - 8. */
let common: StaticArray<u8> = [0x0c, 7, 8, 0x90, 1];
let padding: u32 = 0;

const registers: usize = memory.data(136, 8);

function bytes(values: StaticArray<u8>): void {
  for (let i = 0; i < values.length; i++) store8(at++, values[i]);
}

function pointer(value: u64): void {
  const written = (encoding & 0x70) == 0x10 ? value - at : value;
  if ((encoding & 7) == 3) {
    store32(at, <u32>written);
    at += 4;
  } else {
    store64(at, written);
    at += 8;
  }
}

/** The length that an entry begins with, now that its end is known. */
function endEntry(start: u64): void {
  while (((at - start) & 3) != 0) store8(at++, 0);
  store32(start, <u32>(at - start - 4));
}

function makeFile(code: StaticArray<u8>): MappedElf {
  at = CIE + 4;
  store32(at, 0);
  at += 4;
  store8(at++, version);
  bytes(letters);
  store8(at++, 0);
  bytes(alignments);
  const isAugmented = letters.length > 0;
  if (isAugmented) {
    store8(at++, <u8>letterData.length);
    bytes(letterData);
  }
  bytes(common);
  endEntry(CIE);
  const entry = at;
  at += 4;
  store32(at, <u32>(at - CIE));
  at += 4;
  pointer(CODE);
  const start = encoding;
  encoding &= 0x0f;
  pointer(CODE_SIZE);
  encoding = start;
  if (isAugmented) {
    store8(at++, 1);
    store8(at++, 0xff);
  }
  bytes(code);
  for (let i: u32 = 0; i < padding; i++) store8(at++, 0);
  endEntry(entry);
  const elf = new MappedElf();
  elf.bias = 0;
  elf.ehFrameHeader = 0;
  elf.ehFrame = CIE;
  elf.ehFrameEnd = at;
  for (let i: u64 = 0; i < WORDS; i++) store64(STACK + i * 8, STACK + i * 8);
  return elf;
}

function get(number: u32): u64 {
  return load<u64>(registers + ((<usize>number) << 3));
}

/** A step from an instruction of the function; the stack pointer is at STACK. */
function step(code: StaticArray<u8>, offset: u64 = 10): bool {
  const elf = makeFile(code);
  memory.fill(registers, 0, (<usize>DWARF_REGISTERS) << 3);
  store<u64>(registers + ((<usize>DWARF_RSP) << 3), STACK);
  store<u64>(registers + ((<usize>DWARF_RBP) << 3), STACK + 0x100);
  store<u64>(registers + ((<usize>RBX) << 3), OWN);
  return callerRegisters(elf, CODE + offset, registers);
}

/** The CFA is `cfa` bytes above STACK, and the return address 8 below it. */
function expectCfa(code: StaticArray<u8>, cfa: u64, message: string, offset: u64 = 10): void {
  expect(step(code, offset), message);
  expectEqual(get(DWARF_RSP), STACK + cfa, message);
  expectEqual(get(DWARF_RIP), STACK + cfa - 8, message);
}

const NONE: StaticArray<u8> = [];

test("call frame entries: pointers are written in each way that the letters say", () => {
  expectCfa(NONE, 8, "without letters: whole");
  letters = [0x7a, 0x52];
  const known: StaticArray<u8> = [0x00, 0x03, 0x04, 0x0b, 0x0c, 0x10, 0x1b, 0x1c];
  for (let i = 0; i < known.length; i++) {
    encoding = known[i];
    letterData = [encoding];
    expectCfa(NONE, 8, `encoding ${encoding}`);
    expect(!step(NONE, CODE_SIZE), "and not behind the function");
  }
  encoding = 0x02;
  letterData = [encoding];
  expect(!step(NONE), "two bytes are none");
});

test("call frame entries: letters for handlers and signals are passed over", () => {
  encoding = 0x1b;
  letters = [0x7a, 0x50, 0x4c, 0x52];
  letterData = [0x1b, 1, 2, 3, 4, 0x1b, 0x1b];
  expectCfa(NONE, 8, "zPLR");
  letterData = [0x00, 1, 2, 3, 4, 5, 6, 7, 8, 0x00, 0x1b];
  expectCfa(NONE, 8, "with a handler of eight bytes");
  letters = [0x7a, 0x53, 0x52];
  letterData = [0x1b];
  expectCfa(NONE, 8, "zSR");
  letters = [0x7a, 0x52, 0x58];
  letterData = [0x1b, 9, 9];
  expectCfa(NONE, 8, "an unknown one is the last that is looked at");
});

test("call frame entries: the return address's register is a byte, or a number", () => {
  alignments = [1, 0x78, 0x90];
  expectCfa(NONE, 8, "version 1");
  version = 3;
  alignments = [1, 0x78, 0x90, 0x00];
  expectCfa(NONE, 8, "version 3");
});

test("call frame entries: alignments multiply", () => {
  alignments = [4, 0x7c, 16];
  common = [0x0c, 7, 8, 0x90, 2];
  expectCfa([0x42, 0x0e, 16], 8, "two steps of 4 have not come", 7);
  expectCfa([0x42, 0x0e, 16], 16, "now they have", 8);
  alignments = [0x80, 1, 0xf8, 0x7f, 16];
  common = [0x0c, 7, 8, 0x90, 1];
  expectCfa([0x41, 0x0e, 16], 8, "of 128", 127);
  expectCfa([0x41, 0x0e, 16], 16, "in two bytes", 128);
});

test("call frame entries: steps of each width", () => {
  expectCfa([0x7f, 0x0e, 16], 8, "63 at most in the code itself", 62);
  expectCfa([0x7f, 0x0e, 16], 16, "there", 63);
  expectCfa([0x02, 200, 0x0e, 16], 8, "one byte", 199);
  expectCfa([0x02, 200, 0x0e, 16], 16, "there", 200);
  expectCfa([0x03, 0x34, 0x02, 0x0e, 16], 8, "two", 0x233);
  expectCfa([0x03, 0x34, 0x02, 0x0e, 16], 16, "there", 0x234);
  expectCfa([0x04, 0x34, 0x02, 0, 0, 0x0e, 16], 8, "four", 0x233);
  expectCfa([0x04, 0x34, 0x02, 0, 0, 0x0e, 16], 16, "there", 0x234);
});

test("call frame entries: the CFA from another register, at another distance", () => {
  expectCfa([0x0e, 0x80, 0x02], 256, "a number of two bytes");
  expectCfa([0x0c, 6, 16], 0x110, "of the frame pointer");
  expectCfa([0x0d, 6], 0x108, "the same distance of it");
  expectCfa([0x0d, 6, 0x0e, 32], 0x120, "and another");
  expect(!step([0x0c, 17, 8]), "of no register");
});

test("call frame entries: registers are saved, kept, restored and lost", () => {
  expectCfa([0x0e, 32, 0x83, 4], 32, "saved");
  expectEqual(get(RBX), STACK, "at CFA - 32");
  expectCfa([0x0e, 32, 0x83, 4, 0xc3], 32, "restored to the CIE's rule");
  expectEqual(get(RBX), OWN, "which is none");
  expectCfa([0x0e, 32, 0x83, 4, 0x08, 3], 32, "the same value");
  expectEqual(get(RBX), OWN, "as it was");
  expectCfa([0x0e, 32, 0xa1, 4], 32, "a vector register");
  expectCfa([0x0e, 32, 0xe1], 32, "restored, too");
  expectCfa([0x2e, 0x80, 1, 0x00], 8, "the size of arguments");
  expect(step([0x07, 16]), "no return address");
  expectEqual(get(DWARF_RIP), 0, "is the outermost function's");
  common = [0x0c, 7, 8, 0x90, 1, 0x83, 2];
  expectCfa([0x0e, 32, 0x83, 4, 0xc3], 32, "restored");
  expectEqual(get(RBX), STACK + 16, "to what the CIE says");
});

test("call frame entries: states are remembered, four deep", () => {
  const deep: StaticArray<u8> = [
    0x0a, 0x0e, 16, 0x0a, 0x0e, 24, 0x0a, 0x0e, 32, 0x0a, 0x0e, 40, 0x41, 0x0b, 0x41, 0x0b, 0x41,
    0x0b, 0x41, 0x0b,
  ];
  for (let i: u64 = 0; i < 5; i++) expectCfa(deep, 40 - i * 8, "the last first", i);
  expect(!step([0x0a, 0x0a, 0x0a, 0x0a, 0x0a]), "five are too many");
  expect(!step([0x0b]), "and one that was not remembered is none");
  expect(!step([0x0f, 1, 0x96]), "an instruction that is not known");
});

test("call frame entries: one of 64 KiB is believed, a larger one is not", () => {
  const others: u32 = 20;
  padding = ENTRY_MAX - others;
  expectCfa(NONE, 8, "the largest");
  padding = ENTRY_MAX - others + 4;
  expect(!step(NONE), "a larger one");
});
