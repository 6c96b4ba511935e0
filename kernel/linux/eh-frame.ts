/**
 * Call frame information: where a function has put its caller's registers, as compilers write it
 * down for exceptions (.eh_frame). Formats: DWARF 5, 6.4 (call frame instructions); Linux Standard
 * Base Core, "Exception Frames" (.eh_frame_hdr, pointer encodings).
 *
 *     callerRegisters(elf, pc, registers)     one step outward; false when nothing is known of pc
 *
 * All of it lies in the application's memory and is a claim: every byte is read by user-memory.ts,
 * every loop has an end. Reading may sleep. What compilers do not write for ordinary functions
 * (64-bit DWARF, another kind of search table, rare instructions) counts as nothing known; so do
 * expressions, which functions have that align their stack, since these keep a frame pointer.
 *
 * The state is static: only the crash report comes here, and the machine makes one (exit.ts).
 */
import { MappedElf } from "./elf";
import { loadUser } from "./user-memory";

/** DWARF's numbers of x86-64 registers (System V psABI, figure 3.36). */
export const DWARF_RBP: u32 = 6;
export const DWARF_RSP: u32 = 7;
export const DWARF_RIP: u32 = 16;
export const DWARF_REGISTERS: u32 = 17;

const DW_EH_PE_udata4: u64 = 0x03;
const DW_EH_PE_sdata4: u64 = 0x0b;
const DW_EH_PE_signed: u32 = 0x08;
const DW_EH_PE_pcrel: u32 = 0x10;
const DW_EH_PE_datarel: u64 = 0x30;

// Letters of a CIE's augmentation: a length comes first, the encodings of FDEs, of a language's
// handler (with its address) and data, a signal's frame (no data).
const LETTER_Z: u64 = 0x7a;
const LETTER_R: u64 = 0x52;
const LETTER_P: u64 = 0x50;
const LETTER_L: u64 = 0x4c;
const LETTER_S: u64 = 0x53;

/** Longer entries than any compiler's are damaged ones. */
const ENTRY_SIZE_MAX: u64 = 1 << 16;
/** .eh_frame_hdr's table has a function's start and its FDE, both relative to the header. */
const TABLE_START: u64 = 12;
const TABLE_ENTRY_SIZE: u64 = 8;

// Where the caller's register is: where it was, nowhere, or in memory at CFA + value.
const RULE_SAME: u64 = 0;
const RULE_UNDEFINED: u64 = 1;
const RULE_OFFSET: u64 = 2;

/** A row has kind and value of each register's rule, and last the CFA's: register and offset. */
const CFA: u32 = DWARF_REGISTERS;
const ROW_SIZE: usize = 288;
const REMEMBERED_MAX: usize = 4;
if (ROW_SIZE != (<usize>DWARF_REGISTERS + 1) << 4) ERROR("a row has 18 rules of 16 bytes");

const row: usize = memory.data(288, 8);
/** What a CIE's own instructions give: DW_CFA_restore goes back to it. */
const initialRow: usize = memory.data(288, 8);
const remembered: usize = memory.data(1152, 8);
const caller: usize = memory.data(136, 8);
const word: usize = memory.data(8, 8);

/** Where the next byte is read. */
let cursor: u64 = 0;
let failed: bool = false;
let rememberedCount: usize = 0;
let codeAlignment: u64 = 1;
let dataAlignment: i64 = 1;
let pointerEncoding: u32 = 0;
let hasAugmentation: bool = false;

function unsigned(size: u64): u64 {
  store<u64>(word, 0);
  if (loadUser(word, cursor, size) != 0) failed = true;
  cursor += size;
  return load<u64>(word);
}

function signed32(): u64 {
  return <u64>(<i64>(<i32>unsigned(4)));
}

let lebShift: u64 = 0;
let lebLast: u64 = 0;

function uleb(): u64 {
  let value: u64 = 0;
  lebShift = 0;
  do {
    lebLast = unsigned(1);
    if (lebShift < 64) value |= (lebLast & 0x7f) << lebShift;
    lebShift += 7;
  } while ((lebLast & 0x80) != 0 && !failed);
  return value;
}

function sleb(): i64 {
  const value = uleb();
  const isNegative = (lebLast & 0x40) != 0 && lebShift < 64;
  return <i64>(isNegative ? value | ((<u64>-1) << lebShift) : value);
}

