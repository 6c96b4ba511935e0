/**
 * From addresses to names: reads the symbol table of the kernel's ELF file, whose symbols carry
 * their TypeScript names (names.ts).
 *
 *     symbolize(elfPath, 0xffffffffc0101234n)      "net/tcp/connection/Connection#input+0x24", or null
 *     symbolizeText(elfPath, line)                 the same for every kernel address in a text
 */
import { readFileSync } from "node:fs";

const SECTION_SYMTAB = 2;
const SYMBOL_SIZE = 24;
const SYMBOL_TYPE_FUNCTION = 2;
const KERNEL_IMAGE = 0xffffffffc0000000n;

interface KernelSymbol {
  address: bigint;
  size: bigint;
  name: string;
}

const tables = new Map<string, KernelSymbol[]>();

function readName(file: Buffer, at: number): string {
  return file.toString("utf8", at, file.indexOf(0, at));
}

/** All symbols of an ELF64 file that name code, sorted by address. */
function readSymbols(elfPath: string): KernelSymbol[] {
  const file = readFileSync(elfPath);
  const sectionTable = Number(file.readBigUInt64LE(40));
  const sectionSize = file.readUInt16LE(58);
  const sectionCount = file.readUInt16LE(60);
  const symbols: KernelSymbol[] = [];
  for (let index = 0; index < sectionCount; index++) {
    const section = sectionTable + index * sectionSize;
    if (file.readUInt32LE(section + 4) !== SECTION_SYMTAB) continue;
    const offset = Number(file.readBigUInt64LE(section + 24));
    const size = Number(file.readBigUInt64LE(section + 32));
    const strings = sectionTable + file.readUInt32LE(section + 40) * sectionSize;
    const names = Number(file.readBigUInt64LE(strings + 24));
    for (let at = offset; at < offset + size; at += SYMBOL_SIZE) {
      const type = file.readUInt8(at + 4) & 15;
      const address = file.readBigUInt64LE(at + 8);
      // Assembly labels have no type, and count when they are in the image.
      if (address < KERNEL_IMAGE || (type !== SYMBOL_TYPE_FUNCTION && type !== 0)) continue;
      const name = readName(file, names + file.readUInt32LE(at));
      symbols.push({ address, size: file.readBigUInt64LE(at + 16), name });
    }
  }
  return symbols.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

function symbolsOf(elfPath: string): KernelSymbol[] {
  let symbols = tables.get(elfPath);
  if (symbols === undefined) {
    symbols = readSymbols(elfPath);
    tables.set(elfPath, symbols);
  }
  return symbols;
}

/** The function that contains `address`, with the offset in it; null when none does. */
export function symbolize(elfPath: string, address: bigint): string | null {
  const symbols = symbolsOf(elfPath);
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const symbol = symbols[middle];
    if (symbol !== undefined && symbol.address <= address) low = middle + 1;
    else high = middle;
  }
  const found = symbols[low - 1];
  if (found === undefined) return null;
  const offset = address - found.address;
  if (found.size > 0n && offset >= found.size) return null;
  return offset === 0n ? found.name : `${found.name}+0x${offset.toString(16)}`;
}

/** Appends the name to every address of the kernel's code in a text. */
export function symbolizeText(elfPath: string, text: string): string {
  return text.replace(/0x(ffffffffc[0-9a-f]{7})/g, (address) => {
    const name = symbolize(elfPath, BigInt(address));
    return name === null ? address : `${address} ${name}`;
  });
}
