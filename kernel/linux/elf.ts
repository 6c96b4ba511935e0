/**
 * Loading ELF programs: static, static PIE, and dynamic ones with their interpreter. System V ABI,
 * chapters 4 and 5.
 *
 *     elfLoad(file, base, image)     maps the segments; 0 or -ENOEXEC, -ENOMEM, -EIO
 *     elfMapped(start, mapped)       what the headers of a file say that the program has mapped itself
 *
 * Segments are mapped from the page cache, privately, as mmap(2) would do it; what lies behind a
 * segment's file data in its last page is zeroed, the rest of its memory is anonymous. Everything
 * in the headers is a claim and is checked.
 */

import { addressOf } from "../arch/hw";
import { File } from "../fs/file";
import { isError } from "../fs/inode";
import { IoVector } from "../fs/io-vector";
import { PageSource } from "../fs/page-source";
import { EIO, ENOEXEC, ENOMEM } from "../lib/errno";
import { findFree, isFree, mapRegion, pageAlign } from "../mem/address-space";
import { PAGE_SHIFT, PAGE_SIZE } from "../mem/page-allocator";
import { PROT_EXEC, PROT_READ, PROT_WRITE, VMA_MAY_WRITE } from "../mem/vma";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { loadUser, storeUser, USER_END } from "./user-memory";

const ELF_MAGIC: u32 = 0x464c457f;
const ELFCLASS64: u8 = 2;
const ELFDATA2LSB: u8 = 1;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_GNU_EH_FRAME: u32 = 0x6474e550;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;
const HEADER_SIZE: u64 = 64;
const PROGRAM_HEADER_SIZE: u64 = 56;
const SECTION_HEADER_SIZE: u16 = 64;
/** The name ".eh_frame" with its zero, as two numbers. */
const EH_FRAME: u64 = 0x6d6172665f68652e;
const EH_FRAME_REST: u16 = 0x65;
const PROGRAM_HEADERS_MAX: u16 = 64;
/** Room for the path of the interpreter. */
export const INTERPRETER_SIZE: usize = 256;

@unmanaged
class ElfHeader {
  magic: u32;
  fileClass: u8;
  data: u8;
  identVersion: u16;
  identRest: u64;
  type: u16;
  machine: u16;
  version: u32;
  entry: u64;
  programHeaders: u64;
  sectionHeaders: u64;
  flags: u32;
  headerSize: u16;
  programHeaderSize: u16;
  programHeaderCount: u16;
  sectionHeaderSize: u16;
  sectionCount: u16;
  /** The index of the section that has the sections' names. */
  sectionNames: u16;
}
if (offsetof<ElfHeader>("entry") != 24 || offsetof<ElfHeader>("programHeaderCount") != 56) {
  ERROR("Elf64_Ehdr");
}

@unmanaged
class ProgramHeader {
  type: u32;
  flags: u32;
  offset: u64;
  virtualAddress: u64;
  physicalAddress: u64;
  fileSize: u64;
  memorySize: u64;
  alignment: u64;
}
if (offsetof<ProgramHeader>() != 56) ERROR("Elf64_Phdr");

@unmanaged
class SectionHeader {
  name: u32;
  type: u32;
  flags: u64;
  address: u64;
  offset: u64;
  size: u64;
  link: u32;
  info: u32;
  alignment: u64;
  entrySize: u64;
}
if (offsetof<SectionHeader>() != 64) ERROR("Elf64_Shdr");

/** What a loaded program needs to be started. */
@unmanaged
export class ElfImage {
  /** Added to the addresses in the file. */
  bias: u64;
  entry: u64;
  /** Where the program headers are in memory, their number. */
  headers: u64;
  headerCount: u64;
  lowest: u64;
  highest: u64;
  /** The interpreter's path is in `interpreter`. */
  hasInterpreter: bool;
}

/** A file whose first page lies in the application's memory. */
@unmanaged
export class MappedElf {
  /** Added to the addresses in the file. */
  bias: u64;
  /** Where .eh_frame_hdr is in memory, a table of the functions in .eh_frame; 0: it has none. */
  ehFrameHeader: u64;
  /** Without it: where .eh_frame itself is. */
  ehFrame: u64;
  ehFrameEnd: u64;
}

