/**
 * /proc/interrupts (proc(5)): which device has raised how many interrupts, by vector. Interrupts of
 * one vector that come while the kernel is at work are handled, and counted, as one. All routes are
 * edges (arch/x86_64/apic.ts).
 */
import { VECTOR_SPURIOUS, VECTOR_TIMER } from "../arch/x86_64/apic";
import { interruptCount, interruptName, interruptNext } from "../arch/x86_64/interrupts";
import { TextBuffer } from "../lib/text-buffer";

const COUNT_WIDTH = 10;

function putLocal(out: TextBuffer, name: string, vector: u32, what: string): void {
  out.put(name).decimal(interruptCount(vector), COUNT_WIDTH).put("   ").put(what).put("\n");
}

/** One column, for the one CPU. */
export function putInterrupts(out: TextBuffer): void {
  out.put("           CPU0       \n");
  for (let vector = interruptNext(0); vector != 0; vector = interruptNext(vector + 1)) {
    out.decimal(vector, 3).put(": ").decimal(interruptCount(vector), COUNT_WIDTH);
    out.put("   APIC-edge      ").put(interruptName(vector)).put("\n");
  }
  putLocal(out, "LOC: ", VECTOR_TIMER, "Local timer interrupts");
  putLocal(out, "SPU: ", VECTOR_SPURIOUS, "Spurious interrupts");
}

/** How many there were in all: the first number of `intr` in /proc/stat. */
export function interruptTotal(): u64 {
  let total = interruptCount(VECTOR_TIMER) + interruptCount(VECTOR_SPURIOUS);
  for (let vector = interruptNext(0); vector != 0; vector = interruptNext(vector + 1)) {
    total += interruptCount(vector);
  }
  return total;
}