/** A pointer of 4 or 8 bytes. */
function encoded(encoding: u32): u64 {
  const at = cursor;
  const format = encoding & 7;
  if (format != 0 && format != 3 && format != 4) failed = true;
  let value: u64;
  if (format != 3) value = unsigned(8);
  else value = (encoding & DW_EH_PE_signed) != 0 ? signed32() : unsigned(4);
  return (encoding & 0x70) == DW_EH_PE_pcrel ? value + at : value;
}

function setRule(number: u64, kind: u64, value: i64): void {
  // Vector registers have numbers, too, and nobody asks for them.
  if (number > CFA) return;
  store<u64>(row + ((<usize>number) << 4), kind);
  store<i64>(row + ((<usize>number) << 4) + 8, value);
}

function ruleKind(number: u32): u64 {
  return load<u64>(row + ((<usize>number) << 4));
}

function ruleValue(number: u32): u64 {
  return load<u64>(row + ((<usize>number) << 4) + 8);
}

/** The FDE that the header's table has for `pc`, or 0. */
function findEntry(header: u64, pc: u64): u64 {
  cursor = header;
  if (unsigned(1) != 1) return 0;
  const framePointer = unsigned(1) & 7;
  if (framePointer != DW_EH_PE_udata4 || unsigned(1) != DW_EH_PE_udata4) return 0;
  if (unsigned(1) != (DW_EH_PE_datarel | DW_EH_PE_sdata4)) return 0;
  cursor = header + TABLE_START - 4;
  let low: u64 = 0;
  let high = unsigned(4);
  while (low < high && !failed) {
    const middle = (low + high) >> 1;
    cursor = header + TABLE_START + middle * TABLE_ENTRY_SIZE;
    if (header + signed32() <= pc) low = middle + 1;
    else high = middle;
  }
  if (low == 0) return 0;
  cursor = header + TABLE_START + (low - 1) * TABLE_ENTRY_SIZE + 4;
  return header + signed32();
}

/** The FDE of `pc` in a file without a table, or 0. */
function searchEntry(start: u64, end: u64, pc: u64): u64 {
  let common: u64 = 0;
  for (let at = start; at < end && !failed; ) {
    cursor = at;
    const next = entryEnd();
    // An entry without a length is the last.
    if (next == at + 4) return 0;
    const back = unsigned(4);
    if (back != 0) {
      if (common != cursor - 4 - back) {
        common = cursor - 4 - back;
        readCommon(common);
      }
      cursor = at + 8;
      const first = encoded(pointerEncoding);
      if (pc - first < encoded(pointerEncoding & 0x0f)) return at;
    }
    at = next;
  }
  return 0;
}

/** Reads the length that a CIE or FDE begins with; returns its end. */
function entryEnd(): u64 {
  const length = unsigned(4);
  if (length > ENTRY_SIZE_MAX) failed = true;
  return cursor + length;
}

/** Reads a CIE and runs its instructions. */
function readCommon(at: u64): void {
  cursor = at;
  const end = entryEnd();
  cursor += 4;
  const version = unsigned(1);
  const letters = cursor;
  while (unsigned(1) != 0 && cursor < end) {}
  codeAlignment = uleb();
  dataAlignment = sleb();
  // The return address's register.
  if (version == 1) unsigned(1);
  else uleb();
  pointerEncoding = 0;
  readAugmentation(letters, end);
  memory.fill(row, 0, ROW_SIZE);
  execute(end, 0, u64.MAX_VALUE);
  memory.copy(initialRow, row, ROW_SIZE);
}

/** The data that the letters of a CIE announce: of interest is how FDEs write pointers. */
function readAugmentation(letters: u64, end: u64): void {
  const data = cursor;
  cursor = letters;
  hasAugmentation = unsigned(1) == LETTER_Z;
  cursor = data;
  if (!hasAugmentation) return;
  const size = uleb();
  const behind = cursor + size;
  for (let letter = letters + 1; letter < end; letter++) {
    const at = cursor;
    cursor = letter;
    const what = unsigned(1);
    cursor = at;
    if (what == LETTER_R) pointerEncoding = <u32>unsigned(1);
    else if (what == LETTER_P) encoded(<u32>unsigned(1));
    else if (what == LETTER_L) cursor++;
    else if (what != LETTER_S) break;
  }
  cursor = behind;
}