const header: ElfHeader = changetype<ElfHeader>(memory.data(64, 8));
const section: SectionHeader = changetype<SectionHeader>(memory.data(64, 8));
const sectionName: usize = memory.data(16, 8);
const programHeaders: usize = memory.data(64 * 56, 8);
export const interpreter: usize = memory.data(256);

function programHeader(index: u16): ProgramHeader {
  return changetype<ProgramHeader>(programHeaders + <usize>index * offsetof<ProgramHeader>());
}

/** Reads exactly n bytes at an offset of the file. */
function readExactly(file: File, to: usize, n: u64, offset: u64): bool {
  const io = attempt(new IoVector());
  if (!io) return false;
  io.setKernel(addressOf(to), n);
  const result = file.readAt(io, <i64>offset);
  free(io);
  return result == <i64>n;
}

function readHeaders(file: File): i32 {
  if (!readExactly(file, changetype<usize>(header), HEADER_SIZE, 0)) return -ENOEXEC;
  if (!isHeaderRight()) return -ENOEXEC;
  const bytes = <u64>header.programHeaderCount * PROGRAM_HEADER_SIZE;
  return readExactly(file, programHeaders, bytes, header.programHeaders) ? 0 : -ENOEXEC;
}

function isHeaderRight(): bool {
  if (header.magic != ELF_MAGIC || header.fileClass != ELFCLASS64) return false;
  if (header.data != ELFDATA2LSB || header.machine != EM_X86_64) return false;
  if (header.type != ET_EXEC && header.type != ET_DYN) return false;
  if (header.programHeaderSize != <u16>PROGRAM_HEADER_SIZE) return false;
  const count = header.programHeaderCount;
  return count > 0 && count <= PROGRAM_HEADERS_MAX;
}

/** Reads the headers of `file`, which is mapped from its beginning at `start`. May sleep. */
export function elfMapped(file: File, start: u64, mapped: MappedElf): bool {
  if (loadUser(changetype<usize>(header), start, HEADER_SIZE) != 0 || !isHeaderRight())
    return false;
  const bytes = <u64>header.programHeaderCount * PROGRAM_HEADER_SIZE;
  if (loadUser(programHeaders, start + header.programHeaders, bytes) != 0) return false;
  mapped.bias = start;
  mapped.ehFrameHeader = 0;
  for (let i: u16 = 0; i < header.programHeaderCount; i++) {
    const segment = programHeader(i);
    // The segment that has the headers comes first, and begins with the file.
    if (segment.type == PT_LOAD && segment.offset == 0)
      mapped.bias = start - segment.virtualAddress;
    if (segment.type == PT_GNU_EH_FRAME) mapped.ehFrameHeader = segment.virtualAddress;
  }
  mapped.ehFrame = 0;
  if (mapped.ehFrameHeader != 0) mapped.ehFrameHeader += mapped.bias;
  else findEhFrame(file, mapped);
  return true;
}

/** Sections are not mapped, and a stripped file has none. */
function findEhFrame(file: File, mapped: MappedElf): void {
  if (header.sectionHeaderSize != SECTION_HEADER_SIZE) return;
  const names = readSection(file, header.sectionNames) ? section.offset : 0;
  for (let i: u16 = 0; i < header.sectionCount && readSection(file, i); i++) {
    const isNamed = readExactly(file, sectionName, 10, names + section.name);
    if (
      !isNamed ||
      load<u64>(sectionName) != EH_FRAME ||
      load<u16>(sectionName, 8) != EH_FRAME_REST
    ) {
      continue;
    }
    mapped.ehFrame = mapped.bias + section.address;
    mapped.ehFrameEnd = mapped.ehFrame + section.size;
  }
}

function readSection(file: File, index: u16): bool {
  const at = header.sectionHeaders + <u64>index * SECTION_HEADER_SIZE;
  return readExactly(file, changetype<usize>(section), SECTION_HEADER_SIZE, at);
}

