// Where the kernel's instructions went: the blocks that counter.c counts, by the functions that
// they lie in.
//
//   const blocks = new Blocks(file, kernel)
//   blocks.now(), blocks.atMark(3)            instructions by function, so far or at a mark
//   spent(after, before)                      what came in between
//   largest(base, now, 12)                    the functions that differ most, or cost most
//
// A function that was inlined counts as the one that it became a part of.

import { closeSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { SymbolTable } from "../../toolchain/symbol-table.ts";

/** Instructions by function. */
export type ByFunction = ReadonlyMap<string, number>;

/** The layout of struct Block, and how many there may be. */
const BLOCK_SIZE = 16;
const BLOCKS_MAX = 65536;

/** Code of the kernel without a name: the stubs that it makes while it runs. */
const NAMELESS = "(made at run time)";

export class Blocks {
  readonly file: string;
  readonly #symbols: SymbolTable;
  readonly #names = new Map<bigint, string>();

  constructor(file: string, kernel: string) {
    this.file = file;
    this.#symbols = new SymbolTable(readFileSync(kernel));
    rmSync(file, { force: true });
  }

  now(): ByFunction {
    return this.#read(0);
  }

  atMark(mark: number): ByFunction {
    return this.#read(mark + 1);
  }

  #read(part: number): ByFunction {
    const bytes = Buffer.alloc(BLOCKS_MAX * BLOCK_SIZE);
    const file = openSync(this.file, "r");
    const read = readSync(file, bytes, 0, bytes.length, part * bytes.length);
    closeSync(file);
    const functions = new Map<string, number>();
    for (let at = 0; at + BLOCK_SIZE <= read; at += BLOCK_SIZE) {
      const address = bytes.readBigUInt64LE(at);
      if (address === 0n) break;
      const name = this.#nameOf(address);
      const count = Number(bytes.readBigUInt64LE(at + 8));
      functions.set(name, (functions.get(name) ?? 0) + count);
    }
    return functions;
  }

  #nameOf(address: bigint): string {
    let name = this.#names.get(address);
    if (name === undefined) {
      name = this.#symbols.find(address)?.name ?? NAMELESS;
      this.#names.set(address, name);
    }
    return name;
  }
}

export function spent(after: ByFunction, before: ByFunction): ByFunction {
  return new Map([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]));
}

export interface FunctionRow {
  readonly name: string;
  readonly base: number;
  readonly now: number;
}

/** Those with the largest difference; of equals the most costly. */
export function largest(base: ByFunction, now: ByFunction, count: number): FunctionRow[] {
  const names = new Set([...base.keys(), ...now.keys()]);
  const rows = [...names].map((name) => ({
    name,
    base: base.get(name) ?? 0,
    now: now.get(name) ?? 0,
  }));
  const difference = (row: FunctionRow) => Math.abs(row.now - row.base);
  rows.sort((a, b) => difference(b) - difference(a) || b.now - a.now);
  return rows.filter((row) => row.now > 0 || row.base > 0).slice(0, count);
}
