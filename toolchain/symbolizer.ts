/**
 * Names for the kernel's addresses, from its ELF file, whose symbols carry their TypeScript names
 * (names.ts).
 *
 *     symbolize(elfPath, 0xffffffffc0101234n)      "net/tcp/connection/Connection#input+0x24", or null
 *     symbolizeText(elfPath, line)                 the same for every kernel address in a text
 */
import { readFileSync } from "node:fs";
import { SymbolTable } from "./symbol-table.ts";

const KERNEL_IMAGE = 0xffffffffc0000000n;

const tables = new Map<string, SymbolTable>();

function tableOf(elfPath: string): SymbolTable {
  let table = tables.get(elfPath);
  if (table === undefined) {
    table = new SymbolTable(readFileSync(elfPath));
    tables.set(elfPath, table);
  }
  return table;
}

/** The function that contains `address`, with the offset in it; null when none does. */
export function symbolize(elfPath: string, address: bigint): string | null {
  const found = address < KERNEL_IMAGE ? null : tableOf(elfPath).find(address);
  // Some symbols lie below the image: numbers that assembly shares with the linker script.
  if (found === null || address - found.offset < KERNEL_IMAGE) return null;
  return found.offset === 0n ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
}

/** Appends the name to every address of the kernel's code in a text. */
export function symbolizeText(elfPath: string, text: string): string {
  return text.replace(/0x(ffffffffc[0-9a-f]{7})/g, (address) => {
    const name = symbolize(elfPath, BigInt(address));
    return name === null ? address : `${address} ${name}`;
  });
}
