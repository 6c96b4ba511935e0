import { addressOf } from "../arch/hw";
import { filePut, O_CREAT, O_RDWR } from "../fs/file";
import { IoVector } from "../fs/io-vector";
import { opened, testTmpfsRoot } from "../fs/testing";
import { EIO, ENOEXEC, ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { setMapTop } from "../mem/address-space";
import { PROT_EXEC, PROT_READ, PROT_WRITE, Vma, vmaCount, vmaFind } from "../mem/vma";
import { thisCpu } from "../sched/cpu";
import { threadBare } from "../sched/thread";
import { ElfImage, elfLoad, elfMapped, interpreter, MappedElf } from "./elf";
import { loadUser, storeUser, USER_END } from "./user-memory";

// Programs made by hand, field by field: what is mapped of a good one, and what is wrong with bad
// ones. The application's memory is physical memory here, behind what the allocator has.

const CODE: u64 = 0x2a00000;
const DATA: u64 = 0x2a03000;
/** Where a program goes that may go anywhere, if that is free. */
const BASE: u64 = 0x2c00000;
const FILE_BYTES: u32 = 0x5000;
const HEADERS_AT: u32 = 0x40;
const HEADER: u32 = 56;
const DATA_AT: u32 = 0x2000;
const DATA_FILE_BYTES: u64 = 0x1234;
const DATA_BYTES: u64 = 0x3456;
const INTERPRETER_AT: u32 = 0x300;
const INTERPRETER = "/lib/ld.so";

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const ET_CORE: u16 = 4;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const PT_GNU_EH_FRAME: u32 = 0x6474e550;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

const bytes: usize = memory.data(0x5000, 8);
const image = new ElfImage();
const io = new IoVector();

/** Offsets in the file header, ELF-64 object file format. */
enum Field {
  CLASS = 4,
  DATA = 5,
  TYPE = 16,
  MACHINE = 18,
  ENTRY = 24,
  HEADERS = 32,
  SECTIONS = 40,
  HEADER_SIZE = 54,
  HEADER_COUNT = 56,
  SECTION_SIZE = 58,
  SECTION_COUNT = 60,
  SECTION_NAMES = 62,
}

function start(): void {
  testTmpfsRoot();
  setMapTop(0x7f0000000000);
  thisCpu().current = threadBare("test");
}

function segment(
  index: u32,
  type: u32,
  flags: u32,
  offset: u64,
  address: u64,
  inFile: u64,
  inMemory: u64,
): void {
  const at = bytes + HEADERS_AT + <usize>(index * HEADER);
  store<u32>(at, type);
  store<u32>(at, flags, 4);
  store<u64>(at, offset, 8);
  store<u64>(at, address, 16);
  store<u64>(at, inFile, 32);
  store<u64>(at, inMemory, 40);
  store<u64>(at, 0x1000, 48);
}

/** A program with code, data, an interpreter and a note, which takes no place. */
function build(type: u16, base: u64): void {
  memory.fill(bytes, 0xcc, FILE_BYTES);
  memory.fill(bytes, 0, 0x400);
  store<u32>(bytes, 0x464c457f);
  store<u8>(bytes, 2, Field.CLASS);
  store<u8>(bytes, 1, Field.DATA);
  store<u16>(bytes, type, Field.TYPE);
  store<u16>(bytes, 62, Field.MACHINE);
  store<u64>(bytes, base + 0x123, Field.ENTRY);
  store<u64>(bytes, HEADERS_AT, Field.HEADERS);
  store<u16>(bytes, HEADER, Field.HEADER_SIZE);
  store<u16>(bytes, 5, Field.HEADER_COUNT);
  segment(0, PT_INTERP, PF_R, INTERPRETER_AT, 0, INTERPRETER.length + 1, 0);
  segment(1, PT_LOAD, PF_R | PF_X, 0, base, 0x1800, 0x1800);
  segment(2, PT_NOTE, PF_R, 0x100, 0x100, 0x20, 0x20);
  segment(3, PT_LOAD, PF_R | PF_W, DATA_AT, base + (DATA - CODE), DATA_FILE_BYTES, DATA_BYTES);
  segment(4, PT_LOAD, PF_R, 0, 0, 0, 0);
  for (let i = 0; i < INTERPRETER.length; i++) {
    store<u8>(bytes + INTERPRETER_AT + <usize>i, <u8>INTERPRETER.charCodeAt(i));
  }
}

/** Loads what `bytes` holds. */
function loadProgram(base: u64): i32 {
  const file = opened("/program", O_CREAT | O_RDWR);
  file.truncate(0);
  io.setKernel(addressOf(bytes), FILE_BYTES);
  expectEqual(file.writeAt(io, 0), FILE_BYTES, "the file is written");
  const error = elfLoad(file, base, image);
  filePut(file);
  return error;
}

function expectArea(address: u64, end: u64, rights: u32, message: string): Vma {
  const area = vmaFind(address);
  expect(area != null, message);
  expectEqual(area!.start, address, message);
  expectEqual(area!.end, end, message);
  expectEqual(area!.protection, rights, message);
  return area!;
}

function expectMapped(code: u64): void {
  const data = code + (DATA - CODE);
  const first = expectArea(code, code + 0x2000, PROT_READ | PROT_EXEC, "code");
  expect(first.source != null, "from the file");
  expectEqual(first.pageOffset, 0, "from its beginning");
  const second = expectArea(data, data + 0x2000, PROT_READ | PROT_WRITE, "data");
  expectEqual(second.pageOffset, DATA_AT >> 12, "from its place in the file");
  const rest = expectArea(data + 0x2000, data + 0x4000, PROT_READ | PROT_WRITE, "zeros");
  expect(rest.source == null, "of no file");
  expectEqual(vmaCount(), 3, "and nothing else");
}

test("elf: a program that is linked to its place is mapped there, by its headers", () => {
  start();
  build(ET_EXEC, CODE);
  expectEqual(loadProgram(BASE), 0, "loaded");
  expectMapped(CODE);
  expectEqual(image.bias, 0, "not moved");
  expectEqual(image.entry, CODE + 0x123, "entry");
  expectEqual(image.headers, CODE + HEADERS_AT, "its headers are in its first segment");
  expectEqual(image.headerCount, 5, "all of them");
  expectEqual(image.lowest, CODE, "from");
  expectEqual(image.highest, DATA + 0x4000, "to");
  expect(image.hasInterpreter, "it has an interpreter");
  const length = <usize>INTERPRETER.length;
  expect(String.UTF8.decodeUnsafe(interpreter, length) == INTERPRETER, "by name");
  expectEqual(load<u8>(interpreter + length), 0, "which ends");
});

test("elf: a program that may be moved goes where it is told, or to a free place", () => {
  start();
  build(ET_DYN, 0);
  expectEqual(loadProgram(BASE), 0, "loaded");
  expectMapped(BASE);
  expectEqual(image.bias, BASE, "moved");
  expectEqual(image.entry, BASE + 0x123, "entry");
  expectEqual(image.headers, BASE + HEADERS_AT, "headers");
  expectEqual(image.lowest, BASE, "from");
  expectEqual(image.highest, BASE + 0x7000, "to");
});

test("elf: what is there already is not mapped over", () => {
  start();
  build(ET_EXEC, CODE);
  expectEqual(loadProgram(0), 0, "once");
  expectEqual(loadProgram(0), -ENOMEM, "twice");
  expectEqual(vmaCount(), 3, "nothing has changed");
});

test("elf: without an interpreter there is none", () => {
  start();
  build(ET_EXEC, CODE);
  segment(0, PT_NOTE, PF_R, 0x100, 0, 16, 16);
  expectEqual(loadProgram(0), 0, "loaded");
  expect(!image.hasInterpreter, "none");
  segment(1, PT_LOAD, PF_R | PF_X, 0x1000, 0x2e00000, 0x800, 0x800);
  segment(3, PT_NOTE, PF_R, 0x100, 0, 16, 16);
  expectEqual(loadProgram(0), 0, "loaded");
  expectEqual(image.headers, 0, "and headers that no segment has are nowhere in memory");
});

/** The program with one field changed; `width` in bytes. */
function refused(at: u32, value: u64, width: u32, error: i32, message: string): void {
  build(ET_EXEC, CODE);
  if (width == 1) store<u8>(bytes + at, <u8>value);
  else if (width == 2) store<u16>(bytes + at, <u16>value);
  else if (width == 4) store<u32>(bytes + at, <u32>value);
  else store<u64>(bytes + at, value);
  expectEqual(loadProgram(0), error, message);
  expectEqual(vmaCount(), 0, "nothing is mapped");
}

/** The offset of a field of a program header. */
function inHeader(index: u32, field: u32): u32 {
  return HEADERS_AT + index * HEADER + field;
}

test("elf: a wrong file header is refused", () => {
  start();
  refused(0, 0x7f, 2, -ENOEXEC, "no magic number");
  refused(3, 0x47, 1, -ENOEXEC, "nor a whole one");
  refused(Field.CLASS, 1, 1, -ENOEXEC, "32 bits");
  refused(Field.DATA, 2, 1, -ENOEXEC, "big endian");
  refused(Field.TYPE, ET_CORE, 2, -ENOEXEC, "a core dump");
  refused(Field.TYPE, 1, 2, -ENOEXEC, "an object file");
  refused(Field.MACHINE, 3, 2, -ENOEXEC, "another machine");
  refused(Field.HEADER_SIZE, 64, 2, -ENOEXEC, "program headers of another size");
  refused(Field.HEADER_COUNT, 0, 2, -ENOEXEC, "no program headers");
  refused(Field.HEADER_COUNT, 65, 2, -ENOEXEC, "too many");
  refused(Field.HEADERS, FILE_BYTES - 10, 8, -ENOEXEC, "which end behind the file");
  refused(Field.HEADERS, u64.MAX_VALUE, 8, -ENOEXEC, "which begin nowhere");
});

test("elf: as many program headers as there may be", () => {
  start();
  build(ET_EXEC, CODE);
  store<u16>(bytes, 64, Field.HEADER_COUNT);
  // What is behind the five is zero, that is, unused.
  memory.fill(bytes + HEADERS_AT + 5 * HEADER, 0, 59 * HEADER);
  segment(0, PT_NOTE, PF_R, 0x100, 0, 16, 16);
  expectEqual(loadProgram(0), 0, "loaded");
  expectEqual(image.headerCount, 64, "all");
});

test("elf: segments that can't be are refused", () => {
  start();
  refused(inHeader(3, 40), DATA_FILE_BYTES - 1, 8, -ENOEXEC, "more in the file than in memory");
  refused(inHeader(3, 16), USER_END, 8, -ENOEXEC, "behind the application's half");
  refused(inHeader(3, 16), 0xffffffff80002000, 8, -ENOEXEC, "in the kernel's");
  refused(inHeader(3, 40), USER_END, 8, -ENOEXEC, "larger than the half");
  refused(inHeader(3, 40), USER_END - DATA + 1, 8, -ENOEXEC, "by a byte");
  refused(inHeader(3, 8), DATA_AT + 8, 8, -ENOEXEC, "not aligned as in the file");
  build(ET_EXEC, CODE);
  segment(1, PT_NOTE, 0, 0, 0, 0, 0);
  segment(3, PT_NOTE, 0, 0, 0, 0, 0);
  expectEqual(loadProgram(0), -ENOEXEC, "none at all");
});

test("elf: an interpreter without a name is refused", () => {
  start();
  refused(inHeader(0, 32), 1, 8, -ENOEXEC, "no name");
  refused(inHeader(0, 32), 257, 8, -ENOEXEC, "too long");
  refused(inHeader(0, 8), FILE_BYTES - 3, 8, -EIO, "behind the end of the file");
  build(ET_EXEC, CODE);
  store<u64>(bytes + inHeader(0, 32), 256);
  expectEqual(loadProgram(0), 0, "the longest");
  expectEqual(load<u8>(interpreter + 255), 0, "ends");
});

test("elf: what lies behind a segment's data in its last page is zero", () => {
  start();
  build(ET_EXEC, CODE);
  // What somebody left there.
  const left = new StaticArray<u8>(0x1000);
  memory.fill(changetype<usize>(left), 0xff, 0x1000);
  storeUser(DATA + 0x1000, changetype<usize>(left), 0x1000);
  expectEqual(loadProgram(0), 0, "loaded");
  loadUser(changetype<usize>(left), DATA + 0x1000, 0x1000);
  const end = <i32>(DATA_FILE_BYTES & 0xfff);
  for (let at = end; at < 0x1000; at++) expectEqual(left[at], 0, "a byte behind the data");
  expectEqual(left[end - 1], 0xff, "the data is the file's");
});

// ---- Of files that are mapped: where their functions' call frames are described ----

const MAPPED_AT: u64 = 0x2d00000;
const NOWHERE: u64 = 0x7000000000;
const SECTIONS_AT: u64 = 0x3000;
const SECTION: u32 = 64;
const NAMES_AT: u64 = 0x3800;
/** Offsets of the names, of which .eh_frame_hdr begins as .eh_frame does. */
const NAMES = "\0.text\0.eh_frame_hdr\0.eh_frame\0.shstrtab\0";

function sectionAt(index: u32, name: i32, address: u64, offset: u64, size: u64): void {
  const at = bytes + <usize>SECTIONS_AT + <usize>(index * SECTION);
  store<u32>(at, name);
  store<u64>(at, address, 16);
  store<u64>(at, offset, 24);
  store<u64>(at, size, 32);
}

/** Sections of a program: code, a table, frames, and the sections' names. */
function buildSections(): void {
  memory.fill(bytes + <usize>SECTIONS_AT, 0, 0x1000);
  store<u64>(bytes, SECTIONS_AT, Field.SECTIONS);
  store<u16>(bytes, SECTION, Field.SECTION_SIZE);
  store<u16>(bytes, 5, Field.SECTION_COUNT);
  store<u16>(bytes, 4, Field.SECTION_NAMES);
  sectionAt(1, NAMES.indexOf(".text"), 0x100, 0x100, 0x10);
  sectionAt(2, NAMES.indexOf(".eh_frame_hdr"), 0x200, 0x200, 0x20);
  sectionAt(3, NAMES.indexOf(".eh_frame\0"), 0x400, 0x400, 0x80);
  sectionAt(4, NAMES.indexOf(".shstrtab"), 0, NAMES_AT, NAMES.length);
  for (let i = 0; i < NAMES.length; i++) {
    store<u8>(bytes + <usize>NAMES_AT + <usize>i, <u8>NAMES.charCodeAt(i));
  }
}

/** Looks at what `bytes` holds as a file that is mapped at `at`. */
function look(at: u64, mapped: MappedElf): bool {
  const file = opened("/mapped", O_CREAT | O_RDWR);
  file.truncate(0);
  io.setKernel(addressOf(bytes), FILE_BYTES);
  file.writeAt(io, 0);
  storeUser(MAPPED_AT, bytes, FILE_BYTES);
  const isThere = elfMapped(file, at, mapped);
  filePut(file);
  return isThere;
}

test("elf: a mapped file has a table of its frames", () => {
  start();
  const mapped = new MappedElf();
  build(ET_DYN, 0);
  buildSections();
  segment(4, PT_GNU_EH_FRAME, PF_R, 0x200, 0x234, 0x20, 0x20);
  expect(look(MAPPED_AT, mapped), "it can be read");
  expectEqual(mapped.bias, MAPPED_AT, "moved as a whole");
  expectEqual(mapped.ehFrameHeader, MAPPED_AT + 0x234, "the table moves along");
  expectEqual(mapped.ehFrame, 0, "nothing else is looked for");
  build(ET_EXEC, MAPPED_AT);
  segment(4, PT_GNU_EH_FRAME, PF_R, 0x200, MAPPED_AT + 0x234, 0x20, 0x20);
  expect(look(MAPPED_AT, mapped), "one that is linked to its place");
  expectEqual(mapped.bias, 0, "is not moved");
  expectEqual(mapped.ehFrameHeader, MAPPED_AT + 0x234, "nor its table");
});

test("elf: without a table, the frames are found by the section's name", () => {
  start();
  const mapped = new MappedElf();
  build(ET_DYN, 0);
  buildSections();
  expect(look(MAPPED_AT, mapped), "it can be read");
  expectEqual(mapped.ehFrameHeader, 0, "no table");
  expectEqual(mapped.ehFrame, MAPPED_AT + 0x400, "frames from");
  expectEqual(mapped.ehFrameEnd, MAPPED_AT + 0x480, "to");
  store<u16>(bytes, 3, Field.SECTION_COUNT);
  expect(look(MAPPED_AT, mapped), "without that section");
  expectEqual(mapped.ehFrame, 0, "there are none");
  buildSections();
  store<u16>(bytes, SECTION - 8, Field.SECTION_SIZE);
  expect(look(MAPPED_AT, mapped), "with sections of another size");
  expectEqual(mapped.ehFrame, 0, "none is looked at");
  buildSections();
  store<u64>(bytes, FILE_BYTES - SECTION, Field.SECTIONS);
  expect(look(MAPPED_AT, mapped), "with sections behind the end");
  expectEqual(mapped.ehFrame, 0, "none is found");
});

test("elf: what is mapped and no program is told apart", () => {
  start();
  const mapped = new MappedElf();
  build(ET_DYN, 0);
  expect(!look(NOWHERE, mapped), "nothing is there");
  store<u8>(bytes, 1, Field.CLASS);
  expect(!look(MAPPED_AT, mapped), "another kind");
  build(ET_DYN, 0);
  store<u64>(bytes, NOWHERE, Field.HEADERS);
  expect(!look(MAPPED_AT, mapped), "headers that are not there");
});
