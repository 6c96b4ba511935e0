/*
 * Reads what composing an image needs from an ELF file: the machine, the interpreter, and from the
 * dynamic section the libraries it needs and where it wants them looked for. Format: System V gABI
 * chapters 4 and 5.
 *
 *   readElf(path)            reads and parses a file; throws NotAnElfError, WrongArchitectureError
 *   parseElf(bytes, name)    the same on bytes
 *
 * Everything in the file is checked before it is used: an offset outside the file is an error, not
 * a crash.
 */
import { readFileSync } from "node:fs";
import { NotAnElfError, WrongArchitectureError } from "../errors.ts";

const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
const DT_SONAME = 14n;
const DT_RPATH = 15n;
const DT_RUNPATH = 29n;

const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const DYN_SIZE = 16;

/** e_machine values that people meet, for the error message. */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [3, "32-bit x86"],
  [8, "MIPS"],
  [20, "PowerPC"],
  [21, "64-bit PowerPC"],
  [22, "s390"],
  [40, "32-bit ARM"],
  [183, "64-bit ARM (aarch64)"],
  [243, "RISC-V"],
  [258, "LoongArch"],
]);

export interface ElfFile {
  /** PT_INTERP, null for a static program or a library. */
  readonly interpreter: string | null;
  readonly isDynamic: boolean;
  readonly soname: string | null;
  readonly needed: readonly string[];
  /** DT_RPATH and DT_RUNPATH as written, split at colons, `$ORIGIN` not yet replaced. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  /** Whether a symbol's name is among the strings of its dynamic section. */
  mentions(symbol: string): boolean;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly fileSize: number;
}

export function readElf(path: string): ElfFile {
  return parseElf(readFileSync(path), path);
}

export function parseElf(bytes: Buffer, name: string): ElfFile {
  checkHeader(bytes, name);
  const segments = readSegments(bytes, name);
  const interp = segments.find((segment) => segment.type === PT_INTERP);
  const interpreter = interp === undefined ? null : cString(bytes, interp.offset, name);
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (dynamic === undefined) {
    return {
      interpreter,
      isDynamic: false,
      soname: null,
      needed: [],
      rpath: [],
      runpath: [],
      mentions: () => false,
    };
  }
  return { interpreter, isDynamic: true, ...readDynamic(bytes, dynamic, segments, name) };
}

function checkHeader(bytes: Buffer, name: string): void {
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x7f454c46) {
    const isScript = bytes.length >= 2 && bytes.toString("latin1", 0, 2) === "#!";
    throw new NotAnElfError(name, isScript ? "it is a script" : "it does not begin with \\x7fELF");
  }
  if (bytes.length < EHDR_SIZE) throw new NotAnElfError(name, "it is cut short");
  const machine = bytes.readUInt16LE(18);
  if (bytes[5] !== ELFDATA2LSB || machine !== EM_X86_64) {
    const number = bytes[5] === ELFDATA2LSB ? machine : bytes.readUInt16BE(18);
    throw new WrongArchitectureError(name, MACHINES.get(number) ?? `ELF machine ${number}`);
  }
  if (bytes[4] !== ELFCLASS64) throw new WrongArchitectureError(name, "x32 (32-bit pointers)");
  const type = bytes.readUInt16LE(16);
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw new NotAnElfError(name, `ELF type ${type} is neither a program nor a library`);
  }
}

function readSegments(bytes: Buffer, name: string): Segment[] {
  const offset = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  if (count > 0 && (size < PHDR_SIZE || offset + size * count > bytes.length)) {
    throw new NotAnElfError(name, "its program headers are outside the file");
  }
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const at = offset + index * size;
    segments.push({
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      vaddr: bytes.readBigUInt64LE(at + 16),
      fileSize: Number(bytes.readBigUInt64LE(at + 32)),
    });
  }
  return segments;
}

function readDynamic(
  bytes: Buffer,
  dynamic: Segment,
  segments: readonly Segment[],
  name: string,
): Omit<ElfFile, "interpreter" | "isDynamic"> {
  const end = dynamic.offset + dynamic.fileSize;
  if (end > bytes.length) throw new NotAnElfError(name, "its dynamic section is outside the file");
  const entries: { tag: bigint; value: bigint }[] = [];
  for (let at = dynamic.offset; at + DYN_SIZE <= end; at += DYN_SIZE) {
    const tag = bytes.readBigInt64LE(at);
    if (tag === DT_NULL) break;
    entries.push({ tag, value: bytes.readBigUInt64LE(at + 8) });
  }
  const table = entries.find((entry) => entry.tag === DT_STRTAB);
  const base = table === undefined ? 0 : fileOffset(table.value, segments, name);
  const tableSize = Number(entries.find((entry) => entry.tag === DT_STRSZ)?.value ?? 0n);
  const strings = (tag: bigint): string[] =>
    entries
      .filter((entry) => entry.tag === tag)
      .map((entry) => cString(bytes, base + Number(entry.value), name));
  const paths = (tag: bigint): string[] =>
    strings(tag).flatMap((list) => list.split(":").filter((part) => part !== ""));
  return {
    soname: strings(DT_SONAME)[0] ?? null,
    needed: strings(DT_NEEDED),
    rpath: paths(DT_RPATH),
    runpath: paths(DT_RUNPATH),
    mentions: namesIn(bytes.subarray(base, base + tableSize)),
  };
}

function namesIn(table: Buffer): (symbol: string) => boolean {
  const copy = Buffer.from(table);
  return (symbol) => copy.includes(`\0${symbol}\0`);
}

/** The file offset of a virtual address that a PT_LOAD segment covers. */
function fileOffset(vaddr: bigint, segments: readonly Segment[], name: string): number {
  for (const segment of segments) {
    const delta = vaddr - segment.vaddr;
    if (segment.type === PT_LOAD && delta >= 0n && delta < BigInt(segment.fileSize)) {
      return segment.offset + Number(delta);
    }
  }
  throw new NotAnElfError(name, "its string table is in no segment");
}

function cString(bytes: Buffer, offset: number, name: string): string {
  const end = offset < bytes.length ? bytes.indexOf(0, offset) : -1;
  if (end < 0) throw new NotAnElfError(name, "a string is outside the file");
  return bytes.toString("latin1", offset, end);
}
