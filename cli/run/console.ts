/*
 * Names for the addresses in the guest's backtraces, as the console passes by
 * (docs/boot-protocol.md). A line `  #N 0xffff…` is the kernel's and gets the function behind the
 * address; in one of the program, `  #N 0x… in /FILE+0x…`, the function takes the place of the
 * address in the file. Every other byte goes through unchanged and at once, prompts without a
 * newline included.
 */

export interface Names {
  /** What an address of the kernel is called; null if it is none. */
  kernel(address: bigint): string | null;
  /** The same for an address in a file of the guest's; a return address counts as the call's. */
  program(path: string, address: bigint, isReturn: boolean): string | null;
}

const KERNEL_LINE = /^(\s*#\d+\s+)0x(ffffffff[0-9a-f]{8})(\s*)$/i;
const PROGRAM_LINE =
  /^(\s*#(\d+) 0x[0-9a-f]{16} in )(\/.*)\+0x([0-9a-f]+)( \(interrupted\)| \?)?(\s*)$/;
/** A line's beginning that may still become a backtrace line. */
const BACKTRACE_START = /^\s*(#(\d+(\s+(0(x[0-9a-f]*(\r| (i(n( (\/[^\n]*)?)?)?)?)?)?)?)?)?)?$/i;
/** A path, and what stands around it. */
const LINE_MAX = 4096 + 80;
const NEWLINE = 0x0a;

export class ConsoleFilter {
  readonly #names: Names;
  readonly #write: (bytes: Buffer) => void;
  /** The start of a line that is held back, because it looks like one of a backtrace. */
  #held: Buffer = Buffer.alloc(0);
  #isInsideLine = false;

  constructor(names: Names, write: (bytes: Buffer) => void) {
    this.#names = names;
    this.#write = write;
  }

  push(chunk: Buffer): void {
    const output: Buffer[] = [];
    let bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = Buffer.alloc(0);
    while (bytes.length > 0) {
      const end = bytes.indexOf(NEWLINE);
      const line = end < 0 ? bytes : bytes.subarray(0, end + 1);
      if (end >= 0) {
        output.push(this.#isInsideLine ? line : this.#named(line));
        this.#isInsideLine = false;
      } else if (!this.#isInsideLine && mayBecomeBacktrace(line)) {
        this.#held = Buffer.from(line);
      } else {
        output.push(line);
        this.#isInsideLine = true;
      }
      bytes = bytes.subarray(line.length);
    }
    if (output.length > 0) this.#write(Buffer.concat(output));
  }

  /** Passes on what is still held back. */
  end(): void {
    if (this.#held.length > 0) this.#write(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #named(line: Buffer): Buffer {
    if (line.length > LINE_MAX || !line.includes("#")) return line;
    const text = line.toString("utf8");
    const named = this.#namedKernel(text) ?? this.#namedProgram(text);
    return named === null ? line : Buffer.from(named, "utf8");
  }

  #namedKernel(line: string): string | null {
    const [, start, address, end] = KERNEL_LINE.exec(line) ?? [];
    const name = address === undefined ? null : this.#names.kernel(BigInt(`0x${address}`));
    return name === null ? null : `${start}0x${address} ${name}${end}`;
  }

  #namedProgram(line: string): string | null {
    const [, start, depth, path, address, remark = "", end] = PROGRAM_LINE.exec(line) ?? [];
    if (path === undefined) return null;
    const isReturn = depth !== "0" && !remark.includes("interrupted");
    const name = this.#names.program(path, BigInt(`0x${address}`), isReturn);
    return name === null ? null : `${start}${name} (${path})${remark}${end}`;
  }
}

function mayBecomeBacktrace(line: Buffer): boolean {
  return line.length < LINE_MAX && BACKTRACE_START.test(line.toString("latin1"));
}
