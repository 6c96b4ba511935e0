import { expect, test } from "../lib/testing";
import { putSyscallName } from "./syscall-names";

let name = "";

function nameOf(number: u64): string {
  name = "";
  putSyscallName(number, (character: u32) => {
    name += String.fromCharCode(character);
  });
  return name;
}

// Numbers of asm/unistd_64.h.
test("a system call's name", () => {
  expect(nameOf(0) == "read", "the first");
  expect(nameOf(13) == "rt_sigaction", "the last of the list's first row");
  expect(nameOf(14) == "rt_sigprocmask", "the first of its second");
  expect(nameOf(39) == "getpid", "one amid");
  expect(nameOf(248) == "add_key", "another");
  expect(nameOf(334) == "rseq", "before the gap");
  expect(nameOf(424) == "pidfd_send_signal", "behind it");
  expect(nameOf(450) == "set_mempolicy_home_node", "the last");
});

test("a number that no call has is given no name", () => {
  for (let number: u64 = 335; number < 424; number++) expect(nameOf(number) == "", `${number}`);
  expect(nameOf(451) == "", "behind the last");
  expect(nameOf(u64.MAX_VALUE) == "", "the largest number");
});
