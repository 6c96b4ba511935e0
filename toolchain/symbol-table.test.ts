/* Symbol tables: which function an address is in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readBuildId, SymbolTable } from "./symbol-table.ts";

const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const SHT_DYNSYM = 11;
const FUNC = 2;
const OBJECT = 1;

interface Wanted {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly type?: number;
  readonly isGlobal?: boolean;
  readonly isUndefined?: boolean;
}

function makeTable(symbols: readonly Wanted[]): { symbols: Buffer; names: Buffer } {
  let names = "\0";
  const rows = symbols.map((each) => {
    const row = Buffer.alloc(24);
    row.writeUInt32LE(names.length, 0);
    row.writeUInt8(((each.isGlobal ? 1 : 0) << 4) | (each.type ?? FUNC), 4);
    row.writeUInt16LE(each.isUndefined ? 0 : 1, 6);
    row.writeBigUInt64LE(BigInt(each.address), 8);
    row.writeBigUInt64LE(BigInt(each.size), 16);
    names += `${each.name}\0`;
    return row;
  });
  return { symbols: Buffer.concat(rows), names: Buffer.from(names) };
}

/** An ELF file that has nothing but sections. */
function makeFile(sections: readonly { type: number; bytes: Buffer; link?: number }[]): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  const contents = Buffer.concat(sections.map((each) => each.bytes));
  header.writeBigUInt64LE(BigInt(64 + contents.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(sections.length, 60);
  let offset = 64;
  const headers = sections.map(({ type, bytes, link }) => {
    const row = Buffer.alloc(64);
    row.writeUInt32LE(type, 4);
    row.writeBigUInt64LE(BigInt(offset), 24);
    row.writeBigUInt64LE(BigInt(bytes.length), 32);
    row.writeUInt32LE(link ?? 0, 40);
    offset += bytes.length;
    return row;
  });
  return Buffer.concat([header, contents, ...headers]);
}

function fileWith(type: number, wanted: readonly Wanted[]): Buffer {
  const { symbols, names } = makeTable(wanted);
  return makeFile([
    { type, bytes: symbols, link: 1 },
    { type: SHT_STRTAB, bytes: names },
  ]);
}

const PARSE = { name: "parse", address: 0x1000, size: 0x40 };
const LOAD = { name: "load", address: 0x1040, size: 0x10 };

test("an address belongs to the function that covers it", () => {
  const table = new SymbolTable(fileWith(SHT_SYMTAB, [LOAD, PARSE]));
  assert.deepEqual(table.find(0x1000n), { name: "parse", offset: 0n });
  assert.deepEqual(table.find(0x103fn), { name: "parse", offset: 0x3fn });
  assert.deepEqual(table.find(0x1040n), { name: "load", offset: 0n });
  assert.equal(table.find(0x1050n), null);
  assert.equal(table.find(0xfffn), null);
  assert(table.isFull);
});

test("data and what other files define are no functions", () => {
  const table = new SymbolTable(
    fileWith(SHT_SYMTAB, [
      { name: "table", address: 0x1000, size: 64, type: OBJECT },
      { name: "printf", address: 0x1000, size: 64, isUndefined: true },
    ]),
  );
  assert.equal(table.find(0x1008n), null);
});

test("of several names the one that others may use is taken", () => {
  const local = { ...PARSE, name: "__GI_parse" };
  const table = new SymbolTable(fileWith(SHT_SYMTAB, [{ ...PARSE, isGlobal: true }, local]));
  assert.equal(table.find(0x1004n)?.name, "parse");
});

test("a function of assembly reaches to the next, but not among a library's exports", () => {
  const label = { name: "copy", address: 0x1100, size: 0, type: 0 };
  assert.deepEqual(new SymbolTable(fileWith(SHT_SYMTAB, [PARSE, label])).find(0x1108n), {
    name: "copy",
    offset: 8n,
  });
  assert.equal(new SymbolTable(fileWith(SHT_DYNSYM, [PARSE, label])).find(0x1108n), null);
  // A label inside of a function is not its name.
  const inside = { ...label, address: 0x1010 };
  assert.equal(new SymbolTable(fileWith(SHT_SYMTAB, [PARSE, inside])).find(0x1018n)?.name, "parse");
});

test("a stripped library has its exports", () => {
  const table = new SymbolTable(fileWith(SHT_DYNSYM, [PARSE]));
  assert.equal(table.find(0x1004n)?.name, "parse");
  assert(!table.isFull);
});

test("the build id", () => {
  const note = Buffer.from("040000000400000003000000474e5500deadbeef", "hex");
  assert.equal(readBuildId(makeFile([{ type: SHT_NOTE, bytes: note }])), "deadbeef");
  assert.equal(readBuildId(fileWith(SHT_SYMTAB, [PARSE])), null);
});

test("damaged files have no symbols, and are no crash", () => {
  assert.equal(new SymbolTable(Buffer.alloc(0)).find(1n), null);
  const whole = fileWith(SHT_SYMTAB, [PARSE, LOAD]);
  for (let at = 4; at < whole.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const damaged = Buffer.from(whole);
      damaged[at] = value;
      new SymbolTable(damaged).find(0x1004n);
      readBuildId(damaged);
    }
    new SymbolTable(whole.subarray(0, at)).find(0x1004n);
  }
});
