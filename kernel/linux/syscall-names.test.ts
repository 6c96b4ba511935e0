import { expect, test } from "../lib/testing";
import { syscallNameOf } from "./testing";

// Numbers of asm/unistd_64.h.
test("a system call's name", () => {
  expect(syscallNameOf(0) == "read", "the first");
  expect(syscallNameOf(13) == "rt_sigaction", "the last of the list's first row");
  expect(syscallNameOf(14) == "rt_sigprocmask", "the first of its second");
  expect(syscallNameOf(39) == "getpid", "one amid");
  expect(syscallNameOf(248) == "add_key", "another");
  expect(syscallNameOf(334) == "rseq", "before the gap");
  expect(syscallNameOf(424) == "pidfd_send_signal", "behind it");
  expect(syscallNameOf(450) == "set_mempolicy_home_node", "the last");
});

test("a number that no call has is given no name", () => {
  for (let number: u64 = 335; number < 424; number++)
    expect(syscallNameOf(number) == "", `${number}`);
  expect(syscallNameOf(451) == "", "behind the last");
  expect(syscallNameOf(u64.MAX_VALUE) == "", "the largest number");
});
