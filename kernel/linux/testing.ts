/** Helpers of the tests of linux/. */
import { putSyscallName } from "./syscall-names";

let name = "";

/** As the log has it; empty where there is none. */
export function syscallNameOf(number: u64): string {
  name = "";
  putSyscallName(number, (character: u32) => {
    name += String.fromCharCode(character);
  });
  return name;
}
