/**
 * System calls that entry.S does not dispatch by itself: from a site that is not patched yet, and
 * of an unknown number.
 *
 * An unknown call is logged once, with its number and caller, and returns -ENOSYS.
 */
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { ENOSYS } from "../lib/errno";
import { LOG_WARN, logBegin, logEnd, put, putByte, putDecimal, putHex } from "../lib/log";
import { putSyscallName } from "./syscall-names";
import { patchSite } from "./syscall-patch";
import { currentFrame } from "./thread-calls";

const SYSCALL_MAX: u64 = 512;
/** One bit per call: its absence has been logged. */
const reported: usize = memory.data(512 / 8, 8);

/**
 * From entry.S: a `syscall` instruction. Its site is patched, so that it comes by a jump the next
 * time.
 */
export function syscallInstruction(at: usize): void {
  patchSite(changetype<TrapFrame>(at));
}

/**
 * The handler of a number without a call of its own. entry.S brings numbers beyond the table here
 * too.
 */
export function sys_unknown(): i64 {
  const frame = currentFrame();
  reportOnce(frame.error, frame.rip);
  return -ENOSYS;
}

function reportOnce(number: u64, caller: u64): void {
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
        putHex(caller);
        logEnd();
      }
    }
  }
}
