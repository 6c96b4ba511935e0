/**
 * The kernel's start, top to bottom.
 */
import { out8 } from "./arch/hw";
import { LOG_WARN, log } from "./lib/log";
import { abortEntry } from "./lib/panic";

export { abortEntry };

export function growLinearMemory(bytes: usize): u32 {
  return 0;
}
export function trapEntry(frame: usize): void {}
export function syscallEntry(frame: usize): void {}
export function syscallWork(frame: usize): void {}
export function threadEntry(): void {}

/** Called once, on the boot stack, with interrupts off. */
export function kernelMain(startInfo: u64): void {
  log(LOG_WARN, "main", "hello");
  out8(0x501, 0);
}