/** Runs call frame instructions up to `end`, or until they speak of code behind `pc`. */
function execute(end: u64, start: u64, pc: u64): void {
  let location = start;
  while (cursor < end && !failed) {
    const code = <u32>unsigned(1);
    const low = code & 0x3f;
    let advance: u64 = 0;
    if (code >> 6 == 1)
      advance = low; // DW_CFA_advance_loc
    else if (code >> 6 == 2)
      setRule(low, RULE_OFFSET, <i64>uleb() * dataAlignment); // DW_CFA_offset
    else if (code >> 6 == 3)
      restore(low); // DW_CFA_restore
    else if (code >= 0x02 && code <= 0x04)
      advance = unsigned(1 << (code - 2)); // …_loc1, 2, 4
    else executeRare(code);
    location += advance * codeAlignment;
    if (location > pc) return;
  }
}

function restore(number: u32): void {
  if (number >= DWARF_REGISTERS) return;
  const at = (<usize>number) << 4;
  memory.copy(row + at, initialRow + at, 16);
}

function executeRare(code: u32): void {
  let number: u64;
  switch (code) {
    case 0x00: // DW_CFA_nop
      break;
    case 0x07: // DW_CFA_undefined
      setRule(uleb(), RULE_UNDEFINED, 0);
      break;
    case 0x08: // DW_CFA_same_value
      setRule(uleb(), RULE_SAME, 0);
      break;
    case 0x0a: // DW_CFA_remember_state
      if (rememberedCount == REMEMBERED_MAX) failed = true;
      else memory.copy(remembered + ROW_SIZE * rememberedCount++, row, ROW_SIZE);
      break;
    case 0x0b: // DW_CFA_restore_state
      if (rememberedCount == 0) failed = true;
      else memory.copy(row, remembered + ROW_SIZE * --rememberedCount, ROW_SIZE);
      break;
    case 0x0c: // DW_CFA_def_cfa
      number = uleb();
      setRule(CFA, number, <i64>uleb());
      break;
    case 0x0d: // DW_CFA_def_cfa_register
      setRule(CFA, uleb(), <i64>ruleValue(CFA));
      break;
    case 0x0e: // DW_CFA_def_cfa_offset
      setRule(CFA, ruleKind(CFA), <i64>uleb());
      break;
    case 0x2e: // DW_CFA_GNU_args_size
      uleb();
      break;
    default:
      failed = true;
  }
}

/**
 * Turns the registers of a function, in DWARF's order, into those that its caller has when it comes
 * back. `pc` lies in the function: for a return address, in the call before it. An outermost
 * function leaves 0 as the instruction pointer.
 */
export function callerRegisters(elf: MappedElf, pc: u64, registers: usize): bool {
  failed = false;
  rememberedCount = 0;
  let entry: u64 = 0;
  if (elf.ehFrameHeader != 0) entry = findEntry(elf.ehFrameHeader, pc);
  else if (elf.ehFrame != 0) entry = searchEntry(elf.ehFrame, elf.ehFrameEnd, pc);
  if (entry == 0 || failed) return false;
  cursor = entry;
  const end = entryEnd();
  const common = cursor - unsigned(4);
  const instructions = cursor;
  if (failed) return false;
  readCommon(common);
  cursor = instructions;
  const start = encoded(pointerEncoding);
  const size = encoded(pointerEncoding & 0x0f);
  if (pc - start >= size || failed) return false;
  if (hasAugmentation) {
    const length = uleb();
    cursor += length;
  }
  execute(end, start, pc);
  if (failed) return false;
  return applyRow(registers);
}

/** The CFA is the value that the stack pointer had before the call. */
function applyRow(registers: usize): bool {
  const base = ruleKind(CFA);
  if (base >= DWARF_REGISTERS) return false;
  const cfa = load<u64>(registers + ((<usize>base) << 3)) + ruleValue(CFA);
  memory.copy(caller, registers, (<usize>DWARF_REGISTERS) << 3);
  store<u64>(caller + ((<usize>DWARF_RSP) << 3), cfa);
  for (let number: u32 = 0; number < DWARF_REGISTERS; number++) {
    const at = caller + ((<usize>number) << 3);
    if (ruleKind(number) == RULE_OFFSET) {
      cursor = cfa + ruleValue(number);
      store<u64>(at, unsigned(8));
    } else if (number == DWARF_RIP) store<u64>(at, 0);
  }
  if (failed) return false;
  memory.copy(registers, caller, (<usize>DWARF_REGISTERS) << 3);
  return true;
}
