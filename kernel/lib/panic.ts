/**
 * The end: our own state is wrong. Prints what is known and a backtrace, tells the runner, and
 * powers off.
 *
 * `panic` never returns. What it does at the end is set by main.ts, so that this module depends on
 * nothing.
 */
import * as hw from "../arch/hw";
import { LOG_ERROR, log, put, putDecimal, putHex, setLogLevel } from "./log";

const BACKTRACE_LIMIT = 32;
const UPPER_HALF: u64 = 0xffff800000000000;

let panicking = false;
let finish: (reason: string) => void = (reason: string) => {};

/** Sets what happens once the report is written: the event, and power off. */
export function setPanicFinish(handler: (reason: string) => void): void {
  finish = handler;
}

/**
 * Prints the return addresses of a chain of frame records, innermost first; names come from the
 * symbolizer.
 */
export function printBacktrace(framePointer: u64): void {
  let frame = framePointer;
  for (let depth = 0; depth < BACKTRACE_LIMIT; depth++) {
    if (frame < UPPER_HALF || (frame & 7) != 0) return;
    const address = hw.load64(frame + 8);
    if (address < UPPER_HALF) return;
    put("  #");
    putDecimal(depth);
    put(" ");
    putHex(address, 16);
    put("\n");
    const next = hw.load64(frame);
    if (next <= frame) return;
    frame = next;
  }
}

export function panic(module: string, reason: string): void {
  panicAt(module, reason, hw.framePointer());
}

/** As `panic`, for a cause that lies in another frame: a trap's. */
export function panicAt(module: string, reason: string, framePointer: u64): void {
  hw.disableInterrupts();
  setLogLevel(LOG_ERROR);
  if (!panicking) {
    panicking = true;
    put("\nvirga: kernel panic\n");
    log(LOG_ERROR, module, reason);
    printBacktrace(framePointer);
    finish(reason);
  }
  for (;;) hw.halt();
}

/**
 * A failed `assert`, or an AssemblyScript check: the compiler calls this through the `abort`
 * import.
 */
export function abortEntry(message: usize, file: usize, line: u32): void {
  put("\nvirga: assertion failed: ");
  if (message) put(changetype<string>(message));
  if (file) {
    put(" at ");
    put(changetype<string>(file));
    put(":");
    putDecimal(line);
  }
  panicAt("assert", "assertion failed", hw.framePointer());
}
