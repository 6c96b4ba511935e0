/**
 * Entry and dispatch of system calls.
 *
 * An unknown call is logged once, with its number and caller, and returns -ENOSYS.
 */
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { ENOSYS } from "../lib/errno";
import { LOG_WARN, logBegin, logEnd, put, putByte, putDecimal, putHex } from "../lib/log";
import { putSyscallName } from "./syscall-names";
import { patchSite } from "./syscall-patch";
import { syscallHandler } from "./syscall-table";

const SYSCALL_MAX: u64 = 512;
/** One bit per call: its absence has been logged. */
const reported: usize = memory.data(512 / 8, 8);

/** From entry.S: a `syscall` instruction. Its site is patched, so that it comes by a jump the next time. */
export function syscallInstruction(at: usize): void {
  patchSite(changetype<TrapFrame>(at));
  syscallEntry(at);
}

/** From entry.S. The frame is what the application's registers were; the result goes to its rax. */
export function syscallEntry(at: usize): void {
  const frame = changetype<TrapFrame>(at);
  const number = frame.rax;
  const handler = syscallHandler(number);
  if (handler == 0) {
    frame.rax = unknown(frame, number);
    return;
  }
  frame.rax = call_indirect<u64>(
    handler,
    frame.rdi,
    frame.rsi,
    frame.rdx,
    frame.r10,
    frame.r8,
    frame.r9,
  );
}

function unknown(frame: TrapFrame, number: u64): u64 {
  if (number < SYSCALL_MAX) {
    const byte = reported + <usize>(number >> 3);
    const bit: u8 = 1 << (<u8>(number & 7));
    if ((load<u8>(byte) & bit) == 0) {
      store<u8>(byte, load<u8>(byte) | bit);
      if (logBegin(LOG_WARN, "syscall")) {
        put("unknown system call ");
        putDecimal(number);
        put(" ");
        putSyscallName(number, putByte);
        put(", called at ");
        putHex(frame.rip);
        logEnd();
      }
    }
  }
  return <u64>-ENOSYS;
}
