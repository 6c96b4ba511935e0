/*
 * A kernel for tests: an ELF file with a PVH note whose code, 32-bit and without a single loop,
 * writes bytes to ports and then resets the machine, which ends it, or halts. So the tools are
 * tested from end to end without a compiler.
 */

const BASE = 0x100000;
const HEADERS = 64 + 2 * 56;
const NOTE_SIZE = 12 + 4 + 8;
const ENTRY = BASE + HEADERS + NOTE_SIZE;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

const SERIAL_PORT = 0x3f8;
const EVENTS_PORT = 0xe9;

export interface FakeKernel {
  readonly console?: string;
  readonly events?: readonly object[];
  readonly ending: "reset" | "halt";
}

export function makeFakeKernel(options: FakeKernel): Buffer {
  const events = (options.events ?? []).map((event) => `${JSON.stringify(event)}\n`).join("");
  const code = Buffer.concat([
    output(SERIAL_PORT, options.console ?? ""),
    output(EVENTS_PORT, events),
    ending(options.ending),
  ]);
  return Buffer.concat([headers(code.length), note(), code]);
}

/** mov $port,%dx; then for each byte mov $byte,%al; out %al,%dx. */
function output(port: number, text: string): Buffer {
  const bytes = [...Buffer.from(text)].flatMap((byte) => [0xb0, byte, 0xee]);
  return Buffer.from([0x66, 0xba, port & 0xff, port >> 8, ...bytes]);
}

function ending(how: FakeKernel["ending"]): Buffer {
  const halt = Buffer.from([0xfa, 0xf4, 0xeb, 0xfd]); // cli; hlt; jmp hlt
  switch (how) {
    case "reset": // lidt of zeros, then int3: a triple fault
      return Buffer.from([0x6a, 0, 0x6a, 0, 0x0f, 0x01, 0x1c, 0x24, 0xcc]);
    case "halt":
      return halt;
  }
}

function headers(codeSize: number): Buffer {
  const bytes = Buffer.alloc(HEADERS);
  bytes.write("\x7fELF\x02\x01\x01", 0, "latin1");
  bytes.writeUInt16LE(2, 16); // ET_EXEC
  bytes.writeUInt16LE(62, 18); // EM_X86_64
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(ENTRY), 24);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, size: number): void => {
    bytes.writeUInt32LE(type, at);
    bytes.writeUInt32LE(7, at + 4);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(BASE + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(BASE + offset), at + 24);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
    bytes.writeBigUInt64LE(BigInt(size), at + 40);
    bytes.writeBigUInt64LE(4n, at + 48);
  };
  segment(64, 1, 0, HEADERS + NOTE_SIZE + codeSize);
  segment(64 + 56, 4, HEADERS, NOTE_SIZE);
  return bytes;
}

function note(): Buffer {
  const bytes = Buffer.alloc(NOTE_SIZE);
  bytes.writeUInt32LE(4, 0);
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt32LE(XEN_ELFNOTE_PHYS32_ENTRY, 8);
  bytes.write("Xen\0", 12, "latin1");
  bytes.writeBigUInt64LE(BigInt(ENTRY), 16);
  return bytes;
}