/** Finds the extent of the segments and the interpreter's name, and checks each header. */
function survey(file: File, image: ElfImage): i32 {
  image.lowest = USER_END;
  image.highest = 0;
  image.hasInterpreter = false;
  for (let i: u16 = 0; i < header.programHeaderCount; i++) {
    const segment = programHeader(i);
    if (segment.type == PT_INTERP) {
      if (segment.fileSize < 2 || segment.fileSize > INTERPRETER_SIZE) return -ENOEXEC;
      if (!readExactly(file, interpreter, segment.fileSize, segment.offset)) return -EIO;
      store<u8>(interpreter + <usize>segment.fileSize - 1, 0);
      image.hasInterpreter = true;
    }
    if (segment.type != PT_LOAD || segment.memorySize == 0) continue;
    const start = segment.virtualAddress;
    if (segment.fileSize > segment.memorySize || start >= USER_END) return -ENOEXEC;
    if (segment.memorySize > USER_END - start) return -ENOEXEC;
    if (((start ^ segment.offset) & (PAGE_SIZE - 1)) != 0) return -ENOEXEC;
    image.lowest = min(image.lowest, start & ~(PAGE_SIZE - 1));
    image.highest = max(image.highest, pageAlign(start + segment.memorySize));
  }
  return image.highest > image.lowest ? 0 : -ENOEXEC;
}

function rights(flags: u32): u32 {
  return (
    ((flags & PF_R) != 0 ? PROT_READ : 0) |
    ((flags & PF_W) != 0 ? PROT_WRITE : 0) |
    ((flags & PF_X) != 0 ? PROT_EXEC : 0)
  );
}

function mapSegment(file: File, source: PageSource, segment: ProgramHeader, bias: u64): i32 {
  const start = bias + segment.virtualAddress;
  const first = start & ~(PAGE_SIZE - 1);
  const fileEnd = start + segment.fileSize;
  const end = pageAlign(start + segment.memorySize);
  const protection = rights(segment.flags);
  let mapped = first;
  if (segment.fileSize > 0) {
    mapped = pageAlign(fileEnd);
    const error = mapRegion(
      first,
      mapped - first,
      protection,
      VMA_MAY_WRITE,
      source,
      segment.offset >> PAGE_SHIFT,
      file,
    );
    if (error != 0) return error;
  }
  if (end > mapped) {
    const error = mapRegion(mapped, end - mapped, protection, VMA_MAY_WRITE, null, 0);
    if (error != 0) return error;
  }
  // The rest of the last page of file data is memory of the program, zero to the page's end: ld.so
  // allocates behind its own data. (Of a read-only segment nobody looks at it.)
  if (fileEnd < mapped && (protection & PROT_WRITE) != 0) {
    if (storeUser(fileEnd, zeroPage(), mapped - fileEnd) != 0) return -ENOMEM;
  }
  return 0;
}

let zeros: usize = 0;

function zeroPage(): usize {
  if (zeros == 0) {
    zeros = heap.alloc(<usize>PAGE_SIZE);
    memory.fill(zeros, 0, <usize>PAGE_SIZE);
  }
  return zeros;
}

/**
 * Maps the program in `file`. A position-independent one goes to `base`, or anywhere when that is
 * 0.
 */
export function elfLoad(file: File, base: u64, image: ElfImage): i32 {
  const error = readHeaders(file);
  if (error != 0) return error;
  const surveyError = survey(file, image);
  if (surveyError != 0) return surveyError;
  const pages = file.pageSource();
  if (isError(pages)) return <i32>pages == -ENOMEM ? -ENOMEM : -ENOEXEC;
  const source = changetype<PageSource>(pages);
  const extent = image.highest - image.lowest;
  image.bias = 0;
  if (header.type == ET_DYN) {
    const place = base != 0 && isFree(base, extent) ? base : findFree(extent);
    if (place == 0) return -ENOMEM;
    image.bias = place - image.lowest;
  } else if (!isFree(image.lowest, extent)) {
    return -ENOMEM;
  }
  image.headers = 0;
  for (let i: u16 = 0; i < header.programHeaderCount; i++) {
    const segment = programHeader(i);
    if (segment.type != PT_LOAD || segment.memorySize == 0) continue;
    const mapError = mapSegment(file, source, segment, image.bias);
    if (mapError != 0) return mapError;
    const at = header.programHeaders;
    if (at >= segment.offset && at < segment.offset + segment.fileSize) {
      image.headers = image.bias + segment.virtualAddress + (at - segment.offset);
    }
  }
  image.lowest += image.bias;
  image.highest += image.bias;
  image.entry = image.bias + header.entry;
  image.headerCount = header.programHeaderCount;
  return 0;
}
