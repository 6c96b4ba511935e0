import { store8, store32, store64 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { callerRegisters, DWARF_RBP, DWARF_REGISTERS, DWARF_RIP, DWARF_RSP } from "./eh-frame";
import { MappedElf } from "./elf";

// A function of 32 bytes at CODE, whose prologue is `push %rbp; sub $24,%rsp`, and which returns
// early in its middle. In Node the application's memory is physical memory.
const CODE: u64 = 0x20000;
const TABLE: u64 = 0x21000;
const CIE: u64 = 0x22000;
/** Right behind the CIE. */
const FDE: u64 = 0x22018;
const STACK: u64 = 0x23000;
const RETURN: u64 = 0x24680;
const FRAME_POINTER: u64 = 0x23456;

let at: u64 = 0;

function bytes(values: StaticArray<u8>): void {
  for (let i = 0; i < values.length; i++) store8(at++, values[i]);
}

function word(value: u64): void {
  store32(at, <u32>value);
  at += 4;
}

/** The file, and a stack: local, local, local, rbp, return address. */
function makeFile(hasTable: bool): MappedElf {
  at = TABLE;
  bytes([1, 0x1b, 0x03, 0x3b]);
  word(0);
  word(2);
  word(CODE - TABLE);
  word(FDE - TABLE);
  word(CODE + 64 - TABLE);
  word(FDE - TABLE);
  at = CIE;
  word(20);
  word(0);
  // Version 1, "zR", code alignment 1, data alignment -8, register 16, pointers pcrel | sdata4.
  bytes([1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b]);
  // def_cfa rsp + 8; the return address at CFA - 8; nop
  bytes([0x0c, 7, 8, 0x90, 1, 0, 0]);
  at = FDE;
  word(32);
  word(FDE + 4 - CIE);
  word(CODE - at);
  word(32);
  // No augmentation data; after 1: CFA rsp + 16, rbp at CFA - 16; after 4 more: CFA rsp + 40
  bytes([0, 0x41, 0x0e, 16, 0x86, 2, 0x44, 0x0e, 40]);
  // After 11 more: remember, rbp restored, CFA rsp + 8; after 1 more: the remembered
  bytes([0x02, 11, 0x0a, 0xc6, 0x0e, 8, 0x41, 0x0b, 0, 0, 0]);
  store64(STACK + 24, FRAME_POINTER);
  store64(STACK + 32, RETURN);
  const elf = new MappedElf();
  elf.bias = 0;
  elf.ehFrameHeader = hasTable ? TABLE : 0;
  elf.ehFrame = hasTable ? 0 : CIE;
  elf.ehFrameEnd = FDE + 36;
  return elf;
}

const registers: usize = memory.data(136, 8);

function get(number: u32): u64 {
  return load<u64>(registers + ((<usize>number) << 3));
}

/** One step from `pc` with the stack pointer at `sp`. */
function step(elf: MappedElf, pc: u64, sp: u64): bool {
  memory.fill(registers, 0, (<usize>DWARF_REGISTERS) << 3);
  store<u64>(registers + ((<usize>DWARF_RSP) << 3), sp);
  store<u64>(registers + ((<usize>DWARF_RBP) << 3), 0xbb);
  return callerRegisters(elf, pc, registers);
}

function expectCaller(elf: MappedElf, offset: u64, sp: u64, rbp: u64, what: string): void {
  expect(step(elf, CODE + offset, sp), what);
  expectEqual(get(DWARF_RIP), RETURN, what + ": return address");
  expectEqual(get(DWARF_RSP), STACK + 40, what + ": stack pointer");
  expectEqual(get(DWARF_RBP), rbp, what + ": frame pointer");
}

function expectCallers(elf: MappedElf): void {
  expectCaller(elf, 0, STACK + 32, 0xbb, "at the function's first instruction");
  expectCaller(elf, 1, STACK + 24, FRAME_POINTER, "after the push");
  expectCaller(elf, 10, STACK, FRAME_POINTER, "in the body");
  expectCaller(elf, 16, STACK + 32, 0xbb, "at the early return");
  expectCaller(elf, 31, STACK, FRAME_POINTER, "behind it");
}

test("call frame information: the caller's registers, wherever the function is", () => {
  expectCallers(makeFile(true));
});

test("call frame information: a file without a table is searched", () => {
  expectCallers(makeFile(false));
});

test("call frame information: of code without any nothing is known", () => {
  expect(!step(makeFile(true), CODE - 1, STACK), "below the first function");
  expect(!step(makeFile(true), CODE + 32, STACK), "between functions");
  expect(!step(makeFile(false), CODE + 32, STACK), "between functions, searched");
});

test("call frame information: memory that can't be read is no crash", () => {
  const elf = makeFile(true);
  expect(!step(elf, CODE + 10, 0x7000_0000_0000), "the stack");
  elf.ehFrameHeader = 0x7000_0000_0000;
  expect(!step(elf, CODE + 10, STACK), "the table");
});

test("call frame information: damaged bytes end, whatever they say", () => {
  for (let damaged: u64 = CIE; damaged < FDE + 36; damaged++) {
    for (let value: u32 = 0; value < 256; value += 51) {
      const searched = makeFile(false);
      store8(damaged, <u8>value);
      step(searched, CODE + 10, STACK);
      const found = makeFile(true);
      store8(damaged, <u8>value);
      step(found, CODE + 10, STACK);
    }
  }
});
