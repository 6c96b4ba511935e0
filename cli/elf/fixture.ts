/* Makes the smallest ELF files that have a dynamic section, for tests. */

export interface Dynamic {
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly rpath?: string;
  readonly runpath?: string;
  /** Names of symbols. */
  readonly symbols?: readonly string[];
}

const PHDR_COUNT = 3;
const HEADERS = 64 + PHDR_COUNT * 56;

/** ELF header, three program headers (LOAD of all, INTERP, DYNAMIC), strings, dynamic section. */
export function makeElf(options: Dynamic): Buffer {
  const strings: Buffer[] = [Buffer.from("\0")];
  const offsetOf = (text: string): number => {
    const offset = Buffer.concat(strings).length;
    strings.push(Buffer.from(`${text}\0`));
    return offset;
  };
  const interpreter = offsetOf(options.interpreter ?? "");
  const entries: [number, number][] = (options.needed ?? []).map((name) => [1, offsetOf(name)]);
  if (options.rpath !== undefined) entries.push([15, offsetOf(options.rpath)]);
  if (options.runpath !== undefined) entries.push([29, offsetOf(options.runpath)]);
  for (const name of options.symbols ?? []) offsetOf(name);
  const table = Buffer.concat(strings);
  entries.push([5, HEADERS], [10, table.length], [0, 0]); // DT_STRTAB, DT_STRSZ, DT_NULL
  const dynamic = Buffer.alloc(entries.length * 16);
  entries.forEach(([tag, value], index) => {
    dynamic.writeBigUInt64LE(BigInt(tag), index * 16);
    dynamic.writeBigUInt64LE(BigInt(value), index * 16 + 8);
  });
  const size = HEADERS + table.length + dynamic.length;
  const header = Buffer.alloc(HEADERS);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeUInt16LE(3, 16); // ET_DYN
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(PHDR_COUNT, 56);
  const segment = (index: number, type: number, offset: number, bytes: number): void => {
    const at = 64 + index * 56;
    header.writeUInt32LE(type, at);
    header.writeBigUInt64LE(BigInt(offset), at + 8);
    header.writeBigUInt64LE(BigInt(offset), at + 16);
    header.writeBigUInt64LE(BigInt(bytes), at + 32);
  };
  segment(0, 1, 0, size);
  if (options.interpreter !== undefined) {
    segment(1, 3, HEADERS + interpreter, options.interpreter.length + 1);
  }
  segment(2, 2, HEADERS + table.length, dynamic.length);
  return Buffer.concat([header, table, dynamic]);
}
