/*
 * Names for the addresses in the guest's backtraces, as the console passes by. A backtrace line is `  #N 0xffff…`
 * (docs/boot-protocol.md) and gets the function and source line behind the address; every other
 * byte goes through unchanged and at once, prompts without a newline included.
 */

/** What an address is called; null if it is none of the kernel's. */
export type Symbolize = (address: bigint) => string | null;

const BACKTRACE_LINE = /^(\s*#\d+\s+)0x(ffffffff[0-9a-f]{8})(\s*)$/i;
/** A line's beginning that may still become a backtrace line. */
const BACKTRACE_START = /^\s*(#(\d+(\s+(0(x[0-9a-f]*\r?)?)?)?)?)?$/i;
const LINE_MAX = 80;
const NEWLINE = 0x0a;

export class ConsoleFilter {
  readonly #symbolize: Symbolize;
  readonly #write: (bytes: Buffer) => void;
  /** The start of a line that is held back, because it looks like one of a backtrace. */
  #held: Buffer = Buffer.alloc(0);
  #isInsideLine = false;

  constructor(symbolize: Symbolize, write: (bytes: Buffer) => void) {
    this.#symbolize = symbolize;
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
    const match = BACKTRACE_LINE.exec(line.toString("latin1"));
    const name = match === null ? null : this.#symbolize(BigInt(`0x${match[2]}`));
    if (match === null || name === null) return line;
    return Buffer.from(`${match[1]}0x${match[2]} ${name}${match[3]}`, "utf8");
  }
}

function mayBecomeBacktrace(line: Buffer): boolean {
  return line.length < LINE_MAX && BACKTRACE_START.test(line.toString("latin1"));
}
