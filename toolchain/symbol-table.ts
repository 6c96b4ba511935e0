/**
 * The symbol table of an ELF64 file, for putting names to addresses in code.
 *
 *     const table = new SymbolTable(file)       of the whole file's bytes
 *     table.find(0x401136n)                     { name: "parse_header", offset: 0x25n }, or null
 *     readBuildId(file)                         in hexadecimal, or null
 *
 * .symtab has all functions; where it was stripped, .dynsym has those that a library offers to
 * others. The file may be anybody's: nothing in it is trusted, and what makes no sense has no
 * symbols. Format: System V gABI, chapter 4.
 */
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const SHT_SYMTAB = 2;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SHN_UNDEF = 0;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_GLOBAL = 1;
const NT_GNU_BUILD_ID = 3;
/** How far back from an address a symbol is looked for that spans others. */
const OVERLAP_MAX = 16;

interface Section {
  readonly type: number;
  readonly bytes: Buffer;
  readonly link: number;
}

interface CodeSymbol {
  readonly address: bigint;
  readonly size: bigint;
  readonly isGlobal: boolean;
  readonly name: string;
}

export interface FoundSymbol {
  readonly name: string;
  readonly offset: bigint;
}

function readSections(file: Buffer): Section[] {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return [];
  const table = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  const count = file.readUInt16LE(60);
  if (size !== SECTION_HEADER_SIZE || table + size * count > file.length) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size;
    const type = file.readUInt32LE(at + 4);
    const offset = Number(file.readBigUInt64LE(at + 24));
    const length = type === SHT_NOBITS ? 0 : Number(file.readBigUInt64LE(at + 32));
    const bytes = file.subarray(offset, offset + length);
    return { type, bytes, link: file.readUInt32LE(at + 40) };
  });
}

function readName(names: Buffer, at: number): string {
  const end = names.indexOf(0, at);
  return end < 0 ? "" : names.toString("utf8", at, end);
}

/** The code symbols of a section, sorted by address; of several at one, the best name is last. */
function readSymbols(section: Section, names: Buffer): CodeSymbol[] {
  const symbols: CodeSymbol[] = [];
  const { bytes } = section;
  for (let at = 0; at + SYMBOL_SIZE <= bytes.length; at += SYMBOL_SIZE) {
    const info = bytes.readUInt8(at + 4);
    const type = info & 15;
    const size = bytes.readBigUInt64LE(at + 16);
    if (bytes.readUInt16LE(at + 6) === SHN_UNDEF) continue;
    // Functions in assembly often have no type, and no size.
    if (type !== STT_FUNC && type !== STT_GNU_IFUNC && type !== STT_NOTYPE) continue;
    // What lies behind the last function that a library offers is another one, that it does not.
    if (size === 0n && section.type === SHT_DYNSYM) continue;
    const name = readName(names, bytes.readUInt32LE(at));
    if (name === "") continue;
    const address = bytes.readBigUInt64LE(at + 8);
    symbols.push({ address, size, isGlobal: info >> 4 === STB_GLOBAL, name });
  }
  return symbols.sort(
    (a, b) =>
      compare(a.address, b.address) ||
      compare(a.size > 0n, b.size > 0n) ||
      compare(a.isGlobal, b.isGlobal) ||
      compare(b.name, a.name),
  );
}

function compare<T extends bigint | boolean | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export class SymbolTable {
  readonly #symbols: readonly CodeSymbol[];
  /** It has all functions, not only those offered to others. */
  readonly isFull: boolean;

  constructor(file: Buffer) {
    const sections = readSections(file);
    const full = sections.find((each) => each.type === SHT_SYMTAB);
    const section = full ?? sections.find((each) => each.type === SHT_DYNSYM);
    const names = sections[section?.link ?? -1]?.bytes;
    const isThere = section !== undefined && names !== undefined;
    this.#symbols = isThere ? readSymbols(section, names) : [];
    this.isFull = full !== undefined && isThere;
  }

  /** The function that contains `address`; one without a size reaches to the next. */
  find(address: bigint): FoundSymbol | null {
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const symbol = this.#symbols[middle];
      if (symbol !== undefined && symbol.address <= address) low = middle + 1;
      else high = middle;
    }
    for (let at = low - 1; at >= Math.max(0, low - OVERLAP_MAX); at--) {
      const symbol = this.#symbols[at];
      if (symbol === undefined) break;
      const offset = address - symbol.address;
      if (offset < symbol.size) return { name: symbol.name, offset };
    }
    const nearest = this.#symbols[low - 1];
    if (nearest === undefined || nearest.size > 0n) return null;
    return { name: nearest.name, offset: address - nearest.address };
  }
}

/** What names the file's debug information (.note.gnu.build-id), in hexadecimal. */
export function readBuildId(file: Buffer): string | null {
  for (const { type, bytes } of readSections(file)) {
    if (type !== SHT_NOTE || bytes.length < 16) continue;
    const nameSize = bytes.readUInt32LE(0);
    const size = bytes.readUInt32LE(4);
    const isBuildId = nameSize === 4 && bytes.readUInt32LE(8) === NT_GNU_BUILD_ID;
    if (isBuildId && bytes.toString("latin1", 12, 15) === "GNU" && 16 + size <= bytes.length) {
      return bytes.toString("hex", 16, 16 + size);
    }
  }
  return null;
}
